/*
 * Heads of answers: an upstream's as this client is sent it, and those of our own.
 *
 * In come raw lines and what the client can take, out goes a head and the framing it announces. It declines to know
 * connections: who sends the bytes, and when, is exchange.c's matter.
 */
#include "answer.h"

#include "wire/json.h"

/* --- an upstream's head, framed by us -------------------------------------------------------- */

/* What one pass over the lines found out, before anything is written. */
struct survey {
    unsigned lengths;
    uint64_t length;
    unsigned codings;
    bool agrees; /* every Content-Length is a number, and the same one */
    bool sound;  /* every line is a field and ends with CR LF */
    bool
        names; /* a Connection field lists more than the usual two words, perhaps names of fields */
};

/* The next line of `head`, with its end. */
static struct rn_bytes take_line(struct rn_bytes *head)
{
    size_t end = rn_bytes_find_byte(*head, '\n');
    struct rn_bytes line = rn_bytes_sub(*head, 0, end == RN_NPOS ? head->len : end + 1);
    *head = rn_bytes_from(*head, line.len);
    return line;
}

/* A line without its CR LF, or whatever it has of it. */
static struct rn_bytes without_end(struct rn_bytes line)
{
    line.len -= rn_bytes_ends_with(line, RN_LIT("\n")) ? 1 : 0;
    line.len -= rn_bytes_ends_with(line, RN_LIT("\r")) ? 1 : 0;
    return line;
}

/* The next field line of `rest`; false at the empty line or at the end. What is no field becomes one without a name. */
static bool take_field(struct rn_bytes *rest, struct rn_http_field *field)
{
    struct rn_bytes line = take_line(rest);
    if (without_end(line).len == 0) {
        return false;
    }
    if (!rn_http_field_split(line, field)) {
        *field = (struct rn_http_field){.line = line};
    }
    return true;
}

static struct survey look_at(struct rn_bytes fields)
{
    struct survey survey = {.agrees = true, .sound = true};
    struct rn_http_field field;
    while (take_field(&fields, &field)) {
        survey.sound =
            survey.sound && field.name.len > 0 && rn_bytes_ends_with(field.line, RN_LIT("\r\n"));
        if (rn_bytes_equal_nocase(field.name, RN_LIT("content-length"))) {
            uint64_t length = 0;
            survey.agrees = survey.agrees && rn_bytes_to_u64(field.value, &length) &&
                            (survey.lengths == 0 || length == survey.length);
            survey.length = length;
            survey.lengths++;
        } else if (rn_bytes_equal_nocase(field.name, RN_LIT("transfer-encoding"))) {
            survey.codings++;
        } else if (rn_bytes_equal_nocase(field.name, RN_LIT("connection"))) {
            survey.names =
                survey.names || (!rn_bytes_equal_nocase(field.value, RN_LIT("keep-alive")) &&
                                 !rn_bytes_equal_nocase(field.value, RN_LIT("close")));
        }
    }
    return survey;
}

/* Whether some Connection field of `fields` names this one. */
static bool is_named_by_connection(struct rn_bytes fields, struct rn_bytes name)
{
    struct rn_http_field field;
    while (take_field(&fields, &field)) {
        if (rn_bytes_equal_nocase(field.name, RN_LIT("connection")) &&
            rn_http_list_has(field.value, name)) {
            return true;
        }
    }
    return false;
}

static bool has_no_body(unsigned status, struct rn_client client)
{
    return client.is_head || status < 200 || status == 204 || status == 304;
}

static struct rn_answer decide(unsigned status, const struct survey *survey,
                               struct rn_client client)
{
    if (has_no_body(status, client)) {
        return (struct rn_answer){.framing = RN_FRAMING_NONE};
    }
    if (survey->lengths > 0 && survey->codings == 0) {
        return (struct rn_answer){.framing = RN_FRAMING_LENGTH, .length = survey->length};
    }
    return (struct rn_answer){.framing = client.version_minor >= 1 ? RN_FRAMING_CHUNKED
                                                                   : RN_FRAMING_CLOSE};
}

/* "HTTP/2 200 \r\n" becomes "HTTP/1.1 200 \r\n"; code and reason stay as they came. */
static enum rn_status put_status_line(struct rn_buffer *out, struct rn_bytes line, unsigned *status)
{
    size_t blank = rn_bytes_find_byte(line, ' ');
    uint64_t code = 0;
    if (!rn_bytes_starts_with(line, RN_LIT("HTTP/")) || blank == RN_NPOS ||
        !rn_bytes_ends_with(line, RN_LIT("\r\n")) ||
        !rn_bytes_to_u64(rn_bytes_sub(line, blank + 1, 3), &code) || code < 100) {
        return RN_INVALID;
    }
    *status = (unsigned)code;
    struct rn_bytes rest = rn_bytes_from(line, blank);
    enum rn_status result = rn_buffer_add(out, RN_LIT("HTTP/1.1"));
    if (result == RN_OK && rest.len == sizeof " 200\r\n" - 1) {
        rest.len -= 2;
        result = rn_buffer_add(out, rest);
        rest = RN_LIT(" \r\n"); /* RFC 9112 4: the blank stands even before no reason */
    }
    return result == RN_OK ? rn_buffer_add(out, rest) : result;
}

