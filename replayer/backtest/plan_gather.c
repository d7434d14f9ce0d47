/*
 * Visits what a selection gives, makes each call's request once to see whether that can be done, and writes down its place.
 *
 * A client that was told 429 sends the same again, and a recording then holds both. What is asked is one question, so only the
 * last attempt enters the plan; this can be seen when a trace has been read to its end, and until then its rows are kept.
 */
#include "plan_gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"

#define TOKENS_OUT_USUAL 256u /* of an answer nobody bounded and nobody counted */
#define BYTES_PER_TOKEN 4u

static enum rn_status fail_nomem(struct rn_gather *gather)
{
    return rn_fail(gather->error, RN_NOMEM, "no memory to plan a backtest");
}

/* Room for one more of `size`. */
static bool reserve(void **array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return true;
    }
    size_t larger = *cap == 0 ? 64 : *cap * 2;
    void *grown = rn_realloc(*array, larger * size);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *cap = larger;
    return true;
}

/* --- the lists of the plan ------------------------------------------------------------------------------------------ */

static enum rn_status add_call(struct rn_gather *gather, const struct rn_gather_row *row)
{
    struct rn_plan *plan = gather->plan;
    void *calls = plan->calls;
    if (!reserve(&calls, plan->call_count, &gather->call_cap, sizeof *plan->calls)) {
        return fail_nomem(gather);
    }
    plan->calls = calls;
    plan->calls[plan->call_count++] = (struct rn_plan_call){.trace = gather->trace,
                                                            .n = row->n,
                                                            .tokens_in = row->tokens_in,
                                                            .tokens_out = row->tokens_out};
    gather->tokens_in += row->tokens_in;
    gather->tokens_out += row->tokens_out;
    gather->latency_ns += row->latency_ns;
    gather->models[row->model].calls++;
    gather->dialects[row->dialect].calls++;
    gather->dialects[row->dialect].retargeted += row->retargeted;
    for (unsigned bit = 0; bit < 2 * RN_PLAN_EDITS_MAX; bit++) {
        gather->changed[bit] += row->changed >> bit & 1;
    }
    return RN_OK;
}

static enum rn_status add_left(struct rn_gather *gather, const struct rn_gather_row *row)
{
    struct rn_plan *plan = gather->plan;
    void *left = plan->left;
    if (!reserve(&left, plan->left_count, &gather->left_cap, sizeof *plan->left)) {
        return fail_nomem(gather);
    }
    plan->left = left;
    plan->left[plan->left_count++] =
        (struct rn_plan_left){.trace = gather->trace, .n = row->n, .why = row->why};
    gather->left[row->why]++;
    return RN_OK;
}

/* --- one trace ------------------------------------------------------------------------------------------------------ */

static int order_rows(const void *a, const void *b, void *self)
{
    const struct rn_gather_row *rows = self;
    const struct rn_gather_row *first = &rows[*(const uint32_t *)a];
    const struct rn_gather_row *second = &rows[*(const uint32_t *)b];
    int order = memcmp(first->digest, second->digest, sizeof first->digest);
    return order != 0 ? order : (first->n > second->n) - (first->n < second->n);
}

/* From the last to the first: what is sent later takes the place of what failed before it. */
static void mark_repeated(struct rn_gather *gather, const uint32_t *order)
{
    const struct rn_gather_row *later = NULL;
    for (size_t i = gather->row_count; i > 0; i--) {
        struct rn_gather_row *row = &gather->rows[order[i - 1]];
        if (row->why != RN_LEFT_COUNT) {
            continue;
        }
        bool is_same = later != NULL && memcmp(row->digest, later->digest, sizeof row->digest) == 0;
        if (is_same && row->is_retryable) {
            row->why = RN_LEFT_RETRIED;
        } else {
            later = row;
        }
    }
}

static enum rn_status leave_repeated(struct rn_gather *gather)
{
    uint32_t *order = rn_calloc(gather->row_count + 1, sizeof *order);
    if (order == NULL) {
        return fail_nomem(gather);
    }
    for (size_t i = 0; i < gather->row_count; i++) {
        order[i] = (uint32_t)i;
    }
    qsort_r(order, gather->row_count, sizeof *order, order_rows, gather->rows);
    mark_repeated(gather, order);
    rn_free(order);
    return RN_OK;
}

/* The trace is read: its rows go into the plan, in order of ordinal. */
static enum rn_status end_trace(struct rn_gather *gather)
{
    enum rn_status status = gather->row_count > 0 ? leave_repeated(gather) : RN_OK;
    for (size_t i = 0; i < gather->row_count && status == RN_OK; i++) {
        const struct rn_gather_row *row = &gather->rows[i];
        status = row->why == RN_LEFT_COUNT ? add_call(gather, row) : add_left(gather, row);
    }
    gather->row_count = 0;
    return status;
}

/* --- one call ------------------------------------------------------------------------------------------------------- */

static bool is_retryable(unsigned status)
{
    return status == 408 || status == 409 || status == 429 || status >= 500;
}

