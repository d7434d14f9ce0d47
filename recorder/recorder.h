/*
 * The handler behind the gateway that forwards and remembers (DESIGN 5).
 *
 * Each request is given a trace and an ordinal, passed to its upstream, and its answer passed back as it comes; the last
 * framed unit of an answer waits until the event is durable. One thread, the loop's.
 */
#ifndef RN_RECORDER_RECORDER_H
#define RN_RECORDER_RECORDER_H

#include "gateway/gateway.h"
#include "gateway/upstream.h"
#include "store/writer.h"

struct rn_recorder;

/* What waits for the disk (DESIGN 5.4). */
enum rn_durability {
    RN_DURABILITY_SYNC,  /* the end of an answer waits for its event, for late_after_ns at most */
    RN_DURABILITY_ASYNC, /* nothing waits */
    RN_DURABILITY_STRICT /* so does the beginning: what the store cannot take does not happen */
};

struct rn_recorder_settings {
    struct rn_loop *loop;
    struct rn_store *store;
    struct rn_writer *writer;
    struct rn_upstreams *upstreams;
    enum rn_durability durability;
    uint64_t late_after_ns;   /* `sync`: a held end goes out late after this long; 0: never */
    uint64_t intent_wait_ns;  /* `strict`: a request whose commit takes longer is answered 503 */
    struct rn_recording *run; /* the run's trace, or NULL in serve */
    const char *const *
        ingress; /* names of the upstreams that are applications, NULL-terminated, or NULL; borrowed */
    struct rn_trace_id session; /* of traces opened here */
    const char *release;        /* labels of traces opened here; borrowed */
    const char *const *tags;
    uint64_t
        trace_idle_ns; /* close a trace this long after its last exchange ended; 0: only at the end */
};

/* How a call came to the trace of an inbound request. */
enum rn_join {
    RN_JOIN_NAMED, /* by header, path or a vendor's header */
    RN_JOIN_TRACEPARENT,
    RN_JOIN_LINK,
    RN_JOIN_CONTENT,
    RN_JOIN_CONTAINMENT,
    RN_JOIN_LIMIT
};

struct rn_recorder_counts {
    uint64_t calls;
    uint64_t ended, aborted, cut, refused;
    uint64_t failed; /* events the store could not take */
    uint64_t late;   /* answers whose end went out before their commit */
    uint64_t raw_bytes, stored_bytes;
    uint64_t traces;
    uint64_t truncated;
    uint64_t decisions; /* inbound requests; they are among the calls */
    uint64_t
        joined[RN_JOIN_LIMIT]; /* calls to an inbound request's trace, by rule; with ingress only */
    uint64_t alone;            /* calls that named no trace and joined none; with ingress only */
};

/* What was handed to the writer and did not come back. */
struct rn_unstored {
    uint64_t events;
    uint64_t traces; /* their ends */
};

struct rn_recorder *rn_recorder_new(const struct rn_recorder_settings *settings);
/* For rn_gateway_new. */
struct rn_handler rn_recorder_handler(struct rn_recorder *recorder);
/* The writer's wake: call it on the loop's thread whenever entries may be finished. */
void rn_recorder_collect(struct rn_recorder *recorder);
/*
 * No new calls (503 from now on): ends what is open as aborted, submits the closing of every trace opened here (not the
 * run's), and calls `finished` once all of it has come back. Answers that are complete are delivered first; whoever does not
 * take them within RN_LINGER_NS is not waited for.
 */
void rn_recorder_finish(struct rn_recorder *recorder, void (*finished)(void *self), void *self);
struct rn_recorder_counts rn_recorder_counts(const struct rn_recorder *recorder);
/* Of this recorder's calls and traces; the run's own are not its. */
struct rn_unstored rn_recorder_unstored(const struct rn_recorder *recorder);
void rn_recorder_free(struct rn_recorder *recorder);

#endif
