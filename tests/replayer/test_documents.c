/* A report as documents that nothing recorded can break. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "afternoon.h"
#include "base/memory.h"

#define HOSTILE                                                                                    \
    "</script></pre><img onerror=alert(1) src=x>\"'&amp;<!-- ]]> \x01\x1b[31m\xff\xed\xa0\x80 "    \
    "\xe2\x80\xae"

static const struct rn_judged_condition conditions[] = {
    {"tool_agreement < 0.95", true, NULL},
    {"cost > 10$ or \"<b>\"", true, "cost"},
    {"failed > 100", false, NULL},
};

/* A report with something in every section, all text hostile. */
static void make_hostile(void)
{
    begin(5);
    const struct answer *usual = ANSWER(.text = "yes", .complete_ns = 900 * MS,
                                        .first_byte_ns = 90 * MS, .tokens_in = 10, .tokens_out = 5);
    for (uint64_t i = 0; i < 50; i++) {
        struct answer slower = *usual;
        slower.complete_ns = (500 + 40 * i) * MS;
        slower.first_byte_ns = (50 + i) * MS;
        add(usual, &slower);
    }
    add(ANSWER(.text = "{}"), ANSWER(.text = HOSTILE));
    add(ANSWER(.text = "yes"), ANSWER(.status = 500, .error = HOSTILE));
    add(ANSWER(.text = "yes"), NULL);
    end();
    snprintf(report.facts.name, sizeof report.facts.name, "%s", "<x onload='y'>");
    snprintf(report.facts.to, sizeof report.facts.to, "%s", "openai/<b>\x02");
    snprintf(report.facts.url, sizeof report.facts.url, "%s", "http://h/?a=1&b=\"2\"");
    snprintf(report.prices_origin, sizeof report.prices_origin, "%s", "/tmp/<p>&.json");
    report.left_out[RN_LEFT_REDACTED] = 3;
    report.worst = rn_arena_alloc(&report.arena, 2 * sizeof *report.worst);
    report.worst_count = 2;
    for (size_t i = 0; i < 2; i++) {
        report.worst[i].asked = RN_LIT("\nplease " HOSTILE);
        report.worst[i].recorded = RN_LIT("\nthe old " HOSTILE " way");
        report.worst[i].fresh = RN_LIT("the new way" HOSTILE);
        report.worst[i].pair = (struct rn_pair){.judged = 0xff, .distance = 0.5};
    }
    report.worst[1].fresh = RN_LIT("");
}

/* No control character but TAB and LF, all of it UTF-8; nothing of what was recorded stands as markup. */
static void check_text(struct rn_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        ck_assert_msg(text.data[i] >= 0x20 || text.data[i] == '\n' || text.data[i] == '\t',
                      "a control character at %zu", i);
    }
    json_t *string = json_stringn((const char *)text.data, text.len);
    ck_assert_msg(string != NULL, "not UTF-8");
    json_decref(string);
    ck_assert_uint_eq(rn_bytes_find(text, RN_LIT("<img")), RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find(text, RN_LIT("<script")), RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find(text, RN_LIT("</script")), RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find(text, RN_LIT("<b>")), RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find(text, RN_LIT("<x ")), RN_NPOS);
}

static bool is_void(struct rn_bytes name)
{
    return rn_bytes_equal(name, RN_LIT("meta"));
}

