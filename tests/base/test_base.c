/* The nouns of base/: their limits, their canonical forms, and the four doors when a test stands behind them. */
#include "main.h"

#include <fcntl.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/varint.h"

/* --- bytes --- */

START_TEST(bytes_to_u64_takes_digits_up_to_the_maximum)
{
    uint64_t value = 7;
    ck_assert(rn_bytes_to_u64(RN_LIT("0"), &value) && value == 0);
    ck_assert(rn_bytes_to_u64(RN_LIT("18446744073709551615"), &value) && value == UINT64_MAX);
    ck_assert(rn_bytes_to_u64(RN_LIT("000000000000000000000000000012"), &value) && value == 12);
    ck_assert(!rn_bytes_to_u64(RN_LIT("18446744073709551616"), &value));
    ck_assert(!rn_bytes_to_u64(RN_LIT("18446744073709551620"), &value));
    ck_assert(!rn_bytes_to_u64(RN_LIT("99999999999999999999"), &value));
    ck_assert(!rn_bytes_to_u64(RN_LIT(""), &value));
    ck_assert(!rn_bytes_to_u64(RN_LIT("+1"), &value));
    ck_assert(!rn_bytes_to_u64(RN_LIT("1 "), &value));
    ck_assert(!rn_bytes_to_u64(RN_LIT("1a"), &value));
}
END_TEST

START_TEST(bytes_sub_is_clamped_to_the_end)
{
    struct rn_bytes text = RN_LIT("hello");
    ck_assert(rn_bytes_equal(rn_bytes_sub(text, 1, 3), RN_LIT("ell")));
    ck_assert(rn_bytes_equal(rn_bytes_sub(text, 3, RN_NPOS), RN_LIT("lo")));
    ck_assert_uint_eq(rn_bytes_sub(text, 5, 1).len, 0);
    ck_assert_uint_eq(rn_bytes_from(text, RN_NPOS).len, 0);
}
END_TEST

START_TEST(bytes_compare_orders_as_memcmp_shorter_first)
{
    ck_assert_int_lt(rn_bytes_compare(RN_LIT("a"), RN_LIT("ab")), 0);
    ck_assert_int_lt(rn_bytes_compare(RN_LIT("ab"), RN_LIT("b")), 0);
    ck_assert_int_gt(rn_bytes_compare(RN_LIT("\xff"), RN_LIT("\x7f")), 0);
    ck_assert_int_eq(rn_bytes_compare(RN_LIT("ab"), RN_LIT("ab")), 0);
    ck_assert_int_eq(rn_bytes_compare(rn_bytes_of(NULL, 0), RN_LIT("")), 0);
    ck_assert_int_lt(rn_bytes_compare(rn_bytes_of(NULL, 0), RN_LIT("a")), 0);
}
END_TEST

START_TEST(bytes_equal_nocase_folds_ascii_letters_only)
{
    ck_assert(rn_bytes_equal_nocase(RN_LIT("Content-TYPE"), RN_LIT("content-type")));
    ck_assert(!rn_bytes_equal_nocase(RN_LIT("\xc4"), RN_LIT("\xe4")));
    ck_assert(!rn_bytes_equal_nocase(RN_LIT("@"), RN_LIT("`")));
    ck_assert(!rn_bytes_equal_nocase(RN_LIT("["), RN_LIT("{")));
    ck_assert(!rn_bytes_equal_nocase(RN_LIT("a"), RN_LIT("ab")));
}
END_TEST

START_TEST(bytes_find_gives_the_first_or_none)
{
    ck_assert_uint_eq(rn_bytes_find(RN_LIT("abcabc"), RN_LIT("ca")), 2);
    ck_assert_uint_eq(rn_bytes_find(RN_LIT("abc"), RN_LIT("abcd")), RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find(RN_LIT("abc"), RN_LIT("")), 0);
    ck_assert_uint_eq(rn_bytes_find(rn_bytes_of(NULL, 0), RN_LIT("a")), RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find_nocase(RN_LIT("xxSeCret"), RN_LIT("secret")), 2);
    ck_assert_uint_eq(rn_bytes_find_nocase(RN_LIT("secre"), RN_LIT("secret")), RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find_byte(RN_LIT("a\nb"), '\n'), 1);
    ck_assert_uint_eq(rn_bytes_find_byte(rn_bytes_of(NULL, 0), 'a'), RN_NPOS);
}
END_TEST

