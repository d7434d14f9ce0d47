/* Links between steps as they come (tree.h). Stamps are of the recorder's one counter: what they say is the order in which things happened. */
#include "tree.h"

#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/varint.h"

#define BUCKETS 1024u

/* An answer that a later request may name. */
struct answer {
    struct answer *next;
    struct rn_bytes id;
    uint32_t node;
};

/* A decision or tool call, by when its answer was open. */
struct span {
    struct span *next;
    uint64_t from, to; /* stamps; 0: it did not end */
    uint32_t node;
    bool is_tool;
};

struct rn_tree_known {
    struct answer *answers[BUCKETS];
    struct span *spans;     /* newest first */
    uint32_t *node_of;      /* of event n; RN_TREE_NONE: it is no step of the tree */
    size_t events;          /* room in node_of */
    uint32_t told_n, asked; /* the node that asked for what the next event tells */
};

const char *rn_tree_link_name(enum rn_tree_link link)
{
    static const char *const names[] = {"root", "asked", "told", "continues", "within"};
    return names[link];
}

/* --- what is known -------------------------------------------------------------------------------------------------- */

static enum rn_status know_event(struct rn_tree_known *known, uint32_t n, uint32_t node)
{
    if (n >= known->events) {
        size_t events = known->events == 0 ? 64 : known->events;
        while (events <= n) {
            events *= 2;
        }
        uint32_t *node_of = rn_realloc(known->node_of, events * sizeof *node_of);
        if (node_of == NULL) {
            return RN_NOMEM;
        }
        memset(node_of + known->events, 0xff, (events - known->events) * sizeof *node_of);
        known->node_of = node_of;
        known->events = events;
    }
    known->node_of[n] = node;
    return RN_OK;
}

static uint32_t node_of_event(const struct rn_tree_known *known, uint32_t n)
{
    return n > 0 && n < known->events ? known->node_of[n] : RN_TREE_NONE;
}

static enum rn_status know_answer(struct rn_tree *tree, struct rn_bytes id, uint32_t node)
{
    struct answer **bucket = &tree->known->answers[rn_crc32(0, id) % BUCKETS];
    struct answer *answer = rn_arena_alloc(&tree->arena, sizeof *answer);
    struct rn_bytes copy = rn_arena_copy(&tree->arena, id);
    if (answer == NULL || copy.data == NULL) {
        return RN_NOMEM;
    }
    *answer = (struct answer){*bucket, copy, node};
    *bucket = answer;
    return RN_OK;
}

static uint32_t node_of_answer(const struct rn_tree_known *known, struct rn_bytes id)
{
    const struct answer *answer = known->answers[rn_crc32(0, id) % BUCKETS];
    while (answer != NULL && !rn_bytes_equal(answer->id, id)) {
        answer = answer->next;
    }
    return answer == NULL ? RN_TREE_NONE : answer->node;
}

static bool stamps_of(const struct rn_event *event, uint64_t *from, uint64_t *to)
{
    struct rn_bytes order = rn_event_get(event, RN_TAG_ORDER);
    uint64_t first_byte = 0;
    *to = 0;
    bool good = rn_varint_get(&order, from) && *from > 0;
    if (good && rn_varint_get(&order, &first_byte)) {
        (void)rn_varint_get(&order, to);
    }
    return good;
}

static enum rn_status know_span(struct rn_tree *tree, const struct rn_event *event, uint32_t node,
                                bool is_tool)
{
    struct span *span = rn_arena_alloc(&tree->arena, sizeof *span);
    if (span == NULL) {
        return RN_NOMEM;
    }
    *span = (struct span){.next = tree->known->spans, .node = node, .is_tool = is_tool};
    if (stamps_of(event, &span->from, &span->to)) {
        tree->known->spans = span;
    }
    return RN_OK;
}

/* Of several of one kind that were open nobody knows which it was. A tool's is the nearer one. */
static uint32_t node_around(struct rn_tree_known *known, const struct rn_event *event)
{
    uint64_t from = 0;
    uint64_t to = 0;
    uint32_t node[2] = {RN_TREE_NONE, RN_TREE_NONE};
    unsigned open[2] = {0, 0};
    if (!stamps_of(event, &from, &to)) {
        return RN_TREE_NONE;
    }
    for (struct span **at = &known->spans; *at != NULL;) {
        const struct span *span = *at;
        if (span->to > 0 && span->to < from) {
            *at =
                span->next; /* events come in the order of their arrival: nothing later is in it */
            continue;
        }
        bool fits = !span->is_tool || (span->to > 0 && to > 0 && to < span->to);
        if (from > span->from) {
            open[span->is_tool]++;
            node[span->is_tool] = fits ? span->node : node[span->is_tool];
        }
        at = &(*at)->next;
    }
    if (open[1] == 1 && node[1] != RN_TREE_NONE) {
        return node[1];
    }
    return open[0] == 1 ? node[0] : RN_TREE_NONE;
}

/* --- links ---------------------------------------------------------------------------------------------------------- */

