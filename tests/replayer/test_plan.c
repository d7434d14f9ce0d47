/* A plan as bytes: what goes in comes out as the same bytes, and nothing else is taken. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "plan.h"
#include "plan_lock.h"
#include "store/room.h"

static struct rn_edit edits[] = {
    {.kind = RN_EDIT_SET,
     .place = {(const uint8_t *)"temperature", 11},
     .value = {(const uint8_t *)"0", 1}},
    {.kind = RN_EDIT_UNSET, .place = {(const uint8_t *)"seed", 4}},
    {.kind = RN_EDIT_RENAME,
     .place = {(const uint8_t *)"/a/b", 4},
     .value = {(const uint8_t *)"c", 1}},
};
static struct rn_plan_move moves[] = {
    {.dialect = RN_DIALECT_ANTHROPIC_MESSAGES,
     .beside = {(const uint8_t *)"temperature", 11},
     .edit = {.kind = RN_EDIT_UNSET, .place = {(const uint8_t *)"top_p", 5}}},
};
static struct rn_plan_call calls[] = {
    {.trace = {{1}}, .n = 1, .tokens_in = 10, .tokens_out = 300},
    {.trace = {{1}}, .n = 7, .tokens_in = UINT32_MAX, .tokens_out = 0},
    {.trace = {{2}}, .n = 1, .tokens_in = 1, .tokens_out = 1},
    {.trace = {{1}}, .n = 8, .tokens_in = 1, .tokens_out = 1},
};
static struct rn_plan_left left[] = {
    {.trace = {{3}}, .n = 2, .why = RN_LEFT_REDACTED},
    {.trace = {{3}}, .n = 3, .why = RN_LEFT_RETRIED},
};

static struct rn_plan sample(void)
{
    return (struct rn_plan){
        .id = {{0x01, 0x93, 4}},
        .created_wall_ns = UINT64_C(1795000000000000000),
        .name = RN_LIT("next-model"),
        .selection = RN_LIT("--since 7d"),
        .upstream = RN_LIT("openai"),
        .url = RN_LIT("https://api.openai.com"),
        .model = RN_LIT("gpt-4.1-mini"),
        .edits = edits,
        .edit_count = 3,
        .moves = moves,
        .move_count = 1,
        .prices_date = RN_LIT("2025-08-15"),
        .price = {.in = 400000, .cached = 100000, .out = 1600000},
        .budget_pico = 5 * RN_PICO_PER_DOLLAR,
        .jobs = 8,
        .requests_per_minute = 60,
        .tokens_per_minute = UINT64_MAX,
        .attempts = 5,
        .seconds = 1234,
        .no_model_calls = 17,
        .calls = calls,
        .call_count = 4,
        .left = left,
        .left_count = 2,
    };
}

static struct rn_buffer encoded(const struct rn_plan *plan)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_plan_encode(plan, &out), RN_OK);
    return out;
}

/* Decoded and encoded again, it is the same bytes. */
static void expect_canonical(struct rn_bytes bytes)
{
    struct rn_plan plan;
    struct rn_error error = {.text = ""};
    ck_ok(rn_plan_decode(bytes, &plan, &error));
    struct rn_buffer again = encoded(&plan);
    ck_assert(rn_bytes_equal(bytes, rn_buffer_bytes(&again)));
    rn_buffer_free(&again);
    rn_plan_free(&plan);
}

