/*
 * A backtest's plan as bytes, and from what a human has in hand to a plan (docs/format.md, "Plans").
 *
 * Reader and writer stand side by side: every value has one encoding, counts are bounded by the bytes that are left before
 * anything is reserved, and what is behind the end is damage. How a plan comes to be is plan_make.c's business.
 */
#include "plan.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "plan_lists.h"

#define PLAN_VERSION 1u

void rn_plan_free(struct rn_plan *plan)
{
    rn_free(plan->calls);
    rn_free(plan->left);
    rn_arena_free(&plan->arena);
    *plan = (struct rn_plan){0};
}

const struct rn_price *rn_plan_price(const struct rn_plan *plan)
{
    return plan->prices_date.len > 0 ? &plan->price : NULL;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static enum rn_status put_numbers(struct rn_buffer *out, const uint64_t *numbers, size_t count)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        status = rn_varint_put(out, numbers[i]);
    }
    return status;
}

static enum rn_status put_runs(struct rn_buffer *out, const struct rn_bytes *runs, size_t count)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        status = rn_run_put(out, runs[i]);
    }
    return status;
}

static enum rn_status put_edit(struct rn_buffer *out, const struct rn_edit *edit)
{
    const struct rn_bytes runs[] = {edit->place, edit->value};
    enum rn_status status = rn_varint_put(out, edit->kind);
    return status == RN_OK ? put_runs(out, runs, 2) : status;
}

static enum rn_status put_changes(struct rn_buffer *out, const struct rn_plan *plan)
{
    enum rn_status status = rn_varint_put(out, plan->edit_count);
    for (size_t i = 0; i < plan->edit_count && status == RN_OK; i++) {
        status = put_edit(out, &plan->edits[i]);
    }
    status = status == RN_OK ? rn_varint_put(out, plan->move_count) : status;
    for (size_t i = 0; i < plan->move_count && status == RN_OK; i++) {
        const struct rn_plan_move *move = &plan->moves[i];
        status = rn_varint_put(out, move->dialect);
        status = status == RN_OK ? rn_run_put(out, move->beside) : status;
        status = status == RN_OK ? put_edit(out, &move->edit) : status;
    }
    return status;
}

static enum rn_status put_header(struct rn_buffer *out, const struct rn_plan *plan)
{
    const struct rn_bytes texts[] = {plan->name, plan->selection, plan->upstream, plan->url,
                                     plan->model};
    const uint64_t settings[] = {
        plan->no_moves,          plan->budget_pico, plan->jobs,    plan->requests_per_minute,
        plan->tokens_per_minute, plan->attempts,    plan->seconds, plan->no_model_calls};
    const uint64_t price[] = {plan->price.in, plan->price.cached, plan->price.out};
    enum rn_status status = rn_varint_put(out, PLAN_VERSION);
    status = status == RN_OK ? rn_buffer_append(out, plan->id.bytes, RN_TRACE_ID_BYTES) : status;
    status = status == RN_OK ? rn_varint_put(out, plan->created_wall_ns) : status;
    status = status == RN_OK ? put_runs(out, texts, sizeof texts / sizeof texts[0]) : status;
    status = status == RN_OK ? put_changes(out, plan) : status;
    status =
        status == RN_OK ? put_numbers(out, settings, sizeof settings / sizeof settings[0]) : status;
    status = status == RN_OK ? rn_run_put(out, plan->prices_date) : status;
    if (status == RN_OK && plan->prices_date.len > 0) {
        status = put_numbers(out, price, 3);
    }
    return status;
}

