/* Content codings: what the libraries pack is unpacked, lies are told, bombs stop at the bound. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "coding.h"

static struct rn_buffer pack_zlib(struct rn_bytes in, int window_bits)
{
    struct rn_buffer out = {0};
    z_stream stream = {0};
    ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    ck_assert_int_eq(rn_buffer_reserve(&out, deflateBound(&stream, in.len) + 64), RN_OK);
    stream.next_in = (Bytef *)(uintptr_t)in.data;
    stream.avail_in = (unsigned)in.len;
    stream.next_out = out.data;
    stream.avail_out = (unsigned)out.cap;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.len = stream.total_out;
    deflateEnd(&stream);
    return out;
}

static struct rn_buffer pack_brotli(struct rn_bytes in)
{
    struct rn_buffer out = {0};
    size_t len = BrotliEncoderMaxCompressedSize(in.len) + 64;
    ck_assert_int_eq(rn_buffer_reserve(&out, len), RN_OK);
    ck_assert(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, in.len, in.data, &len, out.data));
    out.len = len;
    return out;
}

static struct rn_buffer pack_zstd(struct rn_bytes in)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_buffer_reserve(&out, ZSTD_compressBound(in.len)), RN_OK);
    out.len = ZSTD_compress(out.data, out.cap, in.data, in.len, 3);
    ck_assert(!ZSTD_isError(out.len));
    return out;
}

static struct rn_buffer pack(const char *coding, struct rn_bytes in)
{
    if (strcmp(coding, "br") == 0) {
        return pack_brotli(in);
    }
    if (strcmp(coding, "zstd") == 0) {
        return pack_zstd(in);
    }
    return pack_zlib(in, strcmp(coding, "gzip") == 0 ? 31 : strcmp(coding, "raw") == 0 ? -15 : 15);
}

/* Text that packs about as well as JSON does, the same on each run. */
static struct rn_buffer sample(size_t len)
{
    struct rn_buffer out = {0};
    unsigned state = 1;
    while (out.len < len) {
        state = state * 1103515245u + 12345u;
        rn_buffer_addf(&out, "{\"index\":%u,\"delta\":{\"content\":\"%x\"}}\n", state % 7,
                       state >> 8);
    }
    out.len = len;
    return out;
}

static const struct {
    const char *coding, *value;
} codings[] = {{"gzip", "gzip"},      {"gzip", "X-GZip"}, {"deflate", "deflate"},
               {"raw", " deflate\t"}, {"br", "BR"},       {"zstd", "zstd"}};
#define CODINGS ((int)(sizeof codings / sizeof codings[0]))

static enum rn_status decode(const char *value, struct rn_bytes body, struct rn_buffer *out)
{
    static struct rn_error error;
    error = (struct rn_error){0};
    uint8_t *exact = malloc(body.len + 1);
    if (body.len > 0) {
        memcpy(exact, body.data, body.len);
    }
    enum rn_status status =
        rn_coding_decode(rn_bytes_text(value), rn_bytes_of(exact, body.len), out, &error);
    free(exact);
    ck_assert_int_eq(error.status, status);
    ck_assert((error.text[0] == '\0') == (status == RN_OK));
    return status;
}

START_TEST(coding_gives_back_what_was_packed)
{
    static const size_t sizes[] = {0, 1, 2, 3, 100, 16383, 16384, 16385, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rn_buffer plain = sample(sizes[i]);
        struct rn_buffer packed = pack(codings[_i].coding, rn_buffer_bytes(&plain));
        struct rn_buffer out = {0};
        rn_buffer_addf(&out, "before");
        ck_assert_int_eq(decode(codings[_i].value, rn_buffer_bytes(&packed), &out), RN_OK);
        ck_assert(rn_bytes_starts_with(rn_buffer_bytes(&out), RN_LIT("before")));
        ck_assert(rn_bytes_equal(rn_bytes_from(rn_buffer_bytes(&out), 6), rn_buffer_bytes(&plain)));
        rn_buffer_free(&out);
        rn_buffer_free(&packed);
        rn_buffer_free(&plain);
    }
}
END_TEST

START_TEST(coding_cut_at_every_byte_is_invalid_and_gives_a_prefix)
{
    struct rn_buffer plain = sample(900);
    struct rn_buffer packed = pack(codings[_i].coding, rn_buffer_bytes(&plain));
    size_t longest = 0;
    for (size_t cut = 1; cut < packed.len; cut++) {
        struct rn_buffer out = {0};
        ck_assert_msg(decode(codings[_i].value, rn_bytes_of(packed.data, cut), &out) == RN_INVALID,
                      "%s cut at %zu", codings[_i].value, cut);
        ck_assert(rn_bytes_starts_with(rn_buffer_bytes(&plain), rn_buffer_bytes(&out)));
        longest = out.len > longest ? out.len : longest;
        rn_buffer_free(&out);
    }
    /* zstd gives whole blocks only, and this is one. */
    ck_assert((longest > 0) == (strcmp(codings[_i].coding, "zstd") != 0));
    rn_buffer_free(&packed);
    rn_buffer_free(&plain);
}
END_TEST

