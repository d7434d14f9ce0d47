/* `reenact baseline`: its parts, and those that look at what was frozen: list, show, drop. */
#include "cmd_baseline.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "commands.h"
#include "human.h"
#include "json_out.h"
#include "no_store.h"
#include "printable.h"
#include "screen.h"
#include "table.h"

#define ROOT_DIGITS 16

static struct {
    const char *store;
    bool as_json;
} asked;

static const struct rn_option list_options[] =
    RN_BASELINE_OPTIONS_READING(asked, "reenact.baselines/1");
static const struct rn_option show_options[] =
    RN_BASELINE_OPTIONS_READING(asked, "reenact.baseline/1");

static const struct rn_option drop_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR", "the store ($REENACT_STORE, else .reenact)"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

int rn_baseline_begin(const struct rn_cli_command *part, int argc, char **argv, int least, int most,
                      struct rn_cli_line *line)
{
    int done = rn_cli_begin(part, argc, argv, true, line);
    if (done >= 0) {
        return done;
    }
    if (line->word_count < least || line->word_count > most || line->rest_count > 0) {
        return rn_cli_complainf(part->name, part->trouble, "usage: reenact %s", part->synopsis);
    }
    return -1;
}

enum rn_status rn_baseline_line(struct rn_buffer *out, const struct rn_baseline *baseline)
{
    struct rn_human traces, calls;
    char root[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(baseline->root, RN_SHA256_BYTES), root);
    enum rn_status status = rn_printable(out, baseline->name, RN_PRINTABLE_LINE);
    return status == RN_OK
               ? rn_buffer_addf(out, ": %s, %s, root %s\n",
                                rn_human_count(&traces, baseline->count, "trace", "traces"),
                                rn_human_count(&calls, baseline->calls, "call", "calls"), root)
               : status;
}

/* --- list ---------------------------------------------------------------------------------------------------------- */

static const struct rn_table_column columns[] = {
    {"BASELINE", false, true}, {"FROZEN", false, false}, {"TRACES", true, false},
    {"CALLS", true, false},    {"ROOT", false, false},   {"SELECTION", false, true},
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)

struct listing {
    struct rn_table *table;
    json_t *array;
    size_t shown;
    enum rn_status status;
};

static bool visit(void *self, const struct rn_baseline *baseline)
{
    struct listing *listing = self;
    struct rn_human when, traces, calls;
    char root[2 * RN_SHA256_BYTES + 1];
    listing->shown++;
    if (listing->array != NULL) {
        json_t *object = json_loadb((const char *)baseline->json.data, baseline->json.len, 0, NULL);
        listing->status = json_array_append_new(listing->array, object) == 0 ? RN_OK : RN_NOMEM;
        return listing->status == RN_OK;
    }
    rn_hex(rn_bytes_of(baseline->root, RN_SHA256_BYTES), root);
    (void)snprintf(traces.text, sizeof traces.text, "%zu", baseline->count);
    (void)snprintf(calls.text, sizeof calls.text, "%" PRIu64, baseline->calls);
    const struct rn_bytes cells[COLUMN_COUNT] = {
        baseline->name,
        rn_bytes_text(rn_human_ago(&when, baseline->frozen_wall_ns, rn_clock_wall_ns())),
        rn_bytes_text(traces.text),
        rn_bytes_text(calls.text),
        rn_bytes_of(root, ROOT_DIGITS),
        baseline->selection,
    };
    listing->status = rn_table_row(listing->table, cells, RN_PAINT_CYAN);
    return listing->status == RN_OK;
}

static enum rn_status print_listing(struct listing *listing, struct rn_store *store,
                                    struct rn_error *error)
{
    struct rn_buffer out = {0};
    struct rn_screen screen = rn_screen_of(stdout);
    enum rn_status status = RN_OK;
    if (listing->array != NULL) {
        json_t *document = rn_json_out_new("reenact.baselines/1");
        rn_json_out_text(document, "store", rn_store_path(store));
        (void)json_object_set(document, "baselines", listing->array);
        status = rn_json_out_put(stdout, document)
                     ? RN_OK
                     : rn_fail(error, RN_IO, "cannot print the document");
    } else if (listing->shown == 0) {
        (void)fprintf(stderr,
                      "no baselines in %s; `reenact baseline freeze NAME SELECTION` makes one\n",
                      rn_store_path(store));
    } else {
        status = rn_table_render(listing->table, &screen, &out);
        (void)rn_screen_put(stdout, &out);
    }
    rn_buffer_free(&out);
    return status;
}

