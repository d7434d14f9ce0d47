/*
 * Which call of a plan is sent next: first those of the probe, then the others in the plan's order, between them those that wait
 * for another attempt, once that is due. Pure. Private to replayer/.
 *
 * Memory: 16 bytes per call that waits for another attempt.
 */
#ifndef RN_REPLAYER_QUEUE_H
#define RN_REPLAYER_QUEUE_H

#include "plan.h"

struct rn_queue_again {
    uint64_t due_ns;
    size_t call;
};

struct rn_queue {
    const struct rn_plan_answer *answers; /* one per call; the queue looks at `final` alone */
    size_t count;
    size_t next;                  /* the first call that was not handed out yet */
    size_t until;                 /* calls from here on are not handed out */
    struct rn_queue_again *again; /* a heap, the earliest first */
    size_t again_count;
    size_t again_cap;
};

/* `answers` are borrowed and may become final meanwhile. */
void rn_queue_init(struct rn_queue *queue, const struct rn_plan_answer *answers, size_t count);
void rn_queue_free(struct rn_queue *queue);
/* Hands out no call from `until` on, for now. */
void rn_queue_limit(struct rn_queue *queue, size_t until);
/* The next call; false: there is none now. Each is handed out once, and once more for every rn_queue_put. */
bool rn_queue_take(struct rn_queue *queue, uint64_t now_ns, size_t *call);
/* This call again, not before `due_ns`. RN_NOMEM. */
enum rn_status rn_queue_put(struct rn_queue *queue, size_t call, uint64_t due_ns);
/* When the first of those that wait is due; UINT64_MAX: none waits. */
uint64_t rn_queue_due_ns(const struct rn_queue *queue);
/* Whether anything is left to hand out, now or later, below the limit. */
bool rn_queue_is_empty(struct rn_queue *queue);

#endif
