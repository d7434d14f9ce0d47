/*
 * Looking at one field of an event: the finders of wire/redact.h, the rows that name what was found, and the replacing, in a
 * copy that is made only when there is something to replace.
 */
#include "door_parts.h"

#include <assert.h>
#include <string.h>

#include "base/varint.h"

#define FINGERPRINT_BYTES 8u

/* --- looking and replacing ------------------------------------------------------------------------------------------ */

enum rn_status rn_find_request_head(struct rn_pass *pass, struct rn_bytes head,
                                    struct rn_spans *spans)
{
    return rn_redact_head(pass->door->redactor, head, true, spans);
}

enum rn_status rn_find_response_head(struct rn_pass *pass, struct rn_bytes head,
                                     struct rn_spans *spans)
{
    return rn_redact_head(pass->door->redactor, head, false, spans);
}

enum rn_status rn_find_target(struct rn_pass *pass, struct rn_bytes target, struct rn_spans *spans)
{
    return rn_redact_target(pass->door->redactor, target, spans);
}

enum rn_status rn_find_text(struct rn_pass *pass, struct rn_bytes text, struct rn_spans *spans)
{
    return rn_redact_body(pass->door->redactor, text, false, true, spans, NULL);
}

enum rn_status rn_find_json(struct rn_pass *pass, struct rn_bytes text, struct rn_spans *spans)
{
    return rn_redact_body(pass->door->redactor, text, true, true, spans, NULL);
}

/* Trailers are a head without its start line: they are looked at behind one that is put in front. */
static enum rn_status find_behind(struct rn_pass *pass, struct rn_bytes start_line,
                                  struct rn_bytes trailers, bool is_request, struct rn_spans *spans)
{
    struct rn_buffer *head = &pass->door->scratch;
    rn_buffer_clear(head);
    enum rn_status status = rn_buffer_add(head, start_line);
    if (status == RN_OK) {
        status = rn_buffer_add(head, trailers);
    }
    if (status == RN_OK) {
        status = rn_redact_head(pass->door->redactor, rn_buffer_bytes(head), is_request, spans);
    }
    for (size_t i = 0; status == RN_OK && i < spans->count; i++) {
        assert(spans->at[i].offset >= start_line.len);
        spans->at[i].offset -= start_line.len;
    }
    return status;
}

enum rn_status rn_find_request_trailers(struct rn_pass *pass, struct rn_bytes trailers,
                                        struct rn_spans *spans)
{
    return find_behind(pass, RN_LIT("POST / HTTP/1.1\r\n"), trailers, true, spans);
}

enum rn_status rn_find_response_trailers(struct rn_pass *pass, struct rn_bytes trailers,
                                         struct rn_spans *spans)
{
    return find_behind(pass, RN_LIT("HTTP/1.1 200 OK\r\n"), trailers, false, spans);
}

/* The first 8 bytes of HMAC-SHA-256 under the user's key: tells two credentials apart and nothing else. */
static enum rn_status fingerprint(struct rn_pass *pass, struct rn_bytes value,
                                  enum rn_secret_kind kind, uint8_t out[FINGERPRINT_BYTES])
{
    uint8_t mac[RN_SHA256_BYTES] = {0};
    struct rn_bytes key = rn_buffer_bytes(&pass->door->fingerprint_key);
    if (key.len > 0 && kind != RN_SECRET_PLACEHOLDER && !rn_hmac_sha256(key, value, mac)) {
        return RN_NOMEM;
    }
    memcpy(out, mac, FINGERPRINT_BYTES);
    return RN_OK;
}

/* One row of RN_TAG_REDACTIONS; `offset` counts from the beginning of the whole field. */
static enum rn_status note_span(struct rn_pass *pass, enum rn_tag tag, uint64_t offset,
                                struct rn_bytes value, enum rn_secret_kind kind)
{
    const uint64_t numbers[] = {tag, offset, value.len, kind};
    uint8_t mark[FINGERPRINT_BYTES];
    enum rn_status status = fingerprint(pass, value, kind, mark);
    for (size_t i = 0; status == RN_OK && i < 4; i++) {
        status = rn_varint_put(&pass->redactions, numbers[i]);
    }
    return status != RN_OK ? status : rn_buffer_append(&pass->redactions, mark, sizeof mark);
}

enum rn_status rn_note_spans(struct rn_pass *pass, enum rn_tag tag, uint64_t offset,
                             struct rn_bytes region, const struct rn_spans *spans)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < spans->count; i++) {
        const struct rn_span *span = &spans->at[i];
        status = note_span(pass, tag, offset + span->offset,
                           rn_bytes_sub(region, span->offset, span->len), span->kind);
    }
    return status;
}

