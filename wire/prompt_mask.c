/*
 * The shape of a text: what a program puts into its prompt anew each day is replaced by a mark (prompt.h).
 *
 * One pass. At the beginning of a word each shape is tried, the longest first; inside a word nothing is masked, so that "gpt4" and
 * "base64" stay what they are. Wrong guesses cost little: two prompts that differ in masked places only are one family and stay two
 * exact versions.
 */
#include "prompt.h"

#define ULID_CHARS 26u
#define ID_TAIL_CHARS_MIN 8u
#define ID_HEAD_CHARS_MAX 12u

static uint8_t at(struct rn_bytes text, size_t offset)
{
    return offset < text.len ? text.data[offset] : 0;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    return lower >= 'a' && lower <= 'z';
}

/* What words are made of; bytes of longer characters count as letters. */
static bool is_word(uint8_t byte)
{
    return is_digit(byte) || is_letter(byte) || byte == '_' || byte >= 0x80;
}

static bool is_hex(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    return is_digit(byte) || (lower >= 'a' && lower <= 'f');
}

static size_t run_of(struct rn_bytes text, size_t from, bool (*is)(uint8_t))
{
    size_t end = from;
    while (end < text.len && is(text.data[end])) {
        end++;
    }
    return end - from;
}

/* Digits at `*offset`, between `min` and `max` of them and no more; moves behind them. */
static bool digits(struct rn_bytes text, size_t *offset, size_t min, size_t max)
{
    size_t count = run_of(text, *offset, is_digit);
    *offset += count;
    return count >= min && count <= max;
}

static bool one_of(struct rn_bytes text, size_t *offset, const char *bytes)
{
    for (; *bytes != '\0'; bytes++) {
        if (at(text, *offset) == (uint8_t)*bytes) {
            (*offset)++;
            return true;
        }
    }
    return false;
}

/* --- times of day --------------------------------------------------------------------------------------------------- */

static void take_zone(struct rn_bytes text, size_t *end)
{
    size_t zone = *end;
    if (one_of(text, &zone, "Zz") && !is_word(at(text, zone))) {
        *end = zone;
    }
    zone = *end;
    if (one_of(text, &zone, "+-") && digits(text, &zone, 2, 4)) {
        *end = zone;
        if (one_of(text, &zone, ":") && digits(text, &zone, 2, 2)) {
            *end = zone;
        }
    }
}

static void take_half(struct rn_bytes text, size_t *end)
{
    size_t half = *end;
    (void)one_of(text, &half, " ");
    if (one_of(text, &half, "aApP") && one_of(text, &half, "mM") && !is_word(at(text, half))) {
        *end = half;
    }
}

/* 14:03, 14:03:22, 2:03 pm, 14:03:22.123Z, 14:03:22+01:00 */
static size_t time_of_day(struct rn_bytes text, size_t from)
{
    size_t end = from;
    if (!digits(text, &end, 1, 2) || !one_of(text, &end, ":") || !digits(text, &end, 2, 2)) {
        return 0;
    }
    size_t more = end;
    if (one_of(text, &more, ":") && digits(text, &more, 2, 2)) {
        end = more;
        if (one_of(text, &more, ".,") && digits(text, &more, 1, 9)) {
            end = more;
        }
    }
    take_half(text, &end);
    take_zone(text, &end);
    return end - from;
}

/* --- dates ---------------------------------------------------------------------------------------------------------- */

/* 2026-11-21, 21.11.2026, 11/21/26; a year stands at one end */
static size_t numeric_date(struct rn_bytes text, size_t from)
{
    size_t end = from;
    size_t first = run_of(text, from, is_digit);
    if ((first != 4 && first != 1 && first != 2) || !digits(text, &end, 1, 4)) {
        return 0;
    }
    uint8_t between = at(text, end);
    if (!one_of(text, &end, "-/.") || !digits(text, &end, 1, 2) || at(text, end) != between) {
        return 0;
    }
    end++;
    size_t last = run_of(text, end, is_digit);
    bool dated = first == 4 ? last == 1 || last == 2 : last == 4 || (last == 2 && between != '.');
    return dated ? end + last - from : 0;
}

