/*
 * Keeps every cell as printable text until all widths are known, then writes the lines. Does not sort, does not wrap.
 */
#include "table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "printable.h"

#define GAP 2

struct row {
    struct row *next;
    uint64_t rank;
    size_t number; /* in the order they came */
    enum rn_paint paint;
    struct rn_bytes cells[];
};

struct rn_table {
    const struct rn_table_column *columns;
    size_t count;
    size_t widths[RN_TABLE_COLUMNS_MAX];
    bool is_filled[RN_TABLE_COLUMNS_MAX]; /* some row has something there */
    bool hides_empty;
    size_t spared, least; /* rn_table_spare */
    const size_t *others;
    size_t other_count;
    size_t left_out; /* of the others */
    size_t row_count;
    struct rn_arena arena;
    struct row *first;
    struct row *last;
};

static size_t size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

struct rn_table *rn_table_new(const struct rn_table_column *columns, size_t count)
{
    assert(count > 0 && count <= RN_TABLE_COLUMNS_MAX);
    struct rn_table *table = rn_calloc(1, sizeof *table);
    if (table == NULL) {
        return NULL;
    }
    table->columns = columns;
    table->count = count;
    for (size_t i = 0; i < count; i++) {
        table->widths[i] = rn_printable_width(rn_bytes_text(columns[i].title));
    }
    return table;
}

void rn_table_hide_empty(struct rn_table *table)
{
    table->hides_empty = true;
}

void rn_table_free(struct rn_table *table)
{
    if (table != NULL) {
        rn_arena_free(&table->arena);
        rn_free(table);
    }
}

enum rn_status rn_table_row(struct rn_table *table, const struct rn_bytes *cells,
                            enum rn_paint paint)
{
    struct rn_buffer text = {0};
    enum rn_status status = RN_OK;
    struct row *row =
        rn_arena_alloc(&table->arena, sizeof *row + table->count * sizeof row->cells[0]);
    if (row == NULL) {
        return RN_NOMEM;
    }
    row->paint = paint;
    row->number = table->row_count++;
    for (size_t i = 0; i < table->count && status == RN_OK; i++) {
        rn_buffer_clear(&text);
        status = rn_printable(&text, cells[i], RN_PRINTABLE_LINE);
        if (status == RN_OK) {
            row->cells[i] = rn_arena_copy(&table->arena, rn_buffer_bytes(&text));
            status = row->cells[i].data == NULL ? RN_NOMEM : RN_OK;
        }
    }
    rn_buffer_free(&text);
    if (status != RN_OK) {
        return status;
    }
    for (size_t i = 0; i < table->count; i++) {
        table->widths[i] = size_max(table->widths[i], rn_printable_width(row->cells[i]));
        table->is_filled[i] = table->is_filled[i] || row->cells[i].len > 0;
    }
    if (table->last == NULL) {
        table->first = row;
    } else {
        table->last->next = row;
    }
    table->last = row;
    return RN_OK;
}

void rn_table_spare(struct rn_table *table, size_t column, size_t least, const size_t *others,
                    size_t count)
{
    table->spared = column;
    table->least = least;
    table->others = others;
    table->other_count = count;
}

static bool is_shown(const struct rn_table *table, size_t column)
{
    for (size_t i = 0; i < table->left_out; i++) {
        if (table->others[i] == column) {
            return false;
        }
    }
    return !table->hides_empty || table->is_filled[column];
}

void rn_table_rank(struct rn_table *table, uint64_t rank)
{
    table->last->rank = rank;
}

static int by_rank(const void *a, const void *b)
{
    const struct row *left = *(const struct row *const *)a;
    const struct row *right = *(const struct row *const *)b;
    if (left->rank != right->rank) {
        return left->rank > right->rank ? -1 : 1;
    }
    return left->number < right->number ? -1 : left->number > right->number;
}

