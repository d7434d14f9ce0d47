/*
 * `baseline check`: every frozen trace replayed exactly, each in a process of its own, and what came of them in one outcome. It
 * judges nothing itself: replay does, and rn_check_plan_make says what can be replayed.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "check_parts.h"
#include "divergence.h"
#include "gateway/crew.h"

#define NS_PER_S UINT64_C(1000000000)

struct check {
    const struct rn_check_settings *settings;
    struct rn_check_outcome *outcome;
    struct rn_check_plan plan;
    bool expired;     /* the case that is told next had no more time */
    char place[4096]; /* holds the directories of all cases, so that all are gone when it is */
};

const char *rn_check_result_name(enum rn_check_result result)
{
    switch (result) {
    case RN_CHECK_REPRODUCED:
        return "reproduced";
    case RN_CHECK_DIVERGED:
        return "diverged";
    case RN_CHECK_INCOMPARABLE:
        return "incomparable";
    case RN_CHECK_TROUBLE:
        return "trouble";
    }
    return "unknown";
}

struct rn_bytes rn_check_label(const struct rn_check_case *one, char id[33])
{
    rn_trace_id_text(&one->id, id);
    return one->name.len > 0 ? one->name : rn_bytes_text(id);
}

int rn_check_exit(const struct rn_check_outcome *outcome)
{
    if (outcome->by_result[RN_CHECK_TROUBLE] > 0) {
        return 2;
    }
    if (outcome->by_result[RN_CHECK_DIVERGED] > 0) {
        return 1;
    }
    return outcome->by_result[RN_CHECK_INCOMPARABLE] > 0 || outcome->count == 0 ? 3 : 0;
}

void rn_check_outcome_free(struct rn_check_outcome *outcome)
{
    rn_arena_free(&outcome->arena);
    *outcome = (struct rn_check_outcome){0};
}

/* --- the crew's side ----------------------------------------------------------------------------------------------- */

static int work(void *self, size_t index, struct rn_buffer *result)
{
    const struct check *check = self;
    return rn_check_case_run(check->settings, &check->plan, &check->plan.jobs[index], check->place,
                             result) == RN_OK
               ? 0
               : RN_CREW_BROKEN;
}

