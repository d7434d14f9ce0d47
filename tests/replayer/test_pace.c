/* Rates, pauses and money without a clock. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "pace.h"

#define S UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static struct rn_pace pace;
static uint64_t again;

static enum rn_pace_answer claim(uint64_t now, uint64_t tokens, uint64_t pico,
                                 struct rn_pace_claim *out)
{
    struct rn_pace_need need = {.tokens = tokens, .pico = pico};
    return rn_pace_claim(&pace, now, &need, out, &again);
}

static enum rn_pace_answer send_now(uint64_t now, uint64_t tokens, uint64_t pico,
                                    struct rn_pace_claim *out)
{
    enum rn_pace_answer answer = claim(now, tokens, pico, out);
    if (answer == RN_PACE_GO) {
        rn_pace_sent(&pace, now, out);
    }
    return answer;
}

static void settle(uint64_t now, struct rn_pace_claim *of, uint64_t tokens, uint64_t pico)
{
    struct rn_pace_need took = {.tokens = tokens, .pico = pico};
    rn_pace_settle(&pace, now, of, &took);
}

START_TEST(without_bounds_everything_goes)
{
    struct rn_pace_claim out;
    rn_pace_init(&pace, 0, 0, 0, 0);
    for (unsigned i = 0; i < 100000; i++) {
        ck_assert_int_eq(send_now(0, 1000000, 1000000, &out), RN_PACE_GO);
    }
}
END_TEST

/* Claims come at random moments, are sent a random moment later, and no minute ever holds more. */
START_TEST(no_minute_holds_more_requests_than_its_bound)
{
    enum { BOUND = 17, COUNT = 2000 };
    static uint64_t sent[COUNT];
    struct rn_pace_claim waiting[8] = {0};
    size_t open = 0;
    size_t done = 0;
    uint64_t now = 1;
    srand(7);
    rn_pace_init(&pace, BOUND, 0, 0, 0);
    while (done < COUNT) {
        while (open < 8 && claim(now, 0, 0, &waiting[open]) == RN_PACE_GO) {
            open++;
        }
        now += (uint64_t)(rand() % 700) * MS;
        if (open > 0 && rand() % 3 != 0) {
            rn_pace_sent(&pace, now, &waiting[--open]);
            settle(now, &waiting[open], 0, 0);
            sent[done++] = now;
        }
    }
    for (size_t i = BOUND; i < COUNT; i++) {
        ck_assert_uint_gt(sent[i] - sent[i - BOUND], 60 * S);
    }
    /* Nor much less: the bound is used up. */
    ck_assert_uint_lt(sent[COUNT - 1] - sent[0], (COUNT / BOUND + 1) * 75 * S);
}
END_TEST

START_TEST(no_minute_holds_more_tokens_than_its_bound)
{
    enum { BOUND = 10000, COUNT = 3000 };
    static uint64_t sent[COUNT];
    static uint64_t tokens[COUNT];
    uint64_t now = 5 * S;
    size_t done = 0;
    srand(11);
    rn_pace_init(&pace, 0, BOUND, 0, 0);
    while (done < COUNT) {
        struct rn_pace_claim out;
        uint64_t wanted = (uint64_t)(rand() % 3000);
        if (send_now(now, wanted, 0, &out) != RN_PACE_GO) {
            ck_assert_uint_gt(again, now);
            now = again;
            ck_assert_int_eq(send_now(now, wanted, 0, &out), RN_PACE_GO);
        }
        settle(now, &out, wanted, 0);
        sent[done] = now;
        tokens[done++] = wanted;
        now += (uint64_t)(rand() % 3000) * MS;
    }
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t sum = 0;
        for (size_t k = i; k < COUNT && sent[k] - sent[i] <= 60 * S; k++) {
            sum += tokens[k];
        }
        ck_assert_uint_le(sum, BOUND);
    }
}
END_TEST

