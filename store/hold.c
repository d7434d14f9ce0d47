/*
 * Holding traces: two entries per hold, one to ask by trace and one to find all that a holder has. Both are written in one
 * transaction, in which the trace must still be there; so a hold and a drop of the same trace cannot both succeed.
 *
 * Knows nothing of what the holder is. A document and its holds are two things; whoever freezes keeps them together.
 */
#include "hold.h"

#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "store_internal.h"

#define TRACES_PER_COMMIT 1000u

static enum rn_status check_holder(const char *holder, struct rn_error *error)
{
    struct rn_bytes text = rn_bytes_text(holder);
    size_t slash = rn_bytes_find_byte(text, '/');
    bool is_good = slash != RN_NPOS && slash > 0 && slash <= RN_DOCUMENT_KIND_BYTES_MAX &&
                   slash + 1 < text.len && text.len - slash - 1 <= RN_DOCUMENT_NAME_BYTES_MAX;
    for (size_t i = 0; is_good && i < text.len; i++) {
        is_good = text.data[i] >= 0x20 && text.data[i] != 0x7f;
    }
    return is_good
               ? RN_OK
               : rn_fail(error, RN_INVALID, "'%.150s' is no holder: it reads KIND/NAME", holder);
}

/* --- holding -------------------------------------------------------------------------------------------------------- */

static enum rn_status hold_one(struct rn_db_txn *txn, struct rn_bytes holder,
                               const struct rn_trace_id *id, struct rn_error *error)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_bytes summary = {0};
    enum rn_status status =
        rn_db_get(txn, RN_TREE_TRACE, rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES), &summary);
    if (status != RN_OK) {
        char text[33];
        rn_trace_id_text(id, text);
        return rn_fail(error, status, "trace %s cannot be held: %s", text,
                       status == RN_NOTFOUND ? "it is not in the store" : rn_status_name(status));
    }
    status = rn_db_put(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, rn_key_hold(id, holder, key)),
                       RN_LIT(""), error);
    if (status == RN_OK) {
        status = rn_db_put(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, rn_key_held(holder, id, key)),
                           RN_LIT(""), error);
    }
    return status;
}

static enum rn_status hold_some(struct rn_store *store, struct rn_bytes holder,
                                const struct rn_trace_id *ids, size_t count, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_has_room(store->db, error);
    status = status == RN_OK ? rn_db_begin(store->db, true, &txn, error) : status;
    if (status != RN_OK) {
        return status;
    }
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        status = hold_one(txn, holder, &ids[i], error);
    }
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, error);
}

enum rn_status rn_trace_hold(struct rn_store *store, const char *holder,
                             const struct rn_trace_id *ids, size_t count, struct rn_error *error)
{
    enum rn_status status = check_holder(holder, error);
    status = status == RN_OK ? rn_store_catch_up(store, error) : status;
    for (size_t at = 0; status == RN_OK && at < count; at += TRACES_PER_COMMIT) {
        size_t some = count - at < TRACES_PER_COMMIT ? count - at : TRACES_PER_COMMIT;
        status = hold_some(store, rn_bytes_text(holder), ids + at, some, error);
    }
    return status;
}

/* --- releasing ------------------------------------------------------------------------------------------------------ */

/* The traces of a holder, the first of them. RN_NOTFOUND is the end. */
static enum rn_status first_held(struct rn_db_txn *txn, struct rn_bytes prefix,
                                 struct rn_trace_id *out)
{
    struct rn_bytes key = {0};
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_DOCUMENT);
    if (cursor == NULL) {
        return RN_NOMEM;
    }
    enum rn_status status = rn_db_seek(cursor, prefix, &key, NULL);
    if (status == RN_OK && !rn_bytes_starts_with(key, prefix)) {
        status = RN_NOTFOUND;
    }
    if (status == RN_OK && key.len != prefix.len + RN_TRACE_ID_BYTES) {
        status = RN_DAMAGED;
    }
    if (status == RN_OK) {
        memcpy(out->bytes, key.data + prefix.len, RN_TRACE_ID_BYTES);
    }
    rn_db_cursor_free(cursor);
    return status;
}

