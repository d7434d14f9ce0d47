/*
 * What a backtest found: shares, percentiles, money, the worst pairs; as a struct for the terminal, and
 * as documents.
 */
#ifndef RN_REPLAYER_REPORT_H
#define RN_REPLAYER_REPORT_H

#include "backtest.h"
#include "pair.h"

#define RN_REPORT_WORST_MAX 50u
#define RN_REPORT_LEFT_MAX 1000u
#define RN_REPORT_BINS 24u
/* Kinds of failure told apart; what comes later counts as "others". */
#define RN_REPORT_FAILURES_MAX 64u
#define RN_REPORT_ASKED_BYTES_MAX ((size_t)1024)
#define RN_REPORT_TEXT_BYTES_MAX ((size_t)4096)

struct rn_share {
    uint64_t judged;
    uint64_t same;
};

/*
 * Of what was measured, in nanoseconds. Percentiles are exact: the smallest value that so many of a
 * hundred do not exceed.
 */
struct rn_spread {
    uint64_t count;
    uint64_t p50, p90, p95, p99, max, mean;
    /* Logarithmic, from `low` by factor `step`, and the same for both sides. */
    uint64_t bins[RN_REPORT_BINS];
    double low, step;
};

struct rn_worst {
    struct rn_trace_id trace;
    uint32_t n;
    struct rn_trace_id answer_trace;
    uint32_t answer_n;
    struct rn_pair pair;
    /*
     * The last thing said in the request, and what a person compares (rn_pair_text). What is longer than
     * the bounds above ends with an ellipsis.
     */
    struct rn_bytes asked;
    struct rn_bytes recorded;
    struct rn_bytes fresh;
};

/* A call that was not sent again. */
struct rn_report_left {
    struct rn_trace_id trace;
    uint32_t n;
    enum rn_left_out why;
};

struct rn_failure {
    struct rn_bytes what; /* "429 rate_limit_exceeded: ...", without ids and numbers */
    uint64_t count;
    struct rn_trace_id trace; /* the first recorded call that failed so */
    uint32_t n;
};

struct rn_report {
    struct rn_arena arena;
    struct rn_backtest_facts facts;
    uint64_t pairs[5]; /* by enum rn_pair_kind */
    struct rn_share shares[RN_ASPECT_COUNT];
    /*
     * Compared pairs in which nothing that was judged differs, but for text that is the same when
     * normalised.
     */
    uint64_t same;

    /* All of this is of compared pairs. JSON counts where it was judged. */
    uint64_t recorded_json, fresh_json, recorded_refuses, fresh_refuses;
    struct rn_spread recorded_latency, fresh_latency; /* from arrival to the end */
    struct rn_spread recorded_first_byte, fresh_first_byte;
    /* With usage on both sides. */
    uint64_t with_usage;
    uint64_t recorded_tokens_in, fresh_tokens_in, recorded_tokens_out, fresh_tokens_out;
    /* With usage and a price on both sides; known: there is one such pair at least. `unpriced`: all others. */
    bool recorded_cost_known, fresh_cost_known;
    uint64_t recorded_cost_pico, fresh_cost_pico;
    uint64_t unpriced;
    char prices_date[16];
    char prices_origin[256];

    struct rn_worst *worst; /* the furthest first; of equals the earlier call. All of them differ */
    size_t worst_count;
    struct rn_failure *failures; /* the most frequent first */
    size_t failure_count;
    uint64_t left_out[RN_LEFT_COUNT];
    struct rn_report_left *left; /* the first RN_REPORT_LEFT_MAX of them, by name */
    size_t left_count;
    struct rn_bytes
        changes;        /* what the plan changes beside the model, a line each; empty: nothing */
    uint64_t twice;     /* calls that were in flight when a run ended or died: perhaps paid twice */
    char headline[256]; /* what changed most, in one sentence */
};

/*
 * Reads plan and answers; works at any moment, on a complete backtest or not. Bodies are read one pair at
 * a time; what is kept of each call is its line of the plan and of the answers (64 bytes) and the four
 * times that were measured (8 bytes each). At most `worst` pairs are kept, and RN_REPORT_WORST_MAX.
 * RN_NOTFOUND: no such backtest, no such price file; RN_DAMAGED, RN_NOMEM.
 */
enum rn_status rn_report_make(const char *store, const char *which, const char *prices,
                              unsigned worst, struct rn_report *out, struct rn_error *error);
void rn_report_free(struct rn_report *report);

/*
 * --fail-if: METRIC OP NUMBER, joined by "and"/"or" ("and" binds tighter), with parentheses and "not"; OP
 * is < <= > >= == !=; NUMBER may end with % (shares, ratios), ms or s (times), $ (money, also in front).
 * Metrics: rn_metric_name. RN_INVALID with position and what was expected. Judged with three values: a
 * comparison with a metric that nothing was measured for is unknown, also under "not", and what is
 * unknown in the end holds as a *failure* (missing evidence is never a pass): `unknown` then names the
 * metric. While calls have no answer, a condition that does not speak of `unanswered` is unknown as well.
 */
struct rn_condition;
enum rn_status rn_condition_parse(const char *text, struct rn_condition **out,
                                  struct rn_error *error);
void rn_condition_free(struct rn_condition *condition);
/* True: the gate fails. *unknown (may be NULL): NULL, or the metric whose lack decided it. */
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

/*
 * Documents. JSON is "reenact.backtest/1"; JUnit has one case per condition and per kind of failure; HTML
 * is one self-contained page.
 */
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
