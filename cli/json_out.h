/*
 * Documents we write, with jansson. One convention for all of them (DESIGN 9): "schema": "reenact.NAME/1"; numbers of 64 bits,
 * nanoseconds and digests are strings; bytes that are no UTF-8 are given as base64 under NAME_base64.
 *
 * Every function accepts a NULL object and then does nothing: memory that ran out is noticed once, by rn_json_out_put.
 */
#ifndef RN_CLI_JSON_OUT_H
#define RN_CLI_JSON_OUT_H

#include <jansson.h>
#include <stdio.h>

#include "base/bytes.h"
#include "store/trace.h"

/* For a program, at its very beginning: jansson gets its memory from base/memory.h. */
void rn_json_out_serve(void);

/* A new document {"schema": schema}. */
json_t *rn_json_out_new(const char *schema);

/* There was no memory for what belongs into the document: rn_json_out_put will refuse it. */
void rn_json_out_short(void);

void rn_json_out_bytes(json_t *object, const char *name, struct rn_bytes bytes);
void rn_json_out_text(json_t *object, const char *name, const char *text);
/* As a decimal string. */
void rn_json_out_u64(json_t *object, const char *name, uint64_t value);
/* As a number: for what has 32 bits. */
void rn_json_out_u32(json_t *object, const char *name, uint32_t value);
void rn_json_out_bool(json_t *object, const char *name, bool value);
void rn_json_out_trace_id(json_t *object, const char *name, const struct rn_trace_id *id);
void rn_json_out_digest(json_t *object, const char *name, const uint8_t digest[RN_SHA256_BYTES]);
/* Both NAME (ISO 8601, UTC) and NAME_ns. */
void rn_json_out_moment(json_t *object, const char *name, uint64_t wall_ns);
/* A list of runs (base/varint.h) as an array of strings. */
void rn_json_out_runs(json_t *object, const char *name, struct rn_bytes runs);
/* {"exited": 1} or {"signal": 9}; null for -1. */
void rn_json_out_exit(json_t *object, const char *name, int wait_status);
/* The members every document has about a trace: log and show use the same. */
void rn_json_out_summary(json_t *object, const struct rn_trace_summary *summary);

/* Appends standard base64. */
enum rn_status rn_json_out_base64(struct rn_buffer *out, struct rn_bytes bytes);

/* Prints the document with a line end and frees it. False when the stream failed, or memory anywhere before. */
bool rn_json_out_put(FILE *stream, json_t *document);

#endif
