/*
 * Walking the traces of a selection, and their exchanges. The narrowest index that knows a condition gives the traces in order of
 * start; what it does not know is asked of the summary, and only what the summary does not know, of events.
 *
 * What cannot be read cannot be judged: it is selected, and what comes later will say that it is damaged.
 */
#include "store/select.h"

#include <string.h>

#include "base/memory.h"
#include "index.h"
#include "keys.h"
#include "scan.h"
#include "select_fit.h"
#include "select_path.h"
#include "select_picks.h"
#include "summary.h"

/* One trace that fits. `damage` is its summary's, of which then only id and start are known. Sets *goes_on false to end. */
typedef enum rn_status visit_trace(void *self, const struct rn_trace_summary *summary,
                                   const struct rn_error *damage, bool *goes_on);

struct walk {
    struct rn_store *store;
    struct rn_fit fit;
    bool backwards;
    bool with_facts; /* they are needed */
    /* Facts are far behind, and few traces are asked for, or the disk is full: events are read instead. */
    bool by_reading;
    bool with_postings; /* they know of all that the log held when we began */
    visit_trace *visit;
    void *self;
    bool goes_on;
    struct rn_error *error;
};

static enum rn_status no_memory(struct rn_error *error)
{
    return rn_fail(error, RN_NOMEM, "no memory to select traces");
}

/* --- traces named one by one ---------------------------------------------------------------------------------------- */

