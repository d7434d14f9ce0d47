/*
 * OpenAI Responses: POST .../responses with items in and items out (wire.md 1.2 to 1.4).
 *
 * An item is a message with parts, a call, a call's output, a reasoning, or a tool of the server's own. Streams: the last
 * event holds the whole response and is what is read; only where it never came, or holds no output, what the deltas brought
 * by output index is put together.
 */
#include "reading_parts.h"

/* Reasoning has a summary and, from some servers, its text: two runs of indices in one item. */
#define TEXT_BEHIND_SUMMARY (UINT64_C(1) << 32)

static bool knows(const struct rn_json *body)
{
    const struct rn_json *input = rn_json_member(body, "input");
    const struct rn_json *prompt = rn_json_member(body, "prompt"); /* one the server keeps */
    return (input != NULL &&
            (input->kind == RN_JSON_STRING || input->kind == RN_JSON_ARRAY_BEGIN)) ||
           (prompt != NULL && prompt->kind == RN_JSON_OBJECT_BEGIN);
}

/* --- items --------------------------------------------------------------------------------------------------------- */

/* function_call, custom_tool_call, mcp_call: what is asked of a tool by name. */
static bool is_call(const struct rn_json *item)
{
    return rn_reader_is_type(item, "function_call") ||
           rn_reader_is_type(item, "custom_tool_call") || rn_reader_is_type(item, "mcp_call");
}

/* input_text, output_text, text; summary_text, reasoning_text. */
static bool is_text(const struct rn_json *part)
{
    return rn_reader_is_type(part, "input_text") || rn_reader_is_type(part, "output_text") ||
           rn_reader_is_type(part, "text");
}

static const struct rn_json *arguments_of(const struct rn_json *call)
{
    return rn_json_member(call,
                          rn_reader_is_type(call, "custom_tool_call") ? "input" : "arguments");
}

/* A server's own tool has no call_id: nobody answers it. */
static const struct rn_json *id_of(const struct rn_json *call)
{
    const struct rn_json *id = rn_json_member(call, "call_id");
    return id != NULL ? id : rn_json_member(call, "id");
}

static void say_parts(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *content)
{
    rn_reader_say_string(reader, RN_SAID_TEXT, role, content);
    for (const struct rn_json *part = rn_reader_first(content); part != NULL; part = part->next) {
        if (is_text(part)) {
            rn_reader_say_string(reader, RN_SAID_TEXT, role, rn_json_member(part, "text"));
        } else if (rn_reader_is_type(part, "refusal")) {
            rn_reader_say_string(reader, RN_SAID_REFUSAL, role, rn_json_member(part, "refusal"));
        } else {
            rn_reader_say_other(reader, role, part);
        }
    }
}

static void say_one_output(struct rn_reader *reader, const struct rn_json *item,
                           struct rn_bytes text)
{
    struct rn_said *said =
        rn_reader_say(reader, RN_SAID_TOOL_RESULT, rn_reader_copy(reader, RN_LIT("tool")), text);
    if (said != NULL) {
        said->id = rn_reader_text(reader, rn_json_member(item, "call_id"));
    }
}

/* A string, or parts: texts as texts, all else as the JSON it is. */
static void say_output(struct rn_reader *reader, const struct rn_json *item)
{
    const struct rn_json *output = rn_json_member(item, "output");
    if (output == NULL || output->kind != RN_JSON_ARRAY_BEGIN) {
        say_one_output(reader, item, rn_reader_spoken(reader, output));
        return;
    }
    for (const struct rn_json *part = output->child; part != NULL; part = part->next) {
        say_one_output(reader, item,
                       is_text(part) ? rn_reader_text(reader, rn_json_member(part, "text"))
                                     : rn_reader_raw(reader, part));
    }
}

