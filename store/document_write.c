/*
 * Documents put and taken away, with the promise that they are all there or not at all.
 *
 * The pieces are written first, under an id nobody knows yet, with a mark that says who is at work; the head, written last and
 * together with the mark's removal, makes them a document. Dropping goes the other way: the head becomes a mark, then the
 * pieces go. A mark whose owner is dead is an invitation to the next opener.
 */
#include "document_parts.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "keys.h"
#include "scan.h"

#define PIECES_PER_COMMIT 64u /* taken out at once: their pages only change hands */

/* --- putting -------------------------------------------------------------------------------------------------------- */

/* A document on its way in, and what is prepared of it for the next commit. */
struct draft {
    struct rn_store *store;
    struct rn_bytes kind;
    struct rn_bytes name;
    struct rn_bytes left;
    struct rn_document_head head;
    struct rn_buffer frames; /* each: u32 number, u32 length, the frame; the head is number 0 */
    bool is_marked;
    struct rn_error *error;
};

static enum rn_status add_frame(struct draft *draft, uint32_t number, struct rn_bytes raw)
{
    uint8_t front[8] = {0};
    size_t at = draft->frames.len;
    struct rn_frame frame = {
        .codec = RN_CODEC_ZSTD, .kind = RN_FRAME_DOCUMENT, .trace = draft->head.id, .part = number};
    enum rn_status status = rn_buffer_append(&draft->frames, front, sizeof front);
    if (status == RN_OK) {
        struct rn_codec_context *context = rn_store_codec_take(draft->store);
        status = context == NULL ? RN_NOMEM : rn_frame_write(context, &frame, raw, &draft->frames);
        rn_store_codec_give(draft->store, context);
    }
    if (status != RN_OK) {
        return rn_fail(draft->error, status, "cannot make a piece of a document: %s",
                       rn_status_name(status));
    }
    rn_put_u32(draft->frames.data + at, number);
    rn_put_u32(draft->frames.data + at + 4, (uint32_t)(draft->frames.len - at - sizeof front));
    return RN_OK;
}

static enum rn_status add_head(struct draft *draft)
{
    struct rn_buffer raw = {0};
    enum rn_status status = rn_document_head_encode(draft->kind, draft->name, &draft->head, &raw);
    status = status == RN_OK ? add_frame(draft, 0, rn_buffer_bytes(&raw))
                             : rn_fail(draft->error, status, "no memory to write a document");
    rn_buffer_free(&raw);
    return status;
}

/* Pieces until a commit is full, and the head behind the last one. */
static enum rn_status prepare(struct draft *draft)
{
    enum rn_status status = RN_OK;
    rn_buffer_clear(&draft->frames);
    while (status == RN_OK && draft->left.len > 0 &&
           draft->frames.len + RN_PART_BYTES_MAX < RN_COMMIT_BYTES_MAX) {
        struct rn_bytes piece = rn_bytes_sub(draft->left, 0, RN_PART_BYTES_MAX);
        draft->left = rn_bytes_from(draft->left, piece.len);
        status = add_frame(draft, ++draft->head.pieces, piece);
    }
    return status == RN_OK && draft->left.len == 0 ? add_head(draft) : status;
}

static enum rn_status put_frame(struct draft *draft, struct rn_db_txn *txn, uint32_t number,
                                struct rn_bytes frame)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    size_t len = number > 0 ? rn_key_piece(&draft->head.id, number, key)
                            : rn_key_document(draft->kind, draft->name, key);
    struct rn_bytes there = {0};
    if (number == 0 &&
        rn_db_get(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, len), &there) != RN_NOTFOUND) {
        return rn_fail(draft->error, RN_REFUSED, "there is a %s '%s' already",
                       (const char *)draft->kind.data, (const char *)draft->name.data);
    }
    return rn_db_put(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, len), frame, draft->error);
}

