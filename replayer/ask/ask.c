/*
 * `reenact ask`: the recorded call is found, judged and made into a request; loop and upstream are opened; ask_send.c asks,
 * ask_answers.c sorts; all is closed in reverse.
 */
#include "ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ask_parts.h"
#include "base/memory.h"
#include "moves.h"
#include "pair.h"
#include "plan_target.h"
#include "store/find.h"

/* --- the recorded call ---------------------------------------------------------------------------------------------- */

static enum rn_status refuse(struct rn_ask *ask, enum rn_left_out why)
{
    char id[33];
    uint32_t n = ask->outcome->n;
    rn_trace_id_text(&ask->outcome->trace, id);
    if (why == RN_LEFT_NO_MODEL_CALL) {
        const struct rn_reading *reading = &ask->view.reading;
        enum rn_event_kind kind = rn_event_kind_of(&ask->event);
        return rn_fail(ask->error, RN_REFUSED,
                       "event %" PRIu32
                       " of %s asks no model: it is of kind '%s'. `reenact show %s` "
                       "lists those that do",
                       n, id + 24,
                       kind == RN_EVENT_EXCHANGE && reading->dialect != RN_DIALECT_NONE &&
                               reading->operation.len == 0
                           ? rn_reading_kind_name(reading->kind)
                           : rn_event_kind_name(kind),
                       id + 24);
    }
    return rn_fail(ask->error, RN_REFUSED, "event %" PRIu32 " of %s cannot be asked again: %s", n,
                   id + 24, rn_left_out_sentence(why));
}

static enum rn_status read_call(struct rn_ask *ask, struct rn_store *store)
{
    struct rn_ask_outcome *outcome = ask->outcome;
    uint32_t n = UINT32_MAX;
    enum rn_status status =
        rn_find_trace(store, ask->settings->which, &outcome->trace, &n, ask->error);
    if (status == RN_OK && (n == UINT32_MAX || n == 0)) {
        status =
            rn_fail(ask->error, RN_INVALID, "which call? TRACE:N; `reenact show` numbers them");
    }
    if (status != RN_OK) {
        return status;
    }
    outcome->n = n;
    ask->event.class = RN_CLASS_EVENT;
    status = rn_trace_event(store, &outcome->trace, RN_CLASS_EVENT, n, &ask->arena, &ask->event,
                            ask->error);
    return status == RN_OK ? rn_view_make(&ask->arena, &ask->event, &ask->view) : status;
}

static enum rn_status open_call(struct rn_ask *ask)
{
    struct rn_store *store = NULL;
    struct rn_ask_outcome *outcome = ask->outcome;
    enum rn_status status =
        rn_store_open_given(ask->settings->store, RN_STORE_READ, &store, ask->error);
    status = status == RN_OK ? read_call(ask, store) : status;
    rn_store_close(store);
    if (status != RN_OK) {
        return status;
    }
    enum rn_left_out why = rn_plan_leaves_out(&ask->view);
    bool is_at_home = why == RN_LEFT_DIALECT && ask->settings->to == NULL;
    if (why != RN_LEFT_COUNT && !is_at_home) {
        return refuse(ask, why);
    }
    outcome->recorded_status = ask->view.status;
    outcome->recorded_answered = rn_pair_is_answer(&ask->view);
    outcome->has_recorded_latency = ask->view.has_complete;
    outcome->recorded_latency_ns = ask->view.complete_ns;
    return RN_OK;
}

/* --- where it goes -------------------------------------------------------------------------------------------------- */

/* As recorded, or as told; known moves only help another model. */
static enum rn_status aim(struct rn_ask *ask)
{
    struct rn_ask_outcome *outcome = ask->outcome;
    struct rn_bytes upstream = rn_event_get(&ask->event, RN_TAG_UPSTREAM);
    struct rn_bytes model = ask->view.reading.model_asked;
    struct rn_buffer to = {0};
    enum rn_status status = RN_OK;
    if (ask->settings->to != NULL) {
        status = rn_buffer_add(&to, rn_bytes_text(ask->settings->to));
    } else {
        status = rn_buffer_add(&to, upstream);
        status = status == RN_OK ? rn_buffer_add_byte(&to, '/') : status;
        status = status == RN_OK ? rn_buffer_add(&to, model) : status;
    }
    outcome->to = rn_arena_copy(&outcome->arena, rn_buffer_bytes(&to));
    rn_buffer_free(&to);
    if (status != RN_OK || outcome->to.data == NULL) {
        return RN_NOMEM;
    }
    status = rn_plan_aim(&ask->plan, (const char *)outcome->to.data, ask->settings->upstreams,
                         ask->settings->environment, ask->error);
    if (status != RN_OK) {
        return status;
    }
    outcome->elsewhere =
        !rn_bytes_equal(ask->plan.upstream, upstream) || !rn_bytes_equal(ask->plan.model, model);
    ask->plan.as_recorded = !outcome->elsewhere;
    if (outcome->elsewhere) {
        ask->plan.moves =
            rn_arena_alloc(&ask->plan.arena, RN_PLAN_EDITS_MAX * sizeof *ask->plan.moves);
        if (ask->plan.moves == NULL) {
            return RN_NOMEM;
        }
        ask->plan.move_count = rn_moves_for(ask->plan.upstream, ask->plan.model, ask->plan.moves);
    }
    return RN_OK;
}

