/* From pairs to counts, and from counts to a sentence. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "afternoon.h"
#include "headline.h"

/* --- counting ------------------------------------------------------------------------------------------------------- */

START_TEST(equal_answers_make_no_difference)
{
    begin(50);
    for (uint64_t i = 0; i < 40; i++) {
        const struct answer same = {.text = i % 2 == 0 ? "{\"a\":1}" : "yes",
                                    .calls = {i % 4 == 1 ? "f" : NULL, "{}"},
                                    .tokens_in = 10,
                                    .tokens_out = 3,
                                    .complete_ns = (1 + i) * MS,
                                    .first_byte_ns = MS};
        struct answer later = same;
        later.complete_ns = (2 + 2 * i) * MS; /* times are never the same */
        add(&same, &later);
    }
    end();
    for (int i = 0; i < RN_ASPECT_COUNT; i++) {
        ck_assert_uint_eq(report.shares[i].same, report.shares[i].judged);
    }
    ck_assert_uint_eq(report.same, 40);
    ck_assert_uint_eq(report.pairs[RN_PAIR_COMPARED], 40);
    ck_assert_uint_eq(tally.worst_count, 0);
    ck_assert_str_eq(report.headline, "nothing changed in 40 answers");
    ck_assert_uint_eq(report.fresh_cost_pico, report.recorded_cost_pico);
    ck_assert_uint_eq(report.fresh_cost_pico, 40 * (10 + 2 * 3));
    clear();
}
END_TEST

START_TEST(shares_are_counted_exactly)
{
    const struct answer *call = ANSWER(.calls = {"f", "{\"x\":1}"}, .finish = "tool_calls");
    begin(50);
    add_many(30, ANSWER(.text = "yes"), ANSWER(.text = "yes"));
    add_many(10, ANSWER(.text = "yes"), ANSWER(.text = "Yes!"));
    add_many(5, ANSWER(.text = "yes"), ANSWER(.text = "no"));
    add_many(4, ANSWER(.text = "yes"), ANSWER(.text = "I'm sorry, but I can't."));
    add_many(7, call, ANSWER(.calls = {"g", "{\"x\":1}"}, .finish = "tool_calls"));
    add_many(6, call, ANSWER(.calls = {"f", "{\"x\":2}"}, .finish = "tool_calls"));
    add_many(8, call, call);
    add_many(3, ANSWER(.text = "{}"), ANSWER(.text = "{"));
    add_many(2, ANSWER(.text = "yes"), ANSWER(.text = "yes", .finish = "length"));
    add_many(5, ANSWER(.text = "yes"), ANSWER(.status = 500, .error = "oops"));
    add_many(1, ANSWER(.status = 500), ANSWER(.text = "yes"));
    add_many(9, ANSWER(.text = "yes"), NULL);
    end();
    static const struct rn_share want[RN_ASPECT_COUNT] = {{54, 32}, {54, 42}, {21, 8},  {21, 14},
                                                          {3, 0},   {75, 73}, {75, 71}, {0, 0}};
    for (int i = 0; i < RN_ASPECT_COUNT; i++) {
        ck_assert_msg(report.shares[i].judged == want[i].judged &&
                          report.shares[i].same == want[i].same,
                      "%s: %u of %u", rn_aspect_name((enum rn_aspect)i),
                      (unsigned)report.shares[i].same, (unsigned)report.shares[i].judged);
    }
    static const uint64_t pairs[5] = {75, 5, 0, 1, 9};
    ck_assert_mem_eq(report.pairs, pairs, sizeof pairs);
    ck_assert_uint_eq(report.same, 30 + 10 + 8);
    ck_assert_uint_eq(report.fresh_refuses, 4);
    ck_assert_uint_eq(report.recorded_refuses, 0);
    ck_assert_uint_eq(report.recorded_json, 3);
    ck_assert_uint_eq(report.fresh_json, 0);
    ck_assert_uint_eq(tally.worst_count, 27);
    ck_assert_uint_eq(report.unpriced, 75);
    ck_assert(!report.fresh_cost_known);
    clear();
}
END_TEST

