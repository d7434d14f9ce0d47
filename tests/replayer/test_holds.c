/* Holds as clients see them: which part waits for which request, why a hold ends, and what is noted of it. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "theatre.h"

#define PLAIN "HTTP/1.1 200 OK\r\nX-Ray: one\r\nContent-Length: 2\r\n\r\nok"
#define CHUNKED "HTTP/1.1 200 OK\r\nX-Ray: one\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SECOND UINT64_C(1000000000)

static void begin(const struct theatre_settings *settings)
{
    theatre_load();
    theatre_begin(settings);
}

/* The only relaxation there was. */
static struct rn_relaxation relaxation(void)
{
    size_t count = 0;
    const struct rn_relaxation *all = rn_replayer_relaxations(theatre_replayer(), &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(rn_replayer_counts(theatre_replayer()).relaxations, 1);
    return all[0];
}

/* A stream that asks its client back, and the reply: the ask stands before the reply's arrival, "done" behind its end. */
static const struct scene asking = {.body = "1",
                                    .framing = RN_FRAMING_CHUNKED,
                                    .pieces = {"data: ask\n\n", "data: done\n\n"},
                                    .since_stamps = {1, 3},
                                    .has_stamps = true,
                                    .stamps = {1, 2, 6},
                                    .arrived_ns = 50 * SECOND};
static const struct scene reply = {
    .body = "2", .stamps = {3, 4, 5}, .connection = 2, .arrived_ns = 50 * SECOND};

static void play_asking(const struct theatre_settings *settings)
{
    begin(settings);
    int guest = guest_come("openai");
    int second = guest_come("openai");
    guest_ask(guest, &asking);
    guest_expect(guest, CHUNKED "b\r\ndata: ask\n\n\r\n");
    theatre_await(is_waiting, 1);
    guest_ask(second, &reply);
    guest_expect(second, PLAIN);
    guest_expect(guest, "c\r\ndata: done\n\n\r\n0\r\n\r\n");
    theatre_await(is_served, 2);
    theatre_end();
    ck_assert_uint_eq(rn_replayer_counts(theatre_replayer()).relaxations, 0);
    guest_leave(guest);
    guest_leave(second);
}

START_TEST(pieces_that_came_at_one_time_stand_by_their_stamps)
{
    THEATRE_RECORD(asking, reply);
    play_asking(NULL);
}
END_TEST

START_TEST(a_clock_that_was_set_back_moves_no_piece)
{
    struct scene later = reply;
    later.arrived_ns = 7 * SECOND;
    THEATRE_RECORD(asking, later);
    play_asking(NULL);
}
END_TEST

START_TEST(a_clock_that_was_set_forward_moves_no_piece)
{
    struct scene later = reply;
    later.arrived_ns = 5000 * SECOND;
    THEATRE_RECORD(asking, later);
    play_asking(NULL);
}
END_TEST

START_TEST(without_stamps_a_clock_that_was_set_back_puts_a_piece_behind_its_effect)
{
    /* Why the stamps are there: by the wall's clock even the ask stands behind the reply. */
    struct scene old = asking;
    struct scene later = reply;
    old.has_stamps = false;
    later.arrived_ns = 7 * SECOND;
    THEATRE_RECORD(old, later);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &old);
    guest_expect(guest, CHUNKED);
    theatre_await(is_waiting, 1);
    guest_leave(guest);
}
END_TEST

START_TEST(gaps_are_measured_on_the_clock_that_nobody_sets)
{
    struct scene one = asking;
    struct scene two = reply;
    one.mono_ns = 3 * SECOND;
    two.mono_ns = 4 * SECOND;
    two.arrived_ns = 5000 * SECOND;
    THEATRE_RECORD(one, two);
    theatre_load();
    const struct rn_order_fact *facts = theatre_catalog()->facts;
    ck_assert_uint_eq(facts[1].arrived_ns - facts[0].arrived_ns, SECOND);
    ck_assert(facts[0].is_steady && facts[1].is_steady);
}
END_TEST

