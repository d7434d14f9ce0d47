/*
 * From one frame to a changed summary and new index entries. In come copied rows, or what our own writer kept of them, out
 * come ready puts; no transaction is open here. Pieces of an event that came in parts are read again when its last one passes, because times, ends and ids may
 * stand in any of them.
 */
#include "index_row.h"

#include <assert.h>
#include <string.h>

#include "base/varint.h"
#include "keys.h"
#include "pieces.h"
#include "summary.h"
#include "tags.h"
#include "trace_pack.h"

/* Of an event of very many parts only these are read again: the first ones and the last. */
#define JOINED_PIECES_MAX 48u

struct rn_index_change *rn_index_change_of(struct rn_index_step_state *step,
                                           const struct rn_trace_id *id)
{
    for (struct rn_index_change *change = step->changes; change != NULL; change = change->next) {
        if (rn_trace_id_equal(&change->id, id)) {
            return change;
        }
    }
    return NULL;
}

/* --- entries -------------------------------------------------------------------------------------------------------- */

static enum rn_status add_entry(struct rn_index_step_state *step, enum rn_tree tree,
                                enum rn_index_how how, struct rn_bytes key, struct rn_bytes value)
{
    struct rn_index_entry *entry = rn_arena_alloc(&step->arena, sizeof *entry);
    if (entry == NULL) {
        return RN_NOMEM;
    }
    *entry = (struct rn_index_entry){.tree = tree,
                                     .how = how,
                                     .key = rn_arena_copy(&step->arena, key),
                                     .value = rn_arena_copy(&step->arena, value)};
    if (entry->key.data == NULL || entry->value.data == NULL) {
        return RN_NOMEM;
    }
    *step->tail = entry;
    step->tail = &entry->next;
    step->entry_count++;
    step->entry_bytes += key.len + value.len;
    return RN_OK;
}

static enum rn_status add_place(struct rn_index_step_state *step, const struct rn_index_row *row,
                                unsigned class, uint32_t n, uint32_t part)
{
    uint8_t key[RN_EVENT_KEY_BYTES];
    uint8_t value[8];
    rn_key_event(&row->header.trace, class, n, part, row->header.kind, key);
    rn_put_u64(value, row->row);
    return add_entry(step, RN_TREE_EVENT, RN_INDEX_PUT, rn_bytes_of(key, sizeof key),
                     rn_bytes_of(value, sizeof value));
}

static enum rn_status add_open_mark(struct rn_index_step_state *step, const struct rn_trace_id *id,
                                    enum rn_index_how how, struct rn_bytes owner)
{
    uint8_t key[RN_OPEN_KEY_BYTES];
    rn_key_open(id, key);
    return add_entry(step, RN_TREE_META, how, rn_bytes_of(key, sizeof key), owner);
}

/* Where a new trace is found: by time, by the end of its id, by session, by name. */
static enum rn_status add_ways_in(struct rn_index_step_state *step,
                                  const struct rn_trace_summary *now)
{
    uint8_t time[RN_TIME_KEY_BYTES];
    uint8_t suffix[RN_TRACE_ID_BYTES];
    uint8_t session[RN_SESSION_KEY_BYTES];
    uint8_t name[RN_NAME_KEY_BYTES_MAX];
    uint8_t is_alias = now->is_alias ? 1 : 0;
    rn_key_time(now->started_wall_ns, &now->id, time);
    rn_key_suffix(&now->id, suffix);
    rn_key_session(&now->session, now->started_wall_ns, &now->id, session);
    enum rn_status status =
        add_entry(step, RN_TREE_TIME, RN_INDEX_PUT, rn_bytes_of(time, sizeof time), RN_LIT(""));
    if (status == RN_OK) {
        status = add_entry(step, RN_TREE_SUFFIX, RN_INDEX_PUT, rn_bytes_of(suffix, sizeof suffix),
                           RN_LIT(""));
    }
    if (status == RN_OK) {
        status = add_entry(step, RN_TREE_SESSION, RN_INDEX_PUT,
                           rn_bytes_of(session, sizeof session), RN_LIT(""));
    }
    if (status == RN_OK && now->name.len > 0) {
        size_t len = rn_key_name(now->name, now->started_wall_ns, &now->id, name);
        status = add_entry(step, RN_TREE_NAME, RN_INDEX_PUT, rn_bytes_of(name, len),
                           rn_bytes_of(&is_alias, 1));
    }
    return status;
}

