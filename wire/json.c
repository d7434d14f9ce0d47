/*
 * The pull tokenizer: bytes in, one token after the other out, the first fault with its offset.
 *
 * It validates grammar and UTF-8 on the way and keeps nothing but where it stands: a bit per open container says
 * whether it is an object. What a literal means (escapes, the value of a number) is left to json_text.c and
 * json_number.c.
 */
#include "json.h"

#include <assert.h>
#include <string.h>

#include "json_parts.h"

enum state {
    STATE_VALUE,         /* a value must come */
    STATE_FIRST_ELEMENT, /* behind '[': a value or ']' */
    STATE_FIRST_MEMBER,  /* behind '{': a key or '}' */
    STATE_COLON,         /* behind a key */
    STATE_AFTER,         /* behind a value */
    STATE_FAULT
};

static enum rn_json_token fault(struct rn_json_reader *reader, size_t at, const char *what)
{
    reader->state = STATE_FAULT;
    reader->at = at;
    reader->fault = what;
    return RN_JSON_FAULT;
}

static bool in_object(const struct rn_json_reader *reader)
{
    unsigned level = reader->depth - 1;
    return ((unsigned)reader->is_object[level / 8] >> (level % 8) & 1u) != 0;
}

static size_t skip_blanks(struct rn_bytes in, size_t at)
{
    while (at < in.len && (in.data[at] == ' ' || in.data[at] == '\n' || in.data[at] == '\r' ||
                           in.data[at] == '\t')) {
        at++;
    }
    return at;
}

/* --- literals ------------------------------------------------------------------------------------------------------ */

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Whether one of eight bytes is a quote, a backslash, a control or not ASCII. */
static bool needs_a_look(uint64_t word)
{
    uint64_t quote = word ^ (ONES * '"');
    uint64_t backslash = word ^ (ONES * '\\');
    uint64_t found = (quote - ONES) | (backslash - ONES) | (word - ONES * 0x20);
    /* A byte that became negative by the subtraction, or was not ASCII before. Borrows only add false alarms. */
    return ((found | word) & HIGHS) != 0;
}

static size_t skip_plain(struct rn_bytes in, size_t at)
{
    while (in.len - at >= 8) {
        uint64_t word;
        memcpy(&word, in.data + at, sizeof word);
        if (needs_a_look(word)) {
            break;
        }
        at += 8;
    }
    while (at < in.len && in.data[at] >= 0x20 && in.data[at] < 0x80 && in.data[at] != '"' &&
           in.data[at] != '\\') {
        at++;
    }
    return at;
}

bool rn_json_is_utf8(struct rn_bytes text)
{
    size_t len = 1;
    for (size_t at = 0; at < text.len && len > 0; at += len) {
        len = rn_json_utf8_len(text, at);
    }
    return len > 0;
}

size_t rn_json_utf8_len(struct rn_bytes in, size_t at)
{
    size_t left = in.len - at;
    const uint8_t *byte = in.data + at;
    size_t len = byte[0] < 0x80   ? 1
                 : byte[0] < 0xc2 ? 0
                 : byte[0] < 0xe0 ? 2
                 : byte[0] < 0xf0 ? 3
                 : byte[0] < 0xf5 ? 4
                                  : 0;
    if (len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((byte[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629, 4). */
    if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] > 0x9f) ||
        (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] > 0x8f)) {
        return 0;
    }
    return len;
}

static bool is_hex(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') ||
           (rn_byte_lower(byte) >= 'a' && rn_byte_lower(byte) <= 'f');
}

/* The length of the escape at `at`, or 0. */
static size_t escape_len(struct rn_bytes in, size_t at)
{
    if (in.len - at < 2) {
        return 0;
    }
    if (in.data[at + 1] != 'u') {
        return in.data[at + 1] != '\0' && strchr("\"\\/bfnrt", in.data[at + 1]) != NULL ? 2 : 0;
    }
    bool good = in.len - at >= 6;
    for (size_t i = 2; good && i < 6; i++) {
        good = is_hex(in.data[at + i]);
    }
    return good ? 6 : 0;
}

