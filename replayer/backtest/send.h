/*
 * A backtest under way: what send.c (open, run, close), send_flow.c (what goes when), send_stock.c (calls made ahead), send_trace.c,
 * send_call.c (one call) and send_entry.c (its fields as stored) share. Private to replayer/.
 *
 * One call is loaded from the recording, changed, claimed (pace.h), its intent stored, sent once that is durable, and its answer
 * stored; it counts once that is durable too. The intent of the next call is submitted behind the answer that made room for it,
 * and the store keeps this order: so whenever we die, at most `jobs` intents are in the store without an answer. Calls whose answer
 * is being stored are at most `jobs` more, those made ahead at most RN_SEND_STOCK_CALLS, and nothing else of any call is in memory but its
 * rn_plan_answer.
 */
#ifndef RN_REPLAYER_SEND_H
#define RN_REPLAYER_SEND_H

#include "gateway/gateway.h"
#include "gateway/upstream.h"
#include "pace.h"
#include "plan.h"
#include "probe.h"
#include "queue.h"
#include "store/writer.h"

#define RN_SEND_IDLE_MS 120000L               /* a silent upstream is given up after this */
#define RN_SEND_GRACE_NS UINT64_C(5000000000) /* after a signal: what is in flight may still end */
#define RN_SEND_TICK_NS UINT64_C(250000000)
/* Made ahead of their turn: so many calls, and no more once they have so many bytes. */
#define RN_SEND_STOCK_CALLS 32u
#define RN_SEND_STOCK_BYTES ((size_t)4 * 1024 * 1024)
#define RN_SEND_TICKS 40u /* what is done per second is told of the last ten */
/* Events of one trace. What the writer keeps of an open trace grows with them. */
#define RN_SEND_TRACE_EVENTS 50000u

struct rn_send;

/* One trace of the backtest. A new one is opened when it is full. */
struct rn_send_trace {
    struct rn_send_trace *next;
    struct rn_recording *recording;
    uint32_t n;    /* ordinals given */
    unsigned open; /* calls whose answer is not durable */
    bool is_full;
    bool is_closing;
    struct rn_entry closing; /* owner: NULL */
};

/* What goes to the writer at once: an intent, or a piece of an answer. */
struct rn_send_part {
    struct rn_send_part *next;
    struct rn_send_call *call;
    struct rn_entry entry; /* owner: this part */
    struct rn_buffer body; /* pieces, one after the other */
    struct rn_buffer cuts;
    struct rn_buffer times;
    uint8_t small[128]; /* canonical bytes of small fields */
    size_t small_len;
    bool is_returned;
};

enum rn_send_state {
    RN_SEND_READY,  /* made; it waits for its place in the minute or the budget */
    RN_SEND_INTENT, /* its intent is being stored */
    RN_SEND_HELD,   /* stored; a pause holds it back */
    RN_SEND_SENT,
    RN_SEND_ENDED /* its answer is being stored */
};

struct rn_send_call {
    struct rn_send_call *next;
    struct rn_send_call *previous;
    struct rn_send_call *next_stocked;
    struct rn_send *send;
    struct rn_send_trace *trace;
    enum rn_send_state state;
    size_t index; /* in the plan */
    uint32_t n;
    uint32_t attempt;
    struct rn_arena arena; /* the recorded call and the request made of it */
    struct rn_plan_request request;
    uint64_t recorded_ns; /* how long the recorded answer took; 0: not known */
    struct rn_pace_claim claim;
    struct rn_pace_need need;
    struct rn_transfer *transfer;

    /* the answer */
    struct rn_send_part *parts; /* the intent first, the one that takes pieces last */
    struct rn_send_part *last;
    struct rn_buffer interim;
    struct rn_buffer head;
    struct rn_buffer trailers;
    struct rn_answer framing;
    uint64_t body_bytes;
    uint64_t intent_wall_ns;
    uint64_t sent_ns;
    uint64_t first_ns; /* when the head came */
    uint64_t piece_ns; /* when the last piece came */
    uint64_t stamps[3];
    enum rn_end end;
    unsigned status; /* of its head; 0: none */
    int code;        /* CURLcode of a transfer that failed */
    uint64_t
        asked_ns; /* wait before another attempt that the answer asked for; UINT64_MAX: it asked for none */
    char reason[320];
    char message[256]; /* the provider's error, while the probe is open */
    uint64_t took_tokens;
    uint64_t took_pico;
    unsigned with_writer;
    enum rn_status stored; /* the first failure of its entries */
    bool head_known;
    bool head_stored;
    bool is_throttled;
    bool no_answer; /* a success by its status that is no answer, as far as it was read */
    bool is_long;   /* its body is more than what is read: parts are dropped once stored */
};

struct rn_send {
    const struct rn_backtest_run *run;
    struct rn_backtest_outcome *outcome;
    struct rn_error *error;
    struct rn_plan plan;
    struct rn_plan_answer *answers;
    struct rn_queue queue;
    struct rn_pace pace;
    struct rn_probe probe;
    struct rn_streak streak;
    uint64_t doubtful_pico; /* part of pace.spent_pico: perhaps paid, but nobody said so */
    struct rn_price price;
    bool has_price;
    bool reads_usage; /* money or tokens are counted */
    unsigned jobs;
    struct rn_buffer credential;

