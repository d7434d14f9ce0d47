/* Running a command: what it inherits, how it ends, and that no byte of its streams is lost or held up. */
#include "main.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/memory.h"
#include "command.h"

static struct rn_loop *loop;

/* What one command told us. */
struct seen {
    struct rn_command *command;
    struct rn_buffer streams[3];
    int exits;
    int status;
    int signal_at_output; /* sent to us when the child first says something */
    bool term_at_next;    /* after that key, SIGTERM is sent to us when it speaks again */
    int stop_at;          /* the loop stops once so many bytes of stdout came, or 0 */
    int key_at; /* a terminal's other side: ^C is typed when the child first says something, or 0 */
};

static void see_output(void *self, int stream, struct rn_bytes bytes)
{
    struct seen *seen = self;
    ck_assert_int_ge(stream, 0);
    ck_assert_int_le(stream, 2);
    ck_assert_int_eq(seen->exits, 0);
    rn_buffer_add(&seen->streams[stream], bytes);
    if (stream != 0 && seen->signal_at_output != 0) {
        kill(getpid(), seen->signal_at_output);
        seen->signal_at_output = 0;
    }
    if (stream != 0 && seen->key_at != 0) {
        ck_assert_int_eq(write(seen->key_at, "\003", 1), 1);
        seen->key_at = 0;
    } else if (seen->term_at_next) {
        kill(getpid(), SIGTERM);
        seen->term_at_next = false;
    }
    if (seen->stop_at != 0 && seen->streams[1].len >= (size_t)seen->stop_at) {
        seen->stop_at = 0;
        rn_loop_stop(loop);
    }
}

static void see_exit(void *self, int status)
{
    struct seen *seen = self;
    seen->exits++;
    seen->status = status;
    rn_loop_stop(loop);
}

static const char *const environment[] = {"PATH=/usr/bin:/bin", "FROM=settings", NULL};

static char *const *env_list(const char *const *list)
{
    return (char *const *)(uintptr_t)list;
}

static struct rn_command_settings shell(const char *script)
{
    static const char *argv[4];
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = script;
    argv[3] = NULL;
    return (struct rn_command_settings){
        .argv = env_list(argv), .environment = env_list(environment), .stdin_mode = RN_STDIN_NULL};
}

static enum rn_status release(struct seen *seen, const struct rn_command_settings *settings,
                              const char *const *list, struct rn_error *error)
{
    ck_assert_int_eq(rn_command_prepare(settings, &seen->command, error), RN_OK);
    struct rn_command_handler handler = {seen, see_output, see_exit};
    loop = rn_loop_new();
    return rn_command_release(seen->command, loop, list == NULL ? NULL : env_list(list), &handler,
                              error);
}

static void finish(struct seen *seen)
{
    rn_command_free(seen->command);
    rn_loop_free(loop);
    for (int i = 0; i < 3; i++) {
        rn_buffer_free(&seen->streams[i]);
    }
}

static void run(struct seen *seen, const struct rn_command_settings *settings)
{
    struct rn_error error = {0};
    ck_assert_msg(release(seen, settings, NULL, &error) == RN_OK, "%s", error.text);
    rn_loop_run(loop);
    ck_assert_int_eq(seen->exits, 1);
}

/* Says which stream did not come through, or that all did. */
static void ck_streams(const struct seen *seen, const char *failed, bool expected_unseen)
{
    bool unseen;
    struct rn_error error = {RN_OK, ""};
    enum rn_status status = rn_command_streams(seen->command, &unseen, &error);
    ck_assert_int_eq(status, failed == NULL ? RN_OK : RN_IO);
    ck_assert_int_eq(unseen, expected_unseen);
    ck_assert_msg(failed == NULL || strstr(error.text, failed) != NULL, "%s", error.text);
}

static void run_script(struct seen *seen, const char *script)
{
    struct rn_command_settings settings = shell(script);
    run(seen, &settings);
}

static void ck_stream(const struct seen *seen, int stream, const char *expected)
{
    const struct rn_buffer *buffer = &seen->streams[stream];
    ck_assert_msg(buffer->len == strlen(expected) &&
                      (buffer->len == 0 || memcmp(buffer->data, expected, buffer->len) == 0),
                  "'%.*s' is not '%s'", (int)buffer->len, (const char *)buffer->data, expected);
}

