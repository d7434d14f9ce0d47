/*
 * A report on a terminal: what changed most, one table of recorded against new, what failed and what was left out, and the
 * worst pairs side by side.
 */
#include "cmd_backtest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "printable.h"
#include "side_by_side.h"
#include "table.h"

#define TEXT_LINES_MAX 8

static const char *const aspect_words[RN_ASPECT_COUNT] = {
    [RN_ASPECT_TEXT] = "same text",
    [RN_ASPECT_NORMALISED] = "same text, normalised",
    [RN_ASPECT_TOOLS] = "same tool calls",
    [RN_ASPECT_TOOL_NAMES] = "same tools by name",
    [RN_ASPECT_JSON] = "JSON as valid as before",
    [RN_ASPECT_FINISH] = "same finish reason",
    [RN_ASPECT_REFUSAL] = "refuses as before",
    [RN_ASPECT_VECTORS] = "same vectors",
};

struct facts {
    struct rn_table *table;
    enum rn_status status;
};

static void add_row(struct facts *facts, const char *what, const char *recorded, const char *fresh,
                    const char *change, enum rn_paint paint)
{
    const struct rn_bytes cells[] = {rn_bytes_text(what), rn_bytes_text(recorded),
                                     rn_bytes_text(fresh), rn_bytes_text(change)};
    if (facts->status == RN_OK) {
        facts->status = rn_table_row(facts->table, cells, paint);
    }
}

