/*
 * `reenact replay`: reads how exactly, hands over to the replayer, and prints the verdict as the last line on stderr. What went
 * wrong stands above it, one aligned line per finding.
 */
#include "commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "human.h"
#include "ports.h"
#include "printable.h"
#include "replayer/replay.h"
#include "screen.h"
#include "shell.h"

#define EXCERPT_COLUMNS 240

static struct {
    const char *store;
    const char *rules;
    const char *pace;
    const char *receipt;
    const char *drive;
    uint64_t listen;
    uint32_t order;
    bool strict;
    bool ignore_output;
    bool serve;
    bool self;
    bool as_json;
} asked;

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--strict", RN_OPTION_FLAG, &asked.strict, NULL, "serve only what is equal byte for byte"},
    {"--rules", RN_OPTION_TEXT, &asked.rules, "LIST", "rules that may match, of bytes,json (both)"},
    {"--order", RN_OPTION_CHOICE, &asked.order, "recorded|any",
     "hold answers to the recorded order, or not"},
    {"--pace", RN_OPTION_TEXT, &asked.pace, "PACE", "instant, recorded, or a factor such as 2"},
    {"--ignore-output", RN_OPTION_FLAG, &asked.ignore_output, NULL,
     "do not compare what COMMAND prints"},
    {"--serve", RN_OPTION_FLAG, &asked.serve, NULL,
     "print the exports and serve until interrupted"},
    {"--drive", RN_OPTION_TEXT, &asked.drive, "URL", "send the recorded inbound requests to URL"},
    {"--self", RN_OPTION_FLAG, &asked.self, NULL,
     "send the recorded requests ourselves, compare bytes"},
    {"--listen", RN_OPTION_NUMBER, &asked.listen, "PORT",
     "the port of REENACT_URL (the recorded one)"},
    {"--receipt", RN_OPTION_TEXT, &asked.receipt, "FILE", "write the receipt there as well"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL,
     "print the receipt (reenact.receipt/1) on stdout"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* --- words to settings --------------------------------------------------------------------------------------------- */

static enum rn_status read_rules(unsigned *rules, struct rn_error *error)
{
    *rules = 1U << RN_RULE_BYTES | (asked.strict ? 0U : 1U << RN_RULE_JSON);
    if (asked.rules == NULL) {
        return RN_OK;
    }
    if (asked.strict) {
        return rn_fail(error, RN_INVALID, "--strict and --rules contradict each other; give one");
    }
    *rules = 0;
    struct rn_bytes left = rn_bytes_text(asked.rules);
    for (;;) {
        size_t comma = rn_bytes_find_byte(left, ',');
        struct rn_bytes word = rn_bytes_sub(left, 0, comma);
        if (rn_bytes_equal(word, RN_LIT("bytes"))) {
            *rules |= 1U << RN_RULE_BYTES;
        } else if (rn_bytes_equal(word, RN_LIT("json"))) {
            *rules |= 1U << RN_RULE_JSON;
        } else {
            return rn_fail(error, RN_INVALID, "no rule '%.*s'; there are bytes and json",
                           (int)word.len, (const char *)word.data);
        }
        if (comma == RN_NPOS) {
            return RN_OK;
        }
        left = rn_bytes_from(left, comma + 1);
    }
}

static enum rn_status read_pace(double *pace, struct rn_error *error)
{
    *pace = 0;
    if (asked.pace == NULL || strcmp(asked.pace, "instant") == 0) {
        return RN_OK;
    }
    if (strcmp(asked.pace, "recorded") == 0) {
        *pace = 1;
        return RN_OK;
    }
    char *end = NULL;
    *pace = strtod(asked.pace, &end);
    if (end == asked.pace || *end != '\0' || !isfinite(*pace) || *pace <= 0) {
        return rn_fail(error, RN_INVALID,
                       "--pace takes instant, recorded or a factor above 0, not '%s'", asked.pace);
    }
    return RN_OK;
}

/* --- the verdict --------------------------------------------------------------------------------------------------- */

static enum rn_status add_finding(struct rn_buffer *out, const char *label, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "  %-9s ", label);
    status =
        status == RN_OK ? rn_printable_short(out, rn_bytes_text(text), EXCERPT_COLUMNS) : status;
    return status == RN_OK ? rn_buffer_addf(out, "\n") : status;
}

