/* `reenact stats`: what recorded calls amount to, in groups. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bring_up.h"
#include "cmd_backtest.h"
#include "commands.h"
#include "human.h"
#include "json_out.h"
#include "no_store.h"
#include "replayer/stats.h"
#include "screen.h"
#include "selection.h"
#include "stores.h"
#include "table.h"

static struct {
    const char *store;
    const char *by;
    const char *prices;
    bool as_json;
} asked = {.by = "model"};

static enum rn_stats_by by[RN_STATS_KEYS_MAX];
static unsigned by_count;

static const struct rn_option options[] = {
    {"--by", RN_OPTION_TEXT, &asked.by, "LIST", "group by up to three words (model)"},
    {"--prices", RN_OPTION_TEXT, &asked.prices, "FILE", "what tokens cost"},
    {"--store", RN_OPTION_ONCE, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.stats/1"},
    RN_SELECTION_OPTIONS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* --- --by ----------------------------------------------------------------------------------------------------------- */

static enum rn_status refuse_word(struct rn_bytes word, struct rn_error *error)
{
    return rn_fail(error, RN_INVALID,
                   "cannot group by '%.*s': write up to three of model, answered, prompt, status, "
                   "release, upstream, kind, dialect, finish, day, with commas",
                   (int)(word.len < 40 ? word.len : 40), (const char *)word.data);
}