/* --- ends ------------------------------------------------------------------------------------ */

START_TEST(command_gives_the_exit_code)
{
    static const int codes[] = {0, 1, 3, 125, 255};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char script[32];
        snprintf(script, sizeof script, "exit %d", codes[i]);
        struct seen seen = {0};
        run_script(&seen, script);
        ck_assert(WIFEXITED(seen.status));
        ck_assert_int_eq(rn_command_shell_status(seen.status), codes[i]);
        finish(&seen);
    }
}
END_TEST

START_TEST(command_gives_the_signal_that_killed_it)
{
    struct seen seen = {0};
    run_script(&seen, "kill -9 $$");
    ck_assert(WIFSIGNALED(seen.status));
    ck_assert_int_eq(rn_command_shell_status(seen.status), 128 + 9);
    finish(&seen);
}
END_TEST

static enum rn_status refusal(const char *name, const char *cwd, struct rn_error *error)
{
    const char *argv[] = {name, NULL};
    struct rn_command_settings settings = shell("");
    settings.argv = env_list(argv);
    settings.cwd = cwd;
    struct seen seen = {0};
    enum rn_status status = release(&seen, &settings, NULL, error);
    rn_loop_run(loop); /* nothing is left to wait for */
    ck_assert_int_eq(seen.exits, 0);
    finish(&seen);
    return status;
}

START_TEST(command_names_what_cannot_be_run)
{
    struct rn_error error = {0};
    ck_assert_int_eq(refusal("no-such-command", NULL, &error), RN_NOTFOUND);
    ck_assert_str_eq(error.text, "cannot run no-such-command: no such command in PATH");
    ck_assert_int_eq(refusal("/no/such/command", NULL, &error), RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "no such file"));
    ck_assert_int_eq(refusal("", NULL, &error), RN_NOTFOUND);
    ck_assert_int_eq(refusal("/", NULL, &error), RN_REFUSED);
    ck_assert_int_eq(refusal("/etc/passwd", NULL, &error), RN_REFUSED);
    ck_assert_str_eq(error.text, "cannot run /etc/passwd: Permission denied");
    ck_assert_int_eq(refusal("true", "/no/such/directory", &error), RN_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "/no/such/directory"));
}
END_TEST

START_TEST(command_is_looked_up_in_its_own_path)
{
    char directory[] = "/tmp/reenact-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(directory));
    char path[128];
    snprintf(path, sizeof path, "%s/only-there", directory);
    int file = open(path, O_CREAT | O_WRONLY, 0700);
    /* Without an interpreter line: run by sh, as execvp does. */
    ck_assert_int_eq(write(file, "echo there\n", 11), 11);
    close(file);
    char variable[128];
    snprintf(variable, sizeof variable, "PATH=/nowhere:%s", directory);
    const char *list[] = {variable, NULL};
    const char *argv[] = {"only-there", NULL};
    struct rn_command_settings settings = shell("");
    settings.argv = env_list(argv);
    struct seen seen = {0};
    struct rn_error error = {0};
    ck_assert_msg(release(&seen, &settings, list, &error) == RN_OK, "%s", error.text);
    rn_loop_run(loop);
    ck_stream(&seen, 1, "there\n");
    finish(&seen);
    unlink(path);
    rmdir(directory);
}
END_TEST

/* --- what it inherits ------------------------------------------------------------------------ */

START_TEST(command_gets_exactly_the_environment)
{
    struct seen seen = {0};
    struct rn_command_settings settings = shell("");
    const char *argv[] = {"env", NULL};
    settings.argv = env_list(argv);
    run(&seen, &settings);
    ck_stream(&seen, 1, "PATH=/usr/bin:/bin\nFROM=settings\n");
    finish(&seen);
    /* One that is known only later, with an empty value and a long one. */
    char *big = malloc(100001);
    memset(big, 'e', 100000);
    memcpy(big, "BIG=", 4);
    big[100000] = '\0';
    const char *list[] = {"PATH=/bin:/usr/bin", "EMPTY=", big, NULL};
    seen = (struct seen){0};
    ck_assert_int_eq(release(&seen, &settings, list, NULL), RN_OK);
    rn_loop_run(loop);
    char *expected = malloc(100100);
    sprintf(expected, "PATH=/bin:/usr/bin\nEMPTY=\n%s\n", big);
    ck_stream(&seen, 1, expected);
    finish(&seen);
    free(expected);
    free(big);
}
END_TEST

