/*
 * A pseudo-terminal: a terminal of our own making for a command that is to have one. Private to gateway/.
 *
 * What a terminal does to bytes on their way (echo, line ends, lines of input) are its manners: they decide what comes out, so
 * a recording keeps them and a replay gives them back. Which key erases or interrupts does not; it is taken over from a terminal
 * at hand.
 */
#ifndef RN_GATEWAY_PTY_H
#define RN_GATEWAY_PTY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* The manners of a terminal, as bits that stand for the flags of termios(3) on any machine. Their numbers are stored. */
enum rn_pty_manner {
    RN_PTY_ICANON = 1,
    RN_PTY_ECHO = 2,
    RN_PTY_ISIG = 4,
    RN_PTY_OPOST = 8,
    RN_PTY_ONLCR = 16,
    RN_PTY_XTABS = 32,
    RN_PTY_ICRNL = 64,
    RN_PTY_IUTF8 = 128,
    RN_PTY_ECHOE = 256,
    RN_PTY_ECHOK = 512,
    RN_PTY_ECHOCTL = 1024,
    RN_PTY_ECHOKE = 2048,
    RN_PTY_IEXTEN = 4096,
    RN_PTY_IXON = 8192
};
/* Of a terminal nobody has changed. */
#define RN_PTY_MANNERS_USUAL                                                                       \
    ((unsigned)(RN_PTY_ICANON | RN_PTY_ECHO | RN_PTY_ISIG | RN_PTY_OPOST | RN_PTY_ONLCR |          \
                RN_PTY_ICRNL | RN_PTY_IUTF8 | RN_PTY_ECHOE | RN_PTY_ECHOK | RN_PTY_ECHOCTL |       \
                RN_PTY_ECHOKE | RN_PTY_IEXTEN | RN_PTY_IXON))

/* Those of the terminal `descriptor`; the usual ones when it cannot be asked. */
unsigned rn_pty_manners(int descriptor);

/*
 * Opens a pair, both ends closed by exec, ours (`master`) without blocking. Keys are those of the terminal `keys_of`, or the usual
 * ones with -1. RN_IO with a sentence when there is none to be had (errno set): then both are -1.
 */
enum rn_status rn_pty_open(unsigned manners, int keys_of, int *master, int *slave,
                           struct rn_error *error);

/* Either end; 0 and 0 are no size. Whoever has the terminal in the foreground gets SIGWINCH when it changed. */
void rn_pty_resize(int descriptor, uint16_t rows, uint16_t columns);
/* False: it is no terminal, or knows no size. */
bool rn_pty_size(int descriptor, uint16_t *rows, uint16_t *columns);

#endif
