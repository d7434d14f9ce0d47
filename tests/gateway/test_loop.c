/* Defends gateway/loop.c: what runs when, and that nothing is called after it was stopped or freed. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "gateway/loop.h"
#include "main.h"

/* Most tests write down what happened as letters. */
struct diary {
    struct rn_loop *loop;
    struct rn_timer *timer;
    struct rn_timer *other;
    struct rn_turn *turn;
    struct rn_watch *watch;
    struct rn_wake *wake;
    char text[256];
    int left;
    int pipe[2];
};

static void note(struct diary *diary, char letter)
{
    size_t len = strlen(diary->text);
    if (len < sizeof diary->text - 1) {
        diary->text[len] = letter;
    }
}

static void open_diary(struct diary *diary)
{
    *diary = (struct diary){.pipe = {-1, -1}};
    diary->loop = rn_loop_new();
    ck_assert_ptr_nonnull(diary->loop);
}

static void close_diary(struct diary *diary)
{
    rn_timer_free(diary->timer);
    rn_timer_free(diary->other);
    rn_turn_free(diary->turn);
    rn_watch_free(diary->watch);
    rn_wake_free(diary->wake);
    rn_loop_free(diary->loop);
    for (int i = 0; i < 2; i++) {
        if (diary->pipe[i] >= 0) {
            close(diary->pipe[i]);
        }
    }
}

static void note_timer(void *self)
{
    note(self, 't');
}

static void note_other(void *self)
{
    note(self, 'o');
}

START_TEST(loop_ends_when_nothing_is_left)
{
    struct diary diary;
    open_diary(&diary);
    rn_loop_run(diary.loop);
    rn_loop_run(diary.loop);
    close_diary(&diary);
}
END_TEST

START_TEST(timers_fire_once_in_order_of_their_time)
{
    struct diary diary;
    open_diary(&diary);
    diary.timer = rn_timer_new(diary.loop, note_timer, &diary);
    diary.other = rn_timer_new(diary.loop, note_other, &diary);
    rn_timer_start(diary.timer, 20000000);
    rn_timer_start(diary.other, 1000000);
    uint64_t before = rn_clock_mono_ns();
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "ot");
    ck_assert_uint_ge(rn_clock_mono_ns() - before, 19000000);
    close_diary(&diary);
}
END_TEST

START_TEST(starting_a_running_timer_moves_it)
{
    struct diary diary;
    open_diary(&diary);
    diary.timer = rn_timer_new(diary.loop, note_timer, &diary);
    diary.other = rn_timer_new(diary.loop, note_other, &diary);
    rn_timer_start(diary.timer, UINT64_C(3600000000000));
    rn_timer_start(diary.other, 2000000);
    rn_timer_start(diary.timer, 1000000);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "to");
    close_diary(&diary);
}
END_TEST

START_TEST(a_stopped_timer_is_silent)
{
    struct diary diary;
    open_diary(&diary);
    diary.timer = rn_timer_new(diary.loop, note_timer, &diary);
    diary.other = rn_timer_new(diary.loop, note_other, &diary);
    rn_timer_start(diary.timer, 1000000);
    rn_timer_start(diary.other, 0);
    rn_timer_stop(diary.timer);
    rn_timer_stop(diary.other);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "");
    close_diary(&diary);
}
END_TEST

/* --- the end of a turn ----------------------------------------------------------------------- */

static void start_other_at_once(void *self)
{
    struct diary *diary = self;
    note(diary, 't');
    rn_timer_start(diary->other, 0);
}

static void note_turn(void *self)
{
    note(self, '.');
}

START_TEST(a_timer_of_delay_0_fires_before_the_loop_waits)
{
    struct diary diary;
    open_diary(&diary);
    diary.timer = rn_timer_new(diary.loop, start_other_at_once, &diary);
    diary.other = rn_timer_new(diary.loop, note_other, &diary);
    diary.turn = rn_turn_new(diary.loop, note_turn, &diary);
    rn_timer_start(diary.timer, 1000000);
    rn_loop_run(diary.loop);
    /* one turn before the wait, the timer, then `other` ahead of that turn's end and of any other wait */
    ck_assert_ptr_nonnull(strstr(diary.text, "to."));
    close_diary(&diary);
}
END_TEST

static void again_thrice(void *self)
{
    struct diary *diary = self;
    note(diary, '.');
    if (diary->left > 0) {
        diary->left--;
        rn_timer_start(diary->timer, 0);
        rn_turn_again(diary->turn);
    }
}

