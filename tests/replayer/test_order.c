/* The book of orders, without sockets: who waits for whom, and when waiting ends. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "order.h"

#define ROWS_MAX 64

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

START_TEST(a_piece_stands_behind_all_stamps_that_were_given_before_it)
{
    row(0, 1, 4, 9);
    row(1, 5, 6, 7);
    begin(2);
    ck_assert_uint_eq(rn_order_stamp_of(order, 0, 1),
                      4); /* it was there before the head was sent */
    ck_assert_uint_eq(rn_order_stamp_of(order, 0, 4), 5); /* needs not row 1, which has stamp 5 */
    ck_assert_uint_eq(rn_order_stamp_of(order, 0, 5), 6);
    ck_assert_uint_eq(rn_order_stamp_of(order, 0, 8), 9);
    ck_assert_uint_eq(rn_order_stamp_of(order, 0, 9), 9);
    ck_assert_uint_eq(rn_order_stamp_of(order, 0, UINT64_MAX), 9);
    rn_order_arrived(order, 0);
    ck_assert(rn_order_pass(order, &holds[0], 0, 5));
    ck_assert(!rn_order_pass(order, &holds[0], 0, 6));
}
END_TEST

START_TEST(a_client_that_leaves_may_have_done_so_because_of_a_piece)
{
    /* Row 1 is a stream that its client left at 5; row 0 had given it the reason. */
    row(0, 1, 2, 6);
    row(1, 3, 4, 5);
    facts[1].client_left = true;
    begin(2);
    ck_assert(!rn_order_is_quiet(order, 0, 2));
    ck_assert(!rn_order_is_quiet(order, 0, 5)); /* a piece that stands just before it left */
    ck_assert(rn_order_is_quiet(order, 0, 6));
    size_t cursor = 0;
    ck_assert_uint_le(rn_order_stamp_at(order, 0, 4999, &cursor), 5);
    ck_assert_uint_eq(rn_order_stamp_at(order, 0, 5000, &cursor), 6);
}
END_TEST

START_TEST(at_the_peak_who_came_early_is_let_go_and_no_piece_before_its_cause)
{
    /* Rows 0 and 1 ask their clients back; rows 2 and 3 are the replies, one after the other, so that the peak is 3. */
    row(0, 1, 2, 8);
    row(1, 3, 4, 12);
    row(2, 5, 6, 7);
    row(3, 9, 10, 11);
    begin(4);
    ck_assert_uint_eq(rn_order_peak(order), 3);
    rn_order_arrived(order, 0);
    rn_order_arrived(order, 1);
    ck_assert(!rn_order_pass(order, &holds[0], 0, 6)); /* after reply 2 */
    ck_assert(!rn_order_pass(order, &holds[1], 1, 10));
    expect_nobody();
    ck_assert(!come(3));
    expect_next(3, RN_RELEASE_PEAK);
    ck_assert_uint_eq(holds[3].awaited, 2);
    ck_assert(!holds[3].awaited_end);
    expect_nobody();
    rn_order_ended(order, 3);
    expect_nobody();
    ck_assert(come(2));
    expect_next(0, RN_RELEASE_ORDER);
}
END_TEST

START_TEST(a_client_that_will_leave_by_itself_is_waited_for_at_the_peak)
{
    row(0, 1, 2, 5);
    row(1, 3, 6, 7);
    facts[0].client_left = true;
    begin(2);
    rn_order_arrived(order, 0);
    rn_order_linger(order, 1);
    ck_assert(!come(1));
    expect_nobody();
    rn_order_linger(order, -1);
    rn_order_ended(order, 0);
    expect_next(1, RN_RELEASE_ORDER);
}
END_TEST

/* As a pool of this size gave it: rows in the order of their calls, ended in the order they came. The stamps used. */
static uint64_t record_pooled(unsigned count, unsigned pool, bool streams)
{
    uint64_t stamp = 0;
    for (unsigned i = 0; i < count + pool; i++) {
        if (i >= pool) {
            facts[i - pool].first_byte = streams ? facts[i - pool].first_byte : ++stamp;
            facts[i - pool].end = ++stamp;
        }
        if (i < count) {
            facts[i].arrival = ++stamp;
            facts[i].first_byte = streams ? ++stamp : 0;
            facts[i].connection = i % pool;
        }
    }
    return stamp;
}

