/*
 * What an exchange has to do with the store: its parts go to the writer and come back, an end that is held too long goes out
 * late, and with `strict` nothing happens that the store does not take. Bytes and their order are call.c's.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "compose.h"

static bool is_strict(const struct rn_call *call)
{
    return call->desk->settings->durability == RN_DURABILITY_STRICT;
}

bool rn_call_waits(const struct rn_call *call)
{
    return call->desk->settings->durability != RN_DURABILITY_ASYNC && !call->unheld &&
           !call->missed;
}

/* With `strict` and with `never` nothing passes the disk. */
static uint64_t stall_ns(const struct rn_recorder_settings *settings)
{
    switch (settings->durability) {
    case RN_DURABILITY_SYNC:
        return settings->late_after_ns;
    case RN_DURABILITY_ASYNC:
        return RN_LATE_AFTER_NS;
    default:
        return 0;
    }
}

bool rn_desk_is_stalled(const struct rn_desk *desk)
{
    uint64_t patience = stall_ns(desk->settings);
    return patience != 0 && desk->with_writer > 0 &&
           rn_loop_now_ns(desk->settings->loop) - desk->moved_ns >= patience;
}

/* Whether somebody waits for this part with a limit: the client for an end, or the whole call for its intent. */
static bool has_limit(const struct rn_call *call, const struct rn_part *part)
{
    if (call->exchange == NULL || call->finished || part->durable) {
        return false;
    }
    return is_strict(call) ? call->intending : call->over || part->held_piece != RN_NPOS;
}

/* --- not at all ---------------------------------------------------------------------------------------------------- */

static bool must_miss(const struct rn_call *call)
{
    const struct rn_desk *desk = call->desk;
    return rn_writer_backlog_bytes(desk->settings->writer) > RN_WRITER_BYTES_MAX &&
           rn_desk_is_stalled(desk);
}

/* From here on nothing of this call is kept, and nothing of it waits. `why` is static text. */
static void miss(struct rn_call *call, const char *why)
{
    call->missed = true;
    call->desk->counts.failed++;
    rn_writer_miss(call->desk->settings->writer, call->trace->recording, why);
    for (struct rn_part *part = call->parts; part != NULL; part = part->next) {
        part->durable = true;
    }
}

/* --- there --------------------------------------------------------------------------------------------------------- */

/*
 * A part that nobody keeps: what was held of it goes out, and once the client has it all it is dropped. Those before it may
 * still be with the writer.
 */
static void drop_missed(struct rn_call *call, struct rn_part *missed)
{
    struct rn_part **at = &call->parts;
    rn_call_flow(call);
    if (missed->pieces_sent < rn_part_pieces(missed)) {
        return; /* its client is slow: rn_call_drop_parts finds it later */
    }
    while (*at != missed) {
        at = &(*at)->next;
    }
    *at = missed->next;
    rn_part_free(missed);
}

static void sent(struct rn_desk *desk)
{
    if (desk->with_writer++ == 0) {
        desk->moved_ns = rn_loop_now_ns(desk->settings->loop);
    }
}

static void deny(struct rn_call *call);

/* Whether this part goes to the writer at all. */
static bool is_kept(struct rn_call *call, struct rn_part *part)
{
    if (!call->missed && must_miss(call)) {
        miss(call, "more than 256 MiB waited for the disk");
    } else if (!call->missed && !rn_part_arm(part)) {
        miss(call, "reenact ran out of memory");
        if (is_strict(call) && !call->unheld) {
            deny(call);
        }
    }
    return !call->missed;
}

void rn_call_submit(struct rn_call *call, struct rn_part *part, enum rn_entry_kind kind)
{
    if (!is_kept(call, part)) {
        part->durable = true;
        part->returned = true;
        return;
    }
    part->sealed = true;
    part->durable = !rn_call_waits(call);
    part->pending->entry.kind = kind;
    part->pending->entry.trace = call->trace->recording;
    part->pending->entry.owner = part->pending;
    part->pending->entry.is_intent = call->intending && kind == RN_ENTRY_EVENT_OPEN;
    part->pending->done = rn_call_returned;
    part->pending->self = call;
    rn_compose_entry(call, part, kind);
    call->with_writer++;
    sent(call->desk);
    if (has_limit(call, part)) {
        rn_wait_begin(&call->desk->wait, part);
    }
    rn_writer_submit(call->desk->settings->writer, &part->pending->entry);
}

