/*
 * From a call to the canonical fields of its event. Private to recorder/.
 */
#ifndef RN_RECORDER_COMPOSE_H
#define RN_RECORDER_COMPOSE_H

#include "call.h"

/* Takes what is to be kept of the request into the call; request memory itself is taken over by the caller afterwards. */
enum rn_status rn_compose_request(struct rn_call *call, const struct rn_request *request);
/* Fills part->pending.entry.event with what this entry carries of the event. Small fields live in part->small. */
void rn_compose_entry(struct rn_call *call, struct rn_part *part, enum rn_entry_kind kind);
/*
 * The head this client is sent for the upstream's, into the call's answer fields. What an application says of itself in
 * x-reenact-... fields is kept as labels and not passed on. As rn_answer_compose.
 */
enum rn_status rn_compose_answer(struct rn_call *call, struct rn_bytes head);
/* A head and a JSON body of our own, in the call's answer fields and `body`. */
enum rn_status rn_compose_refusal(struct rn_call *call, unsigned status, const char *sentence,
                                  struct rn_buffer *body);
/* The detector of last units for the answer's media type; NULL for none, or a coded body. */
struct rn_terminal *rn_compose_terminal(struct rn_call *call);

/* The event that marks a call as late; its bytes are kept in `bytes`. RN_NOMEM. */
enum rn_status rn_compose_mark(const struct rn_call *call, struct rn_buffer *bytes,
                               struct rn_event *out);

#endif
