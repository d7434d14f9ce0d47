/* From what a person has in hand to a trace, and never to the wrong one. */
#include "main.h"

#include "base/memory.h"
#include "keys.h"
#include "scan.h"
#include "store/find.h"
#include "store_internal.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct maker maker;
static struct rn_trace_id found;
static uint32_t event;

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

static enum rn_status find(const char *text)
{
    event = 12345;
    return rn_find_trace(maker.store, text, &found, &event, &error);
}

static void assert_finds(const char *text, const struct rn_trace_id *id)
{
    enum rn_status status = find(text);
    ck_assert_msg(status == RN_OK, "'%s': %s: %s", text, rn_status_name(status), error.text);
    ck_assert_msg(rn_trace_id_equal(&found, id), "'%s' found another", text);
}

/* A closed trace with this id. */
static struct rn_trace_id make(const char *hex, const char *name, bool is_alias, const char *text)
{
    struct rn_recording_settings settings = {.name = name, .kind = "run", .is_alias = is_alias};
    ck_assert(rn_trace_id_parse(rn_bytes_text(hex), &settings.id));
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    ck_assert_ptr_nonnull(trace);
    maker_exchange(&maker, trace, 1, text);
    maker_end(&maker, trace);
    return settings.id;
}

#define A "0123456789abcdef0123456789abcdef"
#define B "01234fffffffffffffffffffff9abcde"
#define C "fedcba98765432100000000000005678"

START_TEST(ids_prefixes_and_suffixes_find_their_trace)
{
    struct rn_trace_id a = make(A, NULL, false, "aaa");
    struct rn_trace_id b = make(B, NULL, false, "bbb");
    struct rn_trace_id c = make(C, NULL, false, "ccc");
    assert_finds(A, &a);
    assert_finds("0123456789ABCDEF0123456789ABCDEF", &a);
    for (size_t len = 6; len < 32; len++) { /* of A and B: five digits are shared */
        char digits[33] = A;
        digits[len] = '\0';
        assert_finds(digits, &a);
        assert_finds(&A[32 - len], &a);
        assert_finds(&C[32 - len], &c);
    }
    assert_finds("01234f", &b);
    assert_finds("5678", &c);
    assert_finds("fedc", &c);
    ck_assert_uint_eq(event, UINT32_MAX);
}
END_TEST

START_TEST(too_few_digits_or_too_many_traces_are_not_guessed)
{
    make(A, NULL, false, "aaa");
    struct rn_trace_id b = make(B, NULL, false, "bbb");
    ck_assert_int_eq(find("012"), RN_NOTFOUND);
    ck_assert_int_eq(find("0123"), RN_AMBIGUOUS);
    ck_assert_ptr_nonnull(strstr(error.text, "89abcdef"));
    ck_assert_ptr_nonnull(strstr(error.text, "ff9abcde"));
    ck_assert_int_eq(find("01234"), RN_AMBIGUOUS);
    assert_finds("abcde", &b); /* A ends with one digit more */
}
END_TEST

START_TEST(a_suffix_of_one_and_a_prefix_of_another_are_ambiguous)
{
    make(A, NULL, false, "aaa");
    make("cdefcdef000000000000000000000001", NULL, false, "bbb");
    ck_assert_int_eq(find("cdef"), RN_AMBIGUOUS);
    ck_assert_int_eq(find("cdefc"), RN_OK);
}
END_TEST

START_TEST(candidates_are_listed_up_to_five)
{
    char hex[33];
    for (unsigned i = 0; i < 7; i++) {
        snprintf(hex, sizeof hex, "abcd%028x", 0x10000000 + i);
        make(hex, NULL, false, "x");
    }
    ck_assert_int_eq(find("abcd"), RN_AMBIGUOUS);
    ck_assert_ptr_nonnull(strstr(error.text, "10000004 and more"));
    ck_assert_ptr_null(strstr(error.text, "10000005"));
    ck_assert_int_eq(find("nothing like it"), RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "the newest are 10000006, 10000005"));
}
END_TEST

START_TEST(names_mean_the_newest_and_tildes_the_ones_before)
{
    struct rn_trace_id first = make("11111111111111111111111111111111", "nightly", false, "one");
    struct rn_trace_id second = make("22222222222222222222222222222222", "nightly", true, "two");
    struct rn_trace_id third =
        make("33333333333333333333333333333333", "nightly/case~2", false, "three");
    assert_finds("nightly", &second);
    assert_finds("nightly~0", &second);
    assert_finds("nightly~1", &first);
    ck_assert_int_eq(find("nightly~2"), RN_NOTFOUND);
    assert_finds("nightly/case~2", &third);
    assert_finds("last", &third);
    assert_finds("last~1", &second);
    assert_finds("last~2", &first);
    ck_assert_int_eq(find("last~3"), RN_NOTFOUND);
    ck_assert_int_eq(find("night"), RN_NOTFOUND);
    ck_assert_int_eq(find(""), RN_NOTFOUND);
    ck_assert_int_eq(find("~1"), RN_NOTFOUND);
}
END_TEST

