/*
 * What one baseline has and another has not, and what is in both and differs. Traces are paired by what they stand for: the same
 * recording, the same case of a suite, the same input.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "baseline_parts.h"
#include "divergence.h"
#include "trace_difference.h"

#define ALONE SIZE_MAX

struct diffing {
    struct rn_store *store;
    struct rn_baseline first;
    struct rn_baseline second;
    size_t *partner; /* of each trace of the first: its index in the second, or ALONE */
    bool *taken;     /* of each trace of the second */
    struct rn_arena *arena;
    struct rn_baseline_change *changes;
    size_t count;
    struct rn_error *error;
};

static enum rn_status no_memory(const struct diffing *diffing)
{
    return rn_fail(diffing->error, RN_NOMEM, "no memory to compare baselines");
}

/* --- pairing -------------------------------------------------------------------------------------------------------- */

typedef int rn_pair_order(const struct rn_baseline_trace *a, const struct rn_baseline_trace *b);

static int by_id(const struct rn_baseline_trace *a, const struct rn_baseline_trace *b)
{
    return memcmp(a->id.bytes, b->id.bytes, RN_TRACE_ID_BYTES);
}

static int by_name(const struct rn_baseline_trace *a, const struct rn_baseline_trace *b)
{
    return rn_bytes_compare(a->name, b->name);
}

static int by_input(const struct rn_baseline_trace *a, const struct rn_baseline_trace *b)
{
    return rn_bytes_compare(a->input, b->input);
}

static int by_name_and_input(const struct rn_baseline_trace *a, const struct rn_baseline_trace *b)
{
    int order = by_name(a, b);
    return order != 0 ? order : by_input(a, b);
}

static bool always(const struct rn_baseline_trace *trace)
{
    (void)trace;
    return true;
}

static bool has_name(const struct rn_baseline_trace *trace)
{
    return trace->name.len > 0;
}

static bool has_input(const struct rn_baseline_trace *trace)
{
    return trace->has_input && trace->input.len > 0;
}

static bool has_both(const struct rn_baseline_trace *trace)
{
    return has_name(trace) && has_input(trace);
}

/* From the surest to the least sure. */
static const struct pairing {
    bool (*fits)(const struct rn_baseline_trace *trace);
    rn_pair_order *order;
} pairings[] = {
    {always, by_id}, {has_both, by_name_and_input}, {has_name, by_name}, {has_input, by_input}};

/* What is not paired yet and could be, sorted; traces of one key stay in order of their ids. */
struct row {
    const struct rn_baseline_trace *trace;
    size_t index;
    rn_pair_order *order;
};

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    int order = left->order(left->trace, right->trace);
    return order != 0 ? order : by_id(left->trace, right->trace);
}

static size_t collect(const struct rn_baseline *baseline, const struct pairing *pairing,
                      const size_t *partner, const bool *taken, struct row *out)
{
    size_t count = 0;
    for (size_t i = 0; i < baseline->count; i++) {
        bool is_alone = partner != NULL ? partner[i] == ALONE : !taken[i];
        if (is_alone && pairing->fits(&baseline->traces[i])) {
            out[count++] = (struct row){&baseline->traces[i], i, pairing->order};
        }
    }
    qsort(out, count, sizeof *out, compare_rows);
    return count;
}

static enum rn_status pair_by(struct diffing *diffing, const struct pairing *pairing)
{
    struct row *a = rn_alloc(diffing->first.count * sizeof *a);
    struct row *b = rn_alloc(diffing->second.count * sizeof *b);
    size_t at_b = 0;
    if (a == NULL || b == NULL) {
        rn_free(a);
        rn_free(b);
        return no_memory(diffing);
    }
    size_t in_a = collect(&diffing->first, pairing, diffing->partner, NULL, a);
    size_t in_b = collect(&diffing->second, pairing, NULL, diffing->taken, b);
    for (size_t at_a = 0; at_a < in_a && at_b < in_b;) {
        int order = pairing->order(a[at_a].trace, b[at_b].trace);
        if (order == 0) {
            diffing->partner[a[at_a].index] = b[at_b].index;
            diffing->taken[b[at_b].index] = true;
        }
        at_a += order <= 0;
        at_b += order >= 0;
    }
    rn_free(a);
    rn_free(b);
    return RN_OK;
}