static enum rn_status visit_named(struct walk *walk, const struct rn_pick *pick)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_error damage = {.text = ""};
    enum rn_status status = rn_trace_summary(walk->store, &pick->id, &arena, &summary, &damage);
    if (status == RN_OK && rn_fit_start(&walk->fit, summary.started_wall_ns) &&
        rn_fit_trace(&walk->fit, &summary)) {
        status = walk->visit(walk->self, &summary, NULL, &walk->goes_on);
    } else if (status == RN_DAMAGED) {
        summary = (struct rn_trace_summary){.id = pick->id};
        status = walk->visit(walk->self, &summary, &damage, &walk->goes_on);
    } else if (status == RN_NOTFOUND) { /* dropped meanwhile */
        status = RN_OK;
    } else if (status != RN_OK) {
        (void)rn_fail(walk->error, status, "%s", damage.text);
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status find_named(struct walk *walk, const char *text, struct rn_picks *picks)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary = {.started_wall_ns = 0};
    struct rn_pick pick = {.n = 0};
    uint32_t event = 0;
    enum rn_status status = rn_find_trace(walk->store, text, &pick.id, &event, walk->error);
    if (status == RN_OK && event != UINT32_MAX) {
        return rn_fail(walk->error, RN_INVALID,
                       "'%.100s' names an event, and a selection is made of traces", text);
    }
    if (status == RN_OK &&
        rn_trace_summary(walk->store, &pick.id, &arena, &summary, NULL) == RN_OK) {
        pick.started_wall_ns = summary.started_wall_ns;
    }
    if (status == RN_OK && rn_picks_add(picks, &pick) != RN_OK) {
        status = no_memory(walk->error);
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status walk_named(struct walk *walk)
{
    struct rn_picks picks = {0};
    enum rn_status status = RN_OK;
    for (const char *const *text = walk->fit.asked->traces; status == RN_OK && *text != NULL;
         text++) {
        status = find_named(walk, *text, &picks);
    }
    rn_picks_sort(&picks);
    for (size_t i = 0; status == RN_OK && walk->goes_on && i < picks.count; i++) {
        status = visit_named(walk, &picks.at[walk->backwards ? picks.count - 1 - i : i]);
    }
    rn_picks_free(&picks);
    return status;
}

/* --- traces by an index --------------------------------------------------------------------------------------------- */

static enum rn_status visit_entry(struct walk *walk, const struct rn_scan_entry *entry)
{
    struct rn_trace_summary summary;
    struct rn_trace_id id;
    struct rn_error damage = {.text = ""};
    size_t tail = RN_TIME_KEY_BYTES;
    if (entry->key.len < tail || entry->summary.len == 0) { /* verify speaks of that */
        return RN_OK;
    }
    const uint8_t *at = entry->key.data + entry->key.len - tail;
    memcpy(id.bytes, at + 8, RN_TRACE_ID_BYTES);
    if (!rn_fit_start(&walk->fit, rn_get_u64(at))) {
        walk->goes_on = false;
        return RN_OK;
    }
    if (rn_summary_decode(&id, entry->summary, &summary, &damage) != RN_OK) {
        summary = (struct rn_trace_summary){.id = id, .started_wall_ns = rn_get_u64(at)};
        return walk->visit(walk->self, &summary, &damage, &walk->goes_on);
    }
    return rn_fit_trace(&walk->fit, &summary)
               ? walk->visit(walk->self, &summary, NULL, &walk->goes_on)
               : RN_OK;
}

static enum rn_status walk_index(struct walk *walk)
{
    struct rn_select_path path = {.lane_count = 0};
    const struct rn_scan_entry *entry = NULL;
    enum rn_status status = rn_select_path_choose(walk->store, &walk->fit, walk->with_postings,
                                                  walk->backwards, &path, walk->error);
    while (status == RN_OK && walk->goes_on) {
        status = rn_select_path_next(&path, &entry, walk->error);
        walk->goes_on = walk->goes_on && entry != NULL;
        status = status == RN_OK && entry != NULL ? visit_entry(walk, entry) : status;
    }
    rn_select_path_free(&path);
    return status;
}

/* Whether lists that were made before are a little behind, and could spare us the walk over all summaries. */
static enum rn_status lists_are_near(struct walk *walk, uint64_t lag, bool *near)
{
    uint64_t watermark = 0;
    uint64_t last = 0;
    enum rn_status status = rn_index_where(walk->store, &watermark, &last, walk->error);
    *near = lag < last && lag <= RN_FACTS_LAG_MAX && rn_select_path_asks(&walk->fit);
    return status;
}

static enum rn_status bring_up(struct walk *walk)
{
    uint64_t lag = 0;
    bool wanted = false;
    enum rn_status status = rn_facts_lag(walk->store, &lag, walk->error);
    walk->with_facts = walk->with_facts || rn_fit_needs_facts(&walk->fit);
    walk->by_reading = lag > RN_FACTS_LAG_MAX && rn_fit_is_narrow(&walk->fit);
    walk->with_postings = lag == 0;
    if (status == RN_OK && walk->with_facts) {
        wanted = !walk->by_reading;
    } else if (status == RN_OK) {
        status = lists_are_near(walk, lag, &wanted);
    }
    if (status == RN_OK && wanted && lag > 0) {
        status = rn_facts_ready(walk->store, NULL, NULL, &walk->by_reading, walk->error);
        walk->with_postings = !walk->by_reading;
    }
    return status;
}

static enum rn_status walk_traces(struct walk *walk)
{
    enum rn_status status = rn_store_catch_up(walk->store, walk->error);
    walk->goes_on = true;
    status = status == RN_OK ? bring_up(walk) : status;
    if (status != RN_OK) {
        return status;
    }
    return walk->fit.is_named ? walk_named(walk) : walk_index(walk);
}

/* --- one exchange --------------------------------------------------------------------------------------------------- */

/* An exchange being looked at. RN_NOTFOUND: there is none of that ordinal, or it does not fit. */
struct look {
    struct rn_arena arena;
    struct rn_event event;
    struct rn_view view;
    struct rn_error damage; /* RN_DAMAGED, RN_NEWER: it could not be read */
};

static void look_free(struct look *look)
{
    rn_view_free(&look->view);
    rn_arena_free(&look->arena);
}

static enum rn_status look_at(struct rn_store *store, const struct rn_fit *fit,
                              const struct rn_trace_id *id, uint32_t n, struct look *look)
{
    memset(look, 0, sizeof *look);
    /* The summary counts it, so the indexes know it. */
    enum rn_status status = rn_trace_event_indexed(store, id, RN_CLASS_EVENT, n, &look->arena,
                                                   &look->event, &look->damage);
    if (status == RN_OK && !rn_fit_event(fit, &look->event)) {
        return RN_NOTFOUND;
    }
    if (status != RN_OK) {
        return status;
    }
    status = rn_view_make(&look->arena, &look->event, &look->view);
    return status == RN_OK ? RN_OK
                           : rn_fail(&look->damage, status, "no memory to read an exchange");
}

static bool is_unreadable(enum rn_status status)
{
    return status == RN_DAMAGED || status == RN_NEWER;
}

/* A model call: somebody was asked something, and we know which model. */
static bool is_call(const struct rn_facts *facts)
{
    return facts->event == RN_EVENT_EXCHANGE &&
           (facts->kind == RN_READING_MODEL || facts->kind == RN_READING_EMBEDDING) &&
           facts->model_asked.len > 0;
}

/* --- traces --------------------------------------------------------------------------------------------------------- */

struct gathering {
    struct rn_store *store;
    const struct rn_fit *fit;
    const bool *by_reading; /* of the walk */
    struct rn_picks picks;
    struct rn_error *error;
};

/* Ordinals of one trace that fit. With `enough` the first one ends the search. */
struct ordinals {
    const struct rn_fit *fit;
    bool calls_only;
    bool enough;
    struct rn_buffer list; /* of uint32_t */
};

static size_t ordinal_count(const struct ordinals *ordinals)
{
    return ordinals->list.len / sizeof(uint32_t);
}

static uint32_t ordinal_at(const struct ordinals *ordinals, size_t i)
{
    uint32_t n = 0;
    memcpy(&n, ordinals->list.data + i * sizeof n, sizeof n);
    return n;
}

/* RN_BUSY ends the visit. */
static enum rn_status note_fitting(void *self, const struct rn_facts *facts)
{
    struct ordinals *ordinals = self;
    if (!rn_fit_facts(ordinals->fit, facts) || (ordinals->calls_only && !is_call(facts))) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_append(&ordinals->list, &facts->n, sizeof facts->n);
    return status == RN_OK && ordinals->enough ? RN_BUSY : status;
}

/* Only where they are asked for: reading them opens every event of the trace. */
static enum rn_status labels_of(const struct gathering *gathering,
                                const struct rn_trace_summary *summary, struct rn_arena *arena,
                                struct rn_trace_labels *out)
{
    *out = (struct rn_trace_labels){{0}, {0}, {0}};
    if (gathering->fit->asked->outcome == NULL) {
        return RN_OK;
    }
    return *gathering->by_reading
               ? rn_facts_read_labels(gathering->store, summary, arena, out, gathering->error)
               : rn_facts_labels(gathering->store, &summary->id, arena, out, gathering->error);
}

static enum rn_status find_fitting(const struct gathering *gathering,
                                   const struct rn_trace_summary *summary,
                                   struct ordinals *ordinals)
{
    struct rn_arena arena = {0};
    struct rn_trace_labels labels;
    enum rn_status status = labels_of(gathering, summary, &arena, &labels);
    if (status == RN_OK && rn_fit_labels(gathering->fit, &labels)) {
        status = *gathering->by_reading ? rn_facts_read(gathering->store, summary, note_fitting,
                                                        ordinals, gathering->error)
                                        : rn_facts_of(gathering->store, &summary->id, note_fitting,
                                                      ordinals, gathering->error);
    }
    rn_arena_free(&arena);
    return status == RN_BUSY ? RN_OK : status == RN_NOMEM ? no_memory(gathering->error) : status;
}

static enum rn_status has_fitting(const struct gathering *gathering,
                                  const struct rn_trace_summary *summary, bool *has)
{
    struct ordinals ordinals = {.fit = gathering->fit, .enough = true};
    enum rn_status status = find_fitting(gathering, summary, &ordinals);
    *has = ordinal_count(&ordinals) > 0;
    rn_buffer_free(&ordinals.list);
    return status;
}

/* Into the sample, or behind the last one until there are enough. */
static enum rn_status keep(struct gathering *gathering, const struct rn_pick *pick, bool *goes_on)
{
    const struct rn_selection *asked = gathering->fit->asked;
    enum rn_status status =
        asked->sample > 0 ? rn_picks_sample(&gathering->picks, pick, asked->seed, asked->sample)
                          : rn_picks_add(&gathering->picks, pick);
    if (status != RN_OK) {
        return no_memory(gathering->error);
    }
    *goes_on = asked->limit == 0 || gathering->picks.count < asked->limit;
    return RN_OK;
}

static enum rn_status gather_trace(void *self, const struct rn_trace_summary *summary,
                                   const struct rn_error *damage, bool *goes_on)
{
    struct gathering *gathering = self;
    struct rn_pick pick = {.id = summary->id, .started_wall_ns = summary->started_wall_ns};
    bool fits = damage != NULL || !rn_fit_needs_facts(gathering->fit);
    enum rn_status status = fits ? RN_OK : has_fitting(gathering, summary, &fits);
    return status == RN_OK && fits ? keep(gathering, &pick, goes_on) : status;
}

static enum rn_status copy_ids(const struct rn_picks *picks, struct rn_trace_id **ids,
                               size_t *count, struct rn_error *error)
{
    if (picks->count == 0) {
        return RN_OK;
    }
    *ids = rn_calloc(picks->count, sizeof **ids);
    if (*ids == NULL) {
        return no_memory(error);
    }
    for (size_t i = 0; i < picks->count; i++) {
        (*ids)[i] = picks->at[i].id;
    }
    *count = picks->count;
    return RN_OK;
}

enum rn_status rn_select_traces(struct rn_store *store, const struct rn_selection *selection,
                                struct rn_trace_id **ids, size_t *count, struct rn_error *error)
{
    struct walk walk = {
        .store = store, .backwards = selection->limit > 0, .visit = gather_trace, .error = error};
    struct gathering gathering = {
        .store = store, .fit = &walk.fit, .by_reading = &walk.by_reading, .error = error};
    walk.self = &gathering;
    *ids = NULL;
    *count = 0;
    enum rn_status status = rn_fit_make(selection, &walk.fit, error);
    status = status == RN_OK ? walk_traces(&walk) : status;
    if (status == RN_OK) {
        rn_picks_sort(&gathering.picks);
        status = copy_ids(&gathering.picks, ids, count, error);
    }
    rn_picks_free(&gathering.picks);
    return status;
}

/* --- exchanges ------------------------------------------------------------------------------------------------------ */

struct visiting {
    struct gathering gathering; /* of calls, with limit or sample */
    rn_select_visit *visit;
    void *self;
};

static enum rn_status visit_one(struct visiting *visiting, const struct rn_trace_summary *summary,
                                uint32_t n)
{
    struct look look;
    struct rn_selected selected = {.trace = summary, .n = n};
    enum rn_status status =
        look_at(visiting->gathering.store, visiting->gathering.fit, &summary->id, n, &look);
    if (status == RN_OK) {
        selected.event = &look.event;
        selected.view = &look.view;
        status = visiting->visit(visiting->self, &selected);
    } else if (is_unreadable(status)) {
        selected.error = &look.damage;
        status = visiting->visit(visiting->self, &selected);
    } else if (status == RN_NOTFOUND) {
        status = RN_OK;
    } else {
        (void)rn_fail(visiting->gathering.error, status, "%s", look.damage.text);
    }
    look_free(&look);
    return status;
}

static enum rn_status visit_exchanges(void *self, const struct rn_trace_summary *summary,
                                      const struct rn_error *damage, bool *goes_on)
{
    struct visiting *visiting = self;
    enum rn_status status = RN_OK;
    (void)goes_on;
    if (damage != NULL) {
        struct rn_selected selected = {.trace = summary, .error = damage};
        return visiting->visit(visiting->self, &selected);
    }
    struct ordinals ordinals = {.fit = visiting->gathering.fit};
    bool by_facts = rn_fit_needs_facts(ordinals.fit);
    if (by_facts) {
        status = find_fitting(&visiting->gathering, summary, &ordinals);
    }
    size_t count = by_facts ? ordinal_count(&ordinals) : summary->events;
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        uint32_t n = by_facts ? ordinal_at(&ordinals, i) : (uint32_t)i + 1;
        status = visit_one(visiting, summary, n);
    }
    rn_buffer_free(&ordinals.list);
    return status;
}

/* Model calls only, the last one first, so that a limit ends the walk where it should. */
static enum rn_status gather_calls(void *self, const struct rn_trace_summary *summary,
                                   const struct rn_error *damage, bool *goes_on)
{
    struct gathering *gathering = self;
    struct ordinals ordinals = {.fit = gathering->fit, .calls_only = true};
    enum rn_status status = damage == NULL ? find_fitting(gathering, summary, &ordinals) : RN_OK;
    for (size_t i = ordinal_count(&ordinals); status == RN_OK && *goes_on && i > 0; i--) {
        struct rn_pick pick = {.id = summary->id,
                               .started_wall_ns = summary->started_wall_ns,
                               .n = ordinal_at(&ordinals, i - 1)};
        status = keep(gathering, &pick, goes_on);
    }
    rn_buffer_free(&ordinals.list);
    return status;
}

/* The calls of one trace, from pick number `from` on; returns how many. */
static enum rn_status visit_picks_of_trace(struct visiting *visiting, size_t from, size_t *count)
{
    const struct rn_picks *picks = &visiting->gathering.picks;
    const struct rn_trace_id *id = &picks->at[from].id;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(visiting->gathering.store, id, &arena, &summary,
                                             visiting->gathering.error);
    bool is_gone = status == RN_NOTFOUND;
    status = is_gone ? RN_OK : status;
    *count = 0;
    for (size_t i = from; status == RN_OK && i < picks->count; i++) {
        if (!rn_trace_id_equal(&picks->at[i].id, id)) {
            break;
        }
        status = is_gone ? RN_OK : visit_one(visiting, &summary, picks->at[i].n);
        (*count)++;
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status visit_picks(struct visiting *visiting)
{
    enum rn_status status = RN_OK;
    rn_picks_sort(&visiting->gathering.picks);
    for (size_t i = 0, count = 0; status == RN_OK && i < visiting->gathering.picks.count;
         i += count) {
        status = visit_picks_of_trace(visiting, i, &count);
    }
    return status;
}

enum rn_status rn_select_calls(struct rn_store *store, const struct rn_selection *selection,
                               rn_select_visit *visit, void *self, struct rn_error *error)
{
    bool is_picking = selection->limit > 0 || selection->sample > 0;
    struct walk walk = {.store = store,
                        .backwards = selection->limit > 0,
                        .with_facts = is_picking,
                        .visit = is_picking ? gather_calls : visit_exchanges,
                        .error = error};
    struct visiting visiting = {.gathering = {.store = store,
                                              .fit = &walk.fit,
                                              .by_reading = &walk.by_reading,
                                              .error = error},
                                .visit = visit,
                                .self = self};
    walk.self = is_picking ? (void *)&visiting.gathering : (void *)&visiting;
    enum rn_status status = rn_fit_make(selection, &walk.fit, error);
    status = status == RN_OK ? walk_traces(&walk) : status;
    if (status == RN_OK && is_picking) {
        status = visit_picks(&visiting);
    }
    rn_picks_free(&visiting.gathering.picks);
    return status;
}