enum rn_status rn_plan_encode(const struct rn_plan *plan, struct rn_buffer *out)
{
    size_t before = out->len;
    enum rn_status status = put_header(out, plan);
    status = status == RN_OK ? rn_plan_put_calls(out, plan) : status;
    status = status == RN_OK ? rn_plan_put_left(out, plan) : status;
    if (status != RN_OK) {
        out->len = before;
    }
    return status;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* The rest of the document; nothing is taken once something did not fit. */
struct reading {
    struct rn_bytes in;
    struct rn_arena *arena;
    enum rn_status status;
};

static void fail(struct reading *reading, enum rn_status status)
{
    reading->status = reading->status == RN_OK ? status : reading->status;
}

static uint64_t get_number(struct reading *reading, uint64_t max)
{
    uint64_t value = 0;
    if (reading->status == RN_OK && (!rn_varint_get(&reading->in, &value) || value > max)) {
        fail(reading, RN_DAMAGED);
    }
    return reading->status == RN_OK ? value : 0;
}

static struct rn_bytes get_run(struct reading *reading)
{
    struct rn_bytes run = {0};
    if (reading->status == RN_OK && !rn_run_get(&reading->in, &run)) {
        fail(reading, RN_DAMAGED);
    }
    struct rn_bytes copy = rn_arena_copy(reading->arena, run);
    if (copy.data == NULL) {
        fail(reading, RN_NOMEM);
    }
    return reading->status == RN_OK ? copy : (struct rn_bytes){0};
}

static void get_id(struct reading *reading, struct rn_trace_id *id)
{
    if (reading->in.len < RN_TRACE_ID_BYTES) {
        fail(reading, RN_DAMAGED);
        return;
    }
    memcpy(id->bytes, reading->in.data, RN_TRACE_ID_BYTES);
    reading->in = rn_bytes_from(reading->in, RN_TRACE_ID_BYTES);
}

static struct rn_edit get_edit(struct reading *reading)
{
    struct rn_edit edit = {.kind = (enum rn_edit_kind)get_number(reading, RN_EDIT_RENAME)};
    edit.place = get_run(reading);
    edit.value = get_run(reading);
    return edit;
}

/* An array of as many as the next number says. */
static void *get_array(struct reading *reading, size_t size, size_t *count)
{
    uint64_t number = get_number(reading, RN_PLAN_EDITS_MAX);
    void *array = number > 0 ? rn_arena_alloc(reading->arena, (size_t)number * size) : NULL;
    if (number > 0 && array == NULL) {
        fail(reading, RN_NOMEM);
    }
    *count = array != NULL ? (size_t)number : 0;
    return array;
}

static void get_changes(struct reading *reading, struct rn_plan *plan)
{
    plan->edits = get_array(reading, sizeof *plan->edits, &plan->edit_count);
    for (size_t i = 0; i < plan->edit_count; i++) {
        plan->edits[i] = get_edit(reading);
    }
    plan->moves = get_array(reading, sizeof *plan->moves, &plan->move_count);
    for (size_t i = 0; i < plan->move_count; i++) {
        plan->moves[i].dialect = (enum rn_dialect)get_number(reading, RN_MOVES_DIALECTS - 1);
        plan->moves[i].beside = get_run(reading);
        plan->moves[i].edit = get_edit(reading);
    }
}

static void get_header(struct reading *reading, struct rn_plan *plan)
{
    uint64_t version = get_number(reading, UINT64_MAX);
    if (reading->status == RN_OK && version != PLAN_VERSION) {
        fail(reading, version > PLAN_VERSION ? RN_NEWER : RN_DAMAGED);
    }
    get_id(reading, &plan->id);
    plan->created_wall_ns = get_number(reading, UINT64_MAX);
    plan->name = get_run(reading);
    plan->selection = get_run(reading);
    plan->upstream = get_run(reading);
    plan->url = get_run(reading);
    plan->model = get_run(reading);
    get_changes(reading, plan);
    plan->no_moves = get_number(reading, 1) == 1;
    plan->budget_pico = get_number(reading, UINT64_MAX);
    plan->jobs = (uint32_t)get_number(reading, UINT32_MAX);
    plan->requests_per_minute = get_number(reading, UINT64_MAX);
    plan->tokens_per_minute = get_number(reading, UINT64_MAX);
    plan->attempts = (uint32_t)get_number(reading, UINT32_MAX);
    plan->seconds = get_number(reading, UINT64_MAX);
    plan->no_model_calls = get_number(reading, UINT64_MAX);
    plan->prices_date = get_run(reading);
    if (plan->prices_date.len > 0) {
        plan->price.in = get_number(reading, UINT64_MAX);
        plan->price.cached = get_number(reading, UINT64_MAX);
        plan->price.out = get_number(reading, UINT64_MAX);
    }
}

static enum rn_status fail_decode(enum rn_status status, size_t at, struct rn_error *error)
{
    switch (status) {
    case RN_NEWER:
        return rn_fail(error, status, "this plan was written by a later version of reenact");
    case RN_NOMEM:
        return rn_fail(error, status, "no memory to read a plan");
    default:
        return rn_fail(error, status, "the plan is damaged at byte %zu", at);
    }
}

enum rn_status rn_plan_decode(struct rn_bytes in, struct rn_plan *out, struct rn_error *error)
{
    *out = (struct rn_plan){0};
    struct reading reading = {.in = in, .arena = &out->arena};
    get_header(&reading, out);
    enum rn_status status = reading.status;
    status = status == RN_OK ? rn_plan_get_calls(&reading.in, out) : status;
    status = status == RN_OK ? rn_plan_get_left(&reading.in, out) : status;
    if (status == RN_OK && reading.in.len > 0) {
        status = RN_DAMAGED;
    }
    if (status != RN_OK) {
        rn_plan_free(out);
        return fail_decode(status, in.len - reading.in.len, error);
    }
    return RN_OK;
}