static double share_of(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

/* "2.1 x", or nothing where it says nothing. */
static const char *ratio(char out[32], double recorded, double fresh)
{
    out[0] = '\0';
    if (recorded > 0 && fresh > 0) {
        (void)snprintf(out, 32, "%.2f x", fresh / recorded);
    }
    return out;
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

static void add_shares(struct facts *facts, const struct rn_report *report)
{
    for (unsigned aspect = 0; aspect < RN_ASPECT_COUNT; aspect++) {
        const struct rn_share *share = &report->shares[aspect];
        char percent[32];
        char counts[64];
        if (share->judged == 0) {
            continue;
        }
        (void)snprintf(percent, sizeof percent, "%.1f %%", share_of(share->same, share->judged));
        (void)snprintf(counts, sizeof counts, "%" PRIu64 " of %" PRIu64, share->same,
                       share->judged);
        add_row(facts, aspect_words[aspect], "", percent, counts,
                share->same == share->judged ? RN_PAINT_GREEN : RN_PAINT_YELLOW);
    }
}

static void add_shift(struct facts *facts, const char *what, uint64_t recorded, uint64_t fresh,
                      uint64_t all)
{
    char texts[2][32];
    if (recorded == 0 && fresh == 0) {
        return;
    }
    (void)snprintf(texts[0], sizeof texts[0], "%.1f %%", share_of(recorded, all));
    (void)snprintf(texts[1], sizeof texts[1], "%.1f %%", share_of(fresh, all));
    add_row(facts, what, texts[0], texts[1], "",
            recorded == fresh ? RN_PAINT_NONE : RN_PAINT_YELLOW);
}

static void add_time(struct facts *facts, const char *what, uint64_t recorded, uint64_t fresh)
{
    struct rn_human texts[2];
    char change[32];
    add_row(facts, what, rn_human_duration(&texts[0], recorded),
            rn_human_duration(&texts[1], fresh), ratio(change, (double)recorded, (double)fresh),
            RN_PAINT_NONE);
}

static void add_spread(struct facts *facts, const char *what, const struct rn_spread *recorded,
                       const struct rn_spread *fresh)
{
    char label[48];
    if (recorded->count == 0 || fresh->count == 0) {
        return;
    }
    const struct {
        const char *name;
        uint64_t recorded;
        uint64_t fresh;
    } rows[] = {{"p50", recorded->p50, fresh->p50},
                {"p95", recorded->p95, fresh->p95},
                {"p99", recorded->p99, fresh->p99}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)snprintf(label, sizeof label, "%s %s", what, rows[i].name);
        add_time(facts, label, rows[i].recorded, rows[i].fresh);
    }
}

static void add_number(struct facts *facts, const char *what, uint64_t recorded, uint64_t fresh)
{
    char texts[2][24];
    char change[32];
    if (recorded == 0 && fresh == 0) {
        return;
    }
    (void)snprintf(texts[0], sizeof texts[0], "%" PRIu64, recorded);
    (void)snprintf(texts[1], sizeof texts[1], "%" PRIu64, fresh);
    add_row(facts, what, texts[0], texts[1], ratio(change, (double)recorded, (double)fresh),
            RN_PAINT_NONE);
}

static void add_cost(struct facts *facts, const struct rn_report *report)
{
    char texts[2][RN_MONEY_BYTES_MAX];
    char change[32] = "";
    if (!report->recorded_cost_known && !report->fresh_cost_known) {
        return;
    }
    if (report->recorded_cost_known && report->fresh_cost_known) {
        (void)ratio(change, (double)report->recorded_cost_pico, (double)report->fresh_cost_pico);
    }
    add_row(facts, "cost",
            rn_backtest_money(texts[0], report->recorded_cost_known, report->recorded_cost_pico),
            rn_backtest_money(texts[1], report->fresh_cost_known, report->fresh_cost_pico), change,
            RN_PAINT_NONE);
}

static enum rn_status add_table(struct rn_buffer *out, const struct rn_screen *screen,
                                const struct rn_report *report)
{
    static const struct rn_table_column columns[] = {{"", false, false},
                                                     {"RECORDED", true, false},
                                                     {"NEW", true, false},
                                                     {"CHANGE", true, false}};
    struct facts facts = {rn_table_new(columns, 4), RN_OK};
    uint64_t compared = report->pairs[RN_PAIR_COMPARED];
    if (facts.table == NULL) {
        return RN_NOMEM;
    }
    add_number(&facts, "answered", compared + report->pairs[RN_PAIR_NEW_FAILED],
               compared + report->pairs[RN_PAIR_RECORDED_FAILED]);
    add_shares(&facts, report);
    add_shift(&facts, "refuses", report->recorded_refuses, report->fresh_refuses,
              report->shares[RN_ASPECT_REFUSAL].judged);
    add_shift(&facts, "is valid JSON", report->recorded_json, report->fresh_json,
              report->shares[RN_ASPECT_JSON].judged);
    add_spread(&facts, "latency", &report->recorded_latency, &report->fresh_latency);
    add_spread(&facts, "first byte", &report->recorded_first_byte, &report->fresh_first_byte);
    add_number(&facts, "tokens in", report->recorded_tokens_in, report->fresh_tokens_in);
    add_number(&facts, "tokens out", report->recorded_tokens_out, report->fresh_tokens_out);
    add_cost(&facts, report);
    enum rn_status status = facts.status;
    status = status == RN_OK ? rn_table_render(facts.table, screen, out) : status;
    rn_table_free(facts.table);
    return status;
}

/* --- what is not in the table --------------------------------------------------------------------------------------- */

static enum rn_status add_changes(struct rn_buffer *out, const struct rn_report *report)
{
    enum rn_status status =
        report->changes.len > 0 ? rn_buffer_addf(out, "\nchanged beside the model\n") : RN_OK;
    for (struct rn_bytes left = report->changes; left.len > 0 && status == RN_OK;) {
        size_t end = rn_bytes_find_byte(left, '\n');
        status = rn_buffer_addf(out, "  ");
        status =
            status == RN_OK ? rn_printable_short(out, rn_bytes_sub(left, 0, end), 160) : status;
        status = status == RN_OK ? rn_buffer_addf(out, "\n") : status;
        left = end == RN_NPOS ? rn_bytes_of("", 0) : rn_bytes_from(left, end + 1);
    }
    return status;
}

static enum rn_status add_failures(struct rn_buffer *out, const struct rn_report *report)
{
    enum rn_status status = report->failure_count > 0 ? rn_buffer_addf(out, "\nfailed\n") : RN_OK;
    for (size_t i = 0; i < report->failure_count && status == RN_OK; i++) {
        char id[33];
        rn_trace_id_text(&report->failures[i].trace, id);
        status = rn_buffer_addf(out, "  %6" PRIu64 "  ", report->failures[i].count);
        status = status == RN_OK ? rn_printable_short(out, report->failures[i].what, 160) : status;
        status = status == RN_OK ? rn_buffer_addf(out, "  (first: %s:%" PRIu32 ")\n", id + 24,
                                                  report->failures[i].n)
                                 : status;
    }
    return status;
}

static enum rn_status add_left_out(struct rn_buffer *out, const struct rn_report *report)
{
    enum rn_status status = RN_OK;
    bool titled = false;
    for (unsigned why = 0; why < RN_LEFT_COUNT && status == RN_OK; why++) {
        if (report->left_out[why] == 0 || why == RN_LEFT_NO_MODEL_CALL) {
            continue;
        }
        status = titled ? RN_OK : rn_buffer_addf(out, "\nnot sent again\n");
        titled = true;
        status = status == RN_OK
                     ? rn_buffer_addf(out, "  %6" PRIu64 "  %s: %s\n", report->left_out[why],
                                      rn_left_out_name((enum rn_left_out)why),
                                      rn_left_out_sentence((enum rn_left_out)why))
                     : status;
    }
    return status;
}

static enum rn_status add_remarks(struct rn_buffer *out, const struct rn_report *report)
{
    enum rn_status status = RN_OK;
    if (report->pairs[RN_PAIR_UNANSWERED] > 0) {
        struct rn_human calls;
        status = rn_buffer_addf(
            out, "\n%s without an answer yet; reenact backtest resume %s\n",
            rn_human_count(&calls, report->pairs[RN_PAIR_UNANSWERED], "call is", "calls are"),
            report->facts.id + 24);
    }
    if (status == RN_OK && report->unpriced > 0) {
        status = rn_buffer_addf(out, "\n%" PRIu64 " pairs have no price and no part in the cost\n",
                                report->unpriced);
    }
    if (status == RN_OK && report->twice > 0) {
        status = rn_buffer_addf(
            out, "\n%" PRIu64 " calls were in flight when a run ended: perhaps paid twice\n",
            report->twice);
    }
    return status;
}

static enum rn_status add_conditions(struct rn_buffer *out, const struct rn_screen *screen,
                                     const struct rn_judged_condition *conditions, size_t count)
{
    enum rn_status status = count > 0 ? rn_buffer_addf(out, "\nfail if\n") : RN_OK;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        status = rn_buffer_addf(out, "  ");
        status = status == RN_OK
                     ? rn_screen_paint(out, screen->colour,
                                       conditions[i].failed ? RN_PAINT_RED : RN_PAINT_GREEN,
                                       conditions[i].failed ? RN_LIT("FAILED") : RN_LIT("passed"))
                     : status;
        status = status == RN_OK ? rn_buffer_addf(out, "  ") : status;
        status = status == RN_OK
                     ? rn_printable(out, rn_bytes_text(conditions[i].text), RN_PRINTABLE_LINE)
                     : status;
        if (status == RN_OK && conditions[i].unknown != NULL) {
            status = rn_buffer_addf(out, "  (nothing was measured for %s)", conditions[i].unknown);
        }
        status = status == RN_OK ? rn_buffer_addf(out, "\n") : status;
    }
    return status;
}

