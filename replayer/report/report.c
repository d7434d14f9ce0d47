/*
 * Plan and answers become a report: each call's two events are read, held beside one another and counted,
 * and forgotten; the few worst are read once more for their text.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "failure.h"
#include "gateway/environment.h"
#include "headline.h"
#include "moves.h"
#include "pair_text.h"
#include "plan.h"
#include "store/trace.h"
#include "tally.h"
#include "base/utf8.h"
#include "wire/redact.h"

struct reporting {
    struct rn_report *report;
    struct rn_store *store;
    struct rn_plan plan;
    struct rn_plan_answer *answers;
    struct rn_prices *prices;
    struct rn_price fresh_price;
    bool has_fresh_price;
    struct rn_tally tally;
    struct rn_redactor
        *redactor; /* what is shown is put together from many pieces, each stored by itself */
    struct rn_error *error;
};

/* --- one event ----------------------------------------------------------------------------------------------------- */

struct exhibit {
    struct rn_arena arena;
    struct rn_event event;
    struct rn_view view;
    bool is_there; /* false: it cannot be read any more */
};

/* What memory or the disk refuses is trouble; what is lost or damaged is only not there. */
static enum rn_status load(struct reporting *reporting, const struct rn_trace_id *trace, uint32_t n,
                           struct exhibit *out)
{
    struct rn_error unread = {RN_OK, ""};
    *out = (struct exhibit){.is_there = false};
    enum rn_status status = rn_trace_event(reporting->store, trace, RN_CLASS_EVENT, n, &out->arena,
                                           &out->event, &unread);
    if (status == RN_OK) {
        status = rn_view_make(&out->arena, &out->event, &out->view);
        out->is_there = status == RN_OK;
    }
    if (status == RN_NOMEM) {
        return rn_fail(reporting->error, RN_NOMEM, "There is no memory left for this report.");
    }
    return status == RN_IO ? rn_fail(reporting->error, RN_IO, "%s", unread.text) : RN_OK;
}

static void unload(struct exhibit *exhibit)
{
    rn_view_free(&exhibit->view);
    rn_arena_free(&exhibit->arena);
}

static bool has_event(const struct rn_plan_answer *answer)
{
    static const struct rn_trace_id none;
    return !rn_trace_id_equal(&answer->trace, &none);
}

/* --- counting ------------------------------------------------------------------------------------------------------ */

/* By the name that was asked for, else by the one that answered. */
static bool recorded_price(const struct reporting *reporting, const struct exhibit *recorded,
                           struct rn_price *price)
{
    struct rn_bytes upstream = rn_event_get(&recorded->event, RN_TAG_UPSTREAM);
    const struct rn_reading *reading = &recorded->view.reading;
    return rn_price_of(reporting->prices, upstream, reading->model_asked, price) ||
           rn_price_of(reporting->prices, upstream, reading->model_answered, price);
}

static enum rn_status count_failure(struct reporting *reporting, size_t index,
                                    const struct rn_view *fresh)
{
    const struct rn_plan_call *call = &reporting->plan.calls[index];
    struct rn_buffer what = {0};
    enum rn_status status = rn_failure_tell(fresh, &what);
    if (status == RN_OK) {
        status = rn_failure_count(reporting->report, rn_buffer_bytes(&what), &call->trace, call->n);
    }
    rn_buffer_free(&what);
    return status;
}

