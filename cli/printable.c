/*
 * UTF-8 in, harmless UTF-8 out. Knows columns by a small table of its own, because wcwidth(3) asks the locale.
 */
#include "printable.h"

#include <stdint.h>

#include "base/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
};

/* Unicode 15, the ranges that matter: marks that sit on their neighbour, and variation selectors. */
static const struct range narrow_to_nothing[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},   {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948},   {0x0e31, 0x0e31},   {0x0e34, 0x0e3a},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200d},   {0x20d0, 0x20ff},   {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef},
};

/* East Asian wide and fullwidth, and emoji. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},
    {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x274c},
    {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},   {0x2b50, 0x2b50},
    {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f3fa}, {0x1f400, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff},
    {0x20000, 0x3fffd},
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t point)
{
    for (size_t i = 0; i < count && ranges[i].first <= point; i++) {
        if (point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static size_t point_width(uint32_t point)
{
    if (in_ranges(narrow_to_nothing, sizeof narrow_to_nothing / sizeof *narrow_to_nothing, point)) {
        return 0;
    }
    return in_ranges(wide, sizeof wide / sizeof *wide, point) ? 2 : 1;
}

static bool is_gap(uint8_t byte)
{
    return byte == '\n' || byte == '\r' || byte == '\t' || byte == ' ';
}

/* How long the run of blanks and line ends at the front is, and whether it holds more than blanks. */
static size_t gap_length(struct rn_bytes text, bool *breaks)
{
    size_t len = 0;
    *breaks = false;
    while (len < text.len && is_gap(text.data[len])) {
        *breaks = *breaks || text.data[len] != ' ';
        len++;
    }
    return len;
}

/* One unit of output: what of the input it stands for, how it looks, how wide it is. */
struct unit {
    size_t taken;
    size_t width;
    char escape[12]; /* "" when the bytes pass as they are */
};

static struct unit unit_escaped(size_t taken, const char *prefix, unsigned digits, uint32_t point)
{
    static const char hex[] = "0123456789abcdef";
    struct unit unit = {taken, 0, ""};
    unit.escape[0] = prefix[0];
    unit.escape[1] = prefix[1];
    for (unsigned i = 0; i < digits; i++) {
        unit.escape[2 + i] = hex[point >> (4 * (digits - 1 - i)) & 15];
    }
    unit.width = 2 + (size_t)digits;
    return unit;
}

static struct unit unit_take(struct rn_bytes text, enum rn_printable_mode mode)
{
    uint32_t point = 0;
    size_t len = rn_utf8_take(text, 0, &point);
    if (len == 0) {
        return unit_escaped(1, "\\x", 2, text.data[0]);
    }
    if (mode == RN_PRINTABLE_LINE && is_gap(text.data[0])) {
        bool breaks = false;
        size_t gap = gap_length(text, &breaks);
        return breaks ? (struct unit){gap, 1, " "} : (struct unit){1, 1, ""};
    }
    if (point == '\n' || point == '\t') {
        return (struct unit){1, 1, ""};
    }
    if (rn_utf8_steers(point)) {
        return point < 0x100 ? unit_escaped(len, "\\x", 2, point)
                             : unit_escaped(len, "\\u", 4, point);
    }
    return (struct unit){len, point_width(point), ""};
}

static enum rn_status unit_put(struct rn_buffer *out, struct rn_bytes text, const struct unit *unit)
{
    return unit->escape[0] != '\0' ? rn_buffer_add(out, rn_bytes_text(unit->escape))
                                   : rn_buffer_add(out, rn_bytes_sub(text, 0, unit->taken));
}

enum rn_status rn_printable(struct rn_buffer *out, struct rn_bytes text,
                            enum rn_printable_mode mode)
{
    enum rn_status status = RN_OK;
    while (text.len > 0 && status == RN_OK) {
        if (mode == RN_PRINTABLE_TEXT && rn_bytes_starts_with(text, RN_LIT("\r\n"))) {
            text = rn_bytes_from(text, 1);
        }
        struct unit unit = unit_take(text, mode);
        status = unit_put(out, text, &unit);
        text = rn_bytes_from(text, unit.taken);
    }
    return status;
}

enum rn_status rn_printable_short(struct rn_buffer *out, struct rn_bytes text, size_t columns)
{
    enum rn_status status = RN_OK;
    size_t used = 0;
    size_t cut_at = out->len; /* where the ellipsis would go */
    while (text.len > 0 && status == RN_OK) {
        struct unit unit = unit_take(text, RN_PRINTABLE_LINE);
        if (used + unit.width > columns) {
            out->len = cut_at;
            return rn_buffer_add(out, RN_LIT("\xe2\x80\xa6"));
        }
        status = unit_put(out, text, &unit);
        used += unit.width;
        if (used < columns) {
            cut_at = out->len;
        }
        text = rn_bytes_from(text, unit.taken);
    }
    return status;
}

size_t rn_printable_width(struct rn_bytes text)
{
    size_t columns = 0;
    while (text.len > 0) {
        uint32_t point = 0;
        size_t len = rn_utf8_take(text, 0, &point);
        columns += len == 0 ? 1 : point_width(point);
        text = rn_bytes_from(text, len == 0 ? 1 : len);
    }
    return columns;
}

bool rn_printable_is_utf8(struct rn_bytes text)
{
    while (text.len > 0) {
        uint32_t point = 0;
        size_t len = rn_utf8_take(text, 0, &point);
        if (len == 0) {
            return false;
        }
        text = rn_bytes_from(text, len);
    }
    return true;
}

bool rn_printable_is_plain(struct rn_bytes text)
{
    while (text.len > 0) {
        struct unit unit = unit_take(text, RN_PRINTABLE_TEXT);
        if (unit.escape[0] != '\0') {
            return false;
        }
        text = rn_bytes_from(text, unit.taken);
    }
    return true;
}
