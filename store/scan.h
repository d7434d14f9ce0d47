/*
 * Runs of entries of one tree, copied out in short read transactions. Private to store/.
 */
#ifndef RN_STORE_SCAN_H
#define RN_STORE_SCAN_H

#include "base/arena.h"
#include "store_internal.h"

#define RN_SCAN_ENTRIES_MAX 64u

struct rn_scan_entry {
    struct rn_bytes key;
    struct rn_bytes value;
    struct rn_bytes
        summary; /* with `with_summaries`: of the trace whose id ends the key; empty when it has none */
};

/* A walk over the entries whose keys begin with `prefix`. Zeroed but for the first seven, it stands at the beginning. */
struct rn_scan {
    struct rn_store *store;
    enum rn_tree tree;
    struct rn_bytes prefix; /* borrowed throughout */
    struct rn_bytes
        from; /* borrowed; begins at the first key from here on, or backwards before it; empty: all */
    bool backwards;
    bool with_summaries;
    bool keys_only;  /* values are given empty */
    uint8_t at[512]; /* the last key that was given */
    size_t at_len;
    bool started;
};

/*
 * The next entries, at most RN_SCAN_ENTRIES_MAX, copied into the arena; *count is 0 at the end. RN_NOMEM, RN_IO, RN_DAMAGED.
 */
enum rn_status rn_scan_next(struct rn_scan *scan, struct rn_arena *arena,
                            struct rn_scan_entry out[RN_SCAN_ENTRIES_MAX], unsigned *count,
                            struct rn_error *error);

#endif
