/*
 * Looking for ids in heads and bodies by their names. In comes an event, out come borrowed runs of bytes. No JSON is parsed:
 * a broken or cut body still holds the id that somebody will ask for.
 */
#include "foreign.h"

#include <string.h>

#include "wire/coding.h"

#define SEARCHED_BYTES_MAX ((size_t)4 * 1024 * 1024) /* of one body: ids stand early or repeat */

static const char *const response_fields[] = {
    "x-request-id",      "request-id", "x-amzn-requestid", "apim-request-id",  "x-ms-request-id",
    "x-goog-request-id", "x-trace-id", "cf-ray",           "x-correlation-id", "x-oai-request-id"};
static const char *const request_fields[] = {"x-request-id", "x-client-request-id",
                                             "x-correlation-id", "traceparent"};
static const char *const members[] = {"id",          "call_id",     "tool_call_id",
                                      "tool_use_id", "response_id", "request_id"};

/* Letters, digits and the punctuation of ids: no blanks, quotes or escapes. */
static bool is_id_byte(uint8_t byte)
{
    return byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\' && byte != ',' && byte != ';';
}

static void keep(struct rn_foreign_ids *out, struct rn_bytes id)
{
    bool is_id = id.len >= RN_FOREIGN_ID_BYTES_MIN && id.len <= RN_FOREIGN_ID_BYTES_MAX &&
                 !rn_bytes_starts_with(id, RN_LIT("RN-REDACTED"));
    for (size_t i = 0; is_id && i < id.len; i++) {
        is_id = is_id_byte(id.data[i]);
    }
    if (!is_id || out->count == RN_FOREIGN_IDS_MAX) {
        return;
    }
    for (unsigned i = out->count; i > 0; i--) { /* streams repeat the one they named last */
        if (rn_bytes_equal(out->id[i - 1], id)) {
            return;
        }
    }
    out->id[out->count++] = id;
}

/* --- heads ---------------------------------------------------------------------------------------------------------- */

/* The next "Name: value" line; false at the end. */
static bool field_next(struct rn_bytes *head, struct rn_bytes *name, struct rn_bytes *value)
{
    while (head->len > 0) {
        size_t lf = rn_bytes_find_byte(*head, '\n');
        struct rn_bytes line = rn_bytes_sub(*head, 0, lf == RN_NPOS ? head->len : lf);
        *head = rn_bytes_from(*head, line.len + 1);
        if (line.len > 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }
        size_t colon = rn_bytes_find_byte(line, ':');
        if (colon != RN_NPOS) {
            *name = rn_bytes_sub(line, 0, colon);
            *value = rn_bytes_trim(rn_bytes_from(line, colon + 1));
            return true;
        }
    }
    return false;
}

static struct rn_bytes without_start_line(struct rn_bytes head)
{
    size_t lf = rn_bytes_find_byte(head, '\n');
    return lf == RN_NPOS ? RN_LIT("") : rn_bytes_from(head, lf + 1);
}

static bool is_among(struct rn_bytes name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rn_bytes_equal_nocase(name, rn_bytes_text(names[i]))) {
            return true;
        }
    }
    return false;
}

static void search_head(struct rn_bytes head, const char *const *names, size_t count,
                        struct rn_foreign_ids *out)
{
    struct rn_bytes name;
    struct rn_bytes value;
    head = without_start_line(head);
    while (field_next(&head, &name, &value)) {
        if (!is_among(name, names, count)) {
            continue;
        }
        keep(out, value);
        if (rn_bytes_equal_nocase(name, RN_LIT("traceparent")) && value.len >= 35) {
            keep(out, rn_bytes_sub(value, 3, 32)); /* version-TRACE-span-flags */
        }
    }
}

/* --- bodies --------------------------------------------------------------------------------------------------------- */

static size_t skip_blanks(struct rn_bytes in, size_t at)
{
    while (at < in.len && (in.data[at] == ' ' || in.data[at] == '\t' || in.data[at] == '\n' ||
                           in.data[at] == '\r')) {
        at++;
    }
    return at;
}

/* `at` stands behind a quote. The length of the member name there with its closing quote, or 0. */
static size_t member_at(struct rn_bytes body, size_t at)
{
    struct rn_bytes rest = rn_bytes_from(body, at);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        size_t len = strlen(members[i]);
        if (rest.len > len && memcmp(rest.data, members[i], len) == 0 && rest.data[len] == '"') {
            return len + 1;
        }
    }
    return 0;
}

static void search_body(struct rn_bytes body, struct rn_foreign_ids *out)
{
    body = rn_bytes_sub(body, 0, SEARCHED_BYTES_MAX);
    size_t at = 0;
    while (out->count < RN_FOREIGN_IDS_MAX) {
        size_t quote = rn_bytes_find_byte(rn_bytes_from(body, at), '"');
        if (quote == RN_NPOS) {
            return;
        }
        at += quote + 1;
        size_t name_len = member_at(body, at);
        if (name_len == 0) {
            continue;
        }
        size_t value = skip_blanks(body, at + name_len);
        if (value >= body.len || body.data[value] != ':') {
            continue;
        }
        value = skip_blanks(body, value + 1);
        if (value >= body.len || body.data[value] != '"') {
            continue;
        }
        struct rn_bytes rest = rn_bytes_sub(body, value + 1, RN_FOREIGN_ID_BYTES_MAX + 1);
        size_t end = rn_bytes_find_byte(rest, '"');
        if (end != RN_NPOS) {
            keep(out, rn_bytes_sub(rest, 0, end));
        }
        at = value + 1;
    }
}

static struct rn_bytes coding_of(struct rn_bytes head)
{
    struct rn_bytes name;
    struct rn_bytes value;
    head = without_start_line(head);
    while (field_next(&head, &name, &value)) {
        if (rn_bytes_equal_nocase(name, RN_LIT("content-encoding"))) {
            return value;
        }
    }
    return RN_LIT("");
}

static enum rn_status search_coded(struct rn_bytes coding, struct rn_bytes body,
                                   struct rn_arena *arena, struct rn_foreign_ids *out)
{
    struct rn_buffer decoded;
    rn_buffer_init(&decoded, SEARCHED_BYTES_MAX);
    enum rn_status status = rn_coding_decode(coding, body, &decoded, NULL);
    if (status != RN_NOMEM && decoded.len > 0) {
        struct rn_bytes copy = rn_arena_copy(arena, rn_buffer_bytes(&decoded));
        status = copy.data == NULL ? RN_NOMEM : RN_OK;
        if (status == RN_OK) {
            search_body(copy, out);
        }
    }
    rn_buffer_free(&decoded);
    return status == RN_NOMEM ? RN_NOMEM : RN_OK;
}

enum rn_status rn_foreign_find(const struct rn_event *event, struct rn_arena *arena,
                               struct rn_foreign_ids *out)
{
    struct rn_bytes head = rn_event_get(event, RN_TAG_RESPONSE_HEAD);
    struct rn_bytes body = rn_event_get(event, RN_TAG_RESPONSE_BODY);
    struct rn_bytes coding = coding_of(head);
    bool is_coded = body.len > 0 && !rn_coding_is_identity(coding);
    out->count = 0;
    if (is_coded && arena == NULL) {
        return RN_REFUSED;
    }
    search_head(head, response_fields, sizeof response_fields / sizeof response_fields[0], out);
    search_head(rn_event_get(event, RN_TAG_REQUEST_HEAD), request_fields,
                sizeof request_fields / sizeof request_fields[0], out);
    if (is_coded) {
        return search_coded(coding, body, arena, out);
    }
    search_body(body, out);
    return RN_OK;
}