void rn_call_flush(struct rn_call *call)
{
    struct rn_part *full = call->last;
    struct rn_bytes unsent;
    bool all = !rn_part_next(full, &unsent);
    if (!all && full->pieces_sent == 0) {
        return;
    }
    struct rn_part *fresh = rn_part_new();
    if (fresh == NULL || !rn_part_arm(full) || (!all && rn_part_split(full, fresh) != RN_OK)) {
        rn_part_free(fresh); /* it simply grows on */
        return;
    }
    full->next = fresh;
    call->last = fresh;
    rn_aging_end(call);
    if (!all) {
        rn_aging_begin(call);
    }
    rn_call_submit(call, full, call->opened ? RN_ENTRY_EVENT_PART : RN_ENTRY_EVENT_OPEN);
    call->opened = true;
    call->held_ns = all ? 0 : call->held_ns;
    if (call->missed) {
        drop_missed(call, full);
    }
}

void rn_call_drop_parts(struct rn_call *call)
{
    while (call->parts != call->last && call->parts->returned &&
           (call->finished || call->parts->pieces_sent == rn_part_pieces(call->parts))) {
        struct rn_part *next = call->parts->next;
        rn_part_free(call->parts);
        call->parts = next;
    }
}

/* --- strict -------------------------------------------------------------------------------------------------------- */

/* What waits for nothing any more: it is the store that we answer for. */
static void refuse_unheld(struct rn_call *call, const char *why)
{
    char sentence[RN_ERROR_BYTES_MAX + 64];
    (void)snprintf(sentence, sizeof sentence, "reenact cannot record this call: %s", why);
    call->unheld = true;
    rn_call_refuse(call, 503, sentence);
}

void rn_call_intend(struct rn_call *call)
{
    struct rn_part *intent = call->last;
    struct rn_part *fresh = rn_part_new();
    if (fresh == NULL || !rn_part_arm(intent)) {
        rn_part_free(fresh);
        rn_call_refuse(call, 503, "reenact ran out of memory before it could forward this request");
        return;
    }
    intent->next = fresh;
    call->last = fresh;
    call->intending = true;
    rn_call_submit(call, intent, RN_ENTRY_EVENT_OPEN);
    call->opened = true;
}

/* The request is read once more, from what was kept of it: what the gateway had parsed is gone. */
static void start_intended(struct rn_call *call)
{
    struct rn_http_head head;
    size_t used = 0;
    if (rn_http_request_parse(call->head, &head, &used, NULL) != RN_HTTP_DONE) {
        rn_call_refuse(call, 503, "reenact could not read this request again");
        return;
    }
    rn_call_start(call, &head);
}

static void intent_returned(struct rn_call *call, struct rn_part *intent)
{
    char why[RN_ERROR_BYTES_MAX];
    call->intending = false;
    intent->durable = true;
    if (call->over) { /* its client did not wait for it, or was told so already */
        return;
    }
    if (intent->pending->entry.status == RN_OK) {
        start_intended(call);
        return;
    }
    /* No event was opened; the refusal is one of its own, if the store takes that. */
    call->opened = false;
    rn_writer_last_error(call->desk->settings->writer, why, sizeof why);
    refuse_unheld(call, why);
}

/* A whole answer of ours in the place of one that nobody has seen yet. It is in no event. */
static void answer_instead(struct rn_call *call, const char *sentence)
{
    struct rn_buffer body = {0};
    if (rn_compose_refusal(call, 503, sentence, &body) == RN_OK) {
        call->started = true;
        rn_exchange_start(call->exchange, rn_buffer_bytes(&call->answer_head), call->answer.framing,
                          call->answer.length);
        if (body.len > 0) {
            (void)rn_exchange_write(call->exchange, rn_buffer_bytes(&body));
        }
        rn_exchange_finish(call->exchange, rn_bytes_of(NULL, 0));
    } else {
        rn_exchange_cut(call->exchange);
    }
    rn_buffer_free(&body);
}