START_TEST(one_event_without_it_and_all_are_measured_by_the_walls)
{
    struct scene one = asking;
    one.mono_ns = 3 * SECOND;
    THEATRE_RECORD(one, reply);
    theatre_load();
    const struct rn_order_fact *facts = theatre_catalog()->facts;
    ck_assert_uint_eq(facts[0].arrived_ns, 50 * SECOND);
    ck_assert_uint_eq(facts[1].arrived_ns, 50 * SECOND);
    ck_assert(!facts[0].is_steady && !facts[1].is_steady);
}
END_TEST

START_TEST(order_and_a_pace_go_together)
{
    THEATRE_RECORD(asking, reply);
    play_asking(&(struct theatre_settings){.pace = 1});
}
END_TEST

START_TEST(a_slow_pace_keeps_the_order_too)
{
    struct scene slow = asking;
    slow.piece_ns[0] = 2000000;
    slow.piece_ns[1] = 3000000;
    THEATRE_RECORD(slow, reply);
    play_asking(&(struct theatre_settings){.pace = 0.5});
}
END_TEST

START_TEST(a_stream_that_its_client_left_holds_nobody_who_gave_the_reason)
{
    /* The piece at 4 made the client leave the other stream, at 5; then this one ended. */
    const struct scene telling = {.body = "1",
                                  .framing = RN_FRAMING_CHUNKED,
                                  .pieces = {"data: leave\n\n"},
                                  .since_stamps = {3},
                                  .has_stamps = true,
                                  .stamps = {1, 2, 6}};
    const struct scene left = {.body = "2",
                               .framing = RN_FRAMING_CHUNKED,
                               .pieces = {"data: on\n\n"},
                               .since_stamps = {1},
                               .has_stamps = true,
                               .stamps = {3, 4, 5},
                               .connection = 2,
                               .end = RN_END_ABORTED};
    THEATRE_RECORD(telling, left);
    begin(NULL);
    int guest = guest_come("openai");
    int leaver = guest_come("openai");
    guest_ask(guest, &telling);
    guest_expect(guest, CHUNKED);
    guest_ask(leaver, &left);
    guest_expect(leaver, CHUNKED "a\r\ndata: on\n\n\r\n");
    guest_expect(guest, "d\r\ndata: leave\n\n\r\n");
    theatre_await(is_waiting, 1);
    guest_leave(leaver);
    guest_expect(guest, "0\r\n\r\n");
    theatre_await(is_served, 2);
    theatre_end();
    ck_assert_uint_eq(rn_replayer_counts(theatre_replayer()).relaxations, 0);
    guest_leave(guest);
}
END_TEST

START_TEST(the_last_piece_of_a_cut_length_does_not_wait_for_the_cut)
{
    const struct scene cut = {.body = "1",
                              .head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
                              .framing = RN_FRAMING_LENGTH,
                              .pieces = {"short"},
                              .since_stamps = {1},
                              .has_stamps = true,
                              .stamps = {1, 2, 6},
                              .end = RN_END_CUT};
    THEATRE_RECORD(cut, reply);
    begin(NULL);
    int guest = guest_come("openai");
    int second = guest_come("openai");
    guest_ask(guest, &cut);
    guest_expect(guest, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    guest_ask(second, &reply);
    guest_expect(second, PLAIN);
    char *rest = guest_read_all(guest);
    ck_assert_str_eq(rest, "");
    free(rest);
    guest_leave(guest);
    guest_leave(second);
}
END_TEST

START_TEST(who_is_let_go_at_the_peak_is_noted)
{
    const struct scene one = {.body = "1", .stamps = {1, 2, 3}};
    const struct scene two = {.body = "2", .stamps = {4, 5, 6}};
    THEATRE_RECORD(one, two);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &two);
    guest_expect(guest, PLAIN);
    guest_ask(guest, &one);
    guest_expect(guest, PLAIN);
    theatre_await(is_served, 2);
    theatre_end();
    struct rn_relaxation noted = relaxation();
    ck_assert_int_eq(noted.why, RN_RELEASE_PEAK);
    ck_assert_uint_eq(noted.row, 1);
    ck_assert_uint_eq(noted.awaited, 0);
    ck_assert(!noted.awaited_end);
    guest_leave(guest);
}
END_TEST

