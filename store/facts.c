/*
 * Bringing facts and postings up behind a watermark of their own, and reading facts back (facts.h).
 *
 * A step looks at some rows of the log behind the watermark, reads the events they complete, and writes what these amount to in one
 * short transaction, if the watermark is still where it was.
 */
#include "store/facts.h"

#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "facts_parts.h"
#include "index.h"
#include "posting.h"
#include "scan.h"
#include "store/view.h"

#define ROWS_MAX 256u  /* looked at per step */
#define MARK_BYTES 24u /* u32 version of facts, u32 of prompts, u64 row, u64 key of the user's rules */
#define META_FACTS RN_LIT("facts")

/* What a row of the log completes: an exchange (n > 0), or the trace's opening or run (n = 0). */
struct item {
    struct rn_trace_id id;
    uint32_t n;
    bool is_made;
    uint64_t started_wall_ns;
    struct rn_buffer value; /* for RN_TREE_FACTS */
    struct rn_terms terms;
    struct rn_trace_labels labels; /* lent from the step's arena */
};

struct step {
    struct rn_store *store;
    struct rn_arena arena;
    uint64_t from, to, last;
    struct item items[ROWS_MAX];
    size_t count;
};

/* --- the watermark -------------------------------------------------------------------------------------------------- */

/* Facts of another version are as good as none. */
static uint64_t mark_of(struct rn_bytes value, bool *is_current)
{
    *is_current = value.len == MARK_BYTES && rn_get_u32(value.data) == RN_FACTS_VERSION &&
                  rn_get_u32(value.data + 4) == RN_PROMPT_VERSION &&
                  rn_get_u64(value.data + 16) == rn_view_rules_key();
    return *is_current ? rn_get_u64(value.data + 8) : 0;
}

