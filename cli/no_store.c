/* What to say when there is no store yet: the same for every command that reads one. */
#include "no_store.h"

#include <stdio.h>

#include "options.h"

int rn_cli_complain_store(const char *command, const struct rn_error *error)
{
    (void)rn_cli_complain(command, RN_EXIT_TROUBLE, error);
    if (error->status == RN_NOTFOUND) {
        (void)fprintf(stderr, "`reenact record -- COMMAND` makes a store and a first trace\n");
    }
    return RN_EXIT_TROUBLE;
}
