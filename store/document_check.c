/*
 * The tree of documents held against itself: every document whole, every piece somebody's, every hold in both directions and on
 * a trace that is there. What another process puts or takes away meanwhile is looked at again before it is called damage.
 */
#include "document_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "scan.h"

struct check {
    struct rn_store *store;
    rn_document_finding *finding;
    void *self;
    uint64_t documents;
    struct rn_buffer ids; /* of all documents that have a head, 16 bytes each */
    struct rn_error *error;
};

static void __attribute__((format(printf, 2, 3)))
report(struct check *check, const char *format, ...)
{
    char sentence[RN_ERROR_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    check->finding(check->self, sentence);
}

typedef enum rn_status look_at_entry(struct check *check, const struct rn_scan_entry *entry);

static enum rn_status each(struct check *check, struct rn_bytes prefix, bool keys_only,
                           look_at_entry *look)
{
    struct rn_scan scan = {
        .store = check->store, .tree = RN_TREE_DOCUMENT, .prefix = prefix, .keys_only = keys_only};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, check->error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            status = look(check, &entries[i]);
        }
        rn_arena_free(&arena);
    }
    return status;
}

/* Whether two keys stand in the tree, seen at one moment; the second one in `tree`. */
static enum rn_status stand_there(struct check *check, struct rn_bytes first, bool *has_first,
                                  enum rn_tree tree, struct rn_bytes second, bool *has_second)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_begin(check->store->db, false, &txn, check->error);
    if (status != RN_OK) {
        return status;
    }
    *has_first = rn_db_get(txn, RN_TREE_DOCUMENT, first, &value) == RN_OK;
    *has_second = rn_db_get(txn, tree, second, &value) == RN_OK;
    rn_db_abort(txn);
    return RN_OK;
}

/* --- documents ------------------------------------------------------------------------------------------------------ */

static enum rn_status add_id(struct check *check, const struct rn_trace_id *id)
{
    enum rn_status status = rn_buffer_append(&check->ids, id->bytes, RN_TRACE_ID_BYTES);
    return status == RN_OK ? RN_OK : rn_fail(check->error, status, "no memory to verify documents");
}

/* A damaged head still claims its pieces: it is reported, they are not. */
static enum rn_status gather_id(struct check *check, const struct rn_scan_entry *entry)
{
    struct rn_trace_id id;
    if (entry->value.len < RN_FRAME_HEADER_BYTES) {
        return RN_OK;
    }
    memcpy(id.bytes, entry->value.data + 16, RN_TRACE_ID_BYTES);
    return add_id(check, &id);
}

