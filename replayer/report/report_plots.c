/* Pictures as inline SVG. Coordinates are computed here, colours come from the style sheet by class. */
#include "report_page.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "headline.h"

/* --- bars ---------------------------------------------------------------------------------------------------------- */

void rn_plot_share(struct rn_sheet *sheet, double share, const char *of)
{
    rn_sheet_putf(sheet,
                  "<svg viewBox=\"0 0 160 9\" preserveAspectRatio=\"none\" role=\"img\" "
                  "aria-label=\"%.1f%%\">"
                  "<rect class=\"track\" width=\"160\" height=\"9\"/>"
                  "<rect class=\"%s\" width=\"%.2f\" height=\"9\"/></svg>",
                  100 * share, of, 160 * share);
}

void rn_plot_amounts(struct rn_sheet *sheet, double recorded, double fresh, const char *label)
{
    double most = recorded > fresh ? recorded : fresh;
    double scale = most > 0 ? 160 / most : 0;
    rn_sheet_put(sheet, "<svg class=\"pair\" viewBox=\"0 0 160 19\" preserveAspectRatio=\"none\" "
                        "role=\"img\" aria-label=\"");
    rn_sheet_text(sheet, label);
    rn_sheet_putf(sheet,
                  "\"><rect class=\"recorded\" width=\"%.2f\" height=\"8\"/>"
                  "<rect class=\"fresh\" y=\"11\" width=\"%.2f\" height=\"8\"/></svg>",
                  recorded * scale, fresh * scale);
}

/* --- distributions ------------------------------------------------------------------------------------------------- */

#define WIDTH 720.0
#define TOP 40.0     /* room for the marks' words */
#define BOTTOM 190.0 /* the axis */
#define HEIGHT 214.0

static double x_of(const struct rn_spread *spread, double value)
{
    double bins = value > spread->low ? log(value / spread->low) / log(spread->step) : 0;
    return WIDTH * (bins < RN_REPORT_BINS ? bins / RN_REPORT_BINS : 1);
}

static double tallest(const struct rn_spread *spread)
{
    uint64_t most = 0;
    for (size_t i = 0; i < RN_REPORT_BINS; i++) {
        most = spread->bins[i] > most ? spread->bins[i] : most;
    }
    return spread->count > 0 ? (double)most / (double)spread->count : 0;
}

/* Shares, not counts, so that both sides have the same area. */
static void put_steps(struct rn_sheet *sheet, const struct rn_spread *spread, double most,
                      const char *class)
{
    rn_sheet_putf(sheet, "<path class=\"%s\" d=\"M0 %.1f", class, BOTTOM);
    for (size_t i = 0; i < RN_REPORT_BINS; i++) {
        double share = (double)spread->bins[i] / (double)spread->count;
        rn_sheet_putf(sheet, "V%.1fH%.1f", BOTTOM - (BOTTOM - TOP) * share / most,
                      WIDTH * (double)(i + 1) / RN_REPORT_BINS);
    }
    rn_sheet_putf(sheet, "V%.1fZ\"/>", BOTTOM);
}

/* `row` 0 is above row 1, so that the words of the two sides do not meet. */
static void put_mark(struct rn_sheet *sheet, const struct rn_spread *spread, uint64_t value,
                     const char *percentile, const char *class, int row)
{
    struct rn_figure figure;
    double x = x_of(spread, (double)value);
    double y = 11 + 14 * row;
    rn_sheet_putf(sheet, "<line class=\"%s %s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                  class, percentile, x, x, y + 4, BOTTOM);
    rn_sheet_putf(sheet, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s %s</text>",
                  class, x, y,
                  x > WIDTH - 60 ? "end"
                  : x < 60       ? "start"
                                 : "middle",
                  percentile, rn_figure_time(&figure, value));
}

/* Where p50 and p95 are so near that their words would meet, one is enough. */
static void put_marks(struct rn_sheet *sheet, const struct rn_spread *spread, const char *class,
                      int row)
{
    put_mark(sheet, spread, spread->p50, "p50", class, row);
    if (x_of(spread, (double)spread->p95) - x_of(spread, (double)spread->p50) > 80) {
        put_mark(sheet, spread, spread->p95, "p95", class, row);
    }
}

/* 1, 2 and 5 of each power of ten; every one of them, or powers alone where there would be too many. */
static void put_axis(struct rn_sheet *sheet, const struct rn_spread *spread)
{
    double end = spread->low * pow(spread->step, RN_REPORT_BINS);
    double power = pow(10, floor(log10(spread->low)));
    bool many = end / spread->low > 2000;
    double last = -100;
    rn_sheet_putf(sheet, "<path class=\"axis\" d=\"M0 %.1fH%.1f\"/>", BOTTOM, WIDTH);
    for (; power <= end; power *= 10) {
        static const double factors[] = {1, 2, 5};
        for (size_t i = 0; i < (many ? 1u : 3u); i++) {
            struct rn_figure figure;
            double value = power * factors[i];
            double x = x_of(spread, value);
            if (value < spread->low || value > end || x - last < 56 || x > WIDTH - 12) {
                continue;
            }
            last = x;
            rn_sheet_putf(sheet, "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>", x, BOTTOM);
            rn_sheet_putf(sheet, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>", x,
                          BOTTOM + 17, x < 20 ? "start" : "middle",
                          rn_figure_time(&figure, (uint64_t)value));
        }
    }
}

void rn_plot_times(struct rn_sheet *sheet, const struct rn_spread *recorded,
                   const struct rn_spread *fresh, const char *label)
{
    if (recorded->count == 0 || fresh->count == 0) {
        return;
    }
    double most = tallest(recorded) > tallest(fresh) ? tallest(recorded) : tallest(fresh);
    rn_sheet_put(sheet, "<figure><figcaption>");
    rn_sheet_text(sheet, label);
    rn_sheet_put(sheet, "<span class=\"key recorded\"></span>recorded"
                        "<span class=\"key fresh\"></span>new</figcaption>\n");
    rn_sheet_putf(sheet, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", WIDTH,
                  HEIGHT);
    rn_sheet_text(sheet, label);
    rn_sheet_put(sheet, "\">");
    put_axis(sheet, recorded);
    put_steps(sheet, recorded, most, "recorded");
    put_steps(sheet, fresh, most, "fresh");
    put_marks(sheet, recorded, "recorded", 0);
    put_marks(sheet, fresh, "fresh", 1);
    rn_sheet_put(sheet, "</svg></figure>\n");
}
