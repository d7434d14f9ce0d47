/* What is read from stored lists is exactly what was written, and nothing from what is cut. */
#include "main.h"

#include "base/varint.h"
#include "store/view.h"

static const struct rn_trace_id id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void put_answers(struct rn_buffer *out, uint64_t n, uint64_t attempt)
{
    rn_buffer_clear(out);
    ck_assert_int_eq(rn_buffer_append(out, id.bytes, RN_TRACE_ID_BYTES), RN_OK);
    ck_assert_int_eq(rn_varint_put(out, n), RN_OK);
    ck_assert_int_eq(rn_varint_put(out, attempt), RN_OK);
}

static bool reads(struct rn_bytes field, struct rn_view_answered *out)
{
    struct rn_event event = {.n = 1};
    rn_event_set(&event, RN_TAG_ANSWERS, field);
    return rn_view_answered(&event, out);
}

START_TEST(answered_call_round_trip)
{
    struct rn_buffer field = {0};
    struct rn_view_answered out;
    struct rn_event none = {.n = 1};
    put_answers(&field, UINT32_MAX, 300);
    ck_assert(reads(rn_buffer_bytes(&field), &out));
    ck_assert(rn_trace_id_equal(&out.trace, &id));
    ck_assert_uint_eq(out.n, UINT32_MAX);
    ck_assert_uint_eq(out.attempt, 300);
    ck_assert(!rn_view_answered(&none, &out));
    rn_buffer_free(&field);
}
END_TEST

START_TEST(answered_call_refuses_what_is_cut_or_longer)
{
    struct rn_buffer field = {0};
    struct rn_view_answered out;
    put_answers(&field, 300, 300);
    for (size_t cut = 0; cut < field.len; cut++) {
        ck_assert(!reads(rn_bytes_sub(rn_buffer_bytes(&field), 0, cut), &out));
    }
    ck_assert_int_eq(rn_buffer_add_byte(&field, 0), RN_OK);
    ck_assert(!reads(rn_buffer_bytes(&field), &out));
    put_answers(&field, (uint64_t)UINT32_MAX + 1, 1);
    ck_assert(!reads(rn_buffer_bytes(&field), &out));
    rn_buffer_free(&field);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/view");
    RN_CASE(suite, "answers", answered_call_round_trip,
            answered_call_refuses_what_is_cut_or_longer);
    return suite;
}
