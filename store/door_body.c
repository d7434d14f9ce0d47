/*
 * Bodies at the write door: those in a content coding, which cannot be changed in place, and streams, of which a credential may
 * hold the end of one piece and the beginning of the next.
 */
#include "door_parts.h"

#include <assert.h>
#include <string.h>

#include "wire/coding.h"

/* --- bodies in a content coding ------------------------------------------------------------------------------------- */

static bool holds_credential(const struct rn_spans *spans)
{
    for (size_t i = 0; i < spans->count; i++) {
        if (spans->at[i].kind != RN_SECRET_PLACEHOLDER) {
            return true;
        }
    }
    return false;
}

/*
 * Whether a coded body must not be kept. What cannot be decoded to its end is looked at as far as it goes and as it lies
 * there; a coding that we do not know, or a body beyond the bounds, cannot be vouched for.
 */
static enum rn_status look_inside(struct rn_pass *pass, struct rn_bytes coding,
                                  struct rn_bytes body, bool is_json, bool *withhold)
{
    struct rn_spans *spans = &pass->door->spans;
    rn_find_in *find = is_json ? rn_find_json : rn_find_text;
    struct rn_buffer decoded = {0};
    enum rn_status status = rn_coding_decode(coding, body, &decoded, NULL);
    *withhold = status == RN_REFUSED || status == RN_LIMIT;
    if (*withhold || status == RN_NOMEM) {
        rn_buffer_free(&decoded);
        return *withhold ? RN_OK : status;
    }
    bool is_cut = status == RN_INVALID;
    spans->count = 0;
    status = find(pass, rn_buffer_bytes(&decoded), spans);
    *withhold = status == RN_OK && holds_credential(spans);
    if (status == RN_OK && is_cut && !*withhold) {
        spans->count = 0;
        status = find(pass, body, spans);
        *withhold = status == RN_OK && holds_credential(spans);
    }
    rn_buffer_free(&decoded);
    return status;
}

static bool is_coded(const struct rn_buffer *coding)
{
    return coding->len > 0 && !rn_coding_is_identity(rn_buffer_bytes(coding));
}

/* --- request bodies ------------------------------------------------------------------------------------------------- */

enum rn_status rn_clean_request_body(struct rn_pass *pass)
{
    struct rn_passage *passage = pass->passage;
    struct rn_bytes body = rn_event_get(pass->clean, RN_TAG_REQUEST_BODY);
    if (!is_coded(&passage->request_coding)) {
        bool is_json = passage->is_request_json || rn_redact_looks_json(body);
        return rn_clean_whole(pass, RN_TAG_REQUEST_BODY, is_json ? rn_find_json : rn_find_text,
                              &pass->door->body_spans);
    }
    enum rn_status status = look_inside(pass, rn_buffer_bytes(&passage->request_coding), body, true,
                                        &passage->request_withheld);
    if (status == RN_OK && passage->request_withheld) {
        pass->clean->fields &= ~RN_TAG_BIT(RN_TAG_REQUEST_BODY);
    }
    return status;
}

/* --- streams -------------------------------------------------------------------------------------------------------- */

/* What is carried and what came now, as one run. Lent from the piece, or in the arena. */
static struct rn_bytes stream_text(struct rn_pass *pass, const struct rn_stream *stream,
                                   struct rn_bytes more)
{
    if (stream->carry.len == 0) {
        return more;
    }
    size_t len = stream->carry.len + more.len;
    uint8_t *text = rn_arena_alloc(pass->arena, len);
    if (text != NULL) {
        memcpy(text, stream->carry.data, stream->carry.len);
        if (more.len > 0) {
            memcpy(text + stream->carry.len, more.data, more.len);
        }
    }
    return (struct rn_bytes){text, len};
}

