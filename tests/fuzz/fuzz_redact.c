/*
 * Bodies and heads from strangers through the redactor. First byte: flags; then a value to learn up to a zero byte; the
 * rest is the text. Spans must be in order, redacted text must give the same spans again, the value must not survive in
 * clear, and a body in parts must give what the whole gives.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IS_HEAD 1u
#define IS_REQUEST 2u
#define IS_JSON 4u

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static struct rn_redactor *redactor_with(struct rn_bytes value)
{
    struct rn_redactor *redactor = rn_redactor_new();
    require(redactor != NULL && rn_redactor_learn(redactor, value) == RN_OK);
    return redactor;
}

static void check_order(const struct rn_spans *spans, size_t len)
{
    size_t at = 0;
    for (size_t i = 0; i < spans->count; i++) {
        require(spans->at[i].offset >= at && spans->at[i].len > 0);
        at = spans->at[i].offset + spans->at[i].len;
        require(at <= len);
    }
}

static struct rn_buffer whole(struct rn_redactor *redactor, struct rn_bytes text, unsigned flags,
                              struct rn_spans *spans)
{
    struct rn_buffer out = {0};
    size_t settled = 0;
    enum rn_status status =
        (flags & IS_HEAD) != 0
            ? rn_redact_head(redactor, text, (flags & IS_REQUEST) != 0, spans)
            : rn_redact_body(redactor, text, (flags & IS_JSON) != 0, true, spans, &settled);
    require(status == RN_OK);
    require((flags & IS_HEAD) != 0 || settled == text.len);
    check_order(spans, text.len);
    require(rn_buffer_add(&out, text) == RN_OK);
    rn_redact_apply(out.data, spans);
    return out;
}

static struct rn_buffer in_parts(struct rn_redactor *redactor, struct rn_bytes text, bool is_json,
                                 size_t step)
{
    struct rn_buffer out = {0};
    struct rn_buffer held = {0};
    size_t at = 0;
    bool final = false;
    while (!final) {
        struct rn_spans spans = {0};
        size_t settled = 0;
        struct rn_bytes piece = rn_bytes_sub(text, at, step);
        require(rn_buffer_add(&held, piece) == RN_OK);
        at += piece.len;
        final = at == text.len;
        require(rn_redact_body(redactor, rn_buffer_bytes(&held), is_json, final, &spans,
                               &settled) == RN_OK);
        require(settled <= held.len && (!final || settled == held.len));
        check_order(&spans, settled);
        rn_redact_apply(held.data, &spans);
        require(rn_buffer_append(&out, held.data, settled) == RN_OK);
        rn_buffer_consume(&held, settled);
        rn_spans_free(&spans);
    }
    rn_buffer_free(&held);
    return out;
}

/* Whether a name showed a value to look for, which may hold structure; or a key block hides some. */
static bool teaches(const struct rn_spans *spans)
{
    for (size_t i = 0; i < spans->count; i++) {
        bool named =
            spans->at[i].kind < RN_SECRET_SHAPE && spans->at[i].len >= RN_CREDENTIAL_BYTES_MIN;
        bool block = spans->at[i].kind == RN_SECRET_SHAPE && spans->at[i].len > 64;
        if (named || block) {
            return true;
        }
    }
    return false;
}

static bool is_word(struct rn_bytes text, size_t at)
{
    uint8_t byte = at < text.len ? rn_byte_lower(text.data[at]) : ' ';
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
           byte == '_';
}

/* A value glued to a word makes a longer word of its placeholder, which may then end a name or a shape beside it. */
static bool is_glued(const struct rn_spans *spans, struct rn_bytes text)
{
    for (size_t i = 0; i < spans->count; i++) {
        size_t begin = spans->at[i].offset;
        if ((begin > 0 && is_word(text, begin - 1)) || is_word(text, begin + spans->at[i].len)) {
            return true;
        }
    }
    return false;
}

/*
 * Values that hold what parts names from values can take a member or a line apart when they are hidden. They must be
 * hidden all the same, but nothing else is asked of such texts.
 */
static bool is_structural(struct rn_bytes value)
{
    static const char structure[] = "\"\\:=&;,?# \r\n\t%";
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] != 0 && strchr(structure, value.data[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/*
 * Values with a blank may have lost a scheme word; in heads nothing is found over the end of a line; and what consists of
 * x's alone stands in every placeholder.
 */
static bool is_remembered(struct rn_bytes value, unsigned flags)
{
    bool lines =
        rn_bytes_find_byte(value, '\r') != RN_NPOS || rn_bytes_find_byte(value, '\n') != RN_NPOS;
    size_t x = 0;
    while (x < value.len && value.data[x] == 'x') {
        x++;
    }
    return x < value.len && value.len >= RN_CREDENTIAL_BYTES_MIN &&
           value.len <= RN_CREDENTIAL_BYTES_MAX && rn_bytes_find_byte(value, ' ') == RN_NPOS &&
           !((flags & IS_HEAD) != 0 && lines) &&
           !rn_bytes_starts_with(value, RN_LIT("RN-REDACTED-"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes in = rn_bytes_of(data, size);
    if (size < 2) {
        return 0;
    }
    unsigned flags = data[0];
    size_t border = rn_bytes_find_byte(rn_bytes_from(in, 1), 0);
    struct rn_bytes value =
        border == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_trim(rn_bytes_sub(in, 1, border));
    struct rn_bytes text = rn_bytes_from(in, border == RN_NPOS ? 1 : border + 2);
    struct rn_redactor *redactor = redactor_with(value);
    struct rn_spans spans = {0};
    struct rn_spans again = {0};
    struct rn_buffer first = whole(redactor, text, flags, &spans);
    struct rn_buffer second = whole(redactor, rn_buffer_bytes(&first), flags, &again);
    require(!is_remembered(value, flags) ||
            rn_bytes_find(rn_buffer_bytes(&first), value) == RN_NPOS);
    /* A name may teach such a value, and parts that are out already cannot be searched for it. */
    bool loose = is_structural(value) || teaches(&spans);
    require(loose || is_glued(&spans, text) ||
            rn_bytes_equal(rn_buffer_bytes(&first), rn_buffer_bytes(&second)));
    if ((flags & IS_HEAD) == 0 && !loose) {
        struct rn_redactor *fresh = redactor_with(value);
        struct rn_buffer parts =
            in_parts(fresh, text, (flags & IS_JSON) != 0, 1 + (flags >> 3) * 7);
        require(rn_bytes_equal(rn_buffer_bytes(&first), rn_buffer_bytes(&parts)));
        rn_buffer_free(&parts);
        rn_redactor_free(fresh);
    }
    rn_buffer_free(&first);
    rn_buffer_free(&second);
    rn_spans_free(&spans);
    rn_spans_free(&again);
    rn_redactor_free(redactor);
    return 0;
}
