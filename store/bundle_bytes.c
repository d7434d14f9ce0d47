/*
 * Bytes on their way into a bundle and out of it: numbers and runs, hashed as they pass. What they mean is bundle.c's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/varint.h"
#include "bundle_parts.h"

#define WINDOW_BYTES ((size_t)64 * 1024)

/* --- out: bytes ----------------------------------------------------------------------------------------------------- */

enum rn_status rn_bundle_sink_begin(struct rn_bundle_sink *sink, int descriptor)
{
    *sink = (struct rn_bundle_sink){.descriptor = descriptor, .hash = rn_sha256_begin()};
    sink->status = sink->hash == NULL ? RN_NOMEM : RN_OK;
    return sink->status;
}

void rn_bundle_sink_free(struct rn_bundle_sink *sink)
{
    rn_sha256_drop(sink->hash);
    rn_buffer_free(&sink->waiting);
    sink->hash = NULL;
}

static void write_out(struct rn_bundle_sink *sink, struct rn_bytes bytes)
{
    if (sink->status != RN_OK || sink->descriptor < 0) {
        return;
    }
    sink->status = rn_file_write_all(sink->descriptor, bytes);
    if (sink->status != RN_OK) {
        sink->cause = errno;
        sink->status = errno == ENOSPC || errno == EDQUOT ? RN_FULL : RN_IO;
    }
}

void rn_bundle_put_bytes(struct rn_bundle_sink *sink, struct rn_bytes bytes)
{
    if (sink->status != RN_OK) {
        return;
    }
    rn_sha256_add(sink->hash, bytes);
    sink->bytes += bytes.len;
    if (sink->waiting.len + bytes.len > WINDOW_BYTES) {
        write_out(sink, rn_buffer_bytes(&sink->waiting));
        rn_buffer_clear(&sink->waiting);
    }
    if (bytes.len > WINDOW_BYTES) {
        write_out(sink, bytes);
    } else if (sink->status == RN_OK) {
        sink->status = rn_buffer_add(&sink->waiting, bytes);
    }
}

void rn_bundle_put_byte(struct rn_bundle_sink *sink, uint8_t byte)
{
    rn_bundle_put_bytes(sink, rn_bytes_of(&byte, 1));
}

void rn_bundle_put_number(struct rn_bundle_sink *sink, uint64_t number)
{
    struct rn_buffer form = {0};
    enum rn_status status = rn_varint_put(&form, number);
    rn_bundle_put_bytes(sink, rn_buffer_bytes(&form));
    sink->status = sink->status == RN_OK ? status : sink->status;
    rn_buffer_free(&form);
}

void rn_bundle_put_run(struct rn_bundle_sink *sink, struct rn_bytes run)
{
    rn_bundle_put_number(sink, run.len);
    rn_bundle_put_bytes(sink, run);
}

enum rn_status rn_bundle_sink_end(struct rn_bundle_sink *sink, uint8_t digest[RN_SHA256_BYTES])
{
    if (sink->status == RN_OK) {
        rn_sha256_end(sink->hash, digest);
        sink->hash = NULL;
        write_out(sink, rn_buffer_bytes(&sink->waiting));
        write_out(sink, rn_bytes_of(digest, RN_SHA256_BYTES));
        sink->bytes += RN_SHA256_BYTES;
    }
    return sink->status;
}

/* --- in: bytes ------------------------------------------------------------------------------------------------------ */

enum rn_status rn_bundle_source_begin(struct rn_bundle_source *source, const char *path,
                                      int descriptor, struct rn_bytes memory, uint64_t bytes,
                                      struct rn_error *error)
{
    *source =
        (struct rn_bundle_source){.path = path,
                                  .descriptor = descriptor,
                                  .memory = memory,
                                  .end = bytes < RN_SHA256_BYTES ? 0 : bytes - RN_SHA256_BYTES,
                                  .error = error};
    source->hash = rn_sha256_begin();
    source->window = rn_alloc(WINDOW_BYTES);
    if (source->hash == NULL || source->window == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to read %s", path);
    }
    return RN_OK;
}

void rn_bundle_source_free(struct rn_bundle_source *source)
{
    rn_sha256_drop(source->hash);
    rn_free(source->window);
    source->hash = NULL;
    source->window = NULL;
}

enum rn_status rn_bundle_damaged(struct rn_bundle_source *source, const char *what)
{
    return rn_fail(source->error, RN_DAMAGED, "%s is damaged at byte %" PRIu64 ": %s", source->path,
                   source->at, what);
}

