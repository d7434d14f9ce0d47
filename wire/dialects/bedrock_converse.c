/*
 * Bedrock's Converse: POST .../model/ID/converse and /converse-stream (wire.md 1.1 to 1.5).
 *
 * The model stands in the path. A block is an object with one member that says what it is. Streams come in binary frames:
 * blocks by index are opened, filled and closed, messageStop says why, and metadata, the last, brings the tokens.
 */
#include "reading_parts.h"

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_bytes_find(path, RN_LIT("/model/")) != RN_NPOS &&
           (rn_reader_posts_to(input, path, "/converse") ||
            rn_reader_posts_to(input, path, "/converse-stream"));
}

static bool knows(const struct rn_json *body)
{
    return body != NULL && body->kind == RN_JSON_OBJECT_BEGIN;
}

/* --- blocks -------------------------------------------------------------------------------------------------------- */

/* Texts as texts, all else as the JSON it is. */
static void say_result(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *result)
{
    const struct rn_json *part = rn_reader_first(rn_json_member(result, "content"));
    for (; part != NULL; part = part->next) {
        const struct rn_json *text = rn_json_member(part, "text");
        const struct rn_json *json = rn_json_member(part, "json");
        struct rn_bytes said_text = text != NULL
                                        ? rn_reader_text(reader, text)
                                        : rn_reader_raw(reader, json != NULL ? json : part);
        struct rn_said *said = rn_reader_say(reader, RN_SAID_TOOL_RESULT, role, said_text);
        if (said != NULL) {
            said->id = rn_reader_text(reader, rn_json_member(result, "toolUseId"));
            said->is_error = rn_json_is(rn_json_member(result, "status"), "error");
        }
    }
}

static void say_named(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *block)
{
    const struct rn_json *member = block->kind == RN_JSON_OBJECT_BEGIN ? block->child : NULL;
    struct rn_said *said = rn_reader_say(reader, RN_SAID_OTHER, role, RN_LIT(""));
    if (said != NULL && member != NULL) {
        said->name = rn_reader_copy(reader, member->name); /* image, document, cachePoint, ... */
    }
}

static void say_block(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *block)
{
    static const struct {
        const char *pointer;
        enum rn_said_kind kind;
    } texts[] = {{"/text", RN_SAID_TEXT},
                 {"/reasoningContent/reasoningText/text", RN_SAID_THINKING},
                 {"/guardContent/text/text", RN_SAID_TEXT}};
    const struct rn_json *call = rn_json_member(block, "toolUse");
    const struct rn_json *result = rn_json_member(block, "toolResult");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct rn_json *text = rn_json_at(block, texts[i].pointer);
        if (text != NULL) {
            rn_reader_say_string(reader, texts[i].kind, role, text);
            return;
        }
    }
    if (call != NULL) {
        rn_reader_say_call(reader, role, rn_reader_raw(reader, rn_json_member(call, "input")),
                           rn_json_member(call, "name"), rn_json_member(call, "toolUseId"));
    } else if (result != NULL) {
        say_result(reader, role, result);
    } else {
        say_named(reader, role, block);
    }
}

void rn_converse_content(struct rn_reader *reader, struct rn_bytes role,
                         const struct rn_json *content)
{
    for (const struct rn_json *block = rn_reader_first(content); block != NULL;
         block = block->next) {
        say_block(reader, role, block);
    }
}

/* A prompt that Bedrock keeps is named where a model is. */
static void read_prompt(struct rn_reader *reader)
{
    struct rn_bytes model = reader->out->model_asked;
    size_t at = rn_bytes_find(model, RN_LIT(":prompt/"));
    if (at == RN_NPOS) {
        return;
    }
    struct rn_bytes name = rn_bytes_from(model, at + 8);
    size_t colon = rn_bytes_find_byte(name, ':');
    reader->out->prompt_id = rn_bytes_sub(name, 0, colon);
    reader->out->prompt_version = colon == RN_NPOS ? RN_LIT("") : rn_bytes_from(name, colon + 1);
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *message = rn_reader_first(rn_json_member(body, "messages"));
    read_prompt(reader);
    rn_converse_content(reader, RN_LIT("system"), rn_json_member(body, "system"));
    for (; message != NULL; message = message->next) {
        rn_converse_content(reader, rn_reader_text(reader, rn_json_member(message, "role")),
                            rn_json_member(message, "content"));
    }
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* `inputTokens` leaves out what a cache held or took, but not with every model: the total tells (wire.md 1.3). */
void rn_converse_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    static const struct {
        enum rn_counted which;
        const char *const pointers[3];
    } counters[] = {
        {RN_COUNTED_IN, {"/inputTokens", NULL}},
        {RN_COUNTED_OUT, {"/outputTokens", NULL}},
        {RN_COUNTED_TOTAL, {"/totalTokens", NULL}},
        {RN_COUNTED_CACHED, {"/cacheReadInputTokens", "/cacheReadInputTokenCount", NULL}},
        {RN_COUNTED_CACHE_WRITE, {"/cacheWriteInputTokens", "/cacheWriteInputTokenCount", NULL}},
    };
    const struct rn_reading *out = reader->out;
    if (!rn_reader_usage(reader, usage)) {
        return;
    }
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        (void)rn_reader_counter(reader, counters[i].which, usage, counters[i].pointers);
    }
    bool included = (out->counted & RN_COUNTED_TOTAL) != 0 &&
                    out->tokens_total == rn_reader_sum(out->tokens_in, out->tokens_out);
    if (!included) {
        uint64_t cached = rn_reader_sum(out->tokens_cached, out->tokens_cache_write);
        reader->out->tokens_in = rn_reader_sum(out->tokens_in, cached);
    }
}

