/*
 * What came, read and sorted: answers that a backtest would call the same are one, and those that are none are told by their reason.
 * Pure but for memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask_parts.h"
#include "base/memory.h"
#include "base/varint.h"
#include "pair.h"
#include "pair_text.h"

/* --- one answer ----------------------------------------------------------------------------------------------------- */

static void set_times(struct rn_ask_slot *slot)
{
    const uint64_t since[] = {slot->first_ns > slot->sent_ns ? slot->first_ns - slot->sent_ns : 0,
                              slot->done_ns - slot->sent_ns};
    struct rn_buffer out = {.data = slot->small + 2, .cap = sizeof slot->small - 2};
    (void)rn_varint_put(&out, 1); /* when it was does not matter: it is not kept */
    (void)rn_varint_put(&out, since[0]);
    (void)rn_varint_put(&out, since[1]);
    rn_event_set(&slot->event, RN_TAG_TIMES, rn_buffer_bytes(&out));
}

enum rn_status rn_ask_slot_read(struct rn_ask_slot *slot)
{
    const struct rn_ask *ask = slot->ask;
    struct rn_event *event = &slot->event;
    slot->small[0] = RN_EVENT_EXCHANGE;
    slot->small[1] = (uint8_t)slot->end;
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = ask->outcome->n};
    rn_event_set(event, RN_TAG_KIND, rn_bytes_of(slot->small, 1));
    rn_event_set(event, RN_TAG_END, rn_bytes_of(slot->small + 1, 1));
    rn_event_set(event, RN_TAG_UPSTREAM, ask->plan.upstream);
    rn_event_set(event, RN_TAG_METHOD, ask->request.method);
    rn_event_set(event, RN_TAG_TARGET, ask->request.target);
    rn_event_set(event, RN_TAG_REQUEST_HEAD, ask->request.head);
    rn_event_set(event, RN_TAG_REQUEST_BODY, ask->request.body);
    rn_event_set(event, RN_TAG_RESPONSE_HEAD, rn_buffer_bytes(&slot->head));
    rn_event_set(event, RN_TAG_RESPONSE_BODY, rn_buffer_bytes(&slot->body));
    set_times(slot);
    enum rn_status status = rn_view_make(&slot->arena, event, &slot->view);
    slot->is_answer = status == RN_OK && rn_pair_is_answer(&slot->view);
    return status;
}

uint64_t rn_ask_slot_cost(const struct rn_ask_slot *slot)
{
    const struct rn_ask *ask = slot->ask;
    return ask->has_price && slot->view.event != NULL
               ? rn_plan_answer_cost(&ask->price, &ask->call, &slot->view)
               : 0;
}

/* --- those that are one --------------------------------------------------------------------------------------------- */

struct sorting {
    struct rn_ask *ask;
    const struct rn_view **first; /* of each answer */
};

static bool names_of(const struct rn_view *view, struct rn_arena *arena, struct rn_bytes *out)
{
    struct rn_buffer runs = {0};
    enum rn_status status = RN_OK;
    for (const struct rn_said *said = view->reading.response;
         status == RN_OK && (said = rn_spoken_next(said, RN_SAID_TOOL_CALL)) != NULL;
         said = said->next) {
        status = rn_run_put(&runs, said->name);
    }
    *out = rn_arena_copy(arena, rn_buffer_bytes(&runs));
    rn_buffer_free(&runs);
    return status == RN_OK && out->data != NULL;
}

static enum rn_status add_answer(struct sorting *sorting, const struct rn_view *view,
                                 bool is_recorded, uint32_t count)
{
    struct rn_ask_outcome *outcome = sorting->ask->outcome;
    struct rn_bytes text;
    struct rn_ask_answer *answer = &outcome->answers[outcome->answer_count];
    *answer = (struct rn_ask_answer){.is_recorded = is_recorded,
                                     .count = count,
                                     .finish = rn_finish_name(view->reading.finished)};
    enum rn_status status = rn_pair_text(view, &outcome->arena, &text);
    if (status != RN_OK || !names_of(view, &outcome->arena, &answer->tools)) {
        return RN_NOMEM;
    }
    answer->text = rn_arena_copy(&outcome->arena, text); /* it may be lent from the view */
    sorting->first[outcome->answer_count++] = view;
    return answer->text.data != NULL ? RN_OK : RN_NOMEM;
}

static enum rn_status sort_in(struct sorting *sorting, const struct rn_view *view)
{
    struct rn_ask_outcome *outcome = sorting->ask->outcome;
    for (size_t i = 0; i < outcome->answer_count; i++) {
        struct rn_pair pair;
        enum rn_status status = rn_pair_make(sorting->first[i], view, &pair);
        if (status != RN_OK) {
            return status;
        }
        if (rn_pair_is_same(&pair)) {
            outcome->answers[i].count++;
            outcome->same += outcome->answers[i].is_recorded;
            return RN_OK;
        }
    }
    return add_answer(sorting, view, false, 1);
}