/* Up to `len` bytes from offset `at` on; 0 at the end of the file, which was longer when we began. */
size_t rn_bundle_read_at(struct rn_bundle_source *source, uint64_t at, void *out, size_t len)
{
    if (source->descriptor < 0) {
        struct rn_bytes part = rn_bytes_sub(source->memory, (size_t)at, len);
        if (part.len > 0) {
            memcpy(out, part.data, part.len);
        }
        return part.len;
    }
    ssize_t got;
    do {
        got = pread(source->descriptor, out, len, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? 0 : (size_t)got;
}

/* Bytes that were checked to be there. */
static enum rn_status take_some(struct rn_bundle_source *source, uint8_t *out, size_t len)
{
    while (len > 0) {
        if (source->window_at == source->window_len) {
            source->window_at = 0;
            source->window_len =
                rn_bundle_read_at(source, source->at, source->window, WINDOW_BYTES);
        }
        size_t left = source->window_len - source->window_at;
        size_t part = left < len ? left : len;
        if (part == 0) {
            return rn_fail(source->error, RN_IO, "cannot read %s: %s", source->path,
                           errno != 0 ? strerror(errno) : "it became shorter meanwhile");
        }
        struct rn_bytes taken = rn_bytes_of(source->window + source->window_at, part);
        rn_sha256_add(source->hash, taken);
        memcpy(out, taken.data, part);
        out += part;
        len -= part;
        source->window_at += part;
        source->at += part;
    }
    return RN_OK;
}

enum rn_status rn_bundle_take(struct rn_bundle_source *source, void *out, size_t len,
                              const char *what)
{
    if (len > source->end - source->at) {
        char sentence[128];
        (void)snprintf(sentence, sizeof sentence, "it ends within %s", what);
        return rn_bundle_damaged(source, sentence);
    }
    errno = 0;
    return take_some(source, out, len);
}

enum rn_status rn_bundle_take_number(struct rn_bundle_source *source, uint64_t max, uint64_t *out,
                                     const char *what)
{
    uint8_t form[10];
    size_t len = 0;
    char sentence[128];
    enum rn_status status = RN_OK;
    do {
        status = rn_bundle_take(source, form + len, 1, what);
        if (status != RN_OK) {
            return status;
        }
        len++;
    } while ((form[len - 1] & 0x80) != 0 && len < sizeof form);
    struct rn_bytes in = rn_bytes_of(form, len);
    if (!rn_varint_get(&in, out) || *out > max) {
        (void)snprintf(sentence, sizeof sentence, "%s is no such number", what);
        return rn_bundle_damaged(source, sentence);
    }
    return RN_OK;
}

enum rn_status rn_bundle_take_run(struct rn_bundle_source *source, size_t max,
                                  struct rn_buffer *out, const char *what)
{
    uint64_t len = 0;
    rn_buffer_clear(out);
    enum rn_status status = rn_bundle_take_number(source, max, &len, what);
    if (status == RN_OK && len > source->end - source->at) {
        return rn_bundle_take(source, NULL, SIZE_MAX, what);
    }
    if (status == RN_OK && rn_buffer_reserve(out, (size_t)len) != RN_OK) {
        return rn_fail(source->error, RN_NOMEM, "no memory to read %s", source->path);
    }
    status = status == RN_OK ? rn_bundle_take(source, out->data, (size_t)len, what) : status;
    out->len = status == RN_OK ? (size_t)len : 0;
    return status;
}

/* The trailer is the same in every version: SHA-256 over all that stands before it. */
enum rn_status rn_bundle_trailer_fits(struct rn_bundle_source *source, bool *fits)
{
    uint8_t found[RN_SHA256_BYTES];
    uint8_t trailer[RN_SHA256_BYTES];
    uint8_t piece[4096];
    enum rn_status status = RN_OK;
    while (status == RN_OK && source->at < source->end) {
        uint64_t left = source->end - source->at;
        status =
            rn_bundle_take(source, piece, left < sizeof piece ? (size_t)left : sizeof piece, "it");
    }
    if (status != RN_OK) {
        return status;
    }
    rn_sha256_end(source->hash, found);
    source->hash = NULL;
    *fits = rn_bundle_read_at(source, source->end, trailer, sizeof trailer) == sizeof trailer &&
            memcmp(found, trailer, sizeof found) == 0;
    return RN_OK;
}
