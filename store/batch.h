/*
 * What one commit of the writer consists of: prepared frames, and for each of them whose fate hangs on it. Private to store/.
 *
 * The writer's thread fills a batch with items and frames and commits it; nothing in here happens inside the transaction but
 * appending frames to the log. An item may have more frames than one transaction should hold: the batch then commits on the
 * way, and the item's fate is that of its last frame.
 */
#ifndef RN_STORE_BATCH_H
#define RN_STORE_BATCH_H

#include "base/arena.h"
#include "db.h"
#include "frame.h"
#include "prepared.h"
#include "store/evidence.h"
#include "store/writer.h"

struct rn_open_event;

enum rn_item_kind {
    RN_ITEM_OPENING, /* a trace's first frame */
    RN_ITEM_GAP,     /* a gap of the writer's own finding */
    RN_ITEM_ENTRY
};

struct rn_item {
    enum rn_item_kind kind;
    struct rn_recording *recording;
    struct rn_entry *entry;     /* RN_ITEM_ENTRY */
    struct rn_open_event *open; /* of an entry that is a piece; NULL otherwise */
    enum rn_event_class class;
    uint32_t n;
    bool has_digests; /* the event ends with this item */
    struct rn_digests digests;
    uint64_t stored_bytes;
    enum rn_status status; /* not RN_OK: it failed before the commit */
};

#define RN_BATCH_ITEMS_MAX (4 * RN_COMMIT_EVENTS_MAX)
#define RN_BATCH_FRAMES_MAX 2048u

struct rn_batch {
    struct rn_db *db;
    struct rn_codec_context *codec;
    struct rn_arena arena;   /* of the entry being prepared */
    struct rn_buffer raw;    /* of the frame being made */
    struct rn_buffer frames; /* one after the other */
    size_t frame_end[RN_BATCH_FRAMES_MAX];
    struct rn_prepared *prepared[RN_BATCH_FRAMES_MAX]; /* of the frame, or NULL */
    struct rn_prepared_rows
        *rows_prepared; /* where they go with the commit; NULL: nobody wants them */
    size_t frame_count;
    struct rn_item items[RN_BATCH_ITEMS_MAX];
    size_t item_count;
    uint64_t stored_bytes;      /* of all frames written since rn_batch_mark */
    struct rn_entry *done_head; /* settled entries, in order */
    struct rn_entry **done_tail;
    struct rn_recording *gapped; /* those that have a gap to write */
    uint64_t commits;            /* tried, over the life of the batch */
    uint64_t rows;               /* frames committed, over the life of the batch */
    struct rn_error error;       /* of the last commit that failed */
};

/* RN_NOMEM. `db` and `rows_prepared` (may be NULL) are borrowed. */
enum rn_status rn_batch_init(struct rn_batch *batch, struct rn_db *db,
                             struct rn_prepared_rows *rows_prepared);
void rn_batch_free(struct rn_batch *batch);

/* Whether another entry, with all it may need, fits. */
bool rn_batch_has_room(const struct rn_batch *batch);

/*
 * Makes the frame of `raw` and adds it. When the batch is full it is committed first, with every item added so far; the item
 * this frame belongs to must be added after its last frame.
 */
enum rn_status rn_batch_add_frame(struct rn_batch *batch, const struct rn_frame *frame,
                                  struct rn_bytes raw);
/*
 * Remembers of the frame added last what its index entries will be made of: `event` is the whole event in it. Without memory
 * nothing is remembered.
 */
void rn_batch_keep_facts(struct rn_batch *batch, const struct rn_frame *frame,
                         const struct rn_event *event);
void rn_batch_add_item(struct rn_batch *batch, const struct rn_item *item);

/* The place to go back to when an item fails on the way: frames behind it that are not committed are taken out. */
struct rn_batch_mark {
    uint64_t commits;
    size_t frame_count;
};
struct rn_batch_mark rn_batch_mark(struct rn_batch *batch);
void rn_batch_rewind(struct rn_batch *batch, struct rn_batch_mark mark);

/*
 * Appends all frames in one transaction, then settles all items with what became of it. The batch is empty afterwards
 * whatever happened, and the entries are in the done list. batch->error has the sentence of a failure.
 */
enum rn_status rn_batch_commit(struct rn_batch *batch);

#endif
