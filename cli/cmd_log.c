/* `reenact log`: the traces of a store or those of a SELECTION, newest first. */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/varint.h"
#include "base/memory.h"
#include "human.h"
#include "json_out.h"
#include "no_store.h"
#include "screen.h"
#include "selection.h"
#include "store/find.h"
#include "table.h"

#define ROWS_USUAL 50

static struct {
    const char *store;
    uint64_t limit;
    bool as_json;
} asked = {.limit = UINT64_MAX};

/* Only where something is asked for: all of a store is listed from its summaries alone. */
static struct rn_selection selection;
static bool is_selective;

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--limit", RN_OPTION_NUMBER, &asked.limit, "N",
     "show N traces, 0 for all (50; with --json all)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.log/1"},
    RN_SELECTION_OPTIONS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static const struct rn_table_column columns[] = {
    {"TRACE", false, false}, {"WHEN", false, false},     {"NAME", false, true},
    {"CALLS", true, false},  {"UPSTREAMS", false, true}, {"STATUS", false, false},
    {"RAW", true, false},    {"STORED", true, false},
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)

/* What the visit fills: a table or an array of documents, never both. */
struct listing {
    struct rn_table *table;
    json_t *array;
    uint64_t limit;
    uint64_t shown;
    bool more;
    uint64_t now_ns;
    enum rn_status status;
};

static enum rn_status join_runs(struct rn_buffer *out, struct rn_bytes runs)
{
    struct rn_bytes run;
    enum rn_status status = RN_OK;
    while (runs.len > 0 && status == RN_OK && rn_run_get(&runs, &run)) {
        if (out->len > 0) {
            status = rn_buffer_add(out, RN_LIT(", "));
        }
        status = status == RN_OK ? rn_buffer_add(out, run) : status;
    }
    return status;
}

/* State, completeness and exit in the fewest words: what is as it should be is not mentioned. */
static const char *status_words(const struct rn_trace_summary *summary, struct rn_human *out)
{
    struct rn_human ended;
    const char *exit_words = rn_human_exit(&ended, summary->has_run ? summary->exit_status : -1);
    const char *state = summary->state == RN_TRACE_OPEN   ? "open"
                        : summary->state == RN_TRACE_LOST ? "lost"
                        : exit_words[0] != '\0'           ? exit_words
                                                          : "closed";
    const char *complete = summary->state != RN_TRACE_CLOSED          ? ""
                           : summary->complete == RN_COMPLETE_NO      ? ", incomplete"
                           : summary->complete == RN_COMPLETE_UNKNOWN ? ", may be incomplete"
                                                                      : "";
    (void)snprintf(out->text, sizeof out->text, "%s%s", state, complete);
    return out->text;
}

static enum rn_status add_row(struct listing *listing, const struct rn_trace_summary *summary)
{
    struct rn_human when, words, raw, stored;
    struct rn_buffer upstreams = {0};
    char id[33];
    char calls[16];
    rn_trace_id_text(&summary->id, id);
    (void)snprintf(calls, sizeof calls, "%" PRIu32, summary->events);
    enum rn_status status = join_runs(&upstreams, summary->upstreams);
    if (status == RN_OK) {
        const struct rn_bytes cells[COLUMN_COUNT] = {
            rn_bytes_text(id + 24),
            rn_bytes_text(rn_human_ago(&when, summary->started_wall_ns, listing->now_ns)),
            summary->name,
            rn_bytes_text(calls),
            rn_buffer_bytes(&upstreams),
            rn_bytes_text(status_words(summary, &words)),
            rn_bytes_text(rn_human_bytes(&raw, summary->raw_bytes)),
            rn_bytes_text(rn_human_bytes(&stored, summary->stored_bytes)),
        };
        status =
            rn_table_row(listing->table, cells,
                         summary->complete == RN_COMPLETE_NO ? RN_PAINT_YELLOW : RN_PAINT_CYAN);
    }
    rn_buffer_free(&upstreams);
    return status;
}

static bool visit(void *self, const struct rn_trace_summary *summary)
{
    struct listing *listing = self;
    if (!is_selective && rn_trace_is_backtest(summary)) {
        return true; /* `backtest list` has these */
    }
    if (listing->limit > 0 && listing->shown == listing->limit) {
        listing->more = true;
        return false;
    }
    listing->shown++;
    if (listing->array != NULL) {
        json_t *object = json_object();
        rn_json_out_summary(object, summary);
        listing->status = json_array_append_new(listing->array, object) == 0 ? RN_OK : RN_NOMEM;
    } else {
        listing->status = add_row(listing, summary);
    }
    return listing->status == RN_OK;
}

