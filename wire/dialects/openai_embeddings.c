/*
 * Embeddings as OpenAI, Voyage, Jina and many servers speak them: POST .../embeddings, texts in, a vector for each out
 * (wire.md 1.2, 1.3).
 *
 * Vectors are numbers by the hundred thousand, so answers are read by the tokenizer: a tree would weigh many times what
 * they do. A vector is given as its JSON text, an array of numbers or a base64 string, and looked into by nobody here.
 */
#include "reading_parts.h"

#include "json_parts.h"
#include "splice.h"

static bool knows(const struct rn_json *body)
{
    const struct rn_json *input = rn_json_member(body, "input");
    return input != NULL && (input->kind == RN_JSON_STRING || input->kind == RN_JSON_ARRAY_BEGIN);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static void say_tokens(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *tokens)
{
    struct rn_said *said =
        rn_reader_say(reader, RN_SAID_OTHER, role, rn_reader_raw(reader, tokens));
    if (said != NULL) {
        said->name = rn_reader_copy(reader, RN_LIT("tokens"));
    }
}

/* A text, an array of texts, an array of tokens or an array of such; from some servers objects with a text. */
static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *input = rn_json_member(body, "input");
    const struct rn_json *each = rn_reader_first(input);
    struct rn_bytes role = rn_reader_copy(reader, RN_LIT("input"));
    rn_reader_say_string(reader, RN_SAID_TEXT, role, input);
    if (each != NULL && each->kind == RN_JSON_NUMBER) {
        say_tokens(reader, role, input);
        return;
    }
    for (; each != NULL; each = each->next) {
        if (each->kind == RN_JSON_STRING) {
            rn_reader_say_string(reader, RN_SAID_TEXT, role, each);
        } else if (each->kind == RN_JSON_ARRAY_BEGIN) {
            say_tokens(reader, role, each);
        } else if (rn_json_member(each, "text") != NULL) {
            rn_reader_say_string(reader, RN_SAID_TEXT, role, rn_json_member(each, "text"));
        } else {
            rn_reader_say_other(reader, role, each);
        }
    }
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

static bool is_key(struct rn_bytes key, struct rn_bytes literal)
{
    return rn_json_same_text(key, literal);
}

static void say_vector(struct rn_reader *reader, struct rn_bytes text)
{
    struct rn_said *said =
        rn_reader_say(reader, RN_SAID_OTHER, rn_bytes_of(NULL, 0), rn_reader_copy(reader, text));
    if (said != NULL) {
        said->name = rn_reader_copy(reader, RN_LIT("embedding"));
    }
}

/* {"index": 0, "embedding": ...}, opened. */
static bool read_row(struct rn_reader *reader, struct rn_json_reader *json)
{
    struct rn_bytes key;
    enum rn_json_token token;
    while ((token = rn_json_next(json, &key)) == RN_JSON_KEY) {
        token = rn_json_next(json, NULL);
        size_t begin = json->begin;
        if (!rn_json_skip(json, token)) {
            return false;
        }
        if (is_key(key, RN_LIT("\"embedding\""))) {
            say_vector(reader, rn_bytes_sub(json->in, begin, json->at - begin));
        }
    }
    return token == RN_JSON_OBJECT_END;
}

/* The value of "data", when it is an array. */
static bool read_rows(struct rn_reader *reader, struct rn_json_reader *json,
                      enum rn_json_token token)
{
    if (token != RN_JSON_ARRAY_BEGIN) {
        return rn_json_skip(json, token);
    }
    while ((token = rn_json_next(json, NULL)) != RN_JSON_ARRAY_END) {
        bool row = token == RN_JSON_OBJECT_BEGIN;
        if (!(row ? read_row(reader, json) : rn_json_skip(json, token))) {
            return false;
        }
    }
    return true;
}

/* The vectors, in order. Faults are told by read_rest. */
static void read_vectors(struct rn_reader *reader, struct rn_bytes body)
{
    struct rn_json_reader json;
    struct rn_bytes key;
    rn_json_begin(&json, body);
    bool good = rn_json_next(&json, NULL) == RN_JSON_OBJECT_BEGIN;
    while (good && rn_json_next(&json, &key) == RN_JSON_KEY) {
        enum rn_json_token token = rn_json_next(&json, NULL);
        good = is_key(key, RN_LIT("\"data\"")) ? read_rows(reader, &json, token)
                                               : rn_json_skip(&json, token);
    }
}

static void read_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *usage = rn_json_member(body, "usage");
    const struct rn_json *error = rn_json_member(body, "error");
    struct rn_reading *out = reader->out;
    out->model_answered = rn_reader_text(reader, rn_json_member(body, "model"));
    /* Voyage counts the total only, which is the same: nothing is written. */
    out->has_usage = rn_reader_count(rn_json_member(usage, "prompt_tokens"), &out->tokens_in) ||
                     rn_reader_count(rn_json_member(usage, "total_tokens"), &out->tokens_in);
    if (error != NULL && error->kind != RN_JSON_NULL) {
        rn_reader_error(reader, body);
    }
}

/* All but the vectors, of which the text is freed first. */
static enum rn_status read_rest(struct rn_reader *reader, struct rn_bytes text,
                                struct rn_error *error)
{
    const struct rn_edit no_data = {
        .kind = RN_EDIT_SET, .place = RN_LIT("data"), .value = RN_LIT("null")};
    struct rn_arena arena = {0};
    struct rn_buffer rest = {0};
    struct rn_json *body = NULL;
    enum rn_status status = rn_splice(text, &no_data, 1, &rest, NULL, error);
    if (status == RN_OK) {
        status = rn_json_parse(&arena, rn_buffer_bytes(&rest), &body, NULL, error);
    }
    if (status == RN_OK) {
        read_envelope(reader, body);
    }
    rn_buffer_free(&rest);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status read_answer(struct rn_reader *reader, struct rn_bytes body,
                                  struct rn_error *error)
{
    enum rn_status status = read_rest(reader, body, error);
    if (status == RN_OK) {
        read_vectors(reader, body);
    }
    return status;
}

const struct rn_dialect_row rn_openai_embeddings = {
    .dialect = RN_DIALECT_OPENAI_EMBEDDINGS,
    .kind = RN_READING_EMBEDDING,
    .name = "openai.embeddings",
    .path = "/embeddings",
    .knows = knows,
    .request = read_request,
    .answer_text = read_answer,
};
