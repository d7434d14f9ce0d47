/* The indexes follow from the log, wherever a step begins and whoever does it. */
#include "main.h"

#include <signal.h>
#include <sys/wait.h>
#include <zlib.h>

#include "base/memory.h"
#include "db.h"
#include "foreign.h"
#include "index.h"
#include "keys.h"
#include "store_internal.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct maker maker;

/* How many frames were decoded: what the writer kept of its events need not be (--wrap). */
static _Atomic unsigned decoded;

enum rn_status __real_rn_frame_decode(struct rn_codec_context *context,
                                      const struct rn_frame *frame, struct rn_buffer *out,
                                      struct rn_error *failure);
enum rn_status __wrap_rn_frame_decode(struct rn_codec_context *context,
                                      const struct rn_frame *frame, struct rn_buffer *out,
                                      struct rn_error *failure);
enum rn_status __wrap_rn_frame_decode(struct rn_codec_context *context,
                                      const struct rn_frame *frame, struct rn_buffer *out,
                                      struct rn_error *failure)
{
    decoded++;
    return __real_rn_frame_decode(context, frame, out, failure);
}

static void setup(void)
{
    room_open(&room);
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    room_close(&room);
}

/* Every entry of every index, one after the other. */
static void dump(struct rn_db *db, struct rn_buffer *out)
{
    struct rn_db_txn *txn = NULL;
    ck_ok(rn_db_begin(db, false, &txn, &error));
    for (int tree = 0; tree < RN_TREE_COUNT; tree++) {
        static const uint8_t least[1];
        struct rn_bytes key;
        struct rn_bytes value;
        if (tree == RN_TREE_LOG) {
            continue;
        }
        struct rn_db_cursor *cursor = rn_db_cursor_new(txn, (enum rn_tree)tree);
        enum rn_status status = rn_db_seek(cursor, rn_bytes_of(least, 1), &key, &value);
        while (status == RN_OK) {
            ck_assert_int_eq(rn_run_put(out, key), RN_OK);
            ck_assert_int_eq(rn_run_put(out, value), RN_OK);
            status = rn_db_next(cursor, &key, &value);
        }
        rn_db_cursor_free(cursor);
    }
    rn_db_abort(txn);
}

/* Takes everything away but the log and the format. */
static void forget(struct rn_db *db)
{
    struct rn_db_txn *txn = NULL;
    ck_ok(rn_db_begin(db, true, &txn, &error));
    for (int tree = 0; tree < RN_TREE_COUNT; tree++) {
        static const uint8_t least[1];
        struct rn_bytes key = {0};
        while (tree != RN_TREE_LOG) {
            struct rn_db_cursor *cursor = rn_db_cursor_new(txn, (enum rn_tree)tree);
            uint8_t copy[512];
            enum rn_status status = rn_db_seek(cursor, rn_bytes_of(least, 1), &key, NULL);
            if (status == RN_OK && tree == RN_TREE_META && rn_bytes_equal(key, RN_META_FORMAT)) {
                status = rn_db_next(cursor, &key, NULL);
            }
            if (status == RN_OK) {
                memcpy(copy, key.data, key.len);
            }
            rn_db_cursor_free(cursor);
            if (status != RN_OK) {
                break;
            }
            ck_assert_int_eq(rn_db_delete(txn, (enum rn_tree)tree, rn_bytes_of(copy, key.len)),
                             RN_OK);
        }
    }
    ck_ok(rn_db_commit(txn, &error));
}

static struct rn_recording *left_open;

static void make_traces(void)
{
    struct rn_trace_id id;
    maker_open(&maker, room_file(&room, "st"));
    maker_whole(&maker, "first", "abc", true);
    left_open = maker_trace(&maker, "alias", true, &id);
    maker_stream(&maker, left_open, 1, "def", 2, false);
    maker_whole(&maker, NULL, "ghi", false);
    maker_exchange(&maker, left_open, 2, "jkl");
}

static void assert_same(const struct rn_buffer *expected, struct rn_db *db)
{
    struct rn_buffer now = {0};
    dump(db, &now);
    ck_assert_uint_eq(now.len, expected->len);
    ck_assert_int_eq(memcmp(now.data, expected->data, now.len), 0);
    rn_buffer_free(&now);
}