START_TEST(bytes_affixes_and_trim_mind_the_length)
{
    ck_assert(rn_bytes_starts_with(RN_LIT("abc"), RN_LIT("abc")));
    ck_assert(!rn_bytes_starts_with(RN_LIT("ab"), RN_LIT("abc")));
    ck_assert(rn_bytes_ends_with(RN_LIT("abc"), RN_LIT("bc")));
    ck_assert(!rn_bytes_ends_with(RN_LIT("bc"), RN_LIT("abc")));
    ck_assert(rn_bytes_equal(rn_bytes_trim(RN_LIT(" \ta b\t ")), RN_LIT("a b")));
    ck_assert_uint_eq(rn_bytes_trim(RN_LIT(" \t ")).len, 0);
    ck_assert(rn_bytes_equal(rn_bytes_trim(RN_LIT("\n")), RN_LIT("\n")));
}
END_TEST

/* --- buffer --- */

START_TEST(buffer_keeps_to_its_maximum)
{
    struct rn_buffer buffer;
    rn_buffer_init(&buffer, 10);
    ck_assert_int_eq(rn_buffer_append(&buffer, "0123456789", 10), RN_OK);
    ck_assert_int_eq(rn_buffer_add_byte(&buffer, 'x'), RN_LIMIT);
    ck_assert_int_eq(rn_buffer_append(&buffer, NULL, 0), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&buffer), RN_LIT("0123456789")));
    rn_buffer_free(&buffer);
    ck_assert_uint_eq(buffer.max, 10);
    ck_assert_int_eq(rn_buffer_append(&buffer, "0123456789a", 11), RN_LIMIT);
    ck_assert_uint_eq(buffer.len, 0);
    ck_assert_int_eq(rn_buffer_reserve(&buffer, SIZE_MAX), RN_LIMIT);
    rn_buffer_free(&buffer);
}
END_TEST

START_TEST(buffer_formats_up_to_its_maximum)
{
    struct rn_buffer buffer;
    rn_buffer_init(&buffer, 256);
    ck_assert_int_eq(rn_buffer_addf(&buffer, "%0256d", 7), RN_OK);
    ck_assert_uint_eq(buffer.len, 256);
    ck_assert_int_eq(rn_buffer_addf(&buffer, "%s", ""), RN_OK);
    ck_assert_int_eq(rn_buffer_addf(&buffer, "x"), RN_LIMIT);
    ck_assert_uint_eq(buffer.len, 256);
    ck_assert_uint_eq(buffer.max, 256);
    rn_buffer_free(&buffer);
}
END_TEST

START_TEST(buffer_consumes_at_the_front)
{
    struct rn_buffer buffer = {0};
    rn_buffer_addf(&buffer, "%s-%d", "hello", 12);
    rn_buffer_consume(&buffer, 0);
    rn_buffer_consume(&buffer, 6);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&buffer), RN_LIT("12")));
    rn_buffer_consume(&buffer, 2);
    ck_assert_uint_eq(buffer.len, 0);
    rn_buffer_free(&buffer);
}
END_TEST

START_TEST(buffer_without_memory_stays_as_it_was)
{
    struct rn_buffer buffer = {0};
    uint8_t more[1000] = {0};
    ck_assert_int_eq(rn_buffer_append(&buffer, "abc", 3), RN_OK);
    rn_memory_fail_from(1);
    ck_assert_int_eq(rn_buffer_append(&buffer, more, sizeof more), RN_NOMEM);
    ck_assert_int_eq(rn_buffer_addf(&buffer, "%01000d", 1), RN_NOMEM);
    ck_assert(rn_memory_failed());
    rn_memory_fail_from(0);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&buffer), RN_LIT("abc")));
    rn_buffer_free(&buffer);
}
END_TEST

/* --- varint --- */