/* The recorded one, then the most frequent. Of equals the one that came first, which their addresses tell no more: by text. */
static int by_count(const void *left, const void *right)
{
    const struct rn_ask_answer *a = left;
    const struct rn_ask_answer *b = right;
    if (a->is_recorded != b->is_recorded) {
        return a->is_recorded ? -1 : 1;
    }
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return rn_bytes_compare(a->text, b->text);
}

static enum rn_status sort_answers(struct rn_ask *ask)
{
    struct rn_ask_outcome *outcome = ask->outcome;
    size_t room = (size_t)ask->next + 1;
    struct sorting sorting = {.ask = ask,
                              .first = rn_arena_alloc(&ask->arena, room * sizeof *sorting.first)};
    outcome->answers = rn_arena_alloc(&outcome->arena, room * sizeof *outcome->answers);
    if (sorting.first == NULL || outcome->answers == NULL) {
        return RN_NOMEM;
    }
    enum rn_status status =
        outcome->recorded_answered ? add_answer(&sorting, &ask->view, true, 0) : RN_OK;
    for (unsigned i = 0; i < ask->next && status == RN_OK; i++) {
        if (ask->slots[i].is_answer) {
            status = sort_in(&sorting, &ask->slots[i].view);
        }
    }
    for (size_t i = 0; i < outcome->answer_count; i++) {
        outcome->distinct += outcome->answers[i].count > 0;
    }
    qsort(outcome->answers, outcome->answer_count, sizeof *outcome->answers, by_count);
    return status;
}

/* --- those that are none -------------------------------------------------------------------------------------------- */

/* In the order of what is known: what the upstream says, what the transfer says, what the status says. */
static struct rn_bytes sentence_of(const struct rn_ask_slot *slot)
{
    struct rn_bytes error = slot->view.reading.error;
    return error.len > 0              ? rn_bytes_sub(error, 0, 500)
           : slot->reason[0] != '\0'  ? rn_bytes_text(slot->reason)
           : slot->status / 100 == 2u ? RN_LIT("what came cannot be read as an answer")
                                      : RN_LIT("it says no more");
}

static enum rn_status add_failure(struct rn_ask_outcome *outcome, const struct rn_ask_slot *slot)
{
    struct rn_bytes sentence = sentence_of(slot);
    for (size_t i = 0; i < outcome->failure_count; i++) {
        struct rn_ask_failure *known = &outcome->failures[i];
        if (known->status == slot->status && rn_bytes_equal(known->sentence, sentence)) {
            known->count++;
            return RN_OK;
        }
    }
    struct rn_ask_failure *failure = &outcome->failures[outcome->failure_count++];
    *failure = (struct rn_ask_failure){
        .count = 1, .status = slot->status, .sentence = rn_arena_copy(&outcome->arena, sentence)};
    return failure->sentence.data != NULL ? RN_OK : RN_NOMEM;
}

static enum rn_status gather_failures(struct rn_ask *ask)
{
    struct rn_ask_outcome *outcome = ask->outcome;
    enum rn_status status = RN_OK;
    outcome->failures =
        rn_arena_alloc(&outcome->arena, ((size_t)ask->next + 1) * sizeof *outcome->failures);
    if (outcome->failures == NULL) {
        return RN_NOMEM;
    }
    for (unsigned i = 0; i < ask->next && status == RN_OK; i++) {
        const struct rn_ask_slot *slot = &ask->slots[i];
        if (!slot->is_answer && slot->end != RN_END_NONE) {
            status = add_failure(outcome, slot);
        }
    }
    return status;
}

/* --- figures -------------------------------------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static enum rn_status add_up(struct rn_ask *ask)
{
    struct rn_ask_outcome *outcome = ask->outcome;
    uint64_t *times = rn_arena_alloc(&ask->arena, ((size_t)ask->next + 1) * sizeof *times);
    size_t count = 0;
    if (times == NULL) {
        return RN_NOMEM;
    }
    for (unsigned i = 0; i < ask->next; i++) {
        const struct rn_ask_slot *slot = &ask->slots[i];
        if (slot->is_answer) {
            times[count++] = slot->done_ns - slot->sent_ns;
            outcome->tokens_in += slot->view.reading.tokens_in;
            outcome->tokens_out += slot->view.reading.tokens_out;
        }
    }
    if (count > 0) {
        qsort(times, count, sizeof *times, by_value);
        outcome->latency =
            (struct rn_ask_spread){times[0], times[(count - 1) / 2], times[count - 1]};
    }
    outcome->cost_known = ask->has_price;
    outcome->cost_pico = ask->spent_pico;
    return RN_OK;
}

enum rn_status rn_ask_sum_up(struct rn_ask *ask)
{
    enum rn_status status = sort_answers(ask);
    status = status == RN_OK ? gather_failures(ask) : status;
    return status == RN_OK ? add_up(ask) : status;
}
