/*
 * The end of a recording on a disk that stands still: how long it is waited for, who may cut that short, and what is lost
 * then. Private to recorder/.
 *
 * Waiting ends when the disk took nothing for settings->end_wait_ns, or by SIGINT or SIGTERM once settings->on_waiting has said
 * what is waited for: a signal before that may have been meant for COMMAND. The two signals are blocked in this thread.
 */
#ifndef RN_RECORDER_ENDING_H
#define RN_RECORDER_ENDING_H

#include "station.h"

struct rn_ending {
    struct rn_station *station;
    const struct rn_record_settings *settings;
    uint64_t wait_ns;
    bool has_run; /* the run's event and trace are to be closed as well */
    struct rn_timer *timer;
    struct rn_watch *watch;
    int signals; /* -1: none can be had */
    uint64_t backlog_bytes;
    uint64_t moved_ns; /* when the disk took something last, or had nothing to take */
    bool has_said;
    bool given_up;
};

/* Nothing more will happen but the end: from here on the loop is watched, and stopped when it waits for too long. RN_NOMEM. */
enum rn_status rn_ending_begin(struct rn_ending *ending, struct rn_station *station,
                               const struct rn_record_settings *settings, bool has_run);
/*
 * Behind the loop: stops the writer, under the same limits. Then outcome->given_up says whether all is committed and the station
 * may be closed; where it is not, the outcome has what is lost, and nothing of the station may be touched or freed, since the
 * writer's thread still works with it. Without rn_ending_begin it does nothing.
 */
void rn_ending_finish(struct rn_ending *ending, struct rn_record_outcome *outcome);

#endif
