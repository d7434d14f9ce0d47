/*
 * Ends that wait too long for the disk, and `strict`: what goes out without its commit is said, and where nothing may go out
 * without one, nothing does.
 */
#include "main.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "booth.h"

#define FIELDS " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
#define ASK "GET /toy/x" FIELDS IN_TRACE "\r\n"
#define JSON_ANSWER                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"
#define SSE_HEAD                                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ONE "b\r\ndata: one\n\n\r\n"
#define DONE "e\r\ndata: [DONE]\n\n\r\n"
#define LAST_CHUNK "0\r\n\r\n"

#define MS UINT64_C(1000000)

static const struct booth_settings patient;
static const struct booth_settings impatient = {.late_after_ns = MS};
static const struct booth_settings strict = {.durability = RN_DURABILITY_STRICT};
static const struct booth_settings strict_impatient = {.durability = RN_DURABILITY_STRICT,
                                                       .intent_wait_ns = MS};

static void ck_answer(int client, const char *expected)
{
    char *answer = client_read_answer(client, false);
    ck_assert_str_eq(answer, expected);
    free(answer);
}

static void ck_refused(int client)
{
    char *answer = client_read_answer(client, false);
    ck_assert_msg(strncmp(answer, "HTTP/1.1 503 ", 13) == 0, "%s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "reenact cannot record this"));
    free(answer);
}

static void ck_end(uint32_t n, const char *end)
{
    ck_assert_str_eq(rn_end_name(rn_event_end_of(booth_event(TRACE_TEXT, n))), end);
}

/* --- late ---------------------------------------------------------------------------------------------------------- */

START_TEST(an_end_that_waits_too_long_goes_out_and_a_mark_says_so)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&impatient);
    booth_hold_commits();
    int client = client_ask(ASK);
    ck_answer(client, JSON_ANSWER);
    ck_assert_uint_eq(booth_commits(), 0);
    ck_assert_uint_eq(booth_counts().late, 1);
    booth_let_commits();
    close(client);
    booth_finish();
    ck_end(1, "ended");
    ck_assert_uint_eq(rn_event_number(booth_event(TRACE_TEXT, 1), RN_TAG_FLAGS, 0), 0);
    ck_assert_uint_eq(rn_event_number(booth_mark(TRACE_TEXT, 1), RN_TAG_FLAGS, 0), RN_FLAG_LATE);
    struct rn_trace_summary summary = booth_summary(TRACE_TEXT);
    ck_assert_uint_eq(summary.late, 1);
    ck_assert_uint_eq(summary.events, 1);
    ck_assert_uint_eq(summary.notes, 0);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_YES);
}
END_TEST

START_TEST(the_end_of_a_stream_goes_out_late_and_only_that_call_is_marked)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER)),
                        STEPS(SEND(SSE_HEAD ONE), {.what = TOY_GATE}, SEND(DONE LAST_CHUNK))));
    booth_open(&impatient);
    free(client_exchange(ASK));
    booth_await_commits(1);
    bool first_was_late = booth_counts().late == 1; /* on a machine that stalls by itself */
    booth_hold_commits();
    int client = client_ask(ASK);
    client_expect(client, ONE);
    toy_open_gate(booth_toy());
    client_expect(client, DONE LAST_CHUNK);
    booth_let_commits();
    close(client);
    booth_finish();
    ck_assert_uint_eq(booth_counts().late, first_was_late ? 2 : 1);
    ck_assert(booth_has_mark(TRACE_TEXT, 2));
    ck_assert(booth_has_mark(TRACE_TEXT, 1) == first_was_late);
    ck_assert_uint_eq(booth_summary(TRACE_TEXT).late, booth_counts().late);
}
END_TEST

START_TEST(what_is_late_before_the_streams_end_stands_in_the_event_itself)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE DONE), {.what = TOY_GATE}, SEND(LAST_CHUNK))));
    booth_open(&impatient);
    booth_hold_commits();
    int client = client_ask(ASK);
    client_expect(client, ONE DONE); /* without a commit, and without the stream's end */
    ck_assert_uint_eq(booth_commits(), 0);
    ck_assert_uint_eq(booth_counts().late, 1);
    toy_open_gate(booth_toy());
    client_expect(client, LAST_CHUNK);
    booth_let_commits();
    close(client);
    booth_finish();
    ck_assert_uint_eq(booth_counts().late, 1);
    ck_assert_uint_eq(rn_event_number(booth_event(TRACE_TEXT, 1), RN_TAG_FLAGS, 0), RN_FLAG_LATE);
    ck_assert(!booth_has_mark(TRACE_TEXT, 1));
    ck_assert_uint_eq(booth_summary(TRACE_TEXT).late, 1);
}
END_TEST

