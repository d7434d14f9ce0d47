/*
 * Calls that fail in a program that knows nothing of it: loaded by LD_PRELOAD, told by the environment what is to fail.
 *
 *   FAULTY="CALL NTH ERRNO once|always"   CALL as in `calls` below; the call number NTH (1 = next) fails, and with `always` all
 *                                         later ones. ERRNO 0: a short read or write of one byte. NTH 0: nothing fails.
 *   FAULTY_IN=NAME                        only in programs of this file name, so that not their commands suffer
 *   FAULTY_MET=FILE                       made when the failure happens; holds the stack it happened in
 *   FAULTY_LIST=FILE                      one line per call of that kind, at the end: its number and a hash of its stack
 *
 * The allocations of all libraries count, those of this one do not. What is forked goes on counting for itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_MAX 24
#define LIST_MAX 400000u

enum call {
    ALLOC,
    ACCEPT,
    SOCKET,
    READ,
    WRITE,
    EPOLL_CTL,
    EPOLL_WAIT,
    POLL,
    OPEN,
    PIPE,
    FORK,
    THREAD,
    WAITPID,
    EVENTFD,
    CALL_COUNT
};

static const char *const calls[CALL_COUNT] = {
    [ALLOC] = "alloc",         [ACCEPT] = "accept",
    [SOCKET] = "socket",       [READ] = "read", /* read, readv, recv, recvfrom, recvmsg */
    [WRITE] = "write",                          /* write, writev, send, sendto, sendmsg */
    [EPOLL_CTL] = "epoll_ctl", [EPOLL_WAIT] = "epoll_wait",
    [POLL] = "poll",           [OPEN] = "open",
    [PIPE] = "pipe",           [FORK] = "fork",
    [THREAD] = "thread",       [WAITPID] = "waitpid",
    [EVENTFD] = "eventfd",
};

static struct {
    enum call call;
    unsigned long nth;
    int error;
    bool lasting;
    const char *met;
    const char *list;
} fault;
static bool is_ready; /* libraries have begun */
static atomic_bool is_armed;
static atomic_ulong count;
static uint32_t *hashes;
static _Thread_local bool is_inside; /* our own calls are not to fail */

/* --- which call fails ----------------------------------------------------------------------------------------------- */

static void tell_where(void)
{
    void *stack[STACK_MAX];
    int file = (int)syscall(SYS_openat, AT_FDCWD, fault.met, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0) {
        backtrace_symbols_fd(stack, backtrace(stack, STACK_MAX), file);
        (void)syscall(SYS_close, file);
    }
}

static uint32_t hash_of_stack(void)
{
    void *stack[STACK_MAX];
    int depth = backtrace(stack, STACK_MAX);
    uint32_t hash = 2166136261u;
    for (int i = 2; i < depth; i++) {
        hash = (hash ^ (uint32_t)(uintptr_t)stack[i]) * 16777619u;
    }
    return hash;
}

static bool fails_now(enum call call)
{
    if (!atomic_load_explicit(&is_armed, memory_order_relaxed) || call != fault.call || is_inside) {
        return false;
    }
    is_inside = true;
    unsigned long number = atomic_fetch_add(&count, 1) + 1;
    if (hashes != NULL && number < LIST_MAX) {
        hashes[number] = hash_of_stack();
    }
    bool fails = fault.nth > 0 && (fault.lasting ? number >= fault.nth : number == fault.nth);
    if (fails && number == fault.nth && fault.met != NULL) {
        tell_where();
    }
    is_inside = false;
    errno = fails ? fault.error : errno;
    return fails;
}

static bool is_program(const char *name)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    path[len > 0 ? len : 0] = '\0';
    const char *last = strrchr(path, '/');
    return last != NULL && strcmp(last + 1, name) == 0;
}

__attribute__((constructor)) static void begin(void)
{
    char call[16];
    char how[16];
    void *warm[2];
    is_ready = true;
    const char *told = getenv("FAULTY");
    const char *program = getenv("FAULTY_IN");
    if (told == NULL || program == NULL || !is_program(program) ||
        sscanf(told, "%15s %lu %d %15s", call, &fault.nth, &fault.error, how) != 4) {
        return;
    }
    fault.lasting = strcmp(how, "always") == 0;
    fault.met = getenv("FAULTY_MET");
    fault.list = getenv("FAULTY_LIST");
    (void)backtrace(warm, 2); /* the first one loads a library */
    if (fault.list != NULL) {
        hashes = calloc(LIST_MAX, sizeof *hashes);
    }
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        if (strcmp(calls[i], call) == 0) {
            fault.call = (enum call)i;
            atomic_store(&is_armed, true);
        }
    }
}

