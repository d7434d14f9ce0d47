/*
 * Whose is a call that names no trace? Inbound requests that are in flight through ingress, and the evidence that a call belongs
 * to exactly one of them (DESIGN 5.3, 5.6). Where the evidence names two, or contradicts itself, nobody is named: a call that is
 * left alone is counted, one that is joined wrongly would be a lie.
 *
 * In this order: a `traceparent` of the same trace as exactly one inbound request in flight; an id that the answer to a call of
 * exactly one of them minted (a tool call, a response), in the call as a JSON string; content: a value of the body of exactly one
 * of them stands in the call, and in the body of nobody else, whether in flight or answered before; containment: exactly one is in
 * flight, and nothing in the call is known from another one only, which was just answered and may not be done yet.
 *
 * Memory is bounded: what is not known (too many values, too large a body) decides nothing. One thread, the loop's. Private to
 * recorder/.
 */
#ifndef RN_RECORDER_JOINS_H
#define RN_RECORDER_JOINS_H

#include "gateway/gateway.h"
#include "store/event.h"
#include "tokens.h"

struct rn_joins;
struct rn_inbound;

/* NULL when memory ran out. */
struct rn_joins *rn_joins_new(void);
void rn_joins_free(struct rn_joins *joins);

/* An inbound request of that trace is in flight from now on. NULL when memory ran out. */
struct rn_inbound *rn_joins_begin(struct rn_joins *joins, const struct rn_trace_id *trace,
                                  const struct rn_request *request);
/*
 * It is answered, or, with `left`, its client did not wait or its answer broke off: then the application may go on with it, and it
 * counts as in flight for RN_JOIN_LEFT_NS more. The pointer is invalid afterwards.
 */
void rn_joins_end(struct rn_joins *joins, struct rn_inbound *inbound, bool left, uint64_t now_ns);

/* The rule that names the trace of a call ("link", ...; static), and the trace in *out. NULL: none does. */
const char *rn_joins_choose(struct rn_joins *joins, const struct rn_request *request,
                            uint64_t now_ns, struct rn_trace_id *out);
/* How many are in flight. */
size_t rn_joins_in_flight(const struct rn_joins *joins);

/* A number for the newest request in flight of that trace, for rn_joins_mint; 0: there is none. */
uint64_t rn_joins_number(const struct rn_joins *joins, const struct rn_trace_id *trace);
/* A piece of the answer to a call of that request, in no content coding. */
void rn_joins_mint(struct rn_joins *joins, uint64_t number, struct rn_id_finder *finder,
                   struct rn_bytes piece);

#endif