START_TEST(what_was_late_and_then_failed_is_in_a_gap)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&impatient);
    booth_fail_commit(1);
    booth_hold_commits();
    int client = client_ask(ASK);
    ck_answer(client, JSON_ANSWER);
    booth_let_commits();
    close(client);
    booth_finish();
    ck_assert_uint_eq(booth_counts().late, 1);
    ck_assert_uint_eq(booth_counts().failed, 1);
    ck_assert(!booth_has_event(TRACE_TEXT, 1));
    ck_assert_uint_eq(rn_event_number(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP, 0), 1);
    ck_assert_int_eq(booth_summary(TRACE_TEXT).complete, RN_COMPLETE_NO);
}
END_TEST

START_TEST(a_client_that_left_is_not_late)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE), {.what = TOY_HANG})));
    booth_open(&impatient);
    booth_hold_commits();
    int client = client_ask(ASK);
    client_expect(client, ONE);
    close(client);
    toy_wait_gone(booth_toy(), 1);
    booth_await_held();
    booth_let_commits();
    booth_finish();
    ck_end(1, "aborted");
    ck_assert_uint_eq(booth_counts().late, 0);
}
END_TEST

/* --- too much waits ------------------------------------------------------------------------------------------------ */

enum { FLOOD = 8 * 1024 * 1024 };

static struct rn_bytes flood(void)
{
    static char bytes[FLOOD + 100];
    int at = snprintf(bytes, sizeof bytes, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", FLOOD);
    memset(bytes + at, 'f', FLOOD);
    return rn_bytes_of(bytes, (size_t)at + FLOOD);
}

START_TEST(a_disk_that_stands_still_stops_no_traffic_however_much_waits_for_it)
{
    struct toy_step large[] = {{TOY_SEND, flood()}, {.what = TOY_END}};
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER)), STEPS(SEND(JSON_ANSWER)), large,
                        STEPS(SEND(JSON_ANSWER))));
    booth_open(&impatient);
    booth_hold_commits();
    free(client_exchange(ASK)); /* late, and with the writer */
    booth_await_held();
    booth_pretend_backlog(RN_WRITER_BYTES_MAX + 1);
    free(client_exchange(ASK));
    size_t len = 0;
    int client = client_ask("GET /toy/x" FIELDS IN_TRACE "Connection: close\r\n\r\n");
    char *answer = client_read_all(client, &len);
    ck_assert_uint_gt(len, FLOOD);
    free(answer);
    close(client);
    ck_assert_uint_eq(booth_counts().failed, 2);
    booth_pretend_backlog(0);
    booth_let_commits();
    free(client_exchange(ASK));
    booth_finish();
    ck_end(1, "ended");
    ck_assert(!booth_has_event(TRACE_TEXT, 2));
    ck_assert(!booth_has_event(TRACE_TEXT, 3));
    ck_end(4, "ended");
    ck_assert_uint_eq(rn_event_number(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP, 0), 2);
    ck_assert_ptr_nonnull(
        strstr((const char *)rn_event_get(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP).data,
               "waited for the disk"));
    ck_assert_uint_eq(booth_summary(TRACE_TEXT).gaps, 1);
}
END_TEST

static bool all_ended(struct rn_station *station)
{
    return rn_recorder_counts(station->recorder).ended == 2;
}

START_TEST(a_stream_that_had_begun_goes_on_when_too_much_waits)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE), {.what = TOY_GATE}, SEND(DONE LAST_CHUNK)),
                        STEPS(SEND(JSON_ANSWER))));
    booth_open(&impatient);
    int stream = client_ask(ASK);
    client_expect(stream, ONE);
    booth_hold_commits();
    free(client_exchange(ASK));
    booth_pretend_backlog(RN_WRITER_BYTES_MAX + 1);
    toy_open_gate(booth_toy());
    client_expect(stream, DONE LAST_CHUNK);
    close(stream);
    booth_await(all_ended);
    booth_pretend_backlog(0);
    booth_let_commits();
    booth_finish();
    ck_assert_uint_eq(booth_counts().failed, 1);
    ck_assert_uint_eq(rn_event_number(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP, 0), 1);
    ck_end(2, "ended");
}
END_TEST

