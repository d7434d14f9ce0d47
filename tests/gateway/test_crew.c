/* Many jobs in a few processes: each is told once, in order, whatever became of it; and nothing is left behind. */
#include "main.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "crew.h"

/* What the parent was told, and what the jobs are to do. */
struct seen {
    int (*work)(struct seen *seen, size_t index, struct rn_buffer *result);
    int gate[2];   /* a pipe that jobs wait at */
    size_t holder; /* the job that waits */
    size_t opener; /* the job that lets it go */
    size_t done;
    size_t in_order;
    int statuses[256];
    struct rn_buffer results;
    size_t most_running;
    size_t last_ended;
    unsigned spoken;
    uint64_t limit_ns;
    uint64_t grace_ns;
    size_t expired; /* jobs that were told to have had no more time, each just before its end */
};

static int work(void *self, size_t index, struct rn_buffer *result)
{
    struct seen *seen = self;
    return seen->work(seen, index, result);
}

static void done(void *self, size_t index, int status, struct rn_bytes result)
{
    struct seen *seen = self;
    seen->in_order += index == seen->done;
    seen->statuses[index] = status;
    seen->done++;
    rn_buffer_add(&seen->results, result);
}

static void expired(void *self, size_t index)
{
    struct seen *seen = self;
    ck_assert_uint_eq(index, seen->done);
    seen->expired++;
}

static void progress(void *self, size_t ended, size_t running)
{
    struct seen *seen = self;
    seen->most_running = running > seen->most_running ? running : seen->most_running;
    ck_assert_uint_ge(ended, seen->last_ended);
    seen->last_ended = ended;
}

static void before_output(void *self)
{
    struct seen *seen = self;
    seen->spoken++;
}

static enum rn_status run_as(struct seen *seen, size_t jobs, unsigned at_once,
                             enum rn_crew_output output, int *signal_number)
{
    struct rn_error error = {RN_OK, ""};
    struct rn_crew_settings settings = {.jobs = jobs,
                                        .at_once = at_once,
                                        .output = output,
                                        .work = work,
                                        .done = done,
                                        .limit_ns = seen->limit_ns,
                                        .grace_ns = seen->grace_ns,
                                        .expired = expired,
                                        .progress = progress,
                                        .before_output = before_output,
                                        .self = seen};
    enum rn_status status = rn_crew_run(&settings, signal_number, &error);
    ck_assert_int_eq(error.text[0] != '\0', status != RN_OK);
    return status;
}

