/* The commands there are. Each lives in cmd_NAME.c; main.c holds the table in the order of `reenact help`. */
#ifndef RN_CLI_COMMANDS_H
#define RN_CLI_COMMANDS_H

#include "options.h"

extern const struct rn_cli_command rn_cmd_record;
extern const struct rn_cli_command rn_cmd_serve;
extern const struct rn_cli_command rn_cmd_replay;
extern const struct rn_cli_command rn_cmd_ask;
extern const struct rn_cli_command rn_cmd_backtest;
extern const struct rn_cli_command rn_cmd_baseline;
extern const struct rn_cli_command rn_cmd_log;
extern const struct rn_cli_command rn_cmd_show;
extern const struct rn_cli_command rn_cmd_diff;
extern const struct rn_cli_command rn_cmd_prompts;
extern const struct rn_cli_command rn_cmd_stats;
extern const struct rn_cli_command rn_cmd_inventory;
extern const struct rn_cli_command rn_cmd_export;
extern const struct rn_cli_command rn_cmd_tag;
extern const struct rn_cli_command rn_cmd_note;
extern const struct rn_cli_command rn_cmd_reindex;
extern const struct rn_cli_command rn_cmd_verify;
extern const struct rn_cli_command rn_cmd_version;
extern const struct rn_cli_command rn_cmd_help;

/* All of them, NULL-terminated. */
extern const struct rn_cli_command *const rn_cli_commands[];
/* By name, or NULL. */
const struct rn_cli_command *rn_cli_command_find(const char *name);
/* Complains about a word that is no command, with what was probably meant. Returns RN_EXIT_TROUBLE. */
int rn_cli_command_unknown(const char *word);

#endif
