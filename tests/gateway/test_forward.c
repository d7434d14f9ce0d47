/* Requests as an upstream gets them: byte for byte the client's, but for one hop's fields. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

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

START_TEST(forward_sends_fields_in_order_with_case_and_duplicates)
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

START_TEST(forward_adds_nothing_of_curls_own)
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

START_TEST(forward_drops_what_is_for_one_hop_or_for_us)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "hello"))));
    send_and_read("GET /x HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
                  "Keep-Alive: 5\r\nTE: trailers\r\nExpect: 100-continue\r\nX-Reenact-Trace: a\r\n"
                  "x-reenact-tag: k=v\r\nX-Reenactment: stays\r\n\r\n");
    ck_sent("GET /x", "X-Reenactment: stays\r\n\r\n");
}
END_TEST

START_TEST(forward_touches_nothing_in_a_target)
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

START_TEST(forward_passes_any_method_with_and_without_a_body)
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

START_TEST(forward_announces_empty_bodies)
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

START_TEST(forward_sends_a_body_with_head)
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

START_TEST(forward_sends_bodies_of_all_sizes)
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

START_TEST(forward_sends_a_spilled_body_from_its_file)
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

START_TEST(forward_puts_its_path_in_front_and_its_credentials_behind)
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

Suite *rn_suite(void)
{
    Suite *suite = suite_create("forward");
    PROBE_CASE(suite, "requests", forward_sends_fields_in_order_with_case_and_duplicates,
               forward_adds_nothing_of_curls_own, forward_drops_what_is_for_one_hop_or_for_us,
               forward_touches_nothing_in_a_target,
               forward_passes_any_method_with_and_without_a_body, forward_announces_empty_bodies,
               forward_sends_a_body_with_head, forward_sends_bodies_of_all_sizes,
               forward_sends_a_spilled_body_from_its_file,
               forward_puts_its_path_in_front_and_its_credentials_behind);
    return suite;
}
