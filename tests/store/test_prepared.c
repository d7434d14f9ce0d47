/* What the writer keeps for the indexes is of that very row and frame, or it is not used. */
#include "main.h"

#include <string.h>

#include "base/memory.h"
#include "prepared.h"

static struct rn_prepared_rows rows;

static void setup(void)
{
    rn_prepared_rows_init(&rows);
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_prepared_rows_free(&rows);
}

static const struct rn_frame frame = {.kind = RN_FRAME_EVENT, .n = 7};
static uint8_t written[RN_FRAME_HEADER_BYTES + 10] = "its header and what it holds";

static struct rn_event exchange(void)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 7};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\2"));
    rn_event_set(&event, RN_TAG_TIMES, RN_LIT("\11\2\5"));
    rn_event_set(&event, RN_TAG_UPSTREAM, RN_LIT("openai"));
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD,
                 RN_LIT("HTTP/1.1 200 OK\r\nx-request-id: req_abcdef\r\n\r\n"));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("{\"id\":\"chatcmpl-1234\"}"));
    rn_event_set(&event, RN_TAG_END, RN_LIT("\1"));
    return event;
}

static struct rn_prepared *prepared_new(const struct rn_event *event)
{
    return rn_prepared_new(event, &frame, rn_bytes_of(written, sizeof written));
}

static void add(uint64_t row)
{
    struct rn_event event = exchange();
    struct rn_prepared *prepared = prepared_new(&event);
    ck_assert_ptr_nonnull(prepared);
    prepared->row = row;
    rn_prepared_rows_add(&rows, prepared);
}

static const struct rn_prepared *match(uint64_t row, struct rn_bytes bytes)
{
    const struct rn_prepared *at = rn_prepared_rows_first(&rows);
    return rn_prepared_rows_match(&at, row, bytes);
}

START_TEST(facts_outlive_the_event)
{
    struct rn_event event = exchange();
    char body[] = "{\"id\":\"chatcmpl-1234\"}";
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_text(body));
    struct rn_prepared *prepared = prepared_new(&event);
    ck_assert_ptr_nonnull(prepared);
    memset(body, 'x', sizeof body - 1);
    const struct rn_index_facts *facts = &prepared->facts;
    ck_assert_uint_eq(facts->id_count, 2);
    ck_assert(rn_bytes_equal(facts->ids[0], RN_LIT("req_abcdef")));
    ck_assert(rn_bytes_equal(facts->ids[1], RN_LIT("chatcmpl-1234")));
    ck_assert(rn_bytes_equal(facts->upstream, RN_LIT("openai")));
    ck_assert_uint_eq(facts->first_wall_ns, 9);
    ck_assert_uint_eq(facts->latest_wall_ns, 14);
    ck_assert_int_eq(facts->end, RN_END_ENDED);
    ck_assert_uint_eq(facts->crossed_bytes,
                      rn_event_get(&event, RN_TAG_RESPONSE_HEAD).len + sizeof body - 1);
    rn_prepared_free(prepared);
}
END_TEST

START_TEST(a_row_is_matched_by_number_header_and_length)
{
    uint8_t other[sizeof written];
    const struct rn_bytes same = rn_bytes_of(written, sizeof written);
    memcpy(other, written, sizeof written);
    other[12] ^= 1; /* the checksum: what is stored is something else */
    add(4);
    add(9);
    ck_assert_ptr_nonnull(match(4, same));
    ck_assert_ptr_nonnull(match(9, same));
    ck_assert_ptr_null(match(3, same));
    ck_assert_ptr_null(match(5, same));
    ck_assert_ptr_null(match(10, same));
    ck_assert_ptr_null(match(9, rn_bytes_of(other, sizeof other)));
    ck_assert_ptr_null(match(9, rn_bytes_of(written, sizeof written - 1)));
    ck_assert_ptr_null(match(9, rn_bytes_of(written, 0)));
}
END_TEST

START_TEST(rows_are_found_in_one_pass_and_dropped_in_order)
{
    const struct rn_bytes same = rn_bytes_of(written, sizeof written);
    for (uint64_t row = 1; row <= 20; row++) {
        add(2 * row);
        if (row == 10) {
            rn_prepared_rows_drop(&rows, 0); /* nothing is ready yet */
            ck_assert_ptr_nonnull(match(2, same));
        }
    }
    const struct rn_prepared *at = rn_prepared_rows_first(&rows);
    for (uint64_t row = 1; row <= 41; row++) {
        const struct rn_prepared *found = rn_prepared_rows_match(&at, row, same);
        ck_assert_int_eq(found != NULL, row % 2 == 0 && row <= 40);
    }
    rn_prepared_rows_drop(&rows, 17);
    ck_assert_ptr_null(match(16, same));
    ck_assert_ptr_nonnull(match(18, same));
    rn_prepared_rows_drop(&rows, 40);
    ck_assert_ptr_null(rn_prepared_rows_first(&rows));
    add(50);
    ck_assert_ptr_nonnull(match(50, same));
}
END_TEST

START_TEST(what_another_process_indexed_is_dropped_unseen)
{
    const struct rn_bytes same = rn_bytes_of(written, sizeof written);
    for (uint64_t row = 1; row <= 20480; row++) {
        add(row);
    }
    rn_prepared_rows_drop(&rows, 20479);
    ck_assert_ptr_null(match(20479, same));
    ck_assert_ptr_nonnull(match(20480, same));
    ck_assert_uint_eq(rows.count, 1);
}
END_TEST

START_TEST(what_takes_long_to_search_is_left_to_the_indexing)
{
    static char body[64 * 1024 + 1];
    struct rn_event event = exchange();
    memset(body, ' ', sizeof body);
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_of(body, sizeof body - 1));
    struct rn_prepared *prepared = prepared_new(&event);
    ck_assert_ptr_nonnull(prepared);
    rn_prepared_free(prepared);
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_of(body, sizeof body));
    ck_assert_ptr_null(prepared_new(&event));
    event = exchange();
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD,
                 RN_LIT("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n"));
    ck_assert_ptr_null(prepared_new(&event));
}
END_TEST

START_TEST(without_memory_nothing_is_kept)
{
    struct rn_event event = exchange();
    rn_memory_fail_from(1);
    ck_assert_ptr_null(prepared_new(&event));
    ck_assert(rn_memory_failed());
}
END_TEST

START_TEST(a_heap_of_rows_is_bounded)
{
    const struct rn_bytes same = rn_bytes_of(written, sizeof written);
    for (uint64_t row = 1; row <= 20481; row++) {
        add(row);
    }
    ck_assert_ptr_nonnull(match(20480, same));
    ck_assert_ptr_null(match(20481, same));
    rn_prepared_rows_drop(&rows, 1);
    add(20482);
    ck_assert_ptr_nonnull(match(20482, same));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/prepared");
    TCase *cases = tcase_create("prepared");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, facts_outlive_the_event);
    tcase_add_test(cases, a_row_is_matched_by_number_header_and_length);
    tcase_add_test(cases, rows_are_found_in_one_pass_and_dropped_in_order);
    tcase_add_test(cases, what_another_process_indexed_is_dropped_unseen);
    tcase_add_test(cases, what_takes_long_to_search_is_left_to_the_indexing);
    tcase_add_test(cases, without_memory_nothing_is_kept);
    tcase_add_test(cases, a_heap_of_rows_is_bounded);
    suite_add_tcase(suite, cases);
    return suite;
}
