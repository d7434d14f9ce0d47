/* `reenact prompts`: which versions of prompts were used. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/varint.h"
#include "bring_up.h"
#include "cmd_prompts.h"
#include "commands.h"
#include "human.h"
#include "json_out.h"
#include "no_store.h"
#include "screen.h"
#include "selection.h"
#include "stores.h"
#include "table.h"

static struct {
    const char *store;
    bool as_json;
} asked;

/* --- what the parts share ------------------------------------------------------------------------------------------- */

enum rn_status rn_prompts_open(const char *path, struct rn_store **store, struct rn_error *error)
{
    enum rn_status status = rn_store_open_given(path, RN_STORE_READ, store, error);
    return status == RN_OK ? rn_cli_bring_up(*store, false, error) : status;
}

int rn_prompts_finish(const char *command, struct rn_store *store, enum rn_status status,
                      const struct rn_error *error)
{
    int code = status == RN_OK ? RN_EXIT_SAME
               : store == NULL ? rn_cli_complain_store(command, error)
                               : rn_cli_complain(command, RN_EXIT_TROUBLE, error);
    rn_store_close(store);
    return code;
}

const char *rn_prompts_key_words(const struct rn_prompt_key *key,
                                 char out[2 * RN_PROMPT_KEY_BYTES + 1])
{
    rn_prompt_key_text(key, out);
    return rn_prompt_key_is_none(key) ? "none" : out;
}

void rn_prompts_put_place(json_t *object, const char *name, const struct rn_prompt_place *place)
{
    json_t *at = json_object();
    rn_json_out_trace_id(at, "trace", &place->trace);
    rn_json_out_u32(at, "event", place->n);
    rn_json_out_moment(at, "time", place->wall_ns);
    (void)json_object_set_new(object, name, at);
}

void rn_prompts_put_key(json_t *object, const char *name, const struct rn_prompt_key *key)
{
    char text[2 * RN_PROMPT_KEY_BYTES + 1];
    rn_prompt_key_text(key, text);
    (void)json_object_set_new(object, name,
                              rn_prompt_key_is_none(key) ? json_null() : json_string(text));
}

static enum rn_status print(struct rn_buffer *out, struct rn_error *error)
{
    return rn_screen_put(stdout, out) ? RN_OK : rn_fail(error, RN_IO, "cannot print");
}

static enum rn_status no_memory(enum rn_status status, struct rn_error *error)
{
    return status == RN_NOMEM ? rn_fail(error, RN_NOMEM, "out of memory") : status;
}

/* --- the list ------------------------------------------------------------------------------------------------------- */

static const struct rn_table_column columns[] = {
    {"FAMILY", false, false},  {"NAME", false, true},  {"FIRST", false, false},
    {"LAST", false, false},    {"CALLS", true, false}, {"TRACES", true, false},
    {"WORDINGS", true, false}, {"TOOLS", true, false}, {"MODELS", false, true},
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)

static enum rn_status add_row(struct rn_table *table, const struct rn_prompt_row *row,
                              uint64_t now_ns)
{
    struct rn_human first, last;
    struct rn_buffer models = {0};
    char key[2 * RN_PROMPT_KEY_BYTES + 1];
    char calls[24], traces[24], exact[16], tools[16];
    (void)snprintf(calls, sizeof calls, "%" PRIu64, row->calls);
    (void)snprintf(traces, sizeof traces, "%" PRIu64, row->traces);
    (void)snprintf(exact, sizeof exact, "%" PRIu32, row->exact.count);
    (void)snprintf(tools, sizeof tools, "%" PRIu32, row->tools.count);
    enum rn_status status = rn_human_runs(&models, row->models);
    if (status == RN_OK) {
        const struct rn_bytes cells[COLUMN_COUNT] = {
            rn_bytes_text(rn_prompts_key_words(&row->family, key)),
            row->name,
            rn_bytes_text(rn_human_ago(&first, row->first.wall_ns, now_ns)),
            rn_bytes_text(rn_human_ago(&last, row->last.wall_ns, now_ns)),
            rn_bytes_text(calls),
            rn_bytes_text(traces),
            rn_bytes_text(exact),
            rn_bytes_text(tools),
            rn_buffer_bytes(&models),
        };
        status = rn_table_row(table, cells, RN_PAINT_CYAN);
    }
    rn_buffer_free(&models);
    return status;
}

