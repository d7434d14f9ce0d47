/*
 * Every limit of reenact, named once. The man page's section LIMITS repeats these numbers; change both.
 */
#ifndef RN_BASE_LIMITS_H
#define RN_BASE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* HTTP (DESIGN 10; http.md 6) */
#define RN_HEAD_BYTES_MAX ((size_t)64 * 1024)
#define RN_HEAD_FIELDS_MAX 256u
#define RN_CHUNK_EXTENSION_BYTES_MAX ((size_t)4 * 1024)
#define RN_TRAILER_BYTES_MAX ((size_t)16 * 1024)
#define RN_REQUEST_BODY_BYTES_MAX                                                                  \
    ((size_t)64 * 1024 * 1024) /* above: passed on whole, recorded as truncated */

/* A piece of a body that is committed on its own, whichever comes first. */
#define RN_PART_BYTES_MAX ((size_t)256 * 1024)
#define RN_PART_AGE_NS UINT64_C(1000000000)

/* A trace */
#define RN_TRACE_EVENTS_MAX 1000000u
#define RN_TRACE_IDLE_NS                                                                           \
    (UINT64_C(300) * 1000000000) /* serve: a trace closes this long after its last exchange */

/* Joining calls to inbound requests: what is beyond these decides nothing */
#define RN_JOIN_BODY_BYTES_MAX ((size_t)1024 * 1024) /* of a body that is looked at */
#define RN_JOIN_TOKENS_MAX 65536u                    /* values known at once */
#define RN_JOIN_TOKEN_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define RN_JOIN_ANSWERED_MAX 256u /* inbound requests whose values stay known */
#define RN_JOIN_IDS_MAX 16384u    /* minted ids; a power of two */
#define RN_JOIN_COMPARED_MAX 100000u /* values compared in full for one call */
#define RN_JOIN_LEFT_NS                                                                            \
    (UINT64_C(60) * 1000000000) /* an inbound request whose client left counts as in flight */

/* Reading back and matching */
#define RN_DRIVE_WAIT_NS (UINT64_C(60) * 1000000000) /* --drive: for the application that we started to listen */
#define RN_DECODED_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define RN_DECODED_RATIO_MAX 1000u
#define RN_KEPT_ANSWERS_BYTES_MAX                                                                  \
    ((size_t)256 * 1024 * 1024) /* a replay keeps so much at hand; the rest is read when asked for */
#define RN_HOLD_PATIENCE_NS (UINT64_C(10) * 1000000000) /* of a hold; or three times the recorded gap */
#define RN_HOLD_QUIET_NS (UINT64_C(250) * 1000000) /* before a stream goes on at the peak (or three times the recorded gap), and before an answer counts as unread */
#define RN_JSON_DEPTH_MAX 256u

/* The gateway */
#define RN_CONNECTIONS_MAX 9000u
#define RN_OUT_HIGH_BYTES ((size_t)256 * 1024) /* stop reading upstream above this */
#define RN_OUT_LOW_BYTES ((size_t)64 * 1024)   /* go on below this */
#define RN_READ_AHEAD_BYTES_MAX ((size_t)64 * 1024) /* pipelined behind an open exchange; then we stop reading */
#define RN_LINGER_NS (UINT64_C(2) * 1000000000) /* after a refusal: how long what still comes is read */
#define RN_LINGER_BYTES_MAX ((uint64_t)64 * 1024 * 1024)
#define RN_ACCEPT_PAUSE_NS (UINT64_C(100) * 1000000) /* when descriptors ran out */
#define RN_TRANSFERS_PER_SHARD 64u             /* http.md 3.4 */
#define RN_CONNECT_TIMEOUT_MS 10000L
#define RN_IDLE_TIMEOUT_MS 600000L
/*
 * Kept connections to upstreams that were idle for longer (in whole seconds, rounded down) are not used again. Who closes an idle
 * connection just when a POST arrives on it leaves nothing to do but a 502, since nobody knows whether the POST was taken.
 * Servers of models close after 5 s (node, uvicorn) to 75 s (nginx), and fewer than that are never met in that moment.
 */
#define RN_KEPT_IDLE_S 3L
#define RN_CHECK_GRACE_NS (UINT64_C(5) * 1000000000) /* baseline check: from a signal or the end of time to SIGTERM, to SIGKILL */
#define RN_STDIN_FILE_BYTES_MAX                                                                   \
    ((size_t)64 * 1024 * 1024) /* a file on stdin up to this is kept whole; of a longer one what was read */
#define RN_TERMINAL_ENDS_MAX 200u /* ends of file read from a terminal nobody types at; then it hangs up */
#define RN_TERMINAL_KEY_ENDS_MAX 20u /* of these, read by who reads single keys: to it an end is a key like others */
#define RN_EXTRA_OUTPUT_BYTES_MAX                                                                 \
    ((size_t)1024 * 1024) /* of what COMMAND prints on replay beyond what it printed then, so much is kept */
#define RN_TERMINAL_BYTES_MAX                                                                      \
    ((size_t)1024 * 1024) /* what a terminal may hold that was written and not read yet */
#define RN_COMMAND_GRACE_MS 1000 /* from SIGTERM to SIGKILL for a command we have to end ourselves */

/* The way to the disk */
#define RN_END_WAIT_NS (UINT64_C(60) * 1000000000)  /* at the end: how long the disk may take nothing before what is left is given up */
#define RN_END_NOTICE_NS (UINT64_C(2) * 1000000000) /* and when it is said that it is waited for; from then on a signal gives up */
#define RN_WRITER_BYTES_MAX ((size_t)256 * 1024 * 1024) /* handed over and not yet committed */
#define RN_COMMIT_BYTES_MAX ((size_t)1024 * 1024)       /* prepared bytes in one transaction */
#define RN_COMMIT_EVENTS_MAX 256u

#define RN_LATE_AFTER_NS                                                                           \
    (UINT64_C(250) * 1000000) /* a held end goes out without its commit after this (--late-after) */
#define RN_INTENT_WAIT_NS (UINT64_C(10) * 1000000000) /* --durability=strict: then the answer is 503 */

/* `record --each` and what runs several commands at once */
#define RN_EACH_LINE_BYTES_MAX ((size_t)64 * 1024) /* half of what Linux takes for one argument */
#define RN_EACH_FILE_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define RN_JOBS_MAX 64u

/* The store: its map (less where the address space is limited) and the disk it leaves free */
#define RN_MAP_BYTES_MAX (UINT64_C(1) << 40)
#define RN_MAP_BYTES_MIN (UINT64_C(64) * 1024 * 1024)
#define RN_DISK_FREE_BYTES_MIN (UINT64_C(8) * 1024 * 1024)

/* Redaction */
#define RN_CREDENTIAL_BYTES_MIN 12u /* shorter values are not looked for in bodies */
#define RN_CREDENTIAL_BYTES_MAX 4096u
#define RN_CREDENTIALS_MAX 1024u

#define RN_RECEIPT_BYTES_MAX ((size_t)16 * 1024 * 1024)

#endif
