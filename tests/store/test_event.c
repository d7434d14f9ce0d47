/* Events in memory and as msgpack: what goes in comes out, and nothing else is taken. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/varint.h"
#include "evidence.h"
#include "store/event.h"

static struct rn_event sample(void)
{
    static const uint8_t kind = RN_EVENT_EXCHANGE;
    static const uint8_t end = RN_END_ENDED;
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 3};
    rn_event_set(&event, RN_TAG_KIND, rn_bytes_of(&kind, 1));
    rn_event_set(&event, RN_TAG_END, rn_bytes_of(&end, 1));
    rn_event_set(&event, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(&event, RN_TAG_REQUEST_TRAILERS, RN_LIT(""));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("all\0bytes\xff"));
    rn_event_set(&event, RN_TAG_NOTE, RN_LIT("n"));
    event.key = RN_LIT("\1key of the match");
    return event;
}

static void expect_equal(const struct rn_event *a, const struct rn_event *b)
{
    ck_assert_uint_eq(a->fields, b->fields);
    ck_assert(rn_bytes_equal(a->key, b->key));
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        ck_assert(rn_bytes_equal(rn_event_get(a, tag), rn_event_get(b, tag)));
    }
}

START_TEST(event_survives_encoding)
{
    struct rn_event event = sample();
    struct rn_event back = {0};
    struct rn_buffer raw = {0};
    struct rn_arena arena = {0};
    ck_assert_int_eq(rn_event_encode(&event, &raw), RN_OK);
    ck_assert_int_eq(rn_event_decode(rn_buffer_bytes(&raw), &arena, &back, NULL), RN_OK);
    expect_equal(&event, &back);
    ck_assert(rn_event_has(&back, RN_TAG_REQUEST_TRAILERS));
    ck_assert(!rn_event_has(&back, RN_TAG_CWD));
    rn_arena_free(&arena);
    rn_buffer_free(&raw);
}
END_TEST

START_TEST(pieces_are_joined_in_order)
{
    struct rn_event whole = {0};
    struct rn_buffer expected = {0};
    struct rn_arena arena = {0};
    for (unsigned i = 0; i < 300; i++) {
        struct rn_event piece = {0};
        struct rn_buffer raw = {0};
        uint8_t bytes[257];
        memset(bytes, (int)i, sizeof bytes);
        rn_event_set(&piece, RN_TAG_STDOUT, rn_bytes_of(bytes, i % sizeof bytes));
        ck_assert_int_eq(rn_buffer_append(&expected, bytes, i % sizeof bytes), RN_OK);
        ck_assert_int_eq(rn_event_encode(&piece, &raw), RN_OK);
        ck_assert_int_eq(rn_event_decode(rn_buffer_bytes(&raw), &arena, &whole, NULL), RN_OK);
        rn_buffer_free(&raw);
    }
    ck_assert(rn_bytes_equal(rn_event_get(&whole, RN_TAG_STDOUT), rn_buffer_bytes(&expected)));
    rn_buffer_free(&expected);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(event_cut_at_each_byte_is_refused)
{
    struct rn_event event = sample();
    struct rn_buffer raw = {0};
    ck_assert_int_eq(rn_event_encode(&event, &raw), RN_OK);
    for (size_t len = 0; len < raw.len; len++) {
        struct rn_event back = {0};
        struct rn_arena arena = {0};
        struct rn_error error = {0};
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, raw.data, len);
        ck_assert_int_eq(rn_event_decode(rn_bytes_of(exact, len), &arena, &back, &error),
                         RN_DAMAGED);
        ck_assert_str_ne(error.text, "");
        free(exact);
        rn_arena_free(&arena);
    }
    rn_buffer_free(&raw);
}
END_TEST

static enum rn_status decode(struct rn_bytes in)
{
    struct rn_event event = {0};
    struct rn_arena arena = {0};
    enum rn_status status = rn_event_decode(in, &arena, &event, NULL);
    rn_arena_free(&arena);
    return status;
}

START_TEST(event_refuses_other_layouts)
{
    ck_assert_int_eq(decode(RN_LIT("\x80")), RN_OK);
    ck_assert_int_eq(decode(RN_LIT("\x81\x01\xc4\x01\x02")), RN_OK);
    ck_assert_int_eq(decode(RN_LIT("\x81\x3f\xc4\x00")), RN_OK);
    ck_assert_int_eq(decode(RN_LIT("\x81\x00\xc4\x00")), RN_DAMAGED);             /* tag 0 */
    ck_assert_int_eq(decode(RN_LIT("\x81\x40\xc4\x00")), RN_DAMAGED);             /* tag 64 */
    ck_assert_int_eq(decode(RN_LIT("\x81\xcc\x82\xc4\x00")), RN_DAMAGED);         /* key 130 */
    ck_assert_int_eq(decode(RN_LIT("\x82\x02\xc4\x00\x01\xc4\x00")), RN_DAMAGED); /* descending */
    ck_assert_int_eq(decode(RN_LIT("\x82\x01\xc4\x00\x01\xc4\x00")), RN_DAMAGED); /* twice */
    ck_assert_int_eq(decode(RN_LIT("\x81\x01\xa1\x02")), RN_DAMAGED);             /* str */
    ck_assert_int_eq(decode(RN_LIT("\x81\x01\x02")), RN_DAMAGED);                 /* a number */
    ck_assert_int_eq(decode(RN_LIT("\x81\xff\xc4\x00")), RN_DAMAGED);             /* tag -1 */
    ck_assert_int_eq(decode(RN_LIT("\x80\x00")), RN_DAMAGED);                     /* rest */
    ck_assert_int_eq(decode(RN_LIT("\x90")), RN_DAMAGED);                         /* array */
}
END_TEST

