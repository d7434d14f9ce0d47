/* --fail-if: what it accepts, what it means, and that missing evidence is never a pass. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "metric.h"
#include "report.h"

/* 1,000 compared pairs; nothing was measured for embeddings, JSON, money and the recorded latency. */
static struct rn_report measured(void)
{
    struct rn_report report = {.pairs = {1000, 20, 0, 0, 0}, .same = 900};
    report.shares[RN_ASPECT_TEXT] = (struct rn_share){1000, 500};
    report.shares[RN_ASPECT_TOOLS] = (struct rn_share){200, 190};
    report.shares[RN_ASPECT_REFUSAL] = (struct rn_share){1000, 990};
    report.fresh_refuses = 12;
    report.recorded_refuses = 2;
    report.fresh_latency = (struct rn_spread){.count = 1000, .p50 = 1500000000};
    return report;
}

static bool holds(const char *text, const char **unknown)
{
    struct rn_report report = measured();
    struct rn_condition *condition = NULL;
    struct rn_error error = {RN_OK, ""};
    ck_assert_msg(rn_condition_parse(text, &condition, &error) == RN_OK, "%s: %s", text,
                  error.text);
    bool held = rn_condition_holds(condition, &report, unknown);
    rn_condition_free(condition);
    return held;
}

static void expect(const char *text, bool want)
{
    const char *unknown = "?";
    bool held = holds(text, &unknown);
    ck_assert_msg(held == want, "%s", text);
    ck_assert_msg(unknown == NULL, "%s", text);
}

START_TEST(comparisons_mean_what_they_say)
{
    expect("tool_agreement < 0.95", false);
    expect("tool_agreement <= 0.95", true);
    expect("tool_agreement == 95%", true);
    expect("tool_agreement != 95%", false);
    expect("tool_agreement>=95.00 %", true);
    expect("tool_agreement > 0.95", false);
    expect("text_same<0.501", true);
    expect("failed > 19", true);
    expect("failed > 20", false);
    expect("refusal_change > 1%", false);
    expect("refusal_change >= 1%", true);
    expect("refusal_change > -1%", true);
    expect("latency_p50 > 1499ms", true);
    expect("latency_p50 > 1.5s", false);
    expect("latency_p50 >= 1.5", true);
    expect("unanswered > 0", false);
}
END_TEST

