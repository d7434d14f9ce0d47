/*
 * What is on the platter when the power goes: an image of data.mdb after the first `cut` operations of a log.
 *
 * What a sync has confirmed, or O_DSYNC, is there. What was written since may be there, whole, in part, or not at all, each
 * sector of 512 bytes for itself. A sector is written whole, but for a meta page in flight: of that some front may be there
 * (LMDB puts the transaction's number last).
 */
#ifndef RN_TESTS_POWERLOSS_IMAGE_H
#define RN_TESTS_POWERLOSS_IMAGE_H

#include "disk.h"

#define IMAGE_SECTOR_BYTES 512u

/* What becomes of unsynced writes. */
enum image_mode {
    IMAGE_NEVER,
    IMAGE_ALWAYS,
    IMAGE_PAGES,   /* each write or none of it */
    IMAGE_SECTORS, /* each sector or none of it */
    IMAGE_SHORT,   /* all, but the file ends before its last bytes */
    IMAGE_STUMP,   /* no power loss but worse: the file ends within what was synced */
    IMAGE_MODE_COUNT
};

struct image {
    uint8_t *bytes;
    size_t len;
    size_t cap;
};

/* splitmix64 */
uint64_t image_chance(uint64_t *seed);

const char *image_mode_name(enum image_mode mode);
/* `base` is the file before the log began. Everything left to chance comes from `seed`. */
void image_build(const struct image *base, const struct disk_log *log, size_t cut,
                 enum image_mode mode, uint64_t seed, struct image *out);
void image_free(struct image *image);
/* Whether a commit was completed before the cut. */
bool image_has_commit(const struct disk_log *log, size_t cut);

#endif
