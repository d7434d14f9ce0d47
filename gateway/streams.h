/*
 * What stdin, stdout and stderr of a command are: read off ours, stored with a run, given to a command again.
 * Pure but for looking at descriptors.
 */
#ifndef RN_GATEWAY_STREAMS_H
#define RN_GATEWAY_STREAMS_H

#include "base/buffer.h"

struct rn_streams {
    char kinds[3]; /* as rn_streams_kind says */
    uint8_t
        same[3]; /* the lowest stream that is the same terminal; a stream's own number elsewhere */
    uint16_t rows; /* of the first terminal among them, 0: unknown */
    uint16_t columns;
    unsigned manners; /* of that terminal: enum rn_pty_manner */
};

/* 't' terminal, 'p' pipe, 'f' file, 'n' the null device, 's' socket, 'c' another device, '-' closed. */
char rn_streams_kind(int descriptor);
/*
 * At the very beginning of a program: what of 0, 1 and 2 is closed is opened so that nothing of ours gets its number, but neither
 * read from nor written to, and is '-' from then on.
 */
void rn_streams_fill(void);
/* What 0, 1 and 2 are now. The manners are the usual ones while the terminal is another job's. */
struct rn_streams rn_streams_ours(void);
/* The lowest stream that is a terminal, or -1. */
int rn_streams_terminal(const struct rn_streams *of);

/* The fields RN_TAG_STDIO (with TERM, NULL: none) and RN_TAG_STREAMS of docs/format.md. RN_NOMEM. */
enum rn_status rn_streams_put(const struct rn_streams *of, const char *term, struct rn_buffer *out);
enum rn_status rn_streams_put_same(const struct rn_streams *of, struct rn_buffer *out);
/*
 * Both fields of a recorded run. *term lies in `field`. False for a run that was not given these kinds (no `streams`), and for
 * what no recorder writes.
 */
bool rn_streams_get(struct rn_bytes field, struct rn_bytes streams, struct rn_streams *out,
                    struct rn_bytes *term);

#endif
