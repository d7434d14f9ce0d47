/*
 * The life of one attempt. In: a call of the plan, then what the transfer and the writer tell. Out: entries for the writer and, at the
 * end, what it cost. Declines to know which call is next and what follows from an answer.
 */
#include <stdio.h>
#include <string.h>

#include "backoff.h"
#include "base/clock.h"
#include "base/memory.h"
#include "pair.h"
#include "send.h"
#include "store/trace.h"

static void call_over(struct rn_send_call *call, enum rn_end end, const char *reason);

static uint64_t now_ns(const struct rn_send_call *call)
{
    return rn_loop_now_ns(call->send->loop);
}

/* --- birth and death ------------------------------------------------------------------------------------------------- */

static void unlink_call(struct rn_send_call *call)
{
    if (call->previous == NULL) {
        call->send->calls = call->next;
    } else {
        call->previous->next = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    call->send->call_count--;
}

static void link_call(struct rn_send_call *call)
{
    struct rn_send *send = call->send;
    call->next = send->calls;
    if (send->calls != NULL) {
        send->calls->previous = call;
    }
    send->calls = call;
    send->call_count++;
}

void rn_send_call_free(struct rn_send_call *call)
{
    if (call == NULL) {
        return;
    }
    unlink_call(call);
    call->send->throttled -= call->is_throttled;
    while (call->parts != NULL) {
        struct rn_send_part *next = call->parts->next;
        rn_send_part_free(call->parts);
        call->parts = next;
    }
    rn_buffer_free(&call->interim);
    rn_buffer_free(&call->head);
    rn_buffer_free(&call->trailers);
    rn_arena_free(&call->arena);
    rn_free(call);
}

static bool add_part(struct rn_send_call *call)
{
    struct rn_send_part *part = rn_send_part_new(call);
    if (part == NULL) {
        return false;
    }
    if (call->last == NULL) {
        call->parts = part;
    } else {
        call->last->next = part;
    }
    call->last = part;
    return true;
}

/* Of the recorded call only what is sent stays in memory. */
static bool keep_request(struct rn_send_call *call, const struct rn_plan_request *made)
{
    struct rn_bytes *const kept[] = {&call->request.method, &call->request.target,
                                     &call->request.head, &call->request.body,
                                     &call->request.moves};
    call->request = *made;
    bool good = true;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        *kept[i] = rn_arena_copy(&call->arena, *kept[i]);
        good = good && kept[i]->data != NULL;
    }
    return good;
}

/*
 * The worst it may take. The prompt: as counted by the recorded provider, else three bytes a token. The answer: what the request allows,
 * else twice the recorded one.
 */
static void expect(struct rn_send_call *call, const struct rn_view *view)
{
    const struct rn_send *send = call->send;
    const struct rn_plan_call *planned = &send->plan.calls[call->index];
    uint64_t in = planned->tokens_in;
    uint64_t out = 2 * (uint64_t)planned->tokens_out;
    if (!view->reading.has_usage) {
        in = call->request.body.len / 3;
    }
    out = out < 256 ? 256 : out;
    out = call->request.max_tokens > 0 ? call->request.max_tokens : out;
    call->need.tokens = (uint64_t)planned->tokens_in + planned->tokens_out;
    call->need.pico = send->has_price ? rn_price_cost(&send->price, in, 0, out) : 0;
}

static enum rn_status load(struct rn_send_call *call, struct rn_arena *arena,
                           struct rn_error *error)
{
    struct rn_send *send = call->send;
    const struct rn_plan_call *planned = &send->plan.calls[call->index];
    struct rn_event event = {.class = RN_CLASS_EVENT};
    struct rn_plan_request made = {0};
    struct rn_view view = {0};
    enum rn_left_out why = RN_LEFT_COUNT;
    enum rn_status status = rn_trace_event_indexed(send->store, &planned->trace, RN_CLASS_EVENT,
                                                   planned->n, arena, &event, error);
    if (status != RN_OK) {
        return status;
    }
    if (send->pace.budget_pico == 0) {
        rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("")); /* nobody asks for its usage */
    }
    status = rn_view_make(arena, &event, &view);
    if (status == RN_OK) {
        status = rn_plan_request_make(&send->plan, &view, rn_buffer_bytes(&send->credential), arena,
                                      &made, &why, error);
    }
    if (status == RN_OK) {
        call->recorded_ns = view.has_complete ? view.complete_ns : 0;
        status = keep_request(call, &made) ? RN_OK : RN_NOMEM;
    }
    if (status == RN_OK) {
        expect(call, &view);
    }
    rn_view_free(&view);
    return status;
}

