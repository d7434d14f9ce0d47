/* The forwarding half against servers that behave, misbehave and break off. */
#include "main.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "toy_server.h"
#include "upstream_internal.h"

#define SEND(text)                                                                                 \
    {                                                                                              \
        TOY_SEND, RN_LIT(text)                                                                     \
    }
#define SCRIPTS(...)                                                                               \
    (const struct toy_step *const[]){__VA_ARGS__},                                                 \
        sizeof((const struct toy_step *const[]){__VA_ARGS__}) / sizeof(const struct toy_step *)
#define STEPS(...)                                                                                 \
    (const struct toy_step[])                                                                      \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            TOY_END,                                                                               \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

/* What one transfer told us. */
struct seen {
    struct rn_loop *loop;
    struct rn_buffer interim;
    struct rn_buffer head;
    struct rn_buffer body;
    struct rn_buffer trailers;
    unsigned heads;
    unsigned pieces;
    unsigned ends;
    struct rn_transfer_end end;
    /* what to do */
    unsigned *left; /* stop the loop when this comes to 0 */
    struct rn_transfer *transfer;
    struct rn_timer *later;
    bool pause_each;
    bool cancel_at_head;
    bool cancel_at_piece;
    struct toy_server *open_gate_at_piece;
    void (*at_piece)(struct seen *seen);
    void *more;
};

static struct rn_loop *loop;
static struct rn_upstreams *upstreams;
static struct toy_server *server;

static void see_interim(void *self, struct rn_bytes head)
{
    struct seen *seen = self;
    rn_buffer_add(&seen->interim, head);
}

static void see_head(void *self, struct rn_bytes head)
{
    struct seen *seen = self;
    seen->heads++;
    rn_buffer_add(&seen->head, head);
    if (seen->cancel_at_head) {
        rn_transfer_cancel(seen->transfer);
        rn_loop_stop(seen->loop);
    }
}

static void go_on(void *self)
{
    struct seen *seen = self;
    rn_transfer_resume(seen->transfer);
}

static bool see_body(void *self, struct rn_bytes piece)
{
    struct seen *seen = self;
    ck_assert_uint_eq(seen->heads, 1);
    seen->pieces++;
    rn_buffer_add(&seen->body, piece);
    if (seen->open_gate_at_piece != NULL) {
        toy_open_gate(seen->open_gate_at_piece);
    }
    if (seen->at_piece != NULL) {
        seen->at_piece(seen);
    }
    if (seen->cancel_at_piece) {
        rn_transfer_cancel(seen->transfer);
        rn_loop_stop(seen->loop);
        return true;
    }
    if (seen->pause_each) {
        rn_timer_start(seen->later, 1000000);
        return false;
    }
    return true;
}

static void see_done(void *self, const struct rn_transfer_end *end)
{
    struct seen *seen = self;
    seen->ends++;
    seen->end = *end;
    rn_buffer_add(&seen->trailers, end->trailers);
    seen->transfer = NULL;
    if (seen->left == NULL || --*seen->left == 0) {
        rn_loop_stop(seen->loop);
    }
}

static const struct rn_transfer_handler handler = {see_interim, see_head, see_body, see_done};

static void set_up(void)
{
    loop = rn_loop_new();
    upstreams = rn_upstreams_new(loop);
    ck_assert_ptr_nonnull(upstreams);
    server = NULL;
}

static void tear_down(void)
{
    rn_upstreams_free(upstreams);
    rn_loop_free(loop);
    if (server != NULL) {
        toy_stop(server);
    }
}

static void add_toy(const char *name, const char *format)
{
    char url[128];
    snprintf(url, sizeof url, format, (unsigned)toy_port(server));
    ck_assert_int_eq(rn_upstreams_add(upstreams, name, url, NULL), RN_OK);
}

static void serve_scripts(const struct toy_step *const *scripts, size_t count)
{
    server = toy_start(scripts, count);
    add_toy("toy", "http://127.0.0.1:%u");
}

static void seen_free(struct seen *seen)
{
    rn_buffer_free(&seen->interim);
    rn_buffer_free(&seen->head);
    rn_buffer_free(&seen->body);
    rn_buffer_free(&seen->trailers);
    rn_timer_free(seen->later);
    *seen = (struct seen){0};
}

static void seen_init(struct seen *seen)
{
    seen->loop = loop;
    seen->later = rn_timer_new(loop, go_on, seen);
}

/* Starts a request given as it would come from a client; a body follows its head. */
static void start_on(struct seen *seen, const char *name, const char *request)
{
    static struct rn_http_head head;
    size_t skipped;
    struct rn_http_fault fault;
    ck_assert_int_eq(rn_http_request_parse(rn_bytes_text(request), &head, &skipped, &fault),
                     RN_HTTP_DONE);
    struct rn_bytes body = rn_bytes_from(rn_bytes_text(request), head.raw.len);
    struct rn_forward forward = {.method = head.method,
                                 .target = head.target,
                                 .head = &head,
                                 .body = body,
                                 .spill = -1,
                                 .body_bytes = body.len,
                                 .has_body = head.framing != RN_FRAMING_NONE};
    const struct rn_upstream *upstream = rn_upstreams_find(upstreams, rn_bytes_text(name));
    ck_assert_ptr_nonnull(upstream);
    seen->transfer = rn_transfer_start(upstreams, upstream, &forward, &handler, seen);
    ck_assert_ptr_nonnull(seen->transfer);
}

static void run(struct seen *seen, const char *request)
{
    seen_init(seen);
    start_on(seen, "toy", request);
    rn_loop_run(loop);
}

#define GET "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"

static void ck_buffer(const struct rn_buffer *buffer, const char *expected)
{
    ck_assert_uint_eq(buffer->len, strlen(expected));
    ck_assert_mem_eq(buffer->data == NULL ? (const void *)"" : buffer->data, expected, buffer->len);
}

static void ck_complete(const struct seen *seen, const char *head, const char *body)
{
    ck_assert_uint_eq(seen->ends, 1);
    ck_assert_msg(seen->end.complete, "%s", seen->end.sentence);
    ck_assert_int_eq(seen->end.code, 0);
    ck_buffer(&seen->head, head);
    ck_buffer(&seen->body, body);
}

