/*
 * A growing run of bytes that knows its maximum from birth.
 *
 * Owned by whoever holds the struct; rn_buffer_free gives the memory back and leaves it empty and usable. Not for two
 * threads at once. A zeroed struct is an empty buffer without a maximum.
 */
#ifndef RN_BASE_BUFFER_H
#define RN_BASE_BUFFER_H

#include "bytes.h"
#include "status.h"

struct rn_buffer {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max; /* bytes; 0 = no maximum of its own */
};

void rn_buffer_init(struct rn_buffer *buffer, size_t max);
void rn_buffer_free(struct rn_buffer *buffer);

/* Room for `extra` more bytes. RN_LIMIT over the maximum, RN_NOMEM; the content is untouched either way. */
enum rn_status rn_buffer_reserve(struct rn_buffer *buffer, size_t extra);
enum rn_status rn_buffer_append(struct rn_buffer *buffer, const void *data, size_t len);
enum rn_status rn_buffer_add(struct rn_buffer *buffer, struct rn_bytes bytes);
enum rn_status rn_buffer_add_byte(struct rn_buffer *buffer, uint8_t byte);
enum rn_status rn_buffer_addf(struct rn_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops `count` bytes at the front. */
void rn_buffer_consume(struct rn_buffer *buffer, size_t count);
/* Empties it and keeps the memory. */
void rn_buffer_clear(struct rn_buffer *buffer);

/* The content, lent until the next change. */
struct rn_bytes rn_buffer_bytes(const struct rn_buffer *buffer);

#endif
