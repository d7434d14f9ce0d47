/* Findings for people: the place, both values, the likely cause; and never a credential. */
#include "main.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cause.h"
#include "live.h"
#include "miss.h"
#include "theatre.h"

static struct rn_arena arena;
static struct rn_http_head head;
static struct rn_request request;
static struct rn_live live;
static struct rn_redactor *redactor;
static struct rn_finding finding;

static void setup(void)
{
    theatre_open();
    redactor = rn_redactor_new();
    memset(&live, 0, sizeof live);
}

static void teardown(void)
{
    rn_clock_release();
    rn_live_free(&live);
    rn_redactor_free(redactor);
    rn_arena_free(&arena);
    theatre_close();
}

/* A live request with that head and body, redacted. */
static void ask(const char *head_text, const char *body)
{
    size_t skipped;
    ck_assert_int_eq(rn_http_request_parse(rn_bytes_text(head_text), &head, &skipped, NULL),
                     RN_HTTP_DONE);
    request = (struct rn_request){.head = &head,
                                  .route = rn_route_of(head.target, "openai"),
                                  .body = rn_bytes_text(body),
                                  .body_bytes = strlen(body),
                                  .spill = -1};
    ck_assert_int_eq(rn_live_read(redactor, &request, &live), RN_OK);
}

#define POST "POST /v1/chat HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\r\n"

static void miss(const char *head_text, const char *body)
{
    struct rn_match match = {.row = RN_NO_ROW, .refused = RN_NO_ROW, .served = RN_NO_ROW};
    ask(head_text, body);
    rn_finding_miss(theatre_catalog(), 0, &match, &live, &arena, &finding);
}

static void expect(const char *place, const char *pointer, const char *expected, const char *came,
                   const char *cause)
{
    ck_assert_str_eq(finding.place, place);
    ck_assert_str_eq(finding.pointer, pointer);
    ck_assert_str_eq(finding.expected, expected);
    ck_assert_str_eq(finding.came, came);
    ck_assert_str_eq(finding.cause, cause);
    ck_assert_uint_gt(strlen(finding.advice), 0);
    ck_assert_uint_gt(strlen(finding.sentence), 0);
}

START_TEST(a_changed_prompt_is_named_with_its_pointer)
{
    THEATRE_RECORD(
        {.body = "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"hi\"}]}"});
    theatre_load();
    miss(POST, "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"ho\"}]}");
    expect("event 1, request body, /messages/0/content", "/messages/0/content", "\"hi\"", "\"ho\"",
           "a changed prompt");
    ck_assert_ptr_nonnull(strstr(finding.sentence, "POST /v1/chat of openai"));
}
END_TEST

