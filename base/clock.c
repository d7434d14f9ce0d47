/* Time and randomness: the only file that asks the kernel for them. */
#include "clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static atomic_bool held;
static _Atomic uint64_t held_wall_ns;
static _Atomic uint64_t held_mono_ns;
static _Atomic uint64_t held_state;

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t rn_clock_wall_ns(void)
{
    return atomic_load(&held) ? atomic_load(&held_wall_ns) : read_clock(CLOCK_REALTIME);
}

uint64_t rn_clock_mono_ns(void)
{
    return atomic_load(&held) ? atomic_load(&held_mono_ns) : read_clock(CLOCK_MONOTONIC);
}

/* splitmix64: good enough to be reproducible, which is all a test asks. */
static uint64_t held_next(void)
{
    uint64_t z = atomic_fetch_add(&held_state, 0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void rn_random_bytes(void *out, size_t len)
{
    uint8_t *to = out;
    while (len > 0 && atomic_load(&held)) {
        *to++ = (uint8_t)held_next();
        len--;
    }
    while (len > 0) {
        ssize_t got = getrandom(to, len, 0);
        if (got > 0) {
            to += got;
            len -= (size_t)got;
        } else if (errno != EINTR) {
            perror("reenact: the kernel gives no random bytes");
            abort();
        }
    }
}

void rn_uuid7(uint8_t out[16])
{
    uint64_t ms = rn_clock_wall_ns() / 1000000u;
    rn_random_bytes(out, 16);
    for (int i = 0; i < 6; i++) {
        out[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    out[6] = (uint8_t)(0x70 | (out[6] & 0x0f));
    out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
}

void rn_clock_hold(uint64_t wall_ns, uint64_t mono_ns, uint64_t seed)
{
    atomic_store(&held_wall_ns, wall_ns);
    atomic_store(&held_mono_ns, mono_ns);
    atomic_store(&held_state, seed);
    atomic_store(&held, true);
}

void rn_clock_release(void)
{
    atomic_store(&held, false);
}
