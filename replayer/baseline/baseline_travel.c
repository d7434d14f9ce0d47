/*
 * Baselines that travel: one bundle with all traces and the manifest, and back. What arrives is held against itself, its manifest
 * against its traces, and both against what is here, before anything is stored.
 */
#include <poll.h>
#include <string.h>

#include "base/memory.h"
#include "baseline_parts.h"
#include "store/bundle.h"

#define TRIES_MAX 40u
#define TRY_MS 50

/* --- out ------------------------------------------------------------------------------------------------------------ */

/* The bundle proves its traces by their own digests; that these are the frozen ones is for us to say. */
static enum rn_status check_frozen(struct rn_store *store, const struct rn_baseline *baseline,
                                   struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < baseline->count; i++) {
        struct rn_arena arena = {0};
        struct rn_trace_summary summary;
        char text[33];
        rn_trace_id_text(&baseline->traces[i].id, text);
        status = rn_trace_summary(store, &baseline->traces[i].id, &arena, &summary, error);
        if (status == RN_OK &&
            memcmp(summary.digests.evidence, baseline->traces[i].evidence, RN_SHA256_BYTES) != 0) {
            status =
                rn_fail(error, RN_DAMAGED, "trace %s is no longer the one that was frozen in '%s'",
                        text, (const char *)baseline->name.data);
        } else if (status == RN_NOTFOUND) {
            status = rn_fail(error, RN_DAMAGED, "trace %s of baseline '%s' is missing", text,
                             (const char *)baseline->name.data);
        }
        rn_arena_free(&arena);
    }
    return status;
}

static enum rn_status write_all(struct rn_store *store, const struct rn_baseline *baseline,
                                const char *path, uint64_t *bytes, struct rn_error *error)
{
    const struct rn_bundle_document document = {RN_BASELINE_KIND, (const char *)baseline->name.data,
                                                baseline->json};
    struct rn_bundle_facts facts = {0};
    struct rn_trace_id *ids = rn_alloc(baseline->count * sizeof *ids);
    if (ids == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to export a baseline");
    }
    for (size_t i = 0; i < baseline->count; i++) {
        ids[i] = baseline->traces[i].id;
    }
    enum rn_status status =
        rn_bundle_write(store, ids, baseline->count, &document, path, &facts, error);
    rn_free(ids);
    if (bytes != NULL) {
        *bytes = facts.bytes;
    }
    return status;
}

enum rn_status rn_baseline_export(struct rn_store *store, const char *name, const char *path,
                                  uint64_t *bytes, struct rn_error *error)
{
    struct rn_baseline baseline;
    enum rn_status status = rn_baseline_load(store, name, &baseline, error);
    if (status != RN_OK) {
        return status;
    }
    status = check_frozen(store, &baseline, error);
    status = status == RN_OK ? write_all(store, &baseline, path, bytes, error) : status;
    rn_baseline_free(&baseline);
    return status;
}

/* --- in ------------------------------------------------------------------------------------------------------------- */

struct arriving {
    struct rn_store *store;
    const char *path;
    const char *wanted; /* the name to take, NULL: its own */
    struct rn_buffer document;
    char kind[RN_DOCUMENT_NAME_BYTES_MAX + 1];
    char name[RN_DOCUMENT_NAME_BYTES_MAX + 1];
    struct rn_bundle_item *items;
    size_t count;
    struct rn_baseline *out;
    bool is_here; /* under that name, with that root */
    struct rn_error *error;
};

static enum rn_status read_bundle(struct arriving *arriving, struct rn_store *store)
{
    rn_free(arriving->items);
    rn_buffer_clear(&arriving->document);
    return rn_bundle_read(arriving->path, store, &arriving->document, arriving->kind,
                          arriving->name, &arriving->items, &arriving->count, NULL,
                          arriving->error);
}

