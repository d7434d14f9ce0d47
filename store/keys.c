/* How the keys of the trees are laid out. Knows no tree and no transaction. */
#include "keys.h"

#include <string.h>

void rn_put_u32(uint8_t out[4], uint32_t value)
{
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

void rn_put_u64(uint8_t out[8], uint64_t value)
{
    rn_put_u32(out, (uint32_t)(value >> 32));
    rn_put_u32(out + 4, (uint32_t)value);
}

uint32_t rn_get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

uint64_t rn_get_u64(const uint8_t *at)
{
    return (uint64_t)rn_get_u32(at) << 32 | rn_get_u32(at + 4);
}

bool rn_row_read(struct rn_bytes value, uint64_t *row)
{
    if (value.len != 8) {
        return false;
    }
    *row = rn_get_u64(value.data);
    return true;
}

void rn_key_event(const struct rn_trace_id *id, unsigned class, uint32_t n, uint32_t part,
                  enum rn_frame_kind kind, uint8_t out[RN_EVENT_KEY_BYTES])
{
    memcpy(out, id->bytes, RN_TRACE_ID_BYTES);
    out[16] = (uint8_t) class;
    rn_put_u32(out + 17, n);
    rn_put_u32(out + 21, part);
    out[25] = (uint8_t)kind;
}

void rn_key_time(uint64_t started_wall_ns, const struct rn_trace_id *id,
                 uint8_t out[RN_TIME_KEY_BYTES])
{
    rn_put_u64(out, started_wall_ns);
    memcpy(out + 8, id->bytes, RN_TRACE_ID_BYTES);
}

void rn_key_suffix(const struct rn_trace_id *id, uint8_t out[RN_TRACE_ID_BYTES])
{
    uint8_t turned[RN_TRACE_ID_BYTES];
    for (size_t i = 0; i < RN_TRACE_ID_BYTES; i++) {
        uint8_t byte = id->bytes[RN_TRACE_ID_BYTES - 1 - i];
        turned[i] = (uint8_t)(byte << 4 | byte >> 4);
    }
    memcpy(out, turned, sizeof turned);
}

void rn_key_session(const struct rn_trace_id *session, uint64_t started_wall_ns,
                    const struct rn_trace_id *id, uint8_t out[RN_SESSION_KEY_BYTES])
{
    memcpy(out, session->bytes, RN_TRACE_ID_BYTES);
    rn_key_time(started_wall_ns, id, out + RN_TRACE_ID_BYTES);
}

void rn_key_open(const struct rn_trace_id *id, uint8_t out[RN_OPEN_KEY_BYTES])
{
    memcpy(out, "open/", 5);
    memcpy(out + 5, id->bytes, RN_TRACE_ID_BYTES);
}

void rn_key_drop(const struct rn_trace_id *id, uint8_t out[RN_DROP_KEY_BYTES])
{
    memcpy(out, "drop/", 5);
    memcpy(out + 5, id->bytes, RN_TRACE_ID_BYTES);
}

size_t rn_key_name(struct rn_bytes name, uint64_t started_wall_ns, const struct rn_trace_id *id,
                   uint8_t out[RN_NAME_KEY_BYTES_MAX])
{
    struct rn_bytes kept = rn_bytes_sub(name, 0, RN_NAME_BYTES_MAX);
    if (kept.len > 0) {
        memcpy(out, kept.data, kept.len);
    }
    out[kept.len] = 0;
    rn_key_time(started_wall_ns, id, out + kept.len + 1);
    return kept.len + 1 + RN_TIME_KEY_BYTES;
}

size_t rn_key_foreign(struct rn_bytes foreign, const struct rn_trace_id *id,
                      uint8_t out[RN_ID_KEY_BYTES_MAX])
{
    struct rn_bytes kept = rn_bytes_sub(foreign, 0, RN_NAME_BYTES_MAX);
    if (kept.len > 0) {
        memcpy(out, kept.data, kept.len);
    }
    out[kept.len] = 0;
    memcpy(out + kept.len + 1, id->bytes, RN_TRACE_ID_BYTES);
    return kept.len + 1 + RN_TRACE_ID_BYTES;
}

/* --- documents and holds -------------------------------------------------------------------------------------------- */

static size_t put(uint8_t *out, size_t at, struct rn_bytes bytes)
{
    if (bytes.len > 0) {
        memcpy(out + at, bytes.data, bytes.len);
    }
    return at + bytes.len;
}

static struct rn_bytes id_bytes(const struct rn_trace_id *id)
{
    return rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES);
}

size_t rn_key_document(struct rn_bytes kind, struct rn_bytes name,
                       uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX])
{
    size_t at = put(out, 0, RN_DOCUMENT_NAME);
    at = put(out, at, kind);
    at = put(out, at, RN_LIT("/"));
    return put(out, at, name);
}

size_t rn_key_piece(const struct rn_trace_id *document, uint32_t number,
                    uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX])
{
    size_t at = put(out, 0, RN_DOCUMENT_PIECE);
    at = put(out, at, id_bytes(document));
    rn_put_u32(out + at, number);
    return at + 4;
}

size_t rn_key_work(const struct rn_trace_id *document, uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX])
{
    return put(out, put(out, 0, RN_DOCUMENT_WORK), id_bytes(document));
}

size_t rn_key_hold(const struct rn_trace_id *trace, struct rn_bytes holder,
                   uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX])
{
    return put(out, put(out, put(out, 0, RN_DOCUMENT_HOLD), id_bytes(trace)), holder);
}

size_t rn_key_held(struct rn_bytes holder, const struct rn_trace_id *trace,
                   uint8_t out[RN_DOCUMENT_KEY_BYTES_MAX])
{
    size_t at = put(out, put(out, 0, RN_DOCUMENT_HELD), holder);
    at = put(out, at, rn_bytes_of("", 1));
    return put(out, at, id_bytes(trace));
}
