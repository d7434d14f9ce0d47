/*
 * A client that can be trusted: asks the server named by OPENAI_BASE_URL three things, one connection each, and says of each answer
 * whether it came whole. Prints `whole STATUS LENGTH` and the body, or `broken WHY`; never waits longer than some seconds.
 *
 * Exit: 0 all whole with 200, 10 otherwise, 12 when somebody made it wait.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SECONDS_MAX 20
#define ANSWER_MAX (1u << 20)

static char answer[ANSWER_MAX];
static bool is_hanging;

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = SECONDS_MAX};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(descriptor);
        return -1;
    }
    return descriptor;
}

/* The value of a field, or NULL. Ours are not folded. */
static const char *field(const char *head, const char *name)
{
    const char *line = strstr(head, "\r\n");
    for (; line != NULL && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, strlen(name)) == 0 && line[2 + strlen(name)] == ':') {
            return line + 3 + strlen(name);
        }
    }
    return NULL;
}

/* Takes the chunks out of `body` in place. -1 where the last one is missing. */
static long unchunk(char *body, size_t len)
{
    size_t in = 0;
    size_t out = 0;
    for (;;) {
        char *end;
        unsigned long size = strtoul(body + in, &end, 16);
        char *line = strstr(end, "\r\n");
        if (end == body + in || line == NULL) {
            return -1;
        }
        in = (size_t)(line + 2 - body);
        if (size == 0) {
            return in + 2 <= len ? (long)out : -1;
        }
        if (in + size + 2 > len) {
            return -1;
        }
        memmove(body + out, body + in, size);
        out += size;
        in += size + 2;
    }
}

/* The body's length, or -1 where it is not whole. */
static long body_of(char *body, size_t len)
{
    const char *length = field(answer, "content-length");
    const char *coding = field(answer, "transfer-encoding");
    if (coding != NULL) {
        return unchunk(body, len);
    }
    if (length == NULL) {
        return -1; /* ours always says */
    }
    long told = strtol(length, NULL, 10);
    return (size_t)told <= len ? told : -1;
}

static bool broken(const char *why)
{
    printf("broken %s\n", why);
    return false;
}

static bool ask(unsigned port, const char *prefix, const char *path, const char *body)
{
    size_t len = 0;
    ssize_t got = 1;
    char request[2048];
    int asked =
        snprintf(request, sizeof request,
                 "POST %s%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
                 "Authorization: Bearer sk-sweep-0123456789abcdef\r\nConnection: close\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 prefix, path, port, strlen(body), body);
    int descriptor = connect_to(port);
    if (descriptor < 0) {
        return broken("connect");
    }
    bool sent = send(descriptor, request, (size_t)asked, MSG_NOSIGNAL) == asked;
    while (sent && got > 0 && len < sizeof answer - 1) {
        got = recv(descriptor, answer + len, sizeof answer - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
    }
    is_hanging = is_hanging || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
    answer[len] = '\0';
    (void)close(descriptor);
    char *end = strstr(answer, "\r\n\r\n");
    if (end == NULL) {
        return broken(len == 0 ? "nothing" : "head");
    }
    long whole = body_of(end + 4, len - (size_t)(end + 4 - answer));
    int status = atoi(answer + 9);
    if (whole < 0) {
        return broken("body");
    }
    printf("whole %d %ld\n%.*s\n", status, whole, (int)whole, end + 4);
    return status == 200;
}

int main(int argc, char **argv)
{
    char path[256] = "";
    unsigned port = 0;
    const char *base = getenv("OPENAI_BASE_URL");
    bool good = true;
    if (base == NULL || sscanf(base, "http://127.0.0.1:%u%255s", &port, path) < 1) {
        return 2;
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        good &= ask(port, path, argv[i], argv[i + 1]);
    }
    return is_hanging ? 12 : good ? 0 : 10;
}
