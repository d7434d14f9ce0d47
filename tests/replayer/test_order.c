/* The book of orders, without sockets: who waits for whom, and when waiting ends. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "order.h"

#define ROWS_MAX 16

static struct rn_order_fact facts[ROWS_MAX];
static struct rn_hold holds[ROWS_MAX];
static struct rn_order_book *order;

static void setup(void)
{
    memset(facts, 0, sizeof facts);
    memset(holds, 0, sizeof holds);
    order = NULL;
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_order_free(order);
}

static void row(unsigned index, uint64_t arrival, uint64_t first_byte, uint64_t end)
{
    facts[index] = (struct rn_order_fact){.arrival = arrival,
                                          .first_byte = first_byte,
                                          .end = end,
                                          .arrived_ns = arrival * 1000,
                                          .ended_ns = end * 1000,
                                          .connection = index + 1};
}

static void begin(size_t count)
{
    order = rn_order_new(facts, count);
    ck_assert_ptr_nonnull(order);
}

/* Row arrives and asks for its end. */
static bool come(uint32_t index)
{
    rn_order_arrived(order, index);
    return rn_order_pass(order, &holds[index], index, facts[index].end);
}

static void expect_next(uint32_t index, enum rn_release why)
{
    struct rn_hold *hold = rn_order_next(order);
    ck_assert_ptr_nonnull(hold);
    ck_assert_uint_eq(hold->row, index);
    ck_assert_int_eq(hold->release, why);
    ck_assert(!hold->waiting);
}

static void expect_nobody(void)
{
    ck_assert_ptr_null(rn_order_next(order));
}

START_TEST(one_after_the_other_is_never_held)
{
    for (unsigned i = 0; i < 4; i++) {
        row(i, 3 * i + 1, 3 * i + 2, 3 * i + 3);
    }
    begin(4);
    ck_assert_uint_eq(rn_order_peak(order), 1);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert(come(i));
        rn_order_ended(order, i);
        expect_nobody();
    }
}
END_TEST

START_TEST(an_end_waits_for_an_earlier_arrival)
{
    row(0, 1, 3, 4);
    row(1, 2, 5, 6);
    begin(2);
    ck_assert(!come(1));
    expect_nobody();
    ck_assert(come(0));
    expect_nobody(); /* the end of row 0 came before that of row 1 */
    rn_order_ended(order, 0);
    expect_next(1, RN_RELEASE_ORDER);
    expect_nobody();
}
END_TEST

START_TEST(an_end_waits_for_an_earlier_end)
{
    row(0, 1, 5, 6);
    row(1, 2, 3, 4);
    begin(2);
    ck_assert(!come(0));
    ck_assert(come(1));
    expect_nobody();
    rn_order_ended(order, 1);
    expect_next(0, RN_RELEASE_ORDER);
}
END_TEST

START_TEST(a_first_byte_waits_only_for_what_came_before_it)
{
    row(0, 1, 2, 6);
    row(1, 3, 4, 5);
    begin(2);
    rn_order_arrived(order, 0);
    ck_assert(rn_order_pass(order, &holds[0], 0, facts[0].first_byte));
    ck_assert(!rn_order_pass(order, &holds[0], 0, facts[0].end));
    ck_assert(come(1));
    rn_order_ended(order, 1);
    expect_next(0, RN_RELEASE_ORDER);
}
END_TEST

START_TEST(holds_are_released_in_order_of_their_stamps)
{
    row(0, 1, 9, 10);
    row(1, 2, 11, 12);
    row(2, 3, 7, 8);
    row(3, 4, 5, 6);
    begin(4);
    ck_assert(!come(1));
    ck_assert(!come(0));
    ck_assert(!come(2));
    expect_nobody();
    ck_assert(come(3));
    rn_order_ended(order, 3);
    expect_next(2, RN_RELEASE_ORDER);
    expect_nobody();
    rn_order_ended(order, 2);
    expect_next(0, RN_RELEASE_ORDER);
    rn_order_ended(order, 0);
    expect_next(1, RN_RELEASE_ORDER);
    ck_assert_uint_eq(rn_order_waiting(order), 0);
}
END_TEST

