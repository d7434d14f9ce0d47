/*
 * From a request to its recorded answer. In: requests of the gateway. Out: servings, misses, counts, the first finding.
 * Decides no verdict and runs no command.
 */
#include "replayer.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "miss.h"
#include "solitary.h"

#define TICK_NS UINT64_C(50000000)

struct rn_replayer {
    struct rn_replayer_settings settings;
    struct rn_stage stage;
    struct rn_matcher *matcher;
    struct rn_live live;
    struct rn_replayer_counts counts;
    const struct rn_gateway *gateway;
    struct rn_timer *tick;
    bool ticking;
    size_t front;                   /* of the order, when it was looked at last */
    uint64_t front_since_ns;        /* since when the earliest hold waits for just that */
    uint64_t moved_ns;              /* when a call came or an answer was over */
    struct rn_serving **on_the_way; /* beside the rows */
    struct rn_relaxation *relaxations;
    size_t relaxation_count; /* listed */
    size_t relaxation_cap;
    struct rn_arena words; /* of the findings */
    struct rn_finding first;
    bool has_first;
    struct rn_finding *misses;
    size_t miss_count;
    struct rn_http_head *recorded_head; /* scratch for comparing fields */
    struct rn_arena candidate;          /* the event that was looked at last */
    struct rn_event event;
    struct rn_error error;
};

static void on_tick(void *self);

/* --- birth and death ----------------------------------------------------------------------------------------------- */

struct rn_replayer *rn_replayer_new(const struct rn_replayer_settings *settings)
{
    struct rn_replayer *replayer = rn_calloc(1, sizeof *replayer);
    if (replayer == NULL) {
        return NULL;
    }
    replayer->settings = *settings;
    if (settings->patience_ns == 0) {
        replayer->settings.patience_ns = RN_HOLD_PATIENCE_NS;
    }
    replayer->stage = (struct rn_stage){.loop = settings->loop,
                                        .catalog = settings->catalog,
                                        .pace = settings->pace,
                                        .exact = settings->exact,
                                        .patience_ns = replayer->settings.patience_ns};
    replayer->stage.order = rn_order_new(settings->catalog->facts, settings->catalog->count);
    replayer->matcher = rn_matcher_new(settings->catalog, settings->rules);
    replayer->tick = rn_timer_new(settings->loop, on_tick, replayer);
    replayer->on_the_way = rn_calloc(settings->catalog->count, sizeof(struct rn_serving *));
    replayer->stage.on_the_way = replayer->on_the_way;
    replayer->misses = rn_calloc(RN_MISSES_MAX, sizeof *replayer->misses);
    replayer->recorded_head = rn_alloc(sizeof *replayer->recorded_head);
    if (replayer->stage.order == NULL || replayer->matcher == NULL || replayer->tick == NULL ||
        replayer->on_the_way == NULL || replayer->misses == NULL ||
        replayer->recorded_head == NULL) {
        rn_replayer_free(replayer);
        return NULL;
    }
    if (settings->order == RN_ORDER_ANY || settings->exact) {
        rn_order_off(replayer->stage.order);
    }
    return replayer;
}

void rn_replayer_free(struct rn_replayer *replayer)
{
    if (replayer == NULL) {
        return;
    }
    rn_stage_free(&replayer->stage);
    rn_order_free(replayer->stage.order);
    rn_matcher_free(replayer->matcher);
    if (replayer->tick != NULL) {
        rn_timer_free(replayer->tick);
    }
    rn_live_free(&replayer->live);
    rn_arena_free(&replayer->words);
    rn_arena_free(&replayer->candidate);
    rn_free(replayer->misses);
    rn_free(replayer->relaxations);
    rn_free(replayer->on_the_way);
    rn_free(replayer->recorded_head);
    rn_free(replayer);
}

void rn_replayer_watch(struct rn_replayer *replayer, const struct rn_gateway *gateway)
{
    replayer->gateway = gateway;
}

void rn_replayer_force_trace(struct rn_replayer *replayer, size_t trace)
{
    replayer->settings.forced_trace = trace;
}

