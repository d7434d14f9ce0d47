/*
 * Exa: POST /search, /findSimilar, /contents and /answer (wire.md 2.3).
 *
 * The paths are those of many: without Exa in the upstream's name or in Host, a body with members that only Exa has is wanted. An
 * answer that is streamed is not read.
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"POST", "/search", RN_READING_RETRIEVAL, "search"},
    {"POST", "/findSimilar", RN_READING_RETRIEVAL, "findSimilar"},
    {"POST", "/contents", RN_READING_RETRIEVAL, "contents"},
    {"POST", "/answer", RN_READING_RETRIEVAL, "answer"},
    {NULL, NULL, RN_READING_OTHER, NULL},
};

static bool fits_anywhere(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_found_call(calls, input, path, NULL) != NULL;
}

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    const struct rn_http_field *host =
        input->request_head == NULL ? NULL : rn_http_find(input->request_head, RN_LIT("host"));
    bool named = rn_bytes_equal_nocase(input->upstream, RN_LIT("exa")) ||
                 (host != NULL && rn_bytes_find_nocase(host->value, RN_LIT("exa.ai")) != RN_NPOS);
    return named && fits_anywhere(input, path);
}

static const char *const subjects[] = {"query", "url", "urls", "ids", NULL};

static bool knows(const struct rn_json *body)
{
    return rn_found_member(body, subjects) != NULL;
}

static bool knows_body(const struct rn_json *body)
{
    static const char *const own[] = {
        "numResults",     "useAutoprompt",       "livecrawl", "startPublishedDate",
        "includeDomains", "excludeSourceDomain", NULL};
    const struct rn_json *contents = rn_json_member(body, "contents");
    return knows(body) && (rn_found_member(body, own) != NULL ||
                           (contents != NULL && contents->kind == RN_JSON_OBJECT_BEGIN));
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    (void)rn_found_tell(reader, calls);
    rn_found_query(reader, rn_found_member(body, subjects));
}

static void add_page(struct rn_reader *reader, uint32_t rank, const struct rn_json *page)
{
    static const char *const ids[] = {"id", "url", NULL};
    static const char *const titles[] = {"title", "url", NULL};
    struct rn_document *document = rn_found_add(reader, 0, rank, rn_found_member(page, ids),
                                                rn_json_member(page, "score"), RN_SCORE_SIMILARITY);
    if (document != NULL) {
        document->title = rn_reader_text(reader, rn_found_member(page, titles));
        document->text = rn_found_join(reader, rn_reader_text(reader, rn_json_member(page, "text")),
                                       rn_json_member(page, "highlights"), NULL);
        if (document->text.len == 0) {
            document->text = rn_reader_text(reader, rn_json_member(page, "summary"));
        }
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const lists[] = {"results", "citations", NULL};
    const struct rn_json *answer = rn_json_member(body, "answer");
    const struct rn_json *each = rn_reader_first(rn_found_member(body, lists));
    reader->out->response_id = rn_reader_text(reader, rn_json_member(body, "requestId"));
    reader->out->usage = rn_reader_raw(reader, rn_json_member(body, "costDollars"));
    if (answer != NULL) {
        (void)rn_reader_say(reader, RN_SAID_TEXT, rn_reader_copy(reader, RN_LIT("answer")),
                            rn_reader_spoken(reader, answer));
    }
    for (uint32_t rank = 0; each != NULL; each = each->next) {
        add_page(reader, ++rank, each);
    }
}

static const char *const content[] = {"query", "urls", "url", "ids", NULL};

const struct rn_dialect_row rn_exa = {
    .dialect = RN_DIALECT_EXA,
    .kind = RN_READING_RETRIEVAL,
    .name = "exa",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};

const struct rn_dialect_row rn_exa_body = {
    .dialect = RN_DIALECT_EXA,
    .kind = RN_READING_RETRIEVAL,
    .name = "exa",
    .fits = fits_anywhere,
    .knows = knows_body,
    .by_body = true,
    .content = content,
    .request = read_request,
    .answer = read_answer,
};