static void ck_cut(const struct seen *seen)
{
    ck_assert_uint_eq(seen->ends, 1);
    ck_assert(!seen->end.complete);
    ck_assert_int_ne(seen->end.code, 0);
    ck_assert_int_gt((int)strlen(seen->end.sentence), 20);
    ck_assert_ptr_nonnull(strstr(seen->end.sentence, "://"));
    ck_assert_int_eq(strncmp(seen->end.name, "CURLE_", 6), 0);
}

/* What the server got last. */
static char sent[128 * 1024];

static char *big_request(size_t bytes)
{
    char *request = malloc(bytes + 256);
    int len =
        snprintf(request, 256, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", bytes);
    for (size_t i = 0; i < bytes; i++) {
        request[(size_t)len + i] = (char)('a' + i % 23);
    }
    request[(size_t)len + bytes] = '\0';
    return request;
}

/* --- answers --------------------------------------------------------------------------------- */

#define PLAIN                                                                                      \
    "HTTP/1.1 200 Very  OK\r\ncontent-length: 5\r\nX-a: 1\r\nx-A:2  \r\nX-a: 1\r\nEmpty:\r\n\r\n"

START_TEST(upstream_gives_head_and_body_as_they_came)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    struct seen seen = {0};
    run(&seen, GET);
    ck_complete(&seen, PLAIN, "hello");
    ck_assert_uint_eq(seen.interim.len, 0);
    ck_assert(!seen.end.timed_out);
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_keeps_its_connection_for_the_next_request)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    for (int i = 0; i < 20; i++) {
        struct seen seen = {0};
        run(&seen, GET);
        ck_complete(&seen, PLAIN, "hello");
        seen_free(&seen);
    }
    ck_assert_uint_eq(toy_connections(server), 1);
    ck_assert_uint_eq(toy_requests(server), 20);
}
END_TEST

START_TEST(upstream_survives_a_kept_connection_that_was_closed)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"), {TOY_CLOSE, {0}})));
    for (int i = 0; i < 5; i++) {
        struct seen seen = {0};
        run(&seen, GET);
        ck_complete(&seen, PLAIN, "hello");
        seen_free(&seen);
    }
    ck_assert_uint_eq(toy_connections(server), 5);
}
END_TEST

#define HINTS "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define PROCESSING "HTTP/1.1 102 Processing\r\n\r\n"
START_TEST(upstream_sends_again_when_a_kept_connection_dies_under_a_request)
{
    /* Nothing of an answer came, so nobody can have been answered twice. */
    static const size_t sizes[] = {10, 100000};
    char *requests[] = {big_request(sizes[0]), big_request(sizes[1])};
    for (size_t i = 0; i < 2; i++) {
        serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello")), STEPS({TOY_CLOSE, {0}}),
                              STEPS(SEND(PLAIN "again"))));
        static const char *const bodies[] = {"hello", "again"};
        for (size_t k = 0; k < 2; k++) {
            struct seen seen = {0};
            run(&seen, requests[i]);
            ck_complete(&seen, PLAIN, bodies[k]);
            seen_free(&seen);
        }
        ck_assert_uint_eq(toy_connections(server), 2);
        ck_assert_uint_eq(toy_requests(server), 3);
        toy_last_request(server, sent, sizeof sent);
        ck_assert_str_eq(strstr(sent, "\r\n\r\n"), strstr(requests[i], "\r\n\r\n"));
        toy_stop(server);
        server = NULL;
        free(requests[i]);
    }
}
END_TEST

START_TEST(upstream_keeps_one_socket_of_a_host_with_several_addresses)
{
    /* localhost may be ::1 first, where nobody listens: that attempt leaves nothing behind. */
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    add_toy("toy", "http://localhost:%u");
    for (int i = 0; i < 3; i++) {
        struct seen seen = {0};
        run(&seen, GET);
        ck_complete(&seen, PLAIN, "hello");
        seen_free(&seen);
    }
    size_t sockets = 0;
    for (size_t i = 0; i < upstreams->socket_count; i++) {
        sockets += upstreams->sockets[i] != NULL;
    }
    ck_assert_uint_eq(sockets, 1);
    ck_assert_uint_eq(toy_connections(server), 1);
}
END_TEST

