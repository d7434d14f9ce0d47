/*
 * A replay from open to last line. In: settings. Out: an outcome with a verdict and a receipt.
 *
 * The child is forked before a loop or a store stays open, and executes nothing before the recording has been read and found
 * sound. Every way out goes through rn_replay_run, which closes in the reverse order.
 */
#include "replay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "drive.h"
#include "receipt.h"

#define SETTLE_NS UINT64_C(2000000)
#define SETTLE_QUIET_TICKS 3u  /* nothing is open and nothing came: it is over */
#define SETTLE_IDLE_TICKS 50u  /* only idle connections are left */
#define SETTLE_TICKS_MAX 1000u /* whoever still holds an answer will not let go */

struct replay {
    const struct rn_replay_settings *settings;
    struct rn_replay_outcome *outcome;
    enum rn_replay_mode mode;
    char path[4096];
    struct rn_store *store;
    struct rn_catalog catalog;
    struct rn_rerun rerun;
    struct rn_venue venue;
    struct rn_loop *loop;
    struct rn_redactor *redactor;
    struct rn_replayer *replayer;
    struct rn_gateway *gateway;
    struct rn_self *self;
    struct rn_drive *drive;
    struct rn_timer *kill; /* an application that does not end when it is told to */
    struct rn_timer *settle;
    unsigned settle_ticks;
    unsigned quiet_ticks;
    uint64_t requests_seen;
    uint64_t started_ns;
};