static int run_list(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    int done = rn_baseline_begin(&rn_cmd_baseline_list, argc, argv, 0, 0, &line);
    if (done >= 0) {
        return done;
    }
    struct listing listing = {.table = rn_table_new(columns, COLUMN_COUNT),
                              .array = asked.as_json ? json_array() : NULL};
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    if (status == RN_OK) {
        status = rn_baseline_each(store, visit, &listing, &error);
        status = status == RN_OK ? listing.status : status;
    }
    if (status == RN_OK) {
        status = print_listing(&listing, store, &error);
    }
    int code = status == RN_OK ? RN_EXIT_SAME
               : store == NULL ? rn_cli_complain_store("baseline list", &error)
                               : rn_cli_complain("baseline list", RN_EXIT_TROUBLE, &error);
    rn_table_free(listing.table);
    json_decref(listing.array);
    rn_store_close(store);
    return code;
}

/* --- show ---------------------------------------------------------------------------------------------------------- */

/* Commits and releases are counted in traces; of a version there is one. */
static enum rn_status add_count(struct rn_buffer *out, enum rn_baseline_list list, uint64_t count)
{
    struct rn_human human;
    bool in_traces = list == RN_BASELINE_COMMITS || list == RN_BASELINE_RELEASES;
    if (count == 0 || list == RN_BASELINE_VERSIONS) {
        return RN_OK;
    }
    return rn_buffer_addf(out, "  %s",
                          rn_human_count(&human, count, in_traces ? "trace" : "call",
                                         in_traces ? "traces" : "calls"));
}

