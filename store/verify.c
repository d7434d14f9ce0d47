/*
 * Everything a store says, held against everything it holds: first the file's pages, so that a torn one is found and not
 * stepped on, then each row of the log, then each trace with its digests and index entries, then the indexes back.
 *
 * Findings go to the caller; only what keeps us from looking at all is an error. Traces that are being written meanwhile are
 * judged by what was there when the walk began.
 */
#include "store/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "db_file.h"
#include "document_parts.h"
#include "drop.h"
#include "index.h"
#include "index_row.h"
#include "keys.h"
#include "pieces.h"
#include "scan.h"
#include "store_internal.h"
#include "summary.h"
#include "trace_pack.h"

struct walk {
    struct rn_store *store;
    rn_verify_finding *finding;
    rn_verify_progress *progress;
    void *self;
    struct rn_verify_counts *counts;
    uint64_t last_row;
    struct rn_buffer
        damaged; /* ids of traces with a damaged row: their chain is not reported again */
    struct rn_error *error;
};

static const struct rn_trace_id nobody;

static void __attribute__((format(printf, 3, 4)))
report(struct walk *walk, const struct rn_trace_id *id, const char *format, ...)
{
    char sentence[RN_ERROR_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    walk->counts->damaged++;
    if (walk->finding != NULL) {
        walk->finding(walk->self, id, sentence);
    }
}

/* Whether a tree holds a key, and its value where wanted (up to 8 bytes, the rest is not compared). */
static enum rn_status has_key(struct walk *walk, enum rn_tree tree, struct rn_bytes key,
                              bool *is_there, uint64_t *number)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_begin(walk->store->db, false, &txn, walk->error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, tree, key, &value);
    *is_there = status == RN_OK;
    if (status == RN_OK && number != NULL && !rn_row_read(value, number)) {
        *number = 0;
    }
    rn_db_abort(txn);
    if (status == RN_OK || status == RN_NOTFOUND) {
        return RN_OK;
    }
    return rn_fail(walk->error, status, "cannot read the indexes of %s", walk->store->path);
}

/* --- rows ----------------------------------------------------------------------------------------------------------- */

/* The frame of the first row from `row` on, copied. RN_NOTFOUND at the end. */
static enum rn_status next_row(struct walk *walk, uint64_t *row, struct rn_buffer *frame)
{
    uint8_t from[8];
    struct rn_db_txn *txn = NULL;
    struct rn_bytes key = {0};
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_begin(walk->store->db, false, &txn, walk->error);
    if (status != RN_OK) {
        return status;
    }
    rn_put_u64(from, *row);
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_LOG);
    status = cursor == NULL ? RN_NOMEM
                            : rn_db_seek(cursor, rn_bytes_of(from, sizeof from), &key, &value);
    if (status == RN_OK) {
        status = rn_row_read(key, row) ? rn_buffer_add(frame, value) : RN_DAMAGED;
    }
    rn_db_cursor_free(cursor);
    rn_db_abort(txn);
    if (status != RN_OK && status != RN_NOTFOUND) {
        rn_fail(walk->error, status, "cannot read the log of %s", walk->store->path);
    }
    return status;
}

static enum rn_status check_body(struct walk *walk, const struct rn_frame *frame,
                                 struct rn_error *inner)
{
    struct rn_arena arena = {0};
    struct rn_buffer raw = {0};
    struct rn_event event = {0};
    struct rn_trace_opening opening;
    struct rn_trace_closing closing;
    struct rn_codec_context *context = rn_store_codec_take(walk->store);
    enum rn_status status =
        context == NULL ? RN_NOMEM : rn_frame_decode(context, frame, &raw, inner);
    rn_store_codec_give(walk->store, context);
    if (status == RN_OK && frame->kind == RN_FRAME_TRACE_OPEN) {
        status = rn_trace_opening_decode(rn_buffer_bytes(&raw), &opening, inner);
    } else if (status == RN_OK && frame->kind == RN_FRAME_TRACE_CLOSE) {
        status = rn_trace_closing_decode(rn_buffer_bytes(&raw), &closing, inner);
    } else if (status == RN_OK) {
        status = rn_event_decode(rn_buffer_bytes(&raw), &arena, &event, inner);
    }
    rn_buffer_free(&raw);
    rn_arena_free(&arena);
    return status;
}