static enum rn_status read_manifest(struct arriving *arriving)
{
    const char *name = arriving->wanted != NULL ? arriving->wanted : arriving->name;
    if (strcmp(arriving->kind, RN_BASELINE_KIND) != 0) {
        return rn_fail(arriving->error, RN_INVALID, "%s is a bundle, but of no baseline",
                       arriving->path);
    }
    enum rn_status status = rn_baseline_check_name(name, arriving->error);
    return status == RN_OK ? rn_manifest_read(rn_buffer_bytes(&arriving->document), name,
                                              arriving->out, arriving->error)
                           : status;
}

/* The manifest speaks of these traces and of no others. */
static enum rn_status check_items(const struct arriving *arriving)
{
    const struct rn_baseline *out = arriving->out;
    bool same = out->count == arriving->count;
    for (size_t i = 0; same && i < out->count; i++) {
        same = rn_trace_id_equal(&out->traces[i].id, &arriving->items[i].id) &&
               memcmp(out->traces[i].evidence, arriving->items[i].evidence, RN_SHA256_BYTES) == 0;
    }
    return same ? RN_OK
                : rn_fail(arriving->error, RN_DAMAGED,
                          "%s: its manifest lists other traces than stand in it", arriving->path);
}

/* The same baseline once more is nothing to complain about. */
static enum rn_status check_name_taken(struct arriving *arriving)
{
    struct rn_baseline here;
    const char *name = (const char *)arriving->out->name.data;
    struct rn_error inner = {.text = ""};
    enum rn_status status = rn_baseline_load(arriving->store, name, &here, &inner);
    if (status == RN_NOTFOUND) {
        return RN_OK;
    }
    if (status != RN_OK) {
        return rn_fail(arriving->error, status, "%s", inner.text);
    }
    arriving->is_here = memcmp(here.root, arriving->out->root, RN_SHA256_BYTES) == 0;
    rn_baseline_free(&here);
    if (!arriving->is_here) {
        status = rn_fail(
            arriving->error, RN_REFUSED,
            "there is another baseline '%s' here: import under another name, or drop it first",
            name);
    }
    return status;
}

static enum rn_status look(struct arriving *arriving)
{
    enum rn_status status = read_bundle(arriving, NULL);
    status = status == RN_OK ? read_manifest(arriving) : status;
    status = status == RN_OK ? check_items(arriving) : status;
    return status == RN_OK ? check_name_taken(arriving) : status;
}

static enum rn_status add(struct arriving *arriving)
{
    enum rn_status status = read_bundle(arriving, arriving->store);
    status = status == RN_OK ? check_items(arriving) : status; /* nobody exchanged the file */
    if (status == RN_OK && arriving->wanted != NULL) {
        status = rn_manifest_write(arriving->out, arriving->error);
    }
    if (status != RN_OK) {
        return status;
    }
    if (!arriving->is_here) {
        status = rn_baseline_put(arriving->store, arriving->out, arriving->error);
    }
    /* Somebody may have brought the same one while we read ours. */
    if (status == RN_REFUSED) {
        status = check_name_taken(arriving);
    }
    return status == RN_OK && arriving->is_here
               ? rn_baseline_hold(arriving->store, arriving->out, arriving->error)
               : status;
}

/* While another process adds the same traces there is nothing to do but to look again: most are done at once. */
static enum rn_status add_after_others(struct arriving *arriving)
{
    enum rn_status status = add(arriving);
    for (unsigned tries = 1; status == RN_BUSY && tries < TRIES_MAX; tries++) {
        (void)poll(NULL, 0, TRY_MS);
        status = add(arriving);
    }
    return status;
}

enum rn_status rn_baseline_import(struct rn_store *store, const char *path, const char *name,
                                  struct rn_baseline *out, struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    struct arriving arriving = {.store = store,
                                .path = path,
                                .wanted = name,
                                .out = out,
                                .error = error != NULL ? error : &inner};
    *out = (struct rn_baseline){0};
    enum rn_status status = look(&arriving);
    status = status == RN_OK ? add_after_others(&arriving) : status;
    rn_free(arriving.items);
    rn_buffer_free(&arriving.document);
    if (status != RN_OK) {
        rn_baseline_free(out);
    }
    return status;
}
