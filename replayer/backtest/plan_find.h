/*
 * Which plans there are, and which one is meant. Private to replayer/.
 */
#ifndef RN_REPLAYER_PLAN_FIND_H
#define RN_REPLAYER_PLAN_FIND_H

#include "plan.h"

/* The ids of all plans of a store, in order. */
struct rn_plan_names {
    struct rn_trace_id *ids;
    size_t count;
    bool failed; /* while listing: memory ran out */
};
enum rn_status rn_plan_names(struct rn_store *store, struct rn_plan_names *out,
                             struct rn_error *error);
void rn_plan_names_free(struct rn_plan_names *names);

/* The plan with exactly this name. RN_NOTFOUND without a sentence. */
enum rn_status rn_plan_by_name(struct rn_store *store, const struct rn_plan_names *names,
                               const char *name, struct rn_trace_id *out, struct rn_error *error);
/* `which` as in rn_backtest_run. The plan itself need not be readable unless it is meant by its name. */
enum rn_status rn_plan_resolve(struct rn_store *store, const char *which, struct rn_trace_id *out,
                               struct rn_error *error);
enum rn_status rn_plan_read(struct rn_store *store, const struct rn_trace_id *id,
                            struct rn_plan *out, struct rn_error *error);

#endif
