/*
 * What a station does in trouble: a disk that takes nothing, memory that runs out at any moment, clients and a writer that do
 * not keep up. Traffic passes, nothing hangs, and what is missing is said.
 */
#include "main.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "booth.h"

#define FIELDS " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
#define ASK "GET /toy/x" FIELDS IN_TRACE "\r\n"
#define JSON_ANSWER                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"
#define SSE_HEAD                                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SSE_BODY                                                                                   \
    "b\r\ndata: one\n\n\r\n"                                                                       \
    "e\r\ndata: [DONE]\n\n\r\n"                                                                    \
    "0\r\n\r\n"

static const struct booth_settings usual;

/* --- the disk ------------------------------------------------------------------------------------------------------ */

START_TEST(a_disk_that_takes_nothing_lets_traffic_pass_and_the_gap_is_written_later)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER)), STEPS(SEND(SSE_HEAD SSE_BODY)),
                        STEPS(SEND(JSON_ANSWER))));
    booth_open(&usual);
    uint64_t now = rn_clock_mono_ns();
    rn_clock_hold(rn_clock_wall_ns(), now, 7); /* gaps are tried again once a second */
    booth_fail_commits(true);
    for (int i = 0; i < 3; i++) {
        char *answer = client_exchange(ASK);
        ck_assert_int_eq(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
        free(answer);
    }
    booth_settle();
    ck_assert_uint_eq(booth_counts().failed, 3);
    ck_assert_uint_eq(booth_counts().ended, 3);
    ck_assert_uint_eq(booth_commits(), 0);
    booth_fail_commits(false);
    rn_clock_hold(rn_clock_wall_ns(), now + UINT64_C(2000000000), 8);
    free(client_exchange(ASK));
    booth_finish();
    struct rn_trace_summary summary = booth_summary(TRACE_TEXT);
    ck_assert_uint_eq(summary.gaps, 1);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_NO);
    ck_assert_uint_eq(rn_event_number(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP, 0), 3);
    ck_assert_str_eq(rn_end_name(rn_event_end_of(booth_event(TRACE_TEXT, 4))), "ended");
    ck_assert_uint_eq(booth_counts().failed, 3);
}
END_TEST

START_TEST(a_disk_that_takes_nothing_does_not_keep_us_from_finishing)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD "b\r\ndata: one\n\n\r\n"), {.what = TOY_HANG})));
    booth_open(&usual);
    booth_fail_commits(true);
    int client = client_ask(ASK);
    client_expect(client, "data: one\n\n\r\n");
    booth_finish();
    ck_assert_uint_eq(booth_counts().failed, 1);
    close(client);
}
END_TEST

/* --- whoever does not keep up -------------------------------------------------------------------------------------- */

enum { FLOOD = 24 * 1024 * 1024 };

static struct rn_bytes flood(void)
{
    static char bytes[FLOOD + 100];
    int at = snprintf(bytes, sizeof bytes, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", FLOOD);
    memset(bytes + at, 'f', FLOOD);
    return rn_bytes_of(bytes, (size_t)at + FLOOD);
}

static bool gateway_was_full(struct rn_station *station)
{
    (void)station;
    return booth_was_full();
}

START_TEST(a_slow_client_stops_the_upstream_and_gets_all_in_the_end)
{
    struct toy_step steps[] = {{TOY_SEND, flood()}, {.what = TOY_END}};
    booth_serve(SCRIPTS(steps));
    booth_open(&usual);
    int client = client_ask("GET /toy/x" FIELDS IN_TRACE "Connection: close\r\n\r\n");
    booth_await(gateway_was_full);
    size_t len = 0;
    char *answer = client_read_all(client, &len);
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    ck_assert_uint_eq(len - (size_t)(body - answer), FLOOD);
    free(answer);
    close(client);
    /* One turn brings a little more than the mark; the rest waits in the kernel and at the upstream. */
    ck_assert_uint_lt(booth_unsent_max(), 2 * 1024 * 1024);
    booth_finish();
    ck_assert_uint_eq(rn_event_get(booth_event(TRACE_TEXT, 1), RN_TAG_RESPONSE_BODY).len, FLOOD);
}
END_TEST

START_TEST(a_slow_client_that_leaves_is_kept_with_what_it_was_sent)
{
    struct toy_step steps[] = {{TOY_SEND, flood()}, {.what = TOY_END}};
    booth_serve(SCRIPTS(steps));
    booth_open(&usual);
    int client = client_ask(ASK);
    booth_await(gateway_was_full);
    booth_settle();
    close(client);
    booth_finish();
    const struct rn_event *event = booth_event(TRACE_TEXT, 1);
    ck_assert_str_eq(rn_end_name(rn_event_end_of(event)), "aborted");
    ck_assert_uint_eq(rn_event_get(event, RN_TAG_RESPONSE_BODY).len, booth_written());
}
END_TEST

static void collect(struct rn_station *station)
{
    rn_recorder_collect(station->recorder);
}

START_TEST(a_writer_that_is_behind_stops_the_upstream_until_it_has_caught_up)
{
    struct toy_step steps[] = {{TOY_SEND, flood()}, {.what = TOY_END}};
    booth_serve(SCRIPTS(steps));
    booth_open(&usual);
    booth_pretend_backlog(RN_WRITER_BYTES_MAX + 1);
    int client = client_ask("GET /toy/x" FIELDS IN_TRACE "Connection: close\r\n\r\n");
    client_expect(client, "\r\n\r\nf");
    booth_settle();
    uint64_t taken = booth_written();
    ck_assert_uint_lt(taken, 64 * 1024); /* each piece asks for a pause */
    booth_settle();
    ck_assert_uint_eq(booth_written(), taken);
    booth_pretend_backlog(0);
    booth_do(collect); /* as when entries come back */
    size_t len = 0;
    free(client_read_all(client, &len));
    ck_assert_uint_eq(len, FLOOD - 1);
    close(client);
    booth_finish();
}
END_TEST

START_TEST(a_client_that_takes_nothing_does_not_keep_us_from_finishing)
{
    struct toy_step steps[] = {{TOY_SEND, flood()}, {.what = TOY_END}};
    booth_serve(SCRIPTS(steps));
    booth_open(&usual);
    int client = client_ask(ASK);
    booth_await(gateway_was_full);
    booth_finish();
    ck_assert_uint_eq(booth_counts().aborted, 1);
    close(client);
}
END_TEST

/* A connection for which the kernel keeps as little as it can. */
static int client_open_narrow(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &(int){2048}, sizeof(int)), 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}