/* A process that broke off, or was told to. */
static void say_broken(struct check *check, struct rn_check_case *one, int status)
{
    one->result = RN_CHECK_TROUBLE;
    one->sentence = rn_bytes_text(
        rn_words(&check->outcome->arena,
                 WIFSIGNALED(status) ? "the process that replayed it was ended by signal %d"
                                     : "the process that replayed it broke off with status %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
}

/* Its command was interrupted as well, so whatever it says of that run is no finding. */
static void say_interrupted(struct rn_check_case *one)
{
    one->result = RN_CHECK_INCOMPARABLE;
    one->verdict = RN_LIT("");
    one->place = one->expected = one->came = one->advice = RN_LIT("");
    one->cause = RN_LIT("interrupted");
    one->sentence = RN_LIT("the check was interrupted before this trace was replayed");
}

/* It was ended by us, so what it says of its end is our doing. Not compared is not passed. */
static void say_timed_out(struct check *check, struct rn_check_case *one)
{
    one->result = RN_CHECK_INCOMPARABLE;
    one->verdict = RN_LIT("");
    one->place = one->expected = one->came = RN_LIT("");
    one->cause = RN_LIT("timed out");
    one->advice = RN_LIT("give it more time with --timeout, or find out what it waits for: "
                         "`reenact replay` shows it");
    one->sentence = rn_bytes_text(
        rn_words(&check->outcome->arena, "its command had not ended after %llu s and was ended",
                 (unsigned long long)(check->settings->timeout_ns / NS_PER_S)));
}

static struct rn_check_case *begin_case(struct check *check, size_t index)
{
    struct rn_check_case *one = &check->outcome->cases[index];
    *one = (struct rn_check_case){.id = check->plan.jobs[index].id,
                                  .name = check->plan.jobs[index].name};
    return one;
}

static void end_case(struct check *check, const struct rn_check_case *one)
{
    check->outcome->count++;
    check->outcome->by_result[one->result]++;
    if (check->settings->on_case != NULL) {
        check->settings->on_case(check->settings->self, one);
    }
}

static void on_expired(void *self, size_t index)
{
    struct check *check = self;
    (void)index;
    check->expired = true;
}

static void on_done(void *self, size_t index, int status, struct rn_bytes result)
{
    struct check *check = self;
    struct rn_check_case *one = begin_case(check, index);
    if (!rn_check_case_get(result, &check->outcome->arena, one) || status != 0) {
        begin_case(check, index);
        say_broken(check, one, status);
    }
    if (check->expired) {
        say_timed_out(check, one);
    } else if (check->outcome->signal_number != 0) {
        say_interrupted(one);
    }
    check->expired = false;
    end_case(check, one);
}

static void on_progress(void *self, size_t ended, size_t running)
{
    const struct check *check = self;
    if (check->settings->on_progress != NULL) {
        check->settings->on_progress(check->settings->self, ended, running, check->plan.count);
    }
}

static void before_output(void *self)
{
    const struct check *check = self;
    if (check->settings->before_output != NULL) {
        check->settings->before_output(check->settings->self);
    }
}

static enum rn_status run_crew(struct check *check, struct rn_error *error)
{
    const struct rn_check_settings *settings = check->settings;
    unsigned at_once = settings->jobs == 0 ? 1 : settings->jobs;
    struct rn_crew_settings crew = {.jobs = check->plan.count,
                                    .at_once = at_once,
                                    .output = !settings->show_output ? RN_CREW_SILENT
                                              : at_once > 1          ? RN_CREW_WHOLE
                                                                     : RN_CREW_PASS,
                                    .work = work,
                                    .done = on_done,
                                    .limit_ns = settings->timeout_ns,
                                    .grace_ns = RN_CHECK_GRACE_NS,
                                    .expired = on_expired,
                                    .progress = on_progress,
                                    .before_output = before_output,
                                    .self = check};
    return rn_crew_run(&crew, &check->outcome->signal_number, error);
}

/* --- the whole ----------------------------------------------------------------------------------------------------- */

/* A key that is pressed twice must not leave half a copy of somebody's directory behind. */
static void drop_place(const struct check *check)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    rn_crew_room_drop(check->place);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

static enum rn_status open_outcome(struct check *check, struct rn_error *error)
{
    struct rn_check_outcome *outcome = check->outcome;
    outcome->arena = check->plan.arena; /* its texts are the outcome's from here on */
    check->plan.arena = (struct rn_arena){0};
    outcome->name = check->plan.name;
    outcome->ignored_output = check->settings->ignore_output;
    memcpy(outcome->root, check->plan.root, sizeof outcome->root);
    outcome->cases = rn_arena_alloc(&outcome->arena, check->plan.count * sizeof *outcome->cases);
    return outcome->cases != NULL ? RN_OK : rn_fail(error, RN_NOMEM, "out of memory");
}

enum rn_status rn_check_run(const struct rn_check_settings *settings,
                            struct rn_check_outcome *outcome, struct rn_error *error)
{
    struct check check = {.settings = settings, .outcome = outcome};
    uint64_t started_ns = rn_clock_mono_ns();
    *outcome = (struct rn_check_outcome){0};
    enum rn_status status = rn_check_plan_make(settings, &check.plan, error);
    if (status == RN_OK) {
        status = open_outcome(&check, error);
    }
    if (status == RN_OK) {
        status = rn_crew_room_make(NULL, NULL, check.place, error);
    }
    if (status == RN_OK) {
        status = run_crew(&check, error);
        drop_place(&check);
    }
    while (status == RN_OK && outcome->count < check.plan.count) {
        struct rn_check_case *one = begin_case(&check, outcome->count);
        say_interrupted(one);
        end_case(&check, one);
    }
    outcome->wall_ns = rn_clock_mono_ns() - started_ns;
    rn_check_plan_free(&check.plan);
    return status;
}
