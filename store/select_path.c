/* Choosing the shortest list, and walking it page by page (select_path.h). */
#include "select_path.h"

#include <string.h>

#define COUNTED_MAX 512u /* a list longer than this is long, and long lists are not compared */
#define TERMS_MAX 8u     /* conditions that lists answer */

/* --- lanes ---------------------------------------------------------------------------------------------------------- */

static void lane_init(struct rn_lane *lane, struct rn_store *store, enum rn_tree tree,
                      struct rn_bytes prefix, const struct rn_fit *fit, bool backwards)
{
    uint64_t bound = backwards ? fit->asked->until_wall_ns : fit->asked->since_wall_ns;
    *lane = (struct rn_lane){.count = 0};
    if (prefix.len > 0) {
        memcpy(lane->prefix, prefix.data, prefix.len);
        memcpy(lane->from, prefix.data, prefix.len);
    }
    lane->scan = (struct rn_scan){.store = store,
                                  .tree = tree,
                                  .prefix = rn_bytes_of(lane->prefix, prefix.len),
                                  .backwards = backwards,
                                  .with_summaries = true};
    if (bound > 0) {
        rn_put_u64(lane->from + prefix.len, bound);
        lane->scan.from = rn_bytes_of(lane->from, prefix.len + 8);
    }
}

/* The next entry without taking it; NULL at the end. */
static enum rn_status peek(struct rn_lane *lane, const struct rn_scan_entry **entry,
                           struct rn_error *error)
{
    enum rn_status status = RN_OK;
    *entry = NULL;
    if (!lane->is_over && lane->next == lane->count) {
        rn_arena_free(&lane->arena);
        lane->next = 0;
        status = rn_scan_next(&lane->scan, &lane->arena, lane->entries, &lane->count, error);
        lane->is_over = status != RN_OK || lane->count == 0;
    }
    if (!lane->is_over) {
        *entry = &lane->entries[lane->next];
    }
    return status;
}

/* Start and trace id. What is shorter is no key of ours. */
static struct rn_bytes tail_of(const struct rn_scan_entry *entry)
{
    return entry->key.len < RN_TIME_KEY_BYTES
               ? RN_LIT("")
               : rn_bytes_from(entry->key, entry->key.len - RN_TIME_KEY_BYTES);
}

/* How many entries it has in the range of time, at most COUNTED_MAX. */
static enum rn_status count_lane(struct rn_lane *lane, const struct rn_fit *fit, unsigned *count,
                                 struct rn_error *error)
{
    const struct rn_scan_entry *entry = NULL;
    *count = 0;
    lane->scan.with_summaries = false;
    enum rn_status status = peek(lane, &entry, error);
    while (status == RN_OK && entry != NULL && *count < COUNTED_MAX) {
        struct rn_bytes tail = tail_of(entry);
        if (tail.len > 0 && !rn_fit_start(fit, rn_get_u64(tail.data))) {
            break;
        }
        (*count)++;
        lane->next++;
        status = peek(lane, &entry, error);
    }
    rn_arena_free(&lane->arena);
    return status;
}

/* --- the choice ----------------------------------------------------------------------------------------------------- */

struct wanted {
    enum rn_term letter;
    const char *text;
};

static bool is_whole(const char *text)
{
    size_t len = text == NULL ? 0 : strlen(text);
    return len > 0 && text[len - 1] != '*';
}

/* The conditions that one list answers. */
static unsigned wanted_terms(const struct rn_selection *asked, struct wanted out[TERMS_MAX])
{
    unsigned count = 0;
    const struct wanted texts[] = {
        {RN_TERM_MODEL, asked->model},       {RN_TERM_PROMPT, asked->prompt},
        {RN_TERM_OUTCOME, asked->outcome},   {RN_TERM_RELEASE, asked->release},
        {RN_TERM_UPSTREAM, asked->upstream}, {RN_TERM_KIND, asked->kind},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool is_prefix = texts[i].letter == RN_TERM_PROMPT && texts[i].text != NULL &&
                         strlen(texts[i].text) < 2 * RN_PROMPT_KEY_BYTES;
        if (is_whole(texts[i].text) && !is_prefix) {
            out[count++] = texts[i];
        }
    }
    if (asked->tags != NULL && asked->tags[0] != NULL) {
        out[count++] = (struct wanted){RN_TERM_TAG, asked->tags[0]};
    }
    if (asked->upstream_error) {
        out[count++] = (struct wanted){RN_TERM_ERROR, ""};
    }
    return count;
}

bool rn_select_path_asks(const struct rn_fit *fit)
{
    struct wanted list[TERMS_MAX];
    return wanted_terms(fit->asked, list) > 0;
}

static size_t posting_prefix(const struct wanted *wanted, uint8_t out[RN_TERM_BYTES_MAX + 1])
{
    return rn_key_posting_list(wanted->letter, rn_bytes_text(wanted->text), out);
}

