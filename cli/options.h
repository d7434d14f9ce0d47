/*
 * Option tables: one table per command gives parsing, --help and the complaint about a wrong word.
 */
#ifndef RN_CLI_OPTIONS_H
#define RN_CLI_OPTIONS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define RN_OPTION_VALUES_MAX 256

enum rn_option_kind {
    RN_OPTION_FLAG,   /* into: bool */
    RN_OPTION_TEXT,   /* into: const char * */
    RN_OPTION_NUMBER, /* into: uint64_t; decimal */
    RN_OPTION_LIST    /* into: struct rn_option_list; may be given often */
};

struct rn_option_list {
    const char *at[RN_OPTION_VALUES_MAX + 1]; /* NULL-terminated */
    unsigned count;
};

struct rn_option {
    const char *name;     /* "--store" */
    enum rn_option_kind kind;
    void *into;
    const char *argument; /* "PATH", NULL for flags */
    const char *help;     /* a line */
};

/*
 * Takes options (also "--name=value") off the front until the first word that is no option, or behind "--". *rest is the
 * index of what is left. Options may follow words when `mixed`. RN_INVALID with a sentence that names the word.
 */
enum rn_status rn_options_parse(const struct rn_option *table, int argc, char **argv, bool mixed,
                                char **words, int *word_count, int *rest, struct rn_error *error);

/* One command of the table in main.c. */
struct rn_cli_command {
    const char *name;
    const char *synopsis;  /* "record [options] -- COMMAND [ARGUMENT...]" */
    const char *summary;   /* one line for `reenact help` */
    const struct rn_option *options; /* ends with a NULL name; may be NULL */
    int (*run)(int argc, char **argv); /* exit status; argv[0] is the command's name */
};

/* Prints "reenact COMMAND: sentence" to stderr and returns `exit_status`. */
int rn_cli_complain(const char *command, int exit_status, const struct rn_error *error);

#endif