struct rn_replayer_counts rn_replayer_counts(const struct rn_replayer *replayer)
{
    return replayer->counts;
}

const struct rn_stage *rn_replayer_stage(const struct rn_replayer *replayer)
{
    return &replayer->stage;
}

void rn_replayer_dismiss(struct rn_replayer *replayer)
{
    rn_stage_dismiss(&replayer->stage);
}

const struct rn_matcher *rn_replayer_matcher(const struct rn_replayer *replayer)
{
    return replayer->matcher;
}

const struct rn_finding *rn_replayer_first(const struct rn_replayer *replayer)
{
    return replayer->has_first ? &replayer->first : NULL;
}

const struct rn_finding *rn_replayer_misses(const struct rn_replayer *replayer, size_t *count)
{
    *count = replayer->miss_count;
    return replayer->misses;
}

const struct rn_relaxation *rn_replayer_relaxations(const struct rn_replayer *replayer,
                                                    size_t *count)
{
    *count = replayer->relaxation_count;
    return replayer->relaxations;
}

enum rn_status rn_replayer_status(const struct rn_replayer *replayer, struct rn_error *error)
{
    if (replayer->error.status != RN_OK) {
        return rn_fail(error, replayer->error.status, "%s", replayer->error.text);
    }
    return replayer->stage.failed ? rn_fail(error, RN_NOMEM, "out of memory while replaying")
                                  : RN_OK;
}

static void fail(struct rn_replayer *replayer, const struct rn_error *error)
{
    if (replayer->error.status == RN_OK) {
        replayer->error = *error;
    }
}

/* --- holds --------------------------------------------------------------------------------------------------------- */

static void note_relaxation(struct rn_replayer *replayer, const struct rn_relaxation *relaxation)
{
    if (replayer->relaxation_count == RN_RELAXATIONS_MAX) {
        return;
    }
    if (replayer->relaxation_count == replayer->relaxation_cap) {
        size_t cap = replayer->relaxation_cap == 0 ? 16 : 2 * replayer->relaxation_cap;
        void *grown = rn_realloc(replayer->relaxations, cap * sizeof *replayer->relaxations);
        if (grown == NULL) {
            replayer->stage.failed = true;
            return;
        }
        replayer->relaxations = grown;
        replayer->relaxation_cap = cap;
    }
    replayer->relaxations[replayer->relaxation_count++] = *relaxation;
}

static void count_release(struct rn_replayer *replayer, const struct rn_hold *hold)
{
    uint64_t held_ns = rn_loop_now_ns(replayer->settings.loop) - hold->since_ns;
    replayer->counts.held_ns += held_ns;
    if (hold->release != RN_RELEASE_ORDER && hold->release != RN_RELEASE_OFF) {
        replayer->counts.relaxations++;
        replayer->counts.relaxed_by[hold->release]++;
        replayer->counts.timed_out_holds += hold->release == RN_RELEASE_TIMEOUT;
        note_relaxation(replayer, &(struct rn_relaxation){.row = hold->row,
                                                          .awaited = hold->awaited,
                                                          .awaited_end = hold->awaited_end,
                                                          .why = hold->release,
                                                          .held_ns = held_ns});
    }
}

/* What is awaited has all the patience there is, from now on when it is something else. */
static void note_front(struct rn_replayer *replayer)
{
    if (replayer->front != rn_order_front(replayer->stage.order)) {
        replayer->front = rn_order_front(replayer->stage.order);
        replayer->front_since_ns = rn_loop_now_ns(replayer->settings.loop);
    }
}

static void release(struct rn_replayer *replayer, struct rn_hold *hold)
{
    count_release(replayer, hold);
    rn_serving_released(hold);
}

/* All that can wait do, and nobody can be let go at once: one goes that waits for nobody, or whose client stays silent. */
static struct rn_hold *stuck(const struct rn_replayer *replayer)
{
    uint64_t quiet_ns = 0;
    struct rn_hold *hold = rn_order_stuck(replayer->stage.order, &quiet_ns);
    double pace = replayer->settings.pace;
    double limit = (double)quiet_ns / (pace > 0 && pace < 1 ? pace : 1);
    double quiet = (double)(rn_loop_now_ns(replayer->settings.loop) - replayer->moved_ns);
    bool may_go =
        hold != NULL && (quiet >= limit || rn_solitary(replayer->settings.catalog, hold->row));
    return may_go ? hold : NULL;
}

