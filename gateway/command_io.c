/*
 * The three streams of a running COMMAND.
 *
 * In come bytes from our stdin and from the child's pipes and terminals; out go on_output and the same bytes to the child and to our own
 * stdout and stderr. Nothing here makes the loop wait for a slow reader: our inherited descriptors stay as blocking as
 * others left them, so each write to them is preceded by poll and is no longer than PIPE_BUF. While one of them is slow the
 * child's pipe is not read, so the child is as slow as it would be without us. It declines to know what the bytes mean.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "command_internal.h"

bool rn_command_can_wait_for(int descriptor)
{
    struct stat found;
    if (fstat(descriptor, &found) != 0) {
        return false;
    }
    return S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode) ||
           (S_ISCHR(found.st_mode) && isatty(descriptor) == 1);
}

bool rn_command_is_ready(int descriptor, short events)
{
    struct pollfd one = {.fd = descriptor, .events = events};
    return poll(&one, 1, 0) > 0;
}

bool rn_command_must_wait(int cause)
{
    return cause == EAGAIN || cause == EWOULDBLOCK || cause == EINTR;
}

void rn_command_note_failure(struct rn_command *command, int stream, bool is_read, int cause)
{
    command->unseen = command->unseen || is_read;
    if (command->failed.cause == 0) {
        command->failed = (struct rn_stream_failure){stream, is_read, cause};
    }
}

static void end_pipe(int *pipe, struct rn_watch **watch)
{
    rn_watch_free(*watch);
    *watch = NULL;
    if (*pipe >= 0) {
        (void)close(*pipe);
        *pipe = -1;
    }
}

/* --- from the child -------------------------------------------------------------------------- */

static size_t outlet_backlog(const struct rn_outlet *outlet)
{
    return outlet->queue.len - outlet->written;
}

/* Reads on or not, waits for ours or not, as the backlog asks. */
static void outlet_steer(struct rn_outlet *outlet)
{
    size_t backlog = outlet_backlog(outlet);
    outlet->full = backlog > (outlet->full ? RN_OUT_LOW_BYTES : RN_OUT_HIGH_BYTES);
    if (outlet->watch != NULL) {
        rn_watch_set(outlet->watch, !outlet->full, false);
    }
    if (outlet->ours != NULL) {
        rn_watch_set(outlet->ours, false, backlog > 0);
    }
}

/* Ours takes no more: the child gets to know as it would without us, by a broken pipe. */
static void outlet_break(struct rn_outlet *outlet)
{
    outlet->pass = false;
    outlet->written = 0;
    rn_buffer_clear(&outlet->queue);
    if (outlet->is_terminal) {
        rn_command_io_hang_up(outlet->command);
    }
    end_pipe(&outlet->pipe, &outlet->watch);
}

/* Of a terminal EIO says that its line was cut. */
static bool reader_has_left(const struct rn_outlet *outlet, int cause)
{
    return cause == EPIPE || cause == ECONNRESET || (cause == EIO && outlet->to_terminal);
}

/* One write that does not block, or an errno. */
static int outlet_write(struct rn_outlet *outlet)
{
    size_t len = outlet_backlog(outlet);
    if (outlet->pollable) {
        if (!rn_command_is_ready(outlet->target, POLLOUT)) {
            return EAGAIN;
        }
        len = len < PIPE_BUF ? len : PIPE_BUF;
    }
    ssize_t put = write(outlet->target, outlet->queue.data + outlet->written, len);
    if (put < 0) {
        return errno;
    }
    outlet->written += (size_t)put;
    return 0;
}

static void outlet_flush(struct rn_outlet *outlet)
{
    int cause = 0;
    while (cause == 0 && outlet_backlog(outlet) > 0) {
        cause = outlet_write(outlet);
    }
    if (cause != 0 && !rn_command_must_wait(cause)) {
        if (!reader_has_left(outlet, cause)) {
            rn_command_note_failure(outlet->command, outlet->target, false, cause);
        }
        outlet_break(outlet);
    }
    if (outlet_backlog(outlet) == 0) {
        outlet->written = 0;
        rn_buffer_clear(&outlet->queue);
    }
    outlet_steer(outlet);
}

static void outlet_pass(struct rn_outlet *outlet, struct rn_bytes bytes)
{
    rn_buffer_consume(&outlet->queue, outlet->written);
    outlet->written = 0;
    /* Room for a whole read beyond the mark where reading stops was reserved at the start. */
    enum rn_status status = rn_buffer_add(&outlet->queue, bytes);
    assert(status == RN_OK);
    (void)status;
    outlet_flush(outlet);
}

void rn_outlet_take(struct rn_outlet *outlet, struct rn_bytes bytes)
{
    struct rn_command *command = outlet->command;
    if (outlet->stream > 0) {
        command->handler.on_output(command->handler.self, outlet->stream, bytes);
    }
    if (outlet->pass) {
        outlet_pass(outlet, bytes);
    }
}

