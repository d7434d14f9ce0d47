/*
 * What stands in one trace, piece by piece: what was said, found, told to tools, printed. A piece that was searched already in this
 * trace (histories are sent again with every turn) is passed over.
 *
 * Parsing is spared where it cannot matter: a plain text that is not in the bytes of a JSON body, which escapes nothing, is not in
 * its strings either.
 */
#include "grep_trace.h"

#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "wire/json.h"

#define EXCERPT_BYTES 80u

/* Pieces seen: a hash and a length each, in an open table. */
struct seen {
    struct mark {
        uint64_t hash;
        size_t len;
    } * marks;
    size_t count, cap;
};

struct search {
    const struct rn_grep *grep;
    unsigned in; /* what is looked into */
    bool is_plain;
    uint32_t n;
    struct rn_grep_found *found;
    struct seen seen;
    enum rn_status status;
};

/* --- pieces --------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(struct rn_bytes text)
{
    uint64_t hash = UINT64_C(0x9E3779B97F4A7C15) ^ text.len;
    while (text.len >= 8) {
        uint64_t word;
        memcpy(&word, text.data, sizeof word);
        hash = (hash ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        hash ^= hash >> 32;
        text = rn_bytes_from(text, 8);
    }
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ text.data[i]) * UINT64_C(0x100000001B3);
    }
    return (hash ^ hash >> 29) | 1; /* never 0 */
}

static bool grow(struct seen *seen)
{
    size_t cap = seen->cap == 0 ? 256 : 2 * seen->cap;
    struct mark *marks = rn_calloc(cap, sizeof *marks);
    if (marks == NULL) {
        return false;
    }
    for (size_t i = 0; i < seen->cap; i++) {
        size_t slot = (size_t)seen->marks[i].hash & (cap - 1);
        while (seen->marks[i].hash != 0 && marks[slot].hash != 0) {
            slot = (slot + 1) & (cap - 1);
        }
        if (seen->marks[i].hash != 0) {
            marks[slot] = seen->marks[i];
        }
    }
    rn_free(seen->marks);
    seen->marks = marks;
    seen->cap = cap;
    return true;
}

/* Whether it was searched before; notes it if not. */
static bool was_seen(struct search *search, struct rn_bytes text)
{
    struct seen *seen = &search->seen;
    struct mark mark = {.hash = hash_of(text), .len = text.len};
    if (2 * seen->count >= seen->cap && !grow(seen)) {
        search->status = RN_NOMEM;
        return true;
    }
    size_t slot = (size_t)mark.hash & (seen->cap - 1);
    while (seen->marks[slot].hash != 0) {
        if (seen->marks[slot].hash == mark.hash && seen->marks[slot].len == mark.len) {
            return true;
        }
        slot = (slot + 1) & (seen->cap - 1);
    }
    seen->marks[slot] = mark;
    seen->count++;
    return false;
}

/* --- hits ----------------------------------------------------------------------------------------------------------- */

static size_t find_in(const struct rn_grep *grep, struct rn_bytes text)
{
    if (grep->ignore_case) {
        return rn_bytes_find_nocase(text, grep->text);
    }
    const uint8_t *at = memmem(text.data, text.len, grep->text.data, grep->text.len);
    return at == NULL ? RN_NPOS : (size_t)(at - text.data);
}

static bool continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* About EXCERPT_BYTES with the match in the middle, cut at characters. */
static struct rn_bytes excerpt_of(struct rn_bytes text, size_t at, size_t len, size_t *shown_at)
{
    size_t room = len < EXCERPT_BYTES ? (EXCERPT_BYTES - len) / 2 : 0;
    size_t from = at > room ? at - room : 0;
    size_t end = at + len + room < text.len ? at + len + room : text.len;
    while (from > 0 && continues(text.data[from])) {
        from--;
    }
    while (end < text.len && continues(text.data[end])) {
        end++;
    }
    *shown_at = at - from;
    return rn_bytes_sub(text, from, end - from);
}

static void add_hit(struct search *search, enum rn_grep_in in, struct rn_bytes role,
                    struct rn_bytes text, size_t at)
{
    struct rn_grep_found *found = search->found;
    if (found->count == RN_GREP_HITS_MAX) {
        return;
    }
    struct rn_grep_hit *hit = &found->hits[found->count];
    struct rn_bytes excerpt = excerpt_of(text, at, search->grep->text.len, &hit->at);
    hit->trace = &found->summary;
    hit->n = search->n;
    hit->in = in;
    hit->role = rn_arena_copy(&found->arena, role);
    hit->excerpt = rn_arena_copy(&found->arena, excerpt);
    if (hit->role.data == NULL || hit->excerpt.data == NULL) {
        search->status = RN_NOMEM;
        return;
    }
    found->count++;
}

