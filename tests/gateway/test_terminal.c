/*
 * A command with streams of every kind: what it sees, what comes of it, and that our own terminal is as it was afterwards.
 * "Ours" is a pseudo-terminal of the test, in a process of its own.
 */
#include "main.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "command.h"
#include "pty.h"

static struct rn_loop *loop;

struct seen {
    struct rn_command *command;
    struct rn_buffer streams[3];
    int exits;
    int status;
    unsigned ends_read;
};

static void see_output(void *self, int stream, struct rn_bytes bytes)
{
    struct seen *seen = self;
    ck_assert_int_eq(seen->exits, 0);
    ck_assert_int_eq(rn_buffer_add(&seen->streams[stream], bytes), RN_OK);
}

static void see_exit(void *self, int status)
{
    struct seen *seen = self;
    seen->exits++;
    seen->status = status;
    seen->ends_read = rn_command_ends_read(seen->command);
    rn_loop_stop(loop);
}

static const char *const environment[] = {"PATH=/usr/bin:/bin", "TERM=dumb", NULL};

static char *const *list_of(const char *const *list)
{
    return (char *const *)(uintptr_t)list;
}

static struct rn_command_settings shell(const char *script, const struct rn_streams *streams)
{
    static const char *argv[] = {"sh", "-c", NULL, NULL};
    argv[2] = script;
    return (struct rn_command_settings){.argv = list_of(argv),
                                        .environment = list_of(environment),
                                        .stdin_mode = RN_STDIN_GIVEN,
                                        .streams = streams,
                                        .fixed_size = true};
}

/* `kinds` as "tpf"; terminals are all the same one. */
static struct rn_streams streams_of(const char *kinds)
{
    struct rn_streams streams = {.rows = 33, .columns = 44, .manners = RN_PTY_MANNERS_USUAL};
    int terminal = -1;
    for (int i = 0; i < 3; i++) {
        streams.kinds[i] = kinds[i];
        terminal = terminal < 0 && kinds[i] == 't' ? i : terminal;
        streams.same[i] = (uint8_t)(kinds[i] == 't' ? terminal : i);
    }
    return streams;
}

static void run(struct seen *seen, const struct rn_command_settings *settings)
{
    struct rn_error error = {0};
    struct rn_command_handler handler = {seen, see_output, see_exit};
    ck_assert_msg(rn_command_prepare(settings, &seen->command, &error) == RN_OK, "%s", error.text);
    loop = rn_loop_new();
    ck_assert_msg(rn_command_release(seen->command, loop, NULL, &handler, &error) == RN_OK, "%s",
                  error.text);
    rn_loop_run(loop);
    ck_assert_int_eq(seen->exits, 1);
}

static void finish(struct seen *seen)
{
    rn_command_free(seen->command);
    rn_loop_free(loop);
    for (int i = 0; i < 3; i++) {
        rn_buffer_free(&seen->streams[i]);
    }
    *seen = (struct seen){0};
}

static void ck_stream(const struct seen *seen, int stream, const char *expected)
{
    const struct rn_buffer *buffer = &seen->streams[stream];
    ck_assert_msg(buffer->len == strlen(expected) &&
                      (buffer->len == 0 || memcmp(buffer->data, expected, buffer->len) == 0),
                  "'%.*s' is not '%s'", (int)buffer->len,
                  buffer->data == NULL ? "" : (const char *)buffer->data, expected);
}

/* --- the pair ---------------------------------------------------------------------------------- */

