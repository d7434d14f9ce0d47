/*
 * The keys of the trees, written and read in one place: numbers big-endian, so that byte order is number order. Private to
 * store/.
 */
#ifndef RN_STORE_KEYS_H
#define RN_STORE_KEYS_H

#include "frame.h"
#include "store/document.h"
#include "store/event.h"

#define RN_EVENT_KEY_BYTES 26u        /* trace id, class, n, part, kind */
#define RN_EVENT_KEY_PREFIX_BYTES 21u /* trace id, class, n: all pieces of one event */
#define RN_TIME_KEY_BYTES 24u         /* start, trace id */
#define RN_SESSION_KEY_BYTES 40u      /* session, start, trace id */
#define RN_NAME_BYTES_MAX 200u /* of a name or foreign id within a key; what is longer is cut */
#define RN_NAME_KEY_BYTES_MAX (RN_NAME_BYTES_MAX + 1u + 8u + RN_TRACE_ID_BYTES)
#define RN_ID_KEY_BYTES_MAX (RN_NAME_BYTES_MAX + 1u + RN_TRACE_ID_BYTES)
#define RN_OPEN_KEY_BYTES (5u + RN_TRACE_ID_BYTES)
#define RN_DROP_KEY_BYTES (5u + RN_TRACE_ID_BYTES)

/*
 * RN_TREE_DOCUMENT holds five kinds of entries, told apart by a word in front:
 *
 *     name/KIND/NAME            the head of a document, a frame
 *     piece/ id, u32 number     a piece of it, a frame; 1, 2, ...
 *     work/ id                  who is writing or removing the pieces of that id
 *     hold/ trace id, holder    nothing
 *     held/ holder, 0, trace id nothing
 */
#define RN_DOCUMENT_NAME RN_LIT("name/")
#define RN_DOCUMENT_PIECE RN_LIT("piece/")
#define RN_DOCUMENT_WORK RN_LIT("work/")
#define RN_DOCUMENT_HOLD RN_LIT("hold/")
#define RN_DOCUMENT_HELD RN_LIT("held/")
#define RN_HOLDER_BYTES_MAX (RN_DOCUMENT_KIND_BYTES_MAX + 1u + RN_DOCUMENT_NAME_BYTES_MAX)
#define RN_DOCUMENT_KEY_BYTES_MAX (8u + RN_HOLDER_BYTES_MAX + 1u + RN_TRACE_ID_BYTES)

/* The class under which the frames of the trace itself (its opening, its closing) stand in RN_TREE_EVENT. */
#define RN_CLASS_TRACE 255u

void rn_put_u32(uint8_t out[4], uint32_t value);
void rn_put_u64(uint8_t out[8], uint64_t value);
uint32_t rn_get_u32(const uint8_t *at);
uint64_t rn_get_u64(const uint8_t *at);
/* A row or the watermark; false when it has another length. */
bool rn_row_read(struct rn_bytes value, uint64_t *row);

void rn_key_event(const struct rn_trace_id *id, unsigned class, uint32_t n, uint32_t part,
                  enum rn_frame_kind kind, uint8_t out[RN_EVENT_KEY_BYTES]);
void rn_key_time(uint64_t started_wall_ns, const struct rn_trace_id *id,
                 uint8_t out[RN_TIME_KEY_BYTES]);
/* The id with its hex digits in reverse order, so that a suffix becomes a prefix. Its own inverse. */
void rn_key_suffix(const struct rn_trace_id *id, uint8_t out[RN_TRACE_ID_BYTES]);
void rn_key_session(const struct rn_trace_id *session, uint64_t started_wall_ns,
                    const struct rn_trace_id *id, uint8_t out[RN_SESSION_KEY_BYTES]);
void rn_key_open(const struct rn_trace_id *id, uint8_t out[RN_OPEN_KEY_BYTES]);
void rn_key_drop(const struct rn_trace_id *id, uint8_t out[RN_DROP_KEY_BYTES]);
/* These return the key's length. */
size_t rn_key_name(struct rn_bytes name, uint64_t started_wall_ns, const struct rn_trace_id *id,
                   uint8_t out[RN_NAME_KEY_BYTES_MAX]);
size_t rn_key_foreign(struct rn_bytes foreign, const struct rn_trace_id *id,
                      uint8_t out[RN_ID_KEY_BYTES_MAX]);
size_t rn_key_document(struct rn_bytes kind, struct rn_bytes name,
                       uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX]);
size_t rn_key_piece(const struct rn_trace_id *document, uint32_t number,
                    uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX]);
size_t rn_key_work(const struct rn_trace_id *document, uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX]);
size_t rn_key_hold(const struct rn_trace_id *trace, struct rn_bytes holder,
                   uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX]);
size_t rn_key_held(struct rn_bytes holder, const struct rn_trace_id *trace,
                   uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX]);
/* All entries of one piece list, of one trace's holders, of one holder's traces: the keys above without their last part. */
#define RN_PIECE_PREFIX_BYTES (6u + RN_TRACE_ID_BYTES)
#define RN_HOLD_PREFIX_BYTES (5u + RN_TRACE_ID_BYTES)

#endif
