/*
 * From what a person types to one trace. In come words, out comes an id or a sentence with candidates. Exact meanings come
 * before guesses, and two traces that fit equally are never chosen between.
 */
#include "store/find.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "keys.h"
#include "scan.h"
#include "store_internal.h"
#include "summary.h"

#define HEX_DIGITS 32u
#define DIGITS_MIN 4u
#define CANDIDATES_SHOWN 5u
#define CANDIDATES_MAX (CANDIDATES_SHOWN + 1u) /* one more, to know that there are more */

struct candidates {
    struct rn_trace_id id[CANDIDATES_MAX];
    uint32_t event[CANDIDATES_MAX];
    unsigned count;
};

static void candidates_add(struct candidates *candidates, struct rn_bytes id, uint32_t event)
{
    for (unsigned i = 0; i < candidates->count; i++) {
        if (memcmp(candidates->id[i].bytes, id.data, RN_TRACE_ID_BYTES) == 0) {
            return;
        }
    }
    if (candidates->count < CANDIDATES_MAX) {
        memcpy(candidates->id[candidates->count].bytes, id.data, RN_TRACE_ID_BYTES);
        candidates->event[candidates->count++] = event;
    }
}

static struct rn_bytes id_in_key(struct rn_bytes key)
{
    return rn_bytes_from(key, key.len - RN_TRACE_ID_BYTES);
}

/* --- ways to a trace ------------------------------------------------------------------------------------------------ */

/* Number `back` from the end of the entries under `prefix` whose key ends with a time and an id. */
/* Whether the entry's trace holds answers of a backtest: `last`, names and foreign ids mean what happened to somebody. */
static bool is_backtest(const struct rn_scan_entry *entry)
{
    static const struct rn_trace_id unknown;
    struct rn_trace_summary summary;
    return entry->summary.len > 0 &&
           rn_summary_decode(&unknown, entry->summary, &summary, NULL) == RN_OK &&
           rn_trace_is_backtest(&summary);
}

static enum rn_status nth_newest(struct rn_store *store, enum rn_tree tree, struct rn_bytes prefix,
                                 uint64_t back, struct candidates *out, struct rn_error *error)
{
    struct rn_scan scan = {
        .store = store, .tree = tree, .prefix = prefix, .backwards = true, .with_summaries = true};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            if (is_backtest(&entries[i])) {
                continue;
            }
            if (back == 0) {
                candidates_add(out, id_in_key(entries[i].key), UINT32_MAX);
                count = 0;
            } else {
                back--;
            }
        }
        rn_arena_free(&arena);
    }
    return status;
}

/* NAME or NAME~K as "name, 0". A name that was cut in its key is as good as its first RN_NAME_BYTES_MAX bytes. */
static enum rn_status by_name(struct rn_store *store, struct rn_bytes name, uint64_t back,
                              struct candidates *out, struct rn_error *error)
{
    uint8_t prefix[RN_NAME_BYTES_MAX + 1];
    struct rn_bytes kept = rn_bytes_sub(name, 0, RN_NAME_BYTES_MAX);
    if (kept.len == 0) {
        return RN_OK;
    }
    memcpy(prefix, kept.data, kept.len);
    prefix[kept.len] = 0;
    return nth_newest(store, RN_TREE_NAME, rn_bytes_of(prefix, kept.len + 1), back, out, error);
}

static int hex_value(uint8_t digit)
{
    digit = rn_byte_lower(digit);
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool is_hex(struct rn_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (hex_value(text.data[i]) < 0) {
            return false;
        }
    }
    return true;
}

