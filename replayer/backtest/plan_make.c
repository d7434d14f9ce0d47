/*
 * From a selection to a plan that is written once: header, lists, what is to be expected, then the document.
 *
 * Everything that can be refused is refused before the document is written, so nothing half-done stays behind. Reads the store
 * and sends nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "moves.h"
#include "plan.h"
#include "plan_facts.h"
#include "plan_find.h"
#include "plan_gather.h"
#include "plan_target.h"

#define JOBS_USUAL 8u
#define ATTEMPTS_USUAL 5u
#define ATTEMPTS_MAX 100u
#define NS_PER_SECOND UINT64_C(1000000000)

struct making {
    const struct rn_backtest_settings *settings;
    struct rn_store *store;
    struct rn_plan plan;
    struct rn_gather gather;
    struct rn_backtest_facts *facts;
    struct rn_error *error;
};

/* --- header --------------------------------------------------------------------------------------------------------- */

static enum rn_status fail_nomem(struct rn_error *error)
{
    return rn_fail(error, RN_NOMEM, "no memory to plan a backtest");
}

static enum rn_status keep_text(struct making *making, const char *text, const char *what,
                                struct rn_bytes *out)
{
    struct rn_bytes bytes = rn_bytes_text(text != NULL ? text : "");
    enum rn_status status = rn_plan_check_text(what, bytes, making->error);
    if (status == RN_OK) {
        *out = rn_arena_copy(&making->plan.arena, bytes);
        status = out->data != NULL ? RN_OK : fail_nomem(making->error);
    }
    return status;
}

static enum rn_status take_numbers(struct making *making)
{
    const struct rn_backtest_settings *settings = making->settings;
    struct rn_plan *plan = &making->plan;
    if (settings->jobs > RN_BACKTEST_JOBS_MAX) {
        return rn_fail(making->error, RN_INVALID, "at most %u calls go at once, not %u",
                       RN_BACKTEST_JOBS_MAX, settings->jobs);
    }
    if (settings->attempts > ATTEMPTS_MAX) {
        return rn_fail(making->error, RN_INVALID, "a call is tried at most %u times, not %u",
                       ATTEMPTS_MAX, settings->attempts);
    }
    rn_uuid7(plan->id.bytes);
    plan->created_wall_ns = rn_clock_wall_ns();
    plan->no_moves = settings->no_moves;
    plan->budget_pico = settings->budget_pico;
    plan->jobs = settings->jobs > 0 ? settings->jobs : JOBS_USUAL;
    plan->requests_per_minute = settings->requests_per_minute;
    plan->tokens_per_minute = settings->tokens_per_minute;
    plan->attempts = settings->attempts > 0 ? settings->attempts : ATTEMPTS_USUAL;
    return RN_OK;
}

static enum rn_status take_name(struct making *making)
{
    const char *name = making->settings->name;
    enum rn_status status = name != NULL ? rn_plan_check_name(name, making->error) : RN_OK;
    status = status == RN_OK ? keep_text(making, name, "the name", &making->plan.name) : status;
    return status == RN_OK ? keep_text(making, making->settings->selection_text, "the selection",
                                       &making->plan.selection)
                           : status;
}

static enum rn_status take_moves(struct making *making)
{
    struct rn_plan *plan = &making->plan;
    plan->moves = rn_arena_alloc(&plan->arena, RN_PLAN_EDITS_MAX * sizeof *plan->moves);
    if (plan->moves == NULL) {
        return fail_nomem(making->error);
    }
    plan->move_count = plan->no_moves ? 0 : rn_moves_for(plan->upstream, plan->model, plan->moves);
    return RN_OK;
}

