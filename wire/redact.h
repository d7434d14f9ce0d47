/*
 * Credentials are not evidence (DESIGN 2.5, 5.5). This file finds them; the store's write door replaces them.
 *
 * A redactor belongs to one session. It knows the well-known shapes of keys and the values of credentials that this
 * session has shown so far (from headers, queries, URL userinfo, known JSON members, the command's environment), and
 * finds both in any bytes: in clear, percent-encoded, with JSON escapes ("\/"), and in base64 at all three alignments.
 *
 * Found spans are replaced by a placeholder of the same length. Values of 12 bytes and more become "RN-REDACTED-xxxx";
 * shorter ones (by name only) become x's. Placeholders are found again as spans, so that a stored request matches itself;
 * for the same reason a span takes in the x's directly behind it. In Base64 a span takes in the characters at its borders
 * that hold bits of the value, and the padding.
 *
 * Threads: a redactor may be used by one thread at a time.
 */
#ifndef RN_WIRE_REDACT_H
#define RN_WIRE_REDACT_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/status.h"

enum rn_secret_kind {
    RN_SECRET_HEADER = 1, /* the value of a field named as a credential */
    RN_SECRET_QUERY = 2,  /* a query parameter named as a credential */
    RN_SECRET_USERINFO = 3,
    RN_SECRET_MEMBER = 4, /* a JSON member named as a credential */
    RN_SECRET_SHAPE = 5,  /* a well-known key shape */
    RN_SECRET_SEEN = 6,   /* a value this session showed as a credential */
    RN_SECRET_PLACEHOLDER = 7
};

struct rn_span {
    size_t offset;
    size_t len;
    enum rn_secret_kind kind;
};

/* Grows by rn_alloc; rn_spans_free. Spans are sorted by offset and do not overlap. */
struct rn_spans {
    struct rn_span *at;
    size_t count;
    size_t cap;
};
void rn_spans_free(struct rn_spans *spans);

struct rn_redactor;

struct rn_redactor *rn_redactor_new(void);
void rn_redactor_free(struct rn_redactor *redactor);

/*
 * Remembers the value of a credential (12 to 4,096 bytes; others are ignored). When RN_CREDENTIALS_MAX are known, the
 * quarter that was not shown for longest is forgotten. A scheme word ("Bearer x", "Basic x") is taken off, and a Basic value is also remembered decoded,
 * user and password apart.
 */
enum rn_status rn_redactor_learn(struct rn_redactor *redactor, struct rn_bytes value);

/*
 * A request or response head (start line and fields, as raw bytes): query parameters, userinfo, credential fields
 * (values without the scheme word; of cookies each value alone), shapes and seen values. The head need not be valid.
 * Also learns what it finds by name; where only a pattern gave the name away, what looks like a word is not learned.
 * `spans` is emptied first, here and below.
 * Header names: authorization, proxy-authorization, x-api-key, api-key, cookie, ... and the patterns *key*, *token*,
 * *secret*, *auth*, *password*, *credential*; never names with `ratelimit`, `tokens`, `token-count`, nor idempotency-key,
 * sec-websocket-key, sec-websocket-accept, x-stainless-*, access-control-*, www-authenticate. In responses only
 * set-cookie and a short list by name.
 */
enum rn_status rn_redact_head(struct rn_redactor *redactor, struct rn_bytes head, bool is_request,
                              struct rn_spans *spans);
/* A request target alone: userinfo and query parameters by name, shapes, seen values. */
enum rn_status rn_redact_target(struct rn_redactor *redactor, struct rn_bytes target,
                                struct rn_spans *spans);
/*
 * A body, argv line or output: shapes, seen values, placeholders; with `is_json` also known members (api_key, apiKey,
 * password, client_secret, access_token, refresh_token, ... with string values of at most 8 KiB), JSON inside strings of
 * JSON included; without it the same names before '=' (client_secret=...& in a form, --api-key=... in argv). What a name
 * shows here is learned, and is then looked for in these same bytes too.
 *
 * For bodies that come in parts: with `final` false, *settled is how many leading bytes can be stored now because no
 * span can still begin in them and end behind the input; the caller keeps the rest and feeds it again with what follows.
 * Spans are given for the settled bytes only. What is kept back is at most 32 KiB, mostly the last word.
 * With `final` true *settled is bytes.len. `settled` may be NULL when final.
 */
enum rn_status rn_redact_body(struct rn_redactor *redactor, struct rn_bytes bytes, bool is_json,
                              bool final, struct rn_spans *spans, size_t *settled);

/*
 * What `is_json` is, for the store's door and for the replayer alike: a media type that speaks of JSON, or a body that begins like
 * an object or an array.
 */
bool rn_redact_says_json(struct rn_bytes content_type);
bool rn_redact_looks_json(struct rn_bytes body);

/* Whether a word of a command line is an option whose value, the next word, is a credential: --api-key, --Access_Token. */
bool rn_redact_is_option(struct rn_bytes word);
/* Such a value: learned, and one span as a whole. Appends to `spans`. */
enum rn_status rn_redact_option_value(struct rn_redactor *redactor, struct rn_bytes value,
                                      struct rn_spans *spans);

/* Writes the placeholders over the spans of `bytes` in place. Lengths do not change. */
void rn_redact_apply(uint8_t *bytes, const struct rn_spans *spans);
/* Whether a field of that name is a credential in a request (or in a response). */
bool rn_redact_is_credential_field(struct rn_bytes name, bool is_request);

#endif
