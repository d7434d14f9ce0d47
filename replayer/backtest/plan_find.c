/*
 * From what a human has in hand to a plan: an id, its beginning or end, a name, "last".
 *
 * Plans are documents named by their id. A name stands inside the document, so looking for one reads them all; there are
 * few.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "plan.h"
#include "plan_find.h"

#define DIGITS_MIN 4u
#define CANDIDATES_SHOWN 5u

void rn_plan_names_free(struct rn_plan_names *names)
{
    rn_free(names->ids);
    *names = (struct rn_plan_names){0};
}

static bool add_name(void *self, const char *name, uint64_t bytes)
{
    struct rn_plan_names *names = self;
    struct rn_trace_id id;
    (void)bytes;
    if (!rn_trace_id_parse(rn_bytes_text(name), &id)) {
        return true; /* not one of ours */
    }
    struct rn_trace_id *grown = rn_realloc(names->ids, (names->count + 1) * sizeof *grown);
    if (grown == NULL) {
        names->failed = true;
        return false;
    }
    names->ids = grown;
    names->ids[names->count++] = id;
    return true;
}

enum rn_status rn_plan_names(struct rn_store *store, struct rn_plan_names *out,
                             struct rn_error *error)
{
    *out = (struct rn_plan_names){0};
    enum rn_status status = rn_document_each(store, RN_PLAN_KIND, add_name, out, error);
    if (status == RN_OK && out->failed) {
        status = rn_fail(error, RN_NOMEM, "no memory to list the backtests");
    }
    if (status != RN_OK) {
        rn_plan_names_free(out);
    }
    return status;
}

enum rn_status rn_plan_read(struct rn_store *store, const struct rn_trace_id *id,
                            struct rn_plan *out, struct rn_error *error)
{
    char name[33];
    struct rn_buffer document = {0};
    *out = (struct rn_plan){0};
    rn_trace_id_text(id, name);
    enum rn_status status = rn_document_get(store, RN_PLAN_KIND, name, &document, error);
    status = status == RN_OK ? rn_plan_decode(rn_buffer_bytes(&document), out, error) : status;
    rn_buffer_free(&document);
    if (status == RN_OK && !rn_trace_id_equal(id, &out->id)) {
        rn_plan_free(out);
        status = rn_fail(error, RN_DAMAGED, "the plan %s is another one's", name);
    }
    return status;
}

/* --- which one ------------------------------------------------------------------------------------------------------ */

static bool is_part_of_id(struct rn_bytes text)
{
    if (text.len < DIGITS_MIN || text.len > 2 * RN_TRACE_ID_BYTES) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = rn_byte_lower(text.data[i]);
        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f')) {
            return false;
        }
    }
    return true;
}

static bool id_fits(const struct rn_trace_id *id, struct rn_bytes part)
{
    char text[33];
    rn_trace_id_text(id, text);
    struct rn_bytes whole = rn_bytes_text(text);
    return rn_bytes_equal_nocase(rn_bytes_sub(whole, 0, part.len), part) ||
           rn_bytes_equal_nocase(rn_bytes_from(whole, whole.len - part.len), part);
}

static enum rn_status fail_ambiguous(const char *which, const struct rn_plan_names *names,
                                     struct rn_error *error)
{
    char list[CANDIDATES_SHOWN * 35];
    size_t at = 0;
    unsigned shown = 0;
    for (size_t i = 0; i < names->count && shown < CANDIDATES_SHOWN; i++) {
        if (id_fits(&names->ids[i], rn_bytes_text(which))) {
            char text[33];
            rn_trace_id_text(&names->ids[i], text);
            int len = snprintf(list + at, sizeof list - at, "%s%s", shown > 0 ? ", " : "", text);
            at += (size_t)len;
            shown++;
        }
    }
    return rn_fail(error, RN_AMBIGUOUS, "'%s' fits more than one backtest: %s", which, list);
}

static enum rn_status by_id(const char *which, const struct rn_plan_names *names,
                            struct rn_trace_id *out, struct rn_error *error)
{
    size_t found = 0;
    if (!is_part_of_id(rn_bytes_text(which))) {
        return RN_NOTFOUND;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (id_fits(&names->ids[i], rn_bytes_text(which))) {
            *out = names->ids[i];
            found++;
        }
    }
    if (found > 1) {
        return fail_ambiguous(which, names, error);
    }
    return found == 1 ? RN_OK : RN_NOTFOUND;
}

/* Damaged plans have no name; that they are there is no reason not to find others. */
enum rn_status rn_plan_by_name(struct rn_store *store, const struct rn_plan_names *names,
                               const char *name, struct rn_trace_id *out, struct rn_error *error)
{
    for (size_t i = 0; i < names->count; i++) {
        struct rn_plan plan;
        struct rn_error why = {.text = ""};
        enum rn_status status = rn_plan_read(store, &names->ids[i], &plan, &why);
        bool is_it = status == RN_OK && rn_bytes_equal(plan.name, rn_bytes_text(name));
        rn_plan_free(&plan);
        if (is_it) {
            *out = names->ids[i];
            return RN_OK;
        }
        if (status == RN_NOMEM || status == RN_IO) {
            return rn_fail(error, status, "%s", why.text);
        }
    }
    return RN_NOTFOUND;
}

/* Ids of version 7 begin with the time: the greatest is the newest. */
static const struct rn_trace_id *newest(const struct rn_plan_names *names)
{
    const struct rn_trace_id *best = names->ids;
    for (size_t i = 1; i < names->count; i++) {
        if (memcmp(names->ids[i].bytes, best->bytes, RN_TRACE_ID_BYTES) > 0) {
            best = &names->ids[i];
        }
    }
    return best;
}

static enum rn_status resolve(struct rn_store *store, const char *which,
                              const struct rn_plan_names *names, struct rn_trace_id *out,
                              struct rn_error *error)
{
    if (names->count == 0) {
        return rn_fail(error, RN_NOTFOUND, "there is no backtest in %s", rn_store_path(store));
    }
    if (strcmp(which, "last") == 0) {
        *out = *newest(names);
        return RN_OK;
    }
    enum rn_status status = rn_plan_by_name(store, names, which, out, error);
    status = status == RN_NOTFOUND ? by_id(which, names, out, error) : status;
    if (status == RN_NOTFOUND) {
        return rn_fail(error, RN_NOTFOUND,
                       "there is no backtest '%s' in %s; `reenact backtest list` shows them", which,
                       rn_store_path(store));
    }
    return status;
}

enum rn_status rn_plan_resolve(struct rn_store *store, const char *which, struct rn_trace_id *out,
                               struct rn_error *error)
{
    struct rn_plan_names names;
    enum rn_status status = rn_plan_names(store, &names, error);
    status = status == RN_OK ? resolve(store, which, &names, out, error) : status;
    rn_plan_names_free(&names);
    return status;
}

enum rn_status rn_plan_load(struct rn_store *store, const char *which, struct rn_plan *out,
                            struct rn_error *error)
{
    struct rn_trace_id id;
    *out = (struct rn_plan){0};
    enum rn_status status = rn_plan_resolve(store, which, &id, error);
    return status == RN_OK ? rn_plan_read(store, &id, out, error) : status;
}
