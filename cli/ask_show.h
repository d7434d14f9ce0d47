/* What `reenact ask` found, on a terminal: cmd_ask.c asks, this tells. */
#ifndef RN_CLI_ASK_SHOW_H
#define RN_CLI_ASK_SHOW_H

#include "replayer/ask.h"
#include "screen.h"

enum rn_status rn_ask_show(struct rn_buffer *out, const struct rn_screen *screen,
                           const struct rn_ask_outcome *outcome);
/* "all", "none", "some": how many of those asked said what is recorded; "unknown" where nothing can be said. Static. */
const char *rn_ask_word(const struct rn_ask_outcome *outcome);

#endif
