/* `reenact baseline verify` and `diff`: is it still what was frozen, and how does it differ from another one. */
#include "cmd_baseline.h"

#include <stdio.h>

#include "json_out.h"
#include "printable.h"
#include "screen.h"

static struct {
    const char *store;
    bool as_json;
} asked;

static const struct rn_option verify_options[] =
    RN_BASELINE_OPTIONS_READING(asked, "reenact.baseline-verify/1");
static const struct rn_option diff_options[] =
    RN_BASELINE_OPTIONS_READING(asked, "reenact.baseline-diff/1");

static const char *fault_name(enum rn_baseline_fault fault)
{
    return fault == RN_BASELINE_MISSING   ? "missing"
           : fault == RN_BASELINE_CHANGED ? "changed"
                                          : "damaged";
}

static bool print(json_t *document, struct rn_buffer *lines)
{
    return document != NULL ? rn_json_out_put(stdout, document) : rn_screen_put(stdout, lines);
}

/* --- verify -------------------------------------------------------------------------------------------------------- */

static bool tell_findings(const char *name, const struct rn_baseline_finding *findings,
                          size_t count)
{
    struct rn_buffer out = {0};
    json_t *document = asked.as_json ? rn_json_out_new("reenact.baseline-verify/1") : NULL;
    json_t *array = asked.as_json ? json_array() : NULL;
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        char id[33];
        rn_trace_id_text(&findings[i].id, id);
        if (asked.as_json) {
            json_t *finding = json_object();
            rn_json_out_text(finding, "trace", id);
            rn_json_out_text(finding, "fault", fault_name(findings[i].fault));
            rn_json_out_bytes(finding, "sentence", findings[i].sentence);
            (void)json_array_append_new(array, finding);
        } else {
            status = rn_buffer_addf(&out, "%s  %-8s ", id + 24, fault_name(findings[i].fault));
            status = status == RN_OK ? rn_printable(&out, findings[i].sentence, RN_PRINTABLE_LINE)
                                     : status;
            status = status == RN_OK ? rn_buffer_addf(&out, "\n") : status;
        }
    }
    if (asked.as_json) {
        rn_json_out_text(document, "name", name);
        rn_json_out_bool(document, "intact", count == 0);
        (void)json_object_set_new(document, "findings", array);
    } else if (count == 0) {
        (void)fprintf(stderr, "%s: everything is there as it was frozen\n", name);
    }
    bool good = status == RN_OK && print(document, &out);
    rn_buffer_free(&out);
    return good;
}

static int run_verify(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_arena arena = {0};
    struct rn_baseline_finding *findings = NULL;
    size_t count = 0;
    bool good = true;
    int done = rn_baseline_begin(&rn_cmd_baseline_verify, argc, argv, 1, 1, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    if (status == RN_OK) {
        status = rn_baseline_verify(store, line.words[0], &arena, &findings, &count, &error);
    }
    if (status == RN_OK) {
        good = tell_findings(line.words[0], findings, count);
    }
    rn_arena_free(&arena);
    rn_store_close(store);
    if (status != RN_OK) {
        return rn_cli_complain("baseline verify",
                               status == RN_DAMAGED ? RN_EXIT_DIFFERS : RN_EXIT_TROUBLE, &error);
    }
    return !good ? RN_EXIT_TROUBLE : count > 0 ? RN_EXIT_DIFFERS : RN_EXIT_SAME;
}

/* --- diff ---------------------------------------------------------------------------------------------------------- */

static enum rn_status add_change(struct rn_buffer *out, bool colour,
                                 const struct rn_baseline_change *change)
{
    enum rn_paint paint = change->sign == '-'   ? RN_PAINT_RED
                          : change->sign == '+' ? RN_PAINT_GREEN
                                                : RN_PAINT_YELLOW;
    struct rn_buffer line = {0};
    enum rn_status status = rn_buffer_addf(&line, "%c %-10s ", change->sign, change->list);
    status = status == RN_OK ? rn_printable(&line, change->what, RN_PRINTABLE_LINE) : status;
    status = status == RN_OK ? rn_screen_paint(out, colour, paint, rn_buffer_bytes(&line)) : status;
    rn_buffer_free(&line);
    if (status == RN_OK && change->detail.len > 0) {
        status = rn_buffer_addf(out, "\n             ");
        status = status == RN_OK ? rn_printable(out, change->detail, RN_PRINTABLE_LINE) : status;
    }
    return status == RN_OK ? rn_buffer_addf(out, "\n") : status;
}

static bool tell_changes(char *const *names, const struct rn_baseline_change *changes, size_t count)
{
    struct rn_buffer out = {0};
    struct rn_screen screen = rn_screen_of(stdout);
    json_t *document = asked.as_json ? rn_json_out_new("reenact.baseline-diff/1") : NULL;
    json_t *array = asked.as_json ? json_array() : NULL;
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        if (asked.as_json) {
            const char sign[] = {changes[i].sign, '\0'};
            json_t *change = json_object();
            rn_json_out_text(change, "sign", sign);
            rn_json_out_text(change, "list", changes[i].list);
            rn_json_out_bytes(change, "what", changes[i].what);
            rn_json_out_bytes(change, "detail", changes[i].detail);
            (void)json_array_append_new(array, change);
        } else {
            status = add_change(&out, screen.colour, &changes[i]);
        }
    }
    if (asked.as_json) {
        rn_json_out_text(document, "first", names[0]);
        rn_json_out_text(document, "second", names[1]);
        (void)json_object_set_new(document, "changes", array);
    } else if (count == 0) {
        (void)fprintf(stderr, "%s and %s hold the same\n", names[0], names[1]);
    }
    bool good = status == RN_OK && print(document, &out);
    rn_buffer_free(&out);
    return good;
}

static int run_diff(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_arena arena = {0};
    struct rn_baseline_change *changes = NULL;
    size_t count = 0;
    bool good = true;
    int done = rn_baseline_begin(&rn_cmd_baseline_diff, argc, argv, 2, 2, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    if (status == RN_OK) {
        status =
            rn_baseline_diff(store, line.words[0], line.words[1], &arena, &changes, &count, &error);
    }
    if (status == RN_OK) {
        good = tell_changes(line.words, changes, count);
    }
    rn_arena_free(&arena);
    rn_store_close(store);
    if (status != RN_OK) {
        return rn_cli_complain("baseline diff", RN_EXIT_TROUBLE, &error);
    }
    return !good ? RN_EXIT_TROUBLE : count > 0 ? RN_EXIT_DIFFERS : RN_EXIT_SAME;
}

const struct rn_cli_command rn_cmd_baseline_verify = {"baseline verify",
                                                      "baseline verify [options] NAME",
                                                      "check that it still is what was frozen",
                                                      verify_options,
                                                      run_verify,
                                                      RN_EXIT_TROUBLE,
                                                      NULL};

const struct rn_cli_command rn_cmd_baseline_diff = {"baseline diff",
                                                    "baseline diff [options] NAME NAME",
                                                    "show how two baselines differ",
                                                    diff_options,
                                                    run_diff,
                                                    RN_EXIT_TROUBLE,
                                                    NULL};
