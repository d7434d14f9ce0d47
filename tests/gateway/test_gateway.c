/* Defends the way of a request through gateway/: framing in both directions, refusals, limits. Leaving and memory:
 * test_connection.c. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "house.h"
#include "main.h"
#include "wire/malformed_requests.h"

#define HOST "Host: 127.0.0.1\r\n"

/* Sends on a fresh connection, takes one answer and compares its end with `tail`. */
static void ask(struct house *house, const char *request, const char *status_line, const char *tail)
{
    int client = client_open(house_port(house));
    client_send(client, request);
    char *answer = client_read_answer(client, false);
    ck_assert_msg(strncmp(answer, status_line, strlen(status_line)) == 0, "%s", answer);
    size_t len = strlen(answer);
    ck_assert_uint_ge(len, strlen(tail));
    ck_assert_str_eq(answer + len - strlen(tail), tail);
    free(answer);
    close(client);
}

START_TEST(a_request_is_answered)
{
    struct house *house = house_open();
    ask(house, "GET /up/echo HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\nX-Mine: 1\r\n",
        "\r\n\r\nGET /echo body=0 spill=-1 trailers=0\n");
    ask(house, "POST /up/echo?a=b HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\n", "\r\n\r\nPOST /echo?a=b body=5 spill=-1 trailers=0\nhello");
    house_await_delivered(house, 2);
    struct rn_gateway_counts counts = house_counts(house);
    ck_assert_uint_eq(counts.requests, 2);
    ck_assert_uint_eq(counts.connections, 2);
    ck_assert_uint_eq(counts.in_flight, 0);
    house_close(house);
}
END_TEST

START_TEST(a_port_of_its_own_takes_every_path)
{
    struct house *house = house_open();
    int client = client_open(house_own_port(house));
    client_send(client, "GET /t/x/up/echo HTTP/1.1\r\n" HOST "\r\n");
    client_expect(client, "GET /t/x/up/echo body=0");
    close(client);
    house_close(house);
}
END_TEST

START_TEST(every_byte_may_come_alone)
{
    static const char request[] =
        "\r\nPOST /up/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
        "PUT /up/echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyz"
        "GET /up/chunks HTTP/1.1\r\n" HOST "\r\n";
    struct house *house = house_open();
    int client = client_open(house_port(house));
    for (size_t i = 0; i < sizeof request - 1; i++) {
        client_send_bytes(client, request + i, 1);
        (void)house_counts(
            house); /* the loop has gone round, so that the next byte is read alone */
    }
    client_expect(client, "POST /echo body=5 spill=-1 trailers=14\nabcde");
    client_expect(client, "PUT /echo body=3 spill=-1 trailers=0\nxyz");
    client_expect(client, "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\nX-End: yes\r\n\r\n");
    close(client);
    house_close(house);
}
END_TEST

START_TEST(requests_may_be_cut_anywhere)
{
    static const char request[] =
        "POST /up/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\n"
        "POST /up/echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nde";
    struct house *house = house_open();
    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        int client = client_open(house_port(house));
        client_send_bytes(client, request, cut);
        (void)house_counts(house);
        client_send_bytes(client, request + cut, sizeof request - 1 - cut);
        client_expect(client, "body=3 spill=-1 trailers=0\nabc");
        client_expect(client, "body=2 spill=-1 trailers=0\nde");
        close(client);
    }
    house_close(house);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    char *many = calloc(1, 1 << 20);
    size_t len = 0;
    for (int i = 0; i < 2000; i++) {
        len += (size_t)sprintf(
            many + len, "POST /up/echo?%d HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody", i);
    }
    client_send_bytes(client, many, len);
    for (int i = 0; i < 2000; i++) {
        char expected[64];
        (void)sprintf(expected, "POST /echo?%d body=4 spill=-1 trailers=0\nbody", i);
        char *answer = client_read_answer(client, false);
        ck_assert_ptr_nonnull(strstr(answer, expected));
        free(answer);
    }
    free(many);
    close(client);
    house_close(house);
}
END_TEST

START_TEST(a_pipelined_request_waits_for_the_answer_before_it)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client,
                "GET /up/wait HTTP/1.1\r\n" HOST "\r\nGET /up/echo HTTP/1.1\r\n" HOST "\r\n");
    while (house_counts(house).requests == 0) {
    }
    ck_assert_uint_eq(house_counts(house).requests, 1);
    house_release(house);
    client_expect(client, "waited");
    client_expect(client, "GET /echo");
    close(client);
    house_close(house);
}
END_TEST

