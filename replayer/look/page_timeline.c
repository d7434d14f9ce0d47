/*
 * The trace as bars over time: one row per event, pale until the first byte of its answer, full from there to its end; of a tool inside
 * the application the time it may have taken, as an outline. What ran at the same time stands over one another.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "headline.h"
#include "page_parts.h"

#define WIDTH 960.0
#define LEFT 252.0  /* where time begins: room for a label */
#define RIGHT 884.0 /* where it ends: room for a duration */
#define ROW 22.0
#define LABEL_CHARACTERS 36
#define ROWS_MAX 400u
#define TICKS_MAX 8.0
#define TICK_WIDTH 28.0 /* half of a tick's words */

/* --- steps ---------------------------------------------------------------------------------------------------------- */

struct rn_page_step *rn_page_step_add(struct rn_page *page, enum rn_page_kind kind,
                                      const char *anchor, const char *name)
{
    void *list = page->steps;
    bool good = rn_page_grow(page, &list, page->step_count, &page->step_room, sizeof *page->steps);
    page->steps = list;
    if (!good) {
        return NULL;
    }
    struct rn_page_step *step = &page->steps[page->step_count];
    *step = (struct rn_page_step){.kind = kind,
                                  .name = rn_arena_copy(&page->arena, rn_bytes_text(name))};
    if (step->name.data == NULL) {
        rn_page_trouble(page, RN_NOMEM);
        return NULL;
    }
    (void)snprintf(step->anchor, sizeof step->anchor, "%s", anchor);
    page->step_count++;
    return step;
}

const struct rn_page_step *rn_page_step_of(const struct rn_page *page, uint32_t n)
{
    char anchor[RN_PAGE_ANCHOR_BYTES];
    (void)snprintf(anchor, sizeof anchor, "e%" PRIu32, n);
    for (size_t i = page->step_count; i > 0; i--) {
        if (strcmp(page->steps[i - 1].anchor, anchor) == 0) {
            return &page->steps[i - 1];
        }
    }
    return NULL;
}

/* --- the picture ---------------------------------------------------------------------------------------------------- */

static double x_of(const struct rn_page *page, uint64_t ns)
{
    double whole = page->last_ns > 0 ? (double)page->last_ns : 1;
    double share = (double)ns / whole;
    return LEFT + (RIGHT - LEFT) * (share < 1 ? share : 1);
}

/* 1, 2 or 5 times a power of ten, so that there are at most TICKS_MAX of them. */
static double tick_of(double whole)
{
    double power = pow(10, floor(log10(whole / TICKS_MAX)));
    static const double factors[] = {1, 2, 5, 10};
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        if (whole / (factors[i] * power) <= TICKS_MAX) {
            return factors[i] * power;
        }
    }
    return whole;
}

static void put_axis(struct rn_sheet *sheet, const struct rn_page *page, double bottom)
{
    struct rn_figure figure;
    double whole = (double)page->last_ns;
    double tick = whole > 0 ? tick_of(whole) : 0;
    for (double at = 0; tick > 0 && at <= whole; at += tick) {
        double x = x_of(page, (uint64_t)at);
        rn_sheet_putf(sheet, "<path class=\"axis\" d=\"M%.1f 16V%.1f\"/>", x, bottom);
        if (x < RIGHT - TICK_WIDTH) {
            rn_sheet_putf(sheet, "<text x=\"%.1f\" y=\"11\" text-anchor=\"%s\">%s</text>", x,
                          at > 0 ? "middle" : "start",
                          at > 0 ? rn_figure_time(&figure, (uint64_t)at) : "0");
        }
    }
}

static const char *class_of(enum rn_page_kind kind)
{
    static const char *const classes[] = {"decision", "model", "found", "tool", "told", "other"};
    return classes[kind];
}

static void put_label(struct rn_sheet *sheet, const struct rn_page_step *step, double y)
{
    rn_sheet_putf(sheet, "<text class=\"label\" x=\"0\" y=\"%.1f\">", y + 12);
    rn_sheet_bytes(sheet, step->name);
    rn_sheet_put(sheet, " ");
    rn_page_words(sheet, step->label, LABEL_CHARACTERS);
    rn_sheet_put(sheet, "</text>");
}

static void put_bar(struct rn_sheet *sheet, const struct rn_page *page,
                    const struct rn_page_step *step, double y)
{
    struct rn_figure figure;
    double begin = x_of(page, step->begin_ns);
    double first = x_of(page, step->first_ns);
    double end = x_of(page, step->end_ns);
    end = end - begin < 2 ? begin + 2 : end;
    first = first > end ? end : first;
    if (step->kind == RN_PAGE_TOLD) {
        rn_sheet_putf(sheet,
                      "<rect class=\"told\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"9\"/>",
                      begin, y + 3.5, end - begin);
    } else {
        rn_sheet_putf(
            sheet, "<rect class=\"%s wait\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"13\"/>",
            class_of(step->kind), begin, y + 1.5, first - begin);
        rn_sheet_putf(sheet,
                      "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"13\"/>",
                      class_of(step->kind), first, y + 1.5, end - first);
    }
    rn_sheet_putf(sheet, "<text x=\"%.1f\" y=\"%.1f\"%s>%s%s</text>", end + 6, y + 12,
                  step->failed ? " class=\"failed\"" : "",
                  step->is_open ? "no end" : rn_figure_time(&figure, step->end_ns - step->begin_ns),
                  step->failed ? ", failed" : "");
}

static void put_row(struct rn_sheet *sheet, const struct rn_page *page,
                    const struct rn_page_step *step, double y)
{
    rn_sheet_putf(sheet, "<a href=\"#%s\">", step->anchor);
    rn_sheet_putf(sheet, "<rect class=\"row\" x=\"0\" y=\"%.1f\" width=\"%.0f\" height=\"16\"/>", y,
                  WIDTH);
    put_label(sheet, step, y);
    if (step->has_times) {
        put_bar(sheet, page, step, y);
    }
    rn_sheet_put(sheet, "</a>\n");
}

static void put_legend(struct rn_sheet *sheet)
{
    rn_sheet_put(
        sheet, "<p class=\"note\"><span class=\"key model\"></span>model"
               "<span class=\"key found\"></span>retrieval<span class=\"key tool\"></span>tool"
               "<span class=\"key told\"></span>tool inside the application, at most"
               "<span class=\"key decision\"></span>decision<span class=\"key other\"></span>other."
               " Pale: until the first byte came.</p>\n");
}

void rn_page_timeline(struct rn_sheet *sheet, const struct rn_page *page)
{
    size_t rows = page->step_count < ROWS_MAX ? page->step_count : ROWS_MAX;
    double height = 22 + ROW * (double)rows;
    if (rows == 0) {
        return;
    }
    rn_sheet_put(sheet, "<h2>Timeline</h2>\n");
    put_legend(sheet);
    rn_sheet_putf(sheet,
                  "<div class=\"wide\"><svg class=\"timeline\" viewBox=\"0 0 %.0f %.0f\" "
                  "role=\"img\" aria-label=\"timeline of %zu events\">\n",
                  WIDTH, height, rows);
    put_axis(sheet, page, height);
    for (size_t i = 0; i < rows; i++) {
        put_row(sheet, page, &page->steps[i], 22 + ROW * (double)i);
    }
    rn_sheet_put(sheet, "</svg></div>\n");
    if (rows < page->step_count) {
        rn_sheet_putf(sheet, "<p class=\"cut\">and %zu more</p>\n", page->step_count - rows);
    }
}
