/*
 * The head of a request that a backtest sends. Private to plan_request.c.
 */
#ifndef RN_REPLAYER_PLAN_HEAD_H
#define RN_REPLAYER_PLAN_HEAD_H

#include "plan.h"

/*
 * Appends the whole head: start line, Host of the plan's URL, the recorded fields that go on, one credential, Content-Length.
 * Left out: what is for one hop, Host, Content-Length, Expect, Content-Encoding (bodies go out decoded), credentials and all that
 * was redacted, x-reenact-*, the client's own tracing and counting of attempts, and Idempotency-Key, which could bring the
 * recorded answer back; to another upstream than the recorded one also names of accounts. Of Accept-Encoding only what
 * wire/coding.h reads stays. RN_INVALID: the credential holds what no field may hold; RN_NOMEM.
 */
enum rn_status rn_plan_head_make(const struct rn_plan *plan, const struct rn_view *view,
                                 struct rn_bytes target, uint64_t body_bytes,
                                 struct rn_bytes credential, struct rn_buffer *out,
                                 struct rn_error *error);

#endif
