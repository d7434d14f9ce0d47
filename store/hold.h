/*
 * Who holds a trace, asked from within a transaction that would change it. Private to store/; holding itself is public
 * (store/document.h).
 */
#ifndef RN_STORE_HOLD_H
#define RN_STORE_HOLD_H

#include "db.h"
#include "store/document.h"

/* RN_REFUSED, with a sentence that names a holder, when somebody holds it. RN_DAMAGED, RN_NOMEM. */
enum rn_status rn_hold_check(struct rn_db_txn *txn, const struct rn_trace_id *id,
                             struct rn_error *error);

#endif