START_TEST(fewer_connections_cost_one_time_limit_and_more_are_found_again)
{
    /* Four at once when recorded, now two. */
    record_pooled(12, 4, false);
    begin(12);
    ck_assert(!come(1));
    ck_assert(!come(2));
    expect_nobody();
    rn_order_give_up(order, &holds[1]);
    ck_assert_int_eq(holds[1].release, RN_RELEASE_TIMEOUT);
    ck_assert_uint_eq(holds[1].awaited, 0);
    rn_order_ended(order, 1);
    expect_nobody(); /* row 2 waits for row 5 now */
    ck_assert(!come(3));
    expect_next(2, RN_RELEASE_PEAK);
    rn_order_ended(order, 2);
    expect_nobody();
    ck_assert(!come(7));
    expect_next(3, RN_RELEASE_PEAK);
    ck_assert_uint_eq(rn_order_peak(order), 4); /* what the recording says stays */
    ck_assert(!come(8));                        /* a third one after all, while 3 is on its way */
    rn_order_ended(order, 3);
    expect_nobody();
}
END_TEST

START_TEST(an_answer_that_has_begun_is_let_go_when_its_client_stays_silent)
{
    static const uint64_t ms = 1000000;
    /* Row 1 began before its turn; row 2 came 500 ms after its first piece when recorded. */
    row(0, 1, 2, 9);
    row(1, 3, 4, 8);
    row(2, 5, 6, 7);
    facts[1].arrived_ns = 100 * ms;
    facts[2].arrived_ns = 700 * ms;
    begin(3);
    ck_assert_uint_eq(rn_order_peak(order), 3);
    uint64_t quiet = 0;
    rn_order_linger(order, 2);
    ck_assert_ptr_null(rn_order_stuck(order, &quiet));
    rn_order_arrived(order, 1);
    ck_assert(!rn_order_pass(order, &holds[1], 1, facts[1].first_byte));
    ck_assert_ptr_null(rn_order_stuck(order, &quiet)); /* it can go at once */
    expect_nobody();
    rn_order_linger(order, 1);
    expect_next(1, RN_RELEASE_PEAK);
    holds[1].given = 4;
    holds[1].given_ns = 200 * ms;
    ck_assert(!rn_order_pass(order, &holds[1], 1, 6));
    expect_nobody();
    ck_assert_ptr_eq(rn_order_stuck(order, &quiet), &holds[1]);
    ck_assert_uint_eq(quiet, 1500 * ms);
    holds[1].given_ns = 690 * ms;
    ck_assert_ptr_eq(rn_order_stuck(order, &quiet), &holds[1]);
    ck_assert_uint_eq(quiet, RN_HOLD_QUIET_NS);
    rn_order_let_go(order, &holds[1]);
    ck_assert_int_eq(holds[1].release, RN_RELEASE_PEAK);
    ck_assert(rn_order_pass(order, &holds[1], 1, 8)); /* and so does the rest of it */
    rn_order_linger(order, -1);
    rn_order_linger(order, -1);
}
END_TEST

START_TEST(a_hold_may_last_three_times_the_recorded_gap)
{
    static const uint64_t s = 1000000000;
    row(0, 1, 3, 4);
    row(1, 2, 5, 6);
    facts[1].arrived_ns = 2 * s;
    facts[0].arrived_ns = 7 * s;
    facts[0].ended_ns = 12 * s;
    begin(2);
    ck_assert(!come(1));
    ck_assert_uint_eq(rn_order_limit_ns(order, &holds[1], 10 * s, 0), 15 * s);
    ck_assert_uint_eq(rn_order_limit_ns(order, &holds[1], 15 * s, 0), 15 * s);
    ck_assert_uint_eq(rn_order_limit_ns(order, &holds[1], 16 * s, 0), 16 * s);
    ck_assert_uint_eq(rn_order_limit_ns(order, &holds[1], 10 * s, 2), 15 * s);
    ck_assert_uint_eq(rn_order_limit_ns(order, &holds[1], 10 * s, 0.5), 30 * s);
    rn_order_arrived(order, 0); /* now its end is awaited, 10 s behind the arrival of row 1 */
    ck_assert_uint_eq(rn_order_limit_ns(order, &holds[1], 10 * s, 0), 30 * s);
    facts[1].arrived_ns = 13 * s; /* it had ended before row 1 came */
    ck_assert_uint_eq(rn_order_limit_ns(order, &holds[1], 10 * s, 0), 10 * s);
    facts[1].arrived_ns = 0;
    facts[0].ended_ns = UINT64_MAX;
    ck_assert_uint_eq(rn_order_limit_ns(order, &holds[1], 10 * s, 0.001), UINT64_MAX);
}
END_TEST

START_TEST(stamps_that_contradict_a_steady_clock_are_of_two_counters)
{
    row(0, 1, 2, 3);
    row(1, 4, 5, 6);
    facts[0].arrived_ns = 9000;
    begin(2);
    ck_assert(!rn_order_is_off(order)); /* a wall's clock may have been set back */
    rn_order_free(order);
    facts[0].is_steady = facts[1].is_steady = true;
    begin(2);
    ck_assert(rn_order_is_off(order));
    rn_order_free(order);
    facts[1].arrived_ns = 9000; /* at the same time is no contradiction */
    begin(2);
    ck_assert(!rn_order_is_off(order));
}
END_TEST

