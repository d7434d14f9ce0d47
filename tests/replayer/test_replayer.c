/*
 * The handler behind a real gateway: what goes over the wire on replay is what went over it when recording, in its order, and
 * what was not recorded is refused.
 */
#include "main.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "theatre.h"

static struct rn_replayer_counts counts(void)
{
    return rn_replayer_counts(theatre_replayer());
}

static const char *first(void)
{
    const struct rn_finding *finding = rn_replayer_first(theatre_replayer());
    return finding == NULL ? "" : finding->sentence;
}

static void begin(const struct theatre_settings *settings)
{
    theatre_load();
    theatre_begin(settings);
}

#define PLAIN "HTTP/1.1 200 OK\r\nX-Ray: one\r\nContent-Length: 2\r\n\r\nok"
#define CHUNKED "HTTP/1.1 200 OK\r\nX-Ray: one\r\nTransfer-Encoding: chunked\r\n\r\n"

START_TEST(an_answer_is_given_byte_for_byte)
{
    const struct scene scene = {.body = "{\"a\":1}"};
    THEATRE_RECORD(scene);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    guest_expect(guest, PLAIN);
    theatre_await(is_served, 1);
    guest_leave(guest);
    theatre_end();
    ck_assert_uint_eq(counts().served, 1);
    ck_assert_uint_eq(counts().by_rule[RN_RULE_BYTES], 1);
    ck_assert_uint_eq(counts().misses, 0);
    ck_assert_str_eq(first(), "");
    ck_assert_int_eq(theatre_catalog()->rows[0].state, RN_ROW_SERVED);
}
END_TEST

START_TEST(chunks_interim_heads_and_trailers_come_as_recorded)
{
    const struct scene scene = {.framing = RN_FRAMING_CHUNKED,
                                .pieces = {"data: one\n\n", "data: two\n\n", "x"},
                                .interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
                                .trailers = "X-End: yes\r\n"};
    THEATRE_RECORD(scene);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    guest_expect(guest,
                 "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" CHUNKED "b\r\ndata: one\n\n\r\n"
                 "b\r\ndata: two\n\n\r\n1\r\nx\r\n0\r\nX-End: yes\r\n\r\n");
    guest_leave(guest);
}
END_TEST

START_TEST(our_paths_reach_the_same_recording)
{
    THEATRE_RECORD({.body = "{}"});
    begin(NULL);
    int guest = guest_come("");
    guest_send(
        guest,
        "POST /openai/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\n\r\n{}");
    guest_expect(guest, PLAIN);
    guest_leave(guest);
}
END_TEST

START_TEST(a_cut_is_cut_at_the_same_byte)
{
    const struct scene scene = {
        .framing = RN_FRAMING_CHUNKED, .pieces = {"data: one\n\n", "da"}, .end = RN_END_CUT};
    THEATRE_RECORD(scene);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    char *came = guest_read_all(guest);
    ck_assert_str_eq(came, CHUNKED "b\r\ndata: one\n\n\r\n2\r\nda\r\n");
    free(came);
    theatre_await(is_served, 1);
    theatre_end();
    ck_assert_uint_eq(counts().served, 1);
    guest_leave(guest);
}
END_TEST

