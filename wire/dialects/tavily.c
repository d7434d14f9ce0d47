/*
 * Tavily: POST /search, /extract, /crawl and /map (wire.md 2.3).
 *
 * The paths are those of many: without Tavily in the upstream's name or in Host, a body with members that only Tavily has is
 * wanted.
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"POST", "/search", RN_READING_RETRIEVAL, "search"},
    {"POST", "/extract", RN_READING_RETRIEVAL, "extract"},
    {"POST", "/crawl", RN_READING_RETRIEVAL, "crawl"},
    {"POST", "/map", RN_READING_RETRIEVAL, "map"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

static bool fits_anywhere(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_is_at(input, "tavily") && fits_anywhere(input, path);
}

static const char *const subjects[] = {"query", "urls", "url", NULL};

static bool knows(const struct rn_json *body)
{
    return rn_found_member(body, subjects) != NULL;
}

static bool knows_body(const struct rn_json *body)
{
    static const char *const own[] = {"search_depth",  "include_raw_content", "include_answer",
                                      "extract_depth", "include_domains",     NULL};
    return knows(body) && rn_found_member(body, own) != NULL;
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    (void)rn_found_tell(reader, calls);
    rn_found_query(reader, rn_found_member(body, subjects));
}

/* A page, or its address alone, as /map gives it. */
static void add_page(struct rn_reader *reader, uint32_t rank, const struct rn_json *page)
{
    static const char *const texts[] = {"raw_content", "content", NULL};
    const struct rn_json *url = page->kind == RN_JSON_STRING ? page : rn_json_member(page, "url");
    struct rn_document *document =
        rn_found_add(reader, 0, rank, url, rn_json_member(page, "score"), RN_SCORE_RELEVANCE);
    if (document != NULL) {
        const struct rn_json *title = rn_json_member(page, "title");
        document->title = rn_reader_text(reader, title != NULL ? title : url);
        document->text = rn_reader_text(reader, rn_found_member(page, texts));
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *each = rn_reader_first(rn_json_member(body, "results"));
    reader->out->response_id = rn_reader_text(reader, rn_json_member(body, "request_id"));
    reader->out->usage = rn_reader_raw(reader, rn_json_member(body, "usage"));
    rn_reader_say_string(reader, RN_SAID_TEXT, rn_reader_copy(reader, RN_LIT("answer")),
                         rn_json_member(body, "answer"));
    for (uint32_t rank = 0; each != NULL; each = each->next) {
        add_page(reader, ++rank, each);
    }
}

static const char *const content[] = {"query", "urls", "url", "api_key", NULL};

const struct rn_dialect_row rn_tavily = {
    .dialect = RN_DIALECT_TAVILY,
    .kind = RN_READING_RETRIEVAL,
    .name = "tavily",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};

const struct rn_dialect_row rn_tavily_body = {
    .dialect = RN_DIALECT_TAVILY,
    .kind = RN_READING_RETRIEVAL,
    .name = "tavily",
    .fits = fits_anywhere,
    .knows = knows_body,
    .by_body = true,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};
