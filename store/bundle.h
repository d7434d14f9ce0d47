/*
 * A bundle: traces in one file, the form in which they travel (docs/format.md, "Bundles").
 *
 * Deterministic bytes: the same traces and documents give the same file on every machine, whatever the order they were stored in,
 * how they were framed or compressed. Traces are sorted by id; events are whole, uncompressed, in canonical encoding; nothing of the
 * store (rows, owners, codecs) is in it. It ends with a SHA-256 over all bytes before it, so that a flipped byte anywhere is
 * caught before anything is taken from it; each trace is verified by its own digests besides.
 */
#ifndef RN_STORE_BUNDLE_H
#define RN_STORE_BUNDLE_H

#include "base/buffer.h"
#include "store/trace.h"

/* A document that travels with the traces: a baseline's manifest. */
struct rn_bundle_document {
    const char *kind;
    const char *name;
    struct rn_bytes bytes;
};

/* A trace of a bundle. */
struct rn_bundle_item {
    struct rn_trace_id id;
    uint8_t evidence[RN_SHA256_BYTES];
};

struct rn_bundle_facts {
    uint64_t traces;
    uint64_t events;
    uint64_t bytes; /* of the file */
    uint8_t digest[RN_SHA256_BYTES];
};

/*
 * Writes `path` (over nothing that is there: RN_REFUSED; through a temporary file beside it, 0600, so half a bundle never has the
 * name). "-" is stdout, which gets nothing before all was looked at. Traces must be closed and verify: RN_BUSY, RN_DAMAGED; an
 * id that stands twice is written once. RN_REFUSED with trace, event, field and offset while a known credential shape stands
 * in what would be written (placeholders do not count). RN_LIMIT: an event with more than 127 MiB beside its streams. Memory holds
 * one event at a time. `facts` may be NULL.
 */
enum rn_status rn_bundle_write(struct rn_store *store, const struct rn_trace_id *ids, size_t count,
                               const struct rn_bundle_document *document, const char *path,
                               struct rn_bundle_facts *facts, struct rn_error *error);

/*
 * Reads all of it before anything is stored: RN_INVALID: no bundle; RN_NEWER; RN_DAMAGED with what and where; RN_REFUSED: a credential
 * stands in it, named as above. Then adds the traces that the store does not have (those it has must have the same
 * `evidence`: else RN_REFUSED, nothing is added; RN_BUSY while such a trace is open). When that fails, or the process dies, whole
 * traces stay, unfinished ones go, and the same call again goes on.
 *
 * The document is appended to `document` (kind and name in `kind`, `name`: RN_DOCUMENT_NAME_BYTES_MAX + 1 bytes each, empty when
 * there is none); storing it is the caller's. *items (rn_alloc'ed) are the traces of the bundle, sorted by id. `store` NULL:
 * only checks. All that is given may be NULL but the path; `count` goes with `items`. `path` must be a file.
 */
enum rn_status rn_bundle_read(const char *path, struct rn_store *store, struct rn_buffer *document,
                              char *kind, char *name, struct rn_bundle_item **items, size_t *count,
                              struct rn_bundle_facts *facts, struct rn_error *error);

#endif