START_TEST(one_hundred_continue_is_sent_when_the_body_is_awaited)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "POST /up/echo HTTP/1.1\r\n" HOST
                        "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    char *interim = client_read_answer(client, true);
    ck_assert_str_eq(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    free(interim);
    client_send(client, "body");
    client_expect(client, "body=4 spill=-1 trailers=0\nbody");
    /* when the body is here already, nobody waits */
    client_send(client, "POST /up/echo HTTP/1.1\r\n" HOST
                        "Content-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
    char *answer = client_read_answer(client, false);
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 200", 12), 0);
    free(answer);
    close(client);
    house_close(house);
}
END_TEST

START_TEST(http_1_0_is_spoken)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/echo HTTP/1.0\r\n\r\n");
    char *answer = client_read_all(client, NULL);
    ck_assert_ptr_nonnull(strstr(answer, "\r\nConnection: close\r\n\r\nGET /echo"));
    free(answer);
    close(client);

    client = client_open(house_port(house));
    client_send(client, "GET /up/echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_expect(client, "\r\nConnection: keep-alive\r\n\r\nGET /echo");
    client_expect(client, "trailers=0\n");
    client_send(client, "GET /up/chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    answer = client_read_all(client, NULL);
    ck_assert_str_eq(answer, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwothree");
    free(answer);
    close(client);

    client = client_open(house_port(house));
    client_send(client, "GET /up/interim HTTP/1.0\r\n\r\n");
    answer = client_read_all(client, NULL);
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 200 OK", 15), 0);
    free(answer);
    close(client);
    house_close(house);
}
END_TEST

START_TEST(answers_without_body_have_none)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client,
                "HEAD /up/echo HTTP/1.1\r\n" HOST "\r\nHEAD /up/chunks HTTP/1.1\r\n" HOST
                "\r\nGET /up/empty/204 HTTP/1.1\r\n" HOST "\r\nGET /up/empty/304 HTTP/1.1\r\n" HOST
                "\r\nGET /up/interim HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    char *answers = client_read_all(client, NULL);
    ck_assert_str_eq(answers, "HTTP/1.1 200 OK\r\nX-Mine: 1\r\nContent-Type: text/plain\r\n"
                              "Content-Length: 38\r\n\r\n"
                              "HTTP/1.1 200 OK\r\n\r\n"
                              "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"
                              "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
                              "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
                              "Connection: close\r\n\r\nok");
    free(answers);
    close(client);
    house_close(house);
}
END_TEST

START_TEST(the_end_of_the_connection_may_end_a_body)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/until-close HTTP/1.1\r\n" HOST "\r\n");
    char *answer = client_read_all(client, NULL);
    ck_assert_str_eq(answer, "HTTP/1.1 200 OK\r\n\r\nall there is");
    free(answer);
    close(client);
    house_close(house);
}
END_TEST

START_TEST(a_cut_is_never_a_clean_end)
{
    struct house *house = house_open();
    static const char *const targets[] = {"cut", "none", "short"};
    static const char *const seen[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n", "",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome"};
    for (size_t i = 0; i < 3; i++) {
        char request[128];
        (void)sprintf(request, "GET /up/stop-%s HTTP/1.1\r\n" HOST "\r\nGET ", targets[i]);
        int client = client_open(house_port(house));
        client_send(client, request);
        char *answer = client_read_all(client, NULL);
        ck_assert_str_eq(answer, seen[i]);
        free(answer);
        close(client);
    }
    house_await_delivered(house, 3);
    int client = client_open(house_port(house));
    client_send(client, "GET /up/stop-reset HTTP/1.1\r\n" HOST "\r\n");
    client_expect(client, "\r\n\r\nsome");
    ck_assert_int_eq(client_end(client), 1);
    close(client);
    house_close(house);
}
END_TEST

START_TEST(a_reset_does_not_overtake_what_its_client_has_not_read)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    static char space[64 * 1024];
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/stop-much HTTP/1.1\r\n" HOST "\r\n");
    house_await_delivered(house, 1); /* our kernel has it all, the client's has not */
    size_t came = 0;
    ssize_t got;
    while ((got = recv(client, space, sizeof space, 0)) > 0) {
        came += (size_t)got;
    }
    ck_assert_uint_eq(came, sizeof head - 1 + STOP_MUCH_BYTES);
    ck_assert_int_eq(errno, ECONNRESET);
    close(client);
    /* One that leaves instead of reading is let go. */
    client = client_open(house_port(house));
    client_send(client, "GET /up/stop-much HTTP/1.1\r\n" HOST "\r\n");
    house_await_delivered(house, 2);
    close(client);
    while (house_counts(house).open > 0) {
    }
    house_close(house);
}
END_TEST