START_TEST(the_worst_come_first_and_no_more_than_asked)
{
    begin(3);
    add_many(2, ANSWER(.text = "a b"), ANSWER(.text = "a c"));
    add_many(2, ANSWER(.text = "a b"), ANSWER(.text = "a b"));
    add(ANSWER(.text = "a", .calls = {"f", "{}"}), ANSWER(.text = "a"));
    add(ANSWER(.text = "a b"), ANSWER(.text = "A B."));
    add(ANSWER(.text = "a b"), ANSWER(.text = "c d"));
    add(ANSWER(.text = "a b"), ANSWER(.text = "c d"));
    end();
    ck_assert_uint_eq(tally.worst_count, 3);
    ck_assert_uint_eq(tally.worst[0].index, 4);
    ck_assert_uint_eq(tally.worst[1].index, 6);
    ck_assert_uint_eq(tally.worst[2].index, 7);
    clear();
    begin(0);
    add(ANSWER(.text = "a"), ANSWER(.text = "b"));
    end();
    ck_assert_uint_eq(tally.worst_count, 0);
    clear();
    begin(1000);
    add_many(80, ANSWER(.text = "a"), ANSWER(.text = "b"));
    end();
    ck_assert_uint_eq(tally.worst_count, RN_REPORT_WORST_MAX);
    for (size_t i = 0; i < tally.worst_count; i++) {
        ck_assert_uint_eq(tally.worst[i].index, i);
    }
    clear();
}
END_TEST

START_TEST(only_pairs_with_both_sides_count_for_times_and_money)
{
    begin(5);
    add(ANSWER(.text = "a", .complete_ns = 5 * MS, .tokens_in = 3, .tokens_out = 1),
        ANSWER(.text = "a", .complete_ns = 9 * MS, .tokens_in = 4, .tokens_out = 2));
    add(ANSWER(.text = "a", .complete_ns = 6 * MS, .tokens_in = 100),
        ANSWER(.status = 429, .complete_ns = MS));
    add(ANSWER(.text = "a", .complete_ns = 7 * MS), ANSWER(.text = "a", .tokens_in = 7));
    end();
    ck_assert_uint_eq(report.recorded_latency.count, 1);
    ck_assert_uint_eq(report.recorded_latency.p50, 5 * MS);
    ck_assert_uint_eq(report.fresh_latency.max, 9 * MS);
    ck_assert_uint_eq(report.fresh_first_byte.count, 0);
    ck_assert_uint_eq(report.with_usage, 1);
    ck_assert_uint_eq(report.recorded_tokens_in, 3);
    ck_assert_uint_eq(report.fresh_tokens_out, 2);
    ck_assert_uint_eq(report.unpriced, 1);
    ck_assert_uint_eq(report.recorded_cost_pico, 3 + 2);
    ck_assert_uint_eq(report.fresh_cost_pico, 4 + 4);
    clear();
}
END_TEST

/* --- headlines ------------------------------------------------------------------------------------------------------ */

static void expect_headline(const char *want)
{
    end();
    ck_assert_str_eq(report.headline, want);
    clear();
}

START_TEST(the_headline_says_what_changed_most)
{
    const struct answer *yes = ANSWER(.text = "yes");
    const struct answer *call = ANSWER(.calls = {"f", "{}"});
    begin(0);
    add_many(920, yes, ANSWER(.text = "sure"));
    add_many(80, call, ANSWER(.calls = {"g", "{}"}));
    expect_headline("8.0% of 1,000 answers call other tools");
    begin(0);
    add_many(920, yes, yes);
    add_many(80, call, ANSWER(.calls = {"f", "{\"x\":1}"}));
    expect_headline("8.0% of 1,000 answers call tools with other arguments");
    begin(0);
    add_many(967, yes, yes);
    add_many(2, ANSWER(.refusal = "no"), ANSWER(.refusal = "no"));
    add_many(31, yes, ANSWER(.refusal = "no"));
    expect_headline("3.3% of 1,000 answers refuse (0.2% before)");
    begin(0);
    add_many(88, yes, yes);
    add_many(12, yes, ANSWER(.status = 429, .error = "Slow down, 30 a minute"));
    expect_headline("12 calls failed: 429: Slow down, N a minute");
    begin(0);
    add_many(90, yes, ANSWER(.text = "sure"));
    add_many(10, yes, yes);
    expect_headline("90.0% of 100 answers are worded otherwise");
    begin(0);
    add_many(75, ANSWER(.text = "{}"), ANSWER(.text = "{}"));
    add_many(25, ANSWER(.text = "{}"), ANSWER(.text = "{"));
    expect_headline("75.0% of 100 JSON answers are valid (100% before)");
    begin(0);
    add_many(50, ANSWER(.text = "yes", .complete_ns = 1000 * MS),
             ANSWER(.text = "yes", .complete_ns = 2100 * MS));
    expect_headline("latency p50 2.1 x: 2.10 s, 1.00 s before");
    begin(0);
    add_many(50, ANSWER(.text = "yes", .tokens_out = 1), ANSWER(.text = "yes", .tokens_out = 3));
    expect_headline("cost 3.0 x: $0.000000, $0.000000 before");
    begin(0);
    add_many(3, ANSWER(.vectors = {"[1,2]"}), ANSWER(.vectors = {"[1,3]"}));
    expect_headline("100% of 3 embeddings are others");
    begin(0);
    add_many(9, yes, yes);
    add_many(1234, yes, NULL);
    expect_headline("nothing changed in 9 answers; 1,234 of 1,243 calls have no answer yet");
    begin(0);
    add_many(3, yes, NULL);
    expect_headline("nothing was answered; 3 of 3 calls have no answer yet");
}
END_TEST

