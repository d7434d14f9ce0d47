/*
 * A queue of parts and a timer. In: parts that were submitted and came back. Out: rn_call_overdue for those that did not come
 * back in time. Declines to know what is done about it.
 */
#include "wait.h"

#include <string.h>

#include "call.h"

static uint64_t patience_ns(const struct rn_recorder_settings *settings)
{
    switch (settings->durability) {
    case RN_DURABILITY_SYNC:
        return settings->late_after_ns;
    case RN_DURABILITY_STRICT:
        return settings->intent_wait_ns;
    default:
        return 0;
    }
}

/* For the first in the queue; no part waits less than it does. */
static void start_timer(struct rn_wait *wait)
{
    uint64_t now = rn_loop_now_ns(wait->settings->loop);
    uint64_t over = wait->first->waits_since_ns + patience_ns(wait->settings);
    wait->is_running = true;
    rn_timer_start(wait->timer, over > now ? over - now : 1);
}

static void on_timer(void *self)
{
    struct rn_wait *wait = self;
    uint64_t now = rn_loop_now_ns(wait->settings->loop);
    uint64_t patience = patience_ns(wait->settings);
    wait->is_running = false;
    while (wait->first != NULL && now - wait->first->waits_since_ns >= patience) {
        struct rn_part *part = wait->first;
        rn_wait_end(wait, part);
        rn_call_overdue(part->pending->self, part);
    }
    if (wait->first != NULL) {
        start_timer(wait);
    }
}

enum rn_status rn_wait_init(struct rn_wait *wait, const struct rn_recorder_settings *settings)
{
    *wait = (struct rn_wait){.settings = settings};
    wait->timer = rn_timer_new(settings->loop, on_timer, wait);
    return wait->timer == NULL ? RN_NOMEM : RN_OK;
}

void rn_wait_free(struct rn_wait *wait)
{
    rn_timer_free(wait->timer);
    *wait = (struct rn_wait){0};
}

void rn_wait_begin(struct rn_wait *wait, struct rn_part *part)
{
    if (patience_ns(wait->settings) == 0 || part->waits) {
        return;
    }
    part->waits = true;
    part->waits_since_ns = rn_loop_now_ns(wait->settings->loop);
    part->wait_previous = wait->last;
    part->wait_next = NULL;
    if (wait->last == NULL) {
        wait->first = part;
    } else {
        wait->last->wait_next = part;
    }
    wait->last = part;
    if (!wait->is_running) { /* a running timer is for an earlier one, and finds the next when it ends */
        start_timer(wait);
    }
}

void rn_wait_end(struct rn_wait *wait, struct rn_part *part)
{
    if (!part->waits) {
        return;
    }
    part->waits = false;
    if (part->wait_previous == NULL) {
        wait->first = part->wait_next;
    } else {
        part->wait_previous->wait_next = part->wait_next;
    }
    if (part->wait_next == NULL) {
        wait->last = part->wait_previous;
    } else {
        part->wait_next->wait_previous = part->wait_previous;
    }
}
