/* Windows of sources in an open hash table, looked up by a rolling hash over the searched text (verbatim.h). */
#include "verbatim.h"

#include <string.h>

#include "base/memory.h"

#define WINDOW ((size_t)RN_VERBATIM_CHARS_MIN) /* bytes: no 32 characters are shorter */
#define BASE UINT64_C(0x9E3779B97F4A7C15)      /* odd; what the sums are multiplied with */
#define SAME_MAX 16u /* windows of one hash that are kept: text that repeats itself has many */

struct source {
    uint32_t number;
    struct rn_bytes text;
};

/* A window of a source; `source` counts from 1, 0 is a free place. */
struct place {
    uint32_t source;
    uint32_t at;
    uint64_t hash;
};

struct rn_verbatim {
    struct source *sources;
    size_t source_count;
    size_t source_cap;
    struct place *places;
    size_t place_count;
    size_t place_cap; /* a power of two, or 0 */
    size_t bytes;
    uint64_t
        oldest; /* BASE to the power of WINDOW + 1: what the byte that leaves was multiplied with */
    bool is_full;
};

struct rn_verbatim *rn_verbatim_new(void)
{
    struct rn_verbatim *verbatim = rn_calloc(1, sizeof *verbatim);
    if (verbatim != NULL) {
        verbatim->oldest = 1;
        for (size_t i = 0; i <= WINDOW; i++) {
            verbatim->oldest *= BASE;
        }
    }
    return verbatim;
}

void rn_verbatim_free(struct rn_verbatim *verbatim)
{
    if (verbatim != NULL) {
        rn_free(verbatim->sources);
        rn_free(verbatim->places);
        rn_free(verbatim);
    }
}

