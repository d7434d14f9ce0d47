/*
 * Option tables: one table per command gives parsing, --help and the complaint about a wrong word.
 */
#ifndef RN_CLI_OPTIONS_H
#define RN_CLI_OPTIONS_H

#include "base/buffer.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define RN_OPTION_VALUES_MAX 256
/* What an RN_OPTION_CHOICE holds while nothing was chosen: set it before parsing. */
#define RN_OPTION_UNCHOSEN UINT32_MAX

/* DESIGN 9; the last four are env(1)'s and belong to `record`, whose status is otherwise COMMAND's. */
enum rn_cli_exit {
    RN_EXIT_SAME = 0,
    RN_EXIT_DIFFERS = 1,
    RN_EXIT_TROUBLE = 2,
    RN_EXIT_INCOMPARABLE = 3,
    RN_EXIT_INCOMPLETE = 124,
    RN_EXIT_FAILED = 125,
    RN_EXIT_NOT_EXECUTABLE = 126,
    RN_EXIT_NO_COMMAND = 127
};

enum rn_option_kind {
    RN_OPTION_FLAG, /* into: bool */
    RN_OPTION_TEXT, /* into: const char *; the last one given holds */
    RN_OPTION_ONCE, /* the same, refused when *into holds one already: two conditions are not the last of them */
    RN_OPTION_NUMBER, /* into: uint64_t; decimal */
    RN_OPTION_COUNT,  /* the same, from 1 on: 0 then says that it was not given */
    RN_OPTION_CHOICE, /* into: uint32_t, the index of the word in `argument`, which is "one|two|three" */
    RN_OPTION_LIST, /* into: struct rn_option_list; may be given often */
    RN_OPTION_MORE /* into: another table, whose options are known as well; `help` says where they are described */
};

struct rn_option_list {
    const char *at[RN_OPTION_VALUES_MAX + 1]; /* NULL-terminated */
    unsigned count;
};

struct rn_option {
    const char *name; /* "--store" */
    enum rn_option_kind kind;
    void *into;
    const char *argument; /* "PATH", NULL for flags */
    const char *help;     /* a line */
};

/* Every table ends with these two lines; "-h" is read as "--help", and "-j N" or "-jN" as "--jobs N". */
extern bool rn_option_help_asked;
#define RN_OPTION_HELP                                                                             \
    {                                                                                              \
        "--help", RN_OPTION_FLAG, &rn_option_help_asked, NULL, "print this page and exit"          \
    }
#define RN_OPTION_END                                                                              \
    {                                                                                              \
        NULL, RN_OPTION_FLAG, NULL, NULL, NULL                                                     \
    }

/*
 * Takes options (also "--name=value") off the front until the first word that is no option, or behind "--". *rest is the
 * index of what is left. Options may follow words when `mixed`: the words before a "--" are then collected in `words`
 * (room for argc; argv + 1 will do). RN_INVALID with a sentence that names the word.
 */
enum rn_status rn_options_parse(const struct rn_option *table, int argc, char **argv, bool mixed,
                                char **words, int *word_count, int *rest, struct rn_error *error);

/* One command of the table in main.c. */
struct rn_cli_command {
    const char *name;
    const char *synopsis;              /* "record [options] -- COMMAND [ARGUMENT...]" */
    const char *summary;               /* one line for `reenact help` */
    const struct rn_option *options;   /* ends with a NULL name; may be NULL */
    int (*run)(int argc, char **argv); /* exit status; argv[0] is the command's name */
    int trouble;                       /* exit status of a wrong command line */
    const struct rn_cli_command *const
        *parts; /* "baseline freeze", ...: commands of two words; NULL-terminated, or NULL */
};

/* The part of `command` that `word` names, or NULL. */
const struct rn_cli_command *rn_cli_part_find(const struct rn_cli_command *command,
                                              const char *word);

/* A command line taken apart. All of it points into argv. */
struct rn_cli_line {
    char **words; /* before "--", options taken out; empty unless mixed */
    int word_count;
    char **rest; /* behind "--", or (not mixed) from the first word on; ends with argv's NULL */
    int rest_count;
    bool divided; /* "--" was there */
};

/*
 * What every command does first: parses argv (which is rearranged), answers --help, complains. -1: go on; otherwise the exit
 * status to return.
 */
int rn_cli_begin(const struct rn_cli_command *command, int argc, char **argv, bool mixed,
                 struct rn_cli_line *line);

/* The page of `reenact help COMMAND`. */
enum rn_status rn_cli_describe(const struct rn_cli_command *command, struct rn_buffer *out);
/* The lines of a table alone. */
enum rn_status rn_cli_describe_options(const struct rn_option *table, struct rn_buffer *out);

/* The name that was probably meant, or NULL. `names` ends with NULL. */
const char *rn_cli_nearest(const char *word, const char *const *names);

/* Prints "reenact COMMAND: sentence" ("reenact: sentence" without a command) to stderr and returns `exit_status`. */
int rn_cli_complain(const char *command, int exit_status, const struct rn_error *error);
/* The same with a sentence made on the spot. */
int rn_cli_complainf(const char *command, int exit_status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
