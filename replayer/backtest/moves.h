/*
 * Known moves: small changes that a request needs so that another model takes it, each documented by its provider. Private to replayer/.
 *
 * A move is chosen by the name of the upstream and of the model that is asked now, never by what was asked when recording; the
 * plan keeps what was chosen (rn_plan_move). As known in December 2025; sources stand beside the rows.
 */
#ifndef RN_REPLAYER_MOVES_H
#define RN_REPLAYER_MOVES_H

#include "plan.h"

/* At most RN_PLAN_EDITS_MAX, static. `model` may be "VENDOR/MODEL" as routers write it: what follows the last slash counts. */
size_t rn_moves_for(struct rn_bytes upstream, struct rn_bytes model,
                    struct rn_plan_move out[RN_PLAN_EDITS_MAX]);

/*
 * Where an upstream has this dialect: what stands before "/chat/completions", "/messages", "/responses", "/embeddings". NULL where
 * we do not know.
 */
const char *rn_moves_prefix(struct rn_bytes upstream, enum rn_dialect dialect);
/* Whether a known upstream does not have this dialect: such calls would fail, and may be remarked on beforehand. */
bool rn_moves_is_deaf(struct rn_bytes upstream, enum rn_dialect dialect);
/* "/chat/completions" and so on; "" for none. */
struct rn_bytes rn_moves_tail(enum rn_dialect dialect);

/* An edit in words: "max_tokens -> max_completion_tokens", "temperature dropped", "temperature = 0". Long values are cut. */
enum rn_status rn_edit_words(const struct rn_edit *edit, struct rn_buffer *out);

#endif
