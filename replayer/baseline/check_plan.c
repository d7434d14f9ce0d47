/*
 * Which traces of a baseline are replayed, and whether they can be: read once, before anything runs. In: a baseline. Out: jobs in
 * the order in which people count, or a sentence.
 */
#include "check_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/memory.h"
#include "gateway/argv.h"
#include "rerun.h"
#include "store/find.h"

void rn_check_plan_free(struct rn_check_plan *plan)
{
    rn_free(plan->jobs);
    rn_arena_free(&plan->arena);
    *plan = (struct rn_check_plan){0};
}

/* --- order --------------------------------------------------------------------------------------------------------- */

static size_t digits_at(struct rn_bytes text, size_t at)
{
    size_t len = 0;
    while (at + len < text.len && text.data[at + len] >= '0' && text.data[at + len] <= '9') {
        len++;
    }
    return len;
}

/* Two numbers as written, of any length: without leading zeros the longer one is the greater. */
static int compare_numbers(struct rn_bytes a, struct rn_bytes b)
{
    while (a.len > 1 && a.data[0] == '0') {
        a = rn_bytes_from(a, 1);
    }
    while (b.len > 1 && b.data[0] == '0') {
        b = rn_bytes_from(b, 1);
    }
    return a.len != b.len ? (a.len < b.len ? -1 : 1) : rn_bytes_compare(a, b);
}

int rn_check_compare_names(struct rn_bytes a, struct rn_bytes b)
{
    size_t i = 0;
    size_t j = 0;
    while (i < a.len && j < b.len) {
        size_t in_a = digits_at(a, i);
        size_t in_b = digits_at(b, j);
        int order = in_a > 0 && in_b > 0
                        ? compare_numbers(rn_bytes_sub(a, i, in_a), rn_bytes_sub(b, j, in_b))
                        : (int)a.data[i] - (int)b.data[j];
        if (order != 0) {
            return order;
        }
        i += in_a > 0 ? in_a : 1;
        j += in_b > 0 ? in_b : 1;
    }
    /* "1" and "01" are one number and two names. */
    return i < a.len ? 1 : j < b.len ? -1 : rn_bytes_compare(a, b);
}

static int compare_jobs(const void *a, const void *b)
{
    const struct rn_check_job *left = a;
    const struct rn_check_job *right = b;
    int order = rn_check_compare_names(left->name, right->name);
    return order != 0 ? order : memcmp(left->id.bytes, right->id.bytes, sizeof left->id.bytes);
}

/* --- the jobs ------------------------------------------------------------------------------------------------------ */

static struct rn_check_job *job_of(const struct rn_check_plan *plan, const struct rn_trace_id *id)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (rn_trace_id_equal(&plan->jobs[i].id, id)) {
            return &plan->jobs[i];
        }
    }
    return NULL;
}

static enum rn_status take_jobs(struct rn_check_plan *plan, const struct rn_baseline *baseline)
{
    plan->jobs = rn_calloc(baseline->count, sizeof *plan->jobs);
    plan->name = rn_arena_copy(&plan->arena, baseline->name);
    if (plan->jobs == NULL || plan->name.data == NULL) {
        return RN_NOMEM;
    }
    memcpy(plan->root, baseline->root, sizeof plan->root);
    for (; plan->count < baseline->count; plan->count++) {
        const struct rn_baseline_trace *trace = &baseline->traces[plan->count];
        struct rn_check_job *job = &plan->jobs[plan->count];
        job->id = trace->id;
        job->has_input = trace->has_input;
        job->has_run = trace->has_run;
        job->name = rn_arena_copy(&plan->arena, trace->name);
        job->input = rn_arena_copy(&plan->arena, trace->input);
        if (job->name.data == NULL || job->input.data == NULL) {
            return RN_NOMEM;
        }
    }
    return RN_OK;
}

static struct rn_bytes fault_name(enum rn_baseline_fault fault)
{
    switch (fault) {
    case RN_BASELINE_MISSING:
        return RN_LIT("missing");
    case RN_BASELINE_CHANGED:
        return RN_LIT("changed");
    case RN_BASELINE_DAMAGED:
        break;
    }
    return RN_LIT("damaged");
}

