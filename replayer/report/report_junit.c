/*
 * The report as a JUnit suite, for those who show such files: a case for being complete, for each
 * condition and each kind of failure; the metrics as properties. What lacks an answer and a condition
 * that failed or could not be judged are failures; failed calls are errors.
 */
#include "report.h"

#include <inttypes.h>

#include "metric.h"
#include "sheet.h"

static void put_properties(struct rn_sheet *sheet, const struct rn_report *report)
{
    rn_sheet_put(sheet, "    <properties>\n");
    for (size_t i = 0; rn_metric_at(i) != NULL; i++) {
        const struct rn_metric *metric = rn_metric_at(i);
        double value = 0;
        if (metric->value(report, &value)) {
            rn_sheet_put(sheet, "      <property name=\"");
            rn_sheet_text(sheet, metric->name);
            rn_sheet_put(sheet, "\" value=\"");
            rn_sheet_putf(sheet, "%.12g", value);
            rn_sheet_put(sheet, "\"/>\n");
        }
    }
    rn_sheet_put(sheet, "      <property name=\"headline\" value=\"");
    rn_sheet_text(sheet, report->headline);
    rn_sheet_put(sheet, "\"/>\n    </properties>\n");
}

static void begin_case(struct rn_sheet *sheet, const char *class, struct rn_bytes name)
{
    rn_sheet_put(sheet, "    <testcase classname=\"");
    rn_sheet_text(sheet, class);
    rn_sheet_put(sheet, "\" name=\"");
    rn_sheet_bytes(sheet, name);
    rn_sheet_put(sheet, "\"");
}

static void put_condition(struct rn_sheet *sheet, const struct rn_judged_condition *condition)
{
    begin_case(sheet, "reenact.backtest.condition", rn_bytes_text(condition->text));
    if (!condition->failed) {
        rn_sheet_put(sheet, "/>\n");
        return;
    }
    rn_sheet_put(sheet, ">\n      <failure message=\"");
    if (condition->unknown != NULL) {
        rn_sheet_put(sheet, "nothing was measured for ");
        rn_sheet_text(sheet, condition->unknown);
    } else {
        rn_sheet_put(sheet, "holds: ");
        rn_sheet_text(sheet, condition->text);
    }
    rn_sheet_put(sheet, "\"/>\n    </testcase>\n");
}

static void put_complete(struct rn_sheet *sheet, uint64_t unanswered)
{
    begin_case(sheet, "reenact.backtest", RN_LIT("every call has its final answer"));
    if (unanswered == 0) {
        rn_sheet_put(sheet, "/>\n");
        return;
    }
    rn_sheet_putf(sheet,
                  ">\n      <failure message=\"%" PRIu64 " without an answer\"/>\n"
                  "    </testcase>\n",
                  unanswered);
}

static void put_failure(struct rn_sheet *sheet, const struct rn_failure *failure)
{
    char trace[33];
    rn_trace_id_text(&failure->trace, trace);
    begin_case(sheet, "reenact.backtest.failure", failure->what);
    rn_sheet_put(sheet, ">\n      <error message=\"");
    rn_sheet_putf(sheet, "%" PRIu64, failure->count);
    rn_sheet_put(sheet, failure->count == 1 ? " call, " : " calls, the first ");
    rn_sheet_text(sheet, trace);
    rn_sheet_put(sheet, ":");
    rn_sheet_putf(sheet, "%" PRIu32, failure->n);
    rn_sheet_put(sheet, "\"/>\n    </testcase>\n");
}

static void begin_suite(struct rn_sheet *sheet, const struct rn_report *report,
                        const struct rn_judged_condition *conditions, size_t count)
{
    size_t failed = report->pairs[RN_PAIR_UNANSWERED] > 0;
    for (size_t i = 0; i < count; i++) {
        failed += conditions[i].failed;
    }
    const char *name = report->facts.name[0] != '\0' ? report->facts.name : report->facts.id;
    rn_sheet_put(sheet, "  <testsuite name=\"backtest ");
    rn_sheet_text(sheet, name);
    rn_sheet_put(sheet, "\" tests=\"");
    rn_sheet_putf(sheet, "%zu", 1 + count + report->failure_count);
    rn_sheet_put(sheet, "\" failures=\"");
    rn_sheet_putf(sheet, "%zu", failed);
    rn_sheet_put(sheet, "\" errors=\"");
    rn_sheet_putf(sheet, "%zu", report->failure_count);
    rn_sheet_put(sheet, "\" skipped=\"0\">\n");
}

enum rn_status rn_report_junit(const struct rn_report *report,
                               const struct rn_judged_condition *conditions, size_t count,
                               struct rn_buffer *out)
{
    struct rn_sheet sheet = {.out = out, .status = RN_OK};
    rn_sheet_put(&sheet, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    begin_suite(&sheet, report, conditions, count);
    put_properties(&sheet, report);
    put_complete(&sheet, report->pairs[RN_PAIR_UNANSWERED]);
    for (size_t i = 0; i < count; i++) {
        put_condition(&sheet, &conditions[i]);
    }
    for (size_t i = 0; i < report->failure_count; i++) {
        put_failure(&sheet, &report->failures[i]);
    }
    rn_sheet_put(&sheet, "  </testsuite>\n</testsuites>\n");
    return sheet.status;
}