static enum rn_status choose_posting(struct rn_store *store, const struct rn_fit *fit,
                                     bool backwards, struct rn_select_path *out, bool *chosen,
                                     struct rn_error *error)
{
    struct wanted list[TERMS_MAX];
    uint8_t prefix[RN_TERM_BYTES_MAX + 1];
    unsigned best = COUNTED_MAX + 1;
    unsigned which = 0;
    unsigned terms = wanted_terms(fit->asked, list);
    enum rn_status status = RN_OK;
    for (unsigned i = 0; status == RN_OK && i < terms; i++) {
        unsigned count = 0;
        size_t len = posting_prefix(&list[i], prefix);
        lane_init(&out->lanes[0], store, RN_TREE_POSTING, rn_bytes_of(prefix, len), fit, backwards);
        status = count_lane(&out->lanes[0], fit, &count, error);
        if (count < best) {
            best = count;
            which = i;
        }
    }
    *chosen = status == RN_OK && terms > 0;
    if (*chosen) {
        size_t len = posting_prefix(&list[which], prefix);
        lane_init(&out->lanes[0], store, RN_TREE_POSTING, rn_bytes_of(prefix, len), fit, backwards);
        len = rn_key_posting_list(RN_TERM_ANY, RN_LIT(""), prefix);
        lane_init(&out->lanes[1], store, RN_TREE_POSTING, rn_bytes_of(prefix, len), fit, backwards);
        out->lane_count = 2;
    }
    return status;
}

enum rn_status rn_select_path_choose(struct rn_store *store, const struct rn_fit *fit,
                                     bool with_postings, bool backwards, struct rn_select_path *out,
                                     struct rn_error *error)
{
    const char *name = fit->asked->name;
    bool chosen = false;
    enum rn_status status = RN_OK;
    *out = (struct rn_select_path){.lane_count = 1};
    if (fit->has_session) {
        lane_init(&out->lanes[0], store, RN_TREE_SESSION,
                  rn_bytes_of(fit->session.bytes, RN_TRACE_ID_BYTES), fit, backwards);
    } else if (is_whole(name)) {
        uint8_t prefix[RN_NAME_BYTES_MAX + 1] = {0};
        struct rn_bytes kept = rn_bytes_sub(rn_bytes_text(name), 0, RN_NAME_BYTES_MAX);
        memcpy(prefix, kept.data, kept.len); /* the zero behind it is there already */
        lane_init(&out->lanes[0], store, RN_TREE_NAME, rn_bytes_of(prefix, kept.len + 1), fit,
                  backwards);
    } else {
        if (with_postings) {
            status = choose_posting(store, fit, backwards, out, &chosen, error);
        }
        if (!chosen) {
            lane_init(&out->lanes[0], store, RN_TREE_TIME, RN_LIT(""), fit, backwards);
        }
    }
    return status;
}

/* --- the walk ------------------------------------------------------------------------------------------------------- */

static bool comes_first(const struct rn_select_path *path, struct rn_bytes a, struct rn_bytes b)
{
    int order = rn_bytes_compare(a, b);
    return path->lanes[0].scan.backwards ? order > 0 : order < 0;
}

static bool was_given(const struct rn_select_path *path, struct rn_bytes tail)
{
    return path->has_last && rn_bytes_equal(tail, rn_bytes_of(path->last, sizeof path->last));
}

/* The lane whose next entry comes first; NULL: all are over. What is no key of ours, or was given, is passed over. */
static enum rn_status first_lane(struct rn_select_path *path, struct rn_lane **first,
                                 struct rn_error *error)
{
    struct rn_bytes least = {0};
    *first = NULL;
    for (unsigned i = 0; i < path->lane_count; i++) {
        struct rn_lane *lane = &path->lanes[i];
        const struct rn_scan_entry *entry = NULL;
        enum rn_status status = peek(lane, &entry, error);
        while (status == RN_OK && entry != NULL &&
               (tail_of(entry).len == 0 || was_given(path, tail_of(entry)))) {
            lane->next++;
            status = peek(lane, &entry, error);
        }
        if (status != RN_OK) {
            return status;
        }
        if (entry != NULL && (*first == NULL || comes_first(path, tail_of(entry), least))) {
            *first = lane;
            least = tail_of(entry);
        }
    }
    return RN_OK;
}

enum rn_status rn_select_path_next(struct rn_select_path *path, const struct rn_scan_entry **entry,
                                   struct rn_error *error)
{
    struct rn_lane *lane = NULL;
    enum rn_status status = first_lane(path, &lane, error);
    *entry = NULL;
    if (status == RN_OK && lane != NULL) {
        *entry = &lane->entries[lane->next++];
        memcpy(path->last, tail_of(*entry).data, sizeof path->last);
        path->has_last = true;
    }
    return status;
}

void rn_select_path_free(struct rn_select_path *path)
{
    for (unsigned i = 0; i < path->lane_count; i++) {
        rn_arena_free(&path->lanes[i].arena);
    }
}