/* Stands on the opening quote; afterwards behind the closing one. */
static enum rn_json_token scan_string(struct rn_json_reader *reader, enum rn_json_token token)
{
    struct rn_bytes in = reader->in;
    size_t at = reader->at + 1;
    for (;;) {
        at = skip_plain(in, at);
        if (at == in.len) {
            return fault(reader, at, "a string does not end");
        }
        if (in.data[at] == '"') {
            reader->at = at + 1;
            return token;
        }
        if (in.data[at] < 0x20) {
            return fault(reader, at, "a control byte in a string");
        }
        size_t len = in.data[at] == '\\' ? escape_len(in, at) : rn_json_utf8_len(in, at);
        if (len == 0) {
            return fault(reader, at,
                         in.data[at] == '\\' ? "a bad escape" : "bytes that are no UTF-8");
        }
        at += len;
    }
}

static size_t skip_digits(struct rn_bytes in, size_t at)
{
    while (at < in.len && in.data[at] >= '0' && in.data[at] <= '9') {
        at++;
    }
    return at;
}

static enum rn_json_token scan_number(struct rn_json_reader *reader)
{
    struct rn_bytes in = reader->in;
    size_t at = reader->at + (in.data[reader->at] == '-');
    size_t digits = at;
    at = skip_digits(in, at);
    if (at == digits || (in.data[digits] == '0' && at - digits > 1)) {
        return fault(reader, digits, "a number without digits or with a leading zero");
    }
    if (at < in.len && in.data[at] == '.') {
        digits = ++at;
        at = skip_digits(in, at);
        if (at == digits) {
            return fault(reader, at, "a decimal point without digits behind it");
        }
    }
    if (at < in.len && (in.data[at] == 'e' || in.data[at] == 'E')) {
        at++;
        at += at < in.len && (in.data[at] == '+' || in.data[at] == '-');
        digits = at;
        at = skip_digits(in, at);
        if (at == digits) {
            return fault(reader, at, "an exponent without digits");
        }
    }
    reader->at = at;
    return RN_JSON_NUMBER;
}

static enum rn_json_token scan_word(struct rn_json_reader *reader, struct rn_bytes word,
                                    enum rn_json_token token)
{
    if (!rn_bytes_starts_with(rn_bytes_from(reader->in, reader->at), word)) {
        return fault(reader, reader->at, "no JSON value");
    }
    reader->at += word.len;
    return token;
}

/* --- structure ----------------------------------------------------------------------------------------------------- */

static enum rn_json_token open_container(struct rn_json_reader *reader, bool is_object)
{
    unsigned level = reader->depth;
    if (level == RN_JSON_DEPTH_MAX) {
        reader->too_deep = true;
        return fault(reader, reader->at, "nested deeper than 256 levels");
    }
    uint8_t bit = (uint8_t)(1u << (level % 8));
    uint8_t *byte = &reader->is_object[level / 8];
    *byte = is_object ? (uint8_t)(*byte | bit) : (uint8_t)(*byte & ~bit);
    reader->depth++;
    reader->at++;
    reader->state = is_object ? STATE_FIRST_MEMBER : STATE_FIRST_ELEMENT;
    return is_object ? RN_JSON_OBJECT_BEGIN : RN_JSON_ARRAY_BEGIN;
}

static enum rn_json_token close_container(struct rn_json_reader *reader)
{
    enum rn_json_token token = in_object(reader) ? RN_JSON_OBJECT_END : RN_JSON_ARRAY_END;
    reader->depth--;
    reader->at++;
    reader->state = STATE_AFTER;
    return token;
}

