/*
 * From an entry to its frames: through the door, into the event's hash, into the batch.
 *
 * Preparing changes what belongs to one event (its parts, its running hash, what its passage holds back). Whether any of it
 * lasts is known when the batch is settled (recording.c).
 */
#include "recording.h"

#include <string.h>

#include "base/clock.h"
#include "base/varint.h"

/* Larger pieces are cut, so that a value of the log needs no long run of free pages. */
#define FRAME_RAW_BYTES_SPLIT ((size_t)1024 * 1024)
#define FRAME_RAW_BYTES_CHUNK ((size_t)512 * 1024)
#define FIELD_BYTES_LONG ((size_t)64 * 1024)

/* --- frames --------------------------------------------------------------------------------------------------------- */

/* Which frames: those of an event's pieces count their parts. */
struct piece {
    struct rn_batch *batch;
    struct rn_recording *recording;
    enum rn_event_class class;
    uint32_t n;
    uint32_t *parts;
};

static struct rn_frame frame_of(const struct rn_recording *recording, enum rn_frame_kind kind)
{
    return (struct rn_frame){.codec = RN_CODEC_ZSTD, .kind = kind, .trace = recording->opening.id};
}

static enum rn_status emit_frame(const struct piece *piece, enum rn_frame_kind kind,
                                 const struct rn_event *event)
{
    struct rn_batch *batch = piece->batch;
    struct rn_frame frame = frame_of(piece->recording, kind);
    frame.class = piece->class;
    frame.n = piece->n;
    frame.part = (*piece->parts)++;
    rn_buffer_clear(&batch->raw);
    enum rn_status status = rn_event_encode(event, &batch->raw);
    if (status == RN_OK) {
        status = rn_batch_add_frame(batch, &frame, rn_buffer_bytes(&batch->raw));
    }
    if (status == RN_OK && kind == RN_FRAME_EVENT) {
        rn_batch_keep_facts(batch, &frame, event);
    }
    return status;
}

static size_t event_bytes(const struct rn_event *event)
{
    size_t bytes = event->key.len;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        bytes += rn_event_get(event, tag).len;
    }
    return bytes;
}

/* Moves the fields of `set` to an event of their own. */
static struct rn_event fields_apart(struct rn_event *event, uint64_t set)
{
    struct rn_event apart = *event;
    apart.fields &= set;
    apart.key = (struct rn_bytes){NULL, 0};
    event->fields &= ~set;
    return apart;
}

static uint64_t long_fields(const struct rn_event *event)
{
    uint64_t fields = 0;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        if (rn_event_get(event, tag).len > FIELD_BYTES_LONG) {
            fields |= UINT64_C(1) << tag;
        }
    }
    return fields;
}

/* Each long field in chunks, one part frame each. */
static enum rn_status emit_chunks(const struct piece *piece, const struct rn_event *event)
{
    enum rn_status status = RN_OK;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        struct rn_bytes rest = rn_event_get(event, tag);
        while (status == RN_OK && rest.len > 0) {
            struct rn_event part = {0};
            rn_event_set(&part, tag, rn_bytes_sub(rest, 0, FRAME_RAW_BYTES_CHUNK));
            rest = rn_bytes_from(rest, FRAME_RAW_BYTES_CHUNK);
            status = emit_frame(piece, RN_FRAME_EVENT_PART, &part);
        }
    }
    return status;
}

/* What says how an event ended comes with its last frame. */
static const uint64_t end_fields =
    UINT64_C(1) << RN_TAG_END | UINT64_C(1) << RN_TAG_END_REASON | UINT64_C(1) << RN_TAG_FLAGS;

