/*
 * What goes when: slots, pace, probe, further attempts, and the end. Called at the end of a turn of the loop in which anything changed, by
 * timers and by the writer. Declines to know how a call is sent or stored.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backoff.h"
#include "base/clock.h"
#include "base/memory.h"
#include "pair.h"
#include "send.h"
#include "store/trace.h"
#include "store/view.h"

static uint64_t now_ns(const struct rn_send *send)
{
    return rn_loop_now_ns(send->loop);
}

/* --- stopping -------------------------------------------------------------------------------------------------------- */

/* A provider may repeat our key in its error; no sentence does. */
static void hide_credential(const struct rn_send *send, char *sentence)
{
    struct rn_bytes key = rn_buffer_bytes(&send->credential);
    size_t at;
    while (key.len >= RN_CREDENTIAL_BYTES_MIN &&
           (at = rn_bytes_find(rn_bytes_text(sentence), key)) != RN_NPOS) {
        sentence += at;
        memset(sentence, 'x', key.len);
        sentence += key.len;
    }
}

void rn_send_stop(struct rn_send *send, enum rn_backtest_end end, const char *sentence)
{
    if (send->is_stopping) {
        return;
    }
    send->is_stopping = true;
    send->end = end;
    (void)snprintf(send->outcome->sentence, sizeof send->outcome->sentence, "%s", sentence);
    hide_credential(send, send->outcome->sentence);
    rn_timer_start(send->grace, RN_SEND_GRACE_NS);
    rn_turn_again(send->turn);
}

void rn_send_fail(struct rn_send *send, enum rn_status status, const char *sentence)
{
    if (send->status == RN_OK) {
        send->status = rn_fail(send->error, status, "%s", sentence);
    }
    rn_send_stop(send, RN_BACKTEST_INTERRUPTED, sentence);
}

void rn_send_cancel(void *self)
{
    struct rn_send *send = self;
    for (struct rn_send_call *call = send->calls, *next; call != NULL; call = next) {
        next = call->next;
        rn_send_call_cancel(call, "the backtest ended before the answer was complete");
    }
}

/* --- the probe ------------------------------------------------------------------------------------------------------- */

#define NOTHING_MORE "; nothing more was sent"

bool rn_send_is_probing(const struct rn_send *send)
{
    return send->queue.until < send->queue.count || send->probe.ended < send->probe.calls;
}

static void judge_probe(struct rn_send *send)
{
    char sentence[480];
    switch (rn_probe_state(&send->probe)) {
    case RN_PROBE_OPEN:
        return;
    case RN_PROBE_PASSED:
        rn_queue_limit(&send->queue, send->queue.count);
        return;
    case RN_PROBE_FAILED:
        rn_probe_sentence(&send->probe, sentence, sizeof sentence - sizeof NOTHING_MORE);
        (void)strcat(sentence, NOTHING_MORE);
        rn_send_stop(send, RN_BACKTEST_PROBE_FAILED, sentence);
        return;
    }
}

static bool is_success(const struct rn_plan_answer *answer)
{
    return rn_plan_is_success(answer->status, (enum rn_end)answer->end) && !answer->no_answer;
}

/* Its status alone says little: a page of HTML has 200 as well. What cannot be read now was judged before. */
static void read_stored(struct rn_send *send, struct rn_plan_answer *answer)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_view view = {0};
    if (rn_trace_event(send->store, &answer->trace, RN_CLASS_EVENT, answer->n, &arena, &event,
                       NULL) == RN_OK &&
        rn_view_make(&arena, &event, &view) == RN_OK) {
        answer->no_answer = is_success(answer) && !rn_pair_is_answer(&view);
    }
    rn_view_free(&view);
    rn_arena_free(&arena);
}

static void probe_stored(struct rn_send *send, const struct rn_plan_answer *answer)
{
    const struct rn_probe_end end = {.is_success = is_success(answer), .status = answer->status};
    rn_probe_take(&send->probe, &end);
}