START_TEST(a_held_unit_is_passed_on_where_nothing_is_kept)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER)),
                        STEPS(SEND(SSE_HEAD ONE DONE), {.what = TOY_GATE}, SEND(LAST_CHUNK))));
    booth_open(&impatient);
    booth_hold_commits();
    free(client_exchange(ASK));
    booth_pretend_backlog(RN_WRITER_BYTES_MAX + 1);
    int client = client_ask(ASK);
    client_expect(client,
                  ONE DONE); /* it waits a little for the stream's end, and not for the disk */
    toy_open_gate(booth_toy());
    client_expect(client, LAST_CHUNK);
    close(client);
    booth_pretend_backlog(0);
    booth_let_commits();
    booth_finish();
    ck_assert_uint_eq(rn_event_number(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP, 0), 1);
}
END_TEST

/* --- strict -------------------------------------------------------------------------------------------------------- */

START_TEST(nothing_goes_upstream_before_its_intent_is_durable)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&strict);
    booth_hold_commits();
    int client = client_ask("POST /toy/x" FIELDS IN_TRACE "Content-Length: 4\r\n\r\nbody");
    booth_await_held();
    booth_settle();
    ck_assert_uint_eq(toy_requests(booth_toy()), 0);
    client_expect_nothing(client);
    booth_let_commits();
    ck_answer(client, JSON_ANSWER);
    ck_assert_uint_eq(toy_requests(booth_toy()), 1);
    char asked[512];
    toy_last_request(booth_toy(), asked, sizeof asked);
    ck_assert_int_eq(strncmp(asked, "POST /x HTTP/1.1\r\n", 18), 0);
    ck_assert_str_eq(asked + strlen(asked) - 4, "body");
    ck_assert_ptr_null(strstr(asked, "x-reenact"));
    close(client);
    booth_finish();
    ck_end(1, "ended");
    ck_field(booth_event(TRACE_TEXT, 1), RN_TAG_REQUEST_BODY, "body");
    ck_assert_uint_eq(booth_commits() >= 2, 1);
    ck_assert_int_eq(booth_summary(TRACE_TEXT).complete, RN_COMPLETE_YES);
}
END_TEST

START_TEST(a_refused_intent_is_503_and_recorded_as_refused_when_the_store_is_back)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&strict);
    booth_fail_commit(1);
    int client = client_ask(ASK);
    ck_refused(client);
    ck_assert_uint_eq(toy_requests(booth_toy()), 0);
    client_send(client, ASK);
    ck_answer(client, JSON_ANSWER);
    close(client);
    booth_finish();
    ck_end(1, "refused");
    ck_end(2, "ended");
    ck_assert_uint_eq(booth_summary(TRACE_TEXT).gaps, 0); /* nothing happened that is not there */
    ck_assert_uint_eq(booth_counts().failed, 0);
}
END_TEST

START_TEST(a_store_that_stays_down_is_503_each_time_and_a_gap_in_the_end)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&strict);
    booth_fail_commits(true);
    for (int i = 0; i < 3; i++) {
        int client = client_ask(ASK);
        ck_refused(client);
        close(client);
    }
    ck_assert_uint_eq(toy_requests(booth_toy()), 0);
    booth_settle();
    booth_fail_commits(false);
    booth_finish();
    ck_assert_uint_eq(booth_counts().failed, 3);
    ck_assert_uint_eq(rn_event_number(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP, 0), 3);
}
END_TEST

START_TEST(a_store_that_does_not_answer_is_503_and_the_refusal_is_kept)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&strict_impatient);
    booth_hold_commits();
    int client = client_ask(ASK);
    ck_refused(client);
    ck_assert_uint_eq(toy_requests(booth_toy()), 0);
    booth_let_commits();
    close(client);
    booth_finish();
    ck_end(1, "refused");
    ck_assert_uint_eq(booth_counts().refused, 1);
    ck_assert_uint_eq(booth_counts().late, 0);
}
END_TEST

START_TEST(a_store_that_fails_behind_its_silence_leaves_a_gap)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&strict_impatient);
    booth_fail_commit(1);
    booth_hold_commits();
    int client = client_ask(ASK);
    ck_refused(client);
    booth_let_commits();
    close(client);
    booth_finish();
    ck_assert_uint_eq(booth_counts().failed, 1);
    ck_assert_uint_eq(rn_event_number(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP, 0), 1);
}
END_TEST

START_TEST(an_answer_that_cannot_be_kept_is_not_passed_on)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&strict);
    booth_fail_commit(2);
    int client = client_ask(ASK);
    ck_refused(client);
    ck_assert_uint_eq(toy_requests(booth_toy()), 1);
    close(client);
    booth_finish();
    ck_assert_uint_eq(booth_counts().failed, 1);
    ck_assert_uint_eq(rn_event_number(booth_gap(TRACE_TEXT, 1), RN_TAG_GAP, 0), 1);
}
END_TEST