static enum rn_status read_mark(struct rn_db_txn *txn, uint64_t *row, bool *is_current)
{
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_get(txn, RN_TREE_META, META_FACTS, &value);
    *row = 0;
    *is_current = false;
    if (status == RN_OK) {
        *row = mark_of(value, is_current);
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

static enum rn_status put_mark(struct rn_db_txn *txn, uint64_t row, struct rn_error *error)
{
    uint8_t value[MARK_BYTES];
    rn_put_u32(value, RN_FACTS_VERSION);
    rn_put_u32(value + 4, RN_PROMPT_VERSION);
    rn_put_u64(value + 8, row);
    rn_put_u64(value + 16, rn_view_rules_key());
    return rn_db_put(txn, RN_TREE_META, META_FACTS, rn_bytes_of(value, sizeof value), error);
}

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
    enum rn_status status = rn_db_begin(store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_empty(txn, RN_TREE_FACTS, error);
    status = status == RN_OK ? rn_db_empty(txn, RN_TREE_POSTING, error) : status;
    status = status == RN_OK ? put_mark(txn, 0, error) : status;
    return end(txn, status, error);
}

/* --- which events --------------------------------------------------------------------------------------------------- */

/* Whether this row makes something whole that has facts. */
static bool is_whole(const struct rn_frame *frame)
{
    bool is_event = frame->class == RN_CLASS_EVENT &&
                    (frame->kind == RN_FRAME_EVENT || frame->kind == RN_FRAME_EVENT_CLOSE);
    return is_event || frame->kind == RN_FRAME_TRACE_OPEN;
}

/* The header of a damaged frame is believed as far as this: whoever looks for its event will see. */
static bool read_header(struct rn_bytes value, struct rn_frame *frame)
{
    if (value.len < RN_FRAME_HEADER_BYTES) {
        return false; /* what is left of a dropped row */
    }
    frame->kind = (enum rn_frame_kind)value.data[2];
    frame->class = (enum rn_event_class)value.data[3];
    memcpy(frame->trace.bytes, value.data + 16, RN_TRACE_ID_BYTES);
    frame->n = rn_get_u32(value.data + 32);
    return true;
}

static void take_row(struct step *step, struct rn_bytes value)
{
    struct rn_frame frame = {.n = 0};
    if (!read_header(value, &frame) || !is_whole(&frame)) {
        return;
    }
    step->items[step->count++] =
        (struct item){.id = frame.trace, .n = frame.kind == RN_FRAME_TRACE_OPEN ? 0 : frame.n};
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
    rn_put_u64(first, step->from + 1);
    enum rn_status status = rn_db_seek(cursor, rn_bytes_of(first, sizeof first), &key, &value);
    for (unsigned i = 0; status == RN_OK && i < ROWS_MAX && step->to < step->last; i++) {
        status = rn_row_read(key, &step->to) ? RN_OK : RN_DAMAGED;
        if (status == RN_OK && step->to <= step->last) {
            take_row(step, value);
            status = rn_db_next(cursor, &key, &value);
        }
    }
    rn_db_cursor_free(cursor);
    step->to = step->to < step->last ? step->to : step->last;
    return status == RN_NOTFOUND ? RN_OK : status;
}

/* Rows that the indexes have not passed yet wait for the next time. */
static enum rn_status look(struct step *step, bool *is_current, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    uint64_t newest = 0;
    enum rn_status status = rn_index_where(step->store, &step->last, &newest, error);
    status = status == RN_OK ? rn_db_begin(step->store->db, false, &txn, error) : status;
    if (status != RN_OK) {
        return status;
    }
    status = read_mark(txn, &step->from, is_current);
    step->to = step->from;
    if (status == RN_OK && *is_current && step->from < step->last) {
        status = take_rows(step, txn);
    }
    rn_db_abort(txn);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot read the log of %s", step->store->path);
}

/* --- what they amount to -------------------------------------------------------------------------------------------- */

static bool has_facts(const struct rn_event *event)
{
    enum rn_event_kind kind = rn_event_kind_of(event);
    return kind == RN_EVENT_EXCHANGE || kind == RN_EVENT_DECISION || kind == RN_EVENT_CALL ||
           kind == RN_EVENT_VALUE;
}

static enum rn_status copy_labels(struct step *step, struct rn_trace_labels *labels)
{
    struct rn_bytes *const texts[] = {&labels->outcome, &labels->subject, &labels->index};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = rn_arena_copy(&step->arena, *texts[i]);
        if (texts[i]->data == NULL) {
            return RN_NOMEM;
        }
    }
    return RN_OK;
}

static enum rn_status make_exchange(struct step *step, struct item *item,
                                    const struct rn_event *event, struct rn_arena *arena)
{
    struct rn_view view;
    struct rn_facts facts;
    enum rn_status status = rn_view_make(arena, event, &view);
    if (status == RN_OK && !rn_facts_make(event, &view, &facts)) {
        status = RN_NOMEM;
    }
    status = status == RN_OK ? rn_facts_encode(&facts, &item->value) : status;
    status = status == RN_OK ? rn_terms_of_facts(&item->terms, &facts) : status;
    if (status == RN_OK) {
        rn_facts_take_labels(event, &item->labels);
        status = copy_labels(step, &item->labels);
    }
    rn_view_free(&view);
    return status;
}

/* It fits whatever is asked for: what cannot be read cannot be judged. */
static enum rn_status make_damaged(struct item *item)
{
    const struct rn_facts facts = {.n = item->n, .damaged = true};
    enum rn_status status = rn_facts_encode(&facts, &item->value);
    return status == RN_OK ? rn_terms_add(&item->terms, RN_TERM_ANY, RN_LIT("")) : status;
}

static enum rn_status make_event(struct step *step, struct item *item, struct rn_arena *arena,
                                 struct rn_error *error)
{
    struct rn_event event = {0};
    enum rn_status status = rn_trace_event_indexed(step->store, &item->id, RN_CLASS_EVENT, item->n,
                                                   arena, &event, error);
    if (status == RN_DAMAGED || status == RN_NEWER) {
        status = make_damaged(item);
    } else if (status != RN_OK || !has_facts(&event)) {
        return status;
    } else {
        status = make_exchange(step, item, &event, arena);
    }
    item->is_made = status == RN_OK;
    return status;
}

/* RN_OK also for what was dropped meanwhile: it has no facts. */
static enum rn_status make_item(struct step *step, struct item *item, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_error inner = {.text = ""};
    enum rn_status status = rn_trace_summary(step->store, &item->id, &arena, &summary, &inner);
    if (status == RN_OK) {
        item->started_wall_ns = summary.started_wall_ns;
        item->is_made = item->n == 0;
        status = item->n > 0 ? make_event(step, item, &arena, &inner) : RN_OK;
        const struct rn_trace_labels none = {{0}, {0}, {0}};
        const struct rn_trace_labels *labels = item->n == 0 ? &none : &item->labels;
        status = status == RN_OK ? rn_terms_of_trace(&item->terms, &summary, labels) : status;
    }
    rn_arena_free(&arena);
    if (status == RN_NOMEM || status == RN_IO) {
        return rn_fail(error, status, "cannot read the facts of %s: %s", step->store->path,
                       inner.text[0] != '\0' ? inner.text : rn_status_name(status));
    }
    return RN_OK;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static enum rn_status put_postings(struct rn_db_txn *txn, const struct item *item,
                                   struct rn_terms *all, struct rn_error *error)
{
    uint8_t key[RN_POSTING_KEY_BYTES_MAX];
    struct rn_bytes rest = rn_buffer_bytes(&item->terms.runs);
    struct rn_bytes term;
    enum rn_status status = RN_OK;
    while (status == RN_OK && rn_run_get(&rest, &term)) {
        size_t before = all->runs.len;
        status = rn_terms_add(all, (enum rn_term)term.data[0], rn_bytes_from(term, 1));
        if (status == RN_OK && all->runs.len > before) {
            struct rn_bytes added = rn_bytes_from(rn_buffer_bytes(&all->runs), before);
            (void)rn_run_get(&added, &term);
            size_t len = rn_key_posting(term, item->started_wall_ns, &item->id, key);
            status = rn_db_put(txn, RN_TREE_POSTING, rn_bytes_of(key, len), RN_LIT(""), error);
        }
    }
    return status;
}

static size_t count_runs(struct rn_bytes runs)
{
    struct rn_bytes run;
    size_t count = 0;
    while (rn_run_get(&runs, &run)) {
        count++;
    }
    return count;
}

static void merge_labels(struct rn_trace_labels *into, const struct rn_trace_labels *more)
{
    into->outcome = more->outcome.len > 0 ? more->outcome : into->outcome;
    into->subject = more->subject.len > 0 ? more->subject : into->subject;
    into->index = more->index.len > 0 ? more->index : into->index;
}

/* The record of the trace: its labels, and the terms it stands under by now. */
static enum rn_status put_trace(struct rn_db_txn *txn, const struct item *item,
                                struct rn_error *error)
{
    uint8_t key[RN_FACTS_KEY_BYTES];
    struct rn_bytes value = {0};
    struct rn_facts_trace trace = {.terms = RN_LIT("")};
    struct rn_terms all = {.count = 0};
    struct rn_buffer before = {0};
    struct rn_buffer after = {0};
    rn_facts_key(&item->id, 0, key);
    enum rn_status status = rn_db_get(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key), &value);
    status = status == RN_OK ? rn_buffer_add(&before, value) : status;
    if (status == RN_OK && !rn_facts_trace_decode(rn_buffer_bytes(&before), &trace)) {
        trace = (struct rn_facts_trace){.terms = RN_LIT("")};
    }
    status = status == RN_NOTFOUND ? RN_OK : status;
    status = status == RN_OK ? rn_buffer_add(&all.runs, trace.terms) : status;
    all.count = count_runs(trace.terms);
    status = status == RN_OK ? put_postings(txn, item, &all, error) : status;
    merge_labels(&trace.labels, &item->labels);
    trace.terms = rn_buffer_bytes(&all.runs);
    status = status == RN_OK ? rn_facts_trace_encode(&trace, &after) : status;
    if (status == RN_OK && !rn_bytes_equal(rn_buffer_bytes(&after), rn_buffer_bytes(&before))) {
        status = rn_db_put(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key),
                           rn_buffer_bytes(&after), error);
    }
    rn_terms_free(&all);
    rn_buffer_free(&before);
    rn_buffer_free(&after);
    return status;
}

