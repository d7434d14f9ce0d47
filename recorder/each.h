/*
 * `reenact record --each FILE -- COMMAND {input}`: a suite of inputs, each recorded as a run of its own (DESIGN 5.2).
 *
 * Every line that is not empty is a case: COMMAND with the line in place of {input}, in a process of its own, its trace named
 * NAME/LINE after the number of the line. Terminal output is the caller's.
 */
#ifndef RN_RECORDER_EACH_H
#define RN_RECORDER_EACH_H

#include "recorder/record.h"

/* What came of one line. */
struct rn_each_case {
    uint32_t line;
    char name[256]; /* of its trace, shortened to this */
    struct rn_trace_id trace;
    uint64_t calls;
    uint64_t raw_bytes;
    uint64_t stored_bytes;
    int exit; /* as a shell gives it; 124, 125, 126 and 127 as those of `record` */
    bool recorded;
    bool complete;
    bool open_line; /* what COMMAND printed last was no end of a line: of any stream, of stderr */
    bool open_stderr_line;
    const char *remark; /* what failed, or why nothing was recorded; "". Lent */
};

struct rn_each_settings {
    struct rn_record_settings
        record;       /* of every case; argv holds {input}; name NULL: from the file's */
    const char *file; /* "-": stdin */
    unsigned
        jobs; /* at once; 1 to RN_JOBS_MAX. Above 1 the outputs are whole and in order of lines */
    bool require_complete; /* a case whose recording has gaps ends with 124 */
    /* In order of lines, once its output stands; may be NULL. */
    void (*on_case)(void *self, const struct rn_each_case *one);
    /* Whenever one begins or ends; and before output is copied (jobs above 1). May be NULL. */
    void (*on_progress)(void *self, size_t ended, size_t running, size_t count);
    void (*before_output)(void *self);
    void *self;
};

struct rn_each_outcome {
    char name[256];   /* NAME, shortened to this */
    char store[4096]; /* path; "" when no case came so far */
    size_t count;     /* lines that are cases */
    size_t ended;     /* of them; fewer when it was interrupted */
    size_t recorded;
    size_t incomplete; /* of those recorded */
    uint64_t calls;
    uint64_t raw_bytes;
    uint64_t stored_bytes;
    size_t nonzero;      /* cases whose exit was not 0 */
    uint32_t first_line; /* the first of them */
    int exit;            /* its exit; 128 + n after signal n; else 0 */
    int signal_number;   /* 0, or what ended it early */
};

/*
 * RN_OK: the cases ran, whatever came of them. Otherwise none did: RN_INVALID (a COMMAND without {input}, fixed ports with several
 * jobs, a line), RN_LIMIT, RN_NOTFOUND, RN_IO, RN_NOMEM. The caller has no store, loop or thread.
 */
enum rn_status rn_each_run(const struct rn_each_settings *settings, struct rn_each_outcome *outcome,
                           struct rn_error *error);

#endif
