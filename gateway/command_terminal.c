/*
 * Our own terminal beside the pseudo-terminal COMMAND has: keys, size, modes, and the stops and continuations of both.
 *
 * In come keys, signals and what the monitor says; out go keys to COMMAND and words to its monitor. Ours is raw only while
 * COMMAND reads its own: another program of the same pipeline may read keys as well, and a program that asks for none leaves
 * ours alone. So COMMAND begins in the background of its terminal where stdin or stdout is something else, and is stopped by
 * the kernel when it wants to read; then we go raw and let it go on. Whatever ends us restores ours: a crash by the handler
 * below, a kill -9 by the monitor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "command_internal.h"
#include "pty.h"

#define KEYS_BYTES ((size_t)4096)
#define ENDS_NS (UINT64_C(20) * 1000000) /* between two looks at whether an end was read */

/* --- a crash of ours ----------------------------------------------------------------------------------------------- */

static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#define CRASHES (sizeof crashes / sizeof crashes[0])

static struct {
    volatile sig_atomic_t descriptor;
    struct termios before;
    struct sigaction actions[CRASHES];
} in_danger = {.descriptor = -1};

/* Calls nothing but what a handler may. It comes again, to whoever dealt with it before. */
static void on_crash(int number)
{
    if (in_danger.descriptor >= 0) {
        (void)tcsetattr((int)in_danger.descriptor, TCSANOW, &in_danger.before);
    }
    for (size_t i = 0; i < CRASHES; i++) {
        if (crashes[i] == number) {
            (void)sigaction(number, &in_danger.actions[i], NULL);
        }
    }
    (void)raise(number);
}

static void watch_for_crashes(const struct rn_terminal *terminal)
{
    struct sigaction action = {.sa_handler = on_crash};
    in_danger.before = terminal->before;
    (void)sigemptyset(&action.sa_mask);
    if (in_danger.descriptor < 0) {
        for (size_t i = 0; i < CRASHES; i++) {
            (void)sigaction(crashes[i], &action, &in_danger.actions[i]);
        }
    }
    in_danger.descriptor = terminal->own;
}

static void forget_crashes(void)
{
    if (in_danger.descriptor >= 0) {
        in_danger.descriptor = -1;
        for (size_t i = 0; i < CRASHES; i++) {
            (void)sigaction(crashes[i], &in_danger.actions[i], NULL);
        }
    }
}

/* --- ours ---------------------------------------------------------------------------------------------------------- */

/* A terminal that is not our controlling one does not know of foreground: then nobody hinders us. */
static bool we_are_in_front(const struct rn_terminal *terminal)
{
    pid_t front = tcgetpgrp(terminal->own);
    return front < 0 || front == getpgrp();
}

static void steer_keys(struct rn_terminal *terminal)
{
    if (terminal->keys != NULL) {
        rn_watch_set(terminal->keys, terminal->raw && terminal->rest.len == 0, false);
    }
    if (terminal->writable != NULL) {
        rn_watch_set(terminal->writable, false, terminal->rest.len > 0);
    }
}

static void go_raw(struct rn_terminal *terminal)
{
    struct termios raw;
    if (!terminal->raw && tcgetattr(terminal->own, &terminal->before) != 0) {
        return;
    }
    raw = terminal->before;
    cfmakeraw(&raw);
    watch_for_crashes(terminal);
    terminal->raw = tcsetattr(terminal->own, TCSANOW, &raw) == 0;
    steer_keys(terminal);
}

void rn_terminal_restore(struct rn_terminal *terminal)
{
    if (terminal->raw) {
        (void)tcsetattr(terminal->own, TCSANOW, &terminal->before);
        terminal->raw = false;
        forget_crashes();
        steer_keys(terminal);
    }
}

/* Stdin where it is a terminal, else another stream that can be read. */
static int choose_own(void)
{
    for (int i = 0; i < 3; i++) {
        int flags = fcntl(i, F_GETFL);
        if (flags >= 0 && (flags & O_ACCMODE) != O_WRONLY && isatty(i) == 1) {
            return i;
        }
    }
    return -1;
}

void rn_terminal_choose(struct rn_terminal *terminal, const struct rn_command_settings *settings)
{
    const struct rn_streams *streams = settings->streams;
    terminal->own = terminal->master = terminal->slave = -1;
    if (streams == NULL || rn_streams_terminal(streams) < 0) {
        return;
    }
    bool is_typed = streams->kinds[0] != 't' || settings->stdin_mode == RN_STDIN_INHERIT;
    terminal->own = is_typed ? choose_own() : -1;
    if (terminal->own >= 0 && tcgetattr(terminal->own, &terminal->before) != 0) {
        terminal->own = -1;
    }
    bool is_whole = streams->kinds[0] == 't' && streams->kinds[1] == 't' && streams->same[1] == 0;
    terminal->eager = is_whole && (terminal->own < 0 || we_are_in_front(terminal));
    terminal->follows = !settings->fixed_size;
}

/* --- keys ---------------------------------------------------------------------------------------------------------- */

static void say(const struct rn_command *command, enum rn_monitor_word word, int number)
{
    (void)rn_monitor_say(command->control, word, number);
}

