/*
 * Taking the content of one field out of a closed trace. What stays is its length, its hashes and the salts of everything
 * else, so that all digests still follow; what goes is the content, the trace's secret (from which the field's salt, and so
 * a guess at its content, could be checked), the match key made from it, and the foreign ids found in it.
 */
#include <stdlib.h>
#include <string.h>

#include "facts_parts.h"
#include "foreign.h"
#include "hold.h"
#include "keys.h"
#include "pieces.h"
#include "rewrite.h"
#include "store/copy.h"
#include "store_internal.h"
#include "summary.h"
#include "trace_pack.h"

struct erasing {
    struct rn_store *store;
    struct rn_trace_summary summary;
    enum rn_event_class class;
    uint32_t n;
    enum rn_tag tag;
    struct rn_arena arena;
    struct rn_pieces pieces; /* of the whole trace */
    struct rn_event before;  /* the event as it was */
    struct rn_buffer table;  /* salts of what remains */
    struct rn_rewrite rewrite;
    int64_t grown_bytes; /* of all frames together */
    struct rn_error *error;
};

static enum rn_status no_memory(const struct erasing *erasing)
{
    return rn_fail(erasing->error, RN_NOMEM, "no memory to erase a field");
}

/* Replaces the frame in the piece's row. */
static enum rn_status replace(struct erasing *erasing, const struct rn_piece *piece, uint8_t codec,
                              size_t old_bytes, struct rn_bytes raw)
{
    size_t before = erasing->rewrite.frames.len;
    enum rn_status status = rn_rewrite_add(&erasing->rewrite, &erasing->summary.id, piece,
                                           piece->row, codec, raw, erasing->error);
    size_t added = erasing->rewrite.frames.len - before;
    erasing->grown_bytes +=
        (int64_t)added - 12 - (int64_t)old_bytes; /* 12: what a rewrite keeps in front */
    return status;
}

/* --- salts ---------------------------------------------------------------------------------------------------------- */

static enum rn_status add_salt(struct erasing *erasing, enum rn_event_class class, uint32_t n,
                               unsigned tag)
{
    uint8_t row[6 + RN_SHA256_BYTES];
    if (!rn_salt_of(&erasing->summary.salts, class, n, tag, row + 6)) {
        return rn_fail(erasing->error, RN_DAMAGED, "a field of event %u has no salt", n);
    }
    row[0] = (uint8_t) class;
    rn_put_u32(row + 1, n);
    row[5] = (uint8_t)tag;
    return rn_buffer_append(&erasing->table, row, sizeof row) == RN_OK ? RN_OK : no_memory(erasing);
}

/* Which fields an event has, without joining them. */
static enum rn_status fields_of(struct erasing *erasing, const struct rn_piece *pieces,
                                size_t count, uint64_t *fields)
{
    struct rn_buffer raw = {0};
    enum rn_status status = RN_OK;
    *fields = 0;
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        struct rn_arena arena = {0};
        struct rn_event piece = {0};
        rn_buffer_clear(&raw);
        status = rn_piece_read(erasing->store, &erasing->summary.id, &pieces[i], &raw, NULL, NULL,
                               erasing->error);
        status = status == RN_OK
                     ? rn_event_decode(rn_buffer_bytes(&raw), &arena, &piece, erasing->error)
                     : status;
        *fields |= piece.fields;
        rn_arena_free(&arena);
    }
    rn_buffer_free(&raw);
    return status;
}

static enum rn_status salts_of_event(struct erasing *erasing, const struct rn_piece *pieces,
                                     size_t count)
{
    uint64_t fields = 0;
    enum rn_event_class class = (enum rn_event_class)pieces[0].class;
    enum rn_status status = fields_of(erasing, pieces, count, &fields);
    for (unsigned tag = 1; status == RN_OK && tag < RN_TAG_LIMIT; tag++) {
        bool goes =
            class == erasing->class && pieces[0].n == erasing->n && tag == (unsigned)erasing->tag;
        if ((fields >> tag & 1) != 0 && !goes) {
            status = add_salt(erasing, class, pieces[0].n, tag);
        }
    }
    return status;
}

/* Pieces come in the order the table needs: class, n, tag. Notes are in no digest and need no salt. */
static enum rn_status make_table(struct erasing *erasing)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0, run = 0; status == RN_OK && i < erasing->pieces.count; i += run) {
        run = rn_pieces_run(&erasing->pieces, i);
        if (erasing->pieces.at[i].class <= RN_CLASS_GAP) {
            status = salts_of_event(erasing, erasing->pieces.at + i, run);
        }
    }
    return status;
}