/* The answer has no id but that of its request at AWS. */
static void read_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *routed = rn_json_at(body, "/trace/promptRouter/invokedModelId");
    if (reader->out->response_id.len == 0) {
        reader->out->response_id = rn_reader_copy(
            reader, rn_reader_field(reader->input->response_head, "x-amzn-requestid"));
    }
    if (rn_reader_is_string(routed)) {
        reader->out->model_answered = rn_reader_text(reader, routed);
    }
    rn_reader_finish(reader, rn_json_member(body, "stopReason"));
    rn_converse_usage(reader, rn_json_member(body, "usage"));
}

void rn_converse_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *message = rn_json_at(body, "/output/message");
    read_envelope(reader, body);
    rn_converse_content(reader, rn_reader_text(reader, rn_json_member(message, "role")),
                        rn_json_member(message, "content"));
}

/* --- streams ------------------------------------------------------------------------------------------------------- */

static uint64_t index_of(const struct rn_json *data)
{
    uint64_t index = 0;
    (void)rn_reader_count(rn_json_member(data, "contentBlockIndex"), &index);
    return index;
}

static void open_block(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *call = rn_json_at(data, "/start/toolUse");
    const struct rn_json *start = rn_json_member(data, "start");
    enum rn_said_kind kind = call != NULL ? RN_SAID_TOOL_CALL : RN_SAID_OTHER;
    if (call == NULL && (start == NULL || start->child == NULL)) {
        return;
    }
    struct rn_slot *slot = rn_reader_answer_slot(reader, kind, index_of(data), 0);
    if (slot == NULL) {
        return;
    }
    slot->name = call != NULL ? rn_reader_text(reader, rn_json_member(call, "name"))
                              : rn_reader_copy(reader, start->child->name);
    slot->id = rn_reader_text(reader, rn_json_member(call, "toolUseId"));
    slot->whole = call != NULL ? RN_LIT("{}") : RN_LIT(""); /* no piece of input ever comes */
}

static void add_delta(struct rn_reader *reader, const struct rn_json *data)
{
    static const struct {
        const char *pointer;
        enum rn_said_kind kind;
    } deltas[] = {{"/delta/text", RN_SAID_TEXT},
                  {"/delta/toolUse/input", RN_SAID_TOOL_CALL},
                  {"/delta/reasoningContent/text", RN_SAID_THINKING}};
    for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
        const struct rn_json *value = rn_json_at(data, deltas[i].pointer);
        if (rn_reader_is_string(value)) {
            rn_reader_append(
                reader, rn_reader_answer_slot(reader, deltas[i].kind, index_of(data), 0), value);
        }
    }
}

/* An event is named by its frame; in what Bedrock's own models stream when invoked, by the member it stands in. */
void rn_converse_event(struct rn_reader *reader, struct rn_bytes name, const struct rn_json *data)
{
    if (rn_bytes_equal(name, RN_LIT("contentBlockStart"))) {
        open_block(reader, data);
    } else if (rn_bytes_equal(name, RN_LIT("contentBlockDelta"))) {
        add_delta(reader, data);
    } else if (rn_bytes_equal(name, RN_LIT("messageStop"))) {
        rn_reader_finish(reader, rn_json_member(data, "stopReason"));
    } else if (rn_bytes_equal(name, RN_LIT("metadata"))) {
        read_envelope(reader, data);
        reader->out->complete = true;
    } else if (rn_bytes_ends_with(name, RN_LIT("Exception"))) {
        rn_reader_error(reader, data);
    }
}

static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    if (data != NULL) {
        rn_converse_event(reader, reader->event, data);
    }
}

static const char *const content[] = {"promptVariables", "requestMetadata", NULL};
static const char *const volatile_pointers[] = {"/requestMetadata", NULL};
static const struct rn_dialect_facts facts = {1, volatile_pointers, rn_none, rn_none};

const struct rn_dialect_row rn_bedrock_converse = {
    .dialect = RN_DIALECT_BEDROCK_CONVERSE,
    .kind = RN_READING_MODEL,
    .name = "bedrock.converse",
    .fits = fits,
    .knows = knows,
    .bounds = {"/inferenceConfig/maxTokens"},
    .content = content,
    .request = read_request,
    .answer = rn_converse_answer,
    .framing = RN_STREAM_FRAMES,
    .event = read_event,
    .facts = &facts,
};
