/*
 * From a selection to a plan's two lists, with all that is to be said about them. Private to plan_make.c.
 */
#ifndef RN_REPLAYER_PLAN_GATHER_H
#define RN_REPLAYER_PLAN_GATHER_H

#include "plan.h"

#define RN_GATHER_MODELS_MAX 100u /* told apart; the rest is counted together */

struct rn_gather_model {
    struct rn_bytes name; /* as asked when recorded */
    uint64_t calls;
};

struct rn_gather_dialect {
    uint64_t calls;
    uint64_t retargeted;                /* of these: the path is another one */
    struct rn_bytes path_from, path_to; /* of the first of them */
};

/* One exchange of the trace that is being read. */
struct rn_gather_row {
    uint8_t digest[16]; /* of method, target and body: the same for what a client repeats */
    uint32_t n;
    uint32_t tokens_in;
    uint32_t tokens_out;
    uint8_t why;       /* enum rn_left_out; RN_LEFT_COUNT: it is sent */
    uint8_t model;     /* index into `models` */
    bool is_retryable; /* its recorded status is one that clients try again */
    uint8_t dialect;
    bool retargeted;
    uint64_t changed;
    uint64_t latency_ns;
};

/* Zeroed but for `plan`, whose header is made; rn_gather_free ends it. */
struct rn_gather {
    struct rn_plan *plan; /* gets its lists and no_model_calls */
    struct rn_arena arena;
    struct rn_error *error;
    struct rn_trace_id trace;
    struct rn_gather_row *rows;
    size_t row_count, row_cap;
    size_t call_cap, left_cap;
    struct rn_gather_model models[RN_GATHER_MODELS_MAX + 1];
    size_t model_count;
    uint64_t left[RN_LEFT_COUNT];
    uint64_t changed[2 * RN_PLAN_EDITS_MAX]; /* calls, by bit of rn_plan_request.changed */
    struct rn_gather_dialect dialects[RN_MOVES_DIALECTS];
    uint64_t latency_ns; /* of all calls one after the other */
    uint64_t tokens_in, tokens_out;
    char unreadable[RN_ERROR_BYTES_MAX]; /* why the first of them is */
};

enum rn_status rn_gather_calls(struct rn_gather *gather, struct rn_store *store,
                               const struct rn_selection *selection, struct rn_error *error);
void rn_gather_free(struct rn_gather *gather);

#endif
