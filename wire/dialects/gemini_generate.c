/*
 * Gemini, at Google and on Vertex: POST .../models/MODEL:generateContent and :streamGenerateContent (wire.md 1.1 to 1.4).
 *
 * The model stands in the path. A stream is server-sent events or, without alt=sse, one growing array, of whole answers to be
 * put one behind the other: parts are joined where two of the same kind meet. There is no last event; the stream is complete
 * when each candidate has said why it ended. `candidatesTokenCount` leaves out thoughts: tokens_out is the sum.
 */
#include "reading_parts.h"

/* A candidate's parts are numbered by their order of coming. */
#define CANDIDATE_SHIFT 32u
#define CANDIDATES_MAX 32u

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_reader_posts_to(input, path, ":generateContent") ||
           rn_reader_posts_to(input, path, ":streamGenerateContent");
}

static bool knows(const struct rn_json *body)
{
    const struct rn_json *contents = rn_json_member(body, "contents");
    return contents != NULL &&
           (contents->kind == RN_JSON_ARRAY_BEGIN || contents->kind == RN_JSON_OBJECT_BEGIN);
}

/* --- parts --------------------------------------------------------------------------------------------------------- */

/* Google's libraries write names in either way. */
static const struct rn_json *either(const struct rn_json *object, const char *camel,
                                    const char *snake)
{
    const struct rn_json *found = rn_json_member(object, camel);
    return found != NULL ? found : rn_json_member(object, snake);
}

static bool is_true(const struct rn_json *value)
{
    return value != NULL && value->kind == RN_JSON_TRUE;
}

/* What a part is: `value` is what there is to say of it. */
static enum rn_said_kind kind_of(const struct rn_json *part, const struct rn_json **value)
{
    *value = rn_json_member(part, "text");
    if (rn_reader_is_string(*value)) {
        return is_true(rn_json_member(part, "thought")) ? RN_SAID_THINKING : RN_SAID_TEXT;
    }
    *value = either(part, "functionCall", "function_call");
    if (*value != NULL) {
        return RN_SAID_TOOL_CALL;
    }
    *value = either(part, "functionResponse", "function_response");
    if (*value != NULL) {
        return RN_SAID_TOOL_RESULT;
    }
    *value = part == NULL ? NULL : part->child;
    return RN_SAID_OTHER;
}

/* Arguments that come bit by bit are given as they came: a list of paths and values. */
static const struct rn_json *arguments_of(const struct rn_json *call)
{
    const struct rn_json *args = rn_json_member(call, "args");
    return args != NULL ? args : either(call, "partialArgs", "partial_args");
}

static void say_part(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *part)
{
    const struct rn_json *value = NULL;
    enum rn_said_kind kind = kind_of(part, &value);
    if (kind == RN_SAID_TEXT || kind == RN_SAID_THINKING) {
        rn_reader_say_string(reader, kind, role, value);
        return;
    }
    if (kind == RN_SAID_TOOL_CALL) {
        rn_reader_say_call(reader, role, rn_reader_raw(reader, arguments_of(value)),
                           rn_json_member(value, "name"), rn_json_member(value, "id"));
        return;
    }
    bool result = kind == RN_SAID_TOOL_RESULT;
    struct rn_bytes text = rn_reader_raw(reader, result ? rn_json_member(value, "response") : NULL);
    struct rn_said *said = rn_reader_say(reader, kind, role, text);
    if (said != NULL && result) {
        said->name = rn_reader_text(reader, rn_json_member(value, "name"));
        said->id = rn_reader_text(reader, rn_json_member(value, "id"));
    } else if (said != NULL && value != NULL) {
        said->name = rn_reader_copy(reader, value->name); /* inlineData, executableCode, ... */
    }
}

static void say_parts(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *content)
{
    const struct rn_json *parts = rn_json_member(content, "parts");
    rn_reader_say_string(reader, RN_SAID_TEXT, role, content);
    if (parts != NULL && parts->kind == RN_JSON_OBJECT_BEGIN) {
        say_part(reader, role, parts);
    }
    for (const struct rn_json *part = rn_reader_first(parts); part != NULL; part = part->next) {
        say_part(reader, role, part);
    }
}

