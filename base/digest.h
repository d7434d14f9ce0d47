/*
 * Hashes: SHA-256 and HMAC-SHA-256 by libcrypto, CRC-32 by zlib, and their hexadecimal text.
 */
#ifndef RN_BASE_DIGEST_H
#define RN_BASE_DIGEST_H

#include "bytes.h"

#define RN_SHA256_BYTES 32

/*
 * For a program, at its very beginning: libcrypto gets its memory from ours, and a reserve stands behind it (reserve.h), since
 * 3.0 crashes when its own beginning is refused some. Without it, as in unit tests, all below works the same.
 */
void rn_digest_serve(void);

/* A running SHA-256. Opaque; rn_sha256_end or rn_sha256_drop frees it. One thread at a time. */
struct rn_sha256;

/* NULL when memory ran out. */
struct rn_sha256 *rn_sha256_begin(void);
void rn_sha256_add(struct rn_sha256 *hash, struct rn_bytes bytes);
/* Writes the digest and frees `hash`. */
void rn_sha256_end(struct rn_sha256 *hash, uint8_t out[RN_SHA256_BYTES]);
void rn_sha256_drop(struct rn_sha256 *hash);

/* One-shot over `count` runs, one after the other. False when libcrypto failed (out of memory). */
bool rn_sha256_of(const struct rn_bytes *runs, size_t count, uint8_t out[RN_SHA256_BYTES]);
bool rn_hmac_sha256(struct rn_bytes key, struct rn_bytes message, uint8_t out[RN_SHA256_BYTES]);

/* CRC-32 as in zlib and gzip; start with 0 and pass the last value on. */
uint32_t rn_crc32(uint32_t crc, struct rn_bytes bytes);

/* Lower-case hex with a final zero: `out` holds 2 * bytes.len + 1 bytes. */
void rn_hex(struct rn_bytes bytes, char *out);
/* Reads exactly 2 * len hex digits of either case; false otherwise. */
bool rn_unhex(struct rn_bytes text, uint8_t *out, size_t len);

#endif
