/* From facts to a verdict. The order of the questions is the order of importance; each answers in one sentence. */
#include "verdict.h"

#include <stddef.h>

const char *rn_verdict_name(enum rn_verdict verdict)
{
    switch (verdict) {
    case RN_VERDICT_REPRODUCED:
        return "reproduced";
    case RN_VERDICT_VERIFIED:
        return "verified";
    case RN_VERDICT_DIVERGED:
        return "diverged";
    case RN_VERDICT_INCOMPARABLE:
        return "incomparable";
    case RN_VERDICT_ASSISTED:
        return "assisted";
    }
    return "unknown";
}

int rn_verdict_exit(enum rn_verdict verdict)
{
    switch (verdict) {
    case RN_VERDICT_REPRODUCED:
    case RN_VERDICT_VERIFIED:
        return 0;
    case RN_VERDICT_DIVERGED:
    case RN_VERDICT_ASSISTED:
        return 1;
    case RN_VERDICT_INCOMPARABLE:
        return 3;
    }
    return 2;
}

static struct rn_judgement incomparable(const char *reason)
{
    return (struct rn_judgement){RN_VERDICT_INCOMPARABLE, reason};
}

static struct rn_judgement diverged(const char *reason)
{
    return (struct rn_judgement){RN_VERDICT_DIVERGED, reason};
}

static struct rn_judgement judge_self(const struct rn_verdict_facts *facts)
{
    if (facts->bytes_differ) {
        return diverged("an answer differs from what was sent when recording");
    }
    if (facts->misses > 0 || facts->broken > 0 || facts->served != facts->recorded) {
        return diverged("a recorded request was not answered by its own recording");
    }
    return (struct rn_judgement){RN_VERDICT_VERIFIED,
                                 "every recorded request was answered with the recorded bytes"};
}

/* Questions about the calls; a NULL reason when all of them went as recorded. */
static struct rn_judgement judge_calls(const struct rn_verdict_facts *facts)
{
    if (facts->misses > 0) {
        return diverged("a request came that was not recorded");
    }
    if (facts->served == 0 && facts->recorded > 0 && !facts->was_touched) {
        return incomparable("nothing was served: the application never came to us");
    }
    if (facts->malformed != facts->recorded_malformed ||
        facts->misdirected != facts->recorded_misdirected) {
        return diverged(
            "other requests than when recorded were refused before they could be matched");
    }
    if (facts->broken > 0) {
        return diverged("a client left before its answer was whole");
    }
    if (facts->served != facts->recorded) {
        return diverged("a recorded call was not asked for, or its answer not taken");
    }
    if (facts->strict && facts->relaxations > 0) {
        return diverged("the recorded order was not kept");
    }
    return (struct rn_judgement){RN_VERDICT_REPRODUCED, NULL};
}

static struct rn_judgement judge_run(const struct rn_verdict_facts *facts)
{
    if (!facts->run_ended) {
        return diverged("COMMAND did not come to its end");
    }
    if (!facts->can_compare_run && !facts->ignore_output) {
        return incomparable("the recording does not hold how its run ended: there is no output to "
                            "compare with (--ignore-output compares the calls alone)");
    }
    if (facts->run_differs) {
        return diverged("COMMAND printed or ended otherwise than recorded");
    }
    return (struct rn_judgement){RN_VERDICT_REPRODUCED, NULL};
}

static struct rn_judgement judge_success(const struct rn_verdict_facts *facts)
{
    bool driven = facts->mode == RN_MODE_DRIVE;
    bool output_compared = driven || (facts->mode == RN_MODE_COMMAND && facts->can_compare_run &&
                                      !facts->ignore_output);
    if (facts->complete != RN_COMPLETE_YES) {
        return (struct rn_judgement){RN_VERDICT_ASSISTED,
                                     "it is unknown whether the recording is complete"};
    }
    if (facts->ambiguous_differ && !output_compared) {
        return (struct rn_judgement){RN_VERDICT_ASSISTED,
                                     "calls that nothing tells apart had different answers, and no "
                                     "output was compared"};
    }
    if (driven) {
        return (struct rn_judgement){RN_VERDICT_REPRODUCED,
                                     "every inbound request was answered as recorded, and every "
                                     "recorded call was asked for once"};
    }
    return (struct rn_judgement){RN_VERDICT_REPRODUCED,
                                 output_compared
                                     ? "every recorded call was asked for once and answered as "
                                       "recorded; same exit status, same output"
                                     : "every recorded call was asked for once and answered as "
                                       "recorded; output was not compared"};
}

struct rn_judgement rn_judge(const struct rn_verdict_facts *facts)
{
    if (facts->has_problem) {
        return incomparable("the recording cannot be replayed as a whole");
    }
    if (facts->is_open) {
        return incomparable("the trace is still being recorded");
    }
    if (facts->complete == RN_COMPLETE_NO) {
        return incomparable("the recording is incomplete: something that happened is not in it");
    }
    if (facts->recorded == 0 && (facts->mode != RN_MODE_DRIVE || facts->decisions == 0)) {
        return incomparable("the recording holds no call: there is nothing to prove");
    }
    if (facts->mode == RN_MODE_SELF) {
        return judge_self(facts);
    }
    struct rn_judgement calls = judge_calls(facts);
    if (calls.reason != NULL) {
        return calls;
    }
    if (facts->mode == RN_MODE_DRIVE && facts->driven_same != facts->decisions) {
        return diverged("the application did not answer an inbound request as recorded");
    }
    if (facts->mode == RN_MODE_COMMAND) {
        struct rn_judgement run = judge_run(facts);
        if (run.reason != NULL) {
            return run;
        }
    }
    return judge_success(facts);
}
