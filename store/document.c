/*
 * Documents: a name, some bytes, and the promise that they are all there or not at all.
 *
 * The pieces are written first, under an id nobody knows yet, with a mark that says who is at work; the head, written last and
 * together with the mark's removal, makes them a document. Dropping goes the other way: the head becomes a mark, then the
 * pieces go. A mark whose owner is dead is an invitation to the next opener. What the bytes mean is the caller's.
 */
#include "document_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "keys.h"
#include "pack.h"
#include "scan.h"

#define HEAD_KEYS 5u
#define PIECES_PER_COMMIT 64u /* taken out at once: their pages only change hands */
#define NAMES_SHOWN 5u

/* --- names ---------------------------------------------------------------------------------------------------------- */

static enum rn_status check_name(const char *kind, const char *name, struct rn_error *error)
{
    size_t kind_len = strlen(kind);
    size_t name_len = strlen(name);
    bool is_good = kind_len > 0 && kind_len <= RN_DOCUMENT_KIND_BYTES_MAX;
    for (size_t i = 0; is_good && i < kind_len; i++) {
        is_good = kind[i] >= 'a' && kind[i] <= 'z';
    }
    if (!is_good) {
        return rn_fail(error, RN_INVALID, "'%.40s' is no kind of document", kind);
    }
    if (name_len == 0) {
        return rn_fail(error, RN_INVALID, "a %s needs a name", kind);
    }
    if (name_len > RN_DOCUMENT_NAME_BYTES_MAX) {
        return rn_fail(error, RN_INVALID, "the name '%.40s...' has %zu bytes, and %u are allowed",
                       name, name_len, RN_DOCUMENT_NAME_BYTES_MAX);
    }
    for (size_t i = 0; i < name_len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            return rn_fail(error, RN_INVALID, "the name of a %s must not hold control characters",
                           kind);
        }
    }
    return RN_OK;
}

struct names {
    char text[320];
    size_t len;
    unsigned count;
};

static bool list_name(void *self, const char *name, uint64_t bytes)
{
    struct names *names = self;
    (void)bytes;
    if (names->count == NAMES_SHOWN) {
        (void)snprintf(names->text + names->len, sizeof names->text - names->len, " and more");
        return false;
    }
    int len = snprintf(names->text + names->len, sizeof names->text - names->len, "%s%.40s",
                       names->count == 0 ? "" : ", ", name);
    names->len += len > 0 ? (size_t)len : 0;
    names->count++;
    return true;
}

static enum rn_status fail_absent(struct rn_store *store, const char *kind, const char *name,
                                  struct rn_error *error)
{
    struct names names = {.text = ""};
    (void)rn_document_each(store, kind, list_name, &names, NULL);
    if (names.count == 0) {
        return rn_fail(error, RN_NOTFOUND, "there is no %s '%s': %.200s has none", kind, name,
                       store->path);
    }
    return rn_fail(error, RN_NOTFOUND, "there is no %s '%s'; there is %s", kind, name, names.text);
}

/* --- the head ------------------------------------------------------------------------------------------------------- */

static enum rn_status head_encode(struct rn_bytes kind, struct rn_bytes name,
                                  const struct rn_document_head *head, struct rn_buffer *out)
{
    struct rn_packer packer = {.out = out};
    rn_pack_map(&packer, HEAD_KEYS);
    rn_pack_bin_at(&packer, 1, kind);
    rn_pack_bin_at(&packer, 2, name);
    rn_pack_number_at(&packer, 3, head->pieces);
    rn_pack_number_at(&packer, 4, head->bytes);
    rn_pack_bin_at(&packer, 5, rn_bytes_of(head->digest, RN_SHA256_BYTES));
    return packer.status;
}

static bool take_key(struct rn_bytes *in, uint64_t wanted)
{
    uint64_t key = 0;
    return rn_unpack_number(in, &key) && key == wanted;
}

/* The head's raw bytes. False where they are not exactly those that head_encode writes for a document of that name. */
static bool head_decode(struct rn_bytes in, struct rn_bytes full_name, struct rn_document_head *out)
{
    uint32_t count = 0;
    uint64_t pieces = 0;
    struct rn_bytes kind = {0};
    struct rn_bytes name = {0};
    bool good = rn_unpack_map(&in, &count) && count == HEAD_KEYS && take_key(&in, 1) &&
                rn_unpack_bin(&in, &kind) && take_key(&in, 2) && rn_unpack_bin(&in, &name) &&
                take_key(&in, 3) && rn_unpack_number(&in, &pieces) && take_key(&in, 4) &&
                rn_unpack_number(&in, &out->bytes) && take_key(&in, 5) &&
                rn_unpack_exactly(&in, out->digest, RN_SHA256_BYTES) && in.len == 0;
    out->pieces = (uint32_t)pieces;
    return good && pieces <= UINT32_MAX && full_name.len == kind.len + 1 + name.len &&
           rn_bytes_equal(rn_bytes_sub(full_name, 0, kind.len), kind) &&
           full_name.data[kind.len] == '/' &&
           rn_bytes_equal(rn_bytes_from(full_name, kind.len + 1), name);
}

