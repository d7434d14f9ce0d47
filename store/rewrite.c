/* Frames on their way back into a log, and the question whether the ground is still the same. */
#include "rewrite.h"

#include "keys.h"
#include "summary.h"

#define FRONT_BYTES 12u /* row and length */

void rn_rewrite_free(struct rn_rewrite *rewrite)
{
    rn_buffer_free(&rewrite->frames);
    rewrite->count = 0;
}

void rn_rewrite_clear(struct rn_rewrite *rewrite)
{
    rn_buffer_clear(&rewrite->frames);
    rewrite->count = 0;
}

static enum rn_status make_frame(struct rn_store *store, const struct rn_frame *frame,
                                 struct rn_bytes raw, struct rn_buffer *out)
{
    struct rn_codec_context *context = rn_store_codec_take(store);
    enum rn_status status = context == NULL ? RN_NOMEM : rn_frame_write(context, frame, raw, out);
    rn_store_codec_give(store, context);
    return status;
}

enum rn_status rn_rewrite_add(struct rn_rewrite *rewrite, const struct rn_trace_id *id,
                              const struct rn_piece *piece, uint64_t row, uint8_t codec,
                              struct rn_bytes raw, struct rn_error *error)
{
    uint8_t front[FRONT_BYTES] = {0};
    size_t at = rewrite->frames.len;
    bool of_trace = piece->class == RN_CLASS_TRACE;
    struct rn_frame frame = {.codec = codec,
                             .kind = piece->kind,
                             .class = of_trace ? RN_CLASS_EVENT : (enum rn_event_class)piece->class,
                             .trace = *id,
                             .n = of_trace ? 0 : piece->n,
                             .part = of_trace ? 0 : piece->part};
    enum rn_status status = rn_buffer_append(&rewrite->frames, front, sizeof front);
    status = status == RN_OK ? make_frame(rewrite->store, &frame, raw, &rewrite->frames) : status;
    if (status != RN_OK) {
        return rn_fail(error, status, "cannot make a frame: %s", rn_status_name(status));
    }
    rn_put_u64(rewrite->frames.data + at, row);
    rn_put_u32(rewrite->frames.data + at + 8, (uint32_t)(rewrite->frames.len - at - FRONT_BYTES));
    rewrite->count++;
    return RN_OK;
}

enum rn_status rn_rewrite_apply(const struct rn_rewrite *rewrite, struct rn_db_txn *txn,
                                struct rn_error *error)
{
    struct rn_bytes rest = rn_buffer_bytes(&rewrite->frames);
    enum rn_status status = RN_OK;
    while (status == RN_OK && rest.len > 0) {
        struct rn_bytes key = rn_bytes_sub(rest, 0, 8);
        struct rn_bytes frame = rn_bytes_sub(rest, FRONT_BYTES, rn_get_u32(rest.data + 8));
        status = rn_get_u64(key.data) == 0 ? rn_db_append(txn, frame, NULL, error)
                                           : rn_db_put(txn, RN_TREE_LOG, key, frame, error);
        rest = rn_bytes_from(rest, FRONT_BYTES + frame.len);
    }
    return status;
}

enum rn_status rn_closed_summary(struct rn_store *store, const struct rn_trace_id *id,
                                 struct rn_arena *arena, struct rn_trace_summary *out,
                                 struct rn_error *error)
{
    enum rn_status status = rn_trace_summary(store, id, arena, out, error);
    if (status == RN_OK && out->state == RN_TRACE_OPEN) {
        char text[33];
        rn_trace_id_text(id, text);
        return rn_fail(error, RN_BUSY, "trace %s is still being recorded; wait for its end", text);
    }
    return status;
}

/* The summary as this build would write it, so that keys of a later version do not matter. */
static bool summary_is(struct rn_db_txn *txn, const struct rn_trace_summary *expected,
                       bool notes_only)
{
    struct rn_trace_summary found;
    struct rn_bytes value = {0};
    struct rn_buffer a = {0};
    struct rn_buffer b = {0};
    struct rn_bytes id = rn_bytes_of(expected->id.bytes, RN_TRACE_ID_BYTES);
    if (rn_db_get(txn, RN_TREE_TRACE, id, &value) != RN_OK ||
        rn_summary_decode(&expected->id, value, &found, NULL) != RN_OK) {
        return false;
    }
    bool same = found.notes == expected->notes;
    if (same && !notes_only) {
        same = rn_summary_encode(expected, &a) == RN_OK && rn_summary_encode(&found, &b) == RN_OK &&
               rn_bytes_equal(rn_buffer_bytes(&a), rn_buffer_bytes(&b));
    }
    rn_buffer_free(&a);
    rn_buffer_free(&b);
    return same;
}

/* Whether a frame that is not indexed yet belongs to the trace. The header is in clear; a damaged one belongs to nobody. */
static bool is_of(struct rn_bytes frame, const struct rn_trace_id *id, bool notes_only)
{
    return frame.len >= RN_FRAME_HEADER_BYTES &&
           rn_bytes_equal(rn_bytes_sub(frame, 16, RN_TRACE_ID_BYTES),
                          rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES)) &&
           (!notes_only || frame.data[3] == RN_CLASS_NOTE);
}

bool rn_unmoved(struct rn_db_txn *txn, const struct rn_trace_summary *summary, bool notes_only)
{
    uint8_t next[8];
    uint64_t watermark = 0;
    struct rn_bytes key = {0};
    struct rn_bytes value = {0};
    if (!summary_is(txn, summary, notes_only) ||
        rn_db_get(txn, RN_TREE_META, RN_META_WATERMARK, &value) != RN_OK ||
        !rn_row_read(value, &watermark)) {
        return false;
    }
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_LOG);
    if (cursor == NULL) {
        return false;
    }
    rn_put_u64(next, watermark + 1);
    enum rn_status status = rn_db_seek(cursor, rn_bytes_of(next, sizeof next), &key, &value);
    while (status == RN_OK && !is_of(value, &summary->id, notes_only)) {
        status = rn_db_next(cursor, &key, &value);
    }
    rn_db_cursor_free(cursor);
    return status == RN_NOTFOUND;
}
