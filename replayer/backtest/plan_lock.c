/*
 * The lock of a running backtest: a file beside the store's data, taken by flock(2).
 *
 * In comes a store's path and a backtest's id, out comes a descriptor. Whoever gives the lock back removes the file while he
 * still holds it; so after the lock is taken we look whether the file is still the one of that name.
 */
#include "plan_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool path_of(const char *store, const struct rn_trace_id *id, char path[PATH_MAX])
{
    char text[33];
    rn_trace_id_text(id, text);
    int len = snprintf(path, PATH_MAX, "%s/backtest-%s.lock", store, text);
    return len > 0 && len < PATH_MAX;
}

static bool is_still_there(const char *path, int lock)
{
    struct stat named;
    struct stat held;
    return stat(path, &named) == 0 && fstat(lock, &held) == 0 && named.st_dev == held.st_dev &&
           named.st_ino == held.st_ino;
}

static enum rn_status take(const char *path, int *lock, struct rn_error *error)
{
    for (;;) {
        int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file < 0) {
            return rn_fail(error, RN_IO, "cannot open %s: %s", path, strerror(errno));
        }
        if (flock(file, LOCK_EX | LOCK_NB) != 0) {
            int code = errno;
            (void)close(file);
            if (code == EWOULDBLOCK) {
                return RN_BUSY;
            }
            return rn_fail(error, RN_IO, "cannot lock %s: %s", path, strerror(code));
        }
        if (is_still_there(path, file)) {
            *lock = file;
            return RN_OK;
        }
        (void)close(file);
    }
}

enum rn_status rn_plan_lock(const char *store, const struct rn_trace_id *id, int *lock,
                            struct rn_error *error)
{
    char path[PATH_MAX];
    char text[33];
    *lock = -1;
    if (!path_of(store, id, path)) {
        return rn_fail(error, RN_IO, "the path of the store is too long: %s", store);
    }
    enum rn_status status = take(path, lock, error);
    if (status == RN_BUSY) {
        rn_trace_id_text(id, text);
        return rn_fail(error, RN_BUSY, "backtest %s is being run by another process", text + 24);
    }
    return status;
}

void rn_plan_unlock(const char *store, const struct rn_trace_id *id, int lock)
{
    char path[PATH_MAX];
    if (lock < 0) {
        return;
    }
    if (path_of(store, id, path)) {
        (void)unlink(path);
    }
    (void)close(lock);
}