static void say_reasoning(struct rn_reader *reader, struct rn_bytes role,
                          const struct rn_json *item)
{
    static const char *const members[] = {"summary", "content"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        for (const struct rn_json *part = rn_reader_first(rn_json_member(item, members[i]));
             part != NULL; part = part->next) {
            rn_reader_say_string(reader, RN_SAID_THINKING, role, rn_json_member(part, "text"));
        }
    }
}

static void say_item(struct rn_reader *reader, const struct rn_json *item)
{
    struct rn_bytes role = rn_reader_text(reader, rn_json_member(item, "role"));
    const struct rn_json *type = rn_json_member(item, "type");
    if (type == NULL || rn_json_is(type, "message")) {
        say_parts(reader, role, rn_json_member(item, "content"));
        return;
    }
    if (rn_json_is(type, "function_call_output") || rn_json_is(type, "custom_tool_call_output")) {
        say_output(reader, item);
        return;
    }
    if (role.len == 0) {
        role = rn_reader_copy(reader, RN_LIT("assistant"));
    }
    if (is_call(item)) {
        rn_reader_say_call(reader, role, rn_reader_spoken(reader, arguments_of(item)),
                           rn_json_member(item, "name"), id_of(item));
    } else if (rn_json_is(type, "reasoning")) {
        say_reasoning(reader, role, item);
    } else {
        rn_reader_say_other(reader, role, item);
    }
}

/* What the server keeps: the answer this one goes on from, or a conversation, and a prompt. */
static void read_links(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *conversation = rn_json_member(body, "conversation");
    struct rn_reading *out = reader->out;
    out->continues = rn_reader_text(reader, rn_json_member(body, "previous_response_id"));
    if (out->continues.len == 0) {
        out->continues = rn_reader_text(reader, rn_reader_is_string(conversation)
                                                    ? conversation
                                                    : rn_json_member(conversation, "id"));
    }
    out->prompt_id = rn_reader_text(reader, rn_json_at(body, "/prompt/id"));
    out->prompt_version = rn_reader_text(reader, rn_json_at(body, "/prompt/version"));
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *input = rn_json_member(body, "input");
    read_links(reader, body);
    rn_reader_say_string(reader, RN_SAID_TEXT, rn_reader_copy(reader, RN_LIT("system")),
                         rn_json_member(body, "instructions"));
    rn_reader_say_string(reader, RN_SAID_TEXT, rn_reader_copy(reader, RN_LIT("user")), input);
    for (const struct rn_json *item = rn_reader_first(input); item != NULL; item = item->next) {
        say_item(reader, item);
    }
}

/* --- responses ----------------------------------------------------------------------------------------------------- */

static void read_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    static const struct {
        enum rn_counted which;
        const char *const pointers[2];
    } counters[] = {
        {RN_COUNTED_IN, {"/input_tokens", NULL}},
        {RN_COUNTED_OUT, {"/output_tokens", NULL}},
        {RN_COUNTED_TOTAL, {"/total_tokens", NULL}},
        {RN_COUNTED_CACHED, {"/input_tokens_details/cached_tokens", NULL}},
        {RN_COUNTED_CACHE_WRITE, {"/input_tokens_details/cache_write_tokens", NULL}},
        {RN_COUNTED_REASONING, {"/output_tokens_details/reasoning_tokens", NULL}},
    };
    if (!rn_reader_usage(reader, usage)) {
        return;
    }
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        (void)rn_reader_counter(reader, counters[i].which, usage, counters[i].pointers);
    }
}

/* All but the output. What made a response incomplete says more than that it is. */
static void read_envelope(struct rn_reader *reader, const struct rn_json *response)
{
    struct rn_bytes reason =
        rn_reader_text(reader, rn_json_at(response, "/incomplete_details/reason"));
    reader->out->model_answered = rn_reader_text(reader, rn_json_member(response, "model"));
    rn_reader_id(reader, rn_json_member(response, "id"));
    reader->out->finish =
        reason.len > 0 ? reason : rn_reader_text(reader, rn_json_member(response, "status"));
    read_usage(reader, rn_json_member(response, "usage"));
    rn_reader_error_inside(reader, response);
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    read_envelope(reader, body);
    for (const struct rn_json *item = rn_reader_first(rn_json_member(body, "output")); item != NULL;
         item = item->next) {
        say_item(reader, item);
    }
}