static enum rn_status read_by(struct rn_error *error)
{
    struct rn_bytes rest = rn_bytes_text(asked.by);
    for (bool more = true; more;) {
        size_t comma = rn_bytes_find_byte(rest, ',');
        struct rn_bytes word = rn_bytes_sub(rest, 0, comma);
        int found = 0;
        more = comma != RN_NPOS;
        rest = rn_bytes_from(rest, more ? comma + 1 : rest.len);
        while (found < RN_STATS_BY_COUNT &&
               !rn_bytes_equal(word, rn_bytes_text(rn_stats_by_name((enum rn_stats_by)found)))) {
            found++;
        }
        if (found == RN_STATS_BY_COUNT || by_count == RN_STATS_KEYS_MAX) {
            return refuse_word(word, error);
        }
        by[by_count++] = (enum rn_stats_by)found;
    }
    return RN_OK;
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

static const char *const titles[RN_STATS_BY_COUNT] = {"MODEL",   "ANSWERED", "PROMPT", "STATUS",
                                                      "RELEASE", "UPSTREAM", "KIND",   "DIALECT",
                                                      "FINISH",  "DAY"};
#define FIGURES 9u

static void fill_columns(struct rn_table_column columns[RN_STATS_KEYS_MAX + FIGURES])
{
    static const struct rn_table_column figures[FIGURES] = {
        {"CALLS", true, false},  {"FAILED", true, false}, {"P50", true, false},
        {"P95", true, false},    {"FIRST", true, false},  {"IN", true, false},
        {"CACHED", true, false}, {"OUT", true, false},    {"COST", true, false}};
    for (unsigned i = 0; i < by_count; i++) {
        columns[i] = (struct rn_table_column){titles[by[i]], false, true};
    }
    memcpy(columns + by_count, figures, sizeof figures);
}

static const char *duration(struct rn_human *out, bool known, uint64_t ns)
{
    return known ? rn_human_duration(out, ns) : "-";
}

static const char *tokens(struct rn_human *out, const struct rn_stats_row *row, uint64_t count)
{
    (void)snprintf(out->text, sizeof out->text, "%" PRIu64, count);
    return row->counted > 0 ? out->text : "-";
}

/* "-" where no price is known; a '+' behind it where some calls have none. */
static const char *money(char out[RN_MONEY_BYTES_MAX], const struct rn_stats_row *row)
{
    if (row->priced == 0) {
        return "-";
    }
    (void)rn_backtest_money(out, true, row->cost_pico);
    if (row->priced < row->counted) {
        (void)strncat(out, "+", RN_MONEY_BYTES_MAX - strlen(out) - 1);
    }
    return out;
}

static enum rn_status add_row(struct rn_table *table, const struct rn_stats_row *row, bool is_total)
{
    struct rn_human calls, failed, p50, p95, first, in, cached, out;
    char cost[RN_MONEY_BYTES_MAX];
    struct rn_bytes cells[RN_STATS_KEYS_MAX + FIGURES];
    (void)snprintf(calls.text, sizeof calls.text, "%" PRIu64, row->calls);
    (void)snprintf(failed.text, sizeof failed.text, "%" PRIu64, row->failed);
    const char *const figures[FIGURES] = {
        calls.text,
        row->failed > 0 ? failed.text : "-",
        duration(&p50, row->has_latency, row->latency.p50),
        duration(&p95, row->has_latency, row->latency.p95),
        duration(&first, row->has_first_byte, row->first_byte.p50),
        tokens(&in, row, row->tokens_in),
        tokens(&cached, row, row->tokens_cached),
        tokens(&out, row, row->tokens_out),
        money(cost, row),
    };
    for (unsigned i = 0; i < by_count; i++) {
        cells[i] = row->keys[i].len > 0 ? row->keys[i] : RN_LIT("-");
        if (is_total) {
            cells[i] = i == 0 ? RN_LIT("all") : RN_LIT("");
        }
    }
    for (unsigned i = 0; i < FIGURES; i++) {
        cells[by_count + i] = rn_bytes_text(figures[i]);
    }
    return rn_table_row(table, cells, is_total ? RN_PAINT_BOLD : RN_PAINT_CYAN);
}

static enum rn_status print_table(const struct rn_stats *stats, struct rn_error *error)
{
    struct rn_table_column columns[RN_STATS_KEYS_MAX + FIGURES];
    struct rn_screen screen = rn_screen_of(stdout);
    struct rn_buffer out = {0};
    fill_columns(columns);
    struct rn_table *table = rn_table_new(columns, by_count + FIGURES);
    enum rn_status status = table == NULL ? RN_NOMEM : RN_OK;
    for (const struct rn_stats_row *row = stats->rows; status == RN_OK && row != NULL;
         row = row->next) {
        status = add_row(table, row, false);
    }
    if (status == RN_OK && stats->rows->next != NULL) {
        status = add_row(table, &stats->total, true);
    }
    status = status == RN_OK ? rn_table_render(table, &screen, &out) : status;
    bool printed = status == RN_OK && rn_screen_put(stdout, &out);
    rn_table_free(table);
    rn_buffer_free(&out);
    if (status != RN_OK) {
        return rn_fail(error, status, "out of memory");
    }
    return printed ? RN_OK : rn_fail(error, RN_IO, "cannot print");
}

/* --- the document --------------------------------------------------------------------------------------------------- */

static void put_spread(json_t *object, const char *name, bool known, const struct rn_spread *spread)
{
    json_t *inner = known ? json_object() : json_null();
    if (known) {
        rn_json_out_u64(inner, "p50_ns", spread->p50);
        rn_json_out_u64(inner, "p90_ns", spread->p90);
        rn_json_out_u64(inner, "p95_ns", spread->p95);
        rn_json_out_u64(inner, "p99_ns", spread->p99);
        rn_json_out_u64(inner, "max_ns", spread->max);
    }
    (void)json_object_set_new(object, name, inner);
}

static json_t *row_json(const struct rn_stats_row *row, bool is_total)
{
    json_t *object = json_object();
    for (unsigned i = 0; !is_total && i < by_count; i++) {
        rn_json_out_bytes(object, rn_stats_by_name(by[i]), row->keys[i]);
    }
    rn_json_out_u64(object, "calls", row->calls);
    rn_json_out_u64(object, "failed", row->failed);
    rn_json_out_u64(object, "unread", row->unread);
    put_spread(object, "latency", row->has_latency, &row->latency);
    put_spread(object, "first_byte", row->has_first_byte, &row->first_byte);
    rn_json_out_u64(object, "counted", row->counted);
    rn_json_out_u64(object, "tokens_in", row->tokens_in);
    rn_json_out_u64(object, "tokens_cached", row->tokens_cached);
    rn_json_out_u64(object, "tokens_out", row->tokens_out);
    rn_json_out_u64(object, "tokens_reasoning", row->tokens_reasoning);
    rn_json_out_u64(object, "priced", row->priced);
    rn_json_out_u64(object, "cost_pico_usd", row->cost_pico);
    return object;
}

static enum rn_status print_json(const struct rn_stats *stats, const struct rn_prices *prices,
                                 struct rn_error *error)
{
    json_t *document = rn_json_out_new("reenact.stats/1");
    json_t *rows = json_array();
    for (const struct rn_stats_row *row = stats->rows; row != NULL; row = row->next) {
        if (json_array_append_new(rows, row_json(row, false)) != 0) {
            rn_json_out_short();
        }
    }
    rn_json_out_text(document, "prices", rn_prices_date(prices));
    rn_json_out_u64(document, "traces", stats->traces);
    rn_json_out_u64(document, "damaged", stats->damaged);
    (void)json_object_set_new(document, "total", row_json(&stats->total, true));
    (void)json_object_set_new(document, "rows", rows);
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

/* --- the command ---------------------------------------------------------------------------------------------------- */

static enum rn_status tell(const struct rn_stores *stores, const struct rn_selection *selection,
                           const struct rn_prices *prices, struct rn_error *error)
{
    struct rn_stats stats;
    enum rn_status status =
        rn_stats_make(stores->at, stores->count, selection, by, by_count, prices, &stats, error);
    if (status == RN_OK && asked.as_json) {
        status = print_json(&stats, prices, error);
    } else if (status == RN_OK && stats.rows == NULL) {
        (void)fprintf(stderr, "no calls in what is selected\n");
    } else if (status == RN_OK) {
        status = print_table(&stats, error);
    }
    if (status == RN_OK && stats.total.priced > 0 && !asked.as_json) {
        (void)fprintf(stderr, "prices of %s, %s\n", rn_prices_date(prices),
                      rn_prices_origin(prices));
    }
    if (status == RN_OK && stats.damaged > 0) {
        (void)fprintf(stderr, "%" PRIu64 " events could not be read; `reenact verify` names them\n",
                      stats.damaged);
    }
    rn_stats_free(&stats);
    return status;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_selection selection;
    struct rn_prices *prices = NULL;
    struct rn_stores stores;
    int done = rn_cli_begin(&rn_cmd_stats, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.rest_count > 0) {
        return rn_cli_complainf("stats", RN_EXIT_TROUBLE, "runs no command");
    }
    line.words[line.word_count] = NULL;
    enum rn_status status = read_by(&error);
    status = status == RN_OK ? rn_selection_read(line.words, &selection, NULL, &error) : status;
    status = status == RN_OK ? rn_prices_load(asked.prices, &prices, &error) : status;
    if (status != RN_OK) {
        return rn_cli_complain("stats", RN_EXIT_TROUBLE, &error);
    }
    status = rn_stores_open(asked.store, &stores, &error);
    for (size_t i = 0; status == RN_OK && i < stores.count; i++) {
        status = rn_cli_bring_up(stores.at[i], false, &error);
    }
    status = status == RN_OK ? tell(&stores, &selection, prices, &error) : status;
    int code = status == RN_OK     ? (stores.is_short ? RN_EXIT_TROUBLE : RN_EXIT_SAME)
               : stores.count == 0 ? rn_cli_complain_store("stats", &error)
                                   : rn_cli_complain("stats", RN_EXIT_TROUBLE, &error);
    rn_stores_close(&stores);
    rn_prices_free(prices);
    return code;
}

const struct rn_cli_command rn_cmd_stats = {"stats",
                                            "stats [SELECTION] [options]",
                                            "count calls, time, tokens and money, in groups",
                                            options,
                                            run,
                                            RN_EXIT_TROUBLE,
                                            NULL};
