/*
 * Exchanges from strangers through the dialects. First byte: which dialect (bits 0 and 3), streamed or not (bit 1), an error
 * or not (bit 2); then the request's body up to a zero byte; the rest is the answer. Nothing must break, text must lie in
 * the arena, parameters and tools must be JSON, and a second reading must say the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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
           sum(reading->tools) + sum(reading->parameters);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const targets[] = {"/v1/chat/completions", "/v1/messages", "/v1/responses",
                                          "/v1/embeddings?x=1"};
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_reading again;
    struct rn_error error;
    if (size < 1) {
        return 0;
    }
    struct rn_bytes in = rn_bytes_of(data + 1, size - 1);
    size_t border = rn_bytes_find_byte(in, 0);
    const struct rn_reading_input input = {
        .method = RN_LIT("POST"),
        .target = rn_bytes_text(targets[(data[0] & 1) + (data[0] >> 2 & 2)]),
        .request_body = rn_bytes_sub(in, 0, border),
        .status = (data[0] & 4) != 0 ? 500 : 200,
        .response_type =
            (data[0] & 2) != 0 ? RN_LIT("text/event-stream") : RN_LIT("application/json"),
        .response_body = border == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(in, border + 1),
    };
    enum rn_status status = rn_reading_make(&arena, &input, &reading, &error);
    require(status == RN_OK || status == RN_INVALID);
    check_reading(&reading, status);
    require(rn_reading_make(&arena, &input, &again, NULL) == status);
    require(sum_all(&again) == sum_all(&reading));
    rn_arena_free(&arena);
    return 0;
}
