/*
 * What this process has just appended to the log, as far as the indexes want it: so that the writer's own events need not be
 * read back, decompressed and decoded for their index entries. Private to store/.
 *
 * A help, never the truth: whoever indexes takes a row from here only where the log holds that very frame, and reads the log
 * where there is none. What is missing here (a restart, another process, no memory) costs time and nothing else.
 */
#ifndef RN_STORE_PREPARED_H
#define RN_STORE_PREPARED_H

#include <pthread.h>

#include "index_facts.h"
#include "frame.h"

struct rn_prepared {
    struct rn_prepared *next;
    uint64_t row; /* once it is committed */
    struct rn_frame header;
    size_t frame_bytes;
    uint8_t head[RN_FRAME_HEADER_BYTES]; /* of the frame, as it was written */
    struct rn_index_facts facts;         /* of the whole event, within this block */
};

/*
 * Of a whole event that became the one frame `written`. NULL where memory ran out, and where its ids would take long to find:
 * then the event is read back when it is indexed.
 */
struct rn_prepared *rn_prepared_new(const struct rn_event *event, const struct rn_frame *frame,
                                    struct rn_bytes written);
void rn_prepared_free(struct rn_prepared *prepared);

/* A zeroed struct with its lock made; rising rows. */
struct rn_prepared_rows {
    pthread_mutex_t lock; /* over the next three */
    struct rn_prepared *fresh;
    struct rn_prepared *fresh_last;
    size_t count;
    struct rn_prepared *ready; /* of whoever indexes, one at a time (the store's index_lock) */
    struct rn_prepared *ready_last;
};
void rn_prepared_rows_init(struct rn_prepared_rows *rows);
void rn_prepared_rows_free(struct rn_prepared_rows *rows);

/* Takes it over; its row is the highest so far. The writer's thread. */
void rn_prepared_rows_add(struct rn_prepared_rows *rows, struct rn_prepared *prepared);

/* The rest is for whoever indexes. The first of all that wait, or NULL. */
const struct rn_prepared *rn_prepared_rows_first(struct rn_prepared_rows *rows);
/*
 * That of `row`, if the log holds the frame it was made of; else NULL. *at goes from rn_prepared_rows_first through rising rows.
 */
const struct rn_prepared *rn_prepared_rows_match(const struct rn_prepared **at, uint64_t row,
                                                 struct rn_bytes frame);
/* Forgets all rows up to this one. */
void rn_prepared_rows_drop(struct rn_prepared_rows *rows, uint64_t until_row);

#endif
