/*
 * Exchanges from strangers through the dialects of retrieval, search and tools. First byte: which call (low 5 bits), streamed
 * (bit 5), an error (bit 6), with the protocol's own headers (bit 7); then the request's body up to a zero byte; the rest is the
 * answer. Nothing must break, text must lie in the arena, ranks count from 1, and a second reading must say the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char head_text[] = "POST / HTTP/1.1\r\nHost: a\r\nMCP-Protocol-Version: 2026-07-28\r\n"
                                "X-Pinecone-Api-Version: 2026-07\r\n\r\n";

static const struct {
    const char *method;
    const char *target;
    const char *upstream;
} calls[] = {
    {"POST", "/v2/rerank", ""},
    {"POST", "/score", ""},
    {"POST", "/mcp", ""},
    {"GET", "/mcp", ""},
    {"POST", "/collections/c%20d/points/query", ""},
    {"POST", "/collections/c/points/search/batch", ""},
    {"POST", "/collections/c/points/query/groups", ""},
    {"PUT", "/collections/c/points", ""},
    {"POST", "/query", ""},
    {"POST", "/records/namespaces/n/search", "pinecone"},
    {"GET", "/vectors/fetch?namespace=a%2", "pinecone"},
    {"POST", "/api/v2/tenants/t/databases/d/collections/c/query", ""},
    {"POST", "/api/v1/collections/c/get", ""},
    {"POST", "/v1/graphql", ""},
    {"POST", "/i/_search", ""},
    {"POST", "/i/_msearch", ""},
    {"POST", "/v1/vector_stores/v/search", ""},
    {"POST", "/search", "tavily"},
    {"POST", "/search", "exa"},
    {"POST", "/answer", "exa"},
    {"GET", "/res/v1/web/search?q=a+%41%", ""},
    {"POST", "/res/v1/llm/context", ""},
    {"POST", "/api/web_search", ""},
    {"POST", "/search", ""},
};

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

/* Reads every byte, so that a sanitizer sees one that is not ours. */
static unsigned sum(struct rn_bytes bytes)
{
    unsigned total = (unsigned)bytes.len;
    for (size_t i = 0; i < bytes.len; i++) {
        total += bytes.data[i];
    }
    return total;
}

static unsigned sum_said(const struct rn_said *said)
{
    unsigned total = 0;
    for (; said != NULL; said = said->next) {
        total += sum(said->role) + sum(said->text) + sum(said->name) + sum(said->id);
    }
    return total;
}

static unsigned sum_documents(const struct rn_document *document)
{
    unsigned total = 0;
    const struct rn_document *before = NULL;
    for (; document != NULL; document = document->next) {
        require(document->rank == 1 || (before != NULL && before->query == document->query &&
                                        document->rank == before->rank + 1));
        require(document->score.len > 0 || document->score_kind == RN_SCORE_NONE);
        total += sum(document->id) + sum(document->collection) + sum(document->score) +
                 sum(document->title) + sum(document->text);
        before = document;
    }
    return total;
}

static unsigned sum_all(const struct rn_reading *reading)
{
    return sum_said(reading->request) + sum_said(reading->response) +
           sum_documents(reading->documents) + sum(reading->operation) + sum(reading->target) +
           sum(reading->error) + sum(reading->usage) + sum(reading->tools) + sum(reading->finish) +
           sum(reading->response_id) + sum(reading->parameters);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rn_http_head head;
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_reading again;
    size_t skipped = 0;
    if (size < 1 ||
        rn_http_request_parse(rn_bytes_text(head_text), &head, &skipped, NULL) != RN_HTTP_DONE) {
        return 0;
    }
    size_t which = (data[0] & 31) % (sizeof calls / sizeof calls[0]);
    struct rn_bytes in = rn_bytes_of(data + 1, size - 1);
    size_t border = rn_bytes_find_byte(in, 0);
    const struct rn_reading_input input = {
        .method = rn_bytes_text(calls[which].method),
        .target = rn_bytes_text(calls[which].target),
        .upstream = rn_bytes_text(calls[which].upstream),
        .request_head = (data[0] & 128) != 0 ? &head : NULL,
        .request_body = rn_bytes_sub(in, 0, border),
        .status = (data[0] & 64) != 0 ? 500 : 200,
        .response_type =
            (data[0] & 32) != 0 ? RN_LIT("text/event-stream") : RN_LIT("application/json"),
        .response_body = border == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(in, border + 1),
    };
    enum rn_status status = rn_reading_make(&arena, &input, &reading, NULL);
    require(status == RN_OK || status == RN_INVALID);
    require(reading.unread == (status == RN_INVALID));
    require(reading.dialect != RN_DIALECT_NONE || sum_all(&reading) == 0);
    require(rn_dialect_of(&input) == reading.dialect);
    require(rn_reading_make(&arena, &input, &again, NULL) == status);
    require(sum_all(&again) == sum_all(&reading));
    rn_arena_free(&arena);
    return 0;
}
