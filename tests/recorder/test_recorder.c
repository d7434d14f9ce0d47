/*
 * A real gateway, recorder, writer and store between raw clients and a toy upstream: what goes out when, and what is kept of
 * it. Trouble (a failing disk, no memory, slow clients) is test_trouble.c's.
 */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/varint.h"
#include "booth.h"

#define FIELDS " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
#define ASK "GET /toy/x" FIELDS IN_TRACE "\r\n"
#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n"
#define JSON_BODY "{\"ok\":true}"
#define SSE_HEAD                                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define TEXT_HEAD                                                                                  \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ONE "b\r\ndata: one\n\n\r\n"
#define TWO_DONE "19\r\ndata: two\n\ndata: [DONE]\n\n\r\n"
#define LAST_CHUNK "0\r\n\r\n"

static const struct booth_settings usual;
static const struct booth_settings async = {.durability = RN_DURABILITY_ASYNC};

static void ck_end(const struct rn_event *event, enum rn_end end)
{
    ck_assert_str_eq(rn_end_name(rn_event_end_of(event)), rn_end_name(end));
}

/* Three stamps, and the time of arrival, whatever it is. */
static uint64_t ck_order(const struct rn_event *event, uint64_t arrival, uint64_t first_byte,
                         uint64_t end)
{
    struct rn_bytes order = rn_event_get(event, RN_TAG_ORDER);
    const uint64_t stamps[] = {arrival, first_byte, end};
    uint64_t number = 0;
    for (size_t i = 0; i < 3; i++) {
        ck_assert(rn_varint_get(&order, &number));
        ck_assert_uint_eq(number, stamps[i]);
    }
    ck_assert(rn_varint_get(&order, &number));
    ck_assert_uint_eq(order.len, 0);
    return number;
}

/* Asks for a toy answer in one go and checks what the client is sent. */
static void ck_exchange(const char *request, const char *expected)
{
    char *answer = client_exchange(request);
    ck_assert_str_eq(answer, expected);
    free(answer);
}

/* --- what goes out when -------------------------------------------------------------------------------------------- */

START_TEST(a_small_answer_goes_out_only_after_its_commit)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&usual);
    booth_hold_commits();
    int client = client_ask(ASK);
    booth_await_held();
    booth_settle();
    client_expect_nothing(client);
    booth_let_commits();
    char *answer = client_read_answer(client, false);
    ck_assert_str_eq(answer, JSON_HEAD JSON_BODY);
    free(answer);
    close(client);
    booth_finish();
    const struct rn_event *event = booth_event(TRACE_TEXT, 1);
    ck_end(event, RN_END_ENDED);
    ck_field(event, RN_TAG_METHOD, "GET");
    ck_field(event, RN_TAG_TARGET, "/x");
    ck_field(event, RN_TAG_UPSTREAM, "toy");
    ck_field(event, RN_TAG_REQUEST_HEAD, "GET /x" FIELDS IN_TRACE "\r\n");
    ck_field(event, RN_TAG_RESPONSE_HEAD, JSON_HEAD);
    ck_field(event, RN_TAG_RESPONSE_BODY, JSON_BODY);
    ck_field(event, RN_TAG_END_REASON, "");
    ck_order(event, 1, 2, 3);
    ck_assert(!rn_event_has(event, RN_TAG_PIECE_STAMPS)); /* its only piece is part of its end */
}
END_TEST

