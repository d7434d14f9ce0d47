/*
 * Words for differences. In: a live request or bytes, and what the recording has in their place. Out: a finding. Decides no
 * verdict and matches nothing.
 */
#include "divergence.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "wire/json.h"

#define EXCERPT_BEFORE 40u
#define EXCERPT_BYTES 120u
#define NAME_BYTES 80

/* --- words --------------------------------------------------------------------------------------------------------- */

const char *rn_words(struct rn_arena *arena, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    char *text = len < 0 ? NULL : rn_arena_alloc(arena, (size_t)len + 1);
    if (text == NULL) {
        return "";
    }
    va_start(list, format);
    (void)vsnprintf(text, (size_t)len + 1, format, list);
    va_end(list);
    return text;
}

static bool continues_a_character(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Control bytes would move a terminal; whatever is no UTF-8 becomes U+FFFD when it is written as JSON. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f) {
            *text = byte == '\n' || byte == '\t' ? ' ' : '?';
        }
    }
}

const char *rn_excerpt(struct rn_arena *arena, struct rn_bytes bytes, size_t around)
{
    size_t begin =
        bytes.len <= EXCERPT_BYTES || around < EXCERPT_BEFORE ? 0 : around - EXCERPT_BEFORE;
    begin = begin < bytes.len ? begin : bytes.len;
    while (begin > 0 && begin < bytes.len && continues_a_character(bytes.data[begin])) {
        begin--;
    }
    size_t end = bytes.len - begin > EXCERPT_BYTES ? begin + EXCERPT_BYTES : bytes.len;
    while (end > begin && end < bytes.len && continues_a_character(bytes.data[end])) {
        end--;
    }
    struct rn_bytes shown = rn_bytes_sub(bytes, begin, end - begin);
    char *text = rn_arena_alloc(arena, shown.len + 8);
    if (text == NULL) {
        return "";
    }
    size_t at = 0;
    if (begin > 0) {
        memcpy(text, "...", 3);
        at = 3;
    }
    for (size_t i = 0; i < shown.len; i++) {
        text[at++] = shown.data[i] == 0 ? '?' : (char)shown.data[i];
    }
    memcpy(text + at, end < bytes.len ? "..." : "", end < bytes.len ? 4 : 1);
    make_printable(text);
    return text;
}

static void set_cause(struct rn_finding *out, struct rn_cause cause)
{
    out->cause = cause.cause;
    out->advice = cause.advice;
}

static const char *name_row(const struct rn_catalog *catalog, uint32_t row, struct rn_arena *arena)
{
    char name[NAME_BYTES];
    rn_catalog_name(catalog, row, name, sizeof name);
    return rn_words(arena, "%s", name);
}

/* "POST /v1/chat/completions of openai" */
static const char *name_call(struct rn_bytes method, struct rn_bytes target,
                             struct rn_bytes upstream, struct rn_arena *arena)
{
    return rn_words(arena, "%s %s of %s", rn_excerpt(arena, method, 0),
                    rn_excerpt(arena, target, 0),
                    upstream.len == 0 ? "no upstream" : rn_excerpt(arena, upstream, 0));
}

/* --- a request that nothing matched -------------------------------------------------------------------------------- */

/* A live request beside the recorded one it is most like. */
struct pair {
    const struct rn_catalog *catalog;
    const struct rn_live *live;
    struct rn_arena *arena;
    struct rn_finding *out;
    struct rn_event event;
    const char *event_name;
    const char *call; /* the live one */
};

static void say(struct pair *pair, const char *what, const char *expected, const char *came)
{
    pair->out->expected = expected;
    pair->out->came = came;
    pair->out->sentence = rn_words(
        pair->arena, "no recording matches %s: the nearest one, %s, has %s %s where %s came (%s?)",
        pair->call, pair->event_name, what, expected[0] == '\0' ? "nothing" : expected,
        came[0] == '\0' ? "nothing" : came, pair->out->cause);
}

/* Live bytes for people: each credential replaced by its placeholder. */
static struct rn_bytes redacted(struct rn_arena *arena, struct rn_bytes bytes,
                                const struct rn_spans *spans)
{
    struct rn_bytes copy = rn_arena_copy(arena, bytes);
    if (copy.data != NULL) {
        rn_redact_apply((uint8_t *)(uintptr_t)copy.data, spans);
    }
    return copy.data == NULL ? (struct rn_bytes){NULL, 0} : copy;
}

