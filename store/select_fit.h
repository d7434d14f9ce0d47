/*
 * Whether a trace, or an exchange of it, meets a selection. Private to store/; walking is select.c's.
 */
#ifndef RN_STORE_SELECT_FIT_H
#define RN_STORE_SELECT_FIT_H

#include "store/select.h"

/* A selection made ready to be asked: the status as a range, the session as an id. */
struct rn_fit {
    const struct rn_selection *asked;
    bool is_named; /* traces were named one by one: then those of a backtest count too */
    bool has_session;
    struct rn_trace_id session;
    unsigned status_from; /* 0: any */
    unsigned status_to;   /* inclusive */
};

/* RN_INVALID with the sentence of rn_selection_check. */
enum rn_status rn_fit_make(const struct rn_selection *selection, struct rn_fit *out,
                           struct rn_error *error);
/* Whether it asks anything of exchanges. */
bool rn_fit_asks_exchanges(const struct rn_fit *fit);
/* ... that only an event can answer: the upstreams of a trace stand in its summary. */
bool rn_fit_needs_events(const struct rn_fit *fit);

/* What is asked of the trace. The start is asked apart, because an index knows it. */
bool rn_fit_start(const struct rn_fit *fit, uint64_t started_wall_ns);
bool rn_fit_trace(const struct rn_fit *fit, const struct rn_trace_summary *summary);
/* What is asked of one exchange: first what needs no reading, so that none is made in vain, then the rest. */
bool rn_fit_event(const struct rn_fit *fit, const struct rn_event *event);
bool rn_fit_view(const struct rn_fit *fit, const struct rn_view *view);

#endif