/* Ids in `tree` that begin with these digits (up to 32), last digit first when `reversed`. */
static enum rn_status by_digits(struct rn_store *store, enum rn_tree tree, struct rn_bytes digits,
                                bool reversed, struct candidates *out, struct rn_error *error)
{
    uint8_t prefix[RN_TRACE_ID_BYTES] = {0};
    struct rn_arena arena = {0};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    for (size_t i = 0; i < digits.len; i++) {
        int value = hex_value(digits.data[reversed ? digits.len - 1 - i : i]);
        prefix[i / 2] |= (uint8_t)(i % 2 == 0 ? value << 4 : value);
    }
    struct rn_scan scan = {
        .store = store, .tree = tree, .prefix = rn_bytes_of(prefix, digits.len / 2)};
    enum rn_status status = RN_OK;
    while (status == RN_OK && count > 0 && out->count < CANDIDATES_MAX) {
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            struct rn_trace_id id;
            uint8_t odd = digits.len % 2 == 0 ? 0 : entries[i].key.data[digits.len / 2] >> 4;
            if (digits.len % 2 != 0 && odd != prefix[digits.len / 2] >> 4) {
                continue;
            }
            memcpy(id.bytes, entries[i].key.data, RN_TRACE_ID_BYTES);
            if (reversed) {
                rn_key_suffix(&id, id.bytes);
            }
            candidates_add(out, rn_bytes_of(id.bytes, RN_TRACE_ID_BYTES), UINT32_MAX);
        }
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status by_foreign(struct rn_store *store, struct rn_bytes text,
                                 struct candidates *out, struct rn_error *error)
{
    uint8_t prefix[RN_NAME_BYTES_MAX + 1];
    struct rn_arena arena = {0};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 0;
    struct rn_bytes kept = rn_bytes_sub(text, 0, RN_NAME_BYTES_MAX);
    if (kept.len == 0) {
        return RN_OK;
    }
    memcpy(prefix, kept.data, kept.len);
    prefix[kept.len] = 0;
    struct rn_scan scan = {.store = store,
                           .tree = RN_TREE_ID,
                           .prefix = rn_bytes_of(prefix, kept.len + 1),
                           .with_summaries = true};
    enum rn_status status = rn_scan_next(&scan, &arena, entries, &count, error);
    /* Answers of a backtest repeat ids of what they were asked with: they count where nothing else holds the id. */
    for (unsigned turn = 0; turn < 2 && out->count == 0; turn++) {
        for (unsigned i = 0; status == RN_OK && i < count; i++) {
            if (entries[i].summary.len == 0 || is_backtest(&entries[i]) != (turn == 1)) {
                continue; /* no summary: of a trace that is being dropped */
            }
            if (entries[i].key.len == kept.len + 1 + RN_TRACE_ID_BYTES &&
                entries[i].value.len == 4) {
                candidates_add(out, id_in_key(entries[i].key), rn_get_u32(entries[i].value.data));
            }
        }
    }
    rn_arena_free(&arena);
    return status;
}

/* --- words ---------------------------------------------------------------------------------------------------------- */

/* Splits "WORD~K"; K is 0 and the word whole where there is no such end. */
static struct rn_bytes split_back(struct rn_bytes text, uint64_t *back)
{
    *back = 0;
    for (size_t i = text.len; i > 0; i--) {
        if (text.data[i - 1] == '~') {
            bool is_number = rn_bytes_to_u64(rn_bytes_from(text, i), back);
            return is_number ? rn_bytes_sub(text, 0, i - 1) : text;
        }
    }
    return text;
}

static enum rn_status look(struct rn_store *store, struct rn_bytes text, struct candidates *out,
                           struct rn_error *error)
{
    uint64_t back = 0;
    struct rn_bytes word = split_back(text, &back);
    if (rn_bytes_equal(word, RN_LIT("last"))) {
        return nth_newest(store, RN_TREE_TIME, RN_LIT(""), back, out, error);
    }
    bool is_digits = text.len >= DIGITS_MIN && text.len <= HEX_DIGITS && is_hex(text);
    enum rn_status status = RN_OK;
    if (is_digits) {
        status = by_digits(store, RN_TREE_TRACE, text, false, out, error);
    }
    if (text.len == HEX_DIGITS && out->count == 1) {
        return status; /* a full id means itself, whatever else is called like it */
    }
    if (status == RN_OK && is_digits) {
        status = by_digits(store, RN_TREE_SUFFIX, text, true, out, error);
    }
    if (status == RN_OK) {
        status = by_name(store, word, back, out, error);
    }
    if (status == RN_OK && word.len != text.len) { /* a name may hold a tilde itself */
        status = by_name(store, text, 0, out, error);
    }
    if (status == RN_OK && out->count == 0) {
        status = by_foreign(store, text, out, error);
    }
    return status;
}

/* "TRACE:N"; false when there is no such end. */
static bool split_event(struct rn_bytes text, struct rn_bytes *trace, uint32_t *event)
{
    for (size_t i = text.len; i > 0; i--) {
        uint64_t n = 0;
        if (text.data[i - 1] == ':') {
            bool is_number = rn_bytes_to_u64(rn_bytes_from(text, i), &n) && n < UINT32_MAX;
            *trace = rn_bytes_sub(text, 0, i - 1);
            *event = (uint32_t)n;
            return is_number && i > 1;
        }
    }
    return false;
}

/* --- sentences ------------------------------------------------------------------------------------------------------ */

/* " ...1a2b3c4d, ...5e6f7a8b and more": the last eight digits, as everywhere. */
static void list_candidates(const struct candidates *candidates, char *out, size_t out_bytes)
{
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < candidates->count && i < CANDIDATES_SHOWN && at < out_bytes; i++) {
        char text[33];
        rn_trace_id_text(&candidates->id[i], text);
        int len = snprintf(out + at, out_bytes - at, "%s%s", i == 0 ? "" : ", ", text + 24);
        at += len > 0 ? (size_t)len : 0;
    }
    if (candidates->count > CANDIDATES_SHOWN && at < out_bytes) {
        (void)snprintf(out + at, out_bytes - at, " and more");
    }
}

