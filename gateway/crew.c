/*
 * Jobs in processes of their own: fork, wait, collect, tell in order.
 *
 * In come a number of jobs and what to do in each; out go their results, their output and their ends, in order of jobs. It
 * has no loop: a parent that only waits needs poll and nothing else. It declines to know what a job is about.
 */
#include "crew.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "family.h"

#define NS_PER_MS UINT64_C(1000000)
#define CHUNK_BYTES ((size_t)64 * 1024)
#define BACKLOG 64u /* jobs that ended and wait for an earlier one: each may hold two files */

static const int passed_on[] = {SIGHUP, SIGINT, SIGTERM};

enum state { IDLE, RUNS, ENDED };
/* What a job was told about its end: to think of it (a signal passed on), to end (SIGTERM), nothing more (SIGKILL). */
enum urge { NONE, ASKED, TOLD, KILLED };

/* One job that runs, or that has ended and waits for its turn. Job `i` has slot `i % slot_count`. */
struct slot {
    enum state state;
    int pid;
    int pidfd;
    int pipe; /* its result comes here; -1 once it is whole */
    int status;
    int files[2]; /* RN_CREW_WHOLE: what it prints; the same one twice where ours are one */
    bool spilled; /* it sent more than it may: a result nobody can trust is none */
    enum urge urge;
    bool expired;    /* its time was up */
    uint64_t due_ns; /* when it is urged further; 0: not by the clock */
    struct rn_buffer result;
};

struct crew {
    const struct rn_crew_settings *settings;
    struct slot *slots;
    size_t slot_count;
    struct pollfd *polled; /* the signals, then one for each job that runs */
    struct slot **waiting; /* whose each of `polled` is, the first aside */
    size_t begun;          /* jobs that were started: all below this number */
    size_t told;           /* jobs whose end was told: all below this number */
    size_t ended;
    size_t running;
    int signals;
    int *signal_number; /* the caller's */
    sigset_t mask_before;
    struct sigaction pipe_before;
    uint8_t *chunk;
};

