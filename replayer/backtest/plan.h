/*
 * A backtest's plan: which calls, to whom, changed how. Immutable; what runs it and what reports on it read the same.
 * Private to replayer/.
 */
#ifndef RN_REPLAYER_PLAN_H
#define RN_REPLAYER_PLAN_H

#include "backtest.h"
#include "store/document.h"
#include "wire/splice.h"

#define RN_PLAN_KIND "backtest" /* of its document and of the traces that answer it */

struct rn_plan_call {
    struct rn_trace_id trace;
    uint32_t n;
    uint32_t tokens_in;  /* expected */
    uint32_t tokens_out; /* expected */
};

struct rn_plan_left {
    struct rn_trace_id trace;
    uint32_t n;
    uint8_t why; /* enum rn_left_out */
};

/* Dialects below this one are those in which another model can be asked. */
#define RN_MOVES_DIALECTS (RN_DIALECT_OPENAI_EMBEDDINGS + 1)

/*
 * A known move (moves.h) as the plan fixed it: a later build with other moves sends what this plan says. It is applied to calls of
 * `dialect` when `edit.place` is there, `beside` (where not empty) too, and a new name is not there already.
 */
#define RN_MOVES_DIALECTS                                                                          \
    (RN_DIALECT_OPENAI_EMBEDDINGS + 1) /* below: those that another model can be asked in */

struct rn_plan_move {
    enum rn_dialect dialect;
    struct rn_bytes beside;
    struct rn_edit edit;
};

#define RN_PLAN_EDITS_MAX 32u /* of users; and as many moves */

/* Everything lives in `arena` but the two lists, which are rn_alloc'ed. */
struct rn_plan {
    struct rn_arena arena;
    struct rn_trace_id id; /* UUIDv7; the session of its traces */
    uint64_t created_wall_ns;
    struct rn_bytes name;
    struct rn_bytes selection; /* as typed */
    struct rn_bytes upstream;
    struct rn_bytes url; /* userinfo is never kept */
    struct rn_bytes model;
    struct rn_edit
        *edits; /* --set, --unset, --rename, in that order; the model is not among them */
    size_t edit_count;
    struct rn_plan_move *moves; /* those that fit upstream and model; none with --no-moves */
    size_t move_count;
    bool no_moves;
    bool
        as_recorded; /* `ask` alone, never stored: the very body goes where it went, in whatever dialect */
    struct rn_bytes prices_date; /* of the price below; empty: no price was known */
    struct rn_price price;       /* of the target when the plan was made: what facts count with */
    uint64_t budget_pico;
    uint32_t jobs;
    uint64_t requests_per_minute;
    uint64_t tokens_per_minute;
    uint32_t attempts;
    uint64_t seconds; /* expected */
    uint64_t no_model_calls;
    struct rn_plan_call *calls; /* in the order they are sent */
    size_t call_count;
    struct rn_plan_left *left;
    size_t left_count;
};

/* The price the plan was made with; NULL: none was known. */
const struct rn_price *rn_plan_price(const struct rn_plan *plan);

/* Canonical bytes (docs/format.md, "Plans"): decode(encode(plan)) gives equal bytes. RN_DAMAGED, RN_NEWER, RN_NOMEM. */
enum rn_status rn_plan_encode(const struct rn_plan *plan, struct rn_buffer *out);
enum rn_status rn_plan_decode(struct rn_bytes in, struct rn_plan *out, struct rn_error *error);
/* `which` as in rn_backtest_run. */
enum rn_status rn_plan_load(struct rn_store *store, const char *which, struct rn_plan *out,
                            struct rn_error *error);
void rn_plan_free(struct rn_plan *plan);

/* One recorded call made into the request that is sent. */
struct rn_plan_request {
    struct rn_bytes method;
    struct rn_bytes target;
    struct rn_bytes
        head; /* whole, as rn_http_request_parse reads it: start line, Host and Content-Length of our own, the recorded fields without hop-by-hop, credentials, content-encoding and x-reenact-*; one credential field if `credential` is given */
    struct rn_bytes body;
    struct rn_bytes moves; /* runs, for RN_TAG_MOVES */
    uint64_t
        changed; /* bit i: edits[i] changed something; bit RN_PLAN_EDITS_MAX + i: moves[i] did */
    bool retargeted; /* the path is another one than the recorded */
    bool streamed;
    uint64_t max_tokens; /* of what is sent; 0: no bound */
};

