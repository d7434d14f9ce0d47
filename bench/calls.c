/*
 * Distinct calls over kept connections, each sent once:
 *
 *   bench_calls PORT CONNECTIONS FROM COUNT PATH
 *
 * Call number n posts a JSON document of 1.5 KB that only n has; FROM .. FROM+COUNT-1 are sent, one in flight per
 * connection. Prints one JSON object with requests/s. Fails when an answer is not 200.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "documents.h"

struct connection {
    int socket;
    size_t used;
    char in[65536];
};

static const char *path;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The requests but for their number, made before the clock runs: the driver must not be what is measured. */
static struct {
    char text[BENCH_DOCUMENT_BYTES_MAX + 1024];
    size_t len;
    size_t number_at;
} requests[BENCH_DOCUMENTS];

static void make_request(size_t index)
{
    char body[BENCH_DOCUMENT_BYTES_MAX];
    size_t number_at;
    size_t len = bench_document(index, "bench-1", body, &number_at);
    int head = snprintf(requests[index].text, sizeof requests[index].text,
                        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                        "Authorization: Bearer sk-bench-0123456789abcdef\r\nUser-Agent: OpenAI/Python 3.3.1\r\nContent-Length: %zu\r\n\r\n",
                        path, len);
    memcpy(requests[index].text + head, body, len);
    requests[index].len = (size_t)head + len;
    requests[index].number_at = (size_t)head + number_at;
}

static bool send_call(struct connection *c, uint64_t n)
{
    size_t index = (size_t)(n % BENCH_DOCUMENTS);
    bench_document_number(requests[index].text + requests[index].number_at, n);
    return send(c->socket, requests[index].text, requests[index].len, MSG_NOSIGNAL) == (ssize_t)requests[index].len;
}

/* 1 when a whole answer with status 200 was read, 0 when more must come, -1 for anything else. */
static int read_answer(struct connection *c)
{
    ssize_t got = recv(c->socket, c->in + c->used, sizeof c->in - 1 - c->used, 0);
    if (got <= 0) {
        return -1;
    }
    c->used += (size_t)got;
    c->in[c->used] = '\0';
    const char *end = strstr(c->in, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const char *length = strcasestr(c->in, "\ncontent-length:");
    size_t need = (size_t)(end - c->in) + 4 + (size_t)(length == NULL ? 0 : atol(length + 16));
    if (c->used < need) {
        return 0;
    }
    if (memcmp(c->in, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "%.300s\n", c->in);
        return -1;
    }
    c->used = 0;
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bench_calls PORT CONNECTIONS FROM COUNT PATH\n");
        return 2;
    }
    size_t connections = (size_t)atoi(argv[2]);
    uint64_t next = strtoull(argv[3], NULL, 10);
    uint64_t end = next + strtoull(argv[4], NULL, 10);
    uint64_t answered = 0;
    uint64_t count = end - next;
    path = argv[5];
    for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
        make_request(i);
    }
    struct connection *all = calloc(connections, sizeof *all);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    double start = now_s();
    for (size_t i = 0; all != NULL && i < connections && next < end; i++) {
        int one = 1;
        struct connection *c = &all[i];
        c->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (connect(c->socket, (struct sockaddr *)&address, sizeof address) != 0 || !send_call(c, next++)) {
            perror("bench_calls");
            return 1;
        }
        epoll_ctl(poll, EPOLL_CTL_ADD, c->socket, &event);
    }
    while (answered < count) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 30000);
        if (ready <= 0) {
            fprintf(stderr, "bench_calls: no answer for 30 s\n");
            return 1;
        }
        for (int i = 0; i < ready; i++) {
            int step = read_answer(events[i].data.ptr);
            if (step < 0) {
                return 1;
            }
            answered += (uint64_t)step;
            if (step == 1 && next < end && !send_call(events[i].data.ptr, next++)) {
                return 1;
            }
        }
    }
    double seconds = now_s() - start;
    printf("{\"requests\":%llu,\"seconds\":%.3f,\"rps\":%.1f}\n", (unsigned long long)count, seconds, (double)count / seconds);
    return 0;
}
