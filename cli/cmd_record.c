/*
 * `reenact record -- COMMAND`: hands the words over to the recorder, and tells in one line what came of it. The exit status is
 * COMMAND's, so every trouble of our own has one of env(1)'s numbers. With --each it does so for a suite of inputs.
 */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "durability.h"
#include "human.h"
#include "oddities.h"
#include "ports.h"
#include "printable.h"
#include "recorder/each.h"
#include "screen.h"
#include "shell.h"
#include "store/trace.h"

static struct {
    const char *store;
    const char *name;
    const char *release;
    const char *session;
    struct rn_option_list tags;
    struct rn_option_list wraps;
    struct rn_option_list upstreams;
    struct rn_option_list ports;
    uint64_t listen;
    struct rn_durability_words durability;
    bool require_complete;
    const char *each;
    uint64_t jobs;
} asked = {.jobs = 1};

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR", "where to keep it ($REENACT_STORE, .reenact)"},
    {"--name", RN_OPTION_TEXT, &asked.name, "NAME", "a name for the trace, to find it by"},
    {"--tag", RN_OPTION_LIST, &asked.tags, "KEY=VALUE", "a label; may be given often"},
    {"--release", RN_OPTION_TEXT, &asked.release, "LABEL", "version of the application"},
    {"--session", RN_OPTION_TEXT, &asked.session, "ID", "the session this run belongs to"},
    {"--wrap", RN_OPTION_LIST, &asked.wraps, "VAR", "record what the variable VAR points at"},
    {"--upstream", RN_OPTION_LIST, &asked.upstreams, "NAME=URL", "add or override an upstream"},
    {"--port", RN_OPTION_LIST, &asked.ports, "NAME=PORT", "a fixed port for an upstream"},
    {"--listen", RN_OPTION_NUMBER, &asked.listen, "PORT", "a fixed port for REENACT_URL"},
    RN_DURABILITY_OPTIONS(asked.durability),
    {"--require-complete", RN_OPTION_FLAG, &asked.require_complete, NULL,
     "exit 124 when the recording has gaps"},
    {"--each", RN_OPTION_TEXT, &asked.each, "FILE", "run COMMAND for each line as {input}"},
    {"--jobs", RN_OPTION_NUMBER, &asked.jobs, "N", "with --each, so many at once (-j N)"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* --- what the store says ------------------------------------------------------------------------------------------- */

/*
 * The store's own words count, not what we remember: it knows of withheld bodies, and of the bytes of the run itself. False
 * where it cannot be asked.
 */
static bool ask_store(const struct rn_record_outcome *outcome, struct rn_trace_summary *summary)
{
    struct rn_store *store = NULL;
    struct rn_arena arena = {0};
    bool known = outcome->recorded && !outcome->given_up &&
                 rn_store_open(outcome->store, RN_STORE_READ, &store, NULL) == RN_OK &&
                 rn_trace_summary(store, &outcome->trace, &arena, summary, NULL) == RN_OK;
    /* Only numbers are used; the summary's text ends here. */
    rn_arena_free(&arena);
    rn_store_close(store);
    return known;
}

/* --- the last line ------------------------------------------------------------------------------------------------- */

static enum rn_status add_replay_command(struct rn_buffer *out, const char *trace_suffix)
{
    enum rn_status status = rn_buffer_addf(out, "; replay: reenact replay %s", trace_suffix);
    if (status == RN_OK && asked.store != NULL) {
        status = rn_buffer_addf(out, " --store ");
        status = status == RN_OK ? rn_shell_word(out, rn_bytes_text(asked.store)) : status;
    }
    return status;
}

static enum rn_status compose_line(struct rn_buffer *out, const struct rn_record_outcome *outcome,
                                   const struct rn_trace_summary *summary)
{
    struct rn_human calls, raw, stored;
    char id[33];
    rn_trace_id_text(&outcome->trace, id);
    enum rn_status status = rn_buffer_addf(
        out, "%s %s: %s, %s raw, %s stored", outcome->recorded ? "recorded" : "not recorded",
        id + 24, rn_human_count(&calls, outcome->counts.calls, "call", "calls"),
        rn_human_bytes(&raw, summary->raw_bytes), rn_human_bytes(&stored, summary->stored_bytes));
    status = status == RN_OK ? rn_oddities_add(out, outcome) : status;
    if (status == RN_OK && outcome->recorded && summary->complete != RN_COMPLETE_YES) {
        status = rn_buffer_addf(out, ", not complete");
    }
    status = status == RN_OK ? rn_buffer_addf(out, ", bypasses not observed") : status;
    if (status == RN_OK && outcome->recorded && outcome->counts.calls > 0) {
        status = add_replay_command(out, id + 24);
    }
    return status == RN_OK ? rn_buffer_addf(out, "\n") : status;
}

static void tell(const struct rn_record_outcome *outcome, const struct rn_trace_summary *summary)
{
    struct rn_buffer line = {0};
    rn_screen_fresh_line(outcome->open_line, outcome->open_stderr_line);
    if (outcome->remark[0] != '\0') {
        (void)rn_cli_complainf("record", 0, "%s", outcome->remark);
    }
    if (compose_line(&line, outcome, summary) == RN_OK) {
        (void)rn_screen_put(stderr, &line);
    }
    rn_buffer_free(&line);
}

static int exit_of_failure(const struct rn_record_outcome *outcome, enum rn_status status,
                           const struct rn_error *error)
{
    int code = !outcome->not_executed  ? RN_EXIT_FAILED
               : status == RN_NOTFOUND ? RN_EXIT_NO_COMMAND
                                       : RN_EXIT_NOT_EXECUTABLE;
    return rn_cli_complain("record", code, error);
}

/* With `strict` no gap passes silently. */
static bool must_be_complete(void)
{
    return asked.require_complete || asked.durability.mode == RN_DURABILITY_STRICT;
}

static void on_waiting(void *self, struct rn_unstored left, uint64_t at_most_ns)
{
    (void)self;
    rn_durability_tell_waiting("record", left, at_most_ns);
}

static enum rn_status settings_of(char *const *command, struct rn_record_settings *out,
                                  struct rn_error *error)
{
    *out = (struct rn_record_settings){
        .store = asked.store,
        .argv = command,
        .environment = environ,
        .name = asked.name,
        .release = asked.release,
        .session = asked.session,
        .tags = asked.tags.at,
        .wraps = asked.wraps.at,
        .upstreams = asked.upstreams.at,
        .ports = asked.ports.at,
        .port = (uint16_t)asked.listen,
        .on_waiting = on_waiting,
    };
    return rn_durability_read(&asked.durability, out, error);
}

static int record(char *const *command)
{
    struct rn_error error = {RN_OK, ""};
    static struct rn_record_outcome outcome;
    struct rn_record_settings settings;
    if (settings_of(command, &settings, &error) != RN_OK) {
        return rn_cli_complain("record", RN_EXIT_FAILED, &error);
    }
    enum rn_status status = rn_record_run(&settings, &outcome, &error);
    if (status != RN_OK) {
        return exit_of_failure(&outcome, status, &error);
    }
    struct rn_trace_summary summary = {.complete =
                                           outcome.recorded ? RN_COMPLETE_UNKNOWN : RN_COMPLETE_NO,
                                       .raw_bytes = outcome.counts.raw_bytes,
                                       .stored_bytes = outcome.counts.stored_bytes};
    (void)ask_store(&outcome, &summary);
    tell(&outcome, &summary);
    if (must_be_complete() && summary.complete != RN_COMPLETE_YES) {
        return rn_durability_leave(&outcome, rn_cli_complainf("record", RN_EXIT_INCOMPLETE,
                                                              "the recording is not complete"));
    }
    return rn_durability_leave(&outcome, rn_record_exit(&outcome));
}

/* --- a suite ------------------------------------------------------------------------------------------------------- */

/* Whether what was printed last, by whichever case, left a line open: on any stream, on stderr. */
static struct {
    bool line;
    bool stderr_line;
} left_open;

static void end_open_line(void)
{
    rn_screen_progress_end();
    rn_screen_fresh_line(left_open.line, left_open.stderr_line);
    left_open.line = left_open.stderr_line = false;
}

/* A case that went as it should has said what it had to say itself. */
static void on_case(void *self, const struct rn_each_case *one)
{
    (void)self;
    left_open.line = one->open_line;
    left_open.stderr_line = one->open_stderr_line;
    if (one->remark[0] != '\0') {
        end_open_line();
        (void)rn_cli_complainf("record", 0, "line %u: %s", (unsigned)one->line, one->remark);
    }
}

/* One at a time writes where we do, and a line of ours would run into its own. */
static void on_progress(void *self, size_t ended, size_t running, size_t count)
{
    char line[96];
    (void)self;
    if (asked.jobs > 1) {
        (void)snprintf(line, sizeof line, "%zu of %zu cases recorded, %zu running", ended, count,
                       running);
        rn_screen_progress(line);
    }
}

static void before_output(void *self)
{
    (void)self;
    rn_screen_progress_end();
}

/* The name of a suite may hold anything, that of a baseline [a-z0-9._-]. */
static enum rn_status add_baseline_name(struct rn_buffer *out, const char *name)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; name[i] != '\0' && i < 64 && status == RN_OK; i++) {
        uint8_t byte = rn_byte_lower((uint8_t)name[i]);
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        bool is_inner = i > 0 && (byte == '.' || byte == '_' || byte == '-');
        status = rn_buffer_add_byte(out, is_plain || is_inner ? byte : i > 0 ? '-' : 'x');
    }
    return status;
}

