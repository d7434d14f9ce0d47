/*
 * Who waits for the disk, and for how long. Private to recorder/.
 *
 * Parts stand here from the moment they are submitted until they come back, if the client or the upstream waits for them.
 * All of them wait equally long (settings: late_after_ns with `sync`, intent_wait_ns with `strict`), so the first one in
 * the queue is always the next whose time is over, and one timer does for all.
 */
#ifndef RN_RECORDER_WAIT_H
#define RN_RECORDER_WAIT_H

#include "part.h"
#include "recorder/recorder.h"

struct rn_wait {
    const struct rn_recorder_settings *settings;
    struct rn_part *first;
    struct rn_part *last;
    struct rn_timer *timer;
    bool is_running;
};

/* RN_NOMEM. `settings` is borrowed. */
enum rn_status rn_wait_init(struct rn_wait *wait, const struct rn_recorder_settings *settings);
void rn_wait_free(struct rn_wait *wait);

/* The part was submitted just now. Nothing is noted where nobody's patience ends. */
void rn_wait_begin(struct rn_wait *wait, struct rn_part *part);
/* It came back, or nobody waits for it any more. May be called again. */
void rn_wait_end(struct rn_wait *wait, struct rn_part *part);

#endif
