/*
 * What frozen traces are made of: which models were asked with which parameters, prompts and tools, by which commit. In comes one
 * trace after the other, out come lists. One event is in memory at a time; the lists grow with what is different, not with
 * what is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "baseline_parts.h"
#include "store/view.h"
#include "base/utf8.h"
#include "wire/json.h"
#include "wire/key.h"

#define NOTE_BYTES_MAX 160u
#define NOTES_JOINED_BYTES_MAX 400u
#define SLOTS_FIRST 64u

void rn_frozen_free(struct rn_frozen *facts)
{
    for (unsigned list = 0; list < RN_BASELINE_LISTS; list++) {
        rn_free(facts->lists[list].at);
        rn_free(facts->lists[list].slots);
        facts->lists[list] = (struct rn_fact_table){0};
    }
}

/* --- tables --------------------------------------------------------------------------------------------------------- */

/* FNV-1a; only where to look first, never seen from outside. */
static uint64_t hash_more(uint64_t hash, struct rn_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* The slot where the fact stands, or the empty one where it would. */
static size_t slot_of(const struct rn_fact_table *table, struct rn_bytes what, struct rn_bytes note)
{
    uint64_t hash = hash_more(hash_more(UINT64_C(0xcbf29ce484222325), what), note);
    size_t slot = (size_t)hash & (table->slot_count - 1);
    while (table->slots[slot] != 0) {
        const struct rn_baseline_fact *fact = &table->at[table->slots[slot] - 1];
        if (rn_bytes_equal(fact->what, what) && rn_bytes_equal(fact->note, note)) {
            break;
        }
        slot = (slot + 1) & (table->slot_count - 1);
    }
    return slot;
}

static enum rn_status widen_slots(struct rn_fact_table *table)
{
    size_t wider = table->slot_count == 0 ? SLOTS_FIRST : table->slot_count * 2;
    uint32_t *slots = rn_calloc(wider, sizeof *slots);
    if (slots == NULL) {
        return RN_NOMEM;
    }
    rn_free(table->slots);
    table->slots = slots;
    table->slot_count = wider;
    for (size_t i = 0; i < table->count; i++) {
        table->slots[slot_of(table, table->at[i].what, table->at[i].note)] = (uint32_t)i + 1;
    }
    return RN_OK;
}

static enum rn_status widen(struct rn_fact_table *table)
{
    if (table->count == table->cap) {
        size_t cap = table->cap == 0 ? 16 : table->cap * 2;
        struct rn_baseline_fact *wider = rn_realloc(table->at, cap * sizeof *wider);
        if (wider == NULL) {
            return RN_NOMEM;
        }
        table->at = wider;
        table->cap = cap;
    }
    return table->slot_count < 2 * (table->count + 1) ? widen_slots(table) : RN_OK;
}

static enum rn_status count_fact(struct rn_frozen *facts, enum rn_baseline_list list,
                                 struct rn_bytes what, struct rn_bytes note)
{
    struct rn_fact_table *table = &facts->lists[list];
    enum rn_status status = widen(table);
    if (status != RN_OK) {
        return status;
    }
    size_t slot = slot_of(table, what, note);
    if (table->slots[slot] == 0) {
        struct rn_arena *arena = &facts->baseline->arena;
        struct rn_baseline_fact fact = {rn_arena_copy(arena, what), rn_arena_copy(arena, note), 0};
        if (fact.what.data == NULL || fact.note.data == NULL) {
            return RN_NOMEM;
        }
        table->at[table->count] = fact;
        table->slots[slot] = (uint32_t)++table->count;
    }
    table->at[table->slots[slot] - 1].calls++;
    return RN_OK;
}

/* --- one call ------------------------------------------------------------------------------------------------------- */

/* The beginning of a text on one line, as far as a whole character. */
static struct rn_bytes first_words(struct rn_arena *arena, struct rn_bytes text)
{
    struct rn_bytes head = rn_utf8_head(text, NOTE_BYTES_MAX);
    struct rn_bytes copy = rn_arena_copy(arena, head);
    uint8_t *at = (uint8_t *)(uintptr_t)copy.data;
    for (size_t i = 0; at != NULL && i < copy.len; i++) {
        at[i] = at[i] < 0x20 || at[i] == 0x7f ? ' ' : at[i];
    }
    return copy;
}

static struct rn_bytes hex_of(struct rn_arena *arena, const uint8_t digest[RN_SHA256_BYTES])
{
    char text[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(digest, RN_SHA256_BYTES), text);
    return rn_arena_copy(arena, rn_bytes_text(text));
}

static enum rn_status count_digest(struct rn_frozen *facts, enum rn_baseline_list list,
                                   const uint8_t digest[RN_SHA256_BYTES], struct rn_bytes note,
                                   struct rn_arena *arena)
{
    struct rn_bytes what = hex_of(arena, digest);
    struct rn_bytes words = first_words(arena, note);
    return what.data == NULL || words.data == NULL ? RN_NOMEM
                                                   : count_fact(facts, list, what, words);
}

/* Equal for texts that are equal as JSON; text that is none, or holds a key twice, counts by its bytes. */
static enum rn_status json_digest(struct rn_arena *arena, struct rn_bytes text,
                                  uint8_t out[RN_SHA256_BYTES], const struct rn_json **tree)
{
    struct rn_json *root = NULL;
    enum rn_status status = rn_json_parse(arena, text, &root, NULL, NULL);
    *tree = status == RN_OK ? root : NULL;
    if (status == RN_NOMEM) {
        return RN_NOMEM;
    }
    if (status == RN_OK && rn_json_digest(root, out)) {
        return RN_OK;
    }
    return rn_sha256_of(&text, 1, out) ? RN_OK : RN_NOMEM;
}

static enum rn_status count_parameters(struct rn_frozen *facts, const struct rn_reading *reading,
                                       struct rn_arena *arena)
{
    uint8_t digest[RN_SHA256_BYTES];
    const struct rn_json *tree = NULL;
    if (reading->parameters.len == 0) {
        return RN_OK;
    }
    enum rn_status status = json_digest(arena, reading->parameters, digest, &tree);
    return status == RN_OK
               ? count_digest(facts, RN_BASELINE_PARAMETERS, digest, reading->parameters, arena)
               : status;
}

/* "search, weather": function.name in one dialect, name in the others. */
static enum rn_status tool_names(struct rn_arena *arena, const struct rn_json *tools,
                                 struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    for (const struct rn_json *tool = tools == NULL ? NULL : tools->child;
         status == RN_OK && tool != NULL; tool = tool->next) {
        const struct rn_json *name = rn_json_member(tool, "name");
        name = name == NULL ? rn_json_at(tool, "/function/name") : name;
        struct rn_bytes text = name == NULL ? RN_LIT("?") : rn_json_text(arena, name);
        status = out->len == 0 ? RN_OK : rn_buffer_add(out, RN_LIT(", "));
        status = status == RN_OK ? rn_buffer_add(out, text) : status;
    }
    return status;
}

static enum rn_status count_tools(struct rn_frozen *facts, const struct rn_reading *reading,
                                  struct rn_arena *arena)
{
    uint8_t digest[RN_SHA256_BYTES];
    const struct rn_json *tree = NULL;
    struct rn_buffer names = {0};
    if (reading->tools.len == 0) {
        return RN_OK;
    }
    enum rn_status status = json_digest(arena, reading->tools, digest, &tree);
    status = status == RN_OK ? tool_names(arena, tree, &names) : status;
    if (status == RN_OK) {
        status = count_digest(facts, RN_BASELINE_TOOLS, digest, rn_buffer_bytes(&names), arena);
    }
    rn_buffer_free(&names);
    return status;
}

static bool is_system(const struct rn_said *said)
{
    return said->kind == RN_SAID_TEXT && (rn_bytes_equal(said->role, RN_LIT("system")) ||
                                          rn_bytes_equal(said->role, RN_LIT("developer")));
}

/* All that was said as system, in order, an empty line between two. */
static enum rn_status count_prompt(struct rn_frozen *facts, const struct rn_reading *reading,
                                   struct rn_arena *arena)
{
    uint8_t digest[RN_SHA256_BYTES];
    struct rn_buffer prompt = {0};
    bool is_there = false;
    enum rn_status status = RN_OK;
    for (const struct rn_said *said = reading->request; status == RN_OK && said != NULL;
         said = said->next) {
        if (is_system(said)) {
            status = is_there ? rn_buffer_add(&prompt, RN_LIT("\n\n")) : RN_OK;
            status = status == RN_OK ? rn_buffer_add(&prompt, said->text) : status;
            is_there = true;
        }
    }
    struct rn_bytes text = rn_buffer_bytes(&prompt);
    if (status == RN_OK && is_there) {
        status = rn_sha256_of(&text, 1, digest)
                     ? count_digest(facts, RN_BASELINE_PROMPTS, digest, text, arena)
                     : RN_NOMEM;
    }
    rn_buffer_free(&prompt);
    return status;
}

static enum rn_status count_model(struct rn_frozen *facts, const struct rn_view *view,
                                  struct rn_arena *arena)
{
    struct rn_buffer what = {0};
    struct rn_bytes asked = view->reading.model_asked;
    enum rn_status status = rn_buffer_add(&what, rn_event_get(view->event, RN_TAG_UPSTREAM));
    status = status == RN_OK ? rn_buffer_add(&what, RN_LIT(" ")) : status;
    status = status == RN_OK ? rn_buffer_add(&what, asked.len == 0 ? RN_LIT("?") : asked) : status;
    if (status == RN_OK) {
        struct rn_bytes words = first_words(arena, rn_buffer_bytes(&what));
        struct rn_bytes answered = first_words(arena, view->reading.model_answered);
        status = words.data == NULL || answered.data == NULL
                     ? RN_NOMEM
                     : count_fact(facts, RN_BASELINE_MODELS, words, answered);
    }
    rn_buffer_free(&what);
    return status;
}

static enum rn_status take_call(struct rn_frozen *facts, const struct rn_view *view,
                                struct rn_arena *arena)
{
    const struct rn_reading *reading = &view->reading;
    if (reading->dialect == RN_DIALECT_NONE) {
        return RN_OK;
    }
    facts->baseline->calls++;
    enum rn_status status = count_model(facts, view, arena);
    status = status == RN_OK ? count_parameters(facts, reading, arena) : status;
    status = status == RN_OK ? count_prompt(facts, reading, arena) : status;
    return status == RN_OK ? count_tools(facts, reading, arena) : status;
}

/* --- one trace ------------------------------------------------------------------------------------------------------ */

static enum rn_status take_run(struct rn_frozen *facts, const struct rn_event *event,
                               struct rn_arena *arena, struct rn_baseline_trace *out)
{
    struct rn_bytes commit = rn_event_get(event, RN_TAG_COMMIT);
    if (rn_event_has(event, RN_TAG_INPUT)) {
        out->has_input = true;
        out->input = rn_arena_copy(&facts->baseline->arena, rn_event_get(event, RN_TAG_INPUT));
        if (out->input.data == NULL) {
            return RN_NOMEM;
        }
    }
    if (commit.len == 0) {
        return RN_OK;
    }
    struct rn_bytes words = first_words(arena, commit);
    return words.data == NULL ? RN_NOMEM
                              : count_fact(facts, RN_BASELINE_COMMITS, words, RN_LIT(""));
}

static enum rn_status take_event(struct rn_frozen *facts, const struct rn_event *event,
                                 struct rn_arena *arena, struct rn_baseline_trace *out)
{
    struct rn_view view;
    if (rn_event_kind_of(event) == RN_EVENT_RUN) {
        return take_run(facts, event, arena, out);
    }
    if (rn_event_kind_of(event) != RN_EVENT_EXCHANGE) {
        return RN_OK;
    }
    enum rn_status status = rn_view_make(arena, event, &view);
    status = status == RN_OK ? take_call(facts, &view, arena) : status;
    rn_view_free(&view);
    return status;
}

static enum rn_status take_head(struct rn_frozen *facts, const struct rn_trace_summary *summary,
                                struct rn_baseline_trace *out)
{
    struct rn_arena scratch = {0};
    *out = (struct rn_baseline_trace){.id = summary->id, .has_run = summary->has_run};
    memcpy(out->evidence, summary->digests.evidence, RN_SHA256_BYTES);
    out->name = rn_arena_copy(&facts->baseline->arena, summary->name);
    enum rn_status status = out->name.data == NULL ? RN_NOMEM : RN_OK;
    if (status == RN_OK && summary->release.len > 0) {
        struct rn_bytes words = first_words(&scratch, summary->release);
        status = words.data == NULL ? RN_NOMEM
                                    : count_fact(facts, RN_BASELINE_RELEASES, words, RN_LIT(""));
    }
    rn_arena_free(&scratch);
    return status;
}

enum rn_status rn_frozen_trace(struct rn_frozen *facts, const struct rn_trace_summary *summary,
                               struct rn_baseline_trace *out, struct rn_error *error)
{
    enum rn_status status = take_head(facts, summary, out);
    for (uint32_t n = 0; status == RN_OK && n <= summary->events; n++) {
        struct rn_arena arena = {0};
        struct rn_event event;
        struct rn_error inner = {.text = ""};
        status =
            rn_trace_event(facts->store, &summary->id, RN_CLASS_EVENT, n, &arena, &event, &inner);
        if (status == RN_OK) {
            status = take_event(facts, &event, &arena, out);
        } else if (status == RN_NOTFOUND) { /* a number that was given and not stored; or no run */
            status = RN_OK;
        } else {
            status = rn_fail(error, status, "%s", inner.text);
        }
        rn_arena_free(&arena);
    }
    return status == RN_NOMEM ? rn_fail(error, status, "no memory for a manifest") : status;
}

/* --- lists ---------------------------------------------------------------------------------------------------------- */

static int by_what(const void *a, const void *b)
{
    const struct rn_baseline_fact *left = a;
    const struct rn_baseline_fact *right = b;
    int order = rn_bytes_compare(left->what, right->what);
    return order != 0 ? order : rn_bytes_compare(left->note, right->note);
}

/* The notes of `count` facts of one `what`, sorted, each once: the models that answered when one was asked. */
static enum rn_status join_notes(struct rn_arena *arena, const struct rn_baseline_fact *facts,
                                 size_t count, struct rn_bytes *out)
{
    struct rn_buffer notes = {0};
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        struct rn_bytes note = facts[i].note;
        if (note.len == 0) {
            continue;
        }
        if (notes.len + note.len > NOTES_JOINED_BYTES_MAX) {
            status = rn_buffer_add(&notes, RN_LIT(", ..."));
            break;
        }
        status = notes.len == 0 ? RN_OK : rn_buffer_add(&notes, RN_LIT(", "));
        status = status == RN_OK ? rn_buffer_add(&notes, note) : status;
    }
    *out = rn_arena_copy(arena, rn_buffer_bytes(&notes));
    rn_buffer_free(&notes);
    return status == RN_OK && out->data == NULL ? RN_NOMEM : status;
}

