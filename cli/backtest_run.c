/* A backtest while it runs: one line of progress, and one sentence at its end. */
#include "cmd_backtest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"

#define BAR_CELLS 20

const char *rn_backtest_money(char out[RN_MONEY_BYTES_MAX], bool known, uint64_t pico)
{
    double dollars = (double)pico / (double)RN_PICO_PER_DOLLAR;
    if (!known) {
        (void)snprintf(out, RN_MONEY_BYTES_MAX, "unknown");
    } else if (pico > 0 && dollars < 0.0001) {
        (void)snprintf(out, RN_MONEY_BYTES_MAX, "<$0.0001");
    } else {
        bool is_whole_cents = pico % (RN_PICO_PER_DOLLAR / 100) == 0;
        (void)snprintf(out, RN_MONEY_BYTES_MAX, dollars < 1 && !is_whole_cents ? "$%.4f" : "$%.2f",
                       dollars);
    }
    return out;
}

enum rn_status rn_backtest_budget(const char *text, uint64_t *pico, struct rn_error *error)
{
    *pico = 0;
    if (text != NULL && (!rn_price_parse(text, pico) || *pico == 0)) {
        return rn_fail(error, RN_INVALID, "--budget takes dollars, such as 5 or 0.50, not '%s'",
                       text);
    }
    return RN_OK;
}

static void draw_bar(char *out, uint64_t done, uint64_t all)
{
    uint64_t full = all == 0 ? BAR_CELLS : done * BAR_CELLS / all;
    memset(out, '.', BAR_CELLS);
    memset(out, '#', full < BAR_CELLS ? full : BAR_CELLS);
    out[BAR_CELLS] = '\0';
}

static void on_progress(void *self, const struct rn_backtest_progress *progress)
{
    struct rn_human left;
    char bar[BAR_CELLS + 1];
    char money[2][RN_MONEY_BYTES_MAX];
    char text[240];
    (void)self;
    draw_bar(bar, progress->answered, progress->calls);
    int len = snprintf(text, sizeof text, "[%s] %" PRIu64 " of %" PRIu64 " done, %.0f/s", bar,
                       progress->answered, progress->calls, progress->per_second);
    if (progress->failed > 0) {
        len += snprintf(text + len, sizeof text - (size_t)len, ", %" PRIu64 " failed",
                        progress->failed);
    }
    if (progress->cost_known) {
        len += snprintf(text + len, sizeof text - (size_t)len, ", %s",
                        rn_backtest_money(money[0], true, progress->spent_pico));
    }
    if (progress->budget_pico > 0) {
        len += snprintf(text + len, sizeof text - (size_t)len, " of %s",
                        rn_backtest_money(money[1], true, progress->budget_pico));
    }
    if (progress->seconds_left != UINT64_MAX) {
        len += snprintf(text + len, sizeof text - (size_t)len, ", %s left",
                        rn_human_duration(&left, progress->seconds_left * UINT64_C(1000000000)));
    }
    if (progress->waiting != NULL && progress->waiting[0] != '\0') {
        (void)snprintf(text + len, sizeof text - (size_t)len, " (waits: %s)", progress->waiting);
    }
    rn_screen_progress(text);
}

static void tell_end(const struct rn_backtest_outcome *outcome)
{
    struct rn_human sent, took;
    char money[RN_MONEY_BYTES_MAX];
    (void)fprintf(stderr, "%s in %s, %" PRIu64 " calls done, %" PRIu64 " of them failed",
                  rn_human_count(&sent, outcome->sent, "request", "requests"),
                  rn_human_duration(&took, outcome->wall_ns), outcome->answered, outcome->failed);
    if (outcome->retried > 0) {
        (void)fprintf(stderr, ", %" PRIu64 " repeated", outcome->retried);
    }
    if (outcome->twice > 0) {
        (void)fprintf(stderr, ", %" PRIu64 " perhaps paid twice", outcome->twice);
    }
    (void)fprintf(stderr, ", spent %s\n",
                  rn_backtest_money(money, outcome->cost_known, outcome->spent_pico));
}

int rn_backtest_tell_run(const char *part, const struct rn_backtest_run *run)
{
    struct rn_error error = {RN_OK, ""};
    struct rn_backtest_outcome outcome = {0};
    struct rn_backtest_run with_progress = *run;
    with_progress.on_progress = on_progress;
    enum rn_status status = rn_backtest_run(&with_progress, &outcome, &error);
    rn_screen_progress_end();
    if (status != RN_OK) {
        return rn_cli_complain(part, RN_EXIT_TROUBLE, &error);
    }
    tell_end(&outcome);
    if (outcome.end == RN_BACKTEST_DONE && outcome.sentence[0] == '\0') {
        return RN_EXIT_SAME;
    }
    /* A ceiling that was asked for is an end like another; everything else is trouble. */
    return rn_cli_complainf(part,
                            outcome.end == RN_BACKTEST_DONE || outcome.end == RN_BACKTEST_BUDGET
                                ? RN_EXIT_SAME
                                : RN_EXIT_TROUBLE,
                            "%s", outcome.sentence);
}
