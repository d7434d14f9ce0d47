/*
 * Qdrant: POST /collections/{c}/points/{query,search,recommend,discover,scroll} and their batches and groups (wire.md 2.2).
 *
 * Points come in five nestings, with a payload that the application chose. Whether less is better depends on the collection,
 * which no answer says: it is told from the order (rn_found_judge).
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"POST", "/collections/{}/points/query/batch", RN_READING_RETRIEVAL, "query/batch"},
    {"POST", "/collections/{}/points/query/groups", RN_READING_RETRIEVAL, "query/groups"},
    {"POST", "/collections/{}/points/query", RN_READING_RETRIEVAL, "query"},
    {"POST", "/collections/{}/points/search/batch", RN_READING_RETRIEVAL, "search/batch"},
    {"POST", "/collections/{}/points/search/groups", RN_READING_RETRIEVAL, "search/groups"},
    {"POST", "/collections/{}/points/search", RN_READING_RETRIEVAL, "search"},
    {"POST", "/collections/{}/points/recommend/batch", RN_READING_RETRIEVAL, "recommend/batch"},
    {"POST", "/collections/{}/points/recommend/groups", RN_READING_RETRIEVAL, "recommend/groups"},
    {"POST", "/collections/{}/points/recommend", RN_READING_RETRIEVAL, "recommend"},
    {"POST", "/collections/{}/points/discover/batch", RN_READING_RETRIEVAL, "discover/batch"},
    {"POST", "/collections/{}/points/discover", RN_READING_RETRIEVAL, "discover"},
    {"POST", "/collections/{}/points/scroll", RN_READING_RETRIEVAL, "scroll"},
    {"POST", "/collections/{}/points", RN_READING_RETRIEVAL, "retrieve"},
    {"PUT", "/collections/{}/points", RN_READING_OTHER, "upsert"},
    {"POST", "/collections/{}/points/delete", RN_READING_OTHER, "delete"},
    {"POST", "/collections/{}/points/count", RN_READING_OTHER, "count"},
    {"POST", "/collections/{}/points/batch", RN_READING_OTHER, "update/batch"},
    {"POST", "/collections/{}/points/payload", RN_READING_OTHER, "payload"},
    {"PUT", "/collections/{}/points/payload", RN_READING_OTHER, "payload"},
    {"PUT", "/collections/{}/points/vectors", RN_READING_OTHER, "vectors"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

static bool knows(const struct rn_json *body)
{
    return body != NULL && body->kind == RN_JSON_OBJECT_BEGIN;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* Texts that the server embeds itself stand in the query; a search of several stages has more of them in `prefetch`. */
static void say_search(struct rn_reader *reader, const struct rn_json *search, unsigned depth)
{
    static const char *const places[] = {"/query/text", "/query/nearest/text", "/query/nearest",
                                         "/vector/text"};
    const struct rn_json *prefetch = rn_json_member(search, "prefetch");
    const struct rn_json *stage = rn_reader_first(prefetch);
    if (prefetch != NULL && prefetch->kind == RN_JSON_OBJECT_BEGIN) {
        say_search(reader, prefetch, depth + 1);
    }
    for (; stage != NULL && depth < RN_JSON_DEPTH_MAX; stage = stage->next) {
        say_search(reader, stage, depth + 1);
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct rn_json *text = rn_json_at(search, places[i]);
        if (text != NULL && text->kind == RN_JSON_STRING) {
            rn_found_query(reader, text);
        }
    }
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_found_call *call = rn_found_tell(reader, calls);
    const struct rn_json *search = rn_reader_first(rn_json_member(body, "searches"));
    if (call == NULL || call->kind != RN_READING_RETRIEVAL) {
        return;
    }
    say_search(reader, body, 0);
    for (; search != NULL; search = search->next) {
        say_search(reader, search, 0);
    }
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* Where the documents of one query are linked, and how many there are. */
struct found {
    struct rn_document **first;
    uint32_t query;
    uint32_t rank;
};

static void add_points(struct rn_reader *reader, struct found *found, const struct rn_json *points)
{
    for (const struct rn_json *point = rn_reader_first(points); point != NULL;
         point = point->next) {
        const struct rn_json *payload = rn_json_member(point, "payload");
        struct rn_document *document =
            rn_found_add(reader, found->query, ++found->rank, rn_json_member(point, "id"),
                         rn_json_member(point, "score"), RN_SCORE_SIMILARITY);
        if (document != NULL) {
            document->title = rn_found_title(reader, payload);
            document->text = rn_found_text(reader, payload);
        }
    }
}

/* Points, points under "points", or groups of hits. */
static void add_result(struct rn_reader *reader, uint32_t query, const struct rn_json *result)
{
    struct found found = {.first = reader->documents, .query = query};
    const struct rn_json *group = rn_reader_first(rn_json_member(result, "groups"));
    add_points(reader, &found, result);
    add_points(reader, &found, rn_json_member(result, "points"));
    for (; group != NULL; group = group->next) {
        add_points(reader, &found, rn_json_member(group, "hits"));
    }
    if (reader->status == RN_OK) {
        rn_found_judge(*found.first);
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *result = rn_json_member(body, "result");
    const struct rn_json *first = rn_reader_first(result);
    reader->out->usage = rn_reader_raw(reader, rn_json_member(body, "usage"));
    if (rn_json_at(body, "/status/error") != NULL) {
        rn_reader_error(reader, body);
    }
    if (reader->out->kind != RN_READING_RETRIEVAL) {
        return;
    }
    if (!rn_bytes_ends_with(reader->out->operation, RN_LIT("/batch"))) {
        add_result(reader, 0, result);
        return;
    }
    for (uint32_t query = 0; first != NULL; first = first->next) {
        add_result(reader, query++, first);
    }
}

static const char *const content[] = {"query", "vector", "searches", "points", NULL};

const struct rn_dialect_row rn_qdrant = {
    .dialect = RN_DIALECT_QDRANT,
    .kind = RN_READING_RETRIEVAL,
    .name = "qdrant",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};
