/*
 * One pointer rule, as reading_rules.c makes it and rule.c reads by it. Nobody outside wire/ includes this.
 */
#ifndef RN_WIRE_RULE_H
#define RN_WIRE_RULE_H

#include "wire/reading_rules.h"

#include "base/arena.h"

/* What a rule takes from a call; texts are NULL where the rule does not say them. */
enum rn_rule_part {
    RN_RULE_OPERATION, /* of the request: a pointer, "?name" of the address, or the word itself */
    RN_RULE_TARGET,
    RN_RULE_MODEL,
    RN_RULE_QUERY,
    RN_RULE_ITEMS, /* of the answer */
    RN_RULE_ANSWER,
    RN_RULE_ID, /* of an item */
    RN_RULE_SCORE,
    RN_RULE_TITLE,
    RN_RULE_TEXT,
    RN_RULE_PART_COUNT
};

struct rn_rule {
    struct rn_rule *next;
    const char *name;
    const char *upstream; /* NULL: any, here and below */
    const char *method;
    const char *path;
    enum rn_reading_kind kind;
    enum rn_score_kind score_kind;
    const char *parts[RN_RULE_PART_COUNT];
};

struct rn_reading_rules {
    struct rn_arena arena; /* all of them, and their texts */
    struct rn_rule *first; /* in the order of the file */
    size_t count;
    uint64_t key; /* the first bytes of the SHA-256 of the text */
};

/* The first rule for a call; NULL: none. `rules` may be NULL. */
const struct rn_rule *rn_rule_of(const struct rn_reading_rules *rules,
                                 const struct rn_reading_input *input);
/* Reads a call by a rule; results as of rn_reading_make. */
enum rn_status rn_rule_read(struct rn_arena *arena, const struct rn_rule *rule,
                            const struct rn_reading_input *input, struct rn_reading *out,
                            struct rn_error *error);

#endif
