/*
 * Documents read back: their names, their heads, and all of their bytes, checked. In come names, out come bytes that were put under
 * them, or a sentence. What the bytes mean is the caller's; how they get there is document_write.c's.
 */
#include "document_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "pack.h"
#include "scan.h"

#define HEAD_KEYS 5u
#define NAMES_SHOWN 5u

/* --- names ---------------------------------------------------------------------------------------------------------- */

enum rn_status rn_document_name_check(const char *kind, const char *name, struct rn_error *error)
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

enum rn_status rn_document_fail_absent(struct rn_store *store, const char *kind, const char *name,
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

enum rn_status rn_document_head_encode(struct rn_bytes kind, struct rn_bytes name,
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

enum rn_status rn_document_value(struct rn_store *store, struct rn_bytes key, struct rn_buffer *out,
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
    enum rn_status status = rn_document_value(store, rn_bytes_of(key, len), &value, error);
    if (status == RN_OK) {
        status = rn_document_head_decode(store,
                                         rn_bytes_from(rn_bytes_of(key, len), RN_DOCUMENT_NAME.len),
                                         rn_buffer_bytes(&value), out, error);
    }
    rn_buffer_free(&value);
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
    enum rn_status status = rn_document_value(store, rn_bytes_of(key, len), &value, error);
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
    enum rn_status status = rn_document_name_check(kind, name, error);
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
    return status == RN_NOTFOUND ? rn_document_fail_absent(store, kind, name, error) : status;
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
    enum rn_status status = rn_document_name_check(kind, "any", error);
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
