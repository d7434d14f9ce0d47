/* "reenact.backtest/1" (docs/backtest.md, "JSON"). Everything in it was decided elsewhere. */
#include "report.h"

#include "members.h"
#include "metric.h"

static json_t *pairs_of(const struct rn_report *report)
{
    static const char *const names[] = {"compared", "new_failed", "both_failed", "recorded_failed",
                                        "unanswered"};
    json_t *pairs = json_object();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        rn_member_count(pairs, names[i], report->pairs[i]);
    }
    return pairs;
}

static json_t *shares_of(const struct rn_report *report)
{
    json_t *shares = json_object();
    for (int i = 0; i < RN_ASPECT_COUNT; i++) {
        const struct rn_share *share = &report->shares[i];
        json_t *one = json_object();
        rn_member_count(one, "judged", share->judged);
        rn_member_count(one, "same", share->same);
        rn_member_real(one, "share", share->judged > 0,
                       share->judged > 0 ? (double)share->same / (double)share->judged : 0);
        rn_member(shares, rn_aspect_name((enum rn_aspect)i), one);
    }
    return shares;
}

/* {"recorded": ..., "fresh": ...}; takes both over. */
static json_t *both(json_t *recorded, json_t *fresh)
{
    json_t *sides = json_object();
    rn_member(sides, "recorded", recorded);
    rn_member(sides, "fresh", fresh);
    return sides;
}

static json_t *spread_of(const struct rn_spread *spread)
{
    json_t *out = json_object();
    rn_member_count(out, "count", spread->count);
    if (spread->count > 0) {
        rn_member_u64(out, "p50_ns", spread->p50);
        rn_member_u64(out, "p90_ns", spread->p90);
        rn_member_u64(out, "p95_ns", spread->p95);
        rn_member_u64(out, "p99_ns", spread->p99);
        rn_member_u64(out, "max_ns", spread->max);
        rn_member_u64(out, "mean_ns", spread->mean);
    }
    return out;
}

static json_t *tokens_of(uint64_t in, uint64_t out)
{
    json_t *tokens = json_object();
    rn_member_u64(tokens, "in", in);
    rn_member_u64(tokens, "out", out);
    return tokens;
}

static json_t *all_tokens(const struct rn_report *report)
{
    json_t *tokens = both(tokens_of(report->recorded_tokens_in, report->recorded_tokens_out),
                          tokens_of(report->fresh_tokens_in, report->fresh_tokens_out));
    rn_member_count(tokens, "pairs", report->with_usage);
    return tokens;
}

static json_t *money_of(bool known, uint64_t pico)
{
    json_t *money = known ? json_object() : json_null();
    if (known) {
        rn_member_u64(money, "pico", pico);
        rn_member_real(money, "usd", true, (double)pico / (double)RN_PICO_PER_DOLLAR);
    }
    return money;
}

static json_t *cost_of(const struct rn_report *report)
{
    json_t *cost = both(money_of(report->recorded_cost_known, report->recorded_cost_pico),
                        money_of(report->fresh_cost_known, report->fresh_cost_pico));
    json_t *prices = json_object();
    rn_member_text(prices, "date", report->prices_date);
    rn_member_text(prices, "origin", report->prices_origin);
    rn_member_count(cost, "unpriced", report->unpriced);
    rn_member(cost, "prices", prices);
    return cost;
}

static json_t *metrics_of(const struct rn_report *report)
{
    json_t *metrics = json_object();
    for (size_t i = 0; rn_metric_at(i) != NULL; i++) {
        const struct rn_metric *metric = rn_metric_at(i);
        double value = 0;
        bool known = metric->value(report, &value);
        rn_member_real(metrics, metric->name, known, value);
    }
    return metrics;
}

static json_t *conditions_of(const struct rn_judged_condition *conditions, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();
        rn_member_text(one, "condition", conditions[i].text);
        rn_member_bool(one, "failed", conditions[i].failed);
        rn_member(one, "unknown",
                  conditions[i].unknown == NULL
                      ? json_null()
                      : rn_member_string(rn_bytes_text(conditions[i].unknown)));
        rn_member_of_list(list, one);
    }
    return list;
}

static json_t *failures_of(const struct rn_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->failure_count; i++) {
        const struct rn_failure *failure = &report->failures[i];
        json_t *one = rn_member_event(&failure->trace, failure->n);
        rn_member_bytes(one, "what", failure->what);
        rn_member_count(one, "count", failure->count);
        rn_member_of_list(list, one);
    }
    return list;
}

