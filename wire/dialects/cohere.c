/*
 * Cohere's own API: POST /v2/chat with messages, /v1/chat with one message and a history, /v2/embed and /v1/embed
 * (wire.md 1.1 to 1.4).
 *
 * The second version streams server-sent events by index, message-end last. The first streams lines of which the last,
 * stream-end, holds the whole answer again; that is what is read where it came.
 */
#include "reading_parts.h"

/* A tool plan stands before all content and its thinking. */
#define CONTENT_BEHIND_PLAN 1u
#define CALLS_BEHIND_CONTENT (UINT64_C(1) << 32)

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_reader_posts_to(input, path, "/v2/chat") ||
           rn_reader_posts_to(input, path, "/v1/chat");
}

/* A chat as OpenAI writes it has the path of the first version elsewhere; it stands before us in the table. */
static bool knows(const struct rn_json *body)
{
    return rn_reader_has_messages(body) || rn_reader_is_string(rn_json_member(body, "message"));
}

/* --- messages of the second version -------------------------------------------------------------------------------- */

static void say_parts(struct rn_reader *reader, enum rn_said_kind kind, struct rn_bytes role,
                      const struct rn_json *content)
{
    rn_reader_say_string(reader, kind, role, content);
    for (const struct rn_json *part = rn_reader_first(content); part != NULL; part = part->next) {
        if (rn_reader_is_type(part, "text")) {
            rn_reader_say_string(reader, kind, role, rn_json_member(part, "text"));
        } else if (rn_reader_is_type(part, "thinking")) {
            rn_reader_say_string(reader, RN_SAID_THINKING, role, rn_json_member(part, "thinking"));
        } else if (kind == RN_SAID_TOOL_RESULT) {
            (void)rn_reader_say(reader, kind, role, rn_reader_raw(reader, part));
        } else {
            rn_reader_say_other(reader, role, part);
        }
    }
}

static void say_calls(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *calls)
{
    for (const struct rn_json *call = rn_reader_first(calls); call != NULL; call = call->next) {
        const struct rn_json *function = rn_json_member(call, "function");
        const struct rn_json *what = function != NULL ? function : call;
        const struct rn_json *arguments =
            rn_json_member(what, function != NULL ? "arguments" : "parameters");
        rn_reader_say_call(reader, role, rn_reader_spoken(reader, arguments),
                           rn_json_member(what, "name"), rn_json_member(call, "id"));
    }
}

static void say_message(struct rn_reader *reader, const struct rn_json *message)
{
    struct rn_bytes role = rn_reader_text(reader, rn_json_member(message, "role"));
    const struct rn_json *content = rn_json_member(message, "content");
    struct rn_said **first = reader->tail;
    if (rn_bytes_equal(role, RN_LIT("tool"))) {
        say_parts(reader, RN_SAID_TOOL_RESULT, role, content);
        for (struct rn_said *said = *first; said != NULL; said = said->next) {
            said->id = rn_reader_text(reader, rn_json_member(message, "tool_call_id"));
        }
        return;
    }
    rn_reader_say_string(reader, RN_SAID_THINKING, role, rn_json_member(message, "tool_plan"));
    say_parts(reader, RN_SAID_TEXT, role, content);
    say_calls(reader, role, rn_json_member(message, "tool_calls"));
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static void say_results(struct rn_reader *reader, const struct rn_json *results)
{
    for (const struct rn_json *each = rn_reader_first(results); each != NULL; each = each->next) {
        struct rn_bytes text = rn_reader_raw(reader, rn_json_member(each, "outputs"));
        struct rn_said *said = rn_reader_say(reader, RN_SAID_TOOL_RESULT, RN_LIT("tool"), text);
        if (said != NULL) {
            said->name = rn_reader_text(reader, rn_json_at(each, "/call/name"));
        }
    }
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *each = rn_reader_first(rn_json_member(body, "messages"));
    const struct rn_json *turn = rn_reader_first(rn_json_member(body, "chat_history"));
    for (; each != NULL; each = each->next) {
        say_message(reader, each);
    }
    rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("system"), rn_json_member(body, "preamble"));
    for (; turn != NULL; turn = turn->next) {
        rn_reader_say_string(reader, RN_SAID_TEXT,
                             rn_reader_text(reader, rn_json_member(turn, "role")),
                             rn_json_member(turn, "message"));
    }
    rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("USER"), rn_json_member(body, "message"));
    say_results(reader, rn_json_member(body, "tool_results"));
    reader->out->continues = rn_reader_text(reader, rn_json_member(body, "conversation_id"));
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* Tokens as the model saw them; where they are not said, those that are billed. */
static void read_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    static const char *const in[] = {"/tokens/input_tokens", "/billed_units/input_tokens", NULL};
    static const char *const out[] = {"/tokens/output_tokens", "/billed_units/output_tokens", NULL};
    static const char *const cached[] = {"/cached_tokens", NULL};
    if (rn_reader_usage(reader, usage)) {
        (void)rn_reader_counter(reader, RN_COUNTED_IN, usage, in);
        (void)rn_reader_counter(reader, RN_COUNTED_OUT, usage, out);
        (void)rn_reader_counter(reader, RN_COUNTED_CACHED, usage, cached);
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *message = rn_json_member(body, "message");
    struct rn_bytes role = RN_LIT("assistant");
    rn_reader_id(reader, rn_json_member(body, "id"));
    rn_reader_id(reader, rn_json_member(body, "response_id"));
    rn_reader_finish(reader, rn_json_member(body, "finish_reason"));
    read_usage(reader, rn_json_member(body, "usage"));
    read_usage(reader, rn_json_member(body, "meta"));
    say_message(reader, message);
    rn_reader_say_string(reader, RN_SAID_TEXT, role, rn_json_member(body, "text"));
    if (message == NULL) {
        say_calls(reader, role, rn_json_member(body, "tool_calls"));
    }
}

