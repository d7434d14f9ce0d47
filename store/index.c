/*
 * One step of indexing: copy rows out of the log in a short read transaction, work out what they change, write that and the
 * new watermark in a short write transaction. If the watermark has moved meanwhile, somebody else has done the work.
 *
 * This file knows how a step runs; what a row means for a summary and which entries it earns is index_row.c's.
 */
#include "index.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "drop.h"
#include "index_row.h"
#include "keys.h"
#include "store_internal.h"
#include "summary.h"

#define COPIED_BYTES_MAX ((size_t)4 * 1024 * 1024)

static enum rn_status where(struct rn_db_txn *txn, uint64_t *watermark, uint64_t *last_row)
{
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_get(txn, RN_TREE_META, RN_META_WATERMARK, &value);
    *watermark = 0;
    if (status == RN_OK && !rn_row_read(value, watermark)) {
        return RN_DAMAGED;
    }
    return status == RN_OK || status == RN_NOTFOUND ? rn_db_last_row(txn, last_row) : status;
}

enum rn_status rn_index_where(struct rn_store *store, uint64_t *watermark, uint64_t *last_row,
                              struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = where(txn, watermark, last_row);
    rn_db_abort(txn);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "the watermark of %s is damaged", store->path);
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* The summary a trace has now, copied as it stands; the change is made on the decoded form. */
static enum rn_status copy_summary(struct rn_index_step_state *step, struct rn_db_txn *txn,
                                   struct rn_bytes frame)
{
    struct rn_trace_id id;
    struct rn_bytes value = {0};
    if (frame.len < RN_FRAME_HEADER_BYTES) {
        return RN_OK;
    }
    memcpy(id.bytes, frame.data + 16, RN_TRACE_ID_BYTES);
    if (rn_index_change_of(step, &id) != NULL) {
        return RN_OK;
    }
    struct rn_index_change *change = rn_arena_alloc(&step->arena, sizeof *change);
    if (change == NULL) {
        return RN_NOMEM;
    }
    change->id = id;
    enum rn_status status =
        rn_db_get(txn, RN_TREE_TRACE, rn_bytes_of(id.bytes, RN_TRACE_ID_BYTES), &value);
    if (status == RN_OK) {
        change->before = rn_arena_copy(&step->arena, value);
        change->exists = true;
        status = change->before.data == NULL ? RN_NOMEM : RN_OK;
    }
    change->next = step->changes;
    step->changes = change;
    return status == RN_NOTFOUND ? RN_OK : status;
}

static enum rn_status copy_row(struct rn_index_step_state *step, struct rn_db_txn *txn,
                               const struct rn_prepared **prepared, struct rn_bytes key,
                               struct rn_bytes frame)
{
    struct rn_index_row *row = &step->rows[step->row_count];
    *row = (struct rn_index_row){.frame_bytes = frame.len};
    if (!rn_row_read(key, &row->row)) {
        return RN_DAMAGED;
    }
    row->prepared = rn_prepared_rows_match(prepared, row->row, frame);
    if (row->prepared == NULL) {
        row->frame = rn_arena_copy(&step->arena, frame);
        if (row->frame.data == NULL) {
            return RN_NOMEM;
        }
    }
    step->row_count++;
    return copy_summary(step, txn, frame);
}

static enum rn_status copy_rows(struct rn_index_step_state *step, struct rn_db_txn *txn,
                                uint32_t max_rows)
{
    uint8_t first[8];
    struct rn_bytes key = {0};
    struct rn_bytes frame = {0};
    size_t copied = 0;
    const struct rn_prepared *prepared = rn_prepared_rows_first(&step->store->prepared);
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_LOG);
    if (cursor == NULL) {
        return RN_NOMEM;
    }
    rn_put_u64(first, step->from + 1);
    enum rn_status status = rn_db_seek(cursor, rn_bytes_of(first, sizeof first), &key, &frame);
    while (status == RN_OK && step->row_count < max_rows) {
        copied += frame.len;
        if (step->row_count > 0 && copied > COPIED_BYTES_MAX) {
            break;
        }
        status = copy_row(step, txn, &prepared, key, frame);
        status = status == RN_OK ? rn_db_next(cursor, &key, &frame) : status;
    }
    rn_db_cursor_free(cursor);
    return status == RN_NOTFOUND ? RN_OK : status;
}

