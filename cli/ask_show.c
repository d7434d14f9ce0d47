/* A few facts, a row per distinct answer, the recorded one beside the others, and whether it was a coin flip. */
#include "ask_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/varint.h"
#include "cmd_backtest.h"
#include "human.h"
#include "printable.h"
#include "side_by_side.h"
#include "table.h"

#define LABEL_COLUMNS 9
#define BESIDE_MAX 3 /* answers that are laid beside the recorded one */
#define TEXT_LINES_MAX 8
#define WIDTH_USUAL 120

const char *rn_ask_word(const struct rn_ask_outcome *outcome)
{
    if (!outcome->recorded_answered || outcome->answered == 0) {
        return "unknown";
    }
    return outcome->same == outcome->answered ? "all" : outcome->same == 0 ? "none" : "some";
}

/* --- facts ---------------------------------------------------------------------------------------------------------- */

static enum rn_status add_fact(struct rn_buffer *out, const struct rn_screen *screen,
                               const char *label, const struct rn_buffer *text)
{
    char padded[LABEL_COLUMNS + 2];
    (void)snprintf(padded, sizeof padded, "%-*s ", LABEL_COLUMNS, label);
    enum rn_status status =
        rn_screen_paint(out, screen->colour, RN_PAINT_DIM, rn_bytes_text(padded));
    status = status == RN_OK ? rn_printable(out, rn_buffer_bytes(text), RN_PRINTABLE_LINE) : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status say_asked(struct rn_buffer *text, const struct rn_ask_outcome *outcome)
{
    char id[33];
    struct rn_human times;
    struct rn_bytes moves = outcome->moves;
    struct rn_bytes words;
    rn_trace_id_text(&outcome->trace, id);
    enum rn_status status = rn_buffer_addf(
        text, "%s:%" PRIu32 ", %s, of %.*s at %.*s%s", id + 24, outcome->n,
        rn_human_count(&times, outcome->asked, "time", "times"), (int)outcome->to.len,
        (const char *)outcome->to.data, (int)outcome->url.len, (const char *)outcome->url.data,
        outcome->elsewhere ? ", not as recorded" : "");
    while (status == RN_OK && moves.len > 0 && rn_run_get(&moves, &words)) {
        status = rn_buffer_addf(text, ", %.*s", (int)words.len, (const char *)words.data);
    }
    return status;
}

static enum rn_status say_answers(struct rn_buffer *text, const struct rn_ask_outcome *outcome)
{
    enum rn_status status = rn_buffer_addf(text, "%" PRIu32 " of %" PRIu32 ", %" PRIu32 " distinct",
                                           outcome->answered, outcome->asked, outcome->distinct);
    if (status == RN_OK && outcome->recorded_answered) {
        status = rn_buffer_addf(text, "; %" PRIu32 " as recorded", outcome->same);
    }
    return status;
}

static enum rn_status say_took(struct rn_buffer *text, const struct rn_ask_outcome *outcome)
{
    struct rn_human figures[4];
    enum rn_status status =
        rn_buffer_addf(text, "%s (%s to %s)", rn_human_duration(&figures[0], outcome->latency.p50),
                       rn_human_duration(&figures[1], outcome->latency.least),
                       rn_human_duration(&figures[2], outcome->latency.most));
    if (status == RN_OK && outcome->has_recorded_latency) {
        status = rn_buffer_addf(text, "; %s when recorded",
                                rn_human_duration(&figures[3], outcome->recorded_latency_ns));
    }
    return status;
}

static enum rn_status say_cost(struct rn_buffer *text, const struct rn_ask_outcome *outcome)
{
    char money[2][RN_MONEY_BYTES_MAX];
    enum rn_status status =
        rn_buffer_addf(text, "%s, %" PRIu64 " tokens in, %" PRIu64 " out",
                       rn_backtest_money(money[0], outcome->cost_known, outcome->cost_pico),
                       outcome->tokens_in, outcome->tokens_out);
    if (status == RN_OK && outcome->recorded_cost_pico > 0) {
        status = rn_buffer_addf(text, "; %s when recorded",
                                rn_backtest_money(money[1], true, outcome->recorded_cost_pico));
    }
    return status;
}

static enum rn_status say_stopped(struct rn_buffer *text, const struct rn_ask_outcome *outcome)
{
    return rn_buffer_addf(text, "after %" PRIu32 " of %" PRIu32 ": %s", outcome->asked,
                          outcome->times, outcome->stopped);
}

static enum rn_status add_facts(struct rn_buffer *out, const struct rn_screen *screen,
                                const struct rn_ask_outcome *outcome)
{
    const struct {
        const char *label;
        bool is_there;
        enum rn_status (*say)(struct rn_buffer *, const struct rn_ask_outcome *);
    } facts[] = {{"asked", true, say_asked},
                 {"stopped", outcome->stopped[0] != '\0', say_stopped},
                 {"answers", true, say_answers},
                 {"took", outcome->answered > 0, say_took},
                 {"cost", outcome->answered > 0, say_cost}};
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < sizeof facts / sizeof facts[0] && status == RN_OK; i++) {
        struct rn_buffer text = {0};
        if (facts[i].is_there) {
            status = facts[i].say(&text, outcome);
            status = status == RN_OK ? add_fact(out, screen, facts[i].label, &text) : status;
        }
        rn_buffer_free(&text);
    }
    return status;
}

/* --- answers -------------------------------------------------------------------------------------------------------- */

