/*
 * What was said in one event: of a model call what had not been said before, what it answered, the documents that were found, and in
 * front of it what tools inside the application had answered meanwhile. What is shown becomes a source for what comes later.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/utf8.h"
#include "headline.h"
#include "page_parts.h"

#define DOCUMENTS_MAX 500u /* of one event; the rest is counted */

/* --- things said ---------------------------------------------------------------------------------------------------- */

static const char *manner_of(enum rn_said_kind kind)
{
    static const char *const manners[] = {"", "asks", "is told by", "refuses", "thinks", ""};
    return manners[kind];
}

static void put_role(struct rn_page *page, const struct rn_said *said, struct rn_bytes name)
{
    struct rn_sheet *sheet = &page->sheet;
    const char *manner = manner_of(said->kind);
    rn_sheet_put(sheet, "<p class=\"role\">");
    rn_page_words(sheet, said->role, 60);
    rn_sheet_putf(sheet, "%s%s", manner[0] != '\0' ? " " : "", manner);
    if (name.len > 0) {
        rn_sheet_put(sheet, " <code>");
        rn_page_words(sheet, name, 120);
        rn_sheet_put(sheet, "</code>");
    }
    if (said->id.len > 0) {
        rn_sheet_put(sheet, " <small>");
        rn_page_words(sheet, said->id, 80);
        rn_sheet_put(sheet, "</small>");
    }
    rn_sheet_put(sheet, said->is_error ? " <span class=\"failed\">failed</span></p>\n" : "</p>\n");
}

static const struct rn_page_told *told_as(const struct rn_page *page, const struct rn_said *said)
{
    for (size_t i = 0; i < page->told_count; i++) {
        const struct rn_page_told *told = &page->told[i];
        bool same = told->id.len > 0 ? rn_bytes_equal(told->id, said->id)
                                     : rn_bytes_equal(told->text, said->text);
        if (same) {
            return told;
        }
    }
    return NULL;
}

static bool is_vector(const struct rn_said *said)
{
    return said->kind == RN_SAID_OTHER && rn_bytes_equal(said->name, RN_LIT("embedding"));
}

static void put_said(struct rn_page *page, const struct rn_said *said,
                     const struct rn_said *request, const struct rn_page_spot *spot)
{
    const struct rn_page_told *told =
        said->kind == RN_SAID_TOOL_RESULT ? told_as(page, said) : NULL;
    rn_sheet_put(&page->sheet, said->kind == RN_SAID_THINKING ? "<div class=\"said thinks\">"
                                                              : "<div class=\"said\">");
    put_role(page, said, rn_talk_tool_name(said, request));
    if (told != NULL) {
        rn_sheet_putf(&page->sheet,
                      "<p class=\"note\">what it answered is <a href=\"#e%" PRIu32 "t%" PRIu32
                      "\">%" PRIu32 ".t%" PRIu32 "</a>, above</p>\n",
                      spot->n, told->t, spot->n, told->t);
    } else if (said->text.len > 0) {
        rn_page_text(page, said->text, spot);
    }
    rn_sheet_put(&page->sheet, "</div>\n");
}

/* Nobody reads the numbers of a vector. */
static const struct rn_said *put_vectors(struct rn_page *page, const struct rn_said *said)
{
    struct rn_figure figure;
    uint64_t count = 0;
    for (; said != NULL && is_vector(said); said = said->next) {
        count++;
    }
    rn_sheet_putf(&page->sheet, "<p class=\"note\">%s vector%s</p>\n",
                  rn_figure_count(&figure, count), count == 1 ? "" : "s");
    return said;
}

static void put_all(struct rn_page *page, const struct rn_said *said, const struct rn_said *request,
                    const struct rn_page_spot *spot)
{
    while (said != NULL) {
        if (is_vector(said)) {
            said = put_vectors(page, said);
        } else {
            put_said(page, said, request, spot);
            said = said->next;
        }
    }
}

/* --- sources -------------------------------------------------------------------------------------------------------- */

/* What an answer says can be told again later. */
static void keep_answer(struct rn_page *page, uint32_t n, const char *anchor, const char *what,
                        const struct rn_said *said)
{
    char words[64];
    (void)snprintf(words, sizeof words, "%s of %" PRIu32, what, n);
    for (; said != NULL; said = said->next) {
        if (said->kind == RN_SAID_TEXT || said->kind == RN_SAID_REFUSAL ||
            said->kind == RN_SAID_TOOL_RESULT) {
            rn_page_source_add(page, n, anchor, rn_bytes_text(words), said->text);
        }
    }
}

