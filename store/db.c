/*
 * LMDB behind our own words: opening a file and running transactions on it. Keys and values within them are db_tree.c's.
 *
 * Keeps what LMDB asks of its callers: one environment per file and process, a map that never has to grow, no resizing
 * while a transaction lives, descriptors closed on exec, a commit that frees in any case. Knows nothing of frames or traces.
 */
#include "db_parts.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "db_file.h"
#include "db_fresh.h"

#define READERS_MAX 512u
#define TREES_MAX 32u /* room for the trees of later versions */
#define BEGIN_ATTEMPTS 4u

static const char *const tree_names[RN_TREE_COUNT] = {
    [RN_TREE_META] = "meta",         [RN_TREE_LOG] = "log",         [RN_TREE_TRACE] = "trace",
    [RN_TREE_TIME] = "time",         [RN_TREE_EVENT] = "event",     [RN_TREE_SUFFIX] = "suffix",
    [RN_TREE_NAME] = "name",         [RN_TREE_SESSION] = "session", [RN_TREE_ID] = "id",
    [RN_TREE_DOCUMENT] = "document", [RN_TREE_FACTS] = "facts",     [RN_TREE_POSTING] = "posting",
};

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rn_db *open_list;

/* --- what went wrong ------------------------------------------------------------------------------------------------ */

static uint64_t disk_free_bytes(const struct rn_db *db)
{
    struct statvfs disk;
    if (statvfs(db->file, &disk) != 0) {
        return UINT64_MAX;
    }
    return (uint64_t)disk.f_bavail * disk.f_frsize;
}

uint64_t rn_db_file_bytes(const struct rn_db *db)
{
    struct stat found;
    return stat(db->file, &found) == 0 ? (uint64_t)found.st_size : 0;
}

enum rn_status rn_db_status(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return RN_OK;
    case MDB_NOTFOUND:
        return RN_NOTFOUND;
    case ENOMEM:
        return RN_NOMEM;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case MDB_MAP_FULL:
        return RN_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PAGE_FULL:
    case MDB_CURSOR_FULL:
        return RN_DAMAGED;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case EACCES:
    case EPERM:
    case EROFS:
        return RN_REFUSED;
    case MDB_READERS_FULL:
    case EAGAIN:
        return RN_BUSY;
    default:
        return RN_IO;
    }
}

enum rn_status rn_db_fail(const struct rn_db *db, int rc, const char *doing, struct rn_error *error)
{
    enum rn_status status = rn_db_status(rc);
    MDB_envinfo info = {0};
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return rn_fail(error, status,
                       "cannot %s %s: %s (it has %" PRIu64 " bytes, %" PRIu64
                       " are free on its disk); make room and try again",
                       doing, db->file, strerror(rc), rn_db_file_bytes(db), disk_free_bytes(db));
    case MDB_MAP_FULL:
        (void)mdb_env_info(db->env, &info);
        return rn_fail(error, status,
                       "cannot %s %s: it fills its map of %zu bytes (%" PRIu64
                       " bytes are free on its disk); raise the limit on address space (ulimit -v)",
                       doing, db->file, info.me_mapsize, disk_free_bytes(db));
    case MDB_READERS_FULL:
        return rn_fail(error, status,
                       "cannot %s %s: %u readers are at work; try again when some have ended",
                       doing, db->file, READERS_MAX);
    case MDB_VERSION_MISMATCH:
        return rn_fail(
            error, status,
            "cannot %s %s: a running program with another version of LMDB holds %s; end it first",
            doing, db->file, db->lock_file);
    default:
        return rn_fail(error, status, "cannot %s %s: %s", doing, db->file, mdb_strerror(rc));
    }
}