START_TEST(a_stream_that_cannot_be_kept_has_no_clean_end)
{
    booth_serve(SCRIPTS(STEPS(SEND(SSE_HEAD ONE), {.what = TOY_GATE}, SEND(DONE LAST_CHUNK))));
    booth_open(&strict);
    booth_fail_commit(2);
    int client = client_ask(ASK);
    client_expect(client, ONE);
    toy_open_gate(booth_toy());
    size_t len = 0;
    char *rest = client_read_all(client, &len);
    ck_assert_msg(strstr(rest, LAST_CHUNK) == NULL && strstr(rest, "[DONE]") == NULL, "%s", rest);
    free(rest);
    close(client);
    booth_finish();
    ck_assert_uint_eq(booth_counts().failed, 1);
    ck_assert_int_eq(booth_summary(TRACE_TEXT).complete, RN_COMPLETE_NO);
}
END_TEST

START_TEST(a_client_that_leaves_while_its_intent_waits_asks_nobody)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&strict);
    booth_hold_commits();
    int client = client_ask(ASK);
    booth_await_held();
    close(client);
    booth_settle();
    booth_let_commits();
    booth_finish();
    ck_assert_uint_eq(toy_requests(booth_toy()), 0);
    ck_end(1, "aborted");
}
END_TEST

/* --- a sync that fails --------------------------------------------------------------------------------------------- */

static atomic_bool syncs_fail;

/* LMDB finds this one before libc's. */
int fdatasync(int descriptor);
int fdatasync(int descriptor)
{
    if (syncs_fail) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, descriptor);
}

static void ck_after_a_failed_sync(void)
{
    struct rn_trace_summary summary = booth_reopen(TRACE_TEXT);
    ck_assert_int_eq(summary.state, RN_TRACE_LOST);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_NO);
    ck_end(1, "ended");
    ck_assert(!booth_has_event(TRACE_TEXT, 3));
}

START_TEST(behind_a_sync_that_failed_traffic_passes_and_nothing_more_is_written)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&patient);
    free(client_exchange(ASK));
    syncs_fail = true;
    free(client_exchange(ASK));
    syncs_fail = false; /* it is never tried again: what the kernel kept of it is unknown */
    for (int i = 0; i < 3; i++) {
        char *answer = client_exchange(ASK);
        ck_assert_str_eq(answer, JSON_ANSWER);
        free(answer);
    }
    booth_finish();
    ck_assert_uint_eq(booth_counts().failed, 4);
    ck_assert_uint_eq(booth_commits(), 1);
    ck_after_a_failed_sync();
}
END_TEST

START_TEST(behind_a_sync_that_failed_strict_asks_nobody)
{
    booth_serve(SCRIPTS(STEPS(SEND(JSON_ANSWER))));
    booth_open(&strict);
    free(client_exchange(ASK));
    booth_await_commits(2);
    syncs_fail = true;
    for (int i = 0; i < 3; i++) {
        int client = client_ask(ASK);
        ck_refused(client);
        close(client);
    }
    syncs_fail = false;
    ck_assert_uint_eq(toy_requests(booth_toy()), 1);
    booth_finish();
    ck_assert_uint_eq(booth_counts().failed, 3);
    ck_after_a_failed_sync();
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("durability");
    BOOTH_CASE(suite, "late", an_end_that_waits_too_long_goes_out_and_a_mark_says_so,
               the_end_of_a_stream_goes_out_late_and_only_that_call_is_marked,
               what_is_late_before_the_streams_end_stands_in_the_event_itself,
               what_was_late_and_then_failed_is_in_a_gap, a_client_that_left_is_not_late);
    BOOTH_CASE(suite, "backlog",
               a_disk_that_stands_still_stops_no_traffic_however_much_waits_for_it,
               a_stream_that_had_begun_goes_on_when_too_much_waits,
               a_held_unit_is_passed_on_where_nothing_is_kept);
    BOOTH_CASE(suite, "strict", nothing_goes_upstream_before_its_intent_is_durable,
               a_refused_intent_is_503_and_recorded_as_refused_when_the_store_is_back,
               a_store_that_stays_down_is_503_each_time_and_a_gap_in_the_end,
               a_store_that_does_not_answer_is_503_and_the_refusal_is_kept,
               a_store_that_fails_behind_its_silence_leaves_a_gap,
               an_answer_that_cannot_be_kept_is_not_passed_on,
               a_stream_that_cannot_be_kept_has_no_clean_end,
               a_client_that_leaves_while_its_intent_waits_asks_nobody);
    BOOTH_CASE(suite, "sync", behind_a_sync_that_failed_traffic_passes_and_nothing_more_is_written,
               behind_a_sync_that_failed_strict_asks_nobody);
    return suite;
}
