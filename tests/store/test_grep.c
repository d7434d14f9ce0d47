/* A text is found as it reads, once where it came first, in order, by one thread or many. */
#include "main.h"

#include "base/memory.h"
#include "db.h"
#include "store/grep.h"
#include "store_internal.h"
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

/* --- traces to search ----------------------------------------------------------------------------------------------- */

static void put_call(struct rn_recording *trace, uint32_t n, const char *request, const char *type,
                     const char *response)
{
    struct rn_event event;
    char head[100];
    exchange_request(&event, n);
    (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-type: %s\r\n\r\n", type);
    rn_event_set(&event, RN_TAG_REQUEST_BODY, rn_bytes_text(request));
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD, rn_bytes_text(head));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_text(response));
    rn_event_set(&event, RN_TAG_END, RN_LIT("\1"));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
}

#define JSON "application/json"
#define SAYS(text) "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"" text "\"}}]}"

/* A conversation of two turns about an order. */
static struct rn_trace_id make_talk(const char *name, const char *order)
{
    struct rn_trace_id id;
    char first[400];
    char second[800];
    struct rn_recording *trace = maker_trace(&maker, name, false, &id);
    (void)snprintf(first, sizeof first,
                   "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be kind.\"},"
                   "{\"role\":\"user\",\"content\":\"Where is order %s?\"}]}",
                   order);
    put_call(trace, 1, first, JSON,
             "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\","
             "\"function\":{\"name\":\"get_order\",\"arguments\":\"{\\\"id\\\":7}\"}}]}}]}");
    (void)snprintf(second, sizeof second,
                   "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be kind.\"},"
                   "{\"role\":\"user\",\"content\":\"Where is order "
                   "%s?\"},{\"role\":\"tool\",\"tool_call_id\":"
                   "\"c1\",\"content\":\"shipped on Monday\"}]}",
                   order);
    put_call(
        trace, 2, second, "text/event-stream",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It was shi\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"pped to Z\\u00fcrich\"}}]}\n\n"
        "data: [DONE]\n\n");
    maker_end(&maker, trace);
    return id;
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

struct heard {
    struct rn_buffer text;
    unsigned count, stop_at;
};

static enum rn_status hear(void *self, const struct rn_grep_hit *hit)
{
    struct heard *heard = self;
    ck_assert_uint_lt(hit->at, hit->excerpt.len);
    rn_buffer_addf(&heard->text, "%.*s:%u:%u ", (int)hit->trace->name.len,
                   (const char *)hit->trace->name.data, hit->n, (unsigned)hit->in);
    return ++heard->count == heard->stop_at ? RN_LIMIT : RN_OK;
}

static struct rn_grep_done done;

static void expect_of(struct rn_selection selection, struct rn_grep grep, const char *expected)
{
    for (grep.threads = 1; grep.threads <= 8; grep.threads += 7) {
        struct heard heard = {.count = 0};
        ck_ok(rn_grep_run(maker.store, &selection, &grep, hear, &heard, &done, &error));
        rn_buffer_add_byte(&heard.text, 0);
        ck_assert_str_eq((const char *)heard.text.data, expected);
        rn_buffer_free(&heard.text);
    }
}

static void expect(const char *text, unsigned in, const char *expected)
{
    expect_of((struct rn_selection){.limit = 0},
              (struct rn_grep){.text = rn_bytes_text(text), .in = in}, expected);
}

START_TEST(a_text_is_found_where_it_came_first)
{
    make_talk("a", "88231");
    make_talk("b", "4711");
    expect("88231", 0, "a:1:1 ");
    expect("Where is order", 0, "a:1:1 b:1:1 ");
    expect("nothing of the kind", 0, "");
    ck_assert_uint_eq(done.traces, 2);
    ck_assert_uint_eq(done.traces_hit, 0);
    ck_assert_uint_eq(done.events, 4);
}
END_TEST

START_TEST(streams_are_searched_as_they_read)
{
    make_talk("a", "1");
    expect("It was shipped to", 0, "a:2:8 ");
    expect("Z\xc3\xbcrich", 0, "a:2:8 ");
    expect("shi\"}", 0, "");
}
END_TEST

START_TEST(places_are_told_apart)
{
    make_talk("a", "1");
    expect("shipped", 0, "a:2:4 a:2:8 ");
    expect("shipped", RN_GREP_TOOL, "a:2:4 ");
    expect("shipped", RN_GREP_ANSWER, "a:2:8 ");
    expect("shipped", RN_GREP_PROMPT, "");
    expect("{\"id\":7}", 0, "a:1:4 ");
    expect("Be kind", RN_GREP_PROMPT, "a:1:1 ");
}
END_TEST

START_TEST(case_counts_unless_it_is_not_to)
{
    make_talk("a", "1");
    expect("be KIND", 0, "");
    expect_of((struct rn_selection){.limit = 0},
              (struct rn_grep){.text = RN_LIT("be KIND"), .ignore_case = true}, "a:1:1 ");
}
END_TEST

START_TEST(what_nobody_reads_is_searched_as_bytes_and_strings)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, "x", false, &id);
    put_call(trace, 1, "{\"broken\": \"order 88231", JSON, "plain text 12345");
    put_call(trace, 2, "{\"q\":\"caf\\u00e9 \\\"now\\\"\"}", "text/plain", "");
    maker_run_event(&maker, trace, 0);
    maker_end(&maker, trace);
    expect("88231", 0, "x:1:32 ");
    expect("12345", 0, "x:1:32 ");
    expect("caf\xc3\xa9 \"now\"", 0, "x:2:32 ");
    expect("--go", 0, "x:0:16 ");
    expect("/v1/chat", 0, "x:1:32 ");
}
END_TEST

