/* The lines of a file as cases: which count, what they are numbered, and which file is refused as a whole. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/memory.h"
#include "lines.h"

static struct rn_lines lines;
static struct rn_error error;

static void tear_down(void)
{
    rn_memory_fail_from(0);
    rn_lines_free(&lines);
}

static enum rn_status split(struct rn_bytes text)
{
    rn_lines_free(&lines);
    error = (struct rn_error){0};
    enum rn_status status = rn_lines_split(text, "list.txt", &lines, &error);
    if (status != RN_OK) {
        ck_assert_ptr_nonnull(strstr(error.text, "list.txt"));
        ck_assert_uint_eq(lines.count, 0);
    }
    return status;
}

static void ck_line(size_t index, uint32_t number, const char *text)
{
    ck_assert_uint_lt(index, lines.count);
    ck_assert_uint_eq(lines.at[index].number, number);
    ck_assert_str_eq(lines.at[index].text, text);
}

START_TEST(lines_are_numbered_as_they_stand)
{
    ck_assert_int_eq(split(RN_LIT("one\n\n  \r\nfour\r\n\r\r\nsix")), RN_OK);
    ck_assert_uint_eq(lines.count, 5);
    ck_line(0, 1, "one");
    ck_line(1, 3, "  ");
    ck_line(2, 4, "four");
    ck_line(3, 5, "\r");
    ck_line(4, 6, "six");
}
END_TEST

START_TEST(a_mark_in_front_is_no_text)
{
    ck_assert_int_eq(split(RN_LIT("\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")), RN_OK);
    ck_line(0, 1, "one");
    ck_line(1, 2, "\xef\xbb\xbftwo");
}
END_TEST

START_TEST(more_lines_than_any_first_guess)
{
    struct rn_buffer text = {0};
    for (int i = 1; i <= 1000; i++) {
        rn_buffer_addf(&text, "%d\n", i);
    }
    ck_assert_int_eq(split(rn_buffer_bytes(&text)), RN_OK);
    ck_assert_uint_eq(lines.count, 1000);
    ck_line(999, 1000, "1000");
    rn_buffer_free(&text);
}
END_TEST

START_TEST(no_line_is_no_suite)
{
    ck_assert_int_eq(split(RN_LIT("")), RN_INVALID);
    ck_assert_int_eq(split(RN_LIT("\n\r\n\n")), RN_INVALID);
    ck_assert_int_eq(split(RN_LIT("\xef\xbb\xbf")), RN_INVALID);
}
END_TEST

START_TEST(what_no_argument_can_hold_is_refused)
{
    ck_assert_int_eq(split(RN_LIT("one\ntw\0o\n")), RN_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "line 2"));
    ck_assert_int_eq(split(RN_LIT("\xc3\xa9\n\xc3")), RN_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "line 2"));
    ck_assert_int_eq(split(RN_LIT("\xed\xa0\x80")), RN_INVALID);
}
END_TEST

START_TEST(a_line_has_a_limit)
{
    struct rn_buffer text = {0};
    rn_buffer_addf(&text, "short\n");
    for (size_t i = 0; i < RN_EACH_LINE_BYTES_MAX; i++) {
        rn_buffer_add_byte(&text, 'x');
    }
    rn_buffer_addf(&text, "\r\n");
    ck_assert_int_eq(split(rn_buffer_bytes(&text)), RN_OK);
    text.len -= 2;
    rn_buffer_addf(&text, "x\n");
    ck_assert_int_eq(split(rn_buffer_bytes(&text)), RN_LIMIT);
    ck_assert_ptr_nonnull(strstr(error.text, "line 2"));
    rn_buffer_free(&text);
}
END_TEST

/* Reads `len` bytes of lines from a file of that size. */
static enum rn_status read_file_of(size_t len)
{
    char path[] = "/tmp/reenact-test-XXXXXX";
    int file = mkstemp(path);
    char *text = rn_alloc(len);
    memset(text, '\n', len);
    memset(text, 'x', len < 10 ? len : 10);
    ck_assert_int_eq(write(file, text, len), (ssize_t)len);
    rn_free(text);
    (void)close(file);
    enum rn_status status = rn_lines_read(path, &lines, &error);
    (void)unlink(path);
    return status;
}

START_TEST(a_file_has_a_limit)
{
    ck_assert_int_eq(read_file_of(RN_EACH_FILE_BYTES_MAX), RN_OK);
    ck_assert_uint_eq(lines.count, 1);
    rn_lines_free(&lines);
    ck_assert_int_eq(read_file_of(RN_EACH_FILE_BYTES_MAX + 1), RN_LIMIT);
    ck_assert_int_eq(rn_lines_read("/nowhere/list.txt", &lines, &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_lines_read("/", &lines, &error), RN_IO);
}
END_TEST

START_TEST(a_suite_is_called_as_its_file)
{
    static const char *const names[][2] = {{"suite.txt", "suite"},
                                           {"a/b.c/suite", "suite"},
                                           {"./a.b.txt", "a.b"},
                                           {".hidden", ".hidden"},
                                           {"-", "stdin"},
                                           {"/dev/fd/63", "63"},
                                           {"x.", "x"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_str_eq(rn_lines_name(&lines, names[i][0]), names[i][1]);
    }
}
END_TEST

START_TEST(without_memory_there_is_a_sentence)
{
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        rn_memory_fail_from(nth);
        enum rn_status status = rn_lines_split(RN_LIT("a\nb\n"), "list.txt", &lines, &error);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        rn_lines_free(&lines);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("recorder/lines");
    TCase *all = tcase_create("lines");
    tcase_add_checked_fixture(all, NULL, tear_down);
    tcase_add_test(all, lines_are_numbered_as_they_stand);
    tcase_add_test(all, a_mark_in_front_is_no_text);
    tcase_add_test(all, more_lines_than_any_first_guess);
    tcase_add_test(all, no_line_is_no_suite);
    tcase_add_test(all, what_no_argument_can_hold_is_refused);
    tcase_add_test(all, a_line_has_a_limit);
    tcase_add_test(all, a_file_has_a_limit);
    tcase_add_test(all, a_suite_is_called_as_its_file);
    tcase_add_test(all, without_memory_there_is_a_sentence);
    suite_add_tcase(suite, all);
    return suite;
}