static struct rn_hold *next_free(struct rn_replayer *replayer)
{
    struct rn_hold *hold = rn_order_next(replayer->stage.order);
    if (hold == NULL && (hold = stuck(replayer)) != NULL) {
        rn_order_let_go(replayer->stage.order, hold);
    }
    return hold;
}

/* Lets everything go whose turn has come, and sees to it that the rest is looked at again. */
static void pump(struct rn_replayer *replayer)
{
    struct rn_hold *hold;
    while ((hold = next_free(replayer)) != NULL) {
        release(replayer, hold);
    }
    note_front(replayer);
    if (!replayer->ticking && rn_order_waiting(replayer->stage.order) > 0) {
        replayer->ticking = true;
        rn_timer_start(replayer->tick, TICK_NS);
    }
}

static bool is_alone(const struct rn_replayer *replayer)
{
    return replayer->gateway != NULL && rn_gateway_counts(replayer->gateway).open == 1;
}

/* Ends a hold that waits for what must come behind it. */
static bool let_go_behind(struct rn_replayer *replayer, struct rn_hold *hold)
{
    struct rn_exchange *exchange = rn_serving_exchange(rn_serving_of(hold));
    return rn_order_behind(replayer->stage.order, hold, rn_exchange_has_successor(exchange),
                           is_alone(replayer));
}

static bool is_patience_over(const struct rn_replayer *replayer, const struct rn_hold *hold)
{
    uint64_t since =
        hold->since_ns > replayer->front_since_ns ? hold->since_ns : replayer->front_since_ns;
    return rn_loop_now_ns(replayer->settings.loop) - since >=
           rn_order_limit_ns(replayer->stage.order, hold, replayer->settings.patience_ns,
                             replayer->settings.pace);
}

static void look_at_holds(struct rn_replayer *replayer)
{
    struct rn_hold *hold = rn_order_first(replayer->stage.order);
    while (hold != NULL) {
        struct rn_hold *next = hold->next;
        bool ended = let_go_behind(replayer, hold);
        if (!ended && is_patience_over(replayer, hold)) {
            rn_order_give_up(replayer->stage.order, hold);
            ended = true;
        }
        if (ended) {
            release(replayer, hold);
            note_front(replayer);
            next = rn_order_first(replayer->stage.order); /* anything may have changed */
        }
        hold = next;
    }
}

/*
 * The end of an answer that its client does not read is never delivered. When recorded it was over once we had it whole. The
 * client may read another answer first, which is held for that end.
 */
static void look_at_the_unread(struct rn_replayer *replayer)
{
    struct rn_order_book *order = replayer->stage.order;
    struct rn_hold *hold = rn_order_first(order);
    uint64_t now = rn_loop_now_ns(replayer->settings.loop);
    uint32_t row;
    bool is_end;
    if (hold == NULL || !rn_order_awaited(order, &row, &is_end) || !is_end ||
        now - replayer->moved_ns < RN_HOLD_QUIET_NS ||
        now - replayer->front_since_ns < RN_HOLD_QUIET_NS || replayer->on_the_way[row] == NULL) {
        return;
    }
    switch (rn_serving_unread(replayer->on_the_way[row])) {
    case RN_UNREAD_WHOLE:
        rn_order_written(order, row);
        break;
    case RN_UNREAD_PART:
        rn_order_unread(order, hold);
        release(replayer, hold);
        break;
    case RN_UNREAD_NOT:
        break;
    }
}

static void on_tick(void *self)
{
    struct rn_replayer *replayer = self;
    replayer->ticking = false;
    look_at_holds(replayer);
    look_at_the_unread(replayer);
    pump(replayer);
}

static void moves(struct rn_replayer *replayer)
{
    replayer->stage.moves++;
    replayer->moved_ns = rn_loop_now_ns(replayer->settings.loop);
}

/* --- misses -------------------------------------------------------------------------------------------------------- */

