/*
 * What the files of a running COMMAND share: command.c (its life and its signals), command_child.c (between fork and exec)
 * and command_io.c (its three streams).
 */
#ifndef RN_GATEWAY_COMMAND_INTERNAL_H
#define RN_GATEWAY_COMMAND_INTERNAL_H

#include <signal.h>

#include "base/buffer.h"
#include "command.h"

/* --- command_child.c ----------------------------------------------------------------------------------------------- */

/* Where a child failed, told through its failure pipe with errno. */
enum rn_child_stage { RN_CHILD_SETUP, RN_CHILD_DIRECTORY, RN_CHILD_EXECUTE };

struct rn_child_failure {
    enum rn_child_stage stage;
    int cause;
};

/* Descriptors the child is to use, each 3 or more; -1: nothing of the kind. */
struct rn_child_wiring {
    int streams[3]; /* become 0, 1 and 2; -1 keeps ours */
    int go;         /* the environment is read from here */
    int failure;    /* struct rn_child_failure is written here; closed by a successful exec */
};

/* What comes through `go`: this length and so many bytes of "NAME=value\0"; the marker means the settings' environment. */
#define RN_CHILD_OWN_ENVIRONMENT UINT64_MAX

_Noreturn void rn_child_run(const struct rn_command_settings *settings,
                            const struct rn_child_wiring *wiring);

/* --- command_io.c -------------------------------------------------------------------------------------------------- */

/* From a pipe of the child's to on_output and, if wanted, to our own descriptor of the same number. */
struct rn_outlet {
    struct rn_command *command;
    int stream; /* 1 or 2; our descriptor, too */
    int pipe;   /* our end, or -1 once it is closed */
    struct rn_watch *watch;
    bool pass;
    bool pollable; /* writing to ours can block */
    struct rn_watch *ours;
    struct rn_buffer queue; /* read and not yet written to ours */
    size_t written;         /* of the queue */
    bool full;              /* we stopped reading until the queue is short again */
    bool child_gone;
    size_t left; /* once it is gone: bytes it had left in the pipe */
};

/* What the child reads. */
struct rn_inlet {
    struct rn_command *command;
    enum rn_stdin_mode mode;
    int pipe; /* our end, or -1 */
    struct rn_watch *watch;
    bool pollable;         /* RN_STDIN_COPY: ours can be waited for */
    struct rn_watch *ours; /* only then */
    struct rn_buffer queue;
    struct rn_bytes rest; /* not yet taken by the child: of the queue or of what was given */
};

enum rn_command_state { RN_COMMAND_WAITS, RN_COMMAND_RUNS, RN_COMMAND_ENDED };

struct rn_command {
    enum rn_command_state state;
    int pid;
    int pidfd;
    int go;
    int failure;
    int signals; /* signalfd */
    int wait_status;
    bool masked;
    bool told; /* on_exit was called */
    sigset_t mask_before;
    char *name;
    char *cwd;
    struct rn_loop *loop;
    struct rn_command_handler handler;
    struct rn_watch *exit_watch;
    struct rn_watch *signal_watch;
    struct rn_inlet inlet;
    struct rn_outlet outlets[2];
    uint8_t *scratch; /* RN_SCRATCH_BYTES */
};

#define RN_SCRATCH_BYTES ((size_t)64 * 1024)

/* Begins to move bytes. False when memory or descriptors ran out. */
bool rn_command_io_start(struct rn_command *command);
/* The child ended: no more input; what it left in its pipes is the rest. */
void rn_command_io_child_gone(struct rn_command *command);
/* Whether everything it wrote was read and, if wanted, passed on. */
bool rn_command_io_is_drained(const struct rn_command *command);
/* Closes what is open. Safe on a command that never started. */
void rn_command_io_end(struct rn_command *command);

/* --- command.c ----------------------------------------------------------------------------------------------------- */

/* Calls on_exit if the time has come. The command may be gone afterwards. */
void rn_command_settle(struct rn_command *command);

#endif
