/* One pass from the text into memory of the same size, then both ends are trimmed. */
#include "fold.h"

#include <string.h>

#include "base/utf8.h"

bool rn_fold_is_blank(uint32_t point)
{
    return point == ' ' || (point >= '\t' && point <= '\r') || point == 0x85 || point == 0xa0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

/* Soft hyphen, zero-width characters, word joiner, byte order mark, variation selectors. */
static bool is_invisible(uint32_t point)
{
    return point == 0xad || (point >= 0x200b && point <= 0x200d) || point == 0x2060 ||
           point == 0xfeff || (point >= 0xfe00 && point <= 0xfe0f);
}

/* The ASCII relative of a typographic character; NULL: it has none. Never longer than the character. */
static const char *relative_of(uint32_t point)
{
    if ((point >= 0x2018 && point <= 0x201b) || point == 0x2032 || point == 0xb4) {
        return "'";
    }
    if ((point >= 0x201c && point <= 0x201f) || point == 0x2033 || point == 0xab || point == 0xbb) {
        return "\"";
    }
    if ((point >= 0x2010 && point <= 0x2015) || point == 0x2212) {
        return "-";
    }
    return point == 0x2026 ? "..." : NULL;
}

struct folding {
    uint8_t *out;
    size_t len;
    bool owes_blank; /* one was read and is written only before something else */
};

static void put(struct folding *folding, const void *bytes, size_t len)
{
    if (folding->owes_blank && folding->len > 0) {
        folding->out[folding->len++] = ' ';
    }
    folding->owes_blank = false;
    memcpy(folding->out + folding->len, bytes, len);
    folding->len += len;
}

static void fold_one(struct folding *folding, const uint8_t *bytes, size_t len, uint32_t point)
{
    const char *relative = relative_of(point);
    if (rn_fold_is_blank(point)) {
        folding->owes_blank = true;
    } else if (relative != NULL) {
        put(folding, relative, strlen(relative));
    } else if (len == 1) {
        uint8_t lower = rn_byte_lower(bytes[0]);
        put(folding, &lower, 1);
    } else if (!is_invisible(point)) {
        put(folding, bytes, len);
    }
}

static bool is_outer(uint8_t byte, const char *more)
{
    return byte != 0 && (strchr(" \"'*_`", byte) != NULL || strchr(more, byte) != NULL);
}

struct rn_bytes rn_fold(struct rn_arena *arena, struct rn_bytes text)
{
    struct folding folding = {.out = rn_arena_alloc(arena, text.len + 1)};
    if (folding.out == NULL) {
        return rn_bytes_of(NULL, 0);
    }
    for (size_t at = 0; at < text.len;) {
        uint32_t point = 0;
        size_t len = rn_utf8_take(text, at, &point);
        if (len == 0) {
            put(&folding, text.data + at++, 1);
        } else {
            fold_one(&folding, text.data + at, len, point);
            at += len;
        }
    }
    size_t begin = 0;
    while (folding.len > begin && is_outer(folding.out[folding.len - 1], ".,;:!")) {
        folding.len--;
    }
    while (begin < folding.len && is_outer(folding.out[begin], "")) {
        begin++;
    }
    return rn_bytes_of(folding.out + begin, folding.len - begin);
}

/* --- refusals ------------------------------------------------------------------------------------------------------ */

/* The longest of the phrases that `text` begins with, up to the end of a word; 0: none. */
static size_t begins_with(struct rn_bytes text, const char *const *phrases, size_t count)
{
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(phrases[i]);
        bool ends = text.len <= len || text.data[len] < 'a' || text.data[len] > 'z';
        if (len > longest && ends && rn_bytes_starts_with(text, rn_bytes_text(phrases[i]))) {
            longest = len;
        }
    }
    return longest;
}

bool rn_fold_refuses(struct rn_bytes folded)
{
    static const char *const sorry[] = {"i'm sorry, but",   "i'm sorry,",      "i am sorry, but",
                                        "i am sorry,",      "sorry, but",      "sorry,",
                                        "i apologize, but", "i apologise, but"};
    static const char *const cannot[] = {"i can't",         "i cannot",        "i can not",
                                         "i won't",         "i'm unable to",   "i am unable to",
                                         "i'm not able to", "i am not able to"};
    static const char *const what[] = {
        "help",     "assist",  "comply",  "provide", "fulfill", "fulfil",      "create",
        "generate", "discuss", "support", "engage",  "do that", "answer that", "continue with"};
    size_t apology = begins_with(folded, sorry, sizeof sorry / sizeof sorry[0]);
    struct rn_bytes rest = rn_bytes_trim(rn_bytes_from(folded, apology));
    size_t inability = begins_with(rest, cannot, sizeof cannot / sizeof cannot[0]);
    if (inability == 0 || apology > 0) {
        return inability > 0;
    }
    rest = rn_bytes_trim(rn_bytes_from(rest, inability));
    return begins_with(rest, what, sizeof what / sizeof what[0]) > 0;
}
