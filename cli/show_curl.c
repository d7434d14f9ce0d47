/*
 * A recorded request as a command line for curl that asks the live service the same again.
 *
 * Redacted credentials become variables ($OPENAI_API_KEY), the server's address one with a default (${OPENAI_URL:-...}), and the
 * body stays byte for byte: inline where it is short text, through printf where it is long, through base64 where it is none.
 */
#include "show.h"

#include <string.h>

#include "gateway/upstream.h"
#include "printable.h"
#include "shell.h"

/* One argument may have 128 KB on Linux; beyond this the body comes by a pipe. */
#define INLINE_BYTES_MAX ((size_t)32 * 1024)
#define BASE64_COLUMNS 76

struct curl {
    struct rn_buffer out;
    const struct rn_event *event;
    const struct rn_view *view;
    char prefix[64]; /* OPENAI */
};

/* "azure-openai" -> "AZURE_OPENAI" */
static void make_prefix(struct curl *curl)
{
    struct rn_bytes name = rn_event_get(curl->event, RN_TAG_UPSTREAM);
    size_t len = name.len < sizeof curl->prefix - 1 ? name.len : sizeof curl->prefix - 1;
    for (size_t i = 0; i < len; i++) {
        uint8_t lower = rn_byte_lower(name.data[i]);
        bool is_letter = lower >= 'a' && lower <= 'z';
        bool is_digit = lower >= '0' && lower <= '9' && i > 0;
        curl->prefix[i] = is_letter ? (char)(lower - 'a' + 'A') : is_digit ? (char)lower : '_';
    }
}

static enum rn_status go_on(struct curl *curl)
{
    return rn_buffer_add(&curl->out, RN_LIT(" \\\n  "));
}

/* --- address ------------------------------------------------------------------------------------------------------- */

/* "${OPENAI_URL:-https://api.openai.com}": the address is not part of the recording, only the upstream's name. */
static enum rn_status add_server(struct curl *curl)
{
    struct rn_bytes name = rn_event_get(curl->event, RN_TAG_UPSTREAM);
    struct rn_loop *loop = rn_loop_new();
    struct rn_upstreams *upstreams = loop != NULL ? rn_upstreams_new(loop) : NULL;
    enum rn_status status = RN_NOMEM;
    if (upstreams != NULL) {
        status = rn_upstreams_add_builtin(upstreams, NULL);
    }
    if (status == RN_OK) {
        const struct rn_upstream *upstream = rn_upstreams_find(upstreams, name);
        status = rn_buffer_addf(&curl->out, "\"${%s_URL:%s%s}\"", curl->prefix,
                                upstream != NULL ? "-" : "?",
                                upstream != NULL ? rn_upstream_url(upstream) : "is not set");
    }
    rn_upstreams_free(upstreams);
    rn_loop_free(loop);
    return status;
}

/* Bytes with their redacted spans (offsets counted from `base`) as "$VARIABLE". */
static enum rn_status add_with_variables(struct curl *curl, struct rn_bytes bytes, size_t base,
                                         const struct rn_spans *spans, const char *variable)
{
    size_t at = 0;
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < spans->count && status == RN_OK; i++) {
        const struct rn_span *span = &spans->at[i];
        if (span->offset < base + at || span->offset + span->len > base + bytes.len) {
            continue;
        }
        struct rn_bytes before = rn_bytes_sub(bytes, at, span->offset - base - at);
        status = before.len > 0 ? rn_shell_word(&curl->out, before) : RN_OK;
        status = status == RN_OK ? rn_buffer_addf(&curl->out, "\"$%s\"", variable) : status;
        at = span->offset - base + span->len;
    }
    struct rn_bytes rest = rn_bytes_from(bytes, at);
    return status == RN_OK && rest.len > 0 ? rn_shell_word(&curl->out, rest) : status;
}

static enum rn_status add_url(struct curl *curl)
{
    struct rn_spans spans = {0};
    char variable[80];
    (void)snprintf(variable, sizeof variable, "%s_API_KEY", curl->prefix);
    enum rn_status status = add_server(curl);
    if (status == RN_OK) {
        status = rn_event_spans(curl->event, RN_TAG_TARGET, &spans);
    }
    if (status == RN_OK) {
        status =
            add_with_variables(curl, rn_event_get(curl->event, RN_TAG_TARGET), 0, &spans, variable);
    }
    rn_spans_free(&spans);
    return status;
}

/* --- fields -------------------------------------------------------------------------------------------------------- */

