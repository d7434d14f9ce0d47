/*
 * The first difference of two recorded traces. One event of each is in memory at a time; decides nothing about which of the two is
 * right.
 */
#include "trace_difference.h"

#include <string.h>

#include "catalog.h"
#include "divergence.h"
#include "store/view.h"
#include "wire/json.h"
#include "wire/key.h"

/* One event of each, and where the words go. */
struct beside {
    struct rn_arena *arena; /* of the words */
    struct rn_arena scratch;
    struct rn_event a;
    struct rn_event b;
    bool has_a;
    bool has_b;
    bool no_memory;
    const char *place;             /* "event 2", "run" */
    const char *found;             /* NULL: nothing yet */
    struct rn_event_difference at; /* the same in parts */
    bool in_request;               /* that is where it was found */
};

static const char *or_nothing(const char *excerpt)
{
    return excerpt[0] == '\0' ? "nothing" : excerpt;
}

static void say_words(struct beside *beside, const char *what, const char *a, const char *b)
{
    beside->found = rn_words(beside->arena, "first at %s, %s: %s in the first, %s in the second",
                             beside->place, what, a, b);
    beside->at.what = what;
    beside->at.first = a;
    beside->at.second = b;
}

static void say(struct beside *beside, const char *what, struct rn_bytes a, struct rn_bytes b)
{
    size_t at = rn_difference_offset(a, b);
    say_words(beside, what, or_nothing(rn_excerpt(beside->arena, a, at)),
              or_nothing(rn_excerpt(beside->arena, b, at)));
}

static void compare_text(struct beside *beside, const char *what, struct rn_bytes a,
                         struct rn_bytes b)
{
    if (beside->found == NULL && !rn_bytes_equal(a, b)) {
        say(beside, what, a, b);
    }
}

static void compare_field(struct beside *beside, const char *what, enum rn_tag tag)
{
    compare_text(beside, what, rn_event_get(&beside->a, tag), rn_event_get(&beside->b, tag));
}

/* --- bodies --------------------------------------------------------------------------------------------------------- */

/* Whether both are JSON; then the place of a difference is a pointer, and none is none. */
static bool compare_json(struct beside *beside, const char *what, struct rn_bytes a,
                         struct rn_bytes b)
{
    struct rn_buffer pointer = {0};
    struct rn_json *tree_a = NULL;
    struct rn_json *tree_b = NULL;
    const struct rn_json *in_a = NULL;
    const struct rn_json *in_b = NULL;
    enum rn_status status = rn_json_parse(&beside->scratch, a, &tree_a, NULL, NULL);
    status = status == RN_OK ? rn_json_parse(&beside->scratch, b, &tree_b, NULL, NULL) : status;
    beside->no_memory = beside->no_memory || status == RN_NOMEM;
    if (status != RN_OK) {
        return false;
    }
    bool differs = rn_json_difference(tree_a, tree_b, &pointer, &in_a, &in_b);
    if (differs) {
        const char *place = rn_words(beside->arena, "%s, %.*s", what, (int)pointer.len,
                                     pointer.data == NULL ? "" : (const char *)pointer.data);
        beside->at.pointer = rn_words(beside->arena, "%.*s", (int)pointer.len,
                                      pointer.data == NULL ? "" : (const char *)pointer.data);
        say(beside, pointer.len == 0 ? what : place, in_a == NULL ? RN_LIT("") : in_a->raw,
            in_b == NULL ? RN_LIT("") : in_b->raw);
    }
    rn_buffer_free(&pointer);
    return differs || rn_json_equal(tree_a, tree_b);
}

static void compare_body(struct beside *beside, const char *what, struct rn_bytes a,
                         struct rn_bytes b)
{
    if (beside->found != NULL || rn_bytes_equal(a, b) || compare_json(beside, what, a, b)) {
        return;
    }
    say(beside, rn_words(beside->arena, "%s, byte %zu", what, rn_difference_offset(a, b)), a, b);
}

/* With one mark for each credential, whatever its length; coded bodies hold none. */
static struct rn_bytes marked(const struct rn_event *event, enum rn_tag tag, struct rn_buffer *out)
{
    struct rn_spans spans = {0};
    struct rn_bytes field = rn_event_get(event, tag);
    bool good =
        rn_event_spans(event, tag, &spans) == RN_OK && rn_key_marked(field, &spans, out) == RN_OK;
    rn_spans_free(&spans);
    return good ? rn_buffer_bytes(out) : field;
}