/* Both events are loaded as far as they are there; a call is answered once no further attempt will be made. */
static enum rn_status count_pair(struct reporting *reporting, size_t index,
                                 const struct exhibit *recorded, const struct exhibit *fresh)
{
    const struct rn_plan_answer *answer = &reporting->answers[index];
    struct rn_pair pair = {.kind = RN_PAIR_UNANSWERED};
    struct rn_price price;
    enum rn_status status = RN_OK;
    bool priced = false;
    const struct rn_view *view = fresh->is_there ? &fresh->view : NULL;
    if (recorded->is_there) {
        status = rn_pair_make(&recorded->view, answer->final ? view : NULL, &pair);
        priced = recorded_price(reporting, recorded, &price);
    }
    if (recorded->is_there && answer->final && !has_event(answer)) {
        /* All attempts are used up and none left an answer. */
        pair.kind = pair.recorded.answered ? RN_PAIR_NEW_FAILED : RN_PAIR_BOTH_FAILED;
    }
    if (status == RN_OK && (pair.kind == RN_PAIR_NEW_FAILED || pair.kind == RN_PAIR_BOTH_FAILED)) {
        status = count_failure(reporting, index, view);
    }
    if (status == RN_OK) {
        status = rn_tally_add(&reporting->tally, index, &pair, priced ? &price : NULL,
                              reporting->has_fresh_price ? &reporting->fresh_price : NULL);
    }
    return status;
}

/* Loads both sides of a call, calls `use` and forgets them. */
typedef enum rn_status use(struct reporting *reporting, size_t index,
                           const struct exhibit *recorded, const struct exhibit *fresh);

static enum rn_status with_pair(struct reporting *reporting, size_t index, use *then)
{
    const struct rn_plan_call *call = &reporting->plan.calls[index];
    const struct rn_plan_answer *answer = &reporting->answers[index];
    struct exhibit recorded = {.is_there = false};
    struct exhibit fresh = {.is_there = false};
    enum rn_status status = load(reporting, &call->trace, call->n, &recorded);
    if (status == RN_OK && has_event(answer)) {
        status = load(reporting, &answer->trace, answer->n, &fresh);
    }
    if (status == RN_OK) {
        status = then(reporting, index, &recorded, &fresh);
        if (status == RN_NOMEM) {
            (void)rn_fail(reporting->error, RN_NOMEM, "There is no memory left for this report.");
        }
    }
    unload(&fresh);
    unload(&recorded);
    return status;
}

static enum rn_status count_all(struct reporting *reporting)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < reporting->plan.call_count && status == RN_OK; i++) {
        status = with_pair(reporting, i, count_pair);
        reporting->report->twice += reporting->answers[i].lost;
    }
    return status;
}

/* --- the worst ----------------------------------------------------------------------------------------------------- */

/* A copy in the report's arena; what does not fit ends with an ellipsis. */
static enum rn_status shorten(struct rn_report *report, struct rn_bytes text, size_t max,
                              struct rn_bytes *out)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    bool is_long = text.len > max;
    struct rn_bytes head = is_long ? rn_utf8_head(text, max - strlen(ellipsis)) : text;
    size_t len = head.len + (is_long ? strlen(ellipsis) : 0);
    uint8_t *copy = rn_arena_alloc(&report->arena, len + 1);
    if (copy == NULL) {
        return RN_NOMEM;
    }
    if (head.len > 0) {
        memcpy(copy, head.data, head.len);
    }
    if (is_long) {
        memcpy(copy + head.len, ellipsis, strlen(ellipsis));
    }
    *out = rn_bytes_of(copy, len);
    return RN_OK;
}

/*
 * A stream may have said a key in pieces that are none, or in escapes; put together it is one again. A copy in `arena` without.
 */
static enum rn_status cover(struct rn_redactor *redactor, struct rn_arena *arena,
                            struct rn_bytes *text)
{
    struct rn_spans spans = {0};
    enum rn_status status = rn_redact_body(redactor, *text, false, true, &spans, NULL);
    if (status == RN_OK && spans.count > 0) {
        uint8_t *copy = rn_arena_alloc(arena, text->len);
        status = copy == NULL ? RN_NOMEM : RN_OK;
        if (status == RN_OK) {
            memcpy(copy, text->data, text->len);
            rn_redact_apply(copy, &spans);
            *text = rn_bytes_of(copy, text->len);
        }
    }
    rn_spans_free(&spans);
    return status;
}

static struct rn_bytes last_said(const struct rn_view *view)
{
    struct rn_bytes last = {NULL, 0};
    for (const struct rn_said *said = view->reading.request; said != NULL; said = said->next) {
        last = said->text.len > 0 ? said->text : last;
    }
    return last;
}

