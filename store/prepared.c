/* Facts of committed events, kept in order of their rows until they are indexed. Each is one block of memory. */
#include "prepared.h"

#include <string.h>

#include "base/memory.h"

/* More than the writer lets pile up before it indexes between commits; then the log is read. */
#define ROWS_MAX 20480u
/* Searching a body for ids is put off to the indexing where it would hold up a commit. */
#define SEARCHED_BYTES_MAX ((size_t)64 * 1024)

static struct rn_bytes keep(uint8_t **to, struct rn_bytes bytes)
{
    struct rn_bytes kept = {*to, bytes.len};
    if (bytes.len > 0) {
        memcpy(*to, bytes.data, bytes.len);
        *to += bytes.len;
    }
    return kept;
}

/* One block: the struct, its ids, then the bytes they point to. */
static struct rn_prepared *copy_of(const struct rn_index_facts *facts)
{
    size_t bytes = facts->upstream.len;
    for (unsigned i = 0; i < facts->id_count; i++) {
        bytes += facts->ids[i].len;
    }
    size_t list = facts->id_count * sizeof facts->ids[0];
    struct rn_prepared *prepared = rn_alloc(sizeof *prepared + list + bytes);
    if (prepared == NULL) {
        return NULL;
    }
    struct rn_bytes *ids = (struct rn_bytes *)(prepared + 1);
    uint8_t *to = (uint8_t *)ids + list;
    *prepared = (struct rn_prepared){.facts = *facts};
    prepared->facts.upstream = keep(&to, facts->upstream);
    for (unsigned i = 0; i < facts->id_count; i++) {
        ids[i] = keep(&to, facts->ids[i]);
    }
    prepared->facts.ids = ids;
    return prepared;
}

struct rn_prepared *rn_prepared_new(const struct rn_event *event, const struct rn_frame *frame,
                                    struct rn_bytes written)
{
    struct rn_index_facts facts;
    struct rn_foreign_ids found;
    if (rn_event_get(event, RN_TAG_RESPONSE_BODY).len > SEARCHED_BYTES_MAX ||
        rn_event_has(event, RN_TAG_TAGS)) { /* no recorder writes these */
        return NULL;
    }
    rn_index_facts_of_piece(event, &facts);
    if (rn_index_facts_of_whole(event, NULL, &found, &facts) != RN_OK) {
        return NULL;
    }
    struct rn_prepared *prepared = copy_of(&facts);
    if (prepared != NULL) {
        prepared->header = *frame;
        prepared->frame_bytes = written.len;
        memcpy(prepared->head, written.data, RN_FRAME_HEADER_BYTES);
    }
    return prepared;
}

void rn_prepared_free(struct rn_prepared *prepared)
{
    rn_free(prepared);
}

/* --- the rows ------------------------------------------------------------------------------------------------------- */

void rn_prepared_rows_init(struct rn_prepared_rows *rows)
{
    *rows = (struct rn_prepared_rows){0};
    pthread_mutex_init(&rows->lock, NULL);
}

static void free_all(struct rn_prepared *first)
{
    while (first != NULL) {
        struct rn_prepared *next = first->next;
        rn_prepared_free(first);
        first = next;
    }
}

void rn_prepared_rows_free(struct rn_prepared_rows *rows)
{
    free_all(rows->fresh);
    free_all(rows->ready);
    pthread_mutex_destroy(&rows->lock);
}

void rn_prepared_rows_add(struct rn_prepared_rows *rows, struct rn_prepared *prepared)
{
    prepared->next = NULL;
    pthread_mutex_lock(&rows->lock);
    bool has_room = rows->count < ROWS_MAX;
    if (has_room) {
        if (rows->fresh == NULL) {
            rows->fresh = prepared;
        } else {
            rows->fresh_last->next = prepared;
        }
        rows->fresh_last = prepared;
        rows->count++;
    }
    pthread_mutex_unlock(&rows->lock);
    if (!has_room) {
        rn_prepared_free(prepared);
    }
}

/* What the writer added meanwhile goes behind what waits already. */
static void make_ready(struct rn_prepared_rows *rows)
{
    pthread_mutex_lock(&rows->lock);
    if (rows->fresh != NULL) {
        if (rows->ready == NULL) {
            rows->ready = rows->fresh;
        } else {
            rows->ready_last->next = rows->fresh;
        }
        rows->ready_last = rows->fresh_last;
        rows->fresh = NULL;
    }
    pthread_mutex_unlock(&rows->lock);
}

const struct rn_prepared *rn_prepared_rows_first(struct rn_prepared_rows *rows)
{
    make_ready(rows);
    return rows->ready;
}

const struct rn_prepared *rn_prepared_rows_match(const struct rn_prepared **at, uint64_t row,
                                                 struct rn_bytes frame)
{
    while (*at != NULL && (*at)->row < row) {
        *at = (*at)->next;
    }
    const struct rn_prepared *found = *at;
    bool is_it = found != NULL && found->row == row && found->frame_bytes == frame.len &&
                 memcmp(found->head, frame.data, RN_FRAME_HEADER_BYTES) == 0;
    return is_it ? found : NULL;
}

void rn_prepared_rows_drop(struct rn_prepared_rows *rows, uint64_t until_row)
{
    size_t dropped = 0;
    make_ready(rows);
    while (rows->ready != NULL && rows->ready->row <= until_row) {
        struct rn_prepared *next = rows->ready->next;
        rn_prepared_free(rows->ready);
        rows->ready = next;
        dropped++;
    }
    pthread_mutex_lock(&rows->lock);
    rows->count -= dropped;
    pthread_mutex_unlock(&rows->lock);
}
