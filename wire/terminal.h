/*
 * Where does a streamed answer end, as far as bytes alone can tell? The recorder holds that last unit back until the
 * event is durable (DESIGN 5.4), so that a client never sees a complete answer that was not kept.
 *
 * SSE (text/event-stream): an event whose data is `[DONE]`; whose name or JSON "type" is message_stop,
 * response.completed, response.incomplete, response.failed or message-end. NDJSON (application/x-ndjson,
 * application/jsonl and kin): a line with "done":true at the top level. Everything else has no terminal unit.
 *
 * Keeps a few bytes per stream, whatever its events weigh. Keys and values written with escapes are not recognized; of
 * two equal keys the first counts.
 */
#ifndef RN_WIRE_TERMINAL_H
#define RN_WIRE_TERMINAL_H

#include "base/bytes.h"
#include "base/status.h"

struct rn_terminal;

/*
 * NULL when the media type has no terminal units (or memory ran out: then nothing is held early, only the framing). The
 * functions below accept it and see nothing.
 */
struct rn_terminal *rn_terminal_new(struct rn_bytes content_type);
void rn_terminal_free(struct rn_terminal *terminal);

/*
 * Feeds the next piece of the decoded stream. Returns the offset in `piece` at which the terminal unit begins, 0 when it
 * began in an earlier piece (those bytes are out already), or RN_NPOS when this piece completes no terminal unit. An
 * unfinished last line or event at the end of `piece` is not terminal: only a complete unit counts. Of several in one
 * piece the first is told. An SSE event closed by a CR is complete with it, whether an LF follows or not.
 */
size_t rn_terminal_feed(struct rn_terminal *terminal, struct rn_bytes piece);
/* Whether a terminal unit has been seen. */
bool rn_terminal_seen(const struct rn_terminal *terminal);

#endif
