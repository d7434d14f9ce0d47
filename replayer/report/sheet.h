/*
 * A document of markup under way: what we wrote goes in as it is, what was recorded goes in escaped.
 * Private to replayer/.
 *
 * The first trouble stays in `status`, and what follows does nothing: whoever writes looks once, at the
 * end.
 */
#ifndef RN_REPLAYER_SHEET_H
#define RN_REPLAYER_SHEET_H

#include "base/buffer.h"

struct rn_sheet {
    struct rn_buffer *out; /* lent */
    enum rn_status status; /* RN_OK to begin with */
};

/* Markup of our own. */
void rn_sheet_put(struct rn_sheet *sheet, const char *markup);
/* The same with numbers in it. Text of others never goes this way. */
void rn_sheet_putf(struct rn_sheet *sheet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Text, escaped (markup.h). */
void rn_sheet_text(struct rn_sheet *sheet, const char *text);
void rn_sheet_bytes(struct rn_sheet *sheet, struct rn_bytes text);

#endif
