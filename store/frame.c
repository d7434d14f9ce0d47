/*
 * Frames: a header of 40 bytes and what it vouches for. zstd lives here and nowhere else in store/.
 *
 * Bytes in, bytes out. What a frame's raw bytes mean is event_pack.c's and trace_pack.c's; where frames lie is db.c's.
 */
#include "frame.h"

#include <assert.h>
#include <string.h>
#include <zstd.h>

#include "base/digest.h"
#include "base/memory.h"

/*
 * Level 1 while hot, because compressing is the largest cost of an event: 0.6 to 0.8 of the CPU of level 3 for 0.3 % (recorded
 * provider traffic) to 4 % (agent runs) more bytes. docs/performance.md has the table.
 */
#define ZSTD_LEVEL 1

struct rn_codec_context {
    ZSTD_CCtx *press;
    ZSTD_DCtx *unpress;
    struct rn_buffer check; /* what was written, read back */
};

struct rn_codec_context *rn_codec_context_new(void)
{
    struct rn_codec_context *context = rn_calloc(1, sizeof *context);
    if (context == NULL) {
        return NULL;
    }
    context->press = ZSTD_createCCtx();
    context->unpress = ZSTD_createDCtx();
    if (context->press == NULL || context->unpress == NULL) {
        rn_codec_context_free(context);
        return NULL;
    }
    return context;
}

void rn_codec_context_free(struct rn_codec_context *context)
{
    if (context != NULL) {
        ZSTD_freeCCtx(context->press);
        ZSTD_freeDCtx(context->unpress);
        rn_buffer_free(&context->check);
        rn_free(context);
    }
}

/* --- header --------------------------------------------------------------------------------------------------------- */

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static uint32_t checksum(const uint8_t *header, struct rn_bytes stored)
{
    uint32_t crc = rn_crc32(0, rn_bytes_of(header, 12));
    crc = rn_crc32(crc, rn_bytes_of(header + 16, RN_FRAME_HEADER_BYTES - 16));
    return rn_crc32(crc, stored);
}

static void header_write(const struct rn_frame *frame, struct rn_bytes stored, uint8_t *out)
{
    out[0] = RN_SCHEMA_VERSION;
    out[1] = frame->codec;
    out[2] = (uint8_t)frame->kind;
    out[3] = (uint8_t)frame->class;
    put_u32(out + 4, frame->key_id);
    put_u32(out + 8, frame->raw_bytes);
    memcpy(out + 16, frame->trace.bytes, RN_TRACE_ID_BYTES);
    put_u32(out + 32, frame->n);
    put_u32(out + 36, frame->part);
    put_u32(out + 12, checksum(out, stored));
}

