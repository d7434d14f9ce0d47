/*
 * A trace leaves the store: first its ways in, with a mark, then what foreign ids say of it, then its rows. Every transaction
 * after the first asks for the mark, so that two who finish the same drop, or one who finishes late, take nothing of a trace that
 * has come back under the same id.
 *
 * Row numbers are not given again: where the last row of the log goes, its number stays (rn_db_take_row).
 */
#include "drop.h"

#include <stdlib.h>
#include <string.h>

#include "facts_parts.h"
#include "hold.h"
#include "index_row.h"
#include "keys.h"
#include "pieces.h"
#include "rewrite.h"
#include "scan.h"
#include "store/trace.h"
#include "summary.h"

#define ROWS_PER_COMMIT 128u
#define FREED_BYTES_MAX ((size_t)64 * 1024 * 1024) /* a commit lists every page that it frees */
#define IDS_BYTES_MAX ((size_t)64 * 1024)

/* The first byte of a mark's value; the owner's id follows. */
enum stage { STAGE_IDS = 1, STAGE_ROWS = 2 };

#define MARK_BYTES_MAX 80u

/* --- the mark ------------------------------------------------------------------------------------------------------- */

static struct rn_bytes mark_key(const struct rn_trace_id *id, uint8_t out[RN_DROP_KEY_BYTES])
{
    rn_key_drop(id, out);
    return rn_bytes_of(out, RN_DROP_KEY_BYTES);
}

enum rn_status rn_drop_marked(struct rn_db_txn *txn, const struct rn_trace_id *id)
{
    uint8_t key[RN_DROP_KEY_BYTES];
    struct rn_bytes value = {0};
    return rn_db_get(txn, RN_TREE_META, mark_key(id, key), &value);
}

static enum rn_status put_mark(struct rn_store *store, struct rn_db_txn *txn,
                               const struct rn_trace_id *id, enum stage stage,
                               struct rn_error *error)
{
    uint8_t key[RN_DROP_KEY_BYTES];
    uint8_t value[MARK_BYTES_MAX];
    struct rn_bytes owner = rn_bytes_text(rn_owner_text(store->owner));
    owner = rn_bytes_sub(owner, 0, sizeof value - 1);
    value[0] = (uint8_t)stage;
    memcpy(value + 1, owner.data, owner.len);
    return rn_db_put(txn, RN_TREE_META, mark_key(id, key), rn_bytes_of(value, 1 + owner.len),
                     error);
}

/* How far a drop has come. RN_NOTFOUND without a sentence: there is none. */
static enum rn_status read_stage(struct rn_store *store, const struct rn_trace_id *id,
                                 enum stage *stage, struct rn_error *error)
{
    uint8_t key[RN_DROP_KEY_BYTES];
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, RN_TREE_META, mark_key(id, key), &value);
    *stage =
        status == RN_OK && value.len > 0 && value.data[0] == STAGE_ROWS ? STAGE_ROWS : STAGE_IDS;
    rn_db_abort(txn);
    if (status == RN_OK || status == RN_NOTFOUND) {
        return status;
    }
    return rn_fail(error, status, "cannot read what is being dropped from %s", store->path);
}