START_TEST(a_cut_before_the_announced_length_stays_short)
{
    const struct scene scene = {.head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
                                .pieces = {"short"},
                                .end = RN_END_CUT};
    THEATRE_RECORD(scene);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    char *came = guest_read_all(guest);
    ck_assert_str_eq(came, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    free(came);
    guest_leave(guest);
}
END_TEST

START_TEST(an_aborted_answer_waits_for_its_client_to_leave)
{
    const struct scene scene = {
        .framing = RN_FRAMING_CHUNKED, .pieces = {"data: one\n\n"}, .end = RN_END_ABORTED};
    THEATRE_RECORD(scene, {.body = "{\"then\":1}"});
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    guest_expect(guest, CHUNKED "b\r\ndata: one\n\n\r\n");
    ck_assert_uint_eq(counts().served, 0);
    guest_leave(guest);
    theatre_await(is_served, 1);
    theatre_end();
    ck_assert_int_eq(theatre_catalog()->rows[0].state, RN_ROW_SERVED);
    ck_assert_str_eq(first(), "");
}
END_TEST

START_TEST(a_client_that_never_leaves_is_not_waited_for_for_ever)
{
    const struct scene scene = {
        .framing = RN_FRAMING_CHUNKED, .pieces = {"data: one\n\n"}, .end = RN_END_ABORTED};
    THEATRE_RECORD(scene);
    begin(&(struct theatre_settings){.patience_ns = 20000000});
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    char *came = guest_read_all(guest);
    ck_assert_str_eq(came, CHUNKED "b\r\ndata: one\n\n\r\n");
    free(came);
    theatre_await(is_served, 1);
    theatre_end();
    ck_assert_uint_eq(counts().served, 0);
    ck_assert_ptr_nonnull(strstr(first(), "event 1 did not leave"));
    guest_leave(guest);
}
END_TEST

START_TEST(a_client_that_had_left_before_the_head_gets_nothing)
{
    const struct scene scene = {.end = RN_END_ABORTED, .no_answer = true};
    THEATRE_RECORD(scene);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    theatre_await(is_asked, 1);
    guest_leave(guest);
    theatre_await(is_served, 1);
    theatre_end();
    ck_assert_uint_eq(counts().served, 1);
}
END_TEST

START_TEST(a_client_that_leaves_early_is_a_divergence)
{
    /* The second answer is held for the first one, so that its client can leave before it. */
    const struct scene one = {.body = "1", .stamps = {1, 3, 4}, .connection = 1};
    const struct scene two = {.body = "2", .stamps = {2, 5, 6}, .connection = 2};
    THEATRE_RECORD(one, two);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &two);
    theatre_await(is_waiting, 1);
    guest_leave(guest);
    theatre_await(is_served, 1);
    theatre_end();
    ck_assert_uint_eq(counts().served, 0);
    ck_assert_uint_eq(counts().broken, 1);
    ck_assert_ptr_nonnull(strstr(first(), "event 2 left before"));
}
END_TEST

START_TEST(ends_come_in_the_recorded_order)
{
    const struct scene one = {.body = "1", .stamps = {1, 5, 6}};
    const struct scene two = {.body = "2", .stamps = {2, 3, 4}, .connection = 2};
    THEATRE_RECORD(one, two);
    begin(NULL);
    int slow = guest_come("openai");
    int quick = guest_come("openai");
    guest_ask(slow, &one);
    theatre_await(is_waiting, 1);
    guest_ask(quick, &two);
    guest_expect(quick, PLAIN);
    guest_expect(slow, PLAIN);
    theatre_await(is_served, 2);
    theatre_end();
    ck_assert_uint_eq(counts().relaxations, 0);
    guest_leave(slow);
    guest_leave(quick);
}
END_TEST

START_TEST(a_stream_stays_open_for_the_request_that_came_while_it_was)
{
    /* MCP sampling: the answer to the second request is what lets the first stream go on. */
    const struct scene stream = {.body = "1",
                                 .framing = RN_FRAMING_CHUNKED,
                                 .pieces = {"data: ask\n\n", "data: done\n\n"},
                                 .piece_ns = {1000000, 4000000},
                                 .stamps = {1, 2, 6}};
    const struct scene reply = {.body = "2", .stamps = {3, 4, 5}, .connection = 2};
    THEATRE_RECORD(stream, reply);
    begin(NULL);
    int guest = guest_come("openai");
    int second = guest_come("openai");
    guest_ask(guest, &stream);
    guest_expect(guest, CHUNKED "b\r\ndata: ask\n\n\r\n");
    theatre_await(is_waiting, 1);
    guest_ask(second, &reply);
    guest_expect(second, PLAIN);
    guest_expect(guest, "c\r\ndata: done\n\n\r\n0\r\n\r\n");
    guest_leave(guest);
    guest_leave(second);
}
END_TEST

START_TEST(an_empty_stream_gives_its_head_before_others_come)
{
    /* An EventSource: head at once, no event, closed at the end by the server. */
    const struct scene stream = {
        .body = "1", .framing = RN_FRAMING_CHUNKED, .pieces = {""}, .stamps = {1, 2, 6}};
    const struct scene other = {.body = "2", .stamps = {3, 4, 5}, .connection = 2};
    THEATRE_RECORD(stream, other);
    begin(NULL);
    int guest = guest_come("openai");
    int second = guest_come("openai");
    guest_ask(guest, &stream);
    guest_expect(guest, CHUNKED);
    guest_ask(second, &other);
    guest_expect(second, PLAIN);
    guest_expect(guest, "0\r\n\r\n");
    guest_leave(guest);
    guest_leave(second);
}
END_TEST

