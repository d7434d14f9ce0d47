/* Facts follow from the log, are found by their terms, and go with their trace. */
#include "main.h"

#include "base/memory.h"
#include "db.h"
#include "facts_row.h"
#include "posting.h"
#include "scan.h"
#include "store_internal.h"
#include "store/copy.h"
#include "store/facts.h"
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

/* --- what is there -------------------------------------------------------------------------------------------------- */

static enum rn_status tell(void *self, const struct rn_facts *facts)
{
    return rn_buffer_addf(self, "%u %s %s %.*s %.*s %u asks %u\n", facts->n,
                          rn_reading_kind_name(facts->kind), rn_end_name(facts->end),
                          (int)facts->upstream.len, (const char *)facts->upstream.data,
                          (int)facts->model_asked.len, (const char *)facts->model_asked.data,
                          facts->status, facts->asks);
}

static void expect(const struct rn_trace_id *id, const char *expected)
{
    struct rn_buffer out = {0};
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_ok(rn_facts_of(maker.store, id, tell, &out, &error));
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    ck_assert_str_eq((const char *)out.data, expected);
    rn_buffer_free(&out);
}

static uint64_t entries(enum rn_tree tree)
{
    struct rn_db_txn *txn = NULL;
    uint64_t count = 0;
    ck_ok(rn_db_begin(maker.store->db, false, &txn, &error));
    ck_ok(rn_db_entries(txn, tree, &count));
    rn_db_abort(txn);
    return count;
}

/* How many traces stand under a term. */
static unsigned listed(enum rn_term letter, const char *text)
{
    uint8_t prefix[RN_TERM_BYTES_MAX + 1];
    struct rn_arena arena = {0};
    struct rn_scan_entry found[RN_SCAN_ENTRIES_MAX];
    unsigned count = 0;
    size_t len = rn_key_posting_list(letter, rn_bytes_text(text), prefix);
    struct rn_scan scan = {
        .store = maker.store, .tree = RN_TREE_POSTING, .prefix = rn_bytes_of(prefix, len)};
    ck_ok(rn_scan_next(&scan, &arena, found, &count, &error));
    rn_arena_free(&arena);
    return count;
}

#define WHOLE                                                                                      \
    "1 model ended anthropic m-1 200 asks 1\n2 model cut openai m-1 200 asks 0\n"                  \
    "3 model ended anthropic m-1 200 asks 1\n"

START_TEST(facts_say_what_each_exchange_was)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", true);
    expect(&id, WHOLE);
    ck_assert_uint_eq(entries(RN_TREE_FACTS), 4); /* one more for the trace */
}
END_TEST

START_TEST(a_trace_is_listed_under_its_terms)
{
    (void)maker_whole(&maker, "one", "a", false);
    (void)maker_whole(&maker, "two", "b", false);
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_assert_uint_eq(listed(RN_TERM_MODEL, "m-1"), 2);
    ck_assert_uint_eq(listed(RN_TERM_UPSTREAM, "openai"), 2);
    ck_assert_uint_eq(listed(RN_TERM_UPSTREAM, "open"), 0);
    ck_assert_uint_eq(listed(RN_TERM_STATUS, "200"), 2);
    ck_assert_uint_eq(listed(RN_TERM_RELEASE, "1.2.3"), 2);
    ck_assert_uint_eq(listed(RN_TERM_TAG, "team"), 2);
    ck_assert_uint_eq(listed(RN_TERM_TAG, "team=blue"), 2);
    ck_assert_uint_eq(listed(RN_TERM_ERROR, ""), 2); /* the second call was cut */
    ck_assert_uint_eq(listed(RN_TERM_ANY, ""), 0);
}
END_TEST

START_TEST(an_open_trace_is_known_as_far_as_it_goes)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, "open", false, &id);
    maker_exchange(&maker, trace, 1, "a");
    expect(&id, "1 model ended anthropic m-1 200 asks 1\n");
    maker_stream(&maker, trace, 2, "a", 2, false);
    expect(&id, "1 model ended anthropic m-1 200 asks 1\n");
    maker_exchange(&maker, trace, 3, "a");
    expect(&id, "1 model ended anthropic m-1 200 asks 1\n3 model ended anthropic m-1 200 asks 1\n");
    maker_end(&maker, trace);
}
END_TEST