static bool say_line(struct pair *pair, const char *what, struct rn_bytes expected,
                     struct rn_bytes came)
{
    if (rn_bytes_equal(expected, came)) {
        return false;
    }
    size_t at = rn_difference_offset(expected, came);
    pair->out->place = rn_words(pair->arena, "%s, request %s", pair->event_name, what);
    set_cause(pair->out, rn_cause_target(expected, came));
    say(pair, rn_words(pair->arena, "%s", what), rn_excerpt(pair->arena, expected, at),
        rn_excerpt(pair->arena, came, at));
    return true;
}

static bool say_target(struct pair *pair)
{
    const struct rn_key_input *input = &pair->live->input;
    struct rn_spans spans = {0};
    struct rn_buffer recorded = {0};
    struct rn_buffer live = {0};
    struct rn_bytes target = rn_event_get(&pair->event, RN_TAG_TARGET);
    bool said =
        say_line(pair, "upstream", rn_event_get(&pair->event, RN_TAG_UPSTREAM), input->upstream) ||
        say_line(pair, "method", rn_event_get(&pair->event, RN_TAG_METHOD), input->method);
    if (!said && rn_event_spans(&pair->event, RN_TAG_TARGET, &spans) == RN_OK &&
        rn_key_marked(target, &spans, &recorded) == RN_OK &&
        rn_key_marked(input->target, input->target_spans, &live) == RN_OK) {
        said = say_line(pair, "target", rn_buffer_bytes(&recorded), rn_buffer_bytes(&live));
    }
    rn_spans_free(&spans);
    rn_buffer_free(&recorded);
    rn_buffer_free(&live);
    return said;
}

static bool say_field(struct pair *pair)
{
    struct rn_http_head *head = rn_alloc(sizeof *head);
    size_t skipped;
    struct rn_bytes name;
    struct rn_bytes was;
    struct rn_bytes is;
    bool differs = head != NULL &&
                   rn_http_request_parse(rn_event_get(&pair->event, RN_TAG_REQUEST_HEAD), head,
                                         &skipped, NULL) == RN_HTTP_DONE &&
                   !rn_key_headers_equal(head, pair->live->request->head, &name, &was, &is);
    if (differs) {
        const char *shown = rn_excerpt(pair->arena, name, 0);
        pair->out->place = rn_words(pair->arena, "%s, request header %s", pair->event_name, shown);
        set_cause(pair->out, rn_cause_header());
        say(pair, rn_words(pair->arena, "the header %s:", shown), rn_excerpt(pair->arena, was, 0),
            rn_excerpt(pair->arena, is, 0));
    }
    rn_free(head);
    return differs;
}

static void say_bytes(struct pair *pair, struct rn_bytes recorded, struct rn_bytes live)
{
    size_t at = rn_difference_offset(recorded, live);
    pair->out->place = rn_words(pair->arena, "%s, request body, byte %zu", pair->event_name, at);
    set_cause(pair->out,
              rn_cause_of(RN_LIT(""), RN_SPEAKER_UNKNOWN, recorded, live, rn_clock_wall_ns()));
    say(pair, rn_words(pair->arena, "at byte %zu of the body", at),
        rn_excerpt(pair->arena, recorded, at), rn_excerpt(pair->arena, live, at));
}

/* Whose message the pointer leads into: "/messages/2/content" lies in what "/messages/2" says of itself. */
static enum rn_speaker speaker_at(const struct rn_json *root, const char *message)
{
    struct rn_arena scratch = {0};
    const struct rn_json *said = rn_json_at(root, message);
    const struct rn_json *role = said == NULL ? NULL : rn_json_member(said, "role");
    enum rn_speaker speaker = RN_SPEAKER_UNKNOWN;
    if (role != NULL) {
        speaker = rn_cause_speaker(rn_json_text(&scratch, role));
    } else if (
        said !=
        NULL) { /* a bare text is somebody's question, an item without a role came of the run */
        speaker = said->kind == RN_JSON_STRING ? RN_SPEAKER_USER : RN_SPEAKER_COURSE;
    }
    rn_arena_free(&scratch);
    return speaker;
}

