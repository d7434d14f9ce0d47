/* A queue of calls by the age of what they keep back. Knows nothing of what is in a part. */
#include "aging.h"

#include "call.h"

/* So many parts are with the writer at most when an old one is handed over. */
#define PARTS_AT_ONCE 64u

void rn_aging_begin(struct rn_call *call)
{
    struct rn_aging *aging = &call->desk->aging;
    if (call->is_aging) {
        return;
    }
    call->is_aging = true;
    call->aging_since_ns = rn_loop_now_ns(call->desk->settings->loop);
    call->aging_previous = aging->last;
    call->aging_next = NULL;
    if (aging->last == NULL) {
        aging->first = call;
    } else {
        aging->last->aging_next = call;
    }
    aging->last = call;
}

void rn_aging_end(struct rn_call *call)
{
    struct rn_aging *aging = &call->desk->aging;
    if (!call->is_aging) {
        return;
    }
    call->is_aging = false;
    if (call->aging_previous == NULL) {
        aging->first = call->aging_next;
    } else {
        call->aging_previous->aging_next = call->aging_next;
    }
    if (call->aging_next == NULL) {
        aging->last = call->aging_previous;
    } else {
        call->aging_next->aging_previous = call->aging_previous;
    }
}

uint64_t rn_aging_next_ns(const struct rn_desk *desk)
{
    const struct rn_call *first = desk->aging.first;
    return first == NULL ? UINT64_MAX : first->aging_since_ns + RN_PART_AGE_NS;
}

void rn_aging_flush(struct rn_desk *desk)
{
    uint64_t now = rn_loop_now_ns(desk->settings->loop);
    desk->aging.is_held_up = false;
    while (rn_aging_next_ns(desk) <= now) {
        struct rn_call *call = desk->aging.first;
        if (desk->with_writer >= PARTS_AT_ONCE) {
            desk->aging.is_held_up = true;
            return;
        }
        rn_aging_end(call);
        rn_call_flush(call);
        if (rn_part_pieces(call->last) > 0 && !call->over) {
            rn_aging_begin(call); /* its client was not sent them yet: once more, later */
        }
    }
}

void rn_aging_go_on(struct rn_desk *desk)
{
    if (desk->aging.is_held_up && desk->with_writer < PARTS_AT_ONCE / 2) {
        rn_aging_flush(desk);
    }
}