enum rn_status rn_table_keep_highest(struct rn_table *table, size_t most)
{
    size_t count = 0;
    if (table->row_count == 0) {
        return RN_OK;
    }
    struct row **rows = rn_calloc(table->row_count, sizeof *rows);
    if (rows == NULL) {
        return RN_NOMEM;
    }
    for (struct row *row = table->first; row != NULL; row = row->next) {
        rows[count++] = row;
    }
    qsort(rows, count, sizeof *rows, by_rank);
    count = most > 0 && most < count ? most : count;
    for (size_t i = 0; i < count; i++) {
        rows[i]->next = i + 1 < count ? rows[i + 1] : NULL;
    }
    table->first = rows[0];
    table->last = rows[count - 1];
    table->row_count = count;
    rn_free(rows);
    return RN_OK;
}

/* Takes columns away from whoever is widest among those that give way, until the lines fit. */
static void fit(const struct rn_table *table, size_t available, size_t *widths)
{
    size_t total = 0;
    for (size_t i = 0; i < table->count; i++) {
        widths[i] = is_shown(table, i) ? table->widths[i] : 0;
        total += is_shown(table, i) ? widths[i] + (total > 0 ? GAP : 0) : 0;
    }
    while (available > 0 && total > available) {
        size_t widest = table->count;
        for (size_t i = 0; i < table->count; i++) {
            if (table->columns[i].gives_way && widths[i] > RN_TABLE_NARROWEST &&
                (widest == table->count || widths[i] > widths[widest])) {
                widest = i;
            }
        }
        if (widest == table->count) {
            return;
        }
        widths[widest]--;
        total--;
    }
}

static enum rn_status pad(struct rn_buffer *out, size_t columns)
{
    enum rn_status status = rn_buffer_reserve(out, columns);
    if (status == RN_OK && columns > 0) {
        memset(out->data + out->len, ' ', columns);
        out->len += columns;
    }
    return status;
}

static enum rn_status put_cell(struct rn_buffer *out, struct rn_bytes cell, size_t width,
                               bool to_the_right, bool is_last, bool colour, enum rn_paint paint)
{
    struct rn_buffer text = {0};
    enum rn_status status = rn_printable_short(&text, cell, width);
    size_t used = rn_printable_width(rn_buffer_bytes(&text));
    size_t blanks = width > used ? width - used : 0;
    if (status == RN_OK && to_the_right) {
        status = pad(out, blanks);
    }
    if (status == RN_OK) {
        status = rn_screen_paint(out, colour, paint, rn_buffer_bytes(&text));
    }
    if (status == RN_OK && !is_last) {
        status = pad(out, (to_the_right ? 0 : blanks) + GAP);
    }
    rn_buffer_free(&text);
    return status;
}

static void trim_line(struct rn_buffer *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ') {
        out->len--;
    }
}

static enum rn_status put_line(const struct rn_table *table, const struct rn_bytes *cells,
                               const size_t *widths, bool colour, enum rn_paint first,
                               enum rn_paint others, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < table->count && status == RN_OK; i++) {
        if (is_shown(table, i)) {
            status = put_cell(out, cells[i], widths[i], table->columns[i].to_the_right,
                              i + 1 == table->count, colour, i == 0 ? first : others);
        }
    }
    return status;
}

static void fit_sparing(struct rn_table *table, size_t available, size_t *widths)
{
    size_t wanted = table->widths[table->spared];
    wanted = wanted < table->least ? wanted : table->least;
    table->left_out = 0;
    fit(table, available, widths);
    while (table->left_out < table->other_count && widths[table->spared] < wanted) {
        table->left_out++;
        fit(table, available, widths);
    }
}

enum rn_status rn_table_render(struct rn_table *table, const struct rn_screen *screen,
                               struct rn_buffer *out)
{
    size_t widths[RN_TABLE_COLUMNS_MAX];
    struct rn_bytes titles[RN_TABLE_COLUMNS_MAX];
    fit_sparing(table, screen->width, widths);
    for (size_t i = 0; i < table->count; i++) {
        titles[i] = rn_bytes_text(table->columns[i].title);
    }
    enum rn_status status =
        put_line(table, titles, widths, screen->colour, RN_PAINT_DIM, RN_PAINT_DIM, out);
    trim_line(out);
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    for (const struct row *row = table->first; row != NULL && status == RN_OK; row = row->next) {
        status =
            put_line(table, row->cells, widths, screen->colour, row->paint, RN_PAINT_NONE, out);
        trim_line(out);
        status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    }
    return status;
}
