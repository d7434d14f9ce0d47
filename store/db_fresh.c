/*
 * Decides whether a data file was ever committed to, and empties it when it was not. In come two paths; trees and pages
 * behind the first two are db_file.c's.
 *
 * A commit writes its number into one of the two meta pages, the first one into page 1. So a file is unused when page 0 is
 * still without a number and page 1 is too, or is not there (at most the first commit could have been, which makes trees and
 * keeps nothing). Anything that is not exactly what LMDB begins with is left alone.
 */
#include "db_fresh.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define META_END 152u /* header and meta data; zeros follow */
#define FLAGS_AT 10u
#define FLAG_META 0x08u
#define MAGIC_AT 16u
#define MAGIC 0xBEEFC0DEu
#define FREE_ROOT_AT 80u   /* of the free tree */
#define NAMES_ROOT_AT 128u /* of the tree of names */
#define TXN_AT 144u

static bool all_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static uint64_t u64_at(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* What there is of a meta page that no commit has touched. */
static bool is_untouched(const uint8_t *page, size_t len)
{
    uint32_t magic;
    uint16_t flags;
    if (len > 0 && len < META_END) { /* any page may begin with zeros */
        return false;
    }
    if (all_zero(page, len)) {
        return true;
    }
    if (!all_zero(page + META_END, len - META_END)) {
        return false;
    }
    memcpy(&magic, page + MAGIC_AT, sizeof magic);
    memcpy(&flags, page + FLAGS_AT, sizeof flags);
    return magic == MAGIC && (flags & FLAG_META) != 0 && u64_at(page + TXN_AT) == 0 &&
           u64_at(page + FREE_ROOT_AT) == UINT64_MAX && u64_at(page + NAMES_ROOT_AT) == UINT64_MAX;
}

static bool is_unused(int data)
{
    struct stat found;
    long page_bytes = sysconf(_SC_PAGESIZE);
    size_t page = page_bytes > 0 ? (size_t)page_bytes : 0;
    if (page < META_END || fstat(data, &found) != 0 || !S_ISREG(found.st_mode) ||
        found.st_size <= 0 || (uint64_t)found.st_size > 2 * page) {
        return false;
    }
    size_t len = (size_t)found.st_size;
    size_t first = len < page ? len : page;
    uint8_t *bytes = rn_alloc(len);
    bool unused = bytes != NULL && pread(data, bytes, len, 0) == (ssize_t)len &&
                  is_untouched(bytes, first) && is_untouched(bytes + first, len - first);
    rn_free(bytes);
    return unused;
}

/* As LMDB locks a file that it makes: its first byte, for itself alone. */
static bool lock_alone(int lock)
{
    struct flock alone = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return lock >= 0 && fcntl(lock, F_SETLK, &alone) == 0;
}

bool rn_db_fresh_empty(const char *data_file, const char *lock_file)
{
    bool emptied = false;
    int lock = -1;
    int data = open(data_file, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (data < 0 || !is_unused(data)) {
        goto done;
    }
    lock = open(lock_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock_alone(lock) && is_unused(data)) { /* again: somebody may have been making it */
        emptied = ftruncate(data, 0) == 0;
    }
done:
    if (lock >= 0) {
        (void)close(lock);
    }
    if (data >= 0) {
        (void)close(data);
    }
    return emptied;
}
