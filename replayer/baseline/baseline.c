/*
 * Baselines in a store: one document each, whose traces are held. What is in the document is manifest.c's.
 *
 * Traces are held first and released last, so that no moment leaves a baseline whose traces may go. What a crash leaves in between
 * is a hold without a baseline, which keeps traces longer than it should and nothing else: freezing, importing or dropping
 * under the same name takes it away.
 */
#include "baseline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "baseline_parts.h"

static const char *const list_names[RN_BASELINE_LISTS] = {
    [RN_BASELINE_MODELS] = "models",     [RN_BASELINE_PARAMETERS] = "parameters",
    [RN_BASELINE_PROMPTS] = "prompts",   [RN_BASELINE_TOOLS] = "tools",
    [RN_BASELINE_COMMITS] = "commits",   [RN_BASELINE_RELEASES] = "releases",
    [RN_BASELINE_VERSIONS] = "versions",
};

const char *rn_baseline_list_name(enum rn_baseline_list list)
{
    return (unsigned)list < RN_BASELINE_LISTS ? list_names[list] : "";
}

void rn_baseline_free(struct rn_baseline *baseline)
{
    rn_free(baseline->traces);
    rn_arena_free(&baseline->arena);
    *baseline = (struct rn_baseline){0};
}

/* --- names ---------------------------------------------------------------------------------------------------------- */

static bool begins_name(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
}

enum rn_status rn_baseline_check_name(const char *name, struct rn_error *error)
{
    size_t len = strlen(name);
    bool good = len > 0 && len <= RN_BASELINE_NAME_BYTES_MAX && begins_name(name[0]);
    for (size_t i = 1; good && i < len; i++) {
        good = begins_name(name[i]) || strchr("._-", name[i]) != NULL;
    }
    if (!good) {
        return rn_fail(
            error, RN_INVALID,
            "'%.80s' is no name for a baseline: take letters a to z, digits, '.', '_' and "
            "'-', a letter or digit first, %u at most",
            name, RN_BASELINE_NAME_BYTES_MAX);
    }
    return RN_OK;
}

static void holder_of(const char *name, char out[RN_BASELINE_HOLDER_BYTES])
{
    (void)snprintf(out, RN_BASELINE_HOLDER_BYTES, RN_BASELINE_KIND "/%s", name);
}

struct name_search {
    const char *name;
    bool found;
};

static bool is_that_name(void *self, const char *name, uint64_t bytes)
{
    struct name_search *search = self;
    (void)bytes;
    search->found = search->found || strcmp(name, search->name) == 0;
    return !search->found;
}

enum rn_status rn_baseline_check_free(struct rn_store *store, const char *name,
                                      struct rn_error *error)
{
    struct name_search search = {.name = name};
    enum rn_status status = rn_document_each(store, RN_BASELINE_KIND, is_that_name, &search, error);
    if (status == RN_OK && search.found) {
        return rn_fail(
            error, RN_REFUSED,
            "there is a baseline '%s' already, and a baseline never changes: take another "
            "name, or drop it first",
            name);
    }
    return status;
}

/* --- roots ---------------------------------------------------------------------------------------------------------- */

bool rn_baseline_root(const struct rn_baseline_trace *traces, size_t count,
                      uint8_t out[RN_SHA256_BYTES])
{
    uint8_t number[8];
    struct rn_sha256 *hash = rn_sha256_begin();
    if (hash == NULL) {
        return false;
    }
    for (unsigned i = 0; i < sizeof number; i++) {
        number[i] = (uint8_t)((uint64_t)count >> (56 - 8 * i));
    }
    rn_sha256_add(hash, RN_LIT("reenact baseline 1"));
    rn_sha256_add(hash, rn_bytes_of(number, sizeof number));
    for (size_t i = 0; i < count; i++) {
        rn_sha256_add(hash, rn_bytes_of(traces[i].id.bytes, RN_TRACE_ID_BYTES));
        rn_sha256_add(hash, rn_bytes_of(traces[i].evidence, RN_SHA256_BYTES));
    }
    rn_sha256_end(hash, out);
    return true;
}

/* --- keeping -------------------------------------------------------------------------------------------------------- */