static enum rn_status take_findings(struct rn_check_plan *plan, struct rn_store *store,
                                    const char *name, struct rn_error *error)
{
    struct rn_baseline_finding *findings = NULL;
    size_t count = 0;
    enum rn_status status = rn_baseline_verify(store, name, &plan->arena, &findings, &count, error);
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        struct rn_check_job *job = job_of(plan, &findings[i].id);
        if (job == NULL) { /* whatever it is, it is no pass */
            return rn_fail(error, RN_DAMAGED, "%.*s", (int)findings[i].sentence.len,
                           (const char *)findings[i].sentence.data);
        }
        job->finding = findings[i].sentence;
        job->fault = fault_name(findings[i].fault);
    }
    return status;
}

/* --- children ------------------------------------------------------------------------------------------------------ */

/* The run that a trace is replayed with, by the rule of replay itself: else nobody might replay it. */
static enum rn_status find_root(struct rn_store *store, const struct rn_trace_summary *trace,
                                struct rn_arena *arena, struct rn_trace_id *root, bool *found)
{
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    struct rn_trace_summary best;
    *found = false;
    enum rn_status status = rn_find_session(store, &trace->session, &ids, &count, NULL);
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        struct rn_trace_summary other;
        status = rn_trace_summary(store, &ids[i], arena, &other, NULL);
        if (status == RN_OK && rn_catalog_opened(&other, trace, *found ? &best : NULL)) {
            best = other;
            *root = other.id;
            *found = true;
        }
    }
    rn_free(ids);
    return status;
}

/*
 * A trace that a frozen run opened is replayed with that run. What was found wrong with it is wrong with the whole. A trace whose
 * run cannot be found stays a job of its own: nothing is left out.
 */
static void join_child(struct rn_check_plan *plan, struct rn_store *store, struct rn_check_job *job)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_trace_id root_id;
    bool found = false;
    if (rn_trace_summary(store, &job->id, &arena, &summary, NULL) == RN_OK &&
        find_root(store, &summary, &arena, &root_id, &found) == RN_OK) {
        struct rn_check_job *root = found ? job_of(plan, &root_id) : NULL;
        job->is_child = root != NULL && root != job;
        if (job->is_child && root->finding.len == 0) {
            root->finding = job->finding;
            root->fault = job->fault;
        }
        if (!found && job->finding.len == 0 && job_of(plan, &summary.parent) != NULL) {
            job->finding =
                RN_LIT("it was not opened by the run of its parent, and no command asks for it "
                       "again");
            job->fault = RN_LIT("no command");
        }
    }
    rn_arena_free(&arena);
}

static void join_children(struct rn_check_plan *plan, struct rn_store *store)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->jobs[i].has_run) {
            join_child(plan, store, &plan->jobs[i]);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->jobs[i].is_child) {
            plan->jobs[kept++] = plan->jobs[i];
        }
    }
    plan->count = kept;
}

/* --- whether they can be checked ----------------------------------------------------------------------------------- */

/* What stands in the way of a job, or NULL. */
typedef const char *rn_obstacle(const struct rn_check_job *job, const struct rn_catalog *catalog);

static const char *no_command(const struct rn_check_job *job, const struct rn_catalog *catalog)
{
    struct rn_arena arena = {0};
    char *const *argv = NULL;
    const char *obstacle = NULL;
    if (!job->has_run || !rn_rerun_recorded_argv(catalog, &arena, &argv)) {
        obstacle = "was recorded without a command, so that there is nothing to run";
    } else if (!rn_rerun_is_ours(catalog)) {
        obstacle = rn_rerun_is_redacted(catalog)
                       ? "was recorded with a credential in its command, which is not stored"
                       : "was not recorded here by you, and what others recorded is not run";
    }
    rn_arena_free(&arena);
    return obstacle;
}

static const char *no_input(const struct rn_check_job *job, const struct rn_catalog *catalog)
{
    struct rn_spans spans = {0};
    const char *obstacle = NULL;
    if (!job->has_input) {
        obstacle = "has no line of --each for " RN_CHECK_INPUT;
    } else if (rn_event_spans(&catalog->run, RN_TAG_INPUT, &spans) != RN_OK || spans.count > 0) {
        obstacle = "had a credential in its line, which is not stored: " RN_CHECK_INPUT
                   " cannot be filled in";
    }
    rn_spans_free(&spans);
    return obstacle;
}

/* Reads the run of a job and asks. Enough of a catalog for the questions of rerun.h. */
static enum rn_status ask(struct rn_store *store, const struct rn_check_job *job,
                          rn_obstacle *question, const char **obstacle, struct rn_error *error)
{
    struct rn_catalog_trace trace = {.summary = {.id = job->id}};
    struct rn_catalog catalog = {.traces = &trace, .trace_count = 1, .has_run = job->has_run};
    struct rn_arena arena = {0};
    enum rn_status status = !job->has_run ? RN_OK
                                          : rn_trace_event(store, &job->id, RN_CLASS_EVENT, 0,
                                                           &arena, &catalog.run, error);
    if (status == RN_OK) {
        *obstacle = question(job, &catalog);
    }
    rn_arena_free(&arena);
    return status;
}