START_TEST(plan_survives_encoding)
{
    struct rn_plan plan = sample();
    struct rn_plan back;
    struct rn_error error = {.text = ""};
    struct rn_buffer bytes = encoded(&plan);
    ck_ok(rn_plan_decode(rn_buffer_bytes(&bytes), &back, &error));
    ck_assert(rn_trace_id_equal(&plan.id, &back.id));
    ck_assert(rn_bytes_equal(plan.model, back.model));
    ck_assert_uint_eq(back.edit_count, 3);
    ck_assert_int_eq(back.edits[2].kind, RN_EDIT_RENAME);
    ck_assert(rn_bytes_equal(back.edits[2].value, RN_LIT("c")));
    ck_assert(rn_bytes_equal(back.moves[0].beside, RN_LIT("temperature")));
    ck_assert_uint_eq(back.price.out, 1600000);
    ck_assert_ptr_eq(rn_plan_price(&back), &back.price);
    ck_assert_uint_eq(back.call_count, 4);
    ck_assert_uint_eq(back.calls[1].tokens_in, UINT32_MAX);
    ck_assert(rn_trace_id_equal(&back.calls[3].trace, &calls[3].trace));
    ck_assert_uint_eq(back.left[1].why, RN_LEFT_RETRIED);
    rn_plan_free(&back);
    expect_canonical(rn_buffer_bytes(&bytes));
    rn_buffer_free(&bytes);
}
END_TEST

START_TEST(empty_plan_survives_encoding)
{
    struct rn_plan plan = {.id = {{1}}};
    struct rn_buffer bytes = encoded(&plan);
    expect_canonical(rn_buffer_bytes(&bytes));
    rn_buffer_free(&bytes);
}
END_TEST

START_TEST(unpriced_plan_has_no_price)
{
    struct rn_plan plan = sample();
    struct rn_plan back;
    struct rn_error error = {.text = ""};
    plan.prices_date = RN_LIT("");
    struct rn_buffer bytes = encoded(&plan);
    ck_ok(rn_plan_decode(rn_buffer_bytes(&bytes), &back, &error));
    ck_assert_ptr_null(rn_plan_price(&back));
    rn_plan_free(&back);
    rn_buffer_free(&bytes);
}
END_TEST

START_TEST(plan_cut_at_each_byte_is_damaged)
{
    struct rn_plan plan = sample();
    struct rn_buffer bytes = encoded(&plan);
    for (size_t len = 0; len < bytes.len; len++) {
        struct rn_plan back;
        struct rn_error error = {.text = ""};
        uint8_t *cut = rn_dup(bytes.data, len);
        ck_assert_int_eq(rn_plan_decode(rn_bytes_of(cut, len), &back, &error), RN_DAMAGED);
        ck_assert_ptr_null(back.calls);
        rn_free(cut);
    }
    rn_buffer_free(&bytes);
}
END_TEST

START_TEST(a_byte_behind_the_plan_is_damage)
{
    struct rn_plan plan = sample();
    struct rn_plan back;
    struct rn_error error = {.text = ""};
    struct rn_buffer bytes = encoded(&plan);
    ck_assert_int_eq(rn_buffer_add_byte(&bytes, 0), RN_OK);
    ck_assert_int_eq(rn_plan_decode(rn_buffer_bytes(&bytes), &back, &error), RN_DAMAGED);
    rn_buffer_free(&bytes);
}
END_TEST

