/* `reenact ask`: options, reenact.ask/1, and the exit status. Asking is replayer/ask's, telling ask_show.c's. */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask_show.h"
#include "base/varint.h"
#include "cmd_backtest.h"
#include "json_out.h"

static struct {
    const char *store;
    const char *to;
    const char *key_variable;
    const char *budget;
    const char *prices;
    struct rn_option_list upstreams;
    uint64_t times;
    uint64_t jobs;
    bool as_json;
} asked;

#define TIMES_USUAL 10u
#define JOBS_USUAL 4u

static const struct rn_option options[] = {
    {"--times", RN_OPTION_COUNT, &asked.times, "N", "how often (10)"},
    {"--to", RN_OPTION_TEXT, &asked.to, "UPSTREAM/MODEL", "whom (else: as recorded)"},
    {"--upstream", RN_OPTION_LIST, &asked.upstreams, "NAME=URL", "a server of your own"},
    {"--jobs", RN_OPTION_COUNT, &asked.jobs, "N", "at once (4); also -j N"},
    {"--budget", RN_OPTION_TEXT, &asked.budget, "USD", "ask nothing that could cost more"},
    {"--prices", RN_OPTION_TEXT, &asked.prices, "FILE", "what tokens cost (else: built in)"},
    {"--key-env", RN_OPTION_TEXT, &asked.key_variable, "VAR", "the variable that holds the key"},
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.ask/1"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* --- reenact.ask/1 -------------------------------------------------------------------------------------------------- */

static json_t *answers_of(const struct rn_ask_outcome *outcome)
{
    json_t *array = json_array();
    for (size_t i = 0; i < outcome->answer_count; i++) {
        const struct rn_ask_answer *answer = &outcome->answers[i];
        json_t *object = json_object();
        rn_json_out_bool(object, "recorded", answer->is_recorded);
        rn_json_out_u32(object, "count", answer->count);
        rn_json_out_text(object, "finished", answer->finish);
        rn_json_out_runs(object, "tools", answer->tools);
        rn_json_out_bytes(object, "answer", answer->text);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *failures_of(const struct rn_ask_outcome *outcome)
{
    json_t *array = json_array();
    for (size_t i = 0; i < outcome->failure_count; i++) {
        const struct rn_ask_failure *failure = &outcome->failures[i];
        json_t *object = json_object();
        rn_json_out_u32(object, "count", failure->count);
        if (failure->status > 0) {
            rn_json_out_u32(object, "status", failure->status);
        }
        rn_json_out_bytes(object, "sentence", failure->sentence);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static void put_figures(json_t *document, const struct rn_ask_outcome *outcome)
{
    if (outcome->has_recorded_latency) {
        rn_json_out_u64(document, "recorded_latency_ns", outcome->recorded_latency_ns);
    }
    if (outcome->answered > 0) {
        json_t *latency = json_object();
        rn_json_out_u64(latency, "least_ns", outcome->latency.least);
        rn_json_out_u64(latency, "p50_ns", outcome->latency.p50);
        rn_json_out_u64(latency, "most_ns", outcome->latency.most);
        (void)json_object_set_new(document, "latency", latency);
    }
    rn_json_out_u64(document, "tokens_in", outcome->tokens_in);
    rn_json_out_u64(document, "tokens_out", outcome->tokens_out);
    if (outcome->cost_known) {
        rn_json_out_u64(document, "cost_pico_usd", outcome->cost_pico);
    }
    if (outcome->recorded_cost_pico > 0) {
        rn_json_out_u64(document, "recorded_cost_pico_usd", outcome->recorded_cost_pico);
    }
}

static bool put_document(const struct rn_ask_outcome *outcome)
{
    json_t *document = rn_json_out_new("reenact.ask/1");
    rn_json_out_trace_id(document, "trace", &outcome->trace);
    rn_json_out_u32(document, "event", outcome->n);
    rn_json_out_bytes(document, "to", outcome->to);
    rn_json_out_bytes(document, "url", outcome->url);
    rn_json_out_runs(document, "changes", outcome->moves);
    rn_json_out_u32(document, "times", outcome->times);
    rn_json_out_u32(document, "asked", outcome->asked);
    rn_json_out_u32(document, "answered", outcome->answered);
    rn_json_out_u32(document, "same", outcome->same);
    rn_json_out_u32(document, "distinct", outcome->distinct);
    rn_json_out_text(document, "as_recorded", rn_ask_word(outcome));
    rn_json_out_bool(document, "recorded_answered", outcome->recorded_answered);
    rn_json_out_text(document, "stopped", outcome->stopped);
    (void)json_object_set_new(document, "answers", answers_of(outcome));
    (void)json_object_set_new(document, "failures", failures_of(outcome));
    put_figures(document, outcome);
    return rn_json_out_put(stdout, document);
}

/* --- the command ---------------------------------------------------------------------------------------------------- */

static enum rn_status check(const struct rn_cli_line *line, struct rn_ask_settings *settings,
                            struct rn_error *error)
{
    if (line->word_count != 1 || line->rest_count > 0) {
        return rn_fail(error, RN_INVALID,
                       line->word_count == 0 ? "which call? TRACE:N; `reenact show` numbers them"
                                             : "takes one TRACE:N");
    }
    if (asked.times > RN_ASK_TIMES_MAX) {
        return rn_fail(error, RN_INVALID, "--times takes 1 to %u", RN_ASK_TIMES_MAX);
    }
    if (asked.jobs > RN_ASK_JOBS_MAX) {
        return rn_fail(error, RN_INVALID, "--jobs takes 1 to %u", RN_ASK_JOBS_MAX);
    }
    *settings =
        (struct rn_ask_settings){.store = asked.store,
                                 .which = line->words[0],
                                 .to = asked.to,
                                 .upstreams = asked.upstreams.at,
                                 .key_variable = asked.key_variable,
                                 .prices = asked.prices,
                                 .times = asked.times > 0 ? (unsigned)asked.times : TIMES_USUAL,
                                 .jobs = asked.jobs > 0 ? (unsigned)asked.jobs : JOBS_USUAL,
                                 .environment = environ};
    return rn_backtest_budget(asked.budget, &settings->budget_pico, error);
}

/* A model may think for a minute, ten times over. */
static void on_progress(void *self, uint32_t settled)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%u of %u", settled, *(const unsigned *)self);
    rn_screen_progress(text);
}

static bool tell(const struct rn_ask_outcome *outcome)
{
    if (asked.as_json) {
        return put_document(outcome);
    }
    struct rn_buffer out = {0};
    struct rn_screen screen = rn_screen_of(stdout);
    bool good = rn_ask_show(&out, &screen, outcome) == RN_OK && rn_screen_put(stdout, &out);
    rn_buffer_free(&out);
    return good;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_ask_settings settings = {0};
    struct rn_ask_outcome outcome = {0};
    int done = rn_cli_begin(&rn_cmd_ask, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = check(&line, &settings, &error);
    settings.on_progress = on_progress;
    settings.self = &settings.times;
    status = status == RN_OK ? rn_ask_run(&settings, &outcome, &error) : status;
    rn_screen_progress_end();
    if (status == RN_OK && !tell(&outcome)) {
        status = rn_fail(&error, RN_IO, "cannot write to standard output");
    }
    int code = outcome.answered == 0     ? RN_EXIT_TROUBLE
               : rn_ask_agrees(&outcome) ? RN_EXIT_SAME
                                         : RN_EXIT_DIFFERS;
    rn_ask_free(&outcome);
    return status == RN_OK ? code : rn_cli_complain("ask", RN_EXIT_TROUBLE, &error);
}

const struct rn_cli_command rn_cmd_ask = {"ask",
                                          "ask [options] TRACE:N",
                                          "send a recorded model call again, a number of times",
                                          options,
                                          run,
                                          RN_EXIT_TROUBLE,
                                          NULL};
