/*
 * OpenAI chat completions, as dozens of servers speak them: POST .../chat/completions (wire.md 1.2 to 1.4).
 *
 * Streams: deltas per choice, tool calls keyed by their index, `usage` in a last chunk without choices, `[DONE]` at the
 * end; an error may come in the midst of a stream. Reasoning is `reasoning_content` or `reasoning`, by server.
 */
#include "reading_parts.h"

const char *const rn_openai_volatile[] = {"/metadata",
                                          "/user",
                                          "/safety_identifier",
                                          "/prompt_cache_key",
                                          "/prompt_cache_retention",
                                          "/client_metadata",
                                          "/stream_options/include_obfuscation",
                                          NULL};
const char *const rn_openai_headers[] = {"openai-beta", "api-version", NULL};

/* Mistral's agents and Writer's path are of the same shape; on Vertex a publisher's own shape travels raw. */
static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    bool raw = rn_bytes_find(path, RN_LIT("/publishers/mistralai/")) != RN_NPOS &&
               (rn_reader_posts_to(input, path, ":rawPredict") ||
                rn_reader_posts_to(input, path, ":streamRawPredict"));
    return raw || rn_reader_posts_to(input, path, "/chat/completions") ||
           rn_reader_posts_to(input, path, "/agents/completions") ||
           rn_reader_posts_to(input, path, "/v1/chat");
}

/* --- usage --------------------------------------------------------------------------------------------------------- */

/*
 * `prompt_tokens` counts what the cache held; how much that was is told in five places, by server. `completion_tokens` counts
 * reasoning, but not at xAI, whose total tells.
 */
void rn_openai_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    static const struct {
        enum rn_counted which;
        const char *const pointers[6];
    } counters[] = {
        {RN_COUNTED_IN, {"/prompt_tokens", NULL}},
        {RN_COUNTED_OUT, {"/completion_tokens", NULL}},
        {RN_COUNTED_TOTAL, {"/total_tokens", NULL}},
        {RN_COUNTED_CACHED,
         {"/prompt_tokens_details/cached_tokens", "/prompt_token_details/cached_tokens",
          "/num_cached_tokens", "/cached_tokens", "/prompt_cache_hit_tokens", NULL}},
        {RN_COUNTED_CACHE_WRITE, {"/prompt_tokens_details/cache_write_tokens", NULL}},
        {RN_COUNTED_REASONING,
         {"/completion_tokens_details/reasoning_tokens", "/reasoning_tokens", NULL}},
    };
    const struct rn_reading *out = reader->out;
    if (!rn_reader_usage(reader, usage)) {
        return;
    }
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        (void)rn_reader_counter(reader, counters[i].which, usage, counters[i].pointers);
    }
    uint64_t spoken = out->tokens_total - out->tokens_in - out->tokens_out;
    if (out->tokens_reasoning > 0 && spoken == out->tokens_reasoning) {
        rn_reader_set_counter(reader, RN_COUNTED_OUT, out->tokens_out + out->tokens_reasoning);
    }
}

/* llama.cpp counts where it keeps the time: what the cache held is beside what was read. */
static void read_timings(struct rn_reader *reader, const struct rn_json *timings)
{
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t cached = 0;
    if (!rn_reader_count(rn_json_member(timings, "prompt_n"), &in) ||
        !rn_reader_count(rn_json_member(timings, "predicted_n"), &out)) {
        return;
    }
    (void)rn_reader_usage(reader, timings);
    if (rn_reader_count(rn_json_member(timings, "cache_n"), &cached)) {
        rn_reader_set_counter(reader, RN_COUNTED_CACHED, cached);
    }
    rn_reader_set_counter(reader, RN_COUNTED_IN, rn_reader_sum(in, cached));
    rn_reader_set_counter(reader, RN_COUNTED_OUT, out);
}

/* Of a whole answer and of each chunk: the name, the id, the tokens. Groq streams its usage inside x_groq. */
void rn_openai_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *usage = rn_json_member(body, "usage");
    if (usage == NULL || usage->kind == RN_JSON_NULL) {
        usage = rn_json_at(body, "/x_groq/usage");
    }
    if (reader->out->model_answered.len == 0) {
        reader->out->model_answered = rn_reader_text(reader, rn_json_member(body, "model"));
    }
    rn_reader_id(reader, rn_json_member(body, "id"));
    rn_openai_usage(reader, usage);
    if ((reader->out->counted & RN_COUNTED_IN) == 0) {
        read_timings(reader, rn_json_member(body, "timings"));
    }
}

