/* The parts of `reenact baseline`, each in the file of its subject. cmd_baseline.c holds the table. */
#ifndef RN_CLI_CMD_BASELINE_H
#define RN_CLI_CMD_BASELINE_H

#include "options.h"
#include "replayer/baseline.h"

extern const struct rn_cli_command rn_cmd_baseline_freeze;
extern const struct rn_cli_command rn_cmd_baseline_list;
extern const struct rn_cli_command rn_cmd_baseline_show;
extern const struct rn_cli_command rn_cmd_baseline_verify;
extern const struct rn_cli_command rn_cmd_baseline_check;
extern const struct rn_cli_command rn_cmd_baseline_diff;
extern const struct rn_cli_command rn_cmd_baseline_export;
extern const struct rn_cli_command rn_cmd_baseline_import;
extern const struct rn_cli_command rn_cmd_baseline_drop;

/* The options of a part that reads and prints: --store and --json into `words`, and the name of its document. */
#define RN_BASELINE_OPTIONS_READING(words, schema)                                                 \
    {                                                                                              \
        {"--store", RN_OPTION_TEXT, &(words).store, "DIR",                                         \
         "the store to read ($REENACT_STORE, else .reenact)"},                                     \
            {"--json", RN_OPTION_FLAG, &(words).as_json, NULL, "print " schema}, RN_OPTION_HELP,   \
            RN_OPTION_END,                                                                         \
    }

/* Begins a part that takes `least` to `most` words and nothing behind "--". -1: go on; otherwise the exit status. */
int rn_baseline_begin(const struct rn_cli_command *part, int argc, char **argv, int least, int most,
                      struct rn_cli_line *line);
/* "rc1: 8 traces, 24 calls, root 3f2a..." and a line end. */
enum rn_status rn_baseline_line(struct rn_buffer *out, const struct rn_baseline *baseline);

#endif