START_TEST(figures_are_short_and_true)
{
    struct rn_figure f;
    ck_assert_str_eq(rn_figure_count(&f, 0), "0");
    ck_assert_str_eq(rn_figure_count(&f, 999), "999");
    ck_assert_str_eq(rn_figure_count(&f, 1000), "1,000");
    ck_assert_str_eq(rn_figure_count(&f, UINT64_MAX), "18,446,744,073,709,551,615");
    ck_assert_str_eq(rn_figure_share(&f, 0, 0), "n/a");
    ck_assert_str_eq(rn_figure_share(&f, 0, 5), "0%");
    ck_assert_str_eq(rn_figure_share(&f, 5, 5), "100%");
    ck_assert_str_eq(rn_figure_share(&f, 1, 10000), "<0.1%");
    ck_assert_str_eq(rn_figure_share(&f, 9999, 10000), ">99.9%");
    ck_assert_str_eq(rn_figure_share(&f, 1, 3), "33.3%");
    ck_assert_str_eq(rn_figure_time(&f, 310000), "0.31 ms");
    ck_assert_str_eq(rn_figure_time(&f, 312 * MS), "312 ms");
    ck_assert_str_eq(rn_figure_time(&f, 1240 * MS), "1.24 s");
    ck_assert_str_eq(rn_figure_time(&f, 75300 * MS), "75.3 s");
    ck_assert_str_eq(rn_figure_ratio(&f, 21, 10), "2.1 x");
    ck_assert_str_eq(rn_figure_ratio(&f, 1, 3), "0.33 x");
    ck_assert_str_eq(rn_figure_ratio(&f, 1, 0), "n/a");
    ck_assert_str_eq(rn_figure_money(&f, 0), "$0.00");
    ck_assert_str_eq(rn_figure_money(&f, 12345 * RN_PICO_PER_DOLLAR / 1000), "$12.35");
    ck_assert_str_eq(rn_figure_money(&f, RN_PICO_PER_DOLLAR / 400), "$0.002500");
}
END_TEST

/* --- failures ------------------------------------------------------------------------------------------------------- */

static void expect_mask(const char *text, const char *want)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_failure_mask(rn_bytes_text(text), &out), RN_OK);
    rn_buffer_add_byte(&out, 0);
    ck_assert_str_eq((const char *)out.data, want);
    rn_buffer_free(&out);
}

START_TEST(numbers_and_ids_are_masked)
{
    expect_mask("Limit 30000, Used 29,500, Requested 1.2k. Try again in 6m0s.",
                "Limit N, Used N, Requested N. Try again in N.");
    expect_mask("Rate limit reached for gpt-4.1-mini in organization org-Zx81kQ72nmPq on tokens",
                "Rate limit reached for gpt-4.1-mini in organization ID on tokens");
    expect_mask("request req_011CSHoEeqs5C35K2UUqR7Fy failed", "request ID failed");
    expect_mask("id 550e8400-e29b-41d4-a716-446655440000.", "id ID.");
    expect_mask("no such model: claude-sonnet-4-20250514",
                "no such model: claude-sonnet-4-20250514");
    expect_mask("could not connect to http://127.0.0.1:8080/v1/1234 after 20 ms",
                "could not connect to http://127.0.0.1:8080/v1/N after N ms");
    expect_mask("ends with ://", "ends with ://");
    expect_mask("two\nlines\t here", "two lines here");
    expect_mask("", "");
}
END_TEST

static void expect_told(const struct answer *answer, const char *body, const char *reason,
                        const char *want)
{
    struct stage stage;
    struct rn_buffer out = {0};
    stage_answer(&stage, answer);
    stage.view.response.decoded = rn_bytes_text(body);
    rn_event_set(&stage.event, RN_TAG_END_REASON, rn_bytes_text(reason));
    ck_assert_int_eq(rn_failure_tell(&stage.view, &out), RN_OK);
    rn_buffer_add_byte(&out, 0);
    ck_assert_str_eq((const char *)out.data, want);
    rn_buffer_free(&out);
    stage_clear(&stage);
}