/* --- messages ------------------------------------------------------------------------------------------------------ */

/* Functions, custom tools, and the single `function_call` of old. */
static void say_tool_call(struct rn_reader *reader, struct rn_bytes role,
                          const struct rn_json *call)
{
    const struct rn_json *function = rn_json_member(call, "function");
    const struct rn_json *custom = rn_json_member(call, "custom");
    const struct rn_json *what = function != NULL ? function : custom != NULL ? custom : call;
    const struct rn_json *arguments = rn_json_member(what, custom != NULL ? "input" : "arguments");
    rn_reader_say_call(reader, role, rn_reader_spoken(reader, arguments),
                       rn_json_member(what, "name"), rn_json_member(call, "id"));
}

static void say_part(struct rn_reader *reader, enum rn_said_kind kind, struct rn_bytes role,
                     const struct rn_json *part)
{
    if (rn_reader_is_type(part, "text")) {
        rn_reader_say_string(reader, kind, role, rn_json_member(part, "text"));
    } else if (rn_reader_is_type(part, "refusal")) {
        rn_reader_say_string(reader, RN_SAID_REFUSAL, role, rn_json_member(part, "refusal"));
    } else if (rn_reader_is_type(part, "thinking")) {
        for (const struct rn_json *piece = rn_reader_first(rn_json_member(part, "thinking"));
             piece != NULL; piece = piece->next) {
            rn_reader_say_string(reader, RN_SAID_THINKING, role, rn_json_member(piece, "text"));
        }
    } else {
        rn_reader_say_other(reader, role, part);
    }
}

static void say_content(struct rn_reader *reader, enum rn_said_kind kind, struct rn_bytes role,
                        const struct rn_json *content)
{
    rn_reader_say_string(reader, kind, role, content);
    for (const struct rn_json *part = rn_reader_first(content); part != NULL; part = part->next) {
        say_part(reader, kind, role, part);
    }
}

static const struct rn_json *reasoning_of(const struct rn_json *message)
{
    const struct rn_json *reasoning = rn_json_member(message, "reasoning_content");
    return rn_reader_is_string(reasoning) ? reasoning : rn_json_member(message, "reasoning");
}

static void say_result(struct rn_reader *reader, struct rn_bytes role,
                       const struct rn_json *message)
{
    struct rn_said **first = reader->tail;
    say_content(reader, RN_SAID_TOOL_RESULT, role, rn_json_member(message, "content"));
    if (reader->tail == first) { /* a tool may well answer with nothing */
        (void)rn_reader_say(reader, RN_SAID_TOOL_RESULT, role, rn_bytes_of(NULL, 0));
    }
    for (struct rn_said *said = *first; said != NULL; said = said->next) {
        said->id = rn_reader_text(reader, rn_json_member(message, "tool_call_id"));
        said->name = rn_reader_text(reader, rn_json_member(message, "name"));
    }
}

static void say_message(struct rn_reader *reader, const struct rn_json *message)
{
    struct rn_bytes role = rn_reader_text(reader, rn_json_member(message, "role"));
    if (rn_bytes_equal(role, RN_LIT("tool")) || rn_bytes_equal(role, RN_LIT("function"))) {
        say_result(reader, role, message);
        return;
    }
    const struct rn_json *each = rn_reader_first(rn_json_member(message, "tool_calls"));
    const struct rn_json *call = rn_json_member(message, "function_call");
    rn_reader_say_string(reader, RN_SAID_THINKING, role, reasoning_of(message));
    say_content(reader, RN_SAID_TEXT, role, rn_json_member(message, "content"));
    rn_reader_say_string(reader, RN_SAID_REFUSAL, role, rn_json_member(message, "refusal"));
    for (; each != NULL; each = each->next) {
        say_tool_call(reader, role, each);
    }
    if (call != NULL && call->kind == RN_JSON_OBJECT_BEGIN) {
        say_tool_call(reader, role, call);
    }
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *messages = rn_json_member(body, "messages");
    for (const struct rn_json *message = messages->child; message != NULL;
         message = message->next) {
        say_message(reader, message);
    }
}

