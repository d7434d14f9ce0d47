/* Searching one trace, by one thread. Private to store/; grep.c deals traces out. */
#ifndef RN_STORE_GREP_TRACE_H
#define RN_STORE_GREP_TRACE_H

#include "store/grep.h"

#define RN_GREP_HITS_MAX 100u /* kept of one trace; a person reads the first few */

/* What one trace gave. Texts live in the arena. */
struct rn_grep_found {
    struct rn_arena arena;
    struct rn_trace_summary summary;
    struct rn_grep_hit hits[RN_GREP_HITS_MAX];
    size_t count;
    struct rn_grep_done done;
};

/* RN_OK also where events could not be read (done.unread). rn_grep_found_free in every case. */
enum rn_status rn_grep_trace(struct rn_store *store, const struct rn_grep *grep,
                             const struct rn_trace_id *id, struct rn_grep_found *out,
                             struct rn_error *error);
void rn_grep_found_free(struct rn_grep_found *found);

#endif
