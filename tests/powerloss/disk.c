/*
 * The calls a store makes to its disk, with our definitions in front of the C library's. In come calls, out go the same calls
 * to the kernel, an entry in the log, or a failure. What the bytes mean is nobody's business here.
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over all below */
static struct disk_log *current;
static bool
    is_synchronous[DESCRIPTORS_MAX]; /* opened with O_DSYNC, which the kernel was not told */
static struct {
    enum disk_call call;
    unsigned left; /* 0: healthy */
    int error;
    bool lasting;
    bool happened;
} fault;

/* --- the log -------------------------------------------------------------------------------------------------------- */

static void *grown(void *block, size_t *cap, size_t wanted, size_t each)
{
    if (wanted <= *cap) {
        return block;
    }
    *cap = wanted * 2;
    block = realloc(block, *cap * each);
    if (block == NULL) {
        abort();
    }
    return block;
}

static void remember(enum disk_op_kind kind, const void *bytes, size_t len, uint64_t offset)
{
    if (current == NULL) {
        return;
    }
    struct disk_log *log = current;
    log->ops = grown(log->ops, &log->cap, log->count + 1, sizeof *log->ops);
    log->bytes = grown(log->bytes, &log->bytes_cap, log->used + len, 1);
    log->ops[log->count++] =
        (struct disk_op){.kind = kind, .offset = offset, .len = len, .at = log->used};
    if (len > 0) {
        memcpy(log->bytes + log->used, bytes, len);
    }
    log->used += len;
}

void disk_record(struct disk_log *log)
{
    pthread_mutex_lock(&lock);
    current = log;
    pthread_mutex_unlock(&lock);
}

size_t disk_position(void)
{
    pthread_mutex_lock(&lock);
    size_t position = current != NULL ? current->count : 0;
    pthread_mutex_unlock(&lock);
    return position;
}

void disk_log_free(struct disk_log *log)
{
    free(log->ops);
    free(log->bytes);
    *log = (struct disk_log){0};
}

/* --- failures ------------------------------------------------------------------------------------------------------- */

void disk_fail(enum disk_call call, unsigned nth, int error, bool lasting)
{
    pthread_mutex_lock(&lock);
    fault.call = call;
    fault.left = nth;
    fault.error = error;
    fault.lasting = lasting;
    fault.happened = false;
    pthread_mutex_unlock(&lock);
}

bool disk_failed(void)
{
    pthread_mutex_lock(&lock);
    bool happened = fault.happened;
    pthread_mutex_unlock(&lock);
    return happened;
}

/* With the lock. Whether this call is one that fails. */
static bool fails_now(enum disk_call call)
{
    if (fault.left == 0 || fault.call != call || --fault.left > 0) {
        return false;
    }
    fault.left = fault.lasting ? 1 : 0;
    fault.happened = true;
    errno = fault.error;
    return true;
}

static bool call_fails(enum disk_call call)
{
    pthread_mutex_lock(&lock);
    bool fails = fails_now(call);
    pthread_mutex_unlock(&lock);
    return fails;
}

/* --- which file ----------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

static void path_of(int descriptor, char out[4096])
{
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t len = readlink(link, out, 4095);
    out[len > 0 ? len : 0] = '\0';
}

static bool is_of_store(const char *path)
{
    return ends_with(path, "/data.mdb") || ends_with(path, "/lock.mdb") ||
           strstr(path, "/owners") != NULL;
}

static bool is_data(int descriptor)
{
    char path[4096];
    path_of(descriptor, path);
    return ends_with(path, "/data.mdb");
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */

static ssize_t write_at(int descriptor, const void *bytes, size_t len, off_t offset)
{
    if (!is_data(descriptor)) {
        return syscall(SYS_pwrite64, descriptor, bytes, len, offset);
    }
    pthread_mutex_lock(&lock);
    bool fails = fails_now(DISK_CALL_WRITE);
    ssize_t put = -1;
    if (!fails || errno == 0) {
        put = syscall(SYS_pwrite64, descriptor, bytes, fails ? len / 2 : len, offset);
    }
    if (put > 0) {
        bool lasts = descriptor < DESCRIPTORS_MAX && is_synchronous[descriptor];
        remember(lasts ? DISK_META : DISK_WRITE, bytes, (size_t)put, (uint64_t)offset);
    }
    pthread_mutex_unlock(&lock);
    return put;
}

