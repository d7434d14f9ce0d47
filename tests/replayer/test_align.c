/* Steps side by side: one more or less shifts nothing, what changed stands beside what it was, and no step is lost. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "align.h"
#include "base/buffer.h"
#include "base/memory.h"

/* "m1": a model step that says 1 of everything; "m1x": the same request, another answer; upper case: asked of somebody else. */
static uint32_t steps_of(const char *text, struct rn_align_step *out)
{
    uint32_t count = 0;
    while (*text != '\0') {
        uint64_t kind = (uint64_t)(text[0] | 0x20);
        uint64_t said = (uint64_t)text[1];
        out[count] = (struct rn_align_step){kind, (uint64_t)text[0], said, said, said};
        text += 2;
        if (*text == 'x') {
            out[count].answer = 'x';
            text++;
        }
        text += *text == ' ';
        count++;
    }
    return count;
}

static void expect(const char *first, const char *second, const char *expected)
{
    struct rn_align_step a[32], b[32];
    struct rn_align_pair *pairs = NULL;
    struct rn_arena arena = {0};
    struct rn_buffer out = {0};
    uint32_t count = 0;
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    uint32_t a_count = steps_of(first, a);
    uint32_t b_count = steps_of(second, b);
    ck_assert_int_eq(rn_align(&arena, a, a_count, b, b_count, &pairs, &count), RN_OK);
    for (uint32_t i = 0; i < count; i++) {
        rn_buffer_addf(&out, i > 0 ? " " : "");
        if (pairs[i].a == RN_ALIGN_NONE) {
            rn_buffer_addf(&out, "+%u", pairs[i].b);
        } else if (pairs[i].b == RN_ALIGN_NONE) {
            rn_buffer_addf(&out, "-%u", pairs[i].a);
        } else {
            rn_buffer_addf(&out, "%u:%u", pairs[i].a, pairs[i].b);
        }
    }
    rn_buffer_add_byte(&out, 0);
    ck_assert_msg(strcmp((const char *)out.data, expected) == 0, "%s against %s: %s", first, second,
                  (const char *)out.data);
    rn_buffer_free(&out);
    rn_arena_free(&arena);
}

START_TEST(equal_lists_stand_beside_each_other)
{
    expect("", "", "");
    expect("m1 r1 m2", "m1 r1 m2", "0:0 1:1 2:2");
}
END_TEST

START_TEST(one_more_or_less_shifts_nothing)
{
    expect("m1 m2 m3", "m1 m9 m2 m3", "0:0 +1 1:2 2:3");
    expect("m1 m9 m2 m3", "m1 m2 m3", "0:0 -1 2:1 3:2");
    expect("m1", "", "-0");
    expect("", "m1 m2", "+0 +1");
    expect("m1 m2", "m9 m1 m2", "+0 0:1 1:2");
    expect("m1 m2", "m1 m2 m9", "0:0 1:1 +2");
}
END_TEST

START_TEST(what_changed_stands_beside_what_it_was)
{
    expect("m1 m2 m3", "m1 m2x m3", "0:0 1:1 2:2");
    expect("m1 m2 m3", "m1 m7 m3", "0:0 1:1 2:2");
    expect("m1 m2", "m1 M2", "0:0 1:1");
    expect("m1 m2 m3", "m9 m1x m2x m3x", "+0 0:1 1:2 2:3");
}
END_TEST

START_TEST(steps_of_two_kinds_are_never_one)
{
    expect("m1", "r1", "-0 +0");
    expect("m1 r2 m3", "m1 t2 m3", "0:0 -1 +1 2:2");
}
END_TEST

/* Too many for the table: in order, and each once. */
START_TEST(very_long_lists_are_taken_as_they_come)
{
    enum { COUNT = 3000 };
    struct rn_align_step *a = calloc(COUNT, sizeof *a);
    struct rn_align_step *b = calloc(COUNT, sizeof *b);
    struct rn_align_pair *pairs = NULL;
    struct rn_arena arena = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        a[i] = (struct rn_align_step){i % 7 == 0 ? 2 : 1, 0, i, i, i};
        b[i] = (struct rn_align_step){1, 0, i + COUNT, i + COUNT, i};
    }
    b[COUNT - 1].answer = 1;
    ck_assert_int_eq(rn_align(&arena, a, COUNT, b, COUNT, &pairs, &count), RN_OK);
    uint32_t next_a = 0;
    uint32_t next_b = 0;
    for (uint32_t i = 0; i < count; i++) {
        ck_assert(pairs[i].a == RN_ALIGN_NONE || pairs[i].a == next_a++);
        ck_assert(pairs[i].b == RN_ALIGN_NONE || pairs[i].b == next_b++);
    }
    ck_assert_uint_eq(next_a, COUNT);
    ck_assert_uint_eq(next_b, COUNT);
    rn_arena_free(&arena);
    free(a);
    free(b);
}
END_TEST

START_TEST(without_memory_it_says_so)
{
    struct rn_align_step a = {.kind = 1}, b = {.kind = 1, .whom = 1};
    for (unsigned from = 1; from <= 3; from++) {
        struct rn_arena arena = {0};
        struct rn_align_pair *pairs = NULL;
        uint32_t count = 0;
        rn_memory_fail_from(from);
        enum rn_status status = rn_align(&arena, &a, 1, &b, 1, &pairs, &count);
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, RN_NOMEM);
        rn_arena_free(&arena);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/align");
    RN_CASE(suite, "align", equal_lists_stand_beside_each_other, one_more_or_less_shifts_nothing,
            what_changed_stands_beside_what_it_was, steps_of_two_kinds_are_never_one,
            very_long_lists_are_taken_as_they_come, without_memory_it_says_so);
    return suite;
}