static void look(struct search *search, enum rn_grep_in in, struct rn_bytes role,
                 struct rn_bytes text)
{
    if (search->status != RN_OK || text.len < search->grep->text.len || (search->in & in) == 0 ||
        was_seen(search, text)) {
        return;
    }
    search->found->done.pieces++;
    search->found->done.bytes += text.len;
    size_t at = find_in(search->grep, text);
    if (at != RN_NPOS) {
        add_hit(search, in, role, text, at);
    }
}

/* --- bodies that nobody read ---------------------------------------------------------------------------------------- */

/* The strings of JSON as they read. RN_INVALID: it is none. */
static void look_into_strings(struct search *search, enum rn_grep_in in, struct rn_bytes body)
{
    struct rn_json_reader reader;
    struct rn_buffer text = {0};
    struct rn_bytes literal;
    enum rn_json_token token = RN_JSON_NULL;
    rn_json_begin(&reader, body);
    while (search->status == RN_OK && token != RN_JSON_END && token != RN_JSON_FAULT) {
        token = rn_json_next(&reader, &literal);
        if (token == RN_JSON_STRING && memchr(literal.data, '\\', literal.len) != NULL) {
            rn_buffer_clear(&text);
            search->status = rn_json_unescape(literal, &text);
            look(search, in, RN_LIT(""), rn_buffer_bytes(&text));
        }
    }
    rn_buffer_free(&text);
}

/* As bytes first; escapes are undone only where that found nothing. */
static void look_raw(struct search *search, enum rn_grep_in in, struct rn_bytes body)
{
    size_t before = search->found->count;
    look(search, in, RN_LIT(""), body);
    if (search->found->count == before && (search->in & in) != 0 &&
        memchr(body.data, '\\', body.len) != NULL) {
        look_into_strings(search, in, body);
    }
}

/* --- readings ------------------------------------------------------------------------------------------------------- */

static enum rn_grep_in place_of(const struct rn_said *said, bool is_answer)
{
    if (said->kind == RN_SAID_TOOL_CALL || said->kind == RN_SAID_TOOL_RESULT) {
        return RN_GREP_TOOL;
    }
    bool is_model = rn_bytes_equal(said->role, RN_LIT("assistant")) ||
                    rn_bytes_equal(said->role, RN_LIT("model"));
    return is_answer || is_model ? RN_GREP_ANSWER : RN_GREP_PROMPT;
}

static void look_at_said(struct search *search, const struct rn_said *said, bool is_answer)
{
    for (; said != NULL; said = said->next) {
        struct rn_bytes who = said->name.len > 0 ? said->name : said->role;
        look(search, place_of(said, is_answer), who, said->text);
    }
}

static void look_at_documents(struct search *search, const struct rn_document *document)
{
    for (; document != NULL; document = document->next) {
        look(search, RN_GREP_DOCUMENT, document->id, document->text);
        look(search, RN_GREP_DOCUMENT, document->id, document->title);
        look(search, RN_GREP_DOCUMENT, document->id, document->id);
    }
}

static void look_at_reading(struct search *search, const struct rn_reading *reading)
{
    look_at_said(search, reading->request, false);
    look(search, RN_GREP_PROMPT, RN_LIT("tools"), reading->tools);
    look(search, RN_GREP_PROMPT, RN_LIT("parameters"), reading->parameters);
    look_at_documents(search, reading->documents);
    look_at_said(search, reading->response, true);
    look(search, RN_GREP_ANSWER, RN_LIT("error"), reading->error);
}

/* --- events --------------------------------------------------------------------------------------------------------- */

/* Letters, digits and what no JSON encoder escapes: such a text stands in a body as it reads, unless escaped as \u00XX. */
static bool is_plain(struct rn_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte < 0x20 || byte >= 0x7f || strchr("\"\\/<>&'", byte) != NULL) {
            return false;
        }
    }
    return true;
}

/* Whether an uncoded JSON body may hold the text in some form. Streams may hold it in pieces. */
static bool may_hold(const struct search *search, struct rn_bytes body)
{
    bool is_json = body.len > 0 && (body.data[0] == '{' || body.data[0] == '[');
    return body.len > 0 &&
           (!is_json || !search->is_plain || find_in(search->grep, body) != RN_NPOS ||
            memmem(body.data, body.len, "\\u00", 4) != NULL);
}

