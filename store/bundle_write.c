/*
 * Traces out of a store into one file. Each is read event by event, judged on its way (bundle_judge.c) and written in the form
 * of bundle.c; the file gets its name when all of it is on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "bundle_parts.h"
#include "keys.h"
#include "pieces.h"

struct packing {
    struct rn_store *store;
    struct rn_trace_id *ids; /* sorted, each once */
    size_t count;
    const struct rn_bundle_document *document;
    struct rn_bundle_sink sink;
    uint64_t events;
    struct rn_error refused;
    struct rn_error *error;
};

/* --- one trace ------------------------------------------------------------------------------------------------------ */

/* The frames that open and close it; texts are lent from the two buffers. */
struct ends {
    struct rn_buffer opening_raw;
    struct rn_buffer closing_raw;
    struct rn_trace_opening opening;
    struct rn_trace_closing closing;
    bool has_opening;
    bool has_closing;
};

static enum rn_status read_end(struct packing *packing, const struct rn_trace_id *id,
                               const struct rn_piece *piece, struct ends *ends)
{
    bool opens = piece->kind == RN_FRAME_TRACE_OPEN;
    struct rn_buffer *raw = opens ? &ends->opening_raw : &ends->closing_raw;
    rn_buffer_clear(raw);
    enum rn_status status =
        rn_piece_read(packing->store, id, piece, raw, NULL, NULL, packing->error);
    if (status != RN_OK) {
        return status;
    }
    ends->has_opening = ends->has_opening || opens;
    ends->has_closing = ends->has_closing || !opens;
    return opens ? rn_trace_opening_decode(rn_buffer_bytes(raw), &ends->opening, packing->error)
                 : rn_trace_closing_decode(rn_buffer_bytes(raw), &ends->closing, packing->error);
}

static enum rn_status read_ends(struct packing *packing, const struct rn_trace_id *id,
                                const struct rn_pieces *pieces, struct ends *ends)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < pieces->count; i++) {
        if (pieces->at[i].class == RN_CLASS_TRACE) {
            status = read_end(packing, id, &pieces->at[i], ends);
        }
    }
    if (status == RN_OK && (!ends->has_opening || !ends->has_closing)) {
        char text[33];
        rn_trace_id_text(id, text);
        return rn_fail(packing->error, RN_DAMAGED, "trace %s has no frame that %s it", text,
                       ends->has_opening ? "closes" : "opens");
    }
    return status;
}

static enum rn_status pack_event(struct packing *packing, struct rn_bundle_judge *judge,
                                 const struct rn_piece *pieces, size_t count)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    enum rn_frame_kind last = pieces[count - 1].kind;
    bool is_ended = last == RN_FRAME_EVENT || last == RN_FRAME_EVENT_CLOSE;
    enum rn_status status = rn_pieces_join(packing->store, &judge->id, pieces, count, RN_JOIN_WHOLE,
                                           &arena, &event, packing->error);
    status = status == RN_OK ? rn_bundle_judge_event(judge, &event, is_ended) : status;
    if (status == RN_OK) {
        rn_bundle_put_event(&packing->sink, &event, is_ended);
        packing->events++;
        status = packing->sink.status;
    }
    rn_arena_free(&arena);
    return status;
}

static uint64_t count_events(const struct rn_pieces *pieces)
{
    uint64_t count = 0;
    for (size_t i = 0; i < pieces->count; i += rn_pieces_run(pieces, i)) {
        count += pieces->at[i].class <= RN_CLASS_MARK;
    }
    return count;
}

static enum rn_status pack_pieces(struct packing *packing, const struct rn_trace_id *id,
                                  const struct rn_pieces *pieces)
{
    struct ends ends = {0};
    struct rn_bundle_judge judge = {0};
    enum rn_status status = read_ends(packing, id, pieces, &ends);
    if (status != RN_OK) {
        goto done;
    }
    status = rn_bundle_judge_begin(&judge, packing->store->path, &ends.opening, &ends.closing,
                                   &packing->refused, packing->error);
    if (status == RN_OK) {
        rn_bundle_put_trace(&packing->sink, &ends.opening, &ends.closing, count_events(pieces));
    }
    for (size_t i = 0, run = 0; status == RN_OK && i < pieces->count; i += run) {
        run = rn_pieces_run(pieces, i);
        if (pieces->at[i].class <= RN_CLASS_MARK) {
            status = pack_event(packing, &judge, pieces->at + i, run);
        }
    }
    status = status == RN_OK ? rn_bundle_judge_end(&judge) : status;
    if (status == RN_OK && packing->refused.status != RN_OK) {
        *packing->error = packing->refused;
        status = packing->refused.status;
    }
done:
    rn_bundle_judge_free(&judge);
    rn_buffer_free(&ends.opening_raw);
    rn_buffer_free(&ends.closing_raw);
    return status;
}

static enum rn_status pack_trace(struct packing *packing, const struct rn_trace_id *id)
{
    struct rn_arena arena = {0};
    struct rn_pieces pieces = {0};
    struct rn_trace_summary summary;
    enum rn_status status = rn_closed_summary(packing->store, id, &arena, &summary, packing->error);
    status =
        status == RN_OK ? rn_pieces_of_trace(packing->store, id, &pieces, packing->error) : status;
    status = status == RN_OK ? pack_pieces(packing, id, &pieces) : status;
    rn_pieces_free(&pieces);
    rn_arena_free(&arena);
    return status;
}

