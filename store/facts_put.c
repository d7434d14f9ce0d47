/*
 * Facts and postings in their trees: the watermark, putting what was made, and taking out what leaves (facts_parts.h). All of it happens
 * in the caller's transaction; nothing is read from the log here.
 */
#include "facts_parts.h"

#include <string.h>

#include "base/varint.h"
#include "keys.h"
#include "store/view.h"

#define TAKEN_MAX 256u /* records per transaction */
#define MARK_BYTES                                                                                 \
    32u /* u32 version of facts, u32 of prompts, u64 row, u64 key of the user's rules, u64 times forgotten */
#define META_FACTS RN_LIT("facts")

/* --- the watermark -------------------------------------------------------------------------------------------------- */

enum rn_status rn_facts_mark_read(struct rn_db_txn *txn, struct rn_facts_mark *out)
{
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_get(txn, RN_TREE_META, META_FACTS, &value);
    *out = (struct rn_facts_mark){.row = 0};
    if (status == RN_OK && value.len == MARK_BYTES) {
        out->times_forgotten = rn_get_u64(value.data + 24);
        out->is_current = rn_get_u32(value.data) == RN_FACTS_VERSION &&
                          rn_get_u32(value.data + 4) == RN_PROMPT_VERSION &&
                          rn_get_u64(value.data + 16) == rn_view_rules_key();
        out->row = out->is_current ? rn_get_u64(value.data + 8) : 0;
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_facts_mark_put(struct rn_db_txn *txn, const struct rn_facts_mark *mark,
                                 struct rn_error *error)
{
    uint8_t value[MARK_BYTES];
    rn_put_u32(value, RN_FACTS_VERSION);
    rn_put_u32(value + 4, RN_PROMPT_VERSION);
    rn_put_u64(value + 8, mark->row);
    rn_put_u64(value + 16, rn_view_rules_key());
    rn_put_u64(value + 24, mark->times_forgotten);
    return rn_db_put(txn, RN_TREE_META, META_FACTS, rn_bytes_of(value, sizeof value), error);
}

void rn_facts_again_key(const struct rn_trace_id *id, uint8_t out[RN_FACTS_AGAIN_KEY_BYTES])
{
    memcpy(out, RN_FACTS_AGAIN, sizeof RN_FACTS_AGAIN - 1);
    memcpy(out + sizeof RN_FACTS_AGAIN - 1, id->bytes, RN_TRACE_ID_BYTES);
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static enum rn_status put_postings(struct rn_db_txn *txn, const struct rn_facts_item *item,
                                   struct rn_terms *all, struct rn_error *error)
{
    uint8_t key[RN_POSTING_KEY_BYTES_MAX];
    struct rn_bytes rest = rn_buffer_bytes(&item->terms.runs);
    struct rn_bytes term;
    enum rn_status status = RN_OK;
    while (status == RN_OK && rn_run_get(&rest, &term)) {
        size_t before = all->runs.len;
        status = rn_terms_add(all, (enum rn_term)term.data[0], rn_bytes_from(term, 1));
        if (status == RN_OK && all->runs.len > before) {
            struct rn_bytes added = rn_bytes_from(rn_buffer_bytes(&all->runs), before);
            (void)rn_run_get(&added, &term);
            size_t len = rn_key_posting(term, item->started_wall_ns, &item->id, key);
            status = rn_db_put(txn, RN_TREE_POSTING, rn_bytes_of(key, len), RN_LIT(""), error);
        }
    }
    return status;
}

static size_t count_runs(struct rn_bytes runs)
{
    struct rn_bytes run;
    size_t count = 0;
    while (rn_run_get(&runs, &run)) {
        count++;
    }
    return count;
}

static void merge_labels(struct rn_trace_labels *into, const struct rn_trace_labels *more)
{
    into->outcome = more->outcome.len > 0 ? more->outcome : into->outcome;
    into->subject = more->subject.len > 0 ? more->subject : into->subject;
    into->index = more->index.len > 0 ? more->index : into->index;
}

/* The record of the trace: its labels, and the terms it stands under by now. */
static enum rn_status put_trace(struct rn_db_txn *txn, const struct rn_facts_item *item,
                                struct rn_error *error)
{
    uint8_t key[RN_FACTS_KEY_BYTES];
    struct rn_bytes value = {0};
    struct rn_facts_trace trace = {.terms = RN_LIT("")};
    struct rn_terms all = {.count = 0};
    struct rn_buffer before = {0};
    struct rn_buffer after = {0};
    rn_facts_key(&item->id, 0, key);
    enum rn_status status = rn_db_get(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key), &value);
    status = status == RN_OK ? rn_buffer_add(&before, value) : status;
    if (status == RN_OK && !rn_facts_trace_decode(rn_buffer_bytes(&before), &trace)) {
        trace = (struct rn_facts_trace){.terms = RN_LIT("")};
    }
    status = status == RN_NOTFOUND ? RN_OK : status;
    status = status == RN_OK ? rn_buffer_add(&all.runs, trace.terms) : status;
    all.count = count_runs(trace.terms);
    status = status == RN_OK ? put_postings(txn, item, &all, error) : status;
    merge_labels(&trace.labels, &item->labels);
    trace.terms = rn_buffer_bytes(&all.runs);
    status = status == RN_OK ? rn_facts_trace_encode(&trace, &after) : status;
    if (status == RN_OK && !rn_bytes_equal(rn_buffer_bytes(&after), rn_buffer_bytes(&before))) {
        status = rn_db_put(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key),
                           rn_buffer_bytes(&after), error);
    }
    rn_terms_free(&all);
    rn_buffer_free(&before);
    rn_buffer_free(&after);
    return status;
}

enum rn_status rn_facts_item_put(struct rn_db_txn *txn, const struct rn_facts_item *item,
                                 struct rn_error *error)
{
    uint8_t key[RN_FACTS_KEY_BYTES];
    struct rn_bytes id = rn_bytes_of(item->id.bytes, RN_TRACE_ID_BYTES);
    if (!item->is_made || rn_db_get(txn, RN_TREE_TRACE, id, NULL) == RN_NOTFOUND) {
        return RN_OK; /* dropped meanwhile, perhaps */
    }
    enum rn_status status = RN_OK;
    if (item->n > 0) {
        rn_facts_key(&item->id, item->n, key);
        status = rn_db_put(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key),
                           rn_buffer_bytes(&item->value), error);
    }
    return status == RN_OK ? put_trace(txn, item, error) : status;
}

