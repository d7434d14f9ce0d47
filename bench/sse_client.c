/*
 * Many server-sent event streams at once, one thread, epoll:
 *
 *   bench_sse_client PORT STREAMS PATH [STAGGER_US] [HOST-HEADER]
 *
 * Opens STREAMS connections STAGGER_US apart, posts 1 KB to PATH on each and reads until the last chunk. Prints one JSON
 * object: streams complete, events, and the delay of events against the time stamp that bench_upstream put into them, in us.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct stream {
    int socket;
    int64_t opened_ns;
    bool over;
    bool in_body;
    size_t body_bytes; /* behind the head, framing included */
    size_t used;
    char in[16384];
};

static int64_t *delays;
static size_t delay_count;
static size_t delay_cap;
static int64_t *first_bytes;
static size_t first_count;
static size_t odd; /* events that are not as bench_upstream sends them */

#define EVENT_BYTES 120

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void note_delay(int64_t ns)
{
    if (delay_count == delay_cap) {
        delay_cap = delay_cap == 0 ? 65536 : delay_cap * 2;
        delays = realloc(delays, delay_cap * sizeof *delays);
        if (delays == NULL) {
            exit(1);
        }
    }
    delays[delay_count++] = ns;
}

static double us_at(const int64_t *sorted, size_t count, double share)
{
    return count == 0 ? 0 : (double)sorted[(size_t)((double)(count - 1) * share)] / 1000.0;
}

static bool stream_open(struct stream *s, uint16_t port, const char *path)
{
    char request[2048];
    char body[1025];
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(body, 'q', 1024);
    body[1024] = '\0';
    int len = snprintf(request, sizeof request,
                       "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                       "Authorization: Bearer sk-bench-0123456789abcdef\r\nContent-Length: 1024\r\n\r\n%s", path, body);
    s->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (s->socket < 0 || connect(s->socket, (struct sockaddr *)&address, sizeof address) != 0) {
        return false;
    }
    (void)fcntl(s->socket, F_SETFL, O_NONBLOCK);
    s->opened_ns = now_ns();
    return send(s->socket, request, (size_t)len, MSG_NOSIGNAL) == len;
}

/* From its time stamp on: digits, then one letter up to the end. */
static bool is_as_sent(const char *at)
{
    static const char middle[] = ",\"delta\":\"";
    const char *end = at - 6 + EVENT_BYTES - 4;
    const char *digits = at + 6;
    while (digits < end && *digits >= '0' && *digits <= '9') {
        digits++;
    }
    const char *text = digits + sizeof middle - 1;
    if (digits == at + 6 || text >= end || memcmp(digits, middle, sizeof middle - 1) != 0 || memcmp(end, "\"}\n\n", 4) != 0) {
        return false;
    }
    while (text < end && *text == 'a') {
        text++;
    }
    return text == end;
}

/* Counts what is behind the head. */
static void count_body(struct stream *s, size_t got)
{
    const char *head_end = s->in_body ? NULL : memmem(s->in, s->used, "\r\n\r\n", 4);
    if (s->in_body) {
        s->body_bytes += got;
    } else if (head_end != NULL) {
        s->in_body = true;
        s->body_bytes = s->used - (size_t)(head_end + 4 - s->in);
    }
}

/* Reads what there is; true when the stream is over (complete or not). */
static bool stream_read(struct stream *s, bool *complete)
{
    ssize_t got = recv(s->socket, s->in + s->used, sizeof s->in - s->used, 0);
    int64_t now = now_ns();
    if (got < 0 && errno == EAGAIN) {
        return false;
    }
    if (got <= 0) {
        return true;
    }
    s->used += (size_t)got;
    count_body(s, (size_t)got);
    size_t from = 0;
    char *at;
    while ((at = memmem(s->in + from, s->used - from, "{\"ts\":", 6)) != NULL && at - 6 + EVENT_BYTES <= s->in + s->used) {
        odd += !is_as_sent(at);
        int64_t sent = strtoll(at + 6, NULL, 10);
        if (s->opened_ns != 0) {
            first_bytes[first_count++] = now - s->opened_ns;
            s->opened_ns = 0;
        }
        note_delay(now - sent);
        from = (size_t)(at - s->in) + 6;
    }
    *complete = s->used >= 5 && memcmp(s->in + s->used - 5, "0\r\n\r\n", 5) == 0;
    /* Keep a tail that may hold an event from its stamp on, or the beginning of the last chunk; of a head all of it. */
    size_t keep = s->used - from > 128 && s->in_body ? 128 : s->used - from;
    memmove(s->in, s->in + s->used - keep, keep);
    s->used = keep;
    return *complete;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: bench_sse_client PORT STREAMS PATH [STAGGER_US]\n");
        return 2;
    }
    uint16_t port = (uint16_t)atoi(argv[1]);
    size_t wanted = (size_t)atoi(argv[2]);
    int64_t stagger_ns = (argc > 4 ? atoll(argv[4]) : 1000) * 1000;
    struct stream *all = calloc(wanted, sizeof *all);
    first_bytes = calloc(wanted, sizeof *first_bytes);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    size_t opened = 0;
    size_t over = 0;
    size_t complete = 0;
    int64_t start = now_ns();
    if (all == NULL || first_bytes == NULL) {
        return 1;
    }
    while (over < wanted && now_ns() - start < 180000000000LL) {
        while (opened < wanted && now_ns() - start >= (int64_t)opened * stagger_ns) {
            struct stream *s = &all[opened++];
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
            if (!stream_open(s, port, argv[3])) {
                s->over = true;
                over++;
                continue;
            }
            epoll_ctl(poll, EPOLL_CTL_ADD, s->socket, &event);
        }
        struct epoll_event events[256];
        int count = epoll_wait(poll, events, 256, opened < wanted ? 1 : 200);
        for (int i = 0; i < count; i++) {
            struct stream *s = events[i].data.ptr;
            bool good = false;
            if (!s->over && stream_read(s, &good)) {
                s->over = true;
                over++;
                complete += good;
                close(s->socket);
            }
        }
    }
    size_t least = SIZE_MAX;
    size_t most = 0;
    for (size_t i = 0; i < opened; i++) {
        least = all[i].body_bytes < least ? all[i].body_bytes : least;
        most = all[i].body_bytes > most ? all[i].body_bytes : most;
    }
    double wall_s = (double)(now_ns() - start) / 1e9;
    qsort(delays, delay_count, sizeof *delays, compare);
    qsort(first_bytes, first_count, sizeof *first_bytes, compare);
    printf("{\"streams\":%zu,\"complete\":%zu,\"events\":%zu,\"wall_s\":%.3f,\"first_p50_us\":%.0f,\"delay_p50_us\":%.0f,"
           "\"delay_p99_us\":%.0f,\"odd\":%zu,\"body_min\":%zu,\"body_max\":%zu}\n",
           wanted, complete, delay_count, wall_s, us_at(first_bytes, first_count, 0.5), us_at(delays, delay_count, 0.5),
           us_at(delays, delay_count, 0.99), odd, least, most);
    return complete == wanted ? 0 : 1;
}
