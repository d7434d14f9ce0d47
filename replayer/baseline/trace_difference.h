/*
 * Two recorded traces side by side: where do they first say something else? Private to replayer/.
 */
#ifndef RN_REPLAYER_TRACE_DIFFERENCE_H
#define RN_REPLAYER_TRACE_DIFFERENCE_H

#include "base/arena.h"
#include "store/trace.h"
#include "store/view.h"

/*
 * The first difference in order of events, the run last; within an event the request before the answer. Compared is what was
 * said: of heads the target, the status and the fields that matching looks at, of bodies what they decode to (JSON by value, credentials by presence),
 * of the answer of a model what it said and how it ended. What differs with every call (ids, dates, times, usage) does not count, nor does how a run was started, but
 * for its input. A call that one side lacks is told as such, not as two calls that differ.
 *
 * *detail lives in `arena`: "first at event 2, request body, /messages/0/content: \"a\" in the first, \"b\" in the second"; empty when
 * there is none. RN_NOMEM, RN_DAMAGED, RN_NOTFOUND.
 */
enum rn_status rn_trace_difference(struct rn_store *store, const struct rn_trace_id *first,
                                   const struct rn_trace_id *second, struct rn_arena *arena,
                                   struct rn_bytes *detail, struct rn_error *error);

/* The first difference of two events. Excerpts as a person reads them; `what` NULL: there is none. */
struct rn_event_difference {
    const char *what;    /* "request body, /messages/0/content" */
    const char *pointer; /* RFC 6901, or NULL */
    const char *first;
    const char *second;
};
/* As above, for two events in hand. Texts live in `arena`. RN_NOMEM. */
enum rn_status rn_event_difference(const struct rn_view *first, const struct rn_view *second,
                                   struct rn_arena *arena, struct rn_event_difference *out);

#endif
