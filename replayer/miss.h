/*
 * The answer to a request that nothing matched: 422 at once, not to be tried again, our sentence in the error shape of the
 * provider, so that an application shows it to whoever looks (DESIGN 6.5). Private to replayer/.
 */
#ifndef RN_REPLAYER_MISS_H
#define RN_REPLAYER_MISS_H

#include "gateway/gateway.h"

/* The shapes errors come in. */
enum rn_miss_shape { RN_MISS_OPENAI, RN_MISS_ANTHROPIC, RN_MISS_PLAIN };

enum rn_miss_shape rn_miss_shape_of(const struct rn_request *request);
/* Appends the body. RN_NOMEM. */
enum rn_status rn_miss_body(enum rn_miss_shape shape, const char *sentence, struct rn_buffer *out);
/* Answers. Without memory for the sentence a fixed one is sent. */
void rn_miss_answer(struct rn_exchange *exchange, const struct rn_request *request,
                    const char *sentence);

#endif
