/*
 * The same request again and again, some at once. In: a request that is made. Out: slots with what came. An attempt that met a
 * passing trouble is repeated after the wait its answer asks for; nothing new is asked once that would be without use: the budget
 * would be passed, the upstream refuses for good, or a signal came.
 */
#include "ask_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "backoff.h"
#include "base/clock.h"

#define IDLE_MS 120000L /* a silent upstream is given up after this */

static void fill(struct rn_ask *ask);
static void start(void *self);

static void stop(struct rn_ask *ask, const char *why)
{
    if (!ask->is_stopping) {
        ask->is_stopping = true;
        (void)snprintf(ask->outcome->stopped, sizeof ask->outcome->stopped, "%s", why);
    }
}

/* --- the end of one ------------------------------------------------------------------------------------------------- */

static bool goes_again(const struct rn_ask_slot *slot)
{
    return !slot->ask->is_stopping && slot->attempt < RN_ASK_ATTEMPTS && !slot->is_answer &&
           rn_plan_may_retry(slot->status, slot->end);
}

static void wait_and_go_again(struct rn_ask_slot *slot)
{
    uint64_t wait_ns = slot->asked_ns != UINT64_MAX
                           ? slot->asked_ns
                           : rn_backoff_ns(slot->attempt, slot->sent_ns ^ slot->done_ns);
    rn_timer_start(slot->again, wait_ns);
}

/* Who says no for good to the first says it to all. */
static void heed_refusal(const struct rn_ask_slot *slot)
{
    struct rn_ask *ask = slot->ask;
    if (!slot->is_answer && ask->outcome->answered == 0 && slot->status != 429) {
        char why[160];
        (void)snprintf(why, sizeof why, "%s, so it was not asked again",
                       slot->status >= 400 ? "the upstream refuses it" : "no answer came");
        stop(ask, why);
    }
}

static void over(struct rn_ask_slot *slot, enum rn_end end, const char *reason)
{
    struct rn_ask *ask = slot->ask;
    slot->end = end;
    slot->done_ns = rn_clock_mono_ns();
    (void)snprintf(slot->reason, sizeof slot->reason, "%s", reason);
    if (rn_ask_slot_read(slot) != RN_OK) {
        stop(ask, "there was no memory to read an answer");
    }
    if (goes_again(slot)) {
        wait_and_go_again(slot);
        return;
    }
    ask->in_flight--;
    ask->outcome->answered += slot->is_answer;
    ask->spent_pico += rn_ask_slot_cost(slot);
    if (ask->settings->on_progress != NULL) {
        ask->settings->on_progress(ask->settings->self, ask->outcome->asked - ask->in_flight);
    }
    heed_refusal(slot);
    fill(ask);
}

/* --- what the transfer tells ---------------------------------------------------------------------------------------- */

static void break_off(struct rn_ask_slot *slot, const char *reason)
{
    rn_transfer_cancel(slot->transfer);
    slot->transfer = NULL;
    over(slot, RN_END_CUT, reason);
}

static void on_interim(void *self, struct rn_bytes head)
{
    (void)self;
    (void)head;
}

static void on_head(void *self, struct rn_bytes head)
{
    static const struct rn_client client = {.version_minor = 1, .keep_alive = true};
    struct rn_ask_slot *slot = self;
    struct rn_ask *ask = slot->ask;
    struct rn_answer framing;
    uint64_t asked_ns = 0;
    enum rn_status status = rn_answer_compose(&slot->head, head, client, &framing);
    if (status != RN_OK) {
        rn_buffer_clear(&slot->head);
        break_off(slot, "the head of the answer contradicts itself");
        return;
    }
    slot->first_ns = rn_clock_mono_ns();
    struct rn_bytes composed = rn_buffer_bytes(&slot->head);
    if (rn_http_response_parse(composed, ask->request.method, &ask->head, NULL) == RN_HTTP_DONE ||
        rn_http_response_skim(composed, &ask->head)) {
        slot->status = ask->head.status;
        if (slot->status >= 400 && rn_backoff_asked(&ask->head, rn_clock_wall_ns(), &asked_ns)) {
            slot->asked_ns = asked_ns;
        }
    }
}

static bool on_body(void *self, struct rn_bytes piece)
{
    struct rn_ask_slot *slot = self;
    enum rn_status status = rn_buffer_add(&slot->body, piece);
    if (status != RN_OK) {
        break_off(slot, status == RN_LIMIT ? "the answer is longer than 16 MiB"
                                           : "there was no memory for the answer");
    }
    return true;
}

static void on_done(void *self, const struct rn_transfer_end *end)
{
    struct rn_ask_slot *slot = self;
    slot->transfer = NULL;
    over(slot, end->complete ? RN_END_ENDED : RN_END_CUT, end->complete ? "" : end->sentence);
}

static const struct rn_transfer_handler handler = {on_interim, on_head, on_body, on_done};

/* --- the beginning of one ------------------------------------------------------------------------------------------- */

static void clear(struct rn_ask_slot *slot)
{
    rn_view_free(&slot->view);
    rn_arena_free(&slot->arena);
    slot->view = (struct rn_view){.event = NULL};
    rn_buffer_clear(&slot->head);
    rn_buffer_clear(&slot->body);
    slot->status = 0;
    slot->first_ns = 0;
    slot->asked_ns = UINT64_MAX;
    slot->end = RN_END_NONE;
}

