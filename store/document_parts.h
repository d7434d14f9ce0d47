/*
 * What the three files about documents share (document.c reads, document_write.c writes, document_check.c holds the tree against
 * itself), and what the opening of a store needs of them. Private to store/.
 */
#ifndef RN_STORE_DOCUMENT_PARTS_H
#define RN_STORE_DOCUMENT_PARTS_H

#include "store/document.h"
#include "store_internal.h"

/* What the head says of its document. */
struct rn_document_head {
    struct rn_trace_id id; /* under which its pieces stand */
    uint32_t pieces;       /* numbered from 1 */
    uint64_t bytes;
    uint8_t digest[RN_SHA256_BYTES];
};

/* RN_INVALID with a sentence. */
enum rn_status rn_document_name_check(const char *kind, const char *name, struct rn_error *error);
/* RN_NOTFOUND with a sentence that lists what is there. */
enum rn_status rn_document_fail_absent(struct rn_store *store, const char *kind, const char *name,
                                       struct rn_error *error);
/* The value under a key of the tree, appended to `out`. RN_NOTFOUND without a sentence. */
enum rn_status rn_document_value(struct rn_store *store, struct rn_bytes key, struct rn_buffer *out,
                                 struct rn_error *error);

/* Appends the raw bytes of a head. */
enum rn_status rn_document_head_encode(struct rn_bytes kind, struct rn_bytes name,
                                       const struct rn_document_head *head, struct rn_buffer *out);
/* The value under name/ + `full_name` ("KIND/NAME"). RN_DAMAGED with a sentence that names it. */
enum rn_status rn_document_head_decode(struct rn_store *store, struct rn_bytes full_name,
                                       struct rn_bytes value, struct rn_document_head *out,
                                       struct rn_error *error);
/* A frame of the tree: whose, which one (0 is the head), and its raw bytes, appended. */
enum rn_status rn_document_piece_decode(struct rn_store *store, struct rn_bytes value,
                                        struct rn_trace_id *document, uint32_t *number,
                                        struct rn_buffer *raw, struct rn_error *error);
/* Appends the document, every piece and the whole checked. RN_DAMAGED names the piece. */
enum rn_status rn_document_read(struct rn_store *store, struct rn_bytes full_name,
                                const struct rn_document_head *head, struct rn_buffer *out,
                                struct rn_error *error);

/*
 * Every document and every hold, held against the rest of the store. A finding is a sentence. Only what keeps us from looking is
 * an error. *documents counts those that were looked at.
 */
typedef void rn_document_finding(void *self, const char *sentence);
enum rn_status rn_document_check(struct rn_store *store, rn_document_finding *finding, void *self,
                                 uint64_t *documents, struct rn_error *error);

/* Takes out the pieces of an id that has no head, then its mark. */
enum rn_status rn_document_discard(struct rn_store *store, const struct rn_trace_id *id,
                                   struct rn_error *error);
/* Does that for whatever a dead process left. */
enum rn_status rn_document_recover(struct rn_store *store, struct rn_error *error);

#endif
