/*
 * Which recorded fields are sent again, and where the credential goes.
 *
 * In comes a recorded head in which credentials are placeholders; out goes a head for another server, in the same order. A
 * placeholder never leaves: fields named as credentials are dropped, and so is every field a redaction touches.
 */
#include "plan_head.h"

#include "moves.h"
#include "wire/redact.h"

/* In which form a key is given. */
struct form {
    struct rn_bytes name;
    struct rn_bytes scheme; /* "Bearer"; empty: the bare key */
};

struct maker {
    const struct rn_plan *plan;
    const struct rn_view *view;
    struct rn_buffer *out;
    enum rn_status status;
    bool is_elsewhere; /* the recording asked another upstream */
};

static void add(struct maker *maker, struct rn_bytes bytes)
{
    maker->status = maker->status == RN_OK ? rn_buffer_add(maker->out, bytes) : maker->status;
}

static void add_line(struct maker *maker, struct rn_bytes name, struct rn_bytes value)
{
    add(maker, name);
    add(maker, RN_LIT(": "));
    add(maker, value);
    add(maker, RN_LIT("\r\n"));
}

static bool is_one_of(struct rn_bytes name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (rn_bytes_equal_nocase(name, rn_bytes_text(*names))) {
            return true;
        }
    }
    return false;
}

static bool starts_with_nocase(struct rn_bytes name, struct rn_bytes prefix)
{
    return rn_bytes_equal_nocase(rn_bytes_sub(name, 0, prefix.len), prefix);
}

/* --- credentials ---------------------------------------------------------------------------------------------------- */

/* Whether a redaction of the request head lies in this field. */
static bool is_redacted(const struct rn_view *view, const struct rn_http_field *field)
{
    struct rn_bytes head = rn_event_get(view->event, RN_TAG_REQUEST_HEAD);
    struct rn_bytes list = rn_event_get(view->event, RN_TAG_REDACTIONS);
    size_t begin = (size_t)(field->line.data - head.data);
    for (struct rn_view_redaction span; rn_view_redaction_next(&list, &span);) {
        if (span.tag == RN_TAG_REQUEST_HEAD && span.offset < begin + field->line.len &&
            (span.offset >= begin || span.len > begin - span.offset)) {
            return true;
        }
    }
    return false;
}

static bool is_key_field(struct rn_bytes name)
{
    static const char *const names[] = {"authorization", "x-api-key", "api-key", "x-goog-api-key",
                                        NULL};
    return is_one_of(name, names);
}

static const struct rn_http_field *recorded_key(const struct rn_view *view)
{
    for (unsigned i = 0; i < view->request_head->field_count; i++) {
        if (is_key_field(view->request_head->fields[i].name)) {
            return &view->request_head->fields[i];
        }
    }
    return NULL;
}

static struct rn_bytes host_of(struct rn_bytes url)
{
    size_t colon = rn_bytes_find(url, RN_LIT("://"));
    struct rn_bytes rest = colon == RN_NPOS ? url : rn_bytes_from(url, colon + 3);
    return rn_bytes_sub(rest, 0, rn_bytes_find_byte(rest, '/'));
}

static struct form usual_form(const struct rn_plan *plan, enum rn_dialect dialect)
{
    if (rn_bytes_ends_with(host_of(plan->url), RN_LIT(".openai.azure.com"))) {
        return (struct form){.name = RN_LIT("api-key")};
    }
    if (dialect == RN_DIALECT_ANTHROPIC_MESSAGES) {
        return (struct form){.name = RN_LIT("x-api-key")};
    }
    return (struct form){.name = RN_LIT("Authorization"), .scheme = RN_LIT("Bearer")};
}

/* "Basic" holds a user's name, which a key alone does not give: then it is a bearer's. */
static struct rn_bytes scheme_of(const struct rn_http_field *field)
{
    size_t blank = rn_bytes_find_byte(field->value, ' ');
    struct rn_bytes scheme = rn_bytes_sub(field->value, 0, blank == RN_NPOS ? 0 : blank);
    return rn_bytes_equal_nocase(scheme, RN_LIT("basic")) ? RN_LIT("Bearer") : scheme;
}

/* As it was recorded, unless the target is another server whose ways we know. */
static struct form form_of(const struct maker *maker)
{
    const struct rn_plan *plan = maker->plan;
    enum rn_dialect dialect = maker->view->reading.dialect;
    const struct rn_http_field *field = recorded_key(maker->view);
    struct form form = usual_form(plan, dialect);
    bool is_known = rn_moves_prefix(plan->upstream, dialect) != NULL ||
                    rn_bytes_equal(form.name, RN_LIT("api-key"));
    if (field == NULL || (maker->is_elsewhere && is_known)) {
        return form;
    }
    return (struct form){.name = field->name, .scheme = scheme_of(field)};
}

static void add_key(struct maker *maker, struct rn_bytes credential)
{
    struct form form = form_of(maker);
    add(maker, form.name);
    add(maker, RN_LIT(": "));
    add(maker, form.scheme);
    add(maker, form.scheme.len > 0 ? RN_LIT(" ") : RN_LIT(""));
    add(maker, credential);
    add(maker, RN_LIT("\r\n"));
}

/* A key from the environment may end in a newline, and nothing else may slip into a head either. */
static enum rn_status check_credential(struct rn_bytes credential, struct rn_error *error)
{
    for (size_t i = 0; i < credential.len; i++) {
        if (credential.data[i] <= ' ' || credential.data[i] >= 0x7f) {
            return rn_fail(error, RN_INVALID,
                           "the credential holds a blank, a line's end or no ASCII: byte %zu",
                           i + 1);
        }
    }
    return RN_OK;
}