START_TEST(a_piece_stands_among_the_stamps_that_were_given_before_it)
{
    /* Another call comes and goes between the first piece and the second; nothing does before the third. */
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE), {.what = TOY_GATE}, SEND(ONE), {.what = TOY_GATE},
                              SEND(ONE LAST_CHUNK)),
                        STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&usual);
    int client = client_ask(ASK);
    client_expect(client, ONE);
    ck_exchange(ASK, JSON_HEAD JSON_BODY);
    toy_open_gate(booth_toy());
    client_expect(client, ONE);
    toy_open_gate(booth_toy());
    client_expect(client, ONE LAST_CHUNK);
    close(client);
    booth_finish();
    const struct rn_event *stream = booth_event(TRACE_TEXT, 1);
    struct rn_bytes stamps = rn_event_get(stream, RN_TAG_PIECE_STAMPS);
    uint64_t expected[] = {0, 4, 0}; /* the stream's first byte, and the other's three */
    for (size_t i = 0; i < 3; i++) {
        uint64_t since = UINT64_MAX;
        ck_assert(rn_varint_get(&stamps, &since));
        ck_assert_uint_eq(since, expected[i]);
    }
    ck_assert_uint_eq(stamps.len, 0);
    ck_assert_uint_le(ck_order(stream, 1, 2, 6), ck_order(booth_event(TRACE_TEXT, 2), 3, 4, 5));
}
END_TEST

START_TEST(the_last_piece_of_a_content_length_waits_and_earlier_ones_do_not)
{
    booth_serve(SCRIPTS(STEPS(SEND("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
                              {.what = TOY_GATE}, SEND("world"))));
    booth_open(&usual);
    booth_hold_commits();
    int client = client_ask(ASK);
    client_expect(client, "\r\n\r\nhello");
    toy_open_gate(booth_toy());
    booth_await_held();
    booth_settle();
    client_expect_nothing(client);
    booth_let_commits();
    client_expect(client, "world");
    close(client);
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ENDED);
    ck_cuts(booth_event(TRACE_TEXT, 1), 5, 5);
}
END_TEST

START_TEST(the_last_chunk_of_a_stream_waits)
{
    booth_serve(
        SCRIPTS(STEPS(SEND(TEXT_HEAD "3\r\none\r\n"), {.what = TOY_GATE}, SEND(LAST_CHUNK))));
    booth_open(&usual);
    booth_hold_commits();
    int client = client_ask(ASK);
    client_expect(client, "3\r\none\r\n");
    toy_open_gate(booth_toy());
    booth_await_held();
    booth_settle();
    client_expect_nothing(client);
    booth_let_commits();
    client_expect(client, LAST_CHUNK);
    close(client);
}
END_TEST

START_TEST(done_waits_with_the_last_chunk)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE), {.what = TOY_GATE}, SEND(TWO_DONE LAST_CHUNK))));
    booth_open(&usual);
    booth_hold_commits();
    int client = client_ask(ASK);
    client_expect(client, ONE);
    toy_open_gate(booth_toy());
    booth_await_held();
    booth_settle();
    /* What came with the end may go out before it or with it, but no byte of the end itself. */
    char seen[256] = "";
    ssize_t got = recv(client, seen, sizeof seen - 1, MSG_DONTWAIT);
    ck_assert(got <= 0 || strcmp(seen, "b\r\ndata: two\n\n\r\n") == 0);
    booth_let_commits();
    client_expect(client, "e\r\ndata: [DONE]\n\n\r\n" LAST_CHUNK);
    close(client);
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ENDED);
    ck_cuts(booth_event(TRACE_TEXT, 1), 11, 11, 14);
}
END_TEST

START_TEST(a_piece_is_split_where_the_held_end_begins_and_goes_out_without_the_streams_end)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE TWO_DONE), {.what = TOY_HANG})));
    booth_open(&usual);
    booth_hold_commits();
    int client = client_ask(ASK);
    client_expect(client, ONE "b\r\ndata: two\n\n\r\n");
    booth_await_held();
    booth_settle();
    client_expect_nothing(client);
    booth_let_commits();
    client_expect(client, "e\r\ndata: [DONE]\n\n\r\n");
    close(client);
    toy_wait_gone(booth_toy(), 1);
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ABORTED);
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_BODY,
             "data: one\n\ndata: two\n\ndata: [DONE]\n\n");
}
END_TEST

