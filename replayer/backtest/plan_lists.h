/*
 * The two long lists of a plan as bytes: calls, and what is left out (docs/format.md, "Plans"). Private to plan.c.
 *
 * Rows of one trace that stand together share its id: a group is 16 bytes of trace id, the number of its rows, then the rows.
 */
#ifndef RN_REPLAYER_PLAN_LISTS_H
#define RN_REPLAYER_PLAN_LISTS_H

#include "plan.h"

enum rn_status rn_plan_put_calls(struct rn_buffer *out, const struct rn_plan *plan);
enum rn_status rn_plan_put_left(struct rn_buffer *out, const struct rn_plan *plan);
/* Take the list off the front of `in` and into the plan. RN_DAMAGED, RN_NOMEM without a sentence. */
enum rn_status rn_plan_get_calls(struct rn_bytes *in, struct rn_plan *plan);
enum rn_status rn_plan_get_left(struct rn_bytes *in, struct rn_plan *plan);

#endif
