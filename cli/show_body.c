/* One body for reading. What is shown is the decoded form; lengths and pieces are those of the stored one. */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "pretty.h"
#include "printable.h"
#include "wire/sse.h"

#define HEX_BYTES_MAX 512
#define PIECES_SHOWN_MAX 12

static enum rn_status add_caption(struct rn_buffer *out, const struct rn_view_body *body)
{
    enum rn_status status = rn_buffer_addf(out, "%zu bytes", body->stored.len);
    if (status == RN_OK && body->type.len > 0) {
        status = rn_buffer_addf(out, " of ");
        status = status == RN_OK ? rn_printable(out, body->type, RN_PRINTABLE_LINE) : status;
    }
    if (status == RN_OK && body->coding.len > 0) {
        status = rn_buffer_addf(out, ", coded as ");
        status = status == RN_OK ? rn_printable(out, body->coding, RN_PRINTABLE_LINE) : status;
        status = status == RN_OK ? rn_buffer_addf(out, ", %zu decoded", body->decoded.len) : status;
    }
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    if (status == RN_OK && body->fault.status != RN_OK) {
        status = rn_buffer_addf(out, "not wholly decoded: ");
        status = status == RN_OK
                     ? rn_printable(out, rn_bytes_text(body->fault.text), RN_PRINTABLE_LINE)
                     : status;
        status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    }
    return status;
}

/* "14 pieces: 120 340 23 ...": where we framed chunks of our own, these are the chunks. */
static enum rn_status add_pieces(struct rn_buffer *out, const struct rn_view *view)
{
    struct rn_view_pieces pieces = rn_view_pieces_of(view->event);
    struct rn_buffer list = {0};
    enum rn_status status = RN_OK;
    uint64_t begin = 0;
    while (rn_view_pieces_next(&pieces) && status == RN_OK) {
        if (pieces.number <= PIECES_SHOWN_MAX) {
            status = rn_buffer_addf(&list, " %" PRIu64, pieces.end - begin);
        }
        begin = pieces.end;
    }
    if (status == RN_OK && pieces.number > 1) {
        status =
            rn_buffer_addf(out, "%" PRIu64 " pieces:%.*s%s\n", pieces.number, (int)list.len,
                           (const char *)list.data, pieces.number > PIECES_SHOWN_MAX ? " ..." : "");
    }
    rn_buffer_free(&list);
    return status;
}

/* --- event streams ------------------------------------------------------------------------------------------------- */

/* Moves on to the piece that holds the byte before `offset`; *from is the piece the byte at `begin` is in. */
static void pieces_advance(struct rn_view_pieces *pieces, uint64_t begin, uint64_t offset,
                           uint64_t *from)
{
    while (pieces->end <= begin && rn_view_pieces_next(pieces)) {
    }
    *from = pieces->number;
    while (pieces->end < offset && rn_view_pieces_next(pieces)) {
    }
}

/* "#3    120..340   piece 2 at +31 ms   message_start  {...}" */
static enum rn_status add_stream_event(struct rn_buffer *out, struct rn_view_pieces *pieces,
                                       size_t number, uint64_t begin, uint64_t end,
                                       const struct rn_sse_event *event)
{
    enum rn_status status =
        rn_buffer_addf(out, "#%-3zu %6" PRIu64 "..%-6" PRIu64 " ", number, begin, end);
    if (status == RN_OK && pieces != NULL) {
        struct rn_human at;
        uint64_t from = 0;
        pieces_advance(pieces, begin, end, &from);
        char place[64];
        int len = snprintf(place, sizeof place, "piece%s %" PRIu64,
                           from == pieces->number ? "" : "s", from);
        if (from != pieces->number) {
            (void)snprintf(place + len, sizeof place - (size_t)len, "-%" PRIu64, pieces->number);
        }
        status =
            rn_buffer_addf(out, "%-10s at +%-8s ", place, rn_human_duration(&at, pieces->at_ns));
    }
    if (status == RN_OK && event->name.len > 0) {
        status = rn_printable(out, event->name, RN_PRINTABLE_LINE);
        status = status == RN_OK ? rn_buffer_addf(out, "  ") : status;
    }
    status = status == RN_OK ? event->has_data ? rn_printable(out, event->data, RN_PRINTABLE_LINE)
                                               : rn_buffer_addf(out, "(a comment or an empty line)")
                             : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_stream(struct rn_buffer *out, const struct rn_view *view,
                                 const struct rn_view_body *body)
{
    struct rn_sse_splitter splitter;
    struct rn_sse_event event;
    struct rn_view_pieces walk = rn_view_pieces_of(view->event);
    /* Pieces are those of the stored bytes; of coded ones an event's place says nothing. */
    struct rn_view_pieces *pieces = body->coding.len == 0 ? &walk : NULL;
    struct rn_bytes left = body->decoded;
    bool found = true;
    uint64_t begin = 0;
    size_t number = 0;
    memset(&splitter, 0, sizeof splitter);
    enum rn_status status = RN_OK;
    while (status == RN_OK && found) {
        status = rn_sse_next(&splitter, &left, &event, &found);
        if (status == RN_OK && found) {
            status = add_stream_event(out, pieces, ++number, begin, event.end, &event);
            begin = event.end;
        }
    }
    if (status == RN_OK && rn_sse_rest(&splitter, &event)) {
        status = add_stream_event(out, pieces, ++number, begin, body->decoded.len, &event);
    }
    rn_sse_free(&splitter);
    return status;
}

/* --- any body ------------------------------------------------------------------------------------------------------ */

static enum rn_status add_text_or_bytes(struct rn_buffer *out, struct rn_bytes bytes)
{
    if (rn_printable_is_utf8(bytes) && rn_bytes_find_byte(bytes, 0) == RN_NPOS) {
        enum rn_status status = rn_printable(out, bytes, RN_PRINTABLE_TEXT);
        bool ended = bytes.data[bytes.len - 1] == '\n';
        return status == RN_OK && !ended ? rn_buffer_add_byte(out, '\n') : status;
    }
    enum rn_status status = rn_pretty_hex(out, bytes, HEX_BYTES_MAX);
    if (status == RN_OK && bytes.len > HEX_BYTES_MAX) {
        status = rn_buffer_addf(out, "%zu bytes more; --raw writes them all\n",
                                bytes.len - HEX_BYTES_MAX);
    }
    return status;
}

enum rn_status rn_show_body(struct rn_buffer *out, const struct rn_view *view,
                            const struct rn_view_body *body)
{
    bool is_response = body == &view->response;
    if (body->stored.len == 0) {
        return rn_buffer_addf(out, "no body\n");
    }
    enum rn_status status = add_caption(out, body);
    if (status == RN_OK && is_response) {
        status = add_pieces(out, view);
    }
    struct rn_bytes shown = body->decoded.len > 0 ? body->decoded : body->stored;
    struct rn_bytes media =
        rn_bytes_trim(rn_bytes_sub(body->type, 0, rn_bytes_find_byte(body->type, ';')));
    if (status == RN_OK && rn_bytes_equal_nocase(media, RN_LIT("text/event-stream"))) {
        return add_stream(out, view, body);
    }
    if (status == RN_OK) {
        status = rn_pretty_json(out, shown);
    }
    return status == RN_INVALID ? add_text_or_bytes(out, shown) : status;
}
