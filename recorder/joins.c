/*
 * The inbound requests in flight and just answered: what they said, and which ids were minted for them. In: requests and answers.
 * Whose a call is, weigh.c decides.
 */
#include <string.h>

#include "base/memory.h"
#include "joins_parts.h"

/* --- hashes -------------------------------------------------------------------------------------------------------- */

uint64_t rn_joins_hash(struct rn_bytes bytes)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        hash = hash * BASE + bytes.data[i] + 1;
    }
    return hash;
}

size_t rn_joins_slot(uint64_t hash, unsigned bits)
{
    return (size_t)((hash * BASE) >> (64 - bits));
}

struct rn_bytes rn_joins_text(const struct token *token)
{
    return rn_bytes_sub(rn_buffer_bytes(&token->owner->text), token->at, token->len);
}

bool rn_joins_same(const struct token *a, const struct token *b)
{
    return a->window == b->window && a->kind == b->kind &&
           rn_bytes_equal(rn_joins_text(a), rn_joins_text(b));
}

struct token *rn_joins_chain(const struct rn_joins *joins, uint64_t window)
{
    return joins->bucket[rn_joins_slot(window, BUCKETS_BITS)];
}

/* --- rings --------------------------------------------------------------------------------------------------------- */

static void ring_add(struct ring *ring, struct rn_inbound *inbound)
{
    inbound->next = NULL;
    inbound->previous = ring->last;
    if (ring->last == NULL) {
        ring->first = inbound;
    } else {
        ring->last->next = inbound;
    }
    ring->last = inbound;
    ring->count++;
}

static void ring_remove(struct ring *ring, struct rn_inbound *inbound)
{
    if (inbound->previous == NULL) {
        ring->first = inbound->next;
    } else {
        inbound->previous->next = inbound->next;
    }
    if (inbound->next == NULL) {
        ring->last = inbound->previous;
    } else {
        inbound->next->previous = inbound->previous;
    }
    ring->count--;
}

/* --- what an inbound request says ---------------------------------------------------------------------------------- */

static void inbound_forget(struct rn_joins *joins, struct rn_inbound *inbound)
{
    for (size_t i = 0; i < inbound->token_count; i++) {
        struct token *token = &inbound->tokens[i];
        struct token **at = &joins->bucket[rn_joins_slot(token->window, BUCKETS_BITS)];
        while (*at != NULL && *at != token) {
            at = &(*at)->next;
        }
        if (*at != NULL) {
            *at = token->next;
        }
    }
    joins->tokens -= inbound->token_count;
    joins->text_bytes -= inbound->text.len;
    inbound->token_count = 0;
    rn_buffer_clear(&inbound->text);
}

static void inbound_free(struct rn_joins *joins, struct rn_inbound *inbound)
{
    inbound_forget(joins, inbound);
    rn_buffer_free(&inbound->text);
    rn_free(inbound->tokens);
    rn_free(inbound);
}

static bool is_full(const struct rn_joins *joins, const struct rn_inbound *inbound)
{
    return joins->tokens + inbound->token_count >= RN_JOIN_TOKENS_MAX ||
           joins->text_bytes + inbound->text.len >= RN_JOIN_TOKEN_BYTES_MAX;
}

struct taking {
    struct rn_joins *joins;
    struct rn_inbound *inbound;
};

