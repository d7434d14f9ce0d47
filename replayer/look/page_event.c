/* One event as an article: what it was, when, how it ended, what is out of the ordinary, and what was said (page_said.c). */
#include <inttypes.h>
#include <stdio.h>

#include "base/varint.h"
#include "headline.h"
#include "lineage.h"
#include "page_parts.h"

/* --- what it is ----------------------------------------------------------------------------------------------------- */

static enum rn_page_kind kind_of(const struct rn_view *view)
{
    if (rn_event_kind_of(view->event) == RN_EVENT_DECISION) {
        return RN_PAGE_DECISION;
    }
    switch (view->reading.kind) {
    case RN_READING_MODEL:
    case RN_READING_EMBEDDING:
        return RN_PAGE_MODEL;
    case RN_READING_RERANK:
    case RN_READING_RETRIEVAL:
        return RN_PAGE_FOUND;
    case RN_READING_TOOL:
        return RN_PAGE_TOOL;
    case RN_READING_OTHER:
    case RN_READING_KIND_COUNT:
        break;
    }
    return RN_PAGE_OTHER;
}

static const char *word_of(const struct rn_view *view)
{
    enum rn_event_kind kind = rn_event_kind_of(view->event);
    return kind == RN_EVENT_EXCHANGE && view->reading.dialect != RN_DIALECT_NONE
               ? rn_reading_kind_name(view->reading.kind)
               : rn_event_kind_name(kind);
}

/* "POST /refunds", without its query. */
static struct rn_bytes where_of(struct rn_page *page, const struct rn_view *view)
{
    struct rn_buffer text = {0};
    struct rn_bytes target = rn_event_get(view->event, RN_TAG_TARGET);
    enum rn_status status = rn_buffer_add(&text, rn_event_get(view->event, RN_TAG_METHOD));
    status = status == RN_OK ? rn_buffer_add_byte(&text, ' ') : status;
    status = status == RN_OK
                 ? rn_buffer_add(&text, rn_bytes_sub(target, 0, rn_bytes_find_byte(target, '?')))
                 : status;
    struct rn_bytes kept = rn_arena_copy(&page->arena, rn_buffer_bytes(&text));
    rn_page_trouble(page, status != RN_OK || kept.data == NULL ? RN_NOMEM : RN_OK);
    rn_buffer_free(&text);
    return kept;
}

static struct rn_bytes label_of(struct rn_page *page, const struct rn_view *view)
{
    const struct rn_reading *reading = &view->reading;
    struct rn_bytes label = reading->model_asked;
    if (reading->kind == RN_READING_RETRIEVAL || reading->kind == RN_READING_TOOL) {
        label = reading->target.len > 0 ? reading->target : reading->operation;
    }
    return label.len > 0 ? rn_arena_copy(&page->arena, rn_bytes_sub(label, 0, 200))
                         : where_of(page, view);
}

static bool failed(const struct rn_view *view)
{
    enum rn_end end = rn_event_end_of(view->event);
    return view->status >= 400 || view->reading.error.len > 0 ||
           (end != RN_END_ENDED && end != RN_END_NONE);
}

/* --- its bar -------------------------------------------------------------------------------------------------------- */

/* Tools inside the application had answered when the event began that was told. */
static void end_told(struct rn_page *page, const struct rn_page_step *step)
{
    for (size_t i = page->step_count - 1; i > 0 && page->steps[i - 1].end_ns == UINT64_MAX; i--) {
        struct rn_page_step *told = &page->steps[i - 1];
        told->has_times = told->has_times && told->begin_ns <= step->begin_ns;
        told->end_ns = step->begin_ns;
    }
}

static void add_step(struct rn_page *page, const struct rn_view *view, const char *anchor,
                     struct rn_bytes label)
{
    char name[16];
    uint64_t began_ns = page->summary->started_wall_ns;
    (void)snprintf(name, sizeof name, "%" PRIu32, view->event->n);
    struct rn_page_step *step = rn_page_step_add(page, kind_of(view), anchor, name);
    if (step == NULL) {
        return;
    }
    step->label = label;
    step->failed = failed(view);
    step->is_open = !view->has_complete;
    step->has_times = view->arrived_wall_ns > 0;
    step->begin_ns = view->arrived_wall_ns > began_ns ? view->arrived_wall_ns - began_ns : 0;
    end_told(page, step);
    step->first_ns = step->begin_ns + (view->has_first_byte ? view->first_byte_ns : 0);
    step->end_ns = view->has_complete     ? step->begin_ns + view->complete_ns
                   : view->has_first_byte ? step->first_ns
                                          : step->begin_ns;
    page->last_ns = step->end_ns > page->last_ns ? step->end_ns : page->last_ns;
}