/* --- streams ------------------------------------------------------------------------------------------------------- */

static uint64_t index_of(const struct rn_json *data, const char *name)
{
    uint64_t index = 0;
    (void)rn_reader_count(rn_json_member(data, name), &index);
    return index;
}

/* Parts with their text in `member`, whole. */
static void put_parts(struct rn_reader *reader, uint64_t item, uint64_t first,
                      const struct rn_json *parts, bool thinking)
{
    for (const struct rn_json *part = rn_reader_first(parts); part != NULL; part = part->next) {
        bool refusal = rn_reader_is_type(part, "refusal");
        enum rn_said_kind kind = thinking        ? RN_SAID_THINKING
                                 : refusal       ? RN_SAID_REFUSAL
                                 : is_text(part) ? RN_SAID_TEXT
                                                 : RN_SAID_OTHER;
        struct rn_slot *slot = rn_reader_answer_slot(reader, kind, item, first++);
        if (slot != NULL && kind == RN_SAID_OTHER) {
            slot->name = rn_reader_text(reader, rn_json_member(part, "type"));
        } else if (slot != NULL) {
            slot->whole =
                rn_reader_text(reader, rn_json_member(part, refusal ? "refusal" : "text"));
        }
    }
}

/* An item at its beginning, when it says what kind it is, and at its end, when it is whole. */
static void put_item(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *item = rn_json_member(data, "item");
    uint64_t index = index_of(data, "output_index");
    if (rn_reader_is_type(item, "message")) {
        put_parts(reader, index, 0, rn_json_member(item, "content"), false);
    } else if (rn_reader_is_type(item, "reasoning")) {
        put_parts(reader, index, 0, rn_json_member(item, "summary"), true);
        put_parts(reader, index, TEXT_BEHIND_SUMMARY, rn_json_member(item, "content"), true);
    } else {
        bool call = is_call(item);
        struct rn_slot *slot =
            rn_reader_answer_slot(reader, call ? RN_SAID_TOOL_CALL : RN_SAID_OTHER, index, 0);
        if (slot != NULL && call) {
            slot->id = rn_reader_text(reader, id_of(item));
            slot->whole = rn_reader_spoken(reader, arguments_of(item));
        }
        if (slot != NULL) {
            slot->name = rn_reader_text(reader, rn_json_member(item, call ? "name" : "type"));
        }
    }
}

/* False: not a delta of anything said. */
static bool add_delta(struct rn_reader *reader, const struct rn_json *data)
{
    static const struct {
        const char *type;
        enum rn_said_kind kind;
        const char *part;
        uint64_t first;
    } deltas[] = {
        {"response.output_text.delta", RN_SAID_TEXT, "content_index", 0},
        {"response.refusal.delta", RN_SAID_REFUSAL, "content_index", 0},
        {"response.function_call_arguments.delta", RN_SAID_TOOL_CALL, "", 0},
        {"response.custom_tool_call_input.delta", RN_SAID_TOOL_CALL, "", 0},
        {"response.mcp_call_arguments.delta", RN_SAID_TOOL_CALL, "", 0},
        {"response.reasoning_summary_text.delta", RN_SAID_THINKING, "summary_index", 0},
        {"response.reasoning_text.delta", RN_SAID_THINKING, "content_index", TEXT_BEHIND_SUMMARY},
    };
    for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
        if (rn_reader_is_type(data, deltas[i].type)) {
            uint64_t part = deltas[i].first + index_of(data, deltas[i].part);
            rn_reader_append(
                reader,
                rn_reader_answer_slot(reader, deltas[i].kind, index_of(data, "output_index"), part),
                rn_json_member(data, "delta"));
            return true;
        }
    }
    return false;
}

