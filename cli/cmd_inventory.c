/* `reenact inventory`: upstreams, models, prompts, tools and collections that the recorded traffic uses. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bring_up.h"
#include "commands.h"
#include "human.h"
#include "json_out.h"
#include "no_store.h"
#include "replayer/inventory.h"
#include "screen.h"
#include "selection.h"
#include "table.h"

static struct {
    const char *store;
    bool as_json;
} asked;

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.inventory/1"},
    RN_SELECTION_OPTIONS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* --- for a person --------------------------------------------------------------------------------------------------- */

#define COLUMNS 8u

static void fill_columns(enum rn_inventory_part part, struct rn_table_column columns[COLUMNS])
{
    static const struct {
        const char *name, *other;
    } titles[RN_INVENTORY_PARTS] = {{"UPSTREAM", ""},
                                    {"MODEL", "ANSWERED"},
                                    {"PROMPT", "NAME"},
                                    {"TOOL", ""},
                                    {"COLLECTION", "DIALECT"}};
    const struct rn_table_column all[COLUMNS] = {{titles[part].name, false, true},
                                                 {titles[part].other, false, true},
                                                 {"AT", false, true},
                                                 {"CALLS", true, false},
                                                 {"ERRORS", true, false},
                                                 {"FIRST", true, false},
                                                 {"LAST", true, false},
                                                 {"CHANGED", false, true}};
    memcpy(columns, all, sizeof all);
}

/* "2026-11-20" */
static struct rn_bytes day_of(struct rn_human *out, uint64_t wall_ns)
{
    return rn_bytes_sub(rn_bytes_text(rn_human_moment(out, wall_ns)), 0, 10);
}

/* "since 2026-11-20, before: gpt-4.1-2025-04-14" */
static enum rn_status describe_change(const struct rn_inventory_row *row, struct rn_buffer *out)
{
    struct rn_human moment;
    if (row->before.len == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "since ");
    status = status == RN_OK ? rn_buffer_add(out, day_of(&moment, row->first_wall_ns)) : status;
    status = status == RN_OK ? rn_buffer_addf(out, ", before: ") : status;
    return status == RN_OK ? rn_buffer_add(out, row->before) : status;
}

static enum rn_status add_row(struct rn_table *table, enum rn_inventory_part part,
                              const struct rn_inventory_row *row)
{
    struct rn_human first, last;
    struct rn_buffer change = {0};
    char calls[24];
    char errors[24] = "";
    uint64_t now = rn_clock_wall_ns();
    bool is_model = part == RN_INVENTORY_MODELS;
    (void)snprintf(calls, sizeof calls, "%" PRIu64, row->calls);
    if (row->errors > 0) {
        (void)snprintf(errors, sizeof errors, "%" PRIu64, row->errors);
    }
    enum rn_status status = describe_change(row, &change);
    if (status == RN_OK) {
        const struct rn_bytes cells[COLUMNS] = {
            row->name,
            is_model && !row->is_other ? (row->other.len > 0 ? RN_LIT("") : RN_LIT("nobody"))
                                       : row->other,
            row->at,
            rn_bytes_text(calls),
            rn_bytes_text(errors),
            rn_bytes_text(rn_human_ago(&first, row->first_wall_ns, now)),
            rn_bytes_text(rn_human_ago(&last, row->last_wall_ns, now)),
            rn_buffer_bytes(&change)};
        status = rn_table_row(table, cells, row->before.len > 0 ? RN_PAINT_YELLOW : RN_PAINT_CYAN);
    }
    rn_buffer_free(&change);
    return status;
}

static enum rn_status add_part(struct rn_buffer *out, const struct rn_screen *screen,
                               const struct rn_inventory *inventory, enum rn_inventory_part part)
{
    struct rn_table_column columns[COLUMNS];
    if (inventory->rows[part] == NULL) {
        return RN_OK;
    }
    fill_columns(part, columns);
    struct rn_table *table = rn_table_new(columns, COLUMNS);
    enum rn_status status = table == NULL ? RN_NOMEM : RN_OK;
    for (const struct rn_inventory_row *row = inventory->rows[part]; row != NULL && status == RN_OK;
         row = row->next) {
        status = add_row(table, part, row);
    }
    if (status == RN_OK) {
        rn_table_hide_empty(table);
        status = out->len > 0 ? rn_buffer_add_byte(out, '\n') : RN_OK;
        status = status == RN_OK ? rn_table_render(table, screen, out) : status;
    }
    rn_table_free(table);
    return status;
}

