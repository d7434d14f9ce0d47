/*
 * The head of an answer of our own. Private to gateway/; rn_exchange_answer is the public door.
 */
#ifndef RN_GATEWAY_ANSWER_H
#define RN_GATEWAY_ANSWER_H

#include "gateway/gateway.h"

/*
 * Appends status line, `fields` (whole lines), Content-Type (unless NULL), Content-Length, Connection where `client` asks for
 * it, and the empty line.
 */
enum rn_status rn_answer_own_head(struct rn_buffer *out, unsigned status, struct rn_bytes fields,
                                  const char *media_type, uint64_t body_bytes,
                                  struct rn_client client);

/* Appends {"error":{"type":"reenact_gateway","message":SENTENCE}} and a line end. */
enum rn_status rn_answer_own_error(struct rn_buffer *out, const char *sentence);

#endif
