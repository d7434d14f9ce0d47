/*
 * The calls of a trace as a tree: a call stands under the decision, tool call or call that caused it. Only where that is written:
 * the id of a tool call that its request answers, the id of the answer it goes on from, or that it came while the answer of a
 * decision (or of a tool that was still at work when it ended) was open. What nobody says stands at the root.
 */
#ifndef RN_REPLAYER_TREE_H
#define RN_REPLAYER_TREE_H

#include "base/arena.h"
#include "steps.h"

enum rn_tree_link {
    RN_TREE_ROOT,
    RN_TREE_ASKED,     /* a tool reading: the call whose answer asked for it */
    RN_TREE_TOLD,      /* its request tells what the tool calls of that answer gave */
    RN_TREE_CONTINUES, /* its request names that answer as the one it goes on from */
    RN_TREE_WITHIN     /* it came, and with a tool also ended, while that one's answer was open */
};
/* "root", "asked", "told", "continues", "within" */
const char *rn_tree_link_name(enum rn_tree_link link);

#define RN_TREE_NONE UINT32_MAX

struct rn_tree_node {
    uint32_t parent; /* index of a node before it, or RN_TREE_NONE */
    enum rn_tree_link link;
    uint32_t first, last, next; /* children in order of the trace; RN_TREE_NONE: there is none */
};

/* What is known of a trace while its steps are added in order. A zeroed one is empty. */
struct rn_tree {
    struct rn_arena arena;
    struct rn_tree_node *nodes; /* one per step, in order */
    uint32_t count, cap;
    struct rn_tree_known *known; /* private */
};

/* RN_NOMEM. */
enum rn_status rn_tree_add(struct rn_tree *tree, const struct rn_step *step);
void rn_tree_free(struct rn_tree *tree);

/* The node behind `node` in the order of a page: its first child, else the next of its kin. RN_TREE_NONE at the end. Begin with 0; roots follow one another. */
uint32_t rn_tree_next(const struct rn_tree *tree, uint32_t node);
/* How many stand above it, counted up to `most`. */
uint32_t rn_tree_depth(const struct rn_tree *tree, uint32_t node, uint32_t most);

#endif