START_TEST(steps_of_any_size_give_the_same_indexes)
{
    struct rn_buffer expected = {0};
    uint64_t watermark = 0;
    uint64_t last = 0;
    uint64_t left = 0;
    make_traces();
    ck_ok(rn_store_catch_up(maker.store, &error));
    dump(maker.store->db, &expected);
    ck_ok(rn_index_where(maker.store, &watermark, &last, &error));
    ck_assert_uint_eq(watermark, last);
    ck_assert_uint_gt(last, 15);
    for (uint32_t size = 1; size <= last + 1; size++) {
        forget(maker.store->db);
        left = 1;
        for (unsigned steps = 0; left > 0; steps++) {
            ck_ok(rn_index_step(maker.store, size, &left, &error));
            ck_assert_uint_le(steps, last);
        }
        assert_same(&expected, maker.store->db);
    }
    rn_buffer_free(&expected);
    maker_close(&maker);
}
END_TEST

START_TEST(catching_up_from_every_watermark_gives_the_same_indexes)
{
    struct rn_buffer expected = {0};
    uint64_t watermark = 0;
    uint64_t last = 0;
    uint64_t left = 0;
    make_traces();
    ck_ok(rn_store_catch_up(maker.store, &error));
    dump(maker.store->db, &expected);
    ck_ok(rn_index_where(maker.store, &watermark, &last, &error));
    for (uint32_t from = 1; from < last; from++) {
        forget(maker.store->db);
        ck_ok(rn_index_step(maker.store, from, &left, &error));
        ck_assert_uint_eq(left, last - from);
        ck_ok(rn_store_catch_up(maker.store, &error));
        assert_same(&expected, maker.store->db);
    }
    ck_ok(rn_index_step(maker.store, 10, &left, &error));
    ck_assert_uint_eq(left, 0);
    assert_same(&expected, maker.store->db);
    rn_buffer_free(&expected);
    maker_close(&maker);
}
END_TEST

