/*
 * The insides of the listening half: what gateway.c, connection.c, exchange.c, body.c and admission.c share.
 *
 * A connection reads one request at a time and owns the one exchange that answers it. It is freed in three places only,
 * each the last act of a call from the loop: when its socket says that the client is gone, when it is flushed, and when the
 * gateway ends. Nothing a handler calls frees anything; a failure there is noted (`broken`) and met at the next flush.
 */
#ifndef RN_GATEWAY_CONNECTION_H
#define RN_GATEWAY_CONNECTION_H

#include "base/limits.h"
#include "gateway/gateway.h"

/* How much one recv takes. One such block per gateway. */
#define RN_READ_BYTES ((size_t)128 * 1024)
/* Small buffers kept for the next connection that needs one, so that idle connections hold none. */
#define RN_SPARES_MAX 32u
#define RN_SPARE_BYTES_MAX ((size_t)32 * 1024)

/* A place in a ring; a ring is a link of its own. Links outside any ring have NULL in `next`. */
struct rn_link {
    struct rn_link *previous;
    struct rn_link *next;
};

enum rn_connection_state {
    RN_READING_HEAD,
    RN_READING_LENGTH, /* a body with Content-Length */
    RN_READING_CHUNKS,
    RN_COMPLETE,  /* the request is here and not yet given to the handler */
    RN_ANSWERING, /* the exchange is open */
    RN_LINGERING  /* our last word is said (or in `out`); what the client still sends is thrown away */
};

struct rn_exchange {
    void *context;
    struct rn_client client;
    enum rn_http_framing framing;
    uint64_t left; /* of an announced length */
    int spill;
    bool open; /* given to the handler, neither delivered nor gone */
    bool started;
    bool finished;
    bool cut;
    bool throttled; /* a write returned false, on_drained is owed */
};

struct rn_connection {
    struct rn_exchange exchange; /* first, so that an exchange is its connection */
    struct rn_gateway *gateway;
    const char *upstream; /* lent by the listener, which lives as long as the gateway */
    struct rn_watch *watch;
    struct rn_link in_all;
    struct rn_link in_dirty;
    struct rn_link in_lingering;
    uint64_t number;
    struct rn_buffer in; /* read ahead: an unfinished head, or what came behind the open exchange's request */
    size_t tried;        /* bytes of an unfinished head that were parsed in vain */
    struct rn_buffer request; /* raw head, then body */
    size_t head_bytes;
    uint64_t body_bytes;
    uint64_t body_left; /* of an announced length */
    struct rn_chunk_decoder decoder;
    struct rn_buffer out;
    size_t out_at;         /* sent so far */
    uint64_t lingered;     /* bytes thrown away */
    uint64_t linger_until; /* loop time */
    int descriptor;
    enum rn_connection_state state;
    const char *unwelcome; /* why every request of this connection is refused, or NULL */
    unsigned unwelcome_status;
    bool reading;  /* we want to know what the client sends */
    bool blocked;  /* the kernel's queue is full; wait until it is writable */
    bool shut;     /* our direction is closed, or is not to be */
    bool broken;   /* memory ran out */
};

struct rn_listener {
    struct rn_listener *next;
    struct rn_gateway *gateway;
    struct rn_watch *watch;
    char *upstream;
    uint16_t port;
    int descriptor; /* -1 once closed */
};

struct rn_gateway {
    struct rn_loop *loop;
    struct rn_handler handler;
    struct rn_turn *turn;
    struct rn_timer *linger_timer;
    struct rn_timer *accept_timer;
    struct rn_timer *reset_timer;
    struct rn_listener *listeners;
    struct rn_link all;
    struct rn_link dirty;
    struct rn_link lingering; /* in order of their deadlines */
    struct rn_link resetting; /* armed, until the kernel has sent all; by in_lingering too */
    struct rn_gateway_counts counts;
    size_t unwelcome;       /* of the open connections those that are refused whatever they ask */
    size_t connections_max; /* RN_CONNECTIONS_MAX, or as many as there are descriptors for */
    int diagnosis; /* for rn_peer_uid, or -1 */
    bool any_peer;
    bool accept_paused;
    unsigned spare_count;
    struct rn_buffer spares[RN_SPARES_MAX];
    const struct rn_connection *head_of; /* whose head stands in `head`, unless another was parsed since */
    struct rn_http_head head;
    uint8_t scratch[RN_READ_BYTES];
};

