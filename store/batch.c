/*
 * Group commit without its thread: frames and items are gathered, appended and settled together (batch.h).
 */
#include "batch.h"

#include <assert.h>
#include <string.h>

#include "recording.h"

enum rn_status rn_batch_init(struct rn_batch *batch, struct rn_db *db)
{
    memset(batch, 0, sizeof *batch);
    batch->db = db;
    batch->done_tail = &batch->done_head;
    batch->codec = rn_codec_context_new();
    return batch->codec == NULL ? RN_NOMEM : RN_OK;
}

void rn_batch_free(struct rn_batch *batch)
{
    rn_codec_context_free(batch->codec);
    rn_arena_free(&batch->arena);
    rn_buffer_free(&batch->raw);
    rn_buffer_free(&batch->frames);
}

bool rn_batch_has_room(const struct rn_batch *batch)
{
    /* An entry may bring its trace's opening and a gap with it. */
    return batch->item_count + 3 <= RN_BATCH_ITEMS_MAX && batch->frames.len < RN_COMMIT_BYTES_MAX;
}

static bool is_full(const struct rn_batch *batch)
{
    return batch->frame_count == RN_BATCH_FRAMES_MAX || batch->frames.len >= RN_COMMIT_BYTES_MAX;
}

enum rn_status rn_batch_add_frame(struct rn_batch *batch, const struct rn_frame *frame,
                                  struct rn_bytes raw)
{
    if (is_full(batch)) {
        enum rn_status status = rn_batch_commit(batch);
        if (status != RN_OK) {
            return status;
        }
    }
    size_t begin = batch->frames.len;
    enum rn_status status = rn_frame_write(batch->codec, frame, raw, &batch->frames);
    if (status != RN_OK) {
        return status;
    }
    batch->frame_end[batch->frame_count++] = batch->frames.len;
    batch->stored_bytes += batch->frames.len - begin;
    return RN_OK;
}

void rn_batch_add_item(struct rn_batch *batch, const struct rn_item *item)
{
    assert(batch->item_count < RN_BATCH_ITEMS_MAX);
    batch->items[batch->item_count++] = *item;
}

struct rn_batch_mark rn_batch_mark(struct rn_batch *batch)
{
    batch->stored_bytes = 0;
    return (struct rn_batch_mark){batch->commits, batch->frame_count};
}

void rn_batch_rewind(struct rn_batch *batch, struct rn_batch_mark mark)
{
    size_t keep = batch->commits == mark.commits ? mark.frame_count : 0;
    if (keep < batch->frame_count) {
        batch->frame_count = keep;
        batch->frames.len = keep == 0 ? 0 : batch->frame_end[keep - 1];
    }
}

static enum rn_status append_frames(struct rn_batch *batch, struct rn_db_txn *txn)
{
    enum rn_status status = RN_OK;
    size_t begin = 0;
    for (size_t i = 0; status == RN_OK && i < batch->frame_count; i++) {
        uint64_t row;
        status =
            rn_db_append(txn, rn_bytes_of(batch->frames.data + begin, batch->frame_end[i] - begin),
                         &row, &batch->error);
        begin = batch->frame_end[i];
    }
    return status;
}

static enum rn_status commit_frames(struct rn_batch *batch)
{
    struct rn_db_txn *txn = NULL;
    if (batch->frame_count == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_db_has_room(batch->db, &batch->error);
    if (status == RN_OK) {
        status = rn_db_begin(batch->db, true, &txn, &batch->error);
    }
    if (status != RN_OK) {
        return status;
    }
    status = append_frames(batch, txn);
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, &batch->error);
}

static void settle_items(struct rn_batch *batch, enum rn_status status)
{
    for (size_t i = 0; i < batch->item_count; i++) {
        struct rn_item *item = &batch->items[i];
        rn_recording_settle(item, status, batch);
        if (item->kind == RN_ITEM_ENTRY) {
            item->entry->next = NULL;
            *batch->done_tail = item->entry;
            batch->done_tail = &item->entry->next;
        }
    }
}

enum rn_status rn_batch_commit(struct rn_batch *batch)
{
    enum rn_status status = commit_frames(batch);
    batch->commits++;
    if (status == RN_OK) {
        batch->rows += batch->frame_count;
    }
    settle_items(batch, status);
    batch->frame_count = 0;
    batch->item_count = 0;
    rn_buffer_clear(&batch->frames);
    return status;
}