/* --- its figures ---------------------------------------------------------------------------------------------------- */

static void count(struct rn_page *page, const struct rn_view *view, bool *priced, uint64_t *pico)
{
    const struct rn_reading *reading = &view->reading;
    struct rn_bytes upstream = rn_event_get(view->event, RN_TAG_UPSTREAM);
    struct rn_price price;
    enum rn_page_kind kind = kind_of(view);
    *priced = false;
    page->models += kind == RN_PAGE_MODEL;
    page->tools += kind == RN_PAGE_FOUND || kind == RN_PAGE_TOOL;
    page->failed += failed(view) && kind != RN_PAGE_DECISION;
    if (!reading->has_usage) {
        return;
    }
    page->counted++;
    page->tokens_in += reading->tokens_in;
    page->tokens_cached += reading->tokens_cached;
    page->tokens_out += reading->tokens_out;
    if (page->prices != NULL &&
        (rn_price_of(page->prices, upstream, reading->model_answered, &price) ||
         rn_price_of(page->prices, upstream, reading->model_asked, &price))) {
        *priced = true;
        *pico =
            rn_price_cost(&price, reading->tokens_in, reading->tokens_cached, reading->tokens_out);
        page->priced++;
        page->cost_pico += *pico;
    }
}

static void put_times(struct rn_page *page, const struct rn_view *view)
{
    struct rn_figure figures[3];
    uint64_t began_ns = page->summary->started_wall_ns;
    uint64_t at_ns = view->arrived_wall_ns > began_ns ? view->arrived_wall_ns - began_ns : 0;
    rn_sheet_putf(&page->sheet, "at %s", rn_figure_time(&figures[0], at_ns));
    if (view->has_first_byte) {
        rn_sheet_putf(&page->sheet, ", first byte after %s",
                      rn_figure_time(&figures[1], view->first_byte_ns));
    }
    if (view->has_complete) {
        rn_sheet_putf(&page->sheet, ", took %s", rn_figure_time(&figures[2], view->complete_ns));
    }
}

static void put_usage(struct rn_page *page, const struct rn_view *view)
{
    const struct rn_reading *reading = &view->reading;
    struct rn_sheet *sheet = &page->sheet;
    struct rn_figure figures[4];
    uint64_t pico = 0;
    bool priced = false;
    count(page, view, &priced, &pico);
    if (reading->has_usage) {
        rn_sheet_putf(sheet, " \xc2\xb7 %s tokens in",
                      rn_figure_count(&figures[0], reading->tokens_in));
        if (reading->tokens_cached > 0) {
            rn_sheet_putf(sheet, " (%s cached)",
                          rn_figure_count(&figures[1], reading->tokens_cached));
        }
        rn_sheet_putf(sheet, ", %s out", rn_figure_count(&figures[2], reading->tokens_out));
    }
    if (priced) {
        rn_sheet_putf(sheet, " \xc2\xb7 %s", rn_figure_money(&figures[3], pico));
    }
    if (reading->finish.len > 0) {
        rn_sheet_put(sheet, " \xc2\xb7 ended with ");
        rn_page_words(sheet, reading->finish, 60);
    }
    if (reading->model_answered.len > 0 &&
        !rn_bytes_equal(reading->model_answered, reading->model_asked)) {
        rn_sheet_put(sheet, " \xc2\xb7 answered by <code>");
        rn_page_words(sheet, reading->model_answered, 120);
        rn_sheet_put(sheet, "</code>");
    }
}

/* --- what is out of the ordinary ------------------------------------------------------------------------------------- */

static void put_odd(struct rn_sheet *sheet, const char *words, struct rn_bytes text)
{
    rn_sheet_put(sheet, "<p class=\"odd\">");
    rn_sheet_put(sheet, words);
    rn_sheet_put(sheet, text.len > 0 ? ": " : "");
    rn_page_words(sheet, text, 2000);
    rn_sheet_put(sheet, "</p>\n");
}

