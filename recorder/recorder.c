/*
 * The gateway's handler while recording: finds trace and upstream of each request and starts its call. The call does the
 * rest (call.c).
 */
#include "recorder.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "call.h"

#define TICK_NS UINT64_C(250000000)
#define TICK_HOLDING_NS UINT64_C(20000000)

struct rn_recorder {
    struct rn_recorder_settings settings;
    struct rn_desk desk;
    struct rn_timer *tick;
    uint64_t tick_due_ns; /* 0: it does not run */
    struct rn_timer *grace;
    bool stopped;   /* rn_recorder_finish was called */
    bool finishing; /* and is not done yet */
    void (*finished)(void *self);
    void *finished_self;
};

static void on_turn(void *self);
static void on_tick(void *self);
static void on_grace_over(void *self);

struct rn_recorder *rn_recorder_new(const struct rn_recorder_settings *settings)
{
    struct rn_recorder *recorder = rn_calloc(1, sizeof *recorder);
    if (recorder == NULL) {
        return NULL;
    }
    recorder->settings = *settings;
    recorder->desk.settings = &recorder->settings;
    recorder->desk.traces = rn_traces_new(&recorder->settings);
    recorder->desk.turn = rn_turn_new(settings->loop, on_turn, recorder);
    recorder->tick = rn_timer_new(settings->loop, on_tick, recorder);
    recorder->grace = rn_timer_new(settings->loop, on_grace_over, recorder);
    enum rn_status waits = rn_wait_init(&recorder->desk.wait, &recorder->settings);
    bool joins = settings->ingress != NULL && settings->ingress[0] != NULL;
    if (joins && (recorder->desk.joins = rn_joins_new()) == NULL) {
        waits = RN_NOMEM;
    }
    if (recorder->desk.traces != NULL) {
        rn_traces_join_by(recorder->desk.traces, recorder->desk.joins);
    }
    if (waits != RN_OK || recorder->desk.traces == NULL || recorder->desk.turn == NULL ||
        recorder->tick == NULL || recorder->grace == NULL) {
        rn_recorder_free(recorder);
        return NULL;
    }
    return recorder;
}

void rn_recorder_free(struct rn_recorder *recorder)
{
    if (recorder == NULL) {
        return;
    }
    rn_turn_free(recorder->desk.turn);
    rn_wait_free(&recorder->desk.wait);
    rn_timer_free(recorder->tick);
    rn_timer_free(recorder->grace);
    rn_traces_free(recorder->desk.traces);
    rn_joins_free(recorder->desk.joins);
    rn_free(recorder);
}

struct rn_recorder_counts rn_recorder_counts(const struct rn_recorder *recorder)
{
    struct rn_recorder_counts counts = recorder->desk.counts;
    counts.traces = rn_traces_opened(recorder->desk.traces);
    return counts;
}