START_TEST(an_event_sent_long_before_the_end_is_not_held_for_it)
{
    /* The last event came at 2 ms; the request at 3 ms needs to see it, and only then does the stream end. */
    const struct scene stream = {.body = "1",
                                 .framing = RN_FRAMING_CHUNKED,
                                 .pieces = {"data: one\n\n", "data: two\n\n"},
                                 .piece_ns = {500000, 500000},
                                 .stamps = {1, 2, 6}};
    const struct scene other = {.body = "2", .stamps = {3, 4, 5}, .connection = 2};
    THEATRE_RECORD(stream, other);
    begin(NULL);
    int guest = guest_come("openai");
    int second = guest_come("openai");
    guest_ask(guest, &stream);
    guest_expect(guest, CHUNKED "b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\n");
    guest_ask(second, &other);
    guest_expect(second, PLAIN);
    guest_expect(guest, "0\r\n\r\n");
    guest_leave(guest);
    guest_leave(second);
}
END_TEST

START_TEST(a_request_that_never_comes_is_given_up_after_a_while)
{
    /* Peak 3, so that two that wait are not yet all there can be. */
    const struct scene missing = {.body = "0", .stamps = {1, 7, 8}};
    const struct scene one = {.body = "1", .stamps = {2, 9, 10}};
    const struct scene two = {.body = "2", .stamps = {3, 11, 12}};
    THEATRE_RECORD(missing, one, two);
    begin(&(struct theatre_settings){.patience_ns = 60000000});
    int a = guest_come("openai");
    int b = guest_come("openai");
    guest_ask(a, &one);
    guest_ask(b, &two);
    guest_expect(a, PLAIN);
    guest_expect(b, PLAIN);
    theatre_await(is_served, 2);
    theatre_end();
    ck_assert_uint_ge(counts().timed_out_holds, 1);
    guest_leave(a);
    guest_leave(b);
}
END_TEST

START_TEST(any_order_holds_nobody)
{
    const struct scene one = {.body = "1", .stamps = {1, 5, 6}};
    const struct scene two = {.body = "2", .stamps = {2, 3, 4}, .connection = 2};
    THEATRE_RECORD(one, two);
    begin(&(struct theatre_settings){.any_order = true});
    int guest = guest_come("openai");
    guest_ask(guest, &one);
    guest_expect(guest, PLAIN);
    guest_ask(guest, &two);
    guest_expect(guest, PLAIN);
    theatre_end();
    ck_assert_uint_eq(counts().relaxations, 0);
    guest_leave(guest);
}
END_TEST

START_TEST(a_pipelined_client_is_not_made_to_wait_for_what_lies_behind)
{
    /* Recorded on two connections; now both lie on one, the second behind the first. */
    const struct scene one = {.body = "1", .stamps = {1, 5, 6}, .connection = 1};
    const struct scene two = {.body = "2", .stamps = {2, 3, 4}, .connection = 2};
    THEATRE_RECORD(one, two);
    begin(NULL);
    int guest = guest_come("openai");
    guest_send(guest,
               "POST /v1/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
               "Content-Length: 1\r\n\r\n1"
               "POST /v1/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
               "Content-Length: 1\r\n\r\n2");
    guest_expect(guest, PLAIN PLAIN);
    theatre_end();
    ck_assert_uint_ge(counts().relaxations, 1);
    ck_assert_uint_eq(counts().timed_out_holds, 0);
    guest_leave(guest);
}
END_TEST

START_TEST(a_miss_is_answered_422_in_the_shape_of_the_provider)
{
    THEATRE_RECORD({.body = "{\"a\":1}"}, {.upstream = "anthropic"}, {.upstream = "qdrant"});
    begin(NULL);
    static const struct {
        const char *upstream;
        const char *begins;
    } shapes[] = {
        {"openai", "{\"error\":{\"message\":\"reenact: no recording matches POST /nope of openai"},
        {"anthropic",
         "{\"type\":\"error\",\"error\":{\"type\":\"reenact_miss\",\"message\":\"reenact: "},
        {"qdrant", "{\"error\":\"reenact: no recording matches"}};
    for (size_t i = 0; i < 3; i++) {
        int guest = guest_come(shapes[i].upstream);
        guest_ask(guest, &(struct scene){.target = "/nope"});
        char *came = guest_read_to(guest, "}\n");
        ck_assert_msg(strncmp(came, "HTTP/1.1 422 ", 13) == 0, "%s", came);
        ck_assert_ptr_nonnull(strstr(came, "x-should-retry: false\r\n"));
        ck_assert_msg(strstr(came, shapes[i].begins) != NULL, "%s", came);
        free(came);
        guest_leave(guest);
    }
    theatre_end();
    ck_assert_uint_eq(counts().misses, 3);
    ck_assert_uint_eq(counts().served, 0);
    ck_assert_ptr_nonnull(strstr(first(), "event 1"));
}
END_TEST

