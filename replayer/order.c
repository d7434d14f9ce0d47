/*
 * Marks (arrivals and ends) in order of their stamps, and a front that passes over what has happened. A point may pass when
 * the front is not before its stamp. Knows neither clock nor clients.
 */
#include "order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

struct mark {
    uint64_t stamp;
    uint32_t row;
    bool is_end;
    bool done; /* it happened, or nobody waits for it any more */
};

struct rn_order_book {
    const struct rn_order_fact *facts;
    size_t count;
    struct mark *marks;
    size_t mark_count;
    size_t front;      /* the first mark that is not done */
    uint32_t *arrival; /* row -> its marks, UINT32_MAX where there is none */
    uint32_t *end;
    struct rn_hold *first; /* waiting, by stamp */
    struct rn_hold *last;
    size_t waiting;
    size_t lingering;
    size_t recorded_peak;
    size_t peak; /* as far as this client reaches it */
    size_t in_flight;
    bool off;
};

/* --- birth --------------------------------------------------------------------------------------------------------- */

static int by_stamp(const void *a, const void *b)
{
    const struct mark *left = a;
    const struct mark *right = b;
    return left->stamp < right->stamp ? -1 : left->stamp > right->stamp;
}

static void collect_marks(struct rn_order_book *order)
{
    for (uint32_t row = 0; row < order->count; row++) {
        const struct rn_order_fact *fact = &order->facts[row];
        if (fact->arrival == 0) {
            continue;
        }
        order->marks[order->mark_count++] = (struct mark){.stamp = fact->arrival, .row = row};
        if (fact->end > fact->arrival) {
            order->marks[order->mark_count++] =
                (struct mark){.stamp = fact->end, .row = row, .is_end = true};
        }
    }
    qsort(order->marks, order->mark_count, sizeof *order->marks, by_stamp);
}

/* Notes where each row's marks are, finds the peak, and sees whether one counter gave all the stamps. */
static void index_marks(struct rn_order_book *order)
{
    size_t in_flight = 0;
    uint64_t latest_ns = 0;
    for (uint32_t i = 0; i < order->mark_count; i++) {
        const struct mark *mark = &order->marks[i];
        if (i > 0 && mark->stamp == mark[-1].stamp) {
            order->off = true;
        }
        if (!mark->is_end) {
            const struct rn_order_fact *fact = &order->facts[mark->row];
            order->off = order->off || (fact->is_steady && fact->arrived_ns < latest_ns);
            latest_ns = fact->arrived_ns;
        }
        if (mark->is_end) {
            order->end[mark->row] = i;
            in_flight--;
        } else {
            order->arrival[mark->row] = i;
            in_flight++;
            order->peak = in_flight > order->peak ? in_flight : order->peak;
        }
    }
    order->recorded_peak = order->peak;
}

struct rn_order_book *rn_order_new(const struct rn_order_fact *facts, size_t count)
{
    struct rn_order_book *order = rn_calloc(1, sizeof *order);
    if (order == NULL) {
        return NULL;
    }
    order->facts = facts;
    order->count = count;
    order->marks = rn_calloc(2 * count, sizeof *order->marks);
    order->arrival = rn_alloc(count * sizeof *order->arrival);
    order->end = rn_alloc(count * sizeof *order->end);
    if (order->marks == NULL || order->arrival == NULL || order->end == NULL) {
        rn_order_free(order);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        order->arrival[i] = order->end[i] = RN_NO_ROW;
    }
    collect_marks(order);
    index_marks(order);
    return order;
}

void rn_order_free(struct rn_order_book *order)
{
    if (order != NULL) {
        rn_free(order->marks);
        rn_free(order->arrival);
        rn_free(order->end);
        rn_free(order);
    }
}

void rn_order_off(struct rn_order_book *order)
{
    order->off = true;
}

bool rn_order_is_off(const struct rn_order_book *order)
{
    return order->off;
}

