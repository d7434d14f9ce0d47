/* Moments as people say them, seen from one fixed Friday. */
#include "main.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S UINT64_C(1000000000)
/* Friday 2026-11-20 21:40:00 UTC */
#define NOW (UINT64_C(1795210800) * S)

static uint64_t at(const char *text)
{
    uint64_t ns = 0;
    struct rn_error error = {RN_OK, ""};
    ck_assert_msg(rn_when_parse(text, NOW, &ns, &error) == RN_OK, "%s: %s", text, error.text);
    return ns;
}

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

START_TEST(an_age_is_counted_back)
{
    use_zone("UTC");
    ck_assert_uint_eq(at("45s"), NOW - 45 * S);
    ck_assert_uint_eq(at("90min"), NOW - 5400 * S);
    ck_assert_uint_eq(at("90m"), NOW - 5400 * S);
    ck_assert_uint_eq(at("12h"), NOW - 43200 * S);
    ck_assert_uint_eq(at("7d"), NOW - 604800 * S);
    ck_assert_uint_eq(at("2w"), NOW - 1209600 * S);
    ck_assert_uint_eq(at("999999w"), 1);
}
END_TEST

START_TEST(a_weekday_is_the_last_one_today_included)
{
    use_zone("UTC");
    uint64_t today = NOW - (21 * 3600 + 40 * 60) * S;
    ck_assert_uint_eq(at("today"), today);
    ck_assert_uint_eq(at("fri"), today);
    ck_assert_uint_eq(at("Friday"), today);
    ck_assert_uint_eq(at("yesterday"), today - 86400 * S);
    ck_assert_uint_eq(at("tue"), today - 3 * 86400 * S);
    ck_assert_uint_eq(at("sat"), today - 6 * 86400 * S);
}
END_TEST

START_TEST(a_date_is_local_unless_it_says_otherwise)
{
    use_zone("UTC");
    ck_assert_uint_eq(at("2026-11-20"), NOW - (21 * 3600 + 40 * 60) * S);
    ck_assert_uint_eq(at("2026-11-20T21:40"), NOW);
    ck_assert_uint_eq(at("2026-11-20 21:39:59"), NOW - S);
    ck_assert_uint_eq(at("21:40"), NOW);
    use_zone("Europe/Berlin");
    ck_assert_uint_eq(at("2026-11-20T22:40"), NOW);
    ck_assert_uint_eq(at("2026-11-20T21:40Z"), NOW);
    ck_assert_uint_eq(at("2026-11-20T16:40-05:00"), NOW);
    ck_assert_uint_eq(at("2026-11-21T03:10:00+05:30"), NOW);
    use_zone("UTC");
}
END_TEST

START_TEST(what_is_no_time_is_refused_with_examples)
{
    static const char *const wrong[] = {"",
                                        "7",
                                        "d",
                                        "7x",
                                        "-7d",
                                        "tu",
                                        "tuesdays",
                                        "2026-13-01",
                                        "2026-11-31",
                                        "2026-11-20T",
                                        "2026-11-20T25:00",
                                        "24:00",
                                        "2026-11-20T10:00+5",
                                        "2026-11-20x",
                                        "1234567d",
                                        "10:00Z"};
    use_zone("UTC");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t ns = 0;
        struct rn_error error = {RN_OK, ""};
        ck_assert_msg(rn_when_parse(wrong[i], NOW, &ns, &error) == RN_INVALID, "'%s'", wrong[i]);
        ck_assert_ptr_nonnull(strstr(error.text, "yesterday"));
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("when");
    RN_CASE(suite, "when", an_age_is_counted_back, a_weekday_is_the_last_one_today_included,
            a_date_is_local_unless_it_says_otherwise, what_is_no_time_is_refused_with_examples);
    return suite;
}
