/*
 * Bedrock's envelope: POST .../model/ID/invoke and /invoke-with-response-stream (wire.md 1.1, 1.4). What is inside is of the
 * model's own shape and has no name, so it is known by its members: Anthropic's messages, chats as OpenAI writes them, Cohere's,
 * Converse's from Amazon's own, and the older texts of Titan, Llama, Mistral, AI21 and Cohere.
 *
 * The model stands in the path. A stream is of frames that hold base64 of JSON; the last holds Bedrock's own counts, which a
 * whole answer has in its head. They count only where the inside brings none.
 */
#include "reading_parts.h"

#include "json_parts.h"
#include "redact_parts.h"

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_bytes_find(path, RN_LIT("/model/")) != RN_NPOS &&
           (rn_reader_posts_to(input, path, "/invoke") ||
            rn_reader_posts_to(input, path, "/invoke-with-response-stream"));
}

static bool knows(const struct rn_json *body)
{
    return body != NULL && body->kind == RN_JSON_OBJECT_BEGIN;
}

static bool has(const struct rn_json *body, const char *member)
{
    return rn_json_member(body, member) != NULL;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* Messages of Converse have blocks without a type. */
static bool is_converse(const struct rn_json *body)
{
    const struct rn_json *block = rn_json_at(body, "/messages/0/content/0");
    return has(body, "inferenceConfig") ||
           (block != NULL && block->kind == RN_JSON_OBJECT_BEGIN && !has(block, "type"));
}

static const struct rn_dialect_row *inside_of(const struct rn_json *body)
{
    if (rn_reader_has_messages(body)) {
        bool anthropic = has(body, "anthropic_version") || has(body, "anthropic_beta");
        return anthropic           ? &rn_anthropic_messages
               : is_converse(body) ? &rn_bedrock_converse
                                   : &rn_openai_chat;
    }
    if (rn_rerank.knows(body)) {
        return &rn_rerank;
    }
    return has(body, "message") ? &rn_cohere_chat : has(body, "texts") ? &rn_cohere_embed : NULL;
}

static bool embeds(const struct rn_reader *reader, const struct rn_json *body)
{
    return rn_bytes_find(reader->out->model_asked, RN_LIT("embed")) != RN_NPOS ||
           has(body, "texts") || has(body, "singleEmbeddingParams");
}

/* The bound and the prompt of the older texts, by model. */
static void read_plain(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const texts[] = {"/prompt", "/inputText",
                                        "/singleEmbeddingParams/text/value"};
    static const char *const bounds[] = {"/max_tokens_to_sample", "/max_tokens", "/maxTokens",
                                         "/max_gen_len", "/textGenerationConfig/maxTokenCount"};
    struct rn_bytes role =
        reader->out->kind == RN_READING_EMBEDDING ? RN_LIT("input") : RN_LIT("user");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rn_reader_say_string(reader, RN_SAID_TEXT, role, rn_json_at(body, texts[i]));
    }
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        (void)rn_reader_count(rn_json_at(body, bounds[i]), &reader->out->max_tokens);
    }
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_dialect_row *inside = inside_of(body);
    if (embeds(reader, body)) {
        reader->out->kind = RN_READING_EMBEDDING;
    }
    reader->out->kind = inside == &rn_rerank ? RN_READING_RERANK : reader->out->kind;
    if (inside == NULL) {
        read_plain(reader, body);
        return;
    }
    rn_reader_bound(reader, inside, body);
    inside->request(reader, body);
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* Bedrock's own counts of a whole answer stand in its head. */
static void count_by_head(struct rn_reader *reader)
{
    static const struct {
        enum rn_counted which;
        const char *name;
    } fields[] = {{RN_COUNTED_IN, "x-amzn-bedrock-input-token-count"},
                  {RN_COUNTED_OUT, "x-amzn-bedrock-output-token-count"},
                  {RN_COUNTED_CACHED, "x-amzn-bedrock-cache-read-input-token-count"},
                  {RN_COUNTED_CACHE_WRITE, "x-amzn-bedrock-cache-write-input-token-count"}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        uint64_t count = 0;
        struct rn_bytes text = rn_reader_field(reader->input->response_head, fields[i].name);
        if (rn_bytes_to_u64(text, &count)) {
            rn_reader_set_counter(reader, fields[i].which, count);
        }
    }
}

