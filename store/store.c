/*
 * Opening and closing a store. In comes a directory, out comes a handle whose indexes stand at the end of the log and in
 * which no dead recorder's trace is open any more. What lies in trees and frames is the business of the neighbours.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "bundle_sweep.h"
#include "document_parts.h"
#include "drop.h"
#include "index.h"
#include "keys.h"
#include "place.h"
#include "recover.h"
#include "store_internal.h"

#define CATCH_UP_ROWS 512u

/* --- the version ---------------------------------------------------------------------------------------------------- */

static enum rn_status check_version(const struct rn_store *store, struct rn_bytes value,
                                    struct rn_error *error)
{
    const char *file = rn_db_file(store->db);
    const char *missing = rn_db_missing_tree(store->db);
    if (value.len != 4) {
        return rn_fail(error, RN_DAMAGED, "%s is damaged: its format version is no number", file);
    }
    uint32_t version = rn_get_u32(value.data);
    if (version > RN_FORMAT_VERSION) {
        return rn_fail(error, RN_NEWER,
                       "%s has format %u, and this reenact reads up to %u: use the newer one", file,
                       version, RN_FORMAT_VERSION);
    }
    if (version == 0) {
        return rn_fail(error, RN_DAMAGED, "%s is damaged: its format version is 0", file);
    }
    if (missing != NULL) {
        return rn_fail(error, RN_DAMAGED, "%s is damaged: its tree '%s' is gone", file, missing);
    }
    return RN_OK;
}

static enum rn_status read_version(struct rn_store *store, bool *is_fresh, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    uint64_t entries = 0;
    *is_fresh = false;
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, RN_TREE_META, RN_META_FORMAT, &value);
    if (status == RN_OK) {
        status = check_version(store, value, error);
    } else if (status == RN_NOTFOUND) {
        status = rn_db_entries(txn, RN_TREE_META, &entries);
        *is_fresh = entries == 0 && rn_db_missing_tree(store->db) == NULL;
        if (!*is_fresh) {
            status = rn_fail(error, RN_REFUSED, "%s is the LMDB file of another program",
                             rn_db_file(store->db));
        }
    } else {
        rn_fail(error, status, "cannot read the format version of %s", rn_db_file(store->db));
    }
    rn_db_abort(txn);
    return status;
}

static enum rn_status write_version(struct rn_store *store, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    uint8_t version[4];
    rn_put_u32(version, RN_FORMAT_VERSION);
    enum rn_status status = rn_db_begin(store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status =
        rn_db_put(txn, RN_TREE_META, RN_META_FORMAT, rn_bytes_of(version, sizeof version), error);
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, error);
}

static enum rn_status settle_version(struct rn_store *store, struct rn_error *error)
{
    bool is_fresh = false;
    enum rn_status status = read_version(store, &is_fresh, error);
    if (status == RN_OK && !is_fresh) {
        status = rn_db_add_trees(store->db, error);
        return status == RN_FULL ? RN_OK : status; /* a full store can still be read */
    }
    if (status != RN_OK) {
        return status;
    }
    if (store->mode == RN_STORE_READ) {
        return rn_fail(error, RN_NOTFOUND, "%s holds no store yet", rn_db_file(store->db));
    }
    return write_version(store, error);
}

/* --- open and close ------------------------------------------------------------------------------------------------- */

static struct rn_store *store_new(enum rn_store_mode mode)
{
    struct rn_store *store = rn_calloc(1, sizeof *store);
    if (store != NULL) {
        store->mode = mode;
        pthread_mutex_init(&store->index_lock, NULL);
        pthread_mutex_init(&store->codec_lock, NULL);
        rn_prepared_rows_init(&store->prepared);
    }
    return store;
}

/* Drops, imports and documents that were left halfway. A full store can still be read: then they wait for another day. */
static enum rn_status finish_what_the_dead_began(struct rn_store *store, struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    enum rn_status status = rn_drop_recover(store, &inner);
    status = status == RN_OK ? rn_bundle_sweep(store, &inner) : status;
    status = status == RN_OK ? rn_document_recover(store, &inner) : status;
    if (status == RN_OK || status == RN_FULL) {
        return RN_OK;
    }
    return rn_fail(error, status, "%s", inner.text);
}

