/*
 * What whoever started us meant for the command: descriptors beyond 2, how many there may be, and how some signals are dealt
 * with.
 *
 * Like env(1) we stand between the two, so what we were given passes through, and nothing of our own does.
 */
#ifndef RN_GATEWAY_INHERITED_H
#define RN_GATEWAY_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * At the very beginning of a program, before it opens anything or sets a signal: remembers what is there. Without it nothing
 * beyond 0, 1 and 2 is inherited. A descriptor above 4095 is not.
 */
void rn_inherited_note(void);

/*
 * In a child before exec: closes every descriptor but 0, 1, 2, those that were inherited, and the `count` of `kept`. False
 * where the kernel refused. Allocates nothing.
 */
bool rn_inherited_close_others(const int *kept, size_t count);

/* In a child before exec: SIGPIPE, SIGXFSZ and SIGCHLD, which we set for ourselves, are ignored again or not. */
void rn_inherited_signals(void);

/* In a child before exec: the limit of open files, which the gateway raises, is what it was. */
void rn_inherited_limits(void);

#endif
