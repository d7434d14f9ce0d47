/*
 * Traces of a checked bundle on their way into the log, through the same frames as everything else there.
 *
 * Until a trace is whole it has a mark in RN_TREE_META, "import/" and its id, which says who adds it and which evidence it will
 * have; the commit that appends its closing takes the mark away. So an import that dies leaves either no trace or a marked
 * one, which the next opener takes out again instead of keeping it as a lost recording. Marks are claimed as orphans are
 * (recover.c): by writing one's own name where the dead one's stood.
 */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "bundle_parts.h"
#include "bundle_sweep.h"
#include "keys.h"
#include "recover.h"
#include "scan.h"
#include "store/document.h"
#include "store_internal.h"

#define MARK "import/"
#define MARK_BYTES (sizeof(MARK) - 1)
#define MARK_KEY_BYTES (MARK_BYTES + RN_TRACE_ID_BYTES)
#define OWNER_BYTES (RN_OWNER_TEXT_BYTES - 1u)
#define MARK_VALUE_BYTES (OWNER_BYTES + RN_SHA256_BYTES)
#define MARKS_PER_COMMIT 1000u

static void mark_key(const struct rn_trace_id *id, uint8_t out[MARK_KEY_BYTES])
{
    memcpy(out, MARK, MARK_BYTES);
    memcpy(out + MARK_BYTES, id->bytes, RN_TRACE_ID_BYTES);
}

static struct rn_bytes our_name(const struct rn_store *store)
{
    return rn_bytes_text(rn_owner_text(store->owner));
}

/* What a mark says: 32 bytes of owner, 32 of evidence. */
static void mark_value(const struct rn_store *store, const uint8_t evidence[RN_SHA256_BYTES],
                       uint8_t out[MARK_VALUE_BYTES])
{
    memcpy(out, our_name(store).data, OWNER_BYTES);
    memcpy(out + OWNER_BYTES, evidence, RN_SHA256_BYTES);
}

/* --- marks ---------------------------------------------------------------------------------------------------------- */

/* Writes our mark where `expected` stands (empty: where nothing does). RN_BUSY: something else does. */
static enum rn_status claim(struct rn_store *store, struct rn_db_txn *txn,
                            const struct rn_bundle_known *known, struct rn_bytes expected,
                            struct rn_error *error)
{
    uint8_t key[MARK_KEY_BYTES];
    uint8_t value[MARK_VALUE_BYTES];
    struct rn_bytes now = {0};
    mark_key(&known->item.id, key);
    mark_value(store, known->item.evidence, value);
    enum rn_status status = rn_db_get(txn, RN_TREE_META, rn_bytes_of(key, sizeof key), &now);
    if (status != RN_OK && status != RN_NOTFOUND) {
        return rn_fail(error, status, "cannot read the marks of %s", store->path);
    }
    if (!rn_bytes_equal(status == RN_OK ? now : rn_bytes_of(NULL, 0), expected)) {
        char text[33];
        rn_trace_id_text(&known->item.id, text);
        return rn_fail(error, RN_BUSY,
                       "trace %s is being added to %s by another process; wait for it", text,
                       store->path);
    }
    return rn_db_put(txn, RN_TREE_META, rn_bytes_of(key, sizeof key),
                     rn_bytes_of(value, sizeof value), error);
}

/* One commit of marks: put (when `expected` is given) or taken away. */
static enum rn_status change_marks(struct rn_store *store,
                                   const struct rn_bundle_known *const *marked, size_t count,
                                   const struct rn_bytes *expected, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_begin(store->db, true, &txn, error);
    if (status != RN_OK) {
        return status;
    }
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        uint8_t key[MARK_KEY_BYTES];
        mark_key(&marked[i]->item.id, key);
        if (expected != NULL) {
            status = claim(store, txn, marked[i], *expected, error);
        } else {
            status = rn_db_delete(txn, RN_TREE_META, rn_bytes_of(key, sizeof key));
            status = status == RN_NOTFOUND ? RN_OK : status;
        }
    }
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, error);
}

/* --- taking out what is not whole ----------------------------------------------------------------------------------- */

/* Closed by whoever added it, or with all that the mark promises: then only the mark is left over. */
static bool is_whole(const struct rn_trace_summary *summary, const struct rn_bundle_known *known)
{
    return summary->state == RN_TRACE_CLOSED ||
           memcmp(summary->digests.evidence, known->item.evidence, RN_SHA256_BYTES) == 0;
}

