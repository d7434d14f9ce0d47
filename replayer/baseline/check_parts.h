/*
 * What the files of `baseline check` share: check.c (which traces, in which order), check_plan.c (whether they can be checked at all) and
 * check_case.c (one of them, in a process of its own). Private to replayer/.
 */
#ifndef RN_REPLAYER_CHECK_PARTS_H
#define RN_REPLAYER_CHECK_PARTS_H

#include "baseline.h"

#define RN_CHECK_INPUT "{input}"
#define RN_CHECK_TRACE "{trace}"

/* One trace to be replayed, or a finding that says why it cannot be. Text lives in the plan's arena. */
struct rn_check_job {
    struct rn_trace_id id;
    struct rn_bytes name;
    struct rn_bytes input;
    bool has_input;
    bool has_run;
    bool is_child;           /* of another frozen trace, with which it is replayed */
    struct rn_bytes finding; /* of verifying; empty: none */
    struct rn_bytes fault;   /* "missing", "changed", "damaged" */
};

struct rn_check_plan {
    struct rn_arena arena;
    char store[4096];
    struct rn_bytes name;
    uint8_t root[RN_SHA256_BYTES];
    struct rn_check_job *jobs; /* by name, numbers in it by value, then by id; no children */
    size_t count;
};

/* What people call a trace: its name, or its id where it has none. */
struct rn_bytes rn_check_label(const struct rn_check_case *one, char id[33]);

/* --- check_plan.c ---------------------------------------------------------------------------------------------------- */

/*
 * Loads and verifies the baseline, puts children to their roots, and asks whether every trace has what the settings need.
 * RN_NOTFOUND, RN_DAMAGED (the manifest), RN_REFUSED with a sentence. rn_check_plan_free in every case.
 */
enum rn_status rn_check_plan_make(const struct rn_check_settings *settings,
                                  struct rn_check_plan *plan, struct rn_error *error);
void rn_check_plan_free(struct rn_check_plan *plan);
/* <0, 0, >0: digits in a row count as one number, so that "suite/2" comes before "suite/10". */
int rn_check_compare_names(struct rn_bytes a, struct rn_bytes b);

/* --- check_case.c ---------------------------------------------------------------------------------------------------- */

/*
 * Replays a job with directories of its own below `place`, which it removes, and appends what came of it to `result`. For a process
 * that has no store, loop or thread. RN_NOMEM, RN_LIMIT of `result`.
 */
enum rn_status rn_check_case_run(const struct rn_check_settings *settings,
                                 const struct rn_check_plan *plan, const struct rn_check_job *job,
                                 const char *place, struct rn_buffer *result);
enum rn_status rn_check_case_put(struct rn_buffer *out, const struct rn_check_case *one);
/* Text into the arena; id and name are the caller's. False: it is not whole. RN_NOMEM counts as not whole. */
bool rn_check_case_get(struct rn_bytes in, struct rn_arena *arena, struct rn_check_case *one);

#endif