START_TEST(a_limit_takes_the_newest_traces_with_hits)
{
    make_talk("a", "77");
    make_talk("b", "88");
    make_talk("c", "77");
    make_talk("d", "77");
    make_talk("e", "99");
    expect_of((struct rn_selection){.limit = 2}, (struct rn_grep){.text = RN_LIT("order 77")},
              "c:1:1 d:1:1 ");
    expect_of((struct rn_selection){.name = "a"}, (struct rn_grep){.text = RN_LIT("order")},
              "a:1:1 ");
    ck_assert_uint_eq(done.traces, 1); /* the others were not opened */
}
END_TEST

START_TEST(many_traces_are_told_of_in_order)
{
    struct rn_buffer expected = {0};
    char name[16];
    for (unsigned i = 0; i < 150; i++) {
        (void)snprintf(name, sizeof name, "t%u", i);
        make_talk(name, i % 3 == 0 ? "5005" : "1");
        if (i % 3 == 0) {
            rn_buffer_addf(&expected, "%s:1:1 ", name);
        }
    }
    rn_buffer_add_byte(&expected, 0);
    expect("5005", 0, (const char *)expected.data);
    rn_buffer_free(&expected);
}
END_TEST

START_TEST(the_visitor_may_end_it)
{
    make_talk("a", "1");
    make_talk("b", "1");
    struct heard heard = {.stop_at = 1};
    struct rn_grep grep = {.text = RN_LIT("order")};
    ck_assert_int_eq(rn_grep_run(maker.store, &(struct rn_selection){.limit = 0}, &grep, hear,
                                 &heard, &done, &error),
                     RN_LIMIT);
    ck_assert_uint_eq(heard.count, 1);
    rn_buffer_free(&heard.text);
}
END_TEST

START_TEST(what_cannot_be_read_is_counted)
{
    uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 2};
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value;
    make_talk("a", "1");
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_db_get(txn, RN_TREE_LOG, rn_bytes_of(key, 8), &value));
    uint8_t *copy = malloc(value.len);
    memcpy(copy, value.data, value.len);
    copy[45] ^= 0xff;
    ck_ok(rn_db_put(txn, RN_TREE_LOG, rn_bytes_of(key, 8), rn_bytes_of(copy, value.len), &error));
    ck_ok(rn_db_commit(txn, &error));
    free(copy);
    expect("order", 0, "a:2:1 ");
    ck_assert_uint_eq(done.unread, 1);
}
END_TEST

START_TEST(an_empty_text_is_refused)
{
    struct rn_grep grep = {.text = RN_LIT("")};
    ck_assert_int_eq(rn_grep_run(maker.store, &(struct rn_selection){.limit = 0}, &grep, hear, NULL,
                                 &done, &error),
                     RN_INVALID);
    ck_assert_uint_gt(strlen(error.text), 0);
}
END_TEST

START_TEST(failed_allocations_are_reported)
{
    make_talk("a", "1");
    ck_ok(rn_store_catch_up(maker.store, &error));
    rn_writer_stop(maker.writer);
    unsigned failures = 0;
    for (unsigned long nth = 1;; nth++) {
        struct heard heard = {.count = 0};
        struct rn_grep grep = {.text = RN_LIT("shipped"), .threads = 1};
        error.text[0] = '\0';
        rn_memory_fail_from(nth);
        enum rn_status status = rn_grep_run(maker.store, &(struct rn_selection){.limit = 1}, &grep,
                                            hear, &heard, &done, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_buffer_free(&heard.text);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            break;
        }
        failures += status != RN_OK;
        ck_assert(status == RN_NOMEM ||
                  (status == RN_OK && heard.count == 2)); /* or nothing was lost */
        ck_assert(status == RN_OK || strlen(error.text) > 0);
    }
    ck_assert_uint_gt(failures, 20);
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {a_text_is_found_where_it_came_first,
                                  streams_are_searched_as_they_read,
                                  places_are_told_apart,
                                  case_counts_unless_it_is_not_to,
                                  what_nobody_reads_is_searched_as_bytes_and_strings,
                                  a_limit_takes_the_newest_traces_with_hits,
                                  many_traces_are_told_of_in_order,
                                  the_visitor_may_end_it,
                                  what_cannot_be_read_is_counted,
                                  an_empty_text_is_refused,
                                  failed_allocations_are_reported};
    Suite *suite = suite_create("store/grep");
    TCase *cases = tcase_create("grep");
    tcase_add_checked_fixture(cases, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