static enum rn_status open_steps(struct rn_store *store, const char *path, struct rn_error *error)
{
    char absolute[PATH_MAX];
    enum rn_status status = rn_place_prepare(path, store->mode, error);
    if (status != RN_OK) {
        return status;
    }
    if (realpath(path, absolute) == NULL) {
        return rn_fail(error, RN_IO, "cannot open %s: %s", path, strerror(errno));
    }
    store->path = rn_dup_text(absolute);
    if (store->path == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to open %s", path);
    }
    status = rn_owner_enter(absolute, &store->owner, error);
    status = status == RN_OK
                 ? rn_db_open(absolute, store->mode == RN_STORE_CREATE, &store->db, error)
                 : status;
    status = status == RN_OK ? settle_version(store, error) : status;
    status = status == RN_OK ? rn_store_catch_up(store, error) : status;
    unsigned closed = 0;
    status = status == RN_OK ? rn_recover(store, &closed, error) : status;
    if (status == RN_OK && closed > 0) {
        status = rn_store_catch_up(store, error);
    }
    return status == RN_OK ? finish_what_the_dead_began(store, error) : status;
}

/* Where another program keeps its LMDB file, our register of openers has no business. */
static void leave_no_trace(const char *path)
{
    char owners[PATH_MAX];
    int len = snprintf(owners, sizeof owners, "%s/owners", path);
    if (len > 0 && (size_t)len < sizeof owners) {
        (void)rmdir(owners);
    }
}

enum rn_status rn_store_open(const char *path, enum rn_store_mode mode, struct rn_store **out,
                             struct rn_error *error)
{
    *out = NULL;
    struct rn_store *store = store_new(mode);
    if (store == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to open %s", path);
    }
    enum rn_status status = open_steps(store, path, error);
    if (status == RN_OK) {
        *out = store;
        return RN_OK;
    }
    bool entered = store->owner != NULL;
    rn_store_close(store);
    if (status == RN_REFUSED && entered) {
        leave_no_trace(path);
    }
    return status;
}

enum rn_status rn_store_open_given(const char *given, enum rn_store_mode mode,
                                   struct rn_store **out, struct rn_error *error)
{
    char path[PATH_MAX];
    *out = NULL;
    enum rn_status status = rn_store_place(given, mode, path, sizeof path, error);
    return status == RN_OK ? rn_store_open(path, mode, out, error) : status;
}

void rn_store_close(struct rn_store *store)
{
    if (store == NULL) {
        return;
    }
    for (unsigned i = 0; i < store->codec_count; i++) {
        rn_codec_context_free(store->codecs[i]);
    }
    rn_db_close(store->db);
    rn_owner_leave(store->owner);
    rn_prepared_rows_free(&store->prepared);
    pthread_mutex_destroy(&store->index_lock);
    pthread_mutex_destroy(&store->codec_lock);
    rn_free(store->path);
    rn_free(store);
}

const char *rn_store_path(const struct rn_store *store)
{
    return store->path;
}

/* --- shared by the rooms of store/ ---------------------------------------------------------------------------------- */

struct rn_codec_context *rn_store_codec_take(struct rn_store *store)
{
    struct rn_codec_context *context = NULL;
    pthread_mutex_lock(&store->codec_lock);
    if (store->codec_count > 0) {
        context = store->codecs[--store->codec_count];
    }
    pthread_mutex_unlock(&store->codec_lock);
    return context != NULL ? context : rn_codec_context_new();
}

void rn_store_codec_give(struct rn_store *store, struct rn_codec_context *context)
{
    pthread_mutex_lock(&store->codec_lock);
    if (context != NULL && store->codec_count < RN_STORE_CODECS_KEPT) {
        store->codecs[store->codec_count++] = context;
        context = NULL;
    }
    pthread_mutex_unlock(&store->codec_lock);
    rn_codec_context_free(context);
}

/* Up to where the log ended when we began: a busy recorder must not keep a query from ever answering. */
enum rn_status rn_store_catch_up(struct rn_store *store, struct rn_error *error)
{
    uint64_t watermark = 0;
    uint64_t last = 0;
    uint64_t left = 0;
    enum rn_status status = rn_index_where(store, &watermark, &last, error);
    for (uint64_t wanted = last; status == RN_OK && watermark < wanted;) {
        status = rn_index_step(store, CATCH_UP_ROWS, &left, error);
        status = status == RN_OK ? rn_index_where(store, &watermark, &last, error) : status;
    }
    return status;
}

enum rn_status rn_store_facts(struct rn_store *store, struct rn_store_facts *out,
                              struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    *out = (struct rn_store_facts){.format = RN_FORMAT_VERSION,
                                   .file_bytes = rn_db_file_bytes(store->db)};
    enum rn_status status = rn_store_catch_up(store, error);
    status = status == RN_OK ? rn_db_begin(store->db, false, &txn, error) : status;
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_entries(txn, RN_TREE_TRACE, &out->traces);
    status = status == RN_OK ? rn_db_entries(txn, RN_TREE_LOG, &out->rows) : status;
    rn_db_abort(txn);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot count what %s holds", store->path);
}