static enum rn_status pair_all(struct diffing *diffing)
{
    enum rn_status status = RN_OK;
    diffing->partner = rn_alloc(diffing->first.count * sizeof *diffing->partner);
    diffing->taken = rn_calloc(diffing->second.count, sizeof *diffing->taken);
    if (diffing->partner == NULL || diffing->taken == NULL) {
        return no_memory(diffing);
    }
    for (size_t i = 0; i < diffing->first.count; i++) {
        diffing->partner[i] = ALONE;
    }
    for (size_t i = 0; status == RN_OK && i < sizeof pairings / sizeof pairings[0]; i++) {
        status = pair_by(diffing, &pairings[i]);
    }
    return status;
}

/* --- traces --------------------------------------------------------------------------------------------------------- */

static struct rn_bytes keep(struct diffing *diffing, struct rn_bytes text)
{
    return rn_arena_copy(diffing->arena, text);
}

/* A change whose texts are not here is found by its NULL at the end. */
static void add(struct diffing *diffing, char sign, const char *list, struct rn_bytes what,
                struct rn_bytes detail)
{
    diffing->changes[diffing->count++] =
        (struct rn_baseline_change){sign, list, keep(diffing, what), keep(diffing, detail)};
}

static void add_trace(struct diffing *diffing, char sign, const struct rn_baseline_trace *trace,
                      struct rn_bytes detail)
{
    char text[33];
    rn_trace_id_text(&trace->id, text);
    add(diffing, sign, "traces", trace->name.len > 0 ? trace->name : rn_bytes_text(text), detail);
}

/* Of one that is alone the id, where the name is what it is called by. */
static void add_alone(struct diffing *diffing, char sign, const struct rn_baseline_trace *trace)
{
    char text[33];
    rn_trace_id_text(&trace->id, text);
    add_trace(diffing, sign, trace, trace->name.len > 0 ? rn_bytes_text(text) : RN_LIT(""));
}

static enum rn_status compare_pair(struct diffing *diffing, const struct rn_baseline_trace *a,
                                   const struct rn_baseline_trace *b)
{
    struct rn_bytes detail = RN_LIT("");
    struct rn_error inner = {.text = ""};
    if (memcmp(a->evidence, b->evidence, RN_SHA256_BYTES) == 0) {
        return RN_OK;
    }
    if (by_id(a, b) == 0) { /* a store has one trace of an id: there is nothing to put beside it */
        add_trace(diffing, '~', a, RN_LIT("evidence differs"));
        return RN_OK;
    }
    enum rn_status status =
        rn_trace_difference(diffing->store, &a->id, &b->id, diffing->arena, &detail, &inner);
    if (status == RN_DAMAGED || status == RN_NOTFOUND) {
        add_trace(diffing, '~', a,
                  rn_bytes_text(rn_words(diffing->arena, "cannot be compared: %s", inner.text)));
        return RN_OK;
    }
    if (status == RN_OK && detail.len > 0) {
        add_trace(diffing, '~', a, detail);
    }
    return status == RN_OK ? status : rn_fail(diffing->error, status, "%s", inner.text);
}

/* For people: by name, then id. */
static struct row *in_order(struct diffing *diffing, const struct rn_baseline *baseline)
{
    struct row *rows = rn_alloc(baseline->count * sizeof *rows);
    for (size_t i = 0; rows != NULL && i < baseline->count; i++) {
        rows[i] = (struct row){&baseline->traces[i], i, by_name};
    }
    if (rows == NULL) {
        (void)no_memory(diffing);
        return NULL;
    }
    qsort(rows, baseline->count, sizeof *rows, compare_rows);
    return rows;
}

static enum rn_status compare_first(struct diffing *diffing)
{
    enum rn_status status = RN_OK;
    struct row *rows = in_order(diffing, &diffing->first);
    if (rows == NULL) {
        return RN_NOMEM;
    }
    for (size_t i = 0; status == RN_OK && i < diffing->first.count; i++) {
        size_t partner = diffing->partner[rows[i].index];
        if (partner == ALONE) {
            add_alone(diffing, '-', rows[i].trace);
        } else {
            status = compare_pair(diffing, rows[i].trace, &diffing->second.traces[partner]);
        }
    }
    rn_free(rows);
    return status;
}

