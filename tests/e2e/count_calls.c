/*
 * Counts the system calls of a program, by thread and name, between moments at which it has nothing left to do:
 *
 *     count_calls DESCRIPTOR COMMAND [ARGUMENT...]
 *
 * DESCRIPTOR is one end of a socket pair. For each byte that comes there it waits until every thread sleeps in a system call
 * and stays there, and answers a line: for 't' the calls begun since the last 't', as JSON, with "loop" for the first thread and
 * "others"; for any other byte {}. Exit 77 where tracing is not allowed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MAX 64
#define CALLS_MAX 512
#define CALM_LOOKS 40 /* so often, a millisecond apart, nothing has happened */

struct thread {
    pid_t id;
    bool is_inside; /* of a system call */
};

static const struct {
    long number;
    const char *name;
} names[] = {{SYS_read, "read"},
             {SYS_write, "write"},
             {SYS_readv, "readv"},
             {SYS_writev, "writev"},
             {SYS_recvfrom, "recvfrom"},
             {SYS_recvmsg, "recvmsg"},
             {SYS_sendto, "sendto"},
             {SYS_sendmsg, "sendmsg"},
             {SYS_futex, "futex"},
             {SYS_close, "close"},
             {SYS_socket, "socket"},
             {SYS_connect, "connect"},
             {SYS_accept4, "accept4"},
             {SYS_fcntl, "fcntl"},
             {SYS_setsockopt, "setsockopt"},
             {SYS_getsockopt, "getsockopt"},
             {SYS_getsockname, "getsockname"},
             {SYS_getpeername, "getpeername"},
             {SYS_shutdown, "shutdown"},
             {SYS_ioctl, "ioctl"},
             {SYS_ppoll, "ppoll"},
             {SYS_epoll_ctl, "epoll_ctl"},
             {SYS_epoll_pwait, "epoll_wait"},
             {SYS_clock_gettime, "clock_gettime"},
             {SYS_clock_nanosleep, "clock_nanosleep"},
             {SYS_getrandom, "getrandom"},
             {SYS_pwrite64, "pwrite64"},
             {SYS_pread64, "pread64"},
             {SYS_fdatasync, "fdatasync"},
             {SYS_lseek, "lseek"},
             {SYS_statfs, "statfs"},
             {SYS_fstatfs, "fstatfs"},
             {SYS_mmap, "mmap"},
             {SYS_munmap, "munmap"},
             {SYS_mprotect, "mprotect"},
             {SYS_madvise, "madvise"},
             {SYS_brk, "brk"},
             {SYS_sched_yield, "sched_yield"},
#ifdef SYS_poll
             {SYS_poll, "poll"},
#endif
#ifdef SYS_epoll_wait
             {SYS_epoll_wait, "epoll_wait"},
#endif
             {SYS_rt_sigprocmask, "rt_sigprocmask"}};

static pid_t program;
static struct thread threads[THREADS_MAX];
static int thread_count;
static unsigned counts[2][CALLS_MAX]; /* of the first thread, of the others */

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "count_calls: %s: %s\n", what, strerror(errno));
    exit(77);
}

static struct thread *thread_of(pid_t id)
{
    for (int i = 0; i < thread_count; i++) {
        if (threads[i].id == id) {
            return &threads[i];
        }
    }
    if (thread_count == THREADS_MAX) {
        give_up("more threads than it can count");
    }
    threads[thread_count] = (struct thread){.id = id};
    return &threads[thread_count++];
}

static void forget(pid_t id)
{
    struct thread *gone = thread_of(id);
    *gone = threads[--thread_count];
}

static void note_call(pid_t id)
{
    struct thread *thread = thread_of(id);
    struct ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof info, &info) <= 0) {
        give_up("PTRACE_GET_SYSCALL_INFO");
    }
    thread->is_inside = info.op == PTRACE_SYSCALL_INFO_ENTRY;
    if (thread->is_inside && info.entry.nr < CALLS_MAX) {
        counts[id != program][info.entry.nr]++;
    }
}

/* One change of one thread; it goes on. Ends with the program. */
static void take(pid_t id, int status)
{
    int deliver = 0;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (id == program) {
            exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        }
        forget(id);
        return;
    }
    (void)thread_of(id);
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        note_call(id);
    } else if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP) {
        deliver = WSTOPSIG(status); /* a new thread's first stop is no signal of anybody's */
    }
    (void)ptrace(PTRACE_SYSCALL, id, 0, deliver);
}

static bool take_all(void)
{
    int status;
    pid_t id;
    bool any = false;
    while ((id = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        take(id, status);
        any = true;
    }
    return any;
}

static bool is_asleep(const struct thread *thread)
{
    char path[64];
    char text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/stat", program, thread->id);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t got = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[got] = '\0';
    const char *end = strrchr(text, ')');
    return thread->is_inside && end != NULL && end[1] == ' ' && end[2] == 'S';
}

static void await_calm(void)
{
    for (int calm = 0; calm < CALM_LOOKS; calm++) {
        bool moved = take_all();
        for (int i = 0; i < thread_count && !moved; i++) {
            moved = !is_asleep(&threads[i]);
        }
        calm = moved ? -1 : calm;
        (void)usleep(1000);
    }
}

static const char *name_of(long number, char space[24])
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].number == number) {
            return names[i].name;
        }
    }
    (void)snprintf(space, 24, "call %ld", number);
    return space;
}

static void answer(int control)
{
    static const char *const groups[] = {"{\"loop\":{", "},\"others\":{"};
    char space[24];
    FILE *out = fdopen(dup(control), "w");
    for (int group = 0; group < 2; group++) {
        const char *between = "";
        fputs(groups[group], out);
        for (long number = 0; number < CALLS_MAX; number++) {
            if (counts[group][number] > 0) {
                fprintf(out, "%s\"%s\":%u", between, name_of(number, space), counts[group][number]);
                between = ",";
            }
        }
    }
    fputs("}}\n", out);
    fclose(out);
    memset(counts, 0, sizeof counts);
}

static void start(char **command, int control)
{
    program = fork();
    if (program == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        (void)close(control);
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) {
            give_up("PTRACE_TRACEME");
        }
        (void)raise(SIGSTOP);
        execvp(command[0], command);
        give_up(command[0]);
    }
    int status = 0;
    if (program < 0 || waitpid(program, &status, 0) != program || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, program, 0,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                   PTRACE_O_EXITKILL) != 0) {
        give_up("tracing");
    }
    (void)thread_of(program);
    (void)ptrace(PTRACE_SYSCALL, program, 0, 0);
}

int main(int argc, char **argv)
{
    sigset_t child;
    if (argc < 3) {
        fprintf(stderr, "usage: count_calls DESCRIPTOR COMMAND [ARGUMENT...]\n");
        return 2;
    }
    int control = atoi(argv[1]);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    struct pollfd watched[] = {{.fd = signalfd(-1, &child, SFD_NONBLOCK), .events = POLLIN},
                               {.fd = control, .events = POLLIN}};
    start(argv + 2, control);
    for (;;) {
        struct signalfd_siginfo info;
        char what;
        (void)take_all();
        (void)poll(watched, 2, 100);
        (void)!read(watched[0].fd, &info, sizeof info);
        if ((watched[1].revents & POLLIN) != 0 && read(control, &what, 1) == 1) {
            await_calm();
            if (what == 't') {
                answer(control);
            } else {
                (void)!write(control, "{}\n", 3);
            }
        }
    }
}