/* False: there was nothing to read now. */
static bool outlet_read(struct rn_outlet *outlet)
{
    struct rn_command *command = outlet->command;
    size_t room = RN_SCRATCH_BYTES;
    if (outlet->child_gone && outlet->left < room) {
        room = (size_t)outlet->left;
    }
    ssize_t got = read(outlet->pipe, command->scratch, room);
    if (got < 0 && rn_command_must_wait(errno) && !(outlet->is_terminal && outlet->child_gone)) {
        return false;
    }
    /* Of a terminal any error is the end: EIO says that nobody has it open any more. */
    if (got < 0 && !outlet->is_terminal) {
        rn_command_note_failure(command, outlet->stream, true, errno);
    }
    struct rn_bytes bytes = rn_bytes_of(command->scratch, got > 0 ? (size_t)got : 0);
    outlet->left -= outlet->child_gone ? bytes.len : 0;
    if (bytes.len == 0 || (outlet->child_gone && outlet->left == 0)) {
        end_pipe(&outlet->pipe, &outlet->watch);
    }
    if (bytes.len > 0) {
        rn_outlet_take(outlet, bytes);
    }
    return bytes.len > 0;
}

/* What cannot be waited for is read when there is room for it: files, and a terminal that nobody writes to any more. */
static void outlet_go_on(struct rn_outlet *outlet)
{
    rn_follow_outlet(outlet);
    while (outlet->is_terminal && outlet->child_gone && outlet->pipe >= 0 && !outlet->full) {
        (void)outlet_read(outlet);
    }
}

static void on_pipe_readable(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    struct rn_outlet *outlet = self;
    (void)outlet_read(outlet);
    rn_command_settle(outlet->command);
}

static void on_ours_writable(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    struct rn_outlet *outlet = self;
    outlet_flush(outlet);
    outlet_go_on(outlet);
    rn_command_settle(outlet->command);
}

static bool outlet_start(struct rn_outlet *outlet)
{
    struct rn_loop *loop = outlet->command->loop;
    if (outlet->pipe >= 0) {
        outlet->watch = rn_watch_new(loop, outlet->pipe, on_pipe_readable, outlet);
        if (outlet->watch == NULL) {
            return false;
        }
        rn_watch_set(outlet->watch, true, false);
    }
    outlet->pass = outlet->pass && rn_streams_kind(outlet->target) != '-';
    if (!outlet->pass || (outlet->pipe < 0 && outlet->file < 0)) {
        return true;
    }
    if (rn_buffer_reserve(&outlet->queue, RN_OUT_HIGH_BYTES + RN_SCRATCH_BYTES) != RN_OK) {
        return false;
    }
    outlet->pollable = rn_command_can_wait_for(outlet->target);
    outlet->to_terminal = isatty(outlet->target) == 1;
    if (outlet->pollable) {
        outlet->ours = rn_watch_new(loop, outlet->target, on_ours_writable, outlet);
    }
    return !outlet->pollable || outlet->ours != NULL;
}

/* How much of a file was not read yet. */
static uint64_t file_left(const struct rn_outlet *outlet)
{
    struct stat found;
    return fstat(outlet->file, &found) == 0 && found.st_size > (off_t)outlet->at
               ? (uint64_t)found.st_size - outlet->at
               : 0;
}

/*
 * What the child itself wrote is in the pipe by now; later bytes are of processes it left behind. Of a terminal nobody can say
 * how much that is: some of it may be on its way from one queue of the kernel to the next. But reading it waits for that, so
 * what it holds is read to the first end.
 */
static void outlet_child_gone(struct rn_outlet *outlet)
{
    int left = 0;
    outlet->child_gone = true;
    if (outlet->file >= 0) {
        outlet->left = file_left(outlet);
    } else if (outlet->is_terminal) {
        outlet->left = RN_TERMINAL_BYTES_MAX;
    } else if (outlet->pipe >= 0) {
        if (ioctl(outlet->pipe, FIONREAD, &left) != 0 || left <= 0) {
            end_pipe(&outlet->pipe, &outlet->watch);
        }
        outlet->left = left > 0 ? (uint64_t)left : 0;
    }
    outlet_go_on(outlet);
}

/* --- to the child ---------------------------------------------------------------------------- */

static void inlet_end(struct rn_inlet *inlet)
{
    rn_watch_free(inlet->ours);
    inlet->ours = NULL;
    end_pipe(&inlet->pipe, &inlet->watch);
    inlet->rest = rn_bytes_of(NULL, 0);
}

/* Waits for the pipe while there is something to write, else for ours (which, if it cannot be waited for, is ready). */
static void inlet_steer(struct rn_inlet *inlet)
{
    if (inlet->pipe < 0) {
        return;
    }
    bool backlog = inlet->rest.len > 0;
    bool file = inlet->mode == RN_STDIN_COPY && !inlet->pollable;
    rn_watch_set(inlet->watch, false, backlog || file);
    if (inlet->ours != NULL) {
        rn_watch_set(inlet->ours, !backlog, false);
    }
}