START_TEST(nothing_waits_when_durability_is_async)
{
    booth_serve(
        SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY)),
                STEPS(SEND("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), SEND("world")),
                STEPS(SEND(SSE_HEAD ONE TWO_DONE LAST_CHUNK)),
                STEPS(SEND(SSE_HEAD ONE TWO_DONE), {.what = TOY_HANG})));
    booth_open(&async);
    booth_hold_commits();
    ck_exchange(ASK, JSON_HEAD JSON_BODY);
    ck_exchange(ASK, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhelloworld");
    int client = client_ask(ASK);
    client_expect(client, "[DONE]\n\n\r\n" LAST_CHUNK);
    close(client);
    client = client_ask(ASK);
    client_expect(client, "[DONE]\n\n\r\n");
    close(client);
    toy_wait_gone(booth_toy(), 1);
    booth_let_commits();
    booth_finish();
    for (uint32_t n = 1; n <= 3; n++) {
        ck_end(booth_event(TRACE_TEXT, n), RN_END_ENDED);
    }
    ck_end(booth_event(TRACE_TEXT, 4), RN_END_ABORTED);
}
END_TEST

/* --- what is kept -------------------------------------------------------------------------------------------------- */

/* The lengths of the chunks of a raw answer; ends with 0. */
static void chunks_of(const char *answer, uint64_t *lengths, size_t max)
{
    const char *at = strstr(answer, "\r\n\r\n") + 4;
    size_t count = 0;
    do {
        char *behind;
        ck_assert_uint_lt(count, max);
        lengths[count] = strtoull(at, &behind, 16);
        at = behind + 2 + lengths[count] + 2;
    } while (lengths[count++] != 0);
}

START_TEST(recorded_cuts_are_the_chunks_the_client_was_sent)
{
    static char answer_script[40000];
    uint64_t lengths[64];
    int at = snprintf(answer_script, sizeof answer_script,
                      SSE_HEAD "3\r\none\r\n5\r\ntwooo\r\n7530\r\n");
    memset(answer_script + at, 'z', 30000);
    struct toy_step steps[] = {{TOY_SEND, rn_bytes_of(answer_script, (size_t)at + 30000)},
                               SEND("\r\n4\r\nfour\r\n" LAST_CHUNK),
                               {TOY_END, {0}}};
    booth_serve(SCRIPTS(steps));
    booth_open(&usual);
    char *answer = client_exchange(ASK);
    chunks_of(answer, lengths, 64);
    booth_finish();
    ck_numbers(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_CUTS, lengths);
    free(answer);
}
END_TEST

/* A chunked answer of `bytes` in 1000-byte chunks, without its end. */
static struct rn_bytes long_stream(size_t bytes)
{
    static char stream[800000];
    size_t at = (size_t)snprintf(stream, sizeof stream, "%s", TEXT_HEAD);
    for (size_t i = 0; i < bytes / 1000; i++) {
        at += (size_t)snprintf(stream + at, sizeof stream - at, "3e8\r\n%01000zu\r\n", i);
    }
    return rn_bytes_of(stream, at);
}

START_TEST(a_long_answer_is_committed_in_parts_of_256_kb)
{
    struct toy_step steps[] = {
        {TOY_SEND, long_stream(600000)}, {TOY_GATE, {0}}, SEND(LAST_CHUNK), {TOY_END, {0}}};
    booth_serve(SCRIPTS(steps));
    booth_open(&usual);
    int client = client_ask(ASK);
    client_expect(client, "\r\n\r\n");
    for (size_t came = 0; came < 600000;) {
        came += client_skip_chunk(client);
    }
    booth_await_commits(2);
    const struct rn_event *event = booth_event(TRACE_TEXT, 1);
    ck_assert(!rn_event_has(event, RN_TAG_END));
    ck_assert_uint_ge(rn_event_get(event, RN_TAG_RESPONSE_BODY).len, RN_PART_BYTES_MAX);
    toy_open_gate(booth_toy());
    ck_assert_uint_eq(client_skip_chunk(client), 0);
    close(client);
    booth_finish();
    event = booth_event(TRACE_TEXT, 1);
    ck_end(event, RN_END_ENDED);
    ck_assert_uint_eq(rn_event_get(event, RN_TAG_RESPONSE_BODY).len, 600000);
}
END_TEST