START_TEST(command_can_have_no_environment_at_all)
{
    const char *list[] = {NULL};
    const char *argv[] = {"/usr/bin/env", NULL};
    struct rn_command_settings settings = shell("");
    settings.argv = env_list(argv);
    struct seen seen = {0};
    ck_assert_int_eq(release(&seen, &settings, list, NULL), RN_OK);
    rn_loop_run(loop);
    ck_stream(&seen, 1, "");
    ck_assert_int_eq(seen.status, 0);
    finish(&seen);
}
END_TEST

START_TEST(command_runs_in_its_directory)
{
    struct seen seen = {0};
    struct rn_command_settings settings = shell("pwd");
    settings.cwd = "/usr/lib";
    run(&seen, &settings);
    ck_stream(&seen, 1, "/usr/lib\n");
    finish(&seen);
}
END_TEST

START_TEST(command_inherits_no_descriptor_of_ours)
{
    int ours[8];
    for (int i = 0; i < 8; i++) {
        ours[i] = open("/dev/null", O_RDONLY); /* without FD_CLOEXEC */
    }
    ck_assert_int_ge(dup2(ours[0], 900), 0);
    static const enum rn_stdin_mode modes[] = {RN_STDIN_NULL, RN_STDIN_GIVEN, RN_STDIN_INHERIT,
                                               RN_STDIN_COPY};
    for (size_t i = 0; i < 4; i++) {
        struct seen seen = {0};
        /* 3 is ls's own, of the directory it reads. */
        struct rn_command_settings settings = shell("exec ls /proc/self/fd");
        settings.stdin_mode = modes[i];
        run(&seen, &settings);
        ck_stream(&seen, 1, "0\n1\n2\n3\n");
        finish(&seen);
    }
    close(900);
    for (int i = 0; i < 8; i++) {
        close(ours[i]);
    }
}
END_TEST

static unsigned long long mask_line(const struct seen *seen, const char *name)
{
    char text[8192];
    snprintf(text, sizeof text, "%.*s", (int)seen->streams[1].len,
             (const char *)seen->streams[1].data);
    const char *line = strstr(text, name);
    ck_assert_ptr_nonnull(line);
    return strtoull(line + strlen(name) + 1, NULL, 16);
}

START_TEST(command_has_signals_as_we_were_given_them)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* as by nohup */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct seen seen = {0};
    struct rn_command_settings settings = shell("");
    const char *argv[] = {"cat", "/proc/self/status", NULL};
    settings.argv = env_list(argv);
    run(&seen, &settings);
    ck_assert_uint_eq(mask_line(&seen, "SigBlk:"), 1ull << (SIGWINCH - 1));
    unsigned long long ignored = mask_line(&seen, "SigIgn:");
    ck_assert(!(ignored & 1ull << (SIGPIPE - 1)));
    ck_assert(ignored & 1ull << (SIGHUP - 1));
    finish(&seen);
    /* And so have we, afterwards. */
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    ck_assert(!sigismember(&now, SIGTERM));
    ck_assert(sigismember(&now, SIGWINCH));
}
END_TEST

/* --- signals --------------------------------------------------------------------------------- */

START_TEST(command_is_passed_our_signals)
{
    static const struct {
        int number;
        const char *name;
    } signals[] = {{SIGHUP, "HUP"},   {SIGINT, "INT"},   {SIGQUIT, "QUIT"},
                   {SIGTERM, "TERM"}, {SIGUSR1, "USR1"}, {SIGUSR2, "USR2"}};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        char script[128];
        snprintf(script, sizeof script,
                 "trap 'echo got; kill $!; exit 7' %s; sleep 60 & echo ready; wait; exit 8",
                 signals[i].name);
        struct seen seen = {.signal_at_output = signals[i].number};
        run_script(&seen, script);
        ck_stream(&seen, 1, "ready\ngot\n");
        ck_assert_int_eq(rn_command_shell_status(seen.status), 7);
        finish(&seen);
    }
}
END_TEST

