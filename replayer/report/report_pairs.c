/*
 * The worst pairs, each as what was asked and the two answers beside one another, their differences
 * marked word by word.
 */
#include "report_page.h"

#include <inttypes.h>
#include <string.h>

#include "words.h"

/* What differs, for a heading: the strongest words first. */
static const struct {
    enum rn_aspect aspect;
    const char *words;
} differences[] = {
    {RN_ASPECT_TOOL_NAMES, "other tools"}, {RN_ASPECT_TOOLS, "other arguments"},
    {RN_ASPECT_REFUSAL, "refusal"},        {RN_ASPECT_JSON, "JSON"},
    {RN_ASPECT_FINISH, "finish reason"},   {RN_ASPECT_VECTORS, "other vectors"},
    {RN_ASPECT_NORMALISED, "other words"},
};

static void put_heading(struct rn_sheet *sheet, const struct rn_pair *pair, size_t number)
{
    uint32_t differs = pair->judged & ~pair->same;
    bool first = true;
    rn_sheet_putf(sheet, "<h3>%zu. ", number);
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        bool names = (differs >> RN_ASPECT_TOOL_NAMES & 1u) != 0;
        if ((differs >> differences[i].aspect & 1u) == 0 ||
            (differences[i].aspect == RN_ASPECT_TOOLS && names)) {
            continue;
        }
        rn_sheet_put(sheet, first ? "" : ", ");
        rn_sheet_put(sheet, differences[i].words);
        first = false;
    }
    rn_sheet_put(sheet, "</h3>");
}

static void put_place(struct rn_sheet *sheet, const struct rn_worst *worst)
{
    char texts[2][33];
    rn_trace_id_text(&worst->trace, texts[0]);
    rn_trace_id_text(&worst->answer_trace, texts[1]);
    rn_sheet_putf(sheet, "<span class=\"place\">%s:%" PRIu32 " \xe2\x86\x92 %s:%" PRIu32 "</span>",
                  texts[0], worst->n, texts[1], worst->answer_n);
}

/* One side: its own runs, and those of both. */
static void put_side(struct rn_sheet *sheet, const char *title, const struct rn_words_run *runs,
                     size_t count, enum rn_words_kind own)
{
    const char *element = own == RN_WORDS_REMOVED ? "del" : "ins";
    bool nothing = true;
    rn_sheet_put(sheet, "<div><h4>");
    rn_sheet_put(sheet, title);
    /* A line end directly behind <pre> would be taken away. */
    rn_sheet_put(sheet, "</h4><pre>");
    for (size_t i = 0; i < count; i++) {
        if (runs[i].kind != RN_WORDS_SAME && runs[i].kind != own) {
            continue;
        }
        nothing = false;
        if (runs[i].kind == own) {
            rn_sheet_putf(sheet, "<%s>", element);
        }
        rn_sheet_bytes(sheet, runs[i].text);
        if (runs[i].kind == own) {
            rn_sheet_putf(sheet, "</%s>", element);
        }
    }
    rn_sheet_put(sheet, nothing ? "<span class=\"note\">nothing</span>" : "");
    rn_sheet_put(sheet, "</pre></div>\n");
}

static void put_pair(struct rn_sheet *sheet, const struct rn_worst *worst, size_t number)
{
    struct rn_arena arena = {0};
    struct rn_words_run *runs = NULL;
    size_t count = 0;
    rn_sheet_put(sheet, "<article><header>");
    put_heading(sheet, &worst->pair, number);
    put_place(sheet, worst);
    rn_sheet_put(sheet, "</header>\n");
    if (worst->asked.len > 0) {
        rn_sheet_put(sheet, "<blockquote>");
        rn_sheet_bytes(sheet, worst->asked);
        rn_sheet_put(sheet, "</blockquote>\n");
    }
    enum rn_status status = rn_words_compare(&arena, worst->recorded, worst->fresh, &runs, &count);
    if (status == RN_OK) {
        rn_sheet_put(sheet, "<div class=\"sides\">\n");
        put_side(sheet, "recorded", runs, count, RN_WORDS_REMOVED);
        put_side(sheet, "new", runs, count, RN_WORDS_ADDED);
        rn_sheet_put(sheet, "</div>");
    } else if (sheet->status == RN_OK) {
        sheet->status = status;
    }
    rn_sheet_put(sheet, "</article>\n");
    rn_arena_free(&arena);
}

void rn_page_pairs(struct rn_sheet *sheet, const struct rn_report *report)
{
    for (size_t i = 0; i < report->worst_count; i++) {
        put_pair(sheet, &report->worst[i], i + 1);
    }
}
