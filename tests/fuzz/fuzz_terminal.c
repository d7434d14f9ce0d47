/*
 * The search for the terminal unit against a slow reading of the same stream: events by the SSE splitter, lines by LF,
 * and JSON by the pull tokenizer. On valid JSON both must agree, however the stream is cut; on anything else the search
 * may only be blind, never see what is not there for a reader of brackets.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "wire/json.h"
#include "wire/sse.h"
#include "wire/terminal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum verdict { NO, YES, UNKNOWN };

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static bool is_terminal_name(struct rn_bytes name)
{
    static const char *const names[] = {"message_stop", "response.completed", "response.incomplete",
                                        "response.failed", "message-end"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (rn_bytes_equal(name, rn_bytes_text(names[i]))) {
            return true;
        }
    }
    return false;
}

static struct rn_bytes unquote(struct rn_bytes literal)
{
    return rn_bytes_sub(literal, 1, literal.len - 2);
}

/* Whether the first member named `key` of the top-level object has the value looked for. */
static enum verdict judge_json(struct rn_bytes text, const char *key, bool events)
{
    struct rn_json_reader reader;
    struct rn_bytes token_text;
    enum verdict verdict = NO;
    bool decided = false;
    bool is_value = false;
    bool is_object = false;
    rn_json_begin(&reader, text);
    for (bool first = true;; first = false) {
        enum rn_json_token token = rn_json_next(&reader, &token_text);
        if (token == RN_JSON_FAULT) {
            return UNKNOWN;
        }
        if (token == RN_JSON_END) {
            return is_object ? verdict : NO;
        }
        is_object = is_object || (first && token == RN_JSON_OBJECT_BEGIN);
        if (is_value && !decided) {
            bool yes = events ? token == RN_JSON_STRING && is_terminal_name(unquote(token_text))
                              : token == RN_JSON_TRUE;
            verdict = yes ? YES : NO;
            decided = true;
        }
        is_value = is_object && reader.depth == 1 && token == RN_JSON_KEY &&
                   rn_bytes_equal(unquote(token_text), rn_bytes_text(key));
    }
}

static enum verdict judge_event(const struct rn_sse_event *event)
{
    if (is_terminal_name(event->name)) {
        return YES;
    }
    if (!event->has_data) {
        return NO;
    }
    if (rn_bytes_equal(event->data, RN_LIT("[DONE]"))) {
        return YES;
    }
    return judge_json(event->data, "type", true);
}

/* The offset at which each call with one more byte first told of a terminal unit; RN_NPOS for never. */
static size_t search(const char *type, struct rn_bytes stream, size_t step, size_t *begin)
{
    size_t complete = RN_NPOS;
    struct rn_terminal *terminal = rn_terminal_new(rn_bytes_text(type));
    require(terminal != NULL);
    for (size_t at = 0; at < stream.len && complete == RN_NPOS; at += step) {
        struct rn_bytes piece = rn_bytes_sub(stream, at, step);
        size_t offset = rn_terminal_feed(terminal, piece);
        if (offset != RN_NPOS) {
            require(offset < piece.len && rn_terminal_seen(terminal));
            complete = at + piece.len;
            *begin = at + offset;
        }
    }
    require(rn_terminal_seen(terminal) == (complete != RN_NPOS));
    rn_terminal_free(terminal);
    return complete;
}

static void check_events(struct rn_bytes stream, size_t complete, size_t begin)
{
    struct rn_sse_splitter splitter = {0};
    struct rn_sse_event event;
    struct rn_bytes in = stream;
    size_t from = 0;
    bool found = true;
    enum verdict verdict = NO;
    while (verdict == NO && found) {
        require(rn_sse_next(&splitter, &in, &event, &found) == RN_OK);
        if (found) {
            verdict = judge_event(&event);
            require(verdict != YES ||
                    (begin == from && (complete == event.end || complete + 1 == event.end)));
            require(verdict != NO || complete == RN_NPOS || begin != from);
            from = event.end;
        }
    }
    rn_sse_free(&splitter);
}

static void check_lines(struct rn_bytes stream, size_t complete, size_t begin)
{
    enum verdict verdict = NO;
    for (size_t from = 0; verdict == NO && from < stream.len;) {
        struct rn_bytes rest = rn_bytes_from(stream, from);
        size_t feed = rn_bytes_find_byte(rest, '\n');
        if (feed == RN_NPOS) {
            return;
        }
        verdict = judge_json(rn_bytes_sub(rest, 0, feed), "done", false);
        require(verdict != YES || (begin == from && complete == from + feed + 1));
        require(verdict != NO || complete == RN_NPOS || begin != from);
        from += feed + 1;
    }
}

static void check(const char *type, struct rn_bytes stream, bool events)
{
    size_t begin = 0;
    size_t unused = 0;
    size_t bytewise = search(type, stream, 1, &unused);
    size_t three = search(type, stream, 3, &unused);
    require((bytewise == RN_NPOS) == (three == RN_NPOS));
    require(bytewise == RN_NPOS || (three >= bytewise && three < bytewise + 3) ||
            three == stream.len);
    require((search(type, stream, stream.len + 1, &begin) == RN_NPOS) == (bytewise == RN_NPOS));
    if (events) {
        check_events(stream, bytewise, begin);
    } else {
        check_lines(stream, bytewise, begin);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes stream = {data, size};
    check("text/event-stream", stream, true);
    check("application/x-ndjson", stream, false);
    return 0;
}
