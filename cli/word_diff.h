/* Two texts as one, word by word: what was removed as [-this-], what was added as {+this+}. */
#ifndef RN_CLI_WORD_DIFF_H
#define RN_CLI_WORD_DIFF_H

#include "base/buffer.h"
#include "screen.h"

/* Appends it, made printable and coloured on a terminal; long stretches that are the same are shortened in the middle. RN_NOMEM. */
enum rn_status rn_word_diff(struct rn_buffer *out, const struct rn_screen *screen,
                            struct rn_bytes a, struct rn_bytes b);

#endif
