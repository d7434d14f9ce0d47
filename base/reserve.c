/* The heap first, then a region that was there from the start. Declines to know what the blocks are for. */
#include "reserve.h"

#include <malloc.h>
#include <string.h>

#include "memory.h"

#define SMALLEST 5u /* 32 bytes */
#define PROBE_BYTES ((size_t)256 * 1024)

/* In front of each block of the region; as large as what a block must be aligned to. */
struct header {
    _Alignas(16) size_t size_class;
};

static bool is_ours(const struct rn_reserve *reserve, const void *block)
{
    uintptr_t at = (uintptr_t)block;
    uintptr_t begin = (uintptr_t)reserve->region;
    return at >= begin && at < begin + reserve->size;
}

static size_t class_of(size_t size)
{
    size_t class = SMALLEST;
    while (class < RN_RESERVE_CLASSES && ((size_t)1 << class) < size) {
        class ++;
    }
    return class;
}

static struct header *header_of(void *block)
{
    return (struct header *)block - 1;
}

static size_t room_of(const struct rn_reserve *reserve, void *block)
{
    return is_ours(reserve, block) ? (size_t)1 << header_of(block)->size_class
                                   : malloc_usable_size(block);
}

/* With the lock. A freed block of that class, or a new one. */
static void *take(struct rn_reserve *reserve, size_t class)
{
    void *block = reserve->freed[class];
    size_t whole = sizeof(struct header) + ((size_t)1 << class);
    if (block != NULL) {
        memcpy(&reserve->freed[class], block, sizeof block);
        return block;
    }
    if (whole > reserve->size - reserve->cut) {
        return NULL;
    }
    struct header *header = (struct header *)(void *)(reserve->region + reserve->cut);
    reserve->cut += whole;
    header->size_class = class;
    return header + 1;
}

static void *take_from_region(struct rn_reserve *reserve, size_t size)
{
    size_t class = class_of(size);
    if (class == RN_RESERVE_CLASSES || size > reserve->largest) {
        return NULL;
    }
    (void)pthread_mutex_lock(&reserve->lock);
    void *block = take(reserve, class);
    (void)pthread_mutex_unlock(&reserve->lock);
    return block;
}

void *rn_reserve_alloc(struct rn_reserve *reserve, size_t size)
{
    void *block = rn_alloc(size);
    return block != NULL ? block : take_from_region(reserve, size);
}

void rn_reserve_free(struct rn_reserve *reserve, void *block)
{
    if (block == NULL || !is_ours(reserve, block)) {
        rn_free(block);
        return;
    }
    size_t class = header_of(block)->size_class;
    (void)pthread_mutex_lock(&reserve->lock);
    memcpy(block, &reserve->freed[class], sizeof block);
    reserve->freed[class] = block;
    (void)pthread_mutex_unlock(&reserve->lock);
}

void *rn_reserve_realloc(struct rn_reserve *reserve, void *block, size_t size)
{
    if (block == NULL) {
        return rn_reserve_alloc(reserve, size);
    }
    if (!is_ours(reserve, block)) {
        void *grown = rn_realloc(block, size);
        if (grown != NULL) {
            return grown;
        }
    }
    size_t had = room_of(reserve, block);
    if (is_ours(reserve, block) && size <= had) {
        return block;
    }
    void *moved = rn_reserve_alloc(reserve, size);
    if (moved != NULL) {
        memcpy(moved, block, had < size ? had : size);
        rn_reserve_free(reserve, block);
    }
    return moved;
}

bool rn_reserve_is_well(struct rn_reserve *reserve)
{
    (void)pthread_mutex_lock(&reserve->lock);
    bool is_well = reserve->cut <= reserve->size / 2;
    (void)pthread_mutex_unlock(&reserve->lock);
    if (!is_well) {
        void *probe = rn_alloc(PROBE_BYTES);
        is_well = probe != NULL;
        rn_free(probe);
    }
    return is_well;
}
