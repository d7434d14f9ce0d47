/* Defends gateway/route.c and admission.c: who is meant, who may ask, what is not passed on. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "gateway/route.h"
#include "main.h"

static void text_of(struct rn_bytes bytes, char out[128])
{
    (void)snprintf(out, 128, "%.*s", (int)bytes.len, (const char *)bytes.data);
}

static struct rn_route route(const char *target, const char *own)
{
    return rn_route_of(rn_bytes_text(target), own);
}

static void check_upstream(const char *target, const char *own, const char *upstream,
                           const char *trace, const char *rest)
{
    char text[128];
    struct rn_route got = route(target, own);
    ck_assert_msg(got.kind == RN_ROUTE_UPSTREAM, "%s", target);
    text_of(got.upstream, text);
    ck_assert_str_eq(text, upstream);
    text_of(got.trace, text);
    ck_assert_str_eq(text, trace);
    text_of(got.target, text);
    ck_assert_str_eq(text, rest);
}

START_TEST(names_lead_to_upstreams)
{
    check_upstream("/openai/v1/chat?x=/t/", NULL, "openai", "", "/v1/chat?x=/t/");
    check_upstream("/openai", NULL, "openai", "", "/");
    check_upstream("/openai/", NULL, "openai", "", "/");
    check_upstream("/a1/%2e%2e//", NULL, "a1", "", "/%2e%2e//");
    check_upstream("http://127.0.0.1:9/openai/v1", NULL, "openai", "", "/v1");
}
END_TEST

START_TEST(a_trace_stands_in_front)
{
    check_upstream("/t/0123456789abcdef0123456789abcdef/openai/v1", NULL, "openai",
                   "0123456789abcdef0123456789abcdef", "/v1");
    check_upstream("/t/My_run-1.x/openai", NULL, "openai", "My_run-1.x", "/");
    check_upstream("/t/t/openai/t/x/y", NULL, "openai", "t", "/t/x/y");
}
END_TEST

START_TEST(on_a_port_of_its_own_every_path_is_the_upstreams)
{
    check_upstream("/t/x/openai/v1", "db", "db", "", "/t/x/openai/v1");
    check_upstream("/_reenact/v1/call", "db", "db", "", "/_reenact/v1/call");
    check_upstream("*", "db", "db", "", "*");
    check_upstream("http://localhost", "db", "db", "", "/");
    check_upstream("http://localhost/a?b", "db", "db", "", "/a?b");
}
END_TEST

START_TEST(ours_is_ours)
{
    ck_assert_int_eq(route("/_reenact/v1/call", NULL).kind, RN_ROUTE_OWN);
    ck_assert_int_eq(route("/_reenact", NULL).kind, RN_ROUTE_OWN);
    ck_assert_int_eq(route("/_reenact?x", NULL).kind, RN_ROUTE_OWN);
    char text[128];
    text_of(route("/_reenact/v1/call?a", NULL).target, text);
    ck_assert_str_eq(text, "/_reenact/v1/call?a");
}
END_TEST

START_TEST(other_paths_are_nobodys)
{
    static const char *const targets[] = {"/",
                                          "/t",
                                          "/t/",
                                          "/t/x",
                                          "/t/x/",
                                          "/t//openai/",
                                          "/t/a b/openai/",
                                          "/x/v1",
                                          "/Openai/v1",
                                          "/1openai/",
                                          "/o_penai/",
                                          "//openai/v1",
                                          "*",
                                          "/_reenactx/",
                                          "/openai%2F",
                                          "/openai?x",
                                          "/?x",
                                          "http://localhost",
                                          "/t/x/_reenact/v1",
                                          "/abcdefghijklmnopqrstuvwxyzabcdefg/"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        ck_assert_msg(route(targets[i], NULL).kind == RN_ROUTE_NONE, "%s", targets[i]);
    }
    ck_assert_int_eq(route("http://localhost?x", "db").kind, RN_ROUTE_NONE);
}
END_TEST

START_TEST(names_and_aliases_have_their_borders)
{
    ck_assert(rn_route_name_is_legal(RN_LIT("ab")));
    ck_assert(!rn_route_name_is_legal(RN_LIT("a")));
    ck_assert(!rn_route_name_is_legal(RN_LIT("")));
    ck_assert(!rn_route_name_is_legal(RN_LIT("-a")));
    ck_assert(rn_route_name_is_legal(RN_LIT("a-9bcdefghijklmnopqrstuvwxyzabcde")) == false);
    ck_assert(rn_route_name_is_legal(RN_LIT("a-9bcdefghijklmnopqrstuvwxyzabcd")));
    char alias[66];
    memset(alias, 'A', sizeof alias);
    ck_assert(rn_route_alias_is_legal(rn_bytes_of(alias, 64)));
    ck_assert(!rn_route_alias_is_legal(rn_bytes_of(alias, 65)));
    ck_assert(!rn_route_alias_is_legal(RN_LIT("")));
    ck_assert(!rn_route_alias_is_legal(RN_LIT("a/b")));
    ck_assert(!rn_route_alias_is_legal(RN_LIT("a~1")));
}
END_TEST

/* --- heads ----------------------------------------------------------------------------------- */