static enum rn_status print_text(const struct rn_inventory *inventory, struct rn_error *error)
{
    struct rn_screen screen = rn_screen_of(stdout);
    struct rn_buffer out = {0};
    enum rn_status status = RN_OK;
    for (unsigned part = 0; part < RN_INVENTORY_PARTS && status == RN_OK; part++) {
        status = add_part(&out, &screen, inventory, (enum rn_inventory_part)part);
    }
    bool printed = status == RN_OK && rn_screen_put(stdout, &out);
    rn_buffer_free(&out);
    if (status != RN_OK) {
        return rn_fail(error, status, "no memory to show the inventory");
    }
    return printed ? RN_OK : rn_fail(error, RN_IO, "cannot print");
}

/* --- for machines --------------------------------------------------------------------------------------------------- */

static json_t *row_json(enum rn_inventory_part part, const struct rn_inventory_row *row)
{
    static const char *const others[] = {NULL, "answered", "called", NULL, "dialect"};
    json_t *object = json_object();
    rn_json_out_bytes(object, "name", row->name);
    if (others[part] != NULL) {
        rn_json_out_bytes(object, others[part], row->other);
    }
    if (row->at.len > 0) {
        rn_json_out_bytes(object, "upstream", row->at);
    }
    rn_json_out_u64(object, "calls", row->calls);
    rn_json_out_u64(object, "errors", row->errors);
    rn_json_out_moment(object, "first", row->first_wall_ns);
    rn_json_out_moment(object, "last", row->last_wall_ns);
    if (part == RN_INVENTORY_MODELS) {
        rn_json_out_bool(object, "answered_by_another_name", row->is_other);
        if (row->before.len > 0) {
            rn_json_out_bytes(object, "answered_before", row->before);
        }
    }
    return object;
}

static enum rn_status print_json(const struct rn_inventory *inventory, struct rn_error *error)
{
    json_t *document = rn_json_out_new("reenact.inventory/1");
    rn_json_out_u64(document, "calls", inventory->calls);
    rn_json_out_u64(document, "damaged", inventory->damaged);
    for (unsigned part = 0; part < RN_INVENTORY_PARTS; part++) {
        json_t *rows = json_array();
        for (const struct rn_inventory_row *row = inventory->rows[part]; row != NULL;
             row = row->next) {
            if (json_array_append_new(rows, row_json((enum rn_inventory_part)part, row)) != 0) {
                rn_json_out_short();
            }
        }
        (void)json_object_set_new(document, rn_inventory_part_name((enum rn_inventory_part)part),
                                  rows);
    }
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

/* --- the command ---------------------------------------------------------------------------------------------------- */

static enum rn_status tell(struct rn_store *store, const struct rn_selection *selection,
                           struct rn_error *error)
{
    struct rn_inventory inventory;
    enum rn_status status = rn_inventory_make(store, selection, &inventory, error);
    if (status == RN_OK && asked.as_json) {
        status = print_json(&inventory, error);
    } else if (status == RN_OK && inventory.calls == 0) {
        (void)fprintf(stderr, "no calls in what is selected\n");
    } else if (status == RN_OK) {
        status = print_text(&inventory, error);
    }
    if (status == RN_OK && inventory.damaged > 0) {
        (void)fprintf(stderr, "%" PRIu64 " events could not be read; `reenact verify` names them\n",
                      inventory.damaged);
    }
    rn_inventory_free(&inventory);
    return status;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_selection selection;
    struct rn_store *store = NULL;
    int done = rn_cli_begin(&rn_cmd_inventory, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.rest_count > 0) {
        return rn_cli_complainf("inventory", RN_EXIT_TROUBLE, "runs no command");
    }
    line.words[line.word_count] = NULL;
    enum rn_status status = rn_selection_read(line.words, &selection, NULL, &error);
    if (status != RN_OK) {
        return rn_cli_complain("inventory", RN_EXIT_TROUBLE, &error);
    }
    status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    status = status == RN_OK ? rn_cli_bring_up(store, false, &error) : status;
    status = status == RN_OK ? tell(store, &selection, &error) : status;
    int code = status == RN_OK ? RN_EXIT_SAME
               : store == NULL ? rn_cli_complain_store("inventory", &error)
                               : rn_cli_complain("inventory", RN_EXIT_TROUBLE, &error);
    rn_store_close(store);
    return code;
}

const struct rn_cli_command rn_cmd_inventory = {"inventory",
                                                "inventory [SELECTION] [options]",
                                                "list models, prompts, tools, collections in use",
                                                options,
                                                run,
                                                RN_EXIT_TROUBLE,
                                                NULL};
