/*
 * From an event's name to its rows, from rows to checked frames, from frames to one event. Rows are looked up and frames
 * copied in short read transactions; checking and decoding happen outside them.
 */
#include "pieces.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "keys.h"

#define KEYS_PER_TXN 4096u

void rn_place_text(unsigned class, uint32_t n, char out[RN_PLACE_TEXT_BYTES])
{
    static const char *const before[] = {
        [RN_CLASS_EVENT] = "", [RN_CLASS_GAP] = "g", [RN_CLASS_NOTE] = "n", [RN_CLASS_MARK] = "m"};
    if (class > RN_CLASS_MARK) {
        (void)snprintf(out, RN_PLACE_TEXT_BYTES, "itself");
    } else {
        (void)snprintf(out, RN_PLACE_TEXT_BYTES, "%s%" PRIu32, before[class], n);
    }
}

/* --- which rows ----------------------------------------------------------------------------------------------------- */

void rn_pieces_free(struct rn_pieces *pieces)
{
    rn_free(pieces->at);
    *pieces = (struct rn_pieces){0};
}

enum rn_status rn_pieces_add(struct rn_pieces *pieces, const struct rn_piece *piece)
{
    if (pieces->count == pieces->cap) {
        size_t cap = pieces->cap == 0 ? 16 : pieces->cap * 2;
        struct rn_piece *wider = rn_realloc(pieces->at, cap * sizeof *wider);
        if (wider == NULL) {
            return RN_NOMEM;
        }
        pieces->at = wider;
        pieces->cap = cap;
    }
    pieces->at[pieces->count++] = *piece;
    return RN_OK;
}

static bool piece_of(struct rn_bytes key, struct rn_bytes value, struct rn_piece *out)
{
    if (key.len != RN_EVENT_KEY_BYTES || !rn_row_read(value, &out->row)) {
        return false;
    }
    out->class = key.data[16];
    out->n = rn_get_u32(key.data + 17);
    out->part = rn_get_u32(key.data + 21);
    out->kind = (enum rn_frame_kind)key.data[25];
    return true;
}

/* Takes up to KEYS_PER_TXN entries under `prefix` from `key` on; leaves the next key in `key`, or *more false. */
static enum rn_status collect(struct rn_db_txn *txn, struct rn_bytes prefix,
                              uint8_t key[RN_EVENT_KEY_BYTES], struct rn_pieces *out, bool *more)
{
    struct rn_bytes found = {0};
    struct rn_bytes value = {0};
    struct rn_piece piece;
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_EVENT);
    if (cursor == NULL) {
        return RN_NOMEM;
    }
    *more = false;
    enum rn_status status =
        rn_db_seek(cursor, rn_bytes_of(key, RN_EVENT_KEY_BYTES), &found, &value);
    for (unsigned i = 0; status == RN_OK && rn_bytes_starts_with(found, prefix); i++) {
        status = piece_of(found, value, &piece) ? RN_OK : RN_DAMAGED;
        if (status == RN_OK && i == KEYS_PER_TXN) {
            memcpy(key, found.data, RN_EVENT_KEY_BYTES);
            *more = true;
            break;
        }
        status = status == RN_OK ? rn_pieces_add(out, &piece) : status;
        status = status == RN_OK ? rn_db_next(cursor, &found, &value) : status;
    }
    rn_db_cursor_free(cursor);
    return status == RN_NOTFOUND ? RN_OK : status;
}

static enum rn_status pieces_under(struct rn_store *store, struct rn_bytes prefix,
                                   struct rn_pieces *out, struct rn_error *error)
{
    uint8_t key[RN_EVENT_KEY_BYTES] = {0};
    bool more = true;
    memcpy(key, prefix.data, prefix.len);
    while (more) {
        struct rn_db_txn *txn = NULL;
        enum rn_status status = rn_db_begin(store->db, false, &txn, error);
        if (status != RN_OK) {
            return status;
        }
        status = collect(txn, prefix, key, out, &more);
        rn_db_abort(txn);
        if (status != RN_OK) {
            return rn_fail(error, status, "cannot read the event index of %s", store->path);
        }
    }
    return RN_OK;
}

enum rn_status rn_pieces_of_event(struct rn_store *store, const struct rn_trace_id *id,
                                  unsigned class, uint32_t n, struct rn_pieces *out,
                                  struct rn_error *error)
{
    uint8_t key[RN_EVENT_KEY_BYTES];
    rn_key_event(id, class, n, 0, (enum rn_frame_kind)0, key);
    return pieces_under(store, rn_bytes_of(key, RN_EVENT_KEY_PREFIX_BYTES), out, error);
}

enum rn_status rn_pieces_of_trace(struct rn_store *store, const struct rn_trace_id *id,
                                  struct rn_pieces *out, struct rn_error *error)
{
    return pieces_under(store, rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES), out, error);
}

size_t rn_pieces_run(const struct rn_pieces *pieces, size_t from)
{
    size_t end = from;
    while (end < pieces->count && pieces->at[end].class == pieces->at[from].class &&
           pieces->at[end].n == pieces->at[from].n) {
        end++;
    }
    return end - from;
}

/* --- frames --------------------------------------------------------------------------------------------------------- */

