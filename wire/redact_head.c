/*
 * Heads and targets, by name: header fields, query parameters, userinfo, cookies.
 *
 * A head is walked line by line and need not be valid: heads that libcurl hands over and heads we refused come here too.
 * What a name shows is learned first and then looked for in the whole head.
 */
#include "redact_parts.h"

#include "base/digest.h"

/* A value that is more than a word: it may be looked for even though only a pattern in its name gave it away. */
static bool looks_random(struct rn_bytes value)
{
    bool letter = false;
    bool digit = false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.data[i];
        if (byte <= ' ' || byte == ',') {
            return false;
        }
        digit = digit || (byte >= '0' && byte <= '9');
        letter = letter || (rn_byte_lower(byte) >= 'a' && rn_byte_lower(byte) <= 'z');
    }
    return letter && digit;
}

/* The part of the text that `piece` (lent from it) is, as a span. */
static void found_piece(struct rn_walk *walk, struct rn_bytes piece, enum rn_secret_kind kind)
{
    if (piece.len > 0) {
        size_t begin = (size_t)(piece.data - walk->scan.text.data);
        rn_scan_found(&walk->scan, begin, begin + piece.len, kind);
    }
}

/* Percent-decodes into `out`, as much as fits. */
static struct rn_bytes decode_percent(struct rn_bytes text, uint8_t *out, size_t max)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < max; i++, len++) {
        out[len] = text.data[i];
        if (text.data[i] == '%' && rn_unhex(rn_bytes_sub(text, i + 1, 2), &out[len], 1)) {
            i += 2;
        }
    }
    return rn_bytes_of(out, len);
}

static void learn_decoded(struct rn_walk *walk, struct rn_bytes value)
{
    uint8_t space[RN_CREDENTIAL_BYTES_MAX + 1];
    rn_walk_learn(walk, decode_percent(value, space, sizeof space));
}

static void walk_parameter(struct rn_walk *walk, struct rn_bytes parameter)
{
    uint8_t space[64];
    size_t equals = rn_bytes_find_byte(parameter, '=');
    struct rn_bytes name = decode_percent(rn_bytes_sub(parameter, 0, equals), space, sizeof space);
    if (equals != RN_NPOS && rn_redact_is_query_name(name)) {
        struct rn_bytes value = rn_bytes_from(parameter, equals + 1);
        found_piece(walk, value, RN_SECRET_QUERY);
        learn_decoded(walk, value);
    }
}

/* user:password before an '@' of each "://" before the query. Both are hidden, with the colon. */
static void walk_userinfo(struct rn_walk *walk, struct rn_bytes path)
{
    size_t scheme = 0;
    while ((scheme = rn_bytes_find(path, RN_LIT("://"))) != RN_NPOS) {
        path = rn_bytes_from(path, scheme + 3);
        size_t end = rn_bytes_find_byte(path, '/');
        struct rn_bytes authority = rn_bytes_sub(path, 0, end);
        size_t at = authority.len;
        while (at > 0 && authority.data[at - 1] != '@') {
            at--;
        }
        if (at > 1) {
            struct rn_bytes info = rn_bytes_sub(authority, 0, at - 1);
            size_t colon = rn_bytes_find_byte(info, ':');
            found_piece(walk, info, RN_SECRET_USERINFO);
            learn_decoded(walk, rn_bytes_sub(info, 0, colon));
            learn_decoded(walk,
                          colon == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(info, colon + 1));
        }
    }
}

static void walk_target(struct rn_walk *walk, struct rn_bytes target)
{
    size_t question = rn_bytes_find_byte(target, '?');
    walk_userinfo(walk, rn_bytes_sub(target, 0, question));
    struct rn_bytes query =
        question == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(target, question + 1);
    query = rn_bytes_sub(query, 0, rn_bytes_find_byte(query, '#'));
    while (query.len > 0) {
        size_t end = rn_bytes_find_byte(query, '&');
        walk_parameter(walk, rn_bytes_sub(query, 0, end));
        query = end == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(query, end + 1);
    }
}

enum rn_status rn_redact_target(struct rn_redactor *redactor, struct rn_bytes target,
                                struct rn_spans *spans)
{
    struct rn_walk walk = rn_walk_begin(redactor, target, true, spans);
    walk_target(&walk, target);
    return rn_walk_end(&walk);
}

