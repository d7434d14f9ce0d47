/*
 * Giving a recorded answer again: head, pieces, end, each when its turn comes (DESIGN 6.3). Private to replayer/.
 *
 * An answer has points: its head, each piece, its end. A point passes when the order allows it and, with a pace, when its
 * time has come. What came in one piece while nobody else arrived is given whole at its end point. What ended badly ends so
 * again at the same byte: a cut is a cut, and where the client had left, the answer stays open until the client leaves.
 */
#ifndef RN_REPLAYER_SERVING_H
#define RN_REPLAYER_SERVING_H

#include "catalog.h"
#include "gateway/gateway.h"

/* Where what was sent differs from what was recorded: the exceptions of DESIGN 2.1. */
enum rn_altered {
    RN_ALTERED_REDACTED,    /* a placeholder stands where a credential stood */
    RN_ALTERED_RETRY_AFTER, /* set to 0 because waiting is not replayed */
    RN_ALTERED_FRAMING      /* the head was composed anew for another kind of client */
};

struct rn_alteration {
    uint32_t row;
    enum rn_altered what;
    enum rn_tag tag;
    uint64_t offset;
    uint64_t len;
};

#define RN_ALTERATIONS_MAX 10000u /* listed; all are counted */

/* What all answers of one replay share. Zeroed; rn_stage_free ends it. */
struct rn_stage {
    struct rn_loop *loop;
    struct rn_catalog *catalog;
    struct rn_order_book *order;
    double pace; /* 0: instant */
    bool exact;  /* nothing is altered: the answer is compared with the recording */
    uint64_t
        patience_ns; /* with a client that does not leave, though it left when recorded; at least */
    struct rn_serving **on_the_way; /* beside the rows; lent */
    struct rn_serving *lingering;   /* all answers that wait for their clients to leave */
    uint64_t moves;                 /* calls that came and answers that were over: signs of life */
    bool dismissed;                 /* nobody is waited for any more */
    struct rn_alteration *alterations;
    size_t alteration_count; /* listed */
    size_t alteration_cap;
    uint32_t redacted, retry_after, framing; /* all of them, by kind */
    bool failed;                             /* memory ran out while something was to be counted */
};
void rn_stage_free(struct rn_stage *stage);

struct rn_serving;

/*
 * Begins to answer `exchange` with the event of `row`, which lies in `arena`; the arena is taken over. The serving becomes the
 * context of the exchange. NULL when memory ran out; then the arena is still the caller's.
 */
struct rn_serving *rn_serving_new(struct rn_stage *stage, struct rn_exchange *exchange,
                                  uint32_t row, const struct rn_event *event,
                                  struct rn_arena *arena);
/* Sends what may be sent now. */
void rn_serving_go(struct rn_serving *serving);
/* The queue has room again. */
void rn_serving_drained(struct rn_serving *serving);
/* The hold of a serving, from rn_order_next or after it was ended otherwise: goes on. */
void rn_serving_released(struct rn_hold *hold);
struct rn_serving *rn_serving_of(struct rn_hold *hold);
struct rn_hold *rn_serving_hold(struct rn_serving *serving);
uint32_t rn_serving_row(const struct rn_serving *serving);
struct rn_exchange *rn_serving_exchange(const struct rn_serving *serving);
/* Bytes of the body that were given out so far. */
uint64_t rn_serving_sent_bytes(const struct rn_serving *serving);
/* How far an answer is that its client does not take: given whole, or stopped by a full queue; else it goes on by itself. */
enum rn_unread { RN_UNREAD_NOT, RN_UNREAD_WHOLE, RN_UNREAD_PART };
enum rn_unread rn_serving_unread(const struct rn_serving *serving);
/* Whether its client was waited for until patience ended: it did not leave, which it did when recorded. */
bool rn_serving_outstayed(const struct rn_serving *serving);
/* COMMAND has ended: whoever still holds an answer that was left when recorded is cut off, as the recorder did. */
void rn_stage_dismiss(struct rn_stage *stage);
/* Its exchange is over. */
void rn_serving_free(struct rn_serving *serving);

#endif
