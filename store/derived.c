/*
 * Tool results that an application feeds back to a model, given once and linked to the call that asked.
 *
 * In come the readings of one trace in order. Of each answer its tool calls are kept (asks); of each request the results in it
 * are walked in order, each beside the tool call before it in the same request (its local call). A result that stood in an
 * earlier request as often as it stands here is history. It declines to judge whether a result is true to its tool.
 */
#include "derived.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/digest.h"
#include "base/memory.h"
#include "wire/json.h"

#define KEY_BYTES 16u
#define TALLY_SLOTS_MIN 64u

struct key {
    uint8_t bytes[KEY_BYTES];
};

/* How often something stood in one request: the most so far, and here. */
struct tally {
    struct key key;
    uint32_t most;
    uint32_t here;
    uint32_t turn; /* which request `here` counts; 0: the slot is free */
};

/* A tool call of an answer. */
struct ask {
    struct ask *next;
    uint32_t n;
    struct rn_bytes id;
    struct rn_bytes name;
    struct rn_bytes arguments;
    struct key call;
    bool answered;
};

struct rn_derivation {
    struct rn_arena arena; /* the asks */
    struct ask *asks;      /* in order */
    struct ask **tail;
    struct tally *tallies; /* open addressing; a power of two */
    size_t slots;
    size_t used;
    uint32_t turn;
};

/* A tool call inside a request, which a result behind it answers. */
struct local {
    struct local *next;
    const struct rn_said *said;
    bool taken;
};

/* A request under way. */
struct walk {
    struct rn_derivation *derivation;
    struct rn_arena arena;
    struct local *locals; /* those that may still be answered begin here */
    struct local **tail;
    rn_derived_visit *visit;
    void *self;
    uint32_t n;
    uint32_t t;
};

/* One result in a request. */
struct result {
    struct rn_bytes id;
    struct rn_bytes name;
    struct rn_bytes text;
    bool is_error;
    const struct rn_said *local; /* NULL: the request does not hold the call */
    struct key call;             /* over name and arguments, where anybody says them */
    bool has_call;
};

const char *rn_derived_name(const struct rn_derived *derived, char out[RN_DERIVED_NAME_BYTES])
{
    (void)snprintf(out, RN_DERIVED_NAME_BYTES, "%" PRIu32 ".t%" PRIu32, derived->told_n,
                   derived->t);
    return out;
}

/* --- keys ---------------------------------------------------------------------------------------------------------- */

/* Over a word of its own per purpose and three texts, each behind its length. */
static bool key_of(const char *purpose, struct rn_bytes a, struct rn_bytes b, struct rn_bytes c,
                   struct key *out)
{
    const uint64_t lengths[] = {a.len, b.len, c.len};
    const struct rn_bytes runs[] = {rn_bytes_text(purpose), rn_bytes_of(lengths, sizeof lengths), a,
                                    b, c};
    uint8_t digest[RN_SHA256_BYTES];
    bool good = rn_sha256_of(runs, sizeof runs / sizeof runs[0], digest);
    if (good) {
        memcpy(out->bytes, digest, KEY_BYTES);
    }
    return good;
}

/* Arguments are equal as JSON: applications write again what they parsed. None are an empty object. */
static bool call_of(struct rn_bytes name, struct rn_bytes arguments, struct key *out)
{
    struct rn_arena arena = {0};
    struct rn_json *value = NULL;
    uint8_t digest[RN_SHA256_BYTES];
    struct rn_bytes text = arguments.len == 0 ? RN_LIT("{}") : arguments;
    enum rn_status status = rn_json_parse(&arena, text, &value, NULL, NULL);
    if (status == RN_OK && !value->duplicated && rn_json_digest(value, digest)) {
        text = rn_bytes_of(digest, sizeof digest);
    }
    bool good = status != RN_NOMEM && key_of("call", name, text, rn_bytes_of(NULL, 0), out);
    rn_arena_free(&arena);
    return good;
}

