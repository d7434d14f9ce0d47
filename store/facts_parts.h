/* What the drop of a trace asks of its facts. Private to store/. */
#ifndef RN_STORE_FACTS_PARTS_H
#define RN_STORE_FACTS_PARTS_H

#include "store/facts.h"
#include "store_internal.h"

/* Takes the trace out of all posting lists, in the transaction in which it stops being found. */
enum rn_status rn_facts_unlist(struct rn_db_txn *txn, const struct rn_trace_id *id,
                               uint64_t started_wall_ns);
/* Takes some of its facts; *more says whether there may be others. */
enum rn_status rn_facts_take(struct rn_db_txn *txn, const struct rn_trace_id *id, bool *more);

#endif