/* --- rings (gateway.c) --------------------------------------------------------------------------------------------- */

void rn_ring_init(struct rn_link *ring);
void rn_ring_add(struct rn_link *ring, struct rn_link *link); /* at the end; nothing if it is in a ring */
void rn_ring_remove(struct rn_link *link);
#define RN_OF(link, member)                                                                        \
    ((struct rn_connection *)(void *)((char *)(link)-offsetof(struct rn_connection, member)))

/* --- gateway.c ----------------------------------------------------------------------------------------------------- */

/* A spare buffer or an empty one, and back again (always leaves `buffer` empty). */
struct rn_buffer rn_gateway_lend(struct rn_gateway *gateway);
void rn_gateway_give_back(struct rn_gateway *gateway, struct rn_buffer *buffer);
/* Ends the connection RN_LINGER_NS from now at the latest. */
void rn_gateway_linger(struct rn_gateway *gateway, struct rn_connection *connection);
/*
 * Ends a connection that is armed as soon as the kernel's queue is empty: a reset throws away what waits there. May free it.
 */
void rn_gateway_reset(struct rn_gateway *gateway, struct rn_connection *connection);
/* A descriptor became free. */
void rn_gateway_accept_again(struct rn_gateway *gateway);

/* --- connection.c -------------------------------------------------------------------------------------------------- */

/* Takes over the descriptor. `unwelcome` (static text) makes every request be answered `status`. NULL: out of memory. */
struct rn_connection *rn_connection_new(struct rn_gateway *gateway,
                                        const struct rn_listener *listener, int descriptor,
                                        unsigned unwelcome_status, const char *unwelcome);
/* Ends it here and now; an open exchange gets on_gone. */
void rn_connection_free(struct rn_connection *connection);
/*
 * Whether the socket's close is a reset. Where only the connection's end ends a body it is one until the body has ended,
 * whatever closes the socket, our own death included: so nobody takes what was cut for complete.
 */
void rn_connection_arm(struct rn_connection *connection, bool armed);
/* Sends what there is, tells the handler what came of it, and goes on with the next request. May free the connection. */
void rn_connection_flush(struct rn_connection *connection);
/* Have it flushed at the end of this turn. */
void rn_connection_touch(struct rn_connection *connection);
/* Queues bytes for the client; out of memory makes the connection `broken`. */
void rn_connection_put(struct rn_connection *connection, struct rn_bytes bytes);
size_t rn_connection_pending(const struct rn_connection *connection);

/* --- body.c -------------------------------------------------------------------------------------------------------- */

/* The request's head, and room for a body of about `body_bytes` behind it. */
enum rn_status rn_body_begin(struct rn_connection *connection, struct rn_bytes raw_head,
                             uint64_t body_bytes);
/* A piece of the body: kept up to RN_REQUEST_BODY_BYTES_MAX; above, everything is in the spill file. RN_NOMEM, RN_IO. */
enum rn_status rn_body_add(struct rn_connection *connection, struct rn_bytes piece);

/* --- admission.c --------------------------------------------------------------------------------------------------- */

/* Why this head is not for us (Host, Origin), or NULL. Static text; *status is the answer. */
const char *rn_admission_refusal(const struct rn_http_head *head, unsigned *status);
/* "localhost", "127.0.0.1:80", "[::1]:80" and the like; an authority of host and optional port. */
bool rn_admission_is_loopback(struct rn_bytes authority);

/* gateway.c: why a connection without an owner is refused. */
extern const char rn_ownerless[];

#endif
