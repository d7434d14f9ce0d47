/*
 * How long to wait before a call is sent again. Pure. Private to replayer/.
 *
 * Source: what the SDKs of OpenAI and Anthropic do (`retry-after-ms`, `retry-after` in seconds or as a date, else half a second,
 * doubled for each attempt, with jitter), with a longer patience.
 */
#ifndef RN_REPLAYER_BACKOFF_H
#define RN_REPLAYER_BACKOFF_H

#include "wire/http.h"

/* No answer may make us wait longer than this; then we ask again. */
#define RN_BACKOFF_ASKED_NS_MAX UINT64_C(600000000000)

/* After attempt number `attempt` (1, 2, ...): between half and all of 0.5 s, 1 s, 2 s, ... 30 s, as `chance` says. */
uint64_t rn_backoff_ns(unsigned attempt, uint64_t chance);

/*
 * What an answer asks for: `retry-after-ms`, `retry-after`, or, of a 429 without them, the longest `x-ratelimit-reset-requests`
 * or `-tokens` whose `-remaining-` is 0. False when it asks for nothing we understand.
 */
bool rn_backoff_asked(const struct rn_http_head *head, uint64_t wall_ns, uint64_t *wait_ns);
/* Whether that is meant for everybody who asks this upstream: 429, 503, 529. */
bool rn_backoff_is_for_all(unsigned status);

#endif