/* The store did not take what this client would be told. It is not told; what it has been told already is broken off. */
static void deny(struct rn_call *call)
{
    static const char sentence[] =
        "reenact cannot record this answer, and passes on nothing that it "
        "does not record (--durability=strict)";
    if (call->exchange == NULL || call->finished) {
        return;
    }
    call->finished = true;
    if (call->transfer != NULL) {
        rn_transfer_cancel(call->transfer);
        call->transfer = NULL;
    }
    (void)snprintf(call->reason, sizeof call->reason, "%s", sentence);
    rn_call_over(call, RN_END_CUT);
    /* The head's memory is ours again once nothing is with the writer. */
    if (!call->started && call->with_writer == 0) {
        answer_instead(call, sentence);
    } else {
        rn_exchange_cut(call->exchange);
    }
}

/* --- late ---------------------------------------------------------------------------------------------------------- */

static void mark_returned(struct rn_pending *pending)
{
    struct rn_call *call = pending->self;
    call->with_writer--;
    call->desk->counts.stored_bytes += pending->entry.stored_bytes;
    rn_call_retire(call);
}

/* The event is with the writer and may be written already: what it does not say stands beside it. */
static void submit_mark(struct rn_call *call)
{
    struct rn_mark *mark = rn_calloc(1, sizeof *mark);
    if (mark == NULL) {
        return;
    }
    call->mark = mark;
    mark->pending = (struct rn_pending){
        .entry = {.kind = RN_ENTRY_EVENT, .trace = call->trace->recording, .owner = &mark->pending},
        .done = mark_returned,
        .self = call};
    if (rn_compose_mark(call, &mark->bytes, &mark->pending.entry.event) == RN_OK) {
        call->with_writer++;
        rn_writer_submit(call->desk->settings->writer, &mark->pending.entry);
    }
}

void rn_call_overdue(struct rn_call *call, struct rn_part *part)
{
    if (call->exchange == NULL || call->finished || call->missed) {
        return;
    }
    if (is_strict(call)) {
        part->durable = true;
        refuse_unheld(call, "its store does not answer");
        return;
    }
    for (struct rn_part *before = call->parts; before != part; before = before->next) {
        before->durable = true;
    }
    part->durable = true;
    if (!call->is_late) {
        call->is_late = true;
        call->desk->counts.late++;
        if (call->over) {
            submit_mark(call);
        } else {
            call->flags |= RN_FLAG_LATE; /* comes with the end */
        }
    }
    rn_call_flow(call);
}

/* --- and back ------------------------------------------------------------------------------------------------------ */

/*
 * A stream may stay open for an hour, and a request may be large: what is stored, and used by nobody here any more, goes.
 * Nothing is with the writer, and it took everything so far.
 */
static void slim(struct rn_call *call)
{
    bool uses_request = call->transfer != NULL && !rn_transfer_let_go(call->transfer);
    if (call->started && call->head_stored) {
        call->gone_bytes += call->answer_head.len;
        rn_buffer_free(&call->answer_head);
        rn_buffer_free(&call->interim);
    }
    if (!uses_request) {
        call->gone_bytes += call->head.len;
        call->head = call->body = call->method = call->target = (struct rn_bytes){NULL, 0};
        rn_buffer_free(&call->request);
        rn_buffer_free(&call->request_head);
        rn_buffer_free(&call->request_trailers);
        rn_buffer_free(&call->labels);
    }
}

void rn_call_returned(struct rn_pending *pending)
{
    struct rn_call *call = pending->self;
    struct rn_part *part = call->parts;
    while (part->pending != pending) {
        part = part->next;
    }
    bool failed = pending->entry.status != RN_OK;
    rn_wait_end(&call->desk->wait, part);
    part->returned = true;
    call->with_writer--;
    call->desk->with_writer--;
    call->desk->moved_ns = rn_loop_now_ns(call->desk->settings->loop);
    call->stored_bytes += pending->entry.stored_bytes;
    call->desk->counts.stored_bytes += pending->entry.stored_bytes;
    if (failed && part == call->last) {
        call->desk->counts.failed++;
    }
    if (pending->entry.is_intent) {
        intent_returned(call, part);
    } else if (failed && is_strict(call) && !call->unheld) {
        deny(call);
    } else {
        part->durable = true;
    }
    rn_call_flow(call);
    rn_call_drop_parts(call);
    if (call->with_writer == 0 && !failed && !call->over) {
        slim(call);
    }
    rn_call_retire(call);
}
