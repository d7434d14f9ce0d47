/*
 * Reading traces back: summaries, and events piece by piece or whole.
 */
#ifndef RN_STORE_TRACE_H
#define RN_STORE_TRACE_H

#include "store/evidence.h"
#include "store/store.h"

enum rn_trace_state { RN_TRACE_OPEN = 1, RN_TRACE_CLOSED = 2, RN_TRACE_LOST = 3 };
enum rn_complete { RN_COMPLETE_YES = 1, RN_COMPLETE_NO = 2, RN_COMPLETE_UNKNOWN = 3 };

/* What the store knows of a trace without decoding its events. Text lives in the arena it was read into. */
struct rn_trace_summary {
    struct rn_trace_id id;
    struct rn_trace_id session;
    struct rn_trace_id parent;
    enum rn_trace_state state;
    enum rn_complete complete; /* no: a gap, a lost exchange, a truncated or withheld body */
    struct rn_bytes name;
    struct rn_bytes release;
    struct rn_bytes kind;      /* "run", "serve" */
    struct rn_bytes tags;      /* runs "k=v" */
    struct rn_bytes upstreams; /* runs: names seen, sorted */
    bool is_alias;
    bool has_run;
    uint64_t started_wall_ns;
    uint64_t ended_wall_ns; /* of its last event so far */
    uint32_t events;        /* highest ordinal */
    uint32_t gaps;
    uint32_t notes;
    uint32_t cut, aborted, refused, lost, late; /* exchanges */
    uint64_t raw_bytes;                         /* heads and bodies as they crossed the wire */
    uint64_t stored_bytes;                      /* frames */
    int exit_status;                            /* of the run, as wait(2); -1 when there is none */
    struct rn_digests digests;                  /* once closed */
    struct rn_salts salts;
};

/* Whether it holds the answers of a backtest: nothing that happened to anybody. It is found by its id and by nothing else. */
bool rn_trace_is_backtest(const struct rn_trace_summary *summary);

/* RN_NOTFOUND when there is no such trace. */
enum rn_status rn_trace_summary(struct rn_store *store, const struct rn_trace_id *id,
                                struct rn_arena *arena, struct rn_trace_summary *out,
                                struct rn_error *error);

/* The same without bringing the indexes up first: nothing is written. */
enum rn_status rn_trace_summary_indexed(struct rn_store *store, const struct rn_trace_id *id,
                                        struct rn_arena *arena, struct rn_trace_summary *out,
                                        struct rn_error *error);

/*
 * Whether the id stands for a trace of this store already, whoever wrote it and however recently. For the recorder's loop: reads
 * a little, never writes or waits. True also when it cannot be read: then it is safer not to use the id.
 */
bool rn_trace_is_taken(struct rn_store *store, const struct rn_trace_id *id);

/*
 * Claims the id for a trace of ours among all live openers of the store, until rn_trace_unclaim; false when another one has it. Asked
 * before rn_trace_is_taken, so that of two who are given one id at once only one uses it. Never waits.
 */
bool rn_trace_claim(struct rn_store *store, const struct rn_trace_id *id);
/* Once the trace is in the log, or will not be. */
void rn_trace_unclaim(struct rn_store *store, const struct rn_trace_id *id);

/*
 * One event, its pieces joined. Every frame's checksum is verified. RN_NOTFOUND; RN_DAMAGED with the place;
 * RN_NOMEM. Fields live in the arena.
 */
enum rn_status rn_trace_event(struct rn_store *store, const struct rn_trace_id *id,
                              enum rn_event_class class, uint32_t n, struct rn_arena *arena,
                              struct rn_event *out, struct rn_error *error);

/*
 * The same without bringing the indexes up first, for a trace that was closed when the store was opened: nothing is written, and whoever
 * writes to the store meanwhile is not waited for.
 */
enum rn_status rn_trace_event_indexed(struct rn_store *store, const struct rn_trace_id *id,
                                      enum rn_event_class class, uint32_t n, struct rn_arena *arena,
                                      struct rn_event *out, struct rn_error *error);

/*
 * enum rn_flag bits of event n that became known when it was written already: its mark (RN_CLASS_MARK), 0 where there is none.
 * Only a trace whose summary says that something was late is looked at.
 */
uint64_t rn_trace_marked_flags(struct rn_store *store, const struct rn_trace_summary *summary,
                               uint32_t n);

/*
 * Whether the trace's digests follow from its events. RN_DAMAGED names the first event that does not fit (its own frames
 * fail, or the chain differs). Open traces are checked as far as they go, without the chain.
 */
enum rn_status rn_trace_verify(struct rn_store *store, const struct rn_trace_id *id,
                               struct rn_error *error);

#endif
