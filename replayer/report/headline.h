/*
 * The first line of a report: what changed most, in plain words. Pure. Private to replayer/.
 */
#ifndef RN_REPLAYER_HEADLINE_H
#define RN_REPLAYER_HEADLINE_H

#include "report.h"

/*
 * Fills report->headline from its counts: the heaviest finding, where the weight is the share of answers
 * it concerns by how much such a change matters (docs/backtest.md, "Report"); of equals the first in the
 * order failed, refusals, tools, JSON, finish, latency, cost, text, embeddings.
 */
void rn_headline(struct rn_report *report);

/* Numbers as people read them; text goes into the caller's array, which is returned. */
struct rn_figure {
    char text[40];
};
/* "12,345". */
const char *rn_figure_count(struct rn_figure *out, uint64_t count);
/* "8.0%", "100%", "<0.1%", ">99.9%"; "n/a" of nothing. */
const char *rn_figure_share(struct rn_figure *out, uint64_t part, uint64_t whole);
/* "0.31 ms", "312 ms", "1.24 s", "75.3 s". */
const char *rn_figure_time(struct rn_figure *out, uint64_t ns);
/* "2.1 x", "0.31 x"; "n/a" where `below` is 0. */
const char *rn_figure_ratio(struct rn_figure *out, double above, double below);
/* "$12.34", "$0.0021". */
const char *rn_figure_money(struct rn_figure *out, uint64_t pico);

#endif
