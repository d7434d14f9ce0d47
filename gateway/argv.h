/*
 * COMMAND's words with places filled in: "{input}" of `record --each` and `baseline check`, "{trace}" of the latter.
 *
 * What is filled in stays inside its word whatever it holds: no shell ever sees it. Pure.
 */
#ifndef RN_GATEWAY_ARGV_H
#define RN_GATEWAY_ARGV_H

#include <stdbool.h>

#include "base/arena.h"

/* A place and what stands there. */
struct rn_argv_place {
    const char *mark;  /* "{input}" */
    const char *value; /* NULL: this place is left as it is */
};

/* Whether `mark` occurs in any word. */
bool rn_argv_has(char *const *argv, const char *mark);
/*
 * A copy of `argv` with every place filled in, wherever in a word it stands and however often; what was filled in is not looked at
 * again. Lives in `arena`; NULL when memory ran out.
 */
char **rn_argv_fill(struct rn_arena *arena, char *const *argv, const struct rn_argv_place *places,
                    size_t count);

#endif