static enum rn_status take_price(struct making *making)
{
    struct rn_plan *plan = &making->plan;
    struct rn_prices *prices = NULL;
    enum rn_status status = rn_prices_load(making->settings->prices, &prices, making->error);
    if (status == RN_OK && rn_price_of(prices, plan->upstream, plan->model, &plan->price)) {
        plan->prices_date = rn_arena_copy(&plan->arena, rn_bytes_text(rn_prices_date(prices)));
        status = plan->prices_date.data != NULL ? RN_OK : fail_nomem(making->error);
    } else if (status == RN_OK && plan->budget_pico > 0) {
        status = rn_fail(making->error, RN_INVALID,
                         "no price is known for %s, so a budget cannot be kept: add it to a price "
                         "file and name that with --prices (the list is %s)",
                         making->settings->to, rn_prices_origin(prices));
    }
    rn_prices_free(prices);
    return status;
}

static enum rn_status make_header(struct making *making)
{
    enum rn_status status = take_numbers(making);
    status = status == RN_OK ? take_name(making) : status;
    status = status == RN_OK
                 ? rn_plan_aim(&making->plan, making->settings->to, making->settings->upstreams,
                               making->settings->environment, making->error)
                 : status;
    status =
        status == RN_OK ? rn_plan_edits(&making->plan, making->settings, making->error) : status;
    status = status == RN_OK ? take_moves(making) : status;
    return status == RN_OK ? take_price(making) : status;
}