static void say_content(struct rn_reader *reader, const char *usual, const struct rn_json *content)
{
    struct rn_bytes role = rn_reader_text(reader, rn_json_member(content, "role"));
    say_parts(reader, role.len > 0 ? role : rn_bytes_text(usual), content);
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *contents = rn_json_member(body, "contents");
    const struct rn_json *config = either(body, "generationConfig", "generation_config");
    const struct rn_json *format = either(config, "responseMimeType", "response_mime_type");
    const struct rn_json *bound = either(config, "maxOutputTokens", "max_output_tokens");
    reader->out->wants_json = rn_json_is(format, "application/json");
    (void)rn_reader_count(bound, &reader->out->max_tokens);
    say_parts(reader, RN_LIT("system"), either(body, "systemInstruction", "system_instruction"));
    if (contents->kind == RN_JSON_OBJECT_BEGIN) {
        say_content(reader, "user", contents);
    }
    for (const struct rn_json *content = rn_reader_first(contents); content != NULL;
         content = content->next) {
        say_content(reader, "user", content);
    }
}

/* --- what whole answers and pieces of a stream have in common ------------------------------------------------------ */

/* What tools put into the prompt is asked too; what is thought is answered too. A count of zero is not written. */
static void read_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    static const struct {
        enum rn_counted which;
        const char *const pointers[2];
    } counters[] = {
        {RN_COUNTED_IN, {"/promptTokenCount", NULL}},
        {RN_COUNTED_OUT, {"/candidatesTokenCount", NULL}},
        {RN_COUNTED_TOTAL, {"/totalTokenCount", NULL}},
        {RN_COUNTED_CACHED, {"/cachedContentTokenCount", NULL}},
        {RN_COUNTED_REASONING, {"/thoughtsTokenCount", NULL}},
    };
    const struct rn_reading *out = reader->out;
    uint64_t tools = 0;
    bool counts = rn_json_member(usage, "promptTokenCount") != NULL ||
                  rn_json_member(usage, "totalTokenCount") != NULL;
    if (!counts || !rn_reader_usage(reader, usage)) {
        return;
    }
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        (void)rn_reader_counter(reader, counters[i].which, usage, counters[i].pointers);
    }
    if (rn_reader_count(rn_json_member(usage, "toolUsePromptTokenCount"), &tools)) {
        rn_reader_set_counter(reader, RN_COUNTED_IN, rn_reader_sum(out->tokens_in, tools));
    }
    if (out->tokens_reasoning > 0) {
        rn_reader_set_counter(reader, RN_COUNTED_OUT,
                              rn_reader_sum(out->tokens_out, out->tokens_reasoning));
    }
}

/* A prompt that was blocked has no candidates, and says why. */
static void read_feedback(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *reason = rn_json_at(body, "/promptFeedback/blockReason");
    rn_reader_finish(reader, reason);
    if (rn_reader_is_string(reason)) {
        const struct rn_json *message = rn_json_at(body, "/promptFeedback/blockReasonMessage");
        rn_reader_append(reader, rn_reader_answer_slot(reader, RN_SAID_REFUSAL, UINT64_MAX, 0),
                         message);
        reader->out->complete = reader->out->streamed;
    }
}

static void read_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    struct rn_bytes model = rn_reader_text(reader, rn_json_member(body, "modelVersion"));
    if (model.len > 0) {
        reader->out->model_answered = model;
    }
    rn_reader_id(reader, rn_json_member(body, "responseId"));
    read_usage(reader, rn_json_member(body, "usageMetadata"));
    read_feedback(reader, body);
}

/* The last of a candidate's parts, NULL when it has none yet. */
static struct rn_slot *last_part(struct rn_reader *reader, uint64_t candidate)
{
    struct rn_slot *last = NULL;
    for (struct rn_slot *slot = reader->slots; slot != NULL; slot = slot->next) {
        last = slot->group >> CANDIDATE_SHIFT == candidate ? slot : last;
    }
    return last;
}

/* Text goes to the part before it when that is of the same kind; all else is a part of its own. */
static struct rn_slot *slot_of(struct rn_reader *reader, uint64_t candidate, enum rn_said_kind kind)
{
    struct rn_slot *last = last_part(reader, candidate);
    uint64_t group = last == NULL ? candidate << CANDIDATE_SHIFT : last->group + 1;
    bool joins =
        last != NULL && last->kind == kind && (kind == RN_SAID_TEXT || kind == RN_SAID_THINKING);
    return joins ? last : rn_reader_slot(reader, kind, group, 0);
}

/* A call that goes on has arguments in bits and no name of its own. */
static bool goes_on(const struct rn_slot *last, const struct rn_json *call)
{
    return last != NULL && last->kind == RN_SAID_TOOL_CALL && rn_json_member(call, "name") == NULL;
}

