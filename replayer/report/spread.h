/*
 * Many measurements of one kind, and what is said of them: exact percentiles and a histogram. 8 bytes for
 * each. Private to replayer/.
 */
#ifndef RN_REPLAYER_SPREAD_H
#define RN_REPLAYER_SPREAD_H

#include "report.h"

/* Zeroed: empty. */
struct rn_series {
    uint64_t *values;
    size_t count;
    size_t room;
};

enum rn_status rn_series_add(struct rn_series *series, uint64_t value);
void rn_series_free(struct rn_series *series);

/*
 * Sorts the values. The percentile p is the smallest value that at least p of a hundred do not exceed
 * (nearest rank); the mean is rounded down. All zero for no values.
 */
void rn_series_spread(struct rn_series *series, struct rn_spread *out);

/*
 * Two spreads over the same bins, so that they can be drawn into one picture: RN_REPORT_BINS from the
 * least to the greatest value of both, each `step` times as wide as the one before. The series must be
 * sorted.
 */
void rn_series_bins(const struct rn_series *a, const struct rn_series *b, struct rn_spread *in_a,
                    struct rn_spread *in_b);

#endif
