/*
 * Frames: how bytes lie on the disk, each verifiable alone. Private to store/.
 *
 * 40 bytes of header, big-endian, then the stored bytes:
 *
 *    0  u8   schema version (1)
 *    1  u8   codec (0 as is, 1 zstd)
 *    2  u8   kind (enum rn_frame_kind)
 *    3  u8   class of the event (enum rn_event_class)
 *    4  u32  key id (0: not encrypted)
 *    8  u32  raw length
 *   12  u32  CRC-32 over bytes 0..11, 16..39 and the stored bytes
 *   16  16B  trace id
 *   32  u32  n of the event
 *   36  u32  part (0, 1, ... within an event)
 */
#ifndef RN_STORE_FRAME_H
#define RN_STORE_FRAME_H

#include "store/event.h"

#define RN_FRAME_HEADER_BYTES 40u
/* No frame claims more: the longest request body with its heads, and room. Checked before memory is reserved. */
#define RN_FRAME_RAW_BYTES_MAX ((size_t)128 * 1024 * 1024)

enum rn_codec { RN_CODEC_NONE = 0, RN_CODEC_ZSTD = 1 };

enum rn_frame_kind {
    RN_FRAME_TRACE_OPEN = 1, /* body: msgpack of the trace's settings, secret and owner */
    RN_FRAME_EVENT_OPEN = 2,
    RN_FRAME_EVENT_PART = 3,
    RN_FRAME_EVENT_CLOSE = 4,
    RN_FRAME_EVENT = 5,      /* a whole event */
    RN_FRAME_TRACE_CLOSE = 6, /* body: msgpack of state, counts, digests, salts */
    RN_FRAME_DOCUMENT = 7     /* never in the log: a piece of a document, whose id stands for the trace's */
};

struct rn_frame {
    uint8_t codec;
    enum rn_frame_kind kind;
    enum rn_event_class class;
    uint32_t key_id;
    uint32_t raw_bytes;
    struct rn_trace_id trace;
    uint32_t n;
    uint32_t part;
    struct rn_bytes stored; /* lent from the input of rn_frame_read */
};

/* A compressor and a decompressor with their scratch memory. One thread at a time. NULL when memory ran out. */
struct rn_codec_context;
struct rn_codec_context *rn_codec_context_new(void);
void rn_codec_context_free(struct rn_codec_context *context);

/*
 * Appends the frame of `raw` to `out`; `frame` gives everything but raw_bytes and stored. Falls back to RN_CODEC_NONE where
 * zstd does not shrink. The frame is read back and compared before RN_OK (a difference is RN_DAMAGED). RN_LIMIT over
 * RN_FRAME_RAW_BYTES_MAX, RN_NOMEM. On failure `out` is as it was.
 */
enum rn_status rn_frame_write(struct rn_codec_context *context, const struct rn_frame *frame,
                              struct rn_bytes raw, struct rn_buffer *out);
/* Header and checksum. RN_DAMAGED with a sentence, RN_NEWER for a later schema. */
enum rn_status rn_frame_read(struct rn_bytes in, struct rn_frame *frame, struct rn_error *error);
/* The raw bytes, appended to `out`; bounded by raw_bytes. */
enum rn_status rn_frame_decode(struct rn_codec_context *context, const struct rn_frame *frame,
                               struct rn_buffer *out, struct rn_error *error);

#endif
