/*
 * A suite of cases from file to last line. In the parent: lines, order, sums. In a child per case: one recorded run. What a
 * child found goes to the parent in one small canonical form, whose writer and reader stand beside each other here.
 */
#include "each.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "base/varint.h"
#include "gateway/argv.h"
#include "gateway/crew.h"
#include "lines.h"
#include "store/trace.h"

#define INPUT "{input}"

enum { EXIT_INCOMPLETE = 124, EXIT_FAILED = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NO_COMMAND = 127 };

struct each {
    const struct rn_each_settings *settings;
    struct rn_each_outcome *outcome;
    struct rn_lines lines;
    const char *name; /* NAME */
};

/* --- what a child tells -------------------------------------------------------------------------------------------- */

enum bits { BIT_RECORDED = 1, BIT_COMPLETE = 2, BIT_OPEN_LINE = 4, BIT_OPEN_STDERR_LINE = 8 };

static enum rn_status put_case(struct rn_buffer *out, const struct rn_each_case *one,
                               const char *store)
{
    unsigned bits = (one->recorded ? BIT_RECORDED : 0U) | (one->complete ? BIT_COMPLETE : 0U) |
                    (one->open_line ? BIT_OPEN_LINE : 0U) |
                    (one->open_stderr_line ? BIT_OPEN_STDERR_LINE : 0U);
    const uint64_t numbers[] = {(uint64_t)one->exit, bits, one->calls, one->raw_bytes,
                                one->stored_bytes};
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && status == RN_OK; i++) {
        status = rn_varint_put(out, numbers[i]);
    }
    if (status == RN_OK) {
        status = rn_run_put(out, rn_bytes_of(one->trace.bytes, sizeof one->trace.bytes));
    }
    if (status == RN_OK) {
        status = rn_run_put(out, rn_bytes_text(store));
    }
    return status == RN_OK ? rn_run_put(out, rn_bytes_text(one->remark)) : status;
}

/* False: the child crashed before it could tell. The texts live in the arena. */
static bool get_case(struct rn_bytes in, struct rn_arena *arena, struct rn_each_case *one,
                     const char **store)
{
    uint64_t numbers[5];
    struct rn_bytes trace;
    struct rn_bytes path;
    struct rn_bytes remark;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!rn_varint_get(&in, &numbers[i])) {
            return false;
        }
    }
    if (!rn_run_get(&in, &trace) || trace.len != sizeof one->trace.bytes ||
        !rn_run_get(&in, &path) || !rn_run_get(&in, &remark)) {
        return false;
    }
    one->exit = (int)numbers[0];
    one->recorded = (numbers[1] & BIT_RECORDED) != 0;
    one->complete = (numbers[1] & BIT_COMPLETE) != 0;
    one->open_line = (numbers[1] & BIT_OPEN_LINE) != 0;
    one->open_stderr_line = (numbers[1] & BIT_OPEN_STDERR_LINE) != 0;
    one->calls = numbers[2];
    one->raw_bytes = numbers[3];
    one->stored_bytes = numbers[4];
    memcpy(one->trace.bytes, trace.data, sizeof one->trace.bytes);
    *store = rn_arena_text(arena, path);
    one->remark = rn_arena_text(arena, remark);
    return *store != NULL && one->remark != NULL;
}

/* --- one case, in its child ---------------------------------------------------------------------------------------- */

/* The store's own words count, not what the recorder remembers. */
static void ask_store(const struct rn_record_outcome *recorded, struct rn_each_case *one)
{
    struct rn_store *store = NULL;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    if (recorded->recorded && !recorded->given_up &&
        rn_store_open(recorded->store, RN_STORE_READ, &store, NULL) == RN_OK &&
        rn_trace_summary(store, &recorded->trace, &arena, &summary, NULL) == RN_OK) {
        one->complete = summary.complete == RN_COMPLETE_YES;
        one->raw_bytes = summary.raw_bytes;
        one->stored_bytes = summary.stored_bytes;
    }
    rn_arena_free(&arena);
    rn_store_close(store);
}

static int exit_of(enum rn_status status, const struct rn_record_outcome *recorded)
{
    if (status == RN_OK) {
        return rn_record_exit(recorded);
    }
    return !recorded->not_executed ? EXIT_FAILED
           : status == RN_NOTFOUND ? EXIT_NO_COMMAND
                                   : EXIT_NOT_EXECUTABLE;
}

static void record_case(const struct rn_record_settings *settings, bool require_complete,
                        struct rn_each_case *one, struct rn_record_outcome *recorded,
                        struct rn_error *error)
{
    enum rn_status status = rn_record_run(settings, recorded, error);
    one->trace = recorded->trace;
    one->calls = recorded->counts.calls;
    one->raw_bytes = recorded->counts.raw_bytes;
    one->stored_bytes = recorded->counts.stored_bytes;
    one->recorded = recorded->recorded;
    one->open_line = recorded->open_line;
    one->open_stderr_line = recorded->open_stderr_line;
    one->remark = status == RN_OK ? recorded->remark : error->text;
    one->exit = exit_of(status, recorded);
    ask_store(recorded, one);
    if (status == RN_OK && require_complete && !one->complete) {
        one->exit = EXIT_INCOMPLETE;
        one->remark = one->remark[0] != '\0' ? one->remark : "the recording is not complete";
    }
}

