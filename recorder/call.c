/*
 * The life of one exchange. In: what the gateway and the transfer tell. Out: pieces to the client, entries to the writer.
 * Declines to know: which trace was chosen and why, how anything is stored.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "compose.h"

/* A unit that ends a stream waits this long for the stream's own end before it is committed without it. */
#define HELD_FOR_NS UINT64_C(20000000)

static uint64_t now_ns(const struct rn_call *call)
{
    return rn_loop_now_ns(call->desk->settings->loop);
}

static void mark_dirty(struct rn_call *call)
{
    if (!call->is_dirty) {
        call->is_dirty = true;
        call->next_dirty = call->desk->dirty;
        call->desk->dirty = call;
        /* What flows again after the client's queue was drained comes when this turn's calls have been made. */
        rn_turn_again(call->desk->turn);
    }
}

/* --- birth and death ----------------------------------------------------------------------------------------------- */

static void call_free(struct rn_call *call)
{
    while (call->parts != NULL) {
        struct rn_part *next = call->parts->next;
        rn_part_free(call->parts);
        call->parts = next;
    }
    rn_terminal_free(call->terminal);
    rn_buffer_free(&call->request);
    rn_buffer_free(&call->request_head);
    rn_buffer_free(&call->request_trailers);
    rn_buffer_free(&call->labels);
    rn_buffer_free(&call->answer_labels);
    rn_free(call->minter);
    rn_buffer_free(&call->interim);
    rn_buffer_free(&call->answer_head);
    rn_buffer_free(&call->answer_trailers);
    if (call->mark != NULL) {
        rn_buffer_free(&call->mark->bytes);
        rn_free(call->mark);
    }
    rn_free(call);
}

struct rn_call *rn_call_new(struct rn_desk *desk, struct rn_exchange *exchange,
                            const struct rn_request *request, struct rn_open_trace *trace,
                            const char *rule)
{
    struct rn_call *call = rn_calloc(1, sizeof *call);
    if (call == NULL) {
        return NULL;
    }
    call->desk = desk;
    call->trace = trace;
    call->rule = rule;
    call->exchange = exchange;
    call->client = rn_exchange_client(exchange);
    call->parts = call->last = rn_part_new();
    if (call->last == NULL || rn_compose_request(call, request) != RN_OK) {
        call_free(call);
        return NULL;
    }
    call->request = rn_exchange_take_request(exchange);
    call->n = ++trace->n;
    call->stamps[0] = ++desk->stamp;
    trace->open_calls++;
    desk->counts.calls++;
    rn_exchange_set_context(exchange, call);
    call->next = desk->open;
    if (desk->open != NULL) {
        desk->open->previous = call;
    }
    desk->open = call;
    return call;
}

bool rn_call_decide(struct rn_call *call, const struct rn_request *request)
{
    call->is_decision = true;
    call->desk->counts.decisions++;
    call->inbound = rn_joins_begin(call->desk->joins, &call->trace->id, request);
    return call->inbound != NULL;
}

/* The ids in the answer to a call are minted for the inbound request it was made for. */
static void begin_minting(struct rn_call *call)
{
    uint64_t number = call->desk->joins == NULL || call->is_decision
                          ? 0
                          : rn_joins_number(call->desk->joins, &call->trace->id);
    call->minter = number == 0 ? NULL : rn_calloc(1, sizeof *call->minter);
    if (call->minter != NULL) { /* without memory no link is known */
        call->minter->number = number;
    }
}

