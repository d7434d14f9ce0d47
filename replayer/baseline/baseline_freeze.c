/*
 * Freezing: from a selection to a baseline. Every trace is looked at before anything is written, and what cannot be judged later
 * is refused now.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "baseline_parts.h"

struct freezing {
    struct rn_store *store;
    struct rn_baseline *out;
    struct rn_trace_id *ids; /* sorted */
    size_t count;
    struct rn_frozen facts;
    uint64_t refused;
    struct rn_error first; /* why the first one cannot be frozen */
    struct rn_error *error;
};

/* --- what cannot be frozen ------------------------------------------------------------------------------------------ */

static bool is_kind(const struct rn_trace_summary *summary)
{
    return rn_bytes_equal(summary->kind, RN_LIT("run")) ||
           rn_bytes_equal(summary->kind, RN_LIT("serve"));
}

/* "2 gaps, 1 lost exchange": what is known of why. */
static void say_incomplete(const struct rn_trace_summary *summary, char out[96])
{
    if (summary->complete == RN_COMPLETE_UNKNOWN) {
        (void)snprintf(out, 96, "whether it is complete is unknown");
    } else if (summary->gaps > 0 || summary->lost > 0) {
        (void)snprintf(out, 96, "it is incomplete: gaps %" PRIu32 ", lost exchanges %" PRIu32,
                       summary->gaps, summary->lost);
    } else {
        (void)snprintf(out, 96, "it is incomplete: a body in it was truncated or withheld");
    }
}

/* Why a trace cannot be frozen, or false. */
static bool say_why_not(const struct rn_trace_summary *summary, char out[96])
{
    if (summary->state == RN_TRACE_OPEN) {
        (void)snprintf(out, 96, "it is still being recorded");
    } else if (summary->state == RN_TRACE_LOST) {
        (void)snprintf(out, 96, "its recorder died before its end");
    } else if (!is_kind(summary)) {
        (void)snprintf(out, 96, "it is of kind '%.*s', and baselines hold recordings",
                       summary->kind.len > 30 ? 30 : (int)summary->kind.len,
                       (const char *)summary->kind.data);
    } else if (summary->complete != RN_COMPLETE_YES) {
        say_incomplete(summary, out);
    } else {
        return false;
    }
    return true;
}

static void refuse(struct freezing *freezing, const struct rn_trace_summary *summary,
                   const char *why)
{
    char text[33];
    if (freezing->refused++ > 0) {
        return;
    }
    rn_trace_id_text(&summary->id, text);
    (void)rn_fail(&freezing->first, RN_REFUSED, "trace %s%s%.*s%s cannot be frozen: %.200s", text,
                  summary->name.len > 0 ? " ('" : "",
                  summary->name.len > 60 ? 60 : (int)summary->name.len,
                  (const char *)summary->name.data, summary->name.len > 0 ? "')" : "", why);
}

static enum rn_status check_one(struct freezing *freezing, const struct rn_trace_id *id)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_error inner = {.text = ""};
    char why[96];
    enum rn_status status =
        rn_trace_summary(freezing->store, id, &arena, &summary, freezing->error);
    if (status == RN_OK && say_why_not(&summary, why)) {
        refuse(freezing, &summary, why);
    } else if (status == RN_OK) {
        status = rn_trace_verify(freezing->store, id, &inner);
        if (status == RN_DAMAGED) {
            refuse(freezing, &summary, inner.text);
            status = RN_OK;
        } else if (status != RN_OK) {
            status = rn_fail(freezing->error, status, "%s", inner.text);
        }
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status check_all(struct freezing *freezing)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < freezing->count; i++) {
        status = check_one(freezing, &freezing->ids[i]);
    }
    if (status != RN_OK || freezing->refused == 0) {
        return status;
    }
    if (freezing->refused == 1) {
        return rn_fail(freezing->error, RN_REFUSED, "%s; select without it", freezing->first.text);
    }
    return rn_fail(freezing->error, RN_REFUSED,
                   "%s; nor can %" PRIu64 " more of the %zu that are selected: select without them",
                   freezing->first.text, freezing->refused - 1, freezing->count);
}

/* --- the manifest --------------------------------------------------------------------------------------------------- */

static enum rn_status take_trace(struct freezing *freezing, size_t index)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    enum rn_status status =
        rn_trace_summary(freezing->store, &freezing->ids[index], &arena, &summary, freezing->error);
    if (status == RN_OK) {
        status = rn_frozen_trace(&freezing->facts, &summary, &freezing->out->traces[index],
                                 freezing->error);
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status make_manifest(struct freezing *freezing, const char *name,
                                    const char *selection_text)
{
    struct rn_baseline *out = freezing->out;
    out->name = rn_arena_copy(&out->arena, rn_bytes_text(name));
    out->selection =
        rn_arena_copy(&out->arena, rn_bytes_text(selection_text == NULL ? "" : selection_text));
    out->frozen_wall_ns = rn_clock_wall_ns();
    out->traces = rn_calloc(freezing->count, sizeof *out->traces);
    if (out->name.data == NULL || out->selection.data == NULL || out->traces == NULL) {
        return rn_fail(freezing->error, RN_NOMEM, "no memory for a manifest");
    }
    out->count = freezing->count;
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < freezing->count; i++) {
        status = take_trace(freezing, i);
    }
    status = status == RN_OK ? rn_frozen_finish(&freezing->facts, freezing->error) : status;
    if (status == RN_OK && !rn_baseline_root(out->traces, out->count, out->root)) {
        status = rn_fail(freezing->error, RN_NOMEM, "no memory for a manifest");
    }
    return status == RN_OK ? rn_manifest_write(out, freezing->error) : status;
}

/* --- freezing ------------------------------------------------------------------------------------------------------- */

static enum rn_status choose(struct freezing *freezing, const struct rn_selection *selection)
{
    enum rn_status status = rn_select_traces(freezing->store, selection, &freezing->ids,
                                             &freezing->count, freezing->error);
    if (status == RN_OK && freezing->count == 0) {
        return rn_fail(freezing->error, RN_NOTFOUND,
                       "nothing in %s fits the selection: there is nothing to freeze",
                       rn_store_path(freezing->store));
    }
    return status == RN_OK ? rn_relatives_add(freezing->store, &freezing->ids, &freezing->count,
                                              freezing->error)
                           : status;
}

enum rn_status rn_baseline_freeze(struct rn_store *store, const char *name,
                                  const struct rn_selection *selection, const char *selection_text,
                                  struct rn_baseline *out, struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    struct freezing freezing = {.store = store,
                                .out = out,
                                .facts = {.store = store, .baseline = out},
                                .error = error != NULL ? error : &inner};
    *out = (struct rn_baseline){0};
    enum rn_status status = rn_baseline_check_name(name, freezing.error);
    status = status == RN_OK ? rn_baseline_check_free(store, name, freezing.error) : status;
    status = status == RN_OK ? choose(&freezing, selection) : status;
    status = status == RN_OK ? check_all(&freezing) : status;
    status = status == RN_OK ? make_manifest(&freezing, name, selection_text) : status;
    status = status == RN_OK ? rn_baseline_put(store, out, freezing.error) : status;
    rn_frozen_free(&freezing.facts);
    rn_free(freezing.ids);
    if (status != RN_OK) {
        rn_baseline_free(out);
    }
    return status;
}
