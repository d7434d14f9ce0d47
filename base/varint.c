/* LEB128 and length-prefixed runs, shortest form only. */
#include "varint.h"

enum rn_status rn_varint_put(struct rn_buffer *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    return rn_buffer_append(out, bytes, len);
}

bool rn_varint_get(struct rn_bytes *in, uint64_t *value)
{
    uint64_t result = 0;
    for (size_t i = 0; i < in->len && i < 10; i++) {
        uint8_t byte = in->data[i];
        if (i == 9 && byte > 1) {
            return false; /* over 64 bits */
        }
        result |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            if (byte == 0 && i > 0) {
                return false; /* a longer form of a smaller number */
            }
            *value = result;
            *in = rn_bytes_from(*in, i + 1);
            return true;
        }
    }
    return false;
}

enum rn_status rn_run_put(struct rn_buffer *out, struct rn_bytes run)
{
    enum rn_status status = rn_varint_put(out, run.len);
    return status != RN_OK ? status : rn_buffer_add(out, run);
}

bool rn_run_get(struct rn_bytes *in, struct rn_bytes *run)
{
    struct rn_bytes rest = *in;
    uint64_t len = 0;
    if (!rn_varint_get(&rest, &len) || len > rest.len) {
        return false;
    }
    *run = rn_bytes_sub(rest, 0, (size_t)len);
    *in = rn_bytes_from(rest, (size_t)len);
    return true;
}
