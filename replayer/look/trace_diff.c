/*
 * Both traces are read once for what their steps are known by, brought side by side (align.c), and the steps of a pair then read
 * again to be compared in full (trace_difference.c).
 */
#include "trace_diff.h"

#include <inttypes.h>
#include <string.h>

#include "align.h"
#include "base/digest.h"
#include "base/memory.h"
#include "catalog.h"
#include "divergence.h"
#include "steps.h"
#include "trace_difference.h"

#define TEXT_BYTES_MAX ((size_t)256 * 1024) /* of one side of a step */
#define WHOM_BYTES_MAX 120u

struct item {
    enum rn_event_class class;
    uint32_t n;
    bool is_unread;
    bool is_derived;
    const char *name;
    const char *kind;
    struct rn_bytes whom;
    struct rn_bytes told; /* of a derived reading: arguments, result */
    struct rn_bytes arguments;
};

/* One trace; items and what they are known by grow together. */
struct side {
    struct rn_arena *arena;
    const struct rn_trace_summary *summary;
    struct item *items;
    struct rn_align_step *known;
    uint32_t count, cap;
    bool no_memory; /* for a digest */
};

const char *rn_diff_state_name(enum rn_diff_state state)
{
    static const char *const names[] = {"same", "changed", "only_first", "only_second"};
    return names[state];
}

/* --- what a step is known by ---------------------------------------------------------------------------------------- */

static uint64_t digest_of(struct side *side, struct rn_bytes text)
{
    uint8_t digest[RN_SHA256_BYTES] = {0};
    uint64_t out = 0;
    side->no_memory = !rn_sha256_of(&text, 1, digest) || side->no_memory;
    memcpy(&out, digest, sizeof out);
    return out;
}

static struct rn_bytes last_said(const struct rn_said *said)
{
    struct rn_bytes text = RN_LIT("");
    for (; said != NULL; said = said->next) {
        text = said->text;
    }
    return text;
}

static uint64_t digest_said(struct side *side, const struct rn_said *said)
{
    uint64_t sum = 0;
    for (; said != NULL; said = said->next) {
        sum = sum * 31 + (digest_of(side, said->text) ^ digest_of(side, said->name)) +
              (uint64_t)said->kind;
    }
    return sum;
}

static uint64_t digest_request(struct side *side, const struct rn_event *event)
{
    uint8_t key[RN_KEY_BYTES] = {0};
    enum rn_status status = rn_catalog_key(event, true, key);
    if (status != RN_OK && status != RN_NOMEM) {
        status = rn_catalog_key(event, false, key); /* no JSON */
    }
    side->no_memory = status == RN_NOMEM || side->no_memory;
    return digest_of(side, rn_bytes_of(key, sizeof key));
}

static const char *kind_of(const struct rn_view *view)
{
    enum rn_event_kind kind = rn_event_kind_of(view->event);
    return kind == RN_EVENT_EXCHANGE ? rn_reading_kind_name(view->reading.kind)
                                     : rn_event_kind_name(kind);
}

/* "gpt-4.1", "qdrant policies", "openai POST /v1/x" */
static struct rn_bytes whom_of(struct rn_arena *arena, const struct rn_view *view)
{
    const struct rn_reading *reading = &view->reading;
    struct rn_bytes upstream = rn_event_get(view->event, RN_TAG_UPSTREAM);
    struct rn_bytes target = rn_event_get(view->event, RN_TAG_TARGET);
    target = rn_bytes_sub(target, 0, rn_bytes_find_byte(target, '?'));
    const struct rn_bytes by_model[] = {reading->model_asked, RN_LIT(""), RN_LIT("")};
    const struct rn_bytes by_place[] = {
        reading->service.len > 0 ? reading->service : upstream,
        reading->target.len > 0 ? reading->target : reading->operation, RN_LIT("")};
    const struct rn_bytes by_path[] = {upstream, rn_event_get(view->event, RN_TAG_METHOD), target};
    const struct rn_bytes *parts = reading->model_asked.len > 0 ? by_model
                                   : reading->dialect != RN_DIALECT_NONE &&
                                           (reading->target.len > 0 || reading->operation.len > 0)
                                       ? by_place
                                       : by_path;
    struct rn_buffer text = {0};
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < 3 && status == RN_OK; i++) {
        status = parts[i].len > 0 && text.len > 0 ? rn_buffer_add_byte(&text, ' ') : RN_OK;
        status = status == RN_OK ? rn_buffer_add(&text, rn_bytes_sub(parts[i], 0, WHOM_BYTES_MAX))
                                 : status;
    }
    struct rn_bytes copy =
        status == RN_OK ? rn_arena_copy(arena, rn_buffer_bytes(&text)) : (struct rn_bytes){NULL, 0};
    rn_buffer_free(&text);
    return copy;
}

