/*
 * Weaviate's GraphQL: POST /v1/graphql, and objects that are written (wire.md 2.2). Its newer clients search by gRPC, which is not
 * HTTP/1.1 and never comes here.
 *
 * The query is a text in a language of its own and is given as one; classes and their objects are read from the answer.
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"POST", "/v1/graphql", RN_READING_RETRIEVAL, "get"},
    {"POST", "/v1/objects", RN_READING_OTHER, "objects"},
    {"POST", "/v1/batch/objects", RN_READING_OTHER, "batch/objects"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

/* Behind blanks, line ends (escaped here) and the opening brace. */
static struct rn_bytes first_word(struct rn_bytes literal)
{
    size_t at = 1;
    while (at < literal.len && (literal.data[at] == ' ' || literal.data[at] == '{')) {
        at++;
    }
    while (at + 1 < literal.len && literal.data[at] == '\\') {
        at += 2;
        while (at < literal.len && (literal.data[at] == ' ' || literal.data[at] == '{')) {
            at++;
        }
    }
    return rn_bytes_from(literal, at);
}

static bool asks_for(const struct rn_json *query, const char *word)
{
    return query != NULL && query->kind == RN_JSON_STRING &&
           rn_bytes_starts_with(first_word(query->raw), rn_bytes_text(word));
}

/* Others have /graphql too. */
static bool knows(const struct rn_json *body)
{
    const struct rn_json *query = rn_json_member(body, "query");
    return asks_for(query, "Get") || asks_for(query, "Aggregate") || asks_for(query, "Explore") ||
           rn_json_member(body, "class") != NULL ||
           rn_json_member(rn_reader_first(rn_json_member(body, "objects")), "class") != NULL;
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *query = rn_json_member(body, "query");
    (void)rn_found_tell(reader, calls);
    if (query == NULL) {
        reader->out->target = rn_reader_text(reader, rn_json_member(body, "class"));
    } else if (asks_for(query, "Aggregate")) {
        reader->out->kind = RN_READING_OTHER;
        reader->out->operation = rn_reader_copy(reader, RN_LIT("aggregate"));
    }
    rn_found_query(reader, query);
}

/* Which of the measures was asked for says which way it points. */
static void add_score(struct rn_reader *reader, const struct rn_json *extra,
                      struct rn_document *document)
{
    static const struct {
        const char *name;
        enum rn_score_kind kind;
    } measures[] = {{"distance", RN_SCORE_DISTANCE},
                    {"certainty", RN_SCORE_SIMILARITY},
                    {"score", RN_SCORE_RELEVANCE}};
    for (size_t i = 0; document->score.len == 0 && i < sizeof measures / sizeof measures[0]; i++) {
        const struct rn_json *value = rn_json_member(extra, measures[i].name);
        if (value != NULL && value->kind != RN_JSON_NULL) {
            document->score = rn_reader_spoken(reader, value);
            document->score_kind = measures[i].kind;
        }
    }
}

static void add_class(struct rn_reader *reader, uint32_t query, const struct rn_json *class)
{
    uint32_t rank = 0;
    for (const struct rn_json *each = rn_reader_first(class); each != NULL; each = each->next) {
        const struct rn_json *extra = rn_json_member(each, "_additional");
        struct rn_document *document =
            rn_found_add(reader, query, ++rank, rn_json_member(extra, "id"), NULL, RN_SCORE_NONE);
        if (document != NULL) {
            add_score(reader, extra, document);
            document->collection = rn_reader_copy(reader, class->name);
            document->title = rn_found_title(reader, each);
            document->text = rn_found_text(reader, each);
        }
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *get = rn_json_at(body, "/data/Get");
    const struct rn_json *error = rn_reader_first(rn_json_member(body, "errors"));
    const struct rn_json *class =
        get != NULL && get->kind == RN_JSON_OBJECT_BEGIN ? get->child : NULL;
    if (error != NULL) {
        reader->out->error = rn_reader_text(reader, rn_json_member(error, "message"));
    }
    if (class != NULL && reader->out->target.len == 0) {
        reader->out->target = rn_reader_copy(reader, class->name);
    }
    for (uint32_t query = 0; class != NULL; class = class->next) {
        add_class(reader, query++, class);
    }
}

static const char *const content[] = {"query", "objects", "properties", "vector",
                                      "class", "id",      NULL};

const struct rn_dialect_row rn_weaviate = {
    .dialect = RN_DIALECT_WEAVIATE,
    .kind = RN_READING_RETRIEVAL,
    .name = "weaviate",
    .fits = fits,
    .knows = knows,
    .by_body = true,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};
