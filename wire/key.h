/*
 * When are two requests the same? Match keys over method, target and body, each credential replaced by one fixed mark
 * without length, so that another key of another length still matches (DESIGN 6.2). Headers are compared, not keyed.
 */
#ifndef RN_WIRE_KEY_H
#define RN_WIRE_KEY_H

#include "base/bytes.h"
#include "base/digest.h"
#include "wire/http.h"
#include "wire/redact.h"

/* Versions of the rules below; a stored key names the version it was made with. Old versions stay in the build. */
#define RN_KEY_VERSION 1u
#define RN_KEY_BYTES 16

/* Borrowed views of one request after redaction. */
struct rn_key_input {
    struct rn_bytes upstream;
    struct rn_bytes method;
    struct rn_bytes target;
    const struct rn_spans *target_spans;
    struct rn_bytes body;
    const struct rn_spans *body_spans;
};

/* The first 16 bytes of SHA-256 over version, upstream, method, target and body, each with its length. */
bool rn_key_bytes(const struct rn_key_input *input, uint8_t out[RN_KEY_BYTES]);

/* The same with the body's JSON digest instead of its bytes. RN_INVALID: no JSON, or a duplicate key: only `bytes` is left. */
enum rn_status rn_key_json(const struct rn_key_input *input, uint8_t out[RN_KEY_BYTES]);

/* Appends `bytes` with each span replaced by the mark. */
enum rn_status rn_key_marked(struct rn_bytes bytes, const struct rn_spans *spans,
                             struct rn_buffer *out);

/*
 * The fields that must be equal beside the key. One fixed list until dialects exist: accept, content-type,
 * content-encoding, range, anthropic-beta, anthropic-version, openai-beta, api-version, api-revision,
 * x-pinecone-api-version, mcp-protocol-version, mcp-method, mcp-name. Values byte for byte, repeated fields in order;
 * credentials by presence.
 *
 * True when equal; otherwise *name is the first field that differs (lent from either head or static) and the two values
 * are given, empty where the field is missing.
 */
bool rn_key_headers_equal(const struct rn_http_head *recorded, const struct rn_http_head *live,
                          struct rn_bytes *name, struct rn_bytes *recorded_value,
                          struct rn_bytes *live_value);

#endif
