/*
 * One strict field line, shared by heads (http.c) and trailers (chunk.c). Private to wire/.
 */
#ifndef RN_WIRE_HTTP_FIELD_H
#define RN_WIRE_HTTP_FIELD_H

#include "http.h"

/* Reads "Name: value CRLF" at the start of `in` with the grammar of http.h; field->line.len bytes were used. */
enum rn_http_step rn_http_field_read(struct rn_bytes in, struct rn_http_field *field,
                                     struct rn_http_fault *fault);

#endif
