/*
 * Traces that are on their way out. Private to store/; rn_trace_drop is public (store/document.h).
 *
 * The first commit of a drop takes the trace out of every way in and leaves a mark, "drop/" and its id in RN_TREE_META; the
 * last one takes the mark. In between its rows and what names them are nobody's.
 */
#ifndef RN_STORE_DROP_H
#define RN_STORE_DROP_H

#include "store_internal.h"

/* Whether the trace is on its way out. RN_NOTFOUND: it is not. */
enum rn_status rn_drop_marked(struct rn_db_txn *txn, const struct rn_trace_id *id);
/* Goes on with the drop of that trace, whoever began it; RN_OK also when there is none. */
enum rn_status rn_drop_finish(struct rn_store *store, const struct rn_trace_id *id,
                              struct rn_error *error);
/* Does that for every drop whose owner is dead. */
enum rn_status rn_drop_recover(struct rn_store *store, struct rn_error *error);

#endif