START_TEST(after_a_miss_nobody_is_held)
{
    const struct scene one = {.body = "1", .stamps = {1, 5, 6}};
    const struct scene two = {.body = "2", .stamps = {2, 3, 4}, .connection = 2};
    THEATRE_RECORD(one, two);
    begin(NULL);
    int held = guest_come("openai");
    int lost = guest_come("openai");
    guest_ask(held, &one);
    theatre_await(is_waiting, 1);
    guest_ask(lost, &(struct scene){.body = "another"});
    guest_expect(held, PLAIN);
    guest_leave(held);
    guest_leave(lost);
}
END_TEST

START_TEST(another_significant_header_is_a_miss_that_names_it)
{
    THEATRE_RECORD({.fields = "Anthropic-Version: 2023-06-01\r\nX-Other: 1\r\n"});
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &(struct scene){.fields = "anthropic-version: 2024-01-01\r\nX-Other: 2\r\n"});
    free(guest_read_to(guest, "}\n"));
    guest_leave(guest);
    theatre_end();
    const struct rn_finding *finding = rn_replayer_first(theatre_replayer());
    ck_assert_uint_eq(counts().misses, 1);
    ck_assert_ptr_nonnull(strstr(finding->place, "event 1, request header"));
    ck_assert_str_eq(finding->expected, "2023-06-01");
    ck_assert_str_eq(finding->came, "2024-01-01");
    ck_assert_str_eq(finding->cause, "a changed header");
}
END_TEST

START_TEST(other_headers_do_not_matter)
{
    THEATRE_RECORD({.fields = "Content-Type: application/json\r\nX-Stainless-Retry-Count: 0\r\n"});
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest,
              &(struct scene){
                  .fields = "content-type: application/json\r\nX-Stainless-Retry-Count: 1\r\n"});
    guest_expect(guest, PLAIN);
    guest_leave(guest);
}
END_TEST

START_TEST(another_credential_is_the_same_request)
{
    THEATRE_RECORD({.fields = "Authorization: Bearer sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa\r\n",
                    .body = "{\"api_key\":\"sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa\",\"a\":1}"});
    begin(&(struct theatre_settings){.rules = 1u << RN_RULE_BYTES});
    int guest = guest_come("openai");
    guest_ask(guest, &(struct scene){.fields = "Authorization: Bearer other-key-0123456789\r\n",
                                     .body = "{\"api_key\":\"other-key-0123456789\",\"a\":1}"});
    guest_expect(guest, PLAIN);
    guest_leave(guest);
}
END_TEST

START_TEST(waiting_times_are_zero_when_time_is_not_replayed)
{
    const struct scene scene = {.head = "HTTP/1.1 429 Too Many\r\nRetry-After: "
                                        "20\r\nretry-after-ms: 1.5\r\nContent-Length: 2\r\n\r\n"};
    THEATRE_RECORD(scene);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    guest_expect(guest, "HTTP/1.1 429 Too Many\r\nRetry-After: 00\r\nretry-after-ms: "
                        "0.0\r\nContent-Length: 2\r\n\r\nok");
    theatre_end();
    ck_assert_uint_eq(rn_replayer_stage(theatre_replayer())->retry_after, 2);
    guest_leave(guest);
}
END_TEST