static void link_derived(struct rn_tree *tree, const struct rn_derived *derived,
                         struct rn_tree_node *node)
{
    struct rn_tree_known *known = tree->known;
    if (derived->by_order || node_of_event(known, derived->asked_n) == RN_TREE_NONE) {
        return;
    }
    node->parent = node_of_event(known, derived->asked_n);
    node->link = RN_TREE_ASKED;
    known->told_n = derived->told_n;
    known->asked = node->parent;
}

static void link_event(struct rn_tree *tree, const struct rn_step *step, struct rn_tree_node *node)
{
    const struct rn_reading *reading = &step->view->reading;
    struct rn_tree_known *known = tree->known;
    if (known->told_n == step->n) {
        node->parent = known->asked;
        node->link = RN_TREE_TOLD;
    }
    if (node->parent == RN_TREE_NONE && reading->continues.len > 0) {
        node->parent = node_of_answer(known, reading->continues);
        node->link = RN_TREE_CONTINUES;
    }
    if (node->parent == RN_TREE_NONE) {
        node->parent = node_around(known, step->view->event);
        node->link = node->parent == RN_TREE_NONE ? RN_TREE_ROOT : RN_TREE_WITHIN;
    }
}

static enum rn_status know(struct rn_tree *tree, const struct rn_step *step, uint32_t node)
{
    const struct rn_reading *reading = &step->view->reading;
    bool is_decision = rn_event_kind_of(step->view->event) == RN_EVENT_DECISION;
    enum rn_status status = know_event(tree->known, step->n, node);
    if (status == RN_OK && reading->response_id.len > 0) {
        status = know_answer(tree, reading->response_id, node);
    }
    return status == RN_OK && (is_decision || reading->kind == RN_READING_TOOL)
               ? know_span(tree, step->view->event, node, !is_decision)
               : status;
}

static enum rn_status make_room(struct rn_tree *tree)
{
    if (tree->known == NULL) {
        tree->known = rn_calloc(1, sizeof *tree->known);
    }
    if (tree->known == NULL || tree->count < tree->cap) {
        return tree->known == NULL ? RN_NOMEM : RN_OK;
    }
    uint32_t cap = tree->cap == 0 ? 64 : 2 * tree->cap;
    struct rn_tree_node *nodes = rn_realloc(tree->nodes, cap * sizeof *nodes);
    if (nodes == NULL) {
        return RN_NOMEM;
    }
    tree->nodes = nodes;
    tree->cap = cap;
    return RN_OK;
}

/* As the last child of its parent. */
static void hang(struct rn_tree *tree, uint32_t index)
{
    uint32_t parent = tree->nodes[index].parent;
    if (parent == RN_TREE_NONE) {
        return;
    }
    struct rn_tree_node *above = &tree->nodes[parent];
    if (above->last == RN_TREE_NONE) {
        above->first = index;
    } else {
        tree->nodes[above->last].next = index;
    }
    above->last = index;
}

enum rn_status rn_tree_add(struct rn_tree *tree, const struct rn_step *step)
{
    enum rn_status status = make_room(tree);
    if (status != RN_OK) {
        return status;
    }
    uint32_t index = tree->count;
    struct rn_tree_node *node = &tree->nodes[index];
    *node =
        (struct rn_tree_node){RN_TREE_NONE, RN_TREE_ROOT, RN_TREE_NONE, RN_TREE_NONE, RN_TREE_NONE};
    if (step->derived != NULL) {
        link_derived(tree, step->derived, node);
    } else if (step->view != NULL && step->class == RN_CLASS_EVENT && step->n > 0) {
        link_event(tree, step, node);
        status = know(tree, step, index);
    }
    if (status == RN_OK) {
        tree->count++;
        hang(tree, index);
    }
    return status;
}

void rn_tree_free(struct rn_tree *tree)
{
    if (tree->known != NULL) {
        rn_free(tree->known->node_of);
    }
    rn_free(tree->known);
    rn_free(tree->nodes);
    rn_arena_free(&tree->arena);
    memset(tree, 0, sizeof *tree);
}

/* --- a walk --------------------------------------------------------------------------------------------------------- */

uint32_t rn_tree_next(const struct rn_tree *tree, uint32_t node)
{
    if (tree->nodes[node].first != RN_TREE_NONE) {
        return tree->nodes[node].first;
    }
    while (tree->nodes[node].next == RN_TREE_NONE && tree->nodes[node].parent != RN_TREE_NONE) {
        node = tree->nodes[node].parent;
    }
    if (tree->nodes[node].next != RN_TREE_NONE) {
        return tree->nodes[node].next;
    }
    for (node++; node < tree->count; node++) {
        if (tree->nodes[node].parent == RN_TREE_NONE) {
            return node;
        }
    }
    return RN_TREE_NONE;
}

uint32_t rn_tree_depth(const struct rn_tree *tree, uint32_t node, uint32_t most)
{
    uint32_t depth = 0;
    while (depth < most && tree->nodes[node].parent != RN_TREE_NONE) {
        node = tree->nodes[node].parent;
        depth++;
    }
    return depth;
}
