/*
 * The report as one page that can be sent by mail and opened in ten years: no script, and nothing is
 * loaded from anywhere. A content security policy of its own says so to the browser as well.
 */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "headline.h"
#include "report_page.h"

/* --- at a glance --------------------------------------------------------------------------------------------------- */

/* A line each. */
static void put_changes(struct rn_sheet *sheet, struct rn_bytes changes)
{
    rn_sheet_put(sheet, changes.len > 0 ? "<ul>\n" : "");
    for (struct rn_bytes left = changes; left.len > 0;) {
        size_t end = rn_bytes_find_byte(left, '\n');
        rn_sheet_put(sheet, "<li><code>");
        rn_sheet_bytes(sheet, rn_bytes_sub(left, 0, end));
        rn_sheet_put(sheet, "</code></li>\n");
        left = end == RN_NPOS ? rn_bytes_of("", 0) : rn_bytes_from(left, end + 1);
    }
    rn_sheet_put(sheet, changes.len > 0 ? "</ul>\n" : "");
}

static void put_title(struct rn_sheet *sheet, const struct rn_report *report)
{
    const struct rn_backtest_facts *facts = &report->facts;
    struct rn_figure figure;
    rn_sheet_put(sheet, "<p class=\"over\">Backtest ");
    rn_sheet_text(sheet, facts->name[0] != '\0' ? facts->name : facts->id);
    rn_sheet_put(sheet, "</p>\n<h1>");
    rn_sheet_text(sheet, report->headline);
    rn_sheet_putf(sheet, "</h1>\n<p>%s recorded call%s, sent again to <code>",
                  rn_figure_count(&figure, facts->calls), facts->calls == 1 ? "" : "s");
    rn_sheet_text(sheet, facts->to);
    rn_sheet_put(sheet, "</code> at <code>");
    rn_sheet_text(sheet, facts->url);
    rn_sheet_put(sheet, report->changes.len > 0 ? "</code> with only the model changed, and:</p>\n"
                                                : "</code> with only the model changed.</p>\n");
    put_changes(sheet, report->changes);
}

static void begin_glance(struct rn_sheet *sheet, const char *name)
{
    rn_sheet_put(sheet, "<div><dt>");
    rn_sheet_put(sheet, name);
    rn_sheet_put(sheet, "</dt><dd>");
}

static void put_glance(struct rn_sheet *sheet, const char *name, uint64_t count, uint64_t whole)
{
    struct rn_figure figures[2];
    begin_glance(sheet, name);
    rn_sheet_put(sheet, rn_figure_count(&figures[0], count));
    if (whole > 0) {
        rn_sheet_putf(sheet, "<small>%s</small>", rn_figure_share(&figures[1], count, whole));
    }
    rn_sheet_put(sheet, "</dd></div>\n");
}

static void put_glances(struct rn_sheet *sheet, const struct rn_report *report)
{
    struct rn_figure figures[3];
    const uint64_t *pairs = report->pairs;
    uint64_t failed = pairs[RN_PAIR_NEW_FAILED] + pairs[RN_PAIR_BOTH_FAILED];
    uint64_t settled = failed + pairs[RN_PAIR_COMPARED] + pairs[RN_PAIR_RECORDED_FAILED];
    rn_sheet_put(sheet, "<dl class=\"glance\">\n");
    put_glance(sheet, "compared", pairs[RN_PAIR_COMPARED], 0);
    put_glance(sheet, "the same in everything", report->same, pairs[RN_PAIR_COMPARED]);
    put_glance(sheet, "failed", failed, settled);
    if (pairs[RN_PAIR_UNANSWERED] > 0) {
        put_glance(sheet, "not answered yet", pairs[RN_PAIR_UNANSWERED], report->facts.calls);
    }
    if (pairs[RN_PAIR_RECORDED_FAILED] > 0) {
        put_glance(sheet, "answered only now", pairs[RN_PAIR_RECORDED_FAILED], settled);
    }
    if (report->fresh_latency.count > 0) {
        begin_glance(sheet, "latency, p50");
        rn_sheet_putf(sheet, "%s<small>%s before</small></dd></div>\n",
                      rn_figure_time(&figures[0], report->fresh_latency.p50),
                      rn_figure_time(&figures[1], report->recorded_latency.p50));
    }
    if (report->fresh_cost_known) {
        begin_glance(sheet, "cost");
        rn_sheet_putf(sheet, "%s<small>%s before</small></dd></div>\n",
                      rn_figure_money(&figures[0], report->fresh_cost_pico),
                      rn_figure_money(&figures[1], report->recorded_cost_pico));
    }
    rn_sheet_put(sheet, "</dl>\n");
}

