/*
 * What the store says about a plan's calls: every exchange of the backtest's traces names the call it answers.
 *
 * Nothing else is kept about the progress of a backtest, so what these traces hold is the whole truth, also after a crash. An
 * exchange without an answer (its recorder died, or the sender was interrupted) is no attempt that was answered; that it may
 * have been paid is noted.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "plan.h"
#include "store/find.h"

/* --- rules ---------------------------------------------------------------------------------------------------------- */

bool rn_plan_is_success(unsigned status, enum rn_end end)
{
    return status >= 200 && status < 300 && end == RN_END_ENDED;
}

bool rn_plan_may_retry(unsigned status, enum rn_end end)
{
    switch (status) {
    case 408:
    case 409:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
    case 529: /* Anthropic: overloaded */
        return true;
    default:
        return status == 0 || end != RN_END_ENDED;
    }
}

bool rn_plan_is_final(const struct rn_plan *plan, unsigned status, enum rn_end end,
                      uint32_t attempts)
{
    return rn_plan_is_success(status, end) || !rn_plan_may_retry(status, end) ||
           attempts >= plan->attempts;
}

static uint64_t text_bytes(const struct rn_said *said)
{
    uint64_t bytes = 0;
    for (; said != NULL; said = said->next) {
        bytes += said->text.len;
    }
    return bytes;
}

uint64_t rn_plan_answer_cost(const struct rn_price *price, const struct rn_plan_call *call,
                             const struct rn_view *view)
{
    const struct rn_reading *reading = &view->reading;
    if (reading->has_usage) {
        return rn_price_cost(price, reading->tokens_in, reading->tokens_cached,
                             reading->tokens_out);
    }
    enum rn_end end = rn_event_end_of(view->event);
    if (!rn_plan_is_success(view->status, RN_END_ENDED) || end == RN_END_LOST ||
        end == RN_END_ABORTED) {
        return 0;
    }
    uint64_t out = reading->dialect == RN_DIALECT_OPENAI_EMBEDDINGS
                       ? 0
                       : (text_bytes(reading->response) + 3) / 4;
    return rn_price_cost(price, call->tokens_in, 0, out);
}

enum rn_status rn_plan_status_of(const struct rn_event *event, unsigned *status)
{
    *status = 0;
    if (rn_event_end_of(event) == RN_END_REFUSED) {
        return RN_OK;
    }
    struct rn_http_head *head = rn_alloc(sizeof *head);
    if (head == NULL) {
        return RN_NOMEM;
    }
    struct rn_bytes answer = rn_event_get(event, RN_TAG_RESPONSE_HEAD);
    if (rn_http_response_parse(answer, rn_event_get(event, RN_TAG_METHOD), head, NULL) ==
            RN_HTTP_DONE ||
        rn_http_response_skim(answer, head)) {
        *status = head->status;
    }
    rn_free(head);
    return RN_OK;
}

/* --- from an exchange to its call ----------------------------------------------------------------------------------- */

/* The plan's calls in order of (trace, ordinal). */
struct calls {
    const struct rn_plan *plan;
    uint32_t *order;
};

static int compare_calls(const struct rn_plan_call *a, const struct rn_trace_id *trace, uint32_t n)
{
    int order = memcmp(a->trace.bytes, trace->bytes, RN_TRACE_ID_BYTES);
    return order != 0 ? order : (a->n > n) - (a->n < n);
}

static int order_calls(const void *a, const void *b, void *self)
{
    const struct rn_plan_call *calls = self;
    const struct rn_plan_call *second = &calls[*(const uint32_t *)b];
    return compare_calls(&calls[*(const uint32_t *)a], &second->trace, second->n);
}

static enum rn_status calls_sort(struct calls *calls, const struct rn_plan *plan,
                                 struct rn_error *error)
{
    calls->plan = plan;
    calls->order = rn_calloc(plan->call_count + 1, sizeof *calls->order);
    if (calls->order == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to look for answers");
    }
    for (size_t i = 0; i < plan->call_count; i++) {
        calls->order[i] = (uint32_t)i;
    }
    qsort_r(calls->order, plan->call_count, sizeof *calls->order, order_calls, plan->calls);
    return RN_OK;
}