/* Both begin at the same moment, from nothing, in the smallest steps. */
START_TEST(two_processes_at_once_give_the_same_indexes)
{
    struct rn_buffer expected = {0};
    int go[2];
    int ready[2];
    char byte = 0;
    ck_assert_int_eq(rn_test_pipe(go), 0);
    ck_assert_int_eq(rn_test_pipe(ready), 0);
    pid_t child = fork(); /* before anything is open here */
    if (child == 0) {
        struct rn_store *store = NULL;
        (void)close(go[1]);
        if (read(go[0], &byte, 1) != 1 ||
            rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error) != RN_OK ||
            write(ready[1], "r", 1) != 1) {
            _exit(1);
        }
        for (unsigned round = 0; round < 30; round++) {
            uint64_t left = 1;
            if (read(go[0], &byte, 1) != 1) {
                _exit(2);
            }
            while (left > 0) {
                if (rn_index_step(store, 1, &left, &error) != RN_OK) {
                    _exit(3);
                }
            }
            if (write(ready[1], "r", 1) != 1) {
                _exit(4);
            }
        }
        rn_store_close(store);
        _exit(0);
    }
    make_traces();
    ck_assert_int_eq(write(go[1], "g", 1), 1);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_ok(rn_store_catch_up(maker.store, &error));
    dump(maker.store->db, &expected);
    for (unsigned round = 0; round < 30; round++) {
        uint64_t left = 1;
        forget(maker.store->db);
        ck_assert_int_eq(write(go[1], "g", 1), 1);
        while (left > 0) {
            ck_ok(rn_index_step(maker.store, 1 + round % 3, &left, &error));
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        assert_same(&expected, maker.store->db);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    rn_buffer_free(&expected);
    maker_close(&maker);
}
END_TEST

/* Whole events of every sort; `coded` of them can only be searched for ids after decoding their bodies. */
static unsigned make_whole_events(unsigned *coded)
{
    struct rn_trace_id id;
    struct rn_event event;
    maker_open(&maker, room_file(&room, "st"));
    struct rn_recording *trace = maker_trace(&maker, "name", true, &id);
    maker_run_event(&maker, trace, 3);
    maker_exchange(&maker, trace, 1, "abc");
    maker_exchange(&maker, trace, 2, "def");
    exchange_request(&event, 5);
    exchange_response(&event, 5, "truncated");
    rn_event_set(&event, RN_TAG_FLAGS, RN_LIT("\2"));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
    exchange_request(&event, 4);
    exchange_response(&event, 4, "late");
    rn_event_set(&event, RN_TAG_END, RN_LIT("\3"));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
    event = (struct rn_event){.class = RN_CLASS_MARK, .n = 4};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\10"));
    rn_event_set(&event, RN_TAG_TIMES, some_times(EXCHANGE_ARRIVAL + UINT64_C(9000000000)));
    rn_event_set(&event, RN_TAG_FLAGS, RN_LIT("\1"));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
    event = (struct rn_event){.class = RN_CLASS_GAP};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\6"));
    rn_event_set(&event, RN_TAG_GAP, RN_LIT("\1\2\3the disk was away"));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
    exchange_request(&event, 6);
    exchange_response(&event, 6, "coded");
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD,
                 RN_LIT("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
    *coded = 1;
    return 8;
}

START_TEST(what_the_writer_kept_gives_the_same_indexes_as_the_log)
{
    struct rn_buffer expected = {0};
    unsigned coded = 0;
    decoded = 0;
    unsigned events = make_whole_events(&coded);
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_assert_uint_eq(decoded, 1 + coded); /* the trace's opening */
    dump(maker.store->db, &expected);
    forget(maker.store->db);
    decoded = 0;
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_assert_uint_eq(decoded, 1 + events);
    assert_same(&expected, maker.store->db);
    rn_buffer_free(&expected);
    maker_close(&maker);
}
END_TEST

START_TEST(failed_allocations_leave_the_indexes_as_they_were)
{
    struct rn_buffer expected = {0};
    make_traces();
    ck_ok(rn_store_catch_up(maker.store, &error));
    rn_writer_stop(maker.writer);
    dump(maker.store->db, &expected);
    for (unsigned long nth = 1; nth < 5000; nth++) {
        uint64_t left = 0;
        forget(maker.store->db);
        rn_memory_fail_from(nth);
        enum rn_status status = rn_index_step(maker.store, 100, &left, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            assert_same(&expected, maker.store->db);
            rn_buffer_free(&expected);
            maker_close(&maker);
            return;
        }
        ck_assert_msg(status == RN_NOMEM || status == RN_OK, "%lu: %s", nth,
                      rn_status_name(status));
        ck_ok(rn_store_catch_up(maker.store, &error));
        assert_same(&expected, maker.store->db);
    }
    ck_abort_msg("it never succeeded");
}
END_TEST

START_TEST(a_damaged_row_does_not_stop_the_indexes)
{
    uint64_t watermark = 0;
    uint64_t last = 0;
    make_traces();
    ck_ok(rn_index_where(maker.store, &watermark, &last, &error));
    for (uint64_t row = 1; row <= last; row++) {
        struct rn_db_txn *txn = NULL;
        struct rn_bytes value = {0};
        struct rn_buffer kept = {0};
        uint8_t key[8];
        rn_put_u64(key, row);
        forget(maker.store->db);
        ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
        ck_assert_int_eq(rn_db_get(txn, RN_TREE_LOG, rn_bytes_of(key, 8), &value), RN_OK);
        ck_assert_int_eq(rn_buffer_add(&kept, value), RN_OK);
        kept.data[kept.len - 1] ^= 1;
        ck_ok(rn_db_put(txn, RN_TREE_LOG, rn_bytes_of(key, 8), rn_buffer_bytes(&kept), &error));
        ck_ok(rn_db_commit(txn, &error));
        ck_ok(rn_store_catch_up(maker.store, &error));
        uint64_t now = 0;
        ck_ok(rn_index_where(maker.store, &watermark, &now, &error));
        ck_assert_uint_eq(watermark, last);
        kept.data[kept.len - 1] ^= 1;
        ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
        ck_ok(rn_db_put(txn, RN_TREE_LOG, rn_bytes_of(key, 8), rn_buffer_bytes(&kept), &error));
        ck_ok(rn_db_commit(txn, &error));
        rn_buffer_free(&kept);
    }
    maker_close(&maker);
}
END_TEST

/* --- foreign ids --- */

static bool has(const struct rn_foreign_ids *ids, const char *text)
{
    for (unsigned i = 0; i < ids->count; i++) {
        if (rn_bytes_equal(ids->id[i], rn_bytes_text(text))) {
            return true;
        }
    }
    return false;
}

static void find(struct rn_arena *arena, const char *request_head, const char *response_head,
                 struct rn_bytes body, struct rn_foreign_ids *out)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 1};
    rn_event_set(&event, RN_TAG_REQUEST_HEAD, rn_bytes_text(request_head));
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD, rn_bytes_text(response_head));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, body);
    ck_assert_int_eq(rn_foreign_find(&event, arena, out), RN_OK);
}

