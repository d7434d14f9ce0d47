/* `reenact version`: which build, and which formats it writes. */
#include "commands.h"

#include <stdio.h>

#include "json_out.h"
#include "store/event.h"
#include "wire/key.h"

#ifndef REENACT_VERSION
#error "REENACT_VERSION comes from CMakeLists.txt"
#endif

static bool as_json;

static const struct rn_option options[] = {
    {"--json", RN_OPTION_FLAG, &as_json, NULL, "print reenact.version/1"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    int done = rn_cli_begin(&rn_cmd_version, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count > 0 || line.rest_count > 0) {
        return rn_cli_complainf("version", RN_EXIT_TROUBLE, "takes no arguments");
    }
    if (!as_json) {
        (void)printf("reenact %s (store schema %u, match key %u)\n", REENACT_VERSION,
                     RN_SCHEMA_VERSION, RN_KEY_VERSION);
        return RN_EXIT_SAME;
    }
    json_t *document = rn_json_out_new("reenact.version/1");
    rn_json_out_text(document, "version", REENACT_VERSION);
    rn_json_out_u32(document, "store_schema", RN_SCHEMA_VERSION);
    rn_json_out_u32(document, "match_key", RN_KEY_VERSION);
    return rn_json_out_put(stdout, document) ? RN_EXIT_SAME : RN_EXIT_TROUBLE;
}

const struct rn_cli_command rn_cmd_version = {"version",
                                              "version [--json]",
                                              "print the version and the formats of this build",
                                              options,
                                              run,
                                              RN_EXIT_TROUBLE,
                                              NULL};
