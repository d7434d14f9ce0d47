/*
 * Many jobs in a few processes: `record --each` and `baseline check` run each case in a child of its own, since each forks a
 * command, opens a store and has ports.
 *
 * The caller must have no store, loop or thread when it starts a crew. A child has none of our descriptors but 0, 1 and 2; its
 * stdin is /dev/null, since a stdin that all share would go to whoever comes first. Signals: SIGINT, SIGTERM and SIGHUP to the
 * parent are passed to every child, no further job begins, and rn_crew_run returns when all have ended; another one is SIGTERM
 * for all of them, a third SIGKILL. A child whose parent is killed gets SIGTERM. Dispositions and mask are in the child as they were given to us.
 */
#ifndef RN_GATEWAY_CREW_H
#define RN_GATEWAY_CREW_H

#include "base/buffer.h"
#include "base/status.h"

#define RN_CREW_RESULT_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define RN_CREW_BROKEN 125 /* exit status of a child whose streams or result failed */

enum rn_crew_output {
    RN_CREW_PASS,  /* children write where we do: for one job at a time */
    RN_CREW_WHOLE, /* what a job prints is kept (in an unlinked file) and copied to our stdout and stderr when it is its turn, in order of jobs */
    RN_CREW_SILENT /* is thrown away */
};

struct rn_crew_settings {
    size_t jobs;
    unsigned at_once; /* 1 or more */
    enum rn_crew_output output;
    /*
     * In the child: job `index`; what it appends to `result` (RN_CREW_RESULT_BYTES_MAX, then RN_LIMIT) goes to the parent; the
     * return value is the child's exit status.
     */
    int (*work)(void *self, size_t index, struct rn_buffer *result);
    /*
     * In the parent, in order of jobs once each has ended and its output stands. `status` as wait(2) gives it; `result` is lent, and
     * what a child sent that crashed is not to be trusted. May be NULL.
     */
    void (*done)(void *self, size_t index, int status, struct rn_bytes result);
    /*
     * How long a job may run (0: as long as it likes); then it is told to end with SIGTERM. And how long after that, or after a signal
     * that was passed on, until the next step (0: it may take its time): SIGTERM, then SIGKILL for it and all it started.
     */
    uint64_t limit_ns;
    uint64_t grace_ns;
    /* In the parent, before `done` of a job that ran into the limit; may be NULL. */
    void (*expired)(void *self, size_t index);
    /* In the parent, whenever one begins or ends; may be NULL. */
    void (*progress)(void *self, size_t ended, size_t running);
    /* In the parent, before the output of a job is copied to our streams (RN_CREW_WHOLE); may be NULL. */
    void (*before_output)(void *self);
    void *self;
};

/*
 * *signal_number: 0, or the first signal that ended it early (jobs that never began get no `done`). It is set as soon as the signal comes,
 * so that `done` can tell a job that was interrupted. RN_IO: no process, pipe or
 * file could be had for the next job although none was running; those before it have been told. RN_NOMEM.
 */
enum rn_status rn_crew_run(const struct rn_crew_settings *settings, int *signal_number,
                           struct rn_error *error);

/*
 * A directory for one job: a fresh copy of `source` (cp -a; NULL: an empty one, 0700) under `place` (NULL: $TMPDIR, else /tmp).
 * Absolute path into `out` (4,096 bytes). RN_IO, RN_NOTFOUND, RN_LIMIT with a sentence, and then nothing is left of it.
 */
enum rn_status rn_crew_room_make(const char *place, const char *source, char *out,
                                 struct rn_error *error);
/*
 * Removes it with everything in it, directories without write permission included; symbolic links are not followed. What
 * cannot be removed stays.
 */
void rn_crew_room_drop(const char *path);

#endif
