/*
 * The rows of the log that make up an event or a trace, and joining them. Private to store/.
 */
#ifndef RN_STORE_PIECES_H
#define RN_STORE_PIECES_H

#include "frame.h"
#include "store_internal.h"

/* What RN_TREE_EVENT says of one row. */
struct rn_piece {
    uint64_t row;
    uint8_t class; /* enum rn_event_class, or RN_CLASS_TRACE */
    enum rn_frame_kind kind;
    uint32_t n;
    uint32_t part;
};

/* A zeroed struct is an empty list; rn_pieces_free. In order of class, n, part. */
struct rn_pieces {
    struct rn_piece *at;
    size_t count;
    size_t cap;
};
void rn_pieces_free(struct rn_pieces *pieces);
enum rn_status rn_pieces_add(struct rn_pieces *pieces, const struct rn_piece *piece);

/* Appends what the index holds of one event (nothing when there is none), or of the whole trace. */
enum rn_status rn_pieces_of_event(struct rn_store *store, const struct rn_trace_id *id,
                                  unsigned class, uint32_t n, struct rn_pieces *out,
                                  struct rn_error *error);
enum rn_status rn_pieces_of_trace(struct rn_store *store, const struct rn_trace_id *id,
                                  struct rn_pieces *out, struct rn_error *error);

/* Appends a copy of the frame in a row. RN_DAMAGED when there is none. */
enum rn_status rn_piece_frame(struct rn_store *store, uint64_t row, struct rn_buffer *out,
                              struct rn_error *error);
/*
 * Reads and checks the frame of a piece: header, checksum, that it is the piece of that trace, and its raw bytes, which are
 * appended to `raw`. *stored_bytes (may be NULL) is the frame's length. RN_DAMAGED names trace, event and row.
 */
enum rn_status rn_piece_read(struct rn_store *store, const struct rn_trace_id *id,
                             const struct rn_piece *piece, struct rn_buffer *raw, uint8_t *codec,
                             size_t *stored_bytes, struct rn_error *error);

enum rn_join {
    RN_JOIN_WHOLE,
    /* parts 0, 1, ... without a hole */ RN_JOIN_SOME /* whatever parts there are */
};

/* Joins the pieces of one event, in order, into the arena. */
enum rn_status rn_pieces_join(struct rn_store *store, const struct rn_trace_id *id,
                              const struct rn_piece *pieces, size_t count, enum rn_join how,
                              struct rn_arena *arena, struct rn_event *out, struct rn_error *error);

/* How many pieces from `from` on belong to the same event. */
size_t rn_pieces_run(const struct rn_pieces *pieces, size_t from);

/* "3", "g1", "n1", or "itself" for the frames of the trace. */
#define RN_PLACE_TEXT_BYTES 16
void rn_place_text(unsigned class, uint32_t n, char out[RN_PLACE_TEXT_BYTES]);

#endif