/* A field and, once something in it had to be replaced, its copy. */
struct field {
    enum rn_tag tag;
    uint64_t base; /* bytes of the same field in earlier pieces */
    struct rn_bytes bytes;
    uint8_t *copy;
};

/* Looks at `len` bytes from `offset` on and replaces what is found. */
static enum rn_status clean_region(struct rn_pass *pass, struct field *field, size_t offset,
                                   size_t len, rn_find_in *find, struct rn_spans *spans)
{
    struct rn_bytes region = rn_bytes_sub(field->bytes, offset, len);
    spans->count = 0;
    enum rn_status status = find(pass, region, spans);
    if (status != RN_OK || spans->count == 0) {
        return status;
    }
    status = rn_note_spans(pass, field->tag, field->base + offset, region, spans);
    if (status == RN_OK && field->copy == NULL) {
        struct rn_bytes copy = rn_arena_copy(pass->arena, field->bytes);
        field->copy = (uint8_t *)(uintptr_t)copy.data;
        status = copy.data == NULL ? RN_NOMEM : RN_OK;
    }
    if (status == RN_OK) {
        rn_redact_apply(field->copy + offset, spans);
    }
    return status;
}

static void field_done(struct rn_pass *pass, const struct field *field)
{
    if (field->copy != NULL) {
        rn_event_set(pass->clean, field->tag, rn_bytes_of(field->copy, field->bytes.len));
    }
}

enum rn_status rn_clean_whole(struct rn_pass *pass, enum rn_tag tag, rn_find_in *find,
                              struct rn_spans *spans)
{
    struct field field = {.tag = tag, .bytes = rn_event_get(pass->clean, tag)};
    enum rn_status status = clean_region(pass, &field, 0, field.bytes.len, find, spans);
    field_done(pass, &field);
    return status;
}

/* --- lists ---------------------------------------------------------------------------------------------------------- */

/* Takes the next item off `rest`; the part of it that is text is given. */
static bool item_take(enum rn_list list, struct rn_bytes *rest, struct rn_bytes *text)
{
    uint64_t number = 0;
    size_t end = 0;
    switch (list) {
    case RN_LIST_RUNS:
        return rn_run_get(rest, text);
    case RN_LIST_PORTS:
        return rn_run_get(rest, text) && rn_varint_get(rest, &number);
    case RN_LIST_HEADS:
        end = rn_bytes_find(*rest, RN_LIT("\r\n\r\n"));
        *text = rn_bytes_sub(*rest, 0, end == RN_NPOS ? rest->len : end + 4);
        *rest = rn_bytes_from(*rest, text->len);
        return true;
    case RN_LIST_GAP:
        if (!rn_varint_get(rest, &number) || !rn_varint_get(rest, &number) ||
            !rn_varint_get(rest, &number)) {
            return false;
        }
        *text = *rest;
        *rest = rn_bytes_from(*rest, rest->len);
        return true;
    }
    return false;
}

static enum rn_status find_option_value(struct rn_pass *pass, struct rn_bytes region,
                                        struct rn_spans *spans)
{
    return rn_redact_option_value(pass->door->redactor, region, spans);
}

/* A command line says `--token VALUE` in two words, of which the second tells nothing by itself. */
static bool is_option_value(enum rn_tag tag, struct rn_bytes before, struct rn_bytes text)
{
    return tag == RN_TAG_ARGV && text.data[0] != '-' && rn_redact_is_option(before);
}

enum rn_status rn_clean_list(struct rn_pass *pass, enum rn_tag tag, enum rn_list list,
                             rn_find_in *find)
{
    struct rn_bytes before = {NULL, 0};
    uint32_t *listed = &pass->passage->listed[tag];
    struct field field = {.tag = tag, .base = *listed, .bytes = rn_event_get(pass->clean, tag)};
    struct rn_bytes rest = field.bytes;
    enum rn_status status = RN_OK;
    if (field.bytes.len > UINT32_MAX - *listed) {
        return RN_LIMIT;
    }
    *listed += (uint32_t)field.bytes.len;
    while (status == RN_OK && rest.len > 0) {
        struct rn_bytes text = {NULL, 0};
        if (!item_take(list, &rest, &text)) {
            return RN_INVALID;
        }
        if (text.len > 0) {
            rn_find_in *look = is_option_value(tag, before, text) ? find_option_value : find;
            status = clean_region(pass, &field, (size_t)(text.data - field.bytes.data), text.len,
                                  look, &pass->door->spans);
        }
        before = text;
    }
    field_done(pass, &field);
    return status;
}
