/* Defends gateway/answer.c: the head a client is sent, byte by byte, and that composing twice changes nothing. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/memory.h"
#include "main.h"

static const struct rn_client modern = {.version_minor = 1, .keep_alive = true};
static const struct rn_client modern_closing = {.version_minor = 1};
static const struct rn_client modern_head = {
    .version_minor = 1, .keep_alive = true, .is_head = true};
static const struct rn_client old = {.version_minor = 0};
static const struct rn_client old_keeping = {.version_minor = 0, .keep_alive = true};

/* Composes and compares; then composes what came out, which must change nothing. */
static void check(const char *from, struct rn_client client, const char *to,
                  enum rn_http_framing framing, uint64_t length)
{
    struct rn_buffer once = {0};
    struct rn_buffer twice = {0};
    struct rn_answer answer = {0};
    ck_assert_int_eq(rn_answer_compose(&once, rn_bytes_text(from), client, &answer), RN_OK);
    ck_assert_int_eq(rn_buffer_add_byte(&once, 0), RN_OK);
    once.len--;
    ck_assert_str_eq((const char *)once.data, to);
    ck_assert_int_eq(answer.framing, framing);
    ck_assert_uint_eq(answer.length, length);
    ck_assert_int_eq(rn_answer_compose(&twice, rn_buffer_bytes(&once), client, &answer), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&once), rn_buffer_bytes(&twice)));
    ck_assert_int_eq(answer.framing, framing);
    rn_buffer_free(&once);
    rn_buffer_free(&twice);
}

START_TEST(order_case_and_duplicates_stay)
{
    check("HTTP/1.1 200 Fine, thanks\r\nX-b: 1\r\ncontent-length:  12 \r\nx-B: 2\r\nX-b: 1\r\n"
          "Retry-After: 0\r\nEmpty: \r\n\r\n",
          modern,
          "HTTP/1.1 200 Fine, thanks\r\nX-b: 1\r\ncontent-length:  12 \r\nx-B: 2\r\nX-b: 1\r\n"
          "Retry-After: 0\r\nEmpty: \r\n\r\n",
          RN_FRAMING_LENGTH, 12);
}
END_TEST

START_TEST(hop_by_hop_fields_go)
{
    check("HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret\r\nKeep-Alive: timeout=5\r\n"
          "X-Secret: a\r\nUpgrade: h2\r\nTrailer: X\r\nTE: a\r\nProxy-Connection: a\r\nA: b\r\n"
          "x-secret: b\r\nContent-Length: 0\r\n\r\n",
          modern, "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n", RN_FRAMING_LENGTH, 0);
}
END_TEST

START_TEST(our_framing_stands_where_the_old_one_stood)
{
    check("HTTP/1.1 200 OK\r\nA: b\r\ntransfer-encoding: Chunked\r\nC: d\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\nA: b\r\ntransfer-encoding: Chunked\r\nC: d\r\n\r\n",
          RN_FRAMING_CHUNKED, 0);
    check("HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: gzip, chunked\r\nC: d\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\nC: d\r\n\r\n",
          RN_FRAMING_CHUNKED, 0);
    check("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n", RN_FRAMING_CHUNKED, 0);
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", RN_FRAMING_CHUNKED, 0);
}
END_TEST

START_TEST(other_versions_become_ours)
{
    check("HTTP/2 200 \r\ncontent-length: 1\r\n\r\n", modern,
          "HTTP/1.1 200 \r\ncontent-length: 1\r\n\r\n", RN_FRAMING_LENGTH, 1);
    check("HTTP/1.0 404 Nope\r\nContent-Length: 1\r\n\r\n", modern,
          "HTTP/1.1 404 Nope\r\nContent-Length: 1\r\n\r\n", RN_FRAMING_LENGTH, 1);
    check("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", modern,
          "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", RN_FRAMING_LENGTH, 1);
}
END_TEST

START_TEST(the_clients_version_and_wish_decide_about_the_connection)
{
    check("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: b\r\n\r\n", modern_closing,
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: b\r\nConnection: close\r\n\r\n",
          RN_FRAMING_LENGTH, 1);
    check("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", old_keeping,
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
          RN_FRAMING_LENGTH, 1);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", old_keeping,
          "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", RN_FRAMING_CLOSE, 0);
    check("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", old,
          "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n", RN_FRAMING_CLOSE, 0);
}
END_TEST