enum rn_status rn_document_piece_decode(struct rn_store *store, struct rn_bytes value,
                                        struct rn_trace_id *document, uint32_t *number,
                                        struct rn_buffer *raw, struct rn_error *error)
{
    struct rn_frame frame;
    enum rn_status status = rn_frame_read(value, &frame, error);
    if (status == RN_OK && frame.kind != RN_FRAME_DOCUMENT) {
        status = rn_fail(error, RN_DAMAGED, "the frame there is no piece of a document");
    }
    if (status != RN_OK) {
        return status;
    }
    *document = frame.trace;
    *number = frame.part;
    struct rn_codec_context *context = rn_store_codec_take(store);
    status = context == NULL ? rn_fail(error, RN_NOMEM, "no memory to read a document")
                             : rn_frame_decode(context, &frame, raw, error);
    rn_store_codec_give(store, context);
    return status;
}

enum rn_status rn_document_head_decode(struct rn_store *store, struct rn_bytes full_name,
                                       struct rn_bytes value, struct rn_document_head *out,
                                       struct rn_error *error)
{
    struct rn_buffer raw = {0};
    struct rn_error inner = {.text = ""};
    uint32_t number = 0;
    *out = (struct rn_document_head){.pieces = 0};
    enum rn_status status = rn_document_piece_decode(store, value, &out->id, &number, &raw, &inner);
    if (status == RN_OK && (number != 0 || !head_decode(rn_buffer_bytes(&raw), full_name, out))) {
        status = rn_fail(&inner, RN_DAMAGED, "its head is another's");
    }
    rn_buffer_free(&raw);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "document %.*s: %.300s", (int)full_name.len,
                                     (const char *)full_name.data, inner.text);
}

/* The value under a key of the tree, appended to `out`. RN_NOTFOUND without a sentence. */
static enum rn_status read_value(struct rn_store *store, struct rn_bytes key, struct rn_buffer *out,
                                 struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, RN_TREE_DOCUMENT, key, &value);
    if (status == RN_OK && rn_buffer_add(out, value) != RN_OK) {
        status = rn_fail(error, RN_NOMEM, "no memory to read a document");
    } else if (status != RN_OK && status != RN_NOTFOUND) {
        rn_fail(error, status, "cannot read the documents of %s", store->path);
    }
    rn_db_abort(txn);
    return status;
}

/* RN_NOTFOUND without a sentence. */
static enum rn_status read_head(struct rn_store *store, const char *kind, const char *name,
                                struct rn_document_head *out, struct rn_error *error)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_buffer value = {0};
    size_t len = rn_key_document(rn_bytes_text(kind), rn_bytes_text(name), key);
    enum rn_status status = read_value(store, rn_bytes_of(key, len), &value, error);
    if (status == RN_OK) {
        status = rn_document_head_decode(store,
                                         rn_bytes_from(rn_bytes_of(key, len), RN_DOCUMENT_NAME.len),
                                         rn_buffer_bytes(&value), out, error);
    }
    rn_buffer_free(&value);
    return status;
}

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
    enum rn_status status = head_encode(draft->kind, draft->name, &draft->head, &raw);
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
    enum rn_status status = read_value(store, rn_bytes_of(key, len), &there, error);
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
    enum rn_status status = check_name(kind, name, error);
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

/* --- getting -------------------------------------------------------------------------------------------------------- */

static enum rn_status read_piece(struct rn_store *store, const struct rn_document_head *head,
                                 uint32_t number, struct rn_buffer *out, struct rn_error *error)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_buffer value = {0};
    struct rn_trace_id id;
    uint32_t found = 0;
    size_t len = rn_key_piece(&head->id, number, key);
    enum rn_status status = read_value(store, rn_bytes_of(key, len), &value, error);
    if (status == RN_NOTFOUND) {
        status = rn_fail(error, RN_DAMAGED, "it is missing");
    }
    if (status == RN_OK) {
        status = rn_document_piece_decode(store, rn_buffer_bytes(&value), &id, &found, out, error);
    }
    if (status == RN_OK && (found != number || !rn_trace_id_equal(&id, &head->id))) {
        status = rn_fail(error, RN_DAMAGED, "the frame there is a piece of something else");
    }
    rn_buffer_free(&value);
    return status;
}

