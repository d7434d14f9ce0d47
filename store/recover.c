/*
 * What a dead recorder left open is closed by the next opener: first its open events, each by a last piece that says `lost`,
 * then, once these are indexed, the trace, with digests computed from the log like any reader computes them.
 *
 * The mark of an open trace names who is responsible for it. Whoever recovers writes its own name there, in the transaction
 * that appends the first pieces, and so of two only one goes on; should it die as well, the next one finds its name.
 */
#include "recover.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "chain.h"
#include "keys.h"
#include "pieces.h"
#include "store/trace.h"
#include "store_internal.h"
#include "trace_pack.h"

#define REASON "its recorder died"

struct orphan {
    struct rn_trace_id id;
    uint8_t owner[64]; /* as the mark says it; nobody signs longer */
    size_t owner_len;
};

struct orphans {
    struct orphan *at;
    size_t count;
    size_t cap;
};

/* --- finding -------------------------------------------------------------------------------------------------------- */

static enum rn_status orphans_add(struct orphans *orphans, struct rn_bytes key,
                                  struct rn_bytes owner)
{
    if (orphans->count == orphans->cap) {
        size_t cap = orphans->cap == 0 ? 8 : orphans->cap * 2;
        struct orphan *wider = rn_realloc(orphans->at, cap * sizeof *wider);
        if (wider == NULL) {
            return RN_NOMEM;
        }
        orphans->at = wider;
        orphans->cap = cap;
    }
    struct orphan *orphan = &orphans->at[orphans->count++];
    owner = rn_bytes_sub(owner, 0, sizeof orphan->owner);
    memcpy(orphan->id.bytes, key.data + 5, RN_TRACE_ID_BYTES);
    if (owner.len > 0) {
        memcpy(orphan->owner, owner.data, owner.len);
    }
    orphan->owner_len = owner.len;
    return RN_OK;
}

/* All traces that are marked open, whoever owns them. */
static enum rn_status marked_open(struct rn_store *store, struct orphans *out,
                                  struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes prefix = rn_bytes_text(RN_META_OPEN);
    struct rn_bytes key = {0};
    struct rn_bytes owner = {0};
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_META);
    status = cursor == NULL ? RN_NOMEM : rn_db_seek(cursor, prefix, &key, &owner);
    while (status == RN_OK && rn_bytes_starts_with(key, prefix)) {
        status = key.len == RN_OPEN_KEY_BYTES ? orphans_add(out, key, owner) : RN_OK;
        status = status == RN_OK ? rn_db_next(cursor, &key, &owner) : status;
    }
    rn_db_cursor_free(cursor);
    rn_db_abort(txn);
    if (status == RN_OK || status == RN_NOTFOUND) {
        return RN_OK;
    }
    return rn_fail(error, status, "cannot look for open traces in %s", store->path);
}

static void keep_dead(struct rn_store *store, struct orphans *orphans)
{
    size_t kept = 0;
    for (size_t i = 0; i < orphans->count; i++) {
        const struct orphan *orphan = &orphans->at[i];
        if (!rn_owner_is_live(store->owner, rn_bytes_of(orphan->owner, orphan->owner_len))) {
            orphans->at[kept++] = *orphan;
        }
    }
    orphans->count = kept;
}

/* --- frames --------------------------------------------------------------------------------------------------------- */

/* Frames to append, each with its length in front (u32), so that they need one buffer. */
static enum rn_status add_frame(struct rn_store *store, const struct rn_frame *frame,
                                struct rn_bytes raw, struct rn_buffer *out)
{
    struct rn_buffer bytes = {0};
    uint8_t len[4];
    struct rn_codec_context *context = rn_store_codec_take(store);
    enum rn_status status =
        context == NULL ? RN_NOMEM : rn_frame_write(context, frame, raw, &bytes);
    rn_store_codec_give(store, context);
    if (status == RN_OK) {
        rn_put_u32(len, (uint32_t)bytes.len);
        status = rn_buffer_append(out, len, sizeof len);
    }
    status = status == RN_OK ? rn_buffer_add(out, rn_buffer_bytes(&bytes)) : status;
    rn_buffer_free(&bytes);
    return status;
}

