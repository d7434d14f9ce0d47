/* Chunked bodies: whole, cut anywhere, malformed, at their limits, and the heads we write ourselves. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "http.h"

/* What one run over a body said, in a form that does not depend on the cuts. */
struct outcome {
    struct rn_buffer data;
    struct rn_buffer borders; /* text: the chunk lengths, each with a blank */
    enum rn_chunk_step end;
    size_t left; /* bytes of the input not taken */
    struct rn_buffer trailers;
};

static void outcome_free(struct outcome *outcome)
{
    rn_buffer_free(&outcome->data);
    rn_buffer_free(&outcome->borders);
    rn_buffer_free(&outcome->trailers);
}

/* Feeds pieces of `step` bytes. */
static struct outcome decode(struct rn_bytes body, size_t step)
{
    struct outcome outcome = {.end = RN_CHUNK_MORE};
    struct rn_chunk_decoder decoder = {0};
    size_t at = 0;
    while (outcome.end == RN_CHUNK_MORE && at < body.len) {
        size_t len = step < body.len - at ? step : body.len - at;
        uint8_t *exact = malloc(len);
        memcpy(exact, body.data + at, len);
        struct rn_bytes in = {exact, len};
        struct rn_bytes data;
        enum rn_chunk_step said;
        do {
            said = rn_chunk_next(&decoder, &in, &data);
            if (said == RN_CHUNK_DATA) {
                ck_assert_uint_gt(data.len, 0);
                ck_assert_int_eq(rn_buffer_add(&outcome.data, data), RN_OK);
            } else if (said == RN_CHUNK_BORDER) {
                rn_buffer_addf(&outcome.borders, "%llu ", (unsigned long long)decoder.chunk_bytes);
            }
        } while (said == RN_CHUNK_DATA || said == RN_CHUNK_BORDER);
        outcome.end = said;
        at += len - in.len;
        free(exact);
        ck_assert(said != RN_CHUNK_MORE || in.len == 0);
    }
    ck_assert((outcome.end == RN_CHUNK_BAD || outcome.end == RN_CHUNK_TOO_LARGE) ==
              (decoder.fault != NULL));
    outcome.left = body.len - at;
    rn_buffer_add(&outcome.trailers, rn_buffer_bytes(&decoder.trailers));
    rn_chunk_decoder_free(&decoder);
    return outcome;
}

static void assert_text(const struct rn_buffer *buffer, const char *text)
{
    ck_assert_msg(rn_bytes_equal(rn_buffer_bytes(buffer), rn_bytes_text(text)),
                  "'%.*s' is not '%s'", (int)buffer->len, (const char *)buffer->data, text);
}

#define BODY                                                                                       \
    "5\r\nhello\r\n"                                                                               \
    "001A;a=b;c=\"d\" ; e\r\nabcdefghijklmnopqrstuvwxyz\r\n"                                       \
    "2 \t;x\r\n\r\n\r\n"                                                                           \
    "0;last\r\nX-Sum: 1\r\nY:\r\n\r\n"

START_TEST(chunk_gives_data_borders_and_trailers)
{
    struct outcome outcome = decode(RN_LIT(BODY "next"), 1000);
    ck_assert_int_eq(outcome.end, RN_CHUNK_END);
    assert_text(&outcome.data, "helloabcdefghijklmnopqrstuvwxyz\r\n");
    assert_text(&outcome.borders, "5 26 2 ");
    assert_text(&outcome.trailers, "X-Sum: 1\r\nY:\r\n");
    ck_assert_uint_eq(outcome.left, 4);
    outcome_free(&outcome);
}
END_TEST

START_TEST(chunk_says_the_same_for_pieces_of_any_size)
{
    for (size_t step = 1; step < sizeof BODY; step++) {
        struct outcome outcome = decode(RN_LIT(BODY "next"), step);
        ck_assert_int_eq(outcome.end, RN_CHUNK_END);
        assert_text(&outcome.data, "helloabcdefghijklmnopqrstuvwxyz\r\n");
        assert_text(&outcome.borders, "5 26 2 ");
        assert_text(&outcome.trailers, "X-Sum: 1\r\nY:\r\n");
        ck_assert_uint_eq(outcome.left, 4);
        outcome_free(&outcome);
    }
}
END_TEST

START_TEST(chunk_cut_at_every_byte_asks_for_more)
{
    for (size_t cut = 0; cut < sizeof BODY - 1; cut++) {
        struct outcome outcome = decode(rn_bytes_of(BODY, cut), 7);
        ck_assert_msg(outcome.end == RN_CHUNK_MORE, "cut at %zu", cut);
        outcome_free(&outcome);
    }
}
END_TEST

START_TEST(chunk_body_may_be_empty)
{
    struct outcome outcome = decode(RN_LIT("0\r\n\r\n"), 1);
    ck_assert_int_eq(outcome.end, RN_CHUNK_END);
    assert_text(&outcome.data, "");
    assert_text(&outcome.borders, "");
    assert_text(&outcome.trailers, "");
    outcome_free(&outcome);
}
END_TEST

