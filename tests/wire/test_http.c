/* Heads of requests and responses: what is read, what is refused, and that a cut head only asks for more. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "wire/malformed_requests.h"

static struct rn_http_head head;
static struct rn_http_fault fault;
static size_t skipped;

/* Parses an exact heap copy, so that a sanitizer sees every byte read behind the end. The copy stays until the next. */
static struct rn_bytes exact(const void *bytes, size_t len)
{
    static uint8_t *copy;
    free(copy);
    copy = malloc(len == 0 ? 1 : len);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, len);
    return rn_bytes_of(copy, len);
}

static enum rn_http_step request(const char *text)
{
    return rn_http_request_parse(exact(text, strlen(text)), &head, &skipped, &fault);
}

static enum rn_http_step response(const char *method, const char *text)
{
    return rn_http_response_parse(exact(text, strlen(text)), rn_bytes_text(method), &head, &fault);
}

static void assert_bytes(struct rn_bytes bytes, const char *text)
{
    ck_assert_msg(rn_bytes_equal(bytes, rn_bytes_text(text)), "'%.*s' is not '%s'", (int)bytes.len,
                  (const char *)bytes.data, text);
}

#define USUAL                                                                                      \
    "POST /v1/chat/completions?x=%2F&y HTTP/1.1\r\n"                                               \
    "Host: 127.0.0.1:8080\r\n"                                                                     \
    "ACCEPT-encoding:  gzip, deflate \t\r\n"                                                       \
    "X-Twice: one\r\n"                                                                             \
    "x-twice: two\r\n"                                                                             \
    "X-Empty:\r\n"                                                                                 \
    "X-Obs: \xe4\xff\tz\r\n"                                                                       \
    "Content-Length: 12\r\n"                                                                       \
    "\r\n"

START_TEST(request_gives_its_parts_as_they_stand)
{
    ck_assert_int_eq(request(USUAL "body"), RN_HTTP_DONE);
    assert_bytes(head.raw, USUAL);
    assert_bytes(head.start_line, "POST /v1/chat/completions?x=%2F&y HTTP/1.1");
    assert_bytes(head.method, "POST");
    assert_bytes(head.target, "/v1/chat/completions?x=%2F&y");
    ck_assert_uint_eq(head.version_minor, 1);
    ck_assert_uint_eq(head.field_count, 7);
    assert_bytes(head.fields[1].line, "ACCEPT-encoding:  gzip, deflate \t\r\n");
    assert_bytes(head.fields[1].name, "ACCEPT-encoding");
    assert_bytes(head.fields[1].value, "gzip, deflate");
    assert_bytes(head.fields[4].value, "");
    assert_bytes(head.fields[5].value, "\xe4\xff\tz");
    ck_assert_int_eq(head.framing, RN_FRAMING_LENGTH);
    ck_assert_uint_eq(head.content_length, 12);
    ck_assert(head.has_content_length && head.keep_alive);
    ck_assert(!head.expect_continue && !head.upgrade);
    ck_assert_uint_eq(skipped, 0);
}
END_TEST

START_TEST(request_lines_and_start_line_make_up_the_raw_head)
{
    char joined[1024] = "";
    ck_assert_int_eq(request(USUAL), RN_HTTP_DONE);
    size_t len = (size_t)snprintf(joined, sizeof joined, "%.*s\r\n", (int)head.start_line.len,
                                  (const char *)head.start_line.data);
    for (unsigned i = 0; i < head.field_count; i++) {
        memcpy(joined + len, head.fields[i].line.data, head.fields[i].line.len);
        len += head.fields[i].line.len;
    }
    memcpy(joined + len, "\r\n", 3);
    ck_assert_str_eq(joined, USUAL);
}
END_TEST

START_TEST(request_cut_at_every_byte_asks_for_more)
{
    static const char text[] = "\r\n" USUAL;
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        ck_assert_msg(rn_http_request_parse(exact(text, cut), &head, &skipped, &fault) ==
                          RN_HTTP_MORE,
                      "cut at %zu", cut);
    }
    ck_assert_int_eq(request(text), RN_HTTP_DONE);
}
END_TEST