static void keep_document(struct rn_page *page, uint32_t n, const char *anchor,
                          const struct rn_document *document)
{
    struct rn_buffer words = {0};
    struct rn_bytes name = document->id.len > 0 ? document->id : document->title;
    enum rn_status status = rn_buffer_add(&words, rn_bytes_sub(name, 0, 200));
    status = status == RN_OK ? rn_buffer_addf(&words, "%s(event %" PRIu32 ", rank %" PRIu32 ")",
                                              name.len > 0 ? " " : "", n, document->rank)
                             : status;
    rn_page_trouble(page, status);
    rn_page_source_add(page, n, anchor, rn_buffer_bytes(&words), document->text);
    rn_buffer_free(&words);
}

/* --- documents ------------------------------------------------------------------------------------------------------ */

static void put_document(struct rn_page *page, uint32_t n, uint32_t number,
                         const struct rn_document *document)
{
    struct rn_sheet *sheet = &page->sheet;
    char anchor[RN_PAGE_ANCHOR_BYTES];
    (void)snprintf(anchor, sizeof anchor, "e%" PRIu32 "d%" PRIu32, n, number);
    const struct rn_page_spot spot = {n, "document", anchor};
    rn_sheet_putf(sheet, "<li id=\"%s\"><p class=\"role\">", anchor);
    if (document->query > 0) {
        rn_sheet_putf(sheet, "query %" PRIu32 ", ", document->query + 1);
    }
    rn_sheet_putf(sheet, "%" PRIu32 ". <b>", document->rank);
    rn_page_words(sheet, document->id, 120);
    rn_sheet_put(sheet, "</b> ");
    rn_page_words(sheet, document->score, 40);
    if (document->score_kind != RN_SCORE_NONE) {
        rn_sheet_putf(sheet, " %s", rn_score_kind_name(document->score_kind));
    }
    if (document->collection.len > 0) {
        rn_sheet_put(sheet, " in ");
        rn_page_words(sheet, document->collection, 120);
    }
    rn_sheet_put(sheet, " ");
    rn_page_words(sheet, document->title, 200);
    rn_sheet_put(sheet, "</p>\n");
    if (document->text.len > 0) {
        rn_page_text(page, document->text, &spot);
    } else {
        rn_sheet_put(sheet, "<p class=\"note\">only its id came</p>\n");
    }
    rn_sheet_put(sheet, "</li>\n");
    keep_document(page, n, anchor, document);
}

static void put_documents(struct rn_page *page, uint32_t n, const struct rn_document *document)
{
    struct rn_figure figure;
    uint32_t number = 0;
    uint64_t more = 0;
    if (document == NULL) {
        return;
    }
    rn_sheet_put(&page->sheet, "<ul class=\"documents\">\n");
    for (; document != NULL; document = document->next) {
        if (number < DOCUMENTS_MAX) {
            put_document(page, n, ++number, document);
        } else {
            more++;
        }
    }
    rn_sheet_put(&page->sheet, "</ul>\n");
    if (more > 0) {
        rn_sheet_putf(&page->sheet, "<p class=\"cut\">and %s more documents</p>\n",
                      rn_figure_count(&figure, more));
    }
}

