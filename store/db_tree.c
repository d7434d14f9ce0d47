/*
 * Reading and writing within a transaction: gets, puts, rows of the log, cursors. In come keys and values, out come statuses
 * and bytes that are lent until the transaction ends. What a key means is keys.c's.
 */
#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "db_parts.h"

struct rn_db_cursor {
    MDB_cursor *cursor;
};

/* --- keys and values ------------------------------------------------------------------------------------------------ */

static MDB_val val_of(struct rn_bytes bytes)
{
    MDB_val val = {.mv_size = bytes.len, .mv_data = (void *)(uintptr_t)bytes.data};
    return val;
}

static void lend(struct rn_bytes *out, const MDB_val *val)
{
    if (out != NULL) {
        *out = rn_bytes_of(val->mv_data, val->mv_size);
    }
}

enum rn_status rn_db_get(struct rn_db_txn *txn, enum rn_tree tree, struct rn_bytes key,
                         struct rn_bytes *value)
{
    assert(key.len > 0);
    if (!txn->db->present[tree]) {
        return RN_NOTFOUND;
    }
    MDB_val name = val_of(key);
    MDB_val found = {0};
    int rc = mdb_get(txn->txn, txn->db->trees[tree], &name, &found);
    if (rc == 0) {
        lend(value, &found);
    }
    return rn_db_status(rc);
}

enum rn_status rn_db_put(struct rn_db_txn *txn, enum rn_tree tree, struct rn_bytes key,
                         struct rn_bytes value, struct rn_error *error)
{
    assert(txn->write && key.len > 0);
    if (!txn->db->present[tree]) {
        return rn_fail(error, RN_REFUSED,
                       "%s could not be given what this reenact adds to it; close it and try again",
                       txn->db->file);
    }
    MDB_val name = val_of(key);
    MDB_val content = val_of(value);
    int rc = mdb_put(txn->txn, txn->db->trees[tree], &name, &content, 0);
    return rc == 0 ? RN_OK : rn_db_fail(txn->db, rc, "write to", error);
}

static uint64_t row_of(const uint8_t *bytes)
{
    uint64_t row = 0;
    for (size_t i = 0; i < 8; i++) {
        row = row << 8 | bytes[i];
    }
    return row;
}

static void key_of(uint64_t row, uint8_t out[8])
{
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(row >> (56 - 8 * i));
    }
}

enum rn_status rn_db_last_row(struct rn_db_txn *txn, uint64_t *row)
{
    MDB_cursor *cursor = NULL;
    MDB_val key = {0};
    if (txn->knows_row) {
        *row = txn->row;
        return RN_OK;
    }
    int rc = mdb_cursor_open(txn->txn, txn->db->trees[RN_TREE_LOG], &cursor);
    if (rc != 0) {
        return rn_db_status(rc);
    }
    rc = mdb_cursor_get(cursor, &key, NULL, MDB_LAST);
    if (rc == 0 && key.mv_size != 8) {
        rc = MDB_CORRUPTED;
    }
    if (rc == 0 || rc == MDB_NOTFOUND) {
        txn->row = rc == 0 ? row_of(key.mv_data) : 0;
        txn->knows_row = true;
        *row = txn->row;
        rc = 0;
    }
    mdb_cursor_close(cursor);
    return rn_db_status(rc);
}

enum rn_status rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                            struct rn_error *error)
{
    assert(txn->write);
    uint64_t last = 0;
    uint8_t key[8];
    enum rn_status status = rn_db_last_row(txn, &last);
    if (status != RN_OK) {
        return rn_fail(error, status, "cannot find the end of the log in %s", txn->db->file);
    }
    last++;
    key_of(last, key);
    MDB_val name = {.mv_size = sizeof key, .mv_data = key};
    MDB_val content = val_of(frame);
    int rc = mdb_put(txn->txn, txn->db->trees[RN_TREE_LOG], &name, &content, MDB_APPEND);
    if (rc != 0) {
        return rn_db_fail(txn->db, rc, "write to", error);
    }
    txn->row = last;
    if (row != NULL) {
        *row = last;
    }
    return RN_OK;
}