static enum rn_status add_foreign(struct rn_index_step_state *step, const struct rn_trace_id *id,
                                  uint32_t n, const struct rn_index_facts *facts)
{
    uint8_t key[RN_ID_KEY_BYTES_MAX];
    uint8_t value[4];
    enum rn_status status = RN_OK;
    rn_put_u32(value, n);
    for (unsigned i = 0; status == RN_OK && i < facts->id_count; i++) {
        size_t len = rn_key_foreign(facts->ids[i], id, key);
        status = add_entry(step, RN_TREE_ID, RN_INDEX_PUT_FIRST, rn_bytes_of(key, len),
                           rn_bytes_of(value, sizeof value));
    }
    return status;
}

/* --- summaries ------------------------------------------------------------------------------------------------------ */

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Upstream names as runs, sorted, each once. */
static enum rn_status add_upstream(struct rn_index_step_state *step, struct rn_trace_summary *now,
                                   struct rn_bytes name)
{
    struct rn_buffer merged = {0};
    struct rn_bytes rest = now->upstreams;
    struct rn_bytes run;
    bool is_in = name.len == 0;
    enum rn_status status = RN_OK;
    while (status == RN_OK && rn_run_get(&rest, &run)) {
        int order = rn_bytes_compare(name, run);
        if (!is_in && order < 0) {
            status = rn_run_put(&merged, name);
        }
        is_in = is_in || order <= 0;
        status = status == RN_OK ? rn_run_put(&merged, run) : status;
    }
    if (status == RN_OK && !is_in) {
        status = rn_run_put(&merged, name);
    }
    if (status == RN_OK && merged.len != now->upstreams.len) {
        now->upstreams = rn_arena_copy(&step->arena, rn_buffer_bytes(&merged));
        status = now->upstreams.data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&merged);
    return status;
}

static void take_time(struct rn_trace_summary *now, uint64_t wall_ns)
{
    now->ended_wall_ns = wall_ns > now->ended_wall_ns ? wall_ns : now->ended_wall_ns;
}

static void take_end(struct rn_trace_summary *now, const struct rn_index_facts *facts)
{
    now->cut += facts->end == RN_END_CUT;
    now->aborted += facts->end == RN_END_ABORTED;
    now->refused += facts->end == RN_END_REFUSED;
    now->lost += facts->end == RN_END_LOST;
    now->late += (facts->flags & RN_FLAG_LATE) != 0;
    if (facts->end == RN_END_LOST || (facts->flags & (RN_FLAG_TRUNCATED | RN_FLAG_WITHHELD)) != 0) {
        now->complete = RN_COMPLETE_NO;
    }
}

/* A note may give the trace other tags. */
static enum rn_status change_tags(struct rn_index_step_state *step, struct rn_trace_summary *now,
                                  struct rn_bytes changes)
{
    struct rn_buffer changed = {0};
    enum rn_status status = rn_tags_change(now->tags, changes, &changed);
    if (status == RN_OK) {
        now->tags = rn_arena_copy(&step->arena, rn_buffer_bytes(&changed));
        status = now->tags.data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&changed);
    return status;
}

/* Once per event: what stands in it as a whole. */
static enum rn_status take_whole(struct rn_index_step_state *step, struct rn_trace_summary *now,
                                 uint32_t n, const struct rn_index_facts *facts)
{
    take_time(now, facts->latest_wall_ns);
    if (facts->kind == RN_EVENT_RUN) {
        now->exit_status = facts->exit_status >= 0 ? facts->exit_status : now->exit_status;
        now->complete = facts->end == RN_END_LOST ? RN_COMPLETE_NO : now->complete;
        return RN_OK;
    }
    if (facts->kind == RN_EVENT_NOTE && facts->tags.len > 0) {
        return change_tags(step, now, facts->tags);
    }
    if (facts->kind == RN_EVENT_MARK) {
        now->late += (facts->flags & RN_FLAG_LATE) != 0;
    }
    if (facts->kind != RN_EVENT_EXCHANGE && facts->kind != RN_EVENT_DECISION) {
        return RN_OK;
    }
    take_end(now, facts);
    return add_foreign(step, &now->id, n, facts);
}

