/*
 * Match keys: one hash over what makes a request this request and no other.
 *
 * What goes in is marked, not redacted: each span counts as one fixed mark, however long it is. The mark is legal inside
 * a JSON string, so that a marked body is still JSON. Reader and writer of a key's layout are this one function.
 */
#include "key.h"

#include <string.h>

#include "base/arena.h"
#include "json.h"

/* Part of RN_KEY_VERSION: another text means another version. */
static const struct rn_bytes mark = {(const uint8_t *)"RN-CREDENTIAL", 13};

static void add_number(struct rn_sha256 *hash, uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    rn_sha256_add(hash, rn_bytes_of(bytes, sizeof bytes));
}

static void add_run(struct rn_sha256 *hash, struct rn_bytes run)
{
    add_number(hash, run.len);
    rn_sha256_add(hash, run);
}

/* The bytes before a span, from where the last one ended; *at moves behind the span. */
static struct rn_bytes take_until_span(struct rn_bytes bytes, const struct rn_span *span,
                                       size_t *at)
{
    struct rn_bytes plain = rn_bytes_sub(bytes, *at, span->offset - *at);
    *at = span->offset + span->len;
    return plain;
}

static size_t marked_len(struct rn_bytes bytes, const struct rn_spans *spans)
{
    size_t len = bytes.len;
    for (size_t i = 0; spans != NULL && i < spans->count; i++) {
        len = len - spans->at[i].len + mark.len;
    }
    return len;
}

/* The same as add_run over what rn_key_marked gives, without the copy. */
static void add_marked(struct rn_sha256 *hash, struct rn_bytes bytes, const struct rn_spans *spans)
{
    size_t at = 0;
    add_number(hash, marked_len(bytes, spans));
    for (size_t i = 0; spans != NULL && i < spans->count; i++) {
        rn_sha256_add(hash, take_until_span(bytes, &spans->at[i], &at));
        rn_sha256_add(hash, mark);
    }
    rn_sha256_add(hash, rn_bytes_from(bytes, at));
}

enum rn_status rn_key_marked(struct rn_bytes bytes, const struct rn_spans *spans,
                             struct rn_buffer *out)
{
    size_t at = 0;
    enum rn_status status = rn_buffer_reserve(out, marked_len(bytes, spans));
    for (size_t i = 0; status == RN_OK && spans != NULL && i < spans->count; i++) {
        status = rn_buffer_add(out, take_until_span(bytes, &spans->at[i], &at));
        status = status == RN_OK ? rn_buffer_add(out, mark) : status;
    }
    return status == RN_OK ? rn_buffer_add(out, rn_bytes_from(bytes, at)) : status;
}

/* All but the body. `rule` keeps the keys of different rules apart. */
static struct rn_sha256 *begin(const struct rn_key_input *input, struct rn_bytes rule)
{
    struct rn_sha256 *hash = rn_sha256_begin();
    if (hash != NULL) {
        add_number(hash, RN_KEY_VERSION);
        add_run(hash, rule);
        add_run(hash, input->upstream);
        add_run(hash, input->method);
        add_marked(hash, input->target, input->target_spans);
    }
    return hash;
}

static void end(struct rn_sha256 *hash, uint8_t out[RN_KEY_BYTES])
{
    uint8_t digest[RN_SHA256_BYTES];
    rn_sha256_end(hash, digest);
    memcpy(out, digest, RN_KEY_BYTES);
}

bool rn_key_bytes(const struct rn_key_input *input, uint8_t out[RN_KEY_BYTES])
{
    struct rn_sha256 *hash = begin(input, RN_LIT("bytes"));
    if (hash == NULL) {
        return false;
    }
    add_marked(hash, input->body, input->body_spans);
    end(hash, out);
    return true;
}

static enum rn_status body_digest(const struct rn_key_input *input, uint8_t out[RN_SHA256_BYTES])
{
    struct rn_buffer marked = {0};
    struct rn_arena arena = {0};
    struct rn_json *root = NULL;
    enum rn_status status = rn_key_marked(input->body, input->body_spans, &marked);
    if (status == RN_OK) {
        status = rn_json_parse(&arena, rn_buffer_bytes(&marked), &root, NULL, NULL);
        status = status == RN_LIMIT ? RN_INVALID : status;
    }
    if (status == RN_OK && root->duplicated) {
        status = RN_INVALID;
    }
    if (status == RN_OK && !rn_json_digest(root, out)) {
        status = RN_NOMEM;
    }
    rn_arena_free(&arena);
    rn_buffer_free(&marked);
    return status;
}

enum rn_status rn_key_json(const struct rn_key_input *input, uint8_t out[RN_KEY_BYTES])
{
    uint8_t digest[RN_SHA256_BYTES];
    enum rn_status status = body_digest(input, digest);
    if (status != RN_OK) {
        return status;
    }
    struct rn_sha256 *hash = begin(input, RN_LIT("json"));
    if (hash == NULL) {
        return RN_NOMEM;
    }
    add_run(hash, rn_bytes_of(digest, sizeof digest));
    end(hash, out);
    return RN_OK;
}

/* --- headers ------------------------------------------------------------------------------------------------------- */

static const char *const significant[] = {
    "accept",         "content-type",           "content-encoding",     "range",
    "anthropic-beta", "anthropic-version",      "openai-beta",          "api-version",
    "api-revision",   "x-pinecone-api-version", "mcp-protocol-version", "mcp-method",
    "mcp-name",
};

/* The next field of that name from *at on, or NULL. */
static const struct rn_http_field *next_field(const struct rn_http_head *head, struct rn_bytes name,
                                              unsigned *at)
{
    while (*at < head->field_count) {
        const struct rn_http_field *field = &head->fields[(*at)++];
        if (field->name.len == name.len && rn_bytes_equal_nocase(field->name, name)) {
            return field;
        }
    }
    return NULL;
}

static bool fields_equal(const struct rn_http_head *recorded, const struct rn_http_head *live,
                         struct rn_bytes name, const struct rn_http_field **in_recorded,
                         const struct rn_http_field **in_live)
{
    unsigned i = 0;
    unsigned j = 0;
    do {
        *in_recorded = next_field(recorded, name, &i);
        *in_live = next_field(live, name, &j);
        if (*in_recorded == NULL || *in_live == NULL) {
            return *in_recorded == *in_live;
        }
    } while (rn_bytes_equal((*in_recorded)->value, (*in_live)->value));
    return false;
}

bool rn_key_headers_equal(const struct rn_http_head *recorded, const struct rn_http_head *live,
                          struct rn_bytes *name, struct rn_bytes *recorded_value,
                          struct rn_bytes *live_value)
{
    const struct rn_bytes nothing = {NULL, 0};
    for (size_t i = 0; i < sizeof significant / sizeof significant[0]; i++) {
        const struct rn_http_field *in_recorded;
        const struct rn_http_field *in_live;
        *name = rn_bytes_text(significant[i]);
        if (!fields_equal(recorded, live, *name, &in_recorded, &in_live)) {
            *recorded_value = in_recorded == NULL ? nothing : in_recorded->value;
            *live_value = in_live == NULL ? nothing : in_live->value;
            return false;
        }
    }
    *name = *recorded_value = *live_value = nothing;
    return true;
}
