/*
 * Walks a body token by token and notes a handful of members.
 *
 * Keys are compared as they are written: one with escapes in it is not recognised, and the provider then says what it thinks of
 * the request. Knows nothing of edits.
 */
#include "plan_body.h"

#include "wire/json.h"

struct scan {
    struct rn_json_reader reader;
    const struct rn_plan_body_question *question;
    struct rn_plan_body *out;
    struct rn_bytes key; /* of the value that comes next, without quotes; empty in an array */
    unsigned muted;      /* depth of a container whose content is the application's own; 0: none */
    bool awaits_an_element; /* of a list of the provider's ids */
    bool in_input;          /* of Responses */
    bool item_is_sealed;    /* the item of `input` that is being read is reasoning */
    bool item_has_seal;     /* and brings its encrypted content */
};

static bool key_is_one_of(struct rn_bytes key, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (rn_bytes_equal(key, rn_bytes_text(*words))) {
            return true;
        }
    }
    return false;
}

static bool is_container(enum rn_json_token token)
{
    return token == RN_JSON_OBJECT_BEGIN || token == RN_JSON_ARRAY_BEGIN;
}

/* Arguments of a tool call are an object "input" in Anthropic's messages; at the top, "input" is the whole conversation. */
static bool is_applications_own(const struct scan *scan, unsigned depth)
{
    static const char *const words[] = {"parameters", "input_schema", "schema",
                                        "arguments",  "metadata",     NULL};
    return key_is_one_of(scan->key, words) ||
           (depth > 1 && rn_bytes_equal(scan->key, RN_LIT("input")));
}

static void note_top(struct scan *scan, enum rn_json_token token, struct rn_bytes text)
{
    static const char *const bounds[] = {"max_tokens", "max_completion_tokens", "max_output_tokens",
                                         NULL};
    static const char *const responses[] = {"previous_response_id", "conversation", "prompt", NULL};
    uint64_t number = 0;
    bool is_thing = token == RN_JSON_STRING || token == RN_JSON_OBJECT_BEGIN;
    if (token == RN_JSON_TRUE && rn_bytes_equal(scan->key, RN_LIT("stream"))) {
        scan->out->streamed = true;
    } else if (token == RN_JSON_NUMBER && key_is_one_of(scan->key, bounds) &&
               rn_bytes_to_u64(text, &number)) {
        scan->out->max_tokens = number;
    } else if (is_thing && scan->question->dialect == RN_DIALECT_OPENAI_RESPONSES &&
               key_is_one_of(scan->key, responses)) {
        scan->out->is_stateful = true;
    } else if (is_thing && rn_bytes_equal(scan->key, RN_LIT("container"))) {
        scan->out->is_stateful = true;
    }
}

/* A member of an item of the conversation. */
static void note_item(struct scan *scan, enum rn_json_token token, struct rn_bytes text)
{
    if (token == RN_JSON_STRING && rn_bytes_equal(scan->key, RN_LIT("type"))) {
        scan->item_is_sealed = rn_bytes_equal(text, RN_LIT("\"reasoning\"")) ||
                               rn_bytes_equal(text, RN_LIT("\"compaction\""));
    } else if (token == RN_JSON_STRING && rn_bytes_equal(scan->key, RN_LIT("encrypted_content"))) {
        scan->item_has_seal = text.len > 2;
    }
}

/* What a model thought is kept by its provider, or comes sealed: only who sealed it can open it. */
static void end_item(struct scan *scan)
{
    if (scan->item_is_sealed && (!scan->item_has_seal || scan->question->is_elsewhere)) {
        scan->out->is_stateful = true;
    }
    scan->item_is_sealed = false;
    scan->item_has_seal = false;
}

static void note_any(struct scan *scan, enum rn_json_token token, struct rn_bytes text)
{
    static const char *const lists[] = {"file_ids", "vector_store_ids", NULL};
    static const char *const ids[] = {"file_id", "container_id", "container", NULL};
    if (token == RN_JSON_STRING &&
        (key_is_one_of(scan->key, ids) || (rn_bytes_equal(scan->key, RN_LIT("type")) &&
                                           rn_bytes_equal(text, RN_LIT("\"item_reference\""))))) {
        scan->out->is_stateful = true;
    }
    scan->awaits_an_element = token == RN_JSON_ARRAY_BEGIN && key_is_one_of(scan->key, lists);
}

static void take_key(struct scan *scan, struct rn_bytes literal)
{
    const struct rn_plan_body_question *question = scan->question;
    scan->key = rn_bytes_sub(literal, 1, literal.len - 2);
    if (scan->reader.depth > 1) {
        return;
    }
    for (size_t i = 0; i < question->count; i++) {
        question->there[i] = question->there[i] || rn_bytes_equal(scan->key, question->names[i]);
    }
    scan->in_input = question->dialect == RN_DIALECT_OPENAI_RESPONSES &&
                     rn_bytes_equal(scan->key, RN_LIT("input"));
}

/* The value of the key that was read last; `depth` is that of the object it stands in. */
static void take_value(struct scan *scan, enum rn_json_token token, struct rn_bytes text,
                       unsigned depth)
{
    if (is_container(token) && is_applications_own(scan, depth)) {
        scan->muted = scan->reader.depth;
    } else {
        note_any(scan, token, text);
    }
    if (depth == 1) {
        note_top(scan, token, text);
    } else if (depth == 3 && scan->in_input) {
        note_item(scan, token, text);
    }
}

static void take(struct scan *scan, enum rn_json_token token, struct rn_bytes text)
{
    if (scan->muted > 0 && scan->reader.depth >= scan->muted) {
        return;
    }
    scan->muted = 0;
    if (scan->awaits_an_element && token != RN_JSON_ARRAY_END) {
        scan->out->is_stateful = true;
    }
    scan->awaits_an_element = false;
    if (token == RN_JSON_KEY) {
        take_key(scan, text);
        return;
    }
    if (scan->key.len > 0) {
        take_value(scan, token, text, scan->reader.depth - is_container(token));
    } else if (token == RN_JSON_OBJECT_END && scan->reader.depth == 2 && scan->in_input) {
        end_item(scan);
    }
    scan->key = rn_bytes_of("", 0);
}

enum rn_status rn_plan_body_scan(struct rn_bytes body, const struct rn_plan_body_question *question,
                                 struct rn_plan_body *out)
{
    struct scan scan = {.question = question, .out = out};
    struct rn_bytes text = {0};
    *out = (struct rn_plan_body){0};
    for (size_t i = 0; i < question->count; i++) {
        question->there[i] = false;
    }
    rn_json_begin(&scan.reader, body);
    enum rn_json_token token = rn_json_next(&scan.reader, &text);
    if (token != RN_JSON_OBJECT_BEGIN) {
        return RN_INVALID;
    }
    for (;;) {
        token = rn_json_next(&scan.reader, &text);
        if (token == RN_JSON_FAULT) {
            return RN_INVALID;
        }
        if (token == RN_JSON_END) {
            return RN_OK;
        }
        take(&scan, token, text);
    }
}