START_TEST(coding_refuses_bytes_behind_the_end)
{
    struct rn_buffer packed = pack(codings[_i].coding, RN_LIT("hello"));
    struct rn_buffer out = {0};
    rn_buffer_addf(&packed, "more");
    ck_assert_int_eq(decode(codings[_i].value, rn_buffer_bytes(&packed), &out), RN_INVALID);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("hello")));
    rn_buffer_free(&out);
    rn_buffer_free(&packed);
}
END_TEST

START_TEST(coding_tells_a_body_that_lies)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(decode(codings[_i].value, RN_LIT("{\"this\":\"is no such thing\"}"), &out),
                     RN_INVALID);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(coding_takes_an_empty_body_as_empty)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(decode(codings[_i].value, RN_LIT(""), &out), RN_OK);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(coding_stops_a_bomb_at_the_maximum)
{
    struct rn_buffer zeros = {0};
    struct rn_buffer out = {0};
    size_t len = RN_DECODED_BYTES_MAX + 1;
    ck_assert_int_eq(rn_buffer_reserve(&zeros, len), RN_OK);
    memset(zeros.data, 0, len);
    zeros.len = len;
    struct rn_buffer packed = pack(codings[_i].coding, rn_buffer_bytes(&zeros));
    size_t bound = packed.len * RN_DECODED_RATIO_MAX;
    bound = bound > RN_DECODED_BYTES_MAX ? RN_DECODED_BYTES_MAX : bound;
    bound = bound < 1024 * 1024 ? 1024 * 1024 : bound;
    ck_assert_int_eq(decode(codings[_i].value, rn_buffer_bytes(&packed), &out), RN_LIMIT);
    ck_assert_uint_eq(out.len, bound);
    rn_buffer_free(&out);
    rn_buffer_free(&packed);
    rn_buffer_free(&zeros);
}
END_TEST

START_TEST(coding_without_memory_says_so)
{
    struct rn_buffer plain = sample(100000);
    struct rn_buffer packed = pack(codings[_i].coding, rn_buffer_bytes(&plain));
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_buffer out = {0};
        rn_memory_fail_from(nth);
        enum rn_status status = decode(codings[_i].value, rn_buffer_bytes(&packed), &out);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_msg(status == (failed ? RN_NOMEM : RN_OK), "allocation %lu: %s", nth,
                      rn_status_name(status));
        rn_buffer_free(&out);
    }
    rn_buffer_free(&packed);
    rn_buffer_free(&plain);
}
END_TEST

START_TEST(coding_of_tiny_bodies_may_have_any_ratio)
{
    size_t len = 1024 * 1024;
    uint8_t *blanks = malloc(len + 1);
    struct rn_buffer out = {0};
    memset(blanks, ' ', len + 1);
    struct rn_buffer packed = pack_brotli(rn_bytes_of(blanks, len));
    ck_assert_uint_lt(packed.len * RN_DECODED_RATIO_MAX, len);
    ck_assert_int_eq(decode("br", rn_buffer_bytes(&packed), &out), RN_OK);
    ck_assert_uint_eq(out.len, len);
    rn_buffer_free(&out);
    rn_buffer_free(&packed);
    packed = pack_brotli(rn_bytes_of(blanks, len + 1));
    ck_assert_int_eq(decode("br", rn_buffer_bytes(&packed), &out), RN_LIMIT);
    ck_assert_uint_eq(out.len, len);
    rn_buffer_free(&out);
    rn_buffer_free(&packed);
    free(blanks);
}
END_TEST

START_TEST(coding_keeps_to_the_maximum_of_the_buffer)
{
    struct rn_buffer plain = sample(5000);
    struct rn_buffer packed = pack("gzip", rn_buffer_bytes(&plain));
    struct rn_buffer out;
    rn_buffer_init(&out, 5000);
    ck_assert_int_eq(decode("gzip", rn_buffer_bytes(&packed), &out), RN_OK);
    rn_buffer_free(&out);
    rn_buffer_init(&out, 4999);
    ck_assert_int_eq(decode("gzip", rn_buffer_bytes(&packed), &out), RN_LIMIT);
    ck_assert_uint_le(out.len, 4999);
    rn_buffer_free(&out);
    rn_buffer_free(&packed);
    rn_buffer_free(&plain);
}
END_TEST

START_TEST(coding_undoes_a_list_last_to_first)
{
    struct rn_buffer inner = pack("gzip", RN_LIT("hello"));
    struct rn_buffer packed = pack("br", rn_buffer_bytes(&inner));
    struct rn_buffer out = {0};
    ck_assert_int_eq(decode("gzip,identity , br,", rn_buffer_bytes(&packed), &out), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("hello")));
    rn_buffer_clear(&out);
    ck_assert_int_eq(decode("br, gzip", rn_buffer_bytes(&packed), &out), RN_INVALID);
    rn_buffer_clear(&out);
    ck_assert_int_eq(decode("gzip", rn_buffer_bytes(&packed), &out), RN_INVALID);
    rn_buffer_free(&out);
    rn_buffer_free(&packed);
    rn_buffer_free(&inner);
}
END_TEST

