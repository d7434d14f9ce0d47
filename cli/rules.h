/*
 * The user's pointer rules (docs/rules.md): REENACT_RULES names the file, else rules.json beside the user's key. Set but empty,
 * it says that there are none.
 */
#ifndef RN_CLI_RULES_H
#define RN_CLI_RULES_H

#include "options.h"

/*
 * Makes all readings of this process follow the rules. RN_EXIT_SAME, also where there is no file; RN_EXIT_TROUBLE after a
 * complaint about one that is broken, or missing where it was named.
 */
int rn_cli_rules(const struct rn_cli_command *command);

#endif
