/*
 * The verdict, from facts alone (DESIGN 6.5). Pure. Private to replayer/.
 *
 * Never falsely green: whatever is not known to be as recorded keeps the verdict from being `reproduced` or `verified`.
 */
#ifndef RN_REPLAYER_VERDICT_H
#define RN_REPLAYER_VERDICT_H

#include "replay.h"

enum rn_replay_mode { RN_MODE_COMMAND, RN_MODE_SERVE, RN_MODE_SELF, RN_MODE_DRIVE };

struct rn_verdict_facts {
    enum rn_replay_mode mode;
    bool has_problem;          /* damage, a kind we cannot replay, something erased */
    bool is_open;              /* still being recorded */
    enum rn_complete complete; /* of all traces together: the worst */
    uint32_t recorded;         /* exchanges */
    uint32_t served;           /* delivered as recorded, each once */
    uint32_t misses;
    uint32_t broken;      /* the client left early */
    uint64_t malformed;   /* refused before matching by the framing */
    uint64_t misdirected; /* likewise, for Host or Origin, or as too many */
    uint64_t recorded_malformed;
    uint64_t recorded_misdirected;
    bool was_touched;     /* somebody connected to us, whatever came of it */
    bool can_compare_run; /* the recording holds how its run ended */
    bool run_ended;       /* COMMAND ran to its end now */
    bool run_differs;     /* exit status or compared output */
    bool ignore_output;
    bool ambiguous_differ; /* calls that nothing told apart had different answers */
    bool strict;
    uint32_t relaxations;
    bool bytes_differ;    /* self-replay */
    uint32_t decisions;   /* inbound requests in the recording */
    uint32_t driven_same; /* --drive: those that were answered as recorded */
};

struct rn_judgement {
    enum rn_verdict verdict;
    const char *reason; /* one sentence, static */
};

struct rn_judgement rn_judge(const struct rn_verdict_facts *facts);

#endif
