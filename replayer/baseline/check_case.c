/*
 * One trace of a baseline, replayed in a process of its own: its directories, its environment, its words, what came of it.
 * The writer and the reader of what the process hands back stand beside each other.
 */
#include "check_parts.h"

#include <string.h>

#include "base/clock.h"
#include "base/varint.h"
#include "gateway/argv.h"
#include "gateway/crew.h"

/* --- handing back -------------------------------------------------------------------------------------------------- */

enum rn_status rn_check_case_put(struct rn_buffer *out, const struct rn_check_case *one)
{
    const struct rn_bytes texts[] = {one->verdict, one->sentence, one->place, one->expected,
                                     one->came,    one->cause,    one->advice};
    enum rn_status status = rn_varint_put(out, (uint64_t)one->result);
    status = status == RN_OK ? rn_varint_put(out, one->wall_ns) : status;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && status == RN_OK; i++) {
        status = rn_run_put(out, texts[i]);
    }
    return status;
}

bool rn_check_case_get(struct rn_bytes in, struct rn_arena *arena, struct rn_check_case *one)
{
    struct rn_bytes *const texts[] = {&one->verdict, &one->sentence, &one->place, &one->expected,
                                      &one->came,    &one->cause,    &one->advice};
    struct rn_bytes text;
    uint64_t result;
    if (!rn_varint_get(&in, &result) || result > RN_CHECK_TROUBLE ||
        !rn_varint_get(&in, &one->wall_ns)) {
        return false;
    }
    one->result = (enum rn_check_result)result;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!rn_run_get(&in, &text)) {
            return false;
        }
        *texts[i] = rn_arena_copy(arena, text);
        if (texts[i]->data == NULL) {
            return false;
        }
    }
    return in.len == 0;
}

/* --- what is judged ------------------------------------------------------------------------------------------------ */

/*
 * Only `reproduced` is a pass. What was reproduced with help or with something unknown is no difference either; and a recording
 * that was held against itself says nothing about the application.
 */
static enum rn_check_result result_of(enum rn_verdict verdict)
{
    switch (verdict) {
    case RN_VERDICT_REPRODUCED:
        return RN_CHECK_REPRODUCED;
    case RN_VERDICT_DIVERGED:
        return RN_CHECK_DIVERGED;
    case RN_VERDICT_VERIFIED:
    case RN_VERDICT_ASSISTED:
    case RN_VERDICT_INCOMPARABLE:
        break;
    }
    return RN_CHECK_INCOMPARABLE;
}

static void judge(struct rn_check_case *one, const struct rn_replay_outcome *outcome)
{
    one->result = result_of(outcome->verdict);
    one->verdict = rn_bytes_text(rn_verdict_name(outcome->verdict));
    one->sentence = rn_bytes_text(outcome->sentence);
    one->place = rn_bytes_text(outcome->place);
    one->expected = rn_bytes_text(outcome->expected);
    one->came = rn_bytes_text(outcome->came);
    one->cause = rn_bytes_text(outcome->cause);
    one->advice = rn_bytes_text(outcome->advice);
}

/* --- surroundings -------------------------------------------------------------------------------------------------- */

/* Directories that this case has to itself. */
struct rooms {
    char temporary[4096];
    char work[4096];
};

static enum rn_status open_rooms(struct rooms *rooms, const char *place, const char *workdir,
                                 struct rn_error *error)
{
    enum rn_status status = rn_crew_room_make(place, NULL, rooms->temporary, error);
    if (status == RN_OK && workdir != NULL) {
        status = rn_crew_room_make(place, workdir, rooms->work, error);
    }
    return status;
}

static void close_rooms(const struct rooms *rooms)
{
    if (rooms->temporary[0] != '\0') {
        rn_crew_room_drop(rooms->temporary);
    }
    if (rooms->work[0] != '\0') {
        rn_crew_room_drop(rooms->work);
    }
}

