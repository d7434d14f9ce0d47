/*
 * What the two files that speak to LMDB share: db.c opens and runs transactions, db_tree.c reads and writes within them.
 */
#ifndef RN_STORE_DB_PARTS_H
#define RN_STORE_DB_PARTS_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "db.h"

struct rn_db {
    MDB_env *env;
    MDB_dbi trees[RN_TREE_COUNT];
    bool present[RN_TREE_COUNT];
    char *file;      /* .../data.mdb */
    char *lock_file; /* .../lock.mdb */
    dev_t device;    /* of the directory: what makes it this store and no other */
    ino_t inode;
    struct rn_db *next; /* in the list of what this process has open */

    pthread_mutex_t lock; /* over the three below */
    pthread_cond_t changed;
    unsigned active; /* transactions alive or beginning */
    bool renewing;   /* the map is being replaced: nobody begins */
    atomic_bool failed;
};

struct rn_db_txn {
    struct rn_db *db;
    MDB_txn *txn;
    bool write;
    bool knows_row;
    uint64_t row; /* the last of the log, with knows_row */
};

/* What LMDB's (or the system's) number means to us. */
enum rn_status rn_db_status(int rc);
/* The same with a sentence about this file; `doing` is "read", "write to", ... */
enum rn_status rn_db_fail(const struct rn_db *db, int rc, const char *doing,
                          struct rn_error *error);

#endif
