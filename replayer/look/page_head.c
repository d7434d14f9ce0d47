/* What the trace amounts to, before the transcript; and what proves it, behind it. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "base/varint.h"
#include "headline.h"
#include "page_parts.h"

static const char style_of_text[] =
    "h3 "
    ".n{display:inline-block;min-width:1.6em;color:var(--quiet);font-variant-numeric:tabular-nums;"
    "text-decoration:none}\n"
    "a{color:inherit;text-decoration-color:var(--quiet);text-underline-offset:.2em}\n"
    "article.step{margin:0;padding:1.1rem 0 1.2rem;border-top:1px solid var(--rule)}\n"
    "article.step:first-of-type{border-top:0}\n"
    "article.told{margin-left:1.6rem}\n"
    "article:target,.answer:target,li:target{outline:2px solid var(--fresh);outline-offset:.4rem;"
    "border-radius:3px}\n"
    "article p{margin:.25rem 0;max-width:none}\n"
    ".place{overflow-wrap:anywhere}\n"
    ".said{margin:.7rem 0 0}\n"
    ".role{color:var(--quiet);font-size:.86rem;margin:0 0 .15rem}.role b{color:var(--ink);"
    "font-weight:600}\n"
    ".step pre{margin:0;padding:.6rem .8rem;background:var(--wash);border-radius:4px;"
    "font-size:.84rem;line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere;"
    "unicode-bidi:plaintext}\n"
    ".answer{margin-top:.8rem;padding-left:.9rem;border-left:3px solid var(--fresh)}\n"
    ".answer:empty{display:none}.answer .said:first-child{margin-top:0}\n"
    ".thinks pre{font-style:italic;color:var(--quiet)}\n"
    ".documents{list-style:none;margin:.8rem 0 0;padding:0}.documents li{margin:0 0 .8rem}\n"
    "details{margin:.45rem 0 0}summary{cursor:pointer;color:var(--quiet);font-size:.86rem}\n"
    "details pre{margin-top:.3rem}\n"
    "mark{background:var(--removed);color:inherit;border-radius:2px;padding:0 .15em}\n"
    "a.from{background:var(--added);text-decoration-thickness:1px}\n"
    ".odd,.cut{color:var(--bad);font-size:.9rem}\n"
    ".facts td:first-child{color:var(--quiet);white-space:nowrap}.facts code{font-size:.84rem}\n";

static const char style_of_timeline[] =
    ".timeline{min-width:44rem}.timeline a{text-decoration:none}\n"
    ".timeline .label{fill:var(--ink);font-size:12px}.timeline .failed{fill:var(--bad)}\n"
    ".timeline .row{fill:transparent}.timeline a:hover .row{fill:var(--wash)}\n"
    ".timeline .wait{fill-opacity:.4}\n"
    ".model{--of:var(--fresh)}.found{--of:#b07d2b}.tool,.told{--of:#8a5a9e}"
    ".decision{--of:var(--recorded)}.other{--of:var(--quiet)}\n"
    ".timeline rect.model,.timeline rect.found,.timeline rect.tool,.timeline rect.decision,"
    ".timeline rect.other{fill:var(--of)}\n"
    ".timeline rect.told{fill:none;stroke:var(--of);stroke-dasharray:3 2}\n"
    ".key.model,.key.found,.key.tool,.key.decision,.key.other{background:var(--of)}\n"
    ".key.told{background:none;border:1px dashed var(--of)}.key:first-child{margin-left:0}\n"
    "@media (prefers-color-scheme:dark){.found{--of:#d3a253}.tool,.told{--of:#bd90d0}}\n"
    "@media print{details::details-content{content-visibility:visible;block-size:auto}"
    "a{text-decoration:none}article.step{break-inside:auto}.step pre{background:none;"
    "border:1px solid var(--rule)}header,h2,.role{break-after:avoid}}\n";

static const char *const styles[] = {style_of_text, style_of_timeline, NULL};

/* --- the head ------------------------------------------------------------------------------------------------------- */

static void put_moment(struct rn_sheet *sheet, uint64_t wall_ns)
{
    char when[40] = "";
    time_t seconds = (time_t)(wall_ns / UINT64_C(1000000000));
    struct tm parts;
    if (gmtime_r(&seconds, &parts) != NULL) {
        (void)strftime(when, sizeof when, "%a %Y-%m-%d %H:%M:%S UTC", &parts);
    }
    rn_sheet_put(sheet, when);
}