/* What one side lacks is worth a word where the other has something. */
static const char *or_nothing(const char *text, const char *other)
{
    bool has_text = text != NULL && text[0] != '\0';
    bool has_other = other != NULL && other[0] != '\0';
    return !has_text && has_other ? "nothing" : text;
}

static enum rn_status add_findings(struct rn_buffer *out, const struct rn_replay_outcome *outcome)
{
    /* The sentence says in one what the lines say apart. */
    bool has_place = outcome->place != NULL && outcome->place[0] != '\0';
    const struct {
        const char *label;
        const char *text;
    } findings[] = {
        {"finding", has_place ? NULL : outcome->sentence},
        {"where", outcome->place},
        {"expected", or_nothing(outcome->expected, outcome->came)},
        {"came", or_nothing(outcome->came, outcome->expected)},
        {"cause", outcome->cause},
        {"try", outcome->advice},
        {"remark", outcome->remark},
    };
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < sizeof findings / sizeof *findings && status == RN_OK; i++) {
        status = add_finding(out, findings[i].label, findings[i].text);
    }
    return status;
}

static enum rn_status add_count(struct rn_buffer *out, uint32_t count, const char *what)
{
    return count == 0 ? RN_OK : rn_buffer_addf(out, ", %u %s", count, what);
}

static enum rn_status add_redactions(struct rn_buffer *out, uint32_t count)
{
    struct rn_human text;
    return count == 0 ? RN_OK
                      : rn_buffer_addf(out, ", %s",
                                       rn_human_count(&text, count, "redaction", "redactions"));
}

static enum rn_status add_counts(struct rn_buffer *out, const struct rn_replay_outcome *outcome)
{
    struct rn_human compared;
    enum rn_status status =
        rn_buffer_addf(out, "%u of %u calls served", outcome->served, outcome->recorded);
    if (status == RN_OK && outcome->driven) {
        status = rn_buffer_addf(out, ", %u of %u inbound requests answered as recorded",
                                outcome->driven_same, outcome->decisions);
    }
    if (status == RN_OK && outcome->compared_bytes > 0) {
        status = rn_buffer_addf(out, ", %s compared",
                                rn_human_bytes(&compared, outcome->compared_bytes));
    }
    status =
        status == RN_OK ? add_count(out, outcome->by_rule[RN_RULE_JSON], "by rule json") : status;
    status = status == RN_OK ? add_count(out, outcome->misses, "not in the recording") : status;
    status = status == RN_OK ? add_count(out, outcome->unconsumed, "never asked for") : status;
    status = status == RN_OK ? add_count(out, outcome->ambiguous, "ambiguous") : status;
    status = status == RN_OK ? add_count(out, outcome->relaxations, "order relaxed") : status;
    if (status == RN_OK && outcome->output_left_out) {
        status = rn_buffer_addf(out, ", output not compared");
    }
    return status == RN_OK ? add_redactions(out, outcome->redacted_spans) : status;
}

/* "reproduced (unguarded): 12 of 12 calls served, bypasses not observed" */
static enum rn_status add_verdict(struct rn_buffer *out, const struct rn_replay_outcome *outcome,
                                  bool colour)
{
    const char *name = rn_verdict_name(outcome->verdict);
    enum rn_paint paint = rn_verdict_exit(outcome->verdict) == RN_EXIT_SAME ? RN_PAINT_GREEN
                          : outcome->verdict == RN_VERDICT_DIVERGED         ? RN_PAINT_RED
                                                                            : RN_PAINT_YELLOW;
    enum rn_status status = rn_screen_paint(out, colour, paint, rn_bytes_text(name));
    /* A self-replay has no command that could look outside. */
    bool could_bypass = outcome->verdict != RN_VERDICT_VERIFIED;
    status = status == RN_OK ? rn_buffer_addf(out, could_bypass ? " (unguarded): " : ": ") : status;
    status = status == RN_OK ? add_counts(out, outcome) : status;
    return status == RN_OK ? rn_buffer_addf(out, could_bypass ? ", bypasses not observed\n" : "\n")
                           : status;
}