static char *const *environment_with(struct rn_arena *arena, char *const *environment,
                                     const char *temporary)
{
    size_t count = 0;
    size_t kept = 0;
    while (environment[count] != NULL) {
        count++;
    }
    char **out = rn_arena_alloc(arena, (count + 2) * sizeof *out);
    char *line = rn_arena_alloc(arena, strlen("TMPDIR=") + strlen(temporary) + 1);
    if (out == NULL || line == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environment[i], "TMPDIR=", strlen("TMPDIR=")) != 0) {
            out[kept++] = environment[i];
        }
    }
    memcpy(line, "TMPDIR=", strlen("TMPDIR="));
    memcpy(line + strlen("TMPDIR="), temporary, strlen(temporary));
    out[kept] = line;
    return out;
}

/* --- the replay ---------------------------------------------------------------------------------------------------- */

static enum rn_status replay(const struct rn_check_settings *settings,
                             const struct rn_check_plan *plan, const struct rn_check_job *job,
                             const struct rooms *rooms, struct rn_arena *arena,
                             struct rn_replay_outcome *outcome, struct rn_error *error)
{
    char id[33];
    const char *const traces[] = {id, NULL};
    rn_trace_id_text(&job->id, id);
    const struct rn_argv_place places[] = {
        {RN_CHECK_INPUT, job->has_input ? rn_arena_text(arena, job->input) : NULL},
        {RN_CHECK_TRACE, id}};
    struct rn_replay_settings replay = {
        .traces = traces,
        .argv = settings->argv == NULL ? NULL : rn_argv_fill(arena, settings->argv, places, 2),
        .environment = environment_with(arena, settings->environment, rooms->temporary),
        .store = plan->store,
        .rules = 1U << RN_RULE_BYTES | 1U << RN_RULE_JSON,
        .order = RN_ORDER_RECORDED,
        .ignore_output = settings->ignore_output,
        .fresh_ports = true,
        .workdir = settings->workdir == NULL ? NULL : rooms->work};
    if (replay.environment == NULL || (settings->argv != NULL && replay.argv == NULL) ||
        (job->has_input && places[0].value == NULL)) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    return rn_replay_run(&replay, outcome, error);
}

static void judge_job(const struct rn_check_settings *settings, const struct rn_check_plan *plan,
                      const struct rn_check_job *job, const char *place, struct rn_arena *arena,
                      struct rn_replay_outcome *outcome, struct rn_error *error,
                      struct rn_check_case *one)
{
    struct rooms rooms = {"", ""};
    enum rn_status status = open_rooms(&rooms, place, settings->workdir, error);
    if (status == RN_OK) {
        status = replay(settings, plan, job, &rooms, arena, outcome, error);
    }
    if (status == RN_OK) {
        judge(one, outcome);
        if (one->result == RN_CHECK_INCOMPARABLE && outcome->ran_command &&
            !settings->show_output && one->advice.len == 0) {
            one->advice = RN_LIT("--output shows what the command printed");
        }
    } else {
        one->result = RN_CHECK_TROUBLE;
        one->sentence = rn_bytes_text(error->text);
    }
    close_rooms(&rooms);
}

enum rn_status rn_check_case_run(const struct rn_check_settings *settings,
                                 const struct rn_check_plan *plan, const struct rn_check_job *job,
                                 const char *place, struct rn_buffer *result)
{
    struct rn_check_case one = {.result = RN_CHECK_INCOMPARABLE};
    struct rn_replay_outcome outcome = {0};
    struct rn_arena arena = {0};
    struct rn_error error = {RN_OK, ""};
    uint64_t started_ns = rn_clock_mono_ns();
    if (job->finding.len > 0) {
        one.sentence = job->finding;
        one.cause = job->fault;
    } else {
        judge_job(settings, plan, job, place, &arena, &outcome, &error, &one);
    }
    one.wall_ns = rn_clock_mono_ns() - started_ns;
    enum rn_status status = rn_check_case_put(result, &one);
    rn_replay_outcome_free(&outcome);
    rn_arena_free(&arena);
    return status;
}