START_TEST(a_trace_without_calls_is_listed_too)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, "empty", false, &id);
    maker_run_event(&maker, trace, 0);
    maker_end(&maker, trace);
    expect(&id, "");
    ck_assert_uint_eq(listed(RN_TERM_RELEASE, "1.2.3"), 1);
}
END_TEST

START_TEST(a_second_look_changes_nothing)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", false);
    expect(&id, WHOLE);
    uint64_t facts = entries(RN_TREE_FACTS);
    uint64_t postings = entries(RN_TREE_POSTING);
    expect(&id, WHOLE);
    ck_ok(rn_facts_rebuild(maker.store, NULL, NULL, &error));
    expect(&id, WHOLE);
    ck_assert_uint_eq(entries(RN_TREE_FACTS), facts);
    ck_assert_uint_eq(entries(RN_TREE_POSTING), postings);
}
END_TEST

START_TEST(facts_go_with_their_trace)
{
    struct rn_trace_id gone = maker_whole(&maker, "one", "a", false);
    struct rn_trace_id kept = maker_whole(&maker, "two", "b", false);
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    uint64_t facts = entries(RN_TREE_FACTS);
    uint64_t postings = entries(RN_TREE_POSTING);
    ck_ok(rn_trace_drop(maker.store, &gone, &error));
    expect(&gone, "");
    expect(&kept, WHOLE);
    ck_assert_uint_eq(entries(RN_TREE_FACTS), facts / 2);
    ck_assert_uint_eq(entries(RN_TREE_POSTING), postings / 2);
}
END_TEST

/* A trace that was dropped before anybody asked leaves nothing. */
START_TEST(a_dropped_trace_gets_no_facts)
{
    struct rn_trace_id gone = maker_whole(&maker, "one", "a", false);
    struct rn_trace_id kept = maker_whole(&maker, "two", "b", false);
    ck_ok(rn_trace_drop(maker.store, &gone, &error));
    expect(&gone, "");
    expect(&kept, WHOLE);
}
END_TEST

static void put_call(struct rn_recording *trace, uint32_t n, const char *model)
{
    struct rn_event event;
    char body[300];
    exchange_request(&event, n);
    (void)snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[]}", model);
    rn_event_set(&event, RN_TAG_REQUEST_BODY, rn_bytes_text(body));
    exchange_response(&event, n, "a");
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
}

START_TEST(a_trace_of_too_many_terms_is_found_by_any_of_them)
{
    struct rn_trace_id id;
    char model[32];
    struct rn_recording *trace = maker_trace(&maker, "many", false, &id);
    for (unsigned i = 1; i <= RN_TERMS_MAX + 20; i++) {
        (void)snprintf(model, sizeof model, "model-%u", i);
        put_call(trace, i, model);
    }
    maker_end(&maker, trace);
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_assert_uint_eq(listed(RN_TERM_MODEL, "model-1"), 1);
    ck_assert_uint_eq(listed(RN_TERM_MODEL, "model-275"), 0);
    ck_assert_uint_eq(listed(RN_TERM_ANY, ""), 1);
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_assert_uint_eq(entries(RN_TREE_POSTING), 0);
}
END_TEST

START_TEST(labels_of_a_trace_are_the_last_said)
{
    struct rn_trace_id id;
    struct rn_arena arena = {0};
    struct rn_trace_labels labels;
    struct rn_recording *trace = maker_trace(&maker, "labels", false, &id);
    for (unsigned i = 1; i <= 2; i++) {
        struct rn_event event;
        struct rn_buffer list = {0};
        exchange_request(&event, i);
        exchange_response(&event, i, "a");
        ck_assert_int_eq(rn_run_put(&list, RN_LIT("X-Reenact-Outcome")), RN_OK);
        ck_assert_int_eq(rn_run_put(&list, i == 1 ? RN_LIT("open") : RN_LIT("refunded")), RN_OK);
        rn_event_set(&event, RN_TAG_LABELS, rn_buffer_bytes(&list));
        maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
        rn_buffer_free(&list);
    }
    maker_end(&maker, trace);
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_ok(rn_facts_labels(maker.store, &id, &arena, &labels, &error));
    ck_assert(rn_bytes_equal(labels.outcome, RN_LIT("refunded")));
    ck_assert_uint_eq(labels.subject.len, 0);
    ck_assert_uint_eq(listed(RN_TERM_OUTCOME, "refunded"), 1);
    rn_arena_free(&arena);
}
END_TEST