static enum rn_speaker speaker_of(const struct rn_json *recorded, const struct rn_json *live,
                                  const char *pointer)
{
    char message[64];
    const char *list_end = pointer[0] == '/' ? strchr(pointer + 1, '/') : NULL;
    size_t len = list_end == NULL ? strlen(pointer)
                                  : 1 + strcspn(list_end + 1, "/") + (size_t)(list_end - pointer);
    if (len >= sizeof message) {
        return RN_SPEAKER_UNKNOWN;
    }
    memcpy(message, pointer, len);
    message[len] = '\0';
    enum rn_speaker speaker = speaker_at(recorded, message);
    return speaker == RN_SPEAKER_UNKNOWN ? speaker_at(live, message) : speaker;
}

static bool say_json(struct pair *pair, struct rn_bytes recorded, struct rn_bytes live)
{
    struct rn_arena trees = {0};
    struct rn_buffer pointer = {0};
    struct rn_json *a = NULL;
    struct rn_json *b = NULL;
    const struct rn_json *in_a = NULL;
    const struct rn_json *in_b = NULL;
    bool said = rn_json_parse(&trees, recorded, &a, NULL, NULL) == RN_OK &&
                rn_json_parse(&trees, live, &b, NULL, NULL) == RN_OK &&
                rn_json_difference(a, b, &pointer, &in_a, &in_b);
    if (said) {
        struct rn_bytes was = in_a == NULL ? RN_LIT("") : in_a->raw;
        struct rn_bytes is = in_b == NULL ? RN_LIT("") : in_b->raw;
        size_t at = rn_difference_offset(was, is);
        pair->out->pointer = rn_words(pair->arena, "%.*s", (int)pointer.len,
                                      pointer.data == NULL ? "" : (const char *)pointer.data);
        pair->out->place = rn_words(pair->arena, "%s, request body, %s", pair->event_name,
                                    pointer.len == 0 ? "the whole value" : pair->out->pointer);
        set_cause(pair->out,
                  rn_cause_of(rn_buffer_bytes(&pointer), speaker_of(a, b, pair->out->pointer), was,
                              is, rn_clock_wall_ns()));
        say(pair,
            rn_words(pair->arena, "at %s of the body",
                     pointer.len == 0 ? "the root" : pair->out->pointer),
            rn_excerpt(pair->arena, was, at), rn_excerpt(pair->arena, is, at));
    }
    rn_buffer_free(&pointer);
    rn_arena_free(&trees);
    return said;
}

static bool is_same_json(struct rn_bytes recorded, struct rn_bytes live)
{
    struct rn_arena trees = {0};
    struct rn_json *a = NULL;
    struct rn_json *b = NULL;
    bool same = rn_json_parse(&trees, recorded, &a, NULL, NULL) == RN_OK &&
                rn_json_parse(&trees, live, &b, NULL, NULL) == RN_OK && rn_json_equal(a, b);
    rn_arena_free(&trees);
    return same;
}

/* Both sides with one mark for every credential, as the keys see them. */
static bool say_body(struct pair *pair)
{
    struct rn_spans spans = {0};
    struct rn_buffer recorded = {0};
    struct rn_buffer live = {0};
    struct rn_bytes body = rn_event_get(&pair->event, RN_TAG_REQUEST_BODY);
    bool said = false;
    if (rn_event_spans(&pair->event, RN_TAG_REQUEST_BODY, &spans) == RN_OK &&
        rn_key_marked(body, &spans, &recorded) == RN_OK &&
        rn_key_marked(pair->live->input.body, pair->live->input.body_spans, &live) == RN_OK &&
        !rn_bytes_equal(rn_buffer_bytes(&recorded), rn_buffer_bytes(&live))) {
        said = say_json(pair, rn_buffer_bytes(&recorded), rn_buffer_bytes(&live));
        if (!said && !is_same_json(rn_buffer_bytes(&recorded), rn_buffer_bytes(&live))) {
            say_bytes(pair, rn_buffer_bytes(&recorded), rn_buffer_bytes(&live));
            said = true;
        }
    }
    rn_spans_free(&spans);
    rn_buffer_free(&recorded);
    rn_buffer_free(&live);
    return said;
}

static void say_unknown_trace(const struct rn_live *live, const char *call, struct rn_arena *arena,
                              struct rn_finding *out)
{
    const char *label = rn_excerpt(arena, live->label, 0);
    out->place = rn_words(arena, "trace %s", label);
    out->came = call;
    set_cause(out, rn_cause_trace());
    out->sentence = rn_words(
        arena,
        "no recording matches %s: it names the trace %s, which is not among the recorded ones",
        call, label);
}