/* In a session of its own with a terminal; the exit code says what was wrong. */
static int type_a_key(void)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 || setsid() < 0) {
        return 2;
    }
    int slave = open(ptsname(terminal), O_RDWR | O_CLOEXEC); /* becomes our controlling terminal */
    if (slave < 0 || tcgetpgrp(slave) != getpgrp()) {
        return 3;
    }
    struct seen seen = {.key_at = terminal, .term_at_next = true};
    struct rn_command_settings settings =
        shell("trap 'echo key' INT; trap 'kill $!; exit 7' TERM; sleep 60 & echo ready; "
              "while :; do wait; done");
    if (release(&seen, &settings, NULL, NULL) != RN_OK) {
        return 4;
    }
    rn_loop_run(loop);
    bool once = seen.streams[1].len == 10 && memcmp(seen.streams[1].data, "ready\nkey\n", 10) == 0;
    bool code = rn_command_shell_status(seen.status) == 7;
    finish(&seen);
    return !once ? 5 : !code ? 6 : 0;
}

START_TEST(command_gets_a_key_of_the_terminal_once)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(type_a_key());
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(rn_command_shell_status(status), 0);
}
END_TEST

START_TEST(command_gets_a_signal_that_came_before_it_ran)
{
    struct seen seen = {0};
    struct rn_command_settings settings = shell("echo ready; sleep 60 & wait");
    ck_assert_int_eq(rn_command_prepare(&settings, &seen.command, NULL), RN_OK);
    kill(getpid(), SIGTERM); /* would end us if it were not held */
    loop = rn_loop_new();
    struct rn_command_handler handler = {&seen, see_output, see_exit};
    ck_assert_int_eq(rn_command_release(seen.command, loop, NULL, &handler, NULL), RN_OK);
    rn_loop_run(loop);
    ck_assert_int_eq(rn_command_shell_status(seen.status), 128 + SIGTERM);
    finish(&seen);
}
END_TEST

START_TEST(command_that_is_freed_is_ended)
{
    /* While it waits. */
    struct rn_command *command;
    struct rn_command_settings settings = shell("echo never");
    ck_assert_int_eq(rn_command_prepare(&settings, &command, NULL), RN_OK);
    pid_t pid = (pid_t)rn_command_pid(command);
    ck_assert_int_eq(kill(pid, 0), 0);
    rn_command_free(command);
    ck_assert_int_eq(kill(pid, 0), -1);
    /* While it runs and will not go. */
    struct seen seen = {0};
    seen.stop_at = 1;
    settings = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    ck_assert_int_eq(release(&seen, &settings, NULL, NULL), RN_OK);
    rn_loop_run(loop);
    pid = (pid_t)rn_command_pid(seen.command);
    finish(&seen);
    ck_assert_int_eq(kill(pid, 0), -1);
    rn_command_free(NULL);
}
END_TEST

START_TEST(command_that_died_while_it_waited_has_an_exit)
{
    struct seen seen = {0};
    struct rn_command_settings settings = shell("echo never");
    ck_assert_int_eq(rn_command_prepare(&settings, &seen.command, NULL), RN_OK);
    kill((pid_t)rn_command_pid(seen.command), SIGKILL);
    loop = rn_loop_new();
    struct rn_command_handler handler = {&seen, see_output, see_exit};
    ck_assert_int_eq(rn_command_release(seen.command, loop, NULL, &handler, NULL), RN_OK);
    rn_loop_run(loop);
    ck_assert_int_eq(seen.exits, 1);
    ck_assert_int_eq(rn_command_shell_status(seen.status), 128 + SIGKILL);
    ck_stream(&seen, 1, "");
    finish(&seen);
}
END_TEST

/* --- output ---------------------------------------------------------------------------------- */