START_TEST(pieces_are_committed_when_they_are_a_second_old)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE), {.what = TOY_GATE}, SEND(LAST_CHUNK))));
    booth_open(&usual);
    uint64_t now = rn_clock_mono_ns();
    rn_clock_hold(rn_clock_wall_ns(), now, 7);
    int client = client_ask(ASK);
    client_expect(client, ONE);
    booth_settle();
    ck_assert_uint_eq(booth_commits(), 0);
    rn_clock_hold(rn_clock_wall_ns(), now + RN_PART_AGE_NS, 8);
    booth_await_commits(1);
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_BODY, "data: one\n\n");
    toy_open_gate(booth_toy());
    client_expect(client, LAST_CHUNK);
    close(client);
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ENDED);
}
END_TEST

START_TEST(an_interim_answer_is_passed_on_and_kept)
{
#define HINTS "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    booth_serve(SCRIPTS(STEPS(SEND(HINTS), SEND(JSON_HEAD JSON_BODY))));
    booth_open(&usual);
    int client = client_ask(ASK);
    client_expect(client, HINTS JSON_HEAD JSON_BODY);
    close(client);
    booth_finish();
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_INTERIM, HINTS);
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_HEAD, JSON_HEAD);
}
END_TEST

START_TEST(an_interim_answer_is_kept_where_no_head_followed)
{
    booth_serve(SCRIPTS(STEPS(SEND(HINTS), {.what = TOY_HANG})));
    booth_open(&usual);
    int client = client_ask(ASK);
    client_expect(client, HINTS);
    close(client);
    toy_wait_gone(booth_toy(), 1);
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ABORTED);
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_INTERIM, HINTS);
    ck_assert(!rn_event_has(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_HEAD));
}
END_TEST

START_TEST(trailers_are_passed_on_and_kept)
{
    booth_serve(SCRIPTS(STEPS(SEND(TEXT_HEAD "3\r\none\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n"))));
    booth_open(&usual);
    ck_exchange(ASK, TEXT_HEAD "3\r\none\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n");
    booth_finish();
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_TRAILERS, "X-T: 1\r\nX-U: 2\r\n");
}
END_TEST

START_TEST(answers_without_a_body_are_passed_on_and_kept)
{
#define NO_CONTENT "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD)), STEPS(SEND(NO_CONTENT))));
    booth_open(&usual);
    ck_exchange("HEAD /toy/x" FIELDS IN_TRACE "\r\n", JSON_HEAD);
    ck_exchange(ASK, NO_CONTENT);
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ENDED);
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_HEAD, JSON_HEAD);
    ck_assert(!rn_event_has(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_BODY));
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_METHOD, "HEAD");
    ck_end(booth_event(TRACE_TEXT, 2), RN_END_ENDED);
    ck_field(booth_event(TRACE_TEXT, 2), RN_TAG_RESPONSE_HEAD, NO_CONTENT);
}
END_TEST

START_TEST(a_client_of_http_1_0_is_answered_up_to_the_end_of_the_connection)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE LAST_CHUNK))));
    booth_open(&usual);
    int client = client_ask("GET /toy/x HTTP/1.0\r\nHost: 127.0.0.1\r\n" IN_TRACE "\r\n");
    char *answer = client_read_all(client, NULL);
    ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\ndata: one\n\n");
    ck_assert_ptr_null(strstr(answer, "chunked"));
    close(client);
    booth_finish();
    const uint8_t by_close = RN_FRAMING_CLOSE;
    ck_assert(rn_bytes_equal(rn_event_get(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_FRAMING),
                             rn_bytes_of(&by_close, 1)));
    ck_cuts(booth_event(TRACE_TEXT, 1), 11);
    free(answer);
}
END_TEST

