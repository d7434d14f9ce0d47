/*
 * `reenact backtest`: recorded model calls sent again to another model, with only the model changed (DESIGN 7).
 *
 * A backtest is a plan (a document of the store, immutable once written) and the traces of kind "backtest" that hold the
 * answers, one or a few for each time it was run or resumed, all of one session, whose id is the backtest's. What was answered is known from
 * these traces alone; nothing else is kept. Terminal output is the caller's.
 */
#ifndef RN_REPLAYER_BACKTEST_H
#define RN_REPLAYER_BACKTEST_H

#include "price.h"
#include "store/select.h"

#define RN_BACKTEST_PROBE 20u /* calls that go first */
#define RN_BACKTEST_UNBOUNDED                                                                      \
    1000u /* above so many calls a limit, a sample or a budget is compulsory */
#define RN_BACKTEST_JOBS_MAX 256u

struct rn_backtest_settings {
    const char *store;
    const struct rn_selection *selection;
    const char *selection_text;   /* as it was typed, for the plan and for people */
    const char *name;             /* --as, or NULL */
    const char *to;               /* UPSTREAM/MODEL */
    const char *const *upstreams; /* "NAME=URL" */
    const char *const *set;       /* "P=V" */
    const char *const *unset;     /* "P" */
    const char *const *rename;    /* "P=Q" */
    bool no_moves;                /* --no-moves: known moves are not applied */
    const char *prices;           /* file or NULL */
    const char *
        key_variable; /* --key-env VAR: where the credential is; NULL: the upstream's usual variable */
    uint64_t budget_pico;         /* 0: none */
    unsigned jobs;                /* 0: 8 */
    uint64_t requests_per_minute; /* 0: no bound */
    uint64_t tokens_per_minute;
    unsigned attempts;        /* 0: 5. Of one call, all together */
    char *const *environment; /* where credentials are looked up */
};

/* Why a selected call is not in the plan; counted apart, each named in the plan. */
enum rn_left_out {
    RN_LEFT_NO_MODEL_CALL, /* no dialect that asks a model: only counted */
    RN_LEFT_TRUNCATED,     /* the request was longer than what is kept, or withheld */
    RN_LEFT_REDACTED, /* a credential stood in its body or target: what is kept is not what was asked */
    RN_LEFT_UNREADABLE, /* damaged, or its body is no JSON we can change */
    RN_LEFT_UNENDED, /* it never got an answer: aborted, cut, refused by us, lost. Nothing to compare with */
    RN_LEFT_STATEFUL, /* it continues what only the recorded provider knows: previous_response_id, a file or conversation id */
    RN_LEFT_RETRIED,  /* an attempt that the client repeated: its last attempt is sent */
    RN_LEFT_DIALECT,  /* it asks a model in a dialect that cannot be sent elsewhere yet */
    RN_LEFT_COUNT
};
const char *rn_left_out_name(enum rn_left_out why);     /* "redacted" */
const char *rn_left_out_sentence(enum rn_left_out why); /* "a credential stood in its body: ..." */

/* What a plan amounts to. */
struct rn_backtest_facts {
    char id[33];
    char name[64]; /* "" without --as */
    uint64_t created_wall_ns;
    char to[256]; /* UPSTREAM/MODEL */
    char url[512];
    uint64_t calls;
    uint64_t left_out[RN_LEFT_COUNT];
    uint64_t tokens_in; /* expected: those recorded, else bytes of text / 4 */
    uint64_t tokens_out;
    bool cost_known;
    uint64_t cost_pico;
    uint64_t seconds; /* expected at these jobs and rates, from the recorded latencies */
    uint64_t budget_pico;
    unsigned jobs;
    char prices_date[16];
    uint64_t answered; /* calls with a final answer so far */
    uint64_t failed;   /* of these: not answered with success in the end */
    uint64_t spent_pico;
    bool complete;
};

/*
 * Selects, and writes the plan unless `dry_run`. *summary is rn_alloc'ed text for people: one line per move and edit with the number of
 * calls it changes, one per kind of left-out call with the first few named. RN_NOTFOUND: nothing was selected; RN_INVALID: the target, an
 * edit, an unknown upstream, a name that is taken (RN_REFUSED); RN_LIMIT: more than RN_BACKTEST_UNBOUNDED calls without a bound.
 */
enum rn_status rn_backtest_make(const struct rn_backtest_settings *settings, bool dry_run,
                                struct rn_backtest_facts *facts, char **summary,
                                struct rn_error *error);

struct rn_backtest_progress {
    uint64_t calls, answered, failed, in_flight, retried;
    double per_second;
    uint64_t spent_pico, budget_pico;
    bool cost_known;
    uint64_t seconds_left; /* UINT64_MAX: not known yet */
    const char *waiting;   /* "rate limit", "retry-after", or "" */
};

struct rn_backtest_run {
    const char *store;
    const char *which; /* id, unique prefix or suffix of 4 or more digits, name, "last" */
    const char *const *upstreams; /* overrides; the plan's own URL is used otherwise */
    const char *key_variable;
    const char *prices;
    uint64_t budget_pico; /* 0: the plan's; otherwise replaces it from now on (for resume) */
    unsigned jobs;        /* 0: the plan's */
    char *const *environment;
    void (*on_progress)(
        void *self,
        const struct rn_backtest_progress *progress); /* about four times a second; may be NULL */
    void *self;
};

enum rn_backtest_end {
    RN_BACKTEST_DONE,         /* every call of the plan has its final answer */
    RN_BACKTEST_BUDGET,       /* the next call would go beyond the budget */
    RN_BACKTEST_PROBE_FAILED, /* more than a tenth of the probe failed alike */
    RN_BACKTEST_INTERRUPTED, /* SIGINT or SIGTERM: what was in flight was finished or cancelled, what was answered is kept */
    RN_BACKTEST_STORE /* the store takes nothing more: nothing was sent since */
};

struct rn_backtest_outcome {
    enum rn_backtest_end end;
    char sentence[512]; /* why it ended before its end; "" when done */
    uint64_t sent;      /* requests of this run, retries included */
    uint64_t answered, failed, retried;
    uint64_t twice; /* calls that were in flight when an earlier run died: perhaps paid twice */
    uint64_t spent_pico; /* of all runs */
    bool cost_known;
    uint64_t wall_ns;
};

/*
 * Runs what the plan has left. An answer counts once its event is durable; nothing is sent before its intent is. RN_NOTFOUND: no such
 * backtest; RN_BUSY: another process runs it; RN_REFUSED: a credential is needed and missing; other trouble with sentences.
 */
enum rn_status rn_backtest_run(const struct rn_backtest_run *run,
                               struct rn_backtest_outcome *outcome, struct rn_error *error);

/* Facts of one, or of all in order of creation. One that is damaged is passed over; the first such trouble is returned in the end. */
enum rn_status rn_backtest_facts(const char *store, const char *which,
                                 struct rn_backtest_facts *facts, struct rn_error *error);
typedef bool rn_backtest_visit(void *self, const struct rn_backtest_facts *facts);
enum rn_status rn_backtest_each(const char *store, rn_backtest_visit *visit, void *self,
                                struct rn_error *error);
/* Takes plan and answers out of the store. RN_BUSY while it runs; RN_REFUSED while a baseline holds one of its traces. */
enum rn_status rn_backtest_drop(const char *store, const char *which, struct rn_error *error);

#endif
