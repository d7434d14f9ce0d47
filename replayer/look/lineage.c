/*
 * Sources and texts of a trace, in order, given to verbatim.c (lineage.h). Of a request each distinct piece is looked at once in the
 * whole trace: what a call repeats of an earlier one brings nothing.
 */
#include "lineage.h"

#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "steps.h"
#include "verbatim.h"
#include "wire/json.h"

#define SEEN_BYTES 16u
#define DECISION_BYTES_MAX ((size_t)256 * 1024)

/* A text that stood in a request or answer already. */
struct seen {
    struct seen *next;
    uint8_t digest[SEEN_BYTES];
};
#define SEEN_BUCKETS 4096u

/* The answer of a decision, which comes last although its event is the first. */
struct late {
    struct late *next;
    uint32_t n;
    struct rn_bytes text;
};

/* What the next event's request tells: a source once that request was looked at, or it would be found in itself. */
struct told {
    struct told *next;
    struct rn_lineage_source source;
    struct rn_bytes text;
};

struct tracing {
    struct rn_lineage *lineage;
    struct rn_lineage_link **tail;
    struct rn_verbatim *verbatim;
    const struct rn_lineage_source **sources; /* by number */
    size_t source_count, source_cap;
    size_t bytes_left;
    bool answers_only;
    struct late *late;
    struct told *told, **told_tail;
    struct seen *seen[SEEN_BUCKETS];
    /* Where the search is. */
    struct rn_lineage_link place;
    struct rn_bytes text;
    bool is_history; /* said by the model itself: its own answers are no news there */
    enum rn_status status;
};

const char *rn_lineage_kind_name(enum rn_lineage_kind kind)
{
    static const char *const names[] = {"document", "tool", "answer"};
    return names[kind];
}

/* --- text as a person reads it -------------------------------------------------------------------------------------- */

static enum rn_status unescape_in_place(struct rn_bytes text, struct rn_buffer *out, bool *is_json)
{
    struct rn_json_reader reader;
    size_t from = 0;
    enum rn_status status = RN_OK;
    rn_json_begin(&reader, text);
    for (*is_json = false; status == RN_OK;) {
        struct rn_bytes token;
        enum rn_json_token kind = rn_json_next(&reader, &token);
        if (kind == RN_JSON_FAULT || kind == RN_JSON_END) {
            *is_json = kind == RN_JSON_END;
            return rn_buffer_add(out, rn_bytes_from(text, from));
        }
        if (kind == RN_JSON_STRING || kind == RN_JSON_KEY) {
            size_t begin = (size_t)(token.data - text.data);
            status = rn_buffer_add(out, rn_bytes_sub(text, from, begin + 1 - from));
            status = status == RN_OK ? rn_json_unescape(token, out) : status;
            from = begin + token.len - 1;
        }
    }
    return status;
}

struct rn_bytes rn_lineage_plain(struct rn_arena *arena, struct rn_bytes text)
{
    struct rn_bytes trimmed = rn_bytes_trim(text);
    struct rn_buffer out = {0};
    bool is_json = false;
    if (trimmed.len == 0 || (trimmed.data[0] != '{' && trimmed.data[0] != '[') ||
        rn_bytes_find_byte(text, '\\') == RN_NPOS) {
        return text;
    }
    struct rn_bytes plain = text;
    enum rn_status status = unescape_in_place(text, &out, &is_json);
    if (status != RN_OK) {
        plain = (struct rn_bytes){NULL, 0};
    } else if (is_json) {
        plain = rn_arena_copy(arena, rn_buffer_bytes(&out));
    }
    rn_buffer_free(&out);
    return plain;
}

/* --- what was seen -------------------------------------------------------------------------------------------------- */

