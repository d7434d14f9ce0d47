/* What was said or found before, looked for in what came later (verbatim.h), and the table of what was met. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "headline.h"
#include "page_parts.h"

#define QUOTES_MAX 20000u /* of a page; beyond that nobody reads the table */

/* --- sources -------------------------------------------------------------------------------------------------------- */

void rn_page_source_add(struct rn_page *page, uint32_t n, const char *anchor, struct rn_bytes words,
                        struct rn_bytes text)
{
    if (text.len < RN_VERBATIM_CHARS_MIN || rn_verbatim_is_full(page->verbatim)) {
        return;
    }
    void *list = page->sources;
    bool good =
        rn_page_grow(page, &list, page->source_count, &page->source_room, sizeof *page->sources);
    page->sources = list;
    struct rn_bytes kept = rn_arena_copy(&page->arena, text);
    struct rn_page_source source = {.words = rn_arena_copy(&page->arena, words), .n = n};
    if (!good || kept.data == NULL || source.words.data == NULL) {
        rn_page_trouble(page, RN_NOMEM);
        return;
    }
    (void)snprintf(source.anchor, sizeof source.anchor, "%s", anchor);
    page->sources[page->source_count] = source;
    rn_page_trouble(page, rn_verbatim_add(page->verbatim, (uint32_t)page->source_count, kept));
    page->source_count++;
}

/* --- stretches ------------------------------------------------------------------------------------------------------ */

struct finding {
    struct rn_page *page;
    const struct rn_page_spot *spot;
    struct rn_arena *arena;
    struct rn_stretch *at;
    size_t count, room;
};

/* A source that stands in many pieces in one place is one line of the table. */
static void note_quote(struct finding *finding, const struct rn_stretch *stretch)
{
    struct rn_page *page = finding->page;
    const struct rn_page_spot *spot = finding->spot;
    for (size_t i = page->quote_count; i > 0 && page->quotes[i - 1].n == spot->n; i--) {
        struct rn_page_quote *quote = &page->quotes[i - 1];
        if (quote->source == stretch->source && strcmp(quote->anchor, spot->anchor) == 0) {
            quote->bytes += stretch->len;
            return;
        }
    }
    if (page->quote_count == QUOTES_MAX) {
        return;
    }
    void *list = page->quotes;
    bool good =
        rn_page_grow(page, &list, page->quote_count, &page->quote_room, sizeof *page->quotes);
    page->quotes = list;
    if (!good) {
        return;
    }
    struct rn_page_quote *quote = &page->quotes[page->quote_count++];
    *quote = (struct rn_page_quote){
        .source = stretch->source, .n = spot->n, .where = spot->where, .bytes = stretch->len};
    (void)snprintf(quote->anchor, sizeof quote->anchor, "%s", spot->anchor);
    page->sources[stretch->source].is_quoted = true;
}

static void take(void *self, const struct rn_stretch *stretch)
{
    struct finding *finding = self;
    if (finding->count == finding->room) {
        size_t room = finding->room == 0 ? 16 : 2 * finding->room;
        struct rn_stretch *grown = rn_arena_alloc(finding->arena, room * sizeof *grown);
        if (grown == NULL) {
            rn_page_trouble(finding->page, RN_NOMEM);
            return;
        }
        if (finding->count > 0) {
            memcpy(grown, finding->at, finding->count * sizeof *grown);
        }
        finding->at = grown;
        finding->room = room;
    }
    finding->at[finding->count++] = *stretch;
    note_quote(finding, stretch);
}

struct rn_stretch *rn_page_stretches(struct rn_page *page, struct rn_bytes text,
                                     const struct rn_page_spot *spot, struct rn_arena *arena,
                                     size_t *count)
{
    struct finding finding = {.page = page, .spot = spot, .arena = arena};
    if (spot != NULL && spot->where != NULL && page->source_count > 0) {
        rn_verbatim_find(page->verbatim, text, take, &finding);
    }
    *count = finding.count;
    return finding.at;
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

static void put_places(struct rn_sheet *sheet, const struct rn_page *page, uint32_t source)
{
    struct rn_figure figure;
    bool first = true;
    for (size_t i = 0; i < page->quote_count; i++) {
        const struct rn_page_quote *quote = &page->quotes[i];
        if (quote->source == source) {
            rn_sheet_putf(sheet, "%s<a href=\"#%s\">%s of %" PRIu32 "</a> <small>%s bytes</small>",
                          first ? "" : ", ", quote->anchor, quote->where, quote->n,
                          rn_figure_count(&figure, quote->bytes));
            first = false;
        }
    }
}

void rn_page_lineage(struct rn_sheet *sheet, const struct rn_page *page)
{
    if (page->quote_count == 0) {
        return;
    }
    rn_sheet_putf(sheet,
                  "<h2 id=\"lineage\">Lineage</h2>\n<p class=\"note\">What stands verbatim, %u "
                  "characters or more of it, in what came later.%s</p>\n<div class=\"wide\">"
                  "<table><thead><tr><th>this</th><th>stands in</th></tr></thead><tbody>\n",
                  RN_VERBATIM_CHARS_MIN,
                  rn_verbatim_is_full(page->verbatim)
                      ? " Not everything was looked for: there was too much of it."
                      : "");
    for (size_t i = 0; i < page->source_count; i++) {
        if (page->sources[i].is_quoted) {
            rn_sheet_putf(sheet, "<tr><td><a href=\"#%s\">", page->sources[i].anchor);
            rn_sheet_bytes(sheet, page->sources[i].words);
            rn_sheet_put(sheet, "</a></td><td>");
            put_places(sheet, page, (uint32_t)i);
            rn_sheet_put(sheet, "</td></tr>\n");
        }
    }
    rn_sheet_put(sheet, "</tbody></table></div>\n");
}
