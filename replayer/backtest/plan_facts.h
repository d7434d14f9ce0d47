/*
 * What a plan amounts to, and a plan told to a person. Private to replayer/.
 */
#ifndef RN_REPLAYER_PLAN_FACTS_H
#define RN_REPLAYER_PLAN_FACTS_H

#include "plan_gather.h"

/* All of the facts but what was answered so far. */
void rn_plan_facts(const struct rn_plan *plan, struct rn_backtest_facts *facts);
/* Text of several lines for rn_backtest_make. */
enum rn_status rn_plan_tell(const struct rn_gather *gather, const struct rn_backtest_facts *facts,
                            bool is_bounded, struct rn_buffer *out);
/* Why none of what was selected can be sent: "2 redacted, 1 unended". Cut where it does not fit. */
void rn_plan_tell_left(const uint64_t left[RN_LEFT_COUNT], char *out, size_t out_bytes);

#endif