static int work(void *self, size_t index, struct rn_buffer *result)
{
    const struct each *each = self;
    const struct rn_line *line = &each->lines.at[index];
    const struct rn_argv_place place = {.mark = INPUT, .value = line->text};
    struct rn_record_settings settings = each->settings->record;
    struct rn_each_case one = {.exit = EXIT_FAILED, .remark = "out of memory"};
    struct rn_error error = {RN_OK, ""};
    static struct rn_record_outcome recorded; /* too large for a stack */
    struct rn_arena arena = {0};
    struct rn_buffer name = {0};
    settings.argv = rn_argv_fill(&arena, settings.argv, &place, 1);
    settings.input = line->text;
    settings.only_pipes = true;
    if (settings.argv != NULL &&
        rn_buffer_addf(&name, "%s/%u", each->name, (unsigned)line->number) == RN_OK &&
        rn_buffer_add_byte(&name, 0) == RN_OK) {
        settings.name = (const char *)name.data;
        record_case(&settings, each->settings->require_complete, &one, &recorded, &error);
    }
    enum rn_status status = put_case(result, &one, recorded.store);
    rn_buffer_free(&name);
    rn_arena_free(&arena);
    return status == RN_OK ? 0 : EXIT_FAILED;
}

/* --- the sum, in the parent ---------------------------------------------------------------------------------------- */

static void count_case(struct rn_each_outcome *outcome, const struct rn_each_case *one,
                       const char *store)
{
    outcome->ended++;
    outcome->recorded += one->recorded;
    outcome->incomplete += one->recorded && !one->complete;
    outcome->calls += one->calls;
    outcome->raw_bytes += one->raw_bytes;
    outcome->stored_bytes += one->stored_bytes;
    if (store[0] != '\0') {
        (void)snprintf(outcome->store, sizeof outcome->store, "%s", store);
    }
    if (one->exit != 0) {
        if (outcome->nonzero == 0) {
            outcome->first_line = one->line;
            outcome->exit = one->exit;
        }
        outcome->nonzero++;
    }
}

static void on_done(void *self, size_t index, int status, struct rn_bytes result)
{
    struct each *each = self;
    struct rn_arena arena = {0};
    struct rn_each_case one = {0};
    const char *store = "";
    char crash[80];
    if (!get_case(result, &arena, &one, &store)) {
        (void)snprintf(crash, sizeof crash,
                       WIFSIGNALED(status)
                           ? "the process that recorded this case was ended by signal %d"
                           : "the process that recorded this case broke off with status %d",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        one = (struct rn_each_case){.exit = EXIT_FAILED, .remark = crash};
        store = "";
    }
    one.line = each->lines.at[index].number;
    (void)snprintf(one.name, sizeof one.name, "%s/%u", each->name, (unsigned)one.line);
    count_case(each->outcome, &one, store);
    if (each->settings->on_case != NULL) {
        each->settings->on_case(each->settings->self, &one);
    }
    rn_arena_free(&arena);
}

static void on_progress(void *self, size_t ended, size_t running)
{
    const struct each *each = self;
    if (each->settings->on_progress != NULL) {
        each->settings->on_progress(each->settings->self, ended, running, each->lines.count);
    }
}

static void before_output(void *self)
{
    const struct each *each = self;
    if (each->settings->before_output != NULL) {
        each->settings->before_output(each->settings->self);
    }
}

/* --- the whole ----------------------------------------------------------------------------------------------------- */

static enum rn_status check(const struct rn_each_settings *settings, struct rn_error *error)
{
    const struct rn_record_settings *record = &settings->record;
    bool fixed_ports = record->port != 0 || (record->ports != NULL && record->ports[0] != NULL);
    if (!rn_argv_has(record->argv, INPUT)) {
        return rn_fail(error, RN_INVALID,
                       "no argument of COMMAND holds " INPUT ", where each line of %s is to stand",
                       settings->file);
    }
    if (settings->jobs < 1 || settings->jobs > RN_JOBS_MAX) {
        return rn_fail(error, RN_INVALID, "from 1 to %u cases can run at once, not %u", RN_JOBS_MAX,
                       settings->jobs);
    }
    if (settings->jobs > 1 && fixed_ports) {
        return rn_fail(error, RN_INVALID,
                       "several cases at once cannot share a port: leave --port and --listen out, "
                       "or run one at a time");
    }
    return RN_OK;
}

enum rn_status rn_each_run(const struct rn_each_settings *settings, struct rn_each_outcome *outcome,
                           struct rn_error *error)
{
    struct each each = {.settings = settings, .outcome = outcome};
    *outcome = (struct rn_each_outcome){0};
    enum rn_status status = check(settings, error);
    if (status == RN_OK) {
        status = rn_lines_read(settings->file, &each.lines, error);
    }
    if (status == RN_OK) {
        each.name = settings->record.name != NULL ? settings->record.name
                                                  : rn_lines_name(&each.lines, settings->file);
        status = each.name == NULL ? rn_fail(error, RN_NOMEM, "out of memory") : RN_OK;
    }
    if (status == RN_OK) {
        struct rn_crew_settings crew = {.jobs = each.lines.count,
                                        .at_once = settings->jobs,
                                        .output = settings->jobs > 1 ? RN_CREW_WHOLE : RN_CREW_PASS,
                                        .work = work,
                                        .done = on_done,
                                        .progress = on_progress,
                                        .before_output = before_output,
                                        .self = &each};
        outcome->count = each.lines.count;
        (void)snprintf(outcome->name, sizeof outcome->name, "%s", each.name);
        status = rn_crew_run(&crew, &outcome->signal_number, error);
    }
    if (outcome->signal_number != 0) {
        outcome->exit = 128 + outcome->signal_number;
    }
    rn_lines_free(&each.lines);
    return status;
}
