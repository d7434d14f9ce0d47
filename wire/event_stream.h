/*
 * Frames of application/vnd.amazon.eventstream, in which Bedrock streams (wire.md 1.5): lengths, headers, a payload, and two
 * checksums.
 *
 * A frame is looked at where it lies: nothing is copied, nothing owned. Frames are cut from chunks of HTTP at will, so the
 * caller brings what it has so far.
 */
#ifndef RN_WIRE_EVENT_STREAM_H
#define RN_WIRE_EVENT_STREAM_H

#include "base/bytes.h"
#include "base/status.h"

/* What a frame needs beside headers and payload: two lengths and their sum in front, a sum behind. */
#define RN_EVENT_STREAM_FRAME_BYTES_MIN ((size_t)16)
/* Twice the most that the format allows (24 MiB); a longer frame is none. */
#define RN_EVENT_STREAM_FRAME_BYTES_MAX ((size_t)48 * 1024 * 1024)

struct rn_event_stream_frame {
    struct rn_bytes headers; /* for rn_event_stream_header */
    struct rn_bytes payload;
    struct rn_bytes message_type; /* ":message-type": event, exception or error; empty: not said */
    struct rn_bytes name; /* ":event-type", ":exception-type" or ":error-code"; empty: not said */
};

/*
 * Takes the frame at the front off `in`. RN_OK with *found true: `frame` is lent from the input. *found false: the input ends
 * inside a frame, or is empty, and nothing is taken. RN_INVALID: a length or a sum is wrong, and where frames go on is unknown.
 */
enum rn_status rn_event_stream_next(struct rn_bytes *in, struct rn_event_stream_frame *frame,
                                    bool *found, struct rn_error *error);

/* One header: its type (wire.md 1.5) and its value as it lies there; true and false have none. */
struct rn_event_stream_header {
    struct rn_bytes name;
    uint8_t type;
    struct rn_bytes value;
};
/* Takes one off the front of the headers; false at their end or where they are malformed, which leaves some. */
bool rn_event_stream_header(struct rn_bytes *headers, struct rn_event_stream_header *out);

#endif
