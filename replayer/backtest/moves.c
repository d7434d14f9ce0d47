/*
 * The table of known moves, and where built-in upstreams have which API.
 *
 * In comes the name of a target, out go edits as the splicer understands them. Only what a provider documents or answers with
 * a clear error is here; what merely might help is left to --set, --unset and --rename.
 */
#include "moves.h"

#include <string.h>

#define PATTERNS_MAX 8u
#define WORDS_VALUE_BYTES_MAX 60u

struct target {
    const char *upstream;              /* NULL: any */
    const char *models[PATTERNS_MAX];  /* whole names, or prefixes that end with '*'; none: any */
    const char *excepts[PATTERNS_MAX]; /* these not */
};

struct row {
    const struct target *target;
    enum rn_dialect dialect;
    enum rn_edit_kind kind;
    const char *place;
    const char *to;     /* of a rename */
    const char *beside; /* only when this is there too */
};

/* OpenAI, "Reasoning models", and Azure OpenAI, "Reasoning models: not supported" (2025-08). gpt-5.1 and later take them again. */
static const struct target reasoning = {
    .models = {"o1*", "o3*", "o4*", "gpt-5", "gpt-5-*"},
    .excepts = {"gpt-5-chat*"},
};
/* OpenAI, Chat reference: max_tokens "is not compatible with o-series models"; gpt-5 answers 400 to it (2025-08). */
static const struct target completion_tokens = {.models = {"o1*", "o3*", "o4*", "gpt-5*"}};
/* These answer 400 "Unrecognized request argument" or "Unsupported parameter" to an effort (2025-06). */
static const struct target not_reasoning = {.models = {"gpt-4*", "gpt-3.5*", "chatgpt-*"}};
/* OpenAI, Embeddings reference: dimensions "only supported in text-embedding-3 and later models". */
static const struct target old_embeddings = {.models = {"text-embedding-ada-002"}};
/* Mistral, API reference: unknown members are refused with 422; it has max_tokens and random_seed (2025-06). */
static const struct target mistral = {.upstream = "mistral"};
/* Anthropic, "What's new in Claude 4.5" and the notes on Opus 4.1: temperature or top_p, not both (2025-11). */
static const struct target one_of_two = {
    .models = {"claude-opus-4-1*", "claude-opus-4-5*", "claude-sonnet-4-5*", "claude-haiku-4-5*"},
};
/* Anthropic, "Extended thinking": from Claude 3.7 on (2025-02). */
static const struct target not_thinking = {
    .models = {"claude-3-5-*", "claude-3-haiku*", "claude-3-sonnet*", "claude-3-opus*",
               "claude-2*"},
};

#define CHAT RN_DIALECT_OPENAI_CHAT
#define RESPONSES RN_DIALECT_OPENAI_RESPONSES
#define MESSAGES RN_DIALECT_ANTHROPIC_MESSAGES
#define EMBEDDINGS RN_DIALECT_OPENAI_EMBEDDINGS

static const struct row rows[] = {
    {&completion_tokens, CHAT, RN_EDIT_RENAME, "max_tokens", "max_completion_tokens", NULL},
    {&reasoning, CHAT, RN_EDIT_UNSET, "temperature", NULL, NULL},
    {&reasoning, CHAT, RN_EDIT_UNSET, "top_p", NULL, NULL},
    {&reasoning, CHAT, RN_EDIT_UNSET, "presence_penalty", NULL, NULL},
    {&reasoning, CHAT, RN_EDIT_UNSET, "frequency_penalty", NULL, NULL},
    {&reasoning, CHAT, RN_EDIT_UNSET, "logprobs", NULL, NULL},
    {&reasoning, CHAT, RN_EDIT_UNSET, "top_logprobs", NULL, NULL},
    {&reasoning, CHAT, RN_EDIT_UNSET, "logit_bias", NULL, NULL},
    {&reasoning, RESPONSES, RN_EDIT_UNSET, "temperature", NULL, NULL},
    {&reasoning, RESPONSES, RN_EDIT_UNSET, "top_p", NULL, NULL},
    {&reasoning, RESPONSES, RN_EDIT_UNSET, "top_logprobs", NULL, NULL},
    {&not_reasoning, CHAT, RN_EDIT_UNSET, "reasoning_effort", NULL, NULL},
    {&not_reasoning, RESPONSES, RN_EDIT_UNSET, "reasoning", NULL, NULL},
    {&old_embeddings, EMBEDDINGS, RN_EDIT_UNSET, "dimensions", NULL, NULL},
    {&mistral, CHAT, RN_EDIT_RENAME, "max_completion_tokens", "max_tokens", NULL},
    {&mistral, CHAT, RN_EDIT_RENAME, "seed", "random_seed", NULL},
    {&one_of_two, MESSAGES, RN_EDIT_UNSET, "top_p", NULL, "temperature"},
    {&not_thinking, MESSAGES, RN_EDIT_UNSET, "thinking", NULL, NULL},
};
_Static_assert(sizeof rows / sizeof rows[0] <= RN_PLAN_EDITS_MAX, "a plan holds no more moves");

