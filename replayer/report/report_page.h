/*
 * The parts of the HTML page of a report: report_html.c puts them in order, report_plots.c draws,
 * report_pairs.c lays the worst pairs side by side. Private to replayer/.
 */
#ifndef RN_REPLAYER_REPORT_PAGE_H
#define RN_REPLAYER_REPORT_PAGE_H

#include "report.h"
#include "sheet.h"

/* The style sheet, markup included, in two parts: no font, picture or script from anywhere. */
extern const char rn_page_style[];
extern const char rn_page_style_figures[];

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