static bool tell(const struct rn_replay_outcome *outcome)
{
    struct rn_buffer out = {0};
    bool good = true;
    rn_screen_fresh_line(outcome->open_line && !asked.as_json, outcome->open_stderr_line);
    if (asked.as_json) {
        good =
            fwrite(outcome->receipt.data, 1, outcome->receipt.len, stdout) == outcome->receipt.len;
        if (outcome->receipt.len > 0 && outcome->receipt.data[outcome->receipt.len - 1] != '\n') {
            (void)fputc('\n', stdout);
        }
        good = fflush(stdout) == 0 && good;
    }
    bool is_green = rn_verdict_exit(outcome->verdict) == RN_EXIT_SAME;
    enum rn_status status =
        is_green ? add_finding(&out, "remark", outcome->remark) : add_findings(&out, outcome);
    if (status == RN_OK) {
        status = add_verdict(&out, outcome, rn_screen_of(stderr).colour);
    }
    (void)rn_screen_put(stderr, &out);
    rn_buffer_free(&out);
    if (status != RN_OK) {
        (void)rn_cli_complainf("replay", RN_EXIT_TROUBLE,
                               "out of memory for the line of the verdict");
    }
    return good && status == RN_OK;
}

/* --- what is not ours to run --------------------------------------------------------------------------------------- */

/* Whole or not at all: somebody will copy it. */
static enum rn_status add_command(struct rn_buffer *out, const char *trace, char *const *argv)
{
    enum rn_status status = rn_buffer_addf(out, "to run it all the same:\n  reenact replay ");
    status = status == RN_OK ? rn_shell_word(out, rn_bytes_text(trace)) : status;
    if (status == RN_OK && asked.store != NULL) {
        status = rn_buffer_addf(out, " --store ");
        status = status == RN_OK ? rn_shell_word(out, rn_bytes_text(asked.store)) : status;
    }
    status = status == RN_OK ? rn_buffer_addf(out, " -- ") : status;
    status = status == RN_OK ? rn_shell_words(out, argv) : status;
    return status == RN_OK ? rn_buffer_addf(out, "\n") : status;
}

static int tell_refused(const char *trace, const struct rn_replay_outcome *outcome,
                        const struct rn_error *error)
{
    struct rn_buffer out = {0};
    (void)rn_cli_complain("replay", RN_EXIT_TROUBLE, error);
    if (outcome->argv != NULL && add_command(&out, trace, outcome->argv) == RN_OK) {
        (void)rn_screen_put(stderr, &out);
    }
    rn_buffer_free(&out);
    return RN_EXIT_TROUBLE;
}

static void on_ready(void *self, const char *url, char *const *environment)
{
    struct rn_buffer out = {0};
    (void)self;
    if (rn_ports_changes(&out, environment, environ) == RN_OK) {
        (void)rn_screen_put(stdout, &out);
        (void)fflush(stdout);
    }
    rn_buffer_free(&out);
    (void)fprintf(stderr, "reenact replay: serving at %s; %s\n", url,
                  asked.drive == NULL ? "ctrl-c ends it"
                                      : "waiting for the application, which is started with these");
}

static int replay(struct rn_replay_settings *settings, const char *text)
{
    struct rn_error error = {RN_OK, ""};
    struct rn_replay_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    int code = RN_EXIT_TROUBLE;
    enum rn_status status = rn_replay_run(settings, &outcome, &error);
    if (status == RN_OK) {
        code = tell(&outcome) ? rn_verdict_exit(outcome.verdict) : RN_EXIT_TROUBLE;
    } else if (status == RN_REFUSED) {
        code = tell_refused(text, &outcome, &error);
    } else {
        code = rn_cli_complain("replay", RN_EXIT_TROUBLE, &error);
    }
    rn_replay_outcome_free(&outcome);
    return code;
}

