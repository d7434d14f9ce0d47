/*
 * A bare curl_multi client: what a backtest would be if it stored nothing.
 *
 *   bench_multi URL CONNECTIONS COUNT MODEL
 *
 * Posts COUNT documents of bench_calls, with another model in them, over so many connections, one in flight on each, and reads
 * every answer to its end and drops it. Handles are made once and used again. (curl_multi_socket_action with epoll instead of
 * curl_multi_perform and _poll was measured: no quicker at 32 connections.) Prints one JSON object with requests/s. Fails when an
 * answer is not 200.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

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

static bool run(void)
{
    int running;
    while (answered < calls) {
        curl_multi_perform(multi, &running);
        if (!take_answers()) {
            return false;
        }
        if (answered < calls) {
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
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

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_multi URL CONNECTIONS COUNT MODEL\n");
        return 2;
    }
    size_t connections = (size_t)atoi(argv[2]);
    calls = strtoull(argv[3], NULL, 10);
    for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
        documents[i].len = bench_document(i, argv[4], documents[i].text, &documents[i].number_at);
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    struct curl_slist *fields = NULL;
    static const char *const lines[] = {"Content-Type: application/json", "Authorization: Bearer sk-bench-0123456789abcdef",
                                        "User-Agent: OpenAI/Python 3.3.1", "Expect:"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        fields = curl_slist_append(fields, lines[i]);
    }
    struct slot *slots = calloc(connections, sizeof *slots);
    double start = now_s();
    for (size_t i = 0; slots != NULL && i < connections && next_call < calls; i++) {
        slot_open(&slots[i], argv[1], fields);
        send_next(&slots[i]);
    }
    if (!run()) {
        return 1;
    }
    double seconds = now_s() - start;
    printf("{\"requests\":%llu,\"seconds\":%.3f,\"rps\":%.1f,\"bytes\":%llu}\n", (unsigned long long)calls, seconds,
           (double)calls / seconds, (unsigned long long)bytes);
    return 0;
}