/* A summary that cannot be read hides no other trace: it is remarked on, and the list goes on. */
static enum rn_status without_damaged(enum rn_status status, const struct rn_error *error)
{
    if (status != RN_DAMAGED) {
        return status;
    }
    (void)fprintf(stderr, "%s; `reenact verify` says more\n", error->text);
    return RN_OK;
}

/* The traces of the selection, newest first like all of them. */
static enum rn_status visit_selected(struct rn_store *store, struct listing *listing,
                                     struct rn_error *error)
{
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    bool goes_on = true;
    selection.limit = listing->limit > 0 && selection.sample == 0 ? listing->limit + 1 : 0;
    enum rn_status status = rn_select_traces(store, &selection, &ids, &count, error);
    while (status == RN_OK && goes_on && count > 0) {
        struct rn_arena arena = {0};
        struct rn_trace_summary summary;
        status = rn_trace_summary(store, &ids[--count], &arena, &summary, error);
        if (status == RN_OK) {
            goes_on = visit(listing, &summary);
        } else if (status == RN_NOTFOUND) {
            status = RN_OK; /* dropped meanwhile */
        }
        status = without_damaged(status, error);
        rn_arena_free(&arena);
    }
    rn_free(ids);
    return status;
}

static enum rn_status visit_all(struct rn_store *store, struct listing *listing,
                                struct rn_error *error)
{
    return is_selective ? visit_selected(store, listing, error)
                        : without_damaged(rn_find_each(store, true, visit, listing, error), error);
}

static enum rn_status list_table(struct rn_store *store, struct rn_error *error)
{
    struct rn_screen screen = rn_screen_of(stdout);
    struct rn_buffer out = {0};
    struct listing listing = {.table = rn_table_new(columns, COLUMN_COUNT),
                              .limit = asked.limit == UINT64_MAX ? ROWS_USUAL : asked.limit,
                              .now_ns = rn_clock_wall_ns()};
    if (listing.table == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    enum rn_status status = visit_all(store, &listing, error);
    if (status == RN_OK && listing.status != RN_OK) {
        status = rn_fail(error, listing.status, "%s", rn_status_name(listing.status));
    }
    if (status == RN_OK && listing.shown == 0 && is_selective) {
        (void)fprintf(stderr, "nothing in %s fits the selection\n", rn_store_path(store));
    } else if (status == RN_OK && listing.shown == 0) {
        (void)fprintf(stderr, "no traces in %s yet; `reenact record -- COMMAND` makes one\n",
                      rn_store_path(store));
    } else if (status == RN_OK) {
        status = rn_table_render(listing.table, &screen, &out);
        (void)rn_screen_put(stdout, &out);
    }
    if (status == RN_OK && listing.more) {
        (void)fprintf(stderr, "the newest %" PRIu64 "; --limit 0 shows all\n", listing.shown);
    }
    rn_table_free(listing.table);
    rn_buffer_free(&out);
    return status;
}

static enum rn_status list_json(struct rn_store *store, struct rn_error *error)
{
    struct listing listing = {.array = json_array(),
                              .limit = asked.limit == UINT64_MAX ? 0 : asked.limit};
    if (listing.array == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    enum rn_status status = visit_all(store, &listing, error);
    if (status == RN_OK && listing.status != RN_OK) {
        status = rn_fail(error, listing.status, "%s", rn_status_name(listing.status));
    }
    if (status != RN_OK) {
        json_decref(listing.array);
        return status;
    }
    json_t *document = rn_json_out_new("reenact.log/1");
    rn_json_out_text(document, "store", rn_store_path(store));
    (void)json_object_set_new(document, "traces", listing.array);
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    int done = rn_cli_begin(&rn_cmd_log, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.rest_count > 0) {
        return rn_cli_complainf("log", RN_EXIT_TROUBLE, "runs no command");
    }
    line.words[line.word_count] = NULL;
    is_selective = rn_selection_is_given(line.words);
    enum rn_status status = rn_selection_read(line.words, &selection, NULL, &error);
    if (status == RN_OK) {
        status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    }
    if (status == RN_OK) {
        status = asked.as_json ? list_json(store, &error) : list_table(store, &error);
    }
    int code = status == RN_OK ? RN_EXIT_SAME
               : store == NULL ? rn_cli_complain_store("log", &error)
                               : rn_cli_complain("log", RN_EXIT_TROUBLE, &error);
    rn_store_close(store);
    return code;
}

const struct rn_cli_command rn_cmd_log = {"log",
                                          "log [SELECTION] [options]",
                                          "list the traces, newest first",
                                          options,
                                          run,
                                          RN_EXIT_TROUBLE,
                                          NULL};