static enum rn_status open_upstream(struct rn_ask *ask)
{
    ask->loop = rn_loop_new();
    ask->upstreams = ask->loop != NULL ? rn_upstreams_new(ask->loop) : NULL;
    char *name = rn_arena_text(&ask->arena, ask->plan.upstream);
    char *url = rn_arena_text(&ask->arena, ask->plan.url);
    if (ask->upstreams == NULL || name == NULL || url == NULL) {
        return RN_NOMEM;
    }
    enum rn_status status = rn_upstreams_add(ask->upstreams, name, url, ask->error);
    if (status == RN_OK) {
        ask->upstream = rn_upstreams_find(ask->upstreams, ask->plan.upstream);
        ask->outcome->url = rn_arena_copy(&ask->outcome->arena, ask->plan.url);
        status = ask->outcome->url.data != NULL ? RN_OK : RN_NOMEM;
    }
    return status == RN_OK
               ? rn_plan_credential(&ask->plan, rn_upstream_url(ask->upstream),
                                    ask->settings->key_variable, ask->settings->environment,
                                    &ask->credential, ask->error)
               : status;
}

/* --- what it is and costs ------------------------------------------------------------------------------------------- */

static enum rn_status make_request(struct rn_ask *ask)
{
    enum rn_left_out why = RN_LEFT_COUNT;
    struct rn_ask_outcome *outcome = ask->outcome;
    enum rn_status status =
        rn_plan_request_make(&ask->plan, &ask->view, rn_buffer_bytes(&ask->credential), &ask->arena,
                             &ask->request, &why, ask->error);
    if (status == RN_REFUSED && why != RN_LEFT_COUNT) {
        return refuse(ask, why);
    }
    if (status == RN_OK) {
        outcome->moves = rn_arena_copy(&outcome->arena, ask->request.moves);
        status = outcome->moves.data != NULL ? RN_OK : RN_NOMEM;
    }
    return status;
}

/* Of one answer at most: what the request allows, else twice the recorded one. */
static void expect(struct rn_ask *ask)
{
    const struct rn_reading *reading = &ask->view.reading;
    uint64_t in = reading->has_usage ? reading->tokens_in : ask->request.body.len / 3;
    uint64_t out =
        reading->has_usage ? 2 * reading->tokens_out : ask->view.response.decoded.len / 2;
    out = out < 256 ? 256 : out;
    out = ask->request.max_tokens > 0 ? ask->request.max_tokens : out;
    ask->call.tokens_in = in < UINT32_MAX ? (uint32_t)in : UINT32_MAX;
    ask->expected_pico = ask->has_price ? rn_price_cost(&ask->price, in, 0, out) : 0;
}

static enum rn_status find_price(struct rn_ask *ask)
{
    struct rn_prices *prices = NULL;
    const struct rn_reading *reading = &ask->view.reading;
    struct rn_price recorded;
    enum rn_status status = rn_prices_load(ask->settings->prices, &prices, ask->error);
    if (status != RN_OK) {
        return status;
    }
    ask->has_price = rn_price_of(prices, ask->plan.upstream, ask->plan.model, &ask->price);
    if (reading->has_usage && rn_price_of(prices, rn_event_get(&ask->event, RN_TAG_UPSTREAM),
                                          reading->model_asked, &recorded)) {
        ask->outcome->recorded_cost_pico = rn_price_cost(
            &recorded, reading->tokens_in, reading->tokens_cached, reading->tokens_out);
    }
    if (!ask->has_price && ask->settings->budget_pico > 0) {
        status = rn_fail(ask->error, RN_INVALID,
                         "no price is known for %s, so a budget cannot be kept: add it to a price "
                         "file and name that with --prices (the list is %s)",
                         (const char *)ask->outcome->to.data, rn_prices_origin(prices));
    }
    rn_prices_free(prices);
    expect(ask);
    return status;
}

/* --- open and close ------------------------------------------------------------------------------------------------- */

static enum rn_status open_all(struct rn_ask *ask)
{
    enum rn_status status = open_call(ask);
    status = status == RN_OK ? aim(ask) : status;
    status = status == RN_OK ? open_upstream(ask) : status;
    status = status == RN_OK ? make_request(ask) : status;
    return status == RN_OK ? find_price(ask) : status;
}

static void free_slots(struct rn_ask *ask)
{
    for (unsigned i = 0; ask->slots != NULL && i < ask->settings->times; i++) {
        struct rn_ask_slot *slot = &ask->slots[i];
        if (slot->again != NULL) {
            rn_timer_free(slot->again);
        }
        rn_view_free(&slot->view);
        rn_arena_free(&slot->arena);
        rn_buffer_free(&slot->head);
        rn_buffer_free(&slot->body);
    }
}

static void free_all(struct rn_ask *ask)
{
    rn_upstreams_free(ask->upstreams); /* its transfers point into the slots */
    free_slots(ask);
    if (ask->loop != NULL) {
        rn_loop_free(ask->loop);
    }
    rn_plan_free(&ask->plan);
    rn_view_free(&ask->view);
    rn_buffer_free(&ask->credential);
    rn_arena_free(&ask->arena);
    rn_free(ask);
}

enum rn_status rn_ask_run(const struct rn_ask_settings *settings, struct rn_ask_outcome *outcome,
                          struct rn_error *error)
{
    struct rn_ask *ask = rn_calloc(1, sizeof *ask);
    *outcome = (struct rn_ask_outcome){.times = settings->times};
    if (ask == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to ask");
    }
    ask->settings = settings;
    ask->outcome = outcome;
    ask->error = error;
    ask->signals = -1;
    enum rn_status status = open_all(ask);
    status = status == RN_OK ? rn_ask_send(ask) : status;
    status = status == RN_OK ? rn_ask_sum_up(ask) : status;
    free_all(ask);
    if (status == RN_NOMEM) {
        return rn_fail(error, status, "no memory to ask");
    }
    return status;
}

void rn_ask_free(struct rn_ask_outcome *outcome)
{
    rn_arena_free(&outcome->arena);
}

bool rn_ask_agrees(const struct rn_ask_outcome *outcome)
{
    return outcome->times > 0 && outcome->same == outcome->times;
}
