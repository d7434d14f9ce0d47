/* Answers: as they came, broken off at every byte, paused and cancelled. */
#include "main.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "probe.h"

/* --- answers --------------------------------------------------------------------------------- */

START_TEST(transfer_gives_head_and_body_as_they_came)
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

START_TEST(transfer_keeps_its_connection_for_the_next_request)
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

START_TEST(transfer_survives_a_kept_connection_that_was_closed)
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

#define PROCESSING "HTTP/1.1 102 Processing\r\n\r\n"
START_TEST(transfer_sends_again_what_may_be_repeated_when_a_kept_connection_dies)
{
    static const size_t sizes[] = {10, 100000};
    char *requests[] = {big_request(sizes[0]), big_request(sizes[1])};
    for (size_t i = 0; i < 2; i++) {
        memmove(requests[i] + 1, "UT", 2); /* PUT is idempotent, POST is not */
        memmove(requests[i] + 3, requests[i] + 4, strlen(requests[i] + 4) + 1);
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

START_TEST(transfer_sends_no_post_twice)
{
    /* Whoever took it and died may have acted on it. */
    static const size_t sizes[] = {10, 100000};
    for (size_t i = 0; i < 2; i++) {
        char *request = big_request(sizes[i]);
        serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello")), STEPS({TOY_CLOSE, {0}}),
                              STEPS(SEND(PLAIN "again"))));
        struct seen first = {0};
        struct seen second = {0};
        run(&first, request);
        ck_complete(&first, PLAIN, "hello");
        run(&second, request);
        ck_assert(!second.end.complete);
        ck_assert_ptr_nonnull(strstr(second.end.sentence, "closed a kept connection"));
        ck_assert_uint_eq(toy_requests(server), 2);
        seen_free(&first);
        seen_free(&second);
        toy_stop(server);
        server = NULL;
        free(request);
    }
}
END_TEST

/* curl's clock can be put forward: what is defined here comes before the C library's. */
static long ahead_s;

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int status = (int)syscall(SYS_clock_gettime, clock, out);
    out->tv_sec += ahead_s;
    return status;
}

/* Its server may be about to close it, and a POST that meets the closing is lost: nobody may send it again. */
START_TEST(transfer_uses_no_connection_that_was_idle_for_long)
{
    char *request = big_request(10);
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    static const struct {
        long pause_s;
        unsigned connections;
    } steps[] = {{0, 1}, {RN_KEPT_IDLE_S - 1, 1}, {RN_KEPT_IDLE_S + 1, 2}, {0, 2}, {3600, 3}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct seen seen = {0};
        ahead_s += steps[i].pause_s;
        run(&seen, request);
        ck_complete(&seen, PLAIN, "hello");
        ck_assert_uint_eq(toy_connections(server), steps[i].connections);
        seen_free(&seen);
    }
    ahead_s = 0;
    free(request);
}
END_TEST

START_TEST(transfer_keeps_one_socket_of_a_host_with_several_addresses)
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

START_TEST(transfer_tells_interim_heads_from_the_final_one)
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

START_TEST(transfer_refuses_to_switch_protocols)
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

START_TEST(transfer_keeps_trailers_apart_from_the_head)
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

START_TEST(transfer_delivers_a_piece_before_the_next_is_sent)
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

START_TEST(transfer_leaves_codings_alone)
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