START_TEST(a_body_that_only_its_connection_ends_is_not_ended_by_our_own_end)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/stop-open HTTP/1.1\r\n" HOST "\r\n");
    client_expect(client, "\r\n\r\nsome");
    house_close(house);
    ck_assert_int_eq(client_end(client), 1);
    close(client);
}
END_TEST

/* --- refusals -------------------------------------------------------------------------------- */

static void check_refusal(struct house *house, const char *name, const char *request, size_t len,
                          unsigned status)
{
    int client = client_open(house_port(house));
    client_send_bytes(client, request, len);
    char *answer = client_read_all(client, NULL);
    char line[32];
    (void)sprintf(line, "HTTP/1.1 %u ", status);
    ck_assert_msg(strncmp(answer, line, strlen(line)) == 0, "%s: expected %u, got %s", name, status,
                  answer);
    ck_assert_msg(strstr(answer, "\r\nConnection: close\r\n") != NULL, "%s", name);
    ck_assert_msg(
        strstr(answer, "\r\n\r\n{\"error\":{\"type\":\"reenact_gateway\",\"message\":\"") != NULL,
        "%s", answer);
    free(answer);
    close(client);
}

START_TEST(malformed_requests_are_refused_and_never_seen)
{
    struct house *house = house_open();
    size_t count = sizeof rn_malformed_requests / sizeof rn_malformed_requests[0];
    for (size_t i = 0; i < count; i++) {
        const struct rn_malformed_request *row = &rn_malformed_requests[i];
        check_refusal(house, row->name, row->bytes, row->len, row->status);
    }
    struct rn_gateway_counts counts = house_counts(house);
    ck_assert_uint_eq(counts.requests, 0);
    ck_assert_uint_eq(counts.malformed, count);
    house_close(house);
}
END_TEST

START_TEST(malformed_bodies_are_refused_and_never_seen)
{
    static const char *const bodies[] = {"x\r\n",
                                         "3\nabc\r\n0\r\n\r\n",
                                         "3\r\nabcd\r\n",
                                         "3\r\nabc\n0\r\n\r\n",
                                         "0\r\nX : y\r\n\r\n",
                                         "11111111111111111\r\n"};
    struct house *house = house_open();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char request[256];
        (void)sprintf(request,
                      "POST /up/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s",
                      bodies[i]);
        check_refusal(house, bodies[i], request, strlen(request), 400);
    }
    ck_assert_uint_eq(house_counts(house).requests, 0);
    house_close(house);
}
END_TEST

START_TEST(the_sentence_names_reason_and_place)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n");
    client_expect(client, "a blank before ':' (at byte 20)");
    close(client);
    house_close(house);
}
END_TEST

START_TEST(strangers_are_refused_and_never_seen)
{
    static const char *const heads[] = {
        "GET /up/echo HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET http://evil.example/up/echo HTTP/1.1\r\n" HOST "\r\n",
        "POST /up/echo HTTP/1.1\r\n" HOST
        "Origin: http://evil.example\r\nContent-Length: 100000\r\n\r\nnot all of it"};
    static const unsigned status[] = {421, 421, 403};
    struct house *house = house_open();
    for (size_t i = 0; i < 3; i++) {
        check_refusal(house, heads[i], heads[i], strlen(heads[i]), status[i]);
    }
    struct rn_gateway_counts counts = house_counts(house);
    ck_assert_uint_eq(counts.requests, 0);
    ck_assert_uint_eq(counts.foreign, 3);
    ck_assert_uint_eq(counts.malformed, 0);
    house_close(house);
}
END_TEST

static void lower_the_limit(struct house *house)
{
    house_gateway(house)->connections_max = 2;
}

