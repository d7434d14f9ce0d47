/*
 * The event loop over libev: the only file that knows it.
 *
 * In come descriptors, delays and wake-ups from other threads; out go callbacks. The end of a turn is an ev_prepare watcher,
 * which libev calls before it waits. Timers of delay 0 never reach libev: as its timers they would cost one more epoll_wait
 * (http.md 4), so they run in that same watcher. It declines to know what anybody waits for.
 */
#include "loop.h"

#include <assert.h>
#include <ev.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/reserve.h"

/* Work that keeps making work yields to the kernel's news after so many rounds. */
#define ROUNDS_MAX 64

struct rn_timer {
    ev_timer watcher;
    struct rn_loop *loop;
    rn_loop_callback *call;
    void *self;
    struct rn_timer *previous; /* among the timers due at once, or NULL */
    struct rn_timer *next;
};

struct rn_wake {
    ev_async watcher;
    struct rn_loop *loop;
    rn_loop_callback *call;
    void *self;
};

struct rn_watch {
    ev_io watcher;
    struct rn_loop *loop;
    rn_watch_callback *call;
    void *self;
};

struct rn_turn {
    struct rn_loop *loop;
    rn_loop_callback *call;
    void *self;
    struct rn_turn *next;
    bool wanted;
};

struct rn_loop {
    struct ev_loop *ev;
    ev_prepare before_wait;
    ev_check after_wait;
    ev_idle no_wait;
    uint64_t now_ns;
    struct rn_timer due; /* ring of the timers that are due at once; only its links are used */
    struct rn_turn *turns;
    struct rn_turn
        *turn_next; /* the one end_turn calls next, so that a callback may free any of them */
    size_t objects; /* made and not yet freed */
    bool more;      /* somebody asked for another round */
    bool running;
};

/* --- the end of a turn ----------------------------------------------------------------------- */

static void due_remove(struct rn_timer *timer)
{
    if (timer->next != NULL) {
        timer->previous->next = timer->next;
        timer->next->previous = timer->previous;
        timer->next = timer->previous = NULL;
    }
}

static void due_add(struct rn_timer *ring, struct rn_timer *timer)
{
    timer->previous = ring->previous;
    timer->next = ring;
    ring->previous->next = timer;
    ring->previous = timer;
}

static void ring_init(struct rn_timer *ring)
{
    ring->next = ring->previous = ring;
}

/* Calls the timers that are due now; those that become due meanwhile wait for the next round. */
static void run_due(struct rn_loop *loop)
{
    struct rn_timer ring;
    ring_init(&ring);
    while (loop->due.next != &loop->due) {
        struct rn_timer *timer = loop->due.next;
        due_remove(timer);
        due_add(&ring, timer);
    }
    while (ring.next != &ring) {
        struct rn_timer *timer = ring.next;
        due_remove(timer);
        timer->call(timer->self);
    }
}

static void run_turns(struct rn_loop *loop)
{
    for (struct rn_turn *turn = loop->turns; turn != NULL; turn = loop->turn_next) {
        loop->turn_next = turn->next;
        if (turn->wanted) {
            turn->wanted = false;
            turn->call(turn->self);
        }
    }
    loop->turn_next = NULL;
}

static void end_turn(struct rn_loop *loop)
{
    for (struct rn_turn *turn = loop->turns; turn != NULL; turn = turn->next) {
        turn->wanted = true;
    }
    unsigned rounds = 0;
    do {
        loop->more = false;
        run_due(loop);
        run_turns(loop);
    } while (loop->more && ++rounds < ROUNDS_MAX);
    if (loop->more) {
        ev_idle_start(loop->ev, &loop->no_wait);
    } else {
        ev_idle_stop(loop->ev, &loop->no_wait);
    }
}

static void on_before_wait(struct ev_loop *ev, ev_prepare *watcher, int events)
{
    (void)ev;
    (void)events;
    end_turn(watcher->data);
}

static void on_after_wait(struct ev_loop *ev, ev_check *watcher, int events)
{
    (void)ev;
    (void)events;
    struct rn_loop *loop = watcher->data;
    loop->now_ns = rn_clock_mono_ns();
}

/* Its being active is all that is wanted: libev does not wait then. */
static void on_no_wait(struct ev_loop *ev, ev_idle *watcher, int events)
{
    (void)ev;
    (void)watcher;
    (void)events;
}

/* --- what libev would die of ------------------------------------------------------------------ */