START_TEST(names_as_long_as_they_like)
{
    char name[2000];
    memset(name, 'n', sizeof name);
    name[199] = '\0';
    struct rn_trace_id exact = make("11111111111111111111111111111111", name, false, "one");
    assert_finds(name, &exact);
    name[199] = 'n';
    name[1999] = '\0';
    struct rn_trace_id longer = make("22222222222222222222222222222222", name, false, "two");
    assert_finds(name, &longer);
}
END_TEST

START_TEST(an_event_may_follow_a_colon)
{
    struct rn_trace_id a = make(A, "job", false, "aaa");
    struct rn_trace_id b = make(B, "job:7", false, "bbb");
    assert_finds(A ":3", &a);
    ck_assert_uint_eq(event, 3);
    assert_finds("last~1:0", &a);
    ck_assert_uint_eq(event, 0);
    assert_finds("job:12", &a);
    ck_assert_uint_eq(event, 12);
    assert_finds("job:7", &b);
    ck_assert_uint_eq(event, UINT32_MAX);
    assert_finds("job:7:4", &b);
    ck_assert_uint_eq(event, 4);
    ck_assert_int_eq(find("job:x"), RN_NOTFOUND);
    ck_assert_int_eq(find("job:"), RN_NOTFOUND);
    ck_assert_int_eq(find("job:99999999999"), RN_NOTFOUND);
}
END_TEST

START_TEST(foreign_ids_lead_to_their_trace)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, NULL, false, &id);
    maker_exchange(&maker, trace, 1, "abc");
    maker_stream(&maker, trace, 2, "def", 2, true);
    maker_end(&maker, trace);
    assert_finds("req_abc_1", &id);
    assert_finds("chatcmpl-abc-1", &id);
    assert_finds("call_abc_1", &id);
    assert_finds("chatcmpl-def-2", &id);
    assert_finds("req_stream", &id);
    assert_finds("req_stream:2", &id);
    ck_assert_uint_eq(event, 2);
    assert_finds("4bf92f3577b34da6a3ce929d0e0e4736", &id);
    assert_finds("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &id);
    ck_assert_int_eq(find("req_ab"), RN_NOTFOUND);
    ck_ok(rn_find_foreign(maker.store, "chatcmpl-def-2", &found, &event, &error));
    ck_assert_uint_eq(event, 2);
    ck_ok(rn_find_foreign(maker.store, "4bf92f3577b34da6a3ce929d0e0e4736", &found, &event, &error));
    ck_assert_uint_eq(event, 1);
    ck_assert_int_eq(rn_find_foreign(maker.store, "last", &found, &event, &error), RN_NOTFOUND);
    maker_whole(&maker, NULL, "abc", false);
    ck_assert_int_eq(find("req_abc_1"), RN_AMBIGUOUS);
}
END_TEST

START_TEST(answers_of_a_backtest_are_found_by_their_id_alone)
{
    struct rn_recording_settings settings = {.name = "here", .kind = "backtest"};
    struct rn_trace_id a = make(A, "here", false, "chatcmpl-same");
    ck_assert(rn_trace_id_parse(RN_LIT(C), &settings.id));
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    maker_exchange(&maker, trace, 1, "chatcmpl-same");
    maker_end(&maker, trace);
    assert_finds("last", &a);
    assert_finds("here", &a);
    assert_finds(C, &settings.id);
    ck_assert_int_eq(find("last~1"), RN_NOTFOUND);
    ck_assert_int_eq(find("here~1"), RN_NOTFOUND);
}
END_TEST

START_TEST(names_come_before_foreign_ids)
{
    struct rn_trace_id named = make(A, "req_bbb_1", false, "aaa");
    struct rn_trace_id other = make(B, NULL, false, "bbb");
    assert_finds("req_bbb_1", &named);
    assert_finds("chatcmpl-bbb-1", &other);
}
END_TEST

struct visited {
    struct rn_trace_id id[300];
    unsigned count;
    unsigned stop_at;
};

static bool visit(void *self, const struct rn_trace_summary *summary)
{
    struct visited *visited = self;
    visited->id[visited->count++] = summary->id;
    return visited->count != visited->stop_at;
}

START_TEST(all_traces_are_visited_in_order_of_time)
{
    static struct visited forward;
    static struct visited backward;
    static struct visited few = {.stop_at = 3};
    struct rn_trace_id ids[150];
    ck_ok(rn_find_each(maker.store, true, visit, &forward, &error));
    ck_assert_uint_eq(forward.count, 0);
    for (unsigned i = 0; i < 150; i++) { /* more than two pages */
        struct rn_recording *trace = maker_trace(&maker, NULL, false, &ids[i]);
        maker_run_event(&maker, trace, 0);
        maker_end(&maker, trace);
    }
    ck_ok(rn_find_each(maker.store, false, visit, &forward, &error));
    ck_ok(rn_find_each(maker.store, true, visit, &backward, &error));
    ck_assert_uint_eq(forward.count, 150);
    ck_assert_uint_eq(backward.count, 150);
    for (unsigned i = 0; i < 150; i++) {
        ck_assert(rn_trace_id_equal(&forward.id[i], &ids[i]));
        ck_assert(rn_trace_id_equal(&backward.id[i], &ids[149 - i]));
    }
    ck_ok(rn_find_each(maker.store, true, visit, &few, &error));
    ck_assert_uint_eq(few.count, 3);
    char text[20];
    for (unsigned back = 62; back < 67; back++) { /* around the border of a page */
        snprintf(text, sizeof text, "last~%u", back);
        assert_finds(text, &ids[149 - back]);
    }
    assert_finds("last~149", &ids[0]);
    ck_assert_int_eq(find("last~150"), RN_NOTFOUND);
}
END_TEST

