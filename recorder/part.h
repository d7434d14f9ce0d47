/*
 * A part: the pieces of an answer that go to the store together. Private to recorder/.
 *
 * An answer is a list of parts. Pieces are appended to the last one as they come; it is sealed when it is large or old
 * enough, or when the answer ends, and is then the memory of an entry until the writer gives it back. What of it the
 * client has been sent already is counted here too.
 */
#ifndef RN_RECORDER_PART_H
#define RN_RECORDER_PART_H

#include "base/buffer.h"
#include "pending.h"

struct rn_part {
    struct rn_part *next;
    struct rn_pending *
        pending; /* NULL until it is sealed: it is large, and most streams wait for their next piece */
    struct rn_part
        *wait_next; /* in the order they were submitted, those something waits for (wait.h) */
    struct rn_part *wait_previous;
    uint64_t waits_since_ns;
    bool waits;
    struct rn_buffer body;    /* pieces, one after the other */
    struct rn_buffer lengths; /* size_t per piece */
    struct rn_buffer cuts;    /* the same as varints, for the store */
    struct rn_buffer times;   /* varints: ns since the piece before */
    struct rn_buffer stamps;  /* varints: stamps given since then */
    struct rn_buffer small;   /* canonical bytes of the small fields of this entry */
    size_t pieces_sent;
    size_t bytes_sent;
    size_t held_piece; /* index of the first piece that waits for the commit; RN_NPOS: none */
    bool sealed;       /* submitted */
    bool durable;      /* came back, or was not to be waited for */
    bool returned;     /* the writer is done with its memory */
};

struct rn_part *rn_part_new(void);
/* Makes room for its entry, before it is sealed. False when memory ran out. */
bool rn_part_arm(struct rn_part *part);
void rn_part_free(struct rn_part *part);

/* Appends a piece that came `since_ns` and so many stamps after the one before. RN_NOMEM leaves the part as it was. */
enum rn_status rn_part_add(struct rn_part *part, struct rn_bytes piece, uint64_t since_ns,
                           uint64_t since_stamps);
size_t rn_part_pieces(const struct rn_part *part);
/* The next piece for the client, lent; false when all that may go out has gone. */
bool rn_part_next(const struct rn_part *part, struct rn_bytes *piece);
void rn_part_sent(struct rn_part *part);
/* Drops the pieces the client was not sent, held ones too; their bytes. Not once it is sealed. */
size_t rn_part_forget_unsent(struct rn_part *part);
/* Moves these pieces to `fresh`, an empty part, instead. RN_NOMEM leaves `part` as it was. */
enum rn_status rn_part_split(struct rn_part *part, struct rn_part *fresh);

/*
 * Appends the varints to part->small and returns a view that rn_part_small resolves: offsets stay right while it grows.
 * Small fields are gathered before they are set on the event, since the buffer may move.
 */
struct rn_small {
    size_t at;
    size_t len;
};
struct rn_small rn_part_put_numbers(struct rn_part *part, const uint64_t *numbers, size_t count);
struct rn_small rn_part_put(struct rn_part *part, struct rn_bytes bytes);
struct rn_bytes rn_part_small(const struct rn_part *part, struct rn_small view);

#endif