START_TEST(upstream_tells_interim_heads_from_the_final_one)
{
    serve_scripts(SCRIPTS(STEPS(SEND("HTTP/1.1 100 Continue\r\n\r\n" HINTS PROCESSING
                                     "HTTP/1.1 200 OK\r\nContent-Length: "
                                     "2\r\n\r\nok"))));
    struct seen seen = {0};
    run(&seen, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nb");
    ck_complete(&seen, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok");
    ck_buffer(&seen.interim, HINTS PROCESSING);
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_refuses_to_switch_protocols)
{
    serve_scripts(SCRIPTS(STEPS(SEND(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nbytes"))));
    struct seen seen = {0};
    run(&seen, GET);
    ck_cut(&seen);
    ck_assert_uint_eq(seen.heads, 0);
    ck_assert_ptr_nonnull(strstr(seen.end.sentence, "switched protocols"));
    seen_free(&seen);
}
END_TEST

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
START_TEST(upstream_keeps_trailers_apart_from_the_head)
{
    serve_scripts(
        SCRIPTS(STEPS(SEND(CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\nx-t:w\r\n\r\n"))));
    struct seen seen = {0};
    run(&seen, GET);
    ck_complete(&seen, CHUNKED, "abcde");
    ck_buffer(&seen.trailers, "X-T: v\r\nx-t:w\r\n");
    seen_free(&seen);
    run(&seen, GET);
    ck_complete(&seen, CHUNKED, "abcde");
    ck_buffer(&seen.trailers, "X-T: v\r\nx-t:w\r\n");
    seen_free(&seen);
    ck_assert_uint_eq(toy_connections(server), 1);
}
END_TEST

START_TEST(upstream_delivers_a_piece_before_the_next_is_sent)
{
    serve_scripts(SCRIPTS(
        STEPS(SEND(CHUNKED "3\r\nabc\r\n"), {TOY_GATE, {0}}, SEND("2\r\nde\r\n0\r\n\r\n"))));
    struct seen seen = {.open_gate_at_piece = server};
    run(&seen, GET);
    ck_complete(&seen, CHUNKED, "abcde");
    ck_assert_uint_eq(seen.pieces, 2);
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_leaves_codings_alone)
{
    static const char gzip[] = "\x1f\x8b\x08\x00 not really gzip \xff";
    char answer[256];
    int len = snprintf(answer, sizeof answer,
                       "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                       sizeof gzip);
    memcpy(answer + len, gzip, sizeof gzip);
    struct toy_step steps[] = {{TOY_SEND, rn_bytes_of(answer, (size_t)len + sizeof gzip)},
                               {TOY_END, {0}}};
    serve_scripts(SCRIPTS(steps));
    struct seen seen = {0};
    run(&seen, "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip, br\r\n\r\n");
    ck_assert(seen.end.complete);
    ck_assert_uint_eq(seen.body.len, sizeof gzip);
    ck_assert_mem_eq(seen.body.data, gzip, sizeof gzip);
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_knows_answers_without_a_body)
{
#define NOT_MODIFIED "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n"
#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"
#define HEAD_ONLY "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"
    serve_scripts(SCRIPTS(STEPS(SEND(NOT_MODIFIED)), STEPS(SEND(NO_CONTENT)),
                          STEPS(SEND(HEAD_ONLY)), STEPS(SEND(PLAIN "hello"))));
    static const char *const heads[] = {NOT_MODIFIED, NO_CONTENT, HEAD_ONLY};
    for (size_t i = 0; i < 3; i++) {
        struct seen seen = {0};
        run(&seen, i == 2 ? "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" : GET);
        ck_complete(&seen, heads[i], "");
        seen_free(&seen);
    }
    /* A HEAD before leaves nothing behind on the handle. */
    struct seen seen = {0};
    run(&seen, GET);
    ck_complete(&seen, PLAIN, "hello");
    seen_free(&seen);
    ck_assert_uint_eq(toy_connections(server), 1);
}
END_TEST

#define UNFRAMED "HTTP/1.1 200 OK\r\nX: y\r\n\r\n"
START_TEST(upstream_takes_the_end_of_the_connection_where_it_is_the_end)
{
    serve_scripts(SCRIPTS(STEPS(SEND(UNFRAMED "to the end"), {TOY_CLOSE, {0}})));
    struct seen seen = {0};
    run(&seen, GET);
    ck_complete(&seen, UNFRAMED, "to the end");
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_takes_no_more_than_the_length)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello, world"), {TOY_CLOSE, {0}})));
    struct seen seen = {0};
    run(&seen, GET);
    ck_complete(&seen, PLAIN, "hello");
    seen_free(&seen);
    run(&seen, GET);
    ck_complete(&seen, PLAIN, "hello");
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_passes_error_answers_and_redirects_through)
{
#define REDIRECT "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\n"
#define LIMITED "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 2\r\n\r\n"
#define DENIED "HTTP/1.1 401 \r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\n"
    serve_scripts(
        SCRIPTS(STEPS(SEND(REDIRECT "no")), STEPS(SEND(LIMITED "no")), STEPS(SEND(DENIED "no"))));
    static const char *const heads[] = {REDIRECT, LIMITED, DENIED};
    for (size_t i = 0; i < 3; i++) {
        struct seen seen = {0};
        run(&seen, GET);
        ck_complete(&seen, heads[i], "no");
        seen_free(&seen);
    }
    ck_assert_uint_eq(toy_requests(server), 3);
}
END_TEST

/* --- requests -------------------------------------------------------------------------------- */

/* Sends `request` and stores what the server got in `sent`. */
static void send_and_read(const char *request)
{
    struct seen seen = {0};
    run(&seen, request);
    ck_assert_msg(seen.end.complete, "%s", seen.end.sentence);
    seen_free(&seen);
    toy_last_request(server, sent, sizeof sent);
}

/* The expected request with the server's own Host. */
static void ck_sent(const char *line, const char *rest)
{
    char expected[4096];
    snprintf(expected, sizeof expected, "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s", line,
             (unsigned)toy_port(server), rest);
    ck_assert_str_eq(sent, expected);
}

START_TEST(upstream_sends_fields_in_order_with_case_and_duplicates)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    send_and_read(
        "GET /v1/m?a=b&c HTTP/1.1\r\nX-one: 1\r\nhost: client\r\nx-TWO:2  \r\nX-one: 1\r\n"
        "Empty:\r\nBlank:   \r\nUser-Agent: ua/1\r\naccept-encoding: zstd\r\n"
        "Authorization: Bearer k\r\nCookie: a=b\r\nRange: bytes=0-1\r\nReferer: r\r\n\r\n");
    ck_sent(
        "GET /v1/m?a=b&c",
        "X-one: 1\r\nx-TWO:2  \r\nX-one: 1\r\nEmpty:\r\nBlank:\r\nUser-Agent: ua/1\r\n"
        "accept-encoding: zstd\r\nAuthorization: Bearer k\r\nCookie: a=b\r\nRange: bytes=0-1\r\n"
        "Referer: r\r\n\r\n");
}
END_TEST

START_TEST(upstream_adds_nothing_of_curls_own)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    send_and_read(GET);
    ck_sent("GET /x", "\r\n");
    send_and_read("GET /x HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
    ck_sent("GET /x", "Accept: text/event-stream\r\n\r\n");
    send_and_read("GET /x HTTP/1.1\r\nHost: h\r\nAccept:\r\nContent-Type:\r\n\r\n");
    ck_sent("GET /x", "Accept:\r\nContent-Type:\r\n\r\n");
}
END_TEST

START_TEST(upstream_drops_what_is_for_one_hop_or_for_us)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    send_and_read("GET /x HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
                  "Keep-Alive: 5\r\nTE: trailers\r\nExpect: 100-continue\r\nX-Reenact-Trace: a\r\n"
                  "x-reenact-tag: k=v\r\nX-Reenactment: stays\r\n\r\n");
    ck_sent("GET /x", "X-Reenactment: stays\r\n\r\n");
}
END_TEST

START_TEST(upstream_touches_nothing_in_a_target)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    static const char *const targets[] = {
        "/a/../b/./c//d", "/%7Ea%2fb", "/a?b=[]{}|^`\\", "//double", "/\xc3\xa9", "/?", "*"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char request[256];
        char line[128];
        const char *method = strcmp(targets[i], "*") == 0 ? "OPTIONS" : "GET";
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\n\r\n", method, targets[i]);
        snprintf(line, sizeof line, "%s %s", method, targets[i]);
        send_and_read(request);
        ck_sent(line, "\r\n");
    }
}
END_TEST

START_TEST(upstream_passes_any_method_with_and_without_a_body)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    static const char *const bare[] = {"GET", "DELETE", "OPTIONS", "get", "PROPFIND", "X-*!"};
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++) {
        char request[256];
        char line[64];
        snprintf(line, sizeof line, "%s /x", bare[i]);
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: h\r\n\r\n", line);
        send_and_read(request);
        ck_sent(line, "\r\n");
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
                 line);
        send_and_read(request);
        ck_sent(line, "Content-Length: 2\r\n\r\nhi");
    }
    send_and_read("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhi");
    ck_sent("PUT /x", "Content-Type: a/b\r\nContent-Length: 2\r\n\r\nhi");
    ck_assert_uint_eq(toy_connections(server), 1);
}
END_TEST

START_TEST(upstream_announces_empty_bodies)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    send_and_read("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    ck_sent("POST /x", "Content-Length: 0\r\n\r\n");
    send_and_read("POST /x HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_sent("POST /x", "Content-Length: 0\r\n\r\n");
    send_and_read("GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    ck_sent("GET /x", "Content-Length: 0\r\n\r\n");
}
END_TEST

START_TEST(upstream_sends_a_body_with_head)
{
    serve_scripts(SCRIPTS(STEPS(SEND(HINTS HEAD_ONLY))));
    for (int i = 0; i < 2; i++) {
        struct seen seen = {0};
        run(&seen, "HEAD /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
        ck_complete(&seen, HEAD_ONLY, "");
        ck_buffer(&seen.interim, HINTS);
        seen_free(&seen);
        toy_last_request(server, sent, sizeof sent);
        ck_sent("HEAD /x", "Content-Length: 2\r\n\r\nhi");
    }
}
END_TEST

START_TEST(upstream_sends_bodies_of_all_sizes)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    static const size_t sizes[] = {1,     8191,  8192,  8193,  16383, 16384,
                                   16385, 65535, 65536, 65537, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *request = big_request(sizes[i]);
        send_and_read(request);
        const char *body = strstr(sent, "\r\n\r\n") + 4;
        ck_assert_uint_eq(strlen(body), sizes[i]);
        ck_assert_str_eq(body, strstr(request, "\r\n\r\n") + 4);
        ck_assert_ptr_null(strstr(sent, "Expect"));
        free(request);
    }
}
END_TEST

static struct rn_transfer *start_spilled(struct seen *seen, int file, uint64_t bytes)
{
    static struct rn_http_head head;
    size_t skipped;
    struct rn_http_fault fault;
    const char *request = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n";
    rn_http_request_parse(rn_bytes_text(request), &head, &skipped, &fault);
    struct rn_forward forward = {.method = head.method,
                                 .target = head.target,
                                 .head = &head,
                                 .spill = file,
                                 .body_bytes = bytes,
                                 .has_body = true};
    return rn_transfer_start(upstreams, rn_upstreams_find(upstreams, RN_LIT("toy")), &forward,
                             &handler, seen);
}

START_TEST(upstream_sends_a_spilled_body_from_its_file)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    char *request = big_request(90000);
    const char *body = strstr(request, "\r\n\r\n") + 4;
    FILE *file = tmpfile();
    fwrite(body, 1, 90000, file);
    fflush(file);
    static const uint64_t sizes[] = {0, 1, 89999, 90000};
    for (size_t i = 0; i < 4; i++) {
        struct seen seen = {0};
        seen_init(&seen);
        ck_assert_ptr_nonnull(start_spilled(&seen, fileno(file), sizes[i]));
        rn_loop_run(loop);
        ck_complete(&seen, PLAIN, "hello");
        seen_free(&seen);
        toy_last_request(server, sent, sizeof sent);
        const char *got = strstr(sent, "\r\n\r\n") + 4;
        ck_assert_uint_eq(strlen(got), sizes[i]);
        ck_assert_mem_eq(got, body, sizes[i]);
    }
    /* A file shorter than it should be is a failure, not a short body. */
    struct seen seen = {0};
    seen_init(&seen);
    ck_assert_ptr_nonnull(start_spilled(&seen, fileno(file), 90001));
    rn_loop_run(loop);
    ck_cut(&seen);
    seen_free(&seen);
    fclose(file);
    free(request);
}
END_TEST

START_TEST(upstream_puts_its_path_in_front_and_its_credentials_behind)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    add_toy("toy", "http://us%%40er:pa%%3Ass@127.0.0.1:%u/base/v1/");
    send_and_read(GET);
    ck_sent("GET /base/v1/x", "Authorization: Basic dXNAZXI6cGE6c3M=\r\n\r\n");
    send_and_read("GET /x HTTP/1.1\r\nHost: h\r\nauthorization: mine\r\n\r\n");
    ck_sent("GET /base/v1/x", "authorization: mine\r\n\r\n");
    add_toy("toy", "http://token@127.0.0.1:%u");
    send_and_read(GET);
    ck_sent("GET /x", "Authorization: Basic dG9rZW46\r\n\r\n");
    ck_assert_ptr_null(strchr(rn_upstream_url(rn_upstreams_find(upstreams, RN_LIT("toy"))), '@'));
}
END_TEST

/* --- answers that end badly ------------------------------------------------------------------ */

/* The server sends the first `len` bytes and ends in the given way, for every `len`; only the last is complete. */
static void cut_everywhere(const char *answer, size_t head_len, enum toy_what ending,
                           size_t complete_from)
{
    size_t whole = strlen(answer);
    for (size_t len = 0; len <= whole; len++) {
        struct toy_step steps[] = {
            {TOY_SEND, rn_bytes_of(answer, len)}, {ending, {0}}, {TOY_END, {0}}};
        serve_scripts(SCRIPTS(steps));
        struct seen seen = {0};
        run(&seen, GET);
        ck_assert_uint_eq(seen.ends, 1);
        if (len >= complete_from) {
            ck_assert_msg(seen.end.complete, "at %zu: %s", len, seen.end.sentence);
        } else {
            ck_assert_msg(!seen.end.complete, "complete at %zu of %zu", len, whole);
            ck_cut(&seen);
            /* A reset may overtake what was sent before it. */
            if (ending == TOY_CLOSE) {
                ck_assert_uint_eq(seen.heads, len >= head_len ? 1 : 0);
            }
        }
        ck_assert(!seen.end.timed_out);
        seen_free(&seen);
        /* Its port may come back with the next server. */
        toy_stop(server);
        server = NULL;
    }
}

START_TEST(upstream_sees_a_cut_at_each_byte_of_a_length)
{
    cut_everywhere(PLAIN "hello", sizeof PLAIN - 1, TOY_CLOSE, sizeof PLAIN - 1 + 5);
}
END_TEST

START_TEST(upstream_sees_a_cut_at_each_byte_of_chunks)
{
    static const char answer[] = CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\n\r\n";
    /* curl does not miss the very last LF; nothing is lost by it. */
    cut_everywhere(answer, sizeof CHUNKED - 1, TOY_CLOSE, sizeof answer - 2);
}
END_TEST

START_TEST(upstream_sees_a_cut_at_each_byte_of_an_unframed_head)
{
    cut_everywhere(UNFRAMED "abc", sizeof UNFRAMED - 1, TOY_CLOSE, sizeof UNFRAMED - 1);
}
END_TEST

START_TEST(upstream_sees_a_cut_between_heads)
{
    cut_everywhere(HINTS UNFRAMED, sizeof HINTS UNFRAMED - 1, TOY_CLOSE, sizeof HINTS UNFRAMED - 1);
}
END_TEST

START_TEST(upstream_calls_no_reset_a_clean_end)
{
    serve_scripts(SCRIPTS(STEPS(SEND(UNFRAMED "abc"), {TOY_GATE, {0}}, {TOY_RESET, {0}})));
    struct seen seen = {.open_gate_at_piece = server};
    run(&seen, GET);
    ck_cut(&seen);
    ck_assert_uint_eq(seen.heads, 1);
    ck_buffer(&seen.body, "abc");
    ck_assert_ptr_nonnull(strstr(seen.end.sentence, "after 3 bytes"));
    ck_assert_ptr_nonnull(strstr(seen.end.sentence, "reset"));
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_refuses_what_is_no_http)
{
    serve_scripts(SCRIPTS(STEPS(SEND("<html>HTTP/0.9</html>\n"), {TOY_CLOSE, {0}}),
                          STEPS(SEND("SSH-2.0-OpenSSH\r\n\r\n"), {TOY_CLOSE, {0}}),
                          STEPS(SEND("HTTP/1.1 abc\r\n\r\n"), {TOY_CLOSE, {0}}),
                          STEPS(SEND("\r\n\r\n"), {TOY_CLOSE, {0}})));
    for (int i = 0; i < 4; i++) {
        struct seen seen = {0};
        run(&seen, GET);
        ck_cut(&seen);
        ck_assert_uint_eq(seen.heads, 0);
        ck_assert_uint_eq(seen.body.len, 0);
        seen_free(&seen);
    }
}
END_TEST

START_TEST(upstream_refuses_a_head_without_end)
{
    size_t line = 1000;
    char *fields = malloc(80 * line + 1);
    for (size_t i = 0; i < 80; i++) {
        memset(fields + i * line, 'a', line);
        memcpy(fields + i * line, "X: ", 3);
        memcpy(fields + (i + 1) * line - 2, "\r\n", 2);
    }
    struct toy_step steps[] = {SEND("HTTP/1.1 200 OK\r\n"),
                               {TOY_SEND, rn_bytes_of(fields, 80 * line)},
                               SEND("\r\n"),
                               {TOY_HANG, {0}},
                               {TOY_END, {0}}};
    serve_scripts(SCRIPTS(steps));
    struct seen seen = {0};
    run(&seen, GET);
    ck_cut(&seen);
    ck_assert_uint_eq(seen.heads, 0);
    ck_assert_ptr_nonnull(strstr(seen.end.sentence, "too large"));
    seen_free(&seen);
    toy_wait_gone(server, 1);
    free(fields);
}
END_TEST

/* A port that was free a moment ago. */
static unsigned refused_port(int *holder)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    *holder = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(*holder, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(getsockname(*holder, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

START_TEST(upstream_names_a_refused_connection)
{
    int holder; /* bound and not listening, so nobody else can take the port */
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", refused_port(&holder));
    ck_assert_int_eq(rn_upstreams_add(upstreams, "toy", url, NULL), RN_OK);
    struct seen seen = {0};
    run(&seen, GET);
    ck_cut(&seen);
    char expected[128];
    snprintf(expected, sizeof expected, "could not connect to %s (connection refused)", url);
    ck_assert_str_eq(seen.end.sentence, expected);
    ck_assert_str_eq(seen.end.name, "CURLE_COULDNT_CONNECT");
    ck_assert(!seen.end.timed_out);
    seen_free(&seen);
    close(holder);
}
END_TEST

START_TEST(upstream_gives_up_on_a_connection_that_does_not_come_up)
{
    /* A listener whose queue is full drops what else wants in. */
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    int waiting[4];
    for (size_t i = 0; i < 4; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(waiting[i], (struct sockaddr *)&address, len);
    }
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    ck_assert_int_eq(rn_upstreams_add(upstreams, "toy", url, NULL), RN_OK);
    rn_upstreams_set_timeouts(upstreams, 30, 60000);
    struct seen seen = {0};
    run(&seen, GET);
    ck_cut(&seen);
    ck_assert(seen.end.timed_out);
    ck_assert_ptr_nonnull(strstr(seen.end.sentence, "no answer from http://"));
    seen_free(&seen);
    for (size_t i = 0; i < 4; i++) {
        close(waiting[i]);
    }
    close(listener);
}
END_TEST

START_TEST(upstream_names_an_unknown_host)
{
    ck_assert_int_eq(rn_upstreams_add(upstreams, "toy", "http://no-such-host.invalid", NULL),
                     RN_OK);
    struct seen seen = {0};
    run(&seen, GET);
    ck_cut(&seen);
    ck_assert_ptr_nonnull(strstr(seen.end.sentence, "cannot resolve the host of http://no-such"));
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_names_tls_with_a_plain_server)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    toy_stop(server);
    /* Whatever comes, answer in clear: a ClientHello has no empty line, so speak at once. */
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    close(peer);
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    ck_assert_int_eq(rn_upstreams_add(upstreams, "toy", url, NULL), RN_OK);
    server = NULL;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int connection = accept(listener, NULL, NULL);
        static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        ssize_t put = write(connection, answer, sizeof answer - 1);
        char rest[4096];
        while (put > 0 && read(connection, rest, sizeof rest) > 0) {
        }
        _exit(0);
    }
    struct seen seen = {0};
    run(&seen, GET);
    ck_cut(&seen);
    ck_assert_uint_eq(seen.heads, 0);
    ck_assert_ptr_nonnull(strstr(seen.end.sentence, "no TLS with https://"));
    ck_assert_str_eq(seen.end.name, "CURLE_SSL_CONNECT_ERROR");
    seen_free(&seen);
    close(listener);
}
END_TEST

/* The clock stands still in these tests but for what they add to it, so a slow machine is no silence. */
#define HOUR_NS (UINT64_C(3600) * 1000000000)

static void pass_an_hour(struct seen *seen)
{
    (void)seen;
    rn_clock_hold(0, rn_clock_mono_ns() + HOUR_NS, 0);
}

static void pass_an_hour_when_asked(void *self)
{
    struct seen *seen = self;
    if (toy_requests(server) > 0) {
        pass_an_hour(seen);
    } else {
        rn_timer_start(seen->later, 1000000);
    }
}

START_TEST(upstream_gives_up_on_silence)
{
    serve_scripts(SCRIPTS(STEPS({TOY_HANG, {0}}), STEPS(SEND(PLAIN "he"), {TOY_HANG, {0}})));
    rn_clock_hold(0, rn_loop_now_ns(loop), 0);
    rn_upstreams_set_timeouts(upstreams, 5000, 10);
    for (unsigned i = 0; i < 2; i++) {
        struct seen seen = {.at_piece = pass_an_hour};
        struct rn_timer *timer = rn_timer_new(loop, pass_an_hour_when_asked, &seen);
        seen_init(&seen);
        rn_timer_free(seen.later);
        seen.later = timer;
        if (i == 0) {
            rn_timer_start(timer, 1000000);
        }
        start_on(&seen, "toy", GET);
        rn_loop_run(loop);
        ck_cut(&seen);
        ck_assert_uint_eq(seen.heads, i);
        ck_assert(seen.end.timed_out);
        ck_assert_str_eq(seen.end.name, "CURLE_OPERATION_TIMEDOUT");
        ck_assert_ptr_nonnull(strstr(seen.end.sentence, "was silent for 10 ms"));
        toy_wait_gone(server, i + 1); /* the connection was closed at once */
        seen_free(&seen);
    }
    rn_clock_release();
}
END_TEST

/* --- pausing and leaving --------------------------------------------------------------------- */

START_TEST(upstream_waits_for_a_slow_handler)
{
    size_t bytes = 1 << 20;
    char *big = malloc(bytes);
    memset(big, 'z', bytes);
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", bytes);
    struct toy_step steps[] = {
        {TOY_SEND, rn_bytes_text(head)}, {TOY_SEND, rn_bytes_of(big, bytes)}, {TOY_END, {0}}};
    serve_scripts(SCRIPTS(steps));
    /* Every pause takes an hour: time does not count while we are the slow ones. */
    rn_clock_hold(0, rn_loop_now_ns(loop), 0);
    rn_upstreams_set_timeouts(upstreams, 5000, 1);
    struct seen seen = {.pause_each = true, .at_piece = pass_an_hour};
    run(&seen, GET);
    rn_clock_release();
    ck_assert_msg(seen.end.complete, "%s", seen.end.sentence);
    ck_assert_uint_eq(seen.body.len, bytes);
    ck_assert_mem_eq(seen.body.data, big, bytes);
    ck_assert_uint_gt(seen.pieces, 10);
    seen_free(&seen);
    free(big);
}
END_TEST

START_TEST(upstream_delivers_nothing_while_paused)
{
    serve_scripts(SCRIPTS(STEPS(SEND(CHUNKED "3\r\nabc\r\n"), {TOY_GATE, {0}},
                                SEND("2\r\nde\r\n0\r\nX: 1\r\n\r\n"))));
    struct seen seen = {.pause_each = true, .open_gate_at_piece = server};
    run(&seen, GET);
    ck_complete(&seen, CHUNKED, "abcde");
    ck_buffer(&seen.trailers, "X: 1\r\n");
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_cancels_inside_its_own_callbacks)
{
    serve_scripts(SCRIPTS(STEPS(SEND(CHUNKED "3\r\nabc\r\n"), {TOY_HANG, {0}})));
    for (unsigned i = 0; i < 2; i++) {
        struct seen seen = {.cancel_at_head = i == 0, .cancel_at_piece = i == 1};
        run(&seen, GET);
        ck_assert_uint_eq(seen.heads, 1);
        ck_assert_uint_eq(seen.pieces, i);
        ck_assert_uint_eq(seen.ends, 0);
        toy_wait_gone(server, i + 1);
        seen_free(&seen);
    }
}
END_TEST

static void cancel_when_asked(void *self)
{
    struct seen *seen = self;
    if (toy_requests(server) == 0) {
        rn_timer_start(seen->more, 1000000);
        return;
    }
    rn_transfer_cancel(seen->transfer);
    rn_loop_stop(seen->loop);
}

START_TEST(upstream_cancels_from_outside_and_closes_at_once)
{
    serve_scripts(SCRIPTS(STEPS(SEND(CHUNKED "3\r\nabc\r\n"), {TOY_HANG, {0}})));
    struct seen seen = {0};
    struct rn_timer *timer = rn_timer_new(loop, cancel_when_asked, &seen);
    seen.more = timer;
    rn_timer_start(timer, 1000000);
    run(&seen, GET);
    ck_assert_uint_eq(seen.ends, 0);
    toy_wait_gone(server, 1);
    rn_timer_free(timer);
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_cancels_before_it_began)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    struct seen seen = {0};
    seen_init(&seen);
    start_on(&seen, "toy", GET);
    rn_transfer_cancel(seen.transfer);
    seen_free(&seen);
    run(&seen, GET);
    ck_complete(&seen, PLAIN, "hello");
    seen_free(&seen);
}
END_TEST

START_TEST(upstream_frees_what_still_runs)
{
    serve_scripts(SCRIPTS(STEPS(SEND(CHUNKED "3\r\nabc\r\n"), {TOY_HANG, {0}})));
    struct seen seen = {0};
    struct seen other = {0};
    seen_init(&seen);
    seen_init(&other);
    start_on(&seen, "toy", GET);
    start_on(&other, "toy", GET);
    unsigned left = 100;
    seen.left = other.left = &left;
    struct rn_timer *timer = rn_timer_new(loop, (rn_loop_callback *)(void *)rn_loop_stop, loop);
    rn_timer_start(timer, 10000000);
    rn_loop_run(loop);
    rn_timer_free(timer);
    seen_free(&seen);
    seen_free(&other);
    /* tear_down frees the upstreams */
}
END_TEST

/* Starts another transfer from inside curl's callback. */
static void start_more(struct seen *seen)
{
    struct seen *more = seen->more;
    if (more != NULL) {
        seen->more = NULL;
        start_on(more, "toy", GET);
    }
}

START_TEST(upstream_starts_and_cancels_others_inside_a_callback)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    unsigned left = 2;
    struct seen first = {.left = &left, .at_piece = start_more};
    struct seen second = {.left = &left};
    seen_init(&second);
    first.more = &second;
    run(&first, GET);
    ck_complete(&first, PLAIN, "hello");
    ck_complete(&second, PLAIN, "hello");
    seen_free(&first);
    seen_free(&second);
}
END_TEST

static void cancel_other(struct seen *seen)
{
    struct seen *other = seen->more;
    rn_transfer_cancel(other->transfer);
}

START_TEST(upstream_cancels_another_inside_a_callback)
{
    serve_scripts(SCRIPTS(STEPS({TOY_HANG, {0}}), STEPS(SEND(PLAIN "hello"))));
    struct seen hung = {0};
    seen_init(&hung);
    start_on(&hung, "toy", GET);
    struct rn_timer *timer = rn_timer_new(loop, (rn_loop_callback *)(void *)rn_loop_stop, loop);
    do {
        rn_timer_start(timer, 1000000);
        rn_loop_run(loop);
    } while (toy_requests(server) < 1);
    rn_timer_free(timer);
    struct seen seen = {.at_piece = cancel_other, .more = &hung};
    run(&seen, GET);
    ck_complete(&seen, PLAIN, "hello");
    ck_assert_uint_eq(hung.ends, 0);
    toy_wait_gone(server, 1);
    seen_free(&seen);
    seen_free(&hung);
}
END_TEST

/* --- many ------------------------------------------------------------------------------------ */

#define MANY 200
START_TEST(upstream_spreads_many_transfers_over_shards)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "he"), {TOY_GATE, {0}}, SEND("llo"))));
    static struct seen seen[MANY];
    unsigned left = MANY;
    for (unsigned round = 0; round < 2; round++) {
        left = MANY;
        for (size_t i = 0; i < MANY; i++) {
            seen[i] = (struct seen){.left = &left};
            seen_init(&seen[i]);
            start_on(&seen[i], "toy", GET);
        }
        ck_assert_uint_eq(upstreams->shard_count,
                          (MANY + RN_TRANSFERS_PER_SHARD - 1) / RN_TRANSFERS_PER_SHARD);
        seen[MANY - 1].open_gate_at_piece = server;
        rn_loop_run(loop);
        for (size_t i = 0; i < MANY; i++) {
            ck_complete(&seen[i], PLAIN, "hello");
            seen_free(&seen[i]);
        }
    }
    ck_assert_uint_eq(toy_connections(server), MANY);
    ck_assert_uint_eq(upstreams->spare_count, MANY);
}
END_TEST

