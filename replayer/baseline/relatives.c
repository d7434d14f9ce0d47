/*
 * Which traces belong to those that were selected: replaying a run serves everything the run opened, so all of that is evidence.
 * In come ids, out come more ids. Reads summaries only.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "baseline_parts.h"
#include "catalog.h"
#include "store/find.h"

/* Sorted by id, each once. */
struct id_set {
    struct rn_trace_id *at;
    size_t count;
    size_t cap;
};

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct rn_trace_id *)a)->bytes, ((const struct rn_trace_id *)b)->bytes,
                  RN_TRACE_ID_BYTES);
}

static bool holds(const struct id_set *set, const struct rn_trace_id *id)
{
    return set->count > 0 && bsearch(id, set->at, set->count, sizeof *id, by_id) != NULL;
}

/* Ids rise with time, so that nearly all go to the end. */
static enum rn_status insert(struct id_set *set, const struct rn_trace_id *id)
{
    size_t at = set->count;
    if (holds(set, id)) {
        return RN_OK;
    }
    if (set->count == set->cap) {
        size_t cap = set->cap == 0 ? 64 : set->cap * 2;
        struct rn_trace_id *wider = rn_realloc(set->at, cap * sizeof *wider);
        if (wider == NULL) {
            return RN_NOMEM;
        }
        set->at = wider;
        set->cap = cap;
    }
    while (at > 0 && by_id(&set->at[at - 1], id) > 0) {
        at--;
    }
    memmove(set->at + at + 1, set->at + at, (set->count - at) * sizeof *set->at);
    set->at[at] = *id;
    set->count++;
    return RN_OK;
}

static enum rn_status make_set(struct id_set *set, const struct rn_trace_id *ids, size_t count)
{
    size_t kept = 0;
    set->at = rn_alloc(count * sizeof *ids);
    if (set->at == NULL) {
        return RN_NOMEM;
    }
    memcpy(set->at, ids, count * sizeof *ids);
    qsort(set->at, count, sizeof *ids, by_id);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || by_id(&set->at[kept - 1], &set->at[i]) != 0) {
            set->at[kept++] = set->at[i];
        }
    }
    set->count = set->cap = kept;
    return RN_OK;
}

static bool is_kind(const struct rn_trace_summary *summary)
{
    return rn_bytes_equal(summary->kind, RN_LIT("run")) ||
           rn_bytes_equal(summary->kind, RN_LIT("serve"));
}

/* --- what a run opened ---------------------------------------------------------------------------------------------- */

struct search {
    struct rn_store *store;
    struct id_set selected;
    struct id_set sessions; /* of selected runs */
    enum rn_status status;
    struct rn_error *error;
};

static enum rn_status collect_sessions(struct search *search)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < search->selected.count; i++) {
        struct rn_arena arena = {0};
        struct rn_trace_summary summary;
        status = rn_trace_summary(search->store, &search->selected.at[i], &arena, &summary,
                                  search->error);
        if (status == RN_OK && summary.has_run) {
            status = insert(&search->sessions, &summary.session);
        }
        rn_arena_free(&arena);
    }
    return status;
}

/* Reads the summaries of a session into the arena. */
static enum rn_status read_session(struct search *search, const struct rn_trace_id *session,
                                   struct rn_arena *arena, struct rn_trace_summary **out,
                                   size_t *count)
{
    struct rn_trace_id *ids = NULL;
    enum rn_status status = rn_find_session(search->store, session, &ids, count, search->error);
    if (status == RN_OK) {
        *out = rn_arena_alloc(arena, *count * sizeof **out);
        status = *out == NULL ? RN_NOMEM : RN_OK;
    }
    for (size_t i = 0; status == RN_OK && i < *count; i++) {
        status = rn_trace_summary(search->store, &ids[i], arena, &(*out)[i], search->error);
    }
    rn_free(ids);
    return status;
}

/* What has no run of its own belongs to the run that replay serves it with (catalog.h). */
static enum rn_status add_of_session(struct search *search, const struct rn_trace_id *session)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary *traces = NULL;
    size_t count = 0;
    enum rn_status status = read_session(search, session, &arena, &traces, &count);
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        const struct rn_trace_summary *run = NULL;
        for (size_t k = 0; k < count && !traces[i].has_run; k++) {
            run = rn_catalog_opened(&traces[k], &traces[i], run) ? &traces[k] : run;
        }
        if (run != NULL && is_kind(&traces[i]) && holds(&search->selected, &run->id)) {
            status = insert(&search->selected, &traces[i].id);
        }
    }
    rn_arena_free(&arena);
    return status == RN_NOTFOUND ? RN_OK : status;
}

/* --- children ------------------------------------------------------------------------------------------------------- */

/* Oldest first: a parent is met before its children. */
static bool add_child(void *self, const struct rn_trace_summary *summary)
{
    static const struct rn_trace_id nobody;
    struct search *search = self;
    if (!rn_trace_id_equal(&summary->parent, &nobody) && is_kind(summary) &&
        holds(&search->selected, &summary->parent)) {
        search->status = insert(&search->selected, &summary->id);
    }
    return search->status == RN_OK;
}

static enum rn_status add_all(struct search *search)
{
    enum rn_status status = collect_sessions(search);
    for (size_t i = 0; status == RN_OK && i < search->sessions.count; i++) {
        status = add_of_session(search, &search->sessions.at[i]);
    }
    if (status == RN_OK) {
        status = rn_find_each(search->store, false, add_child, search, search->error);
        status = status == RN_OK ? search->status : status;
    }
    return status;
}

enum rn_status rn_relatives_add(struct rn_store *store, struct rn_trace_id **ids, size_t *count,
                                struct rn_error *error)
{
    struct search search = {.store = store, .status = RN_OK, .error = error};
    enum rn_status status = make_set(&search.selected, *ids, *count);
    status = status == RN_OK ? add_all(&search) : status;
    rn_free(search.sessions.at);
    if (status != RN_OK) {
        rn_free(search.selected.at);
        return status == RN_NOMEM ? rn_fail(error, status, "no memory to choose traces") : status;
    }
    rn_free(*ids);
    *ids = search.selected.at;
    *count = search.selected.count;
    return RN_OK;
}
