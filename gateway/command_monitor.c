/*
 * Who leads the session of a COMMAND that has a terminal of our making.
 *
 * COMMAND itself must not: a process group that nobody in its session looks after is never stopped by a key, and when the
 * leader of a session ends, what was written to its terminal and not read yet is lost. So the waiting child stays, as the shell
 * of a session with one job: it says when COMMAND stops or ends, gives it its terminal and takes it away, and ends when the
 * other side of its socket is closed. If that happened because we were killed, it ends COMMAND as a terminal that goes away
 * does, and restores ours. It declines to read or write a byte of any stream.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command_internal.h"
#include "inherited.h"

struct monitor {
    const struct rn_child_wiring *wiring;
    pid_t command; /* its group as well */
    bool ended;    /* reaped: its number may be another's */
    int children;  /* signalfd */
};

bool rn_monitor_say(int control, enum rn_monitor_word word, int number)
{
    struct rn_monitor_message message = {(int)word, number};
    ssize_t sent;
    do {
        sent = send(control, &message, sizeof message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == sizeof message;
}

bool rn_monitor_lead(const struct rn_child_wiring *wiring)
{
    return setsid() >= 0 && ioctl(wiring->terminal, TIOCSCTTY, 0) == 0;
}

/* --- its work ------------------------------------------------------------------------------------------------------ */

/* Our streams are COMMAND's: it is to see their ends. */
static bool keep_nothing(struct monitor *monitor)
{
    sigset_t children;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++) {
        (void)(null >= 0 ? dup2(null, i) : close(i));
    }
    (void)close(monitor->wiring->go);
    (void)close(monitor->wiring->failure);
    (void)sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    monitor->children = signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
    return monitor->children >= 0;
}

/* The group that reads the terminal, if that is not us. */
static pid_t group_in_front(const struct monitor *monitor)
{
    pid_t front = tcgetpgrp(monitor->wiring->terminal);
    return front > 0 && front != getpgrp() ? front : monitor->command;
}

static void give_terminal(const struct monitor *monitor)
{
    if (group_in_front(monitor) == monitor->command) {
        (void)tcsetpgrp(monitor->wiring->terminal, monitor->command);
    }
}

static void look_at_command(struct monitor *monitor)
{
    struct signalfd_siginfo info;
    int status;
    while (read(monitor->children, &info, sizeof info) == sizeof info) {
    }
    while (!monitor->ended &&
           waitpid(monitor->command, &status, WNOHANG | WUNTRACED) == monitor->command) {
        if (WIFSTOPPED(status)) {
            (void)rn_monitor_say(monitor->wiring->control, RN_MONITOR_STOPPED, WSTOPSIG(status));
            continue;
        }
        monitor->ended = true;
        /* What it left behind is not hung up on with us. */
        (void)tcsetpgrp(monitor->wiring->terminal, getpgrp());
        (void)rn_monitor_say(monitor->wiring->control, RN_MONITOR_ENDED, status);
    }
}

static void obey(const struct monitor *monitor, const struct rn_monitor_message *message)
{
    pid_t command = monitor->command;
    switch (message->word) {
    case RN_MONITOR_SIGNAL:
        (void)kill(command, message->number);
        break;
    case RN_MONITOR_GROUP:
        (void)kill(-group_in_front(monitor), message->number);
        break;
    case RN_MONITOR_FOREGROUND:
        give_terminal(monitor);
        (void)kill(-command, SIGCONT);
        break;
    case RN_MONITOR_BACKGROUND:
        (void)tcsetpgrp(monitor->wiring->terminal, getpgrp());
        (void)kill(-command, SIGCONT);
        break;
    case RN_MONITOR_CONTINUE:
        (void)kill(-command, SIGCONT);
        break;
    case RN_MONITOR_RESIZED: /* the kernel tells the group in the foreground */
        if (tcgetpgrp(monitor->wiring->terminal) == getpgrp()) {
            (void)kill(-command, SIGWINCH);
        }
        break;
    default:
        break;
    }
}

/* --- its end ------------------------------------------------------------------------------------------------------- */

static bool is_as_we_left_it(const struct termios *now, const struct termios *before)
{
    struct termios raw = *before;
    cfmakeraw(&raw);
    return now->c_iflag == raw.c_iflag && now->c_oflag == raw.c_oflag &&
           now->c_lflag == raw.c_lflag && memcmp(now->c_cc, raw.c_cc, sizeof raw.c_cc) == 0;
}

/* We are gone. Whoever has our terminal now may have made it his own, and then it is left alone. */
static void restore_own(const struct rn_child_wiring *wiring)
{
    struct termios now;
    if (wiring->own >= 0 && tcgetattr(wiring->own, &now) == 0 &&
        is_as_we_left_it(&now, &wiring->before)) {
        (void)tcsetattr(wiring->own, TCSANOW, &wiring->before);
    }
}

static _Noreturn void leave(const struct monitor *monitor)
{
    restore_own(monitor->wiring);
    if (!monitor->ended) {
        (void)kill(-monitor->command, SIGHUP);
        (void)kill(-monitor->command, SIGCONT);
    }
    _exit(0);
}

static _Noreturn void watch_over(struct monitor *monitor)
{
    if (!keep_nothing(monitor)) {
        (void)kill(monitor->command, SIGKILL);
        leave(monitor);
    }
    (void)rn_monitor_say(monitor->wiring->control, RN_MONITOR_BEGUN, (int)monitor->command);
    look_at_command(monitor);
    for (;;) {
        struct pollfd both[] = {{.fd = monitor->wiring->control, .events = POLLIN},
                                {.fd = monitor->children, .events = POLLIN}};
        (void)poll(both, 2, -1);
        if (both[1].revents != 0) {
            look_at_command(monitor);
        }
        if (both[0].revents != 0) {
            struct rn_monitor_message message;
            ssize_t got = recv(monitor->wiring->control, &message, sizeof message, MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
                leave(monitor);
            }
            if (got == sizeof message && !monitor->ended) {
                obey(monitor, &message);
            }
        }
    }
}

/* Both sides do what must have been done before either goes on. */
static void begin_group(pid_t command, const struct rn_child_wiring *wiring)
{
    (void)setpgid(command, command);
    if (wiring->foreground) {
        (void)tcsetpgrp(wiring->terminal, command);
    }
}

bool rn_monitor_split(const struct rn_child_wiring *wiring)
{
    sigset_t all;
    sigset_t given;
    /* Nothing ends or stops a monitor but us: SIGTTOU least of all. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &given);
    (void)signal(SIGCHLD, SIG_DFL);
    pid_t pid = fork();
    if (pid > 0) {
        struct monitor monitor = {.wiring = wiring, .command = pid};
        begin_group(pid, wiring);
        watch_over(&monitor);
    }
    if (pid == 0) {
        begin_group(getpid(), wiring);
    }
    int cause = errno;
    rn_inherited_signals();
    (void)sigprocmask(SIG_SETMASK, &given, NULL);
    errno = cause;
    return pid == 0;
}