/* Every element is closed in turn, every '&' begins a reference, attributes stand in quotes. Counts the elements. */
static size_t check_markup(struct rn_bytes text)
{
    struct rn_bytes open[64];
    size_t depth = 0;
    size_t elements = 0;
    for (size_t at = 0; at < text.len; at++) {
        if (text.data[at] == '&') {
            size_t end = rn_bytes_find_byte(rn_bytes_sub(text, at, 8), ';');
            ck_assert_msg(end != RN_NPOS && end > 1, "a bare & at %zu", at);
        }
        if (text.data[at] != '<') {
            continue;
        }
        size_t end = at;
        bool quoted = false;
        for (; end < text.len && (quoted || text.data[end] != '>'); end++) {
            quoted = quoted != (text.data[end] == '"');
        }
        ck_assert_msg(end < text.len, "a tag without end at %zu", at);
        struct rn_bytes tag = rn_bytes_sub(text, at + 1, end - at - 1);
        at = end;
        if (tag.data[0] == '!' || tag.data[0] == '?') {
            continue;
        }
        bool closes = tag.data[0] == '/';
        struct rn_bytes name = rn_bytes_from(tag, closes);
        size_t len = 0;
        while (len < name.len &&
               (rn_byte_lower(name.data[len]) >= 'a' ||
                (name.data[len] >= '0' && name.data[len] <= '9')) &&
               name.data[len] < 0x7f) {
            len++;
        }
        name.len = len;
        ck_assert_msg(len > 0, "a tag without name: %.*s", (int)tag.len, (const char *)tag.data);
        if (closes) {
            ck_assert_msg(depth > 0 && rn_bytes_equal(open[depth - 1], name),
                          "</%.*s> closes nothing", (int)len, (const char *)name.data);
            depth--;
        } else if (tag.data[tag.len - 1] != '/' && !is_void(name)) {
            ck_assert_uint_lt(depth, 64);
            open[depth++] = name;
        }
        elements += !closes;
    }
    ck_assert_uint_eq(depth, 0);
    return elements;
}

static size_t count_of(struct rn_bytes text, const char *words)
{
    size_t count = 0;
    for (size_t at; (at = rn_bytes_find(text, rn_bytes_text(words))) != RN_NPOS; count++) {
        text = rn_bytes_from(text, at + 1);
    }
    return count;
}

START_TEST(html_is_well_formed_whatever_was_recorded)
{
    struct rn_buffer page = {0};
    make_hostile();
    ck_assert_int_eq(rn_report_html(&report, conditions, 3, &page), RN_OK);
    struct rn_bytes text = rn_buffer_bytes(&page);
    check_text(text);
    ck_assert_uint_gt(check_markup(text), 100);
    ck_assert_uint_eq(count_of(text, "<article>"), 2);
    ck_assert_uint_eq(count_of(text, "<figure>"), 2);
    ck_assert_uint_ge(count_of(text, "<del>"), 2);
    ck_assert_uint_ge(count_of(text, "<ins>"), 2);
    ck_assert_uint_eq(count_of(text, "&lt;img onerror"), 8);
    /* Nothing is loaded and nothing runs. */
    ck_assert_uint_eq(count_of(text, "src=\""), 0);
    ck_assert_uint_eq(count_of(text, "href=\""), 0);
    ck_assert_uint_eq(count_of(text, "url("), 0);
    ck_assert_uint_eq(count_of(text, "@import"), 0);
    ck_assert_uint_eq(count_of(text, "http"),
                      1 + 1); /* http-equiv, and the address that was asked */
    if (getenv("REENACT_KEEP_PAGE") != NULL) {
        FILE *file = fopen(getenv("REENACT_KEEP_PAGE"), "wb");
        fwrite(page.data, 1, page.len, file);
        fclose(file);
    }
    rn_buffer_free(&page);
    clear();
}
END_TEST

START_TEST(html_of_nothing_is_a_page_too)
{
    struct rn_buffer page = {0};
    begin(5);
    end();
    ck_assert_int_eq(rn_report_html(&report, NULL, 0, &page), RN_OK);
    check_markup(rn_buffer_bytes(&page));
    rn_buffer_free(&page);
    clear();
}
END_TEST

