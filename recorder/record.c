/*
 * `reenact record -- COMMAND` from open to close: the child is forked first, then loop and store are opened, then the child
 * is let go; when it ends, what is open is finished and the trace closed.
 */
#include "record.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/command.h"
#include "ending.h"
#include "run_event.h"
#include "station.h"
#include "store/find.h"
#include "store/trace.h"

enum { RN_EXIT_OURS = 125 };

struct record {
    const struct rn_record_settings *settings;
    struct rn_record_outcome *outcome;
    struct rn_station station;
    struct rn_recording *recording;
    struct rn_run_event *run;
    struct rn_command *command;
    struct rn_streams streams; /* ours */
    struct rn_ending ending;
};

/* --- the end ------------------------------------------------------------------------------------------------------- */

static void on_closed(void *self, enum rn_status status)
{
    struct record *record = self;
    record->outcome->recorded = status == RN_OK;
    if (status != RN_OK) {
        rn_writer_last_error(record->station.writer, record->outcome->remark,
                             sizeof record->outcome->remark);
    }
    rn_loop_stop(record->station.loop);
}

static void on_finished(void *self)
{
    struct record *record = self;
    rn_run_event_close(record->run, record->outcome->wait_status, on_closed, record);
}

static void look_at_streams(struct record *record)
{
    bool unseen;
    struct rn_error error = {RN_OK, ""};
    if (rn_command_streams(record->command, &unseen, &error) != RN_OK) {
        record->outcome->unpassed = true;
        (void)snprintf(record->outcome->remark, sizeof record->outcome->remark, "%s", error.text);
    }
    if (unseen) {
        rn_run_event_cut(record->run);
    }
}

static void on_exit(void *self, int status)
{
    struct record *record = self;
    record->outcome->wait_status = status;
    look_at_streams(record);
    /* Without memory for a timer it is waited for without limit. */
    (void)rn_ending_begin(&record->ending, &record->station, record->settings, true);
    rn_gateway_close_listeners(record->station.gateway);
    rn_recorder_finish(record->station.recorder, on_finished, record);
}

static void on_output(void *self, int stream, struct rn_bytes bytes)
{
    struct record *record = self;
    if (stream > 0 && bytes.len > 0) {
        record->outcome->open_line = bytes.data[bytes.len - 1] != '\n';
    }
    if (stream == STDERR_FILENO && bytes.len > 0) {
        record->outcome->open_stderr_line = record->outcome->open_line;
    }
    rn_run_event_output(record->run, stream, bytes);
}

/* --- the beginning ------------------------------------------------------------------------------------------------- */

static enum rn_status prepare(struct record *record, struct rn_error *error)
{
    record->streams = rn_streams_ours();
    char kind = record->streams.kinds[0];
    bool copied = kind == 'p' || kind == 'f' || kind == 's';
    struct rn_command_settings command = {
        .argv = record->settings->argv,
        .environment = record->settings->environment,
        .stdin_mode = copied ? RN_STDIN_COPY : RN_STDIN_INHERIT,
        .streams = record->settings->only_pipes ? NULL : &record->streams,
        .pass_output = true};
    return rn_command_prepare(&command, &record->command, error);
}

/* Credentials that the command was given by environment are known before anything is stored. */
static void learn_environment(struct record *record)
{
    char *const *environment = record->settings->environment;
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        size_t name_len = strcspn(environment[i], "=");
        if (environment[i][name_len] == '=' &&
            rn_environment_is_credential(rn_bytes_of(environment[i], name_len))) {
            (void)rn_recording_learn(record->recording,
                                     rn_bytes_text(environment[i] + name_len + 1));
        }
    }
}