START_TEST(request_is_read_alike_whatever_the_alignment)
{
    char text[256];
    for (int pad = 0; pad < 40; pad++) {
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: %.*s\r\n\r\n", pad,
                 "0123456789\t0123456789 0123456789\xff"
                 "012345678");
        ck_assert_int_eq(request(text), RN_HTTP_DONE);
        ck_assert_uint_eq(head.raw.len, strlen(text));
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: %.*s\x01y\r\n\r\n", pad,
                 "0123456789012345678901234567890123456789");
        ck_assert_int_eq(request(text), RN_HTTP_BAD);
        ck_assert_uint_eq(fault.offset, 28 + (size_t)pad);
        ck_assert_str_eq(fault.reason, "a control character");
    }
}
END_TEST

START_TEST(request_refuses_every_malformed_row)
{
    for (size_t i = 0; i < RN_MALFORMED_REQUESTS; i++) {
        const struct rn_malformed_request *row = &rn_malformed_requests[i];
        enum rn_http_step want = row->status == 400   ? RN_HTTP_BAD
                                 : row->status == 431 ? RN_HTTP_TOO_LARGE
                                                      : RN_HTTP_UNSUPPORTED;
        fault = (struct rn_http_fault){0};
        enum rn_http_step step =
            rn_http_request_parse(exact(row->bytes, row->len), &head, &skipped, &fault);
        ck_assert_msg(step == want, "%s: step %d", row->name, step);
        ck_assert_msg(fault.status == row->status, "%s: status %u", row->name, fault.status);
        ck_assert_ptr_nonnull(fault.reason);
        ck_assert_uint_le(fault.offset, row->len);
    }
    ck_assert_uint_ge(RN_MALFORMED_REQUESTS, 40);
}
END_TEST

/* Refusing early is welcome, but a prefix of a malformed head must never be taken for a whole one. */
START_TEST(request_prefix_of_a_malformed_row_is_never_done)
{
    for (size_t i = 0; i < RN_MALFORMED_REQUESTS; i++) {
        const struct rn_malformed_request *row = &rn_malformed_requests[i];
        for (size_t cut = 0; cut < row->len; cut++) {
            ck_assert_msg(rn_http_request_parse(exact(row->bytes, cut), &head, &skipped, NULL) !=
                              RN_HTTP_DONE,
                          "%s cut at %zu", row->name, cut);
        }
    }
}
END_TEST

START_TEST(request_names_of_malformed_rows_are_unique)
{
    for (size_t i = 0; i < RN_MALFORMED_REQUESTS; i++) {
        for (size_t j = 0; j < i; j++) {
            ck_assert_str_ne(rn_malformed_requests[i].name, rn_malformed_requests[j].name);
        }
    }
}
END_TEST

