/*
 * Both sides are gathered on their own (pair_text.c); here they are held beside one another, one question
 * at a time.
 */
#include "pair.h"

#include "pair_text.h"
#include "wire/json.h"
#include "words.h"

const char *rn_aspect_name(enum rn_aspect aspect)
{
    static const char *const names[] = {"text", "normalised", "tools",   "tool_names",
                                        "json", "finish",     "refusal", "vectors"};
    return aspect < RN_ASPECT_COUNT ? names[aspect] : "";
}

static void judge(struct rn_pair *pair, enum rn_aspect aspect, bool same)
{
    pair->judged |= 1u << aspect;
    pair->same |= same ? 1u << aspect : 0u;
}

static bool differs(const struct rn_pair *pair, enum rn_aspect aspect)
{
    return ((pair->judged & ~pair->same) >> aspect & 1u) != 0;
}

/* --- JSON ---------------------------------------------------------------------------------------------------------- */

/* Equal as bytes or as JSON; what is no JSON is equal only as bytes. */
static enum rn_status same_json(struct rn_bytes a, struct rn_bytes b, bool *same)
{
    struct rn_arena arena = {0};
    struct rn_json *values[2] = {NULL, NULL};
    *same = rn_bytes_equal(a, b);
    enum rn_status status = *same ? RN_OK : rn_json_parse(&arena, a, &values[0], NULL, NULL);
    if (!*same && status == RN_OK) {
        status = rn_json_parse(&arena, b, &values[1], NULL, NULL);
    }
    *same = *same || (status == RN_OK && rn_json_equal(values[0], values[1]));
    rn_arena_free(&arena);
    return status == RN_NOMEM ? RN_NOMEM : RN_OK;
}

/* --- tool calls ---------------------------------------------------------------------------------------------------- */

/* Some servers leave the arguments of a tool without parameters empty. */
static struct rn_bytes arguments_of(const struct rn_said *call)
{
    return rn_bytes_trim(call->text).len == 0 ? RN_LIT("{}") : call->text;
}

static enum rn_status judge_tools(const struct rn_view *a, const struct rn_view *b,
                                  struct rn_pair *pair)
{
    const struct rn_said *x = rn_spoken_next(a->reading.response, RN_SAID_TOOL_CALL);
    const struct rn_said *y = rn_spoken_next(b->reading.response, RN_SAID_TOOL_CALL);
    enum rn_status status = RN_OK;
    bool names = true;
    bool arguments = true;
    while (x != NULL && y != NULL && names && status == RN_OK) {
        bool same = false;
        names = rn_bytes_equal(x->name, y->name);
        status = names && arguments ? same_json(arguments_of(x), arguments_of(y), &same) : RN_OK;
        arguments = arguments && same;
        x = rn_spoken_next(x->next, RN_SAID_TOOL_CALL);
        y = rn_spoken_next(y->next, RN_SAID_TOOL_CALL);
    }
    names = names && x == NULL && y == NULL;
    judge(pair, RN_ASPECT_TOOL_NAMES, names);
    judge(pair, RN_ASPECT_TOOLS, names && arguments);
    return status;
}

/* --- embeddings ---------------------------------------------------------------------------------------------------- */

/*
 * Numbers of a vector as written: one more than its commas. Text in base64 has none and is measured as it
 * is.
 */
static size_t dimension_of(struct rn_bytes vector)
{
    size_t commas = 0;
    for (size_t i = 0; i < vector.len; i++) {
        commas += vector.data[i] == ',';
    }
    return commas > 0 ? commas + 1 : vector.len;
}

static enum rn_status judge_vectors(const struct rn_view *a, const struct rn_view *b,
                                    struct rn_pair *pair, bool *same_shape)
{
    const struct rn_said *x = rn_spoken_vector(a->reading.response);
    const struct rn_said *y = rn_spoken_vector(b->reading.response);
    enum rn_status status = RN_OK;
    bool same = true;
    *same_shape = true;
    while (x != NULL && y != NULL && status == RN_OK) {
        bool equal = same;
        status = same ? same_json(x->text, y->text, &equal) : RN_OK;
        same = same && equal;
        *same_shape = *same_shape && (equal || dimension_of(x->text) == dimension_of(y->text));
        x = rn_spoken_vector(x->next);
        y = rn_spoken_vector(y->next);
    }
    *same_shape = *same_shape && x == NULL && y == NULL;
    judge(pair, RN_ASPECT_VECTORS, same && *same_shape);
    return status;
}

/* --- all questions ------------------------------------------------------------------------------------------------- */

static bool same_finish(const struct rn_view *const views[2], const struct rn_spoken spoken[2])
{
    return spoken[0].finish == spoken[1].finish &&
           (spoken[0].finish != RN_FINISH_OTHER ||
            rn_bytes_equal_nocase(views[0]->reading.finish, views[1]->reading.finish));
}

