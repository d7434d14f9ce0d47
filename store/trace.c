/*
 * Reading traces: a summary by its id, an event by its place, and whether the digests follow from the events. Brings the
 * indexes up first, so that what was acknowledged a moment ago is there.
 */
#include "store/trace.h"

#include <string.h>

#include "chain.h"
#include "index.h"
#include "pieces.h"
#include "store_internal.h"
#include "summary.h"

/* Copies the stored summary into the arena. RN_NOTFOUND without a sentence. */
static enum rn_status summary_bytes(struct rn_store *store, const struct rn_trace_id *id,
                                    struct rn_arena *arena, struct rn_bytes *out,
                                    struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    enum rn_status status = rn_db_begin(store->db, false, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_db_get(txn, RN_TREE_TRACE, rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES), &value);
    if (status == RN_OK) {
        *out = rn_arena_copy(arena, value);
        status =
            out->data == NULL ? rn_fail(error, RN_NOMEM, "no memory to read a summary") : RN_OK;
    } else if (status != RN_NOTFOUND) {
        rn_fail(error, status, "cannot read the summaries of %s", store->path);
    }
    rn_db_abort(txn);
    return status;
}

static enum rn_status fail_no_trace(struct rn_store *store, const struct rn_trace_id *id,
                                    struct rn_error *error)
{
    char text[33];
    rn_trace_id_text(id, text);
    return rn_fail(error, RN_NOTFOUND, "there is no trace %s in %s", text, store->path);
}

bool rn_trace_is_backtest(const struct rn_trace_summary *summary)
{
    return rn_bytes_equal(summary->kind, RN_LIT("backtest"));
}

enum rn_status rn_trace_summary_indexed(struct rn_store *store, const struct rn_trace_id *id,
                                        struct rn_arena *arena, struct rn_trace_summary *out,
                                        struct rn_error *error)
{
    struct rn_bytes bytes = {0};
    enum rn_status status = summary_bytes(store, id, arena, &bytes, error);
    if (status == RN_NOTFOUND) {
        return fail_no_trace(store, id, error);
    }
    return status == RN_OK ? rn_summary_decode(id, bytes, out, error) : status;
}

enum rn_status rn_trace_summary(struct rn_store *store, const struct rn_trace_id *id,
                                struct rn_arena *arena, struct rn_trace_summary *out,
                                struct rn_error *error)
{
    enum rn_status status = rn_store_catch_up(store, error);
    return status == RN_OK ? rn_trace_summary_indexed(store, id, arena, out, error) : status;
}

bool rn_trace_is_taken(struct rn_store *store, const struct rn_trace_id *id)
{
    bool known = false;
    return rn_index_knows(store, id, &known, NULL) != RN_OK || known;
}

bool rn_trace_claim(struct rn_store *store, const struct rn_trace_id *id)
{
    return rn_owner_claim(store->owner, id->bytes);
}

void rn_trace_unclaim(struct rn_store *store, const struct rn_trace_id *id)
{
    rn_owner_release(store->owner, id->bytes);
}

static enum rn_status fail_absent(struct rn_store *store, const struct rn_trace_id *id,
                                  enum rn_event_class class, uint32_t n, struct rn_error *error)
{
    char text[33];
    char place[RN_PLACE_TEXT_BYTES];
    rn_trace_id_text(id, text);
    rn_place_text((unsigned)class, n, place);
    return rn_fail(error, RN_NOTFOUND, "trace %s has no event %s in %s", text, place, store->path);
}

/* What is missing of a trace that somebody dropped meanwhile is no damage. */
static enum rn_status unless_dropped(struct rn_store *store, const struct rn_trace_id *id,
                                     enum rn_status status, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_bytes bytes = {0};
    if (status != RN_DAMAGED) {
        return status;
    }
    bool is_gone = summary_bytes(store, id, &arena, &bytes, NULL) == RN_NOTFOUND;
    rn_arena_free(&arena);
    return is_gone ? fail_no_trace(store, id, error) : status;
}

