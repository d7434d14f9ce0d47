/* Recorded bodies for reading: JSON with one member per line, other bytes as text or in hexadecimal. */
#ifndef RN_CLI_PRETTY_H
#define RN_CLI_PRETTY_H

#include "base/buffer.h"

/*
 * Appends the JSON text `in` with two blanks per level. Numbers, escapes, order and duplicate members stay as they are written;
 * controls are made printable. RN_INVALID (and `out` untouched) where it is no JSON.
 */
enum rn_status rn_pretty_json(struct rn_buffer *out, struct rn_bytes in);

/* Appends lines of 16 bytes with offset and text, at most `limit` bytes of `in`. */
enum rn_status rn_pretty_hex(struct rn_buffer *out, struct rn_bytes in, size_t limit);

#endif
