/* Texts word by word. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "words.h"

/* "same -removed- +added+", checked to be both texts on the way. */
static char *told(struct rn_bytes a, struct rn_bytes b)
{
    static const char *const marks[] = {"", "-", "+"};
    static struct rn_buffer out;
    struct rn_buffer joined[2] = {{0}, {0}};
    struct rn_arena arena = {0};
    struct rn_words_run *runs = NULL;
    size_t count = 0;
    ck_assert_int_eq(rn_words_compare(&arena, a, b, &runs, &count), RN_OK);
    rn_buffer_clear(&out);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_gt(runs[i].text.len, 0);
        ck_assert(i == 0 || runs[i - 1].kind != runs[i].kind);
        ck_assert(i == 0 || runs[i - 1].kind != RN_WORDS_ADDED || runs[i].kind == RN_WORDS_SAME);
        rn_buffer_add(&out, rn_bytes_text(marks[runs[i].kind]));
        rn_buffer_add(&out, runs[i].text);
        rn_buffer_add(&out, rn_bytes_text(marks[runs[i].kind]));
        if (runs[i].kind != RN_WORDS_ADDED) {
            rn_buffer_add(&joined[0], runs[i].text);
        }
        if (runs[i].kind != RN_WORDS_REMOVED) {
            rn_buffer_add(&joined[1], runs[i].text);
        }
    }
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&joined[0]), a));
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&joined[1]), b));
    rn_buffer_free(&joined[0]);
    rn_buffer_free(&joined[1]);
    rn_arena_free(&arena);
    rn_buffer_add_byte(&out, 0);
    return (char *)out.data;
}

static void expect(const char *a, const char *b, const char *want)
{
    ck_assert_str_eq(told(rn_bytes_text(a), rn_bytes_text(b)), want);
}

START_TEST(words_are_kept_removed_and_added)
{
    expect("", "", "");
    expect("the same", "the same", "the same");
    expect("", "new", "+new+");
    expect("old", "", "-old-");
    expect("the cat sat", "the dog sat", "the -cat-+dog+ sat");
    expect("x y", "x z y", "x +z +y");
    expect("x z y", "x y", "x -z -y");
    expect("one, two", "one; two", "one-,-+;+ two");
    expect("a b c", "d e f", "-a b c-+d e f+"); /* blanks between changes are no news */
    expect("f(1)", "f(2)", "f(-1-+2+)");
    expect("\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe4\xbb\xac",
           "\xe4\xbd\xa0-\xe5\xa5\xbd-+\xe4\xbb\xac+");
    expect("\xff x", "\xfe x", "-\xff-+\xfe+ x");
}
END_TEST

START_TEST(any_two_texts_are_told_completely)
{
    unsigned seed = 1;
    for (int round = 0; round < 3000; round++) {
        char text[2][64];
        size_t len[2];
        for (int side = 0; side < 2; side++) {
            len[side] = (size_t)(rand_r(&seed) % 24);
            for (size_t i = 0; i < len[side]; i++) {
                text[side][i] = "ab  ,\xe2"[rand_r(&seed) % 6];
            }
        }
        told(rn_bytes_of(text[0], len[0]), rn_bytes_of(text[1], len[1]));
    }
}
END_TEST

START_TEST(too_many_changes_are_told_as_one)
{
    struct rn_buffer text[2] = {{0}, {0}};
    for (unsigned i = 0; i < RN_WORDS_CHANGES_MAX; i++) {
        rn_buffer_addf(&text[0], "a%u ", i);
        rn_buffer_addf(&text[1], "b%u ", i);
    }
    char *out = told(rn_buffer_bytes(&text[0]), rn_buffer_bytes(&text[1]));
    ck_assert_uint_eq(strncmp(out, "-a0 a1", 6), 0);
    rn_buffer_free(&text[0]);
    rn_buffer_free(&text[1]);
}
END_TEST

START_TEST(shared_words_are_counted_wherever_they_stand)
{
    static const struct {
        const char *a, *b;
        double share;
    } cases[] = {
        {"", "", 1},
        {" ", "\n", 1},
        {"a", "", 0},
        {"a b", "b a", 1},
        {"a b c d", "a b x y", 0.5},
        {"a a a", "a", 0.5},
        {"a", "b", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double share = -1;
        ck_assert_int_eq(
            rn_words_shared(rn_bytes_text(cases[i].a), rn_bytes_text(cases[i].b), &share), RN_OK);
        ck_assert_msg(share == cases[i].share, "%s, %s: %g", cases[i].a, cases[i].b, share);
        rn_words_shared(rn_bytes_text(cases[i].b), rn_bytes_text(cases[i].a), &share);
        ck_assert(share == cases[i].share);
    }
}
END_TEST

START_TEST(memory_that_runs_out_is_reported)
{
    for (unsigned long nth = 1;; nth++) {
        struct rn_arena arena = {0};
        struct rn_words_run *runs = NULL;
        size_t count = 0;
        double share = 0;
        rn_memory_fail_from(nth);
        enum rn_status status =
            rn_words_compare(&arena, RN_LIT("a b c"), RN_LIT("a x c"), &runs, &count);
        status = status == RN_OK ? rn_words_shared(RN_LIT("a"), RN_LIT("b"), &share) : status;
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_arena_free(&arena);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            break;
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/words");
    RN_CASE(suite, "words", words_are_kept_removed_and_added, any_two_texts_are_told_completely,
            too_many_changes_are_told_as_one, shared_words_are_counted_wherever_they_stand,
            memory_that_runs_out_is_reported);
    return suite;
}
