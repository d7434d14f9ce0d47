/*
 * Answers in pieces: server-sent events, lines of JSON, binary frames, a growing array. Each piece goes to the dialect, which
 * fills slots; when the stream ends, whether it came to its end or was cut, the slots are said.
 *
 * One event that cannot be read spoils nothing around it: it is told of, with where it ends, and the next one is read.
 */
#include "reading_parts.h"

#include "json_parts.h"
#include "sse.h"

/* --- which framing ------------------------------------------------------------------------------------------------- */

static bool is_type(struct rn_bytes essence, const char *const *types)
{
    while (*types != NULL && !rn_bytes_equal_nocase(essence, rn_bytes_text(*types))) {
        types++;
    }
    return *types != NULL;
}

/* More than one value: something stands behind the line end that is behind the first. */
static bool has_lines(struct rn_bytes body)
{
    size_t end = rn_bytes_find_byte(body, '\n');
    struct rn_bytes first = rn_bytes_trim(rn_bytes_sub(body, 0, end));
    struct rn_bytes rest = end == RN_NPOS ? RN_LIT("") : rn_bytes_from(body, end + 1);
    bool closed = first.len > 1 &&
                  (first.data[first.len - 1] == '}' || rn_bytes_ends_with(first, RN_LIT("}\r")));
    return closed && rest.len > 0 && rest.data[0] == '{';
}

static bool begins_with(struct rn_bytes body, const char *text)
{
    while (body.len > 0 && (body.data[0] == ' ' || body.data[0] == '\t' || body.data[0] == '\r' ||
                            body.data[0] == '\n')) {
        body = rn_bytes_from(body, 1);
    }
    return rn_bytes_starts_with(body, rn_bytes_text(text));
}

bool rn_reader_framing(const struct rn_reader *reader, const struct rn_dialect_row *row,
                       enum rn_stream_framing *framing)
{
    static const char *const events[] = {"text/event-stream", NULL};
    static const char *const frames[] = {"application/vnd.amazon.eventstream", NULL};
    static const char *const lines[] = {
        "application/x-ndjson",    "application/ndjson",        "application/jsonl",
        "application/x-jsonlines", "application/json-lines",    "application/jsonlines",
        "application/stream+json", "application/x-json-stream", NULL};
    struct rn_bytes type = reader->input->response_type;
    struct rn_bytes body = reader->input->response_body;
    struct rn_bytes essence = rn_bytes_trim(rn_bytes_sub(type, 0, rn_bytes_find_byte(type, ';')));
    bool unsaid = essence.len == 0;
    if (row->event == NULL) {
        return false;
    }
    if (is_type(essence, events) ||
        (unsaid && (begins_with(body, "data:") || begins_with(body, "event:")))) {
        *framing = RN_STREAM_SSE;
    } else if (is_type(essence, frames)) {
        *framing = RN_STREAM_FRAMES;
    } else if (is_type(essence, lines) || (row->framing == RN_STREAM_LINES && has_lines(body))) {
        *framing = RN_STREAM_LINES;
    } else if (row->framing == RN_STREAM_ARRAY && begins_with(body, "[")) {
        *framing = RN_STREAM_ARRAY;
    } else {
        return false;
    }
    return true;
}

/* --- events -------------------------------------------------------------------------------------------------------- */

/* Forgets trouble that concerns one event only, and tells of it: what can be read behind it is worth having. */
static void take_trouble(struct rn_reader *reader, size_t end, const char *reason)
{
    if (reader->status == RN_OK || reader->status == RN_NOMEM) {
        return;
    }
    reader->status = RN_OK;
    if (reader->doubt.status == RN_OK) {
        (void)rn_fail(&reader->doubt, RN_INVALID,
                      "The event of the answer that ends at byte %zu cannot be read. %s", end,
                      reason);
    }
}

/* One event of JSON that ends at `end` of the answer. */
static void read_json(struct rn_reader *reader, const struct rn_dialect_row *row,
                      struct rn_bytes text, size_t end)
{
    struct rn_arena arena = {0};
    struct rn_json *data = NULL;
    struct rn_error error = {.status = RN_OK};
    enum rn_status status = rn_json_parse(&arena, text, &data, NULL, &error);
    reader->text = text;
    reader->text_at = end < text.len ? 0 : end - text.len;
    if (status == RN_OK) {
        rn_reader_error_inside(reader, data);
        row->event(reader, data);
        status = reader->status;
    }
    rn_arena_free(&arena);
    rn_reader_fail(reader, status);
    take_trouble(reader, end, error.text);
}

static void read_sse_event(struct rn_reader *reader, const struct rn_dialect_row *row,
                           const struct rn_sse_event *event)
{
    /* an event without text only says from where a stream may go on */
    if (!event->has_data || rn_bytes_trim(event->data).len == 0 || reader->status == RN_NOMEM) {
        return;
    }
    reader->event = event->name;
    if (rn_bytes_equal(rn_bytes_trim(event->data), RN_LIT("[DONE]"))) {
        row->event(reader, NULL);
    } else {
        read_json(reader, row, event->data, (size_t)event->end);
    }
}

