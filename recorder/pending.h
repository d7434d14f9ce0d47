/*
 * Something handed to the store's writer that knows what to do when it comes back. Private to recorder/.
 */
#ifndef RN_RECORDER_PENDING_H
#define RN_RECORDER_PENDING_H

#include "store/writer.h"

struct rn_pending {
    struct rn_entry entry; /* entry.owner is this struct */
    void (*done)(struct rn_pending *pending);
    void *self;
};

#endif