/* --- names and URLs -------------------------------------------------------------------------- */

START_TEST(upstream_names_are_sorted_found_and_overridden)
{
    ck_assert_int_eq(rn_upstreams_add_builtin(upstreams, NULL), RN_OK);
    const struct rn_upstream *openai = rn_upstreams_find(upstreams, RN_LIT("openai"));
    ck_assert_str_eq(rn_upstream_url(openai), "https://api.openai.com");
    size_t count = 0;
    while (rn_upstreams_at(upstreams, count) != NULL) {
        const struct rn_upstream *one = rn_upstreams_at(upstreams, count);
        ck_assert_ptr_eq(rn_upstreams_find(upstreams, rn_bytes_text(rn_upstream_name(one))), one);
        if (count > 0) {
            const struct rn_upstream *before = rn_upstreams_at(upstreams, count - 1);
            ck_assert_int_lt(strcmp(rn_upstream_name(before), rn_upstream_name(one)), 0);
        }
        count++;
    }
    ck_assert_uint_eq(count, 17);
    ck_assert_int_eq(rn_upstreams_add(upstreams, "openai", "HTTP://localhost:8080/v1/", NULL),
                     RN_OK);
    ck_assert_ptr_eq(rn_upstreams_find(upstreams, RN_LIT("openai")), openai);
    ck_assert_str_eq(rn_upstream_url(openai), "HTTP://localhost:8080/v1");
    ck_assert_ptr_null(rn_upstreams_find(upstreams, RN_LIT("open")));
    ck_assert_ptr_null(rn_upstreams_find(upstreams, RN_LIT("zzz")));
    ck_assert_ptr_null(rn_upstreams_at(upstreams, count));
}
END_TEST

