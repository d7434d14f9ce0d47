/* The complaint of a command that could not open its store. */
#ifndef RN_CLI_NO_STORE_H
#define RN_CLI_NO_STORE_H

#include "base/status.h"

/* Tells a newcomer what makes a store where there is none. Returns RN_EXIT_TROUBLE. */
int rn_cli_complain_store(const char *command, const struct rn_error *error);

#endif
