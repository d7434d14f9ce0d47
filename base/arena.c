/* Block arena: bump allocation, freed as a whole. */
#include "arena.h"

#include <stdalign.h>
#include <string.h>

#include "memory.h"

#define BLOCK_BYTES ((size_t)16 * 1024)

struct rn_arena_block {
    struct rn_arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) uint8_t space[];
};

static struct rn_arena_block *block_new(size_t size)
{
    struct rn_arena_block *block = rn_alloc(sizeof *block + size);
    if (block != NULL) {
        block->next = NULL;
        block->used = 0;
        block->size = size;
    }
    return block;
}

void *rn_arena_alloc(struct rn_arena *arena, size_t size)
{
    size_t unit = alignof(max_align_t);
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + unit - 1) / unit * unit;
    struct rn_arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size) {
        block = block_new(size > BLOCK_BYTES ? size : BLOCK_BYTES);
        if (block == NULL) {
            return NULL;
        }
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *space = block->space + block->used;
    block->used += size;
    arena->used += size;
    return memset(space, 0, size);
}

struct rn_bytes rn_arena_copy(struct rn_arena *arena, struct rn_bytes bytes)
{
    uint8_t *copy = rn_arena_alloc(arena, bytes.len + 1);
    if (copy == NULL) {
        return (struct rn_bytes){NULL, 0};
    }
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return (struct rn_bytes){copy, bytes.len};
}

char *rn_arena_text(struct rn_arena *arena, struct rn_bytes bytes)
{
    return (char *)(uintptr_t)rn_arena_copy(arena, bytes).data;
}

void rn_arena_free(struct rn_arena *arena)
{
    struct rn_arena_block *block = arena->blocks;
    while (block != NULL) {
        struct rn_arena_block *next = block->next;
        rn_free(block);
        block = next;
    }
    *arena = (struct rn_arena){0};
}
