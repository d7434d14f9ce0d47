/* Which recording answers which request, and that each answers once. */
#include "main.h"

#include <string.h>

#include "live.h"
#include "match.h"
#include "theatre.h"

#define BOTH (1u << RN_RULE_BYTES | 1u << RN_RULE_JSON)

static struct rn_matcher *matcher;
static struct rn_error error;
static uint32_t refuse_row = RN_NO_ROW;

static void setup(void)
{
    theatre_open();
    matcher = NULL;
    refuse_row = RN_NO_ROW;
}

static void teardown(void)
{
    rn_matcher_free(matcher);
    theatre_close();
}

static void begin(unsigned rules)
{
    theatre_load();
    matcher = rn_matcher_new(theatre_catalog(), rules);
    ck_assert_ptr_nonnull(matcher);
}

static bool accept(void *self, uint32_t row)
{
    (void)self;
    return row != refuse_row;
}

static struct rn_match take_in(uint32_t trace, const char *target, const char *body)
{
    struct rn_match match;
    struct rn_key_input input = {.upstream = RN_LIT("openai"),
                                 .method = RN_LIT("POST"),
                                 .target = rn_bytes_text(target),
                                 .body = rn_bytes_text(body)};
    ck_assert_msg(rn_match_take(matcher, trace, &input, accept, NULL, &match, &error) == RN_OK,
                  "%s", error.text);
    return match;
}

static struct rn_match take(const char *body)
{
    return take_in(0, "/v1/chat", body);
}

START_TEST(every_recording_matches_itself)
{
    THEATRE_RECORD({.body = "{\"a\":1}"}, {.body = "no json"}, {.body = ""},
                   {.body = "{\"a\":1,\"a\":2}"});
    begin(1u << RN_RULE_BYTES);
    static const char *const bodies[] = {"{\"a\":1}", "no json", "", "{\"a\":1,\"a\":2}"};
    for (uint32_t i = 4; i-- > 0;) {
        struct rn_match match = take(bodies[i]);
        ck_assert_int_eq(match.rule, RN_RULE_BYTES);
        ck_assert_uint_eq(match.row, i);
        ck_assert(!match.ambiguous);
    }
}
END_TEST

START_TEST(each_recording_is_given_once)
{
    THEATRE_RECORD({.body = "{\"a\":1}"});
    begin(BOTH);
    ck_assert_int_eq(take("{\"a\":1}").rule, RN_RULE_BYTES);
    struct rn_match again = take("{\"a\":1}");
    ck_assert_int_eq(again.rule, RN_RULE_NONE);
    ck_assert_uint_eq(again.served, 0);
    ck_assert_uint_eq(again.refused, RN_NO_ROW);
    ck_assert_int_eq(take("{ \"a\": 1}").rule, RN_RULE_NONE);
}
END_TEST

START_TEST(equal_requests_are_given_in_order_of_their_ordinals)
{
    THEATRE_RECORD({.body = "{}"}, {.body = "{\"x\":1}"}, {.body = "{}"}, {.body = "{}"});
    begin(BOTH);
    static const uint32_t expected[] = {0, 2, 3};
    for (size_t i = 0; i < 3; i++) {
        struct rn_match match = take("{}");
        ck_assert_uint_eq(match.row, expected[i]);
        ck_assert(!match.ambiguous);
        rn_match_over(matcher, match.row);
    }
    ck_assert_int_eq(take("{}").rule, RN_RULE_NONE);
}
END_TEST

START_TEST(what_was_in_flight_together_is_ambiguous)
{
    THEATRE_RECORD({.body = "{}", .stamps = {1, 5, 6}}, {.body = "{}", .stamps = {2, 3, 4}},
                   {.body = "{}", .stamps = {7, 8, 9}});
    begin(BOTH);
    for (uint32_t i = 0; i < 3; i++) {
        struct rn_match match = take("{}");
        ck_assert_uint_eq(match.row, i);
        ck_assert_int_eq(match.ambiguous, i < 2);
        rn_match_over(matcher, match.row);
    }
}
END_TEST

START_TEST(what_is_in_flight_together_now_is_ambiguous)
{
    THEATRE_RECORD({.body = "{}"}, {.body = "{}"});
    begin(BOTH);
    ck_assert(!take("{}").ambiguous);
    ck_assert(take("{}").ambiguous);
}
END_TEST