/* Where the event index must name this row. The header may be damaged: then this is only what it claims. */
static void place_key(struct rn_bytes frame, struct rn_trace_id *id,
                      uint8_t key[RN_EVENT_KEY_BYTES])
{
    enum rn_frame_kind kind = (enum rn_frame_kind)frame.data[2];
    memcpy(id->bytes, frame.data + 16, RN_TRACE_ID_BYTES);
    if (kind == RN_FRAME_TRACE_OPEN || kind == RN_FRAME_TRACE_CLOSE) {
        rn_key_event(id, RN_CLASS_TRACE, 0, kind == RN_FRAME_TRACE_CLOSE, kind, key);
    } else {
        rn_key_event(id, frame.data[3], rn_get_u32(frame.data + 32), rn_get_u32(frame.data + 36),
                     kind, key);
    }
}

/* Whether the row still holds what was looked at: a trace may be dropped, a field erased, while we walk. */
static bool is_still(struct walk *walk, uint64_t row, struct rn_bytes bytes)
{
    uint8_t key[8];
    struct rn_db_txn *txn = NULL;
    struct rn_bytes now = {0};
    if (rn_db_begin(walk->store->db, false, &txn, NULL) != RN_OK) {
        return true;
    }
    rn_put_u64(key, row);
    bool same = rn_db_get(txn, RN_TREE_LOG, rn_bytes_of(key, sizeof key), &now) == RN_OK &&
                rn_bytes_equal(now, bytes);
    rn_db_abort(txn);
    return same;
}

static enum rn_status report_row(struct walk *walk, uint64_t row, struct rn_bytes bytes,
                                 const struct rn_trace_id *id,
                                 const uint8_t key[RN_EVENT_KEY_BYTES], const char *sentence)
{
    char place[RN_PLACE_TEXT_BYTES];
    char text[33];
    if (!is_still(walk, row, bytes)) {
        return RN_OK;
    }
    if (id == NULL) {
        report(walk, &nobody, "row %" PRIu64 " of the log: %.300s", row, sentence);
        return RN_OK;
    }
    rn_trace_id_text(id, text);
    rn_place_text(key[16], rn_get_u32(key + 17), place);
    report(walk, id, "trace %s, event %s, row %" PRIu64 ": %.300s", text, place, row, sentence);
    return rn_buffer_append(&walk->damaged, id->bytes, RN_TRACE_ID_BYTES);
}

static enum rn_status check_row(struct walk *walk, uint64_t row, struct rn_bytes bytes)
{
    uint8_t key[RN_EVENT_KEY_BYTES];
    struct rn_trace_id id;
    struct rn_frame frame;
    struct rn_error inner = {.text = ""};
    uint64_t indexed = 0;
    bool is_there = false;
    if (bytes.len < RN_FRAME_HEADER_BYTES) {
        return report_row(walk, row, bytes, NULL, NULL, "the frame is shorter than its header");
    }
    place_key(bytes, &id, key);
    enum rn_status status =
        has_key(walk, RN_TREE_EVENT, rn_bytes_of(key, sizeof key), &is_there, &indexed);
    if (status != RN_OK) {
        return status;
    }
    bool is_placed = is_there && indexed == row;
    status = rn_frame_read(bytes, &frame, &inner);
    if (status == RN_OK && frame.kind == RN_FRAME_DOCUMENT) {
        status = rn_fail(&inner, RN_DAMAGED, "a piece of a document stands there");
    }
    status = status == RN_OK ? check_body(walk, &frame, &inner) : status;
    if (status == RN_NOMEM) {
        return rn_fail(walk->error, RN_NOMEM, "no memory to verify %s", walk->store->path);
    }
    if (status != RN_OK) {
        return report_row(walk, row, bytes, is_placed ? &id : NULL, key, inner.text);
    }
    return is_placed ? RN_OK
                     : report_row(walk, row, bytes, &id, key, "the event index does not name it");
}