/* A write transaction in which the mark is there. RN_NOTFOUND without a sentence: another has finished. */
static enum rn_status begin_marked(struct rn_store *store, const struct rn_trace_id *id,
                                   struct rn_db_txn **out, struct rn_error *error)
{
    enum rn_status status = rn_db_begin(store->db, true, out, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_drop_marked(*out, id);
    if (status != RN_OK) {
        rn_db_abort(*out);
        *out = NULL;
    }
    return status;
}

static enum rn_status end(struct rn_store *store, struct rn_db_txn *txn, enum rn_status status,
                          struct rn_error *error)
{
    if (status == RN_OK) {
        return rn_db_commit(txn, error);
    }
    rn_db_abort(txn);
    if (error != NULL && error->text[0] == '\0') {
        rn_fail(error, status, "cannot drop a trace from %s: %s", store->path,
                rn_status_name(status));
    }
    return status;
}

/* --- what the log earned -------------------------------------------------------------------------------------------- */

static int by_row(const void *a, const void *b)
{
    uint64_t left = ((const struct rn_piece *)a)->row;
    uint64_t right = ((const struct rn_piece *)b)->row;
    return left < right ? -1 : left > right;
}

/* Indexes the trace once more: every entry is shown to `seen`, its summary appended. RN_DAMAGED: a row of it is missing. */
static enum rn_status index_again(struct rn_store *store, const struct rn_trace_id *id,
                                  rn_index_seen *seen, void *self, struct rn_buffer *summary,
                                  struct rn_error *error)
{
    struct rn_pieces pieces = {0};
    enum rn_status status = rn_pieces_of_trace(store, id, &pieces, error);
    if (status == RN_OK && pieces.count > 0) {
        qsort(pieces.at, pieces.count, sizeof *pieces.at, by_row);
        status = rn_index_again(store, id, &pieces, seen, self, summary, error);
    }
    rn_pieces_free(&pieces);
    return status;
}

static enum rn_status see_nothing(void *self, const struct rn_index_entry *entry,
                                  struct rn_error *error)
{
    (void)self;
    (void)entry;
    (void)error;
    return RN_OK;
}

/* Puts `bytes` where a summary stands that cannot be read. */
static enum rn_status put_mended(struct rn_store *store, const struct rn_trace_id *id,
                                 struct rn_bytes bytes, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    struct rn_trace_summary summary;
    struct rn_bytes key = rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES);
    struct rn_bytes now = {0};
    enum rn_status status = rn_db_begin(store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, RN_TREE_TRACE, key, &now);
    if (status != RN_OK || rn_summary_decode(id, now, &summary, NULL) == RN_OK) {
        rn_db_abort(txn); /* somebody was quicker */
        return status == RN_NOTFOUND ? RN_OK : status;
    }
    status = rn_db_put(txn, RN_TREE_TRACE, key, bytes, error);
    return end(store, txn, status, error);
}

/* A summary that cannot be read is made again from the log, so that its trace can be dropped like any other. */
static enum rn_status mend_summary(struct rn_store *store, const struct rn_trace_id *id,
                                   struct rn_error *error)
{
    struct rn_buffer bytes = {0};
    struct rn_trace_summary summary;
    enum rn_status status = index_again(store, id, see_nothing, NULL, &bytes, error);
    if (status == RN_OK) {
        status = rn_summary_decode(id, rn_buffer_bytes(&bytes), &summary, error);
    }
    if (status == RN_OK && summary.started_wall_ns == 0) {
        status = rn_fail(error, RN_DAMAGED, "the opening of the trace cannot be read either");
    }
    status = status == RN_OK ? put_mended(store, id, rn_buffer_bytes(&bytes), error) : status;
    rn_buffer_free(&bytes);
    return status;
}

/* --- the ways in ---------------------------------------------------------------------------------------------------- */

static enum rn_status take(struct rn_db_txn *txn, enum rn_tree tree, struct rn_bytes key)
{
    enum rn_status status = rn_db_delete(txn, tree, key);
    return status == RN_NOTFOUND ? RN_OK : status;
}

