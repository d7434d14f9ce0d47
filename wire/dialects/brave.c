/*
 * Brave Search: GET /res/v1/{web,news,videos,images}/search with the query in the address, and /res/v1/llm/context by GET or POST
 * (wire.md 2.3). There are no scores; the order is the rank.
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"GET", "/res/v1/{}/search", RN_READING_RETRIEVAL, "search"},
    {"GET", "/res/v1/llm/context", RN_READING_RETRIEVAL, "context"},
    {"POST", "/res/v1/llm/context", RN_READING_RETRIEVAL, "context"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

static bool knows(const struct rn_json *body)
{
    return body == NULL || rn_json_member(body, "q") != NULL;
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    (void)rn_found_tell(reader, calls);
    struct rn_bytes text = body == NULL ? rn_found_parameter(reader, "q")
                                        : rn_reader_text(reader, rn_json_member(body, "q"));
    if (text.len > 0) {
        (void)rn_reader_say(reader, RN_SAID_TEXT, rn_reader_copy(reader, RN_LIT("query")), text);
    }
}

/* A description and more snippets, or snippets alone. */
static void add_pages(struct rn_reader *reader, uint32_t *rank, const struct rn_json *pages)
{
    static const char *const snippets[] = {"extra_snippets", "snippets", NULL};
    for (const struct rn_json *page = rn_reader_first(pages); page != NULL; page = page->next) {
        struct rn_document *document =
            rn_found_add(reader, 0, ++*rank, rn_json_member(page, "url"), NULL, RN_SCORE_NONE);
        if (document != NULL) {
            document->title = rn_reader_text(reader, rn_json_member(page, "title"));
            document->text =
                rn_found_join(reader, rn_reader_text(reader, rn_json_member(page, "description")),
                              rn_found_member(page, snippets), NULL);
        }
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const lists[] = {"/web/results", "/news/results",      "/videos/results",
                                        "/results",     "/grounding/generic", "/grounding/map"};
    uint32_t rank = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        add_pages(reader, &rank, rn_json_at(body, lists[i]));
    }
}

static const char *const none[] = {NULL};
static const char *const headers[] = {"api-version",    "x-loc-lat",  "x-loc-long",
                                      "x-loc-timezone", "x-loc-city", "x-loc-state",
                                      "x-loc-country",  NULL};
static const struct rn_dialect_facts facts = {
    .version = 1,
    .volatile_pointers = none,
    .significant_headers = headers,
    .correlation_pointers = none,
};
static const char *const content[] = {"q", NULL};

const struct rn_dialect_row rn_brave = {
    .dialect = RN_DIALECT_BRAVE,
    .kind = RN_READING_RETRIEVAL,
    .name = "brave",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
    .facts = &facts,
};
