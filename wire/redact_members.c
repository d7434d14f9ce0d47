/*
 * Values found by the name in front of them: "api_key": "..." in JSON; client_secret=..., --api-key=... elsewhere.
 *
 * JSON is not parsed: the text may be one part of many, or JSON inside a string of JSON, as the arguments of tool calls
 * are. A known name in quotes, a colon and a string, all with the same number of backslashes before their quotes, is a
 * member. Values longer than RN_FOUND_BYTES_MAX are no credentials.
 */
#include "redact_parts.h"

#include <string.h>

#define NAME_BYTES_MAX 40u
#define BLANKS_MAX 16u

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* The run of token bytes that ends at `end`: empty when too long to be a name. */
static struct rn_bytes name_before(struct rn_bytes text, size_t end)
{
    size_t begin = end;
    while (begin > 0 && end - begin <= NAME_BYTES_MAX && rn_is_token_byte(text.data[begin - 1])) {
        begin--;
    }
    return end - begin > NAME_BYTES_MAX ? rn_bytes_of(NULL, 0)
                                        : rn_bytes_sub(text, begin, end - begin);
}

static size_t count_slashes_before(struct rn_bytes text, size_t at)
{
    size_t count = 0;
    while (count < at && text.data[at - 1 - count] == '\\') {
        count++;
    }
    return count;
}

/* --- JSON ---------------------------------------------------------------------------------------------------------- */

/* A name, its colon and the opening quote of its value. */
struct opening {
    size_t name_begin;
    size_t slashes;     /* before each quote */
    size_t value_begin; /* behind the opening quote */
};

static size_t skip_blanks_back(struct rn_bytes text, size_t at)
{
    size_t begin = at;
    while (at > 0 && begin - at < BLANKS_MAX && is_blank(text.data[at - 1])) {
        at--;
    }
    return at;
}

/* A known name and its closing quote end at `at`. */
static bool known_name_before(struct rn_bytes text, size_t at, struct opening *out)
{
    if (at < 2 || text.data[at - 1] != '"') {
        return false;
    }
    out->slashes = count_slashes_before(text, at - 1);
    size_t name_end = at - 1 - out->slashes;
    if (!rn_redact_ends_like_a_member(rn_bytes_sub(text, 0, name_end))) {
        return false;
    }
    struct rn_bytes name = name_before(text, name_end);
    out->name_begin = name_end - name.len;
    return rn_redact_is_member_name(name);
}

enum step { NONE, MORE, FOUND };

static enum step find_value(struct rn_bytes text, size_t colon, struct opening *out)
{
    size_t at = colon + 1;
    while (at < text.len && at - colon <= BLANKS_MAX && is_blank(text.data[at])) {
        at++;
    }
    size_t slashes = 0;
    while (at < text.len && slashes < out->slashes && text.data[at] == '\\') {
        slashes++;
        at++;
    }
    if (at == text.len) {
        return MORE;
    }
    out->value_begin = at + 1;
    return text.data[at] == '"' && slashes == out->slashes ? FOUND : NONE;
}

/* Finds the end of the value: the offset of what closes it. */
static enum step find_value_end(struct rn_bytes text, const struct opening *opening, size_t *out)
{
    struct rn_bytes rest = rn_bytes_sub(text, opening->value_begin, RN_FOUND_BYTES_MAX);
    size_t at = 0;
    for (;;) {
        size_t quote = rn_bytes_find_byte(rn_bytes_from(rest, at), '"');
        if (quote == RN_NPOS) {
            *out = opening->value_begin + rest.len;
            return rest.len < RN_FOUND_BYTES_MAX ? MORE : NONE;
        }
        quote += at;
        size_t slashes = count_slashes_before(rest, quote);
        /* At the top an even number of backslashes is all content. Inside a string, more than ours escape a quote. */
        bool closes = opening->slashes == 0 ? slashes % 2 == 0 : slashes <= opening->slashes;
        if (closes) {
            *out = opening->value_begin + quote - (opening->slashes == 0 ? 0 : slashes);
            return FOUND;
        }
        at = quote + 1;
    }
}

static void report(struct rn_scan *scan, size_t name_begin, size_t begin, size_t end,
                   const struct rn_member_sink *sink)
{
    struct rn_bytes raw =
        rn_redact_without_scheme(rn_bytes_sub(scan->text, begin, end - begin), NULL);
    if (raw.len > 0) {
        begin = (size_t)(raw.data - scan->text.data);
        rn_scan_found(scan, begin, begin + raw.len, RN_SECRET_MEMBER);
        sink->found(sink->context, raw, name_begin);
    }
}

