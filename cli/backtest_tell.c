/* `reenact backtest report`, and the report at the end of a run: made once, told as text or documents, judged by --fail-if. */
#include "cmd_backtest.h"

#include <stdio.h>

#include "base/file.h"
#include "out_file.h"

static struct {
    const char *store;
    const char *junit;
    const char *html;
    const char *prices;
    struct rn_option_list conditions;
    uint64_t worst;
    bool as_json;
} asked = {.worst = 5};

/* What a run that reports and a report alone are told alike. */
#define REPORT_ROWS                                                                                \
    {"--fail-if", RN_OPTION_LIST, &asked.conditions, "CONDITION",                                  \
     "exit 1 if it holds: 'tool_agreement < 0.95'"},                                               \
        {"--worst", RN_OPTION_NUMBER, &asked.worst, "N", "pairs to show side by side (5)"},        \
        {"--prices", RN_OPTION_TEXT, &asked.prices, "FILE", "what tokens cost"},                   \
        {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.backtest/1"},              \
        {"--html", RN_OPTION_TEXT, &asked.html, "FILE", "write a page with plots there as well"},  \
    {                                                                                              \
        "--junit", RN_OPTION_TEXT, &asked.junit, "FILE", "write JUnit XML there as well"           \
    }

const struct rn_option rn_backtest_report_options[] = {REPORT_ROWS, RN_OPTION_END};

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    REPORT_ROWS,
    RN_OPTION_HELP,
    RN_OPTION_END,
};

const char *rn_backtest_prices(void)
{
    return asked.prices;
}

enum rn_status rn_backtest_report_check(struct rn_error *error)
{
    if (asked.worst > RN_REPORT_WORST_MAX) {
        return rn_fail(error, RN_INVALID, "--worst takes 0 to %u", RN_REPORT_WORST_MAX);
    }
    for (unsigned i = 0; i < asked.conditions.count; i++) {
        struct rn_condition *condition = NULL;
        enum rn_status status = rn_condition_parse(asked.conditions.at[i], &condition, error);
        rn_condition_free(condition);
        if (status != RN_OK) {
            return status;
        }
    }
    enum rn_status status = rn_out_file_check("--html", asked.html, error);
    return status == RN_OK ? rn_out_file_check("--junit", asked.junit, error) : status;
}

/* Judges every condition; *failed says whether one holds. */
static enum rn_status judge(const struct rn_report *report, struct rn_judged_condition *judged,
                            bool *failed, struct rn_error *error)
{
    for (unsigned i = 0; i < asked.conditions.count; i++) {
        struct rn_condition *condition = NULL;
        enum rn_status status = rn_condition_parse(asked.conditions.at[i], &condition, error);
        if (status != RN_OK) {
            return status;
        }
        judged[i].text = asked.conditions.at[i];
        judged[i].unknown = NULL;
        judged[i].failed = rn_condition_holds(condition, report, &judged[i].unknown);
        *failed = *failed || judged[i].failed;
        rn_condition_free(condition);
    }
    return RN_OK;
}

typedef enum rn_status compose_document(const struct rn_report *report,
                                        const struct rn_judged_condition *conditions, size_t count,
                                        struct rn_buffer *out);

static enum rn_status write_document(const char *path, compose_document *make,
                                     const struct rn_report *report,
                                     const struct rn_judged_condition *judged,
                                     struct rn_error *error)
{
    struct rn_buffer out = {0};
    if (path == NULL) {
        return RN_OK;
    }
    enum rn_status status = make(report, judged, asked.conditions.count, &out);
    status = status == RN_OK ? rn_file_write(path, rn_buffer_bytes(&out), 0666, error)
                             : rn_fail(error, status, "%s could not be made", path);
    rn_buffer_free(&out);
    return status;
}

static enum rn_status print(const struct rn_report *report,
                            const struct rn_judged_condition *judged, struct rn_error *error)
{
    struct rn_buffer out = {0};
    struct rn_screen screen = rn_screen_of(stdout);
    enum rn_status status =
        asked.as_json ? rn_report_json(report, judged, asked.conditions.count, &out)
                      : rn_backtest_show(&out, &screen, report, judged, asked.conditions.count);
    if (status != RN_OK || !rn_screen_put(stdout, &out)) {
        status = rn_fail(error, status == RN_OK ? RN_IO : status, "the report cannot be printed");
    }
    rn_buffer_free(&out);
    return status;
}

int rn_backtest_tell_report(const char *part, const char *store, const char *which)
{
    struct rn_error error = {RN_OK, ""};
    static struct rn_judged_condition judged[RN_OPTION_VALUES_MAX];
    struct rn_report report = {0};
    bool failed = false;
    enum rn_status status =
        rn_report_make(store, which, asked.prices, (unsigned)asked.worst, &report, &error);
    if (status == RN_OK) {
        status = judge(&report, judged, &failed, &error);
    }
    if (status == RN_OK) {
        status = print(&report, judged, &error);
    }
    if (status == RN_OK) {
        status = write_document(asked.html, rn_report_html, &report, judged, &error);
    }
    if (status == RN_OK) {
        status = write_document(asked.junit, rn_report_junit, &report, judged, &error);
    }
    rn_report_free(&report);
    if (status != RN_OK) {
        return rn_cli_complain(part, RN_EXIT_TROUBLE, &error);
    }
    return failed ? RN_EXIT_DIFFERS : RN_EXIT_SAME;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    int done = rn_cli_begin(&rn_cmd_backtest_report, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count != 1 || line.rest_count > 0) {
        return rn_cli_complainf(
            "backtest report", RN_EXIT_TROUBLE,
            "which backtest? `reenact backtest list` has them, `last` is the newest");
    }
    return rn_backtest_report_check(&error) == RN_OK
               ? rn_backtest_tell_report("backtest report", asked.store, line.words[0])
               : rn_cli_complain("backtest report", RN_EXIT_TROUBLE, &error);
}

const struct rn_cli_command rn_cmd_backtest_report = {"backtest report",
                                                      "backtest report [options] BACKTEST",
                                                      "compare the answers with the recorded ones",
                                                      options,
                                                      run,
                                                      RN_EXIT_TROUBLE,
                                                      NULL};
