/*
 * One exchange on its way: the request forwarded, the answer passed back as it comes, both remembered.
 * Private to recorder/.
 *
 * call.c is what happens between client and upstream, commit.c what happens between us and the store.
 *
 * What goes out when (DESIGN 5.4, `sync`): an answer that is wholly here when its head would go out is sent whole after its
 * commit. Otherwise head and pieces go out at the end of the turn they came in (or when they fill a part), except the last
 * framed unit: the piece that fills a Content-Length, the unit that wire/terminal.h calls the last, and the framing's own
 * end. These wait for the commit, with a limit (--late-after): then they go out, and the event or a mark behind it says `late`.
 *
 * `strict`: the intent (the request, as the opening of the event) is durable before anything goes upstream; nothing goes out
 * late. What the store does not take is answered 503, or cut where the head is out.
 *
 * What is committed before the end is what the client was sent, and the last unit that waits for just that, so that the
 * record of a client that leaves ends where its answer did.
 */
#ifndef RN_RECORDER_CALL_H
#define RN_RECORDER_CALL_H

#include "aging.h"
#include "part.h"
#include "recorder/recorder.h"
#include "traces.h"
#include "wait.h"
#include "wire/terminal.h"

/* What all calls of one recorder share. */
struct rn_desk {
    const struct rn_recorder_settings *settings;
    struct rn_traces *traces;
    struct rn_joins *joins; /* NULL without ingress */
    struct rn_recorder_counts counts;
    struct rn_call *open;  /* all calls, newest first */
    struct rn_call *dirty; /* those with something to send at the end of this turn */
    struct rn_turn *turn;  /* calls rn_call_turn for them */
    struct rn_aging aging; /* calls rn_call_flush for what is old enough */
    struct rn_wait wait;   /* calls rn_call_overdue for parts that do not come back */
    uint64_t stamp;        /* the counter behind RN_TAG_ORDER */
    unsigned with_writer;  /* parts on their way */
    uint64_t moved_ns;     /* when one came back, or the first one went */
    unsigned throttled;    /* calls that wait for the writer to catch up */
    bool holding;          /* some call holds a last unit whose end has not come yet */
};

/* Looks for ids that the answer to a call mints for the inbound request it was made for. */
struct rn_minter {
    uint64_t number;
    struct rn_id_finder finder;
};

/* Says that a call was late, once its event is out of our hands. Few calls have one, and it is large. */
struct rn_mark {
    struct rn_pending pending;
    struct rn_buffer bytes;
};

struct rn_call {
    struct rn_call *next;
    struct rn_call *previous;
    struct rn_call *next_dirty;
    struct rn_call *aging_next; /* aging.h */
    struct rn_call *aging_previous;
    uint64_t aging_since_ns;
    struct rn_desk *desk;
    struct rn_open_trace *trace;
    struct rn_exchange *exchange; /* NULL once the gateway is done with it */
    struct rn_transfer *transfer; /* NULL unless one is running */
    struct rn_terminal *terminal;
    struct rn_client client;
    uint32_t n;
    const char *rule;

    /* with ingress */
    bool is_decision;           /* it is an inbound request, and its upstream the application */
    struct rn_inbound *inbound; /* what joins know of it, until its answer is over */
    struct rn_minter *minter;   /* of a call of a request in flight: finds the ids of its answer */

    /* the request; gone once it is stored and the upstream has it (slim in commit.c) */
    struct rn_buffer request;      /* memory of head and body as they came */
    struct rn_buffer request_head; /* only when the target had to be made relative */
    struct rn_bytes head;
    struct rn_bytes body;
    struct rn_bytes method;
    struct rn_bytes target;
    struct rn_buffer labels;
    struct rn_buffer answer_labels; /* of a decision: what the application says of itself */
    struct rn_buffer request_trailers;
    char upstream[34];
    uint8_t request_framing;
    uint64_t request_bytes;
    uint64_t connection;
    uint64_t arrived_wall_ns;
    uint64_t arrived_mono_ns;

    const struct rn_upstream *server; /* where it goes */
    int spill;                        /* the exchange's, see struct rn_request */

