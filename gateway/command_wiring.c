/*
 * The descriptors between us and a command: opened before the fork, so that all that can run out runs out there.
 *
 * In come kinds of streams and where stdin comes from; out go our ends and the child's. It declines to move a byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "command_internal.h"
#include "pty.h"

static void close_one(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

bool rn_wiring_lift(int *descriptor)
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

static bool never_blocks(int descriptor)
{
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* One direction, from `*writer` to `*reader`. */
static bool open_pipe(int *reader, int *writer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    *reader = ends[0];
    *writer = ends[1];
    return rn_wiring_lift(reader) && rn_wiring_lift(writer);
}

static bool open_sockets(int type, int *one, int *other)
{
    int ends[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    *one = ends[0];
    *other = ends[1];
    return rn_wiring_lift(one) && rn_wiring_lift(other);
}

static bool open_null(int *out)
{
    *out = open("/dev/null", O_RDWR | O_CLOEXEC);
    return *out >= 0 && rn_wiring_lift(out);
}

static bool open_file(int *out)
{
    *out = rn_file_open_unlinked();
    return *out >= 0 && rn_wiring_lift(out);
}

static bool copy_of(int descriptor, int *out)
{
    *out = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return *out >= 0;
}

void rn_wiring_kinds(const struct rn_command_settings *settings, char kinds[3])
{
    if (settings->streams != NULL) {
        memcpy(kinds, settings->streams->kinds, 3);
        return;
    }
    bool feeds = settings->stdin_mode == RN_STDIN_COPY || settings->stdin_mode == RN_STDIN_GIVEN;
    kinds[0] = feeds ? 'p' : settings->stdin_mode == RN_STDIN_NULL ? 'n' : 'c';
    kinds[1] = kinds[2] = 'p';
}

/* --- stdin --------------------------------------------------------------------------------------------------------- */

/* A file of its own with the given bytes; or our own, which is read beside the child. */
static bool wire_stdin_file(struct rn_wiring *wiring, const struct rn_command_settings *settings)
{
    int *child = &wiring->child.streams[0];
    if (settings->stdin_mode != RN_STDIN_GIVEN) {
        return settings->stdin_mode != RN_STDIN_COPY || copy_of(STDIN_FILENO, &wiring->files[0]);
    }
    return open_file(child) && rn_file_write_all(*child, settings->given) == RN_OK &&
           lseek(*child, 0, SEEK_SET) == 0;
}

static bool wire_stdin(struct rn_wiring *wiring, const struct rn_command_settings *settings,
                       char kind)
{
    int *child = &wiring->child.streams[0];
    bool feeds = settings->stdin_mode == RN_STDIN_COPY || settings->stdin_mode == RN_STDIN_GIVEN;
    if (kind == '-' || (kind == 'c' && !feeds && rn_streams_kind(STDIN_FILENO) == '-')) {
        *child = RN_CHILD_CLOSED;
        return true;
    }
    if (kind == 'n' || settings->stdin_mode == RN_STDIN_NULL) {
        return open_null(child);
    }
    if (kind == 'f') {
        return wire_stdin_file(wiring, settings);
    }
    if (kind == 't' || !feeds) {
        return true; /* wired with the terminal it is, or ours */
    }
    bool open = kind == 's' ? open_sockets(SOCK_STREAM, child, &wiring->feed)
                            : open_pipe(child, &wiring->feed);
    return open && never_blocks(wiring->feed);
}

/* --- stdout and stderr --------------------------------------------------------------------------------------------- */

static bool wire_output(struct rn_wiring *wiring, int stream, char kind)
{
    int *child = &wiring->child.streams[stream];
    int *ours = &wiring->outputs[stream];
    switch (kind) {
    case '-':
        *child = RN_CHILD_CLOSED;
        return true;
    case 'n':
        return open_null(child);
    case 'f':
        return open_file(child) && copy_of(*child, &wiring->files[stream]);
    case 't':
        return true; /* wired with the terminal it is */
    case 's':
        return open_sockets(SOCK_STREAM, child, ours) && never_blocks(*ours);
    default:
        return open_pipe(ours, child) && never_blocks(*ours);
    }
}

/* --- terminals ----------------------------------------------------------------------------------------------------- */

/* The pseudo-terminal of all streams that are the terminal `root`. Its output is that of the lowest of them we read. */
static enum rn_status wire_terminal(struct rn_wiring *wiring, const struct rn_streams *streams,
                                    int root, int keys_of, struct rn_error *error)
{
    int master = -1;
    int slave = -1;
    int output = 0;
    enum rn_status status = rn_pty_open(streams->manners, keys_of, &master, &slave, error);
    if (status != RN_OK) {
        return status;
    }
    if (streams->rows > 0) {
        rn_pty_resize(master, streams->rows, streams->columns);
    }
    bool good = true;
    for (int i = root; i < 3 && good; i++) {
        if (streams->kinds[i] == 't' && streams->same[i] == root) {
            good = copy_of(slave, &wiring->child.streams[i]);
            output = output == 0 ? i : output;
        }
    }
    wiring->outputs[output] = master;
    wiring->is_terminal[output] = true;
    if (good && wiring->child.terminal < 0) { /* the lowest one is the controlling one */
        wiring->child.terminal = slave;
        slave = -1;
        good = copy_of(master, &wiring->keys);
    }
    int cause = errno;
    close_one(&slave);
    errno = cause;
    return good && rn_wiring_lift(&wiring->outputs[output]) ? RN_OK : RN_IO;
}

static enum rn_status wire_terminals(struct rn_wiring *wiring,
                                     const struct rn_command_settings *settings, int keys_of,
                                     struct rn_error *error)
{
    const struct rn_streams *streams = settings->streams;
    enum rn_status status = RN_OK;
    for (int i = 0; streams != NULL && i < 3 && status == RN_OK; i++) {
        if (streams->kinds[i] == 't' && streams->same[i] == i) {
            status = wire_terminal(wiring, streams, i, keys_of, error);
        }
    }
    if (status == RN_OK && wiring->child.terminal >= 0 &&
        !(rn_wiring_lift(&wiring->child.terminal) &&
          open_sockets(SOCK_SEQPACKET, &wiring->control, &wiring->child.control) &&
          never_blocks(wiring->control))) {
        status = RN_IO;
    }
    return status;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

enum rn_status rn_wiring_open(struct rn_wiring *wiring, const struct rn_command_settings *settings,
                              int own, struct rn_error *error)
{
    char kinds[3];
    *wiring = (struct rn_wiring){.child = {.streams = {-1, -1, -1},
                                           .go = -1,
                                           .failure = -1,
                                           .control = -1,
                                           .terminal = -1,
                                           .own = -1},
                                 .go = -1,
                                 .failure = -1,
                                 .control = -1,
                                 .feed = -1,
                                 .outputs = {-1, -1, -1},
                                 .files = {-1, -1, -1},
                                 .keys = -1};
    rn_wiring_kinds(settings, kinds);
    errno = 0;
    enum rn_status status = wire_terminals(wiring, settings, own, error);
    if (status == RN_OK &&
        !(open_pipe(&wiring->child.go, &wiring->go) &&
          open_pipe(&wiring->failure, &wiring->child.failure) &&
          wire_stdin(wiring, settings, kinds[0]) && wire_output(wiring, STDOUT_FILENO, kinds[1]) &&
          wire_output(wiring, STDERR_FILENO, kinds[2]) &&
          (own < 0 || copy_of(own, &wiring->child.own)))) {
        status = RN_IO;
    }
    return status;
}

void rn_wiring_close(struct rn_wiring *wiring)
{
    int cause = errno;
    close_one(&wiring->child.go);
    close_one(&wiring->child.failure);
    close_one(&wiring->child.control);
    close_one(&wiring->child.terminal);
    close_one(&wiring->child.own);
    close_one(&wiring->go);
    close_one(&wiring->failure);
    close_one(&wiring->control);
    close_one(&wiring->feed);
    close_one(&wiring->keys);
    for (size_t i = 0; i < 3; i++) {
        close_one(&wiring->child.streams[i]);
        close_one(&wiring->outputs[i]);
        close_one(&wiring->files[i]);
    }
    errno = cause;
}
