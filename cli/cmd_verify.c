/* `reenact verify`: whether what is stored still is what was stored. One line per finding; never repairs. */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "human.h"
#include "json_out.h"
#include "printable.h"
#include "screen.h"
#include "store/find.h"
#include "store/verify.h"

#define PROGRESS_NS UINT64_C(100000000)

static struct {
    const char *store;
    bool as_json;
} asked;

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.verify/1"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

struct walk {
    json_t *findings; /* NULL: lines on stdout */
    uint64_t told_ns; /* when progress was last shown */
};

static bool is_none(const struct rn_trace_id *id)
{
    static const struct rn_trace_id none;
    return rn_trace_id_equal(id, &none);
}

static void on_finding(void *self, const struct rn_trace_id *trace, const char *sentence)
{
    struct walk *walk = self;
    char id[33] = "";
    if (!is_none(trace)) {
        rn_trace_id_text(trace, id);
    }
    if (walk->findings != NULL) {
        json_t *finding = json_object();
        if (id[0] != '\0') {
            rn_json_out_text(finding, "trace", id);
        }
        rn_json_out_bytes(finding, "sentence", rn_bytes_text(sentence));
        (void)json_array_append_new(walk->findings, finding);
        return;
    }
    struct rn_buffer line = {0};
    rn_screen_progress_end();
    (void)rn_buffer_addf(&line, "%s: ", id[0] != '\0' ? id : "store");
    (void)rn_printable(&line, rn_bytes_text(sentence), RN_PRINTABLE_LINE);
    (void)rn_buffer_add_byte(&line, '\n');
    (void)rn_screen_put(stdout, &line);
    rn_buffer_free(&line);
}

static void on_progress(void *self, uint64_t done, uint64_t all)
{
    struct walk *walk = self;
    uint64_t now_ns = rn_clock_mono_ns();
    if (now_ns - walk->told_ns >= PROGRESS_NS) {
        char text[80];
        (void)snprintf(text, sizeof text, "verifying: %" PRIu64 " of %" PRIu64 " rows", done, all);
        rn_screen_progress(text);
        walk->told_ns = now_ns;
    }
}

/* One trace: its frames, its events, its chain. The walk over a whole store does this for each, and checks the indexes. */
static enum rn_status verify_trace(struct rn_store *store, const char *text, struct walk *walk,
                                   struct rn_verify_counts *counts, struct rn_error *error)
{
    struct rn_trace_id id;
    uint32_t event = UINT32_MAX;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    memset(&summary, 0, sizeof summary);
    enum rn_status status = rn_find_trace(store, text, &id, &event, error);
    if (status == RN_OK) {
        status = rn_trace_summary(store, &id, &arena, &summary, error);
    }
    if (status == RN_OK) {
        counts->traces = 1;
        counts->events = summary.events;
        counts->open = summary.state == RN_TRACE_OPEN ? 1 : 0;
        status = rn_trace_verify(store, &id, error);
    }
    rn_arena_free(&arena);
    if (status == RN_DAMAGED) {
        counts->damaged = 1;
        on_finding(walk, &id, error->text);
        status = RN_OK;
    }
    return status;
}

static enum rn_status tell_json(struct rn_store *store, struct walk *walk,
                                const struct rn_verify_counts *counts, struct rn_error *error)
{
    json_t *document = rn_json_out_new("reenact.verify/1");
    rn_json_out_text(document, "store", rn_store_path(store));
    rn_json_out_u64(document, "rows", counts->rows);
    rn_json_out_u64(document, "traces", counts->traces);
    rn_json_out_u64(document, "events", counts->events);
    rn_json_out_u64(document, "open", counts->open);
    rn_json_out_u64(document, "documents", counts->documents);
    rn_json_out_u64(document, "damaged", counts->damaged);
    (void)json_object_set(document, "findings", walk->findings);
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

static void tell_line(struct rn_store *store, const struct rn_verify_counts *counts)
{
    struct rn_human traces, events, documents;
    (void)fprintf(stderr, "%s: %s, %s", rn_store_path(store),
                  rn_human_count(&traces, counts->traces, "trace", "traces"),
                  rn_human_count(&events, counts->events, "event", "events"));
    if (counts->documents > 0) {
        (void)fprintf(stderr, ", %s",
                      rn_human_count(&documents, counts->documents, "document", "documents"));
    }
    if (counts->open > 0) {
        (void)fprintf(stderr, ", %" PRIu64 " still open", counts->open);
    }
    if (counts->damaged > 0) {
        (void)fprintf(stderr, ", %" PRIu64 " damaged\n", counts->damaged);
    } else {
        (void)fprintf(stderr, ", no damage\n");
    }
}

static enum rn_status verify(const char *trace, struct rn_verify_counts *counts,
                             struct rn_error *error)
{
    struct rn_store *store = NULL;
    struct walk walk = {asked.as_json ? json_array() : NULL, 0};
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &store, error);
    if (status == RN_OK) {
        status = trace != NULL
                     ? verify_trace(store, trace, &walk, counts, error)
                     : rn_store_verify(store, on_finding, on_progress, &walk, counts, error);
        rn_screen_progress_end();
    }
    if (status == RN_OK && asked.as_json) {
        status = tell_json(store, &walk, counts, error);
    } else if (status == RN_OK) {
        tell_line(store, counts);
    }
    json_decref(walk.findings);
    rn_store_close(store);
    return status;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_verify_counts counts;
    memset(&counts, 0, sizeof counts);
    int done = rn_cli_begin(&rn_cmd_verify, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count > 1 || line.rest_count > 0) {
        return rn_cli_complainf("verify", RN_EXIT_TROUBLE, "takes one TRACE at most");
    }
    enum rn_status status = verify(line.word_count == 1 ? line.words[0] : NULL, &counts, &error);
    /* A store too damaged to be opened is damaged all the same. */
    if (status == RN_DAMAGED) {
        return rn_cli_complain("verify", RN_EXIT_DIFFERS, &error);
    }
    if (status != RN_OK) {
        return rn_cli_complain("verify", RN_EXIT_TROUBLE, &error);
    }
    return counts.damaged > 0 ? RN_EXIT_DIFFERS : RN_EXIT_SAME;
}

const struct rn_cli_command rn_cmd_verify = {
    "verify",
    "verify [options] [TRACE]",
    "check every stored byte against its checksum and digest",
    options,
    run,
    RN_EXIT_TROUBLE,
    NULL};
