/* Where a text was found in a trace, gathered while searching and shown with its line of `log`. */
#ifndef RN_CLI_LOG_HITS_H
#define RN_CLI_LOG_HITS_H

#include <jansson.h>

#include "store/grep.h"

struct rn_log_hit {
    struct rn_log_hit *next;
    uint32_t n;
    enum rn_grep_in in;
    struct rn_bytes role, excerpt;
};

/* Of one trace, in order. */
struct rn_log_hits {
    struct rn_log_hits *older; /* the trace before it */
    struct rn_trace_id id;
    struct rn_log_hit *first;
    struct rn_log_hit **tail;
    size_t count;
};

/* What a search gathers: the traces with hits, the newest first. All of it lives in the arena. */
struct rn_log_found {
    struct rn_arena arena;
    struct rn_log_hits *newest;
};

/* For rn_grep_run; `self` is a struct rn_log_found. */
enum rn_status rn_log_hits_add(void *self, const struct rn_grep_hit *hit);
/* "5 tool get_order: ... 88231 ...", the first of them, and how many more there are. */
enum rn_status rn_log_hits_words(const struct rn_log_hits *hits, struct rn_buffer *out);
/* Member "hits": event, in, role, excerpt. */
void rn_log_hits_json(const struct rn_log_hits *hits, json_t *object);

/* "prompt,tool" as bits. RN_INVALID with a sentence. NULL: all. */
enum rn_status rn_log_hits_in(const char *list, unsigned *in, struct rn_error *error);

#endif
