/*
 * The write door: what a recorder submits goes in, what may be stored comes out. Private to store/.
 *
 * Every byte of an event passes here before it is hashed or framed, and a tag this file does not know does not pass at all.
 * Credentials are replaced by placeholders of the same length (wire/redact.h), and each replaced span is named in
 * RN_TAG_REDACTIONS; within one tag the offsets rise. A body in a content coding cannot be changed in place: it is decoded
 * and looked at as a whole, and when it holds a credential (or cannot be looked at) it is withheld.
 *
 * A door knows the credentials of one session. A passage is one event on its way through, from its first piece to its last.
 * Threads: rn_door_learn and rn_door_share may be called beside the thread that passes events.
 */
#ifndef RN_STORE_DOOR_H
#define RN_STORE_DOOR_H

#include "store/event.h"

struct rn_door;
struct rn_passage;

/* With one holder. `fingerprint_key` is copied and may be empty: then fingerprints are zero. NULL when memory ran out. */
struct rn_door *rn_door_new(struct rn_bytes fingerprint_key);
/* One more holder of the same door. */
struct rn_door *rn_door_share(struct rn_door *door);
/* One holder less; the last one frees it. NULL is fine. */
void rn_door_leave(struct rn_door *door);
/* As rn_redactor_learn. */
enum rn_status rn_door_learn(struct rn_door *door, struct rn_bytes value);

/* NULL when memory ran out. */
struct rn_passage *rn_passage_begin(void);
void rn_passage_free(struct rn_passage *passage);

/*
 * The next piece of an event. `clean` gets what may be stored now: its bytes are lent from `piece`, from `arena` and from the
 * passage, until the first of them ends. Streams (response body, stdin, stdout, stderr) may come in any number of pieces;
 * what is not yet settled is kept in the passage and follows with a later piece, at last with `is_last`. Flags are gathered
 * and come out with the last piece. Lists may go on in a later piece; every other field comes whole, once.
 *
 * A piece that holds upstream, method and target gets the match key, unless its request was truncated or withheld.
 * RN_INVALID: an unknown tag, a list that breaks its layout, a field that came before; RN_NOMEM. The passage is then of no
 * further use.
 */
enum rn_status rn_door_pass(struct rn_door *door, struct rn_passage *passage,
                            const struct rn_event *piece, bool is_last, struct rn_arena *arena,
                            struct rn_event *clean);

/* A lone text, such as a trace's name: a copy in the arena without credentials. data is NULL when memory ran out. */
struct rn_bytes rn_door_text(struct rn_door *door, struct rn_bytes text, struct rn_arena *arena);

#endif
