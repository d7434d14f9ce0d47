/*
 * Locked files that say who is alive. In comes a store's path, out comes a registration or the reason why not.
 *
 * A flock(2) ends with its process, however it ends, and needs no clock and no pid to be believed. The directory itself is
 * locked while one looks around or enters, so that a file that is just being made is never taken for a dead one. Knows
 * nothing of LMDB or traces.
 */
#include "owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "keys.h"

#define BOOT_BYTES 64

struct rn_owner {
    int directory; /* of owners/ */
    int file;      /* ours, locked */
    int claims;    /* the file whose bytes are locked; -1 until the first claim */
    char id[RN_OWNER_TEXT_BYTES];
};

struct standing {
    uint64_t pid;
    uint64_t pid_namespace;
    char boot[BOOT_BYTES];
};

static uint64_t pretended_namespace;
static const char *pretended_boot;

void rn_owner_pretend(uint64_t pid_namespace, const char *boot)
{
    pretended_namespace = pid_namespace;
    pretended_boot = boot;
}

static void boot_id(char out[BOOT_BYTES])
{
    out[0] = '\0';
    int descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        ssize_t got = read(descriptor, out, BOOT_BYTES - 1);
        out[got > 0 ? got : 0] = '\0';
        out[strcspn(out, "\n")] = '\0';
        (void)close(descriptor);
    }
}

static void own_standing(struct standing *out)
{
    struct stat found;
    *out = (struct standing){.pid = (uint64_t)getpid()};
    boot_id(out->boot);
    if (stat("/proc/self/ns/pid", &found) == 0) {
        out->pid_namespace = found.st_ino;
    }
    if (pretended_namespace != 0) {
        out->pid_namespace = pretended_namespace;
    }
    if (pretended_boot != NULL) {
        (void)snprintf(out->boot, sizeof out->boot, "%s", pretended_boot);
    }
}

static bool standing_read(int file, struct standing *out)
{
    char text[256];
    ssize_t got = pread(file, text, sizeof text - 1, 0);
    *out = (struct standing){0};
    text[got > 0 ? got : 0] = '\0';
    return sscanf(text, "pid %" SCNu64 "\npid-namespace %" SCNu64 "\nboot %63s", &out->pid,
                  &out->pid_namespace, out->boot) >= 2;
}

static bool is_id(const char *name)
{
    uint8_t bytes[16];
    return rn_unhex(rn_bytes_text(name), bytes, sizeof bytes);
}

/* --- one other opener ----------------------------------------------------------------------------------------------- */

enum life { LIFE_NONE, LIFE_DEAD, LIFE_LIVE };

/* With the directory locked. A dead one's file is removed; what a live one says of itself is given. */
static enum life look_at(int directory, const char *id, struct standing *standing)
{
    enum life life = LIFE_LIVE;
    int file = openat(directory, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) {
        return errno == ENOENT ? LIFE_NONE : LIFE_LIVE;
    }
    if (flock(file, LOCK_EX | LOCK_NB) == 0) {
        (void)unlinkat(directory, id, 0);
        life = LIFE_DEAD;
    } else if (!standing_read(file, standing)) {
        *standing = (struct standing){0};
    }
    (void)close(file);
    return life;
}

static enum rn_status check_other(const char *path, const struct standing *own,
                                  const struct standing *other, struct rn_error *error)
{
    if (other->boot[0] != '\0' && own->boot[0] != '\0' && strcmp(other->boot, own->boot) != 0) {
        return rn_fail(error, RN_REFUSED,
                       "%s is open on another machine (process %" PRIu64
                       " there); end that one first",
                       path, other->pid);
    }
    if (other->pid_namespace != 0 && other->pid_namespace != own->pid_namespace) {
        return rn_fail(error, RN_REFUSED,
                       "%s is open in another container (process %" PRIu64
                       " of pid namespace %" PRIu64 ", ours is %" PRIu64
                       "); end that one, or run both in one pid namespace",
                       path, other->pid, other->pid_namespace, own->pid_namespace);
    }
    return RN_OK;
}

static enum rn_status look_around(const char *path, int directory, const struct standing *own,
                                  struct rn_error *error)
{
    enum rn_status status = RN_OK;
    struct standing other;
    const struct dirent *entry = NULL;
    int listing = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = listing < 0 ? NULL : fdopendir(listing);
    if (names == NULL) {
        if (listing >= 0) {
            (void)close(listing);
        }
        return rn_fail(error, RN_IO, "cannot read %s/owners: %s", path, strerror(errno));
    }
    while (status == RN_OK && (entry = readdir(names)) != NULL) {
        if (is_id(entry->d_name) && look_at(directory, entry->d_name, &other) == LIFE_LIVE) {
            status = check_other(path, own, &other, error);
        }
    }
    (void)closedir(names);
    return status;
}

