/*
 * Recorded text as it may be shown to a human: nothing in it may steer a terminal.
 *
 * C0 and C1 controls, DEL and the characters that turn the direction of writing appear as \xNN or \uNNNN, bytes that are no
 * UTF-8 as \xNN. Everything else passes. It is for reading: a backslash stands for itself, so the bytes cannot be had back.
 */
#ifndef RN_CLI_PRINTABLE_H
#define RN_CLI_PRINTABLE_H

#include "base/buffer.h"
#include "base/bytes.h"

enum rn_printable_mode {
    RN_PRINTABLE_LINE, /* line ends and tabs become one space, with the blanks around them */
    RN_PRINTABLE_TEXT  /* LF and TAB pass; CR before LF is dropped */
};

/* Appends the printable form of `text`. RN_NOMEM, RN_LIMIT of `out`. */
enum rn_status rn_printable(struct rn_buffer *out, struct rn_bytes text,
                            enum rn_printable_mode mode);

/*
 * Appends the line form, shortened to `columns` with "..." at its end (as one character) where it is longer. At least one column.
 * Looks at no more of `text` than it needs.
 */
enum rn_status rn_printable_short(struct rn_buffer *out, struct rn_bytes text, size_t columns);

/* How many columns a terminal gives to UTF-8 text: 0 for combining marks, 2 for wide characters. Independent of locale. */
size_t rn_printable_width(struct rn_bytes text);

/* Whether all of it is UTF-8 (RFC 3629). */
bool rn_printable_is_utf8(struct rn_bytes text);

/* Whether it can be shown without a single escape in text mode. */
bool rn_printable_is_plain(struct rn_bytes text);

#endif