/* Whether any call behind the probe was ever tried: then it was passed once, or given up by somebody who knew. */
static bool is_beyond(const struct rn_send *send)
{
    for (size_t i = send->probe.calls; i < send->plan.call_count; i++) {
        if (send->answers[i].attempts > 0 || send->answers[i].lost) {
            return true;
        }
    }
    return false;
}

/* The probe failed, and what made it fail may have been mended since: its failures are sent again. */
static void open_again(struct rn_send *send)
{
    for (size_t i = 0; i < send->probe.calls; i++) {
        struct rn_plan_answer *answer = &send->answers[i];
        if (answer->final && !is_success(answer)) {
            answer->final = false;
            answer->attempts = 0;
            answer->no_answer = false;
        }
    }
}

void rn_send_probe_begin(struct rn_send *send)
{
    rn_probe_init(&send->probe, send->plan.call_count);
    bool beyond = is_beyond(send);
    for (size_t i = 0; i < send->probe.calls; i++) {
        if (send->answers[i].final) {
            if (!beyond) {
                read_stored(send, &send->answers[i]);
            }
            probe_stored(send, &send->answers[i]);
        }
    }
    if (rn_probe_state(&send->probe) == RN_PROBE_FAILED && !beyond) {
        open_again(send);
        rn_send_probe_begin(send);
    } else if (rn_probe_state(&send->probe) == RN_PROBE_OPEN) {
        rn_queue_limit(&send->queue, send->probe.calls);
    }
}

void rn_send_probe_skip(struct rn_send *send, size_t index)
{
    if (index < send->probe.calls && rn_send_is_probing(send)) {
        rn_probe_take(&send->probe, &(struct rn_probe_end){.is_success = true});
        judge_probe(send);
    }
}

static void probe_take(struct rn_send *send, const struct rn_send_call *call)
{
    char sentence[480];
    const char *said = call->status == 0 || call->message[0] == '\0' ? call->reason : call->message;
    const struct rn_probe_end end = {.is_success = rn_plan_is_success(call->status, call->end) &&
                                                   !call->no_answer,
                                     .status = call->status,
                                     .code = call->code,
                                     .message = rn_bytes_text(said)};
    if (rn_send_is_probing(send)) {
        rn_probe_take(&send->probe, &end);
        judge_probe(send);
        return;
    }
    rn_streak_take(&send->streak, &end);
    if (rn_streak_is_over(&send->streak)) {
        rn_streak_sentence(&send->streak, sentence, sizeof sentence - sizeof NOTHING_MORE);
        (void)strcat(sentence, NOTHING_MORE);
        rn_send_stop(send, RN_BACKTEST_PROBE_FAILED, sentence);
    }
}

/* --- after an answer ------------------------------------------------------------------------------------------------- */

static void send_again(struct rn_send *send, const struct rn_send_call *call)
{
    uint64_t chance = 0;
    rn_random_bytes(&chance, sizeof chance);
    uint64_t wait_ns = call->asked_ns != UINT64_MAX
                           ? call->asked_ns
                           : rn_backoff_ns(send->answers[call->index].attempts, chance);
    if (rn_queue_put(&send->queue, call->index, now_ns(send) + wait_ns) != RN_OK) {
        rn_send_fail(send, RN_NOMEM, "out of memory while a call waited for another attempt");
        return;
    }
    send->outcome->retried++;
}

void rn_send_settled(struct rn_send *send, struct rn_send_call *call)
{
    struct rn_plan_answer *answer = &send->answers[call->index];
    if (call->end == RN_END_ABORTED) {
        answer->lost = true; /* we broke it off: it is sent again by the next run */
        return;
    }
    answer->trace = *rn_recording_id(call->trace->recording);
    answer->n = call->n;
    answer->attempts++;
    answer->status = (uint16_t)call->status;
    answer->end = (uint8_t)call->end;
    answer->final = rn_plan_is_final(&send->plan, call->status, call->end, answer->attempts);
    if (!answer->final) {
        send_again(send, call);
        return;
    }
    answer->no_answer = call->no_answer;
    bool failed = !is_success(answer);
    send->final_count++;
    send->failed_count += failed;
    send->outcome->answered++;
    send->outcome->failed += failed;
    probe_take(send, call);
}