/* Folded texts; JSON documents that are equal as such are the same too, however they are laid out. */
static enum rn_status judge_text(const struct rn_spoken spoken[2], struct rn_pair *pair)
{
    bool same = rn_bytes_equal(spoken[0].folded, spoken[1].folded);
    enum rn_status status = RN_OK;
    judge(pair, RN_ASPECT_TEXT, rn_bytes_equal(spoken[0].text, spoken[1].text));
    if (!same && pair->recorded.is_json && pair->fresh.is_json) {
        status = same_json(spoken[0].text, spoken[1].text, &same);
    }
    judge(pair, RN_ASPECT_NORMALISED, same);
    return status;
}

static enum rn_status judge_talk(const struct rn_view *const views[2],
                                 const struct rn_spoken spoken[2], struct rn_pair *pair)
{
    bool any_text = spoken[0].text.len > 0 || spoken[1].text.len > 0;
    if (pair->recorded.is_json || (any_text && views[0]->reading.wants_json)) {
        judge(pair, RN_ASPECT_JSON, pair->recorded.is_json == pair->fresh.is_json);
    }
    if (spoken[0].finish != RN_FINISH_UNKNOWN || spoken[1].finish != RN_FINISH_UNKNOWN) {
        judge(pair, RN_ASPECT_FINISH, same_finish(views, spoken));
    }
    judge(pair, RN_ASPECT_REFUSAL, pair->recorded.refuses == pair->fresh.refuses);
    return any_text ? judge_text(spoken, pair) : RN_OK;
}

/*
 * Halves, so that an aspect weighs more than all that follow it: tools, refusal, JSON, finish, text. The
 * sum is at most 1. Text that is the same when folded weighs nothing.
 */
static enum rn_status weigh(const struct rn_spoken spoken[2], bool same_shape, struct rn_pair *pair)
{
    double shared = 1;
    enum rn_status status = RN_OK;
    if (differs(pair, RN_ASPECT_NORMALISED)) {
        status = rn_words_shared(spoken[0].folded, spoken[1].folded, &shared);
        pair->distance += (1 + 15 * (1 - shared)) / 256;
    }
    if (differs(pair, RN_ASPECT_TOOLS)) {
        pair->distance += differs(pair, RN_ASPECT_TOOL_NAMES) ? 0.5 : 0.46875;
    }
    pair->distance += differs(pair, RN_ASPECT_REFUSAL) ? 0.25 : 0;
    pair->distance += differs(pair, RN_ASPECT_JSON) ? 0.125 : 0;
    pair->distance += differs(pair, RN_ASPECT_FINISH) ? 0.0625 : 0;
    if (differs(pair, RN_ASPECT_VECTORS)) {
        pair->distance += same_shape ? 0.0625 : 0.5;
    }
    return status;
}

static enum rn_status compare(const struct rn_view *const views[2],
                              const struct rn_spoken spoken[2], struct rn_pair *pair)
{
    enum rn_status status = RN_OK;
    bool same_shape = true;
    if (spoken[0].has_vectors || spoken[1].has_vectors) {
        status = judge_vectors(views[0], views[1], pair, &same_shape);
    } else {
        status = judge_talk(views, spoken, pair);
    }
    if (status == RN_OK && (spoken[0].has_calls || spoken[1].has_calls)) {
        status = judge_tools(views[0], views[1], pair);
    }
    return status == RN_OK ? weigh(spoken, same_shape, pair) : status;
}

static enum rn_pair_kind kind_of(bool recorded, bool fresh)
{
    if (recorded) {
        return fresh ? RN_PAIR_COMPARED : RN_PAIR_NEW_FAILED;
    }
    return fresh ? RN_PAIR_RECORDED_FAILED : RN_PAIR_BOTH_FAILED;
}

bool rn_pair_is_same(const struct rn_pair *pair)
{
    uint32_t as_it_reads = pair->judged & ~(1u << RN_ASPECT_TEXT);
    return pair->kind == RN_PAIR_COMPARED && (as_it_reads & ~pair->same) == 0;
}

enum rn_status rn_pair_make(const struct rn_view *recorded, const struct rn_view *fresh,
                            struct rn_pair *out)
{
    struct rn_arena arena = {0};
    struct rn_spoken spoken[2];
    const struct rn_view *const views[2] = {recorded, fresh};
    *out = (struct rn_pair){.kind = RN_PAIR_UNANSWERED};
    enum rn_status status = rn_spoken_make(recorded, &arena, &spoken[0], &out->recorded);
    if (status == RN_OK && fresh != NULL) {
        status = rn_spoken_make(fresh, &arena, &spoken[1], &out->fresh);
        out->kind = kind_of(out->recorded.answered, out->fresh.answered);
    }
    if (status == RN_OK && out->kind == RN_PAIR_COMPARED) {
        status = compare(views, spoken, out);
    }
    rn_arena_free(&arena);
    return status;
}