START_TEST(json_matches_any_order_and_spelling)
{
    THEATRE_RECORD({.body = "{\"a\":1.0,\"b\":\"\\u0041\",\"c\":[1,2]}"});
    begin(BOTH);
    struct rn_match match = take(" {\"c\":[1,2],\"b\":\"A\",\"a\":10e-1}");
    ck_assert_int_eq(match.rule, RN_RULE_JSON);
    ck_assert_uint_eq(match.row, 0);
    ck_assert_uint_eq(theatre_catalog()->rows[0].rule, RN_RULE_JSON);
}
END_TEST

START_TEST(json_does_not_match_what_is_not_equal)
{
    THEATRE_RECORD({.body = "{\"a\":9007199254740993,\"b\":[1,2]}"});
    begin(BOTH);
    ck_assert_int_eq(take("{\"a\":9007199254740992,\"b\":[1,2]}").rule, RN_RULE_NONE);
    ck_assert_int_eq(take("{\"a\":9007199254740993,\"b\":[2,1]}").rule, RN_RULE_NONE);
    ck_assert_int_eq(take("{\"a\":9007199254740993,\"b\":[1,2],\"c\":null}").rule, RN_RULE_NONE);
    ck_assert_int_eq(take("{\"a\":9007199254740993,\"a\":1,\"b\":[1,2]}").rule, RN_RULE_NONE);
    ck_assert_int_eq(take("{\"b\":[1, 2],\"a\":9007199254740993}").rule, RN_RULE_JSON);
}
END_TEST

START_TEST(bytes_go_before_json)
{
    THEATRE_RECORD({.body = "{\"a\":1,\"b\":2}"}, {.body = "{\"b\":2,\"a\":1}"});
    begin(BOTH);
    struct rn_match second = take("{\"b\":2,\"a\":1}");
    ck_assert_int_eq(second.rule, RN_RULE_BYTES);
    ck_assert_uint_eq(second.row, 1);
    ck_assert_uint_eq(take("{\"b\": 2, \"a\": 1}").row, 0);
}
END_TEST

START_TEST(strict_means_bytes_alone)
{
    THEATRE_RECORD({.body = "{\"a\":1}"});
    begin(1u << RN_RULE_BYTES);
    ck_assert_int_eq(take("{ \"a\":1}").rule, RN_RULE_NONE);
    ck_assert_int_eq(take("{\"a\":1}").rule, RN_RULE_BYTES);
}
END_TEST

START_TEST(another_target_method_or_upstream_never_matches)
{
    THEATRE_RECORD({.body = "{}"});
    begin(BOTH);
    ck_assert_int_eq(take_in(0, "/v1/chat?x=1", "{}").rule, RN_RULE_NONE);
    ck_assert_int_eq(take_in(0, "/v1/chat2", "{}").rule, RN_RULE_NONE);
    struct rn_key_input input = {.upstream = RN_LIT("anthropic"),
                                 .method = RN_LIT("POST"),
                                 .target = RN_LIT("/v1/chat"),
                                 .body = RN_LIT("{}")};
    struct rn_match match;
    ck_assert_int_eq(rn_match_take(matcher, 0, &input, accept, NULL, &match, &error), RN_OK);
    ck_assert_int_eq(match.rule, RN_RULE_NONE);
    input.upstream = RN_LIT("openai");
    input.method = RN_LIT("PUT");
    ck_assert_int_eq(rn_match_take(matcher, 0, &input, accept, NULL, &match, &error), RN_OK);
    ck_assert_int_eq(match.rule, RN_RULE_NONE);
    ck_assert_int_eq(take("{}").rule, RN_RULE_BYTES);
}
END_TEST

START_TEST(other_fields_refuse_a_row_and_the_next_one_is_tried)
{
    THEATRE_RECORD({.body = "{}"}, {.body = "{}"});
    begin(BOTH);
    refuse_row = 0;
    struct rn_match match = take("{}");
    ck_assert_uint_eq(match.row, 1);
    rn_match_over(matcher, 1);
    match = take("{}");
    ck_assert_int_eq(match.rule, RN_RULE_NONE);
    ck_assert_uint_eq(match.refused, 0);
    refuse_row = RN_NO_ROW;
    ck_assert_uint_eq(take("{}").row, 0);
}
END_TEST

START_TEST(matching_stays_inside_its_trace)
{
    THEATRE_RECORD({.body = "{\"in\":0}"}, {.body = "{\"in\":1}", .trace = 1});
    begin(BOTH);
    /* Without a run the other trace of the session is not part of the recording at all. */
    ck_assert_uint_eq(theatre_catalog()->trace_count, 1);
    ck_assert_int_eq(take("{\"in\":1}").rule, RN_RULE_NONE);
}
END_TEST

