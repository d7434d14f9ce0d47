/*
 * msgpack behind our own words: the maps, numbers and byte runs that frames and summaries are made of. Private to store/;
 * pack.c is the one file that includes msgpack.h.
 *
 * Only three things exist: maps (their header; the items follow), unsigned numbers and byte runs (bin). Text is a byte run
 * too, because names and paths need not be UTF-8.
 */
#ifndef RN_STORE_PACK_H
#define RN_STORE_PACK_H

#include "base/buffer.h"

/*
 * Writing. The first failure stays in `status` and later calls do nothing, so that a row of calls needs one check. Runs are
 * at most UINT32_MAX bytes (RN_LIMIT).
 */
struct rn_packer {
    struct rn_buffer *out;
    enum rn_status status;
};

void rn_pack_map(struct rn_packer *packer, uint32_t count);
void rn_pack_number(struct rn_packer *packer, uint64_t value);
void rn_pack_bin(struct rn_packer *packer, struct rn_bytes bytes);
/* A key and its value in a map. */
void rn_pack_number_at(struct rn_packer *packer, unsigned key, uint64_t value);
void rn_pack_bin_at(struct rn_packer *packer, unsigned key, struct rn_bytes bytes);

/*
 * Reading: each takes one item off the front of `in`, or is false and leaves `in` where it was. A count is given only when
 * the bytes left could hold that many items (two bytes each at least), so that it may be used to reserve memory.
 * Nothing is allocated; byte runs are lent from the input.
 */
bool rn_unpack_map(struct rn_bytes *in, uint32_t *count);
bool rn_unpack_number(struct rn_bytes *in, uint64_t *value);
bool rn_unpack_bin(struct rn_bytes *in, struct rn_bytes *bytes);
/* A byte run of exactly `len` bytes, copied. */
bool rn_unpack_exactly(struct rn_bytes *in, void *out, size_t len);

#endif
