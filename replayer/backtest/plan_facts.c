/*
 * A plan in numbers and in lines of text: what was asked, what is changed in how many calls, what is left out and where.
 */
#include "plan_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "moves.h"

#define NAMED_MAX 3u  /* left-out calls of one kind */
#define MODELS_MAX 5u /* shown */

static void copy_text(char *out, size_t out_bytes, struct rn_bytes text)
{
    size_t len = text.len < out_bytes - 1 ? text.len : out_bytes - 1;
    if (len > 0) {
        memcpy(out, text.data, len);
    }
    out[len] = '\0';
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void count_lists(const struct rn_plan *plan, struct rn_backtest_facts *facts)
{
    facts->calls = plan->call_count;
    for (size_t i = 0; i < plan->left_count; i++) {
        facts->left_out[plan->left[i].why]++;
    }
    facts->left_out[RN_LEFT_NO_MODEL_CALL] += plan->no_model_calls;
    for (size_t i = 0; i < plan->call_count; i++) {
        facts->tokens_in = add(facts->tokens_in, plan->calls[i].tokens_in);
        facts->tokens_out = add(facts->tokens_out, plan->calls[i].tokens_out);
    }
}

void rn_plan_facts(const struct rn_plan *plan, struct rn_backtest_facts *facts)
{
    *facts = (struct rn_backtest_facts){.created_wall_ns = plan->created_wall_ns,
                                        .seconds = plan->seconds,
                                        .budget_pico = plan->budget_pico,
                                        .jobs = plan->jobs};
    rn_trace_id_text(&plan->id, facts->id);
    copy_text(facts->name, sizeof facts->name, plan->name);
    copy_text(facts->url, sizeof facts->url, plan->url);
    copy_text(facts->prices_date, sizeof facts->prices_date, plan->prices_date);
    (void)snprintf(facts->to, sizeof facts->to, "%.*s/%.*s", (int)plan->upstream.len,
                   (const char *)plan->upstream.data, (int)plan->model.len,
                   (const char *)plan->model.data);
    count_lists(plan, facts);
    const struct rn_price *price = rn_plan_price(plan);
    facts->cost_known = price != NULL;
    facts->cost_pico =
        price != NULL ? rn_price_cost(price, facts->tokens_in, 0, facts->tokens_out) : 0;
}

/* --- lines ---------------------------------------------------------------------------------------------------------- */

struct telling {
    const struct rn_gather *gather;
    struct rn_buffer *out;
    enum rn_status status;
    const char *last_label; /* said once for the lines below it */
};

static void say(struct telling *telling, struct rn_bytes text)
{
    telling->status =
        telling->status == RN_OK ? rn_buffer_add(telling->out, text) : telling->status;
}

#define say_lit(telling, literal) say(telling, RN_LIT(literal))

static void say_number(struct telling *telling, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    say(telling, rn_bytes_text(text));
}

/* The margin of a line. */
static void begin(struct telling *telling, const char *label)
{
    char margin[16];
    bool is_same = telling->last_label == label;
    (void)snprintf(margin, sizeof margin, "%-10s", is_same ? "" : label);
    telling->last_label = label;
    say(telling, rn_bytes_text(margin));
}

static void say_calls(struct telling *telling, uint64_t calls)
{
    say_number(telling, calls);
    say(telling, calls == 1 ? RN_LIT(" call") : RN_LIT(" calls"));
}

/* The place of the model asked most often among those not yet shown; false at the end. */
static bool next_model(const struct rn_gather *gather, uint64_t below, size_t behind, size_t *index)
{
    bool found = false;
    for (size_t i = 0; i <= gather->model_count; i++) {
        uint64_t calls = gather->models[i].calls;
        bool is_next = calls > 0 && (calls < below || (calls == below && i > behind));
        if (is_next && (!found || calls > gather->models[*index].calls)) {
            *index = i;
            found = true;
        }
    }
    return found;
}

static void tell_models(struct telling *telling)
{
    static const char label[] = "asked";
    uint64_t below = UINT64_MAX;
    size_t at = 0;
    size_t shown = 0;
    begin(telling, label);
    for (; next_model(telling->gather, below, at, &at) && shown < MODELS_MAX; shown++) {
        const struct rn_gather_model *model = &telling->gather->models[at];
        below = model->calls;
        say(telling, shown > 0 ? RN_LIT(", ") : RN_LIT(""));
        say(telling, model->name.len > 0 ? model->name : RN_LIT("(others)"));
        say_lit(telling, " ");
        say_number(telling, model->calls);
    }
    if (telling->gather->model_count > shown) {
        say_lit(telling, ", and ");
        say_number(telling, telling->gather->model_count - shown);
        say_lit(telling, " more");
    }
    say_lit(telling, "\n");
}

static void tell_edit(struct telling *telling, const struct rn_edit *edit, uint64_t calls)
{
    static const char label[] = "changed";
    begin(telling, label);
    telling->status =
        telling->status == RN_OK ? rn_edit_words(edit, telling->out) : telling->status;
    say_lit(telling, "  ");
    say_calls(telling, calls);
    say_lit(telling, "\n");
}

static bool is_same_edit(const struct rn_edit *a, const struct rn_edit *b)
{
    return a->kind == b->kind && rn_bytes_equal(a->place, b->place) &&
           rn_bytes_equal(a->value, b->value);
}

/* Two dialects may have the same move: it is one line. */
static void tell_moves(struct telling *telling)
{
    const struct rn_plan *plan = telling->gather->plan;
    const uint64_t *changed = &telling->gather->changed[RN_PLAN_EDITS_MAX];
    for (size_t i = 0; i < plan->move_count; i++) {
        uint64_t calls = 0;
        bool is_told = false;
        for (size_t j = 0; j < plan->move_count; j++) {
            bool is_same = is_same_edit(&plan->moves[i].edit, &plan->moves[j].edit);
            is_told = is_told || (is_same && j < i);
            calls += is_same ? changed[j] : 0;
        }
        if (calls > 0 && !is_told) {
            tell_edit(telling, &plan->moves[i].edit, calls);
        }
    }
}

static void tell_paths(struct telling *telling)
{
    for (int i = RN_DIALECT_NONE + 1; i < RN_MOVES_DIALECTS; i++) {
        const struct rn_gather_dialect *dialect = &telling->gather->dialects[i];
        const struct rn_edit path = {
            .kind = RN_EDIT_RENAME, .place = dialect->path_from, .value = dialect->path_to};
        if (dialect->retargeted > 0) {
            tell_edit(telling, &path, dialect->retargeted);
        }
    }
}

/* What the user asked for is shown also where it changed nothing: it may be a slip. */
static void tell_changes(struct telling *telling)
{
    const struct rn_plan *plan = telling->gather->plan;
    for (size_t i = 0; i < plan->edit_count; i++) {
        tell_edit(telling, &plan->edits[i], telling->gather->changed[i]);
    }
    tell_moves(telling);
    tell_paths(telling);
}

/* "1a2b3c4d:3, ..." */
static void name_left(struct telling *telling, enum rn_left_out why)
{
    const struct rn_plan *plan = telling->gather->plan;
    unsigned named = 0;
    for (size_t i = 0; i < plan->left_count && named < NAMED_MAX; i++) {
        if (plan->left[i].why == why) {
            char text[33];
            rn_trace_id_text(&plan->left[i].trace, text);
            say(telling, named > 0 ? RN_LIT(", ") : RN_LIT(": "));
            say(telling, rn_bytes_text(text + 24));
            say_lit(telling, ":");
            say_number(telling, plan->left[i].n);
            named++;
        }
    }
    say(telling, telling->gather->left[why] > named && named > 0 ? RN_LIT(", ...") : RN_LIT(""));
}

static void tell_left(struct telling *telling)
{
    static const char label[] = "left out";
    for (int why = 0; why < RN_LEFT_COUNT; why++) {
        uint64_t calls = telling->gather->left[why];
        if (calls == 0) {
            continue;
        }
        begin(telling, label);
        say_number(telling, calls);
        say_lit(telling, " ");
        say(telling, rn_bytes_text(rn_left_out_name((enum rn_left_out)why)));
        say_lit(telling, " (");
        say(telling, rn_bytes_text(rn_left_out_sentence((enum rn_left_out)why)));
        say_lit(telling, ")");
        name_left(telling, (enum rn_left_out)why);
        say_lit(telling, "\n");
    }
    if (telling->gather->unreadable[0] != '\0') {
        begin(telling, label);
        say_lit(telling, "the first unreadable: ");
        say(telling, rn_bytes_text(telling->gather->unreadable));
        say_lit(telling, "\n");
    }
}

static const char remark[] = "remark";

/* The probe would find out, at the price of twenty calls. */
static void tell_deaf(struct telling *telling)
{
    const struct rn_gather *gather = telling->gather;
    for (int i = RN_DIALECT_NONE + 1; i < RN_MOVES_DIALECTS; i++) {
        enum rn_dialect dialect = (enum rn_dialect)i;
        if (gather->dialects[i].calls > 0 && rn_moves_is_deaf(gather->plan->upstream, dialect)) {
            begin(telling, remark);
            say_calls(telling, gather->dialects[i].calls);
            say_lit(telling, " in the dialect ");
            say(telling, rn_bytes_text(rn_dialect_name(dialect)));
            say_lit(telling, ", which ");
            say(telling, gather->plan->upstream);
            say_lit(telling, " is not known to speak\n");
        }
    }
}

static void tell_remarks(struct telling *telling, const struct rn_backtest_facts *facts,
                         bool is_bounded)
{
    if (!facts->cost_known) {
        begin(telling, remark);
        say_lit(telling, "no price is known for ");
        say(telling, rn_bytes_text(facts->to));
        say_lit(telling, ": add it to a price file (--prices) to see what this costs\n");
    }
    if (facts->cost_known && facts->budget_pico > 0 && facts->cost_pico > facts->budget_pico) {
        begin(telling, remark);
        say_lit(telling, "the estimate is beyond the budget: it will stop before its end\n");
    }
    if (!is_bounded) {
        begin(telling, remark);
        say_lit(telling, "more than ");
        say_number(telling, RN_BACKTEST_UNBOUNDED);
        say_lit(telling, " calls are sent only with --limit, --sample or --budget\n");
    }
}

enum rn_status rn_plan_tell(const struct rn_gather *gather, const struct rn_backtest_facts *facts,
                            bool is_bounded, struct rn_buffer *out)
{
    struct telling telling = {.gather = gather, .out = out};
    tell_models(&telling);
    tell_changes(&telling);
    tell_left(&telling);
    tell_deaf(&telling);
    tell_remarks(&telling, facts, is_bounded);
    return telling.status;
}

void rn_plan_tell_left(const uint64_t left[RN_LEFT_COUNT], char *out, size_t out_bytes)
{
    size_t at = 0;
    out[0] = '\0';
    for (int why = 0; why < RN_LEFT_COUNT; why++) {
        if (left[why] > 0 && at < out_bytes) {
            int len = snprintf(out + at, out_bytes - at, "%s%" PRIu64 " %s", at > 0 ? ", " : "",
                               left[why], rn_left_out_name((enum rn_left_out)why));
            at += len > 0 ? (size_t)len : 0;
        }
    }
}
