/*
 * What a credential can look like in other bytes, and whether it stands there.
 *
 * Most values hold eleven bytes in a row that neither percent-encoding nor JSON touches. Those are the anchor, and around
 * it the value is matched byte by byte in whatever spelling each byte has. Base64 has three forms by alignment; of each
 * the middle is looked for that does not depend on the neighbours, again around an anchor common to both alphabets.
 * A value without such an anchor is looked for in a few fixed spellings instead.
 */
#include "redact_parts.h"

#include <string.h>

#include "base/digest.h"
#include "base/memory.h"

/* --- making -------------------------------------------------------------------------------------------------------- */

#define SPELLINGS_MAX 32

/* Needles under construction: their texts move while the buffer grows, so that offsets are kept. */
struct draft {
    struct rn_needle needles[SPELLINGS_MAX];
    size_t offsets[SPELLINGS_MAX];
    size_t lens[SPELLINGS_MAX];
    size_t count;
    struct rn_buffer *texts;
    enum rn_status status;
};

static bool is_alnum(uint8_t byte)
{
    return rn_is_token_byte(byte) && byte != '-' && byte != '_';
}

/* Left alone by every percent-encoder and by JSON. */
static bool is_plain(uint8_t byte)
{
    return rn_is_token_byte(byte) || byte == '.';
}

/*
 * Offset of eleven bytes in a row that `good` accepts, or RN_NPOS. Of several the ones with the most different bytes, and
 * of those the last: prefixes and runs of one letter stand in many texts.
 */
static size_t find_anchor(struct rn_bytes text, bool (*good)(uint8_t))
{
    unsigned counts[256] = {0};
    size_t distinct = 0;
    size_t best = 0;
    size_t found = RN_NPOS;
    size_t run = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!good(text.data[i])) {
            memset(counts, 0, sizeof counts);
            run = distinct = 0;
            continue;
        }
        distinct += counts[text.data[i]]++ == 0;
        if (++run > RN_ANCHOR_BYTES) {
            distinct -= --counts[text.data[i - RN_ANCHOR_BYTES]] == 0;
        }
        if (run >= RN_ANCHOR_BYTES && distinct >= best) {
            best = distinct;
            found = i + 1 - RN_ANCHOR_BYTES;
        }
    }
    return found;
}

static struct rn_bytes draft_text(const struct draft *draft, size_t i)
{
    return rn_bytes_of(draft->texts->data + draft->offsets[i], draft->lens[i]);
}

/* Takes what was appended to the buffer since `begin` as one more needle, unless it is there already or too short. */
static void take(struct draft *draft, size_t begin, const struct rn_needle *like, size_t anchor)
{
    if (draft->status != RN_OK) {
        draft->texts->len = begin;
        return;
    }
    struct rn_bytes text = rn_bytes_of(draft->texts->data + begin, draft->texts->len - begin);
    bool known = text.len < RN_ANCHOR_BYTES || text.len > RN_FOUND_BYTES_MAX;
    for (size_t i = 0; !known && i < draft->count; i++) {
        known = rn_bytes_equal(draft_text(draft, i), text);
    }
    if (known || draft->count == SPELLINGS_MAX) {
        draft->texts->len = begin;
        return;
    }
    draft->needles[draft->count] = *like;
    draft->needles[draft->count].anchor = anchor == RN_NPOS ? text.len - RN_ANCHOR_BYTES : anchor;
    draft->offsets[draft->count] = begin;
    draft->lens[draft->count] = text.len;
    draft->count++;
}

static void put(struct draft *draft, struct rn_bytes bytes)
{
    if (draft->status == RN_OK) {
        draft->status = rn_buffer_add(draft->texts, bytes);
    }
}

static void put_byte(struct draft *draft, uint8_t byte)
{
    put(draft, rn_bytes_of(&byte, 1));
}

static void put_hex(struct draft *draft, const char *before, uint8_t byte, const char *digits)
{
    put(draft, rn_bytes_text(before));
    put_byte(draft, (uint8_t)digits[byte >> 4]);
    put_byte(draft, (uint8_t)digits[byte & 15]);
}

/* JSON: `slash` writes "\/", `html` writes \u0026 for what is special in HTML, as Go and PHP do. */
static void put_json(struct draft *draft, struct rn_bytes value, bool slash, bool html)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.data[i];
        bool special = byte == '&' || byte == '<' || byte == '>' || byte == '\'';
        if (byte < 0x20 || (html && special)) {
            put_hex(draft, "\\u00", byte, "0123456789abcdef");
            continue;
        }
        if (byte == '"' || byte == '\\' || (byte == '/' && slash)) {
            put_byte(draft, '\\');
        }
        put_byte(draft, byte);
    }
}