/* For every piece: what adds up. */
static enum rn_status take_piece(struct rn_index_step_state *step, struct rn_trace_summary *now,
                                 const struct rn_frame *header, const struct rn_index_facts *facts)
{
    now->raw_bytes += facts->crossed_bytes;
    if (header->part == 0 && header->class == RN_CLASS_EVENT) {
        take_time(now, facts->first_wall_ns);
        now->has_run = now->has_run || facts->kind == RN_EVENT_RUN;
    }
    return add_upstream(step, now, facts->upstream);
}

static void take_place(struct rn_trace_summary *now, const struct rn_frame *header)
{
    switch (header->class) {
    case RN_CLASS_EVENT:
        now->events = max_u32(now->events, header->n);
        break;
    case RN_CLASS_GAP:
        now->gaps = max_u32(now->gaps, header->n);
        now->complete = RN_COMPLETE_NO;
        break;
    case RN_CLASS_NOTE:
        now->notes = max_u32(now->notes, header->n);
        break;
    case RN_CLASS_MARK:
        break;
    }
}

/* --- events --------------------------------------------------------------------------------------------------------- */

/* The pieces of an event up to this row: those indexed before, then those of this step. */
static enum rn_status pieces_so_far(struct rn_index_step_state *step, unsigned index,
                                    struct rn_pieces *out, struct rn_error *error)
{
    const struct rn_frame *of = &step->rows[index].header;
    enum rn_status status =
        rn_pieces_of_event(step->store, &of->trace, (unsigned)of->class, of->n, out, error);
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        if (out->at[i].row <= step->from) { /* another process may have gone on meanwhile */
            out->at[kept++] = out->at[i];
        }
    }
    out->count = kept;
    for (unsigned i = 0; status == RN_OK && i <= index; i++) {
        const struct rn_index_row *row = &step->rows[i];
        /* The frames of the trace itself stand as class 0, n 0 as well, like the run. */
        bool is_event = row->is_sound && row->header.kind >= RN_FRAME_EVENT_OPEN &&
                        row->header.kind <= RN_FRAME_EVENT;
        if (is_event && rn_trace_id_equal(&row->header.trace, &of->trace) &&
            row->header.class == of->class && row->header.n == of->n) {
            struct rn_piece piece = {.row = row->row,
                                     .class = (uint8_t)of->class,
                                     .kind = row->header.kind,
                                     .n = of->n,
                                     .part = row->header.part};
            status = rn_pieces_add(out, &piece);
        }
    }
    return status;
}

static enum rn_status join_so_far(struct rn_index_step_state *step, unsigned index,
                                  struct rn_event *out, struct rn_error *error)
{
    struct rn_pieces pieces = {0};
    enum rn_status status = pieces_so_far(step, index, &pieces, error);
    if (status == RN_OK && pieces.count > JOINED_PIECES_MAX) {
        pieces.at[JOINED_PIECES_MAX - 1] = pieces.at[pieces.count - 1];
        pieces.count = JOINED_PIECES_MAX;
    }
    if (status == RN_OK) {
        status = rn_pieces_join(step->store, &step->rows[index].header.trace, pieces.at,
                                pieces.count, RN_JOIN_SOME, &step->arena, out, error);
    }
    rn_pieces_free(&pieces);
    return status;
}

static enum rn_status decode_row(struct rn_index_step_state *step, const struct rn_index_row *row,
                                 struct rn_bytes *raw, struct rn_error *error)
{
    struct rn_buffer decoded = {0};
    enum rn_status status = RN_NOMEM;
    struct rn_codec_context *context = rn_store_codec_take(step->store);
    if (context != NULL) {
        status = rn_frame_decode(context, &row->header, &decoded, error);
    }
    rn_store_codec_give(step->store, context);
    if (status == RN_OK) {
        *raw = rn_arena_copy(&step->arena, rn_buffer_bytes(&decoded));
        status = raw->data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&decoded);
    return status;
}

/* An event in one frame, read back from the log. */
static enum rn_status take_read(struct rn_index_step_state *step, const struct rn_index_row *row,
                                struct rn_trace_summary *now, struct rn_error *error)
{
    const struct rn_frame *header = &row->header;
    struct rn_bytes raw = {0};
    struct rn_index_facts facts;
    struct rn_foreign_ids found;
    struct rn_event piece = {.class = header->class, .n = header->n};
    enum rn_status status = decode_row(step, row, &raw, error);
    status = status == RN_OK ? rn_event_decode(raw, &step->arena, &piece, error) : status;
    if (status == RN_OK) {
        rn_index_facts_of_piece(&piece, &facts);
        status = take_piece(step, now, header, &facts);
    }
    if (status == RN_OK && header->kind == RN_FRAME_EVENT) {
        status = rn_index_facts_of_whole(&piece, &step->arena, &found, &facts);
        status = status == RN_OK ? take_whole(step, now, header->n, &facts) : status;
    }
    return status;
}