enum rn_status rn_piece_frame(struct rn_store *store, uint64_t row, struct rn_buffer *out,
                              struct rn_error *error)
{
    uint8_t key[8];
    struct rn_bytes frame = {0};
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    rn_put_u64(key, row);
    status = rn_db_get(txn, RN_TREE_LOG, rn_bytes_of(key, sizeof key), &frame);
    if (status == RN_OK) {
        status = rn_buffer_add(out, frame);
        status = status == RN_OK
                     ? status
                     : rn_fail(error, status, "no memory for a frame of %s", store->path);
    } else {
        status = rn_fail(error, status == RN_NOTFOUND ? RN_DAMAGED : status,
                         "row %" PRIu64 " is missing", row);
    }
    rn_db_abort(txn);
    return status;
}

/* The inner sentence, with the place in front of it. */
static enum rn_status fail_at(const struct rn_trace_id *id, const struct rn_piece *piece,
                              enum rn_status status, const struct rn_error *inner,
                              struct rn_error *error)
{
    char text[33];
    char place[RN_PLACE_TEXT_BYTES];
    rn_trace_id_text(id, text);
    rn_place_text(piece->class, piece->n, place);
    return rn_fail(error, status, "trace %s, event %s, row %" PRIu64 ": %.300s", text, place,
                   piece->row, inner->text);
}

static bool is_piece(const struct rn_frame *frame, const struct rn_trace_id *id,
                     const struct rn_piece *piece)
{
    bool of_trace = piece->class == RN_CLASS_TRACE;
    return rn_trace_id_equal(&frame->trace, id) && frame->kind == piece->kind &&
           (of_trace || ((unsigned)frame->class == piece->class && frame->n == piece->n &&
                         frame->part == piece->part));
}

static enum rn_status frame_decode(struct rn_store *store, const struct rn_frame *frame,
                                   struct rn_buffer *raw, struct rn_error *error)
{
    struct rn_codec_context *context = rn_store_codec_take(store);
    if (context == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to decode a frame");
    }
    enum rn_status status = rn_frame_decode(context, frame, raw, error);
    rn_store_codec_give(store, context);
    return status;
}

enum rn_status rn_piece_read(struct rn_store *store, const struct rn_trace_id *id,
                             const struct rn_piece *piece, struct rn_buffer *raw, uint8_t *codec,
                             size_t *stored_bytes, struct rn_error *error)
{
    struct rn_buffer stored = {0};
    struct rn_frame frame;
    struct rn_error inner = {.text = "no memory"};
    enum rn_status status = rn_piece_frame(store, piece->row, &stored, &inner);
    status = status == RN_OK ? rn_frame_read(rn_buffer_bytes(&stored), &frame, &inner) : status;
    if (status == RN_OK && !is_piece(&frame, id, piece)) {
        status = rn_fail(&inner, RN_DAMAGED, "the frame there belongs to something else");
    }
    status = status == RN_OK ? frame_decode(store, &frame, raw, &inner) : status;
    if (status == RN_OK && codec != NULL) {
        *codec = frame.codec;
    }
    if (status == RN_OK && stored_bytes != NULL) {
        *stored_bytes = stored.len;
    }
    rn_buffer_free(&stored);
    return status == RN_OK ? RN_OK : fail_at(id, piece, status, &inner, error);
}

/* --- joining -------------------------------------------------------------------------------------------------------- */

/* An event is one whole frame, or an opening with parts behind it; only the last may close it. */
static bool follows(const struct rn_piece *pieces, size_t index, size_t count)
{
    const struct rn_piece *piece = &pieces[index];
    if (piece->part != index) {
        return false;
    }
    switch (piece->kind) {
    case RN_FRAME_EVENT:
        return count == 1;
    case RN_FRAME_EVENT_OPEN:
        return index == 0;
    case RN_FRAME_EVENT_PART:
        return index > 0;
    case RN_FRAME_EVENT_CLOSE:
        return index > 0 && index == count - 1;
    default:
        return false;
    }
}

enum rn_status rn_pieces_join(struct rn_store *store, const struct rn_trace_id *id,
                              const struct rn_piece *pieces, size_t count, enum rn_join how,
                              struct rn_arena *arena, struct rn_event *out, struct rn_error *error)
{
    struct rn_buffer raw = {0};
    struct rn_error inner = {.text = ""};
    enum rn_status status = RN_OK;
    *out = (struct rn_event){.class = (enum rn_event_class)pieces[0].class, .n = pieces[0].n};
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        if (how == RN_JOIN_WHOLE && !follows(pieces, i, count)) {
            (void)rn_fail(&inner, RN_DAMAGED, "part %zu is missing or out of place", i);
            status = fail_at(id, &pieces[i], RN_DAMAGED, &inner, error);
            break;
        }
        rn_buffer_clear(&raw);
        status = rn_piece_read(store, id, &pieces[i], &raw, NULL, NULL, error);
        if (status != RN_OK) {
            break;
        }
        status = rn_event_decode(rn_buffer_bytes(&raw), arena, out, &inner);
        if (status != RN_OK) {
            status = fail_at(id, &pieces[i], status, &inner, error);
        }
    }
    rn_buffer_free(&raw);
    return status;
}