/* In the body: what the older texts count of themselves. */
static void count_plain(struct rn_reader *reader, const struct rn_json *body)
{
    static const struct {
        enum rn_counted which;
        const char *const pointers[4];
    } counters[] = {
        {RN_COUNTED_IN, {"/inputTextTokenCount", "/prompt_token_count", "/inputTokenCount", NULL}},
        {RN_COUNTED_OUT,
         {"/totalOutputTextTokenCount", "/generation_token_count", "/results/0/tokenCount", NULL}},
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        (void)rn_reader_counter(reader, counters[i].which, body, counters[i].pointers);
    }
}

/* The last event of every stream. */
static void count_by_metrics(struct rn_reader *reader, const struct rn_json *metrics)
{
    static const struct {
        enum rn_counted which;
        const char *const pointers[2];
    } counters[] = {{RN_COUNTED_IN, {"/inputTokenCount", NULL}},
                    {RN_COUNTED_OUT, {"/outputTokenCount", NULL}},
                    {RN_COUNTED_CACHED, {"/cacheReadInputTokenCount", NULL}},
                    {RN_COUNTED_CACHE_WRITE, {"/cacheWriteInputTokenCount", NULL}}};
    if ((reader->out->counted & RN_COUNTED_IN) != 0 || !rn_reader_usage(reader, metrics)) {
        return;
    }
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        (void)rn_reader_counter(reader, counters[i].which, metrics, counters[i].pointers);
    }
}

/* Where the older texts have what they say, why they ended, and what it is called. */
static const struct plain {
    const char *text;
    const char *finish;
} plain[] = {
    {"/results/0/outputText", "/results/0/completionReason"},           /* Titan */
    {"/outputText", "/completionReason"},                               /* Titan, streamed */
    {"/generation", "/stop_reason"},                                    /* Llama */
    {"/outputs/0/text", "/outputs/0/stop_reason"},                      /* Mistral */
    {"/completion", "/stop_reason"},                                    /* Claude of old */
    {"/completions/0/data/text", "/completions/0/finishReason/reason"}, /* AI21 */
    {"/generations/0/text", "/generations/0/finish_reason"},            /* Cohere */
};

static const struct plain *plain_of(const struct rn_json *body)
{
    size_t i = 0;
    while (i < sizeof plain / sizeof plain[0] &&
           !rn_reader_is_string(rn_json_at(body, plain[i].text))) {
        i++;
    }
    return i < sizeof plain / sizeof plain[0] ? &plain[i] : NULL;
}

static void read_plain_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct plain *found = plain_of(body);
    rn_reader_id(reader, rn_json_member(body, "id"));
    count_plain(reader, body);
    if (found != NULL) {
        rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("assistant"),
                             rn_json_at(body, found->text));
        rn_reader_finish(reader, rn_json_at(body, found->finish));
    }
}

static void read_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_dialect_row *inside =
        reader->out->kind == RN_READING_RERANK        ? &rn_rerank
        : rn_reader_is_type(body, "message")          ? &rn_anthropic_messages
        : has(body, "choices")                        ? &rn_openai_chat
        : rn_json_at(body, "/output/message") != NULL ? &rn_bedrock_converse
        : has(body, "text")                           ? &rn_cohere_chat
                                                      : NULL;
    if (inside != NULL) {
        inside->answer(reader, body);
    } else {
        read_plain_answer(reader, body);
    }
    if ((reader->out->counted & RN_COUNTED_IN) == 0) {
        count_by_head(reader);
    }
}

