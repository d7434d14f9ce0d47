/*
 * Closing what a dead recorder left open. Private to store/.
 */
#ifndef RN_STORE_RECOVER_H
#define RN_STORE_RECOVER_H

#include "store/store.h"

/*
 * For every indexed trace that is open and whose owner is dead: its open events get a last piece that says `lost`, and the
 * trace a closing with digests over what the log holds. Traces of a live owner are left alone. Safe when two processes do it
 * at once. The caller brings the indexes up before and after. *closed (may be NULL) counts traces.
 */
enum rn_status rn_recover(struct rn_store *store, unsigned *closed, struct rn_error *error);

/*
 * The same for one trace, whoever its owner is: for what the caller itself began and cannot finish. RN_OK also when it is open no
 * more.
 */
enum rn_status rn_recover_trace(struct rn_store *store, const struct rn_trace_id *id,
                                struct rn_error *error);

#endif
