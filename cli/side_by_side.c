/* Folds two texts into columns. Knows nothing of what they say. */
#include "side_by_side.h"

#include "printable.h"

#define GAP 3
#define NARROWEST 12

/* One column: what of its text is still to be shown. */
struct column {
    struct rn_buffer text;
    size_t at;
    size_t width;
};

static size_t character_length(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Takes the next line off the column: as many words as fit, or a piece of a word that does not. */
static struct rn_bytes next_line(struct column *column)
{
    struct rn_bytes rest = rn_bytes_from(rn_buffer_bytes(&column->text), column->at);
    size_t taken = 0;
    size_t broken = 0; /* behind the last blank that fits */
    while (taken < rest.len && rest.data[taken] != '\n') {
        size_t step = character_length(rest.data[taken]);
        step = step > rest.len - taken ? rest.len - taken : step;
        if (rn_printable_width(rn_bytes_sub(rest, 0, taken + step)) > column->width) {
            break;
        }
        if (rest.data[taken] == ' ') {
            broken = taken + 1;
        }
        taken += step;
    }
    bool ends = taken == rest.len || rest.data[taken] == '\n';
    if (!ends && rest.data[taken] != ' ' && broken > 0) {
        taken = broken;
    }
    column->at += taken;
    if (column->at < column->text.len &&
        (column->text.data[column->at] == '\n' || column->text.data[column->at] == ' ')) {
        column->at++;
    }
    return rn_bytes_trim(rn_bytes_sub(rest, 0, taken));
}

static bool has_more(const struct column *column)
{
    return column->at < column->text.len;
}

static enum rn_status add_cell(struct rn_buffer *out, bool colour, enum rn_paint paint,
                               struct rn_bytes text, size_t pad_to)
{
    size_t width = rn_printable_width(text);
    enum rn_status status = rn_screen_paint(out, colour, paint, text);
    return status == RN_OK && pad_to > width ? rn_buffer_addf(out, "%*s", (int)(pad_to - width), "")
                                             : status;
}

static enum rn_status add_line(struct rn_buffer *out, const struct rn_screen *screen, size_t indent,
                               struct column *left, struct column *right, bool last)
{
    struct rn_bytes texts[2] = {next_line(left), next_line(right)};
    if (last && has_more(left)) {
        texts[0] = RN_LIT("...");
    }
    if (last && has_more(right)) {
        texts[1] = RN_LIT("...");
    }
    enum rn_status status = rn_buffer_addf(out, "%*s", (int)indent, "");
    status = status == RN_OK ? add_cell(out, screen->colour, RN_PAINT_RED, texts[0], left->width)
                             : status;
    if (status == RN_OK && texts[1].len > 0) {
        status = rn_buffer_addf(out, " | ");
        status =
            status == RN_OK ? add_cell(out, screen->colour, RN_PAINT_GREEN, texts[1], 0) : status;
    } else if (status == RN_OK) {
        status = rn_buffer_addf(out, " |");
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

enum rn_status rn_side_by_side(struct rn_buffer *out, const struct rn_screen *screen, size_t indent,
                               size_t width, size_t lines, struct rn_bytes left,
                               struct rn_bytes right)
{
    size_t room = width > indent + GAP ? (width - indent - GAP) / 2 : 0;
    room = room < NARROWEST ? NARROWEST : room;
    struct column columns[2] = {{.width = room}, {.width = room}};
    enum rn_status status = rn_printable(&columns[0].text, left, RN_PRINTABLE_TEXT);
    status = status == RN_OK ? rn_printable(&columns[1].text, right, RN_PRINTABLE_TEXT) : status;
    for (size_t i = 0;
         status == RN_OK && i < lines && (has_more(&columns[0]) || has_more(&columns[1])); i++) {
        status = add_line(out, screen, indent, &columns[0], &columns[1], i + 1 == lines);
    }
    rn_buffer_free(&columns[0].text);
    rn_buffer_free(&columns[1].text);
    return status;
}
