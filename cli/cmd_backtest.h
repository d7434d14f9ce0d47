/* The parts of `reenact backtest`, and what they share: the report's options and how a report is told. */
#ifndef RN_CLI_CMD_BACKTEST_H
#define RN_CLI_CMD_BACKTEST_H

#include "options.h"
#include "replayer/report.h"
#include "screen.h"

extern const struct rn_cli_command rn_cmd_backtest_resume;
extern const struct rn_cli_command rn_cmd_backtest_list;
extern const struct rn_cli_command rn_cmd_backtest_report;
extern const struct rn_cli_command rn_cmd_backtest_drop;

/* --- backtest_run.c: running a plan with progress ------------------------------------------------------------------- */

/* Runs it and tells on stderr how it ended. The exit status, without the report's. */
int rn_backtest_tell_run(const char *part, const struct rn_backtest_run *run);
/* "$12.34", "$0.0021"; "unknown" where it is not known. */
#define RN_MONEY_BYTES_MAX 32
const char *rn_backtest_money(char out[RN_MONEY_BYTES_MAX], bool known, uint64_t pico);
/* RN_INVALID where `text` (may be NULL) is no amount above nothing. */
enum rn_status rn_backtest_budget(const char *text, uint64_t *pico, struct rn_error *error);

/* --- backtest_tell.c: the report ------------------------------------------------------------------------------------ */

/* --json, --junit, --html, --fail-if, --worst, --prices: a line for the tables of those that report. */
extern const struct rn_option rn_backtest_report_options[];
#define RN_BACKTEST_REPORT_OPTIONS                                                                 \
    {                                                                                              \
        "REPORT", RN_OPTION_MORE, (void *)(uintptr_t)rn_backtest_report_options, NULL,             \
            "how to report: see `reenact help backtest report`"                                    \
    }
/* The file of --prices, or NULL. */
const char *rn_backtest_prices(void);
/* Whether every --fail-if can be read and every file can be written: before anything is sent. */
enum rn_status rn_backtest_report_check(struct rn_error *error);
/* Makes the report and tells it as asked. Exit 0, 1 (a condition failed) or 2. */
int rn_backtest_tell_report(const char *part, const char *store, const char *which);

/* --- backtest_show.c: the report on a terminal ---------------------------------------------------------------------- */

enum rn_status rn_backtest_show(struct rn_buffer *out, const struct rn_screen *screen,
                                const struct rn_report *report,
                                const struct rn_judged_condition *conditions, size_t count);

#endif
