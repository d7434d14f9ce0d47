/*
 * What the files of a running COMMAND share: command.c (its life and its signals), command_wiring.c (descriptors between us and
 * it), command_child.c (between fork and exec), command_monitor.c (who leads its session when it has a terminal), command_io.c
 * (its streams), command_follow.c (streams that are files) and command_terminal.c (our own terminal beside its).
 */
#ifndef RN_GATEWAY_COMMAND_INTERNAL_H
#define RN_GATEWAY_COMMAND_INTERNAL_H

#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "base/buffer.h"
#include "command.h"

/* --- command_wiring.c ---------------------------------------------------------------------------------------------- */

/* In the place of a descriptor: the child is to have none. */
#define RN_CHILD_CLOSED (-2)

/* Descriptors the child is to use, each 3 or more; -1: nothing of the kind. */
struct rn_child_wiring {
    int streams[3]; /* become 0, 1 and 2; -1 keeps ours */
    int go;         /* the environment is read from here */
    int failure;    /* struct rn_child_failure is written here; closed by a successful exec */
    /* With a terminal there is a monitor between us and COMMAND. */
    int control;           /* -1: no terminal */
    int terminal;          /* becomes the controlling one */
    int own;               /* ours, so that it is restored though we are killed; -1 */
    struct termios before; /* how that one was */
    bool foreground;       /* COMMAND has its terminal from the start */
};

/* Both sides, while they are opened. */
struct rn_wiring {
    struct rn_child_wiring child;
    int go;
    int failure;
    int control;
    int feed; /* our end of stdin: pipe or socket; -1 */
    int outputs
        [3]; /* our ends: pipe, socket or terminal of stream 1 and 2; 0: of a terminal that is stdin alone */
    int files[3]; /* files that are read behind the child's back: its stdin, stdout, stderr */
    bool is_terminal[3]; /* what that output is */
    int keys;            /* where keys go: the controlling terminal */
};

/* What each stream is to be when `settings->streams` is NULL, too. */
void rn_wiring_kinds(const struct rn_command_settings *settings, char kinds[3]);
/*
 * `own` is our terminal, or -1. RN_IO with errno when descriptors, files or terminals ran out, with a sentence where it was
 * terminals. rn_wiring_close in every case.
 */
enum rn_status rn_wiring_open(struct rn_wiring *wiring, const struct rn_command_settings *settings,
                              int own, struct rn_error *error);
/* Closes all that is still in it: what was taken out of it is -1. */
void rn_wiring_close(struct rn_wiring *wiring);
/* Out of the way of 0, 1 and 2, which may have been closed when we were started. */
bool rn_wiring_lift(int *descriptor);

/* --- command_child.c ----------------------------------------------------------------------------------------------- */

/* Where a child failed, told through its failure pipe with errno. */
enum rn_child_stage { RN_CHILD_SETUP, RN_CHILD_DIRECTORY, RN_CHILD_EXECUTE };

struct rn_child_failure {
    enum rn_child_stage stage;
    int cause;
};

/* What comes through `go`: this length and so many bytes of "NAME=value\0"; the marker means the settings' environment. */
#define RN_CHILD_OWN_ENVIRONMENT UINT64_MAX

_Noreturn void rn_child_run(const struct rn_command_settings *settings,
                            const struct rn_child_wiring *wiring);

/* --- command_monitor.c --------------------------------------------------------------------------------------------- */

/* What goes over the control socket, a packet each. */
enum rn_monitor_word {
    /* to us */
    RN_MONITOR_BEGUN,   /* number: COMMAND's process */
    RN_MONITOR_STOPPED, /* number: the signal */
    RN_MONITOR_ENDED,   /* number: status as wait(2) gives it */
    /* to the monitor */
    RN_MONITOR_SIGNAL,     /* number: a signal for COMMAND */
    RN_MONITOR_GROUP,      /* number: a signal for the group in the foreground of its terminal */
    RN_MONITOR_FOREGROUND, /* COMMAND gets its terminal and goes on */
    RN_MONITOR_BACKGROUND, /* it loses it and goes on */
    RN_MONITOR_CONTINUE,
    RN_MONITOR_RESIZED /* its terminal has another size */
};

struct rn_monitor_message {
    int word;
    int number;
};

/* In the child: begins a session with that controlling terminal. False with errno. */
bool rn_monitor_lead(const struct rn_child_wiring *wiring);
/*
 * Forks once more. Returns in what becomes COMMAND; who called becomes its monitor and never returns. False: no process,
 * with errno.
 */
bool rn_monitor_split(const struct rn_child_wiring *wiring);
bool rn_monitor_say(int control, enum rn_monitor_word word, int number);

/* --- command_io.c -------------------------------------------------------------------------------------------------- */

/* From a pipe, terminal or file of the child's to on_output and, if wanted, to our own descriptor. */
struct rn_outlet {
    struct rn_command *command;
    int stream; /* 1 or 2; 0: a terminal that is stdin alone, whose echo is nobody's output */
    int target; /* our descriptor */
    int pipe;   /* our end, or -1 once it is closed */
    bool is_terminal;
    int file; /* instead: what it writes, read behind its back; or -1 */
    uint64_t at;
    struct rn_watch *watch;
    bool pass;
    bool pollable;    /* writing to ours can block */
    bool to_terminal; /* ours is one */
    struct rn_watch *ours;
    struct rn_buffer queue; /* read and not yet written to ours */
    size_t written;         /* of the queue */
    bool full;              /* we stopped reading until the queue is short again */
    bool child_gone;
    uint64_t left; /* once it is gone: bytes it had left there at most */
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
    int file; /* instead: our stdin, which it has itself; followed as far as it reads; or -1 */
    uint64_t at;
};