static enum rn_status finish_list(struct rn_baseline *baseline, enum rn_baseline_list list,
                                  struct rn_fact_table *table)
{
    size_t kept = 0;
    size_t run = 0;
    enum rn_status status = RN_OK;
    if (table->count == 0) {
        return RN_OK;
    }
    qsort(table->at, table->count, sizeof *table->at, by_what);
    struct rn_baseline_fact *facts = rn_arena_alloc(&baseline->arena, table->count * sizeof *facts);
    if (facts == NULL) {
        return RN_NOMEM;
    }
    for (size_t i = 0; status == RN_OK && i < table->count; i += run) {
        struct rn_baseline_fact *fact = &facts[kept++];
        *fact = (struct rn_baseline_fact){.what = table->at[i].what};
        for (run = 0; i + run < table->count && rn_bytes_equal(table->at[i + run].what, fact->what);
             run++) {
            fact->calls += table->at[i + run].calls;
        }
        /* Other notes are spellings of the same: one will do. */
        size_t notes = list == RN_BASELINE_MODELS ? run : 1;
        status = join_notes(&baseline->arena, table->at + i, notes, &fact->note);
    }
    baseline->lists[list] = facts;
    baseline->list_counts[list] = kept;
    return status;
}

/* Who froze, and in which forms the evidence is defined. */
static enum rn_status add_versions(struct rn_frozen *facts, struct rn_error *error)
{
    struct rn_store_facts store;
    char texts[4][40];
    enum rn_status status = rn_store_facts(facts->store, &store, error);
    if (status != RN_OK) {
        return status;
    }
    (void)snprintf(texts[0], sizeof texts[0], "reenact %s", REENACT_VERSION);
    (void)snprintf(texts[1], sizeof texts[1], "store format %u", (unsigned)store.format);
    (void)snprintf(texts[2], sizeof texts[2], "event schema %u", RN_SCHEMA_VERSION);
    (void)snprintf(texts[3], sizeof texts[3], "match key %u", RN_KEY_VERSION);
    for (size_t i = 0; status == RN_OK && i < sizeof texts / sizeof texts[0]; i++) {
        status = count_fact(facts, RN_BASELINE_VERSIONS, rn_bytes_text(texts[i]), RN_LIT(""));
    }
    return status == RN_OK ? status : rn_fail(error, status, "no memory for a manifest");
}

enum rn_status rn_frozen_finish(struct rn_frozen *facts, struct rn_error *error)
{
    enum rn_status status = add_versions(facts, error);
    for (unsigned list = 0; status == RN_OK && list < RN_BASELINE_LISTS; list++) {
        status = finish_list(facts->baseline, (enum rn_baseline_list)list, &facts->lists[list]);
        status = status == RN_OK ? status : rn_fail(error, status, "no memory for a manifest");
    }
    return status;
}
