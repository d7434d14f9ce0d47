/* Small whole files, read and replaced. No directories are walked here and nothing is interpreted. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum rn_status rn_file_read(const char *path, struct rn_buffer *out, struct rn_error *error)
{
    uint8_t piece[4096];
    struct stat found;
    enum rn_status status = RN_OK;
    /* Without waiting: a pipe that nobody writes to would hold us for ever. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return rn_fail(error, errno == ENOENT ? RN_NOTFOUND : RN_IO, "cannot read %s: %s", path,
                       strerror(errno));
    }
    if (fstat(descriptor, &found) != 0 || !S_ISREG(found.st_mode)) {
        (void)close(descriptor);
        return rn_fail(error, RN_IO, "cannot read %s: it is no file", path);
    }
    while (status == RN_OK) {
        ssize_t got = read(descriptor, piece, sizeof piece);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            status = rn_buffer_append(out, piece, (size_t)got);
        } else if (errno != EINTR) {
            status = rn_fail(error, RN_IO, "cannot read %s: %s", path, strerror(errno));
        }
    }
    (void)close(descriptor);
    if (status == RN_LIMIT || status == RN_NOMEM) {
        return rn_fail(error, status,
                       status == RN_LIMIT ? "%s is too large to read" : "no memory to read %s",
                       path);
    }
    return status;
}

int rn_file_open_unlinked(void)
{
    char path[4096];
    const char *place = getenv("TMPDIR");
    place = place == NULL || place[0] == '\0' ? "/tmp" : place;
    int file = open(place, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0) {
        return file;
    }
    if ((size_t)snprintf(path, sizeof path, "%s/reenact-XXXXXX", place) < sizeof path) {
        file = mkostemp(path, O_CLOEXEC);
    }
    if (file >= 0) {
        (void)unlink(path);
        return file;
    }
    return memfd_create("reenact", MFD_CLOEXEC);
}

enum rn_status rn_file_write_all(int descriptor, struct rn_bytes content)
{
    while (content.len > 0) {
        ssize_t put = write(descriptor, content.data, content.len);
        if (put >= 0) {
            content = rn_bytes_from(content, (size_t)put);
        } else if (errno != EINTR) {
            return RN_IO;
        }
    }
    return RN_OK;
}

/* A pipe, a terminal, /dev/null: what stands there is written to and never replaced, least of all by root. */
static enum rn_status write_through(const char *path, struct rn_bytes content,
                                    struct rn_error *error)
{
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    bool good = descriptor >= 0 && rn_file_write_all(descriptor, content) == RN_OK;
    int cause = errno;
    if (descriptor >= 0 && close(descriptor) != 0 && good) {
        good = false;
        cause = errno;
    }
    return good ? RN_OK
                : rn_fail(error, cause == ENOSPC ? RN_FULL : RN_IO, "cannot write %s: %s", path,
                          strerror(cause));
}

static enum rn_status replace(const char *path, struct rn_bytes content, unsigned mode,
                              struct rn_error *error)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof temporary) {
        return rn_fail(error, RN_LIMIT, "the path %s is too long", path);
    }
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (descriptor < 0) {
        return rn_fail(error, RN_IO, "cannot write %s: %s", temporary, strerror(errno));
    }
    bool good = rn_file_write_all(descriptor, content) == RN_OK && fsync(descriptor) == 0;
    int cause = errno;
    if (close(descriptor) != 0 && good) {
        good = false;
        cause = errno;
    }
    if (good && rename(temporary, path) != 0) {
        good = false;
        cause = errno;
    }
    if (!good) {
        (void)unlink(temporary);
        return rn_fail(error, cause == ENOSPC ? RN_FULL : RN_IO, "cannot write %s: %s", path,
                       strerror(cause));
    }
    return RN_OK;
}

enum rn_status rn_file_write(const char *path, struct rn_bytes content, unsigned mode,
                             struct rn_error *error)
{
    char real[PATH_MAX];
    struct stat found;
    if (stat(path, &found) != 0) {
        return replace(path, content, mode, error);
    }
    if (!S_ISREG(found.st_mode)) {
        return write_through(path, content, error);
    }
    /* What a link points to is replaced, not the link. */
    return replace(realpath(path, real) != NULL ? real : path, content, mode, error);
}

enum rn_status rn_file_make_directory(const char *path, unsigned mode, struct rn_error *error)
{
    char partial[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof partial) {
        return rn_fail(error, RN_INVALID, "'%s' is no usable directory name", path);
    }
    memcpy(partial, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (partial[i] != '/' && partial[i] != '\0') {
            continue;
        }
        char kept = partial[i];
        partial[i] = '\0';
        if (mkdir(partial, (mode_t)mode) != 0 && errno != EEXIST) {
            return rn_fail(error, RN_IO, "cannot create the directory %s: %s", partial,
                           strerror(errno));
        }
        partial[i] = kept;
    }
    struct stat found;
    if (stat(path, &found) != 0 || !S_ISDIR(found.st_mode)) {
        return rn_fail(error, RN_IO, "%s is not a directory", path);
    }
    return RN_OK;
}