START_TEST(a_request_with_body_and_labels_is_forwarded_and_kept)
{
    char got[2048];
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&usual);
    ck_exchange("POST /toy/v1/x?q=1" FIELDS IN_TRACE
                "X-Reenact-Tag: a=b\r\nX-Request-Id: r7\r\nContent-Length: 4\r\n\r\nbody",
                JSON_HEAD JSON_BODY);
    toy_last_request(booth_toy(), got, sizeof got);
    ck_assert_int_eq(strncmp(got, "POST /v1/x?q=1 HTTP/1.1\r\n", 25), 0);
    ck_assert_ptr_null(strcasestr(got, "x-reenact"));
    ck_assert_str_eq(strstr(got, "\r\n\r\n"), "\r\n\r\nbody");
    booth_finish();
    const struct rn_event *event = booth_event(TRACE_TEXT, 1);
    ck_field(event, RN_TAG_REQUEST_BODY, "body");
    ck_field(event, RN_TAG_TARGET, "/v1/x?q=1");
    ck_field(event, RN_TAG_LABELS, "\15X-Reenact-Tag\3a=b\14X-Request-Id\2r7");
    ck_field(event, RN_TAG_CONNECTION, "\1");
}
END_TEST

/* --- ends ---------------------------------------------------------------------------------------------------------- */

static bool one_aborted(struct rn_station *station)
{
    return rn_recorder_counts(station->recorder).aborted == 1;
}

START_TEST(a_client_that_leaves_ends_the_record_where_it_was)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE TWO_DONE), {.what = TOY_HANG})));
    booth_open(&usual);
    /* Time stands still, so the held end is not committed while the client is there. */
    rn_clock_hold(rn_clock_wall_ns(), rn_clock_mono_ns(), 7);
    int client = client_ask(ASK);
    client_expect(client, "data: two\n\n\r\n");
    booth_settle();
    client_expect_nothing(client);
    close(client);
    toy_wait_gone(booth_toy(), 1); /* the transfer was cancelled */
    booth_await(one_aborted);
    booth_finish();
    const struct rn_event *event = booth_event(TRACE_TEXT, 1);
    ck_end(event, RN_END_ABORTED);
    ck_field(event, RN_TAG_RESPONSE_BODY, "data: one\n\ndata: two\n\n");
    ck_cuts(event, 11, 11);
    ck_field(event, RN_TAG_END_REASON, "the client left before the answer was complete");
}
END_TEST

START_TEST(a_client_that_leaves_before_the_head_is_kept_without_one)
{
    booth_serve(SCRIPTS(STEPS({.what = TOY_HANG})));
    booth_open(&usual);
    int client = client_ask(ASK);
    while (toy_requests(booth_toy()) == 0) {
        booth_settle();
    }
    close(client);
    toy_wait_gone(booth_toy(), 1);
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ABORTED);
    ck_assert(!rn_event_has(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_HEAD));
}
END_TEST

