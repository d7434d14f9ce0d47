/* `reenact export`: a trace leaves the store in a form that others can read. What stands on the page is replayer/look/page.h's. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "human.h"
#include "out_file.h"
#include "replayer/page.h"
#include "store/find.h"

static struct {
    const char *store;
    const char *html;
    const char *prices;
} asked;

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--html", RN_OPTION_TEXT, &asked.html, "FILE", "write one page, readable without a network"},
    {"--prices", RN_OPTION_TEXT, &asked.prices, "FILE", "what tokens cost (else: built in)"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static enum rn_status check(const struct rn_cli_line *line, struct rn_error *error)
{
    if (line->word_count != 1 || line->rest_count > 0) {
        return rn_fail(error, RN_INVALID,
                       line->word_count == 0
                           ? "which trace? `reenact log` lists them, `last` is the newest"
                           : "takes one TRACE");
    }
    if (asked.html == NULL) {
        return rn_fail(error, RN_INVALID, "where to? --html FILE ('-' is standard output)");
    }
    return strcmp(asked.html, "-") == 0 ? RN_OK : rn_out_file_check("--html", asked.html, error);
}

static enum rn_status make_page(struct rn_store *store, const char *text, struct rn_buffer *page,
                                struct rn_page_outcome *outcome, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_prices *prices = NULL;
    struct rn_trace_id id;
    uint32_t n = UINT32_MAX;
    enum rn_status status = rn_prices_load(asked.prices, &prices, error);
    status = status == RN_OK ? rn_find_trace(store, text, &id, &n, error) : status;
    if (status == RN_OK && n != UINT32_MAX) {
        status = rn_fail(error, RN_INVALID, "the page is of a whole trace: leave out ':%u'", n);
    }
    status = status == RN_OK ? rn_trace_summary(store, &id, &arena, &summary, error) : status;
    status = status == RN_OK ? rn_page_make(store, &summary, prices, page, outcome, error) : status;
    rn_prices_free(prices);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status write_page(struct rn_bytes page, struct rn_error *error)
{
    if (strcmp(asked.html, "-") != 0) {
        return rn_file_write(asked.html, page, 0666, error);
    }
    return fwrite(page.data, 1, page.len, stdout) == page.len
               ? RN_OK
               : rn_fail(error, RN_IO, "cannot write to standard output");
}

static void tell(const struct rn_page_outcome *outcome, size_t bytes)
{
    struct rn_human size;
    if (strcmp(asked.html, "-") != 0) {
        (void)fprintf(stderr, "%s: %s\n", asked.html, rn_human_bytes(&size, bytes));
    }
    if (outcome->left_out > 0) {
        (void)fprintf(stderr, "%u events are not on the page: it has no room for them\n",
                      outcome->left_out);
    }
    if (outcome->damaged > 0) {
        (void)fprintf(stderr, "%u events cannot be read; the page says which\n", outcome->damaged);
    }
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_buffer page = {0};
    struct rn_page_outcome outcome = {0};
    int done = rn_cli_begin(&rn_cmd_export, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = check(&line, &error);
    if (status == RN_OK) {
        status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    }
    if (status == RN_OK) {
        status = make_page(store, line.words[0], &page, &outcome, &error);
    }
    if (status == RN_OK) {
        status = write_page(rn_buffer_bytes(&page), &error);
    }
    if (status == RN_OK) {
        tell(&outcome, page.len);
    }
    rn_buffer_free(&page);
    rn_store_close(store);
    if (status != RN_OK) {
        return rn_cli_complain("export", status == RN_DAMAGED ? RN_EXIT_DIFFERS : RN_EXIT_TROUBLE,
                               &error);
    }
    return outcome.damaged > 0 ? RN_EXIT_DIFFERS : RN_EXIT_SAME;
}

const struct rn_cli_command rn_cmd_export = {"export",
                                             "export [options] TRACE --html FILE",
                                             "write a trace as one page to read or send away",
                                             options,
                                             run,
                                             RN_EXIT_TROUBLE,
                                             NULL};