bool rn_verbatim_is_full(const struct rn_verbatim *verbatim)
{
    return verbatim->is_full;
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

/* The high bits are the mixed ones. */
static size_t slot_of(uint64_t hash, size_t cap)
{
    return (size_t)((hash * BASE) >> 20) & (cap - 1);
}

/* False: as many of its hash are there as may be. */
static bool put(struct place *places, size_t cap, struct place place)
{
    size_t slot = slot_of(place.hash, cap);
    size_t same = 0;
    while (places[slot].source != 0 && same < SAME_MAX) {
        same += places[slot].hash == place.hash;
        slot = (slot + 1) & (cap - 1);
    }
    if (same == SAME_MAX) {
        return false;
    }
    places[slot] = place;
    return true;
}

/* At most half full, so that searches stay short. */
static enum rn_status make_room(struct rn_verbatim *verbatim, size_t more)
{
    size_t cap = verbatim->place_cap == 0 ? 1024 : verbatim->place_cap;
    while (cap / 2 < verbatim->place_count + more) {
        cap *= 2;
    }
    if (cap == verbatim->place_cap) {
        return RN_OK;
    }
    struct place *places = rn_calloc(cap, sizeof *places);
    if (places == NULL) {
        return RN_NOMEM;
    }
    for (size_t i = 0; i < verbatim->place_cap; i++) {
        if (verbatim->places[i].source != 0) {
            (void)put(places, cap, verbatim->places[i]);
        }
    }
    rn_free(verbatim->places);
    verbatim->places = places;
    verbatim->place_cap = cap;
    return RN_OK;
}

/* The hash of the window that ends behind `at`, from that of the one before it. */
static uint64_t rolled(const struct rn_verbatim *verbatim, uint64_t hash, struct rn_bytes text,
                       size_t at)
{
    hash = (hash + text.data[at] + 1) * BASE;
    return at < WINDOW ? hash : hash - (text.data[at - WINDOW] + UINT64_C(1)) * verbatim->oldest;
}

/* --- sources -------------------------------------------------------------------------------------------------------- */

static enum rn_status add_source(struct rn_verbatim *verbatim, struct source source)
{
    if (verbatim->source_count == verbatim->source_cap) {
        size_t cap = verbatim->source_cap == 0 ? 16 : 2 * verbatim->source_cap;
        struct source *sources = rn_realloc(verbatim->sources, cap * sizeof *sources);
        if (sources == NULL) {
            return RN_NOMEM;
        }
        verbatim->sources = sources;
        verbatim->source_cap = cap;
    }
    verbatim->sources[verbatim->source_count++] = source;
    return RN_OK;
}

enum rn_status rn_verbatim_add(struct rn_verbatim *verbatim, uint32_t source, struct rn_bytes text)
{
    if (text.len < WINDOW) {
        return RN_OK;
    }
    if (text.len > RN_VERBATIM_BYTES_MAX - verbatim->bytes) {
        verbatim->is_full = true;
        return RN_OK;
    }
    enum rn_status status = make_room(verbatim, text.len);
    status = status == RN_OK ? add_source(verbatim, (struct source){.number = source, .text = text})
                             : status;
    if (status != RN_OK) {
        return status;
    }
    uint64_t hash = 0;
    for (size_t i = 0; i < text.len; i++) {
        hash = rolled(verbatim, hash, text, i);
        if (i + 1 >= WINDOW) {
            verbatim->place_count += put(verbatim->places, verbatim->place_cap,
                                         (struct place){.source = (uint32_t)verbatim->source_count,
                                                        .at = (uint32_t)(i + 1 - WINDOW),
                                                        .hash = hash});
        }
    }
    verbatim->bytes += text.len;
    return RN_OK;
}

/* --- the search ----------------------------------------------------------------------------------------------------- */

static size_t common(struct rn_bytes a, struct rn_bytes b)
{
    size_t len = 0;
    while (len < a.len && len < b.len && a.data[len] == b.data[len]) {
        len++;
    }
    return len;
}

static bool continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Shortens a stretch to whole characters at both ends; false when too few are left. */
static bool fit_characters(struct rn_bytes text, struct rn_stretch *stretch)
{
    while (stretch->len > 0 && continues(text.data[stretch->at])) {
        stretch->at++;
        stretch->source_at++;
        stretch->len--;
    }
    size_t end = stretch->at + stretch->len;
    while (end > stretch->at && end < text.len && continues(text.data[end])) {
        end--;
    }
    stretch->len = end - stretch->at;
    size_t characters = 0;
    for (size_t i = stretch->at; i < end; i++) {
        characters += !continues(text.data[i]);
    }
    return characters >= RN_VERBATIM_CHARS_MIN;
}

/* The longest stretch that begins with the window at `at`; len 0 where there is none. */
static struct rn_stretch longest_at(const struct rn_verbatim *verbatim, struct rn_bytes text,
                                    size_t at, uint64_t hash)
{
    struct rn_stretch best = {.len = 0};
    size_t slot = slot_of(hash, verbatim->place_cap);
    while (verbatim->places[slot].source != 0) {
        const struct place *place = &verbatim->places[slot];
        if (place->hash == hash) {
            const struct source *source = &verbatim->sources[place->source - 1];
            size_t len = common(rn_bytes_from(source->text, place->at), rn_bytes_from(text, at));
            if (len >= WINDOW && len >= best.len) {
                best = (struct rn_stretch){
                    .source = source->number, .source_at = place->at, .at = at, .len = len};
            }
        }
        slot = (slot + 1) & (verbatim->place_cap - 1);
    }
    return best;
}

void rn_verbatim_find(const struct rn_verbatim *verbatim, struct rn_bytes text,
                      rn_verbatim_visit *visit, void *self)
{
    uint64_t hash = 0;
    size_t from = 0; /* what stands before is explained */
    if (verbatim->place_cap == 0) {
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        hash = rolled(verbatim, hash, text, i);
        if (i + 1 < from + WINDOW) {
            continue;
        }
        struct rn_stretch stretch = longest_at(verbatim, text, i + 1 - WINDOW, hash);
        size_t end = stretch.at + stretch.len;
        if (stretch.len > 0 && fit_characters(text, &stretch)) {
            visit(self, &stretch);
            from = end;
        }
    }
}
