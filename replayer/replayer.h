/*
 * The gateway's handler while replaying: finds the recording of each request, gives its answer when its turn comes, and keeps
 * count of what did not go as recorded (DESIGN 6). Private to replayer/. One thread, the loop's.
 */
#ifndef RN_REPLAYER_REPLAYER_H
#define RN_REPLAYER_REPLAYER_H

#include "divergence.h"
#include "replay.h"
#include "serving.h"

struct rn_replayer_settings {
    struct rn_loop *loop;
    struct rn_catalog *catalog;
    struct rn_redactor *redactor; /* knows the credentials of the command's environment; lent */
    unsigned rules;
    enum rn_order order;
    double pace;
    bool exact; /* self-replay: nothing altered, no order */
    size_t
        forced_trace; /* self-replay: requests belong to this trace whatever they name; SIZE_MAX: no */
    /* A hold waits at least this long for each thing it waits for, one after the other; 0: the usual 10 s. */
    uint64_t patience_ns;
};

struct rn_replayer_counts {
    uint32_t served; /* delivered as recorded */
    uint32_t by_rule[4];
    uint32_t misses;
    uint32_t broken; /* the client left early */
    uint32_t ambiguous;
    uint32_t relaxations;   /* holds that ended early, for whatever reason */
    uint32_t relaxed_by[6]; /* by enum rn_release */
    uint32_t timed_out_holds;
    uint32_t own;     /* requests to our own paths, answered 404 as when recording */
    uint64_t held_ns; /* time spent holding, in all */
};

/* A hold that ended early: a point of the answer of `row` was given before `awaited` had come (or ended). */
struct rn_relaxation {
    uint32_t row;
    uint32_t awaited;
    bool awaited_end;
    enum rn_release why;
    uint64_t held_ns;
};

#define RN_RELAXATIONS_MAX 10000u /* listed; all are counted */

/* Listed, with sentences that cost reading events; all are counted. */
#define RN_MISSES_MAX 100u

struct rn_replayer;

/* NULL when memory ran out. The settings are copied. */
struct rn_replayer *rn_replayer_new(const struct rn_replayer_settings *settings);
/* After the gateway: open exchanges get their on_gone first. */
void rn_replayer_free(struct rn_replayer *replayer);
/* For rn_gateway_new. */
struct rn_handler rn_replayer_handler(struct rn_replayer *replayer);
/* Whose connections are open; without it nobody is taken to be alone. */
void rn_replayer_watch(struct rn_replayer *replayer, const struct rn_gateway *gateway);
void rn_replayer_force_trace(struct rn_replayer *replayer, size_t trace);

struct rn_replayer_counts rn_replayer_counts(const struct rn_replayer *replayer);
/* COMMAND has ended: clients that left when recorded and are still here are waited for no longer. */
void rn_replayer_dismiss(struct rn_replayer *replayer);
const struct rn_stage *rn_replayer_stage(const struct rn_replayer *replayer);
const struct rn_matcher *rn_replayer_matcher(const struct rn_replayer *replayer);
/* What first did not go as recorded, or NULL. Lives as long as the replayer. */
const struct rn_finding *rn_replayer_first(const struct rn_replayer *replayer);
/* The misses that are listed, in order; `count` of them. */
const struct rn_finding *rn_replayer_misses(const struct rn_replayer *replayer, size_t *count);
/* The relaxations that are listed, in order; `count` of them. */
const struct rn_relaxation *rn_replayer_relaxations(const struct rn_replayer *replayer,
                                                    size_t *count);
/* RN_OK, or why replaying itself failed: RN_NOMEM, RN_DAMAGED, ... with the sentence. */
enum rn_status rn_replayer_status(const struct rn_replayer *replayer, struct rn_error *error);

#endif