/* --- conditions ---------------------------------------------------------------------------------------------------- */

static void put_conditions(struct rn_sheet *sheet, const struct rn_judged_condition *conditions,
                           size_t count)
{
    if (count == 0) {
        return;
    }
    rn_sheet_put(sheet, "<h2>Conditions</h2>\n<table><thead><tr><th>fail if</th><th></th></tr>"
                        "</thead><tbody>\n");
    for (size_t i = 0; i < count; i++) {
        rn_sheet_put(sheet, "<tr><td><code>");
        rn_sheet_text(sheet, conditions[i].text);
        rn_sheet_put(sheet, "</code></td><td>");
        if (!conditions[i].failed) {
            rn_sheet_put(sheet, "<span class=\"passed\">passed</span>");
        } else {
            rn_sheet_put(sheet, "<span class=\"failed\">failed</span>");
        }
        if (conditions[i].unknown != NULL) {
            rn_sheet_put(sheet, ": nothing was measured for <code>");
            rn_sheet_text(sheet, conditions[i].unknown);
            rn_sheet_put(sheet, "</code>");
        }
        rn_sheet_put(sheet, "</td></tr>\n");
    }
    rn_sheet_put(sheet, "</tbody></table>\n");
}

/* --- shares -------------------------------------------------------------------------------------------------------- */

static void put_share(struct rn_sheet *sheet, const char *what, const char *of, uint64_t part,
                      uint64_t whole)
{
    struct rn_figure figures[3];
    rn_sheet_put(sheet, "<tr><td>");
    rn_sheet_put(sheet, what);
    rn_sheet_put(sheet, "</td><td class=\"bar\">");
    rn_plot_share(sheet, (double)part / (double)whole, of);
    rn_sheet_putf(sheet,
                  "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>",
                  rn_figure_share(&figures[0], part, whole), rn_figure_count(&figures[1], part),
                  rn_figure_count(&figures[2], whole));
    rn_sheet_put(sheet, "</tr>\n");
}

static void put_shares(struct rn_sheet *sheet, const struct rn_report *report)
{
    static const char *const names[] = {
        "text, byte for byte", "text, normalised", "tools and arguments", "tools",
        "valid JSON or not",   "finish reason",    "refusing or not",     "embeddings"};
    rn_sheet_put(
        sheet,
        "<h2>What is the same</h2>\n<div class=\"wide\"><table class=\"even\"><thead><tr><th></th>"
        "<th></th><th class=\"n\">same</th><th class=\"n\">pairs</th>"
        "<th class=\"n\">of</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < RN_ASPECT_COUNT; i++) {
        if (report->shares[i].judged > 0) {
            put_share(sheet, names[i], "same", report->shares[i].same, report->shares[i].judged);
        }
    }
    rn_sheet_put(sheet, "</tbody></table></div>\n"
                        "<p class=\"note\">A question that makes no sense for a pair is not asked: "
                        "tools count where either side calls one, JSON where it was asked for or "
                        "recorded.</p>\n");
}

static void put_rates(struct rn_sheet *sheet, const struct rn_report *report)
{
    uint64_t json = report->shares[RN_ASPECT_JSON].judged;
    uint64_t refusals = report->shares[RN_ASPECT_REFUSAL].judged;
    if (json + refusals == 0) {
        return;
    }
    rn_sheet_put(
        sheet,
        "<h2>Before and now</h2>\n<div class=\"wide\"><table class=\"even\"><thead><tr><th></th>"
        "<th></th><th class=\"n\">share</th><th class=\"n\">answers</th>"
        "<th class=\"n\">of</th></tr></thead><tbody>\n");
    if (refusals > 0) {
        put_share(sheet, "refuse, recorded", "recorded", report->recorded_refuses, refusals);
        put_share(sheet, "refuse, new", "fresh", report->fresh_refuses, refusals);
    }
    if (json > 0) {
        put_share(sheet, "valid JSON, recorded", "recorded", report->recorded_json, json);
        put_share(sheet, "valid JSON, new", "fresh", report->fresh_json, json);
    }
    rn_sheet_put(sheet, "</tbody></table></div>\n");
}

/* --- times --------------------------------------------------------------------------------------------------------- */