START_TEST(upstream_refuses_bad_urls_without_repeating_them)
{
    static const char *const bad[] = {"",
                                      "api.openai.com",
                                      "ftp://host",
                                      "http://",
                                      "http:///path",
                                      "http://host:0",
                                      "http://host:65536",
                                      "http://host:",
                                      "http://host:8a",
                                      "http://ho st",
                                      "http://host/p?q",
                                      "http://host/p#f",
                                      "http://ho\tst",
                                      "http://host\xc3\xa9",
                                      "http://[::1",
                                      "http://user:secret@",
                                      "http://a\\b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rn_error error = {0};
        ck_assert_msg(rn_upstreams_add(upstreams, "toy", bad[i], &error) == RN_INVALID, "%s",
                      bad[i]);
        ck_assert_ptr_null(strstr(error.text, "secret"));
        ck_assert_ptr_nonnull(strstr(error.text, "toy"));
    }
    static const char *const good[] = {"http://h", "https://h:65535/", "http://[::1]:8080/a/b",
                                       "http://u:p@h:1", "http://my_host-1.example"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_int_eq(rn_upstreams_add(upstreams, "toy", good[i], NULL), RN_OK);
    }
    ck_assert_int_eq(rn_upstreams_add(upstreams, "T", "http://h", NULL), RN_INVALID);
}
END_TEST