/* What belongs to the connection, is set by curl itself, or was for us and not passed on. */
static bool is_left_out(struct rn_bytes name)
{
    static const char *const names[] = {"host", "content-length", "expect"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (rn_bytes_equal_nocase(name, rn_bytes_text(names[i]))) {
            return true;
        }
    }
    struct rn_bytes ours = RN_LIT("x-reenact-");
    return rn_http_is_hop_by_hop(name) ||
           rn_bytes_equal_nocase(rn_bytes_sub(name, 0, ours.len), ours);
}

/* OPENAI_API_KEY for the fields that hold one, else OPENAI_ and the field's name. */
static void make_variable(const struct curl *curl, struct rn_bytes name, char *out, size_t size)
{
    static const char *const keys[] = {"authorization", "x-api-key", "api-key", "x-goog-api-key"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (rn_bytes_equal_nocase(name, rn_bytes_text(keys[i]))) {
            (void)snprintf(out, size, "%s_API_KEY", curl->prefix);
            return;
        }
    }
    int len = snprintf(out, size, "%s_", curl->prefix);
    size_t at = len > 0 ? (size_t)len : 0;
    for (size_t i = 0; i < name.len && at + 1 < size; i++) {
        uint8_t lower = rn_byte_lower(name.data[i]);
        bool is_letter = lower >= 'a' && lower <= 'z';
        bool is_digit = lower >= '0' && lower <= '9';
        out[at++] = is_letter ? (char)(lower - 'a' + 'A') : is_digit ? (char)lower : '_';
    }
    out[at] = '\0';
}

static enum rn_status add_field(struct curl *curl, const struct rn_http_field *field,
                                const struct rn_spans *spans, size_t base)
{
    char variable[160];
    struct rn_bytes line = rn_bytes_sub(field->line, 0, field->line.len - 2);
    make_variable(curl, field->name, variable, sizeof variable);
    enum rn_status status = go_on(curl);
    status = status == RN_OK ? rn_buffer_add(&curl->out, RN_LIT("-H ")) : status;
    if (status == RN_OK && field->value.len == 0) {
        /* "Name:" would make curl leave the field out. */
        struct rn_buffer empty = {0};
        status = rn_buffer_add(&empty, field->name);
        status = status == RN_OK ? rn_buffer_add_byte(&empty, ';') : status;
        status = status == RN_OK ? rn_shell_word(&curl->out, rn_buffer_bytes(&empty)) : status;
        rn_buffer_free(&empty);
        return status;
    }
    return status == RN_OK ? add_with_variables(curl, line, base, spans, variable) : status;
}

static enum rn_status add_fields(struct curl *curl)
{
    const struct rn_http_head *head = curl->view->request_head;
    struct rn_bytes raw = rn_event_get(curl->event, RN_TAG_REQUEST_HEAD);
    struct rn_spans spans = {0};
    enum rn_status status = rn_event_spans(curl->event, RN_TAG_REQUEST_HEAD, &spans);
    for (unsigned i = 0; i < head->field_count && status == RN_OK; i++) {
        const struct rn_http_field *field = &head->fields[i];
        if (!is_left_out(field->name)) {
            status = add_field(curl, field, &spans, (size_t)(field->line.data - raw.data));
        }
    }
    rn_spans_free(&spans);
    /* curl names a user agent and accepts everything unless told otherwise. */
    if (status == RN_OK && rn_http_find(head, RN_LIT("user-agent")) == NULL) {
        status = rn_buffer_add(&curl->out, RN_LIT(" \\\n  -H 'User-Agent:'"));
    }
    if (status == RN_OK && rn_http_find(head, RN_LIT("accept")) == NULL) {
        status = rn_buffer_add(&curl->out, RN_LIT(" \\\n  -H 'Accept:'"));
    }
    if (status == RN_OK && rn_http_find(head, RN_LIT("accept-encoding")) != NULL) {
        status = rn_buffer_add(&curl->out, RN_LIT(" \\\n  --compressed"));
    }
    return status;
}

/* --- body ---------------------------------------------------------------------------------------------------------- */

enum body_way { BODY_NONE, BODY_INLINE, BODY_PRINTF, BODY_BASE64 };

static enum body_way way_of(struct rn_bytes body)
{
    if (body.len == 0) {
        return BODY_NONE;
    }
    if (!rn_printable_is_plain(body)) {
        return BODY_BASE64;
    }
    /* A leading @ would be taken for the name of a file. */
    return body.len <= INLINE_BYTES_MAX && body.data[0] != '@' ? BODY_INLINE : BODY_PRINTF;
}