/* Whether it is new; it is not from here on. */
static bool is_news(struct tracing *tracing, struct rn_bytes text)
{
    uint8_t digest[RN_SHA256_BYTES];
    if (!rn_sha256_of(&text, 1, digest)) {
        tracing->status = RN_NOMEM;
        return false;
    }
    struct seen **bucket = &tracing->seen[((unsigned)digest[0] << 8 | digest[1]) % SEEN_BUCKETS];
    for (const struct seen *each = *bucket; each != NULL; each = each->next) {
        if (memcmp(each->digest, digest, SEEN_BYTES) == 0) {
            return false;
        }
    }
    struct seen *seen = rn_arena_alloc(&tracing->lineage->arena, sizeof *seen);
    if (seen == NULL) {
        tracing->status = RN_NOMEM;
        return false;
    }
    memcpy(seen->digest, digest, SEEN_BYTES);
    seen->next = *bucket;
    *bucket = seen;
    return true;
}

/* --- sources -------------------------------------------------------------------------------------------------------- */

static enum rn_status number_source(struct tracing *tracing, const struct rn_lineage_source *source)
{
    if (tracing->source_count == tracing->source_cap) {
        size_t cap = tracing->source_cap == 0 ? 32 : 2 * tracing->source_cap;
        void *sources = rn_realloc(tracing->sources, cap * sizeof *tracing->sources);
        if (sources == NULL) {
            return RN_NOMEM;
        }
        tracing->sources = sources;
        tracing->source_cap = cap;
    }
    tracing->sources[tracing->source_count++] = source;
    return RN_OK;
}

static enum rn_status add_text(struct tracing *tracing, struct rn_bytes text)
{
    if (text.len > tracing->bytes_left) {
        tracing->lineage->is_full = true;
        return RN_OK;
    }
    tracing->bytes_left -= text.len;
    return rn_verbatim_add(tracing->verbatim, (uint32_t)(tracing->source_count - 1), text);
}

/* As it is written and, where that is another text, as it is read. */
static void add_source(struct tracing *tracing, struct rn_lineage_source source,
                       struct rn_bytes text)
{
    struct rn_arena *arena = &tracing->lineage->arena;
    struct rn_lineage *lineage = tracing->lineage;
    if (text.len < RN_VERBATIM_CHARS_MIN || tracing->status != RN_OK) {
        return;
    }
    struct rn_lineage_source *kept = rn_arena_alloc(arena, sizeof *kept);
    struct rn_bytes copy = rn_arena_copy(arena, text);
    struct rn_bytes plain = rn_lineage_plain(arena, copy);
    source.id = rn_arena_copy(arena, rn_bytes_sub(source.id, 0, RN_LINEAGE_EXCERPT_BYTES));
    if (kept == NULL || copy.data == NULL || plain.data == NULL || source.id.data == NULL) {
        tracing->status = RN_NOMEM;
        return;
    }
    *kept = source;
    lineage->documents += source.kind == RN_LINEAGE_DOCUMENT;
    lineage->tools += source.kind == RN_LINEAGE_TOOL;
    lineage->answers += source.kind == RN_LINEAGE_ANSWER;
    enum rn_status status = number_source(tracing, kept);
    status = status == RN_OK ? add_text(tracing, copy) : status;
    tracing->status =
        status == RN_OK && plain.data != copy.data ? add_text(tracing, plain) : status;
}

static void add_documents(struct tracing *tracing, uint32_t n, const struct rn_reading *reading)
{
    for (const struct rn_document *each = reading->documents; each != NULL; each = each->next) {
        add_source(tracing,
                   (struct rn_lineage_source){.kind = RN_LINEAGE_DOCUMENT,
                                              .n = n,
                                              .query = each->query,
                                              .rank = each->rank,
                                              .id = each->id.len > 0 ? each->id : each->title},
                   each->text);
    }
}

static void add_answer(struct tracing *tracing, uint32_t n, const struct rn_reading *reading)
{
    bool is_tool = reading->kind == RN_READING_TOOL;
    for (const struct rn_said *said = reading->response; said != NULL; said = said->next) {
        bool counts = is_tool || said->kind == RN_SAID_TEXT || said->kind == RN_SAID_REFUSAL;
        if (counts) {
            add_source(
                tracing,
                (struct rn_lineage_source){.kind = is_tool ? RN_LINEAGE_TOOL : RN_LINEAGE_ANSWER,
                                           .n = n,
                                           .id = is_tool ? reading->target : RN_LIT("")},
                said->text);
        }
    }
}

/* --- the search ----------------------------------------------------------------------------------------------------- */