/* The mark goes in with the first pieces and out with the head; a document of one commit needs none. */
static enum rn_status put_mark(struct draft *draft, struct rn_db_txn *txn, bool is_last)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_bytes mark = rn_bytes_of(key, rn_key_work(&draft->head.id, key));
    if (!is_last && !draft->is_marked) {
        return rn_db_put(txn, RN_TREE_DOCUMENT, mark,
                         rn_bytes_text(rn_owner_text(draft->store->owner)), draft->error);
    }
    if (is_last && draft->is_marked && rn_db_delete(txn, RN_TREE_DOCUMENT, mark) != RN_OK) {
        return rn_fail(draft->error, RN_IO, "somebody took the pieces of a document away: %s",
                       "is its writer's lock in STORE/owners still there?");
    }
    return RN_OK;
}

static enum rn_status commit_prepared(struct draft *draft)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes rest = rn_buffer_bytes(&draft->frames);
    bool is_last = draft->left.len == 0;
    enum rn_status status = rn_db_has_room(draft->store->db, draft->error);
    status = status == RN_OK ? rn_db_begin(draft->store->db, true, &txn, draft->error) : status;
    if (status != RN_OK) {
        return status;
    }
    while (status == RN_OK && rest.len > 0) {
        struct rn_bytes frame = rn_bytes_sub(rest, 8, rn_get_u32(rest.data + 4));
        status = put_frame(draft, txn, rn_get_u32(rest.data), frame);
        rest = rn_bytes_from(rest, 8 + frame.len);
    }
    status = status == RN_OK ? put_mark(draft, txn, is_last) : status;
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    status = rn_db_commit(txn, draft->error);
    draft->is_marked = status == RN_OK ? !is_last : draft->is_marked;
    return status;
}

static enum rn_status put_all(struct draft *draft)
{
    enum rn_status status = RN_OK;
    do {
        status = prepare(draft);
        status = status == RN_OK ? commit_prepared(draft) : status;
    } while (status == RN_OK && draft->left.len > 0);
    return status;
}

static enum rn_status check_free(struct rn_store *store, const char *kind, const char *name,
                                 struct rn_error *error)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_buffer there = {0};
    size_t len = rn_key_document(rn_bytes_text(kind), rn_bytes_text(name), key);
    enum rn_status status = rn_document_value(store, rn_bytes_of(key, len), &there, error);
    rn_buffer_free(&there);
    if (status == RN_OK) {
        return rn_fail(error, RN_REFUSED, "there is a %s '%s' already", kind, name);
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_document_put(struct rn_store *store, const char *kind, const char *name,
                               struct rn_bytes document, struct rn_error *error)
{
    struct draft draft = {.store = store,
                          .kind = rn_bytes_text(kind),
                          .name = rn_bytes_text(name),
                          .left = document,
                          .error = error};
    enum rn_status status = rn_document_name_check(kind, name, error);
    status = status == RN_OK ? check_free(store, kind, name, error) : status;
    if (status != RN_OK) {
        return status;
    }
    if (document.len / RN_PART_BYTES_MAX >= UINT32_MAX) {
        return rn_fail(error, RN_LIMIT, "a document of %zu bytes is too long", document.len);
    }
    rn_uuid7(draft.head.id.bytes);
    draft.head.bytes = document.len;
    if (!rn_sha256_of(&document, 1, draft.head.digest)) {
        return rn_fail(error, RN_NOMEM, "no memory to write a document");
    }
    status = put_all(&draft);
    if (status != RN_OK && draft.is_marked) { /* where that fails too, the next opener does it */
        (void)rn_document_discard(store, &draft.head.id, NULL);
    }
    rn_buffer_free(&draft.frames);
    return status;
}

/* --- taking away ---------------------------------------------------------------------------------------------------- */

/* Takes out up to PIECES_PER_COMMIT pieces, and the mark behind the last one. */
static enum rn_status discard_some(struct rn_db_txn *txn, const struct rn_trace_id *id, bool *more)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX] = {0};
    struct rn_bytes found = {0};
    struct rn_bytes prefix = rn_bytes_of(key, RN_PIECE_PREFIX_BYTES);
    enum rn_status status = RN_OK;
    for (unsigned i = 0; status == RN_OK && i < PIECES_PER_COMMIT; i++) {
        struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_DOCUMENT);
        (void)rn_key_piece(id, 0, key);
        status = cursor == NULL ? RN_NOMEM : rn_db_seek(cursor, prefix, &found, NULL);
        if (status == RN_OK && !rn_bytes_starts_with(found, prefix)) {
            status = RN_NOTFOUND;
        }
        if (status == RN_OK && found.len > sizeof key) {
            status = RN_DAMAGED;
        }
        if (status == RN_OK) {
            size_t len = found.len;
            memcpy(key, found.data, len);
            rn_db_cursor_free(cursor);
            cursor = NULL;
            status = rn_db_delete(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, len));
        }
        rn_db_cursor_free(cursor);
    }
    *more = status == RN_OK;
    if (status == RN_NOTFOUND) {
        status = rn_db_delete(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, rn_key_work(id, key)));
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_document_discard(struct rn_store *store, const struct rn_trace_id *id,
                                   struct rn_error *error)
{
    bool more = true;
    enum rn_status status = RN_OK;
    while (status == RN_OK && more) {
        struct rn_db_txn *txn = NULL;
        status = rn_db_begin(store->db, true, &txn, error);
        if (status != RN_OK) {
            break;
        }
        status = discard_some(txn, id, &more);
        if (status == RN_OK) {
            status = rn_db_commit(txn, error);
        } else {
            rn_db_abort(txn);
            rn_fail(error, status, "cannot take the pieces of a document out of %s: %s",
                    store->path, rn_status_name(status));
        }
    }
    return status;
}

