/*
 * Listening ports, and what the connections of one gateway share: counts, spare buffers, the list of those with news.
 *
 * In come sockets of strangers, out go connections (connection.c). It asks for the uid of each, so that no other user of the
 * machine speaks through our credentials, and it never spins when descriptors run out.
 */
#include "gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "peer.h"

#include "base/memory.h"

#define BACKLOG 4096
/* Fairness: so many connections are accepted before the others are heard again. */
#define ACCEPTS_PER_TURN 64
/* How often is looked whether a client's kernel has taken everything: nothing tells. */
#define RESET_LOOK_NS UINT64_C(5000000)
/* So many connections over the maximum are still told why they are refused. */
#define CROWD_MAX 64u
/* Beside those of connections: the crowd, the store, ports, the command's streams, a request in a file. */
#define DESCRIPTORS_BESIDE (64u + CROWD_MAX)

/* --- rings ----------------------------------------------------------------------------------- */

void rn_ring_init(struct rn_link *ring)
{
    ring->next = ring->previous = ring;
}

void rn_ring_add(struct rn_link *ring, struct rn_link *link)
{
    if (link->next == NULL) {
        link->previous = ring->previous;
        link->next = ring;
        ring->previous->next = link;
        ring->previous = link;
    }
}

void rn_ring_remove(struct rn_link *link)
{
    if (link->next != NULL) {
        link->previous->next = link->next;
        link->next->previous = link->previous;
        link->next = link->previous = NULL;
    }
}

/* --- spare buffers --------------------------------------------------------------------------- */

struct rn_buffer rn_gateway_lend(struct rn_gateway *gateway)
{
    if (gateway->spare_count == 0) {
        return (struct rn_buffer){0};
    }
    return gateway->spares[--gateway->spare_count];
}

void rn_gateway_give_back(struct rn_gateway *gateway, struct rn_buffer *buffer)
{
    if (buffer->cap == 0 || buffer->cap > RN_SPARE_BYTES_MAX ||
        gateway->spare_count == RN_SPARES_MAX) {
        rn_buffer_free(buffer);
        return;
    }
    rn_buffer_clear(buffer);
    gateway->spares[gateway->spare_count++] = *buffer;
    *buffer = (struct rn_buffer){0};
}

/* --- the end of a turn ----------------------------------------------------------------------- */

/* Those that are dirty now; what becomes dirty meanwhile asks for another round itself. */
static void on_turn(void *self)
{
    struct rn_gateway *gateway = self;
    const struct rn_link *last = gateway->dirty.previous;
    bool more = last != &gateway->dirty;
    while (more && gateway->dirty.next != &gateway->dirty) {
        struct rn_link *link = gateway->dirty.next;
        more = link != last;
        rn_ring_remove(link);
        rn_connection_flush(RN_OF(link, in_dirty));
    }
}

/* --- lingering ------------------------------------------------------------------------------- */

static void on_linger_timer(void *self)
{
    struct rn_gateway *gateway = self;
    uint64_t now = rn_loop_now_ns(gateway->loop);
    struct rn_link *link;
    while ((link = gateway->lingering.next) != &gateway->lingering) {
        struct rn_connection *connection = RN_OF(link, in_lingering);
        if (connection->linger_until > now) {
            rn_timer_start(gateway->linger_timer, connection->linger_until - now);
            return;
        }
        rn_connection_free(connection);
    }
}

void rn_gateway_linger(struct rn_gateway *gateway, struct rn_connection *connection)
{
    bool first = gateway->lingering.next == &gateway->lingering;
    connection->linger_until = rn_loop_now_ns(gateway->loop) + RN_LINGER_NS;
    rn_ring_add(&gateway->lingering, &connection->in_lingering);
    if (first) {
        rn_timer_start(gateway->linger_timer, RN_LINGER_NS);
    }
}

/* --- resets ---------------------------------------------------------------------------------- */

static bool is_all_taken(const struct rn_connection *connection)
{
    int left = 0;
    return ioctl(connection->descriptor, SIOCOUTQ, &left) != 0 || left == 0;
}

static void on_reset_timer(void *self)
{
    struct rn_gateway *gateway = self;
    struct rn_link *next;
    for (struct rn_link *link = gateway->resetting.next; link != &gateway->resetting; link = next) {
        next = link->next;
        if (is_all_taken(RN_OF(link, in_lingering))) {
            rn_connection_free(RN_OF(link, in_lingering));
        }
    }
    if (gateway->resetting.next != &gateway->resetting) {
        rn_timer_start(gateway->reset_timer, RESET_LOOK_NS);
    }
}

