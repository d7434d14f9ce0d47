/*
 * What a test must leave as it found it: its descriptors, its threads, its children. In come all cases of a suite, since
 * tcase_create is ours (-Wl,--wrap); out goes a failure of the test that left something behind. Memory is LeakSanitizer's: each
 * test is a process of its own, and it looks at the end of each.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "main.h"

#define NUMBERS_MAX 4096
#define TARGET_MAX 128
#define LOOKS_MAX 400 /* of 5 ms: a joined thread leaves the list a little after it was joined */

TCase *__real_tcase_create(const char *name);
TCase *__wrap_tcase_create(const char *name);

static char (*before)[TARGET_MAX]; /* by number; empty where there is none */
static int threads_before;
#define PIPES_MAX 64
static char pipes[PIPES_MAX][TARGET_MAX]; /* the tests' own, which end with them */
static size_t pipe_count;

static int count_threads(void)
{
    int count = 0;
    DIR *list = opendir("/proc/self/task");
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return count;
}

/* False where nobody has that number. */
static bool target_of(int number, char out[TARGET_MAX])
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    ssize_t len = readlink(path, out, TARGET_MAX - 1);
    out[len > 0 ? len : 0] = '\0';
    return len > 0;
}

int rn_test_pipe(int ends[2])
{
    ck_assert_uint_lt(pipe_count, PIPES_MAX);
    int status = pipe(ends);
    if (status == 0) {
        (void)target_of(ends[0], pipes[pipe_count++]);
    }
    return status;
}

static bool is_of_test(const char *target)
{
    for (size_t i = 0; i < pipe_count; i++) {
        if (strcmp(pipes[i], target) == 0) {
            return true;
        }
    }
    return false;
}

static void note(void)
{
    before = calloc(NUMBERS_MAX, sizeof *before);
    ck_assert_ptr_nonnull(before);
    for (int i = 0; i < NUMBERS_MAX; i++) {
        (void)target_of(i, before[i]);
    }
    threads_before = count_threads();
}

static void check_descriptors(void)
{
    for (int i = 0; i < NUMBERS_MAX; i++) {
        char now[TARGET_MAX];
        if (target_of(i, now) && before[i][0] == '\0' && !is_of_test(now)) {
            ck_abort_msg("the test left descriptor %d open: %s", i, now);
        }
    }
}

static void check_threads(void)
{
    const struct timespec breath = {.tv_nsec = 5000000};
    int looks = 0;
    while (count_threads() > threads_before && looks++ < LOOKS_MAX) {
        (void)nanosleep(&breath, NULL);
    }
    ck_assert_msg(count_threads() <= threads_before, "the test left a thread behind");
}

static void check_children(void)
{
    int status = 0;
    pid_t child = waitpid(-1, &status, WNOHANG);
    ck_assert_msg(child < 0 && errno == ECHILD, "the test left a child behind, %s",
                  child > 0 ? "dead" : "alive");
}

static void compare(void)
{
    check_descriptors();
    check_threads();
    check_children();
    free(before);
    before = NULL;
}

/* First to set up, so last to tear down. */
TCase *__wrap_tcase_create(const char *name)
{
    TCase *made = __real_tcase_create(name);
    tcase_add_checked_fixture(made, note, compare);
    return made;
}
