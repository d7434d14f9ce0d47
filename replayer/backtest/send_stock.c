/*
 * Calls that are made ahead of their turn, while the loop would only wait: in front those that were taken first. In: the queue.
 * Out: calls that wait for a slot and their place in the minute.
 */
#include <stdio.h>

#include "send.h"

/* A call whose recording is gone or damaged since the plan was made is named and left out. */
static void leave_out(struct rn_send *send, size_t index, const struct rn_error *why)
{
    if (send->unreadable++ == 0) {
        (void)snprintf(send->unreadable_first, sizeof send->unreadable_first, "%.*s",
                       (int)sizeof send->unreadable_first - 1, why->text);
    }
    rn_send_probe_skip(send, index);
}

static void append(struct rn_send *send, struct rn_send_call *call)
{
    struct rn_send_call **at = &send->stock;
    while (*at != NULL) {
        at = &(*at)->next_stocked;
    }
    *at = call;
    send->stock_count++;
    send->stock_bytes += call->request.head.len + call->request.body.len;
}

/* One more; false: there is none now. */
static bool make_one(struct rn_send *send)
{
    struct rn_error why = {0};
    struct rn_send_call *call = NULL;
    size_t index;
    while (call == NULL && !send->is_stopping &&
           rn_queue_take(&send->queue, rn_loop_now_ns(send->loop), &index)) {
        enum rn_status status = rn_send_call_make(send, index, &call, &why);
        if (status == RN_NOMEM) {
            rn_send_fail(send, RN_NOMEM, "out of memory while a call was read");
        } else if (status != RN_OK) {
            leave_out(send, index, &why);
        } else {
            append(send, call);
        }
    }
    return call != NULL;
}

struct rn_send_call *rn_send_stock_first(struct rn_send *send)
{
    bool is_there = send->stock != NULL || make_one(send);
    return is_there && !send->is_stopping ? send->stock : NULL;
}

void rn_send_stock_take(struct rn_send *send)
{
    struct rn_send_call *call = send->stock;
    send->stock = call->next_stocked;
    send->stock_count--;
    send->stock_bytes -= call->request.head.len + call->request.body.len;
}

void rn_send_stock_fill(struct rn_send *send)
{
    while (!send->is_stopping && send->stock_count < send->jobs &&
           send->stock_count < RN_SEND_STOCK_CALLS && send->stock_bytes < RN_SEND_STOCK_BYTES &&
           make_one(send)) {
    }
    while (send->is_stopping && send->stock != NULL) {
        struct rn_send_call *call = send->stock;
        rn_send_stock_take(send);
        rn_send_call_free(call);
    }
}