START_TEST(a_run_brings_the_traces_it_opened)
{
    static const char *const argv[] = {"true", NULL};
    struct scene_run run = {.argv = argv};
    theatre_record(
        (const struct scene[]){{.body = "{\"in\":0}"}, {.body = "{\"in\":1}", .trace = 1}}, 2,
        &run);
    begin(BOTH);
    ck_assert_uint_eq(theatre_catalog()->trace_count, 2);
    ck_assert(theatre_catalog()->has_run);
    size_t one = rn_live_trace(theatre_catalog(), RN_LIT("ONE"), 0);
    ck_assert_uint_eq(one, 1);
    ck_assert_uint_eq(rn_live_trace(theatre_catalog(), RN_LIT(""), 0), 0);
    ck_assert_uint_eq(rn_live_trace(theatre_catalog(), RN_LIT(""), 1), SIZE_MAX);
    ck_assert_uint_eq(rn_live_trace(theatre_catalog(), RN_LIT("two"), 0), SIZE_MAX);
    ck_assert_int_eq(take_in(0, "/v1/chat", "{\"in\":1}").rule, RN_RULE_NONE);
    ck_assert_int_eq(take_in(1, "/v1/chat", "{\"in\":1}").rule, RN_RULE_BYTES);
}
END_TEST

/* A session of one's own choice holds what others record later; none of that happened to this run. */
START_TEST(what_serve_records_in_the_session_of_a_run_is_not_the_runs)
{
    struct rn_trace_id mine = {{1}};
    struct rn_trace_id other = {{2}};
    const struct rn_trace_summary run = {
        .id = mine, .has_run = true, .kind = RN_LIT("run"), .started_wall_ns = 10};
    struct rn_trace_summary later = {.kind = RN_LIT("serve"), .started_wall_ns = 20};
    ck_assert(!rn_catalog_opened(&run, &later, NULL));
    later.parent = mine;
    ck_assert(!rn_catalog_opened(&run, &later, NULL));
    later.kind = RN_LIT("run");
    ck_assert(rn_catalog_opened(&run, &later, NULL));
    later.parent = other;
    ck_assert(rn_catalog_opened(&run, &later, NULL));
}
END_TEST

START_TEST(of_runs_at_once_the_one_that_is_named_opened_the_trace)
{
    const struct rn_trace_summary first = {
        .id = {{1}}, .has_run = true, .kind = RN_LIT("run"), .started_wall_ns = 10};
    const struct rn_trace_summary second = {
        .id = {{2}}, .has_run = true, .kind = RN_LIT("run"), .started_wall_ns = 15};
    struct rn_trace_summary trace = {
        .parent = first.id, .kind = RN_LIT("run"), .started_wall_ns = 20};
    ck_assert(rn_catalog_opened(&first, &trace, NULL));
    ck_assert(rn_catalog_opened(&first, &trace, &second));
    ck_assert(!rn_catalog_opened(&second, &trace, &first));
    trace.started_wall_ns = 5; /* the clock was put back in between */
    ck_assert(rn_catalog_opened(&first, &trace, NULL));
    ck_assert(!rn_catalog_opened(&second, &trace, NULL));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("match");
    TCase *cases = tcase_create("match");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, every_recording_matches_itself);
    tcase_add_test(cases, each_recording_is_given_once);
    tcase_add_test(cases, equal_requests_are_given_in_order_of_their_ordinals);
    tcase_add_test(cases, what_was_in_flight_together_is_ambiguous);
    tcase_add_test(cases, what_is_in_flight_together_now_is_ambiguous);
    tcase_add_test(cases, json_matches_any_order_and_spelling);
    tcase_add_test(cases, json_does_not_match_what_is_not_equal);
    tcase_add_test(cases, bytes_go_before_json);
    tcase_add_test(cases, strict_means_bytes_alone);
    tcase_add_test(cases, another_target_method_or_upstream_never_matches);
    tcase_add_test(cases, other_fields_refuse_a_row_and_the_next_one_is_tried);
    tcase_add_test(cases, matching_stays_inside_its_trace);
    tcase_add_test(cases, a_run_brings_the_traces_it_opened);
    tcase_add_test(cases, what_serve_records_in_the_session_of_a_run_is_not_the_runs);
    tcase_add_test(cases, of_runs_at_once_the_one_that_is_named_opened_the_trace);
    suite_add_tcase(suite, cases);
    return suite;
}
