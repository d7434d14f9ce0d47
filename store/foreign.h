/*
 * Ids that others gave to what happened: what a person has in hand when asking for a trace. Private to store/.
 */
#ifndef RN_STORE_FOREIGN_H
#define RN_STORE_FOREIGN_H

#include "store/event.h"

#define RN_FOREIGN_IDS_MAX 64u
#define RN_FOREIGN_ID_BYTES_MIN 6u
#define RN_FOREIGN_ID_BYTES_MAX 128u

struct rn_foreign_ids {
    struct rn_bytes id[RN_FOREIGN_IDS_MAX]; /* each once; lent from the event or the arena */
    unsigned count;
};

/*
 * Finds in an exchange: request ids in both heads, traceparent and the trace id inside it, and in the response body the
 * string members id, call_id, tool_call_id, tool_use_id, response_id and request_id, wherever they stand (JSON, JSON lines,
 * SSE); coded bodies are decoded first. A byte scan: it may find too much, never something that is not there.
 * RN_NOMEM only; a body that does not decode is searched as far as it does. With no arena a coded body is RN_REFUSED.
 */
enum rn_status rn_foreign_find(const struct rn_event *event, struct rn_arena *arena,
                               struct rn_foreign_ids *out);

#endif
