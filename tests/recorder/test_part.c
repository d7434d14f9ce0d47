/* Parts of an answer: what was added comes out piece by piece, held ones only when durable, and nothing changes on failure. */
#include "main.h"

#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "part.h"

static struct rn_part *part;

static void set_up(void)
{
    part = rn_part_new();
    ck_assert_ptr_nonnull(part);
}

static void tear_down(void)
{
    rn_memory_fail_from(0);
    rn_part_free(part);
}

static void add(const char *piece, uint64_t since_ns)
{
    ck_assert_int_eq(rn_part_add(part, rn_bytes_text(piece), since_ns, since_ns + 1), RN_OK);
}

/* The next piece is this one; it is sent. */
static void ck_sends(struct rn_part *from, const char *expected)
{
    struct rn_bytes piece;
    ck_assert(rn_part_next(from, &piece));
    ck_assert(rn_bytes_equal(piece, rn_bytes_text(expected)));
    rn_part_sent(from);
}

static void ck_waits(const struct rn_part *from)
{
    struct rn_bytes piece;
    ck_assert(!rn_part_next(from, &piece));
}

static void ck_list(const struct rn_buffer *list, const uint64_t *expected, size_t count)
{
    struct rn_bytes rest = rn_buffer_bytes(list);
    uint64_t number;
    for (size_t i = 0; i < count; i++) {
        ck_assert(rn_varint_get(&rest, &number));
        ck_assert_uint_eq(number, expected[i]);
    }
    ck_assert_uint_eq(rest.len, 0);
}
#define ck_numbers(list, ...)                                                                      \
    ck_list(list, (const uint64_t[]){__VA_ARGS__},                                                 \
            sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void ck_body(const struct rn_part *of, const char *expected)
{
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&of->body), rn_bytes_text(expected)));
}

START_TEST(pieces_come_out_as_they_went_in)
{
    ck_waits(part);
    add("one", 5);
    add("three", 300);
    ck_assert_uint_eq(rn_part_pieces(part), 2);
    ck_sends(part, "one");
    add("x", 0);
    ck_sends(part, "three");
    ck_sends(part, "x");
    ck_waits(part);
    ck_body(part, "onethreex");
    ck_numbers(&part->cuts, 3, 5, 1);
    ck_numbers(&part->times, 5, 300, 0);
    ck_numbers(&part->stamps, 6, 301, 1);
}
END_TEST

START_TEST(a_held_piece_and_what_follows_wait_until_the_part_is_durable)
{
    add("one", 1);
    part->held_piece = rn_part_pieces(part);
    add("two", 1);
    add("three", 1);
    ck_sends(part, "one");
    ck_waits(part);
    part->durable = true;
    ck_sends(part, "two");
    ck_sends(part, "three");
    ck_waits(part);
}
END_TEST

START_TEST(what_was_not_sent_can_be_forgotten)
{
    add("one", 200);
    add("two", 300);
    part->held_piece = rn_part_pieces(part);
    add("three", 400);
    ck_sends(part, "one");
    ck_assert_uint_eq(rn_part_forget_unsent(part), 8);
    ck_assert_uint_eq(rn_part_pieces(part), 1);
    ck_body(part, "one");
    ck_numbers(&part->cuts, 3);
    ck_numbers(&part->times, 200);
    ck_numbers(&part->stamps, 201);
    ck_waits(part);
    ck_assert_uint_eq(rn_part_forget_unsent(part), 0);
}
END_TEST

START_TEST(a_part_is_split_behind_what_was_sent)
{
    struct rn_part *fresh = rn_part_new();
    add("one", 200);
    add("two", 300);
    part->held_piece = rn_part_pieces(part);
    add("three", 400);
    ck_sends(part, "one");
    ck_assert_int_eq(rn_part_split(part, fresh), RN_OK);
    ck_body(part, "one");
    ck_numbers(&part->cuts, 3);
    ck_body(fresh, "twothree");
    ck_numbers(&fresh->cuts, 3, 5);
    ck_numbers(&fresh->times, 300, 400);
    ck_numbers(&fresh->stamps, 301, 401);
    ck_sends(fresh, "two");
    ck_waits(fresh); /* still held */
    fresh->durable = true;
    ck_sends(fresh, "three");
    rn_part_free(fresh);
}
END_TEST

START_TEST(a_piece_that_cannot_be_kept_leaves_no_trace)
{
    static char large[5000];
    memset(large, 'x', sizeof large - 1);
    add("one", 1);
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        rn_memory_fail_from(nth);
        enum rn_status status = rn_part_add(part, rn_bytes_text(large), 2, 3);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        ck_assert_uint_eq(rn_part_pieces(part), failed ? 1 : 2);
        ck_assert_uint_eq(part->body.len, failed ? 3 : 3 + sizeof large - 1);
    }
    ck_numbers(&part->cuts, 3, sizeof large - 1);
    ck_numbers(&part->times, 1, 2);
    ck_numbers(&part->stamps, 2, 3);
}
END_TEST

START_TEST(a_split_without_memory_leaves_the_part_as_it_was)
{
    add("one", 1);
    add("two", 2);
    ck_sends(part, "one");
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_part *fresh = rn_part_new();
        rn_memory_fail_from(nth);
        enum rn_status status = rn_part_split(part, fresh);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        ck_body(part, failed ? "onetwo" : "one");
        rn_part_free(fresh);
    }
}
END_TEST

START_TEST(small_fields_stay_where_they_are_while_more_come)
{
    const uint64_t numbers[] = {1, 300, 70000};
    struct rn_small first = rn_part_put_numbers(part, numbers, 3);
    struct rn_small text = rn_part_put(part, RN_LIT("text"));
    for (int i = 0; i < 1000; i++) {
        (void)rn_part_put(part, RN_LIT("more"));
    }
    struct rn_bytes view = rn_part_small(part, first);
    uint64_t number;
    for (size_t i = 0; i < 3; i++) {
        ck_assert(rn_varint_get(&view, &number));
        ck_assert_uint_eq(number, numbers[i]);
    }
    ck_assert_uint_eq(view.len, 0);
    ck_assert(rn_bytes_equal(rn_part_small(part, text), RN_LIT("text")));
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {pieces_come_out_as_they_went_in,
                                  a_held_piece_and_what_follows_wait_until_the_part_is_durable,
                                  what_was_not_sent_can_be_forgotten,
                                  a_part_is_split_behind_what_was_sent,
                                  a_piece_that_cannot_be_kept_leaves_no_trace,
                                  a_split_without_memory_leaves_the_part_as_it_was,
                                  small_fields_stay_where_they_are_while_more_come};
    Suite *suite = suite_create("part");
    TCase *one = tcase_create("part");
    tcase_add_checked_fixture(one, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(one, tests[i]);
    }
    suite_add_tcase(suite, one);
    return suite;
}
