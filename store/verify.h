/*
 * Walking a whole store: every frame, every event, every digest, every index entry, every document, every hold.
 */
#ifndef RN_STORE_VERIFY_H
#define RN_STORE_VERIFY_H

#include "store/trace.h"

struct rn_verify_counts {
    uint64_t rows;
    uint64_t traces;
    uint64_t events;
    uint64_t open;    /* traces not closed yet: no chain to compare */
    uint64_t documents;
    uint64_t damaged; /* findings */
};

/* One finding: the trace (all zero: the store itself) and a sentence that names the place. */
typedef void rn_verify_finding(void *self, const struct rn_trace_id *trace, const char *sentence);
typedef void rn_verify_progress(void *self, uint64_t done, uint64_t all);

/* RN_OK also when findings were made: look at counts->damaged. */
enum rn_status rn_store_verify(struct rn_store *store, rn_verify_finding *finding,
                               rn_verify_progress *progress, void *self,
                               struct rn_verify_counts *counts, struct rn_error *error);

#endif
