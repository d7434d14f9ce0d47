/*
 * Who runs a backtest: one process at a time, said by a locked file STORE/backtest-ID.lock. Private to replayer/.
 *
 * A flock(2) ends with its process, however that ends; so a file that is left behind holds nobody.
 */
#ifndef RN_REPLAYER_PLAN_LOCK_H
#define RN_REPLAYER_PLAN_LOCK_H

#include "store/event.h"

/*
 * Takes the lock; *lock is its descriptor (close-on-exec). RN_BUSY: another process has it, or this one under another descriptor;
 * RN_IO. `store` is the path of the store's directory.
 */
enum rn_status rn_plan_lock(const char *store, const struct rn_trace_id *id, int *lock,
                            struct rn_error *error);
/* Gives it back and removes the file. A descriptor below 0 is fine. */
void rn_plan_unlock(const char *store, const struct rn_trace_id *id, int lock);

#endif
