/*
 * Event streams from strangers. The events must be the same whole, byte by byte and in odd pieces, and their extents must
 * tile the stream.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/varint.h"
#include "wire/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static void put(struct rn_buffer *out, const struct rn_sse_event *event)
{
    require(rn_varint_put(out, event->end) == RN_OK);
    require(rn_run_put(out, event->name) == RN_OK);
    require(rn_run_put(out, event->data) == RN_OK);
    require(rn_run_put(out, event->id) == RN_OK);
    require(rn_buffer_add_byte(out, event->has_data) == RN_OK);
    require(event->has_data || event->data.len == 0);
}

/* All events as one run of bytes. */
static struct rn_buffer split(struct rn_bytes stream, size_t step)
{
    struct rn_buffer out = {0};
    struct rn_sse_splitter splitter = {0};
    struct rn_sse_event event;
    uint64_t last = 0;
    for (size_t at = 0; at < stream.len; at += step) {
        struct rn_bytes in = rn_bytes_sub(stream, at, step);
        bool found = true;
        while (found) {
            require(rn_sse_next(&splitter, &in, &event, &found) == RN_OK);
            if (found) {
                require(event.end > last && event.end <= stream.len);
                require(stream.data[event.end - 1] == '\n' || stream.data[event.end - 1] == '\r');
                last = event.end;
                put(&out, &event);
            }
        }
        require(in.len == 0);
    }
    if (rn_sse_rest(&splitter, &event)) {
        require(event.end == stream.len);
        put(&out, &event);
    }
    rn_sse_free(&splitter);
    return out;
}

static void compare(struct rn_bytes stream, size_t step, const struct rn_buffer *whole)
{
    struct rn_buffer other = split(stream, step);
    require(rn_bytes_equal(rn_buffer_bytes(&other), rn_buffer_bytes(whole)));
    rn_buffer_free(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes stream = {data, size};
    struct rn_buffer whole = split(stream, size + 1);
    compare(stream, 1, &whole);
    compare(stream, 3, &whole);
    rn_buffer_free(&whole);
    return 0;
}