static void read_sse(struct rn_reader *reader, const struct rn_dialect_row *row,
                     struct rn_bytes body)
{
    struct rn_sse_splitter splitter = {.offset = 0};
    struct rn_sse_event event;
    bool found = true;
    while (found && reader->status == RN_OK) {
        rn_reader_fail(reader, rn_sse_next(&splitter, &body, &event, &found));
        if (reader->status != RN_OK) {
            found = false;
        } else if (found || rn_sse_rest(&splitter, &event)) {
            read_sse_event(reader, row, &event);
        }
        take_trouble(reader, (size_t)splitter.offset, "It is longer than any event.");
    }
    rn_sse_free(&splitter);
}

static void read_lines(struct rn_reader *reader, const struct rn_dialect_row *row,
                       struct rn_bytes body)
{
    struct rn_bytes rest = body;
    while (rest.len > 0 && reader->status == RN_OK) {
        struct rn_bytes line = rn_bytes_sub(rest, 0, rn_bytes_find_byte(rest, '\n'));
        rest = rn_bytes_from(rest, line.len + 1);
        size_t end = body.len - rest.len;
        while (line.len > 0 && line.data[line.len - 1] <= ' ') {
            line.len--;
        }
        if (line.len > 0) {
            read_json(reader, row, line, end);
        }
    }
}

/* --- frames -------------------------------------------------------------------------------------------------------- */

/* An exception has a message or, from the event stream itself, only a name. */
static void read_exception(struct rn_reader *reader, const struct rn_event_stream_frame *frame)
{
    struct rn_arena arena = {0};
    struct rn_json *body = NULL;
    enum rn_status status = rn_json_parse(&arena, frame->payload, &body, NULL, NULL);
    if (status == RN_OK) {
        rn_reader_error(reader, body);
    }
    rn_reader_fail(reader, status == RN_NOMEM ? RN_NOMEM : RN_OK);
    if (reader->out->error.len == 0) {
        reader->out->error = rn_reader_copy(
            reader, frame->name.len > 0 ? frame->name : RN_LIT("an exception in the stream"));
    }
    rn_arena_free(&arena);
}

static void read_frames(struct rn_reader *reader, const struct rn_dialect_row *row,
                        struct rn_bytes body)
{
    struct rn_bytes rest = body;
    struct rn_event_stream_frame frame;
    struct rn_error error = {.status = RN_OK};
    bool found = true;
    while (found && reader->status == RN_OK) {
        enum rn_status status = rn_event_stream_next(&rest, &frame, &found, &error);
        size_t at = body.len - rest.len;
        if (status != RN_OK || (!found && rest.len > 0)) {
            rn_reader_fail(reader, RN_INVALID);
            take_trouble(reader, body.len,
                         status == RN_OK ? "It is cut in the midst of a frame." : error.text);
            break;
        }
        if (!found) {
            break;
        }
        reader->event = frame.name;
        if (rn_bytes_equal(frame.message_type, RN_LIT("exception")) ||
            rn_bytes_equal(frame.message_type, RN_LIT("error"))) {
            read_exception(reader, &frame);
        } else if (frame.payload.len > 0) {
            read_json(reader, row, frame.payload, at - 4);
        }
    }
}

/* --- an array ------------------------------------------------------------------------------------------------------ */

/* Elements as they become whole; of one that is cut nothing is read. */
static void read_array(struct rn_reader *reader, const struct rn_dialect_row *row,
                       struct rn_bytes body)
{
    struct rn_json_reader json;
    rn_json_begin(&json, body);
    enum rn_json_token token = rn_json_next(&json, NULL);
    bool good = token == RN_JSON_ARRAY_BEGIN;
    while (good && reader->status == RN_OK) {
        token = rn_json_next(&json, NULL);
        if (token == RN_JSON_ARRAY_END) {
            return;
        }
        size_t begin = json.begin;
        good = token != RN_JSON_FAULT && rn_json_skip(&json, token);
        if (good) {
            read_json(reader, row, rn_bytes_sub(body, begin, json.at - begin), json.at);
        }
    }
    if (!good) {
        rn_reader_fail(reader, RN_INVALID);
        take_trouble(reader, json.at, json.fault == NULL ? "It is no array." : json.fault);
    }
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

void rn_reader_say_slots(struct rn_reader *reader)
{
    for (struct rn_slot *slot = reader->slots; slot != NULL; slot = slot->next) {
        struct rn_bytes text = slot->whole;
        if (slot->text.len > 0) {
            text = rn_reader_copy(reader, rn_buffer_bytes(&slot->text));
        }
        bool nothing = text.len == 0 && slot->name.len == 0 && slot->id.len == 0;
        struct rn_said *said = nothing ? NULL : rn_reader_say(reader, slot->kind, slot->role, text);
        if (said != NULL) {
            said->name = slot->name;
            said->id = slot->id;
        }
    }
    rn_reader_forget(reader);
}

void rn_reader_stream(struct rn_reader *reader, const struct rn_dialect_row *row,
                      enum rn_stream_framing framing, struct rn_bytes body)
{
    switch (framing) {
    case RN_STREAM_SSE:
        read_sse(reader, row, body);
        break;
    case RN_STREAM_LINES:
        read_lines(reader, row, body);
        break;
    case RN_STREAM_FRAMES:
        read_frames(reader, row, body);
        break;
    case RN_STREAM_ARRAY:
        read_array(reader, row, body);
        break;
    }
    rn_reader_say_slots(reader);
}
