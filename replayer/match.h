/*
 * Which recording answers this request? (DESIGN 6.2). Private to replayer/.
 *
 * Within one trace, the rules in order: `bytes` (equal match keys), then `json` (equal as JSON). Under each, the unserved
 * rows with that key are tried in the order of their ordinals; the first whose significant fields are equal too is taken.
 * Each row is given once. There is no similarity, no guess and no last resort.
 *
 * The `bytes` keys come from the store. `json` keys are computed for a whole trace when a request first misses by `bytes`
 * there, and kept for the run.
 */
#ifndef RN_REPLAYER_MATCH_H
#define RN_REPLAYER_MATCH_H

#include "catalog.h"
#include "replay.h"

struct rn_matcher;

/* Whether the fields of `row` equal those of the live request. */
typedef bool rn_match_accept(void *self, uint32_t row);

struct rn_match {
    enum rn_rule rule; /* RN_RULE_NONE: a miss */
    uint32_t row;
    bool
        ambiguous; /* nothing but its place in the queue told it from another that was in flight together with it */
    uint32_t refused; /* after a miss: a row with an equal key whose fields differ, or RN_NO_ROW */
    uint32_t served; /* after a miss: a row with an equal key that was given before, or RN_NO_ROW */
};

/* The catalog is borrowed until the end. NULL when memory ran out. */
struct rn_matcher *rn_matcher_new(struct rn_catalog *catalog, unsigned rules);
void rn_matcher_free(struct rn_matcher *matcher);

/*
 * Looks for `input` among the rows of trace `trace` (an index of the catalog) and takes what it finds: its row becomes
 * RN_ROW_SERVING with its rule. RN_NOMEM, or what reading the store gave.
 */
enum rn_status rn_match_take(struct rn_matcher *matcher, uint32_t trace,
                             const struct rn_key_input *input, rn_match_accept *accept, void *self,
                             struct rn_match *out, struct rn_error *error);
/* The answer of `row` is over (delivered or not): it is in flight no more. */
void rn_match_over(struct rn_matcher *matcher, uint32_t row);

/* The next row of the same trace whose request had the same `bytes` key, or RN_NO_ROW. */
uint32_t rn_match_next_same(const struct rn_matcher *matcher, uint32_t row);

#endif
