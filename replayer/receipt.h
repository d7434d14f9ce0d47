/*
 * The receipt: what was replayed, how, and what came of it, as a document "reenact.receipt/1" (DESIGN 6.5). Fields are added,
 * never changed; 64-bit numbers, nanoseconds and digests are strings. Private to replayer/.
 */
#ifndef RN_REPLAYER_RECEIPT_H
#define RN_REPLAYER_RECEIPT_H

#include "replayer.h"
#include "rerun.h"
#include "verdict.h"

#define RN_RECEIPT_ROWS_MAX 10000u /* of each list; what is left off is counted */

struct rn_receipt_facts {
    const struct rn_replay_settings *settings;
    const struct rn_replay_outcome *outcome;
    const struct rn_verdict_facts *verdict;
    const struct rn_catalog *catalog;
    const struct rn_replayer *replayer; /* NULL when it did not come to a replay */
    const struct rn_rerun *rerun;
    size_t peak;
    uint64_t started_ns;
    uint64_t ended_ns;
};

/* Writes the document into `arena`. RN_NOMEM; RN_LIMIT over RN_RECEIPT_BYTES_MAX. */
enum rn_status rn_receipt_make(const struct rn_receipt_facts *facts, struct rn_arena *arena,
                               struct rn_bytes *out);

#endif
