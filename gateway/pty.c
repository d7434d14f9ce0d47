/* Pseudo-terminals. In: manners, a size. Out: two descriptors. It declines to know who is at either end. */
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Where a manner stands in termios. */
static const struct manner {
    enum rn_pty_manner manner;
    tcflag_t flag;
    enum { INPUT, OUTPUT, LOCAL } where;
} manners_of_termios[] = {
    {RN_PTY_ICANON, ICANON, LOCAL},   {RN_PTY_ECHO, ECHO, LOCAL},
    {RN_PTY_ISIG, ISIG, LOCAL},       {RN_PTY_OPOST, OPOST, OUTPUT},
    {RN_PTY_ONLCR, ONLCR, OUTPUT},    {RN_PTY_XTABS, XTABS, OUTPUT},
    {RN_PTY_ICRNL, ICRNL, INPUT},     {RN_PTY_IUTF8, IUTF8, INPUT},
    {RN_PTY_ECHOE, ECHOE, LOCAL},     {RN_PTY_ECHOK, ECHOK, LOCAL},
    {RN_PTY_ECHOCTL, ECHOCTL, LOCAL}, {RN_PTY_ECHOKE, ECHOKE, LOCAL},
    {RN_PTY_IEXTEN, IEXTEN, LOCAL},   {RN_PTY_IXON, IXON, INPUT},
};
#define MANNER_COUNT (sizeof manners_of_termios / sizeof manners_of_termios[0])

static tcflag_t *flags_of(struct termios *terminal, const struct manner *manner)
{
    return manner->where == INPUT    ? &terminal->c_iflag
           : manner->where == OUTPUT ? &terminal->c_oflag
                                     : &terminal->c_lflag;
}

unsigned rn_pty_manners(int descriptor)
{
    struct termios terminal;
    unsigned manners = 0;
    if (tcgetattr(descriptor, &terminal) != 0) {
        return RN_PTY_MANNERS_USUAL;
    }
    for (size_t i = 0; i < MANNER_COUNT; i++) {
        const struct manner *one = &manners_of_termios[i];
        bool is_set = (*flags_of(&terminal, one) & one->flag) == one->flag;
        manners |= is_set ? (unsigned)one->manner : 0U;
    }
    return manners;
}

static bool behave(int slave, unsigned manners, int keys_of)
{
    struct termios terminal;
    struct termios other;
    if (tcgetattr(slave, &terminal) != 0) {
        return false;
    }
    if (keys_of >= 0 && tcgetattr(keys_of, &other) == 0) {
        memcpy(terminal.c_cc, other.c_cc, sizeof terminal.c_cc);
    }
    for (size_t i = 0; i < MANNER_COUNT; i++) {
        const struct manner *one = &manners_of_termios[i];
        tcflag_t *flags = flags_of(&terminal, one);
        *flags &= ~one->flag;
        *flags |= (manners & (unsigned)one->manner) != 0 ? one->flag : 0;
    }
    return tcsetattr(slave, TCSANOW, &terminal) == 0;
}

static bool open_both(int *master, int *slave)
{
    char name[64];
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master < 0 || grantpt(*master) != 0 || unlockpt(*master) != 0 ||
        ptsname_r(*master, name, sizeof name) != 0) {
        return false;
    }
    *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return *slave >= 0;
}

enum rn_status rn_pty_open(unsigned manners, int keys_of, int *master, int *slave,
                           struct rn_error *error)
{
    *master = *slave = -1;
    if (open_both(master, slave) && behave(*slave, manners, keys_of) &&
        fcntl(*master, F_SETFL, O_RDWR | O_NONBLOCK) == 0) {
        return RN_OK;
    }
    int cause = errno;
    if (*slave >= 0) {
        (void)close(*slave);
    }
    if (*master >= 0) {
        (void)close(*master);
    }
    *master = *slave = -1;
    errno = cause;
    return rn_fail(error, RN_IO, "no pseudo-terminal could be had: %s", strerror(cause));
}

void rn_pty_resize(int descriptor, uint16_t rows, uint16_t columns)
{
    struct winsize window = {.ws_row = rows, .ws_col = columns};
    (void)ioctl(descriptor, TIOCSWINSZ, &window);
}

bool rn_pty_size(int descriptor, uint16_t *rows, uint16_t *columns)
{
    struct winsize window = {0};
    if (ioctl(descriptor, TIOCGWINSZ, &window) != 0 || window.ws_row == 0) {
        return false;
    }
    *rows = window.ws_row;
    *columns = window.ws_col;
    return true;
}
