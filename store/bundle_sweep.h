/*
 * What an import that died has left behind. Private to store/.
 */
#ifndef RN_STORE_BUNDLE_SWEEP_H
#define RN_STORE_BUNDLE_SWEEP_H

#include "store/store.h"

/*
 * Takes out the traces that a dead import left unfinished, and all marks of dead imports. What another live process is adding is
 * left alone. Called by every import and by rn_store_open, when indexes are up and dead recorders' traces closed.
 */
enum rn_status rn_bundle_sweep(struct rn_store *store, struct rn_error *error);

#endif
