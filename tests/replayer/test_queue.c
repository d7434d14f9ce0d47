/* The order in which calls are sent. */
#include "main.h"

#include <stdlib.h>

#include "base/memory.h"
#include "queue.h"

static struct rn_plan_answer answers[100];
static struct rn_queue queue;

static void setup(void)
{
    for (size_t i = 0; i < 100; i++) {
        answers[i] = (struct rn_plan_answer){0};
    }
    rn_queue_init(&queue, answers, 100);
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_queue_free(&queue);
}

START_TEST(calls_come_in_order_once_and_without_final_ones)
{
    size_t call;
    answers[0].final = answers[2].final = answers[99].final = true;
    for (size_t i = 0; i < 100; i++) {
        if (!answers[i].final) {
            ck_assert(rn_queue_take(&queue, 0, &call));
            ck_assert_uint_eq(call, i);
        }
    }
    ck_assert(!rn_queue_take(&queue, UINT64_MAX - 1, &call));
    ck_assert(rn_queue_is_empty(&queue));
}
END_TEST

START_TEST(nothing_beyond_the_limit_is_handed_out)
{
    size_t call;
    rn_queue_limit(&queue, 2);
    ck_assert(rn_queue_take(&queue, 0, &call) && call == 0);
    ck_assert(!rn_queue_is_empty(&queue));
    ck_assert(rn_queue_take(&queue, 0, &call) && call == 1);
    ck_assert(!rn_queue_take(&queue, 0, &call));
    ck_assert(rn_queue_is_empty(&queue));
    rn_queue_limit(&queue, 1000);
    ck_assert(!rn_queue_is_empty(&queue));
    ck_assert(rn_queue_take(&queue, 0, &call) && call == 2);
}
END_TEST

START_TEST(what_is_due_again_comes_first_and_never_early)
{
    size_t call;
    ck_assert_uint_eq(rn_queue_due_ns(&queue), UINT64_MAX);
    ck_assert_int_eq(rn_queue_put(&queue, 50, 30), RN_OK);
    ck_assert_int_eq(rn_queue_put(&queue, 40, 10), RN_OK);
    ck_assert_int_eq(rn_queue_put(&queue, 60, 20), RN_OK);
    ck_assert_uint_eq(rn_queue_due_ns(&queue), 10);
    ck_assert(rn_queue_take(&queue, 9, &call) && call == 0);
    ck_assert(rn_queue_take(&queue, 20, &call) && call == 40);
    ck_assert(rn_queue_take(&queue, 20, &call) && call == 60);
    ck_assert(rn_queue_take(&queue, 20, &call) && call == 1);
    ck_assert(rn_queue_take(&queue, 30, &call) && call == 50);
}
END_TEST

START_TEST(many_waits_come_out_in_order)
{
    size_t call;
    size_t before = 0;
    static uint64_t due[1000];
    srand(3);
    rn_queue_limit(&queue, 0);
    for (size_t i = 0; i < 1000; i++) {
        due[i] = (uint64_t)(rand() % 100);
        ck_assert_int_eq(rn_queue_put(&queue, i, due[i]), RN_OK);
    }
    for (size_t i = 0; i < 1000; i++) {
        ck_assert(rn_queue_take(&queue, 100, &call));
        ck_assert(i == 0 || due[before] < due[call] || (due[before] == due[call] && before < call));
        before = call;
    }
    ck_assert(!rn_queue_take(&queue, 100, &call));
}
END_TEST

START_TEST(a_wait_without_memory_is_refused_and_loses_nothing)
{
    size_t call;
    unsigned kept = 0;
    rn_queue_limit(&queue, 0);
    rn_memory_fail_from(2);
    while (rn_queue_put(&queue, kept, kept) == RN_OK) {
        kept++;
    }
    rn_memory_fail_from(0);
    ck_assert_uint_gt(kept, 0);
    for (unsigned i = 0; i < kept; i++) {
        ck_assert(rn_queue_take(&queue, 1000, &call) && call == i);
    }
    ck_assert(rn_queue_is_empty(&queue));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/queue");
    TCase *queues = tcase_create("queue");
    tcase_add_checked_fixture(queues, setup, teardown);
    tcase_add_test(queues, calls_come_in_order_once_and_without_final_ones);
    tcase_add_test(queues, nothing_beyond_the_limit_is_handed_out);
    tcase_add_test(queues, what_is_due_again_comes_first_and_never_early);
    tcase_add_test(queues, many_waits_come_out_in_order);
    tcase_add_test(queues, a_wait_without_memory_is_refused_and_loses_nothing);
    suite_add_tcase(suite, queues);
    return suite;
}