    /* the answer */
    struct rn_buffer interim;
    struct rn_buffer answer_head;
    struct rn_buffer answer_trailers;
    struct rn_answer answer;
    struct rn_part *parts; /* oldest first; the last one takes new pieces */
    struct rn_part *last;
    uint64_t gone_bytes; /* of heads that are not kept any more */
    uint64_t answer_bytes;
    uint64_t piece_ns;    /* when the last piece came */
    uint64_t piece_stamp; /* the last stamp that had been given then */
    uint64_t held_ns;     /* since when a last unit waits for its end; 0: none */
    uint64_t first_ns;    /* when the first byte went out */
    uint64_t stamps[3];
    uint64_t flags; /* enum rn_flag */
    uint64_t stored_bytes;
    enum rn_end end;
    char reason[320];

    struct rn_mark *mark; /* NULL unless one was submitted */

    unsigned with_writer; /* entries not yet returned */
    bool head_known;
    bool started;     /* the head went out */
    bool finished;    /* the end went out, or nothing can go out any more */
    bool over;        /* nothing more will come: the last entry is submitted */
    bool opened;      /* an EVENT_OPEN entry was submitted */
    bool head_stored; /* the answer's head is in a submitted entry */
    bool intending;   /* `strict`: the intent has not come back, nothing went upstream */
    bool unheld;      /* the store is what failed: what the client is told now waits for nothing */
    bool
        missed; /* more waits for the disk than may wait: it is in a gap, and nothing of it is kept */
    bool is_late;
    bool is_dirty;
    bool is_aging;
    bool full;      /* the gateway's queue is above its mark */
    bool throttled; /* the writer's is */
};

/* Begins a call for a request that just came. NULL when memory ran out: nothing is kept and nothing was answered. */
struct rn_call *rn_call_new(struct rn_desk *desk, struct rn_exchange *exchange,
                            const struct rn_request *request, struct rn_open_trace *trace,
                            const char *rule);
/* It is an inbound request: a decision. False when memory ran out; it can still be refused. */
bool rn_call_decide(struct rn_call *call, const struct rn_request *request);
/* Forwards it. On failure the call is answered 503 and recorded as refused. */
void rn_call_forward(struct rn_call *call, const struct rn_request *request,
                     const struct rn_upstream *upstream);
/* Answers it ourselves, recorded as refused. `sentence` is for the application and, as the reason, for the record. */
void rn_call_refuse(struct rn_call *call, unsigned status, const char *sentence);

/* What the gateway tells us. */
void rn_call_drained(struct rn_call *call);
void rn_call_delivered(struct rn_call *call);
void rn_call_gone(struct rn_call *call);

/* The end of a turn: sends what may go out. */
void rn_call_turn(struct rn_call *call);
/* A moment later: commits a last unit whose stream does not end. */
void rn_call_tick(struct rn_call *call, uint64_t now_ns);
/* Goes on when the writer has caught up. */
void rn_call_resume(struct rn_call *call);
/* Ends it now, as if the client had left: the recorder stops. One whose answer is complete is left to be delivered. */
void rn_call_abort(struct rn_call *call);
/* Does not wait for its client any longer, whatever it has been sent. */
void rn_call_abandon(struct rn_call *call);
/* A commit came back (from the collector). */
void rn_call_returned(struct rn_pending *pending);
/* One did not, for as long as is waited (from the queue of those that wait). */
void rn_call_overdue(struct rn_call *call, struct rn_part *part);

/* --- between call.c and commit.c ----------------------------------------------------------------------------------- */

/* Whether the writer does not move at all, for longer than an end waits for it. Then traffic passes unrecorded. */
bool rn_desk_is_stalled(const struct rn_desk *desk);
/* Whether ends wait for their commit. */
bool rn_call_waits(const struct rn_call *call);
/* Writes whatever may go out now. */
void rn_call_flow(struct rn_call *call);
/* Nothing more will come: the last entry goes to the writer. */
void rn_call_over(struct rn_call *call, enum rn_end end);
/* Frees a call that nobody waits for any more: the gateway, the transfer and the writer are all done with it. */
void rn_call_retire(struct rn_call *call);
/* Sends the request upstream. On failure the call is answered 503 and recorded as refused. */
void rn_call_start(struct rn_call *call, const struct rn_http_head *head);
/* `strict`: makes the intent durable, then starts. */
void rn_call_intend(struct rn_call *call);
void rn_call_submit(struct rn_call *call, struct rn_part *part, enum rn_entry_kind kind);
/*
 * Sends the last part on its way as a part of an unfinished event and opens a new one. What a slow client was not sent yet
 * stays behind.
 */
void rn_call_flush(struct rn_call *call);
/* Drops parts that the writer gave back and the client has: all but the last. */
void rn_call_drop_parts(struct rn_call *call);

#endif