struct rn_unstored rn_recorder_unstored(const struct rn_recorder *recorder)
{
    struct rn_unstored count = {.traces = rn_traces_open(recorder->desk.traces)};
    for (const struct rn_call *call = recorder->desk.open; call != NULL; call = call->next) {
        count.events += call->with_writer > 0;
    }
    return count;
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

static void maybe_finished(struct rn_recorder *recorder)
{
    if (recorder->finishing && recorder->desk.open == NULL) {
        rn_traces_close_idle(recorder->desk.traces, UINT64_MAX);
        if (rn_traces_open(recorder->desk.traces) == 0) {
            recorder->finishing = false;
            recorder->finished(recorder->finished_self);
        }
    }
}

/* --- time ---------------------------------------------------------------------------------------------------------- */

/* An earlier tick stands: it finds out itself when the next one is due. */
static void tick_within(struct rn_recorder *recorder, uint64_t delay_ns)
{
    uint64_t due = rn_loop_now_ns(recorder->settings.loop) + delay_ns;
    if (recorder->tick_due_ns == 0 || due < recorder->tick_due_ns) {
        recorder->tick_due_ns = due;
        rn_timer_start(recorder->tick, delay_ns);
    }
}

/*
 * Ticks are fast while a last unit waits for its stream's end; parts that grow old are gathered, so that they share commits;
 * and where nothing is open but streams that say nothing, and traces, nothing ticks.
 */
static void plan_tick(struct rn_recorder *recorder)
{
    const struct rn_desk *desk = &recorder->desk;
    uint64_t now = rn_loop_now_ns(recorder->settings.loop);
    uint64_t old = rn_aging_next_ns(desk);
    if (desk->holding) {
        tick_within(recorder, TICK_HOLDING_NS);
    } else if (desk->throttled > 0) {
        tick_within(recorder, TICK_NS);
    } else if (old != UINT64_MAX) {
        tick_within(recorder, old > now + TICK_NS ? old - now : TICK_NS);
    }
}

/* A trace that is open or is opened now cannot be idle for long enough before this. */
static void plan_closing(struct rn_recorder *recorder, uint64_t idle_since_ns)
{
    uint64_t idle = recorder->settings.trace_idle_ns;
    uint64_t now = rn_loop_now_ns(recorder->settings.loop);
    uint64_t since = idle_since_ns < now ? idle_since_ns : now;
    if (idle != 0) {
        tick_within(recorder, since + idle > now + TICK_NS ? since + idle - now : TICK_NS);
    }
}

static void resume_all(struct rn_recorder *recorder)
{
    for (struct rn_call *call = recorder->desk.open, *next; call != NULL; call = next) {
        next = call->next;
        rn_call_resume(call);
    }
}

static void tick_held(struct rn_recorder *recorder, uint64_t now)
{
    if (!recorder->desk.holding) {
        return;
    }
    recorder->desk.holding = false;
    for (struct rn_call *call = recorder->desk.open; call != NULL; call = call->next) {
        rn_call_tick(call, now);
        recorder->desk.holding = recorder->desk.holding || call->held_ns != 0;
    }
}

static void on_tick(void *self)
{
    struct rn_recorder *recorder = self;
    uint64_t now = rn_loop_now_ns(recorder->settings.loop);
    uint64_t idle = recorder->settings.trace_idle_ns;
    recorder->tick_due_ns = 0;
    if (recorder->desk.throttled > 0 && rn_desk_is_stalled(&recorder->desk)) {
        resume_all(recorder); /* who waits for a disk that stands still waits for nothing */
    }
    rn_aging_flush(&recorder->desk);
    tick_held(recorder, now);
    plan_tick(recorder);
    if (idle != 0 && rn_traces_open(recorder->desk.traces) > 0) {
        uint64_t before = now > idle ? now - idle : 0;
        plan_closing(recorder, rn_traces_close_idle(recorder->desk.traces, before));
    }
}

static void on_turn(void *self)
{
    struct rn_recorder *recorder = self;
    struct rn_call *call = recorder->desk.dirty;
    recorder->desk.dirty = NULL;
    while (call != NULL) {
        struct rn_call *next = call->next_dirty;
        rn_call_turn(call);
        call = next;
    }
    plan_tick(recorder);
    maybe_finished(recorder);
}

/* --- the gateway's handler ----------------------------------------------------------------------------------------- */

static void answer_own(struct rn_exchange *exchange)
{
    static const char body[] = "{\"error\":{\"type\":\"reenact_gateway\",\"message\":\"reenact has "
                               "nothing at this path\"}}\n";
    rn_exchange_answer(exchange, 404, RN_LIT(""), "application/json", rn_bytes_text(body), NULL);
}

static void answer_unkept(struct rn_recorder *recorder, struct rn_exchange *exchange,
                          unsigned status, const char *message)
{
    char body[256];
    int len = snprintf(body, sizeof body,
                       "{\"error\":{\"type\":\"reenact_gateway\",\"message\":\"%s\"}}\n", message);
    recorder->desk.counts.refused++;
    rn_exchange_answer(exchange, status, RN_LIT(""), "application/json",
                       rn_bytes_of(body, len < 0 ? 0 : (size_t)len), NULL);
}

/* The one sentence that keeps a well-formed request from being forwarded, and its status; NULL when nothing does. */
static const char *refusal_of(struct rn_recorder *recorder, const struct rn_request *request,
                              const struct rn_upstream **upstream, unsigned *status, char *space,
                              size_t space_bytes)
{
    *status = 501;
    const char *sentence = rn_route_refusal(request->head);
    if (sentence != NULL) {
        return sentence;
    }
    *status = 404;
    if (request->route.kind == RN_ROUTE_NONE) {
        return "this path names no upstream: use /NAME/path or /t/TRACE/NAME/path";
    }
    *upstream = rn_upstreams_find(recorder->settings.upstreams, request->route.upstream);
    if (*upstream == NULL) {
        (void)snprintf(
            space, space_bytes, "there is no upstream '%.*s': give one with --upstream NAME=URL",
            (int)request->route.upstream.len, (const char *)request->route.upstream.data);
        return space;
    }
    return NULL;
}

/* --- ingress ------------------------------------------------------------------------------------------------------- */

/* Whether the upstream is an application in front of which we stand. */
static bool is_inbound(const struct rn_recorder *recorder, const struct rn_request *request)
{
    const char *const *names = recorder->settings.ingress;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (rn_bytes_equal(rn_bytes_text(names[i]), request->route.upstream)) {
            return true;
        }
    }
    return false;
}

