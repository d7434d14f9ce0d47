/* The fixture of house.h: one loop thread, one handler, and a blocking client with a generous deadline. */
#include "house.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "connection.h"

#define PIECE_BYTES ((size_t)16 * 1024)

struct house {
    struct rn_loop *loop;
    struct rn_gateway *gateway;
    struct rn_wake *wake;
    pthread_t thread;
    uint16_t port;
    uint16_t own_port;
    struct rn_exchange *waiting; /* of /wait; loop thread only */
    size_t flood_left;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock */
    void (*task)(struct house *house);
    bool stop;
    unsigned requests, delivered, gone, drained;
    size_t pending_max;
};

/* --- the handler ----------------------------------------------------------------------------- */

static void count(struct house *house, unsigned *counter)
{
    pthread_mutex_lock(&house->lock);
    ++*counter;
    pthread_cond_broadcast(&house->changed);
    pthread_mutex_unlock(&house->lock);
}

static void start(struct rn_exchange *exchange, const char *upstream_head)
{
    struct rn_buffer head = {0};
    struct rn_answer answer;
    enum rn_status status = rn_answer_compose(&head, rn_bytes_text(upstream_head),
                                              rn_exchange_client(exchange), &answer);
    if (status != RN_OK) {
        rn_exchange_cut(exchange); /* the allocation tests come here */
    } else {
        rn_exchange_start(exchange, rn_buffer_bytes(&head), answer.framing, answer.length);
    }
    rn_buffer_free(&head);
}

static void answer_text(struct rn_exchange *exchange, const char *text)
{
    rn_exchange_answer(exchange, 200, RN_LIT(""), "text/plain", rn_bytes_text(text), NULL);
}

static void echo(struct rn_exchange *exchange, const struct rn_request *request)
{
    struct rn_buffer body = {0};
    enum rn_status status = rn_buffer_addf(
        &body, "%.*s %.*s body=%llu spill=%lld trailers=%zu\n", (int)request->head->method.len,
        (const char *)request->head->method.data, (int)request->route.target.len,
        (const char *)request->route.target.data, (unsigned long long)request->body_bytes,
        request->spill < 0 ? -1LL : (long long)lseek(request->spill, 0, SEEK_END),
        request->trailers.len);
    if (status == RN_OK && request->body.len < 65536) {
        status = rn_buffer_add(&body, request->body);
    }
    if (status == RN_OK) {
        rn_exchange_answer(exchange, 200, RN_LIT("X-Mine: 1\r\n"), "text/plain",
                           rn_buffer_bytes(&body), NULL);
    } else {
        rn_exchange_cut(exchange);
    }
    rn_buffer_free(&body);
}

static void flood(struct house *house, struct rn_exchange *exchange)
{
    static const uint8_t piece[PIECE_BYTES];
    bool more = true;
    while (more && house->flood_left > 0) {
        more = rn_exchange_write(exchange, rn_bytes_of(piece, sizeof piece));
        house->flood_left -= sizeof piece;
        size_t pending = rn_connection_pending((struct rn_connection *)(void *)exchange);
        pthread_mutex_lock(&house->lock);
        house->pending_max = pending > house->pending_max ? pending : house->pending_max;
        pthread_mutex_unlock(&house->lock);
    }
    if (house->flood_left == 0) {
        rn_exchange_finish(exchange, RN_LIT(""));
    }
}

