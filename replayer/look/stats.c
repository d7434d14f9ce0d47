/* Groups of facts in a hash table, their measurements in series (stats.h). */
#include "stats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/memory.h"
#include "glance.h"
#include "spread.h"

#define BUCKETS 4096u

struct rn_stats_series {
    struct rn_series latency;
    struct rn_series first_byte;
};

struct grouping {
    struct rn_stats *stats;
    const enum rn_stats_by *by;
    unsigned by_count;
    const struct rn_prices *prices;
    struct rn_trace_id last; /* the trace that `traces` counted last */
    struct bucket {
        struct rn_stats_row *row;
        struct bucket *next;
    } * buckets[BUCKETS];
};

const char *rn_stats_by_name(enum rn_stats_by by)
{
    static const char *const names[] = {"model",    "answered", "prompt",  "status", "release",
                                        "upstream", "kind",     "dialect", "finish", "day"};
    return by < RN_STATS_BY_COUNT ? names[by] : NULL;
}

/* --- keys ----------------------------------------------------------------------------------------------------------- */

struct scratch {
    char text[32];
};

static struct rn_bytes day_of(uint64_t wall_ns, struct scratch *scratch)
{
    time_t seconds = (time_t)(wall_ns / UINT64_C(1000000000));
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(scratch->text, sizeof scratch->text, "%Y-%m-%d", &parts) == 0) {
        return RN_LIT("");
    }
    return rn_bytes_text(scratch->text);
}

static struct rn_bytes prompt_of(const struct rn_facts *facts, struct scratch *scratch)
{
    if (facts->prompt_name.len > 0 || rn_prompt_key_is_none(&facts->prompt.system_family)) {
        return facts->prompt_name;
    }
    rn_prompt_key_text(&facts->prompt.system_family, scratch->text);
    return rn_bytes_text(scratch->text);
}

static struct rn_bytes key_of(enum rn_stats_by by, const struct rn_trace_summary *trace,
                              const struct rn_facts *facts, struct scratch *scratch)
{
    switch (by) {
    case RN_STATS_MODEL:
        return facts->model_asked.len > 0 ? facts->model_asked : facts->upstream;
    case RN_STATS_ANSWERED:
        return facts->model_answered;
    case RN_STATS_PROMPT:
        return prompt_of(facts, scratch);
    case RN_STATS_STATUS:
        (void)snprintf(scratch->text, sizeof scratch->text, "%u", facts->status);
        return facts->status > 0 ? rn_bytes_text(scratch->text) : RN_LIT("");
    case RN_STATS_RELEASE:
        return trace->release;
    case RN_STATS_UPSTREAM:
        return facts->upstream;
    case RN_STATS_KIND:
        return rn_bytes_text(facts->event == RN_EVENT_DECISION ? "decision"
                                                               : rn_reading_kind_name(facts->kind));
    case RN_STATS_DIALECT:
        return rn_bytes_text(rn_dialect_name(facts->dialect));
    case RN_STATS_FINISH:
        return rn_bytes_text(rn_finish_name(facts->finished));
    case RN_STATS_DAY:
        return day_of(facts->arrived_wall_ns, scratch);
    case RN_STATS_BY_COUNT:
        break;
    }
    return RN_LIT("");
}

/* --- groups --------------------------------------------------------------------------------------------------------- */

static bool has_keys(const struct rn_stats_row *row, const struct rn_bytes *keys, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!rn_bytes_equal(row->keys[i], keys[i])) {
            return false;
        }
    }
    return true;
}

static size_t bucket_of(const struct rn_bytes *keys, unsigned count)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        sum = rn_crc32(rn_crc32(sum, keys[i]), RN_LIT("/"));
    }
    return sum % BUCKETS;
}

static struct rn_stats_row *new_row(struct grouping *grouping, const struct rn_bytes *keys)
{
    struct rn_arena *arena = &grouping->stats->arena;
    struct rn_stats_row *row = rn_arena_alloc(arena, sizeof *row);
    if (row == NULL) {
        return NULL;
    }
    row->series = rn_arena_alloc(arena, sizeof *row->series);
    bool good = row->series != NULL;
    for (unsigned i = 0; good && i < grouping->by_count; i++) {
        row->keys[i] = rn_arena_copy(arena, keys[i]);
        good = row->keys[i].data != NULL;
    }
    return good ? row : NULL;
}

/* NULL: memory ran out. */
static struct rn_stats_row *row_of(struct grouping *grouping, const struct rn_bytes *keys)
{
    struct bucket **first = &grouping->buckets[bucket_of(keys, grouping->by_count)];
    for (struct bucket *bucket = *first; bucket != NULL; bucket = bucket->next) {
        if (has_keys(bucket->row, keys, grouping->by_count)) {
            return bucket->row;
        }
    }
    struct bucket *bucket = rn_arena_alloc(&grouping->stats->arena, sizeof *bucket);
    struct rn_stats_row *row = bucket == NULL ? NULL : new_row(grouping, keys);
    if (row != NULL) {
        *bucket = (struct bucket){.row = row, .next = *first};
        *first = bucket;
        row->next = grouping->stats->rows;
        grouping->stats->rows = row;
    }
    return row;
}

/* --- counting ------------------------------------------------------------------------------------------------------- */

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void count_tokens(struct rn_stats_row *row, const struct rn_facts *facts,
                         const struct rn_prices *prices)
{
    uint64_t pico = 0;
    if ((facts->counted & (RN_COUNTED_IN | RN_COUNTED_OUT)) == 0) {
        return;
    }
    row->counted++;
    row->tokens_in = sum_of(row->tokens_in, facts->tokens_in);
    row->tokens_cached = sum_of(row->tokens_cached, facts->tokens_cached);
    row->tokens_out = sum_of(row->tokens_out, facts->tokens_out);
    row->tokens_reasoning = sum_of(row->tokens_reasoning, facts->tokens_reasoning);
    if (rn_glance_cost(prices, facts, &pico)) {
        row->priced++;
        row->cost_pico = sum_of(row->cost_pico, pico);
    }
}