/* The piece as several frames: what is short goes with the opening (or the close), what is long follows in parts. */
static enum rn_status emit_split(const struct piece *piece, enum rn_frame_kind kind,
                                 const struct rn_event *event)
{
    struct rn_event brief = *event;
    struct rn_event chunks = fields_apart(&brief, long_fields(event));
    struct rn_event end = {0};
    enum rn_status status = RN_OK;
    bool opens = kind == RN_FRAME_EVENT || kind == RN_FRAME_EVENT_OPEN;
    bool closes = kind == RN_FRAME_EVENT || kind == RN_FRAME_EVENT_CLOSE;
    if (opens || kind == RN_FRAME_EVENT_PART) {
        end = closes ? fields_apart(&brief, end_fields) : end;
        status = emit_frame(piece, opens ? RN_FRAME_EVENT_OPEN : RN_FRAME_EVENT_PART, &brief);
    } else {
        end = brief;
    }
    if (status == RN_OK) {
        status = emit_chunks(piece, &chunks);
    }
    return status == RN_OK && closes ? emit_frame(piece, RN_FRAME_EVENT_CLOSE, &end) : status;
}

static enum rn_status emit(const struct piece *piece, enum rn_frame_kind kind,
                           const struct rn_event *event)
{
    return event_bytes(event) <= FRAME_RAW_BYTES_SPLIT ? emit_frame(piece, kind, event)
                                                       : emit_split(piece, kind, event);
}

/* --- the trace's own frames ----------------------------------------------------------------------------------------- */

static enum rn_status add_trace_frame(struct rn_recording *recording, struct rn_batch *batch,
                                      enum rn_frame_kind kind)
{
    struct rn_frame frame = frame_of(recording, kind);
    return rn_batch_add_frame(batch, &frame, rn_buffer_bytes(&batch->raw));
}

/* The settings are text from outside too. Tags are looked at one by one. */
static enum rn_status clean_opening(struct rn_recording *recording, struct rn_batch *batch,
                                    struct rn_trace_opening *clean)
{
    struct rn_bytes tags = recording->opening.tags;
    struct rn_bytes tag;
    struct rn_buffer runs = {0};
    enum rn_status status = RN_OK;
    *clean = recording->opening;
    clean->name = rn_door_text(recording->door, clean->name, &batch->arena);
    clean->release = rn_door_text(recording->door, clean->release, &batch->arena);
    while (status == RN_OK && rn_run_get(&tags, &tag)) {
        tag = rn_door_text(recording->door, tag, &batch->arena);
        status = tag.data == NULL ? RN_NOMEM : rn_run_put(&runs, tag);
    }
    clean->tags = rn_arena_copy(&batch->arena, rn_buffer_bytes(&runs));
    rn_buffer_free(&runs);
    bool good = clean->name.data != NULL && clean->release.data != NULL && clean->tags.data != NULL;
    return status != RN_OK || good ? status : RN_NOMEM;
}

static enum rn_status prepare_opening(struct rn_recording *recording, struct rn_batch *batch)
{
    if (recording->opening_state != RN_OPENING_NONE) {
        return RN_OK;
    }
    struct rn_trace_opening clean;
    rn_buffer_clear(&batch->raw);
    enum rn_status status = clean_opening(recording, batch, &clean);
    if (status == RN_OK) {
        status = rn_trace_opening_encode(&clean, &batch->raw);
    }
    if (status == RN_OK) {
        status = add_trace_frame(recording, batch, RN_FRAME_TRACE_OPEN);
    }
    if (status == RN_OK) {
        recording->opening_state = RN_OPENING_PREPARED;
        recording->unsettled++;
        rn_batch_add_item(batch,
                          &(struct rn_item){.kind = RN_ITEM_OPENING, .recording = recording});
    }
    return status;
}

