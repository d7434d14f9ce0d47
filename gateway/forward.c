/*
 * The request as curl is to send it: method, target, field lines, body.
 *
 * In comes a request as the client sent it; out go options of one easy handle. Everything curl would add by itself is
 * switched off (http.md 4), and the target goes past curl's URL parser. It declines to know when the request runs.
 */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "upstream_internal.h"

/* Lines of our own beside the client's: Expect, Accept, Content-Type, Authorization, and one that the caller asks for. */
#define OWN_FIELDS_MAX 5u
#define COPIED_BYTES_MAX ((size_t)8 * 1024)

/* Whether a Connection field of this request names `name`. */
static bool is_for_one_hop(const struct rn_http_head *head, struct rn_bytes name)
{
    if (rn_http_is_hop_by_hop(name)) {
        return true;
    }
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct rn_http_field *field = &head->fields[i];
        if (rn_bytes_equal_nocase(field->name, RN_LIT("Connection")) &&
            rn_http_list_has(field->value, name)) {
            return true;
        }
    }
    return false;
}

static bool is_passed_on(const struct rn_http_head *head, struct rn_bytes name)
{
    static const char *const set_anew[] = {"Host", "Content-Length", "Expect"};
    for (size_t i = 0; i < sizeof set_anew / sizeof set_anew[0]; i++) {
        if (rn_bytes_equal_nocase(name, rn_bytes_text(set_anew[i]))) {
            return false;
        }
    }
    struct rn_bytes prefix = RN_LIT("x-reenact-");
    return !rn_bytes_equal_nocase(rn_bytes_sub(name, 0, prefix.len), prefix) &&
           !is_for_one_hop(head, name);
}

/* Appends a string with its final zero. */
static bool add_text(struct rn_buffer *text, struct rn_bytes bytes)
{
    return rn_buffer_add(text, bytes) == RN_OK && rn_buffer_add_byte(text, '\0') == RN_OK;
}

/* As it came, but without the line's end. curl would drop a field without a value unless it is written "Name;". */
static bool add_field(struct rn_buffer *text, const struct rn_http_field *field)
{
    if (field->value.len == 0) {
        return rn_buffer_add(text, field->name) == RN_OK && add_text(text, RN_LIT(";"));
    }
    struct rn_bytes line = field->line;
    if (rn_bytes_ends_with(line, RN_LIT("\r\n"))) {
        line.len -= 2;
    }
    return add_text(text, line);
}

/* What curl would add by itself is switched off by a name without a value; then our own credentials. */
static bool add_own_fields(struct rn_buffer *text, const struct rn_upstream *upstream,
                           const struct rn_http_head *head, size_t *count)
{
    bool good = add_text(text, RN_LIT("Expect:"));
    *count += 1;
    if (rn_http_find(head, RN_LIT("Accept")) == NULL) {
        good = good && add_text(text, RN_LIT("Accept:"));
        *count += 1;
    }
    if (rn_http_find(head, RN_LIT("Content-Type")) == NULL) {
        good = good && add_text(text, RN_LIT("Content-Type:"));
        *count += 1;
    }
    if (upstream->authorization != NULL && rn_http_find(head, RN_LIT("Authorization")) == NULL) {
        good = good && add_text(text, rn_bytes_text(upstream->authorization));
        *count += 1;
    }
    return good;
}

static bool room_for_fields(struct rn_transfer *transfer, size_t count)
{
    if (count <= transfer->fields_cap) {
        return true;
    }
    struct curl_slist *grown = rn_realloc(transfer->fields, count * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    transfer->fields = grown;
    transfer->fields_cap = count;
    return true;
}

/* Makes curl's list over the strings from `at` on: nodes in one block instead of two allocations per field. */
static void chain_fields(struct rn_transfer *transfer, size_t at, size_t count)
{
    char *line = (char *)transfer->text.data + at;
    for (size_t i = 0; i < count; i++) {
        transfer->fields[i].data = line;
        transfer->fields[i].next = i + 1 < count ? &transfer->fields[i + 1] : NULL;
        line += strlen(line) + 1;
    }
}

static bool write_fields(struct rn_transfer *transfer, const struct rn_http_head *head,
                         struct rn_bytes own_field)
{
    size_t at = transfer->text.len;
    size_t count = 0;
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct rn_http_field *field = &head->fields[i];
        if (is_passed_on(head, field->name)) {
            if (!add_field(&transfer->text, field)) {
                return false;
            }
            count++;
        }
    }
    if (own_field.len > 0) {
        if (!add_text(&transfer->text, own_field)) {
            return false;
        }
        count++;
    }
    if (!add_own_fields(&transfer->text, transfer->upstream, head, &count) ||
        !room_for_fields(transfer, count)) {
        return false;
    }
    assert(count <= RN_HEAD_FIELDS_MAX + OWN_FIELDS_MAX);
    chain_fields(transfer, at, count);
    return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->fields) == CURLE_OK;
}

