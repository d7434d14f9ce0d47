/*
 * Running COMMAND: fork early, release later, pass signals on, notice the end.
 *
 * In come settings, an environment and signals that were meant for it; out go on_output (command_io.c) and on_exit. The
 * descriptors are command_wiring.c, the child's side of the fork command_child.c, terminals command_monitor.c and
 * command_terminal.c. It declines to know why it runs.
 */
#include "command.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "command_internal.h"

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

/* --- preparing ------------------------------------------------------------------------------- */

static void close_one(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

static void take(int *to, int *from)
{
    *to = *from;
    *from = -1;
}

/* Hands our ends over to the command; what is left in `wiring` is the child's. */
static void take_our_ends(struct rn_command *command, struct rn_wiring *wiring)
{
    take(&command->go, &wiring->go);
    take(&command->failure, &wiring->failure);
    take(&command->control, &wiring->control);
    take(&command->inlet.pipe, &wiring->feed);
    take(&command->inlet.file, &wiring->files[0]);
    take(&command->terminal.master, &wiring->keys);
    take(&command->terminal.slave, &wiring->child.terminal);
    for (size_t i = 0; i < 3; i++) {
        struct rn_outlet *outlet = &command->outlets[i];
        take(&outlet->pipe, &wiring->outputs[i]);
        outlet->is_terminal = wiring->is_terminal[i];
        if (i > 0) {
            take(&outlet->file, &wiring->files[i]);
        }
    }
}

/* From here on those signals wait for the signalfd. Before threads are made, so that these inherit it. */
static bool hold_signals(struct rn_command *command)
{
    static const int of_terminal[] = {RN_TERMINAL_SIGNALS};
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        (void)sigaddset(&set, passed_on[i]);
    }
    for (size_t i = 0; i < sizeof of_terminal / sizeof of_terminal[0]; i++) {
        if (command->terminal.own >= 0) {
            (void)sigaddset(&set, of_terminal[i]);
        }
    }
    command->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (command->signals < 0 || !rn_wiring_lift(&command->signals)) {
        return false;
    }
    command->masked = pthread_sigmask(SIG_BLOCK, &set, &command->mask_before) == 0;
    (void)signal(SIGPIPE, SIG_IGN);
    return command->masked;
}

/* Forks. In the child this does not return. */
static enum rn_status fork_child(struct rn_command *command,
                                 const struct rn_command_settings *settings, struct rn_error *error)
{
    struct rn_wiring wiring;
    const struct rn_terminal *terminal = &command->terminal;
    enum rn_status status = rn_wiring_open(&wiring, settings, terminal->own, error);
    if (status == RN_OK) {
        wiring.child.before = terminal->before;
        wiring.child.foreground = terminal->eager;
        command->pid = fork();
        if (command->pid == 0) {
            rn_child_run(settings, &wiring.child);
        }
        status = command->pid > 0 ? RN_OK : RN_IO;
    }
    if (status == RN_OK) {
        take_our_ends(command, &wiring);
        command->command_pid = command->pid;
        command->pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
        status = command->pidfd >= 0 && rn_wiring_lift(&command->pidfd) ? RN_OK : RN_IO;
    }
    rn_wiring_close(&wiring);
    return status;
}

static struct rn_command *command_new(const struct rn_command_settings *settings)
{
    struct rn_command *command = rn_calloc(1, sizeof *command);
    if (command == NULL) {
        return NULL;
    }
    command->pidfd = command->go = command->failure = command->signals = command->control = -1;
    command->terminal.command = command;
    rn_terminal_choose(&command->terminal, settings);
    command->inlet = (struct rn_inlet){.command = command,
                                       .mode = settings->stdin_mode,
                                       .pipe = -1,
                                       .file = -1,
                                       .rest = settings->given};
    for (int i = 0; i < 3; i++) {
        command->outlets[i] = (struct rn_outlet){.command = command,
                                                 .stream = i,
                                                 .target = i > 0 ? i : command->terminal.own,
                                                 .pipe = -1,
                                                 .file = -1,
                                                 .pass = settings->pass_output};
    }
    if (settings->stdin_mode != RN_STDIN_GIVEN) {
        command->inlet.rest = rn_bytes_of(NULL, 0);
    }
    command->name = rn_dup_text(settings->argv[0]);
    command->cwd = rn_dup_text(settings->cwd == NULL ? "." : settings->cwd);
    if (command->name == NULL || command->cwd == NULL) {
        rn_command_free(command);
        return NULL;
    }
    return command;
}