START_TEST(at_the_peak_the_earliest_point_is_let_go)
{
    /* Two at a time when recorded; now rows 1 and 2 come first, and the client has no third connection. */
    row(0, 1, 3, 4);
    row(1, 2, 6, 7);
    row(2, 5, 8, 9);
    begin(3);
    ck_assert_uint_eq(rn_order_peak(order), 2);
    ck_assert(!come(2));
    expect_nobody();
    ck_assert(!come(1));
    expect_next(1, RN_RELEASE_PEAK);
    expect_nobody();
    rn_order_ended(order, 1);
    expect_nobody();
    ck_assert(come(0));
    rn_order_ended(order, 0);
    expect_next(2, RN_RELEASE_ORDER);
}
END_TEST

START_TEST(a_sequential_client_in_another_order_never_stalls)
{
    for (unsigned i = 0; i < 4; i++) {
        row(i, 3 * i + 1, 3 * i + 2, 3 * i + 3);
    }
    begin(4);
    static const uint32_t shuffled[] = {2, 0, 3, 1};
    for (size_t i = 0; i < 4; i++) {
        if (!come(shuffled[i])) {
            expect_next(shuffled[i], RN_RELEASE_PEAK);
        }
        rn_order_ended(order, shuffled[i]);
        expect_nobody();
    }
}
END_TEST

START_TEST(an_answer_that_waits_for_its_client_counts_at_the_peak)
{
    /* Row 0 is a stream that the client ends; rows 1 and 2 come the other way round. */
    row(0, 1, 2, 9);
    row(1, 3, 4, 5);
    row(2, 6, 7, 8);
    begin(3);
    ck_assert_uint_eq(rn_order_peak(order), 2);
    rn_order_arrived(order, 0);
    rn_order_linger(order, 1);
    ck_assert(!come(2));
    expect_next(2, RN_RELEASE_PEAK);
    rn_order_linger(order, -1);
}
END_TEST

START_TEST(what_must_come_behind_on_the_same_connection_is_not_waited_for)
{
    row(0, 1, 2, 3);
    row(1, 4, 7, 8);
    row(2, 5, 6, 9);
    facts[0].connection = facts[1].connection = 7;
    begin(3);
    ck_assert(!come(1));
    expect_nobody();
    ck_assert(!rn_order_behind(order, &holds[1], false, false));
    ck_assert(!rn_order_behind(order, &holds[1], false, false));
    ck_assert(rn_order_behind(order, &holds[1], false, true));
    ck_assert_int_eq(holds[1].release, RN_RELEASE_CONNECTION);
    ck_assert_uint_eq(rn_order_waiting(order), 0);
}
END_TEST

START_TEST(alone_on_another_connection_is_no_reason)
{
    row(0, 1, 2, 3);
    row(1, 4, 7, 8);
    row(2, 5, 6, 9);
    begin(3);
    ck_assert(!come(1));
    ck_assert(!rn_order_behind(order, &holds[1], false, true));
    ck_assert_uint_eq(rn_order_waiting(order), 1);
}
END_TEST

START_TEST(a_pipelined_successor_is_a_reason)
{
    row(0, 1, 2, 3);
    row(1, 4, 7, 8);
    row(2, 5, 6, 9);
    begin(3);
    ck_assert(!come(1));
    ck_assert(rn_order_behind(order, &holds[1], true, false));
}
END_TEST

START_TEST(a_successor_is_no_reason_while_an_end_is_awaited)
{
    row(0, 1, 3, 4);
    row(1, 2, 5, 6);
    begin(2);
    ck_assert(!come(0));
    ck_assert(!come(1));
    expect_next(0, RN_RELEASE_ORDER);
    ck_assert(!rn_order_behind(order, &holds[1], true, true));
    rn_order_ended(order, 0);
    expect_next(1, RN_RELEASE_ORDER);
}
END_TEST

START_TEST(what_was_given_up_holds_nobody_again)
{
    /* Peak 3; row 0 never comes. */
    row(0, 1, 10, 11);
    row(1, 2, 4, 5);
    row(2, 3, 6, 7);
    row(3, 8, 9, 12);
    begin(4);
    ck_assert(!come(1));
    ck_assert(!come(2));
    expect_nobody();
    rn_order_give_up(order, &holds[1]);
    ck_assert_int_eq(holds[1].release, RN_RELEASE_TIMEOUT);
    rn_order_ended(order, 1);
    expect_next(2, RN_RELEASE_ORDER);
    rn_order_ended(order, 2);
    ck_assert(come(3));
    /* It may still come, late. */
    ck_assert(come(0));
    rn_order_ended(order, 0);
    rn_order_ended(order, 3);
    expect_nobody();
}
END_TEST

