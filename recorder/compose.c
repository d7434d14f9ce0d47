/* Fields of an exchange in canonical form (docs/format.md). Pure: no sockets, no store, no clock. */
#include "compose.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/varint.h"
#include "wire/coding.h"
#include "wire/json.h"

/* Fields of a request that become labels of its event; ours are not forwarded. */
static bool is_label(struct rn_bytes name)
{
    static const char *const names[] = {
        "traceparent",       "tracestate",        "x-request-id",       "x-reenact-tag",
        "x-reenact-session", "x-reenact-release", "x-reenact-subject",  "x-reenact-outcome",
        "x-reenact-prompt",  "x-reenact-index",   "x-client-request-id"};
    uint8_t first = name.len == 0 ? 0 : rn_byte_lower(name.data[0]);
    if (first != 't' && first != 'x') {
        return false; /* most fields, at once */
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (rn_bytes_equal_nocase(name, rn_bytes_text(names[i]))) {
            return true;
        }
    }
    return false;
}

/* --- labels of an application's answer ------------------------------------------------------------------------------ */

static bool is_ours(struct rn_bytes line)
{
    struct rn_bytes prefix = RN_LIT("x-reenact-");
    return rn_bytes_equal_nocase(rn_bytes_sub(line, 0, prefix.len), prefix);
}

static enum rn_status take_answer_label(struct rn_call *call, struct rn_bytes line)
{
    struct rn_http_field field;
    if (!rn_http_field_split(line, &field)) {
        return RN_OK;
    }
    enum rn_status status = rn_run_put(&call->answer_labels, field.name);
    return status == RN_OK ? rn_run_put(&call->answer_labels, field.value) : status;
}

/* Copies the head without our fields, with whatever is folded behind them. */
static enum rn_status split_answer(struct rn_call *call, struct rn_bytes head,
                                   struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    bool skips = false;
    while (status == RN_OK && head.len > 0) {
        size_t end = rn_bytes_find_byte(head, '\n');
        struct rn_bytes line = end == RN_NPOS ? head : rn_bytes_sub(head, 0, end + 1);
        bool is_folded = line.data[0] == ' ' || line.data[0] == '\t';
        head = rn_bytes_from(head, line.len);
        skips = is_folded ? skips : is_ours(line);
        if (!skips) {
            status = rn_buffer_add(out, line);
        } else if (!is_folded) {
            status = take_answer_label(call, line);
        }
    }
    return status;
}

enum rn_status rn_compose_answer(struct rn_call *call, struct rn_bytes head)
{
    struct rn_buffer rest = {0};
    enum rn_status status = RN_OK;
    if (call->is_decision) {
        status = split_answer(call, head, &rest);
        head = rn_buffer_bytes(&rest);
    }
    if (status == RN_OK) {
        status = rn_answer_compose(&call->answer_head, head, call->client, &call->answer);
    }
    rn_buffer_free(&rest);
    return status;
}

/* --- the request ---------------------------------------------------------------------------------------------------- */

static enum rn_status take_labels(struct rn_call *call, const struct rn_http_head *head)
{
    enum rn_status status = RN_OK;
    for (unsigned i = 0; status == RN_OK && i < head->field_count; i++) {
        const struct rn_http_field *field = &head->fields[i];
        if (is_label(field->name)) {
            status = rn_run_put(&call->labels, field->name);
            if (status == RN_OK) {
                status = rn_run_put(&call->labels, field->value);
            }
        }
    }
    return status;
}

/* The head as kept: as the client sent it, but with the target the upstream sees. */
static enum rn_status take_head(struct rn_call *call, const struct rn_request *request)
{
    const struct rn_http_head *head = request->head;
    call->head = head->raw;
    if (rn_bytes_equal(request->route.target, head->target)) {
        return RN_OK;
    }
    size_t behind = (size_t)(head->target.data - head->raw.data) + head->target.len;
    struct rn_buffer *own = &call->request_head;
    enum rn_status status = rn_buffer_reserve(own, head->raw.len);
    if (status == RN_OK) {
        status = rn_buffer_add(own, head->method);
    }
    if (status == RN_OK) {
        status = rn_buffer_add_byte(own, ' ');
    }
    if (status == RN_OK) {
        status = rn_buffer_add(own, request->route.target);
    }
    if (status == RN_OK) {
        status = rn_buffer_add(own, rn_bytes_from(head->raw, behind));
    }
    call->head = rn_buffer_bytes(own);
    return status;
}

