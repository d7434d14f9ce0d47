/*
 * LMDB behind our own words: one environment, its named trees, transactions, cursors. Only db.c and db_tree.c include lmdb.h.
 * Private to store/. Pitfalls of 0.9.24: storage.md 3.5.
 *
 * Values read are lent until the transaction ends or (write transactions) until the next write; they are not aligned.
 * Any thread may begin transactions; one transaction belongs to one thread, and a thread holds at most one at a time (when
 * another process has grown the file beyond our map, the map is renewed once no transaction is left). Cursors are freed
 * before their transaction ends. Read transactions are short: copy out, end, then decode.
 */
#ifndef RN_STORE_DB_H
#define RN_STORE_DB_H

#include "base/bytes.h"
#include "base/status.h"

enum rn_tree {
    RN_TREE_META,    /* name -> bytes: "format", "watermark", ... */
    RN_TREE_LOG,     /* u64 row, big-endian, rising (MDB_APPEND) -> frame */
    RN_TREE_TRACE,   /* trace id -> msgpack summary */
    RN_TREE_TIME,    /* u64 start wall ns, trace id -> nothing */
    RN_TREE_EVENT,   /* trace id, class, n, part, kind -> u64 row */
    RN_TREE_SUFFIX,  /* trace id with its hex digits reversed -> nothing */
    RN_TREE_NAME,    /* name, 0, u64 start, trace id -> flags (alias or name) */
    RN_TREE_SESSION, /* session id, u64 start, trace id -> nothing */
    RN_TREE_ID,      /* foreign id (at most 200 bytes), 0, trace id -> u32 event */
    RN_TREE_DOCUMENT, /* documents and holds (keys.h); a store of an earlier build lacks it, and what follows */
    RN_TREE_FACTS,    /* trace id, n -> what the reading of event n amounts to (facts_row.h) */
    RN_TREE_POSTING,  /* term, 0, u64 start, trace id -> nothing (posting.h) */
    RN_TREE_COUNT
};
/* The trees that every store has; those behind them came later and are empty where they are missing. */
#define RN_TREE_REQUIRED RN_TREE_DOCUMENT

struct rn_db;
struct rn_db_txn;
struct rn_db_cursor;

/*
 * Creates data.mdb in `directory` when `create`; an empty one gets all trees at once. FD_CLOEXEC on its descriptors. Default
 * durability, never NOSYNC and kin. RN_NOTFOUND: nothing there and not `create`; RN_REFUSED: an LMDB file of somebody else;
 * RN_DAMAGED: truncated or overwritten; RN_NEWER; RN_BUSY: this process has it open already.
 */
enum rn_status rn_db_open(const char *directory, bool create, struct rn_db **out, struct rn_error *error);
void rn_db_close(struct rn_db *db);
uint64_t rn_db_file_bytes(const struct rn_db *db);
/* The data file's path, lent until the close. */
const char *rn_db_file(const struct rn_db *db);
/* The first tree that every store has and the file lacks, or NULL. Only RN_TREE_META is there for certain. */
const char *rn_db_missing_tree(const struct rn_db *db);
/*
 * Adds the trees that came later. Before any other transaction of this process; for a file that is known to be ours. Where it
 * fails (RN_FULL, RN_IO) they stay empty and refuse what is put into them.
 */
enum rn_status rn_db_add_trees(struct rn_db *db, struct rn_error *error);

/*
 * RN_FULL with a sentence when fewer than RN_DISK_FREE_BYTES_MIN are free. Asked before anything new is taken into the log;
 * indexes and the closing of what a dead recorder left may use what is kept free, so that a full store can still be read.
 */
enum rn_status rn_db_has_room(const struct rn_db *db, struct rn_error *error);

/* A write transaction waits for the writer of another process. */
enum rn_status rn_db_begin(struct rn_db *db, bool write, struct rn_db_txn **out, struct rn_error *error);
/*
 * Commits and frees, also when it fails (the batch must be redone from memory). RN_FULL, RN_IO. After a failed sync every
 * later write is refused: what the kernel kept of the failed one is unknown.
 */
enum rn_status rn_db_commit(struct rn_db_txn *txn, struct rn_error *error);
void rn_db_abort(struct rn_db_txn *txn);

/* RN_NOTFOUND without a sentence. */
enum rn_status rn_db_get(struct rn_db_txn *txn, enum rn_tree tree, struct rn_bytes key, struct rn_bytes *value);
enum rn_status rn_db_put(struct rn_db_txn *txn, enum rn_tree tree, struct rn_bytes key,
                         struct rn_bytes value, struct rn_error *error);
/* At the end of the log: the next row number is given. */
enum rn_status rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row, struct rn_error *error);
/* RN_NOTFOUND without a sentence. Not for rows of the log. */
enum rn_status rn_db_delete(struct rn_db_txn *txn, enum rn_tree tree, struct rn_bytes key);
/*
 * Takes a row out of the log. The last one leaves an empty value behind, so that its number is not given again. RN_OK also
 * when it is gone already.
 */
enum rn_status rn_db_take_row(struct rn_db_txn *txn, uint64_t row, struct rn_error *error);
/* Takes every entry out of a tree that can be made again. */
enum rn_status rn_db_empty(struct rn_db_txn *txn, enum rn_tree tree, struct rn_error *error);
/* The last row of the log, 0 when it is empty. */
enum rn_status rn_db_last_row(struct rn_db_txn *txn, uint64_t *row);
enum rn_status rn_db_entries(struct rn_db_txn *txn, enum rn_tree tree, uint64_t *count);

/* NULL when memory ran out. */
struct rn_db_cursor *rn_db_cursor_new(struct rn_db_txn *txn, enum rn_tree tree);
/* The first entry with a key >= `key`; then next and previous. RN_NOTFOUND at either end. */
enum rn_status rn_db_seek(struct rn_db_cursor *cursor, struct rn_bytes key, struct rn_bytes *found,
                          struct rn_bytes *value);
enum rn_status rn_db_last(struct rn_db_cursor *cursor, struct rn_bytes *found, struct rn_bytes *value);
enum rn_status rn_db_next(struct rn_db_cursor *cursor, struct rn_bytes *found, struct rn_bytes *value);
enum rn_status rn_db_previous(struct rn_db_cursor *cursor, struct rn_bytes *found, struct rn_bytes *value);
void rn_db_cursor_free(struct rn_db_cursor *cursor);

#endif