START_TEST(command_output_is_told_apart)
{
    struct seen seen = {0};
    run_script(&seen, "echo out; echo err >&2; echo out2; printf 'no end'");
    ck_stream(&seen, 1, "out\nout2\nno end");
    ck_stream(&seen, 2, "err\n");
    finish(&seen);
}
END_TEST

#define BIG (3u << 20)
#define BIG_SCRIPT "head -c 3145728 /dev/zero | tr '\\0' a"

static bool all_are(const struct rn_buffer *buffer, char letter)
{
    for (size_t i = 0; i < buffer->len; i++) {
        if (buffer->data[i] != (uint8_t)letter) {
            return false;
        }
    }
    return true;
}

START_TEST(command_output_of_any_size_is_whole)
{
    struct seen seen = {0};
    run_script(&seen, BIG_SCRIPT "; echo >&2");
    ck_assert_uint_eq(seen.streams[1].len, BIG);
    ck_assert(all_are(&seen.streams[1], 'a'));
    finish(&seen);
}
END_TEST

/* Reads its descriptor only when told, to the end, and counts. */
struct consumer {
    int descriptor;
    int gate; /* read until end of file before anything is read */
    size_t bytes;
    pthread_t thread;
};

static void *consume(void *self)
{
    struct consumer *consumer = self;
    char in[65536];
    while (read(consumer->gate, in, 1) > 0) {
    }
    ssize_t got;
    while ((got = read(consumer->descriptor, in, sizeof in)) > 0) {
        consumer->bytes += (size_t)got;
    }
    return NULL;
}

/* Puts a pipe in the place of our stdout; the old one is returned, to be put back. */
static int replace_stdout(int *reader)
{
    int pair[2];
    ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
    fflush(stdout);
    int before = fcntl(1, F_DUPFD_CLOEXEC, 10);
    ck_assert_int_eq(dup2(pair[1], 1), 1);
    close(pair[1]);
    *reader = pair[0];
    return before;
}

static void restore_stdout(int before)
{
    ck_assert_int_eq(dup2(before, 1), 1);
    close(before);
}

START_TEST(command_output_waits_for_a_slow_consumer)
{
    int gate[2];
    struct consumer consumer = {0};
    ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
    struct rn_command_settings settings = shell(BIG_SCRIPT);
    settings.pass_output = true;
    int before = replace_stdout(&consumer.descriptor);
    int flags = fcntl(1, F_GETFL);
    consumer.gate = gate[0];
    struct seen seen = {0};
    ck_assert_int_eq(release(&seen, &settings, NULL, NULL), RN_OK);
    ck_assert_int_eq(pthread_create(&consumer.thread, NULL, consume, &consumer), 0);
    /* Nobody reads: what we hold stays bounded, and the loop is free to see that. */
    struct rn_timer *timer = rn_timer_new(loop, (rn_loop_callback *)(void *)rn_loop_stop, loop);
    size_t held = 0;
    do {
        held = seen.streams[1].len;
        rn_timer_start(timer, 50000000);
        rn_loop_run(loop);
    } while (seen.streams[1].len != held || held == 0);
    rn_timer_free(timer);
    ck_assert_int_eq(seen.exits, 0);
    ck_assert_uint_le(held, RN_OUT_HIGH_BYTES + 4 * 65536);
    close(gate[1]);
    rn_loop_run(loop);
    ck_assert_int_eq(seen.exits, 1);
    ck_assert_int_eq(fcntl(1, F_GETFL), flags); /* still blocking for whoever shares it */
    restore_stdout(before);
    pthread_join(consumer.thread, NULL);
    ck_assert_uint_eq(consumer.bytes, BIG);
    ck_assert_uint_eq(seen.streams[1].len, BIG);
    finish(&seen);
    close(consumer.descriptor);
    close(gate[0]);
}
END_TEST

