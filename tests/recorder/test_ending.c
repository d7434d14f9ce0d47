/*
 * The end of a recording on a disk that stands still: waited for, told of, given up. The linker puts our rn_db_commit in front of
 * the store's (--wrap), so that it can stand still. Whole recordings run in children: what is given up is freed by nobody.
 */
#include "main.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record.h"
#include "db.h"
#include "store/room.h"
#include "store/trace.h"

#define MS UINT64_C(1000000)

static struct room room;
static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t disk_changed = PTHREAD_COND_INITIALIZER;
static pthread_t opener;
static int commits_left = -1; /* then it stands still; below 0: it never does */

enum rn_status __real_rn_db_commit(struct rn_db_txn *txn, struct rn_error *error);
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *error);
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *error)
{
    if (pthread_equal(pthread_self(), opener)) { /* who opens the store is none of this */
        return __real_rn_db_commit(txn, error);
    }
    pthread_mutex_lock(&disk);
    while (commits_left == 0) {
        pthread_cond_wait(&disk_changed, &disk);
    }
    commits_left -= commits_left > 0;
    pthread_mutex_unlock(&disk);
    return __real_rn_db_commit(txn, error);
}

static void allow_commits(int count)
{
    pthread_mutex_lock(&disk);
    commits_left = count;
    pthread_cond_broadcast(&disk_changed);
    pthread_mutex_unlock(&disk);
}

/* What the child found, sent through a pipe. */
struct found {
    enum rn_status status;
    bool recorded;
    bool given_up;
    struct rn_unstored unstored;
    uint64_t failed;
    unsigned told;
    char remark[512];
};

static unsigned told;
static void (*when_told)(void);

static void on_waiting(void *self, struct rn_unstored left, uint64_t at_most_ns)
{
    (void)self;
    ck_assert_uint_gt(left.events + left.traces, 0);
    ck_assert_uint_gt(at_most_ns, 0);
    told++;
    if (when_told != NULL) {
        when_told();
    }
}

/* Records COMMAND, or serves, on a disk that takes so many commits. */
static struct found record(int commits, const char *command, uint64_t wait_ns,
                           void (*ready)(void *self, const char *url, const struct rn_port *ports,
                                         size_t port_count))
{
    int ends[2];
    struct found found = {.status = RN_INVALID};
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        static struct rn_record_outcome outcome;
        struct rn_error error = {.text = ""};
        static char place[1200];
        char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)command, NULL};
        snprintf(place, sizeof place, "XDG_CONFIG_HOME=%s", room.path);
        char *const environment[] = {place, (char[]){"PATH=/usr/bin:/bin"}, NULL};
        struct rn_record_settings settings = {.store = room_file(&room, "store"),
                                              .argv = ready == NULL ? argv : NULL,
                                              .environment = environment,
                                              .durability = RN_DURABILITY_ASYNC,
                                              .end_wait_ns = wait_ns,
                                              .on_waiting = on_waiting,
                                              .on_ready = ready};
        (void)signal(SIGTERM, SIG_DFL);
        opener = pthread_self();
        allow_commits(commits);
        found.status = ready == NULL ? rn_record_run(&settings, &outcome, &error)
                                     : rn_record_serve(&settings, &outcome, &error);
        found.recorded = outcome.recorded;
        found.given_up = outcome.given_up;
        found.unstored = outcome.unstored;
        found.failed = outcome.counts.failed;
        found.told = told;
        snprintf(found.remark, sizeof found.remark, "%s", outcome.remark);
        _exit(write(ends[1], &found, sizeof found) == sizeof found ? 0 : 1);
    }
    (void)close(ends[1]);
    ck_assert_int_eq(read(ends[0], &found, sizeof found), sizeof found);
    (void)close(ends[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(found.status, RN_OK);
    return found;
}

static void set_up(void)
{
    room_open(&room);
    setenv("XDG_CONFIG_HOME", room.path, 1);
}

static void tear_down(void)
{
    room_close(&room);
}

START_TEST(a_disk_that_stands_still_is_given_up_and_what_is_lost_is_named)
{
    struct found found = record(0, "exit 3", 300 * MS, NULL);
    ck_assert(found.given_up);
    ck_assert(!found.recorded);
    ck_assert_uint_eq(found.unstored.events, 1); /* the run */
    ck_assert_uint_eq(found.unstored.traces, 1);
    ck_assert_uint_eq(found.failed, 1);
    ck_assert_uint_eq(found.told, 0); /* it was over before anything was worth saying */
    ck_assert_msg(strstr(found.remark, "1 event and the end of 1 trace are lost") != NULL,
                  "%s", found.remark);
}
END_TEST

START_TEST(a_disk_that_moves_is_waited_for)
{
    struct found found = record(-1, "true", 300 * MS, NULL);
    ck_assert(!found.given_up);
    ck_assert(found.recorded);
    ck_assert_uint_eq(found.failed, 0);
}
END_TEST

static void let_go(void)
{
    allow_commits(-1);
}

START_TEST(a_disk_that_comes_back_in_time_has_everything)
{
    when_told = let_go;
    struct found found = record(0, "true", 3600000 * MS, NULL);
    ck_assert_uint_eq(found.told, 1);
    ck_assert(!found.given_up);
    ck_assert(found.recorded);
}
END_TEST

static void interrupt(void)
{
    (void)kill(getpid(), SIGINT);
}

START_TEST(a_signal_gives_up_once_it_was_said_what_is_waited_for)
{
    when_told = interrupt;
    struct found found = record(0, "kill -TERM $PPID", 3600000 * MS, NULL);
    ck_assert_uint_eq(found.told, 1);
    ck_assert(found.given_up);
    ck_assert_uint_eq(found.unstored.events, 1);
}
END_TEST

/* Everything is in the log by then; what is not done any more is what any reader does. */
START_TEST(indexes_that_cannot_be_written_are_no_loss)
{
    bool met = false;
    for (int commits = 1; commits < 30 && !met; commits++) {
        struct found found = record(commits, "true", 300 * MS, NULL);
        met = found.given_up && found.recorded;
        ck_assert(!met || found.failed == 0);
    }
    ck_assert(met);
}
END_TEST

static void ask_and_end(void *self, const char *url, const struct rn_port *ports, size_t port_count)
{
    char command[512];
    (void)self;
    (void)ports;
    (void)port_count;
    snprintf(
        command, sizeof command,
        "python3 -c 'import urllib.request\ntry:\n urllib.request.urlopen(\"%s/t/a/nobody/x\")\n"
        "except Exception:\n pass' ; kill -TERM %d",
        url, (int)getpid());
    if (fork() == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
}

START_TEST(serve_gives_up_as_well)
{
    struct found found = record(0, NULL, 300 * MS, ask_and_end);
    ck_assert(found.given_up);
    ck_assert(!found.recorded);
    ck_assert_uint_eq(found.unstored.events, 1);
    ck_assert_uint_eq(found.unstored.traces, 1);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("ending");
    TCase *one = tcase_create("ending");
    tcase_add_checked_fixture(one, set_up, tear_down);
    tcase_add_test(one, a_disk_that_stands_still_is_given_up_and_what_is_lost_is_named);
    tcase_add_test(one, a_disk_that_moves_is_waited_for);
    tcase_add_test(one, a_disk_that_comes_back_in_time_has_everything);
    tcase_add_test(one, a_signal_gives_up_once_it_was_said_what_is_waited_for);
    tcase_add_test(one, indexes_that_cannot_be_written_are_no_loss);
    tcase_add_test(one, serve_gives_up_as_well);
    suite_add_tcase(suite, one);
    return suite;
}
