/*
 * curl's multi handles on our loop: which transfer runs where, whose socket is watched for what, when curl's timer is due.
 *
 * In come prepared transfers, readiness and time; out come ends (rn_transfer_end), and curl calls the transfer's own
 * callbacks meanwhile. libcurl 7.88 walks all connections of a multi handle per request, hence shards of
 * RN_TRANSFERS_PER_SHARD (http.md 3.4). It declines to know what a transfer carries.
 *
 * Two rules carry this file. curl must not be called from inside its callbacks: `inside` says that it is on the stack, and
 * what is asked for meanwhile waits on `todo`. And descriptors are used again: a watch ends in rn_socket_close, before its
 * descriptor does.
 */
#include <assert.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/reserve.h"
#include "upstream_internal.h"

/* Below about twice the transfers of a shard curl would close connections it is about to need (http.md 4). */
#define CONNECTIONS_PER_SHARD 256L
#define SWEEP_NS (UINT64_C(30) * 1000000000)
#define NS_PER_MS UINT64_C(1000000)

struct rn_shard {
    struct rn_upstreams *upstreams;
    CURLM *multi;
    struct rn_timer *timer;     /* curl's */
    struct rn_timer *settle;    /* delay 0: look at `todo` outside of whoever asked */
    struct rn_transfer *active; /* all of this shard */
    struct rn_transfer *todo;   /* those with something to do once curl has returned */
    struct rn_transfer **todo_end;
    size_t active_count;
    unsigned inside;
    bool settling;
    bool idle; /* was empty when the sweep last came by */
};

/* One descriptor that curl has. */
struct rn_socket {
    struct rn_upstreams *upstreams;
    struct rn_shard *shard; /* that last asked for it */
    struct rn_watch *watch;
    int descriptor;
    bool ours;      /* opened by rn_socket_open */
    bool connected; /* curl wanted to read from it */
    bool idle;      /* no transfer uses it */
    bool wanted;    /* curl waits for it now */
};

/* --- curl's memory --------------------------------------------------------------------------- */

/*
 * What curl keeps of a socket is small, and 7.88 waits for ever or divides by zero where it has no memory for that. Buffers it can
 * do without.
 */
#define LARGEST_RESERVED 1024u
static _Alignas(16) uint8_t reserved[(size_t)1024 * 1024];
static struct rn_reserve reserve = RN_RESERVE_OVER(reserved, LARGEST_RESERVED);

static void *curl_alloc(size_t size)
{
    return rn_reserve_alloc(&reserve, size);
}

static void curl_release(void *block)
{
    rn_reserve_free(&reserve, block);
}

static void *curl_resize(void *block, size_t size)
{
    return rn_reserve_realloc(&reserve, block, size);
}

static void *curl_zeroed(size_t count, size_t size)
{
    size_t all = 0;
    void *block = __builtin_mul_overflow(count, size, &all) ? NULL : curl_alloc(all);
    return block == NULL ? NULL : memset(block, 0, all);
}

static char *curl_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    void *block = curl_alloc(size);
    return block == NULL ? NULL : memcpy(block, text, size);
}

/* --- on and off a shard ---------------------------------------------------------------------- */

static void link_active(struct rn_shard *shard, struct rn_transfer *transfer)
{
    transfer->shard = shard;
    transfer->previous = NULL;
    transfer->next = shard->active;
    if (shard->active != NULL) {
        shard->active->previous = transfer;
    }
    shard->active = transfer;
    shard->active_count++;
    shard->idle = false;
}

static void unlink_active(struct rn_transfer *transfer)
{
    struct rn_shard *shard = transfer->shard;
    if (transfer->previous != NULL) {
        transfer->previous->next = transfer->next;
    } else {
        shard->active = transfer->next;
    }
    if (transfer->next != NULL) {
        transfer->next->previous = transfer->previous;
    }
    transfer->next = transfer->previous = NULL;
    transfer->shard = NULL;
    shard->active_count--;
}

