/* Sorts once, then everything is a place in a row. */
#include "spread.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

#define STEP_MIN 1.01 /* where all values are nearly one */

enum rn_status rn_series_add(struct rn_series *series, uint64_t value)
{
    if (series->count == series->room) {
        size_t room = series->room == 0 ? 256 : 2 * series->room;
        uint64_t *values = rn_realloc(series->values, room * sizeof *values);
        if (values == NULL) {
            return RN_NOMEM;
        }
        series->values = values;
        series->room = room;
    }
    series->values[series->count++] = value;
    return RN_OK;
}

void rn_series_free(struct rn_series *series)
{
    rn_free(series->values);
    *series = (struct rn_series){NULL, 0, 0};
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t percentile(const struct rn_series *series, unsigned percent)
{
    size_t whole = series->count / 100 * percent;
    size_t rest = series->count % 100 * percent;
    size_t rank = whole + (rest + 99) / 100;
    return series->values[rank - 1];
}

/* The sum of many values may not fit; their quotients and rests do. */
static uint64_t mean_of(const struct rn_series *series)
{
    uint64_t count = series->count;
    uint64_t mean = 0;
    uint64_t rest = 0;
    for (size_t i = 0; i < series->count; i++) {
        mean += series->values[i] / count;
        rest += series->values[i] % count;
        mean += rest >= count;
        rest -= rest >= count ? count : 0;
    }
    return mean;
}

void rn_series_spread(struct rn_series *series, struct rn_spread *out)
{
    *out = (struct rn_spread){.count = series->count};
    if (series->count == 0) {
        return;
    }
    qsort(series->values, series->count, sizeof *series->values, by_value);
    out->p50 = percentile(series, 50);
    out->p90 = percentile(series, 90);
    out->p95 = percentile(series, 95);
    out->p99 = percentile(series, 99);
    out->max = series->values[series->count - 1];
    out->mean = mean_of(series);
}

static void fill(const struct rn_series *series, double low, double step, struct rn_spread *out)
{
    double end = low * step;
    size_t bin = 0;
    out->low = low;
    out->step = step;
    for (size_t i = 0; i < series->count; i++) {
        while (bin + 1 < RN_REPORT_BINS && (double)series->values[i] >= end) {
            end *= step;
            bin++;
        }
        out->bins[bin]++;
    }
}

void rn_series_bins(const struct rn_series *a, const struct rn_series *b, struct rn_spread *in_a,
                    struct rn_spread *in_b)
{
    uint64_t low = UINT64_MAX;
    uint64_t high = 1;
    const struct rn_series *const both[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (both[i]->count > 0) {
            low = both[i]->values[0] < low ? both[i]->values[0] : low;
            uint64_t last = both[i]->values[both[i]->count - 1];
            high = last > high ? last : high;
        }
    }
    if (a->count + b->count == 0) {
        return;
    }
    double from = low == 0 ? 1 : (double)low;
    double step = pow((double)high / from, 1.0 / RN_REPORT_BINS);
    step = step < STEP_MIN ? STEP_MIN : step;
    fill(a, from, step, in_a);
    fill(b, from, step, in_b);
}
