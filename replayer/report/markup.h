/*
 * Recorded text inside XML and HTML: nothing in it may become markup, and the document stays well-formed
 * whatever was recorded.
 */
#ifndef RN_REPLAYER_MARKUP_H
#define RN_REPLAYER_MARKUP_H

#include "base/buffer.h"

/*
 * Appends `text` as character data, fit for an element's content and for an attribute between quotes of
 * either kind: & < > " ' become references, and a carriage return does, which XML would change. Bytes
 * that are no UTF-8 and characters that XML 1.0 forbids even as a reference (2.2: controls but TAB, LF
 * and CR, U+FFFE, U+FFFF) become U+FFFD, one for each; others that steer whoever shows them (rn_utf8_steers) are written out, as in
 * "\u202e". RN_NOMEM; RN_LIMIT of `out`.
 */
enum rn_status rn_markup_text(struct rn_buffer *out, struct rn_bytes text);

#endif