START_TEST(a_backtest_that_was_not_run_to_its_end_passes_only_where_that_is_allowed)
{
    static const struct {
        const char *text;
        bool held;
        bool is_unknown;
    } rows[] = {
        {"tool_agreement < 0.5", true, true},
        {"not tool_agreement < 0.5", true, false},
        {"failed > 20 and tool_agreement < 0.5", true, true},
        {"tool_agreement < 0.5 or unanswered > 0", true, false},
        {"tool_agreement < 0.5 or unanswered > 3", false, false},
        {"not (unanswered <= 3)", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rn_report report = measured();
        struct rn_condition *condition = NULL;
        struct rn_error error = {RN_OK, ""};
        const char *unknown = NULL;
        report.pairs[RN_PAIR_UNANSWERED] = 3;
        ck_assert_int_eq(rn_condition_parse(rows[i].text, &condition, &error), RN_OK);
        ck_assert_msg(rn_condition_holds(condition, &report, &unknown) == rows[i].held, "%s",
                      rows[i].text);
        ck_assert_msg((unknown != NULL) == rows[i].is_unknown, "%s", rows[i].text);
        rn_condition_free(condition);
    }
}
END_TEST

START_TEST(and_binds_tighter_than_or)
{
    expect("failed > 1 or failed > 99 and failed > 99", true);
    expect("(failed > 1 or failed > 99) and failed > 99", false);
    expect("not failed > 99 and failed > 99", false);
    expect("not (failed > 99 and failed > 99)", true);
    expect("not not failed > 1", true);
    expect("failed > 1 AND NOT failed > 99", true);
}
END_TEST

/* T: true, a failure. F: false, a pass. U: nothing was measured. */
START_TEST(missing_evidence_is_never_a_pass)
{
    static const char *const terms[] = {"failed > 99", "vectors_same < 1",
                                        "failed > 1"}; /* F U T */
    static const char and[] = "FFFFUUFUT";
    static const char or [] = "FUTUUTTTT";
    static const char not [] = "TUF";
    for (int i = 0; i < 9; i++) {
        for (int kind = 0; kind < 2; kind++) {
            char text[128];
            const char *unknown = "?";
            char want = kind == 0 ? and[i] : or [i];
            snprintf(text, sizeof text, "%s %s %s", terms[i / 3], kind == 0 ? "and" : "or",
                     terms[i % 3]);
            ck_assert_msg(holds(text, &unknown) == (want != 'F'), "%s", text);
            ck_assert_msg((unknown != NULL) == (want == 'U'), "%s", text);
        }
    }
    for (int i = 0; i < 3; i++) {
        char text[64];
        const char *unknown = "?";
        snprintf(text, sizeof text, "not %s", terms[i]);
        ck_assert_msg(holds(text, &unknown) == (not [i] != 'F'), "%s", text);
        ck_assert_msg((unknown != NULL) == (not [i] == 'U'), "%s", text);
    }
    const char *unknown = NULL;
    ck_assert(holds("cost < 0", &unknown));
    ck_assert_str_eq(unknown, "cost");
    ck_assert(holds("latency_ratio > 1000 or json_valid < 0", &unknown));
    ck_assert_str_eq(unknown, "latency_ratio");
}
END_TEST

START_TEST(nothing_run_is_nothing_measured)
{
    struct rn_report report = {.pairs = {0, 0, 0, 0, 10}};
    for (size_t i = 0; rn_metric_name(i, NULL) != NULL; i++) {
        double value;
        const char *name = rn_metric_name(i, NULL);
        bool always = strcmp(name, "calls") == 0 || strcmp(name, "unanswered") == 0 ||
                      strcmp(name, "left_out") == 0 || strcmp(name, "paid_twice") == 0;
        ck_assert_msg(rn_report_metric(&report, name, &value) == always, "%s", name);
    }
}
END_TEST

static void refuse(const char *text, const char *words)
{
    struct rn_condition *condition = NULL;
    struct rn_error error = {RN_OK, ""};
    ck_assert_msg(rn_condition_parse(text, &condition, &error) == RN_INVALID, "%s", text);
    ck_assert_ptr_null(condition);
    ck_assert_msg(strstr(error.text, words) != NULL, "%s: %s", text, error.text);
}

START_TEST(mistakes_are_named_with_their_place)
{
    refuse("", "ends where a metric");
    refuse("  ", "ends where a metric");
    refuse("tool_agrement < 1", "at character 1 a metric (tool_agreement, perhaps)");
    refuse("zzz < 1", "at character 1 a metric");
    refuse("failed", "ends where one of <");
    refuse("failed = 1", "at character 8 one of <");
    refuse("failed >", "ends where a whole or decimal number");
    refuse("failed > x", "at character 10 a whole");
    refuse("failed > 1.", "at character 10 a whole");
    refuse("failed > .5", "at character 10 a whole");
    refuse("failed > 1e3", "at character 11 \"and\"");
    refuse("failed > 1234567890123456", "at character 10 a whole");
    refuse("failed > 1%", "at character 11 \"and\"");
    refuse("failed > 1ms", "at character 11 \"and\"");
    refuse("latency_p50 > 1%", "at character 16 \"and\"");
    refuse("text_same > 1s", "at character 14 \"and\"");
    refuse("failed > 1 and", "ends where a metric");
    refuse("failed > 1 failed > 1", "at character 12 \"and\"");
    refuse("(failed > 1", "ends where \"and\", \"or\" or \")\"");
    refuse("failed > 1)", "at character 11 \"and\"");
    refuse("not", "ends where a metric");
}
END_TEST

START_TEST(depth_is_bounded)
{
    char text[512] = "";
    for (int i = 0; i < 63; i++) {
        strcat(text, "(");
    }
    char good[1024];
    snprintf(good, sizeof good, "%s failed > 1 ", text);
    for (int i = 0; i < 63; i++) {
        strcat(good, ")");
    }
    expect(good, true);
    strcat(text, "(failed > 1");
    refuse(text, "more than 64");
}
END_TEST

/* Nothing that is cut or stirred does more than fail. */
START_TEST(any_text_is_read_or_refused)
{
    static const char good[] =
        "not (tool_agreement <= 95.5% or cost > $1.50) and latency_p95 >= 300 ms or failed != -1";
    struct rn_error error;
    unsigned seed = 7;
    for (size_t cut = 0; cut < sizeof good; cut++) {
        char text[sizeof good];
        struct rn_condition *condition = NULL;
        memcpy(text, good, cut);
        text[cut] = '\0';
        if (rn_condition_parse(text, &condition, &error) == RN_OK) {
            struct rn_report report = measured();
            rn_condition_holds(condition, &report, NULL);
        }
        rn_condition_free(condition);
    }
    for (int round = 0; round < 20000; round++) {
        char text[sizeof good];
        struct rn_condition *condition = NULL;
        memcpy(text, good, sizeof good);
        for (int i = 0; i < 4; i++) {
            text[(size_t)rand_r(&seed) % (sizeof good - 1)] =
                good[(size_t)rand_r(&seed) % sizeof good];
        }
        (void)rn_condition_parse(text, &condition, &error);
        rn_condition_free(condition);
    }
}
END_TEST

START_TEST(memory_that_runs_out_is_reported)
{
    for (unsigned long nth = 1;; nth++) {
        struct rn_condition *condition = NULL;
        struct rn_error error = {RN_OK, ""};
        rn_memory_fail_from(nth);
        enum rn_status status =
            rn_condition_parse("failed > 1 and not same < 1", &condition, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_condition_free(condition);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            break;
        }
        ck_assert_str_ne(error.text, "");
    }
}
END_TEST

/* --- metrics ------------------------------------------------------------------------------------------------------- */

static void check_metric(const struct rn_report *report, const char *name, double want)
{
    double value = -1;
    ck_assert_msg(rn_report_metric(report, name, &value), "%s", name);
    ck_assert_msg(value > want - 1e-12 && value < want + 1e-12, "%s: %g", name, value);
}

START_TEST(metrics_are_what_the_report_counted)
{
    struct rn_report report = {.pairs = {80, 6, 4, 5, 5}, .same = 60, .unpriced = 0};
    for (int i = 0; i < RN_ASPECT_COUNT; i++) {
        report.shares[i] = (struct rn_share){80, 40 + (uint64_t)i};
    }
    report.fresh_json = 20;
    report.recorded_json = 40;
    report.fresh_refuses = 8;
    report.recorded_refuses = 4;
    report.recorded_latency = (struct rn_spread){.count = 1, .p50 = 1000, .p95 = 4000};
    report.fresh_latency =
        (struct rn_spread){.count = 1, .p50 = 2000, .p90 = 3000, .p95 = 1000, .p99 = 5000};
    report.recorded_first_byte = (struct rn_spread){.count = 1, .p50 = 100, .p95 = 200};
    report.fresh_first_byte = (struct rn_spread){.count = 1, .p50 = 50, .p95 = 60};
    report.recorded_tokens_in = 100;
    report.fresh_tokens_in = 150;
    report.recorded_tokens_out = 10;
    report.fresh_tokens_out = 5;
    report.recorded_cost_known = report.fresh_cost_known = true;
    report.recorded_cost_pico = 2 * RN_PICO_PER_DOLLAR;
    report.fresh_cost_pico = RN_PICO_PER_DOLLAR / 2;
    report.left_out[RN_LEFT_NO_MODEL_CALL] = 1000;
    report.left_out[RN_LEFT_REDACTED] = 3;
    report.left_out[RN_LEFT_STATEFUL] = 4;
    static const struct {
        const char *name;
        double value;
    } want[] = {
        {"calls", 100},
        {"answered", 85},
        {"failed", 10},
        {"failed_share", 10.0 / 95},
        {"unanswered", 5},
        {"left_out", 7},
        {"compared", 80},
        {"same", 0.75},
        {"text_same", 0.5},
        {"text_same_normalised", 41.0 / 80},
        {"tool_agreement", 42.0 / 80},
        {"tool_name_agreement", 43.0 / 80},
        {"json_same", 44.0 / 80},
        {"json_valid", 0.25},
        {"json_valid_recorded", 0.5},
        {"finish_same", 45.0 / 80},
        {"refusal_same", 46.0 / 80},
        {"refusal_rate", 0.1},
        {"refusal_rate_recorded", 0.05},
        {"refusal_change", 0.05},
        {"vectors_same", 47.0 / 80},
        {"latency_p50", 2e-6},
        {"latency_p90", 3e-6},
        {"latency_p95", 1e-6},
        {"latency_p99", 5e-6},
        {"latency_p50_recorded", 1e-6},
        {"latency_p95_recorded", 4e-6},
        {"latency_ratio", 2},
        {"latency_p95_ratio", 0.25},
        {"first_byte_p50", 5e-8},
        {"first_byte_p95", 6e-8},
        {"first_byte_p50_recorded", 1e-7},
        {"first_byte_p95_recorded", 2e-7},
        {"first_byte_ratio", 0.5},
        {"tokens_in_ratio", 1.5},
        {"tokens_out_ratio", 0.5},
        {"cost", 0.5},
        {"cost_recorded", 2},
        {"cost_ratio", 0.25},
        {"paid_twice", 0},
    };
    size_t count = sizeof want / sizeof want[0];
    for (size_t i = 0; i < count; i++) {
        check_metric(&report, want[i].name, want[i].value);
    }
    const char *help = NULL;
    ck_assert_ptr_null(rn_metric_name(count, &help)); /* each is in the list above */
    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_nonnull(rn_metric_name(i, &help));
        ck_assert_uint_gt(strlen(help), 3);
    }
    double value;
    report.unpriced = 1;
    ck_assert(!rn_report_metric(&report, "cost", &value)); /* a sum that lacks an item */
    ck_assert(rn_report_metric(&report, "cost_ratio", &value));
    ck_assert(!rn_report_metric(&report, "nonsense", &value));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/condition");
    RN_CASE(suite, "meaning", comparisons_mean_what_they_say,
            a_backtest_that_was_not_run_to_its_end_passes_only_where_that_is_allowed,
            and_binds_tighter_than_or, missing_evidence_is_never_a_pass,
            nothing_run_is_nothing_measured);
    RN_CASE(suite, "grammar", mistakes_are_named_with_their_place, depth_is_bounded,
            any_text_is_read_or_refused, memory_that_runs_out_is_reported);
    RN_CASE(suite, "metrics", metrics_are_what_the_report_counted);
    return suite;
}
