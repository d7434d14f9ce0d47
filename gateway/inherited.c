/* Remembers the state of the process at its beginning. It declines to know what anything of it is for. */
#include "inherited.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#define NUMBERS_MAX 4096u

static const int set_by_us[] = {SIGPIPE, SIGXFSZ, SIGCHLD};
#define SIGNALS (sizeof set_by_us / sizeof set_by_us[0])

static uint8_t is_inherited[NUMBERS_MAX]; /* by number of descriptor */
static bool was_ignored[SIGNALS];
static struct rlimit descriptors;
static bool is_limit_known;

/* poll tells of many descriptors at once whether they are open; of more than there may be it refuses to. */
void rn_inherited_note(void)
{
    struct pollfd polled[NUMBERS_MAX];
    descriptors.rlim_cur = NUMBERS_MAX;
    is_limit_known = getrlimit(RLIMIT_NOFILE, &descriptors) == 0;
    nfds_t count = descriptors.rlim_cur < NUMBERS_MAX ? (nfds_t)descriptors.rlim_cur : NUMBERS_MAX;
    for (nfds_t i = 0; i < count; i++) {
        polled[i] = (struct pollfd){.fd = (int)i};
    }
    if (poll(polled, count, 0) < 0) {
        count = 0;
    }
    for (nfds_t i = STDERR_FILENO + 1; i < count; i++) {
        is_inherited[i] =
            (polled[i].revents & POLLNVAL) == 0 && fcntl((int)i, F_GETFD) == 0; /* no FD_CLOEXEC */
    }
    for (size_t i = 0; i < SIGNALS; i++) {
        struct sigaction found = {.sa_handler = SIG_DFL};
        was_ignored[i] = sigaction(set_by_us[i], NULL, &found) == 0 && found.sa_handler == SIG_IGN;
    }
}

static bool is_kept(unsigned number, const int *kept, size_t count)
{
    if (number < NUMBERS_MAX && is_inherited[number] != 0) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (kept[i] == (int)number) {
            return true;
        }
    }
    return false;
}

bool rn_inherited_close_others(const int *kept, size_t count)
{
    unsigned first = STDERR_FILENO + 1; /* of those that are to be closed next */
    unsigned end = NUMBERS_MAX;
    for (size_t i = 0; i < count; i++) {
        end = kept[i] >= (int)end ? (unsigned)kept[i] + 1 : end;
    }
    for (unsigned number = first; number < end; number++) {
        if (is_kept(number, kept, count)) {
            if (number > first && close_range(first, number - 1, 0) != 0) {
                return false;
            }
            first = number + 1;
        }
    }
    return close_range(first, ~0u, 0) == 0;
}

void rn_inherited_signals(void)
{
    for (size_t i = 0; i < SIGNALS; i++) {
        (void)signal(set_by_us[i], was_ignored[i] ? SIG_IGN : SIG_DFL);
    }
}

void rn_inherited_limits(void)
{
    if (is_limit_known) {
        (void)setrlimit(RLIMIT_NOFILE, &descriptors);
    }
}
