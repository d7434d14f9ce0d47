/* From facts to verdicts: green only when everything that is known is as recorded. */
#include "main.h"

#include <string.h>

#include "verdict.h"

/* Everything as it should be. */
static struct rn_verdict_facts good(enum rn_replay_mode mode)
{
    return (struct rn_verdict_facts){.mode = mode,
                                     .complete = RN_COMPLETE_YES,
                                     .recorded = 3,
                                     .served = 3,
                                     .was_touched = true,
                                     .can_compare_run = true,
                                     .run_ended = true};
}

static void expect(const struct rn_verdict_facts *facts, enum rn_verdict verdict)
{
    struct rn_judgement judgement = rn_judge(facts);
    ck_assert_msg(judgement.verdict == verdict, "%s: %s", rn_verdict_name(judgement.verdict),
                  judgement.reason);
    ck_assert_ptr_nonnull(judgement.reason);
    ck_assert_uint_gt(strlen(judgement.reason), 0);
}

START_TEST(all_as_recorded_is_green)
{
    struct rn_verdict_facts facts = good(RN_MODE_COMMAND);
    expect(&facts, RN_VERDICT_REPRODUCED);
    facts = good(RN_MODE_SERVE);
    expect(&facts, RN_VERDICT_REPRODUCED);
    facts = good(RN_MODE_SELF);
    expect(&facts, RN_VERDICT_VERIFIED);
}
END_TEST

/* Each of these alone takes the green away, in every mode it can occur in. */
START_TEST(no_single_fault_is_green)
{
    for (int fault = 0; fault < 15; fault++) {
        for (int mode = RN_MODE_COMMAND; mode <= RN_MODE_SELF; mode++) {
            struct rn_verdict_facts facts = good((enum rn_replay_mode)mode);
            switch (fault) {
            case 0:
                facts.has_problem = true;
                break;
            case 1:
                facts.is_open = true;
                break;
            case 2:
                facts.complete = RN_COMPLETE_NO;
                break;
            case 3:
                facts.recorded = facts.served = 0;
                break;
            case 4:
                facts.served = 0;
                break;
            case 5:
                facts.served = 2;
                break;
            case 6:
                facts.misses = 1;
                break;
            case 7:
                facts.broken = 1;
                break;
            case 8:
                facts.malformed = 1;
                break;
            case 9:
                facts.run_ended = false;
                break;
            case 10:
                facts.run_differs = true;
                break;
            case 11:
                facts.bytes_differ = true;
                break;
            case 12:
                facts.recorded_malformed = 1;
                break;
            case 13:
                facts.misdirected = 1;
                break;
            case 14: /* as many, but of another kind */
                facts.recorded_misdirected = facts.malformed = 1;
                break;
            }
            bool applies = fault <= 7 || ((fault == 8 || fault >= 12) && mode != RN_MODE_SELF) ||
                           ((fault == 9 || fault == 10) && mode == RN_MODE_COMMAND) ||
                           (fault == 11 && mode == RN_MODE_SELF);
            if (applies) {
                ck_assert_msg(rn_verdict_exit(rn_judge(&facts).verdict) != 0, "fault %d, mode %d",
                              fault, mode);
            }
        }
    }
}
END_TEST

START_TEST(what_was_refused_as_when_recorded_is_no_difference)
{
    struct rn_verdict_facts facts = good(RN_MODE_COMMAND);
    facts.malformed = facts.recorded_malformed = 2;
    facts.misdirected = facts.recorded_misdirected = 1;
    expect(&facts, RN_VERDICT_REPRODUCED);
}
END_TEST

START_TEST(a_miss_is_a_divergence_even_when_nothing_was_served)
{
    struct rn_verdict_facts facts = good(RN_MODE_COMMAND);
    facts.served = 0;
    facts.misses = 1;
    expect(&facts, RN_VERDICT_DIVERGED);
}
END_TEST

START_TEST(an_application_that_never_came_is_incomparable)
{
    struct rn_verdict_facts facts = good(RN_MODE_COMMAND);
    facts.served = 0;
    facts.was_touched = false;
    expect(&facts, RN_VERDICT_INCOMPARABLE);
    facts.was_touched = true;
    expect(&facts, RN_VERDICT_DIVERGED);
}
END_TEST

START_TEST(damage_and_gaps_come_before_everything)
{
    struct rn_verdict_facts facts = good(RN_MODE_COMMAND);
    facts.misses = 1;
    facts.complete = RN_COMPLETE_NO;
    expect(&facts, RN_VERDICT_INCOMPARABLE);
    facts.complete = RN_COMPLETE_YES;
    facts.has_problem = true;
    expect(&facts, RN_VERDICT_INCOMPARABLE);
}
END_TEST