static enum rn_status tell(struct reporting *reporting, const struct rn_view *view,
                           struct rn_bytes *out)
{
    struct rn_arena arena = {0};
    struct rn_bytes text = {NULL, 0};
    enum rn_status status = rn_pair_text(view, &arena, &text);
    status = status == RN_OK ? cover(reporting->redactor, &arena, &text) : status;
    status =
        status == RN_OK ? shorten(reporting->report, text, RN_REPORT_TEXT_BYTES_MAX, out) : status;
    rn_arena_free(&arena);
    return status;
}

static enum rn_status show_pair(struct reporting *reporting, size_t index,
                                const struct exhibit *recorded, const struct exhibit *fresh)
{
    struct rn_report *report = reporting->report;
    const struct rn_plan_call *call = &reporting->plan.calls[index];
    const struct rn_plan_answer *answer = &reporting->answers[index];
    if (!recorded->is_there || !fresh->is_there) {
        return RN_OK; /* it went away in between */
    }
    struct rn_worst *worst = &report->worst[report->worst_count++];
    worst->trace = call->trace;
    worst->n = call->n;
    worst->answer_trace = answer->trace;
    worst->answer_n = answer->n;
    struct rn_bytes asked = last_said(&recorded->view);
    enum rn_status status = rn_pair_make(&recorded->view, &fresh->view, &worst->pair);
    status = status == RN_OK ? cover(reporting->redactor, &report->arena, &asked) : status;
    status =
        status == RN_OK ? shorten(report, asked, RN_REPORT_ASKED_BYTES_MAX, &worst->asked) : status;
    status = status == RN_OK ? tell(reporting, &recorded->view, &worst->recorded) : status;
    return status == RN_OK ? tell(reporting, &fresh->view, &worst->fresh) : status;
}

static enum rn_status show_worst(struct reporting *reporting)
{
    struct rn_report *report = reporting->report;
    size_t count = reporting->tally.worst_count;
    enum rn_status status = RN_OK;
    report->worst = rn_arena_alloc(&report->arena, (count + 1) * sizeof *report->worst);
    if (report->worst == NULL) {
        return rn_fail(reporting->error, RN_NOMEM, "There is no memory left for this report.");
    }
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        status = with_pair(reporting, reporting->tally.worst[i].index, show_pair);
    }
    return status;
}

/* --- the plan ------------------------------------------------------------------------------------------------------ */

static enum rn_status add_change(struct rn_buffer *lines, const struct rn_edit *edit,
                                 const char *behind)
{
    enum rn_status status = rn_edit_words(edit, lines);
    return status == RN_OK ? rn_buffer_addf(lines, "%s\n", behind) : status;
}

/* Edits as they were asked for, then the moves that the model made necessary. */
static enum rn_status take_changes(struct reporting *reporting)
{
    const struct rn_plan *plan = &reporting->plan;
    struct rn_buffer lines = {0};
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < plan->edit_count && status == RN_OK; i++) {
        status = add_change(&lines, &plan->edits[i], "");
    }
    for (size_t i = 0; i < plan->move_count && status == RN_OK; i++) {
        status = add_change(&lines, &plan->moves[i].edit, " (where it is there)");
    }
    if (status == RN_OK && lines.len > 0) {
        reporting->report->changes =
            rn_arena_copy(&reporting->report->arena, rn_buffer_bytes(&lines));
        status = reporting->report->changes.data != NULL ? RN_OK : RN_NOMEM;
    }
    rn_buffer_free(&lines);
    return status;
}

static enum rn_status take_left(struct reporting *reporting)
{
    const struct rn_plan *plan = &reporting->plan;
    struct rn_report *report = reporting->report;
    size_t count = plan->left_count < RN_REPORT_LEFT_MAX ? plan->left_count : RN_REPORT_LEFT_MAX;
    report->left = rn_arena_alloc(&report->arena, (count + 1) * sizeof *report->left);
    if (report->left == NULL) {
        return RN_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        report->left[i] = (struct rn_report_left){.trace = plan->left[i].trace,
                                                  .n = plan->left[i].n,
                                                  .why = (enum rn_left_out)plan->left[i].why};
    }
    report->left_count = count;
    return RN_OK;
}