/* The request line's target goes past curl's URL parser: nothing in it is touched, not even '#'. */
static bool write_target(struct rn_transfer *transfer, struct rn_bytes target)
{
    size_t at = transfer->text.len;
    bool asterisk = rn_bytes_equal(target, RN_LIT("*"));
    if ((!asterisk &&
         rn_buffer_add(&transfer->text, rn_bytes_text(transfer->upstream->path)) != RN_OK) ||
        !add_text(&transfer->text, target)) {
        return false;
    }
    const char *written = (const char *)transfer->text.data + at;
    return curl_easy_setopt(transfer->easy, CURLOPT_REQUEST_TARGET, written) == CURLE_OK;
}

/* Methods that mean a body announce even an empty one (RFC 9110 8.6); some servers answer 411 otherwise. */
static bool sends_body(const struct rn_forward *forward)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (rn_bytes_equal(forward->method, rn_bytes_text(methods[i]))) {
            return true;
        }
    }
    return forward->has_body || forward->body_bytes > 0 || forward->body.len > 0;
}

static bool is_idempotent(struct rn_bytes method)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (rn_bytes_equal(method, rn_bytes_text(methods[i]))) {
            return true;
        }
    }
    return false;
}

/*
 * Small bodies are copied by curl and go out with the head in one send; others it reads piece by piece through our callback.
 * So it keeps no pointer to what the caller lends, and cannot read memory that is gone when a transfer is cancelled while
 * curl is on the stack.
 */
static bool write_body(struct rn_transfer *transfer, const struct rn_forward *forward)
{
    CURL *easy = transfer->easy;
    transfer->spill = forward->spill;
    transfer->body = forward->body;
    transfer->body_at = 0;
    transfer->body_len = forward->spill >= 0 ? forward->body_bytes : forward->body.len;
    bool small =
        transfer->body_len == 0 || (forward->spill < 0 && transfer->body_len <= COPIED_BYTES_MAX);
    transfer->is_copied = small;
    const void *data = transfer->body_len == 0 ? (const void *)"" : forward->body.data;
    curl_off_t len = (curl_off_t)transfer->body_len;
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, len) == CURLE_OK &&
           (small ? curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, data)
                  : curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL)) == CURLE_OK;
}

/*
 * curl has its own idea of what each method carries, so it is told a kind (GET: no body, POST: a body, NOBODY: an answer
 * without one) and then the method's name. It knows no HEAD with a body: that one goes as a POST by the name of HEAD, and
 * transfer.c takes the end of the head for the end.
 */
static bool write_method(struct rn_transfer *transfer, const struct rn_forward *forward)
{
    CURL *easy = transfer->easy;
    size_t at = transfer->text.len;
    bool head = rn_bytes_equal(forward->method, RN_LIT("HEAD"));
    bool body = sends_body(forward);
    if (!add_text(&transfer->text, forward->method) ||
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) != CURLE_OK) {
        return false;
    }
    transfer->ends_with_head = head && body;
    transfer->may_repeat = is_idempotent(forward->method);
    if (head && !body && curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) != CURLE_OK) {
        return false;
    }
    if (body && !write_body(transfer, forward)) {
        return false;
    }
    const char *name = (const char *)transfer->text.data + at;
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, name) == CURLE_OK;
}

bool rn_transfer_prepare(struct rn_transfer *transfer, const struct rn_forward *forward)
{
    const struct rn_upstreams *upstreams = transfer->upstreams;
    CURL *easy = transfer->easy;
    if (rn_buffer_reserve(&transfer->text, forward->head->raw.len + forward->target.len) != RN_OK) {
        return false;
    }
    /* CURLU overrides URL, which is given as well because curl would write it out of the other for every request. */
    return curl_easy_setopt(easy, CURLOPT_CURLU, transfer->upstream->parsed) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, transfer->upstream->origin) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, upstreams->connect_ms) == CURLE_OK &&
           (upstreams->trust == NULL ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, upstreams->trust) == CURLE_OK) &&
           write_method(transfer, forward) && write_target(transfer, forward->target) &&
           write_fields(transfer, forward->head, forward->own_field);
}
