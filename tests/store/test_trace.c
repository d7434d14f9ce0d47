/* What was recorded is what is read: summaries, events in one piece and in many, digests. */
#include "main.h"

#include "base/memory.h"
#include "store/find.h"
#include "store/verify.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct maker maker;

static void setup(void)
{
    room_open(&room);
    maker_open(&maker, room_file(&room, "st"));
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    maker_close(&maker);
    room_close(&room);
}

static bool text_is(struct rn_bytes bytes, const char *text)
{
    return rn_bytes_equal(bytes, rn_bytes_text(text));
}

START_TEST(a_summary_counts_what_was_recorded)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_trace_id id = maker_whole(&maker, "morning", "abc", true);
    ck_ok(rn_trace_summary(maker.store, &id, &arena, &summary, &error));
    ck_assert(rn_trace_id_equal(&summary.id, &id));
    ck_assert(rn_trace_id_equal(&summary.session, &id));
    ck_assert_int_eq(summary.state, RN_TRACE_CLOSED);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_NO);
    ck_assert(text_is(summary.name, "morning"));
    ck_assert(text_is(summary.release, "1.2.3"));
    ck_assert(text_is(summary.kind, "run"));
    ck_assert(text_is(summary.tags, "\x09team=blue\x06"
                                    "case=7"));
    ck_assert(text_is(summary.upstreams, "\x09"
                                         "anthropic\x06openai"));
    ck_assert(!summary.is_alias);
    ck_assert(summary.has_run);
    ck_assert_uint_eq(summary.events, 3);
    ck_assert_uint_eq(summary.gaps, 1);
    ck_assert_uint_eq(summary.notes, 0);
    ck_assert_uint_eq(summary.cut, 1);
    ck_assert_uint_eq(summary.late, 1);
    ck_assert_uint_eq(summary.aborted + summary.refused + summary.lost, 0);
    ck_assert_int_eq(summary.exit_status, 3 << 8);
    ck_assert_uint_gt(summary.started_wall_ns, 0);
    ck_assert_uint_ge(summary.ended_wall_ns, EXCHANGE_ARRIVAL + 3 + 250000);
    ck_assert_uint_gt(summary.raw_bytes, 1000);
    ck_assert_uint_gt(summary.stored_bytes, 500);
    ck_assert(summary.salts.from_secret);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(raw_bytes_are_heads_and_bodies_of_all_pieces)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_event event;
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, NULL, false, &id);
    maker_exchange(&maker, trace, 1, "x");
    maker_stream(&maker, trace, 2, "y", 4, true);
    uint64_t expected = 0;
    for (uint32_t n = 1; n <= 2; n++) {
        ck_ok(rn_trace_event(maker.store, &id, RN_CLASS_EVENT, n, &arena, &event, &error));
        expected += rn_event_get(&event, RN_TAG_REQUEST_HEAD).len +
                    rn_event_get(&event, RN_TAG_REQUEST_BODY).len +
                    rn_event_get(&event, RN_TAG_RESPONSE_HEAD).len +
                    rn_event_get(&event, RN_TAG_RESPONSE_BODY).len;
    }
    ck_ok(rn_trace_summary(maker.store, &id, &arena, &summary, &error));
    ck_assert_uint_eq(summary.raw_bytes, expected);
    ck_assert_int_eq(summary.state, RN_TRACE_OPEN);
    ck_assert_int_eq(summary.exit_status, -1);
    maker_end(&maker, trace);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(pieces_are_joined_in_order)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_buffer expected = {0};
    struct rn_trace_id id = maker_whole(&maker, NULL, "abc", false);
    for (unsigned i = 0; i < 4; i++) {
        struct rn_event part;
        stream_part(&part, 2, i, "abc");
        rn_buffer_add(&expected, rn_event_get(&part, RN_TAG_RESPONSE_BODY));
    }
    ck_ok(rn_trace_event(maker.store, &id, RN_CLASS_EVENT, 2, &arena, &event, &error));
    ck_assert_uint_eq(event.n, 2);
    ck_assert_int_eq(rn_event_end_of(&event), RN_END_CUT);
    ck_assert(
        rn_bytes_equal(rn_event_get(&event, RN_TAG_RESPONSE_BODY), rn_buffer_bytes(&expected)));
    rn_buffer_free(&expected);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(an_open_event_is_read_as_far_as_it_came)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, NULL, false, &id);
    maker_stream(&maker, trace, 1, "abc", 2, false);
    ck_ok(rn_trace_event(maker.store, &id, RN_CLASS_EVENT, 1, &arena, &event, &error));
    ck_assert_int_eq(rn_event_end_of(&event), RN_END_NONE);
    ck_assert_int_eq(rn_event_kind_of(&event), RN_EVENT_EXCHANGE);
    ck_ok(rn_trace_verify(maker.store, &id, &error));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(what_is_not_there_is_named)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_trace_summary summary;
    struct rn_trace_id id = maker_whole(&maker, NULL, "abc", false);
    struct rn_trace_id other = {{1, 2, 3}};
    ck_assert_int_eq(rn_trace_event(maker.store, &id, RN_CLASS_EVENT, 4, &arena, &event, &error),
                     RN_NOTFOUND);
    ck_assert_int_eq(rn_trace_event(maker.store, &id, RN_CLASS_GAP, 1, &arena, &event, &error),
                     RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "g1"));
    ck_assert_int_eq(rn_trace_event(maker.store, &other, RN_CLASS_EVENT, 1, &arena, &event, &error),
                     RN_NOTFOUND);
    ck_assert_int_eq(rn_trace_summary(maker.store, &other, &arena, &summary, &error), RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "01020300"));
    ck_assert_int_eq(rn_trace_verify(maker.store, &other, &error), RN_NOTFOUND);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(digests_follow_from_what_is_stored)
{
    struct rn_trace_id with_gap = maker_whole(&maker, NULL, "abc", true);
    struct rn_trace_id without = maker_whole(&maker, NULL, "abc", false);
    ck_ok(rn_trace_verify(maker.store, &with_gap, &error));
    ck_ok(rn_trace_verify(maker.store, &without, &error));
    struct rn_trace_id empty;
    maker_end(&maker, maker_trace(&maker, NULL, false, &empty));
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(maker.store, &empty, &arena, &summary, &error);
    ck_assert(status == RN_OK ||
              status == RN_NOTFOUND); /* a trace without an entry may never reach the store */
    if (status == RN_OK) {
        ck_ok(rn_trace_verify(maker.store, &empty, &error));
    }
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_store_reads_the_same_after_reopening)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary before;
    struct rn_trace_summary after;
    struct rn_trace_id id = maker_whole(&maker, "n", "abc", true);
    ck_ok(rn_trace_summary(maker.store, &id, &arena, &before, &error));
    maker_close(&maker);
    maker_open(&maker, room_file(&room, "st"));
    ck_ok(rn_trace_summary(maker.store, &id, &arena, &after, &error));
    ck_assert_int_eq(memcmp(&before.digests, &after.digests, sizeof before.digests), 0);
    ck_assert_uint_eq(before.stored_bytes, after.stored_bytes);
    ck_ok(rn_trace_verify(maker.store, &id, &error));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(failed_allocations_while_reading_are_reported)
{
    struct rn_trace_id id = maker_whole(&maker, "n", "abc", true);
    rn_writer_stop(maker.writer);
    for (unsigned long nth = 1; nth < 2000; nth++) {
        struct rn_arena arena = {0};
        struct rn_event event;
        rn_memory_fail_from(nth);
        enum rn_status read =
            rn_trace_event(maker.store, &id, RN_CLASS_EVENT, 2, &arena, &event, &error);
        enum rn_status verified = rn_trace_verify(maker.store, &id, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_arena_free(&arena);
        if (!failed) {
            ck_assert_int_eq(read, RN_OK);
            ck_assert_int_eq(verified, RN_OK);
            return;
        }
        ck_assert(read == RN_OK || read == RN_NOMEM);
        ck_assert_msg(verified == RN_NOMEM, "%lu: %s: %s", nth, rn_status_name(verified),
                      error.text);
    }
    ck_abort_msg("it never succeeded");
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/trace");
    TCase *cases = tcase_create("trace");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_summary_counts_what_was_recorded);
    tcase_add_test(cases, raw_bytes_are_heads_and_bodies_of_all_pieces);
    tcase_add_test(cases, pieces_are_joined_in_order);
    tcase_add_test(cases, an_open_event_is_read_as_far_as_it_came);
    tcase_add_test(cases, what_is_not_there_is_named);
    tcase_add_test(cases, digests_follow_from_what_is_stored);
    tcase_add_test(cases, a_store_reads_the_same_after_reopening);
    tcase_add_test(cases, failed_allocations_while_reading_are_reported);
    suite_add_tcase(suite, cases);
    return suite;
}