static ssize_t write_all_at(int descriptor, const struct iovec *pieces, int count, off_t offset)
{
    ssize_t all = 0;
    for (int i = 0; i < count; i++) {
        ssize_t put = write_at(descriptor, pieces[i].iov_base, pieces[i].iov_len, offset + all);
        if (put < 0) {
            return all > 0 ? all : put;
        }
        all += put;
        if ((size_t)put < pieces[i].iov_len) {
            break;
        }
    }
    return all;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t len, off_t offset)
{
    return write_at(descriptor, bytes, len, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t len, off_t offset)
{
    return write_at(descriptor, bytes, len, offset);
}

ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t offset)
{
    return write_all_at(descriptor, pieces, count, offset);
}

ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off_t offset)
{
    return write_all_at(descriptor, pieces, count, offset);
}

ssize_t writev(int descriptor, const struct iovec *pieces, int count)
{
    if (!is_data(descriptor)) {
        return syscall(SYS_writev, descriptor, pieces, count);
    }
    off_t offset = lseek(descriptor, 0, SEEK_CUR);
    ssize_t put = write_all_at(descriptor, pieces, count, offset);
    (void)lseek(descriptor, put > 0 ? offset + put : offset, SEEK_SET);
    return put;
}

ssize_t write(int descriptor, const void *bytes, size_t len)
{
    const struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    return is_data(descriptor) ? writev(descriptor, &piece, 1)
                               : syscall(SYS_write, descriptor, bytes, len);
}

static const char *stalled_by;

void disk_stall_while(const char *path)
{
    stalled_by = path;
}

static int sync_of(int descriptor)
{
    if (!is_data(descriptor)) {
        return 0;
    }
    while (stalled_by != NULL && access(stalled_by, F_OK) == 0) {
        (void)poll(NULL, 0, 10);
    }
    pthread_mutex_lock(&lock);
    bool fails = fails_now(DISK_CALL_FSYNC);
    if (!fails) {
        remember(DISK_SYNC, NULL, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return fails ? -1 : 0;
}

int fdatasync(int descriptor)
{
    return sync_of(descriptor);
}

int fsync(int descriptor)
{
    return sync_of(descriptor);
}

/* A store is never written through its map; if it were, the log would miss it. */
int msync(void *address, size_t len, int flags)
{
    (void)address;
    (void)len;
    (void)flags;
    static const char text[] = "disk: msync, and the log knows nothing of what it wrote\n";
    (void)syscall(SYS_write, 2, text, sizeof text - 1);
    abort();
}

static int truncate_to(int descriptor, off_t len)
{
    char path[4096];
    path_of(descriptor, path);
    return is_of_store(path) && call_fails(DISK_CALL_TRUNCATE)
               ? -1
               : (int)syscall(SYS_ftruncate, descriptor, len);
}

int ftruncate(int descriptor, off_t len)
{
    return truncate_to(descriptor, len);
}

int ftruncate64(int descriptor, off_t len)
{
    return truncate_to(descriptor, len);
}

static ssize_t read_at(int descriptor, void *bytes, size_t len, off_t offset)
{
    if (is_data(descriptor) && call_fails(DISK_CALL_READ)) {
        return -1;
    }
    return syscall(SYS_pread64, descriptor, bytes, len, offset);
}

ssize_t pread(int descriptor, void *bytes, size_t len, off_t offset)
{
    return read_at(descriptor, bytes, len, offset);
}

ssize_t pread64(int descriptor, void *bytes, size_t len, off_t offset)
{
    return read_at(descriptor, bytes, len, offset);
}

/* `path` may be relative to a directory, which then says whose file it is. */
static int open_in(int directory, const char *path, int flags, mode_t mode)
{
    char whole[8192] = "";
    if (path[0] != '/' && directory != AT_FDCWD) {
        path_of(directory, whole);
    }
    (void)snprintf(whole + strlen(whole), sizeof whole - strlen(whole), "/%s", path);
    if (is_of_store(whole) && call_fails(DISK_CALL_OPEN)) {
        return -1;
    }
    bool lasts = (flags & O_DSYNC) != 0 && ends_with(whole, "/data.mdb");
    int descriptor =
        (int)syscall(SYS_openat, directory, path, lasts ? flags & ~O_SYNC : flags, mode);
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX) {
        pthread_mutex_lock(&lock);
        is_synchronous[descriptor] = lasts;
        pthread_mutex_unlock(&lock);
    }
    return descriptor;
}

static mode_t mode_given(int flags, va_list *rest)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(*rest, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_given(flags, &rest);
    va_end(rest);
    return open_in(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_given(flags, &rest);
    va_end(rest);
    return open_in(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_given(flags, &rest);
    va_end(rest);
    return open_in(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_given(flags, &rest);
    va_end(rest);
    return open_in(directory, path, flags, mode);
}
