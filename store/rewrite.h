/*
 * Frames made from stored pieces, waiting for one transaction: appended to a log, or put in place of the row they came from.
 * Private to store/.
 */
#ifndef RN_STORE_REWRITE_H
#define RN_STORE_REWRITE_H

#include "pieces.h"
#include "store/trace.h"

/* Zeroed but for `store` it is empty; rn_rewrite_free. */
struct rn_rewrite {
    struct rn_store *store;
    struct rn_buffer frames; /* each: u64 row, u32 length, the frame */
    size_t count;
};
void rn_rewrite_free(struct rn_rewrite *rewrite);
void rn_rewrite_clear(struct rn_rewrite *rewrite);

/* Makes the frame of `raw` as this piece. With `row` 0 it will be appended, else it takes the place of that row. */
enum rn_status rn_rewrite_add(struct rn_rewrite *rewrite, const struct rn_trace_id *id,
                              const struct rn_piece *piece, uint64_t row, uint8_t codec,
                              struct rn_bytes raw, struct rn_error *error);
enum rn_status rn_rewrite_apply(const struct rn_rewrite *rewrite, struct rn_db_txn *txn,
                                struct rn_error *error);

/* The summary of a trace that nobody records any more. RN_BUSY: it is open. */
enum rn_status rn_closed_summary(struct rn_store *store, const struct rn_trace_id *id,
                                 struct rn_arena *arena, struct rn_trace_summary *out,
                                 struct rn_error *error);
/*
 * Within a write transaction: whether nothing came for this trace since its summary was read, neither to the summary nor in rows
 * that are not indexed yet. With `notes_only` other pieces may have come (an open trace goes on), but no note.
 */
bool rn_unmoved(struct rn_db_txn *txn, const struct rn_trace_summary *summary, bool notes_only);

#endif
