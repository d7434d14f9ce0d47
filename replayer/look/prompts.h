/*
 * Which prompt versions the traffic really used: one row per family of system prompts, with what varied inside it.
 */
#ifndef RN_REPLAYER_PROMPTS_H
#define RN_REPLAYER_PROMPTS_H

#include "store/select.h"

/* Where a call is. */
struct rn_prompt_place {
    struct rn_trace_id trace;
    uint32_t n;
    uint64_t wall_ns;
};

/* Keys that were met, each once, in order of their first call. */
struct rn_prompt_keys {
    struct rn_prompt_key *at;
    uint32_t count;
    uint32_t room;
};

struct rn_prompt_row {
    struct rn_prompt_row *next;
    struct rn_prompt_key family; /* of the system prompt; none where calls had no system prompt */
    struct rn_bytes name;        /* the last one given; empty: none */
    struct rn_prompt_place first, last;
    uint64_t calls, traces;
    struct rn_prompt_keys exact;      /* wordings of the family */
    struct rn_prompt_keys tools;      /* sets of tools; calls without tools have none */
    struct rn_prompt_keys parameters; /* likewise */
    struct rn_bytes models;           /* runs: names asked for, sorted */
    struct rn_trace_id last_seen;     /* private: of whom `traces` counted last */
};

/*
 * The model calls of a selection in one or several stores, families in order of their last call, newest first. Everything lives in the arena. *damaged as in
 * rn_select_facts.
 */
enum rn_status rn_prompts_list(struct rn_store *const *stores, size_t store_count,
                               const struct rn_selection *selection, struct rn_arena *arena,
                               struct rn_prompt_row **rows, uint64_t *damaged,
                               struct rn_error *error);

/* What one version says: of the newest call that used it. Lives in the arena; `tools` and `parameters` are JSON text. */
struct rn_prompt_text {
    struct rn_prompt_place place;
    struct rn_prompt keys;
    struct rn_bytes name;
    struct rn_bytes system, tools, parameters;
    struct rn_bytes model;
};

/*
 * `which` is a key as printed (or 4 or more of its first digits), a name, or TRACE:N. RN_NOTFOUND, RN_AMBIGUOUS (digits that begin
 * several keys), RN_INVALID (an event that asks no model) with a sentence.
 */
enum rn_status rn_prompt_find(struct rn_store *store, const char *which, struct rn_arena *arena,
                              struct rn_prompt_text *out, struct rn_error *error);

#endif
