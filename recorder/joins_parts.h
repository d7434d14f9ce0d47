/*
 * What joins.c knows and weigh.c looks at. Private to these two.
 */
#ifndef RN_RECORDER_JOINS_PARTS_H
#define RN_RECORDER_JOINS_PARTS_H

#include "base/limits.h"
#include "joins.h"

#define BUCKETS_BITS 13u
#define DOUBTS_BITS 13u
#define SAID_BITS 16u
/* The bytes of a text by which it is looked up; every text has as many. */
#define WINDOW ((size_t)16)
#define BASE UINT64_C(0x9e3779b97f4a7c15)

struct token {
    uint64_t window; /* of the first bytes of a text, of all of a number */
    uint32_t at;     /* in the owner's text */
    uint16_t len;
    uint8_t kind;
    uint64_t seen; /* by which look */
    struct rn_inbound *owner;
    struct token *next; /* in its bucket */
};

enum state { FLYING, LEFT, ANSWERED };

struct rn_inbound {
    struct rn_inbound *next; /* among those in flight, or among those answered, oldest first */
    struct rn_inbound *previous;
    enum state state;
    uint64_t number;
    uint64_t until_ns; /* LEFT: how long it counts as in flight */
    uint64_t hit;      /* the look that found something of it alone, when it was answered */
    struct rn_trace_id trace;
    struct rn_trace_id parent; /* of its traceparent; zero: none */
    bool is_partial;           /* not all it says is known */
    struct token *tokens;
    size_t token_count;
    size_t token_cap;
    struct rn_buffer text;
};

struct ring {
    struct rn_inbound *first;
    struct rn_inbound *last;
    size_t count;
};

struct minted {
    uint64_t id; /* a hash */
    uint64_t number;
};

struct rn_joins {
    struct ring flying; /* and left */
    struct ring answered;
    uint64_t number;
    size_t tokens;
    size_t text_bytes;
    size_t partial; /* of those in flight */
    uint64_t look;
    uint64_t ids; /* minted so far */
    struct rn_buffer scratch;
    struct token *bucket[1u << BUCKETS_BITS];
    uint64_t doubt[1u << DOUBTS_BITS]; /* values that stood in calls of more than one: hashes */
    uint64_t said
        [1u
         << SAID_BITS]; /* values of all that were ever answered, until others take their place: hashes */
    struct minted minted[RN_JOIN_IDS_MAX];
};

/* Of a run of bytes, the sum that a window moved over them has. */
uint64_t rn_joins_hash(struct rn_bytes bytes);
/* The `bits` bits of a hash that choose a slot. */
size_t rn_joins_slot(uint64_t hash, unsigned bits);
struct rn_bytes rn_joins_text(const struct token *token);
/* Whether two values are equal, whoever says them. */
bool rn_joins_same(const struct token *a, const struct token *b);
/* The values among which those of that window are. */
struct token *rn_joins_chain(const struct rn_joins *joins, uint64_t window);
/* Where an id of that hash stands, or another one. */
struct minted *rn_joins_minted(struct rn_joins *joins, uint64_t id);
/* Those whose client left long ago count as in flight no more. */
void rn_joins_land_overdue(struct rn_joins *joins, uint64_t now_ns);

bool rn_joins_looks_json(struct rn_bytes body);
bool rn_joins_is_coded(const struct rn_request *request);
/* Whether all of the body can be looked at. */
bool rn_joins_is_whole(const struct rn_request *request);
/* The trace of its traceparent, "00-<trace id>-<parent id>-<flags>" (W3C); zero where there is none. */
struct rn_trace_id rn_joins_parent(const struct rn_request *request);

#endif
