/*
 * One small function for each number, and the table that names them. A number whose evidence is missing
 * is not there: never zero.
 */
#include "metric.h"

/* --- counts -------------------------------------------------------------------------------------------------------- */

static bool give(double numerator, double denominator, double *out)
{
    *out = denominator > 0 ? numerator / denominator : 0;
    return denominator > 0;
}

static double calls_of(const struct rn_report *report)
{
    uint64_t calls = 0;
    for (size_t i = 0; i < sizeof report->pairs / sizeof report->pairs[0]; i++) {
        calls += report->pairs[i];
    }
    return (double)calls;
}

/* Calls that have their final answer, whichever it is. */
static double settled_of(const struct rn_report *report)
{
    return calls_of(report) - (double)report->pairs[RN_PAIR_UNANSWERED];
}

static double failed_of(const struct rn_report *report)
{
    return (double)(report->pairs[RN_PAIR_NEW_FAILED] + report->pairs[RN_PAIR_BOTH_FAILED]);
}

static bool calls(const struct rn_report *report, double *out)
{
    *out = calls_of(report);
    return true;
}

static bool compared(const struct rn_report *report, double *out)
{
    *out = (double)report->pairs[RN_PAIR_COMPARED];
    return settled_of(report) > 0;
}

static bool answered(const struct rn_report *report, double *out)
{
    *out = settled_of(report) - failed_of(report);
    return settled_of(report) > 0;
}

static bool failed(const struct rn_report *report, double *out)
{
    *out = failed_of(report);
    return settled_of(report) > 0;
}

static bool failed_share(const struct rn_report *report, double *out)
{
    return give(failed_of(report), settled_of(report), out);
}

static bool unanswered(const struct rn_report *report, double *out)
{
    *out = (double)report->pairs[RN_PAIR_UNANSWERED];
    return true;
}

/* What asks no model and what the client itself repeated was never meant to be sent. */
static bool left_out(const struct rn_report *report, double *out)
{
    uint64_t count = 0;
    for (int why = 0; why < RN_LEFT_COUNT; why++) {
        if (why != RN_LEFT_NO_MODEL_CALL && why != RN_LEFT_RETRIED) {
            count += report->left_out[why];
        }
    }
    *out = (double)count;
    return true;
}

static bool paid_twice(const struct rn_report *report, double *out)
{
    *out = (double)report->twice;
    return true;
}

/* --- shares -------------------------------------------------------------------------------------------------------- */

static bool share(const struct rn_report *report, enum rn_aspect aspect, double *out)
{
    return give((double)report->shares[aspect].same, (double)report->shares[aspect].judged, out);
}

static bool same(const struct rn_report *report, double *out)
{
    return give((double)report->same, (double)report->pairs[RN_PAIR_COMPARED], out);
}

static bool text_same(const struct rn_report *report, double *out)
{
    return share(report, RN_ASPECT_TEXT, out);
}

static bool text_same_normalised(const struct rn_report *report, double *out)
{
    return share(report, RN_ASPECT_NORMALISED, out);
}

static bool tool_agreement(const struct rn_report *report, double *out)
{
    return share(report, RN_ASPECT_TOOLS, out);
}

static bool tool_name_agreement(const struct rn_report *report, double *out)
{
    return share(report, RN_ASPECT_TOOL_NAMES, out);
}

static bool json_same(const struct rn_report *report, double *out)
{
    return share(report, RN_ASPECT_JSON, out);
}

static bool json_valid(const struct rn_report *report, double *out)
{
    return give((double)report->fresh_json, (double)report->shares[RN_ASPECT_JSON].judged, out);
}

static bool json_valid_recorded(const struct rn_report *report, double *out)
{
    return give((double)report->recorded_json, (double)report->shares[RN_ASPECT_JSON].judged, out);
}

static bool finish_same(const struct rn_report *report, double *out)
{
    return share(report, RN_ASPECT_FINISH, out);
}

static bool refusal_same(const struct rn_report *report, double *out)
{
    return share(report, RN_ASPECT_REFUSAL, out);
}

static bool refusal_rate(const struct rn_report *report, double *out)
{
    return give((double)report->fresh_refuses, (double)report->shares[RN_ASPECT_REFUSAL].judged,
                out);
}

static bool refusal_rate_recorded(const struct rn_report *report, double *out)
{
    return give((double)report->recorded_refuses, (double)report->shares[RN_ASPECT_REFUSAL].judged,
                out);
}

static bool refusal_change(const struct rn_report *report, double *out)
{
    return give((double)report->fresh_refuses - (double)report->recorded_refuses,
                (double)report->shares[RN_ASPECT_REFUSAL].judged, out);
}

