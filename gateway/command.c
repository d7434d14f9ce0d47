/*
 * Running COMMAND: fork early, release later, pass signals on, notice the end.
 *
 * In come settings, an environment and signals that were meant for it; out go on_output (command_io.c) and on_exit. The
 * child's side of the fork is command_child.c. It declines to know why it runs.
 */
#include "command.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "command_internal.h"

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

/* --- preparing ------------------------------------------------------------------------------- */

/* Our ends and the child's of everything between us. */
struct pipes {
    int go[2];
    int failure[2];
    int streams[3][2];
};

static void close_one(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

static void close_pair(int pair[2])
{
    close_one(&pair[0]);
    close_one(&pair[1]);
}

/* Out of the way of 0, 1 and 2, which may have been closed when we were started. */
static bool lift(int *descriptor)
{
    if (*descriptor > STDERR_FILENO) {
        return true;
    }
    int lifted = fcntl(*descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (lifted < 0) {
        return false;
    }
    (void)close(*descriptor);
    *descriptor = lifted;
    return true;
}

static bool open_pair(int pair[2])
{
    return pipe2(pair, O_CLOEXEC) == 0 && lift(&pair[0]) && lift(&pair[1]);
}

static bool never_blocks(int descriptor)
{
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
}

static void pipes_close(struct pipes *pipes)
{
    close_pair(pipes->go);
    close_pair(pipes->failure);
    for (size_t i = 0; i < 3; i++) {
        close_pair(pipes->streams[i]);
    }
}

static bool pipes_open(struct pipes *pipes, enum rn_stdin_mode mode)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {{-1, -1}, {-1, -1}, {-1, -1}}};
    bool feeds = mode == RN_STDIN_COPY || mode == RN_STDIN_GIVEN;
    return open_pair(pipes->go) && open_pair(pipes->failure) &&
           (!feeds || (open_pair(pipes->streams[0]) && never_blocks(pipes->streams[0][1]))) &&
           open_pair(pipes->streams[1]) && never_blocks(pipes->streams[1][0]) &&
           open_pair(pipes->streams[2]) && never_blocks(pipes->streams[2][0]);
}

/* Hands our ends over to the command; what is left in `pipes` is the child's. */
static void take_our_ends(struct rn_command *command, struct pipes *pipes)
{
    command->go = pipes->go[1];
    command->failure = pipes->failure[0];
    command->inlet.pipe = pipes->streams[0][1];
    command->outlets[0].pipe = pipes->streams[1][0];
    command->outlets[1].pipe = pipes->streams[2][0];
    pipes->go[1] = pipes->failure[0] = pipes->streams[0][1] = -1;
    pipes->streams[1][0] = pipes->streams[2][0] = -1;
}

/* From here on those signals wait for the signalfd. Before threads are made, so that these inherit it. */
static bool hold_signals(struct rn_command *command)
{
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        (void)sigaddset(&set, passed_on[i]);
    }
    command->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (command->signals < 0 || !lift(&command->signals)) {
        return false;
    }
    command->masked = pthread_sigmask(SIG_BLOCK, &set, &command->mask_before) == 0;
    (void)signal(SIGPIPE, SIG_IGN);
    return command->masked;
}

/* Forks. In the child this does not return. */
static bool fork_child(struct rn_command *command, const struct rn_command_settings *settings)
{
    struct pipes pipes;
    bool good = pipes_open(&pipes, settings->stdin_mode);
    if (good) {
        command->pid = fork();
        if (command->pid == 0) {
            struct rn_child_wiring wiring = {
                .streams = {pipes.streams[0][0], pipes.streams[1][1], pipes.streams[2][1]},
                .go = pipes.go[0],
                .failure = pipes.failure[1]};
            rn_child_run(settings, &wiring);
        }
        good = command->pid > 0;
    }
    if (good) {
        take_our_ends(command, &pipes);
        command->pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
        good = command->pidfd >= 0 && lift(&command->pidfd);
    }
    int cause = errno;
    pipes_close(&pipes);
    errno = cause;
    return good;
}

