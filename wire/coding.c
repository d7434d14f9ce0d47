/*
 * Content codings undone: the one file that speaks to zlib, libbrotlidec and (for reading bodies) zstd.
 *
 * In comes a whole body and the Content-Encoding it claims, out goes what the application saw. Every layer writes into a
 * sink that knows the bound, so that a bomb costs no more than the bound in memory. A body that is cut or garbled gives
 * what it still holds, because a stream that the client left is just that.
 */
#define ZLIB_CONST
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_createDStream_advanced: our allocator */
#include "coding.h"

#include <limits.h>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/limits.h"
#include "base/memory.h"

#define LAYERS_MAX 4u
#define SCRATCH_BYTES ((size_t)16 * 1024)
/* Below this a high ratio is nobody's bomb: a page of blanks packs a thousandfold too. */
#define RATIO_FREE_BYTES ((size_t)1024 * 1024)
/* RFC 9659: windows of the content coding zstd are at most 8 MB. */
#define ZSTD_WINDOW_LOG_MAX 23

enum coding { GZIP, DEFLATE, BROTLI, ZSTANDARD };

struct sink {
    struct rn_buffer *out;
    size_t left; /* bytes until the bound */
};

static enum rn_status sink_put(struct sink *sink, const uint8_t *data, size_t len)
{
    size_t fits = len < sink->left ? len : sink->left;
    enum rn_status status = rn_buffer_append(sink->out, data, fits);
    if (status != RN_OK) {
        return status;
    }
    sink->left -= fits;
    return fits < len ? RN_LIMIT : RN_OK;
}

/* --- gzip and deflate ---------------------------------------------------------------------------------------------- */

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    (void)opaque;
    return rn_calloc(items, size);
}

static void zlib_free(void *opaque, void *block)
{
    (void)opaque;
    rn_free(block);
}

/* One call of inflate: feeds at most UINT_MAX bytes of `in` and empties the scratch into the sink. */
static enum rn_status inflate_step(z_stream *stream, struct rn_bytes *in, struct sink *sink,
                                   int *answer)
{
    uint8_t scratch[SCRATCH_BYTES];
    unsigned fed = in->len < UINT_MAX ? (unsigned)in->len : UINT_MAX;
    stream->next_in = in->data;
    stream->avail_in = fed;
    stream->next_out = scratch;
    stream->avail_out = sizeof scratch;
    *answer = inflate(stream, Z_NO_FLUSH);
    *in = rn_bytes_from(*in, fed - stream->avail_in);
    enum rn_status status = sink_put(sink, scratch, sizeof scratch - stream->avail_out);
    if (status != RN_OK) {
        return status;
    }
    if (*answer == Z_MEM_ERROR) {
        return RN_NOMEM;
    }
    /* Z_BUF_ERROR: the input is used up before the end. */
    return *answer == Z_OK || *answer == Z_STREAM_END ? RN_OK : RN_INVALID;
}

/* `members`: gzip may hold several streams, one behind the other (RFC 1952 2.2). */
static enum rn_status inflate_all(int window_bits, bool members, struct rn_bytes in,
                                  struct sink *sink)
{
    int answer = Z_OK;
    enum rn_status status = RN_OK;
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    if (inflateInit2(&stream, window_bits) != Z_OK) {
        return RN_NOMEM;
    }
    while (status == RN_OK && !(answer == Z_STREAM_END && in.len == 0)) {
        if (answer == Z_STREAM_END) {
            status = members && inflateReset(&stream) == Z_OK ? RN_OK : RN_INVALID;
            answer = Z_OK;
        } else {
            status = inflate_step(&stream, &in, sink, &answer);
        }
    }
    (void)inflateEnd(&stream);
    return status;
}

/* RFC 1950 2.2: method 8, and the two bytes are a multiple of 31. */
static bool has_zlib_head(struct rn_bytes in)
{
    return in.len >= 2 && (in.data[0] & 15) == 8 && (in.data[0] * 256 + in.data[1]) % 31 == 0;
}

/* Some servers send the raw form, and its first bytes may look like the other one's. */
static enum rn_status undo_deflate(struct rn_bytes in, struct sink *sink)
{
    size_t before = sink->left;
    if (has_zlib_head(in)) {
        enum rn_status status = inflate_all(MAX_WBITS, false, in, sink);
        if (status != RN_INVALID || sink->left != before) {
            return status;
        }
    }
    return inflate_all(-MAX_WBITS, false, in, sink);
}

