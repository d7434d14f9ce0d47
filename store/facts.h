/*
 * What the reading of each exchange amounts to, kept small beside the log, so that lists, counts and selections open no body.
 *
 * Facts follow from the log and from the parsers of this build (their versions are stored: another build makes them again, as
 * `reindex` does). The recorder never makes them: whoever asks brings them up first, behind a watermark of their own; a trace that is
 * still open is brought up as far as it goes. Posting lists (term -> traces) are made in the same step.
 */
#ifndef RN_STORE_FACTS_H
#define RN_STORE_FACTS_H

#include "store/trace.h"
#include "wire/prompt.h"
#include "wire/reading.h"

/* One exchange or decision. Text is lent during the visit; the longer ones are cut at 200 bytes. */
struct rn_facts {
    uint32_t n;
    enum rn_event_kind
        event; /* RN_EVENT_EXCHANGE, RN_EVENT_DECISION, RN_EVENT_CALL, RN_EVENT_VALUE */
    enum rn_reading_kind kind;
    enum rn_dialect dialect;
    enum rn_end end;
    unsigned status;
    uint64_t flags; /* enum rn_flag */
    bool damaged;   /* it could not be read when it was looked at; nothing else is known */
    bool unread, streamed, has_error;
    enum rn_finish finished;
    unsigned attempt;
    struct rn_bytes upstream, method, path;
    struct rn_bytes model_asked, model_answered;
    struct rn_bytes operation, target;
    struct rn_bytes error;       /* the provider's message */
    struct rn_bytes prompt_name; /* x-reenact-prompt, or a hosted prompt as ID@VERSION */
    struct rn_prompt prompt;
    unsigned counted; /* enum rn_counted: which of the six are known */
    uint64_t tokens_in, tokens_cached, tokens_cache_write, tokens_out, tokens_reasoning,
        tokens_total;
    uint64_t arrived_wall_ns, first_byte_ns,
        complete_ns;                        /* the latter two since arrival; 0: never */
    uint64_t request_bytes, response_bytes; /* bodies as stored */
    uint32_t documents;                     /* how many it gave */
    uint32_t asks;                          /* tool calls in its answer */
    uint32_t told; /* derived tool readings: N.t1 to N.tK (store/derived.h) */
};

/* Whether it failed on its upstream's side: an error in the answer, 4xx or 5xx from there, a cut, our 502 or 504. */
bool rn_facts_is_upstream_error(const struct rn_facts *facts);

/* What a trace's labels say; the last of several. Lent like the facts. */
struct rn_trace_labels {
    struct rn_bytes outcome, subject, index;
};

/*
 * Brings facts and postings up to where the log ended when it began. `progress` (may be NULL) is told how far it is; false from it ends early with
 * RN_OK. Any process may do it beside a running recorder; each step is a short transaction. Events that cannot be read are `damaged`.
 */
typedef bool rn_facts_progress(void *self, uint64_t done, uint64_t of);
enum rn_status rn_facts_bring_up(struct rn_store *store, rn_facts_progress *progress, void *self,
                                 struct rn_error *error);
/*
 * The same for whoever can do without: where the store takes no facts (its disk is full) *by_reading is true, and the events themselves
 * are to be read (rn_facts_read, rn_facts_read_labels).
 */
enum rn_status rn_facts_ready(struct rn_store *store, rn_facts_progress *progress, void *self,
                              bool *by_reading, struct rn_error *error);
/* Forgets all facts and postings and makes them again: `reindex`. */
enum rn_status rn_facts_rebuild(struct rn_store *store, rn_facts_progress *progress, void *self,
                                struct rn_error *error);

/* Facts that are further behind are not brought up for a few traces: their events are read instead (rn_facts_read). */
#define RN_FACTS_LAG_MAX 4096u
/* How many rows of the log they are behind; at 0 posting lists may be believed. Writes nothing. */
enum rn_status rn_facts_lag(struct rn_store *store, uint64_t *rows, struct rn_error *error);

/* The facts of one trace in order of ordinals. Not RN_OK from the visitor ends it with that status. Call rn_facts_bring_up before. */
typedef enum rn_status rn_facts_visit(void *self, const struct rn_facts *facts);
enum rn_status rn_facts_of(struct rn_store *store, const struct rn_trace_id *id,
                           rn_facts_visit *visit, void *self, struct rn_error *error);
/* The same from the events themselves, for few traces of a store whose facts are far behind. Writes nothing; no text outlives the visit. */
enum rn_status rn_facts_read(struct rn_store *store, const struct rn_trace_summary *summary,
                             rn_facts_visit *visit, void *self, struct rn_error *error);
/* The labels; all empty where there are none. Text lives in the arena. */
enum rn_status rn_facts_labels(struct rn_store *store, const struct rn_trace_id *id,
                               struct rn_arena *arena, struct rn_trace_labels *out,
                               struct rn_error *error);
/* The same from the events themselves. */
enum rn_status rn_facts_read_labels(struct rn_store *store, const struct rn_trace_summary *summary,
                                    struct rn_arena *arena, struct rn_trace_labels *out,
                                    struct rn_error *error);

#endif
