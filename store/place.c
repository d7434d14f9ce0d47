/*
 * Where a store lies and whether that place can be trusted. In come --store, the environment and the working directory; out
 * comes a path, or a sentence. Knows nothing of what a store holds but the name of its data file.
 */
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"

#define DEFAULT_NAME ".reenact"

/* LMDB needs one coherent page cache and working locks (fcntl, shared mutexes): these do not promise both. */
static const struct {
    uint64_t magic;
    const char *name;
} refused[] = {
    {0x6969, "NFS"},        {0x517B, "SMB"},        {0xFF534D42, "CIFS"},   {0xFE534D42, "SMB"},
    {0x65735546, "FUSE"},   {0x01021997, "9p"},     {0x5346414F, "AFS"},    {0x6B414653, "AFS"},
    {0x73757245, "Coda"},   {0x00C36400, "Ceph"},   {0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"},
    {0x19830326, "BeeGFS"}, {0x01161970, "GFS2"},   {0x7461636F, "OCFS2"},  {0xAAD7AAEA, "PanFS"},
    {0x786F4256, "vboxsf"}, {0xBACBACBC, "vmhgfs"}, {0x564C, "NCP"},        {0x7C7C6673, "prl_fs"},
};

const char *rn_place_refused_filesystem(uint64_t magic)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (refused[i].magic == magic) {
            return refused[i].name;
        }
    }
    return NULL;
}

/* --- which path ----------------------------------------------------------------------------------------------------- */

static enum rn_status keep_path(const char *from, char *path, size_t path_bytes,
                                struct rn_error *error)
{
    int len = snprintf(path, path_bytes, "%s", from);
    if (len < 0 || (size_t)len >= path_bytes) {
        return rn_fail(error, RN_LIMIT, "the path of the store, %.100s..., is too long", from);
    }
    return RN_OK;
}

static bool owned_directory(const char *path)
{
    struct stat itself;
    struct stat target;
    return lstat(path, &itself) == 0 && itself.st_uid == geteuid() && stat(path, &target) == 0 &&
           S_ISDIR(target.st_mode) && target.st_uid == geteuid();
}

/*
 * The nearest .reenact here or above. Above, the directory around it must be ours too: what a stranger could put into a
 * shared parent is not taken up.
 */
static bool climb(const char *from, char *path, size_t path_bytes)
{
    char at[PATH_MAX];
    (void)snprintf(at, sizeof at, "%s", from);
    for (bool here = true;; here = false) {
        bool is_root = strcmp(at, "/") == 0;
        int len = snprintf(path, path_bytes, "%s/" DEFAULT_NAME, is_root ? "" : at);
        if (len > 0 && (size_t)len < path_bytes && (here || owned_directory(at)) &&
            owned_directory(path)) {
            return true;
        }
        char *slash = strrchr(at, '/');
        if (is_root || slash == NULL) {
            return false;
        }
        slash[slash == at ? 1 : 0] = '\0';
    }
}

static enum rn_status place_by_directory(enum rn_store_mode mode, char *path, size_t path_bytes,
                                         struct rn_error *error)
{
    char here[PATH_MAX];
    char fresh[PATH_MAX + sizeof DEFAULT_NAME + 1];
    if (getcwd(here, sizeof here) == NULL) {
        return rn_fail(error, RN_IO, "cannot tell the working directory: %s", strerror(errno));
    }
    if (climb(here, path, path_bytes)) {
        return RN_OK;
    }
    if (mode == RN_STORE_READ) {
        return rn_fail(
            error, RN_NOTFOUND,
            "there is no " DEFAULT_NAME
            " in %s or above it; record something first, or name a store with --store or "
            "REENACT_STORE",
            here);
    }
    (void)snprintf(fresh, sizeof fresh, "%s/" DEFAULT_NAME, strcmp(here, "/") == 0 ? "" : here);
    return keep_path(fresh, path, path_bytes, error);
}

enum rn_status rn_store_place(const char *given, enum rn_store_mode mode, char *path,
                              size_t path_bytes, struct rn_error *error)
{
    const char *named = given != NULL ? given : getenv("REENACT_STORE");
    struct stat found;
    if (given != NULL && given[0] == '\0') {
        return rn_fail(error, RN_INVALID, "--store needs the path of a directory");
    }
    if (named == NULL || named[0] == '\0') {
        return place_by_directory(mode, path, path_bytes, error);
    }
    if (mode == RN_STORE_READ && stat(named, &found) != 0) {
        return rn_fail(error, RN_NOTFOUND, "there is no store at %s: %s", named, strerror(errno));
    }
    return keep_path(named, path, path_bytes, error);
}

/* --- is it fit ------------------------------------------------------------------------------------------------------ */

