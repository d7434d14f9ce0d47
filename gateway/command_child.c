/*
 * The child between fork and exec: puts its descriptors in place, waits for its environment, becomes COMMAND.
 *
 * In come settings (its own copy, since it is a fork) and descriptors; out goes a program, or a stage and an errno. It leads
 * no loop, keeps nothing of ours open, and ends by itself when its parent is gone before saying go. What a terminal takes besides
 * is command_monitor.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "command_internal.h"
#include "inherited.h"

static _Noreturn void give_up(int failure, enum rn_child_stage stage)
{
    struct rn_child_failure told = {stage, errno};
    ssize_t put = write(failure, &told, sizeof told);
    (void)put; /* if the parent is gone nobody wants to know */
    _exit(127);
}

/* Moves the streams to 0..2. Beside what it and its monitor need only what it was given itself stays open. */
static bool put_in_place(const struct rn_child_wiring *wiring)
{
    const int kept[] = {wiring->go, wiring->failure, wiring->control, wiring->terminal,
                        wiring->own};
    for (int i = 0; i < 3; i++) {
        if (wiring->streams[i] >= 0 && dup2(wiring->streams[i], i) < 0) {
            return false;
        }
        if (wiring->streams[i] == RN_CHILD_CLOSED) {
            (void)close(i);
        }
    }
    return rn_inherited_close_others(kept, sizeof kept / sizeof kept[0]);
}

static bool read_exactly(int go, void *out, size_t len)
{
    for (uint8_t *at = out; len > 0;) {
        ssize_t got = read(go, at, len);
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            errno = got == 0 ? EPIPE : errno;
            return false;
        }
    }
    return true;
}

/* Cuts "NAME=value\0..." into a list. */
static char **list_of(char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        count += text[i] == '\0';
    }
    char **list = rn_alloc((count + 1) * sizeof(char *));
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = text;
        text += strlen(text) + 1;
    }
    list[count] = NULL;
    return list;
}

/* Waits. The list, or NULL with errno: the parent is gone or changed its mind, or could not tell all. */
static char **receive_environment(const struct rn_command_settings *settings, int go)
{
    uint64_t len;
    if (!read_exactly(go, &len, sizeof len)) {
        return NULL;
    }
    if (len == RN_CHILD_OWN_ENVIRONMENT) {
        return (char **)(uintptr_t)settings->environment; /* exec only reads it */
    }
    errno = ENOMEM;
    char *text = rn_alloc((size_t)len);
    return text == NULL || !read_exactly(go, text, (size_t)len) ? NULL : list_of(text, (size_t)len);
}

void rn_child_run(const struct rn_command_settings *settings, const struct rn_child_wiring *wiring)
{
    /* The mask and all other dispositions are still those we were given. */
    rn_inherited_signals();
    bool has_terminal = wiring->terminal >= 0;
    if (!put_in_place(wiring) || (has_terminal && !rn_monitor_lead(wiring))) {
        rn_inherited_limits();
        give_up(wiring->failure, RN_CHILD_SETUP);
    }
    char **environment = receive_environment(settings, wiring->go);
    if (environment == NULL) {
        give_up(wiring->failure, RN_CHILD_SETUP);
    }
    if (has_terminal && !rn_monitor_split(wiring)) {
        give_up(wiring->failure, RN_CHILD_SETUP);
    }
    if (settings->cwd != NULL && chdir(settings->cwd) != 0) {
        give_up(wiring->failure, RN_CHILD_DIRECTORY);
    }
    environ = environment; /* where execvp looks for PATH, and what it passes on */
    (void)execvp(settings->argv[0], settings->argv);
    give_up(wiring->failure, RN_CHILD_EXECUTE);
}