static void know_view(struct side *side, const struct rn_view *view, struct rn_align_step *known)
{
    const struct rn_reading *reading = &view->reading;
    bool is_read = reading->dialect != RN_DIALECT_NONE;
    if (rn_event_kind_of(view->event) == RN_EVENT_RUN) {
        return; /* there is one of each */
    }
    known->request = digest_request(side, view->event);
    known->news = digest_of(side, is_read ? last_said(reading->request) : view->request.decoded);
    known->answer = is_read && reading->response != NULL ? digest_said(side, reading->response)
                                                         : digest_of(side, view->response.decoded);
}

static enum rn_status make_room(struct side *side)
{
    if (side->count < side->cap) {
        return RN_OK;
    }
    uint32_t cap = side->cap == 0 ? 64 : 2 * side->cap;
    struct item *items = rn_realloc(side->items, cap * sizeof *items);
    if (items == NULL) {
        return RN_NOMEM;
    }
    side->items = items;
    struct rn_align_step *known = rn_realloc(side->known, cap * sizeof *known);
    if (known == NULL) {
        return RN_NOMEM;
    }
    side->known = known;
    side->cap = cap;
    return RN_OK;
}

static enum rn_status add_step(void *self, const struct rn_step *step)
{
    struct side *side = self;
    char name[RN_DERIVED_NAME_BYTES];
    enum rn_status status = make_room(side);
    if (status != RN_OK) {
        return status;
    }
    struct item item = {.class = step->class, .n = step->n, .is_unread = step->error != NULL};
    struct rn_align_step known = {.kind = 0};
    item.name = rn_arena_text(side->arena, rn_bytes_text(rn_step_name(step, name)));
    item.kind = step->error != NULL ? "event" : "tool";
    if (step->derived != NULL) {
        item.is_derived = true;
        item.whom = rn_arena_copy(side->arena, step->derived->name);
        item.told = rn_arena_copy(side->arena, step->derived->result);
        item.arguments = rn_arena_copy(side->arena, step->derived->arguments);
        known.request = known.news = digest_of(side, item.arguments);
        known.answer = digest_of(side, item.told);
    } else if (step->view != NULL) {
        item.kind = kind_of(step->view);
        item.whom = whom_of(side->arena, step->view);
        know_view(side, step->view, &known);
    }
    bool is_kept = item.name != NULL && (step->error != NULL || item.whom.data != NULL) &&
                   (!item.is_derived || (item.told.data != NULL && item.arguments.data != NULL));
    known.kind = digest_of(side, rn_bytes_text(item.kind)) + item.is_derived;
    known.whom = digest_of(side, item.whom);
    side->items[side->count] = item;
    side->known[side->count++] = known;
    return is_kept && !side->no_memory ? RN_OK : RN_NOMEM;
}

/* The run is what came of the calls: it goes to the end. */
static void put_run_last(struct side *side)
{
    if (side->count == 0 || side->items[0].class != RN_CLASS_EVENT || side->items[0].n != 0) {
        return;
    }
    struct item run = side->items[0];
    struct rn_align_step known = side->known[0];
    memmove(side->items, side->items + 1, (side->count - 1) * sizeof *side->items);
    memmove(side->known, side->known + 1, (side->count - 1) * sizeof *side->known);
    side->items[side->count - 1] = run;
    side->known[side->count - 1] = known;
}

static enum rn_status read_side(struct rn_store *store, struct side *side, struct rn_error *error)
{
    enum rn_status status = rn_steps_walk(store, side->summary, add_step, side, error);
    put_run_last(side);
    return status;
}

/* --- what is said, as a person reads it ----------------------------------------------------------------------------- */

static enum rn_status add_line(struct rn_buffer *out, struct rn_bytes before, struct rn_bytes text)
{
    enum rn_status status = out->len > 0 ? rn_buffer_add_byte(out, '\n') : RN_OK;
    status = status == RN_OK ? rn_buffer_add(out, before) : status;
    status = status == RN_OK && before.len > 0 ? rn_buffer_add(out, RN_LIT(": ")) : status;
    return status == RN_OK ? rn_buffer_add(out, text) : status;
}