static enum rn_status add_fact(struct rn_buffer *out, const struct rn_screen *screen,
                               enum rn_baseline_list list, const struct rn_baseline_fact *fact)
{
    size_t width = screen->width > 40 ? screen->width : 120;
    enum rn_status status = rn_buffer_addf(out, "  ");
    status = status == RN_OK ? rn_printable_short(out, fact->what, width - 24) : status;
    status = status == RN_OK ? add_count(out, list, fact->calls) : status;
    if (status == RN_OK && fact->note.len > 0) {
        status = rn_buffer_addf(out, "\n    ");
        status = status == RN_OK ? rn_printable_short(out, fact->note, width - 4) : status;
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_traces(struct rn_buffer *out, const struct rn_baseline *baseline,
                                 const struct rn_screen *screen)
{
    static const struct rn_table_column trace_columns[] = {
        {"TRACE", false, false}, {"NAME", false, true}, {"INPUT", false, true}};
    struct rn_table *table = rn_table_new(trace_columns, 3);
    enum rn_status status = table == NULL ? RN_NOMEM : RN_OK;
    for (size_t i = 0; i < baseline->count && status == RN_OK; i++) {
        char id[33];
        rn_trace_id_text(&baseline->traces[i].id, id);
        const struct rn_bytes cells[] = {rn_bytes_text(id + 24), baseline->traces[i].name,
                                         baseline->traces[i].input};
        status = rn_table_row(table, cells, RN_PAINT_CYAN);
    }
    status = status == RN_OK ? rn_table_render(table, screen, out) : status;
    rn_table_free(table);
    return status;
}

static enum rn_status show(const struct rn_baseline *baseline)
{
    struct rn_buffer out = {0};
    struct rn_human moment;
    struct rn_screen screen = rn_screen_of(stdout);
    enum rn_status status = rn_baseline_line(&out, baseline);
    if (status == RN_OK) {
        status = rn_buffer_addf(
            &out, "frozen %s from: ", rn_human_moment(&moment, baseline->frozen_wall_ns));
        status =
            status == RN_OK ? rn_printable(&out, baseline->selection, RN_PRINTABLE_LINE) : status;
        status = status == RN_OK ? rn_buffer_addf(&out, "\n") : status;
    }
    for (unsigned list = 0; list < RN_BASELINE_LISTS && status == RN_OK; list++) {
        if (baseline->list_counts[list] > 0) {
            status =
                rn_buffer_addf(&out, "\n%s\n", rn_baseline_list_name((enum rn_baseline_list)list));
        }
        for (size_t i = 0; i < baseline->list_counts[list] && status == RN_OK; i++) {
            status =
                add_fact(&out, &screen, (enum rn_baseline_list)list, &baseline->lists[list][i]);
        }
    }
    status = status == RN_OK ? rn_buffer_addf(&out, "\n") : status;
    status = status == RN_OK ? add_traces(&out, baseline, &screen) : status;
    (void)rn_screen_put(stdout, &out);
    rn_buffer_free(&out);
    return status;
}

static int run_show(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_baseline baseline = {0};
    int done = rn_baseline_begin(&rn_cmd_baseline_show, argc, argv, 1, 1, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    if (status == RN_OK) {
        status = rn_baseline_load(store, line.words[0], &baseline, &error);
    }
    if (status == RN_OK && asked.as_json) {
        (void)fwrite(baseline.json.data, 1, baseline.json.len, stdout);
    } else if (status == RN_OK && show(&baseline) != RN_OK) {
        status = rn_fail(&error, RN_NOMEM, "out of memory");
    }
    rn_baseline_free(&baseline);
    rn_store_close(store);
    return status == RN_OK ? RN_EXIT_SAME
                           : rn_cli_complain("baseline show", RN_EXIT_TROUBLE, &error);
}

/* --- drop ---------------------------------------------------------------------------------------------------------- */

static int run_drop(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    int done = rn_baseline_begin(&rn_cmd_baseline_drop, argc, argv, 1, 1, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    if (status == RN_OK) {
        status = rn_baseline_drop(store, line.words[0], &error);
    }
    rn_store_close(store);
    return status == RN_OK ? RN_EXIT_SAME
                           : rn_cli_complain("baseline drop", RN_EXIT_TROUBLE, &error);
}

const struct rn_cli_command rn_cmd_baseline_list = {"baseline list",
                                                    "baseline list [options]",
                                                    "list what was frozen",
                                                    list_options,
                                                    run_list,
                                                    RN_EXIT_TROUBLE,
                                                    NULL};

const struct rn_cli_command rn_cmd_baseline_show = {"baseline show",
                                                    "baseline show [options] NAME",
                                                    "show a manifest",
                                                    show_options,
                                                    run_show,
                                                    RN_EXIT_TROUBLE,
                                                    NULL};

const struct rn_cli_command rn_cmd_baseline_drop = {"baseline drop",
                                                    "baseline drop [options] NAME",
                                                    "forget a baseline; its traces stay",
                                                    drop_options,
                                                    run_drop,
                                                    RN_EXIT_TROUBLE,
                                                    NULL};

/* --- the table ----------------------------------------------------------------------------------------------------- */

static const struct rn_cli_command *const parts[] = {
    &rn_cmd_baseline_freeze, &rn_cmd_baseline_list,
    &rn_cmd_baseline_show,   &rn_cmd_baseline_verify,
    &rn_cmd_baseline_check,  &rn_cmd_baseline_diff,
    &rn_cmd_baseline_export, &rn_cmd_baseline_import,
    &rn_cmd_baseline_drop,   NULL,
};

static const struct rn_option options[] = {RN_OPTION_HELP, RN_OPTION_END};

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    int done = rn_cli_begin(&rn_cmd_baseline, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count > 0) {
        return rn_cli_complainf("baseline", RN_EXIT_TROUBLE,
                                "no part '%s'; `reenact help baseline` lists them", line.words[0]);
    }
    return rn_cli_complainf(
        "baseline", RN_EXIT_TROUBLE,
        "do what? freeze, list, show, verify, check, diff, export, import or drop");
}

const struct rn_cli_command rn_cmd_baseline = {
    "baseline",
    "baseline PART ...",
    "freeze recorded runs and check an application by them",
    options,
    run,
    RN_EXIT_TROUBLE,
    parts};