static json_t *left_out_of(const struct rn_report *report)
{
    json_t *left = json_object();
    for (int why = 0; why < RN_LEFT_COUNT; why++) {
        rn_member_count(left, rn_left_out_name((enum rn_left_out)why), report->left_out[why]);
    }
    return left;
}

static json_t *side_of(const struct rn_side *side, struct rn_bytes text)
{
    json_t *out = json_object();
    rn_member_bytes(out, "text", text);
    rn_member_count(out, "status", side->status);
    rn_member_bool(out, "is_json", side->is_json);
    rn_member_bool(out, "refuses", side->refuses);
    rn_member(out, "tokens",
              side->has_usage ? tokens_of(side->tokens_in, side->tokens_out) : json_null());
    return out;
}

/* A line of text each. */
static json_t *changes_of(const struct rn_report *report)
{
    json_t *list = json_array();
    for (struct rn_bytes left = report->changes; left.len > 0;) {
        size_t end = rn_bytes_find_byte(left, '\n');
        rn_member_of_list(list, rn_member_string(rn_bytes_sub(left, 0, end)));
        left = end == RN_NPOS ? rn_bytes_of("", 0) : rn_bytes_from(left, end + 1);
    }
    return list;
}

static json_t *not_sent_of(const struct rn_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->left_count; i++) {
        json_t *one = rn_member_event(&report->left[i].trace, report->left[i].n);
        rn_member_text(one, "why", rn_left_out_name(report->left[i].why));
        rn_member_of_list(list, one);
    }
    return list;
}

static json_t *worst_of(const struct rn_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->worst_count; i++) {
        const struct rn_worst *worst = &report->worst[i];
        json_t *one = rn_member_event(&worst->trace, worst->n);
        json_t *differs = json_array();
        for (int aspect = 0; aspect < RN_ASPECT_COUNT; aspect++) {
            if (((worst->pair.judged & ~worst->pair.same) >> aspect & 1u) != 0) {
                const char *name = rn_aspect_name((enum rn_aspect)aspect);
                rn_member_of_list(differs, rn_member_string(rn_bytes_text(name)));
            }
        }
        rn_member(one, "answer", rn_member_event(&worst->answer_trace, worst->answer_n));
        rn_member_real(one, "distance", true, worst->pair.distance);
        rn_member(one, "differs", differs);
        rn_member_bytes(one, "asked", worst->asked);
        rn_member(one, "recorded", side_of(&worst->pair.recorded, worst->recorded));
        rn_member(one, "fresh", side_of(&worst->pair.fresh, worst->fresh));
        rn_member_of_list(list, one);
    }
    return list;
}

enum rn_status rn_report_json(const struct rn_report *report,
                              const struct rn_judged_condition *conditions, size_t count,
                              struct rn_buffer *out)
{
    const struct rn_backtest_facts *facts = &report->facts;
    json_t *document = rn_members_new("reenact.backtest/1");
    rn_member_text(document, "id", facts->id);
    rn_member_text(document, "name", facts->name);
    rn_member_text(document, "to", facts->to);
    rn_member_text(document, "url", facts->url);
    rn_member_u64(document, "created_ns", facts->created_wall_ns);
    rn_member_bool(document, "complete", facts->complete);
    rn_member_text(document, "headline", report->headline);
    rn_member_count(document, "calls", facts->calls);
    rn_member(document, "pairs", pairs_of(report));
    rn_member_count(document, "same", report->same);
    rn_member(document, "shares", shares_of(report));
    rn_member(document, "json",
              both(json_integer((json_int_t)report->recorded_json),
                   json_integer((json_int_t)report->fresh_json)));
    rn_member(document, "refusals",
              both(json_integer((json_int_t)report->recorded_refuses),
                   json_integer((json_int_t)report->fresh_refuses)));
    rn_member(document, "latency",
              both(spread_of(&report->recorded_latency), spread_of(&report->fresh_latency)));
    rn_member(document, "first_byte",
              both(spread_of(&report->recorded_first_byte), spread_of(&report->fresh_first_byte)));
    rn_member(document, "tokens", all_tokens(report));
    rn_member(document, "cost", cost_of(report));
    rn_member(document, "spent", money_of(facts->cost_known, facts->spent_pico));
    rn_member(document, "metrics", metrics_of(report));
    rn_member(document, "conditions", conditions_of(conditions, count));
    rn_member(document, "failures", failures_of(report));
    rn_member(document, "changes", changes_of(report));
    rn_member(document, "left_out", left_out_of(report));
    rn_member(document, "not_sent", not_sent_of(report));
    rn_member_count(document, "twice", report->twice);
    rn_member(document, "worst", worst_of(report));
    enum rn_status status = rn_members_print(document, out);
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}