static enum rn_status add_source(struct curl *curl, struct rn_bytes body, enum body_way way)
{
    struct rn_buffer coded = {0};
    enum rn_status status = RN_OK;
    if (way == BODY_PRINTF) {
        status = rn_buffer_add(&curl->out, RN_LIT("printf %s "));
        status = status == RN_OK ? rn_shell_word(&curl->out, body) : status;
        return status == RN_OK ? rn_buffer_add(&curl->out, RN_LIT(" |\n")) : status;
    }
    if (way != BODY_BASE64) {
        return RN_OK;
    }
    status = rn_json_out_base64(&coded, body);
    status = status == RN_OK ? rn_buffer_add(&curl->out, RN_LIT("base64 -d <<'REENACT_BODY' |\n"))
                             : status;
    for (size_t at = 0; at < coded.len && status == RN_OK; at += BASE64_COLUMNS) {
        status =
            rn_buffer_add(&curl->out, rn_bytes_sub(rn_buffer_bytes(&coded), at, BASE64_COLUMNS));
        status = status == RN_OK ? rn_buffer_add_byte(&curl->out, '\n') : status;
    }
    rn_buffer_free(&coded);
    return status == RN_OK ? rn_buffer_add(&curl->out, RN_LIT("REENACT_BODY\n")) : status;
}

static enum rn_status add_body(struct curl *curl, struct rn_bytes body, enum body_way way)
{
    if (way == BODY_NONE) {
        return RN_OK;
    }
    enum rn_status status = go_on(curl);
    status = status == RN_OK ? rn_buffer_add(&curl->out, RN_LIT("--data-binary ")) : status;
    if (status == RN_OK) {
        status = way == BODY_INLINE ? rn_shell_word(&curl->out, body)
                                    : rn_buffer_add(&curl->out, RN_LIT("@-"));
    }
    /* --data sets a type of its own unless the request had one. */
    if (status == RN_OK && rn_http_find(curl->view->request_head, RN_LIT("content-type")) == NULL) {
        status = rn_buffer_add(&curl->out, RN_LIT(" \\\n  -H 'Content-Type:'"));
    }
    return status;
}

/* --- together ------------------------------------------------------------------------------------------------------ */

static enum rn_status compose(struct curl *curl)
{
    struct rn_bytes body = rn_event_get(curl->event, RN_TAG_REQUEST_BODY);
    struct rn_bytes method = rn_event_get(curl->event, RN_TAG_METHOD);
    enum body_way way = way_of(body);
    bool is_head = rn_bytes_equal(method, RN_LIT("HEAD"));
    enum rn_status status = add_source(curl, body, way);
    /* No globbing: brackets of a target are brackets. */
    status = status == RN_OK ? rn_buffer_addf(&curl->out, "curl -sSgN ") : status;
    status = status == RN_OK ? rn_buffer_addf(&curl->out, is_head ? "--head" : "-X ") : status;
    if (status == RN_OK && !is_head) {
        status = rn_shell_word(&curl->out, method);
    }
    status = status == RN_OK ? rn_buffer_add_byte(&curl->out, ' ') : status;
    status = status == RN_OK ? add_url(curl) : status;
    status = status == RN_OK ? add_fields(curl) : status;
    status = status == RN_OK ? add_body(curl, body, way) : status;
    return status == RN_OK ? rn_buffer_add_byte(&curl->out, '\n') : status;
}

static void warn(const struct curl *curl)
{
    struct rn_spans spans = {0};
    if (rn_event_spans(curl->event, RN_TAG_REQUEST_BODY, &spans) == RN_OK && spans.count > 0) {
        (void)fprintf(stderr, "reenact show: %zu credentials of the body are placeholders\n",
                      spans.count);
    }
    rn_spans_free(&spans);
    if ((curl->view->flags & (RN_FLAG_TRUNCATED | RN_FLAG_WITHHELD)) != 0) {
        (void)fprintf(stderr, "reenact show: the recorded body may not be whole\n");
    }
}

enum rn_status rn_show_curl(struct rn_show *show, uint32_t n, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_view view;
    struct curl curl = {.event = &event, .view = &view};
    memset(&event, 0, sizeof event);
    memset(&view, 0, sizeof view);
    enum rn_status status =
        rn_trace_event(show->store, &show->summary.id, RN_CLASS_EVENT, n, &arena, &event, error);
    if (status != RN_OK) {
        goto done;
    }
    status = rn_view_make(&arena, &event, &view);
    if (status == RN_OK && view.request_head == NULL) {
        status = RN_INVALID;
    }
    make_prefix(&curl);
    status = status == RN_OK ? compose(&curl) : status;
    if (status != RN_OK) {
        rn_fail(error, status, "event %u cannot be made a command line: %s", n,
                rn_status_name(status));
        goto done;
    }
    warn(&curl);
    if (!rn_screen_put(stdout, &curl.out)) {
        status = rn_fail(error, RN_IO, "cannot write to standard output");
    }
done:
    rn_buffer_free(&curl.out);
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status;
}