enum rn_status rn_db_has_room(const struct rn_db *db, struct rn_error *error)
{
    uint64_t left = disk_free_bytes(db);
    if (left < RN_DISK_FREE_BYTES_MIN) {
        return rn_fail(error, RN_FULL,
                       "%s takes nothing more: %" PRIu64 " bytes are free on its disk, and %" PRIu64
                       " are kept free (it has %" PRIu64 " bytes); make room and try again",
                       db->file, left, RN_DISK_FREE_BYTES_MIN, rn_db_file_bytes(db));
    }
    return RN_OK;
}

/* --- opening -------------------------------------------------------------------------------------------------------- */

/* LMDB must not be opened twice in one process: closing one would drop the locks of the other. */
static bool list_enter(struct rn_db *db)
{
    bool is_free = true;
    pthread_mutex_lock(&open_lock);
    for (const struct rn_db *other = open_list; other != NULL; other = other->next) {
        is_free = is_free && (other->device != db->device || other->inode != db->inode);
    }
    if (is_free) {
        db->next = open_list;
        open_list = db;
    }
    pthread_mutex_unlock(&open_lock);
    return is_free;
}

static void list_leave(const struct rn_db *db)
{
    pthread_mutex_lock(&open_lock);
    for (struct rn_db **at = &open_list; *at != NULL; at = &(*at)->next) {
        if (*at == db) {
            *at = db->next;
            break;
        }
    }
    pthread_mutex_unlock(&open_lock);
}

/* As much as the address space allows, so that the map never has to grow under a running transaction. */
static uint64_t map_bytes(void)
{
    struct rlimit limit;
    uint64_t bytes = RN_MAP_BYTES_MAX;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur / 2 < bytes) {
        bytes = limit.rlim_cur / 2;
    }
    bytes &= ~(uint64_t)0xffff;
    return bytes < RN_MAP_BYTES_MIN ? RN_MAP_BYTES_MIN : bytes;
}

static int env_open_with(struct rn_db *db, const char *directory, uint64_t bytes)
{
    int rc = mdb_env_create(&db->env);
    if (rc != 0) {
        return rc;
    }
    rc = mdb_env_set_mapsize(db->env, bytes);
    rc = rc != 0 ? rc : mdb_env_set_maxreaders(db->env, READERS_MAX);
    rc = rc != 0 ? rc : mdb_env_set_maxdbs(db->env, TREES_MAX);
    rc = rc != 0 ? rc : mdb_env_open(db->env, directory, MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (rc != 0) {
        mdb_env_close(db->env);
        db->env = NULL;
    }
    return rc;
}

static enum rn_status env_open(struct rn_db *db, const char *directory, struct rn_error *error)
{
    uint64_t bytes = map_bytes();
    int rc = env_open_with(db, directory, bytes);
    while (rc == ENOMEM && bytes / 2 >= RN_MAP_BYTES_MIN) {
        bytes /= 2;
        rc = env_open_with(db, directory, bytes);
    }
    return rc == 0 ? RN_OK : rn_db_fail(db, rc, "open", error);
}

static void close_on_exec(int descriptor, const struct stat *data, const struct stat *lock)
{
    struct stat found;
    if (fstat(descriptor, &found) != 0) {
        return;
    }
    if ((found.st_dev == data->st_dev && found.st_ino == data->st_ino) ||
        (found.st_dev == lock->st_dev && found.st_ino == lock->st_ino)) {
        (void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
}

/* LMDB tells only one of its descriptors, and that one it leaves open across exec: all are found by what they point at. */
static void env_close_on_exec(const struct rn_db *db)
{
    struct stat data = {0};
    struct stat lock = {0};
    if (stat(db->file, &data) != 0 || stat(db->lock_file, &lock) != 0) {
        return;
    }
    int own = -1;
    if (mdb_env_get_fd(db->env, &own) == 0) {
        (void)fcntl(own, F_SETFD, FD_CLOEXEC);
    }
    DIR *descriptors = opendir("/dev/fd");
    if (descriptors == NULL) {
        return;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(descriptors)) != NULL) {
        char *end = NULL;
        long number = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '\0') {
            close_on_exec((int)number, &data, &lock);
        }
    }
    (void)closedir(descriptors);
}

static int trees_create(struct rn_db *db, MDB_txn *txn)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < RN_TREE_COUNT; i++) {
        rc = db->present[i] ? 0 : mdb_dbi_open(txn, tree_names[i], MDB_CREATE, &db->trees[i]);
        db->present[i] = rc == 0;
    }
    return rc;
}

