/*
 * A store with its writer, and the two ways it is worked with here: one entry and its answer, or many at once. Beside it the
 * door through which a test opens LMDB as nobody should.
 */
#include "load.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>

struct load_bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool is_rung;
};

unsigned load_unsafe_flags;

int __real_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);
int __wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);
int __wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
    return __real_mdb_env_open(env, path, flags | load_unsafe_flags, mode);
}

static void ring(void *self)
{
    struct load_bell *bell = self;
    pthread_mutex_lock(&bell->lock);
    bell->is_rung = true;
    pthread_cond_signal(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

enum rn_status load_desk_open(struct load_desk *desk, const char *directory, struct rn_error *error)
{
    *desk = (struct load_desk){.bell = calloc(1, sizeof *desk->bell)};
    if (desk->bell == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory for a test");
    }
    pthread_mutex_init(&desk->bell->lock, NULL);
    pthread_cond_init(&desk->bell->rung, NULL);
    enum rn_status status = rn_store_open(directory, RN_STORE_CREATE, &desk->store, error);
    if (status == RN_OK) {
        status =
            rn_writer_start(desk->store, ring, desk->bell, RN_LIT("key"), &desk->writer, error);
    }
    if (status != RN_OK) {
        load_desk_close(desk);
    }
    return status;
}

struct rn_entry *load_desk_collect(struct load_desk *desk)
{
    struct rn_entry *entry = NULL;
    while ((entry = rn_writer_collect(desk->writer)) == NULL) {
        pthread_mutex_lock(&desk->bell->lock);
        while (!desk->bell->is_rung) {
            pthread_cond_wait(&desk->bell->rung, &desk->bell->lock);
        }
        desk->bell->is_rung = false;
        pthread_mutex_unlock(&desk->bell->lock);
    }
    return entry;
}

enum rn_status load_desk_do(struct load_desk *desk, enum rn_entry_kind kind,
                            struct rn_recording *trace, const struct rn_event *event)
{
    struct rn_entry entry = {.kind = kind, .trace = trace};
    if (event != NULL) {
        entry.event = *event;
    }
    rn_writer_submit(desk->writer, &entry);
    (void)load_desk_collect(desk);
    return entry.status;
}

void load_desk_close(struct load_desk *desk)
{
    rn_writer_free(desk->writer);
    rn_store_close(desk->store);
    if (desk->bell != NULL) {
        pthread_cond_destroy(&desk->bell->rung);
        pthread_mutex_destroy(&desk->bell->lock);
        free(desk->bell);
    }
    *desk = (struct load_desk){0};
}