static enum rn_status add_next_command(struct rn_buffer *out, const char *name)
{
    struct rn_buffer pattern = {0};
    enum rn_status status = rn_buffer_addf(&pattern, "%s/*", name);
    status = status == RN_OK ? rn_buffer_addf(out, "; freeze: reenact baseline freeze ") : status;
    status = status == RN_OK ? add_baseline_name(out, name) : status;
    status = status == RN_OK ? rn_buffer_addf(out, " --name ") : status;
    status = status == RN_OK ? rn_shell_word(out, rn_buffer_bytes(&pattern)) : status;
    if (status == RN_OK && asked.store != NULL) {
        status = rn_buffer_addf(out, " --store ");
        status = status == RN_OK ? rn_shell_word(out, rn_bytes_text(asked.store)) : status;
    }
    rn_buffer_free(&pattern);
    return status;
}

/* "recorded refunds: 12 cases, 36 calls, 80 kB raw, 9 kB stored, 1 exited non-zero (first: line 4)" */
static enum rn_status compose_sum(struct rn_buffer *out, const struct rn_each_outcome *outcome)
{
    struct rn_human cases, calls, raw, stored;
    enum rn_status status = rn_buffer_addf(out, "recorded ");
    status = status == RN_OK ? rn_printable(out, rn_bytes_text(outcome->name), RN_PRINTABLE_LINE)
                             : status;
    status = status == RN_OK
                 ? rn_buffer_addf(out, ": %s, %s, %s raw, %s stored",
                                  rn_human_count(&cases, outcome->ended, "case", "cases"),
                                  rn_human_count(&calls, outcome->calls, "call", "calls"),
                                  rn_human_bytes(&raw, outcome->raw_bytes),
                                  rn_human_bytes(&stored, outcome->stored_bytes))
                 : status;
    if (status == RN_OK && outcome->ended < outcome->count) {
        status = rn_buffer_addf(out, ", %zu not begun", outcome->count - outcome->ended);
    }
    if (status == RN_OK && outcome->recorded < outcome->ended) {
        status = rn_buffer_addf(out, ", %zu not recorded", outcome->ended - outcome->recorded);
    }
    if (status == RN_OK && outcome->incomplete > 0) {
        status = rn_buffer_addf(out, ", %zu not complete", outcome->incomplete);
    }
    if (status == RN_OK && outcome->nonzero > 0) {
        status = rn_buffer_addf(out, ", %zu exited non-zero (first: line %u)", outcome->nonzero,
                                (unsigned)outcome->first_line);
    }
    status = status == RN_OK ? rn_buffer_addf(out, ", bypasses not observed") : status;
    if (status == RN_OK && outcome->recorded > 0 && outcome->signal_number == 0) {
        status = add_next_command(out, outcome->name);
    }
    return status == RN_OK ? rn_buffer_addf(out, "\n") : status;
}