/* The mark is ours. An open trace is closed first: only a closed one can be dropped. */
static enum rn_status take_out(struct rn_store *store, const struct rn_bundle_known *known,
                               struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(store, &known->item.id, &arena, &summary, error);
    bool goes = status == RN_OK && !is_whole(&summary, known);
    rn_arena_free(&arena);
    if (goes && summary.state == RN_TRACE_OPEN) {
        status = rn_recover_trace(store, &known->item.id, error);
    }
    if (goes && status == RN_OK) {
        status = rn_trace_drop(store, &known->item.id, error);
    }
    return status == RN_OK || status == RN_NOTFOUND ? change_marks(store, &known, 1, NULL, error)
                                                    : status;
}

/* Nobody is adding it any more: its owner is dead, or it is us, who do one thing at a time. */
static bool is_left(struct rn_store *store, struct rn_bytes owner)
{
    return rn_bytes_equal(owner, our_name(store)) || !rn_owner_is_live(store->owner, owner);
}

static enum rn_status sweep_entry(struct rn_store *store, const struct rn_scan_entry *entry,
                                  struct rn_error *error)
{
    struct rn_bundle_known known = {0};
    const struct rn_bundle_known *marked = &known;
    if (entry->key.len != MARK_KEY_BYTES || entry->value.len != MARK_VALUE_BYTES ||
        !is_left(store, rn_bytes_sub(entry->value, 0, OWNER_BYTES))) {
        return RN_OK;
    }
    memcpy(known.item.id.bytes, entry->key.data + MARK_BYTES, RN_TRACE_ID_BYTES);
    memcpy(known.item.evidence, entry->value.data + OWNER_BYTES, RN_SHA256_BYTES);
    struct rn_error inner = {.text = ""};
    enum rn_status status = change_marks(store, &marked, 1, &entry->value, &inner);
    if (status == RN_BUSY) { /* somebody else sweeps */
        return RN_OK;
    }
    status = status == RN_OK ? take_out(store, marked, &inner) : status;
    if (status == RN_DAMAGED || status == RN_REFUSED || status == RN_BUSY) {
        return RN_OK; /* it stays, with its mark: a store must open whatever lies in it */
    }
    return status == RN_OK ? status : rn_fail(error, status, "%s", inner.text);
}

enum rn_status rn_bundle_sweep(struct rn_store *store, struct rn_error *error)
{
    struct rn_scan scan = {.store = store, .tree = RN_TREE_META, .prefix = RN_LIT(MARK)};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            status = sweep_entry(store, &entries[i], error);
        }
        rn_arena_free(&arena);
    }
    return status;
}

/* --- frames --------------------------------------------------------------------------------------------------------- */

struct landing {
    struct rn_store *store;
    struct rn_bundle_source *source;
    struct rn_rewrite rewrite;
    struct rn_trace_id
        finished[RN_COMMIT_EVENTS_MAX]; /* whose closing waits, and whose mark goes with it */
    size_t finished_count;
    struct rn_buffer raw;
    struct rn_error *error;
};

static enum rn_status apply(struct landing *landing, struct rn_db_txn *txn)
{
    enum rn_status status = rn_rewrite_apply(&landing->rewrite, txn, landing->error);
    for (size_t i = 0; status == RN_OK && i < landing->finished_count; i++) {
        uint8_t key[MARK_KEY_BYTES];
        mark_key(&landing->finished[i], key);
        status = rn_db_delete(txn, RN_TREE_META, rn_bytes_of(key, sizeof key));
        if (status != RN_OK) {
            status =
                rn_fail(landing->error, status == RN_NOTFOUND ? RN_BUSY : status,
                        "somebody else takes out what is being added to %s", landing->store->path);
        }
    }
    return status;
}

static enum rn_status flush(struct landing *landing)
{
    struct rn_db_txn *txn = NULL;
    if (landing->rewrite.count == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_db_has_room(landing->store->db, landing->error);
    status = status == RN_OK ? rn_db_begin(landing->store->db, true, &txn, landing->error) : status;
    if (status != RN_OK) {
        return status;
    }
    status = apply(landing, txn);
    rn_rewrite_clear(&landing->rewrite);
    landing->finished_count = 0;
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, landing->error);
}

static enum rn_status add_frame(struct landing *landing, const struct rn_trace_id *id,
                                const struct rn_piece *piece, struct rn_bytes raw)
{
    bool is_full = landing->rewrite.frames.len >= RN_COMMIT_BYTES_MAX ||
                   landing->rewrite.count >= RN_COMMIT_EVENTS_MAX;
    enum rn_status status = is_full ? flush(landing) : RN_OK;
    return status == RN_OK
               ? rn_rewrite_add(&landing->rewrite, id, piece, 0, RN_CODEC_ZSTD, raw, landing->error)
               : status;
}

