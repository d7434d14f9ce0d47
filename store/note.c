/*
 * Notes: what somebody says of a trace afterwards, in words or as tags. A note is an event of its own class behind whatever the trace
 * holds; no digest covers it, so a trace that is closed, frozen or still being recorded takes one.
 */
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/varint.h"
#include "door.h"
#include "rewrite.h"
#include "store/copy.h"
#include "store_internal.h"

/* A note on its way: without credentials, in an arena. */
struct note {
    struct rn_bytes text;
    struct rn_bytes tags; /* changes, as runs; empty: none */
};

static enum rn_status note_event(const struct note *note, uint32_t n, struct rn_buffer *out)
{
    static const uint8_t kind = RN_EVENT_NOTE;
    struct rn_event event = {.class = RN_CLASS_NOTE, .n = n};
    struct rn_buffer times = {0};
    enum rn_status status = rn_varint_put(&times, rn_clock_wall_ns());
    rn_event_set(&event, RN_TAG_KIND, rn_bytes_of(&kind, 1));
    rn_event_set(&event, RN_TAG_TIMES, rn_buffer_bytes(&times));
    rn_event_set(&event, RN_TAG_NOTE, note->text);
    if (note->tags.len > 0) {
        rn_event_set(&event, RN_TAG_TAGS, note->tags);
    }
    status = status == RN_OK ? rn_event_encode(&event, out) : status;
    rn_buffer_free(&times);
    return status;
}

/* RN_BUSY: another note took this number meanwhile. */
static enum rn_status append_note(struct rn_store *store, struct rn_rewrite *rewrite,
                                  const struct rn_trace_summary *summary, struct rn_error *error)
{
    struct rn_db_txn *txn = NULL;
    enum rn_status status = rn_db_has_room(store->db, error);
    if (status == RN_OK) {
        status = rn_db_begin(store->db, true, &txn, error);
    }
    if (status != RN_OK) {
        return status;
    }
    status = rn_unmoved(txn, summary, true) ? rn_rewrite_apply(rewrite, txn, error) : RN_BUSY;
    if (status != RN_OK) {
        rn_db_abort(txn);
        return status;
    }
    return rn_db_commit(txn, error);
}

static enum rn_status try_note(struct rn_store *store, const struct rn_trace_id *id,
                               const struct note *note, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_buffer raw = {0};
    struct rn_rewrite rewrite = {.store = store};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(store, id, &arena, &summary, error);
    if (status == RN_OK) {
        struct rn_piece piece = {
            .class = RN_CLASS_NOTE, .kind = RN_FRAME_EVENT, .n = summary.notes + 1};
        status = note_event(note, piece.n, &raw);
        status = status == RN_OK ? RN_OK : rn_fail(error, status, "no memory to add a note");
        status = status == RN_OK ? rn_rewrite_add(&rewrite, id, &piece, 0, RN_CODEC_ZSTD,
                                                  rn_buffer_bytes(&raw), error)
                                 : status;
    }
    status = status == RN_OK ? append_note(store, &rewrite, &summary, error) : status;
    rn_rewrite_free(&rewrite);
    rn_buffer_free(&raw);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status add_note(struct rn_store *store, const struct rn_trace_id *id,
                               const struct note *note, struct rn_error *error)
{
    enum rn_status status = RN_BUSY;
    while (
        status ==
        RN_BUSY) { /* somebody wrote in between: look again; each turn means that somebody else got on */
        status = try_note(store, id, note, error);
    }
    return status == RN_OK ? rn_store_catch_up(store, error) : status;
}

static enum rn_status no_memory(struct rn_error *error)
{
    return rn_fail(error, RN_NOMEM, "no memory to add a note");
}

enum rn_status rn_trace_add_note(struct rn_store *store, const struct rn_trace_id *id,
                                 struct rn_bytes text, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_door *door = rn_door_new(RN_LIT(""));
    if (door == NULL) {
        return no_memory(error);
    }
    const struct note note = {.text = rn_door_text(door, text, &arena), .tags = RN_LIT("")};
    rn_door_leave(door);
    enum rn_status status =
        note.text.data == NULL ? no_memory(error) : add_note(store, id, &note, error);
    rn_arena_free(&arena);
    return status;
}

/* --- tags ----------------------------------------------------------------------------------------------------------- */

static enum rn_status check_change(struct rn_bytes change, struct rn_error *error)
{
    if (change.len == 0 || change.data[0] == '=') {
        return rn_fail(error, RN_INVALID, "the tag '%.*s' has no key",
                       (int)rn_bytes_sub(change, 0, 100).len, (const char *)change.data);
    }
    if (change.len > RN_TAG_TEXT_BYTES_MAX) {
        return rn_fail(error, RN_INVALID, "the tag '%.40s...' is longer than %u bytes",
                       (const char *)change.data, RN_TAG_TEXT_BYTES_MAX);
    }
    return RN_OK;
}

/* "tag team=blue" or "no tag team", whoever reads it without knowing of tags. */
static enum rn_status add_words(struct rn_buffer *text, struct rn_bytes change)
{
    bool is_given = rn_bytes_find_byte(change, '=') != RN_NPOS;
    enum rn_status status =
        rn_buffer_addf(text, "%s%s ", text->len > 0 ? ", " : "", is_given ? "tag" : "no tag");
    return status == RN_OK ? rn_buffer_add(text, change) : status;
}

static enum rn_status write_changes(const char *const *changes, struct rn_arena *arena,
                                    struct rn_buffer *text, struct rn_buffer *runs,
                                    struct rn_error *error)
{
    struct rn_door *door = rn_door_new(RN_LIT(""));
    enum rn_status status = door == NULL ? no_memory(error) : RN_OK;
    for (size_t i = 0; status == RN_OK && changes[i] != NULL; i++) {
        status = check_change(rn_bytes_text(changes[i]), error);
        struct rn_bytes clean =
            status == RN_OK ? rn_door_text(door, rn_bytes_text(changes[i]), arena) : RN_LIT("");
        if (status == RN_OK && (clean.data == NULL || rn_run_put(runs, clean) != RN_OK ||
                                add_words(text, clean) != RN_OK)) {
            status = no_memory(error);
        }
    }
    if (door != NULL) {
        rn_door_leave(door);
    }
    return status;
}

enum rn_status rn_trace_tag(struct rn_store *store, const struct rn_trace_id *id,
                            const char *const *changes, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_buffer text = {0};
    struct rn_buffer runs = {0};
    if (changes[0] == NULL) {
        return rn_fail(error, RN_INVALID, "no tag is given");
    }
    enum rn_status status = write_changes(changes, &arena, &text, &runs, error);
    if (status == RN_OK) {
        const struct note note = {.text = rn_buffer_bytes(&text), .tags = rn_buffer_bytes(&runs)};
        status = add_note(store, id, &note, error);
    }
    rn_buffer_free(&text);
    rn_buffer_free(&runs);
    rn_arena_free(&arena);
    return status;
}
