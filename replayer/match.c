/*
 * Two hash tables from (trace, key) to a queue of rows: one filled from the stored keys, one on demand. Knows keys, no bytes:
 * whether fields agree is the caller's answer.
 */
#include "match.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

/* Rows of one trace with one key, in order of their ordinals. */
struct queue {
    uint8_t key[RN_KEY_BYTES];
    uint32_t trace;
    uint32_t first; /* of those that may still be unserved; RN_NO_ROW when there is none */
    uint32_t last;
    uint32_t given;     /* the last one that was taken, or RN_NO_ROW */
    uint32_t in_flight; /* taken, not yet over */
};

struct table {
    uint32_t *slots; /* index of a queue + 1; 0: free */
    size_t mask;
    struct queue *queues;
    uint32_t queue_count;
    uint32_t *next;  /* row -> the next one in its queue */
    uint32_t *queue; /* row -> its queue, RN_NO_ROW before it is entered */
};

struct rn_matcher {
    struct rn_catalog *catalog;
    unsigned rules;
    struct table bytes;
    struct table json;
    bool *has_json; /* trace -> its json keys are known */
};

/* --- tables -------------------------------------------------------------------------------------------------------- */

static void table_free(struct table *table)
{
    rn_free(table->slots);
    rn_free(table->queues);
    rn_free(table->next);
    rn_free(table->queue);
    *table = (struct table){0};
}

static bool table_make(struct table *table, size_t rows)
{
    size_t slots = 16;
    while (slots < 2 * rows) {
        slots *= 2;
    }
    table->mask = slots - 1;
    table->slots = rn_calloc(slots, sizeof *table->slots);
    table->queues = rn_alloc(rows * sizeof *table->queues);
    table->next = rn_alloc(rows * sizeof *table->next);
    table->queue = rn_alloc(rows * sizeof *table->queue);
    if (table->slots == NULL || table->queues == NULL || table->next == NULL ||
        table->queue == NULL) {
        table_free(table);
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        table->next[i] = table->queue[i] = RN_NO_ROW;
    }
    return true;
}

/* Keys are digests: their first bytes are as good as any hash. */
static size_t slot_of(const struct table *table, uint32_t trace, const uint8_t key[RN_KEY_BYTES])
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    return (size_t)(hash + trace * UINT64_C(0x9e3779b97f4a7c15)) & table->mask;
}

/* The slot that holds this key, or the free one where it would stand. */
static uint32_t *find_slot(const struct table *table, uint32_t trace,
                           const uint8_t key[RN_KEY_BYTES])
{
    size_t at = slot_of(table, trace, key);
    while (table->slots[at] != 0) {
        const struct queue *queue = &table->queues[table->slots[at] - 1];
        if (queue->trace == trace && memcmp(queue->key, key, RN_KEY_BYTES) == 0) {
            break;
        }
        at = (at + 1) & table->mask;
    }
    return &table->slots[at];
}

static struct queue *find_queue(const struct table *table, uint32_t trace,
                                const uint8_t key[RN_KEY_BYTES])
{
    uint32_t slot = *find_slot(table, trace, key);
    return slot == 0 ? NULL : &table->queues[slot - 1];
}

static void enter(struct table *table, uint32_t row, uint32_t trace,
                  const uint8_t key[RN_KEY_BYTES])
{
    uint32_t *slot = find_slot(table, trace, key);
    if (*slot == 0) {
        struct queue *fresh = &table->queues[table->queue_count];
        *fresh = (struct queue){
            .trace = trace, .first = RN_NO_ROW, .last = RN_NO_ROW, .given = RN_NO_ROW};
        memcpy(fresh->key, key, RN_KEY_BYTES);
        *slot = ++table->queue_count;
    }
    struct queue *queue = &table->queues[*slot - 1];
    if (queue->first == RN_NO_ROW) {
        queue->first = row;
    } else {
        table->next[queue->last] = row;
    }
    queue->last = row;
    table->queue[row] = *slot - 1;
}

/* --- birth --------------------------------------------------------------------------------------------------------- */

struct rn_matcher *rn_matcher_new(struct rn_catalog *catalog, unsigned rules)
{
    struct rn_matcher *matcher = rn_calloc(1, sizeof *matcher);
    if (matcher == NULL) {
        return NULL;
    }
    matcher->catalog = catalog;
    matcher->rules = rules;
    matcher->has_json = rn_calloc(catalog->trace_count, sizeof *matcher->has_json);
    if (matcher->has_json == NULL || !table_make(&matcher->bytes, catalog->count)) {
        rn_matcher_free(matcher);
        return NULL;
    }
    for (uint32_t row = 0; row < catalog->count; row++) {
        enter(&matcher->bytes, row, catalog->rows[row].trace, catalog->rows[row].key);
    }
    return matcher;
}

void rn_matcher_free(struct rn_matcher *matcher)
{
    if (matcher != NULL) {
        table_free(&matcher->bytes);
        table_free(&matcher->json);
        rn_free(matcher->has_json);
        rn_free(matcher);
    }
}

/* --- json keys ----------------------------------------------------------------------------------------------------- */

