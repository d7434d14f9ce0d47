/*
 * Aligned columns that fit a terminal. Widths are counted as a terminal counts them (printable.h), not in bytes.
 */
#ifndef RN_CLI_TABLE_H
#define RN_CLI_TABLE_H

#include "base/buffer.h"
#include "screen.h"

#define RN_TABLE_COLUMNS_MAX 16
/* A column that gives way is never made narrower than this. */
#define RN_TABLE_NARROWEST 6

struct rn_table_column {
    const char *title;
    bool to_the_right; /* numbers */
    bool gives_way;    /* is shortened when the table is too wide; the widest such column first */
};

struct rn_table;

/* `columns` is borrowed for the life of the table. NULL when memory ran out. */
struct rn_table *rn_table_new(const struct rn_table_column *columns, size_t count);
/* One row: a cell per column, made printable here (line form), and one paint for the row's first column. */
enum rn_status rn_table_row(struct rn_table *table, const struct rn_bytes *cells,
                            enum rn_paint paint);
/* The rank of the row added last, for rn_table_keep_highest; 0 when not given. */
void rn_table_rank(struct rn_table *table, uint64_t rank);
/* Puts the rows in order of falling rank, equals as they came, and keeps the first `most`; 0: all. */
enum rn_status rn_table_keep_highest(struct rn_table *table, size_t most);
/* Titles, then rows, two blanks between columns, no blanks at line ends. `screen->width` 0: as wide as it is. */
enum rn_status rn_table_render(struct rn_table *table, const struct rn_screen *screen,
                               struct rn_buffer *out);
/*
 * On a screen too narrow for all, columns are left out, the first of `others` first, until `column` gets at least `least` columns of
 * the screen or what it needs. `others` is borrowed.
 */
void rn_table_spare(struct rn_table *table, size_t column, size_t least, const size_t *others,
                    size_t count);
/* From here on, columns in which no row has anything are left out when the table is written. */
void rn_table_hide_empty(struct rn_table *table);
void rn_table_free(struct rn_table *table);

#endif