/* The summary's own end is that of the recording: what was still waited for counts there too. */
static uint64_t took_ns(const struct rn_page *page)
{
    const struct rn_trace_summary *summary = page->summary;
    uint64_t ns = summary->ended_wall_ns > summary->started_wall_ns
                      ? summary->ended_wall_ns - summary->started_wall_ns
                      : 0;
    return page->last_ns > 0 ? page->last_ns : ns;
}

static const char *state_of(const struct rn_trace_summary *summary)
{
    switch (summary->state) {
    case RN_TRACE_OPEN:
        return "open: still being recorded";
    case RN_TRACE_LOST:
        return "lost: its recorder died";
    case RN_TRACE_CLOSED:
        break;
    }
    return summary->complete == RN_COMPLETE_YES  ? "closed, complete"
           : summary->complete == RN_COMPLETE_NO ? "closed, NOT complete"
                                                 : "closed, perhaps not complete";
}

/* How a wait status is said: "exit 0". */
static void put_exit(struct rn_sheet *sheet, int wait_status)
{
    if (wait_status >= 0 && (wait_status & 0x7f) == 0) {
        rn_sheet_putf(sheet, ", exit %d", wait_status >> 8 & 0xff);
    } else if (wait_status >= 0) {
        rn_sheet_putf(sheet, ", signal %d", wait_status & 0x7f);
    }
}

static void put_tags(struct rn_sheet *sheet, struct rn_bytes tags)
{
    struct rn_bytes tag;
    while (tags.len > 0 && rn_run_get(&tags, &tag)) {
        rn_sheet_put(sheet, " <code>");
        rn_page_words(sheet, tag, 200);
        rn_sheet_put(sheet, "</code>");
    }
}

static void begin_figure(struct rn_sheet *sheet, const char *name)
{
    rn_sheet_putf(sheet, "<div><dt>%s</dt><dd>", name);
}

static void put_figures(struct rn_sheet *sheet, const struct rn_page *page)
{
    struct rn_figure figures[3];
    rn_sheet_put(sheet, "<dl class=\"glance\">\n");
    begin_figure(sheet, "took");
    rn_sheet_putf(sheet, "%s</dd></div>\n", rn_figure_time(&figures[0], took_ns(page)));
    begin_figure(sheet, "model calls");
    rn_sheet_putf(sheet, "%" PRIu32 "</dd></div>\n", page->models);
    begin_figure(sheet, "tools and retrievals");
    rn_sheet_putf(sheet, "%" PRIu32 "</dd></div>\n", page->tools);
    if (page->failed > 0) {
        begin_figure(sheet, "failed");
        rn_sheet_putf(sheet, "<span class=\"failed\">%" PRIu32 "</span></dd></div>\n",
                      page->failed);
    }
    if (page->counted > 0) {
        begin_figure(sheet, "tokens in");
        rn_sheet_put(sheet, rn_figure_count(&figures[0], page->tokens_in));
        if (page->tokens_cached > 0) {
            rn_sheet_putf(sheet, "<small>%s cached</small>",
                          rn_figure_count(&figures[1], page->tokens_cached));
        }
        rn_sheet_put(sheet, "</dd></div>\n");
        begin_figure(sheet, "tokens out");
        rn_sheet_putf(sheet, "%s</dd></div>\n", rn_figure_count(&figures[0], page->tokens_out));
    }
    if (page->priced > 0) {
        begin_figure(sheet, "cost");
        rn_sheet_putf(sheet, "%s<small>%s</small></dd></div>\n",
                      rn_figure_money(&figures[0], page->cost_pico),
                      page->priced == page->counted ? "by today's prices"
                                                    : "of those with a price");
    }
    rn_sheet_put(sheet, "</dl>\n");
}

static struct rn_bytes title_of(const struct rn_page *page)
{
    struct rn_bytes name = page->summary->name;
    return page->headline.len > 0   ? page->headline
           : name.len > 0           ? name
           : page->question.len > 0 ? page->question
                                    : RN_LIT("A trace");
}

