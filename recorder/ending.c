/* Looks at the writer's backlog now and then. It declines to know what COMMAND or the calls are about. */
#include "ending.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

#define LOOK_NS UINT64_C(100000000)

static struct rn_unstored unstored(const struct rn_ending *ending)
{
    struct rn_unstored count = rn_recorder_unstored(ending->station->recorder);
    count.events += ending->has_run;
    count.traces += ending->has_run;
    return count;
}

/* Whether the disk stood still for too long; says so when it begins to look like that. */
static bool is_over(struct rn_ending *ending, struct rn_unstored left)
{
    uint64_t still_ns = rn_clock_mono_ns() - ending->moved_ns;
    if (still_ns >= RN_END_NOTICE_NS && !ending->has_said && still_ns < ending->wait_ns) {
        ending->has_said = true;
        if (ending->settings->on_waiting != NULL) {
            ending->settings->on_waiting(ending->settings->self, left, ending->wait_ns - still_ns);
        }
    }
    return still_ns >= ending->wait_ns;
}

static bool is_interrupted(const struct rn_ending *ending)
{
    struct signalfd_siginfo info;
    bool came = false;
    while (ending->signals >= 0 && read(ending->signals, &info, sizeof info) == sizeof info) {
        came = true;
    }
    return came && ending->has_said;
}

static void give_up(struct rn_ending *ending)
{
    ending->given_up = true;
    rn_loop_stop(ending->station->loop);
}

static void on_signal(void *self, bool readable, bool writable)
{
    struct rn_ending *ending = self;
    (void)writable;
    if (readable && is_interrupted(ending)) {
        give_up(ending);
    }
}

static void on_look(void *self)
{
    struct rn_ending *ending = self;
    uint64_t backlog = rn_writer_backlog_bytes(ending->station->writer);
    if (backlog == 0 || backlog != ending->backlog_bytes) {
        ending->moved_ns = rn_clock_mono_ns();
    }
    ending->backlog_bytes = backlog;
    if (is_over(ending, unstored(ending))) {
        give_up(ending);
    } else {
        rn_timer_start(ending->timer, LOOK_NS);
    }
}

/* Those that were meant to end COMMAND, or `serve`, have been read by then. */
static void watch_signals(struct rn_ending *ending)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    ending->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (ending->signals >= 0) {
        ending->watch = rn_watch_new(ending->station->loop, ending->signals, on_signal, ending);
    }
    if (ending->watch != NULL) {
        rn_watch_set(ending->watch, true, false);
    }
}

enum rn_status rn_ending_begin(struct rn_ending *ending, struct rn_station *station,
                               const struct rn_record_settings *settings, bool has_run)
{
    *ending = (struct rn_ending){.station = station,
                                 .settings = settings,
                                 .has_run = has_run,
                                 .wait_ns = settings->end_wait_ns == 0 ? RN_END_WAIT_NS
                                                                       : settings->end_wait_ns,
                                 .signals = -1,
                                 .moved_ns = rn_clock_mono_ns()};
    ending->timer = rn_timer_new(station->loop, on_look, ending);
    if (ending->timer == NULL) {
        return RN_NOMEM;
    }
    watch_signals(ending);
    rn_timer_start(ending->timer, LOOK_NS);
    return RN_OK;
}

/* What a thread that cannot be waited for still uses stays as it is until the process ends. */
static void close_watching(struct rn_ending *ending)
{
    if (ending->watch != NULL) {
        rn_watch_free(ending->watch);
    }
    if (ending->timer != NULL) {
        rn_timer_free(ending->timer);
    }
    if (ending->signals >= 0) {
        (void)close(ending->signals);
    }
    ending->watch = NULL;
    ending->timer = NULL;
    ending->signals = -1;
}

static void tell(const struct rn_ending *ending, struct rn_record_outcome *outcome)
{
    struct rn_unstored left = unstored(ending);
    outcome->given_up = true;
    if (outcome->recorded) {
        return; /* only the indexes are left, and whoever reads next brings them up */
    }
    outcome->unstored = left;
    outcome->counts.failed += left.events;
    (void)snprintf(outcome->remark, sizeof outcome->remark,
                   "the disk took nothing for %llu s: %llu event%s and the end of %llu trace%s are "
                   "lost, as far as they are not in %.200s yet",
                   (unsigned long long)((rn_clock_mono_ns() - ending->moved_ns) / 1000000000u),
                   (unsigned long long)left.events, left.events == 1 ? "" : "s",
                   (unsigned long long)left.traces, left.traces == 1 ? "" : "s", outcome->store);
}

void rn_ending_finish(struct rn_ending *ending, struct rn_record_outcome *outcome)
{
    struct rn_writer *writer = ending->station == NULL ? NULL : ending->station->writer;
    ending->moved_ns = ending->given_up ? ending->moved_ns : rn_clock_mono_ns();
    while (writer != NULL && !ending->given_up && !rn_writer_stop_within(writer, LOOK_NS)) {
        ending->given_up = is_over(ending, (struct rn_unstored){0, 0}) || is_interrupted(ending);
    }
    if (ending->given_up) {
        tell(ending, outcome);
    }
    if (ending->station != NULL) {
        close_watching(ending);
    }
}