/* --- br ------------------------------------------------------------------------------------------------------------ */

static void *brotli_alloc(void *opaque, size_t size)
{
    (void)opaque;
    return rn_alloc(size);
}

static void brotli_free(void *opaque, void *block)
{
    (void)opaque;
    rn_free(block);
}

static enum rn_status brotli_fault(const BrotliDecoderState *state)
{
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(state);
    bool memory = code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                  code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    return memory ? RN_NOMEM : RN_INVALID;
}

static enum rn_status undo_brotli(struct rn_bytes in, struct sink *sink)
{
    uint8_t scratch[SCRATCH_BYTES];
    enum rn_status status = RN_OK;
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    BrotliDecoderState *state = BrotliDecoderCreateInstance(brotli_alloc, brotli_free, NULL);
    if (state == NULL) {
        return RN_NOMEM;
    }
    while (status == RN_OK && result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
        uint8_t *next = scratch;
        size_t room = sizeof scratch;
        result = BrotliDecoderDecompressStream(state, &in.len, &in.data, &room, &next, NULL);
        status = sink_put(sink, scratch, sizeof scratch - room);
    }
    if (status == RN_OK && result == BROTLI_DECODER_RESULT_ERROR) {
        status = brotli_fault(state);
    } else if (status == RN_OK && (result != BROTLI_DECODER_RESULT_SUCCESS || in.len > 0)) {
        status = RN_INVALID;
    }
    BrotliDecoderDestroyInstance(state);
    return status;
}

/* --- zstd ---------------------------------------------------------------------------------------------------------- */

static void *zstd_alloc(void *opaque, size_t size)
{
    (void)opaque;
    return rn_alloc(size);
}

static void zstd_free(void *opaque, void *block)
{
    (void)opaque;
    rn_free(block);
}

static enum rn_status zstd_fault(size_t code)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return RN_NOMEM;
    case ZSTD_error_frameParameter_windowTooLarge:
        return RN_LIMIT;
    default:
        return RN_INVALID;
    }
}

/* Frames may follow one another; the decoder begins the next one by itself. */
static enum rn_status zstd_all(ZSTD_DStream *stream, struct rn_bytes body, struct sink *sink)
{
    uint8_t scratch[SCRATCH_BYTES];
    ZSTD_inBuffer in = {.src = body.data, .size = body.len};
    for (;;) {
        ZSTD_outBuffer out = {.dst = scratch, .size = sizeof scratch};
        size_t hint = ZSTD_decompressStream(stream, &out, &in);
        enum rn_status status = sink_put(sink, scratch, out.pos);
        if (status != RN_OK) {
            return status;
        }
        if (ZSTD_isError(hint)) {
            return zstd_fault(hint);
        }
        if (in.pos == in.size && (hint == 0 || out.pos < out.size)) {
            return hint == 0 ? RN_OK : RN_INVALID; /* 0: a frame is complete and flushed */
        }
    }
}

static enum rn_status undo_zstd(struct rn_bytes in, struct sink *sink)
{
    ZSTD_customMem memory = {.customAlloc = zstd_alloc, .customFree = zstd_free};
    ZSTD_DStream *stream = ZSTD_createDStream_advanced(memory);
    if (stream == NULL) {
        return RN_NOMEM;
    }
    (void)ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    enum rn_status status = zstd_all(stream, in, sink);
    (void)ZSTD_freeDStream(stream);
    return status;
}

/* --- the list ------------------------------------------------------------------------------------------------------ */

static bool coding_named(struct rn_bytes name, enum coding *out)
{
    static const struct {
        const char *name;
        enum coding coding;
    } known[] = {
        {"gzip", GZIP}, {"x-gzip", GZIP}, {"deflate", DEFLATE}, {"br", BROTLI}, {"zstd", ZSTANDARD},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (rn_bytes_equal_nocase(name, rn_bytes_text(known[i].name))) {
            *out = known[i].coding;
            return true;
        }
    }
    return false;
}

