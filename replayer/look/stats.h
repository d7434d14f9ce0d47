/*
 * What recorded calls amount to, grouped: how many, how they ended, how long they took, tokens, money. From facts alone; no body
 * is opened.
 */
#ifndef RN_REPLAYER_STATS_H
#define RN_REPLAYER_STATS_H

#include "replayer/price.h"
#include "replayer/report.h"
#include "store/select.h"

/* What a group has in common. */
enum rn_stats_by {
    RN_STATS_MODEL,    /* asked for; of what asks no model, the upstream */
    RN_STATS_ANSWERED, /* the model that answered */
    RN_STATS_PROMPT,   /* its name, else the key of its family */
    RN_STATS_STATUS,
    RN_STATS_RELEASE,
    RN_STATS_UPSTREAM,
    RN_STATS_KIND,
    RN_STATS_DIALECT,
    RN_STATS_FINISH,
    RN_STATS_DAY, /* of arrival, UTC */
    RN_STATS_BY_COUNT
};
/* "model", "answered", ...; NULL beyond. */
const char *rn_stats_by_name(enum rn_stats_by by);

#define RN_STATS_KEYS_MAX 3u

struct rn_stats_row {
    struct rn_stats_row *next;
    struct rn_bytes keys[RN_STATS_KEYS_MAX]; /* as many as were asked for; empty: not known */
    uint64_t calls;
    uint64_t failed; /* by their upstream: rn_selection.upstream_error */
    uint64_t unread;
    bool has_latency, has_first_byte;
    struct rn_spread latency;    /* ns to the end of the answer, of answers that did not fail */
    struct rn_spread first_byte; /* likewise; streams only */
    uint64_t counted;            /* calls whose tokens are known */
    uint64_t tokens_in, tokens_cached, tokens_out, tokens_reasoning;
    uint64_t priced; /* of these, calls with a known price */
    uint64_t cost_pico;
    struct rn_stats_series *series; /* private */
};

struct rn_stats {
    struct rn_arena arena;
    struct rn_stats_row *rows; /* most calls first, then by key */
    struct rn_stats_row total;
    uint64_t traces;
    uint64_t damaged; /* events and traces that could not be read */
};

/*
 * Groups the calls of one or several stores (and decisions, with `selection->kind` "decision") of a selection. `prices` may be NULL: no money then.
 * rn_stats_free in every case. RN_NOMEM, and what rn_select_facts gives.
 */
enum rn_status rn_stats_make(struct rn_store *const *stores, size_t store_count,
                             const struct rn_selection *selection, const enum rn_stats_by *by,
                             unsigned by_count, const struct rn_prices *prices,
                             struct rn_stats *out, struct rn_error *error);
void rn_stats_free(struct rn_stats *stats);

#endif