static void compare_marked(struct beside *beside, const char *what, enum rn_tag tag)
{
    struct rn_buffer a = {0};
    struct rn_buffer b = {0};
    compare_body(beside, what, marked(&beside->a, tag, &a), marked(&beside->b, tag, &b));
    rn_buffer_free(&a);
    rn_buffer_free(&b);
}

/* --- a request ------------------------------------------------------------------------------------------------------ */

static void compare_fields(struct beside *beside, const struct rn_view *a, const struct rn_view *b)
{
    struct rn_bytes name;
    struct rn_bytes in_a;
    struct rn_bytes in_b;
    if (beside->found == NULL && a->request_head != NULL && b->request_head != NULL &&
        !rn_key_headers_equal(a->request_head, b->request_head, &name, &in_a, &in_b)) {
        say(beside,
            rn_words(beside->arena, "request header %s", rn_excerpt(beside->arena, name, 0)), in_a,
            in_b);
    }
}

static void compare_requests(struct beside *beside, const struct rn_view *a,
                             const struct rn_view *b)
{
    compare_field(beside, "upstream", RN_TAG_UPSTREAM);
    compare_field(beside, "request method", RN_TAG_METHOD);
    compare_marked(beside, "request target", RN_TAG_TARGET);
    compare_fields(beside, a, b);
    if (a->request.coding.len == 0 && b->request.coding.len == 0) {
        compare_marked(beside, "request body", RN_TAG_REQUEST_BODY);
    } else {
        compare_body(beside, "request body", a->request.decoded, b->request.decoded);
    }
}

/* --- an answer ------------------------------------------------------------------------------------------------------ */

static const char *kind_of(const struct rn_said *said)
{
    switch (said == NULL ? RN_SAID_OTHER : said->kind) {
    case RN_SAID_TEXT:
        return "answer, text";
    case RN_SAID_TOOL_CALL:
        return "answer, tool call";
    case RN_SAID_REFUSAL:
        return "answer, refusal";
    case RN_SAID_THINKING:
        return "answer, thinking";
    default:
        return "answer";
    }
}

static struct rn_bytes text_of(const struct rn_said *said)
{
    return said == NULL ? RN_LIT("") : said->text;
}

/* Ids of tool calls are made anew by every answer; arguments are JSON. */
static void compare_said(struct beside *beside, const struct rn_said *a, const struct rn_said *b)
{
    while (beside->found == NULL && (a != NULL || b != NULL)) {
        const char *what = kind_of(a != NULL ? a : b);
        if (a == NULL || b == NULL || a->kind != b->kind) {
            say(beside, what, text_of(a), text_of(b));
            if (rn_bytes_equal(text_of(a), text_of(b))) {
                say_words(beside, "answer, kind", a == NULL ? "nothing" : kind_of(a),
                          b == NULL ? "nothing" : kind_of(b));
            }
            return;
        }
        compare_text(beside, rn_words(beside->arena, "%s, name", what), a->name, b->name);
        if (a->kind == RN_SAID_TOOL_CALL) {
            compare_body(beside, rn_words(beside->arena, "%s arguments", what), a->text, b->text);
        } else {
            compare_text(beside, what, a->text, b->text);
        }
        a = a->next;
        b = b->next;
    }
}

static void compare_answers(struct beside *beside, const struct rn_view *a, const struct rn_view *b)
{
    if (beside->found == NULL && a->status != b->status) {
        say_words(beside, "answer status", rn_words(beside->arena, "%u", a->status),
                  rn_words(beside->arena, "%u", b->status));
    }
    if (a->reading.dialect == RN_DIALECT_NONE || a->reading.dialect != b->reading.dialect ||
        a->reading.unread || b->reading.unread) {
        compare_body(beside, "answer body", a->response.decoded, b->response.decoded);
    } else {
        compare_said(beside, a->reading.response, b->reading.response);
        compare_text(beside, "answer, finish reason", a->reading.finish, b->reading.finish);
        compare_text(beside, "answer, error", a->reading.error, b->reading.error);
    }
    if (beside->found == NULL && rn_event_end_of(&beside->a) != rn_event_end_of(&beside->b)) {
        say_words(beside, "end", rn_end_name(rn_event_end_of(&beside->a)),
                  rn_end_name(rn_event_end_of(&beside->b)));
    }
}

/* --- events --------------------------------------------------------------------------------------------------------- */

