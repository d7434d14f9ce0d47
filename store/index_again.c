/*
 * A trace indexed once more, in memory: for whoever wants to compare what the indexes hold with what the log earns. Runs the
 * same rows through the same index_row.c, a page of them at a time.
 */
#include "index_row.h"

#include <string.h>

#include "base/memory.h"

#define COPIED_BYTES_MAX ((size_t)4 * 1024 * 1024)

struct again {
    struct rn_index_step_state step;
    struct rn_index_change change;
    const struct rn_pieces *pieces;
    size_t next;              /* of the pieces */
    struct rn_buffer summary; /* as it stands after the rows so far; empty before the first */
};

static enum rn_status copy_page(struct again *again, struct rn_error *error)
{
    struct rn_index_step_state *step = &again->step;
    enum rn_status status = RN_OK;
    struct rn_buffer frame = {0};
    size_t copied = 0;
    while (status == RN_OK && again->next < again->pieces->count &&
           step->row_count < RN_INDEX_ROWS_MAX && copied < COPIED_BYTES_MAX) {
        struct rn_index_row *row = &step->rows[step->row_count];
        rn_buffer_clear(&frame);
        status = rn_piece_frame(step->store, again->pieces->at[again->next].row, &frame, error);
        if (status != RN_OK) {
            break;
        }
        *row = (struct rn_index_row){.row = again->pieces->at[again->next].row,
                                     .frame_bytes = frame.len,
                                     .frame = rn_arena_copy(&step->arena, rn_buffer_bytes(&frame))};
        status = row->frame.data == NULL ? rn_fail(error, RN_NOMEM, "no memory to index a trace")
                                         : RN_OK;
        copied += frame.len;
        step->row_count++;
        again->next++;
    }
    rn_buffer_free(&frame);
    return status;
}

static enum rn_status run_page(struct again *again, struct rn_error *error)
{
    struct rn_index_step_state *step = &again->step;
    again->change.exists = again->summary.len > 0;
    again->change.before = rn_buffer_bytes(&again->summary);
    again->change.touched = false;
    step->changes = &again->change;
    enum rn_status status = rn_index_begin(step, error);
    for (unsigned i = 0; status == RN_OK && i < step->row_count; i++) {
        status = rn_index_row(step, i, error);
    }
    return status == RN_OK ? rn_index_end(step, error) : status;
}

static enum rn_status show_page(struct again *again, rn_index_seen *seen, void *self,
                                struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (const struct rn_index_entry *entry = again->step.entries; status == RN_OK && entry != NULL;
         entry = entry->next) {
        status = seen(self, entry, error);
    }
    if (status == RN_OK && again->change.touched) {
        rn_buffer_clear(&again->summary);
        status = rn_buffer_add(&again->summary, again->change.after);
    }
    return status;
}

static void next_page(struct again *again)
{
    struct rn_index_step_state *step = &again->step;
    struct rn_store *store = step->store;
    uint64_t from = step->row_count > 0 ? step->rows[step->row_count - 1].row : 0;
    rn_arena_free(&step->arena);
    memset(step, 0, sizeof *step);
    step->store = store;
    step->from = from;
}

enum rn_status rn_index_again(struct rn_store *store, const struct rn_trace_id *id,
                              const struct rn_pieces *pieces, rn_index_seen *seen, void *self,
                              struct rn_buffer *summary, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    struct again *again = rn_calloc(1, sizeof *again);
    if (again == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to index a trace");
    }
    again->step.store = store;
    again->change.id = *id;
    again->pieces = pieces;
    while (status == RN_OK && again->next < pieces->count) {
        status = copy_page(again, error);
        status = status == RN_OK ? run_page(again, error) : status;
        status = status == RN_OK ? show_page(again, seen, self, error) : status;
        next_page(again);
    }
    if (status == RN_OK && rn_buffer_add(summary, rn_buffer_bytes(&again->summary)) != RN_OK) {
        status = rn_fail(error, RN_NOMEM, "no memory to index a trace");
    }
    rn_arena_free(&again->step.arena);
    rn_buffer_free(&again->summary);
    rn_free(again);
    return status;
}