static enum rn_json_token next_value(struct rn_json_reader *reader)
{
    reader->state = STATE_AFTER;
    switch (reader->in.data[reader->at]) {
    case '{':
        return open_container(reader, true);
    case '[':
        return open_container(reader, false);
    case '"':
        return scan_string(reader, RN_JSON_STRING);
    case 't':
        return scan_word(reader, RN_LIT("true"), RN_JSON_TRUE);
    case 'f':
        return scan_word(reader, RN_LIT("false"), RN_JSON_FALSE);
    case 'n':
        return scan_word(reader, RN_LIT("null"), RN_JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return scan_number(reader);
    default:
        return fault(reader, reader->at, "no JSON value");
    }
}

static enum rn_json_token next_key(struct rn_json_reader *reader)
{
    if (reader->in.data[reader->at] != '"') {
        return fault(reader, reader->at, "no key where one must be");
    }
    reader->state = STATE_COLON;
    return scan_string(reader, RN_JSON_KEY);
}

/* Skips blanks; false (and a fault) at the end of the input. */
static bool find_more(struct rn_json_reader *reader)
{
    reader->at = skip_blanks(reader->in, reader->at);
    if (reader->at < reader->in.len) {
        return true;
    }
    (void)fault(reader, reader->at, "the text ends too early");
    return false;
}

/* Behind a value inside a container: ',' or the end of the container. */
static enum rn_json_token next_after(struct rn_json_reader *reader)
{
    bool object = in_object(reader);
    uint8_t byte = reader->in.data[reader->at];
    if (byte == (object ? '}' : ']')) {
        reader->begin = reader->at;
        return close_container(reader);
    }
    if (byte != ',') {
        return fault(reader, reader->at, object ? "neither ',' nor '}'" : "neither ',' nor ']'");
    }
    reader->at++;
    if (!find_more(reader)) {
        return RN_JSON_FAULT;
    }
    reader->begin = reader->at;
    return object ? next_key(reader) : next_value(reader);
}

static enum rn_json_token next_behind_colon(struct rn_json_reader *reader)
{
    if (reader->in.data[reader->at] != ':') {
        return fault(reader, reader->at, "no ':' behind a key");
    }
    reader->at++;
    if (!find_more(reader)) {
        return RN_JSON_FAULT;
    }
    reader->begin = reader->at;
    return next_value(reader);
}

static enum rn_json_token next_token(struct rn_json_reader *reader)
{
    if (reader->state == STATE_FAULT) {
        return RN_JSON_FAULT;
    }
    if (reader->state == STATE_AFTER && reader->depth == 0) {
        reader->begin = reader->at = skip_blanks(reader->in, reader->at);
        bool rest = reader->at < reader->in.len;
        return rest ? fault(reader, reader->at, "something behind the value") : RN_JSON_END;
    }
    if (!find_more(reader)) {
        return RN_JSON_FAULT;
    }
    reader->begin = reader->at;
    uint8_t byte = reader->in.data[reader->at];
    switch (reader->state) {
    case STATE_FIRST_ELEMENT:
        return byte == ']' ? close_container(reader) : next_value(reader);
    case STATE_FIRST_MEMBER:
        return byte == '}' ? close_container(reader) : next_key(reader);
    case STATE_COLON:
        return next_behind_colon(reader);
    case STATE_AFTER:
        return next_after(reader);
    default:
        return next_value(reader);
    }
}

void rn_json_begin(struct rn_json_reader *reader, struct rn_bytes in)
{
    *reader = (struct rn_json_reader){.in = in, .state = STATE_VALUE};
}

enum rn_json_token rn_json_next(struct rn_json_reader *reader, struct rn_bytes *text)
{
    enum rn_json_token token = next_token(reader);
    assert(reader->at <= reader->in.len);
    if (text != NULL) {
        bool has_text = token != RN_JSON_FAULT && token != RN_JSON_END;
        *text = has_text ? rn_bytes_sub(reader->in, reader->begin, reader->at - reader->begin)
                         : rn_bytes_of(NULL, 0);
    }
    return token;
}

bool rn_json_skip(struct rn_json_reader *reader, enum rn_json_token token)
{
    bool container = token == RN_JSON_OBJECT_BEGIN || token == RN_JSON_ARRAY_BEGIN;
    unsigned depth = reader->depth - (container ? 1 : 0);
    while (token != RN_JSON_FAULT && reader->depth > depth) {
        token = rn_json_next(reader, NULL);
    }
    return token != RN_JSON_FAULT;
}
