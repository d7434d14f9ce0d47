/*
 * Two texts word by word: what both have, what only the first has, what only the second has. Pure.
 *
 * A word is a run of letters and digits (all characters beyond ASCII count as letters, but those written
 * without blanks, from U+2E80 on, are words of their own), a run of blanks, or any other character by
 * itself.
 */
#ifndef RN_REPLAYER_WORDS_H
#define RN_REPLAYER_WORDS_H

#include "base/arena.h"
#include "base/status.h"

/*
 * Texts that differ in more words than this are shown as all removed and all added between their common
 * ends.
 */
#define RN_WORDS_CHANGES_MAX 1000u

enum rn_words_kind { RN_WORDS_SAME, RN_WORDS_REMOVED, RN_WORDS_ADDED };

struct rn_words_run {
    enum rn_words_kind kind;
    struct rn_bytes text; /* lent from the first text; of what was added, from the second */
};

/*
 * The runs in the arena, none empty, neighbours of different kinds, removed before added; blanks between
 * two changes belong to both. All but what was added, joined, is `a` byte for byte; all but what was
 * removed is `b`. RN_NOMEM.
 */
enum rn_status rn_words_compare(struct rn_arena *arena, struct rn_bytes a, struct rn_bytes b,
                                struct rn_words_run **runs, size_t *count);

/*
 * The share of words (not blanks) that two texts have in common, wherever they stand: twice what is in
 * both by what is in either. 1 for two texts without words. Looks at the first 65,536 words of each.
 * RN_NOMEM.
 */
enum rn_status rn_words_shared(struct rn_bytes a, struct rn_bytes b, double *share);

#endif
