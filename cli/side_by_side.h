/* Two texts in two columns, each folded at blanks to half the width. */
#ifndef RN_CLI_SIDE_BY_SIDE_H
#define RN_CLI_SIDE_BY_SIDE_H

#include "base/buffer.h"
#include "screen.h"

/*
 * Appends the texts, made printable, `left` first. Each line is `indent` blanks in and at most `width` columns wide, with " | "
 * between the columns; what is longer than `lines` lines ends in "...". Widths are a terminal's (printable.h). RN_NOMEM.
 */
enum rn_status rn_side_by_side(struct rn_buffer *out, const struct rn_screen *screen, size_t indent,
                               size_t width, size_t lines, struct rn_bytes left,
                               struct rn_bytes right);

#endif