static int trees_find(struct rn_db *db, MDB_txn *txn, bool *is_empty)
{
    MDB_dbi names = 0;
    MDB_stat about = {0};
    int rc = mdb_dbi_open(txn, NULL, 0, &names);
    rc = rc != 0 ? rc : mdb_stat(txn, names, &about);
    *is_empty = rc == 0 && about.ms_entries == 0;
    for (size_t i = 0; rc == 0 && i < RN_TREE_COUNT; i++) {
        rc = mdb_dbi_open(txn, tree_names[i], 0, &db->trees[i]);
        db->present[i] = rc == 0;
        rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    return rc;
}

/* Handles opened in a transaction become everybody's only when it commits, also when it only reads. */
static int trees_with(struct rn_db *db, bool write, bool *is_empty)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &txn);
    if (rc != 0) {
        return rc;
    }
    rc = trees_find(db, txn, is_empty);
    if (rc == 0 && *is_empty && write) {
        rc = trees_create(db, txn);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

static enum rn_status trees_open(struct rn_db *db, bool create, struct rn_error *error)
{
    bool is_empty = false;
    int rc = trees_with(db, false, &is_empty);
    if (rc != 0) {
        return rn_db_fail(db, rc, "read", error);
    }
    if (is_empty && !create) {
        return rn_fail(error, RN_NOTFOUND, "%s holds no store yet", db->file);
    }
    if (is_empty) {
        enum rn_status status = rn_db_has_room(db, error);
        if (status != RN_OK) {
            return status;
        }
        rc = trees_with(db, true, &is_empty);
    }
    if (rc != 0) {
        return rn_db_fail(db, rc, "create", error);
    }
    if (!db->present[RN_TREE_META]) {
        return rn_fail(error, RN_REFUSED, "%s is the LMDB file of another program", db->file);
    }
    return RN_OK;
}

static struct rn_db *db_new(const char *directory)
{
    char path[PATH_MAX];
    struct rn_db *db = rn_calloc(1, sizeof *db);
    if (db == NULL) {
        return NULL;
    }
    (void)snprintf(path, sizeof path, "%s/data.mdb", directory);
    db->file = rn_dup_text(path);
    (void)snprintf(path, sizeof path, "%s/lock.mdb", directory);
    db->lock_file = rn_dup_text(path);
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->changed, NULL);
    return db;
}

static void db_free(struct rn_db *db)
{
    pthread_cond_destroy(&db->changed);
    pthread_mutex_destroy(&db->lock);
    rn_free(db->file);
    rn_free(db->lock_file);
    rn_free(db);
}

static enum rn_status open_checked(struct rn_db *db, const char *directory, bool create,
                                   struct rn_error *error)
{
    bool is_new = false;
    int dead = 0;
    enum rn_status status = rn_db_file_check(db->file, &is_new, error);
    if (status == RN_DAMAGED && rn_db_fresh_empty(db->file, db->lock_file)) {
        status = rn_db_file_check(db->file, &is_new, error);
    }
    if (status != RN_OK) {
        return status;
    }
    if (is_new && !create) {
        return rn_fail(error, RN_NOTFOUND, "there is no store in %s", directory);
    }
    status = env_open(db, directory, error);
    if (status != RN_OK) {
        return status;
    }
    env_close_on_exec(db);
    (void)mdb_reader_check(db->env, &dead);
    status = trees_open(db, create, error);
    if (status != RN_OK) {
        mdb_env_close(db->env);
    }
    return status;
}