/* By what a user asked first people know the trace again. */
static void keep_question(struct rn_page *page, const struct rn_said *said)
{
    while (said != NULL && !(said->kind == RN_SAID_TEXT && said->text.len > 0 &&
                             rn_bytes_equal(said->role, RN_LIT("user")))) {
        said = said->next;
    }
    if (said != NULL && page->question.len == 0) {
        page->question = rn_arena_copy(&page->arena, rn_utf8_head(said->text, 400));
    }
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

void rn_page_said(struct rn_page *page, const struct rn_view *view, const char *anchor)
{
    const struct rn_reading *reading = &view->reading;
    uint32_t n = view->event->n;
    bool is_model = reading->kind == RN_READING_MODEL;
    char answer[RN_PAGE_ANCHOR_BYTES];
    struct rn_talk_news news = {.first_new = reading->request};
    const struct rn_page_spot asked = {n, is_model ? "prompt" : "question", anchor};
    const struct rn_page_spot said = {n, "answer", answer};
    (void)snprintf(answer, sizeof answer, "e%" PRIu32 "a", n);
    if (is_model) {
        rn_page_trouble(page, rn_talk_hear(&page->talk, n, reading, &news));
        keep_question(page, reading->request);
    }
    if (news.known > 0) {
        rn_sheet_putf(&page->sheet,
                      "<p class=\"note\">%zu said before, as in <a href=\"#e%" PRIu32 "\">%" PRIu32
                      "</a></p>\n",
                      news.known, news.as_in, news.as_in);
    }
    put_all(page, news.first_new, reading->request, &asked);
    rn_page_fold(page, "parameters", reading->parameters);
    rn_page_fold(page, "tools", reading->tools);
    put_documents(page, n, reading->documents);
    rn_sheet_putf(&page->sheet, "<div class=\"answer\" id=\"%s\">\n", answer);
    put_all(page, reading->response, reading->request, &said);
    rn_sheet_put(&page->sheet, "</div>\n");
    keep_answer(page, n, answer, "the answer", reading->response);
}

/* --- tools inside the application ----------------------------------------------------------------------------------- */

/* It ran after the call that asked for it had ended, and before the one that is told began. */
static void add_step(struct rn_page *page, const struct rn_derived *derived, const char *anchor)
{
    char name[RN_DERIVED_NAME_BYTES];
    struct rn_page_step *step =
        rn_page_step_add(page, RN_PAGE_TOLD, anchor, rn_derived_name(derived, name));
    const struct rn_page_step *asked = rn_page_step_of(page, derived->asked_n);
    if (step != NULL) {
        step->label = rn_arena_copy(&page->arena, rn_bytes_sub(derived->name, 0, 200));
        step->has_times = asked != NULL && asked->has_times;
        step->begin_ns = step->first_ns = asked != NULL ? asked->end_ns : 0;
        step->end_ns = UINT64_MAX;
        step->failed = derived->is_error;
    }
}

static void note_told(struct rn_page *page, const struct rn_derived *derived)
{
    void *list = page->told;
    bool good = rn_page_grow(page, &list, page->told_count, &page->told_room, sizeof *page->told);
    page->told = list;
    if (good) {
        page->told[page->told_count++] = (struct rn_page_told){
            .id = rn_arena_copy(&page->arena, derived->id),
            .text = derived->id.len > 0 ? RN_LIT("") : rn_arena_copy(&page->arena, derived->result),
            .t = derived->t};
    }
}

static void put_asked(struct rn_page *page, const struct rn_derived *derived)
{
    struct rn_sheet *sheet = &page->sheet;
    rn_sheet_put(sheet, "<span class=\"place\">");
    if (derived->asked_n > 0) {
        rn_sheet_putf(sheet, "asked for by <a href=\"#e%" PRIu32 "\">%" PRIu32 "</a>%s, ",
                      derived->asked_n, derived->asked_n,
                      derived->by_order ? " (so its place says)" : "");
    }
    rn_sheet_putf(sheet, "told to <a href=\"#e%" PRIu32 "\">%" PRIu32 "</a></span></header>\n",
                  derived->told_n, derived->told_n);
}

static void put_result(struct rn_page *page, const struct rn_derived *derived, const char *anchor)
{
    struct rn_sheet *sheet = &page->sheet;
    const struct rn_page_spot spot = {derived->told_n, "tool output", anchor};
    if (derived->arguments.len > 0) {
        rn_page_text(page, derived->arguments, NULL);
    }
    rn_sheet_put(sheet, "<div class=\"answer\">\n");
    rn_page_text(page, derived->result, &spot);
    rn_sheet_put(sheet, "</div>\n</article>\n");
}

void rn_page_told(struct rn_page *page, const struct rn_derived *derived)
{
    struct rn_sheet *sheet = &page->sheet;
    struct rn_buffer words = {0};
    char anchor[RN_PAGE_ANCHOR_BYTES];
    char name[RN_DERIVED_NAME_BYTES];
    (void)snprintf(anchor, sizeof anchor, "e%" PRIu32 "t%" PRIu32, derived->told_n, derived->t);
    rn_derived_name(derived, name);
    rn_sheet_putf(sheet,
                  "<article class=\"step told\" id=\"%s\"><header><h3><span class=\"n\">%s</span> "
                  "tool <code>",
                  anchor, name);
    rn_page_words(sheet, derived->name, 120);
    rn_sheet_put(sheet, derived->is_error ? "</code> <span class=\"failed\">failed</span></h3>"
                                          : "</code></h3>");
    put_asked(page, derived);
    put_result(page, derived, anchor);
    enum rn_status status = rn_buffer_add(&words, rn_bytes_sub(derived->name, 0, 200));
    rn_page_trouble(page, status == RN_OK ? rn_buffer_addf(&words, " (%s)", name) : status);
    rn_page_source_add(page, derived->told_n, anchor, rn_buffer_bytes(&words), derived->result);
    rn_buffer_free(&words);
    add_step(page, derived, anchor);
    note_told(page, derived);
    page->tools++;
}