static void compare_views(struct beside *beside, const struct rn_view *a, const struct rn_view *b)
{
    compare_requests(beside, a, b);
    beside->in_request = beside->found != NULL;
    compare_answers(beside, a, b);
}

static enum rn_status compare_exchanges(struct beside *beside)
{
    struct rn_view a = {0};
    struct rn_view b = {0};
    enum rn_status status = rn_view_make(&beside->scratch, &beside->a, &a);
    status = status == RN_OK ? rn_view_make(&beside->scratch, &beside->b, &b) : status;
    if (status == RN_OK) {
        compare_views(beside, &a, &b);
    }
    rn_view_free(&a);
    rn_view_free(&b);
    return status;
}

static void compare_runs(struct beside *beside)
{
    compare_field(beside, "input", RN_TAG_INPUT);
    compare_field(beside, "stdin", RN_TAG_STDIN);
    compare_field(beside, "stdout", RN_TAG_STDOUT);
    compare_field(beside, "stderr", RN_TAG_STDERR);
    compare_field(beside, "refused requests", RN_TAG_REFUSALS);
    uint64_t a = rn_event_number(&beside->a, RN_TAG_EXIT, UINT64_MAX);
    uint64_t b = rn_event_number(&beside->b, RN_TAG_EXIT, UINT64_MAX);
    if (beside->found == NULL && a != b) {
        say_words(beside, "wait status", rn_words(beside->arena, "%lld", (long long)a),
                  rn_words(beside->arena, "%lld", (long long)b));
    }
}

/* Whatever has a request and an answer is compared as an exchange is; a run by what came of it. */
enum rn_status rn_event_difference(const struct rn_view *first, const struct rn_view *second,
                                   struct rn_arena *arena, struct rn_event_difference *out)
{
    struct beside beside = {.arena = arena, .a = *first->event, .b = *second->event, .place = ""};
    enum rn_event_kind kind = rn_event_kind_of(first->event);
    compare_field(&beside, "kind", RN_TAG_KIND);
    if (beside.found == NULL && kind == RN_EVENT_RUN) {
        compare_runs(&beside);
    } else if (beside.found == NULL && kind == RN_EVENT_NOTE) {
        compare_field(&beside, "note", RN_TAG_NOTE);
    } else if (beside.found == NULL) {
        compare_views(&beside, first, second);
    }
    rn_arena_free(&beside.scratch);
    *out = beside.at;
    bool is_wordless = beside.found != NULL && (beside.found[0] == '\0' || out->what[0] == '\0');
    return beside.no_memory || is_wordless ? RN_NOMEM : RN_OK;
}

/* "first at event 3: POST /v1/chat stands only in the second" */
static void say_alone(struct beside *beside)
{
    const struct rn_event *event = beside->has_a ? &beside->a : &beside->b;
    struct rn_bytes method = rn_event_get(event, RN_TAG_METHOD);
    struct rn_bytes target = rn_event_get(event, RN_TAG_TARGET);
    beside->found =
        rn_words(beside->arena, "first at %s: %s %s stands only in the %s", beside->place,
                 rn_excerpt(beside->arena, method, 0), rn_excerpt(beside->arena, target, 0),
                 beside->has_a ? "first" : "second");
}

/* A call, or an inbound request: both have a request and an answer. */
static bool is_exchange(const struct rn_event *event)
{
    enum rn_event_kind kind = rn_event_kind_of(event);
    return kind == RN_EVENT_EXCHANGE || kind == RN_EVENT_DECISION;
}

static enum rn_status compare_event(struct beside *beside)
{
    if (!beside->has_a && !beside->has_b) {
        return RN_OK;
    }
    if (!beside->has_a || !beside->has_b) {
        say_alone(beside);
        return RN_OK;
    }
    if (is_exchange(&beside->a) && rn_event_kind_of(&beside->a) == rn_event_kind_of(&beside->b)) {
        return compare_exchanges(beside);
    }
    compare_field(beside, "kind", RN_TAG_KIND);
    compare_runs(beside);
    return RN_OK;
}

static enum rn_status read_event(struct rn_store *store, const struct rn_trace_id *id, uint32_t n,
                                 struct rn_arena *arena, struct rn_event *out, bool *is_there,
                                 struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    enum rn_status status = rn_trace_event(store, id, RN_CLASS_EVENT, n, arena, out, &inner);
    *is_there = status == RN_OK;
    if (status == RN_OK || status == RN_NOTFOUND) {
        return RN_OK;
    }
    return rn_fail(error, status, "%s", inner.text);
}