START_TEST(request_fault_tells_where_and_why)
{
    ck_assert_int_eq(request("\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_uint_eq(fault.offset, 22);
    ck_assert_str_eq(fault.reason, "a blank before ':'");
    ck_assert_int_eq(request("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_uint_eq(fault.offset, 25);
    ck_assert_str_eq(fault.reason, "a folded line");
    ck_assert_int_eq(request("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"),
                     RN_HTTP_BAD);
    ck_assert_uint_eq(fault.offset, 41);
    ck_assert_int_eq(request("GET / HTTP/3.0\r\nHost: a\r\n\r\n"), RN_HTTP_UNSUPPORTED);
    ck_assert_uint_eq(fault.status, 505);
}
END_TEST

START_TEST(request_skips_up_to_four_empty_lines)
{
    ck_assert_int_eq(request("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_uint_eq(skipped, 8);
    assert_bytes(head.raw, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_int_eq(request("\r\n\r\n\r\n\r\n"), RN_HTTP_MORE);
    ck_assert_int_eq(request("\r\n\r\n\r\n\r\n\r"), RN_HTTP_BAD);
    ck_assert_int_eq(request("\r\n\r"), RN_HTTP_MORE);
    ck_assert_uint_eq(skipped, 2);
    ck_assert_int_eq(request("\r\nG"), RN_HTTP_MORE);
}
END_TEST

START_TEST(request_takes_the_three_forms_of_target)
{
    ck_assert_int_eq(request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), RN_HTTP_DONE);
    assert_bytes(head.target, "*");
    ck_assert_int_eq(request("GET http://a:1/b?c HTTP/1.1\r\nHost: a\r\n\r\n"), RN_HTTP_DONE);
    assert_bytes(head.target, "http://a:1/b?c");
    ck_assert_int_eq(request("GET h+-.1://a HTTP/1.1\r\nHost: a\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_int_eq(request("GET //a/%zz\"<>\\^`{|}\x80\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
                     RN_HTTP_DONE);
    assert_bytes(head.target, "//a/%zz\"<>\\^`{|}\x80\xff");
}
END_TEST

START_TEST(request_of_http_1_0_needs_no_host_and_closes)
{
    ck_assert_int_eq(request("GET / HTTP/1.0\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_uint_eq(head.version_minor, 0);
    ck_assert(!head.keep_alive);
    ck_assert_int_eq(request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), RN_HTTP_DONE);
    ck_assert(head.keep_alive);
    ck_assert_int_eq(request("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
                     RN_HTTP_DONE);
    ck_assert(!head.keep_alive);
    ck_assert_int_eq(request("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), RN_HTTP_DONE);
    ck_assert(!head.expect_continue);
}
END_TEST

START_TEST(request_marks_connection_upgrade_and_expectation)
{
    ck_assert_int_eq(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nConnection: x , "
                             "CLOSE\r\nUpgrade: websocket\r\nEXPECT: 100-Continue\r\n\r\n"),
                     RN_HTTP_DONE);
    ck_assert(!head.keep_alive && head.upgrade && head.expect_continue);
    ck_assert_int_eq(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\nExpect: "
                             "200-ok\r\n\r\n"),
                     RN_HTTP_DONE);
    ck_assert(head.keep_alive && !head.upgrade && !head.expect_continue);
}
END_TEST

START_TEST(request_framing_is_what_the_fields_say)
{
    ck_assert_int_eq(request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_int_eq(head.framing, RN_FRAMING_NONE);
    ck_assert(!head.has_content_length);
    ck_assert_int_eq(request("PUT / HTTP/1.1\r\nHost: a\r\nTRANSFER-encoding: Chunked\r\n\r\n"),
                     RN_HTTP_DONE);
    ck_assert_int_eq(head.framing, RN_FRAMING_CHUNKED);
    ck_assert_int_eq(
        request("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n"),
        RN_HTTP_DONE);
    ck_assert_uint_eq(head.content_length, UINT64_MAX);
    ck_assert_int_eq(request("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n"),
                     RN_HTTP_DONE);
    ck_assert(head.has_content_length);
    ck_assert_uint_eq(head.content_length, 0);
    ck_assert_int_eq(request("PUT / HTTP/1.1\r\nHost:\r\nContent-Lengths: x\r\n\r\n"),
                     RN_HTTP_DONE);
    ck_assert_int_eq(head.framing, RN_FRAMING_NONE);
}
END_TEST

/* A request of exactly `len` bytes, `more` bytes of something else behind it. */
static enum rn_http_step sized(size_t len, size_t more)
{
    static const char begin[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    char *text = malloc(len + more);
    memset(text, 'x', len + more);
    memcpy(text, begin, sizeof begin - 1);
    memcpy(text + len - 4, "\r\n\r\n", 4);
    enum rn_http_step step =
        rn_http_request_parse(exact(text, len + more), &head, &skipped, &fault);
    free(text);
    return step;
}

START_TEST(request_head_of_64_kib_is_the_largest)
{
    ck_assert_int_eq(sized(RN_HEAD_BYTES_MAX, 0), RN_HTTP_DONE);
    ck_assert_uint_eq(head.raw.len, RN_HEAD_BYTES_MAX);
    ck_assert_int_eq(sized(RN_HEAD_BYTES_MAX, 100), RN_HTTP_DONE);
    ck_assert_int_eq(sized(RN_HEAD_BYTES_MAX + 1, 0), RN_HTTP_TOO_LARGE);
    ck_assert_uint_eq(fault.status, 431);
    ck_assert_uint_eq(fault.offset, RN_HEAD_BYTES_MAX);
}
END_TEST

START_TEST(request_head_without_end_is_refused_at_64_kib)
{
    char *text = malloc(RN_HEAD_BYTES_MAX);
    memset(text, 'G', RN_HEAD_BYTES_MAX);
    ck_assert_int_eq(
        rn_http_request_parse(rn_bytes_of(text, RN_HEAD_BYTES_MAX - 1), &head, &skipped, &fault),
        RN_HTTP_MORE);
    ck_assert_int_eq(
        rn_http_request_parse(rn_bytes_of(text, RN_HEAD_BYTES_MAX), &head, &skipped, &fault),
        RN_HTTP_TOO_LARGE);
    free(text);
}
END_TEST

static size_t with_fields(char *text, unsigned count)
{
    size_t len = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 1; i < count; i++) {
        len += (size_t)sprintf(text + len, "x%u: y\r\n", i);
    }
    return len + (size_t)sprintf(text + len, "\r\n");
}

START_TEST(request_of_256_fields_is_the_fullest)
{
    char text[8192];
    with_fields(text, RN_HEAD_FIELDS_MAX);
    ck_assert_int_eq(request(text), RN_HTTP_DONE);
    ck_assert_uint_eq(head.field_count, RN_HEAD_FIELDS_MAX);
    assert_bytes(head.fields[255].name, "x255");
    with_fields(text, RN_HEAD_FIELDS_MAX + 1);
    ck_assert_int_eq(request(text), RN_HTTP_TOO_LARGE);
    ck_assert_uint_eq(fault.status, 431);
}
END_TEST

START_TEST(request_needs_nothing_of_an_earlier_head)
{
    memset(&head, 0xff, sizeof head);
    ck_assert_int_eq(request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_uint_eq(head.status, 0);
    ck_assert_uint_eq(head.reason.len, 0);
    ck_assert_uint_eq(head.field_count, 1);
    ck_assert_uint_eq(head.content_length, 0);
    ck_assert(!head.has_content_length && !head.expect_continue && !head.upgrade);
}
END_TEST

/* --- responses --- */

#define ANSWER                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: a=b\r\nset-cookie: "        \
    "c=d\r\nAccess-Control-Allow-Origin: \r\nX: y  \r\nTransfer-Encoding: chunked\r\n\r\n"

START_TEST(response_gives_its_parts_as_they_stand)
{
    ck_assert_int_eq(response("POST", ANSWER "5\r\n"), RN_HTTP_DONE);
    assert_bytes(head.raw, ANSWER);
    assert_bytes(head.start_line, "HTTP/1.1 200 OK");
    assert_bytes(head.reason, "OK");
    ck_assert_uint_eq(head.status, 200);
    ck_assert_uint_eq(head.field_count, 6);
    ck_assert_uint_eq(rn_http_count(&head, RN_LIT("SET-COOKIE")), 2);
    assert_bytes(rn_http_find(&head, RN_LIT("Set-cookie"))->value, "a=b");
    assert_bytes(rn_http_find(&head, RN_LIT("access-control-allow-origin"))->value, "");
    assert_bytes(head.fields[4].line, "X: y  \r\n");
    assert_bytes(head.fields[4].value, "y");
    ck_assert_int_eq(head.framing, RN_FRAMING_CHUNKED);
    ck_assert(head.keep_alive);
    ck_assert_ptr_null(rn_http_find(&head, RN_LIT("x-missing")));
    ck_assert_uint_eq(rn_http_count(&head, RN_LIT("x-missing")), 0);
}
END_TEST

START_TEST(response_cut_at_every_byte_asks_for_more)
{
    for (size_t cut = 0; cut < sizeof ANSWER - 1; cut++) {
        ck_assert_int_eq(rn_http_response_parse(exact(ANSWER, cut), RN_LIT("GET"), &head, &fault),
                         RN_HTTP_MORE);
    }
}
END_TEST

START_TEST(response_takes_odd_and_missing_reasons)
{
    static const struct {
        const char *line, *reason;
    } rows[] = {
        {"HTTP/1.1 200", ""},
        {"HTTP/1.1 200 ", ""},
        {"HTTP/1.1 200  ", " "},
        {"HTTP/1.1 200 Gar nicht \xfc"
         "bel\t(wirklich) ",
         "Gar nicht \xfc"
         "bel\t(wirklich) "},
        {"HTTP/1.1 200 200", "200"},
    };
    char text[128];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "%s\r\n\r\n", rows[i].line);
        ck_assert_int_eq(response("GET", text), RN_HTTP_DONE);
        assert_bytes(head.reason, rows[i].reason);
        assert_bytes(head.start_line, rows[i].line);
    }
}
END_TEST

START_TEST(response_takes_statuses_from_100_to_999)
{
    ck_assert_int_eq(response("GET", "HTTP/1.1 100 Continue\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_uint_eq(head.status, 100);
    ck_assert_int_eq(response("GET", "HTTP/1.0 999 x\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_uint_eq(head.status, 999);
    ck_assert_uint_eq(head.version_minor, 0);
    ck_assert_int_eq(response("GET", "HTTP/1.1 099 x\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_int_eq(response("GET", "HTTP/1.1 1000 x\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_int_eq(response("GET", "HTTP/1.1 20 x\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_int_eq(response("GET", "HTTP/1.1 2x0 x\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_int_eq(response("GET", "HTTP/1.1  200 x\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_int_eq(response("GET", "HTTP/1.1\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_int_eq(response("GET", "HTTP/1.1 200\tx\r\n\r\n"), RN_HTTP_BAD);
    ck_assert_int_eq(response("GET", "HTTP/2.0 200 x\r\n\r\n"), RN_HTTP_UNSUPPORTED);
    ck_assert_int_eq(response("GET", "HTTP/1.1 200 a\x01\r\n\r\n"), RN_HTTP_BAD);
}
END_TEST

START_TEST(response_without_body_has_no_framing)
{
    static const struct {
        const char *method, *text;
        bool announced;
    } rows[] = {
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true},
        {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
        {"HEAD", "HTTP/1.1 404 no\r\n\r\n", false},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", false},
        {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", true},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", true},
        {"GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", false},
        {"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(response(rows[i].method, rows[i].text), RN_HTTP_DONE);
        ck_assert_msg(head.framing == RN_FRAMING_NONE, "row %zu", i);
        ck_assert_int_eq(head.has_content_length, rows[i].announced);
        ck_assert_uint_eq(head.content_length, rows[i].announced ? 7 : 0);
    }
}
END_TEST

START_TEST(response_without_framing_ends_with_the_connection)
{
    ck_assert_int_eq(response("GET", "HTTP/1.1 200 OK\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_int_eq(head.framing, RN_FRAMING_CLOSE);
    ck_assert_int_eq(response("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_int_eq(head.framing, RN_FRAMING_LENGTH);
    ck_assert_int_eq(response("head", "HTTP/1.1 200 OK\r\n\r\n"), RN_HTTP_DONE);
    ck_assert_int_eq(head.framing, RN_FRAMING_CLOSE);
}
END_TEST

START_TEST(response_framing_is_read_as_strictly_as_a_request)
{
    static const struct {
        const char *fields;
        enum rn_http_step step;
    } rows[] = {
        {"Content-Length: 5\r\nContent-Length: 5", RN_HTTP_BAD},
        {"Content-Length: 5, 5", RN_HTTP_BAD},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked", RN_HTTP_BAD},
        {"Transfer-Encoding: gzip, chunked", RN_HTTP_UNSUPPORTED},
        {"X : y", RN_HTTP_BAD},
        {"X: y\r\n z", RN_HTTP_BAD},
        {"X: y\nZ: z", RN_HTTP_BAD},
    };
    char text[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", rows[i].fields);
        ck_assert_msg(response("GET", text) == rows[i].step, "row %zu", i);
    }
    ck_assert_int_eq(response("GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     RN_HTTP_BAD);
}
END_TEST

START_TEST(response_limits_are_those_of_requests)
{
    char *text = malloc(RN_HEAD_BYTES_MAX + 1);
    memset(text, 'x', RN_HEAD_BYTES_MAX + 1);
    memcpy(text, "HTTP/1.1 200 ", 13);
    memcpy(text + RN_HEAD_BYTES_MAX - 4, "\r\n\r\n", 4);
    ck_assert_int_eq(
        rn_http_response_parse(rn_bytes_of(text, RN_HEAD_BYTES_MAX), RN_LIT("GET"), &head, &fault),
        RN_HTTP_DONE);
    memset(text, 'x', RN_HEAD_BYTES_MAX + 1);
    memcpy(text, "HTTP/1.1 200 ", 13);
    memcpy(text + RN_HEAD_BYTES_MAX - 3, "\r\n\r\n", 4);
    ck_assert_int_eq(rn_http_response_parse(rn_bytes_of(text, RN_HEAD_BYTES_MAX + 1), RN_LIT("GET"),
                                            &head, &fault),
                     RN_HTTP_TOO_LARGE);
    free(text);
}
END_TEST

/* --- single fields --- */

START_TEST(field_split_takes_lines_as_curl_gives_them)
{
    struct rn_http_field field;
    ck_assert(rn_http_field_split(RN_LIT("Retry-After: 0 \r\n"), &field));
    assert_bytes(field.name, "Retry-After");
    assert_bytes(field.value, "0");
    assert_bytes(field.line, "Retry-After: 0 \r\n");
    ck_assert(rn_http_field_split(RN_LIT("a:\n"), &field));
    assert_bytes(field.value, "");
    ck_assert(rn_http_field_split(RN_LIT("a:b:c"), &field));
    assert_bytes(field.value, "b:c");
    ck_assert(!rn_http_field_split(RN_LIT("\r\n"), &field));
    ck_assert(!rn_http_field_split(RN_LIT(""), &field));
    ck_assert(!rn_http_field_split(RN_LIT(": a\r\n"), &field));
    ck_assert(!rn_http_field_split(RN_LIT("a : b\r\n"), &field));
    ck_assert(!rn_http_field_split(RN_LIT(" a: b\r\n"), &field));
    ck_assert(!rn_http_field_split(RN_LIT("HTTP/1.1 200 OK\r\n"), &field));
}
END_TEST

START_TEST(hop_by_hop_names_are_known_in_any_case)
{
    static const char *const names[] = {"Connection",        "KEEP-ALIVE", "proxy-connection", "TE",
                                        "Transfer-Encoding", "Upgrade",    "trailer"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert(rn_http_is_hop_by_hop(rn_bytes_text(names[i])));
    }
    ck_assert(!rn_http_is_hop_by_hop(RN_LIT("Content-Length")));
    ck_assert(!rn_http_is_hop_by_hop(RN_LIT("Trailers")));
    ck_assert(!rn_http_is_hop_by_hop(RN_LIT("")));
}
END_TEST

START_TEST(list_is_searched_by_whole_tokens)
{
    ck_assert(rn_http_list_has(RN_LIT("close"), RN_LIT("close")));
    ck_assert(rn_http_list_has(RN_LIT("a, \tCLOSE ,b"), RN_LIT("close")));
    ck_assert(rn_http_list_has(RN_LIT(",,close"), RN_LIT("close")));
    ck_assert(!rn_http_list_has(RN_LIT("closed, enclose, clos e"), RN_LIT("close")));
    ck_assert(!rn_http_list_has(RN_LIT(""), RN_LIT("close")));
    ck_assert(!rn_http_list_has(RN_LIT("a,"), RN_LIT("close")));
}
END_TEST

START_TEST(skim_reads_what_a_refused_head_has)
{
    static const char odd[] = "HTTP/1.1 207 Odd\r\nX(A): b\r\nContent-Length: 5\r\n"
                              "Content-Length: 5\r\nContent-Type: x/y\r\n\r\n";
    ck_assert_int_eq(response("GET", odd), RN_HTTP_BAD);
    ck_assert(rn_http_response_skim(exact(odd, sizeof odd - 1), &head));
    ck_assert_uint_eq(head.status, 207);
    ck_assert_uint_eq(head.field_count, 3);
    ck_assert(rn_bytes_equal(head.start_line, RN_LIT("HTTP/1.1 207 Odd")));
    ck_assert(rn_bytes_equal(rn_http_find(&head, RN_LIT("content-type"))->value, RN_LIT("x/y")));
    for (size_t cut = 0; cut < sizeof odd; cut++) { /* it may be cut anywhere */
        ck_assert_int_eq(rn_http_response_skim(exact(odd, cut), &head), cut >= 12);
    }
    ck_assert(!rn_http_response_skim(RN_LIT("HTTP/1.1 099 x\r\n\r\n"), &head));
    ck_assert(!rn_http_response_skim(RN_LIT("ICY 200 OK\r\n\r\n"), &head));
}
END_TEST

START_TEST(skim_takes_as_many_fields_as_there_is_room_for)
{
    struct rn_buffer text = {0};
    ck_assert_int_eq(rn_buffer_addf(&text, "HTTP/1.1 200 OK\r\n"), RN_OK);
    for (unsigned i = 0; i < RN_HEAD_FIELDS_MAX + 1; i++) {
        ck_assert_int_eq(rn_buffer_addf(&text, "X-%u: y\r\n", i), RN_OK);
    }
    ck_assert_int_eq(rn_buffer_addf(&text, "\r\n"), RN_OK);
    ck_assert(rn_http_response_skim(rn_buffer_bytes(&text), &head));
    ck_assert_uint_eq(head.field_count, RN_HEAD_FIELDS_MAX);
    rn_buffer_free(&text);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/http");
    RN_CASE(suite, "request", request_gives_its_parts_as_they_stand,
            request_lines_and_start_line_make_up_the_raw_head,
            request_cut_at_every_byte_asks_for_more, request_is_read_alike_whatever_the_alignment,
            request_skips_up_to_four_empty_lines, request_takes_the_three_forms_of_target,
            request_of_http_1_0_needs_no_host_and_closes,
            request_marks_connection_upgrade_and_expectation,
            request_framing_is_what_the_fields_say, request_needs_nothing_of_an_earlier_head);
    RN_CASE(suite, "malformed", request_refuses_every_malformed_row,
            request_prefix_of_a_malformed_row_is_never_done,
            request_names_of_malformed_rows_are_unique, request_fault_tells_where_and_why);
    RN_CASE(suite, "limits", request_head_of_64_kib_is_the_largest,
            request_head_without_end_is_refused_at_64_kib, request_of_256_fields_is_the_fullest,
            response_limits_are_those_of_requests);
    RN_CASE(suite, "response", response_gives_its_parts_as_they_stand,
            response_cut_at_every_byte_asks_for_more, response_takes_odd_and_missing_reasons,
            response_takes_statuses_from_100_to_999, response_without_body_has_no_framing,
            response_without_framing_ends_with_the_connection,
            response_framing_is_read_as_strictly_as_a_request, skim_reads_what_a_refused_head_has,
            skim_takes_as_many_fields_as_there_is_room_for);
    RN_CASE(suite, "field", field_split_takes_lines_as_curl_gives_them,
            hop_by_hop_names_are_known_in_any_case, list_is_searched_by_whole_tokens);
    return suite;
}
