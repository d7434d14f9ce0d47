/*
 * Anthropic messages: POST .../messages with a list of messages (wire.md 1.2 to 1.4).
 *
 * Streams: message_start holds the message without content, blocks are opened, filled by deltas and closed by index,
 * message_delta brings the reason and running totals, message_stop ends it. `input_tokens` leaves out what the cache held:
 * tokens_in is the sum, as other providers count.
 */
#include "reading_parts.h"

enum { INPUT, CACHE_READ, CACHE_WRITE, OUTPUT };

/* Later counts replace earlier ones: those of a stream are cumulative. */
static void read_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    static const char *const names[] = {"input_tokens", "cache_read_input_tokens",
                                        "cache_creation_input_tokens", "output_tokens"};
    uint64_t *counts = reader->counts;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool counted = rn_reader_count(rn_json_member(usage, names[i]), &counts[i]);
        reader->out->has_usage = reader->out->has_usage || counted;
    }
    reader->out->tokens_in = counts[INPUT] + counts[CACHE_READ] + counts[CACHE_WRITE];
    reader->out->tokens_cached = counts[CACHE_READ];
    reader->out->tokens_out = counts[OUTPUT];
}

/* tool_use, server_tool_use, mcp_tool_use: what is asked of a tool. */
static bool is_tool_use(const struct rn_json *block)
{
    return rn_reader_is_type(block, "tool_use") || rn_reader_is_type(block, "server_tool_use") ||
           rn_reader_is_type(block, "mcp_tool_use");
}

static void say_tool_use(struct rn_reader *reader, struct rn_bytes role,
                         const struct rn_json *block)
{
    rn_reader_say_call(reader, role, rn_reader_raw(reader, rn_json_member(block, "input")),
                       rn_json_member(block, "name"), rn_json_member(block, "id"));
}

static void say_one_result(struct rn_reader *reader, struct rn_bytes role,
                           const struct rn_json *block, struct rn_bytes text)
{
    struct rn_said *said = rn_reader_say(reader, RN_SAID_TOOL_RESULT, role, text);
    if (said != NULL) {
        const struct rn_json *is_error = rn_json_member(block, "is_error");
        said->id = rn_reader_text(reader, rn_json_member(block, "tool_use_id"));
        said->is_error = is_error != NULL && is_error->kind == RN_JSON_TRUE;
    }
}

/* A string, or blocks: texts as texts, all else as the JSON it is. */
static struct rn_bytes result_text(struct rn_reader *reader, const struct rn_json *part)
{
    bool text = rn_reader_is_type(part, "text");
    return text ? rn_reader_text(reader, rn_json_member(part, "text"))
                : rn_reader_spoken(reader, part);
}

static void say_result(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *block)
{
    const struct rn_json *content = rn_json_member(block, "content");
    if (content == NULL || content->kind != RN_JSON_ARRAY_BEGIN) {
        say_one_result(reader, role, block, rn_reader_spoken(reader, content));
        return;
    }
    for (const struct rn_json *part = content->child; part != NULL; part = part->next) {
        say_one_result(reader, role, block, result_text(reader, part));
    }
}

static void say_block(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *block)
{
    if (rn_reader_is_type(block, "text")) {
        rn_reader_say_string(reader, RN_SAID_TEXT, role, rn_json_member(block, "text"));
    } else if (rn_reader_is_type(block, "thinking")) {
        rn_reader_say_string(reader, RN_SAID_THINKING, role, rn_json_member(block, "thinking"));
    } else if (is_tool_use(block)) {
        say_tool_use(reader, role, block);
    } else if (rn_json_member(block, "tool_use_id") != NULL) {
        say_result(reader, role, block);
    } else {
        rn_reader_say_other(reader, role, block);
    }
}

static void say_content(struct rn_reader *reader, struct rn_bytes role,
                        const struct rn_json *content)
{
    rn_reader_say_string(reader, RN_SAID_TEXT, role, content);
    for (const struct rn_json *block = rn_reader_first(content); block != NULL;
         block = block->next) {
        say_block(reader, role, block);
    }
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    say_content(reader, rn_reader_copy(reader, RN_LIT("system")), rn_json_member(body, "system"));
    const struct rn_json *messages = rn_json_member(body, "messages");
    for (const struct rn_json *message = messages->child; message != NULL;
         message = message->next) {
        struct rn_bytes role = rn_reader_text(reader, rn_json_member(message, "role"));
        say_content(reader, role, rn_json_member(message, "content"));
    }
}

/* A message of the answer: all but its content, which a stream brings later. */
static void read_envelope(struct rn_reader *reader, const struct rn_json *message)
{
    reader->out->model_answered = rn_reader_text(reader, rn_json_member(message, "model"));
    reader->out->finish = rn_reader_text(reader, rn_json_member(message, "stop_reason"));
    read_usage(reader, rn_json_member(message, "usage"));
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    if (rn_json_member(body, "error") != NULL) {
        rn_reader_error(reader, body);
        return;
    }
    read_envelope(reader, body);
    say_content(reader, rn_reader_text(reader, rn_json_member(body, "role")),
                rn_json_member(body, "content"));
}

