/*
 * Providers write their errors in a few shapes: {"error": {"message", "type", "code"}}, {"error":
 * "text"}, {"message"}, {"detail"} (wire.md 1.6); somebody in between may answer with a page. An error
 * within a stream has been read already (view->reading.error).
 */
#include "failure.h"

#include <string.h>

#include "base/utf8.h"
#include "wire/json.h"

#define WHAT_BYTES_MAX ((size_t)200)
#define BODY_BYTES_MAX                                                                             \
    ((size_t)64 * 1024) /* no error is longer; what is, is shown by its beginning */

/* --- masks --------------------------------------------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_alpha(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    return lower >= 'a' && lower <= 'z';
}

/* A word with what ids and numbers are made of. */
static bool is_of_word(uint8_t byte)
{
    return is_digit(byte) || is_alpha(byte) || byte == '_' || byte == '-' || byte == '.';
}

/* Begins with a digit and has no letters but of units: 1,200, 1.4s, 20ms, 6m0s, 12K. */
static bool is_number(struct rn_bytes word)
{
    for (size_t i = 0; i < word.len; i++) {
        uint8_t lower = rn_byte_lower(word.data[i]);
        if (is_alpha(lower) && strchr("smhdkn", lower) == NULL) {
            return false;
        }
    }
    return word.len > 0 && is_digit(word.data[0]);
}

/*
 * Letters and digits mixed in a run of eight or more, or sixteen that change case in their midst: nobody
 * calls a model so.
 */
static bool has_id(struct rn_bytes word)
{
    size_t len = 0;
    size_t digits = 0;
    size_t changes = 0;
    for (size_t i = 0; i <= word.len; i++) {
        uint8_t byte = i < word.len ? word.data[i] : '-';
        if (is_digit(byte) || is_alpha(byte)) {
            digits += is_digit(byte);
            changes += len > 0 && byte >= 'A' && byte <= 'Z' && word.data[i - 1] >= 'a';
            len++;
            continue;
        }
        if ((len >= 8 && digits > 0 && digits < len) || (len >= 16 && changes > 1)) {
            return true;
        }
        len = digits = changes = 0;
    }
    return false;
}

static enum rn_status put_word(struct rn_bytes word, struct rn_buffer *out)
{
    size_t len = word.len;
    while (len > 0 && (word.data[len - 1] == '.' || word.data[len - 1] == '-')) {
        len--; /* the end of a sentence */
    }
    struct rn_bytes name = rn_bytes_sub(word, 0, len);
    enum rn_status status = rn_buffer_add(out, is_number(name) ? RN_LIT("N")
                                               : has_id(name)  ? RN_LIT("ID")
                                                               : name);
    return status == RN_OK ? rn_buffer_add(out, rn_bytes_from(word, len)) : status;
}

/* A comma belongs to a word where it stands between two digits. */
static size_t word_end(struct rn_bytes text, size_t at)
{
    size_t end = at;
    while (end < text.len && (is_of_word(text.data[end]) ||
                              (text.data[end] == ',' && end > at && is_digit(text.data[end - 1]) &&
                               end + 1 < text.len && is_digit(text.data[end + 1])))) {
        end++;
    }
    return end;
}

/* Behind "://" stands a host with its port, which are no numbers to mask; `at` where there is none. */
static size_t address_end(struct rn_bytes text, size_t at)
{
    size_t end = at;
    if (rn_bytes_starts_with(rn_bytes_from(text, at), RN_LIT("://"))) {
        end += 3;
        while (end < text.len && (is_of_word(text.data[end]) ||
                                  (text.data[end] != 0 && strchr(":[]", text.data[end]) != NULL))) {
            end++;
        }
    }
    return end;
}

enum rn_status rn_failure_mask(struct rn_bytes text, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    for (size_t at = 0; at < text.len && status == RN_OK;) {
        size_t end = word_end(text, at);
        if (end > at) {
            status = put_word(rn_bytes_sub(text, at, end - at), out);
            at = end;
            continue;
        }
        end = address_end(text, at);
        if (end > at) {
            status = rn_buffer_add(out, rn_bytes_sub(text, at, end - at));
            at = end;
            continue;
        }
        uint8_t byte = text.data[at++] < 0x20 ? ' ' : text.data[at - 1];
        bool again = byte == ' ' && out->len > 0 && out->data[out->len - 1] == ' ';
        status = again ? RN_OK : rn_buffer_add_byte(out, byte);
    }
    return status;
}

/* --- the provider's words ------------------------------------------------------------------------------------------ */

struct words {
    struct rn_bytes code; /* or the type */
    struct rn_bytes message;
};

static struct rn_bytes text_at(struct rn_arena *arena, const struct rn_json *object,
                               const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rn_bytes text = rn_json_text(arena, rn_json_member(object, names[i]));
        if (text.len > 0) {
            return text;
        }
    }
    return rn_bytes_of(NULL, 0);
}