/* Over many runs: trouble before a difference, before what cannot be compared, before what is the same (DESIGN 6.5). */
static int worse_of(int a, int b)
{
    static const int severity[] = {[0] = 0, [3] = 1, [1] = 2, [2] = 3};
    return severity[a] >= severity[b] ? a : b;
}

/* The runs of a session, one after the other. What names no run is replayed as it stands. */
static int replay_all(struct rn_replay_settings *settings, const char *text)
{
    struct rn_error error = {RN_OK, ""};
    struct rn_trace_id *runs = NULL;
    size_t count = 0;
    int code = RN_EXIT_SAME;
    enum rn_status status = rn_replay_runs(settings->store, text, &runs, &count, &error);
    if (status == RN_OK && count > 1 && (settings->serve || settings->receipt != NULL)) {
        status = rn_fail(&error, RN_INVALID, "%s takes one run, and %s holds %zu: name one of them",
                         settings->serve ? "--serve" : "--receipt", text, count);
    }
    if (status != RN_OK) {
        code = rn_cli_complain("replay", RN_EXIT_TROUBLE, &error);
    } else if (count < 2) {
        code = replay(settings, text);
    }
    for (size_t i = 0; status == RN_OK && count > 1 && i < count; i++) {
        char id[33];
        const char *const traces[] = {id, NULL};
        rn_trace_id_text(&runs[i], id);
        settings->traces = traces;
        code = worse_of(code, replay(settings, id));
    }
    rn_free(runs);
    return code;
}

static enum rn_status check_words(const struct rn_cli_line *line, struct rn_error *error)
{
    if (line->word_count != 1) {
        return rn_fail(error, RN_INVALID,
                       line->word_count == 0
                           ? "which trace? `reenact log` lists them, `last` is the newest"
                           : "takes one TRACE or SESSION; a command goes behind --");
    }
    if (line->divided && line->rest_count == 0) {
        return rn_fail(error, RN_INVALID, "no command behind --");
    }
    if (line->rest_count > 0 && (asked.serve || asked.self)) {
        return rn_fail(error, RN_INVALID, "%s runs no command", asked.serve ? "--serve" : "--self");
    }
    if (asked.drive != NULL && (asked.serve || asked.self)) {
        return rn_fail(error, RN_INVALID, "--drive and %s contradict each other; give one",
                       asked.serve ? "--serve" : "--self");
    }
    if (asked.serve && asked.self) {
        return rn_fail(error, RN_INVALID, "--serve and --self contradict each other; give one");
    }
    return asked.listen > UINT16_MAX
               ? rn_fail(error, RN_INVALID, "--listen takes a port from 1 to 65535")
               : RN_OK;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_replay_settings settings;
    memset(&settings, 0, sizeof settings);
    int done = rn_cli_begin(&rn_cmd_replay, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (check_words(&line, &error) != RN_OK || read_rules(&settings.rules, &error) != RN_OK ||
        read_pace(&settings.pace, &error) != RN_OK) {
        return rn_cli_complain("replay", RN_EXIT_TROUBLE, &error);
    }
    const char *const traces[] = {line.words[0], NULL};
    settings.traces = traces;
    settings.argv = line.rest_count > 0 ? line.rest : NULL;
    settings.environment = environ;
    settings.store = asked.store;
    settings.order = asked.order == 1 ? RN_ORDER_ANY : RN_ORDER_RECORDED;
    settings.strict = asked.strict;
    settings.ignore_output = asked.ignore_output;
    settings.serve = asked.serve;
    settings.self = asked.self;
    settings.drive = asked.drive;
    settings.receipt = asked.receipt;
    settings.port = (uint16_t)asked.listen;
    settings.on_ready = on_ready;
    return replay_all(&settings, line.words[0]);
}

const struct rn_cli_command rn_cmd_replay = {
    "replay",
    "replay [options] TRACE|SESSION [-- COMMAND [ARGUMENT...]]",
    "make a recorded run happen again, and say whether it did",
    options,
    run,
    RN_EXIT_TROUBLE,
    NULL};
