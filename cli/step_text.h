/*
 * One step of a trace in the words of a line: what kind it is, who was asked for what, and what was said. For `show` and `diff`.
 */
#ifndef RN_CLI_STEP_TEXT_H
#define RN_CLI_STEP_TEXT_H

#include "base/buffer.h"
#include "replayer/steps.h"

/* "decision", "model", "retrieval", "tool", "run", "gap", ...; static. */
const char *rn_step_kind(const struct rn_step *step);

/* Whether it is no ordinary end: an error of the upstream or the tool, a cut, an event that cannot be read. */
bool rn_step_is_failed(const struct rn_step *step);

/* "gpt-4.1 1904>31 tok 0.9 s", "qdrant policies 12 ms", "get_order (as told to 5)": printable, at most `columns` wide. RN_NOMEM. */
enum rn_status rn_step_what(struct rn_buffer *out, const struct rn_step *step, size_t columns);

/*
 * What is out of the ordinary in a word or two, then what was said: `asks get_order({"id":88231})`, `"30 days ..."`, documents with
 * their scores. Recorded text as it is, each part cut at some hundred bytes: make it printable before it is shown. RN_NOMEM.
 */
enum rn_status rn_step_said(struct rn_buffer *out, const struct rn_step *step);

/* Credentials that were taken out of what the line is made of: bodies and the target. */
uint32_t rn_step_redactions(const struct rn_step *step);

#endif
