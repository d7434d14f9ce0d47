/* Fields of an attempt in canonical form (docs/format.md), as a recorder would have kept it. Knows no socket and no store. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "send.h"

struct rn_send_part *rn_send_part_new(struct rn_send_call *call)
{
    struct rn_send_part *part = rn_calloc(1, sizeof *part);
    if (part != NULL) {
        part->call = call;
        part->entry.owner = part;
    }
    return part;
}

void rn_send_part_free(struct rn_send_part *part)
{
    if (part == NULL) {
        return;
    }
    rn_buffer_free(&part->body);
    rn_buffer_free(&part->cuts);
    rn_buffer_free(&part->times);
    rn_free(part);
}

enum rn_status rn_send_part_add(struct rn_send_part *part, struct rn_bytes piece, uint64_t since_ns)
{
    struct rn_buffer *const all[] = {&part->body, &part->cuts, &part->times};
    size_t before[3];
    for (size_t i = 0; i < 3; i++) {
        before[i] = all[i]->len;
    }
    if (rn_buffer_add(&part->body, piece) == RN_OK &&
        rn_varint_put(&part->cuts, piece.len) == RN_OK &&
        rn_varint_put(&part->times, since_ns) == RN_OK) {
        return RN_OK;
    }
    for (size_t i = 0; i < 3; i++) {
        all[i]->len = before[i];
    }
    return RN_NOMEM;
}

/* --- small fields ---------------------------------------------------------------------------------------------------- */

static void set_small(struct rn_send_part *part, enum rn_tag tag, const void *data, size_t len)
{
    uint8_t *to = part->small + part->small_len;
    memcpy(to, data, len);
    part->small_len += len;
    rn_event_set(&part->entry.event, tag, rn_bytes_of(to, len));
}

static void set_byte(struct rn_send_part *part, enum rn_tag tag, unsigned byte)
{
    uint8_t value = (uint8_t)byte;
    set_small(part, tag, &value, 1);
}

/* `head` bytes, then varints. A varint has at most 10 bytes, and the fields of one part at most 8 of them. */
static void set_numbers(struct rn_send_part *part, enum rn_tag tag, const uint64_t *numbers,
                        size_t count)
{
    struct rn_buffer out = {.data = part->small + part->small_len,
                            .cap = sizeof part->small - part->small_len};
    for (size_t i = 0; i < count; i++) {
        (void)rn_varint_put(&out, numbers[i]);
    }
    part->small_len += out.len;
    rn_event_set(&part->entry.event, tag, rn_buffer_bytes(&out));
}

static void set_answers(struct rn_send_part *part)
{
    const struct rn_send_call *call = part->call;
    const struct rn_plan_call *recorded = &call->send->plan.calls[call->index];
    const uint64_t numbers[] = {recorded->n, call->attempt};
    uint8_t *from = part->small + part->small_len;
    memcpy(from, recorded->trace.bytes, RN_TRACE_ID_BYTES);
    part->small_len += RN_TRACE_ID_BYTES;
    set_numbers(part, RN_TAG_ANSWERS, numbers, 2);
    struct rn_bytes behind = rn_event_get(&part->entry.event, RN_TAG_ANSWERS);
    rn_event_set(&part->entry.event, RN_TAG_ANSWERS,
                 rn_bytes_of(from, RN_TRACE_ID_BYTES + behind.len));
}

/* --- the intent ------------------------------------------------------------------------------------------------------ */

void rn_send_entry_intent(struct rn_send_part *part)
{
    static const uint8_t client[3] = {1, 1, 0}; /* HTTP/1.1, keep-alive, no HEAD */
    static const uint64_t connection = 1;
    const struct rn_send_call *call = part->call;
    const struct rn_plan_request *request = &call->request;
    struct rn_event *event = &part->entry.event;
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = call->n};
    set_byte(part, RN_TAG_KIND, RN_EVENT_EXCHANGE);
    set_byte(part, RN_TAG_REQUEST_FRAMING, RN_FRAMING_LENGTH);
    set_small(part, RN_TAG_CLIENT, client, sizeof client);
    set_numbers(part, RN_TAG_CONNECTION, &connection, 1);
    set_numbers(part, RN_TAG_TIMES, &call->intent_wall_ns, 1);
    set_numbers(part, RN_TAG_ORDER, &call->stamps[0], 1);
    set_answers(part);
    rn_event_set(event, RN_TAG_RULE, RN_LIT("backtest"));
    rn_event_set(event, RN_TAG_UPSTREAM, call->send->plan.upstream);
    rn_event_set(event, RN_TAG_METHOD, request->method);
    rn_event_set(event, RN_TAG_TARGET, request->target);
    rn_event_set(event, RN_TAG_REQUEST_HEAD, request->head);
    rn_event_set(event, RN_TAG_REQUEST_BODY, request->body);
    if (request->moves.len > 0) {
        rn_event_set(event, RN_TAG_MOVES, request->moves);
    }
}

/* --- the answer ------------------------------------------------------------------------------------------------------ */

static void set_head(struct rn_send_part *part)
{
    struct rn_send_call *call = part->call;
    struct rn_event *event = &part->entry.event;
    if (call->interim.len > 0) {
        rn_event_set(event, RN_TAG_INTERIM, rn_buffer_bytes(&call->interim));
    }
    rn_event_set(event, RN_TAG_RESPONSE_HEAD, rn_buffer_bytes(&call->head));
    set_byte(part, RN_TAG_RESPONSE_FRAMING, call->framing.framing);
    call->head_stored = true;
}

static uint64_t since_sent(const struct rn_send_call *call, uint64_t ns)
{
    return call->sent_ns != 0 && ns > call->sent_ns ? ns - call->sent_ns : 0;
}

/*
 * The arrival is the moment of the intent, which had to be stored before anything was sent; the rest counts from the moment the request went
 * out. So what is read as latency is the upstream's alone.
 */
static void set_end(struct rn_send_part *part)
{
    struct rn_send_call *call = part->call;
    struct rn_event *event = &part->entry.event;
    uint64_t whole_ns = since_sent(call, rn_loop_now_ns(call->send->loop));
    uint64_t first_ns = call->first_ns == 0 ? whole_ns : since_sent(call, call->first_ns);
    const uint64_t times[] = {first_ns, whole_ns};
    set_numbers(part, RN_TAG_TIMES, times, 2);
    set_numbers(part, RN_TAG_ORDER, call->stamps + 1, 2);
    set_byte(part, RN_TAG_END, call->end);
    rn_event_set(event, RN_TAG_END_REASON, rn_bytes_text(call->reason));
    if (call->trailers.len > 0) {
        rn_event_set(event, RN_TAG_RESPONSE_TRAILERS, rn_buffer_bytes(&call->trailers));
    }
}

void rn_send_entry_answer(struct rn_send_part *part, bool is_last)
{
    struct rn_send_call *call = part->call;
    struct rn_event *event = &part->entry.event;
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = call->n};
    if (call->head_known && !call->head_stored) {
        set_head(part);
    }
    if (part->body.len > 0) {
        rn_event_set(event, RN_TAG_RESPONSE_BODY, rn_buffer_bytes(&part->body));
        rn_event_set(event, RN_TAG_RESPONSE_CUTS, rn_buffer_bytes(&part->cuts));
        rn_event_set(event, RN_TAG_PIECE_TIMES, rn_buffer_bytes(&part->times));
    }
    if (is_last) {
        set_end(part);
    }
}
