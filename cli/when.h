/*
 * Moments as people say them: "7d", "tue", "yesterday", "2026-11-17", "2026-11-17T14:03Z".
 */
#ifndef RN_CLI_WHEN_H
#define RN_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/*
 * Wall nanoseconds of `text`, seen from `now_wall_ns` in the local time zone. A number with s, min, h, d or w is so long ago; a
 * weekday (mon, tuesday, ...) is the beginning of the last such day, today included; today and yesterday begin at midnight;
 * a date may be followed by T or a blank and HH:MM[:SS], and that by Z or an offset; HH:MM alone is today. RN_INVALID with a
 * sentence that shows the forms.
 */
enum rn_status rn_when_parse(const char *text, uint64_t now_wall_ns, uint64_t *wall_ns,
                             struct rn_error *error);

#endif