static enum rn_status add_piece(struct landing *landing, const struct rn_trace_id *id,
                                enum rn_frame_kind kind, uint32_t part,
                                const struct rn_event *event)
{
    struct rn_piece piece = {
        .class = (uint8_t)event->class, .kind = kind, .n = event->n, .part = part};
    rn_buffer_clear(&landing->raw);
    if (rn_event_encode(event, &landing->raw) != RN_OK) {
        return rn_fail(landing->error, RN_NOMEM, "no memory to add an event");
    }
    return add_frame(landing, id, &piece, rn_buffer_bytes(&landing->raw));
}

/* Only what closes an event may stand in its last frame, and must where there is one. */
static bool is_last_word(unsigned tag)
{
    return tag == RN_TAG_END || tag == RN_TAG_END_REASON || tag == RN_TAG_FLAGS;
}

static bool needs_parts(const struct rn_event *event)
{
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        if ((event->fields >> tag & 1) != 0 && rn_bundle_is_stream(tag) &&
            event->field[tag].len > RN_PART_BYTES_MAX) {
            return true;
        }
    }
    return false;
}

/* One stream after the other, in frames that hold nothing else. */
static enum rn_status add_streams(struct landing *landing, const struct rn_trace_id *id,
                                  const struct rn_event *event, uint32_t *part)
{
    enum rn_status status = RN_OK;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        struct rn_bytes rest = rn_event_get(event, (enum rn_tag)tag);
        while (status == RN_OK && rn_bundle_is_stream(tag) && rest.len > 0) {
            struct rn_event piece = {.class = event->class, .n = event->n};
            rn_event_set(&piece, (enum rn_tag)tag, rn_bytes_sub(rest, 0, RN_PART_BYTES_MAX));
            status = add_piece(landing, id, RN_FRAME_EVENT_PART, (*part)++, &piece);
            rest = rn_bytes_from(rest, RN_PART_BYTES_MAX);
        }
    }
    return status;
}

/* A long event, or one that was never finished: what is no stream first, an end last. */
static enum rn_status add_in_parts(struct landing *landing, const struct rn_trace_id *id,
                                   const struct rn_event *event, bool is_ended)
{
    struct rn_event first = *event;
    struct rn_event last = {.class = event->class, .n = event->n};
    uint32_t part = 1;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        bool is_there = (event->fields >> tag & 1) != 0;
        if (is_there && is_ended && is_last_word(tag)) {
            first.fields &= ~(UINT64_C(1) << tag);
            rn_event_set(&last, (enum rn_tag)tag, event->field[tag]);
        } else if (is_there && rn_bundle_is_stream(tag)) {
            first.field[tag].len = 0; /* that it is there, even when it is empty */
        }
    }
    enum rn_status status = add_piece(landing, id, RN_FRAME_EVENT_OPEN, 0, &first);
    status = status == RN_OK ? add_streams(landing, id, event, &part) : status;
    return status == RN_OK && is_ended ? add_piece(landing, id, RN_FRAME_EVENT_CLOSE, part, &last)
                                       : status;
}

static enum rn_status add_event(struct landing *landing, const struct rn_trace_id *id,
                                struct rn_event *event, bool is_ended)
{
    event->erased = 0; /* what the records say; they go into the frame as they are */
    return is_ended && !needs_parts(event) ? add_piece(landing, id, RN_FRAME_EVENT, 0, event)
                                           : add_in_parts(landing, id, event, is_ended);
}

/* --- traces --------------------------------------------------------------------------------------------------------- */

static enum rn_status add_opening(struct landing *landing, struct rn_trace_opening *opening)
{
    struct rn_piece piece = {.class = RN_CLASS_TRACE, .kind = RN_FRAME_TRACE_OPEN};
    rn_buffer_clear(&landing->raw);
    opening->owner = our_name(landing->store);
    if (rn_trace_opening_encode(opening, &landing->raw) != RN_OK) {
        return rn_fail(landing->error, RN_NOMEM, "no memory to add a trace");
    }
    return add_frame(landing, &opening->id, &piece, rn_buffer_bytes(&landing->raw));
}

static enum rn_status add_closing(struct landing *landing, const struct rn_trace_id *id,
                                  const struct rn_trace_closing *closing)
{
    struct rn_piece piece = {.class = RN_CLASS_TRACE, .kind = RN_FRAME_TRACE_CLOSE};
    rn_buffer_clear(&landing->raw);
    if (rn_trace_closing_encode(closing, &landing->raw) != RN_OK) {
        return rn_fail(landing->error, RN_NOMEM, "no memory to add a trace");
    }
    enum rn_status status = add_frame(landing, id, &piece, rn_buffer_bytes(&landing->raw));
    if (status == RN_OK) {
        landing->finished[landing->finished_count++] = *id;
    }
    return status;
}

/* The file may have been exchanged since it was checked: the evidence tells. */
static bool is_known(const struct rn_bundle_trace *trace, const struct rn_bundle_known *known)
{
    return rn_trace_id_equal(&trace->opening.id, &known->item.id) &&
           memcmp(trace->closing.digests.evidence, known->item.evidence, RN_SHA256_BYTES) == 0;
}

