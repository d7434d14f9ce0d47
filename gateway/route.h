/*
 * Whom is a request for? On a port of an upstream's own every path is the upstream's. On the port with our paths:
 *
 *   /NAME/rest           upstream NAME, target /rest
 *   /t/TRACE/NAME/rest   the same, with an explicit trace (32 hex digits or an alias)
 *   /_reenact/...        ours
 *
 * NAME is [a-z][a-z0-9-]{1,31}. Targets stay raw; the query belongs to the rest. An absolute-form target counts from its
 * path on. "/NAME" alone is the upstream's "/"; "/NAME?query" is nobody's, since no target would begin with '/'. Pure
 * functions.
 */
#ifndef RN_GATEWAY_ROUTE_H
#define RN_GATEWAY_ROUTE_H

#include "base/bytes.h"
#include "wire/http.h"

enum rn_route_kind { RN_ROUTE_UPSTREAM, RN_ROUTE_OWN, RN_ROUTE_NONE };

struct rn_route {
    enum rn_route_kind kind;
    struct rn_bytes upstream; /* name */
    struct rn_bytes trace;    /* from /t/TRACE/, else empty; an alias is [A-Za-z0-9._-]{1,64} */
    struct rn_bytes target;   /* relative to the upstream, begins with '/' (or is "*") */
};

/* `port_upstream` is the upstream whose own port the request came to, or NULL. Lent from `target` and `port_upstream`. */
struct rn_route rn_route_of(struct rn_bytes target, const char *port_upstream);
bool rn_route_name_is_legal(struct rn_bytes name);
bool rn_route_alias_is_legal(struct rn_bytes alias);

/*
 * Why we do not pass a well-formed request on: a WebSocket (or other) upgrade or a SigV4 signature, which covers host and
 * path (`Authorization: AWS4-`, `X-Amz-Signature`). NULL when nothing is in the way, else a sentence; the status is 501.
 * An offer of h2c is no reason: it may be ignored, and Java's client makes it with every request.
 */
const char *rn_route_refusal(const struct rn_http_head *head);

#endif
