/*
 * Anthropic messages: POST .../messages with a list of messages (wire.md 1.2 to 1.4).
 *
 * Streams: message_start holds the message without content, blocks are opened, filled by deltas and closed by index,
 * message_delta brings the reason and running totals, message_stop ends it. `input_tokens` leaves out what the cache held:
 * tokens_in is the sum, as other providers count.
 */
#include "reading_parts.h"

/* Vertex gives the publisher's own shape a path of its own. */
static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    bool raw = rn_bytes_find(path, RN_LIT("/publishers/anthropic/")) != RN_NPOS &&
               (rn_reader_posts_to(input, path, ":rawPredict") ||
                rn_reader_posts_to(input, path, ":streamRawPredict"));
    return raw || rn_reader_posts_to(input, path, "/messages");
}

/* Later counts replace earlier ones, one by one: those of a stream are cumulative, and an event may hold only some. */
static void read_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    static const struct {
        enum rn_counted which;
        const char *pointer;
    } counters[] = {{RN_COUNTED_IN, "/input_tokens"},
                    {RN_COUNTED_CACHED, "/cache_read_input_tokens"},
                    {RN_COUNTED_CACHE_WRITE, "/cache_creation_input_tokens"},
                    {RN_COUNTED_OUT, "/output_tokens"},
                    {RN_COUNTED_REASONING, "/output_tokens_details/thinking_tokens"}};
    uint64_t *counts = reader->counts;
    unsigned counted = reader->out->counted & ~(unsigned)RN_COUNTED_TOTAL;
    if (!rn_reader_usage(reader, usage)) {
        return;
    }
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        const char *const pointers[] = {counters[i].pointer, NULL};
        (void)rn_reader_counter(reader, counters[i].which, usage, pointers);
        (void)rn_reader_count(rn_json_at(usage, counters[i].pointer), &counts[i]);
    }
    struct rn_reading *out = reader->out;
    out->counted |= counted;
    out->tokens_in = rn_reader_sum(rn_reader_sum(counts[0], counts[1]), counts[2]);
    out->tokens_cached = counts[1];
    out->tokens_cache_write = counts[2];
    out->tokens_out = counts[3];
    out->tokens_reasoning = counts[4];
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
    rn_reader_id(reader, rn_json_member(message, "id"));
    rn_reader_finish(reader, rn_json_member(message, "stop_reason"));
    read_usage(reader, rn_json_member(message, "usage"));
}

/* Why it refused stands beside the reason, and is all that is said of it. */
static const struct rn_json *refusal_of(const struct rn_json *message)
{
    return rn_json_is(rn_json_member(message, "stop_reason"), "refusal")
               ? rn_json_at(message, "/stop_details/explanation")
               : NULL;
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    struct rn_bytes role = rn_reader_text(reader, rn_json_member(body, "role"));
    read_envelope(reader, body);
    say_content(reader, role, rn_json_member(body, "content"));
    rn_reader_say_string(reader, RN_SAID_REFUSAL, role, refusal_of(body));
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
    return rn_reader_answer_slot(reader, kind, block, part);
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
    const struct rn_json *delta = rn_json_member(data, "delta");
    const struct rn_json *refusal = refusal_of(delta);
    rn_reader_finish(reader, rn_json_member(delta, "stop_reason"));
    read_usage(reader, rn_json_member(data, "usage"));
    if (rn_reader_is_string(refusal)) {
        /* behind all blocks, as in a whole answer */
        rn_reader_append(reader, rn_reader_answer_slot(reader, RN_SAID_REFUSAL, UINT64_MAX, 0),
                         refusal);
    }
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
    }
}

static const char *const volatile_pointers[] = {"/metadata", NULL};
static const char *const significant_headers[] = {"anthropic-beta", "anthropic-version", NULL};
static const struct rn_dialect_facts facts = {1, volatile_pointers, significant_headers, rn_none};

const struct rn_dialect_row rn_anthropic_messages = {
    .dialect = RN_DIALECT_ANTHROPIC_MESSAGES,
    .kind = RN_READING_MODEL,
    .name = "anthropic.messages",
    .fits = fits,
    .bounds = {"/max_tokens"},
    .format = "/output_config/format/type",
    .knows = rn_reader_has_messages,
    .request = read_request,
    .answer = read_answer,
    .event = read_event,
    .facts = &facts,
};