START_TEST(command_output_goes_to_a_terminal)
{
    struct consumer consumer = {0};
    int gate[2];
    ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
    consumer.gate = gate[0];
    close(gate[1]);
    consumer.descriptor = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_eq(grantpt(consumer.descriptor), 0);
    ck_assert_int_eq(unlockpt(consumer.descriptor), 0);
    int slave = open(ptsname(consumer.descriptor), O_RDWR | O_NOCTTY | O_CLOEXEC);
    fflush(stdout);
    int before = fcntl(1, F_DUPFD_CLOEXEC, 10);
    dup2(slave, 1);
    close(slave);
    struct rn_command_settings settings = shell("head -c 300000 /dev/zero | tr '\\0' a");
    settings.pass_output = true;
    struct seen seen = {0};
    ck_assert_int_eq(release(&seen, &settings, NULL, NULL), RN_OK);
    ck_assert_int_eq(pthread_create(&consumer.thread, NULL, consume, &consumer), 0);
    rn_loop_run(loop);
    restore_stdout(before); /* the last one: the consumer sees the end */
    pthread_join(consumer.thread, NULL);
    ck_assert_uint_eq(consumer.bytes, 300000);
    finish(&seen);
    close(consumer.descriptor);
    close(gate[0]);
}
END_TEST

START_TEST(command_output_breaks_when_ours_does)
{
    int reader;
    struct rn_command_settings settings =
        shell("trap '' PIPE; while echo y; do :; done 2>/dev/null; "
              "echo broken >&2; exit 9");
    settings.pass_output = true;
    int error_before = fcntl(2, F_DUPFD_CLOEXEC, 10);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, 2);
    int before = replace_stdout(&reader);
    close(reader);
    struct seen seen = {0};
    run(&seen, &settings);
    restore_stdout(before);
    dup2(error_before, 2);
    close(error_before);
    close(null);
    ck_assert_int_eq(rn_command_shell_status(seen.status), 9);
    ck_stream(&seen, 2, "broken\n");
    ck_streams(&seen, NULL, false); /* who has left misses nothing */
    finish(&seen);
}
END_TEST

START_TEST(command_output_that_finds_no_room_is_told)
{
    struct rn_command_settings settings = shell("echo lost; echo kept >&2");
    settings.pass_output = true;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    fflush(stdout);
    int before = fcntl(1, F_DUPFD_CLOEXEC, 10);
    dup2(full, 1);
    struct seen seen = {0};
    run(&seen, &settings);
    restore_stdout(before);
    close(full);
    ck_stream(&seen, 1, "lost\n");
    ck_stream(&seen, 2, "kept\n");
    ck_streams(&seen, "cannot write to stdout: No space left on device", false);
    finish(&seen);
}
END_TEST

START_TEST(command_output_goes_to_files)
{
    FILE *file = tmpfile();
    struct rn_command_settings settings = shell(BIG_SCRIPT);
    settings.pass_output = true;
    fflush(stdout);
    int before = fcntl(1, F_DUPFD_CLOEXEC, 10);
    dup2(fileno(file), 1);
    struct seen seen = {0};
    run(&seen, &settings);
    restore_stdout(before);
    struct stat found;
    ck_assert_int_eq(fstat(fileno(file), &found), 0);
    ck_assert_int_eq(found.st_size, BIG);
    finish(&seen);
    fclose(file);
}
END_TEST

START_TEST(command_ends_though_a_grandchild_holds_its_pipes)
{
    /* The one left behind reads our gate, so it lives exactly as long as we want. */
    int gate[2];
    ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
    int before = fcntl(0, F_DUPFD_CLOEXEC, 10);
    dup2(gate[0], 0);
    struct rn_command_settings settings =
        shell("exec 3<&0; (cat <&3 >/dev/null; echo late) & echo bye");
    settings.stdin_mode = RN_STDIN_INHERIT;
    struct seen seen = {0};
    run(&seen, &settings);
    ck_assert_int_eq(seen.status, 0);
    ck_stream(&seen, 1, "bye\n");
    finish(&seen);
    close(gate[1]);
    close(gate[0]);
    dup2(before, 0);
    close(before);
}
END_TEST

/* --- input ----------------------------------------------------------------------------------- */

