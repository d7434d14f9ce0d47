/* What is left of a backtest when it is stopped, refused, killed or out of memory, and how it goes on. */
#include "trial.h"

/* --- ends that come early ---------------------------------------------------------------------------------------------- */

static void hang_from_ten(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    _Atomic bool *hangs = self;
    (void)time;
    word->hang = *hangs && question >= 25;
}

static void interrupt_twice(void *self, const struct rn_backtest_progress *progress)
{
    unsigned *ticks = self;
    if (progress->in_flight == 4 && progress->answered == 25 && *ticks < 2) {
        *ticks += 1;
        kill(getpid(), SIGTERM);
    }
}

START_TEST(an_interrupt_keeps_what_was_answered_and_a_second_one_does_not_wait)
{
    _Atomic bool hangs = true;
    unsigned ticks = 0;
    struct attempts attempts;
    run.on_progress = interrupt_twice;
    run.self = &ticks;
    oracle_start(hang_from_ten, &hangs);
    stage(40);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_INTERRUPTED);
    ck_assert_uint_eq(outcome.answered, 25);
    ck_assert_ptr_nonnull(strstr(outcome.sentence, "reenact backtest resume 5a5a5a5a"));
    attempts_now(&attempts);
    ck_assert_uint_eq(attempts.count, 29);
    for (unsigned i = 25; i < 29; i++) {
        ck_assert_int_eq(attempts.last_end[i], RN_END_ABORTED);
    }
    hangs = false;
    run.on_progress = NULL;
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.answered, 15);
    ck_assert_uint_eq(outcome.twice, 4);
    for (unsigned i = 0; i < 40; i++) {
        ck_assert_uint_eq(oracle_times(i), i >= 25 && i < 29 ? 2 : 1);
    }
}
END_TEST

struct filling {
    unsigned at;
    unsigned asked_after;
};

static void fill_up(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    struct filling *filling = self;
    (void)question;
    (void)time;
    (void)word;
    filling->asked_after += appends_left == 0;
    if (oracle_asked_in_script() == filling->at) {
        appends_left = 0;
    }
}

START_TEST(a_full_store_ends_it_and_nothing_more_is_sent)
{
    struct filling filling = {.at = 30};
    planned.jobs = jobs_of[_i];
    oracle_start(fill_up, &filling);
    stage(100);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_STORE);
    ck_assert_ptr_nonnull(strstr(outcome.sentence, "the disk of the test is full"));
    /* Those whose intents were durable at that moment went out; no other. */
    ck_assert_uint_le(filling.asked_after, planned.jobs);
    ck_assert_uint_le(outcome.answered, 30);
    appends_left = -1;
    uint64_t before = outcome.answered;
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.answered, 100 - before);
    ck_assert_uint_le(outcome.twice, planned.jobs);
}
END_TEST

/* --- killed ------------------------------------------------------------------------------------------------------------ */

struct killing {
    _Atomic pid_t child;
    unsigned at; /* the request at whose arrival it is killed */
    bool final[1024];
    unsigned asked_after_final;
};

static void kill_at(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    struct killing *killing = self;
    (void)time;
    (void)word;
    killing->asked_after_final += killing->final[question];
    if (oracle_asked_in_script() == killing->at && killing->child > 0) {
        (void)kill(killing->child, SIGKILL);
    }
}

START_TEST(a_killed_run_goes_on_and_asks_nothing_twice_that_was_answered)
{
    static struct killing killing;
    static const unsigned moments[] = {1, 7, 22, 23, 61, 90};
    memset(&killing, 0, sizeof killing);
    planned.jobs = jobs_of[_i];
    oracle_start(kill_at, &killing);
    stage(200);
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        oracle_forget();
        killing.at = moments[i];
        killing.child = 0;
        pid_t child = run_apart();
        killing.child = child;
        apart_go();
        int status = wait_for(child);
        ck_assert(WIFSIGNALED(status));
        struct rn_plan_answer *answers = answers_now();
        unsigned lost = 0;
        for (unsigned k = 0; k < 200; k++) {
            killing.final[k] = answers[k].final;
            lost += answers[k].lost && !answers[k].final;
        }
        ck_assert_uint_le(lost, planned.jobs);
        rn_free(answers);
    }
    killing.child = 0;
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(killing.asked_after_final, 0);
    ck_assert_uint_le(outcome.twice, planned.jobs);
    struct rn_plan_answer *answers = answers_now();
    for (unsigned k = 0; k < 200; k++) {
        ck_assert(answers[k].final);
        ck_assert_uint_eq(answers[k].status, 200);
    }
    rn_free(answers);
}
END_TEST

