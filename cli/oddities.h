/*
 * What did not go the plain way while recording, for the last line of `record` and `serve`.
 */
#ifndef RN_CLI_ODDITIES_H
#define RN_CLI_ODDITIES_H

#include "base/buffer.h"
#include "recorder/record.h"

/* Appends ", 3 left by the client, 1 malformed", and nothing where nothing was odd. */
enum rn_status rn_oddities_add(struct rn_buffer *out, const struct rn_record_outcome *outcome);

#endif
