/* Counting in steps of time and in pico-dollars. Knows no clock, no upstream and no call. */
#include "pace.h"

#include <assert.h>

/* Saturates: an absurd expectation is refused, not wrapped into a small one. */
static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void rn_pace_init(struct rn_pace *pace, uint64_t requests_max, uint64_t tokens_max,
                  uint64_t budget_pico, uint64_t spent_pico)
{
    *pace = (struct rn_pace){.requests_max = requests_max,
                             .tokens_max = tokens_max,
                             .budget_pico = budget_pico,
                             .spent_pico = spent_pico};
}

/* --- the minute ------------------------------------------------------------------------------------------------------ */

static struct rn_pace_step *step_at(struct rn_pace *pace, uint64_t number)
{
    return &pace->steps[number % RN_PACE_STEPS];
}

static void drop_step(struct rn_pace *pace, uint64_t number)
{
    struct rn_pace_step *step = step_at(pace, number);
    pace->requests -= step->requests;
    pace->tokens -= step->tokens;
    *step = (struct rn_pace_step){0};
}

/* Moves on to the step of `now_ns`; what is older than the window is no longer counted. */
static void advance(struct rn_pace *pace, uint64_t now_ns)
{
    uint64_t now = now_ns / RN_PACE_STEP_NS;
    if (now <= pace->step) {
        return;
    }
    uint64_t passed = now - pace->step;
    uint64_t fresh = passed < RN_PACE_STEPS ? passed : RN_PACE_STEPS;
    for (uint64_t i = 0; i < fresh; i++) {
        drop_step(pace, now - i);
    }
    pace->step = now;
}

static bool fits(const struct rn_pace *pace, uint64_t requests, uint64_t tokens,
                 const struct rn_pace_need *need)
{
    bool is_first = tokens == 0 && pace->claimed_tokens == 0;
    return (pace->requests_max == 0 ||
            requests + pace->claimed_requests + 1 <= pace->requests_max) &&
           (pace->tokens_max == 0 || is_first ||
            sum(sum(tokens, pace->claimed_tokens), need->tokens) <= pace->tokens_max);
}

/* When enough of the minute is behind us; UINT64_MAX: what is claimed and not sent fills it alone. */
static uint64_t room_ns(struct rn_pace *pace, const struct rn_pace_need *need)
{
    uint64_t requests = pace->requests;
    uint64_t tokens = pace->tokens;
    uint64_t oldest = pace->step < RN_PACE_STEPS ? 0 : pace->step - RN_PACE_STEPS + 1;
    for (uint64_t number = oldest; number <= pace->step; number++) {
        requests -= step_at(pace, number)->requests;
        tokens -= step_at(pace, number)->tokens;
        if (fits(pace, requests, tokens, need)) {
            return (number + RN_PACE_STEPS) * RN_PACE_STEP_NS;
        }
    }
    return UINT64_MAX;
}

/* --- claims ---------------------------------------------------------------------------------------------------------- */

static bool is_affordable(const struct rn_pace *pace, const struct rn_pace_need *need)
{
    return pace->budget_pico == 0 ||
           sum(sum(pace->spent_pico, pace->claimed_pico), need->pico) <= pace->budget_pico;
}

static bool is_silent(const struct rn_pace *pace)
{
    return pace->silent >= RN_PACE_SILENT_CALLS;
}

bool rn_pace_may_send(const struct rn_pace *pace, uint64_t now_ns, uint64_t *again_ns)
{
    *again_ns = pace->paused_until_ns;
    return now_ns >= pace->paused_until_ns;
}

enum rn_pace_answer rn_pace_claim(struct rn_pace *pace, uint64_t now_ns,
                                  const struct rn_pace_need *need, struct rn_pace_claim *claim,
                                  uint64_t *again_ns)
{
    advance(pace, now_ns);
    if (!is_affordable(pace, need)) {
        *again_ns = UINT64_MAX;
        return RN_PACE_BUDGET;
    }
    if (!rn_pace_may_send(pace, now_ns, again_ns)) {
        return is_silent(pace) ? RN_PACE_SILENT : RN_PACE_PAUSED;
    }
    if (is_silent(pace) && pace->claims > 0) {
        *again_ns = UINT64_MAX;
        return RN_PACE_SILENT;
    }
    if (!fits(pace, pace->requests, pace->tokens, need)) {
        *again_ns = room_ns(pace, need);
        return RN_PACE_RATE;
    }
    *claim = (struct rn_pace_claim){.need = *need, .is_open = true};
    pace->claimed_pico = sum(pace->claimed_pico, need->pico);
    pace->claimed_tokens = sum(pace->claimed_tokens, need->tokens);
    pace->claimed_requests++;
    pace->claims++;
    return RN_PACE_GO;
}

void rn_pace_sent(struct rn_pace *pace, uint64_t now_ns, struct rn_pace_claim *claim)
{
    assert(claim->is_open && !claim->is_sent);
    advance(pace, now_ns);
    struct rn_pace_step *step = step_at(pace, pace->step);
    pace->claimed_requests--;
    pace->claimed_tokens -= claim->need.tokens;
    step->requests++;
    step->tokens += claim->need.tokens;
    pace->requests++;
    pace->tokens += claim->need.tokens;
    claim->step = pace->step;
    claim->is_sent = true;
}

/* The minute that holds it learns how many tokens it really was. */
static void correct_tokens(struct rn_pace *pace, const struct rn_pace_claim *claim, uint64_t tokens)
{
    if (pace->step - claim->step >= RN_PACE_STEPS) {
        return;
    }
    struct rn_pace_step *step = step_at(pace, claim->step);
    step->tokens = step->tokens - claim->need.tokens + tokens;
    pace->tokens = pace->tokens - claim->need.tokens + tokens;
}

void rn_pace_settle(struct rn_pace *pace, uint64_t now_ns, struct rn_pace_claim *claim,
                    const struct rn_pace_need *took)
{
    if (!claim->is_open) {
        return;
    }
    advance(pace, now_ns);
    pace->claimed_pico -= claim->need.pico;
    pace->claims--;
    if (claim->is_sent) {
        correct_tokens(pace, claim, took->tokens);
        pace->spent_pico = sum(pace->spent_pico, took->pico);
    } else {
        pace->claimed_requests--;
        pace->claimed_tokens -= claim->need.tokens;
    }
    *claim = (struct rn_pace_claim){0};
}

void rn_pace_pause(struct rn_pace *pace, uint64_t until_ns)
{
    if (until_ns > pace->paused_until_ns) {
        pace->paused_until_ns = until_ns;
    }
}

void rn_pace_heard(struct rn_pace *pace, uint64_t now_ns, bool answered)
{
    if (answered) {
        pace->silent = 0;
        pace->silent_ns = 0;
        return;
    }
    pace->silent += pace->silent < RN_PACE_SILENT_CALLS;
    /* Of those that were on the way together, only the first makes the next trial later. */
    if (is_silent(pace) && now_ns >= pace->paused_until_ns) {
        uint64_t next_ns = pace->silent_ns == 0 ? RN_PACE_SILENT_FIRST_NS : 2 * pace->silent_ns;
        pace->silent_ns = next_ns < RN_PACE_SILENT_LONGEST_NS ? next_ns : RN_PACE_SILENT_LONGEST_NS;
        rn_pace_pause(pace, now_ns + pace->silent_ns);
    }
}