enum rn_status rn_trace_event(struct rn_store *store, const struct rn_trace_id *id,
                              enum rn_event_class class, uint32_t n, struct rn_arena *arena,
                              struct rn_event *out, struct rn_error *error)
{
    enum rn_status status = rn_store_catch_up(store, error);
    return status == RN_OK ? rn_trace_event_indexed(store, id, class, n, arena, out, error)
                           : status;
}

enum rn_status rn_trace_event_indexed(struct rn_store *store, const struct rn_trace_id *id,
                                      enum rn_event_class class, uint32_t n, struct rn_arena *arena,
                                      struct rn_event *out, struct rn_error *error)
{
    struct rn_pieces pieces = {0};
    enum rn_status status = rn_pieces_of_event(store, id, (unsigned)class, n, &pieces, error);
    if (status == RN_OK && pieces.count == 0) {
        status = fail_absent(store, id, class, n, error);
    }
    if (status == RN_OK) {
        status =
            rn_pieces_join(store, id, pieces.at, pieces.count, RN_JOIN_WHOLE, arena, out, error);
    }
    rn_pieces_free(&pieces);
    return unless_dropped(store, id, status, error);
}

uint64_t rn_trace_marked_flags(struct rn_store *store, const struct rn_trace_summary *summary,
                               uint32_t n)
{
    struct rn_arena arena = {0};
    struct rn_event mark = {0};
    uint64_t flags = 0;
    if (summary->late > 0 && rn_trace_event_indexed(store, &summary->id, RN_CLASS_MARK, n, &arena,
                                                    &mark, NULL) == RN_OK) {
        flags = rn_event_number(&mark, RN_TAG_FLAGS, 0);
    }
    rn_arena_free(&arena);
    return flags;
}

static enum rn_status compare(const struct rn_trace_summary *summary,
                              const struct rn_digests *found, struct rn_error *error)
{
    char text[33];
    const char *which = NULL;
    if (memcmp(summary->digests.evidence, found->evidence, RN_SHA256_BYTES) != 0) {
        which = "evidence";
    } else if (memcmp(summary->digests.said, found->said, RN_SHA256_BYTES) != 0) {
        which = "said";
    }
    if (which == NULL || summary->state == RN_TRACE_OPEN) {
        return RN_OK;
    }
    rn_trace_id_text(&summary->id, text);
    return rn_fail(
        error, RN_DAMAGED,
        "trace %s: every frame is sound, but the digest '%s' is another: an event was replaced, "
        "added or removed",
        text, which);
}

/* The frames that no digest covers: the trace's opening and closing, notes, marks. Their checksums do. */
static enum rn_status read_covers(struct rn_store *store, const struct rn_trace_id *id,
                                  const struct rn_pieces *pieces, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < pieces->count && status == RN_OK; i++) {
        struct rn_buffer raw = {0};
        if (pieces->at[i].class > RN_CLASS_GAP) {
            status = rn_piece_read(store, id, &pieces->at[i], &raw, NULL, NULL, error);
        }
        rn_buffer_free(&raw);
    }
    return status;
}

enum rn_status rn_trace_verify(struct rn_store *store, const struct rn_trace_id *id,
                               struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_pieces pieces = {0};
    struct rn_trace_summary summary;
    struct rn_digests found;
    enum rn_status status = rn_trace_summary(store, id, &arena, &summary, error);
    status = status == RN_OK ? rn_pieces_of_trace(store, id, &pieces, error) : status;
    status = status == RN_OK ? read_covers(store, id, &pieces, error) : status;
    status =
        status == RN_OK ? rn_chain_of(store, id, &summary.salts, &pieces, &found, error) : status;
    status = status == RN_OK ? compare(&summary, &found, error) : status;
    rn_pieces_free(&pieces);
    rn_arena_free(&arena);
    return unless_dropped(store, id, status, error);
}