/* "support/3", or the id of what has no name. */
static const char *name_of(struct rn_arena *arena, const struct rn_check_job *job)
{
    char id[33];
    rn_trace_id_text(&job->id, id);
    return job->name.len > 0 ? rn_excerpt(arena, job->name, 0) : rn_words(arena, "%s", id);
}

static enum rn_status ask_all(struct rn_check_plan *plan, struct rn_store *store,
                              rn_obstacle *question, const char *advice, struct rn_error *error)
{
    const struct rn_check_job *first = NULL;
    const char *why = "";
    size_t more = 0;
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < plan->count && status == RN_OK; i++) {
        const char *obstacle = NULL;
        if (plan->jobs[i].finding.len == 0) {
            status = ask(store, &plan->jobs[i], question, &obstacle, error);
        }
        more += obstacle != NULL && first != NULL;
        if (obstacle != NULL && first == NULL) {
            first = &plan->jobs[i];
            why = obstacle;
        }
    }
    if (status != RN_OK || first == NULL) {
        return status;
    }
    const char *name = name_of(&plan->arena, first);
    return more == 0
               ? rn_fail(error, RN_REFUSED, "%s %s: %s", name, why, advice)
               : rn_fail(error, RN_REFUSED, "%s %s (and %zu more): %s", name, why, more, advice);
}

static enum rn_status ask_settings(const struct rn_check_settings *settings,
                                   struct rn_check_plan *plan, struct rn_store *store,
                                   struct rn_error *error)
{
    if (settings->argv == NULL) {
        return ask_all(plan, store, no_command, "give the command behind --", error);
    }
    return rn_argv_has(settings->argv, RN_CHECK_INPUT)
               ? ask_all(plan, store, no_input,
                         "leave " RN_CHECK_INPUT " out, or check a baseline of such cases", error)
               : RN_OK;
}

/* --- the whole ----------------------------------------------------------------------------------------------------- */

static enum rn_status read_baseline(const struct rn_check_settings *settings,
                                    struct rn_check_plan *plan, struct rn_store *store,
                                    struct rn_error *error)
{
    struct rn_baseline baseline = {0};
    enum rn_status status = rn_baseline_load(store, settings->name, &baseline, error);
    if (status == RN_OK && take_jobs(plan, &baseline) != RN_OK) {
        status = rn_fail(error, RN_NOMEM, "out of memory");
    }
    if (status == RN_OK) {
        status = take_findings(plan, store, settings->name, error);
    }
    rn_baseline_free(&baseline);
    return status;
}

static enum rn_status check_settings(const struct rn_check_settings *settings,
                                     struct rn_error *error)
{
    struct stat found;
    if (settings->jobs > RN_JOBS_MAX) {
        return rn_fail(error, RN_INVALID, "at most %u traces can be replayed at once, not %u",
                       RN_JOBS_MAX, settings->jobs);
    }
    if (settings->workdir == NULL) {
        return RN_OK;
    }
    if (stat(settings->workdir, &found) != 0) {
        return rn_fail(error, RN_NOTFOUND, "the directory %s cannot be copied: %s",
                       settings->workdir, strerror(errno));
    }
    return S_ISDIR(found.st_mode)
               ? RN_OK
               : rn_fail(error, RN_INVALID, "%s is no directory to be copied", settings->workdir);
}

enum rn_status rn_check_plan_make(const struct rn_check_settings *settings,
                                  struct rn_check_plan *plan, struct rn_error *error)
{
    struct rn_store *store = NULL;
    *plan = (struct rn_check_plan){0};
    enum rn_status status = check_settings(settings, error);
    if (status == RN_OK) {
        status =
            rn_store_place(settings->store, RN_STORE_READ, plan->store, sizeof plan->store, error);
    }
    if (status == RN_OK) {
        status = rn_store_open(plan->store, RN_STORE_READ, &store, error);
    }
    if (status == RN_OK) {
        status = read_baseline(settings, plan, store, error);
    }
    if (status == RN_OK) {
        join_children(plan, store);
        qsort(plan->jobs, plan->count, sizeof *plan->jobs, compare_jobs);
        status = ask_settings(settings, plan, store, error);
    }
    rn_store_close(store);
    return status;
}