static enum rn_status check_filesystem(const char *path, struct rn_error *error)
{
    struct statfs about;
    if (statfs(path, &about) != 0) {
        return rn_fail(error, RN_IO, "cannot look at the filesystem of %s: %s", path,
                       strerror(errno));
    }
    /* f_type is signed on some machines and the magics have 32 bits. */
    const char *name = rn_place_refused_filesystem((uint64_t)about.f_type & UINT32_MAX);
    if (name != NULL) {
        return rn_fail(
            error, RN_REFUSED,
            "%s lies on %s, where a store can be damaged silently; choose a directory on a "
            "local disk with --store or REENACT_STORE",
            path, name);
    }
    return RN_OK;
}

static enum rn_status check_rights(const char *path, const struct stat *found,
                                   struct rn_error *error)
{
    if (found->st_uid != geteuid()) {
        return rn_fail(
            error, RN_REFUSED,
            "%s belongs to user %lu, not to us (%lu); open a copy of it: cp -r %s DIRECTORY", path,
            (unsigned long)found->st_uid, (unsigned long)geteuid(), path);
    }
    if ((found->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return rn_fail(error, RN_REFUSED, "%s can be written to by others; run chmod go-w %s first",
                       path, path);
    }
    if (access(path, W_OK | X_OK) != 0) {
        return rn_fail(
            error, RN_REFUSED,
            "%s cannot be written to (%s), and even reading keeps locks there; open a copy of "
            "it: cp -r %s DIRECTORY",
            path, strerror(errno), path);
    }
    return RN_OK;
}

static bool has_file(const char *path, const char *name)
{
    char file[PATH_MAX];
    struct stat found;
    int len = snprintf(file, sizeof file, "%s/%s", path, name);
    return len > 0 && (size_t)len < sizeof file && lstat(file, &found) == 0;
}

/* Names that a store puts there itself: before its data file exists, or with it, when another process makes it just now. */
static bool is_our_name(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           strncmp(name, ".gitignore", strlen(".gitignore")) == 0 || strcmp(name, "owners") == 0 ||
           strcmp(name, "lock.mdb") == 0 || strcmp(name, "data.mdb") == 0;
}

static enum rn_status check_empty(const char *path, struct rn_error *error)
{
    DIR *directory = opendir(path);
    const struct dirent *entry = NULL;
    bool is_empty = true;
    if (directory == NULL) {
        return rn_fail(error, RN_IO, "cannot read the directory %s: %s", path, strerror(errno));
    }
    while ((entry = readdir(directory)) != NULL) {
        is_empty = is_empty && is_our_name(entry->d_name);
    }
    (void)closedir(directory);
    if (!is_empty) {
        return rn_fail(error, RN_REFUSED,
                       "%s is not empty and holds no store; name an empty or a new directory",
                       path);
    }
    return RN_OK;
}

static enum rn_status furnish(const char *path, struct rn_error *error)
{
    char file[PATH_MAX];
    int len = snprintf(file, sizeof file, "%s/.gitignore", path);
    if (len < 0 || (size_t)len >= sizeof file) {
        return rn_fail(error, RN_LIMIT, "the path %.100s... is too long", path);
    }
    if (chmod(path, 0700) != 0) {
        return rn_fail(error, RN_REFUSED, "cannot make %s private: %s", path, strerror(errno));
    }
    /* Two recorders may furnish at once: the one that comes second finds the file or makes it again, the same. */
    return has_file(path, ".gitignore") ? RN_OK : rn_file_write(file, RN_LIT("*\n"), 0600, error);
}

enum rn_status rn_place_prepare(const char *path, enum rn_store_mode mode, struct rn_error *error)
{
    struct stat found;
    bool is_there = stat(path, &found) == 0;
    if (!is_there && (errno != ENOENT || mode == RN_STORE_READ)) {
        return rn_fail(error, errno == ENOENT ? RN_NOTFOUND : RN_REFUSED,
                       "there is no store at %s: %s", path, strerror(errno));
    }
    if (is_there && !S_ISDIR(found.st_mode)) {
        return rn_fail(error, RN_REFUSED, "%s is not a directory, and a store is one", path);
    }
    enum rn_status status = is_there ? RN_OK : rn_file_make_directory(path, 0700, error);
    if (status == RN_OK && stat(path, &found) != 0) {
        status = rn_fail(error, RN_IO, "cannot look at %s: %s", path, strerror(errno));
    }
    status = status == RN_OK ? check_filesystem(path, error) : status;
    if (status != RN_OK) {
        return status;
    }
    bool has_data = has_file(path, "data.mdb");
    if (!has_data && mode == RN_STORE_READ) {
        return rn_fail(error, RN_NOTFOUND, "%s holds no store", path);
    }
    if (has_data) {
        return check_rights(path, &found, error);
    }
    if (found.st_uid ==
        geteuid()) { /* an empty one of ours is made private, whatever the umask was */
        status = check_empty(path, error);
        status = status == RN_OK ? furnish(path, error) : status;
        found.st_mode &= (mode_t) ~(S_IWGRP | S_IWOTH);
    }
    return status == RN_OK ? check_rights(path, &found, error) : status;
}