static enum rn_status open_trace(struct record *record, struct rn_error *error)
{
    const struct rn_record_settings *settings = record->settings;
    struct rn_recording_settings recording = {.name = settings->name,
                                              .release = settings->release,
                                              .tags = settings->tags,
                                              .kind = "run"};
    rn_uuid7(recording.id.bytes);
    recording.session =
        settings->session == NULL ? recording.id : rn_find_session_id(settings->session);
    record->outcome->trace = recording.id;
    (void)rn_trace_claim(record->station.store,
                         &recording.id); /* COMMAND may tell it to another recorder at once */
    record->recording = rn_recording_open(record->station.writer, &recording, NULL);
    if (record->recording == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    learn_environment(record);
    enum rn_status status =
        rn_station_listen(&record->station, settings, record->recording, &recording.session, error);
    if (status == RN_OK) {
        record->run =
            rn_run_event_open(&record->station, record->recording, settings, &record->streams);
        status = record->run == NULL ? rn_fail(error, RN_NOMEM, "out of memory") : RN_OK;
    }
    return status;
}

static enum rn_status release(struct record *record, struct rn_error *error)
{
    char url[40];
    char id[33];
    char variables[3][96];
    rn_station_url(&record->station, url);
    rn_trace_id_text(&record->outcome->trace, id);
    (void)snprintf(variables[0], sizeof variables[0], "REENACT_URL=%s", url);
    (void)snprintf(variables[1], sizeof variables[1], "REENACT_TRACE=%s", id);
    (void)snprintf(variables[2], sizeof variables[2], "TRACEPARENT=00-%s-%s-01", id, id + 16);
    const char *const extra[] = {variables[0], variables[1], variables[2], NULL};
    char **environment =
        rn_environment_build(&record->station.plan, record->station.ports,
                             record->station.port_count, record->settings->environment, extra);
    if (environment == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    struct rn_command_handler handler = {
        .self = record, .on_output = on_output, .on_exit = on_exit};
    enum rn_status status =
        rn_command_release(record->command, record->station.loop, environment, &handler, error);
    rn_environment_drop(environment);
    return status;
}

/* Why a run may have recorded nothing, in one clause. */
static void explain(struct record *record)
{
    struct rn_record_outcome *outcome = record->outcome;
    if (outcome->counts.failed > 0 && outcome->remark[0] == '\0') {
        rn_writer_last_error(record->station.writer, outcome->remark, sizeof outcome->remark);
    }
    if (outcome->ownerless > 0 && outcome->remark[0] == '\0') {
        (void)snprintf(
            outcome->remark, sizeof outcome->remark,
            "%llu %s refused: whoever sent that closed the connection at once, and then "
            "nobody can say whose it was; a client that waits for its answer is served",
            (unsigned long long)outcome->ownerless,
            outcome->ownerless == 1 ? "request was" : "requests were");
    }
    if (outcome->counts.calls == 0 && outcome->remark[0] == '\0') {
        (void)snprintf(
            outcome->remark, sizeof outcome->remark,
            "no call came through reenact: the command made none, or it has its server's address "
            "wired in (see --wrap, --upstream and --port), or it goes through a proxy of its own");
    }
}

int rn_record_exit(const struct rn_record_outcome *outcome)
{
    int status = rn_command_shell_status(outcome->wait_status);
    return status == 0 && outcome->unpassed ? RN_EXIT_OURS : status;
}

enum rn_status rn_record_run(const struct rn_record_settings *settings,
                             struct rn_record_outcome *outcome, struct rn_error *error)
{
    struct record record = {.settings = settings, .outcome = outcome};
    *outcome = (struct rn_record_outcome){0};
    enum rn_status status = prepare(&record, error);
    if (status == RN_OK) {
        status = rn_station_open(&record.station, settings, error);
    }
    if (status == RN_OK) {
        (void)snprintf(outcome->store, sizeof outcome->store, "%s",
                       rn_store_path(record.station.store));
        status = open_trace(&record, error);
    }
    if (status == RN_OK) {
        status = release(&record, error);
        outcome->started = status == RN_OK;
        outcome->not_executed = status == RN_NOTFOUND || status == RN_REFUSED;
        if (status != RN_OK) {
            /* What was opened is closed like a run that ended at once, so that the store stays whole. */
            on_exit(&record, 127 << 8);
        }
        rn_loop_run(record.station.loop);
        struct rn_gateway_counts counts = rn_gateway_counts(record.station.gateway);
        outcome->counts = rn_recorder_counts(record.station.recorder);
        outcome->malformed = counts.malformed;
        outcome->foreign = counts.foreign;
        outcome->ownerless = counts.ownerless;
        explain(&record);
        rn_ending_finish(&record.ending, outcome);
    }
    if (outcome->given_up) {
        return status;
    }
    rn_command_free(record.command);
    rn_run_event_free(record.run);
    rn_station_close(&record.station);
    return status;
}
