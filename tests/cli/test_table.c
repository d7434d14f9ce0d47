/* Columns: aligned, fitting, and the same bytes every time. */
#include "main.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "printable.h"

static const struct rn_table_column columns[] = {
    {"ID", false, false}, {"NAME", false, true}, {"CALLS", true, false}};

static enum rn_status add(struct rn_table *table, const char *id, const char *name,
                          const char *calls)
{
    const struct rn_bytes cells[] = {rn_bytes_text(id), rn_bytes_text(name), rn_bytes_text(calls)};
    return rn_table_row(table, cells, RN_PAINT_CYAN);
}

static char shown[2048];

static const char *render(struct rn_table *table, unsigned width, bool colour)
{
    const struct rn_screen screen = {colour, colour, width};
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_table_render(table, &screen, &out), RN_OK);
    ck_assert(out.len < sizeof shown);
    memcpy(shown, out.data, out.len);
    shown[out.len] = '\0';
    rn_buffer_free(&out);
    return shown;
}

static struct rn_table *example(void)
{
    struct rn_table *table = rn_table_new(columns, 3);
    ck_assert_ptr_nonnull(table);
    ck_assert_int_eq(add(table, "1a", "short", "7"), RN_OK);
    ck_assert_int_eq(add(table, "2b", "a much longer name", "12345"), RN_OK);
    ck_assert_int_eq(add(table, "3c", "東京", ""), RN_OK);
    return table;
}

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
    struct rn_table *table = example();
    ck_assert_str_eq(render(table, 0, false), "ID  NAME                CALLS\n"
                                              "1a  short                   7\n"
                                              "2b  a much longer name  12345\n"
                                              "3c  東京\n");
    rn_table_free(table);
}
END_TEST

START_TEST(a_narrow_screen_shortens_what_gives_way)
{
    struct rn_table *table = example();
    ck_assert_str_eq(render(table, 21, false), "ID  NAME        CALLS\n"
                                               "1a  short           7\n"
                                               "2b  a much lo\xe2\x80\xa6  12345\n"
                                               "3c  東京\n");
    rn_table_free(table);
}
END_TEST

START_TEST(no_line_is_wider_than_the_screen_while_anything_gives_way)
{
    struct rn_table *table = example();
    for (unsigned width = 2 + 2 + RN_TABLE_NARROWEST + 2 + 5; width < 60; width++) {
        char *text = strdup(render(table, width, false));
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            ck_assert_uint_le(rn_printable_width(rn_bytes_text(line)), width);
        }
        free(text);
    }
    rn_table_free(table);
}
END_TEST

START_TEST(a_screen_too_narrow_for_anything_does_not_hang)
{
    struct rn_table *table = example();
    ck_assert_ptr_nonnull(strstr(render(table, 1, false), "a muc\xe2\x80\xa6"));
    rn_table_free(table);
}
END_TEST

START_TEST(cells_cannot_steer_the_terminal_or_break_the_line)
{
    struct rn_table *table = rn_table_new(columns, 3);
    ck_assert_int_eq(add(table, "x", "evil\x1b[31m\nname", "1"), RN_OK);
    ck_assert_str_eq(render(table, 0, false), "ID  NAME               CALLS\n"
                                              "x   evil\\x1b[31m name      1\n");
    rn_table_free(table);
}
END_TEST

START_TEST(what_matters_less_is_left_out_first)
{
    static const size_t others[] = {2, 0};
    struct rn_table *table = example();
    rn_table_spare(table, 1, 18, others, 2);
    ck_assert_ptr_nonnull(strstr(render(table, 60, false), "CALLS"));
    ck_assert_ptr_null(strstr(render(table, 24, false), "CALLS"));
    ck_assert_ptr_nonnull(strstr(render(table, 24, false), "ID"));
    ck_assert_ptr_null(strstr(render(table, 18, false), "ID"));
    ck_assert_ptr_nonnull(strstr(render(table, 60, false), "CALLS")); /* again on a wide one */
    rn_table_free(table);
}
END_TEST

START_TEST(the_highest_rows_are_kept_in_order)
{
    static const uint64_t ranks[] = {3, 9, 1, 9, 5};
    struct rn_table *table = rn_table_new(columns, 3);
    ck_assert_int_eq(rn_table_keep_highest(table, 2), RN_OK); /* of none */
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        char id[2] = {(char)('a' + i), 0};
        ck_assert_int_eq(add(table, id, "", ""), RN_OK);
        rn_table_rank(table, ranks[i]);
    }
    rn_table_hide_empty(table);
    ck_assert_int_eq(rn_table_keep_highest(table, 0), RN_OK);
    ck_assert_str_eq(render(table, 0, false), "ID\nb\nd\ne\na\nc\n");
    ck_assert_int_eq(rn_table_keep_highest(table, 3), RN_OK);
    ck_assert_str_eq(render(table, 0, false), "ID\nb\nd\ne\n");
    rn_table_free(table);
}
END_TEST

START_TEST(colour_changes_nothing_but_colour)
{
    struct rn_table *table = example();
    char *plain = strdup(render(table, 0, false));
    const char *painted = render(table, 0, true);
    ck_assert_ptr_nonnull(strstr(painted, "\x1b[36m1a\x1b[0m"));
    size_t at = 0;
    for (const char *c = painted; *c != '\0'; c++) {
        if (*c == '\x1b') {
            c = strchr(c, 'm');
        } else {
            ck_assert_int_eq(*c, plain[at]);
            at++;
        }
    }
    ck_assert_uint_eq(at, strlen(plain));
    free(plain);
    rn_table_free(table);
}
END_TEST

static enum rn_status make_and_render(void)
{
    const struct rn_screen screen = {false, false, 21};
    struct rn_buffer out = {0};
    struct rn_table *table = rn_table_new(columns, 3);
    enum rn_status status =
        table == NULL ? RN_NOMEM : add(table, "1a", "a name that is long", "12");
    if (status == RN_OK) {
        status = rn_table_render(table, &screen, &out);
    }
    rn_buffer_free(&out);
    rn_table_free(table);
    return status;
}

START_TEST(memory_may_fail_at_every_step)
{
    for (unsigned long nth = 1;; nth++) {
        rn_memory_fail_from(nth);
        enum rn_status status = make_and_render();
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            return;
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("cli/table");
    RN_CASE(suite, "table", columns_are_as_wide_as_their_widest_cell,
            a_narrow_screen_shortens_what_gives_way,
            no_line_is_wider_than_the_screen_while_anything_gives_way,
            a_screen_too_narrow_for_anything_does_not_hang,
            cells_cannot_steer_the_terminal_or_break_the_line, the_highest_rows_are_kept_in_order,
            what_matters_less_is_left_out_first, colour_changes_nothing_but_colour,
            memory_may_fail_at_every_step);
    return suite;
}