/* --- without memory ---------------------------------------------------------------------------------------------------- */

START_TEST(memory_that_runs_out_anywhere_ends_it_and_loses_no_answer)
{
    unsigned runs = 0;
    bool failed = true;
    oracle_start(NULL, NULL);
    stage(40);
    for (unsigned long nth = 1; failed; nth += 1 + nth / 24) {
        rn_memory_fail_from(nth);
        enum rn_status status = rn_backtest_run(&run, &outcome, &error);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_msg(status == RN_OK || (failed && status != RN_DAMAGED), "%lu: %s: %s", nth,
                      rn_status_name(status), error.text);
        runs++;
    }
    ck_assert_uint_gt(runs, 20);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    struct rn_plan_answer *answers = answers_now();
    for (unsigned i = 0; i < 40; i++) {
        ck_assert_uint_eq(answers[i].status, 200);
    }
    rn_free(answers);
}
END_TEST

/* --- what is refused --------------------------------------------------------------------------------------------------- */

START_TEST(what_is_not_there_or_not_meant_is_refused_with_a_sentence)
{
    static const char *const other[] = {"openai=http://127.0.0.1:9", NULL};
    static const char *const no_url[] = {"fake", NULL};
    oracle_start(NULL, NULL);
    stage(3);
    run.which = "nothing";
    ck_assert_int_eq(rn_backtest_run(&run, &outcome, &error), RN_NOTFOUND);
    run.which = plan_id;
    run.upstreams = other;
    ck_assert_int_eq(rn_backtest_run(&run, &outcome, &error), RN_INVALID);
    run.upstreams = no_url;
    ck_assert_int_eq(rn_backtest_run(&run, &outcome, &error), RN_INVALID);
    run.upstreams = NULL;
    run.key_variable = "NOT_SET";
    ck_assert_int_eq(rn_backtest_run(&run, &outcome, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "NOT_SET"));
    ck_assert_uint_eq(oracle_asked(), 0);
}
END_TEST

START_TEST(a_known_upstream_without_a_key_is_refused)
{
    static char *const nothing[] = {NULL};
    oracle_start(NULL, NULL);
    record(1);
    planned.upstream = RN_LIT("openai");
    planned.url = RN_LIT("https://api.openai.com");
    make_plan();
    run.which = plan_id;
    run.environment = nothing;
    ck_assert_int_eq(rn_backtest_run(&run, &outcome, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "OPENAI_API_KEY"));
}
END_TEST

START_TEST(another_address_may_be_given)
{
    static char given[64];
    static const char *const upstreams[] = {given, NULL};
    oracle_start(NULL, NULL);
    record(2);
    planned.url = RN_LIT("http://127.0.0.1:9");
    make_plan();
    snprintf(given, sizeof given, "fake=http://127.0.0.1:%u", (unsigned)oracle_port());
    run.which = plan_id;
    run.upstreams = upstreams;
    go();
    ck_assert_uint_eq(outcome.answered, 2);
}
END_TEST

START_TEST(calls_that_cannot_be_read_any_more_are_named)
{
    oracle_start(NULL, NULL);
    record(3);
    planned.calls[1].n = 77;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)oracle_port());
    planned.url = rn_bytes_text(url);
    make_plan();
    run.which = plan_id;
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.answered, 2);
    ck_assert_ptr_nonnull(strstr(outcome.sentence, "1 calls could not be sent"));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/send_ends");
    TCase *sends = tcase_create("send");
    tcase_add_checked_fixture(sends, setup, teardown);
    tcase_add_test(sends, an_interrupt_keeps_what_was_answered_and_a_second_one_does_not_wait);
    tcase_add_loop_test(sends, a_full_store_ends_it_and_nothing_more_is_sent, 0, 2);
    tcase_add_loop_test(sends, a_killed_run_goes_on_and_asks_nothing_twice_that_was_answered, 0, 2);
    tcase_add_test(sends, memory_that_runs_out_anywhere_ends_it_and_loses_no_answer);
    tcase_add_test(sends, what_is_not_there_or_not_meant_is_refused_with_a_sentence);
    tcase_add_test(sends, a_known_upstream_without_a_key_is_refused);
    tcase_add_test(sends, another_address_may_be_given);
    tcase_add_test(sends, calls_that_cannot_be_read_any_more_are_named);
    suite_add_tcase(suite, sends);
    return suite;
}
