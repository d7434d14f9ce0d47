/* Joins what wire/ can read with what store/ has kept. Prints nothing. */
#include "view.h"

#include <string.h>

#include "base/varint.h"
#include "wire/coding.h"

/* Set before there are threads, and only read after that. */
static const struct rn_reading_rules *user_rules;

void rn_view_rules(const struct rn_reading_rules *rules)
{
    user_rules = rules;
}

uint64_t rn_view_rules_key(void)
{
    return rn_reading_rules_key(user_rules);
}

static struct rn_bytes field_value(const struct rn_http_head *head, struct rn_bytes name)
{
    const struct rn_http_field *field = head != NULL ? rn_http_find(head, name) : NULL;
    return field != NULL ? rn_bytes_trim(field->value) : (struct rn_bytes){NULL, 0};
}

static enum rn_status read_heads(struct rn_arena *arena, struct rn_view *view)
{
    size_t skipped = 0;
    struct rn_http_head *request = rn_arena_alloc(arena, sizeof *request);
    struct rn_http_head *response = rn_arena_alloc(arena, sizeof *response);
    if (request == NULL || response == NULL) {
        return RN_NOMEM;
    }
    if (rn_http_request_parse(rn_event_get(view->event, RN_TAG_REQUEST_HEAD), request, &skipped,
                              NULL) == RN_HTTP_DONE) {
        view->request_head = request;
    }
    struct rn_bytes answer = rn_event_get(view->event, RN_TAG_RESPONSE_HEAD);
    if (rn_http_response_parse(answer, rn_event_get(view->event, RN_TAG_METHOD), response, NULL) ==
            RN_HTTP_DONE ||
        rn_http_response_skim(answer, response)) {
        view->response_head = response;
        view->status = response->status;
    }
    return RN_OK;
}

static enum rn_status read_body(const struct rn_http_head *head, struct rn_bytes stored,
                                struct rn_view_body *body)
{
    body->stored = stored;
    body->decoded = stored;
    body->coding = field_value(head, RN_LIT("content-encoding"));
    body->type = field_value(head, RN_LIT("content-type"));
    if (rn_coding_is_identity(body->coding)) {
        body->coding = (struct rn_bytes){NULL, 0};
        return RN_OK;
    }
    rn_buffer_init(&body->memory, RN_DECODED_BYTES_MAX);
    enum rn_status status = rn_coding_decode(body->coding, stored, &body->memory, &body->fault);
    body->fault.status = status;
    body->decoded = rn_buffer_bytes(&body->memory);
    return status == RN_NOMEM ? RN_NOMEM : RN_OK;
}

static void read_times(struct rn_view *view)
{
    struct rn_bytes times = rn_event_get(view->event, RN_TAG_TIMES);
    if (rn_varint_get(&times, &view->arrived_wall_ns)) {
        view->has_first_byte = rn_varint_get(&times, &view->first_byte_ns);
        view->has_complete = view->has_first_byte && rn_varint_get(&times, &view->complete_ns);
    }
}

bool rn_view_redaction_next(struct rn_bytes *list, struct rn_view_redaction *out)
{
    uint64_t tag = 0;
    if (!rn_varint_get(list, &tag) || tag >= RN_TAG_LIMIT || !rn_varint_get(list, &out->offset) ||
        !rn_varint_get(list, &out->len) || !rn_varint_get(list, &out->kind) || list->len < 8) {
        return false;
    }
    out->tag = (enum rn_tag)tag;
    out->fingerprint = rn_bytes_sub(*list, 0, 8);
    *list = rn_bytes_from(*list, 8);
    return true;
}

static enum rn_status read_talk(struct rn_arena *arena, struct rn_view *view)
{
    struct rn_error unread = {RN_OK, ""};
    const struct rn_reading_input input = {
        .method = rn_event_get(view->event, RN_TAG_METHOD),
        .target = rn_event_get(view->event, RN_TAG_TARGET),
        .request_head = view->request_head,
        .response_head = view->response_head,
        .upstream = rn_event_get(view->event, RN_TAG_UPSTREAM),
        .request_body = view->request.decoded,
        .status = view->status,
        .response_type = view->response.type,
        .response_body = view->response.decoded,
        .rules = user_rules,
    };
    enum rn_status status = rn_reading_make(arena, &input, &view->reading, &unread);
    if (status != RN_OK && status != RN_INVALID) {
        memset(&view->reading, 0, sizeof view->reading);
    }
    return status == RN_NOMEM ? RN_NOMEM : RN_OK;
}

enum rn_status rn_view_make(struct rn_arena *arena, const struct rn_event *event,
                            struct rn_view *out)
{
    memset(out, 0, sizeof *out);
    out->event = event;
    out->flags = rn_event_number(event, RN_TAG_FLAGS, 0);
    read_times(out);
    struct rn_bytes list = rn_event_get(event, RN_TAG_REDACTIONS);
    for (struct rn_view_redaction redaction; rn_view_redaction_next(&list, &redaction);) {
        out->redactions++;
    }
    bool is_decision = rn_event_kind_of(event) == RN_EVENT_DECISION;
    if (rn_event_kind_of(event) != RN_EVENT_EXCHANGE && !is_decision) {
        return RN_OK;
    }
    enum rn_status status = read_heads(arena, out);
    if (status == RN_OK) {
        status =
            read_body(out->request_head, rn_event_get(event, RN_TAG_REQUEST_BODY), &out->request);
    }
    if (status == RN_OK) {
        status = read_body(out->response_head, rn_event_get(event, RN_TAG_RESPONSE_BODY),
                           &out->response);
    }
    return status == RN_OK && !is_decision ? read_talk(arena, out) : status;
}

void rn_view_free(struct rn_view *view)
{
    rn_buffer_free(&view->request.memory);
    rn_buffer_free(&view->response.memory);
}

bool rn_view_answered(const struct rn_event *event, struct rn_view_answered *out)
{
    struct rn_bytes in = rn_event_get(event, RN_TAG_ANSWERS);
    uint64_t n = 0;
    if (in.len < RN_TRACE_ID_BYTES) {
        return false;
    }
    memcpy(out->trace.bytes, in.data, RN_TRACE_ID_BYTES);
    in = rn_bytes_from(in, RN_TRACE_ID_BYTES);
    bool good = rn_varint_get(&in, &n) && n <= UINT32_MAX && rn_varint_get(&in, &out->attempt) &&
                in.len == 0;
    out->n = (uint32_t)n;
    return good;
}

const char *rn_view_stdio_name(uint8_t letter)
{
    switch (letter) {
    case 't':
        return "terminal";
    case 'p':
        return "pipe";
    case 'f':
        return "file";
    case 'n':
        return "null";
    case 's':
        return "socket";
    case '-':
        return "closed";
    default:
        return "unknown";
    }
}

struct rn_view_pieces rn_view_pieces_of(const struct rn_event *event)
{
    return (struct rn_view_pieces){.cuts = rn_event_get(event, RN_TAG_RESPONSE_CUTS),
                                   .times = rn_event_get(event, RN_TAG_PIECE_TIMES)};
}

bool rn_view_pieces_next(struct rn_view_pieces *pieces)
{
    uint64_t len = 0;
    uint64_t ns = 0;
    if (!rn_varint_get(&pieces->cuts, &len)) {
        return false;
    }
    if (rn_varint_get(&pieces->times, &ns)) {
        pieces->at_ns += ns;
    }
    pieces->number++;
    pieces->end += len;
    return true;
}