static void todo_push(struct rn_transfer *transfer)
{
    struct rn_shard *shard = transfer->shard;
    if (!transfer->todo) {
        transfer->todo = true;
        transfer->todo_next = NULL;
        *shard->todo_end = transfer;
        shard->todo_end = &transfer->todo_next;
    }
}

static struct rn_transfer *todo_pop(struct rn_shard *shard)
{
    struct rn_transfer *transfer = shard->todo;
    if (transfer != NULL) {
        shard->todo = transfer->todo_next;
        if (shard->todo == NULL) {
            shard->todo_end = &shard->todo;
        }
        transfer->todo = false;
    }
    return transfer;
}

/* The list is short: those asked for since curl was last left. */
static void todo_remove(struct rn_transfer *transfer)
{
    struct rn_shard *shard = transfer->shard;
    struct rn_transfer **at = &shard->todo;
    while (transfer->todo && *at != transfer) {
        at = &(*at)->todo_next;
    }
    if (transfer->todo) {
        *at = transfer->todo_next;
        if (*at == NULL) {
            shard->todo_end = at;
        }
        transfer->todo = false;
    }
}

void rn_shard_remove(struct rn_transfer *transfer)
{
    struct rn_shard *shard = transfer->shard;
    assert(shard->inside == 0);
    if (transfer->added) {
        /* Of a transfer that has not ended this closes the connection. */
        CURLMcode code = curl_multi_remove_handle(shard->multi, transfer->easy);
        assert(code == CURLM_OK);
        (void)code;
        transfer->added = false;
    }
    todo_remove(transfer);
    unlink_active(transfer);
    if (shard->active_count == 0 && shard != shard->upstreams->shards[0]) {
        rn_timer_start(shard->upstreams->sweep, SWEEP_NS);
    }
}

static bool add_to_curl(struct rn_transfer *transfer)
{
    transfer->added = curl_multi_add_handle(transfer->shard->multi, transfer->easy) == CURLM_OK;
    return transfer->added;
}

/* --- what waits until curl has returned ------------------------------------------------------ */

/* Enters and leaves curl around every call that may run callbacks of a transfer. */
static void leave(struct rn_shard *shard);

static void let_flow(struct rn_transfer *transfer)
{
    struct rn_shard *shard = transfer->shard;
    transfer->halted = false;
    shard->inside++;
    CURLcode code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    leave(shard);
    if (code != CURLE_OK && !transfer->cancelled) {
        /* What it kept while it was halted is gone, so what would follow is another answer. */
        rn_shard_remove(transfer);
        rn_transfer_end(transfer, code);
    }
}

static void attend(struct rn_transfer *transfer)
{
    if (transfer->cancelled) {
        rn_shard_remove(transfer);
        rn_transfer_recycle(transfer);
    } else if (!transfer->added) {
        if (!add_to_curl(transfer)) {
            rn_shard_remove(transfer);
            rn_transfer_end(transfer, CURLE_OUT_OF_MEMORY);
        }
    } else if (transfer->halted && !transfer->paused) {
        let_flow(transfer);
    }
}

/* Takes one message of curl's; false when there is none. */
static bool take_message(struct rn_shard *shard)
{
    int left;
    const CURLMsg *message = curl_multi_info_read(shard->multi, &left);
    if (message == NULL) {
        return false;
    }
    if (message->msg == CURLMSG_DONE) {
        CURLcode code = message->data.result;
        char *private = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct rn_transfer *transfer = (struct rn_transfer *)(void *)private;
        rn_shard_remove(transfer);
        rn_transfer_end(transfer, code);
    }
    return true;
}

static void settle(struct rn_shard *shard)
{
    if (shard->inside > 0 || shard->settling) {
        return; /* whoever is at it will see the rest */
    }
    shard->settling = true;
    do {
        struct rn_transfer *transfer;
        while ((transfer = todo_pop(shard)) != NULL) {
            attend(transfer);
        }
    } while (take_message(shard));
    shard->settling = false;
}

static void leave(struct rn_shard *shard)
{
    assert(shard->inside > 0);
    shard->inside--;
    settle(shard);
}