static bool fits_any(const char *const patterns[PATTERNS_MAX], struct rn_bytes name)
{
    for (size_t i = 0; i < PATTERNS_MAX && patterns[i] != NULL; i++) {
        struct rn_bytes pattern = rn_bytes_text(patterns[i]);
        bool is_prefix = rn_bytes_ends_with(pattern, RN_LIT("*"));
        pattern.len -= is_prefix;
        if (is_prefix ? rn_bytes_starts_with(name, pattern) : rn_bytes_equal(name, pattern)) {
            return true;
        }
    }
    return false;
}

static bool is_target(const struct target *target, struct rn_bytes upstream, struct rn_bytes name)
{
    if (target->upstream != NULL && !rn_bytes_equal(upstream, rn_bytes_text(target->upstream))) {
        return false;
    }
    return (target->models[0] == NULL || fits_any(target->models, name)) &&
           !fits_any(target->excepts, name);
}

static struct rn_bytes last_segment(struct rn_bytes model)
{
    size_t begin = model.len;
    while (begin > 0 && model.data[begin - 1] != '/') {
        begin--;
    }
    return rn_bytes_from(model, begin);
}

static struct rn_bytes text_or_empty(const char *text)
{
    return text != NULL ? rn_bytes_text(text) : rn_bytes_of("", 0);
}

size_t rn_moves_for(struct rn_bytes upstream, struct rn_bytes model,
                    struct rn_plan_move out[RN_PLAN_EDITS_MAX])
{
    struct rn_bytes name = last_segment(model);
    size_t count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        if (is_target(row->target, upstream, name)) {
            out[count++] = (struct rn_plan_move){
                .dialect = row->dialect,
                .beside = text_or_empty(row->beside),
                .edit = {.kind = row->kind,
                         .place = rn_bytes_text(row->place),
                         .value = text_or_empty(row->to)},
            };
        }
    }
    return count;
}

/* --- paths ---------------------------------------------------------------------------------------------------------- */

static const char *const openai_prefix[][2] = {
    {"anthropic", "/v1"},
    {"cohere", "/compatibility/v1"},
    {"deepseek", "/v1"},
    {"fireworks", "/inference/v1"},
    {"gemini", "/v1beta/openai"},
    {"groq", "/openai/v1"},
    {"jina", "/v1"},
    {"mistral", "/v1"},
    {"ollama", "/v1"},
    {"openai", "/v1"},
    {"openrouter", "/api/v1"},
    {"together", "/v1"},
    {"voyage", "/v1"},
    {"xai", "/v1"},
};

const char *rn_moves_prefix(struct rn_bytes upstream, enum rn_dialect dialect)
{
    if (dialect == MESSAGES) {
        return rn_bytes_equal(upstream, RN_LIT("anthropic")) ? "/v1" : NULL;
    }
    for (size_t i = 0; i < sizeof openai_prefix / sizeof openai_prefix[0]; i++) {
        if (rn_bytes_equal(upstream, rn_bytes_text(openai_prefix[i][0]))) {
            return openai_prefix[i][1];
        }
    }
    return NULL;
}

bool rn_moves_is_deaf(struct rn_bytes upstream, enum rn_dialect dialect)
{
    static const char *const deaf[][PATTERNS_MAX] = {
        [RN_DIALECT_NONE] = {NULL},
        [CHAT] = {"voyage"},
        [MESSAGES] = {"openai", "cohere", "gemini", "groq", "mistral", "jina", "voyage"},
        [RESPONSES] = {"anthropic", "cohere", "gemini", "mistral", "deepseek", "jina", "voyage"},
        [EMBEDDINGS] = {"anthropic", "groq", "deepseek", "xai"},
    };
    return fits_any(deaf[dialect], upstream);
}

struct rn_bytes rn_moves_tail(enum rn_dialect dialect)
{
    static const char *const tails[RN_MOVES_DIALECTS] = {
        [RN_DIALECT_NONE] = "",     [CHAT] = "/chat/completions", [MESSAGES] = "/messages",
        [RESPONSES] = "/responses", [EMBEDDINGS] = "/embeddings",
    };
    return rn_bytes_text(dialect < RN_MOVES_DIALECTS ? tails[dialect] : "");
}

/* --- words ---------------------------------------------------------------------------------------------------------- */

/* Cut before a continuation byte, so that what is shown stays UTF-8. */
static struct rn_bytes shortened(struct rn_bytes value)
{
    size_t len = value.len < WORDS_VALUE_BYTES_MAX ? value.len : WORDS_VALUE_BYTES_MAX;
    while (len < value.len && len > 0 && (value.data[len] & 0xc0) == 0x80) {
        len--;
    }
    return rn_bytes_sub(value, 0, len);
}

enum rn_status rn_edit_words(const struct rn_edit *edit, struct rn_buffer *out)
{
    struct rn_bytes value = shortened(edit->value);
    enum rn_status status = rn_buffer_add(out, edit->place);
    if (status != RN_OK) {
        return status;
    }
    if (edit->kind == RN_EDIT_UNSET) {
        return rn_buffer_add(out, RN_LIT(" dropped"));
    }
    status = rn_buffer_add(out, edit->kind == RN_EDIT_SET ? RN_LIT(" = ") : RN_LIT(" -> "));
    status = status == RN_OK ? rn_buffer_add(out, value) : status;
    return status == RN_OK && value.len < edit->value.len ? rn_buffer_add(out, RN_LIT("..."))
                                                          : status;
}