START_TEST(coding_reads_what_a_cut_outer_layer_gave)
{
    struct rn_buffer plain = sample(50000);
    struct rn_buffer inner = pack("deflate", rn_buffer_bytes(&plain));
    struct rn_buffer packed = pack("gzip", rn_buffer_bytes(&inner));
    struct rn_buffer out = {0};
    ck_assert_int_eq(decode("deflate, gzip", rn_bytes_of(packed.data, packed.len / 2), &out),
                     RN_INVALID);
    ck_assert_uint_gt(out.len, 1000);
    ck_assert(rn_bytes_starts_with(rn_buffer_bytes(&plain), rn_buffer_bytes(&out)));
    rn_buffer_free(&out);
    rn_buffer_free(&packed);
    rn_buffer_free(&inner);
    rn_buffer_free(&plain);
}
END_TEST

START_TEST(coding_takes_several_members_and_frames)
{
    static const char *const both[] = {"gzip", "zstd"};
    for (int i = 0; i < 2; i++) {
        struct rn_buffer packed = pack(both[i], RN_LIT("hel"));
        struct rn_buffer second = pack(both[i], RN_LIT("lo"));
        struct rn_buffer out = {0};
        rn_buffer_add(&packed, rn_buffer_bytes(&second));
        ck_assert_int_eq(decode(both[i], rn_buffer_bytes(&packed), &out), RN_OK);
        ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("hello")));
        rn_buffer_free(&out);
        rn_buffer_free(&second);
        rn_buffer_free(&packed);
    }
}
END_TEST

START_TEST(coding_refuses_what_it_does_not_know)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(decode("compress", RN_LIT("x"), &out), RN_REFUSED);
    ck_assert_int_eq(decode("gzip, dcb", RN_LIT("x"), &out), RN_REFUSED);
    ck_assert_int_eq(decode("gzip;q=1", RN_LIT("x"), &out), RN_REFUSED);
    ck_assert_int_eq(decode("br,br,br,br,br", RN_LIT("x"), &out), RN_REFUSED);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(coding_refuses_large_windows_of_zstd)
{
    /* A frame head with a window of 16 MiB (RFC 8878 3.1.1.1.2: exponent 14) and an empty last block. */
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3, 0x01, 0x00, 0x00};
    static const uint8_t fits[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 0x01, 0x00, 0x00};
    struct rn_buffer out = {0};
    ck_assert_int_eq(decode("zstd", rn_bytes_of(frame, sizeof frame), &out), RN_LIMIT);
    ck_assert_int_eq(decode("zstd", rn_bytes_of(fits, sizeof fits), &out), RN_OK);
}
END_TEST

START_TEST(coding_identity_is_no_coding)
{
    struct rn_buffer out = {0};
    ck_assert(rn_coding_is_identity(RN_LIT("")));
    ck_assert(rn_coding_is_identity(RN_LIT(" , Identity,\tidentity")));
    ck_assert(!rn_coding_is_identity(RN_LIT("gzip")));
    ck_assert(!rn_coding_is_identity(RN_LIT("identity, x")));
    ck_assert_int_eq(decode("identity", RN_LIT("hello"), &out), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("hello")));
    rn_buffer_free(&out);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/coding");
    TCase *each = tcase_create("each");
    tcase_add_loop_test(each, coding_gives_back_what_was_packed, 0, CODINGS);
    tcase_add_loop_test(each, coding_cut_at_every_byte_is_invalid_and_gives_a_prefix, 0, CODINGS);
    tcase_add_loop_test(each, coding_refuses_bytes_behind_the_end, 0, CODINGS);
    tcase_add_loop_test(each, coding_tells_a_body_that_lies, 0, CODINGS);
    tcase_add_loop_test(each, coding_takes_an_empty_body_as_empty, 0, CODINGS);
    tcase_add_loop_test(each, coding_stops_a_bomb_at_the_maximum, 0, CODINGS);
    tcase_add_loop_test(each, coding_without_memory_says_so, 0, CODINGS);
    suite_add_tcase(suite, each);
    RN_CASE(suite, "bounds", coding_of_tiny_bodies_may_have_any_ratio,
            coding_keeps_to_the_maximum_of_the_buffer, coding_refuses_large_windows_of_zstd);
    RN_CASE(suite, "lists", coding_undoes_a_list_last_to_first,
            coding_reads_what_a_cut_outer_layer_gave, coding_takes_several_members_and_frames,
            coding_refuses_what_it_does_not_know, coding_identity_is_no_coding);
    return suite;
}
