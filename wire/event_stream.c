/*
 * The binary frames of Amazon's event streams (wire.md 1.5): all numbers big-endian, both sums CRC-32 as in gzip.
 *
 * The lengths are believed only once their own sum is right, and the frame only once the sum over all of it is.
 */
#include "event_stream.h"

#include "base/digest.h"

#define PRELUDE_BYTES ((size_t)8)

static uint32_t number_at(struct rn_bytes in, size_t at, size_t bytes)
{
    uint32_t number = 0;
    for (size_t i = 0; i < bytes; i++) {
        number = number << 8 | in.data[at + i];
    }
    return number;
}

static struct rn_bytes take(struct rn_bytes *in, size_t len)
{
    struct rn_bytes taken = rn_bytes_sub(*in, 0, len);
    *in = rn_bytes_from(*in, len);
    return taken;
}

/* How long a value of this type is, where the type says so; RN_NPOS: two bytes in front of it do. */
static size_t bytes_of_type(uint8_t type)
{
    static const size_t lengths[] = {0, 0, 1, 2, 4, 8, RN_NPOS, RN_NPOS, 8, 16};
    return lengths[type];
}

bool rn_event_stream_header(struct rn_bytes *headers, struct rn_event_stream_header *out)
{
    struct rn_bytes in = *headers;
    if (in.len == 0 || in.len < (size_t)in.data[0] + 2) {
        return false;
    }
    size_t name_bytes = take(&in, 1).data[0];
    out->name = take(&in, name_bytes);
    out->type = take(&in, 1).data[0];
    if (out->type > 9) {
        return false;
    }
    size_t len = bytes_of_type(out->type);
    if (len == RN_NPOS) {
        if (in.len < 2) {
            return false;
        }
        len = number_at(take(&in, 2), 0, 2);
    }
    if (in.len < len) {
        return false;
    }
    out->value = take(&in, len);
    *headers = in;
    return true;
}

/* False: the headers are malformed. */
static bool read_headers(struct rn_event_stream_frame *frame)
{
    struct rn_bytes rest = frame->headers;
    struct rn_event_stream_header header;
    while (rn_event_stream_header(&rest, &header)) {
        if (rn_bytes_equal(header.name, RN_LIT(":message-type"))) {
            frame->message_type = header.value;
        } else if (rn_bytes_equal(header.name, RN_LIT(":event-type")) ||
                   rn_bytes_equal(header.name, RN_LIT(":exception-type")) ||
                   rn_bytes_equal(header.name, RN_LIT(":error-code"))) {
            frame->name = header.value;
        }
    }
    return rest.len == 0;
}

enum rn_status rn_event_stream_next(struct rn_bytes *in, struct rn_event_stream_frame *frame,
                                    bool *found, struct rn_error *error)
{
    *found = false;
    if (in->len < PRELUDE_BYTES + 4) {
        return RN_OK;
    }
    size_t total = number_at(*in, 0, 4);
    size_t headers = number_at(*in, 4, 4);
    if (rn_crc32(0, rn_bytes_sub(*in, 0, PRELUDE_BYTES)) != number_at(*in, PRELUDE_BYTES, 4)) {
        return rn_fail(error, RN_INVALID, "A frame's lengths do not fit their checksum.");
    }
    if (total < RN_EVENT_STREAM_FRAME_BYTES_MIN || total > RN_EVENT_STREAM_FRAME_BYTES_MAX ||
        headers > total - RN_EVENT_STREAM_FRAME_BYTES_MIN) {
        return rn_fail(error, RN_INVALID, "A frame of %zu bytes with %zu of headers is none.",
                       total, headers);
    }
    if (in->len < total) {
        return RN_OK;
    }
    if (rn_crc32(0, rn_bytes_sub(*in, 0, total - 4)) != number_at(*in, total - 4, 4)) {
        return rn_fail(error, RN_INVALID, "A frame does not fit its checksum.");
    }
    *frame = (struct rn_event_stream_frame){
        .headers = rn_bytes_sub(*in, PRELUDE_BYTES + 4, headers),
        .payload = rn_bytes_sub(*in, PRELUDE_BYTES + 4 + headers,
                                total - RN_EVENT_STREAM_FRAME_BYTES_MIN - headers)};
    if (!read_headers(frame)) {
        return rn_fail(error, RN_INVALID, "A frame's headers cannot be read.");
    }
    *in = rn_bytes_from(*in, total);
    *found = true;
    return RN_OK;
}