enum rn_status rn_send_call_make(struct rn_send *send, size_t index, struct rn_send_call **out,
                                 struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_send_call *call = rn_calloc(1, sizeof *call);
    *out = NULL;
    if (call == NULL) {
        return RN_NOMEM;
    }
    call->send = send;
    call->index = index;
    call->asked_ns = UINT64_MAX;
    rn_buffer_init(&call->interim, RN_HEAD_BYTES_MAX);
    call->attempt = send->answers[index].attempts + 1 + (send->answers[index].lost ? 1 : 0);
    link_call(call);
    enum rn_status status = load(call, &arena, error);
    /* One for the intent and one for the answer: once an intent is stored, there is memory to say what became of it. */
    if (status == RN_OK && (!add_part(call) || !add_part(call))) {
        status = RN_NOMEM;
    }
    rn_arena_free(&arena);
    if (status != RN_OK) {
        rn_send_call_free(call);
        return status;
    }
    *out = call;
    return RN_OK;
}

/* --- to the store ---------------------------------------------------------------------------------------------------- */

static void submit(struct rn_send_part *part, enum rn_entry_kind kind)
{
    struct rn_send_call *call = part->call;
    part->entry.kind = kind;
    part->entry.trace = call->trace->recording;
    call->with_writer++;
    rn_writer_submit(call->send->writer, &part->entry);
}

void rn_send_call_begin(struct rn_send_call *call)
{
    struct rn_send *send = call->send;
    call->trace = send->traces;
    call->trace->open++;
    call->n = ++call->trace->n;
    call->state = RN_SEND_INTENT;
    call->intent_wall_ns = rn_clock_wall_ns();
    call->stamps[0] = ++send->stamp;
    send->in_flight++;
    rn_send_entry_intent(call->parts);
    call->parts->entry.is_intent = true; /* one that fails is no event: nothing was sent */
    submit(call->parts, RN_ENTRY_EVENT_OPEN);
}

/* What has come so far goes to the store as a part. Without memory it simply grows on. */
static void flush_part(struct rn_send_call *call)
{
    struct rn_send_part *full = call->last;
    if (add_part(call)) {
        rn_send_entry_answer(full, false);
        submit(full, RN_ENTRY_EVENT_PART);
    }
}

/* Bodies beyond what is ever read need not wait in memory for their end. */
static void drop_stored_parts(struct rn_send_call *call)
{
    struct rn_send_part **at = &call->parts->next; /* the first is the intent */
    while (call->is_long && *at != NULL && *at != call->last && (*at)->is_returned) {
        struct rn_send_part *stored = *at;
        *at = stored->next;
        rn_send_part_free(stored);
    }
}

/* --- what the transfer tells ----------------------------------------------------------------------------------------- */

static void on_interim(void *self, struct rn_bytes head)
{
    struct rn_send_call *call = self;
    (void)rn_buffer_add(&call->interim, head);
}

/* The transfer is broken off by us: what came is kept as cut. */
static void break_off(struct rn_send_call *call, const char *reason)
{
    rn_transfer_cancel(call->transfer);
    call->transfer = NULL;
    call_over(call, RN_END_CUT, reason);
}

static void on_head(void *self, struct rn_bytes head)
{
    static const struct rn_client client = {.version_minor = 1, .keep_alive = true};
    struct rn_send_call *call = self;
    struct rn_send *send = call->send;
    enum rn_status status = rn_answer_compose(&call->head, head, client, &call->framing);
    if (status != RN_OK) {
        rn_buffer_clear(&call->head);
        break_off(call, status == RN_NOMEM
                            ? "reenact ran out of memory before this answer"
                            : "the head of the answer contradicts itself about its length, or "
                              "begins with no status");
        return;
    }
    call->head_known = true;
    call->first_ns = call->piece_ns = now_ns(call);
    call->stamps[1] = ++send->stamp;
    struct rn_bytes composed = rn_buffer_bytes(&call->head);
    if (rn_http_response_parse(composed, call->request.method, &send->head, NULL) == RN_HTTP_DONE ||
        rn_http_response_skim(composed, &send->head)) {
        call->status = send->head.status;
        uint64_t asked_ns = 0;
        if (call->status >= 400 && rn_backoff_asked(&send->head, rn_clock_wall_ns(), &asked_ns)) {
            call->asked_ns = asked_ns;
        }
    }
}

