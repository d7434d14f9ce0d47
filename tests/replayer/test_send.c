/* Runs of a backtest against a server with known behaviour: what is asked, and in which order it reaches the disk. */
#include "base/limits.h"
#include "replay.h"
#include "store/verify.h"
#include "trial.h"

/* --- the plain way --------------------------------------------------------------------------------------------------- */

START_TEST(every_call_is_asked_once_and_answered)
{
    struct attempts attempts;
    oracle_start(NULL, NULL);
    stage(60);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_str_eq(outcome.sentence, "");
    ck_assert_uint_eq(outcome.sent, 60);
    ck_assert_uint_eq(outcome.answered, 60);
    ck_assert_uint_eq(outcome.failed, 0);
    ck_assert_uint_eq(outcome.twice, 0);
    ck_assert_uint_le(oracle_peak(), 4);
    for (unsigned i = 0; i < 60; i++) {
        ck_assert_uint_eq(oracle_times(i), 1);
    }
    struct rn_plan_answer *answers = answers_now();
    for (unsigned i = 0; i < 60; i++) {
        ck_assert(answers[i].final);
        ck_assert(!answers[i].lost);
        ck_assert_uint_eq(answers[i].status, 200);
        ck_assert_int_eq(answers[i].end, RN_END_ENDED);
        ck_assert_uint_eq(answers[i].attempts, 1);
    }
    rn_free(answers);
    attempts_now(&attempts);
    ck_assert_uint_eq(attempts.count, 60);
}
END_TEST

START_TEST(only_the_model_is_changed_and_the_key_is_ours)
{
    oracle_start(NULL, NULL);
    stage(1);
    go();
    ck_assert_ptr_nonnull(strstr(oracle_last(), "POST /v1/chat/completions HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(oracle_last(), "Authorization: Bearer " KEY "\r\n"));
    ck_assert_ptr_nonnull(strstr(oracle_last(),
                                 "\r\n\r\n{\"model\":\"new\",\"max_tokens\":20,\"messages\":"
                                 "[{\"role\":\"user\",\"content\":\"question 0\"}]}"));
}
END_TEST

START_TEST(a_run_that_is_done_has_nothing_left)
{
    oracle_start(NULL, NULL);
    stage(5);
    go();
    oracle_forget();
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.sent, 0);
    ck_assert_uint_eq(oracle_asked(), 0);
}
END_TEST

START_TEST(the_key_is_nowhere_in_the_store)
{
    char command[2048];
    oracle_start(NULL, NULL);
    stage(3);
    go();
    snprintf(command, sizeof command, "grep -rqF %s %s", KEY, run.store);
    int status = system(command);
    ck_assert_int_eq(WEXITSTATUS(status), 1);
}
END_TEST

static void echo_key(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    (void)self;
    (void)question;
    (void)time;
    *word = (struct oracle_word){
        .status = 401, .body = "{\"error\":{\"message\":\"Incorrect API key: " KEY "\"}}"};
}

START_TEST(a_key_that_comes_back_in_an_error_is_neither_kept_nor_said)
{
    oracle_start(echo_key, NULL);
    stage(3);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_PROBE_FAILED);
    ck_assert_ptr_nonnull(strstr(outcome.sentence, "Incorrect API key"));
    ck_assert_ptr_null(strstr(outcome.sentence, KEY));
    char command[2048];
    snprintf(command, sizeof command, "grep -rqF %s %s", KEY, run.store);
    int status = system(command);
    ck_assert_int_eq(WEXITSTATUS(status), 1);
}
END_TEST

/* --- what is stored is a trace like any other -------------------------------------------------------------------------- */

static void answer_oddly(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    (void)self;
    (void)time;
    if (question == 1) {
        word->status = 404;
        word->body = "{\"error\":{\"message\":\"no\"}}";
    }
    word->cut = question == 2;
    word->mute = question == 3;
    word->fields = question == 4 ? "X-Odd: 1\r\nx-odd: 2\r\n" : NULL;
}