static struct rn_bytes said_text(struct rn_arena *arena, const struct rn_said *said,
                                 const struct rn_document *documents, struct rn_bytes otherwise)
{
    struct rn_buffer out = {0};
    enum rn_status status = RN_OK;
    if (said == NULL && documents == NULL) {
        return rn_arena_copy(arena, rn_bytes_sub(otherwise, 0, TEXT_BYTES_MAX));
    }
    for (; said != NULL && status == RN_OK && out.len < TEXT_BYTES_MAX; said = said->next) {
        status = add_line(&out, said->name.len > 0 ? said->name : said->role, said->text);
    }
    for (; documents != NULL && status == RN_OK && out.len < TEXT_BYTES_MAX;
         documents = documents->next) {
        status = add_line(&out, documents->id.len > 0 ? documents->id : documents->title,
                          documents->text);
    }
    struct rn_bytes copy =
        status == RN_OK ? rn_arena_copy(arena, rn_buffer_bytes(&out)) : (struct rn_bytes){NULL, 0};
    rn_buffer_free(&out);
    return copy;
}

static enum rn_status keep_texts(struct rn_arena *arena, const struct rn_view *view,
                                 struct rn_diff_side *out)
{
    const struct rn_reading *reading = &view->reading;
    struct rn_bytes asked = view->request.decoded;
    struct rn_bytes answered = view->response.decoded;
    if (rn_event_kind_of(view->event) == RN_EVENT_RUN) {
        asked = rn_event_get(view->event, RN_TAG_INPUT);
        answered = rn_event_get(view->event, RN_TAG_STDOUT);
    }
    out->request = said_text(arena, reading->request, NULL, asked);
    out->answer = said_text(arena, reading->response, reading->documents, answered);
    return out->request.data == NULL || out->answer.data == NULL ? RN_NOMEM : RN_OK;
}

/* --- pairs ---------------------------------------------------------------------------------------------------------- */

static void differ(struct rn_diff_step *step, const struct rn_event_difference *difference)
{
    step->state = difference->what == NULL ? RN_DIFF_SAME : RN_DIFF_CHANGED;
    step->what = difference->what;
    step->pointer = difference->pointer;
    step->value[0] = difference->first;
    step->value[1] = difference->second;
}

static void compare_told(struct rn_arena *arena, const struct item *a, const struct item *b,
                         struct rn_diff_step *step)
{
    struct rn_event_difference difference = {.what = NULL};
    const struct {
        const char *what;
        struct rn_bytes first, second;
    } parts[] = {{"tool", a->whom, b->whom},
                 {"arguments", a->arguments, b->arguments},
                 {"result", a->told, b->told}};
    for (size_t i = 0; i < 3 && difference.what == NULL; i++) {
        if (!rn_bytes_equal(parts[i].first, parts[i].second)) {
            size_t at = rn_difference_offset(parts[i].first, parts[i].second);
            difference.what = parts[i].what;
            difference.first = rn_excerpt(arena, parts[i].first, at);
            difference.second = rn_excerpt(arena, parts[i].second, at);
        }
    }
    differ(step, &difference);
    step->first.request = a->arguments;
    step->first.answer = a->told;
    step->second.request = b->arguments;
    step->second.answer = b->told;
}

static enum rn_status read_view(struct rn_store *store, const struct side *side,
                                const struct item *item, struct rn_arena *scratch,
                                struct rn_event *event, struct rn_view *view,
                                struct rn_error *error)
{
    enum rn_status status =
        rn_trace_event(store, &side->summary->id, item->class, item->n, scratch, event, error);
    return status == RN_OK ? rn_view_make(scratch, event, view) : status;
}

static enum rn_status compare_events(struct rn_store *store, const struct side sides[2],
                                     const struct item *items[2], bool texts,
                                     struct rn_diff_step *step, struct rn_error *error)
{
    struct rn_arena scratch = {0};
    struct rn_event events[2];
    struct rn_view views[2];
    struct rn_diff_side *out[2] = {&step->first, &step->second};
    struct rn_event_difference difference = {.what = NULL};
    memset(events, 0, sizeof events);
    memset(views, 0, sizeof views);
    enum rn_status status = RN_OK;
    for (int i = 0; i < 2 && status == RN_OK; i++) {
        status = read_view(store, &sides[i], items[i], &scratch, &events[i], &views[i], error);
    }
    status = status == RN_OK
                 ? rn_event_difference(&views[0], &views[1], sides[0].arena, &difference)
                 : status;
    if (status == RN_OK) {
        differ(step, &difference);
    }
    for (int i = 0; i < 2 && status == RN_OK && texts && difference.what != NULL; i++) {
        status = keep_texts(sides[0].arena, &views[i], out[i]);
    }
    rn_view_free(&views[0]);
    rn_view_free(&views[1]);
    rn_arena_free(&scratch);
    return status;
}