__attribute__((destructor)) static void end(void)
{
    atomic_store(&is_armed, false);
    FILE *list = fault.list == NULL ? NULL : fopen(fault.list, "w");
    for (unsigned long i = 1; list != NULL && i <= atomic_load(&count) && i < LIST_MAX; i++) {
        (void)fprintf(list, "%lu %08x\n", i, (unsigned)hashes[i]);
    }
    if (list != NULL) {
        (void)fclose(list);
    }
}

/* --- allocations ---------------------------------------------------------------------------------------------------- */

/*
 * What is wanted before there is an allocator to be found: by the loader, by a sanitizer that looks for its own, by what
 * libraries do before main. Never given back.
 */
static _Alignas(16) char nest[1 << 20];
static size_t nest_used;

static bool is_of_nest(const void *block)
{
    return (const char *)block >= nest && (const char *)block < nest + sizeof nest;
}

static void *from_nest(size_t size)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded > sizeof nest - nest_used) {
        return NULL;
    }
    nest_used += rounded;
    return nest + nest_used - rounded;
}

static void *real(const char *name)
{
    bool was_inside = is_inside;
    is_inside = true;
    void *found = dlsym(RTLD_NEXT, name);
    is_inside = was_inside;
    return found;
}

/* The next definition of NAME, looked up once. */
#define REAL(name)                                                                                 \
    static __typeof__(&name) next_##name;                                                          \
    if (next_##name == NULL) {                                                                     \
        void *found_##name = real(#name);                                                          \
        memcpy(&next_##name, &found_##name, sizeof found_##name);                                  \
    }

void *malloc(size_t size)
{
    if (!is_ready) {
        return from_nest(size);
    }
    REAL(malloc)
    return fails_now(ALLOC) ? NULL : next_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    if (!is_ready) {
        return from_nest(number * size);
    }
    REAL(calloc)
    return fails_now(ALLOC) ? NULL : next_calloc(number, size);
}

void *realloc(void *block, size_t size)
{
    if (block == NULL || is_of_nest(block)) {
        void *moved = malloc(size);
        size_t had = block == NULL ? 0 : (size_t)(nest + nest_used - (char *)block);
        if (moved != NULL && had > 0) {
            memmove(moved, block, had < size ? had : size);
        }
        return moved;
    }
    REAL(realloc)
    return fails_now(ALLOC) ? NULL : next_realloc(block, size);
}

void free(void *block)
{
    if (block != NULL && !is_of_nest(block)) {
        REAL(free)
        next_free(block);
    }
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (!is_ready) {
        *out = alignment > 16 ? NULL : from_nest(size);
        return *out == NULL ? ENOMEM : 0;
    }
    REAL(posix_memalign)
    return fails_now(ALLOC) ? ENOMEM : next_posix_memalign(out, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (!is_ready) {
        return alignment > 16 ? NULL : from_nest(size);
    }
    REAL(aligned_alloc)
    return fails_now(ALLOC) ? NULL : next_aligned_alloc(alignment, size);
}

/* --- descriptors ---------------------------------------------------------------------------------------------------- */

#define FAIL(call)                                                                                 \
    if (fails_now(call)) {                                                                         \
        return -1;                                                                                 \
    }

#define EVENTS_MAX 4096
/* What threads and forks of one program say to one another has nothing that could fail, or come in pieces. */
static atomic_bool is_event[EVENTS_MAX];

static bool is_within(int descriptor)
{
    return descriptor >= 0 && descriptor < EVENTS_MAX && is_event[descriptor];
}

/* Sockets, and files where it is a failure: a disk takes what it is given, or says why not. */
static bool is_candidate(int descriptor)
{
    struct stat found;
    return !is_within(descriptor) && fstat(descriptor, &found) == 0 &&
           (S_ISSOCK(found.st_mode) || (S_ISREG(found.st_mode) && fault.error != 0));
}

/* How much of `len` is passed on; -1: nothing, it fails. */
static ssize_t portion(enum call call, int descriptor, size_t len)
{
    if (call != fault.call || !is_candidate(descriptor) || !fails_now(call)) {
        return (ssize_t)len;
    }
    return errno == 0 ? (ssize_t)(len > 0) : -1;
}

int accept4(int descriptor, struct sockaddr *address, socklen_t *len, int flags)
{
    REAL(accept4)
    FAIL(ACCEPT)
    return next_accept4(descriptor, address, len, flags);
}

int socket(int domain, int type, int protocol)
{
    REAL(socket)
    FAIL(SOCKET)
    return next_socket(domain, type, protocol);
}

ssize_t read(int descriptor, void *bytes, size_t len)
{
    REAL(read)
    ssize_t some = portion(READ, descriptor, len);
    return some < 0 ? -1 : next_read(descriptor, bytes, (size_t)some);
}

ssize_t recv(int descriptor, void *bytes, size_t len, int flags)
{
    REAL(recv)
    ssize_t some = portion(READ, descriptor, len);
    return some < 0 ? -1 : next_recv(descriptor, bytes, (size_t)some, flags);
}

ssize_t readv(int descriptor, const struct iovec *pieces, int number)
{
    REAL(readv)
    ssize_t some = portion(READ, descriptor, pieces[0].iov_len);
    if (some < 0 || number == 0) {
        return some < 0 ? -1 : 0;
    }
    return (size_t)some < pieces[0].iov_len ? read(descriptor, pieces[0].iov_base, (size_t)some)
                                            : next_readv(descriptor, pieces, number);
}

ssize_t write(int descriptor, const void *bytes, size_t len)
{
    REAL(write)
    ssize_t some = portion(WRITE, descriptor, len);
    return some < 0 ? -1 : next_write(descriptor, bytes, (size_t)some);
}

ssize_t send(int descriptor, const void *bytes, size_t len, int flags)
{
    REAL(send)
    ssize_t some = portion(WRITE, descriptor, len);
    return some < 0 ? -1 : next_send(descriptor, bytes, (size_t)some, flags);
}

static ssize_t first_byte(int descriptor, const struct iovec *pieces, size_t number)
{
    REAL(write)
    for (size_t i = 0; i < number; i++) {
        if (pieces[i].iov_len > 0) {
            return next_write(descriptor, pieces[i].iov_base, 1);
        }
    }
    return 0;
}

ssize_t writev(int descriptor, const struct iovec *pieces, int number)
{
    REAL(writev)
    ssize_t some = portion(WRITE, descriptor, 2);
    return some < 0    ? -1
           : some == 1 ? first_byte(descriptor, pieces, (size_t)number)
                       : next_writev(descriptor, pieces, number);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags)
{
    REAL(sendmsg)
    ssize_t some = portion(WRITE, descriptor, 2);
    return some < 0    ? -1
           : some == 1 ? first_byte(descriptor, message->msg_iov, message->msg_iovlen)
                       : next_sendmsg(descriptor, message, flags);
}

int epoll_ctl(int epoll, int what, int descriptor, struct epoll_event *event)
{
    REAL(epoll_ctl)
    if (!is_within(descriptor)) {
        FAIL(EPOLL_CTL)
    }
    return next_epoll_ctl(epoll, what, descriptor, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    REAL(epoll_wait)
    FAIL(EPOLL_WAIT)
    return next_epoll_wait(epoll, events, max, timeout);
}

int poll(struct pollfd *polled, nfds_t number, int timeout)
{
    REAL(poll)
    FAIL(POLL)
    return next_poll(polled, number, timeout);
}

static mode_t mode_given(int flags, va_list *rest)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(*rest, mode_t) : 0;
}

#define OPEN_CALL(name)                                                                            \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        REAL(name)                                                                                 \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = mode_given(flags, &rest);                                                    \
        va_end(rest);                                                                              \
        FAIL(OPEN)                                                                                 \
        return next_##name(path, flags, mode);                                                     \
    }
OPEN_CALL(open)
OPEN_CALL(open64)

int openat(int directory, const char *path, int flags, ...)
{
    REAL(openat)
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_given(flags, &rest);
    va_end(rest);
    FAIL(OPEN)
    return next_openat(directory, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    REAL(fopen)
    return fails_now(OPEN) ? NULL : next_fopen(path, mode);
}

/* --- processes and threads ------------------------------------------------------------------------------------------ */

int pipe2(int ends[2], int flags)
{
    REAL(pipe2)
    FAIL(PIPE)
    return next_pipe2(ends, flags);
}

pid_t fork(void)
{
    REAL(fork)
    FAIL(FORK)
    return next_fork();
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    REAL(waitpid)
    FAIL(WAITPID)
    return next_waitpid(pid, status, options);
}

int close(int descriptor)
{
    REAL(close)
    if (descriptor >= 0 && descriptor < EVENTS_MAX) {
        is_event[descriptor] = false;
    }
    return next_close(descriptor);
}

int eventfd(unsigned start, int flags)
{
    REAL(eventfd)
    FAIL(EVENTFD)
    int descriptor = next_eventfd(start, flags);
    if (descriptor >= 0 && descriptor < EVENTS_MAX) {
        is_event[descriptor] = true;
    }
    return descriptor;
}

/* Sanitizers ask so for the stack of a new thread, and take no for no answer. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
    REAL(pthread_getattr_np)
    is_inside = true;
    int status = next_pthread_getattr_np(thread, attributes);
    is_inside = false;
    return status;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *self)
{
    REAL(pthread_create)
    return fails_now(THREAD) ? EAGAIN : next_pthread_create(thread, attributes, run, self);
}