/* Gives out the first `settled` bytes of `text` and carries the rest. */
static enum rn_status stream_give(struct rn_pass *pass, struct rn_stream *stream,
                                  struct rn_bytes text, size_t settled)
{
    const struct rn_spans *spans = &pass->door->spans;
    struct rn_bytes given = rn_bytes_sub(text, 0, settled);
    enum rn_status status = rn_note_spans(pass, stream->tag, stream->passed, text, spans);
    if (status == RN_OK && spans->count > 0) {
        given = rn_arena_copy(pass->arena, given);
        status = given.data == NULL ? RN_NOMEM : RN_OK;
    }
    if (status != RN_OK) {
        return status;
    }
    rn_redact_apply((uint8_t *)(uintptr_t)given.data, spans);
    rn_buffer_clear(&stream->carry);
    status = rn_buffer_add(&stream->carry, rn_bytes_from(text, settled));
    stream->passed += given.len;
    if (given.len > 0) {
        rn_event_set(pass->clean, stream->tag, given);
    }
    return status;
}

static enum rn_status clean_stream(struct rn_pass *pass, struct rn_stream *stream,
                                   struct rn_bytes more, bool is_json)
{
    struct rn_door *door = pass->door;
    struct rn_bytes text = stream_text(pass, stream, more);
    size_t settled = text.len;
    if (text.len > 0 && text.data == NULL) {
        return RN_NOMEM;
    }
    door->spans.count = 0;
    enum rn_status status =
        rn_redact_body(door->redactor, text, is_json, pass->is_last, &door->spans, &settled);
    if (status != RN_OK) {
        return status;
    }
    assert(settled <= text.len && (!pass->is_last || settled == text.len));
    return stream_give(pass, stream, text, settled);
}

/* A coded response is kept back until its end is here. */
static enum rn_status clean_coded_stream(struct rn_pass *pass, struct rn_stream *stream,
                                         struct rn_bytes more)
{
    struct rn_passage *passage = pass->passage;
    enum rn_status status = RN_OK;
    if (!passage->response_withheld && more.len > RN_DECODED_BYTES_MAX - stream->carry.len) {
        passage->response_withheld = true;
    }
    if (!passage->response_withheld) {
        status = rn_buffer_add(&stream->carry, more);
    }
    if (status == RN_OK && pass->is_last && !passage->response_withheld) {
        status = look_inside(pass, rn_buffer_bytes(&passage->response_coding),
                             rn_buffer_bytes(&stream->carry), passage->is_response_json,
                             &passage->response_withheld);
    }
    if (passage->response_withheld) {
        rn_buffer_free(&stream->carry);
    }
    if (status == RN_OK && pass->is_last && stream->carry.len > 0) {
        rn_event_set(pass->clean, stream->tag, rn_buffer_bytes(&stream->carry));
    }
    return status;
}

static enum rn_status clean_response_body(struct rn_pass *pass, struct rn_stream *stream,
                                          struct rn_bytes more)
{
    struct rn_passage *passage = pass->passage;
    if (is_coded(&passage->response_coding)) {
        return clean_coded_stream(pass, stream, more);
    }
    if (stream->passed == 0 && stream->carry.len == 0) {
        passage->is_response_json = passage->is_response_json || rn_redact_looks_json(more);
    }
    return clean_stream(pass, stream, more, passage->is_response_json);
}

enum rn_status rn_clean_streams(struct rn_pass *pass)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < RN_STREAM_COUNT; i++) {
        struct rn_stream *stream = &pass->passage->stream[i];
        bool is_given = rn_event_has(pass->clean, stream->tag);
        struct rn_bytes more = rn_event_get(pass->clean, stream->tag);
        if (!is_given && !(pass->is_last && stream->carry.len > 0)) {
            continue;
        }
        if (more.len > 0) {
            pass->clean->fields &= ~RN_TAG_BIT(stream->tag);
        }
        status = stream->tag == RN_TAG_RESPONSE_BODY ? clean_response_body(pass, stream, more)
                                                     : clean_stream(pass, stream, more, false);
    }
    return status;
}
