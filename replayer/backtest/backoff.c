/* Reads numbers, durations and dates out of an answer's fields. Numbers beyond all sense are the longest wait. */
#include "backoff.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define FIRST_NS (NS_PER_S / 2)
#define LONGEST_NS (30 * NS_PER_S)

uint64_t rn_backoff_ns(unsigned attempt, uint64_t chance)
{
    unsigned doublings = attempt == 0 ? 0 : attempt - 1;
    uint64_t most = doublings < 6 ? FIRST_NS << doublings : LONGEST_NS;
    most = most < LONGEST_NS ? most : LONGEST_NS;
    return most / 2 + chance % (most / 2 + 1);
}

bool rn_backoff_is_for_all(unsigned status)
{
    return status == 429 || status == 503 || status == 529;
}

/* --- numbers --------------------------------------------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static uint64_t capped(uint64_t ns)
{
    return ns < RN_BACKOFF_ASKED_NS_MAX ? ns : RN_BACKOFF_ASKED_NS_MAX;
}

/* Digits with an optional fraction at the front of `text`, times `unit_ns`; false when there are none. */
static bool take_amount(struct rn_bytes *text, uint64_t unit_ns, uint64_t *ns)
{
    size_t at = 0;
    uint64_t whole = 0;
    for (; at < text->len && is_digit(text->data[at]); at++) {
        whole = whole < 1000000000 ? whole * 10 + (uint64_t)(text->data[at] - '0') : whole;
    }
    if (at == 0) {
        return false;
    }
    uint64_t total =
        whole > RN_BACKOFF_ASKED_NS_MAX / unit_ns ? RN_BACKOFF_ASKED_NS_MAX : whole * unit_ns;
    if (at + 1 < text->len && text->data[at] == '.' && is_digit(text->data[at + 1])) {
        uint64_t place_ns = unit_ns;
        for (at++; at < text->len && is_digit(text->data[at]); at++) {
            place_ns /= 10;
            total += place_ns * (uint64_t)(text->data[at] - '0');
        }
    }
    *text = rn_bytes_from(*text, at);
    *ns = capped(total);
    return true;
}

/* A lone number of units, as in `retry-after: 1.5`. */
static bool read_amount(struct rn_bytes text, uint64_t unit_ns, uint64_t *ns)
{
    return take_amount(&text, unit_ns, ns) && text.len == 0;
}

/* A unit behind a number of a duration. The longer name first. */
static bool take_unit(struct rn_bytes *text, uint64_t *unit_ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ms", NS_PER_MS}, {"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S}, {"s", NS_PER_S}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (rn_bytes_starts_with(*text, rn_bytes_text(units[i].name))) {
            *text = rn_bytes_from(*text, strlen(units[i].name));
            *unit_ns = units[i].ns;
            return true;
        }
    }
    return false;
}

/* "1s", "6m0s", "1.5s", "20ms". */
static bool read_duration(struct rn_bytes text, uint64_t *ns)
{
    uint64_t total = 0;
    while (text.len > 0) {
        struct rn_bytes number = text;
        uint64_t unit_ns = 0;
        uint64_t amount = 0;
        while (text.len > 0 && (is_digit(text.data[0]) || text.data[0] == '.')) {
            text = rn_bytes_from(text, 1);
        }
        number.len -= text.len;
        if (!take_unit(&text, &unit_ns) || !read_amount(number, unit_ns, &amount)) {
            return false;
        }
        total = capped(total + amount);
    }
    *ns = total;
    return true;
}

/* --- dates ----------------------------------------------------------------------------------------------------------- */

/* "Fri, 20 Nov 2026 21:42:13 GMT" (RFC 9110 5.6.7); the obsolete forms are not read. */
static bool read_date(struct rn_bytes text, uint64_t *wall_ns)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char line[32];
    char month[4];
    struct tm when = {0};
    int end = 0;
    if (text.len != sizeof "Fri, 20 Nov 2026 21:42:13 GMT" - 1) {
        return false;
    }
    memcpy(line, text.data, text.len);
    line[text.len] = '\0';
    if (sscanf(line + 3, ", %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &when.tm_mday, month,
               &when.tm_year, &when.tm_hour, &when.tm_min, &when.tm_sec, &end) != 6 ||
        end == 0) {
        return false;
    }
    const char *found = strstr(months, month);
    if (found == NULL || strlen(month) != 3 || (found - months) % 3 != 0) {
        return false;
    }
    when.tm_mon = (int)(found - months) / 3;
    when.tm_year -= 1900;
    time_t seconds = timegm(&when);
    if (seconds < 0) {
        return false;
    }
    *wall_ns = (uint64_t)seconds * NS_PER_S;
    return true;
}

/* --- fields ---------------------------------------------------------------------------------------------------------- */

static bool find(const struct rn_http_head *head, const char *name, struct rn_bytes *value)
{
    const struct rn_http_field *field = rn_http_find(head, rn_bytes_text(name));
    if (field == NULL) {
        return false;
    }
    *value = rn_bytes_trim(field->value);
    return true;
}

static bool retry_after(struct rn_bytes value, uint64_t wall_ns, uint64_t *wait_ns)
{
    uint64_t date_ns = 0;
    if (read_amount(value, NS_PER_S, wait_ns)) {
        return true;
    }
    if (!read_date(value, &date_ns)) {
        return false;
    }
    *wait_ns = date_ns > wall_ns ? capped(date_ns - wall_ns) : 0;
    return true;
}

/* The bound that is used up says when it is whole again. */
static bool used_up(const struct rn_http_head *head, const char *remaining, const char *reset,
                    uint64_t *wait_ns)
{
    struct rn_bytes left;
    struct rn_bytes value;
    uint64_t ns = 0;
    if (!find(head, remaining, &left) || !rn_bytes_equal(left, RN_LIT("0")) ||
        !find(head, reset, &value) || !read_duration(value, &ns)) {
        return false;
    }
    *wait_ns = ns > *wait_ns ? ns : *wait_ns;
    return true;
}

bool rn_backoff_asked(const struct rn_http_head *head, uint64_t wall_ns, uint64_t *wait_ns)
{
    struct rn_bytes value;
    *wait_ns = 0;
    if (find(head, "retry-after-ms", &value) && read_amount(value, NS_PER_MS, wait_ns)) {
        return true;
    }
    if (find(head, "retry-after", &value) && retry_after(value, wall_ns, wait_ns)) {
        return true;
    }
    if (head->status != 429) {
        return false;
    }
    bool requests =
        used_up(head, "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", wait_ns);
    bool tokens =
        used_up(head, "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", wait_ns);
    return requests || tokens;
}
