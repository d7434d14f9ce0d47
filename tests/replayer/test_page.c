/* A trace as a page: what stands on it, that nothing recorded becomes markup, and that it is whole or not there. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "base/memory.h"
#include "page.h"

#define OLD "Goods may be sent back within 30 days of delivery and not later."
#define EVIL "</pre></script><img src=x onerror=alert(1)>\\u202e\\u0000 \\\"'"
#define FOUND                                                                                      \
    "{\"result\":{\"points\":[{\"id\":\"refund-v1\",\"score\":0.83,\"payload\":{\"text\":\"" OLD   \
    "\"}}]},\"status\":\"ok\"}"
#define MESSAGE(message, finish)                                                                   \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"gpt-4.1\",\"choices\":[{\"index\":"  \
    "0,\"message\":" message ",\"finish_reason\":\"" finish                                        \
    "\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,\"total_tokens\":15}}"
#define ASKS                                                                                       \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":"        \
    "\"function\",\"function\":{\"name\":\"get_order\",\"arguments\":\"{\\\"id\\\":88231}\"}}]}"
#define QUESTION "{\"role\":\"user\",\"content\":\"Order 88231 is broken " EVIL "\"}"

static const struct call calls[] = {
    {.upstream = "qdrant",
     .target = "/collections/policies/points/query",
     .body = "{\"query\":[0.5],\"limit\":2}",
     .answer = FOUND},
    {.body = "{\"model\":\"gpt-4.1\",\"messages\":[" QUESTION "]}",
     .answer = MESSAGE(ASKS, "tool_calls")},
    {.body = "{\"model\":\"gpt-4.1\",\"messages\":[" QUESTION "," ASKS
             ",{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"36 days ago\"}]}",
     .answer = MESSAGE("{\"role\":\"assistant\",\"content\":\"No. " OLD " " EVIL "\"}", "stop")},
    {.body = "{\"model\":\"gpt-4.1\",\"messages\":[" QUESTION "]}",
     .status = 500,
     .answer = "{\"error\":{\"message\":\"" EVIL "\"}}"},
    {.end = RN_END_ABORTED, .flags = RN_FLAG_TRUNCATED},
};
#define CALLS (sizeof calls / sizeof calls[0])

static struct rn_store *store;
static struct rn_arena arena;
static struct rn_trace_summary summary;
static struct rn_page_outcome outcome;

static void setup(void)
{
    struct made_call made[CALLS];
    struct rn_recording_settings settings = {
        .name = "refund", .kind = "run", .release = "<b>2.14.1</b>"};
    archive_open();
    memset(made, 0, sizeof made);
    rn_uuid7(settings.id.bytes);
    for (uint32_t i = 0; i < CALLS; i++) {
        call_event(&made[i], &calls[i], i + 1);
    }
    archive_record(&settings, made, CALLS);
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    ck_ok(rn_trace_summary(store, &settings.id, &arena, &summary, &error));
}

static void teardown(void)
{
    rn_store_close(store);
    rn_arena_free(&arena);
    archive_close();
}

static size_t count_of(struct rn_bytes text, const char *needle)
{
    size_t count = 0;
    for (size_t at; (at = rn_bytes_find(text, rn_bytes_text(needle))) != RN_NPOS; count++) {
        text = rn_bytes_from(text, at + 1);
    }
    return count;
}

static void expect(struct rn_bytes page, const char *needle, size_t count)
{
    ck_assert_msg(count_of(page, needle) == count, "%zu times and not %zu: %s",
                  count_of(page, needle), count, needle);
}

START_TEST(page_holds_the_steps_and_links_what_was_quoted)
{
    struct rn_buffer out = {0};
    ck_ok(rn_page_make(store, &summary, NULL, &out, &outcome, &error));
    struct rn_bytes page = rn_buffer_bytes(&out);
    expect(page, "<article class=\"step\" id=\"e", CALLS);
    expect(page, "<article class=\"step told\" id=\"e3t1\">", 1);
    expect(page, "<li id=\"e1d1\">", 1);
    expect(
        page,
        "<a class=\"from\" href=\"#e1d1\" title=\"verbatim in refund-v1 (event 1, rank 1)\">" OLD,
        1);
    expect(page, "answer of 3</a>", 1);
    expect(page, "aborted", 1);
    expect(page, "truncated: a body is longer than what is kept", 1);
    ck_assert_uint_eq(outcome.damaged, 0);
    ck_assert_uint_eq(outcome.left_out, 0);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(nothing_recorded_becomes_markup)
{
    struct rn_buffer out = {0};
    ck_ok(rn_page_make(store, &summary, NULL, &out, &outcome, &error));
    struct rn_bytes page = rn_buffer_bytes(&out);
    expect(page, "<img", 0);
    expect(page, "</script", 0);
    expect(page, "<b>2.14.1", 0);
    expect(page, "&lt;b&gt;2.14.1&lt;/b&gt;", 1);
    expect(page, "\xe2\x80\xae", 0); /* U+202E itself */
    ck_assert_uint_gt(count_of(page, "&lt;img src=x onerror=alert(1)&gt;\\u202e"), 2);
    ck_assert_uint_eq(rn_bytes_find_byte(page, 0), RN_NPOS);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(page_is_whole_or_there_was_no_memory)
{
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_buffer out = {0};
        rn_memory_fail_from(nth);
        enum rn_status status = rn_page_make(store, &summary, NULL, &out, &outcome, &error);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_msg(status == (failed ? RN_NOMEM : RN_OK), "allocation %lu: %s: %s", nth,
                      rn_status_name(status), error.text);
        ck_assert(failed || rn_bytes_ends_with(rn_buffer_bytes(&out), RN_LIT("</html>\n")));
        rn_buffer_free(&out);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("page");
    TCase *pages = tcase_create("pages");
    tcase_add_checked_fixture(pages, setup, teardown);
    tcase_add_test(pages, page_holds_the_steps_and_links_what_was_quoted);
    tcase_add_test(pages, nothing_recorded_becomes_markup);
    tcase_add_test(pages, page_is_whole_or_there_was_no_memory);
    suite_add_tcase(suite, pages);
    return suite;
}