static bool calls_find(const struct calls *calls, const struct rn_trace_id *trace, uint64_t n,
                       size_t *call)
{
    size_t low = 0;
    size_t high = calls->plan->call_count;
    while (low < high && n <= UINT32_MAX) {
        size_t middle = low + (high - low) / 2;
        int order = compare_calls(&calls->plan->calls[calls->order[middle]], trace, (uint32_t)n);
        if (order == 0) {
            *call = calls->order[middle];
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order > 0 ? middle : high;
    }
    return false;
}

/* Which call an exchange answers; false when it says nothing we know. */
static bool read_answers(const struct calls *calls, const struct rn_event *event,
                         struct rn_plan_attempt *attempt)
{
    struct rn_view_answered answered;
    if (rn_event_kind_of(event) != RN_EVENT_EXCHANGE || !rn_view_answered(event, &answered)) {
        return false;
    }
    attempt->attempt = answered.attempt;
    return calls_find(calls, &answered.trace, answered.n, &attempt->call);
}

/* --- the traces ----------------------------------------------------------------------------------------------------- */

struct walk {
    struct rn_store *store;
    struct calls calls;
    rn_plan_visit *visit;
    void *self;
    struct rn_error *error;
};

/* An event that is missing (a gap counts it) or damaged answers nothing: its call is sent again, or reported as unanswered. */
static enum rn_status visit_event(struct walk *walk, const struct rn_trace_id *trace, uint32_t n)
{
    struct rn_arena arena = {0};
    struct rn_event event = {.n = n};
    struct rn_error why = {.text = ""};
    struct rn_plan_attempt attempt = {.trace = trace, .n = n, .event = &event};
    enum rn_status status =
        rn_trace_event(walk->store, trace, RN_CLASS_EVENT, n, &arena, &event, &why);
    if (status == RN_OK) {
        status = read_answers(&walk->calls, &event, &attempt) ? walk->visit(walk->self, &attempt)
                                                              : RN_OK;
    } else if (status == RN_NOTFOUND || status == RN_DAMAGED) {
        status = RN_OK;
    } else {
        rn_fail(walk->error, status, "%s", why.text);
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status visit_trace(struct walk *walk, const struct rn_trace_id *trace)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(walk->store, trace, &arena, &summary, walk->error);
    bool is_ours = status == RN_OK && rn_bytes_equal(summary.kind, rn_bytes_text(RN_PLAN_KIND));
    uint32_t events = is_ours ? summary.events : 0;
    rn_arena_free(&arena);
    for (uint32_t n = 1; n <= events && status == RN_OK; n++) {
        status = visit_event(walk, trace, n);
    }
    return status;
}

enum rn_status rn_plan_each_attempt(struct rn_store *store, const struct rn_plan *plan,
                                    rn_plan_visit *visit, void *self, struct rn_error *error)
{
    struct walk walk = {.store = store, .visit = visit, .self = self, .error = error};
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    enum rn_status status = rn_find_session(store, &plan->id, &ids, &count, error);
    if (status == RN_NOTFOUND) {
        return RN_OK; /* it was never run */
    }
    status = status == RN_OK ? calls_sort(&walk.calls, plan, error) : status;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        status = visit_trace(&walk, &ids[i]);
    }
    rn_free(walk.calls.order);
    rn_free(ids);
    return status;
}

/* --- answers -------------------------------------------------------------------------------------------------------- */

struct judging {
    const struct rn_plan *plan;
    struct rn_plan_answer *answers;
    struct rn_error *error;
};

static enum rn_status judge(void *self, const struct rn_plan_attempt *attempt)
{
    struct judging *judging = self;
    struct rn_plan_answer *answer = &judging->answers[attempt->call];
    enum rn_end end = rn_event_end_of(attempt->event);
    unsigned status = 0;
    if (end == RN_END_LOST || end == RN_END_ABORTED) {
        answer->lost = true;
        return RN_OK;
    }
    if (end == RN_END_NONE || rn_plan_is_success(answer->status, answer->end)) {
        return RN_OK; /* still on its way; or answered for good already */
    }
    if (rn_plan_status_of(attempt->event, &status) != RN_OK) {
        return rn_fail(judging->error, RN_NOMEM, "no memory to look for answers");
    }
    answer->trace = *attempt->trace;
    answer->n = attempt->n;
    answer->attempts++;
    answer->status = (uint16_t)status;
    answer->end = (uint8_t)end;
    answer->final = rn_plan_is_final(judging->plan, status, end, answer->attempts);
    return RN_OK;
}

enum rn_status rn_plan_answers(struct rn_store *store, const struct rn_plan *plan,
                               struct rn_plan_answer **out, struct rn_error *error)
{
    struct judging judging = {.plan = plan, .error = error};
    *out = NULL;
    judging.answers = rn_calloc(plan->call_count + 1, sizeof *judging.answers);
    if (judging.answers == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory for the answers of %zu calls", plan->call_count);
    }
    enum rn_status status = rn_plan_each_attempt(store, plan, judge, &judging, error);
    if (status != RN_OK) {
        rn_free(judging.answers);
        return status;
    }
    *out = judging.answers;
    return RN_OK;
}
