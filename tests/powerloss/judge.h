/*
 * Whether a store still holds what was promised: opened by the real rn_store_open, verified, and held against a load's notes.
 */
#ifndef RN_TESTS_POWERLOSS_JUDGE_H
#define RN_TESTS_POWERLOSS_JUDGE_H

#include "load.h"

struct judge_terms {
    size_t cut;          /* the moment of the load that the store is to stand for */
    bool may_be_damaged; /* RN_DAMAGED, with a sentence, is an answer too */
    bool goes_on;        /* a recorder writes one more trace into it */
};

/*
 * False with a finding. Everything acknowledged by `cut` must be there and whole, what was taken away must be gone, what was
 * begun may be there and is then whole (a trace that was not closed: `lost`, its last event a front of what was sent).
 */
bool judge_store(const char *directory, const struct load *load, const struct judge_terms *terms,
                 char *finding, size_t finding_bytes);

#endif
