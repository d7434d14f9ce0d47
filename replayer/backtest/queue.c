/* A number that counts up, and a heap by time. */
#include "queue.h"

#include "base/memory.h"

void rn_queue_init(struct rn_queue *queue, const struct rn_plan_answer *answers, size_t count)
{
    *queue = (struct rn_queue){.answers = answers, .count = count, .until = count};
}

void rn_queue_free(struct rn_queue *queue)
{
    rn_free(queue->again);
    *queue = (struct rn_queue){0};
}

void rn_queue_limit(struct rn_queue *queue, size_t until)
{
    queue->until = until < queue->count ? until : queue->count;
}

/* --- the heap -------------------------------------------------------------------------------------------------------- */

/* Of two that are due together, the one that stands first in the plan. */
static bool is_before(const struct rn_queue_again *a, const struct rn_queue_again *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->call < b->call);
}

static void swap(struct rn_queue_again *a, struct rn_queue_again *b)
{
    struct rn_queue_again kept = *a;
    *a = *b;
    *b = kept;
}

enum rn_status rn_queue_put(struct rn_queue *queue, size_t call, uint64_t due_ns)
{
    if (queue->again_count == queue->again_cap) {
        size_t cap = queue->again_cap == 0 ? 16 : queue->again_cap * 2;
        struct rn_queue_again *wider = rn_realloc(queue->again, cap * sizeof *wider);
        if (wider == NULL) {
            return RN_NOMEM;
        }
        queue->again = wider;
        queue->again_cap = cap;
    }
    size_t at = queue->again_count++;
    queue->again[at] = (struct rn_queue_again){.due_ns = due_ns, .call = call};
    while (at > 0 && is_before(&queue->again[at], &queue->again[(at - 1) / 2])) {
        swap(&queue->again[at], &queue->again[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    return RN_OK;
}

static size_t take_first(struct rn_queue *queue)
{
    struct rn_queue_again *heap = queue->again;
    size_t call = heap[0].call;
    size_t at = 0;
    heap[0] = heap[--queue->again_count];
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            least =
                child < queue->again_count && is_before(&heap[child], &heap[least]) ? child : least;
        }
        if (least == at) {
            return call;
        }
        swap(&heap[at], &heap[least]);
        at = least;
    }
}

uint64_t rn_queue_due_ns(const struct rn_queue *queue)
{
    return queue->again_count == 0 ? UINT64_MAX : queue->again[0].due_ns;
}

/* --- the order ------------------------------------------------------------------------------------------------------- */

static void skip_final(struct rn_queue *queue)
{
    while (queue->next < queue->until && queue->answers[queue->next].final) {
        queue->next++;
    }
}

bool rn_queue_take(struct rn_queue *queue, uint64_t now_ns, size_t *call)
{
    if (rn_queue_due_ns(queue) <= now_ns) {
        *call = take_first(queue);
        return true;
    }
    skip_final(queue);
    if (queue->next >= queue->until) {
        return false;
    }
    *call = queue->next++;
    return true;
}

bool rn_queue_is_empty(struct rn_queue *queue)
{
    skip_final(queue);
    return queue->again_count == 0 && queue->next >= queue->until;
}