/* --- heads --------------------------------------------------------------------------------------------------------- */

static void walk_cookies(struct rn_walk *walk, struct rn_bytes value, bool first_only)
{
    while (value.len > 0) {
        size_t end = rn_bytes_find_byte(value, ';');
        struct rn_bytes pair = rn_bytes_sub(value, 0, end);
        size_t equals = rn_bytes_find_byte(pair, '=');
        struct rn_bytes secret =
            rn_bytes_trim(equals == RN_NPOS ? pair : rn_bytes_from(pair, equals + 1));
        found_piece(walk, secret, RN_SECRET_HEADER);
        if (looks_random(secret)) {
            rn_walk_learn(walk, secret);
        }
        value = end == RN_NPOS || first_only ? rn_bytes_of(NULL, 0) : rn_bytes_from(value, end + 1);
    }
}

static void walk_credential(struct rn_walk *walk, struct rn_bytes name, struct rn_bytes value)
{
    if (rn_bytes_equal_nocase(name, RN_LIT("cookie"))) {
        walk_cookies(walk, value, false);
    } else if (rn_bytes_find_nocase(name, RN_LIT("set-cookie")) == 0) {
        walk_cookies(walk, value, true);
    } else {
        found_piece(walk, rn_redact_without_scheme(value, NULL), RN_SECRET_HEADER);
        if (rn_redact_is_listed_field(name) || looks_random(value)) {
            rn_walk_learn(walk, value);
        }
    }
}

static bool holds_a_url(struct rn_bytes name)
{
    return rn_bytes_equal_nocase(name, RN_LIT("location")) ||
           rn_bytes_equal_nocase(name, RN_LIT("referer")) ||
           rn_bytes_equal_nocase(name, RN_LIT("content-location"));
}

/* The next line, without its end, taken off the front. A lone CR ends a line too: heads we refused come here as well. */
static struct rn_bytes take_line(struct rn_bytes *rest)
{
    size_t len = 0;
    while (len < rest->len && rest->data[len] != '\n' && rest->data[len] != '\r') {
        len++;
    }
    struct rn_bytes line = rn_bytes_sub(*rest, 0, len);
    *rest = rn_bytes_from(*rest, len + 1);
    return line;
}

static void walk_start_line(struct rn_walk *walk, struct rn_bytes line)
{
    size_t blank = rn_bytes_find_byte(line, ' ');
    if (blank == RN_NPOS) {
        return;
    }
    struct rn_bytes target = rn_bytes_trim(rn_bytes_from(line, blank + 1));
    size_t version = rn_bytes_find(target, RN_LIT(" HTTP/"));
    walk_target(walk, rn_bytes_sub(target, 0, version));
}

/* `name` is kept for folded lines, which we refuse and still must not store in clear. */
static void walk_field(struct rn_walk *walk, struct rn_bytes line, bool is_request,
                       struct rn_bytes *name)
{
    struct rn_bytes value = line;
    if (line.data[0] != ' ' && line.data[0] != '\t') {
        size_t colon = rn_bytes_find_byte(line, ':');
        *name = rn_bytes_trim(rn_bytes_sub(line, 0, colon));
        value = colon == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(line, colon + 1);
    }
    value = rn_bytes_trim(value);
    if (value.len == 0) {
        return;
    }
    if (rn_redact_is_credential_field(*name, is_request)) {
        walk_credential(walk, *name, value);
    } else if (holds_a_url(*name)) {
        walk_target(walk, value);
    }
}

enum rn_status rn_redact_head(struct rn_redactor *redactor, struct rn_bytes head, bool is_request,
                              struct rn_spans *spans)
{
    struct rn_walk walk = rn_walk_begin(redactor, head, true, spans);
    struct rn_bytes rest = head;
    struct rn_bytes name = {NULL, 0};
    walk.scan.is_lines = true;
    bool started = false;
    while (rest.len > 0) {
        struct rn_bytes line = take_line(&rest);
        if (line.len == 0) {
            continue;
        }
        if (started) {
            walk_field(&walk, line, is_request, &name);
        } else if (is_request) {
            walk_start_line(&walk, line);
        }
        started = true;
    }
    return rn_walk_end(&walk);
}