/* --- clients that play at random ----------------------------------------------------------------------------------- */

static void lets_go(bool *ready)
{
    for (struct rn_hold *hold; (hold = rn_order_next(order)) != NULL;) {
        ready[hold->row] = true;
    }
}

/*
 * A client with a pool, jittered: each branch does its calls in order, branches run as they like, so many at a time. With
 * `streams` an answer has a beginning and an end. False when it stalls: nothing is on its way, nobody can come, and nobody is let
 * go, however long the client stays silent.
 */
static bool play_pooled(unsigned seed, unsigned branches, unsigned calls, unsigned pool,
                        bool streams)
{
    unsigned next_call[ROWS_MAX] = {0};
    bool busy[ROWS_MAX] = {false};
    bool ready[ROWS_MAX] = {false};
    unsigned done = 0;
    unsigned in_flight = 0;
    srand(seed);
    while (done < branches * calls) {
        unsigned branch = (unsigned)rand() % branches;
        if (!busy[branch] && next_call[branch] < calls && in_flight < pool && rand() % 2 == 0) {
            uint32_t index = next_call[branch] * branches + branch;
            busy[branch] = true;
            in_flight++;
            rn_order_arrived(order, index);
            ready[index] = rn_order_pass(order, &holds[index], index,
                                         streams ? facts[index].first_byte : facts[index].end);
        }
        lets_go(ready);
        for (uint32_t i = 0; i < branches * calls; i++) {
            if (!ready[i] || rand() % 3 != 0) {
                continue;
            }
            if (streams && holds[i].given == 0) {
                holds[i].given = facts[i].first_byte;
                ready[i] = rn_order_pass(order, &holds[i], i, facts[i].end);
                continue;
            }
            ready[i] = false;
            rn_order_ended(order, i);
            busy[i % branches] = false;
            next_call[i % branches]++;
            in_flight--;
            done++;
        }
        lets_go(ready);
        bool moves = done == branches * calls;
        for (uint32_t i = 0; i < branches * calls; i++) {
            moves = moves || ready[i];
        }
        for (unsigned i = 0; i < branches; i++) {
            moves = moves || (!busy[i] && next_call[i] < calls && in_flight < pool);
        }
        uint64_t quiet;
        struct rn_hold *stuck = moves ? NULL : rn_order_stuck(order, &quiet);
        if (stuck != NULL) {
            rn_order_let_go(order, stuck);
            ready[stuck->row] = true;
        } else if (!moves) {
            return false;
        }
    }
    return true;
}

START_TEST(a_pooled_client_never_stalls_however_it_jitters)
{
    static const struct {
        unsigned branches, calls, pool;
    } shapes[] = {{1, 8, 1}, {2, 8, 1}, {2, 8, 2}, {3, 4, 2},  {3, 4, 3},
                  {8, 1, 4}, {8, 3, 4}, {8, 3, 7}, {64, 1, 4}, {64, 1, 63}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (unsigned seed = 1; seed <= 1000; seed++) {
            unsigned count = shapes[i].branches * shapes[i].calls;
            bool streams = seed % 2 == 0;
            setup();
            record_pooled(count, shapes[i].pool, streams);
            begin(count);
            ck_assert_uint_eq(rn_order_peak(order), shapes[i].pool);
            ck_assert_msg(
                play_pooled(seed, shapes[i].branches, shapes[i].calls, shapes[i].pool, streams),
                "%u branches, %u calls, pool %u stall with seed %u", shapes[i].branches,
                shapes[i].calls, shapes[i].pool, seed);
            ck_assert_uint_eq(rn_order_waiting(order), 0);
            rn_order_free(order);
            order = NULL;
        }
    }
}
END_TEST

START_TEST(without_the_peak_a_pooled_client_stalls)
{
    /* The same client, but the recording also holds a moment of more calls at once than it ever makes, which is over. */
    enum { CALLS = 8, POOL = 4, OTHERS = ROWS_MAX - CALLS };
    unsigned stalled = 0;
    for (unsigned seed = 1; seed <= 100; seed++) {
        setup();
        uint64_t stamp = record_pooled(CALLS, POOL, false) + 1;
        for (unsigned i = CALLS; i < ROWS_MAX; i++) {
            facts[i].arrival = stamp + i;
            facts[i].first_byte = facts[i].end = stamp + ROWS_MAX + i;
        }
        begin(ROWS_MAX);
        ck_assert_uint_eq(rn_order_peak(order), OTHERS);
        for (uint32_t i = CALLS; i < ROWS_MAX; i++) {
            rn_order_arrived(order, i);
            rn_order_ended(order, i);
        }
        stalled += !play_pooled(seed, CALLS, 1, POOL, false);
        rn_order_free(order);
        order = NULL;
    }
    ck_assert_uint_gt(stalled, 50);
}
END_TEST