START_TEST(an_upstream_that_breaks_off_is_cut_and_the_client_sees_no_clean_end)
{
    booth_serve(SCRIPTS(
        STEPS(SEND(TEXT_HEAD "3\r\none\r\n"), {.what = TOY_CLOSE}),
        STEPS(SEND("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), {.what = TOY_RESET}),
        STEPS(SEND(TEXT_HEAD "3\r\none\r\n"), {.what = TOY_GATE}, {.what = TOY_CLOSE})));
    booth_open(&usual);
    int client = client_ask(ASK);
    char *answer = client_read_all(client, NULL);
    ck_assert_str_eq(answer, TEXT_HEAD "3\r\none\r\n");
    free(answer);
    close(client);
    client = client_ask(ASK);
    answer = client_read_all(client, NULL);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 10"));
    ck_assert_ptr_null(strstr(answer, "world"));
    free(answer);
    close(client);
    /* Where only the connection's end would end the body, it is a reset. */
    client = client_ask("GET /toy/x HTTP/1.0\r\nHost: 127.0.0.1\r\n" IN_TRACE "\r\n");
    client_expect(client, "\r\n\r\none");
    toy_open_gate(booth_toy());
    ck_assert_int_eq(client_end(client), 1);
    close(client);
    booth_finish();
    for (uint32_t n = 1; n <= 3; n++) {
        const struct rn_event *event = booth_event(TRACE_TEXT, n);
        ck_end(event, RN_END_CUT);
        ck_assert(rn_bytes_starts_with(rn_event_get(event, RN_TAG_END_REASON), RN_LIT("CURLE_")));
    }
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_BODY, "one");
    ck_assert_uint_eq(booth_counts().cut, 3);
}
END_TEST

/* Head and body of a kept refusal are what the client was sent. */
static void ck_refused(const char *answer, uint32_t n)
{
    const struct rn_event *event = booth_event(TRACE_TEXT, n);
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    ck_end(event, RN_END_REFUSED);
    ck_assert(rn_bytes_equal(rn_event_get(event, RN_TAG_RESPONSE_HEAD),
                             rn_bytes_of(answer, (size_t)(body - answer))));
    ck_field(event, RN_TAG_RESPONSE_BODY, body);
    ck_assert_ptr_nonnull(strstr(body, "reenact_gateway"));
    ck_assert_uint_gt(rn_event_get(event, RN_TAG_END_REASON).len, 20);
}

START_TEST(an_upstream_out_of_reach_is_answered_502_and_kept_as_sent)
{
    booth_open(&usual);
    booth_hold_commits();
    int client = client_ask("GET /nobody/x" FIELDS IN_TRACE "\r\n");
    booth_await_held();
    booth_settle();
    client_expect_nothing(client); /* a refusal is an answer like others */
    booth_let_commits();
    char *answer = client_read_answer(client, false);
    close(client);
    booth_finish();
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 502 Bad Gateway\r\n", 26), 0);
    ck_assert_ptr_null(strstr(answer, "x-should-retry"));
    ck_refused(answer, 1);
    free(answer);
}
END_TEST

START_TEST(what_is_never_forwarded_is_refused_and_kept)
{
    static const struct {
        const char *request;
        const char *status;
    } cases[] = {
        {"GET /unknown/x" FIELDS IN_TRACE "\r\n", "HTTP/1.1 404 "},
        {"GET /" FIELDS IN_TRACE "\r\n", "HTTP/1.1 404 "},
        {"GET /toy/x" FIELDS IN_TRACE "Authorization: AWS4-HMAC-SHA256 Credential=A\r\n\r\n",
         "HTTP/1.1 501 "},
        {"GET /toy/x" FIELDS IN_TRACE "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         "HTTP/1.1 501 "},
    };
    enum { COUNT = sizeof cases / sizeof cases[0] };
    char *answers[COUNT];
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&usual);
    for (size_t i = 0; i < COUNT; i++) {
        answers[i] = client_exchange(cases[i].request);
        ck_assert_int_eq(strncmp(answers[i], cases[i].status, strlen(cases[i].status)), 0);
        ck_assert_ptr_nonnull(strstr(answers[i], "\r\nx-should-retry: false\r\n"));
    }
    ck_assert_uint_eq(toy_requests(booth_toy()), 0);
    booth_finish();
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_refused(answers[i], i + 1);
        free(answers[i]);
    }
    ck_assert_uint_eq(booth_counts().refused, COUNT);
}
END_TEST

/* --- traces -------------------------------------------------------------------------------------------------------- */

