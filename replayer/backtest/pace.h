/*
 * How fast a backtest may send, and how much it may spend: requests and tokens per minute, pauses the upstream asked for, and
 * the budget. Pure: moments come in as nanoseconds of one clock that never goes back. Private to replayer/.
 *
 * A call is claimed before its intent is stored, which reserves its place in the minute and its worst cost; it is counted at
 * the moment it is sent; it is settled with what it really took. So at every moment, whatever is still on the way:
 *   - requests sent within any 60 s, and the tokens claimed for them, are at most the bound. A bound is kept with half a
 *     second to spare, for the way to the upstream, and in steps of a tenth of a second. A call that asks for more tokens than a
 *     whole minute has goes alone.
 *   - money spent and money claimed together are at most the budget.
 * An upstream that does not answer at all is asked by one call at a time, less and less often, until it does: so an outage costs a few
 * calls their attempts, and not all of them.
 * Memory does not depend on the bounds.
 */
#ifndef RN_REPLAYER_PACE_H
#define RN_REPLAYER_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define RN_PACE_MINUTE_NS UINT64_C(60000000000)
#define RN_PACE_STEP_NS UINT64_C(100000000)
/* A step is behind us a minute and the spare half second after its end. */
#define RN_PACE_STEPS 606u
/* So many calls without any answer, one after the other, are an outage. */
#define RN_PACE_SILENT_CALLS 20u
#define RN_PACE_SILENT_FIRST_NS UINT64_C(1000000000)
#define RN_PACE_SILENT_LONGEST_NS UINT64_C(30000000000)

enum rn_pace_answer {
    RN_PACE_GO,
    RN_PACE_RATE,   /* the minute is full */
    RN_PACE_PAUSED, /* the upstream asked for a pause */
    RN_PACE_SILENT, /* it does not answer, and is tried by one call at a time */
    RN_PACE_BUDGET  /* it might cost more than is left; what is on the way may turn out cheaper */
};

/* What one call may take, and later what it took. */
struct rn_pace_need {
    uint64_t tokens;
    uint64_t pico;
};

/* One call's place. Zeroed: none. */
struct rn_pace_claim {
    struct rn_pace_need need;
    uint64_t step; /* when it was sent */
    bool is_open;
    bool is_sent;
};

struct rn_pace_step {
    uint64_t requests;
    uint64_t tokens;
};

struct rn_pace {
    uint64_t requests_max; /* 0: no bound */
    uint64_t tokens_max;   /* 0: no bound */
    uint64_t budget_pico;  /* 0: none */
    uint64_t spent_pico;
    uint64_t claimed_pico;
    uint64_t claimed_requests; /* not yet sent */
    uint64_t claimed_tokens;
    uint64_t claims; /* not yet settled */
    uint64_t paused_until_ns;
    unsigned silent;    /* calls without any answer since the last one */
    uint64_t silent_ns; /* the pause before the next trial */
    uint64_t step;      /* the newest one */
    uint64_t requests;  /* in all steps */
    uint64_t tokens;
    struct rn_pace_step steps[RN_PACE_STEPS]; /* by number, modulo */
};

/* `spent_pico` is what earlier runs cost. */
void rn_pace_init(struct rn_pace *pace, uint64_t requests_max, uint64_t tokens_max,
                  uint64_t budget_pico, uint64_t spent_pico);

/*
 * Asks for a place. RN_PACE_GO fills `claim`. Otherwise *again_ns is when to ask again; UINT64_MAX: not before some claim is
 * settled.
 */
enum rn_pace_answer rn_pace_claim(struct rn_pace *pace, uint64_t now_ns,
                                  const struct rn_pace_need *need, struct rn_pace_claim *claim,
                                  uint64_t *again_ns);
/* Whether a claimed call may go out now; otherwise *again_ns says when. Only a pause stands between the two. */
bool rn_pace_may_send(const struct rn_pace *pace, uint64_t now_ns, uint64_t *again_ns);
void rn_pace_sent(struct rn_pace *pace, uint64_t now_ns, struct rn_pace_claim *claim);
/* What it took. A claim that was never sent takes nothing, whatever `took` says. */
void rn_pace_settle(struct rn_pace *pace, uint64_t now_ns, struct rn_pace_claim *claim,
                    const struct rn_pace_need *took);
/* Whether a call that was sent got any answer, whatever it says. */
void rn_pace_heard(struct rn_pace *pace, uint64_t now_ns, bool answered);
/* Nothing goes out before that moment. Never makes a pause shorter. */
void rn_pace_pause(struct rn_pace *pace, uint64_t until_ns);

#endif