static enum rn_status add_lost_piece(struct rn_store *store, const struct rn_trace_id *id,
                                     const struct rn_piece *last, struct rn_buffer *out)
{
    static const uint8_t lost = RN_END_LOST;
    struct rn_buffer raw = {0};
    struct rn_event event = {.class = (enum rn_event_class)last->class, .n = last->n};
    struct rn_frame frame = {.codec = RN_CODEC_ZSTD,
                             .kind = RN_FRAME_EVENT_CLOSE,
                             .class = event.class,
                             .trace = *id,
                             .n = last->n,
                             .part = last->part + 1};
    rn_event_set(&event, RN_TAG_END, rn_bytes_of(&lost, 1));
    rn_event_set(&event, RN_TAG_END_REASON, RN_LIT(REASON));
    enum rn_status status = rn_event_encode(&event, &raw);
    status = status == RN_OK ? add_frame(store, &frame, rn_buffer_bytes(&raw), out) : status;
    rn_buffer_free(&raw);
    return status;
}

/* A last piece for every event that has an opening and no end. */
static enum rn_status lost_pieces(struct rn_store *store, const struct rn_trace_id *id,
                                  struct rn_buffer *out, struct rn_error *error)
{
    struct rn_pieces pieces = {0};
    enum rn_status status = rn_pieces_of_trace(store, id, &pieces, error);
    for (size_t i = 0, run = 0; status == RN_OK && i < pieces.count; i += run) {
        run = rn_pieces_run(&pieces, i);
        const struct rn_piece *last = &pieces.at[i + run - 1];
        bool is_open = last->kind == RN_FRAME_EVENT_OPEN || last->kind == RN_FRAME_EVENT_PART;
        if (last->class <= RN_CLASS_MARK && is_open) {
            status = add_lost_piece(store, id, last, out);
        }
    }
    rn_pieces_free(&pieces);
    return status;
}

/* Digests of what is there; a trace with a damaged event gets zeros, which verify can only find wrong. */
static enum rn_status closing_frame(struct rn_store *store, const struct rn_trace_id *id,
                                    struct rn_buffer *out, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_pieces pieces = {0};
    struct rn_buffer raw = {0};
    struct rn_trace_summary summary;
    struct rn_trace_closing closing = {.state = RN_TRACE_LOST, .wall_ns = rn_clock_wall_ns()};
    struct rn_frame frame = {.codec = RN_CODEC_ZSTD, .kind = RN_FRAME_TRACE_CLOSE, .trace = *id};
    enum rn_status status = rn_trace_summary(store, id, &arena, &summary, error);
    if (status != RN_OK) {
        goto done;
    }
    status = rn_pieces_of_trace(store, id, &pieces, error);
    if (status != RN_OK) {
        goto done;
    }
    status = rn_chain_of(store, id, &summary.salts, &pieces, &closing.digests, error);
    if (status == RN_DAMAGED) {
        memset(&closing.digests, 0, sizeof closing.digests);
        status = RN_OK;
    }
    closing.events = summary.events;
    closing.gaps = summary.gaps;
    closing.salts = summary.salts;
    closing.wall_ns = summary.ended_wall_ns > 0 ? summary.ended_wall_ns : closing.wall_ns;
    status = status == RN_OK ? rn_trace_closing_encode(&closing, &raw) : status;
    status = status == RN_OK ? add_frame(store, &frame, rn_buffer_bytes(&raw), out) : status;
done:
    rn_buffer_free(&raw);
    rn_pieces_free(&pieces);
    rn_arena_free(&arena);
    return status;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static enum rn_status append_all(struct rn_db_txn *txn, struct rn_bytes frames,
                                 struct rn_error *error)
{
    enum rn_status status = RN_OK;
    while (status == RN_OK && frames.len > 0) {
        size_t len = rn_get_u32(frames.data);
        status = rn_db_append(txn, rn_bytes_sub(frames, 4, len), NULL, error);
        frames = rn_bytes_from(frames, 4 + len);
    }
    return status;
}

/* Appends `frames` and puts `mark` as the owner, if the owner is still `expected`. RN_BUSY: it is another now, or closed. */
static enum rn_status append_if(struct rn_store *store, const struct rn_trace_id *id,
                                struct rn_bytes expected, struct rn_bytes mark,
                                struct rn_bytes frames, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    uint8_t key[RN_OPEN_KEY_BYTES];
    struct rn_bytes now = {0};
    rn_key_open(id, key);
    enum rn_status status = rn_db_begin(store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, RN_TREE_META, rn_bytes_of(key, sizeof key), &now);
    if (status != RN_OK || !rn_bytes_equal(now, expected)) {
        rn_db_abort(txn);
        return RN_BUSY;
    }
    status = append_all(txn, frames, error);
    if (status == RN_OK) {
        status = rn_db_put(txn, RN_TREE_META, rn_bytes_of(key, sizeof key), mark, error);
    }
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, error);
}