/* Turns the head into a mark; *id are the pieces that are nobody's now. A damaged head still says which they were. */
static enum rn_status unname(struct rn_store *store, struct rn_db_txn *txn, struct rn_bytes key,
                             struct rn_trace_id *id, struct rn_error *error)
{
    uint8_t mark[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_get(txn, RN_TREE_DOCUMENT, key, &value);
    if (status != RN_OK) {
        return status;
    }
    if (value.len >= RN_FRAME_HEADER_BYTES) {
        memcpy(id->bytes, value.data + 16, RN_TRACE_ID_BYTES);
        status = rn_db_put(txn, RN_TREE_DOCUMENT, rn_bytes_of(mark, rn_key_work(id, mark)),
                           rn_bytes_text(rn_owner_text(store->owner)), error);
    }
    return status == RN_OK ? rn_db_delete(txn, RN_TREE_DOCUMENT, key) : status;
}

enum rn_status rn_document_drop(struct rn_store *store, const char *kind, const char *name,
                                struct rn_error *error)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_db_txn *txn = NULL;
    struct rn_trace_id id = {{0}};
    enum rn_status status = rn_document_name_check(kind, name, error);
    status = status == RN_OK ? rn_db_begin(store->db, true, &txn, error) : status;
    if (status != RN_OK) {
        return status;
    }
    size_t len = rn_key_document(rn_bytes_text(kind), rn_bytes_text(name), key);
    status = unname(store, txn, rn_bytes_of(key, len), &id, error);
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status == RN_NOTFOUND ? rn_document_fail_absent(store, kind, name, error) : status;
    }
    status = rn_db_commit(txn, error);
    return status == RN_OK ? rn_document_discard(store, &id, error) : status;
}

/* --- what the dead left --------------------------------------------------------------------------------------------- */

enum rn_status rn_document_recover(struct rn_store *store, struct rn_error *error)
{
    struct rn_scan scan = {.store = store, .tree = RN_TREE_DOCUMENT, .prefix = RN_DOCUMENT_WORK};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            struct rn_trace_id id;
            struct rn_bytes id_bytes = rn_bytes_from(entries[i].key, RN_DOCUMENT_WORK.len);
            if (id_bytes.len != RN_TRACE_ID_BYTES ||
                rn_owner_is_live(store->owner, entries[i].value)) {
                continue;
            }
            memcpy(id.bytes, id_bytes.data, RN_TRACE_ID_BYTES);
            status = rn_document_discard(store, &id, error);
        }
        rn_arena_free(&arena);
    }
    return status;
}