void rn_gateway_reset(struct rn_gateway *gateway, struct rn_connection *connection)
{
    bool first = gateway->resetting.next == &gateway->resetting;
    if (is_all_taken(connection)) {
        rn_connection_free(connection);
        return;
    }
    rn_ring_add(&gateway->resetting, &connection->in_lingering);
    if (first) {
        rn_timer_start(gateway->reset_timer, RESET_LOOK_NS);
    }
}

/* --- accepting ------------------------------------------------------------------------------- */

static void watch_listeners(struct rn_gateway *gateway, bool watched)
{
    for (struct rn_listener *listener = gateway->listeners; listener != NULL;
         listener = listener->next) {
        if (listener->descriptor >= 0) {
            rn_watch_set(listener->watch, watched, false);
        }
    }
}

/* Readiness is level-triggered: without this, a full table of descriptors would keep the loop busy with failing. */
static void pause_accepting(struct rn_gateway *gateway)
{
    gateway->accept_paused = true;
    watch_listeners(gateway, false);
    rn_timer_start(gateway->accept_timer, RN_ACCEPT_PAUSE_NS);
}

void rn_gateway_accept_again(struct rn_gateway *gateway)
{
    if (gateway->accept_paused) {
        gateway->accept_paused = false;
        rn_timer_stop(gateway->accept_timer);
        watch_listeners(gateway, true);
    }
}

static void on_accept_timer(void *self)
{
    rn_gateway_accept_again(self);
}

const char rn_ownerless[] =
    "whoever sent the request closed the connection before it could be known who that is";

static const char *judge(const struct rn_gateway *gateway, const struct rn_listener *listener,
                         const struct sockaddr_in *peer, unsigned *status)
{
    /* Those that are being refused hold nobody else up: some clients keep asking. */
    if (gateway->counts.open - gateway->unwelcome >= gateway->connections_max) {
        *status = 503;
        return gateway->connections_max < RN_CONNECTIONS_MAX
                   ? "reenact has as many open connections as its limit of open files allows "
                     "(ulimit -Hn); raise it, or close some connections and try again"
                   : "reenact has as many open connections as it can hold; close some or try again";
    }
    const struct sockaddr_in local = {.sin_family = AF_INET,
                                      .sin_port = htons(listener->port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uid_t uid = 0;
    if (gateway->any_peer) {
        return NULL;
    }
    *status = 403;
    if (!rn_peer_uid(gateway->diagnosis, peer, &local, &uid)) {
        return rn_ownerless;
    }
    return uid == geteuid() ? NULL : "the request comes from another user of this machine";
}

static void welcome(struct rn_gateway *gateway, const struct rn_listener *listener, int descriptor,
                    const struct sockaddr_in *peer)
{
    const int on = 1;
    unsigned status = 0;
    const char *unwelcome = judge(gateway, listener, peer, &status);
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (rn_connection_new(gateway, listener, descriptor, status, unwelcome) == NULL) {
        (void)close(descriptor);
    }
}

static void on_acceptable(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    struct rn_listener *listener = self;
    struct rn_gateway *gateway = listener->gateway;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof peer;
        if (gateway->counts.open >= gateway->connections_max + CROWD_MAX) {
            pause_accepting(gateway);
            return;
        }
        int descriptor = accept4(listener->descriptor, (struct sockaddr *)&peer, &len,
                                 SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor >= 0) {
            welcome(gateway, listener, descriptor, &peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            pause_accepting(gateway); /* EMFILE, ENFILE, ENOBUFS, ENOMEM */
            return;
        }
    }
}

/* --- listening ------------------------------------------------------------------------------- */

static enum rn_status open_listener(uint16_t port, int *out, uint16_t *bound,
                                    struct rn_error *error)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int on = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) {
        return rn_fail(error, RN_IO, "cannot make a socket: %s", strerror(errno));
    }
    /* A port we had a moment ago is ours again although its old connections are still winding up. */
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(descriptor, BACKLOG) != 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &len) != 0) {
        int why = errno;
        (void)close(descriptor);
        if (why == EADDRINUSE) {
            return rn_fail(error, RN_BUSY,
                           "port %u on 127.0.0.1 is taken by another program; choose another port",
                           (unsigned)port);
        }
        return rn_fail(error, RN_IO, "cannot listen on 127.0.0.1:%u: %s", (unsigned)port,
                       strerror(why));
    }
    *out = descriptor;
    *bound = ntohs(address.sin_port);
    return RN_OK;
}

static void close_listener(struct rn_listener *listener)
{
    rn_watch_free(listener->watch);
    listener->watch = NULL;
    if (listener->descriptor >= 0) {
        (void)close(listener->descriptor);
        listener->descriptor = -1;
    }
}

static void free_listener(struct rn_listener *listener)
{
    close_listener(listener);
    rn_free(listener->upstream);
    rn_free(listener);
}