static uint64_t characters_of(struct rn_bytes text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static struct rn_bytes excerpt_of(struct rn_arena *arena, struct rn_bytes text)
{
    size_t len = text.len;
    if (len > RN_LINEAGE_EXCERPT_BYTES) {
        len = RN_LINEAGE_EXCERPT_BYTES;
        while (len > 0 && (text.data[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    return rn_arena_copy(arena, rn_bytes_sub(text, 0, len));
}

static void add_link(void *self, const struct rn_stretch *stretch)
{
    struct tracing *tracing = self;
    const struct rn_lineage_source *source = tracing->sources[stretch->source];
    if (tracing->status != RN_OK || (tracing->is_history && source->kind == RN_LINEAGE_ANSWER)) {
        return;
    }
    struct rn_arena *arena = &tracing->lineage->arena;
    struct rn_bytes text = rn_bytes_sub(tracing->text, stretch->at, stretch->len);
    struct rn_lineage_link *link = rn_arena_alloc(arena, sizeof *link);
    struct rn_bytes excerpt = excerpt_of(arena, text);
    struct rn_bytes role = rn_arena_copy(arena, rn_bytes_sub(tracing->place.role, 0, 40));
    if (link == NULL || excerpt.data == NULL || role.data == NULL) {
        tracing->status = RN_NOMEM;
        return;
    }
    *link = tracing->place;
    link->source = source;
    link->role = role;
    link->excerpt = excerpt;
    link->bytes = text.len;
    link->characters = characters_of(text);
    *tracing->tail = link;
    tracing->tail = &link->next;
}

static void search(struct tracing *tracing, struct rn_lineage_link place, struct rn_bytes text)
{
    struct rn_arena arena = {0};
    tracing->place = place;
    tracing->text = rn_lineage_plain(&arena, text);
    if (tracing->text.data == NULL && text.len > 0) {
        tracing->status = RN_NOMEM;
    }
    if (tracing->status == RN_OK && text.len >= RN_VERBATIM_CHARS_MIN) {
        tracing->lineage->pieces++;
        rn_verbatim_find(tracing->verbatim, tracing->text, add_link, tracing);
    }
    rn_arena_free(&arena);
}

static bool is_models_own(const struct rn_said *said)
{
    return rn_bytes_equal(said->role, RN_LIT("assistant")) ||
           rn_bytes_equal(said->role, RN_LIT("model")) ||
           rn_bytes_equal_nocase(said->role, RN_LIT("chatbot"));
}

/* Tool calls and thinking in a request are history by nature. */
static void search_request(struct tracing *tracing, uint32_t n, const struct rn_reading *reading)
{
    uint32_t piece = 0;
    for (const struct rn_said *said = reading->request; said != NULL; said = said->next) {
        piece++;
        if (said->kind == RN_SAID_TOOL_CALL || said->kind == RN_SAID_THINKING ||
            said->text.len < RN_VERBATIM_CHARS_MIN || !is_news(tracing, said->text)) {
            continue;
        }
        tracing->is_history = is_models_own(said);
        search(tracing, (struct rn_lineage_link){.n = n, .piece = piece, .role = said->role},
               said->text);
    }
    tracing->is_history = false;
}

static void search_answer(struct tracing *tracing, uint32_t n, const struct rn_reading *reading)
{
    uint32_t piece = 0;
    for (const struct rn_said *said = reading->response; said != NULL; said = said->next) {
        piece++;
        if (said->kind == RN_SAID_THINKING || said->kind == RN_SAID_OTHER) {
            continue;
        }
        search(
            tracing,
            (struct rn_lineage_link){.n = n, .in_answer = true, .piece = piece, .role = said->role},
            said->text);
        (void)is_news(tracing, said->text);
    }
}

/* --- the trace ------------------------------------------------------------------------------------------------------ */

static void keep_decision(struct tracing *tracing, const struct rn_view *view, uint32_t n)
{
    struct rn_bytes body = view->response.decoded.len > 0
                               ? view->response.decoded
                               : rn_event_get(view->event, RN_TAG_RESPONSE_BODY);
    struct rn_arena *arena = &tracing->lineage->arena;
    struct late *late = rn_arena_alloc(arena, sizeof *late);
    struct rn_bytes copy = rn_arena_copy(arena, rn_bytes_sub(body, 0, DECISION_BYTES_MAX));
    if (late == NULL || copy.data == NULL) {
        tracing->status = RN_NOMEM;
        return;
    }
    *late = (struct late){tracing->late, n, copy};
    tracing->late = late;
}

static void trace_event(struct tracing *tracing, const struct rn_view *view, uint32_t n)
{
    const struct rn_reading *reading = &view->reading;
    if (rn_event_kind_of(view->event) == RN_EVENT_DECISION) {
        keep_decision(tracing, view, n);
        return;
    }
    if (reading->kind == RN_READING_MODEL) {
        search_answer(tracing, n, reading);
    }
    add_documents(tracing, n, reading);
    if (reading->kind == RN_READING_MODEL || reading->kind == RN_READING_TOOL) {
        add_answer(tracing, n, reading);
    }
}

static void keep_told(struct tracing *tracing, const struct rn_derived *derived)
{
    struct rn_arena *arena = &tracing->lineage->arena;
    struct told *told = rn_arena_alloc(arena, sizeof *told);
    struct rn_bytes text = rn_arena_copy(arena, derived->result);
    struct rn_bytes name = rn_arena_copy(arena, derived->name);
    if (told == NULL || text.data == NULL || name.data == NULL) {
        tracing->status = RN_NOMEM;
        return;
    }
    told->source = (struct rn_lineage_source){
        .kind = RN_LINEAGE_TOOL, .n = derived->told_n, .t = derived->t, .id = name};
    told->text = text;
    *tracing->told_tail = told;
    tracing->told_tail = &told->next;
}

static void add_told(struct tracing *tracing)
{
    for (const struct told *told = tracing->told; told != NULL; told = told->next) {
        add_source(tracing, told->source, told->text);
    }
    tracing->told = NULL;
    tracing->told_tail = &tracing->told;
}

static enum rn_status trace_step(void *self, const struct rn_step *step)
{
    struct tracing *tracing = self;
    tracing->lineage->unread += step->error != NULL;
    if (step->derived != NULL) {
        keep_told(tracing, step->derived);
    } else if (step->view != NULL && step->class == RN_CLASS_EVENT && step->n > 0) {
        if (step->view->reading.kind == RN_READING_MODEL && !tracing->answers_only) {
            search_request(tracing, step->n, &step->view->reading);
        }
        add_told(tracing);
        trace_event(tracing, step->view, step->n);
    }
    return tracing->status;
}

static void search_decisions(struct tracing *tracing)
{
    for (const struct late *late = tracing->late; late != NULL && tracing->status == RN_OK;
         late = late->next) {
        search(tracing, (struct rn_lineage_link){.n = late->n, .in_answer = true, .piece = 1},
               late->text);
    }
}

enum rn_status rn_lineage_make(struct rn_store *store, const struct rn_trace_summary *summary,
                               size_t bytes_max, bool answers_only, struct rn_lineage *out,
                               struct rn_error *error)
{
    memset(out, 0, sizeof *out);
    struct tracing *tracing = rn_calloc(1, sizeof *tracing);
    enum rn_status status = RN_NOMEM;
    if (tracing == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to look for what stands verbatim");
    }
    tracing->lineage = out;
    tracing->tail = &out->links;
    tracing->told_tail = &tracing->told;
    tracing->bytes_left = bytes_max;
    tracing->answers_only = answers_only;
    tracing->verbatim = rn_verbatim_new();
    if (tracing->verbatim != NULL) {
        status = rn_steps_walk(store, summary, trace_step, tracing, error);
    }
    if (status == RN_OK) {
        search_decisions(tracing);
        out->is_full = out->is_full || rn_verbatim_is_full(tracing->verbatim);
        status = tracing->status;
    }
    rn_verbatim_free(tracing->verbatim);
    rn_free(tracing->sources);
    rn_free(tracing);
    return status == RN_NOMEM ? rn_fail(error, status, "no memory to look for what stands verbatim")
                              : status;
}

void rn_lineage_free(struct rn_lineage *lineage)
{
    rn_arena_free(&lineage->arena);
    lineage->links = NULL;
}
