/*
 * Server-sent events (WHATWG HTML 9.2.6), split without losing the bytes.
 *
 * In come pieces cut anywhere, out go events with the offset of their end, so that the extents tile the stream: comments
 * and lone empty lines come out too, without data. What the data mean is for others (reading.c); what ends an answer is
 * terminal.c's.
 */
#include "sse.h"

#include <string.h>

#include "base/limits.h"
#include "line.h"

/* Of a line, and of the joined data lines of one event. */
#define LINE_BYTES_MAX RN_DECODED_BYTES_MAX

static void take(struct rn_sse_splitter *splitter, struct rn_bytes *in, size_t count)
{
    in->data += count;
    in->len -= count;
    splitter->offset += count;
}

/* The event last given was lent until now. The id stays, as it does in a browser. */
static void forget_given(struct rn_sse_splitter *splitter)
{
    if (splitter->given) {
        rn_buffer_clear(&splitter->data);
        rn_buffer_clear(&splitter->name);
        splitter->has_data = false;
        splitter->has_fields = false;
        splitter->given = false;
    }
}

static void give(struct rn_sse_splitter *splitter, struct rn_sse_event *event)
{
    splitter->given = true;
    splitter->closing = false;
    *event = (struct rn_sse_event){
        .name = rn_buffer_bytes(&splitter->name),
        .data = rn_buffer_bytes(&splitter->data),
        .id = rn_buffer_bytes(&splitter->id),
        .has_data = splitter->has_data,
        .end = splitter->offset,
    };
}

/* --- lines --------------------------------------------------------------------------------------------------------- */

static enum rn_status replace(struct rn_buffer *buffer, struct rn_bytes value)
{
    rn_buffer_clear(buffer);
    return rn_buffer_add(buffer, value);
}

static enum rn_status add_data(struct rn_sse_splitter *splitter, struct rn_bytes value)
{
    enum rn_status status = RN_OK;
    splitter->data.max = LINE_BYTES_MAX;
    if (splitter->has_data) {
        status = rn_buffer_add_byte(&splitter->data, '\n');
    }
    splitter->has_data = true;
    return status == RN_OK ? rn_buffer_add(&splitter->data, value) : status;
}

static enum rn_status take_field(struct rn_sse_splitter *splitter, struct rn_bytes name,
                                 struct rn_bytes value)
{
    if (rn_bytes_equal(name, RN_LIT("data"))) {
        return add_data(splitter, value);
    }
    if (rn_bytes_equal(name, RN_LIT("event"))) {
        return replace(&splitter->name, value);
    }
    if (rn_bytes_equal(name, RN_LIT("id")) && rn_bytes_find_byte(value, '\0') == RN_NPOS) {
        return replace(&splitter->id, value);
    }
    return RN_OK;
}

/* A line without its end. An empty one closes the event, which the caller sees to. */
static enum rn_status take_line(struct rn_sse_splitter *splitter, struct rn_bytes line)
{
    splitter->has_fields = true;
    size_t colon = rn_bytes_find_byte(line, ':');
    if (colon == 0) {
        return RN_OK; /* a comment */
    }
    struct rn_bytes value =
        colon == RN_NPOS ? (struct rn_bytes){NULL, 0} : rn_bytes_from(line, colon + 1);
    if (value.len > 0 && value.data[0] == ' ') {
        value = rn_bytes_from(value, 1);
    }
    return take_field(splitter, rn_bytes_sub(line, 0, colon), value);
}

/* The line that begins in the buffer and ends with `tail`, without a leading BOM if it is the stream's first. */
static enum rn_status whole_line(struct rn_sse_splitter *splitter, struct rn_bytes tail,
                                 struct rn_bytes *line)
{
    *line = tail;
    splitter->line.max = LINE_BYTES_MAX;
    if (splitter->line.len > 0) {
        enum rn_status status = rn_buffer_add(&splitter->line, tail);
        if (status != RN_OK) {
            return status;
        }
        *line = rn_buffer_bytes(&splitter->line);
    }
    if (line->len > LINE_BYTES_MAX) {
        return RN_LIMIT;
    }
    if (!splitter->started && rn_bytes_starts_with(*line, RN_LIT("\xef\xbb\xbf"))) {
        *line = rn_bytes_from(*line, 3);
    }
    splitter->started = true;
    return RN_OK;
}

/* Takes the line whose end stands at in[at]. */
static enum rn_status end_line(struct rn_sse_splitter *splitter, struct rn_bytes *in, size_t at)
{
    struct rn_bytes line;
    enum rn_status status = whole_line(splitter, rn_bytes_sub(*in, 0, at), &line);
    if (status == RN_OK && line.len > 0) {
        status = take_line(splitter, line);
    } else if (status == RN_OK) {
        splitter->closing = true;
    }
    rn_buffer_clear(&splitter->line);
    splitter->after_cr = in->data[at] == '\r';
    take(splitter, in, at + 1);
    return status;
}

static enum rn_status keep_rest(struct rn_sse_splitter *splitter, struct rn_bytes *in)
{
    splitter->line.max = LINE_BYTES_MAX;
    enum rn_status status = rn_buffer_add(&splitter->line, *in);
    take(splitter, in, in->len);
    return status;
}

/* --- events -------------------------------------------------------------------------------------------------------- */

/*
 * An event closed by a CR is given once the next byte is known: if that is an LF it belongs to the same line end, and the
 * extent must not depend on where the stream was cut.
 */
enum rn_status rn_sse_next(struct rn_sse_splitter *splitter, struct rn_bytes *in,
                           struct rn_sse_event *event, bool *found)
{
    enum rn_status status = RN_OK;
    *found = false;
    forget_given(splitter);
    while (status == RN_OK && (in->len > 0 || (splitter->closing && !splitter->after_cr))) {
        if (splitter->after_cr) {
            take(splitter, in, in->data[0] == '\n' ? 1 : 0);
            splitter->after_cr = false;
        }
        if (splitter->closing) {
            give(splitter, event);
            *found = true;
            return RN_OK;
        }
        size_t at = rn_line_end(*in);
        status = at == in->len ? keep_rest(splitter, in) : end_line(splitter, in, at);
    }
    return status;
}

bool rn_sse_rest(struct rn_sse_splitter *splitter, struct rn_sse_event *event)
{
    struct rn_bytes line;
    forget_given(splitter);
    if (splitter->line.len > 0) {
        enum rn_status status = whole_line(splitter, (struct rn_bytes){NULL, 0}, &line);
        if (status == RN_OK && line.len > 0) {
            status = take_line(splitter, line);
        }
        rn_buffer_clear(&splitter->line);
        if (status != RN_OK) {
            return false;
        }
    }
    bool unfinished = splitter->has_fields || splitter->closing;
    if (unfinished) {
        give(splitter, event);
    }
    return unfinished;
}

void rn_sse_free(struct rn_sse_splitter *splitter)
{
    rn_buffer_free(&splitter->line);
    rn_buffer_free(&splitter->data);
    rn_buffer_free(&splitter->name);
    rn_buffer_free(&splitter->id);
    *splitter = (struct rn_sse_splitter){0};
}