/* Percent-encoding of all but the unreserved bytes and those in `keep` (RFC 3986, 2.3). */
static void put_percent(struct draft *draft, struct rn_bytes value, const char *digits,
                        const char *keep, bool plus)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.data[i];
        if (is_plain(byte) || byte == '~' || (byte != '\0' && strchr(keep, byte) != NULL)) {
            put_byte(draft, byte);
        } else if (byte == ' ' && plus) {
            put_byte(draft, '+');
        } else {
            put_hex(draft, "%", byte, digits);
        }
    }
}

/* A text without a common anchor, in each of its usual spellings. */
static void draft_spellings(struct draft *draft, struct rn_bytes value,
                            const struct rn_needle *like)
{
    static const char upper[] = "0123456789ABCDEF";
    static const char lower[] = "0123456789abcdef";
    size_t begin = draft->texts->len;
    put(draft, value);
    take(draft, begin, like, RN_NPOS);
    for (unsigned kind = 0; kind < 4; kind++) {
        begin = draft->texts->len;
        put_json(draft, value, (kind & 1) != 0, (kind & 2) != 0);
        take(draft, begin, like, RN_NPOS);
    }
    for (unsigned kind = 0; kind < 6; kind++) {
        static const char *const keeps[] = {"", "/", "!'()*"};
        begin = draft->texts->len;
        put_percent(draft, value, (kind & 1) != 0 ? lower : upper, keeps[kind / 2], kind < 2);
        take(draft, begin, like, RN_NPOS);
    }
}

static void draft_clear(struct draft *draft, struct rn_bytes value)
{
    size_t anchor = find_anchor(value, is_plain);
    struct rn_needle needle = {.form = RN_NEEDLE_CLEAR};
    if (anchor == RN_NPOS) {
        needle.form = RN_NEEDLE_CLEAR_EXACT;
        draft_spellings(draft, value, &needle);
        return;
    }
    size_t begin = draft->texts->len;
    put(draft, value);
    take(draft, begin, &needle, anchor);
}

/* The middle of the Base64 text of `value` behind `align` other bytes that depends on nothing but the value. */
static size_t encode_middle(struct rn_bytes value, size_t align, bool url, uint8_t *out)
{
    const char *alphabet = url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                               : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t first = (8 * align + 5) / 6;
    size_t last = 8 * (align + value.len) / 6;
    for (size_t i = first; i < last; i++) {
        size_t bit = 6 * i - 8 * align;
        unsigned pair = (unsigned)value.data[bit / 8] << 8;
        pair |= bit / 8 + 1 < value.len ? value.data[bit / 8 + 1] : 0u;
        out[i - first] = (uint8_t)alphabet[pair >> (10 - bit % 8) & 63];
    }
    return last - first;
}

static void draft_base64(struct draft *draft, struct rn_bytes value, size_t align, uint8_t *space)
{
    struct rn_needle needle = {
        .form = RN_NEEDLE_BASE64,
        .shares_before = align != 0,
        .shares_after = (align + value.len) % 3 != 0,
    };
    struct rn_bytes middle = rn_bytes_of(space, encode_middle(value, align, false, space));
    size_t anchor = find_anchor(middle, is_alnum);
    if (anchor != RN_NPOS) {
        size_t begin = draft->texts->len;
        put(draft, middle);
        take(draft, begin, &needle, anchor);
        return;
    }
    needle.form = RN_NEEDLE_BASE64_EXACT;
    for (int url = 0; url < 2; url++) {
        static const char *const digits[] = {"0123456789ABCDEF", "0123456789abcdef"};
        middle.len = encode_middle(value, align, url != 0, space);
        size_t begin = draft->texts->len;
        put(draft, middle);
        take(draft, begin, &needle, RN_NPOS);
        begin = draft->texts->len;
        put_json(draft, middle, true, false);
        take(draft, begin, &needle, RN_NPOS);
        begin = draft->texts->len;
        put_percent(draft, middle, digits[url], "", false);
        take(draft, begin, &needle, RN_NPOS);
    }
}

