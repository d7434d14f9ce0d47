/*
 * The first calls of a backtest go as a probe: when more than a tenth of them fail alike, the rest is not sent. Pure. Private to
 * replayer/.
 *
 * Alike: the same status, or the same error of the transfer where no answer came, and the same words in the provider's message
 * once numbers, identifiers and quoted names are left out. Calls count with their last attempt: what was answered in the end is
 * no failure. One failure alone is never "alike", unless the probe has no other call.
 */
#ifndef RN_REPLAYER_PROBE_H
#define RN_REPLAYER_PROBE_H

#include "backtest.h"

struct rn_probe_kind {
    unsigned count;
    uint32_t words;  /* of its message */
    unsigned status; /* 0: no answer */
    int code;        /* of the transfer */
    char sentence[320];
};

struct rn_probe {
    unsigned calls; /* at most RN_BACKTEST_PROBE; 0: nothing to probe */
    unsigned ended;
    unsigned kind_count;
    struct rn_probe_kind kinds[RN_BACKTEST_PROBE];
};

enum rn_probe_state {
    RN_PROBE_OPEN,   /* some of its calls have no final answer yet */
    RN_PROBE_PASSED, /* all have; the rest may go */
    RN_PROBE_FAILED  /* more than a tenth failed alike; known as early as possible */
};

/* How one call of the probe ended for good. */
struct rn_probe_end {
    bool is_success;
    unsigned status;
    int code;                /* CURLcode where no answer came */
    struct rn_bytes message; /* the provider's, or ours where no answer came */
};

void rn_probe_init(struct rn_probe *probe, size_t calls);
void rn_probe_take(struct rn_probe *probe, const struct rn_probe_end *end);
enum rn_probe_state rn_probe_state(const struct rn_probe *probe);
/*
 * After the probe: calls refused alike for who asks, not for what is asked (401, 402, 403), one after the other. A key that is taken back
 * or an account that runs dry must not use up the rest of a plan.
 */
struct rn_streak {
    struct rn_probe_kind kind; /* kind.count of them so far */
};
void rn_streak_take(struct rn_streak *streak, const struct rn_probe_end *end);
/* RN_BACKTEST_PROBE of them. */
bool rn_streak_is_over(const struct rn_streak *streak);
/* "the last 20 calls were refused alike: status 401, ..." */
void rn_streak_sentence(const struct rn_streak *streak, char *out, size_t out_bytes);

/* After RN_PROBE_FAILED: "17 of the first 20 calls failed alike: 401, Incorrect API key provided". Lent. */
void rn_probe_sentence(const struct rn_probe *probe, char *out, size_t out_bytes);

#endif
