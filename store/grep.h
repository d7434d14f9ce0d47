/*
 * Searching what was said: `--grep TEXT` over decoded text of all kinds (issue: a complaint carries an order number, not a trace id).
 *
 * Text is searched as it reads: JSON strings unescaped, streams assembled, codings removed. What an application sends again with
 * every turn is searched once per trace and reported where it came first. Traces are narrowed by the selection (time range first)
 * before any body is opened; several threads read.
 */
#ifndef RN_STORE_GREP_H
#define RN_STORE_GREP_H

#include "store/select.h"

/* Where to look: `--in`. */
enum rn_grep_in {
    RN_GREP_PROMPT = 1,   /* what a model was told: system, user, parameters */
    RN_GREP_DOCUMENT = 2, /* what retrieval, search and rerank gave */
    RN_GREP_TOOL = 4,     /* what tools were asked and answered */
    RN_GREP_ANSWER = 8,   /* what models said */
    RN_GREP_DECISION =
        16, /* the application's own requests and answers; argv, stdin, stdout, stderr of a run */
    RN_GREP_OTHER = 32, /* bodies that nobody could read, as bytes; targets, notes */
    RN_GREP_ALL = 63
};

struct rn_grep {
    struct rn_bytes text; /* UTF-8, not empty; matched byte for byte, or without case */
    bool ignore_case;     /* ASCII letters only */
    unsigned in;          /* enum rn_grep_in; 0: all */
    unsigned threads;     /* 0: as many as there are processors */
};

struct rn_grep_hit {
    const struct rn_trace_summary *trace;
    uint32_t n; /* event; 0 the run */
    enum rn_grep_in in;
    struct rn_bytes role; /* of what was said, name of a tool, id of a document; may be empty */
    struct rn_bytes
        excerpt; /* about 80 bytes around the first match in that piece, cut at characters, lent */
    size_t at;   /* offset of the match in the excerpt */
};

/* What was searched, to be said: "in 2,148 traces, 9,310 events, 71 MB of text; 3 bodies could not be read". */
struct rn_grep_done {
    uint64_t traces, traces_hit, events, bytes, pieces, unread;
};

/*
 * Hits in order of the trace's start, then ordinal; `visit` is called on the caller's thread. Not RN_OK from it ends the search.
 * A selection's limit counts traces with hits, the newest. RN_INVALID for an empty text.
 */
typedef enum rn_status rn_grep_visit(void *self, const struct rn_grep_hit *hit);
enum rn_status rn_grep_run(struct rn_store *store, const struct rn_selection *selection,
                           const struct rn_grep *grep, rn_grep_visit *visit, void *self,
                           struct rn_grep_done *done, struct rn_error *error);

#endif
