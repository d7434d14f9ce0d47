/*
 * COMMAND once more: which one, where, with what to read; and whether it printed and ended as it did when recorded.
 * Private to replayer/.
 */
#ifndef RN_REPLAYER_RERUN_H
#define RN_REPLAYER_RERUN_H

#include "catalog.h"
#include "divergence.h"
#include "gateway/command.h"

/* A zeroed struct is an empty one. */
struct rn_rerun {
    struct rn_arena arena;
    char *const *argv;
    const char *cwd;    /* set it before preparing: there; NULL: the recorded one, or ours */
    const char *remark; /* what is not as recorded but no reason to stop, or NULL */
    struct rn_command *command;
    bool has_streams; /* the recording tells what COMMAND's streams were, and it gets the same */
    struct rn_streams streams;
    const char
        *term; /* what COMMAND's terminal was called, where it gets one again; NULL: it gets none */
    struct rn_buffer
        output[2];            /* stdout, stderr; where both are one terminal, all of it is stdout */
    uint64_t output_max[2]; /* so much is kept at most: longer than recorded is different enough */
    bool output_lost;         /* memory ran out while it came */
    struct rn_error unpassed; /* why its streams did not all come through; RN_OK: they did */
    bool released;
    bool ended;
    int wait_status;
    bool open_line; /* what it printed last, on whichever stream, was no end of a line */
    bool open_stderr_line;
    void (*on_exit)(void *self);
    void *self;
};
void rn_rerun_free(struct rn_rerun *rerun);

/* The recorded argv. False when there is none. Lives in the arena. */
bool rn_rerun_recorded_argv(const struct rn_catalog *catalog, struct rn_arena *arena,
                            char *const **argv);
/* Whether this user recorded this command: an HMAC with the user's key over argv, cwd and trace id (DESIGN 6.1). */
bool rn_rerun_is_ours(const struct rn_catalog *catalog);
/* Whether the recorded argv is not what was executed, because a credential in it was replaced. */
bool rn_rerun_is_redacted(const struct rn_catalog *catalog);

/*
 * Forks the child, which waits. `argv` must live as long as the rerun. Before a loop or a store is open. Its streams
 * are of the recorded kinds whatever ours are, and the recorded bytes of stdin are given again; the recorded directory is used
 * where it still exists.
 */
enum rn_status rn_rerun_prepare(struct rn_rerun *rerun, const struct rn_catalog *catalog,
                                char *const *argv, char *const *environment,
                                struct rn_error *error);
/* Lets it go. `on_exit` is called when it has ended and its pipes are drained. */
enum rn_status rn_rerun_release(struct rn_rerun *rerun, struct rn_loop *loop,
                                char *const *environment, void (*on_exit)(void *self), void *self,
                                struct rn_error *error);

/* "exit status 2", "signal 15"; NULL without memory. */
const char *rn_rerun_end_words(struct rn_arena *arena, int wait_status);
/* Whether the recording tells how its run ended: without that nothing can be compared. */
bool rn_rerun_has_end(const struct rn_catalog *catalog);
/*
 * The first difference in exit status and (unless `ignore_output`) in stdout, then stderr, or in the terminal that both were;
 * credentials compared by presence.
 * *differs says whether there is one; a finding is then made. RN_NOMEM.
 */
enum rn_status rn_rerun_compare(const struct rn_rerun *rerun, const struct rn_catalog *catalog,
                                struct rn_redactor *redactor, bool ignore_output,
                                struct rn_arena *arena, bool *differs, struct rn_finding *finding);

#endif