/* --- streams of the second version --------------------------------------------------------------------------------- */

static uint64_t index_of(const struct rn_json *data)
{
    uint64_t index = 0;
    (void)rn_reader_count(rn_json_member(data, "index"), &index);
    return index;
}

static void add_text(struct rn_reader *reader, enum rn_said_kind kind, uint64_t group,
                     const struct rn_json *text)
{
    if (rn_reader_is_string(text)) {
        rn_reader_append(reader, rn_reader_answer_slot(reader, kind, group, 0), text);
    }
}

static void add_content(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *content = rn_json_at(data, "/delta/message/content");
    uint64_t group = CONTENT_BEHIND_PLAN + index_of(data);
    add_text(reader, RN_SAID_TEXT, group, rn_json_member(content, "text"));
    add_text(reader, RN_SAID_THINKING, group, rn_json_member(content, "thinking"));
}

static void add_call(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *call = rn_json_at(data, "/delta/message/tool_calls");
    const struct rn_json *function = rn_json_member(call, "function");
    struct rn_slot *slot =
        rn_reader_answer_slot(reader, RN_SAID_TOOL_CALL, CALLS_BEHIND_CONTENT + index_of(data), 0);
    if (slot == NULL) {
        return;
    }
    if (slot->id.len == 0) {
        slot->id = rn_reader_text(reader, rn_json_member(call, "id"));
    }
    if (slot->name.len == 0) {
        slot->name = rn_reader_text(reader, rn_json_member(function, "name"));
    }
    rn_reader_append(reader, slot, rn_json_member(function, "arguments"));
}

static void end_message(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *delta = rn_json_member(data, "delta");
    rn_reader_finish(reader, rn_json_member(delta, "finish_reason"));
    rn_reader_error_inside(reader, delta);
    read_usage(reader, rn_json_member(delta, "usage"));
    reader->out->complete = true;
}

/* --- streams of the first version ---------------------------------------------------------------------------------- */

/* The last line has all of it again. */
static void end_stream(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *response = rn_json_member(data, "response");
    if (response != NULL) {
        rn_reader_forget(reader);
        read_answer(reader, response);
    }
    rn_reader_finish(reader, rn_json_member(data, "finish_reason"));
    reader->out->complete = true;
}