static struct rn_http_head parsed;

static const struct rn_http_head *head_with(const char *target, const char *fields)
{
    static char text[1024];
    size_t skipped;
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n%s\r\n", target, fields);
    ck_assert_int_eq(rn_http_request_parse(rn_bytes_text(text), &parsed, &skipped, NULL),
                     RN_HTTP_DONE);
    return &parsed;
}

#define HOST "Host: 127.0.0.1:1\r\n"

START_TEST(upgrades_and_signatures_are_refused)
{
    ck_assert_ptr_nonnull(
        rn_route_refusal(head_with("/", HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n")));
    ck_assert_ptr_nonnull(
        rn_route_refusal(head_with("/", HOST "Authorization: AWS4-HMAC-SHA256 Credential=x\r\n")));
    ck_assert_ptr_nonnull(rn_route_refusal(head_with("/", HOST "X-Amz-Signature: 1\r\n")));
    ck_assert_ptr_nonnull(rn_route_refusal(head_with("/a?b=c&X-Amz-Signature=1", HOST)));
    ck_assert_ptr_nonnull(rn_route_refusal(head_with("/a?x-amz-signature=1", HOST)));
}
END_TEST

START_TEST(what_only_looks_like_it_passes)
{
    ck_assert_ptr_null(rn_route_refusal(head_with(
        "/", HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n")));
    ck_assert_ptr_null(rn_route_refusal(head_with("/", HOST "Authorization: Bearer AWS4-x\r\n")));
    ck_assert_ptr_null(rn_route_refusal(head_with("/a?q=X-Amz-Signature=1", HOST)));
    ck_assert_ptr_null(rn_route_refusal(head_with("/X-Amz-Signature=1?X-Amz-Signatures=1", HOST)));
    ck_assert_ptr_null(rn_route_refusal(head_with("/?", HOST)));
}
END_TEST

START_TEST(loopback_has_many_forms)
{
    static const char *const ours[] = {"localhost",       "LOCALHOST:80", "127.0.0.1",
                                       "127.0.0.1:65535", "127.255.0.9:", "[::1]",
                                       "[::1]:8080"};
    static const char *const foreign[] = {"",
                                          "example.com",
                                          "localhost.example.com",
                                          "127.0.0.1.example.com",
                                          "128.0.0.1",
                                          "127.0.0.256",
                                          "127.0.0",
                                          "127.0.0.1.1",
                                          "127.0.0.1:65536",
                                          "127.0.0.1:x",
                                          "[::1",
                                          "[::2]",
                                          "0.0.0.0",
                                          "user@127.0.0.1",
                                          "127.0.0.1:80:80",
                                          "[::1]x:80",
                                          "2130706433",
                                          "localhost:80@evil"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        ck_assert_msg(rn_admission_is_loopback(rn_bytes_text(ours[i])), "%s", ours[i]);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        ck_assert_msg(!rn_admission_is_loopback(rn_bytes_text(foreign[i])), "%s", foreign[i]);
    }
}
END_TEST

static unsigned admission(const char *target, const char *fields)
{
    unsigned status = 0;
    return rn_admission_refusal(head_with(target, fields), &status) == NULL ? 0 : status;
}

START_TEST(strangers_in_host_or_origin_are_refused)
{
    ck_assert_uint_eq(admission("/", HOST), 0);
    ck_assert_uint_eq(admission("/", "Host: evil.example\r\n"), 421);
    ck_assert_uint_eq(admission("/", "Host: \r\n"), 421);
    ck_assert_uint_eq(admission("/", HOST "Origin: http://localhost:3000\r\n"), 0);
    ck_assert_uint_eq(admission("/", HOST "Origin: https://evil.example\r\n"), 403);
    ck_assert_uint_eq(admission("/", HOST "Origin: null\r\n"), 403);
    ck_assert_uint_eq(
        admission("/", HOST "Origin: http://localhost\r\norigin: http://evil.example\r\n"), 403);
    ck_assert_uint_eq(admission("http://127.0.0.1/a", HOST), 0);
    ck_assert_uint_eq(admission("http://evil.example/a", HOST), 421);
    ck_assert_uint_eq(admission("http://evil.example?127.0.0.1", HOST), 421);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("gateway/route");
    RN_CASE(suite, "route", names_lead_to_upstreams, a_trace_stands_in_front,
            on_a_port_of_its_own_every_path_is_the_upstreams, ours_is_ours, other_paths_are_nobodys,
            names_and_aliases_have_their_borders);
    RN_CASE(suite, "heads", upgrades_and_signatures_are_refused, what_only_looks_like_it_passes,
            loopback_has_many_forms, strangers_in_host_or_origin_are_refused);
    return suite;
}
