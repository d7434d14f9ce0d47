/*
 * A borrowed run of bytes: the noun nearly every function here speaks.
 *
 * It never owns what it points at. Where one is returned, the function says until when it may be used. The empty run
 * may have any pointer, NULL included.
 */
#ifndef RN_BASE_BYTES_H
#define RN_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_bytes {
    const uint8_t *data;
    size_t len;
};

#define RN_NPOS ((size_t)-1)

/* A string literal as bytes, without its final zero. */
#define RN_LIT(literal) ((struct rn_bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})

struct rn_bytes rn_bytes_of(const void *data, size_t len);
struct rn_bytes rn_bytes_text(const char *text);

/* From `offset` (clamped to the end), at most `len` bytes. */
struct rn_bytes rn_bytes_sub(struct rn_bytes bytes, size_t offset, size_t len);
struct rn_bytes rn_bytes_from(struct rn_bytes bytes, size_t offset);

bool rn_bytes_equal(struct rn_bytes a, struct rn_bytes b);
/* ASCII letters compared without case; other bytes exactly. Independent of locale. */
bool rn_bytes_equal_nocase(struct rn_bytes a, struct rn_bytes b);
/* memcmp order, shorter first; <0, 0, >0. */
int rn_bytes_compare(struct rn_bytes a, struct rn_bytes b);
bool rn_bytes_starts_with(struct rn_bytes bytes, struct rn_bytes prefix);
bool rn_bytes_ends_with(struct rn_bytes bytes, struct rn_bytes suffix);

/* Offset of the first occurrence, or RN_NPOS. */
size_t rn_bytes_find(struct rn_bytes bytes, struct rn_bytes needle);
size_t rn_bytes_find_nocase(struct rn_bytes bytes, struct rn_bytes needle);
size_t rn_bytes_find_byte(struct rn_bytes bytes, uint8_t byte);

/* Without blanks and tabs at both ends. */
struct rn_bytes rn_bytes_trim(struct rn_bytes bytes);

/* Decimal digits only, the whole run, no overflow; false otherwise. */
bool rn_bytes_to_u64(struct rn_bytes bytes, uint64_t *out);

/* ASCII lower case of one byte, whatever the locale. */
uint8_t rn_byte_lower(uint8_t byte);

#endif