START_TEST(failures_are_told_by_status_code_and_message)
{
    expect_told(ANSWER(.status = 429, .error = "Slow down"),
                "{\"error\":{\"message\":\"Slow "
                "down\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}",
                "", "429 rate_limit_exceeded: Slow down");
    expect_told(
        ANSWER(.status = 529),
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
        "", "529 overloaded_error: Overloaded");
    expect_told(ANSWER(.status = 400),
                "{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"message\":\"bad\"}}",
                "", "400 INVALID_ARGUMENT: bad");
    expect_told(ANSWER(.status = 404), "{\"error\":\"model not found\"}", "",
                "404: model not found");
    expect_told(ANSWER(.status = 422), "{\"detail\":\"no\"}", "", "422: no");
    expect_told(ANSWER(.status = 502), "<html>Bad Gateway</html>", "",
                "502: <html>Bad Gateway</html>");
    expect_told(ANSWER(.status = 503), "", "", "503");
    expect_told(ANSWER(.text = "x", .streamed = true, .incomplete = true, .finish = ""), "data: x",
                "", "200: the stream ended before its last event");
    expect_told(ANSWER(.unread = true), "oops", "", "200: what came cannot be read as an answer");
    expect_told(ANSWER(.text = "x", .end = RN_END_CUT), "data: x", "the connection ended",
                "200 cut: the connection ended");
    expect_told(ANSWER(.text = "x", .streamed = true, .error = "Overloaded"), "data: x", "",
                "200: Overloaded");
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_failure_tell(NULL, &out), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("no answer")));
    rn_buffer_free(&out);
}
END_TEST

START_TEST(no_answer_is_told_by_its_reason_alone)
{
    struct stage stage;
    struct rn_buffer out = {0};
    stage_answer(&stage, ANSWER(.end = RN_END_CUT));
    stage.view.status = 0;
    rn_event_set(&stage.event, RN_TAG_END_REASON,
                 RN_LIT("CURLE_COULDNT_CONNECT: could not connect to http://[::1]:80 (refused)"));
    ck_assert_int_eq(rn_failure_tell(&stage.view, &out), RN_OK);
    rn_buffer_add_byte(&out, 0);
    ck_assert_str_eq((const char *)out.data,
                     "no answer: could not connect to http://[::1]:80 (refused)");
    rn_buffer_free(&out);
    stage_clear(&stage);
}
END_TEST

START_TEST(long_failures_are_cut_between_characters)
{
    struct stage stage;
    struct rn_buffer body = {0};
    struct rn_buffer out = {0};
    rn_buffer_add(&body, RN_LIT("{\"error\":{\"message\":\""));
    for (int i = 0; i < 300; i++) {
        rn_buffer_add(&body, RN_LIT("\xe2\x82\xac"));
    }
    rn_buffer_add(&body, RN_LIT("\"}}"));
    stage_answer(&stage, ANSWER(.status = 400));
    stage.view.response.decoded = rn_buffer_bytes(&body);
    ck_assert_int_eq(rn_failure_tell(&stage.view, &out), RN_OK);
    ck_assert_uint_le(out.len, 200);
    ck_assert_uint_gt(out.len, 190);
    ck_assert_uint_eq((out.len - strlen("400: ")) % 3, 0);
    rn_buffer_free(&out);
    rn_buffer_free(&body);
    stage_clear(&stage);
}
END_TEST

START_TEST(failures_are_grouped_and_sorted)
{
    struct rn_trace_id trace = {{9}};
    memset(&report, 0, sizeof report);
    for (uint32_t i = 0; i < 100; i++) {
        char what[16];
        snprintf(what, sizeof what, "kind %u", (unsigned)i);
        rn_failure_count(&report, rn_bytes_text(what), &trace, i);
        rn_failure_count(&report, RN_LIT("kind 5"), &trace, i);
    }
    rn_failure_sort(&report);
    ck_assert_uint_eq(report.failure_count, RN_REPORT_FAILURES_MAX);
    ck_assert(rn_bytes_equal(report.failures[0].what, RN_LIT("kind 5")));
    ck_assert_uint_eq(report.failures[0].count, 101);
    ck_assert(rn_bytes_equal(report.failures[1].what, RN_LIT("others")));
    ck_assert(rn_bytes_equal(report.failures[2].what, RN_LIT("kind 0")));
    uint64_t sum = 0;
    for (size_t i = 0; i < report.failure_count; i++) {
        sum += report.failures[i].count;
    }
    ck_assert_uint_eq(sum, 200);
    rn_report_free(&report);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/report");
    RN_CASE(suite, "counting", equal_answers_make_no_difference, shares_are_counted_exactly,
            the_worst_come_first_and_no_more_than_asked,
            only_pairs_with_both_sides_count_for_times_and_money);
    RN_CASE(suite, "headline", the_headline_says_what_changed_most, figures_are_short_and_true);
    RN_CASE(suite, "failures", numbers_and_ids_are_masked,
            failures_are_told_by_status_code_and_message, no_answer_is_told_by_its_reason_alone,
            long_failures_are_cut_between_characters, failures_are_grouped_and_sorted);
    return suite;
}