/* --- all of them ---------------------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct rn_trace_id *)a)->bytes, ((const struct rn_trace_id *)b)->bytes,
                  RN_TRACE_ID_BYTES);
}

static enum rn_status sort_ids(struct packing *packing, const struct rn_trace_id *ids, size_t count)
{
    size_t kept = 0;
    packing->ids = rn_alloc(count * sizeof *ids);
    if (packing->ids == NULL) {
        return rn_fail(packing->error, RN_NOMEM, "no memory to bundle traces");
    }
    if (count > 0) {
        memcpy(packing->ids, ids, count * sizeof *ids);
        qsort(packing->ids, count, sizeof *ids, by_id);
    }
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || by_id(&packing->ids[kept - 1], &packing->ids[i]) != 0) {
            packing->ids[kept++] = packing->ids[i];
        }
    }
    packing->count = kept;
    return RN_OK;
}

static enum rn_status fail_sink(const struct packing *packing, const char *path)
{
    const struct rn_bundle_sink *sink = &packing->sink;
    if (sink->cause == 0) {
        return rn_fail(packing->error, sink->status, "no memory to bundle traces");
    }
    return rn_fail(packing->error, sink->status, "cannot write %s: %s",
                   strcmp(path, "-") == 0 ? "to stdout" : path, strerror(sink->cause));
}

/* From the first byte to the last, to a descriptor or (-1) to nowhere. */
static enum rn_status pack_all(struct packing *packing, int descriptor, const char *path,
                               struct rn_bundle_facts *facts)
{
    enum rn_status status = rn_bundle_sink_begin(&packing->sink, descriptor);
    packing->events = 0;
    if (status == RN_OK) {
        rn_bundle_put_front(&packing->sink, packing->document, packing->count);
    }
    for (size_t i = 0; status == RN_OK && packing->sink.status == RN_OK && i < packing->count;
         i++) {
        status = pack_trace(packing, &packing->ids[i]);
    }
    if (status == RN_OK) {
        status = rn_bundle_sink_end(&packing->sink, facts->digest);
    }
    if (status != RN_OK && packing->sink.status != RN_OK) {
        status = fail_sink(packing, path);
    }
    facts->traces = packing->count;
    facts->events = packing->events;
    facts->bytes = packing->sink.bytes;
    rn_bundle_sink_free(&packing->sink);
    return status;
}

/* --- the file ------------------------------------------------------------------------------------------------------- */

static enum rn_status fail_file(struct rn_error *error, const char *path)
{
    if (errno == EEXIST) {
        return rn_fail(error, RN_REFUSED, "%s is there already: take another name, or remove it",
                       path);
    }
    return rn_fail(error, errno == ENOSPC || errno == EDQUOT ? RN_FULL : RN_IO,
                   "cannot write %s: %s", path, strerror(errno));
}

/* Gives the finished file its name, unless somebody else took it meanwhile. */
static int give_name(const char *temporary, const char *path)
{
    struct stat found;
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -1;
    }
    if (lstat(path, &found) == 0) { /* a filesystem that cannot do it in one step */
        errno = EEXIST;
        return -1;
    }
    return rename(temporary, path);
}

static enum rn_status write_file(struct packing *packing, const char *path,
                                 struct rn_bundle_facts *facts)
{
    char temporary[PATH_MAX];
    struct stat found;
    if (lstat(path, &found) == 0) {
        errno = EEXIST;
        return fail_file(packing->error, path);
    }
    int len = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof temporary) {
        return rn_fail(packing->error, RN_LIMIT, "the path %s is too long", path);
    }
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return fail_file(packing->error, temporary);
    }
    enum rn_status status = pack_all(packing, descriptor, path, facts);
    if (status == RN_OK && fsync(descriptor) != 0) {
        status = fail_file(packing->error, path);
    }
    if (close(descriptor) != 0 && status == RN_OK) {
        status = fail_file(packing->error, path);
    }
    if (status == RN_OK && give_name(temporary, path) != 0) {
        status = fail_file(packing->error, path);
    }
    if (status != RN_OK) {
        (void)unlink(temporary);
    }
    return status;
}

/* What goes to a pipe cannot be taken back: everything is looked at before the first byte. */
static enum rn_status write_stdout(struct packing *packing, struct rn_bundle_facts *facts)
{
    enum rn_status status = pack_all(packing, -1, "-", facts);
    return status == RN_OK ? pack_all(packing, STDOUT_FILENO, "-", facts) : status;
}

enum rn_status rn_bundle_write(struct rn_store *store, const struct rn_trace_id *ids, size_t count,
                               const struct rn_bundle_document *document, const char *path,
                               struct rn_bundle_facts *facts, struct rn_error *error)
{
    struct rn_error inner = {.text = ""};
    struct rn_bundle_facts unwanted;
    struct packing packing = {
        .store = store, .document = document, .error = error != NULL ? error : &inner};
    enum rn_status status = sort_ids(&packing, ids, count);
    facts = facts != NULL ? facts : &unwanted;
    if (status == RN_OK && document != NULL) {
        status = rn_bundle_judge_document(store->path, document->bytes, packing.error);
    }
    if (status == RN_OK) {
        status = strcmp(path, "-") == 0 ? write_stdout(&packing, facts)
                                        : write_file(&packing, path, facts);
    }
    rn_free(packing.ids);
    return status;
}