/* Titan says a vector twice where it may say it in other numbers; what holds no vector costs one walk more. */
static enum rn_status read_answer(struct rn_reader *reader, struct rn_bytes body,
                                  struct rn_error *error)
{
    static const char *const all[] = {"embedding", "embeddings", "float",   "int8",
                                      "uint8",     "binary",     "ubinary", NULL};
    static const char *const one[] = {"embedding", NULL};
    bool vectors = rn_bytes_find(body, RN_LIT("\"embedding")) != RN_NPOS;
    bool single = rn_bytes_find(body, RN_LIT("\"embedding\"")) != RN_NPOS;
    const char *const *names = !vectors ? rn_none : single ? one : all;
    enum rn_status status = rn_reader_vectors(reader, body, names, read_envelope, error);
    const struct rn_said *said = reader->out->response;
    if (said != NULL && rn_bytes_equal(said->name, RN_LIT("embedding"))) {
        reader->out->kind = RN_READING_EMBEDDING; /* a profile's name does not tell */
    }
    return status;
}

/* --- streams ------------------------------------------------------------------------------------------------------- */

static void read_plain_event(struct rn_reader *reader, const struct rn_json *data)
{
    const struct plain *found = plain_of(data);
    count_plain(reader, data);
    if (found != NULL) {
        rn_reader_append(reader, rn_reader_answer_slot(reader, RN_SAID_TEXT, 0, 0),
                         rn_json_at(data, found->text));
        rn_reader_finish(reader, rn_json_at(data, found->finish));
    }
}

static void read_inside(struct rn_reader *reader, const struct rn_json *data)
{
    const struct rn_json *metrics = rn_json_member(data, "amazon-bedrock-invocationMetrics");
    const struct rn_json *first = data->kind == RN_JSON_OBJECT_BEGIN ? data->child : NULL;
    rn_reader_error_inside(reader, data);
    if (has(data, "type") && !has(data, "completion")) {
        rn_anthropic_messages.event(reader, data);
    } else if (has(data, "choices")) {
        rn_openai_chat.event(reader, data);
    } else if (has(data, "event_type") || has(data, "is_finished")) {
        rn_cohere_chat.event(reader, data);
    } else if (plain_of(data) != NULL) {
        read_plain_event(reader, data);
    } else if (first != NULL) {
        rn_converse_event(reader, first->name, first);
    }
    if (metrics != NULL) {
        count_by_metrics(reader, metrics);
        reader->out->complete = true;
    }
}

/* Base64 of the event, of which no byte is escaped. RN_NOMEM; RN_INVALID when it is no base64. */
static enum rn_status decode(const struct rn_json *bytes, struct rn_buffer *out)
{
    struct rn_bytes code = rn_json_inner(bytes->raw);
    enum rn_status status = rn_buffer_reserve(out, code.len + 1);
    return status == RN_OK && !rn_base64_decode(code, out) ? RN_INVALID : status;
}

/* {"bytes": "...", "p": "..."} */
static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    struct rn_arena arena = {0};
    struct rn_buffer text = {0};
    struct rn_json *inside = NULL;
    const struct rn_json *bytes = rn_json_member(data, "bytes");
    if (!rn_reader_is_string(bytes)) {
        return;
    }
    enum rn_status status = decode(bytes, &text);
    if (status == RN_OK) {
        status = rn_json_parse(&arena, rn_buffer_bytes(&text), &inside, NULL, NULL);
    }
    if (inside != NULL) {
        reader->text = rn_buffer_bytes(&text);
        read_inside(reader, inside);
    }
    rn_reader_fail(reader, status);
    rn_buffer_free(&text);
    rn_arena_free(&arena);
}

static const char *const content[] = {
    "message",    "chat_history",          "preamble", "texts", "images", "inputText",
    "inputImage", "singleEmbeddingParams", NULL};
static const char *const volatile_pointers[] = {"/metadata", NULL};
static const char *const significant_headers[] = {"accept",
                                                  "x-amzn-bedrock-guardrailidentifier",
                                                  "x-amzn-bedrock-guardrailversion",
                                                  "x-amzn-bedrock-trace",
                                                  "x-amzn-bedrock-performanceconfig-latency",
                                                  NULL};
static const struct rn_dialect_facts facts = {1, volatile_pointers, significant_headers, rn_none};

const struct rn_dialect_row rn_bedrock_invoke = {
    .dialect = RN_DIALECT_BEDROCK_INVOKE,
    .kind = RN_READING_MODEL,
    .name = "bedrock.invoke",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer_text = read_answer,
    .framing = RN_STREAM_FRAMES,
    .event = read_event,
    .facts = &facts,
};
