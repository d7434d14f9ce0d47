/*
 * Places that were picked: the newest so many, or a sample. Private to store/.
 */
#ifndef RN_STORE_SELECT_PICKS_H
#define RN_STORE_SELECT_PICKS_H

#include "store/event.h"

struct rn_pick {
    uint8_t rank[16]; /* of a sample: the first half of SHA-256(u64 seed, trace id, u32 n) */
    uint64_t started_wall_ns;
    struct rn_trace_id id;
    uint32_t n;
};

/* A zeroed struct is an empty list; rn_picks_free. */
struct rn_picks {
    struct rn_pick *at;
    size_t count;
    size_t cap;
};
void rn_picks_free(struct rn_picks *picks);

/* At the end. RN_NOMEM. */
enum rn_status rn_picks_add(struct rn_picks *picks, const struct rn_pick *pick);
/* Ranks it and keeps the `most` of lowest rank: a heap, from the first call to the last. RN_NOMEM. */
enum rn_status rn_picks_sample(struct rn_picks *picks, const struct rn_pick *pick, uint64_t seed,
                               uint64_t most);
/* By start, then id, then n; what stands there twice is dropped. The heap is none afterwards. */
void rn_picks_sort(struct rn_picks *picks);

#endif
