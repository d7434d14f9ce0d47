/*
 * Chunked bodies from strangers. Whole, byte by byte and in odd pieces must say the same; what was decoded, framed again
 * by rn_chunk_head, must decode to the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct rn_buffer data;
    struct rn_buffer framed; /* the finished chunks with heads of our own */
    struct rn_buffer trailers;
    uint64_t borders;
    enum rn_chunk_step end;
    size_t taken;
};

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static void add_chunk(struct outcome *outcome, size_t begin)
{
    char out[20];
    struct rn_bytes chunk = rn_bytes_from(rn_buffer_bytes(&outcome->data), begin);
    require(rn_buffer_append(&outcome->framed, out, rn_chunk_head(chunk.len, out)) == RN_OK);
    require(rn_buffer_add(&outcome->framed, chunk) == RN_OK);
    require(rn_buffer_add(&outcome->framed, RN_LIT("\r\n")) == RN_OK);
}

static struct outcome decode(struct rn_bytes body, size_t step)
{
    struct outcome outcome = {.end = RN_CHUNK_MORE};
    struct rn_chunk_decoder decoder = {0};
    size_t begin = 0;
    while (outcome.end == RN_CHUNK_MORE && outcome.taken < body.len) {
        struct rn_bytes in = rn_bytes_sub(body, outcome.taken, step);
        struct rn_bytes data;
        size_t fed = in.len;
        do {
            outcome.end = rn_chunk_next(&decoder, &in, &data);
            if (outcome.end == RN_CHUNK_DATA) {
                require(data.len > 0 && rn_buffer_add(&outcome.data, data) == RN_OK);
            } else if (outcome.end == RN_CHUNK_BORDER) {
                require(decoder.chunk_bytes == outcome.data.len - begin);
                add_chunk(&outcome, begin);
                begin = outcome.data.len;
                outcome.borders++;
            }
        } while (outcome.end == RN_CHUNK_DATA || outcome.end == RN_CHUNK_BORDER);
        outcome.taken += fed - in.len;
    }
    require(rn_buffer_add(&outcome.trailers, rn_buffer_bytes(&decoder.trailers)) == RN_OK);
    rn_chunk_decoder_free(&decoder);
    return outcome;
}

static void outcome_free(struct outcome *outcome)
{
    rn_buffer_free(&outcome->data);
    rn_buffer_free(&outcome->framed);
    rn_buffer_free(&outcome->trailers);
}

static void compare(struct rn_bytes body, size_t step, const struct outcome *whole)
{
    struct outcome other = decode(body, step);
    require(other.end == whole->end && other.borders == whole->borders);
    require(rn_bytes_equal(rn_buffer_bytes(&other.data), rn_buffer_bytes(&whole->data)));
    if (whole->end == RN_CHUNK_END || whole->end == RN_CHUNK_MORE) {
        require(other.taken == whole->taken);
        require(
            rn_bytes_equal(rn_buffer_bytes(&other.trailers), rn_buffer_bytes(&whole->trailers)));
    }
    outcome_free(&other);
}

static void frame_again(struct outcome *whole)
{
    require(rn_buffer_add(&whole->framed, RN_LIT("0\r\n")) == RN_OK);
    require(rn_buffer_add(&whole->framed, rn_buffer_bytes(&whole->trailers)) == RN_OK);
    require(rn_buffer_add(&whole->framed, RN_LIT("\r\n")) == RN_OK);
    compare(rn_buffer_bytes(&whole->framed), whole->framed.len,
            &(struct outcome){.data = whole->data,
                              .trailers = whole->trailers,
                              .borders = whole->borders,
                              .end = RN_CHUNK_END,
                              .taken = whole->framed.len});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes body = {data, size};
    struct outcome whole = decode(body, size + 1);
    compare(body, 1, &whole);
    compare(body, 3, &whole);
    if (whole.end == RN_CHUNK_END) {
        frame_again(&whole);
    }
    outcome_free(&whole);
    return 0;
}
