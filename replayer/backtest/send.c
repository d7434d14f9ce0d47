/*
 * `reenact backtest` sends: store, plan, lock, credential, loop, writer and upstream are opened, the loop runs, and all is closed in
 * reverse. In: a backtest by name. Out: its answers in the store, and an outcome. What goes when is send_flow.c's.
 */
#include "send.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "plan_lock.h"
#include "plan_target.h"
#include "store/userkey.h"

/* --- the plan and what it has left ----------------------------------------------------------------------------------- */

static enum rn_status open_plan(struct rn_send *send)
{
    enum rn_status status =
        rn_store_open_given(send->run->store, RN_STORE_READ, &send->store, send->error);
    if (status == RN_OK) {
        status = rn_plan_load(send->store, send->run->which, &send->plan, send->error);
    }
    if (status == RN_OK) {
        status = rn_plan_lock(rn_store_path(send->store), &send->plan.id, &send->lock, send->error);
    }
    return status == RN_OK ? rn_plan_answers(send->store, &send->plan, &send->answers, send->error)
                           : status;
}

/* What a given file says of the target, else what the plan was made with. */
static enum rn_status find_price(struct rn_send *send)
{
    const struct rn_price *planned = rn_plan_price(&send->plan);
    if (send->run->prices == NULL) {
        send->has_price = planned != NULL;
        send->price = planned != NULL ? *planned : send->price;
        return RN_OK;
    }
    struct rn_prices *prices = NULL;
    enum rn_status status = rn_prices_load(send->run->prices, &prices, send->error);
    if (status == RN_OK) {
        send->has_price = rn_price_of(prices, send->plan.upstream, send->plan.model, &send->price);
        rn_prices_free(prices);
    }
    return status;
}

