/*
 * Ollama's web search and fetch: POST /api/web_search and /api/web_fetch, or under /api/experimental (wire.md 2.3).
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"POST", "/api/web_search", RN_READING_RETRIEVAL, "web_search"},
    {"POST", "/api/experimental/web_search", RN_READING_RETRIEVAL, "web_search"},
    {"POST", "/api/web_fetch", RN_READING_RETRIEVAL, "web_fetch"},
    {"POST", "/api/experimental/web_fetch", RN_READING_RETRIEVAL, "web_fetch"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};
static const char *const subjects[] = {"query", "url", NULL};

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

static bool knows(const struct rn_json *body)
{
    return rn_found_member(body, subjects) != NULL;
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *url = rn_json_member(body, "url");
    (void)rn_found_tell(reader, calls);
    rn_found_query(reader, rn_found_member(body, subjects));
    reader->out->target = rn_reader_text(reader, url);
}

static void add_page(struct rn_reader *reader, uint32_t rank, const struct rn_json *page)
{
    struct rn_document *document =
        rn_found_add(reader, 0, rank, rn_json_member(page, "url"), NULL, RN_SCORE_NONE);
    if (document != NULL) {
        document->title = rn_reader_text(reader, rn_json_member(page, "title"));
        document->text = rn_reader_text(reader, rn_json_member(page, "content"));
        if (document->id.len == 0) {
            document->id = reader->out->target; /* the page that was fetched */
        }
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *each = rn_reader_first(rn_json_member(body, "results"));
    uint32_t rank = 0;
    if (rn_json_member(body, "content") != NULL) {
        add_page(reader, ++rank, body);
    }
    for (; each != NULL; each = each->next) {
        add_page(reader, ++rank, each);
    }
}

static const char *const content[] = {"query", "url", NULL};

const struct rn_dialect_row rn_ollama_search = {
    .dialect = RN_DIALECT_OLLAMA_SEARCH,
    .kind = RN_READING_RETRIEVAL,
    .name = "ollama.search",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};