enum rn_status rn_frame_read(struct rn_bytes in, struct rn_frame *frame, struct rn_error *error)
{
    const uint8_t *at = in.data;
    if (in.len < RN_FRAME_HEADER_BYTES) {
        return rn_fail(error, RN_DAMAGED, "a frame of %zu bytes is shorter than its header",
                       in.len);
    }
    struct rn_bytes stored = rn_bytes_from(in, RN_FRAME_HEADER_BYTES);
    /* The version first: a later one may put its checksum elsewhere. */
    if (at[0] > RN_SCHEMA_VERSION) {
        return rn_fail(error, RN_NEWER,
                       "a frame has schema %u and this reenact reads up to %u; use a newer one",
                       at[0], RN_SCHEMA_VERSION);
    }
    if (checksum(at, stored) != get_u32(at + 12)) {
        return rn_fail(error, RN_DAMAGED, "a frame's checksum does not fit its bytes");
    }
    if (at[0] == 0 || at[1] > RN_CODEC_ZSTD || at[2] < RN_FRAME_TRACE_OPEN ||
        at[2] > RN_FRAME_DOCUMENT || at[3] > RN_CLASS_MARK) {
        return rn_fail(error, RN_DAMAGED, "a frame's header holds a value outside its range");
    }
    *frame = (struct rn_frame){.codec = at[1],
                               .kind = (enum rn_frame_kind)at[2],
                               .class = (enum rn_event_class)at[3],
                               .key_id = get_u32(at + 4),
                               .raw_bytes = get_u32(at + 8),
                               .n = get_u32(at + 32),
                               .part = get_u32(at + 36),
                               .stored = stored};
    memcpy(frame->trace.bytes, at + 16, RN_TRACE_ID_BYTES);
    return RN_OK;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* Refused before any memory is reserved for what it claims. */
static bool claim_holds(const struct rn_frame *frame)
{
    if (frame->raw_bytes > RN_FRAME_RAW_BYTES_MAX) {
        return false;
    }
    if (frame->codec == RN_CODEC_NONE) {
        return frame->raw_bytes == frame->stored.len;
    }
    /* Only what shrank is written compressed. */
    return frame->stored.len < frame->raw_bytes &&
           ZSTD_getFrameContentSize(frame->stored.data, frame->stored.len) == frame->raw_bytes;
}

enum rn_status rn_frame_decode(struct rn_codec_context *context, const struct rn_frame *frame,
                               struct rn_buffer *out, struct rn_error *error)
{
    if (frame->key_id != 0) {
        return rn_fail(error, RN_NEWER, "a frame is encrypted, which this reenact does not know");
    }
    if (!claim_holds(frame)) {
        return rn_fail(error, RN_DAMAGED, "a frame's raw length does not fit what is stored");
    }
    if (frame->codec == RN_CODEC_NONE) {
        return rn_buffer_add(out, frame->stored);
    }
    enum rn_status status = rn_buffer_reserve(out, frame->raw_bytes);
    if (status != RN_OK) {
        return rn_fail(error, status, "a frame of %u bytes does not fit in memory",
                       (unsigned)frame->raw_bytes);
    }
    size_t got = ZSTD_decompressDCtx(context->unpress, out->data + out->len, frame->raw_bytes,
                                     frame->stored.data, frame->stored.len);
    if (ZSTD_isError(got) || got != frame->raw_bytes) {
        return rn_fail(error, RN_DAMAGED, "a frame does not decompress to its raw length");
    }
    out->len += got;
    return RN_OK;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

/* Appends the compressed bytes. RN_LIMIT: they would not be fewer. */
static enum rn_status press(struct rn_codec_context *context, struct rn_bytes raw,
                            struct rn_buffer *out)
{
    size_t bound = ZSTD_compressBound(raw.len);
    enum rn_status status = rn_buffer_reserve(out, bound);
    if (status != RN_OK) {
        return status;
    }
    size_t got = ZSTD_compressCCtx(context->press, out->data + out->len, bound, raw.data, raw.len,
                                   ZSTD_LEVEL);
    if (ZSTD_isError(got)) {
        return RN_NOMEM; /* the only way left when the destination is large enough */
    }
    if (got >= raw.len) {
        return RN_LIMIT;
    }
    out->len += got;
    return RN_OK;
}

/* Whether what stands in `written` reads back as `raw`. */
static enum rn_status verify(struct rn_codec_context *context, struct rn_bytes written,
                             struct rn_bytes raw)
{
    struct rn_frame frame;
    rn_buffer_clear(&context->check);
    enum rn_status status = rn_frame_read(written, &frame, NULL);
    if (status == RN_OK) {
        status = rn_frame_decode(context, &frame, &context->check, NULL);
    }
    if (status == RN_OK && !rn_bytes_equal(rn_buffer_bytes(&context->check), raw)) {
        status = RN_DAMAGED;
    }
    return status;
}

enum rn_status rn_frame_write(struct rn_codec_context *context, const struct rn_frame *frame,
                              struct rn_bytes raw, struct rn_buffer *out)
{
    size_t begin = out->len;
    struct rn_frame written = *frame;
    if (raw.len > RN_FRAME_RAW_BYTES_MAX) {
        return RN_LIMIT;
    }
    enum rn_status status = rn_buffer_reserve(out, RN_FRAME_HEADER_BYTES + raw.len);
    if (status != RN_OK) {
        return status;
    }
    out->len += RN_FRAME_HEADER_BYTES;
    written.raw_bytes = (uint32_t)raw.len;
    status = frame->codec == RN_CODEC_ZSTD ? press(context, raw, out) : RN_LIMIT;
    if (status == RN_LIMIT) {
        written.codec = RN_CODEC_NONE;
        status = rn_buffer_add(out, raw);
    }
    if (status == RN_OK) {
        uint8_t *header = out->data + begin;
        size_t len = out->len - begin;
        header_write(&written,
                     rn_bytes_of(header + RN_FRAME_HEADER_BYTES, len - RN_FRAME_HEADER_BYTES),
                     header);
        status = verify(context, rn_bytes_of(header, len), raw);
    }
    if (status != RN_OK) {
        out->len = begin;
    }
    return status;
}
