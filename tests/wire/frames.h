/*
 * Amazon's frames from text, for tests: a line "EVENT JSON" is a frame, "chunk JSON" one of invoke's, whose JSON travels in base64, and
 * what ends in Exception an exception.
 */
#ifndef RN_TESTS_WIRE_FRAMES_H
#define RN_TESTS_WIRE_FRAMES_H

#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"

/* Takes a line off the front, without its end. */
static inline struct rn_bytes rn_frames_line(struct rn_bytes *rest)
{
    struct rn_bytes line = rn_bytes_sub(*rest, 0, rn_bytes_find_byte(*rest, '\n'));
    *rest = rn_bytes_from(*rest, line.len + 1);
    return line;
}

static inline void rn_frames_number(struct rn_buffer *out, uint32_t number, int bytes)
{
    while (bytes-- > 0) {
        rn_buffer_add_byte(out, (uint8_t)(number >> (8 * bytes)));
    }
}

static inline void rn_frames_header(struct rn_buffer *out, const char *name, struct rn_bytes value)
{
    rn_buffer_add_byte(out, (uint8_t)strlen(name));
    rn_buffer_append(out, name, strlen(name));
    rn_buffer_add_byte(out, 7);
    rn_frames_number(out, (uint32_t)value.len, 2);
    rn_buffer_add(out, value);
}

static inline void rn_frames_put(struct rn_buffer *out, struct rn_bytes event,
                                 struct rn_bytes payload)
{
    struct rn_buffer headers = {0};
    struct rn_buffer frame = {0};
    bool exception = rn_bytes_ends_with(event, RN_LIT("Exception"));
    rn_frames_header(&headers, exception ? ":exception-type" : ":event-type", event);
    rn_frames_header(&headers, ":content-type", RN_LIT("application/json"));
    rn_frames_header(&headers, ":message-type", exception ? RN_LIT("exception") : RN_LIT("event"));
    rn_frames_number(&frame, (uint32_t)(headers.len + payload.len + 16), 4);
    rn_frames_number(&frame, (uint32_t)headers.len, 4);
    rn_frames_number(&frame, rn_crc32(0, rn_buffer_bytes(&frame)), 4);
    rn_buffer_add(&frame, rn_buffer_bytes(&headers));
    rn_buffer_add(&frame, payload);
    rn_frames_number(&frame, rn_crc32(0, rn_buffer_bytes(&frame)), 4);
    rn_buffer_add(out, rn_buffer_bytes(&frame));
    rn_buffer_free(&headers);
    rn_buffer_free(&frame);
}

static inline void rn_frames_base64(struct rn_buffer *out, struct rn_bytes bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++) {
            group = group << 8 | (i + j < bytes.len ? bytes.data[i + j] : 0);
        }
        for (size_t j = 0; j < 4; j++) {
            bool there = i + j <= bytes.len;
            rn_buffer_add_byte(out, there ? (uint8_t)letters[group >> (18 - 6 * j) & 63] : '=');
        }
    }
}

static inline void rn_frames_encode(struct rn_buffer *out, struct rn_bytes lines)
{
    while (lines.len > 0) {
        struct rn_bytes line = rn_frames_line(&lines);
        size_t blank = rn_bytes_find_byte(line, ' ');
        struct rn_bytes event = rn_bytes_sub(line, 0, blank);
        struct rn_buffer chunk = {0};
        struct rn_bytes payload = rn_bytes_from(line, blank + 1);
        if (rn_bytes_equal(event, RN_LIT("chunk"))) {
            rn_buffer_addf(&chunk, "{\"bytes\":\"");
            rn_frames_base64(&chunk, payload);
            rn_buffer_addf(&chunk, "\",\"p\":\"abc\"}");
            payload = rn_buffer_bytes(&chunk);
        }
        rn_frames_put(out, event, payload);
        rn_buffer_free(&chunk);
    }
}

#endif
