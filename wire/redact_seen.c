/*
 * One pass over a text for any number of needles.
 *
 * Each needle has eleven bytes that stand in the text as they are. Of every eight-byte window that begins at a multiple of
 * four, one lies inside such a stretch, wherever it stands: so the four windows of each anchor go into a hash table with
 * a bit filter before it, and the text is looked at every four bytes only. What the filter lets through is compared in
 * full. On the way, runs of token bytes are handed to redact_shapes.c.
 */
#include "redact_parts.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

#define WINDOW_BYTES 8u
#define STRIDE 4u
#define WINDOWS_PER_NEEDLE (RN_ANCHOR_BYTES - WINDOW_BYTES + 1)
#define SLOTS_LOG2_MIN 7u
#define FILTER_BITS_PER_SLOT_LOG2 3u /* slots are half full at most: 16 bits or more per window */

struct rn_window {
    uint64_t bytes;
    const struct rn_needle *needle; /* NULL: free */
    size_t shift;                   /* offset of the window in the anchor */
};

static const struct rn_needle placeholder_needle = {
    .text = {(const uint8_t *)RN_PLACEHOLDER, sizeof RN_PLACEHOLDER - 1},
    .form = RN_NEEDLE_PLACEHOLDER,
};

static const struct rn_needle pem_needle = {
    .text = {(const uint8_t *)"-----BEGIN ", 11},
    .form = RN_NEEDLE_PEM,
};