static struct tally *slot_of(struct tally *slots, size_t count, const struct key *key)
{
    size_t at = 0;
    memcpy(&at, key->bytes, sizeof at);
    at &= count - 1;
    while (slots[at].turn != 0 && memcmp(&slots[at].key, key, sizeof *key) != 0) {
        at = (at + 1) & (count - 1);
    }
    return &slots[at];
}

static bool grow(struct rn_derivation *derivation)
{
    if (2 * derivation->used < derivation->slots) {
        return true;
    }
    size_t count = derivation->slots == 0 ? TALLY_SLOTS_MIN : 2 * derivation->slots;
    struct tally *more = rn_calloc(count, sizeof *more);
    if (more == NULL) {
        return false;
    }
    for (size_t i = 0; i < derivation->slots; i++) {
        if (derivation->tallies[i].turn != 0) {
            *slot_of(more, count, &derivation->tallies[i].key) = derivation->tallies[i];
        }
    }
    rn_free(derivation->tallies);
    derivation->tallies = more;
    derivation->slots = count;
    return true;
}

/* Counts one more; *known: an earlier request held as many. False when memory ran out. */
static bool count(struct rn_derivation *derivation, const struct key *key, bool *known)
{
    if (!grow(derivation)) {
        return false;
    }
    struct tally *tally = slot_of(derivation->tallies, derivation->slots, key);
    if (tally->turn == 0) {
        tally->key = *key;
        derivation->used++;
    } else if (tally->turn != derivation->turn) {
        tally->most = tally->here > tally->most ? tally->here : tally->most;
        tally->here = 0;
    }
    tally->turn = derivation->turn;
    tally->here++;
    *known = tally->here <= tally->most;
    return true;
}

/* --- what was asked ------------------------------------------------------------------------------------------------ */

static bool same_text(struct rn_bytes a, struct rn_bytes b)
{
    return a.len > 0 && rn_bytes_equal(a, b);
}

static struct ask *ask_by_id(const struct rn_derivation *derivation, struct rn_bytes id)
{
    struct ask *ask = id.len == 0 ? NULL : derivation->asks;
    while (ask != NULL && !rn_bytes_equal(ask->id, id)) {
        ask = ask->next;
    }
    return ask;
}

static enum rn_status keep_ask(struct rn_derivation *derivation, uint32_t n,
                               const struct rn_said *said)
{
    struct ask *ask = rn_arena_alloc(&derivation->arena, sizeof *ask);
    if (ask == NULL) {
        return RN_NOMEM;
    }
    *ask = (struct ask){.n = n,
                        .id = rn_arena_copy(&derivation->arena, said->id),
                        .name = rn_arena_copy(&derivation->arena, said->name),
                        .arguments = rn_arena_copy(&derivation->arena, said->text)};
    if (ask->id.data == NULL || ask->name.data == NULL || ask->arguments.data == NULL ||
        !call_of(ask->name, ask->arguments, &ask->call)) {
        return RN_NOMEM;
    }
    *derivation->tail = ask;
    derivation->tail = &ask->next;
    return RN_OK;
}

/* The tool calls of an answer. A server's own tools answer in the same breath, and nobody else will. */
static enum rn_status keep_asks(struct rn_derivation *derivation, uint32_t n,
                                const struct rn_said *said)
{
    enum rn_status status = RN_OK;
    for (; said != NULL && status == RN_OK; said = said->next) {
        if (said->kind == RN_SAID_TOOL_CALL) {
            status = keep_ask(derivation, n, said);
        } else if (said->kind == RN_SAID_TOOL_RESULT) {
            struct ask *ask = ask_by_id(derivation, said->id);
            if (ask != NULL) {
                ask->answered = true;
            }
        }
    }
    return status;
}

/* Whether an id stands for one ask only: some servers count from zero in every answer. */
static bool is_only(const struct ask *ask)
{
    for (const struct ask *other = ask->next; other != NULL; other = other->next) {
        if (rn_bytes_equal(other->id, ask->id)) {
            return false;
        }
    }
    return true;
}

static bool same_call(const struct ask *ask, const struct result *result)
{
    return result->local == NULL || memcmp(&ask->call, &result->call, sizeof ask->call) == 0;
}