START_TEST(a_trace_is_chosen_by_header_then_url_then_vendor_then_run)
{
    static const struct {
        const char *request;
        const char *rule;
    } cases[] = {
        {"GET /t/by-url/toy/x" FIELDS "x-reenact-trace: by-header\r\nlangfuse-trace-id: v\r\n\r\n",
         "header"},
        {"GET /t/by-url/toy/x" FIELDS "langfuse-trace-id: by-vendor\r\n\r\n", "url"},
        {"GET /toy/x" FIELDS "langfuse-trace-id: by-vendor\r\n\r\n", "vendor"},
        {"GET /toy/x" FIELDS "langfuse-trace-id: no alias\r\n\r\n", "run"},
        {"GET /toy/x" FIELDS "\r\n", "run"},
    };
    static const char *const names[] = {"", "by-header", "by-url", "by-vendor"};
    char ids[8][33];
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&(struct booth_settings){.with_run = true});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_exchange(cases[i].request, JSON_HEAD JSON_BODY);
    }
    booth_finish();
    size_t count = booth_traces(ids, 8);
    ck_assert_uint_eq(count, 4);
    for (size_t i = 0; i < count; i++) {
        struct rn_trace_summary summary = booth_summary(ids[i]);
        bool is_run = strcmp(ids[i], booth_run_id()) == 0;
        size_t k = 0;
        while (k < 4 && !rn_bytes_equal(summary.name, rn_bytes_text(names[k]))) {
            k++;
        }
        ck_assert_uint_lt(k, 4);
        ck_assert_int_eq(is_run, k == 0);
        ck_field(booth_event(ids[i], 1), RN_TAG_RULE, is_run ? "run" : cases[k - 1].rule);
        ck_assert_int_eq(summary.is_alias, !is_run);
        ck_assert_uint_eq(summary.events, is_run ? 2 : 1);
        ck_assert_int_eq(summary.state, is_run ? RN_TRACE_OPEN : RN_TRACE_CLOSED);
    }
}
END_TEST

START_TEST(a_request_that_names_no_trace_gets_one_of_its_own)
{
    char ids[4][33];
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&usual);
    ck_exchange("GET /toy/x" FIELDS "\r\n", JSON_HEAD JSON_BODY);
    ck_exchange("GET /toy/x" FIELDS "\r\n", JSON_HEAD JSON_BODY);
    booth_finish();
    ck_assert_uint_eq(booth_traces(ids, 4), 2);
    ck_field(booth_event(ids[0], 1), RN_TAG_RULE, "new");
    ck_assert(rn_bytes_equal(booth_summary(ids[0]).release, RN_LIT("1.2.3")));
    ck_assert(rn_bytes_equal(booth_summary(ids[0]).tags, RN_LIT("\11team=blue")));
}
END_TEST

START_TEST(an_illegal_trace_is_answered_400_and_opens_nothing)
{
    char ids[2][33];
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&usual);
    char *answer = client_exchange("GET /toy/x" FIELDS "x-reenact-trace: a b\r\n\r\n");
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 400 ", 13), 0);
    free(answer);
    booth_finish();
    ck_assert_uint_eq(toy_requests(booth_toy()), 0);
    ck_assert_uint_eq(booth_traces(ids, 2), 0);
}
END_TEST

static bool is_closed(struct rn_station *station)
{
    struct rn_trace_id id;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary = {0};
    rn_trace_id_parse(RN_LIT(TRACE_TEXT), &id);
    bool closed = rn_store_catch_up(station->store, NULL) == RN_OK &&
                  rn_trace_summary(station->store, &id, &arena, &summary, NULL) == RN_OK &&
                  summary.state == RN_TRACE_CLOSED;
    rn_arena_free(&arena);
    return closed;
}

START_TEST(an_idle_trace_is_closed_and_its_id_then_gets_a_child)
{
    char ids[4][33];
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&(struct booth_settings){.trace_idle_ns = 1});
    ck_exchange(ASK, JSON_HEAD JSON_BODY);
    booth_await(is_closed);
    ck_exchange(ASK, JSON_HEAD JSON_BODY);
    booth_finish();
    ck_assert_uint_eq(booth_traces(ids, 4), 2);
    const char *child = ids[strcmp(ids[0], TRACE_TEXT) == 0 ? 1 : 0];
    struct rn_trace_summary summary = booth_summary(child);
    char parent[33];
    rn_trace_id_text(&summary.parent, parent);
    ck_assert_str_eq(parent, TRACE_TEXT);
    ck_assert_uint_eq(booth_summary(TRACE_TEXT).events, 1);
    ck_end(booth_event(child, 1), RN_END_ENDED);
}
END_TEST

