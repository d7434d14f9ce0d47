/*
 * What the recorded traffic uses: upstreams, models with who really answered, prompts, tools, collections. From facts; only calls whose
 * answer asks for tools are read, for their names.
 */
#ifndef RN_REPLAYER_INVENTORY_H
#define RN_REPLAYER_INVENTORY_H

#include "store/select.h"

enum rn_inventory_part {
    RN_INVENTORY_UPSTREAMS, /* name */
    RN_INVENTORY_MODELS, /* name: asked for; other: who answered, empty where nobody did; at: the upstream */
    RN_INVENTORY_PROMPTS, /* name: key of the family; other: the name given last */
    RN_INVENTORY_TOOLS, /* name; at: the upstream of a tool with calls of its own, empty: a model asked for it */
    RN_INVENTORY_COLLECTIONS, /* name; other: the dialect; at: the upstream */
    RN_INVENTORY_PARTS
};
/* "upstreams", "models", "prompts", "tools", "collections" */
const char *rn_inventory_part_name(enum rn_inventory_part part);

struct rn_inventory_row {
    struct rn_inventory_row *next;
    struct rn_bytes name, other, at;
    uint64_t calls;
    uint64_t errors; /* at their upstream; of a tool that a model asked for: not known, 0 */
    uint64_t first_wall_ns, last_wall_ns;
    /* Of a model: another name answered than was asked for; and since `first_wall_ns` instead of that one. */
    bool is_other;
    struct rn_bytes before;
};

struct rn_inventory {
    struct rn_arena arena;
    struct rn_inventory_row *rows[RN_INVENTORY_PARTS]; /* in order of their first call */
    uint64_t calls, damaged;
    struct rn_inventory_work *work; /* private */
};

/* rn_inventory_free in every case. RN_NOMEM, and what rn_select_facts gives. */
enum rn_status rn_inventory_make(struct rn_store *store, const struct rn_selection *selection,
                                 struct rn_inventory *out, struct rn_error *error);
void rn_inventory_free(struct rn_inventory *inventory);

#endif