/* --- calls that were dropped or added ------------------------------------------------------------------------------- */

/* What the requests from `n` on are known by, each RN_KEY_BYTES; zeros where there is none. */
static enum rn_status keys_from(struct rn_store *store, const struct rn_trace_id *id, uint32_t n,
                                uint32_t events, struct rn_buffer *out, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (; status == RN_OK && n <= events; n++) {
        struct rn_arena arena = {0};
        struct rn_event event;
        bool is_there = false;
        uint8_t key[RN_KEY_BYTES] = {0};
        status = read_event(store, id, n, &arena, &event, &is_there, error);
        if (status == RN_OK && is_there && is_exchange(&event) &&
            rn_catalog_key(&event, true, key) != RN_OK) {
            (void)rn_catalog_key(&event, false, key); /* no JSON */
        }
        status = status == RN_OK ? rn_buffer_append(out, key, sizeof key) : status;
        rn_arena_free(&arena);
    }
    return status;
}

static bool stands_in(const struct rn_buffer *keys, size_t from, const uint8_t *key)
{
    for (size_t at = from * RN_KEY_BYTES; at < keys->len; at += RN_KEY_BYTES) {
        if (memcmp(keys->data + at, key, RN_KEY_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Two requests of one number differ. Where one trace goes on later with what the other asks now, and the other never asks for
 * the first, it is no changed call: one side has a call more.
 */
static enum rn_status look_for_alone(struct beside *beside, struct rn_store *store,
                                     const struct rn_trace_id *first, uint32_t in_first,
                                     const struct rn_trace_id *second, uint32_t in_second,
                                     uint32_t n, struct rn_error *error)
{
    struct rn_buffer a = {0};
    struct rn_buffer b = {0};
    enum rn_status status = keys_from(store, first, n, in_first, &a, error);
    status = status == RN_OK ? keys_from(store, second, n, in_second, &b, error) : status;
    if (status == RN_OK && a.len > 0 && b.len > 0) {
        bool a_comes = stands_in(&b, 1, a.data);
        bool b_comes = stands_in(&a, 1, b.data);
        if (a_comes != b_comes) {
            beside->has_a = b_comes;
            say_alone(beside);
        }
    }
    rn_buffer_free(&a);
    rn_buffer_free(&b);
    return status;
}

static enum rn_status events_of(struct rn_store *store, const struct rn_trace_id *id,
                                uint32_t *events, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(store, id, &arena, &summary, error);
    *events = status == RN_OK ? summary.events : 0;
    rn_arena_free(&arena);
    return status;
}

enum rn_status rn_trace_difference(struct rn_store *store, const struct rn_trace_id *first,
                                   const struct rn_trace_id *second, struct rn_arena *arena,
                                   struct rn_bytes *detail, struct rn_error *error)
{
    uint32_t in_first = 0;
    uint32_t in_second = 0;
    struct beside beside = {.arena = arena};
    enum rn_status status = events_of(store, first, &in_first, error);
    status = status == RN_OK ? events_of(store, second, &in_second, error) : status;
    uint32_t events = in_first > in_second ? in_first : in_second;
    for (uint32_t i = 0; status == RN_OK && beside.found == NULL && i <= events; i++) {
        uint32_t n = i == events ? 0 : i + 1; /* the run is what came of the calls */
        beside.place = n == 0 ? "run" : rn_words(&beside.scratch, "event %u", n);
        status = read_event(store, first, n, &beside.scratch, &beside.a, &beside.has_a, error);
        status = status == RN_OK ? read_event(store, second, n, &beside.scratch, &beside.b,
                                              &beside.has_b, error)
                                 : status;
        status = status == RN_OK ? compare_event(&beside) : status;
        if (status == RN_OK && beside.in_request) {
            status = look_for_alone(&beside, store, first, in_first, second, in_second, n, error);
        }
        rn_arena_free(&beside.scratch);
        /* Words that could not be kept are empty. */
        bool is_wordless = beside.found != NULL && beside.found[0] == '\0';
        status = status == RN_OK && (beside.no_memory || is_wordless) ? RN_NOMEM : status;
    }
    *detail = rn_bytes_text(beside.found == NULL ? "" : beside.found);
    return status == RN_NOMEM ? rn_fail(error, status, "no memory to compare traces") : status;
}
