/* Percentiles and histograms, against their definitions. */
#include "main.h"

#include <stdlib.h>

#include "base/memory.h"
#include "spread.h"

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The smallest value that at least `percent` of a hundred do not exceed, found by counting. */
static uint64_t by_counting(const uint64_t *values, size_t count, unsigned percent)
{
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t below = 0;
        for (size_t j = 0; j < count; j++) {
            below += values[j] <= values[i];
        }
        if (below * 100 >= count * percent && values[i] < best) {
            best = values[i];
        }
    }
    return best;
}

START_TEST(percentiles_are_exact)
{
    unsigned seed = 3;
    for (size_t count = 1; count < 130; count++) {
        struct rn_series series = {0};
        uint64_t values[130];
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            values[i] = (uint64_t)rand_r(&seed) % 50;
            sum += (double)values[i];
            ck_assert_int_eq(rn_series_add(&series, values[i]), RN_OK);
        }
        struct rn_spread spread;
        rn_series_spread(&series, &spread);
        qsort(values, count, sizeof *values, by_value);
        ck_assert_uint_eq(spread.count, count);
        ck_assert_uint_eq(spread.p50, by_counting(values, count, 50));
        ck_assert_uint_eq(spread.p90, by_counting(values, count, 90));
        ck_assert_uint_eq(spread.p95, by_counting(values, count, 95));
        ck_assert_uint_eq(spread.p99, by_counting(values, count, 99));
        ck_assert_uint_eq(spread.max, values[count - 1]);
        ck_assert_uint_eq(spread.mean, (uint64_t)(sum / (double)count));
        rn_series_free(&series);
    }
}
END_TEST

START_TEST(sums_do_not_wrap)
{
    struct rn_series series = {0};
    struct rn_spread spread;
    for (int i = 0; i < 3; i++) {
        rn_series_add(&series, UINT64_MAX - (uint64_t)i);
    }
    rn_series_spread(&series, &spread);
    ck_assert_uint_eq(spread.mean, UINT64_MAX - 1);
    ck_assert_uint_eq(spread.p50, UINT64_MAX - 1);
    rn_series_free(&series);
}
END_TEST

START_TEST(nothing_measured_is_nothing)
{
    struct rn_series series = {0};
    struct rn_spread spread[2];
    rn_series_spread(&series, &spread[0]);
    rn_series_spread(&series, &spread[1]);
    rn_series_bins(&series, &series, &spread[0], &spread[1]);
    ck_assert_uint_eq(spread[0].count, 0);
    ck_assert_uint_eq(spread[0].p50, 0);
    ck_assert(spread[0].step == 0);
}
END_TEST

START_TEST(bins_hold_every_value_where_it_belongs)
{
    static const uint64_t cases[][6] = {{1, 10, 100, 1000, 10000, 100000},
                                        {0, 0, 1, 2, 3, 5},
                                        {7, 7, 7, 7, 7, 7},
                                        {1, 1, 1, UINT64_MAX, 2, 2},
                                        {1000000, 1000001, 1000002, 1000003, 1000004, 1000005}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct rn_series series[2] = {{0}, {0}};
        struct rn_spread spread[2];
        for (int i = 0; i < 6; i++) {
            rn_series_add(&series[i % 2], cases[c][i]);
        }
        for (int side = 0; side < 2; side++) {
            rn_series_spread(&series[side], &spread[side]);
        }
        rn_series_bins(&series[0], &series[1], &spread[0], &spread[1]);
        ck_assert(spread[0].low == spread[1].low && spread[0].step == spread[1].step);
        for (int side = 0; side < 2; side++) {
            double from = spread[side].low;
            uint64_t total = 0;
            for (unsigned bin = 0; bin < RN_REPORT_BINS; bin++) {
                double end = from * spread[side].step;
                uint64_t want = 0;
                for (size_t i = 0; i < series[side].count; i++) {
                    double value = (double)series[side].values[i];
                    want +=
                        (bin == 0 || value >= from) && (bin + 1 == RN_REPORT_BINS || value < end);
                }
                ck_assert_uint_eq(spread[side].bins[bin], want);
                total += want;
                from = end;
            }
            ck_assert_uint_eq(total, 3);
            rn_series_free(&series[side]);
        }
    }
}
END_TEST

START_TEST(memory_that_runs_out_is_reported)
{
    struct rn_series series = {0};
    rn_memory_fail_from(2);
    enum rn_status status = RN_OK;
    size_t added = 0;
    while ((status = rn_series_add(&series, 1)) == RN_OK) {
        added++;
    }
    rn_memory_fail_from(0);
    ck_assert_int_eq(status, RN_NOMEM);
    ck_assert_uint_eq(series.count, added);
    rn_series_free(&series);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/spread");
    RN_CASE(suite, "spread", percentiles_are_exact, sums_do_not_wrap, nothing_measured_is_nothing,
            bins_hold_every_value_where_it_belongs, memory_that_runs_out_is_reported);
    return suite;
}