/* An event whose last piece this row is. */
static enum rn_status take_joined(struct rn_index_step_state *step, unsigned index,
                                  struct rn_trace_summary *now, struct rn_error *error)
{
    struct rn_event whole;
    struct rn_index_facts facts;
    struct rn_foreign_ids found;
    enum rn_status status = join_so_far(step, index, &whole, error);
    if (status == RN_OK) {
        rn_index_facts_of_piece(&whole, &facts);
        status = rn_index_facts_of_whole(&whole, &step->arena, &found, &facts);
    }
    return status == RN_OK ? take_whole(step, now, whole.n, &facts) : status;
}

static enum rn_status event_row(struct rn_index_step_state *step, unsigned index,
                                struct rn_trace_summary *now, struct rn_error *error)
{
    const struct rn_index_row *row = &step->rows[index];
    const struct rn_frame *header = &row->header;
    enum rn_status status = add_place(step, row, (unsigned)header->class, header->n, header->part);
    if (status != RN_OK) {
        return status;
    }
    take_place(now, header);
    if (row->prepared != NULL) {
        const struct rn_index_facts *facts = &row->prepared->facts;
        status = take_piece(step, now, header, facts);
        return status == RN_OK ? take_whole(step, now, header->n, facts) : status;
    }
    status = take_read(step, row, now, error);
    if (status == RN_OK && header->kind == RN_FRAME_EVENT_CLOSE) {
        status = take_joined(step, index, now, error);
    }
    return status;
}

/* --- the frames of the trace itself --------------------------------------------------------------------------------- */

static enum rn_status opening_row(struct rn_index_step_state *step, const struct rn_index_row *row,
                                  struct rn_trace_summary *now, struct rn_error *error)
{
    struct rn_bytes raw = {0};
    struct rn_trace_opening opening;
    enum rn_status status = add_place(step, row, RN_CLASS_TRACE, 0, 0);
    status = status == RN_OK ? decode_row(step, row, &raw, error) : status;
    status = status == RN_OK ? rn_trace_opening_decode(raw, &opening, error) : status;
    if (status != RN_OK || now->started_wall_ns != 0) { /* a second opening changes nothing */
        return status;
    }
    now->session = opening.session;
    now->parent = opening.parent;
    now->name = opening.name;
    now->release = opening.release;
    now->kind = opening.kind;
    now->tags = opening.tags;
    now->is_alias = opening.is_alias;
    now->started_wall_ns = opening.wall_ns;
    now->salts.from_secret = opening.has_secret;
    memcpy(now->salts.secret, opening.secret, RN_SECRET_BYTES);
    take_time(now, opening.wall_ns);
    status = add_open_mark(step, &now->id, RN_INDEX_PUT, opening.owner);
    return status == RN_OK ? add_ways_in(step, now) : status;
}

static enum rn_status closing_row(struct rn_index_step_state *step, const struct rn_index_row *row,
                                  struct rn_trace_summary *now, struct rn_error *error)
{
    struct rn_bytes raw = {0};
    struct rn_trace_closing closing;
    enum rn_status status = add_place(step, row, RN_CLASS_TRACE, 0, 1);
    status = status == RN_OK ? decode_row(step, row, &raw, error) : status;
    status = status == RN_OK ? rn_trace_closing_decode(raw, &closing, error) : status;
    if (status != RN_OK) {
        return status;
    }
    now->state = closing.state;
    now->digests = closing.digests;
    now->salts = closing.salts;
    now->events = max_u32(now->events, closing.events);
    now->gaps = max_u32(now->gaps, closing.gaps);
    take_time(now, closing.wall_ns);
    if (closing.state == RN_TRACE_LOST || closing.gaps > 0) {
        now->complete = RN_COMPLETE_NO;
    }
    return add_open_mark(step, &now->id, RN_INDEX_REMOVE, RN_LIT(""));
}

/*
 * A row whose checksum fails, as far as its header can be believed: it keeps its place in a trace that is known, so that the
 * event is read as damaged and not as never recorded. A sound row of the same place takes precedence.
 */