/* What one attempt of an earlier run cost, or may have cost. */
static enum rn_status add_spent(void *self, const struct rn_plan_attempt *attempt)
{
    struct rn_send *send = self;
    const struct rn_plan_call *planned = &send->plan.calls[attempt->call];
    enum rn_end end = rn_event_end_of(attempt->event);
    struct rn_bytes reason = rn_event_get(attempt->event, RN_TAG_END_REASON);
    struct rn_arena arena = {0};
    struct rn_view view = {0};
    enum rn_status status = rn_view_make(&arena, attempt->event, &view);
    uint64_t pico = status == RN_OK ? rn_plan_answer_cost(&send->price, planned, &view) : 0;
    if (status == RN_OK && pico == 0 && rn_send_is_doubtful(end, view.status, reason)) {
        pico = rn_price_cost(&send->price, planned->tokens_in, 0, planned->tokens_out);
        send->doubtful_pico += pico;
    }
    send->pace.spent_pico += pico;
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status begin_pace(struct rn_send *send)
{
    const struct rn_plan *plan = &send->plan;
    uint64_t budget = send->run->budget_pico > 0 ? send->run->budget_pico : plan->budget_pico;
    rn_pace_init(&send->pace, plan->requests_per_minute, plan->tokens_per_minute, budget, 0);
    send->reads_usage = send->has_price || plan->tokens_per_minute > 0;
    if (budget > 0 && !send->has_price) {
        return rn_fail(send->error, RN_REFUSED,
                       "a budget needs a price, and none is known of %.*s/%.*s: give one by "
                       "--prices FILE",
                       (int)plan->upstream.len, (const char *)plan->upstream.data,
                       (int)plan->model.len, (const char *)plan->model.data);
    }
    return send->has_price ? rn_plan_each_attempt(send->store, plan, add_spent, send, send->error)
                           : RN_OK;
}

static void begin_counts(struct rn_send *send)
{
    for (size_t i = 0; i < send->plan.call_count; i++) {
        const struct rn_plan_answer *answer = &send->answers[i];
        bool success =
            rn_plan_is_success(answer->status, (enum rn_end)answer->end) && !answer->no_answer;
        send->final_count += answer->final;
        send->failed_count += answer->final && !success;
        send->outcome->twice += answer->lost && !answer->final;
    }
    send->final_before = send->final_count;
}

static enum rn_status begin_plan(struct rn_send *send)
{
    enum rn_status status = find_price(send);
    if (status == RN_OK) {
        status = begin_pace(send);
    }
    if (status == RN_OK) {
        unsigned jobs = send->run->jobs > 0 ? send->run->jobs : send->plan.jobs;
        jobs = jobs == 0 ? 8 : jobs;
        send->jobs = jobs < RN_BACKTEST_JOBS_MAX ? jobs : RN_BACKTEST_JOBS_MAX;
        rn_queue_init(&send->queue, send->answers, send->plan.call_count);
        rn_send_probe_begin(send);
        begin_counts(send);
    }
    return status;
}

/* --- the upstream and its credential --------------------------------------------------------------------------------- */

/* The URL behind "NAME=" of the plan's upstream; NULL: none was given. Another name is a mistake. */
static enum rn_status given_url(struct rn_send *send, const char **url)
{
    const struct rn_plan *plan = &send->plan;
    *url = NULL;
    for (size_t i = 0; send->run->upstreams != NULL && send->run->upstreams[i] != NULL; i++) {
        const char *given = send->run->upstreams[i];
        size_t len = strcspn(given, "=");
        if (given[len] == '\0') {
            return rn_fail(send->error, RN_INVALID, "--upstream '%s' is not NAME=URL", given);
        }
        if (!rn_bytes_equal(rn_bytes_of(given, len), plan->upstream)) {
            return rn_fail(send->error, RN_INVALID,
                           "--upstream '%.*s': this backtest goes to '%.*s' and nowhere else",
                           (int)len, given, (int)plan->upstream.len,
                           (const char *)plan->upstream.data);
        }
        *url = given + len + 1;
    }
    return RN_OK;
}

static enum rn_status open_upstream(struct rn_send *send)
{
    char name[64];
    char planned[1024];
    const char *url = NULL;
    (void)snprintf(name, sizeof name, "%.*s", (int)send->plan.upstream.len,
                   (const char *)send->plan.upstream.data);
    (void)snprintf(planned, sizeof planned, "%.*s", (int)send->plan.url.len,
                   (const char *)send->plan.url.data);
    send->upstreams = rn_upstreams_new(send->loop);
    if (send->upstreams == NULL) {
        return rn_fail(send->error, RN_NOMEM, "out of memory");
    }
    enum rn_status status = given_url(send, &url);
    if (status == RN_OK) {
        status = rn_upstreams_add(send->upstreams, name, url != NULL ? url : planned, send->error);
    }
    if (status == RN_OK) {
        send->upstream = rn_upstreams_find(send->upstreams, rn_bytes_text(name));
    }
    return status;
}

/* --- the loop -------------------------------------------------------------------------------------------------------- */

static void on_signal(void *self, bool readable, bool writable)
{
    struct rn_send *send = self;
    struct signalfd_siginfo info;
    char id[33];
    char sentence[256];
    (void)writable;
    if (!readable || read(send->signals, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    if (send->is_stopping) {
        rn_send_cancel(send);
        return;
    }
    rn_trace_id_text(&send->plan.id, id);
    (void)snprintf(sentence, sizeof sentence, "interrupted; to go on: reenact backtest resume %s",
                   id + 24);
    rn_send_stop(send, RN_BACKTEST_INTERRUPTED, sentence);
}

/* INT and TERM arrive on a descriptor of the loop; their former state is put back at the end. */
static enum rn_status watch_signals(struct rn_send *send, sigset_t *before)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, before);
    send->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (send->signals < 0) {
        return rn_fail(send->error, RN_IO, "cannot wait for signals: %s", strerror(errno));
    }
    return RN_OK;
}

static void on_writer(void *wake)
{
    rn_wake_send(wake);
}

static enum rn_status open_loop(struct rn_send *send)
{
    send->loop = rn_loop_new();
    if (send->loop != NULL) {
        send->wake = rn_wake_new(send->loop, rn_send_collect, send);
        send->turn = rn_turn_new(send->loop, rn_send_fill, send);
        send->due = rn_timer_new(send->loop, rn_send_fill, send);
        send->tick = rn_timer_new(send->loop, rn_send_on_tick, send);
        send->grace = rn_timer_new(send->loop, rn_send_cancel, send);
        send->watch = rn_watch_new(send->loop, send->signals, on_signal, send);
    }
    if (send->loop == NULL || send->wake == NULL || send->turn == NULL || send->due == NULL ||
        send->tick == NULL || send->grace == NULL || send->watch == NULL) {
        return rn_fail(send->error, RN_NOMEM, "out of memory or descriptors");
    }
    rn_watch_set(send->watch, true, false);
    return RN_OK;
}

static enum rn_status open_writer(struct rn_send *send)
{
    uint8_t key[RN_USERKEY_BYTES];
    bool has_key = rn_userkey_load(true, key, NULL) == RN_OK;
    return rn_writer_start(send->store, on_writer, send->wake,
                           rn_bytes_of(key, has_key ? RN_USERKEY_BYTES : 0), &send->writer,
                           send->error);
}

static void run_loop(struct rn_send *send)
{
    uint64_t began_ns = rn_clock_mono_ns();
    send->started_ns = rn_loop_now_ns(send->loop);
    send->waiting = "";
    if (send->run->on_progress != NULL) {
        rn_timer_start(send->tick, RN_SEND_TICK_NS);
    }
    rn_turn_again(send->turn);
    rn_loop_run(send->loop);
    send->outcome->wall_ns = rn_clock_mono_ns() - began_ns;
}

/* --- open and close -------------------------------------------------------------------------------------------------- */

static void free_loop(struct rn_send *send)
{
    if (send->loop == NULL) {
        return;
    }
    rn_upstreams_free(send->upstreams);
    if (send->watch != NULL) {
        rn_watch_free(send->watch);
    }
    rn_timer_free(send->due);
    rn_timer_free(send->tick);
    rn_timer_free(send->grace);
    rn_turn_free(send->turn);
    if (send->wake != NULL) {
        rn_wake_free(send->wake);
    }
    rn_loop_free(send->loop);
}

static void free_all(struct rn_send *send)
{
    rn_writer_free(send->writer); /* first: it wakes the loop */
    free_loop(send);
    while (send->traces != NULL) {
        struct rn_send_trace *next = send->traces->next;
        rn_free(send->traces);
        send->traces = next;
    }
    rn_queue_free(&send->queue);
    rn_free(send->answers);
    if (send->store != NULL) {
        rn_plan_unlock(rn_store_path(send->store), &send->plan.id, send->lock);
    }
    rn_plan_free(&send->plan);
    rn_store_close(send->store);
    rn_buffer_free(&send->credential);
    rn_free(send);
}

static enum rn_status open_all(struct rn_send *send)
{
    enum rn_status status = open_plan(send);
    if (status == RN_OK) {
        status = begin_plan(send);
    }
    if (status == RN_OK) {
        status = open_loop(send);
    }
    if (status == RN_OK) {
        status = open_upstream(send);
    }
    if (status == RN_OK) {
        status = rn_plan_credential(&send->plan, rn_upstream_url(send->upstream),
                                    send->run->key_variable, send->run->environment,
                                    &send->credential, send->error);
    }
    return status == RN_OK ? open_writer(send) : status;
}

static void tell_outcome(struct rn_send *send)
{
    struct rn_backtest_outcome *outcome = send->outcome;
    outcome->end = send->end;
    outcome->cost_known = send->has_price;
    outcome->spent_pico = send->pace.spent_pico - send->doubtful_pico;
    if (send->unreadable > 0 && outcome->sentence[0] == '\0') {
        (void)snprintf(outcome->sentence, sizeof outcome->sentence,
                       "%" PRIu64 " calls could not be sent, because their recording cannot be "
                       "read any more: %s",
                       send->unreadable, send->unreadable_first);
    }
}

enum rn_status rn_backtest_run(const struct rn_backtest_run *run,
                               struct rn_backtest_outcome *outcome, struct rn_error *error)
{
    struct rn_send *send = rn_calloc(1, sizeof *send);
    sigset_t before;
    *outcome = (struct rn_backtest_outcome){0};
    if (send == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    send->run = run;
    send->outcome = outcome;
    send->error = error;
    send->lock = send->signals = -1;
    /* Before the writer's thread exists, so that it inherits the mask. */
    enum rn_status status = watch_signals(send, &before);
    int signals = send->signals;
    if (status == RN_OK) {
        status = open_all(send);
    }
    if (status == RN_OK) {
        run_loop(send);
        rn_writer_stop(send->writer);
        tell_outcome(send);
        status = send->status;
    }
    free_all(send);
    if (status == RN_OK && error != NULL) {
        *error = (struct rn_error){0}; /* what was looked for and not missed */
    }
    if (signals >= 0) {
        (void)close(signals);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}
