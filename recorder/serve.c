/* `reenact serve` in its plain form: the gateway as a daemon, many traces, until INT or TERM. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <stdio.h>
#include <unistd.h>

#include "ending.h"
#include "record.h"
#include "station.h"
#include "store/find.h"

struct serve {
    struct rn_station station;
    struct rn_watch *watch;
    int signals;
    bool stopping;
    const struct rn_record_settings *settings;
    struct rn_ending ending;
};

static void on_finished(void *self)
{
    struct serve *serve = self;
    rn_loop_stop(serve->station.loop);
}

static void on_signal(void *self, bool readable, bool writable)
{
    struct serve *serve = self;
    struct signalfd_siginfo info;
    (void)writable;
    if (!readable || read(serve->signals, &info, sizeof info) != (ssize_t)sizeof info ||
        serve->stopping) {
        return;
    }
    serve->stopping = true;
    rn_watch_set(serve->watch, false, false); /* further signals are the ending's */
    (void)rn_ending_begin(&serve->ending, &serve->station, serve->settings, false);
    rn_gateway_close_listeners(serve->station.gateway);
    rn_recorder_finish(serve->station.recorder, on_finished, serve);
}

/* INT and TERM arrive on a descriptor of the loop; their former state is put back at the end. */
static enum rn_status watch_signals(struct serve *serve, sigset_t *before, struct rn_error *error)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, before);
    serve->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (serve->signals < 0) {
        return rn_fail(error, RN_IO, "cannot wait for signals: %s", strerror(errno));
    }
    return RN_OK;
}

enum rn_status rn_record_serve(const struct rn_record_settings *settings,
                               struct rn_record_outcome *outcome, struct rn_error *error)
{
    struct serve serve = {.signals = -1, .settings = settings};
    struct rn_trace_id session = rn_find_session_id(settings->session);
    sigset_t before;
    char url[40];
    *outcome = (struct rn_record_outcome){0};
    /* Before the writer's thread exists, so that it inherits the mask. */
    enum rn_status status = watch_signals(&serve, &before, error);
    if (status == RN_OK) {
        status = rn_station_open(&serve.station, settings, error);
    }
    if (status == RN_OK) {
        status = rn_station_listen(&serve.station, settings, NULL, &session, error);
    }
    if (status == RN_OK) {
        (void)snprintf(outcome->store, sizeof outcome->store, "%s",
                       rn_store_path(serve.station.store));
        serve.watch = rn_watch_new(serve.station.loop, serve.signals, on_signal, &serve);
        status = serve.watch == NULL ? rn_fail(error, RN_NOMEM, "out of memory") : RN_OK;
    }
    if (status == RN_OK) {
        rn_watch_set(serve.watch, true, false);
        rn_station_url(&serve.station, url);
        if (settings->on_ready != NULL) {
            settings->on_ready(settings->self, url, serve.station.ports, serve.station.port_count);
        }
        rn_loop_run(serve.station.loop);
        struct rn_gateway_counts counts = rn_gateway_counts(serve.station.gateway);
        outcome->counts = rn_recorder_counts(serve.station.recorder);
        outcome->recorded = outcome->counts.failed == 0 && !serve.ending.given_up;
        outcome->malformed = counts.malformed;
        outcome->foreign = counts.foreign;
        outcome->ownerless = counts.ownerless;
        rn_ending_finish(&serve.ending, outcome);
        if (outcome->counts.failed > 0 && !outcome->given_up) {
            rn_writer_last_error(serve.station.writer, outcome->remark, sizeof outcome->remark);
        }
    }
    if (outcome->given_up) {
        return status;
    }
    if (serve.watch != NULL) {
        rn_watch_free(serve.watch);
    }
    rn_station_close(&serve.station);
    if (serve.signals >= 0) {
        (void)close(serve.signals);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}