START_TEST(chunk_end_and_faults_are_for_ever)
{
    struct rn_bytes data;
    struct rn_bytes in = RN_LIT("0\r\n\r\n0\r\n\r\n");
    struct rn_chunk_decoder decoder = {0};
    ck_assert_int_eq(rn_chunk_next(&decoder, &in, &data), RN_CHUNK_END);
    ck_assert_uint_eq(in.len, 5);
    ck_assert_int_eq(rn_chunk_next(&decoder, &in, &data), RN_CHUNK_END);
    ck_assert_uint_eq(in.len, 5);
    rn_chunk_decoder_free(&decoder);
    decoder = (struct rn_chunk_decoder){0};
    in = RN_LIT("x\r\n");
    ck_assert_int_eq(rn_chunk_next(&decoder, &in, &data), RN_CHUNK_BAD);
    in = RN_LIT("0\r\n\r\n");
    ck_assert_int_eq(rn_chunk_next(&decoder, &in, &data), RN_CHUNK_BAD);
    ck_assert_uint_eq(in.len, 5);
    rn_chunk_decoder_free(&decoder);
}
END_TEST

static const char *const malformed[] = {
    "5\nhello\r\n",               /* bare LF behind the size */
    "5\r\nhello\n0\r\n",          /* bare LF behind the data */
    "5\r\nhello0\r\n",            /* no CRLF behind the data */
    "5\r\nhello\r0\r\n",          /* half of it */
    "5\r\nhelloo\r\n",            /* one byte too many */
    "5\rhello",                   /* CR without LF */
    "\r\n5\r\nhello\r\n",         /* an empty line first */
    ";a\r\n",                     /* no digits */
    " 5\r\nhello\r\n",            /* a blank first */
    "5 \r\nhello\r\n",            /* a blank without an extension */
    "5 5\r\nhello\r\n",           /* two sizes */
    "-5\r\nhello\r\n",            /* a sign */
    "+5\r\nhello\r\n",            /* another */
    "0x5\r\nhello\r\n",           /* a prefix */
    "5g\r\nhello\r\n",            /* no digit */
    "00000000000000005\r\nhello", /* 17 digits */
    "5;a\nb\r\nhello\r\n",        /* bare LF in an extension */
    "5;a\rb\r\nhello\r\n",        /* CR in an extension */
    "5;a\x01\r\nhello\r\n",       /* a control character there */
    "5;a\x7f\r\nhello\r\n",       /* another */
    "0\r\nX: y\n\r\n",            /* bare LF in a trailer */
    "0\r\n\n",                    /* bare LF at the end */
    "0\r\nX : y\r\n\r\n",         /* a blank before ':' */
    "0\r\nX\r\n\r\n",             /* no ':' */
    "0\r\nX: y\r\n z\r\n\r\n",    /* folded */
    "0\r\nX: y\rz\r\n\r\n",       /* CR in a trailer */
    "0\r\n: y\r\n\r\n",           /* no name */
    "0\r\r\n\r\n",                /* doubled CR */
};

START_TEST(chunk_refuses_what_is_malformed_however_cut)
{
    const char *text = malformed[_i];
    for (size_t step = 1; step <= strlen(text); step++) {
        struct outcome outcome = decode(rn_bytes_text(text), step);
        ck_assert_msg(outcome.end == RN_CHUNK_BAD, "'%s' in pieces of %zu: %d", text, step,
                      outcome.end);
        outcome_free(&outcome);
    }
}
END_TEST

START_TEST(chunk_size_of_16_digits_is_the_longest)
{
    struct rn_bytes data;
    struct rn_bytes in = RN_LIT("FFFFffffFFFFffff\r\nabc");
    struct rn_chunk_decoder decoder = {0};
    ck_assert_int_eq(rn_chunk_next(&decoder, &in, &data), RN_CHUNK_DATA);
    ck_assert_uint_eq(decoder.chunk_bytes, UINT64_MAX);
    ck_assert_uint_eq(decoder.left, UINT64_MAX - 3);
    struct outcome outcome = decode(RN_LIT("0000000000000005\r\nhello\r\n0\r\n\r\n"), 3);
    ck_assert_int_eq(outcome.end, RN_CHUNK_END);
    assert_text(&outcome.data, "hello");
    outcome_free(&outcome);
}
END_TEST

/* "1;xxx...\r\na\r\n0\r\n\r\n" with an extension of `len` bytes, twice. */
static enum rn_chunk_step extended(size_t len, size_t step)
{
    struct rn_buffer body = {0};
    for (int i = 0; i < 2; i++) {
        rn_buffer_addf(&body, "1;");
        for (size_t j = 0; j < len; j++) {
            rn_buffer_add_byte(&body, 'x');
        }
        rn_buffer_addf(&body, "\r\na\r\n");
    }
    rn_buffer_addf(&body, "0\r\n\r\n");
    struct outcome outcome = decode(rn_buffer_bytes(&body), step);
    enum rn_chunk_step end = outcome.end;
    outcome_free(&outcome);
    rn_buffer_free(&body);
    return end;
}