static void put_oddities(struct rn_page *page, const struct rn_view *view)
{
    static const struct {
        uint64_t bit;
        const char *words;
    } flags[] = {{RN_FLAG_LATE, "its end was sent before its commit"},
                 {RN_FLAG_TRUNCATED, "truncated: a body is longer than what is kept"},
                 {RN_FLAG_WITHHELD, "a body is withheld: it held a credential inside a coding"}};
    enum rn_end end = rn_event_end_of(view->event);
    if (end != RN_END_ENDED) {
        put_odd(&page->sheet, end == RN_END_NONE ? "still open" : rn_end_name(end),
                rn_event_get(view->event, RN_TAG_END_REASON));
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((view->flags & flags[i].bit) != 0) {
            put_odd(&page->sheet, flags[i].words, RN_LIT(""));
        }
    }
    if (view->reading.error.len > 0) {
        put_odd(&page->sheet, "error", view->reading.error);
    }
    if (view->reading.unread) {
        put_odd(&page->sheet, "read in part", view->reading.unread_why);
    }
    if (view->reading.streamed && !view->reading.complete) {
        put_odd(&page->sheet, "the stream has no end", RN_LIT(""));
    }
}

/* "2 credentials were not stored (request_head, request_body)" */
static void put_redactions(struct rn_page *page, const struct rn_event *event)
{
    struct rn_bytes list = rn_event_get(event, RN_TAG_REDACTIONS);
    struct rn_view_redaction redaction;
    uint64_t tags = 0;
    uint32_t count = 0;
    while (rn_view_redaction_next(&list, &redaction)) {
        tags |= UINT64_C(1) << (unsigned)redaction.tag;
        count++;
    }
    page->redactions += count;
    if (count == 0) {
        return;
    }
    rn_sheet_putf(&page->sheet,
                  "<p class=\"note\"><mark>%" PRIu32 " credential%s not stored</mark> (", count,
                  count == 1 ? "" : "s");
    const char *before = "";
    for (unsigned tag = 0; tag < RN_TAG_LIMIT; tag++) {
        if ((tags >> tag & 1) != 0) {
            rn_sheet_putf(&page->sheet, "%s%s", before, rn_tag_name((enum rn_tag)tag));
            before = ", ";
        }
    }
    rn_sheet_put(&page->sheet, ")</p>\n");
}

static void put_labels(struct rn_page *page, const struct rn_event *event)
{
    struct rn_bytes labels = rn_event_get(event, RN_TAG_LABELS);
    struct rn_bytes name;
    struct rn_bytes value;
    const char *before = "<p class=\"note\">";
    while (labels.len > 0 && rn_run_get(&labels, &name) && rn_run_get(&labels, &value)) {
        rn_sheet_put(&page->sheet, before);
        rn_page_words(&page->sheet, name, 60);
        rn_sheet_put(&page->sheet, " <code>");
        rn_page_words(&page->sheet, value, 200);
        rn_sheet_put(&page->sheet, "</code>");
        before = ", ";
    }
    rn_sheet_put(&page->sheet, before[0] == ',' ? "</p>\n" : "");
}

/* --- bodies --------------------------------------------------------------------------------------------------------- */

/* Whether a person could read it: no NUL near its beginning. */
static bool is_text(struct rn_bytes body)
{
    return rn_bytes_find_byte(rn_bytes_sub(body, 0, RN_PAGE_TEXT_BYTES_MAX), 0) == RN_NPOS;
}