START_TEST(a_client_that_leaves_is_forgotten)
{
    row(0, 1, 3, 4);
    row(1, 2, 5, 6);
    row(2, 7, 8, 9);
    begin(3);
    ck_assert(!come(1));
    rn_order_forget(order, &holds[1]);
    rn_order_forget(order, &holds[1]);
    rn_order_ended(order, 1);
    ck_assert_uint_eq(rn_order_waiting(order), 0);
    ck_assert_ptr_null(rn_order_first(order));
    ck_assert(come(0));
    rn_order_ended(order, 0);
    ck_assert(come(2));
}
END_TEST

START_TEST(off_means_everybody_passes)
{
    row(0, 1, 3, 4);
    row(1, 2, 5, 6);
    begin(2);
    ck_assert(!come(1));
    rn_order_off(order);
    expect_next(1, RN_RELEASE_OFF);
    expect_nobody();
}
END_TEST

START_TEST(rows_without_stamps_hold_nobody)
{
    row(1, 2, 3, 4);
    begin(2);
    ck_assert(come(1));
    rn_order_arrived(order, 0);
    ck_assert(rn_order_pass(order, &holds[0], 0, 0));
    rn_order_ended(order, 0);
    rn_order_ended(order, 1);
}
END_TEST

START_TEST(two_counters_cannot_be_compared)
{
    row(0, 1, 2, 3);
    row(1, 1, 2, 3);
    begin(2);
    ck_assert(rn_order_is_off(order));
    ck_assert(come(1));
}
END_TEST

START_TEST(an_answer_is_quiet_when_nobody_arrives_meanwhile)
{
    row(0, 1, 3, 6); /* only an end lies between */
    row(1, 2, 4, 5);
    row(2, 7, 8, 11);
    row(3, 9, 10, 12);
    begin(4);
    ck_assert(rn_order_is_quiet(order, 0, facts[0].first_byte));
    ck_assert(rn_order_is_quiet(order, 1, facts[1].first_byte));
    ck_assert(!rn_order_is_quiet(order, 2, facts[2].first_byte));
    ck_assert(rn_order_is_quiet(order, 3, facts[3].first_byte));
}
END_TEST

START_TEST(a_piece_stands_behind_those_who_had_arrived_by_then)
{
    row(0, 1, 2, 9);
    row(1, 3, 4, 5);
    row(2, 6, 7, 8);
    begin(3);
    size_t cursor = 0;
    ck_assert_uint_eq(rn_order_stamp_at(order, 0, 2000, &cursor), 2);
    ck_assert_uint_eq(rn_order_stamp_at(order, 0, 2999, &cursor), 2);
    ck_assert_uint_gt(rn_order_stamp_at(order, 0, 3000, &cursor), 3);
    ck_assert_uint_le(rn_order_stamp_at(order, 0, 5999, &cursor), 6);
    uint64_t last = rn_order_stamp_at(order, 0, 1000000, &cursor);
    ck_assert_uint_gt(last, 6);
    ck_assert_uint_le(last, 9);
}
END_TEST