/* --- ourselves ------------------------------------------------------------------------------------------------------ */

static enum rn_status sign(const char *path, struct rn_owner *owner, const struct standing *own,
                           struct rn_error *error)
{
    uint8_t id[16];
    char text[256];
    rn_uuid7(id);
    rn_hex(rn_bytes_of(id, sizeof id), owner->id);
    owner->file = openat(owner->directory, owner->id, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int len = snprintf(text, sizeof text, "pid %" PRIu64 "\npid-namespace %" PRIu64 "\nboot %s\n",
                       own->pid, own->pid_namespace, own->boot);
    if (owner->file < 0 || flock(owner->file, LOCK_EX | LOCK_NB) != 0 ||
        rn_file_write_all(owner->file, rn_bytes_of(text, (size_t)len)) != RN_OK) {
        return rn_fail(error, errno == ENOSPC || errno == EDQUOT ? RN_FULL : RN_IO,
                       "cannot sign in at %s/owners: %s", path, strerror(errno));
    }
    return RN_OK;
}

static int open_directory(const char *store_path)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/owners", store_path);
    if (len < 0 || (size_t)len >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

enum rn_status rn_owner_enter(const char *store_path, struct rn_owner **out, struct rn_error *error)
{
    struct standing own;
    *out = NULL;
    struct rn_owner *owner = rn_calloc(1, sizeof *owner);
    if (owner == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to open %s", store_path);
    }
    owner->file = -1;
    owner->claims = -1;
    owner->directory = open_directory(store_path);
    if (owner->directory < 0 || flock(owner->directory, LOCK_EX) != 0) {
        enum rn_status failed = rn_fail(error, errno == ENOSPC ? RN_FULL : RN_IO,
                                        "cannot lock %s/owners: %s", store_path, strerror(errno));
        rn_owner_leave(owner);
        return failed;
    }
    own_standing(&own);
    enum rn_status status = look_around(store_path, owner->directory, &own, error);
    status = status == RN_OK ? sign(store_path, owner, &own, error) : status;
    (void)flock(owner->directory, LOCK_UN);
    if (status != RN_OK) {
        rn_owner_leave(owner);
        return status;
    }
    *out = owner;
    return RN_OK;
}

const char *rn_owner_text(const struct rn_owner *owner)
{
    return owner->id;
}

void rn_owner_leave(struct rn_owner *owner)
{
    if (owner == NULL) {
        return;
    }
    if (owner->file >= 0) {
        (void)unlinkat(owner->directory, owner->id, 0);
        (void)close(owner->file);
    }
    if (owner->claims >= 0) {
        (void)close(owner->claims);
    }
    if (owner->directory >= 0) {
        (void)close(owner->directory);
    }
    rn_free(owner);
}

bool rn_owner_is_live(struct rn_owner *self, struct rn_bytes id)
{
    char name[RN_OWNER_TEXT_BYTES];
    struct standing standing;
    if (id.len != RN_OWNER_TEXT_BYTES - 1) {
        return false; /* nobody we know signs like this */
    }
    memcpy(name, id.data, id.len);
    name[id.len] = '\0';
    if (!is_id(name)) {
        return false;
    }
    if (strcmp(name, self->id) == 0) {
        return true;
    }
    if (flock(self->directory, LOCK_EX) != 0) {
        return true;
    }
    enum life life = look_at(self->directory, name, &standing);
    (void)flock(self->directory, LOCK_UN);
    return life == LIFE_LIVE;
}

/* --- claims --------------------------------------------------------------------------------------------------------- */

/*
 * A lock of an open file description, not of the process: what else this process opens and closes does not drop it. Two ids
 * of one place (1 in 2^63) are taken for the same, which costs the second one a child it did not need.
 */
static bool lock_place(int file, const uint8_t id[16], short type)
{
    uint64_t place = rn_get_u64(id) ^ rn_get_u64(id + 8);
    struct flock lock = {.l_type = type,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)(place & (uint64_t)(INT64_MAX - 1)),
                         .l_len = 1};
    return fcntl(file, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

bool rn_owner_claim(struct rn_owner *self, const uint8_t id[16])
{
    if (self->claims < 0) {
        self->claims =
            openat(self->directory, "claims", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    return self->claims < 0 || lock_place(self->claims, id, F_WRLCK);
}

void rn_owner_release(struct rn_owner *self, const uint8_t id[16])
{
    if (self->claims >= 0) {
        (void)lock_place(self->claims, id, F_UNLCK);
    }
}
