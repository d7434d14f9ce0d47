/* Facts are brought up before they are asked for: with a line of progress, because the first time may be long. */
#ifndef RN_CLI_BRING_UP_H
#define RN_CLI_BRING_UP_H

#include "store/facts.h"

/*
 * What rn_facts_bring_up gives; the line is gone afterwards. With `again` all facts are made anew. Else RN_OK also where the store takes
 * none (its disk is full), with a remark: events are then read instead (rn_facts_ready).
 */
enum rn_status rn_cli_bring_up(struct rn_store *store, bool again, struct rn_error *error);

#endif
