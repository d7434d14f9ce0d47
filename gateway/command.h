/*
 * Running COMMAND: environment, working directory, pipes, signals, exit status.
 *
 * The child is forked before anything else is opened and waits; it inherits no descriptor of ours, and descriptors, signal
 * dispositions and mask as we were given them (inherited.h). Signals that are sent to us (HUP, INT, QUIT, TERM, USR1, USR2) are
 * passed on; those a terminal sends to the whole group (INT, QUIT by key) are not sent twice. Terminals come later:
 * stdout and stderr are pipes for now.
 *
 * One command at a time, from the loop's thread. From prepare to free the passed-on signals are blocked (in this thread and
 * in those it makes), so they do not end us; SIGPIPE is ignored in this process for good.
 */
#ifndef RN_GATEWAY_COMMAND_H
#define RN_GATEWAY_COMMAND_H

#include "base/bytes.h"
#include "base/status.h"
#include "gateway/loop.h"

struct rn_command;

enum rn_stdin_mode {
    RN_STDIN_INHERIT, /* a terminal, or what must not be read ahead */
    RN_STDIN_COPY,    /* ours is read, given to on_output as stream 0, and passed on */
    RN_STDIN_GIVEN,   /* `given`, then end of file */
    RN_STDIN_NULL
};

struct rn_command_settings {
    char *const *argv;        /* argv[0] is looked up in PATH of `environment` */
    char *const *environment; /* NULL-terminated "NAME=value" */
    const char *cwd;          /* NULL: ours */
    enum rn_stdin_mode stdin_mode;
    struct rn_bytes given; /* borrowed until exit */
    /*
     * Copy stdout and stderr to ours as well. While ours is slow the child's pipe fills up; when ours breaks, the child's
     * breaks.
     */
    bool pass_output;
};

struct rn_command_handler {
    void *self;
    /*
     * stream 1 and 2: what the child wrote; 0: what it was given to read (RN_STDIN_COPY), read up to 64 KB ahead of it. The
     * bytes are lent during the call. The command must not be freed here.
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
 * cannot be executed; RN_IO (ours: 125) when its directory cannot be entered; RN_NOMEM. After an error only
 * rn_command_free is left to call. The handler's struct is copied. Blocks for as long as exec takes.
 */
enum rn_status rn_command_release(struct rn_command *command, struct rn_loop *loop,
                                  char *const *environment,
                                  const struct rn_command_handler *handler, struct rn_error *error);
long rn_command_pid(const struct rn_command *command);
/*
 * Kills a child that still waits or runs (SIGTERM, after RN_COMMAND_GRACE_MS SIGKILL), reaps it and frees everything, before
 * the loop. NULL is fine.
 */
void rn_command_free(struct rn_command *command);

/* The exit status a shell would give: the code, or 128 + signal. */
int rn_command_shell_status(int wait_status);

#endif
