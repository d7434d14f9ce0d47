/* Our own documents only: what was recorded is never read by jansson (DESIGN 4). */
#include "members.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/utf8.h"

/* Something of the document under way is missing. */
static _Thread_local bool is_short;

/* jansson 2.14 prints on where it had no memory for the name of a member, so it is noticed here. */
static void *noticing_alloc(size_t size)
{
    void *block = rn_alloc(size);
    is_short = is_short || block == NULL;
    return block;
}

void rn_members_begin(void)
{
    json_set_alloc_funcs(noticing_alloc, rn_free);
    is_short = false;
}

char *rn_members_text(const json_t *document, size_t flags)
{
    char *text = is_short ? NULL : json_dumps(document, flags);
    if (text != NULL && is_short) {
        rn_free(text);
        text = NULL;
    }
    return text;
}

json_t *rn_members_new(const char *schema)
{
    rn_members_begin();
    json_t *document = json_object();
    rn_member_text(document, "schema", schema);
    return document;
}

void rn_member(json_t *object, const char *name, json_t *value)
{
    is_short = json_object_set_new(object, name, value) != 0 || is_short;
}

void rn_member_of_list(json_t *list, json_t *value)
{
    is_short = json_array_append_new(list, value) != 0 || is_short;
}

/* The text with U+FFFD for each byte that is part of no character. */
static enum rn_status mend(struct rn_bytes text, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    for (size_t at = 0; at < text.len && status == RN_OK;) {
        uint32_t point = 0;
        size_t len = rn_utf8_take(text, at, &point);
        status = len == 0 ? rn_buffer_add(out, RN_LIT("\xef\xbf\xbd"))
                          : rn_buffer_append(out, text.data + at, len);
        at += len == 0 ? 1 : len;
    }
    return status;
}

json_t *rn_member_string(struct rn_bytes text)
{
    struct rn_buffer mended = {0};
    json_t *value = json_stringn(text.len > 0 ? (const char *)text.data : "", text.len);
    if (value == NULL && mend(text, &mended) == RN_OK) {
        value = json_stringn((const char *)mended.data, mended.len);
    }
    rn_buffer_free(&mended);
    return value;
}

void rn_member_bytes(json_t *object, const char *name, struct rn_bytes text)
{
    rn_member(object, name, rn_member_string(text));
}

void rn_member_text(json_t *object, const char *name, const char *text)
{
    rn_member_bytes(object, name, rn_bytes_text(text));
}

void rn_member_count(json_t *object, const char *name, uint64_t count)
{
    rn_member(object, name, json_integer((json_int_t)count));
}

void rn_member_u64(json_t *object, const char *name, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    rn_member_text(object, name, text);
}

void rn_member_bool(json_t *object, const char *name, bool value)
{
    rn_member(object, name, json_boolean(value));
}

void rn_member_real(json_t *object, const char *name, bool known, double value)
{
    rn_member(object, name, known ? json_real(value) : json_null());
}

void rn_member_id(json_t *object, const char *name, const struct rn_trace_id *id)
{
    char text[33];
    rn_trace_id_text(id, text);
    rn_member_text(object, name, text);
}

void rn_member_digest(json_t *object, const char *name, const uint8_t digest[RN_SHA256_BYTES])
{
    char text[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(digest, RN_SHA256_BYTES), text);
    rn_member_text(object, name, text);
}

json_t *rn_member_event(const struct rn_trace_id *trace, uint32_t n)
{
    json_t *event = json_object();
    rn_member_id(event, "trace", trace);
    rn_member_count(event, "event", n);
    return event;
}

enum rn_status rn_members_print(json_t *document, struct rn_buffer *out)
{
    /* Twelve digits: 0.95 is not 0.94999999999999996. */
    size_t flags = JSON_INDENT(1) | JSON_REAL_PRECISION(12);
    char *text = is_short ? NULL : json_dumps(document, flags);
    enum rn_status status =
        text == NULL || is_short ? RN_NOMEM : rn_buffer_add(out, rn_bytes_text(text));
    rn_free(text);
    json_decref(document);
    return status;
}
