/*
 * A question under way: ask.c opens and closes, ask_send.c asks, ask_answers.c reads what came. Private to replayer/.
 */
#ifndef RN_REPLAYER_ASK_PARTS_H
#define RN_REPLAYER_ASK_PARTS_H

#include "ask.h"
#include "gateway/gateway.h"
#include "gateway/upstream.h"
#include "plan.h"

/* No answer is read beyond this. */
#define RN_ASK_ANSWER_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* One of the times it is asked. */
struct rn_ask_slot {
    struct rn_ask *ask;
    struct rn_transfer *transfer;
    struct rn_timer *again; /* runs before another attempt */
    unsigned attempt;
    uint64_t sent_ns, first_ns, done_ns;
    struct rn_buffer head;
    struct rn_buffer body;
    enum rn_end end; /* RN_END_NONE: it was not asked, or not to its end */
    unsigned status;
    uint64_t asked_ns; /* the wait the answer asked for; UINT64_MAX: none */
    char reason[320];

    struct rn_arena arena;
    struct rn_event event;
    struct rn_view view;
    bool is_answer;
    uint8_t small[64]; /* canonical bytes of small fields */
};

struct rn_ask {
    const struct rn_ask_settings *settings;
    struct rn_ask_outcome *outcome;
    struct rn_error *error;
    struct rn_arena arena;
    struct rn_event event; /* the recorded one */
    struct rn_view view;
    struct rn_plan plan; /* no plan of the store: it holds target, model and moves */
    struct rn_plan_call call;
    struct rn_plan_request request;
    struct rn_price price, recorded_price;
    bool has_price, has_recorded_price;
    struct rn_buffer credential;
    struct rn_loop *loop;
    struct rn_upstreams *upstreams;
    const struct rn_upstream *upstream;
    struct rn_watch *watch;
    int signals;
    struct rn_http_head head; /* room for parsing */
    struct rn_ask_slot *slots;
    unsigned next; /* of slots */
    unsigned in_flight;
    uint64_t expected_pico; /* of one answer at most */
    uint64_t spent_pico;
    bool is_stopping;
};

/* Asks as often as is wanted, and comes back when all is over. RN_NOMEM, RN_IO. */
enum rn_status rn_ask_send(struct rn_ask *ask);
/* Reads what came to one attempt; whether it is an answer stands in the slot afterwards. RN_NOMEM. */
enum rn_status rn_ask_slot_read(struct rn_ask_slot *slot);
/* What an answer that was read cost, in pico-dollars; 0 without a price. */
uint64_t rn_ask_slot_cost(const struct rn_ask_slot *slot);
/* Sorts all answers that came into the outcome. RN_NOMEM. */
enum rn_status rn_ask_sum_up(struct rn_ask *ask);

#endif
