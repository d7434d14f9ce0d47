/*
 * The listening half: loopback ports, connections, requests read whole, answers framed by us (http.md 5).
 *
 * A gateway reads HTTP/1.1 (and 1.0) requests strictly, checks who is asking, and hands each complete request to one
 * handler as an exchange. The handler answers when it likes, in pieces, from the same thread. Everything written during a
 * turn of the loop goes out in one send at its end.
 *
 * Refused here with a sentence, without the handler: malformed heads and bodies (400, 431, 501, 505), a Host that is not
 * loopback (421), a foreign Origin (403), a peer of another uid (403), too many connections (503), a body too large for
 * memory that no temporary file takes (507). Each of these closes the connection. A client that closes its sending half
 * before its answer is complete counts as gone, as in nginx. One that closes its connection before it was accepted has no uid
 * any more, and its request is refused: it may be anybody's.
 */
#ifndef RN_GATEWAY_GATEWAY_H
#define RN_GATEWAY_GATEWAY_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "gateway/loop.h"
#include "gateway/route.h"
#include "wire/http.h"

struct rn_gateway;
struct rn_exchange;

/* A request as it came, complete. Lent: until on_request returns, unless said otherwise. */
struct rn_request {
    const struct rn_http_head *head; /* parsed; raw as the client sent it, our prefix included */
    struct rn_route route;           /* upstream, explicit trace, target relative to the upstream */
    struct rn_bytes body;            /* decoded from chunks; at most RN_REQUEST_BODY_BYTES_MAX */
    struct rn_bytes trailers;        /* raw lines, empty unless chunked with trailers */
    uint64_t body_bytes;             /* the whole length, more than body.len when it was spilled */
    int spill; /* descriptor of an unlinked file with the whole body, or -1; the exchange's */
    uint64_t connection;      /* number of the connection, 1, 2, ... in order of accept */
    uint64_t arrived_wall_ns; /* the request was complete */
    uint64_t arrived_mono_ns;
};

/*
 * What a handler is told. Every exchange that was given to on_request ends with exactly one of on_delivered and on_gone;
 * after that it is invalid. An exchange is answered within on_request or later.
 */
struct rn_handler {
    void *self;
    void (*on_request)(void *self, struct rn_exchange *exchange, const struct rn_request *request);
    /* The queue fell below RN_OUT_LOW_BYTES after rn_exchange_write had returned false. Not after finish or cut. */
    void (*on_drained)(void *self, struct rn_exchange *exchange);
    /* The kernel took the last framed byte (or, after a cut, all that was written). */
    void (*on_delivered)(void *self, struct rn_exchange *exchange);
    /* The client left, or its connection broke, before that. */
    void (*on_gone)(void *self, struct rn_exchange *exchange);
};

struct rn_gateway_counts {
    uint64_t connections; /* accepted */
    uint64_t requests;    /* given to the handler */
    uint64_t malformed;   /* answered 4xx or 5xx by the framing */
    uint64_t foreign;     /* refused for Host, Origin or uid */
    uint64_t ownerless;   /* refused: closed by its client before the uid could be asked for */
    uint64_t
        misdirected;  /* of our own user, and refused for Host, Origin or too many connections */
    size_t open;      /* connections now */
    size_t in_flight; /* exchanges now */
};

/* The handler's struct is copied. NULL when memory ran out. */
struct rn_gateway *rn_gateway_new(struct rn_loop *loop, const struct rn_handler *handler);
/* Ends every connection; open exchanges get on_gone. Not from within a handler's callback. */
void rn_gateway_free(struct rn_gateway *gateway);
/* Accept peers of any uid (listeners inside a namespace; tests). Default: only ours. */
void rn_gateway_any_peer(struct rn_gateway *gateway, bool any);

/*
 * Listens on 127.0.0.1:port (0: the kernel chooses) and stores the port in *bound. `upstream` names the upstream whose own
 * port this is and is copied; NULL makes it the port with our paths (/NAME/, /t/TRACE/NAME/, /_reenact/). RN_BUSY with a
 * sentence when the port is taken.
 */
