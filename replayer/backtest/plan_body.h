/*
 * What a backtest must know of a request body that is to be sent: one pass of the tokenizer, no tree. Private to plan_request.c.
 */
#ifndef RN_REPLAYER_PLAN_BODY_H
#define RN_REPLAYER_PLAN_BODY_H

#include "plan.h"

struct rn_plan_body {
    bool streamed;
    uint64_t max_tokens; /* 0: no bound */
    bool is_stateful;    /* continues what only the recorded provider knows */
};

/* What is asked of a body. */
struct rn_plan_body_question {
    enum rn_dialect dialect;
    bool is_elsewhere; /* it goes to another upstream than the recorded one */
    const struct rn_bytes *names;
    bool *there; /* per name: whether it is a member of the top object */
    size_t count;
};

/*
 * Of an object. RN_INVALID: it is no JSON object. A thing of the provider's is: a previous response, a conversation, a stored
 * prompt, a container, an item or file given by its id, a vector store, reasoning without its encrypted content (or, for another
 * upstream, with it). What stands inside a tool's schema or arguments, or in metadata, is the application's own.
 */
enum rn_status rn_plan_body_scan(struct rn_bytes body, const struct rn_plan_body_question *question,
                                 struct rn_plan_body *out);

#endif
