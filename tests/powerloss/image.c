/*
 * Builds crash images. In come a log and a moment, out comes a file; what a store would make of it is judge.c's.
 */
#include "image.h"

#include <stdlib.h>
#include <string.h>

uint64_t image_chance(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

const char *image_mode_name(enum image_mode mode)
{
    static const char *const names[IMAGE_MODE_COUNT] = {
        [IMAGE_NEVER] = "never",     [IMAGE_ALWAYS] = "always", [IMAGE_PAGES] = "pages",
        [IMAGE_SECTORS] = "sectors", [IMAGE_SHORT] = "short",   [IMAGE_STUMP] = "stump",
    };
    return names[mode];
}

void image_free(struct image *image)
{
    free(image->bytes);
    *image = (struct image){0};
}

static void put(struct image *image, uint64_t offset, const uint8_t *bytes, size_t len)
{
    size_t end = (size_t)offset + len;
    if (len == 0) {
        return;
    }
    if (end > image->cap) {
        image->cap = end * 2;
        image->bytes = realloc(image->bytes, image->cap);
        if (image->bytes == NULL) {
            abort();
        }
    }
    if (end > image->len) {
        memset(image->bytes + image->len, 0, end - image->len);
        image->len = end;
    }
    memcpy(image->bytes + offset, bytes, len);
}

static void put_op(struct image *image, const struct disk_log *log, const struct disk_op *op)
{
    put(image, op->offset, log->bytes + op->at, op->len);
}

static void put_sectors(struct image *image, const struct disk_log *log, const struct disk_op *op,
                        uint64_t *seed)
{
    size_t done = 0;
    while (done < op->len) {
        size_t step = IMAGE_SECTOR_BYTES - (size_t)((op->offset + done) % IMAGE_SECTOR_BYTES);
        step = step < op->len - done ? step : op->len - done;
        if (image_chance(seed) % 2 == 0) {
            put(image, op->offset + done, log->bytes + op->at + done, step);
        }
        done += step;
    }
}

/* The operation that the power cut found on its way. */
static void put_in_flight(struct image *image, const struct disk_log *log, size_t cut,
                          uint64_t *seed)
{
    if (cut >= log->count || log->ops[cut].kind != DISK_META) {
        return;
    }
    struct disk_op front = log->ops[cut];
    uint64_t chance = image_chance(seed) % 4;
    if (chance == 0) {
        return;
    }
    if (chance > 1) {
        front.len = (size_t)(image_chance(seed) % (front.len / 8 + 1)) * 8;
    }
    put_op(image, log, &front);
}

bool image_has_commit(const struct disk_log *log, size_t cut)
{
    for (size_t i = 0; i < cut && i < log->count; i++) {
        if (log->ops[i].kind == DISK_META) {
            return true;
        }
    }
    return false;
}

/* Index behind the last sync. */
static size_t behind_sync(const struct disk_log *log, size_t cut)
{
    while (cut > 0 && log->ops[cut - 1].kind != DISK_SYNC) {
        cut--;
    }
    return cut;
}

static void put_unsynced(struct image *image, const struct disk_log *log, const struct disk_op *op,
                         enum image_mode mode, uint64_t *seed)
{
    if (op->kind == DISK_META || mode == IMAGE_ALWAYS || mode == IMAGE_SHORT) {
        put_op(image, log, op);
    } else if (mode == IMAGE_PAGES && image_chance(seed) % 2 == 0) {
        put_op(image, log, op);
    } else if (mode == IMAGE_SECTORS) {
        put_sectors(image, log, op, seed);
    }
}

void image_build(const struct image *base, const struct disk_log *log, size_t cut,
                 enum image_mode mode, uint64_t seed, struct image *out)
{
    size_t synced = behind_sync(log, cut);
    out->len = 0;
    put(out, 0, base->bytes, base->len);
    for (size_t i = 0; i < synced; i++) {
        put_op(out, log, &log->ops[i]);
    }
    size_t synced_len = out->len;
    for (size_t i = synced; i < cut; i++) {
        if (log->ops[i].kind == DISK_META || mode != IMAGE_STUMP) {
            put_unsynced(out, log, &log->ops[i], mode, &seed);
        }
    }
    put_in_flight(out, log, cut, &seed);
    if (mode == IMAGE_SHORT && out->len > synced_len) {
        size_t sectors = (out->len - synced_len) / IMAGE_SECTOR_BYTES;
        out->len = synced_len + (size_t)(image_chance(&seed) % (sectors + 1)) * IMAGE_SECTOR_BYTES;
    } else if (mode == IMAGE_STUMP && synced_len > 0) {
        size_t most = image_chance(&seed) % 4 == 0 && synced_len > 12288 ? 12288 : synced_len;
        out->len = 1 + (size_t)(image_chance(&seed) % (most - 1));
    }
}
