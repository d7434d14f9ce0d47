/*
 * One open trace on the writer's side: what it was opened with, its events that are still open, the digests of those that are
 * not, and what could not be written. Private to store/.
 *
 * After rn_recording_new everything here belongs to the writer's thread, but for rn_recording_id and rn_recording_learn.
 */
#ifndef RN_STORE_RECORDING_H
#define RN_STORE_RECORDING_H

#include "batch.h"
#include "door.h"
#include "trace_pack.h"

/* An event between its opening and its last piece. */
struct rn_open_event {
    enum rn_event_class class;
    uint32_t n;
    uint32_t parts; /* frames so far */
    struct rn_event_hash *hash;
    struct rn_passage *passage;
    enum rn_status failed; /* not RN_OK: a piece was not written, and so none behind it is */
    bool is_counted;       /* in a gap */
};

/* What could not be written since the last gap was. */
struct rn_pending_gap {
    uint64_t count;
    uint64_t first_wall_ns;
    uint64_t last_wall_ns;
    char reason[160];
};

enum rn_opening_state { RN_OPENING_NONE, RN_OPENING_PREPARED, RN_OPENING_DURABLE };

struct rn_recording {
    struct rn_recording *next; /* the writer's list of all, under its lock */
    struct rn_recording *previous;
    struct rn_recording *next_gapped;
    struct rn_arena texts;
    struct rn_trace_opening opening;
    enum rn_opening_state opening_state;
    struct rn_salts salts;
    struct rn_door *door;
    struct rn_open_event **open; /* sorted by n */
    size_t open_count;
    size_t open_cap;
    struct rn_kept_digests *kept; /* by ordinal */
    uint32_t kept_cap;
    uint32_t events; /* highest ordinal that is kept */
    struct rn_digests *gap_digests;
    uint32_t gap_cap;
    uint32_t gaps;
    bool is_gapped; /* in the batch's list */
    struct rn_pending_gap pending;
    struct rn_pending_gap missed; /* rn_writer_miss; under the writer's lock */
    uint32_t unsettled; /* items of ours in the batch */
};

/* NULL when memory ran out. Takes one holder of `door` over, also when it fails. */
struct rn_recording *rn_recording_new(const struct rn_recording_settings *settings,
                                      struct rn_door *door, const char *owner);
void rn_recording_free(struct rn_recording *recording);

/* The open event of that ordinal, or NULL. */
struct rn_open_event *rn_recording_open_find(const struct rn_recording *recording, uint32_t n);
/* RN_INVALID: it is open already, or no event of the ordinals. RN_NOMEM. */
enum rn_status rn_recording_open_add(struct rn_recording *recording, const struct rn_event *event,
                                     struct rn_open_event **out);
/* Forgets an event of that ordinal whose opening failed: another takes its place. */
void rn_recording_drop_failed(struct rn_recording *recording, uint32_t n);
/* Room for the digests of that event, taken before the commit so that settling cannot fail. RN_LIMIT, RN_NOMEM. */
enum rn_status rn_recording_reserve(struct rn_recording *recording, enum rn_event_class class,
                                    uint32_t n);
/* The digests of the trace over everything settled so far. */
enum rn_status rn_recording_chain(const struct rn_recording *recording, struct rn_digests *out);
/* What became of an item. Its entry gets status and stored bytes. */
void rn_recording_settle(struct rn_item *item, enum rn_status status, struct rn_batch *batch);

/* What was missed goes into the next gap. With the writer's lock, on its thread. */
void rn_recording_take_missed(struct rn_recording *recording, struct rn_batch *batch);

/* --- prepare.c ------------------------------------------------------------------------------------------------------ */

/*
 * Adds the frames of one entry to the batch, and its item, whatever happens: a failure is the item's status. Brings the
 * trace's opening with it when that is not written yet.
 */
void rn_recording_prepare(struct rn_batch *batch, struct rn_entry *entry);
/* Adds the gap this recording has to write. Failures leave it for the next batch. */
void rn_recording_prepare_gap(struct rn_recording *recording, struct rn_batch *batch);

#endif
