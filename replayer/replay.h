/*
 * `reenact replay`: a gateway with no upstream, answers from recorded traces, a verdict (DESIGN 6).
 * Terminal output is the caller's.
 */
#ifndef RN_REPLAYER_REPLAY_H
#define RN_REPLAYER_REPLAY_H

#include "gateway/environment.h"
#include "store/trace.h"

enum rn_verdict {
    RN_VERDICT_REPRODUCED,   /* 0 */
    RN_VERDICT_VERIFIED,     /* 0 */
    RN_VERDICT_DIVERGED,     /* 1 */
    RN_VERDICT_INCOMPARABLE, /* 3 */
    RN_VERDICT_ASSISTED, /* 1: as recorded, but with help or with something unknown (DESIGN 6.5) */
};

enum rn_rule { RN_RULE_NONE = 0, RN_RULE_BYTES = 1, RN_RULE_JSON = 2 };
enum rn_order { RN_ORDER_RECORDED, RN_ORDER_ANY };

struct rn_replay_settings {
    const char *const *traces; /* TRACE texts, NULL-terminated; one, or the traces of one session */
    char *const *argv; /* COMMAND; NULL: the recorded one, or self-replay where there is none */
    char *const *environment;
    const char *store;
    unsigned rules; /* bit 1 << enum rn_rule per allowed rule */
    enum rn_order order;
    double pace; /* 0: instant; 1: recorded; n: n times as fast */
    bool
        strict; /* --strict: a hold that had to be let go is a divergence; `rules` should be bytes alone */
    bool ignore_output;
    bool
        fresh_ports; /* ports the kernel gives, even where the recorded ones are free: several replays at once */
    const char *workdir; /* where COMMAND runs; NULL: the recorded directory */
    bool serve;          /* --serve: gateway alone until SIGINT, SIGTERM */
    const char *
        drive; /* --drive: URL of the application that is sent the recorded inbound requests; COMMAND starts it */
    bool self;           /* replay against itself even when there is a run */
    const char *receipt; /* file, or NULL */
    uint16_t port; /* of the port with our paths when serving; 0: the recorded one where free */
    /* --serve, and --drive without a COMMAND: the ports are open; `environment` is the given one with what a command would be given. Lent. */
    void (*on_ready)(void *self, const char *url, char *const *environment);
    void *owner;
};

/* What stands on the receipt, for the terminal. Text is the outcome's. */
struct rn_replay_outcome {
    struct rn_arena arena;
    enum rn_verdict verdict;
    struct rn_trace_id trace; /* root */
    uint32_t recorded;        /* exchanges to be served */
    uint32_t served;
    uint32_t by_rule[4];
    uint32_t decisions;   /* inbound requests in the recording */
    uint32_t driven_same; /* --drive: answered as recorded */
    bool driven;
    uint32_t misses;
    uint32_t unconsumed;
    uint32_t ambiguous;
    uint32_t relaxations; /* holds that ran into their limit or were let go by the peak rule */
    uint32_t timed_out_holds;
    uint32_t redacted_spans;
    uint64_t compared_bytes; /* self-replay */
    int wait_status;
    bool ran_command;
    bool
        output_left_out; /* what the application printed was not compared: --ignore-output, --serve */
    bool open_line; /* what the command printed last, on whichever stream, was no end of a line */
    bool open_stderr_line; /* likewise, on stderr alone */
    const char *place; /* of the first divergence: "event 3, request body, /messages/0/content" */
    const char *expected; /* excerpts; "" when there are none */
    const char *came;
    const char *cause;
    const char *advice;   /* what to try */
    const char *sentence; /* the whole finding in one sentence */
    const char
        *remark; /* what was not as recorded but no reason to stop; "" when there is nothing */
    uint64_t
        malformed; /* requests that were refused before they could be matched: broken HTTP, foreign Host or Origin */
    uint32_t broken;         /* answers whose client left early */
    struct rn_bytes receipt; /* JSON, schema reenact.receipt/1 */
    char *const *argv; /* the recorded command, when it must be confirmed (status RN_REFUSED) */
};

/*
 * The runs that a TRACE or SESSION names, in order of their start: several are replayed one after the other, each by its id.
 * No run at all: `text` itself is what to replay. *runs is rn_alloc'ed. RN_NOTFOUND, RN_AMBIGUOUS, ... with a sentence.
 */
enum rn_status rn_replay_runs(const char *store, const char *text, struct rn_trace_id **runs,
                              size_t *count, struct rn_error *error);

/*
 * RN_OK with a verdict; RN_REFUSED when the recorded command is not ours to run (outcome->argv says which; exit 2); other
 * statuses are trouble (exit 2). rn_replay_outcome_free in every case.
 */
enum rn_status rn_replay_run(const struct rn_replay_settings *settings,
                             struct rn_replay_outcome *outcome, struct rn_error *error);
void rn_replay_outcome_free(struct rn_replay_outcome *outcome);
const char *rn_verdict_name(enum rn_verdict verdict);
/* 0, 1 or 3. */
int rn_verdict_exit(enum rn_verdict verdict);

#endif