/* The one Transfer-Encoding we send, in the words of the upstream where it said exactly that. */
static enum rn_status put_coding(struct rn_buffer *out, const struct rn_http_field *field,
                                 struct rn_answer answer, bool *done)
{
    if (*done || answer.framing != RN_FRAMING_CHUNKED) {
        return RN_OK;
    }
    *done = true;
    bool same = field != NULL && rn_bytes_equal_nocase(field->value, RN_LIT("chunked"));
    return rn_buffer_add(out, same ? field->line : RN_LIT("Transfer-Encoding: chunked\r\n"));
}

static enum rn_status put_fields(struct rn_buffer *out, struct rn_bytes fields,
                                 const struct survey *survey, struct rn_answer answer)
{
    bool coding_done = false;
    enum rn_status result = RN_OK;
    struct rn_bytes rest = fields;
    struct rn_http_field field;
    while (result == RN_OK && take_field(&rest, &field)) {
        if (rn_bytes_equal_nocase(field.name, RN_LIT("transfer-encoding"))) {
            result = put_coding(out, &field, answer, &coding_done);
        } else if (rn_bytes_equal_nocase(field.name, RN_LIT("content-length"))) {
            bool stands = answer.framing == RN_FRAMING_LENGTH || answer.framing == RN_FRAMING_NONE;
            result = stands ? rn_buffer_add(out, field.line) : RN_OK;
        } else if (!rn_http_is_hop_by_hop(field.name) &&
                   !(survey->names && is_named_by_connection(fields, field.name))) {
            result = rn_buffer_add(out, field.line);
        }
    }
    return result == RN_OK ? put_coding(out, NULL, answer, &coding_done) : result;
}

static enum rn_status put_connection(struct rn_buffer *out, struct rn_client client,
                                     enum rn_http_framing framing)
{
    if (!client.keep_alive || framing == RN_FRAMING_CLOSE) {
        return rn_buffer_add(out, RN_LIT("Connection: close\r\n"));
    }
    if (client.version_minor == 0) {
        return rn_buffer_add(out, RN_LIT("Connection: keep-alive\r\n"));
    }
    return RN_OK;
}

/* --- heads that are not quite HTTP/1.1 ------------------------------------------------------- */

/*
 * curl takes heads that HTTP/1.1 does not allow, and so do most clients: lines that end without CR, folded ones, blanks before
 * the colon, names with odd bytes. As a proxy has to (RFC 9112 2.2, 5.1, 5.2), we mend the first three; a name is passed on.
 */
static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* A line with one CR LF and without blanks before its colon; a fold goes behind the line that it continues. */
static enum rn_status add_mended(struct rn_buffer *out, size_t fields_at, struct rn_bytes line)
{
    enum rn_status status = RN_OK;
    line = without_end(line);
    if (line.len == 0) {
        return RN_OK;
    }
    if (is_blank(line.data[0]) && out->len > fields_at) {
        out->len -= 2;
        line = rn_bytes_trim(line);
        status = rn_buffer_add_byte(out, ' ');
    } else {
        size_t colon = rn_bytes_find_byte(line, ':');
        struct rn_bytes name = rn_bytes_sub(line, 0, colon == RN_NPOS ? 0 : colon);
        while (name.len > 0 && is_blank(name.data[name.len - 1])) {
            name.len--;
        }
        status = rn_buffer_add(out, name);
        line = rn_bytes_from(line, colon == RN_NPOS ? 0 : colon);
    }
    status = status == RN_OK ? rn_buffer_add(out, line) : status;
    return status == RN_OK ? rn_buffer_add(out, RN_LIT("\r\n")) : status;
}

static enum rn_status mend(struct rn_bytes head, struct rn_buffer *out)
{
    struct rn_bytes status_line = without_end(take_line(&head));
    enum rn_status status = rn_buffer_add(out, status_line);
    status = status == RN_OK ? rn_buffer_add(out, RN_LIT("\r\n")) : status;
    size_t fields_at = out->len;
    while (status == RN_OK && head.len > 0) {
        status = add_mended(out, fields_at, take_line(&head));
    }
    return status == RN_OK ? rn_buffer_add(out, RN_LIT("\r\n")) : status;
}

/* --- the whole head -------------------------------------------------------------------------- */

