/* Rows grouped by trace, written and read in one shape for both lists. Knows nothing of the rest of a plan. */
#include "plan_lists.h"

#include <string.h>

#include "base/memory.h"
#include "base/varint.h"

/* One row of either list: what follows the trace's id, as numbers. */
struct row {
    uint32_t n;
    uint32_t rest[2];
};

/* How a list is reached. `values` is the number of used entries of `rest`, each at most `max`. */
struct list {
    size_t count;
    unsigned values;
    uint64_t max;
    const struct rn_trace_id *(*trace)(const struct rn_plan *plan, size_t index);
    struct row (*get)(const struct rn_plan *plan, size_t index);
    void (*set)(struct rn_plan *plan, size_t index, const struct rn_trace_id *trace,
                const struct row *row);
};

static const struct rn_trace_id *call_trace(const struct rn_plan *plan, size_t index)
{
    return &plan->calls[index].trace;
}

static struct row call_get(const struct rn_plan *plan, size_t index)
{
    const struct rn_plan_call *call = &plan->calls[index];
    return (struct row){.n = call->n, .rest = {call->tokens_in, call->tokens_out}};
}

static void call_set(struct rn_plan *plan, size_t index, const struct rn_trace_id *trace,
                     const struct row *row)
{
    plan->calls[index] = (struct rn_plan_call){
        .trace = *trace, .n = row->n, .tokens_in = row->rest[0], .tokens_out = row->rest[1]};
}

static const struct rn_trace_id *left_trace(const struct rn_plan *plan, size_t index)
{
    return &plan->left[index].trace;
}

static struct row left_get(const struct rn_plan *plan, size_t index)
{
    return (struct row){.n = plan->left[index].n, .rest = {plan->left[index].why}};
}

static void left_set(struct rn_plan *plan, size_t index, const struct rn_trace_id *trace,
                     const struct row *row)
{
    plan->left[index] =
        (struct rn_plan_left){.trace = *trace, .n = row->n, .why = (uint8_t)row->rest[0]};
}

static struct list calls_of(size_t count)
{
    return (struct list){.count = count,
                         .values = 2,
                         .max = UINT32_MAX,
                         .trace = call_trace,
                         .get = call_get,
                         .set = call_set};
}

static struct list left_of(size_t count)
{
    return (struct list){.count = count,
                         .values = 1,
                         .max = RN_LEFT_COUNT - 1,
                         .trace = left_trace,
                         .get = left_get,
                         .set = left_set};
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static size_t group_end(const struct list *list, const struct rn_plan *plan, size_t begin)
{
    size_t end = begin + 1;
    while (end < list->count &&
           rn_trace_id_equal(list->trace(plan, begin), list->trace(plan, end))) {
        end++;
    }
    return end;
}

static enum rn_status put_row(struct rn_buffer *out, const struct list *list, const struct row *row)
{
    enum rn_status status = rn_varint_put(out, row->n);
    for (unsigned i = 0; i < list->values && status == RN_OK; i++) {
        status = rn_varint_put(out, row->rest[i]);
    }
    return status;
}

static enum rn_status put_list(struct rn_buffer *out, const struct list *list,
                               const struct rn_plan *plan)
{
    enum rn_status status = rn_varint_put(out, list->count);
    for (size_t begin = 0, end = 0; begin < list->count && status == RN_OK; begin = end) {
        end = group_end(list, plan, begin);
        status = rn_buffer_append(out, list->trace(plan, begin)->bytes, RN_TRACE_ID_BYTES);
        status = status == RN_OK ? rn_varint_put(out, end - begin) : status;
        for (size_t i = begin; i < end && status == RN_OK; i++) {
            struct row row = list->get(plan, i);
            status = put_row(out, list, &row);
        }
    }
    return status;
}

enum rn_status rn_plan_put_calls(struct rn_buffer *out, const struct rn_plan *plan)
{
    struct list list = calls_of(plan->call_count);
    return put_list(out, &list, plan);
}

enum rn_status rn_plan_put_left(struct rn_buffer *out, const struct rn_plan *plan)
{
    struct list list = left_of(plan->left_count);
    return put_list(out, &list, plan);
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool get_row(struct rn_bytes *in, const struct list *list, struct row *row)
{
    uint64_t value = 0;
    *row = (struct row){0};
    if (!rn_varint_get(in, &value) || value > UINT32_MAX) {
        return false;
    }
    row->n = (uint32_t)value;
    for (unsigned i = 0; i < list->values; i++) {
        if (!rn_varint_get(in, &value) || value > list->max) {
            return false;
        }
        row->rest[i] = (uint32_t)value;
    }
    return true;
}

/* A group at `at`; *end is behind its rows. One that goes on with the trace of the group before is another encoding. */
static bool get_group(struct rn_bytes *in, const struct list *list, struct rn_plan *plan, size_t at,
                      size_t *end)
{
    struct rn_trace_id trace;
    uint64_t rows = 0;
    if (in->len < RN_TRACE_ID_BYTES) {
        return false;
    }
    memcpy(trace.bytes, in->data, RN_TRACE_ID_BYTES);
    *in = rn_bytes_from(*in, RN_TRACE_ID_BYTES);
    if (!rn_varint_get(in, &rows) || rows == 0 || rows > list->count - at ||
        (at > 0 && rn_trace_id_equal(list->trace(plan, at - 1), &trace))) {
        return false;
    }
    *end = at + (size_t)rows;
    for (size_t i = at; i < *end; i++) {
        struct row row;
        if (!get_row(in, list, &row)) {
            return false;
        }
        list->set(plan, i, &trace, &row);
    }
    return true;
}

static bool get_list(struct rn_bytes *in, const struct list *list, struct rn_plan *plan)
{
    for (size_t at = 0; at < list->count;) {
        if (!get_group(in, list, plan, at, &at)) {
            return false;
        }
    }
    return true;
}

/* How many rows follow: a row takes at least `least` bytes. */
static bool get_count(struct rn_bytes *in, size_t least, size_t *count)
{
    uint64_t number = 0;
    if (!rn_varint_get(in, &number) || number > in->len / least) {
        return false;
    }
    *count = (size_t)number;
    return true;
}

enum rn_status rn_plan_get_calls(struct rn_bytes *in, struct rn_plan *plan)
{
    size_t count = 0;
    if (!get_count(in, 3, &count)) {
        return RN_DAMAGED;
    }
    plan->calls = rn_calloc(count, sizeof *plan->calls);
    if (plan->calls == NULL) {
        return RN_NOMEM;
    }
    plan->call_count = count;
    struct list list = calls_of(count);
    return get_list(in, &list, plan) ? RN_OK : RN_DAMAGED;
}

enum rn_status rn_plan_get_left(struct rn_bytes *in, struct rn_plan *plan)
{
    size_t count = 0;
    if (!get_count(in, 2, &count)) {
        return RN_DAMAGED;
    }
    plan->left = rn_calloc(count, sizeof *plan->left);
    if (plan->left == NULL) {
        return RN_NOMEM;
    }
    plan->left_count = count;
    struct list list = left_of(count);
    return get_list(in, &list, plan) ? RN_OK : RN_DAMAGED;
}
