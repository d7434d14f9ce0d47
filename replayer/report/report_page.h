/*
 * The parts of an HTML page, of a report above all: report_html.c puts them in order, report_style.c begins and dresses it, report_plots.c draws,
 * report_pairs.c lays the worst pairs side by side. Private to replayer/.
 */
#ifndef RN_REPLAYER_REPORT_PAGE_H
#define RN_REPLAYER_REPORT_PAGE_H

#include "report.h"
#include "sheet.h"

/*
 * A page of ours up to where its content begins, and its end: no font, picture or script from anywhere, which a content security policy
 * of its own tells the browser as well. `styles` (NULL-terminated, or NULL) are added to the style sheet: rules of ours, no text of others.
 */
void rn_page_begin(struct rn_sheet *sheet, struct rn_bytes title, const char *const *styles);
void rn_page_end(struct rn_sheet *sheet);

/*
 * Two distributions over the same bins as steps, on a logarithmic axis, with marks at p50 and p95.
 * Nothing where nothing was measured.
 */
void rn_plot_times(struct rn_sheet *sheet, const struct rn_spread *recorded,
                   const struct rn_spread *fresh, const char *label);
/* One bar of `share` (0 to 1) in a table cell; `of` is "recorded", "fresh" or "same". */
void rn_plot_share(struct rn_sheet *sheet, double share, const char *of);
/* Two bars above one another, as long as the values are to the greater one. */
void rn_plot_amounts(struct rn_sheet *sheet, double recorded, double fresh, const char *label);

/* All of report->worst. RN_NOMEM goes into the sheet. */
void rn_page_pairs(struct rn_sheet *sheet, const struct rn_report *report);

#endif
