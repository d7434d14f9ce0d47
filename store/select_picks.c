/*
 * A list of places, and the heap that keeps the lowest ranks among more places than memory should hold. The rank of a place
 * depends on seed, trace and ordinal alone, so the same sample is drawn on every machine and in every order of visiting.
 */
#include "select_picks.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "keys.h"

void rn_picks_free(struct rn_picks *picks)
{
    rn_free(picks->at);
    *picks = (struct rn_picks){0};
}

enum rn_status rn_picks_add(struct rn_picks *picks, const struct rn_pick *pick)
{
    if (picks->count == picks->cap) {
        size_t cap = picks->cap == 0 ? 64 : picks->cap * 2;
        struct rn_pick *wider = rn_realloc(picks->at, cap * sizeof *wider);
        if (wider == NULL) {
            return RN_NOMEM;
        }
        picks->at = wider;
        picks->cap = cap;
    }
    picks->at[picks->count++] = *pick;
    return RN_OK;
}

/* --- sampling ------------------------------------------------------------------------------------------------------- */

static bool rank(struct rn_pick *pick, uint64_t seed)
{
    uint8_t message[8 + RN_TRACE_ID_BYTES + 4];
    uint8_t digest[RN_SHA256_BYTES];
    rn_put_u64(message, seed);
    memcpy(message + 8, pick->id.bytes, RN_TRACE_ID_BYTES);
    rn_put_u32(message + 8 + RN_TRACE_ID_BYTES, pick->n);
    struct rn_bytes bytes = rn_bytes_of(message, sizeof message);
    if (!rn_sha256_of(&bytes, 1, digest)) {
        return false;
    }
    memcpy(pick->rank, digest, sizeof pick->rank);
    return true;
}

static bool ranks_before(const struct rn_pick *a, const struct rn_pick *b)
{
    return memcmp(a->rank, b->rank, sizeof a->rank) < 0;
}

static void swap(struct rn_pick *a, struct rn_pick *b)
{
    struct rn_pick kept = *a;
    *a = *b;
    *b = kept;
}

/* The highest rank stands first. */
static void sift_up(struct rn_picks *picks, size_t at)
{
    while (at > 0 && ranks_before(&picks->at[(at - 1) / 2], &picks->at[at])) {
        swap(&picks->at[(at - 1) / 2], &picks->at[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct rn_picks *picks)
{
    size_t at = 0;
    for (size_t child = 1; child < picks->count; child = 2 * at + 1) {
        if (child + 1 < picks->count && ranks_before(&picks->at[child], &picks->at[child + 1])) {
            child++;
        }
        if (!ranks_before(&picks->at[at], &picks->at[child])) {
            return;
        }
        swap(&picks->at[at], &picks->at[child]);
        at = child;
    }
}

enum rn_status rn_picks_sample(struct rn_picks *picks, const struct rn_pick *pick, uint64_t seed,
                               uint64_t most)
{
    struct rn_pick ranked = *pick;
    if (!rank(&ranked, seed)) {
        return RN_NOMEM;
    }
    if (picks->count < most) {
        enum rn_status status = rn_picks_add(picks, &ranked);
        if (status == RN_OK) {
            sift_up(picks, picks->count - 1);
        }
        return status;
    }
    if (picks->count > 0 && ranks_before(&ranked, &picks->at[0])) {
        picks->at[0] = ranked;
        sift_down(picks);
    }
    return RN_OK;
}

/* --- order ---------------------------------------------------------------------------------------------------------- */

static int by_place(const void *left, const void *right)
{
    const struct rn_pick *a = left;
    const struct rn_pick *b = right;
    if (a->started_wall_ns != b->started_wall_ns) {
        return a->started_wall_ns < b->started_wall_ns ? -1 : 1;
    }
    int ids = memcmp(a->id.bytes, b->id.bytes, RN_TRACE_ID_BYTES);
    return ids != 0 ? ids : (a->n > b->n) - (a->n < b->n);
}

void rn_picks_sort(struct rn_picks *picks)
{
    size_t kept = 0;
    if (picks->count > 0) {
        qsort(picks->at, picks->count, sizeof *picks->at, by_place);
    }
    for (size_t i = 0; i < picks->count; i++) {
        if (kept == 0 || by_place(&picks->at[kept - 1], &picks->at[i]) != 0) {
            picks->at[kept++] = picks->at[i];
        }
    }
    picks->count = kept;
}
