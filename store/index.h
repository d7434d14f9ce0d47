/*
 * From the log to summaries, time, event, suffix, name, session and foreign-id entries. Private to store/.
 *
 * The log is the truth; all these can be made again from it. Any process may do a step: it reads and prepares outside the
 * transaction, then writes what it found together with the new watermark, if the watermark is still where it was.
 */
#ifndef RN_STORE_INDEX_H
#define RN_STORE_INDEX_H

#include "store/store.h"

/*
 * One write transaction stays below these, so that a recorder on the same store waits about 2 ms: half a millisecond of puts, then
 * the commit, which costs the less per row the more rows share its pages.
 */
#define RN_INDEX_ENTRIES_MAX 1024u
#define RN_INDEX_BYTES_MAX ((size_t)512 * 1024)

/*
 * Indexes at most `max_rows` rows behind the watermark; fewer when their entries fill a transaction. *rows_left says how
 * many remain. RN_OK also when another process was quicker. Any thread, beside a running writer; not with a transaction open.
 */
enum rn_status rn_index_step(struct rn_store *store, uint32_t max_rows, uint64_t *rows_left,
                             struct rn_error *error);

/* How far the indexes are, and the last row of the log. */
enum rn_status rn_index_where(struct rn_store *store, uint64_t *watermark, uint64_t *last_row,
                              struct rn_error *error);

/* Whether a trace of that id is in the store, indexed or not yet. One short read transaction; writes nothing. */
enum rn_status rn_index_knows(struct rn_store *store, const struct rn_trace_id *id, bool *known,
                              struct rn_error *error);

#endif
