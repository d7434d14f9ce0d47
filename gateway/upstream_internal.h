/*
 * What the files of the forwarding half share: upstream.c (names and URLs), shard.c (curl's multi handles on our loop),
 * transfer.c (one request's life and its answer) and forward.c (the request as curl is to send it).
 *
 * curl forbids most calls from inside its callbacks. So whatever a handler asks for while curl is on the stack is noted on
 * the shard and done when curl has returned; handlers are never called from inside rn_transfer_start, _resume or _cancel.
 */
#ifndef RN_GATEWAY_UPSTREAM_INTERNAL_H
#define RN_GATEWAY_UPSTREAM_INTERNAL_H

#include <curl/curl.h>

#include "base/buffer.h"
#include "upstream.h"

struct rn_shard;
struct rn_socket;

struct rn_upstream {
    char *name;
    char *url;     /* for people: without userinfo */
    char *origin;  /* what curl connects to: "https://host:port/" */
    CURLU *parsed; /* the same, so that curl need not parse and write it anew for every request */
    char *path;    /* put in front of every target; "" or "/v1" */
    char *authorization; /* a whole field line, or NULL */
};

struct rn_upstreams {
    struct rn_loop *loop;
    struct rn_upstream **by_name;
    size_t count;
    long connect_ms;
    long idle_ms;
    char *trust; /* file of CA certificates, or NULL: those of the system */
    struct rn_shard **shards;
    size_t shard_count;
    struct rn_timer *sweep;     /* frees shards that stayed empty */
    struct rn_socket **sockets; /* by descriptor; NULL where curl has none */
    size_t socket_count;
    struct rn_transfer *spare; /* finished ones, kept for their easy handles */
    size_t spare_count;
};

enum rn_transfer_state {
    RN_TRANSFER_HEAD, /* up to the end of the final head */
    RN_TRANSFER_BODY  /* body, then trailers */
};

struct rn_transfer {
    struct rn_upstreams *upstreams;
    const struct rn_upstream *upstream;
    const struct rn_transfer_handler *handler;
    void *self;
    CURL *easy;

    /* on its shard */
    struct rn_shard *shard;
    struct rn_transfer *next; /* among the active ones, or among the spare ones */
    struct rn_transfer *previous;
    struct rn_transfer *todo_next;
    bool todo;  /* stands in the shard's list */
    bool added; /* curl has it */
    bool cancelled;
    bool paused; /* the handler wants no more */
    bool halted; /* curl was told so */

    /* the request */
    struct rn_buffer text; /* method, target and field lines, each with a final zero */
    struct curl_slist *fields;
    size_t fields_cap;
    int spill;            /* the body is in this file, or -1: */
    struct rn_bytes body; /* there; lent */
    uint64_t body_at;     /* how much of it curl has read */
    uint64_t body_len;
    bool is_copied;  /* curl has a copy and asks us for nothing */
    bool is_gone;    /* it was sent, and is not lent any more */
    bool may_repeat; /* sending it twice asks for no more than sending it once */

    /* the answer */
    bool ends_with_head; /* though curl expects a body */
    enum rn_transfer_state state;
    struct rn_buffer head;
    struct rn_buffer trailers;
    uint64_t body_bytes;
    uint64_t interim_bytes; /* of all 1xx heads: their number is bounded by nothing else */
    const char *fault; /* why we refused it, one clause about the upstream, or NULL */
    char detail[CURL_ERROR_SIZE];

    /* silence */
    struct rn_timer *idle;
    long idle_ms;
    uint64_t heard_ns;
    curl_off_t sent_bytes;
};

/* --- shard.c ------------------------------------------------------------------------------------------------------- */

/* Gives a prepared transfer to the first shard with room. False when memory ran out. */
bool rn_shard_take(struct rn_transfer *transfer);
/* Takes it away from curl, now or when curl returns, and recycles it. It was marked cancelled. */
void rn_shard_drop(struct rn_transfer *transfer);
/* Lets curl deliver again, soon. */
void rn_shard_resume(struct rn_transfer *transfer);
/* Takes it away from curl at once; curl is not on the stack. */
void rn_shard_remove(struct rn_transfer *transfer);
bool rn_shards_init(struct rn_upstreams *upstreams);
/* Cancels every transfer, closes every connection. */
void rn_shards_free(struct rn_upstreams *upstreams);

/* curl's sockets are made and closed here, so that no watcher outlives its descriptor. clientp is the rn_upstreams. */
curl_socket_t rn_socket_open(void *clientp, curlsocktype purpose, struct curl_sockaddr *address);
int rn_socket_close(void *clientp, curl_socket_t descriptor);

/* --- transfer.c ---------------------------------------------------------------------------------------------------- */

/* Tells the handler how it ended and recycles it. It is on no shard any more. */
void rn_transfer_end(struct rn_transfer *transfer, CURLcode code);
/* Back to the spare ones. */
void rn_transfer_recycle(struct rn_transfer *transfer);
void rn_transfer_destroy(struct rn_transfer *transfer);

/* --- forward.c ----------------------------------------------------------------------------------------------------- */

/* Sets everything about the request on the easy handle. False when memory ran out. */
bool rn_transfer_prepare(struct rn_transfer *transfer, const struct rn_forward *forward);

#endif