enum rn_status rn_compose_request(struct rn_call *call, const struct rn_request *request)
{
    call->method = request->head->method;
    call->target = request->route.target;
    call->body = request->body;
    call->request_framing = (uint8_t)request->head->framing;
    call->request_bytes = request->body_bytes;
    call->connection = request->connection;
    call->arrived_wall_ns = request->arrived_wall_ns;
    call->arrived_mono_ns = request->arrived_mono_ns;
    (void)snprintf(
        call->upstream, sizeof call->upstream, "%.*s", (int)request->route.upstream.len,
        request->route.upstream.data == NULL ? "" : (const char *)request->route.upstream.data);
    if (request->body_bytes > request->body.len) {
        call->flags |= RN_FLAG_TRUNCATED;
    }
    enum rn_status status = take_head(call, request);
    if (status == RN_OK) {
        status = rn_buffer_add(&call->request_trailers, request->trailers);
    }
    return status == RN_OK ? take_labels(call, request->head) : status;
}

static void set_request(struct rn_call *call, struct rn_part *part)
{
    struct rn_event *event = &part->pending->entry.event;
    struct rn_small client =
        rn_part_put(part, rn_bytes_of((uint8_t[]){(uint8_t)call->client.version_minor,
                                                  (uint8_t)call->client.keep_alive,
                                                  (uint8_t)call->client.is_head},
                                      3));
    struct rn_small framing = rn_part_put(part, rn_bytes_of(&call->request_framing, 1));
    struct rn_small kind = rn_part_put(
        part,
        rn_bytes_of((uint8_t[]){call->is_decision ? RN_EVENT_DECISION : RN_EVENT_EXCHANGE}, 1));
    struct rn_small connection = rn_part_put_numbers(part, &call->connection, 1);
    rn_event_set(event, RN_TAG_KIND, rn_part_small(part, kind));
    rn_event_set(event, RN_TAG_RULE, rn_bytes_text(call->rule));
    rn_event_set(event, RN_TAG_UPSTREAM, rn_bytes_text(call->upstream));
    rn_event_set(event, RN_TAG_METHOD, call->method);
    rn_event_set(event, RN_TAG_TARGET, call->target);
    rn_event_set(event, RN_TAG_REQUEST_HEAD, call->head);
    rn_event_set(event, RN_TAG_REQUEST_FRAMING, rn_part_small(part, framing));
    rn_event_set(event, RN_TAG_CLIENT, rn_part_small(part, client));
    rn_event_set(event, RN_TAG_CONNECTION, rn_part_small(part, connection));
    rn_event_set(event, RN_TAG_REQUEST_BODY, call->body);
    if (call->request_trailers.len > 0) {
        rn_event_set(event, RN_TAG_REQUEST_TRAILERS, rn_buffer_bytes(&call->request_trailers));
    }
    if (call->labels.len > 0) {
        rn_event_set(event, RN_TAG_LABELS, rn_buffer_bytes(&call->labels));
    }
}

static void set_interim(struct rn_call *call, struct rn_part *part)
{
    if (call->interim.len > 0) {
        rn_event_set(&part->pending->entry.event, RN_TAG_INTERIM, rn_buffer_bytes(&call->interim));
    }
}

static void set_answer_head(struct rn_call *call, struct rn_part *part)
{
    struct rn_event *event = &part->pending->entry.event;
    uint8_t framing_byte = (uint8_t)call->answer.framing;
    struct rn_small framing = rn_part_put(part, rn_bytes_of(&framing_byte, 1));
    rn_event_set(event, RN_TAG_RESPONSE_HEAD, rn_buffer_bytes(&call->answer_head));
    rn_event_set(event, RN_TAG_RESPONSE_FRAMING, rn_part_small(part, framing));
}