/* Frees a call that nobody waits for any more: the gateway, the transfer and the writer are all done with it. */
void rn_call_retire(struct rn_call *call)
{
    if (call->exchange != NULL || call->transfer != NULL || call->with_writer > 0 || !call->over ||
        call->is_dirty) {
        return;
    }
    call->desk->throttled -= call->throttled;
    call->trace->open_calls--;
    call->trace->last_ns = now_ns(call);
    if (call->previous == NULL) {
        call->desk->open = call->next;
    } else {
        call->previous->next = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    call_free(call);
}

/* --- to the client ------------------------------------------------------------------------------------------------- */

static void send_head(struct rn_call *call)
{
    call->started = true;
    call->first_ns = now_ns(call);
    call->stamps[1] = call->stamps[1] == 0 ? ++call->desk->stamp : call->stamps[1];
    rn_exchange_start(call->exchange, rn_buffer_bytes(&call->answer_head), call->answer.framing,
                      call->answer.length);
}

/* Whether everything of this answer is with the client or on the way there but its end. */
static bool all_sent(const struct rn_call *call)
{
    for (const struct rn_part *part = call->parts; part != NULL; part = part->next) {
        if (!part->durable || part->pieces_sent < rn_part_pieces(part)) {
            return false;
        }
    }
    return true;
}

static void send_end(struct rn_call *call)
{
    call->finished = true;
    if (call->end == RN_END_CUT) {
        rn_exchange_cut(call->exchange);
    } else {
        rn_exchange_finish(call->exchange, rn_buffer_bytes(&call->answer_trailers));
    }
}

/* Memory ran out before there was anything to say: the connection's end says that. */
static void send_nothing(struct rn_call *call)
{
    call->finished = true;
    rn_exchange_cut(call->exchange);
}

/* Writes whatever may go out now. */
void rn_call_flow(struct rn_call *call)
{
    struct rn_bytes piece;
    if (call->exchange == NULL || call->finished || call->full) {
        return;
    }
    if (!call->head_known) {
        if (call->over && call->last->durable) {
            send_nothing(call);
        }
        return;
    }
    if (!call->started) {
        send_head(call);
    }
    for (struct rn_part *part = call->parts; part != NULL; part = part->next) {
        while (rn_part_next(part, &piece)) {
            rn_part_sent(part);
            if (!rn_exchange_write(call->exchange, piece)) {
                call->full = true;
                return;
            }
        }
        if (part->pieces_sent < rn_part_pieces(part)) {
            return; /* the rest waits for its commit; nothing may overtake it */
        }
    }
    if (call->over && all_sent(call)) {
        send_end(call);
    }
}

/* --- what the transfer tells --------------------------------------------------------------------------------------- */

static void on_interim(void *self, struct rn_bytes head)
{
    struct rn_call *call = self;
    if (call->exchange != NULL && rn_buffer_add(&call->interim, head) == RN_OK) {
        rn_exchange_inform(call->exchange, head);
    }
}

static void on_head(void *self, struct rn_bytes head)
{
    struct rn_call *call = self;
    enum rn_status status = rn_compose_answer(call, head);
    if (status != RN_OK) {
        /* Its body must not be taken for the body of our refusal. */
        rn_transfer_cancel(call->transfer);
        call->transfer = NULL;
        rn_call_refuse(call, status == RN_NOMEM ? 503 : 502,
                       status == RN_NOMEM
                           ? "reenact ran out of memory before it could pass this answer on"
                           : "the head of the upstream's answer contradicts itself about its "
                             "length, or begins with no status");
        return;
    }
    call->head_known = true;
    call->terminal = rn_compose_terminal(call);
    call->piece_ns = now_ns(call);
    mark_dirty(call);
}

/* Memory ran out for a piece behind others that must not go out yet: this is as far as the answer gets. */
static void break_off(struct rn_call *call)
{
    if (call->transfer != NULL) {
        rn_transfer_cancel(call->transfer);
        call->transfer = NULL;
    }
    (void)snprintf(call->reason, sizeof call->reason,
                   "reenact ran out of memory within this answer");
    rn_call_over(call, RN_END_CUT);
}

/* A piece that cannot be kept still goes to the client, where nothing waits in front of it. */
static void pass_unkept(struct rn_call *call, struct rn_bytes piece)
{
    call->flags |= RN_FLAG_TRUNCATED;
    if (call->desk->settings->durability == RN_DURABILITY_STRICT) {
        break_off(call);
        return;
    }
    rn_call_flow(call);
    for (const struct rn_part *part = call->parts; part != NULL; part = part->next) {
        if (part->pieces_sent < rn_part_pieces(part)) {
            break_off(call);
            return;
        }
    }
    if (call->exchange != NULL && !call->finished) {
        call->full = !rn_exchange_write(call->exchange, piece) || call->full;
    }
}

/* Keeps a piece; what cannot be kept still goes to the client, and the record says that it is truncated. */
static void take_piece(struct rn_call *call, struct rn_bytes piece)
{
    uint64_t now = now_ns(call);
    struct rn_part *part = call->last;
    if (piece.len == 0) {
        return;
    }
    rn_aging_begin(call);
    bool is_first = call->answer_bytes == 0;
    uint64_t before = is_first ? call->arrived_mono_ns : call->piece_ns;
    uint64_t stamp = call->desk->stamp;
    if (rn_part_add(part, piece, now > before ? now - before : 0,
                    stamp - (is_first ? call->stamps[0] : call->piece_stamp)) != RN_OK) {
        pass_unkept(call, piece);
    }
    call->piece_ns = now;
    call->piece_stamp = stamp;
    call->answer_bytes += piece.len;
}

/* From here on pieces wait for their commit, where anything does. */
static void hold_from_here(struct rn_call *call)
{
    struct rn_part *part = call->last;
    if (rn_call_waits(call) && part->held_piece == RN_NPOS) {
        part->held_piece = rn_part_pieces(part);
        call->held_ns = now_ns(call);
    }
}

static bool on_body(void *self, struct rn_bytes piece)
{
    struct rn_call *call = self;
    size_t terminal = call->terminal == NULL ? RN_NPOS : rn_terminal_feed(call->terminal, piece);
    if (call->minter != NULL) {
        rn_joins_mint(call->desk->joins, call->minter->number, &call->minter->finder, piece);
    }
    bool fills_length = call->answer.framing == RN_FRAMING_LENGTH &&
                        call->answer_bytes + piece.len >= call->answer.length;
    if (terminal != RN_NPOS && call->answer.framing != RN_FRAMING_LENGTH) {
        take_piece(call, rn_bytes_sub(piece, 0, terminal));
        hold_from_here(call);
        if (!call->over) {
            take_piece(call, rn_bytes_from(piece, terminal));
        }
    } else {
        if (fills_length) {
            hold_from_here(call);
        }
        take_piece(call, piece);
    }
    if (call->over) {
        return true; /* it broke off, and the transfer is cancelled */
    }
    mark_dirty(call);
    if (call->last->body.len >= RN_PART_BYTES_MAX) {
        rn_call_flow(call);
        rn_call_flush(call);
    }
    if (rn_writer_backlog_bytes(call->desk->settings->writer) > RN_WRITER_BYTES_MAX &&
        !rn_desk_is_stalled(call->desk)) {
        call->desk->throttled += !call->throttled;
        call->throttled = true;
    }
    return !call->full && !call->throttled;
}

static void on_done(void *self, const struct rn_transfer_end *end)
{
    struct rn_call *call = self;
    call->transfer = NULL;
    if (!call->head_known) {
        call->answer_head.len = 0;
        rn_call_refuse(call, end->timed_out ? 504 : 502, end->sentence);
        return;
    }
    (void)rn_buffer_add(&call->answer_trailers, end->trailers);
    if (!end->complete) {
        (void)snprintf(call->reason, sizeof call->reason, "%s: %s", end->name, end->sentence);
    }
    rn_call_over(call, end->complete ? RN_END_ENDED : RN_END_CUT);
}

static const struct rn_transfer_handler transfer_handler = {on_interim, on_head, on_body, on_done};

void rn_call_start(struct rn_call *call, const struct rn_http_head *head)
{
    struct rn_forward forward = {.method = call->method,
                                 .target = call->target,
                                 .head = head,
                                 .body = call->body,
                                 .spill = call->spill,
                                 .body_bytes = call->request_bytes,
                                 .has_body = head->framing != RN_FRAMING_NONE};
    char trace[64];
    if (call->is_decision) {
        char id[33];
        rn_trace_id_text(&call->trace->id, id);
        (void)snprintf(trace, sizeof trace, "x-reenact-trace: %s", id);
        forward.own_field = rn_bytes_text(trace);
    }
    begin_minting(call);
    call->transfer = rn_transfer_start(call->desk->settings->upstreams, call->server, &forward,
                                       &transfer_handler, call);
    if (call->transfer == NULL) {
        rn_call_refuse(call, 503, "reenact ran out of memory before it could forward this request");
    }
}

void rn_call_forward(struct rn_call *call, const struct rn_request *request,
                     const struct rn_upstream *upstream)
{
    call->server = upstream;
    call->spill = request->spill;
    if (call->desk->settings->durability == RN_DURABILITY_STRICT) {
        rn_call_intend(call);
    } else {
        rn_call_start(call, request->head);
    }
}

/* --- ends ---------------------------------------------------------------------------------------------------------- */

/* Nothing more will come: the last entry goes to the writer. */
void rn_call_over(struct rn_call *call, enum rn_end end)
{
    struct rn_recorder_counts *counts = &call->desk->counts;
    if (call->over) {
        return;
    }
    call->over = true;
    call->end = end;
    if (call->inbound != NULL) {
        bool left = end == RN_END_ABORTED || end == RN_END_CUT;
        rn_joins_end(call->desk->joins, call->inbound, left, now_ns(call));
        call->inbound = NULL;
    }
    rn_aging_end(call);
    call->stamps[1] = call->stamps[1] == 0 ? ++call->desk->stamp : call->stamps[1];
    call->stamps[2] = ++call->desk->stamp;
    counts->ended += end == RN_END_ENDED;
    counts->aborted += end == RN_END_ABORTED;
    counts->cut += end == RN_END_CUT;
    counts->refused += end == RN_END_REFUSED;
    counts->truncated += (call->flags & RN_FLAG_TRUNCATED) != 0;
    counts->raw_bytes += call->head.len + call->request_bytes + call->answer_head.len +
                         call->gone_bytes + call->answer_bytes;
    rn_call_submit(call, call->last, call->opened ? RN_ENTRY_EVENT_CLOSE : RN_ENTRY_EVENT);
    call->held_ns = 0;
    if (call->last->durable) { /* nothing waits */
        rn_call_flow(call);
    }
}

void rn_call_refuse(struct rn_call *call, unsigned status, const char *sentence)
{
    struct rn_buffer body = {0};
    (void)snprintf(call->reason, sizeof call->reason, "%s", sentence);
    if (rn_compose_refusal(call, status, sentence, &body) == RN_OK) {
        call->head_known = true;
        take_piece(call, rn_buffer_bytes(&body));
    }
    rn_buffer_free(&body);
    rn_call_over(call, RN_END_REFUSED);
}

static void read_on(struct rn_call *call)
{
    if (!call->full && !call->throttled && call->transfer != NULL) {
        rn_transfer_resume(call->transfer);
    }
}

void rn_call_drained(struct rn_call *call)
{
    call->full = false;
    rn_call_flow(call);
    read_on(call);
}

void rn_call_resume(struct rn_call *call)
{
    if (call->throttled) {
        call->throttled = false;
        call->desk->throttled--;
        read_on(call);
    }
}

void rn_call_delivered(struct rn_call *call)
{
    call->exchange = NULL;
    call->finished = true;
    rn_call_drop_parts(call);
    rn_call_retire(call);
}

/* Its client gets no more: the record ends with what it had been sent. */
static void end_early(struct rn_call *call, const char *reason)
{
    call->exchange = NULL;
    call->finished = true;
    if (call->transfer != NULL) {
        rn_transfer_cancel(call->transfer);
        call->transfer = NULL;
    }
    if (call->over) {
        return;
    }
    call->answer_bytes -= rn_part_forget_unsent(call->last);
    if (!call->started) {
        call->head_known = false;
        rn_buffer_clear(&call->answer_head);
    }
    (void)snprintf(call->reason, sizeof call->reason, "%s", reason);
    rn_call_over(call, RN_END_ABORTED);
}

void rn_call_gone(struct rn_call *call)
{
    end_early(call, "the client left before the answer was complete");
    rn_call_drop_parts(call);
    rn_call_retire(call);
}

void rn_call_abandon(struct rn_call *call)
{
    struct rn_exchange *exchange = call->exchange;
    if (exchange == NULL) {
        return;
    }
    rn_exchange_set_context(exchange, NULL);
    end_early(call, "recording stopped before the answer was complete");
    rn_exchange_cut(exchange);
    rn_call_drop_parts(call);
    rn_call_retire(call);
}

void rn_call_abort(struct rn_call *call)
{
    if (!call->over) {
        rn_call_abandon(call);
    }
}

/* --- time ---------------------------------------------------------------------------------------------------------- */

void rn_call_turn(struct rn_call *call)
{
    call->is_dirty = false;
    if (!call->over) {
        rn_call_flow(call);
        call->desk->holding = call->desk->holding || call->held_ns != 0;
    }
    rn_call_retire(call);
}

void rn_call_tick(struct rn_call *call, uint64_t now)
{
    if (!call->over && call->held_ns != 0 && now - call->held_ns >= HELD_FOR_NS &&
        rn_part_pieces(call->last) > 0) {
        rn_call_flush(call);
    }
}
