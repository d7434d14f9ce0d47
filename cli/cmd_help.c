/* `reenact help [COMMAND]`: the list of commands, or one command's page. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "screen.h"
#include "selection.h"

static const struct rn_option options[] = {RN_OPTION_HELP, RN_OPTION_END};

static enum rn_status list_commands(struct rn_buffer *out)
{
    enum rn_status status = rn_buffer_addf(
        out, "usage: reenact COMMAND [options]\n\n"
             "Records what an AI application was told by the outside world, and makes it\n"
             "happen again, exactly.\n\n");
    for (size_t i = 0; rn_cli_commands[i] != NULL && status == RN_OK; i++) {
        status = rn_buffer_addf(out, "  %-9s %s\n", rn_cli_commands[i]->name,
                                rn_cli_commands[i]->summary);
    }
    if (status == RN_OK) {
        status =
            rn_buffer_addf(out, "\n`reenact help COMMAND` tells more; reenact(1) is the manual.\n"
                                "To begin: reenact record -- COMMAND, then reenact replay last\n");
    }
    return status;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    int done = rn_cli_begin(&rn_cmd_help, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    const struct rn_cli_command *command = NULL;
    bool on_selection = line.word_count == 1 && strcmp(line.words[0], "selection") == 0;
    if (line.word_count > 0 && !on_selection) {
        command = rn_cli_command_find(line.words[0]);
        if (command == NULL) {
            return rn_cli_command_unknown(line.words[0]);
        }
    }
    if (line.word_count == 2 && command != NULL) {
        const struct rn_cli_command *part = rn_cli_part_find(command, line.words[1]);
        if (part == NULL) {
            return rn_cli_complainf("help", RN_EXIT_TROUBLE,
                                    "%s has no part '%s'; `reenact help %s` tells what it has",
                                    command->name, line.words[1], command->name);
        }
        command = part;
    }
    if (line.word_count > 2 || line.rest_count > 0) {
        return rn_cli_complainf("help", RN_EXIT_TROUBLE,
                                "takes one command at most, such as 'record' or 'baseline freeze'");
    }
    struct rn_buffer page = {0};
    enum rn_status status = on_selection      ? rn_selection_describe(&page)
                            : command != NULL ? rn_cli_describe(command, &page)
                                              : list_commands(&page);
    bool good = status == RN_OK && rn_screen_put(stdout, &page);
    rn_buffer_free(&page);
    return good ? RN_EXIT_SAME : RN_EXIT_TROUBLE;
}

const struct rn_cli_command rn_cmd_help = {"help",
                                           "help [COMMAND]",
                                           "list the commands, or describe one of them",
                                           options,
                                           run,
                                           RN_EXIT_TROUBLE,
                                           NULL};
