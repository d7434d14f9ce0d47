/* The parts of `baseline check` that need no process: order of names, what a case hands back, and the documents. */
#include "main.h"

#include <jansson.h>
#include <string.h>

#include "base/memory.h"
#include "check_parts.h"

static struct rn_arena arena;
static struct rn_buffer out;

static void tear_down(void)
{
    rn_memory_fail_from(0);
    rn_arena_free(&arena);
    rn_buffer_free(&out);
}

/* --- names --------------------------------------------------------------------------------------------------------- */

START_TEST(numbers_in_names_count_as_numbers)
{
    static const char *const sorted[] = {"",
                                         "a",
                                         "a/",
                                         "a/1",
                                         "a/01",
                                         "a/2",
                                         "a/10",
                                         "a/10/b",
                                         "a/99999999999999999999",
                                         "a/100000000000000000000",
                                         "a1b",
                                         "ab",
                                         "b",
                                         "b/1"};
    size_t count = sizeof sorted / sizeof sorted[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order = rn_check_compare_names(rn_bytes_text(sorted[i]), rn_bytes_text(sorted[j]));
            if (strcmp(sorted[i], "a/1") == 0 && strcmp(sorted[j], "a/01") == 0) {
                ck_assert_int_ne(order, 0); /* one number, two names */
                continue;
            }
            if (strcmp(sorted[i], "a/01") == 0 && strcmp(sorted[j], "a/1") == 0) {
                continue;
            }
            ck_assert_msg((order < 0) == (i < j) && (order == 0) == (i == j), "%s %s", sorted[i],
                          sorted[j]);
        }
    }
}
END_TEST

/* --- one case ------------------------------------------------------------------------------------------------------ */

static const struct rn_check_case sample = {.result = RN_CHECK_DIVERGED,
                                            .verdict = {(const uint8_t *)"diverged", 8},
                                            .sentence = {(const uint8_t *)"a sentence", 10},
                                            .place = {(const uint8_t *)"event 1", 7},
                                            .expected = {(const uint8_t *)"x\0y", 3},
                                            .came = {(const uint8_t *)"", 0},
                                            .cause = {(const uint8_t *)"a cause", 7},
                                            .advice = {(const uint8_t *)"try", 3},
                                            .wall_ns = 1234567890123};

static void ck_same(const struct rn_check_case *a, const struct rn_check_case *b)
{
    ck_assert_int_eq(a->result, b->result);
    ck_assert(rn_bytes_equal(a->verdict, b->verdict));
    ck_assert(rn_bytes_equal(a->sentence, b->sentence));
    ck_assert(rn_bytes_equal(a->place, b->place));
    ck_assert(rn_bytes_equal(a->expected, b->expected));
    ck_assert(rn_bytes_equal(a->came, b->came));
    ck_assert(rn_bytes_equal(a->cause, b->cause));
    ck_assert(rn_bytes_equal(a->advice, b->advice));
    ck_assert_uint_eq(a->wall_ns, b->wall_ns);
}

START_TEST(a_case_comes_back_as_it_was)
{
    struct rn_check_case back = {0};
    ck_assert_int_eq(rn_check_case_put(&out, &sample), RN_OK);
    ck_assert(rn_check_case_get(rn_buffer_bytes(&out), &arena, &back));
    ck_same(&back, &sample);
}
END_TEST

START_TEST(a_case_that_was_cut_is_none)
{
    struct rn_check_case back;
    ck_assert_int_eq(rn_check_case_put(&out, &sample), RN_OK);
    for (size_t len = 0; len < out.len; len++) {
        ck_assert(!rn_check_case_get(rn_bytes_of(out.data, len), &arena, &back));
    }
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    ck_assert(!rn_check_case_get(rn_buffer_bytes(&out), &arena, &back));
    out.data[0] = RN_CHECK_TROUBLE + 1;
    ck_assert(!rn_check_case_get(rn_bytes_of(out.data, out.len - 1), &arena, &back));
}
END_TEST

/* --- exit ---------------------------------------------------------------------------------------------------------- */