/* --- the worst ------------------------------------------------------------------------------------------------------ */

/* "other text, other tools" */
static enum rn_status add_differences(struct rn_buffer *out, const struct rn_pair *pair)
{
    static const char *const words[RN_ASPECT_COUNT] = {
        [RN_ASPECT_TEXT] = "text",          [RN_ASPECT_NORMALISED] = NULL,
        [RN_ASPECT_TOOLS] = "tool calls",   [RN_ASPECT_TOOL_NAMES] = NULL,
        [RN_ASPECT_JSON] = "JSON validity", [RN_ASPECT_FINISH] = "finish reason",
        [RN_ASPECT_REFUSAL] = "refusal",    [RN_ASPECT_VECTORS] = "vectors",
    };
    const char *before = "differ in ";
    enum rn_status status = RN_OK;
    if (pair->kind != RN_PAIR_COMPARED) {
        return rn_buffer_addf(out,
                              pair->kind == RN_PAIR_NEW_FAILED ? "failed now" : "failed before");
    }
    for (unsigned aspect = 0; aspect < RN_ASPECT_COUNT && status == RN_OK; aspect++) {
        bool differs = (pair->judged & ~pair->same & (1U << aspect)) != 0;
        if (differs && words[aspect] != NULL) {
            status = rn_buffer_addf(out, "%s%s", before, words[aspect]);
            before = ", ";
        }
    }
    return status;
}