enum rn_status rn_gateway_listen(struct rn_gateway *gateway, uint16_t port, const char *upstream,
                                 uint16_t *bound, struct rn_error *error);
/* No new connections; those that are open go on. */
void rn_gateway_close_listeners(struct rn_gateway *gateway);
struct rn_gateway_counts rn_gateway_counts(const struct rn_gateway *gateway);

/* --- answering ----------------------------------------------------------------------------------------------------- */

/* A pointer of the handler's own, NULL at first. */
void rn_exchange_set_context(struct rn_exchange *exchange, void *context);
void *rn_exchange_context(const struct rn_exchange *exchange);

/*
 * Takes over the memory that holds the request: raw head, then body. `request` offsets stay valid in it:
 * request->head->raw and request->body point into it. Without this call it is freed when on_request returns.
 */
struct rn_buffer rn_exchange_take_request(struct rn_exchange *exchange);

/* What framing depends on, kept for the life of the exchange. */
struct rn_client {
    unsigned version_minor;
    bool keep_alive; /* as the client asks; false also once we want to close */
    bool is_head;
};
struct rn_client rn_exchange_client(const struct rn_exchange *exchange);
/* How many complete or partial further requests wait behind this one on its connection (pipelining). */
bool rn_exchange_has_successor(const struct rn_exchange *exchange);

/* Sends an interim (1xx) head as it stands. Before rn_exchange_start only; dropped for HTTP/1.0 clients. */
void rn_exchange_inform(struct rn_exchange *exchange, struct rn_bytes head);

/*
 * Sends a complete head (status line to empty line) as it stands; `framing` and, for RN_FRAMING_LENGTH, `length` say what it
 * announces. rn_answer_compose makes such heads.
 */
void rn_exchange_start(struct rn_exchange *exchange, struct rn_bytes head,
                       enum rn_http_framing framing, uint64_t length);

/*
 * Sends a piece of the body: one chunk of its own when chunked. Copied. False: the queue is above RN_OUT_HIGH_BYTES (the
 * piece was taken all the same); write no more until on_drained.
 */
bool rn_exchange_write(struct rn_exchange *exchange, struct rn_bytes piece);

/* The end by framing: the last chunk with `trailers` (raw lines, may be empty), or nothing to add. */
void rn_exchange_finish(struct rn_exchange *exchange, struct rn_bytes trailers);

/*
 * The end without an end: what was written goes out, then the connection is closed (where only its end would end the body it is
 * reset, once the client's kernel has everything before it), so that no client takes it for complete. Whatever is said after
 * a cut, and a cut after the finish, is ignored.
 */
void rn_exchange_cut(struct rn_exchange *exchange);

/* --- making heads -------------------------------------------------------------------------------------------------- */

struct rn_answer {
    enum rn_http_framing framing;
    uint64_t length;
};

/*
 * Appends the head this client is sent for an upstream's (or a recorded) head: HTTP/1.1 status line with code and reason as
 * they came; field lines in order, case and duplicates kept; hop-by-hop fields (and those Connection names) dropped; our
 * framing in the place where the old one stood: Content-Length as it came when there is one, else `Transfer-Encoding:
 * chunked`, else (HTTP/1.0 client) the end of the connection; `Connection: close` or `keep-alive` at the end where the
 * client's version and wish ask for it. Composing an already composed head for an equal client gives the same bytes.
 * Lines without CR, folded ones and blanks before a colon are mended (RFC 9112 2.2, 5.1, 5.2); other odd lines pass as they
 * are. RN_INVALID: no status line, or Content-Lengths that contradict one another.
 */
enum rn_status rn_answer_compose(struct rn_buffer *out, struct rn_bytes upstream_head,
                                 struct rn_client client, struct rn_answer *answer);

/*
 * Answers with a whole response of our own: status, extra field lines ("Name: value\r\n..." or empty), media type and body.
 * For refusals and misses. Appends what it sends (head, then body) to the buffers when they are not NULL.
 */
void rn_exchange_answer(struct rn_exchange *exchange, unsigned status, struct rn_bytes fields,
                        const char *media_type, struct rn_bytes body, struct rn_buffer *head_sent);

#endif