START_TEST(without_a_recorded_end_there_is_nothing_to_compare_output_with)
{
    struct rn_verdict_facts facts = good(RN_MODE_COMMAND);
    facts.can_compare_run = false;
    expect(&facts, RN_VERDICT_INCOMPARABLE);
    facts.ignore_output = true;
    expect(&facts, RN_VERDICT_REPRODUCED);
}
END_TEST

START_TEST(what_is_unknown_is_assisted)
{
    struct rn_verdict_facts facts = good(RN_MODE_COMMAND);
    facts.complete = RN_COMPLETE_UNKNOWN;
    expect(&facts, RN_VERDICT_ASSISTED);
    facts = good(RN_MODE_COMMAND);
    facts.ambiguous_differ = true;
    expect(&facts, RN_VERDICT_REPRODUCED);
    facts.ignore_output = true;
    expect(&facts, RN_VERDICT_ASSISTED);
    facts = good(RN_MODE_SERVE);
    facts.ambiguous_differ = true;
    expect(&facts, RN_VERDICT_ASSISTED);
}
END_TEST

START_TEST(a_relaxed_order_diverges_only_when_strict)
{
    struct rn_verdict_facts facts = good(RN_MODE_COMMAND);
    facts.relaxations = 2;
    expect(&facts, RN_VERDICT_REPRODUCED);
    facts.strict = true;
    expect(&facts, RN_VERDICT_DIVERGED);
}
END_TEST

START_TEST(a_driven_application_is_green_only_where_each_answer_was_as_recorded)
{
    struct rn_verdict_facts facts = good(RN_MODE_DRIVE);
    facts.can_compare_run = facts.run_ended = false; /* somebody else's, as often as not */
    facts.decisions = facts.driven_same = 2;
    expect(&facts, RN_VERDICT_REPRODUCED);
    facts.driven_same = 1;
    expect(&facts, RN_VERDICT_DIVERGED);
    facts.driven_same = 2;
    facts.served = 2;
    expect(&facts, RN_VERDICT_DIVERGED);
    facts.served = 3;
    facts.misses = 1;
    expect(&facts, RN_VERDICT_DIVERGED);
    facts.misses = 0;
    facts.complete = RN_COMPLETE_NO;
    expect(&facts, RN_VERDICT_INCOMPARABLE);
    facts.complete = RN_COMPLETE_YES;
    facts.recorded = facts.served = 0; /* an application that asks nobody */
    facts.was_touched = false;
    expect(&facts, RN_VERDICT_REPRODUCED);
    facts.driven_same = 0;
    expect(&facts, RN_VERDICT_DIVERGED);
    facts.decisions = 0;
    expect(&facts, RN_VERDICT_INCOMPARABLE);
}
END_TEST

START_TEST(exits_are_those_of_the_manual)
{
    ck_assert_int_eq(rn_verdict_exit(RN_VERDICT_REPRODUCED), 0);
    ck_assert_int_eq(rn_verdict_exit(RN_VERDICT_VERIFIED), 0);
    ck_assert_int_eq(rn_verdict_exit(RN_VERDICT_DIVERGED), 1);
    ck_assert_int_eq(rn_verdict_exit(RN_VERDICT_ASSISTED), 1);
    ck_assert_int_eq(rn_verdict_exit(RN_VERDICT_INCOMPARABLE), 3);
    ck_assert_str_eq(rn_verdict_name(RN_VERDICT_REPRODUCED), "reproduced");
    ck_assert_str_eq(rn_verdict_name(RN_VERDICT_VERIFIED), "verified");
    ck_assert_str_eq(rn_verdict_name(RN_VERDICT_DIVERGED), "diverged");
    ck_assert_str_eq(rn_verdict_name(RN_VERDICT_ASSISTED), "assisted");
    ck_assert_str_eq(rn_verdict_name(RN_VERDICT_INCOMPARABLE), "incomparable");
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("verdict");
    RN_CASE(suite, "verdict", all_as_recorded_is_green, no_single_fault_is_green,
            what_was_refused_as_when_recorded_is_no_difference,
            a_miss_is_a_divergence_even_when_nothing_was_served,
            an_application_that_never_came_is_incomparable, damage_and_gaps_come_before_everything,
            without_a_recorded_end_there_is_nothing_to_compare_output_with,
            what_is_unknown_is_assisted, a_relaxed_order_diverges_only_when_strict,
            a_driven_application_is_green_only_where_each_answer_was_as_recorded,
            exits_are_those_of_the_manual);
    return suite;
}
