/*
 * What went wrong, in two parts: a status for the code and a sentence for the human.
 *
 * A function that can meet a misfortune (a full disk, a strange answer) returns enum rn_status and, where a person may
 * read about it, fills a struct rn_error lent by the caller. Mistakes of our own are asserted instead.
 */
#ifndef RN_BASE_STATUS_H
#define RN_BASE_STATUS_H

enum rn_status {
    RN_OK = 0,
    RN_NOMEM,     /* an allocation failed */
    RN_IO,        /* a system call failed; the sentence holds errno's words */
    RN_INVALID,   /* input that breaks its grammar */
    RN_LIMIT,     /* input beyond a limit of base/limits.h */
    RN_NOTFOUND,  /* nothing by that name */
    RN_AMBIGUOUS, /* more than one by that name */
    RN_DAMAGED,   /* stored bytes that fail their check */
    RN_REFUSED,   /* we will not do this here, and the sentence says why */
    RN_BUSY,      /* somebody else holds it */
    RN_FULL,      /* no room on the disk or in the map */
    RN_NEWER      /* written by a later version */
};

#define RN_ERROR_BYTES_MAX 512

struct rn_error {
    enum rn_status status;
    char text
        [RN_ERROR_BYTES_MAX]; /* one sentence: what happened, to what, what to do; "" after success */
};

/* Fills `error` (NULL is fine) and returns `status`, so that `return rn_fail(...)` reads well. */
enum rn_status rn_fail(struct rn_error *error, enum rn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The status in one or two words, for logs and tests. Static storage. */
const char *rn_status_name(enum rn_status status);

#endif