static enum rn_status add_worst(struct rn_buffer *out, const struct rn_screen *screen,
                                const struct rn_worst *worst)
{
    size_t width = screen->width >= 60 ? screen->width : 120;
    char ids[2][33];
    rn_trace_id_text(&worst->trace, ids[0]);
    rn_trace_id_text(&worst->answer_trace, ids[1]);
    enum rn_status status = rn_buffer_addf(out, "\n%s:%" PRIu32 " and %s:%" PRIu32 " ", ids[0] + 24,
                                           worst->n, ids[1] + 24, worst->answer_n);
    status = status == RN_OK ? add_differences(out, &worst->pair) : status;
    status = status == RN_OK ? rn_buffer_addf(out, "\n  asked: ") : status;
    status = status == RN_OK ? rn_printable_short(out, worst->asked, width - 10) : status;
    status = status == RN_OK ? rn_buffer_addf(out, "\n") : status;
    return status == RN_OK ? rn_side_by_side(out, screen, 2, width, TEXT_LINES_MAX, worst->recorded,
                                             worst->fresh)
                           : status;
}

/* It may quote what a provider said. */
static enum rn_status add_headline(struct rn_buffer *out, const struct rn_screen *screen,
                                   const char *headline)
{
    struct rn_buffer line = {0};
    enum rn_status status = rn_printable(&line, rn_bytes_text(headline), RN_PRINTABLE_LINE);
    status = status == RN_OK
                 ? rn_screen_paint(out, screen->colour, RN_PAINT_BOLD, rn_buffer_bytes(&line))
                 : status;
    rn_buffer_free(&line);
    return status;
}

enum rn_status rn_backtest_show(struct rn_buffer *out, const struct rn_screen *screen,
                                const struct rn_report *report,
                                const struct rn_judged_condition *conditions, size_t count)
{
    struct rn_human calls;
    enum rn_status status = add_headline(out, screen, report->headline);
    if (status == RN_OK) {
        status = rn_buffer_addf(out, "\nbacktest %s: %s to %s\n\n", report->facts.id + 24,
                                rn_human_count(&calls, report->facts.calls, "call", "calls"),
                                report->facts.to);
    }
    status = status == RN_OK ? add_table(out, screen, report) : status;
    status = status == RN_OK ? add_changes(out, report) : status;
    status = status == RN_OK ? add_failures(out, report) : status;
    status = status == RN_OK ? add_left_out(out, report) : status;
    if (status == RN_OK && report->worst_count > 0) {
        status = rn_buffer_addf(out, "\nworst pairs, recorded and new\n");
    }
    for (size_t i = 0; i < report->worst_count && status == RN_OK; i++) {
        status = add_worst(out, screen, &report->worst[i]);
    }
    status = status == RN_OK ? add_remarks(out, report) : status;
    return status == RN_OK ? add_conditions(out, screen, conditions, count) : status;
}