static enum rn_status count(struct rn_stats_row *row, const struct rn_facts *facts,
                            const struct rn_prices *prices, bool failed)
{
    enum rn_status status = RN_OK;
    row->calls++;
    row->failed += failed;
    row->unread += facts->unread;
    count_tokens(row, facts, prices);
    if (!failed && facts->complete_ns > 0) {
        status = rn_series_add(&row->series->latency, facts->complete_ns);
    }
    if (status == RN_OK && !failed && facts->streamed && facts->first_byte_ns > 0) {
        status = rn_series_add(&row->series->first_byte, facts->first_byte_ns);
    }
    return status;
}

static enum rn_status group(void *self, const struct rn_trace_summary *trace,
                            const struct rn_facts *facts)
{
    struct grouping *grouping = self;
    struct rn_stats *stats = grouping->stats;
    struct rn_bytes keys[RN_STATS_KEYS_MAX];
    struct scratch scratch[RN_STATS_KEYS_MAX];
    for (unsigned i = 0; i < grouping->by_count; i++) {
        keys[i] = key_of(grouping->by[i], trace, facts, &scratch[i]);
    }
    struct rn_stats_row *row = row_of(grouping, keys);
    if (row == NULL) {
        return RN_NOMEM;
    }
    stats->traces += stats->total.calls == 0 || !rn_trace_id_equal(&grouping->last, &trace->id);
    grouping->last = trace->id;
    bool failed = rn_facts_is_upstream_error(facts);
    enum rn_status status = count(row, facts, grouping->prices, failed);
    return status == RN_OK ? count(&stats->total, facts, grouping->prices, failed) : status;
}

/* --- the result ----------------------------------------------------------------------------------------------------- */

static void finish_row(struct rn_stats_row *row)
{
    row->has_latency = row->series->latency.count > 0;
    row->has_first_byte = row->series->first_byte.count > 0;
    rn_series_spread(&row->series->latency, &row->latency);
    rn_series_spread(&row->series->first_byte, &row->first_byte);
}

static bool comes_first(const struct rn_stats_row *a, const struct rn_stats_row *b)
{
    for (unsigned i = 0; a->calls == b->calls && i < RN_STATS_KEYS_MAX; i++) {
        int order = rn_bytes_compare(a->keys[i], b->keys[i]);
        if (order != 0) {
            return order < 0;
        }
    }
    return a->calls > b->calls;
}

/* Merging, because there may be a group per release and day of years. */
static struct rn_stats_row *merged(struct rn_stats_row *a, struct rn_stats_row *b)
{
    struct rn_stats_row *list = NULL;
    struct rn_stats_row **tail = &list;
    while (a != NULL && b != NULL) {
        struct rn_stats_row **first = comes_first(a, b) ? &a : &b;
        *tail = *first;
        tail = &(*first)->next;
        *first = (*first)->next;
    }
    *tail = a != NULL ? a : b;
    return list;
}

static struct rn_stats_row *sorted(struct rn_stats_row *rows)
{
    struct rn_stats_row *runs[64] = {NULL}; /* of 1, 2, 4, ... rows */
    while (rows != NULL) {
        struct rn_stats_row *run = rows;
        size_t i = 0;
        rows = rows->next;
        run->next = NULL;
        for (; runs[i] != NULL; i++) {
            run = merged(runs[i], run);
            runs[i] = NULL;
        }
        runs[i] = run;
    }
    struct rn_stats_row *list = NULL;
    for (size_t i = 0; i < 64; i++) {
        list = merged(runs[i], list);
    }
    return list;
}

enum rn_status rn_stats_make(struct rn_store *const *stores, size_t store_count,
                             const struct rn_selection *selection, const enum rn_stats_by *by,
                             unsigned by_count, const struct rn_prices *prices,
                             struct rn_stats *out, struct rn_error *error)
{
    *out = (struct rn_stats){.rows = NULL};
    struct grouping *grouping = rn_calloc(1, sizeof *grouping);
    out->total.series = rn_arena_alloc(&out->arena, sizeof *out->total.series);
    enum rn_status status = grouping == NULL || out->total.series == NULL ? RN_NOMEM : RN_OK;
    if (status == RN_OK) {
        grouping->stats = out;
        grouping->by = by;
        grouping->by_count = by_count;
        grouping->prices = prices;
        status = rn_select_facts_of(stores, store_count, selection, group, grouping, &out->damaged,
                                    error);
    }
    rn_free(grouping);
    if (status != RN_OK) {
        return status == RN_NOMEM ? rn_fail(error, status, "no memory to count calls") : status;
    }
    out->rows = sorted(out->rows);
    for (struct rn_stats_row *row = out->rows; row != NULL; row = row->next) {
        finish_row(row);
    }
    finish_row(&out->total);
    return RN_OK;
}

static void free_series(struct rn_stats_row *row)
{
    if (row->series != NULL) {
        rn_series_free(&row->series->latency);
        rn_series_free(&row->series->first_byte);
    }
}

void rn_stats_free(struct rn_stats *stats)
{
    for (struct rn_stats_row *row = stats->rows; row != NULL; row = row->next) {
        free_series(row);
    }
    free_series(&stats->total);
    rn_arena_free(&stats->arena);
}
