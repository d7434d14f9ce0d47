/*
 * `reenact record -- COMMAND` and `reenact serve` from open to last line (DESIGN 5.2, 5.6). Terminal output is the caller's.
 */
#ifndef RN_RECORDER_RECORD_H
#define RN_RECORDER_RECORD_H

#include "gateway/environment.h"
#include "recorder/recorder.h"

#define RN_INGRESS_NAME_BYTES 32

struct rn_record_settings {
    const char *store; /* --store or NULL */
    char *const *argv; /* COMMAND; NULL for serve */
    char *const *environment;
    const char *name;
    const char *input; /* --each: the line this run stands for, kept as RN_TAG_INPUT; NULL: none */
    bool only_pipes; /* COMMAND gets pipes whatever ours are: many cases do not share a terminal */
    const char *release;
    const char *session;          /* --session text or NULL */
    const char *const *tags;      /* "k=v", NULL-terminated */
    const char *const *wraps;     /* NULL-terminated */
    const char *const *upstreams; /* "NAME=URL" */
    const char *const *ports;     /* "NAME=PORT" */
    const char *const *ingress;   /* serve: "PORT=URL", ports in front of applications */
    uint16_t port;                /* of the port with our paths; 0: the kernel chooses */
    enum rn_durability durability;
    uint64_t late_after_ns;  /* 0: never */
    uint64_t intent_wait_ns; /* 0: RN_INTENT_WAIT_NS */
    uint64_t trace_idle_ns;
    uint64_t end_wait_ns; /* at the end: how long the disk may take nothing; 0: RN_END_WAIT_NS */
    /* The end has to wait for the disk: from now on a signal gives up what is left. */
    void (*on_waiting)(void *self, struct rn_unstored left, uint64_t at_most_ns);
    /* serve: called once the ports are open, with the URL of the port with our paths. */
    void (*on_ready)(void *self, const char *url, const struct rn_port *ports, size_t port_count);
    void *self;
};

struct rn_record_outcome {
    struct rn_trace_id trace; /* the run's */
    struct rn_recorder_counts counts;
    uint64_t malformed, foreign, ownerless; /* requests the gateway refused before they were events */
    int wait_status;             /* COMMAND's */
    bool started;                /* COMMAND was executed */
    bool
        not_executed; /* COMMAND could not be executed: not found (exit 127) or not executable (126) */
    bool recorded;    /* the run's trace was closed durably */
    bool unpassed;    /* what COMMAND read or wrote did not all come through; the remark says why */
    bool open_line; /* what COMMAND printed last, on whichever stream, was no end of a line */
    bool open_stderr_line; /* likewise, on stderr alone */
    /*
     * The disk stood still at the end, and what was left was given up. The store is still open in this process, whose writer
     * works on: read nothing from it, and leave by _exit.
     */
    bool given_up;
    struct rn_unstored unstored; /* lost with that; counted as failed */
    char store[4096];            /* path */
    char remark[512];            /* why nothing was recorded or what failed, or "" */
};

/*
 * RN_OK: COMMAND ran (its status is in the outcome), also when the store failed on the way (then `recorded` is false and the
 * remark says so). Otherwise it did not: with outcome->not_executed it could not be executed, RN_NOTFOUND (exit 127) or
 * RN_REFUSED (126); without, reenact failed before that (125).
 */
enum rn_status rn_record_run(const struct rn_record_settings *settings,
                             struct rn_record_outcome *outcome, struct rn_error *error);
/* What the application of the `index`th --ingress (from 0) is called among the upstreams: "app", "app-2", ... */
void rn_record_ingress_name(size_t index, char out[RN_INGRESS_NAME_BYTES]);
/* After RN_OK: COMMAND's status as a shell gives it, or 125 where that is 0 and its streams did not all come through. */
int rn_record_exit(const struct rn_record_outcome *outcome);
/* Serves until SIGINT or SIGTERM, then finishes what is open. */
enum rn_status rn_record_serve(const struct rn_record_settings *settings,
                               struct rn_record_outcome *outcome, struct rn_error *error);

#endif