/* The last event but for `error`. Some servers leave the output out of it: then the deltas have said it. */
static void read_last(struct rn_reader *reader, const struct rn_json *response)
{
    if (rn_reader_first(rn_json_member(response, "output")) != NULL) {
        rn_reader_forget(reader);
    }
    read_answer(reader, response);
    reader->out->complete = true;
}

static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *response = rn_json_member(data, "response");
    if (data == NULL || reader->out->complete || add_delta(reader, data)) {
        return; /* [DONE] is not of this dialect; some servers add it */
    }
    if (rn_reader_is_type(data, "response.completed") ||
        rn_reader_is_type(data, "response.incomplete") ||
        rn_reader_is_type(data, "response.failed")) {
        read_last(reader, response);
    } else if (rn_reader_is_type(data, "response.output_item.added") ||
               rn_reader_is_type(data, "response.output_item.done")) {
        put_item(reader, data);
    } else if (rn_reader_is_type(data, "error")) {
        rn_reader_error(reader, data);
    } else if (response != NULL) {
        /* created, queued, in_progress: all but the model and the id is still to come */
        reader->out->model_answered = rn_reader_text(reader, rn_json_member(response, "model"));
        rn_reader_id(reader, rn_json_member(response, "id"));
    }
}

static const struct rn_dialect_facts facts = {1, rn_openai_volatile, rn_openai_headers, rn_none};

const struct rn_dialect_row rn_openai_responses = {
    .dialect = RN_DIALECT_OPENAI_RESPONSES,
    .kind = RN_READING_MODEL,
    .name = "openai.responses",
    .path = "/responses",
    .bounds = {"/max_output_tokens"},
    .format = "/text/format/type",
    .knows = knows,
    .request = read_request,
    .answer = read_answer,
    .event = read_event,
    .facts = &facts,
};

/* --- responses that are kept --------------------------------------------------------------------------------------- */

/* What stands in the path behind "/responses"; NULL data: it is not there. */
static struct rn_bytes behind_responses(struct rn_bytes path)
{
    size_t at = rn_bytes_find(path, RN_LIT("/responses/"));
    return at == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(path, at + 11);
}

/* GET .../responses/ID, POST .../responses/ID/cancel, POST .../responses/compact. */
static bool is_kept(const struct rn_reading_input *input, struct rn_bytes path)
{
    struct rn_bytes rest = behind_responses(path);
    if (rest.len == 0) {
        return false;
    }
    if (rn_bytes_equal(input->method, RN_LIT("GET"))) {
        return rn_bytes_find_byte(rest, '/') == RN_NPOS;
    }
    return rn_reader_posts_to(input, path, "/cancel") || rn_bytes_equal(rest, RN_LIT("compact"));
}

/* That no model is asked anew stands in the operation: its tokens were counted before. */
static void read_kept_request(struct rn_reader *reader, const struct rn_json *body)
{
    struct rn_bytes rest = behind_responses(reader->path);
    bool compact = rn_bytes_equal(rest, RN_LIT("compact"));
    bool cancel = rn_bytes_ends_with(rest, RN_LIT("/cancel"));
    reader->out->operation = compact  ? RN_LIT("compact")
                             : cancel ? RN_LIT("cancel")
                                      : RN_LIT("retrieve");
    if (!compact) {
        reader->out->target =
            rn_reader_copy(reader, rn_bytes_sub(rest, 0, rn_bytes_find_byte(rest, '/')));
    }
    if (body != NULL) {
        read_request(reader, body);
    }
}

const struct rn_dialect_row rn_openai_responses_kept = {
    .dialect = RN_DIALECT_OPENAI_RESPONSES,
    .kind = RN_READING_MODEL,
    .name = "openai.responses",
    .fits = is_kept,
    .request = read_kept_request,
    .answer = read_answer,
    .event = read_event,
    .facts = &facts,
};