START_TEST(ids_are_found_in_heads_and_bodies)
{
    struct rn_arena arena = {0};
    struct rn_foreign_ids ids;
    find(&arena,
         "POST / HTTP/1.1\r\nX-Request-ID: mine-1234\r\nauthorization: Bearer no\r\n"
         "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
         "HTTP/1.1 200 OK\r\nRequest-Id:  req_0123456789 \r\nx-amzn-RequestId: amzn-77\r\n\r\n",
         RN_LIT("{\"id\":\"msg_abcdef\", \"x\":{\"tool_use_id\" : "
                "\"toolu_123\",\"call_id\":\"call_9999\"},"
                "\"response_id\":\"resp_1\",\"tool_call_id\":\"short\",\"other\":\"notanid\"}"),
         &ids);
    ck_assert(has(&ids, "mine-1234"));
    ck_assert(has(&ids, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    ck_assert(has(&ids, "4bf92f3577b34da6a3ce929d0e0e4736"));
    ck_assert(has(&ids, "req_0123456789"));
    ck_assert(has(&ids, "amzn-77"));
    ck_assert(has(&ids, "msg_abcdef"));
    ck_assert(has(&ids, "toolu_123"));
    ck_assert(has(&ids, "call_9999"));
    ck_assert(has(&ids, "resp_1"));
    ck_assert_uint_eq(ids.count, 9);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(ids_keep_their_limits)
{
    struct rn_arena arena = {0};
    struct rn_foreign_ids ids;
    char body[400];
    for (unsigned len = 1; len < 200; len++) {
        snprintf(body, sizeof body, "{\"id\":\"%0*d\"}", (int)len, 1);
        find(&arena, "", "", rn_bytes_text(body), &ids);
        ck_assert_uint_eq(ids.count, len >= 6 && len <= 128);
    }
    find(&arena, "", "",
         RN_LIT("{\"id\":\"has a blank\"}{\"id\":\"has\\\"quote\"}{\"id\":123456}{\"id\":"), &ids);
    ck_assert_uint_eq(ids.count, 0);
    struct rn_buffer many = {0};
    for (unsigned i = 0; i < 100; i++) {
        rn_buffer_addf(
            &many, "data: {\"id\":\"stream-%06u\"}\n\ndata: {\"id\":\"stream-%06u\"}\n\n", i, i);
    }
    find(&arena, "", "", rn_buffer_bytes(&many), &ids);
    ck_assert_uint_eq(ids.count, RN_FOREIGN_IDS_MAX);
    rn_buffer_free(&many);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_body_cut_anywhere_is_searched_without_harm)
{
    static const char body[] = "{\"id\" : \"msg_abcdef\",\"call_id\":\"call_0001\"}";
    struct rn_arena arena = {0};
    struct rn_foreign_ids ids;
    for (size_t len = 0; len < sizeof body; len++) {
        uint8_t *exact = rn_dup(body, len); /* so that a byte too far is seen */
        uint8_t *tight = malloc(len == 0 ? 1 : len);
        memcpy(tight, exact, len);
        find(&arena, "", "", rn_bytes_of(tight, len), &ids);
        ck_assert_uint_eq(ids.count, (len >= 20) + (len >= sizeof body - 2));
        free(tight);
        rn_free(exact);
    }
    rn_arena_free(&arena);
}
END_TEST

START_TEST(ids_in_a_coded_body_are_found)
{
    static const char body[] = "{\"id\":\"chatcmpl-coded-1\",\"x\":\"....................\"}";
    uint8_t coded[200];
    struct rn_arena arena = {0};
    struct rn_foreign_ids ids;
    z_stream stream = {0};
    ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)body;
    stream.avail_in = sizeof body - 1;
    stream.next_out = coded;
    stream.avail_out = sizeof coded;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t len = sizeof coded - stream.avail_out;
    deflateEnd(&stream);
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    find(&arena, "", head, rn_bytes_of(coded, len), &ids);
    ck_assert_uint_eq(ids.count, 1);
    ck_assert(has(&ids, "chatcmpl-coded-1"));
    find(&arena, "", head, rn_bytes_of(coded, len - 6), &ids); /* cut: what decodes is searched */
    ck_assert(has(&ids, "chatcmpl-coded-1"));
    find(&arena, "", head, RN_LIT("not gzip at all {\"id\":\"chatcmpl\"}"), &ids);
    ck_assert_uint_eq(ids.count, 0);
    rn_arena_free(&arena);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/index");
    TCase *cases = tcase_create("index");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, steps_of_any_size_give_the_same_indexes);
    tcase_add_test(cases, catching_up_from_every_watermark_gives_the_same_indexes);
    tcase_add_test(cases, two_processes_at_once_give_the_same_indexes);
    tcase_add_test(cases, what_the_writer_kept_gives_the_same_indexes_as_the_log);
    tcase_add_test(cases, failed_allocations_leave_the_indexes_as_they_were);
    tcase_add_test(cases, a_damaged_row_does_not_stop_the_indexes);
    tcase_add_test(cases, ids_are_found_in_heads_and_bodies);
    tcase_add_test(cases, ids_keep_their_limits);
    tcase_add_test(cases, a_body_cut_anywhere_is_searched_without_harm);
    tcase_add_test(cases, ids_in_a_coded_body_are_found);
    suite_add_tcase(suite, cases);
    return suite;
}
