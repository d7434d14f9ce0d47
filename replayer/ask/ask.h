/*
 * `reenact ask`: one recorded model call sent again, live, a number of times, and how its answers spread beside the recorded one
 * (DESIGN 6.6). "Was it a coin flip?"
 *
 * What is sent is what a backtest would send (plan.h): the recorded body, the model set, credentials of today. Two answers are one
 * where a backtest calls them the same in everything that is judged (report/pair.h). Nothing is stored: what is to be kept is a
 * backtest.
 */
#ifndef RN_REPLAYER_ASK_H
#define RN_REPLAYER_ASK_H

#include "base/arena.h"
#include "base/status.h"
#include "store/event.h"

#define RN_ASK_TIMES_MAX 1000u
#define RN_ASK_JOBS_MAX 64u
#define RN_ASK_ATTEMPTS 3u /* of one question that meets 429, 5xx or a cut */

struct rn_ask_settings {
    const char *store;
    const char *which;            /* "TRACE:N" */
    const char *to;               /* UPSTREAM/MODEL; NULL: as it was recorded */
    const char *const *upstreams; /* "NAME=URL" */
    const char *key_variable;     /* NULL: the upstream's usual one */
    const char *prices;
    uint64_t budget_pico; /* 0: none */
    unsigned times;       /* 1 to RN_ASK_TIMES_MAX */
    unsigned jobs;        /* at once; 1 to RN_ASK_JOBS_MAX */
    char *const *environment;
    /* Whenever one is settled: so many of the `times`. May be NULL. */
    void (*on_progress)(void *self, uint32_t settled);
    void *self;
};

/* One distinct answer. */
struct rn_ask_answer {
    bool is_recorded;      /* the one that was recorded; its count may be 0 */
    uint32_t count;        /* how many of the new answers are this one */
    struct rn_bytes text;  /* text and tool calls as a person compares them, of the first of them */
    struct rn_bytes tools; /* runs: names of the tools it asks for, in order */
    const char *finish;    /* rn_finish_name */
};

/* Questions that got no answer, alike. */
struct rn_ask_failure {
    uint32_t count;
    unsigned status; /* 0: none came */
    struct rn_bytes sentence;
};

/* Of the new answers; nanoseconds, nearest rank. */
struct rn_ask_spread {
    uint64_t least, p50, most;
};

struct rn_ask_outcome {
    struct rn_arena arena; /* all text */
    struct rn_trace_id trace;
    uint32_t n;
    struct rn_bytes to;    /* UPSTREAM/MODEL */
    struct rn_bytes url;   /* without userinfo */
    bool elsewhere;        /* another upstream or model than recorded */
    struct rn_bytes moves; /* runs: what was changed beside the model, in words */
    uint32_t times, asked, answered, same;
    bool recorded_answered; /* else nothing can be the same */
    unsigned recorded_status;
    struct rn_ask_answer *answers; /* the recorded one first, then by count */
    size_t answer_count;
    uint32_t distinct; /* of the new answers */
    struct rn_ask_failure *failures;
    size_t failure_count;
    bool has_recorded_latency;
    uint64_t recorded_latency_ns;
    struct rn_ask_spread latency;
    uint64_t tokens_in, tokens_out; /* of the new answers */
    bool cost_known;
    uint64_t cost_pico;          /* of the new ones */
    uint64_t recorded_cost_pico; /* at today's price of the recorded model; 0: not known */
    char stopped[256];           /* why not all were asked; "" otherwise */
};

/*
 * RN_NOTFOUND, RN_AMBIGUOUS: the trace or event; RN_INVALID: what the settings say; RN_REFUSED: it cannot be asked again (no model call,
 * redacted, stateful, no key, ...), each with a sentence. RN_OK also where nobody answered: look at `answered`. SIGINT and SIGTERM end
 * it with what has come by then. rn_ask_free in every case.
 */
enum rn_status rn_ask_run(const struct rn_ask_settings *settings, struct rn_ask_outcome *outcome,
                          struct rn_error *error);
void rn_ask_free(struct rn_ask_outcome *outcome);

/* All that was to be asked was, and said what is recorded. */
bool rn_ask_agrees(const struct rn_ask_outcome *outcome);

#endif