/* --- signals of --serve -------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t signal_pipe = -1;

static void on_signal(int number)
{
    char byte = (char)number;
    ssize_t ignored = write((int)signal_pipe, &byte, 1);
    (void)ignored;
}

static void on_signal_pipe(void *self, bool readable, bool writable)
{
    struct replay *replay = self;
    (void)writable;
    if (readable) {
        rn_loop_stop(replay->loop);
    }
}

/* Runs the loop until SIGINT or SIGTERM. */
static enum rn_status run_until_signal(struct replay *replay, struct rn_error *error)
{
    int ends[2];
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction before[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return rn_fail(error, RN_IO, "no pipe for signals: %s", strerror(errno));
    }
    struct rn_watch *watch = rn_watch_new(replay->loop, ends[0], on_signal_pipe, replay);
    if (watch != NULL) {
        rn_watch_set(watch, true, false);
        signal_pipe = ends[1];
        (void)sigemptyset(&action.sa_mask);
        (void)sigaction(SIGINT, &action, &before[0]);
        (void)sigaction(SIGTERM, &action, &before[1]);
        rn_loop_run(replay->loop);
        (void)sigaction(SIGINT, &before[0], NULL);
        (void)sigaction(SIGTERM, &before[1], NULL);
        signal_pipe = -1;
        rn_watch_free(watch);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return watch != NULL ? RN_OK : rn_fail(error, RN_NOMEM, "out of memory");
}

/* --- the end of a run ---------------------------------------------------------------------------------------------- */

/*
 * The command has ended, but what it sent last may still lie in our sockets, and children of its own may go on. Waits until
 * nothing is open and nothing comes, or for as long as that makes sense.
 */
static void on_settle(void *self)
{
    struct replay *replay = self;
    struct rn_gateway_counts counts = rn_gateway_counts(replay->gateway);
    bool quiet = counts.open == 0 && counts.requests == replay->requests_seen;
    replay->requests_seen = counts.requests;
    replay->quiet_ticks = quiet ? replay->quiet_ticks + 1 : 0;
    replay->settle_ticks++;
    if (replay->quiet_ticks >= SETTLE_QUIET_TICKS || replay->settle_ticks >= SETTLE_TICKS_MAX ||
        (counts.in_flight == 0 && replay->settle_ticks >= SETTLE_IDLE_TICKS)) {
        rn_loop_stop(replay->loop);
        return;
    }
    rn_timer_start(replay->settle, SETTLE_NS);
}

static void on_over(void *self)
{
    struct replay *replay = self;
    rn_replayer_dismiss(replay->replayer);
    rn_timer_start(replay->settle, SETTLE_NS);
}

/* --- before anything runs ------------------------------------------------------------------------------------------ */

static enum rn_status choose_traces(struct replay *replay, struct rn_error *error)
{
    struct rn_store *store = NULL;
    enum rn_status status = rn_store_place(replay->settings->store, RN_STORE_READ, replay->path,
                                           sizeof replay->path, error);
    if (status == RN_OK) {
        status = rn_store_open(replay->path, RN_STORE_READ, &store, error);
    }
    if (status == RN_OK) {
        status = rn_catalog_choose(&replay->catalog, store, replay->settings->traces, error);
    }
    if (store != NULL) {
        rn_store_close(store); /* no store is open while the child is forked */
    }
    return status;
}

static void choose_mode(struct replay *replay)
{
    const struct rn_replay_settings *settings = replay->settings;
    replay->mode = settings->drive != NULL                             ? RN_MODE_DRIVE
                   : settings->serve                                   ? RN_MODE_SERVE
                   : settings->self                                    ? RN_MODE_SELF
                   : settings->argv != NULL || replay->catalog.has_run ? RN_MODE_COMMAND
                                                                       : RN_MODE_SELF;
}

/* The command that was given, or the recorded one if it is ours to run. */
static enum rn_status choose_argv(struct replay *replay, char *const **argv, struct rn_error *error)
{
    *argv = replay->settings->argv;
    if (*argv != NULL) {
        return RN_OK;
    }
    if (!rn_rerun_recorded_argv(&replay->catalog, &replay->outcome->arena, argv)) {
        return rn_fail(error, RN_INVALID, "the run holds no command: give one behind --");
    }
    if (rn_rerun_is_ours(&replay->catalog)) {
        return RN_OK;
    }
    replay->outcome->argv = *argv;
    return rn_fail(
        error, RN_REFUSED, "%s",
        rn_rerun_is_redacted(&replay->catalog)
            ? "an argument of the recorded command held a credential, which is not stored: "
              "give the command behind --"
            : "this command was not recorded here by you: look at it and give it behind --");
}

static enum rn_status prepare_command(struct replay *replay, struct rn_error *error)
{
    char *const *argv = NULL;
    bool starts_application = replay->mode == RN_MODE_DRIVE && replay->settings->argv != NULL;
    if ((replay->mode != RN_MODE_COMMAND && !starts_application) ||
        replay->catalog.problem[0] != '\0') {
        return RN_OK;
    }
    enum rn_status status = choose_argv(replay, &argv, error);
    return status != RN_OK ? status
                           : rn_rerun_prepare(&replay->rerun, &replay->catalog, argv,
                                              replay->settings->environment, error);
}

static bool is_being_recorded(const struct rn_catalog *catalog)
{
    for (size_t i = 0; i < catalog->trace_count; i++) {
        if (catalog->traces[i].summary.state == RN_TRACE_OPEN) {
            return true;
        }
    }
    return false;
}

/* Whether it makes sense to run anything: otherwise the verdict is known already, and nothing is run for nothing. */
static bool is_worth_it(const struct replay *replay)
{
    const struct rn_catalog *catalog = &replay->catalog;
    bool has_something =
        catalog->count > 0 || (replay->mode == RN_MODE_DRIVE && catalog->decision_count > 0);
    return catalog->problem[0] == '\0' && has_something && !is_being_recorded(catalog);
}

/* --- the stage ----------------------------------------------------------------------------------------------------- */

static enum rn_status open_gateway(struct replay *replay, struct rn_error *error)
{
    const struct rn_replay_settings *settings = replay->settings;
    struct rn_replayer_settings replayer = {.loop = replay->loop,
                                            .catalog = &replay->catalog,
                                            .redactor = replay->redactor,
                                            .rules = settings->rules,
                                            .order = settings->order,
                                            .pace =
                                                replay->mode == RN_MODE_SELF ? 0 : settings->pace,
                                            .exact = replay->mode == RN_MODE_SELF,
                                            .forced_trace = SIZE_MAX};
    replay->replayer = rn_replayer_new(&replayer);
    if (replay->replayer == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    struct rn_handler handler = rn_replayer_handler(replay->replayer);
    replay->gateway = rn_gateway_new(replay->loop, &handler);
    if (replay->gateway == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    rn_replayer_watch(replay->replayer, replay->gateway);
    return rn_venue_listen(&replay->venue, replay->gateway, &replay->catalog, settings->port,
                           error);
}

static enum rn_status open_stage(struct replay *replay, struct rn_error *error)
{
    replay->loop = rn_loop_new();
    replay->redactor = rn_redactor_new();
    replay->settle = replay->loop == NULL ? NULL : rn_timer_new(replay->loop, on_settle, replay);
    if (replay->settle == NULL || replay->redactor == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory or descriptors");
    }
    enum rn_status status = RN_OK;
    if (replay->mode != RN_MODE_SELF) {
        status = rn_venue_plan(&replay->venue, &replay->catalog, replay->settings->environment,
                               replay->loop, error);
    }
    return status == RN_OK ? open_gateway(replay, error) : status;
}

/* The command's credentials are compared by presence wherever they appear. */
static enum rn_status learn(struct rn_redactor *redactor, char *const *environment)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && environment[i] != NULL; i++) {
        size_t name_len = strcspn(environment[i], "=");
        if (environment[i][name_len] == '=' &&
            rn_environment_is_credential(rn_bytes_of(environment[i], name_len))) {
            status = rn_redactor_learn(redactor, rn_bytes_text(environment[i] + name_len + 1));
        }
    }
    return status;
}

/* --- the three ways ------------------------------------------------------------------------------------------------ */

static enum rn_status run_command(struct replay *replay, struct rn_error *error)
{
    char *const *own = replay->settings->environment;
    replay->venue.term = replay->rerun.term;
    char **environment = rn_venue_environment(&replay->venue, &replay->catalog, own, own);
    if (environment == NULL || learn(replay->redactor, environment) != RN_OK) {
        rn_environment_drop(environment);
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    enum rn_status status =
        rn_rerun_release(&replay->rerun, replay->loop, environment, on_over, replay, error);
    rn_environment_drop(environment);
    if (status == RN_OK) {
        rn_loop_run(replay->loop);
    }
    /* RN_REFUSED means something else to our caller: a recorded command that is not ours to run. */
    if (status == RN_REFUSED && error != NULL) {
        error->status = RN_IO;
    }
    return status == RN_REFUSED ? RN_IO : status;
}

/* What the command would be given is told to whoever starts the application. */
static enum rn_status tell_ready(struct replay *replay, struct rn_error *error)
{
    char *const *own = replay->settings->environment;
    char url[40];
    char **environment = rn_venue_environment(&replay->venue, &replay->catalog, own, own);
    if (environment == NULL || learn(replay->redactor, environment) != RN_OK) {
        rn_environment_drop(environment);
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    rn_venue_url(&replay->venue, url);
    if (replay->settings->on_ready != NULL) {
        replay->settings->on_ready(replay->settings->owner, url, environment);
    }
    rn_environment_drop(environment);
    return RN_OK;
}

static enum rn_status run_serving(struct replay *replay, struct rn_error *error)
{
    enum rn_status status = tell_ready(replay, error);
    return status == RN_OK ? run_until_signal(replay, error) : status;
}

/* --- driving an application ---------------------------------------------------------------------------------------- */

static void on_kill(void *self)
{
    struct replay *replay = self;
    (void)kill((pid_t)rn_command_pid(replay->rerun.command), SIGKILL);
}

/* All is sent: the application that we started ends, somebody else's goes on. */
static void on_driven(void *self)
{
    struct replay *replay = self;
    if (replay->settings->argv == NULL || replay->rerun.ended) {
        on_over(replay);
        return;
    }
    (void)kill((pid_t)rn_command_pid(replay->rerun.command), SIGTERM);
    rn_timer_start(replay->kill, RN_COMMAND_GRACE_MS * UINT64_C(1000000));
}

static void on_application_ended(void *self)
{
    struct replay *replay = self;
    rn_timer_stop(replay->kill);
    rn_drive_stop(replay->drive);
    on_over(replay);
}

static enum rn_status start_application(struct replay *replay, struct rn_error *error)
{
    char *const *own = replay->settings->environment;
    char **environment = rn_venue_environment(&replay->venue, &replay->catalog, own, own);
    if (environment == NULL || learn(replay->redactor, environment) != RN_OK) {
        rn_environment_drop(environment);
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    enum rn_status status = rn_rerun_release(&replay->rerun, replay->loop, environment,
                                             on_application_ended, replay, error);
    rn_environment_drop(environment);
    /* RN_REFUSED means something else to our caller: a recorded command that is not ours to run. */
    if (status == RN_REFUSED && error != NULL) {
        error->status = RN_IO;
    }
    return status == RN_REFUSED ? RN_IO : status;
}

static enum rn_status run_driving(struct replay *replay, struct rn_error *error)
{
    bool starts = replay->settings->argv != NULL;
    struct rn_drive_settings settings = {.loop = replay->loop,
                                         .catalog = &replay->catalog,
                                         .redactor = replay->redactor,
                                         .url = replay->settings->drive,
                                         .wait_ns = starts ? RN_DRIVE_WAIT_NS : 0,
                                         .on_done = on_driven,
                                         .self = replay};
    enum rn_status status = rn_drive_new(&settings, &replay->drive, error);
    replay->kill = status == RN_OK ? rn_timer_new(replay->loop, on_kill, replay) : NULL;
    if (status == RN_OK && replay->kill == NULL) {
        status = rn_fail(error, RN_NOMEM, "out of memory");
    }
    if (status == RN_OK) {
        status = starts ? start_application(replay, error) : tell_ready(replay, error);
    }
    if (status == RN_OK) {
        rn_drive_start(replay->drive);
        status = run_until_signal(replay, error);
        rn_drive_stop(replay->drive);
    }
    return status == RN_OK ? rn_drive_status(replay->drive, error) : status;
}

static enum rn_status run_self(struct replay *replay, struct rn_error *error)
{
    struct rn_self_settings settings = {.loop = replay->loop,
                                        .catalog = &replay->catalog,
                                        .venue = &replay->venue,
                                        .replayer = replay->replayer,
                                        .on_done = on_over,
                                        .self = replay};
    replay->self = rn_self_new(&settings);
    if (replay->self == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    rn_self_start(replay->self);
    rn_loop_run(replay->loop);
    return rn_self_status(replay->self, error);
}

static enum rn_status perform(struct replay *replay, struct rn_error *error)
{
    enum rn_status status = open_stage(replay, error);
    if (status != RN_OK) {
        return status;
    }
    switch (replay->mode) {
    case RN_MODE_COMMAND:
        status = run_command(replay, error);
        break;
    case RN_MODE_SERVE:
        status = run_serving(replay, error);
        break;
    case RN_MODE_SELF:
        status = run_self(replay, error);
        break;
    case RN_MODE_DRIVE:
        status = run_driving(replay, error);
        break;
    }
    return status == RN_OK ? rn_replayer_status(replay->replayer, error) : status;
}

/* --- the account --------------------------------------------------------------------------------------------------- */

static enum rn_status write_receipt(struct replay *replay, const struct rn_verdict_facts *facts,
                                    struct rn_error *error)
{
    struct rn_receipt_facts receipt = {
        .settings = replay->settings,
        .outcome = replay->outcome,
        .verdict = facts,
        .catalog = &replay->catalog,
        .replayer = replay->replayer,
        .rerun = &replay->rerun,
        .peak = replay->replayer == NULL
                    ? 0
                    : rn_order_peak(rn_replayer_stage(replay->replayer)->order),
        .started_ns = replay->started_ns,
        .ended_ns = rn_clock_wall_ns()};
    enum rn_status status =
        rn_receipt_make(&receipt, &replay->outcome->arena, &replay->outcome->receipt);
    if (status != RN_OK) {
        return rn_fail(error, status, "the receipt could not be made");
    }
    return replay->settings->receipt == NULL
               ? RN_OK
               : rn_file_write(replay->settings->receipt, replay->outcome->receipt, 0600, error);
}

static enum rn_status close_account(struct replay *replay, struct rn_error *error)
{
    struct rn_verdict_facts facts;
    /* What did not come through was ours to carry: neither way can it be said what COMMAND did. */
    if (replay->rerun.unpassed.status != RN_OK) {
        return rn_fail(error, RN_IO, "%s", replay->rerun.unpassed.text);
    }
    struct rn_account account = {.settings = replay->settings,
                                 .mode = replay->mode,
                                 .catalog = &replay->catalog,
                                 .replayer = replay->replayer,
                                 .rerun = &replay->rerun,
                                 .ports_moved = replay->venue.moved && replay->mode != RN_MODE_SELF,
                                 .self = replay->self,
                                 .drive = replay->drive,
                                 .redactor = replay->redactor};
    if (replay->gateway != NULL) {
        account.gateway = rn_gateway_counts(replay->gateway);
    }
    enum rn_status status = rn_account_close(&account, &facts, replay->outcome);
    if (status != RN_OK) {
        return rn_fail(error, status, "the outcome could not be added up");
    }
    return write_receipt(replay, &facts, error);
}

static void close_all(struct replay *replay)
{
    rn_rerun_free(&replay->rerun);
    rn_self_free(replay->self);
    rn_drive_free(replay->drive);
    if (replay->kill != NULL) {
        rn_timer_free(replay->kill);
    }
    if (replay->gateway != NULL) {
        rn_gateway_free(replay->gateway);
    }
    rn_replayer_free(replay->replayer);
    rn_redactor_free(replay->redactor);
    rn_venue_free(&replay->venue);
    if (replay->settle != NULL) {
        rn_timer_free(replay->settle);
    }
    if (replay->loop != NULL) {
        rn_loop_free(replay->loop);
    }
    rn_catalog_free(&replay->catalog);
    if (replay->store != NULL) {
        rn_store_close(replay->store);
    }
}

static void begin_outcome(struct rn_replay_outcome *outcome)
{
    *outcome = (struct rn_replay_outcome){.verdict = RN_VERDICT_INCOMPARABLE,
                                          .place = "",
                                          .expected = "",
                                          .came = "",
                                          .cause = "",
                                          .advice = "",
                                          .sentence = "",
                                          .remark = ""};
}

enum rn_status rn_replay_run(const struct rn_replay_settings *settings,
                             struct rn_replay_outcome *outcome, struct rn_error *error)
{
    struct replay replay = {.settings = settings,
                            .outcome = outcome,
                            .rerun = {.cwd = settings->workdir},
                            .venue = {.fresh = settings->fresh_ports},
                            .started_ns = rn_clock_wall_ns()};
    begin_outcome(outcome);
    enum rn_status status = choose_traces(&replay, error);
    if (status == RN_OK) {
        outcome->trace = replay.catalog.traces[replay.catalog.root].summary.id;
        choose_mode(&replay);
        status = prepare_command(&replay, error);
    }
    if (status == RN_OK) {
        status = rn_store_open(replay.path, RN_STORE_READ, &replay.store, error);
    }
    if (status == RN_OK) {
        status = rn_catalog_load(&replay.catalog, replay.store, error);
    }
    if (status == RN_OK && settings->drive != NULL && replay.catalog.problem[0] == '\0' &&
        replay.catalog.decision_count == 0) {
        status = rn_fail(error, RN_INVALID,
                         "this recording holds no inbound request to drive an application with: "
                         "serve --ingress records them");
    }
    if (status == RN_OK && is_worth_it(&replay)) {
        status = perform(&replay, error);
    }
    if (status == RN_OK) {
        status = close_account(&replay, error);
    }
    outcome->open_line = replay.rerun.open_line;
    outcome->open_stderr_line = replay.rerun.open_stderr_line;
    close_all(&replay);
    return status;
}

enum rn_status rn_replay_runs(const char *store, const char *text, struct rn_trace_id **runs,
                              size_t *count, struct rn_error *error)
{
    char path[4096];
    struct rn_store *opened = NULL;
    enum rn_status status = rn_store_place(store, RN_STORE_READ, path, sizeof path, error);
    *runs = NULL;
    *count = 0;
    if (status == RN_OK) {
        status = rn_store_open(path, RN_STORE_READ, &opened, error);
    }
    if (status == RN_OK) {
        status = rn_catalog_runs(opened, text, runs, count, error);
    }
    if (opened != NULL) {
        rn_store_close(opened);
    }
    return status;
}

void rn_replay_outcome_free(struct rn_replay_outcome *outcome)
{
    rn_arena_free(&outcome->arena);
    *outcome = (struct rn_replay_outcome){0};
}
