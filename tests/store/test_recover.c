/* What a killed recorder left behind is closed as lost, once, and nothing that lives is touched. */
#include "main.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "db.h"
#include "index.h"
#include "keys.h"
#include "recover.h"
#include "store/find.h"
#include "store/verify.h"
#include "store_internal.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct rn_trace_id id;

static void setup(void)
{
    room_open(&room);
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    room_close(&room);
}

/* How far the recorder comes before it is killed. Everything before the point is acknowledged. */
enum point {
    POINT_OPENED,    /* one whole event */
    POINT_STREAMING, /* and one that was opened */
    POINT_PARTS,     /* with parts */
    POINT_TWO,       /* and a second open one, and the run */
    POINT_GAP,
    POINT_ALL_ENDED, /* all events ended, the trace not */
    POINT_CLOSED,
    POINT_COUNT
};

static void record_until(struct maker *maker, enum point point)
{
    struct rn_event event;
    struct rn_recording *trace = maker_trace(maker, "doomed", false, &id);
    maker_exchange(maker, trace, 1, "abc");
    if (point >= POINT_STREAMING && point < POINT_ALL_ENDED) {
        maker_stream(maker, trace, 2, "def", point >= POINT_PARTS ? 3 : 0, false);
    }
    if (point >= POINT_TWO && point < POINT_ALL_ENDED) {
        maker_stream(maker, trace, 3, "ghi", 1, false);
        event = (struct rn_event){.class = RN_CLASS_EVENT, .n = 0};
        rn_event_set(&event, RN_TAG_KIND, RN_LIT("\1"));
        rn_event_set(&event, RN_TAG_TIMES, some_times(EXCHANGE_ARRIVAL));
        rn_event_set(&event, RN_TAG_ARGV, RN_LIT("\3app"));
        maker_must(maker, RN_ENTRY_EVENT_OPEN, trace, &event);
    }
    if (point >= POINT_GAP) {
        maker_gap(maker, trace);
    }
    if (point == POINT_CLOSED) {
        maker_end(maker, trace);
    }
}

/* Forks a recorder that lives until it is killed; its trace's id comes back. */
static pid_t start_recorder(enum point point)
{
    int ready[2];
    ck_assert_int_eq(rn_test_pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct maker maker;
        maker_open(&maker, room_file(&room, "st"));
        record_until(&maker, point);
        if (write(ready[1], id.bytes, sizeof id.bytes) != (ssize_t)sizeof id.bytes) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    (void)close(ready[1]);
    ck_assert_int_eq(read(ready[0], id.bytes, sizeof id.bytes), sizeof id.bytes);
    (void)close(ready[0]);
    return child;
}

static void kill_recorder(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static struct rn_store *opened(void)
{
    struct rn_store *store = NULL;
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
    return store;
}

static void summary_of(struct rn_store *store, struct rn_arena *arena, struct rn_trace_summary *out)
{
    ck_ok(rn_trace_summary(store, &id, arena, out, &error));
}

static void assert_sound(struct rn_store *store)
{
    struct rn_verify_counts counts;
    ck_ok(rn_trace_verify(store, &id, &error));
    ck_ok(rn_store_verify(store, NULL, NULL, NULL, &counts, &error));
    ck_assert_uint_eq(counts.damaged, 0);
}

START_TEST(a_killed_recorders_trace_is_closed_as_lost)
{
    static const unsigned lost[POINT_COUNT] = {0, 1, 1, 2, 2, 0, 0};
    enum point point = (enum point)_i;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_event event;
    kill_recorder(start_recorder(point));
    struct rn_store *store = opened();
    summary_of(store, &arena, &summary);
    ck_assert_int_eq(summary.state, point == POINT_CLOSED ? RN_TRACE_CLOSED : RN_TRACE_LOST);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_NO);
    ck_assert_uint_eq(summary.lost, lost[point]);
    ck_assert_uint_eq(summary.gaps, point >= POINT_GAP);
    if (lost[point] > 0) {
        ck_ok(rn_trace_event(store, &id, RN_CLASS_EVENT, 2, &arena, &event, &error));
        ck_assert_int_eq(rn_event_end_of(&event), RN_END_LOST);
        ck_assert_uint_gt(rn_event_get(&event, RN_TAG_END_REASON).len, 0);
    }
    if (lost[point] == 2) {
        ck_ok(rn_trace_event(store, &id, RN_CLASS_EVENT, 0, &arena, &event, &error));
        ck_assert_int_eq(rn_event_end_of(&event), RN_END_LOST);
    }
    ck_ok(rn_trace_event(store, &id, RN_CLASS_EVENT, 1, &arena, &event, &error));
    ck_assert_int_eq(rn_event_end_of(&event), RN_END_ENDED);
    assert_sound(store);
    rn_arena_free(&arena);
    rn_store_close(store);
}
END_TEST

START_TEST(a_live_recorders_trace_is_left_alone)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    pid_t child = start_recorder(POINT_PARTS);
    struct rn_store *store = opened();
    summary_of(store, &arena, &summary);
    ck_assert_int_eq(summary.state, RN_TRACE_OPEN);
    unsigned closed = 1;
    ck_ok(rn_recover(store, &closed, &error));
    ck_assert_uint_eq(closed, 0);
    kill_recorder(child);
    ck_ok(rn_recover(store, &closed, &error));
    ck_assert_uint_eq(closed, 1);
    ck_ok(rn_recover(store, &closed, &error));
    ck_assert_uint_eq(closed, 0);
    summary_of(store, &arena, &summary);
    ck_assert_int_eq(summary.state, RN_TRACE_LOST);
    assert_sound(store);
    rn_arena_free(&arena);
    rn_store_close(store);
}
END_TEST