/* Also the callback of the timer. */
static void start(void *self)
{
    struct rn_ask_slot *slot = self;
    struct rn_ask *ask = slot->ask;
    size_t skipped = 0;
    clear(slot);
    slot->attempt++;
    slot->sent_ns = rn_clock_mono_ns();
    if (rn_http_request_parse(ask->request.head, &ask->head, &skipped, NULL) == RN_HTTP_DONE) {
        const struct rn_forward forward = {.method = ask->request.method,
                                           .target = ask->request.target,
                                           .head = &ask->head,
                                           .body = ask->request.body,
                                           .spill = -1,
                                           .body_bytes = ask->request.body.len,
                                           .has_body = true};
        slot->transfer = rn_transfer_start(ask->upstreams, ask->upstream, &forward, &handler, slot);
    }
    if (slot->transfer == NULL) {
        stop(ask, "there was no memory to ask");
        over(slot, RN_END_CUT, "there was no memory to ask");
    }
}

static bool may_ask(struct rn_ask *ask)
{
    uint64_t budget = ask->settings->budget_pico;
    uint64_t claimed = ask->expected_pico * (ask->in_flight + 1);
    if (ask->is_stopping || ask->next == ask->settings->times) {
        return false;
    }
    if (budget > 0 && ask->spent_pico + claimed > budget) {
        if (ask->in_flight == 0) { /* else it may cost less than is feared */
            stop(ask, "the next answer could go beyond the budget");
        }
        return false;
    }
    return ask->in_flight < ask->settings->jobs;
}

static void fill(struct rn_ask *ask)
{
    while (may_ask(ask)) {
        struct rn_ask_slot *slot = &ask->slots[ask->next++];
        ask->in_flight++;
        ask->outcome->asked++;
        start(slot);
    }
    if (ask->in_flight == 0) {
        rn_loop_stop(ask->loop);
    }
}

/* --- signals -------------------------------------------------------------------------------------------------------- */

static void cancel_all(struct rn_ask *ask)
{
    for (unsigned i = 0; i < ask->next; i++) {
        struct rn_ask_slot *slot = &ask->slots[i];
        rn_timer_stop(slot->again);
        if (slot->transfer != NULL) {
            rn_transfer_cancel(slot->transfer);
            slot->transfer = NULL;
            slot->end = RN_END_NONE;
            ask->outcome->asked--;
        }
    }
    rn_loop_stop(ask->loop);
}

static void on_signal(void *self, bool readable, bool writable)
{
    struct rn_ask *ask = self;
    struct signalfd_siginfo info;
    (void)writable;
    if (readable && read(ask->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        stop(ask, "interrupted");
        cancel_all(ask);
    }
}

/* INT and TERM arrive on a descriptor of the loop; their former state is put back at the end. */
static enum rn_status watch_signals(struct rn_ask *ask, sigset_t *before)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, before);
    ask->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    ask->watch = ask->signals < 0 ? NULL : rn_watch_new(ask->loop, ask->signals, on_signal, ask);
    if (ask->watch == NULL) {
        return rn_fail(ask->error, RN_IO, "cannot wait for signals: %s", strerror(errno));
    }
    rn_watch_set(ask->watch, true, false);
    return RN_OK;
}

static void forget_signals(struct rn_ask *ask, const sigset_t *before)
{
    if (ask->watch != NULL) {
        rn_watch_free(ask->watch);
        ask->watch = NULL;
    }
    if (ask->signals >= 0) {
        (void)close(ask->signals);
        ask->signals = -1;
    }
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* A model that thought long when it was recorded may be silent as long again. */
static long idle_ms(const struct rn_ask *ask)
{
    uint64_t ms = ask->view.has_complete ? 4 * (ask->view.complete_ns / 1000000) : 0;
    ms = ms < (uint64_t)IDLE_MS ? (uint64_t)IDLE_MS : ms;
    return ms > (uint64_t)RN_IDLE_TIMEOUT_MS ? RN_IDLE_TIMEOUT_MS : (long)ms;
}

static enum rn_status make_slots(struct rn_ask *ask)
{
    ask->slots = rn_arena_alloc(&ask->arena, ask->settings->times * sizeof *ask->slots);
    bool good = ask->slots != NULL;
    for (unsigned i = 0; good && i < ask->settings->times; i++) {
        struct rn_ask_slot *slot = &ask->slots[i];
        slot->ask = ask;
        rn_buffer_init(&slot->body, RN_ASK_ANSWER_BYTES_MAX);
        slot->again = rn_timer_new(ask->loop, start, slot);
        good = slot->again != NULL;
    }
    return good ? RN_OK : rn_fail(ask->error, RN_NOMEM, "no memory to ask so often");
}

enum rn_status rn_ask_send(struct rn_ask *ask)
{
    sigset_t before;
    enum rn_status status = watch_signals(ask, &before);
    status = status == RN_OK ? make_slots(ask) : status;
    if (status == RN_OK) {
        rn_upstreams_set_timeouts(ask->upstreams, RN_CONNECT_TIMEOUT_MS, idle_ms(ask));
        fill(ask);
        if (ask->in_flight > 0) {
            rn_loop_run(ask->loop);
        }
    }
    forget_signals(ask, &before);
    return status;
}
