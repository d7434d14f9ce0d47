/* Option tables: what they take, what they refuse, and what they call it. */
#include "main.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static struct {
    bool flag;
    const char *text;
    uint64_t number;
    uint32_t choice;
    struct rn_option_list list;
} got;

static const struct rn_option more[] = {
    {"--deep", RN_OPTION_TEXT, &got.text, "TEXT", "of another table"},
    {"--flag", RN_OPTION_TEXT, &got.text, "TEXT", "is never reached"},
    RN_OPTION_END,
};

static const struct rn_option table[] = {
    {"--flag", RN_OPTION_FLAG, &got.flag, NULL, "a flag"},
    {"--text", RN_OPTION_TEXT, &got.text, "TEXT", "a text"},
    {"--number", RN_OPTION_NUMBER, &got.number, "N", "a number"},
    {"--choice", RN_OPTION_CHOICE, &got.choice, "red|green", "one of two"},
    {"--list", RN_OPTION_LIST, &got.list, "WORD", "many"},
    {"--jobs", RN_OPTION_COUNT, &got.number, "N", "at once"},
    {"--once", RN_OPTION_ONCE, &got.text, "TEXT", "one text"},
    {"MORE", RN_OPTION_MORE, (void *)(uintptr_t)more, NULL, "see there"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

struct parsed {
    enum rn_status status;
    struct rn_error error;
    char *words[16];
    int word_count;
    int rest;
    int argc;
};

/* `line` is split at blanks; argv[0] is the command. */
static struct parsed parse(const char *line, bool mixed)
{
    static char text[256];
    char *argv[16] = {"command"};
    struct parsed parsed = {.argc = 1};
    memset(&got, 0, sizeof got);
    got.choice = RN_OPTION_UNCHOSEN;
    rn_option_help_asked = false;
    strcpy(text, line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[parsed.argc++] = word;
    }
    parsed.status = rn_options_parse(table, parsed.argc, argv, mixed, parsed.words,
                                     &parsed.word_count, &parsed.rest, &parsed.error);
    return parsed;
}

START_TEST(options_are_taken_in_both_spellings)
{
    struct parsed parsed =
        parse("--flag --text a --number=7 --choice green --list=x --list y", false);
    ck_assert_int_eq(parsed.status, RN_OK);
    ck_assert(got.flag);
    ck_assert_str_eq(got.text, "a");
    ck_assert_uint_eq(got.number, 7);
    ck_assert_uint_eq(got.choice, 1);
    ck_assert_uint_eq(got.list.count, 2);
    ck_assert_str_eq(got.list.at[0], "x");
    ck_assert_str_eq(got.list.at[1], "y");
    ck_assert_ptr_null(got.list.at[2]);
    ck_assert_int_eq(parsed.rest, parsed.argc);
}
END_TEST

START_TEST(a_count_begins_with_one)
{
    ck_assert_int_eq(parse("--jobs 1", false).status, RN_OK);
    ck_assert_int_eq(parse("--number 0", false).status, RN_OK);
    struct parsed parsed = parse("-j0", false);
    ck_assert_int_eq(parsed.status, RN_INVALID);
    ck_assert_str_eq(parsed.error.text, "--jobs takes a whole number from 1 on, not '0'");
}
END_TEST

START_TEST(a_condition_is_not_replaced_by_another)
{
    ck_assert_int_eq(parse("--once a", false).status, RN_OK);
    ck_assert_str_eq(got.text, "a");
    ck_assert_int_eq(parse("--text a --text b", false).status, RN_OK);
    ck_assert_str_eq(got.text, "b");
    struct parsed parsed = parse("--once a --once b", false);
    ck_assert_int_eq(parsed.status, RN_INVALID);
    ck_assert_str_eq(parsed.error.text, "--once is given twice, 'a' and 'b': it takes one");
}
END_TEST

START_TEST(a_value_may_hold_an_equals_sign_or_be_empty_or_begin_with_a_dash)
{
    ck_assert_int_eq(parse("--text=a=b", false).status, RN_OK);
    ck_assert_str_eq(got.text, "a=b");
    ck_assert_int_eq(parse("--text=", false).status, RN_OK);
    ck_assert_str_eq(got.text, "");
    ck_assert_int_eq(parse("--text -x", false).status, RN_OK);
    ck_assert_str_eq(got.text, "-x");
}
END_TEST

START_TEST(jobs_have_a_short_name)
{
    ck_assert_int_eq(parse("-j 4", false).status, RN_OK);
    ck_assert_uint_eq(got.number, 4);
    ck_assert_int_eq(parse("-j12 word", false).status, RN_OK);
    ck_assert_uint_eq(got.number, 12);
    ck_assert_int_eq(parse("--jobs=3", false).status, RN_OK);
    ck_assert_uint_eq(got.number, 3);
    ck_assert_int_eq(parse("-json", false).status, RN_INVALID);
    ck_assert_int_eq(parse("-j", false).status, RN_INVALID);
}
END_TEST

START_TEST(another_table_is_known_behind_the_first)
{
    ck_assert_int_eq(parse("--deep x --flag", false).status, RN_OK);
    ck_assert_str_eq(got.text, "x");
    ck_assert(got.flag);
    struct parsed parsed = parse("--deap x", false);
    ck_assert_int_eq(parsed.status, RN_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.error.text, "--deep"));
    ck_assert_int_eq(parse("MORE", false).rest, 1);
}
END_TEST

START_TEST(options_end_at_the_first_word_unless_mixed)
{
    struct parsed parsed = parse("--flag ls --text a", false);
    ck_assert_int_eq(parsed.status, RN_OK);
    ck_assert_int_eq(parsed.rest, 2);
    ck_assert_int_eq(parsed.word_count, 0);
    ck_assert_ptr_null(got.text);

    parsed = parse("one --text a two -- --flag three", true);
    ck_assert_int_eq(parsed.status, RN_OK);
    ck_assert_int_eq(parsed.word_count, 2);
    ck_assert_str_eq(parsed.words[0], "one");
    ck_assert_str_eq(parsed.words[1], "two");
    ck_assert_str_eq(got.text, "a");
    ck_assert(!got.flag);
    ck_assert_int_eq(parsed.rest, 6);
}
END_TEST

START_TEST(a_lone_dash_is_a_word)
{
    struct parsed parsed = parse("-", true);
    ck_assert_int_eq(parsed.status, RN_OK);
    ck_assert_int_eq(parsed.word_count, 1);
}
END_TEST

START_TEST(everything_behind_two_dashes_is_left_alone)
{
    struct parsed parsed = parse("-- --flag --nonsense", false);
    ck_assert_int_eq(parsed.status, RN_OK);
    ck_assert_int_eq(parsed.rest, 2);
    ck_assert(!got.flag);
}
END_TEST

START_TEST(refusals_name_the_word)
{
    const char *const cases[][2] = {
        {"--nonsense", "--nonsense"},
        {"--txt a", "did you mean --text"},
        {"-x", "-x"},
        {"--flag=1", "--flag takes no value"},
        {"--text", "--text needs"},
        {"--text -- x", "--text needs"},
        {"--number 7a", "7a"},
        {"--number -1", "-1"},
        {"--number=", "--number"},
        {"--number 18446744073709551616", "18446744073709551616"},
        {"--choice blue", "red|green"},
        {"--choice re", "red|green"},
        {"--choice red|green", "not 'red|green'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed parsed = parse(cases[i][0], true);
        ck_assert_msg(parsed.status == RN_INVALID, "%s was taken", cases[i][0]);
        ck_assert_msg(strstr(parsed.error.text, cases[i][1]) != NULL, "'%s' says '%s'", cases[i][0],
                      parsed.error.text);
    }
}
END_TEST

START_TEST(the_largest_number_is_taken)
{
    ck_assert_int_eq(parse("--number 18446744073709551615", false).status, RN_OK);
    ck_assert(got.number == UINT64_MAX);
}
END_TEST

START_TEST(a_list_takes_its_maximum_and_not_one_more)
{
    char *argv[RN_OPTION_VALUES_MAX + 3] = {"command"};
    char *words[1];
    int word_count = 0;
    int rest = 0;
    struct rn_error error;
    memset(&got, 0, sizeof got);
    for (int i = 1; i < RN_OPTION_VALUES_MAX + 2; i++) {
        argv[i] = "--list=x";
    }
    ck_assert_int_eq(rn_options_parse(table, RN_OPTION_VALUES_MAX + 1, argv, false, words,
                                      &word_count, &rest, &error),
                     RN_OK);
    ck_assert_uint_eq(got.list.count, RN_OPTION_VALUES_MAX);
    memset(&got, 0, sizeof got);
    ck_assert_int_eq(rn_options_parse(table, RN_OPTION_VALUES_MAX + 2, argv, false, words,
                                      &word_count, &rest, &error),
                     RN_LIMIT);
    ck_assert_ptr_null(got.list.at[RN_OPTION_VALUES_MAX]);
}
END_TEST

START_TEST(help_is_heard_in_both_spellings)
{
    ck_assert_int_eq(parse("--help", false).status, RN_OK);
    ck_assert(rn_option_help_asked);
    ck_assert_int_eq(parse("-h", false).status, RN_OK);
    ck_assert(rn_option_help_asked);
    ck_assert_int_eq(parse("ls -h", false).status, RN_OK);
    ck_assert(!rn_option_help_asked);
}
END_TEST

static int run_nothing(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static const struct rn_cli_command command = {
    "demo", "demo [options] WORD", "do nothing", table, run_nothing, RN_EXIT_FAILED, NULL};

START_TEST(begin_takes_a_line_apart_in_place)
{
    char *argv[] = {"demo", "--flag", "one", "--text", "a", "two", "--", "three", "four", NULL};
    struct rn_cli_line line;
    memset(&got, 0, sizeof got);
    rn_option_help_asked = false;
    ck_assert_int_eq(rn_cli_begin(&command, 9, argv, true, &line), -1);
    ck_assert_int_eq(line.word_count, 2);
    ck_assert_str_eq(line.words[0], "one");
    ck_assert_str_eq(line.words[1], "two");
    ck_assert(line.divided);
    ck_assert_int_eq(line.rest_count, 2);
    ck_assert_str_eq(line.rest[0], "three");
    ck_assert_str_eq(line.rest[1], "four");
    ck_assert_ptr_null(line.rest[2]);
    ck_assert_str_eq(got.text, "a");
}
END_TEST

START_TEST(a_wrong_line_has_the_commands_own_status)
{
    char *argv[] = {"demo", "--nonsense", NULL};
    struct rn_cli_line line;
    rn_option_help_asked = false;
    ck_assert_int_eq(rn_cli_begin(&command, 2, argv, true, &line), RN_EXIT_FAILED);
}
END_TEST

START_TEST(the_page_lists_every_option_aligned)
{
    struct rn_buffer page = {0};
    ck_assert_int_eq(rn_cli_describe(&command, &page), RN_OK);
    ck_assert_int_eq(rn_buffer_add_byte(&page, 0), RN_OK);
    ck_assert_str_eq((const char *)page.data,
                     "usage: reenact demo [options] WORD\n\nDo nothing.\n\n"
                     "  --flag              a flag\n"
                     "  --text TEXT         a text\n"
                     "  --number N          a number\n"
                     "  --choice red|green  one of two\n"
                     "  --list WORD         many\n"
                     "  --jobs N            at once\n"
                     "  --once TEXT         one text\n"
                     "  MORE                see there\n"
                     "  --help              print this page and exit\n");
    rn_buffer_free(&page);
}
END_TEST

START_TEST(the_page_survives_any_failing_allocation)
{
    for (unsigned long nth = 1;; nth++) {
        struct rn_buffer page = {0};
        rn_memory_fail_from(nth);
        enum rn_status status = rn_cli_describe(&command, &page);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_buffer_free(&page);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            return;
        }
    }
}
END_TEST

START_TEST(the_nearest_name_is_a_neighbour_or_a_beginning)
{
    const char *const names[] = {"record", "replay", "serve", "show",
                                 "log",    "verify", "help",  NULL};
    ck_assert_str_eq(rn_cli_nearest("recrod", names), "record");
    ck_assert_str_eq(rn_cli_nearest("reply", names), "replay");
    ck_assert_str_eq(rn_cli_nearest("ver", names), "verify");
    ck_assert_str_eq(rn_cli_nearest("lgo", names), "log");
    ck_assert_ptr_null(rn_cli_nearest("xyzzy", names));
    ck_assert_ptr_null(rn_cli_nearest("", names));
    ck_assert_ptr_null(rn_cli_nearest(
        "a-word-that-is-much-longer-than-any-name-of-a-command-or-an-option", names));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("cli/options");
    RN_CASE(suite, "parse", a_count_begins_with_one, a_condition_is_not_replaced_by_another,
            jobs_have_a_short_name, another_table_is_known_behind_the_first,
            options_are_taken_in_both_spellings,
            a_value_may_hold_an_equals_sign_or_be_empty_or_begin_with_a_dash,
            options_end_at_the_first_word_unless_mixed, a_lone_dash_is_a_word,
            everything_behind_two_dashes_is_left_alone, refusals_name_the_word,
            the_largest_number_is_taken, a_list_takes_its_maximum_and_not_one_more,
            help_is_heard_in_both_spellings);
    RN_CASE(suite, "line", begin_takes_a_line_apart_in_place,
            a_wrong_line_has_the_commands_own_status);
    RN_CASE(suite, "page", the_page_lists_every_option_aligned,
            the_page_survives_any_failing_allocation,
            the_nearest_name_is_a_neighbour_or_a_beginning);
    return suite;
}