/* The name at `from`, whole or its first three letters with or without a dot. */
static size_t name_among(struct rn_bytes text, size_t from, const char *const *names, size_t count)
{
    size_t len = run_of(text, from, is_letter);
    struct rn_bytes word = rn_bytes_sub(text, from, len);
    for (size_t i = 0; i < count; i++) {
        struct rn_bytes name = rn_bytes_text(names[i]);
        if (rn_bytes_equal_nocase(word, name) ||
            rn_bytes_equal_nocase(word, rn_bytes_sub(name, 0, 3)) ||
            (len == 4 && rn_bytes_equal_nocase(word, rn_bytes_sub(name, 0, 4)))) {
            return len;
        }
    }
    return 0;
}

static size_t month_name(struct rn_bytes text, size_t from)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    return name_among(text, from, months, sizeof months / sizeof months[0]);
}

static size_t day_name(struct rn_bytes text, size_t from)
{
    static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};
    return name_among(text, from, days, sizeof days / sizeof days[0]);
}

/* What may stand between day, month and year. */
static void take_gap(struct rn_bytes text, size_t *end)
{
    (void)one_of(text, end, ".,");
    while (one_of(text, end, " ")) {
    }
}

static void take_ordinal(struct rn_bytes text, size_t *end)
{
    static const char *const ordinals[] = {"st", "nd", "rd", "th"};
    for (size_t i = 0; i < sizeof ordinals / sizeof ordinals[0]; i++) {
        if (rn_bytes_equal_nocase(rn_bytes_sub(text, *end, 2), rn_bytes_text(ordinals[i]))) {
            *end += 2;
            return;
        }
    }
}

static void take_year(struct rn_bytes text, size_t *end)
{
    size_t year = *end;
    take_gap(text, &year);
    if (year > *end && digits(text, &year, 4, 4)) {
        *end = year;
    }
}

/* "21 November 2026", "Nov 21st, 2026", "November 21" */
static size_t spoken_date(struct rn_bytes text, size_t from)
{
    size_t end = from;
    size_t month = month_name(text, from);
    if (month > 0) {
        end += month;
        take_gap(text, &end);
        if (end == from + month || !digits(text, &end, 1, 2)) {
            return 0;
        }
        take_ordinal(text, &end);
    } else {
        if (!digits(text, &end, 1, 2)) {
            return 0;
        }
        take_ordinal(text, &end);
        take_gap(text, &end);
        month = month_name(text, end);
        if (month == 0) {
            return 0;
        }
        end += month;
    }
    take_year(text, &end);
    return end - from;
}

static size_t plain_date(struct rn_bytes text, size_t from)
{
    size_t len = numeric_date(text, from);
    return len > 0 ? len : spoken_date(text, from);
}

/* A weekday belongs to the date behind it; alone it is a word. */
static size_t date(struct rn_bytes text, size_t from)
{
    size_t end = from + day_name(text, from);
    if (end > from) {
        size_t word = end;
        take_gap(text, &end);
        if (end == word) {
            return 0;
        }
    }
    size_t len = plain_date(text, end);
    return len > 0 ? end + len - from : 0;
}

/* A date and a time of day in one word: RFC 3339 and its kin. */
static size_t stamp(struct rn_bytes text, size_t from)
{
    size_t end = from + numeric_date(text, from);
    if (end == from || !one_of(text, &end, "Tt")) {
        return 0;
    }
    size_t len = time_of_day(text, end);
    return len > 0 ? end + len - from : 0;
}

/* --- ids ------------------------------------------------------------------------------------------------------------ */

static size_t uuid(struct rn_bytes text, size_t from)
{
    static const size_t groups[] = {8, 4, 4, 4, 12};
    size_t end = from;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if ((i > 0 && !one_of(text, &end, "-")) || run_of(text, end, is_hex) != groups[i]) {
            return 0;
        }
        end += groups[i];
    }
    return end - from;
}