START_TEST(command_reads_what_it_is_given)
{
    static const size_t sizes[] = {0, 1, 65536, 65537, 1000000};
    char *given = malloc(1000000);
    memset(given, 'g', 1000000);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rn_command_settings settings = shell("cat");
        settings.stdin_mode = RN_STDIN_GIVEN;
        settings.given = rn_bytes_of(given, sizes[i]);
        struct seen seen = {0};
        run(&seen, &settings);
        ck_assert_uint_eq(seen.streams[1].len, sizes[i]);
        ck_assert(all_are(&seen.streams[1], 'g'));
        ck_assert_uint_eq(seen.streams[0].len, 0);
        finish(&seen);
    }
    free(given);
}
END_TEST

START_TEST(command_may_leave_its_input_unread)
{
    char *given = calloc(1, 1000000);
    struct rn_command_settings settings = shell("exec <&-; echo fine");
    settings.stdin_mode = RN_STDIN_GIVEN;
    settings.given = rn_bytes_of(given, 1000000);
    struct seen seen = {0};
    run(&seen, &settings);
    ck_stream(&seen, 1, "fine\n");
    ck_assert_int_eq(seen.status, 0);
    finish(&seen);
    free(given);
}
END_TEST

/* A thread that writes `bytes` to a pipe, which stands in for our stdin. */
struct producer {
    int descriptor;
    size_t bytes;
    pthread_t thread;
};

static void *produce(void *self)
{
    struct producer *producer = self;
    char out[5000];
    memset(out, 'p', sizeof out);
    while (producer->bytes > 0) {
        size_t len = producer->bytes < sizeof out ? producer->bytes : sizeof out;
        ssize_t put = write(producer->descriptor, out, len);
        if (put <= 0) {
            break;
        }
        producer->bytes -= (size_t)put;
    }
    close(producer->descriptor);
    return NULL;
}

static void copy_stdin(size_t bytes, const char *script, struct seen *seen)
{
    int pair[2];
    ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
    int before = fcntl(0, F_DUPFD_CLOEXEC, 10);
    dup2(pair[0], 0);
    close(pair[0]);
    struct producer producer = {.descriptor = pair[1], .bytes = bytes};
    struct rn_command_settings settings = shell(script);
    settings.stdin_mode = RN_STDIN_COPY;
    struct rn_error error = {0};
    ck_assert_msg(release(seen, &settings, NULL, &error) == RN_OK, "%s", error.text);
    ck_assert_int_eq(pthread_create(&producer.thread, NULL, produce, &producer), 0);
    rn_loop_run(loop);
    ck_assert_int_eq(seen->exits, 1);
    dup2(before, 0); /* the last reader of the pipe: a producer that still writes ends */
    close(before);
    pthread_join(producer.thread, NULL);
}

START_TEST(command_reads_our_stdin_from_a_pipe)
{
    static const size_t sizes[] = {0, 1, 700000};
    for (size_t i = 0; i < 3; i++) {
        struct seen seen = {0};
        copy_stdin(sizes[i], "cat", &seen);
        ck_assert_uint_eq(seen.streams[0].len, sizes[i]);
        ck_assert_uint_eq(seen.streams[1].len, sizes[i]);
        ck_assert(all_are(&seen.streams[1], 'p'));
        finish(&seen);
    }
}
END_TEST

START_TEST(command_may_stop_reading_our_stdin)
{
    struct seen seen = {0};
    copy_stdin(700000, "head -c 10", &seen);
    ck_stream(&seen, 1, "pppppppppp");
    ck_assert_int_eq(seen.status, 0);
    finish(&seen);
}
END_TEST

/* A socket whose other end was closed with something unread in it is reset. */
START_TEST(command_whose_input_breaks_is_told)
{
    int pair[2];
    char byte = 'x';
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(write(pair[0], &byte, 1), 1);
    close(pair[1]);
    int before = fcntl(0, F_DUPFD_CLOEXEC, 10);
    dup2(pair[0], 0);
    close(pair[0]);
    struct rn_command_settings settings = shell("cat");
    settings.stdin_mode = RN_STDIN_COPY;
    struct seen seen = {0};
    run(&seen, &settings);
    dup2(before, 0);
    close(before);
    ck_assert_int_eq(seen.status, 0);
    ck_streams(&seen, "stdin of COMMAND: Connection reset by peer", true);
    finish(&seen);
}
END_TEST

