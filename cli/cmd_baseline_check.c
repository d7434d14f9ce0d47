/*
 * `reenact baseline check`: does the application still do what was frozen? One row per trace, the findings of those that
 * differ below, the sum last.
 */
#include "cmd_baseline.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "human.h"
#include "out_file.h"
#include "printable.h"
#include "screen.h"
#include "table.h"

#define EXCERPT_COLUMNS 240
#define NAME_COLUMNS 40
#define TIMEOUT_MAX_S (7U * 24 * 3600)
#define NAMED_MAX 4 /* traces with the same finding */

static struct {
    const char *store;
    const char *workdir;
    const char *junit;
    const char *markdown;
    uint64_t jobs;
    uint64_t timeout;
    bool ignore_output;
    bool show_output;
    bool as_json;
} asked;

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--jobs", RN_OPTION_COUNT, &asked.jobs, "N", "replay N at once (1); also -j N"},
    {"--timeout", RN_OPTION_COUNT, &asked.timeout, "SECONDS", "end each that runs for longer"},
    {"--workdir", RN_OPTION_TEXT, &asked.workdir, "DIR", "run each in a fresh copy of DIR"},
    {"--ignore-output", RN_OPTION_FLAG, &asked.ignore_output, NULL,
     "do not compare what COMMAND prints"},
    {"--output", RN_OPTION_FLAG, &asked.show_output, NULL, "show what COMMAND prints"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.check/1"},
    {"--junit", RN_OPTION_TEXT, &asked.junit, "FILE", "write JUnit XML there as well"},
    {"--markdown", RN_OPTION_TEXT, &asked.markdown, "FILE", "write a summary there as well"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* One at a time writes where we do, and a line of ours would run into its own. */
static void on_progress(void *self, size_t ended, size_t running, size_t count)
{
    char text[80];
    (void)self;
    if (asked.show_output && asked.jobs < 2) {
        return;
    }
    (void)snprintf(text, sizeof text, "checking: %zu of %zu, %zu running", ended, count, running);
    rn_screen_progress(text);
}

static void before_output(void *self)
{
    (void)self;
    rn_screen_progress_end();
}

/* --- on the terminal ------------------------------------------------------------------------------------------------ */

static enum rn_paint paint_of(enum rn_check_result result)
{
    return result == RN_CHECK_REPRODUCED     ? RN_PAINT_GREEN
           : result == RN_CHECK_INCOMPARABLE ? RN_PAINT_YELLOW
                                             : RN_PAINT_RED;
}

static enum rn_status add_table(struct rn_buffer *out, const struct rn_check_outcome *outcome,
                                const struct rn_screen *screen)
{
    static const struct rn_table_column columns[] = {{"RESULT", false, false},
                                                     {"TRACE", false, false},
                                                     {"NAME", false, true},
                                                     {"CAUSE", false, true},
                                                     {"FIRST DIFFERENCE", false, true}};
    struct rn_table *table = rn_table_new(columns, sizeof columns / sizeof *columns);
    enum rn_status status = table == NULL ? RN_NOMEM : RN_OK;
    for (size_t i = 0; i < outcome->count && status == RN_OK; i++) {
        const struct rn_check_case *one = &outcome->cases[i];
        char id[33];
        rn_trace_id_text(&one->id, id);
        bool is_good = one->result == RN_CHECK_REPRODUCED;
        const struct rn_bytes cells[] = {
            rn_bytes_text(rn_check_result_name(one->result)),
            rn_bytes_text(id + 24),
            one->name,
            is_good ? RN_LIT("") : one->cause,
            is_good              ? RN_LIT("")
            : one->place.len > 0 ? one->place
                                 : one->sentence,
        };
        status = rn_table_row(table, cells, paint_of(one->result));
    }
    status = status == RN_OK ? rn_table_render(table, screen, out) : status;
    rn_table_free(table);
    return status;
}

static enum rn_status add_finding(struct rn_buffer *out, const char *label, struct rn_bytes text)
{
    if (text.len == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "  %-9s ", label);
    status = status == RN_OK ? rn_printable_short(out, text, EXCERPT_COLUMNS) : status;
    return status == RN_OK ? rn_buffer_addf(out, "\n") : status;
}

/* What one side lacks is worth a word where the other has something. */
static struct rn_bytes or_nothing(struct rn_bytes text, struct rn_bytes other)
{
    return text.len == 0 && other.len > 0 ? RN_LIT("nothing") : text;
}

static bool is_same_finding(const struct rn_check_case *a, const struct rn_check_case *b)
{
    return a->result == b->result && rn_bytes_equal(a->place, b->place) &&
           rn_bytes_equal(a->cause, b->cause) && rn_bytes_equal(a->expected, b->expected) &&
           rn_bytes_equal(a->came, b->came) &&
           (a->place.len > 0 || rn_bytes_equal(a->sentence, b->sentence));
}

/* "1d6d60d3 support/1", then those further on that say the same. */
static enum rn_status add_who(struct rn_buffer *out, const struct rn_check_outcome *outcome,
                              size_t first)
{
    size_t told = 0;
    size_t more = 0;
    enum rn_status status = rn_buffer_addf(out, "\n");
    for (size_t i = first; i < outcome->count && status == RN_OK; i++) {
        const struct rn_check_case *one = &outcome->cases[i];
        char id[33];
        if (!is_same_finding(&outcome->cases[first], one)) {
            continue;
        }
        if (told++ >= NAMED_MAX) {
            more++;
            continue;
        }
        rn_trace_id_text(&one->id, id);
        status = rn_buffer_addf(out, "%s%s ", told > 1 ? ", " : "", id + 24);
        status = status == RN_OK ? rn_printable_short(out, one->name, NAME_COLUMNS) : status;
    }
    if (status == RN_OK && more > 0) {
        status = rn_buffer_addf(out, " and %zu more", more);
    }
    return status == RN_OK ? rn_buffer_addf(out, "\n") : status;
}

/* One finding, however many traces have it. */
static enum rn_status add_findings(struct rn_buffer *out, const struct rn_check_outcome *outcome,
                                   size_t first)
{
    const struct rn_check_case *one = &outcome->cases[first];
    for (size_t i = 0; i < first; i++) {
        if (is_same_finding(&outcome->cases[i], one)) {
            return RN_OK;
        }
    }
    const struct {
        const char *label;
        struct rn_bytes text;
    } findings[] = {{"finding", one->place.len == 0 ? one->sentence : RN_LIT("")},
                    {"where", one->place},
                    {"expected", or_nothing(one->expected, one->came)},
                    {"came", or_nothing(one->came, one->expected)},
                    {"cause", one->cause},
                    {"try", one->advice}};
    enum rn_status status = add_who(out, outcome, first);
    for (size_t i = 0; i < sizeof findings / sizeof *findings && status == RN_OK; i++) {
        status = add_finding(out, findings[i].label, findings[i].text);
    }
    return status;
}

static enum rn_status add_sum(struct rn_buffer *out, const struct rn_check_outcome *outcome)
{
    char root[2 * RN_SHA256_BYTES + 1];
    struct rn_human took;
    rn_hex(rn_bytes_of(outcome->root, RN_SHA256_BYTES), root);
    enum rn_status status = rn_buffer_addf(out, "\n");
    status = status == RN_OK ? rn_printable(out, outcome->name, RN_PRINTABLE_LINE) : status;
    status = status == RN_OK ? rn_buffer_addf(out, ": %zu of %zu reproduced", outcome->by_result[0],
                                              outcome->count)
                             : status;
    for (unsigned result = 1; result < 4 && status == RN_OK; result++) {
        if (outcome->by_result[result] > 0) {
            status = rn_buffer_addf(out, ", %zu %s", outcome->by_result[result],
                                    rn_check_result_name((enum rn_check_result)result));
        }
    }
    return status == RN_OK ? rn_buffer_addf(out, ", in %s, root %.16s%s\n",
                                            rn_human_duration(&took, outcome->wall_ns), root,
                                            outcome->ignored_output ? ", output not compared" : "")
                           : status;
}

static enum rn_status compose(struct rn_buffer *out, const struct rn_check_outcome *outcome)
{
    struct rn_screen screen = rn_screen_of(stdout);
    enum rn_status status = add_table(out, outcome, &screen);
    for (size_t i = 0; i < outcome->count && status == RN_OK; i++) {
        if (outcome->cases[i].result != RN_CHECK_REPRODUCED) {
            status = add_findings(out, outcome, i);
        }
    }
    return status == RN_OK ? add_sum(out, outcome) : status;
}

/* --- documents ------------------------------------------------------------------------------------------------------ */

typedef enum rn_status compose_document(const struct rn_check_outcome *outcome,
                                        struct rn_buffer *out);

static enum rn_status write_document(const char *path, compose_document *make,
                                     const struct rn_check_outcome *outcome, struct rn_error *error)
{
    struct rn_buffer out = {0};
    if (path == NULL) {
        return RN_OK;
    }
    enum rn_status status = make(outcome, &out);
    if (status != RN_OK) {
        (void)rn_fail(error, status, "%s could not be made", path);
    } else {
        status = rn_file_write(path, rn_buffer_bytes(&out), 0666, error);
    }
    rn_buffer_free(&out);
    return status;
}

static enum rn_status tell(const struct rn_check_outcome *outcome, struct rn_error *error)
{
    struct rn_buffer out = {0};
    enum rn_status status = asked.as_json ? rn_check_json(outcome, &out) : compose(&out, outcome);
    if (status != RN_OK || !rn_screen_put(stdout, &out)) {
        status = rn_fail(error, status == RN_OK ? RN_IO : status, "the result cannot be printed");
    }
    rn_buffer_free(&out);
    enum rn_status written =
        write_document(asked.junit, rn_check_junit, outcome, status == RN_OK ? error : NULL);
    status = status == RN_OK ? written : status;
    written =
        write_document(asked.markdown, rn_check_markdown, outcome, status == RN_OK ? error : NULL);
    return status == RN_OK ? written : status;
}

static int check(const struct rn_check_settings *settings)
{
    struct rn_error error = {RN_OK, ""};
    struct rn_check_outcome outcome = {0};
    enum rn_status status = rn_check_run(settings, &outcome, &error);
    rn_screen_progress_end();
    if (status == RN_OK) {
        status = tell(&outcome, &error);
    }
    int code = status != RN_OK ? rn_cli_complain("baseline check", RN_EXIT_TROUBLE, &error)
                               : rn_check_exit(&outcome);
    if (status == RN_OK && outcome.signal_number != 0) {
        code = 128 + outcome.signal_number;
    }
    rn_check_outcome_free(&outcome);
    return code;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    int done = rn_cli_begin(&rn_cmd_baseline_check, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count != 1 || (line.divided && line.rest_count == 0)) {
        return rn_cli_complainf("baseline check", RN_EXIT_TROUBLE,
                                line.word_count != 1
                                    ? "which baseline? `reenact baseline list` has them"
                                    : "no command behind --");
    }
    if (asked.jobs > RN_JOBS_MAX) {
        return rn_cli_complainf("baseline check", RN_EXIT_TROUBLE, "--jobs takes 1 to %u",
                                RN_JOBS_MAX);
    }
    if (asked.timeout > TIMEOUT_MAX_S) {
        return rn_cli_complainf("baseline check", RN_EXIT_TROUBLE,
                                "--timeout takes up to %u seconds", TIMEOUT_MAX_S);
    }
    struct rn_error error = {RN_OK, ""};
    if (rn_out_file_check("--junit", asked.junit, &error) != RN_OK ||
        rn_out_file_check("--markdown", asked.markdown, &error) != RN_OK) {
        return rn_cli_complain("baseline check", RN_EXIT_TROUBLE, &error);
    }
    const struct rn_check_settings settings = {.store = asked.store,
                                               .name = line.words[0],
                                               .argv = line.rest_count > 0 ? line.rest : NULL,
                                               .environment = environ,
                                               .workdir = asked.workdir,
                                               .jobs = (unsigned)asked.jobs,
                                               .timeout_ns = asked.timeout * 1000000000,
                                               .ignore_output = asked.ignore_output,
                                               .show_output = asked.show_output,
                                               .on_progress = on_progress,
                                               .before_output = before_output};
    return check(&settings);
}

const struct rn_cli_command rn_cmd_baseline_check = {
    "baseline check",
    "baseline check [options] NAME [-- COMMAND [ARGUMENT...]]",
    "replay each frozen trace against the application of today",
    options,
    run,
    RN_EXIT_TROUBLE,
    NULL};
