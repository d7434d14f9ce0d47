/* A toy server for tests; see toy_server.h. One thread accepts, one per connection serves. */
#include "toy_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 2048
#define REQUEST_MAX (256 * 1024)

struct toy_connection {
    struct toy_server *server;
    pthread_t thread;
    int descriptor;
};

struct toy_server {
    int listener;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct toy_step **scripts;
    size_t script_count;
    unsigned request_count;
    unsigned connection_count;
    unsigned gone;
    bool gate_open;
    bool stopping;
    char *last;
    size_t last_len;
    struct toy_connection connections[CONNECTIONS_MAX];
};

static size_t body_length(const char *head, size_t len)
{
    for (size_t i = 0; i + 16 < len; i++) {
        if (strncasecmp(head + i, "\r\ncontent-length:", 17) == 0) {
            return strtoul(head + i + 17, NULL, 10);
        }
    }
    return 0;
}

/* Reads one request; its length, or 0 when the peer is gone. */
static size_t read_request(int descriptor, char *in)
{
    size_t len = 0;
    size_t whole = 0;
    while (whole == 0 || len < whole) {
        ssize_t got = recv(descriptor, in + len, REQUEST_MAX - 1 - len, 0);
        if (got <= 0) {
            return 0;
        }
        len += (size_t)got;
        in[len] = '\0';
        char *end = whole == 0 ? strstr(in, "\r\n\r\n") : NULL;
        if (end != NULL) {
            size_t head = (size_t)(end - in) + 4;
            whole = head + body_length(in, head);
        }
    }
    return len;
}

static const struct toy_step *next_script(struct toy_server *server, const char *in, size_t len)
{
    pthread_mutex_lock(&server->lock);
    size_t index = server->request_count++;
    if (index >= server->script_count) {
        index = server->script_count - 1;
    }
    memcpy(server->last, in, len);
    server->last_len = len;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    return server->scripts[index];
}

static void wait_gate(struct toy_server *server)
{
    pthread_mutex_lock(&server->lock);
    while (!server->gate_open && !server->stopping) {
        pthread_cond_wait(&server->changed, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

static void hang(struct toy_server *server, int descriptor)
{
    char byte;
    while (recv(descriptor, &byte, 1, 0) > 0) {
    }
    pthread_mutex_lock(&server->lock);
    server->gone++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static bool send_all(int descriptor, struct rn_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t put = send(descriptor, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (put <= 0) {
            return false;
        }
        bytes = rn_bytes_from(bytes, (size_t)put);
    }
    return true;
}

/* Whether the connection goes on. */
static bool play(struct toy_server *server, int descriptor, const struct toy_step *step)
{
    for (; step->what != TOY_END; step++) {
        switch (step->what) {
        case TOY_SEND:
            if (!send_all(descriptor, step->bytes)) {
                return false;
            }
            break;
        case TOY_GATE:
            wait_gate(server);
            break;
        case TOY_HANG:
            hang(server, descriptor);
            return false;
        case TOY_RESET:
            (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
                             sizeof(struct linger));
            return false;
        default:
            return false;
        }
    }
    return true;
}

static void *serve(void *self)
{
    struct toy_connection *connection = self;
    struct toy_server *server = connection->server;
    char *in = malloc(REQUEST_MAX);
    size_t len;
    while ((len = read_request(connection->descriptor, in)) > 0) {
        if (!play(server, connection->descriptor, next_script(server, in, len))) {
            break;
        }
    }
    free(in);
    /* The number must not be used again while toy_stop may shut it down. */
    pthread_mutex_lock(&server->lock);
    close(connection->descriptor);
    connection->descriptor = -1;
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static void *accept_all(void *self)
{
    struct toy_server *server = self;
    for (;;) {
        int descriptor = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&server->lock);
        if (descriptor < 0 || server->stopping) {
            pthread_mutex_unlock(&server->lock);
            if (descriptor >= 0) {
                close(descriptor);
            }
            return NULL;
        }
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        ck_assert_uint_lt(server->connection_count, CONNECTIONS_MAX);
        struct toy_connection *connection = &server->connections[server->connection_count];
        connection->server = server;
        connection->descriptor = descriptor;
        ck_assert_int_eq(pthread_create(&connection->thread, NULL, serve, connection), 0);
        server->connection_count++;
        pthread_mutex_unlock(&server->lock);
    }
}

static struct toy_step *copy_script(const struct toy_step *script)
{
    size_t count = 0;
    while (script[count].what != TOY_END) {
        count++;
    }
    struct toy_step *copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i].what = script[i].what;
        copy[i].bytes.len = script[i].bytes.len;
        copy[i].bytes.data =
            memcpy(malloc(script[i].bytes.len + 1),
                   script[i].bytes.data == NULL ? (const uint8_t *)"" : script[i].bytes.data,
                   script[i].bytes.len);
    }
    return copy;
}

static void free_script(struct toy_step *script)
{
    for (struct toy_step *step = script; step->what != TOY_END; step++) {
        free((void *)(uintptr_t)step->bytes.data);
    }
    free(script);
}

struct toy_server *toy_start(const struct toy_step *const *scripts, size_t count)
{
    struct toy_server *server = calloc(1, sizeof *server);
    server->scripts = calloc(count, sizeof *server->scripts);
    server->script_count = count;
    for (size_t i = 0; i < count; i++) {
        server->scripts[i] = copy_script(scripts[i]);
    }
    server->last = malloc(REQUEST_MAX);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(server->listener, 1024), 0);
    ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&server->thread, NULL, accept_all, server), 0);
    return server;
}

void toy_stop(struct toy_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    for (unsigned i = 0; i < server->connection_count; i++) {
        pthread_mutex_lock(&server->lock);
        if (server->connections[i].descriptor >= 0) {
            shutdown(server->connections[i].descriptor, SHUT_RDWR);
        }
        pthread_mutex_unlock(&server->lock);
        pthread_join(server->connections[i].thread, NULL);
    }
    close(server->listener);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    for (size_t i = 0; i < server->script_count; i++) {
        free_script(server->scripts[i]);
    }
    free(server->scripts);
    free(server->last);
    free(server);
}

uint16_t toy_port(const struct toy_server *server)
{
    return server->port;
}

void toy_open_gate(struct toy_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->gate_open = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

void toy_wait_gone(struct toy_server *server, unsigned count)
{
    pthread_mutex_lock(&server->lock);
    while (server->gone < count) {
        pthread_cond_wait(&server->changed, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

unsigned toy_connections(struct toy_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

unsigned toy_requests(struct toy_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->request_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

size_t toy_last_request(struct toy_server *server, char *out, size_t size)
{
    pthread_mutex_lock(&server->lock);
    size_t len = server->last_len < size - 1 ? server->last_len : size - 1;
    memcpy(out, server->last, len);
    out[len] = '\0';
    pthread_mutex_unlock(&server->lock);
    return len;
}
