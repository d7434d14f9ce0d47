/*
 * Request and response heads of HTTP/1.1, read strictly.
 *
 * In comes whatever stands at the front of a connection's buffer, out go offsets into it. Each byte is looked at about
 * once: runs of text eight at a time, names and targets by a table. This file does not know bodies (chunk.c), sockets,
 * or which head is acceptable to whom; it only refuses what RFC 9112 or http.h calls malformed.
 */
#include "http.h"

#include <string.h>

#include "http_field.h"
#include "line.h"

#define EMPTY_LINES_MAX 4

enum { TOKEN = 1, TARGET = 2 };

/* RFC 9110 5.6.2 for TOKEN; TARGET is every visible byte except '#', which cannot stand in a request target. */
static const uint8_t classes[256] = {
    /* clang-format off */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 00 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 10 */
    0, 3, 2, 1, 3, 3, 3, 3, 2, 2, 3, 3, 2, 3, 3, 2, /* 20 */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, /* 30 */
    2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* 40 */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 3, 3, /* 50 */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* 60 */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 3, 2, 3, 0, /* 70 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 80 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 90 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* a0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* b0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* c0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* d0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* e0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* f0 */
    /* clang-format on */
};

/* Where we are in the input. All offsets count from its first byte. */
struct cursor {
    const uint8_t *in;
    size_t len;
    size_t at;
    struct rn_http_fault *fault;
};

/* What the fields said about framing and the connection, collected in one pass. */
struct marks {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    struct rn_bytes length;
    struct rn_bytes coding;
    bool close;
    bool keep_alive;
};

static enum rn_http_step refuse(const struct cursor *c, enum rn_http_step step, unsigned status,
                                const char *reason)
{
    if (c->fault != NULL) {
        *c->fault = (struct rn_http_fault){.offset = c->at, .status = status, .reason = reason};
    }
    return step;
}

static enum rn_http_step bad(const struct cursor *c, const char *reason)
{
    return refuse(c, RN_HTTP_BAD, 400, reason);
}