static void say_extra(struct pair *pair, uint32_t served)
{
    set_cause(pair->out, rn_cause_extra());
    pair->out->came = pair->call;
    pair->out->row = served;
    if (served == RN_NO_ROW) {
        pair->out->place = "behind the last event";
        pair->out->sentence = rn_words(
            pair->arena,
            "no recording matches %s: every recorded request of its trace was answered already",
            pair->call);
        return;
    }
    pair->event_name = name_row(pair->catalog, served, pair->arena);
    pair->out->place = rn_words(pair->arena, "%s, asked again", pair->event_name);
    pair->out->sentence = rn_words(
        pair->arena,
        "%s came once more than it was recorded: %s had its answer already (an extra call?)",
        pair->call, pair->event_name);
}

static void empty(struct rn_finding *out)
{
    *out = (struct rn_finding){.sentence = "",
                               .place = "",
                               .pointer = "",
                               .expected = "",
                               .came = "",
                               .cause = "",
                               .advice = "",
                               .row = RN_NO_ROW,
                               .skipped = RN_NO_ROW,
                               .call = ""};
}

void rn_finding_miss(const struct rn_catalog *catalog, size_t trace, const struct rn_match *match,
                     const struct rn_live *live, struct rn_arena *arena, struct rn_finding *out)
{
    struct rn_arena scratch = {0};
    const struct rn_key_input *input = &live->input;
    struct rn_bytes target = redacted(arena, input->target, input->target_spans);
    struct pair pair = {.catalog = catalog, .live = live, .arena = arena, .out = out};
    empty(out);
    pair.call = name_call(input->method, target, input->upstream, arena);
    if (trace == SIZE_MAX) {
        say_unknown_trace(live, pair.call, arena, out);
        return;
    }
    bool is_again = match->refused == RN_NO_ROW && match->served != RN_NO_ROW;
    uint32_t row = is_again ? RN_NO_ROW : match->refused;
    if (row == RN_NO_ROW && !is_again) {
        row = rn_nearest(catalog, trace, live);
    }
    if (row == RN_NO_ROW || rn_catalog_event(catalog, row, &scratch, &pair.event, NULL) != RN_OK) {
        say_extra(&pair, match->served);
    } else {
        out->row = row;
        out->is_nearest = true;
        out->skipped = rn_nearest_skipped(catalog, row, live);
        out->call = pair.call;
        pair.event_name = name_row(catalog, row, arena);
        bool said = row == match->refused && say_field(&pair); /* its body was found equal */
        if (!said && !say_target(&pair) && !say_body(&pair) && !say_field(&pair)) {
            /* Equal to the eye, but no rule that is allowed holds: a duplicate key, or JSON under --strict. */
            out->place = rn_words(arena, "%s, request body", pair.event_name);
            set_cause(out, rn_cause_spelling());
            out->sentence = rn_words(
                arena, "no recording matches %s under the rules allowed: %s is equal as JSON only",
                pair.call, pair.event_name);
        }
    }
    rn_arena_free(&scratch);
}

/* --- other findings ------------------------------------------------------------------------------------------------ */

static const char *name_recorded_call(const struct rn_catalog *catalog, uint32_t row,
                                      struct rn_arena *arena)
{
    struct rn_arena scratch = {0};
    struct rn_event event;
    const char *call = "";
    if (rn_catalog_event(catalog, row, &scratch, &event, NULL) == RN_OK) {
        call = name_call(rn_event_get(&event, RN_TAG_METHOD), rn_event_get(&event, RN_TAG_TARGET),
                         rn_event_get(&event, RN_TAG_UPSTREAM), arena);
    }
    rn_arena_free(&scratch);
    return call;
}

void rn_finding_missing(const struct rn_catalog *catalog, uint32_t row, struct rn_arena *arena,
                        struct rn_finding *out)
{
    empty(out);
    out->row = row;
    const char *name = name_row(catalog, row, arena);
    out->expected = name_recorded_call(catalog, row, arena);
    out->place = rn_words(arena, "%s, not asked for", name);
    set_cause(out, rn_cause_missing());
    out->sentence =
        rn_words(arena, "%s (%s) was never asked for (a missing call?)", name, out->expected);
}

static uint32_t count_unserved(const struct rn_catalog *catalog)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < catalog->count; row++) {
        count += catalog->rows[row].state == RN_ROW_UNSERVED;
    }
    return count;
}

