/* Reads moments. The calendar is libc's: local days have 23 or 25 hours where a zone says so. */
#include "when.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

static enum rn_status complain(const char *text, struct rn_error *error)
{
    return rn_fail(error, RN_INVALID,
                   "'%.60s' is no time; say 90min, 12h, 7d, tue, yesterday, 2026-11-17 or "
                   "2026-11-17T14:03Z",
                   text);
}

/* "7d": so long before now. */
static bool read_ago(const char *text, uint64_t now_ns, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    uint64_t count = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        count = count * 10 + (uint64_t)(text[i] - '0');
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(text + digits, units[i].unit) == 0) {
            uint64_t ago = count * units[i].seconds * NS_PER_S;
            *out = ago < now_ns ? now_ns - ago : 1;
            return true;
        }
    }
    return false;
}

static bool from_local(struct tm *day, uint64_t *out)
{
    day->tm_isdst = -1;
    time_t seconds = mktime(day);
    if (seconds <= 0) {
        return false;
    }
    *out = (uint64_t)seconds * NS_PER_S;
    return true;
}

/* The days of a week by at least three letters, and the words for today and the day before. */
static bool read_day(const char *text, struct tm *now, uint64_t *out)
{
    static const char *const days[] = {"sunday",   "monday", "tuesday", "wednesday",
                                       "thursday", "friday", "saturday"};
    int back = -1;
    if (strcasecmp(text, "today") == 0) {
        back = 0;
    } else if (strcasecmp(text, "yesterday") == 0) {
        back = 1;
    }
    for (int i = 0; i < 7 && strlen(text) >= 3; i++) {
        if (strncasecmp(text, days[i], strlen(text)) == 0) {
            back = (now->tm_wday - i + 7) % 7;
        }
    }
    if (back < 0) {
        return false;
    }
    now->tm_mday -= back;
    now->tm_hour = now->tm_min = now->tm_sec = 0;
    return from_local(now, out);
}

/* What may stand behind a time: nothing (local), Z, +HH:MM, -HH:MM. */
static bool read_zone(const char *text, bool *is_local, long *offset_seconds)
{
    unsigned hours = 0;
    unsigned minutes = 0;
    int end = 0;
    *is_local = text[0] == '\0';
    *offset_seconds = 0;
    if (*is_local || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        return true;
    }
    if ((text[0] != '+' && text[0] != '-') ||
        sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &end) != 2 || text[1 + end] != '\0' ||
        hours > 23 || minutes > 59) {
        return false;
    }
    *offset_seconds = (long)(hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
    return true;
}

/* HH:MM[:SS] at the front; *rest is what follows. */
static bool read_clock(const char *text, struct tm *day, const char **rest)
{
    int end = 0;
    int more = 0;
    day->tm_sec = 0;
    if (sscanf(text, "%2d:%2d%n", &day->tm_hour, &day->tm_min, &end) != 2 || end == 0) {
        return false;
    }
    if (text[end] == ':') {
        if (sscanf(text + end, ":%2d%n", &day->tm_sec, &more) != 1 || more == 0) {
            return false;
        }
    }
    *rest = text + end + more;
    return day->tm_hour >= 0 && day->tm_hour < 24 && day->tm_min >= 0 && day->tm_min < 60 &&
           day->tm_sec >= 0 && day->tm_sec < 61;
}

static bool read_moment(const char *text, const struct tm *now, uint64_t *out)
{
    struct tm day = *now;
    struct tm asked;
    bool is_local = true;
    long offset = 0;
    int year = 0;
    int month = 0;
    int number = 0;
    int end = 0;
    day.tm_hour = day.tm_min = day.tm_sec = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &number, &end) == 3 && end == 10) {
        day.tm_year = year - 1900;
        day.tm_mon = month - 1;
        day.tm_mday = number;
        text += end;
        if (text[0] == 'T' || text[0] == 't' || text[0] == ' ') {
            if (!read_clock(text + 1, &day, &text) || !read_zone(text, &is_local, &offset)) {
                return false;
            }
        } else if (text[0] != '\0') {
            return false;
        }
    } else if (!read_clock(text, &day, &text) || text[0] != '\0') {
        return false;
    }
    asked = day;
    if (is_local) {
        /* The 31st of November is no day, whatever mktime makes of it. */
        return from_local(&day, out) && day.tm_mday == asked.tm_mday && day.tm_mon == asked.tm_mon;
    }
    time_t seconds = timegm(&day);
    if (day.tm_mday != asked.tm_mday || day.tm_mon != asked.tm_mon || seconds - offset <= 0) {
        return false;
    }
    *out = (uint64_t)(seconds - offset) * NS_PER_S;
    return true;
}

enum rn_status rn_when_parse(const char *text, uint64_t now_wall_ns, uint64_t *wall_ns,
                             struct rn_error *error)
{
    time_t now = (time_t)(now_wall_ns / NS_PER_S);
    struct tm local;
    if (read_ago(text, now_wall_ns, wall_ns)) {
        return RN_OK;
    }
    if (localtime_r(&now, &local) == NULL) {
        return complain(text, error);
    }
    struct tm today = local;
    return read_day(text, &today, wall_ns) || read_moment(text, &local, wall_ns)
               ? RN_OK
               : complain(text, error);
}
