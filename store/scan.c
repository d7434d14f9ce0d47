/*
 * Walking a tree without holding a transaction: a page of entries is copied out, the transaction ends, and the next page
 * begins behind the last key given. What is added or removed meanwhile may or may not be seen; nothing is seen twice.
 */
#include "scan.h"

#include <assert.h>
#include <string.h>

/* Longer than any key that begins with a prefix of ours goes on, and greater than all of them. */
#define BEYOND_BYTES 48u

static enum rn_status first_forward(struct rn_scan *scan, struct rn_db_cursor *cursor,
                                    struct rn_bytes *key, struct rn_bytes *value)
{
    static const uint8_t least[1] = {0};
    struct rn_bytes from = scan->prefix.len > 0 ? scan->prefix : rn_bytes_of(least, 1);
    if (scan->from.len > 0) {
        from = scan->from;
    }
    if (!scan->started) {
        return rn_db_seek(cursor, from, key, value);
    }
    scan->at[scan->at_len] = 0; /* the least key behind the last one */
    return rn_db_seek(cursor, rn_bytes_of(scan->at, scan->at_len + 1), key, value);
}

static enum rn_status first_backward(struct rn_scan *scan, struct rn_db_cursor *cursor,
                                     struct rn_bytes *key, struct rn_bytes *value)
{
    uint8_t beyond[256 + BEYOND_BYTES];
    struct rn_bytes from = rn_bytes_of(scan->at, scan->at_len);
    if (!scan->started && scan->from.len > 0) {
        from = scan->from;
    } else if (!scan->started) {
        assert(scan->prefix.len <= 256);
        if (scan->prefix.len > 0) {
            memcpy(beyond, scan->prefix.data, scan->prefix.len);
        }
        memset(beyond + scan->prefix.len, 0xff, BEYOND_BYTES);
        from = rn_bytes_of(beyond, scan->prefix.len + BEYOND_BYTES);
    }
    enum rn_status status = rn_db_seek(cursor, from, key, value);
    if (status == RN_OK) {
        return rn_db_previous(cursor, key, value);
    }
    return status == RN_NOTFOUND ? rn_db_last(cursor, key, value) : status;
}

static enum rn_status copy_entry(struct rn_scan *scan, struct rn_db_txn *txn,
                                 struct rn_arena *arena, struct rn_bytes key, struct rn_bytes value,
                                 struct rn_scan_entry *out)
{
    out->key = rn_arena_copy(arena, key);
    out->value = rn_arena_copy(arena, scan->keys_only ? RN_LIT("") : value);
    out->summary = RN_LIT("");
    if (out->key.data == NULL || out->value.data == NULL) {
        return RN_NOMEM;
    }
    if (key.len + 1 > sizeof scan->at) {
        return RN_DAMAGED;
    }
    memcpy(scan->at, key.data, key.len);
    scan->at_len = key.len;
    if (!scan->with_summaries || key.len < RN_TRACE_ID_BYTES) {
        return RN_OK;
    }
    struct rn_bytes id = rn_bytes_from(out->key, key.len - RN_TRACE_ID_BYTES);
    struct rn_bytes summary = {0};
    enum rn_status status = rn_db_get(txn, RN_TREE_TRACE, id, &summary);
    if (status == RN_OK) {
        out->summary = rn_arena_copy(arena, summary);
        status = out->summary.data == NULL ? RN_NOMEM : RN_OK;
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

static enum rn_status copy_page(struct rn_scan *scan, struct rn_db_txn *txn, struct rn_arena *arena,
                                struct rn_scan_entry *out, unsigned *count)
{
    struct rn_bytes key = {0};
    struct rn_bytes value = {0};
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, scan->tree);
    if (cursor == NULL) {
        return RN_NOMEM;
    }
    enum rn_status status = scan->backwards ? first_backward(scan, cursor, &key, &value)
                                            : first_forward(scan, cursor, &key, &value);
    while (status == RN_OK && *count < RN_SCAN_ENTRIES_MAX &&
           rn_bytes_starts_with(key, scan->prefix)) {
        status = copy_entry(scan, txn, arena, key, value, &out[*count]);
        if (status != RN_OK) {
            break;
        }
        (*count)++;
        status = scan->backwards ? rn_db_previous(cursor, &key, &value)
                                 : rn_db_next(cursor, &key, &value);
    }
    rn_db_cursor_free(cursor);
    scan->started = true;
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_scan_next(struct rn_scan *scan, struct rn_arena *arena,
                            struct rn_scan_entry out[RN_SCAN_ENTRIES_MAX], unsigned *count,
                            struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    *count = 0;
    if (scan->started && scan->at_len == 0) {
        return RN_OK; /* the first page was empty already */
    }
    enum rn_status status = rn_db_begin(scan->store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = copy_page(scan, txn, arena, out, count);
    rn_db_abort(txn);
    return status == RN_OK
               ? RN_OK
               : rn_fail(error, status, "cannot walk the indexes of %s", scan->store->path);
}