void rn_page_head(struct rn_sheet *sheet, const struct rn_page *page)
{
    const struct rn_trace_summary *summary = page->summary;
    char id[33];
    rn_trace_id_text(&summary->id, id);
    rn_page_begin(sheet, rn_utf8_head(title_of(page), 200), styles);
    rn_sheet_putf(sheet, "<p class=\"over\">Trace <code>%s</code></p>\n<h1>", id);
    rn_page_words(sheet, title_of(page), 200);
    rn_sheet_put(sheet, "</h1>\n<p>");
    put_moment(sheet, summary->started_wall_ns);
    if (summary->release.len > 0) {
        rn_sheet_put(sheet, ", release <b>");
        rn_page_words(sheet, summary->release, 120);
        rn_sheet_put(sheet, "</b>");
    }
    rn_sheet_put(sheet, ", ");
    rn_sheet_put(sheet, state_of(summary));
    put_exit(sheet, summary->has_run ? summary->exit_status : -1);
    rn_sheet_put(sheet, ".");
    put_tags(sheet, summary->tags);
    rn_sheet_put(sheet, "</p>\n");
    put_figures(sheet, page);
}

/* --- what proves it ------------------------------------------------------------------------------------------------- */

static void put_fact(struct rn_sheet *sheet, const char *name, struct rn_bytes text)
{
    if (text.len > 0) {
        rn_sheet_putf(sheet, "<tr><td>%s</td><td><code>", name);
        rn_page_words(sheet, text, 400);
        rn_sheet_put(sheet, "</code></td></tr>\n");
    }
}

static void put_id(struct rn_sheet *sheet, const char *name, const struct rn_trace_id *id)
{
    static const struct rn_trace_id none;
    char text[33];
    rn_trace_id_text(id, text);
    put_fact(sheet, name, rn_trace_id_equal(id, &none) ? RN_LIT("") : rn_bytes_text(text));
}

static void put_digest(struct rn_sheet *sheet, const char *name,
                       const uint8_t digest[RN_SHA256_BYTES])
{
    char text[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(digest, RN_SHA256_BYTES), text);
    put_fact(sheet, name, rn_bytes_text(text));
}

static void put_size(struct rn_sheet *sheet, const struct rn_page *page)
{
    const struct rn_trace_summary *summary = page->summary;
    struct rn_figure figures[4];
    rn_sheet_putf(sheet, "<tr><td>size</td><td>%s events, %s bytes as they crossed the wire",
                  rn_figure_count(&figures[0], summary->events),
                  rn_figure_count(&figures[1], summary->raw_bytes));
    if (summary->gaps > 0) {
        rn_sheet_putf(sheet, ", <span class=\"failed\">%" PRIu32 " gaps</span>", summary->gaps);
    }
    if (page->redactions > 0) {
        rn_sheet_putf(sheet, ", <mark>%s credential%s not stored</mark>",
                      rn_figure_count(&figures[2], page->redactions),
                      page->redactions == 1 ? "" : "s");
    }
    rn_sheet_put(sheet, "</td></tr>\n");
}

void rn_page_foot(struct rn_sheet *sheet, const struct rn_page *page)
{
    const struct rn_trace_summary *summary = page->summary;
    char id[33];
    rn_trace_id_text(&summary->id, id);
    rn_sheet_put(sheet, "<h2>Evidence</h2>\n<div class=\"wide\"><table class=\"facts\"><tbody>\n");
    put_id(sheet, "trace", &summary->id);
    put_id(sheet, "session", &summary->session);
    put_id(sheet, "parent", &summary->parent);
    put_fact(sheet, "name", summary->name);
    put_size(sheet, page);
    if (summary->state != RN_TRACE_OPEN) {
        put_digest(sheet, "evidence", summary->digests.evidence);
        put_digest(sheet, "said", summary->digests.said);
    }
    rn_sheet_put(sheet, "</tbody></table></div>\n<footer class=\"note\">Made by <code>reenact "
                        "export</code> ");
    put_moment(sheet, rn_clock_wall_ns());
    rn_sheet_putf(sheet,
                  ". <code>reenact verify %s</code> checks the digests, <code>reenact show "
                  "%s:N</code> shows every byte.</footer>\n",
                  id, id);
    rn_page_end(sheet);
}