START_TEST(a_recorder_that_closes_in_order_leaves_only_what_it_left_open)
{
    struct maker maker;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    maker_open(&maker, room_file(&room, "st"));
    record_until(&maker, POINT_PARTS);
    maker_close(&maker);
    struct rn_store *store = opened();
    summary_of(store, &arena, &summary);
    ck_assert_int_eq(summary.state, RN_TRACE_LOST);
    assert_sound(store);
    rn_arena_free(&arena);
    rn_store_close(store);
}
END_TEST

/* Two openers at once close it once. */
START_TEST(two_openers_close_a_trace_once)
{
    int go[2];
    char byte = 0;
    pid_t openers[4];
    struct rn_verify_counts counts;
    kill_recorder(start_recorder(POINT_TWO));
    ck_assert_int_eq(rn_test_pipe(go), 0);
    for (unsigned i = 0; i < 4; i++) {
        openers[i] = fork();
        if (openers[i] == 0) {
            struct rn_store *store = NULL;
            (void)close(go[1]);
            bool good =
                read(go[0], &byte, 1) == 0 &&
                rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error) == RN_OK;
            rn_store_close(store);
            _exit(good ? 0 : 1);
        }
    }
    (void)close(go[1]);
    for (unsigned i = 0; i < 4; i++) {
        int status = 0;
        waitpid(openers[i], &status, 0);
        ck_assert_int_eq(status, 0);
    }
    struct rn_store *store = opened();
    assert_sound(store);
    ck_ok(rn_store_verify(store, NULL, NULL, NULL, &counts, &error));
    /* opening, 1, 2 in four pieces, 3 in two, the run; then three last pieces and the closing */
    ck_assert_uint_eq(counts.rows, 1 + 1 + 4 + 2 + 1 + 3 + 1);
    rn_store_close(store);
}
END_TEST

START_TEST(a_recovery_that_fails_anywhere_is_done_by_the_next)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    kill_recorder(start_recorder(POINT_TWO));
    pid_t child = fork();
    if (child == 0) { /* memory ends at many places of opening and recovering */
        for (unsigned long nth = 40; nth < 400; nth += 7) {
            struct rn_store *store = NULL;
            rn_memory_fail_from(nth);
            (void)rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error);
            bool failed = rn_memory_failed();
            rn_memory_fail_from(0);
            rn_store_close(store);
            if (!failed) {
                _exit(0);
            }
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    struct rn_store *store = opened();
    summary_of(store, &arena, &summary);
    ck_assert_int_eq(summary.state, RN_TRACE_LOST);
    ck_assert_uint_eq(summary.lost, 2);
    assert_sound(store);
    rn_arena_free(&arena);
    rn_store_close(store);
}
END_TEST

START_TEST(a_lost_trace_with_a_damaged_event_is_closed_all_the_same)
{
    struct maker maker;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    uint8_t key[8];
    uint8_t copy[4096];
    maker_open(&maker, room_file(&room, "st"));
    record_until(&maker, POINT_PARTS);
    rn_put_u64(key, 2); /* the first event */
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_assert_int_eq(rn_db_get(txn, RN_TREE_LOG, rn_bytes_of(key, 8), &value), RN_OK);
    size_t len = value.len;
    memcpy(copy, value.data, len);
    copy[len - 1] ^= 1;
    ck_ok(rn_db_put(txn, RN_TREE_LOG, rn_bytes_of(key, 8), rn_bytes_of(copy, len), &error));
    ck_ok(rn_db_commit(txn, &error));
    maker_close(&maker);
    struct rn_store *store = opened();
    summary_of(store, &arena, &summary);
    ck_assert_int_eq(summary.state, RN_TRACE_LOST);
    ck_assert_int_eq(rn_trace_verify(store, &id, &error), RN_DAMAGED);
    rn_arena_free(&arena);
    rn_store_close(store);
}
END_TEST

START_TEST(ids_of_a_lost_stream_are_found)
{
    struct rn_trace_id found;
    uint32_t event = 0;
    kill_recorder(start_recorder(POINT_PARTS));
    struct rn_store *store = opened();
    ck_ok(rn_find_trace(store, "chatcmpl-def-2", &found, &event, &error));
    ck_assert(rn_trace_id_equal(&found, &id));
    rn_store_close(store);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/recover");
    TCase *cases = tcase_create("recover");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, a_killed_recorders_trace_is_closed_as_lost, 0, POINT_COUNT);
    tcase_add_test(cases, a_live_recorders_trace_is_left_alone);
    tcase_add_test(cases, a_recorder_that_closes_in_order_leaves_only_what_it_left_open);
    tcase_add_test(cases, two_openers_close_a_trace_once);
    tcase_add_test(cases, a_recovery_that_fails_anywhere_is_done_by_the_next);
    tcase_add_test(cases, a_lost_trace_with_a_damaged_event_is_closed_all_the_same);
    tcase_add_test(cases, ids_of_a_lost_stream_are_found);
    suite_add_tcase(suite, cases);
    return suite;
}
