/*
 * Numbers as humans read them: sizes, durations, moments. Text goes into the caller's array, which is returned.
 */
#ifndef RN_CLI_HUMAN_H
#define RN_CLI_HUMAN_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

#define RN_HUMAN_BYTES_MAX 48

struct rn_human {
    char text[RN_HUMAN_BYTES_MAX];
};

/* "999 B", "1.2 kB", "34 kB", "1.2 MB": powers of 1000. */
const char *rn_human_bytes(struct rn_human *out, uint64_t bytes);
/* "0.31 ms", "4.2 ms", "312 ms", "1.24 s", "2 min 03 s", "1 h 02 min". */
const char *rn_human_duration(struct rn_human *out, uint64_t ns);
/* "12 s ago", "5 min ago", "3 h ago", "2 d ago", then the local date. A moment to come is "now". */
const char *rn_human_ago(struct rn_human *out, uint64_t wall_ns, uint64_t now_wall_ns);
/* Local time with its offset: "2026-11-20 18:35:12 +0000". */
const char *rn_human_moment(struct rn_human *out, uint64_t wall_ns);
/* For machines: "2026-11-20T18:35:12.123456789Z". */
const char *rn_human_iso(struct rn_human *out, uint64_t wall_ns);
/* "1 call", "2 calls". */
const char *rn_human_count(struct rn_human *out, uint64_t count, const char *one, const char *many);
/* A status of wait(2): "exit 0", "signal 9"; "" for -1. */
const char *rn_human_exit(struct rn_human *out, int wait_status);

/* Appends a list of runs (base/varint.h) with commas between them: "openai, qdrant". */
enum rn_status rn_human_runs(struct rn_buffer *out, struct rn_bytes runs);

#endif
