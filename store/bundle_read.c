/*
 * A file that says it is a bundle: all of it is read and held against itself before anything is stored. One event is in memory at
 * a time; of the traces only ids and digests are kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "bundle_parts.h"
#include "bundle_sweep.h"
#include "store/document.h"

void rn_bundle_content_free(struct rn_bundle_content *content)
{
    rn_bundle_front_free(&content->front);
    rn_free(content->traces);
    *content = (struct rn_bundle_content){0};
}

/* --- checking ------------------------------------------------------------------------------------------------------- */

static enum rn_status keep_trace(struct rn_bundle_source *source, struct rn_bundle_content *content,
                                 const struct rn_bundle_trace *trace)
{
    const struct rn_trace_id *id = &trace->opening.id;
    if (content->count > 0 && memcmp(content->traces[content->count - 1].item.id.bytes, id->bytes,
                                     RN_TRACE_ID_BYTES) >= 0) {
        char text[33];
        rn_trace_id_text(id, text);
        return rn_fail(source->error, RN_DAMAGED, "%s is damaged: trace %s is out of order",
                       source->path, text);
    }
    if (content->count == content->cap) {
        size_t cap = content->cap == 0 ? 64 : content->cap * 2;
        struct rn_bundle_known *wider = rn_realloc(content->traces, cap * sizeof *wider);
        if (wider == NULL) {
            return rn_fail(source->error, RN_NOMEM, "no memory to read %s", source->path);
        }
        content->traces = wider;
        content->cap = cap;
    }
    struct rn_bundle_known *known = &content->traces[content->count++];
    *known = (struct rn_bundle_known){.item = {.id = *id}};
    memcpy(known->item.evidence, trace->closing.digests.evidence, RN_SHA256_BYTES);
    return RN_OK;
}

static enum rn_status check_events(struct rn_bundle_source *source,
                                   const struct rn_bundle_trace *trace,
                                   struct rn_bundle_judge *judge)
{
    struct rn_buffer bytes = {0};
    struct rn_bundle_place place = {0};
    enum rn_status status = RN_OK;
    for (uint64_t i = 0; status == RN_OK && i < trace->events; i++) {
        struct rn_event event;
        bool is_ended = false;
        status = rn_bundle_get_event(source, &bytes, &place, &event, &is_ended);
        status = status == RN_OK ? rn_bundle_judge_event(judge, &event, is_ended) : status;
    }
    rn_buffer_free(&bytes);
    return status;
}

static enum rn_status check_trace(struct rn_bundle_source *source,
                                  struct rn_bundle_content *content)
{
    struct rn_buffer head = {0};
    struct rn_bundle_trace trace;
    struct rn_bundle_judge judge = {0};
    enum rn_status status = rn_bundle_get_trace(source, &head, &trace);
    status = status == RN_OK ? keep_trace(source, content, &trace) : status;
    if (status == RN_OK) {
        status = rn_bundle_judge_begin(&judge, source->path, &trace.opening, &trace.closing,
                                       &content->refused, source->error);
    }
    status = status == RN_OK ? check_events(source, &trace, &judge) : status;
    status = status == RN_OK ? rn_bundle_judge_end(&judge) : status;
    content->facts.events += status == RN_OK ? trace.events : 0;
    rn_bundle_judge_free(&judge);
    rn_buffer_free(&head);
    return status;
}

enum rn_status rn_bundle_check(struct rn_bundle_source *source, struct rn_bundle_content *out)
{
    enum rn_status status = rn_bundle_get_front(source, &out->front);
    for (uint64_t i = 0; status == RN_OK && i < out->front.traces; i++) {
        status = check_trace(source, out);
    }
    status = status == RN_OK ? rn_bundle_get_end(source, out->facts.digest) : status;
    if (status == RN_OK && out->front.has_document) {
        status = rn_bundle_judge_document(source->path, rn_buffer_bytes(&out->front.document),
                                          source->error);
    }
    if (status == RN_OK && out->refused.status != RN_OK) {
        *source->error = out->refused;
        status = out->refused.status;
    }
    out->facts.traces = out->count;
    out->facts.bytes = source->end + RN_SHA256_BYTES;
    return status;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* *descriptor is -1 when it fails. */
static enum rn_status open_file(const char *path, int *descriptor, uint64_t *bytes,
                                struct rn_error *error)
{
    struct stat found;
    /* Without waiting: a pipe that nobody writes to would hold us for ever. */
    *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*descriptor < 0) {
        return rn_fail(error, errno == ENOENT ? RN_NOTFOUND : RN_IO, "cannot read %s: %s", path,
                       strerror(errno));
    }
    if (fstat(*descriptor, &found) != 0 || !S_ISREG(found.st_mode)) {
        return rn_fail(error, RN_INVALID, "%s is no file, and so no reenact bundle", path);
    }
    *bytes = (uint64_t)found.st_size;
    return RN_OK;
}