    struct rn_store *store;
    int lock;
    struct rn_loop *loop;
    struct rn_wake *wake;
    struct rn_writer *writer;
    struct rn_send_trace *traces; /* the newest, which is written to, first */
    struct rn_upstreams *upstreams;
    const struct rn_upstream *upstream;
    struct rn_turn *turn;
    struct rn_timer *due;  /* something may go out then */
    struct rn_timer *tick; /* progress */
    struct rn_timer *grace;
    struct rn_watch *watch;
    int signals;

    struct rn_send_call *calls; /* all there are */
    struct rn_send_call *stock; /* those of them that are not claimed yet, the next one first */
    size_t stock_count;
    size_t stock_bytes;
    struct rn_http_head head; /* room for parsing */
    size_t call_count;
    unsigned in_flight; /* from the intent's submission to the answer's */
    unsigned throttled;
    uint64_t stamp;
    uint64_t started_ns;
    uint64_t final_before; /* calls answered for good before this run */
    uint64_t final_count;  /* now */
    uint64_t failed_count;
    uint64_t unreadable; /* calls whose recording cannot be read any more */
    char unreadable_first[256];
    const char *waiting;
    uint64_t ticks[RN_SEND_TICKS]; /* final_count at the last ticks, a ring */
    unsigned tick_count;
    enum rn_backtest_end end; /* while `is_stopping`, and afterwards */
    bool is_stopping;         /* nothing new is started */
    bool is_ended;
    enum rn_status status; /* trouble that ends the run */
};

/* --- send_flow.c ---------------------------------------------------------------------------------------------------- */

/* Starts what may start; also the turn's callback. */
void rn_send_fill(void *self);
/* The writer's wake. */
void rn_send_collect(void *self);
void rn_send_on_tick(void *self);
/* Starts nothing any more. The first reason counts. `sentence` is kept in the outcome. */
void rn_send_stop(struct rn_send *send, enum rn_backtest_end end, const char *sentence);
/* As above, for trouble of our own that rn_backtest_run returns. */
void rn_send_fail(struct rn_send *send, enum rn_status status, const char *sentence);
/* Cancels what is in flight: the grace is over. */
void rn_send_cancel(void *self);
/* Feeds what the store knows of the first calls into the probe, and opens again those of a probe that failed. */
void rn_send_probe_begin(struct rn_send *send);
bool rn_send_is_probing(const struct rn_send *send);
/* A call of the probe that cannot be sent. */
void rn_send_probe_skip(struct rn_send *send, size_t index);
/* One attempt is stored: counts it, and decides whether there is another one. */
void rn_send_settled(struct rn_send *send, struct rn_send_call *call);

/* --- send_stock.c --------------------------------------------------------------------------------------------------- */

/* The next call, made if there is none; NULL: none now. It stays in the stock until it is taken. */
struct rn_send_call *rn_send_stock_first(struct rn_send *send);
void rn_send_stock_take(struct rn_send *send);
/* Makes calls ahead; empties the stock once the run is stopping. */
void rn_send_stock_fill(struct rn_send *send);

/* --- send_trace.c --------------------------------------------------------------------------------------------------- */

/* Sees to it that the newest trace takes another event. False: out of memory, and the run is stopping. */
bool rn_send_trace_open(struct rn_send *send);
/* Submits the closing of those that get no further event and wait for none. */
void rn_send_traces_close(struct rn_send *send);
/* A closing came back. */
void rn_send_trace_closed(struct rn_send *send, struct rn_entry *entry);

/* --- send_call.c ---------------------------------------------------------------------------------------------------- */

/*
 * Loads and changes call number `index`. RN_NOMEM; anything else: its recording cannot be read or sent any more, `error` says why.
 */
enum rn_status rn_send_call_make(struct rn_send *send, size_t index, struct rn_send_call **out,
                                 struct rn_error *error);
/* Submits its intent; it has its claim. */
void rn_send_call_begin(struct rn_send_call *call);
/* Sends it, or lets it wait for the end of a pause; its intent is durable. */
void rn_send_call_go(struct rn_send_call *call);
void rn_send_call_cancel(struct rn_send_call *call, const char *reason);
void rn_send_call_resume(struct rn_send_call *call);
/* Whether the upstream may have worked on an attempt although nothing says what that cost. `reason` is its RN_TAG_END_REASON. */
bool rn_send_is_doubtful(enum rn_end end, unsigned status, struct rn_bytes reason);
/* An entry came back. */
void rn_send_call_returned(struct rn_send_part *part);
/* Frees it, whatever state it is in; the writer has nothing of it. */
void rn_send_call_free(struct rn_send_call *call);

/* --- send_entry.c --------------------------------------------------------------------------------------------------- */

struct rn_send_part *rn_send_part_new(struct rn_send_call *call);
void rn_send_part_free(struct rn_send_part *part);
/* Appends a piece that came `since_ns` after the one before. RN_NOMEM leaves the part as it was. */
enum rn_status rn_send_part_add(struct rn_send_part *part, struct rn_bytes piece,
                                uint64_t since_ns);
/* Fills part->entry.event. */
void rn_send_entry_intent(struct rn_send_part *part);
void rn_send_entry_answer(struct rn_send_part *part, bool is_last);

#endif