/* --- the next call --------------------------------------------------------------------------------------------------- */

static void money(uint64_t pico, char out[32])
{
    (void)snprintf(out, 32, "$%" PRIu64 ".%04" PRIu64, pico / RN_PICO_PER_DOLLAR,
                   pico % RN_PICO_PER_DOLLAR / (RN_PICO_PER_DOLLAR / 10000));
}

static void stop_for_budget(struct rn_send *send, const struct rn_send_call *call)
{
    char id[33];
    char left[32];
    char next[32];
    char budget[32];
    char sentence[sizeof send->outcome->sentence];
    const struct rn_pace *pace = &send->pace;
    rn_trace_id_text(&send->plan.id, id);
    money(pace->budget_pico > pace->spent_pico ? pace->budget_pico - pace->spent_pico : 0, left);
    money(call->need.pico, next);
    money(pace->budget_pico, budget);
    (void)snprintf(sentence, sizeof sentence,
                   "of the budget of %s, %s is left, and the next call may cost %s; to go on: "
                   "reenact backtest resume %s --budget AMOUNT",
                   budget, left, next, id + 24);
    rn_send_stop(send, RN_BACKTEST_BUDGET, sentence);
}

/* Claims its place. Otherwise *again_ns is when to try again. */
static bool claim(struct rn_send *send, struct rn_send_call *call, uint64_t *again_ns)
{
    enum rn_pace_answer answer =
        rn_pace_claim(&send->pace, now_ns(send), &call->need, &call->claim, again_ns);
    switch (answer) {
    case RN_PACE_GO:
        return true;
    case RN_PACE_RATE:
        send->waiting = "rate limit";
        return false;
    case RN_PACE_PAUSED:
        send->waiting = "retry-after";
        return false;
    case RN_PACE_SILENT:
        send->waiting = "no answer";
        return false;
    case RN_PACE_BUDGET:
        if (send->in_flight == 0) {
            stop_for_budget(send, call);
        }
        return false;
    }
    return false;
}

/* --- filling --------------------------------------------------------------------------------------------------------- */

/* Calls whose intent is stored and that a pause held back. */
static void release_held(struct rn_send *send, uint64_t *again_ns)
{
    uint64_t until_ns = UINT64_MAX;
    bool may_send = rn_pace_may_send(&send->pace, now_ns(send), &until_ns);
    for (struct rn_send_call *call = send->calls, *next; call != NULL; call = next) {
        next = call->next;
        if (call->state != RN_SEND_HELD) {
            continue;
        }
        if (send->is_stopping || may_send) {
            rn_send_call_go(call);
        } else {
            *again_ns = until_ns;
        }
    }
}

static bool has_slot(const struct rn_send *send)
{
    return !send->is_stopping && send->in_flight < send->jobs &&
           send->call_count - send->stock_count < 2 * (size_t)send->jobs;
}

/* Starts the next call that may go; false: none may now. */
static bool begin_next(struct rn_send *send, uint64_t *again_ns)
{
    struct rn_send_call *call = has_slot(send) ? rn_send_stock_first(send) : NULL;
    if (call == NULL || !claim(send, call, again_ns)) {
        return false;
    }
    rn_send_stock_take(send);
    send->waiting = "";
    if (!rn_send_trace_open(send)) {
        rn_pace_settle(&send->pace, now_ns(send), &call->claim, &(struct rn_pace_need){0});
        rn_send_call_free(call);
        return false;
    }
    rn_send_call_begin(call);
    return true;
}