static enum rn_status read_words(const struct rn_view *view, struct rn_arena *arena,
                                 struct words *words)
{
    static const char *const codes[] = {"code", "type", "status"};
    static const char *const messages[] = {"message", "detail", "error"};
    struct rn_bytes body = rn_bytes_sub(view->response.decoded, 0, BODY_BYTES_MAX);
    struct rn_json *root = NULL;
    words->message = view->reading.error;
    enum rn_status status = rn_json_parse(arena, body, &root, NULL, NULL);
    if (status != RN_OK) {
        if (words->message.len == 0 && !view->reading.streamed) {
            words->message = rn_bytes_sub(body, 0, WHAT_BYTES_MAX);
        }
        return status == RN_NOMEM ? RN_NOMEM : RN_OK;
    }
    const struct rn_json *error = rn_json_member(root, "error");
    bool nested = error != NULL && error->kind == RN_JSON_OBJECT_BEGIN;
    words->code = text_at(arena, nested ? error : root, codes, sizeof codes / sizeof codes[0]);
    if (words->message.len == 0) {
        words->message =
            text_at(arena, nested ? error : root, messages, sizeof messages / sizeof messages[0]);
    }
    return RN_OK;
}

/* How it ended where that is not simply its end: "cut", with the reason. */
static struct rn_bytes end_of(const struct rn_view *view)
{
    enum rn_end end = rn_event_end_of(view->event);
    return rn_bytes_text(end == RN_END_ENDED ? "" : rn_end_name(end));
}

/* The reason as people say it: "CURLE_COULDNT_CONNECT: " in front is for machines, and "cut" says nothing where nothing came. */
static void read_end(const struct rn_view *view, struct rn_bytes end, struct words *words)
{
    struct rn_bytes reason = rn_event_get(view->event, RN_TAG_END_REASON);
    size_t colon = rn_bytes_find(reason, RN_LIT(": "));
    bool tagged = rn_bytes_starts_with(reason, RN_LIT("CURLE_")) && colon != RN_NPOS;
    words->message = tagged ? rn_bytes_from(reason, colon + 2) : reason;
    words->code = view->status == 0 && reason.len > 0 ? words->code : end;
}

static enum rn_status tell_words(const struct rn_view *view, struct rn_arena *arena,
                                 struct rn_buffer *out)
{
    struct words words = {{NULL, 0}, {NULL, 0}};
    struct rn_bytes end = end_of(view);
    bool success = view->status >= 200 && view->status < 300;
    enum rn_status status = RN_OK;
    if (end.len > 0) {
        read_end(view, end, &words);
    } else if (!success || view->reading.error.len > 0) {
        status = read_words(view, arena, &words);
    } else {
        words.message = view->reading.streamed ? RN_LIT("the stream ended before its last event")
                                               : RN_LIT("what came cannot be read as an answer");
    }
    if (status == RN_OK && words.code.len > 0) {
        status = rn_buffer_add_byte(out, ' ');
        status = status == RN_OK ? rn_failure_mask(words.code, out) : status;
    }
    if (status == RN_OK && words.message.len > 0) {
        status = rn_buffer_add(out, RN_LIT(": "));
        status = status == RN_OK ? rn_failure_mask(words.message, out) : status;
    }
    return status;
}

enum rn_status rn_failure_tell(const struct rn_view *view, struct rn_buffer *out)
{
    struct rn_arena arena = {0};
    size_t begin = out->len;
    enum rn_status status = view == NULL || view->status == 0
                                ? rn_buffer_add(out, RN_LIT("no answer"))
                                : rn_buffer_addf(out, "%u", view->status);
    if (status == RN_OK && view != NULL) {
        status = tell_words(view, &arena, out);
    }
    rn_arena_free(&arena);
    if (status == RN_OK && out->len - begin > WHAT_BYTES_MAX) {
        struct rn_bytes what = rn_bytes_from(rn_buffer_bytes(out), begin);
        out->len = begin + rn_utf8_head(what, WHAT_BYTES_MAX - 3).len;
        status = rn_buffer_add(out, RN_LIT("\xe2\x80\xa6"));
    }
    return status;
}

/* --- groups -------------------------------------------------------------------------------------------------------- */

static struct rn_failure *find(const struct rn_report *report, struct rn_bytes what)
{
    for (size_t i = 0; i < report->failure_count; i++) {
        if (rn_bytes_equal(report->failures[i].what, what)) {
            return &report->failures[i];
        }
    }
    return NULL;
}

static enum rn_status add(struct rn_report *report, const struct rn_failure *failure)
{
    size_t size = RN_REPORT_FAILURES_MAX * sizeof *report->failures;
    if (report->failures == NULL) {
        report->failures = rn_arena_alloc(&report->arena, size);
    }
    struct rn_bytes what = rn_arena_copy(&report->arena, failure->what);
    if (report->failures == NULL || what.data == NULL) {
        return RN_NOMEM;
    }
    report->failures[report->failure_count] = *failure;
    report->failures[report->failure_count++].what = what;
    return RN_OK;
}

enum rn_status rn_failure_count(struct rn_report *report, struct rn_bytes what,
                                const struct rn_trace_id *trace, uint32_t n)
{
    struct rn_failure *failure = find(report, what);
    if (failure == NULL && report->failure_count >= RN_REPORT_FAILURES_MAX - 1) {
        what = RN_LIT("others");
        failure = find(report, what);
    }
    if (failure != NULL) {
        failure->count++;
        return RN_OK;
    }
    return add(report, &(struct rn_failure){.what = what, .count = 1, .trace = *trace, .n = n});
}

void rn_failure_sort(struct rn_report *report)
{
    for (size_t i = 1; i < report->failure_count; i++) {
        struct rn_failure failure = report->failures[i];
        size_t at = i;
        while (at > 0 && report->failures[at - 1].count < failure.count) {
            report->failures[at] = report->failures[at - 1];
            at--;
        }
        report->failures[at] = failure;
    }
}