static bool vectors_same(const struct rn_report *report, double *out)
{
    return share(report, RN_ASPECT_VECTORS, out);
}

/* --- times --------------------------------------------------------------------------------------------------------- */

static bool seconds(const struct rn_spread *spread, uint64_t ns, double *out)
{
    *out = (double)ns / 1e9;
    return spread->count > 0;
}

static bool latency_p50(const struct rn_report *report, double *out)
{
    return seconds(&report->fresh_latency, report->fresh_latency.p50, out);
}

static bool latency_p90(const struct rn_report *report, double *out)
{
    return seconds(&report->fresh_latency, report->fresh_latency.p90, out);
}

static bool latency_p95(const struct rn_report *report, double *out)
{
    return seconds(&report->fresh_latency, report->fresh_latency.p95, out);
}

static bool latency_p99(const struct rn_report *report, double *out)
{
    return seconds(&report->fresh_latency, report->fresh_latency.p99, out);
}

static bool latency_p50_recorded(const struct rn_report *report, double *out)
{
    return seconds(&report->recorded_latency, report->recorded_latency.p50, out);
}

static bool latency_p95_recorded(const struct rn_report *report, double *out)
{
    return seconds(&report->recorded_latency, report->recorded_latency.p95, out);
}

static bool first_byte_p50(const struct rn_report *report, double *out)
{
    return seconds(&report->fresh_first_byte, report->fresh_first_byte.p50, out);
}

static bool first_byte_p95(const struct rn_report *report, double *out)
{
    return seconds(&report->fresh_first_byte, report->fresh_first_byte.p95, out);
}

static bool first_byte_p50_recorded(const struct rn_report *report, double *out)
{
    return seconds(&report->recorded_first_byte, report->recorded_first_byte.p50, out);
}

static bool first_byte_p95_recorded(const struct rn_report *report, double *out)
{
    return seconds(&report->recorded_first_byte, report->recorded_first_byte.p95, out);
}

/* --- ratios -------------------------------------------------------------------------------------------------------- */

/* A ratio needs both sides: what the new one lacks is as little a measurement as what the recorded one does. */
static bool ratio(const struct rn_spread *fresh, uint64_t above, const struct rn_spread *recorded,
                  uint64_t below, double *out)
{
    return fresh->count > 0 && recorded->count > 0 && give((double)above, (double)below, out);
}

static bool latency_ratio(const struct rn_report *report, double *out)
{
    return ratio(&report->fresh_latency, report->fresh_latency.p50, &report->recorded_latency,
                 report->recorded_latency.p50, out);
}

static bool latency_p95_ratio(const struct rn_report *report, double *out)
{
    return ratio(&report->fresh_latency, report->fresh_latency.p95, &report->recorded_latency,
                 report->recorded_latency.p95, out);
}

static bool first_byte_ratio(const struct rn_report *report, double *out)
{
    return ratio(&report->fresh_first_byte, report->fresh_first_byte.p50,
                 &report->recorded_first_byte, report->recorded_first_byte.p50, out);
}

static bool tokens_in_ratio(const struct rn_report *report, double *out)
{
    return give((double)report->fresh_tokens_in, (double)report->recorded_tokens_in, out);
}

static bool tokens_out_ratio(const struct rn_report *report, double *out)
{
    return give((double)report->fresh_tokens_out, (double)report->recorded_tokens_out, out);
}

static bool cost_ratio(const struct rn_report *report, double *out)
{
    return report->fresh_cost_known && report->recorded_cost_known &&
           give((double)report->fresh_cost_pico, (double)report->recorded_cost_pico, out);
}

/* --- money --------------------------------------------------------------------------------------------------------- */

/* A sum that lacks some of its items is no sum. */
static bool dollars(const struct rn_report *report, bool known, uint64_t pico, double *out)
{
    *out = (double)pico / (double)RN_PICO_PER_DOLLAR;
    return known && report->unpriced == 0;
}

static bool cost(const struct rn_report *report, double *out)
{
    return dollars(report, report->fresh_cost_known, report->fresh_cost_pico, out);
}

static bool cost_recorded(const struct rn_report *report, double *out)
{
    return dollars(report, report->recorded_cost_known, report->recorded_cost_pico, out);
}

/* --- the table ----------------------------------------------------------------------------------------------------- */

#define METRIC(name, kind, help)                                                                   \
    {                                                                                              \
#name, help, kind, name                                                                    \
    }

