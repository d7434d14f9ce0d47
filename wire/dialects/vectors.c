/*
 * Answers full of vectors: numbers by the hundred thousand, of which a tree would weigh many times what they do.
 *
 * One walk by the tokenizer says each vector as its JSON text, an array of numbers or a base64 string, looked into by nobody
 * here; what is left, with null in their places, becomes a tree for the dialect.
 */
#include "reading_parts.h"

#include "json_parts.h"

struct walk {
    struct rn_reader *reader;
    struct rn_json_reader json;
    const char *const *names;
    bool named;  /* the last key is one of them */
    bool single; /* and one of a single vector: an empty array is one too */
    size_t kept; /* what stands before is in `rest`, or was a vector */
    struct rn_buffer rest;
};

/* Longer keys name no vector, however they are written. */
#define KEY_BYTES_MAX 64u

static void take_key(struct walk *walk, struct rn_bytes key)
{
    uint8_t text[KEY_BYTES_MAX];
    struct rn_bytes name = RN_LIT("");
    if (key.len <= sizeof text) {
        name = rn_bytes_of(text, rn_json_unescape_to(key, text));
    }
    size_t i = 0;
    while (walk->names[i] != NULL && !rn_bytes_equal(name, rn_bytes_text(walk->names[i]))) {
        i++;
    }
    walk->named = walk->names[i] != NULL;
    walk->single = rn_bytes_equal(name, RN_LIT("embedding"));
}

/* Whether the array just opened is one of numbers. */
static bool is_vector(const struct walk *walk)
{
    struct rn_json_reader ahead = walk->json;
    enum rn_json_token first = rn_json_next(&ahead, NULL);
    return first == RN_JSON_NUMBER || (walk->single && first == RN_JSON_ARRAY_END);
}

static enum rn_status say_vector(struct walk *walk, size_t begin)
{
    struct rn_bytes text = rn_bytes_sub(walk->json.in, begin, walk->json.at - begin);
    struct rn_said *said = rn_reader_say(walk->reader, RN_SAID_OTHER, rn_bytes_of(NULL, 0),
                                         rn_reader_copy(walk->reader, text));
    if (said == NULL) {
        return RN_NOMEM;
    }
    said->name = RN_LIT("embedding");
    enum rn_status status =
        rn_buffer_add(&walk->rest, rn_bytes_sub(walk->json.in, walk->kept, begin - walk->kept));
    walk->kept = walk->json.at;
    return status == RN_OK ? rn_buffer_add(&walk->rest, RN_LIT("null")) : status;
}

/* One token further; *token says which. */
static enum rn_status step(struct walk *walk, enum rn_json_token *token)
{
    struct rn_bytes text;
    *token = rn_json_next(&walk->json, &text);
    if (*token == RN_JSON_KEY) {
        take_key(walk, text);
        return RN_OK;
    }
    size_t begin = walk->json.begin;
    bool vector = walk->named &&
                  (*token == RN_JSON_STRING || (*token == RN_JSON_ARRAY_BEGIN && is_vector(walk)));
    if (!vector) {
        return RN_OK;
    }
    if (!rn_json_skip(&walk->json, *token)) {
        *token = RN_JSON_FAULT;
        return RN_OK;
    }
    return say_vector(walk, begin);
}

static enum rn_status walk_all(struct walk *walk, struct rn_error *error)
{
    enum rn_json_token token = RN_JSON_NULL;
    enum rn_status status = RN_OK;
    while (status == RN_OK && token != RN_JSON_END && token != RN_JSON_FAULT) {
        status = step(walk, &token);
    }
    if (status == RN_OK && token == RN_JSON_FAULT) {
        return rn_fail(error, RN_INVALID, "The JSON text cannot be read at byte %zu: %s.",
                       walk->json.at, walk->json.fault);
    }
    return status == RN_OK ? rn_buffer_add(&walk->rest, rn_bytes_from(walk->json.in, walk->kept))
                           : status;
}

enum rn_status rn_reader_vectors(
    struct rn_reader *reader, struct rn_bytes body, const char *const *names,
    void (*envelope)(struct rn_reader *reader, const struct rn_json *body), struct rn_error *error)
{
    struct walk walk = {.reader = reader, .names = names};
    struct rn_said **first = reader->tail;
    struct rn_arena arena = {0};
    struct rn_json *rest = NULL;
    rn_json_begin(&walk.json, body);
    enum rn_status status = walk_all(&walk, error);
    if (status == RN_OK) {
        status = rn_json_parse(&arena, rn_buffer_bytes(&walk.rest), &rest, NULL, error);
    }
    if (status == RN_OK) {
        reader->text = rn_bytes_of(NULL, 0);
        rn_reader_error_inside(reader, rest);
        envelope(reader, rest);
        rn_reader_say_slots(reader);
    }
    if (status != RN_OK) {
        *first = NULL; /* of what cannot be read nothing is said */
        reader->tail = first;
    }
    rn_buffer_free(&walk.rest);
    rn_arena_free(&arena);
    return status;
}