static bool on_body(void *self, struct rn_bytes piece)
{
    struct rn_send_call *call = self;
    struct rn_send *send = call->send;
    uint64_t now = now_ns(call);
    uint64_t before = call->body_bytes == 0 ? call->sent_ns : call->piece_ns;
    if (piece.len == 0) {
        return true;
    }
    if (rn_send_part_add(call->last, piece, now > before ? now - before : 0) != RN_OK) {
        break_off(call, "reenact ran out of memory within this answer");
        return true;
    }
    call->piece_ns = now;
    call->body_bytes += piece.len;
    call->is_long = call->body_bytes > RN_DECODED_BYTES_MAX;
    if (call->is_long) { /* nobody reads it, and it may never end */
        break_off(call, "the answer is longer than any that is read: 64 MiB of it came");
        return true;
    }
    if (call->last->body.len >= RN_PART_BYTES_MAX) {
        flush_part(call);
    }
    if (rn_writer_backlog_bytes(send->writer) > RN_WRITER_BYTES_MAX) {
        send->throttled += !call->is_throttled;
        call->is_throttled = true;
    }
    return !call->is_throttled;
}

void rn_send_call_resume(struct rn_send_call *call)
{
    if (call->is_throttled) {
        call->is_throttled = false;
        call->send->throttled--;
        if (call->transfer != NULL) {
            rn_transfer_resume(call->transfer);
        }
    }
}

static void on_done(void *self, const struct rn_transfer_end *end)
{
    struct rn_send_call *call = self;
    char reason[sizeof call->reason] = "";
    call->transfer = NULL;
    call->code = end->code;
    (void)rn_buffer_add(&call->trailers, end->trailers);
    if (!end->complete) {
        (void)snprintf(reason, sizeof reason, "%s: %s", end->name, end->sentence);
    }
    call_over(call, end->complete ? RN_END_ENDED : RN_END_CUT, reason);
}

static const struct rn_transfer_handler transfer_handler = {on_interim, on_head, on_body, on_done};

/* --- sending --------------------------------------------------------------------------------------------------------- */

/* A model that thought long when it was recorded may be silent as long again. */
static long idle_ms(const struct rn_send_call *call)
{
    uint64_t ms = 4 * (call->recorded_ns / 1000000);
    ms = ms < (uint64_t)RN_SEND_IDLE_MS ? (uint64_t)RN_SEND_IDLE_MS : ms;
    return ms > (uint64_t)RN_IDLE_TIMEOUT_MS ? RN_IDLE_TIMEOUT_MS : (long)ms;
}

static bool start_transfer(struct rn_send_call *call)
{
    struct rn_send *send = call->send;
    const struct rn_plan_request *request = &call->request;
    size_t skipped = 0;
    if (rn_http_request_parse(request->head, &send->head, &skipped, NULL) != RN_HTTP_DONE) {
        return false;
    }
    const struct rn_forward forward = {.method = request->method,
                                       .target = request->target,
                                       .head = &send->head,
                                       .body = request->body,
                                       .spill = -1,
                                       .body_bytes = request->body.len,
                                       .has_body = true};
    rn_upstreams_set_timeouts(send->upstreams, RN_CONNECT_TIMEOUT_MS, idle_ms(call));
    call->transfer =
        rn_transfer_start(send->upstreams, send->upstream, &forward, &transfer_handler, call);
    return call->transfer != NULL;
}