START_TEST(who_waited_for_what_lies_behind_it_is_noted)
{
    const struct scene one = {.body = "1", .stamps = {1, 5, 6}, .connection = 1};
    const struct scene two = {.body = "2", .stamps = {2, 3, 4}, .connection = 2};
    THEATRE_RECORD(one, two);
    begin(NULL);
    int guest = guest_come("openai");
    guest_ask(guest, &one);
    theatre_await(is_waiting, 1);
    guest_ask(guest, &two);
    guest_expect(guest, PLAIN PLAIN);
    theatre_await(is_served, 2);
    theatre_end();
    struct rn_relaxation noted = relaxation();
    ck_assert_int_eq(noted.why, RN_RELEASE_CONNECTION);
    ck_assert_uint_eq(noted.row, 0);
    ck_assert_uint_eq(noted.awaited, 1);
    guest_leave(guest);
}
END_TEST

START_TEST(who_waited_in_vain_is_noted)
{
    /* Peak 3: two that wait are not yet all there can be. */
    const struct scene missing = {.body = "0", .stamps = {1, 7, 8}};
    const struct scene one = {.body = "1", .stamps = {2, 9, 10}, .connection = 2};
    const struct scene two = {.body = "2", .stamps = {3, 11, 12}, .connection = 3};
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
    struct rn_relaxation noted = relaxation();
    ck_assert_int_eq(noted.why, RN_RELEASE_TIMEOUT);
    ck_assert_uint_eq(noted.row, 1);
    ck_assert_uint_eq(noted.awaited, 0);
    ck_assert(!noted.awaited_end);
    ck_assert_uint_ge(noted.held_ns, 60000000);
    ck_assert_uint_eq(rn_replayer_counts(theatre_replayer()).timed_out_holds, 1);
    guest_leave(a);
    guest_leave(b);
}
END_TEST

/*
 * Peak 3. The call of row 0 does not come; two streams that their clients leave and one that another call came in the middle of
 * are then all that can wait. The relaxation of that one's last piece.
 */
static struct rn_relaxation let_go_in_mid_answer(const char *target, const char *body)
{
    const struct scene missing = {.body = "0", .stamps = {1, 2, 3}};
    struct scene open = {.body = "1",
                         .framing = RN_FRAMING_CHUNKED,
                         .pieces = {"data: on\n\n"},
                         .since_stamps = {1},
                         .has_stamps = true,
                         .stamps = {4, 5, 20},
                         .connection = 2,
                         .end = RN_END_ABORTED};
    struct scene late = open;
    const struct scene stream = {.target = target,
                                 .body = body,
                                 .framing = RN_FRAMING_CHUNKED,
                                 .pieces = {"data: a\n\n", "data: b\n\n"},
                                 .since_stamps = {1, 3},
                                 .has_stamps = true,
                                 .stamps = {6, 7, 11},
                                 .connection = 3};
    const struct scene third = {.body = "3", .stamps = {8, 9, 10}, .connection = 4};
    late.body = "4";
    late.stamps[0] = 12;
    late.stamps[1] = 13;
    late.stamps[2] = 21;
    THEATRE_RECORD(missing, open, stream, third, late);
    begin(NULL);
    const struct scene *const scenes[] = {&open, &late, &stream};
    int guests[3];
    for (uint64_t i = 0; i < 3; i++) {
        guests[i] = guest_come("openai");
        guest_ask(guests[i], scenes[i]);
        theatre_await(is_asked, i + 1);
    }
    guest_expect(guests[0], CHUNKED "a\r\ndata: on\n\n\r\n");
    guest_expect(guests[1], CHUNKED "a\r\ndata: on\n\n\r\n");
    guest_expect(guests[2], CHUNKED "9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\n0\r\n\r\n");
    theatre_end();
    size_t count = 0;
    const struct rn_relaxation *all = rn_replayer_relaxations(theatre_replayer(), &count);
    struct rn_relaxation last = {0};
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(all[i].why, RN_RELEASE_PEAK);
        ck_assert_uint_eq(all[i].awaited, 0);
        last = all[i].row == 2 ? all[i] : last;
    }
    for (size_t i = 0; i < 3; i++) {
        guest_leave(guests[i]);
    }
    return last;
}

