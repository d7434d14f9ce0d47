/*
 * The tree over the tokenizer: parsing, looking up, and the equality the match rule `json` stands on.
 *
 * While parsing, every object gets its members sorted by unescaped key, so that looking up, comparing and digesting need
 * neither memory nor quadratic time afterwards, and a duplicate key is known at once. Depth is bounded by the tokenizer
 * (RN_JSON_DEPTH_MAX), and so is the recursion here. Differences are found in json_difference.c.
 */
#include "json_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- parsing ------------------------------------------------------------------------------------------------------- */

/* The containers still open, outermost first, and the last child of each. */
struct builder {
    struct rn_arena *arena;
    struct rn_json *open[RN_JSON_DEPTH_MAX];
    struct rn_json *last[RN_JSON_DEPTH_MAX];
    unsigned depth;
    struct rn_bytes key;
    struct rn_json *root;
    size_t duplicates;
};

/* By unescaped key; of duplicates the one that stands first in the text. */
static int compare_members(const void *left, const void *right)
{
    const struct rn_json *a = *(const struct rn_json *const *)left;
    const struct rn_json *b = *(const struct rn_json *const *)right;
    int order = rn_bytes_compare(a->name, b->name);
    return order != 0 ? order : (a->raw.data > b->raw.data) - (a->raw.data < b->raw.data);
}

static bool is_sorted(const struct rn_json *object)
{
    for (size_t i = 1; i < object->count; i++) {
        if (compare_members(&object->sorted[i - 1], &object->sorted[i]) > 0) {
            return false;
        }
    }
    return true;
}

static bool sort_members(struct builder *builder, struct rn_json *object)
{
    if (object->count == 0) {
        return true;
    }
    object->sorted = rn_arena_alloc(builder->arena, object->count * sizeof *object->sorted);
    if (object->sorted == NULL) {
        return false;
    }
    size_t i = 0;
    for (struct rn_json *member = object->child; member != NULL; member = member->next) {
        object->sorted[i++] = member;
    }
    assert(i == object->count);
    if (!is_sorted(object)) {
        qsort(object->sorted, object->count, sizeof *object->sorted, compare_members);
    }
    for (i = 1; i < object->count; i++) {
        if (rn_bytes_equal(object->sorted[i - 1]->name, object->sorted[i]->name)) {
            builder->duplicates++;
            object->duplicated = true;
        }
    }
    return true;
}

static bool set_name(struct builder *builder, struct rn_json *node)
{
    node->key = builder->key;
    node->name = rn_json_inner(node->key);
    if (rn_json_has_escape(node->key)) {
        uint8_t *name = rn_arena_alloc(builder->arena, node->key.len);
        if (name == NULL) {
            return false;
        }
        node->name = rn_bytes_of(name, rn_json_unescape_to(node->key, name));
    }
    builder->key = rn_bytes_of(NULL, 0);
    return true;
}

