/* Rounds for reading. What must be exact is printed elsewhere, in full. */
#include "human.h"

#include "base/varint.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

const char *rn_human_bytes(struct rn_human *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    unsigned unit = 0;
    /* 999.5 would be printed as 1000. */
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(out->text, sizeof out->text, unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s",
                   value, units[unit]);
    return out->text;
}

const char *rn_human_duration(struct rn_human *out, uint64_t ns)
{
    double ms = (double)ns / 1e6;
    uint64_t s = ns / NS_PER_S;
    if (ns < 1000000) {
        (void)snprintf(out->text, sizeof out->text, "%.2f ms", ms);
    } else if (ns < 10 * 1000000) {
        (void)snprintf(out->text, sizeof out->text, "%.1f ms", ms);
    } else if (ns < NS_PER_S) {
        (void)snprintf(out->text, sizeof out->text, "%.0f ms", ms);
    } else if (s < 60) {
        (void)snprintf(out->text, sizeof out->text, s < 10 ? "%.2f s" : "%.1f s", ms / 1000);
    } else if (s < 3600) {
        (void)snprintf(out->text, sizeof out->text, "%" PRIu64 " min %02" PRIu64 " s", s / 60,
                       s % 60);
    } else {
        (void)snprintf(out->text, sizeof out->text, "%" PRIu64 " h %02" PRIu64 " min", s / 3600,
                       s / 60 % 60);
    }
    return out->text;
}

static void format_time(struct rn_human *out, uint64_t wall_ns, const char *format)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL ||
        strftime(out->text, sizeof out->text, format, &parts) == 0) {
        (void)snprintf(out->text, sizeof out->text, "?");
    }
}

const char *rn_human_ago(struct rn_human *out, uint64_t wall_ns, uint64_t now_wall_ns)
{
    uint64_t s = now_wall_ns > wall_ns ? (now_wall_ns - wall_ns) / NS_PER_S : 0;
    if (s == 0) {
        (void)snprintf(out->text, sizeof out->text, "now");
    } else if (s < 60) {
        (void)snprintf(out->text, sizeof out->text, "%" PRIu64 " s ago", s);
    } else if (s < 3600) {
        (void)snprintf(out->text, sizeof out->text, "%" PRIu64 " min ago", s / 60);
    } else if (s < 86400) {
        (void)snprintf(out->text, sizeof out->text, "%" PRIu64 " h ago", s / 3600);
    } else if (s < UINT64_C(7) * 86400) {
        (void)snprintf(out->text, sizeof out->text, "%" PRIu64 " d ago", s / 86400);
    } else {
        format_time(out, wall_ns, "%Y-%m-%d");
    }
    return out->text;
}

const char *rn_human_moment(struct rn_human *out, uint64_t wall_ns)
{
    format_time(out, wall_ns, "%Y-%m-%d %H:%M:%S %z");
    return out->text;
}

const char *rn_human_iso(struct rn_human *out, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm parts;
    char date[24];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(out->text, sizeof out->text, "?");
        return out->text;
    }
    (void)snprintf(out->text, sizeof out->text, "%s.%09" PRIu64 "Z", date, wall_ns % NS_PER_S);
    return out->text;
}

const char *rn_human_count(struct rn_human *out, uint64_t count, const char *one, const char *many)
{
    (void)snprintf(out->text, sizeof out->text, "%" PRIu64 " %s", count, count == 1 ? one : many);
    return out->text;
}

const char *rn_human_exit(struct rn_human *out, int wait_status)
{
    if (wait_status < 0) {
        out->text[0] = '\0';
    } else if (WIFEXITED(wait_status)) {
        (void)snprintf(out->text, sizeof out->text, "exit %d", WEXITSTATUS(wait_status));
    } else {
        (void)snprintf(out->text, sizeof out->text, "signal %d", WTERMSIG(wait_status));
    }
    return out->text;
}

enum rn_status rn_human_runs(struct rn_buffer *out, struct rn_bytes runs)
{
    struct rn_bytes run;
    bool is_first = true;
    enum rn_status status = RN_OK;
    while (runs.len > 0 && status == RN_OK && rn_run_get(&runs, &run)) {
        status = is_first ? RN_OK : rn_buffer_add(out, RN_LIT(", "));
        status = status == RN_OK ? rn_buffer_add(out, run) : status;
        is_first = false;
    }
    return status;
}
