/*
 * Splitting server-sent events (WHATWG HTML 9.2.6) without losing the bytes: each event is given with its extent.
 *
 * CR, LF and CRLF end lines, a BOM may lead, ':' begins a comment, several data lines join with LF, an empty line ends
 * an event. Fed whole or byte by byte, the events are the same. The extents tile the stream: comments and lone empty
 * lines are given too, with has_data false, which is what a browser would not dispatch.
 */
#ifndef RN_WIRE_SSE_H
#define RN_WIRE_SSE_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"

struct rn_sse_event {
    struct rn_bytes name; /* the `event:` value, may be empty */
    struct rn_bytes data; /* joined data lines */
    struct rn_bytes id;   /* the last one seen so far; it stays from event to event */
    bool has_data;        /* false for comments and empty events */
    uint64_t end;         /* offset in the stream just behind the line end that closes the event */
};

/* A zeroed struct starts a stream. */
struct rn_sse_splitter {
    struct rn_buffer line;
    struct rn_buffer data;
    struct rn_buffer name;
    struct rn_buffer id;
    uint64_t offset; /* bytes taken so far */
    bool has_data;
    bool has_fields; /* the event has at least one line that is not empty */
    bool after_cr;   /* an LF here would belong to the line end before it */
    bool closing;    /* the empty line is read, the event not yet given */
    bool given;      /* data and name are lent to the caller */
    bool started;    /* behind the first line, where a BOM may stand */
};

/*
 * Takes bytes off the front of `in` up to and including the end of the next event. RN_OK with *found true: `event` is
 * filled, lent until the next call. *found false: the input is used up. RN_NOMEM, RN_LIMIT (a line or the data of one
 * event over 64 MiB): the stream cannot be read on. An event closed by a CR is given when the byte behind it is known.
 */
enum rn_status rn_sse_next(struct rn_sse_splitter *splitter, struct rn_bytes *in,
                           struct rn_sse_event *event, bool *found);
/*
 * What stands unfinished at the end of the stream, as an event, for readers that tolerate a missing last empty line; an
 * event closed by the stream's very last CR is given here too. False when there is nothing, or no memory for it.
 */
bool rn_sse_rest(struct rn_sse_splitter *splitter, struct rn_sse_event *event);
void rn_sse_free(struct rn_sse_splitter *splitter);

#endif
