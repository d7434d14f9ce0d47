/*
 * What a model call brought that was not said before (wire/talk.h), in lines for a terminal.
 */
#ifndef RN_CLI_TALK_H
#define RN_CLI_TALK_H

#include "screen.h"
#include "wire/talk.h"

/*
 * Appends the lines for one call: what is new in the request (">"), the answer ("<"), and a line with model, tokens and finish.
 * Each is `indent` blanks in and at most `width` columns wide.
 */
enum rn_status rn_talk_lines(struct rn_buffer *out, const struct rn_screen *screen, size_t indent,
                             size_t width, const struct rn_reading *reading,
                             const struct rn_talk_news *news);

#endif