/* --- streams ------------------------------------------------------------------------------------------------------- */

static enum rn_said_kind kind_of(const struct rn_json *block)
{
    if (rn_reader_is_type(block, "text")) {
        return RN_SAID_TEXT;
    }
    if (rn_reader_is_type(block, "thinking")) {
        return RN_SAID_THINKING;
    }
    if (is_tool_use(block)) {
        return RN_SAID_TOOL_CALL;
    }
    return rn_json_member(block, "tool_use_id") != NULL ? RN_SAID_TOOL_RESULT : RN_SAID_OTHER;
}

/* The slot of the block that an event is about. */
static struct rn_slot *slot_of(struct rn_reader *reader, const struct rn_json *data,
                               enum rn_said_kind kind, uint64_t part)
{
    uint64_t block = 0;
    (void)rn_reader_count(rn_json_member(data, "index"), &block);
    struct rn_slot *slot = rn_reader_slot(reader, kind, block, part);
    if (slot != NULL && slot->role.len == 0) {
        slot->role = rn_reader_copy(reader, RN_LIT("assistant"));
    }
    return slot;
}

/* What a tool of theirs answered comes whole, a slot for each part. */
static void open_result(struct rn_reader *reader, const struct rn_json *data,
                        const struct rn_json *block)
{
    const struct rn_json *content = rn_json_member(block, "content");
    const struct rn_json *part = rn_reader_first(content);
    uint64_t count = 0;
    if (part == NULL && content != NULL && content->kind != RN_JSON_ARRAY_BEGIN) {
        part = content;
    }
    for (; part != NULL; part = part == content ? NULL : part->next) {
        struct rn_slot *slot = slot_of(reader, data, RN_SAID_TOOL_RESULT, count++);
        if (slot != NULL) {
            slot->id = rn_reader_text(reader, rn_json_member(block, "tool_use_id"));
            slot->whole =
                part == content ? rn_reader_spoken(reader, part) : result_text(reader, part);
        }
    }
}

static void open_block(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *block = rn_json_member(data, "content_block");
    enum rn_said_kind kind = kind_of(block);
    if (kind == RN_SAID_TOOL_RESULT) {
        open_result(reader, data, block);
        return;
    }
    struct rn_slot *slot = slot_of(reader, data, kind, 0);
    if (slot == NULL) {
        return;
    }
    if (kind == RN_SAID_TOOL_CALL) {
        slot->id = rn_reader_text(reader, rn_json_member(block, "id"));
        slot->name = rn_reader_text(reader, rn_json_member(block, "name"));
        slot->whole = rn_reader_raw(reader, rn_json_member(block, "input"));
    } else if (kind == RN_SAID_OTHER) {
        slot->name = rn_reader_text(reader, rn_json_member(block, "type"));
    } else {
        rn_reader_append(reader, slot,
                         rn_json_member(block, kind == RN_SAID_THINKING ? "thinking" : "text"));
    }
}

static void add_delta(struct rn_reader *reader, const struct rn_json *data)
{
    static const struct {
        const char *type;
        const char *member;
        enum rn_said_kind kind;
    } deltas[] = {
        {"text_delta", "text", RN_SAID_TEXT},
        {"input_json_delta", "partial_json", RN_SAID_TOOL_CALL},
        {"thinking_delta", "thinking", RN_SAID_THINKING},
    };
    const struct rn_json *delta = rn_json_member(data, "delta");
    for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
        if (rn_reader_is_type(delta, deltas[i].type)) {
            rn_reader_append(reader, slot_of(reader, data, deltas[i].kind, 0),
                             rn_json_member(delta, deltas[i].member));
        }
    }
}

static void read_message_delta(struct rn_reader *reader, const struct rn_json *data)
{
    struct rn_bytes finish = rn_reader_text(reader, rn_json_at(data, "/delta/stop_reason"));
    if (finish.len > 0) {
        reader->out->finish = finish;
    }
    read_usage(reader, rn_json_member(data, "usage"));
}

static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    if (data == NULL) {
        return; /* [DONE] is not of this dialect; some proxies add it */
    }
    if (rn_reader_is_type(data, "message_start")) {
        read_envelope(reader, rn_json_member(data, "message"));
    } else if (rn_reader_is_type(data, "content_block_start")) {
        open_block(reader, data);
    } else if (rn_reader_is_type(data, "content_block_delta")) {
        add_delta(reader, data);
    } else if (rn_reader_is_type(data, "message_delta")) {
        read_message_delta(reader, data);
    } else if (rn_reader_is_type(data, "message_stop")) {
        reader->out->complete = true;
    } else if (rn_reader_is_type(data, "error")) {
        rn_reader_error(reader, data);
    }
}

const struct rn_dialect_row rn_anthropic_messages = {
    .dialect = RN_DIALECT_ANTHROPIC_MESSAGES,
    .kind = RN_READING_MODEL,
    .name = "anthropic.messages",
    .path = "/messages",
    .bounds = {"/max_tokens"},
    .format = "/output_config/format/type",
    .knows = rn_reader_has_messages,
    .request = read_request,
    .answer = read_answer,
    .event = read_event,
};