START_TEST(turns_repeat_until_nothing_is_new)
{
    struct diary diary;
    open_diary(&diary);
    diary.left = 3;
    diary.timer = rn_timer_new(diary.loop, note_timer, &diary);
    diary.turn = rn_turn_new(diary.loop, again_thrice, &diary);
    rn_loop_run(diary.loop);
    ck_assert_ptr_eq(strstr(diary.text, ".t.t.t."), diary.text);
    close_diary(&diary);
}
END_TEST

static void again_for_ever(void *self)
{
    struct diary *diary = self;
    diary->left++;
    rn_turn_again(diary->turn);
}

static void stop_on_bytes(void *self, bool readable, bool writable)
{
    struct diary *diary = self;
    note(diary, readable ? 'r' : '-');
    note(diary, writable ? 'w' : '-');
    rn_loop_stop(diary->loop);
}

static void open_pipe(struct diary *diary)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, diary->pipe), 0);
    diary->watch = rn_watch_new(diary->loop, diary->pipe[0], stop_on_bytes, diary);
    ck_assert_ptr_nonnull(diary->watch);
}

START_TEST(endless_turns_do_not_starve_descriptors)
{
    struct diary diary;
    open_diary(&diary);
    open_pipe(&diary);
    diary.turn = rn_turn_new(diary.loop, again_for_ever, &diary);
    rn_watch_set(diary.watch, true, false);
    ck_assert_int_eq(write(diary.pipe[1], "x", 1), 1);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "r-");
    ck_assert_int_gt(diary.left, 1);
    close_diary(&diary);
}
END_TEST

static void free_both(void *self)
{
    struct diary *diary = self;
    note(diary, 'f');
    rn_turn_free(diary->turn);
    diary->turn = NULL;
    rn_timer_free(diary->other);
    diary->other = NULL;
}

START_TEST(what_is_freed_in_the_same_turn_is_not_called)
{
    struct diary diary;
    open_diary(&diary);
    diary.timer = rn_timer_new(diary.loop, free_both, &diary);
    diary.other = rn_timer_new(diary.loop, note_other, &diary);
    diary.turn = rn_turn_new(diary.loop, note_turn, &diary);
    rn_timer_start(diary.timer, 0);
    rn_timer_start(diary.other, 0);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "f");
    close_diary(&diary);
}
END_TEST

static void free_own_turn(void *self)
{
    struct diary *diary = self;
    note(diary, 'f');
    rn_turn_free(diary->turn);
    diary->turn = NULL;
}

START_TEST(a_turn_may_free_itself)
{
    struct diary diary;
    open_diary(&diary);
    diary.turn = rn_turn_new(diary.loop, free_own_turn, &diary);
    struct rn_turn *second = rn_turn_new(diary.loop, note_turn, &diary);
    rn_loop_run(diary.loop);
    ck_assert_ptr_eq(strstr(diary.text, "f."), diary.text);
    rn_turn_free(second);
    close_diary(&diary);
}
END_TEST

static void stop_then_note(void *self)
{
    struct diary *diary = self;
    note(diary, 's');
    rn_loop_stop(diary->loop);
}

START_TEST(the_turn_that_stops_the_loop_has_an_end_too)
{
    struct diary diary;
    open_diary(&diary);
    diary.timer = rn_timer_new(diary.loop, stop_then_note, &diary);
    diary.turn = rn_turn_new(diary.loop, note_turn, &diary);
    rn_timer_start(diary.timer, 1000000);
    rn_loop_run(diary.loop);
    ck_assert_ptr_nonnull(strstr(diary.text, "s."));
    close_diary(&diary);
}
END_TEST

/* --- descriptors ----------------------------------------------------------------------------- */

START_TEST(a_watch_tells_what_it_was_asked_for)
{
    struct diary diary;
    open_diary(&diary);
    open_pipe(&diary);
    rn_watch_set(diary.watch, false, true);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "-w");
    ck_assert_int_eq(write(diary.pipe[1], "x", 1), 1);
    rn_watch_set(diary.watch, true, true);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "-wrw");
    rn_watch_set(diary.watch, true, false);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "-wrwr-");
    rn_watch_set(diary.watch, false, false);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "-wrwr-");
    close_diary(&diary);
}
END_TEST

static void free_own_watch(void *self, bool readable, bool writable)
{
    struct diary *diary = self;
    note(diary, readable && !writable ? 'f' : '?');
    rn_watch_free(diary->watch);
    diary->watch = NULL;
}

START_TEST(a_watch_may_free_itself)
{
    struct diary diary;
    open_diary(&diary);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, diary.pipe), 0);
    diary.watch = rn_watch_new(diary.loop, diary.pipe[0], free_own_watch, &diary);
    rn_watch_set(diary.watch, true, false);
    ck_assert_int_eq(write(diary.pipe[1], "x", 1), 1);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "f");
    close_diary(&diary);
}
END_TEST

