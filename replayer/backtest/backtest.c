/*
 * Backtests as they stand in a store: what each amounts to so far, and taking one away. Running one is send.c's, making one
 * plan_make.c's.
 */
#include "backtest.h"

#include <string.h>

#include "base/memory.h"
#include "plan.h"
#include "plan_facts.h"
#include "plan_find.h"
#include "plan_lock.h"

/* --- facts ---------------------------------------------------------------------------------------------------------- */

static void count_answers(const struct rn_plan *plan, const struct rn_plan_answer *answers,
                          struct rn_backtest_facts *facts)
{
    for (size_t i = 0; i < plan->call_count; i++) {
        facts->answered += answers[i].final;
        facts->failed += answers[i].final && !rn_plan_is_success(answers[i].status, answers[i].end);
    }
    facts->complete = facts->answered == facts->calls;
}

struct counting {
    const struct rn_plan *plan;
    struct rn_backtest_facts *facts;
    struct rn_error *error;
};

/* Every answer that came was paid, also one that did not count. */
static enum rn_status add_cost(void *self, const struct rn_plan_attempt *attempt)
{
    struct counting *counting = self;
    const struct rn_plan *plan = counting->plan;
    struct rn_arena arena = {0};
    struct rn_view view = {0};
    enum rn_status status = rn_view_make(&arena, attempt->event, &view);
    if (status == RN_OK) {
        uint64_t cost =
            rn_plan_answer_cost(rn_plan_price(plan), &plan->calls[attempt->call], &view);
        uint64_t *spent = &counting->facts->spent_pico;
        *spent = cost > UINT64_MAX - *spent ? UINT64_MAX : *spent + cost;
    } else {
        rn_fail(counting->error, status, "no memory to read an answer");
    }
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status facts_of(struct rn_store *store, const struct rn_plan *plan,
                               struct rn_backtest_facts *facts, struct rn_error *error)
{
    struct counting counting = {.plan = plan, .facts = facts, .error = error};
    struct rn_plan_answer *answers = NULL;
    rn_plan_facts(plan, facts);
    enum rn_status status = rn_plan_answers(store, plan, &answers, error);
    if (status == RN_OK) {
        count_answers(plan, answers, facts);
    }
    if (status == RN_OK && rn_plan_price(plan) != NULL) {
        status = rn_plan_each_attempt(store, plan, add_cost, &counting, error);
    }
    rn_free(answers);
    return status;
}

enum rn_status rn_backtest_facts(const char *store_path, const char *which,
                                 struct rn_backtest_facts *facts, struct rn_error *error)
{
    struct rn_store *store = NULL;
    struct rn_plan plan = {0};
    *facts = (struct rn_backtest_facts){0};
    enum rn_status status = rn_store_open_given(store_path, RN_STORE_READ, &store, error);
    status = status == RN_OK ? rn_plan_load(store, which, &plan, error) : status;
    status = status == RN_OK ? facts_of(store, &plan, facts, error) : status;
    rn_plan_free(&plan);
    rn_store_close(store);
    return status;
}

/* One that cannot be read keeps nobody from seeing the others; its trouble is returned in the end. */
static enum rn_status each(struct rn_store *store, const struct rn_plan_names *names,
                           rn_backtest_visit *visit, void *self, struct rn_error *error)
{
    enum rn_status first = RN_OK;
    bool goes_on = true;
    for (size_t i = 0; i < names->count && goes_on; i++) {
        struct rn_plan plan;
        struct rn_backtest_facts facts;
        struct rn_error why = {.text = ""};
        enum rn_status status = rn_plan_read(store, &names->ids[i], &plan, &why);
        status = status == RN_OK ? facts_of(store, &plan, &facts, &why) : status;
        goes_on = status != RN_OK || visit(self, &facts);
        rn_plan_free(&plan);
        if (status != RN_OK && first == RN_OK) {
            first = rn_fail(error, status, "%s", why.text);
        }
    }
    return first;
}

enum rn_status rn_backtest_each(const char *store_path, rn_backtest_visit *visit, void *self,
                                struct rn_error *error)
{
    struct rn_store *store = NULL;
    struct rn_plan_names names = {0};
    enum rn_status status = rn_store_open_given(store_path, RN_STORE_READ, &store, error);
    status = status == RN_OK ? rn_plan_names(store, &names, error) : status;
    status = status == RN_OK ? each(store, &names, visit, self, error) : status;
    rn_plan_names_free(&names);
    rn_store_close(store);
    return status;
}

/* --- drop ----------------------------------------------------------------------------------------------------------- */

static enum rn_status is_answer(struct rn_store *store, const struct rn_trace_id *id, bool *yes,
                                struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(store, id, &arena, &summary, error);
    *yes = status == RN_OK && rn_bytes_equal(summary.kind, rn_bytes_text(RN_PLAN_KIND));
    rn_arena_free(&arena);
    return status;
}

static enum rn_status check_held(struct rn_store *store, const struct rn_trace_id *ids,
                                 size_t count, struct rn_error *error)
{
    char holder[RN_DOCUMENT_NAME_BYTES_MAX + 16];
    for (size_t i = 0; i < count; i++) {
        if (rn_trace_is_held(store, &ids[i], holder)) {
            return rn_fail(error, RN_REFUSED,
                           "a trace of this backtest is held by %s: drop that first", holder);
        }
    }
    return RN_OK;
}

/* A session may hold traces that are nobody's answer: they stay. */
static enum rn_status drop_traces(struct rn_store *store, const struct rn_trace_id *session,
                                  struct rn_error *error)
{
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    enum rn_status status = rn_find_session(store, session, &ids, &count, error);
    if (status == RN_NOTFOUND) {
        return RN_OK;
    }
    status = status == RN_OK ? check_held(store, ids, count, error) : status;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        bool ours = false;
        status = is_answer(store, &ids[i], &ours, error);
        status = status == RN_OK && ours ? rn_trace_drop(store, &ids[i], error) : status;
    }
    rn_free(ids);
    return status;
}

/* The traces first: while the plan is there, an end half-way can be repeated. */
static enum rn_status drop(struct rn_store *store, const struct rn_trace_id *id,
                           struct rn_error *error)
{
    const char *path = rn_store_path(store);
    char name[33];
    int lock = -1;
    rn_trace_id_text(id, name);
    enum rn_status status = rn_plan_lock(path, id, &lock, error);
    status = status == RN_OK ? drop_traces(store, id, error) : status;
    status = status == RN_OK ? rn_document_drop(store, RN_PLAN_KIND, name, error) : status;
    rn_plan_unlock(path, id, lock);
    return status;
}

enum rn_status rn_backtest_drop(const char *store_path, const char *which, struct rn_error *error)
{
    struct rn_store *store = NULL;
    struct rn_trace_id id;
    enum rn_status status = rn_store_open_given(store_path, RN_STORE_READ, &store, error);
    status = status == RN_OK ? rn_plan_resolve(store, which, &id, error) : status;
    status = status == RN_OK ? drop(store, &id, error) : status;
    rn_store_close(store);
    return status;
}
