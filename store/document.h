/*
 * Documents a store keeps beside its traces: plans of backtests, baselines. Named, immutable, any length.
 *
 * They stand in a tree of their own as framed pieces (compressed, checksummed, at most RN_PART_BYTES_MAX each), the first one,
 * with count, length and SHA-256 of the whole, written last: a document is there whole or not at all. Safe from any thread and
 * process.
 */
#ifndef RN_STORE_DOCUMENT_H
#define RN_STORE_DOCUMENT_H

#include "base/buffer.h"
#include "store/store.h"

#define RN_DOCUMENT_NAME_BYTES_MAX 128u
#define RN_DOCUMENT_KIND_BYTES_MAX 14u

/*
 * `name` is text without controls, `kind` 1 to RN_DOCUMENT_KIND_BYTES_MAX of [a-z]. RN_REFUSED: the name is taken; RN_INVALID: the name;
 * RN_FULL, RN_IO.
 */
enum rn_status rn_document_put(struct rn_store *store, const char *kind, const char *name,
                               struct rn_bytes document, struct rn_error *error);
/* Appends it. RN_NOTFOUND without such a name (with a sentence that lists what is there); RN_DAMAGED. */
enum rn_status rn_document_get(struct rn_store *store, const char *kind, const char *name,
                               struct rn_buffer *out, struct rn_error *error);
/*
 * Names in order, with the length of each. The callback returns false to stop. A damaged head hides no other: it is passed over,
 * and at the end RN_DAMAGED has a sentence that names it.
 */
typedef bool rn_document_visit(void *self, const char *name, uint64_t bytes);
enum rn_status rn_document_each(struct rn_store *store, const char *kind, rn_document_visit *visit,
                                void *self, struct rn_error *error);
enum rn_status rn_document_drop(struct rn_store *store, const char *kind, const char *name,
                                struct rn_error *error);

/*
 * Holding: a trace that a document needs (a frozen baseline) is neither dropped nor erased while it is held. `holder` is
 * "KIND/NAME". Holding is idempotent; a trace may have several holders. Up to 1,000 traces are held by one commit, all or none
 * of them; where more are held and it fails, some may be: release the holder. RN_NOTFOUND: a trace is not there.
 */
enum rn_status rn_trace_hold(struct rn_store *store, const char *holder,
                             const struct rn_trace_id *ids, size_t count, struct rn_error *error);
/* Lets all traces of the holder go; RN_OK also when it holds none. A document's holds do not go with the document. */
enum rn_status rn_trace_release(struct rn_store *store, const char *holder, struct rn_error *error);
/*
 * Whether anybody holds it; `holder` (NULL is fine) gets the first one's name (RN_DOCUMENT_NAME_BYTES_MAX + 16 bytes). True also
 * when it cannot be told.
 */
bool rn_trace_is_held(struct rn_store *store, const struct rn_trace_id *id, char *holder);

/*
 * Takes a closed trace out of the store, its rows and all index entries, in transactions of at most RN_COMMIT_BYTES_MAX. A crash
 * half-way leaves the trace out of every index; the next call or rn_store_open finishes it. RN_BUSY: it is open; RN_REFUSED: held;
 * RN_NOTFOUND; RN_DAMAGED: neither its summary nor its opening can be read. Pages of the file that become free keep the old bytes
 * until they are used again.
 */
enum rn_status rn_trace_drop(struct rn_store *store, const struct rn_trace_id *id,
                             struct rn_error *error);

#endif