/*
 * curl had no memory to note what it waits for: it does not say for whom, nobody would be told when it comes, and 7.88 breaks if it
 * is made to look again. So all that it was about fail.
 */
static void fail_all(struct rn_shard *shard)
{
    for (size_t left = shard->active_count; left > 0 && shard->active != NULL; left--) {
        struct rn_transfer *transfer = shard->active;
        rn_shard_remove(transfer);
        if (transfer->cancelled) {
            rn_transfer_recycle(transfer);
        } else {
            rn_transfer_end(transfer, CURLE_OUT_OF_MEMORY);
        }
    }
}

static void act(struct rn_shard *shard, curl_socket_t descriptor, int events)
{
    int running;
    shard->inside++;
    CURLMcode code = curl_multi_socket_action(shard->multi, descriptor, events, &running);
    leave(shard);
    if (code != CURLM_OK) {
        fail_all(shard);
    }
}

static void on_settle(void *self)
{
    settle(self);
}

void rn_shard_drop(struct rn_transfer *transfer)
{
    struct rn_shard *shard = transfer->shard;
    assert(transfer->cancelled);
    if (shard->inside > 0) {
        todo_push(transfer);
        return;
    }
    rn_shard_remove(transfer);
    rn_transfer_recycle(transfer);
}

void rn_shard_resume(struct rn_transfer *transfer)
{
    todo_push(transfer);
    if (transfer->shard->inside == 0) {
        rn_timer_start(transfer->shard->settle, 0);
    }
}

/* --- curl's timer ---------------------------------------------------------------------------- */

static int on_curl_timer(CURLM *multi, long delay_ms, void *self)
{
    (void)multi;
    struct rn_shard *shard = self;
    if (delay_ms < 0) {
        rn_timer_stop(shard->timer);
    } else {
        rn_timer_start(shard->timer, (uint64_t)delay_ms * NS_PER_MS);
    }
    return 0;
}

static void on_timer(void *self)
{
    act(self, CURL_SOCKET_TIMEOUT, 0);
}

/* --- curl's sockets -------------------------------------------------------------------------- */

static struct rn_socket *socket_of(const struct rn_upstreams *upstreams, int descriptor)
{
    return descriptor >= 0 && (size_t)descriptor < upstreams->socket_count
               ? upstreams->sockets[descriptor]
               : NULL;
}

/*
 * An idle connection was closed, or sent what nobody asked for (a 408, say, before it closes). curl 7.88 looks only for an end
 * when it wants to use the connection, and would take that for the answer to its next request; so the end is all it finds.
 */
static void spoil(int descriptor)
{
    char space[4096];
    (void)shutdown(descriptor, SHUT_RDWR);
    while (recv(descriptor, space, sizeof space, MSG_DONTWAIT) > 0) {
        /* no more than the kernel holds: what comes from now on is answered by a reset */
    }
}