static bool is_gathered(const struct check *check, struct rn_bytes id)
{
    for (size_t i = 0; i < check->ids.len; i += RN_TRACE_ID_BYTES) {
        if (memcmp(check->ids.data + i, id.data, RN_TRACE_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the head is the one that was looked at. */
static enum rn_status is_same_head(struct check *check, const struct rn_scan_entry *entry,
                                   bool *is_same)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_begin(check->store->db, false, &txn, check->error);
    if (status != RN_OK) {
        return status;
    }
    *is_same = rn_db_get(txn, RN_TREE_DOCUMENT, entry->key, &value) == RN_OK &&
               rn_bytes_equal(value, entry->value);
    rn_db_abort(txn);
    return RN_OK;
}

static enum rn_status check_document(struct check *check, const struct rn_scan_entry *entry)
{
    struct rn_document_head head;
    struct rn_buffer content = {0};
    struct rn_error inner = {.text = ""};
    bool is_same = false;
    check->documents++;
    struct rn_bytes full_name = rn_bytes_from(entry->key, RN_DOCUMENT_NAME.len);
    enum rn_status status =
        rn_document_head_decode(check->store, full_name, entry->value, &head, &inner);
    if (status == RN_OK) {
        status = rn_document_read(check->store, full_name, &head, &content, &inner);
    }
    rn_buffer_free(&content);
    if (status == RN_DAMAGED || status == RN_NEWER) {
        status = is_same_head(check, entry, &is_same);
        if (is_same) {
            report(check, "%s", inner.text);
        }
        return status;
    }
    return status == RN_OK ? RN_OK : rn_fail(check->error, status, "%s", inner.text);
}

/* --- pieces --------------------------------------------------------------------------------------------------------- */

static enum rn_status report_orphan(struct check *check, const struct rn_trace_id *id,
                                    struct rn_bytes key)
{
    uint8_t mark[RN_DOCUMENT_KEY_BYTES_MAX];
    char text[33];
    bool is_there = false;
    bool is_marked = false;
    enum rn_status status = stand_there(check, key, &is_there, RN_TREE_DOCUMENT,
                                        rn_bytes_of(mark, rn_key_work(id, mark)), &is_marked);
    if (status != RN_OK || !is_there || is_marked) {
        return status;
    }
    /* It may have become a document since the names were gathered. */
    rn_buffer_clear(&check->ids);
    status = each(check, RN_DOCUMENT_NAME, false, gather_id);
    if (status == RN_OK && !is_gathered(check, rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES))) {
        rn_trace_id_text(id, text);
        report(check, "a piece under %s belongs to no document", text);
        status = add_id(check, id); /* once is enough */
    }
    return status;
}

static enum rn_status check_piece(struct check *check, const struct rn_scan_entry *entry)
{
    struct rn_trace_id id;
    struct rn_bytes id_bytes = rn_bytes_sub(entry->key, RN_DOCUMENT_PIECE.len, RN_TRACE_ID_BYTES);
    if (entry->key.len != RN_DOCUMENT_PIECE.len + RN_TRACE_ID_BYTES + 4) {
        report(check, "a piece of a document has a broken key");
        return RN_OK;
    }
    if (is_gathered(check, id_bytes)) {
        return RN_OK;
    }
    memcpy(id.bytes, id_bytes.data, RN_TRACE_ID_BYTES);
    return report_orphan(check, &id, entry->key);
}

/* --- holds ---------------------------------------------------------------------------------------------------------- */

static enum rn_status check_both(struct check *check, const struct rn_trace_id *id,
                                 struct rn_bytes holder, struct rn_bytes key, struct rn_bytes other)
{
    char text[33];
    bool is_there = false;
    bool has_other = false;
    bool has_trace = false;
    enum rn_status status = stand_there(check, key, &is_there, RN_TREE_DOCUMENT, other, &has_other);
    rn_trace_id_text(id, text);
    if (status == RN_OK && is_there && !has_other) {
        report(check, "trace %s: that '%.*s' holds it stands in one place of two", text,
               (int)holder.len, (const char *)holder.data);
    }
    status = status == RN_OK ? stand_there(check, key, &is_there, RN_TREE_TRACE,
                                           rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES), &has_trace)
                             : status;
    if (status == RN_OK && is_there && !has_trace) {
        report(check, "trace %s is held by '%.*s' and missing", text, (int)holder.len,
               (const char *)holder.data);
    }
    return status;
}

static enum rn_status check_hold(struct check *check, const struct rn_scan_entry *entry)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_trace_id id;
    struct rn_bytes holder = rn_bytes_from(entry->key, RN_DOCUMENT_HOLD.len + RN_TRACE_ID_BYTES);
    if (holder.len == 0 || holder.len > RN_HOLDER_BYTES_MAX) {
        report(check, "an entry among the holds has a broken key");
        return RN_OK;
    }
    memcpy(id.bytes, entry->key.data + RN_DOCUMENT_HOLD.len, RN_TRACE_ID_BYTES);
    return check_both(check, &id, holder, entry->key,
                      rn_bytes_of(key, rn_key_held(holder, &id, key)));
}

static enum rn_status check_held(struct check *check, const struct rn_scan_entry *entry)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_trace_id id;
    size_t front = RN_DOCUMENT_HELD.len;
    size_t tail = RN_TRACE_ID_BYTES + 1;
    if (entry->key.len <= front + tail || entry->key.len > front + tail + RN_HOLDER_BYTES_MAX) {
        report(check, "an entry among the holds has a broken key");
        return RN_OK;
    }
    struct rn_bytes holder = rn_bytes_sub(entry->key, front, entry->key.len - front - tail);
    memcpy(id.bytes, entry->key.data + entry->key.len - RN_TRACE_ID_BYTES, RN_TRACE_ID_BYTES);
    return check_both(check, &id, holder, entry->key,
                      rn_bytes_of(key, rn_key_hold(&id, holder, key)));
}

static enum rn_status check_word(struct check *check, const struct rn_scan_entry *entry)
{
    const struct rn_bytes words[] = {RN_DOCUMENT_NAME, RN_DOCUMENT_PIECE, RN_DOCUMENT_WORK,
                                     RN_DOCUMENT_HOLD, RN_DOCUMENT_HELD};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (rn_bytes_starts_with(entry->key, words[i])) {
            return RN_OK;
        }
    }
    report(check, "an entry among the documents has a broken key");
    return RN_OK;
}

enum rn_status rn_document_check(struct rn_store *store, rn_document_finding *finding, void *self,
                                 uint64_t *documents, struct rn_error *error)
{
    struct check check = {.store = store, .finding = finding, .self = self, .error = error};
    enum rn_status status = each(&check, RN_LIT(""), true, check_word);
    status = status == RN_OK ? each(&check, RN_DOCUMENT_NAME, false, check_document) : status;
    status = status == RN_OK ? each(&check, RN_DOCUMENT_NAME, false, gather_id) : status;
    status = status == RN_OK ? each(&check, RN_DOCUMENT_PIECE, true, check_piece) : status;
    status = status == RN_OK ? each(&check, RN_DOCUMENT_HOLD, true, check_hold) : status;
    status = status == RN_OK ? each(&check, RN_DOCUMENT_HELD, true, check_held) : status;
    *documents = check.documents;
    rn_buffer_free(&check.ids);
    return status;
}