/* --- the event ------------------------------------------------------------------------------------------------------ */

/* The records of what was erased before and of this field, in tag order. */
static enum rn_status merge_erasures(struct erasing *erasing, struct rn_buffer *out)
{
    struct rn_bytes rest = erasing->before.erasures;
    struct rn_bytes record = rest;
    struct rn_erasure erasure;
    bool is_in = erasing->class >= RN_CLASS_NOTE; /* in no digest: nothing to remember */
    enum rn_status status = RN_OK;
    while (status == RN_OK && (rest.len > 0 || !is_in)) {
        bool has_more = rest.len > 0 && rn_erasure_get(&rest, &erasure);
        if (!is_in && (!has_more || erasure.tag > (unsigned)erasing->tag)) {
            status = rn_erasure_put(&erasing->summary.salts, erasing->class, erasing->n,
                                    (unsigned)erasing->tag,
                                    rn_event_get(&erasing->before, erasing->tag), out);
            is_in = true;
        }
        if (status == RN_OK && has_more) {
            status = rn_buffer_add(out, rn_bytes_sub(record, 0, record.len - rest.len));
        }
        record = rest;
    }
    return status;
}

static bool is_in_key(enum rn_tag tag)
{
    return tag == RN_TAG_UPSTREAM || tag == RN_TAG_METHOD || tag == RN_TAG_TARGET ||
           tag == RN_TAG_REQUEST_BODY;
}

static enum rn_status rewrite_piece(struct erasing *erasing, const struct rn_piece *piece,
                                    struct rn_bytes erasures)
{
    struct rn_buffer raw = {0};
    struct rn_buffer fresh = {0};
    struct rn_event event = {.class = erasing->class, .n = erasing->n};
    uint8_t codec = 0;
    size_t old_bytes = 0;
    enum rn_status status = rn_piece_read(erasing->store, &erasing->summary.id, piece, &raw, &codec,
                                          &old_bytes, erasing->error);
    if (status != RN_OK) {
        goto done;
    }
    status = rn_event_decode(rn_buffer_bytes(&raw), &erasing->arena, &event, erasing->error);
    if (status != RN_OK) {
        goto done;
    }
    event.fields &= ~(UINT64_C(1) << erasing->tag);
    event.erasures = piece->part == 0 ? erasures : RN_LIT("");
    if (is_in_key(erasing->tag)) {
        event.key = RN_LIT("");
    }
    status = rn_event_encode(&event, &fresh) == RN_OK ? RN_OK : no_memory(erasing);
    status = status == RN_OK ? replace(erasing, piece, codec, old_bytes, rn_buffer_bytes(&fresh))
                             : status;
done:
    rn_buffer_free(&raw);
    rn_buffer_free(&fresh);
    return status;
}

static enum rn_status rewrite_event(struct erasing *erasing, const struct rn_piece *pieces,
                                    size_t count)
{
    struct rn_buffer erasures = {0};
    enum rn_status status = merge_erasures(erasing, &erasures);
    if (status != RN_OK) {
        status = status == RN_NOTFOUND
                     ? rn_fail(erasing->error, RN_DAMAGED, "the field has no salt")
                     : no_memory(erasing);
    }
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        status = rewrite_piece(erasing, &pieces[i], rn_buffer_bytes(&erasures));
    }
    rn_buffer_free(&erasures);
    return status;
}

/* --- the trace ------------------------------------------------------------------------------------------------------ */

static enum rn_status rewrite_opening(struct erasing *erasing, const struct rn_piece *piece)
{
    struct rn_buffer raw = {0};
    struct rn_buffer fresh = {0};
    struct rn_trace_opening opening;
    uint8_t codec = 0;
    size_t old_bytes = 0;
    enum rn_status status = rn_piece_read(erasing->store, &erasing->summary.id, piece, &raw, &codec,
                                          &old_bytes, erasing->error);
    status = status == RN_OK
                 ? rn_trace_opening_decode(rn_buffer_bytes(&raw), &opening, erasing->error)
                 : status;
    if (status == RN_OK) {
        opening.has_secret = false;
        memset(opening.secret, 0, sizeof opening.secret);
        status = rn_trace_opening_encode(&opening, &fresh) == RN_OK ? RN_OK : no_memory(erasing);
    }
    status = status == RN_OK ? replace(erasing, piece, codec, old_bytes, rn_buffer_bytes(&fresh))
                             : status;
    rn_buffer_free(&raw);
    rn_buffer_free(&fresh);
    return status;
}

