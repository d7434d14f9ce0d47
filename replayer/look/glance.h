/*
 * A trace at a glance: what a line of `log` says of it beyond its summary. From facts; no body is opened but for `last_words`.
 */
#ifndef RN_REPLAYER_GLANCE_H
#define RN_REPLAYER_GLANCE_H

#include "replayer/price.h"
#include "store/facts.h"

struct rn_glance {
    struct rn_arena arena;    /* all text */
    struct rn_bytes decision; /* "POST /refunds 200" of the first decision; empty: none */
    struct rn_bytes models;   /* runs: asked for, in order of their first call */
    /* Of a run that has notes; else of the decision; else from the first arrival to the last end. 0: nothing ended. */
    uint64_t duration_ns;
    uint32_t calls;  /* of a model, embedding, rerank */
    uint32_t tools;  /* tools and retrievals: calls of their own, and results told to a model */
    uint32_t failed; /* at their upstream */
    uint64_t tokens_in, tokens_out;
    bool has_tokens;
    bool has_cost; /* every call whose tokens are known has a price */
    uint64_t cost_pico;
    struct rn_trace_labels labels;
};

/*
 * Facts as far as they are brought up, or (`by_reading`) from the events. `prices` may be NULL. rn_glance_free in every case. RN_NOMEM,
 * and what reading facts gives.
 */
enum rn_status rn_glance_make(struct rn_store *store, const struct rn_trace_summary *summary,
                              bool by_reading, const struct rn_prices *prices,
                              struct rn_glance *out, struct rn_error *error);
void rn_glance_free(struct rn_glance *glance);

/* What the tokens of a call cost, by the model that answered, else the one asked. False: its tokens or its price are not known. */
bool rn_glance_cost(const struct rn_prices *prices, const struct rn_facts *facts, uint64_t *pico);

/*
 * What the trace ended with, for a person to recognise it by: the answer of the decision, else the last text a model said. Appended to
 * `out`, at most `bytes`, cut at a character; nothing where nobody said anything.
 */
enum rn_status rn_glance_last_words(struct rn_store *store, const struct rn_trace_summary *summary,
                                    bool by_reading, size_t bytes, struct rn_buffer *out,
                                    struct rn_error *error);

#endif