static void on_ready(void *self, bool readable, bool writable)
{
    struct rn_socket *socket = self;
    if (!socket->wanted) {
        rn_watch_set(socket->watch, false, false);
        if (socket->idle) {
            spoil(socket->descriptor);
        }
        return;
    }
    act(socket->shard, socket->descriptor,
        (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static bool table_reaches(struct rn_upstreams *upstreams, int descriptor)
{
    if ((size_t)descriptor < upstreams->socket_count) {
        return true;
    }
    size_t count = (size_t)descriptor + 64;
    struct rn_socket **grown = rn_realloc(upstreams->sockets, count * sizeof(struct rn_socket *));
    if (grown == NULL) {
        return false;
    }
    size_t added = count - upstreams->socket_count;
    memset(grown + upstreams->socket_count, 0, added * sizeof(struct rn_socket *));
    upstreams->sockets = grown;
    upstreams->socket_count = count;
    return true;
}

static void socket_forget(struct rn_upstreams *upstreams, int descriptor)
{
    struct rn_socket *socket = socket_of(upstreams, descriptor);
    if (socket != NULL) {
        upstreams->sockets[descriptor] = NULL;
        rn_watch_free(socket->watch);
        rn_free(socket);
    }
}

static struct rn_socket *socket_add(struct rn_upstreams *upstreams, int descriptor)
{
    if (!table_reaches(upstreams, descriptor)) {
        return NULL;
    }
    /* curl may have closed a socket of this number by itself. */
    socket_forget(upstreams, descriptor);
    struct rn_socket *socket = rn_calloc(1, sizeof *socket);
    if (socket == NULL) {
        return NULL;
    }
    socket->watch = rn_watch_new(upstreams->loop, descriptor, on_ready, socket);
    if (socket->watch == NULL) {
        rn_free(socket);
        return NULL;
    }
    socket->upstreams = upstreams;
    socket->descriptor = descriptor;
    upstreams->sockets[descriptor] = socket;
    return socket;
}

curl_socket_t rn_socket_open(void *clientp, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    int descriptor = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (descriptor < 0) {
        return CURL_SOCKET_BAD;
    }
    struct rn_socket *socket = socket_add(clientp, descriptor);
    if (socket == NULL) {
        (void)close(descriptor);
        return CURL_SOCKET_BAD;
    }
    socket->ours = true;
    return descriptor;
}

int rn_socket_close(void *clientp, curl_socket_t descriptor)
{
    socket_forget(clientp, descriptor);
    return close(descriptor);
}

/* A transfer that makes curl wait wants nothing of its socket for a while, and uses it. */
static bool is_halted(CURL *easy)
{
    char *private = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    const struct rn_transfer *transfer = (struct rn_transfer *)(void *)private;
    return transfer == NULL || transfer->paused || transfer->halted;
}

/*
 * What curl wants from a socket. Between two requests on one connection it wants nothing; we go on watching for readability
 * then, which spares two epoll_ctl per request, and stop in on_ready if something comes. Only a connection in use is closed
 * by rn_socket_close: 7.88 closes attempts that came to nothing by itself, as it does its resolver's sockets, so those are
 * forgotten here.
 */
static int on_curl_socket(CURL *easy, curl_socket_t descriptor, int what, void *self, void *unused)
{
    (void)unused;
    struct rn_shard *shard = self;
    struct rn_socket *socket = socket_of(shard->upstreams, descriptor);
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL && socket->ours && socket->connected) {
            socket->wanted = false;
            socket->idle = !is_halted(easy);
            rn_watch_set(socket->watch, true, false);
        } else {
            socket_forget(shard->upstreams, descriptor);
        }
        return 0;
    }
    if (socket == NULL) {
        socket = socket_add(shard->upstreams, descriptor);
    }
    if (socket != NULL) {
        socket->shard = shard;
        socket->wanted = true;
        socket->idle = false;
        socket->connected = socket->connected || (what & CURL_POLL_IN) != 0;
        rn_watch_set(socket->watch, (what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0);
    }
    /* Without memory for a resolver's socket curl's own timer still looks at it; an error would end the whole shard. */
    return 0;
}

/* --- shards ---------------------------------------------------------------------------------- */

static void shard_free(struct rn_shard *shard)
{
    if (shard == NULL) {
        return;
    }
    assert(shard->active_count == 0 && shard->inside == 0);
    if (shard->multi != NULL) {
        (void)curl_multi_cleanup(shard->multi);
    }
    rn_timer_free(shard->settle);
    rn_timer_free(shard->timer);
    rn_free(shard);
}

static bool configure(struct rn_shard *shard)
{
    CURLM *multi = shard->multi;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, shard) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, shard) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_PER_SHARD) == CURLM_OK;
}

static struct rn_shard *shard_new(struct rn_upstreams *upstreams)
{
    struct rn_shard *shard = rn_calloc(1, sizeof *shard);
    if (shard == NULL) {
        return NULL;
    }
    shard->upstreams = upstreams;
    shard->todo_end = &shard->todo;
    shard->timer = rn_timer_new(upstreams->loop, on_timer, shard);
    shard->settle = rn_timer_new(upstreams->loop, on_settle, shard);
    shard->multi = shard->timer == NULL || shard->settle == NULL ? NULL : curl_multi_init();
    if (shard->multi == NULL || !configure(shard)) {
        shard_free(shard);
        return NULL;
    }
    return shard;
}

