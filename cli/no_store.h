/* The store a command was told to use. */
#ifndef RN_CLI_OPEN_H
#define RN_CLI_OPEN_H

#include "store/store.h"

/* rn_store_place, then rn_store_open; *store is NULL when it fails. */
enum rn_status rn_cli_open_store(const char *given, enum rn_store_mode mode,
                                 struct rn_store **store, struct rn_error *error);

/*
 * Complains about a store that could not be read, and tells a newcomer what makes one where there is none. Returns
 * RN_EXIT_TROUBLE.
 */
int rn_cli_complain_store(const char *command, const struct rn_error *error);

#endif