START_TEST(the_moment_it_names_is_the_first_that_will_do)
{
    struct rn_pace_claim out;
    rn_pace_init(&pace, 2, 0, 0, 0);
    ck_assert_int_eq(send_now(1000 * S, 0, 0, &out), RN_PACE_GO);
    ck_assert_int_eq(send_now(1010 * S, 0, 0, &out), RN_PACE_GO);
    ck_assert_int_eq(send_now(1020 * S, 0, 0, &out), RN_PACE_RATE);
    uint64_t first = again;
    ck_assert_uint_gt(first, 1060 * S);
    ck_assert_uint_lt(first, 1061 * S);
    ck_assert_int_eq(send_now(first - 1, 0, 0, &out), RN_PACE_RATE);
    ck_assert_uint_eq(again, first);
    ck_assert_int_eq(send_now(first, 0, 0, &out), RN_PACE_GO);
    ck_assert_int_eq(send_now(first, 0, 0, &out), RN_PACE_RATE);
    ck_assert_uint_gt(again, 1070 * S);
}
END_TEST

START_TEST(what_is_claimed_and_not_sent_takes_its_place)
{
    struct rn_pace_claim one;
    struct rn_pace_claim two;
    struct rn_pace_claim three;
    rn_pace_init(&pace, 2, 0, 0, 0);
    ck_assert_int_eq(claim(0, 0, 0, &one), RN_PACE_GO);
    ck_assert_int_eq(claim(0, 0, 0, &two), RN_PACE_GO);
    ck_assert_int_eq(claim(0, 0, 0, &three), RN_PACE_RATE);
    ck_assert_uint_eq(again, UINT64_MAX);
    /* A minute later the two are still to be sent. */
    ck_assert_int_eq(claim(90 * S, 0, 0, &three), RN_PACE_RATE);
    settle(90 * S, &one, 0, 0);
    ck_assert_int_eq(claim(90 * S, 0, 0, &three), RN_PACE_GO);
}
END_TEST

START_TEST(usage_corrects_the_minute_it_was_sent_in)
{
    struct rn_pace_claim one;
    struct rn_pace_claim two;
    rn_pace_init(&pace, 0, 1000, 0, 0);
    ck_assert_int_eq(send_now(0, 600, 0, &one), RN_PACE_GO);
    ck_assert_int_eq(send_now(S, 401, 0, &two), RN_PACE_RATE);
    settle(2 * S, &one, 100, 0);
    ck_assert_int_eq(send_now(3 * S, 900, 0, &two), RN_PACE_GO);
    settle(4 * S, &two, 2000, 0); /* more than was expected: everybody waits */
    ck_assert_int_eq(send_now(5 * S, 1, 0, &one), RN_PACE_RATE);
    ck_assert_uint_gt(again, 63 * S);
    ck_assert_int_eq(send_now(again, 1, 0, &one), RN_PACE_GO);
    settle(10 * 60 * S, &one, 5000, 0); /* long ago: corrects nothing */
    ck_assert_int_eq(send_now(10 * 60 * S, 1000, 0, &two), RN_PACE_GO);
}
END_TEST

START_TEST(a_call_beyond_a_whole_minute_goes_alone)
{
    struct rn_pace_claim big;
    struct rn_pace_claim small;
    rn_pace_init(&pace, 0, 1000, 0, 0);
    ck_assert_int_eq(send_now(0, 1, 0, &small), RN_PACE_GO);
    ck_assert_int_eq(send_now(S, 5000, 0, &big), RN_PACE_RATE);
    ck_assert_int_eq(send_now(again, 5000, 0, &big), RN_PACE_GO);
    ck_assert_int_eq(send_now(90 * S, 1, 0, &small), RN_PACE_RATE);
    ck_assert_int_eq(send_now(again, 1, 0, &small), RN_PACE_GO);
}
END_TEST

START_TEST(spent_and_claimed_never_exceed_the_budget)
{
    struct rn_pace_claim one;
    struct rn_pace_claim two;
    rn_pace_init(&pace, 0, 0, 1000, 200);
    ck_assert_int_eq(claim(0, 0, 801, &one), RN_PACE_BUDGET);
    ck_assert_uint_eq(again, UINT64_MAX);
    ck_assert_int_eq(send_now(0, 0, 800, &one), RN_PACE_GO);
    ck_assert_int_eq(claim(0, 0, 1, &two), RN_PACE_BUDGET);
    settle(0, &one, 0, 300);
    ck_assert_uint_eq(pace.spent_pico, 500);
    ck_assert_int_eq(claim(0, 0, 501, &two), RN_PACE_BUDGET);
    ck_assert_int_eq(claim(0, 0, 500, &two), RN_PACE_GO);
    settle(0, &two, 0, 500); /* was never sent: costs nothing */
    ck_assert_uint_eq(pace.spent_pico, 500);
    ck_assert_uint_eq(pace.claimed_pico, 0);
    ck_assert_int_eq(claim(0, 0, UINT64_MAX, &two), RN_PACE_BUDGET);
}
END_TEST