/* RN_NOTFOUND without a sentence when nothing is left. */
static enum rn_status release_one(struct rn_db_txn *txn, struct rn_bytes holder)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_trace_id id = {{0}};
    size_t len = rn_key_held(holder, &id, key);
    enum rn_status status = first_held(txn, rn_bytes_of(key, len - RN_TRACE_ID_BYTES), &id);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_delete(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, rn_key_held(holder, &id, key)));
    if (status == RN_OK) {
        status =
            rn_db_delete(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, rn_key_hold(&id, holder, key)));
        status = status == RN_NOTFOUND ? RN_OK : status;
    }
    return status;
}

static enum rn_status release_some(struct rn_store *store, struct rn_bytes holder, bool *more,
                                   struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_begin(store->db, true, &txn, error);
    for (unsigned i = 0; status == RN_OK && i < TRACES_PER_COMMIT; i++) {
        status = release_one(txn, holder);
    }
    *more = status == RN_OK;
    if (txn != NULL && (status == RN_OK || status == RN_NOTFOUND)) {
        return rn_db_commit(txn, error);
    }
    if (txn != NULL) {
        rn_db_abort(txn);
        rn_fail(error, status, "cannot release what '%.150s' holds: %s", (const char *)holder.data,
                rn_status_name(status));
    }
    return status;
}

enum rn_status rn_trace_release(struct rn_store *store, const char *holder, struct rn_error *error)
{
    bool more = true;
    enum rn_status status = check_holder(holder, error);
    while (status == RN_OK && more) {
        status = release_some(store, rn_bytes_text(holder), &more, error);
    }
    return status;
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

/* The first holder's name, empty when there is none. */
static enum rn_status holder_of(struct rn_db_txn *txn, const struct rn_trace_id *id,
                                char out[RN_HOLDER_BYTES_MAX + 1])
{
    uint8_t prefix[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_bytes key = {0};
    struct rn_bytes wanted = rn_bytes_of(prefix, rn_key_hold(id, RN_LIT(""), prefix));
    out[0] = '\0';
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_DOCUMENT);
    if (cursor == NULL) {
        return RN_NOMEM;
    }
    enum rn_status status = rn_db_seek(cursor, wanted, &key, NULL);
    if (status == RN_OK && rn_bytes_starts_with(key, wanted)) {
        struct rn_bytes holder = rn_bytes_from(key, wanted.len);
        (void)snprintf(out, RN_HOLDER_BYTES_MAX + 1, "%.*s", (int)holder.len,
                       (const char *)holder.data);
    }
    rn_db_cursor_free(cursor);
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_hold_check(struct rn_db_txn *txn, const struct rn_trace_id *id,
                             struct rn_error *error)
{
    char holder[RN_HOLDER_BYTES_MAX + 1];
    char text[33];
    rn_trace_id_text(id, text);
    enum rn_status status = holder_of(txn, id, holder);
    if (status != RN_OK) {
        return rn_fail(error, status, "cannot tell who holds trace %s: %s", text,
                       rn_status_name(status));
    }
    if (holder[0] != '\0') {
        return rn_fail(error, RN_REFUSED,
                       "trace %s is held by '%s' and stays as it is; drop that first", text,
                       holder);
    }
    return RN_OK;
}

bool rn_trace_is_held(struct rn_store *store, const struct rn_trace_id *id, char *holder)
{
    struct rn_db_txn *txn = NULL;
    char found[RN_HOLDER_BYTES_MAX + 1] = "";
    enum rn_status status = rn_db_begin(store->db, false, &txn, NULL);
    if (status == RN_OK) {
        status = holder_of(txn, id, found);
        rn_db_abort(txn);
    }
    if (status != RN_OK) {
        (void)snprintf(found, sizeof found, "unknown/%s", rn_status_name(status));
    }
    if (holder != NULL) {
        memcpy(holder, found, strlen(found) + 1);
    }
    return found[0] != '\0';
}
