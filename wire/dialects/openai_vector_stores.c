/*
 * OpenAI vector stores: POST /vector_stores/{id}/search, and the keeping of stores and their files (wire.md 2.2).
 */
#include "found.h"

static const struct rn_found_call calls[] = {
    {"POST", "/vector_stores/{}/search", RN_READING_RETRIEVAL, "search"},
    {"POST", "/vector_stores/{}/files", RN_READING_OTHER, "files/add"},
    {"GET", "/vector_stores/{}/files", RN_READING_OTHER, "files/list"},
    {"GET", "/vector_stores/{}/files/*", RN_READING_OTHER, "files/get"},
    {"DELETE", "/vector_stores/{}/files/*", RN_READING_OTHER, "files/delete"},
    {"POST", "/vector_stores/{}/file_batches", RN_READING_OTHER, "file_batches/add"},
    {"GET", "/vector_stores/{}/file_batches/*", RN_READING_OTHER, "file_batches/get"},
    {"POST", "/vector_stores", RN_READING_OTHER, "create"},
    {"GET", "/vector_stores", RN_READING_OTHER, "list"},
    {"GET", "/vector_stores/{}", RN_READING_OTHER, "get"},
    {"POST", "/vector_stores/{}", RN_READING_OTHER, "update"},
    {"DELETE", "/vector_stores/{}", RN_READING_OTHER, "delete"},
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
    rn_found_query(reader, rn_json_member(body, "query"));
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *each = rn_reader_first(rn_json_member(body, "data"));
    if (reader->out->kind != RN_READING_RETRIEVAL) {
        reader->out->response_id = rn_reader_text(reader, rn_json_member(body, "id"));
        return;
    }
    for (uint32_t rank = 0; each != NULL; each = each->next) {
        struct rn_document *document =
            rn_found_add(reader, 0, ++rank, rn_json_member(each, "file_id"),
                         rn_json_member(each, "score"), RN_SCORE_SIMILARITY);
        if (document != NULL) {
            document->title = rn_reader_text(reader, rn_json_member(each, "filename"));
            document->text = rn_found_join(reader, rn_bytes_of(NULL, 0),
                                           rn_json_member(each, "content"), "text");
        }
    }
}

static const char *const none[] = {NULL};
static const char *const headers[] = {"openai-beta", "openai-organization", "openai-project", NULL};
static const struct rn_dialect_facts facts = {
    .version = 1,
    .volatile_pointers = none,
    .significant_headers = headers,
    .correlation_pointers = none,
};
static const char *const content[] = {"query", NULL};

const struct rn_dialect_row rn_openai_vector_stores = {
    .dialect = RN_DIALECT_OPENAI_VECTOR_STORES,
    .kind = RN_READING_RETRIEVAL,
    .name = "openai.vector_stores",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
    .facts = &facts,
};