START_TEST(a_claim_is_settled_once)
{
    struct rn_pace_claim one;
    rn_pace_init(&pace, 5, 100, 1000, 0);
    ck_assert_int_eq(send_now(0, 10, 10, &one), RN_PACE_GO);
    settle(0, &one, 10, 10);
    settle(0, &one, 10, 10);
    ck_assert_uint_eq(pace.spent_pico, 10);
    ck_assert_uint_eq(pace.tokens, 10);
}
END_TEST

START_TEST(a_pause_holds_everything_and_never_shrinks)
{
    struct rn_pace_claim one;
    struct rn_pace_claim two;
    rn_pace_init(&pace, 0, 0, 0, 0);
    ck_assert_int_eq(claim(S, 0, 0, &one), RN_PACE_GO);
    rn_pace_pause(&pace, 10 * S);
    rn_pace_pause(&pace, 5 * S);
    ck_assert_int_eq(claim(10 * S - 1, 0, 0, &two), RN_PACE_PAUSED);
    ck_assert_uint_eq(again, 10 * S);
    ck_assert(!rn_pace_may_send(&pace, 10 * S - 1, &again));
    ck_assert_uint_eq(again, 10 * S);
    ck_assert(rn_pace_may_send(&pace, 10 * S, &again));
    ck_assert_int_eq(claim(10 * S, 0, 0, &two), RN_PACE_GO);
}
END_TEST

START_TEST(an_upstream_that_is_silent_is_tried_by_one_call_at_a_time)
{
    struct rn_pace_claim one;
    struct rn_pace_claim two;
    uint64_t now = 100 * S;
    rn_pace_init(&pace, 0, 0, 0, 0);
    for (unsigned i = 0; i + 1 < RN_PACE_SILENT_CALLS; i++) {
        rn_pace_heard(&pace, now, false);
    }
    ck_assert_int_eq(claim(now, 0, 0, &one), RN_PACE_GO);
    settle(now, &one, 0, 0);
    for (unsigned i = 0; i < 8; i++) { /* all that were on the way */
        rn_pace_heard(&pace, now, false);
    }
    ck_assert_int_eq(claim(now, 0, 0, &one), RN_PACE_SILENT);
    ck_assert_uint_eq(again, now + S);
    static const uint64_t waits[] = {2, 4, 8, 16, 30, 30};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        now = again;
        ck_assert_int_eq(send_now(now, 0, 0, &one), RN_PACE_GO);
        ck_assert_int_eq(claim(now, 0, 0, &two), RN_PACE_SILENT);
        ck_assert_uint_eq(again, UINT64_MAX);
        settle(now, &one, 0, 0);
        rn_pace_heard(&pace, now, false);
        ck_assert_int_eq(claim(now, 0, 0, &two), RN_PACE_SILENT);
        ck_assert_uint_eq(again, now + waits[i] * S);
    }
    now = again;
    ck_assert_int_eq(send_now(now, 0, 0, &one), RN_PACE_GO);
    rn_pace_heard(&pace, now, true);
    ck_assert_int_eq(send_now(now, 0, 0, &two), RN_PACE_GO);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/pace");
    RN_CASE(
        suite, "minute", without_bounds_everything_goes,
        no_minute_holds_more_requests_than_its_bound, no_minute_holds_more_tokens_than_its_bound,
        the_moment_it_names_is_the_first_that_will_do, what_is_claimed_and_not_sent_takes_its_place,
        usage_corrects_the_minute_it_was_sent_in, a_call_beyond_a_whole_minute_goes_alone);
    RN_CASE(suite, "money", spent_and_claimed_never_exceed_the_budget, a_claim_is_settled_once);
    RN_CASE(suite, "pause", a_pause_holds_everything_and_never_shrinks,
            an_upstream_that_is_silent_is_tried_by_one_call_at_a_time);
    return suite;
}
