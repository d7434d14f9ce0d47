/*
 * An event: one recorded fact of a trace, as a set of tagged byte fields.
 *
 * Everything reenact keeps is a field: a tag from the list below and bytes in one canonical form, defined in
 * docs/format.md. Canonical bytes are what digests cover; msgpack, zstd and LMDB only carry them. An event may reach the
 * store in pieces (open, parts, closed): the bytes of a field are then the concatenation over the pieces in order, so
 * every list below is a plain sequence that can be cut anywhere between two items.
 */
#ifndef RN_STORE_EVENT_H
#define RN_STORE_EVENT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/status.h"
#include "wire/redact.h"

#define RN_TRACE_ID_BYTES 16
#define RN_SCHEMA_VERSION 1u

struct rn_trace_id {
    uint8_t bytes[RN_TRACE_ID_BYTES];
};

enum rn_event_kind {
    RN_EVENT_RUN = 1,      /* ordinal 0 */
    RN_EVENT_EXCHANGE = 2, /* 1..n */
    RN_EVENT_DECISION = 3, /* 1..n: an inbound request of the application and its answer */
    RN_EVENT_CALL = 4,     /* 1..n, later */
    RN_EVENT_VALUE = 5,    /* 1..n, later */
    RN_EVENT_GAP = 6,      /* g1.. */
    RN_EVENT_NOTE = 7,     /* n1.., never part of a digest */
    RN_EVENT_MARK = 8      /* m1..: what became known of event n when it was written already; never part of a digest */
};

/* How an exchange ended (DESIGN 5.4): exactly one. */
enum rn_end { RN_END_NONE = 0, RN_END_ENDED = 1, RN_END_ABORTED = 2, RN_END_CUT = 3, RN_END_REFUSED = 4, RN_END_LOST = 5 };

/* Bits of RN_TAG_FLAGS. */
enum rn_flag {
    RN_FLAG_LATE = 1,      /* its last unit went out before its commit */
    RN_FLAG_TRUNCATED = 2, /* a body is longer than what is kept */
    RN_FLAG_WITHHELD = 4   /* a coded body held a credential and is not kept */
};

/*
 * Tags never change their number or meaning. "varints" are LEB128 in shortest form, "runs" have their length in front
 * (base/varint.h). [said] marks fields that enter the digest `said`; `evidence` covers all but the note's.
 */
enum rn_tag {
    RN_TAG_KIND = 1,       /* [said] one byte, enum rn_event_kind */
    RN_TAG_TIMES = 2,      /* varints: wall ns of arrival, then ns from there: first byte sent, complete upstream */
    RN_TAG_END = 3,        /* [said] one byte, enum rn_end */
    RN_TAG_END_REASON = 4, /* text: why it ended so, "" when it simply ended */
    RN_TAG_FLAGS = 5,      /* varint of enum rn_flag bits */
    RN_TAG_ORDER = 6,      /* varints: stamps of arrival, first byte, end on one counter of the recorder (DESIGN 6.3); then ns of arrival on the monotonic clock, which nobody sets */
    RN_TAG_LABELS = 7,     /* pairs of runs: attribute name, value (traceparent, x-reenact-subject, ...) */
    RN_TAG_REDACTIONS = 8, /* per span: varints tag, offset, length, kind; 8 bytes keyed fingerprint (zero: none) */
    RN_TAG_RULE = 9,       /* text: which rule chose the trace ("header", "url", "vendor", "run", "traceparent", "link", "content", "containment", "new") */
    RN_TAG_ANSWERS = 10,   /* trace id (16 bytes), varints ordinal and attempt (1, 2, ...): the recorded call that this exchange of a backtest sends again */
    RN_TAG_MOVES = 11,     /* runs: what a backtest changed in that call, in words: "max_tokens -> max_completion_tokens" */

    RN_TAG_UPSTREAM = 16,         /* [said] name */
    RN_TAG_METHOD = 17,           /* [said] */
    RN_TAG_TARGET = 18,           /* [said] relative to the upstream */
    RN_TAG_REQUEST_HEAD = 19,     /* [said, without volatile fields] as the client sent it, its target made relative */
    RN_TAG_REQUEST_BODY = 20,     /* [said] */
    RN_TAG_REQUEST_TRAILERS = 21, /* [said] raw lines */
    RN_TAG_REQUEST_FRAMING = 22,  /* one byte, enum rn_http_framing */
    RN_TAG_CLIENT = 23,           /* three bytes: version minor, keep-alive, is HEAD */
    RN_TAG_CONNECTION = 24,       /* varint: number of the client's connection */
    RN_TAG_INTERIM = 25,          /* [said] interim heads, one after the other */
    RN_TAG_RESPONSE_HEAD = 26,    /* [said, without volatile fields] as sent to the client */
    RN_TAG_RESPONSE_BODY = 27,    /* [said] as sent, without chunk framing */
    RN_TAG_RESPONSE_CUTS = 28,    /* [said] varints: length of each piece; with chunked framing these are the chunks */
    RN_TAG_PIECE_TIMES = 29,      /* varints: ns since the piece before (the first: since arrival) */
    RN_TAG_RESPONSE_TRAILERS = 30, /* [said] raw lines */
    RN_TAG_RESPONSE_FRAMING = 31, /* one byte, enum rn_http_framing */
    RN_TAG_PIECE_STAMPS = 32,     /* varints: stamps given since the piece before (the first: since arrival); absent where the only piece fills its Content-Length */

