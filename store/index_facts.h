/*
 * What the indexes want of an event: the few numbers, the upstream and the ids that summaries and postings are made of. Private
 * to store/. Whoever indexes gets them from here, be the event read back from the log or still at hand where it was written.
 */
#ifndef RN_STORE_INDEX_FACTS_H
#define RN_STORE_INDEX_FACTS_H

#include "foreign.h"

struct rn_index_facts {
    enum rn_event_kind kind;
    /* Of every piece. */
    uint64_t crossed_bytes; /* heads and bodies; what was erased counts */
    uint64_t first_wall_ns; /* the first number of RN_TAG_TIMES, else 0 */
    struct rn_bytes upstream;
    /* Of an event as a whole. */
    uint64_t latest_wall_ns; /* the latest moment that RN_TAG_TIMES names, else 0 */
    enum rn_end end;
    uint64_t flags;
    int exit_status; /* -1: it says nothing of one */
    struct rn_bytes tags; /* changes, of a note */
    const struct rn_bytes *ids;
    unsigned id_count;
};

/* Lent from the piece. */
void rn_index_facts_of_piece(const struct rn_event *piece, struct rn_index_facts *out);
/*
 * The rest, of an event whose pieces are joined. Its ids stand in `found`, lent from the event or the arena. RN_NOMEM. With
 * no arena nothing is decoded: RN_REFUSED where the response is in a content coding.
 */
enum rn_status rn_index_facts_of_whole(const struct rn_event *event, struct rn_arena *arena,
                                       struct rn_foreign_ids *found, struct rn_index_facts *out);

#endif