static void close_one(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

static void close_files(struct slot *slot)
{
    if (slot->files[1] == slot->files[0]) {
        slot->files[1] = -1;
    }
    close_one(&slot->files[0]);
    close_one(&slot->files[1]);
}

/* --- what a job prints --------------------------------------------------------------------------------------------- */

/* 2>&1: then what is written to one stands behind what is written to the other, here as well. */
static bool ours_are_one(void)
{
    struct stat out;
    struct stat err;
    return fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
           out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

static bool open_files(const struct crew *crew, struct slot *slot)
{
    slot->files[0] = slot->files[1] = -1;
    if (crew->settings->output != RN_CREW_WHOLE) {
        return true;
    }
    slot->files[0] = rn_file_open_unlinked();
    slot->files[1] =
        slot->files[0] < 0 || ours_are_one() ? slot->files[0] : rn_file_open_unlinked();
    return slot->files[0] >= 0 && slot->files[1] >= 0;
}

/* Whoever reads us may have gone; then there is nobody to write for, and the jobs go on. */
static void copy_file(struct crew *crew, int from, int to)
{
    ssize_t got = lseek(from, 0, SEEK_SET) == 0 ? 1 : 0;
    while (got > 0) {
        got = read(from, crew->chunk, CHUNK_BYTES);
        if (got > 0 && rn_file_write_all(to, rn_bytes_of(crew->chunk, (size_t)got)) != RN_OK) {
            return;
        }
    }
}

static void copy_output(struct crew *crew, const struct slot *slot)
{
    if (slot->files[0] < 0) {
        return;
    }
    if (crew->settings->before_output != NULL) {
        crew->settings->before_output(crew->settings->self);
    }
    copy_file(crew, slot->files[0], STDOUT_FILENO);
    if (slot->files[1] != slot->files[0]) {
        copy_file(crew, slot->files[1], STDERR_FILENO);
    }
}

/* --- the child ----------------------------------------------------------------------------------------------------- */

/* Our streams become the job's. It reads nothing: a stdin that all share would go to whoever comes first. */
static bool put_in_place(const struct crew *crew, const struct slot *slot)
{
    int null = open("/dev/null", O_RDWR);
    bool silent = crew->settings->output == RN_CREW_SILENT;
    int out = silent ? null : slot->files[0];
    int err = silent ? null : slot->files[1];
    bool good = null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
                (out < 0 || dup2(out, STDOUT_FILENO) >= 0) &&
                (err < 0 || dup2(err, STDERR_FILENO) >= 0);
    if (null > STDERR_FILENO) {
        (void)close(null);
    }
    return good;
}

/* What belongs to the parent or to other jobs is no business of this one. */
static void close_others(struct crew *crew)
{
    close_one(&crew->signals);
    for (size_t i = 0; i < crew->slot_count; i++) {
        close_one(&crew->slots[i].pidfd);
        close_one(&crew->slots[i].pipe);
        close_files(&crew->slots[i]);
    }
}

static _Noreturn void be_child(struct crew *crew, const struct slot *slot, size_t index, int pipe,
                               int parent)
{
    struct rn_buffer result;
    int status = RN_CREW_BROKEN;
    rn_buffer_init(&result, RN_CREW_RESULT_BYTES_MAX);
    /* A job must not outlive a parent that was killed: its command gets the signal passed on. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)sigaction(SIGPIPE, &crew->pipe_before, NULL);
    if (getppid() == parent && put_in_place(crew, slot)) {
        close_others(crew);
        (void)pthread_sigmask(SIG_SETMASK, &crew->mask_before, NULL);
        status = crew->settings->work(crew->settings->self, index, &result);
        (void)fflush(stdout);
        (void)fflush(stderr);
    }
    if (rn_file_write_all(pipe, rn_buffer_bytes(&result)) != RN_OK) {
        status = RN_CREW_BROKEN;
    }
    _exit(status);
}

/* --- time ---------------------------------------------------------------------------------------------------------- */

static uint64_t due_in(uint64_t ns)
{
    return ns == 0 ? 0 : rn_clock_mono_ns() + ns;
}

/* One step further. Not reaped yet, so the number is still its own. */
static void press(const struct crew *crew, struct slot *slot)
{
    if (slot->urge < TOLD) {
        slot->urge = TOLD;
        slot->due_ns = due_in(crew->settings->grace_ns);
        (void)kill(slot->pid, SIGTERM);
    } else {
        slot->urge = KILLED;
        slot->due_ns = 0;
        rn_family_kill(slot->pid);
    }
}

static void press_who_is_due(struct crew *crew)
{
    for (size_t i = 0; i < crew->slot_count; i++) {
        struct slot *slot = &crew->slots[i];
        if (slot->state == RUNS && slot->due_ns != 0 && slot->due_ns <= rn_clock_mono_ns()) {
            slot->expired = slot->expired || slot->urge == NONE;
            press(crew, slot);
        }
    }
}

/* For poll: until the first is due, rounded up; -1 where none is. */
static int wait_ms(const struct crew *crew)
{
    uint64_t first = 0;
    for (size_t i = 0; i < crew->slot_count; i++) {
        const struct slot *slot = &crew->slots[i];
        if (slot->state == RUNS && slot->due_ns != 0 && (first == 0 || slot->due_ns < first)) {
            first = slot->due_ns;
        }
    }
    uint64_t now = rn_clock_mono_ns();
    uint64_t left_ms = first <= now ? 0 : (first - now + NS_PER_MS - 1) / NS_PER_MS;
    return first == 0 ? -1 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* --- beginning ----------------------------------------------------------------------------------------------------- */

/* Out of the way of 0, 1 and 2, which may have been closed when we were started. */
static bool lift(int *descriptor)
{
    if (*descriptor < 0 || *descriptor > STDERR_FILENO) {
        return *descriptor >= 0;
    }
    int lifted = fcntl(*descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    (void)close(*descriptor);
    *descriptor = lifted;
    return lifted >= 0;
}

static bool begin(struct crew *crew, size_t index)
{
    struct slot *slot = &crew->slots[index % crew->slot_count];
    int ends[2] = {-1, -1};
    int parent = (int)getpid();
    assert(slot->state == IDLE);
    bool good =
        pipe2(ends, O_CLOEXEC) == 0 && lift(&ends[0]) && lift(&ends[1]) && open_files(crew, slot);
    if (good) {
        (void)fflush(stdout); /* or the child would say it again */
        (void)fflush(stderr);
        slot->pid = fork();
        if (slot->pid == 0) {
            close_one(&ends[0]);
            be_child(crew, slot, index, ends[1], parent);
        }
        good = slot->pid > 0;
    }
    int cause = errno;
    close_one(&ends[1]);
    if (!good) {
        close_one(&ends[0]);
        close_files(slot);
        errno = cause;
        return false;
    }
    slot->pidfd = (int)syscall(SYS_pidfd_open, slot->pid, 0);
    slot->pipe = ends[0];
    slot->state = RUNS;
    slot->urge = NONE;
    slot->expired = false;
    slot->due_ns = due_in(crew->settings->limit_ns);
    crew->begun++;
    crew->running++;
    return true;
}

static void tell_progress(const struct crew *crew)
{
    if (crew->settings->progress != NULL) {
        crew->settings->progress(crew->settings->self, crew->ended, crew->running);
    }
}

static bool may_begin(const struct crew *crew)
{
    return *crew->signal_number == 0 && crew->begun < crew->settings->jobs &&
           crew->running < crew->settings->at_once && crew->begun < crew->told + crew->slot_count;
}

/* As many as may. Where no process can be had while others run, theirs may be had when they end. */
static enum rn_status begin_some(struct crew *crew, struct rn_error *error)
{
    while (may_begin(crew)) {
        if (begin(crew, crew->begun)) {
            tell_progress(crew);
        } else if (crew->running > 0) {
            return RN_OK;
        } else {
            return rn_fail(error, RN_IO, "no process or file for one more job could be had: %s",
                           strerror(errno));
        }
    }
    return RN_OK;
}

/* --- ending -------------------------------------------------------------------------------------------------------- */

static void read_result(struct crew *crew, struct slot *slot)
{
    ssize_t got = read(slot->pipe, crew->chunk, CHUNK_BYTES);
    if (got > 0 && !slot->spilled) {
        slot->spilled = rn_buffer_append(&slot->result, crew->chunk, (size_t)got) != RN_OK;
    }
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        close_one(&slot->pipe);
    }
}

static void reap(struct crew *crew, struct slot *slot)
{
    int got;
    do {
        got = waitpid(slot->pid, &slot->status, 0);
    } while (got < 0 && errno == EINTR);
    close_one(&slot->pidfd);
    slot->state = ENDED;
    crew->ended++;
    crew->running--;
    tell_progress(crew);
}

/* The ends that are due, in order of jobs. */
static void tell_ends(struct crew *crew)
{
    for (; crew->told < crew->begun; crew->told++) {
        struct slot *slot = &crew->slots[crew->told % crew->slot_count];
        if (slot->state != ENDED) {
            return;
        }
        struct rn_bytes result =
            slot->spilled ? rn_bytes_of(NULL, 0) : rn_buffer_bytes(&slot->result);
        copy_output(crew, slot);
        if (slot->expired && crew->settings->expired != NULL) {
            crew->settings->expired(crew->settings->self, crew->told);
        }
        if (crew->settings->done != NULL) {
            crew->settings->done(crew->settings->self, crew->told, slot->status, result);
        }
        close_files(slot);
        rn_buffer_free(&slot->result);
        rn_buffer_init(&slot->result, RN_CREW_RESULT_BYTES_MAX);
        slot->spilled = false;
        slot->state = IDLE;
    }
}

/* A key at the terminal reaches the whole group, the children included. */
static bool children_have_it(const struct signalfd_siginfo *info)
{
    return info->ssi_code == SI_KERNEL && info->ssi_signo == (uint32_t)SIGINT;
}

/* The first signal is passed on, and its job has the time of grace. Whoever sends another one does not mean to wait. */
static void take_signal(struct crew *crew, struct slot *slot, const struct signalfd_siginfo *info,
                        bool is_first)
{
    if (!is_first) {
        press(crew, slot);
        return;
    }
    if (!children_have_it(info)) {
        (void)kill(slot->pid, (int)info->ssi_signo);
    }
    if (slot->urge == NONE) {
        slot->urge = ASKED;
        slot->due_ns = due_in(crew->settings->grace_ns);
    }
}

static void take_signals(struct crew *crew)
{
    struct signalfd_siginfo info;
    while (read(crew->signals, &info, sizeof info) == sizeof info) {
        bool is_first = *crew->signal_number == 0;
        if (is_first) {
            *crew->signal_number = (int)info.ssi_signo;
        }
        for (size_t i = 0; i < crew->slot_count; i++) {
            if (crew->slots[i].state == RUNS) {
                take_signal(crew, &crew->slots[i], &info, is_first);
            }
        }
    }
}

/*
 * What is waited for: of each job that runs its pipe, then its pidfd. No place for those that do not run: poll refuses more
 * places than there may be descriptors, open or not.
 */
static size_t list_polled(struct crew *crew)
{
    size_t count = 0;
    crew->polled[count++] = (struct pollfd){.fd = crew->signals, .events = POLLIN};
    for (size_t i = 0; i < crew->slot_count; i++) {
        struct slot *slot = &crew->slots[i];
        if (slot->state == RUNS) {
            crew->waiting[count] = slot;
            crew->polled[count++] =
                (struct pollfd){.fd = slot->pipe >= 0 ? slot->pipe : slot->pidfd, .events = POLLIN};
        }
    }
    return count;
}

/* Waits for one thing to happen and deals with all that did. A pidfd that could not be had is waited for in its pipe. */
static void wait_once(struct crew *crew)
{
    size_t count = list_polled(crew);
    if (poll(crew->polled, (nfds_t)count, wait_ms(crew)) < 0) {
        return;
    }
    if (crew->polled[0].revents != 0) {
        take_signals(crew);
    }
    for (size_t i = 1; i < count; i++) {
        struct slot *slot = crew->waiting[i];
        bool reads = slot->pipe >= 0;
        if (reads && crew->polled[i].revents != 0) {
            read_result(crew, slot);
        }
        if (slot->pipe < 0 && (slot->pidfd < 0 || (!reads && crew->polled[i].revents != 0))) {
            reap(crew, slot);
        }
    }
    press_who_is_due(crew);
}

/* --- the whole ----------------------------------------------------------------------------------------------------- */

static enum rn_status open_crew(struct crew *crew, struct rn_error *error)
{
    const struct rn_crew_settings *settings = crew->settings;
    crew->slot_count = settings->at_once + BACKLOG;
    crew->slots = rn_calloc(crew->slot_count, sizeof *crew->slots);
    crew->polled = rn_calloc(1 + crew->slot_count, sizeof *crew->polled);
    crew->waiting = rn_calloc(1 + crew->slot_count, sizeof *crew->waiting);
    crew->chunk = rn_alloc(CHUNK_BYTES);
    if (crew->slots == NULL || crew->polled == NULL || crew->waiting == NULL ||
        crew->chunk == NULL) {
        crew->slot_count = 0;
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < crew->slot_count; i++) {
        struct slot *slot = &crew->slots[i];
        slot->pidfd = slot->pipe = slot->files[0] = slot->files[1] = -1;
        rn_buffer_init(&slot->result, RN_CREW_RESULT_BYTES_MAX);
    }
    return RN_OK;
}

static enum rn_status hold_signals(struct crew *crew, struct rn_error *error)
{
    sigset_t set;
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        (void)sigaddset(&set, passed_on[i]);
    }
    crew->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (!lift(&crew->signals)) {
        return rn_fail(error, RN_IO, "no descriptor for signals: %s", strerror(errno));
    }
    (void)pthread_sigmask(SIG_BLOCK, &set, &crew->mask_before);
    (void)sigaction(SIGPIPE, &ignored, &crew->pipe_before);
    return RN_OK;
}

/* A signal that came after the last job ended is taken as well: it would end us where our caller means to clean up. */
static void release_signals(struct crew *crew)
{
    take_signals(crew);
    (void)sigaction(SIGPIPE, &crew->pipe_before, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &crew->mask_before, NULL);
    close_one(&crew->signals);
}

static void close_crew(struct crew *crew)
{
    for (size_t i = 0; i < crew->slot_count; i++) {
        rn_buffer_free(&crew->slots[i].result);
    }
    rn_free(crew->slots);
    rn_free(crew->polled);
    rn_free(crew->waiting);
    rn_free(crew->chunk);
}

enum rn_status rn_crew_run(const struct rn_crew_settings *settings, int *signal_number,
                           struct rn_error *error)
{
    struct crew crew = {.settings = settings, .signals = -1, .signal_number = signal_number};
    assert(settings->at_once > 0 && settings->work != NULL);
    *signal_number = 0;
    enum rn_status status = open_crew(&crew, error);
    if (status == RN_OK) {
        status = hold_signals(&crew, error);
    }
    if (crew.signals >= 0) {
        status = begin_some(&crew, error);
        while (crew.running > 0) {
            wait_once(&crew);
            tell_ends(&crew);
            status = status == RN_OK ? begin_some(&crew, error) : status;
        }
        release_signals(&crew);
    }
    close_crew(&crew);
    return status;
}