void rn_send_call_go(struct rn_send_call *call)
{
    struct rn_send *send = call->send;
    uint64_t again_ns = 0;
    if (send->is_stopping) {
        rn_send_call_cancel(call, "the backtest had ended before this was sent");
        return;
    }
    call->state = RN_SEND_HELD;
    if (!rn_pace_may_send(&send->pace, now_ns(call), &again_ns)) {
        return;
    }
    if (!start_transfer(call)) {
        rn_send_fail(send, RN_NOMEM, "out of memory before a request could be sent");
        rn_send_call_cancel(call, "reenact ran out of memory before this was sent");
        return;
    }
    call->state = RN_SEND_SENT;
    call->sent_ns = now_ns(call);
    rn_pace_sent(&send->pace, call->sent_ns, &call->claim);
    send->outcome->sent++;
}

void rn_send_call_cancel(struct rn_send_call *call, const char *reason)
{
    if (call->transfer != NULL) {
        rn_transfer_cancel(call->transfer);
        call->transfer = NULL;
    }
    if (call->state == RN_SEND_SENT || call->state == RN_SEND_HELD ||
        (call->state == RN_SEND_INTENT && call->parts->is_returned)) {
        call_over(call, RN_END_ABORTED, reason);
    }
}

/* --- what it cost ---------------------------------------------------------------------------------------------------- */

/* The whole body in one run: that of its only part, or a copy. */
static struct rn_bytes whole_body(const struct rn_send_call *call, struct rn_buffer *space)
{
    const struct rn_send_part *part = call->parts->next;
    if (call->is_long) {
        return (struct rn_bytes){NULL, 0};
    }
    if (part->next == NULL) {
        return rn_buffer_bytes(&part->body);
    }
    for (; part != NULL; part = part->next) {
        if (rn_buffer_add(space, rn_buffer_bytes(&part->body)) != RN_OK) {
            return (struct rn_bytes){NULL, 0};
        }
    }
    return rn_buffer_bytes(space);
}

static void set_view_event(const struct rn_send_call *call, struct rn_bytes body,
                           const uint8_t *end, struct rn_event *event)
{
    static const uint8_t kind = RN_EVENT_EXCHANGE;
    rn_event_set(event, RN_TAG_END, rn_bytes_of(end, 1));
    event->class = RN_CLASS_EVENT;
    event->n = call->n;
    rn_event_set(event, RN_TAG_KIND, rn_bytes_of(&kind, 1));
    rn_event_set(event, RN_TAG_METHOD, call->request.method);
    rn_event_set(event, RN_TAG_TARGET, call->request.target);
    rn_event_set(event, RN_TAG_REQUEST_HEAD, call->request.head);
    rn_event_set(event, RN_TAG_REQUEST_BODY, call->request.body);
    rn_event_set(event, RN_TAG_RESPONSE_HEAD, rn_buffer_bytes(&call->head));
    rn_event_set(event, RN_TAG_RESPONSE_BODY, body);
}

static void take_reading(struct rn_send_call *call, const struct rn_view *view)
{
    const struct rn_send *send = call->send;
    const struct rn_reading *reading = &view->reading;
    call->no_answer = rn_plan_is_success(call->status, call->end) && !rn_pair_is_answer(view);
    struct rn_bytes error = reading->error.len > 0 || !call->no_answer
                                ? reading->error
                                : RN_LIT("what came cannot be read as an answer");
    (void)snprintf(call->message, sizeof call->message, "%.*s",
                   (int)(error.len < 200 ? error.len : 200),
                   error.len == 0 ? "" : (const char *)error.data);
    if (reading->has_usage) {
        call->took_tokens = reading->tokens_in + reading->tokens_out;
    }
    if (send->has_price) {
        call->took_pico = rn_plan_answer_cost(&send->price, &send->plan.calls[call->index], view);
    }
}

/* Reads what was answered, where anybody wants to know. Without memory it counts as expected. */
static void read_answer(struct rn_send_call *call)
{
    struct rn_arena arena = {0};
    struct rn_buffer space = {0};
    struct rn_event event = {0};
    struct rn_view view = {0};
    uint8_t end = (uint8_t)call->end;
    set_view_event(call, whole_body(call, &space), &end, &event);
    if (rn_view_make(&arena, &event, &view) == RN_OK) {
        take_reading(call, &view);
    }
    rn_view_free(&view);
    rn_buffer_free(&space);
    rn_arena_free(&arena);
}

