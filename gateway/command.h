/*
 * Running COMMAND: environment, working directory, streams, terminals, signals, exit status.
 *
 * The child is forked before anything else is opened and waits; it inherits no descriptor of ours, and descriptors, signal
 * dispositions and mask as we were given them (inherited.h). Signals that are sent to us (HUP, INT, QUIT, TERM, USR1, USR2) are
 * passed on; those a terminal sends to the whole group (INT, QUIT by key) are not sent twice.
 *
 * Where a stream of COMMAND is to be a terminal it gets a pseudo-terminal, and a session with that as its controlling terminal.
 * Ours then passes each key on as it is (raw) from the moment COMMAND reads its own, at the start where stdin and stdout are
 * both that terminal, and is as it was when COMMAND has ended, has been stopped, and when we end in whatever way. What the keys
 * mean is decided behind them: ^C, ^Z and ^D reach who reads. When COMMAND stops, so do we, with our process group; when we are
 * continued, so is COMMAND.
 *
 * One command at a time, from the loop's thread. From prepare to free the passed-on signals (with a terminal of ours TSTP, CONT,
 * WINCH, TTIN and TTOU as well) are blocked, in this thread and in those it makes, so they do not end us; SIGPIPE is ignored in
 * this process for good.
 */
#ifndef RN_GATEWAY_COMMAND_H
#define RN_GATEWAY_COMMAND_H

#include "base/bytes.h"
#include "base/status.h"
#include "gateway/loop.h"
#include "gateway/streams.h"

struct rn_command;

enum rn_stdin_mode {
    RN_STDIN_INHERIT, /* ours as it is; of a terminal its keys */
    /*
     * Ours is read, given to on_output as stream 0, and passed on. A file is not passed on: COMMAND has it itself, and what
     * it read is told; at the end also the rest, where the whole is no longer than RN_STDIN_FILE_BYTES_MAX.
     */
    RN_STDIN_COPY,
    RN_STDIN_GIVEN, /* `given`, then end of file; on a terminal an end of file whenever one is read */
    RN_STDIN_NULL
};

struct rn_command_settings {
    char *const *argv;        /* argv[0] is looked up in PATH of `environment` */
    char *const *environment; /* NULL-terminated "NAME=value" */
    const char *cwd;          /* NULL: ours */
    enum rn_stdin_mode stdin_mode;
    struct rn_bytes given; /* borrowed until exit */
    /*
     * What the three are to be; NULL: stdout and stderr pipes, stdin what its mode says. What is 'n', '-' or 'c' on stdout and
     * stderr: the null device, closed, a pipe.
     */
    const struct rn_streams *streams;
    bool fixed_size; /* a terminal keeps the size in `streams`; else it has that of ours, always */
    /*
     * Copy stdout and stderr to ours as well. While ours is slow the child's pipe fills up; when ours breaks, the child's
     * breaks. Where ours is closed nothing is copied.
     */
    bool pass_output;
};

struct rn_command_handler {
    void *self;
    /*
     * stream 1 and 2: what the child wrote; 0: what it was given to read (RN_STDIN_COPY), read up to 64 KB ahead of it. What
     * comes out of a terminal, echo included, is of the lower one of stdout and stderr that is that terminal, and of none
     * where only stdin is. The bytes are lent during the call. The command must not be freed here.
     */
    void (*on_output)(void *self, int stream, struct rn_bytes bytes);
    /*
     * The child ended, what it had written was read and, with pass_output, taken by our stdout and stderr. Processes it left
     * behind do not delay this. `status` as wait(2) gives it. The command may be freed here.
     */
    void (*on_exit)(void *self, int status);
};

/*
 * Forks the child, which waits for rn_command_release before it executes anything. Call it before a loop or store exists.
 * The settings are copied where the child needs them. RN_IO, RN_NOMEM with a sentence.
 */
enum rn_status rn_command_prepare(const struct rn_command_settings *settings,
                                  struct rn_command **out, struct rn_error *error);
/*
 * Lets the child execute COMMAND with `environment` (NULL: that of the settings), which may name ports that were not known
 * before, and watches it on `loop`. RN_NOTFOUND (exit 127) or RN_REFUSED (exit 126) with a sentence when the command
 * cannot be executed; RN_IO (ours: 125) when its directory cannot be entered or it cannot be told its environment; RN_NOMEM. After an error only
 * rn_command_free is left to call. The handler's struct is copied. Blocks for as long as exec takes.
 */
enum rn_status rn_command_release(struct rn_command *command, struct rn_loop *loop,
                                  char *const *environment,
                                  const struct rn_command_handler *handler, struct rn_error *error);
long rn_command_pid(const struct rn_command *command);
/*
 * RN_OK: all that COMMAND read and wrote came through, as far as somebody took it (a reader that left is none of our business).
 * RN_IO with a sentence: a read or a write of ours failed otherwise, as on a full disk; the stream ended there for COMMAND as
 * well where it is no file. *unseen: on_output was not given all of it either. For on_exit and later.
 */
enum rn_status rn_command_streams(const struct rn_command *command, bool *unseen,
                                  struct rn_error *error);
/* How often COMMAND read an end of file from a terminal that nobody types at. */
unsigned rn_command_ends_read(const struct rn_command *command);
/*
 * Kills a child that still waits or runs (SIGTERM, after RN_COMMAND_GRACE_MS SIGKILL), reaps it and frees everything, before
 * the loop. NULL is fine.
 */
void rn_command_free(struct rn_command *command);

/* The exit status a shell would give: the code, or 128 + signal. */
int rn_command_shell_status(int wait_status);

#endif