static struct ask *open_by_id(const struct rn_derivation *derivation, const struct result *result)
{
    struct ask *first = ask_by_id(derivation, result->id);
    if (first == NULL || (is_only(first) && first->answered)) {
        return NULL;
    }
    if (is_only(first)) {
        return first;
    }
    struct ask *ask = first;
    while (ask != NULL &&
           (ask->answered || !rn_bytes_equal(ask->id, result->id) || !same_call(ask, result))) {
        ask = ask->next;
    }
    return ask;
}

/* Without an id on one side: the first open ask of that name, with those arguments where they are known. */
static struct ask *open_by_order(const struct rn_derivation *derivation,
                                 const struct result *result)
{
    struct ask *ask = derivation->asks;
    while (ask != NULL &&
           (ask->answered || (ask->id.len > 0 && result->id.len > 0) || !same_call(ask, result) ||
            (result->name.len > 0 && !rn_bytes_equal(ask->name, result->name)))) {
        ask = ask->next;
    }
    return ask;
}

/* --- what was told ------------------------------------------------------------------------------------------------- */

static enum rn_status keep_local(struct walk *walk, const struct rn_said *said)
{
    struct local *local = rn_arena_alloc(&walk->arena, sizeof *local);
    if (local == NULL) {
        return RN_NOMEM;
    }
    *local = (struct local){.said = said};
    *walk->tail = local;
    walk->tail = &local->next;
    return RN_OK;
}

/* The first call in the request that the result may answer: by id, else by name, else whichever comes. */
static struct local *local_of(struct local *local, struct rn_bytes id, struct rn_bytes name)
{
    for (; local != NULL; local = local->next) {
        bool fits = id.len > 0 ? rn_bytes_equal(local->said->id, id)
                               : name.len == 0 || rn_bytes_equal(local->said->name, name);
        if (!local->taken && fits) {
            return local;
        }
    }
    return NULL;
}

/* Adds the parts behind the first to its text; `said` is moved to the last of them. */
static enum rn_status join_parts(struct walk *walk, struct local *local,
                                 const struct rn_said **said, struct result *result)
{
    struct rn_buffer text = {0};
    enum rn_status status = RN_OK;
    const struct rn_said *next = (*said)->next;
    while (status == RN_OK && next != NULL && next->kind == RN_SAID_TOOL_RESULT &&
           same_text(next->id, result->id) && local_of(local, result->id, result->name) == NULL) {
        status = text.len == 0 ? rn_buffer_add(&text, result->text) : RN_OK;
        status = status == RN_OK ? rn_buffer_add_byte(&text, '\n') : status;
        status = status == RN_OK ? rn_buffer_add(&text, next->text) : status;
        result->is_error = result->is_error || next->is_error;
        *said = next;
        next = next->next;
    }
    if (status == RN_OK && text.len > 0) {
        result->text = rn_arena_copy(&walk->arena, rn_buffer_bytes(&text));
        status = result->text.data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&text);
    return status;
}

/* What is known of the call: from the request itself, else from the answer that asked. */
static bool find_call(const struct rn_derivation *derivation, struct result *result)
{
    if (result->local != NULL) {
        result->has_call = true;
        return call_of(result->local->name, result->local->text, &result->call);
    }
    const struct ask *ask = ask_by_id(derivation, result->id);
    if (ask != NULL && is_only(ask)) {
        result->has_call = true;
        result->call = ask->call;
    }
    return true;
}

/* Whether it stood in an earlier request: the very result, or the same call told otherwise. */
static bool look_back(struct rn_derivation *derivation, const struct result *result, bool *known,
                      bool *call_known)
{
    struct key told;
    struct key called;
    struct rn_bytes call = rn_bytes_of(result->call.bytes, result->has_call ? KEY_BYTES : 0);
    if (!key_of("told", result->id, call, result->text, &told) ||
        !key_of("called", result->id, call, rn_bytes_of(NULL, 0), &called) ||
        !count(derivation, &told, known) || !count(derivation, &called, call_known)) {
        return false;
    }
    *call_known = *call_known && (result->has_call || result->id.len > 0);
    return true;
}