    RN_TAG_ARGV = 40,        /* [said] runs */
    RN_TAG_CWD = 41,         /* text */
    RN_TAG_ENVIRONMENT = 42, /* runs: names only, sorted */
    RN_TAG_STDIO = 43,       /* three bytes: kinds of stdin, stdout, stderr ('t' terminal, 'p' pipe, 'f' file, 'n' null, 's' socket, 'c' another device, '-' closed), rows and columns as u16 BE (0: none), then TERM */
    RN_TAG_STDIN = 44,       /* [said] */
    RN_TAG_STDOUT = 45,      /* [said] */
    RN_TAG_STDERR = 46,      /* [said] */
    RN_TAG_EXIT = 47,        /* [said] varint: status as wait(2) gives it */
    RN_TAG_COMMIT = 48,      /* text: git commit of cwd */
    RN_TAG_LOCKS = 49,       /* pairs of runs: name of a lock file, its SHA-256 */
    RN_TAG_MAC = 50,         /* 32 bytes: HMAC of the user's key over argv, cwd and trace id */
    RN_TAG_PORTS = 51,       /* per port: run upstream name ("" for ours), varint port */
    RN_TAG_VARIABLES = 52,   /* pairs of runs: variable set for the command, its value ("{openai}" stands for that port's URL) */
    RN_TAG_INPUT = 53,       /* [said] text: the line of --each this run stands for */
    RN_TAG_REFUSALS = 54,    /* varints: requests refused before they were events: malformed ones, misdirected ones */
    RN_TAG_STREAMS = 55,     /* three bytes: the lowest of stdin, stdout, stderr that is the same terminal (0, 1, 2; else its own number); then a varint: what that terminal does to bytes (gateway/pty.h). Absent: COMMAND was not given the kinds in RN_TAG_STDIO, but pipes */

    RN_TAG_GAP = 56,  /* varints count, first wall ns, last wall ns; then the reason as text */
    RN_TAG_NOTE = 57, /* text */
    RN_TAG_TAGS = 58, /* of a note: runs; "k=v" gives the trace's tag k that value, "k" takes it away */

    RN_TAG_LIMIT = 64
};

/* Position within a trace: `n` with the class decides "3", "g1", "n1" or "m3", the mark of event 3. */
enum rn_event_class { RN_CLASS_EVENT = 0, RN_CLASS_GAP = 1, RN_CLASS_NOTE = 2, RN_CLASS_MARK = 3 };

struct rn_event {
    enum rn_event_class class;
    uint32_t n;      /* ordinal; 0 is the run */
    uint64_t fields; /* bit per tag that is present */
    uint64_t erased; /* bit per tag whose content was erased: its hash stands in `erasures` */
    struct rn_bytes field[RN_TAG_LIMIT];
    struct rn_bytes key;       /* RN_KEY_VERSION byte and the `bytes` match key; derived, in no digest */
    struct rn_bytes erasures;  /* records of erased fields in tag order; made by rn_erasure_put (evidence.h) */
};

void rn_event_set(struct rn_event *event, enum rn_tag tag, struct rn_bytes bytes);
bool rn_event_has(const struct rn_event *event, enum rn_tag tag);
/* Empty where absent. */
struct rn_bytes rn_event_get(const struct rn_event *event, enum rn_tag tag);
/* RN_TAG_KIND as an enum; 0 when absent. */
enum rn_event_kind rn_event_kind_of(const struct rn_event *event);
enum rn_end rn_event_end_of(const struct rn_event *event);
/* The first varint of a field, or `otherwise`. */
uint64_t rn_event_number(const struct rn_event *event, enum rn_tag tag, uint64_t otherwise);
const char *rn_tag_name(enum rn_tag tag);
const char *rn_event_kind_name(enum rn_event_kind kind);
const char *rn_end_name(enum rn_end end);

/* Redactions as spans of one field, for match keys and receipts. */
enum rn_status rn_event_spans(const struct rn_event *event, enum rn_tag tag, struct rn_spans *out);

/* msgpack map: tag -> bin, ascending; then 128: key, 129: erasures. */
enum rn_status rn_event_encode(const struct rn_event *event, struct rn_buffer *out);
/*
 * Appends the fields of one encoded piece to `event` (concatenating with what is there, in the arena). Counts and lengths
 * are bounded by the bytes left before anything is reserved. RN_DAMAGED with a sentence; RN_NOMEM.
 */
enum rn_status rn_event_decode(struct rn_bytes in, struct rn_arena *arena, struct rn_event *event,
                               struct rn_error *error);

void rn_trace_id_text(const struct rn_trace_id *id, char out[33]);
bool rn_trace_id_parse(struct rn_bytes text, struct rn_trace_id *out);
bool rn_trace_id_equal(const struct rn_trace_id *a, const struct rn_trace_id *b);

#endif
