/*
 * SELECTION on a command line: one table of options for every command that takes one, and what they amount to.
 */
#ifndef RN_CLI_SELECTION_H
#define RN_CLI_SELECTION_H

#include "options.h"
#include "store/select.h"

/* The options, for RN_SELECTION_OPTIONS; what was given is kept here until rn_selection_read. */
extern const struct rn_option rn_selection_options[];

/* A line for the option table of a command. Options of the command's own with the same name come first. */
#define RN_SELECTION_OPTIONS                                                                       \
    {                                                                                              \
        "SELECTION", RN_OPTION_MORE, (void *)(uintptr_t)rn_selection_options, NULL,                \
            "which traces: see `reenact help selection`"                                           \
    }

/* The page of `reenact help selection`. */
enum rn_status rn_selection_describe(struct rn_buffer *out);

/*
 * What the options and `traces` (TRACE words, NULL-terminated, borrowed) select. RN_INVALID with a sentence. *text gets the
 * selection as a person would type it, for plans and manifests.
 */
enum rn_status rn_selection_read(char *const *traces, struct rn_selection *out,
                                 struct rn_buffer *text, struct rn_error *error);
/* For commands whose own --upstream takes servers as well: the upstream that is selected. */
void rn_selection_set_upstream(const char *name);
/* Whether any option or TRACE was given. */
bool rn_selection_is_given(char *const *traces);

#endif
