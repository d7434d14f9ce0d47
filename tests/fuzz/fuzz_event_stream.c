/* Bytes from strangers as Amazon's frames: what comes out lies in the input, and byte by byte the same frames come out. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "../../wire/event_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static bool is_inside(struct rn_bytes part, struct rn_bytes all)
{
    return part.len == 0 || (part.data >= all.data && part.data + part.len <= all.data + all.len);
}

/* Frames and their payloads in one number; *left is what was not taken. */
static uint64_t count(struct rn_bytes in, size_t *left, enum rn_status *status)
{
    struct rn_bytes all = in;
    struct rn_event_stream_frame frame;
    struct rn_error error;
    uint64_t sum = 0;
    bool found = true;
    *status = RN_OK;
    while (found && *status == RN_OK) {
        *status = rn_event_stream_next(&in, &frame, &found, &error);
        if (found) {
            struct rn_event_stream_header header;
            require(is_inside(frame.payload, all) && is_inside(frame.name, all));
            while (rn_event_stream_header(&frame.headers, &header)) {
                require(is_inside(header.name, all) && is_inside(header.value, all));
            }
            require(frame.headers.len == 0);
            sum = sum * 31 + frame.payload.len + 1;
        }
    }
    *left = in.len;
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes in = rn_bytes_of(data, size);
    size_t left = 0;
    enum rn_status status = RN_OK;
    uint64_t whole = count(in, &left, &status);
    uint64_t pieces = 0;
    size_t begin = 0;
    for (size_t end = 0; end <= size && end < 4096; end++) {
        struct rn_event_stream_frame frame;
        bool found = false;
        struct rn_bytes rest = rn_bytes_sub(in, begin, end - begin);
        if (rn_event_stream_next(&rest, &frame, &found, NULL) != RN_OK) {
            break;
        }
        begin = found ? end - rest.len : begin;
        pieces = found ? pieces * 31 + frame.payload.len + 1 : pieces;
    }
    require(size >= 4096 || pieces == whole);
    return 0;
}