static void set_end(struct rn_call *call, struct rn_part *part)
{
    struct rn_event *event = &part->pending->entry.event;
    uint8_t end_byte = (uint8_t)call->end;
    struct rn_small end = rn_part_put(part, rn_bytes_of(&end_byte, 1));
    rn_event_set(event, RN_TAG_END, rn_part_small(part, end));
    rn_event_set(event, RN_TAG_END_REASON, rn_bytes_text(call->reason));
    if (call->answer_trailers.len > 0) {
        rn_event_set(event, RN_TAG_RESPONSE_TRAILERS, rn_buffer_bytes(&call->answer_trailers));
    }
}

/* The loop's clock is read once per turn and may lag a little behind the arrival's. */
static uint64_t since(const struct rn_call *call, uint64_t ns)
{
    return ns > call->arrived_mono_ns ? ns - call->arrived_mono_ns : 0;
}

/* Times and stamps are sequences: the arrival goes with the first entry, the rest with the last. */
static void set_times(struct rn_call *call, struct rn_part *part, bool first, bool last)
{
    struct rn_event *event = &part->pending->entry.event;
    uint64_t since_end = since(call, rn_loop_now_ns(call->desk->settings->loop));
    uint64_t since_first = call->first_ns == 0 ? since_end : since(call, call->first_ns);
    uint64_t times[] = {call->arrived_wall_ns, since_first, since_end};
    size_t from = first ? 0 : 1;
    size_t to = last ? 3 : 1;
    if (from >= to) {
        return;
    }
    uint64_t order_of[] = {call->stamps[0], call->stamps[1], call->stamps[2],
                           call->arrived_mono_ns};
    struct rn_small kept = rn_part_put_numbers(part, times + from, to - from);
    struct rn_small order = rn_part_put_numbers(part, order_of + from, (last ? 4 : 1) - from);
    rn_event_set(event, RN_TAG_TIMES, rn_part_small(part, kept));
    rn_event_set(event, RN_TAG_ORDER, rn_part_small(part, order));
}

/* The whole event, with one piece that fills its Content-Length: it goes with the end, and needs no place of its own. */
static bool is_filled_at_once(const struct rn_call *call, const struct rn_part *part,
                              enum rn_entry_kind kind)
{
    return kind == RN_ENTRY_EVENT && call->answer.framing == RN_FRAMING_LENGTH &&
           rn_part_pieces(part) == 1 && (call->end == RN_END_ENDED || call->end == RN_END_REFUSED);
}

void rn_compose_entry(struct rn_call *call, struct rn_part *part, enum rn_entry_kind kind)
{
    struct rn_event *event = &part->pending->entry.event;
    bool first = kind == RN_ENTRY_EVENT || kind == RN_ENTRY_EVENT_OPEN;
    bool last = kind == RN_ENTRY_EVENT || kind == RN_ENTRY_EVENT_CLOSE;
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = call->n};
    /* Room for all small fields at once, so that views set early stay where they are. */
    (void)rn_buffer_reserve(&part->small, 256);
    bool with_head = call->head_known && !call->head_stored;
    struct rn_bytes answer_labels =
        with_head ? rn_buffer_bytes(&call->answer_labels) : rn_bytes_of(NULL, 0);
    if (first) {
        (void)rn_buffer_add(&call->labels, answer_labels);
        set_request(call, part);
    } else if (answer_labels.len > 0) {
        rn_event_set(event, RN_TAG_LABELS, answer_labels);
    }
    set_times(call, part, first, last);
    /* A truncated request must be known as such before the store makes its match key; later flags come with the end. */
    if ((first || last) && call->flags != 0) {
        struct rn_small flags = rn_part_put_numbers(part, &call->flags, 1);
        rn_event_set(event, RN_TAG_FLAGS, rn_part_small(part, flags));
    }
    if (with_head) {
        set_interim(call, part);
        set_answer_head(call, part);
        call->head_stored = true;
    } else if (last && !call->head_known) {
        set_interim(call, part); /* it was all the client got */
    }
    if (part->body.len > 0) {
        rn_event_set(event, RN_TAG_RESPONSE_BODY, rn_buffer_bytes(&part->body));
        rn_event_set(event, RN_TAG_RESPONSE_CUTS, rn_buffer_bytes(&part->cuts));
        rn_event_set(event, RN_TAG_PIECE_TIMES, rn_buffer_bytes(&part->times));
        if (!is_filled_at_once(call, part, kind)) {
            rn_event_set(event, RN_TAG_PIECE_STAMPS, rn_buffer_bytes(&part->stamps));
        }
    }
    if (last) {
        set_end(call, part);
    }
}