/* --- memory ---------------------------------------------------------------------------------- */

static bool start_failing(struct seen *seen, unsigned long nth)
{
    static struct rn_http_head head;
    static const char request[] =
        "POST /x HTTP/1.1\r\nHost: h\r\nA: b\r\nContent-Length: 2\r\n\r\nhi";
    size_t skipped;
    struct rn_http_fault fault;
    rn_http_request_parse(
        RN_LIT("POST /x HTTP/1.1\r\nHost: h\r\nA: b\r\nContent-Length: 2\r\n\r\n"), &head, &skipped,
        &fault);
    struct rn_forward forward = {.method = head.method,
                                 .target = head.target,
                                 .head = &head,
                                 .body = rn_bytes_of(request + sizeof request - 3, 2),
                                 .spill = -1,
                                 .body_bytes = 2,
                                 .has_body = true};
    rn_memory_fail_from(nth);
    seen->transfer = rn_transfer_start(upstreams, rn_upstreams_find(upstreams, RN_LIT("toy")),
                                       &forward, &handler, seen);
    rn_memory_fail_from(0);
    return seen->transfer != NULL;
}

START_TEST(upstream_survives_each_failed_allocation_of_a_start)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    bool started = false;
    for (unsigned long nth = 1; nth < 400 && !started; nth++) {
        struct seen seen = {0};
        seen_init(&seen);
        started = start_failing(&seen, nth);
        if (started) {
            rn_loop_run(loop);
            ck_complete(&seen, PLAIN, "hello");
        }
        seen_free(&seen);
    }
    ck_assert(started);
}
END_TEST