static enum rn_status settle_draft(const struct draft *draft, struct rn_needles *out)
{
    out->at = rn_alloc(draft->count * sizeof *out->at);
    if (out->at == NULL) {
        return RN_NOMEM;
    }
    for (size_t i = 0; i < draft->count; i++) {
        out->at[i] = draft->needles[i];
        out->at[i].text = draft_text(draft, i);
    }
    out->count = draft->count;
    return RN_OK;
}

enum rn_status rn_needles_make(struct rn_bytes value, struct rn_needles *out)
{
    struct draft draft;
    uint8_t space[RN_CREDENTIAL_BYTES_MAX * 4 / 3 + 8];
    *out = (struct rn_needles){.at = NULL};
    draft.count = 0;
    draft.texts = &out->texts;
    draft.status = rn_buffer_reserve(&out->texts, value.len * 6);
    put(&draft, value);
    draft_clear(&draft, value);
    for (size_t align = 0; align < 3; align++) {
        draft_base64(&draft, value, align, space);
    }
    enum rn_status status = draft.status == RN_OK ? settle_draft(&draft, out) : draft.status;
    if (status != RN_OK) {
        rn_needles_free(out);
    }
    return status;
}

void rn_needles_free(struct rn_needles *needles)
{
    rn_buffer_free(&needles->texts);
    rn_free(needles->at);
    *needles = (struct rn_needles){.at = NULL};
}

/* --- matching ------------------------------------------------------------------------------------------------------ */

static bool is_hex_of(const uint8_t *hex, uint8_t byte)
{
    uint8_t value;
    return rn_unhex(rn_bytes_of(hex, 2), &value, 1) && value == byte;
}

/* %XX */
static bool is_percent(struct rn_bytes text, size_t at, uint8_t byte)
{
    return text.len - at >= 3 && text.data[at] == '%' && is_hex_of(text.data + at + 1, byte);
}

/* \u00XX */
static bool is_unicode(struct rn_bytes text, size_t at, uint8_t byte)
{
    return text.len - at >= 6 && memcmp(text.data + at, "\\u00", 4) == 0 && byte < 0x80 &&
           is_hex_of(text.data + at + 4, byte);
}

/* The letter behind a backslash that stands for `byte`, or 0. */
static uint8_t escape_letter(uint8_t byte)
{
    static const char special[] = "\b\f\n\r\t\"\\/";
    static const char letters[] = "bfnrt\"\\/";
    const char *found = byte == '\0' ? NULL : strchr(special, byte);
    return found == NULL ? 0 : (uint8_t)letters[found - special];
}

static bool is_same(uint8_t in_text, uint8_t wanted, bool base64)
{
    return in_text == wanted ||
           (base64 && ((wanted == '+' && in_text == '-') || (wanted == '/' && in_text == '_'))) ||
           (!base64 && wanted == ' ' && in_text == '+');
}

/* How many bytes of the text from `at` spell `byte`, or 0. The longest spelling first. */
static size_t spelled_from(struct rn_bytes text, size_t at, uint8_t byte, bool base64)
{
    if (at >= text.len) {
        return 0;
    }
    if (is_unicode(text, at, byte)) {
        return 6;
    }
    if (is_percent(text, at, byte)) {
        return 3;
    }
    uint8_t letter = escape_letter(byte);
    size_t slashes = 0;
    /* Escaped more than once: JSON inside a string of JSON. */
    while (letter != 0 && slashes < 7 && at + slashes + 1 < text.len &&
           text.data[at + slashes] == '\\') {
        slashes++;
    }
    if (slashes > 0 && text.data[at + slashes] == letter) {
        return slashes + 1;
    }
    return is_same(text.data[at], byte, base64) ? 1 : 0;
}

/* The same, ending at `at`. */
static size_t spelled_before(struct rn_bytes text, size_t at, uint8_t byte, bool base64)
{
    if (at == 0) {
        return 0;
    }
    struct rn_bytes front = rn_bytes_sub(text, 0, at);
    if (at >= 6 && is_unicode(front, at - 6, byte)) {
        return 6;
    }
    if (at >= 3 && is_percent(front, at - 3, byte)) {
        return 3;
    }
    uint8_t letter = escape_letter(byte);
    size_t slashes = 0;
    while (letter != 0 && text.data[at - 1] == letter && slashes < 7 && slashes + 1 < at &&
           text.data[at - 2 - slashes] == '\\') {
        slashes++;
    }
    return slashes > 0 ? slashes + 1 : is_same(text.data[at - 1], byte, base64) ? 1 : 0;
}

