/*
 * Canonical small encodings for lists that enter a digest: LEB128 numbers in their shortest form, and byte runs with
 * their length in front. There is exactly one encoding of a value, and reading refuses every other.
 */
#ifndef RN_BASE_VARINT_H
#define RN_BASE_VARINT_H

#include "buffer.h"

enum rn_status rn_varint_put(struct rn_buffer *out, uint64_t value);
/* Takes the number from the front of `in`; false on an end too early, overflow or a form that is not the shortest. */
bool rn_varint_get(struct rn_bytes *in, uint64_t *value);

enum rn_status rn_run_put(struct rn_buffer *out, struct rn_bytes run);
/* The run is lent from `in`'s memory. */
bool rn_run_get(struct rn_bytes *in, struct rn_bytes *run);

#endif