START_TEST(the_worst_result_is_the_exit)
{
    static const int exits[2][2][2] = {{{0, 2}, {3, 2}}, {{1, 2}, {1, 2}}};
    for (size_t diverged = 0; diverged < 2; diverged++) {
        for (size_t incomparable = 0; incomparable < 2; incomparable++) {
            for (size_t trouble = 0; trouble < 2; trouble++) {
                struct rn_check_outcome outcome = {
                    .count = 9, .by_result = {9, diverged, incomparable, trouble}};
                ck_assert_int_eq(rn_check_exit(&outcome), exits[diverged][incomparable][trouble]);
            }
        }
    }
    struct rn_check_outcome empty = {0};
    ck_assert_int_eq(rn_check_exit(&empty), 3); /* nothing was checked: that is no pass */
}
END_TEST

/* --- documents ----------------------------------------------------------------------------------------------------- */

static struct rn_check_case cases[3];

static struct rn_check_outcome three(void)
{
    struct rn_check_outcome outcome = {.name = RN_LIT("rc_1"),
                                       .cases = cases,
                                       .count = 3,
                                       .by_result = {1, 1, 0, 1},
                                       .wall_ns = 1500000000};
    memset(outcome.root, 0xab, sizeof outcome.root);
    cases[0] = (struct rn_check_case){.name = RN_LIT("suite/1"), .wall_ns = 1002003004};
    cases[1] = (struct rn_check_case){.name = RN_LIT("a|b<c>\xff"),
                                      .result = RN_CHECK_DIVERGED,
                                      .verdict = RN_LIT("diverged"),
                                      .place = RN_LIT("event 1, request body, /a"),
                                      .expected = RN_LIT("`x` | @you"),
                                      .came = RN_LIT("line\nbreak http://x"),
                                      .cause = RN_LIT("a changed prompt")};
    cases[2] = (struct rn_check_case){.result = RN_CHECK_TROUBLE,
                                      .sentence = RN_LIT("the process broke off")};
    memset(cases[2].id.bytes, 0x11, sizeof cases[2].id.bytes);
    return outcome;
}

static const char *text(void)
{
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    return (const char *)out.data;
}

START_TEST(the_json_has_everything)
{
    struct rn_check_outcome outcome = three();
    ck_assert_int_eq(rn_check_json(&outcome, &out), RN_OK);
    json_t *document = json_loadb((const char *)out.data, out.len, 0, NULL);
    ck_assert_ptr_nonnull(document);
    ck_assert_str_eq(json_string_value(json_object_get(document, "schema")), "reenact.check/1");
    ck_assert_str_eq(json_string_value(json_object_get(document, "baseline")), "rc_1");
    ck_assert_int_eq(json_integer_value(json_object_get(document, "exit")), 2);
    ck_assert_str_eq(json_string_value(json_object_get(document, "wall_ns")), "1500000000");
    json_t *list = json_object_get(document, "cases");
    ck_assert_uint_eq(json_array_size(list), 3);
    json_t *one = json_array_get(list, 1);
    ck_assert_str_eq(json_string_value(json_object_get(one, "name")), "a|b<c>\xef\xbf\xbd");
    ck_assert_str_eq(json_string_value(json_object_get(one, "came")), "line\nbreak http://x");
    ck_assert_str_eq(json_string_value(json_object_get(one, "result")), "diverged");
    json_decref(document);
}
END_TEST

START_TEST(the_junit_fails_or_errs_and_skips_nothing)
{
    struct rn_check_outcome outcome = three();
    ck_assert_int_eq(rn_check_junit(&outcome, &out), RN_OK);
    const char *document = text();
    ck_assert_ptr_nonnull(
        strstr(document, "tests=\"3\" failures=\"1\" errors=\"1\" time=\"1.500\""));
    ck_assert_ptr_nonnull(strstr(document, "name=\"suite/1\" time=\"1.002\"/>"));
    ck_assert_ptr_nonnull(strstr(document, "name=\"a|b&lt;c&gt;\xef\xbf\xbd\""));
    ck_assert_ptr_nonnull(
        strstr(document, "<failure type=\"diverged\" message=\"a changed prompt\">"));
    ck_assert_ptr_nonnull(
        strstr(document, "<error type=\"trouble\" message=\"the process broke off\">"));
    ck_assert_ptr_nonnull(strstr(document, "name=\"11111111111111111111111111111111\""));
    ck_assert_ptr_null(strstr(document, "skipped"));
}
END_TEST

