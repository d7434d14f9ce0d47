/* One thread accepts, one per connection answers; see oracle.h. */
#include "oracle.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define REQUEST_MAX (1024 * 1024)

static struct {
    int listener;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    oracle_script *script;
    void *self;
    unsigned times[ORACLE_QUESTIONS_MAX];
    unsigned asked, open, peak;
    bool gate_open, stopping;
    char last[REQUEST_MAX];
    int descriptors[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
    unsigned connections;
} oracle;

static size_t body_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at == NULL ? 0 : strtoul(at + 17, NULL, 10);
}

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
        whole = end != NULL ? (size_t)(end - in) + 4 + body_length(in) : whole;
    }
    return len;
}

/* Counts the request and asks the script. */
static struct oracle_word consult(const char *in, size_t len)
{
    struct oracle_word word = {0};
    const char *at = strstr(in, "question ");
    unsigned question = at == NULL ? 0 : (unsigned)strtoul(at + 9, NULL, 10);
    pthread_mutex_lock(&oracle.lock);
    memcpy(oracle.last, in, len + 1);
    oracle.asked++;
    oracle.open++;
    oracle.peak = oracle.open > oracle.peak ? oracle.open : oracle.peak;
    unsigned time = ++oracle.times[question % ORACLE_QUESTIONS_MAX];
    if (oracle.script != NULL) {
        oracle.script(oracle.self, question, time, &word);
    }
    pthread_mutex_unlock(&oracle.lock);
    return word;
}

static void wait_for_gate(int descriptor)
{
    char byte;
    pthread_mutex_lock(&oracle.lock);
    bool is_open = oracle.gate_open;
    pthread_mutex_unlock(&oracle.lock);
    while (!is_open && recv(descriptor, &byte, 1, 0) > 0) {
    }
}

static bool say(int descriptor, const struct oracle_word *word)
{
    static const char usual[] =
        "{\"id\":\"x\",\"model\":\"new\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\","
        "\"message\":{\"role\":\"assistant\",\"content\":\"an answer\"}}],"
        "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}";
    const char *body = word->body == NULL ? usual : word->body;
    size_t size = strlen(body) + 1024;
    char *out = malloc(size);
    int len = snprintf(out, size,
                       "HTTP/1.1 %u Status\r\nContent-Type: application/json\r\n%s"
                       "Content-Length: %zu\r\n\r\n%s",
                       word->status == 0 ? 200 : word->status,
                       word->fields == NULL ? "" : word->fields, strlen(body), body);
    size_t end = word->cut ? (size_t)len - strlen(body) / 2 : (size_t)len;
    bool good = true;
    for (size_t at = 0; good && at < end;) {
        ssize_t put = send(descriptor, out + at, end - at, MSG_NOSIGNAL);
        good = put > 0;
        at += good ? (size_t)put : 0;
    }
    free(out);
    return good && !word->cut;
}

static void *serve(void *argument)
{
    int descriptor = oracle.descriptors[(uintptr_t)argument];
    char *in = malloc(REQUEST_MAX);
    size_t len;
    while ((len = read_request(descriptor, in)) > 0) {
        struct oracle_word word = consult(in, len);
        if (word.hang) {
            wait_for_gate(descriptor);
        }
        pthread_mutex_lock(&oracle.lock);
        oracle.open--;
        pthread_mutex_unlock(&oracle.lock);
        if (word.mute || !say(descriptor, &word)) {
            break;
        }
    }
    shutdown(descriptor, SHUT_RDWR);
    free(in);
    return NULL;
}

static void *take(void *unused)
{
    static const int one = 1;
    (void)unused;
    for (;;) {
        int descriptor = accept(oracle.listener, NULL, NULL);
        pthread_mutex_lock(&oracle.lock);
        bool good = descriptor >= 0 && !oracle.stopping && oracle.connections < CONNECTIONS_MAX;
        if (!good) {
            pthread_mutex_unlock(&oracle.lock);
            (void)close(descriptor);
            return NULL;
        }
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        uintptr_t index = oracle.connections++;
        oracle.descriptors[index] = descriptor;
        ck_assert_int_eq(pthread_create(&oracle.threads[index], NULL, serve, (void *)index), 0);
        pthread_mutex_unlock(&oracle.lock);
    }
}

void oracle_start(oracle_script *script, void *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    memset(&oracle, 0, sizeof oracle);
    pthread_mutex_init(&oracle.lock, NULL);
    oracle.script = script;
    oracle.self = self;
    oracle.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(oracle.listener, 0);
    ck_assert_int_eq(bind(oracle.listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(oracle.listener, 512), 0);
    ck_assert_int_eq(getsockname(oracle.listener, (struct sockaddr *)&address, &len), 0);
    oracle.port = ntohs(address.sin_port);
    /* Signals are for whoever is tested; threads that these threads make take the mask over. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ck_assert_int_eq(pthread_create(&oracle.thread, NULL, take, NULL), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void oracle_stop(void)
{
    if (oracle.port == 0) {
        return;
    }
    pthread_mutex_lock(&oracle.lock);
    oracle.stopping = true;
    pthread_mutex_unlock(&oracle.lock);
    shutdown(oracle.listener, SHUT_RDWR);
    pthread_join(oracle.thread, NULL);
    for (unsigned i = 0; i < oracle.connections; i++) {
        shutdown(oracle.descriptors[i], SHUT_RDWR);
        pthread_join(oracle.threads[i], NULL);
        close(oracle.descriptors[i]);
    }
    close(oracle.listener);
    oracle.port = 0;
}

uint16_t oracle_port(void)
{
    return oracle.port;
}

void oracle_open_gate(void)
{
    pthread_mutex_lock(&oracle.lock);
    oracle.gate_open = true;
    pthread_mutex_unlock(&oracle.lock);
}

unsigned oracle_times(unsigned question)
{
    pthread_mutex_lock(&oracle.lock);
    unsigned times = oracle.times[question];
    pthread_mutex_unlock(&oracle.lock);
    return times;
}

unsigned oracle_asked(void)
{
    pthread_mutex_lock(&oracle.lock);
    unsigned asked = oracle.asked;
    pthread_mutex_unlock(&oracle.lock);
    return asked;
}

unsigned oracle_peak(void)
{
    pthread_mutex_lock(&oracle.lock);
    unsigned peak = oracle.peak;
    pthread_mutex_unlock(&oracle.lock);
    return peak;
}

void oracle_forget(void)
{
    pthread_mutex_lock(&oracle.lock);
    memset(oracle.times, 0, sizeof oracle.times);
    oracle.asked = oracle.peak = 0;
    pthread_mutex_unlock(&oracle.lock);
}

const char *oracle_last(void)
{
    return oracle.last;
}

unsigned oracle_asked_in_script(void)
{
    return oracle.asked;
}
