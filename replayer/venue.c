/* Ports and variables. In: the recorded run. Out: listeners and an environment. Runs nothing and answers nothing. */
#include "venue.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"

#define PLACEHOLDER "RN-REDACTED-xxxxxxxxxxxxxxxxxxxx"

void rn_venue_free(struct rn_venue *venue)
{
    rn_environment_free(&venue->plan);
    rn_arena_free(&venue->arena);
    *venue = (struct rn_venue){0};
}

/* --- the plan ------------------------------------------------------------------------------------------------------ */

enum rn_status rn_venue_plan(struct rn_venue *venue, const struct rn_catalog *catalog,
                             char *const *environment, struct rn_loop *loop, struct rn_error *error)
{
    if (catalog->has_run) {
        enum rn_status status =
            rn_environment_decode(rn_event_get(&catalog->run, RN_TAG_VARIABLES), &venue->plan);
        return status == RN_OK
                   ? RN_OK
                   : rn_fail(error, status, "the recorded variables of the run cannot be read");
    }
    struct rn_upstreams *upstreams = rn_upstreams_new(loop);
    enum rn_status status = upstreams == NULL ? rn_fail(error, RN_NOMEM, "out of memory")
                                              : rn_upstreams_add_builtin(upstreams, error);
    if (status == RN_OK) {
        status = rn_environment_plan(&venue->plan, upstreams, environment, NULL, error);
    }
    if (status == RN_INVALID) { /* whom a variable meant does not matter where nobody is asked */
        char *const nothing_set[] = {NULL};
        rn_environment_free(&venue->plan);
        venue->plan = (struct rn_environment){0};
        status = rn_environment_plan(&venue->plan, upstreams, nothing_set, NULL, error);
    }
    if (upstreams != NULL) {
        rn_upstreams_free(upstreams);
    }
    return status;
}

/* --- ports --------------------------------------------------------------------------------------------------------- */

uint16_t rn_venue_port(const struct rn_venue *venue, struct rn_bytes upstream)
{
    for (size_t i = 0; i < venue->port_count; i++) {
        if (rn_bytes_equal(rn_bytes_text(venue->ports[i].upstream), upstream)) {
            return venue->ports[i].port;
        }
    }
    return 0;
}

static uint16_t recorded_port(const struct rn_catalog *catalog, struct rn_bytes upstream)
{
    struct rn_bytes ports = rn_event_get(&catalog->run, RN_TAG_PORTS);
    struct rn_bytes name;
    uint64_t port;
    while (rn_run_get(&ports, &name) && rn_varint_get(&ports, &port)) {
        if (rn_bytes_equal(name, upstream) && port <= UINT16_MAX) {
            return (uint16_t)port;
        }
    }
    return 0;
}

/* `insists`: the user chose the port, so another one will not do. */
static enum rn_status open_port(struct rn_venue *venue, struct rn_gateway *gateway,
                                const char *upstream, uint16_t wanted, bool insists,
                                struct rn_error *error)
{
    uint16_t port = 0;
    if (rn_venue_port(venue, rn_bytes_text(upstream)) != 0) {
        return RN_OK;
    }
    if (venue->port_count == RN_VENUE_PORTS_MAX) {
        return rn_fail(error, RN_LIMIT, "the recording names more than %u upstreams",
                       RN_VENUE_PORTS_MAX);
    }
    const char *whose = upstream[0] == '\0' ? NULL : upstream;
    wanted = venue->fresh && !insists ? 0 : wanted;
    enum rn_status status = rn_gateway_listen(gateway, wanted, whose, &port, error);
    if (status != RN_OK && wanted != 0 && !insists) {
        venue->moved = true;
        status = rn_gateway_listen(gateway, 0, whose, &port, error);
    }
    if (status == RN_OK) {
        venue->ports[venue->port_count++] = (struct rn_port){.upstream = upstream, .port = port};
    }
    return status;
}

static enum rn_status open_recorded(struct rn_venue *venue, struct rn_gateway *gateway,
                                    const struct rn_catalog *catalog, struct rn_error *error)
{
    struct rn_bytes ports = rn_event_get(&catalog->run, RN_TAG_PORTS);
    struct rn_bytes name;
    uint64_t port;
    enum rn_status status = RN_OK;
    while (status == RN_OK && rn_run_get(&ports, &name) && rn_varint_get(&ports, &port)) {
        const char *upstream = rn_arena_text(&venue->arena, name);
        if (upstream == NULL) {
            return rn_fail(error, RN_NOMEM, "out of memory");
        }
        if (name.len > 0 && rn_route_name_is_legal(name) && port <= UINT16_MAX) {
            status = open_port(venue, gateway, upstream, (uint16_t)port, false, error);
        }
    }
    return status;
}

