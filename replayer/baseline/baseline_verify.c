/*
 * Whether a baseline is still what was frozen: each trace is there, has the evidence of the manifest, and this evidence follows
 * from its bytes. Everything is looked at, and everything that is wrong is named.
 */
#include <stdio.h>
#include <string.h>

#include "baseline_parts.h"

struct verifying {
    struct rn_store *store;
    const struct rn_baseline *baseline;
    struct rn_arena *arena;
    struct rn_baseline_finding *findings;
    size_t count;
    bool unheld; /* a trace that is there and that nobody holds */
    struct rn_error *error;
};

static enum rn_status report(struct verifying *verifying, const struct rn_trace_id *id,
                             enum rn_baseline_fault fault, const char *sentence)
{
    struct rn_bytes text = rn_arena_copy(verifying->arena, rn_bytes_text(sentence));
    if (text.data == NULL) {
        return rn_fail(verifying->error, RN_NOMEM, "no memory to verify a baseline");
    }
    verifying->findings[verifying->count++] = (struct rn_baseline_finding){*id, fault, text};
    return RN_OK;
}

/* "'suite/3' (0199...)": a name where there is one. */
static void name_of(const struct rn_baseline_trace *trace, char out[160])
{
    char text[33];
    rn_trace_id_text(&trace->id, text);
    (void)snprintf(out, 160, "%.*s%s%s%s", trace->name.len > 80 ? 80 : (int)trace->name.len,
                   (const char *)trace->name.data, trace->name.len > 0 ? " (" : "", text,
                   trace->name.len > 0 ? ")" : "");
}

static enum rn_status report_changed(struct verifying *verifying,
                                     const struct rn_baseline_trace *trace,
                                     const struct rn_trace_summary *summary)
{
    char name[160];
    char sentence[400];
    char frozen[2 * RN_SHA256_BYTES + 1];
    char found[2 * RN_SHA256_BYTES + 1];
    name_of(trace, name);
    rn_hex(rn_bytes_of(trace->evidence, RN_SHA256_BYTES), frozen);
    rn_hex(rn_bytes_of(summary->digests.evidence, RN_SHA256_BYTES), found);
    (void)snprintf(sentence, sizeof sentence,
                   "%s: its evidence is %.16s..., and %.16s... was frozen", name, found, frozen);
    return report(verifying, &trace->id, RN_BASELINE_CHANGED, sentence);
}

static enum rn_status report_missing(struct verifying *verifying,
                                     const struct rn_baseline_trace *trace)
{
    char name[160];
    char sentence[400];
    name_of(trace, name);
    (void)snprintf(sentence, sizeof sentence, "%s: it is not in the store", name);
    return report(verifying, &trace->id, RN_BASELINE_MISSING, sentence);
}

/* Frames and digests. RN_OK also when it is damaged: that is reported. */
static enum rn_status verify_bytes(struct verifying *verifying, const struct rn_trace_id *id)
{
    struct rn_error inner = {.text = ""};
    enum rn_status status = rn_trace_verify(verifying->store, id, &inner);
    if (status == RN_DAMAGED || status == RN_NEWER || status == RN_NOTFOUND) {
        return report(verifying, id, RN_BASELINE_DAMAGED, inner.text);
    }
    return status == RN_OK ? status : rn_fail(verifying->error, status, "%s", inner.text);
}

/* In what the manifest and a trace contradict each other; "" in nothing. The root covers neither: both came with one file. */
static const char *contradiction(const struct rn_baseline_trace *trace,
                                 const struct rn_trace_summary *summary, const struct rn_event *run)
{
    if (trace->has_run != summary->has_run) {
        return "whether a command ran";
    }
    if (!rn_bytes_equal(trace->name, summary->name)) {
        return "its name";
    }
    return trace->has_input != rn_event_has(run, RN_TAG_INPUT) ||
                   !rn_bytes_equal(trace->input, rn_event_get(run, RN_TAG_INPUT))
               ? "its input"
               : "";
}

/* What `baseline check` takes from the manifest must be what was recorded. *is_told: it was not, and that is reported. */
static enum rn_status verify_facts(struct verifying *verifying,
                                   const struct rn_baseline_trace *trace,
                                   const struct rn_trace_summary *summary, bool *is_told)
{
    struct rn_arena arena = {0};
    struct rn_event run = {0};
    char name[160];
    char sentence[400];
    enum rn_status status =
        !summary->has_run
            ? RN_OK
            : rn_trace_event(verifying->store, &trace->id, RN_CLASS_EVENT, 0, &arena, &run, NULL);
    const char *what = status == RN_OK ? contradiction(trace, summary, &run) : "";
    rn_arena_free(&arena);
    *is_told = what[0] != '\0';
    if (!*is_told) { /* what cannot be read is named by who reads all of it */
        return status == RN_NOMEM
                   ? rn_fail(verifying->error, status, "no memory to verify a baseline")
                   : RN_OK;
    }
    name_of(trace, name);
    (void)snprintf(sentence, sizeof sentence, "%s: %s is another one in the manifest", name, what);
    return report(verifying, &trace->id, RN_BASELINE_CHANGED, sentence);
}

static enum rn_status verify_trace(struct verifying *verifying,
                                   const struct rn_baseline_trace *trace)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_error inner = {.text = ""};
    enum rn_status status =
        rn_trace_summary(verifying->store, &trace->id, &arena, &summary, &inner);
    if (status == RN_NOTFOUND) {
        status = report_missing(verifying, trace);
    } else if (status == RN_DAMAGED) {
        status = report(verifying, &trace->id, RN_BASELINE_DAMAGED, inner.text);
    } else if (status != RN_OK) {
        status = rn_fail(verifying->error, status, "%s", inner.text);
    } else if (memcmp(summary.digests.evidence, trace->evidence, RN_SHA256_BYTES) != 0) {
        status = report_changed(verifying, trace, &summary);
    } else {
        char holder[RN_DOCUMENT_NAME_BYTES_MAX + 16];
        verifying->unheld =
            verifying->unheld || !rn_trace_is_held(verifying->store, &trace->id, holder);
        bool is_told = false;
        status = verify_facts(verifying, trace, &summary, &is_told);
        status = status == RN_OK && !is_told ? verify_bytes(verifying, &trace->id) : status;
    }
    rn_arena_free(&arena);
    return status;
}

enum rn_status rn_baseline_verify(struct rn_store *store, const char *name, struct rn_arena *arena,
                                  struct rn_baseline_finding **findings, size_t *count,
                                  struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    struct rn_baseline baseline;
    struct verifying verifying = {.store = store,
                                  .baseline = &baseline,
                                  .arena = arena,
                                  .error = error != NULL ? error : &inner};
    *findings = NULL;
    *count = 0;
    enum rn_status status = rn_baseline_load(store, name, &baseline, verifying.error);
    if (status != RN_OK) {
        return status;
    }
    verifying.findings = rn_arena_alloc(arena, (baseline.count + 1) * sizeof **findings);
    if (verifying.findings == NULL) {
        status = rn_fail(verifying.error, RN_NOMEM, "no memory to verify a baseline");
    }
    for (size_t i = 0; status == RN_OK && i < baseline.count; i++) {
        status = verify_trace(&verifying, &baseline.traces[i]);
    }
    if (status == RN_OK && verifying.unheld) { /* two that froze one name at once may do that */
        (void)rn_baseline_hold(store, &baseline, NULL);
    }
    rn_baseline_free(&baseline);
    *findings = verifying.findings;
    *count = verifying.count;
    return status;
}
