/*
 * Chroma: .../collections/{id}/query under /api/v1 and /api/v2/tenants/{t}/databases/{d} (wire.md 2.2).
 *
 * Answers are columns: ids[q][k], distances[q][k], documents[q][k], metadatas[q][k]. Less is closer. What is got by id comes in
 * the same columns without the first index.
 */
#include "found.h"

#define V1 "/api/v1/collections/{}"
#define V2 "/api/v2/tenants/*/databases/*/collections/{}"

static const struct rn_found_call calls[] = {
    {"POST", V2 "/query", RN_READING_RETRIEVAL, "query"},
    {"POST", V1 "/query", RN_READING_RETRIEVAL, "query"},
    {"POST", V2 "/search", RN_READING_RETRIEVAL, "search"},
    {"POST", V2 "/get", RN_READING_RETRIEVAL, "get"},
    {"POST", V1 "/get", RN_READING_RETRIEVAL, "get"},
    {"POST", V2 "/add", RN_READING_OTHER, "add"},
    {"POST", V1 "/add", RN_READING_OTHER, "add"},
    {"POST", V2 "/upsert", RN_READING_OTHER, "upsert"},
    {"POST", V1 "/upsert", RN_READING_OTHER, "upsert"},
    {"POST", V2 "/update", RN_READING_OTHER, "update"},
    {"POST", V1 "/update", RN_READING_OTHER, "update"},
    {"POST", V2 "/delete", RN_READING_OTHER, "delete"},
    {"POST", V1 "/delete", RN_READING_OTHER, "delete"},
    {"GET", V2 "/count", RN_READING_OTHER, "count"},
    {"GET", V1 "/count", RN_READING_OTHER, "count"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

static bool knows(const struct rn_json *body)
{
    return body == NULL || body->kind == RN_JSON_OBJECT_BEGIN;
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    (void)rn_found_tell(reader, calls);
    rn_found_query(reader, rn_json_member(body, "query_texts"));
}

/* The columns of one query, each at its current row; NULL: behind its end, or not asked for. */
struct columns {
    const struct rn_json *id;
    const struct rn_json *score;
    const struct rn_json *document;
    const struct rn_json *metadata;
};

static const struct rn_json *next_of(const struct rn_json *value)
{
    return value == NULL ? NULL : value->next;
}

static struct columns rest_of(struct columns at)
{
    return (struct columns){.id = next_of(at.id),
                            .score = next_of(at.score),
                            .document = next_of(at.document),
                            .metadata = next_of(at.metadata)};
}

static void add_rows(struct rn_reader *reader, uint32_t query, struct columns at,
                     enum rn_score_kind kind)
{
    for (uint32_t rank = 0; at.id != NULL; at = rest_of(at)) {
        struct rn_document *document = rn_found_add(reader, query, ++rank, at.id, at.score, kind);
        if (document != NULL) {
            document->title = rn_found_title(reader, at.metadata);
            document->text = rn_reader_text(reader, at.document);
        }
    }
}

/* Query by query: each column holds an array per query. */
static void add_queries(struct rn_reader *reader, struct columns at, enum rn_score_kind kind)
{
    for (uint32_t query = 0; at.id != NULL; query++, at = rest_of(at)) {
        add_rows(reader, query,
                 (struct columns){.id = rn_reader_first(at.id),
                                  .score = rn_reader_first(at.score),
                                  .document = rn_reader_first(at.document),
                                  .metadata = rn_reader_first(at.metadata)},
                 kind);
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    bool search = rn_bytes_equal(reader->out->operation, RN_LIT("search"));
    struct columns at = {.id = rn_reader_first(rn_json_member(body, "ids")),
                         .score =
                             rn_reader_first(rn_json_member(body, search ? "scores" : "distances")),
                         .document = rn_reader_first(rn_json_member(body, "documents")),
                         .metadata = rn_reader_first(rn_json_member(body, "metadatas"))};
    if (reader->out->kind != RN_READING_RETRIEVAL) {
        return;
    }
    if (at.id != NULL && at.id->kind == RN_JSON_STRING) {
        add_rows(reader, 0, at, RN_SCORE_NONE);
    } else {
        /* the scores of its search are distances, or sums of them, as well */
        add_queries(reader, at, RN_SCORE_DISTANCE);
    }
}

static const char *const content[] = {
    "query_texts", "query_embeddings", "embeddings", "documents", "metadatas",
    "ids",         "searches",         NULL};

const struct rn_dialect_row rn_chroma = {
    .dialect = RN_DIALECT_CHROMA,
    .kind = RN_READING_RETRIEVAL,
    .name = "chroma",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};
