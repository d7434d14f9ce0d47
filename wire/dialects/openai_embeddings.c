/*
 * Embeddings as OpenAI, Voyage, Jina and many servers speak them: POST .../embeddings, texts in, a vector for each out
 * (wire.md 1.2, 1.3).
 *
 * Vectors are numbers by the hundred thousand, so answers are read by the tokenizer (vectors.c). A vector is given as its JSON text, an array of numbers or a base64 string, and looked into by nobody here.
 */
#include "reading_parts.h"

static bool knows(const struct rn_json *body)
{
    const struct rn_json *input = rn_json_member(body, "input");
    return input != NULL && (input->kind == RN_JSON_STRING || input->kind == RN_JSON_ARRAY_BEGIN);
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    rn_reader_say_inputs(reader, RN_LIT("input"), rn_json_member(body, "input"));
}

/* Voyage counts the total only, which is the same: nothing is written. */
static void read_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const in[] = {"/prompt_tokens", "/total_tokens", NULL};
    static const char *const total[] = {"/total_tokens", NULL};
    const struct rn_json *usage = rn_json_member(body, "usage");
    reader->out->model_answered = rn_reader_text(reader, rn_json_member(body, "model"));
    rn_reader_id(reader, rn_json_member(body, "id"));
    if (rn_reader_usage(reader, usage)) {
        (void)rn_reader_counter(reader, RN_COUNTED_IN, usage, in);
        (void)rn_reader_counter(reader, RN_COUNTED_TOTAL, usage, total);
    }
}

static enum rn_status read_answer(struct rn_reader *reader, struct rn_bytes body,
                                  struct rn_error *error)
{
    static const char *const names[] = {"embedding", NULL};
    return rn_reader_vectors(reader, body, names, read_envelope, error);
}

static const struct rn_dialect_facts facts = {1, rn_openai_volatile, rn_openai_headers, rn_none};

const struct rn_dialect_row rn_openai_embeddings = {
    .dialect = RN_DIALECT_OPENAI_EMBEDDINGS,
    .kind = RN_READING_EMBEDDING,
    .name = "openai.embeddings",
    .path = "/embeddings",
    .knows = knows,
    .request = read_request,
    .answer_text = read_answer,
    .facts = &facts,
};