/* The next name of the list, without blanks; false at its end. */
static bool next_name(struct rn_bytes *list, struct rn_bytes *name)
{
    while (list->len > 0) {
        size_t comma = rn_bytes_find_byte(*list, ',');
        *name = rn_bytes_trim(rn_bytes_sub(*list, 0, comma));
        *list = comma == RN_NPOS ? (struct rn_bytes){NULL, 0} : rn_bytes_from(*list, comma + 1);
        if (name->len > 0 && !rn_bytes_equal_nocase(*name, RN_LIT("identity"))) {
            return true;
        }
    }
    return false;
}

bool rn_coding_is_identity(struct rn_bytes content_encoding)
{
    struct rn_bytes name;
    return !next_name(&content_encoding, &name);
}

static enum rn_status read_list(struct rn_bytes list, enum coding *layers, unsigned *count,
                                struct rn_error *error)
{
    struct rn_bytes name;
    *count = 0;
    while (next_name(&list, &name)) {
        if (*count == LAYERS_MAX) {
            return rn_fail(error, RN_REFUSED, "the body has more than %u content codings",
                           LAYERS_MAX);
        }
        if (!coding_named(name, &layers[*count])) {
            return rn_fail(error, RN_REFUSED, "the content coding '%.*s' is unknown",
                           name.len < 64 ? (int)name.len : 64, (const char *)name.data);
        }
        (*count)++;
    }
    return RN_OK;
}

static enum rn_status undo(enum coding coding, struct rn_bytes in, struct sink *sink)
{
    switch (coding) {
    case GZIP:
        return inflate_all(MAX_WBITS + 16, true, in, sink);
    case DEFLATE:
        return undo_deflate(in, sink);
    case BROTLI:
        return undo_brotli(in, sink);
    case ZSTANDARD:
        return undo_zstd(in, sink);
    }
    return RN_REFUSED;
}

static enum rn_status explain(struct rn_error *error, enum rn_status status, enum coding coding)
{
    static const char *const names[] = {"gzip", "deflate", "br", "zstd"};
    switch (status) {
    case RN_OK:
        return RN_OK;
    case RN_INVALID:
        return rn_fail(error, status, "the body is cut or is not what %s makes", names[coding]);
    case RN_LIMIT:
        return rn_fail(error, status, "the body unpacks to more than the limits of reading allow");
    default:
        return rn_fail(error, status, "no memory to unpack the body");
    }
}

/* What a body of this size may become: by the ratio, but never less than the free part nor more than the maximum. */
static size_t output_bytes_max(size_t body_bytes)
{
    size_t by_ratio = body_bytes > RN_DECODED_BYTES_MAX / RN_DECODED_RATIO_MAX
                          ? RN_DECODED_BYTES_MAX
                          : body_bytes * RN_DECODED_RATIO_MAX;
    return by_ratio < RATIO_FREE_BYTES ? RATIO_FREE_BYTES : by_ratio;
}

/* A faulty layer does not end the work: the layers below it read what it gave. */
static enum rn_status undo_layers(const enum coding *layers, unsigned count, struct rn_bytes body,
                                  struct rn_buffer *out, struct rn_error *error)
{
    enum rn_status first = RN_OK;
    struct rn_buffer between = {0};
    size_t bound = output_bytes_max(body.len);
    while (count > 0 && (first == RN_OK || first == RN_INVALID)) {
        struct rn_buffer next = {0};
        struct sink sink = {.out = --count == 0 ? out : &next, .left = bound};
        enum rn_status status = undo(layers[count], body, &sink);
        if (status != RN_OK && (first == RN_OK || status != RN_INVALID)) {
            first = explain(error, status, layers[count]);
        }
        rn_buffer_free(&between);
        between = next;
        body = rn_buffer_bytes(&between);
        if (body.len == 0) {
            break;
        }
    }
    rn_buffer_free(&between);
    return first;
}

enum rn_status rn_coding_decode(struct rn_bytes content_encoding, struct rn_bytes body,
                                struct rn_buffer *out, struct rn_error *error)
{
    enum coding layers[LAYERS_MAX];
    unsigned count = 0;
    enum rn_status status = read_list(content_encoding, layers, &count, error);
    if (status != RN_OK || body.len == 0) {
        return status;
    }
    if (count > 0) {
        return undo_layers(layers, count, body, out, error);
    }
    status = body.len > RN_DECODED_BYTES_MAX ? RN_LIMIT : rn_buffer_add(out, body);
    return explain(error, status, GZIP);
}
