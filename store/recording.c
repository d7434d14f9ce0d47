/*
 * What a recording knows of itself: its events that are open, the digests of those that ended, its gaps; and how the fate of a
 * commit changes that. Making frames is prepare.c's.
 *
 * What a recording keeps, digests and gaps, changes only when a commit is settled. A piece that failed ends its event: what
 * follows would leave a hole.
 */
#include "recording.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/varint.h"

struct rn_kept_digests {
    bool is_there;
    struct rn_digests digests;
};

/* --- life ----------------------------------------------------------------------------------------------------------- */

static bool is_zero(const struct rn_trace_id *id)
{
    static const struct rn_trace_id zero;
    return rn_trace_id_equal(id, &zero);
}

static bool copy_text(struct rn_recording *recording, const char *text, struct rn_bytes *out)
{
    *out = rn_arena_copy(&recording->texts, rn_bytes_text(text == NULL ? "" : text));
    return out->data != NULL;
}

static bool copy_tags(struct rn_recording *recording, const char *const *tags)
{
    struct rn_buffer runs = {0};
    bool good = true;
    for (size_t i = 0; good && tags != NULL && tags[i] != NULL; i++) {
        good = rn_run_put(&runs, rn_bytes_text(tags[i])) == RN_OK;
    }
    if (good) {
        recording->opening.tags = rn_arena_copy(&recording->texts, rn_buffer_bytes(&runs));
        good = recording->opening.tags.data != NULL;
    }
    rn_buffer_free(&runs);
    return good;
}

static void fill_ids(struct rn_recording *recording, const struct rn_recording_settings *settings)
{
    struct rn_trace_opening *opening = &recording->opening;
    opening->id = settings->id;
    opening->session = is_zero(&settings->session) ? settings->id : settings->session;
    opening->parent = settings->parent;
    opening->is_alias = settings->is_alias;
    opening->wall_ns = rn_clock_wall_ns();
    opening->has_secret = true;
    rn_random_bytes(opening->secret, RN_SECRET_BYTES);
    recording->salts.from_secret = true;
    memcpy(recording->salts.secret, opening->secret, RN_SECRET_BYTES);
}

struct rn_recording *rn_recording_new(const struct rn_recording_settings *settings,
                                      struct rn_door *door, const char *owner)
{
    struct rn_recording *recording = rn_calloc(1, sizeof *recording);
    if (recording == NULL) {
        rn_door_leave(door);
        return NULL;
    }
    struct rn_trace_opening *opening = &recording->opening;
    recording->door = door;
    fill_ids(recording, settings);
    if (!copy_text(recording, settings->name, &opening->name) ||
        !copy_text(recording, settings->release, &opening->release) ||
        !copy_text(recording, settings->kind, &opening->kind) ||
        !copy_text(recording, owner, &opening->owner) || !copy_tags(recording, settings->tags)) {
        rn_recording_free(recording);
        return NULL;
    }
    return recording;
}

static void open_event_free(struct rn_open_event *open)
{
    if (open != NULL) {
        rn_event_hash_drop(open->hash);
        rn_passage_free(open->passage);
        rn_free(open);
    }
}

void rn_recording_free(struct rn_recording *recording)
{
    if (recording == NULL) {
        return;
    }
    for (size_t i = 0; i < recording->open_count; i++) {
        open_event_free(recording->open[i]);
    }
    rn_free(recording->open);
    rn_free(recording->kept);
    rn_free(recording->gap_digests);
    rn_door_leave(recording->door);
    rn_arena_free(&recording->texts);
    rn_free(recording);
}

const struct rn_trace_id *rn_recording_id(const struct rn_recording *recording)
{
    return &recording->opening.id;
}

enum rn_status rn_recording_learn(struct rn_recording *recording, struct rn_bytes value)
{
    return rn_door_learn(recording->door, value);
}

/* --- open events ---------------------------------------------------------------------------------------------------- */

