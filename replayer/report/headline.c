/*
 * A list of findings. Each says itself in words and what it weighs: the share of answers it concerns by
 * how much that matters.
 */
#include "headline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- figures ------------------------------------------------------------------------------------------------------- */

const char *rn_figure_count(struct rn_figure *out, uint64_t count)
{
    char plain[24];
    int len = snprintf(plain, sizeof plain, "%" PRIu64, count);
    char *at = out->text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = plain[i];
    }
    *at = '\0';
    return out->text;
}

const char *rn_figure_share(struct rn_figure *out, uint64_t part, uint64_t whole)
{
    double percent = whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
    if (whole == 0) {
        (void)snprintf(out->text, sizeof out->text, "n/a");
    } else if (part == 0 || part == whole) {
        (void)snprintf(out->text, sizeof out->text, part == 0 ? "0%%" : "100%%");
    } else if (percent < 0.1) {
        (void)snprintf(out->text, sizeof out->text, "<0.1%%");
    } else if (percent > 99.9) {
        (void)snprintf(out->text, sizeof out->text, ">99.9%%");
    } else {
        (void)snprintf(out->text, sizeof out->text, "%.1f%%", percent);
    }
    return out->text;
}

const char *rn_figure_time(struct rn_figure *out, uint64_t ns)
{
    double ms = (double)ns / 1e6;
    if (ms < 9.995) {
        (void)snprintf(out->text, sizeof out->text, "%.2f ms", ms);
    } else if (ms < 999.5) {
        (void)snprintf(out->text, sizeof out->text, "%.0f ms", ms);
    } else {
        (void)snprintf(out->text, sizeof out->text, ms < 9995 ? "%.2f s" : "%.1f s", ms / 1e3);
    }
    return out->text;
}

const char *rn_figure_ratio(struct rn_figure *out, double above, double below)
{
    double ratio = below > 0 ? above / below : 0;
    if (!(below > 0)) {
        (void)snprintf(out->text, sizeof out->text, "n/a");
    } else {
        (void)snprintf(out->text, sizeof out->text, ratio < 0.995 ? "%.2f x" : "%.1f x", ratio);
    }
    return out->text;
}

const char *rn_figure_money(struct rn_figure *out, uint64_t pico)
{
    double dollars = (double)pico / (double)RN_PICO_PER_DOLLAR;
    const char *format = dollars >= 1 || pico == 0 ? "$%.2f" : dollars >= 0.01 ? "$%.3f" : "$%.6f";
    (void)snprintf(out->text, sizeof out->text, format, dollars);
    return out->text;
}

/* --- findings ------------------------------------------------------------------------------------------------------ */

/*
 * Weights of a share of answers, from docs/backtest.md, "Report". Rewording is what a change of models
 * always brings.
 */
#define WEIGHT_FAILED 5.0
#define WEIGHT_REFUSAL 4.0
#define WEIGHT_TOOLS 3.0
#define WEIGHT_JSON 3.0
#define WEIGHT_FINISH 1.0
#define WEIGHT_TEXT 0.05
#define WEIGHT_VECTORS 0.05
/* Of how many times more or less it is, and the most that can weigh. */
#define WEIGHT_TIMES 0.05
#define LATENCY_MOST 0.1
#define COST_MOST 0.05

/* Of all that was compared, so that what concerns few of the answers weighs little. */
static double weigh(const struct rn_report *report, double weight, uint64_t part)
{
    uint64_t whole = report->pairs[RN_PAIR_COMPARED];
    return whole == 0 ? 0 : weight * (double)part / (double)whole;
}

/* Ten percent is no change yet. */
static double weigh_times(double a, double b, double most)
{
    double least = a < b ? a : b;
    double times = least > 0 ? (a < b ? b : a) / least - 1 : 0;
    double weight = times > 0.1 ? WEIGHT_TIMES * times : 0;
    return weight < most ? weight : most;
}

static uint64_t differing(const struct rn_share *share)
{
    return share->judged - share->same;
}

static double failed(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figure;
    uint64_t count = report->pairs[RN_PAIR_NEW_FAILED] + report->pairs[RN_PAIR_BOTH_FAILED];
    const char *what = report->failure_count > 0 ? (const char *)report->failures[0].what.data : "";
    int len = report->failure_count > 0 ? (int)report->failures[0].what.len : 0;
    (void)snprintf(out, size, "%s call%s failed%s%s%.*s", rn_figure_count(&figure, count),
                   count == 1 ? "" : "s", len > 0 ? ": " : "",
                   report->failure_count > 1 ? "mostly " : "", len > 120 ? 120 : len, what);
    uint64_t settled = count + report->pairs[RN_PAIR_COMPARED];
    return settled == 0 ? 0 : WEIGHT_FAILED * (double)count / (double)settled;
}

static double refuses(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figures[3];
    const struct rn_share *share = &report->shares[RN_ASPECT_REFUSAL];
    uint64_t before = report->recorded_refuses;
    uint64_t now = report->fresh_refuses;
    if (before == now) {
        (void)snprintf(
            out, size,
            "%s of %s answers refuse where the recorded ones do not, or the other way round",
            rn_figure_share(&figures[0], differing(share), share->judged),
            rn_figure_count(&figures[1], share->judged));
        return weigh(report, WEIGHT_REFUSAL, differing(share));
    }
    (void)snprintf(out, size, "%s of %s answers refuse (%s before)",
                   rn_figure_share(&figures[0], now, share->judged),
                   rn_figure_count(&figures[1], share->judged),
                   rn_figure_share(&figures[2], before, share->judged));
    return weigh(report, WEIGHT_REFUSAL, now > before ? now - before : before - now);
}

