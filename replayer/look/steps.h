/*
 * A trace as the steps a reader follows: the run, then each event, and before an event the tool readings that its request told.
 */
#ifndef RN_REPLAYER_STEPS_H
#define RN_REPLAYER_STEPS_H

#include "store/derived.h"
#include "store/trace.h"
#include "store/view.h"

/* One of the three is there: a view, a derived reading, or why the event cannot be read. All of it is lent during the visit. */
struct rn_step {
    enum rn_event_class class;
    uint32_t n; /* of a derived reading: the event that was told */
    const struct rn_view *view;
    const struct rn_derived *derived;
    const struct rn_error *error; /* RN_DAMAGED, RN_NOTFOUND */
};

/* "3", "5.t1", "g1", "n1" */
const char *rn_step_name(const struct rn_step *step, char out[RN_DERIVED_NAME_BYTES]);

/*
 * Visits all steps: the run where there is one, events by ordinal, gaps, notes. One event is in memory at a time. Not RN_OK from the
 * visitor ends it with that status. RN_NOMEM, RN_IO; an event that cannot be read is a step of its own.
 */
typedef enum rn_status rn_steps_visit(void *self, const struct rn_step *step);
enum rn_status rn_steps_walk(struct rn_store *store, const struct rn_trace_summary *summary,
                             rn_steps_visit *visit, void *self, struct rn_error *error);

#endif