/* Two that cannot be read are not the same: nobody knows. */
static enum rn_status compare_pair(struct rn_store *store, const struct side sides[2],
                                   const struct item *items[2], bool texts,
                                   struct rn_diff_step *step, struct rn_error *error)
{
    if (items[0]->is_unread || items[1]->is_unread) {
        const struct rn_event_difference unread = {
            .what = "an event that cannot be read",
            .first = items[0]->is_unread ? "unreadable" : items[0]->kind,
            .second = items[1]->is_unread ? "unreadable" : items[1]->kind};
        differ(step, &unread);
        step->is_unread = true;
        return RN_OK;
    }
    if (items[0]->is_derived) {
        compare_told(sides[0].arena, items[0], items[1], step);
        return RN_OK;
    }
    return compare_events(store, sides, items, texts, step, error);
}

static enum rn_status take_pair(struct rn_store *store, const struct side sides[2],
                                const struct rn_align_pair *pair, bool texts,
                                struct rn_diff_step *step, struct rn_error *error)
{
    const struct item *items[2] = {pair->a == RN_ALIGN_NONE ? NULL : &sides[0].items[pair->a],
                                   pair->b == RN_ALIGN_NONE ? NULL : &sides[1].items[pair->b]};
    struct rn_diff_side *out[2] = {&step->first, &step->second};
    for (int i = 0; i < 2; i++) {
        if (items[i] != NULL) {
            out[i]->name = items[i]->name;
            out[i]->whom = items[i]->whom;
            step->kind = items[i]->kind;
            step->is_unread = step->is_unread || items[i]->is_unread;
        }
    }
    if (items[0] == NULL || items[1] == NULL) {
        step->state = items[0] != NULL ? RN_DIFF_ONLY_FIRST : RN_DIFF_ONLY_SECOND;
        return RN_OK;
    }
    return compare_pair(store, sides, items, texts, step, error);
}

static void count_step(struct rn_trace_diff *diff, const struct rn_diff_step *step)
{
    diff->same += step->state == RN_DIFF_SAME;
    diff->changed += step->state == RN_DIFF_CHANGED;
    diff->only_first += step->state == RN_DIFF_ONLY_FIRST;
    diff->only_second += step->state == RN_DIFF_ONLY_SECOND;
    diff->unread += step->is_unread;
}

enum rn_status rn_trace_diff_make(struct rn_store *store, const struct rn_trace_summary *first,
                                  const struct rn_trace_summary *second, bool texts,
                                  struct rn_trace_diff *out, struct rn_error *error)
{
    memset(out, 0, sizeof *out);
    struct side sides[2] = {{.arena = &out->arena, .summary = first},
                            {.arena = &out->arena, .summary = second}};
    struct rn_align_pair *pairs = NULL;
    enum rn_status status = read_side(store, &sides[0], error);
    status = status == RN_OK ? read_side(store, &sides[1], error) : status;
    status = status == RN_OK ? rn_align(&out->arena, sides[0].known, sides[0].count, sides[1].known,
                                        sides[1].count, &pairs, &out->count)
                             : status;
    if (status == RN_OK) {
        out->steps = rn_arena_alloc(&out->arena, (out->count + 1) * sizeof *out->steps);
        status = out->steps == NULL ? RN_NOMEM : RN_OK;
    }
    for (uint32_t i = 0; status == RN_OK && i < out->count; i++) {
        status = take_pair(store, sides, &pairs[i], texts, &out->steps[i], error);
        count_step(out, &out->steps[i]);
    }
    for (int i = 0; i < 2; i++) {
        rn_free(sides[i].items);
        rn_free(sides[i].known);
    }
    return status == RN_NOMEM ? rn_fail(error, status, "no memory to compare traces") : status;
}

void rn_trace_diff_free(struct rn_trace_diff *diff)
{
    rn_arena_free(&diff->arena);
    diff->steps = NULL;
    diff->count = 0;
}
