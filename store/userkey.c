/*
 * The user's own key: 64 hex digits and a newline in $XDG_CONFIG_HOME/reenact/key (or ~/.config/reenact/key), readable by
 * nobody else. Read, or made once; what it is used for stays unknown here.
 */
#include "userkey.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define TEXT_BYTES (2 * RN_USERKEY_BYTES)

/* The directory's length is given so that it can be made without the file. */
static enum rn_status key_path(char path[PATH_MAX], size_t *directory_len, struct rn_error *error)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int len = -1;
    if (config != NULL &&
        config[0] == '/') { /* a relative one is to be ignored (XDG base directories) */
        len = snprintf(path, PATH_MAX, "%s/reenact", config);
    } else if (home != NULL && home[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/.config/reenact", home);
    } else {
        return rn_fail(error, RN_NOTFOUND,
                       "there is no place for your key: set HOME or XDG_CONFIG_HOME");
    }
    if (len < 0 || (size_t)len + sizeof "/key.XXXXXX" > PATH_MAX) {
        return rn_fail(error, RN_LIMIT, "the path of your key is too long");
    }
    *directory_len = (size_t)len;
    memcpy(path + len, "/key", sizeof "/key");
    return RN_OK;
}

static enum rn_status check_file(const char *path, int descriptor, struct rn_error *error)
{
    struct stat found;
    if (fstat(descriptor, &found) != 0) {
        return rn_fail(error, RN_IO, "cannot read your key %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(found.st_mode)) {
        return rn_fail(error, RN_REFUSED, "your key %s is not a file", path);
    }
    if (found.st_uid != geteuid()) {
        return rn_fail(error, RN_REFUSED, "your key %s belongs to user %lu", path,
                       (unsigned long)found.st_uid);
    }
    if ((found.st_mode & 077) != 0) {
        return rn_fail(error, RN_REFUSED,
                       "your key %s can be read by others; run chmod 600 %s first", path, path);
    }
    return RN_OK;
}

static enum rn_status key_read(const char *path, uint8_t out[RN_USERKEY_BYTES],
                               struct rn_error *error)
{
    uint8_t text[TEXT_BYTES + 2];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return rn_fail(error, errno == ENOENT || errno == ENOTDIR ? RN_NOTFOUND : RN_IO,
                       "cannot read your key %s: %s", path, strerror(errno));
    }
    enum rn_status status = check_file(path, descriptor, error);
    ssize_t got = status == RN_OK ? read(descriptor, text, sizeof text) : 0;
    if (status == RN_OK && got < 0) {
        status = rn_fail(error, RN_IO, "cannot read your key %s: %s", path, strerror(errno));
    }
    (void)close(descriptor);
    if (status != RN_OK) {
        return status;
    }
    bool ends_well = got == TEXT_BYTES || (got == TEXT_BYTES + 1 && text[TEXT_BYTES] == '\n');
    if (!ends_well || !rn_unhex(rn_bytes_of(text, TEXT_BYTES), out, RN_USERKEY_BYTES)) {
        return rn_fail(error, RN_DAMAGED,
                       "your key %s does not hold %d hex digits; restore or remove it", path,
                       TEXT_BYTES);
    }
    return RN_OK;
}

/* Written whole under another name, then linked: of two that make one at once, the first wins and both read it. */
static enum rn_status key_make(const char *path, struct rn_error *error)
{
    uint8_t key[RN_USERKEY_BYTES];
    char text[TEXT_BYTES + 2];
    char temporary[PATH_MAX];
    rn_random_bytes(key, sizeof key);
    rn_hex(rn_bytes_of(key, sizeof key), text);
    text[TEXT_BYTES] = '\n';
    (void)snprintf(temporary, sizeof temporary, "%.*s.XXXXXX", (int)(PATH_MAX - 8), path);
    int descriptor = mkostemp(temporary, O_CLOEXEC); /* 0600 */
    if (descriptor < 0) {
        return rn_fail(error, RN_IO, "cannot write your key %s: %s", path, strerror(errno));
    }
    bool good = rn_file_write_all(descriptor, rn_bytes_of(text, TEXT_BYTES + 1)) == RN_OK &&
                fsync(descriptor) == 0;
    good = good && (link(temporary, path) == 0 || errno == EEXIST);
    int cause = errno;
    (void)close(descriptor);
    (void)unlink(temporary);
    if (!good) {
        return rn_fail(error, cause == ENOSPC ? RN_FULL : RN_IO, "cannot write your key %s: %s",
                       path, strerror(cause));
    }
    return RN_OK;
}

enum rn_status rn_userkey_load(bool create, uint8_t out[RN_USERKEY_BYTES], struct rn_error *error)
{
    char path[PATH_MAX];
    size_t directory_len = 0;
    enum rn_status status = key_path(path, &directory_len, error);
    if (status != RN_OK) {
        return status;
    }
    status = key_read(path, out, error);
    if (status != RN_NOTFOUND || !create) {
        return status;
    }
    path[directory_len] = '\0';
    status = rn_file_make_directory(path, 0700, error);
    path[directory_len] = '/';
    status = status == RN_OK ? key_make(path, error) : status;
    return status == RN_OK ? key_read(path, out, error) : status;
}
