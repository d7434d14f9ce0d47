/* Events one after the other, each viewed, with what its request told in front of it. Knows nothing of how they are shown. */
#include "steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct walk {
    struct rn_store *store;
    const struct rn_trace_summary *summary;
    struct rn_derivation *derivation;
    rn_steps_visit *visit;
    void *self;
};

const char *rn_step_name(const struct rn_step *step, char out[RN_DERIVED_NAME_BYTES])
{
    static const char *const letters[] = {"", "g", "n", "m"};
    if (step->derived != NULL) {
        return rn_derived_name(step->derived, out);
    }
    (void)snprintf(out, RN_DERIVED_NAME_BYTES, "%s%" PRIu32, letters[step->class], step->n);
    return out;
}

static enum rn_status visit_derived(void *self, const struct rn_derived *derived)
{
    struct walk *walk = self;
    const struct rn_step step = {.class = RN_CLASS_EVENT, .n = derived->told_n, .derived = derived};
    return walk->visit(walk->self, &step);
}

static enum rn_status visit_view(struct walk *walk, const struct rn_step *step)
{
    enum rn_status status = RN_OK;
    if (step->view->reading.dialect != RN_DIALECT_NONE) {
        status =
            rn_derivation_add(walk->derivation, step->n, &step->view->reading, visit_derived, walk);
    }
    return status == RN_OK ? walk->visit(walk->self, step) : status;
}

static enum rn_status walk_event(struct walk *walk, enum rn_event_class class, uint32_t n)
{
    struct rn_arena arena = {0};
    struct rn_error why = {RN_OK, ""};
    struct rn_event event;
    struct rn_view view;
    struct rn_step step = {.class = class, .n = n};
    memset(&event, 0, sizeof event);
    memset(&view, 0, sizeof view);
    enum rn_status status =
        rn_trace_event(walk->store, &walk->summary->id, class, n, &arena, &event, &why);
    if (status == RN_OK) {
        status = rn_view_make(&arena, &event, &view);
        view.flags |= class == RN_CLASS_EVENT && n > 0
                          ? rn_trace_marked_flags(walk->store, walk->summary, n)
                          : 0;
        step.view = &view;
        status = status == RN_OK ? visit_view(walk, &step) : status;
        rn_view_free(&view);
    } else if (status == RN_DAMAGED || status == RN_NOTFOUND) {
        why.status = status;
        step.error = &why;
        status = walk->visit(walk->self, &step);
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status walk_class(struct walk *walk, enum rn_event_class class, uint32_t first,
                                 uint32_t last)
{
    enum rn_status status = RN_OK;
    for (uint32_t n = first; status == RN_OK && n <= last; n++) {
        status = walk_event(walk, class, n);
    }
    return status;
}

enum rn_status rn_steps_walk(struct rn_store *store, const struct rn_trace_summary *summary,
                             rn_steps_visit *visit, void *self, struct rn_error *error)
{
    struct walk walk = {store, summary, rn_derivation_begin(), visit, self};
    enum rn_status status = walk.derivation == NULL ? RN_NOMEM : RN_OK;
    status = status == RN_OK
                 ? walk_class(&walk, RN_CLASS_EVENT, summary->has_run ? 0 : 1, summary->events)
                 : status;
    status = status == RN_OK ? walk_class(&walk, RN_CLASS_GAP, 1, summary->gaps) : status;
    status = status == RN_OK ? walk_class(&walk, RN_CLASS_NOTE, 1, summary->notes) : status;
    rn_derivation_free(walk.derivation);
    return status == RN_OK || error == NULL || error->text[0] != '\0'
               ? status
               : rn_fail(error, status, "the trace cannot be read: %s", rn_status_name(status));
}