static enum rn_http_step bad_at(struct cursor *c, const uint8_t *where, const char *reason)
{
    c->at = (size_t)(where - c->in);
    return bad(c, reason);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static struct rn_bytes since(const struct cursor *c, size_t begin)
{
    return (struct rn_bytes){c->in + begin, c->at - begin};
}

/* --- runs ---------------------------------------------------------------------------------------------------------- */

static void skip_class(struct cursor *c, unsigned class)
{
    while (c->at < c->len && (classes[c->in[c->at]] & class) != 0) {
        c->at++;
    }
}

static bool is_text(uint8_t byte)
{
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

/* Whether eight bytes are all text and none of them a TAB, which is left to the slow way. */
static bool all_text(uint64_t word)
{
    uint64_t below_blank = (word - RN_WORD_OF(0x20)) & ~word & RN_WORD_OF(0x80);
    return (below_blank | rn_word_has_zero(word ^ RN_WORD_OF(0x7f))) == 0;
}

/* To the first byte that may not stand in a value: the line end, if all is well. */
static void skip_text(struct cursor *c)
{
    for (;;) {
        uint64_t word;
        while (c->len - c->at >= sizeof word) {
            memcpy(&word, c->in + c->at, sizeof word);
            if (!all_text(word)) {
                break;
            }
            c->at += sizeof word;
        }
        size_t stop = c->len - c->at < sizeof word ? c->len : c->at + sizeof word;
        while (c->at < stop && is_text(c->in[c->at])) {
            c->at++;
        }
        if (c->at < stop || c->at == c->len) {
            return;
        }
    }
}

static enum rn_http_step read_line_end(struct cursor *c)
{
    if (c->at == c->len) {
        return RN_HTTP_MORE;
    }
    if (c->in[c->at] != '\r') {
        return bad(c, c->in[c->at] == '\n' ? "a line feed without carriage return"
                                           : "a control character");
    }
    if (c->at + 1 == c->len) {
        return RN_HTTP_MORE;
    }
    if (c->in[c->at + 1] != '\n') {
        return bad(c, "a carriage return without line feed");
    }
    c->at += 2;
    return RN_HTTP_DONE;
}

/* --- fields -------------------------------------------------------------------------------------------------------- */

static enum rn_http_step bad_name(const struct cursor *c, size_t begin)
{
    uint8_t byte = c->in[c->at];
    if (is_blank(byte)) {
        return bad(c, c->at == begin ? "a folded line" : "a blank before ':'");
    }
    if (byte == ':') {
        return bad(c, "a field without a name");
    }
    return bad(c, byte == '\r' || byte == '\n' ? "a field line without ':'"
                                               : "an illegal byte in a field name");
}

static enum rn_http_step read_field(struct cursor *c, struct rn_http_field *field)
{
    size_t begin = c->at;
    skip_class(c, TOKEN);
    if (c->at == c->len) {
        return RN_HTTP_MORE;
    }
    if (c->in[c->at] != ':' || c->at == begin) {
        return bad_name(c, begin);
    }
    struct rn_bytes name = since(c, begin);
    c->at++;
    while (c->at < c->len && is_blank(c->in[c->at])) {
        c->at++;
    }
    size_t value_begin = c->at;
    skip_text(c);
    struct rn_bytes value = since(c, value_begin);
    enum rn_http_step step = read_line_end(c);
    if (step == RN_HTTP_DONE) {
        while (value.len > 0 && is_blank(value.data[value.len - 1])) {
            value.len--;
        }
        *field = (struct rn_http_field){.line = since(c, begin), .name = name, .value = value};
    }
    return step;
}

enum rn_http_step rn_http_field_read(struct rn_bytes in, struct rn_http_field *field,
                                     struct rn_http_fault *fault)
{
    struct cursor c = {.in = in.data, .len = in.len, .fault = fault};
    return in.len == 0 ? RN_HTTP_MORE : read_field(&c, field);
}

bool rn_http_field_split(struct rn_bytes line, struct rn_http_field *field)
{
    struct cursor c = {.in = line.data, .len = line.len};
    skip_class(&c, TOKEN);
    if (c.at == 0 || c.at == c.len || c.in[c.at] != ':') {
        return false;
    }
    struct rn_bytes value = {line.data + c.at + 1, line.len - c.at - 1};
    if (value.len > 0 && value.data[value.len - 1] == '\n') {
        value.len--;
    }
    if (value.len > 0 && value.data[value.len - 1] == '\r') {
        value.len--;
    }
    *field = (struct rn_http_field){
        .line = line, .name = {line.data, c.at}, .value = rn_bytes_trim(value)};
    return true;
}

/* `lower` is a lower-case literal of name's length. Token bytes only, so that one bit folds the case. */
static bool is_named(struct rn_bytes name, const char *lower)
{
    for (size_t i = 0; i < name.len; i++) {
        if ((name.data[i] | 0x20) != (uint8_t)lower[i]) {
            return false;
        }
    }
    return true;
}

/* The length decides nearly always that a field is none of ours. */
static void mark_field(struct marks *marks, struct rn_http_head *head,
                       const struct rn_http_field *field)
{
    struct rn_bytes name = field->name;
    if (name.len == 4 && is_named(name, "host")) {
        marks->hosts++;
    } else if (name.len == 6 && is_named(name, "expect")) {
        head->expect_continue |= rn_bytes_equal_nocase(field->value, RN_LIT("100-continue"));
    } else if (name.len == 7 && is_named(name, "upgrade")) {
        head->upgrade = true;
    } else if (name.len == 10 && is_named(name, "connection")) {
        marks->close |= rn_http_list_has(field->value, RN_LIT("close"));
        marks->keep_alive |= rn_http_list_has(field->value, RN_LIT("keep-alive"));
    } else if (name.len == 14 && is_named(name, "content-length")) {
        marks->lengths++;
        marks->length = field->value;
    } else if (name.len == 17 && is_named(name, "transfer-encoding")) {
        marks->codings++;
        marks->coding = field->value;
    }
}

static enum rn_http_step read_fields(struct cursor *c, struct rn_http_head *head,
                                     struct marks *marks)
{
    while (c->at < c->len && c->in[c->at] != '\r') {
        if (head->field_count == RN_HEAD_FIELDS_MAX) {
            return refuse(c, RN_HTTP_TOO_LARGE, 431, "more than 256 fields");
        }
        struct rn_http_field *field = &head->fields[head->field_count];
        enum rn_http_step step = read_field(c, field);
        if (step != RN_HTTP_DONE) {
            return step;
        }
        head->field_count++;
        mark_field(marks, head, field);
    }
    return read_line_end(c);
}

/* --- what the fields mean together --------------------------------------------------------------------------------- */

static enum rn_http_step decide_framing(struct cursor *c, struct rn_http_head *head,
                                        const struct marks *marks)
{
    if (marks->lengths > 1) {
        return bad_at(c, marks->length.data, "more than one Content-Length");
    }
    if (marks->lengths == 1 && marks->codings > 0) {
        return bad_at(c, marks->coding.data, "Content-Length beside Transfer-Encoding");
    }
    if (marks->codings > 0 && head->version_minor == 0) {
        return bad_at(c, marks->coding.data, "Transfer-Encoding in HTTP/1.0"); /* RFC 9112 6.1 */
    }
    if (marks->codings > 1 ||
        (marks->codings == 1 && !rn_bytes_equal_nocase(marks->coding, RN_LIT("chunked")))) {
        c->at = (size_t)(marks->coding.data - c->in);
        return refuse(c, RN_HTTP_UNSUPPORTED, 501, "a transfer coding other than chunked");
    }
    if (marks->lengths == 1 && !rn_bytes_to_u64(marks->length, &head->content_length)) {
        return bad_at(c, marks->length.data, "a Content-Length that is no number");
    }
    head->has_content_length = marks->lengths == 1;
    head->framing = marks->codings == 1   ? RN_FRAMING_CHUNKED
                    : marks->lengths == 1 ? RN_FRAMING_LENGTH
                                          : RN_FRAMING_NONE;
    return RN_HTTP_DONE;
}

static bool stays_open(const struct rn_http_head *head, const struct marks *marks)
{
    return !marks->close && (head->version_minor == 1 || marks->keep_alive);
}

/* Everything but the fields: the struct is too large to be zeroed on each request. */
static void begin_head(struct rn_http_head *head)
{
    head->raw = head->start_line = head->method = head->target = head->reason =
        (struct rn_bytes){NULL, 0};
    head->status = 0;
    head->version_minor = 0;
    head->framing = RN_FRAMING_NONE;
    head->content_length = 0;
    head->has_content_length = false;
    head->expect_continue = false;
    head->keep_alive = false;
    head->upgrade = false;
    head->field_count = 0;
}

static enum rn_http_step finish(struct cursor *c, enum rn_http_step step)
{
    if (step == RN_HTTP_MORE && c->len == RN_HEAD_BYTES_MAX) {
        c->at = c->len;
        return refuse(c, RN_HTTP_TOO_LARGE, 431, "a head of more than 64 KiB");
    }
    return step;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* "HTTP/" digit "." digit; the two digits as a number, 11 for HTTP/1.1. */
static enum rn_http_step read_version(struct cursor *c, unsigned *version)
{
    static const char form[] = "HTTP/0.0";
    const uint8_t *begin = c->in + c->at;
    for (size_t i = 0; i < sizeof form - 1; i++, c->at++) {
        if (c->at == c->len) {
            return RN_HTTP_MORE;
        }
        uint8_t byte = c->in[c->at];
        if (form[i] == '0' ? !is_digit(byte) : byte != (uint8_t)form[i]) {
            return bad(c, "a malformed version");
        }
    }
    *version = 10u * (unsigned)(begin[5] - '0') + (unsigned)(begin[7] - '0');
    return RN_HTTP_DONE;
}

static enum rn_http_step take_version(const struct cursor *c, struct rn_http_head *head,
                                      unsigned version)
{
    if (version != 10 && version != 11) {
        return refuse(c, RN_HTTP_UNSUPPORTED, 505, "a version other than HTTP/1.0 and HTTP/1.1");
    }
    head->version_minor = version - 10;
    return RN_HTTP_DONE;
}

/* RFC 3986 3.1, then "://" and something behind it. */
static bool is_absolute(struct rn_bytes target)
{
    size_t colon = rn_bytes_find(target, RN_LIT("://"));
    if (colon == RN_NPOS || colon == 0 || target.len == colon + 3 ||
        target.data[colon + 3] == '/') {
        return false;
    }
    for (size_t i = 0; i < colon; i++) {
        uint8_t byte = target.data[i];
        uint8_t low = rn_byte_lower(byte);
        bool letter = low >= 'a' && low <= 'z';
        bool other = is_digit(byte) || byte == '+' || byte == '-' || byte == '.';
        if (!letter && (i == 0 || !other)) {
            return false;
        }
    }
    return true;
}

static enum rn_http_step check_target(struct cursor *c, const struct rn_http_head *head)
{
    if (head->target.data[0] == '/' || is_absolute(head->target)) {
        return RN_HTTP_DONE;
    }
    if (rn_bytes_equal(head->target, RN_LIT("*")) &&
        rn_bytes_equal(head->method, RN_LIT("OPTIONS"))) {
        return RN_HTTP_DONE;
    }
    return bad_at(c, head->target.data, "a target that is neither a path nor an absolute URL");
}

/* A run of `class` and the one blank behind it. `empty` and `illegal` are the sentences for what else may stand there. */
static enum rn_http_step read_word(struct cursor *c, unsigned class, struct rn_bytes *word,
                                   const char *empty, const char *illegal)
{
    size_t begin = c->at;
    skip_class(c, class);
    *word = since(c, begin);
    if (c->at == c->len) {
        return RN_HTTP_MORE;
    }
    if (c->in[c->at] != ' ') {
        return bad(c, illegal);
    }
    if (word->len == 0) {
        return bad(c, empty);
    }
    c->at++;
    return RN_HTTP_DONE;
}

static enum rn_http_step read_request_line(struct cursor *c, struct rn_http_head *head)
{
    unsigned version = 0;
    size_t begin = c->at;
    enum rn_http_step step =
        read_word(c, TOKEN, &head->method, "a request line without method", "a malformed method");
    if (step == RN_HTTP_DONE) {
        step = read_word(c, TARGET, &head->target, "a request line without target",
                         "a malformed target, or no version behind it");
    }
    if (step == RN_HTTP_DONE) {
        step = read_version(c, &version);
    }
    if (step != RN_HTTP_DONE) {
        return step;
    }
    head->start_line = since(c, begin);
    if (c->at < c->len && is_text(c->in[c->at])) {
        return bad(c, "something behind the version");
    }
    step = read_line_end(c);
    if (step == RN_HTTP_DONE) {
        step = take_version(c, head, version);
    }
    return step == RN_HTTP_DONE ? check_target(c, head) : step;
}

static enum rn_http_step finish_request(struct cursor *c, struct rn_http_head *head,
                                        const struct marks *marks)
{
    if (marks->hosts > 1) {
        return bad(c, "more than one Host");
    }
    if (marks->hosts == 0 && head->version_minor == 1) {
        return bad(c, "no Host");
    }
    head->expect_continue = head->expect_continue && head->version_minor == 1; /* RFC 9110 10.1.1 */
    head->keep_alive = stays_open(head, marks);
    return decide_framing(c, head, marks);
}

/* How many leading bytes are empty lines, at most EMPTY_LINES_MAX of them. */
static size_t count_empty_lines(struct rn_bytes in)
{
    size_t at = 0;
    while (at < 2 * EMPTY_LINES_MAX && in.len - at >= 2 && in.data[at] == '\r' &&
           in.data[at + 1] == '\n') {
        at += 2;
    }
    return at;
}

/* A lone CR at the end of the input may be the first half of one more empty line. */
static bool may_be_empty_line(struct rn_bytes in, size_t skipped)
{
    return skipped < 2 * EMPTY_LINES_MAX && in.len == skipped + 1 && in.data[skipped] == '\r';
}

enum rn_http_step rn_http_request_parse(struct rn_bytes in, struct rn_http_head *head,
                                        size_t *skipped, struct rn_http_fault *fault)
{
    struct marks marks = {0};
    begin_head(head);
    *skipped = in.len == 0 ? 0 : count_empty_lines(in);
    if (in.len == *skipped || may_be_empty_line(in, *skipped)) {
        return RN_HTTP_MORE;
    }
    size_t rest = in.len - *skipped;
    struct cursor c = {.in = in.data + *skipped,
                       .len = rest < RN_HEAD_BYTES_MAX ? rest : RN_HEAD_BYTES_MAX,
                       .fault = fault};
    enum rn_http_step step = read_request_line(&c, head);
    if (step == RN_HTTP_DONE) {
        step = read_fields(&c, head, &marks);
    }
    if (step == RN_HTTP_DONE) {
        head->raw = since(&c, 0);
        step = finish_request(&c, head, &marks);
    }
    step = finish(&c, step);
    if (step != RN_HTTP_DONE && step != RN_HTTP_MORE && fault != NULL) {
        fault->offset += *skipped;
    }
    return step;
}

/* --- responses ----------------------------------------------------------------------------------------------------- */

static enum rn_http_step read_status(struct cursor *c, unsigned *status)
{
    *status = 0;
    for (int i = 0; i < 3; i++, c->at++) {
        if (c->at == c->len) {
            return RN_HTTP_MORE;
        }
        if (!is_digit(c->in[c->at])) {
            return bad(c, "a status that is not three digits");
        }
        *status = *status * 10 + (unsigned)(c->in[c->at] - '0');
    }
    return *status < 100 ? bad(c, "a status below 100") : RN_HTTP_DONE;
}

/* The reason phrase may be empty, odd, or missing together with its blank (RFC 9112 4 wants the blank). */
static enum rn_http_step read_reason(struct cursor *c, struct rn_http_head *head)
{
    if (c->at < c->len && is_text(c->in[c->at]) && c->in[c->at] != ' ') {
        return bad(c, "a status that is not three digits");
    }
    size_t begin = c->at + (c->at < c->len && c->in[c->at] == ' ' ? 1 : 0);
    c->at = begin;
    skip_text(c);
    head->reason = since(c, begin);
    head->start_line = since(c, 0);
    return read_line_end(c);
}

static enum rn_http_step read_status_line(struct cursor *c, struct rn_http_head *head)
{
    unsigned version = 0;
    enum rn_http_step step = read_version(c, &version);
    if (step == RN_HTTP_DONE && c->at == c->len) {
        return RN_HTTP_MORE;
    }
    if (step == RN_HTTP_DONE && c->in[c->at++] != ' ') {
        c->at--;
        step = bad(c, "no blank behind the version");
    }
    if (step == RN_HTTP_DONE) {
        step = read_status(c, &head->status);
    }
    if (step == RN_HTTP_DONE) {
        step = read_reason(c, head);
    }
    return step == RN_HTTP_DONE ? take_version(c, head, version) : step;
}

static bool has_no_body(const struct rn_http_head *head, struct rn_bytes request_method)
{
    return head->status < 200 || head->status == 204 || head->status == 304 ||
           rn_bytes_equal(request_method, RN_LIT("HEAD"));
}

static enum rn_http_step finish_response(struct cursor *c, struct rn_http_head *head,
                                         const struct marks *marks, struct rn_bytes request_method)
{
    enum rn_http_step step = decide_framing(c, head, marks);
    if (has_no_body(head, request_method)) {
        head->framing = RN_FRAMING_NONE;
    } else if (head->framing == RN_FRAMING_NONE) {
        head->framing = RN_FRAMING_CLOSE;
    }
    head->expect_continue = false;
    head->keep_alive = stays_open(head, marks);
    return step;
}

enum rn_http_step rn_http_response_parse(struct rn_bytes in, struct rn_bytes request_method,
                                         struct rn_http_head *head, struct rn_http_fault *fault)
{
    struct marks marks = {0};
    begin_head(head);
    if (in.len == 0) {
        return RN_HTTP_MORE;
    }
    struct cursor c = {.in = in.data,
                       .len = in.len < RN_HEAD_BYTES_MAX ? in.len : RN_HEAD_BYTES_MAX,
                       .fault = fault};
    enum rn_http_step step = read_status_line(&c, head);
    if (step == RN_HTTP_DONE) {
        step = read_fields(&c, head, &marks);
    }
    if (step == RN_HTTP_DONE) {
        head->raw = since(&c, 0);
        step = finish_response(&c, head, &marks, request_method);
    }
    return finish(&c, step);
}