START_TEST(junit_is_well_formed_and_counts_its_cases)
{
    struct rn_buffer xml = {0};
    make_hostile();
    ck_assert_int_eq(rn_report_junit(&report, conditions, 3, &xml), RN_OK);
    struct rn_bytes text = rn_buffer_bytes(&xml);
    check_text(text);
    check_markup(text);
    ck_assert_uint_eq(count_of(text, "<testcase "), 1 + 3 + 1);
    ck_assert_uint_eq(count_of(text, "<failure "), 1 + 2);
    ck_assert_uint_eq(count_of(text, "<error "), 1);
    ck_assert_uint_eq(count_of(text, "tests=\"5\" failures=\"3\" errors=\"1\""), 1);
    ck_assert_uint_eq(count_of(text, "name=\"backtest &lt;x onload=&#39;y&#39;&gt;\""), 1);
    ck_assert_uint_eq(count_of(text, "nothing was measured for cost"), 1);
    rn_buffer_free(&xml);
    clear();
}
END_TEST

START_TEST(json_says_what_the_report_counted)
{
    struct rn_buffer text = {0};
    json_error_t trouble;
    make_hostile();
    ck_assert_int_eq(rn_report_json(&report, conditions, 3, &text), RN_OK);
    json_t *document = json_loadb((const char *)text.data, text.len, 0, &trouble);
    ck_assert_msg(document != NULL, "%s", trouble.text);
    ck_assert_str_eq(json_string_value(json_object_get(document, "schema")), "reenact.backtest/1");
    json_t *pairs = json_object_get(document, "pairs");
    ck_assert_int_eq(json_integer_value(json_object_get(pairs, "compared")), 51);
    ck_assert_int_eq(json_integer_value(json_object_get(pairs, "new_failed")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(pairs, "unanswered")), 1);
    json_t *share = json_object_get(json_object_get(document, "shares"), "text");
    ck_assert_int_eq(json_integer_value(json_object_get(share, "same")), 50);
    ck_assert_int_eq(json_integer_value(json_object_get(share, "judged")), 51);
    ck_assert(json_is_null(
        json_object_get(json_object_get(json_object_get(document, "shares"), "vectors"), "share")));
    json_t *metrics = json_object_get(document, "metrics");
    for (size_t i = 0; rn_metric_name(i, NULL) != NULL; i++) {
        double value = 0;
        json_t *metric = json_object_get(metrics, rn_metric_name(i, NULL));
        ck_assert_ptr_nonnull(metric);
        bool known = rn_report_metric(&report, rn_metric_name(i, NULL), &value);
        ck_assert(known ? json_is_number(metric) : json_is_null(metric));
    }
    json_t *tokens = json_object_get(json_object_get(document, "tokens"), "fresh");
    ck_assert_str_eq(json_string_value(json_object_get(tokens, "in")), "500");
    ck_assert_int_eq((int)json_array_size(json_object_get(document, "conditions")), 3);
    ck_assert_int_eq((int)json_array_size(json_object_get(document, "worst")), 2);
    json_t *worst = json_array_get(json_object_get(document, "worst"), 0);
    ck_assert_int_eq((int)json_array_size(json_object_get(worst, "differs")), RN_ASPECT_COUNT);
    json_decref(document);
    rn_buffer_free(&text);
    clear();
}
END_TEST

START_TEST(memory_that_runs_out_is_reported)
{
    make_hostile();
    for (int kind = 0; kind < 3; kind++) {
        for (unsigned long nth = 1;; nth++) {
            struct rn_buffer out = {0};
            rn_memory_fail_from(nth);
            enum rn_status status = kind == 0   ? rn_report_json(&report, conditions, 3, &out)
                                    : kind == 1 ? rn_report_junit(&report, conditions, 3, &out)
                                                : rn_report_html(&report, conditions, 3, &out);
            bool failed = rn_memory_failed();
            rn_memory_fail_from(0);
            rn_buffer_free(&out);
            if (!failed) {
                ck_assert_int_eq(status, RN_OK);
                break;
            }
            ck_assert_int_eq(status, RN_NOMEM);
        }
    }
    clear();
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/documents");
    RN_CASE(suite, "documents", html_is_well_formed_whatever_was_recorded,
            html_of_nothing_is_a_page_too, junit_is_well_formed_and_counts_its_cases,
            json_says_what_the_report_counted, memory_that_runs_out_is_reported);
    return suite;
}
