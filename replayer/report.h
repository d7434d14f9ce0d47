/*
 * What a backtest found: shares, percentiles, money, the worst pairs; as a struct for the terminal, and as documents.
 */
#ifndef RN_REPLAYER_REPORT_H
#define RN_REPLAYER_REPORT_H

#include "backtest.h"
#include "pair.h"

#define RN_REPORT_WORST_MAX 50u
#define RN_REPORT_BINS 24u

struct rn_share {
    uint64_t judged;
    uint64_t same;
};

/* Of what was measured; nanoseconds or tokens. */
struct rn_spread {
    uint64_t count;
    uint64_t p50, p90, p95, p99, max, mean;
    uint64_t bins[RN_REPORT_BINS]; /* logarithmic, from `low` by factor `step` */
    double low, step;
};

struct rn_worst {
    struct rn_trace_id trace;
    uint32_t n;
    struct rn_trace_id answer_trace;
    uint32_t answer_n;
    struct rn_pair pair;
    struct rn_bytes asked;    /* the last thing said in the request, shortened */
    struct rn_bytes recorded; /* text, at most 4,096 bytes each */
    struct rn_bytes fresh;
};

struct rn_failure {
    struct rn_bytes what; /* "429 rate_limit_exceeded: ..." */
    uint64_t count;
    struct rn_trace_id trace; /* the first */
    uint32_t n;
};

struct rn_report {
    struct rn_arena arena;
    struct rn_backtest_facts facts;
    uint64_t pairs[5]; /* by enum rn_pair_kind */
    struct rn_share shares[RN_ASPECT_COUNT];
    uint64_t
        same; /* compared pairs in which nothing that was judged differs, but for text that is the same when normalised */
    uint64_t recorded_json, fresh_json, recorded_refuses, fresh_refuses; /* compared pairs */
    struct rn_spread recorded_latency, fresh_latency, recorded_first_byte, fresh_first_byte;
    uint64_t recorded_tokens_in, fresh_tokens_in, recorded_tokens_out,
        fresh_tokens_out; /* compared pairs with usage on both sides */
    bool recorded_cost_known, fresh_cost_known;
    uint64_t recorded_cost_pico, fresh_cost_pico;
    uint64_t unpriced; /* pairs without a price on either side */
    struct rn_worst *worst;
    size_t worst_count;
    struct rn_failure *failures;
    size_t failure_count;
    uint64_t left_out[RN_LEFT_COUNT];
    uint64_t twice;
    char headline[256]; /* what changed most, in one sentence */
};

/* Reads plan and answers; works at any moment, on a complete backtest or not. Memory is bounded but for 16 bytes per call. */
enum rn_status rn_report_make(const char *store, const char *which, const char *prices,
                              unsigned worst, struct rn_report *out, struct rn_error *error);
void rn_report_free(struct rn_report *report);

/*
 * --fail-if: METRIC OP NUMBER, joined by "and"/"or" ("and" binds tighter), with parentheses and "not"; OP is < <= > >= == !=; NUMBER may end
 * with %, ms, s or $. Metrics: rn_metric_name. RN_INVALID with position and what was expected. A metric that nothing was measured
 * for makes any comparison true as a *failure* (missing evidence is never a pass): `unknown` then names it.
 */
struct rn_condition;
enum rn_status rn_condition_parse(const char *text, struct rn_condition **out,
                                  struct rn_error *error);
void rn_condition_free(struct rn_condition *condition);
bool rn_condition_holds(const struct rn_condition *condition, const struct rn_report *report,
                        const char **unknown);
/* The metrics in order, NULL past the end, each with a line of help. */
const char *rn_metric_name(size_t index, const char **help);
/* False: nothing was measured. Shares are 0..1, times seconds, money dollars. */
bool rn_report_metric(const struct rn_report *report, const char *name, double *value);

/* One --fail-if, judged. */
struct rn_judged_condition {
    const char *text;
    bool failed;
    const char *unknown;
};

/* Documents. JSON is "reenact.backtest/1"; JUnit has one case per condition and per kind of failure; HTML is one self-contained page. */
enum rn_status rn_report_json(const struct rn_report *report,
                              const struct rn_judged_condition *conditions, size_t count,
                              struct rn_buffer *out);
enum rn_status rn_report_junit(const struct rn_report *report,
                               const struct rn_judged_condition *conditions, size_t count,
                               struct rn_buffer *out);
enum rn_status rn_report_html(const struct rn_report *report,
                              const struct rn_judged_condition *conditions, size_t count,
                              struct rn_buffer *out);

#endif
