/*
 * A bare curl_multi client: what a backtest would be if it stored nothing.
 *
 *   bench_multi poll|epoll URL CONNECTIONS COUNT MODEL
 *
 * Posts COUNT documents of bench_calls, with another model in them, over so many connections, one in flight on each, and reads
 * every answer to its end and drops it. Handles are made once and used again. `poll` is curl_multi_perform and curl_multi_poll;
 * `epoll` is curl_multi_socket_action, which is quicker. Prints one JSON object with requests/s. Fails when an answer is not 200.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "documents.h"

struct slot {
    CURL *handle;
    char body[BENCH_DOCUMENT_BYTES_MAX];
};

static struct {
    char text[BENCH_DOCUMENT_BYTES_MAX];
    size_t len;
    size_t number_at;
} documents[BENCH_DOCUMENTS];

static CURLM *multi;
static int poller;
static long timeout_ms = -1;
static uint64_t next_call, calls, answered, bytes;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t on_data(char *data, size_t size, size_t count, void *self)
{
    (void)data;
    (void)self;
    bytes += size * count;
    return size * count;
}

static int on_timer(CURLM *from, long after_ms, void *self)
{
    (void)from;
    (void)self;
    timeout_ms = after_ms;
    return 0;
}

static int on_socket(CURL *handle, curl_socket_t socket, int what, void *self, void *known)
{
    (void)handle;
    (void)self;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(poller, EPOLL_CTL_DEL, socket, NULL);
        return 0;
    }
    struct epoll_event event = {.data.fd = socket};
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    epoll_ctl(poller, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event);
    curl_multi_assign(multi, socket, &poller);
    return 0;
}

static void send_next(struct slot *slot)
{
    size_t index = (size_t)(next_call % BENCH_DOCUMENTS);
    memcpy(slot->body, documents[index].text, documents[index].len);
    bench_document_number(slot->body + documents[index].number_at, next_call++);
    curl_easy_setopt(slot->handle, CURLOPT_POSTFIELDSIZE, (long)documents[index].len);
    curl_multi_add_handle(multi, slot->handle);
}

/* False: an answer was not 200. */
static bool take_answers(void)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        long status = 0;
        struct slot *slot;
        CURL *handle = message->easy_handle;
        CURLcode result = message->data.result;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(handle, CURLINFO_PRIVATE, &slot);
        if (result != CURLE_OK || status != 200) {
            fprintf(stderr, "bench_multi: %s, status %ld\n", curl_easy_strerror(result), status);
            return false;
        }
        answered++;
        curl_multi_remove_handle(multi, handle);
        if (next_call < calls) {
            send_next(slot);
        }
    }
    return true;
}

/* As curl's own examples do it. */
static bool run_poll(void)
{
    int running;
    while (answered < calls) {
        curl_multi_perform(multi, &running);
        if (!take_answers()) {
            return false;
        }
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    return true;
}

/* As curl recommends it for many connections. */
static bool run_epoll(void)
{
    int running;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    while (answered < calls) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, timeout_ms < 0 || timeout_ms > 1000 ? 1000 : (int)timeout_ms);
        if (ready <= 0) {
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        for (int i = 0; i < ready; i++) {
            unsigned came = events[i].events;
            int how = (came & EPOLLIN ? CURL_CSELECT_IN : 0) | (came & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                      (came & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
            curl_multi_socket_action(multi, events[i].data.fd, how, &running);
        }
        if (!take_answers()) {
            return false;
        }
    }
    return true;
}

static void slot_open(struct slot *slot, const char *url, struct curl_slist *fields)
{
    slot->handle = curl_easy_init();
    curl_easy_setopt(slot->handle, CURLOPT_URL, url);
    curl_easy_setopt(slot->handle, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(slot->handle, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(slot->handle, CURLOPT_POSTFIELDS, slot->body);
    curl_easy_setopt(slot->handle, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(slot->handle, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(slot->handle, CURLOPT_NOSIGNAL, 1L);
}

static void multi_open(bool by_epoll, size_t connections)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    poller = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    if (by_epoll) {
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bench_multi poll|epoll URL CONNECTIONS COUNT MODEL\n");
        return 2;
    }
    bool by_epoll = strcmp(argv[1], "epoll") == 0;
    size_t connections = (size_t)atoi(argv[3]);
    calls = strtoull(argv[4], NULL, 10);
    for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
        documents[i].len = bench_document(i, argv[5], documents[i].text, &documents[i].number_at);
    }
    multi_open(by_epoll, connections);
    struct curl_slist *fields = NULL;
    static const char *const lines[] = {"Content-Type: application/json", "Authorization: Bearer sk-bench-0123456789abcdef",
                                        "User-Agent: OpenAI/Python 3.3.1", "Expect:"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        fields = curl_slist_append(fields, lines[i]);
    }
    struct slot *slots = calloc(connections, sizeof *slots);
    double start = now_s();
    for (size_t i = 0; slots != NULL && i < connections && next_call < calls; i++) {
        slot_open(&slots[i], argv[2], fields);
        send_next(&slots[i]);
    }
    if (!(by_epoll ? run_epoll() : run_poll())) {
        return 1;
    }
    double seconds = now_s() - start;
    printf("{\"requests\":%llu,\"seconds\":%.3f,\"rps\":%.1f,\"bytes\":%llu}\n", (unsigned long long)calls, seconds,
           (double)calls / seconds, (unsigned long long)bytes);
    return 0;
}
