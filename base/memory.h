/*
 * The door for memory. Every allocation of ours comes through here, so that a test can make the seventh one fail.
 *
 * Ownership: what these return is freed by rn_free. NULL means out of memory, never a size of zero (a request for zero
 * bytes gets one byte). Any thread.
 */
#ifndef RN_BASE_MEMORY_H
#define RN_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *rn_alloc(size_t size);
void *rn_calloc(size_t count, size_t size);
/* As realloc(3): on NULL the old block stays valid and yours. */
void *rn_realloc(void *block, size_t size);
void rn_free(void *block);

/* A copy with a final zero that is not counted in `len`. */
void *rn_dup(const void *data, size_t len);
char *rn_dup_text(const char *text);

/*
 * For a process that serves: freed memory stays with it up to some megabytes, instead of going to the kernel and coming back
 * zeroed, page by page, for every request (a tenth of the loop's CPU). Call it before there are threads.
 */
void rn_memory_serve(void);

/* For tests: the call number `nth` (1 = next) and all later ones fail; 0 switches the failures off. */
void rn_memory_fail_from(unsigned long nth);
/* For tests: whether an injected failure has happened since the last rn_memory_fail_from. */
bool rn_memory_failed(void);

#endif