static void flush_keys(struct rn_terminal *terminal)
{
    while (terminal->rest.len > 0) {
        ssize_t put = write(terminal->master, terminal->rest.data, terminal->rest.len);
        if (put >= 0) {
            terminal->rest = rn_bytes_from(terminal->rest, (size_t)put);
        } else if (rn_command_must_wait(errno)) {
            break;
        } else {
            terminal->rest = rn_bytes_of(NULL, 0);
        }
    }
    steer_keys(terminal);
}

static void lose_own(struct rn_terminal *terminal)
{
    struct rn_command *command = terminal->command;
    rn_watch_free(terminal->keys);
    terminal->keys = NULL;
    rn_terminal_restore(terminal);
    say(command, RN_MONITOR_GROUP, SIGHUP);
}

static void on_keys(void *self, bool readable, bool writable)
{
    struct rn_terminal *terminal = self;
    (void)readable;
    (void)writable;
    if (terminal->rest.len > 0 || !rn_command_is_ready(terminal->own, POLLIN)) {
        return;
    }
    ssize_t got = read(terminal->own, terminal->queue.data, KEYS_BYTES);
    if (got > 0) {
        terminal->rest = rn_bytes_of(terminal->queue.data, (size_t)got);
        flush_keys(terminal);
    } else if (got == 0 || !rn_command_must_wait(errno)) {
        if (we_are_in_front(terminal)) {
            lose_own(terminal); /* the line was cut */
            return;
        }
        terminal->raw = false; /* whoever is in front has it as he likes */
        forget_crashes();
        steer_keys(terminal);
        terminal->foreground = false;
        say(terminal->command, RN_MONITOR_BACKGROUND, 0);
    }
}

static void on_master_writable(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    flush_keys(self);
}

/* --- ends of file where nobody types ------------------------------------------------------------------------------- */

/* An end that waits makes the other side readable; one that was read does not. */
static void give_end(struct rn_terminal *terminal)
{
    struct termios now;
    uint8_t key = 4;
    bool is_known = tcgetattr(terminal->master, &now) == 0;
    if (is_known) {
        key = now.c_cc[VEOF];
    }
    terminal->ends_read = terminal->ends;
    if (write(terminal->master, &key, 1) == 1) {
        terminal->ends++;
        terminal->key_ends += is_known && (now.c_lflag & ICANON) == 0;
    }
}

/* It will not take an end for an end. A line that is cut is one for everybody, or else there are signals. */
static void insist(struct rn_terminal *terminal)
{
    if (terminal->master >= 0) {
        rn_command_io_hang_up(terminal->command);
        terminal->last_word = SIGTERM;
    } else {
        say(terminal->command, RN_MONITOR_GROUP, terminal->last_word);
        say(terminal->command, RN_MONITOR_SIGNAL, terminal->last_word);
        terminal->last_word = SIGKILL;
    }
    rn_timer_start(terminal->timer, (uint64_t)RN_COMMAND_GRACE_MS * 1000000);
}

static void on_ends(void *self)
{
    struct rn_terminal *terminal = self;
    if (terminal->ends > RN_TERMINAL_ENDS_MAX || terminal->key_ends > RN_TERMINAL_KEY_ENDS_MAX) {
        insist(terminal);
        return;
    }
    if (!rn_command_is_ready(terminal->slave, POLLIN)) {
        give_end(terminal);
    }
    rn_timer_start(terminal->timer, ENDS_NS);
}

static void begin_ends(struct rn_terminal *terminal)
{
    if (terminal->ends == 0) {
        rn_timer_start(terminal->timer, 0);
    }
}

/* --- size ---------------------------------------------------------------------------------------------------------- */

static void copy_size(struct rn_command *command)
{
    uint16_t rows;
    uint16_t columns;
    for (size_t i = 0; i < 3 && command->terminal.follows; i++) {
        const struct rn_outlet *outlet = &command->outlets[i];
        if (outlet->is_terminal && outlet->pipe >= 0 &&
            rn_pty_size(outlet->target, &rows, &columns)) {
            rn_pty_resize(outlet->pipe, rows, columns);
        }
    }
    if (command->terminal.follows) {
        say(command, RN_MONITOR_RESIZED, 0);
    }
}

/* --- stops --------------------------------------------------------------------------------------------------------- */

/*
 * Stops us and our process group, as a key does, until we are continued. False: nobody is there to continue us (the group is
 * orphaned, or the signal is ignored), so the kernel did not stop us.
 */
static bool stop_with(int number)
{
    const struct timespec at_once = {0};
    sigset_t one;
    sigset_t continued;
    (void)sigemptyset(&one);
    (void)sigaddset(&one, number);
    (void)sigemptyset(&continued);
    (void)sigaddset(&continued, SIGCONT);
    (void)kill(0, number);
    (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL); /* here we stand still */
    (void)pthread_sigmask(SIG_BLOCK, &one, NULL);
    return sigtimedwait(&continued, NULL, &at_once) == SIGCONT;
}

