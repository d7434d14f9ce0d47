/*
 * Splitting server-sent events (WHATWG HTML 9.2.6) without losing the bytes: each event is given with its extent.
 *
 * CR, LF and CRLF end lines, a BOM may lead, ':' begins a comment, several data lines join with LF, an empty line ends
 * an event. Fed whole or byte by byte, the events are the same.
 */
#ifndef RN_WIRE_SSE_H
#define RN_WIRE_SSE_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"

struct rn_sse_event {
    struct rn_bytes name; /* the `event:` value, may be empty */
    struct rn_bytes data; /* joined data lines */
    struct rn_bytes id;
    bool has_data;    /* false for comments and empty events */
    uint64_t end;     /* offset in the stream just behind the line end that closes the event */
};

/* A zeroed struct starts a stream. */
struct rn_sse_splitter {
    struct rn_buffer line;
    struct rn_buffer data;
    struct rn_buffer name;
    struct rn_buffer id;
    uint64_t offset; /* bytes taken so far */
    bool has_data;
    bool has_fields;
    bool after_cr;
    bool started;
};

/*
 * Takes bytes off the front of `in` up to and including the end of the next event. RN_OK with *found true: `event` is
 * filled, lent until the next call. *found false: the input is used up. RN_NOMEM, RN_LIMIT (a line over 64 MiB).
 */
enum rn_status rn_sse_next(struct rn_sse_splitter *splitter, struct rn_bytes *in,
                           struct rn_sse_event *event, bool *found);
/* What stands unfinished at the end of the stream, as an event, for readers that tolerate a missing last empty line. */
bool rn_sse_rest(struct rn_sse_splitter *splitter, struct rn_sse_event *event);
void rn_sse_free(struct rn_sse_splitter *splitter);

#endif