static uint64_t load(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* The multiplication mixes upwards, so that the upper bits are the good ones. */
static uint64_t hash_of(uint64_t window)
{
    return window * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t filter_bit(const struct rn_seen *seen, uint64_t hash)
{
    return (size_t)(hash >> (64 - seen->slots_log2 - FILTER_BITS_PER_SLOT_LOG2));
}

static void add_window(struct rn_seen *seen, struct rn_window window)
{
    uint64_t hash = hash_of(window.bytes);
    size_t mask = ((size_t)1 << seen->slots_log2) - 1;
    size_t slot = (size_t)(hash >> (64 - seen->slots_log2));
    size_t bit = filter_bit(seen, hash);
    while (seen->slots[slot].needle != NULL) {
        slot = (slot + 1) & mask;
    }
    seen->slots[slot] = window;
    seen->filter[bit / 64] |= UINT64_C(1) << (bit % 64);
    seen->used++;
    assert(seen->used <= mask);
}

void rn_seen_add(struct rn_seen *seen, const struct rn_needle *needle)
{
    const uint8_t *anchor = needle->text.data + needle->anchor;
    assert(needle->anchor + RN_ANCHOR_BYTES <= needle->text.len);
    for (size_t shift = 0; shift < WINDOWS_PER_NEEDLE; shift++) {
        add_window(seen, (struct rn_window){
                             .bytes = load(anchor + shift), .needle = needle, .shift = shift});
    }
}

/* An empty table for `windows` of them. The old one is kept when memory is short. */
static enum rn_status make_room(struct rn_seen *seen, size_t windows)
{
    unsigned log2 = SLOTS_LOG2_MIN;
    while (((size_t)1 << log2) < windows * 2) {
        log2++;
    }
    size_t slots = (size_t)1 << log2;
    struct rn_window *table = rn_calloc(slots, sizeof *table);
    uint64_t *filter = rn_calloc((slots << FILTER_BITS_PER_SLOT_LOG2) / 64, sizeof *filter);
    if (table == NULL || filter == NULL) {
        rn_free(table);
        rn_free(filter);
        return RN_NOMEM;
    }
    *seen = (struct rn_seen){.slots = table, .filter = filter, .slots_log2 = log2};
    return RN_OK;
}

enum rn_status rn_seen_clear(struct rn_seen *seen, size_t needles)
{
    struct rn_seen old = *seen;
    enum rn_status status = make_room(seen, (needles + 2) * WINDOWS_PER_NEEDLE);
    if (status == RN_OK) {
        rn_seen_free(&old);
        rn_seen_add(seen, &placeholder_needle);
        rn_seen_add(seen, &pem_needle);
    }
    return status;
}

enum rn_status rn_seen_reserve(struct rn_seen *seen, size_t more)
{
    size_t windows = seen->used + more * WINDOWS_PER_NEEDLE;
    size_t slots = (size_t)1 << seen->slots_log2;
    if (windows * 2 <= slots) {
        return RN_OK;
    }
    struct rn_seen old = *seen;
    enum rn_status status = make_room(seen, windows * 2);
    if (status != RN_OK) {
        return status;
    }
    for (size_t i = 0; i < slots; i++) {
        if (old.slots[i].needle != NULL) {
            add_window(seen, old.slots[i]);
        }
    }
    rn_seen_free(&old);
    return RN_OK;
}

void rn_seen_free(struct rn_seen *seen)
{
    rn_free(seen->slots);
    rn_free(seen->filter);
    *seen = (struct rn_seen){.used = 0};
}

/* --- searching ----------------------------------------------------------------------------------------------------- */

static void try_needle(struct rn_scan *scan, const struct rn_needle *needle, size_t anchor_at)
{
    size_t begin;
    size_t end;
    if (!rn_needle_match(needle, scan->text, anchor_at, &begin, &end)) {
        return;
    }
    if (needle->form == RN_NEEDLE_PEM) {
        rn_shapes_at_pem(scan, begin);
        return;
    }
    bool placeholder = needle->form == RN_NEEDLE_PLACEHOLDER;
    rn_scan_found(scan, begin, end, placeholder ? RN_SECRET_PLACEHOLDER : RN_SECRET_SEEN);
}

/* The filter let the window at `at` through. */
static void try_window(const struct rn_seen *seen, struct rn_scan *scan, size_t at, uint64_t window)
{
    size_t mask = ((size_t)1 << seen->slots_log2) - 1;
    size_t slot = (size_t)(hash_of(window) >> (64 - seen->slots_log2));
    for (; seen->slots[slot].needle != NULL; slot = (slot + 1) & mask) {
        const struct rn_window *found = &seen->slots[slot];
        if (found->bytes == window && found->shift <= at &&
            at - found->shift + RN_ANCHOR_BYTES <= scan->text.len) {
            try_needle(scan, found->needle, at - found->shift);
        }
    }
}

/* Eight token bytes. The subtraction finds what is below '-' (a blank, a quote, a comma), which is most of what is none. */
static bool is_token_word(uint64_t word, const uint8_t *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    if ((((word - ones * '-') | word) & (ones * 0x80)) != 0) {
        return false;
    }
    for (size_t i = 0; i < WINDOW_BYTES; i++) {
        if (!rn_is_token_byte(bytes[i])) {
            return false;
        }
    }
    return true;
}

/* The filter alone, with what does not change kept out of the loop. */
struct filter {
    const uint64_t *bits;
    unsigned shift;
};

static inline bool passes(struct filter filter, uint64_t window)
{
    uint64_t bit = hash_of(window) >> filter.shift;
    return (filter.bits[bit / 64] >> (bit % 64) & 1) != 0;
}

void rn_seen_scan(const struct rn_seen *seen, struct rn_scan *scan)
{
    const struct filter filter = {seen->filter, 64 - seen->slots_log2 - FILTER_BITS_PER_SLOT_LOG2};
    const uint8_t *text = scan->text.data;
    size_t len = scan->text.len;
    size_t at = 0;
    size_t runs_end = 0;
    for (; at + STRIDE + WINDOW_BYTES <= len; at += 2 * STRIDE) {
        uint64_t first = load(text + at);
        uint64_t second = load(text + at + STRIDE);
        if (passes(filter, first)) {
            try_window(seen, scan, at, first);
        }
        if (passes(filter, second)) {
            try_window(seen, scan, at + STRIDE, second);
        }
        if (at >= runs_end && is_token_word(first, text + at) &&
            is_token_word(second, text + at + STRIDE)) {
            rn_shapes_at_run(scan, at);
            runs_end = scan->run_end;
        }
    }
    if (at + WINDOW_BYTES <= len) {
        try_window(seen, scan, at, load(text + at));
    }
}
