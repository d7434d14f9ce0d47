/* The reserve: the heap first, the region where that refuses, and blocks that go back to where they came from. */
#include "main.h"

#include <string.h>

#include "base/memory.h"
#include "base/reserve.h"

#define REGION_BYTES ((size_t)64 * 1024)

static _Alignas(16) uint8_t region[REGION_BYTES];
static struct rn_reserve reserve = RN_RESERVE_OVER(region, 4096);

static bool is_of_region(const void *block)
{
    return (const uint8_t *)block >= region && (const uint8_t *)block < region + sizeof region;
}

START_TEST(reserve_is_not_touched_while_the_heap_gives)
{
    void *block = rn_reserve_alloc(&reserve, 100);
    ck_assert_ptr_nonnull(block);
    ck_assert(!is_of_region(block));
    ck_assert_uint_eq(reserve.cut, 0);
    rn_reserve_free(&reserve, block);
}
END_TEST

START_TEST(reserve_gives_what_the_heap_refuses)
{
    rn_memory_fail_from(1);
    uint8_t *block = rn_reserve_alloc(&reserve, 4096);
    void *larger = rn_reserve_alloc(&reserve, 4097);
    rn_memory_fail_from(0);
    ck_assert(is_of_region(block));
    ck_assert_uint_eq((uintptr_t)block % 16, 0);
    ck_assert_ptr_null(larger);
    memset(block, 1, 4096);
    rn_reserve_free(&reserve, block);
}
END_TEST

START_TEST(reserve_uses_again_what_was_freed)
{
    rn_memory_fail_from(1);
    for (int i = 0; i < 10000; i++) {
        void *small = rn_reserve_alloc(&reserve, 33);
        void *large = rn_reserve_alloc(&reserve, 3000);
        ck_assert(is_of_region(small) && is_of_region(large));
        rn_reserve_free(&reserve, small);
        rn_reserve_free(&reserve, large);
    }
    rn_memory_fail_from(0);
}
END_TEST

START_TEST(reserve_moves_a_block_with_its_bytes)
{
    char *block = rn_reserve_alloc(&reserve, 10);
    memcpy(block, "nine chars", 10);
    rn_memory_fail_from(1);
    block = rn_reserve_realloc(&reserve, block, 500); /* off the heap */
    ck_assert(is_of_region(block));
    ck_assert_mem_eq(block, "nine chars", 10);
    ck_assert_ptr_eq(rn_reserve_realloc(&reserve, block, 512), block);
    ck_assert_ptr_null(rn_reserve_realloc(&reserve, block, REGION_BYTES));
    ck_assert_mem_eq(block, "nine chars", 10);
    rn_memory_fail_from(0);
    block = rn_reserve_realloc(&reserve, block, 5000); /* and back */
    ck_assert(!is_of_region(block));
    ck_assert_mem_eq(block, "nine chars", 10);
    rn_reserve_free(&reserve, block);
}
END_TEST

START_TEST(reserve_ends_and_says_so_before)
{
    size_t given = 0;
    ck_assert(rn_reserve_is_well(&reserve));
    rn_memory_fail_from(1);
    while (rn_reserve_is_well(&reserve)) {
        ck_assert_ptr_nonnull(rn_reserve_alloc(&reserve, 1000));
        given++;
    }
    ck_assert_uint_ge(given, REGION_BYTES / 2 / 1040);
    while (rn_reserve_alloc(&reserve, 1000) != NULL) {
        given++;
    }
    ck_assert_uint_ge(given, REGION_BYTES / 1040);
    rn_memory_fail_from(0);
    ck_assert(rn_reserve_is_well(&reserve)); /* the heap gives again */
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("reserve");
    RN_CASE(suite, "reserve", reserve_is_not_touched_while_the_heap_gives,
            reserve_gives_what_the_heap_refuses, reserve_uses_again_what_was_freed,
            reserve_moves_a_block_with_its_bytes, reserve_ends_and_says_so_before);
    return suite;
}
