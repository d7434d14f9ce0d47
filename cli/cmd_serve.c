/*
 * `reenact serve`: the recorder without a command, until it is told to stop. Prints the exports a client needs once the
 * ports are open, so that `eval "$(...)"` and a human can both use them.
 */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "durability.h"
#include "human.h"
#include "oddities.h"
#include "ports.h"
#include "recorder/record.h"
#include "screen.h"

#define NS_PER_S UINT64_C(1000000000)
/* A year. More would overflow nothing, but could only be a mistake. */
#define IDLE_S_MAX (UINT64_C(365) * 86400)

static struct {
    const char *store;
    const char *release;
    const char *session;
    struct rn_option_list tags;
    struct rn_option_list wraps;
    struct rn_option_list upstreams;
    struct rn_option_list ports;
    struct rn_option_list ingress;
    uint64_t listen;
    uint64_t trace_idle_s;
    struct rn_durability_words durability;
} asked = {.trace_idle_s = RN_TRACE_IDLE_NS / NS_PER_S};

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR", "where to keep it ($REENACT_STORE, .reenact)"},
    {"--tag", RN_OPTION_LIST, &asked.tags, "KEY=VALUE",
     "a label of every trace; may be given often"},
    {"--release", RN_OPTION_TEXT, &asked.release, "LABEL", "version of the application"},
    {"--session", RN_OPTION_TEXT, &asked.session, "ID", "the session its traces belong to"},
    {"--wrap", RN_OPTION_LIST, &asked.wraps, "VAR", "record what the variable VAR points at"},
    {"--upstream", RN_OPTION_LIST, &asked.upstreams, "NAME=URL", "add or override an upstream"},
    {"--port", RN_OPTION_LIST, &asked.ports, "NAME=PORT", "a port of its own for an upstream"},
    {"--ingress", RN_OPTION_LIST, &asked.ingress, "PORT=URL",
     "a port in front of the application at URL"},
    {"--listen", RN_OPTION_NUMBER, &asked.listen, "PORT", "the port of REENACT_URL (any free one)"},
    {"--trace-idle", RN_OPTION_NUMBER, &asked.trace_idle_s, "SECONDS",
     "close a trace after so much silence (300)"},
    RN_DURABILITY_OPTIONS(asked.durability),
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* The same plan as the recorder's, made again: only its variables and templates are wanted here. */
static enum rn_status compose_exports(struct rn_buffer *out, const char *url,
                                      const struct rn_port *ports, size_t port_count)
{
    struct rn_environment plan = {0};
    struct rn_loop *loop = rn_loop_new();
    struct rn_upstreams *upstreams = loop != NULL ? rn_upstreams_new(loop) : NULL;
    enum rn_status status = RN_NOMEM;
    if (upstreams != NULL) {
        status = rn_upstreams_add_builtin(upstreams, NULL);
    }
    if (status == RN_OK) {
        status = rn_environment_plan(&plan, upstreams, environ, asked.wraps.at, NULL);
    }
    if (status == RN_OK) {
        status = rn_ports_exports(out, url, ports, port_count, &plan);
    }
    rn_environment_free(&plan);
    rn_upstreams_free(upstreams);
    rn_loop_free(loop);
    return status;
}

/* The port of that --ingress, or 0. */
static unsigned ingress_port(size_t index, const struct rn_port *ports, size_t port_count)
{
    char name[RN_INGRESS_NAME_BYTES];
    rn_record_ingress_name(index, name);
    for (size_t i = 0; i < port_count; i++) {
        if (strcmp(ports[i].upstream, name) == 0) {
            return ports[i].port;
        }
    }
    return 0;
}

/* REENACT_INGRESS is where the first application is reached through us. */
static enum rn_status export_ingress(struct rn_buffer *out, const struct rn_port *ports,
                                     size_t port_count)
{
    unsigned port = asked.ingress.count > 0 ? ingress_port(0, ports, port_count) : 0;
    return port == 0 ? RN_OK
                     : rn_buffer_addf(out, "export REENACT_INGRESS=http://127.0.0.1:%u\n", port);
}

static void tell_ingress(const struct rn_port *ports, size_t port_count)
{
    for (size_t i = 0; i < asked.ingress.count; i++) {
        char name[RN_INGRESS_NAME_BYTES];
        rn_record_ingress_name(i, name);
        (void)fprintf(stderr, "reenact serve: %s is behind http://127.0.0.1:%u\n", name,
                      ingress_port(i, ports, port_count));
    }
}

static void on_ready(void *self, const char *url, const struct rn_port *ports, size_t port_count)
{
    struct rn_buffer out = {0};
    (void)self;
    if (export_ingress(&out, ports, port_count) == RN_OK &&
        compose_exports(&out, url, ports, port_count) == RN_OK) {
        (void)rn_screen_put(stdout, &out);
        (void)fflush(stdout);
    }
    rn_buffer_free(&out);
    tell_ingress(ports, port_count);
    (void)fprintf(stderr, "reenact serve: listening at %s; ctrl-c ends it\n", url);
}