START_TEST(answers_without_body_announce_what_they_announced)
{
    check("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", modern_head,
          "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", RN_FRAMING_NONE, 0);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n", modern_head,
          "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", RN_FRAMING_NONE, 0);
    check("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", modern,
          "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", RN_FRAMING_NONE, 0);
    check("HTTP/1.1 204 No Content\r\n\r\n", modern, "HTTP/1.1 204 No Content\r\n\r\n",
          RN_FRAMING_NONE, 0);
}
END_TEST

START_TEST(heads_that_contradict_themselves_are_invalid)
{
    static const char *const heads[] = {
        "",
        "HTTP/1.1",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 2\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct rn_buffer out = {0};
        struct rn_answer answer;
        ck_assert_int_eq(rn_buffer_add(&out, RN_LIT("kept")), RN_OK);
        ck_assert_msg(rn_answer_compose(&out, rn_bytes_text(heads[i]), modern, &answer) ==
                          RN_INVALID,
                      "%s", heads[i]);
        ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("kept")));
        rn_buffer_free(&out);
    }
    check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", RN_FRAMING_LENGTH,
          3);
}
END_TEST

START_TEST(answers_of_our_own_are_heads_and_sentences)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_answer_own_head(&out, 422, RN_LIT("x-should-retry: false\r\n"),
                                        "application/json", 9, modern),
                     RN_OK);
    ck_assert(
        rn_bytes_equal(rn_buffer_bytes(&out),
                       RN_LIT("HTTP/1.1 422 Unprocessable Content\r\nx-should-retry: false\r\n"
                              "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n")));
    rn_buffer_clear(&out);
    ck_assert_int_eq(rn_answer_own_error(&out, "a \"b\""), RN_OK);
    ck_assert(rn_bytes_equal(
        rn_buffer_bytes(&out),
        RN_LIT("{\"error\":{\"type\":\"reenact_gateway\",\"message\":\"a \\\"b\\\"\"}}\n")));
    rn_buffer_free(&out);
}
END_TEST

START_TEST(without_memory_nothing_is_left_behind)
{
    struct rn_answer answer;
    static const char head[] = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    for (unsigned long nth = 1;; nth++) {
        struct rn_buffer out = {0};
        rn_memory_fail_from(nth);
        enum rn_status status = rn_answer_compose(&out, rn_bytes_text(head), modern, &answer);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        ck_assert(!failed || out.len == 0);
        rn_buffer_free(&out);
        if (!failed) {
            break;
        }
    }
}
END_TEST

START_TEST(heads_that_most_clients_take_are_mended)
{
    check("HTTP/1.1 200 OK\nA: b\nContent-Length: 5\n\n", modern,
          "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\n", RN_FRAMING_LENGTH, 5);
    check("HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td\r\nE: f\r\nContent-Length: 5\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\nA: b c d\r\nE: f\r\nContent-Length: 5\r\n\r\n", RN_FRAMING_LENGTH, 5);
    check("HTTP/1.1 200 OK\r\nA \t: b\r\nContent-Length : 5\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\n", RN_FRAMING_LENGTH, 5);
    /* A fold of a field that goes, goes with it. */
    check("HTTP/1.1 200 OK\r\nKeep-Alive: a\r\n b\r\nC: d\r\nContent-Length: 5\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\nC: d\r\nContent-Length: 5\r\n\r\n", RN_FRAMING_LENGTH, 5);
}
END_TEST

START_TEST(a_line_that_is_no_field_hides_none_behind_it)
{
    check("HTTP/1.1 200 OK\r\nX(a): b\r\n: c\r\nno colon\r\nD: e\r\nContent-Length: 5\r\n\r\n",
          modern,
          "HTTP/1.1 200 OK\r\nX(a): b\r\n: c\r\nno colon\r\nD: e\r\nContent-Length: 5\r\n\r\n",
          RN_FRAMING_LENGTH, 5);
    check("HTTP/1.1 200 OK\r\n folded from nothing\r\nContent-Length: 5\r\n\r\n", modern,
          "HTTP/1.1 200 OK\r\n folded from nothing\r\nContent-Length: 5\r\n\r\n", RN_FRAMING_LENGTH,
          5);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("gateway/answer");
    RN_CASE(suite, "compose", order_case_and_duplicates_stay, hop_by_hop_fields_go,
            our_framing_stands_where_the_old_one_stood, other_versions_become_ours,
            the_clients_version_and_wish_decide_about_the_connection,
            answers_without_body_announce_what_they_announced,
            heads_that_contradict_themselves_are_invalid, heads_that_most_clients_take_are_mended,
            a_line_that_is_no_field_hides_none_behind_it);
    RN_CASE(suite, "own", answers_of_our_own_are_heads_and_sentences,
            without_memory_nothing_is_left_behind);
    return suite;
}