static void spoil_summary(const struct rn_trace_id *id)
{
    struct rn_db_txn *txn = NULL;
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, RN_TREE_TRACE, rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES),
                    RN_LIT("nonsense"), &error));
    ck_ok(rn_db_commit(txn, &error));
}

START_TEST(one_damaged_summary_hides_no_other_trace)
{
    static struct visited all;
    static struct visited first = {.stop_at = 1};
    struct rn_trace_id a = make(A, NULL, false, "aaa");
    struct rn_trace_id b = make(B, NULL, false, "bbb");
    struct rn_trace_id c = make(C, NULL, false, "ccc");
    spoil_summary(&b);
    ck_assert_int_eq(rn_find_each(maker.store, true, visit, &all, &error), RN_DAMAGED);
    ck_assert_uint_eq(all.count, 2);
    ck_assert(rn_trace_id_equal(&all.id[0], &c));
    ck_assert(rn_trace_id_equal(&all.id[1], &a));
    ck_assert_str_eq(error.text, "the summary of trace " B " is damaged and left out");
    spoil_summary(&a);
    ck_assert_int_eq(rn_find_each(maker.store, true, visit, &all, &error), RN_DAMAGED);
    ck_assert_str_eq(error.text,
                     "the summaries of 2 traces are damaged and left out, the first is " B);
    ck_ok(rn_find_each(maker.store, true, visit, &first, &error)); /* it ended before them */
    ck_assert_uint_eq(first.count, 1);
}
END_TEST

START_TEST(a_session_lists_its_traces_in_order)
{
    struct rn_recording_settings settings = {.kind = "run", .session = {{7, 7, 7}}};
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    struct rn_trace_id mine[3];
    struct rn_trace_id alone = make(A, NULL, false, "aaa");
    for (unsigned i = 0; i < 3; i++) {
        rn_uuid7(settings.id.bytes);
        mine[i] = settings.id;
        struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
        maker_run_event(&maker, trace, 0);
        maker_end(&maker, trace);
    }
    ck_ok(rn_find_session(maker.store, &settings.session, &ids, &count, &error));
    ck_assert_uint_eq(count, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(rn_trace_id_equal(&ids[i], &mine[i]));
    }
    rn_free(ids);
    ck_ok(rn_find_session(maker.store, &alone, &ids, &count, &error));
    ck_assert_uint_eq(count, 1);
    rn_free(ids);
    ck_assert_int_eq(rn_find_session(maker.store, &mine[0], &ids, &count, &error), RN_NOTFOUND);
    ck_assert_ptr_null(ids);
}
END_TEST

START_TEST(failed_allocations_are_reported)
{
    make(A, "name", false, "aaa");
    rn_writer_stop(maker.writer);
    static const char *const words[] = {A, "89abcdef", "name", "last", "req_aaa_1"};
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned long nth = 1;; nth++) {
            ck_assert_uint_lt(nth, 500);
            rn_memory_fail_from(nth);
            enum rn_status status = find(words[i]);
            bool failed = rn_memory_failed();
            rn_memory_fail_from(0);
            if (!failed) {
                ck_assert_int_eq(status, RN_OK);
                break;
            }
            ck_assert_msg(status == RN_NOMEM, "%s, %lu: %s", words[i], nth, error.text);
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/find");
    TCase *cases = tcase_create("find");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, ids_prefixes_and_suffixes_find_their_trace);
    tcase_add_test(cases, too_few_digits_or_too_many_traces_are_not_guessed);
    tcase_add_test(cases, a_suffix_of_one_and_a_prefix_of_another_are_ambiguous);
    tcase_add_test(cases, candidates_are_listed_up_to_five);
    tcase_add_test(cases, names_mean_the_newest_and_tildes_the_ones_before);
    tcase_add_test(cases, names_as_long_as_they_like);
    tcase_add_test(cases, an_event_may_follow_a_colon);
    tcase_add_test(cases, foreign_ids_lead_to_their_trace);
    tcase_add_test(cases, answers_of_a_backtest_are_found_by_their_id_alone);
    tcase_add_test(cases, names_come_before_foreign_ids);
    tcase_add_test(cases, all_traces_are_visited_in_order_of_time);
    tcase_add_test(cases, one_damaged_summary_hides_no_other_trace);
    tcase_add_test(cases, a_session_lists_its_traces_in_order);
    tcase_add_test(cases, failed_allocations_are_reported);
    suite_add_tcase(suite, cases);
    return suite;
}