/*
 * A client without a limit that makes calls at once, each of which is asked back in its own answer: row i is the call, row
 * CALLS + i its reply. Steps of a call: it comes, is asked, replies, has the reply's answer, is told the rest.
 */
enum { CALLS = 5 };

static void record_asking(void)
{
    unsigned step[CALLS] = {0};
    uint64_t stamp = 0;
    for (unsigned left = 4 * CALLS; left > 0;) {
        unsigned i = (unsigned)rand() % CALLS;
        struct rn_order_fact *call = &facts[i];
        struct rn_order_fact *reply = &facts[CALLS + i];
        if (step[i] == 4) {
            continue;
        }
        left--;
        switch (step[i]++) {
        case 0:
            call->arrival = ++stamp;
            call->first_byte = ++stamp;
            break;
        case 1:
            reply->arrival = ++stamp;
            break;
        case 2:
            reply->first_byte = ++stamp;
            reply->end = ++stamp;
            break;
        default:
            call->end = ++stamp;
        }
    }
}

static bool play_asking(void)
{
    unsigned step[CALLS] = {0};
    bool ready[2 * CALLS] = {false};
    for (unsigned ended = 0, idle = 0; ended < CALLS; idle++) {
        unsigned i = (unsigned)rand() % CALLS;
        uint32_t call = i;
        uint32_t reply = CALLS + i;
        unsigned before = step[i];
        if (step[i] == 0) {
            rn_order_arrived(order, call);
            ready[call] = rn_order_pass(order, &holds[call], call, facts[call].first_byte);
            step[i] = 1;
        } else if (step[i] == 1 &&
                   ready[call]) { /* it was asked: the rest is only due after its reply */
            holds[call].given = facts[call].first_byte;
            ready[call] = rn_order_pass(order, &holds[call], call,
                                        rn_order_stamp_of(order, call, facts[reply].arrival));
            ck_assert_msg(!ready[call], "a piece passed before its cause");
            step[i] = 2;
        } else if (step[i] == 2 && rand() % 2 == 0) {
            ck_assert_msg(!ready[call], "a piece was let go before its cause");
            ready[reply] = come(reply);
            step[i] = 3;
        } else if (step[i] == 3 && ready[reply]) {
            rn_order_ended(order, reply);
            step[i] = 4;
        } else if (step[i] == 4 && ready[call]) {
            ready[call] = rn_order_pass(order, &holds[call], call, facts[call].end);
            step[i] = 5;
        } else if (step[i] == 5 && ready[call]) {
            rn_order_ended(order, call);
            step[i] = 6;
            ended++;
        }
        lets_go(ready);
        idle = before == step[i] ? idle : 0;
        if (idle > 1000) {
            return false;
        }
    }
    return true;
}

START_TEST(a_client_that_is_asked_back_never_stalls_and_gets_nothing_before_its_cause)
{
    for (unsigned seed = 1; seed <= 3000; seed++) {
        setup();
        srand(seed);
        record_asking();
        begin(2 * CALLS);
        ck_assert_msg(play_asking(), "seed %u stalls", seed);
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
    tcase_add_test(cases, a_piece_stands_behind_all_stamps_that_were_given_before_it);
    tcase_add_test(cases, a_client_that_leaves_may_have_done_so_because_of_a_piece);
    tcase_add_test(cases, at_the_peak_who_came_early_is_let_go_and_no_piece_before_its_cause);
    tcase_add_test(cases, a_client_that_will_leave_by_itself_is_waited_for_at_the_peak);
    tcase_add_test(cases, fewer_connections_cost_one_time_limit_and_more_are_found_again);
    tcase_add_test(cases, an_answer_that_has_begun_is_let_go_when_its_client_stays_silent);
    tcase_add_test(cases, a_hold_may_last_three_times_the_recorded_gap);
    tcase_add_test(cases, stamps_that_contradict_a_steady_clock_are_of_two_counters);
    tcase_add_test(cases, a_pooled_client_never_stalls_however_it_jitters);
    tcase_add_test(cases, without_the_peak_a_pooled_client_stalls);
    tcase_add_test(cases,
                   a_client_that_is_asked_back_never_stalls_and_gets_nothing_before_its_cause);
    tcase_add_test(cases, memory_may_run_out);
    suite_add_tcase(suite, cases);
    return suite;
}