static enum rn_status rewrite_closing(struct erasing *erasing, const struct rn_piece *piece)
{
    struct rn_buffer raw = {0};
    struct rn_buffer fresh = {0};
    struct rn_trace_closing closing;
    uint8_t codec = 0;
    size_t old_bytes = 0;
    enum rn_status status = rn_piece_read(erasing->store, &erasing->summary.id, piece, &raw, &codec,
                                          &old_bytes, erasing->error);
    status = status == RN_OK
                 ? rn_trace_closing_decode(rn_buffer_bytes(&raw), &closing, erasing->error)
                 : status;
    if (status == RN_OK) {
        closing.salts = (struct rn_salts){.table = rn_buffer_bytes(&erasing->table)};
        status = rn_trace_closing_encode(&closing, &fresh) == RN_OK ? RN_OK : no_memory(erasing);
    }
    status = status == RN_OK ? replace(erasing, piece, codec, old_bytes, rn_buffer_bytes(&fresh))
                             : status;
    rn_buffer_free(&raw);
    rn_buffer_free(&fresh);
    return status;
}

static enum rn_status rewrite_all(struct erasing *erasing)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0, run = 0; status == RN_OK && i < erasing->pieces.count; i += run) {
        const struct rn_piece *piece = &erasing->pieces.at[i];
        run = rn_pieces_run(&erasing->pieces, i);
        if (piece->class == (uint8_t)erasing->class && piece->n == erasing->n) {
            status = rewrite_event(erasing, piece, run);
        }
        for (size_t j = 0; status == RN_OK && piece->class == RN_CLASS_TRACE && j < run; j++) {
            status = piece[j].kind == RN_FRAME_TRACE_OPEN ? rewrite_opening(erasing, &piece[j])
                                                          : rewrite_closing(erasing, &piece[j]);
        }
    }
    return status;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

/*
 * Ids that stood only in the erased field no longer lead here. One that another event of the trace holds as well is lost to
 * the index, which knew only its first place; the log still has it.
 */
static enum rn_status forget_ids(struct erasing *erasing, struct rn_db_txn *txn)
{
    struct rn_foreign_ids had;
    struct rn_foreign_ids has;
    struct rn_event after = erasing->before;
    after.fields &= ~(UINT64_C(1) << erasing->tag);
    enum rn_status status = rn_foreign_find(&erasing->before, &erasing->arena, &had);
    status = status == RN_OK ? rn_foreign_find(&after, &erasing->arena, &has) : status;
    for (unsigned i = 0; status == RN_OK && i < had.count; i++) {
        uint8_t key[RN_ID_KEY_BYTES_MAX];
        struct rn_bytes n = {0};
        bool stays = false;
        for (unsigned j = 0; j < has.count; j++) {
            stays = stays || rn_bytes_equal(had.id[i], has.id[j]);
        }
        struct rn_bytes name =
            rn_bytes_of(key, rn_key_foreign(had.id[i], &erasing->summary.id, key));
        if (!stays && rn_db_get(txn, RN_TREE_ID, name, &n) == RN_OK && n.len == 4 &&
            rn_get_u32(n.data) == erasing->n) {
            status = rn_db_delete(txn, RN_TREE_ID, name);
        }
    }
    return status;
}

static enum rn_status put_summary(struct erasing *erasing, struct rn_db_txn *txn)
{
    struct rn_buffer bytes = {0};
    struct rn_trace_summary after = erasing->summary;
    after.salts = (struct rn_salts){.table = rn_buffer_bytes(&erasing->table)};
    after.stored_bytes = (uint64_t)((int64_t)after.stored_bytes + erasing->grown_bytes);
    enum rn_status status = rn_summary_encode(&after, &bytes) == RN_OK ? RN_OK : no_memory(erasing);
    if (status == RN_OK) {
        status = rn_db_put(txn, RN_TREE_TRACE, rn_bytes_of(after.id.bytes, RN_TRACE_ID_BYTES),
                           rn_buffer_bytes(&bytes), erasing->error);
    }
    rn_buffer_free(&bytes);
    return status;
}