size_t rn_order_peak(const struct rn_order_book *order)
{
    return order->recorded_peak;
}

size_t rn_order_waiting(const struct rn_order_book *order)
{
    return order->waiting;
}

struct rn_hold *rn_order_first(const struct rn_order_book *order)
{
    return order->first;
}

bool rn_order_awaited(const struct rn_order_book *order, uint32_t *row, bool *is_end)
{
    if (order->front == order->mark_count) {
        return false;
    }
    *row = order->marks[order->front].row;
    *is_end = order->marks[order->front].is_end;
    return true;
}

size_t rn_order_front(const struct rn_order_book *order)
{
    return order->front;
}

/* --- what happens -------------------------------------------------------------------------------------------------- */

static void mark_done(struct rn_order_book *order, uint32_t at)
{
    if (at == RN_NO_ROW) {
        return;
    }
    order->marks[at].done = true;
    while (order->front < order->mark_count && order->marks[order->front].done) {
        order->front++;
    }
}

void rn_order_arrived(struct rn_order_book *order, uint32_t row)
{
    assert(row < order->count);
    order->in_flight++;
    if (order->in_flight > order->peak && order->peak < order->recorded_peak) {
        order->peak = order->in_flight;
    }
    mark_done(order, order->arrival[row]);
}

void rn_order_ended(struct rn_order_book *order, uint32_t row)
{
    assert(row < order->count && order->in_flight > 0);
    order->in_flight--;
    mark_done(order, order->end[row]);
}

void rn_order_written(struct rn_order_book *order, uint32_t row)
{
    assert(row < order->count);
    mark_done(order, order->end[row]);
}

void rn_order_linger(struct rn_order_book *order, int change)
{
    assert(change > 0 || order->lingering > 0);
    order->lingering = change > 0 ? order->lingering + 1 : order->lingering - 1;
}

/* --- what the recording says --------------------------------------------------------------------------------------- */

/* The first mark behind `stamp`. */
static size_t mark_behind(const struct rn_order_book *order, uint64_t stamp)
{
    size_t low = 0;
    size_t high = order->mark_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order->marks[middle].stamp <= stamp) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Whether the mark is something a client did, and may have done because of what it had been given. */
static bool is_clients(const struct rn_order_book *order, const struct mark *mark)
{
    return !mark->is_end || order->facts[mark->row].client_left;
}

bool rn_order_is_quiet(const struct rn_order_book *order, uint32_t row, uint64_t stamp)
{
    uint64_t end = order->facts[row].end;
    size_t at = stamp == 0 ? 0 : mark_behind(order, stamp - 1);
    while (at < order->mark_count && order->marks[at].stamp < end) {
        if (is_clients(order, &order->marks[at])) {
            return false;
        }
        at++;
    }
    return true;
}

uint64_t rn_order_stamp_of(const struct rn_order_book *order, uint32_t row, uint64_t given)
{
    const struct rn_order_fact *fact = &order->facts[row];
    if (fact->arrival == 0 || given >= fact->end) {
        return fact->end;
    }
    return given < fact->first_byte ? fact->first_byte : given + 1;
}

uint64_t rn_order_stamp_at(const struct rn_order_book *order, uint32_t row, uint64_t ns,
                           size_t *cursor)
{
    const struct rn_order_fact *fact = &order->facts[row];
    size_t first = mark_behind(order, fact->first_byte);
    size_t at = *cursor < first ? first : *cursor;
    for (; at < order->mark_count && order->marks[at].stamp < fact->end; at++) {
        const struct mark *mark = &order->marks[at];
        const struct rn_order_fact *other = &order->facts[mark->row];
        if (is_clients(order, mark) && (mark->is_end ? other->ended_ns : other->arrived_ns) > ns) {
            break;
        }
    }
    *cursor = at;
    return at > first ? order->marks[at - 1].stamp + 1 : fact->first_byte;
}

