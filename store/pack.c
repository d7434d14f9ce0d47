/*
 * msgpack behind our own words. Bytes in and out; it does not know what a key means.
 *
 * msgpack-c writes. Its reader reserves memory for a container's count before it has seen the items, and sets up a stack for
 * every number (a tenth of what serving a recorded call cost): the four kinds of items there are are read here, bounded by
 * the bytes left, without any memory.
 */
#include "pack.h"

#include <msgpack.h>
#include <string.h>

static int append(void *self, const char *data, size_t len)
{
    struct rn_packer *packer = self;
    if (packer->status == RN_OK) {
        packer->status = rn_buffer_append(packer->out, data, len);
    }
    return packer->status == RN_OK ? 0 : -1;
}

static msgpack_packer speaker(struct rn_packer *packer)
{
    msgpack_packer result;
    msgpack_packer_init(&result, packer, append);
    return result;
}

void rn_pack_map(struct rn_packer *packer, uint32_t count)
{
    msgpack_packer to = speaker(packer);
    (void)msgpack_pack_map(&to, count);
}

void rn_pack_number(struct rn_packer *packer, uint64_t value)
{
    msgpack_packer to = speaker(packer);
    (void)msgpack_pack_uint64(&to, value);
}

void rn_pack_bin(struct rn_packer *packer, struct rn_bytes bytes)
{
    if (bytes.len > UINT32_MAX) {
        packer->status = packer->status == RN_OK ? RN_LIMIT : packer->status;
        return;
    }
    msgpack_packer to = speaker(packer);
    if (msgpack_pack_bin(&to, bytes.len) == 0 && bytes.len > 0) {
        (void)msgpack_pack_bin_body(&to, bytes.data, bytes.len);
    }
}

void rn_pack_number_at(struct rn_packer *packer, unsigned key, uint64_t value)
{
    rn_pack_number(packer, key);
    rn_pack_number(packer, value);
}

void rn_pack_bin_at(struct rn_packer *packer, unsigned key, struct rn_bytes bytes)
{
    rn_pack_number(packer, key);
    rn_pack_bin(packer, bytes);
}

/* A big-endian number of `len` bytes behind the first byte. */
static bool wide_number(struct rn_bytes *in, size_t len, uint64_t *number)
{
    if (in->len < 1 + len) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 1; i <= len; i++) {
        value = value << 8 | in->data[i];
    }
    *in = rn_bytes_from(*in, 1 + len);
    *number = value;
    return true;
}

/* fixmap, map16 or map32. */
bool rn_unpack_map(struct rn_bytes *in, uint32_t *count)
{
    struct rn_bytes rest = *in;
    uint64_t number = 0;
    bool good = false;
    if (rest.len > 0 && (rest.data[0] & 0xf0) == 0x80) {
        number = rest.data[0] & 0x0f;
        rest = rn_bytes_from(rest, 1);
        good = true;
    } else if (rest.len > 0 && (rest.data[0] == 0xde || rest.data[0] == 0xdf)) {
        good = wide_number(&rest, rest.data[0] == 0xde ? 2 : 4, &number);
    }
    /* A key and a value take a byte each at least. */
    if (!good || number > rest.len / 2) {
        return false;
    }
    *in = rest;
    *count = (uint32_t)number;
    return true;
}

/* Positive fixint, uint8 to uint64. */
bool rn_unpack_number(struct rn_bytes *in, uint64_t *value)
{
    if (in->len == 0) {
        return false;
    }
    uint8_t first = in->data[0];
    if (first < 0x80) {
        *value = first;
        *in = rn_bytes_from(*in, 1);
        return true;
    }
    return first >= 0xcc && first <= 0xcf && wide_number(in, (size_t)1 << (first - 0xcc), value);
}

/* bin8 to bin32. */
bool rn_unpack_bin(struct rn_bytes *in, struct rn_bytes *bytes)
{
    struct rn_bytes rest = *in;
    uint64_t len = 0;
    if (rest.len == 0 || rest.data[0] < 0xc4 || rest.data[0] > 0xc6 ||
        !wide_number(&rest, (size_t)1 << (rest.data[0] - 0xc4), &len) || len > rest.len) {
        return false;
    }
    *bytes = rn_bytes_of(rest.data, (size_t)len);
    *in = rn_bytes_from(rest, (size_t)len);
    return true;
}

bool rn_unpack_exactly(struct rn_bytes *in, void *out, size_t len)
{
    struct rn_bytes rest = *in;
    struct rn_bytes run;
    if (!rn_unpack_bin(&rest, &run) || run.len != len) {
        return false;
    }
    memcpy(out, run.data, len);
    *in = rest;
    return true;
}
