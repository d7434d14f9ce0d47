/* An edit distance over steps (align.h). Dropping and adding cost the same; changing costs less the more two steps have in common. */
#include "align.h"

#include <string.h>

#include "base/memory.h"

#define ALONE 2u /* what a step costs that only one list has */
#define NEVER 100u

enum move { CHANGE, DROP, ADD };

struct table {
    const struct rn_align_step *a, *b;
    size_t a_count, b_count;
    uint8_t *moves;  /* (a_count + 1) * (b_count + 1), row by row */
    uint32_t *costs; /* two rows */
};

static bool is_same(const struct rn_align_step *a, const struct rn_align_step *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static uint32_t cost_of(const struct rn_align_step *a, const struct rn_align_step *b)
{
    if (a->kind != b->kind) {
        return NEVER;
    }
    if (is_same(a, b)) {
        return 0;
    }
    if (a->whom != b->whom) {
        return a->request == b->request || a->answer == b->answer ? 2 : 3;
    }
    return a->request == b->request || a->answer == b->answer ? 1 : a->news == b->news ? 2 : 3;
}

static void fill_row(struct table *table, size_t i)
{
    size_t width = table->b_count + 1;
    uint32_t *above = table->costs + ((i + 1) % 2) * width;
    uint32_t *row = table->costs + (i % 2) * width;
    for (size_t j = 0; j < width; j++) {
        enum move move = DROP;
        uint32_t best = i > 0 ? above[j] + ALONE : UINT32_MAX;
        if (j > 0 && row[j - 1] + ALONE <= best) { /* of two as good what was dropped comes first */
            best = row[j - 1] + ALONE;
            move = ADD;
        }
        if (i > 0 && j > 0) {
            uint32_t changed = above[j - 1] + cost_of(&table->a[i - 1], &table->b[j - 1]);
            if (changed <= best) {
                best = changed;
                move = CHANGE;
            }
        }
        row[j] = i == 0 && j == 0 ? 0 : best;
        table->moves[i * width + j] = (uint8_t)move;
    }
}

/* From the end to the beginning, into the end of `pairs`; returns how many there are. */
static uint32_t walk_back(const struct table *table, uint32_t offset, struct rn_align_pair *pairs,
                          size_t room)
{
    size_t i = table->a_count;
    size_t j = table->b_count;
    size_t at = room;
    while (i > 0 || j > 0) {
        enum move move = (enum move)table->moves[i * (table->b_count + 1) + j];
        i -= move != ADD;
        j -= move != DROP;
        pairs[--at] = (struct rn_align_pair){move == ADD ? RN_ALIGN_NONE : offset + (uint32_t)i,
                                             move == DROP ? RN_ALIGN_NONE : offset + (uint32_t)j};
    }
    memmove(pairs, pairs + at, (room - at) * sizeof *pairs);
    return (uint32_t)(room - at);
}

/* Side by side as they come, as far as their kinds agree. */
static uint32_t pair_in_order(const struct table *table, uint32_t offset,
                              struct rn_align_pair *pairs)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->a_count || i < table->b_count; i++) {
        bool both =
            i < table->a_count && i < table->b_count && table->a[i].kind == table->b[i].kind;
        if (both) {
            pairs[count++] = (struct rn_align_pair){offset + i, offset + i};
            continue;
        }
        if (i < table->a_count) {
            pairs[count++] = (struct rn_align_pair){offset + i, RN_ALIGN_NONE};
        }
        if (i < table->b_count) {
            pairs[count++] = (struct rn_align_pair){RN_ALIGN_NONE, offset + i};
        }
    }
    return count;
}

static enum rn_status align_middle(struct table *table, uint32_t offset,
                                   struct rn_align_pair *pairs, uint32_t *count)
{
    size_t width = table->b_count + 1;
    if (table->a_count + 1 > RN_ALIGN_PAIRS_MAX / width) {
        *count = pair_in_order(table, offset, pairs);
        return RN_OK;
    }
    table->moves = rn_alloc((table->a_count + 1) * width);
    table->costs = rn_alloc(2 * width * sizeof *table->costs);
    if (table->moves != NULL && table->costs != NULL) {
        for (size_t i = 0; i <= table->a_count; i++) {
            fill_row(table, i);
        }
        *count = walk_back(table, offset, pairs, table->a_count + table->b_count);
    }
    bool good = table->moves != NULL && table->costs != NULL;
    rn_free(table->moves);
    rn_free(table->costs);
    return good ? RN_OK : RN_NOMEM;
}

enum rn_status rn_align(struct rn_arena *arena, const struct rn_align_step *a, uint32_t a_count,
                        const struct rn_align_step *b, uint32_t b_count,
                        struct rn_align_pair **pairs, uint32_t *count)
{
    uint32_t head = 0;
    uint32_t tail = 0;
    uint32_t least = a_count < b_count ? a_count : b_count;
    uint32_t middle = 0;
    size_t room = (size_t)a_count + b_count + 1;
    *pairs = rn_arena_alloc(arena, room * sizeof **pairs);
    if (*pairs == NULL) {
        return RN_NOMEM;
    }
    while (head < least && is_same(&a[head], &b[head])) {
        (*pairs)[head] = (struct rn_align_pair){head, head};
        head++;
    }
    while (tail < least - head && is_same(&a[a_count - 1 - tail], &b[b_count - 1 - tail])) {
        tail++;
    }
    struct table table = {.a = a + head,
                          .b = b + head,
                          .a_count = a_count - head - tail,
                          .b_count = b_count - head - tail};
    enum rn_status status = align_middle(&table, head, *pairs + head, &middle);
    for (uint32_t i = 0; status == RN_OK && i < tail; i++) {
        (*pairs)[head + middle + i] =
            (struct rn_align_pair){a_count - tail + i, b_count - tail + i};
    }
    *count = head + middle + tail;
    return status;
}