START_TEST(a_trace_of_a_backtest_verifies_and_replays_against_itself)
{
    struct attempts attempts;
    struct rn_store *store = NULL;
    char text[33];
    struct rn_replay_outcome replayed = {0};
    planned.attempts = 1;
    oracle_start(answer_oddly, NULL);
    stage(30);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.failed, 3);
    attempts_now(&attempts);
    ck_assert_int_eq(attempts.last_end[2], RN_END_CUT);
    ck_assert_int_eq(attempts.last_end[3], RN_END_CUT);
    ck_ok(rn_store_open(theatre_store(), RN_STORE_READ, &store, &error));
    ck_ok(rn_trace_verify(store, &attempts.trace, &error));
    rn_store_close(store);
    rn_trace_id_text(&attempts.trace, text);
    const char *const traces[] = {text, NULL};
    struct rn_replay_settings settings = {.store = run.store,
                                          .traces = traces,
                                          .rules = 1u << RN_RULE_BYTES | 1u << RN_RULE_JSON,
                                          .environment = (char *const *)environment};
    ck_ok(rn_replay_run(&settings, &replayed, &error));
    ck_assert_int_eq(replayed.verdict, RN_VERDICT_VERIFIED);
    rn_replay_outcome_free(&replayed);
}
END_TEST

static char large[1100000];

static void answer_at_length(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    (void)self;
    (void)question;
    (void)time;
    word->body = large;
}

static enum rn_status measure(void *self, const struct rn_plan_attempt *attempt)
{
    struct rn_bytes body = rn_event_get(attempt->event, RN_TAG_RESPONSE_BODY);
    struct rn_bytes cuts = rn_event_get(attempt->event, RN_TAG_RESPONSE_CUTS);
    uint64_t sum = 0;
    uint64_t len;
    while (rn_varint_get(&cuts, &len)) {
        sum += len;
    }
    ck_assert_uint_eq(sum, body.len);
    ck_assert(rn_bytes_equal(body, rn_bytes_text(large)));
    *(unsigned *)self += 1;
    return RN_OK;
}

START_TEST(an_answer_of_many_parts_is_kept_and_counted_whole)
{
    struct rn_store *store = NULL;
    struct rn_plan plan;
    unsigned seen = 0;
    memset(large, 'w', sizeof large - 1);
    static const char head[] = "{\"choices\":[{\"message\":{\"content\":\"";
    static const char tail[] = "\"}}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":70}}";
    memcpy(large, head, sizeof head - 1);
    memcpy(large + sizeof large - sizeof tail, tail, sizeof tail);
    price(1, 1);
    oracle_start(answer_at_length, NULL);
    stage(6);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.spent_pico, 6 * 80);
    ck_ok(rn_store_open(theatre_store(), RN_STORE_READ, &store, &error));
    ck_ok(rn_plan_load(store, plan_id, &plan, &error));
    ck_ok(rn_plan_each_attempt(store, &plan, measure, &seen, &error));
    ck_assert_uint_eq(seen, 6);
    rn_plan_free(&plan);
    rn_store_close(store);
}
END_TEST

static void answer_without_end(void *self, unsigned question, unsigned time,
                               struct oracle_word *word)
{
    (void)question;
    if (time == 1) {
        word->body = self;
    }
}

START_TEST(an_answer_that_does_not_end_is_broken_off)
{
    size_t len = RN_DECODED_BYTES_MAX + (size_t)1024 * 1024;
    char *endless = malloc(len + 1);
    ck_assert_ptr_nonnull(endless);
    memset(endless, ' ', len);
    endless[len] = '\0';
    oracle_start(answer_without_end, endless);
    stage(1);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.retried, 1);
    ck_assert_uint_eq(outcome.failed, 0);
    oracle_stop();
    free(endless);
}
END_TEST

/* --- the intent is durable before the request is sent ------------------------------------------------------------------ */

struct watching {
    struct rn_store *store;
    struct rn_plan plan;
    unsigned seen, missing;
};

struct looking {
    size_t call;
    bool is_open;
};

static enum rn_status look(void *self, const struct rn_plan_attempt *attempt)
{
    struct looking *looking = self;
    looking->is_open =
        looking->is_open ||
        (attempt->call == looking->call && rn_event_end_of(attempt->event) == RN_END_NONE &&
         rn_event_get(attempt->event, RN_TAG_REQUEST_BODY).len > 0);
    return RN_OK;
}

static void watch(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    struct watching *watching = self;
    struct looking looking = {.call = question};
    struct rn_error said;
    (void)time;
    (void)word;
    (void)rn_store_catch_up(watching->store, &said);
    (void)rn_plan_each_attempt(watching->store, &watching->plan, look, &looking, &said);
    watching->seen += looking.is_open;
    watching->missing += !looking.is_open;
}