static enum rn_status damaged_row(struct rn_index_step_state *step, const struct rn_index_row *row)
{
    uint8_t key[RN_EVENT_KEY_BYTES];
    uint8_t value[8];
    struct rn_trace_id id;
    if (row->frame.len < RN_FRAME_HEADER_BYTES) {
        return RN_OK;
    }
    const uint8_t *header = row->frame.data;
    memcpy(id.bytes, header + 16, RN_TRACE_ID_BYTES);
    const struct rn_index_change *change = rn_index_change_of(step, &id);
    bool is_known = change != NULL && change->now.started_wall_ns != 0;
    if (!is_known || header[2] < RN_FRAME_EVENT_OPEN || header[2] > RN_FRAME_EVENT ||
        header[3] > RN_CLASS_MARK) {
        return RN_OK;
    }
    rn_key_event(&id, header[3], rn_get_u32(header + 32), rn_get_u32(header + 36),
                 (enum rn_frame_kind)header[2], key);
    rn_put_u64(value, row->row);
    return add_entry(step, RN_TREE_EVENT, RN_INDEX_PUT_FIRST, rn_bytes_of(key, sizeof key),
                     rn_bytes_of(value, sizeof value));
}

/* --- a step --------------------------------------------------------------------------------------------------------- */

/* A damaged summary must not keep the store from opening: it begins anew, and verify names it. */
static void begin_change(struct rn_index_change *change)
{
    if (change->exists &&
        rn_summary_decode(&change->id, change->before, &change->now, NULL) == RN_OK) {
        return;
    }
    change->now = (struct rn_trace_summary){.id = change->id,
                                            .session = change->id,
                                            .state = RN_TRACE_OPEN,
                                            .complete = RN_COMPLETE_YES,
                                            .exit_status = -1};
}

enum rn_status rn_index_begin(struct rn_index_step_state *step, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    step->tail = &step->entries;
    for (unsigned i = 0; i < step->row_count && status != RN_NEWER; i++) {
        struct rn_index_row *row = &step->rows[i];
        if (row->prepared != NULL) {
            row->header = row->prepared->header;
            row->is_sound = true;
            continue;
        }
        status = rn_frame_read(row->frame, &row->header, error);
        row->is_sound = status == RN_OK && row->header.kind != RN_FRAME_DOCUMENT;
    }
    status = status == RN_NEWER ? RN_NEWER : RN_OK;
    for (struct rn_index_change *change = step->changes; change != NULL; change = change->next) {
        begin_change(change);
    }
    return status;
}

enum rn_status rn_index_row(struct rn_index_step_state *step, unsigned index,
                            struct rn_error *error)
{
    struct rn_index_row *row = &step->rows[index];
    enum rn_status status = RN_OK;
    if (!row->is_sound) {
        status = damaged_row(step, row);
        return status == RN_OK ? RN_OK : rn_fail(error, status, "no memory to index the log");
    }
    struct rn_index_change *change = rn_index_change_of(step, &row->header.trace);
    assert(change != NULL);
    change->touched = true;
    change->now.stored_bytes += row->frame_bytes;
    switch (row->header.kind) {
    case RN_FRAME_TRACE_OPEN:
        status = opening_row(step, row, &change->now, error);
        break;
    case RN_FRAME_TRACE_CLOSE:
        status = closing_row(step, row, &change->now, error);
        break;
    default:
        status = event_row(step, index, &change->now, error);
        break;
    }
    if (status == RN_NOMEM) {
        return rn_fail(error, RN_NOMEM, "no memory to index the log");
    }
    return status == RN_DAMAGED ? RN_OK : status;
}

enum rn_status rn_index_end(struct rn_index_step_state *step, struct rn_error *error)
{
    struct rn_buffer bytes = {0};
    enum rn_status status = RN_OK;
    for (struct rn_index_change *change = step->changes; status == RN_OK && change != NULL;
         change = change->next) {
        if (!change->touched) {
            continue;
        }
        rn_buffer_clear(&bytes);
        status = rn_summary_encode(&change->now, &bytes);
        if (status == RN_OK) {
            change->after = rn_arena_copy(&step->arena, rn_buffer_bytes(&bytes));
            status = change->after.data == NULL ? RN_NOMEM : RN_OK;
        }
    }
    rn_buffer_free(&bytes);
    return status == RN_OK ? RN_OK : rn_fail(error, status, "no memory to index the log");
}