enum rn_status rn_venue_listen(struct rn_venue *venue, struct rn_gateway *gateway,
                               const struct rn_catalog *catalog, uint16_t port,
                               struct rn_error *error)
{
    uint16_t ours = port != 0 ? port : recorded_port(catalog, RN_LIT(""));
    enum rn_status status = open_port(venue, gateway, "", ours, port != 0, error);
    if (status == RN_OK) {
        status = open_recorded(venue, gateway, catalog, error);
    }
    const struct rn_variable_upstream *named = venue->plan.upstreams;
    for (; status == RN_OK && named != NULL; named = named->next) {
        status = open_port(venue, gateway, named->name, 0, false, error);
    }
    for (size_t i = 0; status == RN_OK && i < catalog->upstream_count; i++) {
        if (rn_route_name_is_legal(rn_bytes_text(catalog->upstreams[i]))) {
            status = open_port(venue, gateway, catalog->upstreams[i], 0, false, error);
        }
    }
    return status;
}

void rn_venue_url(const struct rn_venue *venue, char out[40])
{
    (void)snprintf(out, 40, "http://127.0.0.1:%u",
                   venue->port_count == 0 ? 0u : (unsigned)venue->ports[0].port);
}

/* --- environment --------------------------------------------------------------------------------------------------- */

/* Lines to be set beside the plan. */
struct extras {
    struct rn_arena *arena;
    const char **at;
    size_t count;
    bool failed;
};

static void add_line(struct extras *extras, const char *name, size_t name_len, const char *value)
{
    size_t value_len = strlen(value);
    char *line = rn_arena_alloc(extras->arena, name_len + value_len + 2);
    if (line == NULL) {
        extras->failed = true;
        return;
    }
    memcpy(line, name, name_len);
    line[name_len] = '=';
    memcpy(line + name_len + 1, value, value_len);
    extras->at[extras->count++] = line;
}

/* Keys that were set when recorded: a client library refuses to start without one. */
static void add_placeholders(struct extras *extras, const struct rn_catalog *catalog,
                             char *const *known)
{
    struct rn_bytes names = rn_event_get(&catalog->run, RN_TAG_ENVIRONMENT);
    struct rn_bytes name;
    while (rn_run_get(&names, &name)) {
        const char *text = rn_arena_text(extras->arena, name);
        if (text == NULL) {
            extras->failed = true;
            return;
        }
        if (rn_environment_is_credential(name) && rn_environment_get(known, text) == NULL) {
            add_line(extras, text, name.len, PLACEHOLDER);
        }
    }
}

static size_t names_count(const struct rn_catalog *catalog)
{
    struct rn_bytes names = rn_event_get(&catalog->run, RN_TAG_ENVIRONMENT);
    struct rn_bytes name;
    size_t count = 0;
    while (rn_run_get(&names, &name)) {
        count++;
    }
    return count;
}

char **rn_venue_environment(struct rn_venue *venue, const struct rn_catalog *catalog,
                            char *const *base, char *const *known)
{
    char url[40];
    char id[33];
    char parent[64];
    struct extras extras = {.arena = &venue->arena};
    extras.at = rn_arena_alloc(&venue->arena, (names_count(catalog) + 5) * sizeof *extras.at);
    if (extras.at == NULL) {
        return NULL;
    }
    rn_venue_url(venue, url);
    rn_trace_id_text(&catalog->traces[catalog->root].summary.id, id);
    (void)snprintf(parent, sizeof parent, "00-%s-%s-01", id, id + 16);
    add_line(&extras, "REENACT_URL", strlen("REENACT_URL"), url);
    add_line(&extras, "REENACT_TRACE", strlen("REENACT_TRACE"), id);
    add_line(&extras, "TRACEPARENT", strlen("TRACEPARENT"), parent);
    if (venue->term != NULL) {
        add_line(&extras, "TERM", strlen("TERM"), venue->term);
    }
    add_placeholders(&extras, catalog, known);
    return extras.failed ? NULL
                         : rn_environment_build(&venue->plan, venue->ports, venue->port_count, base,
                                                extras.at);
}
