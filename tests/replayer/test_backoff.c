/* What an answer asks for, and how long to wait without it. */
#include "main.h"

#include <stdio.h>
#include <string.h>

#include "backoff.h"

#define S UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static bool asks(const char *fields, unsigned status, uint64_t wall_ns, uint64_t *wait_ns)
{
    static struct rn_http_head head;
    static char text[1024];
    int len = snprintf(text, sizeof text, "HTTP/1.1 %u Reason\r\n%s\r\n", status, fields);
    ck_assert_int_eq(
        rn_http_response_parse(rn_bytes_of(text, (size_t)len), RN_LIT("POST"), &head, NULL),
        RN_HTTP_DONE);
    return rn_backoff_asked(&head, wall_ns, wait_ns);
}

static void ck_waits(const char *fields, unsigned status, uint64_t expected)
{
    uint64_t wait_ns = 0;
    ck_assert_msg(asks(fields, status, 0, &wait_ns), "%s asks for nothing", fields);
    ck_assert_msg(wait_ns == expected, "%s: %llu", fields, (unsigned long long)wait_ns);
}

static void ck_asks_nothing(const char *fields, unsigned status)
{
    uint64_t wait_ns = 0;
    ck_assert_msg(!asks(fields, status, 0, &wait_ns), "%s: %llu", fields,
                  (unsigned long long)wait_ns);
}

START_TEST(waits_double_up_to_half_a_minute_with_jitter)
{
    ck_assert_uint_eq(rn_backoff_ns(1, 0), 250 * MS);
    ck_assert_uint_eq(rn_backoff_ns(1, 250 * MS), 500 * MS);
    ck_assert_uint_eq(rn_backoff_ns(2, 0), 500 * MS);
    ck_assert_uint_eq(rn_backoff_ns(6, 0), 8 * S);
    ck_assert_uint_eq(rn_backoff_ns(7, 0), 15 * S);
    ck_assert_uint_eq(rn_backoff_ns(4000000000u, 15 * S), 30 * S);
    ck_assert_uint_eq(rn_backoff_ns(0, 0), 250 * MS);
    for (uint64_t chance = 0; chance < 100; chance++) {
        uint64_t wait = rn_backoff_ns(3, chance * UINT64_C(0x9e3779b97f4a7c15));
        ck_assert_uint_ge(wait, S);
        ck_assert_uint_le(wait, 2 * S);
    }
}
END_TEST

START_TEST(seconds_and_milliseconds_are_read)
{
    ck_waits("Retry-After: 2\r\n", 429, 2 * S);
    ck_waits("retry-after: 0\r\n", 503, 0);
    ck_waits("retry-after: 1.5\r\n", 429, 1500 * MS);
    ck_waits("retry-after-ms: 1234\r\nretry-after: 9\r\n", 429, 1234 * MS);
    ck_waits("retry-after-ms: x\r\nretry-after: 9\r\n", 429, 9 * S);
    ck_waits("retry-after: 600\r\n", 429, 600 * S);
    ck_waits("retry-after: 601\r\n", 429, 600 * S);
    ck_waits("retry-after: 99999999999999999999999999\r\n", 429, 600 * S);
}
END_TEST

START_TEST(what_is_no_wait_asks_for_nothing)
{
    ck_asks_nothing("", 429);
    ck_asks_nothing("retry-after: \r\n", 429);
    ck_asks_nothing("retry-after: -1\r\n", 429);
    ck_asks_nothing("retry-after: 1s\r\n", 429);
    ck_asks_nothing("retry-after: soon\r\n", 429);
    ck_asks_nothing("retry-after: 1.\r\n", 429);
    ck_asks_nothing("retry-after: .5\r\n", 429);
}
END_TEST

START_TEST(dates_are_read_against_the_wall_clock)
{
    /* 1994-11-06 08:49:37 GMT */
    const char *date = "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    uint64_t wall = UINT64_C(784111777) * S;
    uint64_t wait = 1;
    ck_assert(asks(date, 429, wall - 5 * S, &wait));
    ck_assert_uint_eq(wait, 5 * S);
    ck_assert(asks(date, 429, wall + 5 * S, &wait));
    ck_assert_uint_eq(wait, 0);
    ck_assert(asks(date, 429, 0, &wait));
    ck_assert_uint_eq(wait, 600 * S);
    ck_asks_nothing("retry-after: Sun, 06 Nov 1994 08:49:37 CET\r\n", 429);
    ck_asks_nothing("retry-after: Sun, 06 ovD 1994 08:49:37 GMT\r\n", 429);
    ck_asks_nothing("retry-after: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 429);
}
END_TEST

START_TEST(a_used_up_limit_says_when_it_is_whole_again)
{
    ck_waits("x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 6m0s\r\n", 429,
             360 * S);
    ck_waits("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 1.5s\r\n", 429,
             1500 * MS);
    ck_waits("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 20ms\r\n"
             "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1s\r\n",
             429, 1 * S);
    ck_waits("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 2h\r\n", 429, 600 * S);
    ck_asks_nothing("x-ratelimit-remaining-tokens: 7\r\nx-ratelimit-reset-tokens: 1s\r\n", 429);
    ck_asks_nothing("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 1x\r\n", 429);
    ck_asks_nothing("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: s\r\n", 429);
    ck_asks_nothing("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 1s\r\n", 500);
}
END_TEST

START_TEST(some_answers_are_meant_for_everybody)
{
    ck_assert(rn_backoff_is_for_all(429) && rn_backoff_is_for_all(503) &&
              rn_backoff_is_for_all(529));
    ck_assert(!rn_backoff_is_for_all(500) && !rn_backoff_is_for_all(408));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/backoff");
    RN_CASE(suite, "backoff", waits_double_up_to_half_a_minute_with_jitter,
            seconds_and_milliseconds_are_read, what_is_no_wait_asks_for_nothing,
            dates_are_read_against_the_wall_clock, a_used_up_limit_says_when_it_is_whole_again,
            some_answers_are_meant_for_everybody);
    return suite;
}
