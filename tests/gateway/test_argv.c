/* Places in COMMAND's words. */
#include "main.h"

#include "argv.h"
#include "base/memory.h"

static char *const *words(const char *const *list)
{
    return (char *const *)(uintptr_t)list;
}

static const struct rn_argv_place places[] = {{"{input}", "a b; $(rm) {trace} \"'"},
                                              {"{trace}", "0123"}};

START_TEST(a_place_is_filled_wherever_it_stands)
{
    const char *const list[] = {"app",    "{input}", "--ask={input}!", "{trace}{trace}", "",
                                "{inpu}", NULL};
    struct rn_arena arena = {0};
    char **filled = rn_argv_fill(&arena, words(list), places, 2);
    ck_assert_str_eq(filled[0], "app");
    ck_assert_str_eq(filled[1], "a b; $(rm) {trace} \"'");
    ck_assert_str_eq(filled[2], "--ask=a b; $(rm) {trace} \"'!");
    ck_assert_str_eq(filled[3], "01230123");
    ck_assert_str_eq(filled[4], "");
    ck_assert_str_eq(filled[5], "{inpu}");
    ck_assert_ptr_null(filled[6]);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_place_without_a_value_stays)
{
    const char *const list[] = {"{input}{trace}", NULL};
    const struct rn_argv_place one[] = {{"{input}", NULL}, {"{trace}", ""}};
    struct rn_arena arena = {0};
    ck_assert_str_eq(rn_argv_fill(&arena, words(list), one, 2)[0], "{input}");
    ck_assert_str_eq(rn_argv_fill(&arena, words(list), NULL, 0)[0], "{input}{trace}");
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_mark_is_found_inside_a_word)
{
    const char *const list[] = {"app", "x{input}y", NULL};
    ck_assert(rn_argv_has(words(list), "{input}"));
    ck_assert(!rn_argv_has(words(list), "{trace}"));
    ck_assert(!rn_argv_has(words(list + 2), "{input}"));
}
END_TEST

START_TEST(without_memory_there_is_nothing)
{
    const char *const list[] = {"app", "{input}", NULL};
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_arena arena = {0};
        rn_memory_fail_from(nth);
        char **filled = rn_argv_fill(&arena, words(list), places, 2);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(filled == NULL, failed);
        rn_arena_free(&arena);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("gateway/argv");
    RN_CASE(suite, "argv", a_place_is_filled_wherever_it_stands, a_place_without_a_value_stays,
            a_mark_is_found_inside_a_word, without_memory_there_is_nothing);
    return suite;
}