static const struct rn_table_column columns[] = {{"TIMES", true, false},
                                                 {"SHARE", true, false},
                                                 {"", false, false},
                                                 {"ENDED", false, false},
                                                 {"ANSWER", false, true}};
#define COLUMNS (sizeof columns / sizeof columns[0])

static enum rn_status add_row(struct rn_table *table, const struct rn_ask_answer *answer,
                              uint32_t answered)
{
    char count[16];
    char share[16];
    (void)snprintf(count, sizeof count, "%" PRIu32, answer->count);
    (void)snprintf(share, sizeof share, "%.0f%%",
                   answered > 0 ? 100.0 * answer->count / answered : 0.0);
    const struct rn_bytes cells[COLUMNS] = {
        rn_bytes_text(count), rn_bytes_text(share),
        rn_bytes_text(answer->is_recorded ? "recorded" : "other"), rn_bytes_text(answer->finish),
        rn_bytes_sub(answer->text, 0, 400)};
    return rn_table_row(table, cells, answer->is_recorded ? RN_PAINT_GREEN : RN_PAINT_YELLOW);
}

static enum rn_status add_failed(struct rn_table *table, const struct rn_ask_failure *failure)
{
    char count[16];
    char status[16];
    (void)snprintf(count, sizeof count, "%" PRIu32, failure->count);
    (void)snprintf(status, sizeof status, "%u", failure->status);
    const struct rn_bytes cells[COLUMNS] = {rn_bytes_text(count), RN_LIT(""), RN_LIT("failed"),
                                            rn_bytes_text(failure->status > 0 ? status : "-"),
                                            failure->sentence};
    return rn_table_row(table, cells, RN_PAINT_RED);
}

static enum rn_status add_table(struct rn_buffer *out, const struct rn_screen *screen,
                                const struct rn_ask_outcome *outcome)
{
    if (outcome->answer_count + outcome->failure_count == 0) {
        return RN_OK;
    }
    struct rn_table *table = rn_table_new(columns, COLUMNS);
    enum rn_status status = table != NULL ? rn_buffer_add_byte(out, '\n') : RN_NOMEM;
    for (size_t i = 0; i < outcome->answer_count && status == RN_OK; i++) {
        status = add_row(table, &outcome->answers[i], outcome->answered);
    }
    for (size_t i = 0; i < outcome->failure_count && status == RN_OK; i++) {
        status = add_failed(table, &outcome->failures[i]);
    }
    status = status == RN_OK ? rn_table_render(table, screen, out) : status;
    rn_table_free(table);
    return status;
}

static enum rn_status add_beside(struct rn_buffer *out, const struct rn_screen *screen,
                                 const struct rn_ask_outcome *outcome)
{
    size_t width = screen->width >= 60 ? screen->width : WIDTH_USUAL;
    const struct rn_ask_answer *recorded = &outcome->answers[0];
    enum rn_status status = RN_OK;
    for (size_t i = 1; i < outcome->answer_count && i <= BESIDE_MAX && status == RN_OK; i++) {
        const struct rn_ask_answer *other = &outcome->answers[i];
        status = rn_buffer_addf(out, "\nrecorded | %" PRIu32 " of %" PRIu32 "\n", other->count,
                                outcome->answered);
        status = status == RN_OK ? rn_side_by_side(out, screen, 2, width, TEXT_LINES_MAX,
                                                   recorded->text, other->text)
                                 : status;
    }
    return status;
}

/* --- the sentence --------------------------------------------------------------------------------------------------- */

static enum rn_status add_verdict(struct rn_buffer *out, const struct rn_screen *screen,
                                  const struct rn_ask_outcome *outcome)
{
    char text[256];
    enum rn_paint paint = RN_PAINT_YELLOW;
    uint32_t answered = outcome->answered;
    if (answered == 0) {
        (void)snprintf(text, sizeof text, "nobody answered");
        paint = RN_PAINT_RED;
    } else if (!outcome->recorded_answered) {
        (void)snprintf(
            text, sizeof text,
            "what was recorded is no answer (status %u): there is nothing to compare with",
            outcome->recorded_status);
    } else if (outcome->same == answered) {
        (void)snprintf(text, sizeof text, "no coin flip: %s%" PRIu32 " said what was recorded",
                       answered > 1 ? "all " : "the ", answered);
        paint = RN_PAINT_GREEN;
    } else if (outcome->distinct == 1) {
        (void)snprintf(text, sizeof text,
                       "no coin flip: %s%" PRIu32 " said the same, and not what was recorded",
                       answered > 1 ? "all " : "the ", answered);
    } else {
        (void)snprintf(text, sizeof text,
                       "a coin flip: %" PRIu32 " of %" PRIu32 " said what was recorded, %" PRIu32
                       " did not",
                       outcome->same, answered, answered - outcome->same);
    }
    enum rn_status status = rn_buffer_add_byte(out, '\n');
    status =
        status == RN_OK ? rn_screen_paint(out, screen->colour, paint, rn_bytes_text(text)) : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

enum rn_status rn_ask_show(struct rn_buffer *out, const struct rn_screen *screen,
                           const struct rn_ask_outcome *outcome)
{
    enum rn_status status = add_facts(out, screen, outcome);
    status = status == RN_OK ? add_table(out, screen, outcome) : status;
    if (status == RN_OK && outcome->recorded_answered && outcome->answered > 0) {
        status = add_beside(out, screen, outcome);
    }
    return status == RN_OK ? add_verdict(out, screen, outcome) : status;
}
