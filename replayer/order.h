/*
 * In which order may answers go out? Deterministic interleaving without the wall clock (DESIGN 6.3). Pure bookkeeping:
 * no sockets, no timers. Private to replayer/.
 *
 * The recorder stamped the arrival, the first byte, the pieces and the end of every exchange on one counter. A point of an
 * answer (its first byte, a piece, its end) may pass when every request with an earlier arrival stamp has arrived and every
 * answer with an earlier end stamp has been delivered (or its client left). Until then it is held.
 *
 * A hold ends early (a relaxation)
 *   - at the peak: when a request is awaited and as many exchanges wait as were ever in flight together in the recording.
 *     Then the client may be unable to send it before one of them is answered. The one that is let go is one that itself
 *     came before its turn and has the place of what is awaited; there always is one. It goes at once when nothing of its
 *     answer has been given yet, or nothing is awaited that came after what was given last. Else that may be what it waits
 *     for (a server asks its client back, in the answer to the client's call): where the caller does not know better, its
 *     client must be silent for a while first (rn_order_stuck); the rest of that answer is then given without holds. An answer that came in its turn is not let go;
 *   - when the request it waits for would have to come behind it on its own connection;
 *   - when it waits for the end of an answer whose client does not read it, and reads this one first, perhaps;
 *   - when the caller's patience ends: what it waited for is then given up, so that nobody waits for it again. A client
 *     that could not send more while so many waited is taken to have no more connections: that is its peak from then on,
 *     until it shows that it has.
 * After rn_order_off nothing is held any more.
 *
 * The end of an answer that its client left is the client's doing, as a request is.
 */
#ifndef RN_REPLAYER_ORDER_H
#define RN_REPLAYER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RN_NO_ROW UINT32_MAX

/* What the recording says of one exchange. Stamp 0: unknown, and then it holds nobody and is not held. */
struct rn_order_fact {
    uint64_t arrival;
    uint64_t first_byte;
    uint64_t end;
    uint64_t arrived_ns; /* these two on one clock */
    uint64_t ended_ns;
    uint64_t connection;
    bool client_left; /* it did not end by itself */
    bool is_steady;   /* that clock is one that nobody sets */
};

/* Why a hold ended. */
enum rn_release {
    RN_RELEASE_ORDER,      /* its turn came */
    RN_RELEASE_PEAK,       /* nobody else can come while all of these wait */
    RN_RELEASE_CONNECTION, /* what it waits for is behind it */
    RN_RELEASE_UNREAD,     /* the client does not read the answer whose end is awaited */
    RN_RELEASE_TIMEOUT,
    RN_RELEASE_OFF
};

/* A point that waits. Embedded in whatever waits; linked while `waiting`. */
struct rn_hold {
    struct rn_hold *next;
    struct rn_hold *previous;
    uint64_t stamp;
    uint64_t since_ns; /* the caller's */
    uint64_t
        given_ns; /* the caller's: when recorded, what was given before the point that waits; its request's arrival */
    uint64_t
        given;  /* the caller's: the stamp of that; 0 when nothing of this answer has been given */
    bool loose; /* nothing of it is held any more */
    uint32_t row;
    bool waiting;
    enum rn_release release;
    uint32_t awaited; /* the row it still waited for when it ended early */
    bool awaited_end; /* its end, not its request */
};

struct rn_order_book;

/*
 * `facts` are borrowed until the end. NULL when memory ran out. Stamps of two recorders cannot be compared: two equal ones, or two
 * that contradict a steady clock, switch it off.
 */
struct rn_order_book *rn_order_new(const struct rn_order_fact *facts, size_t count);
void rn_order_free(struct rn_order_book *order);

void rn_order_off(struct rn_order_book *order);
bool rn_order_is_off(const struct rn_order_book *order);
/* The most exchanges in flight at one time in the recording. */
size_t rn_order_peak(const struct rn_order_book *order);

