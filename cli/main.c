/*
 * reenact: the table of commands, and the way from the first word to one of them. What a command does, how it talks and which
 * options it has is its own file's affair.
 */
#include "commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "gateway/inherited.h"
#include "gateway/streams.h"
#include "json_out.h"
#include "rules.h"

const struct rn_cli_command *const rn_cli_commands[] = {
    &rn_cmd_record,   &rn_cmd_serve,     &rn_cmd_replay,  &rn_cmd_ask,  &rn_cmd_backtest,
    &rn_cmd_baseline, &rn_cmd_log,       &rn_cmd_show,    &rn_cmd_diff, &rn_cmd_prompts,
    &rn_cmd_stats,    &rn_cmd_inventory, &rn_cmd_export,  &rn_cmd_tag,  &rn_cmd_note,
    &rn_cmd_reindex,  &rn_cmd_verify,    &rn_cmd_version, &rn_cmd_help, NULL,
};

const struct rn_cli_command *rn_cli_command_find(const char *name)
{
    for (size_t i = 0; rn_cli_commands[i] != NULL; i++) {
        if (strcmp(rn_cli_commands[i]->name, name) == 0) {
            return rn_cli_commands[i];
        }
    }
    return NULL;
}

int rn_cli_command_unknown(const char *word)
{
    const char *names[sizeof rn_cli_commands / sizeof *rn_cli_commands];
    size_t count = 0;
    for (; rn_cli_commands[count] != NULL; count++) {
        names[count] = rn_cli_commands[count]->name;
    }
    names[count] = NULL;
    const char *meant = rn_cli_nearest(word, names);
    if (meant != NULL) {
        return rn_cli_complainf(NULL, RN_EXIT_TROUBLE, "no command '%s'; did you mean '%s'?", word,
                                meant);
    }
    return rn_cli_complainf(NULL, RN_EXIT_TROUBLE, "no command '%s'; `reenact help` lists them",
                            word);
}

/* The words that stand in a command's place by old custom. */
static const struct rn_cli_command *by_custom(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return &rn_cmd_help;
    }
    return strcmp(word, "--version") == 0 ? &rn_cmd_version : NULL;
}

/* All but those that record or do without readings: a broken file of rules hinders no recording. */
static bool reads(const struct rn_cli_command *command, char **argv)
{
    const struct rn_cli_command *const others[] = {&rn_cmd_record,  &rn_cmd_serve, &rn_cmd_replay,
                                                   &rn_cmd_tag,     &rn_cmd_note,  &rn_cmd_verify,
                                                   &rn_cmd_version, &rn_cmd_help};
    bool good = true;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        good = good && command != others[i];
    }
    for (; *argv != NULL; argv++) {
        good = good && strcmp(*argv, "--help") != 0 && strcmp(*argv, "-h") != 0;
    }
    return good;
}

int main(int argc, char **argv)
{
    char *help[] = {(char[]){"help"}, NULL};
    rn_inherited_note();
    rn_streams_fill();
    /* Who ignores the ends of children hands that down to us, and nobody could wait for a command. */
    (void)signal(SIGCHLD, SIG_DFL);
    /* A limit on the size of files is to us what a full disk is: an error of write(2), not the end. */
    (void)signal(SIGXFSZ, SIG_IGN);
    rn_memory_serve();
    rn_digest_serve();
    rn_json_out_serve();
    if (argc < 2) {
        (void)rn_cmd_help.run(1, help);
        return RN_EXIT_TROUBLE;
    }
    const struct rn_cli_command *command = by_custom(argv[1]);
    if (command == NULL) {
        command = rn_cli_command_find(argv[1]);
    }
    if (command == NULL) {
        return rn_cli_command_unknown(argv[1]);
    }
    const struct rn_cli_command *part = argc > 2 ? rn_cli_part_find(command, argv[2]) : NULL;
    if (part != NULL) {
        command = part;
        argc--;
        argv++;
    }
    if (reads(command, argv + 1) && rn_cli_rules(command) != RN_EXIT_SAME) {
        return RN_EXIT_TROUBLE;
    }
    int status = command->run(argc - 1, argv + 1);
    /* A full disk under a redirected stdout shows itself here at the latest. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return rn_cli_complainf(command->name, status == RN_EXIT_SAME ? command->trouble : status,
                                "cannot write to standard output");
    }
    return status;
}
