/*
 * Group commit without its thread: frames and items are gathered, appended and settled together (batch.h).
 */
#include "batch.h"

#include <assert.h>
#include <string.h>

#include "recording.h"

enum rn_status rn_batch_init(struct rn_batch *batch, struct rn_db *db,
                             struct rn_prepared_rows *rows_prepared)
{
    memset(batch, 0, sizeof *batch);
    batch->db = db;
    batch->rows_prepared = rows_prepared;
    batch->done_tail = &batch->done_head;
    batch->codec = rn_codec_context_new();
    return batch->codec == NULL ? RN_NOMEM : RN_OK;
}

/* Takes the frames from `keep` on out of the batch. */
static void drop_frames(struct rn_batch *batch, size_t keep)
{
    for (size_t i = keep; i < batch->frame_count; i++) {
        rn_prepared_free(batch->prepared[i]);
        batch->prepared[i] = NULL;
    }
    batch->frame_count = keep;
    batch->frames.len = keep == 0 ? 0 : batch->frame_end[keep - 1];
}

void rn_batch_free(struct rn_batch *batch)
{
    drop_frames(batch, 0);
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
    batch->prepared[batch->frame_count] = NULL;
    batch->frame_end[batch->frame_count++] = batch->frames.len;
    batch->stored_bytes += batch->frames.len - begin;
    return RN_OK;
}

/* Where frame `index` begins among all. */
static size_t frame_begin(const struct rn_batch *batch, size_t index)
{
    return index == 0 ? 0 : batch->frame_end[index - 1];
}

static struct rn_bytes frame_bytes(const struct rn_batch *batch, size_t index)
{
    size_t begin = frame_begin(batch, index);
    return rn_bytes_of(batch->frames.data + begin, batch->frame_end[index] - begin);
}

void rn_batch_keep_facts(struct rn_batch *batch, const struct rn_frame *frame,
                         const struct rn_event *event)
{
    size_t last = batch->frame_count - 1;
    assert(batch->frame_count > 0 && batch->prepared[last] == NULL);
    if (batch->rows_prepared != NULL) {
        batch->prepared[last] = rn_prepared_new(event, frame, frame_bytes(batch, last));
    }
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
        drop_frames(batch, keep);
    }
}

static enum rn_status append_frames(struct rn_batch *batch, struct rn_db_txn *txn)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < batch->frame_count; i++) {
        uint64_t row = 0;
        status = rn_db_append(txn, frame_bytes(batch, i), &row, &batch->error);
        if (batch->prepared[i] != NULL) {
            batch->prepared[i]->row = row;
        }
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

static void give_facts(struct rn_batch *batch)
{
    for (size_t i = 0; i < batch->frame_count; i++) {
        if (batch->prepared[i] != NULL) {
            rn_prepared_rows_add(batch->rows_prepared, batch->prepared[i]);
            batch->prepared[i] = NULL;
        }
    }
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
        give_facts(batch);
    }
    settle_items(batch, status);
    drop_frames(batch, 0);
    batch->item_count = 0;
    return status;
}