/* Where the event of that ordinal stands, or would. */
static size_t open_place(const struct rn_recording *recording, uint32_t n)
{
    size_t low = 0;
    size_t high = recording->open_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (recording->open[middle]->n < n) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct rn_open_event *rn_recording_open_find(const struct rn_recording *recording, uint32_t n)
{
    size_t place = open_place(recording, n);
    bool is_there = place < recording->open_count && recording->open[place]->n == n;
    return is_there ? recording->open[place] : NULL;
}

static enum rn_status open_reserve(struct rn_recording *recording)
{
    if (recording->open_count < recording->open_cap) {
        return RN_OK;
    }
    size_t cap = recording->open_cap == 0 ? 8 : recording->open_cap * 2;
    struct rn_open_event **open = rn_realloc(recording->open, cap * sizeof(*open));
    if (open == NULL) {
        return RN_NOMEM;
    }
    recording->open = open;
    recording->open_cap = cap;
    return RN_OK;
}

static struct rn_open_event *open_event_new(struct rn_recording *recording,
                                            const struct rn_event *event)
{
    struct rn_open_event *open = rn_calloc(1, sizeof *open);
    if (open == NULL) {
        return NULL;
    }
    open->class = event->class;
    open->n = event->n;
    open->hash = rn_event_hash_begin(&recording->salts, event->class, event->n);
    open->passage = rn_passage_begin();
    if (open->hash == NULL || open->passage == NULL) {
        open_event_free(open);
        return NULL;
    }
    return open;
}

enum rn_status rn_recording_open_add(struct rn_recording *recording, const struct rn_event *event,
                                     struct rn_open_event **out)
{
    if (event->class != RN_CLASS_EVENT || rn_recording_open_find(recording, event->n) != NULL) {
        return RN_INVALID;
    }
    enum rn_status status = open_reserve(recording);
    if (status != RN_OK) {
        return status;
    }
    *out = open_event_new(recording, event);
    if (*out == NULL) {
        return RN_NOMEM;
    }
    size_t place = open_place(recording, event->n);
    struct rn_open_event **at = recording->open + place;
    memmove(at + 1, at, (recording->open_count - place) * sizeof(*at));
    *at = *out;
    recording->open_count++;
    return RN_OK;
}

static void open_remove(struct rn_recording *recording, struct rn_open_event *open)
{
    size_t place = open_place(recording, open->n);
    struct rn_open_event **at = recording->open + place;
    assert(place < recording->open_count && *at == open);
    recording->open_count--;
    memmove(at, at + 1, (recording->open_count - place) * sizeof(*at));
    open_event_free(open);
}

void rn_recording_drop_failed(struct rn_recording *recording, uint32_t n)
{
    struct rn_open_event *open = rn_recording_open_find(recording, n);
    if (open != NULL && open->failed != RN_OK) {
        open_remove(recording, open);
    }
}

/* --- digests -------------------------------------------------------------------------------------------------------- */

/* Room for the digests of that event, taken before the commit so that settling cannot fail. */
static enum rn_status kept_reserve(struct rn_recording *recording, uint32_t n)
{
    if (n > RN_TRACE_EVENTS_MAX) {
        return RN_LIMIT;
    }
    if (n < recording->kept_cap) {
        return RN_OK;
    }
    uint32_t cap = recording->kept_cap == 0 ? 16 : recording->kept_cap * 2;
    cap = cap > n ? cap : n + 1;
    struct rn_kept_digests *kept = rn_realloc(recording->kept, cap * sizeof *kept);
    if (kept == NULL) {
        return RN_NOMEM;
    }
    memset(kept + recording->kept_cap, 0, (cap - recording->kept_cap) * sizeof *kept);
    recording->kept = kept;
    recording->kept_cap = cap;
    return RN_OK;
}

static enum rn_status gaps_reserve(struct rn_recording *recording)
{
    if (recording->gaps < recording->gap_cap) {
        return RN_OK;
    }
    uint32_t cap = recording->gap_cap == 0 ? 4 : recording->gap_cap * 2;
    struct rn_digests *digests = rn_realloc(recording->gap_digests, cap * sizeof *digests);
    if (digests == NULL) {
        return RN_NOMEM;
    }
    recording->gap_digests = digests;
    recording->gap_cap = cap;
    return RN_OK;
}

enum rn_status rn_recording_reserve(struct rn_recording *recording, enum rn_event_class class,
                                    uint32_t n)
{
    switch (class) {
    case RN_CLASS_EVENT:
        return kept_reserve(recording, n);
    case RN_CLASS_GAP:
        return gaps_reserve(recording);
    case RN_CLASS_NOTE:
    case RN_CLASS_MARK:
        return RN_OK;
    }
    return RN_INVALID;
}

static void digests_keep(struct rn_recording *recording, const struct rn_item *item)
{
    if (item->class == RN_CLASS_EVENT) {
        recording->kept[item->n] = (struct rn_kept_digests){true, item->digests};
        recording->events = item->n > recording->events ? item->n : recording->events;
    } else if (item->class == RN_CLASS_GAP) {
        recording->gap_digests[item->n - 1] = item->digests;
    }
}

enum rn_status rn_recording_chain(const struct rn_recording *recording, struct rn_digests *out)
{
    bool good = rn_chain_begin(&recording->opening.id, out);
    for (uint32_t n = 0; good && n < recording->kept_cap; n++) {
        const struct rn_kept_digests *kept = &recording->kept[n];
        good = !kept->is_there || rn_chain_add(out, RN_CLASS_EVENT, n, &kept->digests);
    }
    for (uint32_t n = 1; good && n <= recording->gaps; n++) {
        good = rn_chain_add(out, RN_CLASS_GAP, n, &recording->gap_digests[n - 1]);
    }
    return good ? RN_OK : RN_NOMEM;
}

/* --- gaps ----------------------------------------------------------------------------------------------------------- */

static void gapped_remove(struct rn_recording *recording, struct rn_batch *batch)
{
    struct rn_recording **at = &batch->gapped;
    while (recording->is_gapped && *at != recording) {
        at = &(*at)->next_gapped;
    }
    if (recording->is_gapped) {
        *at = recording->next_gapped;
        recording->is_gapped = false;
    }
}

static void gapped_add(struct rn_recording *recording, struct rn_batch *batch)
{
    if (!recording->is_gapped) {
        recording->is_gapped = true;
        recording->next_gapped = batch->gapped;
        batch->gapped = recording;
    }
}

/* One more event that is not in the store. */
static void gap_count(struct rn_recording *recording, enum rn_status status, struct rn_batch *batch)
{
    struct rn_pending_gap *pending = &recording->pending;
    uint64_t now = rn_clock_wall_ns();
    pending->first_wall_ns = pending->count == 0 ? now : pending->first_wall_ns;
    pending->last_wall_ns = now;
    pending->count++;
    (void)snprintf(pending->reason, sizeof pending->reason, "%.*s", (int)sizeof pending->reason - 1,
                   batch->error.status == status ? batch->error.text : rn_status_name(status));
    gapped_add(recording, batch);
}

void rn_recording_take_missed(struct rn_recording *recording, struct rn_batch *batch)
{
    struct rn_pending_gap *pending = &recording->pending;
    const struct rn_pending_gap *missed = &recording->missed;
    if (missed->count == 0) {
        return;
    }
    pending->first_wall_ns = pending->count == 0 ? missed->first_wall_ns : pending->first_wall_ns;
    pending->last_wall_ns = missed->last_wall_ns;
    pending->count += missed->count;
    memcpy(pending->reason, missed->reason, sizeof pending->reason);
    recording->missed = (struct rn_pending_gap){0};
    gapped_add(recording, batch);
}

/* --- settling ------------------------------------------------------------------------------------------------------- */

static void settle_gap(struct rn_item *item, enum rn_status status, struct rn_batch *batch)
{
    struct rn_recording *recording = item->recording;
    if (status == RN_OK) {
        digests_keep(recording, item);
        recording->pending = (struct rn_pending_gap){0};
        gapped_remove(recording, batch);
    } else if (recording->gaps >= item->n) {
        recording->gaps = item->n - 1;
    }
}

/* A failed piece is counted once for its event, a whole event always; what is no event is not. */
static void settle_failure(struct rn_item *item, enum rn_status status, struct rn_batch *batch)
{
    bool is_counted = item->entry->kind == RN_ENTRY_TRACE_CLOSE ||
                      (item->open == NULL && (item->entry->kind == RN_ENTRY_EVENT_PART ||
                                              item->entry->kind == RN_ENTRY_EVENT_CLOSE));
    bool is_event = !item->entry->is_intent && item->entry->event.class != RN_CLASS_MARK;
    if (item->open != NULL) {
        is_counted = item->open->is_counted;
        item->open->is_counted = is_counted || is_event;
        item->open->failed = status;
    }
    if (!is_counted && is_event) {
        gap_count(item->recording, status, batch);
    }
    if (item->class == RN_CLASS_GAP && item->recording->gaps >= item->n && item->n > 0) {
        item->recording->gaps = item->n - 1;
    }
}

static void settle_entry(struct rn_item *item, enum rn_status status, struct rn_batch *batch)
{
    struct rn_entry *entry = item->entry;
    entry->status = status;
    entry->stored_bytes = status == RN_OK ? item->stored_bytes : 0;
    if (status != RN_OK) {
        settle_failure(item, status, batch);
    } else if (item->has_digests) {
        digests_keep(item->recording, item);
    }
    if (entry->kind == RN_ENTRY_EVENT_CLOSE && item->open != NULL) {
        open_remove(item->recording, item->open);
    }
    if (entry->kind == RN_ENTRY_TRACE_CLOSE) {
        gapped_remove(item->recording, batch);
    }
}

void rn_recording_settle(struct rn_item *item, enum rn_status status, struct rn_batch *batch)
{
    assert(item->recording->unsettled > 0);
    item->recording->unsettled--;
    status = item->status != RN_OK ? item->status : status;
    switch (item->kind) {
    case RN_ITEM_OPENING:
        item->recording->opening_state = status == RN_OK ? RN_OPENING_DURABLE : RN_OPENING_NONE;
        break;
    case RN_ITEM_GAP:
        settle_gap(item, status, batch);
        break;
    case RN_ITEM_ENTRY:
        settle_entry(item, status, batch);
        break;
    }
}
