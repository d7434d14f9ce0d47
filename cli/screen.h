/*
 * The terminal we may be writing to: whether it takes colour, how wide it is, and a progress line.
 * ("terminal" is a word of wire/ already: the event that ends a stream.)
 */
#ifndef RN_CLI_SCREEN_H
#define RN_CLI_SCREEN_H

#include <stdio.h>

#include "base/buffer.h"

struct rn_screen {
    bool is_terminal;
    bool colour;    /* a terminal, TERM is not "dumb", NO_COLOR is unset or empty */
    unsigned width; /* columns: $COLUMNS, else the terminal's; 0 where there is no limit */
};

/* What `stream` is. Pure reading: no mode of the terminal is changed, ever. */
struct rn_screen rn_screen_of(FILE *stream);

enum rn_paint {
    RN_PAINT_NONE,
    RN_PAINT_DIM,
    RN_PAINT_BOLD,
    RN_PAINT_RED,
    RN_PAINT_GREEN,
    RN_PAINT_YELLOW,
    RN_PAINT_CYAN
};

/* Appends `text`, painted where `colour`. The text must be printable already. */
enum rn_status rn_screen_paint(struct rn_buffer *out, bool colour, enum rn_paint paint,
                               struct rn_bytes text);

/*
 * One line on stderr that is overwritten by the next; nothing at all unless stderr is a terminal. rn_screen_progress_end takes it
 * away and must come before anything else is written there.
 */
void rn_screen_progress(const char *text);
void rn_screen_progress_end(void);

/*
 * Ends the line a command left open, so that ours on stderr begins at the margin. `open` says whether what it printed last was
 * no end of a line, `open_on_stderr` the same of stderr alone: the first counts where both streams go to one place.
 */
void rn_screen_fresh_line(bool open, bool open_on_stderr);

/* Writes `out` to `stream` and empties it. False when the stream has failed. */
bool rn_screen_put(FILE *stream, struct rn_buffer *out);

#endif
