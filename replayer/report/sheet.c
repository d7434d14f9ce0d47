/* Four ways into one buffer. */
#include "sheet.h"

#include <stdarg.h>
#include <stdio.h>

#include "markup.h"

#define PIECE_BYTES_MAX 512

void rn_sheet_put(struct rn_sheet *sheet, const char *markup)
{
    if (sheet->status == RN_OK) {
        sheet->status = rn_buffer_add(sheet->out, rn_bytes_text(markup));
    }
}

void rn_sheet_putf(struct rn_sheet *sheet, const char *format, ...)
{
    char text[PIECE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof text) {
        sheet->status = sheet->status == RN_OK ? RN_LIMIT : sheet->status;
        return;
    }
    rn_sheet_put(sheet, text);
}

void rn_sheet_text(struct rn_sheet *sheet, const char *text)
{
    rn_sheet_bytes(sheet, rn_bytes_text(text));
}

void rn_sheet_bytes(struct rn_sheet *sheet, struct rn_bytes text)
{
    if (sheet->status == RN_OK) {
        sheet->status = rn_markup_text(sheet->out, text);
    }
}
