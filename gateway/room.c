/*
 * A directory that one job has to itself: made empty or as a copy, and taken away with whatever the job left in it.
 *
 * Copying is cp's, which knows links, times, sparse files and attributes; removing is ours, because rm stops at a directory
 * that a job made read-only.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"

#define ROOM_BYTES 4096

/* --- making -------------------------------------------------------------------------------------------------------- */

/* Absolute, because a job changes its directory. */
static enum rn_status choose_place(const char *place, char *out, struct rn_error *error)
{
    char found[PATH_MAX];
    if (place == NULL) {
        place = getenv("TMPDIR");
    }
    if (place == NULL || place[0] == '\0') {
        place = "/tmp";
    }
    if (realpath(place, found) == NULL) {
        return rn_fail(error, RN_IO, "no temporary directory can be made in %s: %s", place,
                       strerror(errno));
    }
    return (size_t)snprintf(out, ROOM_BYTES, "%s/reenact-XXXXXX",
                            strcmp(found, "/") == 0 ? "" : found) < ROOM_BYTES
               ? RN_OK
               : rn_fail(error, RN_LIMIT, "the path of the temporary directory %s is too long",
                         place);
}

static enum rn_status check_source(const char *source, struct rn_error *error)
{
    struct stat found;
    if (stat(source, &found) != 0) {
        return rn_fail(error, errno == ENOENT ? RN_NOTFOUND : RN_IO,
                       "the directory %s cannot be copied: %s", source, strerror(errno));
    }
    return S_ISDIR(found.st_mode)
               ? RN_OK
               : rn_fail(error, RN_INVALID, "%s is no directory: a working directory is copied",
                         source);
}

static enum rn_status wait_for(pid_t pid, int *wait_status)
{
    pid_t got;
    do {
        got = waitpid(pid, wait_status, 0);
    } while (got < 0 && errno == EINTR);
    return got == pid ? RN_OK : RN_IO;
}

/* "SOURCE/." is what lies in it, hidden files included. */
static enum rn_status copy_tree(const char *source, const char *room, struct rn_error *error)
{
    char from[ROOM_BYTES];
    pid_t pid = 0;
    int wait_status = 0;
    if ((size_t)snprintf(from, sizeof from, "%s/.", source) >= sizeof from) {
        return rn_fail(error, RN_LIMIT, "the path %s is too long to be copied", source);
    }
    const char *const argv[] = {"cp", "-a", "--", from, room, NULL};
    int cause = posix_spawnp(&pid, "cp", NULL, NULL, (char *const *)(uintptr_t)argv, environ);
    if (cause != 0) {
        return rn_fail(error, RN_IO, "cp, which copies %s, cannot be run: %s", source,
                       strerror(cause));
    }
    if (wait_for(pid, &wait_status) != RN_OK || wait_status != 0) {
        return rn_fail(error, RN_IO, "the directory %s could not be copied to %s: cp failed",
                       source, room);
    }
    return RN_OK;
}

enum rn_status rn_crew_room_make(const char *place, const char *source, char *out,
                                 struct rn_error *error)
{
    enum rn_status status = source == NULL ? RN_OK : check_source(source, error);
    if (status == RN_OK) {
        status = choose_place(place, out, error);
    }
    if (status == RN_OK && mkdtemp(out) == NULL) {
        status = rn_fail(error, RN_IO, "no temporary directory like %s can be made: %s", out,
                         strerror(errno));
    }
    if (status == RN_OK && source != NULL) {
        status = copy_tree(source, out, error);
        if (status != RN_OK) {
            rn_crew_room_drop(out);
        }
    }
    return status;
}

/* --- removing ------------------------------------------------------------------------------------------------------ */

/* Opened for reading its names, and writable for us from now on: that is what unlinking asks for. */
static int open_directory(int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int directory = openat(parent, name, flags);
    if (directory < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0) {
        directory = openat(parent, name, flags);
    }
    if (directory >= 0) {
        (void)fchmod(directory, 0700);
    }
    return directory;
}

static void remove_entry(int parent, const char *name);

static void empty_directory(int directory)
{
    DIR *names = fdopendir(directory);
    struct dirent *entry;
    if (names == NULL) {
        (void)close(directory);
        return;
    }
    while ((entry = readdir(names)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            remove_entry(dirfd(names), entry->d_name);
        }
    }
    (void)closedir(names);
}

static void remove_entry(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM)) {
        return;
    }
    int directory = open_directory(parent, name);
    if (directory >= 0) {
        empty_directory(directory);
        (void)unlinkat(parent, name, AT_REMOVEDIR);
    }
}

void rn_crew_room_drop(const char *path)
{
    int directory = open_directory(AT_FDCWD, path);
    if (directory >= 0) {
        empty_directory(directory);
        (void)rmdir(path);
    }
}
