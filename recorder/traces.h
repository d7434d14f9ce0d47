/*
 * Which trace does a request belong to (DESIGN 5.3)? Decided once per request, by the first of these that speaks:
 * the header x-reenact-trace, the path /t/TRACE/, a vendor's trace header, the run's trace, an inbound request that is in flight
 * (joins.h), a new trace of its own. An inbound request itself joins nothing.
 *
 * A trace named by id that is already in the store (closed, or another process's) is never reopened: the request gets a
 * child of it. Private to recorder/.
 */
#ifndef RN_RECORDER_TRACES_H
#define RN_RECORDER_TRACES_H

#include "gateway/gateway.h"
#include "joins.h"
#include "pending.h"
#include "recorder/recorder.h"

struct rn_traces;

struct rn_open_trace {
    struct rn_open_trace *next;      /* in its bucket */
    struct rn_open_trace *next_open; /* in order of opening, newest first */
    struct rn_recording *recording;
    struct rn_trace_id id;
    char label[65]; /* what it is found by: 32 hex digits or an alias; "" for one of its own */
    uint32_t n;     /* ordinals given */
    unsigned open_calls;
    uint64_t last_ns; /* when its last exchange ended */
    bool is_run;      /* closed by whoever opened it */
    bool is_inbound;  /* it holds an inbound request */
    bool is_claimed;  /* the id was given to us, and is ours alone (rn_trace_claim) */
    bool closing;
    struct rn_pending closing_entry;
    struct rn_traces *table;
};

struct rn_traces *rn_traces_new(const struct rn_recorder_settings *settings);
/* From now on a call that names no trace is given to `joins`, which is lent. */
void rn_traces_join_by(struct rn_traces *traces, struct rn_joins *joins);
/* Frees the table and what was not closed. */
void rn_traces_free(struct rn_traces *traces);

/*
 * The trace of a request, and the name of the rule that chose it (static). NULL with RN_INVALID: an illegal trace name;
 * RN_NOMEM.
 */
struct rn_open_trace *rn_traces_choose(struct rn_traces *traces, const struct rn_request *request,
                                       const char **rule, enum rn_status *status);
/* The trace of an inbound request: as above, but joining nothing. Its id finds it as long as it is open. */
struct rn_open_trace *rn_traces_choose_inbound(struct rn_traces *traces,
                                               const struct rn_request *request, const char **rule,
                                               enum rn_status *status);
/* The run's trace, or NULL. */
struct rn_open_trace *rn_traces_run(struct rn_traces *traces);
/*
 * Submits the closing of every trace that is idle since `before_ns` and has no open call; UINT64_MAX: all of them. Since when
 * the longest idle one of the others is; UINT64_MAX: none is.
 */
uint64_t rn_traces_close_idle(struct rn_traces *traces, uint64_t before_ns);
/* How many are open or have their closing on the way, the run's not counted. */
size_t rn_traces_open(const struct rn_traces *traces);
uint64_t rn_traces_opened(const struct rn_traces *traces);

#endif
