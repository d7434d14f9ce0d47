/*
 * Stored traces moved. In come traces, out come the same traces: frames are decoded and made again, never
 * patched, and what was copied is verified where it arrived. Erasing is
 * erase.c's, notes are note.c's.
 */
#include "store/copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "drop.h"
#include "keys.h"
#include "pieces.h"
#include "rewrite.h"
#include "store_internal.h"
#include "trace_pack.h"

/* --- copying -------------------------------------------------------------------------------------------------------- */

static int by_row(const void *a, const void *b)
{
    uint64_t left = ((const struct rn_piece *)a)->row;
    uint64_t right = ((const struct rn_piece *)b)->row;
    return left < right ? -1 : left > right;
}

/* The copy is ours: should it stay unfinished, our death is what closes it. */
static enum rn_status with_owner(struct rn_store *to, struct rn_buffer *raw, struct rn_error *error)
{
    struct rn_trace_opening opening;
    struct rn_buffer fresh = {0};
    enum rn_status status = rn_trace_opening_decode(rn_buffer_bytes(raw), &opening, error);
    if (status != RN_OK) {
        return status;
    }
    opening.owner = rn_bytes_text(rn_owner_text(to->owner));
    status = rn_trace_opening_encode(&opening, &fresh);
    if (status != RN_OK) {
        rn_buffer_free(&fresh);
        return rn_fail(error, status, "no memory to copy a trace");
    }
    rn_buffer_free(raw);
    *raw = fresh;
    return RN_OK;
}

static enum rn_status copy_piece(struct rn_store *from, const struct rn_trace_id *id,
                                 const struct rn_piece *piece, struct rn_store *to, uint8_t codec,
                                 struct rn_rewrite *rewrite, struct rn_error *error)
{
    struct rn_buffer raw = {0};
    enum rn_status status = rn_piece_read(from, id, piece, &raw, NULL, NULL, error);
    if (status == RN_OK && piece->kind == RN_FRAME_TRACE_OPEN) {
        status = with_owner(to, &raw, error);
    }
    if (status == RN_OK) {
        status = rn_rewrite_add(rewrite, id, piece, 0, codec, rn_buffer_bytes(&raw), error);
    }
    rn_buffer_free(&raw);
    return status;
}

static enum rn_status append_and_clear(struct rn_store *to, struct rn_rewrite *rewrite,
                                       struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_has_room(to->db, error);
    if (status == RN_OK) {
        status = rn_db_begin(to->db, true, &txn, error);
    }
    if (status != RN_OK) {
        return status;
    }
    status = rn_rewrite_apply(rewrite, txn, error);
    rn_rewrite_clear(rewrite);
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, error);
}

static enum rn_status copy_pieces(struct rn_store *from, const struct rn_trace_id *id,
                                  const struct rn_pieces *pieces, struct rn_store *to,
                                  uint8_t codec, struct rn_error *error)
{
    struct rn_rewrite rewrite = {.store = to};
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < pieces->count; i++) {
        status = copy_piece(from, id, &pieces->at[i], to, codec, &rewrite, error);
        bool is_full =
            rewrite.frames.len >= RN_COMMIT_BYTES_MAX || rewrite.count >= RN_COMMIT_EVENTS_MAX;
        if (status == RN_OK && (is_full || i + 1 == pieces->count)) {
            status = append_and_clear(to, &rewrite, error);
        }
    }
    rn_rewrite_free(&rewrite);
    return status;
}

static enum rn_status check_absent(struct rn_store *to, const struct rn_trace_id *id,
                                   struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_drop_finish(to, id, error);
    status = status == RN_OK ? rn_trace_summary(to, id, &arena, &summary, error) : status;
    rn_arena_free(&arena);
    if (status == RN_OK) {
        char text[33];
        rn_trace_id_text(id, text);
        return rn_fail(error, RN_REFUSED, "trace %s is in %s already", text, to->path);
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_trace_copy(struct rn_store *from, const struct rn_trace_id *id,
                             struct rn_store *to, uint8_t codec, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_pieces pieces = {0};
    struct rn_trace_summary summary;
    if (codec > RN_CODEC_ZSTD) {
        return rn_fail(error, RN_INVALID, "there is no codec %u", codec);
    }
    enum rn_status status = rn_closed_summary(from, id, &arena, &summary, error);
    status = status == RN_OK ? check_absent(to, id, error) : status;
    status = status == RN_OK ? rn_pieces_of_trace(from, id, &pieces, error) : status;
    if (status == RN_OK) {
        qsort(pieces.at, pieces.count, sizeof *pieces.at, by_row);
        status = copy_pieces(from, id, &pieces, to, codec, error);
    }
    status = status == RN_OK ? rn_trace_verify(to, id, error) : status;
    rn_pieces_free(&pieces);
    rn_arena_free(&arena);
    return status;
}
