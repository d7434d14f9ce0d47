/* Frames, and the two that begin and end a trace: no flipped bit and no missing byte goes unseen. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "frame.h"
#include "trace_pack.h"

static struct rn_codec_context *context;
static struct rn_buffer out;
static struct rn_buffer raw;

static void setup(void)
{
    context = rn_codec_context_new();
    ck_assert_ptr_nonnull(context);
}

static void teardown(void)
{
    rn_codec_context_free(context);
    rn_buffer_free(&out);
    rn_buffer_free(&raw);
}

static struct rn_frame sample(uint8_t codec)
{
    struct rn_frame frame = {.codec = codec,
                             .kind = RN_FRAME_EVENT_PART,
                             .class = RN_CLASS_EVENT,
                             .n = 70000,
                             .part = 9};
    memset(frame.trace.bytes, 0xa5, RN_TRACE_ID_BYTES);
    return frame;
}

/* Text that zstd makes shorter. */
static struct rn_bytes words(size_t len)
{
    static const char text[] = "{\"role\":\"assistant\",\"content\":\"a word and another\"},";
    rn_buffer_clear(&raw);
    while (raw.len < len) {
        ck_assert_int_eq(rn_buffer_append(&raw, text, sizeof text - 1), RN_OK);
    }
    raw.len = len;
    return rn_buffer_bytes(&raw);
}

static enum rn_status read_back(struct rn_bytes in, struct rn_frame *frame, struct rn_buffer *into)
{
    struct rn_error error = {0};
    enum rn_status status = rn_frame_read(in, frame, &error);
    if (status == RN_OK) {
        status = rn_frame_decode(context, frame, into, &error);
    }
    ck_assert(status == RN_OK || error.text[0] != '\0');
    return status;
}

START_TEST(frame_survives_writing)
{
    static const size_t lengths[] = {0, 1, 2, 100, 4096, 300000};
    for (size_t i = 0; i < 2 * sizeof lengths / sizeof lengths[0]; i++) {
        struct rn_frame frame = sample(i % 2 == 0 ? RN_CODEC_ZSTD : RN_CODEC_NONE);
        struct rn_bytes text = words(lengths[i / 2]);
        struct rn_frame back;
        struct rn_buffer got = {0};
        rn_buffer_clear(&out);
        ck_assert_int_eq(rn_frame_write(context, &frame, text, &out), RN_OK);
        ck_assert_int_eq(read_back(rn_buffer_bytes(&out), &back, &got), RN_OK);
        ck_assert(rn_bytes_equal(rn_buffer_bytes(&got), text));
        ck_assert_int_eq(back.kind, frame.kind);
        ck_assert_uint_eq(back.n, frame.n);
        ck_assert_uint_eq(back.part, frame.part);
        ck_assert_uint_eq(back.key_id, 0);
        ck_assert(rn_trace_id_equal(&back.trace, &frame.trace));
        rn_buffer_free(&got);
    }
}
END_TEST

START_TEST(text_gets_shorter_and_noise_stays_as_is)
{
    struct rn_frame frame = sample(RN_CODEC_ZSTD);
    struct rn_frame back;
    uint8_t noise[1000];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (uint8_t)(seed >> 24);
    }
    ck_assert_int_eq(rn_frame_write(context, &frame, words(10000), &out), RN_OK);
    ck_assert_uint_lt(out.len, 1000);
    ck_assert_int_eq(rn_frame_read(rn_buffer_bytes(&out), &back, NULL), RN_OK);
    ck_assert_uint_eq(back.codec, RN_CODEC_ZSTD);
    rn_buffer_clear(&out);
    ck_assert_int_eq(rn_frame_write(context, &frame, rn_bytes_of(noise, sizeof noise), &out),
                     RN_OK);
    ck_assert_uint_eq(out.len, RN_FRAME_HEADER_BYTES + sizeof noise);
    ck_assert_int_eq(rn_frame_read(rn_buffer_bytes(&out), &back, NULL), RN_OK);
    ck_assert_uint_eq(back.codec, RN_CODEC_NONE);
}
END_TEST