/* Single quotes stand for double ones. */
static const char *quoted(const char *text)
{
    char *copy = rn_arena_text(&arena, rn_bytes_text(text));
    for (char *at = copy; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return copy;
}

/* The cause of the difference between two bodies. */
static const char *cause_between(const char *recorded, const char *now)
{
    THEATRE_RECORD({.body = quoted(recorded)});
    theatre_load();
    miss(POST, quoted(now));
    theatre_close();
    theatre_open();
    return finding.cause;
}

START_TEST(who_speaks_decides_between_prompt_input_and_course)
{
    static const struct {
        const char *recorded;
        const char *now;
        const char *cause;
    } cases[] = {
        {"{'messages':[{'role':'developer','content':'a b'}]}",
         "{'messages':[{'role':'developer','content':'a c'}]}", "a changed prompt"},
        {"{'messages':[{'role':'user','content':[{'type':'text','text':'x'}]}]}",
         "{'messages':[{'role':'user','content':[{'type':'text','text':'y'}]}]}",
         "a changed input"},
        {"{'messages':[{'role':'tool','content':'x'}]}",
         "{'messages':[{'role':'tool','content':'y'}]}", "a changed conversation"},
        {"{'messages':[{'role':'assistant','content':'x'}]}",
         "{'messages':[{'role':'assistant','content':'y'}]}", "a changed conversation"},
        {"{'messages':[{'role':'user','content':'x'}]}",
         "{'messages':[{'role':'user','content':'x'},{'role':'system','content':'z'}]}",
         "a changed prompt"},
        {"{'messages':[{'role':'user','content':'x'},{'role':'assistant','content':'z'}]}",
         "{'messages':[{'role':'user','content':'x'}]}", "a changed conversation"},
        {"{'messages':[{'role':'system','content':'x'}]}",
         "{'messages':[{'role':'user','content':'x'}]}", "a changed prompt"},
        {"{'input':'one'}", "{'input':'two'}", "a changed input"},
        {"{'input':['one']}", "{'input':['two']}", "a changed input"},
        {"{'input':[{'type':'function_call_output','output':'x'}]}",
         "{'input':[{'type':'function_call_output','output':'y'}]}", "a changed conversation"},
        {"{'instructions':'x'}", "{'instructions':'y'}", "a changed prompt"},
        {"{'system':[{'type':'text','text':'x'}]}", "{'system':[{'type':'text','text':'y'}]}",
         "a changed prompt"},
        {"{'systemInstruction':{'parts':[{'text':'x'}]}}",
         "{'systemInstruction':{'parts':[{'text':'y'}]}}", "a changed prompt"},
        {"{'contents':[{'role':'model','parts':[]}]}",
         "{'contents':[{'role':'model','parts':[1]}]}", "a changed conversation"},
        {"{'contents':[{'role':'user','parts':[]}]}", "{'contents':[{'role':'user','parts':[1]}]}",
         "a changed input"},
        {"{'tools':[{'function':{'parameters':{'a':1}}}]}",
         "{'tools':[{'function':{'parameters':{'b':1}}}]}", "a changed tool schema"},
        {"{'tools':[1]}", "{}", "a changed tool schema"},
        {"{'model':'one'}", "{'model':'two'}", "another model"},
        {"{'tool_choice':'auto'}", "{'tool_choice':'none'}", "a changed parameter"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = cause_between(cases[i].recorded, cases[i].now);
        ck_assert_msg(strcmp(found, cases[i].cause) == 0, "%s: %s", cases[i].recorded, found);
    }
}
END_TEST

START_TEST(a_model_in_a_path_is_a_model)
{
    static const struct {
        const char *was;
        const char *is;
        bool model;
    } cases[] = {
        {"/v1beta/models/gemini-pro:generateContent", "/v1beta/models/flash:generateContent", true},
        {"/openai/deployments/a/chat?api-version=1", "/openai/deployments/bb/chat?api-version=1",
         true},
        {"/v1beta/models/a:generateContent", "/v1beta/models/b:countTokens", false},
        {"/v1/models/a", "/v2/models/b", false},
        {"/v1/models/", "/v1/models/b", false},
        {"/v1/chat", "/v1/models/b", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_str_eq(
            rn_cause_target(rn_bytes_text(cases[i].was), rn_bytes_text(cases[i].is)).cause,
            cases[i].model ? "another model" : "another call");
    }
}
END_TEST

/* --- what the end of the run tells ---------------------------------------------------------------------------------- */

#define SORT "{\"messages\":[{\"role\":\"system\",\"content\":\"sort this into queues\"}]}"
#define LOOK "{\"messages\":[{\"role\":\"system\",\"content\":\"look up the order, please\"}]}"
#define REPLY                                                                                      \
    "{\"messages\":[{\"role\":\"system\",\"content\":\"reply politely\"},{\"content\":\"order 5 "  \
    "is there\"}]}"
#define REPLY_WITHOUT                                                                              \
    "{\"messages\":[{\"role\":\"system\",\"content\":\"reply politely\"},{\"content\":\"order "    \
    "\"}]}"

/* Three calls one after the other, of which the first was served; then REPLY_WITHOUT comes. */
static void drop_the_second(bool side_by_side)
{
    THEATRE_RECORD({.body = SORT, .stamps = {1, 2, 3}},
                   {.body = LOOK, .stamps = {4, 5, side_by_side ? 9 : 6}},
                   {.body = REPLY, .stamps = {7, 8, 10}});
    theatre_load();
    theatre_catalog()->rows[0].state = RN_ROW_SERVED;
    miss(POST, REPLY_WITHOUT);
    ck_assert_str_eq(finding.place, "event 3, request body, /messages/1/content");
}

START_TEST(a_call_that_a_later_one_needed_is_missing)
{
    drop_the_second(false);
    rn_finding_settle(theatre_catalog(), 1, &arena, &finding);
    expect("event 2, not asked for", "", "POST /v1/chat of openai", "POST /v1/chat of openai",
           "a missing call");
    ck_assert_ptr_nonnull(strstr(finding.sentence, "event 3"));
}
END_TEST

START_TEST(a_call_that_came_later_is_not_missing)
{
    drop_the_second(false);
    theatre_catalog()->rows[1].state = RN_ROW_SERVED;
    rn_finding_settle(theatre_catalog(), 1, &arena, &finding);
    ck_assert_str_eq(finding.cause, "a changed conversation");
}
END_TEST

START_TEST(as_many_misses_as_unserved_are_changed_calls)
{
    drop_the_second(false);
    rn_finding_settle(theatre_catalog(), 2, &arena, &finding);
    ck_assert_str_eq(finding.cause, "a changed conversation");
}
END_TEST

START_TEST(calls_side_by_side_need_not_wait_for_one_another)
{
    drop_the_second(true);
    rn_finding_settle(theatre_catalog(), 1, &arena, &finding);
    ck_assert_str_eq(finding.cause, "a changed conversation");
}
END_TEST

START_TEST(a_call_that_changed_is_not_a_missing_one)
{
    THEATRE_RECORD({.body = SORT}, {.body = LOOK}, {.body = REPLY});
    theatre_load();
    miss(POST, "{\"messages\":[{\"role\":\"system\",\"content\":\"sort it into some queue\"}]}");
    rn_finding_settle(theatre_catalog(), 1, &arena, &finding);
    ck_assert_str_eq(finding.place, "event 1, request body, /messages/0/content");
    ck_assert_str_eq(finding.cause, "a changed prompt");
}
END_TEST

START_TEST(a_request_beside_all_that_was_recorded_is_one_more)
{
    THEATRE_RECORD({.body = SORT}, {.body = LOOK});
    theatre_load();
    miss(POST, "{\"messages\":[{\"role\":\"system\",\"content\":\"judge what is here\"}]}");
    theatre_catalog()->rows[0].state = RN_ROW_SERVED;
    rn_finding_settle(theatre_catalog(), 1, &arena, &finding);
    ck_assert_str_eq(finding.cause, "a changed prompt");
    theatre_catalog()->rows[1].state = RN_ROW_SERVED;
    rn_finding_settle(theatre_catalog(), 1, &arena, &finding);
    ck_assert_str_eq(finding.cause, "an extra call");
    ck_assert_str_eq(finding.came, "POST /v1/chat of openai");
    ck_assert_int_eq(strncmp(finding.place, "beside event ", 13), 0);
}
END_TEST

START_TEST(a_missing_member_is_an_empty_side)
{
    THEATRE_RECORD({.body = "{\"model\":\"m\",\"max_tokens\":5}"});
    theatre_load();
    miss(POST, "{\"model\":\"m\"}");
    expect("event 1, request body, /max_tokens", "/max_tokens", "5", "", "a changed parameter");
}
END_TEST

START_TEST(the_nearest_recording_is_the_one_most_alike)
{
    THEATRE_RECORD({.target = "/v1/other", .body = "{\"messages\":[\"one two three four\"]}"},
                   {.body = "{\"messages\":[\"five six seven eight\"]}"},
                   {.body = "{\"messages\":[\"one two three four\"]}"},
                   {.upstream = "anthropic", .body = "{\"messages\":[\"one two three five\"]}"});
    theatre_load();
    miss(POST, "{\"messages\":[\"one two three fivE\"]}");
    ck_assert_str_eq(finding.place, "event 3, request body, /messages/0");
    theatre_catalog()->rows[2].state = RN_ROW_SERVED;
    miss(POST, "{\"messages\":[\"one two three fivE\"]}");
    ck_assert_str_eq(finding.place, "event 2, request body, /messages/0");
}
END_TEST

START_TEST(another_target_is_named)
{
    THEATRE_RECORD({.body = "{}"});
    theatre_load();
    miss("POST /v1/chat?x=1 HTTP/1.1\r\nHost: h\r\n\r\n", "{}");
    expect("event 1, request target", "", "/v1/chat", "/v1/chat?x=1", "another call");
    miss("PUT /v1/chat HTTP/1.1\r\nHost: h\r\n\r\n", "{}");
    expect("event 1, request method", "", "POST", "PUT", "another call");
}
END_TEST

START_TEST(a_body_that_is_no_json_differs_at_a_byte)
{
    THEATRE_RECORD({.body = "one two three"});
    theatre_load();
    miss(POST, "one tWo three");
    ck_assert_str_eq(finding.place, "event 1, request body, byte 5");
    ck_assert_str_eq(finding.cause, "a changed request body");
}
END_TEST

START_TEST(a_request_that_was_answered_before_is_an_extra_call)
{
    THEATRE_RECORD({.body = "{}"});
    theatre_load();
    theatre_catalog()->rows[0].state = RN_ROW_SERVED;
    struct rn_match match = {.row = RN_NO_ROW, .refused = RN_NO_ROW, .served = 0};
    ask(POST, "{}");
    rn_finding_miss(theatre_catalog(), 0, &match, &live, &arena, &finding);
    ck_assert_str_eq(finding.place, "event 1, asked again");
    ck_assert_str_eq(finding.cause, "an extra call");
    miss(POST, "{\"new\":1}");
    ck_assert_str_eq(finding.place, "behind the last event");
    ck_assert_str_eq(finding.cause, "an extra call");
}
END_TEST

START_TEST(an_unknown_trace_is_named)
{
    THEATRE_RECORD({.body = "{}"});
    theatre_load();
    struct rn_match match = {.row = RN_NO_ROW, .refused = RN_NO_ROW, .served = RN_NO_ROW};
    ask("POST /v1/chat HTTP/1.1\r\nHost: h\r\nx-reenact-trace: abc\r\n\r\n", "{}");
    rn_finding_miss(theatre_catalog(), SIZE_MAX, &match, &live, &arena, &finding);
    ck_assert_str_eq(finding.place, "trace abc");
    ck_assert_str_eq(finding.cause, "an unknown trace");
}
END_TEST

START_TEST(no_credential_stands_in_a_finding)
{
    static const char key[] = "sk-proj-Zx81LmQ0aTb7RkY2Vw93Zx81LmQ0";
    char target[200];
    char body[200];
    snprintf(target, sizeof target,
             "POST /v2/%s?key=%s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n", key, key,
             key);
    snprintf(body, sizeof body, "{\"api_key\":\"%s\",\"note\":\"%s\"}", key, key);
    THEATRE_RECORD({.body = "{\"api_key\":\"x\",\"note\":\"y\"}"});
    theatre_load();
    miss(target, body);
    ck_assert_ptr_null(strstr(finding.sentence, "Zx81"));
    ck_assert_ptr_null(strstr(finding.came, "Zx81"));
    miss(POST, body);
    ck_assert_ptr_null(strstr(finding.sentence, "Zx81"));
    ck_assert_ptr_null(strstr(finding.came, "Zx81"));
    ck_assert_str_eq(finding.pointer, "/note");
}
END_TEST

START_TEST(a_missing_call_names_what_was_expected)
{
    THEATRE_RECORD({.body = "{}"}, {.target = "/v1/embeddings"});
    theatre_load();
    rn_finding_missing(theatre_catalog(), 1, &arena, &finding);
    expect("event 2, not asked for", "", "POST /v1/embeddings of openai", "", "a missing call");
}
END_TEST

/* --- causes -------------------------------------------------------------------------------------------------------- */

static const char *cause(const char *pointer, const char *recorded, const char *now)
{
    return rn_cause_of(rn_bytes_text(pointer), RN_SPEAKER_SYSTEM, rn_bytes_text(recorded),
                       rn_bytes_text(now), UINT64_C(1795219200) * 1000000000)
        .cause;
}

START_TEST(shapes_tell_causes)
{
    static const char id[] = "an id that is made anew in every run";
    ck_assert_str_eq(cause("/user", "\"6f1c2d3e-0000-4000-8000-aabbccddeeff\"",
                           "\"7a1c2d3e-1111-4111-9111-aabbccddeeff\""),
                     id);
    ck_assert_str_eq(cause("/messages/0/content", "\"session abc_9f8e7d6c5b is on\"",
                           "\"session abc_1a2b3c4d5e is on\""),
                     id);
    ck_assert_str_eq(cause("/at", "\"2026-11-02T10:00:00Z\"", "\"2026-11-20T19:00:00Z\""),
                     "a time");
    ck_assert_str_eq(cause("/at", "1795219200", "1795219201"), "a time");
    ck_assert_str_eq(cause("/at", "1795219200123", "1795219201456"), "a time");
    ck_assert_str_eq(
        cause("/messages/0/content", "\"today is 2026-11-02.\"", "\"today is 2026-11-21.\""),
        "today's date");
    ck_assert_str_eq(cause("/messages/0/content", "\"on 2026-11-02\"", "\"on 2025-01-01\""),
                     "a time");
    ck_assert_str_eq(cause("/messages/0/content", "\"on 2025-01-01\"", "\"on 2025-01-01 again\""),
                     "a changed prompt"); /* the same date on both sides */
    ck_assert_str_eq(cause("/messages/0/content", "\"hello there\"", "\"hello world\""),
                     "a changed prompt");
    ck_assert_str_eq(cause("/system", "\"a\"", "\"b\""), "a changed prompt");
    ck_assert_str_eq(cause("/tools/0/function/name", "\"a\"", "\"b\""), "a changed tool schema");
    ck_assert_str_eq(cause("/model", "\"gpt-4o\"", "\"gpt-5\""), "another model");
    ck_assert_str_eq(cause("/models", "1", "2"), "a changed parameter");
    ck_assert_str_eq(cause("/temperature", "1", "0"), "a changed parameter");
    ck_assert_str_eq(cause("", "a", "b"), "a changed request body");
    ck_assert_str_eq(cause("", "", ""), "a changed request body");
}
END_TEST

START_TEST(excerpts_show_the_difference_and_whole_characters)
{
    char text[400];
    memset(text, 'a', sizeof text);
    memcpy(text + 300, "HERE", 4);
    struct rn_bytes bytes = rn_bytes_of(text, sizeof text);
    const char *shown = rn_excerpt(&arena, bytes, 300);
    ck_assert_ptr_nonnull(strstr(shown, "HERE"));
    ck_assert_uint_le(strlen(shown), 130);
    ck_assert_str_eq(rn_excerpt(&arena, RN_LIT("a\nb\x1b[31m"), 0), "a b?[31m");
    ck_assert_str_eq(rn_excerpt(&arena, RN_LIT(""), 5), "");
    for (size_t at = 0; at < 200; at++) {
        char umlauts[401];
        for (size_t i = 0; i < 200; i++) {
            memcpy(umlauts + 2 * i, "\xc3\xa4", 2);
        }
        shown = rn_excerpt(&arena, rn_bytes_of(umlauts, 400), 2 * at + 1);
        const char *content = strncmp(shown, "...", 3) == 0 ? shown + 3 : shown;
        ck_assert_int_eq((unsigned char)content[0], 0xc3);
    }
}
END_TEST

/* --- misses -------------------------------------------------------------------------------------------------------- */

START_TEST(miss_bodies_have_the_providers_shape)
{
    static const char *const bodies[] = {
        ("{\"error\":{\"message\":\"reenact: say \\\"x\\\"\",\"type\":\"reenact_miss\","
         "\"param\":null,\"code\":\"reenact_miss\"}}\n"),
        ("{\"type\":\"error\",\"error\":{\"type\":\"reenact_miss\",\"message\":"
         "\"reenact: say \\\"x\\\"\"}}\n"),
        "{\"error\":\"reenact: say \\\"x\\\"\"}\n"};
    for (int shape = RN_MISS_OPENAI; shape <= RN_MISS_PLAIN; shape++) {
        struct rn_buffer body = {0};
        ck_assert_int_eq(rn_miss_body((enum rn_miss_shape)shape, "say \"x\"", &body), RN_OK);
        ck_assert(rn_bytes_equal(rn_buffer_bytes(&body), rn_bytes_text(bodies[shape])));
        rn_buffer_free(&body);
    }
}
END_TEST

START_TEST(a_version_header_makes_it_anthropics_shape)
{
    ask("POST /v1/messages HTTP/1.1\r\nHost: h\r\nanthropic-version: 1\r\n\r\n", "{}");
    ck_assert_int_eq(rn_miss_shape_of(&request), RN_MISS_ANTHROPIC);
    ask(POST, "{}");
    ck_assert_int_eq(rn_miss_shape_of(&request), RN_MISS_OPENAI);
    request.route.upstream = RN_LIT("qdrant");
    ck_assert_int_eq(rn_miss_shape_of(&request), RN_MISS_PLAIN);
}
END_TEST

START_TEST(without_memory_a_finding_is_poorer_but_never_none)
{
    THEATRE_RECORD({.body = "{\"messages\":[\"a\"]}"});
    theatre_load();
    ask(POST, "{\"messages\":[\"b\"]}");
    struct rn_match match = {.row = RN_NO_ROW, .refused = RN_NO_ROW, .served = RN_NO_ROW};
    for (unsigned long nth = 1;; nth++) {
        rn_memory_fail_from(nth);
        rn_finding_miss(theatre_catalog(), 0, &match, &live, &arena, &finding);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_ptr_nonnull(finding.sentence);
        ck_assert_ptr_nonnull(finding.place);
        rn_arena_free(&arena);
        if (!failed) {
            break;
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("divergence");
    TCase *cases = tcase_create("divergence");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_changed_prompt_is_named_with_its_pointer);
    tcase_add_test(cases, who_speaks_decides_between_prompt_input_and_course);
    tcase_add_test(cases, a_model_in_a_path_is_a_model);
    tcase_add_test(cases, a_call_that_a_later_one_needed_is_missing);
    tcase_add_test(cases, a_call_that_came_later_is_not_missing);
    tcase_add_test(cases, as_many_misses_as_unserved_are_changed_calls);
    tcase_add_test(cases, calls_side_by_side_need_not_wait_for_one_another);
    tcase_add_test(cases, a_call_that_changed_is_not_a_missing_one);
    tcase_add_test(cases, a_request_beside_all_that_was_recorded_is_one_more);
    tcase_add_test(cases, a_missing_member_is_an_empty_side);
    tcase_add_test(cases, the_nearest_recording_is_the_one_most_alike);
    tcase_add_test(cases, another_target_is_named);
    tcase_add_test(cases, a_body_that_is_no_json_differs_at_a_byte);
    tcase_add_test(cases, a_request_that_was_answered_before_is_an_extra_call);
    tcase_add_test(cases, an_unknown_trace_is_named);
    tcase_add_test(cases, no_credential_stands_in_a_finding);
    tcase_add_test(cases, a_missing_call_names_what_was_expected);
    tcase_add_test(cases, shapes_tell_causes);
    tcase_add_test(cases, excerpts_show_the_difference_and_whole_characters);
    tcase_add_test(cases, miss_bodies_have_the_providers_shape);
    tcase_add_test(cases, a_version_header_makes_it_anthropics_shape);
    tcase_add_test(cases, without_memory_a_finding_is_poorer_but_never_none);
    suite_add_tcase(suite, cases);
    return suite;
}
