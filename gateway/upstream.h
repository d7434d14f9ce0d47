/*
 * The forwarding half: named upstreams, reached by libcurl on the same loop, in shards of RN_TRANSFERS_PER_SHARD transfers
 * per multi handle (http.md 3.4). Only shard.c (curl's multi side), transfer.c and forward.c (its easy side)
 * speak to curl.
 *
 * Everything here belongs to the loop's thread. SIGPIPE is ignored in the whole process from rn_upstreams_new on. Idle
 * connections are kept and watched, so the loop does not run out of things to wait for: end it by rn_loop_stop.
 */
#ifndef RN_GATEWAY_UPSTREAM_H
#define RN_GATEWAY_UPSTREAM_H

#include "base/bytes.h"
#include "base/status.h"
#include "gateway/loop.h"
#include "wire/http.h"

struct rn_upstreams;
struct rn_upstream;
struct rn_transfer;

/* NULL when memory ran out. */
struct rn_upstreams *rn_upstreams_new(struct rn_loop *loop);
/* Cancels every transfer without telling its handler. Before the loop is freed; not from inside a handler. */
void rn_upstreams_free(struct rn_upstreams *upstreams);
/*
 * For transfers started from now on: how long a connection may take to come up, and how long an upstream may neither send
 * nor take a byte while we do not pause it. Milliseconds, over 0. Default: RN_CONNECT_TIMEOUT_MS, RN_IDLE_TIMEOUT_MS.
 */
void rn_upstreams_set_timeouts(struct rn_upstreams *upstreams, long connect_ms, long idle_ms);
/* Certificates (PEM) trusted instead of the system's, for transfers started from now on. RN_NOMEM. */
enum rn_status rn_upstreams_trust(struct rn_upstreams *upstreams, const char *path);

/*
 * Adds NAME=URL or overrides it. http and https with an optional path, which is put in front of every target; userinfo
 * becomes an Authorization: Basic of every request that has none. RN_INVALID with a sentence, which does not repeat the URL;
 * RN_NOMEM. Pointers to an overridden upstream stay valid and mean the new URL.
 */
enum rn_status rn_upstreams_add(struct rn_upstreams *upstreams, const char *name, const char *url,
                                struct rn_error *error);
/* The built-in ones of DESIGN 5.1. */
enum rn_status rn_upstreams_add_builtin(struct rn_upstreams *upstreams, struct rn_error *error);
const struct rn_upstream *rn_upstreams_find(const struct rn_upstreams *upstreams,
                                            struct rn_bytes name);
/* All of them in order of name; NULL past the end. */
const struct rn_upstream *rn_upstreams_at(const struct rn_upstreams *upstreams, size_t index);
const char *rn_upstream_name(const struct rn_upstream *upstream);
/* Without userinfo and without a slash at the end. Lent until the upstream is overridden. */
const char *rn_upstream_url(const struct rn_upstream *upstream);

/* One request to pass on. Everything is borrowed until on_done or rn_transfer_cancel. */
struct rn_forward {
    struct rn_bytes method;
    struct rn_bytes target; /* relative to the upstream */
    const struct rn_http_head
        *head; /* its fields are passed on; borrowed only until rn_transfer_start returns */
    struct rn_bytes body;
    int spill; /* >= 0: the body is this file's first `body_bytes` bytes instead */
    uint64_t
        body_bytes; /* whole length; a body exists also when this is 0 and the head announced one */
    bool has_body;
    struct rn_bytes trailers; /* request trailers are recorded, not passed on */
    struct rn_bytes own_field; /* one line more, without its end: "name: value"; empty: none */
};

struct rn_transfer_end {
    bool complete;    /* the response ended by its framing */
    bool timed_out;   /* answer 504 instead of 502 */
    int code;         /* CURLcode */
    const char *name; /* "CURLE_COULDNT_CONNECT"; static */
    char sentence
        [256]; /* what happened, to what: "could not connect to http://127.0.0.1:9 (connection refused)" */
    struct rn_bytes trailers; /* raw trailer lines of the response; lent during the call */
};

struct rn_transfer_handler {
    /* An interim (1xx, not 100 and not 101) head, complete. */
    void (*on_interim)(void *self, struct rn_bytes head);
    /* The final head, complete, raw lines as they came (HTTP/2 status lines appear as "HTTP/2 200"). */
    void (*on_head)(void *self, struct rn_bytes head);
    /*
     * A piece of the body, in its content coding. False: taken, but deliver no more until rn_transfer_resume. on_done may
     * still come meanwhile when nothing was left to deliver or the upstream failed.
     */
    bool (*on_body)(void *self, struct rn_bytes piece);
    /* The end; the transfer is invalid when this returns. */
    void (*on_done)(void *self, const struct rn_transfer_end *end);
};

/*
 * Starts a transfer. Fields of the client are passed on in order, case and duplicates kept, without hop-by-hop fields, Host,
 * Content-Length and Expect (set anew), and without x-reenact-*. NULL when memory ran out. `handler` must outlive it.
 * May be called from inside any callback; no callback comes before it returns.
 */
struct rn_transfer *rn_transfer_start(struct rn_upstreams *upstreams,
                                      const struct rn_upstream *upstream,
                                      const struct rn_forward *forward,
                                      const struct rn_transfer_handler *handler, void *self);
/* Go on after on_body returned false. The handler is called later in this turn of the loop, never from inside. */
void rn_transfer_resume(struct rn_transfer *transfer);
/*
 * Whether the upstream has the whole request and has begun to answer it. Then the body that was lent is not read again and
 * may go; otherwise it is still borrowed.
 */
bool rn_transfer_let_go(struct rn_transfer *transfer);
/*
 * Stops at once and closes the upstream connection; no further callback. Also from inside a callback of this transfer (not
 * of its on_done) or of another one; the connection is then closed when that callback has returned.
 */
void rn_transfer_cancel(struct rn_transfer *transfer);

#endif
