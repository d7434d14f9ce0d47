/* Pairs made by hand and counted into a report. Header only: each test binary has its own copy. */
#ifndef RN_TESTS_AFTERNOON_H
#define RN_TESTS_AFTERNOON_H

#include <stdio.h>

#include "answers.h"
#include "failure.h"
#include "tally.h"

#define ANSWER(...) (&(const struct answer){__VA_ARGS__})
#define MS UINT64_C(1000000)

static const struct rn_price cheap = {.in = 1, .cached = 1, .out = 2};

static struct rn_report report;
static struct rn_tally tally;
static size_t next_index;

static inline void begin(unsigned worst)
{
    memset(&report, 0, sizeof report);
    snprintf(report.facts.id, sizeof report.facts.id, "0190aabbccddeeff0011223344556677");
    snprintf(report.facts.name, sizeof report.facts.name, "switch");
    snprintf(report.facts.to, sizeof report.facts.to, "openai/new");
    rn_tally_init(&tally, &report, worst);
    next_index = 0;
}

static inline void add(const struct answer *recorded, const struct answer *fresh)
{
    struct stage stages[2];
    struct rn_pair pair;
    const struct rn_view *a = stage_answer(&stages[0], recorded);
    const struct rn_view *b = fresh == NULL ? NULL : stage_answer(&stages[1], fresh);
    ck_assert_int_eq(rn_pair_make(a, b, &pair), RN_OK);
    ck_assert_int_eq(rn_tally_add(&tally, next_index++, &pair, &cheap, &cheap), RN_OK);
    if (pair.kind == RN_PAIR_NEW_FAILED) {
        struct rn_trace_id trace = {{1}};
        struct rn_buffer what = {0};
        ck_assert_int_eq(rn_failure_tell(b, &what), RN_OK);
        ck_assert_int_eq(rn_failure_count(&report, rn_buffer_bytes(&what), &trace, 7), RN_OK);
        rn_buffer_free(&what);
    }
    stage_clear(&stages[0]);
    if (fresh != NULL) {
        stage_clear(&stages[1]);
    }
}

static inline void add_many(int times, const struct answer *recorded, const struct answer *fresh)
{
    for (int i = 0; i < times; i++) {
        add(recorded, fresh);
    }
}

static inline void end(void)
{
    report.facts.calls = next_index;
    rn_failure_sort(&report);
    rn_tally_end(&tally);
}

static inline void clear(void)
{
    rn_tally_free(&tally);
    rn_report_free(&report);
}

#endif
