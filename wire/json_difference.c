/*
 * Where two JSON values first differ: for the sentence that tells a person why a request was not served.
 *
 * Walks `a` in document order; what only `b` has comes behind all that `a` has. The way down is kept on the stack, so
 * that a pointer is written only once a difference is found.
 */
#include "json_parts.h"

#include <stdio.h>

/* One step of the way down: a member's name, or an index. */
struct step {
    const struct step *up;
    const struct rn_json *member; /* NULL: an element */
    size_t index;
};

struct search {
    struct rn_buffer *pointer;
    const struct rn_json *in_a;
    const struct rn_json *in_b;
};

static enum rn_status put_name(struct rn_buffer *pointer, struct rn_bytes name)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < name.len; i++) {
        uint8_t byte = name.data[i];
        status = byte == '~'   ? rn_buffer_add(pointer, RN_LIT("~0"))
                 : byte == '/' ? rn_buffer_add(pointer, RN_LIT("~1"))
                               : rn_buffer_add_byte(pointer, byte);
    }
    return status;
}

static enum rn_status put_steps(struct rn_buffer *pointer, const struct step *step)
{
    if (step == NULL) {
        return RN_OK;
    }
    enum rn_status status = put_steps(pointer, step->up);
    if (status == RN_OK && step->member == NULL) {
        return rn_buffer_addf(pointer, "/%zu", step->index);
    }
    status = status == RN_OK ? rn_buffer_add_byte(pointer, '/') : status;
    return status == RN_OK ? put_name(pointer, step->member->name) : status;
}

static bool found(struct search *search, const struct step *step, const struct rn_json *a,
                  const struct rn_json *b)
{
    size_t before = search->pointer->len;
    if (put_steps(search->pointer, step) != RN_OK) {
        search->pointer->len = before; /* no memory for the pointer: the two values still tell */
    }
    search->in_a = a;
    search->in_b = b;
    return true;
}

static bool search_values(struct search *search, const struct step *up, const struct rn_json *a,
                          const struct rn_json *b);

static bool search_members(struct search *search, const struct step *up, const struct rn_json *a,
                           const struct rn_json *b)
{
    size_t shared = 0;
    for (const struct rn_json *child = a->child; child != NULL; child = child->next) {
        const struct step step = {.up = up, .member = child};
        const struct rn_json *other = rn_json_find(b, child->name);
        if (other == NULL) {
            return found(search, &step, child, NULL);
        }
        if (search_values(search, &step, child, other)) {
            return true;
        }
        shared++;
    }
    for (const struct rn_json *child = b->child; shared < b->count && child != NULL;
         child = child->next) {
        const struct step step = {.up = up, .member = child};
        if (rn_json_find(a, child->name) == NULL) {
            return found(search, &step, NULL, child);
        }
    }
    return false;
}

static bool search_elements(struct search *search, const struct step *up, const struct rn_json *a,
                            const struct rn_json *b)
{
    const struct rn_json *left = a->child;
    const struct rn_json *right = b->child;
    for (size_t i = 0; left != NULL || right != NULL; i++) {
        const struct step step = {.up = up, .index = i};
        if (left == NULL || right == NULL) {
            return found(search, &step, left, right);
        }
        if (search_values(search, &step, left, right)) {
            return true;
        }
        left = left->next;
        right = right->next;
    }
    return false;
}

static bool has_duplicate_member(const struct rn_json *object)
{
    for (size_t i = 1; i < object->count; i++) {
        if (rn_bytes_equal(object->sorted[i - 1]->name, object->sorted[i]->name)) {
            return true;
        }
    }
    return false;
}

static bool search_values(struct search *search, const struct step *up, const struct rn_json *a,
                          const struct rn_json *b)
{
    if (a->kind != b->kind) {
        return found(search, up, a, b);
    }
    if (a->kind == RN_JSON_ARRAY_BEGIN) {
        return search_elements(search, up, a, b);
    }
    if (a->kind != RN_JSON_OBJECT_BEGIN) {
        return !rn_json_equal(a, b) && found(search, up, a, b);
    }
    /* Members of one name cannot be told apart: then the objects differ as a whole. */
    if ((a->duplicated && has_duplicate_member(a)) || (b->duplicated && has_duplicate_member(b))) {
        return found(search, up, a, b);
    }
    return search_members(search, up, a, b);
}

bool rn_json_difference(const struct rn_json *a, const struct rn_json *b, struct rn_buffer *pointer,
                        const struct rn_json **in_a, const struct rn_json **in_b)
{
    struct search search = {.pointer = pointer};
    bool differs = search_values(&search, NULL, a, b);
    *in_a = search.in_a;
    *in_b = search.in_b;
    return differs;
}