enum rn_status rn_command_prepare(const struct rn_command_settings *settings,
                                  struct rn_command **out, struct rn_error *error)
{
    assert(settings->argv[0] != NULL && settings->environment != NULL);
    *out = NULL;
    struct rn_command *command = command_new(settings);
    if (command == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to run %s", settings->argv[0]);
    }
    struct rn_error reason = {RN_OK, ""};
    if (fork_child(command, settings, &reason) != RN_OK || !hold_signals(command)) {
        (void)rn_fail(error, RN_IO, "cannot start a process for %s: %s", settings->argv[0],
                      reason.text[0] != '\0' ? reason.text : strerror(errno));
        rn_command_free(command);
        return RN_IO;
    }
    *out = command;
    return RN_OK;
}

/* --- releasing ------------------------------------------------------------------------------- */

/* Says go. A child that died while it waited is no failure here: its end will be noticed. RN_IO leaves errno set. */
static enum rn_status send_environment(struct rn_command *command, char *const *environment)
{
    struct rn_buffer text = {0};
    uint64_t len = RN_CHILD_OWN_ENVIRONMENT;
    enum rn_status status = rn_buffer_append(&text, &len, sizeof len);
    for (size_t i = 0; environment != NULL && environment[i] != NULL && status == RN_OK; i++) {
        status = rn_buffer_append(&text, environment[i], strlen(environment[i]) + 1);
    }
    if (status == RN_OK) {
        if (environment != NULL) {
            len = text.len - sizeof len;
            memcpy(text.data, &len, sizeof len);
        }
        status = rn_file_write_all(command->go, rn_buffer_bytes(&text));
    }
    int cause = errno;
    rn_buffer_free(&text);
    close_one(&command->go);
    errno = cause;
    return status == RN_IO && cause == EPIPE ? RN_OK : status;
}

/* Waits until the child became COMMAND (or died): true; or could not: false. */
static bool executed(struct rn_command *command, struct rn_child_failure *failure)
{
    ssize_t got;
    do {
        got = read(command->failure, failure, sizeof *failure);
    } while (got < 0 && errno == EINTR);
    close_one(&command->failure);
    return got != sizeof *failure;
}

static enum rn_status explain(const struct rn_command *command,
                              const struct rn_child_failure *failure, struct rn_error *error)
{
    const char *reason = strerror(failure->cause);
    if (failure->stage == RN_CHILD_SETUP) {
        return rn_fail(error, RN_IO, "cannot prepare to run %s: %s", command->name, reason);
    }
    if (failure->stage == RN_CHILD_DIRECTORY) {
        return rn_fail(error, RN_IO, "cannot run %s in the directory %s: %s", command->name,
                       command->cwd, reason);
    }
    if (failure->cause != ENOENT) {
        return rn_fail(error, RN_REFUSED, "cannot run %s: %s", command->name, reason);
    }
    if (strchr(command->name, '/') == NULL) {
        return rn_fail(error, RN_NOTFOUND, "cannot run %s: no such command in PATH", command->name);
    }
    return rn_fail(error, RN_NOTFOUND, "cannot run %s: no such file, or its interpreter is missing",
                   command->name);
}

static void reap(struct rn_command *command, bool wait)
{
    int status;
    int got;
    do {
        got = waitpid(command->pid, &status, wait ? 0 : WNOHANG);
    } while (got < 0 && errno == EINTR);
    command->reaped = command->reaped || got == command->pid;
    /* Of a monitor nobody asks how it ended, unless COMMAND was still to come. */
    if (got == command->pid && command->state != RN_COMMAND_ENDED) {
        command->wait_status = status;
        command->state = RN_COMMAND_ENDED;
    }
}

void rn_command_settle(struct rn_command *command)
{
    if (command->state == RN_COMMAND_ENDED && !command->told && rn_command_io_is_drained(command)) {
        command->told = true;
        rn_terminal_end(command);
        rn_watch_set(command->signal_watch, false, false);
        command->handler.on_exit(command->handler.self, command->wait_status);
    }
}

static void on_end(struct rn_command *command)
{
    rn_terminal_rest(&command->terminal);
    rn_command_io_child_gone(command);
    rn_command_settle(command);
}

