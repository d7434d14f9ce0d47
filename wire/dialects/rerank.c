/*
 * Rerank: POST .../rerank with a query and documents, as Cohere, Jina, Voyage, Pinecone, vLLM, llama.cpp and text-embeddings-
 * inference speak it, and the /score of vLLM (wire.md 1.1 to 1.3).
 *
 * Answers say the places of documents, best first; what stood there is taken from the request. A document without an id of its
 * own has its place as id.
 */
#include "found.h"

/* A document of the request. */
struct given {
    struct rn_bytes id;
    struct rn_bytes text;
};

struct given_list {
    size_t count;
    struct given *all;
};

static const char *const query_names[] = {"query", "text_1", "queries", NULL};
static const char *const document_names[] = {"documents", "texts", "passages", "text_2", NULL};

/* Exactly one of these two pairs: other calls have a query, others have documents. */
static bool knows(const struct rn_json *body)
{
    const struct rn_json *documents = rn_found_member(body, document_names);
    return rn_found_member(body, query_names) != NULL && documents != NULL &&
           (documents->kind == RN_JSON_ARRAY_BEGIN || documents->kind == RN_JSON_STRING);
}

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_bytes_equal(input->method, RN_LIT("POST")) &&
           (rn_bytes_ends_with(path, RN_LIT("/rerank")) ||
            rn_bytes_ends_with(path, RN_LIT("/reranking")));
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static struct given given_of(struct rn_reader *reader, const struct rn_json *document)
{
    static const char *const ids[] = {"id", "_id", NULL};
    if (document->kind == RN_JSON_STRING) {
        return (struct given){.text = rn_reader_text(reader, document)};
    }
    return (struct given){.id = rn_reader_spoken(reader, rn_found_member(document, ids)),
                          .text = rn_found_text(reader, document)};
}

static void say_documents(struct rn_reader *reader, const struct rn_json *documents)
{
    struct rn_bytes role = rn_reader_copy(reader, RN_LIT("document"));
    const struct rn_json *each =
        documents->kind == RN_JSON_ARRAY_BEGIN ? documents->child : documents;
    size_t count = documents->kind == RN_JSON_ARRAY_BEGIN ? documents->count : 1;
    struct given_list *list = rn_arena_alloc(reader->arena, sizeof *list);
    struct given *all = rn_arena_alloc(reader->arena, (count + 1) * sizeof *all);
    if (list == NULL || all == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return;
    }
    for (size_t i = 0; i < count && each != NULL; i++, each = each->next) {
        all[i] = given_of(reader, each);
        struct rn_said *said = rn_reader_say(reader, RN_SAID_TEXT, role, all[i].text);
        if (said != NULL) {
            said->id = all[i].id;
        }
    }
    *list = (struct given_list){.count = count, .all = all};
    reader->held = list;
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    reader->out->operation = rn_reader_copy(reader, RN_LIT("rerank"));
    rn_found_query(reader, rn_found_member(body, query_names));
    say_documents(reader, rn_found_member(body, document_names));
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

static void read_usage(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const usages[] = {"/usage", "/meta/billed_units", "/meta/tokens"};
    static const char *const totals[] = {"/usage/total_tokens", "/usage/prompt_tokens",
                                         "/meta/tokens/input_tokens",
                                         "/meta/billed_units/input_tokens"};
    struct rn_reading *out = reader->out;
    for (size_t i = 0; out->usage.len == 0 && i < sizeof usages / sizeof usages[0]; i++) {
        out->usage = rn_reader_raw(reader, rn_json_at(body, usages[i]));
    }
    for (size_t i = 0; !out->has_usage && i < sizeof totals / sizeof totals[0]; i++) {
        out->has_usage = rn_reader_count(rn_json_at(body, totals[i]), &out->tokens_in);
    }
    if (out->has_usage) {
        out->tokens_total = out->tokens_in; /* a reranker writes nothing */
        out->counted |= RN_COUNTED_IN | RN_COUNTED_TOTAL;
    }
}

/* The answer's own copy where it has one, else what stood at that place in the request. */
static void join(struct rn_reader *reader, const struct rn_json *result,
                 struct rn_document *document)
{
    const struct given_list *list = reader->held;
    const struct rn_json *copy = rn_json_member(result, "document");
    const struct rn_json *index = rn_json_member(result, "index");
    uint64_t place = 0;
    if (list != NULL && rn_reader_count(index, &place) && place < list->count) {
        document->text = list->all[place].text;
        document->id = list->all[place].id;
    }
    if (document->id.len == 0) {
        document->id = rn_reader_spoken(reader, index);
    }
    if (copy != NULL && copy->kind != RN_JSON_NULL) {
        struct given given = given_of(reader, copy);
        document->text = given.text.len > 0 ? given.text : document->text;
        document->id = given.id.len > 0 ? given.id : document->id;
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const lists[] = {"results", "data", NULL};
    static const char *const scores[] = {"relevance_score", "score", NULL};
    const struct rn_json *list =
        body->kind == RN_JSON_ARRAY_BEGIN ? body : rn_found_member(body, lists);
    uint32_t rank = 0;
    reader->out->model_answered = rn_reader_text(reader, rn_json_member(body, "model"));
    reader->out->response_id = rn_reader_text(reader, rn_json_member(body, "id"));
    read_usage(reader, body);
    if (rn_json_member(body, "error") != NULL) {
        rn_reader_error(reader, body);
    }
    for (const struct rn_json *each = rn_reader_first(list); each != NULL; each = each->next) {
        struct rn_document *document = rn_found_add(
            reader, 0, ++rank, NULL, rn_found_member(each, scores), RN_SCORE_RELEVANCE);
        if (document != NULL) {
            join(reader, each, document);
        }
    }
}

static const char *const content[] = {"query", "queries",  "text_1", "documents",
                                      "texts", "passages", "text_2", NULL};

const struct rn_dialect_row rn_rerank = {
    .dialect = RN_DIALECT_RERANK,
    .kind = RN_READING_RERANK,
    .name = "rerank",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};

/* vLLM: pairs of texts, a score for each; another service's /score is another matter. */
const struct rn_dialect_row rn_rerank_score = {
    .dialect = RN_DIALECT_RERANK,
    .kind = RN_READING_RERANK,
    .name = "rerank",
    .path = "/score",
    .knows = knows,
    .by_body = true,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};
