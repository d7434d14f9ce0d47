/*
 * Bringing facts and postings up behind a watermark of their own (facts.h).
 *
 * A step looks at some rows of the log behind the watermark, reads the events they complete, and writes what these amount to in one
 * short transaction, if the watermark is still where it was and nothing was forgotten meanwhile. Traces whose facts were forgotten are
 * made again first. What a row amounts to is facts_item.c's, how it lies in the trees facts_put.c's.
 */
#include "store/facts.h"

#include <string.h>

#include "base/memory.h"
#include "facts_parts.h"
#include "index.h"
#include "keys.h"

#define ROWS_MAX 256u /* looked at per step */

/* The summary of a trace that rows of this step belong to. */
struct known {
    struct known *next;
    bool is_there;
    struct rn_trace_summary summary; /* its id also where it is not there */
};

struct step {
    struct rn_store *store;
    struct rn_arena arena;
    struct rn_facts_mark mark;
    uint64_t to, last;
    struct known *known;
    struct rn_facts_item items[ROWS_MAX];
    size_t count;
};

static enum rn_status end(struct rn_db_txn *txn, enum rn_status status, struct rn_error *error)
{
    if (status == RN_OK) {
        return rn_db_commit(txn, error);
    }
    rn_db_abort(txn);
    return status;
}

/* Empties both trees and puts the watermark at the beginning. */
static enum rn_status start_again(struct rn_store *store, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    struct rn_facts_mark mark;
    enum rn_status status = rn_db_begin(store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_facts_mark_read(txn, &mark);
    mark.row = 0;
    mark.times_forgotten++;
    status = status == RN_OK ? rn_db_empty(txn, RN_TREE_FACTS, error) : status;
    status = status == RN_OK ? rn_db_empty(txn, RN_TREE_POSTING, error) : status;
    status = status == RN_OK ? rn_facts_mark_put(txn, &mark, error) : status;
    return end(txn, status, error);
}

/* --- which events --------------------------------------------------------------------------------------------------- */

static void add_item(struct step *step, const struct rn_frame *frame, uint32_t n)
{
    step->items[step->count++] = (struct rn_facts_item){.id = frame->trace, .n = n};
}

/*
 * What this row makes whole: an event that may have facts, one that is known to be late only now, or the trace, when it is opened and
 * when a note gives it other tags.
 */
static void take_frame(struct step *step, const struct rn_frame *frame)
{
    bool is_whole = frame->kind == RN_FRAME_EVENT || frame->kind == RN_FRAME_EVENT_CLOSE;
    if (frame->kind == RN_FRAME_TRACE_OPEN || (is_whole && frame->class == RN_CLASS_NOTE)) {
        add_item(step, frame, 0);
    } else if (is_whole && frame->n > 0 &&
               (frame->class == RN_CLASS_EVENT || frame->class == RN_CLASS_MARK)) {
        add_item(step, frame, frame->n);
    }
}

/* The header of a damaged frame is believed as far as this: whoever looks for its event will see. */
static void take_row(struct step *step, struct rn_bytes value)
{
    struct rn_frame frame = {.n = 0};
    if (value.len < RN_FRAME_HEADER_BYTES) {
        return; /* what is left of a dropped row */
    }
    frame.kind = (enum rn_frame_kind)value.data[2];
    frame.class = (enum rn_event_class)value.data[3];
    memcpy(frame.trace.bytes, value.data + 16, RN_TRACE_ID_BYTES);
    frame.n = rn_get_u32(value.data + 32);
    take_frame(step, &frame);
}

static enum rn_status take_rows(struct step *step, struct rn_db_txn *txn)
{
    uint8_t first[8];
    struct rn_bytes key = {0};
    struct rn_bytes value = {0};
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_LOG);
    if (cursor == NULL) {
        return RN_NOMEM;
    }
    rn_put_u64(first, step->mark.row + 1);
    enum rn_status status = rn_db_seek(cursor, rn_bytes_of(first, sizeof first), &key, &value);
    for (unsigned i = 0; status == RN_OK && i < ROWS_MAX && step->to < step->last; i++) {
        status = rn_row_read(key, &step->to) ? RN_OK : RN_DAMAGED;
        if (status == RN_OK && step->to <= step->last) {
            take_row(step, value);
            status = rn_db_next(cursor, &key, &value);
        }
    }
    rn_db_cursor_free(cursor);
    /* Behind the last row there is, numbers that were taken out of the log are passed as well. */
    step->to = status == RN_NOTFOUND || step->to > step->last ? step->last : step->to;
    return status == RN_NOTFOUND ? RN_OK : status;
}

/* Rows that the indexes have not passed yet wait for the next time. */
static enum rn_status look(struct step *step, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    uint64_t newest = 0;
    enum rn_status status = rn_index_where(step->store, &step->last, &newest, error);
    status = status == RN_OK ? rn_db_begin(step->store->db, false, &txn, error) : status;
    if (status != RN_OK) {
        return status;
    }
    status = rn_facts_mark_read(txn, &step->mark);
    step->to = step->mark.row;
    if (status == RN_OK && step->mark.is_current && step->mark.row < step->last) {
        status = take_rows(step, txn);
    }
    rn_db_abort(txn);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot read the log of %s", step->store->path);
}