START_TEST(each_flipped_bit_is_caught)
{
    for (uint8_t codec = RN_CODEC_NONE; codec <= RN_CODEC_ZSTD; codec++) {
        struct rn_frame frame = sample(codec);
        rn_buffer_clear(&out);
        ck_assert_int_eq(rn_frame_write(context, &frame, words(300), &out), RN_OK);
        for (size_t bit = 0; bit < out.len * 8; bit++) {
            struct rn_frame back;
            struct rn_buffer got = {0};
            out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum rn_status status = read_back(rn_buffer_bytes(&out), &back, &got);
            /* A later schema is not damage: its checksum may lie elsewhere. */
            ck_assert(status == RN_DAMAGED || (bit < 8 && status == RN_NEWER));
            out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            rn_buffer_free(&got);
        }
    }
}
END_TEST

START_TEST(frame_cut_at_each_byte_is_refused)
{
    struct rn_frame frame = sample(RN_CODEC_ZSTD);
    ck_assert_int_eq(rn_frame_write(context, &frame, words(300), &out), RN_OK);
    for (size_t len = 0; len < out.len; len++) {
        struct rn_frame back;
        struct rn_buffer got = {0};
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, out.data, len);
        ck_assert_int_eq(read_back(rn_bytes_of(exact, len), &back, &got), RN_DAMAGED);
        free(exact);
        rn_buffer_free(&got);
    }
    struct rn_frame back;
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    ck_assert_int_eq(rn_frame_read(rn_buffer_bytes(&out), &back, NULL), RN_DAMAGED);
}
END_TEST

START_TEST(claimed_lengths_are_checked_before_memory)
{
    struct rn_frame frame = sample(RN_CODEC_ZSTD);
    struct rn_frame back;
    struct rn_buffer got = {0};
    ck_assert_int_eq(rn_frame_write(context, &frame, words(3000), &out), RN_OK);
    ck_assert_int_eq(rn_frame_read(rn_buffer_bytes(&out), &back, NULL), RN_OK);
    back.raw_bytes = 3001;
    rn_memory_fail_from(1);
    ck_assert_int_eq(rn_frame_decode(context, &back, &got, NULL), RN_DAMAGED);
    back.raw_bytes = UINT32_MAX;
    ck_assert_int_eq(rn_frame_decode(context, &back, &got, NULL), RN_DAMAGED);
    back.raw_bytes = 3000;
    back.key_id = 1;
    ck_assert_int_eq(rn_frame_decode(context, &back, &got, NULL), RN_NEWER);
    ck_assert(!rn_memory_failed());
    rn_memory_fail_from(0);
}
END_TEST

START_TEST(failed_write_leaves_the_buffer)
{
    struct rn_frame frame = sample(RN_CODEC_ZSTD);
    struct rn_bytes text = words(100000);
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_buffer small = {0};
        rn_memory_fail_from(nth);
        enum rn_status status = rn_frame_write(context, &frame, text, &small);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        ck_assert(!failed || small.len == 0);
        rn_buffer_free(&small);
    }
    out.max = 50;
    ck_assert_int_eq(rn_frame_write(context, &frame, text, &out), RN_LIMIT);
    ck_assert_uint_eq(out.len, 0);
    out.max = 0;
}
END_TEST

/* --- the frames of a trace ------------------------------------------------------------------------------------------ */

static struct rn_trace_opening opening_sample(void)
{
    struct rn_trace_opening opening = {.name = RN_LIT("night run"),
                                       .release = RN_LIT("v1.2"),
                                       .kind = RN_LIT("run"),
                                       .tags = RN_LIT("\3k=v"),
                                       .owner = RN_LIT("somebody"),
                                       .is_alias = true,
                                       .has_secret = true,
                                       .wall_ns = UINT64_MAX};
    memset(opening.id.bytes, 1, RN_TRACE_ID_BYTES);
    memset(opening.session.bytes, 2, RN_TRACE_ID_BYTES);
    memset(opening.secret, 3, RN_SECRET_BYTES);
    return opening;
}

