/*
 * Which index the walk of a selection goes along. Private to store/.
 *
 * The shortest list wins: a session or name, else the posting list of whichever condition has the fewest traces in the range of
 * time, else all traces by time. Traces of more terms than are listed stand in a list of their own, which is walked beside. What the
 * list promises is asked again of summary and facts; it only spares the others.
 */
#ifndef RN_STORE_SELECT_PATH_H
#define RN_STORE_SELECT_PATH_H

#include "posting.h"
#include "scan.h"
#include "select_fit.h"

#define RN_LANES_MAX 2u

/* One list, read page by page. Its keys end with start and trace id. */
struct rn_lane {
    struct rn_scan scan;
    uint8_t prefix[RN_POSTING_KEY_BYTES_MAX];
    uint8_t from[RN_POSTING_KEY_BYTES_MAX];
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count, next;
    bool is_over;
    struct rn_arena arena; /* of the page */
};

struct rn_select_path {
    struct rn_lane lanes[RN_LANES_MAX];
    unsigned lane_count;
    uint8_t last[RN_TIME_KEY_BYTES]; /* start and id of the entry given last */
    bool has_last;
};

/* Whether a posting list could answer one of its conditions. */
bool rn_select_path_asks(const struct rn_fit *fit);
/* rn_select_path_free in every case. With `with_postings` facts must have been brought up. */
enum rn_status rn_select_path_choose(struct rn_store *store, const struct rn_fit *fit,
                                     bool with_postings, bool backwards, struct rn_select_path *out,
                                     struct rn_error *error);
/* The next trace of any lane, each once; NULL at the end. The entry has a summary; it is lent until the next call. */
enum rn_status rn_select_path_next(struct rn_select_path *path, const struct rn_scan_entry **entry,
                                   struct rn_error *error);
void rn_select_path_free(struct rn_select_path *path);

#endif
