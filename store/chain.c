/*
 * From rows to the digests of a trace: each event is joined, hashed and chained in order. The construction is evidence.c's;
 * this file only brings the events to it, one in memory at a time.
 */
#include "chain.h"

static enum rn_status fail_at(const struct rn_trace_id *id, const struct rn_piece *piece,
                              enum rn_status status, struct rn_error *error)
{
    char text[33];
    char place[RN_PLACE_TEXT_BYTES];
    if (status == RN_NOMEM) {
        return rn_fail(error, RN_NOMEM, "no memory to compute digests");
    }
    rn_trace_id_text(id, text);
    rn_place_text(piece->class, piece->n, place);
    return rn_fail(error, RN_DAMAGED, "trace %s, event %s: %s", text, place,
                   status == RN_NOTFOUND ? "a field has no salt"
                                         : "its fields contradict each other");
}

struct walk {
    struct rn_store *store;
    const struct rn_trace_id *id;
    const struct rn_salts *salts;
    struct rn_digests *chain;
    struct rn_error *error;
};

static enum rn_status add_event(const struct walk *walk, const struct rn_piece *pieces,
                                size_t count)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_digests digests;
    enum rn_event_class class = (enum rn_event_class)pieces[0].class;
    enum rn_status status = rn_pieces_join(walk->store, walk->id, pieces, count, RN_JOIN_WHOLE,
                                           &arena, &event, walk->error);
    if (status == RN_OK) {
        status = rn_event_digests(walk->salts, &event, &digests);
        status = status == RN_OK ? RN_OK : fail_at(walk->id, pieces, status, walk->error);
    }
    rn_arena_free(&arena);
    if (status == RN_OK && !rn_chain_add(walk->chain, class, pieces[0].n, &digests)) {
        status = rn_fail(walk->error, RN_NOMEM, "no memory to compute digests");
    }
    return status;
}

enum rn_status rn_chain_of(struct rn_store *store, const struct rn_trace_id *id,
                           const struct rn_salts *salts, const struct rn_pieces *pieces,
                           struct rn_digests *out, struct rn_error *error)
{
    const struct walk walk = {store, id, salts, out, error};
    enum rn_status status = RN_OK;
    if (!rn_chain_begin(id, out)) {
        return rn_fail(error, RN_NOMEM, "no memory to compute digests");
    }
    for (size_t i = 0, run = 0; status == RN_OK && i < pieces->count; i += run) {
        run = rn_pieces_run(pieces, i);
        enum rn_frame_kind last = pieces->at[i + run - 1].kind;
        bool is_ended = last == RN_FRAME_EVENT || last == RN_FRAME_EVENT_CLOSE;
        if (pieces->at[i].class <= RN_CLASS_GAP && is_ended) {
            status = add_event(&walk, pieces->at + i, run);
        }
    }
    return status;
}
