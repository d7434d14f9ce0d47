/*
 * Words for a shell: what we print for people to type must mean the same when they do.
 */
#ifndef RN_CLI_SHELL_H
#define RN_CLI_SHELL_H

#include "base/buffer.h"
#include "base/bytes.h"

/*
 * Appends `word` as one word of a POSIX shell: bare where it needs no quotes, in '...' otherwise, and in $'...' (bash, zsh, ksh,
 * POSIX 2024) where it holds controls or bytes that are no UTF-8, so that nothing of it can steer a terminal. NUL cannot
 * stand in a word: RN_INVALID.
 */
enum rn_status rn_shell_word(struct rn_buffer *out, struct rn_bytes word);

/* Words with blanks between them; `argv` ends with NULL. */
enum rn_status rn_shell_words(struct rn_buffer *out, char *const *argv);

/* Whether it may be a variable's name: [A-Za-z_][A-Za-z0-9_]*. */
bool rn_shell_is_name(struct rn_bytes name);

#endif
