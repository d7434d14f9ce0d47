/*
 * The event loop: readiness, timers, wake-ups from other threads, and a moment at the end of each turn.
 *
 * A thin skin over libev (epoll here), so that the rest of the house speaks neither. All functions belong to the loop's
 * thread but rn_wake_send, which any thread may call. Objects made here are freed by their own _free, before the loop.
 */
#ifndef RN_GATEWAY_LOOP_H
#define RN_GATEWAY_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct rn_loop;
struct rn_timer;
struct rn_wake;
struct rn_watch;
struct rn_turn;

typedef void rn_loop_callback(void *self);
typedef void rn_watch_callback(void *self, bool readable, bool writable);

/* NULL when memory or descriptors ran out. */
struct rn_loop *rn_loop_new(void);
void rn_loop_free(struct rn_loop *loop);
/* Runs until rn_loop_stop, or until nothing is left to wait for. */
void rn_loop_run(struct rn_loop *loop);
void rn_loop_stop(struct rn_loop *loop);
/* Monotonic nanoseconds as read once per turn: cheap, at most a turn old. */
uint64_t rn_loop_now_ns(const struct rn_loop *loop);

/* One-shot. Starting a running timer moves it. Delay 0 fires in this same turn, before the loop waits. */
struct rn_timer *rn_timer_new(struct rn_loop *loop, rn_loop_callback *call, void *self);
void rn_timer_start(struct rn_timer *timer, uint64_t delay_ns);
void rn_timer_stop(struct rn_timer *timer);
void rn_timer_free(struct rn_timer *timer);

/* Many sends before the loop looks are one call. Thread-safe. */
struct rn_wake *rn_wake_new(struct rn_loop *loop, rn_loop_callback *call, void *self);
void rn_wake_send(struct rn_wake *wake);
void rn_wake_free(struct rn_wake *wake);

/* Level-triggered readiness of a descriptor that stays the caller's. */
struct rn_watch *rn_watch_new(struct rn_loop *loop, int descriptor, rn_watch_callback *call, void *self);
void rn_watch_set(struct rn_watch *watch, bool readable, bool writable);
void rn_watch_free(struct rn_watch *watch);

/*
 * Called once whenever the loop is about to wait, and again for every rn_turn_again since, until no call has made work for
 * another (or 64 rounds passed: then the loop looks at its descriptors without waiting and comes back).
 */
struct rn_turn *rn_turn_new(struct rn_loop *loop, rn_loop_callback *call, void *self);
/* There is work for this turn: call it before the loop waits. Cheap; from any callback, its own included. */
void rn_turn_again(struct rn_turn *turn);
void rn_turn_free(struct rn_turn *turn);

#endif