static bool one_ended(struct rn_station *station)
{
    return rn_recorder_counts(station->recorder).ended == 1;
}

START_TEST(a_complete_answer_that_nobody_takes_does_not_keep_us_from_finishing)
{
    enum {
        BYTES = 240000
    }; /* less than the gateway's mark, more than the kernel takes for this client */
    static char answer[BYTES + 100];
    int at =
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BYTES);
    memset(answer + at, 'a', BYTES);
    struct toy_step steps[] = {{TOY_SEND, rn_bytes_of(answer, (size_t)at + BYTES)},
                               {.what = TOY_END}};
    booth_serve(SCRIPTS(steps));
    booth_open(&usual);
    int client = client_open_narrow(booth_port());
    client_send(client, ASK);
    booth_await(one_ended);
    booth_finish();
    ck_assert_str_eq(rn_end_name(rn_event_end_of(booth_event(TRACE_TEXT, 1))), "ended");
    close(client);
}
END_TEST

/* --- memory -------------------------------------------------------------------------------------------------------- */

/* The whole answer, the beginning of it without its end, a refusal of ours, or nothing at all. */
static bool is_honest(const char *answer, size_t len, const char *expected)
{
    return strcmp(answer, expected) == 0 || strstr(answer, "reenact_gateway") != NULL ||
           strncmp(answer, "HTTP/1.1 503", 12) == 0 ||
           (len < strlen(expected) && strncmp(answer, expected, len) == 0);
}

static void sweep(const char *request, const char *expected)
{
    bool failed = true;
    unsigned long nth = 1;
    for (; failed; nth++) {
        size_t len = 0;
        ck_assert_uint_lt(nth, 5000);
        rn_memory_fail_from(nth);
        int client = client_ask(request);
        char *answer = client_read_all(client, &len);
        close(client);
        booth_settle();
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_msg(is_honest(answer, len, expected), "at %lu: \"%s\"", nth, answer);
        free(answer);
        /* And the next one finds everything as it was. */
        client = client_ask(request);
        answer = client_read_all(client, NULL);
        ck_assert_msg(strcmp(answer, expected) == 0, "behind %lu: \"%s\"", nth, answer);
        free(answer);
        close(client);
    }
    ck_assert_uint_gt(nth, 20);
}

#define LEAVING FIELDS "Connection: close\r\n"

START_TEST(memory_may_run_out_at_any_moment_of_a_small_answer)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&usual);
    sweep("POST /toy/x" LEAVING "Content-Length: 4\r\nX-Request-Id: 1\r\n\r\nbody",
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n"
          "Connection: close\r\n\r\n{\"ok\":true}");
    booth_finish();
}
END_TEST

START_TEST(memory_may_run_out_at_any_moment_of_a_stream)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD SSE_BODY))));
    booth_open(&usual);
    sweep("GET /toy/x" LEAVING IN_TRACE "\r\n",
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
          "Connection: close\r\n\r\n" SSE_BODY);
    booth_finish();
}
END_TEST

START_TEST(memory_may_run_out_at_any_moment_when_the_intent_comes_first)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD SSE_BODY))));
    booth_open(&(struct booth_settings){.durability = RN_DURABILITY_STRICT});
    sweep("GET /toy/x" LEAVING IN_TRACE "\r\n",
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
          "Connection: close\r\n\r\n" SSE_BODY);
    booth_finish();
}
END_TEST

START_TEST(memory_may_run_out_at_any_moment_of_a_refusal)
{
    booth_open(&usual);
    int client = client_ask("GET /unknown/x" LEAVING "\r\n");
    char *expected = client_read_all(client, NULL);
    close(client);
    ck_assert_int_eq(strncmp(expected, "HTTP/1.1 404 ", 13), 0);
    sweep("GET /unknown/x" LEAVING "\r\n", expected);
    free(expected);
    booth_finish();
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("recorder in trouble");
    BOOTH_CASE(suite, "disk",
               a_disk_that_takes_nothing_lets_traffic_pass_and_the_gap_is_written_later,
               a_disk_that_takes_nothing_does_not_keep_us_from_finishing);
    BOOTH_CASE(suite, "slow", a_slow_client_stops_the_upstream_and_gets_all_in_the_end,
               a_slow_client_that_leaves_is_kept_with_what_it_was_sent,
               a_writer_that_is_behind_stops_the_upstream_until_it_has_caught_up,
               a_client_that_takes_nothing_does_not_keep_us_from_finishing,
               a_complete_answer_that_nobody_takes_does_not_keep_us_from_finishing);
    BOOTH_CASE(suite, "memory", memory_may_run_out_at_any_moment_of_a_small_answer,
               memory_may_run_out_at_any_moment_of_a_stream,
               memory_may_run_out_at_any_moment_when_the_intent_comes_first,
               memory_may_run_out_at_any_moment_of_a_refusal);
    return suite;
}
