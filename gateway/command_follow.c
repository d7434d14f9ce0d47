/*
 * Streams of a COMMAND that are regular files.
 *
 * A file cannot be waited for, and whoever has one expects one. So COMMAND has the file itself: its stdin is ours (or one with
 * what was recorded), its stdout and stderr are files without a name. Here they are read behind its back, every few
 * milliseconds while something comes and once a second while nothing does. What was read of an output is taken out of its file,
 * so that this does not grow with all that was ever printed. It declines to know what the bytes mean.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "command_internal.h"

#define LOOK_NS_MIN (UINT64_C(5) * 1000000)
#define LOOK_NS_MAX (UINT64_C(1) * 1000000000)
#define BYTES_PER_LOOK ((uint64_t)4 * 1024 * 1024)

static void close_file(int *file)
{
    if (*file >= 0) {
        (void)close(*file);
        *file = -1;
    }
}

/* One piece of that stream at `at`, at most `len` bytes; 0: there is none, or it cannot be read. */
static struct rn_bytes read_at(struct rn_command *command, int stream, int file, uint64_t at,
                               uint64_t len)
{
    ssize_t got;
    len = len < RN_SCRATCH_BYTES ? len : RN_SCRATCH_BYTES;
    do {
        got = pread(file, command->scratch, (size_t)len, (off_t)at);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        rn_command_note_failure(command, stream, true, errno);
    }
    return rn_bytes_of(command->scratch, got > 0 ? (size_t)got : 0);
}

/* --- stdout and stderr --------------------------------------------------------------------------------------------- */

/* Whole blocks only; where the filesystem cannot do it the file is as long as the output. */
static void forget(const struct rn_outlet *outlet)
{
    (void)fallocate(outlet->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)outlet->at);
}

void rn_follow_outlet(struct rn_outlet *outlet)
{
    uint64_t before = outlet->at;
    uint64_t budget = outlet->child_gone ? outlet->left : BYTES_PER_LOOK;
    while (outlet->file >= 0 && !outlet->full && budget > 0) {
        struct rn_bytes bytes =
            read_at(outlet->command, outlet->stream, outlet->file, outlet->at, budget);
        if (bytes.len == 0) {
            break;
        }
        outlet->at += bytes.len;
        budget -= bytes.len;
        outlet->left -= outlet->child_gone ? bytes.len : 0;
        rn_outlet_take(outlet, bytes);
    }
    if (outlet->at / BYTES_PER_LOOK > before / BYTES_PER_LOOK) {
        forget(outlet);
    }
    if (outlet->child_gone && (!outlet->full || outlet->left == 0)) {
        close_file(&outlet->file);
    }
}

/* --- stdin --------------------------------------------------------------------------------------------------------- */

static void tell_stdin(struct rn_command *command, uint64_t end, uint64_t budget)
{
    struct rn_inlet *inlet = &command->inlet;
    while (inlet->at < end && budget > 0) {
        uint64_t len = end - inlet->at < budget ? end - inlet->at : budget;
        struct rn_bytes bytes = read_at(command, STDIN_FILENO, inlet->file, inlet->at, len);
        if (bytes.len == 0) {
            return; /* it became shorter */
        }
        inlet->at += bytes.len;
        budget -= bytes.len;
        command->handler.on_output(command->handler.self, 0, bytes);
    }
}

/* How far it has read: the offset is one for it and us. */
static void follow_stdin(struct rn_command *command, uint64_t budget)
{
    off_t reached = lseek(command->inlet.file, 0, SEEK_CUR);
    if (reached > 0) {
        tell_stdin(command, (uint64_t)reached, budget);
    }
}

/* A program may look at the length of its input, or map it: a short one is kept whole. */
void rn_follow_child_gone(struct rn_command *command)
{
    struct rn_inlet *inlet = &command->inlet;
    struct stat found;
    if (inlet->file < 0) {
        return;
    }
    follow_stdin(command, UINT64_MAX);
    if (fstat(inlet->file, &found) == 0 && found.st_size > 0 &&
        (uint64_t)found.st_size <= RN_STDIN_FILE_BYTES_MAX) {
        tell_stdin(command, (uint64_t)found.st_size, UINT64_MAX);
    }
    close_file(&inlet->file);
}

/* --- looking ------------------------------------------------------------------------------------------------------- */

static bool has_files(const struct rn_command *command)
{
    return command->inlet.file >= 0 || command->outlets[1].file >= 0 ||
           command->outlets[2].file >= 0;
}

static uint64_t total(const struct rn_command *command)
{
    return command->inlet.at + command->outlets[1].at + command->outlets[2].at;
}

static void on_look(void *self)
{
    struct rn_command *command = self;
    uint64_t before = total(command);
    if (command->inlet.file >= 0) {
        follow_stdin(command, BYTES_PER_LOOK);
    }
    rn_follow_outlet(&command->outlets[1]);
    rn_follow_outlet(&command->outlets[2]);
    uint64_t longer = 2 * command->follow_ns < LOOK_NS_MAX ? 2 * command->follow_ns : LOOK_NS_MAX;
    command->follow_ns = total(command) > before ? LOOK_NS_MIN : longer;
    if (has_files(command)) {
        rn_timer_start(command->follow, command->follow_ns);
    }
    rn_command_settle(command);
}

bool rn_follow_start(struct rn_command *command)
{
    if (!has_files(command)) {
        return true;
    }
    off_t begin = command->inlet.file < 0 ? 0 : lseek(command->inlet.file, 0, SEEK_CUR);
    command->inlet.at = begin > 0 ? (uint64_t)begin : 0;
    command->follow = rn_timer_new(command->loop, on_look, command);
    if (command->follow == NULL) {
        return false;
    }
    command->follow_ns = LOOK_NS_MIN;
    rn_timer_start(command->follow, command->follow_ns);
    return true;
}

void rn_follow_end(struct rn_command *command)
{
    rn_timer_free(command->follow);
    command->follow = NULL;
    close_file(&command->inlet.file);
    for (size_t i = 0; i < 3; i++) {
        close_file(&command->outlets[i].file);
    }
}