enum rn_status rn_baseline_hold(struct rn_store *store, const struct rn_baseline *baseline,
                                struct rn_error *error)
{
    char holder[RN_BASELINE_HOLDER_BYTES];
    struct rn_trace_id *ids = rn_alloc(baseline->count * sizeof *ids);
    if (ids == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to hold the traces of a baseline");
    }
    for (size_t i = 0; i < baseline->count; i++) {
        ids[i] = baseline->traces[i].id;
    }
    holder_of((const char *)baseline->name.data, holder);
    enum rn_status status = rn_trace_hold(store, holder, ids, baseline->count, error);
    rn_free(ids);
    return status;
}

/* Somebody else froze under this name meanwhile: our releasing must not take its holds away. */
static void give_back(struct rn_store *store, const char *name, const char *holder)
{
    struct rn_baseline other = {0};
    (void)rn_trace_release(store, holder, NULL);
    if (rn_baseline_load(store, name, &other, NULL) == RN_OK) {
        (void)rn_baseline_hold(store, &other, NULL);
    }
    rn_baseline_free(&other);
}

enum rn_status rn_baseline_put(struct rn_store *store, const struct rn_baseline *baseline,
                               struct rn_error *error)
{
    const char *name = (const char *)baseline->name.data;
    char holder[RN_BASELINE_HOLDER_BYTES];
    holder_of(name, holder);
    enum rn_status status = rn_baseline_check_free(store, name, error);
    if (status != RN_OK) {
        return status;
    }
    status = rn_trace_release(store, holder, error); /* what a crash may have left */
    status = status == RN_OK ? rn_baseline_hold(store, baseline, error) : status;
    status = status == RN_OK ? rn_document_put(store, RN_BASELINE_KIND, name, baseline->json, error)
                             : status;
    if (status != RN_OK) {
        give_back(store, name, holder);
    }
    return status;
}

enum rn_status rn_baseline_load(struct rn_store *store, const char *name, struct rn_baseline *out,
                                struct rn_error *error)
{
    struct rn_buffer json = {0};
    *out = (struct rn_baseline){0};
    enum rn_status status = rn_baseline_check_name(name, error);
    status =
        status == RN_OK ? rn_document_get(store, RN_BASELINE_KIND, name, &json, error) : status;
    status = status == RN_OK ? rn_manifest_read(rn_buffer_bytes(&json), name, out, error) : status;
    rn_buffer_free(&json);
    if (status != RN_OK) {
        rn_baseline_free(out);
    }
    return status;
}

/* The document goes first: a baseline without holds would be worse than holds without a baseline. */
enum rn_status rn_baseline_drop(struct rn_store *store, const char *name, struct rn_error *error)
{
    char holder[RN_BASELINE_HOLDER_BYTES];
    enum rn_status status = rn_baseline_check_name(name, error);
    if (status != RN_OK) {
        return status;
    }
    holder_of(name, holder);
    status = rn_document_drop(store, RN_BASELINE_KIND, name, error);
    if (status != RN_OK && status != RN_NOTFOUND) {
        return status;
    }
    enum rn_status released = rn_trace_release(store, holder, status == RN_OK ? error : NULL);
    return status == RN_OK ? released : status;
}

/* --- all of them ---------------------------------------------------------------------------------------------------- */

struct names {
    struct rn_buffer text; /* each with its zero */
    enum rn_status status;
};

static bool add_name(void *self, const char *name, uint64_t bytes)
{
    struct names *names = self;
    (void)bytes;
    names->status = rn_buffer_append(&names->text, name, strlen(name) + 1);
    return names->status == RN_OK;
}

/* One that is damaged does not hide the others: it is told at the end. */
enum rn_status rn_baseline_each(struct rn_store *store, rn_baseline_visit *visit, void *self,
                                struct rn_error *error)
{
    struct names names = {.status = RN_OK};
    enum rn_status worst = RN_OK;
    bool go_on = true;
    enum rn_status status = rn_document_each(store, RN_BASELINE_KIND, add_name, &names, error);
    if (status == RN_OK && names.status != RN_OK) {
        status = rn_fail(error, names.status, "no memory to list baselines");
    }
    for (size_t at = 0; status == RN_OK && go_on && at < names.text.len;) {
        const char *name = (const char *)names.text.data + at;
        struct rn_baseline baseline;
        enum rn_status one =
            rn_baseline_load(store, name, &baseline, worst == RN_OK ? error : NULL);
        go_on = one != RN_OK || visit(self, &baseline);
        rn_baseline_free(&baseline);
        worst = worst == RN_OK && one != RN_NOTFOUND ? one : worst; /* dropped meanwhile */
        at += strlen(name) + 1;
    }
    rn_buffer_free(&names.text);
    return status == RN_OK ? worst : status;
}