/* By which way a call came to its trace: only told where there is somebody to join. */
static void count_join(struct rn_recorder *recorder, const struct rn_open_trace *trace,
                       const char *rule)
{
    static const char *const names[RN_JOIN_LIMIT] = {
        [RN_JOIN_NAMED] = "",
        [RN_JOIN_TRACEPARENT] = "traceparent",
        [RN_JOIN_LINK] = "link",
        [RN_JOIN_CONTENT] = "content",
        [RN_JOIN_CONTAINMENT] = "containment",
    };
    struct rn_recorder_counts *counts = &recorder->desk.counts;
    enum rn_join join = RN_JOIN_NAMED;
    if (recorder->desk.joins == NULL) {
        return;
    }
    if (strcmp(rule, "new") == 0) {
        counts->alone++;
        return;
    }
    for (unsigned i = RN_JOIN_NAMED + 1; i < RN_JOIN_LIMIT; i++) {
        join = strcmp(rule, names[i]) == 0 ? (enum rn_join)i : join;
    }
    counts->joined[join] += join != RN_JOIN_NAMED || trace->is_inbound;
}

static void on_request(void *self, struct rn_exchange *exchange, const struct rn_request *request)
{
    struct rn_recorder *recorder = self;
    const struct rn_upstream *upstream = NULL;
    const char *rule = NULL;
    enum rn_status status = RN_OK;
    char space[160];
    unsigned code;
    if (request->route.kind == RN_ROUTE_OWN) {
        answer_own(exchange);
        return;
    }
    if (recorder->stopped) {
        answer_unkept(recorder, exchange, 503, "reenact has stopped recording");
        return;
    }
    bool inbound = is_inbound(recorder, request);
    struct rn_open_trace *trace =
        inbound ? rn_traces_choose_inbound(recorder->desk.traces, request, &rule, &status)
                : rn_traces_choose(recorder->desk.traces, request, &rule, &status);
    if (trace == NULL && status == RN_INVALID) {
        answer_unkept(recorder, exchange, 400,
                      "a trace is named by 32 hex digits or an alias of up to 64 letters, digits, "
                      "'.', '_', '-'");
        return;
    }
    struct rn_call *call =
        trace == NULL ? NULL : rn_call_new(&recorder->desk, exchange, request, trace, rule);
    if (call == NULL) {
        answer_unkept(recorder, exchange, 503, "reenact ran out of memory");
        return;
    }
    const char *sentence = refusal_of(recorder, request, &upstream, &code, space, sizeof space);
    if (inbound) {
        trace->is_inbound = true;
        if (!rn_call_decide(call, request) && sentence == NULL) {
            code = 503;
            sentence = "reenact ran out of memory";
        }
    } else {
        count_join(recorder, trace, rule);
    }
    if (sentence != NULL) {
        rn_call_refuse(call, code, sentence);
    } else {
        rn_call_forward(call, request, upstream);
    }
    plan_closing(recorder, UINT64_MAX);
}

static void on_drained(void *self, struct rn_exchange *exchange)
{
    (void)self;
    struct rn_call *call = rn_exchange_context(exchange);
    if (call != NULL) {
        rn_call_drained(call);
    }
}

static void on_delivered(void *self, struct rn_exchange *exchange)
{
    struct rn_call *call = rn_exchange_context(exchange);
    if (call != NULL) {
        rn_call_delivered(call);
    }
    maybe_finished(self);
}

static void on_gone(void *self, struct rn_exchange *exchange)
{
    struct rn_call *call = rn_exchange_context(exchange);
    if (call != NULL) {
        rn_call_gone(call);
    }
    maybe_finished(self);
}

struct rn_handler rn_recorder_handler(struct rn_recorder *recorder)
{
    return (struct rn_handler){.self = recorder,
                               .on_request = on_request,
                               .on_drained = on_drained,
                               .on_delivered = on_delivered,
                               .on_gone = on_gone};
}

/* --- the writer ---------------------------------------------------------------------------------------------------- */

void rn_recorder_collect(struct rn_recorder *recorder)
{
    struct rn_entry *entry;
    while ((entry = rn_writer_collect(recorder->settings.writer)) != NULL) {
        struct rn_pending *pending = entry->owner;
        pending->done(pending);
    }
    if (recorder->desk.throttled > 0 &&
        rn_writer_backlog_bytes(recorder->settings.writer) < RN_WRITER_BYTES_MAX / 2) {
        resume_all(recorder);
    }
    rn_aging_go_on(&recorder->desk);
    maybe_finished(recorder);
}

/* Somebody does not take a complete answer. Nobody is waited for without an end. */
static void on_grace_over(void *self)
{
    struct rn_recorder *recorder = self;
    for (struct rn_call *call = recorder->desk.open, *next; call != NULL; call = next) {
        next = call->next;
        rn_call_abandon(call);
    }
    maybe_finished(recorder);
}

void rn_recorder_finish(struct rn_recorder *recorder, void (*finished)(void *self), void *self)
{
    recorder->stopped = true;
    recorder->finishing = true;
    recorder->finished = finished;
    recorder->finished_self = self;
    for (struct rn_call *call = recorder->desk.open, *next; call != NULL; call = next) {
        next = call->next;
        rn_call_abort(call);
    }
    if (recorder->desk.open != NULL) {
        rn_timer_start(recorder->grace, RN_LINGER_NS);
    }
    maybe_finished(recorder);
}
