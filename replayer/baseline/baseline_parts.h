/*
 * What the files of baselines share. Private to replayer/.
 *
 * baseline.c keeps them in a store; baseline_facts.c reads traces for the manifest; manifest.c is the manifest as JSON;
 * relatives.c says which traces belong to those selected; freeze, verify, diff and travel stand in files of their own.
 */
#ifndef RN_REPLAYER_BASELINE_PARTS_H
#define RN_REPLAYER_BASELINE_PARTS_H

#include "baseline.h"
#include "store/document.h"

#define RN_BASELINE_KIND "baseline"
#define RN_BASELINE_NAME_BYTES_MAX 64u
#define RN_BASELINE_HOLDER_BYTES (sizeof(RN_BASELINE_KIND) + 1u + RN_BASELINE_NAME_BYTES_MAX)

/* --- baseline.c ----------------------------------------------------------------------------------------------------- */

/* RN_INVALID with a sentence. */
enum rn_status rn_baseline_check_name(const char *name, struct rn_error *error);
/* RN_REFUSED when there is one of that name. */
enum rn_status rn_baseline_check_free(struct rn_store *store, const char *name,
                                      struct rn_error *error);
/* Over traces sorted by id. False when memory ran out. */
bool rn_baseline_root(const struct rn_baseline_trace *traces, size_t count,
                      uint8_t out[RN_SHA256_BYTES]);
/* Holds the traces, then puts the manifest. When it fails, nothing of it stays. RN_REFUSED: the name was taken meanwhile. */
enum rn_status rn_baseline_put(struct rn_store *store, const struct rn_baseline *baseline,
                               struct rn_error *error);
/* Holds its traces (again). RN_NOTFOUND: one is not in the store. */
enum rn_status rn_baseline_hold(struct rn_store *store, const struct rn_baseline *baseline,
                                struct rn_error *error);

/* --- baseline_facts.c ----------------------------------------------------------------------------------------------- */

/* A list in the making: each `what` with each `note` once. */
struct rn_fact_table {
    struct rn_baseline_fact *at;
    size_t count;
    size_t cap;
    uint32_t *slots; /* a power of two of them: index + 1, or 0 */
    size_t slot_count;
};

/* What traces are made of, gathered trace by trace. Text lives in the baseline's arena. */
struct rn_frozen {
    struct rn_store *store;
    struct rn_baseline *baseline;
    struct rn_fact_table lists[RN_BASELINE_LISTS];
};
void rn_frozen_free(struct rn_frozen *facts);

/* Reads all events of a trace, one at a time, and fills `out`. RN_NOMEM, RN_DAMAGED, ... */
enum rn_status rn_frozen_trace(struct rn_frozen *facts, const struct rn_trace_summary *summary,
                               struct rn_baseline_trace *out, struct rn_error *error);
/* Gives the lists to the baseline: sorted, each `what` once, its notes joined. */
enum rn_status rn_frozen_finish(struct rn_frozen *facts, struct rn_error *error);

/* --- manifest.c ----------------------------------------------------------------------------------------------------- */

/* Makes `json` from everything else, in the arena. Members sorted; only "created" tells two freezes of the same traces apart. */
enum rn_status rn_manifest_write(struct rn_baseline *baseline, struct rn_error *error);
/*
 * Fills `out` (zeroed; rn_baseline_free in every case) from a manifest, and recomputes its root. RN_DAMAGED: it breaks its
 * layout, or the root is another; RN_NEWER.
 */
enum rn_status rn_manifest_read(struct rn_bytes json, const char *name, struct rn_baseline *out,
                                struct rn_error *error);

/* --- relatives.c ---------------------------------------------------------------------------------------------------- */

/*
 * Adds to *ids (rn_alloc'ed, any order) the traces that belong to them: what a selected run opened, as replay finds it, and
 * children of whatever is selected. Of kind "run" and "serve" only. Sorts them by id; each stands there once.
 */
enum rn_status rn_relatives_add(struct rn_store *store, struct rn_trace_id **ids, size_t *count,
                                struct rn_error *error);

#endif