static void put_times_row(struct rn_sheet *sheet, const char *name, const char *side,
                          const struct rn_spread *spread)
{
    struct rn_figure figures[6];
    const uint64_t values[] = {spread->p50, spread->p90, spread->p95,
                               spread->p99, spread->max, spread->mean};
    rn_sheet_putf(sheet, "<tr><td>%s</td><td>%s</td>", name, side);
    for (size_t i = 0; i < 6; i++) {
        rn_sheet_putf(sheet, "<td class=\"n\">%s</td>", rn_figure_time(&figures[i], values[i]));
    }
    rn_sheet_put(sheet, "</tr>\n");
}

static void put_times(struct rn_sheet *sheet, const struct rn_report *report)
{
    if (report->fresh_latency.count == 0) {
        return;
    }
    rn_sheet_put(sheet, "<h2>Time</h2>\n");
    rn_plot_times(sheet, &report->recorded_latency, &report->fresh_latency,
                  "From request to the end of the answer");
    rn_plot_times(sheet, &report->recorded_first_byte, &report->fresh_first_byte,
                  "From request to the first byte");
    rn_sheet_put(sheet, "<div class=\"wide\"><table class=\"even\"><thead><tr><th></th><th></th>"
                        "<th class=\"n\">p50</th><th class=\"n\">p90</th><th class=\"n\">p95</th>"
                        "<th class=\"n\">p99</th><th class=\"n\">max</th><th class=\"n\">mean</th>"
                        "</tr></thead><tbody>\n");
    put_times_row(sheet, "end", "recorded", &report->recorded_latency);
    put_times_row(sheet, "", "new", &report->fresh_latency);
    if (report->fresh_first_byte.count > 0) {
        put_times_row(sheet, "first byte", "recorded", &report->recorded_first_byte);
        put_times_row(sheet, "", "new", &report->fresh_first_byte);
    }
    rn_sheet_put(sheet, "</tbody></table></div>\n");
}

/* --- tokens and money ---------------------------------------------------------------------------------------------- */

static void put_amounts(struct rn_sheet *sheet, const char *name, const char *const texts[2],
                        double recorded, double fresh)
{
    struct rn_figure figure;
    rn_sheet_putf(sheet, "<tr><td>%s</td><td class=\"bar\">", name);
    rn_plot_amounts(sheet, recorded, fresh, name);
    rn_sheet_putf(
        sheet, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
        texts[0], texts[1], rn_figure_ratio(&figure, fresh, recorded));
}

static void put_tokens(struct rn_sheet *sheet, const char *name, uint64_t recorded, uint64_t fresh)
{
    struct rn_figure figures[2];
    const char *const texts[2] = {rn_figure_count(&figures[0], recorded),
                                  rn_figure_count(&figures[1], fresh)};
    put_amounts(sheet, name, texts, (double)recorded, (double)fresh);
}

static void put_money(struct rn_sheet *sheet, const struct rn_report *report)
{
    struct rn_figure figures[2];
    if (report->fresh_cost_known) {
        const char *const texts[2] = {rn_figure_money(&figures[0], report->recorded_cost_pico),
                                      rn_figure_money(&figures[1], report->fresh_cost_pico)};
        put_amounts(sheet, "cost", texts, (double)report->recorded_cost_pico,
                    (double)report->fresh_cost_pico);
    }
}

static void put_usage(struct rn_sheet *sheet, const struct rn_report *report)
{
    struct rn_figure figure;
    if (report->with_usage == 0) {
        return;
    }
    rn_sheet_put(
        sheet,
        "<h2>Tokens and cost</h2>\n<div class=\"wide\"><table class=\"even\"><thead><tr><th></th>"
        "<th></th><th class=\"n\">recorded</th><th class=\"n\">new</th>"
        "<th class=\"n\"></th></tr></thead><tbody>\n");
    put_tokens(sheet, "tokens asked", report->recorded_tokens_in, report->fresh_tokens_in);
    put_tokens(sheet, "tokens answered", report->recorded_tokens_out, report->fresh_tokens_out);
    put_money(sheet, report);
    rn_sheet_put(sheet, "</tbody></table></div>\n<p class=\"note\">");
    rn_sheet_putf(sheet, "Of %s pairs with usage on both sides; prices of ",
                  rn_figure_count(&figure, report->with_usage));
    rn_sheet_text(sheet, report->prices_date);
    rn_sheet_put(sheet, " (");
    rn_sheet_text(sheet, report->prices_origin);
    rn_sheet_put(sheet, ") for both.");
    if (report->unpriced > 0) {
        rn_sheet_putf(sheet, " The cost leaves out %s pairs without usage or a price.",
                      rn_figure_count(&figure, report->unpriced));
    }
    rn_sheet_put(sheet, "</p>\n");
}