/* --- what they amount to -------------------------------------------------------------------------------------------- */

static struct known *find_known(struct step *step, const struct rn_trace_id *id)
{
    struct known *known = step->known;
    while (known != NULL && !rn_trace_id_equal(&known->summary.id, id)) {
        known = known->next;
    }
    return known;
}

/* One that is dropped, or cannot be read, is not there. RN_NOMEM, RN_IO. */
static enum rn_status know(struct step *step, const struct rn_trace_id *id, struct known **out,
                           struct rn_error *error)
{
    *out = find_known(step, id);
    if (*out != NULL) {
        return RN_OK;
    }
    struct known *known = rn_arena_alloc(&step->arena, sizeof *known);
    if (known == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to read the facts of %s", step->store->path);
    }
    enum rn_status status =
        rn_trace_summary_indexed(step->store, id, &step->arena, &known->summary, error);
    known->is_there = status == RN_OK;
    known->summary.id = *id;
    known->next = step->known;
    step->known = known;
    *out = known;
    return status == RN_NOMEM || status == RN_IO ? status : RN_OK;
}

static enum rn_status make_items(struct step *step, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < step->count; i++) {
        struct known *known = NULL;
        struct rn_facts_item *item = &step->items[i];
        status = know(step, &item->id, &known, error);
        if (status == RN_OK && known->is_there) {
            status = rn_facts_item_make(step->store, &known->summary, &step->arena, item, error);
        }
    }
    return status;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

/* Where somebody was quicker nothing is written, and `to` is where it was. */
static enum rn_status write_step(struct step *step, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    struct rn_facts_mark mark;
    enum rn_status status = rn_db_begin(step->store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_facts_mark_read(txn, &mark);
    if (status != RN_OK || !mark.is_current || mark.row != step->mark.row ||
        mark.times_forgotten != step->mark.times_forgotten) {
        rn_db_abort(txn);
        step->to = step->mark.row;
        return status;
    }
    for (size_t i = 0; status == RN_OK && i < step->count; i++) {
        status = rn_facts_item_put(txn, &step->items[i], error);
    }
    mark.row = step->to;
    status = status == RN_OK ? rn_facts_mark_put(txn, &mark, error) : status;
    return end(txn, status, error);
}

static enum rn_status fail_up(struct rn_store *store, enum rn_status status, struct rn_error *error)
{
    if (status != RN_OK && error != NULL && error->text[0] == '\0') {
        rn_fail(error, status, "cannot bring the facts of %s up: %s", store->path,
                rn_status_name(status));
    }
    return status;
}

/* --- steps ---------------------------------------------------------------------------------------------------------- */

static void free_step(struct step *step)
{
    for (size_t i = 0; i < step->count; i++) {
        rn_facts_item_free(&step->items[i]);
    }
    rn_arena_free(&step->arena);
    rn_free(step);
}

/* *row is how far the facts are afterwards, *last how far they can be. */
static enum rn_status run_step(struct rn_store *store, uint64_t *row, uint64_t *last,
                               struct rn_error *error)
{
    struct step *step = rn_calloc(1, sizeof *step);
    if (step == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to read the facts of %s", store->path);
    }
    step->store = store;
    enum rn_status status = look(step, error);
    if (status == RN_OK && !step->mark.is_current) {
        status = start_again(store, error);
    }
    status = status == RN_OK ? make_items(step, error) : status;
    if (status == RN_OK && step->to > step->mark.row) {
        status = write_step(step, error);
    }
    *row = step->to;
    *last = step->last;
    free_step(step);
    return fail_up(store, status, error);
}

/* --- traces whose facts were forgotten ------------------------------------------------------------------------------ */

/* The first of them. RN_NOTFOUND without a sentence: there is none. */
static enum rn_status first_forgotten(struct rn_db_txn *txn, struct rn_trace_id *id)
{
    struct rn_bytes prefix = RN_LIT(RN_FACTS_AGAIN);
    struct rn_bytes key = {0};
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_META);
    enum rn_status status = cursor == NULL ? RN_NOMEM : rn_db_seek(cursor, prefix, &key, NULL);
    bool is_it =
        status == RN_OK && key.len == RN_FACTS_AGAIN_KEY_BYTES && rn_bytes_starts_with(key, prefix);
    if (is_it) {
        memcpy(id->bytes, key.data + prefix.len, RN_TRACE_ID_BYTES);
    }
    rn_db_cursor_free(cursor);
    return status == RN_OK && !is_it ? RN_NOTFOUND : status;
}

static enum rn_status look_for_forgotten(struct rn_store *store, struct rn_trace_id *id,
                                         struct rn_facts_mark *mark, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_facts_mark_read(txn, mark);
    status = status == RN_OK ? first_forgotten(txn, id) : status;
    rn_db_abort(txn);
    return status == RN_OK || status == RN_NOTFOUND
               ? status
               : rn_fail(error, status, "cannot read the facts of %s", store->path);
}

