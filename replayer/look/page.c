/* Walks the trace once, an event in memory at a time, and puts the parts of the page in their order (page_parts.h). */
#include "page.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "page_parts.h"

#define DECISIONS_MAX 64u /* answers that stand at the end of the page */

void rn_page_trouble(struct rn_page *page, enum rn_status status)
{
    if (page->sheet.status == RN_OK) {
        page->sheet.status = status;
    }
}

bool rn_page_grow(struct rn_page *page, void **list, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return true;
    }
    size_t more = *room == 0 ? 16 : 2 * *room;
    void *grown = rn_realloc(*list, more * size);
    if (grown == NULL) {
        rn_page_trouble(page, RN_NOMEM);
        return false;
    }
    *list = grown;
    *room = more;
    return true;
}

/* --- steps ---------------------------------------------------------------------------------------------------------- */

/* What the application answered to decision n. It was read before; what cannot be read any more is left out here. */
static enum rn_status put_answer(struct rn_page *page, uint32_t n)
{
    struct rn_arena arena = {0};
    struct rn_event event = {.class = RN_CLASS_EVENT};
    struct rn_view view = {.event = NULL};
    enum rn_status status =
        rn_trace_event(page->store, &page->summary->id, RN_CLASS_EVENT, n, &arena, &event, NULL);
    bool is_there = status == RN_OK;
    status = is_there ? rn_view_make(&arena, &event, &view) : status;
    if (status == RN_OK) {
        rn_page_decision_answer(page, &view);
    }
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status == RN_NOMEM ? status : page->sheet.status;
}

/* A decision is asked at the beginning and answered when all else is over. */
static enum rn_status put_answers(struct rn_page *page)
{
    enum rn_status status = RN_OK;
    unsigned told = 0;
    for (size_t i = 0; i < page->step_count && told < DECISIONS_MAX && status == RN_OK; i++) {
        uint64_t n = 0;
        if (page->steps[i].kind == RN_PAGE_DECISION && rn_bytes_to_u64(page->steps[i].name, &n)) {
            status = put_answer(page, (uint32_t)n);
            told++;
        }
    }
    return status;
}

/* What cannot be read is told as such, so that nothing looks as if it had never been. */
static void put_step(struct rn_page *page, const struct rn_step *step, const char *name)
{
    if (step->derived != NULL) {
        rn_page_told(page, step->derived);
    } else if (step->view == NULL) {
        page->outcome->damaged += step->error->status == RN_DAMAGED;
        rn_page_unreadable(
            page, name, step->error->status == RN_DAMAGED ? step->error->text : "not here (yet)");
    } else if (step->class != RN_CLASS_EVENT) {
        rn_page_other(page, step->view->event, name);
    } else if (step->n == 0) {
        rn_page_run(page, step->view);
    } else {
        rn_page_event(page, step->view);
    }
}

static enum rn_status visit(void *self, const struct rn_step *step)
{
    struct rn_page *page = self;
    char name[RN_DERIVED_NAME_BYTES];
    bool is_event = step->class == RN_CLASS_EVENT;
    if (is_event && (step->n > RN_PAGE_EVENTS_MAX || page->transcript.len > RN_PAGE_BYTES_MAX)) {
        page->outcome->left_out = page->summary->events - step->n + 1;
        return RN_LIMIT;
    }
    if (!is_event && !page->has_answers) {
        page->has_answers = true;
        rn_page_trouble(page, put_answers(page));
    }
    put_step(page, step, rn_step_name(step, name));
    return page->sheet.status;
}

static enum rn_status walk(struct rn_page *page, struct rn_error *error)
{
    enum rn_status status = rn_steps_walk(page->store, page->summary, visit, page, error);
    if (status == RN_LIMIT && page->outcome->left_out > 0) {
        status = RN_OK;
        rn_sheet_putf(&page->sheet,
                      "<p class=\"cut\">%" PRIu32
                      " more events: the page has no room for them</p>\n",
                      page->outcome->left_out);
    }
    return status == RN_OK && !page->has_answers ? put_answers(page) : status;
}

static enum rn_status put_together(const struct rn_page *page, struct rn_buffer *out)
{
    struct rn_sheet sheet = {.out = out, .status = RN_OK};
    rn_page_head(&sheet, page);
    rn_page_timeline(&sheet, page);
    rn_page_lineage(&sheet, page);
    rn_sheet_put(&sheet, "<h2>What happened</h2>\n");
    if (page->summary->events == 0) {
        rn_sheet_put(&sheet, "<p>No calls were recorded.</p>\n");
    }
    if (sheet.status == RN_OK) {
        sheet.status = rn_buffer_add(out, rn_buffer_bytes(&page->transcript));
    }
    rn_page_foot(&sheet, page);
    return sheet.status;
}

static void free_page(struct rn_page *page)
{
    rn_talk_free(&page->talk);
    rn_verbatim_free(page->verbatim);
    rn_free(page->sources);
    rn_free(page->quotes);
    rn_free(page->steps);
    rn_free(page->told);
    rn_buffer_free(&page->transcript);
    rn_arena_free(&page->arena);
    rn_free(page);
}

enum rn_status rn_page_make(struct rn_store *store, const struct rn_trace_summary *summary,
                            const struct rn_prices *prices, struct rn_buffer *out,
                            struct rn_page_outcome *outcome, struct rn_error *error)
{
    struct rn_page *page = rn_calloc(1, sizeof *page);
    *outcome = (struct rn_page_outcome){0};
    if (page == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to make a page");
    }
    *page = (struct rn_page){.store = store,
                             .summary = summary,
                             .prices = prices,
                             .outcome = outcome,
                             .verbatim = rn_verbatim_new()};
    page->sheet.out = &page->transcript;
    enum rn_status status = page->verbatim != NULL ? walk(page, error) : RN_NOMEM;
    status = status == RN_OK ? put_together(page, out) : status;
    free_page(page);
    return status == RN_NOMEM ? rn_fail(error, status, "no memory to make a page") : status;
}
