/*
 * Whose words does a call repeat? In: a call, and what joins.c knows. Out: the inbound request it was made for, or nobody.
 */
#include <string.h>

#include "joins_parts.h"

/* Values that decided or disagreed in one call; more are not needed to know that. */
#define TELLING_MAX 64u

/* What a call says. */
struct look {
    struct rn_joins *joins;
    struct rn_bytes said; /* without escapes */
    struct rn_inbound *one;
    bool many;
    bool overrun; /* not everything was compared */
    unsigned compared;
    size_t covered; /* how far what was found so far reaches */
    const struct token *telling[TELLING_MAX];
    unsigned telling_count;
    struct rn_inbound *linked;
    bool linked_many;
};

/* --- ids ----------------------------------------------------------------------------------------------------------- */

/* What was minted for a request that is answered tells nothing: a conversation quotes all its turns. */
static void follow(void *self, struct rn_bytes id)
{
    struct look *look = self;
    uint64_t hash = rn_joins_hash(id);
    const struct minted *place = rn_joins_minted(look->joins, hash);
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
    uint64_t hash = rn_joins_hash(rn_joins_text(token));
    return joins->doubt[rn_joins_slot(hash, DOUBTS_BITS)] == hash;
}

static void doubt(struct rn_joins *joins, const struct token *token)
{
    uint64_t hash = rn_joins_hash(rn_joins_text(token));
    joins->doubt[rn_joins_slot(hash, DOUBTS_BITS)] = hash;
}

/* A value stands in the call: whose is it? */
static void weigh(struct look *look, struct token *found)
{
    struct rn_inbound *flying = NULL;
    bool shared = false;
    uint64_t hash = rn_joins_hash(rn_joins_text(found));
    bool answered = look->joins->said[rn_joins_slot(hash, SAID_BITS)] == hash;
    for (struct token *token = rn_joins_chain(look->joins, found->window); token != NULL;
         token = token->next) {
        if (!rn_joins_same(token, found)) {
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

static bool stands_at(struct look *look, const struct token *token, size_t at, uint64_t window,
                      enum rn_token_kind kind, size_t len)
{
    if (token->window != window || token->kind != kind || (len != 0 && token->len != len)) {
        return false;
    }
    if (look->compared++ >= RN_JOIN_COMPARED_MAX) {
        look->overrun = true;
        return false;
    }
    return rn_bytes_equal(rn_bytes_sub(look->said, at, token->len), rn_joins_text(token));
}

/*
 * The longest value that stands at `at` is looked at; what is only a part of a longer one, there or from before, was not said by
 * whoever says just that part. `len`: of a number; 0: any.
 */
static void compare_at(struct look *look, size_t at, size_t len, enum rn_token_kind kind,
                       uint64_t window)
{
    struct token *longest = NULL;
    for (struct token *token = rn_joins_chain(look->joins, window); token != NULL;
         token = token->next) {
        bool is_longer = longest == NULL || token->len > longest->len;
        if (is_longer && stands_at(look, token, at, window, kind, len)) {
            longest = token;
        }
    }
    if (longest == NULL || at + longest->len <= look->covered) {
        return;
    }
    look->covered = at + longest->len;
    if (longest->seen != look->joins->look && !rn_tokens_is_parameter(look->said, at)) {
        weigh(look, longest);
    }
}

static void compare_number(struct look *look, size_t at)
{
    uint8_t byte = look->said.data[at];
    if (byte < '0' || byte > '9') {
        return;
    }
    struct rn_bytes number = rn_tokens_number(look->said, at);
    if (number.len >= RN_TOKEN_NUMBER_MIN) {
        compare_at(look, at, number.len, RN_TOKEN_NUMBER, rn_joins_hash(number));
    }
}

/* Each place of the call's bytes in turn: the text that begins there, and the number. */
static void read_through(struct look *look)
{
    struct rn_bytes said = look->said;
    uint64_t top = 1; /* BASE to the power of WINDOW - 1 */
    uint64_t window = 0;
    for (size_t i = 1; i < WINDOW; i++) {
        top *= BASE;
    }
    for (size_t end = 0; end < said.len + WINDOW - 1 && !look->overrun; end++) {
        if (end >= WINDOW) {
            window -= (said.data[end - WINDOW] + UINT64_C(1)) * top;
        }
        window *= BASE;
        if (end < said.len) {
            window += said.data[end] + UINT64_C(1);
        }
        if (end + 1 >= WINDOW && end < said.len) {
            compare_at(look, end + 1 - WINDOW, 0, RN_TOKEN_TEXT, window);
        }
        if (end + 1 >= WINDOW) {
            compare_number(look, end + 1 - WINDOW);
        }
    }
}

/* False: what there is to read could not be read as a whole. */
static bool look_at(struct look *look, const struct rn_request *request)
{
    struct rn_joins *joins = look->joins;
    struct rn_bytes body = rn_bytes_sub(request->body, 0, RN_JOIN_BODY_BYTES_MAX);
    bool whole = rn_joins_is_whole(request);
    joins->look++;
    rn_buffer_clear(&joins->scratch);
    enum rn_status status = rn_buffer_add(&joins->scratch, request->route.target);
    status = status == RN_OK ? rn_buffer_add_byte(&joins->scratch, '\n') : status;
    if (status == RN_OK && !rn_joins_is_coded(request)) {
        status = rn_joins_looks_json(body) ? rn_tokens_unescape(body, &joins->scratch)
                                           : rn_buffer_add(&joins->scratch, body);
    }
    look->said = rn_buffer_bytes(&joins->scratch);
    if (joins->tokens > 0) {
        read_through(look);
    }
    if (joins->ids > 0 && !rn_joins_is_coded(request)) {
        struct rn_id_finder finder = {.in_string = false};
        rn_tokens_ids(&finder, body, follow, look);
    }
    return whole && status == RN_OK && !look->overrun;
}

/* --- the decision -------------------------------------------------------------------------------------------------- */

static bool is_zero(const struct rn_trace_id *id)
{
    static const struct rn_trace_id zero = {{0}};
    return rn_trace_id_equal(id, &zero);
}

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
        for (const struct token *token = rn_joins_chain(joins, a->tokens[i].window); token != NULL;
             token = token->next) {
            if (token->owner == b && rn_joins_same(token, &a->tokens[i])) {
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
    struct rn_trace_id parent = rn_joins_parent(request);
    rn_joins_land_overdue(joins, now_ns);
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