static enum rn_status put_item(struct rn_db_txn *txn, const struct item *item,
                               struct rn_error *error)
{
    uint8_t key[RN_FACTS_KEY_BYTES];
    struct rn_bytes id = rn_bytes_of(item->id.bytes, RN_TRACE_ID_BYTES);
    if (!item->is_made || rn_db_get(txn, RN_TREE_TRACE, id, NULL) == RN_NOTFOUND) {
        return RN_OK; /* dropped meanwhile, perhaps */
    }
    enum rn_status status = RN_OK;
    if (item->n > 0) {
        rn_facts_key(&item->id, item->n, key);
        status = rn_db_put(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key),
                           rn_buffer_bytes(&item->value), error);
    }
    return status == RN_OK ? put_trace(txn, item, error) : status;
}

/* Where somebody was quicker nothing is written, and `to` is where it was. */
static enum rn_status write_step(struct step *step, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    uint64_t row = 0;
    bool is_current = false;
    enum rn_status status = rn_db_begin(step->store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = read_mark(txn, &row, &is_current);
    if (status != RN_OK || !is_current || row != step->from) {
        rn_db_abort(txn);
        step->to = step->from;
        return status;
    }
    for (size_t i = 0; status == RN_OK && i < step->count; i++) {
        status = put_item(txn, &step->items[i], error);
    }
    status = status == RN_OK ? put_mark(txn, step->to, error) : status;
    return end(txn, status, error);
}

/* --- steps ---------------------------------------------------------------------------------------------------------- */

static void free_step(struct step *step)
{
    for (size_t i = 0; i < step->count; i++) {
        rn_buffer_free(&step->items[i].value);
        rn_terms_free(&step->items[i].terms);
    }
    rn_arena_free(&step->arena);
    rn_free(step);
}

/* *row is how far the facts are afterwards, *last how far they can be. */
static enum rn_status run_step(struct rn_store *store, uint64_t *row, uint64_t *last,
                               struct rn_error *error)
{
    struct step *step = rn_calloc(1, sizeof *step);
    bool is_current = false;
    if (step == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to read the facts of %s", store->path);
    }
    step->store = store;
    enum rn_status status = look(step, &is_current, error);
    if (status == RN_OK && !is_current) {
        status = start_again(store, error);
    }
    for (size_t i = 0; status == RN_OK && i < step->count; i++) {
        status = make_item(step, &step->items[i], error);
    }
    if (status == RN_OK && step->to > step->from) {
        status = write_step(step, error);
    }
    *row = step->to;
    *last = step->last;
    free_step(step);
    if (status != RN_OK && error != NULL && error->text[0] == '\0') {
        rn_fail(error, status, "cannot bring the facts of %s up: %s", store->path,
                rn_status_name(status));
    }
    return status;
}

enum rn_status rn_facts_bring_up(struct rn_store *store, rn_facts_progress *progress, void *self,
                                 struct rn_error *error)
{
    uint64_t row = 0;
    uint64_t last = 1;
    enum rn_status status = rn_store_catch_up(store, error);
    bool go_on = true;
    while (status == RN_OK && go_on && row < last) {
        status = run_step(store, &row, &last, error);
        go_on = progress == NULL || status != RN_OK || progress(self, row, last);
    }
    return status;
}

enum rn_status rn_facts_lag(struct rn_store *store, uint64_t *rows, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    uint64_t row = 0;
    uint64_t last = 0;
    bool is_current = false;
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = read_mark(txn, &row, &is_current);
    status = status == RN_OK ? rn_db_last_row(txn, &last) : status;
    rn_db_abort(txn);
    *rows = last > row ? last - row : 0;
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot read the facts of %s", store->path);
}

enum rn_status rn_facts_rebuild(struct rn_store *store, rn_facts_progress *progress, void *self,
                                struct rn_error *error)
{
    enum rn_status status = start_again(store, error);
    return status == RN_OK ? rn_facts_bring_up(store, progress, self, error) : status;
}

/* --- a trace leaves ------------------------------------------------------------------------------------------------- */

static enum rn_status take_postings(struct rn_db_txn *txn, const struct rn_trace_id *id,
                                    uint64_t started_wall_ns, struct rn_bytes terms)
{
    uint8_t key[RN_POSTING_KEY_BYTES_MAX];
    struct rn_bytes term;
    enum rn_status status = RN_OK;
    while (status == RN_OK && rn_run_get(&terms, &term)) {
        if (term.len == 0 || term.len > RN_TERM_BYTES_MAX) {
            continue;
        }
        size_t len = rn_key_posting(term, started_wall_ns, id, key);
        status = rn_db_delete(txn, RN_TREE_POSTING, rn_bytes_of(key, len));
        status = status == RN_NOTFOUND ? RN_OK : status;
    }
    return status;
}

enum rn_status rn_facts_unlist(struct rn_db_txn *txn, const struct rn_trace_id *id,
                               uint64_t started_wall_ns)
{
    uint8_t key[RN_FACTS_KEY_BYTES];
    struct rn_bytes value = {0};
    struct rn_facts_trace trace;
    struct rn_buffer terms = {0};
    rn_facts_key(id, 0, key);
    enum rn_status status = rn_db_get(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key), &value);
    if (status == RN_OK && rn_facts_trace_decode(value, &trace)) {
        status = rn_buffer_add(&terms, trace.terms);
        status = status == RN_OK ? take_postings(txn, id, started_wall_ns, rn_buffer_bytes(&terms))
                                 : status;
    }
    rn_buffer_free(&terms);
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_facts_take(struct rn_db_txn *txn, const struct rn_trace_id *id, bool *more)
{
    struct rn_bytes prefix = rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES);
    enum rn_status status = RN_OK;
    *more = true;
    for (unsigned i = 0; status == RN_OK && *more && i < ROWS_MAX; i++) {
        uint8_t key[RN_FACTS_KEY_BYTES];
        struct rn_bytes found = {0};
        struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_FACTS);
        status = cursor == NULL ? RN_NOMEM : rn_db_seek(cursor, prefix, &found, NULL);
        *more = status == RN_OK && rn_bytes_starts_with(found, prefix) && found.len == sizeof key;
        if (*more) {
            memcpy(key, found.data, sizeof key);
        }
        rn_db_cursor_free(cursor);
        if (*more) {
            status = rn_db_delete(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key));
        }
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool is_record_of_event(const struct rn_scan_entry *entry, struct rn_facts *facts)
{
    if (entry->key.len != RN_FACTS_KEY_BYTES) {
        return false;
    }
    uint32_t n = rn_get_u32(entry->key.data + RN_TRACE_ID_BYTES);
    return n > 0 && rn_facts_decode(n, entry->value, facts);
}

