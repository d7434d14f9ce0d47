/* Table 3-7 of the Unicode standard as a few comparisons. Knows nothing of what the characters mean. */
#include "utf8.h"

/*
 * Length by the first byte, its own bits, and the bounds of the second byte: they keep out overlong forms
 * and surrogates.
 */
static size_t begin(uint8_t byte, uint32_t *bits, uint8_t *low, uint8_t *high)
{
    *low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    *high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    if (byte < 0x80) {
        *bits = byte;
        return 1;
    }
    if (byte < 0xc2 || byte > 0xf4) {
        return 0;
    }
    size_t len = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    *bits = byte & (0xffu >> (len + 1));
    return len;
}

size_t rn_utf8_take(struct rn_bytes text, size_t at, uint32_t *point)
{
    uint8_t low;
    uint8_t high;
    size_t len = begin(text.data[at], point, &low, &high);
    if (len > text.len - at) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        uint8_t byte = text.data[at + i];
        if (byte < (i == 1 ? low : 0x80) || byte > (i == 1 ? high : 0xbf)) {
            return 0;
        }
        *point = *point << 6 | (byte & 0x3fu);
    }
    return len;
}

bool rn_utf8_steers(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c ||
           (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

struct rn_bytes rn_utf8_head(struct rn_bytes text, size_t max)
{
    size_t len = text.len < max ? text.len : max;
    /* At most three bytes back: behind that it is no UTF-8 and may be cut anywhere. */
    for (size_t back = 0; len < text.len && back <= 3 && len >= back; back++) {
        if ((text.data[len - back] & 0xc0) != 0x80) {
            return rn_bytes_sub(text, 0, len - back);
        }
    }
    return rn_bytes_sub(text, 0, len);
}