static const struct rn_metric metrics[] = {
    METRIC(calls, RN_METRIC_COUNT, "calls of the plan"),
    METRIC(answered, RN_METRIC_COUNT, "calls that the new model answered"),
    METRIC(failed, RN_METRIC_COUNT, "calls that it did not answer with success in the end"),
    METRIC(failed_share, RN_METRIC_SHARE, "failed, of all with a final answer"),
    METRIC(unanswered, RN_METRIC_COUNT, "calls without a final answer yet"),
    METRIC(left_out, RN_METRIC_COUNT, "model calls that could not be sent again"),
    METRIC(paid_twice, RN_METRIC_COUNT, "calls that were in flight when a run ended or died"),
    METRIC(compared, RN_METRIC_COUNT, "pairs in which both sides answered"),
    METRIC(same, RN_METRIC_SHARE, "pairs in which nothing differs but how text is set"),
    METRIC(text_same, RN_METRIC_SHARE, "pairs with the same text, byte for byte"),
    METRIC(text_same_normalised, RN_METRIC_SHARE, "pairs with the same text, normalised"),
    METRIC(tool_agreement, RN_METRIC_SHARE, "pairs with the same tools and arguments"),
    METRIC(tool_name_agreement, RN_METRIC_SHARE, "pairs with the same tools"),
    METRIC(json_same, RN_METRIC_SHARE, "pairs in which both are JSON or both are not"),
    METRIC(json_valid, RN_METRIC_SHARE, "new answers that are JSON where JSON was meant"),
    METRIC(json_valid_recorded, RN_METRIC_SHARE, "recorded ones that are"),
    METRIC(finish_same, RN_METRIC_SHARE, "pairs that end for the same reason"),
    METRIC(refusal_same, RN_METRIC_SHARE, "pairs in which both refuse or both do not"),
    METRIC(refusal_rate, RN_METRIC_SHARE, "new answers that refuse"),
    METRIC(refusal_rate_recorded, RN_METRIC_SHARE, "recorded ones that do"),
    METRIC(refusal_change, RN_METRIC_SHARE, "the first less the second"),
    METRIC(vectors_same, RN_METRIC_SHARE, "pairs with the same embeddings"),
    METRIC(latency_p50, RN_METRIC_TIME, "half of the new answers were complete by then"),
    METRIC(latency_p90, RN_METRIC_TIME, "nine in ten"),
    METRIC(latency_p95, RN_METRIC_TIME, "19 in 20"),
    METRIC(latency_p99, RN_METRIC_TIME, "99 in 100"),
    METRIC(latency_p50_recorded, RN_METRIC_TIME, "of the recorded answers"),
    METRIC(latency_p95_recorded, RN_METRIC_TIME, "of the recorded answers"),
    METRIC(latency_ratio, RN_METRIC_RATIO, "latency_p50 by the recorded one"),
    METRIC(latency_p95_ratio, RN_METRIC_RATIO, "latency_p95 by the recorded one"),
    METRIC(first_byte_p50, RN_METRIC_TIME, "half of the new answers had begun by then"),
    METRIC(first_byte_p95, RN_METRIC_TIME, "19 in 20"),
    METRIC(first_byte_p50_recorded, RN_METRIC_TIME, "of the recorded answers"),
    METRIC(first_byte_p95_recorded, RN_METRIC_TIME, "of the recorded answers"),
    METRIC(first_byte_ratio, RN_METRIC_RATIO, "first_byte_p50 by the recorded one"),
    METRIC(tokens_in_ratio, RN_METRIC_RATIO, "prompt tokens by those recorded"),
    METRIC(tokens_out_ratio, RN_METRIC_RATIO, "tokens answered by those recorded"),
    METRIC(cost, RN_METRIC_MONEY, "of the new answers that were compared"),
    METRIC(cost_recorded, RN_METRIC_MONEY, "of the recorded ones, at today's prices"),
    METRIC(cost_ratio, RN_METRIC_RATIO, "cost by cost_recorded, where both are known"),
};

const struct rn_metric *rn_metric_at(size_t index)
{
    return index < sizeof metrics / sizeof metrics[0] ? &metrics[index] : NULL;
}

const struct rn_metric *rn_metric_find(struct rn_bytes name)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        if (rn_bytes_equal(name, rn_bytes_text(metrics[i].name))) {
            return &metrics[i];
        }
    }
    return NULL;
}

const char *rn_metric_name(size_t index, const char **help)
{
    const struct rn_metric *metric = rn_metric_at(index);
    if (metric != NULL && help != NULL) {
        *help = metric->help;
    }
    return metric == NULL ? NULL : metric->name;
}

bool rn_report_metric(const struct rn_report *report, const char *name, double *value)
{
    const struct rn_metric *metric = rn_metric_find(rn_bytes_text(name));
    return metric != NULL && metric->value(report, value);
}
