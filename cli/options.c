/*
 * Reads a command line by its table, and describes the table to a human. Knows no command and keeps no state of its own but
 * the answer to "was --help asked".
 */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "printable.h"

#define NAMES_MAX 64
#define WORD_BYTES_MAX 32

bool rn_option_help_asked;

/* --- parsing ------------------------------------------------------------------------------------------------------- */

static const struct rn_option *option_find(const struct rn_option *table, struct rn_bytes name)
{
    for (const struct rn_option *option = table; option != NULL && option->name != NULL; option++) {
        const struct rn_option *found = option;
        if (option->kind == RN_OPTION_MORE) {
            found = option_find(option->into, name);
        } else if (!rn_bytes_equal(rn_bytes_text(option->name), name)) {
            found = NULL;
        }
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* Appends the names of a table and of those it leads to. */
static size_t collect_names(const struct rn_option *table, const char **names, size_t count)
{
    for (const struct rn_option *option = table;
         option != NULL && option->name != NULL && count < NAMES_MAX; option++) {
        if (option->kind == RN_OPTION_MORE) {
            count = collect_names(option->into, names, count);
        } else {
            names[count++] = option->name;
        }
    }
    return count;
}

static enum rn_status complain_unknown(const struct rn_option *table, struct rn_bytes name,
                                       struct rn_error *error)
{
    const char *names[NAMES_MAX + 1];
    names[collect_names(table, names, 0)] = NULL;
    char word[WORD_BYTES_MAX];
    (void)snprintf(word, sizeof word, "%.*s", (int)name.len, (const char *)name.data);
    const char *meant = rn_cli_nearest(word, names);
    if (meant == NULL) {
        return rn_fail(error, RN_INVALID, "no option %.*s; --help lists them", (int)name.len,
                       (const char *)name.data);
    }
    return rn_fail(error, RN_INVALID, "no option %.*s; did you mean %s?", (int)name.len,
                   (const char *)name.data, meant);
}

/* The index of `value` in "one|two|three". */
static enum rn_status choice_take(const struct rn_option *option, const char *value,
                                  struct rn_error *error)
{
    struct rn_bytes left = rn_bytes_text(option->argument);
    struct rn_bytes wanted = rn_bytes_text(value);
    for (uint32_t index = 0;; index++) {
        size_t bar = rn_bytes_find_byte(left, '|');
        if (rn_bytes_equal(rn_bytes_sub(left, 0, bar), wanted)) {
            *(uint32_t *)option->into = index;
            return RN_OK;
        }
        if (bar == RN_NPOS) {
            return rn_fail(error, RN_INVALID, "%s takes one of %s, not '%s'", option->name,
                           option->argument, value);
        }
        left = rn_bytes_from(left, bar + 1);
    }
}

static enum rn_status list_take(const struct rn_option *option, const char *value,
                                struct rn_error *error)
{
    struct rn_option_list *list = option->into;
    if (list->count == RN_OPTION_VALUES_MAX) {
        return rn_fail(error, RN_LIMIT, "%s is given more than %d times", option->name,
                       RN_OPTION_VALUES_MAX);
    }
    list->at[list->count++] = value;
    list->at[list->count] = NULL;
    return RN_OK;
}

static enum rn_status once_take(const struct rn_option *option, const char *value,
                                struct rn_error *error)
{
    const char **into = option->into;
    if (*into != NULL) {
        return rn_fail(error, RN_INVALID, "%s is given twice, '%s' and '%s': it takes one",
                       option->name, *into, value);
    }
    *into = value;
    return RN_OK;
}

static enum rn_status number_take(const struct rn_option *option, const char *value,
                                  struct rn_error *error)
{
    bool from_one = option->kind == RN_OPTION_COUNT;
    if (!rn_bytes_to_u64(rn_bytes_text(value), option->into) ||
        (from_one && *(uint64_t *)option->into == 0)) {
        return rn_fail(error, RN_INVALID, "%s takes a whole number%s, not '%s'", option->name,
                       from_one ? " from 1 on" : "", value);
    }
    return RN_OK;
}

static enum rn_status value_take(const struct rn_option *option, const char *value,
                                 struct rn_error *error)
{
    switch (option->kind) {
    case RN_OPTION_FLAG:
        *(bool *)option->into = true;
        return RN_OK;
    case RN_OPTION_TEXT:
        *(const char **)option->into = value;
        return RN_OK;
    case RN_OPTION_ONCE:
        return once_take(option, value, error);
    case RN_OPTION_NUMBER:
    case RN_OPTION_COUNT:
        return number_take(option, value, error);
    case RN_OPTION_CHOICE:
        return choice_take(option, value, error);
    case RN_OPTION_LIST:
        return list_take(option, value, error);
    case RN_OPTION_MORE:
        break;
    }
    return RN_INVALID;
}

/* Takes argv[*at] and, where its value is a word of its own, the word behind it. */
static enum rn_status option_take(const struct rn_option *table, int argc, char **argv, int *at,
                                  struct rn_error *error)
{
    struct rn_bytes word = rn_bytes_text(argv[*at]);
    size_t equals = rn_bytes_find_byte(word, '=');
    struct rn_bytes name = rn_bytes_sub(word, 0, equals);
    const char *attached = NULL; /* "-j4" */
    if (rn_bytes_equal(name, RN_LIT("-h"))) {
        name = RN_LIT("--help");
    } else if (strncmp(argv[*at], "-j", 2) == 0 &&
               strspn(argv[*at] + 2, "0123456789") == word.len - 2) {
        attached = word.len > 2 ? argv[*at] + 2 : NULL;
        name = RN_LIT("--jobs");
    }
    const struct rn_option *option = option_find(table, name);
    if (option == NULL) {
        return complain_unknown(table, name, error);
    }
    if (attached != NULL) {
        return value_take(option, attached, error);
    }
    if (option->kind == RN_OPTION_FLAG) {
        if (equals != RN_NPOS) {
            return rn_fail(error, RN_INVALID, "%s takes no value", option->name);
        }
        return value_take(option, NULL, error);
    }
    if (equals != RN_NPOS) {
        return value_take(option, argv[*at] + equals + 1, error);
    }
    /* "--name -- COMMAND" is a forgotten value; who means it writes "--name=--". */
    if (*at + 1 >= argc || strcmp(argv[*at + 1], "--") == 0) {
        return rn_fail(error, RN_INVALID, "%s needs a value: %s %s", option->name, option->name,
                       option->argument);
    }
    *at += 1;
    return value_take(option, argv[*at], error);
}

enum rn_status rn_options_parse(const struct rn_option *table, int argc, char **argv, bool mixed,
                                char **words, int *word_count, int *rest, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    int at = 1;
    *word_count = 0;
    for (; at < argc && status == RN_OK; at++) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        if (argv[at][0] == '-' && argv[at][1] != '\0') {
            status = option_take(table, argc, argv, &at, error);
        } else if (mixed) {
            words[*word_count] = argv[at];
            *word_count += 1;
        } else {
            break;
        }
    }
    *rest = at;
    return status;
}

int rn_cli_begin(const struct rn_cli_command *command, int argc, char **argv, bool mixed,
                 struct rn_cli_line *line)
{
    struct rn_error error = {RN_OK, ""};
    int rest = argc;
    memset(line, 0, sizeof *line);
    /* A word moves forward or stays, never behind what is still to be read. */
    line->words = argv + 1;
    if (rn_options_parse(command->options, argc, argv, mixed, line->words, &line->word_count, &rest,
                         &error) != RN_OK) {
        return rn_cli_complain(command->name, command->trouble, &error);
    }
    if (rn_option_help_asked) {
        struct rn_buffer page = {0};
        (void)rn_cli_describe(command, &page);
        (void)fwrite(page.data, 1, page.len, stdout);
        rn_buffer_free(&page);
        return RN_EXIT_SAME;
    }
    line->rest = argv + rest;
    line->rest_count = argc - rest;
    line->divided = rest > 1 && strcmp(argv[rest - 1], "--") == 0;
    return -1;
}

/* --- describing ---------------------------------------------------------------------------------------------------- */

static size_t option_label(const struct rn_option *option, char *out, size_t size)
{
    int len = snprintf(out, size, "%s%s%s", option->name, option->argument != NULL ? " " : "",
                       option->argument != NULL ? option->argument : "");
    return len < 0 ? 0 : (size_t)len;
}

enum rn_status rn_cli_describe_options(const struct rn_option *table, struct rn_buffer *out)
{
    char label[80];
    size_t widest = 0;
    enum rn_status status = RN_OK;
    for (const struct rn_option *option = table; option != NULL && option->name != NULL; option++) {
        size_t len = option_label(option, label, sizeof label);
        widest = len > widest ? len : widest;
    }
    for (const struct rn_option *option = table;
         status == RN_OK && option != NULL && option->name != NULL; option++) {
        (void)option_label(option, label, sizeof label);
        status = rn_buffer_addf(out, "  %-*s  %s\n", (int)widest, label, option->help);
    }
    return status;
}

static enum rn_status describe_parts(const struct rn_cli_command *const *parts,
                                     struct rn_buffer *out)
{
    int widest = 0;
    enum rn_status status = rn_buffer_addf(out, "\n");
    for (size_t i = 0; parts[i] != NULL; i++) {
        int len = (int)strlen(parts[i]->name);
        widest = len > widest ? len : widest;
    }
    for (size_t i = 0; parts[i] != NULL && status == RN_OK; i++) {
        status = rn_buffer_addf(out, "  %-*s  %s\n", widest, parts[i]->name, parts[i]->summary);
    }
    return status;
}

enum rn_status rn_cli_describe(const struct rn_cli_command *command, struct rn_buffer *out)
{
    char first = command->summary[0];
    if (first >= 'a' && first <= 'z') {
        first = (char)(first - 'a' + 'A');
    }
    enum rn_status status = rn_buffer_addf(out, "usage: reenact %s\n\n%c%s.\n", command->synopsis,
                                           first, command->summary + 1);
    if (status == RN_OK && command->parts != NULL) {
        status = describe_parts(command->parts, out);
    }
    if (status == RN_OK && command->options != NULL && command->options->name != NULL) {
        status = rn_buffer_addf(out, "\n");
    }
    return status == RN_OK ? rn_cli_describe_options(command->options, out) : status;
}

const struct rn_cli_command *rn_cli_part_find(const struct rn_cli_command *command,
                                              const char *word)
{
    for (size_t i = 0; command->parts != NULL && command->parts[i] != NULL; i++) {
        const char *last = strrchr(command->parts[i]->name, ' ');
        if (last != NULL && strcmp(last + 1, word) == 0) {
            return command->parts[i];
        }
    }
    return NULL;
}

/* --- what was meant? ----------------------------------------------------------------------------------------------- */

/* Insertions, deletions, replacements and swaps of neighbours between two short words. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[3][WORD_BYTES_MAX + 1];
    size_t a_len = strnlen(a, WORD_BYTES_MAX);
    size_t b_len = strnlen(b, WORD_BYTES_MAX);
    for (size_t j = 0; j <= b_len; j++) {
        row[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *now = row[i % 3];
        const unsigned *before = row[(i + 2) % 3];
        const unsigned *twice_before = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned best = before[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                twice_before[j - 2] + 1 < best) {
                best = twice_before[j - 2] + 1;
            }
            now[j] = best;
        }
    }
    return row[a_len % 3][b_len];
}

const char *rn_cli_nearest(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    unsigned least = strlen(word) > 4 ? 3 : 2;
    for (; *names != NULL; names++) {
        unsigned steps = distance(word, *names);
        if (strlen(word) >= 3 && strncmp(word, *names, strlen(word)) == 0) {
            steps = 0;
        }
        if (steps < least) {
            least = steps;
            nearest = *names;
        }
    }
    return nearest;
}

/* --- complaining --------------------------------------------------------------------------------------------------- */

int rn_cli_complain(const char *command, int exit_status, const struct rn_error *error)
{
    struct rn_buffer line = {0};
    const char *text = error->text[0] != '\0' ? error->text : rn_status_name(error->status);
    /* The sentence may quote what was recorded or typed. */
    bool good = rn_printable(&line, rn_bytes_text(text), RN_PRINTABLE_LINE) == RN_OK;
    struct rn_bytes said = good ? rn_buffer_bytes(&line) : RN_LIT("out of memory");
    (void)fprintf(stderr, "reenact%s%s: %.*s\n", command == NULL ? "" : " ",
                  command == NULL ? "" : command, (int)said.len, (const char *)said.data);
    rn_buffer_free(&line);
    return exit_status;
}

int rn_cli_complainf(const char *command, int exit_status, const char *format, ...)
{
    struct rn_error error = {RN_INVALID, ""};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    return rn_cli_complain(command, exit_status, &error);
}