static void inlet_flush(struct rn_inlet *inlet)
{
    while (inlet->rest.len > 0) {
        ssize_t put = write(inlet->pipe, inlet->rest.data, inlet->rest.len);
        if (put >= 0) {
            inlet->rest = rn_bytes_from(inlet->rest, (size_t)put);
        } else if (rn_command_must_wait(errno)) {
            break;
        } else {
            inlet_end(inlet); /* the child reads no more; that is its right */
            return;
        }
    }
    if (inlet->rest.len == 0 && inlet->mode == RN_STDIN_GIVEN) {
        inlet_end(inlet);
    }
    inlet_steer(inlet);
}

/* Takes the next piece of our stdin. */
static void inlet_read(struct rn_inlet *inlet)
{
    struct rn_command *command = inlet->command;
    assert(inlet->rest.len == 0);
    ssize_t got = read(STDIN_FILENO, inlet->queue.data, RN_SCRATCH_BYTES);
    if (got < 0 && rn_command_must_wait(errno)) {
        return;
    }
    if (got <= 0) {
        if (got < 0) {
            rn_command_note_failure(command, STDIN_FILENO, true, errno);
        }
        inlet_end(inlet);
        return;
    }
    inlet->rest = rn_bytes_of(inlet->queue.data, (size_t)got);
    command->handler.on_output(command->handler.self, 0, inlet->rest);
    inlet_flush(inlet);
}

static void on_ours_readable(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    struct rn_inlet *inlet = self;
    /* Another process may share our stdin and have been faster. */
    if (inlet->rest.len == 0 && rn_command_is_ready(STDIN_FILENO, POLLIN)) {
        inlet_read(inlet);
    }
}

static void on_pipe_writable(void *self, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    struct rn_inlet *inlet = self;
    if (inlet->rest.len > 0 || inlet->mode == RN_STDIN_GIVEN) {
        inlet_flush(inlet);
    } else {
        inlet_read(inlet);
    }
}

static bool inlet_start(struct rn_inlet *inlet)
{
    struct rn_loop *loop = inlet->command->loop;
    if (inlet->pipe < 0) {
        return true;
    }
    inlet->watch = rn_watch_new(loop, inlet->pipe, on_pipe_writable, inlet);
    if (inlet->watch == NULL) {
        return false;
    }
    if (inlet->mode == RN_STDIN_GIVEN) {
        inlet_flush(inlet);
        return true;
    }
    if (rn_buffer_reserve(&inlet->queue, RN_SCRATCH_BYTES) != RN_OK) {
        return false;
    }
    inlet->pollable = rn_command_can_wait_for(STDIN_FILENO);
    if (inlet->pollable) {
        inlet->ours = rn_watch_new(loop, STDIN_FILENO, on_ours_readable, inlet);
    }
    inlet_steer(inlet);
    return !inlet->pollable || inlet->ours != NULL;
}

/* --- all three ------------------------------------------------------------------------------- */

bool rn_command_io_start(struct rn_command *command)
{
    command->scratch = rn_alloc(RN_SCRATCH_BYTES);
    if (command->scratch == NULL) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        if (!outlet_start(&command->outlets[i])) {
            return false;
        }
    }
    return rn_follow_start(command) && inlet_start(&command->inlet);
}

void rn_command_io_child_gone(struct rn_command *command)
{
    inlet_end(&command->inlet);
    rn_follow_child_gone(command);
    for (size_t i = 0; i < 3; i++) {
        outlet_child_gone(&command->outlets[i]);
    }
}

void rn_command_io_catch_up(struct rn_command *command)
{
    for (size_t i = 0; i < 3; i++) {
        struct rn_outlet *outlet = &command->outlets[i];
        bool more = true;
        for (size_t at_most = RN_TERMINAL_BYTES_MAX / RN_SCRATCH_BYTES; at_most > 0 && more;
             at_most--) {
            more = outlet->is_terminal && outlet->pipe >= 0 && !outlet->full && outlet_read(outlet);
        }
    }
}

void rn_command_io_hang_up(struct rn_command *command)
{
    for (size_t i = 0; i < 3; i++) {
        if (command->outlets[i].is_terminal) {
            end_pipe(&command->outlets[i].pipe, &command->outlets[i].watch);
        }
    }
    rn_terminal_hang_up(&command->terminal);
    /* The kernel tells the leader of the session, and this one leaves it to us. */
    (void)rn_monitor_say(command->control, RN_MONITOR_SIGNAL, SIGHUP);
    (void)rn_monitor_say(command->control, RN_MONITOR_CONTINUE, 0);
}

bool rn_command_io_is_drained(const struct rn_command *command)
{
    for (size_t i = 0; i < 3; i++) {
        const struct rn_outlet *outlet = &command->outlets[i];
        if (outlet->pipe >= 0 || outlet->file >= 0 || outlet_backlog(outlet) > 0) {
            return false;
        }
    }
    return true;
}

void rn_command_io_end(struct rn_command *command)
{
    inlet_end(&command->inlet);
    rn_buffer_free(&command->inlet.queue);
    rn_follow_end(command);
    for (size_t i = 0; i < 3; i++) {
        struct rn_outlet *outlet = &command->outlets[i];
        end_pipe(&outlet->pipe, &outlet->watch);
        rn_watch_free(outlet->ours);
        outlet->ours = NULL;
        rn_buffer_free(&outlet->queue);
    }
    rn_free(command->scratch);
    command->scratch = NULL;
}
