/* Claims about Amazon's event streams: frames come out as they went in, however cut, and what is damaged is no frame. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "event_stream.h"

static void put_number(struct rn_buffer *out, uint32_t number, int bytes)
{
    while (bytes-- > 0) {
        rn_buffer_add_byte(out, (uint8_t)(number >> (8 * bytes)));
    }
}

static void put_header(struct rn_buffer *out, const char *name, uint8_t type, const char *value,
                       size_t len)
{
    rn_buffer_add_byte(out, (uint8_t)strlen(name));
    rn_buffer_append(out, name, strlen(name));
    rn_buffer_add_byte(out, type);
    if (type == 6 || type == 7) {
        put_number(out, (uint32_t)len, 2);
    }
    rn_buffer_append(out, value, len);
}

/* `claimed` is what the prelude says of the headers. */
static void put_frame(struct rn_buffer *out, struct rn_bytes headers, size_t claimed,
                      struct rn_bytes payload)
{
    struct rn_buffer frame = {0};
    put_number(&frame, (uint32_t)(headers.len + payload.len + 16), 4);
    put_number(&frame, (uint32_t)claimed, 4);
    put_number(&frame, rn_crc32(0, rn_buffer_bytes(&frame)), 4);
    rn_buffer_add(&frame, headers);
    rn_buffer_add(&frame, payload);
    put_number(&frame, rn_crc32(0, rn_buffer_bytes(&frame)), 4);
    rn_buffer_add(out, rn_buffer_bytes(&frame));
    rn_buffer_free(&frame);
}

/* Three frames: an event with a header of every type, an exception, one with nothing in it. */
static void put_three(struct rn_buffer *out)
{
    static const char numbers[16] = "0123456789abcdef";
    static const size_t lengths[] = {0, 0, 1, 2, 4, 8, 5, 3, 8, 16};
    struct rn_buffer headers = {0};
    put_header(&headers, ":message-type", 7, "event", 5);
    put_header(&headers, ":event-type", 7, "chunk", 5);
    for (uint8_t type = 0; type <= 9; type++) {
        put_header(&headers, "x", type, numbers, lengths[type]);
    }
    put_frame(out, rn_buffer_bytes(&headers), headers.len, RN_LIT("{\"a\":1}"));
    rn_buffer_clear(&headers);
    put_header(&headers, ":message-type", 7, "exception", 9);
    put_header(&headers, ":exception-type", 7, "throttlingException", 19);
    put_frame(out, rn_buffer_bytes(&headers), headers.len, RN_LIT("{\"message\":\"slow\"}"));
    put_frame(out, RN_LIT(""), 0, RN_LIT(""));
    rn_buffer_free(&headers);
}

/* "type name payload;" per frame. */
static enum rn_status tell(struct rn_bytes in, struct rn_buffer *out, size_t *left)
{
    struct rn_event_stream_frame frame;
    struct rn_error error = {.status = RN_OK};
    bool found = true;
    enum rn_status status = RN_OK;
    while (found && status == RN_OK) {
        status = rn_event_stream_next(&in, &frame, &found, &error);
        if (found) {
            rn_buffer_addf(out, "%.*s %.*s %.*s;", (int)frame.message_type.len,
                           (const char *)frame.message_type.data, (int)frame.name.len,
                           (const char *)frame.name.data, (int)frame.payload.len,
                           (const char *)frame.payload.data);
        }
    }
    ck_assert((status == RN_OK) == (error.text[0] == '\0'));
    *left = in.len;
    return status;
}

static const char three[] =
    "event chunk {\"a\":1};exception throttlingException {\"message\":\"slow\"};  ;";

START_TEST(frames_come_out_as_they_went_in)
{
    struct rn_buffer in = {0};
    struct rn_buffer out = {0};
    size_t left = 0;
    put_three(&in);
    ck_assert_int_eq(tell(rn_buffer_bytes(&in), &out, &left), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), rn_bytes_text(three)));
    ck_assert_uint_eq(left, 0);
    rn_buffer_free(&in);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(headers_of_every_type_are_given_as_they_lie)
{
    static const size_t lengths[] = {0, 0, 1, 2, 4, 8, 5, 3, 8, 16};
    struct rn_buffer in = {0};
    struct rn_event_stream_frame frame;
    struct rn_event_stream_header header;
    bool found = false;
    put_three(&in);
    struct rn_bytes rest = rn_buffer_bytes(&in);
    ck_assert_int_eq(rn_event_stream_next(&rest, &frame, &found, NULL), RN_OK);
    ck_assert(found);
    struct rn_bytes headers = frame.headers;
    ck_assert(rn_event_stream_header(&headers, &header));
    ck_assert(rn_event_stream_header(&headers, &header));
    ck_assert(rn_bytes_equal(header.name, RN_LIT(":event-type")));
    for (uint8_t type = 0; type <= 9; type++) {
        ck_assert(rn_event_stream_header(&headers, &header));
        ck_assert(header.type == type && header.value.len == lengths[type]);
        ck_assert(rn_bytes_equal(header.name, RN_LIT("x")));
    }
    ck_assert(!rn_event_stream_header(&headers, &header));
    ck_assert_uint_eq(headers.len, 0);
    rn_buffer_free(&in);
}
END_TEST