static enum rn_status read_rows(struct rn_index_step_state *step, uint32_t max_rows,
                                struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_begin(step->store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = where(txn, &step->from, &step->last);
    if (status == RN_OK && step->from < step->last) {
        status = copy_rows(step, txn, max_rows);
    }
    rn_db_abort(txn);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot read the log of %s", step->store->path);
}

/* Whether a frame behind the watermark belongs to this trace. Looks at headers only. */
static enum rn_status find_in_tail(struct rn_db_txn *txn, const struct rn_trace_id *id, bool *known)
{
    uint8_t first[8];
    struct rn_bytes key;
    struct rn_bytes frame;
    uint64_t watermark = 0;
    uint64_t last = 0;
    enum rn_status status = where(txn, &watermark, &last);
    if (status != RN_OK || watermark >= last) {
        return status;
    }
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_LOG);
    if (cursor == NULL) {
        return RN_NOMEM;
    }
    rn_put_u64(first, watermark + 1);
    status = rn_db_seek(cursor, rn_bytes_of(first, sizeof first), &key, &frame);
    while (status == RN_OK && !*known) {
        *known = rn_bytes_equal(rn_bytes_sub(frame, 16, RN_TRACE_ID_BYTES),
                                rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES));
        status = rn_db_next(cursor, &key, &frame);
    }
    rn_db_cursor_free(cursor);
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_index_knows(struct rn_store *store, const struct rn_trace_id *id, bool *known,
                              struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    *known = false;
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    struct rn_bytes summary;
    status = rn_db_get(txn, RN_TREE_TRACE, rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES), &summary);
    if (status ==
        RN_NOTFOUND) { /* while a drop is not finished, its rows are still under that id */
        status = rn_drop_marked(txn, id);
    }
    *known = status == RN_OK;
    if (status == RN_NOTFOUND) {
        status = find_in_tail(txn, id, known);
    }
    rn_db_abort(txn);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot read the log of %s", store->path);
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

/* Whether all is still as it was read: no other step, and no maintenance that touched one of our summaries. */
static bool is_unmoved(struct rn_index_step_state *step, struct rn_db_txn *txn)
{
    uint64_t watermark = 0;
    uint64_t last = 0;
    if (where(txn, &watermark, &last) != RN_OK || watermark != step->from) {
        return false;
    }
    for (const struct rn_index_change *change = step->changes; change != NULL;
         change = change->next) {
        struct rn_bytes now = {0};
        enum rn_status status =
            rn_db_get(txn, RN_TREE_TRACE, rn_bytes_of(change->id.bytes, RN_TRACE_ID_BYTES), &now);
        bool same = change->exists ? status == RN_OK && rn_bytes_equal(now, change->before)
                                   : status == RN_NOTFOUND;
        if (!same) {
            return false;
        }
    }
    return true;
}

static enum rn_status write_entry(struct rn_db_txn *txn, const struct rn_index_entry *entry,
                                  struct rn_error *error)
{
    enum rn_status status = RN_OK;
    switch (entry->how) {
    case RN_INDEX_REMOVE:
        status = rn_db_delete(txn, entry->tree, entry->key);
        return status == RN_NOTFOUND ? RN_OK : status;
    case RN_INDEX_PUT_FIRST:
        status = rn_db_get(txn, entry->tree, entry->key, NULL);
        if (status != RN_NOTFOUND) {
            return status;
        }
        break;
    case RN_INDEX_PUT:
        break;
    }
    return rn_db_put(txn, entry->tree, entry->key, entry->value, error);
}