static enum rn_status take_token(void *self, enum rn_token_kind kind, struct rn_bytes text)
{
    struct taking *taking = self;
    struct rn_inbound *inbound = taking->inbound;
    while (is_full(taking->joins, inbound) && taking->joins->answered.count > 0) {
        struct rn_inbound *oldest = taking->joins->answered.first;
        ring_remove(&taking->joins->answered, oldest);
        inbound_free(taking->joins, oldest);
    }
    if (is_full(taking->joins, inbound)) {
        return RN_LIMIT;
    }
    if (inbound->token_count == inbound->token_cap) {
        size_t cap = inbound->token_cap == 0 ? 16 : 2 * inbound->token_cap;
        void *grown = rn_realloc(inbound->tokens, cap * sizeof *inbound->tokens);
        if (grown == NULL) {
            return RN_NOMEM;
        }
        inbound->tokens = grown;
        inbound->token_cap = cap;
    }
    struct token *token = &inbound->tokens[inbound->token_count];
    *token = (struct token){
        .window = rn_joins_hash(kind == RN_TOKEN_TEXT ? rn_bytes_sub(text, 0, WINDOW) : text),
        .at = (uint32_t)inbound->text.len,
        .len = (uint16_t)text.len,
        .kind = (uint8_t)kind,
        .owner = inbound};
    enum rn_status status = rn_buffer_add(&inbound->text, text);
    inbound->token_count += status == RN_OK;
    return status;
}

bool rn_joins_looks_json(struct rn_bytes body)
{
    for (size_t i = 0; i < body.len; i++) {
        uint8_t byte = body.data[i];
        if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n') {
            return byte == '{' || byte == '[';
        }
    }
    return false;
}

bool rn_joins_is_coded(const struct rn_request *request)
{
    const struct rn_http_field *coding = rn_http_find(request->head, RN_LIT("content-encoding"));
    return coding != NULL && !rn_bytes_equal_nocase(coding->value, RN_LIT("identity"));
}

bool rn_joins_is_whole(const struct rn_request *request)
{
    return request->body_bytes <= request->body.len &&
           request->body.len <= RN_JOIN_BODY_BYTES_MAX && !rn_joins_is_coded(request);
}

/* Of the target the numbers; of the body the values. */
static enum rn_status learn(struct rn_joins *joins, struct rn_inbound *inbound,
                            const struct rn_request *request)
{
    struct taking taking = {joins, inbound};
    struct rn_bytes target = request->route.target;
    enum rn_status status = RN_OK;
    for (size_t at = 0; status == RN_OK && at < target.len; at++) {
        struct rn_bytes number = rn_tokens_number(target, at);
        if (number.len >= RN_TOKEN_NUMBER_MIN && number.len <= RN_TOKEN_BYTES_MAX) {
            status = take_token(&taking, RN_TOKEN_NUMBER, number);
        }
    }
    if (request->body_bytes == 0) {
        return status;
    }
    if (!rn_joins_is_whole(request) || !rn_joins_looks_json(request->body)) {
        return status == RN_OK ? RN_LIMIT : status;
    }
    return status == RN_OK ? rn_tokens_find(request->body, &joins->scratch, take_token, &taking)
                           : status;
}

static void index_tokens(struct rn_joins *joins, struct rn_inbound *inbound)
{
    for (size_t i = 0; i < inbound->token_count; i++) {
        struct token *token = &inbound->tokens[i];
        struct token **bucket = &joins->bucket[rn_joins_slot(token->window, BUCKETS_BITS)];
        token->next = *bucket;
        *bucket = token;
    }
    joins->tokens += inbound->token_count;
    joins->text_bytes += inbound->text.len;
}

/* "00-<trace id>-<parent id>-<flags>" (W3C); zero where there is none. */
struct rn_trace_id rn_joins_parent(const struct rn_request *request)
{
    struct rn_trace_id id = {{0}};
    const struct rn_http_field *field = rn_http_find(request->head, RN_LIT("traceparent"));
    if (field != NULL && field->value.len >= 55 && field->value.data[2] == '-' &&
        field->value.data[35] == '-' &&
        !rn_trace_id_parse(rn_bytes_sub(field->value, 3, 32), &id)) {
        id = (struct rn_trace_id){{0}};
    }
    return id;
}

/* --- in flight ----------------------------------------------------------------------------------------------------- */

struct rn_joins *rn_joins_new(void)
{
    return rn_calloc(1, sizeof(struct rn_joins));
}