START_TEST(pty_has_the_manners_it_is_given)
{
    int master;
    int slave;
    for (unsigned manners = 1; manners <= RN_PTY_IXON; manners <<= 1) {
        ck_assert_int_eq(rn_pty_open(manners, -1, &master, &slave, NULL), RN_OK);
        ck_assert_uint_eq(rn_pty_manners(slave), manners);
        close(master);
        close(slave);
    }
    ck_assert_int_eq(rn_pty_open(RN_PTY_MANNERS_USUAL, -1, &master, &slave, NULL), RN_OK);
    ck_assert_uint_eq(rn_pty_manners(slave), RN_PTY_MANNERS_USUAL);
    ck_assert_int_eq(fcntl(master, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(slave, F_GETFD), FD_CLOEXEC);
    uint16_t rows;
    uint16_t columns;
    ck_assert(!rn_pty_size(slave, &rows, &columns));
    rn_pty_resize(master, 3, 65535);
    ck_assert(rn_pty_size(slave, &rows, &columns));
    ck_assert_uint_eq(rows, 3);
    ck_assert_uint_eq(columns, 65535);
    close(master);
    close(slave);
    ck_assert_uint_eq(rn_pty_manners(-1), RN_PTY_MANNERS_USUAL);
}
END_TEST

START_TEST(pty_that_cannot_be_had_says_so)
{
    struct rlimit before;
    struct rlimit none;
    struct rn_error error = {0};
    int master;
    int slave;
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    int next = dup(0);
    close(next);
    none.rlim_cur = (rlim_t)next;
    for (int more = 0; more < 2; more++, none.rlim_cur++) {
        setrlimit(RLIMIT_NOFILE, &none);
        ck_assert_int_eq(rn_pty_open(0, -1, &master, &slave, &error), RN_IO);
        ck_assert_int_eq(errno, EMFILE);
        ck_assert_ptr_nonnull(strstr(error.text, "no pseudo-terminal could be had"));
        ck_assert_int_eq(master, -1);
        ck_assert_int_eq(slave, -1);
    }
    setrlimit(RLIMIT_NOFILE, &none);
    ck_assert_int_eq(rn_pty_open(0, -1, &master, &slave, &error),
                     RN_OK); /* nothing was left open */
    setrlimit(RLIMIT_NOFILE, &before);
    close(master);
    close(slave);
}
END_TEST

START_TEST(command_without_a_terminal_to_be_had_says_so)
{
    struct rlimit before;
    struct rlimit none;
    struct rn_error error = {0};
    struct rn_streams streams = streams_of("ttt");
    struct rn_command_settings settings = shell("true", &streams);
    struct rn_command *command;
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    int next = dup(0);
    close(next);
    none.rlim_cur = (rlim_t)next + 1;
    setrlimit(RLIMIT_NOFILE, &none);
    ck_assert_int_eq(rn_command_prepare(&settings, &command, &error), RN_IO);
    setrlimit(RLIMIT_NOFILE, &before);
    ck_assert_ptr_nonnull(strstr(error.text, "cannot start a process for sh: no pseudo-terminal"));
}
END_TEST

/* --- the fields -------------------------------------------------------------------------------- */

START_TEST(streams_come_back_from_their_fields)
{
    struct rn_streams streams = streams_of("tpt");
    struct rn_streams back;
    struct rn_buffer field = {0};
    struct rn_buffer same = {0};
    struct rn_bytes term;
    ck_assert_int_eq(rn_streams_put(&streams, "xterm", &field), RN_OK);
    ck_assert_int_eq(rn_streams_put_same(&streams, &same), RN_OK);
    ck_assert(rn_streams_get(rn_buffer_bytes(&field), rn_buffer_bytes(&same), &back, &term));
    ck_assert_mem_eq(back.kinds, "tpt", 3);
    ck_assert_mem_eq(back.same, "\0\1\0", 3);
    ck_assert_uint_eq(back.rows, 33);
    ck_assert_uint_eq(back.columns, 44);
    ck_assert_uint_eq(back.manners, RN_PTY_MANNERS_USUAL);
    ck_assert(rn_bytes_equal(term, RN_LIT("xterm")));
    ck_assert_int_eq(rn_streams_terminal(&back), 0);
    /* Cut anywhere: not given to a command. */
    for (size_t len = 0; len < 7; len++) {
        ck_assert(!rn_streams_get(rn_bytes_sub(rn_buffer_bytes(&field), 0, len),
                                  rn_buffer_bytes(&same), &back, &term));
    }
    for (size_t len = 0; len < same.len; len++) {
        ck_assert(!rn_streams_get(rn_buffer_bytes(&field),
                                  rn_bytes_sub(rn_buffer_bytes(&same), 0, len), &back, &term));
    }
    rn_buffer_free(&field);
    rn_buffer_free(&same);
}
END_TEST

START_TEST(streams_that_no_recorder_writes_are_refused)
{
    static const struct {
        const char *kinds;
        const char same[3];
        bool good;
    } cases[] = {{"ttt", {0, 0, 0}, true},  {"ttt", {0, 1, 1}, true},  {"ttt", {0, 1, 2}, true},
                 {"pfn", {0, 1, 2}, true},  {"sc-", {0, 1, 2}, true},  {"ttt", {0, 0, 1}, false},
                 {"ttt", {1, 1, 1}, false}, {"tpt", {0, 0, 0}, false}, {"ppp", {0, 0, 2}, false},
                 {"ptt", {0, 0, 2}, false}, {"xtt", {0, 1, 2}, false}, {"ttt", {0, 1, 3}, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rn_streams back;
        struct rn_bytes term;
        char field[7] = {0};
        char same[4] = {cases[i].same[0], cases[i].same[1], cases[i].same[2], 1};
        memcpy(field, cases[i].kinds, 3);
        ck_assert_int_eq(rn_streams_get(rn_bytes_of(field, 7), rn_bytes_of(same, 4), &back, &term),
                         cases[i].good);
    }
}
END_TEST

START_TEST(kinds_of_descriptors_are_told_apart)
{
    int pipes[2];
    int sockets[2];
    int terminal[2];
    FILE *file = tmpfile();
    int null = open("/dev/null", O_RDWR);
    int zero = open("/dev/zero", O_RDWR);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    ck_assert_int_eq(rn_pty_open(0, -1, &terminal[0], &terminal[1], NULL), RN_OK);
    ck_assert_int_eq(rn_streams_kind(fileno(file)), 'f');
    ck_assert_int_eq(rn_streams_kind(null), 'n');
    ck_assert_int_eq(rn_streams_kind(zero), 'c');
    ck_assert_int_eq(rn_streams_kind(pipes[0]), 'p');
    ck_assert_int_eq(rn_streams_kind(sockets[0]), 's');
    ck_assert_int_eq(rn_streams_kind(terminal[1]), 't');
    int all[] = {null, zero, pipes[0], pipes[1], sockets[0], sockets[1], terminal[0], terminal[1]};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        close(all[i]);
        ck_assert_int_eq(rn_streams_kind(all[i]), '-');
    }
    fclose(file);
}
END_TEST

/* --- kinds ------------------------------------------------------------------------------------- */

/* A letter per stream, as the command itself finds them. */
#define LOOK                                                                                       \
    "import os, stat, sys\n"                                                                       \
    "def kind(n):\n"                                                                               \
    "    try: found = os.fstat(n)\n"                                                               \
    "    except OSError: return '-'\n"                                                             \
    "    if os.isatty(n): return 't'\n"                                                            \
    "    if stat.S_ISCHR(found.st_mode): return 'n'\n"                                             \
    "    return 'f' if stat.S_ISREG(found.st_mode) else 's' if stat.S_ISSOCK(found.st_mode)"       \
    " else 'p'\n"                                                                                  \
    "kinds = ''.join(map(kind, range(3)))\n"

START_TEST(command_has_streams_of_the_given_kinds)
{
    static const char letters[] = "tpfns-";
    char place[] = "/tmp/reenact-test-XXXXXX";
    int file = mkstemp(place);
    char script[1024];
    snprintf(script, sizeof script, LOOK "open('%s', 'w').write(kinds)\n", place);
    const char *argv[] = {"python3", "-I", "-S", "-c", script, NULL};
    for (size_t i = 0; i < 216; i++) {
        const char kinds[] = {letters[i / 36], letters[i / 6 % 6], letters[i % 6], '\0'};
        char found[4] = "";
        if (_i >= 0 && i % 12 != (size_t)_i) {
            continue;
        }
        struct rn_streams streams = streams_of(kinds);
        struct rn_command_settings settings = shell("", &streams);
        settings.argv = list_of(argv);
        struct seen seen = {0};
        run(&seen, &settings);
        ck_assert_int_eq(seen.status, 0);
        ck_assert_int_eq(pread(file, found, 3, 0), 3);
        ck_assert_str_eq(found, kinds);
        finish(&seen);
    }
    close(file);
    unlink(place);
}
END_TEST

START_TEST(command_writes_to_every_kind)
{
    static const struct {
        const char *kinds;
        const char *out;
        const char *err;
    } cases[] = {
        {"npp", "out\n", "err\n"},     {"nff", "out\n", "err\n"},   {"nss", "out\n", "err\n"},
        {"ntt", "out\r\nerr\r\n", ""}, {"ntp", "out\r\n", "err\n"}, {"npt", "out\n", "err\r\n"},
        {"ttt", "out\r\nerr\r\n", ""}, {"tpp", "out\n", "err\n"},   {"nnp", "", "err\n"},
        {"npn", "out\n", ""},          {"tft", "out\n", "err\r\n"}, {"p-p", "", "err\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rn_streams streams = streams_of(cases[i].kinds);
        struct rn_command_settings settings =
            shell("exec 3>&2; { echo out; } 2>/dev/null; echo err >&3", &streams);
        struct seen seen = {0};
        run(&seen, &settings);
        ck_stream(&seen, 1, cases[i].out);
        ck_stream(&seen, 2, cases[i].err);
        finish(&seen);
    }
}
END_TEST

START_TEST(command_reads_what_it_is_given_through_every_kind)
{
    static const char *const kinds[] = {"ppp", "fpp", "spp"};
    size_t len = 700000;
    char *given = malloc(len);
    memset(given, 'g', len);
    for (size_t i = 0; i < 3; i++) {
        struct rn_streams streams = streams_of(kinds[i]);
        struct rn_command_settings settings = shell("cat", &streams);
        settings.given = rn_bytes_of(given, len);
        struct seen seen = {0};
        run(&seen, &settings);
        ck_assert_uint_eq(seen.streams[1].len, len);
        ck_assert_mem_eq(seen.streams[1].data, given, len);
        ck_assert_uint_eq(seen.streams[0].len, 0);
        finish(&seen);
    }
    free(given);
}
END_TEST

/* Ours is a file: the command has that very file, and what it read is told. */
static void follow(const char *script, size_t len, size_t begin, struct seen *seen, off_t *left_at)
{
    struct rn_streams streams = streams_of("fpp");
    FILE *file = tmpfile();
    for (size_t i = 0; i < len; i++) {
        fputc('a' + (int)(i % 26), file);
    }
    fflush(file);
    int before = fcntl(0, F_DUPFD_CLOEXEC, 10);
    dup2(fileno(file), 0);
    lseek(0, (off_t)begin, SEEK_SET);
    struct rn_command_settings settings = shell(script, &streams);
    settings.stdin_mode = RN_STDIN_COPY;
    run(seen, &settings);
    *left_at = lseek(0, 0, SEEK_CUR);
    dup2(before, 0);
    close(before);
    fclose(file);
}

START_TEST(command_reads_our_file_itself)
{
    struct seen seen = {0};
    off_t at;
    follow("cat", 300000, 4, &seen, &at);
    ck_assert_uint_eq(seen.streams[1].len, 299996);
    ck_assert_uint_eq(seen.streams[0].len, 299996);
    ck_assert_mem_eq(seen.streams[0].data, seen.streams[1].data, 299996);
    ck_assert_int_eq(at, 300000);
    finish(&seen);
    /* What it leaves is left to who comes next, and kept all the same: the length is part of the input. */
    follow("head -c 10 | wc -c", 1000, 0, &seen, &at);
    ck_assert_uint_eq(seen.streams[0].len, 1000);
    ck_assert_int_le(at, 1000);
    finish(&seen);
}
END_TEST

/* --- terminals without anybody at them --------------------------------------------------------- */

START_TEST(terminal_has_the_size_and_reads_an_end)
{
    struct rn_streams streams = streams_of("ttt");
    struct rn_command_settings settings =
        shell("stty size; cat; echo end; cat; echo end", &streams);
    struct seen seen = {0};
    run(&seen, &settings);
    ck_stream(&seen, 1, "33 44\r\nend\r\nend\r\n");
    ck_assert_uint_ge(seen.ends_read, 1);
    finish(&seen);
}
END_TEST

START_TEST(terminal_nobody_reads_has_no_end_taken)
{
    static const char *const kinds[] = {"ttt", "ptt", "tpp"};
    for (size_t i = 0; i < 3; i++) {
        struct rn_streams streams = streams_of(kinds[i]);
        struct rn_command_settings settings = shell("sleep 0.1", &streams);
        struct seen seen = {0};
        run(&seen, &settings);
        ck_assert_int_eq(seen.status, 0);
        ck_assert_uint_eq(seen.ends_read, 0);
        finish(&seen);
    }
}
END_TEST

/* Its stdin is something else, but a program may open /dev/tty; it is stopped for that, and goes on. */
START_TEST(terminal_is_given_to_who_asks_for_it)
{
    struct rn_streams streams = streams_of("ptp");
    struct rn_command_settings settings = shell("cat; cat < /dev/tty; echo end", &streams);
    settings.given = RN_LIT("given ");
    struct seen seen = {0};
    run(&seen, &settings);
    ck_stream(&seen, 1, "given end\r\n");
    ck_assert_uint_ge(seen.ends_read, 1);
    finish(&seen);
}
END_TEST

START_TEST(terminal_hangs_up_on_who_takes_no_end_for_an_end)
{
    (void)signal(SIGHUP, SIG_DFL); /* whoever runs the tests may ignore it */
    struct rn_streams streams = streams_of("ttt");
    struct rn_command_settings settings = shell("while :; do cat; done", &streams);
    struct seen seen = {0};
    run(&seen, &settings);
    ck_assert(WIFSIGNALED(seen.status));
    ck_assert_int_eq(WTERMSIG(seen.status), SIGHUP);
    finish(&seen);
    settings = shell("trap '' HUP TERM; while :; do cat; done 2>/dev/null", &streams);
    run(&seen, &settings);
    ck_assert(WIFSIGNALED(seen.status));
    ck_assert_int_eq(WTERMSIG(seen.status), SIGKILL);
    finish(&seen);
}
END_TEST

START_TEST(terminal_shows_what_its_manners_say)
{
    static const struct {
        unsigned manners;
        const char *expected;
    } cases[] = {{RN_PTY_OPOST | RN_PTY_ONLCR | RN_PTY_ICANON, "a\tb\r\n"},
                 {RN_PTY_OPOST | RN_PTY_ICANON, "a\tb\n"},
                 {RN_PTY_ONLCR | RN_PTY_ICANON, "a\tb\n"},
                 {RN_PTY_OPOST | RN_PTY_ONLCR | RN_PTY_XTABS | RN_PTY_ICANON, "a       b\r\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rn_streams streams = streams_of("ttt");
        streams.manners = cases[i].manners;
        struct rn_command_settings settings = shell("printf 'a\\tb\\n'", &streams);
        struct seen seen = {0};
        run(&seen, &settings);
        ck_stream(&seen, 1, cases[i].expected);
        finish(&seen);
    }
}
END_TEST

START_TEST(terminal_output_of_any_size_is_whole_and_in_order)
{
    struct rn_streams streams = streams_of("ttt");
    streams.manners = RN_PTY_ICANON;
    struct rn_command_settings settings = shell("seq 1 1500000", &streams);
    struct seen seen = {0};
    run(&seen, &settings);
    const char *at = (const char *)seen.streams[1].data;
    const char *end = at + seen.streams[1].len;
    for (unsigned n = 1; n <= 1500000; n++) {
        char line[16];
        size_t len = (size_t)sprintf(line, "%u\n", n);
        ck_assert_msg((size_t)(end - at) >= len && memcmp(at, line, len) == 0, "line %u", n);
        at += len;
    }
    ck_assert_ptr_eq(at, end);
    finish(&seen);
}
END_TEST

/* The last bytes of a command that leaves somebody behind at its terminal: none is lost, and nobody waits for that one. */
START_TEST(terminal_output_is_whole_though_somebody_is_left_behind)
{
    int gate[2];
    ck_assert_int_eq(pipe(gate), 0); /* whoever is left behind lives as long as we want */
    char script[160];
    snprintf(script, sizeof script,
             "exec 9</proc/%d/fd/%d; (trap '' HUP; read x <&9) & seq 1 2000; exit 7", (int)getpid(),
             gate[0]);
    for (int i = 0; i < 20; i++) {
        struct rn_streams streams = streams_of("ttt");
        struct rn_command_settings settings = shell(script, &streams);
        struct seen seen = {0};
        run(&seen, &settings);
        ck_assert_int_eq(rn_command_shell_status(seen.status), 7);
        ck_assert_uint_eq(seen.streams[1].len, 8893 + 2000);
        finish(&seen);
    }
    close(gate[0]);
    close(gate[1]);
}
END_TEST

START_TEST(terminal_command_that_is_freed_is_ended)
{
    struct rn_streams streams = streams_of("ttt");
    struct rn_command_settings settings =
        shell("trap '' TERM HUP; while :; do sleep 1; done", &streams);
    struct seen seen = {0};
    struct rn_command_handler handler = {&seen, see_output, see_exit};
    ck_assert_int_eq(rn_command_prepare(&settings, &seen.command, NULL), RN_OK);
    pid_t waits = (pid_t)rn_command_pid(seen.command);
    rn_command_free(seen.command); /* while it waits */
    ck_assert_int_eq(kill(waits, 0), -1);
    ck_assert_int_eq(rn_command_prepare(&settings, &seen.command, NULL), RN_OK);
    loop = rn_loop_new();
    ck_assert_int_eq(rn_command_release(seen.command, loop, NULL, &handler, NULL), RN_OK);
    struct rn_timer *timer = rn_timer_new(loop, (rn_loop_callback *)(void *)rn_loop_stop, loop);
    while (rn_command_pid(seen.command) == waits || rn_command_pid(seen.command) == 0) {
        rn_timer_start(timer, 1000000);
        rn_loop_run(loop);
        break;
    }
    rn_timer_free(timer);
    pid_t runs = (pid_t)rn_command_pid(seen.command);
    finish(&seen);
    ck_assert_int_eq(kill(runs, 0), -1);
}
END_TEST

START_TEST(terminal_command_that_cannot_be_run_says_so)
{
    const char *argv[] = {"no-such-command", NULL};
    struct rn_streams streams = streams_of("ttt");
    struct rn_command_settings settings = shell("", &streams);
    struct rn_error error = {0};
    struct seen seen = {0};
    struct rn_command_handler handler = {&seen, see_output, see_exit};
    settings.argv = list_of(argv);
    ck_assert_int_eq(rn_command_prepare(&settings, &seen.command, NULL), RN_OK);
    loop = rn_loop_new();
    ck_assert_int_eq(rn_command_release(seen.command, loop, NULL, &handler, &error), RN_NOTFOUND);
    ck_assert_str_eq(error.text, "cannot run no-such-command: no such command in PATH");
    rn_loop_run(loop);
    finish(&seen);
}
END_TEST

START_TEST(terminal_command_inherits_no_descriptor_of_ours)
{
    struct rn_streams streams = streams_of("ttt");
    struct rn_command_settings settings = shell("exec ls /proc/self/fd", &streams);
    struct seen seen = {0};
    run(&seen, &settings);
    ck_stream(&seen, 1, "0  1  2  3\r\n");
    finish(&seen);
}
END_TEST

START_TEST(terminal_command_survives_each_failed_allocation)
{
    bool ran = false;
    for (unsigned long nth = 1; nth < 100 && !ran; nth++) {
        struct rn_streams streams = streams_of("ttf");
        struct rn_command_settings settings = shell("echo hi", &streams);
        struct seen seen = {0};
        struct rn_command_handler handler = {&seen, see_output, see_exit};
        struct rn_error error = {0};
        loop = rn_loop_new();
        rn_memory_fail_from(nth);
        enum rn_status status = rn_command_prepare(&settings, &seen.command, &error);
        if (status == RN_OK) {
            status = rn_command_release(seen.command, loop, list_of(environment), &handler, &error);
        }
        rn_memory_fail_from(0);
        if (status == RN_OK) {
            rn_loop_run(loop);
            ck_stream(&seen, 1, "hi\r\n");
            ran = true;
        } else {
            ck_assert_uint_gt(strlen(error.text), 0);
        }
        finish(&seen);
    }
    ck_assert(ran);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("terminal");
    RN_CASE(suite, "pair", pty_has_the_manners_it_is_given, pty_that_cannot_be_had_says_so,
            command_without_a_terminal_to_be_had_says_so);
    RN_CASE(suite, "fields", streams_come_back_from_their_fields,
            streams_that_no_recorder_writes_are_refused, kinds_of_descriptors_are_told_apart);
    TCase *kinds = tcase_create("kinds");
    tcase_add_loop_test(kinds, command_has_streams_of_the_given_kinds, 0, 12);
    suite_add_tcase(suite, kinds);
    RN_CASE(suite, "bytes", command_writes_to_every_kind,
            command_reads_what_it_is_given_through_every_kind, command_reads_our_file_itself);
    RN_CASE(suite, "nobody", terminal_has_the_size_and_reads_an_end,
            terminal_nobody_reads_has_no_end_taken, terminal_is_given_to_who_asks_for_it,
            terminal_hangs_up_on_who_takes_no_end_for_an_end, terminal_shows_what_its_manners_say);
    RN_CASE(suite, "output", terminal_output_of_any_size_is_whole_and_in_order,
            terminal_output_is_whole_though_somebody_is_left_behind);
    RN_CASE(suite, "ends", terminal_command_that_is_freed_is_ended,
            terminal_command_that_cannot_be_run_says_so,
            terminal_command_inherits_no_descriptor_of_ours,
            terminal_command_survives_each_failed_allocation);
    return suite;
}