static double tools(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figures[2];
    uint64_t whole = report->pairs[RN_PAIR_COMPARED];
    uint64_t all = differing(&report->shares[RN_ASPECT_TOOLS]);
    uint64_t names = differing(&report->shares[RN_ASPECT_TOOL_NAMES]);
    /* Names, where they are at least half of it: else it is the arguments. */
    bool mostly_names = 2 * names >= all;
    (void)snprintf(out, size,
                   mostly_names ? "%s of %s answers call other tools"
                                : "%s of %s answers call tools with other arguments",
                   rn_figure_share(&figures[0], mostly_names ? names : all, whole),
                   rn_figure_count(&figures[1], whole));
    return weigh(report, WEIGHT_TOOLS, all);
}

static double json(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figures[3];
    const struct rn_share *share = &report->shares[RN_ASPECT_JSON];
    (void)snprintf(out, size, "%s of %s JSON answers are valid (%s before)",
                   rn_figure_share(&figures[0], report->fresh_json, share->judged),
                   rn_figure_count(&figures[1], share->judged),
                   rn_figure_share(&figures[2], report->recorded_json, share->judged));
    return weigh(report, WEIGHT_JSON, differing(share));
}

static double finish(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figures[2];
    const struct rn_share *share = &report->shares[RN_ASPECT_FINISH];
    (void)snprintf(out, size, "%s of %s answers end for another reason",
                   rn_figure_share(&figures[0], differing(share), share->judged),
                   rn_figure_count(&figures[1], share->judged));
    return weigh(report, WEIGHT_FINISH, differing(share));
}

static double vectors(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figures[2];
    const struct rn_share *share = &report->shares[RN_ASPECT_VECTORS];
    (void)snprintf(out, size, "%s of %s embeddings are others",
                   rn_figure_share(&figures[0], differing(share), share->judged),
                   rn_figure_count(&figures[1], share->judged));
    return weigh(report, WEIGHT_VECTORS, differing(share));
}

/* Times are never equal: one half more or less, and a tenth of a second, is a change. */
static double latency(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figures[3];
    uint64_t before = report->recorded_latency.p50;
    uint64_t now = report->fresh_latency.p50;
    (void)snprintf(out, size, "latency p50 %s: %s, %s before",
                   rn_figure_ratio(&figures[0], (double)now, (double)before),
                   rn_figure_time(&figures[1], now), rn_figure_time(&figures[2], before));
    uint64_t least = now < before ? now : before;
    uint64_t most = now < before ? before : now;
    bool much = most - least >= UINT64_C(100000000) && (double)most >= 1.5 * (double)least;
    return much ? weigh_times((double)now, (double)before, LATENCY_MOST) : 0;
}

static double cost(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figures[3];
    double before = (double)report->recorded_cost_pico;
    double now = (double)report->fresh_cost_pico;
    (void)snprintf(out, size, "cost %s: %s, %s before", rn_figure_ratio(&figures[0], now, before),
                   rn_figure_money(&figures[1], report->fresh_cost_pico),
                   rn_figure_money(&figures[2], report->recorded_cost_pico));
    return report->fresh_cost_known ? weigh_times(now, before, COST_MOST) : 0;
}

static double text(const struct rn_report *report, char *out, size_t size)
{
    struct rn_figure figures[2];
    const struct rn_share *share = &report->shares[RN_ASPECT_NORMALISED];
    (void)snprintf(out, size, "%s of %s answers are worded otherwise",
                   rn_figure_share(&figures[0], differing(share), share->judged),
                   rn_figure_count(&figures[1], share->judged));
    return weigh(report, WEIGHT_TEXT, differing(share));
}

typedef double finding(const struct rn_report *report, char *out, size_t size);

/* The heaviest; of equals the first. False: nothing weighs anything. */
static bool find(const struct rn_report *report, char *out, size_t size)
{
    static finding *const findings[] = {failed,  refuses, tools, json,   finish,
                                        latency, cost,    text,  vectors};
    char words[200];
    double heaviest = 0;
    for (size_t i = 0; i < sizeof findings / sizeof findings[0]; i++) {
        double weight = findings[i](report, words, sizeof words);
        if (weight > heaviest) {
            heaviest = weight;
            (void)snprintf(out, size, "%s", words);
        }
    }
    return heaviest > 0;
}

void rn_headline(struct rn_report *report)
{
    struct rn_figure figures[2];
    char what[200];
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof report->pairs / sizeof report->pairs[0]; i++) {
        all += report->pairs[i];
    }
    uint64_t open = report->pairs[RN_PAIR_UNANSWERED];
    if (open == all) {
        (void)snprintf(what, sizeof what, "nothing was answered");
    } else if (!find(report, what, sizeof what)) {
        (void)snprintf(what, sizeof what, "nothing changed in %s answers",
                       rn_figure_count(&figures[0], report->pairs[RN_PAIR_COMPARED]));
    }
    (void)snprintf(report->headline, sizeof report->headline, "%s", what);
    if (open > 0) {
        size_t len = strlen(report->headline);
        (void)snprintf(report->headline + len, sizeof report->headline - len,
                       "; %s of %s calls have no answer yet", rn_figure_count(&figures[0], open),
                       rn_figure_count(&figures[1], all));
    }
}