static enum rn_status take_ways_in(struct rn_db_txn *txn, const struct rn_trace_summary *summary)
{
    const struct rn_trace_id *id = &summary->id;
    uint8_t time[RN_TIME_KEY_BYTES];
    uint8_t suffix[RN_TRACE_ID_BYTES];
    uint8_t session[RN_SESSION_KEY_BYTES];
    uint8_t open[RN_OPEN_KEY_BYTES];
    uint8_t name[RN_NAME_KEY_BYTES_MAX];
    rn_key_time(summary->started_wall_ns, id, time);
    rn_key_suffix(id, suffix);
    rn_key_session(&summary->session, summary->started_wall_ns, id, session);
    rn_key_open(id, open);
    size_t name_len = rn_key_name(summary->name, summary->started_wall_ns, id, name);
    const struct {
        enum rn_tree tree;
        struct rn_bytes key;
    } ways[] = {{RN_TREE_TRACE, rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES)},
                {RN_TREE_TIME, rn_bytes_of(time, sizeof time)},
                {RN_TREE_SUFFIX, rn_bytes_of(suffix, sizeof suffix)},
                {RN_TREE_SESSION, rn_bytes_of(session, sizeof session)},
                {RN_TREE_META, rn_bytes_of(open, sizeof open)},
                {RN_TREE_NAME, rn_bytes_of(name, name_len)}};
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < sizeof ways / sizeof ways[0]; i++) {
        status = take(txn, ways[i].tree, ways[i].key);
    }
    return status;
}

/* RN_BUSY without a sentence: something came for the trace meanwhile, look again. */
static enum rn_status unlist(struct rn_store *store, const struct rn_trace_id *id,
                             struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_db_txn *txn = NULL;
    struct rn_trace_summary summary;
    enum rn_status status = rn_closed_summary(store, id, &arena, &summary, error);
    if (status == RN_DAMAGED && mend_summary(store, id, NULL) == RN_OK) {
        status = rn_closed_summary(store, id, &arena, &summary, error);
    }
    status = status == RN_OK ? rn_db_begin(store->db, true, &txn, error) : status;
    if (status != RN_OK) {
        rn_arena_free(&arena);
        return status;
    }
    if (!rn_unmoved(txn, &summary, false)) {
        rn_db_abort(txn);
        rn_arena_free(&arena);
        return RN_BUSY;
    }
    status = rn_hold_check(txn, id, error);
    status = status == RN_OK ? put_mark(store, txn, id, STAGE_IDS, error) : status;
    status = status == RN_OK ? take_ways_in(txn, &summary) : status;
    status = status == RN_OK ? rn_facts_unlist(txn, id, summary.started_wall_ns) : status;
    status = end(store, txn, status, error);
    rn_arena_free(&arena);
    return status;
}

/* --- foreign ids ---------------------------------------------------------------------------------------------------- */

/* Keys of RN_TREE_ID on their way out, each with its length in front (one byte). */
struct ids {
    struct rn_store *store;
    const struct rn_trace_id *id;
    struct rn_buffer keys;
    bool is_partial; /* a row could not be read: what it once said is to be looked for */
    struct rn_error *error;
};

static enum rn_status take_ids(struct ids *ids)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes rest = rn_buffer_bytes(&ids->keys);
    if (rest.len == 0) {
        return RN_OK;
    }
    enum rn_status status = begin_marked(ids->store, ids->id, &txn, ids->error);
    if (status != RN_OK) {
        return status;
    }
    while (status == RN_OK && rest.len > 0) {
        struct rn_bytes key = rn_bytes_sub(rest, 1, rest.data[0]);
        status = take(txn, RN_TREE_ID, key);
        rest = rn_bytes_from(rest, 1 + key.len);
    }
    rn_buffer_clear(&ids->keys);
    return end(ids->store, txn, status, ids->error);
}

static enum rn_status add_id(struct ids *ids, struct rn_bytes key)
{
    enum rn_status status = rn_buffer_add_byte(&ids->keys, (uint8_t)key.len);
    status = status == RN_OK ? rn_buffer_add(&ids->keys, key) : status;
    if (status != RN_OK) {
        return rn_fail(ids->error, status, "no memory to drop a trace");
    }
    return ids->keys.len >= IDS_BYTES_MAX ? take_ids(ids) : RN_OK;
}