/* --- a trace leaves ------------------------------------------------------------------------------------------------- */

static enum rn_status take_postings(struct rn_db_txn *txn, const struct rn_trace_id *id,
                                    uint64_t started_wall_ns, struct rn_bytes terms)
{
    uint8_t key[RN_POSTING_KEY_BYTES_MAX];
    struct rn_bytes term;
    enum rn_status status = RN_OK;
    while (status == RN_OK && rn_run_get(&terms, &term)) {
        if (term.len == 0 || term.len > RN_TERM_BYTES_MAX) {
            continue;
        }
        size_t len = rn_key_posting(term, started_wall_ns, id, key);
        status = rn_db_delete(txn, RN_TREE_POSTING, rn_bytes_of(key, len));
        status = status == RN_NOTFOUND ? RN_OK : status;
    }
    return status;
}

static enum rn_status take(struct rn_db_txn *txn, enum rn_tree tree, struct rn_bytes key)
{
    enum rn_status status = rn_db_delete(txn, tree, key);
    return status == RN_NOTFOUND ? RN_OK : status;
}

enum rn_status rn_facts_unlist(struct rn_db_txn *txn, const struct rn_trace_id *id,
                               uint64_t started_wall_ns)
{
    uint8_t key[RN_FACTS_KEY_BYTES];
    uint8_t again[RN_FACTS_AGAIN_KEY_BYTES];
    struct rn_bytes value = {0};
    struct rn_facts_trace trace;
    struct rn_buffer terms = {0};
    rn_facts_key(id, 0, key);
    rn_facts_again_key(id, again);
    enum rn_status status = rn_db_get(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key), &value);
    if (status == RN_OK && rn_facts_trace_decode(value, &trace)) {
        status = rn_buffer_add(&terms, trace.terms);
        status = status == RN_OK ? take_postings(txn, id, started_wall_ns, rn_buffer_bytes(&terms))
                                 : status;
    }
    rn_buffer_free(&terms);
    status = status == RN_NOTFOUND ? RN_OK : status;
    return status == RN_OK ? take(txn, RN_TREE_META, rn_bytes_of(again, sizeof again)) : status;
}

enum rn_status rn_facts_take(struct rn_db_txn *txn, const struct rn_trace_id *id, bool *more)
{
    struct rn_bytes prefix = rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES);
    enum rn_status status = RN_OK;
    *more = true;
    for (unsigned i = 0; status == RN_OK && *more && i < TAKEN_MAX; i++) {
        uint8_t key[RN_FACTS_KEY_BYTES];
        struct rn_bytes found = {0};
        struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_FACTS);
        status = cursor == NULL ? RN_NOMEM : rn_db_seek(cursor, prefix, &found, NULL);
        *more = status == RN_OK && rn_bytes_starts_with(found, prefix) && found.len == sizeof key;
        if (*more) {
            memcpy(key, found.data, sizeof key);
        }
        rn_db_cursor_free(cursor);
        if (*more) {
            status = rn_db_delete(txn, RN_TREE_FACTS, rn_bytes_of(key, sizeof key));
        }
    }
    return status == RN_NOTFOUND ? RN_OK : status;
}

/* Nobody can say any more under which terms a trace stands in the lists of another version: all go. */
static enum rn_status forget_all(struct rn_db_txn *txn, struct rn_facts_mark *mark,
                                 struct rn_error *error)
{
    mark->row = 0;
    mark->times_forgotten++;
    enum rn_status status = rn_db_empty(txn, RN_TREE_FACTS, error);
    status = status == RN_OK ? rn_db_empty(txn, RN_TREE_POSTING, error) : status;
    return status == RN_OK ? rn_facts_mark_put(txn, mark, error) : status;
}

static enum rn_status forget_one(struct rn_db_txn *txn, const struct rn_trace_id *id,
                                 uint64_t started_wall_ns, struct rn_facts_mark *mark,
                                 struct rn_error *error)
{
    uint8_t again[RN_FACTS_AGAIN_KEY_BYTES];
    bool more = true;
    rn_facts_again_key(id, again);
    mark->times_forgotten++;
    enum rn_status status = rn_facts_unlist(txn, id, started_wall_ns);
    while (status == RN_OK && more) {
        status = rn_facts_take(txn, id, &more);
    }
    status = status == RN_OK
                 ? rn_db_put(txn, RN_TREE_META, rn_bytes_of(again, sizeof again), RN_LIT(""), error)
                 : status;
    return status == RN_OK ? rn_facts_mark_put(txn, mark, error) : status;
}

enum rn_status rn_facts_forget(struct rn_db_txn *txn, const struct rn_trace_id *id,
                               uint64_t started_wall_ns, struct rn_error *error)
{
    struct rn_facts_mark mark;
    enum rn_status status = rn_facts_mark_read(txn, &mark);
    if (status != RN_OK) {
        return rn_fail(error, status, "cannot read how far the facts are");
    }
    return mark.is_current ? forget_one(txn, id, started_wall_ns, &mark, error)
                           : forget_all(txn, &mark, error);
}
