/*
 * What an event, or a trace as a whole, amounts to: read from the store, made into a record and its terms. Nothing is written here
 * (facts_parts.h).
 */
#include <string.h>

#include "facts_parts.h"
#include "store/view.h"

/* For whom it is made. */
struct making {
    struct rn_store *store;
    const struct rn_trace_summary *summary;
    struct rn_arena *labels; /* where they live on */
};

void rn_facts_item_free(struct rn_facts_item *item)
{
    rn_buffer_free(&item->value);
    rn_terms_free(&item->terms);
}

bool rn_facts_has(const struct rn_event *event)
{
    enum rn_event_kind kind = rn_event_kind_of(event);
    return kind == RN_EVENT_EXCHANGE || kind == RN_EVENT_DECISION || kind == RN_EVENT_CALL ||
           kind == RN_EVENT_VALUE;
}

static enum rn_status copy_labels(struct rn_arena *arena, struct rn_trace_labels *labels)
{
    struct rn_bytes *const texts[] = {&labels->outcome, &labels->subject, &labels->index};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = rn_arena_copy(arena, *texts[i]);
        if (texts[i]->data == NULL) {
            return RN_NOMEM;
        }
    }
    return RN_OK;
}

static enum rn_status make_exchange(const struct making *making, struct rn_facts_item *item,
                                    const struct rn_event *event, struct rn_arena *arena)
{
    struct rn_view view;
    struct rn_facts facts;
    enum rn_status status = rn_view_make(arena, event, &view);
    if (status == RN_OK && !rn_facts_make(event, &view, &facts)) {
        status = RN_NOMEM;
    }
    if (status == RN_OK) {
        facts.flags |= rn_trace_marked_flags(making->store, making->summary, item->n);
        status = rn_facts_encode(&facts, &item->value);
    }
    status = status == RN_OK ? rn_terms_of_facts(&item->terms, &facts) : status;
    if (status == RN_OK) {
        rn_facts_take_labels(event, &item->labels);
        status = copy_labels(making->labels, &item->labels);
    }
    rn_view_free(&view);
    return status;
}

/* It fits whatever is asked for: what cannot be read cannot be judged. */
static enum rn_status make_damaged(struct rn_facts_item *item)
{
    const struct rn_facts facts = {.n = item->n, .damaged = true};
    enum rn_status status = rn_facts_encode(&facts, &item->value);
    return status == RN_OK ? rn_terms_add(&item->terms, RN_TERM_ANY, RN_LIT("")) : status;
}

/* RN_OK also for what is not there, or has no facts. */
static enum rn_status make_event(const struct making *making, struct rn_facts_item *item,
                                 struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    enum rn_status status = rn_trace_event_indexed(making->store, &item->id, RN_CLASS_EVENT,
                                                   item->n, &arena, &event, error);
    bool is_damaged = status == RN_DAMAGED || status == RN_NEWER;
    item->is_made = is_damaged || (status == RN_OK && rn_facts_has(&event));
    if (is_damaged) {
        status = make_damaged(item);
    } else if (item->is_made) {
        status = make_exchange(making, item, &event, &arena);
    }
    rn_arena_free(&arena);
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_facts_item_make(struct rn_store *store, const struct rn_trace_summary *summary,
                                  struct rn_arena *labels, struct rn_facts_item *item,
                                  struct rn_error *error)
{
    const struct making making = {.store = store, .summary = summary, .labels = labels};
    struct rn_error inner = {.text = ""};
    enum rn_status status = RN_OK;
    item->started_wall_ns = summary->started_wall_ns;
    item->is_made = item->n == 0;
    if (item->n > 0) {
        status = make_event(&making, item, &inner);
    }
    if (status == RN_OK && item->is_made) {
        status = rn_terms_of_trace(&item->terms, summary, &item->labels);
    }
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot read the facts of %s: %s", store->path,
                                     inner.text[0] != '\0' ? inner.text : rn_status_name(status));
}
