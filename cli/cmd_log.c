/*
 * `reenact log`: the traces of a store or those of a SELECTION, newest first, each at a glance. With --grep those in which a text
 * stands, and where.
 */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/varint.h"
#include "base/memory.h"
#include "bring_up.h"
#include "cmd_backtest.h"
#include "human.h"
#include "json_out.h"
#include "log_hits.h"
#include "no_store.h"
#include "replayer/glance.h"
#include "screen.h"
#include "selection.h"
#include "stores.h"
#include "store/find.h"
#include "table.h"

#define ROWS_USUAL 50

static struct {
    const char *store;
    const char *grep;
    const char *in;
    bool ignore_case;
    uint64_t limit;
    bool as_json;
} asked = {.limit = UINT64_MAX};

/* Only where something is asked for: all of a store is listed from its summaries alone. */
static struct rn_selection selection;
static bool is_selective;

static const struct rn_option options[] = {
    {"--store", RN_OPTION_ONCE, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--limit", RN_OPTION_NUMBER, &asked.limit, "N",
     "show N traces, 0 for all (50; with --json all)"},
    {"--grep", RN_OPTION_TEXT, &asked.grep, "TEXT", "in which this was asked, said or found"},
    {"--in", RN_OPTION_TEXT, &asked.in, "LIST",
     "search prompt,document,tool,answer,decision,other"},
    {"--ignore-case", RN_OPTION_FLAG, &asked.ignore_case, NULL, "a is A"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.log/1"},
    RN_SELECTION_OPTIONS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

enum {
    TRACE,
    STORE,
    WHEN,
    NAME,
    RELEASE,
    DECISION,
    MODELS,
    CALLS,
    TIME,
    COST,
    STATUS,
    WORDS,
    COLUMN_COUNT
};
static const struct rn_table_column columns[COLUMN_COUNT] = {
    [STORE] = {"STORE", false, true},     [TRACE] = {"TRACE", false, false},
    [WHEN] = {"WHEN", false, false},      [NAME] = {"NAME", false, true},
    [RELEASE] = {"RELEASE", false, true}, [DECISION] = {"DECISION", false, true},
    [MODELS] = {"MODELS", false, true},   [CALLS] = {"CALLS", false, false},
    [TIME] = {"TIME", true, false},       [COST] = {"COST", true, false},
    [STATUS] = {"STATUS", false, false},  [WORDS] = {"LAST WORDS", false, true},
};
static const struct rn_table_column columns_of_grep[COLUMN_COUNT] = {
    [STORE] = {"STORE", false, true},     [TRACE] = {"TRACE", false, false},
    [WHEN] = {"WHEN", false, false},      [NAME] = {"NAME", false, true},
    [RELEASE] = {"RELEASE", false, true}, [DECISION] = {"DECISION", false, true},
    [MODELS] = {"MODELS", false, true},   [CALLS] = {"CALLS", false, false},
    [TIME] = {"TIME", true, false},       [COST] = {"COST", true, false},
    [STATUS] = {"STATUS", false, false},  [WORDS] = {"FOUND", false, true},
};
#define WORDS_BYTES_MAX 200u
/* On a narrow screen what was said matters more than these, the first of them first. */
#define WORDS_COLUMNS_MIN 32u
static const size_t given_up[] = {COST, RELEASE, TIME, STATUS, MODELS, NAME};

/* What the visit fills: a table or an array of documents, never both. */
struct listing {
    const struct rn_stores *stores;
    struct rn_store *store;   /* the one being listed */
    const char *store_name;   /* "" where there is only one */
    struct rn_grep_done done; /* of all searches so far */
    struct rn_table *table;
    const struct rn_prices *prices;
    bool by_reading; /* facts are far behind: few traces are read instead */
    json_t *array;
    uint64_t limit;
    uint64_t shown;
    uint64_t shown_here; /* of this store */
    bool more;
    uint64_t now_ns;
    const struct rn_log_hits *hits; /* of the trace that is shown next; NULL: no --grep */
    enum rn_status status;
};

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

/* "3 calls 1 tool", "2 calls (1 failed)"; of what asked no model, its exchanges. */
static const char *call_words(struct rn_human *out, const struct rn_trace_summary *summary,
                              const struct rn_glance *glance)
{
    struct rn_human calls, tools;
    uint32_t count = glance->calls > 0 ? glance->calls : summary->events;
    int len =
        snprintf(out->text, sizeof out->text, "%s", rn_human_count(&calls, count, "call", "calls"));
    if (glance->tools > 0 && len > 0 && (size_t)len < sizeof out->text) {
        len += snprintf(out->text + len, sizeof out->text - (size_t)len, " %s",
                        rn_human_count(&tools, glance->tools, "tool", "tools"));
    }
    if (glance->failed > 0 && len > 0 && (size_t)len < sizeof out->text) {
        (void)snprintf(out->text + len, sizeof out->text - (size_t)len, " (%" PRIu32 " failed)",
                       glance->failed);
    }
    return out->text;
}

static enum rn_status add_words(const struct listing *listing,
                                const struct rn_trace_summary *summary, struct rn_buffer *out)
{
    struct rn_error error = {.text = ""};
    if (listing->hits != NULL) {
        return rn_log_hits_words(listing->hits, out);
    }
    return rn_glance_last_words(listing->store, summary, listing->by_reading, WORDS_BYTES_MAX, out,
                                &error);
}

/*
 * Of a run, from its beginning to its end; of a decision, until it was answered; else of the calls. A note may be
 * written a week later, and then the summary ends with it.
 */
static uint64_t time_taken(const struct rn_trace_summary *summary, const struct rn_glance *glance)
{
    bool is_run = summary->has_run && summary->notes == 0 &&
                  summary->ended_wall_ns > summary->started_wall_ns;
    return is_run ? summary->ended_wall_ns - summary->started_wall_ns : glance->duration_ns;
}

static enum rn_status put_row(const struct listing *listing, const struct rn_trace_summary *summary,
                              const struct rn_glance *glance, struct rn_bytes models,
                              struct rn_bytes words)
{
    struct rn_human when, calls, time, status_text;
    char id[33];
    char cost[RN_MONEY_BYTES_MAX];
    uint64_t took = time_taken(summary, glance);
    rn_trace_id_text(&summary->id, id);
    const struct rn_bytes cells[COLUMN_COUNT] = {
        [TRACE] = rn_bytes_text(id + 24),
        [STORE] = rn_bytes_text(listing->store_name),
        [WHEN] = rn_bytes_text(rn_human_ago(&when, summary->started_wall_ns, listing->now_ns)),
        [NAME] = summary->name,
        [RELEASE] = summary->release,
        [DECISION] = glance->decision,
        [MODELS] = models,
        [CALLS] = rn_bytes_text(call_words(&calls, summary, glance)),
        [TIME] = took > 0 ? rn_bytes_text(rn_human_duration(&time, took)) : RN_LIT(""),
        [COST] = glance->has_cost ? rn_bytes_text(rn_backtest_money(cost, true, glance->cost_pico))
                                  : RN_LIT(""),
        [STATUS] = rn_bytes_text(status_words(summary, &status_text)),
        [WORDS] = words,
    };
    enum rn_status status =
        rn_table_row(listing->table, cells,
                     summary->complete == RN_COMPLETE_NO ? RN_PAINT_YELLOW : RN_PAINT_CYAN);
    if (status == RN_OK) {
        rn_table_rank(listing->table, summary->started_wall_ns);
    }
    return status;
}

/* What facts cannot say is left empty: the list goes on. */
static enum rn_status add_row(struct listing *listing, const struct rn_trace_summary *summary)
{
    struct rn_error error = {.text = ""};
    struct rn_glance glance;
    struct rn_buffer models = {0};
    struct rn_buffer words = {0};
    enum rn_status status = rn_glance_make(listing->store, summary, listing->by_reading,
                                           listing->prices, &glance, &error);
    status = status == RN_NOMEM ? status : RN_OK;
    status = status == RN_OK ? rn_human_runs(&models, glance.models) : status;
    if (status == RN_OK && models.len == 0) {
        status = rn_human_runs(&models, summary->upstreams);
    }
    status = status == RN_OK ? add_words(listing, summary, &words) : status;
    if (status == RN_OK) {
        status =
            put_row(listing, summary, &glance, rn_buffer_bytes(&models), rn_buffer_bytes(&words));
    }
    rn_glance_free(&glance);
    rn_buffer_free(&models);
    rn_buffer_free(&words);
    return status;
}

/* The same at a glance for a document. What facts cannot say is left out. */
static enum rn_status put_glance(const struct listing *listing,
                                 const struct rn_trace_summary *summary, json_t *object)
{
    struct rn_error error = {.text = ""};
    struct rn_glance glance;
    enum rn_status status = rn_glance_make(listing->store, summary, listing->by_reading,
                                           listing->prices, &glance, &error);
    if (status == RN_OK) {
        rn_json_out_bytes(object, "decision", glance.decision);
        rn_json_out_runs(object, "models", glance.models);
        rn_json_out_u32(object, "calls", glance.calls);
        rn_json_out_u32(object, "tools", glance.tools);
        rn_json_out_u32(object, "failed", glance.failed);
        rn_json_out_u64(object, "took_ns", time_taken(summary, &glance));
        if (glance.has_cost) {
            rn_json_out_u64(object, "cost_pico_usd", glance.cost_pico);
        }
    }
    rn_glance_free(&glance);
    return status == RN_NOMEM ? status : RN_OK;
}

static bool visit(void *self, const struct rn_trace_summary *summary)
{
    struct listing *listing = self;
    if (!is_selective && rn_trace_is_backtest(summary)) {
        return true; /* `backtest list` has these */
    }
    if (listing->limit > 0 && listing->shown_here == listing->limit) {
        listing->more = true;
        return false;
    }
    listing->shown++;
    listing->shown_here++;
    if (listing->array != NULL) {
        json_t *object = json_object();
        rn_json_out_summary(object, summary);
        if (listing->stores->count > 1) {
            rn_json_out_text(object, "store", rn_store_path(listing->store));
        }
        if (listing->hits != NULL) {
            rn_log_hits_json(listing->hits, object);
        }
        listing->status = put_glance(listing, summary, object);
        if (json_array_append_new(listing->array, object) != 0) {
            listing->status = RN_NOMEM;
        }
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

static enum rn_status visit_id(struct listing *listing, const struct rn_trace_id *id, bool *goes_on,
                               struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_trace_summary(listing->store, id, &arena, &summary, error);
    if (status == RN_OK) {
        *goes_on = visit(listing, &summary);
    } else if (status == RN_NOTFOUND) {
        status = RN_OK; /* dropped meanwhile */
    }
    rn_arena_free(&arena);
    return without_damaged(status, error);
}

/* The traces of the selection, newest first like all of them. */
static enum rn_status visit_selected(struct listing *listing, struct rn_error *error)
{
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    bool goes_on = true;
    selection.limit = listing->limit > 0 && selection.sample == 0 ? listing->limit + 1 : 0;
    enum rn_status status = rn_select_traces(listing->store, &selection, &ids, &count, error);
    while (status == RN_OK && goes_on && count > 0) {
        status = visit_id(listing, &ids[--count], &goes_on, error);
    }
    rn_free(ids);
    return status;
}

/* What was searched, and in how much of it something was found. */
static void tell_searched(const struct rn_grep_done *done)
{
    struct rn_human bytes, traces, events;
    (void)fprintf(stderr, "%" PRIu64 " of %s; %s and %s searched", done->traces_hit,
                  rn_human_count(&traces, done->traces, "trace", "traces"),
                  rn_human_count(&events, done->events, "event", "events"),
                  rn_human_bytes(&bytes, done->bytes));
    if (done->unread > 0) {
        (void)fprintf(stderr, ", %" PRIu64 " of them could not be read in full", done->unread);
    }
    (void)fprintf(stderr, "\n");
}

static enum rn_status visit_found(struct listing *listing, struct rn_error *error)
{
    struct rn_log_found found = {.newest = NULL};
    struct rn_grep_done done = {.traces = 0};
    struct rn_grep grep = {.text = rn_bytes_text(asked.grep), .ignore_case = asked.ignore_case};
    bool goes_on = true;
    enum rn_status status = rn_log_hits_in(asked.in, &grep.in, error);
    selection.limit = listing->limit;
    if (status == RN_OK) {
        status =
            rn_grep_run(listing->store, &selection, &grep, rn_log_hits_add, &found, &done, error);
    }
    for (const struct rn_log_hits *hits = found.newest; status == RN_OK && goes_on && hits != NULL;
         hits = hits->older) {
        listing->hits = hits;
        status = visit_id(listing, &hits->id, &goes_on, error);
    }
    listing->done.traces += done.traces;
    listing->done.traces_hit += done.traces_hit;
    listing->done.events += done.events;
    listing->done.bytes += done.bytes;
    listing->done.unread += done.unread;
    rn_arena_free(&found.arena);
    return status;
}

/* Facts that are far behind are brought up only where they are asked for; else the few traces shown are read. */
static enum rn_status visit_all(struct listing *listing, struct rn_error *error)
{
    uint64_t lag = 0;
    enum rn_status status = RN_OK;
    if (is_selective && rn_selection_asks_facts(&selection)) {
        status = rn_cli_bring_up(listing->store, false, error);
    }
    status = status == RN_OK ? rn_store_catch_up(listing->store, error) : status;
    status = status == RN_OK ? rn_facts_lag(listing->store, &lag, error) : status;
    if (status == RN_OK && lag > 0 && lag <= RN_FACTS_LAG_MAX) {
        status = rn_facts_ready(listing->store, NULL, NULL, &listing->by_reading, error);
    } else {
        listing->by_reading = lag > 0;
    }
    if (status != RN_OK) {
        return status;
    }
    if (asked.grep != NULL) {
        return visit_found(listing, error);
    }
    return is_selective
               ? visit_selected(listing, error)
               : without_damaged(rn_find_each(listing->store, true, visit, listing, error), error);
}

/* A TRACE of the selection need not be in every store. */
static enum rn_status run_listing(struct listing *listing, struct rn_error *error)
{
    const struct rn_stores *stores = listing->stores;
    enum rn_status status = RN_OK;
    size_t without = 0;
    for (size_t i = 0; status == RN_OK && i < stores->count; i++) {
        listing->store = stores->at[i];
        listing->store_name = stores->count > 1 ? rn_stores_name(stores, i) : "";
        listing->shown_here = 0;
        listing->hits = NULL;
        status = visit_all(listing, error);
        if (status == RN_NOTFOUND && ++without < stores->count) {
            status = RN_OK;
        }
    }
    if (status == RN_OK && asked.grep != NULL) {
        tell_searched(&listing->done);
    }
    return status == RN_OK && listing->status != RN_OK
               ? rn_fail(error, listing->status, "%s", rn_status_name(listing->status))
               : status;
}

static void tell_nothing(const struct rn_stores *stores)
{
    const char *where = stores->count > 1 ? "any of these stores" : rn_store_path(stores->at[0]);
    if (is_selective) {
        (void)fprintf(stderr, "nothing in %s fits the selection\n", where);
    } else if (asked.grep == NULL) {
        (void)fprintf(stderr, "no traces in %s yet; `reenact record -- COMMAND` makes one\n",
                      where);
    }
}

static enum rn_status print_table(struct listing *listing, struct rn_error *error)
{
    struct rn_screen screen = rn_screen_of(stdout);
    struct rn_buffer out = {0};
    enum rn_status status = RN_OK;
    if (listing->stores->count > 1) {
        listing->more = listing->more || (listing->limit > 0 && listing->shown > listing->limit);
        status = rn_table_keep_highest(listing->table, (size_t)listing->limit);
    }
    status = status == RN_OK ? rn_table_render(listing->table, &screen, &out) : status;
    bool printed = status == RN_OK && rn_screen_put(stdout, &out);
    rn_buffer_free(&out);
    if (status != RN_OK) {
        return rn_fail(error, status, "out of memory");
    }
    return printed ? RN_OK : rn_fail(error, RN_IO, "cannot print");
}

static enum rn_status list_table(const struct rn_stores *stores, const struct rn_prices *prices,
                                 struct rn_error *error)
{
    struct listing listing = {
        .stores = stores,
        .prices = prices,
        .table = rn_table_new(asked.grep != NULL ? columns_of_grep : columns, COLUMN_COUNT),
        .limit = asked.limit == UINT64_MAX ? ROWS_USUAL : asked.limit,
        .now_ns = rn_clock_wall_ns()};
    if (listing.table == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    rn_table_hide_empty(listing.table);
    rn_table_spare(listing.table, WORDS, WORDS_COLUMNS_MIN, given_up,
                   sizeof given_up / sizeof *given_up);
    enum rn_status status = run_listing(&listing, error);
    if (status == RN_OK && listing.shown == 0) {
        tell_nothing(stores);
    } else if (status == RN_OK) {
        status = print_table(&listing, error);
    }
    if (status == RN_OK && listing.more) {
        (void)fprintf(stderr, "the newest %" PRIu64 "; --limit 0 shows all\n", listing.limit);
    }
    rn_table_free(listing.table);
    return status;
}

static uint64_t started(const json_t *trace)
{
    uint64_t ns = 0;
    const char *text = json_string_value(json_object_get(trace, "started_ns"));
    (void)rn_bytes_to_u64(rn_bytes_text(text == NULL ? "" : text), &ns);
    return ns;
}

static int newest_first(const void *a, const void *b)
{
    uint64_t left = started(*(json_t *const *)a);
    uint64_t right = started(*(json_t *const *)b);
    return left > right ? -1 : left < right;
}

/* The newest first, whichever store they are of, and at most `limit`. Takes the array over. */
static json_t *in_order(json_t *array, uint64_t limit)
{
    size_t count = json_array_size(array);
    json_t **traces = rn_calloc(count + 1, sizeof *traces);
    json_t *sorted = json_array();
    if (traces == NULL || sorted == NULL) {
        rn_json_out_short();
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        traces[i] = json_array_get(array, i);
    }
    if (count > 0) {
        qsort(traces, count, sizeof *traces, newest_first);
    }
    count = limit > 0 && limit < count ? (size_t)limit : count;
    for (size_t i = 0; i < count; i++) {
        if (json_array_append(sorted, traces[i]) != 0) {
            rn_json_out_short();
        }
    }
    rn_free(traces);
    json_decref(array);
    return sorted;
}

static enum rn_status list_json(const struct rn_stores *stores, const struct rn_prices *prices,
                                struct rn_error *error)
{
    struct listing listing = {.stores = stores,
                              .prices = prices,
                              .array = json_array(),
                              .limit = asked.limit == UINT64_MAX ? 0 : asked.limit};
    if (listing.array == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    enum rn_status status = run_listing(&listing, error);
    if (status != RN_OK) {
        json_decref(listing.array);
        return status;
    }
    if (stores->count > 1) {
        listing.array = in_order(listing.array, listing.limit);
    }
    json_t *document = rn_json_out_new("reenact.log/1");
    rn_json_out_text(document, "store", rn_store_path(stores->at[0]));
    (void)json_object_set_new(document, "traces", listing.array);
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

static enum rn_status check_words(struct rn_error *error)
{
    unsigned in = 0;
    if (asked.grep == NULL && (asked.in != NULL || asked.ignore_case)) {
        return rn_fail(error, RN_INVALID,
                       "--in and --ignore-case say how to search; give --grep TEXT");
    }
    if (asked.grep != NULL && asked.grep[0] == '\0') {
        return rn_fail(error, RN_INVALID, "the text to search for is empty");
    }
    return rn_log_hits_in(asked.in, &in, error);
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_stores stores = {.count = 0};
    struct rn_prices *prices = NULL;
    int done = rn_cli_begin(&rn_cmd_log, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.rest_count > 0) {
        return rn_cli_complainf("log", RN_EXIT_TROUBLE, "runs no command");
    }
    line.words[line.word_count] = NULL;
    is_selective = rn_selection_is_given(line.words);
    enum rn_status status = check_words(&error);
    status = status == RN_OK ? rn_selection_read(line.words, &selection, NULL, &error) : status;
    status = status == RN_OK ? rn_prices_load(NULL, &prices, &error) : status;
    if (status == RN_OK) {
        status = rn_stores_open(asked.store, &stores, &error);
    }
    if (status == RN_OK) {
        status = asked.as_json ? list_json(&stores, prices, &error)
                               : list_table(&stores, prices, &error);
    }
    bool is_unopened = stores.count == 0 && prices != NULL;
    int code = status == RN_OK ? (stores.is_short ? RN_EXIT_TROUBLE : RN_EXIT_SAME)
               : is_unopened   ? rn_cli_complain_store("log", &error)
                               : rn_cli_complain("log", RN_EXIT_TROUBLE, &error);
    rn_stores_close(&stores);
    rn_prices_free(prices);
    return code;
}

const struct rn_cli_command rn_cmd_log = {"log",
                                          "log [SELECTION] [options]",
                                          "list the traces, newest first",
                                          options,
                                          run,
                                          RN_EXIT_TROUBLE,
                                          NULL};