enum rn_status rn_db_open(const char *directory, bool create, struct rn_db **out,
                          struct rn_error *error)
{
    *out = NULL;
    struct stat found;
    if (strlen(directory) + sizeof "/data.mdb" > PATH_MAX) {
        return rn_fail(error, RN_LIMIT, "the path %.100s... is too long", directory);
    }
    if (stat(directory, &found) != 0) {
        return rn_fail(error, errno == ENOENT ? RN_NOTFOUND : RN_IO, "cannot open %s: %s",
                       directory, strerror(errno));
    }
    struct rn_db *db = db_new(directory);
    if (db == NULL || db->file == NULL || db->lock_file == NULL) {
        if (db != NULL) {
            db_free(db);
        }
        return rn_fail(error, RN_NOMEM, "no memory to open %s", directory);
    }
    db->device = found.st_dev;
    db->inode = found.st_ino;
    if (!list_enter(db)) {
        db_free(db);
        return rn_fail(error, RN_BUSY, "%s is open in this process already", directory);
    }
    enum rn_status status = open_checked(db, directory, create, error);
    if (status != RN_OK) {
        list_leave(db);
        db_free(db);
        return status;
    }
    *out = db;
    return RN_OK;
}

void rn_db_close(struct rn_db *db)
{
    if (db == NULL) {
        return;
    }
    assert(db->active == 0);
    mdb_env_close(db->env);
    list_leave(db);
    db_free(db);
}

const char *rn_db_file(const struct rn_db *db)
{
    return db->file;
}

const char *rn_db_missing_tree(const struct rn_db *db)
{
    for (size_t i = 0; i < RN_TREE_REQUIRED; i++) {
        if (!db->present[i]) {
            return tree_names[i];
        }
    }
    return NULL;
}

/* --- transactions --------------------------------------------------------------------------------------------------- */

static void gate_enter(struct rn_db *db)
{
    pthread_mutex_lock(&db->lock);
    while (db->renewing) {
        pthread_cond_wait(&db->changed, &db->lock);
    }
    db->active++;
    pthread_mutex_unlock(&db->lock);
}

static void gate_leave(struct rn_db *db)
{
    pthread_mutex_lock(&db->lock);
    assert(db->active > 0);
    db->active--;
    pthread_cond_broadcast(&db->changed);
    pthread_mutex_unlock(&db->lock);
}

/*
 * Another process has grown the file beyond our map. Called inside the gate. mdb_env_set_mapsize(0) would take the other's
 * size, which our address space may not hold, so ours is chosen: double of what is in use.
 */
static int map_renew(struct rn_db *db)
{
    int rc = 0;
    MDB_envinfo info = {0};
    MDB_stat about = {0};
    pthread_mutex_lock(&db->lock);
    if (db->renewing) { /* somebody else is at it: step out and wait */
        db->active--;
        pthread_cond_broadcast(&db->changed);
        while (db->renewing) {
            pthread_cond_wait(&db->changed, &db->lock);
        }
        db->active++;
        pthread_mutex_unlock(&db->lock);
        return 0;
    }
    db->renewing = true;
    while (db->active > 1) {
        pthread_cond_wait(&db->changed, &db->lock);
    }
    (void)mdb_env_info(db->env, &info);
    (void)mdb_env_stat(db->env, &about);
    uint64_t used = ((uint64_t)info.me_last_pgno + 1) * about.ms_psize;
    uint64_t wanted = used * 2 > map_bytes() ? used * 2 : map_bytes();
    rc = used > info.me_mapsize ? mdb_env_set_mapsize(db->env, wanted) : 0;
    if (rc != 0) { /* LMDB has unmapped the old one: nothing can be read any more */
        atomic_store(&db->failed, true);
    }
    db->renewing = false;
    pthread_cond_broadcast(&db->changed);
    pthread_mutex_unlock(&db->lock);
    return rc;
}