/* A trace that is here already must be the same one. */
static enum rn_status compare_known(struct rn_store *store, struct rn_bundle_known *known,
                                    const char *path, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_error inner = {.text = ""};
    char text[33];
    enum rn_status status = rn_trace_summary(store, &known->item.id, &arena, &summary, &inner);
    rn_trace_id_text(&known->item.id, text);
    known->is_here = status == RN_OK;
    if (status == RN_NOTFOUND) {
        status = RN_OK;
    } else if (status != RN_OK) {
        status = rn_fail(error, status, "%s", inner.text);
    } else if (summary.state == RN_TRACE_OPEN) {
        status = rn_fail(error, RN_BUSY, "trace %s is being written in %s; wait for its end", text,
                         rn_store_path(store));
    } else if (memcmp(summary.digests.evidence, known->item.evidence, RN_SHA256_BYTES) != 0) {
        status = rn_fail(
            error, RN_REFUSED,
            "trace %s of %s is another one than the trace of that id in %s: nothing was added",
            text, path, rn_store_path(store));
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status add_traces(struct rn_bundle_source *source, struct rn_store *store,
                                 struct rn_bundle_content *content)
{
    enum rn_status status = rn_bundle_sweep(store, source->error);
    for (size_t i = 0; status == RN_OK && i < content->count; i++) {
        status = compare_known(store, &content->traces[i], source->path, source->error);
    }
    return status == RN_OK ? rn_bundle_land(source, store, content) : status;
}

static enum rn_status read_bundle(const char *path, int descriptor, uint64_t bytes,
                                  struct rn_store *store, struct rn_bundle_content *content,
                                  struct rn_error *error)
{
    struct rn_bundle_source source;
    const struct rn_bytes none = {NULL, 0};
    enum rn_status status = rn_bundle_source_begin(&source, path, descriptor, none, bytes, error);
    status = status == RN_OK ? rn_bundle_check(&source, content) : status;
    rn_bundle_source_free(&source);
    if (status != RN_OK || store == NULL) {
        return status;
    }
    status = rn_bundle_source_begin(&source, path, descriptor, none, bytes, error);
    status = status == RN_OK ? add_traces(&source, store, content) : status;
    rn_bundle_source_free(&source);
    return status;
}

static void give_text(char *out, const struct rn_buffer *text)
{
    if (out != NULL) {
        if (text->len > 0) {
            memcpy(out, text->data, text->len);
        }
        out[text->len] = '\0';
    }
}

static enum rn_status give_items(const struct rn_bundle_content *content,
                                 struct rn_bundle_item **items, size_t *count,
                                 struct rn_error *error)
{
    if (items == NULL) {
        return RN_OK;
    }
    *items = rn_alloc(content->count * sizeof **items);
    if (*items == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory for the ids of a bundle");
    }
    for (size_t i = 0; i < content->count; i++) {
        (*items)[i] = content->traces[i].item;
    }
    *count = content->count;
    return RN_OK;
}

static enum rn_status give(const struct rn_bundle_content *content, struct rn_buffer *document,
                           char *kind, char *name, struct rn_bundle_item **items, size_t *count,
                           struct rn_bundle_facts *facts, struct rn_error *error)
{
    give_text(kind, &content->front.kind);
    give_text(name, &content->front.name);
    if (facts != NULL) {
        *facts = content->facts;
    }
    enum rn_status status =
        document == NULL ? RN_OK
                         : rn_buffer_add(document, rn_buffer_bytes(&content->front.document));
    if (status != RN_OK) {
        return rn_fail(error, status, "no memory for the document of a bundle");
    }
    return give_items(content, items, count, error);
}

enum rn_status rn_bundle_read(const char *path, struct rn_store *store, struct rn_buffer *document,
                              char *kind, char *name, struct rn_bundle_item **items, size_t *count,
                              struct rn_bundle_facts *facts, struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    struct rn_bundle_content content = {0};
    int descriptor = -1;
    uint64_t bytes = 0;
    error = error != NULL ? error : &inner;
    if (items != NULL) {
        *items = NULL;
        *count = 0;
    }
    enum rn_status status = open_file(path, &descriptor, &bytes, error);
    status =
        status == RN_OK ? read_bundle(path, descriptor, bytes, store, &content, error) : status;
    status =
        status == RN_OK ? give(&content, document, kind, name, items, count, facts, error) : status;
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    rn_bundle_content_free(&content);
    return status;
}