static enum rn_status write_all(struct rn_index_step_state *step, struct rn_db_txn *txn,
                                struct rn_error *error)
{
    uint8_t watermark[8];
    enum rn_status status = RN_OK;
    for (const struct rn_index_entry *entry = step->entries; status == RN_OK && entry != NULL;
         entry = entry->next) {
        status = write_entry(txn, entry, error);
    }
    for (const struct rn_index_change *change = step->changes; status == RN_OK && change != NULL;
         change = change->next) {
        if (change->after.len > 0) {
            status = rn_db_put(txn, RN_TREE_TRACE, rn_bytes_of(change->id.bytes, RN_TRACE_ID_BYTES),
                               change->after, error);
        }
    }
    if (status != RN_OK) {
        return status;
    }
    rn_put_u64(watermark, step->to);
    return rn_db_put(txn, RN_TREE_META, RN_META_WATERMARK, rn_bytes_of(watermark, sizeof watermark),
                     error);
}

static enum rn_status write_step(struct rn_index_step_state *step, bool *moved,
                                 struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_begin(step->store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    *moved = !is_unmoved(step, txn);
    if (!*moved) {
        struct rn_error inner = {.text = ""};
        status = write_all(step, txn, &inner);
        if (status == RN_OK) {
            return rn_db_commit(txn, error);
        }
        rn_fail(error, status, "cannot bring the indexes of %s up: %s", step->store->path,
                inner.text[0] != '\0' ? inner.text : rn_status_name(status));
    }
    rn_db_abort(txn);
    return status;
}

/* --- a step --------------------------------------------------------------------------------------------------------- */

/* Rows are taken until their entries would fill a transaction; the first one always, however many it earns. */
static enum rn_status prepare(struct rn_index_step_state *step, struct rn_error *error)
{
    enum rn_status status = rn_index_begin(step, error);
    for (unsigned i = 0; status == RN_OK && i < step->row_count; i++) {
        if (i > 0 && (step->entry_count >= RN_INDEX_ENTRIES_MAX ||
                      step->entry_bytes >= RN_INDEX_BYTES_MAX)) {
            break;
        }
        status = rn_index_row(step, i, error);
        step->to = step->rows[i].row;
    }
    return status == RN_OK ? rn_index_end(step, error) : status;
}

static enum rn_status run_step(struct rn_index_step_state *step, uint32_t max_rows,
                               struct rn_error *error)
{
    bool moved = false;
    enum rn_status status = read_rows(step, max_rows, error);
    step->to = step->from;
    if (status == RN_OK) { /* another process may have indexed what we keep */
        rn_prepared_rows_drop(&step->store->prepared, step->from);
    }
    if (status != RN_OK || step->row_count == 0) {
        return status;
    }
    status = prepare(step, error);
    status = status == RN_OK ? write_step(step, &moved, error) : status;
    if (status == RN_OK && !moved) {
        rn_prepared_rows_drop(&step->store->prepared, step->to);
    }
    if (moved) {
        step->to = step->from; /* as if nothing was done: the caller asks again */
    }
    return status;
}

enum rn_status rn_index_step(struct rn_store *store, uint32_t max_rows, uint64_t *rows_left,
                             struct rn_error *error)
{
    assert(max_rows > 0);
    struct rn_index_step_state *step = rn_calloc(1, sizeof *step);
    *rows_left = 0;
    if (step == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to index %s", store->path);
    }
    step->store = store;
    pthread_mutex_lock(&store->index_lock);
    enum rn_status status =
        run_step(step, max_rows > RN_INDEX_ROWS_MAX ? RN_INDEX_ROWS_MAX : max_rows, error);
    pthread_mutex_unlock(&store->index_lock);
    if (status == RN_OK) {
        *rows_left = step->last > step->to ? step->last - step->to : 0;
    }
    rn_arena_free(&step->arena);
    rn_free(step);
    return status;
}
