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
    struct rn_bytes
        table; /* per remaining field: class byte, n u32 BE, tag byte, 32 bytes salt; ascending */
};

/* False when the salt is gone (erased). */
bool rn_salt_of(const struct rn_salts *salts, enum rn_event_class class, uint32_t n, unsigned tag,
                uint8_t out[RN_SHA256_BYTES]);

/*
 * An event digest that is computed piece by piece, as an event is. begin (`salts` is copied, its table borrowed); add each
 * piece (fields continue where they stopped); end gives both digests and frees the hash, whatever it returns; drop frees it
 * without. Heads, target, method, kind, rule, upstream, framings, client and connection must come in one piece each.
 * NULL / RN_NOMEM when memory ran out. add: RN_NOTFOUND when a salt is gone, RN_DAMAGED when a field continues that is
 * whole or erased; after a failure only drop is left.
 */
struct rn_event_hash;
struct rn_event_hash *rn_event_hash_begin(const struct rn_salts *salts, enum rn_event_class class,
                                          uint32_t n);
enum rn_status rn_event_hash_add(struct rn_event_hash *hash, const struct rn_event *piece);
enum rn_status rn_event_hash_end(struct rn_event_hash *hash, struct rn_digests *out);
void rn_event_hash_drop(struct rn_event_hash *hash);

/*
 * The same at once, of an event that is here as a whole. RN_NOMEM; RN_NOTFOUND when a salt is gone; RN_DAMAGED when its records
 * of erased fields break their layout or name a field that is there.
 */
enum rn_status rn_event_digests(const struct rn_salts *salts, const struct rn_event *event,
                                struct rn_digests *out);

/*
 * What stays of an erased field: its length and hashes, so that digests still follow. In an event's `erasures` the records
 * stand in tag order: varint tag, varint length, 32 bytes field hash, varint said length, 32 bytes said hash (both zero for
 * fields that are not in `said`; a head's said length is that without its volatile lines).
 */
struct rn_erasure {
    unsigned tag;
    uint64_t bytes;
    uint64_t said_bytes;
    uint8_t hash[RN_SHA256_BYTES];
    uint8_t said[RN_SHA256_BYTES];
};
/* Appends the record of the whole field `bytes` of event (class, n). RN_NOTFOUND when its salt is gone; RN_NOMEM. */
enum rn_status rn_erasure_put(const struct rn_salts *salts, enum rn_event_class class, uint32_t n,
                              unsigned tag, struct rn_bytes bytes, struct rn_buffer *out);
/* Takes one record off the front; false when it breaks its layout. */
bool rn_erasure_get(struct rn_bytes *in, struct rn_erasure *out);

/* Both are false only when memory ran out inside libcrypto; the chain is then worthless. */
bool rn_chain_begin(const struct rn_trace_id *trace, struct rn_digests *chain);
/* Gaps change `evidence` only; notes and marks change nothing. */
bool rn_chain_add(struct rn_digests *chain, enum rn_event_class class, uint32_t n,
                  const struct rn_digests *event);

/* Whether a head line of that name is left out of `said`: dates, request ids, rate limits, traces, SDK fingerprints. */
bool rn_evidence_is_volatile(struct rn_bytes name);

#endif