START_TEST(huge_counts_are_refused_before_memory)
{
    rn_memory_fail_from(1);
    ck_assert_int_eq(decode(RN_LIT("\xdf\xff\xff\xff\xff\x01\xc4\x00")), RN_DAMAGED);
    ck_assert_int_eq(decode(RN_LIT("\x81\x01\xc6\xff\xff\xff\xff\x00")), RN_DAMAGED);
    ck_assert_int_eq(decode(RN_LIT("\x81\x01\xdd\xff\xff\xff\xff")), RN_DAMAGED);
    ck_assert(!rn_memory_failed());
    rn_memory_fail_from(0);
}
END_TEST

START_TEST(decoding_survives_each_failed_allocation)
{
    struct rn_event event = sample();
    struct rn_buffer raw = {0};
    bool failed = true;
    ck_assert_int_eq(rn_event_encode(&event, &raw), RN_OK);
    for (unsigned long nth = 1; failed; nth++) {
        rn_memory_fail_from(nth);
        enum rn_status status = decode(rn_buffer_bytes(&raw));
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
    }
    rn_buffer_free(&raw);
}
END_TEST

START_TEST(numbers_and_enums_have_defaults)
{
    struct rn_event event = sample();
    ck_assert_int_eq(rn_event_kind_of(&event), RN_EVENT_EXCHANGE);
    ck_assert_int_eq(rn_event_end_of(&event), RN_END_ENDED);
    ck_assert_uint_eq(rn_event_number(&event, RN_TAG_EXIT, 77), 77);
    rn_event_set(&event, RN_TAG_EXIT, RN_LIT("\x80\x02"));
    ck_assert_uint_eq(rn_event_number(&event, RN_TAG_EXIT, 77), 256);
    rn_event_set(&event, RN_TAG_EXIT, RN_LIT("\x80"));
    ck_assert_uint_eq(rn_event_number(&event, RN_TAG_EXIT, 77), 77);
    ck_assert_str_eq(rn_tag_name(RN_TAG_RESPONSE_BODY), "response-body");
    ck_assert_str_eq(rn_tag_name(15), "unknown");
    ck_assert_str_eq(rn_end_name(RN_END_LOST), "lost");
    ck_assert_str_eq(rn_event_kind_name(RN_EVENT_GAP), "gap");
}
END_TEST

static void put_redaction(struct rn_buffer *out, uint64_t tag, uint64_t offset, uint64_t len,
                          uint64_t kind)
{
    ck_assert_int_eq(rn_varint_put(out, tag), RN_OK);
    ck_assert_int_eq(rn_varint_put(out, offset), RN_OK);
    ck_assert_int_eq(rn_varint_put(out, len), RN_OK);
    ck_assert_int_eq(rn_varint_put(out, kind), RN_OK);
    ck_assert_int_eq(rn_buffer_append(out, "12345678", 8), RN_OK);
}

