/* One pass over bytes, no tree. In: bodies. Out: values and ids. Knows neither requests nor traces. */
#include "tokens.h"

#include <string.h>

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte)
{
    return rn_byte_lower(byte) >= 'a' && rn_byte_lower(byte) <= 'z';
}

/* --- escapes ------------------------------------------------------------------------------------------------------- */

static int hex_of(uint8_t byte)
{
    if (is_digit(byte)) {
        return byte - '0';
    }
    uint8_t lower = rn_byte_lower(byte);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits at `at`, or -1. */
static int32_t unit_at(struct rn_bytes body, size_t at)
{
    int32_t unit = 0;
    if (body.len < 4 || at > body.len - 4) {
        return -1;
    }
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_of(body.data[at + i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t put_utf8(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}

/* What the escape at `at` (behind its backslash) means; *used: how much it takes. What is none stands for itself. */
static size_t escape_at(struct rn_bytes body, size_t at, uint8_t out[4], size_t *used)
{
    static const char names[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    uint8_t letter = body.data[at];
    const char *name = letter == '\0' ? NULL : strchr(names, letter);
    *used = 1;
    if (name != NULL) {
        out[0] = (uint8_t)meanings[name - names];
        return 1;
    }
    int32_t unit = letter == 'u' ? unit_at(body, at + 1) : -1;
    if (unit < 0) {
        out[0] = letter;
        return 1;
    }
    *used = 5;
    uint32_t point = (uint32_t)unit;
    if (unit >= 0xd800 && unit < 0xdc00 && at + 6 < body.len && body.data[at + 5] == '\\' &&
        body.data[at + 6] == 'u') {
        int32_t low = unit_at(body, at + 7);
        if (low >= 0xdc00 && low < 0xe000) {
            point = 0x10000 + (((uint32_t)unit & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
            *used = 11;
        }
    }
    return put_utf8(point, out);
}

enum rn_status rn_tokens_unescape(struct rn_bytes body, struct rn_buffer *out)
{
    enum rn_status status = rn_buffer_reserve(out, body.len);
    size_t at = 0;
    while (status == RN_OK && at < body.len) {
        struct rn_bytes rest = rn_bytes_from(body, at);
        size_t plain = rn_bytes_find_byte(rest, '\\');
        status = rn_buffer_add(out, rn_bytes_sub(rest, 0, plain));
        if (plain == RN_NPOS || at + plain + 1 >= body.len) {
            break;
        }
        uint8_t meant[4];
        size_t used = 0;
        size_t len = escape_at(body, at + plain + 1, meant, &used);
        status = status == RN_OK ? rn_buffer_append(out, meant, len) : status;
        at += plain + 1 + used;
    }
    return status;
}

/* --- parameters ---------------------------------------------------------------------------------------------------- */

/* Named as what an application tells a model on its own account, and as often as not with the same value as its client. */
static bool is_parameter_name(struct rn_bytes name)
{
    static const char *const names[] = {"model",
                                        "max_tokens",
                                        "max_completion_tokens",
                                        "max_output_tokens",
                                        "maxTokens",
                                        "seed",
                                        "maxOutputTokens",
                                        "budget_tokens",
                                        "num_predict",
                                        "num_ctx",
                                        "dimensions",
                                        "timeout",
                                        "created",
                                        "created_at",
                                        "timestamp",
                                        "ts",
                                        "version"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (rn_bytes_equal(name, rn_bytes_text(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

bool rn_tokens_is_parameter(struct rn_bytes unescaped, size_t at)
{
    const uint8_t *data = unescaped.data;
    if (at > 0 && data[at - 1] == '"') {
        at--;
    }
    while (at > 0 && is_blank(data[at - 1])) {
        at--;
    }
    if (at == 0 || data[at - 1] != ':') {
        return false;
    }
    at--;
    while (at > 0 && is_blank(data[at - 1])) {
        at--;
    }
    if (at == 0 || data[at - 1] != '"') {
        return false;
    }
    size_t end = --at;
    while (at > 0 && data[at - 1] != '"' && end - at < 32) {
        at--;
    }
    return is_parameter_name(rn_bytes_sub(unescaped, at, end - at));
}

/* --- values -------------------------------------------------------------------------------------------------------- */

struct rn_bytes rn_tokens_number(struct rn_bytes bytes, size_t at)
{
    struct rn_bytes none = {NULL, 0};
    uint8_t before = at == 0 ? ' ' : bytes.data[at - 1];
    size_t end = at;
    bool dotted = false;
    if (!is_digit(bytes.data[at]) || is_digit(before) || is_letter(before) || before == '.' ||
        before == '_') {
        return none;
    }
    while (end < bytes.len && (is_digit(bytes.data[end]) || bytes.data[end] == '.')) {
        bool dot = bytes.data[end] == '.';
        bool inner = end + 1 < bytes.len && is_digit(bytes.data[end + 1]);
        if (dot && !inner) {
            break; /* the end of a sentence */
        }
        if (dot && dotted) {
            return none; /* an address, a version */
        }
        dotted = dotted || dot;
        end++;
    }
    bool in_word = end < bytes.len && (is_letter(bytes.data[end]) || bytes.data[end] == '_');
    return in_word ? none : rn_bytes_sub(bytes, at, end - at);
}

/* Seconds or milliseconds since 1970, of these decades, or a day such as 20261121. */
static bool is_time(struct rn_bytes number)
{
    bool seconds = number.len >= 10 && number.data[0] == '1' && number.data[1] >= '5' &&
                   (number.len == 10 || number.data[10] == '.' || number.len == 13);
    bool day = number.len == 8 && rn_bytes_starts_with(number, RN_LIT("20"));
    return seconds || day;
}

static size_t characters(struct rn_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

/* A date has no letters but T and Z; what has none at all says little. */
static bool has_letter(struct rn_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte >= 0x80 || (is_letter(byte) && byte != 'T' && byte != 'Z')) {
            return true;
        }
    }
    return false;
}

static struct rn_bytes trimmed(struct rn_bytes text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = rn_bytes_from(text, 1);
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static enum rn_status give_text(struct rn_buffer *scratch, rn_token_taker *take, void *self)
{
    struct rn_bytes text = trimmed(rn_buffer_bytes(scratch));
    text.len = text.len > RN_TOKEN_BYTES_MAX ? RN_TOKEN_BYTES_MAX : text.len;
    if (characters(text) < RN_TOKEN_CHARACTERS_MIN || !has_letter(text)) {
        return RN_OK;
    }
    return take(self, RN_TOKEN_TEXT, text);
}

static enum rn_status give_number(struct rn_bytes body, size_t at, rn_token_taker *take, void *self)
{
    struct rn_bytes number = rn_tokens_number(body, at);
    uint8_t after = at + number.len < body.len ? body.data[at + number.len] : ' ';
    bool cut = after == '+' || after == '-' || after == '.';
    if (number.len < RN_TOKEN_NUMBER_MIN || number.len > RN_TOKEN_BYTES_MAX || cut ||
        is_time(number)) {
        return RN_OK;
    }
    return take(self, RN_TOKEN_NUMBER, number);
}

/* The end of the string that begins behind the quote at `at`: the offset of its closing quote, or RN_NPOS. */
static size_t string_end(struct rn_bytes body, size_t at)
{
    for (size_t i = at + 1; i < body.len; i++) {
        if (body.data[i] == '\\') {
            i++;
        } else if (body.data[i] == '"') {
            return i;
        }
    }
    return RN_NPOS;
}

static bool is_name(struct rn_bytes body, size_t behind)
{
    while (behind < body.len && is_blank(body.data[behind])) {
        behind++;
    }
    return behind < body.len && body.data[behind] == ':';
}

enum rn_status rn_tokens_find(struct rn_bytes body, struct rn_buffer *scratch, rn_token_taker *take,
                              void *self)
{
    enum rn_status status = RN_OK;
    for (size_t at = 0; status == RN_OK && at < body.len; at++) {
        uint8_t byte = body.data[at];
        if (byte == '"') {
            size_t end = string_end(body, at);
            if (end == RN_NPOS) {
                break;
            }
            if (!is_name(body, end + 1) && !rn_tokens_is_parameter(body, at)) {
                rn_buffer_clear(scratch);
                status = rn_tokens_unescape(rn_bytes_sub(body, at + 1, end - at - 1), scratch);
                status = status == RN_OK ? give_text(scratch, take, self) : status;
            }
            at = end;
        } else if (is_digit(byte)) {
            if (!rn_tokens_is_parameter(body, at)) {
                status = give_number(body, at, take, self);
            }
            while (at + 1 < body.len && is_digit(body.data[at + 1])) {
                at++;
            }
        }
    }
    return status;
}

/* --- ids ----------------------------------------------------------------------------------------------------------- */

/* Shorter ones are counted by servers ("call_1"), not minted. */
#define ID_BYTES_MIN 16u

static bool is_minted(struct rn_bytes id)
{
    static const char *const beginnings[] = {"call_", "toolu_", "tooluse_",      "fc_",
                                             "ctc_",  "resp_",  "chatcmpl-tool-"};
    bool known = false;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        known = known || rn_bytes_starts_with(id, rn_bytes_text(beginnings[i]));
    }
    for (size_t i = 0; known && i < id.len; i++) {
        uint8_t byte = id.data[i];
        known = is_letter(byte) || is_digit(byte) || byte == '_' || byte == '-';
    }
    return known && id.len >= ID_BYTES_MIN;
}

static bool may_begin(uint8_t byte)
{
    return byte == 'c' || byte == 't' || byte == 'f' || byte == 'r';
}

/* One byte within a string. */
static void take_byte(struct rn_id_finder *finder, uint8_t byte, rn_id_taker *take, void *self)
{
    if (finder->escaped) {
        finder->escaped = false;
    } else if (byte == '\\') {
        finder->escaped = finder->hopeless = true;
    } else if (byte == '"' || byte == '\n') { /* a line's end is in no string: this was none */
        struct rn_bytes id = rn_bytes_of(finder->text, finder->len);
        finder->in_string = false;
        if (byte == '"' && !finder->hopeless && is_minted(id)) {
            take(self, id);
        }
    } else if (!finder->hopeless) {
        finder->hopeless = finder->len == RN_ID_BYTES_MAX || (finder->len == 0 && !may_begin(byte));
        if (!finder->hopeless) {
            finder->text[finder->len++] = byte;
        }
    }
}

void rn_tokens_ids(struct rn_id_finder *finder, struct rn_bytes piece, rn_id_taker *take,
                   void *self)
{
    size_t at = 0;
    while (at < piece.len) {
        if (finder->in_string) {
            take_byte(finder, piece.data[at++], take, self);
            continue;
        }
        size_t quote = rn_bytes_find_byte(rn_bytes_from(piece, at), '"');
        if (quote == RN_NPOS) {
            return;
        }
        at += quote + 1;
        finder->in_string = true;
        finder->escaped = finder->hopeless = false;
        finder->len = 0;
    }
}
