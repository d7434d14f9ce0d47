/*
 * UTF-8 (RFC 3629) one character at a time, for those who look into recorded text: it may hold anything.
 */
#ifndef RN_BASE_UTF8_H
#define RN_BASE_UTF8_H

#include "base/bytes.h"

/*
 * The character at `at`, which is before the end, and the length of its encoding: 1 to 4. 0 where no
 * well-formed character begins (an overlong form, a surrogate, one that is cut): the caller then goes on
 * by one byte.
 */
size_t rn_utf8_take(struct rn_bytes text, size_t at, uint32_t *point);

/*
 * Whether the character steers who shows it instead of being shown: C0 and C1 controls, DEL, line and paragraph separators, and
 * all that turns the direction of writing, so that a text reads otherwise than it stands there. The one rule for terminals
 * and reports.
 */
bool rn_utf8_steers(uint32_t point);

/* The longest start of `text` of at most `max` bytes that does not cut a character. */
struct rn_bytes rn_utf8_head(struct rn_bytes text, size_t max);

#endif
