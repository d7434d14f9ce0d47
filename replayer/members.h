/*
 * Members of the JSON documents of this folder (receipts, reports), after one convention (DESIGN 9):
 * numbers of 64 bits, nanoseconds and digests are strings. Private to replayer/.
 *
 * All of them accept NULL for object, list and value, which is how memory runs out here. The document is
 * then not what it claims to be: rn_members_print refuses it, however small what is missing. One document
 * at a time in a thread.
 */
#ifndef RN_REPLAYER_MEMBERS_H
#define RN_REPLAYER_MEMBERS_H

#include <jansson.h>

#include "store/event.h"

/* Before a document made by jansson's own calls: its allocator is ours, and notices that memory ran out. */
void rn_members_begin(void);
/* The text of what was made since rn_members_begin, for rn_free; NULL where there was no memory for any of it. */
char *rn_members_text(const json_t *document, size_t flags);

/* A new document {"schema": schema}, after rn_members_begin. */
json_t *rn_members_new(const char *schema);

/* Take `value` over. */
void rn_member(json_t *object, const char *name, json_t *value);
void rn_member_of_list(json_t *list, json_t *value);
/* Text that may hold anything: what is no UTF-8 becomes U+FFFD. */
json_t *rn_member_string(struct rn_bytes text);
void rn_member_bytes(json_t *object, const char *name, struct rn_bytes text);
void rn_member_text(json_t *object, const char *name, const char *text);
/* As a number: for what has 32 bits. */
void rn_member_count(json_t *object, const char *name, uint64_t count);
/* As a decimal string. */
void rn_member_u64(json_t *object, const char *name, uint64_t number);
void rn_member_bool(json_t *object, const char *name, bool value);
/* null where it is not known. */
void rn_member_real(json_t *object, const char *name, bool known, double value);
void rn_member_id(json_t *object, const char *name, const struct rn_trace_id *id);
void rn_member_digest(json_t *object, const char *name, const uint8_t digest[RN_SHA256_BYTES]);
/* {"trace": ..., "event": n} */
json_t *rn_member_event(const struct rn_trace_id *trace, uint32_t n);

/*
 * Appends the document's text and frees it. RN_NOMEM: also where anything of it is missing; RN_LIMIT of
 * `out`.
 */
enum rn_status rn_members_print(json_t *document, struct rn_buffer *out);

#endif
