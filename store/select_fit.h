/*
 * Whether a trace, or an exchange of it, meets a selection. Private to store/; walking is select.c's.
 */
#ifndef RN_STORE_SELECT_FIT_H
#define RN_STORE_SELECT_FIT_H

#include "store/facts.h"
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
/* ... or of the trace what only facts can answer: the upstreams of a trace stand in its summary. */
bool rn_fit_needs_facts(const struct rn_fit *fit);

/* Whether few traces are looked at without posting lists: those named, of one session or name, of a range of time, the newest few. */
bool rn_fit_is_narrow(const struct rn_fit *fit);

/* What is asked of the trace. The start is asked apart, because an index knows it. */
bool rn_fit_start(const struct rn_fit *fit, uint64_t started_wall_ns);
bool rn_fit_trace(const struct rn_fit *fit, const struct rn_trace_summary *summary);
/* What its labels say of it. */
bool rn_fit_labels(const struct rn_fit *fit, const struct rn_trace_labels *labels);
/* What is asked of one exchange. What could not be read fits. */
bool rn_fit_facts(const struct rn_fit *fit, const struct rn_facts *facts);
/* An event whose facts fit, or are not asked for, because nothing but the upstream is. */
bool rn_fit_event(const struct rn_fit *fit, const struct rn_event *event);

#endif
