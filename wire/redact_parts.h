/*
 * What the files of the redactor share among themselves. Nobody else includes this.
 *
 * redact.c does bodies and redact_head.c heads and targets; redact_values.c holds the values seen; redact_needles.c makes
 * byte strings to look for out of one value; redact_seen.c looks for all of them in one pass; redact_shapes.c knows the
 * well-known key shapes; redact_members.c finds values by the name in front of them; redact_names.c is the lists of
 * names; redact_spans.c keeps what was found in order.
 */
#ifndef RN_WIRE_REDACT_PARTS_H
#define RN_WIRE_REDACT_PARTS_H

#include "redact.h"

/* The longest stretch of text one value may take up in any of its encodings; also the longest placeholder in a body. */
#define RN_FOUND_BYTES_MAX ((size_t)RN_CREDENTIAL_BYTES_MAX * 2)

#define RN_PLACEHOLDER "RN-REDACTED-"

/* --- spans --------------------------------------------------------------------------------------------------------- */

/* Appends, in no order. */
enum rn_status rn_spans_add(struct rn_spans *spans, size_t begin, size_t end,
                            enum rn_secret_kind kind);
/*
 * Sorts, unites what overlaps, and lets each span swallow the x's directly behind it: they could not be told from the
 * placeholder's own, and a stored request must give the spans of the live one.
 */
void rn_spans_finish(struct rn_spans *spans, struct rn_bytes text);

/* One search through one text. */
struct rn_scan {
    struct rn_bytes text;
    bool final;    /* nothing follows the text */
    bool is_lines; /* a head: nothing reaches over the end of its line */
    struct rn_spans *spans;
    size_t open; /* where the first thing begins that only more text can decide; RN_NPOS: nowhere */
    size_t run_end; /* redact_shapes.c: runs of token bytes up to here are done */
    enum rn_status status;
};
void rn_scan_found(struct rn_scan *scan, size_t begin, size_t end, enum rn_secret_kind kind);
void rn_scan_open(struct rn_scan *scan, size_t begin);

/* --- needles ------------------------------------------------------------------------------------------------------- */

/* Every needle holds this many bytes that stand in the text as they are; the search looks for windows of them. */
#define RN_ANCHOR_BYTES 11u

enum rn_needle_form {
    RN_NEEDLE_CLEAR,       /* also percent-encoded and with JSON escapes */
    RN_NEEDLE_CLEAR_EXACT, /* one spelling of a value that has no anchor common to all */
    RN_NEEDLE_BASE64,      /* either alphabet, also percent-encoded and with JSON escapes */
    RN_NEEDLE_BASE64_EXACT,
    RN_NEEDLE_PLACEHOLDER,
    RN_NEEDLE_PEM
};

struct rn_needle {
    struct rn_bytes text;
    size_t anchor; /* offset in `text` */
    enum rn_needle_form form;
    /* Base64: the characters beside the stable middle hold bits of the value too. */
    bool shares_before;
    bool shares_after;
};

/* The needles of one value. `texts` owns their bytes; the value itself comes first in it. */
struct rn_needles {
    struct rn_buffer texts;
    struct rn_needle *at;
    size_t count;
};

enum rn_status rn_needles_make(struct rn_bytes value, struct rn_needles *out);
void rn_needles_free(struct rn_needles *needles);
/* Whether the needle whose anchor stands at `anchor_at` is there as a whole, and from where to where. */
bool rn_needle_match(const struct rn_needle *needle, struct rn_bytes text, size_t anchor_at,
                     size_t *begin, size_t *end);

/* Appends the bytes of Base64 text of either alphabet; false when it is none. */
bool rn_base64_decode(struct rn_bytes text, struct rn_buffer *out);

/* --- the search for all needles ------------------------------------------------------------------------------------ */

struct rn_window; /* private to redact_seen.c */

/* A zeroed struct knows the built-in needles only after rn_seen_clear. Borrows the needles. */
struct rn_seen {
    struct rn_window *slots;
    uint64_t *filter; /* a bit per hash of a window */
    unsigned slots_log2;
    size_t used;
};

