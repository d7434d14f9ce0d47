/* Prompt versions gathered from facts, and the text of one of them read from a call that used it (prompts.h). */
#include "prompts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/varint.h"
#include "store/find.h"
#include "store/view.h"

/* --- a row ---------------------------------------------------------------------------------------------------------- */

struct gathering {
    struct rn_arena *arena;
    struct rn_prompt_row *rows;
};

static bool same_key(const struct rn_prompt_key *a, const struct rn_prompt_key *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static enum rn_status note_key(struct rn_arena *arena, struct rn_prompt_keys *keys,
                               const struct rn_prompt_key *key)
{
    bool known = rn_prompt_key_is_none(key);
    for (uint32_t i = 0; !known && i < keys->count; i++) {
        known = same_key(&keys->at[i], key);
    }
    if (known) {
        return RN_OK;
    }
    if (keys->count == keys->room) {
        uint32_t room = keys->room == 0 ? 4 : 2 * keys->room;
        struct rn_prompt_key *at = rn_arena_alloc(arena, room * sizeof *at);
        if (at == NULL) {
            return RN_NOMEM;
        }
        if (keys->count > 0) {
            memcpy(at, keys->at, keys->count * sizeof *at);
        }
        keys->at = at;
        keys->room = room;
    }
    keys->at[keys->count++] = *key;
    return RN_OK;
}

/* Runs, sorted, each once. */
static enum rn_status note_model(struct rn_arena *arena, struct rn_bytes *models,
                                 struct rn_bytes model)
{
    struct rn_buffer merged = {0};
    struct rn_bytes rest = *models;
    struct rn_bytes run;
    bool is_in = model.len == 0;
    enum rn_status status = RN_OK;
    while (status == RN_OK && rn_run_get(&rest, &run)) {
        int order = rn_bytes_compare(model, run);
        if (!is_in && order < 0) {
            status = rn_run_put(&merged, model);
        }
        is_in = is_in || order <= 0;
        status = status == RN_OK ? rn_run_put(&merged, run) : status;
    }
    if (status == RN_OK && !is_in) {
        status = rn_run_put(&merged, model);
    }
    if (status == RN_OK && merged.len != models->len) {
        *models = rn_arena_copy(arena, rn_buffer_bytes(&merged));
        status = models->data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&merged);
    return status;
}

static struct rn_prompt_row *row_of(struct gathering *gathering, const struct rn_prompt_key *family)
{
    struct rn_prompt_row *row = gathering->rows;
    while (row != NULL && !same_key(&row->family, family)) {
        row = row->next;
    }
    if (row == NULL) {
        row = rn_arena_alloc(gathering->arena, sizeof *row);
        if (row != NULL) {
            row->family = *family;
            row->next = gathering->rows;
            gathering->rows = row;
        }
    }
    return row;
}

static void note_place(struct rn_prompt_row *row, const struct rn_trace_summary *trace,
                       const struct rn_facts *facts)
{
    const struct rn_prompt_place place = {
        .trace = trace->id, .n = facts->n, .wall_ns = facts->arrived_wall_ns};
    if (row->calls == 0 || place.wall_ns < row->first.wall_ns) {
        row->first = place;
    }
    if (row->calls == 0 || place.wall_ns >= row->last.wall_ns) {
        row->last = place;
    }
    row->traces += row->calls == 0 || !rn_trace_id_equal(&row->last_seen, &trace->id);
    row->last_seen = trace->id;
    row->calls++;
}

static enum rn_status gather(void *self, const struct rn_trace_summary *trace,
                             const struct rn_facts *facts)
{
    struct gathering *gathering = self;
    if (facts->kind != RN_READING_MODEL) {
        return RN_OK;
    }
    const struct rn_prompt *prompt = &facts->prompt;
    struct rn_prompt_row *row = row_of(gathering, &prompt->system_family);
    if (row == NULL) {
        return RN_NOMEM;
    }
    note_place(row, trace, facts);
    enum rn_status status = note_key(gathering->arena, &row->exact, &prompt->system_exact);
    status = status == RN_OK ? note_key(gathering->arena, &row->tools, &prompt->tools) : status;
    status = status == RN_OK ? note_key(gathering->arena, &row->parameters, &prompt->parameters)
                             : status;
    status =
        status == RN_OK ? note_model(gathering->arena, &row->models, facts->model_asked) : status;
    if (status == RN_OK && facts->prompt_name.len > 0 &&
        !rn_bytes_equal(row->name, facts->prompt_name)) {
        row->name = rn_arena_copy(gathering->arena, facts->prompt_name);
        status = row->name.data == NULL ? RN_NOMEM : RN_OK;
    }
    return status;
}

/* --- the list ------------------------------------------------------------------------------------------------------- */

/* Newest first; of equals the one met first. */
static struct rn_prompt_row *sorted(struct rn_prompt_row *rows)
{
    struct rn_prompt_row *list = NULL;
    while (rows != NULL) {
        struct rn_prompt_row *row = rows;
        struct rn_prompt_row **at = &list;
        rows = row->next;
        while (*at != NULL && (*at)->last.wall_ns > row->last.wall_ns) {
            at = &(*at)->next;
        }
        row->next = *at;
        *at = row;
    }
    return list;
}

enum rn_status rn_prompts_list(struct rn_store *const *stores, size_t store_count,
                               const struct rn_selection *selection, struct rn_arena *arena,
                               struct rn_prompt_row **rows, uint64_t *damaged,
                               struct rn_error *error)
{
    struct gathering gathering = {.arena = arena};
    enum rn_status status =
        rn_select_facts_of(stores, store_count, selection, gather, &gathering, damaged, error);
    if (status == RN_NOMEM) {
        return rn_fail(error, RN_NOMEM, "no memory to list prompts");
    }
    *rows = sorted(gathering.rows);
    return status;
}

/* --- one of them ---------------------------------------------------------------------------------------------------- */

struct seeking {
    const char *which;
    bool found;
    bool several;
    char text[2 * RN_PROMPT_KEY_BYTES + 1]; /* the key that the digits begin */
    struct rn_prompt_place place;
};

/* Whether the digits begin this key; another key than before makes them ambiguous. */
static bool begins(struct seeking *seeking, const struct rn_prompt_key *key)
{
    char text[2 * RN_PROMPT_KEY_BYTES + 1];
    rn_prompt_key_text(key, text);
    if (rn_prompt_key_is_none(key) || strlen(seeking->which) < 4 ||
        strncasecmp(text, seeking->which, strlen(seeking->which)) != 0) {
        return false;
    }
    seeking->several =
        seeking->several || (seeking->text[0] != '\0' && strcmp(seeking->text, text) != 0);
    memcpy(seeking->text, text, sizeof text);
    return true;
}

static enum rn_status seek(void *self, const struct rn_trace_summary *trace,
                           const struct rn_facts *facts)
{
    struct seeking *seeking = self;
    const struct rn_prompt *prompt = &facts->prompt;
    bool fits = rn_bytes_equal(facts->prompt_name, rn_bytes_text(seeking->which));
    fits = begins(seeking, &prompt->system_family) || fits;
    fits = begins(seeking, &prompt->system_exact) || fits;
    fits = begins(seeking, &prompt->tools) || fits;
    fits = begins(seeking, &prompt->whole) || fits;
    if (fits && (!seeking->found || facts->arrived_wall_ns >= seeking->place.wall_ns)) {
        seeking->found = true;
        seeking->place = (struct rn_prompt_place){
            .trace = trace->id, .n = facts->n, .wall_ns = facts->arrived_wall_ns};
    }
    return RN_OK;
}

static enum rn_status find_place(struct rn_store *store, const char *which,
                                 struct rn_prompt_place *place, struct rn_error *error)
{
    const struct rn_selection selection = {.prompt = which};
    struct seeking seeking = {.which = which};
    struct rn_error inner = {.text = ""};
    uint64_t damaged = 0;
    uint32_t n = UINT32_MAX;
    const char *colon = strrchr(which, ':');
    if (colon != NULL && rn_find_trace(store, which, &place->trace, &n, &inner) == RN_OK &&
        n != UINT32_MAX) {
        place->n = n;
        return RN_OK;
    }
    enum rn_status status =
        rn_select_facts(store, &selection, NULL, seek, &seeking, &damaged, error);
    if (status != RN_OK) {
        return status;
    }
    if (seeking.several) {
        return rn_fail(error, RN_AMBIGUOUS, "'%.40s' begins several keys; give more digits of one",
                       which);
    }
    if (!seeking.found) {
        return rn_fail(error, RN_NOTFOUND,
                       "no call used a prompt '%.100s'; `reenact prompts` lists what was used, and "
                       "TRACE:N names a call",
                       which);
    }
    *place = seeking.place;
    return RN_OK;
}

/* Everything is copied: the view goes. */
static enum rn_status copy_text(const struct rn_view *view, struct rn_arena *arena,
                                struct rn_prompt_text *out)
{
    struct rn_buffer system = {0};
    const struct rn_reading *reading = &view->reading;
    enum rn_status status = rn_prompt_system(reading, &system);
    if (status == RN_OK && !rn_prompt_make(reading, &out->keys)) {
        status = RN_NOMEM;
    }
    out->system = rn_arena_copy(arena, rn_buffer_bytes(&system));
    out->tools = rn_arena_copy(arena, reading->tools);
    out->parameters = rn_arena_copy(arena, reading->parameters);
    out->model = rn_arena_copy(arena, reading->model_asked);
    bool is_whole = out->system.data != NULL && out->tools.data != NULL &&
                    out->parameters.data != NULL && out->model.data != NULL;
    rn_buffer_free(&system);
    return status == RN_OK && !is_whole ? RN_NOMEM : status;
}

enum rn_status rn_prompt_find(struct rn_store *store, const char *which, struct rn_arena *arena,
                              struct rn_prompt_text *out, struct rn_error *error)
{
    struct rn_arena reading = {0};
    struct rn_event event = {0};
    struct rn_view view = {.event = NULL};
    *out = (struct rn_prompt_text){.name = RN_LIT("")};
    enum rn_status status = find_place(store, which, &out->place, error);
    if (status == RN_OK) {
        status = rn_trace_event(store, &out->place.trace, RN_CLASS_EVENT, out->place.n, &reading,
                                &event, error);
    }
    if (status == RN_OK) {
        status = rn_view_make(&reading, &event, &view);
        out->place.wall_ns = view.arrived_wall_ns;
    }
    if (status == RN_OK && view.reading.kind != RN_READING_MODEL) {
        status = rn_fail(error, RN_INVALID, "'%.100s' asks no model, so it has no prompt", which);
    } else if (status == RN_OK) {
        status = copy_text(&view, arena, out);
    }
    if (status == RN_NOMEM) {
        (void)rn_fail(error, status, "no memory to read a prompt");
    }
    rn_view_free(&view);
    rn_arena_free(&reading);
    return status;
}
