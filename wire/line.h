/*
 * Looking for bytes eight at a time: where a line of an event stream ends, where a string does. Private to wire/.
 */
#ifndef RN_WIRE_LINE_H
#define RN_WIRE_LINE_H

#include <string.h>

#include "base/bytes.h"

#define RN_WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Non-zero exactly when one of the eight bytes of `word` is zero. */
static inline uint64_t rn_word_has_zero(uint64_t word)
{
    return (word - RN_WORD_OF(0x01)) & ~word & RN_WORD_OF(0x80);
}

/*
 * The offset of the first of two bytes, or in.len. One pass over eight bytes at a time: two memchr would read the rest of
 * the input again for every line of a stream that uses only the other line end.
 */
static inline size_t rn_find_either(struct rn_bytes in, uint8_t a, uint8_t b)
{
    size_t at = 0;
    while (in.len - at >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, in.data + at, sizeof word);
        if ((rn_word_has_zero(word ^ RN_WORD_OF(a)) | rn_word_has_zero(word ^ RN_WORD_OF(b))) !=
            0) {
            break;
        }
        at += sizeof word;
    }
    while (at < in.len && in.data[at] != a && in.data[at] != b) {
        at++;
    }
    return at;
}

/* The offset of the first CR or LF, or in.len. */
static inline size_t rn_line_end(struct rn_bytes in)
{
    return rn_find_either(in, '\n', '\r');
}

#endif