bool rn_send_is_doubtful(enum rn_end end, unsigned status, struct rn_bytes reason)
{
    return end != RN_END_ENDED && end != RN_END_REFUSED && status < 300 &&
           !rn_bytes_starts_with(reason, RN_LIT("CURLE_COULDNT_"));
}

static void settle(struct rn_send_call *call)
{
    struct rn_send *send = call->send;
    bool success = rn_plan_is_success(call->status, call->end);
    call->took_tokens = success || !call->head_known ? call->need.tokens : 0;
    if (call->head_known && (send->reads_usage || !success || rn_send_is_probing(send))) {
        read_answer(call);
    }
    struct rn_pace_need took = {.tokens = call->took_tokens, .pico = call->took_pico};
    bool doubtful = call->took_pico == 0 &&
                    rn_send_is_doubtful(call->end, call->status, rn_bytes_text(call->reason));
    if (send->has_price && call->claim.is_sent && doubtful) {
        const struct rn_plan_call *planned = &send->plan.calls[call->index];
        took.pico = rn_price_cost(&send->price, planned->tokens_in, 0, planned->tokens_out);
        send->doubtful_pico += took.pico;
    }
    rn_pace_settle(&send->pace, now_ns(call), &call->claim, &took);
}

/* --- the end --------------------------------------------------------------------------------------------------------- */

static void ask_for_pause(struct rn_send_call *call)
{
    if (call->asked_ns != UINT64_MAX && rn_backoff_is_for_all(call->status)) {
        rn_pace_pause(&call->send->pace, now_ns(call) + call->asked_ns);
    }
}

static void leave_slot(struct rn_send_call *call)
{
    call->state = RN_SEND_ENDED;
    call->send->in_flight--;
}

/* Nothing more will come: the last entry goes to the writer. */
static void call_over(struct rn_send_call *call, enum rn_end end, const char *reason)
{
    struct rn_send *send = call->send;
    call->end = end;
    (void)snprintf(call->reason, sizeof call->reason, "%s", reason);
    call->stamps[1] = call->stamps[1] == 0 ? ++send->stamp : call->stamps[1];
    call->stamps[2] = ++send->stamp;
    settle(call);
    ask_for_pause(call);
    /* During the probe an upstream that is not there is a mistake, and told at once. */
    if (call->sent_ns != 0 && end != RN_END_ABORTED && !rn_send_is_probing(send)) {
        rn_pace_heard(&send->pace, now_ns(call), call->head_known);
    }
    leave_slot(call);
    rn_send_entry_answer(call->last, true);
    submit(call->last, RN_ENTRY_EVENT_CLOSE);
    rn_turn_again(send->turn);
}

/* The intent could not be stored: nothing was sent. */
static void intent_failed(struct rn_send_call *call)
{
    leave_slot(call);
    rn_pace_settle(&call->send->pace, now_ns(call), &call->claim, &(struct rn_pace_need){0});
}

static void store_failed(struct rn_send_call *call, enum rn_status status)
{
    char last[RN_ERROR_BYTES_MAX];
    char sentence[RN_ERROR_BYTES_MAX + 64];
    call->stored = call->stored == RN_OK ? status : call->stored;
    rn_writer_last_error(call->send->writer, last, sizeof last);
    (void)snprintf(sentence, sizeof sentence, "the store takes nothing more: %s",
                   last[0] != '\0' ? last : rn_status_name(status));
    rn_send_stop(call->send, RN_BACKTEST_STORE, sentence);
}

void rn_send_call_returned(struct rn_send_part *part)
{
    struct rn_send_call *call = part->call;
    call->with_writer--;
    part->is_returned = true;
    if (part->entry.status != RN_OK) {
        store_failed(call, part->entry.status);
    }
    if (call->state == RN_SEND_INTENT && part->entry.status == RN_OK) {
        rn_send_call_go(call);
    } else if (call->state == RN_SEND_INTENT) {
        intent_failed(call);
    }
    drop_stored_parts(call);
    if (call->state == RN_SEND_ENDED && call->with_writer == 0) {
        call->trace->open--;
        if (call->stored == RN_OK) {
            rn_send_settled(call->send, call);
        }
        rn_turn_again(call->send->turn);
        rn_send_call_free(call);
    }
}
