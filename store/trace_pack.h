/*
 * The bodies of the two frames that begin and end a trace in the log. Private to store/.
 *
 * Both are msgpack maps with number keys in ascending order, every key present (docs/format.md). Decoding refuses unknown,
 * missing and repeated keys: a new one needs a new schema version in the frame's header.
 */
#ifndef RN_STORE_TRACE_PACK_H
#define RN_STORE_TRACE_PACK_H

#include "store/evidence.h"
#include "store/trace.h"

struct rn_trace_opening {
    struct rn_trace_id id;
    struct rn_trace_id session; /* never zero: the trace's own id when no other was given */
    struct rn_trace_id parent;  /* all zero: none */
    struct rn_bytes name;
    struct rn_bytes release;
    struct rn_bytes kind;  /* "run", "serve" */
    struct rn_bytes tags;  /* runs "k=v" */
    struct rn_bytes owner; /* the text that says which process records it (owner.h) */
    bool is_alias;
    bool
        has_secret; /* false once a field was erased: then only the closing's table of salts is left */
    uint8_t secret[RN_SECRET_BYTES];
    uint64_t wall_ns;
};

struct rn_trace_closing {
    enum rn_trace_state state; /* RN_TRACE_CLOSED, or RN_TRACE_LOST by the next opener */
    uint32_t events;           /* highest ordinal */
    uint32_t gaps;
    struct rn_digests digests;
    struct rn_salts salts; /* the secret, or the table */
    uint64_t wall_ns;
};

/* Appends the frame's raw bytes to `out`. RN_NOMEM. */
enum rn_status rn_trace_opening_encode(const struct rn_trace_opening *opening,
                                       struct rn_buffer *out);
enum rn_status rn_trace_closing_encode(const struct rn_trace_closing *closing,
                                       struct rn_buffer *out);

/* Byte runs are lent from `in`. RN_DAMAGED with a sentence. */
enum rn_status rn_trace_opening_decode(struct rn_bytes in, struct rn_trace_opening *out,
                                       struct rn_error *error);
enum rn_status rn_trace_closing_decode(struct rn_bytes in, struct rn_trace_closing *out,
                                       struct rn_error *error);

#endif
