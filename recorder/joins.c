/*
 * The inbound requests in flight, what they said, and whose words a call repeats. In: requests and answers. Out: a trace, or
 * nobody. Opens no trace and knows no store.
 */
#include "joins.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

#define BUCKETS_BITS 13u
#define DOUBTS_BITS 13u
/* The bytes of a text by which it is looked up; every text has as many. */
#define WINDOW ((size_t)16)
#define BASE UINT64_C(0x9e3779b97f4a7c15)
/* Values that decided or disagreed in one call; more are not needed to know that. */
#define TELLING_MAX 64u

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
    struct minted minted[RN_JOIN_IDS_MAX];
};

/* What a call says. */
struct look {
    struct rn_joins *joins;
    struct rn_bytes said; /* without escapes */
    struct rn_inbound *one;
    bool many;
    bool overrun; /* not everything was compared */
    unsigned compared;
    const struct token *telling[TELLING_MAX];
    unsigned telling_count;
    struct rn_inbound *linked;
    bool linked_many;
};

/* --- hashes -------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(struct rn_bytes bytes)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        hash = hash * BASE + bytes.data[i] + 1;
    }
    return hash;
}

static size_t slot_of(uint64_t hash, unsigned bits)
{
    return (size_t)((hash * BASE) >> (64 - bits));
}

static struct rn_bytes text_of(const struct token *token)
{
    return rn_bytes_sub(rn_buffer_bytes(&token->owner->text), token->at, token->len);
}

static bool same(const struct token *a, const struct token *b)
{
    return a->window == b->window && a->kind == b->kind && rn_bytes_equal(text_of(a), text_of(b));
}

static struct token *chain_of(const struct rn_joins *joins, uint64_t window)
{
    return joins->bucket[slot_of(window, BUCKETS_BITS)];
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
        struct token **at = &joins->bucket[slot_of(token->window, BUCKETS_BITS)];
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
        .window = hash_of(kind == RN_TOKEN_TEXT ? rn_bytes_sub(text, 0, WINDOW) : text),
        .at = (uint32_t)inbound->text.len,
        .len = (uint16_t)text.len,
        .kind = (uint8_t)kind,
        .owner = inbound};
    enum rn_status status = rn_buffer_add(&inbound->text, text);
    inbound->token_count += status == RN_OK;
    return status;
}

static bool looks_json(struct rn_bytes body)
{
    for (size_t i = 0; i < body.len; i++) {
        uint8_t byte = body.data[i];
        if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n') {
            return byte == '{' || byte == '[';
        }
    }
    return false;
}

static bool is_coded(const struct rn_request *request)
{
    const struct rn_http_field *coding = rn_http_find(request->head, RN_LIT("content-encoding"));
    return coding != NULL && !rn_bytes_equal_nocase(coding->value, RN_LIT("identity"));
}

static bool is_whole(const struct rn_request *request)
{
    return request->body_bytes <= request->body.len &&
           request->body.len <= RN_JOIN_BODY_BYTES_MAX && !is_coded(request);
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
    if (!is_whole(request) || !looks_json(request->body)) {
        return status == RN_OK ? RN_LIMIT : status;
    }
    return status == RN_OK ? rn_tokens_find(request->body, &joins->scratch, take_token, &taking)
                           : status;
}

static void index_tokens(struct rn_joins *joins, struct rn_inbound *inbound)
{
    for (size_t i = 0; i < inbound->token_count; i++) {
        struct token *token = &inbound->tokens[i];
        struct token **bucket = &joins->bucket[slot_of(token->window, BUCKETS_BITS)];
        token->next = *bucket;
        *bucket = token;
    }
    joins->tokens += inbound->token_count;
    joins->text_bytes += inbound->text.len;
}

/* "00-<trace id>-<parent id>-<flags>" (W3C); zero where there is none. */
static struct rn_trace_id parent_of(const struct rn_request *request)
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

static bool is_zero(const struct rn_trace_id *id)
{
    static const struct rn_trace_id zero = {{0}};
    return rn_trace_id_equal(id, &zero);
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
    inbound->parent = parent_of(request);
    inbound->number = ++joins->number;
    inbound->is_partial = learn(joins, inbound, request) != RN_OK;
    joins->partial += inbound->is_partial;
    index_tokens(joins, inbound);
    ring_add(&joins->flying, inbound);
    return inbound;
}