static enum rn_status fail_ambiguous(const char *text, const struct candidates *candidates,
                                     struct rn_error *error)
{
    char list[128];
    list_candidates(candidates, list, sizeof list);
    return rn_fail(error, RN_AMBIGUOUS, "'%.100s' names more than one trace: %s; give more digits",
                   text, list);
}

static enum rn_status fail_unknown(struct rn_store *store, const char *text, struct rn_error *error)
{
    struct candidates newest = {0};
    char list[128];
    for (uint64_t i = 0; i < CANDIDATES_MAX; i++) {
        if (nth_newest(store, RN_TREE_TIME, RN_LIT(""), i, &newest, NULL) != RN_OK) {
            break;
        }
    }
    if (newest.count == 0) {
        return rn_fail(error, RN_NOTFOUND, "there is no trace '%.100s': %.200s is empty", text,
                       store->path);
    }
    list_candidates(&newest, list, sizeof list);
    return rn_fail(error, RN_NOTFOUND, "there is no trace '%.100s' in %.200s; the newest are %s",
                   text, store->path, list);
}

static enum rn_status choose(struct rn_store *store, const char *text,
                             const struct candidates *candidates, struct rn_trace_id *out,
                             struct rn_error *error)
{
    if (candidates->count == 0) {
        return fail_unknown(store, text, error);
    }
    if (candidates->count > 1) {
        return fail_ambiguous(text, candidates, error);
    }
    *out = candidates->id[0];
    return RN_OK;
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

enum rn_status rn_find_trace(struct rn_store *store, const char *text, struct rn_trace_id *out,
                             uint32_t *event, struct rn_error *error)
{
    struct candidates candidates = {0};
    struct rn_bytes trace = {0};
    uint32_t n = UINT32_MAX;
    *event = UINT32_MAX;
    enum rn_status status = rn_store_catch_up(store, error);
    /* The whole first: names and foreign ids may hold a colon. */
    status = status == RN_OK ? look(store, rn_bytes_text(text), &candidates, error) : status;
    if (status == RN_OK && candidates.count == 0 && split_event(rn_bytes_text(text), &trace, &n)) {
        status = look(store, trace, &candidates, error);
        *event = n;
    }
    return status == RN_OK ? choose(store, text, &candidates, out, error) : status;
}

enum rn_status rn_find_foreign(struct rn_store *store, const char *text, struct rn_trace_id *out,
                               uint32_t *event, struct rn_error *error)
{
    struct candidates candidates = {0};
    enum rn_status status = rn_store_catch_up(store, error);
    status = status == RN_OK ? by_foreign(store, rn_bytes_text(text), &candidates, error) : status;
    status = status == RN_OK ? choose(store, text, &candidates, out, error) : status;
    *event = status == RN_OK ? candidates.event[0] : UINT32_MAX;
    return status;
}

/* Summaries that cannot be read, while the walk goes on past them. */
struct damaged {
    struct rn_trace_id first;
    uint64_t count;
};

/* False stops the walk: the visitor wanted so. */
static bool visit_entry(const struct rn_scan_entry *entry, rn_find_visit *visit, void *self,
                        struct damaged *damaged)
{
    struct rn_trace_summary summary;
    struct rn_trace_id id;
    if (entry->summary.len == 0) {
        return true;
    }
    memcpy(id.bytes, id_in_key(entry->key).data, RN_TRACE_ID_BYTES);
    if (rn_summary_decode(&id, entry->summary, &summary, NULL) != RN_OK) {
        damaged->first = damaged->count == 0 ? id : damaged->first;
        damaged->count++;
        return true;
    }
    return visit(self, &summary);
}

static enum rn_status tell_damaged(const struct damaged *damaged, struct rn_error *error)
{
    char text[33];
    if (damaged->count == 0) {
        return RN_OK;
    }
    rn_trace_id_text(&damaged->first, text);
    if (damaged->count == 1) {
        return rn_fail(error, RN_DAMAGED, "the summary of trace %s is damaged and left out", text);
    }
    return rn_fail(error, RN_DAMAGED,
                   "the summaries of %" PRIu64 " traces are damaged and left out, the first is %s",
                   damaged->count, text);
}

enum rn_status rn_find_each(struct rn_store *store, bool newest_first, rn_find_visit *visit,
                            void *self, struct rn_error *error)
{
    struct rn_scan scan = {.store = store,
                           .tree = RN_TREE_TIME,
                           .prefix = RN_LIT(""),
                           .backwards = newest_first,
                           .with_summaries = true};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    struct damaged damaged = {.count = 0};
    unsigned count = 1;
    bool goes_on = true;
    enum rn_status status = rn_store_catch_up(store, error);
    while (status == RN_OK && goes_on && count > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &count, error);
        for (unsigned i = 0; status == RN_OK && goes_on && i < count; i++) {
            goes_on = visit_entry(&entries[i], visit, self, &damaged);
        }
        rn_arena_free(&arena);
    }
    return status == RN_OK ? tell_damaged(&damaged, error) : status;
}

