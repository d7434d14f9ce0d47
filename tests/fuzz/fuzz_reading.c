/*
 * Exchanges from strangers through the dialects. First byte: which dialect, streamed or not, an error or not; then the
 * request's body up to a zero byte; the rest is the answer. Nothing must break, and text must lie in the arena.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_error error;
    if (size < 1) {
        return 0;
    }
    struct rn_bytes in = rn_bytes_of(data + 1, size - 1);
    size_t border = rn_bytes_find_byte(in, 0);
    const struct rn_reading_input input = {
        .method = RN_LIT("POST"),
        .target = (data[0] & 1) != 0 ? RN_LIT("/v1/messages") : RN_LIT("/v1/chat/completions"),
        .request_body = rn_bytes_sub(in, 0, border),
        .status = (data[0] & 4) != 0 ? 500 : 200,
        .response_type =
            (data[0] & 2) != 0 ? RN_LIT("text/event-stream") : RN_LIT("application/json"),
        .response_body = border == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(in, border + 1),
    };
    enum rn_status status = rn_reading_make(&arena, &input, &reading, &error);
    require(status == RN_OK || status == RN_INVALID);
    unsigned total = sum_said(reading.request) + sum_said(reading.response) +
                     sum(reading.model_asked) + sum(reading.model_answered) + sum(reading.finish) +
                     sum(reading.error);
    require(reading.dialect != RN_DIALECT_NONE || total == 0);
    rn_arena_free(&arena);
    return 0;
}