START_TEST(too_many_connections_are_told_so)
{
    struct house *house = house_open();
    house_do(house, lower_the_limit);
    int first = client_open(house_port(house));
    int second = client_open(house_port(house));
    while (house_counts(house).open < 2) {
    }
    static const char request[] = "GET /up/echo HTTP/1.1\r\n" HOST "\r\n";
    check_refusal(house, "crowd", request, sizeof request - 1, 503);
    client_send(first, request);
    client_expect(first, "GET /echo");
    close(first);
    while (house_counts(house).open > 1) {
    }
    ask(house, request, "HTTP/1.1 200", "GET /echo body=0 spill=-1 trailers=0\n");
    close(second);
    house_close(house);
}
END_TEST

/* --- large bodies ---------------------------------------------------------------------------- */

static void send_body(int client, size_t len, bool chunked)
{
    static char block[1 << 20];
    memset(block, 'b', sizeof block);
    while (len > 0) {
        size_t part = len < sizeof block ? len : sizeof block;
        if (chunked) {
            char size[32];
            client_send_bytes(client, size, (size_t)sprintf(size, "%zx\r\n", part));
        }
        client_send_bytes(client, block, part);
        if (chunked) {
            client_send(client, "\r\n");
        }
        len -= part;
    }
    if (chunked) {
        client_send(client, "0\r\n\r\n");
    }
}

static void check_large(struct house *house, size_t len, bool chunked, const char *expected)
{
    int client = client_open(house_port(house));
    char head[256];
    (void)sprintf(head, "POST /up/echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", len);
    client_send(client, chunked ? "POST /up/echo HTTP/1.1\r\n" HOST
                                  "Transfer-Encoding: chunked\r\n\r\n"
                                : head);
    send_body(client, len, chunked);
    client_expect(client, expected);
    close(client);
}

START_TEST(bodies_over_the_limit_are_spilled_whole)
{
    struct house *house = house_open();
    check_large(house, RN_REQUEST_BODY_BYTES_MAX, false,
                "POST /echo body=67108864 spill=-1 trailers=0\n");
    check_large(house, RN_REQUEST_BODY_BYTES_MAX + 1, false,
                "POST /echo body=67108865 spill=67108865 trailers=0\n");
    check_large(house, RN_REQUEST_BODY_BYTES_MAX + 1000000, true,
                "POST /echo body=68108864 spill=68108864 trailers=0\n");
    house_close(house);
}
END_TEST

START_TEST(a_spill_that_fails_is_an_answer)
{
    ck_assert_int_eq(setenv("TMPDIR", "/nonexistent/directory", 1), 0);
    struct house *house = house_open();
    check_large(house, RN_REQUEST_BODY_BYTES_MAX + 1, false, "HTTP/1.1 507 Insufficient Storage");
    ck_assert_uint_eq(house_counts(house).requests, 0);
    house_close(house);
}
END_TEST

START_TEST(a_taken_port_is_busy)
{
    struct house *house = house_open();
    struct rn_loop *loop = rn_loop_new();
    const struct rn_handler none = {0};
    struct rn_gateway *gateway = rn_gateway_new(loop, &none);
    uint16_t bound = 0;
    struct rn_error error = {0};
    ck_assert_int_eq(rn_gateway_listen(gateway, house_port(house), NULL, &bound, &error), RN_BUSY);
    ck_assert_ptr_nonnull(strstr(error.text, "choose another port"));
    rn_gateway_free(gateway);
    rn_loop_free(loop);
    house_close(house);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("gateway/gateway");
    RN_CASE(suite, "requests", a_request_is_answered, a_port_of_its_own_takes_every_path,
            every_byte_may_come_alone, requests_may_be_cut_anywhere,
            pipelined_requests_are_answered_in_order,
            a_pipelined_request_waits_for_the_answer_before_it,
            one_hundred_continue_is_sent_when_the_body_is_awaited, http_1_0_is_spoken);
    RN_CASE(suite, "answers", answers_without_body_have_none,
            the_end_of_the_connection_may_end_a_body, a_cut_is_never_a_clean_end,
            a_reset_does_not_overtake_what_its_client_has_not_read,
            a_body_that_only_its_connection_ends_is_not_ended_by_our_own_end);
    RN_CASE(suite, "refusals", malformed_requests_are_refused_and_never_seen,
            malformed_bodies_are_refused_and_never_seen, the_sentence_names_reason_and_place,
            strangers_are_refused_and_never_seen, too_many_connections_are_told_so,
            a_taken_port_is_busy);
    RN_CASE(suite, "large", bodies_over_the_limit_are_spilled_whole,
            a_spill_that_fails_is_an_answer);
    return suite;
}