static void run(struct seen *seen, size_t jobs, unsigned at_once)
{
    int signal_number = -1;
    ck_assert_int_eq(run_as(seen, jobs, at_once, RN_CREW_PASS, &signal_number), RN_OK);
    ck_assert_int_eq(signal_number, 0);
    ck_assert_uint_eq(seen->done, jobs);
    ck_assert_uint_eq(seen->in_order, jobs);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static size_t count_descriptors(void)
{
    DIR *names = opendir("/proc/self/fd");
    size_t count = 0;
    while (readdir(names) != NULL) {
        count++;
    }
    closedir(names);
    return count;
}

/* The holder ends behind the opener, without a clock. */
static void pass_gate(const struct seen *seen, size_t index)
{
    char byte = 'x';
    if (index == seen->holder) {
        ck_assert_int_eq(read(seen->gate[0], &byte, 1), 1);
    }
    if (index == seen->opener) {
        ck_assert_int_eq(write(seen->gate[1], &byte, 1), 1);
    }
}

/* --- order and ends ------------------------------------------------------------------------------------------------ */

static int say_index(struct seen *seen, size_t index, struct rn_buffer *result)
{
    pass_gate(seen, index);
    rn_buffer_addf(result, "%zu ", index);
    return (int)index;
}

START_TEST(jobs_are_told_in_their_order)
{
    struct seen seen = {.work = say_index, .holder = 0, .opener = 5};
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    run(&seen, 7, 3);
    rn_buffer_add_byte(&seen.results, 0);
    ck_assert_str_eq((char *)seen.results.data, "0 1 2 3 4 5 6 ");
    for (int i = 0; i < 7; i++) {
        ck_assert(WIFEXITED(seen.statuses[i]));
        ck_assert_int_eq(WEXITSTATUS(seen.statuses[i]), i);
    }
    ck_assert_uint_eq(seen.most_running, 3);
    ck_assert_uint_eq(seen.last_ended, 7);
    rn_buffer_free(&seen.results);
}
END_TEST

START_TEST(one_that_hangs_holds_a_bounded_number)
{
    /* All that may begin before the first was told end; the last of them lets it go. */
    struct seen seen = {.work = say_index, .holder = 0, .opener = 60};
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    run(&seen, 200, 2);
    rn_buffer_free(&seen.results);
}
END_TEST

START_TEST(no_job_is_no_trouble)
{
    struct seen seen = {.work = say_index};
    run(&seen, 0, 1);
}
END_TEST

static int crash_in_the_middle(struct seen *seen, size_t index, struct rn_buffer *result)
{
    (void)seen;
    rn_buffer_addf(result, "%zu", index);
    if (index == 1) {
        raise(SIGKILL);
    }
    return 0;
}

START_TEST(a_crash_is_told_and_takes_nobody_along)
{
    struct seen seen = {.work = crash_in_the_middle};
    run(&seen, 3, 2);
    ck_assert(WIFSIGNALED(seen.statuses[1]));
    ck_assert_int_eq(WTERMSIG(seen.statuses[1]), SIGKILL);
    ck_assert_int_eq(seen.statuses[0], 0);
    ck_assert_int_eq(seen.statuses[2], 0);
    ck_assert_uint_eq(seen.results.len, 2);
    rn_buffer_free(&seen.results);
}
END_TEST

/* Job 0: as much as may be; job 1: one byte more. */
static int fill_result(struct seen *seen, size_t index, struct rn_buffer *result)
{
    static uint8_t piece[64 * 1024];
    (void)seen;
    for (size_t i = 0; i < RN_CREW_RESULT_BYTES_MAX; i += sizeof piece) {
        if (rn_buffer_append(result, piece, sizeof piece) != RN_OK) {
            return 2;
        }
    }
    return index == 1 ? (int)rn_buffer_add_byte(result, 1) : 0;
}

START_TEST(a_result_is_whole_up_to_its_limit)
{
    struct seen seen = {.work = fill_result};
    run(&seen, 2, 2);
    ck_assert_int_eq(seen.statuses[0], 0);
    ck_assert_int_eq(WEXITSTATUS(seen.statuses[1]), RN_LIMIT);
    ck_assert_uint_eq(seen.results.len, 2 * RN_CREW_RESULT_BYTES_MAX);
    rn_buffer_free(&seen.results);
}
END_TEST

/* --- what a job has ------------------------------------------------------------------------------------------------ */

static int count_own(struct seen *seen, size_t index, struct rn_buffer *result)
{
    (void)seen;
    (void)index;
    rn_buffer_addf(result, "%zu ", count_descriptors());
    return 0;
}

START_TEST(a_job_inherits_no_descriptor_of_the_crew)
{
    size_t before = count_descriptors();
    struct seen seen = {.work = count_own};
    char expected[32];
    int signal_number;
    ck_assert_int_eq(run_as(&seen, 3, 3, RN_CREW_WHOLE, &signal_number), RN_OK);
    /* Its own pipe is one more. */
    snprintf(expected, sizeof expected, "%zu %zu %zu ", before + 1, before + 1, before + 1);
    rn_buffer_add_byte(&seen.results, 0);
    ck_assert_str_eq((char *)seen.results.data, expected);
    ck_assert_uint_eq(count_descriptors(), before);
    rn_buffer_free(&seen.results);
}
END_TEST

static int look_at_stdin(struct seen *seen, size_t index, struct rn_buffer *result)
{
    char byte;
    (void)seen;
    (void)index;
    (void)result;
    return (int)read(STDIN_FILENO, &byte, 1);
}

START_TEST(a_job_reads_nothing)
{
    struct seen seen = {.work = look_at_stdin};
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    ck_assert_int_eq(write(seen.gate[1], "x", 1), 1);
    ck_assert_int_eq(dup2(seen.gate[0], STDIN_FILENO), STDIN_FILENO);
    run(&seen, 1, 1);
    ck_assert_int_eq(seen.statuses[0], 0);
}
END_TEST

static int look_at_mask(struct seen *seen, size_t index, struct rn_buffer *result)
{
    sigset_t set;
    struct sigaction action;
    (void)seen;
    (void)index;
    (void)result;
    (void)sigprocmask(SIG_BLOCK, NULL, &set);
    (void)sigaction(SIGPIPE, NULL, &action);
    return sigismember(&set, SIGUSR1) == 1 && sigismember(&set, SIGTERM) == 0 &&
                   sigismember(&set, SIGINT) == 0 && action.sa_handler == SIG_DFL
               ? 0
               : 1;
}

START_TEST(a_job_has_the_mask_that_we_were_given)
{
    sigset_t set;
    struct seen seen = {.work = look_at_mask};
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    run(&seen, 1, 1);
    ck_assert_int_eq(seen.statuses[0], 0);
    ck_assert_int_eq(look_at_mask(NULL, 0, NULL), 0);
}
END_TEST

/* --- signals ------------------------------------------------------------------------------------------------------- */

static int signal_parent(struct seen *seen, size_t index, struct rn_buffer *result)
{
    (void)seen;
    (void)result;
    if (index == 1) {
        kill(getppid(), SIGTERM);
    }
    while (pause() < 0) {
    }
    return 0;
}

START_TEST(a_signal_is_passed_on_and_no_further_job_begins)
{
    struct seen seen = {.work = signal_parent};
    int signal_number = 0;
    (void)signal(SIGTERM, SIG_DFL); /* Check has a handler of its own */
    ck_assert_int_eq(run_as(&seen, 5, 2, RN_CREW_SILENT, &signal_number), RN_OK);
    ck_assert_int_eq(signal_number, SIGTERM);
    ck_assert_uint_eq(seen.done, 2);
    ck_assert_int_eq(WTERMSIG(seen.statuses[0]), SIGTERM);
    ck_assert_int_eq(WTERMSIG(seen.statuses[1]), SIGTERM);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

static int wait_for_ever(struct seen *seen, size_t index, struct rn_buffer *result)
{
    (void)index;
    (void)result;
    ck_assert_int_eq(write(seen->gate[1], "x", 1), 1);
    while (pause() < 0) {
    }
    return 0;
}

static void ignore_all(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
}

/* Ends by nothing but SIGKILL, and neither does what it started. */
static int be_stubborn(struct seen *seen, size_t index, struct rn_buffer *result)
{
    ignore_all();
    if (fork() == 0) {
        (void)fork();
        return wait_for_ever(seen, index, result);
    }
    return wait_for_ever(seen, index, result);
}

/* All who had the gate are gone. */
static void ck_gone(struct seen *seen)
{
    char byte;
    (void)close(seen->gate[1]);
    while (read(seen->gate[0], &byte, 1) > 0) {
    }
    (void)close(seen->gate[0]);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

START_TEST(a_job_whose_time_is_up_is_ended_with_all_it_started)
{
    struct seen seen = {.work = be_stubborn, .limit_ns = 100000000, .grace_ns = 1000000};
    int signal_number = -1;
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    ck_assert_int_eq(run_as(&seen, 3, 2, RN_CREW_SILENT, &signal_number), RN_OK);
    ck_assert_int_eq(signal_number, 0);
    ck_assert_uint_eq(seen.done, 3);
    ck_assert_uint_eq(seen.expired, 3);
    for (size_t i = 0; i < seen.done; i++) {
        ck_assert(WIFSIGNALED(seen.statuses[i]));
    }
    ck_gone(&seen);
}
END_TEST

START_TEST(a_job_whose_time_is_up_may_end_in_its_own_way)
{
    struct seen seen = {.work = wait_for_ever, .limit_ns = 1};
    int signal_number = -1;
    (void)signal(SIGTERM, SIG_DFL);
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    ck_assert_int_eq(run_as(&seen, 1, 1, RN_CREW_SILENT, &signal_number), RN_OK);
    ck_assert_uint_eq(seen.expired, 1);
    ck_assert_int_eq(WTERMSIG(seen.statuses[0]), SIGTERM);
    ck_gone(&seen);
}
END_TEST

START_TEST(a_job_in_time_is_not_ended)
{
    struct seen seen = {.work = say_index,
                        .holder = SIZE_MAX,
                        .opener = SIZE_MAX,
                        .limit_ns = UINT64_C(3600000000000),
                        .grace_ns = 1};
    run(&seen, 5, 2);
    rn_buffer_free(&seen.results);
    ck_assert_uint_eq(seen.expired, 0);
}
END_TEST

static int interrupt_parent(struct seen *seen, size_t index, struct rn_buffer *result)
{
    ignore_all();
    (void)kill(getppid(), SIGINT);
    return be_stubborn(seen, index, result);
}

START_TEST(who_ignores_a_signal_is_ended_after_a_while)
{
    struct seen seen = {.work = interrupt_parent, .grace_ns = 1000000};
    int signal_number = -1;
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    ck_assert_int_eq(run_as(&seen, 2, 1, RN_CREW_SILENT, &signal_number), RN_OK);
    ck_assert_int_eq(signal_number, SIGINT);
    ck_assert_uint_eq(seen.done, 1);
    ck_assert_uint_eq(seen.expired, 0);
    ck_assert_int_eq(WTERMSIG(seen.statuses[0]), SIGKILL);
    ck_gone(&seen);
}
END_TEST

static int insist(struct seen *seen, size_t index, struct rn_buffer *result)
{
    ignore_all();
    (void)kill(getppid(), SIGHUP);
    (void)kill(getppid(), SIGTERM);
    return interrupt_parent(seen, index, result);
}

START_TEST(the_third_signal_is_the_last)
{
    struct seen seen = {.work = insist}; /* no clock ends it */
    int signal_number = -1;
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    ck_assert_int_eq(run_as(&seen, 1, 1, RN_CREW_SILENT, &signal_number), RN_OK);
    ck_assert_int_ne(signal_number, 0);
    ck_assert_int_eq(WTERMSIG(seen.statuses[0]), SIGKILL);
    ck_gone(&seen);
}
END_TEST

START_TEST(a_job_does_not_outlive_a_parent_that_is_killed)
{
    struct seen seen = {.work = wait_for_ever};
    char byte;
    (void)signal(SIGTERM, SIG_DFL);
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    pid_t parent = fork();
    if (parent == 0) {
        int signal_number;
        run_as(&seen, 1, 1, RN_CREW_PASS, &signal_number);
        _exit(0);
    }
    (void)close(seen.gate[1]);
    ck_assert_int_eq(read(seen.gate[0], &byte, 1), 1);
    (void)kill(parent, SIGKILL);
    ck_assert_int_eq(read(seen.gate[0], &byte, 1), 0); /* the last writer is gone */
    ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
}
END_TEST

/* --- output -------------------------------------------------------------------------------------------------------- */

static int print_both(struct seen *seen, size_t index, struct rn_buffer *result)
{
    (void)result;
    pass_gate(seen, index);
    printf("out %zu\n", index);
    fflush(stdout);
    fprintf(stderr, "err %zu\n", index);
    printf("end %zu\n", index); /* still buffered when the work is done */
    return 0;
}

/* Runs with stdout and stderr as files (one, or two), and gives what stands in them. */
static void run_printing(enum rn_crew_output output, bool one_file, char texts[2][256])
{
    struct seen seen = {.work = print_both, .holder = 0, .opener = 1};
    FILE *files[2] = {tmpfile(), tmpfile()};
    int kept[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    int signal_number;
    fflush(stdout);
    ck_assert_int_eq(rn_test_pipe(seen.gate), 0);
    ck_assert_int_ge(dup2(fileno(files[0]), STDOUT_FILENO), 0);
    ck_assert_int_ge(dup2(fileno(files[one_file ? 0 : 1]), STDERR_FILENO), 0);
    enum rn_status status = run_as(&seen, 2, 2, output, &signal_number);
    ck_assert_int_ge(dup2(kept[0], STDOUT_FILENO), 0);
    ck_assert_int_ge(dup2(kept[1], STDERR_FILENO), 0);
    (void)close(kept[0]);
    (void)close(kept[1]);
    ck_assert_int_eq(status, RN_OK);
    ck_assert_uint_eq(seen.spoken, output == RN_CREW_WHOLE ? 2 : 0);
    for (int i = 0; i < 2; i++) {
        rewind(files[i]);
        texts[i][fread(texts[i], 1, 255, files[i])] = '\0';
        fclose(files[i]);
    }
}

START_TEST(whole_outputs_stand_in_the_order_of_jobs)
{
    char texts[2][256];
    run_printing(RN_CREW_WHOLE, false, texts);
    ck_assert_str_eq(texts[0], "out 0\nend 0\nout 1\nend 1\n");
    ck_assert_str_eq(texts[1], "err 0\nerr 1\n");
}
END_TEST

START_TEST(streams_that_are_one_stay_one)
{
    char texts[2][256];
    run_printing(RN_CREW_WHOLE, true, texts);
    ck_assert_str_eq(texts[0], "out 0\nerr 0\nend 0\nout 1\nerr 1\nend 1\n");
}
END_TEST

START_TEST(silence_is_silent)
{
    char texts[2][256];
    run_printing(RN_CREW_SILENT, false, texts);
    ck_assert_str_eq(texts[0], "");
    ck_assert_str_eq(texts[1], "");
}
END_TEST

START_TEST(nobody_who_reads_is_no_end)
{
    struct seen seen = {.work = print_both, .holder = 9, .opener = 9};
    int broken[2];
    int signal_number;
    int kept = dup(STDOUT_FILENO);
    ck_assert_int_eq(rn_test_pipe(broken), 0);
    (void)close(broken[0]);
    fflush(stdout);
    ck_assert_int_ge(dup2(broken[1], STDOUT_FILENO), 0);
    enum rn_status status = run_as(&seen, 3, 2, RN_CREW_WHOLE, &signal_number);
    ck_assert_int_ge(dup2(kept, STDOUT_FILENO), 0);
    (void)close(kept);
    ck_assert_int_eq(status, RN_OK);
    ck_assert_uint_eq(seen.done, 3);
}
END_TEST

/* --- the world failing --------------------------------------------------------------------------------------------- */

START_TEST(without_descriptors_there_is_a_sentence)
{
    struct seen seen = {.work = say_index, .holder = 9, .opener = 9};
    struct rlimit before;
    int signal_number;
    int next = dup(STDOUT_FILENO);
    (void)close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (rlim_t more = 0; more < 3; more++) {
        struct rlimit tight = {(rlim_t)next + more, before.rlim_max};
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
        enum rn_status status = run_as(&seen, 2, 1, RN_CREW_PASS, &signal_number);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert_int_eq(status, RN_IO);
        ck_assert_uint_eq(seen.done, 0);
    }
}
END_TEST

START_TEST(few_descriptors_are_enough_for_many_jobs)
{
    struct seen seen = {.work = say_index, .holder = 100, .opener = 100};
    struct rlimit before;
    int next = dup(STDOUT_FILENO);
    (void)close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit tight = {(rlim_t)next + 12, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    run(&seen, 100, 8);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    rn_buffer_free(&seen.results);
}
END_TEST

START_TEST(without_memory_there_is_a_sentence)
{
    for (unsigned long nth = 1; nth <= 4; nth++) {
        struct seen seen = {.work = say_index, .holder = 9, .opener = 9};
        int signal_number;
        rn_memory_fail_from(nth);
        enum rn_status status = run_as(&seen, 1, 1, RN_CREW_PASS, &signal_number);
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, RN_NOMEM);
        ck_assert_uint_eq(seen.done, 0);
    }
}
END_TEST

/* --- rooms --------------------------------------------------------------------------------------------------------- */

static char place[4096]; /* of one test */

static void open_place(void)
{
    snprintf(place, sizeof place, "/tmp/reenact-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place));
}

static void close_place(void)
{
    struct stat found;
    rn_crew_room_drop(place);
    ck_assert_int_ne(stat(place, &found), 0);
}

static const char *within(const char *room, const char *name)
{
    static char path[2][8192];
    static unsigned turn;
    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", room, name);
    return path[turn];
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

START_TEST(a_room_is_empty_private_and_gone_afterwards)
{
    char rooms[2][4096];
    struct stat found;
    struct rn_error error = {0};
    open_place();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(rn_crew_room_make(place, NULL, rooms[i], &error), RN_OK);
        ck_assert_int_eq(rooms[i][0], '/');
        ck_assert_int_eq(stat(rooms[i], &found), 0);
        ck_assert_int_eq(found.st_mode & 07777, 0700);
    }
    ck_assert_str_ne(rooms[0], rooms[1]);
    rn_crew_room_drop(rooms[0]);
    ck_assert_int_ne(stat(rooms[0], &found), 0);
    ck_assert_int_eq(stat(rooms[1], &found), 0);
    close_place();
}
END_TEST

START_TEST(a_copy_has_what_its_source_has)
{
    char room[4096];
    char target[64];
    struct stat found;
    struct rn_error error = {0};
    open_place();
    ck_assert_int_eq(mkdir(within(place, "-source"), 0755), 0);
    const char *source = within(place, "-source");
    char kept[4096];
    snprintf(kept, sizeof kept, "%s", source);
    put(within(kept, ".hidden"), "x");
    ck_assert_int_eq(mkdir(within(kept, "sub"), 0750), 0);
    put(within(kept, "sub/file"), "text");
    ck_assert_int_eq(symlink("sub/file", within(kept, "link")), 0);
    ck_assert_msg(rn_crew_room_make(place, kept, room, &error) == RN_OK, "%s", error.text);
    ck_assert_int_eq(stat(within(room, ".hidden"), &found), 0);
    ck_assert_int_eq(stat(within(room, "sub/file"), &found), 0);
    ck_assert_int_eq(found.st_size, 4);
    ck_assert_int_eq(readlink(within(room, "link"), target, sizeof target), 8);
    rn_crew_room_drop(room);
    ck_assert_int_eq(stat(within(kept, "sub/file"), &found), 0);
    close_place();
}
END_TEST

START_TEST(a_room_goes_whatever_was_left_in_it)
{
    char room[4096];
    struct stat found;
    struct rn_error error = {0};
    open_place();
    put(within(place, "outside"), "x");
    ck_assert_int_eq(rn_crew_room_make(place, NULL, room, &error), RN_OK);
    ck_assert_int_eq(mkdir(within(room, "closed"), 0700), 0);
    ck_assert_int_eq(mkdir(within(room, "closed/deep"), 0700), 0);
    put(within(room, "closed/deep/file"), "x");
    ck_assert_int_eq(chmod(within(room, "closed/deep"), 0000), 0);
    ck_assert_int_eq(chmod(within(room, "closed"), 0555), 0);
    ck_assert_int_eq(symlink(place, within(room, "up")), 0);
    ck_assert_int_eq(mkfifo(within(room, "fifo"), 0600), 0);
    rn_crew_room_drop(room);
    ck_assert_int_ne(stat(room, &found), 0);
    ck_assert_int_eq(stat(within(place, "outside"), &found), 0);
    close_place();
}
END_TEST

START_TEST(a_source_that_is_none_leaves_nothing)
{
    char room[4096];
    struct rn_error error = {0};
    size_t names = 0;
    open_place();
    put(within(place, "file"), "x");
    ck_assert_int_eq(rn_crew_room_make(place, within(place, "missing"), room, &error), RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "missing"));
    ck_assert_int_eq(rn_crew_room_make(place, within(place, "file"), room, &error), RN_INVALID);
    ck_assert_int_eq(rn_crew_room_make(within(place, "nowhere"), NULL, room, &error), RN_IO);
    /* cp refuses to copy a directory into itself. */
    ck_assert_int_eq(rn_crew_room_make(place, place, room, &error), RN_IO);
    DIR *list = opendir(place);
    while (readdir(list) != NULL) {
        names++;
    }
    closedir(list);
    ck_assert_uint_eq(names, 3);
    close_place();
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("gateway/crew");
    RN_CASE(suite, "order", jobs_are_told_in_their_order, one_that_hangs_holds_a_bounded_number,
            no_job_is_no_trouble, a_crash_is_told_and_takes_nobody_along,
            a_result_is_whole_up_to_its_limit);
    RN_CASE(suite, "what a job has", a_job_inherits_no_descriptor_of_the_crew, a_job_reads_nothing,
            a_job_has_the_mask_that_we_were_given);
    RN_CASE(suite, "signals", a_signal_is_passed_on_and_no_further_job_begins,
            who_ignores_a_signal_is_ended_after_a_while, the_third_signal_is_the_last,
            a_job_does_not_outlive_a_parent_that_is_killed);
    RN_CASE(suite, "time", a_job_whose_time_is_up_is_ended_with_all_it_started,
            a_job_whose_time_is_up_may_end_in_its_own_way, a_job_in_time_is_not_ended);
    RN_CASE(suite, "output", whole_outputs_stand_in_the_order_of_jobs,
            streams_that_are_one_stay_one, silence_is_silent, nobody_who_reads_is_no_end);
    RN_CASE(suite, "trouble", without_descriptors_there_is_a_sentence,
            few_descriptors_are_enough_for_many_jobs, without_memory_there_is_a_sentence);
    RN_CASE(suite, "rooms", a_room_is_empty_private_and_gone_afterwards,
            a_copy_has_what_its_source_has, a_room_goes_whatever_was_left_in_it,
            a_source_that_is_none_leaves_nothing);
    return suite;
}
