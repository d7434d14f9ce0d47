/*
 * What record and serve are told about the disk: --durability, --late-after and --end-wait, and what they tell.
 */
#ifndef RN_CLI_DURABILITY_H
#define RN_CLI_DURABILITY_H

#include "options.h"
#include "recorder/record.h"

struct rn_durability_words {
    uint32_t mode; /* in the order of enum rn_durability */
    const char *late_after;
    uint64_t end_wait_s; /* 0: not given */
};

/* The lines of an option table. */
#define RN_DURABILITY_OPTIONS(words)                                                               \
    {"--durability", RN_OPTION_CHOICE, &(words).mode, "sync|async|strict",                         \
     "what waits for a commit"},                                                                   \
        {"--late-after", RN_OPTION_TEXT, &(words).late_after, "MS|never",                          \
         "an end waits no longer (250)"},                                                          \
    {                                                                                              \
        "--end-wait", RN_OPTION_COUNT, &(words).end_wait_s, "SECONDS",                             \
            "at the end, the longest wait for the disk (60)"                                    \
    }

/* Fills durability, late_after_ns and end_wait_ns. RN_INVALID with a sentence. */
enum rn_status rn_durability_read(const struct rn_durability_words *words,
                                  struct rn_record_settings *settings, struct rn_error *error);

/* On stderr: that `command` waits for the disk at its end, what for, and how to be rid of that. */
void rn_durability_tell_waiting(const char *command, struct rn_unstored left, uint64_t at_most_ns);
/* The way out with `code`: where the recording was given up, a thread still works for it, and must not be run into. */
int rn_durability_leave(const struct rn_record_outcome *outcome, int code);

#endif