static void on_waiting(void *self, struct rn_unstored left, uint64_t at_most_ns)
{
    (void)self;
    rn_durability_tell_waiting("serve", left, at_most_ns);
}

/* "12 decisions; calls: 20 by name, 4 by content; 3 left alone" */
static void tell_joins(const struct rn_recorder_counts *counts)
{
    static const char *const ways[RN_JOIN_LIMIT] = {
        [RN_JOIN_NAMED] = "by name",
        [RN_JOIN_TRACEPARENT] = "by traceparent",
        [RN_JOIN_LINK] = "by link",
        [RN_JOIN_CONTENT] = "by content",
        [RN_JOIN_CONTAINMENT] = "by containment",
    };
    struct rn_human decisions;
    if (asked.ingress.count == 0) {
        return;
    }
    (void)fprintf(stderr, "ingress: %s; calls joined:",
                  rn_human_count(&decisions, counts->decisions, "decision", "decisions"));
    const char *between = " ";
    for (unsigned i = 0; i < RN_JOIN_LIMIT; i++) {
        if (counts->joined[i] > 0) {
            (void)fprintf(stderr, "%s%" PRIu64 " %s", between, counts->joined[i], ways[i]);
            between = ", ";
        }
    }
    (void)fprintf(stderr, "%s; left alone: %" PRIu64 "%s\n", between[0] == ' ' ? " none" : "",
                  counts->alone,
                  counts->alone == 0
                      ? ""
                      : " (each is a trace of its own; where the application hands on the header "
                        "x-reenact-trace, they are joined)");
}

static int tell(const struct rn_record_outcome *outcome)
{
    struct rn_human traces, calls, raw, stored;
    if (outcome->remark[0] != '\0') {
        (void)rn_cli_complainf("serve", 0, "%s", outcome->remark);
    }
    (void)fprintf(stderr, "recorded %s: %s, %s raw, %s stored in %s",
                  rn_human_count(&traces, outcome->counts.traces, "trace", "traces"),
                  rn_human_count(&calls, outcome->counts.calls, "call", "calls"),
                  rn_human_bytes(&raw, outcome->counts.raw_bytes),
                  rn_human_bytes(&stored, outcome->counts.stored_bytes), outcome->store);
    struct rn_buffer odd = {0};
    (void)rn_oddities_add(&odd, outcome);
    (void)fprintf(stderr, "%.*s\n", (int)odd.len, odd.len == 0 ? "" : (const char *)odd.data);
    rn_buffer_free(&odd);
    tell_joins(&outcome->counts);
    if (outcome->counts.failed > 0) {
        return rn_cli_complainf("serve", RN_EXIT_TROUBLE, "%" PRIu64 " events could not be stored",
                                outcome->counts.failed);
    }
    return outcome->unstored.traces > 0 ? RN_EXIT_TROUBLE : RN_EXIT_SAME;
}

static int serve(void)
{
    struct rn_error error = {RN_OK, ""};
    static struct rn_record_outcome outcome;
    struct rn_record_settings settings = {
        .store = asked.store,
        .environment = environ,
        .release = asked.release,
        .session = asked.session,
        .tags = asked.tags.at,
        .wraps = asked.wraps.at,
        .upstreams = asked.upstreams.at,
        .ports = asked.ports.at,
        .ingress = asked.ingress.at,
        .port = (uint16_t)asked.listen,
        .trace_idle_ns = asked.trace_idle_s * NS_PER_S,
        .on_ready = on_ready,
        .on_waiting = on_waiting,
    };
    if (rn_durability_read(&asked.durability, &settings, &error) != RN_OK) {
        return rn_cli_complain("serve", RN_EXIT_TROUBLE, &error);
    }
    if (rn_record_serve(&settings, &outcome, &error) != RN_OK) {
        return rn_cli_complain("serve", RN_EXIT_TROUBLE, &error);
    }
    return rn_durability_leave(&outcome, tell(&outcome));
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    int done = rn_cli_begin(&rn_cmd_serve, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count > 0 || line.rest_count > 0) {
        return rn_cli_complainf("serve", RN_EXIT_TROUBLE,
                                "runs no command; that is `reenact record -- COMMAND`");
    }
    if (asked.trace_idle_s == 0 || asked.trace_idle_s > IDLE_S_MAX) {
        return rn_cli_complainf("serve", RN_EXIT_TROUBLE,
                                "--trace-idle takes 1 to %" PRIu64 " seconds", IDLE_S_MAX);
    }
    if (rn_ports_check(&asked.ports, asked.listen, &error) != RN_OK ||
        rn_pairs_check("--tag", &asked.tags, &error) != RN_OK) {
        return rn_cli_complain("serve", RN_EXIT_TROUBLE, &error);
    }
    return serve();
}

const struct rn_cli_command rn_cmd_serve = {
    "serve",
    "serve [options]",
    "record many traces until interrupted, without running a command",
    options,
    run,
    RN_EXIT_TROUBLE,
    NULL};