enum rn_status rn_db_delete(struct rn_db_txn *txn, enum rn_tree tree, struct rn_bytes key)
{
    assert(txn->write && key.len > 0 && tree != RN_TREE_LOG);
    if (!txn->db->present[tree]) {
        return RN_NOTFOUND;
    }
    MDB_val name = val_of(key);
    return rn_db_status(mdb_del(txn->txn, txn->db->trees[tree], &name, NULL));
}

enum rn_status rn_db_take_row(struct rn_db_txn *txn, uint64_t row, struct rn_error *error)
{
    assert(txn->write && row > 0);
    uint64_t last = 0;
    uint8_t key[8];
    enum rn_status status = rn_db_last_row(txn, &last);
    if (status != RN_OK) {
        return rn_fail(error, status, "cannot find the end of the log in %s", txn->db->file);
    }
    key_of(row, key);
    if (row == last) {
        return rn_db_put(txn, RN_TREE_LOG, rn_bytes_of(key, sizeof key), RN_LIT(""), error);
    }
    MDB_val name = {.mv_size = sizeof key, .mv_data = key};
    int rc = mdb_del(txn->txn, txn->db->trees[RN_TREE_LOG], &name, NULL);
    return rc == 0 || rc == MDB_NOTFOUND ? RN_OK : rn_db_fail(txn->db, rc, "write to", error);
}

enum rn_status rn_db_empty(struct rn_db_txn *txn, enum rn_tree tree, struct rn_error *error)
{
    assert(txn->write && tree >= RN_TREE_REQUIRED);
    int rc = txn->db->present[tree] ? mdb_drop(txn->txn, txn->db->trees[tree], 0) : 0;
    return rc == 0 ? RN_OK : rn_db_fail(txn->db, rc, "write to", error);
}

enum rn_status rn_db_entries(struct rn_db_txn *txn, enum rn_tree tree, uint64_t *count)
{
    MDB_stat about = {0};
    int rc = txn->db->present[tree] ? mdb_stat(txn->txn, txn->db->trees[tree], &about) : 0;
    *count = about.ms_entries;
    return rn_db_status(rc);
}

/* --- cursors -------------------------------------------------------------------------------------------------------- */

struct rn_db_cursor *rn_db_cursor_new(struct rn_db_txn *txn, enum rn_tree tree)
{
    struct rn_db_cursor *cursor = rn_calloc(1, sizeof *cursor);
    bool is_there = txn->db->present[tree];
    if (cursor != NULL && is_there &&
        mdb_cursor_open(txn->txn, txn->db->trees[tree], &cursor->cursor) != 0) {
        rn_free(cursor);
        return NULL;
    }
    return cursor;
}

static enum rn_status cursor_move(struct rn_db_cursor *cursor, MDB_cursor_op move,
                                  struct rn_bytes from, struct rn_bytes *found,
                                  struct rn_bytes *value)
{
    if (cursor->cursor == NULL) { /* over a tree that is not there */
        return RN_NOTFOUND;
    }
    MDB_val key = val_of(from);
    MDB_val content = {0};
    int rc = mdb_cursor_get(cursor->cursor, &key, &content, move);
    if (rc == 0) {
        lend(found, &key);
        lend(value, &content);
    }
    return rn_db_status(rc);
}

enum rn_status rn_db_seek(struct rn_db_cursor *cursor, struct rn_bytes key, struct rn_bytes *found,
                          struct rn_bytes *value)
{
    assert(key.len > 0);
    return cursor_move(cursor, MDB_SET_RANGE, key, found, value);
}

enum rn_status rn_db_last(struct rn_db_cursor *cursor, struct rn_bytes *found,
                          struct rn_bytes *value)
{
    return cursor_move(cursor, MDB_LAST, RN_LIT(""), found, value);
}

enum rn_status rn_db_next(struct rn_db_cursor *cursor, struct rn_bytes *found,
                          struct rn_bytes *value)
{
    return cursor_move(cursor, MDB_NEXT, RN_LIT(""), found, value);
}

enum rn_status rn_db_previous(struct rn_db_cursor *cursor, struct rn_bytes *found,
                              struct rn_bytes *value)
{
    return cursor_move(cursor, MDB_PREV, RN_LIT(""), found, value);
}

void rn_db_cursor_free(struct rn_db_cursor *cursor)
{
    if (cursor != NULL) {
        if (cursor->cursor != NULL) {
            mdb_cursor_close(cursor->cursor);
        }
        rn_free(cursor);
    }
}