void rn_joins_free(struct rn_joins *joins)
{
    if (joins == NULL) {
        return;
    }
    struct ring *rings[] = {&joins->flying, &joins->answered};
    for (size_t i = 0; i < 2; i++) {
        while (rings[i]->first != NULL) {
            struct rn_inbound *inbound = rings[i]->first;
            ring_remove(rings[i], inbound);
            inbound_free(joins, inbound);
        }
    }
    rn_buffer_free(&joins->scratch);
    rn_free(joins);
}

struct rn_inbound *rn_joins_begin(struct rn_joins *joins, const struct rn_trace_id *trace,
                                  const struct rn_request *request)
{
    struct rn_inbound *inbound = rn_calloc(1, sizeof *inbound);
    if (inbound == NULL) {
        return NULL;
    }
    inbound->trace = *trace;
    inbound->parent = rn_joins_parent(request);
    inbound->number = ++joins->number;
    inbound->is_partial = learn(joins, inbound, request) != RN_OK;
    joins->partial += inbound->is_partial;
    index_tokens(joins, inbound);
    ring_add(&joins->flying, inbound);
    return inbound;
}

/* What was said once may be quoted by anybody's history: it is not the next one's own who says it. */
static void remember(struct rn_joins *joins, const struct rn_inbound *inbound)
{
    for (size_t i = 0; i < inbound->token_count; i++) {
        uint64_t hash = rn_joins_hash(rn_joins_text(&inbound->tokens[i]));
        joins->said[rn_joins_slot(hash, SAID_BITS)] = hash;
    }
}

static void land(struct rn_joins *joins, struct rn_inbound *inbound)
{
    remember(joins, inbound);
    ring_remove(&joins->flying, inbound);
    joins->partial -= inbound->is_partial;
    inbound->state = ANSWERED;
    ring_add(&joins->answered, inbound);
    if (joins->answered.count > RN_JOIN_ANSWERED_MAX) {
        struct rn_inbound *oldest = joins->answered.first;
        ring_remove(&joins->answered, oldest);
        inbound_free(joins, oldest);
    }
}

void rn_joins_end(struct rn_joins *joins, struct rn_inbound *inbound, bool left, uint64_t now_ns)
{
    if (left) {
        inbound->state = LEFT;
        inbound->until_ns = now_ns + RN_JOIN_LEFT_NS;
    } else {
        land(joins, inbound);
    }
}

void rn_joins_land_overdue(struct rn_joins *joins, uint64_t now_ns)
{
    for (struct rn_inbound *inbound = joins->flying.first, *next; inbound != NULL; inbound = next) {
        next = inbound->next;
        if (inbound->state == LEFT && inbound->until_ns <= now_ns) {
            land(joins, inbound);
        }
    }
}

size_t rn_joins_in_flight(const struct rn_joins *joins)
{
    return joins->flying.count;
}

/* --- minted ids ---------------------------------------------------------------------------------------------------- */

uint64_t rn_joins_number(const struct rn_joins *joins, const struct rn_trace_id *trace)
{
    for (const struct rn_inbound *inbound = joins->flying.last; inbound != NULL;
         inbound = inbound->previous) {
        if (rn_trace_id_equal(&inbound->trace, trace)) {
            return inbound->number;
        }
    }
    return 0;
}

struct minting {
    struct rn_joins *joins;
    uint64_t number;
};

struct minted *rn_joins_minted(struct rn_joins *joins, uint64_t id)
{
    return &joins->minted[rn_joins_slot(id, 32) % RN_JOIN_IDS_MAX];
}

static void mint(void *self, struct rn_bytes id)
{
    struct minting *minting = self;
    uint64_t hash = rn_joins_hash(id);
    struct minted *place = rn_joins_minted(minting->joins, hash);
    bool is_another = place->id == hash && place->number != minting->number;
    *place = (struct minted){hash, is_another ? 0 : minting->number}; /* 0: of two, so of nobody */
    minting->joins->ids++;
}

void rn_joins_mint(struct rn_joins *joins, uint64_t number, struct rn_id_finder *finder,
                   struct rn_bytes piece)
{
    struct minting minting = {joins, number};
    rn_tokens_ids(finder, piece, mint, &minting);
}
