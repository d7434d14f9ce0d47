/* Stretches of earlier text in later text: found whole, once, and only from 32 characters. */
#include "main.h"

#include <string.h>

#include "verbatim.h"
#include "base/buffer.h"
#include "base/memory.h"

static void tell(void *self, const struct rn_stretch *stretch)
{
    (void)rn_buffer_addf(self, "%u+%zu at %zu len %zu\n", stretch->source, stretch->source_at,
                         stretch->at, stretch->len);
}

static void expect(const struct rn_verbatim *verbatim, const char *text, const char *expected)
{
    struct rn_buffer out = {0};
    rn_verbatim_find(verbatim, rn_bytes_text(text), tell, &out);
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    ck_assert_str_eq((const char *)out.data, expected);
    rn_buffer_free(&out);
}

static struct rn_verbatim *holding(const char *first, const char *second)
{
    struct rn_verbatim *verbatim = rn_verbatim_new();
    ck_assert_ptr_nonnull(verbatim);
    ck_assert_int_eq(rn_verbatim_add(verbatim, 1, rn_bytes_text(first)), RN_OK);
    ck_assert_int_eq(rn_verbatim_add(verbatim, 2, rn_bytes_text(second)), RN_OK);
    return verbatim;
}

#define POLICY "Refunds are possible within 30 days of delivery, unless the seal is broken."
#define PART "Refunds are possible within 30 d" /* 32 characters */

START_TEST(a_stretch_is_found_as_long_as_it_goes)
{
    struct rn_verbatim *verbatim = holding(POLICY, "something else that is long enough to count");
    expect(verbatim, POLICY, "1+0 at 0 len 75\n");
    expect(verbatim, "We say: " POLICY " Good bye.", "1+0 at 8 len 75\n");
    expect(verbatim, "x" POLICY "y" POLICY, "1+0 at 1 len 75\n1+0 at 77 len 75\n");
    rn_verbatim_free(verbatim);
}
END_TEST

START_TEST(thirty_two_characters_count_and_thirty_one_do_not)
{
    struct rn_verbatim *verbatim = holding(POLICY, "");
    expect(verbatim, PART, "1+0 at 0 len 32\n");
    expect(verbatim, "efunds are possible within 30 d", "");
    expect(verbatim, "Refunds are possible within 30 Days", "");
    rn_verbatim_free(verbatim);
}
END_TEST

/* 31 characters of two bytes are 62 bytes and too few; and no character is torn. */
START_TEST(characters_are_counted_not_bytes)
{
    struct rn_buffer text = {0};
    struct rn_buffer torn = {0};
    for (int i = 0; i < 31; i++) {
        ck_assert_int_eq(rn_buffer_addf(&text, "\xc3%c", 0xa0 + i), RN_OK);
    }
    ck_assert_int_eq(rn_buffer_add_byte(&text, 0), RN_OK);
    struct rn_verbatim *verbatim = holding((const char *)text.data, "");
    expect(verbatim, (const char *)text.data, "");
    rn_verbatim_free(verbatim);
    /* The source goes on with U+00E9, the text with U+00E8: their first bytes are the same. */
    ck_assert_int_eq(rn_buffer_addf(&torn, "%s\xc3\xa9", PART), RN_OK);
    ck_assert_int_eq(rn_buffer_add_byte(&torn, 0), RN_OK);
    verbatim = holding((const char *)torn.data, "");
    expect(verbatim, PART "\xc3\xa8", "1+0 at 0 len 32\n");
    rn_verbatim_free(verbatim);
    rn_buffer_free(&text);
    rn_buffer_free(&torn);
}
END_TEST

START_TEST(the_longest_source_explains_and_of_equals_the_last)
{
    struct rn_verbatim *verbatim = holding(PART, POLICY);
    expect(verbatim, POLICY, "2+0 at 0 len 75\n");
    expect(verbatim, PART, "2+0 at 0 len 32\n");
    rn_verbatim_free(verbatim);
}
END_TEST

START_TEST(text_that_repeats_itself_ends)
{
    struct rn_buffer text = {0};
    for (int i = 0; i < 20000; i++) {
        ck_assert_int_eq(rn_buffer_add_byte(&text, 'a'), RN_OK);
    }
    ck_assert_int_eq(rn_buffer_add_byte(&text, 0), RN_OK);
    struct rn_verbatim *verbatim = holding((const char *)text.data, "");
    struct rn_buffer out = {0};
    rn_verbatim_find(verbatim, rn_bytes_text((const char *)text.data), tell, &out);
    ck_assert_uint_gt(out.len, 0);
    rn_buffer_free(&out);
    rn_verbatim_free(verbatim);
    rn_buffer_free(&text);
}
END_TEST

START_TEST(nothing_is_found_in_nothing)
{
    struct rn_verbatim *verbatim = rn_verbatim_new();
    ck_assert_ptr_nonnull(verbatim);
    expect(verbatim, POLICY, "");
    ck_assert_int_eq(rn_verbatim_add(verbatim, 1, RN_LIT("")), RN_OK);
    ck_assert_int_eq(rn_verbatim_add(verbatim, 2, RN_LIT("short")), RN_OK);
    expect(verbatim, "", "");
    expect(verbatim, "short", "");
    ck_assert(!rn_verbatim_is_full(verbatim));
    rn_verbatim_free(verbatim);
}
END_TEST

START_TEST(a_source_without_memory_is_refused_and_leaves_the_others)
{
    struct rn_verbatim *verbatim = holding(POLICY, "");
    struct rn_buffer large = {0};
    for (int i = 0; i < 5000; i++) {
        ck_assert_int_eq(rn_buffer_addf(&large, "%d,", i), RN_OK);
    }
    rn_memory_fail_from(1);
    ck_assert_int_eq(rn_verbatim_add(verbatim, 3, rn_buffer_bytes(&large)), RN_NOMEM);
    rn_memory_fail_from(0);
    expect(verbatim, POLICY, "1+0 at 0 len 75\n");
    ck_assert_int_eq(rn_verbatim_add(verbatim, 3, rn_buffer_bytes(&large)), RN_OK);
    expect(verbatim, POLICY, "1+0 at 0 len 75\n");
    rn_verbatim_free(verbatim);
    rn_buffer_free(&large);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/verbatim");
    RN_CASE(suite, "verbatim", a_stretch_is_found_as_long_as_it_goes,
            thirty_two_characters_count_and_thirty_one_do_not, characters_are_counted_not_bytes,
            the_longest_source_explains_and_of_equals_the_last, text_that_repeats_itself_ends,
            nothing_is_found_in_nothing, a_source_without_memory_is_refused_and_leaves_the_others);
    return suite;
}