static void settle_missing(const struct rn_catalog *catalog, struct rn_arena *arena,
                           struct rn_finding *finding)
{
    struct rn_finding missing;
    rn_finding_missing(catalog, finding->skipped, arena, &missing);
    missing.came = finding->call;
    missing.sentence =
        rn_words(arena, "%s, but %s came, which is most like %s and differs (a missing call?)",
                 missing.sentence, finding->call, name_row(catalog, finding->row, arena));
    *finding = missing;
}

static void settle_extra(const struct rn_catalog *catalog, struct rn_arena *arena,
                         struct rn_finding *finding)
{
    const char *name = name_row(catalog, finding->row, arena);
    set_cause(finding, rn_cause_extra());
    finding->place = rn_words(arena, "beside %s", name);
    finding->pointer = "";
    finding->expected = "";
    finding->came = finding->call;
    finding->sentence = rn_words(arena,
                                 "%s is not in the recording, all of which was asked for besides; "
                                 "most like it is %s (an extra call?)",
                                 finding->call, name);
}

void rn_finding_settle(const struct rn_catalog *catalog, uint32_t misses, struct rn_arena *arena,
                       struct rn_finding *finding)
{
    if (!finding->is_nearest) {
        return;
    }
    uint32_t unserved = count_unserved(catalog);
    if (unserved == 0) {
        settle_extra(catalog, arena, finding);
    } else if (unserved > misses && finding->skipped != RN_NO_ROW &&
               catalog->rows[finding->skipped].state == RN_ROW_UNSERVED) {
        settle_missing(catalog, arena, finding);
    }
}

/* A client that went, or stayed, where it had not. Gives the row's name for the sentence. */
static const char *begin_leaving(const struct rn_catalog *catalog, uint32_t row,
                                 uint64_t sent_bytes, struct rn_arena *arena,
                                 struct rn_finding *out)
{
    empty(out);
    out->row = row;
    const char *name = name_row(catalog, row, arena);
    out->place =
        rn_words(arena, "%s, answer body, byte %llu", name, (unsigned long long)sent_bytes);
    return name;
}

void rn_finding_left(const struct rn_catalog *catalog, uint32_t row, uint64_t sent_bytes,
                     struct rn_arena *arena, struct rn_finding *out)
{
    const char *name = begin_leaving(catalog, row, sent_bytes, arena, out);
    out->expected = "a client that stays to the end";
    out->came = "a client that leaves";
    set_cause(out, rn_cause_left());
    out->sentence = rn_words(
        arena, "the client of %s left before its answer was whole, which it did not when recorded",
        name);
}

void rn_finding_stayed(const struct rn_catalog *catalog, uint32_t row, uint64_t sent_bytes,
                       struct rn_arena *arena, struct rn_finding *out)
{
    const char *name = begin_leaving(catalog, row, sent_bytes, arena, out);
    out->expected = "a client that leaves";
    out->came = "a client that stays";
    set_cause(out, rn_cause_stayed());
    out->sentence =
        rn_words(arena, "the client of %s did not leave, which it did here when recorded", name);
}

void rn_finding_early(const struct rn_catalog *catalog, uint32_t row, uint32_t awaited,
                      bool awaited_end, struct rn_arena *arena, struct rn_finding *out)
{
    empty(out);
    out->row = row;
    const char *name = name_row(catalog, row, arena);
    const char *other = name_row(catalog, awaited, arena);
    const char *what = awaited_end ? "the end of the answer to" : "the request of";
    out->place = rn_words(arena, "order, %s", name);
    out->expected = rn_words(arena, "%s %s first", what, other);
    out->came = rn_words(arena, "%s before it", name);
    out->cause = "order: the application sends its requests in another order, or over fewer "
                 "connections";
    out->advice = "without --strict the order is a remark on the receipt (order.relaxed)";
    out->sentence = rn_words(
        arena, "%s could not be answered in the recorded order: %s %s had not come by then", name,
        what, other);
}

void rn_finding_bytes(const char *place, struct rn_bytes expected, struct rn_bytes came,
                      struct rn_cause cause, struct rn_arena *arena, struct rn_finding *out)
{
    size_t at = rn_difference_offset(expected, came);
    empty(out);
    out->place = rn_words(arena, "%s, byte %zu", place, at);
    out->expected = rn_excerpt(arena, expected, at);
    out->came = rn_excerpt(arena, came, at);
    set_cause(out, cause);
    out->sentence =
        rn_words(arena, "%s differs from the recording at byte %zu: %s where %s was recorded",
                 place, at, out->came[0] == '\0' ? "nothing" : out->came,
                 out->expected[0] == '\0' ? "nothing" : out->expected);
}