/* --- holding ------------------------------------------------------------------------------------------------------- */

static bool may_pass(const struct rn_order_book *order, uint64_t stamp)
{
    return order->off || stamp == 0 || order->front == order->mark_count ||
           order->marks[order->front].stamp >= stamp;
}

static void link_hold(struct rn_order_book *order, struct rn_hold *hold)
{
    struct rn_hold *before = order->last;
    while (before != NULL && before->stamp > hold->stamp) {
        before = before->previous;
    }
    hold->previous = before;
    hold->next = before == NULL ? order->first : before->next;
    if (hold->next == NULL) {
        order->last = hold;
    } else {
        hold->next->previous = hold;
    }
    if (before == NULL) {
        order->first = hold;
    } else {
        before->next = hold;
    }
    hold->waiting = true;
    order->waiting++;
}

void rn_order_forget(struct rn_order_book *order, struct rn_hold *hold)
{
    if (!hold->waiting) {
        return;
    }
    if (hold->previous == NULL) {
        order->first = hold->next;
    } else {
        hold->previous->next = hold->next;
    }
    if (hold->next == NULL) {
        order->last = hold->previous;
    } else {
        hold->next->previous = hold->previous;
    }
    hold->next = hold->previous = NULL;
    hold->waiting = false;
    order->waiting--;
}

bool rn_order_pass(struct rn_order_book *order, struct rn_hold *hold, uint32_t row, uint64_t stamp)
{
    assert(!hold->waiting);
    if (hold->loose || may_pass(order, stamp)) {
        return true;
    }
    hold->row = row;
    hold->stamp = stamp;
    link_hold(order, hold);
    return false;
}

static struct rn_hold *released(struct rn_order_book *order, struct rn_hold *hold,
                                enum rn_release why)
{
    rn_order_forget(order, hold);
    hold->release = why;
    hold->awaited = RN_NO_ROW;
    (void)rn_order_awaited(order, &hold->awaited, &hold->awaited_end);
    return hold;
}

/* An end comes without anybody's help, and who left when recorded needs no further request to leave again. */
static bool is_at_peak(const struct rn_order_book *order)
{
    return !order->off && order->first != NULL && !may_pass(order, order->first->stamp) &&
           !order->marks[order->front].is_end && order->waiting + order->lingering >= order->peak;
}

/* Whether no client has still to do what it did, when recorded, behind what `hold` gave last. */
static bool goes_at_once(const struct rn_order_book *order, const struct rn_hold *hold)
{
    bool at_once = true;
    for (size_t at = order->front; hold->given != 0 && at_once && at < order->mark_count &&
                                   order->marks[at].stamp < hold->stamp;
         at++) {
        const struct mark *mark = &order->marks[at];
        at_once = mark->done || mark->stamp < hold->given || !is_clients(order, mark);
    }
    return at_once;
}

/*
 * At the peak: the earliest hold of a request that came before the awaited one, which it followed in the recording. There is
 * one: were all of these in their place, they and the awaited one would be more than the peak. It may be one that lingers; it
 * will leave. With fewer connections than when recorded nobody need be out of place.
 */
static struct rn_hold *early_bird(const struct rn_order_book *order, bool at_once)
{
    uint64_t awaited = order->marks[order->front].stamp;
    bool anybody = order->peak < order->recorded_peak;
    for (struct rn_hold *hold = order->first; hold != NULL; hold = hold->next) {
        bool is_early = anybody || order->facts[hold->row].arrival > awaited;
        if (is_early && goes_at_once(order, hold) == at_once) {
            return hold;
        }
    }
    return NULL;
}

/* When what `hold` waits for had all been done by clients, in ns. */
static uint64_t done_ns(const struct rn_order_book *order, const struct rn_hold *hold)
{
    uint64_t last = 0;
    for (size_t at = order->front; at < order->mark_count && order->marks[at].stamp < hold->stamp;
         at++) {
        const struct mark *mark = &order->marks[at];
        const struct rn_order_fact *fact = &order->facts[mark->row];
        if (!mark->done && is_clients(order, mark)) {
            last = mark->is_end ? fact->ended_ns : fact->arrived_ns;
        }
    }
    return last;
}