START_TEST(an_intent_is_durable_before_its_request_is_sent)
{
    static struct watching watching;
    watching = (struct watching){0};
    oracle_start(watch, &watching);
    stage(40);
    pid_t child = run_apart();
    ck_ok(rn_store_open(theatre_store(), RN_STORE_READ, &watching.store, &error));
    ck_ok(rn_plan_load(watching.store, plan_id, &watching.plan, &error));
    apart_go();
    int status = wait_for(child);
    oracle_stop();
    rn_plan_free(&watching.plan);
    rn_store_close(watching.store);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 10 + RN_BACKTEST_DONE);
    ck_assert_uint_eq(watching.seen, 40);
    ck_assert_uint_eq(watching.missing, 0);
}
END_TEST

/* --- again ------------------------------------------------------------------------------------------------------------ */

static void fail_at_first(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    (void)self;
    static const unsigned codes[] = {408, 409, 425, 429, 500, 502, 503, 504, 529};
    if (time == 1 && question < 9) {
        word->status = codes[question];
        word->fields = "retry-after-ms: 1\r\n";
    }
    word->cut = time == 1 && question == 9;
    word->mute = time == 1 && question == 10;
}

START_TEST(what_may_pass_is_tried_again_and_each_attempt_is_kept)
{
    struct attempts attempts;
    planned.jobs = jobs_of[_i];
    oracle_start(fail_at_first, NULL);
    stage(30);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.sent, 41);
    ck_assert_uint_eq(outcome.retried, 11);
    ck_assert_uint_eq(outcome.answered, 30);
    ck_assert_uint_eq(outcome.failed, 0);
    attempts_now(&attempts);
    for (unsigned i = 0; i < 30; i++) {
        ck_assert_uint_eq(attempts.of[i], i < 11 ? 2 : 1);
        ck_assert_uint_eq(attempts.last_attempt[i], i < 11 ? 2 : 1);
        ck_assert_int_eq(attempts.last_end[i], RN_END_ENDED);
    }
}
END_TEST

static void never_answer(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    (void)self;
    (void)time;
    if (question == 7) {
        word->status = 500;
        word->fields = "retry-after-ms: 0\r\n";
    } else if (question == 8) {
        word->status = 400;
    }
}

START_TEST(attempts_are_used_up_and_a_refusal_is_final_at_once)
{
    oracle_start(never_answer, NULL);
    stage(30);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(oracle_times(7), 3);
    ck_assert_uint_eq(oracle_times(8), 1);
    ck_assert_uint_eq(outcome.failed, 2);
    ck_assert_uint_eq(outcome.answered, 30);
    struct rn_plan_answer *answers = answers_now();
    ck_assert_uint_eq(answers[7].attempts, 3);
    ck_assert_uint_eq(answers[7].status, 500);
    ck_assert(answers[7].final);
    ck_assert_uint_eq(answers[8].status, 400);
    ck_assert(answers[8].final);
    rn_free(answers);
}
END_TEST

struct pausing {
    uint64_t asked_ns; /* when the pause began */
    uint64_t first_ns; /* when the next request came */
    unsigned before;
};

static uint64_t mono_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void ask_for_pause(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    struct pausing *pausing = self;
    (void)time;
    if (pausing->asked_ns != 0 && pausing->first_ns == 0) {
        pausing->first_ns = mono_ns();
    }
    if (question == 3 && pausing->asked_ns == 0) {
        pausing->asked_ns = mono_ns();
        word->status = 429;
        word->fields = "Retry-After: 1\r\n";
    }
}

START_TEST(a_pause_that_is_asked_for_holds_every_call)
{
    struct pausing pausing = {0};
    planned.jobs = 1;
    oracle_start(ask_for_pause, &pausing);
    stage(10);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.retried, 1);
    ck_assert_uint_ge(pausing.first_ns - pausing.asked_ns, UINT64_C(1000000000));
}
END_TEST

/* --- the probe --------------------------------------------------------------------------------------------------------- */

static void refuse_all(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    _Atomic bool *is_mended = self;
    (void)question;
    (void)time;
    if (!*is_mended) {
        word->status = 404;
        word->body = "{\"error\":{\"message\":\"The model `new` does not exist\"}}";
    }
}