/* --- the end of all ------------------------------------------------------------------------------------------------ */

START_TEST(finishing_ends_open_calls_as_aborted_and_closes_traces)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE), {.what = TOY_HANG})));
    booth_open(&usual);
    int client = client_ask(ASK);
    client_expect(client, ONE);
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ABORTED);
    ck_cuts(booth_event(TRACE_TEXT, 1), 11);
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_END_REASON,
             "recording stopped before the answer was complete");
    ck_assert_int_eq(booth_summary(TRACE_TEXT).state, RN_TRACE_CLOSED);
    ck_assert_int_eq(client_end(client), 0); /* and no last chunk */
    toy_wait_gone(booth_toy(), 1);
    close(client);
}
END_TEST

START_TEST(finishing_waits_for_an_answer_that_is_complete)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&usual);
    booth_hold_commits();
    int client = client_ask(ASK);
    booth_await_held();
    booth_let_commits();
    booth_finish();
    ck_end(booth_event(TRACE_TEXT, 1), RN_END_ENDED);
    client_expect(client, JSON_HEAD JSON_BODY);
    close(client);
}
END_TEST

START_TEST(a_kept_connection_gets_no_call_after_the_finish)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_HEAD JSON_BODY))));
    booth_open(&(struct booth_settings){.with_run = true});
    int client = client_ask("GET /toy/x" FIELDS "\r\n");
    free(client_read_answer(client, false));
    booth_finish();
    client_send(client, "GET /toy/x" FIELDS "\r\n");
    char *answer = client_read_answer(client, false);
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 503 ", 13), 0);
    free(answer);
    close(client);
    ck_assert_uint_eq(toy_requests(booth_toy()), 1);
    ck_assert_uint_eq(booth_counts().calls, 1);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("recorder");
    BOOTH_CASE(suite, "goes out", a_small_answer_goes_out_only_after_its_commit,
               a_piece_stands_among_the_stamps_that_were_given_before_it,
               the_last_piece_of_a_content_length_waits_and_earlier_ones_do_not,
               the_last_chunk_of_a_stream_waits, done_waits_with_the_last_chunk,
               a_piece_is_split_where_the_held_end_begins_and_goes_out_without_the_streams_end,
               nothing_waits_when_durability_is_async);
    BOOTH_CASE(suite, "kept", recorded_cuts_are_the_chunks_the_client_was_sent,
               a_long_answer_is_committed_in_parts_of_256_kb,
               pieces_are_committed_when_they_are_a_second_old,
               an_interim_answer_is_passed_on_and_kept,
               an_interim_answer_is_kept_where_no_head_followed, trailers_are_passed_on_and_kept,
               answers_without_a_body_are_passed_on_and_kept,
               a_client_of_http_1_0_is_answered_up_to_the_end_of_the_connection,
               a_request_with_body_and_labels_is_forwarded_and_kept);
    BOOTH_CASE(suite, "ends", a_client_that_leaves_ends_the_record_where_it_was,
               a_client_that_leaves_before_the_head_is_kept_without_one,
               an_upstream_that_breaks_off_is_cut_and_the_client_sees_no_clean_end,
               an_upstream_out_of_reach_is_answered_502_and_kept_as_sent,
               what_is_never_forwarded_is_refused_and_kept);
    BOOTH_CASE(suite, "traces", a_trace_is_chosen_by_header_then_url_then_vendor_then_run,
               a_request_that_names_no_trace_gets_one_of_its_own,
               an_illegal_trace_is_answered_400_and_opens_nothing,
               an_idle_trace_is_closed_and_its_id_then_gets_a_child);
    BOOTH_CASE(suite, "finish", finishing_ends_open_calls_as_aborted_and_closes_traces,
               finishing_waits_for_an_answer_that_is_complete,
               a_kept_connection_gets_no_call_after_the_finish);
    return suite;
}
