/* Bodies for reading: laid out, never changed. */
#include "main.h"
#include "pretty.h"

#include <stdlib.h>
#include <string.h>

static char *pretty(const char *text, enum rn_status *status)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_buffer_append(&out, ">", 1), RN_OK);
    *status = rn_pretty_json(&out, rn_bytes_text(text));
    char *shown = strndup((const char *)out.data, out.len);
    rn_buffer_free(&out);
    return shown;
}

START_TEST(json_is_laid_out_and_nothing_else)
{
    enum rn_status status;
    char *shown = pretty(
        "{\"b\":1.0,\"b\":9007199254740993,\"a\":[true,null,{}],\"e\":[],\"s\":\"\\u00fc\\n\"}",
        &status);
    ck_assert_int_eq(status, RN_OK);
    ck_assert_str_eq(
        shown, ">{\n  \"b\": 1.0,\n  \"b\": 9007199254740993,\n  \"a\": [\n    true,\n    null,\n"
               "    {}\n  ],\n  \"e\": [],\n  \"s\": \"\\u00fc\\n\"\n}\n");
    free(shown);
    shown = pretty(" 7 ", &status);
    ck_assert_int_eq(status, RN_OK);
    ck_assert_str_eq(shown, ">7\n");
    free(shown);
}
END_TEST

START_TEST(what_is_no_json_leaves_the_buffer_as_it_was)
{
    const char *const cases[] = {"", "{", "{\"a\":1}x", "data: x", "{\"a\":}", "[1,]", "\xff"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum rn_status status;
        char *shown = pretty(cases[i], &status);
        ck_assert_int_eq(status, RN_INVALID);
        ck_assert_str_eq(shown, ">");
        free(shown);
    }
}
END_TEST

START_TEST(controls_that_json_allows_are_escaped)
{
    enum rn_status status;
    char *shown = pretty("\"a\x7f\xc2\x9b\"", &status);
    ck_assert_str_eq(shown, ">\"a\\x7f\\x9b\"\n");
    free(shown);
}
END_TEST

START_TEST(bytes_are_shown_in_rows_up_to_the_limit)
{
    struct rn_buffer out = {0};
    const uint8_t bytes[20] = {0, 'A', 0xff};
    ck_assert_int_eq(rn_pretty_hex(&out, rn_bytes_of(bytes, sizeof bytes), 17), RN_OK);
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    ck_assert_str_eq((const char *)out.data,
                     "00000000  00 41 ff 00 00 00 00 00 00 00 00 00 00 00 00 00  .A..............\n"
                     "00000010  00                                               .\n");
    rn_buffer_free(&out);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("cli/pretty");
    RN_CASE(suite, "pretty", json_is_laid_out_and_nothing_else,
            what_is_no_json_leaves_the_buffer_as_it_was, controls_that_json_allows_are_escaped,
            bytes_are_shown_in_rows_up_to_the_limit);
    return suite;
}