static enum rn_status prepare_closing(struct rn_recording *recording, struct rn_batch *batch)
{
    /* The chain needs every digest settled, and the gap that the last commit may have left. */
    if (recording->unsettled > 0) {
        (void)rn_batch_commit(batch);
    }
    if (recording->pending.count > 0) {
        rn_recording_prepare_gap(recording, batch);
        enum rn_status committed = rn_batch_commit(batch);
        if (committed != RN_OK || recording->pending.count > 0) {
            return committed != RN_OK ? committed : RN_NOMEM;
        }
    }
    enum rn_status status = prepare_opening(recording, batch);
    struct rn_trace_closing closing = {.state = RN_TRACE_CLOSED,
                                       .events = recording->events,
                                       .gaps = recording->gaps,
                                       .salts = recording->salts,
                                       .wall_ns = rn_clock_wall_ns()};
    if (status == RN_OK) {
        status = rn_recording_chain(recording, &closing.digests);
    }
    rn_buffer_clear(&batch->raw);
    if (status == RN_OK) {
        status = rn_trace_closing_encode(&closing, &batch->raw);
    }
    return status == RN_OK ? add_trace_frame(recording, batch, RN_FRAME_TRACE_CLOSE) : status;
}

/* --- events --------------------------------------------------------------------------------------------------------- */

static enum rn_status hash_end(struct rn_event_hash **hash, struct rn_item *item)
{
    enum rn_status status = rn_event_hash_end(*hash, &item->digests);
    *hash = NULL;
    item->has_digests = status == RN_OK;
    return status;
}

/* A piece of an event that comes in several: through the door, into the running hash, into frames. */
static enum rn_status prepare_piece(const struct piece *piece, const struct rn_event *event,
                                    enum rn_frame_kind kind, struct rn_open_event *open,
                                    struct rn_item *item)
{
    bool is_last = kind == RN_FRAME_EVENT_CLOSE;
    struct rn_event clean;
    enum rn_status status = rn_door_pass(piece->recording->door, open->passage, event, is_last,
                                         &piece->batch->arena, &clean);
    if (status == RN_OK) {
        status = rn_event_hash_add(open->hash, &clean);
    }
    if (status == RN_OK) {
        status = emit(piece, kind, &clean);
    }
    if (status == RN_OK && is_last) {
        status = hash_end(&open->hash, item);
    }
    return status;
}

/* The same for an event that is here at once: nothing of it need be kept running. */
static enum rn_status prepare_whole(struct rn_recording *recording, struct rn_batch *batch,
                                    const struct rn_event *event, struct rn_item *item)
{
    uint32_t parts = 0;
    const struct piece piece = {batch, recording, event->class, item->n, &parts};
    struct rn_event clean;
    struct rn_passage *passage = rn_passage_begin();
    enum rn_status status =
        passage == NULL ? RN_NOMEM : rn_recording_reserve(recording, event->class, item->n);
    if (status == RN_OK) {
        status = rn_door_pass(recording->door, passage, event, true, &batch->arena, &clean);
    }
    if (status == RN_OK) {
        clean.n = item->n;
        status = rn_event_digests(&recording->salts, &clean, &item->digests);
    }
    if (status == RN_OK) {
        status = emit(&piece, RN_FRAME_EVENT, &clean);
        item->has_digests = status == RN_OK;
    }
    rn_passage_free(passage);
    return status;
}

/* Gaps are numbered here, whoever found them. */
static enum rn_status prepare_event(struct rn_recording *recording, struct rn_batch *batch,
                                    const struct rn_event *event, struct rn_item *item)
{
    item->class = event->class;
    item->n = event->class == RN_CLASS_GAP ? recording->gaps + 1 : event->n;
    if (event->class == RN_CLASS_EVENT) {
        rn_recording_drop_failed(recording, event->n);
    }
    enum rn_status status = prepare_whole(recording, batch, event, item);
    if (event->class == RN_CLASS_GAP) {
        recording->gaps += status == RN_OK ? 1 : 0;
        item->n = status == RN_OK ? item->n : 0;
    }
    return status;
}