START_TEST(chunk_extension_of_4_kib_is_the_longest)
{
    ck_assert_int_eq(extended(RN_CHUNK_EXTENSION_BYTES_MAX, 100000), RN_CHUNK_END);
    ck_assert_int_eq(extended(RN_CHUNK_EXTENSION_BYTES_MAX, 1), RN_CHUNK_END);
    ck_assert_int_eq(extended(RN_CHUNK_EXTENSION_BYTES_MAX + 1, 100000), RN_CHUNK_TOO_LARGE);
    ck_assert_int_eq(extended(RN_CHUNK_EXTENSION_BYTES_MAX + 1, 1), RN_CHUNK_TOO_LARGE);
}
END_TEST

/* One trailer line of `len` bytes with its CRLF; without an end when `open`. */
static enum rn_chunk_step trailed(size_t len, bool open, size_t step)
{
    struct rn_buffer body = {0};
    rn_buffer_addf(&body, "0\r\nx:");
    for (size_t i = 4; i < len; i++) {
        rn_buffer_add_byte(&body, 'y');
    }
    rn_buffer_addf(&body, open ? "yyyyyy" : "\r\n\r\n");
    struct outcome outcome = decode(rn_buffer_bytes(&body), step);
    enum rn_chunk_step end = outcome.end;
    outcome_free(&outcome);
    rn_buffer_free(&body);
    return end;
}

START_TEST(chunk_trailers_of_16_kib_are_the_longest)
{
    ck_assert_int_eq(trailed(RN_TRAILER_BYTES_MAX, false, 100000), RN_CHUNK_END);
    ck_assert_int_eq(trailed(RN_TRAILER_BYTES_MAX, false, 1), RN_CHUNK_END);
    ck_assert_int_eq(trailed(RN_TRAILER_BYTES_MAX + 1, false, 100000), RN_CHUNK_TOO_LARGE);
    ck_assert_int_eq(trailed(RN_TRAILER_BYTES_MAX + 1, false, 1), RN_CHUNK_TOO_LARGE);
    ck_assert_int_eq(trailed(RN_TRAILER_BYTES_MAX, true, 100000), RN_CHUNK_TOO_LARGE);
    ck_assert_int_eq(trailed(RN_TRAILER_BYTES_MAX, true, 1), RN_CHUNK_TOO_LARGE);
}
END_TEST

START_TEST(chunk_without_memory_for_trailers_says_so)
{
    struct rn_bytes data;
    struct rn_bytes in = RN_LIT("0\r\nx: y\r\n\r\n");
    struct rn_chunk_decoder decoder = {0};
    rn_memory_fail_from(1);
    enum rn_chunk_step step = rn_chunk_next(&decoder, &in, &data);
    rn_memory_fail_from(0);
    ck_assert_int_eq(step, RN_CHUNK_TOO_LARGE);
    ck_assert_str_eq(decoder.fault, "no memory for the trailers");
    rn_chunk_decoder_free(&decoder);
}
END_TEST

START_TEST(chunk_head_is_read_back)
{
    static const uint64_t sizes[] = {
        1, 9, 10, 15, 16, 255, 256, 16220, 1u << 20, UINT64_MAX - 1, UINT64_MAX};
    char out[20];
    ck_assert_uint_eq(rn_chunk_head(0x1a2b, out), 6);
    ck_assert_mem_eq(out, "1a2b\r\n", 6);
    ck_assert_uint_eq(rn_chunk_head(0, out), 3);
    ck_assert_mem_eq(out, "0\r\n", 3);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rn_bytes data;
        struct rn_bytes in = {(const uint8_t *)out, rn_chunk_head(sizes[i], out)};
        struct rn_chunk_decoder decoder = {0};
        ck_assert_int_eq(rn_chunk_next(&decoder, &in, &data), RN_CHUNK_MORE);
        ck_assert_uint_eq(decoder.left, sizes[i]);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/chunk");
    RN_CASE(suite, "reading", chunk_gives_data_borders_and_trailers,
            chunk_says_the_same_for_pieces_of_any_size, chunk_cut_at_every_byte_asks_for_more,
            chunk_body_may_be_empty, chunk_end_and_faults_are_for_ever, chunk_head_is_read_back);
    RN_CASE(suite, "limits", chunk_size_of_16_digits_is_the_longest,
            chunk_extension_of_4_kib_is_the_longest, chunk_trailers_of_16_kib_are_the_longest,
            chunk_without_memory_for_trailers_says_so);
    TCase *rows = tcase_create("malformed");
    tcase_add_loop_test(rows, chunk_refuses_what_is_malformed_however_cut, 0,
                        sizeof malformed / sizeof malformed[0]);
    suite_add_tcase(suite, rows);
    return suite;
}