enum rn_status rn_gateway_listen(struct rn_gateway *gateway, uint16_t port, const char *upstream,
                                 uint16_t *bound, struct rn_error *error)
{
    struct rn_listener *listener = rn_calloc(1, sizeof *listener);
    if (listener == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    listener->gateway = gateway;
    listener->descriptor = -1;
    enum rn_status status = RN_NOMEM;
    if (upstream != NULL && (listener->upstream = rn_dup_text(upstream)) == NULL) {
        (void)rn_fail(error, RN_NOMEM, "out of memory");
        goto done;
    }
    status = open_listener(port, &listener->descriptor, &listener->port, error);
    if (status != RN_OK) {
        goto done;
    }
    listener->watch = rn_watch_new(gateway->loop, listener->descriptor, on_acceptable, listener);
    if (listener->watch == NULL) {
        status = rn_fail(error, RN_NOMEM, "out of memory");
        goto done;
    }
    rn_watch_set(listener->watch, !gateway->accept_paused, false);
    *bound = listener->port;
    listener->next = gateway->listeners;
    gateway->listeners = listener;
    listener = NULL;
done:
    if (listener != NULL) {
        free_listener(listener);
    }
    return status;
}

void rn_gateway_close_listeners(struct rn_gateway *gateway)
{
    for (struct rn_listener *listener = gateway->listeners; listener != NULL;
         listener = listener->next) {
        close_listener(listener); /* the struct stays: connections point to its name */
    }
}

/* --- the gateway ----------------------------------------------------------------------------- */

/*
 * How many connections there may be: each may want a second descriptor, to its upstream. The soft limit is raised as far as it
 * takes, once and for the whole process; a command gets its own back (inherited.h).
 */
static size_t make_room(void)
{
    const rlim_t wanted = (rlim_t)2 * RN_CONNECTIONS_MAX + DESCRIPTORS_BESIDE;
    struct rlimit limit = {.rlim_cur = wanted};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        struct rlimit raised = limit;
        raised.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    if (limit.rlim_cur >= wanted) {
        return RN_CONNECTIONS_MAX;
    }
    return limit.rlim_cur <= DESCRIPTORS_BESIDE + 2
               ? 1
               : (size_t)(limit.rlim_cur - DESCRIPTORS_BESIDE) / 2;
}

struct rn_gateway *rn_gateway_new(struct rn_loop *loop, const struct rn_handler *handler)
{
    struct rn_gateway *gateway = rn_calloc(1, sizeof *gateway);
    if (gateway == NULL) {
        return NULL;
    }
    gateway->loop = loop;
    gateway->handler = *handler;
    gateway->connections_max = make_room();
    gateway->diagnosis = rn_peer_open_diagnosis();
    rn_ring_init(&gateway->all);
    rn_ring_init(&gateway->dirty);
    rn_ring_init(&gateway->lingering);
    rn_ring_init(&gateway->resetting);
    gateway->turn = rn_turn_new(loop, on_turn, gateway);
    gateway->linger_timer = rn_timer_new(loop, on_linger_timer, gateway);
    gateway->accept_timer = rn_timer_new(loop, on_accept_timer, gateway);
    gateway->reset_timer = rn_timer_new(loop, on_reset_timer, gateway);
    if (gateway->turn == NULL || gateway->linger_timer == NULL || gateway->accept_timer == NULL ||
        gateway->reset_timer == NULL) {
        rn_gateway_free(gateway);
        return NULL;
    }
    return gateway;
}

void rn_gateway_free(struct rn_gateway *gateway)
{
    if (gateway == NULL) {
        return;
    }
    rn_gateway_close_listeners(gateway);
    while (gateway->all.next != &gateway->all) {
        rn_connection_free(RN_OF(gateway->all.next, in_all));
    }
    while (gateway->listeners != NULL) {
        struct rn_listener *listener = gateway->listeners;
        gateway->listeners = listener->next;
        free_listener(listener);
    }
    while (gateway->spare_count > 0) {
        rn_buffer_free(&gateway->spares[--gateway->spare_count]);
    }
    rn_turn_free(gateway->turn);
    rn_timer_free(gateway->linger_timer);
    rn_timer_free(gateway->accept_timer);
    rn_timer_free(gateway->reset_timer);
    if (gateway->diagnosis >= 0) {
        (void)close(gateway->diagnosis);
    }
    rn_free(gateway);
}

void rn_gateway_any_peer(struct rn_gateway *gateway, bool any)
{
    gateway->any_peer = any;
}

struct rn_gateway_counts rn_gateway_counts(const struct rn_gateway *gateway)
{
    return gateway->counts;
}
