/*
 * A live request as matching sees it: redacted the way the store's write door redacted the recorded one, and with the name
 * of the trace it asks for (DESIGN 5.3). Private to replayer/.
 */
#ifndef RN_REPLAYER_LIVE_H
#define RN_REPLAYER_LIVE_H

#include "catalog.h"
#include "gateway/gateway.h"
#include "wire/redact.h"

/* Kept and used again for request after request: its spans keep their memory. rn_live_free at the end. */
struct rn_live {
    const struct rn_request *request; /* lent, as in on_request */
    struct rn_key_input input;        /* points at the spans below */
    struct rn_spans head_spans;
    struct rn_spans target_spans;
    struct rn_spans body_spans;
    struct rn_bytes
        label; /* the trace it names: 32 hex digits or an alias; empty when it names none */
    bool label_is_illegal;
};

/*
 * Redacts (learning what the head shows) and finds the label. The order is the write door's: head, target, body, so that
 * what a head shows by name is found in the body behind it. RN_NOMEM.
 */
enum rn_status rn_live_read(struct rn_redactor *redactor, const struct rn_request *request,
                            struct rn_live *live);
void rn_live_free(struct rn_live *live);

/*
 * The traces a request with that label can belong to, one after the other: the first with an index >= `from`, or SIZE_MAX.
 * A label: the trace of that id and its children, or the traces of that alias. None: the run's trace; without a run, all.
 */
size_t rn_live_trace(const struct rn_catalog *catalog, struct rn_bytes label, size_t from);

#endif
