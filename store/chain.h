/*
 * The digests of a trace, worked out from what the log holds. Private to store/.
 */
#ifndef RN_STORE_CHAIN_H
#define RN_STORE_CHAIN_H

#include "pieces.h"
#include "store/trace.h"

/*
 * Reads every event and gap among `pieces` (all of one trace, as rn_pieces_of_trace gives them), hashes and chains them. An
 * event without its last piece is in no chain: its trace goes on, or what came of it stands in a gap. RN_DAMAGED names the
 * first event that cannot be read or hashed; then the rest is left out.
 */
enum rn_status rn_chain_of(struct rn_store *store, const struct rn_trace_id *id,
                           const struct rn_salts *salts, const struct rn_pieces *pieces,
                           struct rn_digests *out, struct rn_error *error);

#endif