static struct rn_shard *shard_add(struct rn_upstreams *upstreams)
{
    struct rn_shard **grown =
        rn_realloc(upstreams->shards, (upstreams->shard_count + 1) * sizeof(struct rn_shard *));
    if (grown == NULL) {
        return NULL;
    }
    upstreams->shards = grown;
    struct rn_shard *shard = shard_new(upstreams);
    if (shard != NULL) {
        grown[upstreams->shard_count++] = shard;
    }
    return shard;
}

/* The first with room, so that few are busy and connections are used again. */
static struct rn_shard *shard_with_room(struct rn_upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->shard_count; i++) {
        if (upstreams->shards[i]->active_count < RN_TRANSFERS_PER_SHARD) {
            return upstreams->shards[i];
        }
    }
    return shard_add(upstreams);
}

bool rn_shard_take(struct rn_transfer *transfer)
{
    struct rn_shard *shard =
        rn_reserve_is_well(&reserve) ? shard_with_room(transfer->upstreams) : NULL;
    if (shard == NULL) {
        return false;
    }
    link_active(shard, transfer);
    if (shard->inside > 0) {
        todo_push(transfer);
    } else if (!add_to_curl(transfer)) {
        rn_shard_remove(transfer);
        return false;
    }
    return true;
}

/*
 * After a peak: frees shards at the end of the row that stayed empty from one sweep to the next, and their connections with
 * them, which nobody would use again.
 */
static void on_sweep(void *self)
{
    struct rn_upstreams *upstreams = self;
    bool again = false;
    while (upstreams->shard_count > 1) {
        struct rn_shard *last = upstreams->shards[upstreams->shard_count - 1];
        if (last->active_count > 0 || !last->idle) {
            break;
        }
        upstreams->shard_count--;
        shard_free(last);
    }
    for (size_t i = 1; i < upstreams->shard_count; i++) {
        upstreams->shards[i]->idle = upstreams->shards[i]->active_count == 0;
        again = again || upstreams->shards[i]->idle;
    }
    if (again) {
        rn_timer_start(upstreams->sweep, SWEEP_NS);
    }
}

bool rn_shards_init(struct rn_upstreams *upstreams)
{
    /* curl keeps its own allocator: 7.88 divides by the size of a hash it could not allocate. A second call only counts. */
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_alloc, curl_release, curl_resize, curl_copy,
                             curl_zeroed) != CURLE_OK) {
        return false;
    }
    upstreams->sweep = rn_timer_new(upstreams->loop, on_sweep, upstreams);
    if (upstreams->sweep == NULL) {
        curl_global_cleanup();
        return false;
    }
    /* OpenSSL writes to sockets without MSG_NOSIGNAL, and CURLOPT_NOSIGNAL leaves that to us. */
    (void)signal(SIGPIPE, SIG_IGN);
    return true;
}

void rn_shards_free(struct rn_upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->shard_count; i++) {
        struct rn_shard *shard = upstreams->shards[i];
        while (shard->active != NULL) {
            struct rn_transfer *transfer = shard->active;
            rn_shard_remove(transfer);
            rn_transfer_destroy(transfer);
        }
    }
    while (upstreams->spare != NULL) {
        struct rn_transfer *transfer = upstreams->spare;
        upstreams->spare = transfer->next;
        rn_transfer_destroy(transfer);
    }
    for (size_t i = 0; i < upstreams->shard_count; i++) {
        shard_free(upstreams->shards[i]);
    }
    for (size_t i = 0; i < upstreams->socket_count; i++) {
        socket_forget(upstreams, (int)i); /* of those curl closed without a word */
    }
    rn_timer_free(upstreams->sweep);
    rn_free(upstreams->shards);
    rn_free(upstreams->sockets);
    curl_global_cleanup();
}
