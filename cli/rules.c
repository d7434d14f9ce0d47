/* Finds the file of pointer rules and hands it to the views. What stands in it is wire/reading_rules.c's. */
#include "rules.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/view.h"

/* False: there is no place for one. */
static bool usual_path(char path[PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int len = -1;
    if (config != NULL && config[0] == '/') { /* a relative one is to be ignored */
        len = snprintf(path, PATH_MAX, "%s/reenact/rules.json", config);
    } else if (home != NULL && home[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/.config/reenact/rules.json", home);
    }
    return len > 0 && len < PATH_MAX;
}

int rn_cli_rules(const struct rn_cli_command *command)
{
    static struct rn_reading_rules *rules; /* until the process ends */
    char usual[PATH_MAX];
    struct rn_error error = {RN_OK, ""};
    const char *named = getenv("REENACT_RULES");
    const char *path = named != NULL ? named : usual;
    if (named == NULL ? !usual_path(usual) : named[0] == '\0') {
        return RN_EXIT_SAME;
    }
    enum rn_status status = rn_reading_rules_load(path, &rules, &error);
    if (status == RN_NOTFOUND && named == NULL) {
        return RN_EXIT_SAME;
    }
    if (status == RN_NOTFOUND) {
        return rn_cli_complainf(command->name, RN_EXIT_TROUBLE,
                                "REENACT_RULES names %s, and there is no such file", path);
    }
    if (status != RN_OK) {
        return rn_cli_complainf(command->name, RN_EXIT_TROUBLE, "%s", error.text);
    }
    rn_view_rules(rules);
    return RN_EXIT_SAME;
}
