/* Opening and closing what a recorder needs. Decides nothing about traces or events. */
#include "station.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void on_writer(void *wake)
{
    rn_wake_send(wake);
}

static void on_wake(void *self)
{
    struct rn_station *station = self;
    if (station->recorder != NULL) {
        rn_recorder_collect(station->recorder);
    }
}

/* --- upstreams ----------------------------------------------------------------------------------------------------- */

/* Splits "NAME=VALUE" at the first '='. */
static bool name_split(const char *text, char name[34], const char **value)
{
    size_t len = strcspn(text, "=");
    if (text[len] == '\0' || len >= 34) {
        return false;
    }
    memcpy(name, text, len);
    name[len] = '\0';
    *value = text + len + 1;
    return rn_route_name_is_legal(rn_bytes_text(name));
}

static enum rn_status add_upstreams(struct rn_station *station, const char *const *given,
                                    struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && given != NULL && given[i] != NULL; i++) {
        char name[34];
        const char *url;
        if (!name_split(given[i], name, &url)) {
            return rn_fail(
                error, RN_INVALID,
                "--upstream '%s' is not NAME=URL; a NAME is 2 to 32 small letters, digits and '-', "
                "a letter first",
                given[i]);
        }
        status = rn_upstreams_add(station->upstreams, name, url, error);
    }
    return status;
}

void rn_record_ingress_name(size_t index, char out[RN_INGRESS_NAME_BYTES])
{
    if (index == 0) {
        (void)snprintf(out, RN_INGRESS_NAME_BYTES, "app");
    } else {
        (void)snprintf(out, RN_INGRESS_NAME_BYTES, "app-%zu", index + 1);
    }
}

/*
 * "PORT=URL": an application, which becomes an upstream by the name of "app", the second one of "app-2". Its port is opened with
 * the others.
 */
static enum rn_status add_ingress(struct rn_station *station, const char *const *given,
                                  struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && given != NULL && given[i] != NULL; i++) {
        char name[RN_INGRESS_NAME_BYTES];
        const char *equals = strchr(given[i], '=');
        uint64_t port = 0;
        if (equals == NULL ||
            !rn_bytes_to_u64(rn_bytes_of(given[i], (size_t)(equals - given[i])), &port) ||
            port > UINT16_MAX) {
            return rn_fail(error, RN_INVALID,
                           "--ingress '%s' is not PORT=URL, with a port from 0 (any) to 65535",
                           given[i]);
        }
        if (i == RN_STATION_INGRESS_MAX) {
            return rn_fail(error, RN_LIMIT, "--ingress may be given %u times",
                           RN_STATION_INGRESS_MAX);
        }
        rn_record_ingress_name(i, name);
        if (rn_upstreams_find(station->upstreams, rn_bytes_text(name)) != NULL) {
            return rn_fail(error, RN_INVALID,
                           "--ingress: there is an upstream '%s' already, which is what the "
                           "application is called; name that upstream otherwise",
                           name);
        }
        status = rn_upstreams_add(station->upstreams, name, equals + 1, error);
        if (status == RN_OK) {
            station->ingress[i] =
                rn_upstream_name(rn_upstreams_find(station->upstreams, rn_bytes_text(name)));
        }
    }
    return status;
}

enum rn_status rn_station_open(struct rn_station *station,
                               const struct rn_record_settings *settings, struct rn_error *error)
{
    char path[4096];
    *station = (struct rn_station){0};
    station->loop = rn_loop_new();
    station->wake = station->loop == NULL ? NULL : rn_wake_new(station->loop, on_wake, station);
    station->upstreams = station->loop == NULL ? NULL : rn_upstreams_new(station->loop);
    if (station->wake == NULL || station->upstreams == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory or descriptors");
    }
    enum rn_status status = rn_upstreams_add_builtin(station->upstreams, error);
    if (status == RN_OK) {
        status = rn_environment_plan(&station->plan, station->upstreams, settings->environment,
                                     settings->wraps, error);
    }
    if (status == RN_OK) {
        status = add_upstreams(station, settings->upstreams, error);
    }
    if (status == RN_OK) {
        status = add_ingress(station, settings->ingress, error);
    }
    if (status == RN_OK) {
        status = rn_store_place(settings->store, RN_STORE_CREATE, path, sizeof path, error);
    }
    if (status == RN_OK) {
        status = rn_store_open(path, RN_STORE_CREATE, &station->store, error);
    }
    if (status == RN_OK) {
        station->has_userkey = rn_userkey_load(true, station->userkey, NULL) == RN_OK;
        status = rn_writer_start(
            station->store, on_writer, station->wake,
            rn_bytes_of(station->userkey, station->has_userkey ? RN_USERKEY_BYTES : 0),
            &station->writer, error);
    }
    return status;
}

