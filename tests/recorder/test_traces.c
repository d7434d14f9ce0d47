/* Which trace a request belongs to, and when traces are closed: the table alone, with a store and no sockets. */
#include "main.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/traces.h"
#include "traces.h"

#define ID "0190aaaabbbb7ccc8dddeeeeffff0001"
#define ID_UPPER "0190AAAABBBB7CCC8DDDEEEEFFFF0001"

static struct room room;
static struct maker maker;
static struct rn_recorder_settings settings;
static struct rn_traces *traces;

static void set_up(void)
{
    room_open(&room);
    maker_open(&maker, room_file(&room, "store"));
    settings = (struct rn_recorder_settings){.store = maker.store, .writer = maker.writer};
    traces = NULL;
}

static void begin(void)
{
    traces = rn_traces_new(&settings);
    ck_assert_ptr_nonnull(traces);
}

static void take_back(const struct rn_entry *entry)
{
    struct rn_pending *pending = entry->owner;
    pending->done(pending);
}

/* Waits for what is on its way, as the recorder's collector would. */
static void collect(size_t count)
{
    while (count > 0) {
        struct rn_entry *entry = rn_writer_collect(maker.writer);
        if (entry != NULL) {
            take_back(entry);
            count--;
            continue;
        }
        pthread_mutex_lock(&maker.lock);
        while (!maker.is_woken) {
            pthread_cond_wait(&maker.woken, &maker.lock);
        }
        maker.is_woken = false;
        pthread_mutex_unlock(&maker.lock);
    }
}

static void tear_down(void)
{
    rn_memory_fail_from(0);
    rn_writer_stop(maker.writer);
    for (struct rn_entry *entry; (entry = rn_writer_collect(maker.writer)) != NULL;) {
        take_back(entry);
    }
    rn_traces_free(traces);
    maker_close(&maker);
    room_close(&room);
}

static const char *rule;
static enum rn_status status;