/* --- what is missing ----------------------------------------------------------------------------------------------- */

static void put_failures(struct rn_sheet *sheet, const struct rn_report *report)
{
    struct rn_figure figure;
    if (report->failure_count == 0) {
        return;
    }
    rn_sheet_put(sheet, "<h2>Failed calls</h2>\n<div class=\"wide\"><table><thead><tr>"
                        "<th class=\"n\">calls</th><th>answer</th><th>the first</th></tr></thead>"
                        "<tbody>\n");
    for (size_t i = 0; i < report->failure_count; i++) {
        const struct rn_failure *failure = &report->failures[i];
        char trace[33];
        rn_trace_id_text(&failure->trace, trace);
        rn_sheet_putf(sheet, "<tr><td class=\"n\">%s</td><td>",
                      rn_figure_count(&figure, failure->count));
        rn_sheet_bytes(sheet, failure->what);
        rn_sheet_putf(sheet, "</td><td class=\"place\">%s:%" PRIu32 "</td></tr>\n", trace,
                      failure->n);
    }
    rn_sheet_put(sheet, "</tbody></table></div>\n");
}

static void put_left_out(struct rn_sheet *sheet, const struct rn_report *report)
{
    struct rn_figure figure;
    bool any = false;
    for (int why = 0; why < RN_LEFT_COUNT; why++) {
        if (report->left_out[why] == 0) {
            continue;
        }
        rn_sheet_put(sheet, any ? ""
                                : "<h2>Not sent</h2>\n<div class=\"wide\"><table><thead><tr>"
                                  "<th class=\"n\">calls</th><th>why</th></tr></thead><tbody>\n");
        rn_sheet_putf(sheet, "<tr><td class=\"n\">%s</td><td>",
                      rn_figure_count(&figure, report->left_out[why]));
        rn_sheet_text(sheet, rn_left_out_sentence((enum rn_left_out)why));
        rn_sheet_put(sheet, "</td></tr>\n");
        any = true;
    }
    rn_sheet_put(sheet, any ? "</tbody></table></div>\n" : "");
}

static void put_worst(struct rn_sheet *sheet, const struct rn_report *report)
{
    if (report->worst_count == 0) {
        return;
    }
    rn_sheet_putf(sheet,
                  "<h2>The %zu pair%s that differ%s most</h2>\n<p class=\"note\">Beside what was "
                  "asked last: <del>only recorded</del>, <ins>only new</ins>.</p>\n",
                  report->worst_count, report->worst_count == 1 ? "" : "s",
                  report->worst_count == 1 ? "s" : "");
    rn_page_pairs(sheet, report);
}

static void put_foot(struct rn_sheet *sheet, const struct rn_report *report)
{
    char when[32] = "";
    time_t seconds = (time_t)(report->facts.created_wall_ns / UINT64_C(1000000000));
    struct tm parts;
    if (gmtime_r(&seconds, &parts) != NULL) {
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &parts);
    }
    rn_sheet_put(sheet, "<footer class=\"note\">Made by <code>reenact backtest report ");
    rn_sheet_text(sheet, report->facts.name[0] != '\0' ? report->facts.name : report->facts.id);
    rn_sheet_putf(sheet, "</code> of the plan %.8s, written %s.", report->facts.id + 24, when);
    rn_sheet_put(sheet, " Any pair can be looked at whole with <code>reenact show "
                        "TRACE:N</code>.</footer>\n");
}

enum rn_status rn_report_html(const struct rn_report *report,
                              const struct rn_judged_condition *conditions, size_t count,
                              struct rn_buffer *out)
{
    struct rn_sheet sheet = {.out = out, .status = RN_OK};
    rn_page_begin(&sheet, rn_bytes_text(report->headline), NULL);
    put_title(&sheet, report);
    put_glances(&sheet, report);
    put_conditions(&sheet, conditions, count);
    put_shares(&sheet, report);
    put_rates(&sheet, report);
    put_times(&sheet, report);
    put_usage(&sheet, report);
    put_failures(&sheet, report);
    put_left_out(&sheet, report);
    put_worst(&sheet, report);
    put_foot(&sheet, report);
    rn_page_end(&sheet);
    return sheet.status;
}