/* --- ports --------------------------------------------------------------------------------------------------------- */

static enum rn_status open_port(struct rn_station *station, const char *upstream, uint16_t wanted,
                                struct rn_error *error)
{
    if (station->port_count == RN_STATION_PORTS_MAX) {
        return rn_fail(error, RN_LIMIT, "more than %u ports were asked for", RN_STATION_PORTS_MAX);
    }
    uint16_t port = 0;
    enum rn_status status = rn_gateway_listen(station->gateway, wanted, upstream, &port, error);
    if (status == RN_OK) {
        station->ports[station->port_count++] =
            (struct rn_port){.upstream = upstream == NULL ? "" : upstream, .port = port};
    }
    return status;
}

static bool has_port(const struct rn_station *station, const char *upstream)
{
    for (size_t i = 0; i < station->port_count; i++) {
        if (strcmp(station->ports[i].upstream, upstream) == 0) {
            return true;
        }
    }
    return false;
}

static enum rn_status open_given_port(struct rn_station *station, const char *given,
                                      struct rn_error *error)
{
    char name[34];
    const char *value = NULL;
    uint64_t port = 0;
    if (!name_split(given, name, &value) || !rn_bytes_to_u64(rn_bytes_text(value), &port) ||
        port > 65535) {
        return rn_fail(error, RN_INVALID, "--port '%s' is not NAME=PORT", given);
    }
    const struct rn_upstream *upstream = rn_upstreams_find(station->upstreams, rn_bytes_text(name));
    if (upstream == NULL) {
        return rn_fail(error, RN_INVALID,
                       "--port %s: there is no upstream '%s'; add it with --upstream %s=URL", given,
                       name, name);
    }
    return open_port(station, rn_upstream_name(upstream), (uint16_t)port, error);
}

enum rn_status rn_station_listen(struct rn_station *station,
                                 const struct rn_record_settings *settings,
                                 struct rn_recording *run, const struct rn_trace_id *session,
                                 struct rn_error *error)
{
    struct rn_recorder_settings recorder = {.loop = station->loop,
                                            .store = station->store,
                                            .writer = station->writer,
                                            .upstreams = station->upstreams,
                                            .durability = settings->durability,
                                            .late_after_ns = settings->late_after_ns,
                                            .intent_wait_ns = settings->intent_wait_ns == 0
                                                                  ? RN_INTENT_WAIT_NS
                                                                  : settings->intent_wait_ns,
                                            .run = run,
                                            .ingress = station->ingress,
                                            .session = *session,
                                            .release = settings->release,
                                            .tags = settings->tags,
                                            .trace_idle_ns = settings->trace_idle_ns};
    station->recorder = rn_recorder_new(&recorder);
    if (station->recorder == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    struct rn_handler handler = rn_recorder_handler(station->recorder);
    station->gateway = rn_gateway_new(station->loop, &handler);
    if (station->gateway == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    enum rn_status status = open_port(station, NULL, settings->port, error);
    for (size_t i = 0; status == RN_OK && settings->ports != NULL && settings->ports[i] != NULL;
         i++) {
        status = open_given_port(station, settings->ports[i], error);
    }
    for (size_t i = 0; status == RN_OK && station->ingress[i] != NULL; i++) {
        unsigned long wanted = strtoul(settings->ingress[i], NULL, 10);
        status = open_port(station, station->ingress[i], (uint16_t)wanted, error);
    }
    const struct rn_variable_upstream *named = station->plan.upstreams;
    for (; status == RN_OK && named != NULL; named = named->next) {
        if (!has_port(station, named->name)) {
            status = open_port(station, named->name, 0, error);
        }
    }
    return status;
}

void rn_station_close(struct rn_station *station)
{
    rn_gateway_free(station->gateway);
    rn_upstreams_free(station->upstreams);
    if (station->writer != NULL) {
        rn_writer_stop(station->writer);
        if (station->recorder != NULL) {
            rn_recorder_collect(station->recorder);
        }
        rn_writer_free(station->writer);
    }
    rn_recorder_free(station->recorder);
    rn_store_close(station->store);
    rn_environment_free(&station->plan);
    if (station->wake != NULL) {
        rn_wake_free(station->wake);
    }
    if (station->loop != NULL) {
        rn_loop_free(station->loop);
    }
    *station = (struct rn_station){0};
}

void rn_station_url(const struct rn_station *station, char out[40])
{
    (void)snprintf(out, 40, "http://127.0.0.1:%u", (unsigned)station->ports[0].port);
}