/* A request with these lines and, where not NULL, this /t/TRACE/. */
static struct rn_open_trace *choose(const char *fields, const char *url)
{
    static char text[1024];
    static struct rn_http_head head;
    size_t skipped;
    snprintf(text, sizeof text, "GET /x HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
    ck_assert_int_eq(rn_http_request_parse(rn_bytes_text(text), &head, &skipped, NULL),
                     RN_HTTP_DONE);
    struct rn_request request = {.head = &head, .route.trace = rn_bytes_text(url)};
    return rn_traces_choose(traces, &request, &rule, &status);
}

static struct rn_open_trace *must(const char *fields, const char *url)
{
    struct rn_open_trace *trace = choose(fields, url);
    ck_assert_int_eq(status, RN_OK);
    ck_assert_ptr_nonnull(trace);
    return trace;
}

static void ck_id(const struct rn_open_trace *trace, const char *expected)
{
    char text[33];
    rn_trace_id_text(&trace->id, text);
    ck_assert_str_eq(text, expected);
    ck_assert(rn_trace_id_equal(rn_recording_id(trace->recording), &trace->id));
}

/* --- the choice ---------------------------------------------------------------------------------------------------- */

START_TEST(an_id_in_either_case_is_one_trace)
{
    begin();
    struct rn_open_trace *lower = must("x-reenact-trace: " ID "\r\n", NULL);
    ck_assert_str_eq(rule, "header");
    ck_id(lower, ID);
    ck_assert_ptr_eq(must("x-reenact-trace: " ID_UPPER "\r\n", NULL), lower);
    ck_assert_ptr_eq(must("", ID_UPPER), lower);
    ck_assert_str_eq(rule, "url");
    ck_assert_ptr_eq(must("Langfuse-Trace-Id: " ID "\r\n", NULL), lower);
    ck_assert_str_eq(rule, "vendor");
    ck_assert_uint_eq(rn_traces_open(traces), 1);
}
END_TEST

START_TEST(an_alias_keeps_its_case_and_is_one_trace_while_it_is_open)
{
    begin();
    struct rn_open_trace *one = must("", "Case");
    ck_assert_ptr_eq(must("x-reenact-trace: Case\r\n", NULL), one);
    ck_assert_ptr_ne(must("", "case"), one);
    ck_assert_uint_eq(rn_traces_open(traces), 2);
}
END_TEST

START_TEST(an_open_trace_is_found_by_its_own_id)
{
    char id[33];
    begin();
    struct rn_open_trace *one = must("", "alias");
    rn_trace_id_text(&one->id, id);
    ck_assert_ptr_eq(must("", id), one);
    ck_assert_uint_eq(rn_traces_open(traces), 1);
}
END_TEST

START_TEST(who_names_none_gets_one_of_its_own)
{
    begin();
    struct rn_open_trace *one = must("", NULL);
    ck_assert_str_eq(rule, "new");
    ck_assert_ptr_ne(must("", NULL), one);
    ck_assert_ptr_ne(must("x-reenact-trace:\r\n", NULL), one); /* an empty one names none */
    ck_assert_uint_eq(rn_traces_opened(traces), 3);
}
END_TEST

START_TEST(what_is_no_name_is_invalid_in_our_header_and_passed_over_in_a_vendors)
{
    begin();
    ck_assert_ptr_null(choose("x-reenact-trace: a b\r\n", NULL));
    ck_assert_int_eq(status, RN_INVALID);
    ck_assert_ptr_null(
        choose("x-reenact-trace: "
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
               NULL));
    ck_assert_int_eq(status, RN_INVALID);
    must("x-reenact-trace: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
         NULL);
    must("x-portkey-trace-id: a b\r\nx-litellm-trace-id: fine\r\n", NULL);
    ck_assert_str_eq(rule, "vendor");
    must("x-portkey-trace-id: a b\r\n", NULL);
    ck_assert_str_eq(rule, "new");
}
END_TEST

START_TEST(the_runs_trace_is_chosen_last_and_by_its_id_and_never_closed_here)
{
    struct rn_trace_id id;
    char text[33];
    settings.run = maker_trace(&maker, "run", false, &id);
    rn_trace_id_text(&id, text);
    begin();
    struct rn_open_trace *run = must("", NULL);
    ck_assert_str_eq(rule, "run");
    ck_assert_ptr_eq(run, rn_traces_run(traces));
    ck_assert_ptr_eq(must("", text), run);
    ck_assert_str_eq(rule, "url");
    ck_assert_ptr_ne(must("", "other"), run);
    rn_traces_close_idle(traces, UINT64_MAX);
    collect(1);
    ck_assert(!run->closing);
    ck_assert_uint_eq(rn_traces_open(traces), 0);
}
END_TEST

/* --- closing ------------------------------------------------------------------------------------------------------- */

START_TEST(only_what_is_idle_and_unused_is_closed)
{
    begin();
    struct rn_open_trace *used = must("", "used");
    struct rn_open_trace *recent = must("", "recent");
    struct rn_open_trace *idle = must("", "idle");
    used->open_calls = 1;
    recent->last_ns = 101;
    idle->last_ns = 100;
    rn_traces_close_idle(traces, 100);
    ck_assert(idle->closing);
    ck_assert(!used->closing && !recent->closing);
    ck_assert_uint_eq(rn_traces_open(traces), 3);
    collect(1);
    ck_assert_uint_eq(rn_traces_open(traces), 2);
    ck_assert_ptr_eq(must("", "used"), used);
    used->open_calls = 0;
}
END_TEST

/* The parent the store has of a trace, as text, "" for none. */
static const char *parent_of(const struct rn_trace_id *id)
{
    static char text[33];
    static const struct rn_trace_id none;
    struct rn_arena arena = {0};
    struct rn_error error = {.text = ""};
    struct rn_trace_summary summary;
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_ok(rn_trace_summary(maker.store, id, &arena, &summary, &error));
    rn_trace_id_text(&summary.parent, text);
    bool is_none = rn_trace_id_equal(&summary.parent, &none);
    rn_arena_free(&arena);
    return is_none ? "" : text;
}

START_TEST(an_id_that_is_closing_or_closed_gets_a_child)
{
    begin();
    struct rn_open_trace *first = must("", ID);
    rn_traces_close_idle(traces, UINT64_MAX);
    ck_assert(first->closing);
    struct rn_open_trace *second = must("", ID);
    ck_assert_ptr_ne(second, first);
    ck_assert_ptr_eq(must("", ID_UPPER), second);
    struct rn_trace_id second_id = second->id;
    collect(1);
    rn_traces_close_idle(traces, UINT64_MAX);
    collect(1);
    struct rn_open_trace *third = must("", ID);
    struct rn_trace_id third_id = third->id;
    ck_assert(!rn_trace_id_equal(&second_id, &third_id));
    rn_traces_close_idle(traces, UINT64_MAX);
    collect(1);
    ck_assert_str_eq(parent_of(&second_id), ID);
    ck_assert_str_eq(parent_of(&third_id), ID);
}
END_TEST

START_TEST(an_alias_opened_again_is_a_new_trace)
{
    begin();
    struct rn_open_trace *first = must("", "alias");
    struct rn_trace_id first_id = first->id;
    rn_traces_close_idle(traces, UINT64_MAX);
    struct rn_open_trace *second = must("", "alias");
    struct rn_trace_id second_id = second->id;
    ck_assert(!rn_trace_id_equal(&first_id, &second_id));
    collect(1);
    ck_assert_ptr_eq(must("", "alias"), second);
    rn_traces_close_idle(traces, UINT64_MAX);
    collect(1);
    ck_assert_str_eq(parent_of(&first_id), "");
    ck_assert_str_eq(parent_of(&second_id), "");
}
END_TEST

START_TEST(traces_share_a_bucket_without_mixing_and_close_in_any_order)
{
    enum { COUNT = 3000 }; /* more than there are buckets */
    static struct rn_open_trace *opened[COUNT];
    char name[32];
    begin();
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "trace-%u", i);
        opened[i] = must("", name);
        opened[i]->last_ns = i % 3;
    }
    for (uint64_t round = 0; round < 3; round++) {
        rn_traces_close_idle(traces, round);
        collect(COUNT / 3);
        ck_assert_uint_eq(rn_traces_open(traces), COUNT - (round + 1) * (COUNT / 3));
        for (unsigned i = 0; round < 2 && i < COUNT; i += 97) {
            if (i % 3 > round) {
                snprintf(name, sizeof name, "trace-%u", i);
                ck_assert_ptr_eq(must("", name), opened[i]);
            }
        }
    }
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        rn_memory_fail_from(nth);
        traces = rn_traces_new(&settings);
        struct rn_open_trace *trace = traces == NULL ? NULL : choose("", "alias");
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(trace != NULL, !failed);
        ck_assert(traces == NULL || failed == (status == RN_NOMEM));
        if (failed) {
            rn_traces_free(traces);
            traces = NULL;
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {
        an_id_in_either_case_is_one_trace,
        an_alias_keeps_its_case_and_is_one_trace_while_it_is_open,
        an_open_trace_is_found_by_its_own_id,
        who_names_none_gets_one_of_its_own,
        what_is_no_name_is_invalid_in_our_header_and_passed_over_in_a_vendors,
        the_runs_trace_is_chosen_last_and_by_its_id_and_never_closed_here,
        only_what_is_idle_and_unused_is_closed,
        an_id_that_is_closing_or_closed_gets_a_child,
        an_alias_opened_again_is_a_new_trace,
        traces_share_a_bucket_without_mixing_and_close_in_any_order,
        memory_may_run_out_anywhere};
    Suite *suite = suite_create("traces");
    TCase *one = tcase_create("traces");
    tcase_add_checked_fixture(one, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(one, tests[i]);
    }
    suite_add_tcase(suite, one);
    return suite;
}
