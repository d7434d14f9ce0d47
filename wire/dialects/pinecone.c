/*
 * Pinecone: POST /query with vectors and /records/namespaces/{ns}/search with texts; the index is in the host (wire.md 2.2).
 *
 * /query is a path of many: without the header X-Pinecone-Api-Version it takes a `topK` in the body. Whether less is better
 * depends on the index, which no answer says: it is told from the order (rn_found_judge), but a reranked search has relevances.
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"POST", "/records/namespaces/{}/search", RN_READING_RETRIEVAL, "search"},
    {"POST", "/query", RN_READING_RETRIEVAL, "query"},
    {"GET", "/vectors/fetch", RN_READING_RETRIEVAL, "fetch"},
    {"POST", "/records/namespaces/{}/upsert", RN_READING_OTHER, "upsert"},
    {"POST", "/vectors/upsert", RN_READING_OTHER, "upsert"},
    {"POST", "/vectors/update", RN_READING_OTHER, "update"},
    {"POST", "/vectors/delete", RN_READING_OTHER, "delete"},
    {"GET", "/vectors/list", RN_READING_OTHER, "list"},
    {"POST", "/describe_index_stats", RN_READING_OTHER, "describe_index_stats"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

static bool is_call(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    bool named = input->request_head != NULL &&
                 rn_http_find(input->request_head, RN_LIT("x-pinecone-api-version")) != NULL;
    return (named || rn_found_is_at(input, "pinecone")) && is_call(input, path);
}

/* Lines of records go to an index without being one JSON value. */
static bool fits_lines(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_bytes_equal(input->method, RN_LIT("POST")) &&
           rn_found_fits(path, "/records/namespaces/*/upsert", NULL);
}

static bool knows(const struct rn_json *body)
{
    return body == NULL || body->kind == RN_JSON_OBJECT_BEGIN;
}

static bool is_object(const struct rn_json *value)
{
    return value != NULL && value->kind == RN_JSON_OBJECT_BEGIN;
}

static bool knows_body(const struct rn_json *body)
{
    const struct rn_json *top = rn_json_member(body, "topK");
    const struct rn_json *query = rn_json_member(body, "query");
    const struct rn_json *vector = rn_reader_first(rn_json_member(body, "vectors"));
    return (top != NULL && top->kind == RN_JSON_NUMBER) ||
           (is_object(query) && rn_json_member(query, "top_k") != NULL) ||
           (rn_json_member(vector, "id") != NULL && rn_json_member(vector, "values") != NULL);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *inputs = rn_json_at(body, "/query/inputs");
    (void)rn_found_tell(reader, calls);
    if (reader->out->target.len == 0) {
        reader->out->target = body != NULL
                                  ? rn_reader_text(reader, rn_json_member(body, "namespace"))
                                  : rn_found_parameter(reader, "namespace");
    }
    rn_found_query(reader, rn_json_member(inputs, "text"));
}

static void read_lines(struct rn_reader *reader, struct rn_bytes body)
{
    (void)body;
    (void)rn_found_tell(reader, calls);
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* {"id", "score", "metadata"} and {"_id", "_score", "fields"}. */
static void add_match(struct rn_reader *reader, uint32_t query, uint32_t rank,
                      const struct rn_json *match)
{
    static const char *const ids[] = {"id", "_id", NULL};
    static const char *const scores[] = {"score", "_score", NULL};
    static const char *const members[] = {"metadata", "fields", NULL};
    const struct rn_json *about = rn_found_member(match, members);
    struct rn_document *document =
        rn_found_add(reader, query, rank, rn_found_member(match, ids),
                     rn_found_member(match, scores), RN_SCORE_SIMILARITY);
    if (document != NULL) {
        document->title = rn_found_title(reader, about);
        document->text = rn_found_text(reader, about);
    }
}

static void add_matches(struct rn_reader *reader, uint32_t query, const struct rn_json *matches)
{
    struct rn_document **first = reader->documents;
    uint32_t rank = 0;
    for (const struct rn_json *match = rn_reader_first(matches); match != NULL;
         match = match->next) {
        add_match(reader, query, ++rank, match);
    }
    if (reader->status == RN_OK) {
        rn_found_judge(*first);
    }
}

/* What was fetched by id is an object of its own under each. */
static void add_fetched(struct rn_reader *reader, const struct rn_json *vectors)
{
    const struct rn_json *each =
        is_object(vectors) && reader->out->kind == RN_READING_RETRIEVAL ? vectors->child : NULL;
    for (uint32_t rank = 0; each != NULL; each = each->next) {
        add_match(reader, 0, ++rank, each);
    }
}

static void read_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    static const char *const names[] = {"embed_total_tokens", "embedTotalTokens", NULL};
    struct rn_reading *out = reader->out;
    out->usage = rn_reader_raw(reader, usage);
    if (rn_reader_count(rn_found_member(usage, names), &out->tokens_in)) {
        out->has_usage = true;
        out->tokens_total = out->tokens_in;
        out->counted |= RN_COUNTED_IN | RN_COUNTED_TOTAL;
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *result = rn_reader_first(rn_json_member(body, "results"));
    read_usage(reader, rn_json_member(body, "usage"));
    add_matches(reader, 0, rn_json_member(body, "matches"));
    add_matches(reader, 0, rn_json_at(body, "/result/hits"));
    add_fetched(reader, rn_json_member(body, "vectors"));
    for (uint32_t query = 0; result != NULL; result = result->next) {
        add_matches(reader, query++, rn_json_member(result, "matches"));
    }
}

static const char *const none[] = {NULL};
static const char *const headers[] = {"x-pinecone-api-version", NULL};
static const struct rn_dialect_facts facts = {
    .version = 1,
    .volatile_pointers = none,
    .significant_headers = headers,
    .correlation_pointers = none,
};
static const char *const content[] = {"query",        "queries", "vector",
                                      "sparseVector", "vectors", NULL};

const struct rn_dialect_row rn_pinecone = {
    .dialect = RN_DIALECT_PINECONE,
    .kind = RN_READING_RETRIEVAL,
    .name = "pinecone",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
    .facts = &facts,
};

const struct rn_dialect_row rn_pinecone_lines = {
    .dialect = RN_DIALECT_PINECONE,
    .kind = RN_READING_OTHER,
    .name = "pinecone",
    .fits = fits_lines,
    .request_text = read_lines,
    .answer = read_answer,
    .facts = &facts,
};

/* By the body alone. */
const struct rn_dialect_row rn_pinecone_body = {
    .dialect = RN_DIALECT_PINECONE,
    .kind = RN_READING_RETRIEVAL,
    .name = "pinecone",
    .fits = is_call,
    .knows = knows_body,
    .by_body = true,
    .content = content,
    .request = read_request,
    .answer = read_answer,
    .facts = &facts,
};