static enum rn_status look_at_exchange(struct search *search, const struct rn_event *event)
{
    bool is_decision = rn_event_kind_of(event) == RN_EVENT_DECISION;
    struct rn_bytes request = rn_event_get(event, RN_TAG_REQUEST_BODY);
    struct rn_bytes response = rn_event_get(event, RN_TAG_RESPONSE_BODY);
    enum rn_grep_in raw = is_decision ? RN_GREP_DECISION : RN_GREP_OTHER;
    look(search, raw, RN_LIT("target"), rn_event_get(event, RN_TAG_TARGET));
    if (!may_hold(search, request) && !may_hold(search, response)) {
        search->found->done.bytes += request.len + response.len;
        return search->status;
    }
    struct rn_arena arena = {0};
    struct rn_view view;
    enum rn_status status = rn_view_make(&arena, event, &view);
    if (status == RN_OK && !is_decision) {
        look_at_reading(search, &view.reading);
    }
    if (status == RN_OK &&
        (is_decision || view.reading.dialect == RN_DIALECT_NONE || view.reading.unread)) {
        look_raw(search, raw, view.request.decoded);
        look_raw(search, raw, view.response.decoded);
        search->found->done.unread += view.reading.unread || view.request.fault.status != RN_OK ||
                                      view.response.fault.status != RN_OK;
    }
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status == RN_OK ? search->status : status;
}

/* As it was typed: the words with a space between. */
static void look_at_argv(struct search *search, struct rn_bytes argv)
{
    struct rn_buffer text = {0};
    struct rn_bytes word;
    while (search->status == RN_OK && argv.len > 0 && rn_run_get(&argv, &word)) {
        search->status = text.len > 0 ? rn_buffer_add_byte(&text, ' ') : RN_OK;
        search->status = search->status == RN_OK ? rn_buffer_add(&text, word) : search->status;
    }
    look(search, RN_GREP_DECISION, RN_LIT("argv"), rn_buffer_bytes(&text));
    rn_buffer_free(&text);
}

static void look_at_run(struct search *search, const struct rn_event *event)
{
    static const struct {
        enum rn_tag tag;
        const char *role;
    } fields[] = {{RN_TAG_INPUT, "input"},
                  {RN_TAG_STDIN, "stdin"},
                  {RN_TAG_STDOUT, "stdout"},
                  {RN_TAG_STDERR, "stderr"},
                  {RN_TAG_NOTE, "note"}};
    look_at_argv(search, rn_event_get(event, RN_TAG_ARGV));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        look(search, fields[i].tag == RN_TAG_NOTE ? RN_GREP_OTHER : RN_GREP_DECISION,
             rn_bytes_text(fields[i].role), rn_event_get(event, fields[i].tag));
    }
}

static enum rn_status look_at_event(struct search *search, struct rn_store *store,
                                    enum rn_event_class class, uint32_t n, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_error inner = {.text = ""};
    search->n = n;
    enum rn_status status =
        rn_trace_event_indexed(store, &search->found->summary.id, class, n, &arena, &event, &inner);
    bool is_exchange = rn_event_kind_of(&event) == RN_EVENT_EXCHANGE ||
                       rn_event_kind_of(&event) == RN_EVENT_DECISION;
    if (status == RN_OK) {
        search->found->done.events++;
        if (is_exchange) {
            status = look_at_exchange(search, &event);
        } else {
            look_at_run(search, &event);
        }
    } else if (status == RN_DAMAGED || status == RN_NEWER) {
        search->found->done.unread++;
        status = RN_OK;
    } else if (status == RN_NOTFOUND) { /* no run, no note of that number, not ended yet */
        status = RN_OK;
    }
    rn_arena_free(&arena);
    status = status == RN_OK ? search->status : status;
    return status == RN_OK
               ? RN_OK
               : rn_fail(error, status, "%s",
                         inner.text[0] != '\0' ? inner.text : "no memory to search a trace");
}

enum rn_status rn_grep_trace(struct rn_store *store, const struct rn_grep *grep,
                             const struct rn_trace_id *id, struct rn_grep_found *out,
                             struct rn_error *error)
{
    memset(out, 0, sizeof *out);
    struct search search = {.grep = grep,
                            .in = grep->in == 0 ? RN_GREP_ALL : grep->in,
                            .is_plain = is_plain(grep->text),
                            .found = out};
    enum rn_status status = rn_trace_summary(store, id, &out->arena, &out->summary, error);
    if (status == RN_NOTFOUND || status == RN_DAMAGED) { /* dropped meanwhile, or not to be read */
        out->done.unread += status == RN_DAMAGED;
        return RN_OK;
    }
    for (uint32_t n = 0; status == RN_OK && n <= out->summary.events; n++) {
        status = look_at_event(&search, store, RN_CLASS_EVENT, n, error);
    }
    for (uint32_t n = 1; status == RN_OK && n <= out->summary.notes; n++) {
        status = look_at_event(&search, store, RN_CLASS_NOTE, n, error);
    }
    out->done.traces = 1;
    out->done.traces_hit = out->count > 0;
    rn_free(search.seen.marks);
    return status;
}

void rn_grep_found_free(struct rn_grep_found *found)
{
    rn_arena_free(&found->arena);
}