static enum rn_status give(struct walk *walk, const struct result *result, struct ask *ask,
                           bool by_order)
{
    const struct rn_said *local = result->local;
    struct rn_derived derived = {
        .told_n = walk->n,
        .t = ++walk->t,
        .asked_n = ask != NULL ? ask->n : 0,
        .by_order = by_order,
        .is_error = result->is_error,
        .name = result->name,
        .id = result->id,
        .arguments = ask != NULL     ? ask->arguments
                     : local != NULL ? local->text
                                     : rn_bytes_of(NULL, 0),
        .result = result->text,
    };
    if (derived.name.len == 0) {
        derived.name = ask != NULL ? ask->name : local != NULL ? local->name : derived.name;
    }
    if (ask != NULL) {
        ask->answered = true;
    }
    return walk->visit(walk->self, &derived);
}

static enum rn_status judge(struct walk *walk, const struct result *result)
{
    struct rn_derivation *derivation = walk->derivation;
    bool known = false;
    bool call_known = false;
    if (!look_back(derivation, result, &known, &call_known)) {
        return RN_NOMEM;
    }
    if (known) {
        return RN_OK;
    }
    struct ask *ask = open_by_id(derivation, result);
    bool by_order = false;
    if (ask == NULL && ask_by_id(derivation, result->id) == NULL) {
        ask = open_by_order(derivation, result);
        by_order = ask != NULL;
    }
    if (ask == NULL && call_known) {
        return RN_OK;
    }
    return give(walk, result, ask != NULL ? ask : ask_by_id(derivation, result->id), by_order);
}

static enum rn_status tell(struct walk *walk, const struct rn_said **said)
{
    struct result result = {.id = (*said)->id,
                            .name = (*said)->name,
                            .text = (*said)->text,
                            .is_error = (*said)->is_error};
    while (walk->locals != NULL && walk->locals->taken && walk->locals->next != NULL) {
        walk->locals = walk->locals->next;
    }
    struct local *local = local_of(walk->locals, result.id, result.name);
    if (local != NULL) {
        local->taken = true;
        result.local = local->said;
    }
    enum rn_status status = join_parts(walk, walk->locals, said, &result);
    if (status == RN_OK && !find_call(walk->derivation, &result)) {
        status = RN_NOMEM;
    }
    return status == RN_OK ? judge(walk, &result) : status;
}

/* A model's own words sent back hold results of the server's tools: nobody here was asked. */
static bool is_told(const struct rn_said *said)
{
    return said->kind == RN_SAID_TOOL_RESULT && !rn_bytes_equal(said->role, RN_LIT("assistant")) &&
           !rn_bytes_equal(said->role, RN_LIT("model"));
}

static enum rn_status read_request(struct walk *walk, const struct rn_said *said)
{
    enum rn_status status = RN_OK;
    for (; said != NULL && status == RN_OK; said = said->next) {
        if (said->kind == RN_SAID_TOOL_CALL) {
            status = keep_local(walk, said);
        } else if (is_told(said)) {
            status = tell(walk, &said);
        }
    }
    return status;
}

/* --- traces -------------------------------------------------------------------------------------------------------- */

struct rn_derivation *rn_derivation_begin(void)
{
    struct rn_derivation *derivation = rn_calloc(1, sizeof *derivation);
    if (derivation != NULL) {
        derivation->tail = &derivation->asks;
    }
    return derivation;
}

enum rn_status rn_derivation_add(struct rn_derivation *derivation, uint32_t n,
                                 const struct rn_reading *reading, rn_derived_visit *visit,
                                 void *self)
{
    if (reading->kind != RN_READING_MODEL) {
        return RN_OK;
    }
    struct walk walk = {.derivation = derivation, .visit = visit, .self = self, .n = n};
    walk.tail = &walk.locals;
    derivation->turn++;
    enum rn_status status = read_request(&walk, reading->request);
    rn_arena_free(&walk.arena);
    return status == RN_OK ? keep_asks(derivation, n, reading->response) : status;
}

void rn_derivation_free(struct rn_derivation *derivation)
{
    if (derivation != NULL) {
        rn_free(derivation->tallies);
        rn_arena_free(&derivation->arena);
        rn_free(derivation);
    }
}