START_TEST(command_reads_our_stdin_from_a_file)
{
    FILE *file = tmpfile();
    for (int i = 0; i < 200000; i++) {
        fputs("file", file);
    }
    fflush(file);
    lseek(fileno(file), 4, SEEK_SET);
    int before = fcntl(0, F_DUPFD_CLOEXEC, 10);
    dup2(fileno(file), 0);
    struct rn_command_settings settings = shell("cat");
    settings.stdin_mode = RN_STDIN_COPY;
    struct seen seen = {0};
    run(&seen, &settings);
    dup2(before, 0);
    close(before);
    ck_assert_uint_eq(seen.streams[0].len, 799996);
    ck_assert_uint_eq(seen.streams[1].len, 799996);
    ck_assert_mem_eq(seen.streams[0].data, seen.streams[1].data, 799996);
    finish(&seen);
    fclose(file);
}
END_TEST

START_TEST(command_with_null_stdin_reads_an_end)
{
    struct seen seen = {0};
    run_script(&seen, "cat; echo end");
    ck_stream(&seen, 1, "end\n");
    finish(&seen);
}
END_TEST

/* --- memory ---------------------------------------------------------------------------------- */

START_TEST(command_survives_each_failed_allocation)
{
    bool ran = false;
    for (unsigned long nth = 1; nth < 100 && !ran; nth++) {
        struct rn_command_settings settings = shell("cat");
        settings.stdin_mode = RN_STDIN_GIVEN;
        settings.given = RN_LIT("hi");
        settings.pass_output = true;
        struct seen seen = {0};
        struct rn_command_handler handler = {&seen, see_output, see_exit};
        struct rn_error error = {0};
        loop = rn_loop_new();
        fflush(stdout);
        int before = fcntl(1, F_DUPFD_CLOEXEC, 10);
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, 1);
        close(null);
        rn_memory_fail_from(nth);
        enum rn_status status = rn_command_prepare(&settings, &seen.command, &error);
        if (status == RN_OK) {
            status =
                rn_command_release(seen.command, loop, env_list(environment), &handler, &error);
        }
        rn_memory_fail_from(0);
        if (status == RN_OK) {
            rn_loop_run(loop);
            ck_assert_int_eq(seen.exits, 1);
            /* The failure may have met the child, which told us so, or nobody. */
            ck_stream(&seen, 1, "hi");
            ran = true;
        } else {
            ck_assert_msg(status == RN_NOMEM || status == RN_IO, "%d", (int)status);
            ck_assert_uint_gt(strlen(error.text), 0);
        }
        restore_stdout(before);
        finish(&seen);
    }
    ck_assert(ran);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("command");
    RN_CASE(suite, "ends", command_gives_the_exit_code, command_gives_the_signal_that_killed_it,
            command_names_what_cannot_be_run, command_is_looked_up_in_its_own_path);
    RN_CASE(suite, "inherits", command_gets_exactly_the_environment,
            command_can_have_no_environment_at_all, command_runs_in_its_directory,
            command_inherits_no_descriptor_of_ours, command_has_signals_as_we_were_given_them);
    RN_CASE(suite, "signals", command_is_passed_our_signals,
            command_gets_a_key_of_the_terminal_once, command_gets_a_signal_that_came_before_it_ran,
            command_that_is_freed_is_ended, command_that_died_while_it_waited_has_an_exit);
    RN_CASE(suite, "output", command_output_is_told_apart, command_output_of_any_size_is_whole,
            command_output_waits_for_a_slow_consumer, command_output_goes_to_a_terminal,
            command_output_breaks_when_ours_does, command_output_that_finds_no_room_is_told,
            command_output_goes_to_files, command_ends_though_a_grandchild_holds_its_pipes);
    RN_CASE(suite, "input", command_reads_what_it_is_given, command_may_leave_its_input_unread,
            command_reads_our_stdin_from_a_pipe, command_may_stop_reading_our_stdin,
            command_whose_input_breaks_is_told, command_reads_our_stdin_from_a_file,
            command_with_null_stdin_reads_an_end);
    RN_CASE(suite, "memory", command_survives_each_failed_allocation);
    return suite;
}
