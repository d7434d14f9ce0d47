/*
 * UTF-8 (RFC 3629) one character at a time, for those who look into recorded text: it may hold anything.
 */
#ifndef RN_REPLAYER_UTF8_H
#define RN_REPLAYER_UTF8_H

#include "base/bytes.h"

/*
 * The character at `at`, which is before the end, and the length of its encoding: 1 to 4. 0 where no
 * well-formed character begins (an overlong form, a surrogate, one that is cut): the caller then goes on
 * by one byte.
 */
size_t rn_utf8_take(struct rn_bytes text, size_t at, uint32_t *point);

/* The longest start of `text` of at most `max` bytes that does not cut a character. */
struct rn_bytes rn_utf8_head(struct rn_bytes text, size_t max);

#endif