/* Its arrays at RN_CONNECTIONS_MAX connections, grown by doubling, come to less. */
static _Alignas(16) uint8_t reserved[(size_t)2 * 1024 * 1024];
static struct rn_reserve reserve = RN_RESERVE_OVER(reserved, sizeof reserved);

/* libev aborts when this gives NULL for a size, so what makes it grow asks can_grow first. */
static void *resize(void *block, long size)
{
    if (size == 0) {
        rn_reserve_free(&reserve, block);
        return NULL;
    }
    return rn_reserve_realloc(&reserve, block, (size_t)size);
}

static bool can_grow(void)
{
    return rn_reserve_is_well(&reserve);
}

/*
 * Its own answer to a system call that failed is to abort. Where this is called it tries again, or goes on without: a wait
 * that failed is a turn without news, and a descriptor for wake-ups is wanted until there is one.
 */
static void on_trouble(const char *what)
{
    (void)what;
    const struct timespec breath = {.tv_nsec = 1000000};
    (void)nanosleep(&breath, NULL);
}

/* A descriptor for wake-ups is libev's first need in rn_wake_new; for want of one it would try for ever. */
static bool has_descriptor_left(void)
{
    int descriptor = eventfd(0, EFD_CLOEXEC);
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return descriptor >= 0;
}

/* --- the loop -------------------------------------------------------------------------------- */

struct rn_loop *rn_loop_new(void)
{
    struct rn_loop *loop = can_grow() ? rn_calloc(1, sizeof *loop) : NULL;
    if (loop == NULL) {
        return NULL;
    }
    ev_set_allocator(resize);
    ev_set_syserr_cb(on_trouble);
    /* NOENV: LIBEV_FLAGS of the recorded program must not choose our backend. */
    loop->ev = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOSIGMASK);
    if (loop->ev == NULL) {
        rn_free(loop);
        return NULL;
    }
    ring_init(&loop->due);
    loop->now_ns = rn_clock_mono_ns();
    ev_prepare_init(&loop->before_wait, on_before_wait);
    ev_check_init(&loop->after_wait, on_after_wait);
    ev_idle_init(&loop->no_wait, on_no_wait);
    loop->before_wait.data = loop;
    loop->after_wait.data = loop;
    ev_set_priority(&loop->after_wait, EV_MAXPRI);
    ev_prepare_start(loop->ev, &loop->before_wait);
    ev_check_start(loop->ev, &loop->after_wait);
    ev_unref(loop->ev); /* these two are nothing to wait for */
    ev_unref(loop->ev);
    return loop;
}

void rn_loop_free(struct rn_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    assert(!loop->running);
    assert(loop->objects == 0);
    ev_ref(loop->ev);
    ev_ref(loop->ev);
    ev_loop_destroy(loop->ev);
    rn_free(loop);
}

void rn_loop_run(struct rn_loop *loop)
{
    assert(!loop->running);
    loop->running = true;
    loop->now_ns = rn_clock_mono_ns();
    ev_run(loop->ev, 0);
    end_turn(loop); /* what was written in the turn that stopped the loop goes out, too */
    loop->running = false;
}

void rn_loop_stop(struct rn_loop *loop)
{
    ev_break(loop->ev, EVBREAK_ONE);
}

uint64_t rn_loop_now_ns(const struct rn_loop *loop)
{
    return loop->now_ns;
}

/* --- timers ---------------------------------------------------------------------------------- */

static void on_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
    (void)ev;
    (void)events;
    struct rn_timer *timer = watcher->data;
    timer->call(timer->self);
}

struct rn_timer *rn_timer_new(struct rn_loop *loop, rn_loop_callback *call, void *self)
{
    struct rn_timer *timer = can_grow() ? rn_calloc(1, sizeof *timer) : NULL;
    if (timer == NULL) {
        return NULL;
    }
    timer->loop = loop;
    timer->call = call;
    timer->self = self;
    ev_init(&timer->watcher, on_timer);
    timer->watcher.data = timer;
    loop->objects++;
    return timer;
}

void rn_timer_start(struct rn_timer *timer, uint64_t delay_ns)
{
    struct rn_loop *loop = timer->loop;
    rn_timer_stop(timer);
    if (delay_ns == 0) {
        due_add(&loop->due, timer);
        loop->more = true;
        return;
    }
    if (!loop->running) {
        ev_now_update(loop->ev); /* libev counts from a clock it reads only while it runs */
    }
    ev_timer_set(&timer->watcher, (double)delay_ns / 1e9, 0.0);
    ev_timer_start(loop->ev, &timer->watcher);
}

