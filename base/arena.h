/*
 * Many small allocations with one common end, such as the nodes of a parsed document or the fields of a decoded event.
 *
 * Everything taken from an arena is freed by rn_arena_free at once. A zeroed struct is an empty arena. One thread.
 */
#ifndef RN_BASE_ARENA_H
#define RN_BASE_ARENA_H

#include "bytes.h"

struct rn_arena {
    struct rn_arena_block *blocks; /* newest first */
    size_t used;                   /* bytes handed out in all */
};

/* Zeroed memory aligned for any type, or NULL. */
void *rn_arena_alloc(struct rn_arena *arena, size_t size);
/* A copy with a final zero that is not counted; data is NULL when memory ran out. */
struct rn_bytes rn_arena_copy(struct rn_arena *arena, struct rn_bytes bytes);
char *rn_arena_text(struct rn_arena *arena, struct rn_bytes bytes);
void rn_arena_free(struct rn_arena *arena);

#endif
