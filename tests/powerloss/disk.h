/*
 * The disk under a store, as a test wants it: it remembers what was written to data.mdb and when it was made to last, and it
 * fails when it is told to.
 *
 * disk.c stands in front of the C library's calls: linked into a program its own definitions win, also for what LMDB calls;
 * loaded by LD_PRELOAD (preload.c) they do so in any program. Everything is passed on to the kernel but syncs: what a test
 * looks at afterwards is the page cache or the log, and neither needs the platter. Any thread.
 */
#ifndef RN_TESTS_POWERLOSS_DISK_H
#define RN_TESTS_POWERLOSS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_op_kind {
    DISK_WRITE, /* lasts once a sync follows */
    DISK_META,  /* written through O_DSYNC: lasts when the call returns */
    DISK_SYNC
};

struct disk_op {
    enum disk_op_kind kind;
    uint64_t offset;
    size_t len;
    size_t at; /* its bytes in the log */
};

struct disk_log {
    struct disk_op *ops;
    size_t count;
    size_t cap;
    uint8_t *bytes;
    size_t used;
    size_t bytes_cap;
};

/* From now on into this log; NULL ends it. */
void disk_record(struct disk_log *log);
/* How many operations the log holds: the moment, for whoever asks what had happened by then. */
size_t disk_position(void);
void disk_log_free(struct disk_log *log);

enum disk_call {
    DISK_CALL_WRITE,    /* pwrite and kin, of data.mdb */
    DISK_CALL_FSYNC,    /* of data.mdb */
    DISK_CALL_OPEN,     /* of a file of the store: data.mdb, lock.mdb, owners/ */
    DISK_CALL_TRUNCATE, /* of a file of the store */
    DISK_CALL_READ,     /* pread of data.mdb */
    DISK_CALL_COUNT
};

/*
 * The call number `nth` (1 = next) of that kind fails with `error`, and with `lasting` all later ones too. `error` 0 is a
 * short write: half of what was asked for. nth 0 heals the disk.
 */
void disk_fail(enum disk_call call, unsigned nth, int error, bool lasting);
/* Syncs do not come back while there is a file of that name; kept. NULL: they do. Before other threads are there. */
void disk_stall_while(const char *path);
/* Whether a failure has happened since disk_fail. */
bool disk_failed(void);

#endif