enum rn_status rn_facts_of(struct rn_store *store, const struct rn_trace_id *id,
                           rn_facts_visit *visit, void *self, struct rn_error *error)
{
    struct rn_scan scan = {
        .store = store, .tree = RN_TREE_FACTS, .prefix = rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES)};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        struct rn_facts facts;
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            status = is_record_of_event(&entries[i], &facts) ? visit(self, &facts) : RN_OK;
        }
        rn_arena_free(&arena);
    }
    return status;
}

static enum rn_status read_one(struct rn_store *store, const struct rn_trace_id *id, uint32_t n,
                               rn_facts_visit *visit, void *self, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_view view = {.event = NULL};
    struct rn_facts facts = {.n = n, .damaged = true};
    struct rn_error inner = {.text = ""};
    enum rn_status status =
        rn_trace_event_indexed(store, id, RN_CLASS_EVENT, n, &arena, &event, &inner);
    bool is_damaged = status == RN_DAMAGED || status == RN_NEWER;
    bool is_there = is_damaged || (status == RN_OK && has_facts(&event));
    if (status == RN_OK && is_there) {
        status = rn_view_make(&arena, &event, &view);
        status = status == RN_OK && !rn_facts_make(&event, &view, &facts) ? RN_NOMEM : status;
    }
    status = is_damaged || status == RN_NOTFOUND ? RN_OK : status;
    if (status != RN_OK) {
        rn_fail(error, status, "cannot read the facts of %s: %s", store->path,
                inner.text[0] != '\0' ? inner.text : rn_status_name(status));
    } else if (is_there) {
        status = visit(self, &facts);
    }
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status;
}

enum rn_status rn_facts_read(struct rn_store *store, const struct rn_trace_summary *summary,
                             rn_facts_visit *visit, void *self, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (uint32_t n = 1; status == RN_OK && n <= summary->events; n++) {
        status = read_one(store, &summary->id, n, visit, self, error);
    }
    return status;
}

enum rn_status rn_facts_labels(struct rn_store *store, const struct rn_trace_id *id,
                               struct rn_arena *arena, struct rn_trace_labels *out,
                               struct rn_error *error)
{
    uint8_t key[RN_FACTS_KEY_BYTES];
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    struct rn_facts_trace trace = {.terms = RN_LIT("")};
    rn_facts_key(id, 0, key);
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key), &value);
    if (status == RN_OK) {
        value = rn_arena_copy(arena, value);
        status = value.data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_db_abort(txn);
    if (status == RN_OK) {
        (void)rn_facts_trace_decode(value, &trace);
    }
    *out = trace.labels;
    return status == RN_OK || status == RN_NOTFOUND
               ? RN_OK
               : rn_fail(error, status, "cannot read the labels of a trace of %s", store->path);
}
