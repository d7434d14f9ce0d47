/* Reading facts back, or from the events themselves where there are none (facts.h). Writes nothing. */
#include <string.h>

#include "facts_parts.h"
#include "scan.h"
#include "store/view.h"

static bool is_record_of_event(const struct rn_scan_entry *entry, struct rn_facts *facts)
{
    if (entry->key.len != RN_FACTS_KEY_BYTES) {
        return false;
    }
    uint32_t n = rn_get_u32(entry->key.data + RN_TRACE_ID_BYTES);
    return n > 0 && rn_facts_decode(n, entry->value, facts);
}

enum rn_status rn_facts_of(struct rn_store *store, const struct rn_trace_id *id,
                           rn_facts_visit *visit, void *self, struct rn_error *error)
{
    struct rn_scan scan = {
        .store = store, .tree = RN_TREE_FACTS, .prefix = rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES)};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        struct rn_facts facts;
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            status = is_record_of_event(&entries[i], &facts) ? visit(self, &facts) : RN_OK;
        }
        rn_arena_free(&arena);
    }
    return status;
}

static enum rn_status read_one(struct rn_store *store, const struct rn_trace_id *id, uint32_t n,
                               rn_facts_visit *visit, void *self, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_view view = {.event = NULL};
    struct rn_facts facts = {.n = n, .damaged = true};
    struct rn_error inner = {.text = ""};
    enum rn_status status =
        rn_trace_event_indexed(store, id, RN_CLASS_EVENT, n, &arena, &event, &inner);
    bool is_damaged = status == RN_DAMAGED || status == RN_NEWER;
    bool is_there = is_damaged || (status == RN_OK && rn_facts_has(&event));
    if (status == RN_OK && is_there) {
        status = rn_view_make(&arena, &event, &view);
        status = status == RN_OK && !rn_facts_make(&event, &view, &facts) ? RN_NOMEM : status;
    }
    status = is_damaged || status == RN_NOTFOUND ? RN_OK : status;
    if (status != RN_OK) {
        rn_fail(error, status, "cannot read the facts of %s: %s", store->path,
                inner.text[0] != '\0' ? inner.text : rn_status_name(status));
    } else if (is_there) {
        status = visit(self, &facts);
    }
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status;
}

enum rn_status rn_facts_read(struct rn_store *store, const struct rn_trace_summary *summary,
                             rn_facts_visit *visit, void *self, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (uint32_t n = 1; status == RN_OK && n <= summary->events; n++) {
        status = read_one(store, &summary->id, n, visit, self, error);
    }
    return status;
}

/* Labels of one event, copied over those before. */
static enum rn_status read_labels(struct rn_store *store, const struct rn_trace_id *id, uint32_t n,
                                  struct rn_arena *arena, struct rn_trace_labels *out)
{
    struct rn_arena of_event = {0};
    struct rn_event event = {0};
    struct rn_trace_labels found = {{0}, {0}, {0}};
    struct rn_bytes *const into[] = {&out->outcome, &out->subject, &out->index};
    const struct rn_bytes *const from[] = {&found.outcome, &found.subject, &found.index};
    enum rn_status status =
        rn_trace_event_indexed(store, id, RN_CLASS_EVENT, n, &of_event, &event, NULL);
    if (status == RN_OK && rn_facts_has(&event)) {
        rn_facts_take_labels(&event, &found);
    }
    status = status == RN_NOMEM || status == RN_IO ? status : RN_OK;
    for (size_t i = 0; status == RN_OK && i < sizeof into / sizeof into[0]; i++) {
        if (from[i]->len > 0) {
            *into[i] = rn_arena_copy(arena, *from[i]);
            status = into[i]->data == NULL ? RN_NOMEM : RN_OK;
        }
    }
    rn_arena_free(&of_event);
    return status;
}

enum rn_status rn_facts_read_labels(struct rn_store *store, const struct rn_trace_summary *summary,
                                    struct rn_arena *arena, struct rn_trace_labels *out,
                                    struct rn_error *error)
{
    enum rn_status status = RN_OK;
    memset(out, 0, sizeof *out);
    for (uint32_t n = 1; status == RN_OK && n <= summary->events; n++) {
        status = read_labels(store, &summary->id, n, arena, out);
    }
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "cannot read the labels of a trace of %s: %s",
                                     store->path, rn_status_name(status));
}

enum rn_status rn_facts_labels(struct rn_store *store, const struct rn_trace_id *id,
                               struct rn_arena *arena, struct rn_trace_labels *out,
                               struct rn_error *error)
{
    uint8_t key[RN_FACTS_KEY_BYTES];
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    struct rn_facts_trace trace = {.terms = RN_LIT("")};
    rn_facts_key(id, 0, key);
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key), &value);
    if (status == RN_OK) {
        value = rn_arena_copy(arena, value);
        status = value.data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_db_abort(txn);
    if (status == RN_OK) {
        (void)rn_facts_trace_decode(value, &trace);
    }
    *out = trace.labels;
    return status == RN_OK || status == RN_NOTFOUND
               ? RN_OK
               : rn_fail(error, status, "cannot read the labels of a trace of %s", store->path);
}