static enum rn_status close_orphan(struct rn_store *store, const struct orphan *orphan,
                                   struct rn_error *error)
{
    struct rn_buffer frames = {0};
    struct rn_bytes before = rn_bytes_of(orphan->owner, orphan->owner_len);
    struct rn_bytes ours = rn_bytes_text(rn_owner_text(store->owner));
    enum rn_status status = lost_pieces(store, &orphan->id, &frames, error);
    if (status == RN_OK) {
        status = append_if(store, &orphan->id, before, ours, rn_buffer_bytes(&frames), error);
    }
    status = status == RN_OK ? rn_store_catch_up(store, error) : status;
    rn_buffer_clear(&frames);
    status = status == RN_OK ? closing_frame(store, &orphan->id, &frames, error) : status;
    if (status == RN_OK) {
        status = append_if(store, &orphan->id, ours, ours, rn_buffer_bytes(&frames), error);
    }
    rn_buffer_free(&frames);
    if (status == RN_NOMEM) {
        return rn_fail(error, RN_NOMEM, "no memory to close a lost trace");
    }
    return status;
}

enum rn_status rn_recover(struct rn_store *store, unsigned *closed, struct rn_error *error)
{
    struct orphans orphans = {0};
    unsigned count = 0;
    enum rn_status status = marked_open(store, &orphans, error);
    if (status == RN_OK) {
        keep_dead(store, &orphans);
    }
    if (status == RN_OK &&
        orphans.count > 0) { /* what they wrote last may be newer than our indexes */
        status = rn_store_catch_up(store, error);
    }
    for (size_t i = 0; status == RN_OK && i < orphans.count; i++) {
        status = close_orphan(store, &orphans.at[i], error);
        count += status == RN_OK;
        status = status == RN_BUSY ? RN_OK : status;
    }
    rn_free(orphans.at);
    if (closed != NULL) {
        *closed = count;
    }
    return status;
}

enum rn_status rn_recover_trace(struct rn_store *store, const struct rn_trace_id *id,
                                struct rn_error *error)
{
    struct orphans orphans = {0};
    enum rn_status status = marked_open(store, &orphans, error);
    for (size_t i = 0; status == RN_OK && i < orphans.count; i++) {
        if (rn_trace_id_equal(&orphans.at[i].id, id)) {
            status = close_orphan(store, &orphans.at[i], error);
        }
    }
    rn_free(orphans.at);
    status = status == RN_BUSY ? RN_OK : status;
    return status == RN_OK ? rn_store_catch_up(store, error) : status;
}
