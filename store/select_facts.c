/* The facts of a selection: its traces, and of each the exchanges that fit. */
#include "base/memory.h"
#include "select_fit.h"

struct visiting {
    const struct rn_fit *fit;
    const struct rn_trace_summary *trace;
    bool by_reading; /* the store takes no facts */
    rn_select_facts_visit *visit;
    void *self;
    uint64_t *damaged;
};

static enum rn_status visit_fitting(void *self, const struct rn_facts *facts)
{
    struct visiting *visiting = self;
    if (facts->damaged) {
        (*visiting->damaged)++;
        return RN_OK;
    }
    return rn_fit_facts(visiting->fit, facts)
               ? visiting->visit(visiting->self, visiting->trace, facts)
               : RN_OK;
}

static enum rn_status visit_trace(struct rn_store *store, const struct rn_trace_id *id,
                                  struct visiting *visiting, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(store, id, &arena, &summary, error);
    if (status == RN_OK) {
        visiting->trace = &summary;
        status = visiting->by_reading
                     ? rn_facts_read(store, &summary, visit_fitting, visiting, error)
                     : rn_facts_of(store, id, visit_fitting, visiting, error);
    } else if (status == RN_DAMAGED || status == RN_NOTFOUND) { /* or dropped meanwhile */
        *visiting->damaged += status == RN_DAMAGED;
        status = RN_OK;
    }
    rn_arena_free(&arena);
    return status;
}

enum rn_status rn_select_facts(struct rn_store *store, const struct rn_selection *selection,
                               rn_facts_progress *progress, rn_select_facts_visit *visit,
                               void *self, uint64_t *damaged, struct rn_error *error)
{
    struct rn_fit fit;
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    struct visiting visiting = {.fit = &fit, .visit = visit, .self = self, .damaged = damaged};
    *damaged = 0;
    enum rn_status status = rn_fit_make(selection, &fit, error);
    status = status == RN_OK ? rn_facts_ready(store, progress, self, &visiting.by_reading, error)
                             : status;
    status = status == RN_OK ? rn_select_traces(store, selection, &ids, &count, error) : status;
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        status = visit_trace(store, &ids[i], &visiting, error);
    }
    rn_free(ids);
    return status;
}

enum rn_status rn_select_facts_of(struct rn_store *const *stores, size_t store_count,
                                  const struct rn_selection *selection,
                                  rn_select_facts_visit *visit, void *self, uint64_t *damaged,
                                  struct rn_error *error)
{
    size_t without = 0;
    enum rn_status status = RN_OK;
    *damaged = 0;
    for (size_t i = 0; status == RN_OK && i < store_count; i++) {
        uint64_t more = 0;
        status = rn_select_facts(stores[i], selection, NULL, visit, self, &more, error);
        *damaged += more;
        if (status == RN_NOTFOUND && ++without < store_count) {
            status = RN_OK;
        }
    }
    return status;
}
