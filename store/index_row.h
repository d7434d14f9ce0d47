/*
 * What one row of the log means for the indexes. Private to store/; index.c runs the steps.
 */
#ifndef RN_STORE_INDEX_ROW_H
#define RN_STORE_INDEX_ROW_H

#include "db.h"
#include "frame.h"
#include "pieces.h"
#include "prepared.h"
#include "store/trace.h"

#define RN_INDEX_ROWS_MAX 512u

/* A row of the log, its frame copied out of there or, where it is one of our own, known already. */
struct rn_index_row {
    uint64_t row;
    size_t frame_bytes;
    struct rn_bytes frame; /* header and stored bytes; empty where `prepared` is not NULL */
    const struct rn_prepared *prepared; /* the store's, until the step is over */
    struct rn_frame header;             /* once `is_sound` */
    bool is_sound;
};

/* A trace that rows of this step belong to. */
struct rn_index_change {
    struct rn_index_change *next;
    struct rn_trace_id id;
    bool exists;            /* in the tree, when it was read */
    struct rn_bytes before; /* its summary there */
    bool touched;
    struct rn_trace_summary now;
    struct rn_bytes after; /* what is to be written; empty: nothing */
};

enum rn_index_how {
    RN_INDEX_PUT,
    RN_INDEX_PUT_FIRST, /* unless it is there */
    RN_INDEX_REMOVE
};

struct rn_index_entry {
    struct rn_index_entry *next;
    enum rn_tree tree;
    enum rn_index_how how;
    struct rn_bytes key;
    struct rn_bytes value;
};

struct rn_index_step_state {
    struct rn_store *store;
    struct rn_arena arena; /* all bytes of the step */
    uint64_t from;         /* watermark when it began */
    uint64_t to;           /* the last row taken */
    uint64_t last;         /* of the log */
    struct rn_index_row rows[RN_INDEX_ROWS_MAX];
    unsigned row_count;
    struct rn_index_change *changes;
    struct rn_index_entry *entries;
    struct rn_index_entry **tail;
    size_t entry_count;
    size_t entry_bytes;
};

/* NULL when no row of that trace was copied yet. */
struct rn_index_change *rn_index_change_of(struct rn_index_step_state *step,
                                           const struct rn_trace_id *id);

/* Checks the headers of all rows and decodes the summaries. */
enum rn_status rn_index_begin(struct rn_index_step_state *step, struct rn_error *error);
/*
 * Takes row number `index` into its summary and adds its entries. A damaged row only keeps its place (verify names it); RN_NEWER
 * for a frame of a later schema; RN_NOMEM, RN_IO.
 */
enum rn_status rn_index_row(struct rn_index_step_state *step, unsigned index,
                            struct rn_error *error);
/* Encodes the summaries that changed. */
enum rn_status rn_index_end(struct rn_index_step_state *step, struct rn_error *error);

/*
 * Indexes one trace again without writing: `pieces` are all its rows in the order of the log. Each entry is shown to `seen`
 * (lent during the call), and the encoded summary is appended to `summary`.
 */
typedef enum rn_status rn_index_seen(void *self, const struct rn_index_entry *entry,
                                     struct rn_error *error);
enum rn_status rn_index_again(struct rn_store *store, const struct rn_trace_id *id,
                              const struct rn_pieces *pieces, rn_index_seen *seen, void *self,
                              struct rn_buffer *summary, struct rn_error *error);

#endif