static void add_call(struct rn_reader *reader, uint64_t candidate, struct rn_bytes role,
                     const struct rn_json *call)
{
    struct rn_slot *last = last_part(reader, candidate);
    struct rn_slot *slot =
        goes_on(last, call) ? last : slot_of(reader, candidate, RN_SAID_TOOL_CALL);
    if (slot == NULL) {
        return;
    }
    rn_reader_append(reader, slot, arguments_of(call));
    if (slot != last) {
        slot->role = role;
        slot->name = rn_reader_text(reader, rn_json_member(call, "name"));
        slot->id = rn_reader_text(reader, rn_json_member(call, "id"));
    }
}

static void add_part(struct rn_reader *reader, uint64_t candidate, struct rn_bytes role,
                     const struct rn_json *part)
{
    const struct rn_json *value = NULL;
    enum rn_said_kind kind = kind_of(part, &value);
    if (kind == RN_SAID_TOOL_CALL) {
        add_call(reader, candidate, role, value);
        return;
    }
    bool text = kind == RN_SAID_TEXT || kind == RN_SAID_THINKING;
    if (value == NULL || (text && value->raw.len == 2)) {
        return; /* the last piece of a stream has an empty text */
    }
    struct rn_slot *slot = slot_of(reader, candidate, kind);
    if (slot == NULL) {
        return;
    }
    slot->role = role;
    if (text) {
        rn_reader_append(reader, slot, value);
    } else {
        slot->name = rn_reader_copy(reader, value->name);
    }
}

/* The first candidate's reason, and the sentence that Google adds to it where the answer was held back or is broken. */
static void read_finish(struct rn_reader *reader, uint64_t index, const struct rn_json *candidate)
{
    const struct rn_json *finish = rn_json_member(candidate, "finishReason");
    if (!rn_reader_is_string(finish)) {
        return;
    }
    reader->counts[0] |= UINT64_C(1) << index;
    const struct rn_json *message = rn_json_member(candidate, "finishMessage");
    rn_reader_finish(reader, index == 0 ? finish : NULL);
    if (index > 0 || !rn_reader_is_string(message)) {
        return;
    }
    enum rn_finish meaning = rn_finish_meaning(reader->out->finish);
    if (meaning == RN_FINISH_FILTERED) {
        rn_reader_append(reader, rn_reader_answer_slot(reader, RN_SAID_REFUSAL, UINT64_MAX, 0),
                         message);
    } else if (meaning == RN_FINISH_ERROR || meaning == RN_FINISH_OTHER) {
        reader->out->error = rn_reader_text(reader, message);
    }
}

static void read_candidate(struct rn_reader *reader, const struct rn_json *candidate,
                           uint64_t index)
{
    const struct rn_json *content = rn_json_member(candidate, "content");
    const struct rn_json *parts = rn_json_member(content, "parts");
    struct rn_bytes role = rn_reader_text(reader, rn_json_member(content, "role"));
    (void)rn_reader_count(rn_json_member(candidate, "index"), &index);
    if (index >= CANDIDATES_MAX) {
        rn_reader_doubt(reader, candidate, "a candidate beyond the 32nd");
        return;
    }
    reader->counts[1] |= UINT64_C(1) << index;
    for (const struct rn_json *part = rn_reader_first(parts); part != NULL; part = part->next) {
        add_part(reader, index, role.len > 0 ? role : RN_LIT("model"), part);
    }
    read_finish(reader, index, candidate);
}

/* counts[1] has a bit per candidate that was seen, counts[0] one per candidate that ended. */
static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    uint64_t index = 0;
    if (data == NULL) {
        return;
    }
    read_envelope(reader, data);
    for (const struct rn_json *candidate = rn_reader_first(rn_json_member(data, "candidates"));
         candidate != NULL; candidate = candidate->next) {
        read_candidate(reader, candidate, index++);
    }
    reader->out->complete = reader->out->streamed &&
                            (reader->out->complete ||
                             (reader->counts[1] != 0 && reader->counts[0] == reader->counts[1]));
}

static const char *const content[] = {"contents", "systemInstruction", "system_instruction",
                                      "labels", NULL};
static const char *const volatile_pointers[] = {"/labels", NULL};
static const char *const significant_headers[] = {"api-revision", NULL};
static const struct rn_dialect_facts facts = {1, volatile_pointers, significant_headers, rn_none};

const struct rn_dialect_row rn_gemini_generate = {
    .dialect = RN_DIALECT_GEMINI_GENERATE,
    .kind = RN_READING_MODEL,
    .name = "gemini.generate",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_event, /* a whole answer is a stream of one piece */
    .framing = RN_STREAM_ARRAY,
    .event = read_event,
    .facts = &facts,
};