static struct rn_command *command_new(const struct rn_command_settings *settings)
{
    struct rn_command *command = rn_calloc(1, sizeof *command);
    if (command == NULL) {
        return NULL;
    }
    command->pidfd = command->go = command->failure = command->signals = -1;
    command->inlet = (struct rn_inlet){
        .command = command, .mode = settings->stdin_mode, .pipe = -1, .rest = settings->given};
    for (int i = 0; i < 2; i++) {
        command->outlets[i] = (struct rn_outlet){
            .command = command, .stream = i + 1, .pipe = -1, .pass = settings->pass_output};
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
    if (!fork_child(command, settings) || !hold_signals(command)) {
        rn_fail(error, RN_IO, "cannot start a process for %s: %s", settings->argv[0],
                strerror(errno));
        rn_command_free(command);
        return RN_IO;
    }
    *out = command;
    return RN_OK;
}

/* --- releasing ------------------------------------------------------------------------------- */

/* Says go. A child that died while it waited is no failure here: its end will be noticed. */
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
        (void)rn_file_write_all(command->go, rn_buffer_bytes(&text));
    }
    rn_buffer_free(&text);
    close_one(&command->go);
    return status;
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
    int got;
    do {
        got = waitpid(command->pid, &command->wait_status, wait ? 0 : WNOHANG);
    } while (got < 0 && errno == EINTR);
    if (got == command->pid) {
        command->state = RN_COMMAND_ENDED;
    }
}

void rn_command_settle(struct rn_command *command)
{
    if (command->state == RN_COMMAND_ENDED && !command->told && rn_command_io_is_drained(command)) {
        command->told = true;
        rn_watch_set(command->signal_watch, false, false);
        command->handler.on_exit(command->handler.self, command->wait_status);
    }
}

static void on_exit_readable(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    struct rn_command *command = self;
    reap(command, false);
    if (command->state == RN_COMMAND_ENDED) {
        rn_watch_set(command->exit_watch, false, false);
        rn_command_io_child_gone(command);
        rn_command_settle(command);
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
        /* Not reaped yet, so the number is still its own. */
        if (command->state == RN_COMMAND_RUNS && !child_has_it(&info)) {
            (void)kill(command->pid, (int)info.ssi_signo);
        }
    }
}

static bool watch(struct rn_command *command)
{
    struct rn_loop *loop = command->loop;
    command->exit_watch = rn_watch_new(loop, command->pidfd, on_exit_readable, command);
    command->signal_watch = rn_watch_new(loop, command->signals, on_signal, command);
    if (command->exit_watch == NULL || command->signal_watch == NULL ||
        !rn_command_io_start(command)) {
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
    command->exit_watch = command->signal_watch = NULL;
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
    if (!watch(command) || send_environment(command, environment) != RN_OK) {
        tell_nothing(command);
        return rn_fail(error, RN_NOMEM, "no memory to run %s", command->name);
    }
    command->state = RN_COMMAND_RUNS;
    struct rn_child_failure failure;
    if (executed(command, &failure)) {
        return RN_OK;
    }
    reap(command, true);
    tell_nothing(command);
    return explain(command, &failure, error);
}

/* --- ending ---------------------------------------------------------------------------------- */

static void end_child(struct rn_command *command)
{
    struct pollfd gone = {.fd = command->pidfd, .events = POLLIN};
    (void)kill(command->pid, SIGTERM);
    (void)kill(command->pid, SIGCONT);
    if (command->pidfd < 0 || poll(&gone, 1, RN_COMMAND_GRACE_MS) <= 0) {
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
    if (command->pid > 0 && command->state != RN_COMMAND_ENDED) {
        end_child(command);
    }
    rn_watch_free(command->exit_watch);
    rn_watch_free(command->signal_watch);
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
    return command->pid;
}

int rn_command_shell_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
