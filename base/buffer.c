/* Growing buffers. Doubles, never shrinks, keeps to its maximum. */
#include "buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"

void rn_buffer_init(struct rn_buffer *buffer, size_t max)
{
    *buffer = (struct rn_buffer){.max = max};
}

void rn_buffer_free(struct rn_buffer *buffer)
{
    rn_free(buffer->data);
    *buffer = (struct rn_buffer){.max = buffer->max};
}

enum rn_status rn_buffer_reserve(struct rn_buffer *buffer, size_t extra)
{
    assert(buffer->len <= buffer->cap);
    if (extra > SIZE_MAX / 2 - buffer->len) {
        return RN_LIMIT;
    }
    size_t need = buffer->len + extra;
    if (buffer->max != 0 && need > buffer->max) {
        return RN_LIMIT;
    }
    if (need <= buffer->cap) {
        return RN_OK;
    }
    size_t cap = buffer->cap == 0 ? 64 : buffer->cap * 2;
    while (cap < need) {
        cap *= 2;
    }
    uint8_t *data = rn_realloc(buffer->data, cap);
    if (data == NULL) {
        return RN_NOMEM;
    }
    buffer->data = data;
    buffer->cap = cap;
    return RN_OK;
}

enum rn_status rn_buffer_append(struct rn_buffer *buffer, const void *data, size_t len)
{
    if (len == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_reserve(buffer, len);
    if (status == RN_OK) {
        memcpy(buffer->data + buffer->len, data, len);
        buffer->len += len;
    }
    return status;
}

enum rn_status rn_buffer_add(struct rn_buffer *buffer, struct rn_bytes bytes)
{
    return rn_buffer_append(buffer, bytes.data, bytes.len);
}

enum rn_status rn_buffer_add_byte(struct rn_buffer *buffer, uint8_t byte)
{
    return rn_buffer_append(buffer, &byte, 1);
}

/* Room for a text and the final zero that vsnprintf wants, which is not content and so does not count. */
static enum rn_status reserve_text(struct rn_buffer *buffer, size_t len)
{
    size_t max = buffer->max;
    enum rn_status status = rn_buffer_reserve(buffer, len);
    if (status == RN_OK) {
        buffer->max = 0;
        status = rn_buffer_reserve(buffer, len + 1);
        buffer->max = max;
    }
    return status;
}

enum rn_status rn_buffer_addf(struct rn_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) {
        return RN_INVALID;
    }
    enum rn_status status = reserve_text(buffer, (size_t)len);
    if (status == RN_OK) {
        va_start(arguments, format);
        (void)vsnprintf((char *)buffer->data + buffer->len, (size_t)len + 1, format, arguments);
        va_end(arguments);
        buffer->len += (size_t)len;
    }
    return status;
}

void rn_buffer_consume(struct rn_buffer *buffer, size_t count)
{
    assert(count <= buffer->len);
    if (count > 0 && count < buffer->len) {
        memmove(buffer->data, buffer->data + count, buffer->len - count);
    }
    buffer->len -= count;
}

void rn_buffer_clear(struct rn_buffer *buffer)
{
    buffer->len = 0;
}

struct rn_bytes rn_buffer_bytes(const struct rn_buffer *buffer)
{
    return (struct rn_bytes){buffer->data, buffer->len};
}