static int record_each(char *const *command)
{
    struct rn_error error = {RN_OK, ""};
    struct rn_buffer line = {0};
    static struct rn_each_outcome outcome;
    struct rn_each_settings settings = {.file = asked.each,
                                        .jobs = asked.jobs > RN_JOBS_MAX ? RN_JOBS_MAX + 1
                                                                         : (unsigned)asked.jobs,
                                        .require_complete = must_be_complete(),
                                        .on_case = on_case,
                                        .on_progress = on_progress,
                                        .before_output = before_output};
    enum rn_status status = settings_of(command, &settings.record, &error);
    if (status == RN_OK) {
        status = rn_each_run(&settings, &outcome, &error);
    }
    end_open_line();
    if (status != RN_OK) {
        return rn_cli_complain("record", RN_EXIT_FAILED, &error);
    }
    if (compose_sum(&line, &outcome) == RN_OK) {
        (void)rn_screen_put(stderr, &line);
    }
    rn_buffer_free(&line);
    return outcome.exit;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    int done = rn_cli_begin(&rn_cmd_record, argc, argv, false, &line);
    if (done >= 0) {
        return done;
    }
    if (line.rest_count == 0) {
        return rn_cli_complainf("record", RN_EXIT_FAILED,
                                "which command? reenact record -- COMMAND [ARGUMENT...]");
    }
    if (rn_ports_check(&asked.ports, asked.listen, &error) != RN_OK ||
        rn_pairs_check("--tag", &asked.tags, &error) != RN_OK) {
        return rn_cli_complain("record", RN_EXIT_FAILED, &error);
    }
    if (asked.each == NULL && asked.jobs != 1) {
        return rn_cli_complainf("record", RN_EXIT_FAILED,
                                "--jobs says how many cases of --each run at once: without it "
                                "there is one COMMAND");
    }
    return asked.each != NULL ? record_each(line.rest) : record(line.rest);
}

const struct rn_cli_command rn_cmd_record = {"record",
                                             "record [options] -- COMMAND [ARGUMENT...]",
                                             "run COMMAND and record what it asks and is told",
                                             options,
                                             run,
                                             RN_EXIT_FAILED,
                                             NULL};