START_TEST(an_unknown_service_goes_on_in_mid_answer_only_to_a_silent_client)
{
    ck_assert_uint_ge(let_go_in_mid_answer(NULL, "2").held_ns, RN_HOLD_QUIET_NS);
}
END_TEST

START_TEST(a_model_waits_for_nobody_and_goes_on_at_once)
{
    struct rn_relaxation last =
        let_go_in_mid_answer("/v1/chat/completions", "{\"model\":\"m\",\"messages\":[{\"role\":"
                                                     "\"user\",\"content\":\"hello\"}]}");
    ck_assert_uint_eq(last.row, 2);
    ck_assert_uint_eq(last.held_ns, 0); /* in the very turn in which it came to wait */
}
END_TEST

START_TEST(who_waited_for_an_end_that_nobody_reads_is_noted)
{
    /* More than kernels keep for a client that does not read. */
    size_t len = 24 * 1024 * 1024;
    char *large = malloc(len + 1);
    memset(large, 'x', len);
    large[len] = '\0';
    const struct scene stream = {.body = "1",
                                 .framing = RN_FRAMING_CHUNKED,
                                 .pieces = {"data: a\n\n", "data: b\n\n"},
                                 .since_stamps = {1, 3},
                                 .has_stamps = true,
                                 .stamps = {1, 2, 6}};
    const struct scene unread = {
        .body = "2", .pieces = {large, "more"}, .stamps = {3, 4, 5}, .connection = 2};
    THEATRE_RECORD(stream, unread);
    begin(NULL);
    int guest = guest_come("openai");
    int other = guest_come("openai");
    guest_ask(guest, &stream);
    guest_expect(guest, CHUNKED "9\r\ndata: a\n\n\r\n");
    guest_ask(other, &unread);
    guest_expect(guest, "9\r\ndata: b\n\n\r\n0\r\n\r\n");
    theatre_await(is_served, 1);
    theatre_end();
    struct rn_relaxation noted = relaxation();
    ck_assert_int_eq(noted.why, RN_RELEASE_UNREAD);
    ck_assert_uint_eq(noted.row, 0);
    ck_assert_uint_eq(noted.awaited, 1);
    ck_assert(noted.awaited_end);
    guest_leave(guest);
    guest_leave(other);
    free(large);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("holds");
    TCase *cases = tcase_create("holds");
    tcase_add_checked_fixture(cases, theatre_open, theatre_close);
    tcase_add_test(cases, pieces_that_came_at_one_time_stand_by_their_stamps);
    tcase_add_test(cases, a_clock_that_was_set_back_moves_no_piece);
    tcase_add_test(cases, a_clock_that_was_set_forward_moves_no_piece);
    tcase_add_test(cases, without_stamps_a_clock_that_was_set_back_puts_a_piece_behind_its_effect);
    tcase_add_test(cases, gaps_are_measured_on_the_clock_that_nobody_sets);
    tcase_add_test(cases, one_event_without_it_and_all_are_measured_by_the_walls);
    tcase_add_test(cases, order_and_a_pace_go_together);
    tcase_add_test(cases, a_slow_pace_keeps_the_order_too);
    tcase_add_test(cases, a_stream_that_its_client_left_holds_nobody_who_gave_the_reason);
    tcase_add_test(cases, the_last_piece_of_a_cut_length_does_not_wait_for_the_cut);
    tcase_add_test(cases, who_is_let_go_at_the_peak_is_noted);
    tcase_add_test(cases, who_waited_for_what_lies_behind_it_is_noted);
    tcase_add_test(cases, who_waited_in_vain_is_noted);
    tcase_add_test(cases, who_waited_for_an_end_that_nobody_reads_is_noted);
    tcase_add_test(cases, an_unknown_service_goes_on_in_mid_answer_only_to_a_silent_client);
    tcase_add_test(cases, a_model_waits_for_nobody_and_goes_on_at_once);
    suite_add_tcase(suite, cases);
    return suite;
}
