/* Allocation with a seam for failure injection. Knows nothing of what is stored. */
#include "memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static _Atomic unsigned long countdown; /* 0: no injection; 1: failing now */
static atomic_bool has_failed;

static bool must_fail(void)
{
    unsigned long left = atomic_load_explicit(&countdown, memory_order_relaxed);
    if (left == 0) {
        return false;
    }
    if (left > 1) {
        atomic_fetch_sub(&countdown, 1);
        return false;
    }
    atomic_store(&has_failed, true);
    return true;
}

void *rn_alloc(size_t size)
{
    return must_fail() ? NULL : malloc(size == 0 ? 1 : size);
}

void *rn_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

void *rn_realloc(void *block, size_t size)
{
    return must_fail() ? NULL : realloc(block, size == 0 ? 1 : size);
}

void rn_free(void *block)
{
    free(block);
}

void *rn_dup(const void *data, size_t len)
{
    char *copy = rn_alloc(len + 1);
    if (copy != NULL) {
        if (len > 0) {
            memcpy(copy, data, len);
        }
        copy[len] = '\0';
    }
    return copy;
}

char *rn_dup_text(const char *text)
{
    return rn_dup(text, strlen(text));
}

void rn_memory_serve(void)
{
#ifdef M_TRIM_THRESHOLD
    (void)mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
    (void)mallopt(M_TOP_PAD, 1024 * 1024);
    /* Setting the others ends glibc's adapting of this one, which would come to about as much after the first large body. */
    (void)mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
#endif
}

void rn_memory_fail_from(unsigned long nth)
{
    atomic_store(&has_failed, false);
    atomic_store(&countdown, nth);
}

bool rn_memory_failed(void)
{
    return atomic_load(&has_failed);
}