/* A client with a pool, jittered: each branch does its calls in order, branches run as they like, so many at a time. */
static void play_pooled(unsigned seed, unsigned branches, unsigned calls, unsigned pool)
{
    unsigned next_call[4] = {0};
    bool busy[4] = {false};
    unsigned done = 0;
    unsigned in_flight = 0;
    bool ready[ROWS_MAX] = {false};
    srand(seed);
    while (done < branches * calls) {
        unsigned branch = (unsigned)rand() % branches;
        bool can_come = !busy[branch] && next_call[branch] < calls && in_flight < pool;
        bool acted = false;
        if (can_come && rand() % 2 == 0) {
            uint32_t index = next_call[branch] * branches + branch;
            busy[branch] = true;
            in_flight++;
            acted = true;
            ready[index] = come(index);
        }
        for (struct rn_hold *hold; (hold = rn_order_next(order)) != NULL;) {
            ready[hold->row] = true;
            acted = true;
        }
        for (uint32_t i = 0; i < branches * calls; i++) {
            if (ready[i] && rand() % 3 == 0) {
                ready[i] = false;
                rn_order_ended(order, i);
                busy[i % branches] = false;
                next_call[i % branches]++;
                in_flight--;
                done++;
                acted = true;
            }
        }
        /* Nothing is ready, nobody can come, and nobody is let go: that would be a stall. */
        bool any_ready = false;
        bool any_can_come = false;
        for (uint32_t i = 0; i < branches * calls; i++) {
            any_ready = any_ready || ready[i];
        }
        for (unsigned i = 0; i < branches; i++) {
            any_can_come = any_can_come || (!busy[i] && next_call[i] < calls && in_flight < pool);
        }
        ck_assert_msg(acted || any_ready || any_can_come || done == branches * calls,
                      "seed %u stalls after %u calls", seed, done);
    }
}

START_TEST(a_pooled_client_never_stalls_however_it_jitters)
{
    for (unsigned seed = 1; seed <= 2000; seed++) {
        unsigned pool = 2 + seed % 2;
        /* Recorded: 3 branches of 4 calls, `pool` in flight at once. */
        uint64_t stamp = 0;
        unsigned open[3];
        unsigned count = 0;
        setup();
        for (unsigned i = 0; i < 12; i++) {
            if (count == pool) {
                facts[open[0]].first_byte = ++stamp;
                facts[open[0]].end = ++stamp;
                memmove(open, open + 1, 2 * sizeof *open);
                count--;
            }
            facts[i].arrival = ++stamp;
            facts[i].connection = i % pool;
            open[count++] = i;
        }
        for (unsigned i = 0; i < count; i++) {
            facts[open[i]].first_byte = ++stamp;
            facts[open[i]].end = ++stamp;
        }
        begin(12);
        play_pooled(seed, 3, 4, pool);
        rn_order_free(order);
        order = NULL;
    }
}
END_TEST

START_TEST(memory_may_run_out)
{
    row(0, 1, 2, 3);
    row(1, 4, 5, 6);
    for (unsigned long nth = 1;; nth++) {
        rn_memory_fail_from(nth);
        order = rn_order_new(facts, 2);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(order == NULL, failed);
        if (!failed) {
            break;
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("order");
    TCase *cases = tcase_create("order");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, one_after_the_other_is_never_held);
    tcase_add_test(cases, an_end_waits_for_an_earlier_arrival);
    tcase_add_test(cases, an_end_waits_for_an_earlier_end);
    tcase_add_test(cases, a_first_byte_waits_only_for_what_came_before_it);
    tcase_add_test(cases, holds_are_released_in_order_of_their_stamps);
    tcase_add_test(cases, at_the_peak_the_earliest_point_is_let_go);
    tcase_add_test(cases, a_sequential_client_in_another_order_never_stalls);
    tcase_add_test(cases, an_answer_that_waits_for_its_client_counts_at_the_peak);
    tcase_add_test(cases, what_must_come_behind_on_the_same_connection_is_not_waited_for);
    tcase_add_test(cases, alone_on_another_connection_is_no_reason);
    tcase_add_test(cases, a_pipelined_successor_is_a_reason);
    tcase_add_test(cases, a_successor_is_no_reason_while_an_end_is_awaited);
    tcase_add_test(cases, what_was_given_up_holds_nobody_again);
    tcase_add_test(cases, a_client_that_leaves_is_forgotten);
    tcase_add_test(cases, off_means_everybody_passes);
    tcase_add_test(cases, rows_without_stamps_hold_nobody);
    tcase_add_test(cases, two_counters_cannot_be_compared);
    tcase_add_test(cases, an_answer_is_quiet_when_nobody_arrives_meanwhile);
    tcase_add_test(cases, a_piece_stands_behind_those_who_had_arrived_by_then);
    tcase_add_test(cases, a_pooled_client_never_stalls_however_it_jitters);
    tcase_add_test(cases, memory_may_run_out);
    suite_add_tcase(suite, cases);
    return suite;
}
