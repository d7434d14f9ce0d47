/*
 * A last reserve of memory for libraries that die where there is none: libev aborts, OpenSSL 3.0 crashes in its beginning.
 *
 * It is address space of the program, which nobody can refuse later and which costs nothing until it is touched. The heap comes
 * first; only what it refuses is taken from here, in blocks of powers of two, and used again when it is freed. Any thread.
 */
#ifndef RN_BASE_RESERVE_H
#define RN_BASE_RESERVE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RN_RESERVE_CLASSES 32u

struct rn_reserve {
    uint8_t *region; /* aligned to 16 */
    size_t size;
    size_t largest;       /* a larger block is not taken from here */
    pthread_mutex_t lock; /* over all below */
    size_t cut;           /* bytes of the region that were ever given out */
    void *freed[RN_RESERVE_CLASSES];
};

/* For a static one over a static array, which _Alignas(16) belongs before. */
#define RN_RESERVE_OVER(array, largest_block)                                                      \
    {                                                                                              \
        .region = (array), .size = sizeof(array), .largest = (largest_block),                      \
        .lock = PTHREAD_MUTEX_INITIALIZER,                                                         \
    }

/* As their namesakes in memory.h; NULL when the reserve is used up as well. A block goes back to where it came from. */
void *rn_reserve_alloc(struct rn_reserve *reserve, size_t size);
void *rn_reserve_realloc(struct rn_reserve *reserve, void *block, size_t size);
void rn_reserve_free(struct rn_reserve *reserve, void *block);

/* Whether at least half was never needed, or the heap gives such a block again: ask before you make a library grow. */
bool rn_reserve_is_well(struct rn_reserve *reserve);

#endif
