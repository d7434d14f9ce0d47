/*
 * The doors for time and chance. Nothing else in reenact asks the system for either, so that a test can give both.
 */
#ifndef RN_BASE_CLOCK_H
#define RN_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds since 1970-01-01 UTC. */
uint64_t rn_clock_wall_ns(void);
/* Nanoseconds on a clock that never goes back; only differences mean anything. */
uint64_t rn_clock_mono_ns(void);
/* Unpredictable bytes from the kernel. Never fails: a kernel without randomness ends the process. */
void rn_random_bytes(void *out, size_t len);
/* A UUID version 7 (RFC 9562, 5.7): 48 bits of wall milliseconds, the rest random. */
void rn_uuid7(uint8_t out[16]);

/*
 * For tests: a given clock and seed. `wall_ns` and `mono_ns` stand still until set again; rn_random_bytes then comes
 * from a small generator started at `seed`. rn_clock_release goes back to the real ones.
 */
void rn_clock_hold(uint64_t wall_ns, uint64_t mono_ns, uint64_t seed);
void rn_clock_release(void);

#endif
