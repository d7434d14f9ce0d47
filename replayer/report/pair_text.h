/*
 * One side of a pair: what an answer says, gathered for comparing. Private to replayer/.
 */
#ifndef RN_REPLAYER_PAIR_TEXT_H
#define RN_REPLAYER_PAIR_TEXT_H

#include "pair.h"

/* All of it lent from the view or in the arena. */
struct rn_spoken {
    struct rn_bytes text;   /* what is said to the user, refusals included, in order */
    struct rn_bytes folded; /* rn_fold of it */
    enum rn_finish
        finish; /* what was filtered counts as refused (docs/backtest.md, "Comparison") */
    bool has_calls;
    bool has_vectors;
};

/* Fills both; a view that did not answer has a status and nothing more. RN_NOMEM. */
enum rn_status rn_spoken_make(const struct rn_view *view, struct rn_arena *arena,
                              struct rn_spoken *spoken, struct rn_side *side);

/* The next thing of that kind from `said` on, `said` included; NULL: none. */
const struct rn_said *rn_spoken_next(const struct rn_said *said, enum rn_said_kind kind);
/* Likewise the next embedding. */
const struct rn_said *rn_spoken_vector(const struct rn_said *said);

#endif
