/*
 * Many jobs in a few processes: `record --each` and `baseline check` run each case in a child of its own, since each forks a
 * command, opens a store and has ports.
 *
 * The caller must have no store, loop or thread when it starts a crew. Signals: SIGINT, SIGTERM and SIGHUP to the parent are passed to every
 * child, no further job begins, and rn_crew_run returns when all have ended.
 */
#ifndef RN_GATEWAY_CREW_H
#define RN_GATEWAY_CREW_H

#include "base/buffer.h"
#include "base/status.h"

enum rn_crew_output {
    RN_CREW_PASS,  /* children write where we do: for one job at a time */
    RN_CREW_WHOLE, /* what a job prints is kept (in an unlinked file) and copied to our stdout and stderr when it is its turn, in order of jobs */
    RN_CREW_SILENT /* is thrown away */
};

struct rn_crew_settings {
    size_t jobs;
    unsigned at_once; /* 1 or more */
    enum rn_crew_output output;
    /* In the child: job `index`; what it appends to `result` (at most 16 MiB) goes to the parent; the return value is the child's exit status. */
    int (*work)(void *self, size_t index, struct rn_buffer *result);
    /* In the parent, in order of jobs once each has ended. `status` as wait(2) gives it; `result` is lent. */
    void (*done)(void *self, size_t index, int status, struct rn_bytes result);
    /* In the parent, whenever one begins or ends; may be NULL. */
    void (*progress)(void *self, size_t ended, size_t running);
    void *self;
};

/* *signal_number: 0, or the signal that ended it early (jobs that never began get no `done`). RN_IO: no process or pipe could be had. */
enum rn_status rn_crew_run(const struct rn_crew_settings *settings, int *signal_number,
                           struct rn_error *error);

/*
 * A working directory for one job: a fresh copy of `source` (cp -a; NULL: an empty one) under $TMPDIR. Path into `out` (4,096 bytes).
 * rn_crew_room_drop removes it with everything in it.
 */
enum rn_status rn_crew_room_make(const char *source, char *out, struct rn_error *error);
void rn_crew_room_drop(const char *path);

#endif
