/* A temporary directory for a test, and a store with traces in it. Header only: each test binary has its own copy. */
#ifndef RN_TESTS_STORE_ROOM_H
#define RN_TESTS_STORE_ROOM_H

#include <check.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/status.h"

struct room {
    char path[PATH_MAX / 4];
};

static inline void room_open(struct room *room)
{
    const char *base = getenv("TMPDIR");
    snprintf(room->path, sizeof room->path, "%s/reenact-test-XXXXXX", base != NULL ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(room->path));
}

static inline const char *room_file(const struct room *room, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", room->path, name);
    return path;
}

static inline int room_remove(const char *path, const struct stat *about, int kind,
                              struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void room_close(struct room *room)
{
    nftw(room->path, room_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void room_write(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

/* The whole file; the caller frees it. */
static inline uint8_t *room_read(const char *path, size_t *len)
{
    struct stat about;
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fstat(fileno(file), &about), 0);
    uint8_t *data = malloc((size_t)about.st_size + 1);
    ck_assert_ptr_nonnull(data);
    *len = fread(data, 1, (size_t)about.st_size, file);
    fclose(file);
    return data;
}

/* A failed status with its sentence in the message. */
#define ck_ok(expression)                                                                          \
    do {                                                                                           \
        enum rn_status ck_status = (expression);                                                   \
        ck_assert_msg(ck_status == RN_OK, "%s: %s: %s", #expression, rn_status_name(ck_status),    \
                      error.text);                                                                 \
    } while (0)

#endif
