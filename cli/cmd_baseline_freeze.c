/* `reenact baseline freeze`, `export`, `import`: a baseline is made, sent away, and taken in. */
#include "cmd_baseline.h"

#include <stdio.h>
#include <string.h>

#include "human.h"
#include "screen.h"
#include "selection.h"

static struct {
    const char *store;
    const char *name;
} asked;

static const struct rn_option freeze_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR", "the store ($REENACT_STORE, else .reenact)"},
    RN_SELECTION_OPTIONS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static const struct rn_option export_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static const struct rn_option import_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "where to put it ($REENACT_STORE, else .reenact)"},
    {"--name", RN_OPTION_TEXT, &asked.name, "NAME", "another name for it here"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static int tell(const char *part, enum rn_status status, const struct rn_baseline *baseline,
                const struct rn_error *error)
{
    struct rn_buffer out = {0};
    if (status != RN_OK) {
        return rn_cli_complain(part, RN_EXIT_TROUBLE, error);
    }
    bool good = rn_baseline_line(&out, baseline) == RN_OK && rn_screen_put(stdout, &out);
    rn_buffer_free(&out);
    return good ? RN_EXIT_SAME : RN_EXIT_TROUBLE;
}

static int run_freeze(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_selection selection;
    struct rn_buffer text = {0};
    struct rn_baseline baseline = {0};
    int done = rn_baseline_begin(&rn_cmd_baseline_freeze, argc, argv, 1, argc, &line);
    if (done >= 0) {
        return done;
    }
    line.words[line.word_count] = NULL; /* argv has room for it behind its last word */
    if (!rn_selection_is_given(line.words + 1)) {
        return rn_cli_complainf("baseline freeze", RN_EXIT_TROUBLE,
                                "which traces? name them, or say --name, --since, --session, ...");
    }
    enum rn_status status = rn_selection_read(line.words + 1, &selection, &text, &error);
    if (status == RN_OK && rn_buffer_add_byte(&text, 0) != RN_OK) {
        status = rn_fail(&error, RN_NOMEM, "out of memory");
    }
    if (status == RN_OK) {
        status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    }
    if (status == RN_OK) {
        status = rn_baseline_freeze(store, line.words[0], &selection, (const char *)text.data,
                                    &baseline, &error);
    }
    int code = tell("baseline freeze", status, &baseline, &error);
    rn_baseline_free(&baseline);
    rn_buffer_free(&text);
    rn_store_close(store);
    return code;
}

static int run_export(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_human size;
    uint64_t bytes = 0;
    int done = rn_baseline_begin(&rn_cmd_baseline_export, argc, argv, 2, 2, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    if (status == RN_OK) {
        status = rn_baseline_export(store, line.words[0], line.words[1], &bytes, &error);
    }
    rn_store_close(store);
    if (status != RN_OK) {
        return rn_cli_complain("baseline export", RN_EXIT_TROUBLE, &error);
    }
    if (strcmp(line.words[1], "-") != 0) {
        (void)fprintf(stderr, "%s: %s\n", line.words[1], rn_human_bytes(&size, bytes));
    }
    return RN_EXIT_SAME;
}

static int run_import(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_baseline baseline = {0};
    int done = rn_baseline_begin(&rn_cmd_baseline_import, argc, argv, 1, 1, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_CREATE, &store, &error);
    if (status == RN_OK) {
        status = rn_baseline_import(store, line.words[0], asked.name, &baseline, &error);
    }
    int code = tell("baseline import", status, &baseline, &error);
    rn_baseline_free(&baseline);
    rn_store_close(store);
    return code;
}

const struct rn_cli_command rn_cmd_baseline_freeze = {"baseline freeze",
                                                      "baseline freeze [options] NAME SELECTION",
                                                      "freeze traces under a name",
                                                      freeze_options,
                                                      run_freeze,
                                                      RN_EXIT_TROUBLE,
                                                      NULL};

const struct rn_cli_command rn_cmd_baseline_export = {"baseline export",
                                                      "baseline export [options] NAME FILE",
                                                      "write a baseline and its traces to one file",
                                                      export_options,
                                                      run_export,
                                                      RN_EXIT_TROUBLE,
                                                      NULL};

const struct rn_cli_command rn_cmd_baseline_import = {"baseline import",
                                                      "baseline import [options] FILE",
                                                      "take in what was exported",
                                                      import_options,
                                                      run_import,
                                                      RN_EXIT_TROUBLE,
                                                      NULL};