static enum rn_status check_taken(struct making *making)
{
    struct rn_plan_names names;
    struct rn_trace_id id;
    const char *name = making->settings->name;
    if (name == NULL) {
        return RN_OK;
    }
    enum rn_status status = rn_plan_names(making->store, &names, making->error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_plan_by_name(making->store, &names, name, &id, making->error);
    rn_plan_names_free(&names);
    if (status == RN_OK) {
        char text[33];
        rn_trace_id_text(&id, text);
        return rn_fail(making->error, RN_REFUSED,
                       "there is a backtest '%s' already (%s): take another name, or drop that one",
                       name, text + 24);
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

/* --- lists ---------------------------------------------------------------------------------------------------------- */

static enum rn_status fail_empty(const struct making *making)
{
    char reasons[300];
    const struct rn_plan *plan = &making->plan;
    if (plan->left_count == 0 && plan->no_model_calls == 0) {
        return rn_fail(making->error, RN_NOTFOUND,
                       "the selection is empty: no recorded call fits it");
    }
    if (plan->left_count == 0) {
        return rn_fail(making->error, RN_NOTFOUND,
                       "none of the %llu exchanges that were selected asks a model",
                       (unsigned long long)plan->no_model_calls);
    }
    rn_plan_tell_left(making->gather.left, reasons, sizeof reasons);
    return rn_fail(making->error, RN_NOTFOUND,
                   "none of the calls that were selected can be sent again: %s%s%.150s", reasons,
                   making->gather.unreadable[0] != '\0' ? "; " : "", making->gather.unreadable);
}

static bool is_bounded(const struct making *making)
{
    const struct rn_selection *selection = making->settings->selection;
    return making->plan.call_count <= RN_BACKTEST_UNBOUNDED || selection->limit > 0 ||
           selection->sample > 0 || making->settings->budget_pico > 0;
}

static enum rn_status make_lists(struct making *making, bool dry_run)
{
    enum rn_status status = rn_selection_check(making->settings->selection, making->error);
    making->gather.plan = &making->plan;
    status = status == RN_OK ? rn_gather_calls(&making->gather, making->store,
                                               making->settings->selection, making->error)
                             : status;
    if (status != RN_OK) {
        return status;
    }
    if (making->plan.call_count == 0) {
        return fail_empty(making);
    }
    if (!dry_run && !is_bounded(making)) {
        return rn_fail(making->error, RN_LIMIT,
                       "%zu calls would be sent. Above %u a bound is compulsory: --limit N (the "
                       "newest), --sample N, or --budget USD; --dry-run shows what they cost",
                       making->plan.call_count, RN_BACKTEST_UNBOUNDED);
    }
    return RN_OK;
}

/* --- what to expect ------------------------------------------------------------------------------------------------- */

/* Each minute's share goes at once, the first one's at the beginning. */
static uint64_t seconds_at_rate(uint64_t count, uint64_t per_minute)
{
    uint64_t minutes = count == 0 || per_minute == 0 ? 0 : (count - 1) / per_minute;
    return minutes > UINT64_MAX / 60 ? UINT64_MAX : minutes * 60;
}

/* The slowest of: answers as slow as the recorded ones, requests per minute, tokens per minute. */
static uint64_t expected_seconds(const struct making *making)
{
    const struct rn_plan *plan = &making->plan;
    const struct rn_gather *gather = &making->gather;
    uint64_t seconds = gather->latency_ns / plan->jobs / NS_PER_SECOND + 1;
    uint64_t by_requests = seconds_at_rate(plan->call_count, plan->requests_per_minute);
    uint64_t by_tokens =
        seconds_at_rate(gather->tokens_in + gather->tokens_out, plan->tokens_per_minute);
    seconds = by_requests > seconds ? by_requests : seconds;
    return by_tokens > seconds ? by_tokens : seconds;
}

/* --- the document --------------------------------------------------------------------------------------------------- */

/* A plan that could not be run is not written: its name would be taken. */
static enum rn_status check_credential(const struct making *making)
{
    struct rn_buffer credential = {0};
    enum rn_status status =
        rn_plan_credential(&making->plan, NULL, making->settings->key_variable,
                           making->settings->environment, &credential, making->error);
    rn_buffer_free(&credential);
    return status;
}

static enum rn_status write_plan(struct making *making)
{
    struct rn_buffer document = {0};
    char name[33];
    rn_trace_id_text(&making->plan.id, name);
    enum rn_status status = rn_plan_encode(&making->plan, &document);
    if (status != RN_OK) {
        fail_nomem(making->error);
    } else {
        status = rn_document_put(making->store, RN_PLAN_KIND, name, rn_buffer_bytes(&document),
                                 making->error);
    }
    rn_buffer_free(&document);
    return status;
}

static enum rn_status tell(struct making *making, char **summary)
{
    struct rn_buffer text = {0};
    enum rn_status status = rn_plan_tell(&making->gather, making->facts, is_bounded(making), &text);
    *summary = status == RN_OK ? rn_dup(text.data, text.len) : NULL;
    rn_buffer_free(&text);
    return *summary != NULL ? RN_OK : fail_nomem(making->error);
}

static enum rn_status make(struct making *making, bool dry_run, char **summary)
{
    enum rn_status status = make_header(making);
    status = status == RN_OK ? rn_store_open_given(making->settings->store, RN_STORE_READ,
                                                   &making->store, making->error)
                             : status;
    status = status == RN_OK ? check_taken(making) : status;
    status = status == RN_OK ? make_lists(making, dry_run) : status;
    if (status != RN_OK) {
        return status;
    }
    making->plan.seconds = expected_seconds(making);
    rn_plan_facts(&making->plan, making->facts);
    status = tell(making, summary);
    if (status == RN_OK && !dry_run) {
        status = check_credential(making);
    }
    return status == RN_OK && !dry_run ? write_plan(making) : status;
}

enum rn_status rn_backtest_make(const struct rn_backtest_settings *settings, bool dry_run,
                                struct rn_backtest_facts *facts, char **summary,
                                struct rn_error *error)
{
    struct making *making = rn_calloc(1, sizeof *making);
    *summary = NULL;
    *facts = (struct rn_backtest_facts){0};
    if (making == NULL) {
        return fail_nomem(error);
    }
    making->settings = settings;
    making->facts = facts;
    making->error = error;
    enum rn_status status = make(making, dry_run, summary);
    if (status != RN_OK) {
        rn_free(*summary);
        *summary = NULL;
    }
    rn_gather_free(&making->gather);
    rn_store_close(making->store);
    rn_plan_free(&making->plan);
    rn_free(making);
    return status;
}
