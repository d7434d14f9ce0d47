/* Sums, shares, four series of times and a short list of the worst. */
#include "tally.h"

#include <string.h>

#include "headline.h"

void rn_tally_init(struct rn_tally *tally, struct rn_report *report, unsigned worst)
{
    *tally = (struct rn_tally){.report = report};
    tally->worst_max = worst < RN_REPORT_WORST_MAX ? worst : RN_REPORT_WORST_MAX;
}

/* Sorted by distance; what comes later stands behind its equals. */
static void keep_worst(struct rn_tally *tally, size_t index, double distance)
{
    size_t at = tally->worst_count;
    while (at > 0 && tally->worst[at - 1].distance < distance) {
        at--;
    }
    if (!(distance > 0) || at == tally->worst_max) {
        return;
    }
    size_t kept = tally->worst_count < tally->worst_max ? tally->worst_count : tally->worst_max - 1;
    memmove(&tally->worst[at + 1], &tally->worst[at], (kept - at) * sizeof tally->worst[0]);
    tally->worst[at] = (struct rn_tally_worst){index, distance};
    tally->worst_count = kept + 1;
}

static void count_aspects(struct rn_report *report, const struct rn_pair *pair)
{
    for (unsigned i = 0; i < RN_ASPECT_COUNT; i++) {
        report->shares[i].judged += pair->judged >> i & 1u;
        report->shares[i].same += pair->same >> i & 1u;
    }
    report->same += rn_pair_is_same(pair);
    if ((pair->judged >> RN_ASPECT_JSON & 1u) != 0) {
        report->recorded_json += pair->recorded.is_json;
        report->fresh_json += pair->fresh.is_json;
    }
    if ((pair->judged >> RN_ASPECT_REFUSAL & 1u) != 0) {
        report->recorded_refuses += pair->recorded.refuses;
        report->fresh_refuses += pair->fresh.refuses;
    }
}

static uint64_t add_up(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void count_usage(struct rn_report *report, const struct rn_pair *pair,
                        const struct rn_price *recorded_price, const struct rn_price *fresh_price)
{
    const struct rn_side *a = &pair->recorded;
    const struct rn_side *b = &pair->fresh;
    bool usage = a->has_usage && b->has_usage;
    if (usage) {
        report->with_usage++;
        report->recorded_tokens_in = add_up(report->recorded_tokens_in, a->tokens_in);
        report->recorded_tokens_out = add_up(report->recorded_tokens_out, a->tokens_out);
        report->fresh_tokens_in = add_up(report->fresh_tokens_in, b->tokens_in);
        report->fresh_tokens_out = add_up(report->fresh_tokens_out, b->tokens_out);
    }
    if (!usage || recorded_price == NULL || fresh_price == NULL) {
        report->unpriced++;
        return;
    }
    report->recorded_cost_known = report->fresh_cost_known = true;
    report->recorded_cost_pico =
        add_up(report->recorded_cost_pico,
               rn_price_cost(recorded_price, a->tokens_in, a->tokens_cached, a->tokens_out));
    report->fresh_cost_pico =
        add_up(report->fresh_cost_pico,
               rn_price_cost(fresh_price, b->tokens_in, b->tokens_cached, b->tokens_out));
}

static enum rn_status keep_times(struct rn_tally *tally, const struct rn_pair *pair)
{
    const struct rn_side *a = &pair->recorded;
    const struct rn_side *b = &pair->fresh;
    enum rn_status status = RN_OK;
    if (a->has_latency && b->has_latency) {
        status = rn_series_add(&tally->recorded_latency, a->latency_ns);
        status = status == RN_OK ? rn_series_add(&tally->fresh_latency, b->latency_ns) : status;
    }
    if (status == RN_OK && a->has_first_byte && b->has_first_byte) {
        status = rn_series_add(&tally->recorded_first_byte, a->first_byte_ns);
        status =
            status == RN_OK ? rn_series_add(&tally->fresh_first_byte, b->first_byte_ns) : status;
    }
    return status;
}

enum rn_status rn_tally_add(struct rn_tally *tally, size_t index, const struct rn_pair *pair,
                            const struct rn_price *recorded_price,
                            const struct rn_price *fresh_price)
{
    tally->report->pairs[pair->kind]++;
    if (pair->kind != RN_PAIR_COMPARED) {
        return RN_OK;
    }
    count_aspects(tally->report, pair);
    count_usage(tally->report, pair, recorded_price, fresh_price);
    keep_worst(tally, index, pair->distance);
    return keep_times(tally, pair);
}

void rn_tally_end(struct rn_tally *tally)
{
    struct rn_report *report = tally->report;
    rn_series_spread(&tally->recorded_latency, &report->recorded_latency);
    rn_series_spread(&tally->fresh_latency, &report->fresh_latency);
    rn_series_spread(&tally->recorded_first_byte, &report->recorded_first_byte);
    rn_series_spread(&tally->fresh_first_byte, &report->fresh_first_byte);
    rn_series_bins(&tally->recorded_latency, &tally->fresh_latency, &report->recorded_latency,
                   &report->fresh_latency);
    rn_series_bins(&tally->recorded_first_byte, &tally->fresh_first_byte,
                   &report->recorded_first_byte, &report->fresh_first_byte);
    rn_headline(report);
}

void rn_tally_free(struct rn_tally *tally)
{
    rn_series_free(&tally->recorded_latency);
    rn_series_free(&tally->fresh_latency);
    rn_series_free(&tally->recorded_first_byte);
    rn_series_free(&tally->fresh_first_byte);
}
