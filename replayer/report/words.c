/*
 * Words are cut off one by one; what both texts begin and end with is taken away, and in between the
 * shortest way from one to the other is found as Myers describes it ("An O(ND) Difference Algorithm and
 * Its Variations", 1986), up to a bounded number of changes.
 */
#include "words.h"

#include <stdlib.h>

#include "base/memory.h"
#include "fold.h"
#include "base/utf8.h"

#define SHARED_WORDS_MAX 65536u
#define TEXT_BYTES_MAX ((size_t)1 << 30) /* offsets have 32 bits */

/* --- words --------------------------------------------------------------------------------------------------------- */

enum word_class { CLASS_BLANK, CLASS_LETTER, CLASS_SINGLE };

static enum word_class class_of(uint32_t point)
{
    if (rn_fold_is_blank(point)) {
        return CLASS_BLANK;
    }
    if (point < 0x80) {
        uint8_t lower = rn_byte_lower((uint8_t)point);
        bool letter = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        return letter ? CLASS_LETTER : CLASS_SINGLE;
    }
    /* From the CJK radicals on, but not Hangul, which is written with blanks. */
    bool alone = point >= 0x2e80 && !(point >= 0xac00 && point <= 0xd7ff);
    return alone || (point >= 0x2010 && point < 0x2070) ? CLASS_SINGLE : CLASS_LETTER;
}

/* The character at `at`; a byte that is no UTF-8 counts as a letter. */
static size_t take(struct rn_bytes text, size_t at, enum word_class *class)
{
    uint32_t point = 0;
    size_t len = rn_utf8_take(text, at, &point);
    *class = len == 0 ? CLASS_LETTER : class_of(point);
    return len == 0 ? 1 : len;
}

/* The end of the word that begins at `at`. */
static size_t word_end(struct rn_bytes text, size_t at, enum word_class *class)
{
    enum word_class next;
    size_t end = at + take(text, at, class);
    while (*class != CLASS_SINGLE && end < text.len) {
        size_t len = take(text, end, &next);
        if (next != *class) {
            break;
        }
        end += len;
    }
    return end;
}