struct rn_hold *rn_order_stuck(const struct rn_order_book *order, uint64_t *quiet_ns)
{
    struct rn_hold *hold = is_at_peak(order) ? early_bird(order, false) : NULL;
    if (hold != NULL) {
        uint64_t last = done_ns(order, hold);
        uint64_t gap = last > hold->given_ns ? last - hold->given_ns : 0;
        *quiet_ns = gap > RN_HOLD_QUIET_NS / 3 ? 3 * gap : RN_HOLD_QUIET_NS;
    }
    return hold;
}

void rn_order_let_go(struct rn_order_book *order, struct rn_hold *hold)
{
    hold->loose = true;
    (void)released(order, hold, RN_RELEASE_PEAK);
}

struct rn_hold *rn_order_next(struct rn_order_book *order)
{
    struct rn_hold *first = order->first;
    if (first == NULL) {
        return NULL;
    }
    if (order->off) {
        return released(order, first, RN_RELEASE_OFF);
    }
    if (may_pass(order, first->stamp)) {
        return released(order, first, RN_RELEASE_ORDER);
    }
    struct rn_hold *bird = is_at_peak(order) ? early_bird(order, true) : NULL;
    return bird == NULL ? NULL : released(order, bird, RN_RELEASE_PEAK);
}

bool rn_order_behind(struct rn_order_book *order, struct rn_hold *hold, bool has_successor,
                     bool alone)
{
    if (order->off || may_pass(order, hold->stamp)) {
        return false; /* rn_order_next will give it */
    }
    const struct mark *awaited = &order->marks[order->front];
    if (awaited->is_end) {
        return false; /* it came, and will end by itself */
    }
    bool same_connection =
        order->facts[awaited->row].connection == order->facts[hold->row].connection;
    if (!has_successor && !(alone && same_connection)) {
        return false;
    }
    (void)released(order, hold, RN_RELEASE_CONNECTION);
    return true;
}

void rn_order_unread(struct rn_order_book *order, struct rn_hold *hold)
{
    assert(order->front < order->mark_count && order->marks[order->front].is_end);
    (void)released(order, hold, RN_RELEASE_UNREAD);
    mark_done(order, (uint32_t)order->front);
}

uint64_t rn_order_limit_ns(const struct rn_order_book *order, const struct rn_hold *hold,
                           uint64_t least_ns, double pace)
{
    uint32_t row;
    bool is_end;
    if (!rn_order_awaited(order, &row, &is_end)) {
        return least_ns;
    }
    uint64_t held = order->facts[hold->row].arrived_ns;
    uint64_t awaited = is_end ? order->facts[row].ended_ns : order->facts[row].arrived_ns;
    double slowness = pace > 0 && pace < 1 ? pace : 1;
    double limit = awaited > held ? 3.0 * (double)(awaited - held) / slowness : 0;
    if (limit <= (double)least_ns) {
        return least_ns;
    }
    return limit < (double)UINT64_MAX ? (uint64_t)limit : UINT64_MAX;
}

void rn_order_give_up(struct rn_order_book *order, struct rn_hold *hold)
{
    size_t stuck = order->waiting + order->lingering;
    (void)released(order, hold, RN_RELEASE_TIMEOUT);
    order->peak = stuck < order->peak ? stuck : order->peak;
    for (size_t at = order->front; at < order->mark_count && order->marks[at].stamp < hold->stamp;
         at++) {
        const struct mark *mark = &order->marks[at];
        if (!mark->is_end && !mark->done) {
            mark_done(order, order->end[mark->row]);
        }
        mark_done(order, (uint32_t)at);
    }
}