static enum rn_status append_ids(struct rn_buffer *ids, const struct rn_scan_entry *entries,
                                 unsigned count)
{
    enum rn_status status = RN_OK;
    for (unsigned i = 0; status == RN_OK && i < count; i++) {
        status = rn_buffer_add(ids, id_in_key(entries[i].key));
    }
    return status;
}

struct rn_trace_id rn_find_session_id(const char *text)
{
    struct rn_trace_id id = {{0}};
    uint8_t digest[RN_SHA256_BYTES];
    struct rn_bytes bytes = rn_bytes_text(text);
    if (bytes.len > 0 && !rn_trace_id_parse(bytes, &id) && rn_sha256_of(&bytes, 1, digest)) {
        memcpy(id.bytes, digest, sizeof id.bytes);
    }
    return id;
}

enum rn_status rn_find_session(struct rn_store *store, const struct rn_trace_id *session,
                               struct rn_trace_id **ids, size_t *count, struct rn_error *error)
{
    struct rn_scan scan = {.store = store,
                           .tree = RN_TREE_SESSION,
                           .prefix = rn_bytes_of(session->bytes, RN_TRACE_ID_BYTES)};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    struct rn_buffer found = {0};
    unsigned page = 1;
    *ids = NULL;
    *count = 0;
    enum rn_status status = rn_store_catch_up(store, error);
    while (status == RN_OK && page > 0) {
        struct rn_arena arena = {0};
        status = rn_scan_next(&scan, &arena, entries, &page, error);
        if (status == RN_OK && append_ids(&found, entries, page) != RN_OK) {
            status = rn_fail(error, RN_NOMEM, "no memory to list a session");
        }
        rn_arena_free(&arena);
    }
    if (status == RN_OK && found.len == 0) {
        char text[33];
        rn_trace_id_text(session, text);
        status = rn_fail(error, RN_NOTFOUND, "there is no session %s in %s", text, store->path);
    }
    if (status != RN_OK) {
        rn_buffer_free(&found);
        return status;
    }
    /* A buffer's memory comes from rn_alloc and may be handed on. */
    *ids = (struct rn_trace_id *)(void *)found.data;
    *count = found.len / RN_TRACE_ID_BYTES;
    return RN_OK;
}