static void chunks(struct rn_exchange *exchange)
{
    start(exchange, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    rn_exchange_write(exchange, RN_LIT("one"));
    rn_exchange_write(exchange, RN_LIT("two"));
    rn_exchange_write(exchange, RN_LIT(""));
    rn_exchange_write(exchange, RN_LIT("three"));
    rn_exchange_finish(exchange, RN_LIT("X-End: yes\r\n"));
}

static void stop_early(struct rn_exchange *exchange, struct rn_bytes how)
{
    if (rn_bytes_equal(how, RN_LIT("cut"))) {
        start(exchange, "HTTP/1.1 200 OK\r\n\r\n");
        rn_exchange_write(exchange, RN_LIT("some"));
        rn_exchange_cut(exchange);
    } else if (rn_bytes_equal(how, RN_LIT("short"))) {
        start(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
        rn_exchange_write(exchange, RN_LIT("some"));
        rn_exchange_finish(exchange, RN_LIT(""));
    } else if (rn_bytes_equal(how, RN_LIT("reset"))) {
        rn_exchange_start(exchange, RN_LIT("HTTP/1.1 200 OK\r\n\r\n"), RN_FRAMING_CLOSE, 0);
        rn_exchange_write(exchange, RN_LIT("some"));
        rn_exchange_cut(exchange);
    } else if (rn_bytes_equal(how, RN_LIT("much"))) {
        static const uint8_t much[STOP_MUCH_BYTES];
        rn_exchange_start(exchange, RN_LIT("HTTP/1.1 200 OK\r\n\r\n"), RN_FRAMING_CLOSE, 0);
        rn_exchange_write(exchange, rn_bytes_of(much, sizeof much));
        rn_exchange_cut(exchange);
    } else if (rn_bytes_equal(how, RN_LIT("open"))) {
        rn_exchange_start(exchange, RN_LIT("HTTP/1.1 200 OK\r\n\r\n"), RN_FRAMING_CLOSE, 0);
        rn_exchange_write(exchange, RN_LIT("some"));
    } else {
        rn_exchange_cut(exchange);
    }
}

static void answer(struct house *house, struct rn_exchange *exchange,
                   const struct rn_request *request)
{
    struct rn_bytes target = request->route.target;
    if (rn_bytes_equal(target, RN_LIT("/chunks"))) {
        chunks(exchange);
    } else if (rn_bytes_equal(target, RN_LIT("/until-close"))) {
        rn_exchange_start(exchange, RN_LIT("HTTP/1.1 200 OK\r\n\r\n"), RN_FRAMING_CLOSE, 0);
        rn_exchange_write(exchange, RN_LIT("all there is"));
        rn_exchange_finish(exchange, RN_LIT(""));
    } else if (rn_bytes_equal(target, RN_LIT("/empty/204"))) {
        start(exchange, "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n");
        rn_exchange_finish(exchange, RN_LIT(""));
    } else if (rn_bytes_equal(target, RN_LIT("/empty/304"))) {
        start(exchange, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
        rn_exchange_finish(exchange, RN_LIT(""));
    } else if (rn_bytes_equal(target, RN_LIT("/interim"))) {
        rn_exchange_inform(exchange, RN_LIT("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"));
        answer_text(exchange, "ok");
    } else if (rn_bytes_equal(target, RN_LIT("/flood"))) {
        house->flood_left = FLOOD_BYTES;
        start(exchange, "HTTP/1.1 200 OK\r\n\r\n");
        flood(house, exchange);
    } else if (rn_bytes_starts_with(target, RN_LIT("/stop-"))) {
        stop_early(exchange, rn_bytes_from(target, 6));
    } else if (rn_bytes_equal(target, RN_LIT("/wait"))) {
        house->waiting = exchange;
    } else if (rn_bytes_equal(target, RN_LIT("/slow"))) {
        start(exchange, "HTTP/1.1 200 OK\r\n\r\n");
        rn_exchange_write(exchange, RN_LIT("begun"));
    } else if (!rn_bytes_equal(target, RN_LIT("/never"))) {
        echo(exchange, request);
    }
}

static void on_request(void *self, struct rn_exchange *exchange, const struct rn_request *request)
{
    struct house *house = self;
    ck_assert_ptr_null(rn_exchange_context(exchange));
    rn_exchange_set_context(exchange, house);
    count(house, &house->requests);
    answer(house, exchange, request);
}

static void on_drained(void *self, struct rn_exchange *exchange)
{
    struct house *house = self;
    count(house, &house->drained);
    flood(house, exchange);
}

static void on_delivered(void *self, struct rn_exchange *exchange)
{
    struct house *house = self;
    ck_assert_ptr_eq(rn_exchange_context(exchange), house);
    count(house, &house->delivered);
}

static void on_gone(void *self, struct rn_exchange *exchange)
{
    struct house *house = self;
    ck_assert_ptr_eq(rn_exchange_context(exchange), house);
    house->waiting = house->waiting == exchange ? NULL : house->waiting;
    count(house, &house->gone);
}

/* --- the house ------------------------------------------------------------------------------- */

static void on_wake(void *self)
{
    struct house *house = self;
    pthread_mutex_lock(&house->lock);
    void (*task)(struct house *) = house->task;
    bool stop = house->stop;
    pthread_mutex_unlock(&house->lock);
    if (task != NULL) {
        task(house);
        pthread_mutex_lock(&house->lock);
        house->task = NULL;
        pthread_cond_broadcast(&house->changed);
        pthread_mutex_unlock(&house->lock);
    }
    if (stop) {
        rn_loop_stop(house->loop);
    }
}

static void *run(void *self)
{
    struct house *house = self;
    rn_loop_run(house->loop);
    return NULL;
}

struct house *house_open(void)
{
    struct house *house = calloc(1, sizeof *house);
    ck_assert_ptr_nonnull(house);
    pthread_mutex_init(&house->lock, NULL);
    pthread_cond_init(&house->changed, NULL);
    house->loop = rn_loop_new();
    ck_assert_ptr_nonnull(house->loop);
    const struct rn_handler handler = {.self = house,
                                       .on_request = on_request,
                                       .on_drained = on_drained,
                                       .on_delivered = on_delivered,
                                       .on_gone = on_gone};
    house->gateway = rn_gateway_new(house->loop, &handler);
    house->wake = rn_wake_new(house->loop, on_wake, house);
    ck_assert_ptr_nonnull(house->gateway);
    ck_assert_ptr_nonnull(house->wake);
    struct rn_error error = {0};
    ck_assert_int_eq(rn_gateway_listen(house->gateway, 0, NULL, &house->port, &error), RN_OK);
    ck_assert_int_eq(rn_gateway_listen(house->gateway, 0, "own", &house->own_port, &error), RN_OK);
    ck_assert_int_eq(pthread_create(&house->thread, NULL, run, house), 0);
    return house;
}

void house_close(struct house *house)
{
    pthread_mutex_lock(&house->lock);
    house->stop = true;
    pthread_mutex_unlock(&house->lock);
    rn_wake_send(house->wake);
    pthread_join(house->thread, NULL);
    rn_gateway_free(house->gateway);
    ck_assert_uint_eq(house->requests, house->delivered + house->gone);
    rn_wake_free(house->wake);
    rn_loop_free(house->loop);
    pthread_mutex_destroy(&house->lock);
    pthread_cond_destroy(&house->changed);
    free(house);
}

static void await(struct house *house, const unsigned *counter, unsigned value)
{
    pthread_mutex_lock(&house->lock);
    while (*counter < value) { /* CK_DEFAULT_TIMEOUT ends what never comes */
        pthread_cond_wait(&house->changed, &house->lock);
    }
    pthread_mutex_unlock(&house->lock);
}

void house_do(struct house *house, void (*call)(struct house *house))
{
    pthread_mutex_lock(&house->lock);
    house->task = call;
    rn_wake_send(house->wake);
    while (house->task != NULL) {
        pthread_cond_wait(&house->changed, &house->lock);
    }
    pthread_mutex_unlock(&house->lock);
}

uint16_t house_port(const struct house *house)
{
    return house->port;
}

uint16_t house_own_port(const struct house *house)
{
    return house->own_port;
}

struct rn_gateway *house_gateway(struct house *house)
{
    return house->gateway;
}

static struct rn_gateway_counts counts_seen;

static void see_counts(struct house *house)
{
    counts_seen = rn_gateway_counts(house->gateway);
}

struct rn_gateway_counts house_counts(struct house *house)
{
    house_do(house, see_counts);
    return counts_seen;
}

void house_await_delivered(struct house *house, unsigned value)
{
    await(house, &house->delivered, value);
}

void house_await_gone(struct house *house, unsigned value)
{
    await(house, &house->gone, value);
}

static unsigned get(struct house *house, const unsigned *counter)
{
    pthread_mutex_lock(&house->lock);
    unsigned value = *counter;
    pthread_mutex_unlock(&house->lock);
    return value;
}

unsigned house_gone(struct house *house)
{
    return get(house, &house->gone);
}

unsigned house_delivered(struct house *house)
{
    return get(house, &house->delivered);
}

unsigned house_drained(struct house *house)
{
    return get(house, &house->drained);
}

size_t house_pending_max(struct house *house)
{
    pthread_mutex_lock(&house->lock);
    size_t value = house->pending_max;
    pthread_mutex_unlock(&house->lock);
    return value;
}

static void release(struct house *house)
{
    ck_assert_ptr_nonnull(house->waiting);
    answer_text(house->waiting, "waited");
    house->waiting = NULL;
}

void house_release(struct house *house)
{
    house_do(house, release);
}

/* --- the client ------------------------------------------------------------------------------ */

int client_open(uint16_t port)
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(client, 0);
    const struct timeval patience = {.tv_sec = 60};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}

void client_send_bytes(int client, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t sent = send(client, at, len, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return; /* refused already; the answer is to be read */
        }
        ck_assert_int_gt(sent, 0);
        at += sent;
        len -= (size_t)sent;
    }
}

void client_send(int client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

char *client_read_all(int client, size_t *len)
{
    size_t cap = 65536;
    size_t at = 0;
    char *text = malloc(cap + 1);
    ssize_t got;
    while ((got = recv(client, text + at, cap - at, 0)) > 0) {
        at += (size_t)got;
        if (at == cap) {
            cap *= 2;
            text = realloc(text, cap + 1);
        }
    }
    ck_assert_msg(got == 0 || errno == ECONNRESET, "the connection does not end");
    text[at] = '\0';
    if (len != NULL) {
        *len = at;
    }
    return text;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len >= n && memcmp(text + len - n, end, n) == 0;
}

/* Whether `text` is a whole answer: its length is reached, or its last chunk is there. */
static bool is_whole(const char *text, size_t len, bool is_head)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    size_t head = (size_t)(end - text) + 4;
    const char *length = strstr(text, "Content-Length: ");
    if (is_head || strncmp(text, "HTTP/1.1 1", 10) == 0 || strncmp(text, "HTTP/1.1 204", 12) == 0 ||
        strncmp(text, "HTTP/1.1 304", 12) == 0) {
        return true;
    }
    if (length != NULL && length < end) {
        return len >= head + strtoul(length + 16, NULL, 10);
    }
    const char *last = strstr(end + 2, "\r\n0\r\n");
    return last != NULL && ends_with(text, len, "\r\n\r\n");
}

/* Byte by byte, so that nothing of the next answer is taken. */
char *client_read_answer(int client, bool is_head)
{
    size_t len = 0;
    char *text = calloc(1, 1 << 20);
    while (!is_whole(text, len, is_head)) {
        ssize_t got = recv(client, text + len, 1, 0);
        ck_assert_msg(got == 1, "the connection ended within an answer: %s", text);
        len++;
        ck_assert_uint_lt(len, (1 << 20) - 1);
    }
    return text;
}

void client_expect(int client, const char *text)
{
    char seen[4096] = "";
    size_t len = 0;
    while (strstr(seen, text) == NULL) {
        ck_assert_uint_lt(len, sizeof seen - 1);
        ssize_t got = recv(client, seen + len, 1, 0);
        ck_assert_msg(got == 1, "the connection ended before \"%s\": \"%s\"", text, seen);
        seen[++len] = '\0';
    }
}

int client_end(int client)
{
    char byte;
    ssize_t got = recv(client, &byte, 1, 0);
    return got == 0 ? 0 : got < 0 && errno == ECONNRESET ? 1 : -1;
}