static bool is_alnum(uint8_t byte)
{
    return is_digit(byte) || is_letter(byte);
}

struct census {
    size_t digits, upper, lower, others;
};

static struct census count(struct rn_bytes run)
{
    struct census sums = {0};
    for (size_t i = 0; i < run.len; i++) {
        uint8_t byte = run.data[i];
        sums.digits += is_digit(byte);
        sums.upper += byte >= 'A' && byte <= 'Z';
        sums.lower += byte >= 'a' && byte <= 'z';
        sums.others += is_letter(byte) && !is_hex(byte);
    }
    return sums;
}

/* Digits and letters that nobody would write by hand: hex with both, a ULID, or mixed with two digits or more. */
static bool is_random(struct rn_bytes run, bool has_head)
{
    struct census sums = count(run);
    size_t letters = sums.upper + sums.lower;
    if (run.len < ID_TAIL_CHARS_MIN || sums.digits == 0) {
        return false;
    }
    if (letters == 0) {
        return has_head;
    }
    bool is_ulid = run.len == ULID_CHARS && sums.lower == 0;
    return sums.others == 0 || is_ulid || (has_head && sums.digits >= 2);
}

/* call_Ab12..., req-..., chatcmpl-..., or a random run alone. The head may have underscores of its own. */
static size_t id(struct rn_bytes text, size_t from)
{
    size_t len = uuid(text, from);
    if (len > 0) {
        return len;
    }
    size_t start = from;
    for (;;) {
        size_t run = run_of(text, start, is_alnum);
        bool ends = !is_word(at(text, start + run));
        if (ends && is_random(rn_bytes_sub(text, start, run), start > from)) {
            return start + run - from;
        }
        uint8_t next = at(text, start + run);
        bool is_head = run > 0 && run <= ID_HEAD_CHARS_MAX &&
                       count(rn_bytes_sub(text, start, run)).digits == 0;
        if (!is_head || (next != '_' && next != '-')) {
            return 0;
        }
        start += run + 1;
    }
}

/* 42, 1,904, 3.14: two digits or more; not the last part of a word. */
static size_t number(struct rn_bytes text, size_t from)
{
    size_t end = from + run_of(text, from, is_digit);
    size_t sum = end - from;
    while (sum > 0 && (at(text, end) == '.' || at(text, end) == ',') &&
           is_digit(at(text, end + 1))) {
        size_t more = run_of(text, end + 1, is_digit);
        sum += more;
        end += 1 + more;
    }
    return sum >= 2 ? end - from : 0;
}

/* --- the pass ------------------------------------------------------------------------------------------------------- */

static const struct {
    size_t (*shape)(struct rn_bytes text, size_t from);
    const char *mark;
} shapes[] = {{stamp, "<time>"},
              {time_of_day, "<time>"},
              {date, "<date>"},
              {id, "<id>"},
              {number, "<number>"}};

static size_t masked_at(struct rn_bytes text, size_t from, const char **mark)
{
    size_t len = 0;
    for (size_t i = 0; len == 0 && i < sizeof shapes / sizeof shapes[0]; i++) {
        len = shapes[i].shape(text, from);
        *mark = shapes[i].mark;
    }
    return len;
}

enum rn_status rn_prompt_mask(struct rn_bytes text, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    size_t kept = 0; /* everything before is in `out` */
    size_t here = 0;
    while (here < text.len && status == RN_OK) {
        const char *mark = NULL;
        bool begins = here == 0 || !is_word(text.data[here - 1]);
        size_t len = begins && is_alnum(text.data[here]) ? masked_at(text, here, &mark) : 0;
        if (len == 0) {
            here++;
            continue;
        }
        status = rn_buffer_add(out, rn_bytes_sub(text, kept, here - kept));
        status = status == RN_OK ? rn_buffer_add(out, rn_bytes_text(mark)) : status;
        here += len;
        kept = here;
    }
    return status == RN_OK ? rn_buffer_add(out, rn_bytes_from(text, kept)) : status;
}