/* With several choices, the first one's reason. */
static void read_finish(struct rn_reader *reader, const struct rn_json *choice, uint64_t index)
{
    const struct rn_json *finish = rn_json_member(choice, "finish_reason");
    if (index == 0) {
        /* Mistral's models on Bedrock say stop_reason. */
        rn_reader_finish(reader, finish != NULL ? finish : rn_json_member(choice, "stop_reason"));
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    uint64_t index = 0;
    rn_openai_envelope(reader, body);
    for (const struct rn_json *choice = rn_reader_first(rn_json_member(body, "choices"));
         choice != NULL; choice = choice->next) {
        say_message(reader, rn_json_member(choice, "message"));
        read_finish(reader, choice, index++);
    }
}

/* --- streams ------------------------------------------------------------------------------------------------------- */

static void add_text(struct rn_reader *reader, enum rn_said_kind kind, uint64_t choice,
                     const struct rn_json *value)
{
    if (value != NULL && value->kind == RN_JSON_STRING) {
        rn_reader_append(reader, rn_reader_answer_slot(reader, kind, choice, 0), value);
    }
}

/* Of content that comes in parts, Mistral's: texts, and thinking with texts of its own. */
static void add_content(struct rn_reader *reader, uint64_t choice, const struct rn_json *content)
{
    add_text(reader, RN_SAID_TEXT, choice, content);
    for (const struct rn_json *part = rn_reader_first(content); part != NULL; part = part->next) {
        if (rn_reader_is_type(part, "text")) {
            add_text(reader, RN_SAID_TEXT, choice, rn_json_member(part, "text"));
        }
        for (const struct rn_json *piece = rn_reader_first(rn_json_member(part, "thinking"));
             piece != NULL; piece = piece->next) {
            add_text(reader, RN_SAID_THINKING, choice, rn_json_member(piece, "text"));
        }
    }
}

static void add_tool_call(struct rn_reader *reader, uint64_t choice, uint64_t index,
                          const struct rn_json *call)
{
    const struct rn_json *function = rn_json_member(call, "function");
    const struct rn_json *custom = rn_json_member(call, "custom");
    const struct rn_json *what = function != NULL ? function : custom != NULL ? custom : call;
    struct rn_slot *slot = rn_reader_answer_slot(reader, RN_SAID_TOOL_CALL, choice, index);
    if (slot == NULL) {
        return;
    }
    if (slot->id.len == 0) {
        slot->id = rn_reader_text(reader, rn_json_member(call, "id"));
    }
    if (slot->name.len == 0) {
        slot->name = rn_reader_text(reader, rn_json_member(what, "name"));
    }
    rn_reader_append(reader, slot, rn_json_member(what, custom != NULL ? "input" : "arguments"));
}

static void add_delta(struct rn_reader *reader, uint64_t choice, const struct rn_json *delta)
{
    const struct rn_json *each = rn_reader_first(rn_json_member(delta, "tool_calls"));
    const struct rn_json *call = rn_json_member(delta, "function_call");
    uint64_t index = 0;
    add_text(reader, RN_SAID_THINKING, choice, reasoning_of(delta));
    add_content(reader, choice, rn_json_member(delta, "content"));
    add_text(reader, RN_SAID_REFUSAL, choice, rn_json_member(delta, "refusal"));
    for (; each != NULL; each = each->next) {
        (void)rn_reader_count(rn_json_member(each, "index"), &index);
        add_tool_call(reader, choice, index++, each);
    }
    if (call != NULL && call->kind == RN_JSON_OBJECT_BEGIN) {
        add_tool_call(reader, choice, 0, call);
    }
}

static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    if (data == NULL) {
        reader->out->complete = true;
        return;
    }
    rn_openai_envelope(reader, data);
    for (const struct rn_json *choice = rn_reader_first(rn_json_member(data, "choices"));
         choice != NULL; choice = choice->next) {
        uint64_t index = 0;
        (void)rn_reader_count(rn_json_member(choice, "index"), &index);
        add_delta(reader, index, rn_json_member(choice, "delta"));
        read_finish(reader, choice, index);
    }
}

static const struct rn_dialect_facts facts = {1, rn_openai_volatile, rn_openai_headers, rn_none};

const struct rn_dialect_row rn_openai_chat = {
    .dialect = RN_DIALECT_OPENAI_CHAT,
    .kind = RN_READING_MODEL,
    .name = "openai.chat",
    .fits = fits,
    .bounds = {"/max_completion_tokens", "/max_tokens"},
    .format = "/response_format/type",
    .knows = rn_reader_has_messages,
    .request = read_request,
    .answer = read_answer,
    .event = read_event,
    .facts = &facts,
};
