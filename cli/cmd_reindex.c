/* `reenact reindex`: what was read of recorded calls, and the lists they are found by, made anew from the log. */
#include <inttypes.h>
#include <stdio.h>

#include "bring_up.h"
#include "commands.h"
#include "human.h"
#include "no_store.h"

static struct {
    const char *store;
} asked;

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to change ($REENACT_STORE, else .reenact)"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static enum rn_status tell(struct rn_store *store, struct rn_error *error)
{
    struct rn_store_facts facts;
    struct rn_human traces;
    enum rn_status status = rn_store_facts(store, &facts, error);
    if (status == RN_OK) {
        (void)fprintf(stderr, "%s: %s read anew\n", rn_store_path(store),
                      rn_human_count(&traces, facts.traces, "trace", "traces"));
    }
    return status;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    int done = rn_cli_begin(&rn_cmd_reindex, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count > 0 || line.rest_count > 0) {
        return rn_cli_complainf("reindex", RN_EXIT_TROUBLE,
                                "takes no TRACE: all of the store is read anew");
    }
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    status = status == RN_OK ? rn_cli_bring_up(store, true, &error) : status;
    status = status == RN_OK ? tell(store, &error) : status;
    int code = status == RN_OK ? RN_EXIT_SAME
               : store == NULL ? rn_cli_complain_store("reindex", &error)
                               : rn_cli_complain("reindex", RN_EXIT_TROUBLE, &error);
    rn_store_close(store);
    return code;
}

const struct rn_cli_command rn_cmd_reindex = {
    "reindex", "reindex [options]", "read anew what was recorded", options, run, RN_EXIT_TROUBLE,
    NULL};