/* All that will be sent was sent and stored: the traces are closed, and then it is over. */
static void maybe_end(struct rn_send *send)
{
    bool is_idle = send->calls == NULL;
    if (!send->is_stopping && is_idle && rn_queue_is_empty(&send->queue)) {
        rn_send_stop(send, RN_BACKTEST_DONE, "");
    }
    if (!send->is_stopping || !is_idle) {
        return;
    }
    send->is_ended = true;
    rn_send_traces_close(send);
    if (send->traces == NULL) {
        rn_loop_stop(send->loop);
    }
}

void rn_send_fill(void *self)
{
    struct rn_send *send = self;
    uint64_t again_ns = UINT64_MAX;
    release_held(send, &again_ns);
    while (begin_next(send, &again_ns)) {
    }
    rn_send_stock_fill(send);
    if (send->in_flight < send->jobs && send->stock_count == 0) {
        uint64_t due_ns = rn_queue_due_ns(&send->queue);
        again_ns = due_ns < again_ns ? due_ns : again_ns;
    }
    if (again_ns != UINT64_MAX) {
        uint64_t now = now_ns(send);
        rn_timer_start(send->due, again_ns > now ? again_ns - now : 1);
    }
    rn_send_traces_close(send);
    maybe_end(send);
}

/* --- the writer ------------------------------------------------------------------------------------------------------ */

void rn_send_collect(void *self)
{
    struct rn_send *send = self;
    struct rn_entry *entry;
    while ((entry = rn_writer_collect(send->writer)) != NULL) {
        if (entry->owner == NULL) {
            rn_send_trace_closed(send, entry);
        } else {
            rn_send_call_returned(entry->owner);
        }
    }
    if (send->throttled > 0 && rn_writer_backlog_bytes(send->writer) < RN_WRITER_BYTES_MAX / 2) {
        for (struct rn_send_call *call = send->calls; call != NULL; call = call->next) {
            rn_send_call_resume(call);
        }
    }
    rn_turn_again(send->turn);
}

/* --- progress -------------------------------------------------------------------------------------------------------- */

/* Over the last ten seconds, or as long as it runs. */
static double rate_of(struct rn_send *send)
{
    unsigned place = send->tick_count % RN_SEND_TICKS;
    bool is_young = send->tick_count < RN_SEND_TICKS;
    uint64_t before = is_young ? send->final_before : send->ticks[place];
    unsigned ticks = is_young ? send->tick_count + 1 : RN_SEND_TICKS;
    send->ticks[place] = send->final_count;
    send->tick_count++;
    return (double)(send->final_count - before) * 1e9 / ((double)ticks * (double)RN_SEND_TICK_NS);
}

/* As fast as it went on the whole, and no faster than the rate allows. */
static uint64_t seconds_left(const struct rn_send *send)
{
    uint64_t passed_ns = now_ns(send) - send->started_ns;
    uint64_t fresh = send->final_count - send->final_before;
    uint64_t left = send->plan.call_count - send->final_count;
    if (fresh == 0) {
        return UINT64_MAX;
    }
    double seconds = (double)passed_ns / 1e9 / (double)fresh * (double)left;
    double allowed = send->plan.requests_per_minute == 0
                         ? 0
                         : (double)left * 60 / (double)send->plan.requests_per_minute;
    return (uint64_t)((seconds > allowed ? seconds : allowed) + 0.5);
}

void rn_send_on_tick(void *self)
{
    struct rn_send *send = self;
    struct rn_backtest_progress progress = {.calls = send->plan.call_count,
                                            .answered = send->final_count,
                                            .failed = send->failed_count,
                                            .in_flight = send->in_flight,
                                            .retried = send->outcome->retried,
                                            .spent_pico =
                                                send->pace.spent_pico - send->doubtful_pico,
                                            .budget_pico = send->pace.budget_pico,
                                            .cost_known = send->has_price,
                                            .per_second = rate_of(send),
                                            .seconds_left = seconds_left(send),
                                            .waiting = send->waiting};
    send->run->on_progress(send->run->self, &progress);
    rn_timer_start(send->tick, RN_SEND_TICK_NS);
}