static enum rn_status prepare_part(struct rn_recording *recording, struct rn_batch *batch,
                                   const struct rn_entry *entry, struct rn_item *item)
{
    enum rn_frame_kind kind = RN_FRAME_EVENT_PART;
    if (entry->kind == RN_ENTRY_EVENT_OPEN) {
        enum rn_status opened = rn_recording_open_add(recording, &entry->event, &item->open);
        if (opened != RN_OK) {
            return opened;
        }
        kind = RN_FRAME_EVENT_OPEN;
    } else {
        item->open = rn_recording_open_find(recording, entry->event.n);
    }
    if (item->open == NULL) {
        return RN_NOTFOUND;
    }
    if (item->open->failed != RN_OK) {
        return item->open->failed;
    }
    enum rn_status status = RN_OK;
    if (entry->kind == RN_ENTRY_EVENT_CLOSE) {
        kind = RN_FRAME_EVENT_CLOSE;
        status = rn_recording_reserve(recording, item->open->class, item->open->n);
    }
    item->class = item->open->class;
    item->n = item->open->n;
    const struct piece piece = {batch, recording, item->class, item->n, &item->open->parts};
    return status != RN_OK ? status : prepare_piece(&piece, &entry->event, kind, item->open, item);
}

static enum rn_status prepare_kind(struct rn_recording *recording, struct rn_batch *batch,
                                   const struct rn_entry *entry, struct rn_item *item)
{
    switch (entry->kind) {
    case RN_ENTRY_EVENT:
        return prepare_event(recording, batch, &entry->event, item);
    case RN_ENTRY_EVENT_OPEN:
    case RN_ENTRY_EVENT_PART:
    case RN_ENTRY_EVENT_CLOSE:
        return prepare_part(recording, batch, entry, item);
    case RN_ENTRY_TRACE_CLOSE:
        return prepare_closing(recording, batch);
    }
    return RN_INVALID;
}

void rn_recording_prepare(struct rn_batch *batch, struct rn_entry *entry)
{
    struct rn_recording *recording = entry->trace;
    struct rn_item item = {.kind = RN_ITEM_ENTRY, .recording = recording, .entry = entry};
    item.status = entry->kind == RN_ENTRY_TRACE_CLOSE ? RN_OK : prepare_opening(recording, batch);
    struct rn_batch_mark mark = rn_batch_mark(batch);
    if (item.status == RN_OK) {
        item.status = prepare_kind(recording, batch, entry, &item);
    }
    if (item.status != RN_OK) {
        rn_batch_rewind(batch, mark);
        if (item.open != NULL) {
            item.open->failed = item.status; /* now: its next piece may stand in the same batch */
        }
    }
    item.stored_bytes = batch->stored_bytes;
    recording->unsettled++;
    rn_batch_add_item(batch, &item);
    rn_arena_free(&batch->arena);
}

/* --- gaps ----------------------------------------------------------------------------------------------------------- */

static enum rn_status gap_field(const struct rn_pending_gap *pending, struct rn_buffer *out)
{
    enum rn_status status = rn_varint_put(out, pending->count);
    if (status == RN_OK) {
        status = rn_varint_put(out, pending->first_wall_ns);
    }
    if (status == RN_OK) {
        status = rn_varint_put(out, pending->last_wall_ns);
    }
    return status == RN_OK ? rn_buffer_add(out, rn_bytes_text(pending->reason)) : status;
}

void rn_recording_prepare_gap(struct rn_recording *recording, struct rn_batch *batch)
{
    static const uint8_t kind = RN_EVENT_GAP;
    struct rn_item item = {.kind = RN_ITEM_GAP, .recording = recording};
    struct rn_event event = {.class = RN_CLASS_GAP};
    struct rn_buffer field = {0};
    enum rn_status status = prepare_opening(recording, batch);
    struct rn_batch_mark mark = rn_batch_mark(batch);
    if (status == RN_OK) {
        status = gap_field(&recording->pending, &field);
    }
    if (status == RN_OK) {
        rn_event_set(&event, RN_TAG_KIND, rn_bytes_of(&kind, 1));
        rn_event_set(&event, RN_TAG_GAP, rn_buffer_bytes(&field));
        status = prepare_event(recording, batch, &event, &item);
    }
    if (status == RN_OK) {
        recording->unsettled++;
        rn_batch_add_item(batch, &item);
    } else {
        rn_batch_rewind(batch, mark);
    }
    rn_buffer_free(&field);
    rn_arena_free(&batch->arena);
}