/* --- command_terminal.c -------------------------------------------------------------------------------------------- */

/* Our terminal beside the one COMMAND has. */
struct rn_terminal {
    struct rn_command *command;
    int own;         /* ours, whose keys are relayed; -1: none */
    int master;      /* where keys go; -1: COMMAND has no terminal */
    bool eager;      /* COMMAND has its terminal from the start; else once it asks for it */
    bool foreground; /* it has it now */
    bool follows;    /* its size is that of ours */
    bool raw;        /* ours passes every key on as it is */
    struct termios before;
    struct rn_watch *keys;
    struct rn_watch *writable;
    struct rn_buffer queue;
    struct rn_bytes rest;
    struct rn_timer *timer; /* gives ends of file where there are no keys */
    int slave;              /* COMMAND's side, to see whether the last end was taken */
    unsigned ends;          /* given so far */
    unsigned ends_read;
    unsigned key_ends; /* given while COMMAND read single keys */
    int last_word; /* to who takes no end for an end: SIGTERM, then SIGKILL */
};

/* The first read or write of a stream that failed. */
struct rn_stream_failure {
    int stream;
    bool is_read;
    int cause; /* 0: none did */
};

enum rn_command_state { RN_COMMAND_WAITS, RN_COMMAND_RUNS, RN_COMMAND_ENDED };

struct rn_command {
    enum rn_command_state state;
    int pid; /* our child: COMMAND, or its monitor */
    int pidfd;
    bool reaped;
    int go;
    int failure;
    int control; /* to the monitor, or -1 */
    int command_pid;
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
    struct rn_watch *control_watch;
    struct rn_watch *signal_watch;
    struct rn_inlet inlet;
    struct rn_outlet outlets[3]; /* by stream */
    struct rn_timer *follow;
    uint64_t follow_ns; /* until it looks again */
    struct rn_terminal terminal;
    uint8_t *scratch; /* RN_SCRATCH_BYTES */
    struct rn_stream_failure failed;
    bool unseen; /* on_output was not given all */
};

#define RN_SCRATCH_BYTES ((size_t)64 * 1024)

/* Begins to move bytes. False when memory or descriptors ran out. */
bool rn_command_io_start(struct rn_command *command);
/* The child ended: no more input; what it left in its pipes is the rest. */
void rn_command_io_child_gone(struct rn_command *command);
/* What stands in its terminals is passed on now, as far as ours takes it. */
void rn_command_io_catch_up(struct rn_command *command);
/* Its terminals go away under it, as when a line is cut. */
void rn_command_io_hang_up(struct rn_command *command);
/* Whether everything it wrote was read and, if wanted, passed on. */
bool rn_command_io_is_drained(const struct rn_command *command);
/* Closes what is open. Safe on a command that never started. */
void rn_command_io_end(struct rn_command *command);
/* Bytes of that stream could not be read (nobody gets them), or not be written to ours. */
void rn_command_note_failure(struct rn_command *command, int stream, bool is_read, int cause);
/* Bytes the child wrote, to whom they concern. They are lent. */
void rn_outlet_take(struct rn_outlet *outlet, struct rn_bytes bytes);
/* Whether it can be waited for; regular files and the like are always ready, and epoll refuses them. */
bool rn_command_can_wait_for(int descriptor);
bool rn_command_is_ready(int descriptor, short events);
bool rn_command_must_wait(int cause);

/* --- command_follow.c ---------------------------------------------------------------------------------------------- */

/* Looks after the streams that are files, if there are any. False without memory. */
bool rn_follow_start(struct rn_command *command);
/* What stands in the outlet's file and was not read yet, as far as ours takes it. */
void rn_follow_outlet(struct rn_outlet *outlet);
/* The child ended: what its stdin still held is part of what it was given. */
void rn_follow_child_gone(struct rn_command *command);
void rn_follow_end(struct rn_command *command);

/* --- command_terminal.c -------------------------------------------------------------------------------------------- */

/* Before the fork: which of ours it is, and how it is. */
void rn_terminal_choose(struct rn_terminal *terminal, const struct rn_command_settings *settings);
/* All that can fail, then our terminal is made ready. False when memory or descriptors ran out. */
bool rn_terminal_start(struct rn_command *command);
/* COMMAND runs. */
void rn_terminal_begin(struct rn_command *command);
/* Signals beside those that are passed on in any case; true: it was dealt with. */
bool rn_terminal_signal(struct rn_command *command, const struct signalfd_siginfo *info);
/* COMMAND was stopped by that signal. */
void rn_terminal_stopped(struct rn_command *command, int number);
/* Ours is as it was. */
void rn_terminal_restore(struct rn_terminal *terminal);
/* COMMAND ended: no key is for it. What it printed last is still to be passed on, as it is. */
void rn_terminal_rest(struct rn_terminal *terminal);
/* Ours is as it was, and COMMAND's is no longer there. */
void rn_terminal_hang_up(struct rn_terminal *terminal);
void rn_terminal_end(struct rn_command *command);
/* Signals of a terminal that are to wait for the signalfd while ours is relayed. */
#define RN_TERMINAL_SIGNALS SIGTSTP, SIGCONT, SIGWINCH, SIGTTIN, SIGTTOU

/* --- command.c ----------------------------------------------------------------------------------------------------- */

/* Calls on_exit if the time has come. The command may be gone afterwards. */
void rn_command_settle(struct rn_command *command);

#endif