/* We go on, in front or not, and COMMAND as it had its terminal. */
static void go_on(struct rn_command *command)
{
    struct rn_terminal *terminal = &command->terminal;
    copy_size(command);
    if (!terminal->foreground) {
        say(command, RN_MONITOR_CONTINUE, 0);
    } else if (terminal->own < 0 || we_are_in_front(terminal)) {
        if (terminal->own >= 0) {
            go_raw(terminal);
        }
        say(command, RN_MONITOR_FOREGROUND, 0);
    } else {
        terminal->raw = false; /* it is somebody else's now */
        forget_crashes();
        terminal->foreground = false;
        steer_keys(terminal);
        say(command, RN_MONITOR_BACKGROUND, 0);
    }
}

/* COMMAND wants to read its terminal, or to change it. */
static void give_terminal(struct rn_command *command)
{
    struct rn_terminal *terminal = &command->terminal;
    bool is_ours = terminal->own < 0 || we_are_in_front(terminal);
    if (!is_ours && stop_with(SIGTTIN)) {
        is_ours = we_are_in_front(terminal);
        if (!is_ours) {
            say(command, RN_MONITOR_CONTINUE, 0); /* it asks again, and so do we */
            return;
        }
    }
    terminal->foreground = true;
    if (terminal->own >= 0 && is_ours) {
        go_raw(terminal);
    } else {
        begin_ends(terminal);
    }
    say(command, RN_MONITOR_FOREGROUND, 0);
}

void rn_terminal_stopped(struct rn_command *command, int number)
{
    struct rn_terminal *terminal = &command->terminal;
    rn_command_io_catch_up(command); /* it is seen before anybody stands still */
    if (!terminal->foreground && (number == SIGTTIN || number == SIGTTOU)) {
        give_terminal(command);
        return;
    }
    rn_terminal_restore(terminal);
    (void)stop_with(number == SIGTTIN || number == SIGTTOU ? number : SIGTSTP);
    go_on(command);
}

/* --- signals ------------------------------------------------------------------------------------------------------- */

bool rn_terminal_signal(struct rn_command *command, const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;
    switch (number) {
    case SIGWINCH:
        copy_size(command);
        return true;
    case SIGCONT:
        if (command->terminal.foreground) {
            go_on(command);
        }
        return true;
    case SIGTSTP:
        say(command, RN_MONITOR_GROUP, SIGTSTP);
        return true;
    case SIGTTIN:
    case SIGTTOU:
        return true;
    case SIGINT:
    case SIGQUIT:
        /* By a key at ours while it was not raw: the group that would have got it has another terminal. */
        if (info->ssi_code == SI_KERNEL) {
            say(command, RN_MONITOR_GROUP, number);
            return true;
        }
        return false;
    default:
        return false;
    }
}

/* --- beginning and end --------------------------------------------------------------------------------------------- */

static bool start_keys(struct rn_command *command)
{
    struct rn_terminal *terminal = &command->terminal;
    if (rn_buffer_reserve(&terminal->queue, KEYS_BYTES) != RN_OK) {
        return false;
    }
    terminal->keys = rn_watch_new(command->loop, terminal->own, on_keys, terminal);
    terminal->writable =
        rn_watch_new(command->loop, terminal->master, on_master_writable, terminal);
    return terminal->keys != NULL && terminal->writable != NULL;
}

bool rn_terminal_start(struct rn_command *command)
{
    struct rn_terminal *terminal = &command->terminal;
    if (terminal->master < 0) {
        return true;
    }
    terminal->timer = rn_timer_new(command->loop, on_ends, terminal);
    if (terminal->timer == NULL || (terminal->own >= 0 && !start_keys(command))) {
        return false;
    }
    terminal->foreground = terminal->eager;
    if (terminal->eager && terminal->own >= 0) {
        go_raw(terminal);
    }
    return true;
}

void rn_terminal_begin(struct rn_command *command)
{
    struct rn_terminal *terminal = &command->terminal;
    if (terminal->master < 0) {
        return;
    }
    copy_size(command); /* it may have changed since the fork */
    if (terminal->eager && terminal->own < 0) {
        begin_ends(terminal);
    }
}

static void close_one(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

void rn_terminal_rest(struct rn_terminal *terminal)
{
    rn_watch_free(terminal->keys);
    terminal->keys = NULL;
    if (terminal->timer != NULL) {
        rn_timer_stop(terminal->timer);
    }
}

void rn_terminal_hang_up(struct rn_terminal *terminal)
{
    rn_terminal_restore(terminal);
    if (terminal->slave >= 0 && !rn_command_is_ready(terminal->slave, POLLIN)) {
        terminal->ends_read = terminal->ends; /* the last one was read since we looked */
    }
    rn_watch_free(terminal->keys);
    rn_watch_free(terminal->writable);
    terminal->keys = terminal->writable = NULL;
    rn_buffer_free(&terminal->queue);
    terminal->rest = rn_bytes_of(NULL, 0);
    close_one(&terminal->master);
    close_one(&terminal->slave);
}

void rn_terminal_end(struct rn_command *command)
{
    rn_terminal_hang_up(&command->terminal);
    rn_timer_free(command->terminal.timer);
    command->terminal.timer = NULL;
}