static enum rn_status list_table(const struct rn_prompt_row *rows, struct rn_error *error)
{
    struct rn_screen screen = rn_screen_of(stdout);
    struct rn_buffer out = {0};
    struct rn_table *table = rn_table_new(columns, COLUMN_COUNT);
    enum rn_status status = table == NULL ? RN_NOMEM : RN_OK;
    uint64_t now = rn_clock_wall_ns();
    for (const struct rn_prompt_row *row = rows; status == RN_OK && row != NULL; row = row->next) {
        status = add_row(table, row, now);
    }
    status = status == RN_OK ? rn_table_render(table, &screen, &out) : status;
    status = status == RN_OK ? print(&out, error) : no_memory(status, error);
    rn_table_free(table);
    rn_buffer_free(&out);
    return status;
}

static void put_keys(json_t *object, const char *name, const struct rn_prompt_keys *keys)
{
    json_t *array = json_array();
    char text[2 * RN_PROMPT_KEY_BYTES + 1];
    for (uint32_t i = 0; i < keys->count; i++) {
        rn_prompt_key_text(&keys->at[i], text);
        bool is_none = rn_prompt_key_is_none(&keys->at[i]);
        if (json_array_append_new(array, is_none ? json_null() : json_string(text)) != 0) {
            rn_json_out_short();
        }
    }
    (void)json_object_set_new(object, name, array);
}

static enum rn_status list_json(const struct rn_prompt_row *rows, uint64_t damaged,
                                struct rn_error *error)
{
    json_t *document = rn_json_out_new("reenact.prompts/1");
    json_t *array = json_array();
    for (const struct rn_prompt_row *row = rows; row != NULL; row = row->next) {
        json_t *object = json_object();
        rn_prompts_put_key(object, "family", &row->family);
        rn_json_out_bytes(object, "name", row->name);
        rn_prompts_put_place(object, "first", &row->first);
        rn_prompts_put_place(object, "last", &row->last);
        rn_json_out_u64(object, "calls", row->calls);
        rn_json_out_u64(object, "traces", row->traces);
        put_keys(object, "wordings", &row->exact);
        put_keys(object, "tools", &row->tools);
        put_keys(object, "parameters", &row->parameters);
        rn_json_out_runs(object, "models", row->models);
        if (json_array_append_new(array, object) != 0) {
            rn_json_out_short();
        }
    }
    (void)json_object_set_new(document, "prompts", array);
    rn_json_out_u64(document, "damaged", damaged);
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

static const struct rn_option options[] = {
    {"--store", RN_OPTION_ONCE, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.prompts/1"},
    RN_SELECTION_OPTIONS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static enum rn_status list(const struct rn_stores *stores, const struct rn_selection *selection,
                           struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_prompt_row *rows = NULL;
    uint64_t damaged = 0;
    enum rn_status status =
        rn_prompts_list(stores->at, stores->count, selection, &arena, &rows, &damaged, error);
    if (status == RN_OK && asked.as_json) {
        status = list_json(rows, damaged, error);
    } else if (status == RN_OK && rows == NULL) {
        (void)fprintf(stderr, "no model was asked in what is selected\n");
    } else if (status == RN_OK) {
        status = list_table(rows, error);
    }
    if (status == RN_OK && damaged > 0) {
        (void)fprintf(stderr, "%" PRIu64 " events could not be read; `reenact verify` names them\n",
                      damaged);
    }
    rn_arena_free(&arena);
    return status;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_selection selection;
    struct rn_stores stores;
    int done = rn_cli_begin(&rn_cmd_prompts, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.rest_count > 0) {
        return rn_cli_complainf("prompts", RN_EXIT_TROUBLE, "runs no command");
    }
    line.words[line.word_count] = NULL;
    enum rn_status status = rn_selection_read(line.words, &selection, NULL, &error);
    if (status != RN_OK) {
        return rn_cli_complain("prompts", RN_EXIT_TROUBLE, &error);
    }
    status = rn_stores_open(asked.store, &stores, &error);
    for (size_t i = 0; status == RN_OK && i < stores.count; i++) {
        status = rn_cli_bring_up(stores.at[i], false, &error);
    }
    status = status == RN_OK ? list(&stores, &selection, &error) : status;
    int code = status == RN_OK     ? (stores.is_short ? RN_EXIT_TROUBLE : RN_EXIT_SAME)
               : stores.count == 0 ? rn_cli_complain_store("prompts", &error)
                                   : rn_cli_complain("prompts", RN_EXIT_TROUBLE, &error);
    rn_stores_close(&stores);
    return code;
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

static const struct rn_cli_command *const parts[] = {&rn_cmd_prompts_show, &rn_cmd_prompts_diff,
                                                     NULL};

const struct rn_cli_command rn_cmd_prompts = {"prompts",
                                              "prompts [SELECTION] [options]",
                                              "list the prompt versions that were used",
                                              options,
                                              run,
                                              RN_EXIT_TROUBLE,
                                              parts};