static enum rn_status check_rows(struct walk *walk)
{
    struct rn_buffer frame = {0};
    enum rn_status status = RN_OK;
    for (uint64_t row = 1; status == RN_OK && row <= walk->last_row; row++) {
        rn_buffer_clear(&frame);
        status = next_row(walk, &row, &frame);
        if (status != RN_OK || row > walk->last_row) {
            break;
        }
        if (frame.len > 0) { /* else the last one of a dropped trace, which only keeps its number */
            status = check_row(walk, row, rn_buffer_bytes(&frame));
            walk->counts->rows++;
        }
        if (walk->progress != NULL) {
            walk->progress(walk->self, row, walk->last_row);
        }
    }
    rn_buffer_free(&frame);
    return status == RN_NOTFOUND ? RN_OK : status;
}

/* --- traces --------------------------------------------------------------------------------------------------------- */

/* Whether the trace was dropped since the walk met it. */
static bool is_gone(struct walk *walk, const struct rn_trace_id *id)
{
    bool is_there = true;
    enum rn_status status =
        has_key(walk, RN_TREE_TRACE, rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES), &is_there, NULL);
    return status == RN_OK && !is_there;
}

static bool is_known_damaged(const struct walk *walk, const struct rn_trace_id *id)
{
    for (size_t i = 0; i < walk->damaged.len; i += RN_TRACE_ID_BYTES) {
        if (memcmp(walk->damaged.data + i, id->bytes, RN_TRACE_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

struct entry_walk {
    struct walk *walk;
    const struct rn_trace_id *id;
    struct rn_buffer met; /* a bit for each event that has earned a foreign id so far */
};

static bool was_met(const struct rn_buffer *met, uint32_t n)
{
    return n / 8 < met->len && (met->data[n / 8] >> (n % 8) & 1) != 0;
}

static enum rn_status note_met(struct rn_buffer *met, uint32_t n)
{
    enum rn_status status = RN_OK;
    while (status == RN_OK && n <= RN_TRACE_EVENTS_MAX && met->len <= n / 8) {
        status = rn_buffer_add_byte(met, 0);
    }
    if (status == RN_OK && n / 8 < met->len) {
        met->data[n / 8] |= (uint8_t)(1u << (n % 8));
    }
    return status;
}

/*
 * Of a foreign id the place that was committed first counts, which need not be the least: calls that are in flight together
 * end in any order, and share a traceparent. Entries come in the order of rows, so the place has been met by now.
 */
static enum rn_status check_place(struct entry_walk *entries, struct rn_bytes found,
                                  struct rn_bytes earned, bool *same)
{
    *same = rn_bytes_equal(found, earned) ||
            (found.len == 4 && was_met(&entries->met, rn_get_u32(found.data)));
    return note_met(&entries->met, rn_get_u32(earned.data));
}

/* An entry the log earns: is it there, and does it say the same? */
static enum rn_status check_earned(void *self, const struct rn_index_entry *entry,
                                   struct rn_error *error)
{
    static const char *const what[RN_TREE_COUNT] = {
        [RN_TREE_TIME] = "the times",       [RN_TREE_EVENT] = "the events",
        [RN_TREE_SUFFIX] = "the suffixes",  [RN_TREE_NAME] = "the names",
        [RN_TREE_SESSION] = "the sessions", [RN_TREE_ID] = "the foreign ids"};
    struct entry_walk *entries = self;
    struct walk *walk = entries->walk;
    struct rn_db_txn *txn = NULL;
    struct rn_bytes found = {0};
    bool same = false;
    char text[33];
    if (entry->tree == RN_TREE_META) { /* the mark of an open trace: check_open_mark */
        return RN_OK;
    }
    enum rn_status status = rn_db_begin(walk->store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, entry->tree, entry->key, &found);
    if (status == RN_OK && entry->tree == RN_TREE_ID) {
        status = check_place(entries, found, entry->value, &same);
    } else if (status == RN_OK) {
        same = rn_bytes_equal(found, entry->value);
    }
    rn_db_abort(txn);
    if (!same && (status == RN_OK || status == RN_NOTFOUND) && !is_gone(walk, entries->id)) {
        rn_trace_id_text(entries->id, text);
        report(walk, entries->id, "trace %s: its entry among %s is %s", text, what[entry->tree],
               status == RN_OK ? "another" : "missing");
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

static enum rn_status check_open_mark(struct walk *walk, const struct rn_trace_summary *summary)
{
    uint8_t key[RN_OPEN_KEY_BYTES];
    bool is_there = false;
    char text[33];
    rn_key_open(&summary->id, key);
    enum rn_status status =
        has_key(walk, RN_TREE_META, rn_bytes_of(key, sizeof key), &is_there, NULL);
    if (status == RN_OK && is_there != (summary->state == RN_TRACE_OPEN) &&
        !is_gone(walk, &summary->id)) {
        rn_trace_id_text(&summary->id, text);
        report(walk, &summary->id, "trace %s: its mark among the open traces is %s", text,
               is_there ? "left over" : "missing");
    }
    return status;
}

static int by_row(const void *a, const void *b)
{
    uint64_t left = ((const struct rn_piece *)a)->row;
    uint64_t right = ((const struct rn_piece *)b)->row;
    return left < right ? -1 : left > right;
}

/* Indexes the trace once more, in memory, and compares. Reorders `pieces`. */
static enum rn_status check_indexes(struct walk *walk, const struct rn_trace_summary *summary,
                                    struct rn_pieces *pieces)
{
    struct entry_walk entries = {.walk = walk, .id = &summary->id};
    struct rn_buffer again = {0};
    struct rn_buffer stored = {0};
    char text[33];
    qsort(pieces->at, pieces->count, sizeof *pieces->at, by_row);
    enum rn_status status = rn_index_again(walk->store, &summary->id, pieces, check_earned,
                                           &entries, &again, walk->error);
    rn_buffer_free(&entries.met);
    if (status == RN_DAMAGED) { /* a row is gone: check_trees says which */
        rn_buffer_free(&again);
        return RN_OK;
    }
    if (status == RN_OK && rn_summary_encode(summary, &stored) != RN_OK) {
        status = rn_fail(walk->error, RN_NOMEM, "no memory to verify %s", walk->store->path);
    }
    /* The summary of an open trace may have moved on meanwhile. */
    if (status == RN_OK && summary->state != RN_TRACE_OPEN &&
        !rn_bytes_equal(rn_buffer_bytes(&again), rn_buffer_bytes(&stored)) &&
        !is_gone(walk, &summary->id)) {
        rn_trace_id_text(&summary->id, text);
        report(walk, &summary->id, "trace %s: its summary is not what its events say", text);
    }
    rn_buffer_free(&again);
    rn_buffer_free(&stored);
    return status == RN_OK ? check_open_mark(walk, summary) : status;
}

static uint64_t count_events(const struct rn_pieces *pieces)
{
    uint64_t count = 0;
    for (size_t i = 0; i < pieces->count; i += rn_pieces_run(pieces, i)) {
        count += pieces->at[i].class <= RN_CLASS_MARK;
    }
    return count;
}

static enum rn_status check_chain(struct walk *walk, const struct rn_trace_summary *summary,
                                  const struct rn_pieces *pieces)
{
    struct rn_error inner = {.text = ""};
    struct rn_digests found;
    char text[33];
    enum rn_status status =
        rn_chain_of(walk->store, &summary->id, &summary->salts, pieces, &found, &inner);
    if (status == RN_DAMAGED || status == RN_NEWER) {
        if (!is_known_damaged(walk, &summary->id) && !is_gone(walk, &summary->id)) {
            report(walk, &summary->id, "%s", inner.text);
        }
        return RN_OK;
    }
    if (status != RN_OK) {
        return rn_fail(walk->error, status, "%s", inner.text);
    }
    if (summary->state != RN_TRACE_OPEN && memcmp(&found, &summary->digests, sizeof found) != 0 &&
        !is_gone(walk, &summary->id)) {
        rn_trace_id_text(&summary->id, text);
        report(walk, &summary->id,
               "trace %s: every frame is sound, but its digests are others: an event was replaced, "
               "added or "
               "removed",
               text);
    }
    return RN_OK;
}

static enum rn_status check_trace(struct walk *walk, const struct rn_trace_id *id)
{
    struct rn_arena arena = {0};
    struct rn_pieces pieces = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(walk->store, id, &arena, &summary, walk->error);
    walk->counts->traces++;
    status = status == RN_OK ? rn_pieces_of_trace(walk->store, id, &pieces, walk->error) : status;
    if (status == RN_DAMAGED) {
        report(walk, id, "%s", walk->error->text);
    }
    if (status == RN_DAMAGED || status == RN_NOTFOUND) { /* not found: it was dropped meanwhile */
        status = RN_OK;
        goto done;
    }
    if (status != RN_OK) {
        goto done;
    }
    walk->counts->events += count_events(&pieces);
    walk->counts->open += summary.state == RN_TRACE_OPEN;
    status = check_chain(walk, &summary, &pieces);
    if (status == RN_OK &&
        !is_known_damaged(walk, id)) { /* what a damaged row earned cannot be told */
        status = check_indexes(walk, &summary, &pieces);
    }
done:
    rn_pieces_free(&pieces);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status check_traces(struct walk *walk)
{
    struct rn_scan scan = {.store = walk->store, .tree = RN_TREE_TRACE, .prefix = RN_LIT("")};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, walk->error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            struct rn_trace_id id;
            if (entries[i].key.len != RN_TRACE_ID_BYTES) {
                report(walk, &nobody, "a summary stands under a key that is no trace id");
                continue;
            }
            memcpy(id.bytes, entries[i].key.data, RN_TRACE_ID_BYTES);
            status = check_trace(walk, &id);
        }
        rn_arena_free(&arena);
    }
    return status;
}

/* --- the indexes back ----------------------------------------------------------------------------------------------- */

static enum rn_status check_row_entry(struct walk *walk, const struct rn_scan_entry *entry)
{
    struct rn_trace_id id;
    uint64_t row = 0;
    bool is_there = false;
    enum rn_status status = RN_OK;
    if (rn_row_read(entry->value, &row)) {
        status = has_key(walk, RN_TREE_LOG, entry->value, &is_there, NULL);
    }
    bool is_named = false;
    if (status == RN_OK && !is_there) { /* row and entry go together when a trace is dropped */
        status = has_key(walk, RN_TREE_EVENT, entry->key, &is_named, NULL);
    }
    if (status == RN_OK && is_named) {
        memcpy(id.bytes, entry->key.data, RN_TRACE_ID_BYTES);
        report(walk, &id, "an entry among the events names row %" PRIu64 ", which is missing", row);
    }
    return status;
}

/* Whether an entry of a missing trace should not be there: its drop is not on the way, and has not just taken it. */
static enum rn_status is_left_behind(struct walk *walk, enum rn_tree tree, struct rn_bytes key,
                                     const struct rn_trace_id *id, bool *is_left)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_begin(walk->store->db, false, &txn, walk->error);
    if (status != RN_OK) {
        return status;
    }
    *is_left = rn_db_get(txn, tree, key, &value) == RN_OK && rn_drop_marked(txn, id) != RN_OK;
    rn_db_abort(txn);
    return RN_OK;
}

static enum rn_status check_trace_entry(struct walk *walk, enum rn_tree tree, const char *what,
                                        const struct rn_scan_entry *entry)
{
    struct rn_trace_id id;
    bool is_there = false;
    memcpy(id.bytes, entry->key.data + entry->key.len - RN_TRACE_ID_BYTES, RN_TRACE_ID_BYTES);
    if (tree == RN_TREE_SUFFIX) {
        rn_key_suffix(&id, id.bytes);
    }
    enum rn_status status =
        has_key(walk, RN_TREE_TRACE, rn_bytes_of(id.bytes, RN_TRACE_ID_BYTES), &is_there, NULL);
    bool is_left = false;
    if (status == RN_OK && !is_there) {
        status = is_left_behind(walk, tree, entry->key, &id, &is_left);
    }
    if (status == RN_OK && is_left) {
        report(walk, &nobody, "an entry among %s names a trace that is missing", what);
    }
    return status;
}

/* Every entry that names a row or a trace must find it. */
static enum rn_status check_entry(struct walk *walk, enum rn_tree tree, const char *what,
                                  const struct rn_scan_entry *entry)
{
    if (entry->key.len < RN_TRACE_ID_BYTES) {
        report(walk, &nobody, "an entry among %s has a broken key", what);
        return RN_OK;
    }
    return tree == RN_TREE_EVENT ? check_row_entry(walk, entry)
                                 : check_trace_entry(walk, tree, what, entry);
}

static enum rn_status check_tree(struct walk *walk, enum rn_tree tree, const char *what)
{
    struct rn_scan scan = {.store = walk->store, .tree = tree, .prefix = RN_LIT("")};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, walk->error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            status = check_entry(walk, tree, what, &entries[i]);
        }
        rn_arena_free(&arena);
    }
    return status;
}

static enum rn_status check_trees(struct walk *walk)
{
    static const struct {
        enum rn_tree tree;
        const char *what;
    } trees[] = {{RN_TREE_EVENT, "the events"},     {RN_TREE_TIME, "the times"},
                 {RN_TREE_SUFFIX, "the suffixes"},  {RN_TREE_NAME, "the names"},
                 {RN_TREE_SESSION, "the sessions"}, {RN_TREE_ID, "the foreign ids"}};
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < sizeof trees / sizeof trees[0]; i++) {
        status = check_tree(walk, trees[i].tree, trees[i].what);
    }
    return status;
}

/* --- documents ------------------------------------------------------------------------------------------------------ */

static void document_finding(void *self, const char *sentence)
{
    report(self, &nobody, "%s", sentence);
}

/* --- a walk --------------------------------------------------------------------------------------------------------- */

static enum rn_status check_watermark(struct walk *walk)
{
    uint64_t watermark = 0;
    enum rn_status status = rn_index_where(walk->store, &watermark, &walk->last_row, walk->error);
    if (status == RN_OK && watermark > walk->last_row) {
        report(walk, &nobody,
               "the indexes claim row %" PRIu64 ", and the log ends with row %" PRIu64, watermark,
               walk->last_row);
    }
    return status;
}

enum rn_status rn_store_verify(struct rn_store *store, rn_verify_finding *finding,
                               rn_verify_progress *progress, void *self,
                               struct rn_verify_counts *counts, struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    struct walk walk = {store,  finding, progress, self,
                        counts, 0,       {0},      error != NULL ? error : &inner};
    *counts = (struct rn_verify_counts){0};
    enum rn_status status = rn_db_file_walk(rn_db_file(store->db), walk.error);
    if (status == RN_DAMAGED) { /* to walk on through LMDB would be to trust these pages */
        report(&walk, &nobody, "%s", walk.error->text);
        return RN_OK;
    }
    status = status == RN_OK ? check_watermark(&walk) : status;
    status = status == RN_OK ? rn_store_catch_up(store, walk.error) : status;
    status = status == RN_OK ? check_rows(&walk) : status;
    status = status == RN_OK ? check_traces(&walk) : status;
    status = status == RN_OK ? check_trees(&walk) : status;
    status = status == RN_OK
                 ? rn_document_check(store, document_finding, &walk, &counts->documents, walk.error)
                 : status;
    rn_buffer_free(&walk.damaged);
    return status;
}