START_TEST(a_probe_that_fails_alike_ends_it_and_says_why)
{
    _Atomic bool is_mended = false;
    oracle_start(refuse_all, &is_mended);
    stage(200);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_PROBE_FAILED);
    ck_assert_uint_le(outcome.sent, 20);
    ck_assert_uint_eq(oracle_asked(), outcome.sent);
    ck_assert_ptr_nonnull(strstr(outcome.sentence,
                                 "of the first 20 calls failed alike: status 404, "
                                 "The model `new` does not exist"));
    for (unsigned i = 20; i < 200; i++) {
        ck_assert_uint_eq(oracle_times(i), 0);
    }
    /* Nothing was mended: it ends in the same way. Then it goes on to its end. */
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_PROBE_FAILED);
    is_mended = true;
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    struct rn_plan_answer *answers = answers_now();
    for (unsigned i = 0; i < 200; i++) {
        ck_assert_uint_eq(answers[i].status, 200);
    }
    rn_free(answers);
}
END_TEST

static void answer_with_a_page(void *self, unsigned question, unsigned time,
                               struct oracle_word *word)
{
    const _Atomic bool *is_mended = self;
    (void)time;
    if (!*is_mended) {
        word->body = question % 2 == 0 ? "<html>log in first</html>" : "{\"choices\":[]}";
    }
}

START_TEST(a_page_with_a_status_of_200_fails_the_probe)
{
    _Atomic bool is_mended = false;
    oracle_start(answer_with_a_page, &is_mended);
    stage(200);
    for (unsigned i = 0; i < 2; i++) {
        go();
        ck_assert_int_eq(outcome.end, RN_BACKTEST_PROBE_FAILED);
        ck_assert_uint_le(outcome.sent, 20);
        ck_assert_uint_eq(outcome.failed, outcome.answered);
        ck_assert_ptr_nonnull(
            strstr(outcome.sentence, "status 200, what came cannot be read as an answer"));
    }
    is_mended = true;
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.failed, 0);
    ck_assert_uint_eq(outcome.answered, 200);
}
END_TEST

static void answer_with_an_odd_head(void *self, unsigned question, unsigned time,
                                    struct oracle_word *word)
{
    (void)self;
    (void)question;
    (void)time;
    word->fields = "X(A): one\r\n";
}

START_TEST(an_answer_whose_head_is_odd_is_one_and_is_not_asked_for_again)
{
    oracle_start(answer_with_an_odd_head, NULL);
    stage(30);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.failed, 0);
    ck_assert_uint_eq(oracle_asked(), 30);
    go();
    ck_assert_uint_eq(oracle_asked(), 30);
}
END_TEST

static void fail_two_of_the_probe(void *self, unsigned question, unsigned time,
                                  struct oracle_word *word)
{
    (void)self;
    (void)time;
    word->status = question == 3 || question == 11 || question >= 20 ? 400 : 200;
}

START_TEST(two_of_twenty_may_fail_and_the_probe_looks_no_further)
{
    oracle_start(fail_two_of_the_probe, NULL);
    stage(40);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.answered, 40);
    ck_assert_uint_eq(outcome.failed, 22);
}
END_TEST

START_TEST(an_upstream_that_is_not_there_fails_the_probe)
{
    planned.attempts = 1;
    oracle_start(NULL, NULL);
    stage(30);
    oracle_stop();
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_PROBE_FAILED);
    ck_assert_ptr_nonnull(strstr(outcome.sentence, "could not connect to http://127.0.0.1"));
}
END_TEST

/* --- money and rates --------------------------------------------------------------------------------------------------- */

START_TEST(a_budget_holds_to_the_call_and_goes_on_when_raised)
{
    /* 10 in and 5 out cost 15; the worst: 10 in by usage is not known here, so a third of the bytes, and 20 out. */
    price(1, 1);
    planned.budget_pico = 500;
    planned.jobs = 3;
    oracle_start(NULL, NULL);
    stage(100);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_BUDGET);
    ck_assert(outcome.cost_known);
    ck_assert_uint_eq(outcome.spent_pico, 15 * outcome.sent);
    ck_assert_uint_le(outcome.spent_pico, 500);
    ck_assert_uint_ge(outcome.spent_pico, 500 - 80);
    ck_assert_uint_eq(oracle_asked(), outcome.sent);
    ck_assert_ptr_nonnull(strstr(outcome.sentence, "reenact backtest resume 5a5a5a5a --budget"));
    uint64_t first = outcome.sent;
    go(); /* nothing has changed */
    ck_assert_int_eq(outcome.end, RN_BACKTEST_BUDGET);
    ck_assert_uint_eq(outcome.sent, 0);
    ck_assert_uint_eq(outcome.spent_pico, 15 * first);
    run.budget_pico = 100000;
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_DONE);
    ck_assert_uint_eq(outcome.sent, 100 - first);
    ck_assert_uint_eq(outcome.spent_pico, 1500);
}
END_TEST

