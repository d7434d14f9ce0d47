/*
 * A stranger's frame, and a stranger's raw bytes behind a checksum that fits: nothing crashes, nothing is reserved on a claim,
 * and what decodes encodes to what decodes the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/memory.h"
#include "frame.h"
#include "store/evidence.h"
#include "trace_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void try_event(struct rn_bytes raw)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_event again = {0};
    struct rn_spans spans = {0};
    struct rn_buffer packed = {0};
    if (rn_event_decode(raw, &arena, &event, NULL) == RN_OK) {
        require(rn_event_encode(&event, &packed) == RN_OK);
        require(rn_event_decode(rn_buffer_bytes(&packed), &arena, &again, NULL) == RN_OK);
        require(event.fields == again.fields && event.erased == again.erased);
        for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
            require(rn_bytes_equal(rn_event_get(&event, tag), rn_event_get(&again, tag)));
            (void)rn_event_spans(&event, tag, &spans);
        }
    }
    rn_spans_free(&spans);
    rn_buffer_free(&packed);
    rn_arena_free(&arena);
}

static void try_trace(struct rn_bytes raw)
{
    struct rn_trace_opening opening;
    struct rn_trace_closing closing;
    struct rn_buffer packed = {0};
    if (rn_trace_opening_decode(raw, &opening, NULL) == RN_OK) {
        require(rn_trace_opening_encode(&opening, &packed) == RN_OK);
        require(rn_trace_opening_decode(rn_buffer_bytes(&packed), &opening, NULL) == RN_OK);
    }
    rn_buffer_clear(&packed);
    if (rn_trace_closing_decode(raw, &closing, NULL) == RN_OK) {
        require(rn_trace_closing_encode(&closing, &packed) == RN_OK);
        require(rn_trace_closing_decode(rn_buffer_bytes(&packed), &closing, NULL) == RN_OK);
    }
    rn_buffer_free(&packed);
}

static void try_frame(struct rn_bytes in)
{
    static struct rn_codec_context *context;
    struct rn_frame frame;
    struct rn_buffer raw = {.max = (size_t)1 << 24};
    context = context == NULL ? rn_codec_context_new() : context;
    if (rn_frame_read(in, &frame, NULL) == RN_OK &&
        rn_frame_decode(context, &frame, &raw, NULL) == RN_OK) {
        require(raw.len == frame.raw_bytes);
        try_event(rn_buffer_bytes(&raw));
        try_trace(rn_buffer_bytes(&raw));
    }
    rn_buffer_free(&raw);
}

/* The same bytes with the checksum that belongs to them, so that what lies behind it is reached. */
static void try_vouched(struct rn_bytes in)
{
    uint8_t *frame = in.len < RN_FRAME_HEADER_BYTES ? NULL : rn_dup(in.data, in.len);
    if (frame == NULL) {
        return;
    }
    uint32_t crc = rn_crc32(0, rn_bytes_of(frame, 12));
    crc = rn_crc32(crc, rn_bytes_of(frame + 16, in.len - 16));
    for (unsigned i = 0; i < 4; i++) {
        frame[12 + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    try_frame(rn_bytes_of(frame, in.len));
    rn_free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes in = rn_bytes_of(data, size);
    try_frame(in);
    try_vouched(in);
    try_event(in);
    try_trace(in);
    return 0;
}
