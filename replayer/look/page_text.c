/*
 * One recorded text on the page: escaped, folded where it is long, cut where it is very long, with marks. In: bytes of anybody. Out:
 * markup of ours with these bytes as text inside it.
 */
#include <inttypes.h>

#include "base/utf8.h"
#include "headline.h"
#include "page_parts.h"

#define OPEN_BYTES 1600u /* of a long text so much is open */
#define FOLD_BYTES 400u  /* less than this is not worth folding */

static const struct rn_bytes placeholder = {(const uint8_t *)"RN-REDACTED-", 12};

/* --- marks ---------------------------------------------------------------------------------------------------------- */

/* What stands for a credential (wire/redact.h) is seen as such. */
static void put_plain(struct rn_sheet *sheet, struct rn_bytes text)
{
    for (size_t at; (at = rn_bytes_find(text, placeholder)) != RN_NPOS;) {
        size_t end = at + placeholder.len;
        while (end < text.len && text.data[end] == 'x') {
            end++;
        }
        rn_sheet_bytes(sheet, rn_bytes_sub(text, 0, at));
        rn_sheet_put(sheet, "<mark title=\"a credential: it was never stored\">");
        rn_sheet_bytes(sheet, rn_bytes_sub(text, at, end - at));
        rn_sheet_put(sheet, "</mark>");
        text = rn_bytes_from(text, end);
    }
    rn_sheet_bytes(sheet, text);
}

/* The part of a text between two offsets, stretches linked to where they stood before. */
static void put_marked(struct rn_page *page, struct rn_bytes text, size_t from, size_t until,
                       const struct rn_stretch *stretches, size_t count)
{
    struct rn_sheet *sheet = &page->sheet;
    for (size_t i = 0; i < count && from < until; i++) {
        size_t begin = stretches[i].at > from ? stretches[i].at : from;
        size_t end = stretches[i].at + stretches[i].len;
        end = end < until ? end : until;
        if (begin >= end) {
            continue;
        }
        const struct rn_page_source *source = &page->sources[stretches[i].source];
        put_plain(sheet, rn_bytes_sub(text, from, begin - from));
        rn_sheet_putf(sheet, "<a class=\"from\" href=\"#%s\" title=\"verbatim in ", source->anchor);
        rn_sheet_bytes(sheet, source->words);
        rn_sheet_put(sheet, "\">");
        put_plain(sheet, rn_bytes_sub(text, begin, end - begin));
        rn_sheet_put(sheet, "</a>");
        from = end;
    }
    put_plain(sheet, rn_bytes_sub(text, from, until - from));
}

/* --- folding -------------------------------------------------------------------------------------------------------- */

/* Where the open part ends: at a line if there is one, else at a character; the whole where little would be left. */
static size_t open_part(struct rn_bytes text)
{
    if (text.len <= OPEN_BYTES + FOLD_BYTES) {
        return text.len;
    }
    size_t end = rn_utf8_head(text, OPEN_BYTES).len;
    for (size_t at = end; at > OPEN_BYTES / 2; at--) {
        if (text.data[at - 1] == '\n') {
            return at;
        }
    }
    return end;
}

static void put_cut(struct rn_page *page, size_t shown, size_t whole)
{
    struct rn_figure figures[2];
    if (shown == whole) {
        return;
    }

    rn_sheet_putf(&page->sheet,
                  "<p class=\"cut\">This text has %s bytes. The page holds the first %s of them; "
                  "<code>reenact show</code> has all.</p>\n",
                  rn_figure_count(&figures[0], whole), rn_figure_count(&figures[1], shown));
}

void rn_page_text(struct rn_page *page, struct rn_bytes text, const struct rn_page_spot *spot)
{
    struct rn_arena arena = {0};
    struct rn_figure figure;
    size_t count = 0;
    struct rn_stretch *stretches = rn_page_stretches(page, text, spot, &arena, &count);
    size_t shown = rn_utf8_head(text, RN_PAGE_TEXT_BYTES_MAX).len;
    struct rn_bytes part = rn_bytes_sub(text, 0, shown);
    size_t open = open_part(part);
    /* A line end directly behind <pre> would be taken away: the empty element keeps it. */
    rn_sheet_put(&page->sheet, "<pre><span></span>");
    put_marked(page, part, 0, open, stretches, count);
    rn_sheet_put(&page->sheet, "</pre>\n");
    if (open < shown) {
        rn_sheet_putf(&page->sheet, "<details><summary>%s bytes more</summary><pre><span></span>",
                      rn_figure_count(&figure, shown - open));
        put_marked(page, part, open, shown, stretches, count);
        rn_sheet_put(&page->sheet, "</pre></details>\n");
    }
    put_cut(page, shown, text.len);
    rn_arena_free(&arena);
}

void rn_page_fold(struct rn_page *page, const char *title, struct rn_bytes text)
{
    if (text.len == 0) {
        return;
    }
    size_t shown = rn_utf8_head(text, RN_PAGE_TEXT_BYTES_MAX).len;
    rn_sheet_put(&page->sheet, "<details><summary>");
    rn_sheet_put(&page->sheet, title);
    rn_sheet_put(&page->sheet, "</summary><pre><span></span>");
    put_plain(&page->sheet, rn_bytes_sub(text, 0, shown));
    rn_sheet_put(&page->sheet, "</pre>\n");
    put_cut(page, shown, text.len);
    rn_sheet_put(&page->sheet, "</details>\n");
}

void rn_page_words(struct rn_sheet *sheet, struct rn_bytes text, size_t characters)
{
    size_t at = 0;
    for (size_t i = 0; i < characters && at < text.len; i++) {
        uint32_t point;
        size_t len = rn_utf8_take(text, at, &point);
        at += len > 0 ? len : 1;
    }
    put_plain(sheet, rn_bytes_sub(text, 0, at));
    rn_sheet_put(sheet, at < text.len ? "..." : "");
}
