/*
 * Digests of what was recorded (docs/format.md, "Digests"; test vectors there). Independent of msgpack, codec, sealing,
 * row numbers and readings.
 *
 *   salt(n, class, tag) = HMAC-SHA-256(trace secret, "reenact salt 1" class n tag)
 *   field hash  = SHA-256(salt, canonical bytes)
 *   event digest = SHA-256("reenact event 1", per field in tag order: tag, length as u64 BE, field hash)
 *   chain: c = SHA-256("reenact trace 1", trace id); then per ordinal 0..n c = SHA-256(c, class, n as u32 BE, event digest);
 *          in `evidence` the gaps follow.
 *
 * `said` uses the same construction with "reenact said 1" over the fields marked [said], heads without their volatile lines.
 */
#ifndef RN_STORE_EVIDENCE_H
#define RN_STORE_EVIDENCE_H

#include "store/event.h"

#define RN_SECRET_BYTES 32

struct rn_digests {
    uint8_t evidence[RN_SHA256_BYTES];
    uint8_t said[RN_SHA256_BYTES];
};

/*
 * Where the salts of a trace come from: one secret, or, once a field was erased, the table of salts of what remains.
 */
struct rn_salts {
    bool from_secret;
    uint8_t secret[RN_SECRET_BYTES];
    struct rn_bytes table; /* per remaining field: class byte, n u32 BE, tag byte, 32 bytes salt; ascending */
};

/* False when the salt is gone (erased). */
bool rn_salt_of(const struct rn_salts *salts, enum rn_event_class class, uint32_t n, unsigned tag,
                uint8_t out[RN_SHA256_BYTES]);

/*
 * An event digest that is computed piece by piece, as an event is. begin; add each piece (fields continue where they
 * stopped); end gives both digests. Heads must come in one piece. NULL / RN_NOMEM when memory ran out.
 */
struct rn_event_hash;
struct rn_event_hash *rn_event_hash_begin(const struct rn_salts *salts, enum rn_event_class class,
                                          uint32_t n);
enum rn_status rn_event_hash_add(struct rn_event_hash *hash, const struct rn_event *piece);
enum rn_status rn_event_hash_end(struct rn_event_hash *hash, struct rn_digests *out);
void rn_event_hash_drop(struct rn_event_hash *hash);

void rn_chain_begin(const struct rn_trace_id *trace, struct rn_digests *chain);
/* Gaps change `evidence` only; notes change nothing. */
void rn_chain_add(struct rn_digests *chain, enum rn_event_class class, uint32_t n,
                  const struct rn_digests *event);

/* Whether a head line of that name is left out of `said`: dates, request ids, rate limits, traces, SDK fingerprints. */
bool rn_evidence_is_volatile(struct rn_bytes name);

#endif
