/*
 * A process and all that came of it, ended together: what a command started does not end with the command.
 *
 * In comes the number of a child of ours that was not waited for yet; nothing comes out. Who has left the family (its parent
 * ended, so that init has it now) is not found. It declines to know why.
 */
#include "family.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GENERATIONS_MAX 64u
/* A process that waits for a disk stops when it is done; so often, a millisecond apart, is looked whether it has. */
#define LOOKS_MAX 100u

/* "7 (some (name) S 3 ...": the S and the 3. Names may hold anything, so the last bracket counts. False: it is gone. */
static bool look_at(int pid, char *state, int *parent)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) {
        (void)close(file);
    }
    text[got < 0 ? 0 : got] = '\0';
    const char *behind = strrchr(text, ')');
    return behind != NULL && sscanf(behind, ") %c %d", state, parent) == 2;
}

/* Or it would have more children while these are looked for. The signal alone takes its time. */
static void stop(int pid)
{
    char state = 'R';
    int parent;
    (void)kill(pid, SIGSTOP);
    for (unsigned i = 0; i < LOOKS_MAX && look_at(pid, &state, &parent); i++) {
        if (strchr("TtZX", state) != NULL) {
            return;
        }
        (void)poll(NULL, 0, 1);
    }
}

static void kill_from(int pid, unsigned generation)
{
    char state;
    int parent;
    stop(pid);
    DIR *processes = generation < GENERATIONS_MAX ? opendir("/proc") : NULL;
    const struct dirent *entry;
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        int other = (int)strtol(entry->d_name, NULL, 10); /* 0: no process */
        if (other > 0 && look_at(other, &state, &parent) && parent == pid) {
            kill_from(other, generation + 1);
        }
    }
    if (processes != NULL) {
        (void)closedir(processes);
    }
    (void)kill(pid, SIGKILL);
}

void rn_family_kill(int pid)
{
    kill_from(pid, 0);
}
