/*
 * SELECTION: which traces, and which of their model calls, a command speaks of (DESIGN 9).
 *
 * Every condition that is set must hold. `status`, `upstream`, `model`, `kind`, `provider`, `prompt` and `upstream_error` speak of
 * exchanges: a trace is selected when one and the same exchange of it meets them all, and of its calls only those that do. The others
 * speak of the trace.
 */
#ifndef RN_STORE_SELECT_H
#define RN_STORE_SELECT_H

#include "store/facts.h"
#include "store/find.h"
#include "store/view.h"

struct rn_selection {
    const char *const *
        traces; /* TRACE texts of rn_find_trace (no ":N"), NULL-terminated; NULL or empty: all traces */
    uint64_t since_wall_ns; /* start of the trace, inclusive; 0: no bound */
    uint64_t until_wall_ns; /* exclusive; 0: no bound */
    const char *name;       /* the whole name, or a prefix that ends with '*' */
    const char *session;    /* as --session was given, or 32 hex digits */
    const char *release;
    const char *const *tags; /* "k=v", or "k" for any value; all must hold */
    const char *upstream;
    const char *model;  /* asked or answered; the whole name, or a prefix that ends with '*' */
    const char *status; /* "429", "4xx", "200-299" */
    const char *kind; /* "model", "embedding", "rerank", "retrieval", "tool", "decision", "other" */
    const char *provider; /* whose dialect is spoken: "openai", or "openai.chat" */
    const char *prompt;   /* a key as `prompts` prints it, 4 digits of it or more, or a name */
    bool upstream_error;  /* the upstream answered with an error, was cut off, or did not answer */
    const char *outcome;  /* what the application said the trace led to (x-reenact-outcome) */
    uint64_t limit;       /* 0: all. The newest so many */
    uint64_t
        sample; /* 0: all. So many, chosen by SHA-256(seed, id, ordinal): the same on every machine */
    uint64_t seed;
};

/* RN_INVALID with a sentence: a status that is none, a tag without key, limit and sample together. */
enum rn_status rn_selection_check(const struct rn_selection *selection, struct rn_error *error);

/*
 * The traces, in order of start, then id; rn_alloc'ed. limit and sample count traces. RN_OK with 0 when nothing fits;
 * RN_NOTFOUND, RN_AMBIGUOUS for a TRACE text, RN_INVALID for one that ends in ":N". What cannot be read cannot be judged: a
 * trace whose events, or whose summary, are damaged where they would have to fit is selected, and what comes later will say so.
 * Traces of backtests count only where they are named by a TRACE text. Conditions on exchanges
 * but `upstream` are answered by facts (store/facts.h), which are brought up first; no event is read for them.
 */
enum rn_status rn_select_traces(struct rn_store *store, const struct rn_selection *selection,
                                struct rn_trace_id **ids, size_t *count, struct rn_error *error);

/*
 * Visits the exchanges that fit, in order of the trace's start, then ordinal, whatever they are: the visitor looks at view->reading
 * for model calls. Here limit and sample count *model calls* (a reading with a dialect that asks a model) and nothing else is
 * visited. All is lent during the call. Memory does not grow with the number of calls but for limit and sample (48 bytes each).
 * An event that cannot be read is given with `event` NULL and its error (not with limit or sample: nobody knows whether it is a
 * model call); n is 0 where the summary of the whole trace cannot be read, and `trace` then knows id and start at most. Not RN_OK from the visitor ends it with that status.
 */
struct rn_selected {
    const struct rn_trace_summary *trace;
    uint32_t n;
    const struct rn_event *event;
    const struct rn_view *view;
    const struct rn_error *error;
};
typedef enum rn_status rn_select_visit(void *self, const struct rn_selected *call);
enum rn_status rn_select_calls(struct rn_store *store, const struct rn_selection *selection,
                               rn_select_visit *visit, void *self, struct rn_error *error);

/* Whether a condition is answered by facts. */
bool rn_selection_asks_facts(const struct rn_selection *selection);

/*
 * The facts (store/facts.h) of every exchange that fits, in order of the trace's start, then ordinal: what lists and counts are made of.
 * No event is read. Limit and sample count traces. Facts are brought up first, and `progress` (may be NULL) is told how far that is.
 * A trace whose summary cannot be read is passed over; *damaged counts such traces and events. Not RN_OK from the visitor ends it.
 */
typedef enum rn_status rn_select_facts_visit(void *self, const struct rn_trace_summary *trace,
                                             const struct rn_facts *facts);
enum rn_status rn_select_facts(struct rn_store *store, const struct rn_selection *selection,
                               rn_facts_progress *progress, rn_select_facts_visit *visit,
                               void *self, uint64_t *damaged, struct rn_error *error);
/*
 * The same over several stores, one after the other. A TRACE of the selection need not be in all of them: RN_NOTFOUND where none has
 * it.
 */
enum rn_status rn_select_facts_of(struct rn_store *const *stores, size_t store_count,
                                  const struct rn_selection *selection,
                                  rn_select_facts_visit *visit, void *self, uint64_t *damaged,
                                  struct rn_error *error);

#endif