START_TEST(the_markdown_says_it_first_and_lists_what_did_not_pass)
{
    struct rn_check_outcome outcome = three();
    ck_assert_int_eq(rn_check_markdown(&outcome, &out), RN_OK);
    ck_assert_str_eq(
        text(),
        "**rc&#95;1: 1 of 3 reproduced**, 1 diverged, 1 trouble; root abababababab, bypasses not "
        "observed\n"
        "\n"
        "| result | trace | first difference | cause |\n"
        "|---|---|---|---|\n"
        "| diverged | a&#124;b&#60;c&#62;\xef\xbf\xbd | event 1, request body, /a<br>recorded: "
        "&#96;x&#96; &#124; &#64;you<br>came: line break http&#58;//x | a changed prompt |\n"
        "| trouble | 11111111111111111111111111111111 | the process broke off |  |\n");
}
END_TEST

START_TEST(markdown_of_a_pass_is_one_line)
{
    struct rn_check_outcome outcome = {.name = RN_LIT("rc"), .count = 2, .by_result = {2}};
    ck_assert_int_eq(rn_check_markdown(&outcome, &out), RN_OK);
    ck_assert_str_eq(text(),
                     "**rc: 2 of 2 reproduced**; root 000000000000, bypasses not observed\n");
}
END_TEST

START_TEST(markdown_is_bounded)
{
    struct rn_check_case *many = rn_calloc(1000, sizeof *many);
    static char long_text[4096];
    memset(long_text, '|', sizeof long_text);
    for (size_t i = 0; i < 1000; i++) {
        struct rn_bytes text_of_it = rn_bytes_of(long_text, sizeof long_text);
        many[i] = (struct rn_check_case){.result = RN_CHECK_DIVERGED,
                                         .name = text_of_it,
                                         .place = text_of_it,
                                         .expected = text_of_it,
                                         .came = text_of_it,
                                         .cause = text_of_it};
    }
    struct rn_check_outcome outcome = {.cases = many, .count = 1000, .by_result = {0, 1000}};
    ck_assert_int_eq(rn_check_markdown(&outcome, &out), RN_OK);
    ck_assert_ptr_nonnull(strstr(text(), " more are in the JSON document.\n"));
    ck_assert_uint_gt(out.len, 50 * 1024);
    ck_assert_uint_lt(out.len, 65536);
    rn_free(many);
}
END_TEST

START_TEST(without_memory_there_is_no_half_document)
{
    enum rn_status (*const makers[])(const struct rn_check_outcome *, struct rn_buffer *) = {
        rn_check_json, rn_check_junit, rn_check_markdown};
    struct rn_check_outcome outcome = three();
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        bool failed = true;
        for (unsigned long nth = 1; failed; nth++) {
            struct rn_buffer document = {0};
            rn_memory_fail_from(nth);
            enum rn_status status = makers[i](&outcome, &document);
            failed = rn_memory_failed();
            rn_memory_fail_from(0);
            ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
            rn_buffer_free(&document);
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/check");
    TCase *all = tcase_create("check");
    tcase_add_checked_fixture(all, NULL, tear_down);
    tcase_add_test(all, numbers_in_names_count_as_numbers);
    tcase_add_test(all, a_case_comes_back_as_it_was);
    tcase_add_test(all, a_case_that_was_cut_is_none);
    tcase_add_test(all, the_worst_result_is_the_exit);
    tcase_add_test(all, the_json_has_everything);
    tcase_add_test(all, the_junit_fails_or_errs_and_skips_nothing);
    tcase_add_test(all, the_markdown_says_it_first_and_lists_what_did_not_pass);
    tcase_add_test(all, markdown_of_a_pass_is_one_line);
    tcase_add_test(all, markdown_is_bounded);
    tcase_add_test(all, without_memory_there_is_no_half_document);
    suite_add_tcase(suite, all);
    return suite;
}