/* What a caller has so far grows by a byte; frames it was given it drops. */
START_TEST(byte_by_byte_the_same_frames_come_out)
{
    struct rn_buffer in = {0};
    struct rn_buffer held = {0};
    struct rn_buffer out = {0};
    put_three(&in);
    for (size_t i = 0; i < in.len; i++) {
        size_t left = 0;
        rn_buffer_add_byte(&held, in.data[i]);
        ck_assert_int_eq(tell(rn_buffer_bytes(&held), &out, &left), RN_OK);
        rn_buffer_consume(&held, held.len - left);
    }
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), rn_bytes_text(three)));
    ck_assert_uint_eq(held.len, 0);
    rn_buffer_free(&in);
    rn_buffer_free(&held);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(a_stream_cut_anywhere_gives_the_frames_before_the_cut)
{
    struct rn_buffer in = {0};
    put_three(&in);
    for (size_t len = 0; len < in.len; len++) {
        struct rn_buffer out = {0};
        size_t left = 0;
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, in.data, len);
        ck_assert_int_eq(tell(rn_bytes_of(exact, len), &out, &left), RN_OK);
        ck_assert(rn_bytes_starts_with(rn_bytes_text(three), rn_buffer_bytes(&out)));
        ck_assert(out.len < sizeof three - 1);
        free(exact);
        rn_buffer_free(&out);
    }
    rn_buffer_free(&in);
}
END_TEST

START_TEST(a_byte_that_changed_is_noticed_wherever_it_stands)
{
    struct rn_buffer in = {0};
    put_three(&in);
    for (size_t i = 0; i < in.len; i++) {
        struct rn_buffer out = {0};
        size_t left = 0;
        in.data[i] ^= 0x20;
        ck_assert_int_eq(tell(rn_buffer_bytes(&in), &out, &left), RN_INVALID);
        ck_assert_uint_gt(left, 0);
        in.data[i] ^= 0x20;
        rn_buffer_free(&out);
    }
    rn_buffer_free(&in);
}
END_TEST

static enum rn_status one(struct rn_bytes headers, size_t claimed, struct rn_bytes payload)
{
    struct rn_buffer in = {0};
    struct rn_event_stream_frame frame;
    bool found = false;
    put_frame(&in, headers, claimed, payload);
    struct rn_bytes rest = rn_buffer_bytes(&in);
    enum rn_status status = rn_event_stream_next(&rest, &frame, &found, NULL);
    ck_assert(found == (status == RN_OK));
    rn_buffer_free(&in);
    return status;
}

START_TEST(headers_that_do_not_fit_their_frame_are_refused)
{
    ck_assert_int_eq(one(RN_LIT(""), 4, RN_LIT("\x01x\x00\x00")), RN_INVALID); /* a rest of one */
    ck_assert_int_eq(one(RN_LIT(""), 3, RN_LIT("\x01x\x00\x00")), RN_OK);
    ck_assert_int_eq(one(RN_LIT(""), 5, RN_LIT("\x01x\x00\x00")), RN_INVALID);
    ck_assert_int_eq(one(RN_LIT(""), UINT32_MAX, RN_LIT("abcd")), RN_INVALID);
    ck_assert_int_eq(one(RN_LIT("\x01x\x0a"), 3, RN_LIT("")), RN_INVALID); /* no such type */
    ck_assert_int_eq(one(RN_LIT("\x01x\x07\x00\x02"
                                "a"),
                         6, RN_LIT("")),
                     RN_INVALID);
    ck_assert_int_eq(one(RN_LIT("\x01x\x07\x00"), 4, RN_LIT("")), RN_INVALID);
    ck_assert_int_eq(one(RN_LIT("\x05x"), 2, RN_LIT("")), RN_INVALID);
}
END_TEST

/* Both sums are right: only the lengths are not. */
START_TEST(lengths_that_no_frame_has_are_refused_before_the_frame_is_there)
{
    static const uint32_t totals[] = {0, 15, RN_EVENT_STREAM_FRAME_BYTES_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        struct rn_buffer in = {0};
        struct rn_event_stream_frame frame;
        bool found = true;
        put_number(&in, totals[i], 4);
        put_number(&in, 0, 4);
        put_number(&in, rn_crc32(0, rn_buffer_bytes(&in)), 4);
        struct rn_bytes rest = rn_buffer_bytes(&in);
        ck_assert_int_eq(rn_event_stream_next(&rest, &frame, &found, NULL), RN_INVALID);
        ck_assert(!found && rest.len == in.len);
        rn_buffer_free(&in);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/event_stream");
    RN_CASE(suite, "frames", frames_come_out_as_they_went_in,
            headers_of_every_type_are_given_as_they_lie, byte_by_byte_the_same_frames_come_out,
            a_stream_cut_anywhere_gives_the_frames_before_the_cut,
            a_byte_that_changed_is_noticed_wherever_it_stands,
            headers_that_do_not_fit_their_frame_are_refused,
            lengths_that_no_frame_has_are_refused_before_the_frame_is_there);
    return suite;
}
