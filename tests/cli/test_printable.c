/* Recorded text on a terminal: it may say anything and do nothing. */
#include "main.h"
#include "printable.h"

#include <string.h>

#include "base/memory.h"

static char shown[1024];

static const char *show(struct rn_bytes text, enum rn_printable_mode mode)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_printable(&out, text, mode), RN_OK);
    ck_assert(out.len < sizeof shown);
    memcpy(shown, out.len > 0 ? (const char *)out.data : "", out.len);
    shown[out.len] = '\0';
    rn_buffer_free(&out);
    return shown;
}

static const char *shorten(const char *text, size_t columns)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_printable_short(&out, rn_bytes_text(text), columns), RN_OK);
    ck_assert(out.len < sizeof shown);
    memcpy(shown, out.len > 0 ? (const char *)out.data : "", out.len);
    shown[out.len] = '\0';
    rn_buffer_free(&out);
    return shown;
}

START_TEST(ordinary_text_passes)
{
    const char *text = "Grüße, 東京 \xf0\x9f\x8c\xa7 \\n \"x\"";
    ck_assert_str_eq(show(rn_bytes_text(text), RN_PRINTABLE_LINE), text);
    ck_assert_str_eq(show(rn_bytes_text(text), RN_PRINTABLE_TEXT), text);
    ck_assert(rn_printable_is_plain(rn_bytes_text(text)));
}
END_TEST

START_TEST(no_byte_makes_a_control)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t one = (uint8_t)byte;
        const char *out = show(rn_bytes_of(&one, 1), RN_PRINTABLE_LINE);
        for (; *out != '\0'; out++) {
            ck_assert_msg(*out >= ' ' && *out < 0x7f, "byte %02x passes", byte);
        }
    }
}
END_TEST

START_TEST(escape_sequences_are_disarmed)
{
    ck_assert_str_eq(show(rn_bytes_text("\x1b[2J\x07\x7f"), RN_PRINTABLE_LINE),
                     "\\x1b[2J\\x07\\x7f");
    /* CSI as a C1 control, and marks that turn the direction of writing */
    ck_assert_str_eq(show(rn_bytes_text("\xc2\x9b"
                                        "2J"),
                          RN_PRINTABLE_TEXT),
                     "\\x9b2J");
    ck_assert_str_eq(show(rn_bytes_text("a\xe2\x80\xae"
                                        "b"),
                          RN_PRINTABLE_TEXT),
                     "a\\u202eb");
    ck_assert_str_eq(show(rn_bytes_text("a\xe2\x81\xa6"
                                        "b"),
                          RN_PRINTABLE_TEXT),
                     "a\\u2066b");
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_shown_as_bytes)
{
    const char *const cases[] = {"\x80",
                                 "\xc0\xaf",
                                 "\xe0\x80\xaf",
                                 "\xed\xa0\x80",
                                 "\xf4\x90\x80\x80",
                                 "\xf5\x80\x80\x80",
                                 "\xe2\x82",
                                 "\xff"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert(!rn_printable_is_utf8(rn_bytes_text(cases[i])));
        ck_assert_int_eq(show(rn_bytes_text(cases[i]), RN_PRINTABLE_TEXT)[0], '\\');
    }
    ck_assert(rn_printable_is_utf8(rn_bytes_text("\xf4\x8f\xbf\xbf")));
    ck_assert(rn_printable_is_utf8(rn_bytes_text("\xee\x80\x80")));
}
END_TEST

START_TEST(line_ends_fold_in_lines_and_pass_in_text)
{
    ck_assert_str_eq(show(rn_bytes_text("a \r\n\t b\nc  d"), RN_PRINTABLE_LINE), "a b c  d");
    ck_assert_str_eq(show(rn_bytes_text("a\r\nb\tc\n"), RN_PRINTABLE_TEXT), "a\nb\tc\n");
    ck_assert_str_eq(show(rn_bytes_text("a\rb"), RN_PRINTABLE_TEXT), "a\\x0db");
}
END_TEST

START_TEST(what_just_fits_is_not_shortened)
{
    ck_assert_str_eq(shorten("abcde", 5), "abcde");
    ck_assert_str_eq(shorten("abcdef", 5), "abcd\xe2\x80\xa6");
    ck_assert_str_eq(shorten("abcdef", 1), "\xe2\x80\xa6");
    ck_assert_str_eq(shorten("", 1), "");
    /* two wide characters need four columns; half a character is never shown */
    ck_assert_str_eq(shorten("東京", 4), "東京");
    ck_assert_str_eq(shorten("東京", 3), "東\xe2\x80\xa6");
    ck_assert_str_eq(shorten("東京都", 4), "東\xe2\x80\xa6");
    /* an escape is shown whole or not at all */
    ck_assert_str_eq(shorten("ab\x1b"
                             "c",
                             6),
                     "ab\xe2\x80\xa6");
}
END_TEST

START_TEST(a_shortened_text_never_exceeds_its_columns)
{
    const char *text = "a東\x1b\xff\xf0\x9f\x8c\xa7"
                       "e\xcc\x81z\n\tq\xc2\x9b end";
    for (size_t columns = 1; columns < 40; columns++) {
        const char *out = shorten(text, columns);
        ck_assert_uint_le(rn_printable_width(rn_bytes_text(out)), columns);
    }
}
END_TEST

START_TEST(width_counts_as_a_terminal_does)
{
    ck_assert_uint_eq(rn_printable_width(rn_bytes_text("abc")), 3);
    ck_assert_uint_eq(rn_printable_width(rn_bytes_text("ü")), 1);
    ck_assert_uint_eq(rn_printable_width(rn_bytes_text("e\xcc\x81")), 1);
    ck_assert_uint_eq(rn_printable_width(rn_bytes_text("東京")), 4);
    ck_assert_uint_eq(rn_printable_width(rn_bytes_text("\xf0\x9f\x8c\xa7")), 2);
    ck_assert_uint_eq(rn_printable_width(rn_bytes_text("")), 0);
}
END_TEST

START_TEST(memory_may_fail_at_every_step)
{
    for (unsigned long nth = 1;; nth++) {
        struct rn_buffer out = {0};
        rn_memory_fail_from(nth);
        enum rn_status status =
            rn_printable(&out, rn_bytes_text("some text \x1b that grows"), RN_PRINTABLE_LINE);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_buffer_free(&out);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            return;
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("cli/printable");
    RN_CASE(suite, "printable", ordinary_text_passes, no_byte_makes_a_control,
            escape_sequences_are_disarmed, bytes_that_are_no_utf8_are_shown_as_bytes,
            line_ends_fold_in_lines_and_pass_in_text, what_just_fits_is_not_shortened,
            a_shortened_text_never_exceeds_its_columns, width_counts_as_a_terminal_does,
            memory_may_fail_at_every_step);
    return suite;
}