static uint32_t clamped(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void estimate(const struct rn_view *view, const struct rn_plan_request *request,
                     struct rn_gather_row *row)
{
    const struct rn_reading *reading = &view->reading;
    uint64_t out = request->max_tokens > 0 ? request->max_tokens : TOKENS_OUT_USUAL;
    if (reading->dialect == RN_DIALECT_OPENAI_EMBEDDINGS) {
        out = 0;
    }
    row->tokens_in = clamped(reading->has_usage ? reading->tokens_in
                                                : view->request.decoded.len / BYTES_PER_TOKEN);
    row->tokens_out = clamped(reading->has_usage ? reading->tokens_out : out);
    row->latency_ns = view->has_complete ? view->complete_ns : 0;
    row->is_retryable = is_retryable(view->status);
}

static enum rn_status digest_of(struct rn_gather *gather, const struct rn_event *event,
                                uint8_t out[16])
{
    uint8_t digest[RN_SHA256_BYTES];
    const struct rn_bytes runs[] = {rn_event_get(event, RN_TAG_METHOD), RN_LIT(" "),
                                    rn_event_get(event, RN_TAG_TARGET), RN_LIT("\n"),
                                    rn_event_get(event, RN_TAG_REQUEST_BODY)};
    if (!rn_sha256_of(runs, sizeof runs / sizeof runs[0], digest)) {
        return fail_nomem(gather);
    }
    memcpy(out, digest, 16);
    return RN_OK;
}

/* The models' place for that name; the last place is everybody else's. */
static enum rn_status model_of(struct rn_gather *gather, struct rn_bytes name, uint8_t *index)
{
    size_t i = 0;
    while (i < gather->model_count && !rn_bytes_equal(gather->models[i].name, name)) {
        i++;
    }
    if (i == gather->model_count && i < RN_GATHER_MODELS_MAX) {
        gather->models[i].name = rn_arena_copy(&gather->arena, name);
        if (gather->models[i].name.data == NULL) {
            return fail_nomem(gather);
        }
        gather->model_count++;
    }
    *index = (uint8_t)i;
    return RN_OK;
}

static enum rn_status note_path(struct rn_gather *gather, const struct rn_selected *call,
                                const struct rn_plan_request *request)
{
    struct rn_gather_dialect *dialect = &gather->dialects[call->view->reading.dialect];
    if (!request->retargeted || dialect->path_to.data != NULL) {
        return RN_OK;
    }
    dialect->path_from = rn_arena_copy(&gather->arena, rn_event_get(call->event, RN_TAG_TARGET));
    dialect->path_to = rn_arena_copy(&gather->arena, request->target);
    return dialect->path_from.data != NULL && dialect->path_to.data != NULL ? RN_OK
                                                                            : fail_nomem(gather);
}

static enum rn_status fill_row(struct rn_gather *gather, const struct rn_selected *call,
                               const struct rn_plan_request *request, struct rn_gather_row *row)
{
    row->changed = request->changed;
    row->retargeted = request->retargeted;
    row->dialect = (uint8_t)call->view->reading.dialect;
    estimate(call->view, request, row);
    enum rn_status status = digest_of(gather, call->event, row->digest);
    status =
        status == RN_OK ? model_of(gather, call->view->reading.model_asked, &row->model) : status;
    return status == RN_OK ? note_path(gather, call, request) : status;
}

static void note_unreadable(struct rn_gather *gather, const char *why)
{
    if (gather->unreadable[0] == '\0') {
        (void)snprintf(gather->unreadable, sizeof gather->unreadable, "%s", why);
    }
}

/* Makes the request only to see that it can be made: what is sent is made again when its turn comes. */
static enum rn_status try_call(struct rn_gather *gather, const struct rn_selected *call,
                               struct rn_gather_row *row)
{
    struct rn_arena arena = {0};
    struct rn_plan_request request;
    struct rn_error why = {.text = ""};
    enum rn_left_out left = RN_LEFT_COUNT;
    enum rn_status status = rn_plan_request_make(gather->plan, call->view, rn_bytes_of("", 0),
                                                 &arena, &request, &left, &why);
    row->why = (uint8_t)left;
    if (status == RN_OK) {
        status = fill_row(gather, call, &request, row);
    } else if (status == RN_REFUSED) {
        status = RN_OK;
    } else {
        rn_fail(gather->error, status, "%s", why.text);
    }
    if (left == RN_LEFT_UNREADABLE) {
        note_unreadable(gather, why.text);
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status add_row(struct rn_gather *gather, const struct rn_gather_row *row)
{
    void *rows = gather->rows;
    if (!reserve(&rows, gather->row_count, &gather->row_cap, sizeof *gather->rows)) {
        return fail_nomem(gather);
    }
    gather->rows = rows;
    gather->rows[gather->row_count++] = *row;
    return RN_OK;
}

static enum rn_status visit(void *self, const struct rn_selected *call)
{
    struct rn_gather *gather = self;
    struct rn_gather_row row = {.n = call->n, .why = RN_LEFT_UNREADABLE};
    enum rn_status status = RN_OK;
    if (rn_bytes_equal(call->trace->kind, rn_bytes_text(RN_PLAN_KIND))) {
        return RN_OK; /* answers of another backtest */
    }
    if (!rn_trace_id_equal(&gather->trace, &call->trace->id)) {
        status = end_trace(gather);
        gather->trace = call->trace->id;
    }
    if (status == RN_OK && call->event != NULL) {
        status = try_call(gather, call, &row);
    } else if (status == RN_OK) {
        note_unreadable(gather, call->error->text);
    }
    if (status == RN_OK && row.why == RN_LEFT_NO_MODEL_CALL) {
        gather->plan->no_model_calls++;
        return RN_OK;
    }
    return status == RN_OK ? add_row(gather, &row) : status;
}

enum rn_status rn_gather_calls(struct rn_gather *gather, struct rn_store *store,
                               const struct rn_selection *selection, struct rn_error *error)
{
    gather->error = error;
    enum rn_status status = rn_select_calls(store, selection, visit, gather, error);
    status = status == RN_OK ? end_trace(gather) : status;
    gather->left[RN_LEFT_NO_MODEL_CALL] = gather->plan->no_model_calls;
    return status;
}

void rn_gather_free(struct rn_gather *gather)
{
    rn_free(gather->rows);
    rn_arena_free(&gather->arena);
    *gather = (struct rn_gather){0};
}