enum rn_status rn_document_read(struct rn_store *store, struct rn_bytes full_name,
                                const struct rn_document_head *head, struct rn_buffer *out,
                                struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    uint8_t digest[RN_SHA256_BYTES];
    size_t begin = out->len;
    enum rn_status status = RN_OK;
    for (uint32_t number = 1; status == RN_OK && number <= head->pieces; number++) {
        status = read_piece(store, head, number, out, &inner);
        if (status != RN_OK) {
            (void)rn_fail(error, status, "document %.*s, piece %" PRIu32 ": %.300s",
                          (int)full_name.len, (const char *)full_name.data, number, inner.text);
        }
    }
    struct rn_bytes all = rn_bytes_from(rn_buffer_bytes(out), begin);
    if (status == RN_OK && !rn_sha256_of(&all, 1, digest)) {
        status = rn_fail(error, RN_NOMEM, "no memory to read a document");
    }
    if (status == RN_OK &&
        (all.len != head->bytes || memcmp(digest, head->digest, RN_SHA256_BYTES) != 0)) {
        status = rn_fail(error, RN_DAMAGED,
                         "document %.*s: every piece is sound, but together they are another",
                         (int)full_name.len, (const char *)full_name.data);
    }
    out->len = status == RN_OK ? out->len : begin;
    return status;
}

/* Whether these pieces are nobody's any more: what is missing of a document that was dropped meanwhile is no damage. */
static bool is_gone(struct rn_store *store, const char *kind, const char *name,
                    const struct rn_document_head *before)
{
    struct rn_document_head now;
    enum rn_status status = read_head(store, kind, name, &now, NULL);
    return status == RN_NOTFOUND || (status == RN_OK && !rn_trace_id_equal(&now.id, &before->id));
}

enum rn_status rn_document_get(struct rn_store *store, const char *kind, const char *name,
                               struct rn_buffer *out, struct rn_error *error)
{
    struct rn_document_head head;
    char full_name[RN_HOLDER_BYTES_MAX + 1];
    enum rn_status status = check_name(kind, name, error);
    if (status != RN_OK) {
        return status;
    }
    (void)snprintf(full_name, sizeof full_name, "%s/%s", kind, name);
    bool again = true;
    while (again) {
        status = read_head(store, kind, name, &head, error);
        again = status == RN_OK;
        if (status == RN_OK) {
            status = rn_document_read(store, rn_bytes_text(full_name), &head, out, error);
        }
        again = again && status == RN_DAMAGED && is_gone(store, kind, name, &head);
    }
    return status == RN_NOTFOUND ? fail_absent(store, kind, name, error) : status;
}

/* False stops the walk. */
static bool visit_head(struct rn_store *store, const struct rn_scan_entry *entry, size_t name_at,
                       rn_document_visit *visit, void *self, enum rn_status *damaged,
                       struct rn_error *error)
{
    struct rn_document_head head;
    char name[RN_DOCUMENT_NAME_BYTES_MAX + 1];
    struct rn_error inner = {.text = ""};
    struct rn_bytes full_name = rn_bytes_from(entry->key, RN_DOCUMENT_NAME.len);
    enum rn_status status = rn_document_head_decode(store, full_name, entry->value, &head, &inner);
    if (status != RN_OK) {
        if (*damaged == RN_OK) {
            *damaged = rn_fail(error, status, "%s", inner.text);
        }
        return status != RN_NOMEM;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(entry->key.len - name_at),
                   (const char *)entry->key.data + name_at);
    return visit(self, name, head.bytes);
}

enum rn_status rn_document_each(struct rn_store *store, const char *kind, rn_document_visit *visit,
                                void *self, struct rn_error *error)
{
    uint8_t prefix[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    enum rn_status damaged = RN_OK;
    unsigned count = 1;
    bool goes_on = true;
    enum rn_status status = check_name(kind, "any", error);
    if (status != RN_OK) {
        return status;
    }
    size_t len = rn_key_document(rn_bytes_text(kind), RN_LIT(""), prefix);
    struct rn_scan scan = {
        .store = store, .tree = RN_TREE_DOCUMENT, .prefix = rn_bytes_of(prefix, len)};
    while (status == RN_OK && goes_on && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && goes_on && i < count; i++) {
            goes_on = visit_head(store, &entries[i], len, visit, self, &damaged, error);
        }
        rn_arena_free(&arena);
    }
    return status == RN_OK ? damaged : status;
}

/* --- taking away ---------------------------------------------------------------------------------------------------- */

/* Takes out up to PIECES_PER_COMMIT pieces, and the mark behind the last one. */
static enum rn_status discard_some(struct rn_db_txn *txn, const struct rn_trace_id *id, bool *more)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
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
    enum rn_status status = check_name(kind, name, error);
    status = status == RN_OK ? rn_db_begin(store->db, true, &txn, error) : status;
    if (status != RN_OK) {
        return status;
    }
    size_t len = rn_key_document(rn_bytes_text(kind), rn_bytes_text(name), key);
    status = unname(store, txn, rn_bytes_of(key, len), &id, error);
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status == RN_NOTFOUND ? fail_absent(store, kind, name, error) : status;
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