START_TEST(varint_gives_back_every_length)
{
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t value = bits == 0 ? 0 : UINT64_MAX >> (64 - bits);
        for (uint64_t delta = 0; delta < 2; delta++) {
            struct rn_buffer buffer = {0};
            uint64_t got = 0;
            ck_assert_int_eq(rn_varint_put(&buffer, value + delta), RN_OK);
            struct rn_bytes in = rn_buffer_bytes(&buffer);
            ck_assert(rn_varint_get(&in, &got));
            ck_assert_uint_eq(got, value + delta);
            ck_assert_uint_eq(in.len, 0);
            in = rn_bytes_sub(rn_buffer_bytes(&buffer), 0, buffer.len - 1);
            ck_assert(!rn_varint_get(&in, &got));
            rn_buffer_free(&buffer);
        }
    }
}
END_TEST

START_TEST(varint_refuses_every_form_but_the_shortest)
{
    static const struct rn_bytes rows[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\x80\x00", 2},
        {(const uint8_t *)"\x81\x00", 2},
        {(const uint8_t *)"\xff\xff\x80\x00", 4},
        {(const uint8_t *)"\x80", 1},
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81", 10},
        {(const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
        {(const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rn_bytes in = rows[i];
        uint64_t value = 0;
        ck_assert_msg(!rn_varint_get(&in, &value), "row %zu", i);
        ck_assert_uint_eq(in.len, rows[i].len);
    }
}
END_TEST

START_TEST(run_longer_than_the_input_is_refused)
{
    struct rn_buffer buffer = {0};
    struct rn_bytes run;
    ck_assert_int_eq(rn_run_put(&buffer, RN_LIT("hello")), RN_OK);
    ck_assert_int_eq(rn_run_put(&buffer, RN_LIT("")), RN_OK);
    struct rn_bytes in = rn_buffer_bytes(&buffer);
    ck_assert(rn_run_get(&in, &run) && rn_bytes_equal(run, RN_LIT("hello")));
    ck_assert(rn_run_get(&in, &run) && run.len == 0);
    ck_assert(!rn_run_get(&in, &run));
    in = rn_bytes_sub(rn_buffer_bytes(&buffer), 0, 5);
    ck_assert(!rn_run_get(&in, &run));
    ck_assert_uint_eq(in.len, 5);
    in = RN_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    ck_assert(!rn_run_get(&in, &run));
    rn_buffer_free(&buffer);
}
END_TEST

/* --- digest --- */

START_TEST(hex_gives_back_what_it_wrote)
{
    uint8_t bytes[256];
    uint8_t back[256];
    char text[513];
    for (unsigned i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
    }
    rn_hex(rn_bytes_of(bytes, 256), text);
    ck_assert_uint_eq(strlen(text), 512);
    ck_assert(rn_unhex(rn_bytes_text(text), back, 256));
    ck_assert_mem_eq(bytes, back, 256);
    ck_assert(rn_unhex(RN_LIT("aBfF09"), back, 3));
    ck_assert_mem_eq(back, "\xab\xff\x09", 3);
}
END_TEST

START_TEST(unhex_refuses_other_lengths_and_digits)
{
    uint8_t out[2];
    ck_assert(!rn_unhex(RN_LIT("abc"), out, 2));
    ck_assert(!rn_unhex(RN_LIT("abcde"), out, 2));
    ck_assert(!rn_unhex(RN_LIT("abcg"), out, 2));
    ck_assert(!rn_unhex(RN_LIT("ab d"), out, 2));
    ck_assert(!rn_unhex(RN_LIT("0x12"), out, 2));
    ck_assert(rn_unhex(RN_LIT(""), out, 0));
}
END_TEST

static void assert_hex(const uint8_t digest[RN_SHA256_BYTES], const char *want)
{
    char text[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(digest, RN_SHA256_BYTES), text);
    ck_assert_str_eq(text, want);
}

/* FIPS 180-4 "abc"; RFC 4231 test case 2. */
START_TEST(digest_matches_the_published_vectors)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const struct rn_bytes runs[] = {RN_LIT("a"), RN_LIT(""), RN_LIT("bc")};
    uint8_t digest[RN_SHA256_BYTES];
    ck_assert(rn_sha256_of(runs, 3, digest));
    assert_hex(digest, abc);
    struct rn_sha256 *hash = rn_sha256_begin();
    rn_sha256_add(hash, runs[0]);
    rn_sha256_add(hash, runs[2]);
    rn_sha256_end(hash, digest);
    assert_hex(digest, abc);
    ck_assert(rn_sha256_of(NULL, 0, digest));
    assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert(rn_hmac_sha256(RN_LIT("Jefe"), RN_LIT("what do ya want for nothing?"), digest));
    assert_hex(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    ck_assert(rn_hmac_sha256(RN_LIT(""), RN_LIT(""), digest));
    assert_hex(digest, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    /* RFC 4231, case 6, and the same key again among others: a key is kept, and a long one stands for its hash. */
    uint8_t long_key[131];
    memset(long_key, 0xaa, sizeof long_key);
    for (size_t i = 0; i < 5; i++) {
        ck_assert(rn_hmac_sha256(rn_bytes_of(long_key, sizeof long_key),
                                 RN_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
                                 digest));
        assert_hex(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
        ck_assert(rn_hmac_sha256(RN_LIT("Jefe"), RN_LIT("what do ya want for nothing?"), digest));
        assert_hex(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        ck_assert(rn_hmac_sha256(rn_bytes_of(long_key, 1 + i % 3), RN_LIT("x"), digest));
    }
    ck_assert_uint_eq(rn_crc32(rn_crc32(0, RN_LIT("1234")), RN_LIT("56789")), 0xcbf43926u);
    rn_sha256_drop(rn_sha256_begin());
    rn_sha256_drop(NULL);
}
END_TEST

/* --- arena --- */

START_TEST(arena_gives_aligned_zeroed_memory_of_any_size)
{
    static const size_t sizes[] = {0, 1, 3, 16, 17, 5000, 16384, 16385, 100000, 1};
    struct rn_arena arena = {0};
    uint8_t *blocks[sizeof sizes / sizeof sizes[0]];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        blocks[i] = rn_arena_alloc(&arena, sizes[i]);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < sizes[i]; j++) {
            ck_assert_uint_eq(blocks[i][j], 0);
        }
        memset(blocks[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ck_assert(sizes[i] == 0 || blocks[i][sizes[i] - 1] == i + 1);
    }
    ck_assert_ptr_null(rn_arena_alloc(&arena, SIZE_MAX));
    rn_arena_free(&arena);
    ck_assert_ptr_null(arena.blocks);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(arena_copies_end_with_an_uncounted_zero)
{
    struct rn_arena arena = {0};
    struct rn_bytes copy = rn_arena_copy(&arena, RN_LIT("a\0b"));
    ck_assert_uint_eq(copy.len, 3);
    ck_assert_mem_eq(copy.data, "a\0b\0", 4);
    ck_assert_str_eq(rn_arena_text(&arena, RN_LIT("text")), "text");
    ck_assert_str_eq(rn_arena_text(&arena, rn_bytes_of(NULL, 0)), "");
    rn_memory_fail_from(1);
    ck_assert_ptr_null(rn_arena_alloc(&arena, 20000));
    uint8_t large[20000] = {0};
    ck_assert_ptr_null(rn_arena_copy(&arena, rn_bytes_of(large, sizeof large)).data);
    rn_memory_fail_from(0);
    rn_arena_free(&arena);
}
END_TEST

/* --- memory --- */

START_TEST(memory_fails_from_the_given_call_on)
{
    rn_memory_fail_from(3);
    void *first = rn_alloc(1);
    void *second = rn_calloc(2, 2);
    ck_assert(first != NULL && second != NULL && !rn_memory_failed());
    ck_assert_ptr_null(rn_alloc(1));
    ck_assert_ptr_null(rn_realloc(first, 100));
    ck_assert_ptr_null(rn_dup_text("x"));
    ck_assert(rn_memory_failed());
    rn_memory_fail_from(0);
    ck_assert(!rn_memory_failed());
    first = rn_realloc(first, 100);
    ck_assert_ptr_nonnull(first);
    rn_free(first);
    rn_free(second);
    rn_free(NULL);
}
END_TEST

START_TEST(memory_of_no_size_is_still_memory)
{
    void *blocks[] = {rn_alloc(0), rn_calloc(0, 8), rn_calloc(8, 0), rn_realloc(NULL, 0),
                      rn_dup("", 0)};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        ck_assert_ptr_nonnull(blocks[i]);
        rn_free(blocks[i]);
    }
}
END_TEST

/* --- clock --- */

START_TEST(clock_held_stands_still_and_chance_repeats)
{
    uint8_t first[33];
    uint8_t second[33];
    rn_clock_hold(1700000000123456789u, 42, 7);
    rn_random_bytes(first, sizeof first);
    ck_assert_uint_eq(rn_clock_wall_ns(), 1700000000123456789u);
    ck_assert_uint_eq(rn_clock_mono_ns(), 42);
    rn_clock_hold(1700000000123456789u, 43, 7);
    rn_random_bytes(second, sizeof second);
    ck_assert_uint_eq(rn_clock_mono_ns(), 43);
    ck_assert_mem_eq(first, second, sizeof first);
    rn_random_bytes(second, sizeof second);
    ck_assert_mem_ne(first, second, sizeof first);
    rn_clock_hold(1, 2, 8);
    rn_random_bytes(second, sizeof second);
    ck_assert_mem_ne(first, second, sizeof first);
    rn_clock_release();
    ck_assert_uint_gt(rn_clock_wall_ns(), 1700000000123456789u);
}
END_TEST

START_TEST(clock_released_goes_on_and_chance_differs)
{
    uint8_t first[32] = {0};
    uint8_t second[32] = {0};
    uint64_t before = rn_clock_mono_ns();
    ck_assert_uint_ge(rn_clock_mono_ns(), before);
    rn_random_bytes(first, sizeof first);
    rn_random_bytes(second, sizeof second);
    ck_assert_mem_ne(first, second, sizeof first);
}
END_TEST

START_TEST(uuid7_has_time_version_and_variant_in_place)
{
    uint8_t uuid[16];
    for (uint64_t seed = 0; seed < 50; seed++) {
        rn_clock_hold(UINT64_C(0x0123456789ab) * 1000000 + 999999, 0, seed);
        rn_uuid7(uuid);
        ck_assert_mem_eq(uuid, "\x01\x23\x45\x67\x89\xab", 6);
        ck_assert_uint_eq(uuid[6] >> 4, 7);
        ck_assert_uint_eq(uuid[8] >> 6, 2);
    }
    rn_clock_release();
}
END_TEST

START_TEST(uuid7_sorts_by_time)
{
    uint8_t earlier[16];
    uint8_t later[16];
    rn_clock_hold(1700000000000000000u, 0, 1);
    rn_uuid7(earlier);
    rn_clock_hold(1700000000001000000u, 0, 1);
    rn_uuid7(later);
    rn_clock_release();
    ck_assert_int_lt(memcmp(earlier, later, 16), 0);
}
END_TEST

/* --- file --- */

static char directory[64];

static void make_directory(void)
{
    strcpy(directory, "/tmp/rn_test_base.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static const char *in_directory(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void remove_directory(void)
{
    (void)unlink(in_directory("file"));
    (void)rmdir(in_directory("a/b"));
    (void)rmdir(in_directory("a"));
    ck_assert_int_eq(rmdir(directory), 0); /* fails where a temporary file stayed behind */
}

START_TEST(file_is_replaced_as_a_whole_and_read_back)
{
    struct rn_error error;
    struct rn_buffer out = {0};
    struct stat found;
    char large[10000];
    memset(large, 'x', sizeof large);
    ck_assert_int_eq(
        rn_file_write(in_directory("file"), rn_bytes_of(large, sizeof large), 0600, &error), RN_OK);
    ck_assert_int_eq(rn_file_read(in_directory("file"), &out, &error), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), rn_bytes_of(large, sizeof large)));
    rn_buffer_clear(&out);
    ck_assert_int_eq(stat(in_directory("file"), &found), 0);
    ck_assert_uint_eq(found.st_mode & 0777, 0600);
    ck_assert_int_eq(rn_file_write(in_directory("file"), RN_LIT("new"), 0600, &error), RN_OK);
    ck_assert_int_eq(rn_file_read(in_directory("file"), &out, &error), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("new")));
    rn_buffer_free(&out);
}
END_TEST

START_TEST(file_behind_a_link_is_replaced_and_the_link_stays)
{
    struct rn_error error;
    struct rn_buffer out = {0};
    struct stat found;
    ck_assert_int_eq(rn_file_write(in_directory("file"), RN_LIT("old"), 0600, &error), RN_OK);
    ck_assert_int_eq(symlink("file", in_directory("link")), 0);
    ck_assert_int_eq(rn_file_write(in_directory("link"), RN_LIT("new"), 0600, &error), RN_OK);
    ck_assert_int_eq(lstat(in_directory("link"), &found), 0);
    ck_assert(S_ISLNK(found.st_mode));
    ck_assert_int_eq(rn_file_read(in_directory("file"), &out, &error), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("new")));
    ck_assert_int_eq(unlink(in_directory("link")), 0);
    rn_buffer_free(&out);
}
END_TEST

/* Root may replace /dev/null, and everything on the machine that writes to it would fill a file. */
START_TEST(file_that_is_no_regular_one_is_written_to_and_stays)
{
    struct rn_error error;
    struct stat found;
    char text[4] = "";
    ck_assert_int_eq(mkfifo(in_directory("pipe"), 0600), 0);
    int reader = open(in_directory("pipe"), O_RDONLY | O_NONBLOCK);
    ck_assert_int_ge(reader, 0);
    enum rn_status status = rn_file_write(in_directory("pipe"), RN_LIT("new"), 0600, &error);
    ssize_t got = read(reader, text, sizeof text);
    (void)close(reader);
    ck_assert_int_eq(lstat(in_directory("pipe"), &found), 0);
    ck_assert_int_eq(unlink(in_directory("pipe")), 0);
    ck_assert_int_eq(status, RN_OK);
    ck_assert(S_ISFIFO(found.st_mode));
    ck_assert_int_eq(got, 3);
    ck_assert_str_eq(text, "new");
}
END_TEST

START_TEST(file_that_cannot_be_replaced_stays)
{
    struct rn_error error;
    ck_assert_int_eq(rn_file_make_directory(in_directory("a/b"), 0700, &error), RN_OK);
    ck_assert_int_eq(rn_file_write(in_directory("a"), RN_LIT("new"), 0600, &error), RN_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "cannot write"));
    ck_assert_int_eq(access(in_directory("a/b"), F_OK), 0);
    ck_assert_int_eq(rn_file_write(in_directory("missing/file"), RN_LIT("x"), 0600, &error), RN_IO);
}
END_TEST

START_TEST(file_read_keeps_to_the_buffers_maximum)
{
    struct rn_error error;
    struct rn_buffer out;
    ck_assert_int_eq(rn_file_write(in_directory("file"), RN_LIT("0123456789"), 0600, &error),
                     RN_OK);
    rn_buffer_init(&out, 10);
    ck_assert_int_eq(rn_file_read(in_directory("file"), &out, &error), RN_OK);
    ck_assert_uint_eq(out.len, 10);
    rn_buffer_free(&out);
    rn_buffer_init(&out, 9);
    ck_assert_int_eq(rn_file_read(in_directory("file"), &out, &error), RN_LIMIT);
    ck_assert_ptr_nonnull(strstr(error.text, "too large"));
    rn_buffer_free(&out);
    rn_buffer_init(&out, 0);
    rn_memory_fail_from(1);
    enum rn_status status = rn_file_read(in_directory("file"), &out, &error);
    rn_memory_fail_from(0);
    ck_assert_int_eq(status, RN_NOMEM);
    ck_assert_int_eq(rn_file_read(in_directory("missing"), &out, &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_file_read(directory, &out, &error), RN_IO);
    ck_assert_int_eq(mkfifo(in_directory("pipe"), 0600), 0);
    ck_assert_int_eq(rn_file_read(in_directory("pipe"), &out, &error), RN_IO);
    ck_assert_int_eq(unlink(in_directory("pipe")), 0);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(file_make_directory_makes_parents_once)
{
    struct rn_error error;
    ck_assert_int_eq(rn_file_make_directory(in_directory("a/b"), 0700, &error), RN_OK);
    ck_assert_int_eq(rn_file_make_directory(in_directory("a/b/"), 0700, &error), RN_OK);
    ck_assert_int_eq(rn_file_write(in_directory("file"), RN_LIT(""), 0600, &error), RN_OK);
    ck_assert_int_eq(rn_file_make_directory(in_directory("file"), 0700, &error), RN_IO);
    ck_assert_int_eq(rn_file_make_directory(in_directory("file/x"), 0700, &error), RN_IO);
    ck_assert_int_eq(rn_file_make_directory("", 0700, &error), RN_INVALID);
}
END_TEST

/* --- status --- */

START_TEST(status_fills_the_sentence_and_is_returned)
{
    struct rn_error error;
    char longer[2 * RN_ERROR_BYTES_MAX];
    ck_assert_int_eq(rn_fail(&error, RN_BUSY, "%s is held by %d", "it", 7), RN_BUSY);
    ck_assert_int_eq(error.status, RN_BUSY);
    ck_assert_str_eq(error.text, "it is held by 7");
    ck_assert_int_eq(rn_fail(NULL, RN_IO, "nobody listens"), RN_IO);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    rn_fail(&error, RN_IO, "%s", longer);
    ck_assert_uint_eq(strlen(error.text), RN_ERROR_BYTES_MAX - 1);
    for (int status = RN_OK; status <= RN_NEWER; status++) {
        ck_assert_str_ne(rn_status_name((enum rn_status)status), "unknown status");
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("base");
    RN_CASE(suite, "bytes", bytes_to_u64_takes_digits_up_to_the_maximum,
            bytes_sub_is_clamped_to_the_end, bytes_compare_orders_as_memcmp_shorter_first,
            bytes_equal_nocase_folds_ascii_letters_only, bytes_find_gives_the_first_or_none,
            bytes_affixes_and_trim_mind_the_length);
    RN_CASE(suite, "buffer", buffer_keeps_to_its_maximum, buffer_formats_up_to_its_maximum,
            buffer_consumes_at_the_front, buffer_without_memory_stays_as_it_was);
    RN_CASE(suite, "varint", varint_gives_back_every_length,
            varint_refuses_every_form_but_the_shortest, run_longer_than_the_input_is_refused);
    RN_CASE(suite, "digest", hex_gives_back_what_it_wrote, unhex_refuses_other_lengths_and_digits,
            digest_matches_the_published_vectors);
    RN_CASE(suite, "arena", arena_gives_aligned_zeroed_memory_of_any_size,
            arena_copies_end_with_an_uncounted_zero);
    RN_CASE(suite, "doors", memory_fails_from_the_given_call_on, memory_of_no_size_is_still_memory,
            clock_held_stands_still_and_chance_repeats, clock_released_goes_on_and_chance_differs,
            uuid7_has_time_version_and_variant_in_place, uuid7_sorts_by_time);
    RN_CASE(suite, "status", status_fills_the_sentence_and_is_returned);
    TCase *files = tcase_create("file");
    tcase_add_checked_fixture(files, make_directory, remove_directory);
    tcase_add_test(files, file_is_replaced_as_a_whole_and_read_back);
    tcase_add_test(files, file_behind_a_link_is_replaced_and_the_link_stays);
    tcase_add_test(files, file_that_is_no_regular_one_is_written_to_and_stays);
    tcase_add_test(files, file_that_cannot_be_replaced_stays);
    tcase_add_test(files, file_read_keeps_to_the_buffers_maximum);
    tcase_add_test(files, file_make_directory_makes_parents_once);
    suite_add_tcase(suite, files);
    return suite;
}
