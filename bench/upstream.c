/*
 * The upstream of the benchmarks: one thread, epoll, keep-alive.
 *
 *   bench_upstream PORT        (0: the kernel chooses; the port is printed)
 *
 *   POST /sse?n=N&ms=M   N events of 120 bytes, one every M ms, each in a chunk of its own; the first at once. Every event
 *                        holds the monotonic time it was sent at: {"ts":NANOSECONDS,...
 *   POST /idle           one event, then nothing for ever
 *   anything else        one of 1,000 different JSON documents of 2 KB
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define DOCUMENTS 1000
#define DOCUMENT_BYTES 2048
#define EVENT_BYTES 120

struct connection {
    struct connection *previous;
    struct connection *next;
    int socket;
    bool streaming;
    long left;
    int64_t every_ns;
    int64_t due_ns;
    size_t used;
    char in[32768];
};

static struct connection streams = {.previous = &streams, .next = &streams};
static char documents[DOCUMENTS][DOCUMENT_BYTES + 1];
static uint64_t next_document;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Words that compress about as well as real answers do. */
static void make_documents(void)
{
    static const char *const words[] = {"refund", "order", "customer", "policy", "shipment", "within", "thirty",
                                        "days", "of", "the", "delivery", "date", "unless", "damaged", "please"};
    static const char ending[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":400,\"completion_tokens\":500}}";
    srand(7);
    for (int i = 0; i < DOCUMENTS; i++) {
        char *to = documents[i];
        size_t len = (size_t)sprintf(to, "{\"id\":\"chatcmpl-%08x%08x\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"",
                                     (unsigned)rand(), (unsigned)rand());
        while (len < DOCUMENT_BYTES - sizeof ending - 20) {
            len += (size_t)sprintf(to + len, "%s %d ", words[(unsigned)rand() % 15], rand() % 10000);
        }
        memset(to + len, ' ', DOCUMENT_BYTES - len);
        memcpy(to + DOCUMENT_BYTES + 1 - sizeof ending, ending, sizeof ending);
    }
}

static void stream_stop(struct connection *c)
{
    if (c->streaming) {
        c->previous->next = c->next;
        c->next->previous = c->previous;
        c->streaming = false;
    }
}

static void connection_close(struct connection *c)
{
    stream_stop(c);
    close(c->socket);
    free(c);
}

static void send_event(struct connection *c)
{
    char chunk[EVENT_BYTES + 8];
    int len = sprintf(chunk, "%x\r\ndata: {\"ts\":%lld,\"delta\":\"", EVENT_BYTES, (long long)now_ns());
    memset(chunk + len, 'a', sizeof chunk - (size_t)len);
    memcpy(chunk + 4 + EVENT_BYTES - 4, "\"}\n\n", 4);
    memcpy(chunk + 4 + EVENT_BYTES, "\r\n", 2);
    (void)send(c->socket, chunk, 4 + EVENT_BYTES + 2, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static long parameter(const char *head, const char *name, long otherwise)
{
    const char *at = strstr(head, name);
    return at == NULL ? otherwise : atol(at + strlen(name));
}

static void stream_start(struct connection *c, const char *head, bool idle)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                                 "X-Request-Id: req-1\r\nTransfer-Encoding: chunked\r\n\r\n";
    (void)send(c->socket, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_MORE);
    send_event(c);
    if (!idle) {
        c->left = parameter(head, "n=", 200) - 1;
        c->every_ns = parameter(head, "ms=", 5) * 1000000;
        c->due_ns = now_ns() + c->every_ns;
        c->streaming = true;
        c->next = streams.next;
        c->previous = &streams;
        streams.next->previous = c;
        streams.next = c;
    }
}

static void send_document(struct connection *c)
{
    char answer[DOCUMENT_BYTES + 256];
    uint64_t n = next_document++;
    int len = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req-%016llx\r\nContent-Length: %d\r\n\r\n",
                      (unsigned long long)(n * 0x9e3779b97f4a7c15u), DOCUMENT_BYTES);
    memcpy(answer + len, documents[n % DOCUMENTS], DOCUMENT_BYTES);
    (void)send(c->socket, answer, (size_t)len + DOCUMENT_BYTES, MSG_NOSIGNAL);
}

/* Answers every complete request in the buffer. */
static void answer_requests(struct connection *c)
{
    char *end;
    while ((end = memmem(c->in, c->used, "\r\n\r\n", 4)) != NULL) {
        *end = '\0';
        size_t head_len = (size_t)(end - c->in) + 4;
        const char *length = strcasestr(c->in, "\ncontent-length:");
        size_t need = head_len + (size_t)(length == NULL ? 0 : atol(length + 16));
        if (c->used < need) {
            *end = '\r';
            return;
        }
        bool idle = strstr(c->in, " /idle") != NULL;
        if (idle || strstr(c->in, " /sse") != NULL) {
            stream_start(c, c->in, idle);
        } else {
            send_document(c);
        }
        memmove(c->in, c->in + need, c->used - need);
        c->used -= need;
    }
}

static void on_readable(struct connection *c)
{
    ssize_t got = recv(c->socket, c->in + c->used, sizeof c->in - 1 - c->used, 0);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        connection_close(c);
        return;
    }
    c->used += (size_t)got;
    c->in[c->used] = '\0';
    answer_requests(c);
}

static void on_tick(int timer)
{
    uint64_t ticks;
    int64_t now = now_ns();
    (void)!read(timer, &ticks, sizeof ticks);
    for (struct connection *c = streams.next, *next; c != &streams; c = next) {
        next = c->next;
        if (now < c->due_ns) {
            continue;
        }
        send_event(c);
        c->due_ns += c->every_ns;
        if (--c->left <= 0) {
            (void)send(c->socket, "0\r\n\r\n", 5, MSG_NOSIGNAL);
            stream_stop(c);
        }
    }
}

static void on_connect(int poll, int listener)
{
    int client;
    while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int one = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *c = calloc(1, sizeof *c);
        if (c == NULL) {
            close(client);
            return;
        }
        c->socket = client;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
    }
}

static int listen_on(uint16_t port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 4096) != 0) {
        perror("bench_upstream");
        exit(1);
    }
    getsockname(listener, (struct sockaddr *)&address, &len);
    printf("%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    make_documents();
    int listener = listen_on((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    int poll = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec half_ms = {{0, 500000}, {0, 500000}};
    static char is_listener, is_timer;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &is_listener};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    timerfd_settime(timer, 0, &half_ms, NULL);
    event.data.ptr = &is_timer;
    epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &is_listener) {
                on_connect(poll, listener);
            } else if (events[i].data.ptr == &is_timer) {
                on_tick(timer);
            } else {
                on_readable(events[i].data.ptr);
            }
        }
    }
}