START_TEST(with_a_pace_pieces_take_their_time)
{
    const struct scene scene = {
        .framing = RN_FRAMING_CHUNKED, .pieces = {"one", "two"}, .piece_ns = {1000000, 2000000}};
    THEATRE_RECORD(scene);
    begin(&(struct theatre_settings){.pace = 1});
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    guest_expect(guest, CHUNKED "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    guest_leave(guest);
}
END_TEST

START_TEST(a_client_of_http_1_0_gets_a_head_it_understands)
{
    const struct scene scene = {.framing = RN_FRAMING_CHUNKED, .pieces = {"one", "two"}};
    THEATRE_RECORD(scene);
    begin(NULL);
    int guest = guest_come("openai");
    guest_send(
        guest,
        "POST /v1/chat HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    char *came = guest_read_all(guest);
    ck_assert_msg(strstr(came, "chunked") == NULL && strstr(came, "\r\n\r\nonetwo") != NULL, "%s",
                  came);
    free(came);
    guest_leave(guest);
    theatre_await(is_served, 1);
    theatre_end();
    ck_assert_uint_eq(rn_replayer_stage(theatre_replayer())->framing, 1);
}
END_TEST

START_TEST(a_trace_is_chosen_before_matching)
{
    static const char *const argv[] = {"true", NULL};
    struct scene_run run = {.argv = argv};
    theatre_record((const struct scene[]){{.pieces = {"root"}}, {.pieces = {"of one"}, .trace = 1}},
                   2, &run);
    begin(&(struct theatre_settings){.any_order = true});
    int guest = guest_come("");
    guest_send(guest, "POST /t/one/openai/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                      "application/json\r\n"
                      "Content-Length: 2\r\n\r\n{}");
    guest_expect(guest, "HTTP/1.1 200 OK\r\nX-Ray: one\r\nContent-Length: 6\r\n\r\nof one");
    guest_send(
        guest,
        "POST /openai/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\n\r\n{}");
    guest_expect(guest, "HTTP/1.1 200 OK\r\nX-Ray: one\r\nContent-Length: 4\r\n\r\nroot");
    guest_send(guest,
               "POST /openai/v1/chat HTTP/1.1\r\nHost: localhost\r\nX-Reenact-Trace: nobody\r\n"
               "Content-Length: 2\r\n\r\n{}");
    char *came = guest_read_to(guest, "}\n");
    ck_assert_ptr_nonnull(strstr(came, "it names the trace nobody"));
    free(came);
    guest_leave(guest);
}
END_TEST

START_TEST(a_large_answer_reaches_a_slow_client_whole)
{
    char *piece = calloc(1, 600001);
    memset(piece, 'x', 600000);
    const struct scene scene = {.framing = RN_FRAMING_CHUNKED, .pieces = {piece, piece, "end"}};
    THEATRE_RECORD(scene);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &scene);
    char *came = guest_read_to(guest, "927c0\r\n");
    free(came);
    size_t left = 600000;
    char space[4096];
    while (left > 0) {
        ssize_t got = recv(guest, space, left < sizeof space ? left : sizeof space, 0);
        ck_assert_int_gt(got, 0);
        left -= (size_t)got;
    }
    came = guest_read_to(guest, "3\r\nend\r\n0\r\n\r\n");
    ck_assert_uint_gt(strlen(came), 600000);
    free(came);
    free(piece);
    guest_leave(guest);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer");
    TCase *cases = tcase_create("replayer");
    tcase_add_checked_fixture(cases, theatre_open, theatre_close);
    tcase_add_test(cases, an_answer_is_given_byte_for_byte);
    tcase_add_test(cases, chunks_interim_heads_and_trailers_come_as_recorded);
    tcase_add_test(cases, our_paths_reach_the_same_recording);
    tcase_add_test(cases, a_cut_is_cut_at_the_same_byte);
    tcase_add_test(cases, a_cut_before_the_announced_length_stays_short);
    tcase_add_test(cases, an_aborted_answer_waits_for_its_client_to_leave);
    tcase_add_test(cases, a_client_that_never_leaves_is_not_waited_for_for_ever);
    tcase_add_test(cases, a_client_that_had_left_before_the_head_gets_nothing);
    tcase_add_test(cases, a_client_that_leaves_early_is_a_divergence);
    tcase_add_test(cases, ends_come_in_the_recorded_order);
    tcase_add_test(cases, a_stream_stays_open_for_the_request_that_came_while_it_was);
    tcase_add_test(cases, an_empty_stream_gives_its_head_before_others_come);
    tcase_add_test(cases, an_event_sent_long_before_the_end_is_not_held_for_it);
    tcase_add_test(cases, a_request_that_never_comes_is_given_up_after_a_while);
    tcase_add_test(cases, any_order_holds_nobody);
    tcase_add_test(cases, a_pipelined_client_is_not_made_to_wait_for_what_lies_behind);
    tcase_add_test(cases, a_miss_is_answered_422_in_the_shape_of_the_provider);
    tcase_add_test(cases, after_a_miss_nobody_is_held);
    tcase_add_test(cases, another_significant_header_is_a_miss_that_names_it);
    tcase_add_test(cases, other_headers_do_not_matter);
    tcase_add_test(cases, another_credential_is_the_same_request);
    tcase_add_test(cases, waiting_times_are_zero_when_time_is_not_replayed);
    tcase_add_test(cases, with_a_pace_pieces_take_their_time);
    tcase_add_test(cases, a_client_of_http_1_0_gets_a_head_it_understands);
    tcase_add_test(cases, a_trace_is_chosen_before_matching);
    tcase_add_test(cases, a_large_answer_reaches_a_slow_client_whole);
    suite_add_tcase(suite, cases);
    return suite;
}