static void fall_silent(void *self, unsigned question, unsigned time, struct oracle_word *word)
{
    (void)self;
    (void)time;
    word->mute = question >= 20;
}

START_TEST(what_may_have_been_paid_counts_against_the_budget_and_is_not_told)
{
    price(1, 1);
    planned.budget_pico = 500;
    planned.attempts = 1;
    oracle_start(fall_silent, NULL);
    stage(100);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_BUDGET);
    ck_assert_uint_eq(outcome.spent_pico, 20 * 15);
    ck_assert_uint_gt(outcome.sent, 20);
    ck_assert_uint_le(outcome.sent * 15, 500);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_BUDGET);
    ck_assert_uint_eq(outcome.sent, 0);
    ck_assert_uint_eq(outcome.spent_pico, 20 * 15);
}
END_TEST

START_TEST(a_budget_without_a_price_is_refused)
{
    planned.budget_pico = 500;
    oracle_start(NULL, NULL);
    stage(3);
    ck_assert_int_eq(rn_backtest_run(&run, &outcome, &error), RN_REFUSED);
    ck_assert_uint_eq(oracle_asked(), 0);
}
END_TEST

static void interrupt_when_waiting(void *self, const struct rn_backtest_progress *progress)
{
    unsigned *waits = self;
    if (strcmp(progress->waiting, "rate limit") == 0 && progress->in_flight == 0) {
        ck_assert_uint_eq(progress->answered, 7);
        if (++*waits == 1) {
            kill(getpid(), SIGINT);
        }
    }
}

START_TEST(a_minute_takes_no_more_than_its_bound)
{
    unsigned waits = 0;
    planned.requests_per_minute = 7;
    run.on_progress = interrupt_when_waiting;
    run.self = &waits;
    oracle_start(NULL, NULL);
    stage(30);
    go();
    ck_assert_int_eq(outcome.end, RN_BACKTEST_INTERRUPTED);
    ck_assert_uint_eq(outcome.sent, 7);
    ck_assert_uint_eq(oracle_asked(), 7);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/send");
    TCase *sends = tcase_create("send");
    tcase_add_checked_fixture(sends, setup, teardown);
    tcase_add_test(sends, every_call_is_asked_once_and_answered);
    tcase_add_test(sends, only_the_model_is_changed_and_the_key_is_ours);
    tcase_add_test(sends, a_run_that_is_done_has_nothing_left);
    tcase_add_test(sends, the_key_is_nowhere_in_the_store);
    tcase_add_test(sends, a_key_that_comes_back_in_an_error_is_neither_kept_nor_said);
    tcase_add_test(sends, a_trace_of_a_backtest_verifies_and_replays_against_itself);
    tcase_add_test(sends, an_answer_of_many_parts_is_kept_and_counted_whole);
    tcase_add_test(sends, an_answer_that_does_not_end_is_broken_off);
    tcase_add_test(sends, an_intent_is_durable_before_its_request_is_sent);
    tcase_add_loop_test(sends, what_may_pass_is_tried_again_and_each_attempt_is_kept, 0, 2);
    tcase_add_test(sends, attempts_are_used_up_and_a_refusal_is_final_at_once);
    tcase_add_test(sends, a_pause_that_is_asked_for_holds_every_call);
    tcase_add_test(sends, a_page_with_a_status_of_200_fails_the_probe);
    tcase_add_test(sends, an_answer_whose_head_is_odd_is_one_and_is_not_asked_for_again);
    tcase_add_test(sends, a_probe_that_fails_alike_ends_it_and_says_why);
    tcase_add_test(sends, two_of_twenty_may_fail_and_the_probe_looks_no_further);
    tcase_add_test(sends, an_upstream_that_is_not_there_fails_the_probe);
    tcase_add_test(sends, a_budget_holds_to_the_call_and_goes_on_when_raised);
    tcase_add_test(sends, what_may_have_been_paid_counts_against_the_budget_and_is_not_told);
    tcase_add_test(sends, a_budget_without_a_price_is_refused);
    tcase_add_test(sends, a_minute_takes_no_more_than_its_bound);
    suite_add_tcase(suite, sends);
    return suite;
}
