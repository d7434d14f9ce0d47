/*
 * Calls with pieces that are not on their way to the disk, those that wait longest first. Private to recorder/.
 *
 * A piece is committed when it is RN_PART_AGE_NS old, so the first in the queue is always the next. Few parts are handed over
 * at once: with thousands of streams the end of a short answer would otherwise wait behind a part of each of them, and their
 * memory would be needed for all at the same time.
 */
#ifndef RN_RECORDER_AGING_H
#define RN_RECORDER_AGING_H

#include <stdbool.h>
#include <stdint.h>

struct rn_call;
struct rn_desk;

struct rn_aging {
    struct rn_call *first;
    struct rn_call *last;
    bool is_held_up; /* some are old enough, and wait until the writer has caught up */
};

/* Its last part has a piece now. Nothing if it stands in the queue. */
void rn_aging_begin(struct rn_call *call);
/* Its last part has none, or is on its way. May be called again. */
void rn_aging_end(struct rn_call *call);
/* Flushes those that are old enough, as far as the writer keeps up. */
void rn_aging_flush(struct rn_desk *desk);
/* When the next one will be old enough, in the loop's time; UINT64_MAX: there is none. */
uint64_t rn_aging_next_ns(const struct rn_desk *desk);
/* The writer gave something back: goes on if that was waited for. */
void rn_aging_go_on(struct rn_desk *desk);

#endif
