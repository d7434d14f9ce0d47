/*
 * The numbers of a report by name, as --fail-if and the JSON document give them. Private to replayer/.
 */
#ifndef RN_REPLAYER_METRIC_H
#define RN_REPLAYER_METRIC_H

#include "report.h"

/* What a number of that metric is: it decides which units may stand behind a number it is compared with. */
enum rn_metric_kind {
    RN_METRIC_COUNT,
    RN_METRIC_SHARE, /* 0 to 1; a change of a share -1 to 1 */
    RN_METRIC_RATIO, /* new by recorded */
    RN_METRIC_TIME,  /* seconds */
    RN_METRIC_MONEY  /* dollars */
};

struct rn_metric {
    const char *name;
    const char *help;
    enum rn_metric_kind kind;
    bool (*value)(const struct rn_report *report, double *out); /* false: nothing was measured */
};

/* In the order of the manual; NULL past the end. */
const struct rn_metric *rn_metric_at(size_t index);
const struct rn_metric *rn_metric_find(struct rn_bytes name);

#endif
