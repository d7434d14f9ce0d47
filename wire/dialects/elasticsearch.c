/*
 * Elasticsearch and OpenSearch, where they search by meaning: _search with knn, a retriever, a neural or a hybrid query, the old
 * _knn_search, and _msearch (wire.md 2.2). A search of words alone is not told from any other use of a database, and is nobody's.
 *
 * Scores are made so that more is better: similarities of a vector search, relevances where several searches are combined.
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"POST", "/{}/_search", RN_READING_RETRIEVAL, "search"},
    {"GET", "/{}/_search", RN_READING_RETRIEVAL, "search"},
    {"POST", "/_search", RN_READING_RETRIEVAL, "search"},
    {"GET", "/_search", RN_READING_RETRIEVAL, "search"},
    {"POST", "/{}/_knn_search", RN_READING_RETRIEVAL, "knn_search"},
    {"GET", "/{}/_knn_search", RN_READING_RETRIEVAL, "knn_search"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

/* Bodies of lines. */
static const struct rn_found_call line_calls[] = {
    {"POST", "/{}/_msearch", RN_READING_RETRIEVAL, "msearch"},
    {"GET", "/{}/_msearch", RN_READING_RETRIEVAL, "msearch"},
    {"POST", "/_msearch", RN_READING_RETRIEVAL, "msearch"},
    {"GET", "/_msearch", RN_READING_RETRIEVAL, "msearch"},
    {"POST", "/{}/_bulk", RN_READING_OTHER, "bulk"},
    {"PUT", "/{}/_bulk", RN_READING_OTHER, "bulk"},
    {"POST", "/_bulk", RN_READING_OTHER, "bulk"},
    {"PUT", "/_bulk", RN_READING_OTHER, "bulk"},
    {"PUT", "/{}/_doc/*", RN_READING_OTHER, "index"},
    {"POST", "/{}/_doc/*", RN_READING_OTHER, "index"},
    {"POST", "/{}/_doc", RN_READING_OTHER, "index"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

static bool fits_lines(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(line_calls, input, path, NULL) != NULL;
}

/* --- what is searched by meaning ----------------------------------------------------------------------------------- */

static bool is_one_of(struct rn_bytes name, const char *const *names)
{
    while (*names != NULL && !rn_bytes_equal(name, rn_bytes_text(*names))) {
        names++;
    }
    return *names != NULL;
}

/* Whether a member of one of these names stands anywhere inside; the parser bounds the depth. */
static bool holds(const struct rn_json *value, const char *const *names)
{
    if (value == NULL ||
        (value->kind != RN_JSON_OBJECT_BEGIN && value->kind != RN_JSON_ARRAY_BEGIN)) {
        return false;
    }
    for (const struct rn_json *each = value->child; each != NULL; each = each->next) {
        if ((each->key.len > 0 && is_one_of(each->name, names)) || holds(each, names)) {
            return true;
        }
    }
    return false;
}

static bool knows(const struct rn_json *body)
{
    static const char *const queries[] = {"knn",      "neural",        "neural_sparse",  "hybrid",
                                          "semantic", "sparse_vector", "text_expansion", NULL};
    return rn_json_member(body, "knn") != NULL || rn_json_member(body, "retriever") != NULL ||
           holds(rn_json_member(body, "query"), queries);
}

static enum rn_score_kind score_kind_of(const struct rn_json *body)
{
    static const char *const combined[] = {"hybrid", "rrf",  "rank", "text_similarity_reranker",
                                           "linear", "bool", NULL};
    bool both = rn_json_member(body, "knn") != NULL && rn_json_member(body, "query") != NULL;
    return both || holds(body, combined) ? RN_SCORE_RELEVANCE : RN_SCORE_SIMILARITY;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* The texts that are looked for stand deep, under a few names; under "match" each member is one. */
static void say_texts(struct rn_reader *reader, const struct rn_json *value, bool in_match)
{
    static const char *const names[] = {"query_text", "model_text", "inference_text", "query",
                                        NULL};
    const struct rn_json *each = value->child;
    for (; each != NULL && value->kind == RN_JSON_OBJECT_BEGIN; each = each->next) {
        if (each->kind == RN_JSON_STRING && (in_match || is_one_of(each->name, names))) {
            rn_found_query(reader, each);
        } else if (each->kind == RN_JSON_OBJECT_BEGIN || each->kind == RN_JSON_ARRAY_BEGIN) {
            say_texts(reader, each, rn_bytes_equal(each->name, RN_LIT("match")));
        }
    }
    for (; each != NULL && value->kind == RN_JSON_ARRAY_BEGIN; each = each->next) {
        say_texts(reader, each, false);
    }
}

/* How the scores of each search of a request point, in order. */
struct searches {
    size_t count;
    enum rn_score_kind *kinds;
};

static struct searches *keep_searches(struct rn_reader *reader, size_t count)
{
    struct searches *searches = rn_arena_alloc(reader->arena, sizeof *searches);
    enum rn_score_kind *kinds = rn_arena_alloc(reader->arena, (count + 1) * sizeof *kinds);
    if (searches == NULL || kinds == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return NULL;
    }
    *searches = (struct searches){.count = 0, .kinds = kinds};
    reader->held = searches;
    return searches;
}

static void read_search(struct rn_reader *reader, struct searches *searches,
                        const struct rn_json *body)
{
    searches->kinds[searches->count++] = score_kind_of(body);
    say_texts(reader, body, false);
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    struct searches *searches = keep_searches(reader, 1);
    (void)rn_found_tell(reader, calls);
    if (searches != NULL) {
        read_search(reader, searches, body);
    }
}

static size_t count_lines(struct rn_bytes body)
{
    size_t count = 1;
    for (size_t at = rn_bytes_find_byte(body, '\n'); at != RN_NPOS;
         at = rn_bytes_find_byte(body, '\n')) {
        body = rn_bytes_from(body, at + 1);
        count++;
    }
    return count;
}

static struct rn_bytes take_line(struct rn_bytes *body)
{
    struct rn_bytes line = rn_bytes_sub(*body, 0, rn_bytes_find_byte(*body, '\n'));
    *body = rn_bytes_from(*body, line.len + 1);
    return line;
}

/* Every second line is a search. True: one by meaning. */
static bool read_line(struct rn_reader *reader, struct searches *searches, struct rn_bytes line)
{
    struct rn_arena arena = {0};
    struct rn_json *body = NULL;
    bool meant = false;
    enum rn_status status = rn_json_parse(&arena, line, &body, NULL, NULL);
    if (status == RN_OK) {
        meant = knows(body);
        read_search(reader, searches, body);
    }
    rn_reader_fail(reader, status == RN_LIMIT ? RN_INVALID : status);
    rn_arena_free(&arena);
    return meant;
}

static void read_lines(struct rn_reader *reader, struct rn_bytes body)
{
    const struct rn_found_call *call = rn_found_tell(reader, line_calls);
    bool meant = false;
    if (call == NULL || call->kind != RN_READING_RETRIEVAL) {
        return;
    }
    struct searches *searches = keep_searches(reader, count_lines(body));
    while (searches != NULL && reader->status == RN_OK && body.len > 0) {
        (void)take_line(&body); /* which index, and how */
        struct rn_bytes line = take_line(&body);
        meant = line.len > 0 && read_line(reader, searches, line) ? true : meant;
    }
    reader->out->kind = meant ? RN_READING_RETRIEVAL : RN_READING_OTHER;
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

static struct rn_bytes text_of_hit(struct rn_reader *reader, const struct rn_json *hit)
{
    static const char *const members[] = {"_source", "fields", "highlight", NULL};
    return rn_found_text(reader, rn_found_member(hit, members));
}

static void add_hits(struct rn_reader *reader, uint32_t query, const struct rn_json *answer)
{
    const struct searches *searches = reader->held;
    const struct rn_json *hit = rn_reader_first(rn_json_at(answer, "/hits/hits"));
    enum rn_score_kind kind =
        searches != NULL && query < searches->count ? searches->kinds[query] : RN_SCORE_RELEVANCE;
    for (uint32_t rank = 0; hit != NULL; hit = hit->next) {
        struct rn_document *document = rn_found_add(
            reader, query, ++rank, rn_json_member(hit, "_id"), rn_json_member(hit, "_score"), kind);
        if (document != NULL) {
            document->collection = rn_reader_text(reader, rn_json_member(hit, "_index"));
            document->title = rn_found_title(reader, rn_json_member(hit, "_source"));
            document->text = text_of_hit(reader, hit);
        }
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *each = rn_reader_first(rn_json_member(body, "responses"));
    if (reader->out->kind != RN_READING_RETRIEVAL) {
        return;
    }
    add_hits(reader, 0, body);
    for (uint32_t query = 0; each != NULL; each = each->next) {
        if (rn_json_member(each, "error") != NULL && reader->out->error.len == 0) {
            rn_reader_error(reader, each);
        }
        add_hits(reader, query++, each);
    }
}

static const char *const content[] = {"query", "knn", "retriever", NULL};

const struct rn_dialect_row rn_elasticsearch = {
    .dialect = RN_DIALECT_ELASTICSEARCH,
    .kind = RN_READING_RETRIEVAL,
    .name = "elasticsearch",
    .fits = fits,
    .knows = knows,
    .by_body = true,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};

const struct rn_dialect_row rn_elasticsearch_lines = {
    .dialect = RN_DIALECT_ELASTICSEARCH,
    .kind = RN_READING_RETRIEVAL,
    .name = "elasticsearch",
    .fits = fits_lines,
    .request_text = read_lines,
    .answer = read_answer,
};