/* A new value where the builder stands, linked to its container. */
static struct rn_json *add_value(struct builder *builder, enum rn_json_token token,
                                 struct rn_bytes text)
{
    struct rn_json *node = rn_arena_alloc(builder->arena, sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    node->kind = token;
    node->raw = text;
    if (builder->key.len > 0 && !set_name(builder, node)) {
        return NULL;
    }
    if (builder->depth == 0) {
        builder->root = node;
        return node;
    }
    unsigned level = builder->depth - 1;
    struct rn_json **place =
        builder->last[level] == NULL ? &builder->open[level]->child : &builder->last[level]->next;
    *place = node;
    builder->last[level] = node;
    builder->open[level]->count++;
    return node;
}

static bool end_container(struct builder *builder, const struct rn_json_reader *reader)
{
    struct rn_json *node = builder->open[--builder->depth];
    node->raw.len = reader->at - (size_t)(node->raw.data - reader->in.data);
    if (node->kind == RN_JSON_OBJECT_BEGIN && !sort_members(builder, node)) {
        return false;
    }
    if (node->duplicated && builder->depth > 0) {
        builder->open[builder->depth - 1]->duplicated = true;
    }
    return true;
}

static bool take_token(struct builder *builder, const struct rn_json_reader *reader,
                       enum rn_json_token token, struct rn_bytes text)
{
    if (token == RN_JSON_KEY) {
        builder->key = text;
        return true;
    }
    if (token == RN_JSON_OBJECT_END || token == RN_JSON_ARRAY_END) {
        return end_container(builder, reader);
    }
    struct rn_json *node = add_value(builder, token, text);
    if (node != NULL && (token == RN_JSON_OBJECT_BEGIN || token == RN_JSON_ARRAY_BEGIN)) {
        builder->open[builder->depth] = node;
        builder->last[builder->depth] = NULL;
        builder->depth++;
    }
    return node != NULL;
}

enum rn_status rn_json_parse(struct rn_arena *arena, struct rn_bytes in, struct rn_json **out,
                             size_t *duplicates, struct rn_error *error)
{
    struct rn_json_reader reader;
    struct builder builder;
    builder.arena = arena;
    builder.depth = 0;
    builder.key = rn_bytes_of(NULL, 0);
    builder.root = NULL;
    builder.duplicates = 0;
    *out = NULL;
    rn_json_begin(&reader, in);
    for (;;) {
        struct rn_bytes text;
        enum rn_json_token token = rn_json_next(&reader, &text);
        if (token == RN_JSON_FAULT) {
            return rn_fail(error, reader.too_deep ? RN_LIMIT : RN_INVALID,
                           "The JSON text cannot be read at byte %zu: %s.", reader.at,
                           reader.fault);
        }
        if (token == RN_JSON_END) {
            break;
        }
        if (!take_token(&builder, &reader, token, text)) {
            return rn_fail(error, RN_NOMEM, "Out of memory while reading JSON of %zu bytes.",
                           in.len);
        }
    }
    assert(builder.root != NULL && builder.depth == 0);
    *out = builder.root;
    if (duplicates != NULL) {
        *duplicates = builder.duplicates;
    }
    return RN_OK;
}

/* --- looking up ---------------------------------------------------------------------------------------------------- */

const struct rn_json *rn_json_find(const struct rn_json *object, struct rn_bytes name)
{
    size_t low = 0;
    size_t high = object->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rn_bytes_compare(object->sorted[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < object->count && rn_bytes_equal(object->sorted[low]->name, name);
    return found ? object->sorted[low] : NULL;
}

const struct rn_json *rn_json_member(const struct rn_json *object, const char *key)
{
    if (object == NULL || object->kind != RN_JSON_OBJECT_BEGIN) {
        return NULL;
    }
    return rn_json_find(object, rn_bytes_text(key));
}

/* Whether `name` is what the pointer's segment means: ~1 is '/', ~0 is '~' (RFC 6901, 4). */
static bool is_segment(struct rn_bytes name, struct rn_bytes segment)
{
    size_t at = 0;
    for (size_t i = 0; i < segment.len; i++, at++) {
        uint8_t byte = segment.data[i];
        if (byte == '~') {
            i++;
            if (i == segment.len || (segment.data[i] != '0' && segment.data[i] != '1')) {
                return false;
            }
            byte = segment.data[i] == '0' ? '~' : '/';
        }
        if (at == name.len || name.data[at] != byte) {
            return false;
        }
    }
    return at == name.len;
}

static const struct rn_json *step_into(const struct rn_json *value, struct rn_bytes segment)
{
    uint64_t index = 0;
    const struct rn_json *child = value->child;
    if (value->kind == RN_JSON_OBJECT_BEGIN) {
        while (child != NULL && !is_segment(child->name, segment)) {
            child = child->next;
        }
        return child;
    }
    bool is_index =
        rn_bytes_to_u64(segment, &index) && (segment.len == 1 || segment.data[0] != '0');
    if (value->kind != RN_JSON_ARRAY_BEGIN || !is_index || index >= value->count) {
        return NULL;
    }
    while (index-- > 0) {
        child = child->next;
    }
    return child;
}

const struct rn_json *rn_json_at(const struct rn_json *root, const char *pointer)
{
    struct rn_bytes rest = rn_bytes_text(pointer);
    const struct rn_json *value = root;
    while (value != NULL && rest.len > 0) {
        if (rest.data[0] != '/') {
            return NULL;
        }
        rest = rn_bytes_from(rest, 1);
        size_t slash = rn_bytes_find_byte(rest, '/');
        struct rn_bytes segment = rn_bytes_sub(rest, 0, slash);
        value = step_into(value, segment);
        rest = rn_bytes_from(rest, segment.len);
    }
    return value;
}

/* --- equality ------------------------------------------------------------------------------------------------------ */

static bool equal_members(const struct rn_json *a, const struct rn_json *b);

/* Without regard to duplicates, which the caller has excluded for the whole tree. */
static bool equal_values(const struct rn_json *a, const struct rn_json *b)
{
    if (a->kind != b->kind || a->count != b->count) {
        return false;
    }
    switch (a->kind) {
    case RN_JSON_OBJECT_BEGIN:
        return equal_members(a, b);
    case RN_JSON_ARRAY_BEGIN:
        for (a = a->child, b = b->child; a != NULL; a = a->next, b = b->next) {
            if (!equal_values(a, b)) {
                return false;
            }
        }
        return true;
    case RN_JSON_STRING:
        return rn_json_same_text(a->raw, b->raw);
    case RN_JSON_NUMBER:
        return rn_bytes_equal(a->raw, b->raw) ||
               rn_json_decimal_equal(rn_json_decimal_of(a->raw), rn_json_decimal_of(b->raw));
    default:
        return true;
    }
}

static bool equal_members(const struct rn_json *a, const struct rn_json *b)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!rn_bytes_equal(a->sorted[i]->name, b->sorted[i]->name) ||
            !equal_values(a->sorted[i], b->sorted[i])) {
            return false;
        }
    }
    return true;
}

bool rn_json_equal(const struct rn_json *a, const struct rn_json *b)
{
    if (a->duplicated || b->duplicated) {
        return false;
    }
    return rn_bytes_equal(a->raw, b->raw) || equal_values(a, b);
}
