/* One store, or several that are read together: --store A,B and DIR with a wildcard. */
#ifndef RN_CLI_STORES_H
#define RN_CLI_STORES_H

#include "store/store.h"

struct rn_stores {
    struct rn_store **at;
    size_t count;
    bool is_short; /* some could not be opened, and were complained of */
};

/*
 * Opens for reading what `given` names: a store; else paths with commas between them, each of which may hold the wildcards of glob(7).
 * One of several that cannot be opened is named on stderr and left out. The status of the first trouble where none is left.
 * rn_stores_close in every case.
 */
enum rn_status rn_stores_open(const char *given, struct rn_stores *out, struct rn_error *error);
void rn_stores_close(struct rn_stores *stores);
/* What a person calls it: the last part of its path, or all of it where two end alike. Lent. */
const char *rn_stores_name(const struct rn_stores *stores, size_t which);

#endif