/* --- what goes on --------------------------------------------------------------------------------------------------- */

static bool is_for_one_hop(const struct rn_http_head *head, struct rn_bytes name)
{
    if (rn_http_is_hop_by_hop(name)) {
        return true;
    }
    for (unsigned i = 0; i < head->field_count; i++) {
        if (rn_bytes_equal_nocase(head->fields[i].name, RN_LIT("Connection")) &&
            rn_http_list_has(head->fields[i].value, name)) {
            return true;
        }
    }
    return false;
}

static bool is_set_anew(struct rn_bytes name)
{
    static const char *const names[] = {"host", "content-length", "expect", "content-encoding",
                                        NULL};
    return is_one_of(name, names);
}

static bool is_of_that_run(struct rn_bytes name)
{
    static const char *const names[] = {"traceparent",
                                        "tracestate",
                                        "baggage",
                                        "b3",
                                        "sentry-trace",
                                        "x-cloud-trace-context",
                                        "x-b3-spanid",
                                        "x-b3-traceid",
                                        "x-b3-parentspanid",
                                        "x-b3-sampled",
                                        "x-b3-flags",
                                        "x-amzn-trace-id",
                                        "idempotency-key",
                                        "x-stainless-retry-count",
                                        NULL};
    return is_one_of(name, names) || starts_with_nocase(name, RN_LIT("x-reenact-"));
}

static bool is_of_an_account(struct rn_bytes name)
{
    static const char *const names[] = {"openai-organization", "openai-project",
                                        "x-goog-user-project", NULL};
    return is_one_of(name, names);
}

static bool goes_on(const struct maker *maker, const struct rn_http_field *field)
{
    return !is_for_one_hop(maker->view->request_head, field->name) && !is_set_anew(field->name) &&
           !is_of_that_run(field->name) && !rn_redact_is_credential_field(field->name, true) &&
           !is_redacted(maker->view, field) &&
           !(maker->is_elsewhere && is_of_an_account(field->name));
}

/* Whether one element of an Accept-Encoding ("br;q=0.5") is a coding that wire/coding.h reads. */
static bool is_readable(struct rn_bytes element)
{
    static const char *const names[] = {"identity", "gzip", "x-gzip", "deflate",
                                        "br",       "zstd", NULL};
    size_t weight = rn_bytes_find_byte(element, ';');
    return is_one_of(rn_bytes_trim(rn_bytes_sub(element, 0, weight)), names);
}

/* The line as it came when all of it can be read, else only what can; nothing where that is nothing. */
static void add_accepted(struct maker *maker, const struct rn_http_field *field)
{
    struct rn_bytes rest = field->value;
    bool any = false;
    while (rest.len > 0) {
        size_t comma = rn_bytes_find_byte(rest, ',');
        struct rn_bytes element = rn_bytes_trim(rn_bytes_sub(rest, 0, comma));
        rest = comma == RN_NPOS ? rn_bytes_of("", 0) : rn_bytes_from(rest, comma + 1);
        if (is_readable(element)) {
            add(maker, any ? RN_LIT(", ") : field->name);
            add(maker, any ? RN_LIT("") : RN_LIT(": "));
            add(maker, element);
            any = true;
        }
    }
    add(maker, any ? RN_LIT("\r\n") : RN_LIT(""));
}

static void add_field(struct maker *maker, const struct rn_http_field *field)
{
    if (rn_bytes_equal_nocase(field->name, RN_LIT("accept-encoding"))) {
        add_accepted(maker, field);
    } else {
        add(maker, field->line);
    }
}

static void add_fields(struct maker *maker, struct rn_bytes credential)
{
    const struct rn_http_head *head = maker->view->request_head;
    bool placed = credential.len == 0;
    for (unsigned i = 0; i < head->field_count; i++) {
        if (!placed && is_key_field(head->fields[i].name)) {
            add_key(maker, credential);
            placed = true;
        } else if (goes_on(maker, &head->fields[i])) {
            add_field(maker, &head->fields[i]);
        }
    }
    if (!placed) {
        add_key(maker, credential);
    }
}

enum rn_status rn_plan_head_make(const struct rn_plan *plan, const struct rn_view *view,
                                 struct rn_bytes target, uint64_t body_bytes,
                                 struct rn_bytes credential, struct rn_buffer *out,
                                 struct rn_error *error)
{
    struct rn_bytes upstream = rn_event_get(view->event, RN_TAG_UPSTREAM);
    struct maker maker = {.plan = plan,
                          .view = view,
                          .out = out,
                          .is_elsewhere = !rn_bytes_equal(upstream, plan->upstream)};
    enum rn_status status = check_credential(credential, error);
    if (status != RN_OK) {
        return status;
    }
    add(&maker, rn_event_get(view->event, RN_TAG_METHOD));
    add(&maker, RN_LIT(" "));
    add(&maker, target);
    add(&maker, RN_LIT(" HTTP/1.1\r\n"));
    add_line(&maker, RN_LIT("Host"), host_of(plan->url));
    add_fields(&maker, credential);
    if (maker.status == RN_OK) {
        maker.status =
            rn_buffer_addf(out, "Content-Length: %llu\r\n\r\n", (unsigned long long)body_bytes);
    }
    return maker.status == RN_OK ? RN_OK : rn_fail(error, maker.status, "no memory for a request");
}