static uint64_t hash_of(struct rn_bytes text, size_t begin, size_t end)
{
    uint64_t hash =
        UINT64_C(0xcbf29ce484222325); /* FNV-1a: never compared without the bytes but to count */
    for (size_t i = begin; i < end; i++) {
        hash = (hash ^ text.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* --- the shortest way ---------------------------------------------------------------------------------------------- */

struct word {
    uint64_t hash;
    uint32_t begin;
    uint32_t end;
    bool blank;
    bool changed; /* not in the other text, or not at this place */
};

struct side {
    struct rn_bytes text;
    struct word *words;
    int32_t count;
};

static enum rn_status split(struct rn_arena *arena, struct rn_bytes text, struct side *side)
{
    enum word_class class;
    size_t count = 0;
    side->text = rn_bytes_sub(text, 0, TEXT_BYTES_MAX);
    for (size_t at = 0; at < side->text.len; at = word_end(side->text, at, &class)) {
        count++;
    }
    side->words = rn_arena_alloc(arena, (count + 1) * sizeof *side->words);
    if (side->words == NULL) {
        return RN_NOMEM;
    }
    for (size_t at = 0; at < side->text.len;) {
        size_t end = word_end(side->text, at, &class);
        side->words[side->count++] = (struct word){.hash = hash_of(side->text, at, end),
                                                   .begin = (uint32_t)at,
                                                   .end = (uint32_t)end,
                                                   .blank = class == CLASS_BLANK,
                                                   .changed = true};
        at = end;
    }
    return RN_OK;
}

static bool same_word(const struct side *a, int32_t i, const struct side *b, int32_t j)
{
    const struct word *x = &a->words[i];
    const struct word *y = &b->words[j];
    return x->hash == y->hash && rn_bytes_equal(rn_bytes_sub(a->text, x->begin, x->end - x->begin),
                                                rn_bytes_sub(b->text, y->begin, y->end - y->begin));
}

static void keep(struct side *a, int32_t i, struct side *b, int32_t j)
{
    a->words[i].changed = false;
    b->words[j].changed = false;
}

/* What is left when both ends are taken away: words [begin, begin + n) of a, [begin, begin + m) of b. */
struct middle {
    struct side *a;
    struct side *b;
    int32_t begin;
    int32_t n;
    int32_t m;
};

static struct middle middle_of(struct side *a, struct side *b)
{
    int32_t shorter = a->count < b->count ? a->count : b->count;
    int32_t front = 0;
    int32_t back = 0;
    while (front < shorter && same_word(a, front, b, front)) {
        keep(a, front, b, front);
        front++;
    }
    while (back < shorter - front && same_word(a, a->count - 1 - back, b, b->count - 1 - back)) {
        keep(a, a->count - 1 - back, b, b->count - 1 - back);
        back++;
    }
    return (struct middle){a, b, front, a->count - front - back, b->count - front - back};
}

/* rounds[d][k + d]: how far in `a` one comes on diagonal k with d changes; k = -d, -d + 2, ..., d. */
struct ways {
    int32_t *rounds[RN_WORDS_CHANGES_MAX + 1];
};

/* Where round d enters diagonal k: by adding a word of b (down) or by removing one of a. */
static bool comes_down(const struct ways *ways, int32_t d, int32_t k)
{
    const int32_t *before = ways->rounds[d - 1] + d - 1;
    return k == -d || (k != d && before[k - 1] < before[k + 1]);
}

static int32_t enter(const struct ways *ways, int32_t d, int32_t k)
{
    if (d == 0) {
        return 0;
    }
    const int32_t *before = ways->rounds[d - 1] + d - 1;
    return comes_down(ways, d, k) ? before[k + 1] : before[k - 1] + 1;
}

/* Fills round d; true when the end was reached. */
static bool walk(const struct middle *middle, struct ways *ways, int32_t d)
{
    for (int32_t k = -d; k <= d; k += 2) {
        int32_t x = enter(ways, d, k);
        while (x < middle->n && x - k < middle->m &&
               same_word(middle->a, middle->begin + x, middle->b, middle->begin + x - k)) {
            x++;
        }
        ways->rounds[d][k + d] = x;
        if (k == middle->n - middle->m && x == middle->n) {
            return true;
        }
    }
    return false;
}

/* From the end back to the beginning: what was walked on a diagonal is the same in both. */
static void retrace(const struct middle *middle, const struct ways *ways, int32_t d)
{
    int32_t x = middle->n;
    int32_t k = middle->n - middle->m;
    for (; d >= 0; d--) {
        int32_t entry = enter(ways, d, k);
        while (x > entry) {
            x--;
            keep(middle->a, middle->begin + x, middle->b, middle->begin + x - k);
        }
        if (d > 0 && comes_down(ways, d, k)) {
            k++;
        } else {
            k--;
            x--;
        }
    }
}

static enum rn_status compare(struct rn_arena *arena, const struct middle *middle)
{
    int32_t most = (int32_t)RN_WORDS_CHANGES_MAX;
    struct ways *ways = rn_arena_alloc(arena, sizeof *ways);
    for (int32_t d = 0; ways != NULL && d <= most; d++) {
        ways->rounds[d] = rn_arena_alloc(arena, (size_t)(2 * d + 1) * sizeof(int32_t));
        if (ways->rounds[d] == NULL) {
            return RN_NOMEM;
        }
        if (walk(middle, ways, d)) {
            retrace(middle, ways, d);
            return RN_OK;
        }
    }
    return ways == NULL ? RN_NOMEM : RN_OK;
}

/* --- runs ---------------------------------------------------------------------------------------------------------- */

struct runs {
    struct rn_words_run *list;
    size_t count;
};

static void add_run(struct runs *runs, enum rn_words_kind kind, const struct side *side,
                    int32_t first, int32_t end)
{
    if (end > first) {
        uint32_t begin = side->words[first].begin;
        uint32_t len = side->words[end - 1].end - begin;
        runs->list[runs->count++] =
            (struct rn_words_run){kind, rn_bytes_sub(side->text, begin, len)};
    }
}

/* How many words are the same from here on; *blank: none but blanks. */
static int32_t same_run(const struct side *a, int32_t i, const struct side *b, int32_t j,
                        bool *blank)
{
    int32_t len = 0;
    *blank = true;
    while (i + len < a->count && !a->words[i + len].changed && !b->words[j + len].changed) {
        *blank = *blank && a->words[i + len].blank;
        len++;
    }
    return len;
}

static void gather(const struct side *a, const struct side *b, struct runs *runs)
{
    int32_t i = 0;
    int32_t j = 0;
    int32_t from[2] = {0, 0}; /* where the change under way began */
    while (i < a->count || j < b->count) {
        bool blank = false;
        while (i < a->count && a->words[i].changed) {
            i++;
        }
        while (j < b->count && b->words[j].changed) {
            j++;
        }
        int32_t len = same_run(a, i, b, j, &blank);
        bool changed = i > from[0] || j > from[1];
        bool more = i + len < a->count || j + len < b->count;
        if (!(changed && blank && more)) {
            add_run(runs, RN_WORDS_REMOVED, a, from[0], i);
            add_run(runs, RN_WORDS_ADDED, b, from[1], j);
            add_run(runs, RN_WORDS_SAME, a, i, i + len);
            from[0] = i + len;
            from[1] = j + len;
        }
        i += len;
        j += len;
    }
}

enum rn_status rn_words_compare(struct rn_arena *arena, struct rn_bytes a, struct rn_bytes b,
                                struct rn_words_run **runs, size_t *count)
{
    struct rn_arena work = {0};
    struct side sides[2] = {0};
    struct runs found = {0};
    enum rn_status status = split(&work, a, &sides[0]);
    if (status == RN_OK) {
        status = split(&work, b, &sides[1]);
    }
    if (status == RN_OK) {
        struct middle middle = middle_of(&sides[0], &sides[1]);
        bool both = middle.n > 0 && middle.m > 0;
        status = both ? compare(&work, &middle) : RN_OK;
    }
    if (status == RN_OK) {
        size_t most = (size_t)sides[0].count + (size_t)sides[1].count + 1;
        found.list = rn_arena_alloc(arena, most * sizeof *found.list);
        status = found.list == NULL ? RN_NOMEM : RN_OK;
    }
    if (status == RN_OK) {
        gather(&sides[0], &sides[1], &found);
    }
    *runs = found.list;
    *count = found.count;
    rn_arena_free(&work);
    return status;
}

/* --- the share ----------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The sorted hashes of the words; rn_alloc'ed, NULL when memory ran out. */
static uint64_t *hashes_of(struct rn_bytes text, size_t *count)
{
    size_t room = text.len < SHARED_WORDS_MAX ? text.len : SHARED_WORDS_MAX;
    uint64_t *hashes = rn_alloc((room + 1) * sizeof *hashes);
    *count = 0;
    for (size_t at = 0; hashes != NULL && at < text.len && *count < room;) {
        enum word_class class;
        size_t end = word_end(text, at, &class);
        if (class != CLASS_BLANK) {
            hashes[(*count)++] = hash_of(text, at, end);
        }
        at = end;
    }
    if (hashes != NULL) {
        qsort(hashes, *count, sizeof *hashes, by_value);
    }
    return hashes;
}

enum rn_status rn_words_shared(struct rn_bytes a, struct rn_bytes b, double *share)
{
    size_t counts[2] = {0, 0};
    uint64_t *x = hashes_of(a, &counts[0]);
    uint64_t *y = hashes_of(b, &counts[1]);
    enum rn_status status = x == NULL || y == NULL ? RN_NOMEM : RN_OK;
    size_t both = 0;
    for (size_t i = 0, j = 0; status == RN_OK && i < counts[0] && j < counts[1];) {
        both += x[i] == y[j];
        uint64_t least = x[i] < y[j] ? x[i] : y[j];
        i += x[i] == least;
        j += y[j] == least;
    }
    size_t all = counts[0] + counts[1];
    *share = all == 0 ? 1.0 : 2.0 * (double)both / (double)all;
    rn_free(x);
    rn_free(y);
    return status;
}
