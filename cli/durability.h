/*
 * What record and serve are told about the disk: --durability and --late-after.
 */
#ifndef RN_CLI_DURABILITY_H
#define RN_CLI_DURABILITY_H

#include "options.h"
#include "recorder/record.h"

struct rn_durability_words {
    uint32_t mode; /* in the order of enum rn_durability */
    const char *late_after;
};

/* The two lines of an option table. */
#define RN_DURABILITY_OPTIONS(words)                                                               \
    {"--durability", RN_OPTION_CHOICE, &(words).mode, "sync|async|strict",                         \
     "what waits for a commit"},                   \
    {                                                                                              \
        "--late-after", RN_OPTION_TEXT, &(words).late_after, "MS|never",                           \
            "an end waits no longer (250)"                                \
    }

/* Fills durability and late_after_ns. RN_INVALID with a sentence. */
enum rn_status rn_durability_read(const struct rn_durability_words *words,
                                  struct rn_record_settings *settings, struct rn_error *error);

#endif