/* curl closes and reopens descriptors under us: the new one has the old one's number. */
START_TEST(a_reused_descriptor_is_heard)
{
    struct diary diary;
    open_diary(&diary);
    open_pipe(&diary);
    rn_watch_set(diary.watch, false, true);
    rn_loop_run(diary.loop);
    int number = diary.pipe[0];
    rn_watch_free(diary.watch);
    close(diary.pipe[0]);
    close(diary.pipe[1]);
    int fresh[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fresh), 0);
    ck_assert_int_eq(fresh[0], number);
    memcpy(diary.pipe, fresh, sizeof fresh);
    diary.text[0] = diary.text[1] = '\0';
    diary.watch = rn_watch_new(diary.loop, fresh[0], stop_on_bytes, &diary);
    rn_watch_set(diary.watch, false, true);
    rn_loop_run(diary.loop);
    ck_assert_str_eq(diary.text, "-w");
    close_diary(&diary);
}
END_TEST

/* --- other threads --------------------------------------------------------------------------- */

#define SENDS 10000

static atomic_int sent;

static void count_wake(void *self)
{
    struct diary *diary = self;
    diary->left++;
    if (atomic_load(&sent) == SENDS) {
        rn_loop_stop(diary->loop);
    }
}

static void *send_many(void *self)
{
    struct diary *diary = self;
    for (int i = 0; i < SENDS; i++) {
        atomic_fetch_add(&sent, 1);
        rn_wake_send(diary->wake);
    }
    return NULL;
}

START_TEST(no_wake_is_lost_and_many_are_one)
{
    struct diary diary;
    open_diary(&diary);
    diary.wake = rn_wake_new(diary.loop, count_wake, &diary);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, send_many, &diary), 0);
    rn_loop_run(diary.loop);
    pthread_join(thread, NULL);
    ck_assert_int_ge(diary.left, 1);
    ck_assert_int_le(diary.left, SENDS);
    close_diary(&diary);
}
END_TEST

static void watch_clock(void *self)
{
    struct diary *diary = self;
    uint64_t now = rn_loop_now_ns(diary->loop);
    ck_assert_uint_le(now, rn_clock_mono_ns());
    ck_assert_uint_eq(now, rn_loop_now_ns(diary->loop));
    note(diary, 'n');
}

START_TEST(the_loops_time_stands_still_within_a_turn)
{
    struct diary diary;
    open_diary(&diary);
    diary.timer = rn_timer_new(diary.loop, watch_clock, &diary);
    uint64_t before = rn_loop_now_ns(diary.loop);
    rn_timer_start(diary.timer, 2000000);
    rn_loop_run(diary.loop);
    ck_assert_uint_ge(rn_loop_now_ns(diary.loop), before + 1000000);
    ck_assert_str_eq(diary.text, "n");
    close_diary(&diary);
}
END_TEST

START_TEST(without_memory_there_is_nothing)
{
    rn_memory_fail_from(1);
    ck_assert_ptr_null(rn_loop_new());
    rn_memory_fail_from(0);
    struct diary diary;
    open_diary(&diary);
    rn_memory_fail_from(1);
    ck_assert_ptr_null(rn_timer_new(diary.loop, note_timer, &diary));
    ck_assert_ptr_null(rn_wake_new(diary.loop, note_timer, &diary));
    ck_assert_ptr_null(rn_watch_new(diary.loop, 0, stop_on_bytes, &diary));
    ck_assert_ptr_null(rn_turn_new(diary.loop, note_timer, &diary));
    rn_memory_fail_from(0);
    rn_loop_run(diary.loop);
    close_diary(&diary);
    rn_loop_free(NULL);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("gateway/loop");
    RN_CASE(suite, "timers", loop_ends_when_nothing_is_left,
            timers_fire_once_in_order_of_their_time, starting_a_running_timer_moves_it,
            a_stopped_timer_is_silent, the_loops_time_stands_still_within_a_turn);
    RN_CASE(suite, "turns", a_timer_of_delay_0_fires_before_the_loop_waits,
            turns_repeat_until_nothing_is_new, endless_turns_do_not_starve_descriptors,
            what_is_freed_in_the_same_turn_is_not_called, a_turn_may_free_itself,
            the_turn_that_stops_the_loop_has_an_end_too);
    RN_CASE(suite, "descriptors", a_watch_tells_what_it_was_asked_for, a_watch_may_free_itself,
            a_reused_descriptor_is_heard);
    RN_CASE(suite, "rest", no_wake_is_lost_and_many_are_one, without_memory_there_is_nothing);
    return suite;
}