/*
 * Pure. `credential` may be empty; where the recording had a credential field, it is put there in the same form (`Bearer KEY`, bare `x-api-key`,
 * `api-key`); where it had none, in the form of the dialect. RN_REFUSED with *why: it cannot be sent again.
 */
enum rn_status rn_plan_request_make(const struct rn_plan *plan, const struct rn_view *view,
                                    struct rn_bytes credential, struct rn_arena *arena,
                                    struct rn_plan_request *out, enum rn_left_out *why,
                                    struct rn_error *error);

/* Why this call is not sent again, RN_LEFT_COUNT: it is. Looks at the event alone: RN_LEFT_UNREADABLE and _STATEFUL of bodies are rn_plan_request_make's. */
enum rn_left_out rn_plan_leaves_out(const struct rn_view *view);

/* The environment variable where people keep the key of an upstream: "OPENAI_API_KEY". One that was added as NAME: NAME_API_KEY, with '_' for '-'. */
#define RN_KEY_VARIABLE_BYTES_MAX 48u
void rn_plan_key_variable(struct rn_bytes upstream, char out[RN_KEY_VARIABLE_BYTES_MAX]);

/* --- plan_answers.c: what the store says about a plan's calls ------------------------------------------------------------ */

/* The state of one call of the plan. */
struct rn_plan_answer {
    struct rn_trace_id trace; /* of the event that counts; zero: none */
    uint32_t n;
    uint32_t attempts; /* answers it got */
    uint16_t status;   /* of the last; 0: none came (could not connect, cut inside the head) */
    uint8_t end;       /* enum rn_end of the last */
    bool final; /* it is not sent again: a success, a failure that stays one, or attempts used up */
    bool
        lost; /* an attempt that never got its answer (end lost or aborted): it may have been paid */
    bool no_answer; /* a success by its status that is no answer; known only where it was read */
};

/*
 * One per call of the plan, in its order; rn_alloc'ed. Reads the backtest's traces as they are now, without their bodies where the
 * index will do. Memory: 40 bytes per call.
 */
enum rn_status rn_plan_answers(struct rn_store *store, const struct rn_plan *plan,
                               struct rn_plan_answer **out, struct rn_error *error);
/*
 * Visits what the backtest's traces hold, in order of trace and ordinal: one exchange for one attempt at plan->calls[call]. Everything
 * is lent during the call. Not RN_OK ends it with that status.
 */
struct rn_plan_attempt {
    size_t call;
    uint64_t attempt; /* 1, 2, ... */
    const struct rn_trace_id *trace;
    uint32_t n;
    const struct rn_event *event;
};
typedef enum rn_status rn_plan_visit(void *self, const struct rn_plan_attempt *attempt);
enum rn_status rn_plan_each_attempt(struct rn_store *store, const struct rn_plan *plan,
                                    rn_plan_visit *visit, void *self, struct rn_error *error);
/* Its status as rn_plan_answer has it: 0 where no head came, or the answer was ours (end refused). RN_NOMEM. */
enum rn_status rn_plan_status_of(const struct rn_event *event, unsigned *status);
/*
 * What an answer cost, by its usage; where one of 2xx tells none (a stream, whole or cut): the expected prompt and a quarter of its
 * text's bytes. What tells none and is an error, or never ended for us (lost, aborted), costs nothing here.
 */
uint64_t rn_plan_answer_cost(const struct rn_price *price, const struct rn_plan_call *call,
                             const struct rn_view *view);
/* Whether such an answer is worth another attempt: 408, 409 (lock), 425, 429, 500, 502, 503, 504, 529, no answer, a cut stream. Source: OpenAI and Anthropic SDK retry rules. */
bool rn_plan_may_retry(unsigned status, enum rn_end end);
/* A success: 2xx, read to its end. */
bool rn_plan_is_success(unsigned status, enum rn_end end);
/* The pure rule by which a call gets no further attempt after `attempts` answers, the last of which was this. */
bool rn_plan_is_final(const struct rn_plan *plan, unsigned status, enum rn_end end,
                      uint32_t attempts);

#endif