static enum rn_status take_plan(struct reporting *reporting)
{
    enum rn_status status = take_changes(reporting);
    status = status == RN_OK ? take_left(reporting) : status;
    return status == RN_OK
               ? RN_OK
               : rn_fail(reporting->error, status, "There is no memory left for this report.");
}

/* --- the whole ----------------------------------------------------------------------------------------------------- */

/* Shapes are known to all; a key without one is known while it is in the environment. */
static enum rn_status learn(struct reporting *reporting)
{
    reporting->redactor = rn_redactor_new();
    enum rn_status status = reporting->redactor == NULL ? RN_NOMEM : RN_OK;
    for (char **line = environ; status == RN_OK && *line != NULL; line++) {
        size_t len = strcspn(*line, "=");
        if ((*line)[len] == '=' && rn_environment_is_credential(rn_bytes_of(*line, len))) {
            status = rn_redactor_learn(reporting->redactor, rn_bytes_text(*line + len + 1));
        }
    }
    return status == RN_OK
               ? RN_OK
               : rn_fail(reporting->error, status, "There is no memory left for this report.");
}

static void take_prices(struct reporting *reporting)
{
    struct rn_report *report = reporting->report;
    (void)snprintf(report->prices_date, sizeof report->prices_date, "%s",
                   rn_prices_date(reporting->prices));
    (void)snprintf(report->prices_origin, sizeof report->prices_origin, "%s",
                   rn_prices_origin(reporting->prices));
    reporting->has_fresh_price = rn_price_of(reporting->prices, reporting->plan.upstream,
                                             reporting->plan.model, &reporting->fresh_price);
}

static enum rn_status open_all(struct reporting *reporting, const char *store, const char *which,
                               const char *prices)
{
    struct rn_error *error = reporting->error;
    /* It opens the store itself, and a process opens one only once. */
    enum rn_status status = rn_backtest_facts(store, which, &reporting->report->facts, error);
    if (status == RN_OK) {
        status = rn_prices_load(prices, &reporting->prices, error);
    }
    if (status == RN_OK) {
        status = rn_store_open_given(store, RN_STORE_READ, &reporting->store, error);
    }
    if (status == RN_OK) {
        status =
            rn_plan_load(reporting->store, reporting->report->facts.id, &reporting->plan, error);
    }
    if (status == RN_OK) {
        take_prices(reporting);
        status = rn_plan_answers(reporting->store, &reporting->plan, &reporting->answers, error);
    }
    return status;
}

enum rn_status rn_report_make(const char *store, const char *which, const char *prices,
                              unsigned worst, struct rn_report *out, struct rn_error *error)
{
    memset(out, 0, sizeof *out);
    struct reporting reporting = {.report = out, .error = error};
    enum rn_status status = open_all(&reporting, store, which, prices);
    rn_tally_init(&reporting.tally, out, worst);
    if (status == RN_OK) {
        memcpy(out->left_out, out->facts.left_out, sizeof out->left_out);
        status = take_plan(&reporting);
    }
    status = status == RN_OK ? learn(&reporting) : status;
    if (status == RN_OK) {
        status = count_all(&reporting);
    }
    if (status == RN_OK) {
        rn_failure_sort(out);
        rn_tally_end(&reporting.tally);
        status = show_worst(&reporting);
    }
    rn_redactor_free(reporting.redactor);
    rn_tally_free(&reporting.tally);
    rn_free(reporting.answers);
    rn_plan_free(&reporting.plan);
    rn_prices_free(reporting.prices);
    rn_store_close(reporting.store);
    if (status != RN_OK) {
        rn_report_free(out);
    }
    return status;
}

void rn_report_free(struct rn_report *report)
{
    rn_arena_free(&report->arena);
    memset(report, 0, sizeof *report);
}
