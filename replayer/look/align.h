/*
 * Two lists of steps brought side by side, so that one more or less of them shifts nothing: the cheapest way from one to the other by
 * dropping, adding and changing. Pure. Private to replayer/.
 */
#ifndef RN_REPLAYER_ALIGN_H
#define RN_REPLAYER_ALIGN_H

#include "base/arena.h"
#include "base/status.h"

/* What a step is known by; digests of whatever the caller takes for it. */
struct rn_align_step {
    uint64_t kind; /* only steps of one kind stand beside each other */
    uint64_t whom; /* asked of whom for what */
    uint64_t request;
    uint64_t news; /* what the request says last */
    uint64_t answer;
};

/* Beyond so many pairs of steps that are no common beginning or end, they stand beside each other as they come. */
#define RN_ALIGN_PAIRS_MAX ((size_t)4 * 1024 * 1024)
#define RN_ALIGN_NONE UINT32_MAX

struct rn_align_pair {
    uint32_t a, b; /* indexes, or RN_ALIGN_NONE: it stands only in the other */
};

/* Each step of both once, in their order; what only `a` has stands before what only `b` has. RN_NOMEM. */
enum rn_status rn_align(struct rn_arena *arena, const struct rn_align_step *a, uint32_t a_count,
                        const struct rn_align_step *b, uint32_t b_count,
                        struct rn_align_pair **pairs, uint32_t *count);

#endif