START_TEST(transfer_knows_answers_without_a_body)
{
#define NOT_MODIFIED "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n"
#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"
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

START_TEST(transfer_takes_the_end_of_the_connection_where_it_is_the_end)
{
    serve_scripts(SCRIPTS(STEPS(SEND(UNFRAMED "to the end"), {TOY_CLOSE, {0}})));
    struct seen seen = {0};
    run(&seen, GET);
    ck_complete(&seen, UNFRAMED, "to the end");
    seen_free(&seen);
}
END_TEST

START_TEST(transfer_takes_no_more_than_the_length)
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

START_TEST(transfer_passes_error_answers_and_redirects_through)
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

START_TEST(transfer_sees_a_cut_at_each_byte_of_a_length)
{
    cut_everywhere(PLAIN "hello", sizeof PLAIN - 1, TOY_CLOSE, sizeof PLAIN - 1 + 5);
}
END_TEST

START_TEST(transfer_sees_a_cut_at_each_byte_of_chunks)
{
    static const char answer[] = CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\n\r\n";
    /* curl does not miss the very last LF; nothing is lost by it. */
    cut_everywhere(answer, sizeof CHUNKED - 1, TOY_CLOSE, sizeof answer - 2);
}
END_TEST

START_TEST(transfer_sees_a_cut_at_each_byte_of_an_unframed_head)
{
    cut_everywhere(UNFRAMED "abc", sizeof UNFRAMED - 1, TOY_CLOSE, sizeof UNFRAMED - 1);
}
END_TEST

START_TEST(transfer_sees_a_cut_between_heads)
{
    cut_everywhere(HINTS UNFRAMED, sizeof HINTS UNFRAMED - 1, TOY_CLOSE, sizeof HINTS UNFRAMED - 1);
}
END_TEST

START_TEST(transfer_calls_no_reset_a_clean_end)
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

START_TEST(transfer_refuses_what_is_no_http)
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

START_TEST(transfer_refuses_a_head_without_end)
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

START_TEST(transfer_names_a_refused_connection)
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

START_TEST(transfer_gives_up_on_a_connection_that_does_not_come_up)
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

START_TEST(transfer_names_an_unknown_host)
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

START_TEST(transfer_names_tls_with_a_plain_server)
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
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
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

START_TEST(transfer_gives_up_on_silence)
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

START_TEST(transfer_waits_for_a_slow_handler)
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

START_TEST(transfer_delivers_nothing_while_paused)
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

START_TEST(transfer_cancels_inside_its_own_callbacks)
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

START_TEST(transfer_cancels_from_outside_and_closes_at_once)
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

START_TEST(transfer_cancels_before_it_began)
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

START_TEST(transfer_frees_what_still_runs)
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

START_TEST(transfer_starts_and_cancels_others_inside_a_callback)
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

START_TEST(transfer_cancels_another_inside_a_callback)
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

START_TEST(transfer_survives_each_failed_allocation_of_a_start)
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
START_TEST(transfer_ends_every_transfer_when_memory_runs_out)
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

Suite *rn_suite(void)
{
    Suite *suite = suite_create("transfer");
    PROBE_CASE(suite, "answers", transfer_gives_head_and_body_as_they_came,
               transfer_keeps_its_connection_for_the_next_request,
               transfer_survives_a_kept_connection_that_was_closed,
               transfer_sends_again_what_may_be_repeated_when_a_kept_connection_dies,
               transfer_sends_no_post_twice, transfer_uses_no_connection_that_was_idle_for_long,
               transfer_keeps_one_socket_of_a_host_with_several_addresses,
               transfer_tells_interim_heads_from_the_final_one,
               transfer_refuses_to_switch_protocols, transfer_keeps_trailers_apart_from_the_head,
               transfer_delivers_a_piece_before_the_next_is_sent, transfer_leaves_codings_alone,
               transfer_knows_answers_without_a_body,
               transfer_takes_the_end_of_the_connection_where_it_is_the_end,
               transfer_takes_no_more_than_the_length,
               transfer_passes_error_answers_and_redirects_through);
    PROBE_CASE(suite, "cuts", transfer_sees_a_cut_at_each_byte_of_a_length,
               transfer_sees_a_cut_at_each_byte_of_chunks,
               transfer_sees_a_cut_at_each_byte_of_an_unframed_head,
               transfer_sees_a_cut_between_heads, transfer_calls_no_reset_a_clean_end,
               transfer_refuses_what_is_no_http, transfer_refuses_a_head_without_end,
               transfer_names_a_refused_connection, transfer_names_an_unknown_host,
               transfer_gives_up_on_a_connection_that_does_not_come_up,
               transfer_names_tls_with_a_plain_server, transfer_gives_up_on_silence);
    PROBE_CASE(suite, "pausing", transfer_waits_for_a_slow_handler,
               transfer_delivers_nothing_while_paused, transfer_cancels_inside_its_own_callbacks,
               transfer_cancels_from_outside_and_closes_at_once, transfer_cancels_before_it_began,
               transfer_frees_what_still_runs, transfer_starts_and_cancels_others_inside_a_callback,
               transfer_cancels_another_inside_a_callback);
    PROBE_CASE(suite, "memory", transfer_survives_each_failed_allocation_of_a_start,
               transfer_ends_every_transfer_when_memory_runs_out);
    return suite;
}