/* --- records -------------------------------------------------------------------------------------------------------- */

static struct rn_facts some_facts(void)
{
    struct rn_facts facts = {.n = 7,
                             .event = RN_EVENT_EXCHANGE,
                             .kind = RN_READING_MODEL,
                             .dialect = RN_DIALECT_ANTHROPIC_MESSAGES,
                             .end = RN_END_ENDED,
                             .status = 429,
                             .streamed = true,
                             .has_error = true,
                             .finished = RN_FINISH_TOOL,
                             .attempt = 2,
                             .upstream = RN_LIT("anthropic"),
                             .method = RN_LIT("POST"),
                             .path = RN_LIT("/v1/messages"),
                             .model_asked = RN_LIT("claude"),
                             .error = RN_LIT("slow down"),
                             .counted = RN_COUNTED_IN | RN_COUNTED_OUT,
                             .tokens_in = UINT64_MAX,
                             .tokens_out = 3,
                             .arrived_wall_ns = 5,
                             .response_bytes = 9,
                             .told = 4};
    memset(facts.prompt.tools.bytes, 7, sizeof facts.prompt.tools.bytes);
    return facts;
}

START_TEST(a_record_survives_and_a_cut_one_is_none)
{
    struct rn_facts facts = some_facts();
    struct rn_facts again;
    struct rn_buffer bytes = {0};
    struct rn_buffer second = {0};
    ck_assert_int_eq(rn_facts_encode(&facts, &bytes), RN_OK);
    ck_assert(rn_facts_decode(7, rn_buffer_bytes(&bytes), &again));
    ck_assert_uint_eq(again.n, 7);
    ck_assert_uint_eq(again.tokens_in, UINT64_MAX);
    ck_assert(again.streamed && again.has_error && !again.unread);
    ck_assert(rn_bytes_equal(again.error, RN_LIT("slow down")));
    ck_assert_int_eq(rn_facts_encode(&again, &second), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&bytes), rn_buffer_bytes(&second)));
    for (size_t len = 0; len < bytes.len; len++) {
        ck_assert(!rn_facts_decode(7, rn_bytes_sub(rn_buffer_bytes(&bytes), 0, len), &again));
    }
    rn_buffer_free(&bytes);
    rn_buffer_free(&second);
}
END_TEST

START_TEST(no_memory_leaves_the_facts_where_they_were)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", false);
    ck_ok(rn_store_catch_up(maker.store, &error));
    enum rn_status status = RN_NOMEM;
    unsigned failures = 0;
    for (unsigned long n = 1; status != RN_OK; n++) {
        ck_assert_int_eq(status, RN_NOMEM);
        rn_memory_fail_from(n);
        status = rn_facts_bring_up(maker.store, NULL, NULL, &error);
        rn_memory_fail_from(0);
        failures += status != RN_OK;
    }
    ck_assert_uint_gt(failures, 10);
    expect(&id, WHOLE);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/facts");
    TCase *facts = tcase_create("facts");
    tcase_add_checked_fixture(facts, setup, teardown);
    tcase_add_test(facts, facts_say_what_each_exchange_was);
    tcase_add_test(facts, a_trace_is_listed_under_its_terms);
    tcase_add_test(facts, an_open_trace_is_known_as_far_as_it_goes);
    tcase_add_test(facts, a_trace_without_calls_is_listed_too);
    tcase_add_test(facts, a_second_look_changes_nothing);
    tcase_add_test(facts, facts_go_with_their_trace);
    tcase_add_test(facts, a_dropped_trace_gets_no_facts);
    tcase_add_test(facts, a_trace_of_too_many_terms_is_found_by_any_of_them);
    tcase_add_test(facts, labels_of_a_trace_are_the_last_said);
    tcase_add_test(facts, no_memory_leaves_the_facts_where_they_were);
    suite_add_tcase(suite, facts);
    RN_CASE(suite, "record", a_record_survives_and_a_cut_one_is_none);
    return suite;
}