static enum rn_status enter_json(struct rn_matcher *matcher, uint32_t row, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    uint8_t key[RN_KEY_BYTES];
    enum rn_status status = rn_catalog_event(matcher->catalog, row, &arena, &event, error);
    if (status == RN_OK) {
        status = rn_catalog_key(&event, true, key);
        if (status == RN_OK) {
            enter(&matcher->json, row, matcher->catalog->rows[row].trace, key);
        } else if (status == RN_INVALID || status == RN_LIMIT) {
            status =
                RN_OK; /* no JSON, a duplicate key, too deep: it can only be matched by bytes */
        }
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status know_json(struct rn_matcher *matcher, uint32_t trace, struct rn_error *error)
{
    const struct rn_catalog_trace *rows = &matcher->catalog->traces[trace];
    enum rn_status status = RN_OK;
    if (matcher->has_json[trace]) {
        return RN_OK;
    }
    if (matcher->json.slots == NULL && !table_make(&matcher->json, matcher->catalog->count)) {
        return rn_fail(error, RN_NOMEM, "out of memory for the match keys of %u requests",
                       matcher->catalog->count);
    }
    matcher->has_json[trace] = true;
    for (uint32_t i = 0; status == RN_OK && i < rows->count; i++) {
        status = enter_json(matcher, rows->first + i, error);
    }
    return status;
}

/* --- taking -------------------------------------------------------------------------------------------------------- */

static bool overlapped(const struct rn_matcher *matcher, uint32_t earlier, uint32_t later)
{
    const struct rn_order_fact *facts = matcher->catalog->facts;
    return facts[earlier].end > facts[later].arrival && facts[later].arrival > 0;
}

/* Rows enter queues in order of arrival, so neighbours tell whether `row` was in flight with another of its queue. */
static bool is_ambiguous(const struct rn_matcher *matcher, const struct table *table,
                         const struct queue *queue, uint32_t row)
{
    uint32_t next = table->next[row];
    if (queue->in_flight > 0) {
        return true;
    }
    if (next != RN_NO_ROW && overlapped(matcher, row, next)) {
        return true;
    }
    return queue->given != RN_NO_ROW && overlapped(matcher, queue->given, row);
}

static void take(struct rn_matcher *matcher, struct table *table, struct queue *queue, uint32_t row,
                 struct rn_match *out)
{
    struct rn_recorded *recorded = &matcher->catalog->rows[row];
    out->row = row;
    out->ambiguous = is_ambiguous(matcher, table, queue, row);
    recorded->state = RN_ROW_SERVING;
    recorded->rule = (uint8_t)out->rule;
    recorded->ambiguous = out->ambiguous;
    queue->given = row;
    matcher->bytes.queues[matcher->bytes.queue[row]].in_flight++;
    if (matcher->json.slots != NULL && matcher->json.queue[row] != RN_NO_ROW) {
        matcher->json.queues[matcher->json.queue[row]].in_flight++;
    }
}

/* Forgets rows at the front that were served, through whichever table. */
static uint32_t front_of(struct rn_matcher *matcher, struct table *table, struct queue *queue)
{
    while (queue->first != RN_NO_ROW &&
           matcher->catalog->rows[queue->first].state != RN_ROW_UNSERVED) {
        queue->given = queue->first;
        queue->first = table->next[queue->first];
    }
    return queue->first;
}

static void try_table(struct rn_matcher *matcher, struct table *table, enum rn_rule rule,
                      uint32_t trace, const uint8_t key[RN_KEY_BYTES], rn_match_accept *accept,
                      void *self, struct rn_match *out)
{
    struct queue *queue = find_queue(table, trace, key);
    if (queue == NULL) {
        return;
    }
    for (uint32_t row = front_of(matcher, table, queue); row != RN_NO_ROW; row = table->next[row]) {
        if (matcher->catalog->rows[row].state != RN_ROW_UNSERVED) {
            continue;
        }
        if (accept(self, row)) {
            out->rule = rule;
            take(matcher, table, queue, row, out);
            return;
        }
        out->refused = out->refused == RN_NO_ROW ? row : out->refused;
    }
    out->served = out->served == RN_NO_ROW ? queue->given : out->served;
}

enum rn_status rn_match_take(struct rn_matcher *matcher, uint32_t trace,
                             const struct rn_key_input *input, rn_match_accept *accept, void *self,
                             struct rn_match *out, struct rn_error *error)
{
    uint8_t key[RN_KEY_BYTES];
    *out = (struct rn_match){.row = RN_NO_ROW, .refused = RN_NO_ROW, .served = RN_NO_ROW};
    assert(trace < matcher->catalog->trace_count);
    if ((matcher->rules & 1u << RN_RULE_BYTES) != 0) {
        if (!rn_key_bytes(input, key)) {
            return rn_fail(error, RN_NOMEM, "out of memory for a match key");
        }
        try_table(matcher, &matcher->bytes, RN_RULE_BYTES, trace, key, accept, self, out);
    }
    if (out->rule != RN_RULE_NONE || (matcher->rules & 1u << RN_RULE_JSON) == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_key_json(input, key);
    if (status == RN_NOMEM) {
        return rn_fail(error, status, "out of memory for a match key");
    }
    if (status != RN_OK) {
        return RN_OK; /* nothing but `bytes` is left for it */
    }
    status = know_json(matcher, trace, error);
    if (status == RN_OK) {
        try_table(matcher, &matcher->json, RN_RULE_JSON, trace, key, accept, self, out);
    }
    return status;
}

static void leave(struct table *table, uint32_t row)
{
    if (table->slots == NULL || table->queue[row] == RN_NO_ROW) {
        return;
    }
    struct queue *queue = &table->queues[table->queue[row]];
    if (queue->in_flight > 0) {
        queue->in_flight--; /* json keys may have become known while it was in flight */
    }
}

void rn_match_over(struct rn_matcher *matcher, uint32_t row)
{
    leave(&matcher->bytes, row);
    leave(&matcher->json, row);
}

uint32_t rn_match_next_same(const struct rn_matcher *matcher, uint32_t row)
{
    return matcher->bytes.next[row];
}