static void on_exit_readable(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    struct rn_command *command = self;
    bool ended_before = command->state == RN_COMMAND_ENDED;
    reap(command, false);
    if (command->reaped) {
        rn_watch_set(command->exit_watch, false, false);
    }
    if (command->state == RN_COMMAND_ENDED && !ended_before) {
        on_end(command);
    }
}

/* True: a word came. False: there is none now, or no monitor any more (its end is noticed by its pidfd). */
static bool hear(struct rn_command *command, struct rn_monitor_message *message)
{
    ssize_t got;
    do {
        got = recv(command->control, message, sizeof *message, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got != sizeof *message) {
        if (command->control_watch != NULL && (got >= 0 || !rn_command_must_wait(errno))) {
            rn_watch_set(command->control_watch, false, false);
        }
        return false;
    }
    if (message->word == RN_MONITOR_BEGUN) {
        command->command_pid = message->number;
    } else if (message->word == RN_MONITOR_ENDED) {
        command->wait_status = message->number;
        command->state = RN_COMMAND_ENDED;
    }
    return true;
}

static void on_control_readable(void *self, bool readable, bool writable)
{
    struct rn_command *command = self;
    struct rn_monitor_message message;
    (void)readable;
    (void)writable;
    while (command->state != RN_COMMAND_ENDED && hear(command, &message)) {
        if (message.word == RN_MONITOR_STOPPED) {
            rn_terminal_stopped(command, message.number);
        }
    }
    if (command->state == RN_COMMAND_ENDED && !command->told) {
        rn_watch_set(command->control_watch, false, false);
        on_end(command);
    }
}

/* COMMAND alone. Not reaped yet, so the number is still its own. */
static void send_signal(const struct rn_command *command, int number)
{
    if (command->control < 0) {
        (void)kill(command->pid, number);
    } else {
        (void)rn_monitor_say(command->control, RN_MONITOR_SIGNAL, number);
    }
}

/* A key at the terminal reaches the whole group, the child included. */
static bool child_has_it(const struct signalfd_siginfo *info)
{
    return info->ssi_code == SI_KERNEL &&
           (info->ssi_signo == (uint32_t)SIGINT || info->ssi_signo == (uint32_t)SIGQUIT);
}

static void on_signal(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    struct rn_command *command = self;
    struct signalfd_siginfo info;
    while (read(command->signals, &info, sizeof info) == sizeof info) {
        if (command->state != RN_COMMAND_RUNS ||
            (command->control >= 0 && rn_terminal_signal(command, &info))) {
            continue;
        }
        if (command->control >= 0 || !child_has_it(&info)) {
            send_signal(command, (int)info.ssi_signo);
        }
    }
}

static bool watch(struct rn_command *command)
{
    struct rn_loop *loop = command->loop;
    command->exit_watch = rn_watch_new(loop, command->pidfd, on_exit_readable, command);
    command->signal_watch = rn_watch_new(loop, command->signals, on_signal, command);
    if (command->control >= 0) {
        command->control_watch = rn_watch_new(loop, command->control, on_control_readable, command);
        if (command->control_watch == NULL) {
            return false;
        }
        rn_watch_set(command->control_watch, true, false);
    }
    if (command->exit_watch == NULL || command->signal_watch == NULL ||
        !rn_command_io_start(command) || !rn_terminal_start(command)) {
        return false;
    }
    rn_watch_set(command->exit_watch, true, false);
    rn_watch_set(command->signal_watch, true, false);
    return true;
}

/* There is no exit to tell of, even if the child's end is noticed yet. */
static void tell_nothing(struct rn_command *command)
{
    command->told = true;
    rn_watch_free(command->exit_watch);
    rn_watch_free(command->signal_watch);
    rn_watch_free(command->control_watch);
    command->exit_watch = command->signal_watch = command->control_watch = NULL;
    rn_terminal_end(command);
    rn_command_io_end(command);
}

enum rn_status rn_command_release(struct rn_command *command, struct rn_loop *loop,
                                  char *const *environment,
                                  const struct rn_command_handler *handler, struct rn_error *error)
{
    assert(command->state == RN_COMMAND_WAITS);
    command->loop = loop;
    command->handler = *handler;
    /* All that can fail on our side fails before the command runs. */
    enum rn_status status = watch(command) ? send_environment(command, environment) : RN_NOMEM;
    if (status != RN_OK) {
        const char *reason = strerror(errno);
        tell_nothing(command);
        return status == RN_IO ? rn_fail(error, RN_IO, "cannot tell %s its environment: %s",
                                         command->name, reason)
                               : rn_fail(error, RN_NOMEM, "no memory to run %s", command->name);
    }
    command->state = RN_COMMAND_RUNS;
    struct rn_child_failure failure;
    if (executed(command, &failure)) {
        rn_terminal_begin(command);
        return RN_OK;
    }
    close_one(&command->control); /* which ends the monitor */
    reap(command, true);
    tell_nothing(command);
    return explain(command, &failure, error);
}

/* --- ending ---------------------------------------------------------------------------------- */

static bool is_gone(const struct rn_command *command, int timeout_ms)
{
    struct pollfd gone = {.fd = command->pidfd, .events = POLLIN};
    return command->pidfd >= 0 && poll(&gone, 1, timeout_ms) > 0;
}

/* Waits for COMMAND through its monitor. */
static bool ends_in_time(struct rn_command *command)
{
    uint64_t until = rn_clock_mono_ns() + (uint64_t)RN_COMMAND_GRACE_MS * 1000000;
    struct rn_monitor_message message;
    for (;;) {
        while (command->state != RN_COMMAND_ENDED && hear(command, &message)) {
        }
        uint64_t now = rn_clock_mono_ns();
        if (command->state == RN_COMMAND_ENDED || now >= until) {
            return command->state == RN_COMMAND_ENDED;
        }
        struct pollfd word = {.fd = command->control, .events = POLLIN};
        if (poll(&word, 1, (int)((until - now) / 1000000) + 1) > 0 &&
            (word.revents & POLLIN) == 0) {
            return false; /* no monitor any more */
        }
    }
}

static void end_child(struct rn_command *command)
{
    send_signal(command, SIGTERM);
    send_signal(command, SIGCONT);
    bool ended =
        command->control < 0 ? is_gone(command, RN_COMMAND_GRACE_MS) : ends_in_time(command);
    if (!ended) {
        send_signal(command, SIGKILL);
    }
}

/* The monitor ends when it hears nothing more of us; a child that only waits, when it will not be told to go. */
static void end_process(struct rn_command *command)
{
    bool waits = command->state == RN_COMMAND_WAITS;
    if (waits) {
        (void)kill(command->pid, SIGTERM);
        (void)kill(command->pid, SIGCONT);
    } else if (command->state == RN_COMMAND_RUNS) {
        end_child(command);
    }
    bool has_monitor = command->control >= 0;
    close_one(&command->control);
    if ((waits || has_monitor) && !is_gone(command, RN_COMMAND_GRACE_MS)) {
        (void)kill(command->pid, SIGKILL);
    }
    reap(command, true);
}

/* Signals that came too late for the child are dropped: they were not meant to end us in the middle of our last words. */
static void release_signals(struct rn_command *command)
{
    struct signalfd_siginfo info;
    while (command->signals >= 0 && read(command->signals, &info, sizeof info) > 0) {
    }
    if (command->masked) {
        (void)pthread_sigmask(SIG_SETMASK, &command->mask_before, NULL);
    }
}

void rn_command_free(struct rn_command *command)
{
    if (command == NULL) {
        return;
    }
    close_one(&command->go);
    close_one(&command->failure);
    rn_terminal_end(command);
    if (command->pid > 0 && !command->reaped) {
        end_process(command);
    }
    rn_watch_free(command->exit_watch);
    rn_watch_free(command->signal_watch);
    rn_watch_free(command->control_watch);
    rn_command_io_end(command);
    release_signals(command);
    close_one(&command->signals);
    close_one(&command->pidfd);
    rn_free(command->cwd);
    rn_free(command->name);
    rn_free(command);
}

long rn_command_pid(const struct rn_command *command)
{
    return command->command_pid;
}

enum rn_status rn_command_streams(const struct rn_command *command, bool *unseen,
                                  struct rn_error *error)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    const struct rn_stream_failure *failed = &command->failed;
    *unseen = command->unseen;
    if (failed->cause == 0) {
        return RN_OK;
    }
    const char *name = names[failed->stream];
    const char *reason = strerror(failed->cause);
    if (!failed->is_read) {
        return rn_fail(error, RN_IO,
                       "cannot write to %s: %s; what COMMAND wrote there is not all there", name,
                       reason);
    }
    return rn_fail(error, RN_IO, "cannot read what is %s of COMMAND: %s; what followed is lost",
                   name, reason);
}

unsigned rn_command_ends_read(const struct rn_command *command)
{
    return command->terminal.ends_read;
}

int rn_command_shell_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