static void try_colon(struct rn_scan *scan, size_t colon, const struct rn_member_sink *sink)
{
    struct opening opening = {0};
    size_t end = 0;
    if (!known_name_before(scan->text, skip_blanks_back(scan->text, colon), &opening)) {
        return;
    }
    enum step step = find_value(scan->text, colon, &opening);
    if (step == FOUND) {
        step = find_value_end(scan->text, &opening, &end);
        bool cut = step == MORE && scan->final; /* a value the end cut off is still one */
        if (step == FOUND || cut) {
            report(scan, opening.name_begin, opening.value_begin, end, sink);
        }
    }
    if (step == MORE && !scan->final) {
        rn_scan_open(scan, opening.name_begin);
    }
}

/*
 * Offset of the first ':' from `at`, or the length. Eight bytes at a time: memchr is slower where there is one every
 * dozen bytes.
 */
static size_t find_colon(struct rn_bytes text, size_t at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (; text.len - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, text.data + at, sizeof word);
        word ^= ones * ':';
        uint64_t found = (word - ones) & ~word & (ones * 0x80);
        if (found != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return at + (size_t)__builtin_ctzll(found) / 8;
#else
            break;
#endif
        }
    }
    while (at < text.len && text.data[at] != ':') {
        at++;
    }
    return at;
}

/* The last two letters of every member's name; most names of a body end in others. */
static bool may_end_a_name(const uint8_t *two)
{
    switch ((two[0] | 0x20) << 8 | (two[1] | 0x20)) {
    case 'e' << 8 | 'y':
    case 'r' << 8 | 'd':
    case 'w' << 8 | 'd':
    case 's' << 8 | 'e':
    case 'e' << 8 | 't':
    case 'e' << 8 | 'n':
    case 'o' << 8 | 'n':
        return true;
    default:
        return false;
    }
}

static void scan_json(struct rn_scan *scan, const struct rn_member_sink *sink)
{
    struct rn_bytes text = scan->text;
    for (size_t at = find_colon(text, 0); at < text.len; at = find_colon(text, at + 1)) {
        if (at < 3) {
            continue;
        }
        const uint8_t *colon = text.data + at;
        bool plain = colon[-1] == '"' && colon[-2] != '\\';
        if (plain ? may_end_a_name(colon - 3) : colon[-1] == '"' || is_blank(colon[-1])) {
            try_colon(scan, at, sink);
        }
    }
}

/* --- forms and argv ------------------------------------------------------------------------------------------------ */

static bool ends_a_form_value(uint8_t byte)
{
    return byte == '&' || byte == '"' || byte == '\'' || byte <= ' ';
}

/* A known name, or a long option of that name, that ends at `equals`. */
static bool form_name_before(struct rn_bytes text, size_t equals, size_t *begin)
{
    struct rn_bytes name = name_before(text, equals);
    *begin = equals - name.len;
    bool option = rn_bytes_starts_with(name, RN_LIT("--"));
    return rn_redact_is_member_name(rn_bytes_from(name, option ? 2 : 0));
}

static void try_equals(struct rn_scan *scan, size_t equals, const struct rn_member_sink *sink)
{
    struct rn_bytes text = scan->text;
    size_t begin = 0;
    if (!form_name_before(text, equals, &begin)) {
        return;
    }
    size_t end = equals + 1;
    while (end < text.len && end - equals <= RN_FOUND_BYTES_MAX &&
           !ends_a_form_value(text.data[end])) {
        end++;
    }
    if (end == text.len && !scan->final) {
        rn_scan_open(scan, begin);
    } else if (end - equals <= RN_FOUND_BYTES_MAX) {
        report(scan, begin, equals + 1, end, sink);
    }
}

static void scan_form(struct rn_scan *scan, const struct rn_member_sink *sink)
{
    size_t at = 0;
    size_t next;
    while ((next = rn_bytes_find_byte(rn_bytes_from(scan->text, at), '=')) != RN_NPOS) {
        try_equals(scan, at + next, sink);
        at += next + 1;
    }
}

void rn_members_scan(struct rn_scan *scan, bool is_json, const struct rn_member_sink *sink)
{
    if (is_json) {
        scan_json(scan, sink);
    } else {
        scan_form(scan, sink);
    }
}

size_t rn_members_pending(struct rn_bytes text)
{
    struct opening opening = {0};
    size_t at = skip_blanks_back(text, text.len);
    at -= at > 0 && text.data[at - 1] == ':';
    at = skip_blanks_back(text, at);
    return known_name_before(text, at, &opening) ? opening.name_begin : RN_NPOS;
}