/* What the log earned. A damaged row only keeps its place, and that is how it shows. */
static enum rn_status take_earned(void *self, const struct rn_index_entry *entry,
                                  struct rn_error *error)
{
    struct ids *ids = self;
    (void)error;
    if (entry->tree == RN_TREE_EVENT) {
        ids->is_partial = ids->is_partial || entry->how == RN_INDEX_PUT_FIRST;
        return RN_OK;
    }
    return entry->tree == RN_TREE_ID ? add_id(ids, entry->key) : RN_OK;
}

/* Every foreign id of the store that leads here. Long, and only for traces that are damaged. */
static enum rn_status look_for_ids(struct ids *ids)
{
    struct rn_scan scan = {.store = ids->store, .tree = RN_TREE_ID, .prefix = RN_LIT("")};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    struct rn_bytes id = rn_bytes_of(ids->id->bytes, RN_TRACE_ID_BYTES);
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, ids->error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            if (entries[i].key.len <= RN_ID_KEY_BYTES_MAX &&
                rn_bytes_ends_with(entries[i].key, id)) {
                status = add_id(ids, entries[i].key);
            }
        }
        rn_arena_free(&arena);
    }
    return status;
}

static enum rn_status drop_ids(struct rn_store *store, const struct rn_trace_id *id,
                               struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    struct ids ids = {.store = store, .id = id, .error = error};
    struct rn_buffer summary = {0};
    enum rn_status status = index_again(store, id, take_earned, &ids, &summary, &inner);
    if (status == RN_DAMAGED) {
        ids.is_partial = true;
        status = RN_OK;
    } else if (status != RN_OK && inner.text[0] != '\0') {
        (void)rn_fail(error, status, "%s", inner.text);
    }
    if (status == RN_OK && ids.is_partial) {
        status = look_for_ids(&ids);
    }
    status = status == RN_OK ? take_ids(&ids) : status;
    rn_buffer_free(&ids.keys);
    rn_buffer_free(&summary);
    return status;
}

/* --- facts ---------------------------------------------------------------------------------------------------------- */

static enum rn_status drop_facts(struct rn_store *store, const struct rn_trace_id *id,
                                 struct rn_error *error)
{
    bool more = true;
    enum rn_status status = RN_OK;
    while (status == RN_OK && more) {
        struct rn_db_txn *txn = NULL;
        status = begin_marked(store, id, &txn, error);
        if (status == RN_OK) {
            status = end(store, txn, rn_facts_take(txn, id, &more), error);
        }
    }
    return status;
}

/* --- rows ----------------------------------------------------------------------------------------------------------- */

/* The next entry of the trace in the event index, copied. RN_NOTFOUND: none is left. */
static enum rn_status next_place(struct rn_db_txn *txn, const struct rn_trace_id *id,
                                 uint8_t key[RN_EVENT_KEY_BYTES], uint64_t *row)
{
    struct rn_bytes prefix = rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES);
    struct rn_bytes found = {0};
    struct rn_bytes value = {0};
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_EVENT);
    enum rn_status status = cursor == NULL ? RN_NOMEM : rn_db_seek(cursor, prefix, &found, &value);
    if (status == RN_OK && !rn_bytes_starts_with(found, prefix)) {
        status = RN_NOTFOUND;
    }
    if (status == RN_OK && (found.len != RN_EVENT_KEY_BYTES || !rn_row_read(value, row))) {
        status = RN_DAMAGED;
    }
    if (status == RN_OK) {
        memcpy(key, found.data, RN_EVENT_KEY_BYTES);
    }
    rn_db_cursor_free(cursor);
    return status;
}

/* The length of the row's frame if it is this trace's, else 0: an index that names another's row must not take it away. */
static size_t own_bytes(struct rn_db_txn *txn, const struct rn_trace_id *id, uint64_t row)
{
    uint8_t key[8];
    struct rn_bytes frame = {0};
    rn_put_u64(key, row);
    bool is_own = row > 0 &&
                  rn_db_get(txn, RN_TREE_LOG, rn_bytes_of(key, sizeof key), &frame) == RN_OK &&
                  rn_bytes_equal(rn_bytes_sub(frame, 16, RN_TRACE_ID_BYTES),
                                 rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES));
    return is_own ? frame.len : 0;
}