static void read_line(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *type = rn_json_member(data, "event_type");
    const struct rn_json *finished = rn_json_member(data, "is_finished");
    uint64_t index = 0;
    rn_reader_id(reader, rn_json_member(data, "generation_id"));
    if (rn_json_is(type, "stream-end") || (finished != NULL && finished->kind == RN_JSON_TRUE)) {
        end_stream(reader, data);
        return;
    }
    add_text(reader, RN_SAID_TEXT, CONTENT_BEHIND_PLAN, rn_json_member(data, "text"));
    for (const struct rn_json *call = rn_reader_first(rn_json_member(data, "tool_calls"));
         call != NULL; call = call->next, index++) {
        struct rn_slot *slot =
            rn_reader_answer_slot(reader, RN_SAID_TOOL_CALL, CALLS_BEHIND_CONTENT + index, 0);
        if (slot != NULL) {
            slot->name = rn_reader_text(reader, rn_json_member(call, "name"));
            slot->whole = rn_reader_raw(reader, rn_json_member(call, "parameters"));
        }
    }
}

static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    if (data == NULL || reader->out->complete) {
        return;
    }
    if (rn_json_member(data, "type") == NULL) {
        read_line(reader, data);
    } else if (rn_reader_is_type(data, "message-start")) {
        rn_reader_id(reader, rn_json_member(data, "id"));
    } else if (rn_reader_is_type(data, "content-start") ||
               rn_reader_is_type(data, "content-delta")) {
        add_content(reader, data);
    } else if (rn_reader_is_type(data, "tool-plan-delta")) {
        add_text(reader, RN_SAID_THINKING, 0, rn_json_at(data, "/delta/message/tool_plan"));
    } else if (rn_reader_is_type(data, "tool-call-start") ||
               rn_reader_is_type(data, "tool-call-delta")) {
        add_call(reader, data);
    } else if (rn_reader_is_type(data, "message-end")) {
        end_message(reader, data);
    }
}

/* --- embeddings ---------------------------------------------------------------------------------------------------- */

static bool fits_embed(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_reader_posts_to(input, path, "/v2/embed") ||
           rn_reader_posts_to(input, path, "/v1/embed");
}

static bool knows_embed(const struct rn_json *body)
{
    return rn_json_member(body, "texts") != NULL || rn_json_member(body, "inputs") != NULL ||
           rn_json_member(body, "images") != NULL;
}

static void say_list(struct rn_reader *reader, const struct rn_json *list, const char *name)
{
    for (const struct rn_json *each = rn_reader_first(list); each != NULL; each = each->next) {
        struct rn_said *said = rn_reader_say(reader, RN_SAID_OTHER, RN_LIT("input"), RN_LIT(""));
        if (said != NULL) {
            said->name = rn_bytes_text(name);
        }
    }
}

static void read_embed(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *each = rn_reader_first(rn_json_member(body, "inputs"));
    rn_reader_say_inputs(reader, RN_LIT("input"), rn_json_member(body, "texts"));
    for (; each != NULL; each = each->next) {
        say_parts(reader, RN_SAID_TEXT, RN_LIT("input"), rn_json_member(each, "content"));
    }
    say_list(reader, rn_json_member(body, "images"), "image");
}

static void read_embed_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    rn_reader_id(reader, rn_json_member(body, "id"));
    read_usage(reader, rn_json_member(body, "meta"));
}

static enum rn_status read_vectors(struct rn_reader *reader, struct rn_bytes body,
                                   struct rn_error *error)
{
    static const char *const names[] = {"embeddings", "float",   "int8",   "uint8",
                                        "binary",     "ubinary", "base64", NULL};
    return rn_reader_vectors(reader, body, names, read_embed_envelope, error);
}

/* --- rows ---------------------------------------------------------------------------------------------------------- */

static const char *const content[] = {
    "message", "chat_history", "preamble",     "documents",       "texts",
    "inputs",  "images",       "tool_results", "conversation_id", NULL};

const struct rn_dialect_row rn_cohere_chat = {
    .dialect = RN_DIALECT_COHERE_CHAT,
    .kind = RN_READING_MODEL,
    .name = "cohere.chat",
    .fits = fits,
    .knows = knows,
    .bounds = {"/max_tokens"},
    .format = "/response_format/type",
    .content = content,
    .request = read_request,
    .answer = read_answer,
    .framing = RN_STREAM_LINES,
    .event = read_event,
};

const struct rn_dialect_row rn_cohere_embed = {
    .dialect = RN_DIALECT_COHERE_EMBED,
    .kind = RN_READING_EMBEDDING,
    .name = "cohere.embed",
    .fits = fits_embed,
    .knows = knows_embed,
    .content = content,
    .request = read_embed,
    .answer_text = read_vectors,
};
