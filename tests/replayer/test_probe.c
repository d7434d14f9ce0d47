/* When a probe has failed. */
#include "main.h"

#include <stdio.h>
#include <string.h>

#include "probe.h"

static struct rn_probe probe;

static enum rn_probe_state fail_one(unsigned status, int code, const char *message)
{
    struct rn_probe_end end = {.status = status, .code = code, .message = rn_bytes_text(message)};
    rn_probe_take(&probe, &end);
    return rn_probe_state(&probe);
}

static enum rn_probe_state pass(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        rn_probe_take(&probe, &(struct rn_probe_end){.is_success = true, .status = 200});
    }
    return rn_probe_state(&probe);
}

START_TEST(a_tenth_may_fail_alike_and_no_more)
{
    rn_probe_init(&probe, 10000);
    ck_assert_int_eq(fail_one(401, 0, "bad key"), RN_PROBE_OPEN);
    ck_assert_int_eq(fail_one(401, 0, "bad key"), RN_PROBE_OPEN);
    ck_assert_int_eq(pass(17), RN_PROBE_OPEN);
    ck_assert_int_eq(pass(1), RN_PROBE_PASSED);
    rn_probe_init(&probe, 10000);
    (void)pass(17);
    (void)fail_one(401, 0, "bad key");
    (void)fail_one(401, 0, "bad key");
    ck_assert_int_eq(fail_one(401, 0, "bad key"), RN_PROBE_FAILED);
}
END_TEST

START_TEST(failures_of_different_kinds_are_not_alike)
{
    rn_probe_init(&probe, 20);
    (void)fail_one(400, 0, "no such parameter");
    (void)fail_one(400, 0, "no such parameter");
    (void)fail_one(400, 0, "too long");
    (void)fail_one(400, 0, "too long");
    (void)fail_one(404, 0, "too long");
    (void)fail_one(404, 0, "too long");
    (void)fail_one(0, 7, "too long");
    (void)fail_one(0, 7, "too long");
    ck_assert_int_eq(pass(11), RN_PROBE_OPEN);
    ck_assert_int_eq(fail_one(0, 28, "too long"), RN_PROBE_PASSED);
}
END_TEST

START_TEST(numbers_and_quoted_names_do_not_make_a_difference)
{
    rn_probe_init(&probe, 20);
    (void)fail_one(400, 0, "at most 4096 tokens, you asked for 5000 (req_81ab)");
    (void)fail_one(400, 0, "at most 4096 tokens, you asked for 17 (req_9)");
    ck_assert_int_eq(fail_one(400, 0, "at most 1 tokens, you asked for 99 (req_123)"),
                     RN_PROBE_FAILED);
    rn_probe_init(&probe, 20);
    (void)fail_one(400, 0, "the tool 'search' is unknown");
    (void)fail_one(400, 0, "the tool 'mail' is unknown");
    (void)fail_one(400, 0, "the tool `a b` is unknown");
    ck_assert_int_eq(rn_probe_state(&probe), RN_PROBE_FAILED);
    rn_probe_init(&probe, 20);
    (void)fail_one(400, 0, "doesn't exist");
    (void)fail_one(400, 0, "doesn't matter");
    ck_assert_int_eq(fail_one(400, 0, "doesn't help"), RN_PROBE_OPEN);
}
END_TEST

START_TEST(a_lone_failure_is_alike_with_nothing)
{
    rn_probe_init(&probe, 5);
    (void)fail_one(400, 0, "x");
    ck_assert_int_eq(pass(4), RN_PROBE_PASSED);
    rn_probe_init(&probe, 5);
    (void)fail_one(400, 0, "x");
    ck_assert_int_eq(fail_one(400, 0, "x"), RN_PROBE_FAILED);
    rn_probe_init(&probe, 1);
    ck_assert_int_eq(fail_one(400, 0, "x"), RN_PROBE_FAILED);
}
END_TEST

START_TEST(nothing_to_probe_is_passed)
{
    rn_probe_init(&probe, 0);
    ck_assert_int_eq(rn_probe_state(&probe), RN_PROBE_PASSED);
    ck_assert_int_eq(fail_one(400, 0, "late"), RN_PROBE_PASSED);
}
END_TEST

START_TEST(the_sentence_names_count_and_error)
{
    char out[400];
    char longest[900];
    rn_probe_init(&probe, 300);
    for (unsigned i = 0; i < 3; i++) {
        (void)fail_one(401, 0, "Incorrect API key\nprovided");
    }
    rn_probe_sentence(&probe, out, sizeof out);
    ck_assert_str_eq(out, "3 of the first 20 calls failed alike: status 401, Incorrect API key "
                          "provided");
    rn_probe_init(&probe, 2);
    (void)fail_one(0, 7, "CURLE_COULDNT_CONNECT: could not connect to http://127.0.0.1:9");
    (void)fail_one(0, 7, "CURLE_COULDNT_CONNECT: could not connect to http://127.0.0.1:9");
    rn_probe_sentence(&probe, out, sizeof out);
    ck_assert_str_eq(out, "2 of the first 2 calls failed alike: CURLE_COULDNT_CONNECT: could not "
                          "connect to http://127.0.0.1:9");
    memset(longest, 'w', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    rn_probe_init(&probe, 1);
    (void)fail_one(500, 0, longest);
    rn_probe_sentence(&probe, out, 64);
    ck_assert_uint_eq(strlen(out), 63);
}
END_TEST

START_TEST(twenty_refusals_of_who_asks_in_a_row_are_the_end)
{
    struct rn_streak streak = {0};
    struct rn_probe_end refused = {.status = 403, .message = RN_LIT("quota 17 used up")};
    struct rn_probe_end other = {.status = 403, .message = RN_LIT("no access")};
    struct rn_probe_end bad = {.status = 400, .message = RN_LIT("quota 17 used up")};
    char out[200];
    for (unsigned i = 0; i < 19; i++) {
        rn_streak_take(&streak, &refused);
    }
    ck_assert(!rn_streak_is_over(&streak));
    rn_streak_take(&streak, &other);
    for (unsigned i = 0; i < 19; i++) {
        rn_streak_take(&streak, &refused);
    }
    ck_assert(!rn_streak_is_over(&streak));
    rn_streak_take(&streak, &refused);
    ck_assert(rn_streak_is_over(&streak));
    rn_streak_sentence(&streak, out, sizeof out);
    ck_assert_str_eq(out, "the last 20 calls were refused alike: status 403, quota 17 used up");
    rn_streak_take(&streak, &bad);
    for (unsigned i = 0; i < 100; i++) {
        rn_streak_take(&streak, &bad);
    }
    ck_assert(!rn_streak_is_over(&streak));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/probe");
    RN_CASE(suite, "probe", a_tenth_may_fail_alike_and_no_more,
            failures_of_different_kinds_are_not_alike,
            numbers_and_quoted_names_do_not_make_a_difference, a_lone_failure_is_alike_with_nothing,
            nothing_to_probe_is_passed, the_sentence_names_count_and_error,
            twenty_refusals_of_who_asks_in_a_row_are_the_end);
    return suite;
}