static int begin_again(struct rn_db *db, int rc)
{
    int dead = 0;
    if (rc == MDB_MAP_RESIZED) {
        return map_renew(db);
    }
    if (rc == MDB_READERS_FULL) {
        rc = mdb_reader_check(db->env, &dead);
        return rc == 0 && dead == 0 ? MDB_READERS_FULL : rc;
    }
    return rc;
}

enum rn_status rn_db_begin(struct rn_db *db, bool write, struct rn_db_txn **out,
                           struct rn_error *error)
{
    *out = NULL;
    if (atomic_load(&db->failed)) {
        return rn_fail(
            error, RN_IO,
            "%s failed before and takes nothing more; look at the disk, then start again",
            db->file);
    }
    struct rn_db_txn *txn = rn_calloc(1, sizeof *txn);
    if (txn == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to begin a transaction on %s", db->file);
    }
    txn->db = db;
    txn->write = write;
    gate_enter(db);
    int rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
    for (unsigned i = 1; rc != 0 && i < BEGIN_ATTEMPTS; i++) {
        rc = begin_again(db, rc);
        if (rc != 0) {
            break;
        }
        rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
    }
    if (rc != 0) {
        gate_leave(db);
        rn_free(txn);
        return rn_db_fail(db, rc, write ? "write to" : "read", error);
    }
    *out = txn;
    return RN_OK;
}

/*
 * LMDB calls a short write EIO, and a full disk, a quota or a limit on the file's size begin with one. So room is asked for
 * where the file ends, in a file without a name. Returns the true cause, or EIO.
 */
static int cause_of_eio(const struct rn_db *db)
{
    static const uint8_t some[65536] = {1};
    int cause = EIO;
    char directory[PATH_MAX];
    (void)snprintf(directory, sizeof directory, "%s", db->file);
    *strrchr(directory, '/') = '\0';
    int probe = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (probe >= 0) {
        ssize_t put = pwrite(probe, some, sizeof some, (off_t)rn_db_file_bytes(db));
        if (put < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
            cause = errno;
        } else if (put >= 0 && (size_t)put < sizeof some) {
            cause = ENOSPC;
        }
        (void)close(probe);
    }
    return disk_free_bytes(db) < RN_DISK_FREE_BYTES_MIN ? ENOSPC : cause;
}

enum rn_status rn_db_add_trees(struct rn_db *db, struct rn_error *error)
{
    MDB_txn *txn = NULL;
    bool is_complete = true;
    for (size_t i = 0; i < RN_TREE_COUNT; i++) {
        is_complete = is_complete && db->present[i];
    }
    if (is_complete) {
        return RN_OK;
    }
    assert(db->active == 0);
    enum rn_status status = rn_db_has_room(db, error);
    if (status != RN_OK) {
        return status;
    }
    int rc = mdb_txn_begin(db->env, NULL, 0, &txn);
    rc = rc != 0 ? rc : trees_create(db, txn);
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        rc = rc == EIO ? cause_of_eio(db) : rc;
    } else if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    for (size_t i = RN_TREE_REQUIRED; rc != 0 && i < RN_TREE_COUNT; i++) {
        db->present[i] = false;
    }
    return rc == 0 ? RN_OK : rn_db_fail(db, rc, "add trees to", error);
}

enum rn_status rn_db_commit(struct rn_db_txn *txn, struct rn_error *error)
{
    struct rn_db *db = txn->db;
    int rc = mdb_txn_commit(txn->txn); /* frees the transaction even when it fails */
    rc = rc == EIO ? cause_of_eio(db) : rc;
    if (rc == EIO || rc == MDB_PANIC) {
        atomic_store(&db->failed, true);
    }
    gate_leave(db);
    rn_free(txn);
    return rc == 0 ? RN_OK : rn_db_fail(db, rc, "write to", error);
}

void rn_db_abort(struct rn_db_txn *txn)
{
    if (txn == NULL) {
        return;
    }
    struct rn_db *db = txn->db;
    mdb_txn_abort(txn->txn);
    gate_leave(db);
    rn_free(txn);
}