START_TEST(whatever_byte_is_flipped_one_encoding_remains)
{
    struct rn_plan plan = sample();
    struct rn_buffer bytes = encoded(&plan);
    for (size_t i = 0; i < bytes.len * 8; i++) {
        struct rn_plan back;
        struct rn_error error = {.text = ""};
        bytes.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        if (rn_plan_decode(rn_buffer_bytes(&bytes), &back, &error) == RN_OK) {
            struct rn_buffer again = encoded(&back);
            ck_assert(rn_bytes_equal(rn_buffer_bytes(&bytes), rn_buffer_bytes(&again)));
            rn_buffer_free(&again);
            rn_plan_free(&back);
        }
        bytes.data[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    rn_buffer_free(&bytes);
}
END_TEST

START_TEST(a_later_version_is_said_to_be_later)
{
    struct rn_plan plan = sample();
    struct rn_plan back;
    struct rn_error error = {.text = ""};
    struct rn_buffer bytes = encoded(&plan);
    bytes.data[0] = 2;
    ck_assert_int_eq(rn_plan_decode(rn_buffer_bytes(&bytes), &back, &error), RN_NEWER);
    rn_buffer_free(&bytes);
}
END_TEST

START_TEST(a_hundred_thousand_calls_are_small)
{
    struct rn_plan plan = sample();
    plan.call_count = 100000;
    plan.calls = rn_calloc(plan.call_count, sizeof *plan.calls);
    for (uint32_t i = 0; i < plan.call_count; i++) {
        plan.calls[i] = (struct rn_plan_call){.trace = {{(uint8_t)(i / 1000)}},
                                              .n = i % 1000 + 1,
                                              .tokens_in = 500,
                                              .tokens_out = 90};
    }
    struct rn_buffer bytes = encoded(&plan);
    ck_assert_uint_lt(bytes.len, 600000);
    expect_canonical(rn_buffer_bytes(&bytes));
    rn_buffer_free(&bytes);
    rn_free(plan.calls);
}
END_TEST

START_TEST(memory_may_fail_anywhere)
{
    struct rn_plan plan = sample();
    struct rn_buffer bytes = encoded(&plan);
    enum rn_status status = RN_NOMEM;
    for (unsigned long nth = 1; status != RN_OK; nth++) {
        struct rn_plan back;
        rn_memory_fail_from(nth);
        status = rn_plan_decode(rn_buffer_bytes(&bytes), &back, NULL);
        rn_memory_fail_from(0);
        ck_assert(status == RN_OK || status == RN_NOMEM);
        rn_plan_free(&back);
    }
    status = RN_NOMEM;
    for (unsigned long nth = 1; status != RN_OK; nth++) {
        struct rn_buffer out = {0};
        rn_memory_fail_from(nth);
        status = rn_plan_encode(&plan, &out);
        rn_memory_fail_from(0);
        ck_assert(status == RN_OK ? out.len == bytes.len : out.len == 0);
        rn_buffer_free(&out);
    }
    rn_buffer_free(&bytes);
}
END_TEST

/* --- the lock ------------------------------------------------------------------------------------------------------- */

START_TEST(a_backtest_is_run_by_one)
{
    struct room room;
    struct rn_error error = {.text = ""};
    const struct rn_trace_id id = {{1, 2, 3}};
    const struct rn_trace_id other = {{4}};
    int first = -1;
    int second = -1;
    room_open(&room);
    ck_ok(rn_plan_lock(room.path, &id, &first, &error));
    ck_assert_int_eq(rn_plan_lock(room.path, &id, &second, &error), RN_BUSY);
    ck_assert_int_eq(second, -1);
    ck_ok(rn_plan_lock(room.path, &other, &second, &error));
    rn_plan_unlock(room.path, &other, second);
    rn_plan_unlock(room.path, &id, first);
    ck_ok(rn_plan_lock(room.path, &id, &first, &error));
    close(first); /* as a process that was killed leaves it */
    ck_ok(rn_plan_lock(room.path, &id, &first, &error));
    rn_plan_unlock(room.path, &id, first);
    ck_assert_int_ne(
        access(room_file(&room, "backtest-01020300000000000000000000000000.lock"), F_OK), 0);
    ck_assert_int_eq(rn_plan_lock(room_file(&room, "none"), &id, &first, &error), RN_IO);
    room_close(&room);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("plan");
    RN_CASE(suite, "bytes", plan_survives_encoding, empty_plan_survives_encoding,
            unpriced_plan_has_no_price, plan_cut_at_each_byte_is_damaged,
            a_byte_behind_the_plan_is_damage, whatever_byte_is_flipped_one_encoding_remains,
            a_later_version_is_said_to_be_later, a_hundred_thousand_calls_are_small,
            memory_may_fail_anywhere);
    RN_CASE(suite, "lock", a_backtest_is_run_by_one);
    return suite;
}