/* Forgets everything but the built-in needles and makes room for `needles` more. */
enum rn_status rn_seen_clear(struct rn_seen *seen, size_t needles);
/* Room for `more` needles without forgetting. */
enum rn_status rn_seen_reserve(struct rn_seen *seen, size_t more);
/* The room must be there. */
void rn_seen_add(struct rn_seen *seen, const struct rn_needle *needle);
void rn_seen_free(struct rn_seen *seen);
/* Finds seen values, placeholders and shapes. */
void rn_seen_scan(const struct rn_seen *seen, struct rn_scan *scan);

/* --- the redactor -------------------------------------------------------------------------------------------------- */

/* One remembered value. */
struct rn_value {
    struct rn_bytes bytes; /* lent from needles.texts */
    uint64_t hash;
    uint64_t last_used; /* by the redactor's count of uses */
    struct rn_needles needles;
};

struct rn_redactor {
    struct rn_value *values;
    size_t count;
    size_t cap;
    uint64_t uses;
    struct rn_seen seen;
    bool in_credential[256]; /* bytes that can stand inside a credential, in any of its encodings */
};

/* A search that also learns: by name first, so that what a name shows is then found everywhere in the same bytes. */
struct rn_walk {
    struct rn_redactor *redactor;
    struct rn_scan scan;
};
struct rn_walk rn_walk_begin(struct rn_redactor *redactor, struct rn_bytes text, bool final,
                             struct rn_spans *spans);
void rn_walk_learn(struct rn_walk *walk, struct rn_bytes value);
/* The search itself; the spans are in order afterwards. */
enum rn_status rn_walk_end(struct rn_walk *walk);

/* --- shapes -------------------------------------------------------------------------------------------------------- */

/* Behind '-' and '_' a word may begin; those have this bit in the table. */
#define RN_TOKEN_BORDER 2u
/* Letters, digits, '-' and '_'. A table in sight of the compiler, because nearly every byte of a body is asked. */
extern const uint8_t rn_token_bytes[256];
static inline bool rn_is_token_byte(uint8_t byte)
{
    return rn_token_bytes[byte] != 0;
}

/*
 * The shortest run of token bytes any shape holds. Somewhere in it stand twelve of them from a multiple of eight on: that
 * is what the search looks for.
 */
#define RN_SHAPE_BYTES_MIN 19u
/* Looks at the run of token bytes around `at`, once. */
void rn_shapes_at_run(struct rn_scan *scan, size_t at);
/* False when no shape can begin here, by the first three bytes alone. */
bool rn_shape_may_begin(struct rn_bytes text, size_t at);
/* A private key block whose "-----BEGIN " stands at `at`. */
void rn_shapes_at_pem(struct rn_scan *scan, size_t at);

/* --- names --------------------------------------------------------------------------------------------------------- */

bool rn_redact_is_query_name(struct rn_bytes name);
bool rn_redact_is_member_name(struct rn_bytes name);
/* False when no member's name ends like that: most names of a body are sorted out by this. */
bool rn_redact_ends_like_a_member(struct rn_bytes text);
/* Fields that hold nothing but credentials; those known by a pattern only are learned from with more care. */
bool rn_redact_is_listed_field(struct rn_bytes name);
/* Takes "Bearer ", "Basic " and their kin off the front; *is_basic (may be NULL) tells of the latter. */
struct rn_bytes rn_redact_without_scheme(struct rn_bytes value, bool *is_basic);

/* Called with each value found by name. */
struct rn_member_sink {
    void (*found)(void *context, struct rn_bytes raw, size_t name_begin);
    void *context;
};
/* "name": "value" at any depth of escaping, or name=value. */
void rn_members_scan(struct rn_scan *scan, bool is_json, const struct rn_member_sink *sink);
/* Non-final text: where a known name begins that the end of the text leaves without its value, or RN_NPOS. */
size_t rn_members_pending(struct rn_bytes text);

#endif