static enum rn_status compose(struct rn_buffer *out, struct rn_bytes status_line,
                              struct rn_bytes fields, const struct survey *survey,
                              struct rn_client client, struct rn_answer *answer)
{
    size_t begin = out->len;
    unsigned code = 0;
    enum rn_status result = put_status_line(out, status_line, &code);
    if (result == RN_OK) {
        *answer = decide(code, survey, client);
        bool framed = survey->agrees || answer->framing == RN_FRAMING_CHUNKED;
        result = framed ? put_fields(out, fields, survey, *answer) : RN_INVALID;
    }
    if (result == RN_OK) {
        result = put_connection(out, client, answer->framing);
    }
    if (result == RN_OK) {
        result = rn_buffer_add(out, RN_LIT("\r\n"));
    }
    if (result != RN_OK) {
        out->len = begin;
    }
    return result;
}

enum rn_status rn_answer_compose(struct rn_buffer *out, struct rn_bytes upstream_head,
                                 struct rn_client client, struct rn_answer *answer)
{
    struct rn_buffer mended = {0};
    enum rn_status status =
        rn_buffer_reserve(out, upstream_head.len + sizeof "Transfer-Encoding: chunked");
    struct rn_bytes fields = upstream_head;
    struct rn_bytes line = take_line(&fields);
    struct survey survey = look_at(fields);
    if (!survey.sound || !rn_bytes_ends_with(line, RN_LIT("\r\n"))) {
        status = mend(upstream_head, &mended);
        fields = rn_buffer_bytes(&mended);
        line = take_line(&fields);
        survey = look_at(fields);
    }
    if (status == RN_OK) {
        status = compose(out, line, fields, &survey, client, answer);
    }
    rn_buffer_free(&mended);
    return status;
}

/* --- answers of our own ---------------------------------------------------------------------- */

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {409, "Conflict"},
                   {410, "Gone"},
                   {413, "Content Too Large"},
                   {415, "Unsupported Media Type"},
                   {421, "Misdirected Request"},
                   {422, "Unprocessable Content"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"},
                   {505, "HTTP Version Not Supported"},
                   {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

enum rn_status rn_answer_own_head(struct rn_buffer *out, unsigned status, struct rn_bytes fields,
                                  const char *media_type, uint64_t body_bytes,
                                  struct rn_client client)
{
    size_t begin = out->len;
    enum rn_status result = rn_buffer_addf(out, "HTTP/1.1 %u %s\r\n", status, reason_of(status));
    if (result == RN_OK) {
        result = rn_buffer_add(out, fields);
    }
    if (result == RN_OK && media_type != NULL) {
        result = rn_buffer_addf(out, "Content-Type: %s\r\n", media_type);
    }
    if (result == RN_OK && status != 204) { /* RFC 9110 8.6 */
        result = rn_buffer_addf(out, "Content-Length: %llu\r\n", (unsigned long long)body_bytes);
    }
    if (result == RN_OK) {
        result = put_connection(out, client, RN_FRAMING_LENGTH);
    }
    if (result == RN_OK) {
        result = rn_buffer_add(out, RN_LIT("\r\n"));
    }
    if (result != RN_OK) {
        out->len = begin;
    }
    return result;
}

enum rn_status rn_answer_own_error(struct rn_buffer *out, const char *sentence)
{
    static const char before[] = "{\"error\":{\"type\":\"reenact_gateway\",\"message\":";
    enum rn_status result = rn_buffer_append(out, before, sizeof before - 1);
    if (result == RN_OK) {
        result = rn_json_quote(rn_bytes_text(sentence), out);
    }
    return result == RN_OK ? rn_buffer_add(out, RN_LIT("}}\n")) : result;
}

void rn_exchange_answer(struct rn_exchange *exchange, unsigned status, struct rn_bytes fields,
                        const char *media_type, struct rn_bytes body, struct rn_buffer *head_sent)
{
    struct rn_client client = rn_exchange_client(exchange);
    struct rn_buffer head = {0};
    enum rn_status result = rn_answer_own_head(&head, status, fields, media_type, body.len, client);
    if (result == RN_OK && head_sent != NULL) {
        result = rn_buffer_add(head_sent, rn_buffer_bytes(&head));
    }
    if (result == RN_OK) {
        bool bodyless = has_no_body(status, client);
        rn_exchange_start(exchange, rn_buffer_bytes(&head),
                          bodyless ? RN_FRAMING_NONE : RN_FRAMING_LENGTH, body.len);
        (void)rn_exchange_write(exchange, body);
        rn_exchange_finish(exchange, RN_LIT(""));
    } else {
        rn_exchange_cut(exchange); /* no memory for a sentence: the end of the connection says it */
    }
    rn_buffer_free(&head);
}
