/*
 * The rooms of facts: an item is what some rows of the log complete, made from the store (facts_item.c) and put into the trees
 * (facts_put.c); facts.c moves the watermark. Private to store/.
 */
#ifndef RN_STORE_FACTS_PARTS_H
#define RN_STORE_FACTS_PARTS_H

#include "posting.h"
#include "store/facts.h"
#include "store_internal.h"

/* An exchange (n > 0), or what holds for the trace (n = 0). Zeroed but for id and n it is still to be made. */
struct rn_facts_item {
    struct rn_trace_id id;
    uint32_t n;
    bool is_made;
    uint64_t started_wall_ns;
    struct rn_buffer value; /* for RN_TREE_FACTS; empty with n = 0 */
    struct rn_terms terms;
    struct rn_trace_labels labels; /* lent from the arena it was made with */
};
void rn_facts_item_free(struct rn_facts_item *item);
/* What has no facts stays unmade. RN_NOMEM, RN_IO. */
enum rn_status rn_facts_item_make(struct rn_store *store, const struct rn_trace_summary *summary,
                                  struct rn_arena *labels, struct rn_facts_item *item,
                                  struct rn_error *error);
/* Nothing is written for what was not made, or whose trace is not listed (any more). */
enum rn_status rn_facts_item_put(struct rn_db_txn *txn, const struct rn_facts_item *item,
                                 struct rn_error *error);
/* Whether an event of that kind has facts. */
bool rn_facts_has(const struct rn_event *event);

/* Takes the trace out of all posting lists, in the transaction in which it stops being found. */
enum rn_status rn_facts_unlist(struct rn_db_txn *txn, const struct rn_trace_id *id,
                               uint64_t started_wall_ns);
/* Takes some of its facts; *more says whether there may be others. */
enum rn_status rn_facts_take(struct rn_db_txn *txn, const struct rn_trace_id *id, bool *more);
/*
 * For a transaction that takes content out of a trace: its facts and postings go with it, those that are being made elsewhere from what
 * was read before will not be written, and whoever asks next makes the trace's anew.
 */
enum rn_status rn_facts_forget(struct rn_db_txn *txn, const struct rn_trace_id *id,
                               uint64_t started_wall_ns, struct rn_error *error);

/* In RN_TREE_META: "again/" and the id of a trace whose facts were forgotten. */
#define RN_FACTS_AGAIN "again/"
#define RN_FACTS_AGAIN_KEY_BYTES (sizeof RN_FACTS_AGAIN - 1 + RN_TRACE_ID_BYTES)
void rn_facts_again_key(const struct rn_trace_id *id, uint8_t out[RN_FACTS_AGAIN_KEY_BYTES]);

/* The watermark (docs/format.md). Facts of other versions are as good as none: row 0, not current. */
struct rn_facts_mark {
    bool is_current;
    uint64_t row;
    uint64_t
        times_forgotten; /* raised by rn_facts_forget: what was read before then is not written */
};
enum rn_status rn_facts_mark_read(struct rn_db_txn *txn, struct rn_facts_mark *out);
enum rn_status rn_facts_mark_put(struct rn_db_txn *txn, const struct rn_facts_mark *mark,
                                 struct rn_error *error);

#endif