/* In one transaction: half of a trace would be found by half of its terms, and nobody would know. */
static enum rn_status put_again(struct rn_store *store, const struct rn_trace_id *id,
                                const struct rn_facts_mark *expected,
                                const struct rn_facts_item *items, size_t count,
                                struct rn_error *error)
{
    uint8_t key[RN_FACTS_AGAIN_KEY_BYTES];
    struct rn_db_txn *txn = NULL;
    struct rn_facts_mark mark;
    rn_facts_again_key(id, key);
    enum rn_status status = rn_db_begin(store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_facts_mark_read(txn, &mark);
    if (status == RN_OK && mark.times_forgotten != expected->times_forgotten) {
        rn_db_abort(txn); /* what was read may be what was forgotten since: look again */
        return RN_OK;
    }
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        status = rn_facts_item_put(txn, &items[i], error);
    }
    if (status == RN_OK) {
        status = rn_db_delete(txn, RN_TREE_META, rn_bytes_of(key, sizeof key));
        status = status == RN_NOTFOUND ? RN_OK : status;
    }
    return end(txn, status, error);
}

static enum rn_status make_again(struct rn_store *store, const struct rn_trace_id *id,
                                 const struct rn_facts_mark *mark, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary = {.events = 0};
    struct rn_facts_item *items = NULL;
    enum rn_status status = rn_trace_summary_indexed(store, id, &arena, &summary, error);
    bool is_there = status == RN_OK;
    size_t count = is_there ? (size_t)summary.events + 1 : 0;
    status = status == RN_NOTFOUND || status == RN_DAMAGED ? RN_OK : status;
    if (status == RN_OK && is_there) {
        items = rn_calloc(count, sizeof *items);
        status = items == NULL ? rn_fail(error, RN_NOMEM, "no memory to read the facts of a trace")
                               : RN_OK;
    }
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        items[i].id = *id;
        items[i].n = (uint32_t)i;
        status = rn_facts_item_make(store, &summary, &arena, &items[i], error);
    }
    status = status == RN_OK ? put_again(store, id, mark, items, count, error) : status;
    for (size_t i = 0; items != NULL && i < count; i++) {
        rn_facts_item_free(&items[i]);
    }
    rn_free(items);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status make_forgotten(struct rn_store *store, struct rn_error *error)
{
    struct rn_trace_id id;
    struct rn_facts_mark mark;
    enum rn_status status = look_for_forgotten(store, &id, &mark, error);
    while (status == RN_OK) {
        status = make_again(store, &id, &mark, error);
        status = status == RN_OK ? look_for_forgotten(store, &id, &mark, error) : status;
    }
    return status == RN_NOTFOUND ? RN_OK : fail_up(store, status, error);
}

/* --- all of it ------------------------------------------------------------------------------------------------------ */

/* Up to where the indexes were when we began: a busy recorder must not keep a query from ever answering. */
enum rn_status rn_facts_bring_up(struct rn_store *store, rn_facts_progress *progress, void *self,
                                 struct rn_error *error)
{
    uint64_t row = 0;
    uint64_t last = 0;
    uint64_t until = 0;
    bool go_on = true;
    enum rn_status status = rn_store_catch_up(store, error);
    status = status == RN_OK ? rn_index_where(store, &until, &last, error) : status;
    status = status == RN_OK ? make_forgotten(store, error) : status;
    while (status == RN_OK && go_on && row < until) {
        status = run_step(store, &row, &last, error);
        go_on = progress == NULL || status != RN_OK || progress(self, row, until);
    }
    return status;
}

enum rn_status rn_facts_ready(struct rn_store *store, rn_facts_progress *progress, void *self,
                              bool *by_reading, struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    enum rn_status status = rn_facts_bring_up(store, progress, self, &inner);
    *by_reading = status == RN_FULL || status == RN_REFUSED;
    return status == RN_OK || *by_reading ? RN_OK : rn_fail(error, status, "%s", inner.text);
}

enum rn_status rn_facts_lag(struct rn_store *store, uint64_t *rows, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    struct rn_facts_mark mark = {.row = 0};
    struct rn_trace_id forgotten;
    uint64_t last = 0;
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_facts_mark_read(txn, &mark);
    status = status == RN_OK ? rn_db_last_row(txn, &last) : status;
    *rows = last > mark.row ? last - mark.row : 0;
    if (status == RN_OK && *rows == 0) {
        status = first_forgotten(txn, &forgotten);
        *rows = status == RN_OK ? 1 : 0;
        status = status == RN_NOTFOUND ? RN_OK : status;
    }
    rn_db_abort(txn);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot read the facts of %s", store->path);
}

enum rn_status rn_facts_rebuild(struct rn_store *store, rn_facts_progress *progress, void *self,
                                struct rn_error *error)
{
    enum rn_status status = start_again(store, error);
    return status == RN_OK ? rn_facts_bring_up(store, progress, self, error) : status;
}
