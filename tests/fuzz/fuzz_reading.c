/*
 * Exchanges from strangers through the dialects. First byte: which target, so that each dialect has a corpus of its own; second:
 * what the answer is called (bits 0 to 2) and whether it is an error (bit 3); then the request's body up to a zero byte; the rest
 * is the answer. Nothing must break, all text must be readable, parameters and tools must be JSON, and a second reading must say
 * the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "../wire/frames.h"
#include "wire/json.h"
#include "wire/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

/* Reads every byte, so that a sanitizer sees one that is not ours. */
static unsigned sum(struct rn_bytes bytes)
{
    unsigned total = 0;
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

static unsigned sum_all(const struct rn_reading *reading)
{
    return sum_said(reading->request) + sum_said(reading->response) + sum(reading->model_asked) +
           sum(reading->model_answered) + sum(reading->finish) + sum(reading->error) +
           sum(reading->tools) + sum(reading->parameters) + sum(reading->operation) +
           sum(reading->target) + sum(reading->response_id) + sum(reading->continues) +
           sum(reading->prompt_id) + sum(reading->prompt_version) + sum(reading->usage) +
           (unsigned)reading->finished + reading->counted;
}

static void check_json(struct rn_bytes text, enum rn_json_token first)
{
    struct rn_json_reader reader;
    rn_json_begin(&reader, text);
    enum rn_json_token token = rn_json_next(&reader, NULL);
    require(token == first);
    while (token != RN_JSON_END && token != RN_JSON_FAULT) {
        token = rn_json_next(&reader, NULL);
    }
    require(token == RN_JSON_END);
}

static void check_reading(const struct rn_reading *reading, enum rn_status status)
{
    require(reading->dialect != RN_DIALECT_NONE || sum_all(reading) == 0);
    require(reading->streamed || !reading->complete);
    require((rn_dialect_name(reading->dialect)[0] != '\0') ==
            (reading->dialect != RN_DIALECT_NONE));
    if (reading->tools.len > 0) {
        check_json(reading->tools, RN_JSON_ARRAY_BEGIN);
    }
    if (reading->parameters.len > 0) {
        check_json(reading->parameters, RN_JSON_OBJECT_BEGIN);
    }
    require(status != RN_OK || reading->dialect == RN_DIALECT_NONE || reading->parameters.len > 1);
}

/* Append only: the numbers stand in the corpora. */
static const char *const targets[] = {
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/embeddings?x=1",
    "/v1/completions",
    "/v1/responses/compact",
    "/v1beta/models/g:streamGenerateContent",
    "/v1beta/models/g:batchEmbedContents",
    "/model/m/converse-stream",
    "/model/m/invoke-with-response-stream",
    "/api/chat",
    "/api/generate",
    "/api/embed",
    "/v2/chat",
    "/v1/chat",
    "/v2/embed",
    "/v1/projects/p/publishers/anthropic/models/c%20d:rawPredict",
    "/v1/models/g:predict",
};

static const char *const types[] = {
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "",
    "application/stream+json; charset=utf-8",
    "text/html",
    "application/vnd.amazon.eventstream",
};
#define TYPE_OF_FRAMES_FROM_LINES 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_arena arena = {0};
    struct rn_buffer frames = {0};
    struct rn_reading reading;
    struct rn_reading again;
    struct rn_error error = {.status = RN_OK};
    if (size < 2) {
        return 0;
    }
    struct rn_bytes in = rn_bytes_of(data + 2, size - 2);
    size_t border = rn_bytes_find_byte(in, 0);
    struct rn_bytes answer =
        border == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(in, border + 1);
    if ((data[1] & 7) == TYPE_OF_FRAMES_FROM_LINES) {
        rn_frames_encode(&frames, answer);
        answer = rn_buffer_bytes(&frames);
    }
    const struct rn_reading_input input = {
        .method = RN_LIT("POST"),
        .target = rn_bytes_text(targets[data[0] % (sizeof targets / sizeof targets[0])]),
        .request_body = rn_bytes_sub(in, 0, border),
        .status = (data[1] & 8) != 0 ? 500 : 200,
        .response_type = rn_bytes_text(types[data[1] & 7]),
        .response_body = answer,
    };
    enum rn_status status = rn_reading_make(&arena, &input, &reading, &error);
    require(status == RN_OK || status == RN_INVALID);
    require(status == RN_OK || error.text[0] != '\0');
    check_reading(&reading, status);
    require(rn_reading_make(&arena, &input, &again, NULL) == status);
    require(sum_all(&again) == sum_all(&reading));
    require(rn_dialect_of(&input) == reading.dialect);
    rn_buffer_free(&frames);
    rn_arena_free(&arena);
    return 0;
}
