/*
 * Two traces step by step: which steps are the same, which say something else, which only one of them has. What differs with every
 * call (ids, dates, usage) does not count; see trace_difference.h.
 */
#ifndef RN_REPLAYER_TRACE_DIFF_H
#define RN_REPLAYER_TRACE_DIFF_H

#include "base/arena.h"
#include "store/trace.h"

enum rn_diff_state { RN_DIFF_SAME, RN_DIFF_CHANGED, RN_DIFF_ONLY_FIRST, RN_DIFF_ONLY_SECOND };
/* "same", "changed", "only_first", "only_second" */
const char *rn_diff_state_name(enum rn_diff_state state);

/* A step of one of the two; `name` is NULL where it has none. All text is as recorded. */
struct rn_diff_side {
    const char *name;        /* "3", "5.t1" */
    struct rn_bytes whom;    /* "gpt-4.1", "qdrant policies", "get_order" */
    struct rn_bytes request; /* what is said, as a person reads it; only with `texts` */
    struct rn_bytes answer;
};

struct rn_diff_step {
    enum rn_diff_state state;
    const char *kind; /* "model", "tool", "run", ... */
    struct rn_diff_side first, second;
    /* Of what changed: where ("request body, /messages/0/content"), its RFC 6901 pointer or NULL, and excerpts of both. */
    const char *what;
    const char *pointer;
    const char *value[2];
    bool is_unread; /* one of them cannot be read */
};

struct rn_trace_diff {
    struct rn_arena arena;
    struct rn_diff_step *steps; /* in the order of the traces, the run last */
    uint32_t count;
    uint32_t same, changed, only_first, only_second, unread;
};

/* `texts`: keep what is said in steps that changed. rn_trace_diff_free in every case. RN_NOMEM, and what reading traces gives. */
enum rn_status rn_trace_diff_make(struct rn_store *store, const struct rn_trace_summary *first,
                                  const struct rn_trace_summary *second, bool texts,
                                  struct rn_trace_diff *out, struct rn_error *error);
void rn_trace_diff_free(struct rn_trace_diff *diff);

#endif
