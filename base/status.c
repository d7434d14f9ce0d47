/* Statuses and their sentences. Knows nothing of where they go. */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>

enum rn_status rn_fail(struct rn_error *error, enum rn_status status, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        (void)vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return status;
}

const char *rn_status_name(enum rn_status status)
{
    switch (status) {
    case RN_OK:
        return "ok";
    case RN_NOMEM:
        return "out of memory";
    case RN_IO:
        return "i/o error";
    case RN_INVALID:
        return "invalid";
    case RN_LIMIT:
        return "over a limit";
    case RN_NOTFOUND:
        return "not found";
    case RN_AMBIGUOUS:
        return "ambiguous";
    case RN_DAMAGED:
        return "damaged";
    case RN_REFUSED:
        return "refused";
    case RN_BUSY:
        return "busy";
    case RN_FULL:
        return "full";
    case RN_NEWER:
        return "newer";
    }
    return "unknown status";
}
