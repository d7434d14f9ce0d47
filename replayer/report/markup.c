/* One pass over the text: what is plain goes out in runs, the rest one character at a time. */
#include "markup.h"

#include <stdio.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define REFERENCE_BYTES 16

/* What stands for the character, in `space` where it is made; NULL: itself. */
static const char *reference_of(uint32_t point, char space[REFERENCE_BYTES])
{
    switch (point) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;"; /* HTML 4 did not know &apos; */
    case '\r':
        return "&#13;";
    case '\t':
    case '\n':
        return NULL;
    default:
        if (point >= 0x7f && rn_utf8_steers(point)) {
            (void)snprintf(space, REFERENCE_BYTES, "\\u%04x", (unsigned)point);
            return space;
        }
        return point < 0x20 || point == 0xfffe || point == 0xffff ? REPLACEMENT : NULL;
    }
}

enum rn_status rn_markup_text(struct rn_buffer *out, struct rn_bytes text)
{
    enum rn_status status = RN_OK;
    size_t plain = 0; /* where the run of plain text began */
    for (size_t at = 0; status == RN_OK && at < text.len;) {
        uint32_t point = 0;
        char space[REFERENCE_BYTES];
        size_t len = rn_utf8_take(text, at, &point);
        const char *instead = len == 0 ? REPLACEMENT : reference_of(point, space);
        if (instead != NULL) {
            status = rn_buffer_add(out, rn_bytes_sub(text, plain, at - plain));
            if (status == RN_OK) {
                status = rn_buffer_add(out, rn_bytes_text(instead));
            }
            plain = at + (len == 0 ? 1 : len);
        }
        at += len == 0 ? 1 : len;
    }
    return status == RN_OK ? rn_buffer_add(out, rn_bytes_from(text, plain)) : status;
}