void rn_timer_stop(struct rn_timer *timer)
{
    due_remove(timer);
    ev_timer_stop(timer->loop->ev, &timer->watcher);
}

void rn_timer_free(struct rn_timer *timer)
{
    if (timer != NULL) {
        rn_timer_stop(timer);
        timer->loop->objects--;
        rn_free(timer);
    }
}

/* --- wake-ups -------------------------------------------------------------------------------- */

static void on_wake(struct ev_loop *ev, ev_async *watcher, int events)
{
    (void)ev;
    (void)events;
    struct rn_wake *wake = watcher->data;
    wake->call(wake->self);
}

struct rn_wake *rn_wake_new(struct rn_loop *loop, rn_loop_callback *call, void *self)
{
    struct rn_wake *wake = can_grow() && has_descriptor_left() ? rn_calloc(1, sizeof *wake) : NULL;
    if (wake == NULL) {
        return NULL;
    }
    wake->loop = loop;
    wake->call = call;
    wake->self = self;
    ev_async_init(&wake->watcher, on_wake);
    wake->watcher.data = wake;
    ev_async_start(loop->ev, &wake->watcher);
    loop->objects++;
    return wake;
}

void rn_wake_send(struct rn_wake *wake)
{
    ev_async_send(wake->loop->ev, &wake->watcher);
}

void rn_wake_free(struct rn_wake *wake)
{
    if (wake != NULL) {
        ev_async_stop(wake->loop->ev, &wake->watcher);
        wake->loop->objects--;
        rn_free(wake);
    }
}

/* --- descriptors ----------------------------------------------------------------------------- */

/*
 * Where the kernel has no room for one more to wait for (epoll_ctl: ENOMEM, ENOSPC), libev stops the watcher. It is started again,
 * and until that goes well whoever waits looks for himself, at a pace that leaves others their turn.
 */
static void on_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct rn_watch *watch = watcher->data;
    if ((events & EV_ERROR) != 0) {
        on_trouble("watch");
        events = watcher->events;
        ev_io_start(ev, watcher);
    }
    watch->call(watch->self, (events & EV_READ) != 0, (events & EV_WRITE) != 0);
}

struct rn_watch *rn_watch_new(struct rn_loop *loop, int descriptor, rn_watch_callback *call,
                              void *self)
{
    struct rn_watch *watch = can_grow() ? rn_calloc(1, sizeof *watch) : NULL;
    if (watch == NULL) {
        return NULL;
    }
    watch->loop = loop;
    watch->call = call;
    watch->self = self;
    ev_io_init(&watch->watcher, on_ready, descriptor, 0);
    watch->watcher.data = watch;
    loop->objects++;
    return watch;
}

void rn_watch_set(struct rn_watch *watch, bool readable, bool writable)
{
    int events = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);
    ev_io *watcher = &watch->watcher;
    if ((watcher->events & (EV_READ | EV_WRITE)) == events) {
        return;
    }
    /* Stop and start only note a change; libev tells the kernel once, before it waits, if a change is left by then. */
    ev_io_stop(watch->loop->ev, watcher);
    ev_io_modify(watcher, events);
    if (events != 0) {
        ev_io_start(watch->loop->ev, watcher);
    }
}

void rn_watch_free(struct rn_watch *watch)
{
    if (watch != NULL) {
        ev_io_stop(watch->loop->ev, &watch->watcher);
        watch->loop->objects--;
        rn_free(watch);
    }
}

/* --- turns ----------------------------------------------------------------------------------- */

struct rn_turn *rn_turn_new(struct rn_loop *loop, rn_loop_callback *call, void *self)
{
    struct rn_turn *turn = rn_calloc(1, sizeof *turn);
    if (turn == NULL) {
        return NULL;
    }
    turn->loop = loop;
    turn->call = call;
    turn->self = self;
    struct rn_turn **end = &loop->turns;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = turn;
    loop->objects++;
    return turn;
}

void rn_turn_again(struct rn_turn *turn)
{
    turn->wanted = true;
    turn->loop->more = true;
}

void rn_turn_free(struct rn_turn *turn)
{
    if (turn == NULL) {
        return;
    }
    struct rn_loop *loop = turn->loop;
    struct rn_turn **at = &loop->turns;
    while (*at != turn) {
        at = &(*at)->next;
    }
    *at = turn->next;
    if (loop->turn_next == turn) {
        loop->turn_next = turn->next;
    }
    loop->objects--;
    rn_free(turn);
}