/* Some rows, and the mark behind the last one. */
static enum rn_status take_rows(struct rn_store *store, struct rn_db_txn *txn,
                                const struct rn_trace_id *id, bool *more, struct rn_error *error)
{
    uint8_t key[RN_EVENT_KEY_BYTES];
    uint8_t mark[RN_DROP_KEY_BYTES];
    uint64_t row = 0;
    size_t bytes = 0;
    enum rn_status status = put_mark(store, txn, id, STAGE_ROWS, error);
    for (unsigned i = 0; status == RN_OK && i < ROWS_PER_COMMIT && bytes < FREED_BYTES_MAX; i++) {
        status = next_place(txn, id, key, &row);
        size_t len = status == RN_OK ? own_bytes(txn, id, row) : 0;
        if (len > 0) {
            status = rn_db_take_row(txn, row, error);
        }
        bytes += len;
        status = status == RN_OK ? rn_db_delete(txn, RN_TREE_EVENT, rn_bytes_of(key, sizeof key))
                                 : status;
    }
    *more = status == RN_OK;
    return status == RN_NOTFOUND ? rn_db_delete(txn, RN_TREE_META, mark_key(id, mark)) : status;
}

static enum rn_status drop_rows(struct rn_store *store, const struct rn_trace_id *id,
                                struct rn_error *error)
{
    bool more = true;
    enum rn_status status = RN_OK;
    while (status == RN_OK && more) {
        struct rn_db_txn *txn = NULL;
        status = begin_marked(store, id, &txn, error);
        if (status == RN_OK) {
            status = take_rows(store, txn, id, &more, error);
            status = end(store, txn, status, error);
        }
    }
    return status;
}

/* --- a drop --------------------------------------------------------------------------------------------------------- */

enum rn_status rn_drop_finish(struct rn_store *store, const struct rn_trace_id *id,
                              struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    enum stage stage = STAGE_IDS;
    enum rn_status status = read_stage(store, id, &stage, &inner);
    if (status == RN_OK && stage == STAGE_IDS) {
        status = drop_ids(store, id, &inner);
        status = status == RN_OK ? drop_facts(store, id, &inner) : status;
    }
    status = status == RN_OK ? drop_rows(store, id, &inner) : status;
    if (status == RN_OK || status == RN_NOTFOUND) { /* there was none, or another was quicker */
        return RN_OK;
    }
    return rn_fail(error, status, "%s", inner.text);
}

enum rn_status rn_trace_drop(struct rn_store *store, const struct rn_trace_id *id,
                             struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    enum stage stage = STAGE_IDS;
    enum rn_status status = read_stage(store, id, &stage, error);
    if (status == RN_OK) { /* begun before */
        return rn_drop_finish(store, id, error);
    }
    if (status != RN_NOTFOUND) {
        return status;
    }
    status = RN_BUSY;
    while (status == RN_BUSY && inner.text[0] == '\0') {
        status = unlist(store, id, &inner);
    }
    if (status != RN_OK) {
        return rn_fail(error, status, "%s", inner.text);
    }
    return rn_drop_finish(store, id, error);
}

enum rn_status rn_drop_recover(struct rn_store *store, struct rn_error *error)
{
    struct rn_scan scan = {
        .store = store, .tree = RN_TREE_META, .prefix = rn_bytes_text(RN_META_DROP)};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            struct rn_trace_id id;
            if (entries[i].key.len == RN_DROP_KEY_BYTES &&
                !rn_owner_is_live(store->owner, rn_bytes_from(entries[i].value, 1))) {
                memcpy(id.bytes, entries[i].key.data + 5, RN_TRACE_ID_BYTES);
                status = rn_drop_finish(store, &id, error);
            }
        }
        rn_arena_free(&arena);
    }
    return status;
}
