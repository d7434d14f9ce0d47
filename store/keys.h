/*
 * The keys of the trees, written and read in one place: numbers big-endian, so that byte order is number order. Private to
 * store/.
 */
#ifndef RN_STORE_KEYS_H
#define RN_STORE_KEYS_H

#include "frame.h"
#include "store/event.h"

#define RN_EVENT_KEY_BYTES 26u        /* trace id, class, n, part, kind */
#define RN_EVENT_KEY_PREFIX_BYTES 21u /* trace id, class, n: all pieces of one event */
#define RN_TIME_KEY_BYTES 24u         /* start, trace id */
#define RN_SESSION_KEY_BYTES 40u      /* session, start, trace id */
#define RN_NAME_BYTES_MAX 200u /* of a name or foreign id within a key; what is longer is cut */
#define RN_NAME_KEY_BYTES_MAX (RN_NAME_BYTES_MAX + 1u + 8u + RN_TRACE_ID_BYTES)
#define RN_ID_KEY_BYTES_MAX (RN_NAME_BYTES_MAX + 1u + RN_TRACE_ID_BYTES)
#define RN_OPEN_KEY_BYTES (5u + RN_TRACE_ID_BYTES)

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
/* These return the key's length. */
size_t rn_key_name(struct rn_bytes name, uint64_t started_wall_ns, const struct rn_trace_id *id,
                   uint8_t out[RN_NAME_KEY_BYTES_MAX]);
size_t rn_key_foreign(struct rn_bytes foreign, const struct rn_trace_id *id,
                      uint8_t out[RN_ID_KEY_BYTES_MAX]);

#endif