enum rn_status rn_compose_mark(const struct rn_call *call, struct rn_buffer *bytes,
                               struct rn_event *out)
{
    static const uint8_t kind = RN_EVENT_MARK;
    static const uint8_t flags = RN_FLAG_LATE;
    *out = (struct rn_event){.class = RN_CLASS_MARK, .n = call->n};
    enum rn_status status = rn_varint_put(bytes, rn_clock_wall_ns());
    rn_event_set(out, RN_TAG_KIND, rn_bytes_of(&kind, 1));
    rn_event_set(out, RN_TAG_TIMES, rn_buffer_bytes(bytes));
    rn_event_set(out, RN_TAG_FLAGS, rn_bytes_of(&flags, 1));
    return status;
}

enum rn_status rn_compose_refusal(struct rn_call *call, unsigned status, const char *sentence,
                                  struct rn_buffer *body)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{400, "Bad Request"}, {404, "Not Found"},           {501, "Not Implemented"},
                   {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"}};
    struct rn_buffer head = {0};
    const char *reason = "Error";
    /* An unreachable upstream is retried as a failed connection would be; what we never do is not. */
    bool may_retry = status > 501;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        reason = reasons[i].status == status ? reasons[i].reason : reason;
    }
    enum rn_status result =
        rn_buffer_addf(body, "{\"error\":{\"type\":\"reenact_gateway\",\"message\":");
    if (result == RN_OK) {
        result = rn_json_quote(rn_bytes_text(sentence), body);
    }
    if (result == RN_OK) {
        result = rn_buffer_addf(body, "}}\n");
    }
    if (result == RN_OK) {
        result =
            rn_buffer_addf(&head,
                           "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\n"
                           "%sContent-Length: %zu\r\n\r\n",
                           status, reason, may_retry ? "" : "x-should-retry: false\r\n", body->len);
    }
    if (result == RN_OK) {
        call->answer_head.len = 0;
        result = rn_answer_compose(&call->answer_head, rn_buffer_bytes(&head), call->client,
                                   &call->answer);
    }
    if (call->client.is_head) {
        body->len = 0;
    }
    rn_buffer_free(&head);
    return result;
}

struct rn_terminal *rn_compose_terminal(struct rn_call *call)
{
    struct rn_bytes rest = rn_buffer_bytes(&call->answer_head);
    struct rn_bytes type = {NULL, 0};
    while (rest.len > 0) {
        struct rn_http_field field;
        size_t end = rn_bytes_find_byte(rest, '\n');
        struct rn_bytes line = end == RN_NPOS ? rest : rn_bytes_sub(rest, 0, end + 1);
        rest = rn_bytes_from(rest, line.len);
        if (!rn_http_field_split(line, &field)) {
            continue;
        }
        if (rn_bytes_equal_nocase(field.name, RN_LIT("content-type"))) {
            type = field.value;
        } else if (rn_bytes_equal_nocase(field.name, RN_LIT("content-encoding")) &&
                   !rn_coding_is_identity(field.value)) {
            return NULL;
        }
    }
    return type.len == 0 ? NULL : rn_terminal_new(type);
}