static void land(struct rn_joins *joins, struct rn_inbound *inbound)
{
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

static void land_overdue(struct rn_joins *joins, uint64_t now_ns)
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

static struct minted *place_of(struct rn_joins *joins, uint64_t id)
{
    return &joins->minted[slot_of(id, 32) % RN_JOIN_IDS_MAX];
}

static void mint(void *self, struct rn_bytes id)
{
    struct minting *minting = self;
    uint64_t hash = hash_of(id);
    struct minted *place = place_of(minting->joins, hash);
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

/* What was minted for a request that is answered tells nothing: a conversation quotes all its turns. */
static void follow(void *self, struct rn_bytes id)
{
    struct look *look = self;
    uint64_t hash = hash_of(id);
    const struct minted *place = place_of(look->joins, hash);
    if (place->id != hash || place->number == 0) {
        return;
    }
    for (struct rn_inbound *inbound = look->joins->flying.first; inbound != NULL;
         inbound = inbound->next) {
        if (inbound->number == place->number) {
            look->linked_many =
                look->linked_many || (look->linked != NULL && look->linked != inbound);
            look->linked = inbound;
        }
    }
}

/* --- content ------------------------------------------------------------------------------------------------------- */

static bool is_doubtful(const struct rn_joins *joins, const struct token *token)
{
    uint64_t hash = hash_of(text_of(token));
    return joins->doubt[slot_of(hash, DOUBTS_BITS)] == hash;
}

static void doubt(struct rn_joins *joins, const struct token *token)
{
    uint64_t hash = hash_of(text_of(token));
    joins->doubt[slot_of(hash, DOUBTS_BITS)] = hash;
}

/* A value stands in the call: whose is it? */
static void weigh(struct look *look, struct token *found)
{
    struct rn_inbound *flying = NULL;
    bool shared = false;
    bool answered = false;
    for (struct token *token = chain_of(look->joins, found->window); token != NULL;
         token = token->next) {
        if (!same(token, found)) {
            continue;
        }
        token->seen = look->joins->look;
        if (token->owner->state == ANSWERED) {
            answered = true;
        } else {
            shared = shared || (flying != NULL && flying != token->owner);
            flying = token->owner;
        }
    }
    if (is_doubtful(look->joins, found)) {
        return;
    }
    if (flying == NULL) {
        found->owner->hit = look->joins->look;
    } else if (!shared && !answered) {
        look->many = look->many || (look->one != NULL && look->one != flying);
        look->one = flying;
        if (look->telling_count < TELLING_MAX) {
            look->telling[look->telling_count++] = found;
        }
    }
}

static void compare_at(struct look *look, size_t at, size_t len, enum rn_token_kind kind,
                       uint64_t window)
{
    for (struct token *token = chain_of(look->joins, window); token != NULL; token = token->next) {
        bool fits = token->window == window && token->kind == kind &&
                    token->seen != look->joins->look && (len == 0 || token->len == len);
        if (!fits) {
            continue;
        }
        if (look->compared++ >= RN_JOIN_COMPARED_MAX) {
            look->overrun = true;
            return;
        }
        if (rn_bytes_equal(rn_bytes_sub(look->said, at, token->len), text_of(token)) &&
            !rn_tokens_is_parameter(look->said, at)) {
            weigh(look, token);
        }
    }
}

/* Each window of the call's bytes, and each number in it. */
static void read_through(struct look *look)
{
    struct rn_bytes said = look->said;
    uint64_t top = 1; /* BASE to the power of WINDOW - 1 */
    uint64_t window = 0;
    for (size_t i = 1; i < WINDOW; i++) {
        top *= BASE;
    }
    for (size_t at = 0; at < said.len && !look->overrun; at++) {
        uint8_t byte = said.data[at];
        if (at >= WINDOW) {
            window -= (said.data[at - WINDOW] + UINT64_C(1)) * top;
        }
        window = window * BASE + byte + 1;
        if (at + 1 >= WINDOW) {
            compare_at(look, at + 1 - WINDOW, 0, RN_TOKEN_TEXT, window);
        }
        if (byte >= '0' && byte <= '9') {
            struct rn_bytes number = rn_tokens_number(said, at);
            if (number.len >= RN_TOKEN_NUMBER_MIN) {
                compare_at(look, at, number.len, RN_TOKEN_NUMBER, hash_of(number));
            }
        }
    }
}

/* False: what there is to read could not be read as a whole. */
static bool look_at(struct look *look, const struct rn_request *request)
{
    struct rn_joins *joins = look->joins;
    struct rn_bytes body = rn_bytes_sub(request->body, 0, RN_JOIN_BODY_BYTES_MAX);
    bool whole = is_whole(request);
    joins->look++;
    rn_buffer_clear(&joins->scratch);
    enum rn_status status = rn_buffer_add(&joins->scratch, request->route.target);
    status = status == RN_OK ? rn_buffer_add_byte(&joins->scratch, '\n') : status;
    if (status == RN_OK && !is_coded(request)) {
        status = looks_json(body) ? rn_tokens_unescape(body, &joins->scratch)
                                  : rn_buffer_add(&joins->scratch, body);
    }
    look->said = rn_buffer_bytes(&joins->scratch);
    if (joins->tokens > 0) {
        read_through(look);
    }
    if (joins->ids > 0 && !is_coded(request)) {
        struct rn_id_finder finder = {.in_string = false};
        rn_tokens_ids(&finder, body, follow, look);
    }
    return whole && status == RN_OK && !look->overrun;
}

/* --- the decision -------------------------------------------------------------------------------------------------- */

static struct rn_inbound *with_parent(const struct rn_joins *joins,
                                      const struct rn_trace_id *parent)
{
    struct rn_inbound *one = NULL;
    for (struct rn_inbound *inbound = joins->flying.first; inbound != NULL && !is_zero(parent);
         inbound = inbound->next) {
        if (rn_trace_id_equal(&inbound->parent, parent)) {
            if (one != NULL) {
                return NULL;
            }
            one = inbound;
        }
    }
    return one;
}

/* Turns of one conversation have something in common, and one turn quotes another. */
static bool is_related(const struct rn_joins *joins, const struct rn_inbound *a,
                       const struct rn_inbound *b)
{
    for (size_t i = 0; i < a->token_count; i++) {
        for (const struct token *token = chain_of(joins, a->tokens[i].window); token != NULL;
             token = token->next) {
            if (token->owner == b && same(token, &a->tokens[i])) {
                return true;
            }
        }
    }
    return false;
}

/* The only one in flight, unless the call repeats what another one said that was just answered. */
static struct rn_inbound *container(const struct rn_joins *joins)
{
    struct rn_inbound *one = joins->flying.count == 1 ? joins->flying.first : NULL;
    for (const struct rn_inbound *inbound = joins->answered.first; inbound != NULL && one != NULL;
         inbound = inbound->next) {
        if (inbound->hit == joins->look && !is_related(joins, inbound, one)) {
            return NULL;
        }
    }
    return one;
}

/* What speaks for two decides nothing now, and nothing later: the application says it by itself. */
static const char *give_up(struct look *look)
{
    for (unsigned i = 0; i < look->telling_count; i++) {
        doubt(look->joins, look->telling[i]);
    }
    return NULL;
}

static const char *decide(struct look *look, bool whole, struct rn_inbound **out)
{
    bool disagree =
        look->linked != NULL && look->one != NULL && look->linked != look->one && !look->many;
    if (look->linked_many || look->many || disagree) {
        return give_up(look);
    }
    if (look->linked != NULL) {
        *out = look->linked;
        return "link";
    }
    if (look->one != NULL && whole && look->joins->partial == 0) {
        *out = look->one;
        return "content";
    }
    *out = container(look->joins);
    return *out == NULL ? NULL : "containment";
}

const char *rn_joins_choose(struct rn_joins *joins, const struct rn_request *request,
                            uint64_t now_ns, struct rn_trace_id *out)
{
    struct look look = {.joins = joins};
    struct rn_trace_id parent = parent_of(request);
    land_overdue(joins, now_ns);
    if (joins->flying.count == 0) {
        return NULL;
    }
    const char *rule = "traceparent";
    struct rn_inbound *inbound = with_parent(joins, &parent);
    if (inbound == NULL) {
        bool whole = look_at(&look, request);
        rule = decide(&look, whole, &inbound);
    }
    if (rule != NULL) {
        *out = inbound->trace;
    }
    return rule;
}
