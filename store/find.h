/*
 * From what a human has in hand to a trace id, and lists of traces.
 */
#ifndef RN_STORE_FIND_H
#define RN_STORE_FIND_H

#include "store/trace.h"

/*
 * TRACE of the command line: a full id, a unique prefix or suffix of 4 or more hex digits, an alias or name (the newest under
 * it; NAME~1 is the one before), `last`, `last~2`, or any foreign id seen in a trace (request and response ids, tool-call
 * ids, traceparent). `text` may end in ":N" for an event (stored in *event, else UINT32_MAX).
 * RN_NOTFOUND and RN_AMBIGUOUS have sentences that name the candidates. Foreign ids count only where nothing else fits.
 */
enum rn_status rn_find_trace(struct rn_store *store, const char *text, struct rn_trace_id *out,
                             uint32_t *event, struct rn_error *error);

/*
 * A foreign id and nothing else: the trace it was seen in and the ordinal of the first event there that holds it. RN_NOTFOUND
 * and RN_AMBIGUOUS as above.
 */
enum rn_status rn_find_foreign(struct rn_store *store, const char *text, struct rn_trace_id *out,
                               uint32_t *event, struct rn_error *error);

/*
 * Newest first when `newest_first`. The callback returns false to stop. The summary is lent during the call. One that is
 * damaged hides no other: it is passed over, and at the end RN_DAMAGED has a sentence that names it; all others were visited.
 */
typedef bool rn_find_visit(void *self, const struct rn_trace_summary *summary);
enum rn_status rn_find_each(struct rn_store *store, bool newest_first, rn_find_visit *visit,
                            void *self, struct rn_error *error);

/* The id a session text stands for: its own 32 hex digits, or the first half of the SHA-256 of any other text. Zero for "". */
struct rn_trace_id rn_find_session_id(const char *text);

/* All traces of a session in order of their start; `ids` is rn_alloc'ed. A trace without a session has its own id as session. RN_NOTFOUND when there is none. */
enum rn_status rn_find_session(struct rn_store *store, const struct rn_trace_id *session,
                               struct rn_trace_id **ids, size_t *count, struct rn_error *error);

#endif