static enum rn_status add_events(struct landing *landing, const struct rn_bundle_trace *trace,
                                 bool skip)
{
    struct rn_buffer bytes = {0};
    struct rn_bundle_place place = {0};
    enum rn_status status = RN_OK;
    for (uint64_t i = 0; status == RN_OK && i < trace->events; i++) {
        struct rn_event event;
        bool is_ended = false;
        status = rn_bundle_get_event(landing->source, &bytes, &place, &event, &is_ended);
        if (status == RN_OK && !skip) {
            status = add_event(landing, &trace->opening.id, &event, is_ended);
        }
    }
    rn_buffer_free(&bytes);
    return status;
}

static enum rn_status add_trace(struct landing *landing, const struct rn_bundle_known *known)
{
    struct rn_buffer head = {0};
    struct rn_bundle_trace trace;
    enum rn_status status = rn_bundle_get_trace(landing->source, &head, &trace);
    if (status == RN_OK && !is_known(&trace, known)) {
        status =
            rn_fail(landing->error, RN_IO, "%s changed while it was read", landing->source->path);
    }
    if (status == RN_OK && !known->is_here) {
        status = add_opening(landing, &trace.opening);
    }
    status = status == RN_OK ? add_events(landing, &trace, known->is_here) : status;
    if (status == RN_OK && !known->is_here) {
        status = add_closing(landing, &trace.opening.id, &trace.closing);
    }
    rn_buffer_free(&head);
    return status;
}

static enum rn_status add_all(struct landing *landing, const struct rn_bundle_content *content)
{
    struct rn_bundle_front front = {0};
    enum rn_status status = rn_bundle_get_front(landing->source, &front);
    rn_bundle_front_free(&front);
    for (size_t i = 0; status == RN_OK && i < content->count; i++) {
        status = add_trace(landing, &content->traces[i]);
    }
    return status == RN_OK ? flush(landing) : status;
}

/* --- all of them ---------------------------------------------------------------------------------------------------- */

/* The next traces that are to be added, from *at on. */
static size_t next_missing(const struct rn_bundle_content *content, size_t *at,
                           const struct rn_bundle_known *found[MARKS_PER_COMMIT])
{
    size_t count = 0;
    for (; *at < content->count && count < MARKS_PER_COMMIT; (*at)++) {
        if (!content->traces[*at].is_here) {
            found[count++] = &content->traces[*at];
        }
    }
    return count;
}

/* Marks them, or takes the marks away. */
static enum rn_status mark_all(struct rn_store *store, const struct rn_bundle_content *content,
                               bool put, struct rn_error *error)
{
    const struct rn_bundle_known *found[MARKS_PER_COMMIT];
    const struct rn_bytes nothing = {NULL, 0};
    enum rn_status status = RN_OK;
    size_t count = 0;
    for (size_t at = 0; status == RN_OK && (count = next_missing(content, &at, found)) > 0;) {
        status = change_marks(store, found, count, put ? &nothing : NULL, error);
    }
    return status;
}

/* Between our look and our marks another import may have ended. */
static enum rn_status check_still_missing(struct rn_store *store,
                                          const struct rn_bundle_content *content,
                                          struct rn_error *error)
{
    for (size_t i = 0; i < content->count; i++) {
        if (!content->traces[i].is_here && rn_trace_is_taken(store, &content->traces[i].item.id)) {
            return rn_fail(error, RN_BUSY, "another process has just added to %s: try once more",
                           store->path);
        }
    }
    return RN_OK;
}

static enum rn_status verify_all(struct rn_store *store, const struct rn_bundle_content *content,
                                 struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < content->count; i++) {
        if (!content->traces[i].is_here) {
            status = rn_trace_verify(store, &content->traces[i].item.id, error);
        }
    }
    return status;
}

enum rn_status rn_bundle_land(struct rn_bundle_source *source, struct rn_store *store,
                              const struct rn_bundle_content *content)
{
    struct landing landing = {
        .store = store, .source = source, .rewrite = {.store = store}, .error = source->error};
    enum rn_status status = mark_all(store, content, true, source->error);
    if (status == RN_OK) {
        status = check_still_missing(store, content, source->error);
        if (status != RN_OK) {
            (void)mark_all(store, content, false, NULL);
            return status;
        }
    }
    status = status == RN_OK ? add_all(&landing, content) : status;
    if (status !=
        RN_OK) { /* what is not whole goes; should that fail as well, the next import or opener does it */
        (void)rn_bundle_sweep(store, NULL);
    }
    status = status == RN_OK ? verify_all(store, content, source->error) : status;
    rn_rewrite_free(&landing.rewrite);
    rn_buffer_free(&landing.raw);
    return status;
}