START_TEST(opening_survives_encoding)
{
    struct rn_trace_opening opening = opening_sample();
    struct rn_trace_opening back;
    ck_assert_int_eq(rn_trace_opening_encode(&opening, &out), RN_OK);
    ck_assert_int_eq(rn_trace_opening_decode(rn_buffer_bytes(&out), &back, NULL), RN_OK);
    ck_assert(rn_trace_id_equal(&opening.id, &back.id));
    ck_assert(rn_trace_id_equal(&opening.session, &back.session));
    ck_assert(rn_trace_id_equal(&opening.parent, &back.parent));
    ck_assert(rn_bytes_equal(opening.name, back.name));
    ck_assert(rn_bytes_equal(opening.release, back.release));
    ck_assert(rn_bytes_equal(opening.kind, back.kind));
    ck_assert(rn_bytes_equal(opening.tags, back.tags));
    ck_assert(rn_bytes_equal(opening.owner, back.owner));
    ck_assert(back.is_alias && back.has_secret && back.wall_ns == UINT64_MAX);
    ck_assert_mem_eq(opening.secret, back.secret, RN_SECRET_BYTES);
    for (size_t len = 0; len < out.len; len++) {
        struct rn_bytes cut = rn_bytes_sub(rn_buffer_bytes(&out), 0, len);
        ck_assert_int_eq(rn_trace_opening_decode(cut, &back, NULL), RN_DAMAGED);
    }
}
END_TEST

START_TEST(closing_survives_encoding)
{
    for (int from_secret = 0; from_secret < 2; from_secret++) {
        struct rn_trace_closing closing = {
            .state = RN_TRACE_LOST, .events = 7, .gaps = 2, .wall_ns = 5};
        struct rn_trace_closing back;
        memset(closing.digests.evidence, 4, RN_SHA256_BYTES);
        memset(closing.digests.said, 5, RN_SHA256_BYTES);
        closing.salts.from_secret = from_secret == 1;
        memset(closing.salts.secret, 6, RN_SECRET_BYTES);
        closing.salts.table = RN_LIT("rows of salts");
        rn_buffer_clear(&out);
        ck_assert_int_eq(rn_trace_closing_encode(&closing, &out), RN_OK);
        ck_assert_int_eq(rn_trace_closing_decode(rn_buffer_bytes(&out), &back, NULL), RN_OK);
        ck_assert_int_eq(back.state, RN_TRACE_LOST);
        ck_assert_uint_eq(back.events, 7);
        ck_assert_uint_eq(back.gaps, 2);
        ck_assert_mem_eq(&back.digests, &closing.digests, sizeof back.digests);
        ck_assert_int_eq(back.salts.from_secret, from_secret == 1);
        if (from_secret == 1) {
            ck_assert_mem_eq(back.salts.secret, closing.salts.secret, RN_SECRET_BYTES);
        } else {
            ck_assert(rn_bytes_equal(back.salts.table, closing.salts.table));
        }
        for (size_t len = 0; len < out.len; len++) {
            struct rn_bytes cut = rn_bytes_sub(rn_buffer_bytes(&out), 0, len);
            ck_assert_int_eq(rn_trace_closing_decode(cut, &back, NULL), RN_DAMAGED);
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/frame");
    TCase *frames = tcase_create("frames");
    tcase_add_checked_fixture(frames, setup, teardown);
    tcase_add_test(frames, frame_survives_writing);
    tcase_add_test(frames, text_gets_shorter_and_noise_stays_as_is);
    tcase_add_test(frames, each_flipped_bit_is_caught);
    tcase_add_test(frames, frame_cut_at_each_byte_is_refused);
    tcase_add_test(frames, claimed_lengths_are_checked_before_memory);
    tcase_add_test(frames, failed_write_leaves_the_buffer);
    tcase_add_test(frames, opening_survives_encoding);
    tcase_add_test(frames, closing_survives_encoding);
    suite_add_tcase(suite, frames);
    return suite;
}