START_TEST(spans_are_those_of_one_tag)
{
    struct rn_event event = {0};
    struct rn_buffer list = {0};
    struct rn_spans spans = {0};
    put_redaction(&list, RN_TAG_STDOUT, 2, 3, RN_SECRET_SHAPE);
    put_redaction(&list, RN_TAG_STDERR, 0, 1, RN_SECRET_SEEN);
    put_redaction(&list, RN_TAG_STDOUT, 5, 5, RN_SECRET_SEEN);
    rn_event_set(&event, RN_TAG_REDACTIONS, rn_buffer_bytes(&list));
    rn_event_set(&event, RN_TAG_STDOUT, RN_LIT("0123456789"));
    ck_assert_int_eq(rn_event_spans(&event, RN_TAG_STDOUT, &spans), RN_OK);
    ck_assert_uint_eq(spans.count, 2);
    ck_assert_uint_eq(spans.at[0].offset, 2);
    ck_assert_uint_eq(spans.at[0].len, 3);
    ck_assert_int_eq(spans.at[0].kind, RN_SECRET_SHAPE);
    ck_assert_uint_eq(spans.at[1].offset, 5);
    ck_assert_int_eq(rn_event_spans(&event, RN_TAG_CWD, &spans), RN_OK);
    ck_assert_uint_eq(spans.count, 0);
    rn_spans_free(&spans);
    rn_buffer_free(&list);
}
END_TEST

START_TEST(spans_outside_their_field_are_damage)
{
    static const uint64_t bad[][3] = {
        {8, 3, RN_SECRET_SEEN}, {11, 0, RN_SECRET_SEEN}, {0, 1, 99}, {0, 1, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rn_event event = {0};
        struct rn_buffer list = {0};
        struct rn_spans spans = {0};
        put_redaction(&list, RN_TAG_STDOUT, bad[i][0], bad[i][1], bad[i][2]);
        rn_event_set(&event, RN_TAG_REDACTIONS, rn_buffer_bytes(&list));
        rn_event_set(&event, RN_TAG_STDOUT, RN_LIT("0123456789"));
        ck_assert_int_eq(rn_event_spans(&event, RN_TAG_STDOUT, &spans), RN_DAMAGED);
        list.len--;
        rn_event_set(&event, RN_TAG_REDACTIONS, rn_buffer_bytes(&list));
        ck_assert_int_eq(rn_event_spans(&event, RN_TAG_STDOUT, &spans), RN_DAMAGED);
        rn_spans_free(&spans);
        rn_buffer_free(&list);
    }
}
END_TEST

START_TEST(erased_fields_are_known_and_not_present)
{
    struct rn_salts salts = {.from_secret = true};
    struct rn_event event = sample();
    struct rn_event back = {0};
    struct rn_buffer erasures = {0};
    struct rn_buffer raw = {0};
    struct rn_arena arena = {0};
    ck_assert_int_eq(
        rn_erasure_put(&salts, RN_CLASS_EVENT, 3, RN_TAG_STDOUT, RN_LIT("gone"), &erasures), RN_OK);
    event.erasures = rn_buffer_bytes(&erasures);
    ck_assert_int_eq(rn_event_encode(&event, &raw), RN_OK);
    ck_assert_int_eq(rn_event_decode(rn_buffer_bytes(&raw), &arena, &back, NULL), RN_OK);
    ck_assert_uint_eq(back.erased, UINT64_C(1) << RN_TAG_STDOUT);
    ck_assert(!rn_event_has(&back, RN_TAG_STDOUT));
    /* A field cannot be there and be erased. */
    rn_event_set(&event, RN_TAG_STDOUT, RN_LIT("back"));
    rn_buffer_clear(&raw);
    ck_assert_int_eq(rn_event_encode(&event, &raw), RN_OK);
    ck_assert_int_eq(decode(rn_buffer_bytes(&raw)), RN_DAMAGED);
    rn_arena_free(&arena);
    rn_buffer_free(&raw);
    rn_buffer_free(&erasures);
}
END_TEST

START_TEST(trace_ids_are_32_hex_digits)
{
    struct rn_trace_id id;
    char text[33];
    ck_assert(rn_trace_id_parse(RN_LIT("00112233445566778899AABBCCDDEEFF"), &id));
    rn_trace_id_text(&id, text);
    ck_assert_str_eq(text, "00112233445566778899aabbccddeeff");
    ck_assert(!rn_trace_id_parse(RN_LIT("00112233445566778899aabbccddeef"), &id));
    ck_assert(!rn_trace_id_parse(RN_LIT("00112233445566778899aabbccddeefff"), &id));
    ck_assert(!rn_trace_id_parse(RN_LIT("00112233445566778899aabbccddeefg"), &id));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/event");
    RN_CASE(suite, "pack", event_survives_encoding, pieces_are_joined_in_order,
            event_cut_at_each_byte_is_refused, event_refuses_other_layouts,
            huge_counts_are_refused_before_memory, decoding_survives_each_failed_allocation,
            erased_fields_are_known_and_not_present);
    RN_CASE(suite, "fields", numbers_and_enums_have_defaults, spans_are_those_of_one_tag,
            spans_outside_their_field_are_damage, trace_ids_are_32_hex_digits);
    return suite;
}