static void remember_first(struct rn_replayer *replayer, const struct rn_finding *finding)
{
    if (!replayer->has_first) {
        replayer->first = *finding;
        replayer->has_first = true;
    }
}

/* A run that left its path will not send what others wait for: from here on nothing is held. */
static void leave_the_path(struct rn_replayer *replayer, const struct rn_finding *finding)
{
    remember_first(replayer, finding);
    rn_order_off(replayer->stage.order);
    pump(replayer);
}

static void answer_miss(struct rn_replayer *replayer, struct rn_exchange *exchange, size_t trace,
                        const struct rn_match *match)
{
    struct rn_finding finding = {.sentence = "no recording matches this request", .row = RN_NO_ROW};
    replayer->counts.misses++;
    if (replayer->miss_count < RN_MISSES_MAX) {
        rn_finding_miss(replayer->settings.catalog, trace, match, &replayer->live, &replayer->words,
                        &finding);
        if (finding.sentence[0] == '\0') {
            finding.sentence = "no recording matches this request";
        }
        replayer->misses[replayer->miss_count++] = finding;
    }
    rn_exchange_set_context(exchange, NULL);
    rn_miss_answer(exchange, replayer->live.request, finding.sentence);
    leave_the_path(replayer, &finding);
}

/* --- matches ------------------------------------------------------------------------------------------------------- */

/* Reads the candidate, which will be served from what was read, and compares the significant fields. */
static bool accept(void *self, uint32_t row)
{
    struct rn_replayer *replayer = self;
    struct rn_bytes name;
    struct rn_bytes was;
    struct rn_bytes is;
    struct rn_error error = {0};
    size_t skipped;
    rn_arena_free(&replayer->candidate);
    if (rn_catalog_answer(replayer->settings.catalog, row, &replayer->candidate, &replayer->event,
                          &error) != RN_OK) {
        fail(replayer, &error);
        return false;
    }
    struct rn_bytes head = rn_event_get(&replayer->event, RN_TAG_REQUEST_HEAD);
    return rn_http_request_parse(head, replayer->recorded_head, &skipped, NULL) == RN_HTTP_DONE &&
           rn_key_headers_equal(replayer->recorded_head, replayer->live.request->head, &name, &was,
                                &is);
}

static void serve(struct rn_replayer *replayer, struct rn_exchange *exchange,
                  const struct rn_match *match)
{
    struct rn_serving *serving = rn_serving_new(&replayer->stage, exchange, match->row,
                                                &replayer->event, &replayer->candidate);
    if (serving == NULL) {
        fail(replayer,
             &(struct rn_error){.status = RN_NOMEM, .text = "out of memory while replaying"});
        rn_miss_answer(exchange, replayer->live.request, "out of memory");
        return;
    }
    replayer->counts.by_rule[match->rule]++;
    replayer->counts.ambiguous += match->ambiguous;
    moves(replayer);
    rn_order_arrived(replayer->stage.order, match->row);
    rn_serving_go(serving);
    pump(replayer);
    struct rn_hold *hold = rn_serving_hold(serving);
    if (hold->waiting && let_go_behind(replayer, hold)) {
        release(replayer, hold);
        pump(replayer);
    }
}

/* Looks in every trace the request may belong to; `match` is what the last one said. */
static enum rn_status find(struct rn_replayer *replayer, size_t *trace, struct rn_match *match,
                           struct rn_error *error)
{
    const struct rn_catalog *catalog = replayer->settings.catalog;
    struct rn_match none = {.row = RN_NO_ROW, .refused = RN_NO_ROW, .served = RN_NO_ROW};
    size_t forced = replayer->settings.forced_trace;
    size_t at = forced != SIZE_MAX ? forced : rn_live_trace(catalog, replayer->live.label, 0);
    enum rn_status status = RN_OK;
    *match = none;
    *trace = SIZE_MAX;
    while (status == RN_OK && at != SIZE_MAX && match->rule == RN_RULE_NONE) {
        struct rn_match here;
        status = rn_match_take(replayer->matcher, (uint32_t)at, &replayer->live.input, accept,
                               replayer, &here, error);
        bool tells_more =
            here.rule != RN_RULE_NONE || here.refused != RN_NO_ROW || here.served != RN_NO_ROW;
        if (*trace == SIZE_MAX || tells_more) {
            *trace = at;
            *match = here;
        }
        at = forced != SIZE_MAX ? SIZE_MAX : rn_live_trace(catalog, replayer->live.label, at + 1);
    }
    return status;
}