/* All of it in one transaction: half an erasure would be a damaged trace. */
static enum rn_status write_all(struct erasing *erasing)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_begin(erasing->store->db, true, &txn, erasing->error);
    if (status != RN_OK) {
        return status;
    }
    if (!rn_unmoved(txn, &erasing->summary, false)) {
        rn_db_abort(txn);
        return RN_BUSY;
    }
    status = rn_hold_check(txn, &erasing->summary.id, erasing->error);
    status = status == RN_OK ? rn_rewrite_apply(&erasing->rewrite, txn, erasing->error) : status;
    status = status == RN_OK ? put_summary(erasing, txn) : status;
    status = status == RN_OK ? rn_facts_forget(txn, &erasing->summary.id,
                                               erasing->summary.started_wall_ns, erasing->error)
                             : status;
    enum rn_event_kind kind = rn_event_kind_of(&erasing->before);
    if (status == RN_OK && (kind == RN_EVENT_EXCHANGE || kind == RN_EVENT_DECISION)) {
        status = forget_ids(erasing, txn);
        status = status == RN_OK
                     ? RN_OK
                     : rn_fail(erasing->error, status, "cannot forget the ids of a field");
    }
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, erasing->error);
}

/* What summaries and indexes are made of: not content, but what the trace is. */
static bool is_structure(enum rn_tag tag)
{
    return tag == RN_TAG_KIND || tag == RN_TAG_TIMES || tag == RN_TAG_END || tag == RN_TAG_FLAGS ||
           tag == RN_TAG_UPSTREAM || tag == RN_TAG_EXIT || tag == RN_TAG_TAGS;
}

static enum rn_status check_erasable(const struct erasing *erasing)
{
    char place[RN_PLACE_TEXT_BYTES];
    const char *name = rn_tag_name(erasing->tag);
    rn_place_text((unsigned)erasing->class, erasing->n, place);
    if (is_structure(erasing->tag)) {
        return rn_fail(erasing->error, RN_REFUSED,
                       "the field '%s' is the structure of event %s and stays", name, place);
    }
    if (!rn_event_has(&erasing->before, erasing->tag)) {
        return rn_fail(erasing->error, RN_NOTFOUND, "event %s has no field '%s'%s", place, name,
                       (erasing->before.erased >> erasing->tag & 1) != 0 ? ": it was erased before"
                                                                         : "");
    }
    return RN_OK;
}

static enum rn_status erase_once(struct erasing *erasing, const struct rn_trace_id *id)
{
    enum rn_status status =
        rn_closed_summary(erasing->store, id, &erasing->arena, &erasing->summary, erasing->error);
    if (status == RN_OK) {
        status = rn_trace_event(erasing->store, id, erasing->class, erasing->n, &erasing->arena,
                                &erasing->before, erasing->error);
    }
    status = status == RN_OK ? check_erasable(erasing) : status;
    status = status == RN_OK
                 ? rn_pieces_of_trace(erasing->store, id, &erasing->pieces, erasing->error)
                 : status;
    status = status == RN_OK ? make_table(erasing) : status;
    status = status == RN_OK ? rewrite_all(erasing) : status;
    return status == RN_OK ? write_all(erasing) : status;
}

enum rn_status rn_trace_erase_field(struct rn_store *store, const struct rn_trace_id *id,
                                    enum rn_event_class class, uint32_t n, enum rn_tag tag,
                                    struct rn_error *error)
{
    enum rn_status status = RN_BUSY;
    struct rn_error inner = {.text = ""};
    if ((unsigned)tag == 0 || (unsigned)tag >= RN_TAG_LIMIT) {
        return rn_fail(error, RN_INVALID, "there is no field %u", (unsigned)tag);
    }
    /* RN_BUSY without a sentence: somebody wrote in between, look again. */
    while (status == RN_BUSY && inner.text[0] == '\0') {
        struct erasing erasing = {.store = store,
                                  .class = class,
                                  .n = n,
                                  .tag = tag,
                                  .rewrite = {.store = store},
                                  .error = &inner};
        status = erase_once(&erasing, id);
        rn_rewrite_free(&erasing.rewrite);
        rn_pieces_free(&erasing.pieces);
        rn_buffer_free(&erasing.table);
        rn_arena_free(&erasing.arena);
    }
    if (status != RN_OK) {
        return rn_fail(error, status, "%s", inner.text);
    }
    return rn_trace_verify(store, id, error);
}
