/*
 * HTTP/1.1 framing (RFC 9112), strict: what is malformed is refused and never repaired.
 *
 * Pure functions over the caller's bytes. Nothing is copied, decoded or lower-cased; every rn_bytes handed out points
 * into the input and lives as long as that input stays where it is. No sockets, no clock, no allocation.
 *
 * Grammar beyond RFC 9112 (http.md 6): CRLF only; no folded lines; no blank before ':'; token characters in methods and
 * field names; no NUL, CR, LF or other control except TAB in values (bytes 0x80-0xff pass); one Content-Length at most,
 * digits only, no overflow; Content-Length beside Transfer-Encoding refused; Transfer-Encoding other than exactly
 * `chunked` is RN_HTTP_UNSUPPORTED; HTTP/1.1 requests need exactly one Host; origin-form, asterisk-form and
 * absolute-form targets of visible ASCII (and 0x80-0xff) only; version exactly HTTP/1.0 or HTTP/1.1.
 */
#ifndef RN_WIRE_HTTP_H
#define RN_WIRE_HTTP_H

#include "base/bytes.h"
#include "base/buffer.h"
#include "base/limits.h"

enum rn_http_step {
    RN_HTTP_DONE,      /* parsed; the result is filled */
    RN_HTTP_MORE,      /* the input ends too early */
    RN_HTTP_BAD,       /* malformed: answer 400 and close */
    RN_HTTP_TOO_LARGE, /* over 64 KiB or 256 fields: answer 431 and close */
    RN_HTTP_UNSUPPORTED, /* well-formed, a transfer coding or a version we do not speak: answer 501 or 505 and close */
};

enum rn_http_framing {
    RN_FRAMING_NONE = 0,    /* no body: no framing fields, or HEAD, 1xx, 204, 304 */
    RN_FRAMING_LENGTH = 1,  /* Content-Length */
    RN_FRAMING_CHUNKED = 2, /* Transfer-Encoding: chunked */
    RN_FRAMING_CLOSE = 3,   /* responses only: the body ends with the connection */
};

struct rn_http_field {
    struct rn_bytes line;  /* the whole line with its CRLF */
    struct rn_bytes name;  /* as written */
    struct rn_bytes value; /* without surrounding blanks */
};

/* About 20 KB: one per loop or on the heap, not one per connection. */
struct rn_http_head {
    struct rn_bytes raw;        /* from the first byte to the empty line, inclusive */
    struct rn_bytes start_line; /* without CRLF */
    struct rn_bytes method;     /* requests */
    struct rn_bytes target;     /* requests: raw, never decoded */
    unsigned status;            /* responses: 100..999 */
    struct rn_bytes reason;     /* responses: may be empty */
    unsigned version_minor;     /* 0 or 1 */
    enum rn_http_framing framing;
    uint64_t content_length; /* with RN_FRAMING_LENGTH; for HEAD and 304 the announced one */
    bool has_content_length;
    bool expect_continue; /* requests: Expect: 100-continue */
    bool keep_alive;      /* what version and Connection say together */
    bool upgrade;         /* requests: an Upgrade field is there */
    unsigned field_count;
    struct rn_http_field fields[RN_HEAD_FIELDS_MAX];
};

/*
 * Where and why a head was refused; untouched by RN_HTTP_DONE and RN_HTTP_MORE. `reason` is static text, one clause:
 * "a blank before ':'". The offset counts from the first byte of `in`. Where a fault is taken, NULL will do.
 */
struct rn_http_fault {
    size_t offset;
    unsigned status; /* the answer it earns: 400, 431, 501 or 505 */
    const char *reason;
};

/*
 * Reads a request head at the start of `in`. On RN_HTTP_DONE head->raw.len bytes were used. Up to four leading empty
 * lines (CRLF) are skipped as RFC 9112 2.2 allows; they are counted in `skipped`, not in head->raw.
 */
enum rn_http_step rn_http_request_parse(struct rn_bytes in, struct rn_http_head *head,
                                        size_t *skipped, struct rn_http_fault *fault);

/*
 * Reads a response head. `request_method` decides about HEAD. Lines as libcurl hands them over (trailing blanks, odd or
 * missing reason phrases, obs-text) pass; framing is read as strictly as for requests.
 */
enum rn_http_step rn_http_response_parse(struct rn_bytes in, struct rn_bytes request_method,
                                         struct rn_http_head *head, struct rn_http_fault *fault);

/*
 * What can be read of a response head that rn_http_response_parse refuses: we pass on odd names, equal Content-Lengths, more
 * fields and more bytes than we read strictly. Fills status, start_line and the fields that have a legal name, the first
 * RN_HEAD_FIELDS_MAX of them; leaves the framing open. False without a status line; then nothing is filled.
 */
bool rn_http_response_skim(struct rn_bytes in, struct rn_http_head *head);

/* The first field of that name (any case), or NULL. */
const struct rn_http_field *rn_http_find(const struct rn_http_head *head, struct rn_bytes name);
/* How many fields have that name. */
unsigned rn_http_count(const struct rn_http_head *head, struct rn_bytes name);

/*
 * One line of a head, without needing the rest: splits "Name: value\r\n". False when it has no legal name. For heads
 * that libcurl delivers line by line.
 */
bool rn_http_field_split(struct rn_bytes line, struct rn_http_field *field);

/* Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, TE, Upgrade, Trailer are for one hop only (RFC 9110 7.6.1). */
bool rn_http_is_hop_by_hop(struct rn_bytes name);
/* Whether `value` of a Connection field lists `token` (any case). */
bool rn_http_list_has(struct rn_bytes value, struct rn_bytes token);

/* --- chunked bodies ------------------------------------------------------------------------------------------------ */

enum rn_chunk_step {
    RN_CHUNK_DATA,   /* `data` holds bytes of the current chunk */
    RN_CHUNK_BORDER, /* a chunk just ended; its length is decoder->chunk_bytes */
    RN_CHUNK_END,    /* last chunk and trailers read */
    RN_CHUNK_MORE,   /* the input is used up */
    RN_CHUNK_BAD,    /* malformed; fault says where */
    RN_CHUNK_TOO_LARGE, /* extensions of one chunk over 4 KiB, trailers over 16 KiB, or no memory for them */
};

/* A zeroed struct starts a body. Owns nothing but its trailer buffer: rn_chunk_decoder_free. */
struct rn_chunk_decoder {
    unsigned state;
    uint64_t left;        /* bytes still to come of the current chunk */
    uint64_t chunk_bytes; /* length of the current or just ended chunk */
    unsigned digits;
    size_t extension_bytes;
    struct rn_buffer trailers; /* raw trailer lines with CRLFs, without the final empty line */
    const char *fault;
};

/*
 * Takes bytes off the front of `in` until there is something to say. Where the stream is cut into pieces changes only how
 * much one RN_CHUNK_DATA holds. END, BAD and TOO_LARGE are final: they take nothing more and are said again.
 */
enum rn_chunk_step rn_chunk_next(struct rn_chunk_decoder *decoder, struct rn_bytes *in,
                                 struct rn_bytes *data);
void rn_chunk_decoder_free(struct rn_chunk_decoder *decoder);

/* "1a2b\r\n" into out (at least 20 bytes); returns the length. The chunk's data and a CRLF follow it. */
size_t rn_chunk_head(uint64_t len, char out[20]);

#endif