/* From the start to the end of a transfer: an end comes, and no success is invented. */
START_TEST(upstream_ends_every_transfer_when_memory_runs_out)
{
    serve_scripts(SCRIPTS(STEPS(SEND(CHUNKED "3\r\nabc\r\n0\r\nX: 1\r\n\r\n"))));
    rn_upstreams_set_timeouts(upstreams, 5000, 300);
    unsigned complete = 0;
    for (unsigned long nth = 1; nth < 300 && complete < 3; nth++) {
        struct seen seen = {0};
        seen_init(&seen);
        rn_buffer_reserve(&seen.head, 1024);
        rn_buffer_reserve(&seen.body, 1024);
        rn_buffer_reserve(&seen.trailers, 1024);
        start_on(&seen, "toy", GET);
        rn_memory_fail_from(nth);
        rn_loop_run(loop);
        rn_memory_fail_from(0);
        ck_assert_uint_eq(seen.ends, 1);
        if (seen.end.complete) {
            ck_complete(&seen, CHUNKED, "abc");
            ck_buffer(&seen.trailers, "X: 1\r\n");
            complete++;
        }
        seen_free(&seen);
    }
    ck_assert_uint_eq(complete, 3);
}
END_TEST

START_TEST(upstream_is_whole_or_nothing_when_memory_runs_out)
{
    enum rn_status status = RN_NOMEM;
    for (unsigned long nth = 1; nth < 40 && status != RN_OK; nth++) {
        rn_memory_fail_from(nth);
        status = rn_upstreams_add(upstreams, "toy", "http://u:p@host/p", NULL);
        rn_memory_fail_from(0);
        ck_assert(status == RN_OK || rn_upstreams_at(upstreams, 0) == NULL);
    }
    ck_assert_int_eq(status, RN_OK);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("upstream");
    const struct {
        const char *name;
        const TTest *const *tests;
    } cases[] = {
#define CASE(name, ...)                                                                            \
    {                                                                                              \
        name, (const TTest *const[])                                                               \
        {                                                                                          \
            __VA_ARGS__, NULL                                                                      \
        }                                                                                          \
    }
        CASE("answers", upstream_gives_head_and_body_as_they_came,
             upstream_keeps_its_connection_for_the_next_request,
             upstream_survives_a_kept_connection_that_was_closed,
             upstream_sends_again_when_a_kept_connection_dies_under_a_request,
             upstream_keeps_one_socket_of_a_host_with_several_addresses,
             upstream_tells_interim_heads_from_the_final_one, upstream_refuses_to_switch_protocols,
             upstream_keeps_trailers_apart_from_the_head,
             upstream_delivers_a_piece_before_the_next_is_sent, upstream_leaves_codings_alone,
             upstream_knows_answers_without_a_body,
             upstream_takes_the_end_of_the_connection_where_it_is_the_end,
             upstream_takes_no_more_than_the_length,
             upstream_passes_error_answers_and_redirects_through),
        CASE("requests", upstream_sends_fields_in_order_with_case_and_duplicates,
             upstream_adds_nothing_of_curls_own, upstream_drops_what_is_for_one_hop_or_for_us,
             upstream_touches_nothing_in_a_target,
             upstream_passes_any_method_with_and_without_a_body, upstream_announces_empty_bodies,
             upstream_sends_a_body_with_head, upstream_sends_bodies_of_all_sizes,
             upstream_sends_a_spilled_body_from_its_file,
             upstream_puts_its_path_in_front_and_its_credentials_behind),
        CASE("cuts", upstream_sees_a_cut_at_each_byte_of_a_length,
             upstream_sees_a_cut_at_each_byte_of_chunks,
             upstream_sees_a_cut_at_each_byte_of_an_unframed_head,
             upstream_sees_a_cut_between_heads, upstream_calls_no_reset_a_clean_end,
             upstream_refuses_what_is_no_http, upstream_refuses_a_head_without_end,
             upstream_names_a_refused_connection, upstream_names_an_unknown_host,
             upstream_gives_up_on_a_connection_that_does_not_come_up,
             upstream_names_tls_with_a_plain_server, upstream_gives_up_on_silence),
        CASE("pausing", upstream_waits_for_a_slow_handler, upstream_delivers_nothing_while_paused,
             upstream_cancels_inside_its_own_callbacks,
             upstream_cancels_from_outside_and_closes_at_once, upstream_cancels_before_it_began,
             upstream_frees_what_still_runs, upstream_starts_and_cancels_others_inside_a_callback,
             upstream_cancels_another_inside_a_callback),
        CASE("many", upstream_spreads_many_transfers_over_shards),
        CASE("names", upstream_names_are_sorted_found_and_overridden,
             upstream_refuses_bad_urls_without_repeating_them),
        CASE("memory", upstream_survives_each_failed_allocation_of_a_start,
             upstream_ends_every_transfer_when_memory_runs_out,
             upstream_is_whole_or_nothing_when_memory_runs_out),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        TCase *one = tcase_create(cases[i].name);
        tcase_add_checked_fixture(one, set_up, tear_down);
        for (size_t k = 0; cases[i].tests[k] != NULL; k++) {
            tcase_add_test(one, cases[i].tests[k]);
        }
        suite_add_tcase(suite, one);
    }
    return suite;
}
