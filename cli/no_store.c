/* Finds and opens a store for a command, the same way for all of them. */
#include "open.h"

#include <stdio.h>

#include "options.h"

enum rn_status rn_cli_open_store(const char *given, enum rn_store_mode mode,
                                 struct rn_store **store, struct rn_error *error)
{
    char path[4096];
    *store = NULL;
    enum rn_status status = rn_store_place(given, mode, path, sizeof path, error);
    return status == RN_OK ? rn_store_open(path, mode, store, error) : status;
}

int rn_cli_complain_store(const char *command, const struct rn_error *error)
{
    (void)rn_cli_complain(command, RN_EXIT_TROUBLE, error);
    if (error->status == RN_NOTFOUND) {
        (void)fprintf(stderr, "`reenact record -- COMMAND` makes a store and a first trace\n");
    }
    return RN_EXIT_TROUBLE;
}