static void answer_own(struct rn_exchange *exchange)
{
    rn_exchange_answer(exchange, 404, RN_LIT(""), "application/json",
                       RN_LIT("{\"error\":{\"type\":\"reenact_gateway\",\"message\":\"reenact has "
                              "nothing at this path\"}}\n"),
                       NULL);
}

static void on_request(void *self, struct rn_exchange *exchange, const struct rn_request *request)
{
    struct rn_replayer *replayer = self;
    struct rn_error error = {0};
    struct rn_match match = {.row = RN_NO_ROW, .refused = RN_NO_ROW, .served = RN_NO_ROW};
    size_t trace = SIZE_MAX;
    if (request->route.kind == RN_ROUTE_OWN) {
        replayer->counts.own++;
        answer_own(exchange);
        return;
    }
    enum rn_status status = rn_live_read(replayer->settings.redactor, request, &replayer->live);
    bool is_whole = request->spill < 0 && request->body_bytes == request->body.len;
    if (status == RN_OK && is_whole && !replayer->live.label_is_illegal) {
        status = find(replayer, &trace, &match, &error);
    }
    if (status != RN_OK) {
        error.status = status;
        fail(replayer, &error);
    }
    if (match.rule != RN_RULE_NONE) {
        serve(replayer, exchange, &match);
    } else {
        answer_miss(replayer, exchange, trace, &match);
    }
}

/* --- ends ---------------------------------------------------------------------------------------------------------- */

static void on_drained(void *self, struct rn_exchange *exchange)
{
    moves(self);
    struct rn_serving *serving = rn_exchange_context(exchange);
    if (serving != NULL) {
        rn_serving_drained(serving);
    }
}

static void is_over(struct rn_replayer *replayer, struct rn_serving *serving, bool as_recorded)
{
    uint32_t row = rn_serving_row(serving);
    uint64_t sent = rn_serving_sent_bytes(serving);
    bool outstayed = rn_serving_outstayed(serving);
    struct rn_recorded *recorded = &replayer->settings.catalog->rows[row];
    recorded->state = as_recorded ? RN_ROW_SERVED : RN_ROW_BROKEN;
    replayer->counts.served += as_recorded;
    replayer->counts.broken += !as_recorded;
    rn_match_over(replayer->matcher, row);
    moves(replayer);
    rn_serving_free(serving);
    rn_order_ended(replayer->stage.order, row);
    if (!as_recorded && !replayer->has_first) {
        struct rn_finding finding;
        if (outstayed) {
            rn_finding_stayed(replayer->settings.catalog, row, sent, &replayer->words, &finding);
        } else {
            rn_finding_left(replayer->settings.catalog, row, sent, &replayer->words, &finding);
        }
        remember_first(replayer, &finding);
    }
    pump(replayer);
}

static void on_delivered(void *self, struct rn_exchange *exchange)
{
    struct rn_serving *serving = rn_exchange_context(exchange);
    if (serving != NULL) {
        is_over(self, serving, !rn_serving_outstayed(serving));
    }
}

static void on_gone(void *self, struct rn_exchange *exchange)
{
    struct rn_replayer *replayer = self;
    struct rn_serving *serving = rn_exchange_context(exchange);
    if (serving != NULL) {
        uint8_t end = replayer->settings.catalog->rows[rn_serving_row(serving)].end;
        is_over(replayer, serving, end == RN_END_ABORTED);
    }
}

struct rn_handler rn_replayer_handler(struct rn_replayer *replayer)
{
    return (struct rn_handler){.self = replayer,
                               .on_request = on_request,
                               .on_drained = on_drained,
                               .on_delivered = on_delivered,
                               .on_gone = on_gone};
}
