/*
 * The counts of a report, grown by one pair after the other. Knows no store and keeps no text. Private to
 * replayer/.
 */
#ifndef RN_REPLAYER_TALLY_H
#define RN_REPLAYER_TALLY_H

#include "spread.h"

struct rn_tally_worst {
    size_t index;
    double distance;
};

struct rn_tally {
    struct rn_report *report; /* lent; its counts are the tally's until the end */
    struct rn_series recorded_latency, fresh_latency, recorded_first_byte, fresh_first_byte;
    struct rn_tally_worst worst[RN_REPORT_WORST_MAX]; /* the furthest first */
    size_t worst_count;
    size_t worst_max;
};

void rn_tally_init(struct rn_tally *tally, struct rn_report *report, unsigned worst);
/* Prices of what each side was asked of; NULL: none is known. `index` is the call's in the plan, ascending. */
enum rn_status rn_tally_add(struct rn_tally *tally, size_t index, const struct rn_pair *pair,
                            const struct rn_price *recorded_price,
                            const struct rn_price *fresh_price);
/* Fills the spreads of the report, and its headline. */
void rn_tally_end(struct rn_tally *tally);
void rn_tally_free(struct rn_tally *tally);

#endif
