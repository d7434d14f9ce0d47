/*
 * String literals: from the text between quotes to UTF-8 and back.
 *
 * Lone surrogates (legal in \u escapes) become their three-byte form, which no valid UTF-8 can contain, so that two
 * literals are the same text exactly when their unescaped bytes are.
 */
#include "json_parts.h"

#include <string.h>

#include "base/memory.h"

struct rn_bytes rn_json_inner(struct rn_bytes literal)
{
    return literal.len < 2 ? rn_bytes_of(NULL, 0) : rn_bytes_sub(literal, 1, literal.len - 2);
}

bool rn_json_has_escape(struct rn_bytes literal)
{
    return literal.len > 0 && memchr(literal.data, '\\', literal.len) != NULL;
}

static unsigned hex_value(uint8_t byte)
{
    return byte <= '9' ? (unsigned)(byte - '0') : (unsigned)(rn_byte_lower(byte) - 'a') + 10;
}

/* The code unit of "\uXXXX" at `at`, or a number no code unit has. */
static unsigned unit_at(struct rn_bytes inner, size_t at)
{
    if (inner.len - at < 6 || inner.data[at] != '\\' || inner.data[at + 1] != 'u') {
        return 0x110000;
    }
    const uint8_t *hex = inner.data + at + 2;
    return hex_value(hex[0]) << 12 | hex_value(hex[1]) << 8 | hex_value(hex[2]) << 4 |
           hex_value(hex[3]);
}

static size_t put_code_point(unsigned point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (uint8_t)((len == 2 ? 0xc0 : len == 3 ? 0xe0 : 0xf0) | point);
    return len;
}

/* Decodes the escape at *at, moves behind it and returns the length of its text. */
static size_t take_escape(struct rn_bytes inner, size_t *at, uint8_t out[4])
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    uint8_t letter = inner.len - *at < 2 ? '\\' : inner.data[*at + 1];
    if (letter != 'u' ||
        inner.len - *at < 6) { /* a cut escape is no JSON, but must not be read behind */
        const char *found = letter == '\0' ? NULL : strchr(letters, letter);
        out[0] = found == NULL ? letter : (uint8_t)meanings[found - letters];
        *at += inner.len - *at < 2 ? 1 : 2;
        return 1;
    }
    unsigned unit = unit_at(inner, *at);
    *at += 6;
    if (unit >= 0xd800 && unit < 0xdc00 && *at < inner.len) {
        unsigned low = unit_at(inner, *at);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 6;
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return put_code_point(unit, out);
}

size_t rn_json_unescape_to(struct rn_bytes literal, uint8_t *out)
{
    struct rn_bytes inner = rn_json_inner(literal);
    size_t len = 0;
    size_t at = 0;
    while (at < inner.len) {
        const uint8_t *found = memchr(inner.data + at, '\\', inner.len - at);
        size_t plain = found == NULL ? inner.len - at : (size_t)(found - inner.data) - at;
        if (plain > 0) {
            memcpy(out + len, inner.data + at, plain);
            len += plain;
            at += plain;
        }
        if (found != NULL) {
            uint8_t text[4];
            size_t count = take_escape(inner, &at, text);
            memcpy(out + len, text, count);
            len += count;
        }
    }
    return len;
}

/* Gives the text of a literal in pieces of one to four bytes. */
static size_t next_piece(struct rn_bytes inner, size_t *at, uint8_t out[4])
{
    if (inner.data[*at] == '\\') {
        return take_escape(inner, at, out);
    }
    out[0] = inner.data[(*at)++];
    return 1;
}

bool rn_json_same_text(struct rn_bytes a, struct rn_bytes b)
{
    if (rn_bytes_equal(a, b)) {
        return true;
    }
    if (!rn_json_has_escape(a) && !rn_json_has_escape(b)) {
        return false;
    }
    struct rn_bytes inner[2] = {rn_json_inner(a), rn_json_inner(b)};
    uint8_t piece[2][4];
    size_t at[2] = {0, 0};
    size_t len[2] = {0, 0};
    size_t used[2] = {0, 0};
    for (;;) {
        for (int side = 0; side < 2; side++) {
            if (used[side] == len[side]) {
                used[side] = 0;
                len[side] = at[side] == inner[side].len
                                ? 0
                                : next_piece(inner[side], &at[side], piece[side]);
            }
        }
        if (len[0] == 0 || len[1] == 0) {
            return len[0] == 0 && len[1] == 0;
        }
        if (piece[0][used[0]++] != piece[1][used[1]++]) {
            return false;
        }
    }
}

enum rn_status rn_json_unescape(struct rn_bytes literal, struct rn_buffer *out)
{
    enum rn_status status = rn_buffer_reserve(out, literal.len);
    if (status == RN_OK && literal.len > 0) {
        out->len += rn_json_unescape_to(literal, out->data + out->len);
    }
    return status;
}

struct rn_bytes rn_json_text(struct rn_arena *arena, const struct rn_json *value)
{
    if (value == NULL || value->kind != RN_JSON_STRING) {
        return rn_bytes_of(NULL, 0);
    }
    if (!rn_json_has_escape(value->raw)) {
        return rn_arena_copy(arena, rn_json_inner(value->raw));
    }
    uint8_t *text = rn_arena_alloc(arena, value->raw.len);
    return rn_bytes_of(text, text == NULL ? 0 : rn_json_unescape_to(value->raw, text));
}

bool rn_json_is(const struct rn_json *value, const char *text)
{
    if (value == NULL || value->kind != RN_JSON_STRING) {
        return false;
    }
    struct rn_bytes inner = rn_json_inner(value->raw);
    size_t at = 0;
    while (at < inner.len) {
        uint8_t piece[4];
        size_t len = next_piece(inner, &at, piece);
        /* strncmp also ends at the final zero, which a \u0000 in the literal must not pass for. */
        if (piece[0] == '\0' || strncmp(text, (const char *)piece, len) != 0) {
            return false;
        }
        text += len;
    }
    return *text == '\0';
}

/* Appends one byte below 0x80. */
static enum rn_status quote_ascii(uint8_t byte, struct rn_buffer *out)
{
    static const char special[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = byte == '\0' ? NULL : strchr(special, byte);
    if (found != NULL) {
        const char escape[2] = {'\\', letters[found - special]};
        return rn_buffer_append(out, escape, 2);
    }
    return byte < 0x20 ? rn_buffer_addf(out, "\\u%04x", byte) : rn_buffer_add_byte(out, byte);
}

enum rn_status rn_json_quote(struct rn_bytes text, struct rn_buffer *out)
{
    enum rn_status status = rn_buffer_add_byte(out, '"');
    size_t at = 0;
    while (status == RN_OK && at < text.len) {
        size_t len = rn_json_utf8_len(text, at);
        if (len == 0) {
            status = rn_buffer_add(out, RN_LIT("\xef\xbf\xbd"));
            at++;
        } else if (len == 1) {
            status = quote_ascii(text.data[at++], out);
        } else {
            status = rn_buffer_append(out, text.data + at, len);
            at += len;
        }
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '"') : status;
}
