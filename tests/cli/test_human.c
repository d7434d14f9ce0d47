/* Numbers for humans, at the borders between their units. */
#include "main.h"
#include "human.h"

#include <stdlib.h>
#include <time.h>

#define S UINT64_C(1000000000)

static struct rn_human out;

START_TEST(bytes_change_unit_where_rounding_does)
{
    ck_assert_str_eq(rn_human_bytes(&out, 0), "0 B");
    ck_assert_str_eq(rn_human_bytes(&out, 999), "999 B");
    ck_assert_str_eq(rn_human_bytes(&out, 1000), "1.0 kB");
    ck_assert_str_eq(rn_human_bytes(&out, 9949), "9.9 kB");
    ck_assert_str_eq(rn_human_bytes(&out, 9950), "10 kB");
    ck_assert_str_eq(rn_human_bytes(&out, 999499), "999 kB");
    ck_assert_str_eq(rn_human_bytes(&out, 999500), "1.0 MB");
    ck_assert_str_eq(rn_human_bytes(&out, UINT64_MAX), "18 EB");
}
END_TEST

START_TEST(durations_keep_three_digits)
{
    ck_assert_str_eq(rn_human_duration(&out, 0), "0.00 ms");
    ck_assert_str_eq(rn_human_duration(&out, 312345), "0.31 ms");
    ck_assert_str_eq(rn_human_duration(&out, 4200000), "4.2 ms");
    ck_assert_str_eq(rn_human_duration(&out, 312000000), "312 ms");
    ck_assert_str_eq(rn_human_duration(&out, 1240000000), "1.24 s");
    ck_assert_str_eq(rn_human_duration(&out, 12 * S), "12.0 s");
    ck_assert_str_eq(rn_human_duration(&out, 123 * S), "2 min 03 s");
    ck_assert_str_eq(rn_human_duration(&out, 3725 * S), "1 h 02 min");
}
END_TEST

START_TEST(moments_are_told_from_now)
{
    uint64_t now = UINT64_C(1795198512) * S;
    ck_assert_str_eq(rn_human_ago(&out, now, now), "now");
    ck_assert_str_eq(rn_human_ago(&out, now + 5 * S, now), "now");
    ck_assert_str_eq(rn_human_ago(&out, now - 59 * S, now), "59 s ago");
    ck_assert_str_eq(rn_human_ago(&out, now - 60 * S, now), "1 min ago");
    ck_assert_str_eq(rn_human_ago(&out, now - 3600 * S, now), "1 h ago");
    ck_assert_str_eq(rn_human_ago(&out, now - 6 * 86400 * S, now), "6 d ago");
    ck_assert_str_eq(rn_human_ago(&out, now - 8 * 86400 * S, now), "2026-11-12");
}
END_TEST

START_TEST(moments_for_machines_are_utc_to_the_nanosecond)
{
    ck_assert_str_eq(rn_human_iso(&out, UINT64_C(1795198512) * S + 7),
                     "2026-11-20T18:15:12.000000007Z");
    ck_assert_str_eq(rn_human_iso(&out, 0), "1970-01-01T00:00:00.000000000Z");
}
END_TEST

START_TEST(moments_for_humans_name_their_offset)
{
    ck_assert_int_eq(setenv("TZ", "UTC-2", 1), 0);
    tzset();
    ck_assert_str_eq(rn_human_moment(&out, UINT64_C(1795198512) * S), "2026-11-20 20:15:12 +0200");
}
END_TEST

START_TEST(counts_know_the_singular)
{
    ck_assert_str_eq(rn_human_count(&out, 1, "call", "calls"), "1 call");
    ck_assert_str_eq(rn_human_count(&out, 0, "call", "calls"), "0 calls");
}
END_TEST

START_TEST(ends_are_codes_or_signals)
{
    ck_assert_str_eq(rn_human_exit(&out, 0), "exit 0");
    ck_assert_str_eq(rn_human_exit(&out, 7 << 8), "exit 7");
    ck_assert_str_eq(rn_human_exit(&out, 9), "signal 9");
    ck_assert_str_eq(rn_human_exit(&out, -1), "");
}
END_TEST

static void utc(void)
{
    ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
    tzset();
}

Suite *rn_suite(void)
{
    Suite *suite = suite_create("cli/human");
    RN_CASE(suite, "human", bytes_change_unit_where_rounding_does, durations_keep_three_digits,
            moments_for_machines_are_utc_to_the_nanosecond, moments_for_humans_name_their_offset,
            counts_know_the_singular, ends_are_codes_or_signals);
    TCase *ago = tcase_create("ago");
    tcase_add_checked_fixture(ago, utc, NULL);
    tcase_add_test(ago, moments_are_told_from_now);
    suite_add_tcase(suite, ago);
    return suite;
}
