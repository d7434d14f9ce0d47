/* The paths of --store, opened one after the other (stores.h). */
#include "stores.h"

#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "options.h"

static enum rn_status no_memory(struct rn_error *error)
{
    return rn_fail(error, RN_NOMEM, "out of memory");
}

static enum rn_status add(struct rn_stores *stores, struct rn_store *store)
{
    struct rn_store **at = rn_realloc(stores->at, (stores->count + 1) * sizeof *at);
    if (at == NULL) {
        return RN_NOMEM;
    }
    stores->at = at;
    stores->at[stores->count++] = store;
    return RN_OK;
}

/* *first keeps the first trouble, for the case that nothing is left. */
static enum rn_status open_one(const char *path, struct rn_stores *stores, struct rn_error *first,
                               struct rn_error *error)
{
    struct rn_store *store = NULL;
    struct rn_error inner = {.text = ""};
    enum rn_status status = rn_store_open_given(path, RN_STORE_READ, &store, &inner);
    if (status == RN_OK && add(stores, store) != RN_OK) {
        rn_store_close(store);
        return no_memory(error);
    }
    if (status != RN_OK) {
        (void)rn_cli_complainf(NULL, RN_EXIT_TROUBLE, "left out: %s", inner.text);
        stores->is_short = true;
        *first = first->status == RN_OK ? inner : *first;
    }
    return RN_OK;
}

/* A part between commas: as it stands, or what its wildcards match. */
static enum rn_status open_part(const char *part, struct rn_stores *stores, struct rn_error *first,
                                struct rn_error *error)
{
    glob_t found = {.gl_pathc = 0};
    int rc = glob(part, GLOB_NOCHECK | GLOB_ONLYDIR, NULL, &found);
    enum rn_status status = rc == 0 ? RN_OK : no_memory(error);
    for (size_t i = 0; status == RN_OK && i < found.gl_pathc; i++) {
        struct stat about;
        bool is_guess = strcmp(found.gl_pathv[i], part) != 0;
        bool is_directory = stat(found.gl_pathv[i], &about) == 0 && S_ISDIR(about.st_mode);
        if (!is_guess || is_directory) {
            status = open_one(found.gl_pathv[i], stores, first, error);
        }
    }
    if (rc == 0) {
        globfree(&found);
    }
    return status;
}

static enum rn_status open_parts(const char *given, struct rn_stores *stores,
                                 struct rn_error *error)
{
    struct rn_error first = {.status = RN_OK};
    struct rn_buffer part = {0};
    enum rn_status status = RN_OK;
    for (const char *at = given; status == RN_OK && *at != '\0';) {
        size_t len = strcspn(at, ",");
        rn_buffer_clear(&part);
        if (rn_buffer_append(&part, at, len) != RN_OK || rn_buffer_add_byte(&part, 0) != RN_OK) {
            status = no_memory(error);
        } else if (len > 0) {
            status = open_part((const char *)part.data, stores, &first, error);
        }
        at += len + (at[len] == ',');
    }
    rn_buffer_free(&part);
    if (status == RN_OK && stores->count == 0) {
        return first.status == RN_OK ? rn_fail(error, RN_NOTFOUND, "'%.200s' names no store", given)
                                     : rn_fail(error, first.status, "%s", first.text);
    }
    return status;
}

/* A comma, or a wildcard that matches something; else it is a path that is not there. */
static bool is_list(const char *given)
{
    glob_t found = {.gl_pathc = 0};
    bool matches = strchr(given, ',') != NULL;
    if (!matches && glob(given, GLOB_ONLYDIR, NULL, &found) == 0) {
        matches = true;
        globfree(&found);
    }
    return matches;
}

enum rn_status rn_stores_open(const char *given, struct rn_stores *out, struct rn_error *error)
{
    struct stat about;
    struct rn_store *store = NULL;
    *out = (struct rn_stores){.count = 0};
    if (given != NULL && stat(given, &about) != 0 && is_list(given)) {
        return open_parts(given, out, error);
    }
    enum rn_status status = rn_store_open_given(given, RN_STORE_READ, &store, error);
    if (status == RN_OK && add(out, store) != RN_OK) {
        rn_store_close(store);
        return no_memory(error);
    }
    return status;
}

void rn_stores_close(struct rn_stores *stores)
{
    for (size_t i = 0; i < stores->count; i++) {
        rn_store_close(stores->at[i]);
    }
    rn_free(stores->at);
    *stores = (struct rn_stores){.count = 0};
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

const char *rn_stores_name(const struct rn_stores *stores, size_t which)
{
    const char *path = rn_store_path(stores->at[which]);
    const char *name = last_part(path);
    for (size_t i = 0; i < stores->count; i++) {
        if (i != which && strcmp(last_part(rn_store_path(stores->at[i])), name) == 0) {
            return path;
        }
    }
    return name;
}
