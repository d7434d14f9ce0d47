/*
 * Content codings (RFC 9110 8.4.1), for reading only: what is stored and sent stays as it came.
 *
 * Understands identity, gzip (and x-gzip), deflate (zlib, and the raw form some servers send), br and zstd, and lists of
 * them (four at most), undone last to first. Each layer's output is bounded by RN_DECODED_BYTES_MAX, and above 1 MiB by
 * RN_DECODED_RATIO_MAX times the body. Windows of zstd go to 8 MB (RFC 9659).
 */
#ifndef RN_WIRE_CODING_H
#define RN_WIRE_CODING_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"

/* Whether the value of a Content-Encoding field means no coding at all: empty or identity only. */
bool rn_coding_is_identity(struct rn_bytes content_encoding);

/*
 * Appends the decoded body to `out`. An empty body is empty in every coding: answers to HEAD and 304 name one too.
 * RN_INVALID: the body lies about its coding, is cut, or goes on behind its end (what could be decoded is in `out`);
 * RN_REFUSED: a coding we do not know; RN_LIMIT: over a bound, out's own included; RN_NOMEM. `error` gets the sentence.
 */
enum rn_status rn_coding_decode(struct rn_bytes content_encoding, struct rn_bytes body,
                                struct rn_buffer *out, struct rn_error *error);

#endif
