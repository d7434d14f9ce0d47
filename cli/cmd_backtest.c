/*
 * `reenact backtest`: selects recorded calls, plans, sends, reports. Its parts go on with a backtest that is there: resume,
 * list, report, drop.
 */
#include "cmd_backtest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "commands.h"
#include "human.h"
#include "json_out.h"
#include "no_store.h"
#include "printable.h"
#include "selection.h"
#include "table.h"

static struct {
    const char *store;
    const char *to;
    const char *as;
    const char *key_variable;
    const char *budget;
    struct rn_option_list upstreams;
    struct rn_option_list set;
    struct rn_option_list unset;
    struct rn_option_list rename;
    uint64_t jobs;
    uint64_t requests_per_minute;
    uint64_t tokens_per_minute;
    uint64_t attempts;
    bool no_moves;
    bool dry_run;
    bool as_json;
} asked;

static const struct rn_option options[] = {
    {"--to", RN_OPTION_TEXT, &asked.to, "UPSTREAM/MODEL", "where to send it: openai/gpt-4.1-mini"},
    {"--upstream", RN_OPTION_LIST, &asked.upstreams, "NAME=URL",
     "a server of your own (NAME alone selects)"},
    {"--set", RN_OPTION_LIST, &asked.set, "PARAMETER=VALUE", "set a parameter of the request"},
    {"--unset", RN_OPTION_LIST, &asked.unset, "PARAMETER", "leave one out"},
    {"--rename", RN_OPTION_LIST, &asked.rename, "OLD=NEW", "give one another name"},
    {"--no-moves", RN_OPTION_FLAG, &asked.no_moves, NULL, "change nothing by our own knowledge"},
    {"--as", RN_OPTION_TEXT, &asked.as, "NAME", "a name for the backtest"},
    {"--dry-run", RN_OPTION_FLAG, &asked.dry_run, NULL, "print the plan and send nothing"},
    {"--budget", RN_OPTION_TEXT, &asked.budget, "USD", "begin no call that could cost more"},
    {"--jobs", RN_OPTION_COUNT, &asked.jobs, "N", "calls at once (8); also -j N"},
    {"--rpm", RN_OPTION_COUNT, &asked.requests_per_minute, "N", "requests a minute at most"},
    {"--tpm", RN_OPTION_COUNT, &asked.tokens_per_minute, "N", "tokens a minute at most"},
    {"--attempts", RN_OPTION_COUNT, &asked.attempts, "N", "tries of one call, all together (5)"},
    {"--key-env", RN_OPTION_TEXT, &asked.key_variable, "VAR", "the variable that holds the key"},
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR", "the store ($REENACT_STORE, else .reenact)"},
    RN_SELECTION_OPTIONS,
    RN_BACKTEST_REPORT_OPTIONS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static const struct rn_option resume_options[] = {
    {"--budget", RN_OPTION_TEXT, &asked.budget, "USD", "a new ceiling for all of it"},
    {"--jobs", RN_OPTION_COUNT, &asked.jobs, "N", "calls at once; also -j N"},
    {"--upstream", RN_OPTION_LIST, &asked.upstreams, "NAME=URL", "where the server is now"},
    {"--key-env", RN_OPTION_TEXT, &asked.key_variable, "VAR", "the variable that holds the key"},
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR", "the store ($REENACT_STORE, else .reenact)"},
    RN_BACKTEST_REPORT_OPTIONS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static const struct rn_option list_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.backtests/1"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static const struct rn_option drop_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR", "the store ($REENACT_STORE, else .reenact)"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* --- planning ------------------------------------------------------------------------------------------------------ */

/* NAME=URL is a server; one NAME alone is what a SELECTION means by --upstream. */
static enum rn_status divide_upstreams(struct rn_error *error)
{
    unsigned kept = 0;
    const char *selected = NULL;
    for (unsigned i = 0; i < asked.upstreams.count; i++) {
        const char *value = asked.upstreams.at[i];
        if (strchr(value, '=') != NULL) {
            asked.upstreams.at[kept++] = value;
        } else if (selected != NULL) {
            return rn_fail(error, RN_INVALID,
                           "--upstream selects by one name; '%s' and '%s' are two", selected,
                           value);
        } else {
            selected = value;
        }
    }
    asked.upstreams.at[kept] = NULL;
    asked.upstreams.count = kept;
    rn_selection_set_upstream(selected);
    return RN_OK;
}

static enum rn_status check_numbers(struct rn_error *error)
{
    if (asked.jobs > RN_BACKTEST_JOBS_MAX) {
        return rn_fail(error, RN_INVALID, "--jobs takes 1 to %u", RN_BACKTEST_JOBS_MAX);
    }
    if (asked.attempts > 100) {
        return rn_fail(error, RN_INVALID, "--attempts takes 1 to 100");
    }
    return RN_OK;
}

/* The names of recorded models stand in it. */
static void tell_summary(const char *summary, FILE *stream)
{
    struct rn_buffer text = {0};
    if (rn_printable(&text, rn_bytes_text(summary), RN_PRINTABLE_TEXT) == RN_OK) {
        (void)fwrite(text.data, 1, text.len, stream);
    }
    rn_buffer_free(&text);
}

static void tell_plan(const struct rn_backtest_facts *facts, const char *summary, FILE *stream)
{
    struct rn_human calls, took;
    char cost[RN_MONEY_BYTES_MAX];
    (void)fprintf(stream, "plan: %s to %s at %s\n",
                  rn_human_count(&calls, facts->calls, "call", "calls"), facts->to, facts->url);
    (void)fprintf(stream,
                  "expected  %" PRIu64 " tokens in, %" PRIu64 " out, %s, %s with %u at once\n",
                  facts->tokens_in, facts->tokens_out,
                  facts->cost_known ? rn_backtest_money(cost, true, facts->cost_pico)
                                    : "cost unknown (no price)",
                  rn_human_duration(&took, facts->seconds * UINT64_C(1000000000)), facts->jobs);
    if (facts->cost_known) {
        (void)fprintf(stream, "prices    of %s\n", facts->prices_date);
    }
    if (facts->budget_pico > 0) {
        (void)fprintf(stream, "budget    %s\n", rn_backtest_money(cost, true, facts->budget_pico));
    }
    tell_summary(summary == NULL ? "" : summary, stream);
}

static void facts_document(json_t *object, const struct rn_backtest_facts *facts)
{
    rn_json_out_text(object, "backtest", facts->id);
    rn_json_out_text(object, "name", facts->name);
    rn_json_out_moment(object, "created", facts->created_wall_ns);
    rn_json_out_text(object, "to", facts->to);
    rn_json_out_text(object, "url", facts->url);
    rn_json_out_u32(object, "calls", (uint32_t)facts->calls);
    json_t *left_out = json_object();
    for (unsigned why = 0; why < RN_LEFT_COUNT; why++) {
        rn_json_out_u32(left_out, rn_left_out_name((enum rn_left_out)why),
                        (uint32_t)facts->left_out[why]);
    }
    (void)json_object_set_new(object, "left_out", left_out);
    rn_json_out_u64(object, "expected_tokens_in", facts->tokens_in);
    rn_json_out_u64(object, "expected_tokens_out", facts->tokens_out);
    if (facts->cost_known) {
        rn_json_out_u64(object, "expected_cost_pico_usd", facts->cost_pico);
        rn_json_out_u64(object, "spent_pico_usd", facts->spent_pico);
    }
    rn_json_out_u64(object, "expected_seconds", facts->seconds);
    if (facts->budget_pico > 0) {
        rn_json_out_u64(object, "budget_pico_usd", facts->budget_pico);
    }
    rn_json_out_u32(object, "done", (uint32_t)facts->answered);
    rn_json_out_u32(object, "failed", (uint32_t)facts->failed);
    rn_json_out_bool(object, "complete", facts->complete);
}

static int run_plan(const struct rn_backtest_settings *settings)
{
    struct rn_error error = {RN_OK, ""};
    struct rn_backtest_facts facts = {0};
    char *summary = NULL;
    enum rn_status status = rn_backtest_make(settings, asked.dry_run, &facts, &summary, &error);
    if (status != RN_OK) {
        rn_free(summary);
        return rn_cli_complain("backtest", RN_EXIT_TROUBLE, &error);
    }
    tell_plan(&facts, summary, asked.dry_run ? stdout : stderr);
    rn_free(summary);
    if (asked.dry_run) {
        return RN_EXIT_SAME;
    }
    const struct rn_backtest_run run = {.store = asked.store,
                                        .which = facts.id,
                                        .upstreams = asked.upstreams.at,
                                        .key_variable = asked.key_variable,
                                        .prices = rn_backtest_prices(),
                                        .environment = environ};
    int code = rn_backtest_tell_run("backtest", &run);
    int reported = rn_backtest_tell_report("backtest", asked.store, facts.id);
    return code != RN_EXIT_SAME ? code : reported;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_selection selection;
    struct rn_buffer text = {0};
    struct rn_backtest_settings settings = {.store = NULL};
    int done = rn_cli_begin(&rn_cmd_backtest, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.rest_count > 0 || asked.to == NULL) {
        return rn_cli_complainf(
            "backtest", RN_EXIT_TROUBLE,
            asked.to == NULL ? "to which model? --to UPSTREAM/MODEL, such as openai/gpt-4.1-mini"
                             : "runs no command; SELECTION stands before the options");
    }
    line.words[line.word_count] = NULL;
    enum rn_status status = divide_upstreams(&error);
    status = status == RN_OK ? check_numbers(&error) : status;
    status = status == RN_OK ? rn_backtest_report_check(&error) : status;
    status =
        status == RN_OK ? rn_backtest_budget(asked.budget, &settings.budget_pico, &error) : status;
    status = status == RN_OK ? rn_selection_read(line.words, &selection, &text, &error) : status;
    if (status == RN_OK && rn_buffer_add_byte(&text, 0) != RN_OK) {
        status = rn_fail(&error, RN_NOMEM, "out of memory");
    }
    settings.store = asked.store;
    settings.selection = &selection;
    settings.selection_text = (const char *)text.data;
    settings.name = asked.as;
    settings.to = asked.to;
    settings.upstreams = asked.upstreams.at;
    settings.set = asked.set.at;
    settings.unset = asked.unset.at;
    settings.rename = asked.rename.at;
    settings.no_moves = asked.no_moves;
    settings.prices = rn_backtest_prices();
    settings.key_variable = asked.key_variable;
    settings.jobs = (unsigned)asked.jobs;
    settings.requests_per_minute = asked.requests_per_minute;
    settings.tokens_per_minute = asked.tokens_per_minute;
    settings.attempts = (unsigned)asked.attempts;
    settings.environment = environ;
    int code = status == RN_OK ? run_plan(&settings)
                               : rn_cli_complain("backtest", RN_EXIT_TROUBLE, &error);
    rn_buffer_free(&text);
    return code;
}

/* --- the parts ----------------------------------------------------------------------------------------------------- */

static int begin_part(const struct rn_cli_command *part, int argc, char **argv, int words,
                      struct rn_cli_line *line)
{
    int done = rn_cli_begin(part, argc, argv, true, line);
    if (done >= 0) {
        return done;
    }
    if (words == 1 && line->word_count == 0) {
        return rn_cli_complainf(part->name, RN_EXIT_TROUBLE,
                                "which backtest? `reenact backtest list` has them, `last` is the "
                                "newest");
    }
    if (line->word_count != words || line->rest_count > 0) {
        return rn_cli_complainf(part->name, RN_EXIT_TROUBLE, "usage: reenact %s", part->synopsis);
    }
    return -1;
}

static int run_resume(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    uint64_t budget = 0;
    int done = begin_part(&rn_cmd_backtest_resume, argc, argv, 1, &line);
    if (done >= 0) {
        return done;
    }
    if (check_numbers(&error) != RN_OK || rn_backtest_report_check(&error) != RN_OK ||
        rn_backtest_budget(asked.budget, &budget, &error) != RN_OK) {
        return rn_cli_complain("backtest resume", RN_EXIT_TROUBLE, &error);
    }
    const struct rn_backtest_run run = {.store = asked.store,
                                        .which = line.words[0],
                                        .upstreams = asked.upstreams.at,
                                        .key_variable = asked.key_variable,
                                        .prices = rn_backtest_prices(),
                                        .budget_pico = budget,
                                        .jobs = (unsigned)asked.jobs,
                                        .environment = environ};
    struct rn_backtest_facts facts;
    if (rn_backtest_facts(asked.store, line.words[0], &facts, &error) != RN_OK) {
        return rn_cli_complain("backtest resume", RN_EXIT_TROUBLE, &error);
    }
    int code = rn_backtest_tell_run("backtest resume", &run);
    int reported = rn_backtest_tell_report("backtest resume", asked.store, facts.id);
    return code != RN_EXIT_SAME ? code : reported;
}

static const struct rn_table_column columns[] = {
    {"BACKTEST", false, false}, {"NAME", false, true},  {"MADE", false, false},
    {"TO", false, true},        {"CALLS", true, false}, {"DONE", true, false},
    {"FAILED", true, false},    {"SPENT", true, false},
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)

struct listing {
    struct rn_table *table;
    json_t *array;
    struct rn_buffer all; /* struct rn_backtest_facts, oldest first */
    size_t shown;
    enum rn_status status;
};

static bool visit(void *self, const struct rn_backtest_facts *facts)
{
    struct listing *listing = self;
    listing->status = rn_buffer_append(&listing->all, facts, sizeof *facts);
    return listing->status == RN_OK;
}

static bool list_one(struct listing *listing, const struct rn_backtest_facts *facts)
{
    struct rn_human when;
    char numbers[3][24];
    char cost[RN_MONEY_BYTES_MAX];
    listing->shown++;
    if (listing->array != NULL) {
        json_t *object = json_object();
        facts_document(object, facts);
        listing->status = json_array_append_new(listing->array, object) == 0 ? RN_OK : RN_NOMEM;
        return listing->status == RN_OK;
    }
    const uint64_t counts[] = {facts->calls, facts->answered, facts->failed};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(numbers[i], sizeof numbers[i], "%" PRIu64, counts[i]);
    }
    const struct rn_bytes cells[COLUMN_COUNT] = {
        rn_bytes_text(facts->id + 24),
        rn_bytes_text(facts->name),
        rn_bytes_text(rn_human_ago(&when, facts->created_wall_ns, rn_clock_wall_ns())),
        rn_bytes_text(facts->to),
        rn_bytes_text(numbers[0]),
        rn_bytes_text(numbers[1]),
        rn_bytes_text(numbers[2]),
        rn_bytes_text(rn_backtest_money(cost, facts->cost_known, facts->spent_pico)),
    };
    listing->status =
        rn_table_row(listing->table, cells, facts->complete ? RN_PAINT_CYAN : RN_PAINT_YELLOW);
    return listing->status == RN_OK;
}

/* The newest first, as `log` has it. */
static void list_all(struct listing *listing)
{
    struct rn_backtest_facts facts;
    bool goes_on = true;
    for (size_t i = listing->all.len / sizeof facts; i > 0 && goes_on; i--) {
        memcpy(&facts, listing->all.data + (i - 1) * sizeof facts, sizeof facts);
        goes_on = list_one(listing, &facts);
    }
}

static enum rn_status print_listing(struct listing *listing, struct rn_error *error)
{
    struct rn_buffer out = {0};
    struct rn_screen screen = rn_screen_of(stdout);
    enum rn_status status = RN_OK;
    if (listing->array != NULL) {
        json_t *document = rn_json_out_new("reenact.backtests/1");
        (void)json_object_set(document, "backtests", listing->array);
        return rn_json_out_put(stdout, document)
                   ? RN_OK
                   : rn_fail(error, RN_IO, "cannot print the document");
    }
    if (listing->shown == 0) {
        (void)fprintf(
            stderr,
            "no backtests yet; `reenact backtest SELECTION --to UPSTREAM/MODEL` makes one\n");
    } else {
        status = rn_table_render(listing->table, &screen, &out);
        (void)rn_screen_put(stdout, &out);
    }
    rn_buffer_free(&out);
    return status;
}

static int run_list(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    int done = begin_part(&rn_cmd_backtest_list, argc, argv, 0, &line);
    if (done >= 0) {
        return done;
    }
    struct listing listing = {.table = rn_table_new(columns, COLUMN_COUNT),
                              .array = asked.as_json ? json_array() : NULL};
    enum rn_status status = listing.table == NULL
                                ? rn_fail(&error, RN_NOMEM, "out of memory")
                                : rn_backtest_each(asked.store, visit, &listing, &error);
    if (status == RN_OK && listing.status == RN_OK) {
        list_all(&listing);
    }
    rn_buffer_free(&listing.all);
    if (status == RN_OK) {
        status = listing.status == RN_OK ? print_listing(&listing, &error) : listing.status;
    }
    rn_table_free(listing.table);
    json_decref(listing.array);
    return status == RN_OK ? RN_EXIT_SAME : rn_cli_complain_store("backtest list", &error);
}

static int run_drop(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    int done = begin_part(&rn_cmd_backtest_drop, argc, argv, 1, &line);
    if (done >= 0) {
        return done;
    }
    return rn_backtest_drop(asked.store, line.words[0], &error) == RN_OK
               ? RN_EXIT_SAME
               : rn_cli_complain("backtest drop", RN_EXIT_TROUBLE, &error);
}

const struct rn_cli_command rn_cmd_backtest_resume = {"backtest resume",
                                                      "backtest resume [options] BACKTEST",
                                                      "go on where it stopped, then report",
                                                      resume_options,
                                                      run_resume,
                                                      RN_EXIT_TROUBLE,
                                                      NULL};

const struct rn_cli_command rn_cmd_backtest_list = {"backtest list",
                                                    "backtest list [options]",
                                                    "list the backtests",
                                                    list_options,
                                                    run_list,
                                                    RN_EXIT_TROUBLE,
                                                    NULL};

const struct rn_cli_command rn_cmd_backtest_drop = {"backtest drop",
                                                    "backtest drop [options] BACKTEST",
                                                    "take a backtest and its answers away",
                                                    drop_options,
                                                    run_drop,
                                                    RN_EXIT_TROUBLE,
                                                    NULL};

static const struct rn_cli_command *const parts[] = {
    &rn_cmd_backtest_resume,
    &rn_cmd_backtest_list,
    &rn_cmd_backtest_report,
    &rn_cmd_backtest_drop,
    NULL,
};

const struct rn_cli_command rn_cmd_backtest = {
    "backtest",
    "backtest SELECTION --to UPSTREAM/MODEL [options]",
    "send recorded model calls to another model and compare",
    options,
    run,
    RN_EXIT_TROUBLE,
    parts};