static enum rn_status add_second(struct diffing *diffing)
{
    struct row *rows = in_order(diffing, &diffing->second);
    if (rows == NULL) {
        return RN_NOMEM;
    }
    for (size_t i = 0; i < diffing->second.count; i++) {
        if (!diffing->taken[rows[i].index]) {
            add_alone(diffing, '+', rows[i].trace);
        }
    }
    rn_free(rows);
    return RN_OK;
}

static enum rn_status compare_traces(struct diffing *diffing)
{
    enum rn_status status = compare_first(diffing);
    return status == RN_OK ? add_second(diffing) : status;
}

/* --- lists ---------------------------------------------------------------------------------------------------------- */

static void add_fact(struct diffing *diffing, char sign, const char *list,
                     const struct rn_baseline_fact *fact)
{
    add(diffing, sign, list, fact->what, fact->note);
}

/* Both are sorted by what they say. How often is not a difference of what the application is. */
static void compare_list(struct diffing *diffing, enum rn_baseline_list list)
{
    const char *name = rn_baseline_list_name(list);
    const struct rn_baseline_fact *a = diffing->first.lists[list];
    const struct rn_baseline_fact *b = diffing->second.lists[list];
    size_t in_a = diffing->first.list_counts[list];
    size_t in_b = diffing->second.list_counts[list];
    for (size_t at_a = 0, at_b = 0; at_a < in_a || at_b < in_b;) {
        int order = at_a == in_a   ? 1
                    : at_b == in_b ? -1
                                   : rn_bytes_compare(a[at_a].what, b[at_b].what);
        if (order != 0) {
            add_fact(diffing, order < 0 ? '-' : '+', name, order < 0 ? &a[at_a] : &b[at_b]);
        } else if (list == RN_BASELINE_MODELS && !rn_bytes_equal(a[at_a].note, b[at_b].note)) {
            const char *detail = rn_words(diffing->arena, "%s in the first, %s in the second",
                                          rn_excerpt(diffing->arena, a[at_a].note, 0),
                                          rn_excerpt(diffing->arena, b[at_b].note, 0));
            add(diffing, '~', name, a[at_a].what, rn_bytes_text(detail));
        }
        at_a += order <= 0;
        at_b += order >= 0;
    }
}

static enum rn_status compare_all(struct diffing *diffing)
{
    size_t most = diffing->first.count + diffing->second.count;
    for (unsigned list = 0; list < RN_BASELINE_LISTS; list++) {
        most += diffing->first.list_counts[list] + diffing->second.list_counts[list];
    }
    diffing->changes = rn_arena_alloc(diffing->arena, (most + 1) * sizeof *diffing->changes);
    if (diffing->changes == NULL) {
        return no_memory(diffing);
    }
    enum rn_status status = pair_all(diffing);
    status = status == RN_OK ? compare_traces(diffing) : status;
    for (unsigned list = 0; status == RN_OK && list < RN_BASELINE_LISTS; list++) {
        compare_list(diffing, (enum rn_baseline_list)list);
    }
    for (size_t i = 0; status == RN_OK && i < diffing->count; i++) {
        bool is_whole =
            diffing->changes[i].what.data != NULL && diffing->changes[i].detail.data != NULL;
        status = is_whole ? RN_OK : no_memory(diffing);
    }
    return status;
}

enum rn_status rn_baseline_diff(struct rn_store *store, const char *first, const char *second,
                                struct rn_arena *arena, struct rn_baseline_change **changes,
                                size_t *count, struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    struct diffing diffing = {
        .store = store, .arena = arena, .error = error != NULL ? error : &inner};
    *changes = NULL;
    *count = 0;
    enum rn_status status = rn_baseline_load(store, first, &diffing.first, diffing.error);
    status =
        status == RN_OK ? rn_baseline_load(store, second, &diffing.second, diffing.error) : status;
    status = status == RN_OK ? compare_all(&diffing) : status;
    if (status == RN_OK) {
        *changes = diffing.changes;
        *count = diffing.count;
    }
    rn_free(diffing.partner);
    rn_free(diffing.taken);
    rn_baseline_free(&diffing.first);
    rn_baseline_free(&diffing.second);
    return status;
}