/* The request of `row` has arrived; the answer of `row` has been delivered, or its client left. Once each. */
void rn_order_arrived(struct rn_order_book *order, uint32_t row);
void rn_order_ended(struct rn_order_book *order, uint32_t row);
/* An answer that can do nothing but wait for its client to leave counts as waiting too. */
void rn_order_linger(struct rn_order_book *order, int change);

/*
 * Whether no client did anything (came, or left) between `stamp` and the end of the answer of `row`: then what was given at
 * `stamp` is nobody's cause, and may as well be given with the end.
 */
bool rn_order_is_quiet(const struct rn_order_book *order, uint32_t row, uint64_t stamp);
/*
 * The stamp of a piece when `given` stamps had been given: behind all of them, within the first byte and the end of its answer.
 */
uint64_t rn_order_stamp_of(const struct rn_order_book *order, uint32_t row, uint64_t given);
/*
 * The same for recordings that do not say: a piece that was passed on at `ns` stands behind the last client that had come or
 * left by then. Pieces are asked for in order; *cursor begins at 0 and is the function's own.
 */
uint64_t rn_order_stamp_at(const struct rn_order_book *order, uint32_t row, uint64_t ns,
                           size_t *cursor);

/* May this point pass now? True: go on. False: `hold` is linked, and a later rn_order_next gives it back. */
bool rn_order_pass(struct rn_order_book *order, struct rn_hold *hold, uint32_t row, uint64_t stamp);
/* The next hold that ended, with its `release`, or NULL. Ask until NULL after anything that changes the state. */
struct rn_hold *rn_order_next(struct rn_order_book *order);
/* Takes a hold out without releasing it: its client left. */
void rn_order_forget(struct rn_order_book *order, struct rn_hold *hold);
/* The holds that wait now, earliest stamp first. */
struct rn_hold *rn_order_first(const struct rn_order_book *order);
/* What the earliest hold waits for: the arrival or the end of a row. False when nothing is left to wait for. */
bool rn_order_awaited(const struct rn_order_book *order, uint32_t *row, bool *is_end);
/* A number that is another one once the earliest hold waits for something else. */
size_t rn_order_front(const struct rn_order_book *order);
size_t rn_order_waiting(const struct rn_order_book *order);

/*
 * Ends `hold` when what it waits for is a request that would have to come behind it: `has_successor` says that something
 * already waits behind it on its live connection, `alone` that no other connection is open.
 */
bool rn_order_behind(struct rn_order_book *order, struct rn_hold *hold, bool has_successor,
                     bool alone);
/*
 * At the peak, with nobody who can be let go at once: the hold that may be, when nothing happens for *quiet_ns. That is three
 * times as long as it took when recording from what its client was given last until the last thing done that the point waits
 * for; and RN_HOLD_QUIET_NS at least. NULL when there is none. rn_order_let_go ends it.
 */
struct rn_hold *rn_order_stuck(const struct rn_order_book *order, uint64_t *quiet_ns);
void rn_order_let_go(struct rn_order_book *order, struct rn_hold *hold);
/*
 * How long `hold` may wait for what is awaited now, in ns: three times as long as that took when recording, from the arrival of
 * the held request on, and `least_ns` at least. With a pace below 1 the recorded time is longer by as much.
 */
uint64_t rn_order_limit_ns(const struct rn_order_book *order, const struct rn_hold *hold,
                           uint64_t least_ns, double pace);
/* The end of `row` is written, and its client does not read it: nobody waits for its delivery any more. */
void rn_order_written(struct rn_order_book *order, uint32_t row);
/* Ends `hold`, and gives up the one end that is awaited. */
void rn_order_unread(struct rn_order_book *order, struct rn_hold *hold);
/* Ends `hold`, and gives up everything it was waiting for. */
void rn_order_give_up(struct rn_order_book *order, struct rn_hold *hold);

#endif
