/*
 * The recorded request that is most like one that nothing matched: for a sentence, never for an answer. Looks at a bounded
 * number of events.
 */
#include "divergence.h"

#include <string.h>

/* How alike two requests are; compared member by member from the top. */
struct likeness {
    unsigned target; /* 0..4: upstream, method, path, whole target */
    double body;     /* 0..1 */
};

static struct rn_bytes path_of(struct rn_bytes target)
{
    size_t mark = rn_bytes_find_byte(target, '?');
    return mark == RN_NPOS ? target : rn_bytes_sub(target, 0, mark);
}

static double body_likeness(struct rn_bytes a, struct rn_bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    size_t front = rn_difference_offset(a, b);
    size_t back = 0;
    while (back < shorter - front && a.data[a.len - 1 - back] == b.data[b.len - 1 - back]) {
        back++;
    }
    return a.len + b.len == 0 ? 1.0 : 2.0 * (double)(front + back) / (double)(a.len + b.len);
}

static struct likeness likeness_of(const struct rn_event *event, const struct rn_key_input *live)
{
    struct rn_bytes target = rn_event_get(event, RN_TAG_TARGET);
    struct likeness likeness = {0};
    if (!rn_bytes_equal(rn_event_get(event, RN_TAG_UPSTREAM), live->upstream)) {
        return likeness;
    }
    likeness.target = 1;
    likeness.target += rn_bytes_equal(rn_event_get(event, RN_TAG_METHOD), live->method);
    likeness.target += rn_bytes_equal(path_of(target), path_of(live->target));
    likeness.target += rn_bytes_equal(target, live->target);
    likeness.body = body_likeness(rn_event_get(event, RN_TAG_REQUEST_BODY), live->body);
    return likeness;
}

static bool is_better(const struct likeness *a, const struct likeness *b)
{
    return a->target != b->target ? a->target > b->target : a->body > b->body;
}

/* A likeness is a guess; a small lead proves nothing. */
#define CLEARLY 0.05

/* Whether nobody could ask for `row` without having been answered by `before`. */
static bool is_needed_by(const struct rn_catalog *catalog, uint32_t before, uint32_t row)
{
    uint64_t end = catalog->facts[before].end;
    return end != 0 && end < catalog->facts[row].arrival;
}

uint32_t rn_nearest_skipped(const struct rn_catalog *catalog, uint32_t nearest,
                            const struct rn_live *live)
{
    uint32_t row = 0;
    while (row < catalog->count &&
           (catalog->rows[row].state != RN_ROW_UNSERVED || !is_needed_by(catalog, row, nearest))) {
        row++;
    }
    struct rn_arena arena = {0};
    struct rn_event event;
    bool is_skipped = false;
    if (row < catalog->count && rn_catalog_event(catalog, row, &arena, &event, NULL) == RN_OK) {
        struct likeness skipped = likeness_of(&event, &live->input);
        if (rn_catalog_event(catalog, nearest, &arena, &event, NULL) == RN_OK) {
            struct likeness best = likeness_of(&event, &live->input);
            is_skipped = best.target > skipped.target || best.body > skipped.body + CLEARLY;
        }
    }
    rn_arena_free(&arena);
    return is_skipped ? row : RN_NO_ROW;
}

uint32_t rn_nearest(const struct rn_catalog *catalog, size_t trace, const struct rn_live *live)
{
    const struct rn_catalog_trace *rows = &catalog->traces[trace];
    struct likeness best = {0};
    uint32_t nearest = RN_NO_ROW;
    unsigned looked = 0;
    for (uint32_t row = rows->first; row < rows->first + rows->count && looked < RN_NEAREST_MAX;
         row++) {
        struct rn_arena arena = {0};
        struct rn_event event;
        if (catalog->rows[row].state != RN_ROW_UNSERVED) {
            continue;
        }
        looked++;
        if (rn_catalog_event(catalog, row, &arena, &event, NULL) == RN_OK) {
            struct likeness likeness = likeness_of(&event, &live->input);
            if (nearest == RN_NO_ROW || is_better(&likeness, &best)) {
                nearest = row;
                best = likeness;
            }
        }
        rn_arena_free(&arena);
    }
    return nearest;
}