/* What nobody could read further, as it came. */
static void put_body(struct rn_page *page, const char *title, const struct rn_view_body *body,
                     const struct rn_page_spot *spot)
{
    struct rn_figure figure;
    struct rn_bytes bytes = body->decoded.len > 0 ? body->decoded : body->stored;
    if (bytes.len == 0) {
        return;
    }
    rn_sheet_putf(&page->sheet, "<div class=\"said\"><p class=\"role\">%s</p>\n", title);
    if (body->fault.status != RN_OK || !is_text(bytes)) {
        rn_sheet_putf(&page->sheet, "<p class=\"note\">%s bytes that are no text",
                      rn_figure_count(&figure, bytes.len));
        rn_sheet_put(&page->sheet, body->fault.status != RN_OK ? ": " : "");
        rn_sheet_text(&page->sheet, body->fault.text);
        rn_sheet_put(&page->sheet, "</p>\n");
    } else {
        rn_page_text(page, bytes, spot);
    }
    rn_sheet_put(&page->sheet, "</div>\n");
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

static void begin_article(struct rn_page *page, const struct rn_view *view, const char *anchor,
                          struct rn_bytes label)
{
    struct rn_sheet *sheet = &page->sheet;
    rn_sheet_putf(sheet,
                  "<article class=\"step\" id=\"%s\"><header><h3><span class=\"n\">%" PRIu32
                  "</span> %s <code>",
                  anchor, view->event->n, word_of(view));
    rn_page_words(sheet, label, 120);
    rn_sheet_put(sheet, "</code></h3><span class=\"place\">");
    rn_page_words(sheet, rn_event_get(view->event, RN_TAG_UPSTREAM), 40);
    rn_sheet_put(sheet, " ");
    rn_page_words(sheet, rn_event_get(view->event, RN_TAG_METHOD), 20);
    rn_sheet_put(sheet, " ");
    rn_page_words(sheet, rn_event_get(view->event, RN_TAG_TARGET), 160);
    if (view->status > 0) {
        rn_sheet_putf(sheet, " <span class=\"%s\">%u</span>", view->status >= 400 ? "failed" : "",
                      view->status);
    }
    rn_sheet_put(sheet, "</span></header>\n<p class=\"note\">");
    put_times(page, view);
    put_usage(page, view);
    rn_sheet_put(sheet, "</p>\n");
    put_oddities(page, view);
    put_labels(page, view->event);
    put_redactions(page, view->event);
}

static void end_article(struct rn_page *page, const struct rn_view *view)
{
    rn_page_fold(page, "head of the request", rn_event_get(view->event, RN_TAG_REQUEST_HEAD));
    rn_page_fold(page, "head of the answer", rn_event_get(view->event, RN_TAG_RESPONSE_HEAD));
    rn_sheet_put(&page->sheet, "</article>\n");
}

static void put_decision(struct rn_page *page, const struct rn_view *view, const char *anchor)
{
    uint32_t n = view->event->n;
    const struct rn_page_spot spot = {n, "decision", anchor};
    struct rn_arena arena = {0};
    struct rn_bytes plain = rn_lineage_plain(&arena, view->request.decoded);
    char words[48];
    rn_page_trouble(page, plain.data == NULL && view->request.decoded.len > 0 ? RN_NOMEM : RN_OK);
    (void)snprintf(words, sizeof words, "what was asked in %" PRIu32, n);
    put_body(page, "asked", &view->request, &spot);
    rn_page_source_add(page, n, anchor, rn_bytes_text(words), plain);
    rn_arena_free(&arena);
    rn_sheet_putf(&page->sheet,
                  "<p class=\"note\">what it was answered stands <a href=\"#e%" PRIu32
                  "a\">at the end</a></p>\n",
                  n);
}

void rn_page_event(struct rn_page *page, const struct rn_view *view)
{
    char anchor[RN_PAGE_ANCHOR_BYTES];
    struct rn_bytes label = label_of(page, view);
    bool is_decision = rn_event_kind_of(view->event) == RN_EVENT_DECISION;
    (void)snprintf(anchor, sizeof anchor, "e%" PRIu32, view->event->n);
    add_step(page, view, anchor, label);
    begin_article(page, view, anchor, label);
    if (is_decision) {
        put_decision(page, view, anchor);
    } else if (view->reading.dialect != RN_DIALECT_NONE) {
        rn_page_said(page, view, anchor);
    } else {
        const struct rn_page_spot asked = {view->event->n, "request", anchor};
        const struct rn_page_spot said = {view->event->n, "answer", anchor};
        put_body(page, "request", &view->request, &asked);
        put_body(page, "answer", &view->response, &said);
    }
    if (is_decision && page->headline.len == 0) {
        page->headline = label;
    }
    page->told_count = 0;
    end_article(page, view);
}

void rn_page_decision_answer(struct rn_page *page, const struct rn_view *view)
{
    char anchor[RN_PAGE_ANCHOR_BYTES];
    struct rn_figure figure;
    uint32_t n = view->event->n;
    (void)snprintf(anchor, sizeof anchor, "e%" PRIu32 "a", n);
    const struct rn_page_spot spot = {n, "answer", anchor};
    rn_sheet_putf(&page->sheet,
                  "<article class=\"step\" id=\"%s\"><header><h3><a class=\"n\" href=\"#e%" PRIu32
                  "\">%" PRIu32 "</a> what the application answered</h3><span class=\"place\">",
                  anchor, n, n);
    if (view->status > 0) {
        rn_sheet_putf(&page->sheet, "<span class=\"%s\">%u</span>",
                      view->status >= 400 ? "failed" : "", view->status);
    }
    if (view->has_complete) {
        rn_sheet_putf(&page->sheet, " after %s", rn_figure_time(&figure, view->complete_ns));
    }
    rn_sheet_put(&page->sheet, "</span></header>\n<div class=\"answer\">\n");
    put_body(page, "answered", &view->response, &spot);
    rn_sheet_put(&page->sheet, "</div>\n</article>\n");
}

void rn_page_run(struct rn_page *page, const struct rn_view *view)
{
    struct rn_sheet *sheet = &page->sheet;
    struct rn_bytes argv = rn_event_get(view->event, RN_TAG_ARGV);
    struct rn_bytes word;
    rn_sheet_put(sheet, "<article class=\"step\" id=\"e0\"><header><h3><span class=\"n\">0</span> "
                        "run</h3><span class=\"place\">");
    rn_page_words(sheet, rn_event_get(view->event, RN_TAG_CWD), 160);
    rn_sheet_put(sheet, "</span></header>\n<p><code>");
    while (argv.len > 0 && rn_run_get(&argv, &word)) {
        rn_page_words(sheet, word, 400);
        rn_sheet_put(sheet, argv.len > 0 ? " " : "");
    }
    rn_sheet_put(sheet, "</code></p>\n");
    put_redactions(page, view->event);
    rn_page_fold(page, "its input", rn_event_get(view->event, RN_TAG_INPUT));
    rn_page_fold(page, "stdin", rn_event_get(view->event, RN_TAG_STDIN));
    rn_page_fold(page, "stdout", rn_event_get(view->event, RN_TAG_STDOUT));
    rn_page_fold(page, "stderr", rn_event_get(view->event, RN_TAG_STDERR));
    rn_sheet_put(sheet, "</article>\n");
}

void rn_page_other(struct rn_page *page, const struct rn_event *event, const char *name)
{
    struct rn_sheet *sheet = &page->sheet;
    struct rn_figure figure;
    struct rn_bytes gap = rn_event_get(event, RN_TAG_GAP);
    uint64_t count = 0;
    uint64_t skipped = 0;
    rn_sheet_putf(sheet,
                  "<article class=\"step\" id=\"%s\"><header><h3><span class=\"n\">%s</span> "
                  "%s</h3></header>\n",
                  name, name, rn_event_kind_name(rn_event_kind_of(event)));
    if (event->class == RN_CLASS_GAP && rn_varint_get(&gap, &count) &&
        rn_varint_get(&gap, &skipped) && rn_varint_get(&gap, &skipped)) {
        rn_sheet_putf(sheet,
                      "<p class=\"odd\">%s events are missing: ", rn_figure_count(&figure, count));
        rn_page_words(sheet, gap, 2000);
        rn_sheet_put(sheet, "</p>\n");
    } else if (event->class == RN_CLASS_NOTE) {
        rn_page_text(page, rn_event_get(event, RN_TAG_NOTE), NULL);
    }
    rn_sheet_put(sheet, "</article>\n");
}

void rn_page_unreadable(struct rn_page *page, const char *name, const char *why)
{
    rn_sheet_putf(&page->sheet,
                  "<article class=\"step\" id=\"%s%s\"><header><h3><span class=\"n\">%s</span> "
                  "cannot be read</h3></header>\n<p class=\"odd\">",
                  name[0] >= '0' && name[0] <= '9' ? "e" : "", name, name);
    rn_sheet_text(&page->sheet, why);
    rn_sheet_put(&page->sheet, "</p></article>\n");
}