static bool match_spelled(const struct rn_needle *needle, struct rn_bytes text, size_t anchor_at,
                          size_t *begin, size_t *end)
{
    bool base64 = needle->form == RN_NEEDLE_BASE64;
    *begin = anchor_at;
    *end = anchor_at + RN_ANCHOR_BYTES;
    /* One window of the anchor was compared so far. */
    if (memcmp(text.data + anchor_at, needle->text.data + needle->anchor, RN_ANCHOR_BYTES) != 0) {
        return false;
    }
    for (size_t i = needle->anchor; i > 0; i--) {
        size_t len = spelled_before(text, *begin, needle->text.data[i - 1], base64);
        if (len == 0) {
            return false;
        }
        *begin -= len;
    }
    for (size_t i = needle->anchor + RN_ANCHOR_BYTES; i < needle->text.len; i++) {
        size_t len = spelled_from(text, *end, needle->text.data[i], base64);
        if (len == 0) {
            return false;
        }
        *end += len;
    }
    return *end - *begin <= RN_FOUND_BYTES_MAX - 16; /* room for what Base64 adds at both ends */
}

static bool match_exactly(const struct rn_needle *needle, struct rn_bytes text, size_t anchor_at,
                          size_t *begin, size_t *end)
{
    if (needle->anchor > anchor_at) {
        return false;
    }
    *begin = anchor_at - needle->anchor;
    *end = *begin + needle->text.len;
    return rn_bytes_equal(rn_bytes_sub(text, *begin, needle->text.len), needle->text);
}

static bool is_base64_byte(uint8_t byte)
{
    return rn_is_token_byte(byte) || byte == '+' || byte == '/';
}

/* One Base64 character in any spelling, behind or before `at`. */
static size_t character_from(struct rn_bytes text, size_t at)
{
    if (is_percent(text, at, '+') || is_percent(text, at, '/')) {
        return 3;
    }
    if (text.len - at >= 2 && text.data[at] == '\\' && text.data[at + 1] == '/') {
        return 2;
    }
    return at < text.len && is_base64_byte(text.data[at]) ? 1 : 0;
}

static size_t character_before(struct rn_bytes text, size_t at)
{
    struct rn_bytes front = rn_bytes_sub(text, 0, at);
    if (at >= 3 && (is_percent(front, at - 3, '+') || is_percent(front, at - 3, '/'))) {
        return 3;
    }
    if (at >= 2 && text.data[at - 2] == '\\' && text.data[at - 1] == '/') {
        return 2;
    }
    return at >= 1 && is_base64_byte(text.data[at - 1]) ? 1 : 0;
}

/* The characters at the borders hold bits of the value; padding tells its length. */
static void widen(const struct rn_needle *needle, struct rn_bytes text, size_t *begin, size_t *end)
{
    if (needle->shares_before) {
        *begin -= character_before(text, *begin);
    }
    if (needle->shares_after) {
        *end += character_from(text, *end);
    }
    for (int i = 0; i < 2; i++) {
        *end += *end < text.len && text.data[*end] == '=' ? 1 : is_percent(text, *end, '=') ? 3 : 0;
    }
}

bool rn_needle_match(const struct rn_needle *needle, struct rn_bytes text, size_t anchor_at,
                     size_t *begin, size_t *end)
{
    bool spelled = needle->form == RN_NEEDLE_CLEAR || needle->form == RN_NEEDLE_BASE64;
    if (!match_exactly(needle, text, anchor_at, begin, end) &&
        !(spelled && match_spelled(needle, text, anchor_at, begin, end))) {
        return false;
    }
    if (needle->form == RN_NEEDLE_BASE64 || needle->form == RN_NEEDLE_BASE64_EXACT) {
        widen(needle, text, begin, end);
    }
    return true;
}

bool rn_base64_decode(struct rn_bytes text, struct rn_buffer *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    while (text.len > 0 && text.data[text.len - 1] == '=') {
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (!is_base64_byte(byte)) {
            return false;
        }
        uint32_t value = byte == '+' || byte == '-'   ? 62
                         : byte == '/' || byte == '_' ? 63
                         : byte >= 'a'                ? (uint32_t)(byte - 'a' + 26)
                         : byte >= 'A'                ? (uint32_t)(byte - 'A')
                                                      : (uint32_t)(byte - '0' + 52);
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (rn_buffer_add_byte(out, (uint8_t)(bits >> held & 0xff)) != RN_OK) {
                return false;
            }
        }
    }
    return true;
}
